"""Predicted = traced = measured, in the twin and in real networks."""

import time

import pytest
import torch
import twin
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from twin import Box

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
    assert twin.support(twin.unit_gradient(model, image, unit=unit)) == box  # the real network
    assert twin.measured(model, (2, *size), unit=unit) == box  # its twin
    maxima = nn.Sequential(
        *(
            nn.MaxPool2d(m.kernel_size, m.stride, m.padding) if isinstance(m, nn.AvgPool2d) else m
            for m in model
        )
    )
    assert twin.measured(maxima, (2, *size), unit=unit) == box


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
    found = twin.support(twin.unit_gradient(averages, image, unit=(3, 3)))
    assert found == twin.measured(model, (3, 260, 260), unit=(3, 3))
    assert found.size == (195, 195)


class Then(nn.Module):
    """A convolution, then a function on its 4 maps of 14 x 14, then perhaps a layer."""

    def __init__(self, function, last=None):
        super().__init__()
        self.conv, self.function, self.last = nn.Conv2d(1, 4, 3), function, last or nn.Identity()

    def forward(self, images):
        return self.last(self.function(self.conv(images)))


def switched_off(maps):
    maps[:, 0] = 0
    return maps


def transposed(maps):
    return F.conv_transpose2d(maps, torch.ones(4, 3, 2, 2), stride=2, groups=2)[:, [5]]


def half_pooled(maps):
    """Two groups of channels that see different parts of the image; one of them is looked at."""
    both = torch.cat([maps[:, :2], F.max_pool2d(maps[:, 2:], 3, 1, 1)], 1)
    return F.conv2d(both, torch.ones(6, 2, 3, 3), groups=2)[:, [0, 1, 2]]


def channels_last(maps):
    return F.layer_norm(maps.movedim(1, -1), (4,)).movedim(-1, 1)


WHOLE = Box(0, 0, 16, 16)
WITH_ALL_CHANNELS = {  # what one channel alone cannot show -> the layers, the box of unit (5, 6)
    "picked": (Then(lambda x: x[:, [0, 2]], nn.Conv2d(2, 4, 3)), Box(5, 6, 10, 11)),
    "switched off": (Then(switched_off), Box(5, 6, 8, 9)),
    "softmax of a column": (Then(lambda x: x.softmax(2)), Box(0, 6, 16, 9)),
    "transposed": (Then(transposed), Box(2, 3, 5, 6)),
    "in groups": (Then(half_pooled), Box(5, 6, 10, 11)),
    "group norm": (Then(lambda x: x, nn.GroupNorm(2, 4)), WHOLE),
    "layer norm": (Then(lambda x: x, nn.LayerNorm([4, 14, 14])), WHOLE),
    "this image's statistics": (
        Then(lambda x: x, nn.BatchNorm2d(4, track_running_stats=False)),
        WHOLE,
    ),
    "instance norm": (Then(lambda x: x, nn.InstanceNorm2d(4, affine=True)), WHOLE),
    "channels last": (Then(channels_last), Box(5, 6, 8, 9)),
}


@pytest.mark.parametrize("what", WITH_ALL_CHANNELS)
def test_what_one_channel_cannot_show_is_measured_with_all_of_them(what):
    model, box = WITH_ALL_CHANNELS[what]
    assert twin.measured(model, (1, 16, 16), unit=(5, 6)) == box


def test_measuring_changes_nothing():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten())
    threads = torch.get_num_threads()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    twin.measured(model, (1, 8, 8), "2")
    twin.unit_gradient(model, torch.rand(2, 1, 8, 8), "1")
    assert torch.get_num_threads() == threads
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_vgg16_is_measured_in_an_instant():
    with torch.device("meta"):
        model = torchvision_models.vgg16(weights=None)
    seconds = []
    for _ in range(10):
        began = time.process_time()
        assert twin.measured(model, (3, 224, 224), "features.30").size == (212, 212)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.02


LENET = [Window(5), Window(2, 2), Window(5), Window(2, 2), Window(5)]


def test_predicted_by_hand():
    assert [field.size[0] for field in rf.predicted(LENET)] == [5, 6, 14, 16, 32]
    alexnet = [Window(11, 4), Window(3, 2), Window(5, 1, 2), Window(3, 2), *[Window(3, 1, 1)] * 3]
    fields = rf.predicted([*alexnet, Window(3, 2), Window(6)])
    assert [f.size[0] for f in fields] == [11, 19, 51, 67, 99, 131, 163, 195, 355]
    assert fields[-2].jump == (32, 32)
    two, one = (Window(3, 1, 1), Window(3, 1, 1)), (Window(1),)
    pool = (Window(2, 2),)
    c = [*two, *pool, *two, *pool, *(two + one + pool) * 3]  # VGG's configuration C
    assert rf.predicted(c)[-1].size == (156, 156)
    assert rf.predicted([]) == []
    assert rf.predicted([Window((1, 5), 1, 0, (1, 2))])[0].size == (1, 9)


@pytest.mark.parametrize(
    "arguments", [(0,), (3, 0), (3, 1, -1), (3, 1, 0, 0), ((3, 3, 3),), (2.5,), ((3, "3"),)]
)
def test_a_window_that_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="expected a whole number"):
        Window(*arguments)


def test_layers_and_units_that_are_not_there_are_named():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3))
    with pytest.raises(ValueError, match="no layer '7'"):
        twin.measured(model, (1, 8, 8), "7")
    with pytest.raises(ValueError, match=r"unit \(9, 9\)"):
        twin.measured(model, (1, 8, 8), "0", (9, 9))
    with pytest.raises(ValueError, match=r"unit \(-1, 0\)"):
        twin.measured(model, (1, 8, 8), "0", (-1, 0))
    with pytest.raises(ValueError, match="channel 5"):
        twin.unit_gradient(model, torch.rand(1, 1, 8, 8), "0", channel=5)
    group = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2))
    with pytest.warns(UserWarning, match="group_norm"):
        row = layers.trace(group, (1, 8, 8))[1]
    with pytest.raises(ValueError, match="not known"):
        twin.box(row, (0, 0))


def test_support():
    gradient = torch.zeros(2, 3, 9, 9)
    assert twin.support(gradient) is None
    gradient[1, 0, 2, 5] = -1e-30
    gradient[0, 2, 4, 4] = 1
    assert twin.support(gradient) == Box(2, 4, 5, 6)
    assert twin.support(gradient[0, 2]) == Box(4, 4, 5, 5)
