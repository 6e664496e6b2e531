"""The small networks, and the templates of section 04."""

import math

import numpy as np
import pytest
import torch

from cv_course import data, perturb
from cv_course.data import Dataset
from cv_course.models.s04_template import best_threshold, correlation, judge, read_template
from cv_course.networks.small import Linear, SmallConv

# --- one layer -----------------------------------------------------------------------------------


def test_a_score_is_the_inner_product_with_the_template_plus_the_bias():
    model, images = Linear((3, 4, 5), 7), torch.rand(2, 3, 4, 5)
    assert model.templates.shape == (7, 3, 4, 5)
    by_hand = torch.einsum("nchw,kchw->nk", images, model.templates) + model.layer.bias
    torch.testing.assert_close(model(images), by_hand)


# --- a template drawn by hand --------------------------------------------------------------------


def test_a_drawing_is_read_and_magnified():
    template = read_template("\n  +.-\n  ..+\n\n  -++\n", side=6)
    assert template.shape == (1, 6, 6)
    coarse = [[1, 0, -1], [0, 0, 1], [-1, 1, 1]]
    for y in range(6):
        for x in range(6):
            assert template[0, y, x] == coarse[y // 2][x // 2]
    assert read_template("\n".join(["+" * 7] * 7)).shape == (1, 28, 28)


@pytest.mark.parametrize(
    ("drawing", "side", "found"),
    [
        ("+x\n-o", 28, "found o, x"),
        ("+..\n-.", 28, r"lines of \[3, 2\] characters"),
        ("+..\n-..", 28, r"lines of \[3, 3\] characters"),
        ("+..\n-..\n...", 28, r"side divides 28.*\[3, 3, 3\]"),
        ("\n \n", 28, r"lines of \[\] characters"),
    ],
)
def test_what_is_no_drawing_is_refused_by_name(drawing, side, found):
    with pytest.raises(ValueError, match=found):
        read_template(drawing, side)


# --- telling two classes apart -------------------------------------------------------------------


def right(scores, positive, threshold) -> int:
    return int(((scores > threshold) == positive).sum())


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_does_better(seed):
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randint(-4, 5, (15,), generator=rng) / 2  # many are equal
    positive = torch.rand(15, generator=rng) < scores.sigmoid()
    values = scores.unique()
    tries = [values[0] - 1, *(values[1:] + values[:-1]) / 2, values[-1] + 1]
    best = best_threshold(scores, positive)
    assert best not in scores
    assert right(scores, positive, best) == max(right(scores, positive, t) for t in tries)


def test_the_threshold_lies_halfway_whatever_the_order():
    scores, positive = torch.tensor([5.0, 1, 2, 9]), torch.tensor([True, False, False, True])
    assert best_threshold(scores, positive) == 3.5


@pytest.mark.parametrize("scores", [[1.0, 2, 3], [2.0, 2, 2], [-7.0]])
@pytest.mark.parametrize("answer", [True, False])
def test_one_class_alone_is_all_right(scores, answer):
    scores = torch.tensor(scores)
    positive = torch.full((len(scores),), answer)
    threshold = best_threshold(scores, positive)
    assert math.isfinite(threshold)
    assert right(scores, positive, threshold) == len(scores)


def test_equal_scores_are_all_answered_as_the_majority():
    scores, positive = torch.full((5,), 3.0), torch.tensor([1, 0, 1, 0, 1]).bool()
    assert best_threshold(scores, positive) < 3 < best_threshold(scores, ~positive)


def test_a_judgement_counts_the_answers_to_the_test_images():
    whole = data.fashion_mnist()
    pair = Dataset(whole.train[:600], whole.test[:300], whole.classes).only("Coat", "Bag")
    template = torch.randn(1, 28, 28, generator=torch.Generator().manual_seed(1))
    found = judge(template, pair)
    known, asked = (
        torch.from_numpy(np.tensordot(split.images.numpy() / 255, template.double().numpy(), 3))
        for split in (pair.train, pair.test)
    )
    first, second = asked[pair.test.labels == 0], asked[pair.test.labels == 1]
    for ours, theirs in zip(found.scores, (first, second), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    hits = int((first > found.threshold).sum() + (second < found.threshold).sum())
    assert found.accuracy == pytest.approx(hits / len(asked))
    coats = pair.train.labels == 0  # the threshold was chosen on the training images
    best = max(right(known, coats, score - 1e-6) for score in known)
    assert right(known, coats, found.threshold) == best
    clear = pair.train.images[coats].float().mean(0) - pair.train.images[~coats].float().mean(0)
    assert judge(-clear, pair).accuracy < 0.7 < judge(clear, pair).accuracy  # the first, if large


def test_correlation_is_numpys_pair_by_pair():
    one, other = (
        torch.rand(4, 1, 6, 5, generator=torch.Generator().manual_seed(s)) for s in (1, 2)
    )
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    assert correlation(one, other).shape == (4,)
    np.testing.assert_allclose(correlation(one, other), expected, atol=1e-6)
    np.testing.assert_allclose(correlation(3 * one + 1, -one), [-1] * 4, atol=1e-6)


@pytest.mark.parametrize("level", [0, 0.1, 255])
def test_a_flat_picture_correlates_with_nothing(level):
    flat, noise = torch.full((1, 1, 28, 28), level), torch.rand(1, 1, 28, 28)
    for found in (correlation(flat, noise), correlation(noise, flat), correlation(flat, flat)):
        assert found.tolist() == [0]


# --- the small convolutional network -------------------------------------------------------------

KERNELS = 9 * (16 + 16 * 32 + 32 * 32)  # no biases


@pytest.mark.parametrize(
    ("head", "image_shape", "parameters"),
    [
        ("flatten", (1, 28, 28), KERNELS + 10 * (32 * 7 * 7 + 1)),
        ("max", (1, 28, 28), KERNELS + 10 * (32 + 1)),
        ("average", (1, 28, 28), KERNELS + 10 * (32 + 1)),
        ("flatten", (1, 36, 36), KERNELS + 10 * (32 * 9 * 9 + 1)),
        ("max", (1, 36, 36), KERNELS + 10 * (32 + 1)),
        ("average", (1, 36, 36), KERNELS + 10 * (32 + 1)),
        ("flatten", (3, 8, 20), KERNELS + 2 * 9 * 16 + 10 * (32 * 2 * 5 + 1)),
    ],
)
def test_size_and_shape(head, image_shape, parameters):
    model = SmallConv(head, image_shape)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model(torch.rand(3, *image_shape)).shape == (3, 10)
    assert SmallConv(head, image_shape, classes=4)(torch.rand(2, *image_shape)).shape == (2, 4)


def test_only_pooling_over_all_places_forgives_a_shift_and_only_by_the_stride():
    image = torch.zeros(1, 1, 48, 48)
    image[..., 16:30, 16:30] = torch.rand(14, 14, generator=torch.Generator().manual_seed(0))
    for head in ("max", "average", "flatten"):
        torch.manual_seed(0)
        model = SmallConv(head, (1, 48, 48))

        def change(dx, dy, model=model):
            return (model(perturb.shift(image, dx, dy)) - model(image)).abs().max().item()

        at_stride = [change(4, 0), change(0, -4), change(-4, 8)]
        if head == "flatten":
            assert min(at_stride) > 1e-3
        else:
            assert max(at_stride) < 1e-6
        assert min(change(2, 0), change(0, -2)) > 1e-4


def test_pooled_heads_keep_the_largest_or_the_mean_of_each_channel():
    images = torch.rand(2, 1, 12, 8)
    for head, pool in (("max", torch.amax), ("average", torch.mean)):
        model = SmallConv(head, (1, 12, 8))
        features = model.backbone(images)
        assert features.shape == (2, 32, 3, 2)
        torch.testing.assert_close(model(images), model.head[-1](pool(features, (2, 3))))


def test_what_it_cannot_be_built_for_is_named():
    with pytest.raises(ValueError, match="got 'mean'"):
        SmallConv("mean")
    for shape in ((1, 30, 28), (1, 28, 30)):
        with pytest.raises(ValueError, match=f"multiples of 4, got {shape[1]} x {shape[2]}"):
            SmallConv("max", shape)
