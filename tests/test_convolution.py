"""Convolution by hand against torch and SciPy; equivariance, and what breaks and mends it."""

import ast
import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import signal
from torch import nn

from cv_course import data
from cv_course.convolution import (
    KERNELS,
    MaxBlurPool2d,
    MeanOfGrids,
    blurred,
    cross_correlate,
    everywhere,
    moved_difference,
    output_size,
)
from cv_course.models.local import LocallyConnected2d
from cv_course.networks.small import SmallConv

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "text" / "05_from_dense_to_convolution.py"


def from_notebook(name):
    """A function as the notebook shows it; of several of one name the last, the solution."""
    tree = ast.parse(NOTEBOOK.read_text(encoding="utf-8"))
    chosen = [node for node in tree.body if getattr(node, "name", None) == name]
    space = {"np": np, "torch": torch, "F": F}
    exec(compile(ast.Module(chosen, []), NOTEBOOK.name, "exec"), space)
    return space[name]


@pytest.fixture(scope="module")
def photo():
    return F.avg_pool2d(data.photos()["cat"].float().mean(0, keepdim=True), 6).round()[:, :40, :64]


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 5), (4, 1), (8, 6)])
def test_by_hand_equals_torch_and_scipy(shape):
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(8, 6)), rng.normal(size=shape)
    ours = cross_correlate(image, kernel)
    assert np.allclose(ours, signal.correlate2d(image, kernel, "valid"))
    assert np.allclose(ours, signal.convolve2d(image, kernel[::-1, ::-1], "valid"))
    theirs = F.conv2d(torch.from_numpy(image)[None, None], torch.from_numpy(kernel)[None, None])
    assert np.allclose(ours, theirs[0, 0])


def test_bytes_do_not_wrap_around():
    image = np.full((3, 3), 200, dtype=np.uint8)
    assert cross_correlate(image, np.full((2, 2), 2, dtype=np.uint8))[0, 0] == 1600


def test_a_kernel_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        cross_correlate(np.zeros((3, 5)), np.zeros((4, 2)))


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (2, 1), (3, 2), (5, 0)])
def test_output_size_is_that_of_torch(stride, padding):
    for size in range(1, 20):
        for kernel in range(1, size + 2 * padding + 1):
            image, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
            expected = F.conv1d(image, weight, stride=stride, padding=padding).shape[-1]
            assert output_size(size, kernel, stride, padding) == expected


@pytest.mark.parametrize("arguments", [(3, 5), (4, 2, 0), (4, 2, 1, -1), (4, 0)])
def test_impossible_sizes_are_refused(arguments):
    with pytest.raises(ValueError, match=r"got|does not fit"):
        output_size(*arguments)


def test_kernels_keep_the_brightness_or_ignore_it():
    for kernel in KERNELS.values():
        total = kernel.sum()
        assert kernel.shape == (3, 3)
        assert total == pytest.approx(round(total))
        assert round(total) in (0, 1)


def test_what_is_shown_in_class_is_in_the_package():
    rng = np.random.default_rng(1)
    image, kernel = rng.normal(size=(7, 9)), rng.normal(size=(3, 2))
    shown = from_notebook("cross_correlate")
    assert np.array_equal(shown(image, kernel), cross_correlate(image, kernel))
    for arguments in [(28, 5, 1, 0), (9, 3, 4, 1), (7, 2, 2, 0)]:
        assert from_notebook("output_size")(*arguments) == output_size(*arguments)
    layer, images = LocallyConnected2d(2, 3, (6, 7), 3), torch.rand(2, 2, 6, 7)
    shown = from_notebook("local_layer")(images, layer.weight, layer.bias)
    torch.testing.assert_close(shown, layer(images))
    maps = torch.rand(1, 1, 4, 8)
    shown = from_notebook("moved_difference")(lambda x: x[..., ::2] ** 2, maps, 3, 2)
    assert torch.equal(shown, moved_difference(lambda x: x[..., ::2] ** 2, maps, 3, 2))


# --- equivariance ----------------------------------------------------------------------------


def stack(depth: int, mode: str, channels: int = 3):
    """Convolutions with whole-number weights: nothing is rounded in double precision."""
    torch.manual_seed(0)
    layers = []
    for step in range(depth):
        conv = nn.Conv2d(channels if step else 1, channels, 3, padding=1, padding_mode=mode)
        conv.weight.data = torch.randint(-2, 3, conv.weight.shape).double()
        conv.bias.data = torch.randint(-2, 3, conv.bias.shape).double()
        layers += [conv, nn.ReLU()]
    return nn.Sequential(*layers)


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_on_a_ring_exactly_equivariant(photo, depth):
    layers, images = stack(depth, "circular"), photo[None].double()
    assert layers(images).max() > 0
    for by in (1, 2, 7, -5, 63):
        assert moved_difference(layers, images, by).abs().max() == 0


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("by", [1, 20, -9])
def test_zero_padding_errs_at_the_border_and_nowhere_else(photo, depth, by):
    images = photo[None].double()
    wrong = (moved_difference(stack(depth, "zeros"), images, by) != 0).any(2)[0].any(0)
    columns = torch.arange(images.shape[-1])
    border = (columns < depth) | (columns >= len(columns) - depth)
    assert not wrong[~(border | border.roll(by))].any()
    assert wrong[[0, -1]].all()  # and there it does err
    assert wrong[border.roll(by)].any()


