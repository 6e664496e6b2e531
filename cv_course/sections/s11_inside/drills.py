"""Section 11's exercises: the references, what they are tried on, and what a plan must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _layers(rng):
    channels = np.array([[[1.0, 0], [0, 2]], [[0, 3], [1, 0]]])
    gradients = np.array([[[1.0, 3], [2, 2]], [[-1, -1], [0, -2]]])
    yield Case("two channels of 2 x 2", (channels, gradients))
    yield Case("six channels of 3 x 4", (rng.random((6, 3, 4)), rng.normal(size=(6, 3, 4))))


@exercise(_layers)
def class_map(channels, gradients):
    weights = gradients.mean(axis=(1, 2))
    total = (weights[:, None, None] * channels).sum(axis=0)
    return np.maximum(total, 0)


def _paths(rng):
    yield Case("one pixel, two steps", (np.array([[1.0], [0.0]]), np.array([3.0]), np.array([1.0])))
    gradients = rng.normal(size=(8, 5))
    yield Case("five pixels, eight steps", (gradients, rng.random(5) + 1, rng.random(5)))


@exercise(_paths)
def along_path(gradients, x, baseline):
    return gradients.mean(axis=0) * (x - baseline)


@design
def occlusion_plan(answer):
    size, step = int(answer["size"]), int(answer["step"])
    if not (1 <= size <= 224 and step >= 1):
        return False, "The size is from 1 to 224 pixels, the step is 1 or more."
    runs, rest = ((224 - size) // step + 1) ** 2, (224 - size) % step
    good = size <= 48 and 2 * step <= size and runs <= 110 and not rest
    if good:  # a page shows this for our own solution, so it does not name the numbers
        return True, "All four conditions hold."
    return False, (
        f"The patch of {size} pixels (48 or less) moves by {step} pixels (at most half of it). The "
        f"network runs {runs} times (110 or less). {rest} pixels on the right stay uncovered."
    )
