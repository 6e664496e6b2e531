"""Figures of section 09."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Ellipse, Polygon, Rectangle

from cv_course.figures.core import COLOURS, as_picture, new
from cv_course.models.s09_receptive import Box, down_to_the_input, map_sizes, spread
from cv_course.receptive import Window, predicted

FIELD = COLOURS[4]  # what is seen
UNIT = COLOURS[1]  # who sees


def patch_to_element(image: torch.Tensor, result: torch.Tensor, box: Box, unit) -> Figure:
    """A patch of an image and the one element of the map that it decides, joined by lines.

    Args:
        image, result: H x W, whole numbers.
        box: the patch.
        unit: row and column of the element.
    """
    figure, (left, right) = new(7, 3.2, 1, 2, width_ratios=(image.shape[1], result.shape[1]))
    y, x = unit
    target = Box(y, x, y + 1, x + 1)
    for axis, table, frame, colour, title in (
        (left, image, box, FIELD, f"image: a patch of {box.size[0]} × {box.size[1]}"),
        (right, result, target, UNIT, "map: one element"),
    ):
        axis.imshow(np.full((*table.shape, 3), 0.96))
        for (row, column), value in np.ndenumerate(np.asarray(table)):
            inside = frame.top <= row < frame.bottom and frame.left <= column < frame.right
            look = {"weight": "bold"} if inside else {"color": "#777777"}
            text = f"{value:.0f}".replace("-", "−")
            axis.text(column, row, text, ha="center", va="center", fontsize=9, **look)
        _frame(axis, frame, ec=colour, fc=colour, alpha=0.35)
        _frame(axis, frame, ec=colour, fill=False, lw=2.5)
        axis.set_title(title)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.hlines(
            np.arange(table.shape[0] + 1) - 0.5, -0.5, table.shape[1] - 0.5, "#cccccc", lw=1
        )
        axis.vlines(
            np.arange(table.shape[1] + 1) - 0.5, -0.5, table.shape[0] - 0.5, "#cccccc", lw=1
        )
    for edge in ("top", "bottom"):
        ends = [(frame.right if frame is box else frame.left) - 0.5 for frame in (box, target)]
        heights = [getattr(frame, edge) - 0.5 for frame in (box, target)]
        figure.add_artist(
            ConnectionPatch(
                xyA=(ends[0], heights[0]),
                xyB=(ends[1], heights[1]),
                coordsA=left.transData,
                coordsB=right.transData,
                ls="--",
            )
        )
    return figure


def _frame(axis, box: Box, **look) -> None:
    height, width = box.size
    axis.add_patch(Rectangle((box.left - 0.5, box.top - 0.5), width, height, **look))


def sheets(windows: Sequence[Window], size: tuple[int, int], unit=None) -> Figure:
    """Maps as sheets above each other, and what one element of the uppermost sees of each: the
    pyramid down to the input.

    Args:
        windows: from the input on.
        size: (height, width) of the image in pixels; small, as every pixel is drawn.
        unit: row and column in the last map; None is its middle.
    """
    sizes = map_sizes(windows, size)
    windows = windows[: len(sizes) - 1]
    unit = unit or tuple(n // 2 for n in sizes[-1])
    boxes = down_to_the_input(windows, unit)[::-1]
    fields = predicted(windows)
    figure, axis = new(7.5, 1.3 + 1.15 * len(sizes))
    rise, lean, flat = 0.62 * size[0], 0.45, 0.42  # between sheets, to the side, foreshortening

    def corner(level: int, row: float, column: float) -> tuple[float, float]:
        """Where a corner of an element lies on the page; sheets are as large as what they see."""
        if level:
            jump, start = fields[level - 1].jump, fields[level - 1].start
            reach = fields[level - 1].size
            row, column = (
                s + (r - 1) / 2 + j * (at - 0.5)
                for s, r, j, at in zip(start, reach, jump, (row, column), strict=True)
            )
            row, column = row + 0.5, column + 0.5
        return column + lean * (size[0] - row), level * rise + flat * (size[0] - row)

    def outline(level: int, box: Box) -> list[tuple[float, float]]:
        corners = ((box.top, box.left), (box.top, box.right), (box.bottom, box.right))
        return [corner(level, *c) for c in (*corners, (box.bottom, box.left))]

    for level, (height, width) in enumerate(sizes):
        axis.add_patch(
            Polygon(outline(level, Box(0, 0, height, width)), fc="#f1f1ec", ec="#888888")
        )
        for row in range(1, height):
            axis.plot(*zip(corner(level, row, 0), corner(level, row, width), strict=True),
                      color="#c9c9c4", lw=0.6)  # fmt: skip
        for column in range(1, width):
            axis.plot(*zip(corner(level, 0, column), corner(level, height, column), strict=True),
                      color="#c9c9c4", lw=0.6)  # fmt: skip
        seen = boxes[level].within(height, width)
        top = level == len(sizes) - 1
        colour = UNIT if top else FIELD
        axis.add_patch(Polygon(outline(level, seen), fc=colour, ec="black", alpha=0.85))
        if not top:
            above = outline(level + 1, boxes[level + 1].within(*sizes[level + 1]))
            for low, high in zip(outline(level, seen), above, strict=True):
                axis.plot(*zip(low, high, strict=True), color="black", lw=0.9, ls="--", zorder=9)
        name = f"map {level}: {height} × {width}" if level else f"image: {height} × {width} pixels"
        what = "the element" if top else f"{seen.size[0]} × {seen.size[1]} seen"
        axis.text(size[1] + lean * size[0] + 1.5, level * rise + flat * size[0] / 2,
                  f"{name}\n{what}", va="center", fontsize=10)  # fmt: skip
    axis.set(xlim=(-1, 2.1 * size[1] + lean * size[0]), aspect="equal")
    axis.set_ylim(-1, (len(sizes) - 1) * rise + flat * size[0] + 1)
    axis.set_axis_off()
    return figure


def cross_section(layers: Sequence[tuple[str, Window]], side: int, place: float = 0.5) -> Figure:
    """A network cut open: the elements of each map above the pixels, and what one element sees.

    Args:
        layers: (name, window), from the input on; the vertical direction is drawn.
        side: of the image in pixels.
        place: of the element in the last map, from 0 (first) to 1 (last).
    """
    windows = [window for _, window in layers]
    sizes = [height for height, _ in map_sizes(windows, (side, side))]
    fit = len(sizes) - 1
    fields = predicted(windows[:fit])
    unit = round(place * (sizes[-1] - 1))
    boxes = down_to_the_input(windows[:fit], (unit, unit))[::-1]
    figure, (axis, table) = new(10, 1.2 + 0.62 * (len(layers) + 1), 1, 2, width_ratios=(2.1, 1))
    edges = []
    for level, count in enumerate(sizes):
        size, jump, start = (1, 1, 0) if not level else [part[0] for part in fields[level - 1]]
        middles = start + (size - 1) / 2 + jump * np.arange(count)
        seen = np.arange(count)
        seen = (boxes[level].top <= seen) & (seen < boxes[level].bottom)
        top = level == fit
        mark = {"marker": "s", "lw": 0, "s": np.clip(9000 / side / len(sizes) ** 0.3, 3, 70)}
        axis.scatter(middles[~seen], np.full((~seen).sum(), level), color="#bdbdb8", **mark)
        axis.scatter(middles[seen], np.full(seen.sum(), level), color=UNIT if top else FIELD,
                     edgecolor="black" if side <= 64 else None, **(mark | {"lw": 0.5}))  # fmt: skip
        ends = (boxes[level].top, boxes[level].bottom - 1)
        edges.append([start + (size - 1) / 2 + jump * end for end in ends])
    for level, (low, high) in enumerate(pairwise(edges)):
        corners = [(low[0], level), (high[0], level + 1), (high[1], level + 1), (low[1], level)]
        axis.add_patch(Polygon(corners, fc=FIELD, alpha=0.22, ec=FIELD, lw=1))
    for border in (-0.5, side - 0.5):
        axis.axvline(border, color="black", lw=0.8, ls=":")
    reach = [end for pair in edges for end in pair]
    axis.set(xlim=(min(-1, *reach) - 1, max(side, *reach) + 1), ylim=(-0.5, len(layers) + 0.5))
    axis.set_yticks(range(fit + 1), ["image", *(name for name, _ in layers[:fit])], fontsize=9)
    axis.set_xlabel("pixel")
    axis.spines[["left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    table.set(xlim=(0, 1), ylim=axis.get_ylim())
    table.set_axis_off()
    columns = (0.12, 0.42, 0.72)
    rows = [(str(count), *(("1", "1") if not level else (f"{fields[level - 1].size[0]}",
            f"{fields[level - 1].jump[0]}"))) for level, count in enumerate(sizes)]  # fmt: skip
    for level, row in enumerate(rows):
        for at, cell in zip(columns, row, strict=True):
            weight = "bold" if level == fit else "normal"
            table.text(at, level, cell, ha="center", va="center", weight=weight)
    for at, name in zip(columns, ("elements", "sees\n(pixels)", "jump\n(pixels)"), strict=True):
        table.text(at, len(layers) + 0.5, name, ha="center", va="bottom", fontsize=9)
    if fit < len(layers):
        table.text(0.42, fit + 0.6, f"{layers[fit][0]} does not fit\non {sizes[-1]} elements",
                   ha="center", va="bottom", fontsize=9, color=UNIT)  # fmt: skip
    return figure


def growth(fields: Mapping[str, Sequence[int]], side: int) -> Figure:
    """Receptive field after each layer of some networks, and the side of the image."""
    figure, axis = new(7.5, 3)
    for (name, sizes), marker, colour in zip(fields.items(), "os^", COLOURS, strict=False):
        axis.plot(range(1, len(sizes) + 1), sizes, marker=marker, color=colour)
        axis.annotate(f"{name}: {sizes[-1]}", (len(sizes), sizes[-1]), (7, -9),
                      textcoords="offset points", color=colour)  # fmt: skip
    axis.axhline(side, color="black", ls=":", lw=1)
    axis.text(1, side + 4, f"the whole image: {side}", fontsize=9)
    longest = max(map(len, fields.values()))
    axis.set(xlabel="layer with a kernel, pooling included", ylabel="receptive field (pixels)")
    axis.set(
        xlim=(0.5, longest + 4),
        xticks=range(1, longest + 1),
        ylim=(0, 1.15 * max(side, *map(max, fields.values()))),
    )
    return figure


def supports(seen: Mapping[str, torch.Tensor], box: Box) -> Figure:
    """Which pixels (H x W booleans each) matter, and the predicted box around them."""
    figure, axes = new(2.4 * len(seen), 2.8, 1, len(seen), squeeze=False)
    for axis, (name, pixels) in zip(axes[0], seen.items(), strict=True):
        axis.imshow(as_picture(pixels), cmap="Blues", vmin=0, vmax=1.4)
        _frame(axis, box, fill=False, ec=UNIT, lw=2)
        height, width = box.size
        axis.set_title(f"{name}:\n{int(pixels.sum())} pixels of {height} × {width}", fontsize=9)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    return figure


def field_on_photo(
    photo: torch.Tensor,
    box: Box,
    title: str,
    grid: Sequence[tuple[float, float]] = (),
    strength: torch.Tensor | None = None,
) -> Figure:
    """A photograph, darker where a unit sees nothing, with the unit's receptive field framed.

    Args:
        photo: 3 x H x W, ``uint8``.
        box: the receptive field; it may reach beyond the image, into the padding.
        grid: (row, column) in pixels of the middles of all units, drawn as dots.
        strength: H x W, an effective field: drawn as light (smoothed over 15 x 15 pixels, as
            neighbours differ by chance), with the ellipse of two standard deviations.
    """
    height, width = photo.shape[1:]
    inside = box.within(height, width)
    light = torch.full((height, width), 0.3)
    light[inside.top : inside.bottom, inside.left : inside.right] = 1
    if strength is not None:
        smooth = F.avg_pool2d(strength[None, None].float(), 15, 1, 7)[0, 0]
        light = 0.1 + 0.9 * smooth / smooth.max()
    over = max(0, -box.top, -box.left, box.bottom - height, box.right - width)
    figure, axis = new(4.4, 4.6)
    axis.set_facecolor("#d9d9d4")  # the padding
    axis.imshow(as_picture((photo * light).round().to(torch.uint8)))
    if len(grid):
        rows, columns = zip(*grid, strict=True)
        axis.scatter(columns, rows, s=5, color="white", edgecolor="black", lw=0.4)
    for colour, lw in (("black", 4), (FIELD, 2)):
        _frame(axis, box, fill=False, ec=colour, lw=lw)
    middle = ((box.left + box.right - 1) / 2, (box.top + box.bottom - 1) / 2)
    axis.plot(*middle, marker="+", color="black", ms=13, mew=4)
    axis.plot(*middle, marker="+", color="white", ms=11, mew=2)
    if strength is not None:
        sigma = spread(strength)
        axis.add_patch(Ellipse(middle, 4 * sigma[1], 4 * sigma[0], fill=False, ec="white", ls="--",
                               lw=1.5))  # fmt: skip
    axis.set(xlim=(-over - 3, width + over + 2), ylim=(height + over + 2, -over - 3))
    axis.set(xticks=[0, width], yticks=[0, height])
    axis.set_title(title, fontsize=10)
    return figure


def shrinking(
    strengths: Mapping[int, torch.Tensor], shares: Mapping[int, float], kernel: int
) -> Figure:
    """Effective fields of stacks of different depth, each drawn in its own receptive field.

    Args:
        strengths: number of layers -> H x W, exactly the receptive field.
        shares: number of layers -> effective size / receptive field.
    """
    figure, axes = new(10, 2.6, 1, len(strengths) + 1, width_ratios=(*[1] * len(strengths), 1.7))
    for axis, (depth, strength) in zip(axes, strengths.items(), strict=False):
        side = len(strength)
        axis.imshow(as_picture(strength), cmap="magma", vmin=0, vmax=1)
        deviation = spread(strength)[0]
        axis.add_patch(Ellipse(((side - 1) / 2,) * 2, 4 * deviation, 4 * deviation, fill=False,
                               ec="white", ls="--", lw=1.2))  # fmt: skip
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
        axis.set_title(f"{depth} layers\nsees {side} × {side}", fontsize=9)
    depths = np.array(list(shares))
    axes[-1].plot(depths, list(shares.values()), marker="o", label="measured")
    law = law_of_the_root(depths, kernel)
    axes[-1].plot(depths, law, ls="--", marker="x", color=COLOURS[1], label="Gaussian")
    axes[-1].set(ylim=(0, 1), xlabel="layers", title="Share of the side in use")
    axes[-1].legend(fontsize=8)
    return figure


def law_of_the_root(depth, kernel: int):
    """Effective size / receptive field of ``depth`` equal layers, were their field a Gaussian.

    The part above a share t of the maximum is a disc of radius sigma * sqrt(2 ln(1 / t)).
    """
    sigma = np.sqrt(depth * (kernel**2 - 1) / 12)
    radius = sigma * np.sqrt(2 * np.log(1 / (1 - 0.9545)))
    return np.sqrt(np.pi) * radius / (1 + depth * (kernel - 1))


def profile(strength: torch.Tensor, kernel: int, depth: int) -> Figure:
    """An effective field from above and in section, beside a Gaussian of its sigma."""
    figure, (left, right) = new(8, 2.8, 1, 2, width_ratios=(1, 1.9))
    side, sigma = len(strength), spread(strength)[0]
    left.imshow(as_picture(strength), cmap="magma", vmin=0, vmax=1)
    left.add_patch(Ellipse(((side - 1) / 2,) * 2, 4 * sigma, 4 * sigma, fill=False, ec="white",
                           ls="--", lw=1.2))  # fmt: skip
    left.set(xticks=[], yticks=[])
    left.spines[:].set_visible(True)
    left.set_title(f"{depth} × {kernel}×{kernel}: sees {side} × {side}", fontsize=10)
    place = np.arange(side) - (side - 1) / 2
    line = strength[side // 2].numpy()
    edges = np.append(place, place[-1] + 1) - 0.5
    right.stairs(line, edges, fill=True, color=COLOURS[5], label="strength, middle row")
    if sigma:
        fine = np.linspace(place[0], place[-1], 300)
        right.plot(fine, np.exp(-(fine**2) / (2 * sigma**2)), color=COLOURS[1], ls="--",
                   label=f"Gaussian, σ = {sigma:.1f}")  # fmt: skip
    right.set(xlabel="pixels from the middle", ylim=(0, 1.35), yticks=[0, 0.5, 1])
    right.set_xlim(place[0] - 1, place[-1] + 1)
    right.legend(fontsize=8, loc="upper right", ncols=2)
    return figure
