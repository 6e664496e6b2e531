"""Section 09's exercises: the references, what they are tried on, and what a design must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _gradients(rng):
    tiny = np.zeros((1, 4, 5))
    tiny[0, 1, 2] = 1
    yield Case("one channel of 4 x 5 pixels, a single pixel matters", (tiny,))
    signs = np.zeros((1, 6, 6))
    signs[0, 1:4, 2:5] = [[-1, 2, -1], [0, 3, 0], [1, -2, 0.5]]
    yield Case("positive and negative values", (signs,))
    channels = np.zeros((3, 7, 8))
    channels[0, 2, 3], channels[1, 4, 1], channels[2, 3, 6] = 1, -2, 3
    channels[:, 3, 4] = 0.5
    yield Case("three channels that differ", (channels,))
    cancel = np.zeros((2, 5, 6))
    cancel[0, 1:4, 1:5], cancel[1, 1:4, 1:5] = 1, -1
    cancel[0, 2, 2] = 3
    yield Case("two channels with opposite signs", (cancel,))
    faint = np.zeros((1, 9, 9))
    faint[0, 2:8, 1:7] = 1e-12
    faint[0, 3:7, 2:6] = rng.random((4, 4)) + 0.1
    yield Case("very small values around larger ones", (faint,))


@exercise(_gradients)
def support_box(gradient):
    seen = (gradient != 0).any(axis=0)
    rows = np.flatnonzero(seen.any(axis=1))
    columns = np.flatnonzero(seen.any(axis=0))
    return np.array([rows[0], columns[0], rows[-1], columns[-1]])


def _one_gradient(rng):
    yield Case("3 x 3 pixels", (np.array([[0.02, 0.3, 0.02], [0.3, 1, 0.3], [0.01, 0.3, 0.04]]),))
    signs = np.array([[-0.1, 1, 0.15], [1, 4, -1], [-0.5, 1, 0.4]])
    yield Case("positive and negative values, the largest is 4", (signs,))
    bell = np.exp(-(np.arange(-12, 13) ** 2) / 18)
    yield Case("a bell curve of 25 x 25 pixels, negative", (-bell[:, None] * bell,))
    yield Case("20 x 30 random values", (7 * rng.random((20, 30)) ** 3 * rng.choice([-1, 1], 30),))


@exercise(_one_gradient)
def effective_size(gradient):
    strength = np.abs(gradient) / np.abs(gradient).max()
    return np.sqrt((strength > 0.0455).sum())


def _gradients_of_images(rng):
    yield Case("two images of 1 x 2 pixels", (np.array([[[1.0, 2]], [[-1, 2]]]),))
    yield Case("one image", (np.array([[[3.0, -6, 0]]]),))
    yield Case("five images of 4 x 6 pixels", (rng.normal(size=(5, 4, 6)),))


@exercise(_gradients_of_images)
def mean_strength(gradients):
    mean = np.abs(gradients).mean(axis=0)
    return mean / mean.max()


@design
def dilations(answer):
    steps = [int(one) for one in answer]
    if len(steps) != 4 or min(steps) < 1:
        return False, "Give four whole numbers, each at least 1."
    seen = np.zeros(1, int)
    for step in steps:
        seen = np.unique(seen[:, None] + [-step, 0, step])
    size = 1 + 2 * sum(steps)
    return size == len(seen) >= 61, (
        f"The field is {size} pixels wide, and the unit sees {len(seen)} of them. The goal "
        "is a width of at least 61 without a gap."
    )
