"""Section 02's interactives."""

from functools import cache, lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.collections import LineCollection

from cv_course import plots
from cv_course.data import Split
from cv_course.features import cell_histograms, gradients, normalise_blocks
from cv_course.film import Interactive, choice, interactive, slider
from cv_course.sections.s02_features.model import accuracy, fit_linear

FILTERS = {
    "right − left": torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]]),
    "below − above": torch.tensor([[0.0, -1, 0], [0, 0, 0], [0, 1, 0]]),
    "average": torch.full((3, 3), 1 / 9),
    "spots": torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / 8,
}


def filtered(grey: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """A filter at each position of an H x W image; its border counts as continued."""
    return F.conv2d(F.pad(grey[None, None], [1] * 4, mode="replicate"), kernel[None, None])[0, 0]


def filter_photo(photo: torch.Tensor) -> Interactive:
    """A photograph, noise, smoothing, and one filter of 3 x 3 numbers.

    Args:
        photo: C x H x W, ``uint8``.
    """
    clean = photo.float().mean(0)
    random = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    @interactive(
        film=[{}, {"kernel": "below − above"}, {"noise": 40}, {"noise": 40, "smooth": 4}],
        kernel=choice("filter", list(FILTERS)),
        noise=slider("noise (grey levels)", 0, 60, 20, 0),
        smooth=slider("smoothing (times)", 0, 6, 1, 0),
    )
    def filter_photo(kernel, noise, smooth):
        grey, pure = (clean + noise * random).clamp(0, 255), clean
        for _ in range(smooth):
            grey, pure = (filtered(one, FILTERS["average"]) for one in (grey, pure))
        found, wanted = filtered(grey, FILTERS[kernel]), filtered(clean, FILTERS[kernel])
        similar = torch.corrcoef(torch.stack([found.flatten(), wanted.flatten()]))[0, 1].item()
        room = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.99, "wspace": 0.05}
        figure, (left, right) = plots.figure(6, 3.2, 1, 2, room)
        plots.pictures([grey[None]], ["the image"], size=2.9, scale=(0, 255), axis=left)
        signed = kernel != "average"
        limit = 100 if signed else 255
        title = f"output (correlation {similar:.2f})"
        plots.pictures([found[None]], [title], size=2.9, signed=signed,
                       scale=(-limit if signed else 0, limit), axis=right)  # fmt: skip
        alt = (
            f"A photograph with noise of {noise} grey levels, smoothed {smooth} times, and the "
            f"output of the filter {kernel}. Its correlation with the output without noise is "
            f"{similar:.2f}."
        )
        return figure, alt

    return filter_photo


def draw_cells(axis, cells: np.ndarray, cell: int) -> None:
    """A stroke along the edge for each bin of each cell, as long as what the bin has collected."""
    bins = cells.shape[-1]
    reach = cells / max(cells.max(), 1e-12) * cell * 0.8
    turn = np.deg2rad((np.arange(bins) + 0.5) * 180 / bins + 90)  # along the edge
    rows, columns = np.mgrid[: cells.shape[0], : cells.shape[1]] * cell + (cell - 1) / 2
    centre = np.stack([columns, rows], axis=-1)[:, :, None]
    along = reach[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    strokes = np.stack([centre - along, centre + along], axis=-2)[reach > 0.06 * cell]
    axis.add_collection(
        LineCollection(list(strokes), colors=plots.COLOURS[1], lw=1.6), autolim=False
    )


NORMALISED = (("no", ("none", 1)), ("yes", ("L2-Hys", 2)))


def design_feature(learn: Split, validation: Split, item: int) -> Interactive:
    """Choose how the gradients are counted, and see what that is worth on validation images.

    Args:
        item: the validation image that is drawn.
    """
    images = torch.cat([validation.images, learn.images])
    length, angle = gradients(images)
    count = len(validation)

    @cache
    def pixels() -> float:
        return judge(images.flatten(1))

    def judge(found: torch.Tensor) -> float:
        layer = fit_linear(found[count:], learn.labels, decay=0.01)
        return accuracy(layer, found[:count], validation.labels)

    @lru_cache(64)
    def worth(cell: int, bins: int, norm: tuple[str, int]):
        cells = cell_histograms(length, angle, cell, bins)
        found = normalise_blocks(cells.float(), norm[1], norm[0]).flatten(1)
        return cells[item].numpy(), judge(found), found.shape[1]

    @interactive(
        film=[{"cell": 14, "bins": 3}, {"cell": 7, "bins": 6}, {}, {"norm": ("none", 1)}],
        cell=choice("cell (pixels)", [14, 7, 4], 4),
        bins=slider("bins", 3, 12, 3, 9),
        norm=choice("divide by contrast", list(NORMALISED), ("L2-Hys", 2)),
    )
    def design_feature(cell, bins, norm):
        cells, reached, numbers = worth(cell, bins, norm)
        room = {"left": 0.01, "right": 0.82, "bottom": 0.13, "top": 0.9, "wspace": 0.4}
        figure, (left, right) = plots.figure(6, 2.8, 1, 2, room)
        left.imshow(plots.as_picture(validation.images[item]), cmap="gray", alpha=0.35)
        draw_cells(left, cells, cell)
        left.set(title=f"{numbers:,} numbers per image", xticks=[], yticks=[])
        plots.bars({"yours": reached, "pixels": pixels()}, ylabel="validation accuracy", ylim=1.05,
                   levels={"chance": 0.1}, axis=right)  # fmt: skip
        alt = (
            f"A boot with strokes along the edges in cells of {cell} pixels, {bins} bins: "
            f"{numbers:,} numbers per image. Validation accuracy {reached:.3f}; the pixels reach "
            f"{pixels():.3f}."
        )
        return figure, alt

    return design_feature
