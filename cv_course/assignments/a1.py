"""Assignment A1: nearest neighbours and templates. What is asked, not how it is answered."""

import numpy as np

from cv_course.assignments import hidden
from cv_course.assignments.question import Case, Question
from cv_course.drill import as_array

TITLE = "Nearest neighbours and templates"
STEM = "a1_nearest_neighbours_and_templates"
MINUTES = 150


# --- pairwise_distances --------------------------------------------------------------------------


def _pairs(rng: np.random.Generator):
    small = np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([[6.0, 8.0], [4.0, -3.0], [-3.0, 2.0]])
    rows = rng.normal(size=(5, 8)).astype(np.float32), rng.normal(size=(3, 8)).astype(np.float32)
    alone = rng.normal(size=(1, 7)), rng.normal(size=(4, 7))
    pixels = rng.integers(0, 256, (9, 40), dtype=np.uint8)
    for metric in ("l1", "l2", "cosine"):
        yield Case(
            f'{metric}: two rows and three rows of 2 numbers, "{metric}"', (*small, metric), metric
        )
        yield Case(f'{metric}: five rows and three rows, "{metric}"', (*rows, metric), metric)
        yield Case(f'one row and four rows, "{metric}"', (*alone, metric), metric)
        yield Case(
            f'rows of bytes, 0 to 255, "{metric}"', (pixels[:4], pixels[4:], metric), "bytes"
        )
    same = rng.uniform(0, 255, (30, 50))
    yield Case(
        "rows that are in X and in Y (the distance is 0, but rounding can make its square "
        'slightly negative), "l2"',
        (same, same[:20].copy(), "l2"),
        "l2",
    )
    X, Y = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    X[1] = Y[2] = 0
    yield Case('a row of zeros in X and one in Y, "cosine"', (X, Y, "cosine"), "cosine")


pairwise_distances = Question(
    name="pairwise_distances",
    contract=(
        'X (N, D), Y (M, D), metric "l1", "l2" or "cosine" -> (N, M): the distance of every row '
        "of X to every row of Y. l1: the sum of absolute differences; l2: the root of the summed "
        "squares; cosine: 1 minus the cosine of the angle, and 1 where a row is all zeros."
    ),
    cases=_pairs,
    hints=(
        "Make floats first: bytes wrap around at 0 and at 256, so that 3 - 5 is 254. Then think "
        "about shapes: X[:, None] is (N, 1, D), and broadcasts against Y, which is (M, D).",
        "For l1 and l2, reduce the differences (N, M, D) over their last axis. For the cosine, "
        "divide every row by its own length; then one matrix product holds all the cosines.",
        "Two traps: the length of a row of zeros is 0, so divide by 1 there; and if you use "
        "|x|² - 2xy + |y|² for l2, put np.maximum(…, 0) around it before the root.",
    ),
    points=12,
)


# --- knn_predict ---------------------------------------------------------------------------------


def _line(positions, labels) -> tuple[np.ndarray, np.ndarray]:
    """Training points on a line, and their labels."""
    return np.array(positions, float)[:, None], np.array(labels, np.int64)


def _clusters(rng: np.random.Generator, size=12, width=5):
    """Overlapping clouds of points: training points, their labels, and queries."""
    centres = rng.normal(size=(4, width))
    which = rng.permutation(np.arange(4 * size) % 4)
    points = centres[which] + rng.normal(size=(len(which), width))
    queries = centres[rng.integers(0, 4, 9)] + rng.normal(size=(9, width))
    return points, which.astype(np.int64), queries


def _around(rng: np.random.Generator, *patterns):
    """Training points, labels, queries: a pattern is what is around a query, from near to far."""
    points, queries = (
        [],
        np.stack([100.0 * np.arange(len(patterns)), rng.normal(size=len(patterns))], 1),
    )
    for query, pattern in zip(queries, patterns, strict=True):
        far = np.cumsum(rng.uniform(0.5, 1.5, len(pattern)))
        angle = rng.uniform(0, 2 * np.pi, len(pattern))
        points.append(query + far[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))
    order = rng.permutation(sum(map(len, patterns)))
    labels = np.concatenate(patterns).astype(np.int64)
    return np.concatenate(points)[order], labels[order], queries