@torch.no_grad()
@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), MaxBlurPool2d("circular")])
def test_pooling_is_equivariant_by_its_stride_only(photo, pool):
    layers, images = nn.Sequential(stack(1, "circular"), pool), photo[None].double()
    for by in (2, 4, -6):
        assert moved_difference(layers, images, by, stride=2).abs().max() == 0
    for by in (1, 3, -5):
        assert moved_difference(layers, images, by, stride=2).abs().max() > 0


@torch.no_grad()
def test_blurring_makes_the_error_smaller(photo):
    images, error = photo[None].double(), {}
    for pool in (nn.MaxPool2d(2), MaxBlurPool2d("circular")):
        layers = nn.Sequential(stack(1, "circular"), pool)
        differences = moved_difference(layers, images, 1, stride=2)
        error[type(pool)] = differences.abs().mean() / layers(images).mean()
    assert error[MaxBlurPool2d] < 0.7 * error[nn.MaxPool2d]


@torch.no_grad()
def test_global_average_is_invariant_on_a_ring(photo):
    layers, images = stack(2, "circular").float(), photo[None] / 255
    average = layers(images).mean((2, 3))
    for by in (1, 2, 13):
        moved = layers(images.roll(by, -1)).mean((2, 3))
        torch.testing.assert_close(moved, average, rtol=1e-5, atol=1e-5)
    pooled = nn.Sequential(layers, nn.MaxPool2d(2))
    change = pooled(images.roll(1, -1)).mean((2, 3)) - pooled(images).mean((2, 3))
    assert change.abs().max() > 1e-3


# --- the cures -------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "size"), [("constant", 8), ("circular", 8), ("constant", 12)])
def test_blurred_pooling_in_its_three_steps(mode, size):
    maps = torch.rand(2, 3, size, size + 4)
    around = F.pad(maps, [1, 2, 1, 2], mode)
    maxima = torch.stack(
        [around[..., y : y + size + 2, x : x + size + 6] for y in (0, 1) for x in (0, 1)]
    ).amax(0)
    kernel = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16
    expected = F.conv2d(maxima, kernel.expand(3, 1, 3, 3), groups=3, stride=2)
    found = MaxBlurPool2d(mode)(maps)
    assert found.shape == (2, 3, size // 2, size // 2 + 2)
    torch.testing.assert_close(found, expected)


def test_blurred_replaces_the_pooling_of_a_copy():
    plain = SmallConv("max", (1, 16, 16))
    soft = blurred(plain)
    kinds = [type(layer) for layer in soft.backbone]
    assert kinds.count(MaxBlurPool2d) == 2
    assert nn.MaxPool2d not in kinds
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in plain.backbone) == 2
    assert soft(torch.rand(2, 1, 16, 16)).shape == (2, 10)
    assert torch.equal(soft.backbone[0].weight, plain.backbone[0].weight)


@torch.no_grad()
def test_everywhere_holds_the_strided_answers_and_those_of_all_shifts():
    torch.manual_seed(0)
    plain = SmallConv("max", (1, 32, 32)).backbone
    dense = everywhere(plain)
    images = torch.zeros(2, 1, 32, 32)
    images[..., 12:20, 12:20] = torch.rand(2, 1, 8, 8)
    answers = dense(images)
    assert answers.shape == (2, 32, 32, 32)
    torch.testing.assert_close(answers[..., ::4, ::4], plain(images))
    for by in (1, 2, 3):
        moved = plain(images.roll(-by, -1))  # black all around: nothing is lost
        torch.testing.assert_close(answers[..., ::4, by::4], moved)


def test_everywhere_shares_the_weights_and_leaves_the_old_layers_alone():
    plain = SmallConv("max", (1, 16, 16)).backbone
    before = copy.deepcopy(plain)
    dense = everywhere(plain)
    assert str(plain) == str(before)
    with torch.no_grad():
        plain[0].weight.zero_()
    assert dense[0].weight.abs().sum() == 0


@pytest.mark.parametrize("layer", [nn.Conv2d(1, 1, 3, stride=2), nn.AvgPool2d(2), nn.MaxPool2d(3)])
def test_everywhere_refuses_what_it_does_not_know(layer):
    with pytest.raises(ValueError, match="stride of"):
        everywhere(nn.Sequential(layer))


@torch.no_grad()
def test_mean_of_grids_is_the_mean_over_all_shifts():
    torch.manual_seed(0)
    plain = SmallConv("max", (1, 32, 32))
    full = copy.deepcopy(plain)
    full.backbone, full.head[0] = everywhere(plain.backbone), MeanOfGrids(4)
    images = torch.zeros(2, 1, 32, 32)
    images[..., 12:20, 12:20] = torch.rand(2, 1, 8, 8)
    shifted = [images.roll((-y, -x), (2, 3)) for y in range(4) for x in range(4)]
    expected = torch.stack([plain(one) for one in shifted]).mean(0)
    torch.testing.assert_close(full(images), expected)
    assert (plain(shifted[0]) - plain(shifted[1])).abs().max() > 1e-3
    torch.testing.assert_close(full(images.roll(1, -1)), full(images))
