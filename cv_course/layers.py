"""What every layer of a network is and costs, and how much of the image it sees.

``trace`` runs a model once, on the meta device, where tensors have shapes but no content: VGG-19
at 224 x 224 takes a second and no memory. It is the one source of the workbook's tables of
layers (sections 07 to 12).

The operations are followed, not the source code (``cv_course.follow``), so a branch, a sum or a
pooling written as a function in ``forward`` is seen as well. Where there is no rule for what an
operation lets its result see of the image, a warning names it, and nothing is said about receptive
fields from there on.
"""

import warnings
from collections.abc import Sequence

from torch import nn

from cv_course import checked
from cv_course.follow import Layer, follow
from cv_course.receptive import Pair


class Trace(Sequence):
    """The layers in the order in which they ran: ``trace[3]``, ``trace["features.3"]``, a slice.

    ``print(trace)`` gives a table in text, without the columns that no layer fills.
    """

    def __init__(self, layers: Sequence[Layer], input_shape: tuple[int, ...], unused: int = 0):
        self.layers, self.input_shape, self.unused = tuple(layers), tuple(input_shape), unused

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return Trace(self.layers[key], self.input_shape)
        if isinstance(key, str):
            names = [layer.name for layer in self.layers]
            if key not in names:
                raise KeyError(f"there is no layer {key!r}; there are {', '.join(names)}")
            key = names.index(key)  # the first, where a module is used several times
        return self.layers[key]

    def only(self, *kinds: str) -> "Trace":
        """The layers of some kinds, for example ``only("Conv2d", "Linear")``."""
        return Trace([layer for layer in self.layers if layer.kind in kinds], self.input_shape)

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    def __str__(self) -> str:
        columns = {
            "layer": lambda layer: layer.name,
            "kind": lambda layer: layer.kind,
            "kernel": lambda layer: _pair(layer.kernel),
            "stride": lambda layer: _pair(layer.stride),
            "padding": lambda layer: _pair(layer.padding, empty=(0, 0)),
            "dilation": lambda layer: _pair(layer.dilation, empty=(1, 1)),
            "groups": lambda layer: f"{layer.groups}" if (layer.groups or 1) > 1 else "",
            "output": lambda layer: "×".join(map(str, layer.output_shape)),
            "parameters": lambda layer: f"{layer.parameters:,}" if layer.parameters else "",
            "MACs": lambda layer: f"{layer.macs:,}" if layer.macs else "",
            "field": lambda layer: _pair(layer.receptive_field) + "*" * bool(layer.branches),
            "jump": lambda layer: _pair(layer.jump),
        }
        filled = [[title, *map(write, self.layers)] for title, write in columns.items()]
        filled = filled[:2] + [column for column in filled[2:] if any(column[1:])]
        foot = [
            f"input {'×'.join(map(str, self.input_shape))}; {self.parameters:,} parameters, "
            f"{self.macs:,} multiply-adds (MACs) an image; receptive field and jump in pixels"
        ]
        if any(layer.branches for layer in self.layers):
            foot.append("* branches meet: the one that sees most decides (their union counts)")
        if any(layer.receptive_field is None for layer in self.layers):
            foot.append("no receptive field: after an operation that is not known")
        if self.unused:
            foot.append(f"the model has {self.unused:,} more parameters that did not take part")
        for number, column in enumerate(filled):
            width = max(map(len, column))
            side = "<" if number < 2 else ">"  # words to the left, numbers to the right
            filled[number] = [f"{text:{side}{width}}" for text in column]
        rows = ["  ".join(row).rstrip() for row in zip(*filled, strict=True)]
        return "\n".join([*rows, *foot])

    __repr__ = __str__


def _pair(pair: Pair | None, empty: Pair | None = None) -> str:
    if pair is None or pair == empty:
        return ""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"


def count_parameters(model: nn.Module) -> int:
    """How many numbers a model can learn; one that is shared counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def trace(model: nn.Module, input_size: tuple[int, int, int]) -> Trace:
    """What every layer of ``model`` does to an image.

    The model runs once, in evaluation mode, on the meta device (if its code needs real numbers,
    where it is). It is not changed.

    Args:
        input_size: (channels, height, width), without the batch.

    Raises:
        ValueError: no such size, or the model cannot take an image of this size.
        TypeError: no network, or one whose code cannot be followed.

    Warns:
        UserWarning: names the operations that have no rule.
    """
    try:
        channels, height, width = (checked.whole("a size", number, 1) for number in input_size)
    except (TypeError, ValueError):
        raise ValueError(
            f"input_size: expected (channels, height, width), three whole numbers above 0 and no "
            f"batch; got {input_size!r}."
        ) from None
    input_size = channels, height, width
    try:
        found = follow(model, input_size)
    except TypeError:
        raise
    except Exception as problem:
        raise ValueError(
            f"the model cannot take an image of {input_size} (channels, height, width): {problem}"
        ) from problem
    if found.unknown:
        warnings.warn(
            f"layers.trace has no rule for {', '.join(found.unknown)}; receptive fields are left "
            "out from there on (parameters and MACs are counted).",
            stacklevel=2,
        )
    return Trace(found.rows, input_size, found.unread)
