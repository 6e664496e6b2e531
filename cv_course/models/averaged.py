"""A small network whose last layer weighs the averages of its feature maps (section 11)."""

import torch
from torch import nn


class AveragedConv(nn.Module):
    """Three stages of convolution, batch normalisation and ReLU, then average and one layer.

    Args:
        widths: channels after each stage.
        kernel: side of the first stage's filters in pixels, odd; large enough to be looked at.
        classes: how many scores.

    For grey images N x 1 x H x W of any size from 4 x 4. The stages run at the full, half and
    quarter size; ``features`` ends in the ReLU of the third.
    """

    def __init__(
        self, widths: tuple[int, int, int] = (16, 32, 32), kernel: int = 7, classes: int = 10
    ):
        super().__init__()
        first, second, third = widths
        self.features = nn.Sequential()
        self.features.add_module("stage1", _stage(1, first, kernel))
        self.features.add_module("pool1", nn.MaxPool2d(2))
        self.features.add_module("stage2", _stage(first, second, 3))
        self.features.add_module("pool2", nn.MaxPool2d(2))
        self.features.add_module("stage3", _stage(second, third, 3))
        self.average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.scores = nn.Linear(third, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(self.average(self.features(images)))


def _stage(channels: int, width: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width, momentum=0.3),  # follows quickly: there are only some hundred steps
        nn.ReLU(),
    )
