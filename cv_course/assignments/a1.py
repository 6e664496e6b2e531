"""Assignment A1: what its functions are tried on; texts and points are in ``a1.toml``."""

import numpy as np

from cv_course.assignments import hidden
from cv_course.assignments.question import AFTER, Case, again, asked, cases, parts, table
from cv_course.drill import as_array

_SAID = table(__name__)["said"]
_REMEMBER = "other numbers than in the call before (remember nothing)"


# --- pairwise_distances --------------------------------------------------------------------------


def _pairs(rng: np.random.Generator):
    def rows(*counts):
        return tuple(rng.normal(size=(count, 8)).astype(np.float32) for count in counts)

    small = np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([[6.0, 8.0], [4.0, -3.0], [-3.0, 2.0]])
    some, others, before = rows(5, 3), rows(6, 4), rows(6, 4)
    alone = rng.normal(size=(1, 7)), rng.normal(size=(4, 7))
    pixels = rng.integers(0, 256, (10, 40), dtype=np.uint8)
    bright = rng.integers(225, 256, (4, 40_000), dtype=np.uint8)
    bright[3] = rng.integers(0, 9, 40_000)
    large = rng.integers(-60_000, 60_001, (8, 6), dtype=np.int32)
    for one in ("l1", "l2", "cosine"):
        yield from cases(
            (one, f"{one}: two rows and three rows of 2 numbers", *small, one),
            (one, f"{one}: five rows and three rows", *some, one),
            (one, f"{one}: {_REMEMBER}", *others, one, AFTER, *before, one),
            (one, f"{one}: one row and four rows", *alone, one),
            ("bytes", f"{one}: rows of bytes, 0 to 255", *np.split(pixels, 2), one),
            ("bytes", f"{one}: bright and dark rows of 40,000 bytes", *np.split(bright, 2), one),
            ("bytes", f"{one}: whole numbers (int32) up to 60,000", *np.split(large, 2), one),
        )
    same = rng.uniform(0, 255, (30, 50))
    X, Y = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    X[1] = Y[2] = 0
    near = "l2: rows that are in X and in Y (rounding can make a square slightly negative)"
    yield from cases(
        ("l2", near, same, same[:20].copy(), "l2"),
        ("cosine", "cosine: a row of zeros in X and one in Y", X, Y, "cosine"),
    )


# --- knn_predict ---------------------------------------------------------------------------------


def _line(positions, labels) -> tuple[np.ndarray, np.ndarray]:
    """Training points on a line, and their labels."""
    return np.array(positions, float)[:, None], np.array(labels, np.int64)


def _clusters(rng: np.random.Generator):
    """Overlapping clouds of points: training points, their labels, and queries."""
    centres, which = rng.normal(size=(4, 5)), rng.permutation(57) % 4
    points = centres[which] + rng.normal(size=(57, 5))
    return points[9:], which[9:].astype(np.int64), points[:9]


def _around(rng: np.random.Generator, *patterns, starts=()):
    """Training points, labels, queries: a pattern is what is around a query, from near to far.

    The nearest is ``start`` away, each other one further.
    """
    queries = np.stack([100.0 * np.arange(len(patterns)), rng.normal(size=len(patterns))], 1)
    points = []
    for query, pattern, start in zip(queries, patterns, starts or [1] * len(patterns), strict=True):
        far = start + np.arange(len(pattern))
        angle = rng.uniform(0, 2 * np.pi, len(pattern))
        points.append(query + far[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))
    order = rng.permutation(sum(map(len, patterns)))
    labels = np.concatenate(patterns).astype(np.int64)
    return np.concatenate(points)[order], labels[order], queries


_VOTES = [2, 2, 1, 1, 1, 2, 2], [4, 3, 3, 4, 3, 3, 3], [7, 6, 6, 6, 7, 7, 7], [9, 8, 8, 8, 8, 9, 9]
_TIES = [9, 2, 2, 9, 5, 2], [5, 8, 1, 1, 8, 1], [7, 3, 3, 7, 0, 3], [4, 6, 6, 4, 1, 6]
_SIGNED = [-999, 1000, 1000, -999], [-1, -999, -999, -1], [1000, -1, -1, 1000]
_SEVEN = [5, 7, 4, 4, 7, 2, 8, 2, 9, 9, 5, 3, 3, 8]


