"""How much of the image one unit sees, by a few sums over kernels and strides; no network needed.

The recurrence is that of [Araujo, Norris & Sim 2019]. ``layers.trace`` applies it to every layer of
a network. Below stands what is done to a network before it is looked at.
"""

import contextlib
import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import index
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """What a convolution or a pooling looks at; each value a number or (vertical, horizontal).

    Raises:
        ValueError: no whole numbers, kernel, stride or dilation below 1, padding below 0.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def __post_init__(self):
        for name, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            given = getattr(self, name)
            both = given if isinstance(given, list | tuple) else [given]
            try:
                vertical, horizontal = map(index, [*both, *both] if len(both) == 1 else both)
            except (TypeError, ValueError):
                vertical = horizontal = -1
            if min(vertical, horizontal) < least:
                raise ValueError(
                    f"{name}: expected a whole number of at least {least}, or two of them for the "
                    f"vertical and the horizontal direction; got {given!r}."
                )
            object.__setattr__(self, name, (vertical, horizontal))


class Field(NamedTuple):
    """What the elements of a feature map see, (vertical, horizontal), in pixels of the image.

    Element (i, j) sees ``size`` pixels from ``start + (i, j) * jump`` on. They may begin or end
    outside of the image, in the padding.
    """

    size: Pair = (1, 1)
    jump: Pair = (1, 1)
    start: Pair = (0, 0)

    def through(self, window: Window) -> "Field":
        """The same for the map after a convolution or pooling: the recurrence.

        A window of ``kernel`` elements that are ``dilation`` elements apart spans
        ``(kernel - 1) * dilation`` steps from its first element to its last, each of them ``jump``
        pixels long; the last one then sees ``size`` pixels.
        """
        size, jump, start = map(np.array, self)
        kernel, stride, padding, dilation = map(np.array, vars(window).values())
        size = size + (kernel - 1) * dilation * jump
        start = start - padding * jump
        return Field(*(tuple(pair.tolist()) for pair in (size, jump * stride, start)))


def predicted(windows: Iterable[Window]) -> list[Field]:
    """The receptive field after each of some layers, one after the other, by the recurrence

    size_l = size_(l-1) + (kernel_l - 1) * dilation_l * jump_(l-1),   jump_l = jump_(l-1) * stride_l

    from size 1 and jump 1, the pixel itself [Araujo et al. 2019, equations 2 and 3].

    Args:
        windows: from the input on. Layers that look at single positions (ReLU, normalisation by
            stored averages) change nothing and are left out.
    """
    return list(accumulate(windows, Field.through, initial=Field()))[1:]


def ready(model: nn.Module, input_size: Sequence[int]) -> nn.Module:
    """The model; of one with lazy layers, a copy that has seen an image and knows its sizes.

    Raises:
        TypeError: no network, or one whose code cannot be followed.
    """
    wrapped = nn.DataParallel | torch.jit.ScriptModule
    if not isinstance(model, nn.Module) or isinstance(model, wrapped):
        kind = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(
            f"expected a network as it was built (an instance of an nn.Module), got {kind}. Give "
            "model.module of a DataParallel, the model itself instead of its script, and Net() "
            "instead of Net."
        )
    lazy = [t for t in (*model.parameters(), *model.buffers()) if nn.parameter.is_lazy(t)]
    if lazy:
        new = {id(t): type(t)(device=t.device, dtype=t.dtype) for t in lazy}  # torch cannot copy
        model = copy.deepcopy(model, new)
        with evaluating(model), torch.no_grad():
            model(torch.zeros(1, *input_size, device=lazy[0].device))
    return model


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards each of its parts is as it was before."""
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training
