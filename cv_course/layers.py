"""What every layer of a network is and costs, and how much of the image it sees.

``trace`` runs a model once, on the meta device, where tensors have shapes but no content: VGG-19
at 224 x 224 takes a second and no memory. It is the one source of the workbook's tables and
architecture diagrams (sections 07 to 11).

The operations are watched, not the source code (``cv_course.watcher``), so a branch, a sum or a
pooling written as a function in ``forward`` is seen as well. Where there is no rule for what an
operation lets its result see of the image, a warning names it, and nothing is said about receptive
fields from there on.
"""

import html
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

Pair = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One layer as it ran. Pairs are (vertical, horizontal); None where a layer has no such thing.

    ``name`` is the module's, as in ``model.named_modules()``; an operation that ``forward`` calls
    as a function is ``module.operation``. Shapes are without the batch: (C, H, W) or (D,).
    ``parameters`` are the layer's own (0 where it is used a second time), ``macs`` its products of
    a weight and an activation, biases and poolings not counted. ``receptive_field``, ``jump`` and
    ``start`` are pixels of the image: the element in row i and column j of the map sees
    ``receptive_field`` pixels from ``start + (i, j) * jump`` on, at the border part of them in the
    padding. ``branches`` holds the receptive fields that met here, if they differ.
    """

    name: str
    kind: str
    kernel: Pair | None = None
    stride: Pair | None = None
    padding: Pair | None = None
    dilation: Pair | None = None
    groups: int | None = None
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    parameters: int = 0
    macs: int = 0
    receptive_field: Pair | None = None
    jump: Pair | None = None
    start: Pair | None = None
    branches: tuple[Pair, ...] = ()


class Trace(Sequence):
    """The layers in the order in which they ran: ``trace[3]``, ``trace["features.3"]``, a slice.

    ``print(trace)`` gives a table in text, a notebook shows one in HTML (:meth:`table`).
    """

    def __init__(self, layers: Sequence[Layer], input_shape: tuple[int, ...], unused: int = 0):
        self.layers, self.input_shape, self.unused = tuple(layers), tuple(input_shape), unused

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Trace(self.layers[index], self.input_shape)
        if isinstance(index, str):  # the first, where a module is used several times
            found = next((layer for layer in self.layers if layer.name == index), None)
            if found is None:
                names = ", ".join(layer.name for layer in self.layers)
                raise KeyError(f"there is no layer {index!r}; there are {names}")
            return found
        return self.layers[index]

    def only(self, *kinds: str) -> "Trace":
        """The layers of some kinds, for example ``only("Conv2d", "Linear")``."""
        return Trace([layer for layer in self.layers if layer.kind in kinds], self.input_shape)

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    def _cells(self) -> tuple[list[str], list[list[str]], list[str]]:
        """Heading, rows and foot of the table; columns that no layer fills are left out."""
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
        cells = [[write(layer) for write in columns.values()] for layer in self.layers]
        used = [i for i in range(len(columns)) if i < 2 or any(row[i] for row in cells)]
        foot = [
            f"input {'×'.join(map(str, self.input_shape))}; {self.parameters:,} parameters, "
            f"{self.macs:,} multiply-adds (MACs) an image; receptive field and jump in pixels"
        ]
        if any(layer.branches for layer in self.layers):
            foot.append("* branches meet: the one that sees most decides (their union counts)")
        if any(layer.receptive_field is None for layer in self.layers):
            foot.append("no receptive field: behind an operation that is not known")
        if self.unused:
            foot.append(f"the model has {self.unused:,} more parameters that did not take part")
        return [list(columns)[i] for i in used], [[row[i] for i in used] for row in cells], foot

    def __str__(self) -> str:
        heading, rows, foot = self._cells()
        widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [heading, *rows]
        ]
        return "\n".join([*lines, *foot])

    def table(self) -> str:
        """The table in HTML."""
        heading, rows, foot = self._cells()

        def line(row: list[str], tag: str) -> str:
            styles = ("text-align: left", "text-align: right")
            return "".join(
                f'<{tag} style="{styles[i > 1]}">{html.escape(cell)}</{tag}>'
                for i, cell in enumerate(row)
            )

        body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
        caption = "<br>".join(map(html.escape, foot))
        return (
            f"<table><thead><tr>{line(heading, 'th')}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{caption}</p>"
        )

    _repr_html_ = table
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

    Warns:
        UserWarning: names the operations that have no rule.
    """
    if len(input_size) != 3 or not all(isinstance(n, int) and n > 0 for n in input_size):
        raise ValueError(
            f"input_size: expected (channels, height, width), three whole numbers above 0 and no "
            f"batch; got {input_size!r}."
        )
    from cv_course.watcher import run  # which makes rows, and so imports this module

    state = dict(model.named_parameters()) | dict(model.named_buffers())
    first = next(iter(state.values()), torch.empty(0))
    dtype = first.dtype if first.is_floating_point() else torch.float32
    nowhere = {name: torch.empty_like(tensor, device="meta") for name, tensor in state.items()}
    try:
        watcher = run(model, nowhere, torch.empty(1, *input_size, dtype=dtype, device="meta"))
    except RuntimeError as problem:
        if first.device.type == "meta":
            raise ValueError(_unfit(input_size, problem)) from None
        try:
            image = torch.zeros(1, *input_size, dtype=dtype, device=first.device)
            watcher = run(model, {}, image)
        except RuntimeError as problem:
            raise ValueError(_unfit(input_size, problem)) from None
    if watcher.unknown:
        warnings.warn(
            f"layers.trace has no rule for {', '.join(watcher.unknown)}; receptive fields are left "
            "out from there on (multiplications inside are not counted either).",
            stacklevel=2,
        )
    used = sum(layer.parameters for layer in watcher.layers)
    return Trace(watcher.layers, input_size, count_parameters(model) - used)


def _unfit(input_size, problem) -> str:
    return f"the model cannot take an image of {input_size} (channels, height, width): {problem}"
