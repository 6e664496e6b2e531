"""Figures of section 00."""

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cv_course.figures.core import COLOURS, as_picture, new


def pixels(image: torch.Tensor, row: int, column: int, window: int) -> Figure:
    """A picture (1 x H x W, ``uint8``) with a framed window, and the numbers inside the frame."""
    figure, (left, right) = new(7, 3.2, 1, 2, width_ratios=(1, 1.25))
    picture = as_picture(image)
    part = picture[row : row + window, column : column + window]
    left.imshow(picture, vmin=0, vmax=255)
    frame = (column - 0.5, row - 0.5), window, window
    left.add_patch(Rectangle(*frame, fill=False, color=COLOURS[1], linewidth=2))
    right.imshow(part, vmin=0, vmax=255)
    for (y, x), value in np.ndenumerate(part):
        ink = "black" if value > 127 else "white"
        right.text(
            x, y, f"{value}", color=ink, ha="center", va="center", fontsize=9, in_layout=False
        )
    for axis in (left, right):
        axis.set_axis_off()
    left.set_title("what you see")
    right.set_title("what the machine gets")
    return figure
