"""A renderer small enough to be run backwards: soft blobs on black (section 01).

A **scene** is a table, one row a blob, with the columns of ``COLUMNS``: position and size in
pixels (x to the right, y down, from the middle of the first pixel; size is the standard deviation
of the bell), brightness of the peak. ``render`` draws it. ``recover`` finds a table for a picture
by descending the gradient of the difference, "analysis by synthesis" [Yuille & Kersten 2006].
"""

from collections.abc import Callable
from itertools import permutations

import torch

COLUMNS = ("x", "y", "size", "brightness")
WORLD_COLUMNS = ("X", "Y", "distance", "radius", "brightness")


def render(scene: torch.Tensor, side: int = 32) -> torch.Tensor:
    """Draw a scene: ``brightness · exp(−((column − x)² + (row − y)²) / (2 size²))``, added up.

    Args:
        scene: ... x blobs x 4, see ``COLUMNS``; several scenes at once where there are more axes.
        side: of the square picture in pixels.

    Returns:
        ... x side x side, differentiable by ``scene``.

    Raises:
        ValueError: a table of another shape, or of whole numbers.
    """
    _need_table(scene, COLUMNS, "scene")
    x, y, size, brightness = scene.unsqueeze(-1).unbind(-2)  # each ... x blobs x 1
    steps = torch.arange(side, dtype=scene.dtype, device=scene.device)
    across, down = (torch.exp(-((steps - at) ** 2) / (2 * size**2)) for at in (x, y))
    return torch.einsum("...bo,...br,...bc->...rc", brightness, down, across)


def photograph(world: torch.Tensor, side: int = 32, focal: float = 32.0) -> torch.Tensor:
    """What a pinhole camera makes of blobs in space: a scene for ``render``.

    Args:
        world: ... x blobs x 5, see ``WORLD_COLUMNS``: X to the right, Y down and distance from
            the pinhole, radius, all in one unit (say centimetres), and brightness, which does not
            fade with distance.
        focal: distance from pinhole to picture, in pixels.

    Returns:
        ... x blobs x 4; all lengths are multiplied by ``focal / distance``.

    Raises:
        ValueError: a table of another shape, or of whole numbers.
    """
    _need_table(world, WORLD_COLUMNS, "world")
    X, Y, distance, radius, brightness = world.unbind(-1)
    middle = (side - 1) / 2
    shrink = focal / distance
    return torch.stack(
        [middle + X * shrink, middle + Y * shrink, radius * shrink, brightness], dim=-1
    )


def recover(
    picture: torch.Tensor, start: torch.Tensor, steps: int = 300, rate: float = 0.03
) -> tuple[torch.Tensor, torch.Tensor]:
    """From a picture back to a scene: Adam on the mean squared difference of the pictures.

    Args:
        picture: side x side.
        start: ... x blobs x 4; from several starting scenes each goes its own way.
        rate: the first steps' length, in parts of the picture's side (x, y, size) and of 1
            (brightness); it falls to 0.

    Returns:
        The scenes reached, shaped like ``start``, and the error of each picture (...).

    Raises:
        ValueError: a picture that is not square, or a table of another shape.
    """
    if picture.ndim != 2 or picture.shape[0] != picture.shape[1]:
        raise ValueError(f"picture: expected shape (side, side), got {tuple(picture.shape)}.")
    _need_table(start, COLUMNS, "start")
    side = len(picture)
    units = start.new_tensor([side, side, side, 1])  # so that one step suits all columns
    guess = (start / units).detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([guess], rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        errors = (render(guess * units, side) - picture).square().mean((-2, -1))
        errors.sum().backward()  # the sum: the starts do not feel each other
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        scene = guess * units
        scene[..., 2] = scene[..., 2].abs()  # the picture depends on size² only
        return scene, (render(scene, side) - picture).square().mean((-2, -1))


def scene_error(found: torch.Tensor, truth: torch.Tensor, side: int = 32) -> torch.Tensor:
    """The largest difference between two tables, whichever blob comes first in either.

    Args:
        found, truth: ... x blobs x 4 and blobs x 4.
        side: x, y and size count in parts of it.

    Returns:
        ..., for the order of the rows that fits best.

    Raises:
        ValueError: tables of another shape, or with different numbers of blobs.
    """
    _need_table(found, COLUMNS, "found")
    _need_table(truth, COLUMNS, "truth")
    if found.shape[-2:] != truth.shape[-2:]:
        raise ValueError(
            f"the tables hold {found.shape[-2]} and {truth.shape[-2]} blobs; only tables with "
            "equally many can be compared."
        )
    units = truth.new_tensor([side, side, side, 1])
    worst = [
        ((found[..., list(order), :] - truth) / units).abs().amax((-2, -1))
        for order in permutations(range(truth.shape[-2]))
    ]
    return torch.stack(worst).amin(0)


def least_visible(draw: Callable, table: torch.Tensor) -> tuple[float, torch.Tensor]:
    """The change of a table that changes its picture least, to first order.

    Args:
        draw: table -> picture, differentiable (``render``, or ``render`` of a ``photograph``).
        table: blobs x columns.

    Returns:
        How far the picture moves (root of the summed squares) for a step of length 1 (the smallest
        singular value of the Jacobian; 0: the picture stays), and that step, shaped like the table.
    """
    exact = table.double()
    jacobian = torch.autograd.functional.jacobian(lambda t: draw(t).flatten(), exact)
    _, moves, steps = torch.linalg.svd(jacobian.flatten(1), full_matrices=False)
    return moves[-1].item(), steps[-1].view_as(table).to(table.dtype)


def _need_table(table: torch.Tensor, columns: tuple[str, ...], name: str) -> None:
    if table.ndim < 2 or table.shape[-1] != len(columns) or not table.is_floating_point():
        raise ValueError(
            f"{name}: expected floats of shape (..., blobs, {len(columns)}) with the columns "
            f"{', '.join(columns)}; got {table.dtype} of shape {tuple(table.shape)}. One blob is a "
            "table of one row: [[…]]."
        )
