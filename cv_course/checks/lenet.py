"""The exercises of section 07."""

import numpy as np

from cv_course.drill import Case, Question


def _tables(rng: np.random.Generator):
    yield Case(
        "one map that looks at one map, 1 x 1 kernels, 3 places", (np.eye(1, dtype=int), 1, 3)
    )
    three = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]])
    yield Case("three maps that look at 1, 2 and 2 maps", (three, 3, 16))
    table = (rng.random((6, 8)) < 0.5).astype(int)
    table[:, 7] = 1  # no map that looks at nothing
    table[0, 0] = 0
    yield Case("six maps that look at some of eight", (table, 5, int(rng.integers(20, 200))))


def _pairs(table) -> int:
    return int(np.sum(table))


def _count(table, kernel, places):
    parameters = _pairs(table) * kernel**2 + len(table)
    return np.array([parameters, parameters * places])


count_partial = Question(
    name="count_partial",
    contract=(
        "table (F, C), 1 where output map f looks at input map c and 0 elsewhere, kernel (side k "
        "of the square kernels), places (how many places an output map has) -> [parameters, "
        "connections]."
    ),
    cases=_tables,
    reference=_count,
    diagnoses=(
        (
            lambda table, kernel, places: np.array(
                [_pairs(table) * kernel**2, _pairs(table) * kernel**2 * places]
            ),
            "the biases are missing: one parameter for each output map, one connection for each of "
            "its units.",
        ),
        (
            lambda table, kernel, places: np.array(
                [_pairs(table) * kernel**2 + len(table), _pairs(table) * kernel**2 * places]
            ),
            "the biases are missing among the connections: each unit has one to its bias.",
        ),
        (
            lambda table, kernel, places: np.array(
                [
                    _pairs(table) * kernel**2 + len(table),
                    _pairs(table) * kernel**2 * places + len(table),
                ]
            ),
            "a bias is shared by a map, but each of its units has a connection to it.",
        ),
        (
            lambda table, kernel, places: _count(np.ones_like(table), kernel, places),
            "that is the full table: every output map was joined to every input map.",
        ),
        (
            lambda table, kernel, places: np.array(
                [_pairs(table) * (kernel**2 + 1), _pairs(table) * (kernel**2 + 1) * places]
            ),
            "one bias for each kernel is too many: the kernels of one output map are added up, and "
            "then one bias.",
        ),
        (
            lambda table, kernel, places: np.array(
                [
                    len(table) * (kernel**2 + 1),
                    len(table) * (kernel**2 + 1) * places,
                ]
            ),
            "an output map has a kernel of its own for each input map that it looks at, not one "
            "for all of them.",
        ),
        (
            lambda table, kernel, places: np.array(
                [
                    _pairs(table) * kernel + len(table),
                    (_pairs(table) * kernel + len(table)) * places,
                ]
            ),
            "a kernel of side k has k · k weights.",
        ),
    ),
    hints=(
        "Each 1 in the table is one kernel of k · k weights; table.sum() counts them. And each "
        "output map, a row of the table, has one bias.",
        "Each unit of a map multiplies all the weights of its map once and adds the bias once.",
        "So there are `places` times as many connections as parameters.",
    ),
)


def _maps(rng: np.random.Generator):
    yield Case(
        "one map of 2 x 2",
        (np.array([[[1.0, 2], [3, 6]]]), np.array([0.5]), np.array([1.0])),
    )
    yield Case(
        "two maps of 2 x 4", (rng.normal(size=(2, 2, 4)), rng.normal(size=2), rng.normal(size=2))
    )
    yield Case(
        "three maps of 6 x 4", (rng.normal(size=(3, 6, 4)), rng.normal(size=3), rng.normal(size=3))
    )
    yield Case(
        "four maps of 4 x 4, all values negative",
        (-1 - rng.random((4, 4, 4)), rng.normal(size=4), rng.normal(size=4)),
    )


