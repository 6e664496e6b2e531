"""What section 08 tries: a small network, deep stacks, towers that are perturbed, photographs."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from cv_course import perturb
from cv_course.data import Split, as_float

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}


def start_of(activation: str, start: str) -> str:
    """Which of "He or Glorot" it is: He et al. 2015 for ReLU, else Glorot & Bengio 2010."""
    return start if " or " not in start else "He" if activation == "ReLU" else "Glorot"


def small_network(width: int = 16, dropout: float = 0.0) -> nn.Sequential:
    """Two convolutions and two fully connected layers for N x 1 x 28 x 28, made for ReLU.

    ``width`` is the number of kernels of the first convolution.
    """
    first, second, wide = width, 2 * width, 8 * width
    network = nn.Sequential(
        nn.Conv2d(1, first, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(first, second, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(4 * second, wide), nn.ReLU(), nn.Dropout(dropout), nn.Linear(wide, 10),
    )  # fmt: skip
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return network


def stack(
    depth: int, activation: str, start: str, inputs: int = 64, width: int = 64
) -> nn.Sequential:
    """``depth`` fully connected layers of ``width`` units with an activation each, and an output.

    Args:
        activation: ``"sigmoid"``, ``"tanh"`` or ``"ReLU"``.
        start: the first weights: ``"PyTorch"``, ``"He"``, ``"Glorot"`` or ``"He or Glorot"``.
    """
    layers = [nn.Flatten()]
    for number in range(depth):
        layers += [nn.Linear(width if number else inputs, width), ACTIVATIONS[activation]()]
    network, start = nn.Sequential(*layers, nn.Linear(width, 10)), start_of(activation, start)
    for layer in network:
        if isinstance(layer, nn.Linear) and start == "He":
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        elif isinstance(layer, nn.Linear) and start == "Glorot":
            nn.init.xavier_uniform_(layer.weight)
    return network


def gradient_sizes(activation: str, depth: int, start: str, seed: int = 0) -> list[float]:
    """Norms of the gradients of the hidden layers' weights, first to last, before training.

    The inputs are 256 random vectors with random labels.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = stack(depth, activation, start)
        x, labels = torch.randn(256, 64), torch.randint(10, (256,))
    F.cross_entropy(network(x), labels).backward()
    hidden = [layer for layer in network if isinstance(layer, nn.Linear)][:-1]
    return [layer.weight.grad.norm().item() for layer in hidden]


@torch.no_grad()
def changes(
    features: nn.Sequential, images: torch.Tensor, tower: str = "B", seed: int = 0
) -> dict[str, torch.Tensor]:
    """Perturb one half of the first layer's maps: by how much does each channel change after it?

    Args:
        features: as ``networks.alexnet.convolutions`` makes them.
        images: N x 3 x H x W.
        tower: ``"A"``, the first half of the channels, or ``"B"``, the second.

    Returns:
        ``conv1`` … ``conv5`` -> (C,), the largest change in each channel.
    """
    noise, found, perturbed = torch.Generator().manual_seed(seed), {}, None
    plain = images
    for layer in features:
        plain = layer(plain)
        if perturbed is not None:
            perturbed = layer(perturbed)
        elif isinstance(layer, nn.ReLU):  # after the first convolution
            perturbed = plain.clone()
            half = perturbed.chunk(2, 1)["AB".index(tower)]
            half += torch.rand(half.shape, generator=noise)
        if isinstance(layer, nn.ReLU):
            found[f"conv{len(found) + 1}"] = (perturbed - plain).abs().amax((0, 2, 3))
    return found


def augmented(images: torch.Tensor) -> torch.Tensor:
    """Each image moved by up to one pixel, and mirrored with probability 1/2."""
    mirrored = (torch.rand(len(images)) < 0.5).view(-1, 1, 1, 1)
    moved = perturb.random_crop(images, 1)
    return torch.where(mirrored, moved.flip(3), moved)


def curves(
    network: nn.Module,
    train: Split,
    validation: Split,
    others: Split,
    change: Callable | None = None,
    epochs: int = 25,
    batch: int = 25,
    lr: float = 0.05,
    every: int = 5,
) -> torch.Tensor:
    """Train, and measure every few epochs without dropout and augmentation.

    Returns:
        4 x measurements: the losses on the three splits, and the accuracy on ``validation``.
    """
    network.to(memory_format=torch.channels_last)  # pools faster
    images, labels, rows = as_float(train.images), train.labels, []
    optimiser = torch.optim.SGD(network.parameters(), lr, momentum=0.9, foreach=True)  # faster
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.02, epochs)
    for epoch in range(1, epochs + 1):
        network.train()
        for chosen in torch.randperm(len(images)).split(batch):
            inputs = change(images[chosen]) if change else images[chosen]
            loss = F.cross_entropy(network(inputs), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        decay.step()
        network.eval()
        if epoch % every == 0:
            with torch.no_grad():
                parts = [(network(as_float(p.images)), p.labels)
                         for p in (train, validation, others)]  # fmt: skip
            scores, true = parts[1]
            rows.append([F.cross_entropy(*part).item() for part in parts])
            rows[-1].append((scores.argmax(1) == true).float().mean().item())
    return torch.tensor(rows).T


def changed_window(photo: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random window of a photograph (3 x H x W, ``uint8``), mirrored and without colour.

    It has 60% of the shorter side, and comes as 3 x 224 x 224 from 0 to 1, its channels equal.
    """
    height, width = photo.shape[1:]
    side = int(0.6 * min(height, width))
    y, x = (int(torch.randint(whole - side + 1, (1,), generator=generator))
            for whole in (height, width))  # fmt: skip
    grey = as_float(photo)[:, y : y + side, x : x + side].flip(2).mean(0, keepdim=True)
    large = F.interpolate(grey[None], (224, 224), mode="bilinear", antialias=True)[0]
    return large.expand(3, -1, -1)
