"""What section 07 does with the LeNets of :mod:`cv_course.networks.lenet`."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float
from cv_course.networks.lenet import BITMAPS, RBF, ConvByTable, Subsampling

CHARACTERS = dict(zip("0123456789OlIoSF", BITMAPS, strict=True))  # the letters are not trained


def activations(model: nn.Sequential, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What each stage makes of N x 1 x H x W images: name -> its output, without gradients."""
    found, state = {}, as_float(images)
    with torch.no_grad():
        for name, stage in model.named_children():
            found[name] = state = stage(state)
    return found


def connections(model: nn.Sequential, image_shape: tuple[int, int, int]) -> dict[str, int]:
    """How many connections each stage has, counted as the papers count: stage -> number.

    Every unit has one connection for each number it multiplies and one for its bias; a weight that
    is used at a hundred positions makes a hundred connections.

    Args:
        image_shape: (C, H, W) that the model takes.

    Raises:
        ValueError: a layer with parameters that is none of LeNet's.
    """
    maps, found = torch.zeros(1, *image_shape), {}
    for name, stage in model.named_children():
        found[name] = 0
        for layer in stage if isinstance(stage, nn.Sequential) else [stage]:
            with torch.no_grad():
                maps = layer(maps)
            found[name] += _connections(layer, maps[0])
    return {name: count for name, count in found.items() if count}


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


class WithNoCharacter(nn.Module):
    """A network's scores, and the constant score -j of one more class: no character at all."""

    def __init__(self, network: nn.Module, j: float):
        super().__init__()
        self.network, self.j = network, j

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x 1 x H x W -> N x (classes + 1)."""
        return F.pad(self.network(images), (0, 1), value=-self.j)
