"""Section 02's interactive, and the strokes of its cells."""

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.collections import LineCollection

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider

FILTERS = {
    "right − left": torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]]),
    "below − above": torch.tensor([[0.0, -1, 0], [0, 0, 0], [0, 1, 0]]),
}
AVERAGE = torch.full((3, 3), 1 / 9)  # smooths


def filtered(grey: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """A filter at each position of an H x W image; its border counts as continued."""
    return F.conv2d(F.pad(grey[None, None], [1] * 4, mode="replicate"), kernel[None, None])[0, 0]


def filter_photo(photo: torch.Tensor) -> Interactive:
    """A photograph, noise, smoothing, and a filter.

    Args:
        photo: C x H x W, ``uint8``.
    """
    clean = photo.float().mean(0)
    random = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    @interactive(
        film=[{}, {"kernel": "below − above"}, {"noise": 40}, {"noise": 40, "smooth": 4}],
        kernel=choice("filter", list(FILTERS)),
        noise=slider("noise (standard deviation)", 0, 60, 20, 0),
        smooth=slider("smoothing (times)", 0, 6, 1, 0),
    )
    def filter_photo(kernel, noise, smooth):
        grey = (clean + noise * random).clamp(0, 255)
        for _ in range(smooth):
            grey = filtered(grey, AVERAGE)
        found = filtered(grey, FILTERS[kernel])
        room = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.99, "wspace": 0.05}
        figure, (left, right) = plots.figure(6, 3.2, 1, 2, room)
        plots.pictures([grey[None]], ["the image"], size=2.9, scale=(0, 255), axis=left)
        title = f"output of the filter {kernel}"
        plots.pictures([found[None]], [title], size=2.9, signed=True, scale=(-100, 100), axis=right)
        alt = (
            f"A photograph with noise of the standard deviation {noise}, smoothed {smooth} times, "
            f"and the output of the filter {kernel}."
        )
        return figure, alt

    return filter_photo


def draw_cells(axis, cells: np.ndarray, cell: int) -> None:
    """In each cell a stroke along the edge of its largest bin, as long as that bin is large."""
    bins = cells.shape[-1]
    reach = cells.max(-1) / max(cells.max(), 1e-12) * cell * 0.8
    turn = np.deg2rad((cells.argmax(-1) + 0.5) * 180 / bins + 90)  # along the edge
    rows, columns = np.mgrid[: cells.shape[0], : cells.shape[1]] * cell + (cell - 1) / 2
    centre = np.stack([columns, rows], axis=-1)
    along = reach[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    strokes = np.stack([centre - along, centre + along], axis=-2)[reach > 0.06 * cell]
    axis.add_collection(
        LineCollection(list(strokes), colors=plots.COLOURS[1], lw=1.6), autolim=False
    )
