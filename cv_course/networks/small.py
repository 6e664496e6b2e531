"""The layer that brings pixels to the range of a paper."""

import torch
from torch import nn

from cv_course.data import as_float


class Scale(nn.Module):
    """From the pixels of the course, 0 to 1, to the range ``low`` to ``high`` of a paper."""

    def __init__(self, low: float, high: float):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.low + (self.high - self.low) * as_float(images)

    def extra_repr(self) -> str:
        return f"{self.low:g}, {self.high:g}"
