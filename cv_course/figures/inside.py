"""Figures of section 11."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cv_course.figures.core import COLOURS, SIGNED, as_picture, mosaic, new
from cv_course.figures.features import draw_verdict

MARKERS = "osD^vXP"
HATCHES = ("", "///", "...")
_GREY = "#8a8a84"


def filter_rows(rows: Mapping[str, torch.Tensor]) -> Figure:
    """Rows of equally many filters (F x 1 x k x k), a name before each; each on its own scale."""
    columns = max(map(len, rows.values()))
    figure, axes = new(10, 0.72 * len(rows), len(rows), 1, squeeze=False)
    for axis, (name, weights) in zip(axes[:, 0], rows.items(), strict=True):
        scaled = weights / weights.abs().amax((1, 2, 3), keepdim=True)
        tiles = mosaic(scaled, columns, gap=1, fill=float("nan"))
        axis.imshow(tiles.numpy(), cmap=SIGNED, vmin=-1, vmax=1)
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def channels(
    image: torch.Tensor, maps: torch.Tensor, chosen: int, layer: str, caption: str
) -> Figure:
    """An image, all channels of a layer on one common scale, and one of them large.

    Args:
        image: 1 x H x W, bytes.
        maps: C x h x w, what the layer answers; 0 or more.
        chosen: the channel that is framed and drawn large.
        caption: above the large one.
    """
    figure, (left, middle, right) = new(10, 3.3, 1, 3, width_ratios=(1, 2, 1.25))
    left.imshow(as_picture(image), vmin=0, vmax=255)
    left.set_title("image")
    count, height, width = maps.shape
    columns, gap, top = 8, max(1, height // 7), max(float(maps.max()), 1e-6)
    tiles = mosaic(maps[:, None], columns, gap, fill=float("nan"))
    middle.imshow(tiles.numpy(), vmin=0, vmax=top)
    row, column = divmod(chosen, columns)
    corner = (column * (width + gap) - 0.5, row * (height + gap) - 0.5)
    middle.add_patch(Rectangle(corner, width, height, fill=False, ec=COLOURS[1], lw=2.5))
    middle.set_title(f"{layer}: {count} channels of {height} × {width}")
    shown = right.imshow(maps[chosen].numpy(), vmin=0, vmax=top)
    right.set_title(caption)
    figure.colorbar(shown, ax=right, shrink=0.8)
    for axis in (left, middle, right):
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def _draw_map(axis, values: torch.Tensor, picture: torch.Tensor) -> None:
    """A map, red for and blue against, on its own scale, with the outline of the picture."""
    values = values.detach().cpu().numpy()
    limit = max(float(np.abs(values).max()), 1e-12)
    axis.imshow(values, cmap=SIGNED, vmin=-limit, vmax=limit)
    if len(picture) == 1 and picture.min() < 40 < picture.max():
        axis.contour(as_picture(picture), levels=[40], colors=_GREY, linewidths=0.7)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_color("#d9d9d4")


def map_table(
    rows: Mapping[str, torch.Tensor],
    pictures: torch.Tensor,
    titles: Sequence[str],
    show_pictures: bool = True,
) -> Figure:
    """Maps in rows (ways to look) and columns, each on its own scale: red for, blue against.

    Args:
        rows: name -> columns x H x W.
        pictures: columns x 1 x H x W, bytes; their outlines are drawn over the maps.
        titles: of the columns.
        show_pictures: put the pictures themselves into a first row.
    """
    _, _, height, width = pictures.shape
    count = len(rows) + show_pictures
    figure, axes = new(
        1.3 + 1.15 * len(titles) * width / height, 1.13 * count + 0.3, count, len(titles),
        squeeze=False,
    )  # fmt: skip
    if show_pictures:
        for axis, picture in zip(axes[0], pictures, strict=True):
            axis.imshow(as_picture(picture), vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for line, (name, maps) in zip(axes[show_pictures:], rows.items(), strict=True):
        for axis, values, picture in zip(line, maps, pictures, strict=True):
            _draw_map(axis, values, picture)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9.5, loc="center")
    return figure


def agreement(names: Sequence[str], matrix: torch.Tensor) -> Figure:
    """Rank correlations of each with each, as numbers on colours."""
    figure, axis = new(1.6 + 0.85 * len(names), 0.6 + 0.5 * len(names))
    axis.imshow(matrix.numpy(), cmap=SIGNED, vmin=-1.4, vmax=1.4, aspect="auto")
    for (row, column), value in np.ndenumerate(matrix.numpy()):
        axis.text(column, row, f"{value:.2f}".replace("-", "−"), ha="center", va="center")
    axis.set_xticks(range(len(names)), names, fontsize=9)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def named_lines(
    ticks: Sequence, lines: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, ylim
) -> Figure:
    """Lines over equally spaced places, each with a marker of its own and its name at the end."""
    figure, axis = new(8.2, 3.2)
    low, high = ylim
    step, places = 0.06 * (high - low), {}
    for name, values in sorted(lines.items(), key=lambda line: line[1][-1]):
        wanted = values[-1]  # names that would overlap move up
        places[name] = max([wanted, *(place + step for place in places.values())])
    for (name, values), marker, colour in zip(lines.items(), MARKERS, COLOURS, strict=False):
        axis.plot(range(len(ticks)), values, marker=marker, color=colour)
        axis.annotate(name, (len(ticks) - 1, values[-1]), xytext=(len(ticks) - 0.8, places[name]),
                      color=colour, va="center", fontsize=9.5, annotation_clip=False)  # fmt: skip
    axis.set_xticks(range(len(ticks)), ticks)
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim, xlim=(-0.2, len(ticks) + 0.9))
    axis.grid(axis="y")
    return figure


def shares(groups: Mapping[str, Mapping[str, float]], area: float, title: str) -> Figure:
    """Bars in pairs: way to look -> network -> share of the map; a line for the share of area."""
    figure, axis = new(8, 0.62 * len(groups) + 0.9)
    ways = list(next(iter(groups.values())))
    width = 0.8 / len(ways)
    for number, (way, colour, hatch) in enumerate(zip(ways, COLOURS, HATCHES, strict=False)):
        places = np.arange(len(groups)) + (number - (len(ways) - 1) / 2) * width
        lengths = [group[way] for group in groups.values()]
        bars = axis.barh(places, lengths, 0.92 * width, color=colour, hatch=hatch, ec="white",
                         label=way)  # fmt: skip
        axis.bar_label(bars, [f"{length:.0%}" for length in lengths], fontsize=9, padding=2)
    axis.axvline(area, color="black", ls=":", lw=1.2, label="share of the picture's area")
    axis.set_yticks(range(len(groups)), groups)
    axis.set(xlim=(0, 1.1), xticks=[], title=title)
    axis.invert_yaxis()
    axis.spines["bottom"].set_visible(False)
    axis.legend(fontsize=9, loc="lower right")
    return figure


def one_map(
    picture: torch.Tensor,
    values: torch.Tensor,
    name: str,
    chances: Sequence[float],
    classes: Sequence[str],
    truth: int,
    asked: int,
) -> Figure:
    """A picture, one map of it for the class that is asked about, and the network's answer.

    Args:
        picture: 1 x H x W, bytes; values: H x W.
        chances: the network's probabilities.
    """
    figure, (left, middle, right) = new(8.6, 2.7, 1, 3, width_ratios=(1, 1, 1.2))
    left.imshow(as_picture(picture), vmin=0, vmax=255)
    left.set_title(classes[truth])
    left.set_axis_off()
    _draw_map(middle, values, picture)
    middle.set_title(f"{name}: “{classes[asked]}”?", fontsize=10)
    draw_verdict(right, chances, classes, truth)
    return figure
