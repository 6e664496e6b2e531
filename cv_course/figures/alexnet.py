"""Figures of section 08."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from cv_course.diagrams import architecture
from cv_course.figures.core import COLOURS, new, raster


def where_the_cost_is(trace, axes=None) -> Figure:
    """Parameters and multiplications of each layer with weights, as two rows of bars.

    Args:
        trace: of an AlexNet, by ``layers.trace``.
        axes: two axes of a figure of your own.
    """
    rows = trace.only("Conv2d", "Linear")
    if axes is None:
        _, axes = new(9, 2.6, 1, 2)
    names = layer_names(rows)
    for axis, counts, what in (
        (axes[0], [row.parameters for row in rows], "parameters"),
        (axes[1], [row.macs for row in rows], "multiplications for one image"),
    ):
        bars = axis.bar(names, [count / 1e6 for count in counts])
        for bar, row in zip(bars, rows, strict=True):
            bar.set(facecolor=COLOURS[5] if row.kind == "Conv2d" else COLOURS[2], edgecolor="black",
                    linewidth=0.5, hatch="" if row.kind == "Conv2d" else "...")  # fmt: skip
        axis.bar_label(bars, [_millions(count) for count in counts], fontsize=7, padding=1)
        axis.set_title(f"{what} (million)", fontsize=9)
        axis.tick_params(labelsize=7.5)
        axis.set_yticks([])  # the numbers stand on the bars
        axis.spines["left"].set_visible(False)
        axis.margins(y=0.16)
    return axes[0].figure


def layer_names(rows) -> list[str]:
    """conv1 … fc8: layers with weights are numbered as in the papers on AlexNet."""
    return [
        f"{'conv' if row.kind == 'Conv2d' else 'fc'}{number}"
        for number, row in enumerate(rows, start=1)
    ]


def _millions(count: int) -> str:
    return (
        f"{count / 1e6:.2g}"
        if count < 1e6
        else f"{count / 1e6:.1f}"
        if count < 1e7
        else f"{count / 1e6:.0f}"
    )


_DPI = 100  # of the sheet and of what is drawn on it


@dataclass(frozen=True)
class Sheet:
    """What all states of a blueprint share, drawn once: it takes longer than all the rest.

    ``picture`` is H x W x 4; ``outlines`` maps the name of a layer with weights to the faces of its
    cuboids and then its two bars, as paths in pixels from the lower left corner.
    """

    picture: np.ndarray
    outlines: Mapping[str, Sequence[Path]]


def blueprint_sheet(trace) -> Sheet:
    """A network's diagram, and below it what its layers cost; :func:`blueprint` marks one."""
    figure = Figure(figsize=(10, 5.9), dpi=_DPI, layout="none")
    diagram = figure.add_axes((0, 0.33, 1, 0.67))
    architecture(trace, axis=diagram, legend=False)
    bars = [figure.add_axes(box) for box in ((0.36, 0.06, 0.3, 0.2), (0.69, 0.06, 0.3, 0.2))]
    where_the_cost_is(trace, bars)
    picture = raster(figure)
    outlines = {}
    for place, row in enumerate(trace.only("Conv2d", "Linear")):
        faces = [patch for patch in diagram.patches if patch.get_gid() == row.name]
        marked = [*faces, *(axis.patches[place] for axis in bars)]
        outlines[row.name] = [one.get_transform().transform_path(one.get_path()) for one in marked]
    return Sheet(picture, outlines)


def blueprint(sheet: Sheet, name: str, words: str) -> Figure:
    """A network's diagram with one layer marked, its cost among the others, and words about it."""
    figure = Figure(figsize=(10, 5.9), dpi=_DPI, layout="none")
    figure.figimage(sheet.picture)
    for outline in sheet.outlines[name]:
        figure.add_artist(PathPatch(outline, transform=IdentityTransform(), fill=False, lw=2.2))
    figure.text(0.02, 0.31, words, va="top", fontsize=9, linespacing=1.3)
    return figure


def gradients(lines: Mapping[str, Sequence[float]]) -> Figure:
    """The size of the gradient at each layer of a deep network, on a logarithmic scale.

    Args:
        lines: name of the activation -> norms of the gradients, first layer first.
    """
    room = {"left": 0.09, "right": 0.62, "bottom": 0.17, "top": 0.9}
    figure, axis = new(7.5, 3, room=room)
    for (name, line), marker in zip(lines.items(), "osv^Dx", strict=False):
        layers = np.arange(1, len(line) + 1)
        axis.plot(
            layers, line, marker=marker, label=f"{name}: first / last = {line[0] / line[-1]:.1g}"
        )
    axis.set(
        yscale="log", xlabel="layer (the answer is at the right)", ylabel="size of the gradient"
    )
    axis.set_title("How much of the error reaches each layer?")
    axis.set_xticks(layers if len(layers) < 20 else layers[::4])
    axis.grid(axis="y")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def towers(changes: Mapping[str, torch.Tensor], tower: str, title: str = "") -> Figure:
    """Which channels of each layer changed after one tower had been disturbed.

    Args:
        changes: layer -> (C,), by how much each channel changed.
        tower: which half was disturbed, A or B.
        title: what else is to be said above.
    """
    figure, axes = new(9, 0.5 * len(changes) + 0.9, len(changes), 1)
    for axis, (name, change) in zip(axes, changes.items(), strict=True):
        half = len(change) // 2
        # unchanged white, however little otherwise at least visible
        shade = torch.where(change > 0, 0.35 + 0.65 * change / change.max().clamp_min(1e-30), 0.0)
        axis.imshow(shade[None].numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto",
                    extent=(0, 2 * half, 0, 1))  # fmt: skip
        axis.axvline(half, color=COLOURS[1], lw=2)
        axis.set(yticks=[0.5], yticklabels=[name], xticks=[])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(True)
        counts = [int((part > 0).sum()) for part in (change[:half], change[half:])]
        axis.text(1.01, 0.5, f"A {counts[0]}/{half}, B {counts[1]}/{half}", fontsize=8.5,
                  transform=axis.transAxes, va="center")  # fmt: skip
    axes[0].set_title(f"{title}\ntower {tower} disturbed behind conv1; "
                      "blue channels changed, white ones did not at all", fontsize=9.5)  # fmt: skip
    for share, letter in ((0.25, "A"), (0.75, "B")):
        axes[-1].text(share, -0.12, f"tower {letter}", ha="center", va="top", fontsize=9,
                      transform=axes[-1].transAxes)  # fmt: skip
    return figure


