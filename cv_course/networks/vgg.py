"""The VGG networks, all from one table; small ones of the same making.

Source: K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image
recognition. ICLR 2015, arXiv:1409.1556; § numbers in this file are those of the paper.
"""

import math
import re
from collections.abc import Sequence

import torch
from torch import nn

from cv_course import checked
from cv_course.networks.small import classifier

# Table 1 of the paper, turned on its side: commas part the stages, "3-64" is a 3 x 3 convolution
# with 64 kernels. After every stage the maps are halved. "LRN" is local response normalisation.
_TABLE_1 = """
A: 3-64, 3-128, 3-256 3-256, 3-512 3-512, 3-512 3-512
A-LRN: 3-64 LRN, 3-128, 3-256 3-256, 3-512 3-512, 3-512 3-512
B: 3-64 3-64, 3-128 3-128, 3-256 3-256, 3-512 3-512, 3-512 3-512
C: 3-64 3-64, 3-128 3-128, 3-256 3-256 1-256, 3-512 3-512 1-512, 3-512 3-512 1-512
D: 3-64 3-64, 3-128 3-128, 3-256 3-256 3-256, 3-512 3-512 3-512, 3-512 3-512 3-512
E: 3-64 3-64, 3-128 3-128, 3-256 3-256 3-256 3-256, 3-512 3-512 3-512 3-512, 3-512 3-512 3-512 3-512
"""
_ROWS = [line.split(": ") for line in _TABLE_1.strip().splitlines()]
CONFIGS = {name: tuple(stages.split(", ")) for name, stages in _ROWS}

MEAN_RGB = (123.68, 116.779, 103.939)  # of ImageNet, pixels 0 to 255; Caffe's models want B, G, R


def read_stage(stage: str) -> list[tuple[int, int] | str]:
    """A stage of the table as a list: (kernel side, channels) for a convolution, ``"LRN"``.

    >>> read_stage("3-256 3-256 1-256")
    [(3, 256), (3, 256), (1, 256)]

    Raises:
        ValueError: something else than "kernel-channels" with an odd kernel, or "LRN".
    """
    layers: list[tuple[int, int] | str] = []
    for word in stage.split():
        found = re.fullmatch(r"(\d*[13579])-([1-9]\d*)", word)
        if not found and word != "LRN":
            raise ValueError(
                f'expected words such as "3-64" (kernel side, odd, and channels) or "LRN", got '
                f"{word!r} in {stage!r}."
            )
        layers.append((int(found[1]), int(found[2])) if found else word)
    return layers


def features(stages: Sequence[str], channels: int = 3, batch_norm: bool = False) -> nn.Sequential:
    """The convolutional part: each stage's convolutions with ReLU, then 2 x 2 max pooling.

    The padding keeps the size of the maps (§2.1: 1 pixel for 3 x 3), so only pooling changes it.

    Args:
        stages: as in :data:`CONFIGS`.
        channels: of the image.
        batch_norm: batch normalisation between convolution and ReLU. It came after the paper.
    """
    layers: list[nn.Module] = []
    for stage in stages:
        for item in read_stage(stage):
            if item == "LRN":  # §2: as in AlexNet; PyTorch divides its alpha by the 5 channels
                layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
                continue
            kernel, width = item
            layers.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2))
            layers += [nn.BatchNorm2d(width)] * batch_norm + [nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Convolutions in stages, then a head: ``features``, ``vectorise``, ``classifier``.

    Args:
        stages: as in :data:`CONFIGS`.
        image_shape: (C, H, W); it decides how many numbers the flatten head takes.
        classes: how many scores.
        head: ``"flatten"`` or ``"average"``, see :func:`cv_course.networks.small.classifier`.
        batch_norm: see :func:`features`.

    Raises:
        ValueError: another head, or an image that the poolings leave nothing of.
    """

    def __init__(
        self,
        stages: Sequence[str],
        image_shape: tuple[int, int, int] = (3, 224, 224),
        classes: int = 1000,
        head: str = "flatten",
        batch_norm: bool = False,
    ):
        super().__init__()
        channels, *sides = image_shape
        side = [side >> len(stages) for side in sides]  # each pooling halves and rounds down
        if min(side) < 1:
            raise ValueError(
                f"{len(stages)} poolings leave nothing of {sides[0]} x {sides[1]} pixels; the "
                f"image must be at least {2 ** len(stages)} pixels high and wide."
            )
        self.features = features(stages, channels, batch_norm)
        width = [m.out_channels for m in self.features if isinstance(m, nn.Conv2d)][-1]
        # Before a flatten head it does nothing to images of this size, and lets others pass.
        pooling = nn.AdaptiveAvgPool2d(1 if head == "average" else tuple(side))
        self.vectorise = nn.Sequential(pooling, nn.Flatten())
        self.classifier = classifier(head, width, math.prod(side), classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> N x classes scores."""
        return self.classifier(self.vectorise(self.features(images)))


def vgg(config: str = "D", batch_norm: bool = False, head: str = "flatten") -> VGG:
    """A network of the paper's Table 1 for images of 3 x 224 x 224, with random weights.

    Images are centred by the caller: minus :data:`MEAN_RGB` (§2.1); torchvision's weights expect
    its own mean and standard deviation instead.

    Args:
        config: ``"A"`` … ``"E"`` or ``"A-LRN"``. D and E are known as VGG-16 and VGG-19.
        batch_norm: see :func:`features`. A, B, D and E exchange their ``state_dict`` with
            torchvision's vgg11, 13, 16 and 19, with batch normalisation vgg11_bn, 13_bn …
        head: see :class:`VGG`.

    Raises:
        ValueError: no such configuration or head.

    >>> with torch.device("meta"):  # shapes without memory
    ...     sum(p.numel() for p in vgg("D").parameters())
    138357544
    """
    return VGG(CONFIGS[checked.one_of("config", config, CONFIGS)], head=head, batch_norm=batch_norm)
