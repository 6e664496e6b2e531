"""Clocks, the limits of this machine, the work of each layer.

What is compared takes turns, so that a busy machine slows all of it alike. On a GPU the clock is
read only after the queue of work is empty.
"""

import copy
import math
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float
from cv_course.layers import Layer
from cv_course.training import precision


def synchronise(device: str | torch.device = "cpu") -> None:
    """Wait until ``device`` has done all that it was told to; a CPU always has."""
    device = torch.device(device)
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).synchronize()


class Stopwatch:
    """The parts of something that is done again and again.

    ``lap("forward")`` notes the time since the last lap under that name; ``lap()`` throws it away.
    """

    def __init__(self, device: str | torch.device = "cpu"):
        self._device, self._seconds = device, defaultdict(list)
        self.lap()

    def lap(self, name: str | None = None) -> None:
        synchronise(self._device)
        if name:
            self._seconds[name].append(time.perf_counter() - self._began)
        self._began = time.perf_counter()

    def medians(self) -> dict[str, float]:
        """Name -> median seconds, in the order in which the names first came."""
        return {name: statistics.median(laps) for name, laps in self._seconds.items()}


def medians(
    ways: Mapping[object, Callable[[], object]],
    rounds: int = 7,
    device: str | torch.device = "cpu",
    least: float = 1e-3,
    pick: Callable[[list[float]], object] = statistics.median,
) -> dict:
    """Median seconds of one call of each way. The ways take turns, after a first call of each.

    Args:
        ways: name -> function without arguments.
        rounds: how many samples of each.
        least: seconds a sample must take; a quicker way is called several times for one.
        pick: what is made of the samples of a way.
    """
    calls = {}
    for name, way in ways.items():
        way()  # the first call also allocates, compiles and fills the caches
        calls[name] = max(1, math.ceil(least / max(_seconds(way, 1, device), 1e-9)))
    samples = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            samples[name].append(_seconds(way, calls[name], device))
    return {name: pick(taken) for name, taken in samples.items()}


def _seconds(way: Callable, calls: int, device) -> float:
    synchronise(device)
    began = time.perf_counter()
    for _ in range(calls):
        way()
    synchronise(device)
    return (time.perf_counter() - began) / calls


def peak(device: str | torch.device = "cpu", size: int | None = None) -> float:
    """Operations a second (a product and a sum are two) in the product of two square matrices.

    Args:
        size: rows and columns; default: large enough for the device to be busy.
    """
    product, operations = _product(device, size)
    return operations / medians({0: product}, device=device)[0]


def _product(device, size=None):
    size = size or (1024 if torch.device(device).type == "cpu" else 8192)
    left, right = torch.randn(2, size, size, device=device)
    return lambda: left @ right, 2 * size**3


def bandwidth(device: str | torch.device = "cpu", mebibytes: float = 128) -> float:
    """Bytes a second from and to memory, measured by copying ``mebibytes`` (read and written)."""
    copying, moved = _copy(device, mebibytes)
    return moved / medians({0: copying}, device=device)[0]


def _copy(device, mebibytes=128):
    source = torch.zeros(int(mebibytes * 2**18), device=device)
    target = torch.zeros_like(source)
    return lambda: target.copy_(source), 2 * 4 * len(source)


