"""Faces: boxes against slow loops, and what is promised of the drawn ones."""

import pytest
import torch

from cv_course import faces


def slow_flip(image, boxes):
    flipped = image.clone()
    for top, bottom, left, right in boxes:
        for row in range(top, bottom):
            flipped[..., row, left:right] = image[..., top + bottom - 1 - row, left:right]
    return flipped


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(9, 12), (3, 9, 12), (2, 3, 9, 12)])
def test_flip_equals_the_slow_loop(shape, kind):
    image = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 255).to(kind)
    before = image.clone()
    boxes = [(0, 3, 0, 4), (3, 8, 5, 12), (8, 9, 0, 2)]
    flipped = faces.flip_parts(image, boxes)
    assert flipped.dtype == kind
    assert torch.equal(flipped, slow_flip(image, boxes))
    assert torch.equal(image, before)
    assert torch.equal(faces.flip_parts(image, dict(enumerate(boxes))), flipped)
    assert torch.equal(faces.flip_parts(image, []), image)


def test_each_image_has_boxes_of_its_own():
    images, boxes = faces.draw_faces(5)
    flipped = faces.flip_parts(images, boxes)
    for image, its_boxes, result in zip(images, boxes, flipped, strict=True):
        assert torch.equal(result, slow_flip(image, its_boxes.tolist()))


def test_flipping_twice_is_nothing():
    images, boxes = faces.draw_faces(8, seed=2)
    assert torch.equal(faces.flip_parts(faces.flip_parts(images, boxes), boxes), images)


def test_soft_edges_fade_to_the_picture_outside():
    image = torch.arange(400.0).view(20, 20)
    hard, soft = (faces.flip_parts(image, [(2, 18, 3, 17)], by) for by in (0, 4))
    assert torch.equal(hard[6:14, 7:13], soft[6:14, 7:13])  # the middle of the box
    assert torch.equal(hard[:2], soft[:2])  # outside
    edge = soft[2, 3:17] - image[2, 3:17]
    assert (edge.abs() < (hard[2, 3:17] - image[2, 3:17]).abs() / 4).all()


def test_soft_bytes_are_rounded_not_cut():
    portrait = faces.portrait()
    exact = faces.flip_parts(portrait.double(), faces.PORTRAIT_BOXES, soften=5)
    soft = faces.flip_parts(portrait, faces.PORTRAIT_BOXES, soften=5)
    assert (soft.double() - exact).abs().max() <= 0.501


def test_normal_faces_smile_and_have_their_brows_above_the_eyes():
    images, boxes = faces.draw_faces(100, seed=8)
    for image, (left_eye, _, mouth) in zip(images[:, 0].float(), boxes.tolist(), strict=True):
        top, bottom, left, right = mouth
        rows = image[top:bottom, left:right].argmin(0)  # the darkest row of each column
        assert rows[5:7].float().mean() > rows[[2, 3, -4, -3]].float().mean()
        top, bottom, left, right = left_eye
        brightest = image[top:bottom, left:right].amax(1).argmax()  # the white of the eye
        darkest = image[top:bottom, left + 2 : right - 2].mean(1).argmin()  # the brow
        assert darkest < brightest


def test_the_portrait_and_its_boxes():
    portrait = faces.portrait()
    assert portrait.shape == (3, 208, 208)
    assert portrait.dtype == torch.uint8
    grey = portrait.float().mean(0)
    for name, (top, bottom, left, right) in faces.PORTRAIT_BOXES.items():
        part = grey[top:bottom, left:right]
        assert part.max() - part.min() > 80, name  # eyes and teeth, not a bare cheek
    assert set(faces.PORTRAIT_BOXES) == set(faces.PARTS)


def test_the_upside_down_thatcher_face_has_the_parts_the_right_way_up():
    for image, boxes in (
        (faces.portrait(), torch.tensor(list(faces.PORTRAIT_BOXES.values()))),
        *zip(*faces.draw_faces(6, seed=3), strict=True),
    ):
        turned = faces.flip_parts(image, boxes).flip(-1, -2)
        height, width = image.shape[-2:]
        for top, bottom, left, right in boxes.tolist():
            part = turned[..., height - bottom : height - top, width - right : width - left]
            assert torch.equal(part, image[..., top:bottom, left:right].flip(-1))


def test_drawn_faces_repeat_and_differ():
    images, boxes = faces.draw_faces(50, seed=4)
    again, _ = faces.draw_faces(50, seed=4)
    assert images.shape == (50, 1, faces.SIDE, faces.SIDE)
    assert images.dtype == torch.uint8
    assert boxes.shape == (50, 3, 4)
    assert torch.equal(images, again)
    assert not torch.equal(images, faces.draw_faces(50, seed=5)[0])
    assert len({tuple(image.flatten().tolist()) for image in images}) == 50
    assert boxes.min() >= 0
    assert boxes.max() <= faces.SIDE
    assert (boxes[..., 0] < boxes[..., 1]).all()
    assert (boxes[..., 2] < boxes[..., 3]).all()
    assert faces.draw_faces(0)[0].shape == (0, 1, 32, 32)


def test_the_parts_are_in_their_boxes_and_not_symmetric():
    images, boxes = faces.draw_faces(200, seed=6)
    flipped = faces.flip_parts(images, boxes)
    for part in range(3):
        for image, other, box in zip(images, flipped, boxes[:, part].tolist(), strict=True):
            top, bottom, left, right = box
            inside = (..., slice(top, bottom), slice(left, right))
            assert (image[inside].float() - other[inside].float()).abs().max() > 60
    # a part that sticks out of its box would leave a piece behind when it is flipped: brows and
    # mouth are dark, so the ring around the mouth's box must be free of them
    for image, (top, bottom, left, right) in zip(images[:, 0], boxes[:, 2].tolist(), strict=True):
        inside = image[top:bottom, left:right].float()
        below = image[min(bottom, 31), left + 3 : right - 3].float()
        assert below.mean() > inside.min() + 30


def test_normal_or_flipped_is_balanced_and_labelled():
    split = faces.normal_or_flipped(40, seed=7)
    images, boxes = faces.draw_faces(40, seed=7)
    assert split.labels.tolist() == [0, 1] * 20
    assert torch.equal(split.images[::2], images[::2])
    assert torch.equal(split.images[1::2], faces.flip_parts(images, boxes)[1::2])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: faces.flip_parts(x, [(1, 2, 3)]), r"expected shape \(K, 4\)"),
        (lambda x: faces.flip_parts(x, (1, 2, 3, 4)), r"For one box: \[box\]"),
        (lambda x: faces.flip_parts(x, [(3, 3, 0, 2)]), "is empty or reaches beyond"),
        (lambda x: faces.flip_parts(x, [(0, 40, 0, 2)]), "beyond the picture of 32 x 32"),
        (lambda x: faces.flip_parts(x, [(-3, 4, 0, 2)]), r"box \(-3, 4, 0, 2\)"),
        (lambda x: faces.flip_parts(x, torch.ones(5, 3, 4)), "are for 5 images"),
        (lambda x: faces.draw_faces(-1), "0 or more faces, got -1"),
    ],
)
def test_bad_input_is_explained(call, sentence):
    images, _ = faces.draw_faces(2)
    with pytest.raises(ValueError, match=sentence):
        call(images)
