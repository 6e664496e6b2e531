"""What section 07 does with the LeNets: counts as the papers count, training as in 1989.

"1989" and "1998" are the papers, see :mod:`cv_course.networks.lenet`.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float
from cv_course.networks.lenet import BITMAPS, RBF, ConvByTable, Subsampling, Table

LETTER_CODES = dict(zip("OlIoSF", BITMAPS[10:], strict=True))  # not used in training


def as_matrix(table: Table, inputs: int) -> torch.Tensor:
    """The table as numbers: outputs x inputs, 1 where two maps are joined and 0 elsewhere."""
    matrix = torch.zeros(len(table), inputs, dtype=torch.int64)
    for to, row in enumerate(table):
        matrix[to, list(row)] = 1
    return matrix


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
    is used at a hundred places makes a hundred connections.

    Args:
        image_shape: (C, H, W) that the model takes.

    Raises:
        ValueError: a layer with parameters that is none of LeNet's.
    """
    device = next(model.parameters()).device
    maps, found = torch.zeros(1, *image_shape, device=device), {}
    for name, stage in model.named_children():
        found[name] = 0
        for layer in stage if isinstance(stage, nn.Sequential) else [stage]:
            with torch.no_grad():
                maps = layer(maps)
            found[name] += _connections(layer, maps[0])
    return {name: count for name, count in found.items() if count}


def _connections(layer: nn.Module, output: torch.Tensor) -> int:
    places = math.prod(output.shape[1:])  # 1 for a list of units
    if isinstance(layer, ConvByTable):
        return places * (layer.weight.numel() + layer.out_channels)
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return places * (layer.weight.numel() + layer.weight.shape[0])
    if isinstance(layer, Subsampling):
        return output.numel() * (2 * 2 + 1)
    if isinstance(layer, RBF):
        return layer.codes.numel()  # compared, without a bias
    if any(True for _ in layer.parameters()):
        raise ValueError(f"no rule to count the connections of {type(layer).__name__}.")
    return 0


def fit_squares(
    model: nn.Module, train: Split, epochs: int, lr: float = 0.02, batch: int = 8, seed: int = 0
) -> nn.Module:
    """Train as in 1989: the squared error between the ten outputs and +1 for the right, -1 for
    each wrong class, by plain stochastic gradient descent.

    Args:
        train: images that the model takes.
        batch: images a step; the paper takes 1, a few together are faster here.
        seed: of the order.
    """
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    targets = 2.0 * F.one_hot(train.labels, 10) - 1
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for some in torch.randperm(len(train), generator=order).split(batch):
            error = (model(as_float(train.images[some])) - targets[some]).square().sum(1).mean()
            gradients = torch.autograd.grad(error, learned)
            with torch.no_grad():
                for parameter, gradient in zip(learned, gradients, strict=True):
                    parameter -= lr * gradient
    return model


def in_field(images: torch.Tensor, digit: int, field: int) -> torch.Tensor:
    """Enlarge pictures and put them into the middle of a larger, empty field.

    Args:
        images: N x 1 x 8 x 8, ``uint8``.
        digit: the new side of the pictures (1989: 16, 1998: 20), bilinear.
        field: the side of the result (1989: 16, 1998: 32).

    Raises:
        ValueError: the margin would be negative, or not the same on both sides.
    """
    margin, odd = divmod(field - digit, 2)
    if margin < 0 or odd:
        raise ValueError(
            f"a digit of {digit} pixels needs the same margin on both sides of the field; "
            f"got a field of {field}. Choose {digit}, {digit + 2}, …"
        )
    large = F.interpolate(images.float(), (digit, digit), mode="bilinear", align_corners=False)
    return F.pad(large.round().to(images.dtype), [margin] * 4)
