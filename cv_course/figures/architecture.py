"""Networks as rows of cuboids, drawn from a traced model (sections 07, 08 and 10).

What is drawn comes from ``layers.trace``: nothing is typed, so no picture drifts from the code.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Polygon

from cv_course.figures.core import COLOURS, new

_LOOKS = {  # kind of block: (colour, hatch, words in the legend)
    "input": ("#d9d9d4", "", "image"),
    "convolution": (COLOURS[5], "", "convolution"),
    "pooling": (COLOURS[4], "///", "pooling"),
    "full": (COLOURS[2], "...", "full layer"),
    "other": ("#b9a7c7", "---", "flatten"),
}
_SIDE, _DEPTH, _RISE = 4.0, 0.42, 0.30  # of the largest map: height, and how far its depth goes
_CROWDED = 14  # blocks; with more the labels become short


@dataclass(frozen=True)
class Block:
    """One cuboid or bar of the diagram.

    ``kind`` is input, convolution, pooling, full or other; ``words`` say how the block came about
    (empty for the input); ``shape`` is (C, H, W) or (D,); ``window`` the (height, width) of what
    one of its elements reads of the block before, or None; ``halves`` is 2 for two towers;
    ``crosses`` says that each half reads both halves before it. ``names`` are the layers inside:
    that which made the block, and those after it that leave its shape as it is (``then``, by kind).
    """

    kind: str
    words: tuple[str, ...]
    shape: tuple[int, ...]
    window: tuple[int, int] | None = None
    halves: int = 1
    crosses: bool = False
    names: tuple[str, ...] = ()
    then: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The shape in words; the two halves as a sum."""
        first, *rest = self.shape
        width = f"{first:,}" if self.halves == 1 else f"{first // 2:,}+{first // 2:,}"
        return f"{width}\n{'×'.join(map(str, rest))}" if rest else width


def architecture_blocks(trace, towers: bool | None = None) -> tuple[Block, ...]:
    """What :func:`architecture` draws, without the drawing.

    Args:
        trace: the rows of ``layers.trace(model, (C, H, W))``.
        towers: whether to draw the channels in two halves; None: where a layer has ``groups=2``.

    Raises:
        ValueError: no rows, or shapes that are neither C x H x W nor D.
    """
    rows = list(trace)
    if not rows:
        raise ValueError(
            "the trace holds no layers; give it what layers.trace(model, size) returns."
        )
    if odd := [row.name for row in rows if len(row.output_shape) not in (1, 3)]:
        raise ValueError(
            f"only maps C x H x W and vectors D can be drawn; these layers give something else: "
            f"{', '.join(odd)}."
        )
    if towers is None:
        towers = any(row.groups == 2 and row.kind.startswith("Conv") for row in rows)
    makers = [number for number, row in enumerate(rows) if _makes_a_block(row)]
    last = makers[-1] if makers else None
    blocks = [Block("input", (), tuple(rows[0].input_shape))]
    for number, row in enumerate(rows):
        if number not in makers:
            if len(blocks) > 1:  # a ReLU and the like stay with what they follow
                before = blocks[-1]
                blocks[-1] = _with(before, row)
            continue
        kind = _kind(row)
        whole = number == last and kind == "full"  # the scores belong to no tower
        split = towers and not whole and row.output_shape[0] % 2 == 0
        split = split and (blocks[-1].halves == 2 or kind in ("convolution", "full"))
        both = split and blocks[-1].halves == 2
        blocks.append(
            Block(
                kind,
                _words(row),
                tuple(row.output_shape),
                tuple(row.kernel) if row.kernel is not None else None,
                halves=2 if split else 1,
                crosses=both and kind in ("convolution", "full") and row.groups in (1, None),
                names=(row.name,),
            )
        )
    return tuple(blocks)


