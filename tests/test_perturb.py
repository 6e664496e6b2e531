"""The perturbations against NumPy's slices and against torchvision."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import functional as tv

from cv_course import data
from cv_course.perturb import random_crop, rotate, scale, shift


@pytest.fixture(scope="module")
def images():
    return data.fashion_mnist().test.images[:6]


KINDS = [torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.tuples(*[st.integers(1, n) for n in (3, 3, 9, 9)]),
    *[st.integers(-12, 12)] * 2,
    st.sampled_from(KINDS),
)
def test_shift_is_a_window_of_the_padded_image(shape, dx, dy, kind):
    images = torch.arange(int(np.prod(shape))).view(shape).to(kind)
    before = images.clone()
    padded = np.pad(images.numpy(), [(0, 0), (0, 0), (12, 12), (12, 12)])
    expected = padded[:, :, 12 - dy : 12 - dy + shape[2], 12 - dx : 12 - dx + shape[3]]
    moved = shift(images, dx, dy)
    assert moved.dtype == kind
    assert np.array_equal(moved.numpy(), expected)
    assert torch.equal(images, before)


# without its fill=: with it torchvision weakens the pixels at the border twice
BILINEAR = tv.InterpolationMode.BILINEAR
TORCHVISION = [(scale, by, tv.affine, (0, [0, 0], by, [0.0])) for by in (0.25, 0.8, 1, 1.5, 3)]
TORCHVISION += [(rotate, by, tv.rotate, (by,)) for by in (-90, 0, 10, 45, 180, 200)]


@pytest.mark.parametrize(("ours", "by", "theirs", "arguments"), TORCHVISION)
def test_scale_and_rotate_equal_torchvision(images, ours, by, theirs, arguments):
    expected = theirs(images.float(), *arguments, BILINEAR)
    assert (ours(images.float(), by) - expected).abs().max() < 1e-2
    # bytes are rounded, not cut off
    assert (ours(images, by).double() - ours(images.double(), by)).abs().max() <= 0.5 + 1e-3
    for kind in KINDS:
        assert (ours(images.to(kind), by).dtype, ours(images, by).shape) == (kind, images.shape)


def test_a_wide_picture_is_neither_squeezed_nor_sheared():
    wide = torch.zeros(1, 1, 21, 61)
    wide[..., 5:16, 25:36] = 1
    assert (rotate(wide, 90) - wide).abs().max() < 1e-3


@pytest.mark.parametrize(
    "change", [lambda x: scale(x, 0.7), lambda x: rotate(x, 33), lambda x: shift(x, 30, -20)]
)
def test_several_channels_move_together(change):
    photo = data.photos()["cat"][None]
    apart = [change(photo[:, c : c + 1]) for c in range(3)]
    assert torch.equal(change(photo), torch.cat(apart, dim=1))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: shift(x, 1.5), "whole pixels, got dx=1.5, dy=0"),
        (lambda x: scale(x, 0), "factor must be a positive number, got 0"),
        (lambda x: rotate(x, float("nan")), "degrees must be a finite number, got nan"),
        (lambda x: shift(x[:, 0], 1), r"of shape \(N, C, H, W\), got \(6, 28, 28\)"),
        (lambda x: rotate(x[0], 1), r"got \(1, 28, 28\)"),
        (lambda x: random_crop(x[0], 1), r"got \(1, 28, 28\)"),
        (lambda x: random_crop(x, -1), "reach must be a whole number, 0 or more; got -1"),
    ],
)
def test_bad_input_is_explained(images, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(images)


def test_random_crop_moves_each_image_by_its_own_whole_pixels():
    images = torch.randint(1, 256, (40, 2, 6, 5), dtype=torch.uint8)
    torch.manual_seed(0)
    moved = random_crop(images, 2)
    assert moved.dtype == torch.uint8
    seen = set()
    for image, result in zip(images, moved, strict=True):
        moves = product(range(-2, 3), repeat=2)
        (found,) = (by for by in moves if torch.equal(shift(image[None], *by)[0], result))
        seen.add(found)
    assert len(seen) > 10
    torch.manual_seed(0)
    backwards = images.flip(0).flip(0).to(memory_format=torch.channels_last)
    assert torch.equal(random_crop(backwards, 2), moved)
    assert torch.equal(random_crop(images, 0), images)
