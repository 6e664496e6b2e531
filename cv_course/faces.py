"""Faces for the Thatcher illusion: a real portrait, and as many drawn ones as needed (section 01).

A **box** is four whole numbers (top, bottom, left, right): rows ``top`` up to, not including,
``bottom``, and columns likewise, as in ``image[top:bottom, left:right]``. To *Thatcherise* a face
[Thompson 1980] is to turn the boxes around its eyes and its mouth upside down and leave the rest.
"""

from collections.abc import Mapping

import torch

from cv_course.data import Split, photos

# In the portrait as `portrait` returns it; found by eye.
PORTRAIT_BOXES = {"left eye": (73, 97, 66, 98), "right eye": (74, 98, 109, 141),
                  "mouth": (118, 144, 75, 127)}  # fmt: skip
_PORTRAIT_AT = (14, 222, 120, 328)  # this part of scikit-image's astronaut, 208 x 208

SIDE = 32  # of a drawn face, in pixels
PARTS = ("left eye", "right eye", "mouth")
_PART_BOXES = torch.tensor([(-8, -1, -9, -1), (-8, -1, 1, 9), (3, 10, -6, 6)])  # from the centre


def portrait() -> torch.Tensor:
    """A woman's smiling face, 3 x 208 x 208, ``uint8``: Eileen Collins, from scikit-image's
    *astronaut* (NASA, public domain). Where its parts are is in ``PORTRAIT_BOXES``."""
    top, bottom, left, right = _PORTRAIT_AT
    return photos()["astronaut"][:, top:bottom, left:right].clone()


def flip_parts(images: torch.Tensor, boxes, soften: float = 0) -> torch.Tensor:
    """Turn the content of each box upside down (first row becomes last) where it stands.

    Args:
        images: ... x H x W, any number type.
        boxes: K x 4, (top, bottom, left, right) each. For N x C x H x W images also N x K x 4,
            other boxes for each image; or a mapping name -> box.
        soften: over how many pixels the flipped part fades into its surroundings at the edge of
            the box; 0 cuts it out with scissors.

    Returns:
        New images of the same shape and type.

    Raises:
        ValueError: no such boxes, or one that is empty or reaches beyond the picture.
    """
    boxes = torch.as_tensor(list(boxes.values()) if isinstance(boxes, Mapping) else boxes)
    boxes = boxes.reshape(0, 4) if boxes.numel() == 0 else boxes
    height, width = images.shape[-2:]
    if boxes.shape[-1] != 4 or boxes.ndim not in (2, 3):
        raise ValueError(
            f"boxes: expected shape (K, 4), top, bottom, left and right each, or (N, K, 4); got "
            f"{tuple(boxes.shape)}. For one box: [box]."
        )
    if boxes.ndim == 3:
        if images.ndim != 4 or len(images) != len(boxes):
            raise ValueError(
                f"boxes of shape {tuple(boxes.shape)} are for {len(boxes)} images of shape "
                f"(C, H, W); got images of shape {tuple(images.shape)}."
            )
        return torch.stack([flip_parts(*one, soften) for one in zip(images, boxes, strict=True)])
    flipped = images.clone()
    for top, bottom, left, right in boxes.tolist():
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise ValueError(
                f"box {(top, bottom, left, right)} is empty or reaches beyond the picture of "
                f"{height} x {width}; a box is (top, bottom, left, right)."
            )
        part = images[..., top:bottom, left:right]
        share = _fade(bottom - top, right - left, soften).to(images.device)
        mixed = part.flip(-2) * share + part * (1 - share)
        exact = mixed if images.is_floating_point() else mixed.round()
        flipped[..., top:bottom, left:right] = exact.to(images.dtype)
    return flipped


def _fade(height: int, width: int, soften: float) -> torch.Tensor:
    """The share of the flipped part: 1, falling to 0 within ``soften`` pixels of the edge."""
    ramps = []
    for size in (height, width):
        position = torch.arange(size)
        inside = torch.minimum(position, size - 1 - position) + 0.5
        ramps.append((inside / soften).clamp(0, 1) if soften else torch.ones(size))
    return ramps[0][:, None] * ramps[1]


