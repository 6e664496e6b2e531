"""Predicted = traced = measured, in the twin and in real networks; and what *effective* means."""

import math
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from cv_course import layers
from cv_course import receptive as rf
from cv_course.models import s09_receptive as s09
from cv_course.models.s09_receptive import Box
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
    box = s09.box(expected, unit)
    if box != box.within(*size) or any(
        u >= n for u, n in zip(unit, row.output_shape[1:], strict=True)
    ):
        size = tuple(s + p for s, p in zip(size, (box.bottom, box.right), strict=True))
    image = torch.rand(1, 2, *size, dtype=torch.float64)
    assert s09.support(s09.unit_gradient(model, image, unit=unit)) == box  # the real network
    assert s09.measured(model, (2, *size), unit=unit) == box  # its twin
    assert s09.down_to_the_input(windows, unit)[-1] == box
    assert s09.map_sizes(windows, size)[-1] == layers.trace(model, (2, *size))[-1].output_shape[1:]
    maxima = nn.Sequential(
        *(
            nn.MaxPool2d(m.kernel_size, m.stride, m.padding) if isinstance(m, nn.AvgPool2d) else m
            for m in model
        )
    )
    assert s09.measured(maxima, (2, *size), unit=unit) == box


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
    found = s09.support(s09.unit_gradient(averages, image, unit=(3, 3)))
    assert found == s09.measured(model, (3, 260, 260), unit=(3, 3))
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
    assert s09.measured(model, (1, 16, 16), unit=(5, 6)) == box


def test_measuring_changes_nothing():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten())
    threads = torch.get_num_threads()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    s09.measured(model, (1, 8, 8), "2")
    s09.effective(model, torch.rand(2, 1, 8, 8), "1")
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
        assert s09.measured(model, (3, 224, 224), "features.30").size == (212, 212)
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
        s09.measured(model, (1, 8, 8), "7")
    with pytest.raises(ValueError, match=r"unit \(9, 9\)"):
        s09.measured(model, (1, 8, 8), "0", (9, 9))
    with pytest.raises(ValueError, match=r"unit \(-1, 0\)"):
        s09.measured(model, (1, 8, 8), "0", (-1, 0))
    with pytest.raises(ValueError, match="channel 5"):
        s09.unit_gradient(model, torch.rand(1, 1, 8, 8), "0", channel=5)
    group = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2))
    with pytest.warns(UserWarning, match="group_norm"):
        row = layers.trace(group, (1, 8, 8))[1]
    with pytest.raises(ValueError, match="not known"):
        s09.box(row, (0, 0))


def test_support():
    gradient = torch.zeros(2, 3, 9, 9)
    assert s09.support(gradient) is None
    gradient[1, 0, 2, 5] = -1e-30
    gradient[0, 2, 4, 4] = 1
    assert s09.support(gradient) == Box(2, 4, 5, 6)
    assert s09.support(gradient[0, 2]) == Box(4, 4, 5, 5)


def linear_stack(depth: int) -> nn.Sequential:
    model = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(depth)))
    for conv in model:
        nn.init.constant_(conv.weight, 1 / 9)
    return model.double()


@pytest.mark.parametrize(("depth", "share"), [(5, 0.75), (10, 0.56), (20, 0.39), (40, 0.28)])
def test_the_effective_field_grows_with_the_root_of_depth(depth, share):
    """Equal weights: the gradient is a box convolved with itself; by the central limit theorem it
    becomes a Gaussian of variance depth * (9 - 1) / 12 [Luo et al. 2016, section 2.1]."""
    field = 2 * depth + 1
    image = torch.zeros(1, 1, field + 4, field + 4, dtype=torch.float64)
    strength = s09.effective(linear_stack(depth), image)
    assert s09.spread(strength) == pytest.approx([math.sqrt(depth * 8 / 12)] * 2, rel=1e-9)
    assert s09.effective_size(strength) / field == pytest.approx(share, abs=0.01)
    assert strength.max() == 1
    profile = strength.sum(0)
    place = torch.arange(len(profile)) - len(profile) // 2
    gauss = torch.exp(-(place.double() ** 2) / (2 * depth * 8 / 12))
    assert (profile / profile.max() - gauss).abs().max() < 0.3 / depth


def test_effective_averages_over_images_and_adds_up_channels():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3)).double()
    images = torch.rand(3, 2, 9, 9, dtype=torch.float64)
    expected = torch.zeros(9, 9, dtype=torch.float64)
    for image in images:
        image = image[None].clone().requires_grad_()
        model(image)[0, 1, 2, 3].backward()
        expected += image.grad[0].abs().sum(0) / 3
    found = s09.effective(model, images, "2", (2, 3), channel=1)
    torch.testing.assert_close(found, expected / expected.max())
    assert s09.effective(model, images, "2", (2, 3))[0].max() == 0


def test_spread_needs_a_map():
    for wrong in (torch.zeros(4, 4), torch.ones(1, 4, 4), -torch.ones(3, 3)):
        with pytest.raises(ValueError, match="H x W"):
            s09.spread(wrong)
    assert s09.spread(torch.eye(2)) == pytest.approx((0.5, 0.5))


def test_a_map_ends_where_a_window_does_not_fit():
    windows = [Window(5, 2), Window((3, 9)), Window(1)]
    assert s09.map_sizes(windows, (21, 21)) == [(21, 21), (9, 9), (7, 1), (7, 1)]
    assert s09.map_sizes(windows, (21, 19)) == [(21, 19), (9, 8)]
    assert s09.map_sizes([], (4, 5)) == [(4, 5)]


@pytest.mark.parametrize(("depth", "kernel"), [(1, 3), (4, 5), (7, 3)])
def test_equal_weights_need_no_network(depth, kernel):
    side = 1 + depth * (kernel - 1)
    model = nn.Sequential(*(nn.Conv2d(1, 1, kernel, bias=False) for _ in range(depth))).double()
    for conv in model:
        nn.init.ones_(conv.weight)
    expected = s09.effective(model, torch.zeros(1, 1, side, side).double())
    torch.testing.assert_close(s09.equal_weights(depth, kernel), expected)
