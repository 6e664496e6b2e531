"""Features by hand against scikit-image and slow references, and the simple model on top."""

import numpy as np
import pytest
import torch
from skimage.feature import hog as hog_of_one
from sklearn.linear_model import LogisticRegression
from torch import nn

from cv_course import data, features
from cv_course.features import NORMS
from cv_course.sections.s02_features.model import accuracy, fit_linear


@pytest.fixture(scope="module")
def images():
    return data.fashion_mnist().train.images[:60]


@pytest.fixture
def bytes_():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (5, 1, 21, 30), dtype=torch.uint8, generator=generator)


def skimage_hog(images, cell=4, bins=9, block=2, norm="L2-Hys"):
    """The same image by image; it knows no signed angles and no "none"."""
    rows = [
        hog_of_one(image.double().numpy(), bins, (cell, cell), (block, block), block_norm=norm)
        for image in images[:, 0]
    ]
    return torch.from_numpy(np.stack(rows)).float()


# --- HOG -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bins": 8},  # a border at 45 degrees, which bytes hit exactly
        {"bins": 12, "cell": 7, "block": 1, "norm": "L2"},
        {"bins": 4, "cell": 7, "block": 1, "norm": "L1"},
        {"bins": 1, "cell": 3, "block": 4, "norm": "L1"},
        {"bins": 4, "cell": 5},  # 28 is no multiple of 5
    ],
)
def test_hog_is_that_of_scikit_image(images, bytes_, options):
    for some in (images, bytes_):
        ours, theirs = features.hog(some, **options), skimage_hog(some, **options)
        assert ours.shape == theirs.shape
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
        assert theirs.std() > 0.01


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("bins", [8, 9])
def test_floats_and_bytes_of_one_image_have_the_same_features(images, norm, bins):
    options = {"norm": norm, "bins": bins, "signed": True}
    as_bytes, as_floats = (features.hog(one, **options) for one in (images, images / 255))
    assert torch.equal(as_bytes, as_floats)


def test_hog_works_in_parts_of_any_number_of_images(images):
    many = images.repeat(9, 1, 1, 1)
    assert torch.equal(features.hog(many), features.hog(images).repeat(9, 1))


@pytest.mark.parametrize(("cell", "bins"), [(4, 9), (7, 4), (10, 1)])
def test_cell_histograms_share_out_all_gradients_and_are_signed_ones_folded(bytes_, cell, bins):
    length, angle = features.gradients(bytes_)
    ours = features.cell_histograms(length, angle, cell, bins, False)
    used = length[:, : 21 // cell * cell, : 30 // cell * cell]
    assert ours.sum() * cell**2 == pytest.approx(used.sum())
    signed = features.cell_histograms(length, angle, cell, 2 * bins, True)
    np.testing.assert_allclose(signed[..., :bins] + signed[..., bins:], ours, atol=1e-9)


def ramp(dx, dy):
    y, x = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    return (100 + dx * x + dy * y).to(torch.uint8)[None, None]


@pytest.mark.parametrize(
    ("dx", "dy", "angle"), [(3, 0, 0), (0, 3, 90), (-3, 0, 180), (0, -3, 270), (2, 2, 45)]
)
def test_the_angle_points_to_the_brighter_side(dx, dy, angle):
    length, angles = features.gradients(ramp(dx, dy))
    inside = (0, slice(1, -1), slice(1, -1))
    assert angles[inside].unique().tolist() == [angle]
    torch.testing.assert_close(length[inside], torch.full((6, 6), 2 * np.hypot(dx, dy)).double())
    assert length[0, 0, 0] == 0  # the corner has no neighbours on both sides


def test_normalised_features_do_not_see_the_light_and_others_do(images):
    even = images // 2 * 2
    for norm in NORMS:
        change = (features.hog(even // 2, norm=norm) - features.hog(even, norm=norm)).abs().max()
        assert change > 1 if norm == "none" else change < 1e-4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: features.hog(x[0]), "image\\[None\\]"),
        (lambda x: features.hog(x.expand(-1, 3, -1, -1)), "colour"),
        (lambda x: features.hog(x, bins=0), "bins must be"),
        (lambda x: features.hog(x, cell=0), "cell must be"),
        (lambda x: features.hog(x, cell=29), "29 pixels is larger"),
        (lambda x: features.hog(x, cell=14, block=3), "here from 1 to 2"),
        (lambda x: features.hog(x, norm="L3"), "none, L1, L2, L2-Hys"),
    ],
)
def test_what_makes_no_sense_is_refused(images, call, words):
    with pytest.raises(ValueError, match=words):
        call(images[:2])


# --- the simple model ----------------------------------------------------------------------------


def test_fit_linear_finds_what_scikit_learn_finds(images):
    x, labels = features.hog(images), torch.arange(60) % 10
    layer = fit_linear(x, labels, decay=0.03, steps=500)
    scaled = ((x - x.mean(0)) / x.std()).double()
    # its penalty is |W|² / 2 for a *sum* of losses times C
    theirs = LogisticRegression(C=1 / (0.03 * 60), tol=1e-8, max_iter=2000).fit(scaled, labels)
    expected = torch.from_numpy(theirs.predict_log_proba(scaled)).float()
    # logarithms down to -10; twice the penalty would move them by 0.7
    torch.testing.assert_close(layer(x).log_softmax(1), expected, atol=0.2, rtol=0)


def test_fit_linear_does_not_care_about_unit_and_origin(images):
    x, labels = images.flatten(1).float(), torch.arange(60) % 3
    scores = fit_linear(x, labels, 3)(x)
    other = x / 255 - 0.3
    again = fit_linear(other, labels, 3)(other)
    torch.testing.assert_close(again, scores, atol=2e-2, rtol=1e-2)


def test_fit_linear_of_features_that_are_all_equal():
    layer = fit_linear(torch.full((4, 3), 7), torch.tensor([0, 1, 1, 1]), classes=2)
    assert layer.weight.isfinite().all()
    assert accuracy(layer, torch.full((4, 3), 7), torch.tensor([0, 1, 1, 1])) == 0.75


@pytest.mark.parametrize(
    ("shape", "labels", "words"),
    [
        ((4, 1, 2, 2), [0, 1, 0, 1], "flatten\\(1\\)"),
        ((4, 2), [0, 1, 0], "expected features"),
        ((0, 2), [], "expected features"),
        ((2, 2), [0, 10], "0…9, found 0…10"),
        ((2, 2), [-1, 1], "found -1…1"),
    ],
)
def test_fit_linear_refuses_what_does_not_fit(shape, labels, words):
    with pytest.raises(ValueError, match=words):
        fit_linear(torch.zeros(shape), torch.tensor(labels, dtype=torch.int64))


def test_accuracy_counts_right_answers():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.eye(2)
    x = torch.tensor([[2, 1], [1, 2], [5, 0], [0, 1]])
    assert accuracy(layer, x, torch.tensor([0, 1, 1, 1])) == 0.75
