"""AlexNet as published, in one stream, and as torchvision has it; its normalisation (section 08).

Source: A. Krizhevsky, I. Sutskever, G. E. Hinton. ImageNet classification with deep convolutional
neural networks. NIPS 2012; § numbers in this file are those of the paper.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

VARIANTS = ("two_towers", "single", "torchvision")
HEADS = ("flatten", "average")
NORMS = ("none", "lrn", "batch")


class ResponseNorm(nn.Module):
    r"""Local response normalisation, across channels, by the formula of §3.3.

    .. math:: b_i = a_i \Big/ \Big(k + \alpha \sum_{|j-i| \le n/2} a_j^2\Big)^{\beta}

    Each place of the image is treated by itself; the sum runs over ``n`` neighbouring channels,
    fewer at the first and last channel. PyTorch's ``LocalResponseNorm`` divides alpha by n, so that
    the paper's layer is ``nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)`` there.

    Args:
        n: how many channels, an odd number.
        alpha, beta, k: as in the formula.
        groups: how many parts of the channels are normalised each by itself. With 2, the towers of
            AlexNet stay apart; with 1, the channels at the seam look over to the other tower.

    Raises:
        ValueError: an even n, or channels that do not divide into the groups.
    """

    def __init__(
        self, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0, groups: int = 1
    ):
        super().__init__()
        if n < 1 or n % 2 == 0:
            raise ValueError(f"n must be odd, so that the channel is in the middle; got n={n}.")
        self.n, self.alpha, self.beta, self.k, self.groups = n, alpha, beta, k, groups

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> the same shape."""
        count, channels, height, width = maps.shape
        if channels % self.groups:
            raise ValueError(f"{channels} channels do not divide into {self.groups} groups.")
        squares = maps.square().view(count * self.groups, 1, channels // self.groups, height, width)
        half = self.n // 2
        around = F.pad(squares, (0, 0, 0, 0, half, half))  # zeros beyond the first and last channel
        windows = (around.narrow(2, first, squares.shape[2]) for first in range(self.n))
        sums = sum(windows).view_as(maps)
        return maps / (self.k + self.alpha * sums) ** self.beta

    def extra_repr(self) -> str:
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}, groups={self.groups}"


