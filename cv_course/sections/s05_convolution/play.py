"""Section 05's interactives."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch.nn import functional as F

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider
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
        film=[{}, {"step": start - 6}, {"step": last}],
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
        plots.numbers(weights, signed=True, title=f"kernel: {kernel}", axis=axes[2])
        done = np.arange(whole.size).reshape(whole.shape) < step
        limit = np.abs(whole).max()
        axes[3].imshow(np.where(done, whole, np.nan), plots.SIGNED, vmin=-limit, vmax=limit)
        axes[3].set_facecolor("#dcdcd4")
        for axis, title, side in ((axes[0], "image", 3), (axes[3], "map so far", 1)):
            at = (column - 0.5, row - 0.5)
            axis.add_patch(Rectangle(at, side, side, fill=False, ec="black", lw=4))
            axis.add_patch(Rectangle(at, side, side, fill=False, ec=plots.COLOURS[4], lw=2))
            axis.set(xticks=[], yticks=[])
            axis.set_title(title)
        value = f"{whole[row, column]:.0f}".replace("-", "−")
        figure.text(0.5, 0.02, f"sum of window × kernel = {value}", ha="center", fontsize=9)
        alt = (
            f"Kernel “{kernel}” in row {row}, column {column} of the image: the sum of the nine "
            f"products is {value}. The map is filled up to this position."
        )
        return figure, alt

    return slide


def roll(
    picture: torch.Tensor, layers: Mapping[str, Callable[[torch.Tensor], torch.Tensor]]
) -> Interactive:
    """Move an image on a ring and see whether the map moves along.

    Args:
        picture: H x W, whole numbers 0 to 255.
        layers: name -> function 1 x 1 x H x W -> 1 x 1 x H x W.
    """
    images = picture[None, None].double()  # whole numbers stay exact

    @interactive(
        film=[*({"layer": name} for name in layers), {"layer": list(layers)[-1], "by": 4}],
        by=slider("move to the right (pixels)", -32, 32, 1, 20),
        layer=choice("layer", list(layers), next(iter(layers))),
    )
    def roll(by, layer):
        moved = images.roll(by, -1)
        of_moved, along = layers[layer](moved), layers[layer](images).roll(by, -1)
        top = max(of_moved.max().item(), along.max().item())
        difference = of_moved - along
        share = difference.abs().max().item() / top
        room = {"left": 0.01, "right": 0.99, "bottom": 0.08, "top": 0.94, "wspace": 0.06}
        figure, axes = plots.figure(3.6, 4, 2, 2, room)  # a phone shows all four
        for axis, one, title, look in (
            (axes[0, 0], moved, "Tx: moved image", ("gray", 0, 255)),
            (axes[0, 1], of_moved, "f(Tx): its map", ("gray", 0, top)),
            (axes[1, 0], along, "T f(x): old map, moved", ("gray", 0, top)),
            (axes[1, 1], difference, "f(Tx) − T f(x)", (plots.SIGNED, -top / 2, top / 2)),
        ):
            axis.imshow(one[0, 0].numpy(), look[0], vmin=look[1], vmax=look[2])
            axis.set_title(title, fontsize=9)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(True)
        said = "0 everywhere" if share == 0 else f"up to {share:.0%} of the largest value"
        figure.text(0.5, 0.02, f"difference: {said}", ha="center", fontsize=9)
        same = "is exactly" if share == 0 else f"differs by up to {share:.0%} of the maximum from"
        alt = (
            f"{layer}: the image is moved by {by} pixels. Its map {same} the old map moved by "
            f"{by} positions."
        )
        return figure, alt

    return roll
