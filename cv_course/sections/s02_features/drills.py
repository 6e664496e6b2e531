"""Section 02's exercises: the references, what they are tried on, and what a design must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _cells(rng):
    yield Case(
        "the two pixels of the text",
        (np.array([[3.0, -8.0]]), np.array([[4.0, -6.0]]), 4),
    )
    yield Case(
        "a pixel that gets brighter to the right, one to the left, one upwards",
        (np.array([[2.0, -1.0, 0.0]]), np.array([[0.0, 0.0, -5.0]]), 3),
    )
    yield Case("a cell of 4 x 4 pixels, nine bins", (*rng.normal(size=(2, 4, 4)), 9))


@exercise(_cells)
def cell_histogram(across, down, bins):
    degrees = np.rad2deg(np.arctan2(down, across)) % 180
    number = np.minimum((degrees * bins / 180).astype(int), bins - 1)
    lengths = np.hypot(across, down)
    return np.bincount(number.ravel(), lengths.ravel(), bins) / lengths.size


def _directions(rng):
    yield Case("10 and 170 degrees, and 30 and 60", (np.array([10.0, 30]), np.array([170.0, 60])))
    yield Case("fifty pairs", tuple(180 * rng.random((2, 50))))


@exercise(_directions)
def angle_between(first, second):
    apart = np.abs(first - second)
    return np.minimum(apart, 180 - apart)


def _designs(rng):
    yield Case("three designs", (np.array([0.7, 0.8, 0.6]), np.array([0.72, 0.75, 0.77])))
    validation = rng.random(40)
    yield Case("forty designs", (validation, validation + 0.3 * rng.normal(size=40)))


@exercise(_designs)
def honest_report(validation, test):
    best = np.argmax(validation)
    return test[best]


@design
def my_hog(answer):
    from cv_course import data, features
    from cv_course.sections.s02_features import model

    whole = data.fashion_mnist().train
    learn, validation = model.draw(whole[:8000], 500, 0), whole[8000:]  # those of part 1
    settings = {"block": 1, "norm": "none"} | answer
    known, asked = (features.hog(one.images, **settings) for one in (learn, validation))
    layer = model.fit_linear(known, learn.labels, decay=0.01)
    reached, count = model.accuracy(layer, asked, validation.labels), known.shape[1]
    return reached >= 0.77 and count <= 200, (
        f"It has {count:,} numbers per image and the validation accuracy {reached:.3f}. The goal "
        "is 0.770 or more, with 200 numbers or fewer."
    )
