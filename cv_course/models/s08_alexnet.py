"""Experiments of section 08: isolated towers, normalisation, the size of gradients.

§ numbers are those of the paper, see :mod:`cv_course.networks.alexnet`.
"""

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.networks.alexnet import ResponseNorm

NORMS = ("none", "lrn", "batch")
ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}


@torch.no_grad()
def changes(
    features: nn.Sequential, images: torch.Tensor, tower: str = "B", seed: int = 0
) -> dict[str, torch.Tensor]:
    """Disturb one half of the first layer's maps and see what changes in the layers behind it.

    Args:
        features: as :func:`convolutions` makes them.
        images: N x 3 x H x W.
        tower: ``"A"``, the first half of the channels, or ``"B"``, the second.

    Returns:
        ``conv1`` … ``conv5`` -> (C,), by how much any element of a channel differs at most.

    Raises:
        ValueError: another tower.
    """
    if tower not in ("A", "B"):
        raise ValueError(f"tower must be A or B; got {tower!r}.")
    noise, found, disturbed = torch.Generator().manual_seed(seed), {}, None
    plain = images
    for layer in features:
        plain = layer(plain)
        if disturbed is not None:
            disturbed = layer(disturbed)
        elif isinstance(layer, nn.ReLU):  # behind the first convolution
            disturbed = plain.clone()
            half = disturbed.chunk(2, 1)["AB".index(tower)]
            half += torch.rand(half.shape, generator=noise)
        if isinstance(layer, nn.ReLU):
            found[f"conv{len(found) + 1}"] = (disturbed - plain).abs().amax((0, 2, 3))
    return found


def small_alexnet(
    norm: str = "none", image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10
) -> nn.Sequential:
    """AlexNet's recipe in little, for 28 x 28 images; learns in seconds.

    A 5 x 5 convolution with stride 2, two of 3 x 3, overlapping pooling behind the first two.

    Args:
        norm: ``"none"``, ``"lrn"`` (after the ReLU, §3.3) or ``"batch"`` (before it, as Ioffe &
            Szegedy 2015 do), at the first two convolutions.
        image_shape: (C, H, W), H and W at least 13.
        classes: how many scores.

    Raises:
        ValueError: another norm, or images that are too small.
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {norm!r}.")
    channels, *sides = image_shape
    if min(sides) < 13:
        raise ValueError(f"the images must be at least 13 x 13 pixels, got {tuple(sides)}.")
    layers: list[nn.Module] = []
    for number, (maps, kernel, stride) in enumerate(((24, 5, 2), (48, 3, 1), (48, 3, 1))):
        layers.append(nn.Conv2d(channels, maps, kernel, stride, kernel // 2))
        if norm == "batch" and number < 2:
            layers.append(nn.BatchNorm2d(maps))
        layers.append(nn.ReLU())
        if norm == "lrn" and number < 2:
            layers.append(ResponseNorm())
        if number < 2:
            layers.append(nn.MaxPool2d(3, 2))
            sides = [((side - 1) // stride + 1 - 3) // 2 + 1 for side in sides]
        channels = maps
    places = sides[0] * sides[1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * places, classes))


def gradient_sizes(
    activation: str, depth: int = 16, fitted: bool = True, width: int = 64, seed: int = 0
) -> list[float]:
    """How strongly an error pulls at the weights of each layer of a deep network before training.

    Full layers of equal width, an output layer, random vectors with random labels.

    Args:
        activation: ``"sigmoid"``, ``"tanh"`` or ``"ReLU"``.
        fitted: first weights made for the activation (ReLU: He et al. 2015; others: Glorot &
            Bengio 2010) and biases 0; else PyTorch's default.

    Returns:
        For each hidden layer, first to last, the norm of the mean cross-entropy's gradient.

    Raises:
        ValueError: another activation.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}.")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(width, width) for _ in range(depth)]
        for layer in layers if fitted else ():
            first = nn.init.kaiming_normal_ if activation == "ReLU" else nn.init.xavier_normal_
            first(layer.weight, **({"nonlinearity": "relu"} if activation == "ReLU" else {}))
            nn.init.zeros_(layer.bias)
        x, last, labels = torch.randn(256, width), nn.Linear(width, 10), torch.randint(10, (256,))
    for layer in layers:
        x = ACTIVATIONS[activation]()(layer(x))
    F.cross_entropy(last(x), labels).backward()
    return [layer.weight.grad.norm().item() for layer in layers]
