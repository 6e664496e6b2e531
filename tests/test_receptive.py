"""Predicted = traced = what a unit depends on, for random stacks of layers."""

import pytest
from dependence import box, sees_exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cv_course import layers
from cv_course import receptive as rf
from cv_course.receptive import Window


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def stacks(draw):
    """1 to 6 layers: convolutions with everything, average and max pools, rectangular ones too."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["conv", "conv", "average", "max"]))
        kernel = draw(pairs(1, 5))
        padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
        dilation = draw(pairs(1, 3)) if kind == "conv" else (1, 1)
        stride = draw(pairs(1, 2 if len(found) else 3))
        found.append((kind, Window(kernel, stride, padding, dilation)))
    return found


def build(stack, channels=2) -> nn.Sequential:
    model = nn.Sequential()
    for kind, w in stack:
        if kind == "conv":
            model.append(nn.Conv2d(channels, 3, w.kernel, w.stride, w.padding, w.dilation))
            channels = 3
        else:
            pool = nn.AvgPool2d if kind == "average" else nn.MaxPool2d
            model.append(pool(w.kernel, w.stride, w.padding))
        model.append(nn.ReLU())
    return model


@settings(max_examples=30, deadline=None, derandomize=True)
@given(stacks())
def test_predicted_is_traced_and_is_what_a_unit_depends_on(stack):
    expected = rf.predicted([w for _, w in stack])[-1]
    model = build(stack)
    # the first unit whose field begins inside the image, in an image that holds it
    unit = tuple(
        -(min(start, 0) // jump) for start, jump in zip(expected.start, expected.jump, strict=True)
    )
    size = [end + 2 * max(expected.jump) for _, end in box(expected, unit)]
    row = layers.trace(model, (2, *size))[-1]
    assert (row.receptive_field, row.jump, row.start) == tuple(expected)
    assert sees_exactly(model, (2, *size), "", unit, box(expected, unit))


def test_predicted_by_hand():
    assert rf.predicted([]) == []
    assert rf.predicted([Window((1, 5), 1, 0, (1, 2))])[0].size == (1, 9)


@pytest.mark.parametrize(
    "arguments", [(0,), (3, 0), (3, 1, -1), (3, 1, 0, 0), ((3, 3, 3),), ((3, "3"),), (True,)]
)
def test_a_window_that_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="expected a whole number"):
        Window(*arguments)
