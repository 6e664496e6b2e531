"""Figures of section 10."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from cv_course.figures.core import COLOURS, as_picture, new

_CELLS = {3: (COLOURS[5], ""), 1: (COLOURS[4], "///"), "LRN": (COLOURS[3], "..."),
          "pool": ("#d9d9d4", ""), "full": (COLOURS[2], "")}  # fmt: skip


def configurations(traces: Mapping[str, Sequence]) -> Figure:
    """The paper's Table 1 and Table 2, read off the traced networks: a column a network.

    Args:
        traces: name -> ``layers.trace(vgg(name), (3, 224, 224))``.
    """
    columns = {name: _stages(trace) for name, trace in traces.items()}
    tallest = [
        max(len(stages[number]) for stages in columns.values())
        for number in range(len(next(iter(columns.values()))))
    ]
    figure, axis = new(1.35 * len(columns) + 1.3, 0.2 * (sum(tallest) + len(tallest)) + 1.0)
    for x, (name, stages) in enumerate(columns.items()):
        y = 0.0
        weighted = len(traces[name].only("Conv2d", "Linear"))
        axis.text(x + 0.5, -0.5, f"{name}\n{weighted} layers", ha="center", weight="bold",
                  fontsize=9)  # fmt: skip
        for number, stage in enumerate(stages):
            for row, (kind, words) in enumerate(stage):
                colour, hatch = _CELLS[kind]
                place = Rectangle(
                    (x + 0.04, y + row), 0.92, 0.9, fc=colour, hatch=hatch, ec="white"
                )
                axis.add_patch(place)
                box = {"fc": colour, "ec": "none", "pad": 0.6} if hatch else None
                axis.text(x + 0.5, y + row + 0.47, words, ha="center", va="center", fontsize=8,
                          bbox=box)  # fmt: skip
            y += tallest[number] + 0.35
        axis.text(x + 0.5, y + 0.5, f"{traces[name].parameters / 1e6:.1f} M", ha="center",
                  va="center", weight="bold", fontsize=9)  # fmt: skip
    axis.text(-0.05, y + 0.5, "weights", ha="right", va="center", fontsize=9)
    y = 0.0
    for rows, side in zip(tallest, _sides(next(iter(traces.values()))), strict=False):
        axis.text(-0.05, y + 0.5, side, ha="right", va="center", fontsize=8.5)
        y += rows + 0.35
    axis.set(xlim=(-0.85, len(columns)), ylim=(y + 1.2, -1.9))
    axis.set_axis_off()
    return figure


def _stages(trace) -> list[list[tuple]]:
    """(Key of its look, words) of each layer: a list for each stage, one for the full layers."""
    stages: list[list[tuple]] = [[]]
    for row in trace:
        if row.kind == "Conv2d":
            side = row.kernel[0]
            stages[-1].append((side, f"conv{side}-{row.output_shape[0]}"))
        elif row.kind == "LocalResponseNorm":
            stages[-1].append(("LRN", "LRN"))
        elif row.kind == "MaxPool2d":
            stages[-1].append(("pool", "maxpool"))
            stages.append([])
        elif row.kind == "Linear":
            stages[-1].append(("full", f"FC-{row.output_shape[0]}"))
    return stages


def _sides(trace) -> list[str]:
    side = trace.input_shape[-1]
    found = [side, *(row.output_shape[-1] for row in trace.only("MaxPool2d"))]
    return [f"{side} × {side}" for side in found]


def layer_costs(trace, mark: str = "") -> Figure:
    """Weights, multiplications and kept activations of each layer with weights, as bars."""
    rows = trace.only("Conv2d", "Linear")
    names = [_short(row, number) for number, row in enumerate(rows, start=1)]
    figure, axes = new(10, 0.19 * len(rows) + 0.9, 1, 3, sharey=True)
    costs = (
        ("weights (millions)", [row.parameters / 1e6 for row in rows]),
        ("multiplications (billions)", [row.macs / 1e9 for row in rows]),
        ("activations (millions)", [math.prod(row.output_shape) / 1e6 for row in rows]),
    )
    colours = [COLOURS[0] if row.kind == "Conv2d" else COLOURS[1] for row in rows]
    hatches = ["" if row.kind == "Conv2d" else "///" for row in rows]
    for axis, (title, values) in zip(axes, costs, strict=True):
        bars = axis.barh(range(len(rows)), values, color=colours)
        for bar, hatch in zip(bars, hatches, strict=True):
            bar.set(hatch=hatch, ec="white")
        total = sum(values)
        labels = [f"{value / total:.0%}" if value / total >= 0.045 else "" for value in values]
        axis.bar_label(bars, labels, fontsize=8, padding=2)
        axis.set(title=title, xlim=(0, max(values) * 1.2))
    axes[0].set_yticks(range(len(rows)), names, fontsize=8)
    axes[0].invert_yaxis()
    return figure


def _short(row, number: int) -> str:
    shape = "×".join(map(str, row.output_shape))
    kind = f"conv{row.kernel[0]}" if row.kind == "Conv2d" else "full"
    return f"{number}  {kind} → {shape}"


def stacks(
    depth: int, costs: Mapping[str, tuple[int, int]], channels: tuple[int, int], kernel: int = 3
) -> Figure:
    """A stack of small convolutions beside one large: what one output sees, and what each costs.

    Args:
        depth: convolutions in the stack.
        costs: "weights" … -> (of the stack, of the large one).
        channels: that come in, and that each convolution makes.
        kernel: side of the small ones.
    """
    ratios = (2.2, *[1] * len(costs))
    room = {"left": 0.01, "right": 0.99, "bottom": 0.17, "top": 0.84, "wspace": 0.12}
    figure, (left, *rest) = new(10, 2.9, 1, len(ratios), room, width_ratios=ratios)
    seen = 1 + depth * (kernel - 1)
    for level in range(depth + 1):  # a row of pixels a layer, the image at the bottom
        width = 1 + (depth - level) * (kernel - 1)
        for place in range(width):
            colour = COLOURS[5] if level else "#d9d9d4"
            corner = (place - width / 2 + 0.05, level - 0.2)
            left.add_patch(Rectangle(corner, 0.9, 0.4, fc=colour, ec="black", lw=0.5))
        if level:
            below = width + kernel - 1
            for side in (-1, 1):
                left.plot([side * width / 2, side * below / 2], [level - 0.2, level - 0.8],
                          color="#555555", lw=0.8)  # fmt: skip
    left.text(0, -0.42, f"image: {seen} pixels wide", ha="center", va="top", fontsize=9)
    left.set(xlim=(-seen / 2 - 0.3, seen / 2 + 0.3), ylim=(-0.95, depth + 0.5))
    left.set_title(f"{depth} × ({kernel}×{kernel}) sees what one {seen}×{seen} sees", fontsize=10)
    left.set_axis_off()
    for axis, (name, pair) in zip(rest, costs.items(), strict=True):
        bars = axis.bar(["stack", f"one {seen}×{seen}"], pair, color=COLOURS[:2], width=0.65)
        bars[1].set(hatch="///", ec="white")
        axis.bar_label(bars, [f"{value:,}" for value in pair], fontsize=8, padding=2)
        axis.set(ylim=(0, max(pair) * 1.25), yticks=[])
        ratio = pair[1] / pair[0]
        axis.set_title(f"{name}\nlarge: {ratio:.2f} × as many", fontsize=9)
        axis.tick_params(axis="x", labelsize=8.5)
    came, made = channels
    rest[0].set_xlabel(f"{came} → {made} channels", fontsize=8.5)
    return figure


def errors_by_depth(rows: Sequence[tuple[str, int, float, float]]) -> Figure:
    """The paper's Table 3: error of one network on one scale against its depth.

    Args:
        rows: (name, layers with weights, top-1 error, top-5 error), in percent.
    """
    figure, axes = new(8, 2.7, 1, 2)
    for axis, column, title in zip(axes, (2, 3), ("top-1", "top-5"), strict=True):
        for number, row in enumerate(rows):
            side = {"A-LRN": (7, 3), "C": (7, 3), "A": (7, -9)}.get(row[0], (7, -3))
            axis.plot(row[1], row[column], "os^DvP"[number % 6], color=COLOURS[number % 6], ms=7)
            axis.annotate(row[0], (row[1], row[column]), xytext=side, textcoords="offset points",
                          fontsize=9)  # fmt: skip
        axis.set(title=f"{title} error (%)", xlabel="layers with weights", xlim=(10, 20.5))
        axis.set_xticks([11, 13, 16, 19])
        axis.margins(y=0.14)
        axis.grid(axis="y")
    return figure


def signal_by_layer(lines: Mapping[str, Sequence[float]], title: str = "") -> Figure:
    """How large the activations are behind each layer, for several first weights."""
    figure, axis = new(7, 2.8)
    for (name, line), marker in zip(lines.items(), "os^D", strict=False):
        axis.plot(range(1, len(line) + 1), line, marker=marker, label=name)
    axis.set(yscale="log", xlabel="convolution", ylabel="size (root mean square)", title=title)
    axis.legend(fontsize=8.5)
    axis.grid(axis="y")
    return figure


def depths(curves: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Accuracy against the depth of networks, a line a kind of accuracy."""
    figure, axis = new(5.5, 2.7)
    for (name, line), marker in zip(curves.items(), "os^", strict=False):
        axis.plot(*zip(*line, strict=True), marker=marker, label=name)
    axis.set(xlabel="convolutions", ylabel="accuracy", ylim=(0, 1))
    axis.set_xticks([depth for depth, _ in next(iter(curves.values()))])
    axis.legend(fontsize=8.5, loc="lower left")
    axis.grid(axis="y")
    return figure


