"""Section 05's interactives."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch.nn import functional as F

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider
from cv_course.sections.s05_convolution.counts import hidden_multiplications, hidden_parameters
from cv_course.sections.s05_convolution.model import KERNELS


def slide(picture: np.ndarray) -> Interactive:
    """A kernel on its way over a picture, (H, W) from 0 to 255, with the sum written out."""
    images = torch.as_tensor(picture).double()[None, None]
    columns = images.shape[3] - 2
    last = (images.shape[2] - 2) * columns
    start = last // 2 - 13  # in the notebook's image: an edge of the pupil

    @cache
    def map_of(kernel):
        return F.conv2d(images, torch.from_numpy(KERNELS[kernel])[None, None])[0, 0].numpy()

    @interactive(
        film=[{}, {"step": start - 6}, {"step": last}, {"step": last, "kernel": "blur"}],
        step=slider("position", 1, last, 1, start),
        kernel=choice("kernel", list(KERNELS), "left to right"),
    )
    def slide(step, kernel):
        row, column = divmod(step - 1, columns)
        weights, whole = KERNELS[kernel], map_of(kernel)
        window = images[0, 0, row : row + 3, column : column + 3].numpy()
        room = {"left": 0.01, "right": 0.99, "bottom": 0.07, "top": 0.94, "wspace": 0.08}
        figure, axes = plots.figure(3.6, 4.2, 2, 2, room)  # a phone shows all four
        axes = [axes[0, 0], *axes[1], axes[0, 1]]
        axes[0].imshow(images[0, 0].numpy(), vmin=0, vmax=255)
        plots.numbers(window, colours="gray", scale=(0, 255), title="window", axis=axes[1])
        fmt = "{:.0f}" if (weights % 1 == 0).all() else "{:.2f}"
        plots.numbers(weights, fmt=fmt, signed=True, title=f"kernel: {kernel}", axis=axes[2])
        done = np.arange(whole.size).reshape(whole.shape) < step
        differences = abs(weights.sum()) < 1e-9
        limit = np.abs(whole).max()
        look = (plots.SIGNED, -limit, limit) if differences else ("gray", 0, 255)
        axes[3].imshow(np.where(done, whole, np.nan), look[0], vmin=look[1], vmax=look[2])
        axes[3].set_facecolor("#dcdcd4")
        for axis, title, side in ((axes[0], "image", 3), (axes[3], "map so far", 1)):
            at = (column - 0.5, row - 0.5)
            axis.add_patch(Rectangle(at, side, side, fill=False, ec="black", lw=4))
            axis.add_patch(Rectangle(at, side, side, fill=False, ec=plots.COLOURS[4], lw=2))
            axis.set(xticks=[], yticks=[])
            axis.set_title(title)
        value = f"{whole[row, column]:.0f}".replace("-", "−")
        said = f"row {row}, column {column}: sum of window × kernel = {value}"
        figure.text(0.5, 0.02, said, ha="center", fontsize=9)
        alt = (
            f"Kernel “{kernel}” in row {row}, column {column} of the image: the sum of the nine "
            f"products is {value}. The map is filled up to this position."
        )
        return figure, alt

    return slide


def ladder() -> Interactive:
    """What three hidden layers cost, for any side of image and window and number of maps."""

    @interactive(
        film=[{}, {"side": 224}, {"side": 224, "kernel": 11, "maps": 96}],
        side=slider("side of the image (pixels)", 12, 224, 4, 28),
        kernel=slider("side of the window (pixels)", 1, 11, 2, 5),
        maps=slider("maps", 1, 96, 1, 4),
    )
    def ladder(side, kernel, maps):
        shape = ((1, side, side), kernel, maps)
        costs = {
            "weights and biases": hidden_parameters(*shape),
            "multiply–accumulates": hidden_multiplications(*shape),
        }
        room = {"left": 0.17, "right": 0.98, "bottom": 0.07, "top": 0.93, "hspace": 0.35}
        figure, axes = plots.figure(3.6, 4, 2, 1, room)
        for axis, (title, counts) in zip(axes, costs.items(), strict=True):
            for height, count in enumerate(counts.values()):
                axis.plot(count, height, plots.MARKERS[height], color=plots.COLOURS[height], ms=9)
                axis.annotate(f"{count:,}", (count, height), (0, 9), ha="center",
                              textcoords="offset points")  # fmt: skip
            axis.set(xscale="log", xlim=(0.3, 1e15), ylim=(2.5, -0.7))
            axis.set_xticks([1, 1e3, 1e6, 1e9, 1e12], ["1", "10³", "10⁶", "10⁹", "10¹²"])
            axis.set_yticks(range(3), ["dense", "local", "shared"])
            axis.set_title(title)
            axis.grid(axis="x")
        alt = f"Image {side} × {side}, window {kernel} × {kernel}, {maps} maps. " + "; ".join(
            f"{title}: " + ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
            for title, counts in costs.items()
        )
        return figure, alt

    return ladder


def roll(
    picture: torch.Tensor, layers: Mapping[str, tuple[Callable[[torch.Tensor], torch.Tensor], int]]
) -> Interactive:
    """Roll an image and see whether the map rolls along.

    Args:
        picture: H x W, whole numbers 0 to 255.
        layers: name -> (function 1 x 1 x H x W -> 1 x 1 x H' x W', its stride).
    """
    images = picture[None, None].double()  # whole numbers stay exact
    first, second, third, *more = layers

    @interactive(
        film=[{"by": 20, "layer": first}, {"by": 20, "layer": second}, {"by": 2, "layer": third},
              *({"by": 1, "layer": name} for name in (third, *more))],
        by=slider("roll to the right (pixels)", -32, 32, 1, 20),
        layer=choice("layer", list(layers), first),
    )  # fmt: skip
    def roll(by, layer):
        function, stride = layers[layer]
        moved = images.roll(by, -1)
        of_moved, along = function(moved), function(images).roll(by // stride, -1)
        top = max(of_moved.max().item(), along.max().item())
        difference = of_moved - along
        share = difference.abs().max().item() / top
        said = "0 everywhere" if share == 0 else f"up to {share:.0%}"
        room = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.94, "wspace": 0.06}
        figure, axes = plots.figure(3.6, 3.8, 2, 2, room)  # a phone shows all four
        for axis, one, title, look in (
            (axes[0, 0], moved, f"image, rolled by {by}", ("gray", 0, 255)),
            (axes[0, 1], of_moved, "its map", ("gray", 0, top)),
            (axes[1, 0], along, f"old map, rolled by {by // stride}", ("gray", 0, top)),
            (axes[1, 1], difference, "difference", (plots.SIGNED, -top / 2, top / 2)),
        ):
            axis.imshow(one[0, 0].numpy(), look[0], vmin=look[1], vmax=look[2])
            axis.set_title(title, fontsize=10)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(True)
        axes[1, 1].text(0.5, 0.04, said, transform=axes[1, 1].transAxes, ha="center", fontsize=10)
        same = "is exactly" if share == 0 else f"differs by up to {share:.0%} of the maximum from"
        alt = (
            f"{layer}: the image is rolled by {by} pixels. Its map {same} the old map rolled by "
            f"{by // stride} positions."
        )
        return figure, alt

    return roll
