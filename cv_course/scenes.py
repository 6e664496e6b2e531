"""Composed scenes: pieces of clothing somewhere on a textured canvas (section 06, assignment A4).

For each object the class, the box and the mask are known exactly, since the scene was made by code:
the same data serve classification, detection and segmentation.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from cv_course.data import Parts, Split

VISIBLE = 25  # of 255: darker pixels of a Fashion-MNIST picture count as its background


@dataclass(frozen=True)
class Scenes(Parts):
    """Scenes and what is in them; K is the number of objects in each scene.

    Args:
        images: N x 1 x H x W, ``uint8``.
        labels: N class numbers, ``int64``; N x K where a scene holds several objects.
        boxes: N x 4 (N x K x 4), ``float32``: x0, y0, x1, y1 in pixels from the image's upper left
            corner; x1 and y1 lie just behind the last pixel, so that x1 - x0 is the width. Tight
            around the whole object, also where another one covers it.
        masks: N x H x W (N x K x H x W), ``bool``: the pixels in which the object is visible.

    ``scenes[index]`` is a smaller set of scenes; ``index`` is a slice, a mask or positions.
    """

    images: torch.Tensor
    labels: torch.Tensor
    boxes: torch.Tensor
    masks: torch.Tensor

    def to(self, device: str | torch.device) -> "Scenes":
        return Scenes(*(part.to(device) for part in vars(self).values()))


def scenes(
    items: Split,
    count: int,
    *,
    canvas: int = 64,
    sizes: tuple[int, int] = (20, 40),
    objects: int = 1,
    overlap: float = 0.0,
    seed: int = 0,
) -> Scenes:
    """Put items at random size and place on textured canvases, each object wholly inside.

    Args:
        items: square grey pictures on black, such as Fashion-MNIST; taken in a random order, none
            a second time before all were used.
        count: how many scenes, N.
        canvas: side of the scenes in pixels.
        sizes: smallest and largest side in pixels to which the whole picture of an item is scaled
            (the object in it is somewhat smaller).
        objects: how many in a scene, K; a later one covers an earlier one.
        overlap: the largest intersection over union that the boxes of two objects may have.
        seed: equal seeds give equal scenes.

    Raises:
        ValueError: an item larger than the canvas, no items, or objects for which there is no room.
    """
    low, high = sizes
    if not (8 <= low <= high <= canvas and objects and len(items)):
        raise ValueError(
            f"expected sizes from 8 to the canvas of {canvas} pixels, the smaller one first, and 1 "
            f"or more objects and items; got {sizes}, objects={objects} and {len(items)} items."
        )
    lot = torch.Generator().manual_seed(seed)
    rounds = max(1, -(-count * objects // len(items)))
    turns = torch.cat([torch.randperm(len(items), generator=lot) for _ in range(rounds)])
    chosen = turns[: count * objects].view(count, objects)
    images = textures(count, canvas, int(torch.randint(2**31, (), generator=lot)))
    boxes = torch.zeros(count, objects, 4)
    masks = torch.zeros(count, objects, canvas, canvas, dtype=torch.bool)
    for k in range(objects):
        waiting = torch.arange(count)  # scenes in which this object has no place yet
        for _ in range(1000):
            sides = torch.randint(low, high + 1, (len(waiting),), generator=lot)
            free = torch.rand(2, len(waiting), generator=lot) * (canvas + 1 - sides)
            pictures = items.images[chosen[waiting, k]]
            placed = place(images[waiting], pictures, sides, *free.long())
            fits = _apart(placed[1], boxes[waiting, :k], overlap)
            done, waiting = waiting[fits], waiting[~fits]
            images[done], boxes[done, k], masks[done, k] = (part[fits] for part in placed)
            if not len(waiting):
                break
        else:
            raise ValueError(
                f"no room for {objects} objects of {low} to {high} pixels on a canvas of {canvas} "
                f"with overlap up to {overlap:g}; make the canvas larger or the sizes smaller."
            )
        masks[:, :k] &= ~masks[:, k : k + 1]  # the new object covers the earlier ones
    parts = items.labels[chosen], boxes, masks
    return Scenes(images, *(part.squeeze(1) for part in parts))  # one object has no axis of its own


def _apart(new: torch.Tensor, others: torch.Tensor, overlap: float) -> torch.Tensor:
    """N x 4 and N x K x 4 boxes -> (N,), whether the new ones leave all the others free enough."""
    new = new[:, None]
    upper = torch.maximum(new[..., :2], others[..., :2])
    shared = _area(torch.cat([upper, torch.minimum(new[..., 2:], others[..., 2:])], -1))
    return (shared / (_area(new) + _area(others) - shared) <= overlap).all(1)


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def place(
    canvases: torch.Tensor,
    pictures: torch.Tensor,
    sides: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Put one object on each canvas; what was there stays visible around it.

    Args:
        canvases: N x 1 x H x H, ``uint8``; they are not changed.
        pictures: N x 1 x S x S, ``uint8``, bright on black.
        sides: (N,) whole numbers: the side in pixels to which the picture is scaled, bilinearly.
        x, y: (N,) whole numbers: column and row of the scaled picture's upper left corner. All of
            it lies on the canvas.

    Returns:
        The new images (N x 1 x H x H), the objects' boxes (N x 4) and masks (N x H x H).

    Raises:
        ValueError: nothing in a picture is bright.
    """
    size = canvases.shape[-1]
    pixels = torch.arange(size) + 0.5
    # grid_sample counts from -1 to 1 across the picture's outer edges; 9 is far outside
    columns, rows = (2 * (pixels - start[:, None]) / sides[:, None] - 1 for start in (x, y))
    columns, rows = (torch.where(line.abs() < 1, line, 9.0) for line in (columns, rows))
    shape = (len(pictures), size, size)
    grid = torch.stack([columns[:, None].expand(shape), rows[:, :, None].expand(shape)], -1)
    scaled = F.grid_sample(pictures.float(), grid, align_corners=False).round_().to(torch.uint8)
    masks = scaled[:, 0] >= VISIBLE
    return torch.where(masks[:, None], scaled, canvases), boxes_around(masks), masks


