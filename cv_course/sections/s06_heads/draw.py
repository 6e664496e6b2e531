"""Boxes and masks over the images of ``plots.pictures``."""

import torch
from matplotlib.patches import Rectangle

from cv_course import plots
from cv_course.sections.s06_heads.model import SIDE

LOOKS = {"true": (plots.COLOURS[5], "-"), "predicted": (plots.COLOURS[3], "--")}


def boxes(axis, number: int, some: torch.Tensor, kind: str, width=2.4) -> None:
    """Boxes (4 or K x 4, pixels) over the image of that number: true solid, predicted dashed."""
    left, right, _, top = axis.images[number].get_extent()
    pixel = (right - left) / SIDE
    colour, line = LOOKS[kind]
    look = {"fill": False, "lw": width, "clip_on": False, "ec": colour, "ls": line}
    for x0, y0, x1, y1 in some.view(-1, 4).tolist():
        corner = left + x0 * pixel, top + y0 * pixel
        axis.add_patch(Rectangle(corner, (x1 - x0) * pixel, (y1 - y0) * pixel, **look))


def veil(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The image (1 x H x W, ``uint8``) in colour, orange where the mask is true."""
    orange = torch.tensor([230.0, 120, 0])[:, None, None]
    grey = image.float().expand(3, -1, -1)
    return torch.where(mask, 0.45 * grey + 0.55 * orange, grey).to(torch.uint8)