def _neighbours(rng: np.random.Generator):
    points, labels = _line([0, 2, 5, 9], [7, 3, 3, 5])
    queries = np.array([[1.6], [8.0], [0.9]])
    yield Case("four points on a line, k = 1", (points, labels, queries, 1), "nearest")
    cloud, named, asked = _clusters(rng)
    yield Case("clouds of points, k = 1", (cloud, named, asked, 1), "nearest")
    cloud, named, asked = _clusters(rng)
    yield Case(
        "other points than in the call before (nothing may be remembered from it), k = 1",
        (cloud, named, asked, 1),
        "nearest",
    )
    votes = [2, 1, 1, 2, 1, 2], [4, 3, 4, 3, 3, 4], [7, 6, 6, 7, 6, 6], [8, 6, 6, 6, 9, 9]
    yield Case("four queries with a clear vote each, k = 5", (*_around(rng, *votes), 5), "majority")
    votes = [3, 5, 5, 3, 3, 5, 5, 3, 3]
    yield Case("one query, k = 7", (*_around(rng, votes), 7), "majority")
    points, labels = _line([1, 2, 3, 7, 8], [4, 4, 6, 6, 6])
    yield Case(
        "k = 5 of five points: all of them vote", (points, labels, np.zeros((1, 1)), 5), "majority"
    )
    points, labels = _line(range(1, 9), [5, 8, 9, 9, 2, 2, 5, 8])
    yield Case(
        "a tie, k = 8: the neighbours' labels are 5, 8, 9, 9, 2, 2, 5, 8 from near to far",
        (points[::-1].copy(), labels[::-1].copy(), np.zeros((1, 1)), 8),
        "ties",
    )
    yield Case(
        "a tie, k = 5: the nearest neighbour of all is in no class that is tied",
        (*_line([1, 2, 3, 4, 5], [5, 8, 1, 1, 8]), np.zeros((1, 1)), 5),
        "ties",
    )
    votes = [9, 2, 2, 9, 5], [5, 8, 1, 1, 8], [7, 3, 3, 7, 0]
    yield Case("three queries with a tie each, k = 5", (*_around(rng, *votes), 5), "ties")
    votes = [-7, 1000, 1000, -7], [12, -7, -7, 12], [1000, 12, 12, 1000]
    yield Case("labels -7, 12 and 1000, k = 3", (*_around(rng, *votes), 3), "any input")
    centres = rng.integers(0, 256, (3, 20))
    which = np.arange(21) % 3
    noisy = np.clip(centres[which] + rng.integers(-60, 61, (21, 20)), 0, 255).astype(np.uint8)
    order = rng.permutation(21)
    yield Case(
        "images of bytes, 0 to 255, k = 3",
        (noisy[order[6:]], which[order[6:]].astype(np.int64), noisy[order[:6]], 3),
        "any input",
    )


knn_predict = Question(
    name="knn_predict",
    contract=(
        "X_train (N, D), y_train (N,) whole numbers, X_query (Q, D), k from 1 to N -> (Q,) labels: "
        "the majority among the k training points nearest to each query (Euclidean); a tie goes to "
        "the tied class with the nearest member."
    ),
    cases=_neighbours,
    hints=(
        "You have pairwise_distances. np.argsort along the right axis gives the positions of the "
        "training points from near to far; y_train[positions] are their labels.",
        "For one query: for each of the k labels count how many of the k are equal to it. Keep "
        "the order from near to far while you count.",
        "np.argmax returns the first of several equal maxima. If you count in the order from near "
        "to far, the first maximum belongs to the tied class with the nearest member.",
    ),
    points=12,
)


# --- softmax_cross_entropy -----------------------------------------------------------------------

_PARTS = {"loss": 0, "dW": 1, "db": 2}


def _three_values(function, W, b, X, y, wanted):
    """Call the student's function; the loss, one gradient, or all three."""
    answer = function(W, b, X, y)
    if answer is None or answer is Ellipsis:
        return answer
    if not isinstance(answer, tuple | list):
        raise TypeError(
            f"return three values, loss, dW, db; what came back is of type {type(answer).__name__}."
        )
    names = list(_PARTS) if wanted == "all" else [wanted]
    if len(answer) <= max(_PARTS[name] for name in names):
        raise ValueError(f"return three values, loss, dW, db; what came back are {len(answer)}.")
    return {name: answer[_PARTS[name]] for name in names}


