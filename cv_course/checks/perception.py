"""The exercises of section 01."""

import numpy as np

from cv_course.drill import Case, Question


def _measurements(rng: np.random.Generator):
    yield Case(
        "an eye that says 4 cm, error 1 cm, and a hand that says 8 cm, error 2 cm",
        (np.array([4.0, 8.0]), np.array([1.0, 2.0])),
    )
    yield Case("two senses of equal error", (np.array([10.0, 14.0]), np.array([2.0, 2.0])))
    yield Case("a single sense", (np.array([3.0]), np.array([0.5])))
    yield Case("five senses", (rng.normal(size=5), rng.uniform(0.5, 3, size=5)))


def _combine(estimates, sds, power: float = 2):
    weights = np.asarray(sds, dtype=float) ** -power
    weights /= weights.sum()
    return np.array([weights @ estimates, np.sqrt((weights**2) @ np.asarray(sds) ** 2)])


combine = Question(
    name="combine",
    contract=(
        "estimates (N,), sds (N,), the standard deviations of their independent errors -> the best "
        "weighted mean and its own standard deviation, two numbers."
    ),
    cases=_measurements,
    reference=_combine,
    diagnoses=(
        (
            lambda estimates, sds: np.array(
                [np.mean(estimates), np.sqrt(np.sum(np.square(sds))) / len(sds)]
            ),
            "all senses got the same weight; a sense that errs less should count for more.",
        ),
        (
            lambda estimates, sds: _combine(estimates, sds, power=1),
            "the weights are 1/sd; the best ones are 1/sd², the inverse of the variance.",
        ),
        (
            lambda estimates, sds: np.array(
                [np.average(estimates, weights=1 / sds), 1 / np.sqrt(np.sum(1 / sds**2))]
            ),
            "the weights of the mean are 1/sd, but your error belongs to 1/sd², the best ones.",
        ),
        (
            lambda estimates, sds: _combine(estimates, sds, power=-2),
            "the weights are upside down: the sense that errs most counts for most.",
        ),
        (
            lambda estimates, sds: np.array(
                [_combine(estimates, sds)[0], _combine(estimates, sds)[1] ** 2]
            ),
            "the mean is right; of its error you returned the variance. Take the root.",
        ),
        (
            lambda estimates, sds: np.array([_combine(estimates, sds)[0], np.mean(sds)]),
            "the mean is right, but its error is not the mean of the errors: it is smaller than "
            "each of them.",
        ),
        (
            lambda estimates, sds: np.array([_combine(estimates, sds)[0], np.sum(1 / sds**2)]),
            "the mean is right; the sum of 1/sd² is the inverse of its variance.",
        ),
        (
            lambda estimates, sds: np.array(
                [np.sum(estimates / sds**2), 1 / np.sqrt(np.sum(1 / sds**2))]
            ),
            "the weights do not add up to 1; divide by their sum.",
        ),
        (
            lambda estimates, sds: _combine(estimates, sds)[0],
            "the mean is right; its standard deviation is asked for, too.",
        ),
    ),
    hints=(
        "A sense whose error is twice as large deserves a quarter of the weight.",
        "weights = 1 / sds**2, divided by their sum; the mean is the sum of weights * estimates.",
        "Variances of independent errors add up, each times its weight squared. For these weights "
        "the result is 1 / sqrt(sum(1 / sds**2)).",
    ),
)


def _blobs(rng: np.random.Generator):
    yield Case("a blob in the middle of 5 x 5 pixels", (2.0, 2.0, 1.0, 1.0, 5))
    yield Case("to the right, and above the middle", (5.0, 1.0, 1.5, 0.8, 7))
    yield Case("dim, large, between the pixels", (3.5, 6.25, 3.0, 0.3, 12))
    yield Case("cut off by the border", (-1.0, *rng.uniform(2, 9, size=2), 0.6, 10))


def _bell(x, y, size, brightness, side):
    steps = np.arange(side)
    squared = (steps[None] - x) ** 2 + (steps[:, None] - y) ** 2
    return brightness * np.exp(-squared / (2 * size**2))


