"""The generator of section 02 against scikit-learn's principal components and its own samples."""

import pytest
import torch
from sklearn.decomposition import PCA

from cv_course import data
from cv_course.models.generator import ClassGaussians


@pytest.fixture(scope="module")
def some():
    return data.fashion_mnist().train[:600]


@pytest.fixture(scope="module")
def generator(some):
    return ClassGaussians.fit(some.images, some.labels, k=5)


@pytest.mark.parametrize("label", [0, 8])
def test_directions_are_principal_components_as_long_as_the_spread(some, generator, label):
    members = some.images[some.labels == label].flatten(1).numpy() / 255
    theirs = PCA(5, svd_solver="full").fit(members)
    mean, directions = (part[label].flatten(-3) for part in (generator.means, generator.directions))
    torch.testing.assert_close(mean, torch.from_numpy(theirs.mean_).float(), atol=1e-5, rtol=0)
    spread = torch.from_numpy(theirs.explained_variance_).sqrt().float()
    torch.testing.assert_close(directions.norm(dim=1), spread, atol=1e-4, rtol=1e-4)
    alike = (directions / spread[:, None]) @ torch.from_numpy(theirs.components_).T.float()
    torch.testing.assert_close(alike.abs(), torch.eye(5), atol=1e-3, rtol=0)
    assert (directions.sum(1) >= 0).all()  # more of it is brighter


def test_zeros_give_the_mean_and_one_goes_one_standard_deviation(generator):
    labels = torch.tensor([3, 7])
    torch.testing.assert_close(generator.decode(labels, torch.zeros(2, 5)), generator.means[labels])
    one = generator.decode(labels, torch.tensor([[1.0], [1.0]]))  # the others count as 0
    expected = (generator.means[labels] + generator.directions[labels, 0]).clamp(0, 1)
    torch.testing.assert_close(one, expected)


def test_samples_have_the_moments_of_the_class():
    lot = torch.Generator().manual_seed(0)
    spread = torch.diag(torch.tensor([0.1, 0.02]))
    x = (0.5 + torch.randn(4000, 2, generator=lot) @ spread).view(-1, 1, 1, 2)
    labels = torch.zeros(4000, dtype=torch.int64)
    drawn = ClassGaussians.fit(x, labels, 2).sample(labels, lot).flatten(1)
    torch.testing.assert_close(drawn.mean(0), x.flatten(1).mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), x.flatten(1).T.cov(), atol=5e-4, rtol=0)


def test_samples_repeat_with_the_seed_stay_in_range_and_can_vary_less(generator):
    labels = torch.arange(10).repeat(20)
    first, second = (
        generator.sample(labels, torch.Generator().manual_seed(seed)) for seed in (1, 1)
    )
    assert torch.equal(first, second)
    assert first.shape == (200, 1, 28, 28)
    assert first.min() >= 0
    assert first.max() <= 1
    still = generator.sample(labels, torch.Generator().manual_seed(1), k=0)
    assert torch.equal(still, generator.means[labels])


def test_what_makes_no_sense_is_refused(some, generator):
    with pytest.raises(ValueError, match="from 0 to 784"):
        ClassGaussians.fit(some.images, some.labels, 785)
    with pytest.raises(ValueError, match="2 images or more"):
        ClassGaussians.fit(some.images[:3], torch.tensor([0, 0, 2]), 1)
    with pytest.raises(ValueError, match=r"\(1, up to 5\)"):
        generator.decode(torch.tensor([0]), torch.zeros(1, 6))
    with pytest.raises(ValueError, match=r"\(2, up to 5\)"):
        generator.decode(torch.tensor([0, 1]), torch.zeros(1, 5))