def _layers(rng: np.random.Generator):
    W = np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0]])
    small = (W, np.array([0.0, 0.5, -0.5]), np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([0, 2]))
    drawn = (rng.normal(size=(6, 4)), rng.normal(size=4), rng.normal(size=(9, 6)))
    drawn += (rng.integers(0, 4, 9),)
    single = (rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=(1, 5)), np.array([1]))
    pixels = (
        rng.normal(size=(7, 10)).astype(np.float32) / 100,
        rng.normal(size=10).astype(np.float32),
        rng.integers(0, 256, (4, 7), dtype=np.uint8),
        rng.integers(0, 10, 4),
    )
    for name in _PARTS:
        yield Case(f"{name} of two images with two pixels, three classes", (*small, name), name)
        yield Case(f"{name} of nine images, six pixels, four classes", (*drawn, name), name)
        yield Case(f"{name} of a single image", (*single, name), name)
        yield Case(f"{name} of images of bytes", (*pixels, name), name)
    W = np.array([[1000.0, 0.0, -1000.0, 10.0]])
    large = (W, np.zeros(4), np.array([[1.0], [-1.0], [1.0]]), np.array([0, 0, 3]), "all")
    yield Case("logits of 1000 and -1000 (exp(1000) is infinite)", large, "large logits")


softmax_cross_entropy = Question(
    name="softmax_cross_entropy",
    contract=(
        "W (D, C), b (C,), X (N, D), y (N,) -> (loss, dW, db): the cross-entropy of the softmax of "
        "X @ W + b for the true classes y, averaged over the N images, and its gradients, shaped "
        "like W and b."
    ),
    cases=_layers,
    hints=(
        "Logits first: X @ W + b has one row an image. The softmax is along a row (axis 1), and "
        "subtracting the largest value of each row from it changes nothing but keeps exp small.",
        "The loss is the mean over the images of log(sum(exp(z))) - z[y]. In this form no "
        "logarithm of 0 can occur. With P the softmax, the gradient for the logits is P, minus 1 "
        "at the true class of each row, all divided by N.",
        "G = P; G[np.arange(N), y] -= 1; G /= N. Then the chain rule: dW is X.T @ G, and db is the "
        "sum of G over the images.",
    ),
    points=12,
    collect=_three_values,
)


# --- templates -----------------------------------------------------------------------------------


def _templates_twice(function, W, image_shape, then_change):
    """The templates; where asked, once more after W has changed, which must not move them."""
    answer = function(W, image_shape)
    if not then_change or answer is None or answer is Ellipsis:
        return answer
    first, kept = as_array(answer).copy(), W.copy()
    W += 1
    after = as_array(answer).copy()
    W[:] = kept
    return {"answer": first, "after W was changed by its owner": after}


def _weights(rng: np.random.Generator):
    yield Case(
        "two classes, images of 1 x 2 x 3",
        (np.arange(12.0).reshape(6, 2), (1, 2, 3), False),
        "order",
    )
    yield Case(
        "four classes, images of 3 x 5 x 2",
        (rng.normal(size=(30, 4)), (3, 5, 2), False),
        "order",
    )
    yield Case(
        "a single class, images of 2 x 3 x 4",
        (rng.normal(size=(24, 1)).astype(np.float32), (2, 3, 4), False),
        "order",
    )
    yield Case(
        "W changes afterwards; the templates must not",
        (rng.normal(size=(24, 5)), (2, 4, 3), True),
        "independence",
    )


templates = Question(
    name="templates",
    contract=(
        "W (D, C), image_shape (channels, height, width) with D = channels · height · width, "
        "flattened in this order -> (C, channels, height, width): each class's weights as a "
        "picture, with their values unchanged, and independent of W."
    ),
    cases=_weights,
    hints=(
        "Column c of W holds the weights of class c. A reshape keeps the order of the numbers in "
        "memory, so which axis has to come first before you reshape?",
        "W.T has one row a class; each row can be reshaped to image_shape.",
        "A transposed or reshaped array may be a view: it shares its numbers with W. np.shares_"
        "memory(a, W) tells; .copy() (NumPy) or .clone() (torch) makes it independent.",
    ),
    points=4,
    collect=_templates_twice,
)


# --- train_linear_classifier ---------------------------------------------------------------------

_GOOD, _CHANCE = 0.78, 0.30


