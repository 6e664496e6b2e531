"""Assignment A1: what its functions are tried on; texts and points are in ``a1.toml``."""

import numpy as np

from cv_course.assignments import hidden
from cv_course.assignments.question import Case, asked
from cv_course.drill import as_array

TITLE = "Nearest neighbours and templates"
STEM = "a1_nearest_neighbours_and_templates"
MINUTES = 170


# --- pairwise_distances --------------------------------------------------------------------------


def _pairs(rng: np.random.Generator):
    small = np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([[6.0, 8.0], [4.0, -3.0], [-3.0, 2.0]])
    rows, others = ((_rows32(rng, 5), _rows32(rng, 3)) for _ in range(2))
    alone = rng.normal(size=(1, 7)), rng.normal(size=(4, 7))
    pixels = rng.integers(0, 256, (9, 40), dtype=np.uint8)
    bright = rng.integers(225, 256, (4, 40_000), dtype=np.uint8)
    bright[3] = rng.integers(0, 9, 40_000)
    for metric in ("l1", "l2", "cosine"):
        for about, group, pair in (
            (f"{metric}: two rows and three rows of 2 numbers", metric, small),
            (f"{metric}: five rows and three rows", metric, rows),
            (f"{metric}: other rows than in the call before (remember nothing)", metric, others),
            ("one row and four rows", metric, alone),
            ("rows of bytes, 0 to 255", "bytes", (pixels[:4], pixels[4:])),
            ("bright and dark rows of 40,000 bytes", "bytes", (bright[:2], bright[2:])),
        ):
            yield Case(f'{about}, "{metric}"', (*pair, metric), group)
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


def _rows32(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=(count, 8)).astype(np.float32)


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


def _predict_again(function, X_train, y_train, X_query, k, *earlier):
    """The labels; where asked, after a call with another training set and the same queries."""
    if earlier and function(*earlier, X_query, k) is None:
        return None
    return function(X_train, y_train, X_query, k)


