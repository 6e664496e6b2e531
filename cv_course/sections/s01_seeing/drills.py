"""The exercises of section 01; texts and usual mistakes are in ``drills.toml``."""

import numpy as np

from cv_course.drill import Case, exercise


def _blobs(rng: np.random.Generator):
    yield Case("a blob in the middle of 5 x 5 pixels", (2.0, 2.0, 1.0, 1.0, 5))
    yield Case("to the right, and above the middle", (5.0, 1.0, 1.5, 0.8, 7))
    yield Case("dim, large, between the pixels", (3.5, 6.25, 3.0, 0.3, 12))
    yield Case("cut off by the border", (-1.0, *rng.uniform(2, 9, size=2), 0.6, 10))


@exercise(_blobs)
def blob(x, y, size, brightness, side):
    columns, rows = np.arange(side)[None], np.arange(side)[:, None]
    squared = (columns - x) ** 2 + (rows - y) ** 2
    return brightness * np.exp(-squared / (2 * size**2))


def _images(rng: np.random.Generator):
    yield Case(
        "an image of 4 x 3 pixels and one box", (np.arange(12).reshape(4, 3), [(1, 4, 0, 2)])
    )
    yield Case("two boxes, bytes", (rng.integers(0, 256, (8, 10), dtype=np.uint8),
                                    [(0, 3, 1, 5), (4, 8, 5, 10)]))  # fmt: skip


@exercise(_images)
def flip_boxes(image, boxes):
    flipped = image.copy()
    for top, bottom, left, right in boxes:
        flipped[top:bottom, left:right] = image[top:bottom, left:right][::-1]
    return flipped