def _blocks(maps: np.ndarray) -> np.ndarray:
    channels, height, width = maps.shape
    return maps.reshape(channels, height // 2, 2, width // 2, 2)


def _affine(maps, coefficient, bias):
    return maps * coefficient[:, None, None] + bias[:, None, None]


subsample = Question(
    name="subsample",
    contract=(
        "maps (C, H, W) with even H and W, coefficient (C,), bias (C,) -> (C, H/2, W/2): the sum "
        "of each 2 x 2 block, times the map's coefficient, plus the map's bias (no squashing yet)."
    ),
    cases=_maps,
    reference=lambda maps, coefficient, bias: _affine(
        _blocks(maps).sum(axis=(2, 4)), coefficient, bias
    ),
    diagnoses=(
        (
            lambda maps, coefficient, bias: _affine(
                _blocks(maps).mean(axis=(2, 4)), coefficient, bias
            ),
            "that is the mean of the block; the paper adds the four up (the coefficient learns the "
            "rest).",
        ),
        (
            lambda maps, coefficient, bias: _affine(
                _blocks(maps).max(axis=(2, 4)), coefficient, bias
            ),
            "that is the maximum of the block, as in today's networks; in 1998 it was the sum.",
        ),
        (
            lambda maps, coefficient, bias: _blocks(_affine(maps, coefficient, bias)).sum((2, 4)),
            "the bias was added before the sum, and so came in four times.",
        ),
        (
            lambda maps, coefficient, bias: _blocks(maps).sum((2, 4)) * coefficient[:, None, None],
            "the bias is missing.",
        ),
        (
            lambda maps, coefficient, bias: (
                (_blocks(maps).sum((2, 4)) + bias[:, None, None]) * coefficient[:, None, None]
            ),
            "the bias was multiplied by the coefficient; first multiply, then add.",
        ),
        (
            lambda maps, coefficient, bias: _affine(
                sum(
                    maps[:, y : maps.shape[1] - 1 + y, x : maps.shape[2] - 1 + x]
                    for y in (0, 1)
                    for x in (0, 1)
                ),
                coefficient,
                bias,
            ),
            "the blocks overlap: take a step of two pixels, not of one.",
        ),
        (
            lambda maps, coefficient, bias: (
                1.7159 * np.tanh(2 / 3 * _affine(_blocks(maps).sum(axis=(2, 4)), coefficient, bias))
            ),
            "the squashing comes afterwards, in a stage of its own.",
        ),
    ),
    hints=(
        "maps[:, ::2, ::2] is the upper left pixel of every block. Which slices are the other "
        "three?",
        "Add the four slices. The result has the shape (C, H/2, W/2).",
        "coefficient[:, None, None] has the shape (C, 1, 1), so that each map gets its own.",
    ),
)


def _distances(rng: np.random.Generator):
    codes = np.where(rng.random((3, 6)) < 0.5, -1.0, 1.0)
    yield Case(
        "one state that is the code of its class; two classes",
        (np.array([[1.0, -1]]), np.array([[1.0, -1], [1, 1]]), np.array([0])),
    )
    yield Case(
        "four states, three classes",
        (rng.normal(size=(4, 6)) * 0.5, codes, np.array([0, 1, 2, 1])),
    )
    far = np.where(rng.random((4, 84)) < 0.5, -1.0, 1.0)
    yield Case("codes of 84 numbers, a state far from all", (np.full((2, 84), 30.0), far, [3, 0]))


def _penalties(states, codes):
    return ((states[:, None] - codes) ** 2).sum(axis=2)


def _log_sum(y):
    low = y.min(axis=1, keepdims=True)
    return np.log(np.exp(low - y).sum(axis=1)) - low[:, 0]


def _right(y, labels):
    return y[np.arange(len(y)), labels]


rbf_loss = Question(
    name="rbf_loss",
    contract=(
        "states (N, D), codes (K, D), labels (N,) -> one number: the mean over the states of "
        "y_label + log Σ_i exp(-y_i), where y_i is the squared distance of the state to code i."
    ),
    cases=_distances,
    reference=lambda states, codes, labels: np.mean(
        _right(_penalties(states, codes), labels) + _log_sum(_penalties(states, codes))
    ),
    diagnoses=(
        (
            lambda states, codes, labels: np.mean(_right(_penalties(states, codes), labels)),
            "that is the distance to the right code alone; the second term, which pushes the state "
            "away from the wrong ones, is missing.",
        ),
        (
            lambda states, codes, labels: np.mean(
                _right(np.sqrt(_penalties(states, codes)), labels)
                + _log_sum(np.sqrt(_penalties(states, codes)))
            ),
            "that is the distance; take it squared.",
        ),
        (
            lambda states, codes, labels: np.mean(
                -_right(_penalties(states, codes), labels) + _log_sum(-_penalties(states, codes))
            ),
            "the signs: a small distance is a good one, so exp(-y) and +y_label.",
        ),
        (
            lambda states, codes, labels: np.sum(
                _right(_penalties(states, codes), labels) + _log_sum(_penalties(states, codes))
            ),
            "that is the sum over the states; take the mean.",
        ),
        (
            lambda states, codes, labels: np.mean(
                _right(_penalties(states, codes), labels)
                + np.log(np.exp(-_penalties(states, codes)).sum(axis=1))
            ),
            "exp(-y) of a large distance is 0, and its logarithm minus infinity. Subtract the "
            "smallest distance first: log Σ exp(-y_i) = -m + log Σ exp(m - y_i).",
        ),
    ),
    hints=(
        "states[:, None] - codes has the shape (N, K, D): every state less every code. Square, and "
        "sum over the last axis.",
        "The distance to the right code: y[np.arange(len(y)), labels].",
        "With m = y.min(1, keepdims=True): log Σ exp(-y) = np.log(np.exp(m - y).sum(1)) - m[:, 0], "
        "which never overflows.",
    ),
)

QUESTIONS = (count_partial, subsample, rbf_loss)
