"""A small convolutional network with a choice of heads (section 04)."""

import torch
from torch import nn

_POOLS = {"max": nn.AdaptiveMaxPool2d, "average": nn.AdaptiveAvgPool2d}


class SmallConv(nn.Module):
    """Two times 3 x 3 convolution, ReLU and 2 x 2 max pooling, then a head; for 28 x 28 images.

    Args:
        head: ``"flatten"`` lists all features for the last layer; ``"max"`` and ``"average"``
            keep one number a channel.
        channels: in the images.
        classes: how many scores.

    Raises:
        ValueError: unknown head.
    """

    def __init__(self, head: str = "flatten", channels: int = 1, classes: int = 10):
        super().__init__()
        if head != "flatten" and head not in _POOLS:
            raise ValueError(f"head must be flatten, {' or '.join(_POOLS)}; got {head!r}.")
        self.backbone = nn.Sequential(
            *(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        )
        pool = nn.Identity() if head == "flatten" else _POOLS[head](1)
        features = 32 * 7 * 7 if head == "flatten" else 32
        self.head = nn.Sequential(pool, nn.Flatten(), nn.Linear(features, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images))
