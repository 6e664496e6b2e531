"""What the figures of the older sections have beyond ``cv_course.plots``."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

from cv_course import plots
from cv_course.plots import (  # noqa: F401
    COLOURS,
    SIGNED,
    as_html,
    as_picture,
    hangul_font,
    in_notebook,
    png,
    raster,
)


def new(
    width: float = 7,
    height: float = 3,
    rows: int = 1,
    columns: int = 1,
    room: Mapping[str, float] | None = None,
    **options,
):
    """``plots.figure`` whose lines differ in colour only, for figures that set their markers."""
    figure, axes = plots.figure(width, height, rows, columns, room, **options)
    for axis in np.ravel(axes):
        axis.set_prop_cycle(matplotlib.rcParams["axes.prop_cycle"])
    return figure, axes


def show(figure: Figure, alt: str) -> None:
    """Put the figure on the page with its alternative text; in a plain script print the text.

    Args:
        alt: one or two sentences that say what the figure *shows*, not what it is.
    """
    plots.place(as_html(figure, alt), f"[figure] {alt}")


def mosaic(images: torch.Tensor, columns: int, gap: int = 2, fill: float = 255) -> torch.Tensor:
    """Tile N x 1 x H x W images into one H' x W' picture: drawn far faster than N axes."""
    count, _, height, width = images.shape
    rows = -(-count // columns)
    canvas = images.new_full((rows * (height + gap) - gap, columns * (width + gap) - gap), fill)
    for position, image in enumerate(images[:, 0]):
        row, column = divmod(position, columns)
        top, left = row * (height + gap), column * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def image_grid(
    images: torch.Tensor,
    titles: Sequence[str] | None = None,
    columns: int = 10,
    size: float = 0.9,
    signed: bool = False,
) -> Figure:
    """Images side by side, each with a short title above.

    Args:
        images: N x C x H x W.
        size: inches a picture.
        signed: colour by sign (red positive, blue negative) on one scale common to all.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = rows * (size + (0.22 if titles else 0.04))
    figure, axes = new(columns * size, height, rows, columns, squeeze=False)
    limit = float(images.abs().max()) if signed else None
    for position, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if position < len(images):
            picture = as_picture(images[position])
            if signed:
                axis.imshow(picture, cmap=SIGNED, vmin=-limit, vmax=limit)
            else:
                top = 255 if picture.dtype == np.uint8 else None
                axis.imshow(picture, vmin=0 if top else None, vmax=top)
            if titles:
                axis.set_title(titles[position], fontsize=9, loc="center", pad=2)
    return figure
