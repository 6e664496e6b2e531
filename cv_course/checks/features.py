"""The exercises of section 02."""

from dataclasses import dataclass

import numpy as np

from cv_course.drill import Case, Question


def _cells(rng: np.random.Generator):
    yield Case(
        "two pixels: a gradient of 4 across and 3 down, and one of 2 straight down",
        (np.array([[4.0, 0.0]]), np.array([[3.0, 2.0]]), 4),
    )
    yield Case(
        "a pixel that gets brighter to the right, one to the left, one upwards",
        (np.array([[2.0, -1.0, 0.0]]), np.array([[0.0, 0.0, -5.0]]), 3),
    )
    yield Case("a cell of 4 x 4 pixels, nine directions", (*rng.normal(size=(2, 4, 4)), 9))
    whole = rng.integers(-200, 200, (2, 5, 3))
    yield Case("whole numbers, a cell of 5 x 3 pixels", (*whole, 7))


def _histogram(across, down, bins, circle=180, votes=None, parts=None) -> np.ndarray:
    """``votes`` and ``parts`` default to the right ones: lengths, and the number of pixels."""
    angle = np.rad2deg(np.arctan2(down, across)) % circle
    number = np.minimum((angle * bins / circle).astype(int), bins - 1)
    votes = np.hypot(across, down) if votes is None else votes
    total = np.bincount(number.ravel(), votes.ravel(), bins)
    return total / (across.size if parts is None else parts)


def _forgetting_the_lower_half(across, down, bins) -> np.ndarray:
    angle = np.rad2deg(np.arctan2(down, across))
    lengths = np.hypot(across, down)
    return np.histogram(angle, bins, (0, 180), weights=lengths)[0] / across.size


def _mirrored(across, down, bins) -> np.ndarray:
    angle = np.abs(np.rad2deg(np.arctan2(down, across)))
    lengths = np.hypot(across, down)
    return np.histogram(angle, bins, (0, 180), weights=lengths)[0] / across.size


cell_histogram = Question(
    name="cell_histogram",
    contract=(
        "across and down, the gradients (H, W) of the pixels of one cell, and bins, a number K -> "
        "(K,): the lengths of the gradients, summed by direction (0 to 180 degrees in K equal "
        "bins; opposite directions are the same) and divided by the number of pixels."
    ),
    cases=_cells,
    reference=_histogram,
    diagnoses=(
        (
            lambda across, down, bins: _histogram(across, down, bins, votes=np.ones(across.shape)),
            "pixels were counted. Each adds the length of its gradient, so that a flat pixel adds "
            "nothing and a strong edge much.",
        ),
        (
            lambda across, down, bins: _histogram(across, down, bins, parts=1),
            "the sum was not divided by the number of pixels.",
        ),
        (
            lambda across, down, bins: _histogram(across, down, bins, circle=360),
            "the bins divide the whole circle. Here opposite directions are the same: take the "
            "angle modulo 180.",
        ),
        (
            _forgetting_the_lower_half,
            "negative angles are lost: arctan2 gives -180 to 180 degrees. Take them modulo 180, "
            "then -90 (upwards) and 90 (downwards) come together.",
        ),
        (
            _mirrored,
            "the absolute value mirrors a direction instead of turning it round: the opposite of "
            "-30 degrees is 150, not 30. Take the angle modulo 180.",
        ),
        (
            lambda across, down, bins: _histogram(down, across, bins),
            "across and down changed places: it is arctan2(down, across).",
        ),
        (
            lambda across, down, bins: _histogram(
                across, down, bins, votes=np.square(across) + np.square(down)
            ),
            "squared lengths were summed; take the root first.",
        ),
        (
            lambda across, down, bins: _histogram(
                across, down, bins, parts=np.hypot(across, down).sum()
            ),
            "you divided by the sum of all lengths. That is a normalisation, and comes later; "
            "here divide by the number of pixels.",
        ),
    ),
    hints=(
        "np.hypot(across, down) is the length of each gradient; np.arctan2(down, across) its "
        "angle, in radians from -π to π.",
        "np.rad2deg(angle) % 180 makes opposite directions equal. Which bin is it in? Each is "
        "180 / bins degrees wide.",
        "number = (degrees * bins / 180).astype(int), then "
        "np.bincount(number.ravel(), lengths.ravel(), bins) / lengths.size.",
    ),
)


