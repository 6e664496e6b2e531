"""The receptive field of any unit of any network, measured: what ``layers.trace`` is held against.

It is the support of a gradient, the pixels that can change a unit at all.
"""

import contextlib
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

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
        return Box(
            max(self.top, 0), max(self.left, 0), min(self.bottom, height), min(self.right, width)
        )


def box(field, unit: Pair) -> Box:
    """The pixels that the element in row ``unit[0]``, column ``unit[1]`` of a map sees.

    Args:
        field: a :class:`Field`, or a row of ``layers.trace``. A layer without ``jump`` (flattened,
            fully connected) is one position: its unit is (0, 0).

    Raises:
        ValueError: the receptive field of this layer is not known.
    """
    size = field.size if isinstance(field, Field) else field.receptive_field
    if size is None:
        raise ValueError(
            f"the receptive field of {field.name} is not known; see the warning of layers.trace."
        )
    jump = field.jump or (0, 0)
    top, left = (first + step * i for first, step, i in zip(field.start, jump, unit, strict=True))
    return Box(top, left, top + size[0], left + size[1])


def support(gradient: torch.Tensor) -> Box | None:
    """The smallest box around all that is not zero in a gradient (…, H, W); None if nothing is."""
    places = (gradient != 0).nonzero()[:, -2:]
    if not len(places):
        return None
    return Box(*places.amin(0).tolist(), *(places.amax(0) + 1).tolist())


def unit_gradient(
    model: nn.Module,
    images: torch.Tensor,
    layer: str = "",
    unit: tuple[int, int] | None = None,
    channel: int | None = None,
) -> torch.Tensor:
    """The gradient of one unit with respect to the images, N x C x H x W.

    The model runs in evaluation mode and only as far as needed, on the device where it is.

    Args:
        images: N x C x H x W, floating-point.
        layer: a module's name, as in ``layers.trace``; "" is the whole model.
        unit: row and column in that layer's map; None is the middle. Where the layer gives a
            vector (N x D) without positions, None is its first element.
        channel: of the map (of the vector: the element); None adds up all channels.

    Raises:
        ValueError: no such layer, unit or channel.
    """
    model = ready(model, images.shape[1:])
    parameter = next(model.parameters(), images)
    images = images.detach().to(parameter.device)
    return _gradient(model, {}, images.requires_grad_(), layer, unit, channel)


class _Reached(Exception):
    """Ends a forward pass where it has gone far enough."""


def _gradient(model, state, images, layer, unit, channel) -> torch.Tensor:
    modules = dict(model.named_modules())
    if layer not in modules:
        raise ValueError(
            f"there is no layer {layer!r} in this model; its layers are "
            f"{', '.join(name for name in modules if name)}."
        )
    reached = []

    def stop(module, inputs, output):
        reached.extend(x for x in tree_leaves(output) if isinstance(x, torch.Tensor))
        raise _Reached

    hook = modules[layer].register_forward_hook(stop)
    try:
        with evaluating(model), torch.enable_grad(), contextlib.suppress(_Reached):
            torch.func.functional_call(model, state, (images,))
    finally:
        hook.remove()
    if not reached:
        raise ValueError(f"layer {layer!r} is not used when this model looks at an image.")
    picked = _pick(reached[0], unit, channel)
    weights = _between(picked.numel()).view_as(picked) if state else torch.ones_like(picked)
    return torch.autograd.grad(picked, images, weights)[0]


