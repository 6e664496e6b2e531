"""Composed scenes: what is said about them is what is in them."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import box_iou, masks_to_boxes

from cv_course import data
from cv_course.data import Split
from cv_course.scenes import VISIBLE, boxes_around, place, scenes, textures


@pytest.fixture(scope="module")
def items():
    return data.fashion_mnist().test[:200]


@pytest.fixture(scope="module")
def single(items):
    return scenes(items, 150, seed=3)


@pytest.fixture(scope="module")
def double(items):
    return scenes(items, 80, objects=2, sizes=(18, 32), overlap=0.2, seed=4)


def box_of(mask):
    """torchvision's, whose ends are inside."""
    return (masks_to_boxes(mask[None])[0] + torch.tensor([0, 0, 1, 1])).int().tolist()


def test_boxes_are_tight_and_inside(single):
    assert (single.images.shape, single.images.dtype) == ((150, 1, 64, 64), torch.uint8)
    for mask, box in zip(single.masks, single.boxes, strict=True):
        assert box.tolist() == box_of(mask)
    sides = single.boxes[:, 2:] - single.boxes[:, :2]
    assert sides.amax() <= 40
    assert sides.amax() > 34
    assert sides.amax(1).amin() < 22


def test_objects_are_the_items_at_their_own_size(items):
    found = scenes(items, 40, sizes=(28, 28), seed=5)

    def cut(image, mask):
        x0, y0, x1, y1 = box_of(mask)
        return (image * mask)[y0:y1, x0:x1].numpy().tobytes(), x1 - x0

    known = {cut(one, one >= VISIBLE): place for place, one in enumerate(items.images[:, 0])}
    assert len(known) == len(items)
    used = [known[cut(*one)] for one in zip(found.images[:, 0], found.masks, strict=True)]
    assert torch.equal(items.labels[used], found.labels)
    assert len(set(used)) == len(used)  # none twice before all were used


def test_places_are_spread_over_the_canvas(items):
    found = scenes(items, 400, sizes=(20, 20), seed=0)
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert (middle.mean(0) - 32).abs().max() < 3
    assert middle.amin() < 14
    assert middle.amax() > 50


def test_equal_seeds_equal_scenes(items):
    one, same, other = (scenes(items, 9, objects=2, sizes=(18, 25), seed=s) for s in (1, 1, 2))
    for name in ("images", "labels", "boxes", "masks"):
        assert torch.equal(getattr(one, name), getattr(same, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))


def test_two_objects_overlap_little_and_the_later_covers_the_earlier(double):
    shares = torch.stack([box_iou(pair[:1], pair[1:])[0, 0] for pair in double.boxes])
    assert shares.max() <= 0.2
    assert shares.max() > 0.05
    assert not (double.masks[:, 0] & double.masks[:, 1]).any()
    for masks, boxes in zip(double.masks, double.boxes, strict=True):
        assert boxes[1].tolist() == box_of(masks[1])
        if masks[0].any():  # its box is that of the whole object, of which less may be visible
            seen = torch.tensor(box_of(masks[0]))
            assert (seen[:2] >= boxes[0, :2]).all()
            assert (seen[2:] <= boxes[0, 2:]).all()


def test_no_overlap_unless_asked_for(items):
    found = scenes(items, 60, objects=3, sizes=(12, 20), seed=2)
    for boxes in found.boxes:
        assert (box_iou(boxes, boxes) - torch.eye(3)).abs().max() < 1e-6


@pytest.mark.parametrize("side", [11, 20, 28, 40, 56])
def test_place_scales_like_interpolate(items, side):
    picture = items.images[:1]
    canvas = torch.full((1, 1, 64, 64), 7, dtype=torch.uint8)
    spot = [torch.tensor([v]) for v in (side, 5, 8)]
    image, box, mask = place(canvas, picture, *spot)
    wanted = F.interpolate(picture.float(), (side, side), mode="bilinear")[0, 0]
    window = image[0, 0, 8 : 8 + side, 5 : 5 + side]
    seen = mask[0, 8 : 8 + side, 5 : 5 + side]
    inner = slice(2, side - 2)  # at the rim interpolate repeats the last pixel, we fade to black
    doubtful = (wanted - VISIBLE).abs() < 1
    agree = (seen == (wanted >= VISIBLE)) | doubtful
    assert agree[inner, inner].all()
    assert (window.float() - wanted)[inner, inner][seen[inner, inner]].abs().max() <= 0.51
    assert (image[0, 0][~mask[0]] == 7).all()
    assert box[0].tolist() == box_of(mask[0])
    assert (canvas == 7).all()


def test_textures_have_no_seam():
    made = textures(60, 64, seed=1)[:, 0].float()
    steps = (made - made.roll(1, 2)).abs().mean((0, 1))
    assert (steps / steps.mean()).sub(1).abs().max() < 0.15  # the step over the rim is no larger
    assert made.flatten(1).mean(1).std() > 5  # brighter and darker ones
    assert torch.equal(textures(3, 96, seed=2), textures(3, 96, seed=2))


def test_a_subset_and_another_device(single):
    part = single[[4, 2]].to("cpu")
    assert torch.equal(part.images, single.images[[4, 2]])
    assert torch.equal(part.boxes, single.boxes[[4, 2]])
    with pytest.raises(TypeError, match=r"use scenes\[\[3\]\], a slice, or scenes.images\[3\]"):
        single[3]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": (40, 20)}, "the smaller one first"),
        ({"sizes": (20, 65)}, "canvas of 64"),
        ({"objects": 0}, "objects=0"),
        ({"canvas": 60}, "multiple of 16"),
        ({"objects": 5, "sizes": (40, 40)}, "no room for 5 objects"),
    ],
)
def test_bad_input_is_explained(items, options, words):
    with pytest.raises(ValueError, match=words):
        scenes(items, 4, **options)


def test_empty_pictures_are_explained():
    black = Split(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="without a single pixel"):
        scenes(black, 2)
    with pytest.raises(ValueError, match="0 items"):
        scenes(black[:0], 2)
    with pytest.raises(ValueError, match="has no box"):
        boxes_around(torch.zeros(1, 4, 4, dtype=torch.bool))
