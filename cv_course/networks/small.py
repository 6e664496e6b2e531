"""What several papers' networks have in common: the range of pixels, and the heads."""

import torch
from torch import nn

from cv_course import checked
from cv_course.data import as_float


def classifier(head: str, channels: int, places: int, classes: int = 1000) -> nn.Sequential:
    """Scores of a vector.

    Args:
        head: ``"flatten"``, three fully connected layers that take the whole last map, with dropout
            between; ``"average"``, one that takes the mean of each channel.
        channels, places: of the last map.
        classes: how many scores.

    Raises:
        ValueError: another head.
    """
    if checked.one_of("head", head, ("flatten", "average")) == "average":
        return nn.Sequential(nn.Linear(channels, classes))
    first = nn.Linear(channels * places, 4096), nn.ReLU(True), nn.Dropout()
    second = nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout()
    return nn.Sequential(*first, *second, nn.Linear(4096, classes))


class Scale(nn.Module):
    """From the pixels of the course, 0 to 1, to the range ``low`` to ``high`` of a paper."""

    def __init__(self, low: float, high: float):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.low + (self.high - self.low) * as_float(images)

    def extra_repr(self) -> str:
        return f"{self.low:g}, {self.high:g}"
