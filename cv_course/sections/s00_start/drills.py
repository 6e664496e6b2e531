"""The exercise of section 00; texts and usual mistakes are in ``drills.toml``."""

import numpy as np

from cv_course.drill import Case, exercise


def _stacks(rng: np.random.Generator):
    grey = np.array([[[[0, 51, 102], [153, 204, 255]]]], dtype=np.uint8)
    yield Case("one grey image of 2 x 3 pixels", (grey,))
    colour = rng.integers(0, 256, (4, 3, 5, 7), dtype=np.uint8)
    yield Case("four colour images of 5 x 7 pixels", (colour,))


@exercise(_stacks)
def mean_brightness(images):
    return images.mean(axis=(1, 2, 3)) / 255
