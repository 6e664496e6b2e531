"""Section 10's interactives."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Ellipse

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, selection, slider
from cv_course.sections.s10_vgg.model import stack_costs, valley


def stacks() -> Interactive:
    """A stack of 3 x 3 convolutions against the one large convolution that sees as much."""

    @interactive(
        film=[{}, {"depth": 1}, {"depth": 6}, {"channels_in": "3"}],
        depth=slider("3 × 3 layers", 1, 6, 1, 3),
        channels_in=choice("channels in", ["3", "as many as out"], "as many as out"),
        channels=selection("channels out", [4, 16, 64, 256, 512], 64),
    )
    def stacks(depth, channels_in, channels):
        side, given = 2 * depth + 1, 3 if channels_in == "3" else channels
        costs = stack_costs(depth, given, channels)
        room = {"left": 0.12, "right": 0.98, "bottom": 0.12, "top": 0.86, "wspace": 0.4}
        figure, panels = plots.figure(8, 2.9, 1, 2, room)
        names = [f"{depth} of 3 × 3", f"one {side} × {side}"]
        for axis, (what, pair) in zip(panels, costs.items(), strict=True):
            plots.bars(dict(zip(names, pair, strict=True)), ylabel=what, fmt="{:,.0f}",
                       ylim=1.2 * max(pair), axis=axis)  # fmt: skip
            axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        small, large = costs["weights"]
        panels[0].set_title(f"{given} → {channels} channels: stack / large = {small / large:.2f}")
        alt = (
            f"{depth} layer{'s' * (depth > 1)} of 3 x 3 and one of {side} x {side}, from {given} "
            f"to {channels} channels: {small:,} weights against {large:,}; the stack has {depth} "
            f"time{'s' * (depth > 1)} as many outputs per position."
        )
        return figure, alt

    return stacks


def centring(mean: float, spread: float) -> Interactive:
    """The valley of the loss for one input of this spread, and the way down, by its mean."""

    @interactive(
        film=[{}, {"mean": 0.0}, {"mean": round(1 + mean, 2)}],
        mean=slider("mean of the input", -1.0, 2.0, 0.01, round(mean, 2)),
    )
    def centring(mean):
        path, hessian = valley(mean, spread)
        values, vectors = np.linalg.eigh(hessian)
        room = {"left": 0.1, "right": 0.97, "bottom": 0.16, "top": 0.89}
        figure, axis = plots.figure(6.4, 3.6, room=room)
        start = path[0] @ hessian @ path[0]
        angle = np.degrees(np.arctan2(*vectors[::-1, 0]))
        for share in (1, 0.5, 0.2, 0.05):
            wide, high = 2 * np.sqrt(share * start / values)
            axis.add_patch(Ellipse((0, 0), wide, high, angle=angle, fill=False, ec="#999999"))
        axis.plot(*path.T, "-", marker="o", ms=3.5, color=plots.COLOURS[1])
        axis.plot(0, 0, color="black", marker="*", ms=13, ls="")
        axis.plot(*path[0], color="black", marker="s", ms=7, ls="")
        axis.set(xlim=(-6, 6), ylim=(-5, 5), xlabel="weight minus best weight",
                 ylabel="bias minus best bias")  # fmt: skip
        ratio, left = values[1] / values[0], np.linalg.norm(path[-1]) / np.linalg.norm(path[0])
        axis.set_title(
            f"condition number {ratio:.1f}; after 30 steps {left:.0%} of the way is left"
        )
        alt = (
            f"An input of mean {mean:g} and standard deviation {spread:g}: the condition number is "
            f"{ratio:.1f}, and {left:.0%} of the way is left after 30 steps."
        )
        return figure, alt

    return centring


def transfer(
    curves: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    shots: Sequence[int],
    first: str | None = None,
) -> Interactive:
    """Accuracy on new classes by the number of examples and by the layer that is read.

    Args:
        curves: name -> layer -> runs x shots; what has a single layer is compared with all.
        shots: examples per class.
        first: the layer that is shown first.
    """
    layers = max((list(by_layer) for by_layer in curves.values()), key=len)
    first = first or layers[0]

    @interactive(
        film=[{"layer": layer} for layer in sorted(layers, key=lambda layer: layer != first)],
        layer=choice("features from", layers, first),
    )
    def transfer(layer):
        chosen = {
            name: by_layer.get(layer, next(iter(by_layer.values())))
            for name, by_layer in curves.items()
        }
        room = {"left": 0.1, "right": 0.8, "bottom": 0.17, "top": 0.96}
        figure, axis = plots.figure(8, 3.0, room=room)
        plots.lines(chosen, shots, xlabel="examples per class", ylabel="validation accuracy",
                    ylim=(0, 1), xticks=shots, levels={"chance": 0.25}, axis=axis)  # fmt: skip
        said = "; ".join(
            f"{name} {', '.join(f'{one:.2f}' for one in np.atleast_2d(runs).mean(0))}"
            for name, runs in chosen.items()
        )
        return figure, f"Features from {layer}, {', '.join(map(str, shots))} examples: {said}."

    return transfer
