"""The receptive field of any unit of any network, measured: what ``layers.trace`` is held against.

It is the support of a gradient, the pixels that can change a unit at all.
"""

import contextlib
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from cv_course.receptive import Field, Pair, Window, evaluating, ready


class Box(NamedTuple):
    """A rectangle of pixels: rows ``top`` to ``bottom - 1``, columns ``left`` to ``right - 1``."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Pair:
        return self.bottom - self.top, self.right - self.left

    def within(self, height: int, width: int) -> "Box":
        """The part inside an image of this size."""
        ends = min(self.bottom, height), min(self.right, width)
        return Box(max(self.top, 0), max(self.left, 0), *ends)


def box(field, unit: Pair) -> Box:
    """The pixels that one element sees, by a :class:`Field` or a row of ``layers.trace``."""
    size = field.size if isinstance(field, Field) else field.receptive_field
    jump = field.jump or (0, 0)
    top, left = (first + step * i for first, step, i in zip(field.start, jump, unit, strict=True))
    return Box(top, left, top + size[0], left + size[1])


def support(gradient: torch.Tensor) -> Box | None:
    """The smallest box around all that is not zero in a gradient (…, H, W); None if nothing is."""
    places = (gradient != 0).nonzero()[:, -2:]
    if not len(places):
        return None
    return Box(*places.amin(0).tolist(), *(places.amax(0) + 1).tolist())


def unit_gradient(model: nn.Module, images: torch.Tensor, unit: Pair) -> torch.Tensor:
    """The gradient of one unit of the output, in all channels, with respect to the images."""
    model = ready(model, images.shape[1:])
    return _gradient(model, {}, images.detach().requires_grad_(), "", unit)


class _Reached(Exception):
    """Ends a forward pass where it has gone far enough."""


def _gradient(model, state, images, layer, unit) -> torch.Tensor:
    reached = []

    def stop(module, inputs, output):
        reached.append(output)
        raise _Reached

    hook = dict(model.named_modules())[layer].register_forward_hook(stop)
    try:
        with evaluating(model), torch.enable_grad(), contextlib.suppress(_Reached):
            torch.func.functional_call(model, state, (images,))
    finally:
        hook.remove()
    picked = reached[0][:, :, *unit]
    weights = _between(picked.numel()).view_as(picked) if state else torch.ones_like(picked)
    return torch.autograd.grad(picked, images, weights)[0]


def measured(model: nn.Module, input_size, layer: str, unit: Pair) -> Box:
    """The box of pixels within the image that one unit of a layer depends on.

    In the network itself a ReLU may be off, a maximum hides its rivals, and paths can cancel. So
    this measures in a twin: the model's own ``forward``, but all weights are positive, a maximum
    becomes a mean, and activations let everything pass. All paths are open then and none can
    cancel. If all channels see the same, one is enough, which is a thousand times cheaper (10 ms
    for VGG-16); where that does not work, the twin has all channels. The model's weights are not
    used and not changed; it may be on the meta device.
    """
    model = ready(model, input_size)
    state = {name: _positive(t) for name, t in (*model.named_parameters(), *model.named_buffers())}
    for channels in (None, input_size[0]):
        image = torch.ones(1, channels or 1, *input_size[1:], dtype=torch.float64)
        try:
            with _Twin(one_channel=channels is None):
                found = support(_gradient(model, state, image.requires_grad_(), layer, unit))
        except (RuntimeError, IndexError, ValueError):  # it counts or picks its channels
            if channels:
                raise
        else:
            if found:
                return found
    raise ValueError(f"{layer or 'the output'} does not depend on the image at unit {unit}.")


def _positive(tensor: torch.Tensor) -> torch.Tensor:
    """In place of a weight: positive numbers that differ along the last axis and need no room."""
    if not tensor.is_floating_point():
        return torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor
    return _between(tensor.shape[-1] if tensor.ndim else 1).expand(tensor.shape or (1,))


def _between(count: int, *places) -> torch.Tensor:
    """Positive numbers, all different, so that no normalisation takes all of them away.

    ``places``: of a map, each of whose channels gets one of the numbers.
    """
    numbers = torch.linspace(0.5, 1.5, count, dtype=torch.float64)
    return numbers.view(-1, *[1 for _ in places])


class _Twin(TorchFunctionMode):
    """Runs any forward with positive weights and open activations, see :func:`measured`."""

    def __init__(self, one_channel: bool):
        super().__init__()
        self.one_channel = one_channel

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").strip("_")
        if name in _PASSING:
            return args[0] if args else kwargs["input"]
        return (getattr(self, name) if name in _REPLACED else func)(*args, **kwargs)

    def conv2d(self, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        outputs = len(weight)
        if self.one_channel:
            groups = outputs = 1
        inputs = input.unflatten(1, (groups, -1))
        kernel = input.new_full((groups, 1, *weight.shape[2:]), 1 / weight[0, 0].numel())
        sums = (inputs * _between(inputs.shape[2], 1, 1)).sum(2)
        sums = F.conv2d(sums, kernel, None, stride, padding, dilation, groups)
        return sums.repeat_interleave(outputs // groups, 1) * _between(outputs, 1, 1)

    def linear(self, input, weight, bias=None):
        total = (input * _between(input.shape[-1])).sum(-1, keepdim=True)
        return total if self.one_channel else total * _between(len(weight))

    def softmax(self, input, dim=None, *_, **__):
        return input + input.mean(dim, keepdim=True)

    def max_pool2d(
        self, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, **_
    ):
        if dilation in (1, (1, 1)):
            return F.avg_pool2d(input, kernel_size, stride, padding, ceil_mode)
        kernel = input.new_ones(input.shape[1], 1, *Window(kernel_size).kernel)
        stride = kernel_size if stride is None else stride
        return F.conv2d(input, kernel, None, stride, padding, dilation, input.shape[1])

    def adaptive_max_pool2d(self, input, output_size, return_indices=False):
        return F.adaptive_avg_pool2d(input, output_size)


_REPLACED = {"conv2d", "linear", "softmax", "max_pool2d", "adaptive_max_pool2d"}
_PASSING = {
    "relu", "relu6", "hardtanh", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu",
    "silu", "mish", "softplus", "hardswish", "hardsigmoid", "sigmoid", "logsigmoid", "tanh",
    "batch_norm", "local_response_norm", "dropout", "dropout2d", "alpha_dropout",
    "feature_alpha_dropout",
}  # fmt: skip
