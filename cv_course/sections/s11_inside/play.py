"""Section 11's interactives."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.patches import Rectangle
from torch import nn

from cv_course import plots
from cv_course.data import Split
from cv_course.film import Interactive, choice, interactive, slider
from cv_course.sections.s11_inside.model import cover, responses
from cv_course.training import predict

LAYERS = {"stem": "stem", "stage 2": "stage2", "stage 4": "stage4", "top": "top"}


def feature_maps(
    networks: Mapping[str, nn.Module], names: Sequence[str], photos: torch.Tensor
) -> Interactive:
    """A photograph and its strongest channels in several layers of several networks.

    Args:
        networks: how its weights are -> network.
        names: of the photographs.
        photos: N x 3 x H x W, floats in 0 to 1.
    """
    found = {weights: responses(network, photos) for weights, network in networks.items()}
    first, second = list(networks)

    @interactive(
        film=[
            {"layer": layer, "weights": weights}
            for layer in ("stem", "stage4")
            for weights in (first, second)
        ],
        photo=choice("photograph", list(names)),
        layer=choice("layer", list(LAYERS.items())),
        weights=choice("weights", list(networks)),
    )
    def feature_maps(photo, layer, weights):
        item = names.index(photo)
        maps = found[weights][layer][item].relu()
        strongest = maps.mean((1, 2)).topk(6).indices.tolist()
        scaled = [maps[c] / maps[c].max().clamp(min=1e-9) for c in strongest]
        room = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.99, "wspace": 0.03}
        figure, (left, right) = plots.figure(6.2, 2.6, 1, 2, room, width_ratios=(1, 1.9))
        plots.pictures(photos[item][None], [photo], size=2.0, axis=left)
        plots.pictures(
            [one[None] for one in scaled],
            [f"channel {c}" for c in strongest],
            columns=3,
            size=1.1,
            scale=(0, 1),
            axis=right,
        )
        side, count = maps.shape[-1], len(maps)
        alt = (
            f"The photograph {photo} and six of the {count} channels of the layer {layer}, "
            f"{side} by {side} values each, in the network with {weights} weights."
        )
        return figure, alt

    return feature_maps


def patch(
    networks: Mapping[str, nn.Module], split: Split, classes: Sequence[str], order: Sequence[int]
) -> Interactive:
    """Cover a part of an image, and see what two networks make of the rest.

    Args:
        networks: name -> network, float images in 0 to 1 -> scores.
        split: images of bytes with their labels.
        order: numbers of the images to leaf through.
    """
    last = len(order) - 1

    @interactive(
        film=[
            {},
            {"item": 6},
            {"item": 6, "row": 0, "column": 0},
            {"item": 4},
        ],
        item=slider("image", 0, last, 1, 0),
        row=slider("first row of the patch", 0, 21, 1, 10),
        column=slider("first column", 0, 21, 1, 10),
        fill=choice("fill", [("black", 0), ("grey", 128), ("white", 255)], 0),
    )
    def patch(item, row, column, fill):
        place = order[item]
        image, true = split.images[place : place + 1], int(split.labels[place])
        seen = torch.cat([image, cover(image, row, column, 7, fill)])
        chances = {name: predict(one, seen).softmax(1).cpu() for name, one in networks.items()}
        room = {"left": 0.01, "right": 0.97, "bottom": 0.2, "top": 0.88, "wspace": 0.12}
        figure, (left, gap, *panels) = plots.figure(
            8, 3.1, 1, 2 + len(chances), room, width_ratios=(3.2, 1.1, *[2] * len(chances))
        )
        gap.set_axis_off()
        plots.pictures(seen, ["their image", "covered"], size=1.5, axis=left)
        x, right, _, y = left.images[1].get_extent()
        pixel = (right - x) / 28
        corner = (x + column * pixel, y + row * pixel)
        frame = {"fill": False, "ec": plots.COLOURS[1], "lw": 1.5}
        left.add_patch(Rectangle(corner, 7 * pixel, 7 * pixel, **frame))
        at = torch.arange(len(classes))
        for panel, (name, (before, after)) in zip(panels, chances.items(), strict=True):
            colours = [plots.COLOURS[2] if c == true else "#999999" for c in at.tolist()]
            panel.barh(at, after, color=colours)
            panel.plot(before, at, "|", color="black", ms=11, mew=2)
            panel.set(xlim=(0, 1.02), xlabel="probability", title=name)
            panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            panel.set_yticks(at, classes if panel is panels[0] else [], fontsize=9)
            panel.invert_yaxis()
            panel.tick_params(axis="y", length=0)
        said = "; ".join(
            f"{name}: probability of {classes[true]} {before[true]:.2f}, covered {after[true]:.2f}"
            for name, (before, after) in chances.items()
        )
        return figure, f"{classes[true]}, covered at row {row} and column {column}. {said}."

    return patch
