"""Section 07's interactives."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider

from .model import count
from .original import C3_TABLE, full_table

TABLES = {"1998": C3_TABLE, "full": full_table(6, 16)}


def drawn(
    network: nn.Sequential,
    shape: tuple[int, int, int],
    sizes: Mapping[str, tuple[int, int, str]],
    largest: int,
) -> Figure:
    """A network from left to right, with the parameters and connections of each layer.

    Args:
        network, shape: as in :func:`.model.count`.
        sizes: layer -> (maps or units, side of a map, how they are computed).
        largest: side of the largest map.
    """
    counts = count(network, shape)
    stages = {"image": (1, shape[1], ""), **sizes}
    figure, axis = plots.figure(len(stages), 2.4)
    for x, (name, (number, side, how)) in enumerate(stages.items()):
        high = 0.62 * side / largest if side > 1 else 0.16 + 0.75 * (number / 192) ** 0.5
        wide, copies = (high, min(number, 4)) if side > 1 else (0.1, 1)
        for copy in reversed(range(copies)):
            corner = x - wide / 2 + 0.05 * copy - 0.08, 0.05 * copy - high / 2
            axis.add_patch(Rectangle(corner, wide, high, fc="#dbe9f4", ec=plots.COLOURS[0], lw=1.2))
        size = f"{number} of\n{side} × {side}" if side > 1 else f"{number}\nunits"
        shown = name.upper() if name[-1].isdigit() else name
        size = size if x else f"{side} × {side}"
        axis.text(x, -0.55, f"{shown}\n{size}\n{how}", ha="center", va="top", fontsize=10)
        if name in counts:
            axis.text(x, 0.75, f"{counts[name][0]:,}", ha="center", fontsize=10, weight="bold")
            axis.text(x, 0.53, f"{counts[name][1]:,}", ha="center", fontsize=10)
    axis.text(-0.55, 0.75, "parameters", fontsize=10, weight="bold")
    axis.text(-0.55, 0.53, "connections", fontsize=10)
    axis.set(xlim=(-0.6, len(stages) - 0.5), ylim=(-1.45, 0.9), aspect="equal")
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
        joined = np.array([[source in row for source in range(6)] for row in table])
        room = {"left": 0.2, "right": 0.96, "bottom": 0.02, "top": 0.84}
        figure, axis = plots.figure(2.8, 6, room=room)
        own = 25 * len(table[chosen]) + 1
        total = 25 * int(joined.sum()) + 16
        plots.numbers(
            joined * (1 + (np.arange(16) == chosen))[:, None], scale=(0, 3), fmt="",
            rows=[str(number) for number in range(16)], columns=list("012345"), axis=axis,
            xlabel="map of S2", ylabel="map of C3",
            title=f"map {chosen}: {own} parameters\nall of C3: {total:,}",
        )  # fmt: skip
        axis.tick_params(labelsize=10)
        for to, source in np.argwhere(joined):
            axis.plot(source, to, "x", color="white" if to == chosen else "black", ms=6, mew=1.4)
        axis.add_patch(Rectangle((-0.5, chosen - 0.5), 6, 1, fill=False, lw=2.5,
                                 ec=plots.COLOURS[1], clip_on=False))  # fmt: skip
        names = ", ".join(map(str, table[chosen]))
        alt = (
            f"The {which} table: map {chosen} of C3 looks at the maps {names} of S2 and has {own} "
            f"parameters. All of C3 has {total:,} parameters and {100 * total:,} connections."
        )
        return figure, alt

    return c3_table


def read_digits(
    images: torch.Tensor,
    states: Mapping[str, torch.Tensor],
    codes: torch.Tensor,
    labels: torch.Tensor,
    order: Sequence[int],
) -> Interactive:
    """The outputs of F6 as a picture, beside the nearest code, and the distances to all codes.

    Args:
        images: N x 1 x H x W.
        states: how it was trained -> outputs of F6, N x 84.
        codes: 10 x 84.
        labels: (N,).
        order: numbers of the images to leaf through.
    """
    names, last = list(states), len(order) - 1

    @interactive(
        film=[{"loss": name, "rank": rank} for rank in (last // 2, 0) for name in names],
        loss=choice("trained", names),
        rank=slider("example", 0, last, 1, last // 2),
    )
    def read_digits(loss, rank):
        item = order[rank]
        state, true = states[loss][item], labels[item].item()
        distances = (state - codes).square().sum(1)
        said = int(distances.argmin())
        room = {"left": 0.18, "right": 0.98, "bottom": 0.12, "top": 0.94, "hspace": 0.12}
        figure, (above, below) = plots.figure(3.6, 4.4, 2, 1, room)
        image = 2 * images[item].float() / images[item].max() - 1
        plots.pictures(
            [image, state.view(1, 12, 7), codes[said].view(1, 12, 7)],
            [f"image: {true}", "F6", f"code of {said}"],
            size=1.2, signed=True, scale=(-1.72, 1.72), axis=above,
        )  # fmt: skip
        above.images[0].set_cmap("gray")
        plots.bars(
            {str(digit): one for digit, one in enumerate(distances.tolist())},
            ylabel="squared distance", fmt="{:.0f}", axis=below,
        )  # fmt: skip
        below.patches[said].set_facecolor(plots.COLOURS[2 if said == true else 1])
        below.set_xlabel("code of the digit")
        nearest, second = distances.sort().values[:2].tolist()
        alt = (
            f"An image of {true}, trained {loss}. The nearest code is that of {said} at "
            f"{nearest:.0f}; the second nearest is at {second:.0f}."
        )
        return figure, alt

    return read_digits