class Work(NamedTuple):
    """What a layer does to a batch: arithmetic operations, and bytes that it has to move."""

    operations: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations a byte: the operational intensity of [Williams 2009]."""
        return self.operations / self.bytes


_EACH = {  # operations for each number of the output, where a layer multiplies no weights
    # in training: a sum, a square and a sum for mean and variance; times a factor, plus an offset
    "BatchNorm2d": lambda layer: 5,
    "ReLU": lambda layer: 1,  # a comparison
    "MaxPool2d": lambda layer: math.prod(layer.kernel) - 1,
}


def work(layer: Layer, batch: int, bytes_each: int = 4) -> Work:
    """The work of a layer's forward pass on ``batch`` images, from a row of ``layers.trace``.

    A multiply-accumulate counts two operations. Input, parameters and output are moved once each,
    as if the layer were alone and nothing of them were still in a cache.

    Args:
        bytes_each: of one number; 4 for float32, 2 for bfloat16.

    Raises:
        ValueError: no rule for this kind of layer.
    """
    values_in, values_out = math.prod(layer.input_shape), math.prod(layer.output_shape)
    if layer.macs:
        operations = 2 * layer.macs * batch
    elif layer.kind in _EACH:
        operations = _EACH[layer.kind](layer) * values_out * batch
    else:
        raise ValueError(
            f"how many operations a {layer.kind} takes is not known; known are layers with weights "
            f"and {', '.join(_EACH)}."
        )
    return Work(operations, bytes_each * (batch * (values_in + values_out) + layer.parameters))


class Turns(NamedTuple):
    """Median seconds of each innermost layer (by name) and of the whole model; the limits."""

    layers: dict[str, float]
    whole: float
    peak: float
    bandwidth: float


def in_turns(model: nn.Module, images: torch.Tensor, rounds: int = 7) -> Turns:
    """Forward passes of each layer alone and of all, :func:`peak` and :func:`bandwidth`, in turns.

    A copy of the model runs, in training mode and with what the gradients need.

    Args:
        images: N x C x H x W floats, on the model's device; each layer gets what it would get.
    """
    model = copy.deepcopy(model).train()
    inner = {name: part for name, part in model.named_modules() if not list(part.children())}
    given = {}

    def keep(name):
        return lambda _, arguments: given.setdefault(name, arguments[0].detach().requires_grad_())

    hooks = [part.register_forward_pre_hook(keep(name)) for name, part in inner.items()]
    model(images)
    for hook in hooks:
        hook.remove()
    ways = {name: lambda name=name: inner[name](given[name]) for name in given}
    product, operations = _product(images.device)
    copying, moved = _copy(images.device)
    ways |= {"whole": lambda: model(images), "product": product, "copy": copying}
    found = medians(ways, rounds, images.device)
    whole, multiplying, moving = (found.pop(name) for name in ("whole", "product", "copy"))
    return Turns(found, whole, operations / multiplying, moved / moving)


def calls(task: Callable[[], object]) -> int:
    """How many of torch's operators ``task`` calls (torch.profiler)."""
    # the profiler writes its own log past Python, where a notebook would show it
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as watched:
        task()
    return sum(row.count for row in watched.key_averages() if row.key.startswith("aten::"))


def _stage(inputs: int, outputs: int, order: str) -> list[nn.Module]:
    layers = {
        "convolution": nn.Conv2d(inputs, outputs, 3, padding=1),
        "norm": nn.BatchNorm2d(outputs),
        "ReLU": nn.ReLU(),
        "pooling": nn.MaxPool2d(2),
    }
    return [layers[name] for name in order.split()]


ORDERS = {  # where the pooling stands -> the layers of a stage in their order
    "last": "convolution norm ReLU pooling",
    "before ReLU": "convolution norm pooling ReLU",
    "before batch norm": "convolution pooling norm ReLU",
}


def network(order: str = ORDERS["last"]) -> nn.Sequential:
    """Two stages of 3 x 3 convolutions with 32 and 64 channels, one linear layer; N x 1 x 28 x 28.

    Args:
        order: the four layers of a stage, with blanks between them; see :data:`ORDERS`.
    """
    stages = [*_stage(1, 32, order), *_stage(32, 64, order)]
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(64 * 7 * 7, 10))


class Switches(NamedTuple):
    """How a training step is computed; what :func:`switched` measures."""

    bfloat16: bool = False
    channels_last: bool = False
    pooling: str = "last"
    batch: int = 128


def switched(
    train: Split,
    batches: Sequence[int] = (32, 64, 128),
    rounds: int = 3,
    device: str | torch.device = "cpu",
) -> dict[Switches, list[float]]:
    """Seconds an image of forward, backward and update of :func:`network`, for every setting.

    Of each all rounds, the quickest first: so few would not give a steady median.
    bfloat16 is tried only where the hardware multiplies it (``training.precision``): emulated it
    would be several times slower than float32.
    """
    device = torch.device(device)
    able, _ = precision(network(), device)
    settings = product([False, True][: 1 + able], [False, True], ORDERS, batches)
    ways = {state: _step(train, state, device) for state in map(Switches._make, settings)}
    seconds = medians(ways, rounds, device, pick=sorted)
    return {state: [one / state.batch for one in taken] for state, taken in seconds.items()}


def _step(train: Split, state: Switches, device: torch.device) -> Callable[[], None]:
    """One training step as ``training.fit`` makes it, as a function."""
    layout = torch.channels_last if state.channels_last else torch.contiguous_format
    model = network(ORDERS[state.pooling]).to(device, memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, nesterov=True)
    images, labels = train.images[: state.batch].to(device), train.labels[: state.batch].to(device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=state.bfloat16):
            scores = model(as_float(images).contiguous(memory_format=layout))
        optimizer.zero_grad()
        F.cross_entropy(scores.float(), labels).backward()
        optimizer.step()

    return step