def architecture(
    trace,
    *,
    mark: str | None = None,
    title: str = "",
    towers: bool | None = None,
    width: float = 10,
    height: float | None = None,
    legend: bool = True,
    axis=None,
) -> Figure:
    """A network as a row of cuboids, each the maps that one layer hands to the next.

    Height and depth of a cuboid stand for the maps' height and width, its thickness for the
    channels, all as square roots (true to scale, the late maps would be dots); the bars are
    vectors, their length a logarithm. A small window shows what one element reads of the maps
    before. With two towers, dark crossing lines show where each reads both. Layers are drawn in the
    order in which they run: branches stand one after the other.

    Args:
        trace: the rows of ``layers.trace(model, (C, H, W))``.
        mark: name of a layer whose block is to stand out.
        towers: draw the channels in two halves; None: where a convolution has ``groups=2``.
        width, height: inches; without height it follows from the drawing.
        legend: whether to say which look means what.
        axis: draw into this one of a figure of your own.

    Raises:
        ValueError: see :func:`architecture_blocks`; or no layer is called ``mark``.

    >>> from cv_course import layers                                        # doctest: +SKIP
    >>> architecture(layers.trace(alexnet(), (3, 227, 227)))                # doctest: +SKIP
    """
    blocks = architecture_blocks(trace, towers)
    if mark is not None and not any(mark in block.names for block in blocks):
        raise ValueError(
            f"no layer called {mark!r}; the layers are "
            f"{', '.join(name for block in blocks for name in block.names)}."
        )
    places = _layout(blocks)
    right = max(place.x + place.thick + place.deep for place in places) + 0.3
    crowded = len(blocks) > _CROWDED
    top = max(place.top for place in places) + (1.5 if not crowded else 1.0)
    bottom = min(place.bottom for place in places) - 1.5
    if axis is None:
        if height is None:
            height = max(2.0, width * (top - bottom) / (right + 0.3)) + (0.3 if title else 0)
        _, axis = new(width, height)
    for before, block, source, target in zip(blocks, blocks[1:], places, places[1:], strict=False):
        _connect(axis, before, block, source, target)
    for block, place in zip(blocks, places, strict=True):
        marked = mark is not None and mark in block.names
        for y in place.middles:
            _solid(axis, block, place, y, marked)
    _label(axis, blocks, places, crowded, mark)
    axis.set(xlim=(-0.3, right), ylim=(bottom, top), aspect="equal", title=title)
    axis.set_axis_off()
    if legend:
        _legend(axis, blocks)
    return axis.figure


# --- what is drawn -------------------------------------------------------------------------------


def _makes_a_block(row) -> bool:
    """Layers with weights, and whatever changes the shape (but for C x 1 x 1 to C)."""
    if row.kind.startswith(("Conv", "Linear")):
        return True
    given, made = tuple(row.input_shape), tuple(row.output_shape)
    return given != made and not (given[0] == made[0] and math.prod(given) == math.prod(made))


def _kind(row) -> str:
    if row.kind.startswith("Conv"):
        return "convolution"
    if row.kind.startswith("Linear"):
        return "full"
    return "pooling" if "Pool" in row.kind or "ubsampl" in row.kind else "other"


def _words(row) -> tuple[str, ...]:
    kind = _kind(row)
    size = "×".join(map(str, row.kernel)) if row.kernel is not None else ""
    steps = tuple(row.stride) if row.stride is not None else (1, 1)
    step = f"stride {steps[0]}" if len(set(steps)) == 1 else f"stride {steps[0]}, {steps[1]}"
    if kind == "convolution":
        return ("conv", size) + ((step,) if set(steps) != {1} else ())
    if kind == "full":
        return ("full",)
    if kind == "pooling":
        name = "max pool" if "Max" in row.kind else "average" if "Avg" in row.kind else "pool"
        return (name, size, step) if size and "Adaptive" not in row.kind else (name,)
    return (row.kind.lower(),)


def _with(block: Block, row) -> Block:
    return Block(
        **{
            **block.__dict__,
            "names": (*block.names, row.name),
            "then": (*block.then, row.kind),
        }
    )


# --- where it is drawn ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Left edge, size of the front face, how far the depth goes right and up, centres of halves."""

    x: float
    thick: float
    tall: float
    deep: float
    rise: float
    middles: tuple[float, ...]

    @property
    def top(self) -> float:
        return max(self.middles) + self.tall / 2 + self.rise

    @property
    def bottom(self) -> float:
        return min(self.middles) - self.tall / 2


def _layout(blocks: Sequence[Block]) -> list[_Place]:
    sides = [side for block in blocks for side in block.shape[1:]] or [1]
    scale = _SIDE / math.sqrt(max(sides))
    two = any(block.halves == 2 for block in blocks)
    widest = max(_size(block, scale)[1] for block in blocks if block.halves == 2) if two else 0
    pitch = 1.75 if len(blocks) <= _CROWDED else 1.2
    x, places = 0.0, []
    for block in blocks:
        thick, tall, deep, rise = _size(block, scale)
        apart = widest / 2 + 0.45
        middles = (apart, -apart) if block.halves == 2 else (0.0,)
        places.append(_Place(x, thick, tall, deep, rise, middles))
        x += max(thick + deep + 0.55, pitch)
    return places


def _size(block: Block, scale: float) -> tuple[float, float, float, float]:
    """Thickness and height of the front face, and how far right and up the depth goes."""
    if len(block.shape) == 1:
        return 0.22, 0.24 * math.log2(max(2, block.shape[0] / block.halves)), 0.12, 0.08
    channels, height, width = block.shape
    thick = max(0.1, 0.062 * math.sqrt(channels / block.halves))
    back = scale * math.sqrt(width)
    return thick, scale * math.sqrt(height), _DEPTH * back, _RISE * back


