"""Occlusion, against a slow reference (test_section_11 compares it with Captum)."""

import pytest
import torch
from torch import nn

from cv_course.sections.s11_inside.model import cover, occlusion


class Brightness(nn.Module):
    """Two classes; their scores differ by the sum of the pixels of the left half."""

    def forward(self, images):
        total = images[..., : images.shape[-1] // 2].sum((1, 2, 3))
        return torch.stack([total, 0 * total], dim=1)


def test_cover_fills_the_square_and_nothing_else():
    images = torch.arange(1, 25).view(1, 1, 4, 6)
    covered = cover(images, 1, 2, 2, fill=99)
    assert covered[0, 0, 1:3, 2:4].unique().tolist() == [99]
    assert (covered != images).sum() == 4
    assert images.min() == 1  # the images themselves are not changed


@pytest.mark.parametrize(("top", "left", "count"), [(-1, -1, 1), (3, 5, 1), (3, 0, 2), (-5, 0, 0)])
def test_cover_leaves_out_what_would_lie_outside(top, left, count):
    images = torch.ones(2, 1, 4, 6)
    assert (cover(images, top, left, 2) == 0).sum() == 2 * count


def test_occlusion_is_the_fall_of_the_probability():
    lot = torch.Generator().manual_seed(0)
    images, labels = torch.rand(3, 1, 8, 10, generator=lot), torch.tensor([0, 1, 0])
    drops = occlusion(Brightness(), images, labels, size=3, step=2, fill=0.5)
    assert drops.shape == (3, 3, 4)
    free = Brightness()(images).softmax(1)
    for place in range(12):
        y, x = divmod(place, 4)
        changed = images.clone()
        changed[:, :, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3] = 0.5
        expected = (free - Brightness()(changed).softmax(1))[torch.arange(3), labels]
        torch.testing.assert_close(drops[:, y, x], expected)
    assert drops[:, :, 3].abs().max() == 0  # columns 6 to 8: the right half does not matter
    assert drops[:, :, 0].abs().max() > 0


def test_what_makes_no_sense_is_refused():
    images, labels = torch.zeros(1, 1, 4, 6), torch.tensor([0])
    with pytest.raises(ValueError, match="image\\[None\\]"):
        cover(images[0], 0, 0, 2)
    for options in ({"size": 5}, {"size": 0}, {"size": 2, "step": 0}):
        with pytest.raises(ValueError, match="from 1 to 4"):
            occlusion(Brightness(), images, labels, **options)
