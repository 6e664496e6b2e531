"""Interactives of section 05."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
from matplotlib.figure import Figure

from cv_course import figures
from cv_course.convolution import KERNELS, cross_correlate
from cv_course.explore.core import Interactive, choice, slider
from cv_course.models.local import hidden_multiplications, hidden_parameters


def ladder() -> Interactive:
    """Section 05: what three hidden layers cost, for any image, window and number of maps."""

    def counts(side: int, kernel: int, maps: int):
        shape = ((1, side, side), kernel, maps)
        return hidden_parameters(*shape), hidden_multiplications(*shape)

    def render(side: int, kernel: int, maps: int) -> Figure:
        return figures.rungs(side, kernel, maps, *counts(side, kernel, maps))

    def alt(side: int, kernel: int, maps: int) -> str:
        parameters, multiplications = counts(side, kernel, maps)
        return (
            f"An image of {side} x {side} pixels, windows of {kernel} x {kernel}, {maps} maps. "
            + "; ".join(
                f"{kind}: {parameters[kind]:,} weights and biases, "
                f"{multiplications[kind]:,} multiplications"
                for kind in parameters
            )
            + "."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"side": 224}, {"side": 224, "kernel": 11, "maps": 96}],
        side=slider("H, side of the image (pixels)", 12, 224, 4, 28),
        kernel=slider("k, side of the window (pixels)", 1, 11, 1, 5),
        maps=slider("C, number of maps", 1, 96, 1, 4),
    )


def slide(picture: np.ndarray, kernels: Mapping[str, np.ndarray] = KERNELS) -> Interactive:
    """Section 05: a kernel on its way over a picture, the sum written out at every step.

    Args:
        picture: (H, W), 0 to 255.
        kernels: name -> (3, 3).
    """
    picture = np.asarray(picture, dtype=float)

    @cache
    def answer(kernel: str) -> np.ndarray:
        return cross_correlate(picture, kernels[kernel])

    def place(step: int, kernel: str) -> tuple[int, int]:
        y, x = divmod(step - 1, answer(kernel).shape[1])
        return y, x

    def render(step: int, kernel: str) -> Figure:
        return figures.sliding(picture, kernels[kernel], place(step, kernel), answer(kernel))

    def alt(step: int, kernel: str) -> str:
        y, x = place(step, kernel)
        h, w = kernels[kernel].shape
        products = picture[y : y + h, x : x + w] * kernels[kernel]
        return (
            f"Kernel “{kernel}” at step {step}, row {y}, column {x} of the picture: "
            f"{figures.written_sum(products)}. The map is filled up to this place."
        )

    first = next(iter(kernels))
    size = answer(first).size
    middle = size // 2 + answer(first).shape[1] // 2
    return Interactive(
        render,
        alt=alt,
        film=[{}, {"step": middle}, {"step": size}, {"step": middle, "kernel": first}],
        step=slider("step", 1, size, 1, 1),
        kernel=choice("kernel", list(kernels), "left to right"),
    )


def roll(
    picture: torch.Tensor, layers: Mapping[str, tuple[Callable[[torch.Tensor], torch.Tensor], int]]
) -> Interactive:
    """Section 05: roll an image on a ring and see whether the feature map rolls along.

    Args:
        picture: H x W, whole numbers 0 to 255.
        layers: name -> (function 1 x 1 x H x W -> 1 x 1 x H' x W', its stride).
    """
    images = picture[None, None].double()  # whole numbers stay exact

    @cache
    def seen(by: int, layer: str):
        function, stride = layers[layer]
        moved = images.roll(by, -1)
        along = function(images).roll(by // stride, -1)
        return moved[0, 0], function(moved)[0, 0], along[0, 0]

    def render(by: int, layer: str) -> Figure:
        return figures.rolled(*seen(by, layer), by)

    def alt(by: int, layer: str) -> str:
        _, of_moved, along = seen(by, layer)
        apart = (of_moved - along).abs().max().item() / of_moved.max().item()
        same = "is exactly" if apart == 0 else f"differs by up to {apart:.0%} of its maximum from"
        return (
            f"{layer}: the image is rolled by {by} pixels. Its map {same} the first map rolled "
            f"by {by // layers[layer][1]} places."
        )

    first, second, *pooled = layers
    film = [{"by": 20, "layer": first}, {"by": 20, "layer": second}]
    film += [{"by": 2, "layer": pooled[0]}, *({"by": 1, "layer": one} for one in pooled)]
    return Interactive(
        render,
        alt=alt,
        film=film,
        by=slider("to the right (pixels)", -32, 32, 1, 0),
        layer=choice("layer", list(layers), first),
    )
