"""A small convolutional network with a choice of heads (section 04)."""

import torch
from torch import nn

_POOLS = {"max": nn.AdaptiveMaxPool2d, "average": nn.AdaptiveAvgPool2d}
_STRIDE = 4  # of the backbone: two times 2 x 2 pooling


class SmallConv(nn.Module):
    """Three 3 x 3 convolutions with ReLU, 2 x 2 max pooling between them, then a head.

    The convolutions have no bias, so that a black border stays exactly 0 through all layers. With
    the head ``"max"``, an object on black that is moved by a multiple of 4 pixels (the stride of
    the backbone) within a wide border therefore gets the same scores.

    Args:
        head: ``"flatten"`` lists all features for the last layer; ``"max"`` and ``"average"``
            keep one number a channel.
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
        if head != "flatten" and head not in _POOLS:
            raise ValueError(f"head must be flatten, {' or '.join(_POOLS)}; got {head!r}.")
        if height % _STRIDE or width % _STRIDE:
            raise ValueError(f"height and width must be multiples of 4, got {height} x {width}.")
        self.backbone = nn.Sequential(
            *(nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.ReLU()),
        )
        places = 1 if head in _POOLS else height // _STRIDE * width // _STRIDE
        pool = _POOLS[head](1) if head in _POOLS else nn.Identity()
        self.head = nn.Sequential(pool, nn.Flatten(), nn.Linear(32 * places, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images))