def _neighbours(rng: np.random.Generator):
    queries, zero = np.array([[1.6], [8.0], [0.9]]), np.zeros((1, 1))
    first = _line([0, 2, 5, 9, 12], [1, 4, 8, 8, 6])
    second = _line([1, 3, 4, 8, 9], [7, 3, 5, 5, 2])
    far = np.array([2e6, 5e6, 9e6])[:, None]
    positions = [1, 2, 3.5, *range(4, 15), *rng.uniform(15, 30, 50)]
    points, labels = _line(positions, [*_SEVEN, *rng.integers(0, 10, 50)])
    order = np.argsort(labels != 3, kind="stable")
    said = f"the neighbours' labels are {str(_SEVEN)[1:-1]} from near to far"
    clear = _around(rng, *_VOTES, starts=(1, 3, 3, 1))
    everyone = _line([1, 2, 3, 7, 8], [4, 4, 6, 6, 6])
    outside = _line([1, 2, 3, 4, 5], [9, 8, 1, 1, 8])
    none_tied = "a tie, k = 5: the nearest neighbour of all is in no class that is tied"
    many_tied = "three queries with a tie of 20 classes each, k = 400 of 2,000 points"
    cloud, named, asked_ = _clusters(rng)
    large = (60_000 * cloud).astype(np.int32), named, (60_000 * asked_).astype(np.int32)
    yield from cases(
        ("nearest", "four points on a line, k = 1", *_line([0, 2, 5, 9], [7, 3, 5, 5]), queries, 1),
        ("nearest", f"{_REMEMBER}, k = 1", *second, queries, 1, AFTER, *first, queries, 1),
        ("nearest", "points that are millions away, k = 1", far, np.array([4, 0, 6]), far - 9e5, 1),
        ("nearest", "clouds of points, k = 1", cloud, named, asked_, 1),
        ("majority", "four queries with a clear vote each, k = 5", *clear, 5),
        ("majority", "one query, k = 7", *_around(rng, [3, 5, 5, 3, 3, 5, 5, 3, 3]), 7),
        ("majority", "k = 5 of five points: all of them vote", *everyone, zero, 5),
        ("ties", f"a tie, k = 14: {said}", points[order], labels[order], zero, 14),
        ("ties", none_tied, *outside, zero + 0.1, 5),
        ("ties", "four queries with a tie each, k = 5", *_around(rng, *_TIES), 5),
        ("ties", many_tied, *_crowd(rng), 400),
        ("any input", "labels -999, -1 and 1000, k = 3", *_around(rng, *_SIGNED), 3),
        ("any input", "images of bytes, 0 to 255, k = 3", *_noisy_images(rng), 3),
        ("any input", "clouds of points in whole numbers (int32), k = 3", *large, 3),
    )


def _crowd(rng: np.random.Generator):
    """Three queries amid 400 points each, of 20 classes that are equally frequent there."""
    queries = 40.0 * np.eye(3, 8)
    around = queries.repeat(400, 0) + rng.normal(size=(1_200, 8))
    points = np.concatenate([around, rng.normal(size=(800, 8)) - 40])
    labels = np.concatenate([rng.permutation(400) % 20 for _ in range(5)])
    order = rng.permutation(2_000)
    return points[order], labels[order], queries


def _noisy_images(rng: np.random.Generator):
    which = rng.permutation(40) % 4
    images = rng.integers(0, 256, (4, 300))[which] + rng.integers(-90, 91, (40, 300))
    images = np.clip(images, 0, 255).astype(np.uint8)
    return images[16:], which[16:].astype(np.int64), images[:16]


# --- softmax_cross_entropy -----------------------------------------------------------------------

_PARTS = ["loss", "dW", "db"]


def _three_values(function, wanted, *given):
    """What is wanted of loss and gradients; what follows the last of it may be missing."""
    found = parts(again(function, *given), _PARTS, _PARTS.index(wanted[-1]) + 1)
    return {name: found[name] for name in wanted}


