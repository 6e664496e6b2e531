"""Figures of section 07."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cv_course.figures.core import COLOURS, SIGNED, as_picture, mosaic, new


def stages(found: Mapping[str, torch.Tensor], columns: int = 16) -> Figure:
    """What each stage of a network makes of one image: a panel a stage, its maps as tiles.

    Args:
        found: stage -> its maps, 1 x C x H x W or 1 x D, drawn blue (negative) to red (positive).
        columns: tiles a row, at most.
    """
    grids = {}
    for name, maps in found.items():
        tiles = maps[0] if maps.ndim == 4 else maps[0][:, None, None]
        tiles = tiles[:, None] / tiles.abs().max().clamp_min(1e-9)
        wide = min(columns if maps.ndim == 4 and maps.shape[-1] > 1 else 2 * columns, len(tiles))
        grids[name] = mosaic(tiles, wide, gap=1, fill=0)
    heights = [max(0.5, 8.6 * grid.shape[0] / grid.shape[1]) for grid in grids.values()]
    heights = [min(height, 1.1 if len(grid) < 40 else 1.9) for height, grid in
               zip(heights, grids.values(), strict=True)]  # fmt: skip
    figure, axes = new(9, sum(heights) + 0.28 * len(grids), len(grids), 1,
                       height_ratios=heights, squeeze=False)  # fmt: skip
    for axis, (name, grid) in zip(axes[:, 0], grids.items(), strict=True):
        axis.imshow(grid.numpy(), cmap=SIGNED, vmin=-1, vmax=1)
        shape = "×".join(map(str, found[name].shape[1:]))
        axis.set_title(f"{name}: {shape}", fontsize=9, loc="left")
        axis.set(xticks=[], yticks=[], anchor="W")
    return figure


def connection_table(
    table: Sequence[Sequence[int]],
    inputs: int,
    chosen: int,
    counts: tuple[int, int],
    full: tuple[int, int],
) -> Figure:
    """Which maps are joined, one output map picked out, and what the whole table costs.

    Args:
        table: for each output map its input maps.
        inputs: how many input maps there are.
        chosen: number of the output map.
        counts, full: (parameters, connections) of this table and of the full one.
    """
    figure, (left, right) = new(10, 2.9, 1, 2, width_ratios=(2.5, 1))
    joined = np.zeros((inputs, len(table)))
    for column, row in enumerate(table):
        joined[list(row), column] = 0.45
    joined[:, chosen] *= 2
    left.imshow(joined, cmap="Blues", vmin=0, vmax=1)
    for picked, colour in ((True, "white"), (False, "black")):
        places = [(column, source) for column, row in enumerate(table) for source in row
                  if (column == chosen) == picked]  # fmt: skip
        left.plot(*zip(*places, strict=True), "x", color=colour, ms=6, mew=1.3)
    left.add_patch(Rectangle((chosen - 0.5, -0.5), 1, inputs, fill=False, lw=2.5, ec=COLOURS[1]))
    left.set_xticks(range(len(table)))
    left.set_yticks(range(inputs))
    left.set(xlabel="map of C3", ylabel="map of S2")
    kernels = len(table[chosen])
    left.set_title(
        f"map {chosen}: {kernels} kernels of 5 × 5 and a bias = {25 * kernels + 1} parameters"
    )
    shares = [count / most for count, most in zip(counts, full, strict=True)]
    bars = right.barh(["parameters", "connections"], shares, color=COLOURS[0])
    right.bar_label(bars, [f"{count:,}" for count in counts], padding=3)
    right.axvline(1, color="black", ls=":", lw=1)
    right.invert_yaxis()
    right.set(
        xlim=(0, 1.5), xticks=[0, 0.5, 1], xlabel="share of the full table", title="All of C3"
    )
    return figure


def code_distances(codes: torch.Tensor, names: Sequence[str]) -> Figure:
    """In how many fields each pair of codes differs, as a table of numbers.

    Args:
        codes: K x D, each -1 or 1.
    """
    differ = (codes[:, None] != codes).sum(2)
    figure, axis = new(0.42 * len(names) + 0.9, 0.36 * len(names) + 0.8)
    axis.imshow(differ.numpy(), cmap="Blues_r", vmin=0, vmax=int(differ.max()) * 1.15)
    for row in range(len(names)):
        for column in range(len(names)):
            count = int(differ[row, column])
            dark = count < 0.42 * differ.max()
            axis.text(column, row, count, ha="center", va="center", fontsize=8,
                      color="white" if dark else "black")  # fmt: skip
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0)
    axis.set_title("fields that differ", fontsize=10)
    axis.spines[:].set_visible(False)
    return figure


def read_digit(
    image: torch.Tensor,
    state: torch.Tensor,
    codes: torch.Tensor,
    distances: torch.Tensor,
    truth: int,
) -> Figure:
    """A digit, the 84 outputs of F6 as a picture, the nearest code, and the distances to all.

    Args:
        image: 1 x H x W.
        state: (84,).
        codes: K x 84.
        distances: (K,), squared.
    """
    figure, axes = new(9, 2.6, 1, 4, width_ratios=(1.2, 0.8, 0.8, 2.2))
    answer = int(distances.argmin())
    axes[0].imshow(as_picture(image))
    axes[0].set_title(f"a {truth}", fontsize=10)
    most = float(state.abs().max())
    for axis, code, limit, title in (
        (axes[1], state, most, f"F6 (±{most:.1f})"),
        (axes[2], codes[answer], 1.7159, f"code of {answer} (±1)"),
    ):
        axis.imshow(code.view(12, 7).numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
        axis.set_title(title, fontsize=10)
    for axis in axes[:3]:
        axis.set_axis_off()
    colours = [COLOURS[0] if digit == truth else COLOURS[1] for digit in range(len(distances))]
    bars = axes[3].bar(range(len(distances)), distances.tolist(), color=colours)
    axes[3].bar_label(bars, [f"{value:.0f}" for value in distances.tolist()], fontsize=8)
    axes[3].set(xlabel="digit", ylabel="squared distance", ylim=(0, 1.12 * float(distances.max())))
    axes[3].set_xticks(range(len(distances)))
    sign = "✓" if answer == truth else "✗"
    axes[3].set_title(f"nearest: {sign} {answer}", fontsize=10)
    return figure


def training_races(
    results: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
) -> Figure:
    """Test accuracy after each epoch, a panel for each pooling, a thin line for each seed.

    Args:
        results: pooling -> {activation: accuracies per epoch, for each seed}.
    """
    figure, axes = new(8, 2.9, 1, len(results), sharey=True, squeeze=False)
    for axis, (pooling, lines) in zip(axes[0], results.items(), strict=True):
        for (name, seeds), colour, marker in zip(lines.items(), COLOURS, "o^s", strict=False):
            for number, line in enumerate(seeds):
                axis.plot(range(1, len(line) + 1), line, marker=marker, color=colour, lw=1.2,
                          label=name if not number else None)  # fmt: skip
        axis.set(xlabel="epoch", ylim=(0, 1.02), title=f"{pooling} pooling")
        axis.axhline(0.1, color="black", ls=":", lw=1)
        axis.set_xticks(range(1, len(line) + 1))
    axes[0, 0].set_ylabel("test accuracy")
    axes[0, -1].legend(fontsize=9)
    return figure
