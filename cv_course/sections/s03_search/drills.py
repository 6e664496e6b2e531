"""The exercises of section 03; texts and usual mistakes are in ``drills.toml``."""

import numpy as np

from cv_course.drill import Case, as_array, design, exercise


class _OnALine:
    """``accuracy(stored, queries, k)`` of k-NN on points on a line with labels 0 and 1."""

    def __init__(self, points: np.ndarray, labels: np.ndarray):
        self._points, self._labels = points, labels

    def __call__(self, stored, queries, k: int) -> float:
        gap = np.abs(self._points[queries][:, None] - self._points[stored])
        voters = self._labels[stored][gap.argsort(axis=1, kind="stable")[:, :k]]
        return float(((voters.mean(axis=1) > 0.5) == self._labels[queries]).mean())

    def __deepcopy__(self, memo):
        return self

    def __repr__(self) -> str:
        return "accuracy(stored, queries, k)"


def _points_on_a_line(rng: np.random.Generator):
    for n, ks in ((60, [1, 3, 5, 9, 15, 25, 45]), (100, [1, 5, 21, 75])):
        points = rng.normal(size=n)
        labels = (points + rng.normal(size=n) > 0).astype(int)
        about = f"{n} points on a line with labels 0 and 1, and k = {', '.join(map(str, ks))}"
        yield Case(about, (_OnALine(points, labels), n, ks))


@exercise(_points_on_a_line)
def cross_validate(accuracy, n, ks):
    positions = np.arange(n)
    means = []
    for k in ks:
        rounds = []
        for queries in np.split(positions, 5):
            stored = np.setdiff1d(positions, queries)
            rounds.append(accuracy(stored, queries, k))
        means.append(np.mean(rounds))
    return np.array(means)


def _images_to_shift(rng: np.random.Generator):
    yield Case(
        "a 2 x 4 query and one image, reach 1",
        (np.array([[3.0, 3, 4, 2], [4, 0, 3, 2]]), np.array([[[0.0, 3, 2, 0], [1, 5, 0, 5]]]), 1),
    )
    yield Case(
        "three images of 4 x 7, reach 0: no shift at all",
        (rng.normal(size=(4, 7)), rng.normal(size=(3, 4, 7)), 0),
    )
    yield Case(
        "five images of 6 x 5, reach 2", (rng.normal(size=(6, 5)), rng.normal(size=(5, 6, 5)), 2)
    )
    dots = np.zeros((2, 7, 7))
    dots[0, 3, 3] = dots[1, 4, 2] = 9
    yield Case("a dot that moved down and to the left", (dots[0], dots[1:], 1))
    pixels = rng.integers(0, 256, (4, 5, 5), dtype=np.uint8)
    yield Case("images of bytes, reach 1", (pixels[0], pixels[1:], 1))


@exercise(_images_to_shift)
def shift_tolerant_distance(q, X, reach):
    height, width = q.shape
    padded = np.pad(np.asarray(q, dtype=float), reach)
    found = []
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            window = padded[dy : dy + height, dx : dx + width]
            found.append(np.sqrt(((X - window) ** 2).sum(axis=(1, 2))))
    return np.min(found, axis=0)


def _features_to_scale(rng: np.random.Generator):
    scale, offset = np.array([30.0, 2.0]), np.array([80.0, 12.0])
    stored = offset + scale * rng.normal(size=(6, 2))
    queries = offset + scale * rng.normal(size=(3, 2))
    yield Case("six stored rows and three queries", (stored, queries))
    yield Case("the same stored rows and a single query", (stored, queries[:1]))


@exercise(_features_to_scale)
def scale_queries(stored, queries):
    return (queries - stored.mean(axis=0)) / stored.std(axis=0)


@design
def my_memory(positions):
    from cv_course import data
    from cv_course.nearest import NearestNeighbours

    everything = data.fashion_mnist().train
    train, validation = everything[:8_000], everything[8_000:]
    chosen = np.unique(as_array(positions).astype(int))
    if len(chosen) > 100 or not (chosen >= 0).all() or not (chosen < len(train)).all():
        return False, f"Give at most 100 positions from 0 to 7,999; these are {len(chosen):,}."
    memory = train[chosen]
    search = NearestNeighbours(1).fit(memory.images, memory.labels)
    accuracy = search.score(validation.images, validation.labels)
    said = f"With {len(chosen)} images 1-NN is right on {accuracy:.3f} of the validation images"
    return accuracy >= 0.7, f"{said}; 0.700 is asked for."
