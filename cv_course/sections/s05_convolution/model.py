"""Three hidden layers that differ in what is connected and shared; what a filter responds to."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

KERNELS = {
    "blur": np.ones((3, 3)) / 9,
    "sharpen": np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "left to right": np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),  # Sobel's
    "top to bottom": np.array([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]]),
    "spots": np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),  # Laplace's
}
KINDS = ("dense", "local", "convolution")


class Local(nn.Module):
    """A convolution without sharing: each position has filters and biases of its own.

    Args:
        image_shape: C, H, W. kernel: side of the window. maps: numbers per position.
    """

    def __init__(self, image_shape: tuple[int, int, int], kernel: int, maps: int):
        super().__init__()
        channels, height, width = image_shape
        self.kernel, self.size = kernel, (height - kernel + 1, width - kernel + 1)
        window = (channels, kernel, kernel)
        bound = math.prod(window) ** -0.5  # where nn.Conv2d begins, too
        self.weight = nn.Parameter(torch.empty(*self.size, maps, *window).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(*self.size, maps).uniform_(-bound, bound))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> N x maps x H' x W'."""
        windows = images.unfold(2, self.kernel, 1).unfold(3, self.kernel, 1)
        sums = torch.einsum("nchwij,hwfcij->nfhw", windows, self.weight)
        return sums + self.bias.permute(2, 0, 1)


def hidden_layer(
    kind: str, image_shape: tuple[int, int, int] = (1, 28, 28), kernel: int = 5, maps: int = 4
) -> nn.Module:
    """A layer from N x C x H x W to N x maps x H' x W'; ``kind`` is one of ``KINDS``."""
    channels, height, width = image_shape
    if kind == "convolution":
        return nn.Conv2d(channels, maps, kernel)
    if kind == "local":
        return Local(image_shape, kernel, maps)
    shape = (maps, height - kernel + 1, width - kernel + 1)
    full = nn.Linear(math.prod(image_shape), math.prod(shape))
    return nn.Sequential(nn.Flatten(), full, nn.Unflatten(1, shape))


def network(kind: str, maps: int = 4, side: int = 28, pool: int = 8) -> nn.Sequential:
    """Hidden layer, ReLU, the maximum of each block of ``pool`` x ``pool``, ten scores."""
    blocks = ((side - 4) // pool) ** 2
    return nn.Sequential(
        hidden_layer(kind, (1, side, side), 5, maps), nn.ReLU(), nn.MaxPool2d(pool), nn.Flatten(),
        nn.Linear(maps * blocks, 10),
    )  # fmt: skip


def blurred_maximum(maps: torch.Tensor, outside: str = "circular") -> torch.Tensor:
    """Maxima of 2 x 2 at every position, blurred by 1, 2, 1; every second position is kept."""
    wider = F.pad(maps, [1, 2, 1, 2], mode=outside)  # so that exactly half the positions are left
    maxima = F.max_pool2d(wider, 2, stride=1)
    blurred = F.avg_pool2d(maxima, 2, stride=1)
    return F.avg_pool2d(blurred, 2)  # two means of 2 x 2 are 1, 2, 1; the second has stride 2


class BlurredMaximum(nn.Module):
    """In the place of ``nn.MaxPool2d(2)``; zeros lie outside."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return blurred_maximum(maps, outside="constant")


@torch.no_grad()
def as_matrix(layer: nn.Module, image_shape: tuple[int, int, int]) -> torch.Tensor:
    """A linear layer as a matrix without the bias: column i is its output for a dot at pixel i."""
    pixels = math.prod(image_shape)
    dots, exact = torch.eye(pixels).double().view(pixels, *image_shape), layer.double()
    matrix = (exact(dots) - exact(0 * dots[:1])).flatten(1).T.float()
    layer.float()
    return matrix


def probe_patches(side: int, colours: bool = False) -> dict[str, torch.Tensor]:
    """Small patches by name, each 1 or 3 channels x side x side, from 0 (dark) to 1 (bright).

    Edges, row and column lie in the middle; with ``colours`` there are plain colours, too.
    """
    middle, half = side // 2, torch.zeros(side, side)
    half[:, middle:] = 1
    line, spot = torch.zeros(2, side, side)
    line[:, middle], spot[middle, middle] = 1, 1
    diagonal = torch.ones(side, side).triu()
    grey = {
        "all bright": torch.ones(side, side), "all dark": torch.zeros(side, side),
        "bright right": half, "bright left": 1 - half,
        "bright below": half.T, "bright above": 1 - half.T,
        "bright upper right": diagonal, "bright lower left": 1 - diagonal,
        "bright upper left": diagonal.flip(1), "bright lower right": 1 - diagonal.flip(1),
        "bright column": line, "dark column": 1 - line,
        "bright row": line.T, "dark row": 1 - line.T,
        "bright spot": spot, "dark spot": 1 - spot,
    }  # fmt: skip
    if not colours:
        return {name: patch[None] for name, patch in grey.items()}
    names = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1),
             "yellow": (1, 1, 0), "magenta": (1, 0, 1), "cyan": (0, 1, 1)}  # fmt: skip
    plain = {
        name: torch.tensor(rgb).float().view(3, 1, 1).expand(3, side, side)
        for name, rgb in names.items()
    }
    return {name: patch.expand(3, -1, -1) for name, patch in grey.items()} | plain


@torch.no_grad()
def favourites(filters: torch.Tensor, patches: dict[str, torch.Tensor]) -> list[str]:
    """For each filter (F x C x k x k) the patch with the largest sum, or "nothing"."""
    names, stack = list(patches), torch.stack(list(patches.values()))
    sums = torch.einsum("fcij,pcij->fp", filters, stack)
    sizes = filters.abs().sum((1, 2, 3))
    return [
        names[best] if size > 0.01 * sizes.median() else "nothing"
        for best, size in zip(sums.argmax(1).tolist(), sizes.tolist(), strict=True)
    ]