def _layers(rng: np.random.Generator):
    def drawn(count, pixels, classes):
        numbers = (rng.normal(size=size) for size in [(pixels, classes), classes, (count, pixels)])
        return (*numbers, rng.integers(0, classes, count))

    W, b = np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0]]), np.array([0.0, 0.5, -0.5])
    small = W, b, np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([0, 2])
    W, b, _, y = drawn(4, 7, 10)
    W, b = (W / 100).astype(np.float32), b.astype(np.float32)
    pixels = W, b, rng.integers(0, 256, (4, 7), dtype=np.uint8), y
    large = W / 200, b, rng.integers(-60_000, 60_001, (3, 7), dtype=np.int32), y[:3]
    nine, single = drawn(9, 6, 4), drawn(1, 5, 3)
    for name in _PARTS:
        yield from cases(
            (name, f"{name} of two images with two pixels, three classes", [name], *small),
            (name, f"{name} of nine images, six pixels, four classes", [name], *nine),
            (name, f"{name} of a single image", [name], *single),
            (name, f"{name} of images of bytes", [name], *pixels),
            (name, f"{name} of whole numbers (int32) up to 60,000", [name], *large),
        )
    W = np.array([[1000.0, 0.0, -1000.0, 10.0]])
    huge = W, np.zeros(4), np.array([[1.0], [-1.0], [1.0], [0.01]]), np.array([0, 0, 3, 1])
    others = *drawn(8, 6, 4), AFTER, *drawn(8, 6, 4)
    yield from cases(
        ("loss", f"all three, of {_REMEMBER}", _PARTS, *others),
        ("large logits", "logits of 1000 and -1000 (exp(1000) is infinite)", _PARTS, *huge),
    )


# --- templates -----------------------------------------------------------------------------------


def _templates_twice(function, W, image_shape, *more):
    """The templates; where asked, once more after W has changed, which must not move them."""
    if more != ("then W changes",):
        return again(function, W, image_shape, *more)
    answer = function(W, image_shape)
    first, kept = as_array(answer).copy(), W.copy()
    W += 1
    after = as_array(answer).copy()
    W[:] = kept
    return {"answer": first, "after W was changed by its owner": after}


def _weights(rng: np.random.Generator):
    one = rng.normal(size=(24, 1)).astype(np.float32)
    whole = rng.integers(-9, 10, (30, 3), dtype=np.int32)
    others, before = rng.normal(size=(2, 30, 2))
    changes = rng.normal(size=(24, 5)), (2, 4, 3), "then W changes"
    return cases(
        ("order", "two classes, images of 2 x 2 x 2", np.arange(16.0).reshape(8, 2) - 3, (2, 2, 2)),
        ("order", "four classes, images of 3 x 5 x 2", rng.normal(size=(30, 4)), (3, 5, 2)),
        ("order", "a single class, images of 2 x 3 x 4", one, (2, 3, 4)),
        ("order", "weights that are whole numbers (int32)", whole, (3, 2, 5)),
        ("independence", _REMEMBER, others, (5, 2, 3), AFTER, before, (5, 2, 3)),
        ("independence", "W changes afterwards; the templates must not", *changes),
    )


# --- train_linear_classifier ---------------------------------------------------------------------

_LEAST = {"good": 0.78, "twice": 0.6, "chance": 0}  # of the hidden images
_CHANCE = 0.30


def _train(function, X, y, steps, seed, again):
    """Weights and bias; where asked, of a second call as well."""
    found = parts(function(X, y, steps, seed), ["W", "b"])
    if again:
        found |= parts(function(X, y, steps, seed), ["W of a second call", "b of a second call"])
    return found


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _tasks(rng: np.random.Generator):
    learnt, asked = hidden.fashion(rng, 8_000, 2_000)
    (X, y), seen = ((_rows(part.images), part.labels) for part in (learnt, asked))
    seed, mixed = int(rng.integers(1000)), rng.permutation(y[:4_000])
    nothing = "4,000 images whose labels were shuffled (there is nothing to learn)"
    for kind, group, about, labels in (
        ("twice", "reproducible", "2,000 images, trained twice with one seed", y[:2_000]),
        ("good", "learns", "8,000 images", y),
        ("chance", "learns", nothing, mixed),
    ):
        given = (X[: len(labels)], labels, 500, seed, kind == "twice")
        yield Case(about, given, group, (kind, *seen))


