"""Figures of section 02."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from cv_course.features import Stage
from cv_course.figures.core import COLOURS, SIGNED, as_picture, mosaic, new

MARKERS = "os^Dv"
HATCHES = ("", "///", "...", "xxx")


def pipelines(models: Mapping[str, Sequence[Stage]]) -> Figure:
    """Models as rows of boxes, drawn from what ``features.stages`` found out about them.

    A box with a thick blue frame holds numbers that were learned; one with a thin grey frame is
    exactly what somebody wrote down.
    """
    figure, axes = new(10, 1.55 * len(models), len(models), 1, squeeze=False)
    for axis, (title, stages) in zip(axes[:, 0], models.items(), strict=True):
        width = min(1.7, 10 / len(stages) - 0.13)
        pitch = (10 - width) / (len(stages) - 1)
        for position, stage in enumerate(stages):
            left = position * pitch
            learns = stage.learned > 0
            axis.add_patch(
                FancyBboxPatch(
                    (left, 0), width, 1, boxstyle="round,pad=0,rounding_size=0.07",
                    fc="#dcebf5" if learns else "#f1f1ec", ec=COLOURS[0] if learns else "#8a8a84",
                    lw=2.2 if learns else 0.8,
                )
            )  # fmt: skip
            shape = " × ".join(f"{side:,}" for side in stage.shape)
            axis.text(left + width / 2, 0.72, stage.name, ha="center", va="center", fontsize=8)
            axis.text(left + width / 2, 0.4, shape, ha="center", va="center", fontsize=6.8)
            what = f"{stage.learned:,} learned" if learns else ("given", "by hand")[position > 0]
            axis.text(left + width / 2, 0.16, what, ha="center", va="center", fontsize=6.8,
                      weight="bold" if learns else "normal")  # fmt: skip
            if position:
                axis.annotate("", (left, 0.5), (left - pitch + width, 0.5),
                              arrowprops={"arrowstyle": "->", "lw": 1})  # fmt: skip
        axis.set(xlim=(-0.05, 10.05), ylim=(-0.05, 1.05), title=title)
        axis.set_axis_off()
    return figure


def draw_cells(axis, cells, cell: int, signed: bool = False, colour: str = COLOURS[1]) -> None:
    """The histograms of all cells as strokes, on an axis that shows the image.

    Unsigned directions are drawn along the edge, at a right angle to the gradient; signed ones as
    rays from the middle of the cell to where it gets brighter.

    Args:
        cells: rows x columns x bins.
        cell: its side in pixels.
    """
    cells = np.asarray(cells, dtype=float)
    rows, columns, bins = cells.shape
    strength = cells / max(cells.max(), 1e-12) * cell * 0.8
    turn = np.deg2rad((np.arange(bins) + 0.5) * (360 if signed else 180) / bins)
    turn = turn if signed else turn + np.pi / 2
    along = np.stack([np.cos(turn), np.sin(turn)], axis=-1)  # rows of an image count downwards
    down, across = np.mgrid[:rows, :columns] * cell + (cell - 1) / 2
    centre = np.stack([across, down], axis=-1)[:, :, None]
    reach = strength[..., None] * along
    lines = np.stack([centre + 0 * reach if signed else centre - reach, centre + reach], axis=-2)
    lines = lines[strength > 0.06 * cell]
    strokes = LineCollection(list(lines), colors=colour, linewidths=1.5)
    axis.add_collection(strokes, autolim=False)  # they may reach beyond the image, the view not


def hog_of_a_cell(image, length, angle, cells, place: tuple[int, int], cell: int) -> Figure:
    """An image, one of its cells magnified with its gradients, that cell's histogram, all cells.

    Args:
        image: 1 x H x W.
        length, angle: H x W, of the gradients.
        cells: rows x columns x bins, unsigned.
        place: row and column of the magnified cell.
    """
    figure, axes = new(10, 2.7, 1, 4, width_ratios=(1, 1, 1.15, 1))
    top, left = place[0] * cell, place[1] * cell
    inside = (slice(top, top + cell), slice(left, left + cell))
    picture = as_picture(image)
    axes[0].imshow(picture)
    axes[0].add_patch(
        Rectangle((left - 0.5, top - 0.5), cell, cell, fill=False, ec=COLOURS[1], lw=2)
    )
    axes[0].set_title("an image, one cell framed")
    axes[1].imshow(picture[inside], vmin=0, vmax=float(picture.max()))
    size = np.asarray(length[inside], dtype=float)
    size = size / max(size.max(), 1e-12) * 0.75
    turn = np.deg2rad(np.asarray(angle[inside], dtype=float))
    down, across = np.mgrid[:cell, :cell]
    axes[1].quiver(across, down, size * np.cos(turn), size * np.sin(turn), color=COLOURS[1],
                   angles="xy", scale_units="xy", scale=1, pivot="mid", width=0.014)  # fmt: skip
    axes[1].set_title("its gradients")
    bins = cells.shape[-1]
    edges = np.arange(bins + 1) * 180 / bins
    axes[2].bar(edges[:-1], np.asarray(cells[place]), width=180 / bins, align="edge",
                color=COLOURS[0], ec="white")  # fmt: skip
    axes[2].set(xticks=[0, 90, 180], xlabel="direction of the gradient (degrees)", yticks=[],
                xlim=(0, 180), title="its histogram")  # fmt: skip
    axes[3].imshow(picture, alpha=0.35)
    draw_cells(axes[3], cells, cell)
    axes[3].set_title("all cells, along the edges")
    for axis in (axes[0], axes[1], axes[3]):
        axis.set_axis_off()
    return figure


def directions_as_numbers(degrees: Sequence[float]) -> Figure:
    """Edges of several directions on a line of degrees, and on the circle of the doubled angle."""
    figure, (line, circle) = new(9, 2.6, 1, 2, width_ratios=(2.2, 1))
    line.axhline(0, color="#8a8a84", lw=1)
    turn = np.linspace(0, 2 * np.pi, 200)
    circle.plot(np.cos(turn), np.sin(turn), color="#8a8a84", lw=1)
    for degree, marker in zip(degrees, MARKERS, strict=False):
        angle = np.deg2rad(degree)
        line.plot(degree, 0, marker, ms=9, c=COLOURS[0])
        reach = np.array([-1, 1])
        line.plot(degree + 7 * reach * np.cos(angle), 0.62 + 0.32 * reach * np.sin(angle),
                  c="black", lw=3, clip_on=False)  # fmt: skip
        line.text(degree, -0.3, f"{degree:g}°", ha="center", va="top")
        x, y = np.cos(2 * angle), np.sin(2 * angle)
        circle.plot(x, y, marker, ms=9, c=COLOURS[0])
        circle.text(1.38 * x, 1.38 * y, f"{degree:g}°", ha="center", va="center")
    line.set(xlim=(-12, 192), ylim=(-0.9, 1.05), title="one number: the angle")
    circle.set(xlim=(-1.7, 1.7), ylim=(-1.45, 1.45), aspect="equal",
               title="two numbers: cos 2θ, sin 2θ")  # fmt: skip
    for axis in (line, circle):
        axis.set_axis_off()
    return figure


def designed_feature(
    image: torch.Tensor,
    cells: torch.Tensor,
    cell: int,
    signed: bool,
    accuracies: Mapping[str, float],
    numbers: int,
) -> Figure:
    """An image, its cells' histograms, and how well several features do.

    Args:
        image: 1 x H x W.
        cells: rows x columns x bins.
        accuracies: name of a feature -> accuracy; the first is the one that is drawn.
        numbers: how many numbers that one has for an image.
    """
    room = {"left": 0.01, "right": 0.98, "bottom": 0.21, "top": 0.88, "wspace": 0.6}
    figure, (left, middle, right) = new(8.6, 2.4, 1, 3, room, width_ratios=(1, 1, 1.9))
    left.imshow(as_picture(image))
    left.set_title("image")
    middle.imshow(as_picture(image), alpha=0.25)
    draw_cells(middle, cells, cell, signed)
    side = cell * np.arange(1, max(cells.shape[:2])) - 0.5
    for place in side:
        middle.axhline(place, color="#b5b5ae", lw=0.5)
        middle.axvline(place, color="#b5b5ae", lw=0.5)
    middle.set_title("rays to bright" if signed else "strokes along edges")
    for axis in (left, middle):
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    colours = [COLOURS[1], *[COLOURS[5]] * (len(accuracies) - 1)]
    bars = right.barh(list(accuracies), list(accuracies.values()), color=colours)
    right.bar_label(bars, [f"{share:.1%}" for share in accuracies.values()], padding=3)
    right.invert_yaxis()
    right.set(xlim=(0.4, 0.95), xlabel="right on the validation images",
              title=f"{numbers:,} numbers for an image")  # fmt: skip
    return figure


def learning_curves(
    sizes: Sequence[int],
    right: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    classes: Sequence[str],
    position: int | None = None,
) -> Figure:
    """Accuracy against the number of training images: mean, and a band from worst to best seed.

    Args:
        right: name of a way -> sizes x seeds x test images, whether each answer is right.
        labels: of the test images, for the accuracies class by class.
        position: show the classes at this of the sizes, beside the curves.
    """
    if position is None:
        figure, axis = new(7.5, 3.4)
    else:
        figure, (axis, beside) = new(10, 3.4, 1, 2, width_ratios=(1.25, 1))
    for (name, hits), marker, colour in zip(right.items(), MARKERS, COLOURS, strict=False):
        accuracies = hits.float().mean(2)
        axis.fill_between(
            sizes, accuracies.amin(1), accuracies.amax(1), color=colour, alpha=0.2, lw=0
        )
        axis.plot(sizes, accuracies.mean(1), marker=marker, label=name, color=colour)
        if position is not None:
            by_class = [hits[position][:, labels == c].float().mean() for c in range(len(classes))]
            beside.plot(by_class, range(len(classes)), marker, color=colour, ms=6)
    axis.set(xscale="log", xlabel="training images N", ylabel="test accuracy", ylim=(0.6, 0.95))
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.grid(axis="y")
    axis.legend(fontsize=9, loc="upper left")
    if position is not None:
        axis.axvline(sizes[position], color="black", ls=":", lw=1.5)
        beside.set(xlim=(0, 1.03), ylim=(len(classes) - 0.5, -0.5), xlabel="test accuracy",
                   title=f"class by class, N = {sizes[position]:,}")  # fmt: skip
        beside.set_yticks(range(len(classes)), classes, fontsize=8)
        beside.grid(axis="both")
    return figure


def missing_view(accuracies: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars in groups: what there is to see at test time -> who looks -> accuracy."""
    figure, axis = new(8.5, 3)
    ways = list(next(iter(accuracies.values())))
    width = 0.8 / len(ways)
    for number, (way, colour, hatch) in enumerate(zip(ways, COLOURS, HATCHES, strict=False)):
        places = np.arange(len(accuracies)) + (number - (len(ways) - 1) / 2) * width
        heights = [group[way] for group in accuracies.values()]
        bars = axis.bar(
            places, heights, 0.92 * width, color=colour, hatch=hatch, ec="white", label=way
        )
        axis.bar_label(bars, [f"{height:.2f}" for height in heights], fontsize=8, padding=1)
    axis.axhline(0.1, color="black", ls=":", lw=1)
    axis.text(len(accuracies) - 0.55, 0.1, "guessing", fontsize=8, va="bottom")
    axis.set_xticks(range(len(accuracies)), accuracies)
    axis.set(ylabel="test accuracy", ylim=(0, 1), xlim=(-0.55, len(accuracies) - 0.2))
    axis.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(ways))
    return figure


