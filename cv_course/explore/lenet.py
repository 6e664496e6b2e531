"""Interactives of section 07."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from matplotlib.figure import Figure
from torch import nn

from cv_course import figures
from cv_course.data import Split
from cv_course.explore.core import Interactive, choice, slider
from cv_course.networks.lenet import C3_TABLE, full_table
from cv_course.perturb import rotate, scale, shift
from cv_course.training import predict

_TABLES = {"1998": C3_TABLE, "full": full_table(6, 16)}


def c3_table() -> Interactive:
    """Section 07: step through the maps of C3 and see what each looks at and costs."""

    def counts(which: str) -> tuple[int, int]:
        parameters = sum(25 * len(row) + 1 for row in _TABLES[which])
        return parameters, 100 * parameters  # 10 x 10 places

    def render(which: str, chosen: int) -> Figure:
        return figures.connection_table(_TABLES[which], 6, chosen, counts(which), counts("full"))

    def alt(which: str, chosen: int) -> str:
        row = ", ".join(map(str, _TABLES[which][chosen]))
        parameters, connections = counts(which)
        return (
            f"The {which} table: map {chosen} of C3 looks at the maps {row} of S2. All of C3 has "
            f"{parameters:,} parameters and {connections:,} connections."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"chosen": 12}, {"chosen": 15}, {"which": "full", "chosen": 12}],
        which=choice("table", list(_TABLES)),
        chosen=slider("map of C3", 0, 15, 1, 0),
    )


def read_digits(images: torch.Tensor, states: torch.Tensor, codes: torch.Tensor,
                labels: torch.Tensor, order: Sequence[int]) -> Interactive:  # fmt: skip
    """Section 07: the state of F6 as a picture, and its distances to the ten codes.

    Args:
        images: N x 1 x H x W.
        states: N x 84, of F6.
        codes: 10 x 84.
        labels: (N,).
        order: numbers of the images to leaf through, most doubtful first.
    """
    distances = (states[:, None] - codes).square().sum(2)

    def render(rank: int) -> Figure:
        item = order[rank]
        return figures.read_digit(
            images[item], states[item], codes, distances[item], labels[item].item()
        )

    def alt(rank: int) -> str:
        item = order[rank]
        near, next_ = distances[item].topk(2, largest=False).indices.tolist()
        return (
            f"Test image of rank {rank} by doubt, a {labels[item].item()}. Nearest is the code of "
            f"{near} at {distances[item, near]:.0f}, then that of {next_} at "
            f"{distances[item, next_]:.0f}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{"rank": 0}, {"rank": 3}, {"rank": len(order) - 1}],
        rank=slider("rank (0: most doubtful)", 0, len(order) - 1, 1, 0),
    )


def distort(models: Mapping[str, nn.Module], split: Split, classes: Sequence[str]) -> Interactive:
    """Section 07: move, turn and rescale a digit while several networks read it.

    Args:
        models: name -> classifier of N x 1 x 32 x 32 images.
        split: the digits to choose from.
    """

    @lru_cache(maxsize=64)
    def seen(item: int, right: int, down: int, turn: int, size: float):
        canvas = split.images[item : item + 1]
        if turn:
            canvas = rotate(canvas, turn)
        if size != 1:
            canvas = scale(canvas, size)
        canvas = shift(canvas, right, down)
        shares = {
            name: predict(model, canvas)[0].softmax(0).tolist() for name, model in models.items()
        }
        return canvas[0], shares

    def render(item: int, **change) -> Figure:
        return figures.verdicts(*seen(item, **change), classes, split.labels[item].item())

    def alt(item: int, right: int, down: int, turn: int, size: float) -> str:
        _, shares = seen(item, right, down, turn, size)
        said = ", ".join(
            f"{name}: {classes[share.index(max(share))]}" for name, share in shares.items()
        )
        return (
            f"A {classes[split.labels[item]]} moved {right} pixels to the right and {down} down, "
            f"turned by {turn} degrees, magnified by {size:g}. What the networks read: {said}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"right": 3}, {"right": 5, "down": 2}, {"turn": 40}, {"size": 0.5}],
        item=slider("digit", 0, len(split) - 1, 1, 0),
        right=slider("to the right (pixels)", -6, 6, 1, 0),
        down=slider("down (pixels)", -6, 6, 1, 0),
        turn=slider("turn (degrees, counter-clockwise)", -90, 90, 10, 0),
        size=slider("size ×", 0.4, 1.6, 0.1, 1.0),
    )
