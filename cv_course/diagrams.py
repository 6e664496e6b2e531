"""Networks as rows of cuboids, drawn from a traced model: no picture drifts from the code."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Polygon

from cv_course.plots import COLOURS, figure

_LOOKS = {  # kind of block: (colour, hatch, words in the legend)
    "input": ("#d9d9d4", "", "image"),
    "convolution": (COLOURS[5], "", "convolution"),
    "pooling": (COLOURS[4], "///", "pooling"),
    "full": (COLOURS[2], "...", "full layer"),
    "other": ("#b9a7c7", "---", "flatten"),
}
_SIDE, _DEPTH, _RISE = 4.0, 0.42, 0.30  # of the largest map: height, and how far its depth goes
_WIDTH = 10  # inches; the height follows from the drawing
_CROWDED = 14  # blocks; with more the labels become short


@dataclass(frozen=True)
class Block:
    """One cuboid or bar of the diagram.

    ``kind`` is input, convolution, pooling, full or other; ``words`` say how the block came about
    (empty for the input); ``shape`` is (C, H, W) or (D,); ``window`` the (height, width) of what
    one of its elements reads of the block before, or None; ``name`` is the layer's.
    """

    kind: str
    words: tuple[str, ...]
    shape: tuple[int, ...]
    window: tuple[int, int] | None = None
    name: str = ""

    @property
    def label(self) -> str:
        """The shape in words."""
        first, *rest = self.shape
        return f"{first:,}\n{'×'.join(map(str, rest))}" if rest else f"{first:,}"


def architecture_blocks(trace) -> tuple[Block, ...]:
    """What :func:`architecture` draws, without the drawing.

    Args:
        trace: the rows of ``layers.trace(model, (C, H, W))``.

    Raises:
        ValueError: no rows, or shapes that are neither C x H x W nor D.
    """
    rows = list(trace)
    if not rows:
        raise ValueError("the trace holds no layers; give it what layers.trace(model, size) gives.")
    if odd := [row.name for row in rows if len(row.output_shape) not in (1, 3)]:
        raise ValueError(
            f"only maps C x H x W and vectors D can be drawn; these layers give something else: "
            f"{', '.join(odd)}."
        )
    blocks = [Block("input", (), tuple(rows[0].input_shape))]
    for row in filter(_makes_a_block, rows):
        kind, words = _kind_and_words(row)
        window = tuple(row.kernel) if row.kernel is not None else None
        blocks.append(Block(kind, words, tuple(row.output_shape), window, row.name))
    return tuple(blocks)


def architecture(trace, *, title: str = "", legend: bool = True, axis=None) -> Figure:
    """A network as a row of cuboids, each the maps that one layer hands to the next.

    Height and depth of a cuboid stand for the maps' height and width, its thickness for the
    channels, all as square roots (true to scale, the late maps would be dots); the bars are
    vectors, their length a logarithm. A small window shows what one element reads of the maps
    before. Layers are drawn in the order in which they run: branches stand one after the other.

    Args:
        trace: the rows of ``layers.trace(model, (C, H, W))``.
        legend: whether to say which look means what.
        axis: draw into this one of a figure of your own.

    Raises:
        ValueError: see :func:`architecture_blocks`.

    >>> from cv_course import layers                                        # doctest: +SKIP
    >>> architecture(layers.trace(vgg("A"), (3, 224, 224)))                 # doctest: +SKIP
    """
    blocks = architecture_blocks(trace)
    places = _layout(blocks)
    right = max(place.x + place.thick + place.deep for place in places) + 0.3
    high = max(place.tall / 2 + place.rise for place in places)
    low = min(-place.tall / 2 for place in places)
    top, bottom = high + (1.0 if len(blocks) > _CROWDED else 1.5), low - 1.5
    if axis is None:
        height = max(2.0, _WIDTH * (top - bottom) / (right + 0.3)) + (0.3 if title else 0)
        axis = figure(_WIDTH, height)[1]
    for before, block, source, target in zip(blocks, blocks[1:], places, places[1:], strict=False):
        _connect(axis, before, block, source, target.x)
    for block, place in zip(blocks, places, strict=True):
        _solid(axis, block, place)
    _label(axis, blocks, places, high + 0.12, low - 0.2)
    axis.set(xlim=(-0.3, right), ylim=(bottom, top), aspect="equal", title=title)
    axis.set_axis_off()
    if legend:
        _legend(axis, blocks)
    return axis.figure


# --- what is drawn -------------------------------------------------------------------------------


def _makes_a_block(row) -> bool:
    """Layers with weights, and whatever changes the shape (but for C x 1 x 1 to C)."""
    given, made = tuple(row.input_shape), tuple(row.output_shape)
    flat = given[0] == made[0] and math.prod(given) == math.prod(made)
    return row.kind.startswith(("Conv", "Linear")) or not (given == made or flat)


def _kind_and_words(row) -> tuple[str, tuple[str, ...]]:
    size = ("×".join(map(str, row.kernel)),) if row.kernel is not None else ()
    steps = tuple(row.stride) if row.stride is not None else (1, 1)
    step = ("stride " + ", ".join(map(str, dict.fromkeys(steps))),)
    if row.kind.startswith("Conv"):
        return "convolution", ("conv", *size, *(step if set(steps) != {1} else ()))
    if row.kind.startswith("Linear"):
        return "full", ("full",)
    if "Pool" in row.kind or "ubsampl" in row.kind:
        name = "max pool" if "Max" in row.kind else "average" if "Avg" in row.kind else "pool"
        return "pooling", (name, *size, *step) if size and "Adaptive" not in row.kind else (name,)
    return "other", (row.kind.lower(),)


# --- where it is drawn ---------------------------------------------------------------------------


class _Place(NamedTuple):
    """Left edge, size of the front face, how far the depth goes right and up."""

    x: float
    thick: float
    tall: float
    deep: float
    rise: float


def _layout(blocks: Sequence[Block]) -> list[_Place]:
    scale = _SIDE / math.sqrt(max([side for block in blocks for side in block.shape[1:]] or [1]))
    sizes = [_size(block, scale) for block in blocks]
    x, places = 0.0, []
    for thick, tall, deep, rise in sizes:
        places.append(_Place(x, thick, tall, deep, rise))
        x += max(thick + deep + 0.55, 1.75 if len(blocks) <= _CROWDED else 1.2)
    return places


def _size(block: Block, scale: float) -> tuple[float, float, float, float]:
    """Thickness and height of the front face, and how far right and up the depth goes."""
    first, *sides = block.shape
    if not sides:
        return 0.22, 0.24 * math.log2(max(2, first)), 0.12, 0.08
    tall, back = (scale * math.sqrt(side) for side in sides)
    return max(0.1, 0.062 * math.sqrt(first)), tall, _DEPTH * back, _RISE * back


def _solid(axis, block: Block, place: _Place) -> None:
    """Front (channels x height), top and right side (width x height) of a cuboid."""
    colour, hatch, _ = _LOOKS[block.kind]
    rgb = np.array(to_rgb(colour))
    along, up, back = (place.thick, 0), (0, place.tall), (place.deep, place.rise)
    corner = np.array([place.x, -place.tall / 2])
    for start, one, other, fill, pattern in (
        (corner, along, up, colour, hatch),
        (corner + up, along, back, 0.55 * rgb + 0.45, ""),
        (corner + along, back, up, 0.82 * rgb, ""),
    ):
        corners = start + np.array([(0, 0), one, np.add(one, other), other])
        # not add_patch: the limits are set, and to ask each patch for its own is slow
        axis.add_artist(Polygon(corners, fc=fill, hatch=pattern, ec="black", lw=0.6, zorder=2,
                                gid=block.name))  # fmt: skip


def _connect(axis, before: Block, block: Block, source: _Place, x: float) -> None:
    """Lines from one block to the next, whose left edge is at x."""
    if block.window and len(before.shape) == 3:
        _window(axis, before, block.window, source, (x, 0))
        return
    leave = (source.x + source.thick + source.deep / 2, source.rise / 2)
    axis.add_artist(FancyArrowPatch(leave, (x, 0), arrowstyle="-|>", shrinkA=0, shrinkB=0,
                                    mutation_scale=8, zorder=1, ec="#777777", fc="#777777",
                                    lw=0.9))  # fmt: skip


def _window(axis, before: Block, window, source: _Place, tip) -> None:
    """The window on the right side of the source, and two lines from it to the target."""
    high, wide = (min(1, part / side) for part, side in zip(window, before.shape[1:], strict=True))
    across = 0.5 + wide / 2 * np.array([-1, 1, 1, -1])
    up = 0.5 + high / 2 * np.array([-1, -1, 1, 1])
    x = source.x + source.thick + across * source.deep
    y = -source.tall / 2 + across * source.rise + up * source.tall
    axis.add_artist(Polygon(np.c_[x, y], fc="white", ec="black", lw=0.8, zorder=5))
    look = {"color": "#555555", "lw": 0.7, "ls": "-", "marker": ""}
    axis.plot([x[1], tip[0], x[2]], [y[1], tip[1], y[2]], zorder=4, **look)


def _label(axis, blocks, places, above: float, below: float) -> None:
    crowded, before = len(blocks) > _CROWDED, ()
    for block, place in zip(blocks, places, strict=True):
        words, label = block.words, block.label
        if crowded:  # the look says the kind, and only what is new is said
            words = tuple(word for word in words if "×" in word or "stride" not in word)
            words = words[1:] if len(words) > 1 else tuple(word[:4] for word in words)
            if before and block.shape[1:] == before[1:]:
                label = "" if block.shape == before else label.split("\n")[0]
        style = {"ha": "center", "fontsize": 7.5}
        centre = place.x + place.thick / 2 + place.deep / 4
        axis.text(centre, above, "\n".join(words), va="bottom", **style)
        axis.text(centre, below, label, va="top", **style)
        before = block.shape


def _legend(axis, blocks: Sequence[Block]) -> None:
    handles = [
        Patch(fc=colour, hatch=hatch, ec="black", lw=0.6, label=words)
        for kind, (colour, hatch, words) in _LOOKS.items()
        if any(block.kind == kind for block in blocks)
    ]
    axis.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.02), fontsize=8,
                ncols=len(handles), borderpad=0)  # fmt: skip