def generated(
    picture: torch.Tensor,
    mean: torch.Tensor,
    directions: torch.Tensor,
    z: Sequence[float],
    shares: Sequence[float],
    classes: Sequence[str],
    wanted: int,
) -> Figure:
    """A generated picture, the sum it is made of, and what a classifier takes it for.

    Args:
        picture, mean: 1 x H x W.
        directions: k x 1 x H x W, with as many coordinates ``z``.
        shares: the classifier's probabilities.
        wanted: the class that was ordered.
    """
    count = len(directions)
    room = {"left": 0.01, "right": 0.98, "bottom": 0.1, "top": 0.88, "wspace": 0.1}
    # an empty place before the last one: there stand the names of the classes
    ratios = (1.5, *[1] * (1 + count), 0.55, 1.2)
    figure, axes = new(10.5, 2.6, 1, len(ratios), room, width_ratios=ratios)
    axes[-2].remove()
    axes[0].imshow(as_picture(picture), vmin=0, vmax=1)
    axes[0].set_title(f"“{classes[wanted]}”")
    axes[1].imshow(as_picture(mean), vmin=0, vmax=1)
    axes[1].set_title("= mean", fontsize=10)
    limit = float(directions.abs().max())
    for number, (axis, direction) in enumerate(zip(axes[2:-2], directions, strict=True)):
        axis.imshow(as_picture(direction), cmap=SIGNED, vmin=-limit, vmax=limit)
        axis.set_title(f"{z[number]:+.1f} × no. {number + 1}".replace("-", "−"), fontsize=10)
    for axis in axes[:-2]:
        axis.set_axis_off()
    draw_verdict(axes[-1], shares, classes, wanted)
    return figure