def _neighbours(rng: np.random.Generator):
    queries = np.array([[1.6], [8.0], [0.9]])
    first, second = _line([0, 2, 5, 9], [7, 3, 5, 5]), _line([0, 2, 5, 9], [1, 4, 8, 8])
    yield Case("four points on a line, k = 1", (*first, queries, 1), "nearest")
    yield Case(
        "other labels than in the call before (nothing may be remembered from it), k = 1",
        (*second, queries + 0.05, 1, *first),
        "nearest",
    )
    far = np.array([2e6, 5e6, 9e6])[:, None]
    yield Case(
        "points that are millions away, k = 1", (far, np.array([4, 0, 6]), far - 9e5, 1), "nearest"
    )
    for about in ("clouds of points", "other points than in the call before (remember nothing)"):
        cloud, named, queries = _clusters(rng)
        yield Case(f"{about}, k = 1", (cloud, named, queries, 1), "nearest")
    votes = (
        [2, 2, 1, 1, 1, 2, 2],
        [4, 3, 3, 4, 3, 3, 3],
        [7, 6, 6, 6, 7, 7, 7],
        [9, 8, 8, 8, 8, 9, 9],
    )
    starts = 1, 3, 3, 1
    asked_ = _around(rng, *votes, starts=starts)
    yield Case("four queries with a clear vote each, k = 5", (*asked_, 5), "majority")
    votes = [3, 5, 5, 3, 3, 5, 5, 3, 3]
    yield Case("one query, k = 7", (*_around(rng, votes), 7), "majority")
    all_of_them = _line([1, 2, 3, 7, 8], [4, 4, 6, 6, 6])
    yield Case(
        "k = 5 of five points: all of them vote", (*all_of_them, np.zeros((1, 1)), 5), "majority"
    )
    near = [5, 7, 4, 4, 7, 2, 8, 2, 9, 9, 5, 3, 3, 8]
    far = [1, 2, 3.5, *range(4, 15), *rng.uniform(15, 30, 50)]
    points, labels = _line(far, [*near, *rng.integers(0, 10, 50)])
    order = np.argsort(labels != 3, kind="stable")
    yield Case(
        f"a tie, k = 14: the neighbours' labels are {str(near)[1:-1]} from near to far",
        (points[order], labels[order], np.zeros((1, 1)), 14),
        "ties",
    )
    yield Case(
        "a tie, k = 5: the nearest neighbour of all is in no class that is tied",
        (*_line([1, 2, 3, 4, 5], [9, 8, 1, 1, 8]), np.full((1, 1), 0.1), 5),
        "ties",
    )
    votes = [9, 2, 2, 9, 5, 2], [5, 8, 1, 1, 8, 1], [7, 3, 3, 7, 0, 3], [4, 6, 6, 4, 1, 6]
    yield Case("four queries with a tie each, k = 5", (*_around(rng, *votes), 5), "ties")
    queries = 40.0 * np.eye(3, 8)
    around = queries.repeat(400, 0) + rng.normal(size=(1_200, 8))
    points = np.concatenate([around, rng.normal(size=(800, 8)) - 40])
    classes = [rng.permutation(400) % 20 for _ in queries]
    labels = np.concatenate([*classes, rng.integers(0, 20, 800)])
    order = rng.permutation(2_000)
    yield Case(
        "three queries with a tie of 20 classes each, k = 400 of 2,000 points (sort the neighbours "
        "by distance: argpartition does not)",
        (points[order], labels[order], queries, 400),
        "ties",
    )
    votes = [-999, 1000, 1000, -999], [-1, -999, -999, -1], [1000, -1, -1, 1000]
    yield Case("labels -999, -1 and 1000, k = 3", (*_around(rng, *votes), 3), "any input")
    centres = rng.integers(0, 256, (3, 300))
    which = np.arange(21) % 3
    noisy = np.clip(centres[which] + rng.integers(-60, 61, (21, 300)), 0, 255).astype(np.uint8)
    order = rng.permutation(21)
    yield Case(
        "images of bytes, 0 to 255, k = 3",
        (noisy[order[6:]], which[order[6:]].astype(np.int64), noisy[order[:6]], 3),
        "any input",
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
    again = (rng.normal(size=(6, 4)), rng.normal(size=4), rng.normal(size=(9, 6)), drawn[3])
    yield Case(
        "all three, of other numbers than before (remember nothing)", (*again, "all"), "loss"
    )
    W = np.array([[1000.0, 0.0, -1000.0, 10.0]])
    large = (W, np.zeros(4), np.array([[1.0], [-1.0], [1.0], [0.01]]), np.array([0, 0, 3, 1]))
    about = "logits of 1000 and -1000 (exp(1000) is infinite)"
    yield Case(about, (*large, "all"), "large logits")


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
        "two classes, images of 2 x 2 x 2",
        (np.arange(16.0).reshape(8, 2) - 3, (2, 2, 2), False),
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


# --- train_linear_classifier ---------------------------------------------------------------------

_GOOD, _CHANCE = 0.78, 0.30
_LARGE = (
    "The weights grow without limit: the steps are too large. Average the gradient over the batch, "
    "take smaller steps, and subtract the largest logit before exp."
)


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
                return [f"{found} holds NaN or infinity. {_LARGE}"]
    accuracy = _accuracy(answers, X, y)
    share = f"{accuracy:.0%} of {len(y):,} hidden images are recognised"
    if kind == "chance" and accuracy >= _CHANCE:
        return [
            f"With shuffled labels {share}; guessing gives 10%. W and b must come from the X and "
            "y of this call and from nothing else."
        ]
    least = {"good": _GOOD, "twice": 0.6, "chance": 0}[kind]
    if accuracy < least:
        return [f"{share}; at least {least:.0%} are asked for. {_why_low(case, answers, accuracy)}"]
    if kind == "twice":
        for name in ("W", "b"):
            one, other = answers[name], answers.get(f"{name} of the second call")
            if other is None or not np.allclose(one, other, rtol=1e-4, atol=1e-4):
                return [
                    f"Two calls with the same seed gave another {name}. Draw all random numbers "
                    "from a generator that is made from the seed: np.random.default_rng(seed)."
                ]
    return []


def _accuracy(answers: dict[str, np.ndarray], X: np.ndarray, y: np.ndarray) -> float:
    return float(((X @ answers["W"] + answers["b"]).argmax(1) == y).mean())


def _why_low(case: Case, answers: dict[str, np.ndarray], accuracy: float) -> str:
    learnt, (_, X, y) = case.arguments[0], case.secret
    if np.abs(answers["W"]).max() > 30:
        return f"One of the weights is {np.abs(answers['W']).max():,.0f}. {_LARGE}"
    mean, deviation = learnt.mean(0), learnt.std(0) + 1e-6
    for scaled in (X - mean, (X - mean) / deviation, X / 255, X * 255, 2 * X - 1):
        if _accuracy(answers, scaled, y) > max(_GOOD - 0.02, accuracy + 0.03):
            return (
                "W and b are used with the X that is given. Did you scale or standardise X inside? "
                "Then fold the mean and the scale into W and b."
            )
    if accuracy < 0.25:
        return (
            "That is little more than guessing. Are images and labels of a batch picked with the "
            "same positions? Does the step go against the gradient?"
        )
    return (
        "It learns, but not enough. Is the step too small for 500 of them, or so large that the "
        "loss jumps? Does b learn, too? Does every batch hold other images?"
    )


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
        given = np.ascontiguousarray(X[:, order]), y, size
        secret = np.ascontiguousarray(seen[:, order]), labels, least
        yield Case(f"3,000 images to search in, {about}", given, about, secret)


def _judge_projection(case: Case, answers: dict[str, np.ndarray]) -> list[str]:
    (X, y, size), (seen, labels, least), P = case.arguments, case.secret, answers["answer"]
    if P.shape != (X.shape[1], size):
        told = " P is transposed." if P.shape == (size, X.shape[1]) else ""
        return [f"Expected shape {(X.shape[1], size)}, got {P.shape}.{told}"]
    if not np.isfinite(P).all():
        return ["The answer holds NaN or infinity."]
    kept = X @ P
    far = (kept**2).sum(1) - 2 * (seen @ P) @ kept.T
    found = float((y[far.argmin(1)] == labels).mean())
    if found >= least:
        return []
    share = f"{found:.0%} of {len(labels):,} hidden images find one of their class"
    return [f"{share}; at least {least:.0%} are asked for.", _why_few(X - X.mean(0), P)]


def _why_few(X: np.ndarray, P: np.ndarray) -> str:
    rank = int(np.linalg.matrix_rank(P))
    if rank < P.shape[1]:
        return f"Look here: The columns of P repeat each other: they hold {rank} numbers, not more."
    if ((P != 0).sum(0) == 1).all():
        return "Look here: Each number is one pixel. A weighted sum of all pixels says far more."
    spread = np.linalg.svd(X @ P, compute_uv=False) ** 2
    share = float((X @ np.linalg.qr(P)[0]).var(0).sum() / X.var(0).sum())
    if share < 2e-3:
        return (
            "Look here: In these directions the images differ least. Does eigh or argsort begin "
            "with the smallest? Take those with the largest variance."
        )
    if spread[0] > 0.8 * spread.sum():
        return (
            "Look here: The numbers of an image are nearly the same, since one direction "
            "outweighs all others. Is the mean image still in it, or is one column far longer?"
        )
    if share < 0.03:
        return (
            f"Look here: The numbers hold {share:.1%} of the differences between the images, as "
            "directions drawn at random do. Let X choose them, or X and y."
        )
    return (
        "Which directions tell these images apart? Those in which they differ most, or those in "
        "which the classes differ. A pattern made beforehand does not know the images in X."
    )


QUESTIONS, FREE_TEXT = asked(
    __name__,
    pairwise_distances={"cases": _pairs},
    knn_predict={"cases": _neighbours, "collect": _predict_again},
    softmax_cross_entropy={"cases": _layers, "collect": _three_values},
    templates={"cases": _weights, "collect": _templates_twice},
    train_linear_classifier={"cases": _tasks, "collect": _train, "judge": _judge_linear},
    projection={"cases": _few_numbers, "judge": _judge_projection},
)
