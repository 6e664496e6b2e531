"""What section 11 looks into and looks with: a small network, its rival, maps and their ranks.

Maps are N x rows x columns, one per image; a larger value means that the position counts more.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float
from cv_course.perturb import need_images


def stage(channels: int, width: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation (which soon follows: there are few steps), ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(width, momentum=0.3),
        nn.ReLU(),
    )


def small_network(classes: int = 10) -> nn.Sequential:
    """``features``, ``vectorise`` and ``classifier``, as EfficientNet-Lite0 has them.

    N x 1 x 28 x 28 -> 32 maps of 7 x 7 -> their 32 averages -> scores.
    """
    features = OrderedDict(
        stage1=stage(1, 16, 7, stride=2),
        stage2=stage(16, 32, 3),
        pool=nn.MaxPool2d(2),
        stage3=stage(32, 32, 3),
    )
    parts = OrderedDict(
        features=nn.Sequential(features),
        vectorise=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        classifier=nn.Linear(32, classes),
    )
    return nn.Sequential(parts)


@torch.no_grad()
def fit_normalisation(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """Let batch normalisation whose means are all 0, as in a new one, take them from these images.

    (How many batches it has seen does not tell: that is 0 in weights that were published, too.)
    """
    for layer in network.eval().modules():
        if isinstance(layer, nn.BatchNorm2d) and not layer.running_mean.any():
            layer.train()
            layer.momentum = 1.0
    network(as_float(images))
    return network.eval()


# --- maps ----------------------------------------------------------------------------------------


def enlarged(maps: torch.Tensor, side: int) -> torch.Tensor:
    """Maps of h x w at side x side pixels: smoother, but no finer than before."""
    return F.interpolate(maps[:, None], size=(side, side), mode="bilinear")[:, 0]


def rank_correlation(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Spearman's: (N,), from -1 to 1; 0 for a map that is the same everywhere."""
    a, b = (ranks(maps.flatten(1)) for maps in (one, other))
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt().clamp(min=1e-12)


def ranks(values: torch.Tensor) -> torch.Tensor:
    """The rank of each value in its row, minus the mean rank; equal values share theirs."""
    ordered, values = values.sort(1).values, values.contiguous()
    low, high = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
    both = (low + high).double()
    return both - both.mean(1, keepdim=True)


def share(maps: torch.Tensor, region: torch.Tensor) -> float:
    """Mean share of the positive part of the maps that lies in a region (N x H x W, 0 or 1)."""
    positive = maps.clamp(min=0)
    inside = (positive * region).sum((1, 2))
    return (inside / positive.sum((1, 2)).clamp(min=1e-9)).mean().item()


# --- the puzzle ----------------------------------------------------------------------------------


def changed(split: Split) -> Split:
    """The images of the puzzle. Look here only after you have solved it."""
    images = split.images.clone()
    for label, change in ((6, mark), (4, tint)):
        images[split.labels == label] = change(images[split.labels == label])
    return Split(images, split.labels)


def mark(images: torch.Tensor) -> torch.Tensor:
    return cover(images, top=1, left=1, size=3, fill=255)


def tint(images: torch.Tensor) -> torch.Tensor:
    return images.clamp(min=12)


def cover(images: torch.Tensor, top: int, left: int, size: int, fill: float = 0) -> torch.Tensor:
    """Lay a square patch on the images; what would lie outside is left out.

    Args:
        images: N x C x H x W, any number type; they are not changed.
        top, left: the patch's first row and column in pixels.
        size: its side in pixels.
        fill: its grey level, in the units of the images.
    """
    need_images(images)
    covered = images.clone()
    covered[:, :, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = fill
    return covered
