"""The exercises of section 02: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
from notebook_code import assert_helps, assert_named, assert_right, from_notebook

from cv_course import features
from cv_course.attribution import cover
from cv_course.checks import QUESTIONS

NOTEBOOK = "02_features_by_hand_or_learned"


def histogram_in_loops(across, down, bins):
    total = [0.0] * bins
    for x, y in zip(across.flat, down.flat, strict=True):
        degrees = np.degrees(np.arctan2(y, x))
        while degrees < 0:
            degrees += 180
        while degrees >= 180:
            degrees -= 180
        total[int(degrees // (180 / bins))] += (x**2 + y**2) ** 0.5 / across.size
    return total


def histogram_of_numpy(across, down, bins):
    angle = np.arctan2(down, across)
    angle = np.where(angle < 0, angle + np.pi, angle)
    angle[angle >= np.pi] -= np.pi
    lengths = np.sqrt(across**2.0 + down**2.0)
    return np.histogram(angle, bins, (0, np.pi), weights=lengths)[0] / lengths.size


def map_in_one_batch(score, image, size):
    H, W = (side - size + 1 for side in image.shape)
    batch = np.repeat(image[None], H * W, axis=0)
    for place in range(H * W):
        y, x = divmod(place, W)
        batch[place, y : y + size, x : x + size] = 0
    return (score(image[None]) - score(batch)).reshape(H, W)


def map_with_cover(score, image, size):
    H, W = (side - size + 1 for side in image.shape)
    batch = torch.tensor(image)[None, None]
    rows = [[score(cover(batch, y, x, size)[0].numpy())[0] for x in range(W)] for y in range(H)]
    return score(image[None])[0] - torch.tensor(rows)


def fused_in_torch(top, bottom, prior):
    top, bottom, prior = (torch.tensor(one) for one in (top, bottom, prior))
    top, bottom = (torch.where(view.isnan(), prior, view) for view in (top, bottom))
    return (top + bottom - prior).log_softmax(1)


def fused_row_by_row(top, bottom, prior):
    rows = []
    for one, other in zip(top, bottom, strict=True):
        scores = prior.copy()
        for view in (one, other):
            if not np.isnan(view).any():
                scores = scores + view - prior
        rows.append(scores - scores.max() - np.log(np.exp(scores - scores.max()).sum()))
    return rows


RIGHT = {
    "cell_histogram": [histogram_in_loops, histogram_of_numpy],
    "occlusion_map": [map_in_one_batch, map_with_cover],
    "fuse_views": [fused_in_torch, fused_row_by_row],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


def piling_up(score, image, size):
    covered, found = image.copy(), []
    for y in range(image.shape[0] - size + 1):
        for x in range(image.shape[1] - size + 1):
            covered[y : y + size, x : x + size] = 0
            found.append(score(image[None])[0] - score(covered[None])[0])
    return np.reshape(found, (image.shape[0] - size + 1, -1))


def covering_the_image_itself(score, image, size):
    found = map_in_one_batch(score, image, size)
    image[:size, :size] = 0
    return found


def without_a_prior(top, bottom, prior):
    scores = np.nan_to_num(top) + np.nan_to_num(bottom)
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def normalised_too_late(top, bottom, prior):
    given = [np.where(np.isnan(view), prior, view) for view in (top, bottom)]
    chances = np.exp(given[0] + given[1] - prior)
    return np.log(chances / chances.sum(1, keepdims=True))


WRONG = [
    (
        "cell_histogram",
        lambda a, d, bins: (
            np.bincount(
                (np.degrees(np.arctan2(d, a)) % 180 // (180 / bins)).astype(int).ravel(), None, bins
            )
            / a.size
        ),
        "pixels were counted",
    ),
    (
        "cell_histogram",
        lambda a, d, bins: np.asarray(histogram_in_loops(a, d, bins)) * a.size,
        "not divided by the number of pixels",
    ),
    (
        "cell_histogram",
        lambda a, d, bins: (
            np.histogram(
                np.degrees(np.arctan2(d, a)) % 360, bins, (0, 360), weights=np.hypot(a, d)
            )[0]
            / a.size
        ),
        "the whole circle",
    ),
    (
        "cell_histogram",
        lambda a, d, bins: (
            np.histogram(np.degrees(np.arctan2(d, a)), bins, (0, 180), weights=np.hypot(a, d))[0]
            / a.size
        ),
        "negative angles are lost",
    ),
    ("cell_histogram", lambda a, d, bins: histogram_of_numpy(d, a, bins), "changed places"),
    (
        "cell_histogram",
        lambda a, d, bins: histogram_of_numpy(a, abs(d), bins),
        "mirrors a direction",
    ),
    ("occlusion_map", lambda s, i, size: -map_in_one_batch(s, i, size), "the sign"),
    (
        "occlusion_map",
        lambda s, i, size: s(i[None])[0] - map_in_one_batch(s, i, size),
        "scores of the covered images",
    ),
    ("occlusion_map", piling_up, "pile up"),
    ("occlusion_map", covering_the_image_itself, "changed in place"),
    (
        "occlusion_map",
        lambda s, i, size: map_in_one_batch(s, i, size)[:-1, :-1],
        "the last place is missing",
    ),
    ("fuse_views", without_a_prior, "counted twice"),
    ("fuse_views", lambda t, b, p: t + b - p, "not normalised"),
    ("fuse_views", lambda t, b, p: fused_in_torch(t, b, p).exp(), "return their logarithms"),
    (
        "fuse_views",
        lambda t, b, p: np.log(0.5 * np.exp(t) + 0.5 * np.exp(b)),
        "mean of the two opinions",
    ),
    ("fuse_views", lambda t, b, p: fused_in_torch(np.nan_to_num(t), b, p), "row of zeros"),
    (
        "fuse_views",
        lambda t, b, p: torch.log_softmax(torch.tensor(t + b - p), 1),
        "NaN spreads",
    ),
    ("fuse_views", normalised_too_late, "exp of very small logarithms"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)


def test_the_notebooks_histogram_is_the_packages():
    (solution,) = from_notebook(NOTEBOOK, "cell_histogram")
    lot = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 1, 12, 8), dtype=torch.uint8, generator=lot)
    across, down = torch.zeros(2, 4, 12, 8, dtype=torch.double)
    grey = images[:, 0].double()
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    for bins in (1, 8, 9):
        ours = features.cell_histograms(*features.gradients(images), 4, bins)
        for n, y, x in np.ndindex(*ours.shape[:3]):
            cell = (n, slice(4 * y, 4 * y + 4), slice(4 * x, 4 * x + 4))
            theirs = solution(across[cell].numpy(), down[cell].numpy(), bins)
            np.testing.assert_allclose(ours[n, y, x], theirs, atol=1e-9)