def draw_verdict(axis, shares: Sequence[float], classes: Sequence[str], truth: int) -> None:
    """A bar a class; the winner, and whether it is the truth, in the title."""
    winner = max(range(len(shares)), key=shares.__getitem__)
    colours = [COLOURS[0] if label == truth else COLOURS[1] for label in range(len(shares))]
    axis.barh(range(len(shares)), shares, color=colours)
    axis.set(xlim=(0, 1), xticks=[0, 1], ylim=(len(shares) - 0.5, -0.5))
    axis.set_yticks(range(len(shares)), classes, fontsize=7.5)
    axis.set_title(f"{'✓' if winner == truth else '✗'} {classes[winner]}", fontsize=10)


def sampled(rows: Mapping[str, torch.Tensor]) -> Figure:
    """Rows of equally many pictures, N x 1 x H x W each, with a name before each row."""
    columns = max(map(len, rows.values()))
    figure, axes = new(8.8, 0.85 * len(rows), len(rows), 1, squeeze=False)
    for axis, (name, pictures) in zip(axes[:, 0], rows.items(), strict=True):
        axis.imshow(mosaic(pictures.cpu().float(), columns, fill=1), vmin=0, vmax=1)
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def price_of_variety(ks: Sequence[int], recognised, spread, of_real: tuple[float, float]) -> Figure:
    """How often generated pictures are recognised, and how much they vary, against k."""
    figure, (left, right) = new(7.5, 2.7, 1, 2)
    names = [str(k) for k in ks]
    for axis, values, real, marker, title in (
        (left, recognised, of_real[0], "o", "recognised as what was ordered"),
        (right, spread, of_real[1], "s", "spread within a class"),
    ):
        axis.plot(names, values, marker=marker)
        axis.axhline(real, color="black", ls="--", lw=1)
        axis.text(len(ks) - 1, real, "real pictures", fontsize=8, ha="right", va="bottom")
        axis.set(xlabel="directions k", title=title)
        axis.grid(axis="y")
    left.set_ylim(0.6, 1.02)
    right.set_ylim(0, 1.25 * of_real[1])
    return figure