def _pick(output: torch.Tensor, unit, channel) -> torch.Tensor:
    """One unit of a layer's output, in all images and channels that are asked for."""
    try:
        if output.ndim != 4:
            return output.flatten(1)[:, channel or 0]
        row, column = unit or (output.shape[2] // 2, output.shape[3] // 2)
        if row < 0 or column < 0:
            raise IndexError
        return output[:, slice(None) if channel is None else channel, row, column]
    except IndexError:
        raise ValueError(
            f"unit {unit}, channel {channel} is not in a layer of shape {tuple(output.shape[1:])} "
            "(channels, height, width)."
        ) from None


def measured(
    model: nn.Module,
    input_size: tuple[int, int, int],
    layer: str = "",
    unit: tuple[int, int] | None = None,
) -> Box:
    """The box of pixels that one unit depends on: the support of its gradient.

    In the network itself a ReLU may be off, a maximum hides its rivals, and paths can cancel. So
    this measures in a twin: the model's own ``forward``, but all weights are positive, a maximum
    becomes a mean, and activations let everything pass. All paths are open then and none can
    cancel. If all channels see the same, one is enough, which is a thousand times cheaper (10 ms
    for VGG-16); where that does not work, the twin has all channels. The model's weights are not
    used and not changed; it may be on the meta device.

    Args:
        input_size: (C, H, W).
        layer, unit: see :func:`unit_gradient`.

    Returns:
        The box within the image. It is smaller than the predicted one where that reaches beyond
        the image.

    Raises:
        ValueError: no such layer or unit, or the layer does not depend on the image.
    """
    model = ready(model, input_size)
    state = {name: _positive(t) for name, t in (*model.named_parameters(), *model.named_buffers())}
    found, threads = None, torch.get_num_threads()
    torch.set_num_threads(1)  # so little work that sharing it would take longer
    try:
        for channels in (None, input_size[0]):
            image = torch.ones(1, channels or 1, *input_size[1:], dtype=torch.float64)
            try:
                with _Twin(one_channel=channels is None):
                    gradient = _gradient(model, state, image.requires_grad_(), layer, unit, None)
                found = found or support(gradient)
            except (RuntimeError, IndexError, ValueError):  # it counts or picks its channels
                if channels:
                    raise
            if found:
                return found
    finally:
        torch.set_num_threads(threads)
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
        by_this_image = name == "batch_norm" and kwargs.get("training")
        if name in _PASSING and not by_this_image:
            return args[0] if args else kwargs["input"]
        if name in _CONVOLUTIONS:
            return self._convolution(func, *args, **kwargs)
        return (getattr(self, name) if name in _REPLACED else func)(*args, **kwargs)

    def _convolution(self, func, input, weight, bias=None, *rest, **options):
        transposed = "transpose" in func.__name__
        names = ("output_padding", "groups", "dilation") if transposed else ("dilation", "groups")
        options |= zip(("stride", "padding", *names), rest, strict=False)
        groups, places = options.pop("groups", 1), weight.shape[2:]
        outputs = weight.shape[1] * groups if transposed else len(weight)
        if self.one_channel:
            groups = outputs = 1
        inputs = input.unflatten(1, (groups, -1))
        kernel = input.new_full((groups, 1, *places), 1 / places.numel())
        sums = (inputs * _between(inputs.shape[2], *places)).sum(2)
        sums = func(sums, kernel, None, groups=groups, **options)
        return sums.repeat_interleave(outputs // groups, 1) * _between(outputs, *places)

    def linear(self, input, weight, bias=None):
        total = (input * _between(input.shape[-1])).sum(-1, keepdim=True)
        return total if self.one_channel else total * _between(len(weight))

    def softmax(self, input, dim=None, *_, **__):
        return input + input.mean(dim, keepdim=True)

    log_softmax = softmax

    def max_pool2d(
        self, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, **_
    ):
        if dilation in (1, (1, 1)):
            return F.avg_pool2d(input, kernel_size, stride, padding, ceil_mode)
        if ceil_mode:
            raise NotImplementedError("a dilated pooling that rounds up its size")
        kernel = input.new_ones(input.shape[1], 1, *Window(kernel_size).kernel)
        stride = kernel_size if stride is None else stride
        return F.conv2d(input, kernel, None, stride, padding, dilation, input.shape[1])

    def adaptive_max_pool2d(self, input, output_size, return_indices=False):
        return F.adaptive_avg_pool2d(input, output_size)


_CONVOLUTIONS = {f"conv{how}{n}d" for how in ("", "_transpose") for n in (1, 2, 3)}
_REPLACED = {"linear", "softmax", "log_softmax", "max_pool2d", "adaptive_max_pool2d"}
_PASSING = {
    "relu", "relu6", "hardtanh", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu",
    "silu", "mish", "softplus", "hardswish", "hardsigmoid", "sigmoid", "logsigmoid", "tanh",
    "batch_norm", "local_response_norm", "dropout", "dropout2d", "alpha_dropout",
    "feature_alpha_dropout",
}  # fmt: skip