@dataclass(frozen=True)
class Score:
    """A stand-in for a classifier: images (N, H, W) -> (N,), a weighted sum of the pixels."""

    about: str
    seed: int | None = None  # of the weights; None: all 1

    def __call__(self, images) -> np.ndarray:
        images = np.asarray(images, dtype=float)
        if images.ndim != 3:
            raise ValueError(
                f"score takes images of shape (N, H, W), got {images.shape}; one image: image[None]"
            )
        weights = np.ones(images.shape[1:])
        if self.seed is not None:
            weights = np.random.default_rng(self.seed).normal(size=images.shape[1:])
        return np.tanh((images * weights).sum((1, 2)) / 100) * 100

    def __repr__(self) -> str:
        return f"score: {self.about}"


def _scored_images(rng: np.random.Generator):
    summing = Score("about the sum of all pixels")
    yield Case("2 x 3 pixels, a patch of 2", (summing, np.arange(1.0, 7).reshape(2, 3), 2))
    yield Case("a patch of a single pixel", (summing, np.array([[5.0, 0.0], [0.0, 2.0]]), 1))
    weighing = Score("a weighted sum of the pixels", seed=3)
    yield Case("a picture of 5 x 6 pixels, a patch of 3", (weighing, rng.random((5, 6)), 3))
    bytes_ = rng.integers(0, 256, (4, 4), dtype=np.uint8)
    yield Case("bytes, and a patch as large as the picture", (weighing, bytes_, 4))


def _drops(score, image, size, spare=0, keep=False, fill=0) -> np.ndarray:
    """``keep``: the patches of earlier places stay; ``spare``: so many last places left out."""
    free, covered = score(image[None])[0], image.astype(float)
    places = [side - size + 1 - spare for side in image.shape]
    found = np.zeros(places)
    for y in range(places[0]):
        for x in range(places[1]):
            covered = covered if keep else image.astype(float)
            covered[y : y + size, x : x + size] = fill
            found[y, x] = free - score(covered[None])[0]
    return found


def _outside_covered(score, image, size) -> np.ndarray:
    found = np.zeros([side - size + 1 for side in image.shape])
    for y, x in np.ndindex(*found.shape):
        kept = np.zeros(image.shape)
        kept[y : y + size, x : x + size] = image[y : y + size, x : x + size]
        found[y, x] = score(image[None])[0] - score(kept[None])[0]
    return found


occlusion_map = Question(
    name="occlusion_map",
    contract=(
        "score (a function: images (N, H, W) -> (N,) numbers), image (H, W), size (a number s) -> "
        "(H - s + 1, W - s + 1): how much the score falls when a black (0) patch of s x s pixels "
        "covers the image with its upper left corner at that place."
    ),
    cases=_scored_images,
    reference=_drops,
    diagnoses=(
        (
            lambda score, image, size: -_drops(score, image, size),
            "the sign: a fall counts as positive, so score of the image minus score of the "
            "covered image.",
        ),
        (
            lambda score, image, size: score(image[None])[0] - _drops(score, image, size),
            "these are the scores of the covered images; subtract them from that of the free one.",
        ),
        (
            lambda score, image, size: _drops(score, image, size, keep=True),
            "the patches pile up: each place must start from a fresh copy of the image.",
        ),
        (
            lambda score, image, size: _drops(score, image, size, spare=1),
            "the last place is missing: for a side H and a patch s there are H - s + 1 places.",
        ),
        (
            _outside_covered,
            "everything but the patch was covered; it is the other way round.",
        ),
        (
            lambda score, image, size: _drops(score, image, size, fill=image.mean()),
            "the patch is grey (the mean of the image); here it is to be black, 0.",
        ),
        (
            lambda score, image, size: _drops(score, image, size, fill=1),
            "the patch is filled with 1; here it is to be black, 0.",
        ),
    ),
    hints=(
        "Two loops over the upper left corners, range(H - size + 1) and range(W - size + 1).",
        "In each place: covered = image.copy(), then covered[y : y + size, x : x + size] = 0.",
        "score wants a batch: score(image[None])[0] is the free score; the map holds that minus "
        "score(covered[None])[0].",
    ),
)


def _log(chances: np.ndarray) -> np.ndarray:
    return np.log(chances / chances.sum(-1, keepdims=True))