def means_of_images(pictures: Mapping[str, torch.Tensor]) -> Figure:
    """Pictures side by side with their names, those with negative values on a scale about grey.

    Args:
        pictures: name -> 3 x H x W; 0 to 255, or centred about 0.
    """
    figure, axes = new(2.1 * len(pictures), 1.9, 1, len(pictures), squeeze=False)
    for axis, (name, picture) in zip(axes[0], pictures.items(), strict=True):
        shown = picture / 255 if picture.min() >= 0 else 0.5 + picture / 255
        axis.imshow(as_picture(shown.clamp(0, 1)))
        axis.set_title(name, fontsize=9)
        axis.set_axis_off()
    return figure


def descent_on_offset(
    offset: float,
    scale: float,
    path: np.ndarray,
    hessian: np.ndarray,
    offsets: Sequence[float],
    curves: Mapping[float, Sequence[float]],
) -> Figure:
    """Left: the loss over one weight and the bias, with the way of gradient descent. Right: test
    accuracies of ten templates.

    Args:
        offset, scale: of the inputs, the state that is marked.
        path: steps x 2, (weight, bias) less their best values.
        hessian: 2 x 2, of the loss.
        offsets: for which the curves are known.
        curves: scale -> accuracies.
    """
    room = {"left": 0.07, "right": 0.99, "bottom": 0.15, "top": 0.91, "wspace": 0.2}
    figure, (left, right) = new(10, 3.3, 1, 2, room, width_ratios=(1, 1.5))
    values, vectors = np.linalg.eigh(hessian)
    start = path[0]
    reach = 1.25 * max(float(np.linalg.norm(start)), 1e-6)
    level = start @ hessian @ start
    for share in (1, 0.5, 0.2, 0.05):  # the ellipses on which the loss is this share of the first
        axes_length = 2 * np.sqrt(share * level / np.maximum(values, 1e-12))
        angle = math.degrees(math.atan2(vectors[1, 0], vectors[0, 0]))
        left.add_patch(Ellipse((0, 0), axes_length[0], axes_length[1], angle=angle, fill=False,
                               ec="#8a8a85", lw=1))  # fmt: skip
    left.plot(path[:, 0], path[:, 1], "o-", ms=3, lw=1.2, color=COLOURS[1])
    left.plot(*start, "s", ms=7, color="black")
    left.plot(0, 0, "*", ms=13, color=COLOURS[2])
    left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal",
             xlabel="weight, from its best", ylabel="bias, from its best")  # fmt: skip
    left.set_title(
        f"steepest : flattest = {values[1] / max(values[0], 1e-12):,.1f} : 1", fontsize=10
    )
    for (size, line), marker in zip(curves.items(), "os^D", strict=False):
        chosen = size == scale
        width = 2.5 if chosen else 1.2
        right.plot(offsets, line, marker=marker, lw=width, label=f"scale × {size:g}", ms=4)
    here = curves[scale][list(offsets).index(offset)]
    right.plot(offset, here, "o", ms=12, mfc="none", mew=2, c="black")
    right.set(xlabel="mean of the inputs", ylabel="test accuracy", ylim=(0, 1))
    right.set_title(f"one layer after 400 steps: {here:.2f}", fontsize=10)
    right.legend(fontsize=8, ncols=2, loc="lower left")
    right.grid(axis="y")
    return figure


