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


def _strengths(rng):
    yield Case("3 x 3 pixels", (np.array([[0.02, 0.3, 0.02], [0.3, 1, 0.3], [0.01, 0.3, 0.04]]),))
    yield Case("the largest value is 4", (np.array([[0.1, 1, 0.1], [1, 4, 1], [0.15, 1, 0.4]]),))
    bell = np.exp(-(np.arange(-12, 13) ** 2) / 18)
    yield Case("a Gaussian of 25 x 25 pixels", (bell[:, None] * bell,))
    yield Case("20 x 30 random values", (7 * rng.random((20, 30)) ** 3,))


@exercise(_strengths)
def effective_size(strength):
    used = strength > 0.0455 * strength.max()
    return np.sqrt(used.sum())


def _maps(rng):
    yield Case("one bright column", (np.array([[0.0, 2, 0], [0, 2, 0]]),))
    yield Case("two equal columns, 2 pixels apart", (np.array([[1.0, 0, 1]]),))
    yield Case("random values", (rng.random((4, 6)),))


@exercise(_maps)
def sigma_across(strength):
    columns = strength.sum(axis=0)
    share = columns / columns.sum()
    position = np.arange(len(share))
    mean = (share * position).sum()
    return np.sqrt((share * (position - mean) ** 2).sum())


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
        f"The field is {size} pixels wide, and the unit depends on {len(seen)} of them. The goal "
        "is a width of at least 61 without a gap."
    )
