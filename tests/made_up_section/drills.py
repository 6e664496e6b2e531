import numpy as np

from cv_course.drill import Case, design, exercise


def cases(rng):
    yield Case("two rows", (np.array([[1.0, 2.0], [3.0, 5.0]]),))
    yield Case("many rows", (rng.normal(size=(20, 30)),))


@exercise(cases, rtol=1e-6)
def row_sums(x):
    rows, columns = x.shape
    total = np.zeros(rows)
    for column in range(columns):
        total += x[:, column]
    return total


def column_sums(x):
    return x.sum(axis=0)


@exercise(cases)
def largest(x):
    return x.max()


@design
def widths(answer):
    return sum(answer) <= 10, f"Your widths add up to {sum(answer)}; the budget is 10."