def draw_faces(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces with hair, brows, eyes, nose and a smile, no two alike.

    They differ in place (up to 2 pixels from the middle), in all tones, and in the height, size
    and form of every part, with a little noise on top. Equal seeds give equal faces.

    Returns:
        images: N x 1 x 32 x 32, ``uint8``.
        boxes: N x 3 x 4, of left eye, right eye and mouth (left and right as the viewer has them).

    Raises:
        ValueError: a negative count.
    """
    if count < 0:
        raise ValueError(f"count must be 0 or more faces, got {count}.")
    lot = torch.Generator().manual_seed(seed)

    def between(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, 1, 1, generator=lot) * (high - low) + low

    middle = SIDE // 2 + torch.randint(-2, 3, (count, 2), generator=lot)  # row, column
    steps = torch.arange(SIDE) + 0.5  # centres of the pixels, so that a flip is exact
    y = steps.view(1, -1, 1) - middle[:, 0].view(-1, 1, 1)
    x = steps.view(1, 1, -1) - middle[:, 1].view(-1, 1, 1)

    def paint(picture, inside, tone):
        """``inside`` is positive within the shape, in pixels from its outline."""
        cover = (inside + 0.5).clamp(0, 1)
        return picture + cover * (tone - picture)

    def ellipse(dx, dy, wide, high):
        return (1 - ((dx / wide) ** 2 + (dy / high) ** 2).sqrt()) * torch.minimum(wide, high)

    skin, dark = between(0.6, 0.85), between(0.0, 0.2)
    wide, high = between(9.5, 11.5), between(12.5, 14)
    picture = between(0.3, 0.5).expand(-1, SIDE, SIDE)
    picture = paint(picture, ellipse(x, y + 1, wide + 1.5, high + 1), between(0.05, 0.3))  # hair
    face = torch.minimum(ellipse(x, y, wide, high), y + between(8.3, 10))  # below the hairline
    picture = paint(picture, face, skin)
    eye, brow = between(-4.2, -3.4), between(-6.8, -6.2)
    eye_wide, eye_high, tilt = between(2.2, 3), between(1.1, 1.6), between(-0.15, 0.15)
    for side in (-1, 1):
        out = x * side - 5  # from the middle of the eye outwards
        picture = paint(picture, ellipse(out, y - eye, eye_wide, eye_high), between(0.9, 1))
        picture = paint(picture, ellipse(out, y - eye, between(1, 1.3), eye_high), dark)
        line = torch.minimum(0.6 - (y - brow - tilt * out).abs(), 3 - out.abs())
        picture = paint(picture, line, dark + 0.1)
    nose = torch.minimum(0.5 - (x - between(-0.5, 0.5)).abs(), 1.8 - (y + 0.2).abs())
    picture = paint(picture, nose, skin - 0.2)
    half, bend = between(3.6, 4.6), between(0.1, 0.17)
    lips = between(7.7, 8.4) - bend * x**2  # the corners of a smile are higher than its middle
    mouth = torch.minimum(between(0.6, 0.9) - (y - lips).abs() / 1.2, half - x.abs())
    picture = paint(picture, mouth, dark + 0.1)
    picture = picture + 0.02 * torch.randn(picture.shape, generator=lot)
    images = (picture.clamp(0, 1) * 255).round().to(torch.uint8).unsqueeze(1)
    boxes = _PART_BOXES + middle[:, [0, 0, 1, 1]].unsqueeze(1)
    return images, boxes


def normal_or_flipped(count: int, seed: int = 0) -> Split:
    """Drawn faces, upright: every other one as it is (label 0), the rest Thatcherised (label 1)."""
    images, boxes = draw_faces(count, seed)
    images[1::2] = flip_parts(images[1::2], boxes[1::2])
    return Split(images, torch.arange(count) % 2)