def _shade(colour: str, towards: float, share: float) -> tuple[float, ...]:
    return tuple((1 - share) * part + share * towards for part in to_rgb(colour))


def _solid(axis, block: Block, place: _Place, middle: float, marked: bool) -> None:
    """Front (channels x height), top and right side (width x height) of a cuboid."""
    colour, hatch, _ = _LOOKS[block.kind]
    left, right = place.x, place.x + place.thick
    low, high = middle - place.tall / 2, middle + place.tall / 2
    deep, rise = place.deep, place.rise
    gid = block.names[0] if block.names else "input"
    line = {"ec": "black", "lw": 2.2 if marked else 0.6, "zorder": 3 if marked else 2}
    faces = (
        ([(left, low), (right, low), (right, high), (left, high)], colour, hatch),
        ([(left, high), (right, high), (right + deep, high + rise), (left + deep, high + rise)],
         _shade(colour, 1, 0.45), ""),
        ([(right, low), (right + deep, low + rise), (right + deep, high + rise), (right, high)],
         _shade(colour, 0, 0.18), ""),
    )  # fmt: skip
    for corners, fill, pattern in faces:
        # not add_patch: the limits of the axis are set, and to ask each patch for its own is slow
        axis.add_artist(Polygon(corners, fc=fill, hatch=pattern, gid=gid, **line))


def _connect(axis, before: Block, block: Block, source: _Place, target: _Place) -> None:
    """Lines from one block to the next; dark and straight through where the towers cross."""
    for y in target.middles:
        for start in source.middles:
            own = start == y or len(source.middles) == 1 or len(target.middles) == 1
            if not own and not block.crosses:
                continue
            exit_x = source.x + source.thick + source.deep / 2
            exit_y = start + source.rise / 2
            tip = (target.x, y)
            if own and block.window and len(before.shape) == 3:
                _window(axis, before, block.window, source, start, tip)
            else:
                colour, lw = ("black", 1.6) if not own else ("#777777", 0.9)
                arrow = FancyArrowPatch(
                    (exit_x, exit_y), tip, arrowstyle="-|>", color=colour, lw=lw, shrinkA=0,
                    shrinkB=0, mutation_scale=8, zorder=4 if not own else 1,
                )  # fmt: skip
                axis.add_artist(arrow)


def _window(axis, before: Block, window, source: _Place, middle: float, tip) -> None:
    """The window on the right side of the source, and two lines from it to the target."""
    high, wide = (min(1, part / side) for part, side in zip(window, before.shape[1:], strict=True))
    x, y = source.x + source.thick, middle - source.tall / 2

    def on_side(across: float, up: float) -> tuple[float, float]:
        return x + across * source.deep, y + across * source.rise + up * source.tall

    corners = [
        on_side(0.5 + a * wide / 2, 0.5 + b * high / 2)
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    axis.add_artist(Polygon(corners, fc="white", ec="black", lw=0.8, zorder=5))
    axis.plot(*zip(corners[1], tip, corners[2], strict=True), color="#555555", lw=0.7, zorder=4)


def _label(axis, blocks, places, crowded: bool, mark: str | None) -> None:
    top = max(place.top for place in places)
    bottom = min(place.bottom for place in places)
    before = None
    for block, place in zip(blocks, places, strict=True):
        centre = place.x + place.thick / 2 + place.deep / 4
        marked = mark is not None and mark in block.names
        words = block.words
        if crowded:  # the look says the kind
            words = tuple(word for word in words if "×" in word or "stride" not in word)
            words = words[1:] if len(words) > 1 else (words[0][:4],) if words else ()
        style = {"ha": "center", "fontsize": 7.5, "weight": "bold" if marked else "normal"}
        axis.text(centre, top + 0.12, "\n".join(words), va="bottom", **style)
        label = block.label
        if crowded and before is not None and block.shape[1:] == before[1:]:  # say what is new
            label = "" if block.shape == before else label.split("\n")[0]
        axis.text(centre, bottom - 0.2, label, va="top", **style)
        before = block.shape


def _legend(axis, blocks: Sequence[Block]) -> None:
    handles = [
        Patch(fc=colour, hatch=hatch, ec="black", lw=0.6, label=words)
        for kind, (colour, hatch, words) in _LOOKS.items()
        if any(block.kind == kind for block in blocks)
    ]
    if any(block.crosses for block in blocks):
        handles += axis.plot([], [], color="black", lw=1.6, label="reads the other tower, too")
    axis.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.02), fontsize=8,
                ncols=len(handles), borderpad=0)  # fmt: skip
