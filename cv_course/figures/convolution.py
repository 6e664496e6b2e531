"""Figures of section 05."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cv_course.figures.core import COLOURS, SIGNED, as_picture, new


def matrices(layers: Mapping[str, torch.Tensor]) -> Figure:
    """Linear layers as matrices side by side, red positive, blue negative, white no connection.

    Args:
        layers: name -> outputs x inputs.
    """
    figure, axes = new(10, 2.3, 1, len(layers), squeeze=False)
    for axis, (name, matrix) in zip(axes[0], layers.items(), strict=True):
        limit = float(matrix.abs().max())
        axis.imshow(matrix, cmap=SIGNED, vmin=-limit, vmax=limit)
        used = matrix[matrix != 0]
        axis.set_title(f"{name}: {used.numel()} weights,\n{used.unique().numel()} different")
        axis.set(xlabel="pixel", xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    axes[0, 0].set_ylabel("hidden unit")
    return figure


def rungs(
    side: int,
    kernel: int,
    maps: int,
    parameters: Mapping[str, int],
    multiplications: Mapping[str, int],
) -> Figure:
    """What three hidden layers cost, as bars on a logarithmic scale, beside image and window.

    Args:
        side, kernel: of the square image and of the window, in pixels.
        maps: how many numbers at each place.
        parameters, multiplications: kind of layer -> how many.
    """
    figure, (scene, *bars) = new(10, 2.5, 1, 3, width_ratios=(0.8, 1.3, 1.3))
    scene.add_patch(Rectangle((0, 0), side, side, fc="#e8e8e4", ec="black"))
    scene.add_patch(Rectangle((0, 0), kernel, kernel, fc=COLOURS[4], ec="black", hatch="//"))
    scene.set(xlim=(-0.03 * side, 1.03 * side), ylim=(1.03 * side, -0.03 * side), aspect="equal")
    places = side - kernel + 1
    scene.set_title(
        f"window {kernel} × {kernel} in {side} × {side}:\n"
        f"{places} × {places} places, {maps} map{'s' * (maps > 1)}",
        fontsize=9,
    )
    scene.set_axis_off()
    for axis, counts, title in zip(
        bars, (parameters, multiplications), ("weights and biases", "multiplications"), strict=True
    ):
        drawn = axis.barh(list(counts), list(counts.values()), color=COLOURS[:3])
        axis.bar_label(drawn, [f"{count:,}" for count in counts.values()], padding=3, fontsize=9)
        axis.set(xscale="log", xlim=(1, 1e15), xticks=[1, 1e3, 1e6, 1e9], title=title)
        axis.set_ylim(2.6, -0.6)
        axis.grid(axis="x")
        axis.set_axisbelow(True)
    bars[1].set_yticks([])
    return figure


def marked(photo, box: tuple[int, int], others: Sequence[tuple[int, int]], side: int) -> Figure:
    """A photograph with one detail framed thickly and other details framed thinly.

    Args:
        photo: H x W.
        box, others: upper left corners (row, column) of details of ``side`` pixels.
    """
    height, width = photo.shape
    figure, axis = new(7.5, 7.5 * height / width)
    axis.imshow(as_picture(photo), vmin=0, vmax=255)
    for y, x in others:
        axis.add_patch(Rectangle((x, y), side, side, fill=False, ec=COLOURS[4], lw=1.2))
    for colour, lw in (("black", 5), ("white", 2.5)):
        axis.add_patch(Rectangle((box[1], box[0]), side, side, fill=False, ec=colour, lw=lw))
    axis.set_axis_off()
    return figure


def numbers(tables: Mapping[str, np.ndarray]) -> Figure:
    """Small tables of numbers side by side, each field coloured by its sign."""
    figure, axes = new(2 * len(tables), 2.1, 1, len(tables), squeeze=False)
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        _table(axis, np.asarray(table), name)
    return figure


def _table(axis, table: np.ndarray, title: str, grey: bool = False, size: int = 9) -> None:
    """A table on colours; grey from 0 to 255 or by sign, with the numbers legible on either."""
    limit = max(np.abs(table).max(), 1e-9)
    look = {"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {"cmap": SIGNED}
    axis.imshow(table, **({"vmin": -limit, "vmax": limit} | look))
    for (y, x), value in np.ndenumerate(table):
        dark = value < 128 if grey else abs(value) > 0.6 * limit
        text = f"{value:.0f}" if value == round(value) else f"{value:.2g}"
        if abs(value) >= 10:
            text = f"{value:.0f}"
        text = text.replace("-", "−")
        axis.text(
            x, y, text, ha="center", va="center", fontsize=size, color="white" if dark else "black"
        )
    axis.set_title(title, fontsize=10)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(True)


def written_sum(products: np.ndarray) -> str:
    """The products and their sum as one line: ``−112 + 0 + 130 = 18``."""
    whole = np.all(products == np.round(products))
    texts = [f"{abs(value):.0f}" if whole else f"{abs(value):.1f}" for value in products.flat]
    signs = ["−" if value < 0 else "+" for value in products.flat]
    line = " ".join(f"{sign} {text}" for sign, text in zip(signs, texts, strict=True))
    total = products.sum()
    total = f"{total:.0f}" if whole else f"{total:.1f}"
    return f"{line.removeprefix('+ ')} = {total.replace('-', '−')}"


def sliding(
    picture: np.ndarray, kernel: np.ndarray, place: tuple[int, int], answer: np.ndarray
) -> Figure:
    """One step of a kernel's way over a picture, with the sum written out.

    Args:
        picture: (H, W), 0 to 255. kernel: (h, w).
        place: row and column of the window's upper left corner.
        answer: (H − h + 1, W − w + 1), the finished map; what comes after ``place`` is hidden.
    """
    (y, x), (h, w) = place, kernel.shape
    window = picture[y : y + h, x : x + w]
    figure, axes = new(10, 2.9, 1, 5, width_ratios=(1.5, 1, 1, 1, 1.5))
    axes[0].imshow(picture, vmin=0, vmax=255)
    axes[0].set_title("picture", fontsize=10)
    _table(axes[1], window, "window", grey=True)
    _table(axes[2], kernel, "× kernel")
    _table(axes[3], window * kernel, "= products")
    done = np.arange(answer.size).reshape(answer.shape) <= y * answer.shape[1] + x
    limit = np.abs(answer).max()
    look = {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
    if not signed(kernel):
        look = {"cmap": "gray", "vmin": 0, "vmax": 255}
    axes[4].set_facecolor("#dcdcd4")
    axes[4].imshow(np.where(done, answer, np.nan), **look)
    axes[4].set_title(f"place {y * answer.shape[1] + x + 1} of {answer.size}", fontsize=10)
    for axis, corner, size in ((axes[0], (x, y), (w, h)), (axes[4], (x, y), (1, 1))):
        for colour, lw in (("black", 4), (COLOURS[4], 2)):
            frame = Rectangle((corner[0] - 0.5, corner[1] - 0.5), *size, fill=False)
            frame.set(ec=colour, lw=lw)
            axis.add_patch(frame)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    figure.supxlabel(written_sum(window * kernel), fontsize=11, family="monospace")
    return figure


def signed(kernel: np.ndarray) -> bool:
    """Whether the kernel's answers are differences (its sum is 0) rather than brightnesses."""
    return abs(float(np.sum(kernel))) < 1e-6


