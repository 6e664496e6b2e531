"""Three hidden layers that differ in what is connected and shared; what a filter responds to."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

KERNELS = {
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
    kind: str, image_shape: tuple[int, int, int] = (1, 28, 28), kernel: int = 5, maps: int = 16
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


def network(kind: str, maps: int = 16, pool: int = 8) -> nn.Sequential:
    """Hidden layer, ReLU, the maximum of each block of ``pool`` x ``pool``, ten scores."""
    blocks = (24 // pool) ** 2
    return nn.Sequential(
        hidden_layer(kind, maps=maps), nn.ReLU(), nn.MaxPool2d(pool), nn.Flatten(),
        nn.Linear(maps * blocks, 10),
    )  # fmt: skip


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


def most_similar(
    filters: torch.Tensor, patches: dict[str, torch.Tensor]
) -> tuple[list[str], torch.Tensor]:
    """For each filter (F x C x k x k) the patch with the highest correlation, and how high."""
    names, flat = list(patches), []
    for one in (filters, torch.stack(list(patches.values()))):
        centred = one.flatten(1) - one.flatten(1).mean(1, keepdim=True)
        flat.append(F.normalize(centred, dim=1))
    highest, which = (flat[0] @ flat[1].T).max(1)
    return [names[best] for best in which.tolist()], highest
