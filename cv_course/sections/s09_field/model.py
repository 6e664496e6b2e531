"""What one unit sees, and how strongly: connections, gradients, effective receptive fields.

Source: W. Luo, Y. Li, R. Urtasun, R. Zemel. Understanding the effective receptive field in deep
convolutional neural networks. NIPS 2016, arXiv:1701.04128.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from cv_course.receptive import Window

# Luo et al. (section 3) count the pixels whose strength exceeds 1 - 95.45% of the middle one; here
# it is the largest one. A round Gaussian falls to a height h at exp(-r² / 2σ²) = h, and the part h
# of its volume lies further out: so the pixels that count hold 95.45% of all strength.
THRESHOLD = 1 - 0.9545
RADIUS = (-2 * np.log(THRESHOLD)) ** 0.5


def connected(
    windows: Sequence[Window], unit: int, side: int
) -> tuple[list[int], list[np.ndarray]]:
    """Along one direction: how long each map is, and the elements of it that a unit depends on.

    Elements before 0 or from the length on lie in the padding; they depend on nothing further
    down. Gaps that dilation leaves are gaps here.

    Args:
        windows: from the image on.
        unit: in the last map.
        side: of the image.

    Raises:
        ValueError: a window that does not fit.
    """
    lengths, seen = [side], [np.array([unit])]
    for (kernel, _), (stride, _), (padding, _), (dilation, _) in (
        vars(w).values() for w in windows
    ):
        lengths.append((lengths[-1] + 2 * padding - (kernel - 1) * dilation - 1) // stride + 1)
        if lengths[-1] < 1:
            raise ValueError(f"layer {len(lengths) - 1} does not fit on {lengths[-2]} elements.")
    for window, length in zip(windows[::-1], lengths[:0:-1], strict=True):
        real = seen[-1][(seen[-1] >= 0) & (seen[-1] < length)]
        first = real[:, None] * window.stride[0] - window.padding[0]
        seen.append(np.unique(first + window.dilation[0] * np.arange(window.kernel[0])))
    return lengths, seen[::-1]


def effective(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """How strongly each pixel moves the middle unit: |gradient|, summed over the image's channels,
    averaged over the images and over the network's outputs at this unit (up to four of them).

    Args:
        images: N x C x H x W.

    Returns:
        H x W, the largest value 1; all 0 if no image passes a gradient (dead units).
    """
    images = images.detach().clone().requires_grad_()
    maps = network(images)
    units = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
    strength = 0
    for channel in range(min(4, units.shape[1])):
        (gradient,) = torch.autograd.grad(units[:, channel].sum(), images, retain_graph=True)
        strength = strength + gradient.abs().sum(1).mean(0)
    return strength / strength.max().clamp(min=torch.finfo(strength.dtype).tiny)


def effective_size(strength) -> float:
    """The side of a square with as many pixels as count [Luo et al. 2016, section 3]."""
    return float((strength > THRESHOLD * strength.max()).sum()) ** 0.5


def sigma(strength: torch.Tensor) -> float:
    """Standard deviation of a strength (H x W) across and down, in pixels (0 if all are 0)."""
    if not strength.any():
        return 0.0
    variances = [
        torch.arange(len(one)).double().cov(correction=0, aweights=one.double())
        for one in (strength.sum(0), strength.sum(1))
    ]
    return float(sum(variances) / 2) ** 0.5


def equal_weights(depth: int) -> torch.Tensor:
    """The strength of ``depth`` convolutions of 3 x 3 with equal weights: how many paths lead from
    each pixel to the unit. The largest value is 1."""
    paths = np.ones(1)
    for _ in range(depth):
        paths = np.convolve(paths, np.ones(3))
    paths = torch.from_numpy(paths / paths.max())
    return paths[:, None] * paths


def plain(depth: int = 10, outputs: int = 4, channels: int = 8) -> nn.Sequential:
    """Convolutions of 3 x 3 without padding, with ReLU between them, from He's initialisation."""
    parts: list[nn.Module] = []
    for before, after in zip(
        [1, *[channels] * (depth - 1)], [*[channels] * (depth - 1), outputs], strict=True
    ):
        parts += [nn.Conv2d(before, after, 3), nn.ReLU()]
        nn.init.kaiming_normal_(parts[-2].weight)
        nn.init.zeros_(parts[-2].bias)
    return nn.Sequential(*parts[:-1])


def marked(images: torch.Tensor, corners: torch.Tensor, distance: int) -> torch.Tensor:
    """Images with a white square of 3 x 3 pixels, diagonally away from the middle.

    Args:
        images: N x 1 x H x W, from 0 to 1, with an odd side.
        corners: (N,), 0 to 3: upper left, upper right, lower left, lower right.
        distance: rows, and columns, from the middle of the image to the middle of the square.
    """
    images, middle = images.clone(), images.shape[-1] // 2
    for corner in range(4):
        row = middle - 1 + distance * (2 * (corner // 2) - 1)
        column = middle - 1 + distance * (2 * (corner % 2) - 1)
        images[corners == corner, :, row : row + 3, column : column + 3] = 1
    return images
