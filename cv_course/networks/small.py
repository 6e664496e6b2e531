"""A classifier of one layer, and the layer that brings pixels to the range of a paper."""

import math

import torch
from torch import nn

from cv_course.data import as_float


class Linear(nn.Module):
    """Scores as inner products of the image with one template per class, plus a bias.

    Args:
        image_shape: (C, H, W) of the images.
        classes: how many scores.
    """

    def __init__(self, image_shape: tuple[int, int, int], classes: int):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.layer = nn.Linear(math.prod(image_shape), classes)

    @property
    def templates(self) -> torch.Tensor:
        """The weights in the shape of the images, (classes, C, H, W)."""
        return self.layer.weight.view(-1, *self.image_shape)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images.flatten(1))


class Scale(nn.Module):
    """From the pixels of the course, 0 to 1, to the range ``low`` to ``high`` of a paper."""

    def __init__(self, low: float, high: float):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.low + (self.high - self.low) * as_float(images)

    def extra_repr(self) -> str:
        return f"{self.low:g}, {self.high:g}"
