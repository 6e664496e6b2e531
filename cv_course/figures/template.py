"""Figures of section 04."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure

from cv_course.figures.core import COLOURS, SIGNED, as_picture, mosaic, new
from cv_course.models.s04_template import Judgement


def parts_of_a_score(
    image: torch.Tensor,
    templates: torch.Tensor,
    biases: Sequence[float],
    names: Sequence[str],
) -> Figure:
    """Image times template, pixel by pixel, whose sum and the bias are the score; a row a class.

    Args:
        image: 1 x H x W in 0 to 1.
        templates: K x 1 x H x W, with a bias and a name each.
    """
    figure, axes = new(7.5, 1.9 * len(templates), len(templates), 4, squeeze=False)
    limit = float(templates.abs().max())
    for row, template, bias, name in zip(axes, templates, biases, names, strict=True):
        product = image * template
        row[0].imshow(as_picture(image), vmin=0, vmax=1)
        row[1].imshow(as_picture(template), cmap=SIGNED, vmin=-limit, vmax=limit)
        row[2].imshow(as_picture(product), cmap=SIGNED, vmin=-limit, vmax=limit)
        total = float(product.sum())
        sums = f"sum {total:+.2f}\nbias {bias:+.2f}\nscore {total + bias:+.2f}"
        row[3].text(0, 0.5, sums, transform=row[3].transAxes, va="center", family="monospace")
        for axis, title in zip(row, ("image", f"template: {name}", "product", ""), strict=True):
            axis.set_title(title, fontsize=10)
            axis.set_axis_off()
    return figure


def own_template(
    template: torch.Tensor,
    averages: torch.Tensor,
    judgement: Judgement,
    names: Sequence[str],
    accuracies: Mapping[str, float],
) -> Figure:
    """A template between two classes, the scores that it gives, and who else does how well.

    Args:
        template: 1 x H x W, positive where bright pixels speak for the first class.
        averages: 2 x 1 x H x W, of the two classes.
        judgement: what became of it, see ``models.s04_template.judge``.
        accuracies: who made the template -> accuracy.
    """
    room = {"left": 0.01, "right": 0.99, "bottom": 0.2, "top": 0.88, "wspace": 0.1}
    # an empty place before the last one: there stand the names of the rivals
    figure, axes = new(10, 2.5, 1, 6, room, width_ratios=(1, 1, 1, 2.1, 0.55, 1.6))
    axes[4].remove()
    axes = [*axes[:4], axes[5]]
    for axis, picture, name in zip(axes[:2], averages, names, strict=True):
        axis.imshow(as_picture(picture))
        axis.set_title(f"average\n{name}", fontsize=9)
    axes[2].imshow(as_picture(template), cmap=SIGNED, vmin=-1, vmax=1)
    axes[2].set_title(f"+ for {names[0]}\n− for {names[1]}", fontsize=9)
    for axis in axes[:3]:
        axis.set_axis_off()
    lowest, highest = (float(end(torch.cat(judgement.scores))) for end in (torch.min, torch.max))
    span = (lowest, highest) if highest > lowest else (lowest - 1, lowest + 1)
    for some, name, colour, hatch in zip(
        judgement.scores, names, COLOURS, ("", "///"), strict=False
    ):
        axes[3].hist(some.numpy(), 30, range=span, histtype="stepfilled", alpha=0.6, color=colour,
                     hatch=hatch, label=name)  # fmt: skip
    axes[3].axvline(judgement.threshold, color="black", ls="--", lw=1)
    axes[3].set(xlabel="inner product", yticks=[], title="Test images")
    axes[3].legend(fontsize=8)
    bars = axes[4].barh(list(accuracies), list(accuracies.values()), color=COLOURS[5])
    axes[4].bar_label(bars, [f"{share:.1%}" for share in accuracies.values()], padding=3)
    axes[4].invert_yaxis()
    axes[4].axvline(0.5, color="black", ls=":", lw=1)
    axes[4].set(xlim=(0, 1.3), xticks=[0, 0.5, 1], xlabel="right answers", title="Who does best?")
    return figure


def templates(
    differences: torch.Tensor,
    weights: torch.Tensor,
    names: Sequence[str],
    curves: tuple[Sequence[int], Sequence[float], Sequence[float]],
    position: int,
) -> Figure:
    """The templates after some steps below the classes' averages, and how alike they are.

    Args:
        differences: K x 1 x H x W, class average minus average of all.
        weights: K x 1 x H x W, drawn on a scale of their own.
        curves: steps, correlation of the two, and test accuracy.
        position: which step of the curves this is.
    """
    steps, alike, accuracy = curves
    room = {"left": 0.1, "right": 0.99, "bottom": 0.19, "top": 0.88, "wspace": 0.08}
    figure, (left, right) = new(10, 2.5, 1, 2, room, width_ratios=(3.4, 1))
    rows = [part / part.abs().max().clamp_min(1e-12) for part in (differences, weights)]
    left.imshow(mosaic(torch.cat(rows), len(names), fill=0).numpy(), cmap=SIGNED, vmin=-1, vmax=1)
    height, width = differences.shape[-2:]
    left.set_xticks([(width + 2) * column + width / 2 for column in range(len(names))], names)
    left.set_yticks([height / 2, 1.5 * height + 2], ["average − \nall averages", "weights"])
    left.tick_params(length=0, labelsize=8)
    left.spines[:].set_visible(False)
    left.set_title(f"After {steps[position]:,} step{'s' * (steps[position] > 1)}")
    for line, name, marker in ((alike, "correlation", "o"), (accuracy, "test accuracy", "s")):
        right.plot(steps, line, marker=marker, label=f"{name} {line[position]:.2f}", ms=4)
        right.plot(steps[position], line[position], "o", ms=11, mfc="none", mew=2, c="black")
    right.set(xscale="log", ylim=(0, 1.05), xlabel="steps")
    right.legend(fontsize=8, loc="lower right")
    return figure


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