blob = Question(
    name="blob",
    contract=(
        "x (to the right), y (down), size, in pixels, brightness, side -> (side, side): brightness "
        "times exp(-d² / (2 size²)), d the distance of a pixel from (x, y)."
    ),
    cases=_blobs,
    reference=_bell,
    diagnoses=(
        (
            lambda x, y, size, brightness, side: _bell(y, x, size, brightness, side),
            "x and y are exchanged: an array's first axis counts the rows, downwards.",
        ),
        (
            lambda x, y, size, brightness, side: _bell(x, y, size / np.sqrt(2), brightness, side),
            "the 2 in the exponent is missing: divide by 2 size².",
        ),
        (
            lambda x, y, size, brightness, side: _bell(x, y, np.sqrt(size), brightness, side),
            "size is not squared in the exponent.",
        ),
        (
            lambda x, y, size, brightness, side: (
                brightness
                * np.sqrt(_bell(x, y, 1, 1, side) ** 0)
                * np.exp(-np.sqrt(-2 * np.log(_bell(x, y, 1, 1, side))) / (2 * size**2))
            ),
            "the distance is not squared in the exponent.",
        ),
        (
            lambda x, y, size, brightness, side: _bell(x, y, size, 1, side),
            "the brightness is missing.",
        ),
        (
            lambda x, y, size, brightness, side: (
                _bell(x, y, size, brightness, side) / (2 * np.pi * size**2)
            ),
            "that is the density of a normal distribution; a blob's peak is its brightness.",
        ),
        (
            lambda x, y, size, brightness, side: _bell(x, side - 1 - y, size, brightness, side),
            "y was counted upwards; in an image it counts downwards from the first row.",
        ),
        (
            lambda x, y, size, brightness, side: _bell(x - 1, y - 1, size, brightness, side),
            "the rows and columns were counted from 1; they count from 0.",
        ),
    ),
    hints=(
        "np.arange(side) holds the columns' numbers, and the rows'. You need all pairs of them.",
        "columns = np.arange(side)[None], rows = np.arange(side)[:, None]: in a sum of the two, "
        "broadcasting makes a square.",
        "squared = (columns - x)**2 + (rows - y)**2, then "
        "brightness * np.exp(-squared / (2 * size**2)).",
    ),
)


def _pictures_and_boxes(rng: np.random.Generator):
    yield Case(
        "a picture of 4 x 3 pixels and one box",
        (np.arange(12).reshape(4, 3), [(1, 4, 0, 2)]),
    )
    yield Case(
        "two boxes, and bytes",
        (rng.integers(0, 256, (8, 10), dtype=np.uint8), [(0, 3, 1, 5), (4, 8, 5, 10)]),
    )
    yield Case(
        "a picture in colour",
        (rng.random((9, 7, 3)), [(2, 6, 1, 4), (0, 2, 3, 7), (6, 9, 0, 7)]),
    )


def _each_box(image, boxes, change, grow: int = 0):
    changed = np.array(image)
    for top, bottom, left, right in boxes:
        part = (slice(top, bottom + grow), slice(left, right + grow))
        changed[part] = change(np.array(image)[part])
    return changed


def _columns_first(image, boxes):
    return _each_box(image, [(left, right, top, bottom) for top, bottom, left, right in boxes],
                     lambda part: part[::-1])  # fmt: skip


flip_boxes = Question(
    name="flip_boxes",
    contract=(
        "image (H, W) or (H, W, 3), boxes, a list of (top, bottom, left, right) -> a new image in "
        "which the content of every box is turned upside down, row by row."
    ),
    cases=_pictures_and_boxes,
    reference=lambda image, boxes: _each_box(image, boxes, lambda part: part[::-1]),
    diagnoses=(
        (
            lambda image, boxes: _each_box(image, boxes, lambda part: part[::-1, ::-1]),
            "the parts were turned by 180 degrees, so left and right changed sides, too; only the "
            "order of the rows shall change.",
        ),
        (
            lambda image, boxes: _each_box(image, boxes, lambda part: part[:, ::-1]),
            "left and right were exchanged; the first axis counts the rows.",
        ),
        (
            lambda image, boxes: _each_box(image, boxes[:1], lambda part: part[::-1]),
            "only the first box was flipped: return after the loop, not inside it.",
        ),
        (
            lambda image, boxes: _each_box(image, boxes, lambda part: part[::-1], grow=1),
            "a row and a column too many: bottom and right are the first ones outside the box.",
        ),
        (lambda image, boxes: np.array(image)[::-1], "the whole picture was turned upside down."),
        (
            lambda image, boxes: np.array(image),
            "nothing has changed. (Assigning to a slice's name does not change the picture; "
            "assign to the slice itself.)",
        ),
        (
            _columns_first,
            "rows and columns are exchanged: image[top:bottom, left:right], rows first.",
        ),
    ),
    hints=(
        "The part of the picture in a box is image[top:bottom, left:right].",
        "part[::-1] has the same rows in reverse order.",
        "flipped = image.copy(); then for each box "
        "flipped[top:bottom, left:right] = image[top:bottom, left:right][::-1].",
    ),
)

QUESTIONS = (combine, blob, flip_boxes)
