"""Predicted = traced = measured, in the twin and in real networks."""

from copy import deepcopy

import pytest
import torch
import twin
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cv_course import layers
from cv_course import receptive as rf
from cv_course.receptive import Window

torchvision_models = pytest.importorskip("torchvision.models")


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
    """The stack as a real network with positive weights; its maxima are means."""
    model = nn.Sequential()
    for kind, w in stack:
        if kind == "conv":
            geometry = (w.kernel, w.stride, w.padding, w.dilation)
            conv = nn.Conv2d(channels, channels, *geometry, bias=False)
            nn.init.constant_(conv.weight, 1 / conv.weight[0].numel())
            model.extend([conv.double(), nn.ReLU()])
        else:
            model.append(nn.AvgPool2d(w.kernel, w.stride, w.padding))
    return model


@settings(max_examples=50, deadline=None, derandomize=True)
@given(stacks())
def test_measured_is_predicted_for_random_stacks(stack):
    windows = [w for _, w in stack]
    expected = rf.predicted(windows)[-1]
    size = tuple(s + 4 * j + 8 for s, j in zip(expected.size, expected.jump, strict=True))
    model = build(stack)
    row = layers.trace(model, (2, *size))[-1]
    assert (row.receptive_field, row.jump, row.start) == tuple(expected)
    # a unit whose field lies inside the image
    unit = tuple(
        -(-max(0, -start) // jump)
        for start, jump in zip(expected.start, expected.jump, strict=True)
    )
    box = twin.box(expected, unit)
    if box != box.within(*size) or any(
        u >= n for u, n in zip(unit, row.output_shape[1:], strict=True)
    ):
        size = tuple(s + p for s, p in zip(size, (box.bottom, box.right), strict=True))
    image = torch.rand(1, 2, *size, dtype=torch.float64)
    assert twin.support(twin.unit_gradient(model, image, unit)) == box  # the real network
    assert twin.measured(model, (2, *size), "", unit) == box  # its twin
    for place, m in enumerate(maxima := deepcopy(model)):
        if isinstance(m, nn.AvgPool2d):
            maxima[place] = nn.MaxPool2d(m.kernel_size, m.stride, m.padding)
    assert twin.measured(maxima, (2, *size), "", unit) == box


def test_the_twin_measures_what_a_real_network_with_positive_weights_shows():
    """AlexNet itself, all its channels, in double precision."""
    torch.manual_seed(0)
    model = torchvision_models.AlexNet().features.double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1 / parameter[0].numel() if parameter.ndim > 1 else 0)
    image = torch.ones(1, 3, 260, 260, dtype=torch.float64)
    averages = nn.Sequential(
        *(nn.AvgPool2d(3, 2) if isinstance(m, nn.MaxPool2d) else m for m in model)
    )
    found = twin.support(twin.unit_gradient(averages, image, (3, 3)))
    assert found == twin.measured(model, (3, 260, 260), "", (3, 3))
    assert found.size == (195, 195)


def test_predicted_by_hand():
    assert rf.predicted([]) == []
    assert rf.predicted([Window((1, 5), 1, 0, (1, 2))])[0].size == (1, 9)


@pytest.mark.parametrize(
    "arguments", [(0,), (3, 0), (3, 1, -1), (3, 1, 0, 0), ((3, 3, 3),), (2.5,), ((3, "3"),)]
)
def test_a_window_that_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="expected a whole number"):
        Window(*arguments)
