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
        film=[{"channels_in": "3"}, {}, {"depth": 6}],
        depth=slider("3 × 3 layers", 1, 6, 1, 3),
        channels_in=choice("channels in", ["3", "as many as out"], "as many as out"),
        channels=selection("channels out", [4, 16, 64, 256, 512], 64),
    )
    def stacks(depth, channels_in, channels):
        side, given = 2 * depth + 1, 3 if channels_in == "3" else channels
        small, large = stack_costs(depth, given, channels)
        room = {"left": 0.15, "right": 0.98, "bottom": 0.12, "top": 0.88}
        figure, axis = plots.figure(6, 2.9, room=room)
        number = ("one", "two", "three", "four", "five", "six")[depth - 1]
        plots.bars({f"{number} 3 × 3": small, f"one {side} × {side}": large}, ylabel="weights",
                   fmt="{:,.0f}", ylim=1.2 * max(small, large), axis=axis)  # fmt: skip
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_title(f"{given} channels in, {channels} channels out")
        return figure, (
            f"{depth} layer{'s' * (depth > 1)} of 3 x 3 and one of {side} x {side}, from {given} "
            f"to {channels} channels: {small:,} weights against {large:,}."
        )

    return stacks


def centring(mean: float, spread: float) -> Interactive:
    """The valley of the loss for one input of this spread, and the way down, by its mean."""

    @interactive(
        film=[{}, {"mean": round(1 + mean, 2)}, {"mean": 0.0}],
        mean=slider("mean of the input", -1.0, 2.0, 0.01, round(mean, 2)),
    )
    def centring(mean):
        path, hessian = valley(mean, spread)
        best = np.array([1.0, -mean]) / spread
        values, vectors = np.linalg.eigh(hessian)
        room = {"left": 0.1, "right": 0.97, "bottom": 0.16, "top": 0.89}
        figure, axis = plots.figure(6.4, 3.6, room=room)
        start = (path[0] - best) @ hessian @ (path[0] - best)
        angle = np.degrees(np.arctan2(*vectors[::-1, 0]))
        for share in (1, 0.5, 0.2, 0.05):
            wide, high = 2 * np.sqrt(share * start / values)
            axis.add_patch(Ellipse(best, wide, high, angle=angle, fill=False, ec="#999999"))
        axis.plot(*path.T, "-", marker="o", ms=3.5, color=plots.COLOURS[1])
        for name, point, marker in (("start", path[0], "s"), ("best", best, "*")):
            axis.plot(*point, color="black", marker=marker, ms=7 if name == "start" else 13, ls="")
            axis.annotate(name, point, (9, 7), textcoords="offset points", fontsize=10)
        axis.set(xlim=(-2, 8), ylim=(-9, 5), xlabel="weight w", ylabel="bias b")
        ratio = values[1] / values[0]
        axis.set_title(f"mean of the input {mean:g}: condition number {ratio:.1f}")
        left = np.linalg.norm(path[-1] - best) / np.linalg.norm(path[0] - best)
        alt = (
            f"An input of mean {mean:g} and standard deviation {spread:g}: the condition number is "
            f"{ratio:.1f}, and {left:.0%} of the way is left after 30 steps."
        )
        return figure, alt

    return centring


def transfer(accuracies: Mapping[int, Mapping[str, Mapping[str, Sequence[float]]]]) -> Interactive:
    """Accuracy on new classes by the stage that is read, and by the number of examples.

    Args:
        accuracies: examples per class -> trained, random or pixels -> stage -> one per network.
    """

    @interactive(
        film=[{"examples": number} for number in accuracies],
        examples=choice("examples per class", list(accuracies)),
    )
    def transfer(examples):
        now = dict(accuracies[examples])
        pixels = np.mean(now.pop("pixels")["pixels"])
        by_stage = {
            stage: {f"{name} weights": by_layer[stage] for name, by_layer in now.items()}
            for stage in now["trained"]
        }
        room = {"left": 0.1, "right": 0.8, "bottom": 0.1, "top": 0.9}
        figure, axis = plots.figure(8, 3.0, room=room)
        plots.bars(by_stage, ylabel="validation accuracy", ylim=1,
                   levels={"pixels": pixels, "chance": 0.25}, axis=axis)  # fmt: skip
        said = "; ".join(
            f"{stage} " + ", ".join(f"{name} {np.mean(runs):.2f}" for name, runs in row.items())
            for stage, row in by_stage.items()
        )
        return figure, f"{examples} examples per class: {said}; pixels {pixels:.2f}."

    return transfer
