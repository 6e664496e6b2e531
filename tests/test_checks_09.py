"""The exercises of section 09: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
from notebook_code import assert_helps, assert_named, assert_right, from_notebook

from cv_course import receptive as rf
from cv_course.checks import QUESTIONS
from cv_course.models import s09_receptive as s09
from cv_course.receptive import Window

NOTEBOOK = "09_receptive_field"


def windows(kernels, strides, paddings=None, dilations=None):
    rows = [kernels, strides]
    rows.append([0] * len(kernels) if paddings is None else paddings)
    rows.append([1] * len(kernels) if dilations is None else dilations)
    return [Window(*map(int, one)) for one in zip(*rows, strict=True)]


def sizes_by_the_package(kernels, strides, dilations):
    fields = rf.predicted(windows(kernels, strides, dilations=dilations))
    return torch.tensor([field.size[0] for field in fields])


def sizes_as_one_sum(kernels, strides, dilations):
    before = [int(np.prod(strides[:i])) for i in range(len(strides))]
    return [
        1 + sum((kernels[i] - 1) * dilations[i] * before[i] for i in range(end + 1))
        for end in range(len(kernels))
    ]


def sizes_from_the_top(kernels, strides, dilations):
    """Down from one element of each map: (r - 1) * s + (k - 1) * d + 1."""
    found = []
    for end in range(1, len(kernels) + 1):
        size = 1
        for i in reversed(range(end)):
            size = (size - 1) * strides[i] + (kernels[i] - 1) * dilations[i] + 1
        found.append(size)
    return np.array(found, dtype=float)


def seen_by_the_package(unit, kernels, strides, paddings):
    box = s09.down_to_the_input(windows(kernels, strides, paddings), (unit, 0))[-1]
    return np.array([box.top, box.bottom - 1])


def seen_from_size_and_start(unit, kernels, strides, paddings):
    field = rf.predicted(windows(kernels, strides, paddings))[-1]
    first = field.start[0] + unit * field.jump[0]
    return [first, first + field.size[0] - 1]


def seen_as_a_set(unit, kernels, strides, paddings):
    places = {int(unit)}
    for i in reversed(range(len(kernels))):
        places = {p * strides[i] - paddings[i] + tap for p in places for tap in range(kernels[i])}
    return min(places), max(places)


def box_by_the_package(gradient):
    box = s09.support(torch.as_tensor(gradient))
    return torch.tensor([box.top, box.left, box.bottom - 1, box.right - 1])


def box_from_positions(gradient):
    _, rows, columns = np.nonzero(gradient)
    return min(rows), min(columns), max(rows), max(columns)


RIGHT = {
    "field_sizes": [sizes_by_the_package, sizes_as_one_sum, sizes_from_the_top],
    "pixels_seen": [seen_by_the_package, seen_from_size_and_start, seen_as_a_set],
    "support_box": [box_by_the_package, box_from_positions, box_from_positions],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(5)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


def carried(grow, start=1):
    """field_sizes in a loop, with ``grow(k, s, d, jump, stride before)`` pixels added a layer."""

    def answer(kernels, strides, dilations):
        size, jump, before, found = start, 1, 1, []
        for k, s, d in zip(kernels, strides, dilations, strict=True):
            size += grow(k, s, d, jump, before)
            jump, before = jump * s, s
            found.append(size)
        return np.array(found)

    return answer


def traced(step, upwards=False, after=lambda first, last: (first, last)):
    """pixels_seen in a loop, with ``step(first, last, k, s, p)``."""

    def answer(unit, kernels, strides, paddings):
        first = last = unit
        rows = list(zip(kernels, strides, paddings, strict=True))
        for k, s, p in rows if upwards else rows[::-1]:
            first, last = step(first, last, k, s, p)
        return after(first, last)

    return answer


def right_step(first, last, k, s, p):
    return first * s - p, last * s - p + k - 1


WRONG = [
    ("field_sizes", carried(lambda k, s, d, j, b: (k - 1) * d), "strides are ignored"),
    ("field_sizes", carried(lambda k, s, d, j, b: (k - 1) * d * j * s), "own stride enlarges"),
    ("field_sizes", carried(lambda k, s, d, j, b: (k - 1) * d * b), "the layer just before"),
    ("field_sizes", carried(lambda k, s, d, j, b: (k - 1) * d * s), "its own stride"),
    ("field_sizes", carried(lambda k, s, d, j, b: k * d * j), "K instead of K - 1"),
    ("field_sizes", carried(lambda k, s, d, j, b: (k - 1) * d * j, start=0), "starts from 0"),
    ("field_sizes", carried(lambda k, s, d, j, b: (k - 1) * j), "dilation is ignored"),
    ("field_sizes", carried(lambda k, s, d, j, b: (k * d - 1) * j), "not K · d"),
    (
        "field_sizes",
        carried(lambda k, s, d, j, b: 0 if s > 1 else (k - 1) * d * j),
        "the poolings) are ignored",
    ),
    (
        "field_sizes",
        lambda k, s, d: sizes_as_one_sum(k[::-1], s[::-1], d[::-1]),
        "opposite order",
    ),
    ("field_sizes", lambda k, s, d: np.cumprod(s), "the jumps"),
    (
        "pixels_seen",
        traced(lambda a, b, k, s, p: right_step(a, b, k, s, 0)),
        "padding is left out",
    ),
    ("pixels_seen", traced(lambda a, b, k, s, p: right_step(a, b, k, s, -p)), "wrong sign"),
    (
        "pixels_seen",
        traced(lambda a, b, k, s, p: (a * s - p, b * s - p + k)),
        "one too far",
    ),
    (
        "pixels_seen",
        traced(right_step, after=lambda first, last: (first, last + 1)),
        "one too far",
    ),
    ("pixels_seen", traced(right_step, upwards=True), "from the input on"),
    (
        "pixels_seen",
        traced(lambda a, b, k, s, p: right_step(a, b, k, 1, p)),
        "strides are ignored",
    ),
    (
        "pixels_seen",
        traced(lambda a, b, k, s, p: (a * s - p, a * s - p + k - 1)),
        "only the first of the elements",
    ),
    (
        "pixels_seen",
        traced(lambda a, b, k, s, p: (a * s - p, b * s + k - 1)),
        "moves the end of the window",
    ),
    (
        "pixels_seen",
        traced(right_step, after=lambda first, last: (first, last - first + 1)),
        "and not a size",
    ),
    ("support_box", lambda g: box_from_positions(np.maximum(g, 0)), "negative gradients"),
    ("support_box", lambda g: box_from_positions(g[:1]), "only the first channel"),
    ("support_box", lambda g: box_from_positions(np.abs(g) > 1e-8), "small is not zero"),
    (
        "support_box",
        lambda g: tuple(s09.support(torch.as_tensor(g))),
        "not the ones behind them",
    ),
    (
        "support_box",
        lambda g: [box_from_positions(g)[i] for i in (1, 0, 3, 2)],
        "rows and columns are exchanged",
    ),
    (
        "support_box",
        lambda g: [*box_from_positions(g)[:2], *s09.support(torch.as_tensor(g)).size],
        "not a size",
    ),
    (
        "support_box",
        lambda g: box_from_positions(g.sum(0, keepdims=True)) if g.sum(0).any() else [0, 0, 0, 0],
        "not right yet",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)


def test_the_mistakes_of_field_sizes_differ_on_alexnet():
    """So that each can be told by its value, as in the message for a whole network."""
    question = QUESTIONS["field_sizes"]
    case = list(question.cases(np.random.default_rng(0)))[3]
    assert question.reference(*case.arguments)[-1] == 195
    ends = [mistake(*case.arguments)[-1] for mistake, _ in question.diagnoses]
    undilated = [end for end in ends if end != 195]  # two mistakes concern dilation alone
    assert len(undilated) == len(set(undilated)) == len(ends) - 2
