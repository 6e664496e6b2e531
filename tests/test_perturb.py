"""The perturbations against slow loops and against torchvision."""

from itertools import product

import pytest
import torch

from cv_course import data
from cv_course.perturb import random_crop, rotate, scale, shift


@pytest.fixture(scope="module")
def images():
    return data.fashion_mnist().test.images[:6]


def slow_shift(images, dx, dy, fill):
    moved = torch.full_like(images, fill)
    height, width = images.shape[-2:]
    for y in range(height):
        for x in range(width):
            if 0 <= y - dy < height and 0 <= x - dx < width:
                moved[..., y, x] = images[..., y - dy, x - dx]
    return moved


@pytest.mark.parametrize(
    ("dx", "dy"), [(0, 0), (3, 0), (-3, 0), (0, 5), (0, -5), (7, -2), (27, 1), (28, 0), (0, -40)]
)
def test_shift_equals_the_slow_loop(images, dx, dy):
    for some in (images, images[..., :12, :]):  # also wide ones
        assert torch.equal(shift(some, dx, dy), slow_shift(some, dx, dy, 0))
        assert torch.equal(shift(some, dx, dy, 9), slow_shift(some, dx, dy, 9))


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.8, 1, 1.5, 3])
def test_scale_equals_torchvision(images, factor):
    from torchvision.transforms import functional as tv

    # without fill=: with it torchvision weakens the pixels at the border twice
    ours = scale(images.float(), factor)
    theirs = tv.affine(images.float(), 0, [0, 0], factor, [0.0], tv.InterpolationMode.BILINEAR)
    assert (ours - theirs).abs().max() < 1e-2


@pytest.mark.parametrize("degrees", [-90, -30, 0, 10, 45, 180, 200])
def test_rotate_equals_torchvision(images, degrees):
    from torchvision.transforms import functional as tv

    ours = rotate(images.float(), degrees)
    theirs = tv.rotate(images.float(), degrees, tv.InterpolationMode.BILINEAR)
    assert (ours - theirs).abs().max() < 1e-2


def test_a_wide_picture_is_neither_squeezed_nor_sheared():
    wide = torch.zeros(1, 1, 21, 61)
    wide[..., 5:16, 25:36] = 1
    turned = rotate(wide, 90)
    assert (turned - wide).abs().max() < 1e-3


def test_scale_1_and_rotate_0_change_nothing(images):
    assert torch.equal(scale(images, 1), images)
    assert torch.equal(rotate(images, 0), images)


@pytest.mark.parametrize("change", [lambda x: scale(x, 0.7, 100), lambda x: rotate(x, 30, 100)])
def test_fill_is_as_if_the_picture_lay_on_a_large_canvas_of_it(images, change):
    on_canvas = torch.nn.functional.pad(images.float(), [10] * 4, value=100)
    expected = change(on_canvas)[..., 10:-10, 10:-10]
    assert (change(images.float()) - expected).abs().max() < 1e-2


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64, torch.int64])
def test_shape_and_type_stay_and_the_input_too(images, kind):
    given = images.to(kind)
    before = given.clone()
    for out in (shift(given, 1), scale(given, 0.7), rotate(given, 20)):
        assert (out.dtype, out.shape) == (kind, given.shape)
        assert not torch.equal(out, given)
    assert torch.equal(given, before)


def test_whole_numbers_are_rounded_not_cut(images):
    exact = rotate(images.double(), 20)
    assert (rotate(images, 20).double() - exact).abs().max() <= 0.5 + 1e-3


def test_several_channels_move_together():
    photo = data.photos()["cat"][None]
    for change in (lambda x: shift(x, 30, -20), lambda x: rotate(x, 33), lambda x: scale(x, 0.6)):
        together = change(photo)
        apart = torch.cat([change(photo[:, c : c + 1]) for c in range(3)], dim=1)
        assert torch.equal(together, apart)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: shift(x, 1.5), "whole pixels, got dx=1.5, dy=0"),
        (lambda x: scale(x, 0), "factor must be greater than 0, got 0"),
        (lambda x: scale(x, float("nan")), "factor must be greater than 0, got nan"),
        (lambda x: shift(x[:, 0], 1), r"of shape \(N, C, H, W\), got \(6, 28, 28\)"),
        (lambda x: rotate(x[0], 1), r"got \(1, 28, 28\)"),
        (lambda x: random_crop(x, -1), "whole number of pixels"),
        (lambda x: random_crop(x, 1.5), "whole number of pixels"),
        (lambda x: scale(x[0], 1), r"got \(1, 28, 28\)"),
    ],
)
def test_bad_input_is_explained(images, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(images)


def test_random_crop_moves_each_image_by_its_own_whole_pixels():
    images = torch.randint(1, 256, (40, 2, 6, 5), dtype=torch.uint8)
    torch.manual_seed(0)
    moved = random_crop(images, 2, fill=7)
    assert moved.dtype == torch.uint8
    seen = set()
    for image, result in zip(images, moved, strict=True):
        moves = product(range(-2, 3), repeat=2)
        (found,) = (by for by in moves if torch.equal(shift(image[None], *by, 7)[0], result))
        seen.add(found)
    assert len(seen) > 10
    torch.manual_seed(0)
    assert torch.equal(random_crop(images, 2, fill=7), moved)
    assert torch.equal(random_crop(images, 0), images)
