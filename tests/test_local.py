"""The ladder from dense to convolution: against ``conv2d``, a slow loop and the formula."""

import math

import pytest
import torch
from torch import nn

from cv_course.models.local import (
    LADDER,
    LadderNet,
    LocallyConnected2d,
    as_matrix,
    hidden_layer,
    hidden_multiplications,
    hidden_parameters,
)


def size(module) -> int:
    return sum(p.numel() for p in module.parameters())


def slow(layer: LocallyConnected2d, images: torch.Tensor) -> torch.Tensor:
    """Place by place, in double precision."""
    k, stride = layer.kernel_size, layer.stride
    padded = nn.functional.pad(images.double(), [layer.padding] * 4)
    rows, columns, maps = layer.weight.shape[:3]
    answer = torch.empty(len(images), maps, rows, columns).double()
    for y in range(rows):
        for x in range(columns):
            window = padded[..., y * stride : y * stride + k, x * stride : x * stride + k]
            for one in range(maps):
                products = window * layer.weight[y, x, one].double()
                answer[:, one, y, x] = products.sum((1, 2, 3)) + layer.bias[y, x, one]
    return answer


SETTINGS = [(3, 1, 0), (3, 1, 1), (5, 2, 0), (4, 2, 3), (2, 3, 1), (1, 1, 0), (7, 1, 0)]


@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS)
def test_tied_it_is_a_convolution(kernel, stride, padding):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, kernel, stride, padding)
    images = torch.randn(4, 3, 9, 7)
    layer = LocallyConnected2d.from_conv(conv, (9, 7))
    torch.testing.assert_close(layer(images), conv(images), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS)
def test_untied_it_is_the_slow_loop(kernel, stride, padding):
    torch.manual_seed(1)
    layer = LocallyConnected2d(2, 3, (8, 10), kernel, stride, padding)
    images = torch.randn(2, 2, 8, 10)
    torch.testing.assert_close(layer(images).double(), slow(layer, images), atol=1e-5, rtol=0)


def test_conv_without_bias():
    conv, images = nn.Conv2d(1, 2, 3, bias=False), torch.rand(1, 1, 6, 6)
    layer = LocallyConnected2d.from_conv(conv, (6, 6))
    torch.testing.assert_close(layer(images), conv(images), atol=1e-5, rtol=0)


def test_gradients():
    torch.manual_seed(0)
    layer = LocallyConnected2d(2, 2, (5, 4), 3, stride=2, padding=1).double()
    images = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)

    def function(images, weight, bias):
        parameters = {"weight": weight, "bias": bias}
        return torch.func.functional_call(layer, parameters, (images,))

    assert torch.autograd.gradcheck(function, (images, layer.weight, layer.bias))


def test_places_are_independent():
    """A changed weight at one place changes the answer there and nowhere else."""
    layer, images = LocallyConnected2d(1, 2, (6, 6), 3), torch.rand(1, 1, 6, 6)
    before = layer(images)
    with torch.no_grad():
        layer.weight[1, 2, 0] += 1
    assert (layer(images) != before).nonzero().tolist() == [[0, 0, 1, 2]]


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(2, 2, 3, groups=2),
        nn.Conv2d(1, 2, 3, dilation=2),
        nn.Conv2d(1, 2, (3, 1)),
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"),
    ],
)
def test_what_it_cannot_copy_is_refused(conv):
    with pytest.raises(ValueError, match="square kernels"):
        LocallyConnected2d.from_conv(conv, (8, 8))


@pytest.mark.parametrize("shape", [(1, 1, 8, 9), (1, 2, 8, 8)])
def test_another_size_is_refused(shape):
    with pytest.raises(ValueError, match="1 x 8 x 8"):
        LocallyConnected2d(1, 1, (8, 8), 3)(torch.zeros(shape))


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        LocallyConnected2d(1, 1, (4, 8), 5)


def test_the_ladder_of_the_lecture():
    counts = hidden_parameters()
    assert counts == {"dense": 1_808_640, "local": 59_904, "convolution": 104}
    assert {kind: size(hidden_layer(kind)) for kind in LADDER} == counts
    assert {kind: size(LadderNet(kind)[0]) for kind in LADDER} == counts


@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS)
def test_formula_and_layers_agree(kernel, stride, padding):
    shape = (2, 9, 7)
    settings = (shape, kernel, 3, stride, padding)
    layers = {kind: hidden_layer(kind, *settings) for kind in LADDER}
    assert {kind: size(layer) for kind, layer in layers.items()} == hidden_parameters(*settings)
    answers = [layer(torch.rand(4, *shape)).shape for layer in layers.values()]
    assert len(set(answers)) == 1
    outputs = math.prod(answers[0][1:])
    work = hidden_multiplications(*settings)
    assert work["dense"] == outputs * math.prod(shape)
    assert work["local"] == work["convolution"] == outputs * 2 * kernel**2


def test_first_layer_of_alexnet():
    counts = hidden_parameters((3, 227, 227), 11, 96, 4)
    assert counts["convolution"] == 34_944
    assert counts["local"] == 105_705_600
    assert counts["dense"] == 44_892_355_200


def test_an_unknown_rung_is_named():
    with pytest.raises(ValueError, match="shared"):
        hidden_layer("shared")


@pytest.mark.parametrize("kind", LADDER)
def test_as_matrix_times_image_is_the_layer(kind):
    torch.manual_seed(0)
    layer, images = hidden_layer(kind, (2, 6, 5), 3, 4), torch.rand(7, 2, 6, 5)
    matrix = as_matrix(layer, (2, 6, 5))
    black = layer(torch.zeros(1, 2, 6, 5)).flatten(1)
    torch.testing.assert_close(images.flatten(1) @ matrix.T + black, layer(images).flatten(1))
    different = matrix[matrix != 0].unique().numel()
    assert different == {"dense": 48 * 60, "local": 48 * 18, "convolution": 4 * 18}[kind]


@pytest.mark.parametrize("kind", LADDER)
def test_networks_differ_in_the_hidden_layer_alone(kind):
    net = LadderNet(kind, (3, 20, 20), kernel=5, maps=6, pool=4, classes=7)
    assert net(torch.rand(2, 3, 20, 20)).shape == (2, 7)
    assert size(net) - size(net[0]) == 6 * 16 * 7 + 7
