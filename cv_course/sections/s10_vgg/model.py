"""What section 10 computes beside the networks of :mod:`cv_course.networks.vgg`."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float


def stack_costs(depth: int, channels_in: int, channels: int) -> tuple[int, int]:
    """Weights of a stack of 3 x 3 convolutions, and of the one convolution that sees as much.

    Each has ``channels`` kernels. Biases are not counted.
    """
    side = 2 * depth + 1
    stack = 9 * (channels_in * channels + (depth - 1) * channels**2)
    return stack, side**2 * channels_in * channels


def valley(mean: float, spread: float, rate: float = 0.3, steps: int = 30):
    """Gradient descent on the weight and the bias of one input with this mean and spread.

    The loss is half the mean squared distance of w·x + b from the standardised input.

    Returns:
        (steps + 1) x 2, the path of (weight, bias); the 2 x 2 Hessian.
    """
    hessian = np.array([[spread**2 + mean**2, mean], [mean, 1.0]])
    best, path = np.array([1.0, -mean]) / spread, [np.zeros(2)]
    for _ in range(steps):
        path.append(path[-1] - rate * hessian @ (path[-1] - best))
    return np.array(path), hessian


def at_half_size(split: Split) -> Split:
    """Means of 2 x 2 pixels."""
    return Split(F.avg_pool2d(split.images.float(), 2).round().to(torch.uint8), split.labels)


@torch.no_grad()
def stage_outputs(network: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What each stage of a VGG hands on, N x D."""
    network.eval()
    found, maps = {}, as_float(images)
    for layer in network.features:
        maps = layer(maps)
        if isinstance(layer, nn.MaxPool2d):
            found[f"stage {len(found) + 1}"] = maps.flatten(1)
    return found


def some_of(members: torch.Tensor, shots: int, generator: torch.Generator) -> torch.Tensor:
    """``shots`` random positions at which the mask ``members`` is True."""
    positions = members.nonzero()[:, 0]
    return positions[torch.randperm(len(positions), generator=generator)[:shots]]


def least_squares_accuracy(features, labels, asked, truth, shots: int, draws: int = 10) -> float:
    """As ``few_shot_accuracy`` of the text, with regularised least squares in place of means."""
    generator, right = torch.Generator().manual_seed(0), []
    for _ in range(draws):
        chosen = torch.cat([some_of(labels == c, shots, generator) for c in range(4)])
        mean = features[chosen].mean(0)
        few, targets = features[chosen] - mean, F.one_hot(labels[chosen], 4) - 0.25
        inner = few @ few.T
        ridge = 0.1 * inner.diagonal().mean() * torch.eye(len(few))
        weights = few.T @ torch.linalg.solve(inner + ridge, targets)
        right.append((((asked - mean) @ weights).argmax(1) == truth).float().mean().item())
    return sum(right) / draws
