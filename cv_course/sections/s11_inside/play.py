"""Section 11's interactive."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.patches import Patch, Rectangle
from torch import nn

from cv_course import plots
from cv_course.data import Split
from cv_course.film import Interactive, choice, interactive, selection, slider
from cv_course.sections.s11_inside.model import cover
from cv_course.training import predict


def patch(
    networks: Mapping[str, nn.Module],
    split: Split,
    classes: Sequence[str],
    order: Sequence[int],
    states: Sequence[tuple[int, int, int]],
) -> Interactive:
    """Cover a part of an image, and see what two networks make of the rest.

    Args:
        networks: name -> network, float images in 0 to 1 -> scores.
        split: images of bytes with their labels.
        order: of each class the number of one image.
        states: class, row and column of the patch; the film shows these, the controls start at the
            first.
    """

    @interactive(
        film=[dict(zip(("item", "row", "column"), state, strict=True)) for state in states],
        item=selection("image", [(name, item) for item, name in enumerate(classes)], states[0][0]),
        row=slider("top row of the patch", 0, 21, 1, states[0][1]),
        column=slider("left column", 0, 21, 1, states[0][2]),
        fill=choice("fill", [("black", 0), ("grey", 128), ("white", 255)], 0),
    )
    def patch(item, row, column, fill):
        image, true = split.images[order[item]][None], int(split.labels[order[item]])
        seen = torch.cat([image, cover(image, row, column, 7, fill)])
        chances = {name: predict(one, seen).softmax(1).cpu() for name, one in networks.items()}
        room = {"left": 0.01, "right": 0.97, "bottom": 0.28, "top": 0.9, "wspace": 0.12}
        figure, (left, gap, *panels) = plots.figure(
            8, 3.4, 1, 2 + len(chances), room, width_ratios=(3.2, 1.1, *[2] * len(chances))
        )
        gap.set_axis_off()
        plots.pictures(seen, ["their image", "covered"], size=1.5, axis=left)
        x, right, _, y = left.images[1].get_extent()
        pixel = (right - x) / 28
        corner = (x + column * pixel, y + row * pixel)
        frame = {"fill": False, "ec": plots.COLOURS[1], "lw": 1.5}
        left.add_patch(Rectangle(corner, 7 * pixel, 7 * pixel, **frame))
        at = np.arange(len(classes))
        for panel, (name, (before, after)) in zip(panels, chances.items(), strict=True):
            colours = [plots.COLOURS[2] if c == true else "#999999" for c in at.tolist()]
            panel.barh(at, after, color=colours)
            (line,) = panel.plot(before, at, "|", color="black", ms=11, mew=2)
            panel.set(xlim=(0, 1.02), xlabel="probability", title=name)
            panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            panel.set_yticks(at, classes if panel is panels[0] else [], fontsize=9)
            panel.invert_yaxis()
            panel.tick_params(axis="y", length=0)
        bars = [Patch(color=colour) for colour in ("#999999", plots.COLOURS[2])]
        names = ["with the patch", "with the patch, true class", "without the patch"]
        figure.legend([*bars, line], names, loc="lower right", ncols=3, fontsize=9)
        said = "; ".join(
            f"{name}: probability of {classes[true]} {before[true]:.2f}, covered {after[true]:.2f}"
            for name, (before, after) in chances.items()
        )
        return figure, f"{classes[true]}, covered at row {row} and column {column}. {said}."

    return patch
