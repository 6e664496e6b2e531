"""Section 08's diagram of the towers, and its interactives."""

from collections.abc import Sequence
from functools import cache

import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider
from cv_course.networks.alexnet import convolutions
from cv_course.sections.s08_alexnet.model import ACTIVATIONS, changes, gradient_sizes

GROUPINGS = {
    "as published": (1, 2, 1, 2, 2),
    "never cross": (1, 2, 2, 2, 2),
    "always cross": (1, 1, 1, 1, 1),
}


def draw_towers(stages: Sequence[dict], axis) -> Figure:
    """Layers from left to right: squares are maps, bars are vectors; two rows are two towers.

    Args:
        stages: dictionaries with ``name`` (above), ``size`` (below), ``side`` (of its maps; 0 for
            a vector), ``towers`` (1 or 2), ``crosses`` (each tower also reads the other one before
            it), and, if wanted, ``inside`` and ``fill`` (a text and a colour for each tower).
    """
    largest = max(stage["side"] for stage in stages)
    where = []
    for x, stage in enumerate(stages):
        high = max(0.24, 0.84 * stage["side"] / largest) if stage["side"] else 0.7
        wide = high if stage["side"] else 0.12
        middles = (0.62, -0.62) if stage["towers"] == 2 else (0.0,)
        for number, y in enumerate(middles):
            fill = stage["fill"][number] if "fill" in stage else "#dbe9f4"
            axis.add_artist(Rectangle((x - wide / 2, y - high / 2), wide, high, fc=fill,
                                      ec=plots.COLOURS[0], lw=1.2, zorder=3))  # fmt: skip
            if "inside" in stage:
                axis.text(x, y, stage["inside"][number], ha="center", va="center", fontsize=10,
                          zorder=5)  # fmt: skip
            for before, start in where[-1][1:] if where else ():
                own = start == y or len(where[-1]) == 2
                if own or stage["crosses"]:
                    look = {"color": "#777777", "lw": 1.0} if own else {"color": "black", "lw": 2.0}
                    axis.add_artist(FancyArrowPatch(
                        (x - 1 + before, start), (x - wide / 2, y), arrowstyle="-|>", shrinkA=0,
                        shrinkB=0, mutation_scale=9, zorder=2 if own else 4, **look))  # fmt: skip
        where.append((x, *((wide / 2, y) for y in middles)))
        for y, text, va in ((1.16, stage["name"], "bottom"), (-1.16, stage["size"], "top")):
            axis.text(x, y, text, ha="center", va=va, fontsize=9.5, linespacing=1.15)
    axis.set(xlim=(-0.55, len(stages) - 0.45), ylim=(-1.75, 1.5), aspect="equal")
    axis.set_axis_off()
    return axis.figure


def towers() -> Interactive:
    """Perturb one tower after the first layer, and see where the other one changes."""

    @cache
    def changed(groups: str, tower: str) -> list[tuple[bool, ...]]:
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            features, image = convolutions(GROUPINGS[groups]), torch.rand(1, 3, 99, 99)
        found = changes(features, image, tower).values()
        return [tuple(bool((half > 0).any()) for half in one.chunk(2)) for one in found]

    @interactive(
        film=[{}, {"groups": "never cross"}, {"groups": "always cross"}],
        groups=choice("towers", list(GROUPINGS)),
        tower=choice("perturbed tower", ["A", "B"], "B"),
    )
    def towers(groups, tower):
        room = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.99}
        stages, other = [], "BA".index(tower)
        for number, halves in enumerate(changed(groups, tower)):
            words = ["changed" if half else "same" for half in halves]
            if number == 0:
                words[1 - other] = "perturbed"
            stages.append({
                "name": f"conv{number + 1}", "size": "", "side": 1, "towers": 2,
                "crosses": number > 0 and GROUPINGS[groups][number] == 1,
                "inside": words, "fill": ["#f4a582" if half else "white" for half in halves],
            })  # fmt: skip
        figure, axis = plots.figure(6.8, 3.6, room=room)
        draw_towers(stages, axis)
        for y, name in ((0.62, "A"), (-0.62, "B")):
            axis.text(-0.62, y, name, ha="center", va="center", fontsize=12, weight="bold")
        axis.set(xlim=(-0.8, 4.55), ylim=(-1.15, 1.45))
        said = ", ".join(f"{stage['name']} {stage['inside'][other]}" for stage in stages)
        return figure, (
            f"Towers {groups}; tower {tower} is perturbed after conv1. Tower {'AB'[other]}: {said}."
        )

    return towers


def gradients() -> Interactive:
    """The gradient of each layer of a deep stack, before training."""
    known = cache(gradient_sizes)

    @interactive(
        film=[{}, {"start": "PyTorch"}, {"start": "PyTorch", "depth": 7}],
        start=choice("initialisation", ["He or Glorot", "PyTorch"]),
        depth=slider("hidden layers", 1, 22, 3, 16),
    )
    def gradients(start, depth):
        sizes = {name: known(name, depth, start) for name in ACTIVATIONS}
        figure, axis = plots.figure(7.4, 3.2, room={"left": 0.11, "right": 0.83, "bottom": 0.17,
                                                    "top": 0.97})  # fmt: skip
        plots.lines(
            {name: size[::-1] for name, size in sizes.items()},
            xlabel="hidden layers, counted back from the output",
            ylabel="length of the gradient", logy=True, ylim=(1e-18, 1e3), axis=axis,
            xticks=range(1, depth + 1, max(1, depth // 8)),
        )  # fmt: skip
        said = ", ".join(f"{name} {size[0] / size[-1]:.0e}" for name, size in sizes.items())
        return figure, (
            f"{depth} hidden layers, {start} initialisation. The gradient of the first layer, "
            f"divided by that of the last: {said}."
        )

    return gradients
