"""The exercises of section 11."""

import numpy as np

from cv_course.drill import Case, Question


def _small_networks(rng: np.random.Generator):
    W1 = np.array([[1.0, 2.0], [1.0, -1.0]])
    yield Case(
        "two pixels, two hidden units, of which the second is silent",
        (np.array([1.0, 3.0]), W1, np.zeros(2), np.array([[5.0, 7.0]]), 0),
    )
    yield Case(
        "the bias wakes the second unit",
        (np.array([1.0, 3.0]), W1, np.array([0.0, 4.0]), np.array([[5.0, 7.0]]), 0),
    )
    yield Case(
        "three classes, and weights that speak against them",
        (
            *(np.array([0.5, -1.0, 2.0]), rng.normal(size=(4, 3)), 0.1 + rng.random(4)),
            *(rng.normal(size=(3, 4)), 2),
        ),
    )
    for label in (0, 4):
        yield Case(
            f"20 pixels, 12 hidden units, class {label} of 5",
            (
                *(rng.normal(size=20), rng.normal(size=(12, 20)), rng.normal(size=12)),
                *(rng.normal(size=(5, 12)), label),
            ),
        )


def _back(x, W1, b1, W2, label, gate=None) -> np.ndarray:
    awake = (W1 @ x + b1 > 0) if gate is None else gate
    return W1.T @ (W2[label] * awake)


score_gradient = Question(
    name="score_gradient",
    contract=(
        "x (D,), W1 (H, D), b1 (H,), W2 (K, H), label: of a network with the scores "
        "W2 @ relu(W1 @ x + b1) + b2 -> (D,): the derivative of scores[label] with respect to "
        "each number of x. (b2 is not needed; no hidden unit is exactly at 0.)"
    ),
    cases=_small_networks,
    reference=_back,
    diagnoses=(
        (
            lambda x, W1, b1, W2, label: _back(x, W1, b1, W2, label, gate=1),
            "the ReLU is missing: a unit whose input is below 0 is silent, and a small change of "
            "the image does not wake it. Its way back is shut.",
        ),
        (
            lambda x, W1, b1, W2, label: _back(x, W1, b1, W2, label, gate=W1 @ x > 0),
            "whether a unit is awake was judged without its bias b1.",
        ),
        (
            lambda x, W1, b1, W2, label: _back(
                x, W1, b1, W2, label, gate=np.maximum(W1 @ x + b1, 0)
            ),
            "you multiplied by the value of the ReLU; its derivative is 1 where it is awake, 0 "
            "where not.",
        ),
        (
            lambda x, W1, b1, W2, label: W1.T @ np.maximum(W2[label] * (W1 @ x + b1 > 0), 0),
            "you also cut off what is negative on the way back. That is guided backpropagation, "
            "and no derivative; you will meet it below.",
        ),
        (
            lambda x, W1, b1, W2, label: np.abs(_back(x, W1, b1, W2, label)),
            "the sign is lost. Saliency takes the absolute value later; the derivative has a sign.",
        ),
        (
            lambda x, W1, b1, W2, label: x * _back(x, W1, b1, W2, label),
            "the derivative was multiplied by the pixel.",
        ),
        (
            lambda x, W1, b1, W2, label: W1.T @ (W2.sum(0) * (W1 @ x + b1 > 0)),
            "these are all scores together; take the row W2[label].",
        ),
    ),
    hints=(
        "The chain rule from the end: by how much does the score change if hidden unit h grows a "
        "little? By W2[label, h].",
        "Does hidden unit h change with x at all? Only where W1 @ x + b1 is above 0; there it "
        "changes with x as W1[h] says.",
        "awake = W1 @ x + b1 > 0, then W1.T @ (W2[label] * awake).",
    ),
)


def _layers(rng: np.random.Generator):
    A = np.array([[[1.0, 2.0]], [[3.0, 0.0]]])
    yield Case(
        "two channels of 1 x 2 places, the second speaks against the class",
        (A, np.array([[[1.0, 3.0]], [[-1.0, 0.0]]])),
    )
    yield Case("the same gradient in all places", (A, np.full(A.shape, 0.5)))
    yield Case("one channel, some of it negative", (rng.normal(size=(1, 3, 2)), np.ones((1, 3, 2))))
    yield Case("six channels of 3 x 4 places", (rng.random((6, 3, 4)), rng.normal(size=(6, 3, 4))))
    yield Case("before a ReLU: negative activations", tuple(rng.normal(size=(2, 5, 4, 3))))


def _cam(A, G, weights=None, relu=True) -> np.ndarray:
    weights = G.mean((1, 2), keepdims=True) if weights is None else weights
    total = (weights * A).sum(0)
    return np.maximum(total, 0) if relu else total


_AGAINST = (
    "what speaks against the class was left out, channel by channel. It counts, and may outweigh "
    "the rest: first add up all channels, then cut off the sum at 0."
)

