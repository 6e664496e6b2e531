"""What a table of layers costs, for VGG-16 at 224 x 224."""

import time

import torch
from bench import OURS, Contest, take_turns
from torch import nn

from cv_course import layers

SIZE = (3, 224, 224)


def contests(rounds: int) -> list[Contest]:
    from torchvision.models import vgg16

    with torch.device("meta"):
        model = vgg16().eval()

    def table(_):
        return _milliseconds(lambda: layers.trace(model, SIZE))

    def torchinfo(_):
        from torchinfo import summary

        return _milliseconds(lambda: summary(real, (1, *SIZE), verbose=0, mode="eval"))

    real = vgg16().eval()
    table(0)  # the first call imports
    tables = take_turns({OURS: table, "torchinfo": torchinfo}, rounds)
    return [
        Contest(
            "VGG-16, table of layers",
            "ms",
            tables,
            note="torchinfo's table has no receptive fields",
        ),
    ]


def _milliseconds(work) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


class _Linear(nn.Module):
    """VGG-16's convolutions as that package asks for: linear, and with a list of feature maps."""

    def __init__(self):
        super().__init__()
        from torchvision.models import vgg16

        linear = []
        for layer in vgg16().features:
            if isinstance(layer, nn.Conv2d):
                nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
                linear.append(layer)
            elif isinstance(layer, nn.MaxPool2d):
                linear.append(nn.AvgPool2d(2))
        self.layers = nn.Sequential(*linear)

    def forward(self, images):
        self.feature_maps = [self.layers(images)]
        return self.feature_maps[0]
