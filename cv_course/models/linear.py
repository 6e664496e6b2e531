"""One fully connected layer: a template for each class (section 04)."""

import math

import torch
from torch import nn


class Linear(nn.Module):
    """Scores as inner products of the image with one template a class, plus a bias.

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
