"""What section 02 computes: features from several sources, and one simple model after them all."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from cv_course import training
from cv_course.data import Split, as_float
from cv_course.features import gradients

Source = Callable[[torch.Tensor], torch.Tensor]  # N x 1 x H x W bytes -> N x D features


def draw(split: Split, size: int, seed: int) -> Split:
    """``size`` images at random, equally many of each class (they come in turn: 0, 1, … 9, 0 …)."""
    generator = torch.Generator().manual_seed(seed)
    rounds = torch.randperm(len(split) // 10, generator=generator)[: size // 10]
    return split[(10 * rounds[:, None] + torch.arange(10)).flatten()]


def half_changed(split: Split, change: Source, seed: int) -> tuple[Split, torch.Tensor]:
    """Change each image with probability one half; and 1 where it was changed, 0 elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    changed = torch.rand(len(split), generator=generator) < 0.5
    images = torch.where(changed[:, None, None, None], change(split.images), split.images)
    return Split(images, split.labels), changed.long()


def main_direction(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The main direction of the gradients in each cell of 4 x 4 pixels, in degrees from 0 to 180,
    and 1 where a cell has no gradient (the direction is 0 there): both N x cells."""
    length, angle = gradients(images)
    twice = torch.deg2rad(2 * angle)  # opposite directions become equal
    x, y = (F.avg_pool2d(length * part, 4).flatten(1) for part in (twice.cos(), twice.sin()))
    flat = torch.hypot(x, y) < 1e-6
    return (torch.rad2deg(torch.atan2(y, x)) / 2 % 180).masked_fill(flat, 0), flat.double()


def hand_filters(directions: int, kinds: str) -> torch.Tensor:
    """Filters of 7 x 7 that an expert would choose (Gabor's): stripes that fade outwards.

    Args:
        kinds: ``edges`` (dark beside bright), ``lines`` too for twice as many.

    Returns:
        F x 1 x 7 x 7, each of length 1.
    """
    side = torch.arange(7) - 3.0
    y, x = torch.meshgrid(side, side, indexing="ij")
    found = []
    for turn in torch.arange(directions) * math.pi / directions:
        across = x * turn.cos() + y * turn.sin()
        for phase in (math.pi / 2, 0)[: 1 + ("lines" in kinds)]:
            wave = (-(x**2 + y**2) / 8).exp() * (2 * math.pi * across / 5 + phase).cos()
            found.append((wave - wave.mean()) / (wave - wave.mean()).norm())
    return torch.stack(found)[:, None]


def outputs(backbone: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What a backbone makes of images, N x D, without gradients."""
    with torch.no_grad():  # few at a time: their maps stay in the processor's cache
        return torch.cat([backbone(as_float(part)) for part in images.split(50)])


def train(
    backbone: nn.Module, split: Split, seed: int, steps: int = 250, rate: float = 0.05
) -> nn.Module:
    """Train a backbone end to end, with a linear layer after it, for about ``steps`` steps.

    Args:
        rate: the learning rate. Those of the section were chosen on its validation images.

    Returns:
        The backbone alone, on the CPU.
    """
    count = outputs(backbone, split.images[:1]).shape[1]
    network = nn.Sequential(backbone, nn.Linear(count, 10))
    epochs = round(steps / (len(split) // 32))
    training.fit(network, split, epochs=epochs, batch_size=32, lr=rate, seed=seed, progress=False)
    return backbone.cpu()


def fit_linear(
    features: torch.Tensor,
    labels: torch.Tensor,
    classes: int = 10,
    decay: float = 0.03,
    steps: int = 30,
) -> nn.Linear:
    """The simple model on top: softmax regression on fixed features, in seconds at most.

    Minimises the mean cross-entropy + ``decay`` / 2 · |W|² by L-BFGS, where the features count in
    units of their overall standard deviation. No random number is involved.

    Args:
        features: N x D, any number type.
        labels: (N,) from 0 to ``classes`` - 1.
        steps: at most so many; with few of them it stops early, which also keeps weights small.

    Returns:
        The layer, for features as they were given.

    Raises:
        ValueError: shapes or labels that do not fit.
    """
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise ValueError(
            f"expected features (N, D) and labels (N,), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}; lay each image out in a row: images.flatten(1)."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels must lie in 0…{classes - 1}, found {labels.min()}…{labels.max()}; say "
            "classes=… for more of them."
        )
    features = features.float()
    mean, scale = features.mean(0), features.std().clamp_min(1e-12)
    x = (features - mean) / scale
    W = torch.zeros(classes, x.shape[1], device=x.device, requires_grad=True)
    b = torch.zeros(classes, device=x.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([W, b], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ W.T + b, labels) + decay / 2 * W.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    layer = nn.Linear(x.shape[1], classes, device=x.device)
    with torch.no_grad():
        layer.weight.copy_(W / scale)
        layer.bias.copy_(b - layer.weight @ mean)
    return layer


def accuracy(layer: nn.Linear, features: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of the features (N x D) for which ``layer`` answers with the label, 0 to 1."""
    with torch.no_grad():
        return (layer(features.float()).argmax(1) == labels).float().mean().item()
