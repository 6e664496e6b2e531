"""How much of the image one unit sees, by a few sums over kernels and strides; no network needed.

The recurrence is that of [Araujo, Norris & Sim 2019]. ``layers.trace`` applies it to every layer of
a network.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from cv_course import checked

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
            value = getattr(self, name)
            try:
                both = value if np.ndim(value) else (value, value)
                vertical, horizontal = (checked.whole(name, one, least) for one in both)
            except (TypeError, ValueError):
                raise ValueError(
                    f"{name}: expected a whole number of at least {least}, or two of them for the "
                    f"vertical and the horizontal direction; got {value!r}."
                ) from None
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
