"""Section 07's drawings and its interactive."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider

from .original import C3_TABLE, full_table

TABLES = {"1998": C3_TABLE, "full": full_table(6, 16)}


def drawn(side: int, sizes: Mapping[str, tuple[int, int, str]]) -> Figure:
    """A network from left to right; below each layer its size, and how it is computed.

    Args:
        side: of the image, the largest of all maps.
        sizes: layer -> (maps or units, side of a map, how they are computed).
    """
    stages = {"image": (1, side, ""), **sizes}
    figure, axis = plots.figure(len(stages), 2.1)
    for x, (name, (number, high, how)) in enumerate(stages.items()):
        if high > 1:
            wide, copies = 0.62 * high / side, min(number, 4)
            high, size = wide, f"{number} maps of\n{high} × {high}" if x else f"{side} × {side}"
        else:
            wide, copies = 0.1, 1
            high, size = 0.16 + 0.75 * (number / 192) ** 0.5, f"{number} units"
        for copy in reversed(range(copies)):
            corner = x - wide / 2 + 0.05 * copy - 0.08, 0.05 * copy - high / 2
            axis.add_patch(Rectangle(corner, wide, high, fc="#dbe9f4", ec=plots.COLOURS[0], lw=1.2))
        axis.text(x, 0.58, name, ha="center", fontsize=10, weight="bold")
        axis.text(x, -0.45, f"{size}\n{how}", ha="center", va="top", fontsize=10)
    axis.set(xlim=(-0.5, len(stages) - 0.5), ylim=(-1.3, 0.8), aspect="equal")
    axis.set_axis_off()
    return figure


def c3_table() -> Interactive:
    """Step through the maps of C3: which maps of S2 each looks at, and what that costs."""

    @interactive(
        film=[{}, {"chosen": 6}, {"chosen": 15}, {"which": "full"}],
        which=choice("table", list(TABLES)),
        chosen=slider("map of C3", 0, 15, 1, 0),
    )
    def c3_table(which, chosen):
        table = TABLES[which]
        joined = np.array([[source in row for row in table] for source in range(6)])
        room = {"left": 0.1, "right": 0.98, "bottom": 0.03, "top": 0.72}
        figure, axis = plots.figure(6, 3, room=room)
        own = 25 * len(table[chosen]) + 1
        total = 25 * int(joined.sum()) + 16
        plots.numbers(
            joined * (1 + (np.arange(16) == chosen)), scale=(0, 3), fmt="",
            rows=list("012345"), columns=[str(number) for number in range(16)], axis=axis,
            xlabel="map of C3", ylabel="map of S2",
            title=f"map {chosen} of C3: {own} parameters; all of C3: {total:,}",
        )  # fmt: skip
        axis.tick_params(labelsize=10)
        for source, to in np.argwhere(joined):
            axis.plot(to, source, "x", color="white" if to == chosen else "black", ms=6, mew=1.4)
        axis.add_patch(Rectangle((chosen - 0.5, -0.5), 1, 6, fill=False, lw=2.5,
                                 ec=plots.COLOURS[1], clip_on=False))  # fmt: skip
        names = ", ".join(map(str, table[chosen]))
        alt = (
            f"The {which} table: map {chosen} of C3 looks at the maps {names} of S2 and has {own} "
            f"parameters. All of C3 has {total:,} parameters and {100 * total:,} connections."
        )
        return figure, alt

    return c3_table