def boxes_around(masks: torch.Tensor) -> torch.Tensor:
    """The tight boxes of masks, N x H x W booleans -> N x 4 as x0, y0, x1, y1 (see ``Scenes``).

    Raises:
        ValueError: an empty mask has no box.
    """
    if not masks.flatten(1).any(1).all():
        raise ValueError(f"a mask without a single pixel has no box (visible is {VISIBLE} of 255).")
    ends = []
    for axis in (1, 2):  # over the rows: which columns are occupied; then the other way round
        occupied = masks.any(axis).byte()
        ends.append((occupied.argmax(1), occupied.shape[1] - occupied.flip(1).argmax(1)))
    (x0, x1), (y0, y1) = ends
    return torch.stack([x0, y0, x1, y1], 1).float()


def textures(count: int, side: int, seed: int = 0) -> torch.Tensor:
    """Backgrounds, N x 1 x side x side, ``uint8``: clouds, coarser and finer, and pixel noise.

    They are periodic: continued at the opposite side there is no seam, so that without zeros
    around it nothing in a background tells where its border is.

    Raises:
        ValueError: a side that is no multiple of 16.
    """
    if side < 16 or side % 16:
        raise ValueError(f"the side of a canvas must be a multiple of 16 pixels, got {side}.")
    lot = torch.Generator().manual_seed(seed)
    clouds = (20 + 50 * torch.rand(count, 1, 1, 1, generator=lot)).expand(-1, -1, 4, 4)
    for cells in (4, 8, 16):
        strength = 25 * torch.rand(count, 1, 1, 1, generator=lot)
        finer = strength * torch.randn(count, 1, cells, cells, generator=lot)
        clouds = _magnified(clouds, cells // clouds.shape[-1]) + finer
    pictures = _magnified(clouds, side // 16)
    pictures = pictures + 8 * torch.randn(count, 1, side, side, generator=lot)
    return pictures.round_().clamp_(0, 255).to(torch.uint8)


def _magnified(pictures: torch.Tensor, factor: int) -> torch.Tensor:
    """Bilinear, as if the picture went on at its opposite side."""
    around = F.pad(pictures, [1] * 4, mode="circular")
    large = F.interpolate(around, scale_factor=factor, mode="bilinear")
    return large[..., factor:-factor, factor:-factor]