class AlexNet(nn.Module):
    """Five convolutional layers and a head; see :func:`alexnet` for what the arguments mean."""

    def __init__(self, variant: str = "two_towers", classes: int = 1000, head: str = "flatten"):
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}; got {variant!r}.")
        if head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}; got {head!r}.")
        self.variant, self.head = variant, head
        self.features = nn.Sequential(*_features(variant))
        self.vectorise = nn.Sequential(*_vectorise(variant, head))
        self.classifier = nn.Sequential(*_classifier(variant, head, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x 3 x 227 x 227 (torchvision's: 224 x 224) -> N x classes scores."""
        maps = self.features(images)
        vectors = self.vectorise(maps)
        expected = next(layer for layer in self.classifier if isinstance(layer, nn.Linear))
        if vectors.shape[1] != expected.in_features:
            raise ValueError(
                f"images of {images.shape[-2]} x {images.shape[-1]} leave maps "
                f"{' x '.join(map(str, maps.shape[1:]))} and so {vectors.shape[1]:,} numbers, but "
                f"the first full layer takes {expected.in_features:,}. Give it images of 227 x "
                '227, or take head="average", which takes any size.'
            )
        return self.classifier(vectors)


def alexnet(variant: str = "two_towers", classes: int = 1000, head: str = "flatten") -> AlexNet:
    """AlexNet, with random weights.

    Args:
        variant: ``"two_towers"`` as published: the convolutions 2, 4 and 5 read one half of the
            channels each (§3.5), local response normalisation, images of 227 x 227 (§3.5 says 224,
            with which its arithmetic does not work out). ``"single"``: the same with every
            convolution reading all channels and without the normalisation. ``"torchvision"``: the
            narrower single stream of Krizhevsky 2014 (arXiv:1404.5997) for 224 x 224; exchanges
            its ``state_dict`` with ``torchvision.models.alexnet``.
        classes: how many scores.
        head: ``"flatten"`` lists all 256·6·6 numbers and has three full layers, with dropout;
            ``"average"`` takes the mean of each channel, and one full layer.

    Images are centred by the caller (§2: minus the mean image of the training set).

    Raises:
        ValueError: another variant or head.

    >>> with torch.device("meta"):  # shapes without memory
    ...     sum(p.numel() for p in alexnet().parameters())
    60965224
    """
    return AlexNet(variant, classes, head)


def _features(variant: str) -> Iterator[nn.Module]:
    """§3.5: convolution, ReLU, and after layers 1 and 2 normalisation, after 1, 2 and 5 pooling."""
    widths = (64, 192, 384, 256, 256) if variant == "torchvision" else (96, 256, 384, 384, 256)
    towers = 2 if variant == "two_towers" else 1
    first_padding = 2 if variant == "torchvision" else 0
    shapes = (  # kernel, stride, padding, groups
        (11, 4, first_padding, 1),
        (5, 1, 2, towers),
        (3, 1, 1, 1),  # here the towers meet
        (3, 1, 1, towers),
        (3, 1, 1, towers),
    )
    channels = 3
    for number, (width, shape) in enumerate(zip(widths, shapes, strict=True), start=1):
        kernel, stride, padding, groups = shape
        yield nn.Conv2d(channels, width, kernel, stride, padding, groups=groups)
        yield nn.ReLU(inplace=True)
        if number <= 2 and variant == "two_towers":
            yield ResponseNorm(groups=2)
        if number in (1, 2, 5):
            yield nn.MaxPool2d(kernel_size=3, stride=2)  # they overlap (§3.4)
        channels = width


def _vectorise(variant: str, head: str) -> Iterator[nn.Module]:
    if head == "average":
        yield nn.AdaptiveAvgPool2d(1)
    elif variant == "torchvision":
        yield nn.AdaptiveAvgPool2d(6)  # changes nothing for 224 x 224
    yield nn.Flatten()


def _classifier(variant: str, head: str, classes: int) -> list[nn.Module]:
    if head == "average":
        return [nn.Linear(256, classes)]
    fc6, fc7 = nn.Linear(256 * 6 * 6, 4096), nn.Linear(4096, 4096)
    last = nn.Linear(4096, classes)
    if variant == "torchvision":  # drops the inputs of the two hidden layers
        return [nn.Dropout(), fc6, nn.ReLU(True), nn.Dropout(), fc7, nn.ReLU(True), last]
    # §4.2: the outputs of the hidden neurons
    return [fc6, nn.ReLU(True), nn.Dropout(), fc7, nn.ReLU(True), nn.Dropout(), last]


class SmallAlexNet(nn.Sequential):
    """AlexNet's recipe in little, for 28 x 28: three convolutions, overlapping pooling, a head.

    Args:
        norm: ``"none"``, ``"lrn"`` (after the ReLU, as in the paper) or ``"batch"`` (before it, as
            Ioffe & Szegedy 2015 do), after the first two convolutions.
        head: ``"flatten"`` or ``"average"``.
        image_shape: (C, H, W), H and W at least 15.
        classes: how many scores.

    Raises:
        ValueError: another norm or head.
    """

    def __init__(
        self,
        norm: str = "none",
        head: str = "flatten",
        image_shape: tuple[int, int, int] = (1, 28, 28),
        classes: int = 10,
    ):
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {norm!r}.")
        if head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}; got {head!r}.")
        channels, height, width = image_shape
        layers: list[nn.Module] = []
        for number, maps in enumerate((16, 32, 32), start=1):
            kernel = 5 if number == 1 else 3
            layers.append(nn.Conv2d(channels, maps, kernel, padding=kernel // 2))
            if norm == "batch" and number <= 2:
                layers.append(nn.BatchNorm2d(maps))
            layers.append(nn.ReLU())
            if norm == "lrn" and number <= 2:
                layers.append(ResponseNorm())
            layers.append(nn.MaxPool2d(3, 2))
            channels, height, width = maps, (height - 3) // 2 + 1, (width - 3) // 2 + 1
        places = 1 if head == "average" else height * width
        pool = nn.AdaptiveAvgPool2d(1) if head == "average" else nn.Identity()
        super().__init__(*layers, pool, nn.Flatten(), nn.Linear(32 * places, classes))