def _judge_linear(case: Case, answers: dict[str, np.ndarray]):
    (kind, X, y), said = case.secret, _SAID["train_linear_classifier"]
    for name, found in answers.items():
        shape = (X.shape[1], 10) if name.startswith("W") else (10,)
        if found.shape != shape:
            told = [said["turned"]] if found.shape == shape[::-1] else []
            yield [f"{name}: expected shape {shape}, got {found.shape}.", *told]
    accuracy = _accuracy(answers, X, y)
    share = f"{accuracy:.0%} of {len(y):,} hidden images are recognised"
    if kind == "chance" and accuracy >= _CHANCE:
        yield [f"With shuffled labels {share}; guessing gives 10%.", said["other-data"]]
    if accuracy < _LEAST[kind]:
        why = said[_why_low(case, answers, accuracy)]
        yield [f"{share}; at least {_LEAST[kind]:.0%} are asked for.", why]
    if kind == "twice":
        for name in "Wb":
            again = answers[f"{name} of a second call"]
            if not np.allclose(answers[name], again, rtol=1e-4, atol=1e-4):
                yield [f"Two calls with the same seed gave another {name}.", said["seed"]]


def _accuracy(answers: dict[str, np.ndarray], X: np.ndarray, y: np.ndarray) -> float:
    return float(((X @ answers["W"] + answers["b"]).argmax(1) == y).mean())


def _why_low(case: Case, answers: dict[str, np.ndarray], accuracy: float) -> str:
    learnt, (_, X, y) = case.arguments[0], case.secret
    largest = np.abs(answers["W"]).max()
    if largest > 30:
        return "large"
    mean, deviation = learnt.mean(0), learnt.std(0) + 1e-6
    for scaled in (X - mean, (X - mean) / deviation, X / 255, X * 255, 2 * X - 1):
        if _accuracy(answers, scaled, y) > max(_LEAST["good"] - 0.02, accuracy + 0.03):
            return "scaled"
    return "guessing" if accuracy < 0.25 else "short" if largest < 0.1 else "slow"


# --- projection ----------------------------------------------------------------------------------


def _few_numbers(rng: np.random.Generator):
    learnt, asked = hidden.fashion(rng, 3_000, 2_000)
    (X, y), (seen, labels) = ((_rows(part.images), part.labels) for part in (learnt, asked))
    other = rng.permutation(X.shape[1])
    for about, order, size, least in (
        ("8 numbers", slice(None), 8, 0.66),
        ("4 numbers", slice(None), 4, 0.56),
        ("8 numbers, the pixels in another order", other, 8, 0.66),
    ):
        images, queries = (np.ascontiguousarray(part[:, order]) for part in (X, seen))
        secret = queries, labels, least
        yield Case(f"3,000 images to search in, {about}", (images, y, size), about, secret)


def _judge_projection(case: Case, answers: dict[str, np.ndarray]):
    (X, y, size), (seen, labels, least), P = case.arguments, case.secret, answers["answer"]
    said, shape = _SAID["projection"], (X.shape[1], size)
    if P.shape != shape:
        known = {shape[::-1]: "turned", (len(X), size): "stored", (size,): "positions"}
        told = [said[known[P.shape]]] if P.shape in known else []
        yield [f"Expected shape {shape}, got {P.shape}.", *told]
    kept = X @ P
    far = (kept**2).sum(1) - 2 * (seen @ P) @ kept.T
    found = float((y[far.argmin(1)] == labels).mean())
    if found < least:
        share = f"{found:.0%} of {len(labels):,} hidden images find one of their class"
        why = said[_why_few(X - X.mean(0), P)]
        yield [f"{share}; at least {least:.0%} are asked for.", why]


def _why_few(X: np.ndarray, P: np.ndarray) -> str:
    spread = np.linalg.svd(X @ P, compute_uv=False) ** 2
    share = float((X @ np.linalg.qr(P)[0]).var(0).sum() / X.var(0).sum())
    signs = {
        "repeated": np.linalg.matrix_rank(P) < P.shape[1],
        "pixels": ((P != 0).sum(0) == 1).all(),
        "least": share < 2e-3,
        "one": spread[0] > 0.8 * spread.sum(),
        "random": share < 0.03,
    }
    return next((name for name, there in signs.items() if there), "made-beforehand")


ASKED = asked(
    __name__,
    pairwise_distances={"cases": _pairs, "collect": again},
    knn_predict={"cases": _neighbours, "collect": again},
    softmax_cross_entropy={"cases": _layers, "collect": _three_values},
    templates={"cases": _weights, "collect": _templates_twice},
    train_linear_classifier={"cases": _tasks, "collect": _train, "judge": _judge_linear},
    projection={"cases": _few_numbers, "judge": _judge_projection},
)
