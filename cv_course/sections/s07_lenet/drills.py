"""Section 07's exercises: the references, what they are tried on, and what a design must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _tables(rng):
    yield Case("one map that looks at one map, 1 x 1 kernels", (np.eye(1, dtype=int), 1, 3))
    three = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]])
    yield Case("three maps that look at 1, 2 and 2 maps", (three, 3, 16))
    table = (rng.random((6, 8)) < 0.5).astype(int)
    table[:, 7], table[0, 0] = 1, 0  # no map that looks at nothing, and not the full table
    yield Case("six maps that look at some of eight", (table, 5, int(rng.integers(20, 200))))


@exercise(_tables)
def count_partial(table, kernel, units):
    parameters = table.sum() * kernel**2 + len(table)
    return np.array([parameters, units * parameters])


def _distances(rng):
    yield Case("one image, two codes", (np.array([[1.0, 3.0]]), np.array([0]), 2.0))
    yield Case("four images, three codes", (4 * rng.random((4, 3)), np.array([0, 1, 2, 1]), 1.5))


@exercise(_distances)
def code_loss(y, labels, j):
    powers = np.exp(-y)
    right = powers[np.arange(len(y)), labels]
    return -np.log(right / (np.exp(-j) + powers.sum(axis=1))).mean()


def _states(rng):
    codes = np.array([[1.0, -1], [1, 1.5], [-1.5, 1.5]])
    yield Case("one image, three codes", (np.array([[0.5, 0.0]]), codes))
    codes = rng.choice([-1.0, 1.0], (10, 84))
    yield Case(
        "sixty images, ten codes", (rng.normal(0, 0.5, (60, 84)) + codes[:6].repeat(10, 0), codes)
    )


@exercise(_states)
def nearest_code(f6, codes):
    differences = f6[:, None] - codes[None]
    distances = (differences**2).sum(axis=2)
    return distances.argmin(axis=1)


@design
def my_table(answer):
    rows = [tuple(sorted(set(row))) for row in answer]
    used = np.bincount([source for row in rows for source in row], minlength=6)
    if len(rows) != 16 or len(used) != 6 or not all(rows):
        return False, "Give 16 rows, each with one or more of the maps 0 to 5."
    parameters = 25 * int(used.sum()) + 16
    return len(set(rows)) == 16 and len(set(used)) == 1 and parameters <= 1_300, (
        f"{len(set(rows))} of 16 rows are different. The maps 0 to 5 are used {used.tolist()} "
        f"times. C3 has {parameters:,} parameters; the goal is 1,300 or fewer."
    )