def _train(function, X, y, steps, seed, again):
    """Weights and bias; where asked, of a second call as well."""
    found = {}
    for name in ("", " of the second call")[: 1 + again]:
        answer = function(X, y, steps, seed)
        if answer is None or answer is Ellipsis:
            return answer
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise TypeError(f"return two values, W and b; {type(answer).__name__} came back.")
        found |= {f"W{name}": answer[0], f"b{name}": answer[1]}
    return found


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _tasks(rng: np.random.Generator):
    learnt, asked = hidden.fashion(rng, 8_000, 2_000)
    (X, y), seen = ((_rows(part.images), part.labels) for part in (learnt, asked))
    seed = int(rng.integers(1000))
    yield Case(
        "2,000 images, trained twice with the same seed",
        (X[:2_000], y[:2_000], 500, seed, True),
        "reproducible",
        ("twice", *seen),
    )
    yield Case("8,000 images", (X, y, 500, seed, False), "learns", ("good", *seen))
    yield Case(
        "4,000 images whose labels were shuffled (there is nothing to learn)",
        (X[:4_000], rng.permutation(y[:4_000]), 500, seed, False),
        "learns",
        ("chance", *seen),
    )


def _judge_linear(case: Case, answers: dict[str, np.ndarray]) -> list[str]:
    kind, X, y = case.secret
    for name, shape in (("W", (X.shape[1], 10)), ("b", (10,))):
        for found in (one for one in answers if one.startswith(name)):
            if answers[found].shape != shape:
                return [f"{found}: expected shape {shape}, got {answers[found].shape}."]
            if not np.isfinite(answers[found]).all():
                return [
                    f"{found} holds NaN or infinity. The steps may be too large, or a logarithm "
                    "of 0 was taken: subtract the largest logit before exp."
                ]
    accuracy = float(((X @ answers["W"] + answers["b"]).argmax(1) == y).mean())
    share = f"{accuracy:.0%} of {len(y):,} hidden images are recognised"
    if kind == "chance" and accuracy >= _CHANCE:
        return [
            f"With shuffled labels {share}; guessing gives 10%. W and b must come from the X and "
            "y of this call and from nothing else."
        ]
    least = {"good": _GOOD, "twice": 0.6, "chance": 0}[kind]
    if accuracy < least:
        return [f"{share}; at least {least:.0%} are asked for. {_why_low(accuracy)}"]
    if kind == "twice":
        for name in ("W", "b"):
            one, other = answers[name], answers.get(f"{name} of the second call")
            if other is None or not np.allclose(one, other, rtol=1e-4, atol=1e-4):
                return [
                    f"Two calls with the same seed gave another {name}. Draw all random numbers "
                    "from a generator that is made from the seed: np.random.default_rng(seed)."
                ]
    return []


def _why_low(accuracy: float) -> str:
    if accuracy < 0.25:
        return (
            "That is little more than guessing. Do W and b fit X as it is given (and not a "
            "centred X)? Are images and labels of a batch picked with the same positions? Does "
            "the step go against the gradient?"
        )
    return (
        "It learns, but not enough. Is the step too small for 500 of them, or so large that the "
        "loss jumps? Does b learn, too? Does every batch hold other images?"
    )


train_linear_classifier = Question(
    name="train_linear_classifier",
    contract=(
        "X (N, D) in [0, 1], y (N,) in 0…9, steps (500), seed -> (W (D, 10), b (10,)) such that "
        "(X @ W + b).argmax(1) recognises images that were not in X: at least 78% after learning "
        "from 8,000. Equal seeds give equal results."
    ),
    cases=_tasks,
    hints=(
        "You have softmax_cross_entropy, which gives the gradients. Begin with zeros and go steps "
        "times against the gradient.",
        "500 steps over all 8,000 images take long. Each step on some 200 images, drawn anew with "
        "rng = np.random.default_rng(seed), is much faster and as good. Try step sizes between "
        "0.01 and 1.",
        "batch = rng.integers(0, len(X), 256), then loss, dW, db = softmax_cross_entropy(W, b, "
        "X[batch], y[batch]), then subtract 0.1 times the gradients from W and b.",
    ),
    points=10,
    collect=_train,
    judge=_judge_linear,
    cpu_seconds=60,
)

QUESTIONS = (
    pairwise_distances,
    knn_predict,
    softmax_cross_entropy,
    templates,
    train_linear_classifier,
)
FREE_TEXT = (
    (
        "why_templates_fail",
        "Why does one layer of weights suffer so from a shift, why does longer training not help, "
        "and which picture must its template get wrong that a nearest neighbour gets right?",
        10,
    ),
)