def filtered(answers: Mapping[str, np.ndarray], kernels: Mapping[str, np.ndarray]) -> Figure:
    """Kernels as tables, and below each what it makes of a photograph.

    Args:
        answers: name -> (H, W); grey like a photograph, or by sign where the kernel's sum is 0.
        kernels: name -> (h, w).
    """
    figure, axes = new(10, 3.1, 2, len(answers), squeeze=False)
    for (name, answer), top, bottom in zip(answers.items(), *axes, strict=True):
        _table(top, kernels[name], name, size=8)
        limit = float(np.percentile(np.abs(answer), 99.5))
        look = {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
        bottom.imshow(answer, **(look if signed(kernels[name]) else {"vmin": 0, "vmax": 255}))
        bottom.set_axis_off()
    return figure


def feature_maps(image: torch.Tensor, filters: torch.Tensor, maps: torch.Tensor) -> Figure:
    """An image, the filters of one layer, and below each filter its map.

    Args:
        image: C x H x W.
        filters: F x k x k, on one scale common to all.
        maps: F x H' x W', 0 or more, likewise.
    """
    figure = new(1.5 * (len(filters) + 1), 3.1)[0]
    figure.clear()
    grid = figure.add_gridspec(2, len(filters) + 1)
    first = figure.add_subplot(grid[:, 0])
    first.imshow(as_picture(image))
    first.set_title("image", fontsize=9)
    first.set_axis_off()
    limit, top = float(filters.abs().max()), float(maps.max())
    for position, (one, answer) in enumerate(zip(filters, maps, strict=True)):
        above = figure.add_subplot(grid[0, position + 1])
        above.imshow(as_picture(one), cmap=SIGNED, vmin=-limit, vmax=limit)
        above.set_title(f"filter {position}", fontsize=9)
        below = figure.add_subplot(grid[1, position + 1])
        below.imshow(as_picture(answer), vmin=0, vmax=top)
        below.set_title(f"map {position}", fontsize=9)
        above.set_axis_off()
        below.set_axis_off()
    return figure


def gaps(results: Mapping[str, Mapping[str, tuple[float, float]]]) -> Figure:
    """Training and test accuracy of several networks, joined by the gap between them.

    Args:
        results: panel title -> {network: (training accuracy, test accuracy)}.
    """
    figure, axes = new(9, 2.4, 1, len(results), sharex=True, sharey=True, squeeze=False)
    for axis, (title, rows) in zip(axes[0], results.items(), strict=True):
        for height, (learned, tested) in enumerate(rows.values()):
            axis.plot([tested, learned], [height] * 2, color="#999999", lw=4, zorder=1)
            middle = (tested + learned) / 2
            axis.text(middle, height - 0.18, f"{learned - tested:.2f}", ha="center", fontsize=9)
        heights = range(len(rows))
        learned, tested = zip(*rows.values(), strict=True)
        axis.scatter(learned, heights, marker="o", s=55, label="training", zorder=2)
        axis.scatter(tested, heights, marker="s", s=55, label="test", zorder=2)
        axis.set_yticks(heights, list(rows))
        axis.set(ylim=(len(rows) - 0.5, -0.7), xlabel="accuracy", title=title, xlim=(0.7, 1.02))
        axis.grid(axis="x")
    axes[0, -1].legend(loc="lower right", fontsize=9)
    return figure


def rolled(
    image: torch.Tensor,
    of_moved: torch.Tensor,
    moved_along: torch.Tensor,
    by: int,
) -> Figure:
    """A moved image, its map, the map of the unmoved image moved along, and their difference.

    Args:
        image: H x W, moved. of_moved: H' x W', its map.
        moved_along: H' x W', what the map would be if it simply moved along.
        by: how far the image was moved, in pixels.
    """
    figure, axes = new(10, 2.6, 1, 4)
    difference = of_moved - moved_along
    top = max(float(of_moved.max()), float(moved_along.max()), 1e-9)
    largest = float(difference.abs().max())
    pictures = (image, of_moved, moved_along, difference)
    titles = (
        f"image, rolled by {by}",
        "its map",
        "first map, rolled along",
        "difference: 0" if largest == 0 else f"difference: up to {largest / top:.0%}",
    )
    for axis, picture, title in zip(axes, pictures, titles, strict=True):
        look = {"cmap": "gray", "vmin": 0, "vmax": top}
        if picture is difference:
            look = {"cmap": SIGNED, "vmin": -top / 2, "vmax": top / 2}
        if picture is image:
            look["vmax"] = 255
        axis.imshow(as_picture(picture), **look)
        axis.set_title(title, fontsize=10)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    return figure


def dips(shifts: Sequence[int], lines: Mapping[str, Sequence[float]]) -> Figure:
    """Accuracy against the shift, on an axis that is cut so that the dips show.

    Args:
        shifts: in pixels.
        lines: name of a network -> accuracy at each shift.
    """
    figure, axis = new(7, 2.8)
    for (name, line), marker in zip(lines.items(), "o^s", strict=False):
        axis.plot(shifts, line, marker=marker, label=name)
    lowest = min(min(line) for line in lines.values())
    axis.set(xlabel="shift (pixels)", ylabel="test accuracy (axis cut)", xticks=shifts)
    axis.set_ylim(np.floor(20 * lowest - 0.5) / 20, None)
    axis.grid(axis="y")
    figure.legend(loc="outside right upper", fontsize=9)
    return figure
