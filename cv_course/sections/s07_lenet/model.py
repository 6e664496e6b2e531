"""What section 07 does with the networks of :mod:`.original`."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float

from .original import BITMAPS, RBF, ConvByTable, Subsampling

CHARACTERS = dict(zip("0123456789OlIoSF", BITMAPS, strict=True))  # the letters are not trained


def activations(model: nn.Sequential, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What each stage makes of N x 1 x H x W images: name -> its output, without gradients."""
    found, state = {}, as_float(images)
    with torch.no_grad():
        for name, stage in model.named_children():
            found[name] = state = stage(state)
    return found


def count(model: nn.Sequential, shape: tuple[int, int, int]) -> dict[str, tuple[int, int]]:
    """Each stage's parameters and connections, counted as the papers count.

    One connection is one input, or the bias, of one unit; many may share one parameter.

    Args:
        shape: (C, H, W) of the images.

    Returns:
        stage -> (parameters, connections), without the stages that have no connection.

    Raises:
        ValueError: a layer with parameters that is none of LeNet's.
    """
    maps, found = torch.zeros(1, *shape), {}
    for name, stage in model.named_children():
        joined = 0
        for layer in stage if isinstance(stage, nn.Sequential) else [stage]:
            with torch.no_grad():
                maps = layer(maps)
            joined += _connections(layer, maps[0])
        found[name] = sum(p.numel() for p in stage.parameters()), joined
    return {name: counts for name, counts in found.items() if counts[1]}


def _connections(layer: nn.Module, output: torch.Tensor) -> int:
    positions = math.prod(output.shape[1:])  # 1 for a vector of units
    if isinstance(layer, ConvByTable):
        return positions * (layer.weight.numel() + layer.out_channels)
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return positions * (layer.weight.numel() + layer.weight.shape[0])
    if isinstance(layer, Subsampling):
        return output.numel() * (2 * 2 + 1)
    if isinstance(layer, RBF):
        return layer.codes.numel()  # compared, without a bias
    if any(True for _ in layer.parameters()):
        raise ValueError(f"no rule to count the connections of {type(layer).__name__}.")
    return 0


def enlarged(split: Split, digit: int, field: int) -> Split:
    """Images enlarged to ``digit`` pixels, in the middle of an empty field of ``field`` pixels.

    Raises:
        ValueError: the margin would be negative, or not the same on both sides.
    """
    margin, odd = divmod(field - digit, 2)
    if margin < 0 or odd:
        raise ValueError(
            f"a digit of {digit} pixels needs the same margin on both sides of the field; "
            f"got a field of {field}. Choose {digit}, {digit + 2}, …"
        )
    large = F.interpolate(split.images.float(), (digit, digit), mode="bilinear")
    return Split(F.pad(large.round().to(torch.uint8), [margin] * 4), split.labels)


def probe(
    known: torch.Tensor, asked: torch.Tensor, labels: torch.Tensor, few: int | None = None
) -> torch.Tensor:
    """The ten scores of a linear probe for each row of ``asked``: ridge regression on ``known``.

    Args:
        known: N x ..., what a layer makes of the training images; their labels (N,).
        asked: M x ..., the same for other images.
        few: reduce both to so many principal components of ``known`` first.
    """
    known, asked = (rows.flatten(1).double() for rows in (known, asked))
    if few and few < known.shape[1]:
        directions = torch.linalg.eigh(torch.cov(known.T)).eigenvectors[:, -few:]  # largest spread
        known, asked = known @ directions, asked @ directions
    mean, spread = known.mean(0), known.std(0).clamp_min(1e-6)
    known, asked = (known - mean) / spread, (asked - mean) / spread
    targets = 2.0 * F.one_hot(labels, 10).double() - 1
    square = known.T @ known + 0.001 * len(known) * torch.eye(known.shape[1])  # normal equations
    weights = torch.linalg.solve(square, known.T @ (targets - targets.mean(0)))
    return asked @ weights + targets.mean(0)


class WithEleventhClass(nn.Module):
    """A network's scores, and the constant score -j of one more class: no character at all."""

    def __init__(self, network: nn.Module, j: float):
        super().__init__()
        self.network, self.j = network, j

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x 1 x H x W -> N x (classes + 1)."""
        return F.pad(self.network(images), (0, 1), value=-self.j)
