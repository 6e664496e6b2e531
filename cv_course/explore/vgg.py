"""Interactives of section 10."""

from collections.abc import Mapping, Sequence
from functools import cache

import ipywidgets as widgets
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from cv_course import figures
from cv_course.data import Dataset, as_float
from cv_course.explore.core import Interactive, choice, slider


def stack_costs(depth: int, came: int, made: int, kernel: int = 3) -> dict[str, tuple[int, int]]:
    """What a stack of small convolutions and the one large convolution of its field cost.

    Args:
        depth: how many k x k convolutions are in the stack.
        came: channels that come in.
        made: kernels of each of the convolutions, and of the large one.

    Returns:
        name -> (stack, large): weights (as many multiplications a place), biases not counted;
        numbers to keep a place (what the layers hand on); nonlinearities on the way.
    """
    side = 1 + depth * (kernel - 1)
    small = kernel**2 * (came * made + (depth - 1) * made * made)
    return {
        "weights": (small, side**2 * came * made),
        "numbers kept a place": (depth * made, made),
        "ReLUs in a row": (depth, 1),
    }


def stacks() -> Interactive:
    """Section 10: a stack of 3 x 3 convolutions against the one large one that sees as much."""

    def channels(came: str, made: int) -> int:
        return made if came == "as many" else int(came)

    def render(depth: int, came: str, made: int) -> Figure:
        first = channels(came, made)
        return figures.kernel_stacks(depth, stack_costs(depth, first, made), (first, made))

    def alt(depth: int, came: str, made: int) -> str:
        first, side = channels(came, made), 1 + 2 * depth
        small, large = stack_costs(depth, first, made)["weights"]
        return (
            f"{depth} convolutions of 3 x 3 and one of {side} x {side}, from {first} to {made} "
            f"channels: {small:,} weights against {large:,}; {depth} nonlinearities against 1, and "
            f"{depth} times as many numbers to keep."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"depth": 1}, {"depth": 5}, {"came": "3"}],
        depth=slider("3 × 3 convolutions", 1, 6, 1, 3),
        came=choice("channels that come in", ["1", "3", "as many"], "as many"),
        made=widgets.SelectionSlider(
            options=[4, 16, 64, 256, 512], value=64, description="channels made"
        ),
    )


OFFSETS = (-1.0, -0.5, 0.0, 0.29, 0.5, 1.0, 1.5, 2.0)
SCALES = (0.3, 1.0, 3.0)
_RATE, _STEPS = 0.03, 400


@torch.no_grad()
def accuracies_by_input(
    dataset: Dataset,
    offsets: Sequence[float],
    scales: Sequence[float],
    steps: int = _STEPS,
    rate: float = _RATE,
    seed: int = 0,
) -> torch.Tensor:
    """Test accuracies of one-layer classifiers whose inputs were offset and scaled, all the rest
    alike: scales x offsets.

    Inputs are scale · (pixels - mean) + offset, with pixels 0 to 1. All are trained together, on
    the same random batches of 128, by plain SGD from zero weights.
    """
    x, asked = (as_float(split.images).flatten(1) for split in (dataset.train, dataset.test))
    mean = x.mean()
    x, asked = x - mean, asked - mean
    scale = torch.tensor(scales).repeat_interleave(len(offsets))[:, None, None]
    offset = torch.tensor(offsets).repeat(len(scales))[:, None, None]
    classes = len(dataset.classes)
    W, b = torch.zeros(len(scale), x.shape[1], classes), torch.zeros(len(scale), 1, classes)
    targets = F.one_hot(dataset.train.labels, classes).float()

    def scores(pixels: torch.Tensor) -> torch.Tensor:
        """(scale · x + offset) W + b without making the inputs of each state."""
        return scale * (pixels @ W) + offset * W.sum(1, keepdim=True) + b

    order = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(len(x), (128,), generator=order)
        force = (scores(x[batch]).softmax(2) - targets[batch]) / len(batch)
        total = force.sum(1, keepdim=True)
        W -= rate * (scale * (x[batch].T @ force) + offset * total)
        b -= rate * total
    right = scores(asked).argmax(2) == dataset.test.labels
    return right.float().mean(1).view(len(scales), len(offsets))


def descent(offset: float, scale: float, std: float, steps: int = 40, rate: float = 0.3):
    """Gradient descent on one weight and a bias, for inputs with this mean and scale · std.

    The loss is half the mean square of (w·x + b - z), with z the standardised pixel.

    Returns:
        (steps + 1) x 2 path of (weight, bias) less the best ones, and the 2 x 2 Hessian.
    """
    spread = scale * std
    hessian = np.array([[spread**2 + offset**2, offset], [offset, 1.0]])
    place = -np.array([1 / spread, -offset / spread])  # from weight and bias 0
    path = [place]
    for _ in range(steps):
        path.append(path[-1] - rate * hessian @ path[-1])
    return np.array(path), hessian


def centring(dataset: Dataset) -> Interactive:
    """Section 10: what offset and scale of the inputs do to the steps of gradient descent."""
    std = as_float(dataset.train.images).std().item()

    @cache
    def curves() -> dict[float, list[float]]:
        found = accuracies_by_input(dataset, OFFSETS, SCALES)
        return {scale: row.tolist() for scale, row in zip(SCALES, found, strict=True)}

    def render(offset: float, scale: float) -> Figure:
        path, hessian = descent(offset, scale, std)
        return figures.descent_on_offset(offset, scale, path, hessian, OFFSETS, curves())

    def alt(offset: float, scale: float) -> str:
        _, hessian = descent(offset, scale, std)
        low, high = np.linalg.eigvalsh(hessian)
        accuracy = curves()[scale][OFFSETS.index(offset)]
        return (
            f"Inputs of mean {offset:g}, scale {scale:g}: the valley of the loss is "
            f"{high / low:,.1f} times as steep across as along, and a layer reaches "
            f"{accuracy:.2f} in {_STEPS} steps."
        )

    labels = [(f"{o:g}" + (" (raw)" if o == 0.29 else ""), o) for o in OFFSETS]
    return Interactive(
        render,
        alt=alt,
        film=[{}, {"offset": 0.0}, {"offset": 0.0, "scale": 3.0}, {"offset": 1.5}],
        offset=widgets.SelectionSlider(options=labels, value=0.29, description="mean of inputs"),
        scale=choice("scale ×", [(f"{scale:g}", scale) for scale in SCALES], 1.0),
    )


def transfer(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    shots: Sequence[int],
    layers: Sequence[str],
    classes: int,
) -> Interactive:
    """Section 10: linear probes on new classes, by the number of examples and by the layer.

    Args:
        curves: who ("trained" …) -> layer -> accuracies for each of ``shots``; who has a single
            layer ("pixels") is compared with all layers.
        classes: how many classes there are to tell apart.
    """
    shots, layers = list(shots), list(layers)

    def render(shot: int, layer: str) -> Figure:
        return figures.transfer(curves, shots, layers, layer, shot, 1 / classes)

    def alt(shot: int, layer: str) -> str:
        place = shots.index(shot)
        said = ", ".join(
            f"{who} {by_layer.get(layer, next(iter(by_layer.values())))[place]:.2f}"
            for who, by_layer in curves.items()
        )
        return (
            f"Probes on new classes, {shot} example{'s' * (shot > 1)} of each, features of "
            f"{layer}: {said}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"shot": shots[-1]}, {"layer": layers[-1], "shot": shots[-1]}],
        shot=widgets.SelectionSlider(options=shots, value=shots[0], description="examples a class"),
        layer=choice("features from", layers, layers[-2]),
    )