def transfer(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    shots: Sequence[int],
    layers: Sequence[str],
    layer: str,
    shot: int,
    guessing: float,
) -> Figure:
    """Accuracy of linear probes on classes that the network never saw, by shots and by layer.

    Args:
        curves: who -> layer -> accuracies for each of ``shots``. "pixels" has one layer only.
        layer, shot: what is marked.
        guessing: accuracy by chance.
    """
    room = {"left": 0.06, "right": 0.99, "bottom": 0.17, "top": 0.9, "wspace": 0.05}
    figure, (left, right) = new(10, 3.1, 1, 2, room, sharey=True)
    for (who, by_layer), marker, style in zip(
        curves.items(), "os^", ("-", "--", ":"), strict=False
    ):
        line = by_layer.get(layer) or next(iter(by_layer.values()))
        left.plot(shots, line, marker=marker, ls=style, label=who)
        column = [by_layer[name][list(shots).index(shot)] for name in layers if name in by_layer]
        if len(by_layer) == 1:
            right.axhline(column[0] if column else line[list(shots).index(shot)], ls=style,
                          color=COLOURS[2], label=who)  # fmt: skip
        else:
            right.plot(layers, column, marker=marker, ls=style, label=who)
    left.axvline(shot, color="black", lw=0.8)
    left.set(xscale="log", xlabel="examples a class (shots)", ylabel="accuracy on new classes")
    left.set_xticks(shots, [f"{number}" for number in shots])
    left.minorticks_off()
    left.set_title(f"features from: {layer}", fontsize=10)
    right.axvline(list(layers).index(layer), color="black", lw=0.8)
    right.set_title(f"{shot} example{'s' * (shot > 1)} a class", fontsize=10)
    right.tick_params(axis="x", labelsize=8.5)
    right.set_xlabel("layer, from the image to the scores")
    for axis in (left, right):
        axis.axhline(guessing, color="black", ls=":", lw=1)
        axis.set_ylim(0, 1)
        axis.grid(axis="y")
    left.text(shots[0], guessing + 0.015, "guessing", fontsize=8)
    left.legend(fontsize=8.5, loc="lower center", ncols=3)
    return figure
