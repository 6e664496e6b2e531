"""Figures of section 01."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse

from cv_course.figures.core import COLOURS, SIGNED, as_picture, new


def four_definitions(examples: Mapping[tuple[str, str], str]) -> Figure:
    """Russell & Norvig's square: (thinks | acts) x (like people | rationally), an example in each.

    Args:
        examples: (row, column) -> text, in the order in which rows and columns appear.
    """
    rows = list(dict.fromkeys(row for row, _ in examples))
    columns = list(dict.fromkeys(column for _, column in examples))
    figure, axis = new(7.5, 2.5)
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            text = examples[row, column]
            axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=10)
    axis.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    axis.set_xticks([x + 0.5 for x in range(len(columns))], columns, weight="bold")
    axis.set_yticks([y + 0.5 for y in range(len(rows))], rows, weight="bold")
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    axis.axhline(1, color="black", lw=1)
    axis.axvline(1, color="black", lw=1)
    axis.spines[:].set_visible(True)
    return figure


def two_worlds(
    samples: Mapping[str, tuple[np.ndarray, np.ndarray]],
    names: tuple[str, str],
    held: float | None = None,
) -> Figure:
    """Two clouds of points side by side; ``held``: where the first quantity was set by hand."""
    figure, axes = new(6.5, 2.9, 1, len(samples), sharex=True, sharey=True)
    for axis, (title, (x, y)), colour in zip(axes, samples.items(), COLOURS, strict=False):
        axis.scatter(x, y, s=5, color=colour, alpha=0.5, lw=0)
        if held is not None:
            axis.plot([held - 0.4, held + 0.4], [y.mean()] * 2, color="black")
            axis.text(
                held - 0.5,
                y.mean(),
                f"mean {round(y.mean(), 1) + 0.0:.1f}",
                ha="right",
                va="center",
            )
        axis.set(title=title, xlabel=names[0], xlim=(-4, 4), ylim=(-4, 4))
    axes[0].set_ylabel(names[1])
    return figure


def picture_and_stripes(picture: torch.Tensor, bits: Sequence[int]) -> Figure:
    """The same message twice: a picture for people, one stripe a bit for machines."""
    figure, (left, right) = new(7.5, 1.9, 1, 2, width_ratios=(1, 3.6))
    left.imshow(as_picture(picture))
    right.imshow(1 - np.asarray(bits)[None], aspect="auto", vmin=0, vmax=1)
    for axis, title in ((left, "for you"), (right, "for a machine")):
        axis.set(xticks=[], yticks=[], title=title)
    right.spines[:].set_visible(True)
    return figure


def two_senses(
    clouds: Sequence[np.ndarray], weights: Mapping[str, np.ndarray], accuracies: Mapping[str, float]
) -> Figure:
    """What two senses report in two situations, the border between the answers, and who is right.

    Args:
        clouds: two arrays N x 2, reports when the thing is absent and when it is there.
        weights: way of combining -> the two weights; its border passes through (½, ½).
        accuracies: who answers -> share of right answers.
    """
    figure, (left, right) = new(9, 3.3, 1, 2, width_ratios=(1.1, 1))
    for cloud, colour, marker, name in zip(
        clouds, COLOURS, "o^", ("absent", "there"), strict=False
    ):
        left.scatter(*cloud.T, s=9, color=colour, marker=marker, alpha=0.45, lw=0, label=name)
    ends = np.array([-6.0, 7.0])
    for (name, (first, second)), style in zip(weights.items(), ("-", "--"), strict=False):
        if abs(second) > 1e-9:
            left.plot(ends, 0.5 - (ends - 0.5) * first / second, style, color="black", label=name)
        else:
            left.plot([0.5, 0.5], ends, style, color="black", label=name)
    left.set(
        xlim=(-3.5, 4.5),
        ylim=(-3.5, 4.5),
        xlabel="report of sense 1",
        ylabel="report of sense 2",
        title="1,000 reports",
    )
    left.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    bars = right.barh(list(accuracies), list(accuracies.values()), color=COLOURS[5])
    bars[-1].set_color(COLOURS[0])
    right.bar_label(bars, [f"{share:.3f}" for share in accuracies.values()], padding=3)
    right.invert_yaxis()
    right.axvline(0.5, color="black", ls=":", lw=1)
    right.set(xlim=(0, 1.15), xticks=[0, 0.5, 1], title="Right answers")
    return figure


def eye(height: float, distance: float, depth: float = 17.0) -> Figure:
    """A figure of ``height`` metres at ``distance`` metres and its image on the retina.

    Rays are drawn straight through the nodal point, ``depth`` millimetres before the retina (the
    "reduced eye"). Inside the eye the scale is millimetres, outside it is as needed.
    """
    image = height / distance * depth
    figure, axis = new(8, 2.7)
    radius = depth * 0.62
    node = (radius * 2 - depth, 0.0)  # the retina is at x = 2 radius
    far, tall = -34.0, 17.0 * min(height / distance * 4, 1)
    axis.add_patch(Circle((radius, 0), radius, fc="white", ec="black", lw=1.5))
    axis.add_patch(Ellipse((node[0] - 1.2, 0), 3.2, 9, fc="#cfe3f2", ec="black", lw=1))
    scale = tall / 2
    back = scale * depth / (node[0] - far)  # by similar triangles, as drawn
    for sign, colour, style in ((1, COLOURS[1], "-"), (-1, COLOURS[0], "--")):
        axis.plot([far, 2 * radius], [sign * scale, -sign * back], style, color=colour, lw=1.2)
    arrow = {"arrowstyle": "-|>", "lw": 3, "color": "black", "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", (far, scale), (far, -scale), arrowprops=arrow)
    axis.annotate("", (2 * radius, -back), (2 * radius, back), arrowprops=arrow)
    axis.text(far - 1, 0, f"{height:g} m tall,\n{distance:g} m away", ha="right", va="center")
    axis.text(2 * radius + 1.2, 0, f"on the retina:\n{image:.2f} mm,\nupside down", va="center")
    axis.text(node[0] - 1.2, -radius - 1, "lens", ha="center", va="top")
    axis.set(xlim=(-52, 38), ylim=(-14, 12), aspect="equal")
    axis.set_axis_off()
    return figure


def blind_spot(gap: float) -> Figure:
    """A cross and a dot, ``gap`` inches apart, on a striped ground."""
    figure, axis = new(gap + 1.6, 1.5)
    for y in np.linspace(-0.55, 0.55, 12):
        axis.axhline(y, color="#d9d9d4", lw=2, zorder=0)
    axis.plot(0, 0, "+", ms=16, mew=3, color="black")
    axis.plot(gap, 0, "o", ms=17, color=COLOURS[1])
    axis.set(xlim=(-0.8, gap + 0.8), ylim=(-0.6, 0.6))
    axis.set_axis_off()
    return figure


def canvas_with_boxes(
    canvas: torch.Tensor,
    rebuilt: torch.Tensor | None = None,
    boxes: Sequence[tuple] = (),
    names: Sequence[str] = (),
) -> Figure:
    """A picture with a named box (top, bottom, left, right) around each thing; beside it the one
    that was rebuilt from the table."""
    pictures = [canvas] if rebuilt is None else [canvas, rebuilt]
    figure, axes = new(4.25 * len(pictures), 2.5, 1, len(pictures), squeeze=False)
    titles = ("the scene, analysed" if boxes else "the scene", "drawn from the table")
    for axis, picture, title in zip(axes[0], pictures, titles, strict=False):
        axis.imshow(as_picture(picture), vmin=0, vmax=255)
        axis.set(xticks=[], yticks=[], title=title)
    for (top, bottom, left, right), name in zip(boxes, names, strict=True):
        columns = np.array([left, right, right, left, left]) - 0.5
        axes[0, 0].plot(columns, np.array([top, top, bottom, bottom, top]) - 0.5, color=COLOURS[4])
        axes[0, 0].text(left, top - 2, name, color="white", fontsize=9)
    return figure


def descent(
    pictures: Sequence[torch.Tensor],
    target: torch.Tensor,
    steps: Sequence[int],
    losses: Sequence[float],
) -> Figure:
    """Guesses on the way to a target, below each what is still missing, and the falling error."""
    count = len(pictures)
    figure, axes = new(9.5, 3.1, 2, count + 2, width_ratios=(1,) * (count + 1) + (2.2,))
    for column, picture in enumerate((*pictures, target)):
        title = f"step {steps[column]}" if column < count else "target"
        axes[0, column].imshow(as_picture(picture), vmin=0, vmax=1)
        axes[0, column].set_title(title, fontsize=9)
        missing = as_picture(target - picture)
        axes[1, column].imshow(missing, cmap=SIGNED, vmin=-0.6, vmax=0.6)
    for axis in axes[:, :-1].flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
    axes[0, 0].set_ylabel("guess")
    axes[1, 0].set_ylabel("target − guess")
    axes[1, count].set_axis_off()
    for axis in axes[:, -1]:
        axis.remove()
    curve = figure.add_subplot(axes[0, 0].get_gridspec()[:, -1])
    curve.semilogy(range(len(losses)), losses)
    curve.set(xlabel="step", title="mean squared difference")
    return figure


def by_hand(
    target: torch.Tensor, guess: torch.Tensor, valley: tuple, at: tuple[float, float]
) -> Figure:
    """A target, a guess, their difference, and the error as a map over distance and radius.

    Args:
        target, guess: side x side pictures, 0 to 1.
        valley: distances, radii and the errors (radii x distances) with the rest as it should be.
        at: distance and radius of the guess.
    """
    figure, axes = new(9.5, 2.8, 1, 4, width_ratios=(1, 1, 1, 1.5))
    error = float((guess - target).square().mean().sqrt())
    shown = (
        ("target", target, "gray", 0),
        ("your scene", guess, "gray", 0),
        ("target − yours", target - guess, SIGNED, -1),
    )
    for axis, (title, picture, colours, low) in zip(axes, shown, strict=False):
        axis.imshow(as_picture(picture), cmap=colours, vmin=low, vmax=1)
        axis.set(xticks=[], yticks=[], title=title)
        axis.spines[:].set_visible(True)
    axes[2].set_xlabel(f"error {error:.3f}")
    distances, radii, errors = valley
    axes[3].contourf(distances, radii, errors, levels=12, cmap="Blues")
    axes[3].plot(distances, at_rest(valley), ":", color="black", lw=1.5)
    axes[3].plot(*at, "o", ms=9, mfc="white", mec=COLOURS[1], mew=3)
    axes[3].set(
        xlabel="distance (cm)",
        ylabel="radius (cm)",
        ylim=(radii[0], radii[-1]),
        title="error (dotted: none)",
    )
    return figure


def at_rest(valley: tuple) -> np.ndarray:
    """For each distance the radius of the smallest error."""
    _, radii, errors = valley
    return np.asarray(radii)[np.asarray(errors).argmin(0)]


def tuning(curves: Mapping[str, tuple[Sequence[float], Mapping[str, Sequence[float]]]]) -> Figure:
    """Responses of two kinds of cell, a panel for each way in which the bar was changed."""
    figure, axes = new(8.5, 2.6, 1, len(curves), sharey=True)
    for axis, (change, (values, lines)) in zip(axes, curves.items(), strict=True):
        for (name, line), style, width in zip(lines.items(), ("-o", "--s"), (6, 1.5), strict=False):
            axis.plot(values, line, style, label=name, lw=width, ms=width + 2)  # both show
        axis.set(xlabel=change, ylim=(-0.05, 1.15))
    axes[0].set_ylabel("response")
    axes[-1].legend(fontsize=8, loc="upper right")
    return figure


def portraits(
    pictures: torch.Tensor, titles: Sequence[str] | None = None, size: float = 2.0
) -> Figure:
    """Portraits side by side, N x 3 x H x W, cut to a round disc as a turned one must be."""
    figure, axes = new(
        size * len(pictures), size + (0.25 if titles else 0.05), 1, len(pictures), squeeze=False
    )
    for position, (axis, picture) in enumerate(zip(axes[0], pictures, strict=True)):
        _disc(axis, picture)
        if titles:
            axis.set_title(titles[position], loc="center", fontsize=10)
    return figure


def _disc(axis, picture: torch.Tensor) -> None:
    shown = axis.imshow(as_picture(picture), interpolation="antialiased", vmin=0, vmax=255)
    side = picture.shape[-1]
    shown.set_clip_path(Circle(((side - 1) / 2,) * 2, side / 2, transform=axis.transData))
    axis.set_axis_off()


def turned_face(
    face: torch.Tensor,
    degrees: float,
    curves: Mapping[str, Sequence[float]],
    angles: Sequence[float],
    shown: str,
    verdict: float,
) -> Figure:
    """A drawn face as it is turned, and what a network says at all angles, a line for each kind.

    Args:
        face: 1 x 32 x 32, already turned.
        curves: kind of face -> probability of "Thatcherised" at ``angles``.
        shown, verdict: the kind of this face and the probability for it.
    """
    figure, (left, right) = new(8, 2.8, 1, 2, width_ratios=(1, 2.3))
    left.imshow(as_picture(face), vmin=0, vmax=255)
    left.set_axis_off()
    left.set_title(f"{'“Thatcherised”' if verdict > 0.5 else '“normal”'}  ({verdict:.2f})")
    for (name, line), style in zip(curves.items(), ("-", ":", "-.", "--"), strict=False):
        right.plot(angles, line, style, label=name, lw=3 if name == shown else 1.2)
    right.plot(degrees, verdict, "o", ms=11, mfc="none", mew=2, c="black")
    right.axhline(0.5, color="black", lw=0.8)
    right.set(
        xlabel="turned by (degrees)",
        ylabel="says “Thatcherised”",
        ylim=(-0.05, 1.05),
        xticks=range(0, 181, 45),
    )
    right.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), title="flipped")
    return figure


def practice(
    angles: Sequence[float],
    curves: Mapping[int, Sequence[float]],
    chosen: int | None = None,
    turned: torch.Tensor | None = None,
    at: float | None = None,
    said: str = "",
) -> Figure:
    """Accuracy against the angle of the test images, a line for each range of training angles.

    Args:
        curves: range (degrees to either side) -> accuracies at ``angles``.
        chosen: the range to be emphasised and shaded.
        turned, at, said: a test image, its angle, and what is to stand above it.
    """
    wide = turned is not None
    figure, axes = new(8.5, 2.9, 1, 1 + wide, squeeze=False, width_ratios=(1, 2.6)[-1 - wide :])
    axis = axes[0, -1]
    for (reach, line), marker, colour in zip(curves.items(), "osD^v", COLOURS, strict=False):
        strong = chosen is None or reach == chosen
        name = "upright only" if reach == 0 else f"up to ±{reach}°"
        axis.plot(
            angles,
            line,
            marker=marker,
            color=colour,
            label=name,
            lw=2.5 if strong else 1,
            alpha=1 if strong else 0.45,
            ms=4,
        )
    if chosen:
        axis.axvspan(0, chosen, color="#000000", alpha=0.06, lw=0)
    axis.axhline(0.1, color="black", ls=":", lw=1)
    axis.text(0, 0.115, "guessing", fontsize=8)
    axis.set(
        xlabel="test images turned by (degrees)",
        ylabel="test accuracy",
        ylim=(0, 1),
        xticks=range(0, 181, 45),
    )
    axis.legend(fontsize=8, title="trained", loc="upper left", bbox_to_anchor=(1, 1))
    if wide:
        axis.axvline(at, color="black", lw=1)
        axes[0, 0].imshow(as_picture(turned), vmin=0, vmax=255)
        axes[0, 0].set_title(said, fontsize=10)
        axes[0, 0].set_axis_off()
    return figure
