"""AlexNet as published, and in one stream; its normalisation.

Source: A. Krizhevsky, I. Sutskever, G. E. Hinton. ImageNet classification with deep convolutional
neural networks. NIPS 2012; § numbers in this file are those of the paper.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from cv_course import checked
from cv_course.networks.small import classifier

VARIANTS = {  # how each differs from what was published, see :func:`convolutions`
    "two_towers": {},
    "single": {"groups": (1,) * 5, "norm_groups": 0},
}
SHAPES = (  # of the convolutions: kernels, their side, stride, padding
    (96, 11, 4, 0),
    (256, 5, 1, 2),
    (384, 3, 1, 1),
    (384, 3, 1, 1),
    (256, 3, 1, 1),
)
FLAT = 256 * 6 * 6  # numbers that the flatten head takes


class ResponseNorm(nn.Module):
    r"""Local response normalisation, across channels, by the formula of §3.3.

    .. math:: b_i = a_i \Big/ \Big(k + \alpha \sum_{|j-i| \le n/2} a_j^2\Big)^{\beta}

    Each position of the image is treated by itself; the sum runs over ``n`` neighbouring channels,
    fewer at the first and last channel. PyTorch's ``LocalResponseNorm`` divides alpha by n, so that
    the paper's layer is ``nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)`` there.

    Args:
        groups: how many parts of the channels are normalised each by itself. With 2, the towers of
            AlexNet stay apart; with 1, the channels at the seam look over to the other tower.
    """

    def __init__(self, groups: int = 1):
        super().__init__()
        self.n, self.alpha, self.beta, self.k, self.groups = 5, 1e-4, 0.75, 2.0, groups

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> the same shape."""
        count, _, *sides = maps.shape
        squares = maps.square().view(count, self.groups, -1, *sides)
        reach = self.n // 2
        padded = F.pad(squares, (0, 0, 0, 0, reach, reach))  # zeros beyond the first and last
        sums = sum(padded.narrow(2, first, squares.shape[2]) for first in range(self.n))
        return maps * (self.k + self.alpha * sums.view_as(maps)) ** -self.beta

    def extra_repr(self) -> str:
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}, groups={self.groups}"


def convolutions(groups: Sequence[int] = (1, 2, 1, 2, 2), norm_groups: int = 2) -> nn.Sequential:
    """The five convolutional layers (§3.5), with other towers than published for experiments.

    ReLU follows each, normalisation the first and second, pooling the first, second and fifth.

    Args:
        groups: of each convolution; 2 keeps the halves of the channels apart.
        norm_groups: see :class:`ResponseNorm`; 0 leaves the normalisation out.
    """
    channels, layers = 3, []
    for number, ((width, *shape), group) in enumerate(zip(SHAPES, groups, strict=True), start=1):
        layers += [nn.Conv2d(channels, width, *shape, groups=group), nn.ReLU(inplace=True)]
        if number <= 2 and norm_groups:
            layers.append(ResponseNorm(groups=norm_groups))
        if number in (1, 2, 5):
            layers.append(nn.MaxPool2d(kernel_size=3, stride=2))  # windows overlap (§3.4)
        channels = width
    return nn.Sequential(*layers)


class AlexNet(nn.Module):
    """Five convolutional layers and a head; see :func:`alexnet` for what the arguments mean."""

    def __init__(self, variant: str = "two_towers", head: str = "flatten"):
        super().__init__()
        self.head = head
        self.features = convolutions(**VARIANTS[checked.one_of("variant", variant, VARIANTS)])
        pooling = [nn.AdaptiveAvgPool2d(1)] if head == "average" else []
        self.vectorise = nn.Sequential(*pooling, nn.Flatten())
        self.classifier = classifier(head, 256, 6 * 6)  # §4.2: dropout of the layers' outputs

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x 3 x 227 x 227 -> N x 1000 scores."""
        maps = self.features(images)
        vectors = self.vectorise(maps)
        if self.head == "flatten" and vectors.shape[1] != FLAT:
            raise ValueError(
                f"images of {images.shape[-2]} x {images.shape[-1]} leave maps "
                f"{' x '.join(map(str, maps.shape[1:]))} and so {vectors.shape[1]:,} numbers, but "
                f"the first fully connected layer takes {FLAT:,}. Give it images of 227 x 227, or "
                'take head="average", which takes any size.'
            )
        return self.classifier(vectors)


def alexnet(variant: str = "two_towers", head: str = "flatten") -> AlexNet:
    """AlexNet, with random weights.

    Args:
        variant: ``"two_towers"`` as published: the convolutions 2, 4 and 5 read one half of the
            channels each (§3.5), local response normalisation, images of 227 x 227 (§3.5 says 224,
            with which its arithmetic does not work out). ``"single"``: the same with every
            convolution reading all channels and without the normalisation. ``torchvision.models``
            has a narrower single stream, that of Krizhevsky 2014 (arXiv:1404.5997).
        head: ``"flatten"`` lists all 256·6·6 numbers and has three fully connected
            layers, with dropout;
            ``"average"`` takes the mean of each channel, and one fully connected layer.

    Images are centred by the caller (§2: minus the mean image of the training set).

    Raises:
        ValueError: another variant or head.

    >>> with torch.device("meta"):  # shapes without memory
    ...     sum(p.numel() for p in alexnet().parameters())
    60965224
    """
    return AlexNet(variant, head)
