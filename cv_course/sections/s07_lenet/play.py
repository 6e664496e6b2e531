"""Section 07's interactives."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.patches import Rectangle

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider
from cv_course.networks.lenet import C3_TABLE, full_table

TABLES = {"1998": C3_TABLE, "full": full_table(6, 16)}


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
        room = {"left": 0.09, "right": 0.98, "bottom": 0.02, "top": 0.8}
        figure, axis = plots.figure(7.4, 3.3, room=room)
        own = 25 * len(table[chosen]) + 1
        total = 25 * int(joined.sum()) + 16
        plots.numbers(
            joined * (1 + (np.arange(16) == chosen)), scale=(0, 3), fmt="", rows=list("012345"),
            columns=[str(number) for number in range(16)], xlabel="map of C3", ylabel="map of S2",
            title=f"map {chosen}: {own} parameters; all of C3: {total:,}", axis=axis,
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
        film=[{"loss": name, "rank": rank} for rank in (0, last // 2) for name in names],
        loss=choice("trained", names),
        rank=slider("digit", 0, last, 1, 0),
    )
    def read_digits(loss, rank):
        item = order[rank]
        state, true = states[loss][item], labels[item].item()
        distances = (state - codes).square().sum(1)
        said = int(distances.argmin())
        room = {"left": 0.01, "right": 0.99, "bottom": 0.17, "top": 0.9, "wspace": 0.25}
        figure, (left, right) = plots.figure(8, 2.9, 1, 2, room, width_ratios=(1, 1.05))
        image = 2 * images[item].float() / images[item].max() - 1
        plots.pictures(
            [image, state.view(1, 12, 7), codes[said].view(1, 12, 7)],
            [f"a {true}", "F6", f"code of {said}"],
            size=1.2, signed=True, scale=(-1.72, 1.72), axis=left,
        )  # fmt: skip
        left.images[0].set_cmap("gray")
        plots.bars(
            {str(digit): one for digit, one in enumerate(distances.tolist())},
            ylabel="squared distance", fmt="{:.0f}", axis=right,
        )  # fmt: skip
        right.patches[said].set_facecolor(plots.COLOURS[2 if said == true else 1])
        right.set_xlabel("code of the digit")
        nearest, second = distances.sort().values[:2].tolist()
        alt = (
            f"A {true}, trained {loss}. The nearest code is that of {said} at {nearest:.0f}; the "
            f"second nearest is at {second:.0f}."
        )
        return figure, alt

    return read_digits