def drop_map(average: torch.Tensor, drops: torch.Tensor, size: int, step: int) -> Figure:
    """Where a patch hurts most: the average image, and the mean drop for each place of the patch.

    Args:
        average: 1 x H x W.
        drops: places down x places across.
        size, step: of the patch, in pixels.
    """
    figure, (left, right) = new(7.5, 3.2, 1, 2, width_ratios=(1, 1.25))
    left.imshow(as_picture(average))
    left.add_patch(Rectangle((-0.5, -0.5), size, size, fill=False, ec=COLOURS[1], lw=2))
    left.set_title("average image; the patch in its first place", fontsize=9)
    left.set_axis_off()
    limit = float(drops.abs().max())
    shown = right.imshow(drops.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
    middles = [f"{place * step + size // 2}" for place in range(len(drops))]
    right.set_xticks(range(len(drops)), middles, fontsize=8)
    right.set_yticks(range(len(drops)), middles, fontsize=8)
    right.set(xlabel="middle of the patch, column", ylabel="row")
    right.spines[:].set_visible(False)
    figure.colorbar(shown, ax=right, label="drop of the label's probability")
    return figure


def patch_on_image(
    covered: torch.Tensor,
    patch: tuple[int, int, int],
    before: Sequence[float],
    after: Sequence[float],
    drops: torch.Tensor,
    classes: Sequence[str],
    truth: int,
    step: int,
) -> Figure:
    """An image with a patch on it, what a classifier says before and after, and the map of drops.

    Args:
        covered: 1 x H x W.
        patch: its top, left and side in pixels.
        before, after: the classifier's probabilities.
        drops: of the label's probability for each place of the patch, ``step`` pixels apart.
    """
    room = {"left": 0.01, "right": 0.95, "bottom": 0.09, "top": 0.9, "wspace": 0.1}
    # an empty place before the second one: there stand the names of the classes
    figure, axes = new(10, 2.7, 1, 5, room, width_ratios=(1, 0.35, 1, 1, 1.1))
    axes[1].remove()
    axes = [axes[0], *axes[2:]]
    top, left, size = patch
    axes[0].imshow(as_picture(covered), vmin=0, vmax=255)
    axes[0].set_title(classes[truth])
    draw_verdict(axes[1], before, classes, truth)
    draw_verdict(axes[2], after, classes, truth)
    axes[2].set_yticks([])
    for axis, when in ((axes[1], "free: "), (axes[2], "covered: ")):
        axis.set_title(when + axis.get_title(loc="left"), fontsize=10)
    height, width = covered.shape[-2:]
    first = (size - 1) / 2 - step / 2  # the map shows each place at the middle of its patch
    right, bottom = (first + step * count for count in (drops.shape[1], drops.shape[0]))
    limit = max(0.2, float(drops.abs().max()))
    shown = axes[3].imshow(
        drops.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, extent=(first, right, bottom, first)
    )
    axes[3].set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), title="drop by place")
    figure.colorbar(shown, ax=axes[3], shrink=0.8)
    for axis in (axes[0], axes[3]):
        axis.add_patch(
            Rectangle((left - 0.5, top - 0.5), size, size, fill=False, ec=COLOURS[1], lw=2)
        )
        axis.set(xticks=[], yticks=[])
    return figure