class_map = Question(
    name="class_map",
    contract=(
        "activations and gradients (C, h, w) of one layer and one image, the gradients being those "
        "of the class's score -> (h, w): each channel weighted by the mean of its gradients over "
        "all places, the channels added up, and what is below 0 set to 0."
    ),
    cases=_layers,
    reference=_cam,
    diagnoses=(
        (
            lambda A, G: _cam(A, G, relu=False),
            "negative places are still there. The last step sets them to 0: only what speaks for "
            "the class is shown.",
        ),
        (
            lambda A, G: _cam(A, G, weights=G),
            "each place was weighted by its own gradient. Here a channel has one weight, the mean "
            "of its gradients over all places.",
        ),
        (
            lambda A, G: _cam(A, G, weights=G.sum((1, 2), keepdims=True)),
            "the gradients were summed over the places; take their mean.",
        ),
        (
            lambda A, G: _cam(A, G) / len(A),
            "you took the mean over the channels; add them up.",
        ),
        (
            lambda A, G: _cam(A, G, weights=np.maximum(G.mean((1, 2), keepdims=True), 0)),
            _AGAINST,
        ),
        (
            lambda A, G: np.maximum(G.mean((1, 2), keepdims=True) * A, 0).sum(0),
            _AGAINST,
        ),
        (
            lambda A, G: np.maximum(A.sum(0), 0),
            "the activations are not weighted; this map is the same for every class.",
        ),
    ),
    hints=(
        "One weight for each channel: gradients.mean over the last two axes.",
        "Keep those axes (keepdims=True), so that weights and activations can be multiplied.",
        "np.maximum((gradients.mean((1, 2), keepdims=True) * activations).sum(0), 0).",
    ),
)


def _pairs(rng: np.random.Generator):
    yield Case(
        "four places in the same order, but with other values",
        (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 0.1], [0.2, 9.0]])),
    )
    yield Case(
        "almost the reverse",
        (np.array([[3.0, 1.0, 2.0, 9.0]]), np.array([[5.0, 9.0, 7.0, 6.0]])),
    )
    yield Case(
        "two places that are equal",
        (np.array([[0.0, 5.0, 0.0, 1.0]]), np.array([[2.0, 7.0, 3.0, 1.0]])),
    )
    yield Case("5 x 4 places", tuple(rng.normal(size=(2, 5, 4))))
    black = rng.normal(size=(2, 6, 6)).clip(0)
    yield Case("black all around: half of the values are 0", tuple(black))


def _ranks(values: np.ndarray) -> np.ndarray:
    flat = values.ravel()
    below, upto = (flat[:, None] > flat).sum(1), (flat[:, None] >= flat).sum(1)
    return (below + upto - 1) / 2


def _pearson(a, b) -> float:
    a, b = (np.ravel(one) - np.mean(one) for one in (a, b))
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def _in_turn(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values.ravel(), kind="stable"), kind="stable")


spearman = Question(
    name="spearman",
    contract=(
        "a and b (H, W), two maps, neither the same everywhere -> one number from -1 to 1: the "
        "correlation of the ranks of their values. The smallest value has rank 0, the next 1, and "
        "so on; equal values share the mean of their ranks."
    ),
    cases=_pairs,
    reference=lambda a, b: _pearson(_ranks(a), _ranks(b)),
    diagnoses=(
        (
            _pearson,
            "that is the correlation of the values; first replace each value by its rank.",
        ),
        (
            lambda a, b: _pearson(np.argsort(a, axis=None), np.argsort(b, axis=None)),
            "np.argsort says *where* the smallest value is, not which rank a value has. Sort "
            "twice: np.argsort(np.argsort(a)).",
        ),
        (
            lambda a, b: _pearson(_in_turn(a), _in_turn(b)),
            "equal values got different ranks, by their position. Half of our pictures is black: "
            "let equal values share the mean of their ranks.",
        ),
        (
            lambda a, b: _pearson(
                (a.ravel()[:, None] > a.ravel()).sum(1), (b.ravel()[:, None] > b.ravel()).sum(1)
            ),
            "equal values all got the lowest of their ranks; let them share the mean.",
        ),
        (
            lambda a, b: _pearson(
                np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1]
            ),
            "equal values count as one, so the ranks after them are too low.",
        ),
        (lambda a, b: -_pearson(_ranks(a), _ranks(b)), "the sign is the wrong way round."),
    ),
    hints=(
        "Two steps: values to ranks, then the usual correlation (np.corrcoef(r, s)[0, 1]).",
        "The rank of a value is how many are smaller. If others are equal to it, they share: the "
        "mean of the lowest and the highest rank among them.",
        "With v = a.ravel(): below = (v[:, None] > v).sum(1), upto = (v[:, None] >= v).sum(1), "
        "ranks = (below + upto - 1) / 2.",
    ),
)

QUESTIONS = (score_gradient, class_map, spearman)