def response_norm(before: torch.Tensor, after: torch.Tensor, curve, marked: int, n: int) -> Figure:
    """The channels at one place before and after normalisation, and one channel's response alone.

    Args:
        before, after: (C,).
        curve: (input, output) of a channel whose neighbours are silent.
        marked: the channel whose window of n channels is shown.
    """
    room = {"left": 0.04, "right": 0.99, "bottom": 0.19, "top": 0.89, "wspace": 0.2}
    figure, (*bars, alone) = new(10, 2.7, 1, 3, room, width_ratios=(1.2, 1.2, 1))
    channels, half = np.arange(len(before)), n // 2
    for axis, values, title, colour, hatch in (
        (bars[0], before, "before", "#9a9a9a", ""),
        (bars[1], after, "after (mind the scale)", COLOURS[0], "///"),
    ):
        axis.bar(channels, np.asarray(values), 0.7, color=colour, hatch=hatch)
        axis.axvspan(
            marked - half - 0.5, marked + half + 0.5, color=COLOURS[4], alpha=0.25, zorder=0
        )
        axis.set(xlim=(-1, len(before)), title=title, xticks=channels[::3])
        axis.set_xlabel(f"channel (shaded: what {marked} reads)")
    curve = [np.asarray(part) for part in curve]
    alone.plot(*curve)
    top = int(curve[1].argmax())
    alone.plot(curve[0][top], curve[1][top], "o", color="black")
    alone.set(xlabel="activation, neighbours silent", ylabel="after", ylim=0)
    alone.set_title(f"largest answer at {curve[0][top]:.3g}")
    return figure


def who_counts(parts: Mapping[str, np.ndarray]) -> Figure:
    """Which activations a normalised one depends on: channels down, images and places across."""
    figure, axes = new(10, 2.4, 1, len(parts), squeeze=False)
    for axis, (name, reached) in zip(axes[0], parts.items(), strict=True):
        axis.imshow(reached, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axis.set_title(f"{name}: {int(reached.sum())} numbers", fontsize=10)
        axis.set(xlabel="place (image after image)", xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    axes[0, 0].set_ylabel("channel")
    return figure


def accuracies_and_seconds(
    results: Mapping[str, tuple[Sequence[float], Sequence[float]]],
) -> Figure:
    """Test accuracy of several runs, a dot each, and how long they took.

    Args:
        results: name -> (accuracies, seconds), a run each.
    """
    figure, (left, right) = new(9, 0.42 * len(results) + 0.9, 1, 2, sharey=True)
    names = list(results)
    for row, (accuracies, seconds) in enumerate(results.values()):
        left.plot(accuracies, [row] * len(accuracies), "o", ms=8, color=COLOURS[0], alpha=0.7)
        right.barh(row, np.mean(seconds), color=COLOURS[5], height=0.6)
    left.set_yticks(range(len(names)), names)
    left.set(xlabel="test accuracy, a dot a seed", ylim=(len(names) - 0.5, -0.5))
    left.grid(axis="x")
    right.set(xlabel="seconds of training")
    return figure


def head_sizes(parts: Mapping[str, tuple[int, int]], words: str) -> Figure:
    """Parameters of backbone and head of several forms, as stacked bars.

    Args:
        parts: name -> (backbone, head).
        words: what else is to be said, below.
    """
    figure, axis = new(9, 0.5 * len(parts) + 1.3)
    for row, (backbone, head) in enumerate(parts.values()):
        axis.barh(row, backbone / 1e6, color=COLOURS[5], ec="black", lw=0.5)
        axis.barh(
            row, head / 1e6, left=backbone / 1e6, color=COLOURS[2], hatch="...", ec="black", lw=0.5
        )
        axis.text(
            (backbone + head) / 1e6 + 0.6,
            row,
            f"{(backbone + head) / 1e6:.1f} million",
            va="center",
        )
    axis.set_yticks(range(len(parts)), list(parts))
    axis.set(xlim=(0, 92), ylim=(len(parts) - 0.5, -0.5), xlabel="parameters (million)")
    axis.set_title(words, fontsize=10)
    axis.legend(handles=[Patch(fc=COLOURS[5], ec="black", label="convolutions"),
                         Patch(fc=COLOURS[2], ec="black", hatch="...", label="head")],
                loc="lower right", fontsize=8)  # fmt: skip
    return figure
