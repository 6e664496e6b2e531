"""Interactives of section 00."""

import torch
from matplotlib.figure import Figure

from cv_course import figures
from cv_course.explore.core import Interactive, slider


def pixels(image: torch.Tensor, window: int = 9) -> Interactive:
    """Section 00: a window over a picture, and the numbers in it.

    Args:
        image: 1 x H x W, ``uint8``.
        window: side of the window in pixels.
    """
    height, width = image.shape[-2:]

    def render(row: int, column: int) -> Figure:
        return figures.pixels(image, row, column, window)

    def alt(row: int, column: int) -> str:
        return (
            f"The picture with a frame of {window} by {window} pixels at row {row}, column "
            f"{column}, and beside it the brightness of each of these pixels as a number."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"row": 17, "column": 12}, {"row": 0, "column": 0}],
        row=slider("row", 0, height - window, 1, 5),
        column=slider("column", 0, width - window, 1, 14),
    )