def _two_views(rng: np.random.Generator):
    yield Case(
        "one image, two equally frequent classes; both views favour the first",
        (np.log([[0.8, 0.2]]), np.log([[0.6, 0.4]]), np.log([0.5, 0.5])),
    )
    yield Case(
        "the first class is three times as frequent as the second",
        (np.log([[0.75, 0.25]]), np.log([[0.75, 0.25]]), np.log([0.75, 0.25])),
    )
    prior = _log(rng.random(5) + 0.1)
    yield Case(
        "six images, five classes", (_log(rng.random((6, 5))), _log(rng.random((6, 5))), prior)
    )
    gap = _log(rng.random((4, 5)))
    gap[[0, 2]] = np.nan
    yield Case("the top of two images is missing (NaN)", (gap, _log(rng.random((4, 5))), prior))
    steep = np.array([[-1000.0, -1001.0], [-2000.0, -1990.0]])
    yield Case("very small probabilities", (steep, steep[::-1].copy(), np.log([0.5, 0.5])))


def _normalised(scores: np.ndarray) -> np.ndarray:
    highest = scores.max(axis=1, keepdims=True)
    return scores - highest - np.log(np.exp(scores - highest).sum(axis=1, keepdims=True))


def _given(view: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(view), prior, view)


def _fused(top, bottom, prior, times=1) -> np.ndarray:
    return _given(top, prior) + _given(bottom, prior) - times * prior


fuse_views = Question(
    name="fuse_views",
    contract=(
        "top and bottom (N, K): logarithms of the class probabilities given each view, a row of "
        "NaN where that view is missing; prior (K,): logarithms of the probabilities given "
        "nothing -> (N, K): logarithms of the probabilities given both views, if the views are "
        "independent within a class. The probabilities in each row add up to 1."
    ),
    cases=_two_views,
    reference=lambda top, bottom, prior: _normalised(_fused(top, bottom, prior)),
    diagnoses=(
        (
            lambda top, bottom, prior: _normalised(_fused(top, bottom, prior, times=0)),
            "the prior was counted twice, once in each view; subtract it once.",
        ),
        (
            lambda top, bottom, prior: _normalised(_fused(top, bottom, prior, times=2)),
            "the prior was subtracted twice; it is in both views, and must stay in once.",
        ),
        (
            lambda top, bottom, prior: _fused(top, bottom, prior),
            "the rows are not normalised: exp of a row must add up to 1. Subtract its logsumexp.",
        ),
        (
            lambda top, bottom, prior: np.exp(_normalised(_fused(top, bottom, prior))),
            "these are the probabilities; return their logarithms.",
        ),
        (
            lambda top, bottom, prior: np.log(
                np.exp(_fused(top, bottom, prior))
                / np.exp(_fused(top, bottom, prior)).sum(axis=1, keepdims=True)
            ),
            "exp of very small logarithms is 0, and then it is 0/0. Subtract the largest value of "
            "each row before exp.",
        ),
        (
            lambda top, bottom, prior: np.log(
                (np.exp(_given(top, prior)) + np.exp(_given(bottom, prior))) / 2
            ),
            "that is the mean of the two opinions. Independent pieces of evidence multiply, so "
            "their logarithms add.",
        ),
        (
            lambda top, bottom, prior: _normalised(
                _given(top, np.zeros_like(prior)) + bottom - prior
            ),
            "a missing view became a row of zeros, and the prior was taken away all the same. "
            "What do you know of the class before you look? Put that in its place.",
        ),
        (
            lambda top, bottom, prior: _normalised(top + bottom - prior),
            "NaN spreads to all it is added to. Where a view is missing, put in what you know "
            "without looking: the prior.",
        ),
    ),
    hints=(
        "Bayes: p(c | top, bottom) is proportional to p(top | c) · p(bottom | c) · p(c), and "
        "p(top | c) to p(c | top) / p(c). How often does p(c) occur in all?",
        "So add top and bottom and subtract prior once, then make each row a distribution: "
        "subtract log of the sum of exp (np.logaddexp.reduce(scores, axis=1, keepdims=True)).",
        "A view that is missing says what you knew before: np.where(np.isnan(top), prior, top).",
    ),
)

QUESTIONS = (cell_histogram, occlusion_map, fuse_views)
