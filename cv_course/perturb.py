"""Shift, scale and rotate images: what robustness curves are made of (sections 03, 04 …).

Every function takes N x C x H x W images of any number type and returns new ones of the same
shape and type. What comes in from outside the picture is 0 (Fashion-MNIST's black).
"""

import functools
import math

import torch
import torch.nn.functional as F

from cv_course import checked


def shift(images: torch.Tensor, dx: int, dy: int = 0) -> torch.Tensor:
    """Move by whole pixels: ``dx`` to the right, ``dy`` down. Exact, no interpolation."""
    need_images(images)
    dx, dy = checked.real("dx", dx), checked.real("dy", dy)
    if dx % 1 or dy % 1:
        raise ValueError(f"shift moves by whole pixels, got dx={dx}, dy={dy}; round them first.")
    height, width = images.shape[-2:]
    dx, dy = max(-width, min(width, int(dx))), max(-height, min(height, int(dy)))
    return F.pad(images, (dx, -dx, dy, -dy))  # a negative border cuts off


def scale(images: torch.Tensor, factor: float) -> torch.Tensor:
    """Magnify about the centre by ``factor`` (0.5: half as large), bilinear, canvas unchanged."""
    factor = checked.real("factor", factor, "positive")
    return _affine(images, [[1 / factor, 0.0], [0.0, 1 / factor]])


def rotate(images: torch.Tensor, degrees: float) -> torch.Tensor:
    """Turn about the centre, counter-clockwise, bilinear."""
    turn = math.radians(checked.real("degrees", degrees))
    cos, sin = math.cos(turn), math.sin(turn)
    return _affine(images, [[cos, -sin], [sin, cos]])


def random_crop(images: torch.Tensor, reach: int) -> torch.Tensor:
    """Move each image by its own random number of whole pixels, up to ``reach`` each way.

    All at once, by picking a window of each padded image; draws from torch's global generator.

    Raises:
        ValueError: no images, or ``reach`` is no whole number from 0.
    """
    need_images(images)
    reach = checked.whole("reach", reach)
    padded = F.pad(images, [reach] * 4)
    down, right = torch.randint(0, 2 * reach + 1, (2, len(images)), device=images.device)
    # A row of a window is a run of memory: all that has to be worked out is where each begins.
    starts = _first_runs(images.shape, reach, images.device)
    starts = starts + torch.add(right, down, alpha=padded.shape[-1])[:, None]
    runs = padded.flatten().unfold(0, images.shape[-1], 1)
    return runs.index_select(0, starts.flatten()).view(images.shape)


@functools.lru_cache(maxsize=8)
def _first_runs(shape: torch.Size, reach: int, device: torch.device) -> torch.Tensor:
    """(N, C * H): where the rows of each image's upper left window begin, padded by ``reach``."""
    count, channels, height, width = shape
    columns = width + 2 * reach
    maps = torch.arange(count * channels, device=device) * columns * (height + 2 * reach)
    rows = maps[:, None] + torch.arange(height, device=device) * columns
    return rows.view(count, channels * height)


def need_images(images: torch.Tensor) -> None:
    """Refuse with a ``ValueError`` what is not N x C x H x W."""
    if images.ndim != 4:
        raise ValueError(
            f"expected images of shape (N, C, H, W), got {tuple(images.shape)}; add the missing "
            "axes: image[None] to (C, H, W), image[None, None] to (H, W)."
        )


def _affine(images: torch.Tensor, inverse: list[list[float]]) -> torch.Tensor:
    """Look up every output pixel at ``inverse`` times its offset from the centre, in pixels."""
    need_images(images)
    count, _, height, width = images.shape
    values = images if images.is_floating_point() else images.float()
    y = torch.arange(height, device=images.device, dtype=values.dtype) - (height - 1) / 2
    x = torch.arange(width, device=images.device, dtype=values.dtype) - (width - 1) / 2
    y, x = torch.meshgrid(y, x, indexing="ij")
    (a, b), (c, d) = inverse
    # grid_sample counts from -1 to 1 across the outer edges of the picture
    grid = torch.stack([(a * x + b * y) * 2 / width, (c * x + d * y) * 2 / height], dim=-1)
    grid = grid.expand(count, height, width, 2)
    moved = F.grid_sample(values, grid, align_corners=False)
    return moved if images.is_floating_point() else moved.round().clamp(0, 255).to(images.dtype)
