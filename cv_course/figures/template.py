"""Figures of the first section 04 that later sections use."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure

from cv_course.figures.core import COLOURS, as_picture, new


def breaking(curves: Mapping[str, tuple[Sequence[float], Mapping[str, Sequence[float]]]]) -> Figure:
    """Accuracy against how far the test images were changed, a panel for each kind of change.

    Args:
        curves: kind of change -> (its values, {name of a classifier: accuracies at these values}).
    """
    figure, axes = new(9, 2.9, 1, len(curves), sharey=True, squeeze=False)
    for axis, (change, (values, lines)) in zip(axes[0], curves.items(), strict=True):
        for (name, line), marker in zip(lines.items(), "o^s", strict=False):
            axis.plot(values, line, marker=marker, label=name)
        axis.axhline(0.1, color="black", ls=":", lw=1)
        axis.set(xlabel=change, ylim=(0, 1))
        axis.set_xticks(values, [f"{value:g}" for value in values], fontsize=8)
        axis.grid(axis="y")
    axes[0, 0].set_ylabel("test accuracy")
    axes[0, 0].text(0, 0.03, "guessing", fontsize=8)
    axes[0, -1].legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.12))
    return figure


def verdicts(
    canvas: torch.Tensor,
    probabilities: Mapping[str, Sequence[float]],
    names: Sequence[str],
    truth: int,
) -> Figure:
    """An image and what several classifiers make of it: a bar a class, the winner in the title."""
    room = {"left": 0.01, "right": 0.98, "bottom": 0.1, "top": 0.83, "wspace": 0.45}
    figure, axes = new(10, 2.7, 1, 1 + len(probabilities), room)
    axes[0].imshow(as_picture(canvas), vmin=0, vmax=255)
    axes[0].set_title(f"a {names[truth]}")
    axes[0].set_axis_off()
    for axis, (model, shares) in zip(axes[1:], probabilities.items(), strict=True):
        winner = max(range(len(shares)), key=shares.__getitem__)
        colours = [COLOURS[0] if label == truth else COLOURS[1] for label in range(len(shares))]
        axis.barh(range(len(shares)), shares, color=colours)
        axis.set(xlim=(0, 1), xticks=[0, 1], ylim=(len(shares) - 0.5, -0.5))
        axis.set_yticks(range(len(shares)), names if axis is axes[1] else [], fontsize=8)
        sign = "✓" if winner == truth else "✗"
        axis.set_title(f"{model}:\n{sign} {names[winner]}", fontsize=10)
    return figure
