"""Two small classifiers: one layer, and three convolutions with a choice of heads."""

import math

import torch
from torch import nn

from cv_course.data import as_float

POOLS = {"max": nn.AdaptiveMaxPool2d, "average": nn.AdaptiveAvgPool2d}
STRIDE = 4  # of the backbone of SmallConv, in pixels: two poolings of 2 x 2


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


class SmallConv(nn.Module):
    """Three 3 x 3 convolutions with ReLU, 2 x 2 max pooling between them, then a head.

    The convolutions have no bias, so that a black border stays exactly 0 through all layers. With
    the head ``"max"``, an object on black that is moved by a multiple of 4 pixels (the stride of
    the backbone) within a wide border therefore gets the same scores.

    Args:
        head: ``"flatten"`` gives all features to the last layer; ``"max"`` and ``"average"``
            keep one number per channel.
        image_shape: (C, H, W) of the images, H and W multiples of 4.
        classes: how many scores.

    Raises:
        ValueError: unknown head, or a size that is no multiple of 4.
    """

    def __init__(
        self,
        head: str = "flatten",
        image_shape: tuple[int, int, int] = (1, 28, 28),
        classes: int = 10,
    ):
        super().__init__()
        channels, height, width = image_shape
        if head != "flatten" and head not in POOLS:
            raise ValueError(f"head must be flatten, {' or '.join(POOLS)}; got {head!r}.")
        if height % STRIDE or width % STRIDE:
            raise ValueError(f"height and width must be multiples of 4, got {height} x {width}.")
        self.backbone = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1, bias=False),
            nn.ReLU(),
        )
        pool = POOLS[head](1) if head in POOLS else nn.Identity()
        positions = 1 if head in POOLS else height // STRIDE * width // STRIDE
        self.head = nn.Sequential(pool, nn.Flatten(), nn.Linear(32 * positions, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images))


class Scale(nn.Module):
    """From the pixels of the course, 0 to 1, to the range ``low`` to ``high`` of a paper."""

    def __init__(self, low: float, high: float):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.low + (self.high - self.low) * as_float(images)

    def extra_repr(self) -> str:
        return f"{self.low:g}, {self.high:g}"
