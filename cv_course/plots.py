"""The figures' look, and four pictures with parameters: lines, bars, pictures, numbers.

Each of the four returns a matplotlib figure and shows nothing; :func:`show` puts a figure or an
interactive on the page with a caption to be seen and a text for those who cannot see it. All
take NumPy arrays, tensors or lists. With ``axis=`` they draw into a panel of a larger figure.
"""

import base64
import html
import io
import math
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

from cv_course.drill import as_array

SIGNED = "RdBu_r"  # blue negative, white zero, red positive: always with symmetric limits
WIDEST = 8.0  # inches of the column that a notebook has for figures
SMALL = 9  # points of the text inside a picture; all other text has 10 or 11


# also for the figures that a reader makes
matplotlib.rcParams.update(
    matplotlib.rc_params_from_file(
        Path(__file__).parent / "_data" / "cv_course.mplstyle", use_default_template=False
    )
)
_INSTALLED = font_manager.get_font_names()
_HANGUL = ("Noto Sans CJK KR", "Noto Sans CJK JP", "NanumGothic", "Malgun Gothic")  # for Korean
matplotlib.rcParams["font.family"] = ["DejaVu Sans", *(n for n in _HANGUL if n in _INSTALLED)]
PAGE = matplotlib.rcParams["figure.facecolor"]
COLOURS = tuple(matplotlib.rcParams["axes.prop_cycle"].by_key()["color"])
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":", (0, (6, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "---", "ooo")
# the n-th line of an axis has the n-th colour, marker and line style: no two differ in colour alone
CYCLE = matplotlib.cycler(color=COLOURS, marker=MARKERS, linestyle=STYLES)


def figure(
    width: float = WIDEST,
    height: float = 3.0,
    rows: int = 1,
    columns: int = 1,
    room: Mapping[str, float] | None = None,
    **options,
):
    """An empty figure in house style and its axes: ``(figure, axes)`` as ``plt.subplots`` gives.

    Args:
        width, height: inches, at 100 pixels an inch.
        room: where the axes lie, as ``Figure.subplots_adjust`` takes it. Without it the labels are
            measured, which takes as long as the drawing: say it where each step of a slider draws.
        options: what ``Figure.subplots`` takes (``sharey``, ``width_ratios`` …).

    The figure is not registered with pyplot: nothing shows it twice and nothing has to close it.
    """
    drawing = Figure(figsize=(width, height), layout="none" if room else None)
    axes = drawing.subplots(rows, columns, **options)
    for axis in np.ravel(axes):
        axis.set_prop_cycle(CYCLE)
    if room:
        drawing.subplots_adjust(**room)
    return drawing, axes


# --- on the page ---------------------------------------------------------------------------------


def png(figure: Figure | np.ndarray, small: bool = True) -> bytes:
    """A figure or its raster as PNG. Equal figures give equal bytes (no date, no version inside).

    ``small`` keeps the 256 best colours: a third of the bytes for 30 ms more.
    """
    pixels = raster(figure) if isinstance(figure, Figure) else figure
    buffer, picture = io.BytesIO(), Image.fromarray(pixels).convert("RGB")
    if small:
        # rare colours count, too: a median cut would leave a colour bar grey where few pixels are
        picture = picture.quantize(
            256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        )
        picture.save(buffer, "png", optimize=True)
    else:
        picture.save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def raster(figure: Figure) -> np.ndarray:
    """H x W x 4, uint8. ``savefig`` gives the same, but walks through the figure twice."""
    before, canvas = figure.canvas, FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_canvas(before)
    return np.asarray(canvas.buffer_rgba())


def as_html(figure: Figure | np.ndarray, alt: str, small: bool = True) -> str:
    """The figure as an ``<img>`` element that carries its picture and its alternative text.

    Raises:
        ValueError: ``alt`` has fewer than three words.
    """
    if len((alt or "").split()) < 3:
        raise ValueError(f"alt={alt!r} does not say what the figure shows: write a sentence.")
    picture = base64.b64encode(png(figure, small)).decode()
    return (
        f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{picture}" '
        'style="max-width: 100%">'
    )


def captioned(content: str, caption: str) -> str:
    """HTML with a visible caption below; colour and font are the page's, dark or light.

    Raises:
        ValueError: the caption does not begin with "Figure ".
    """
    number, dot, rest = caption.partition(". ")
    if not caption.startswith("Figure ") or not dot:
        example = "Figure 3.2. Each query and its nearest training images."
        raise ValueError(f"caption={caption!r}: it begins with its number, as in {example!r}")
    return (
        f'<figure style="margin: 0 0 1em">{content}<figcaption style="max-width: 800px">'
        f"<strong>{html.escape(number)}.</strong> {html.escape(rest)}</figcaption></figure>"
    )


def show(drawing, caption: str, alt: str | None = None) -> None:
    """Put a figure or an interactive on the page; a plain script prints caption and text.

    Args:
        drawing: a matplotlib figure, or an interactive (which has its own alternative texts).
        caption: "Figure 3.2. One sentence that says what is shown and what to see."
        alt: of a figure, one or two sentences that say what it *shows* to those who cannot see it.

    Raises:
        ValueError: a caption without a number, or an alternative text of under three words.
    """
    if isinstance(drawing, Figure):
        content = captioned(as_html(drawing, alt), caption)
    else:
        alt = drawing.captioned(caption).alt()
    text = f"[figure] {caption.rstrip('.')}: {alt}"
    if not in_notebook():
        print(text)
    elif isinstance(drawing, Figure):
        from IPython.display import display

        display({"text/html": content, "text/plain": text}, raw=True)
    else:
        drawing._ipython_display_()


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this code (and not a script or a terminal)."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def as_picture(image) -> np.ndarray:
    """One image (1 x H x W, 3 x H x W or H x W) as matplotlib wants it."""
    image = as_array(image)
    if image.ndim == 3:
        image = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    return image


# --- lines and bars ------------------------------------------------------------------------------


def lines(
    series: Mapping[str, object],
    x: Sequence | None = None,
    *,
    xlabel: str,
    ylabel: str,
    logx: bool = False,
    logy: bool = False,
    levels: Mapping[str, float] | None = None,
    labels: bool = True,
    axis=None,
    **properties,
) -> Figure:
    """Curves that differ in colour, marker and line style, each with its name at its right end.

    Args:
        series: name -> one number per ``x``; or runs x numbers: the line is their mean, the dots
            are the runs, the band goes from the lowest to the highest. Or name -> (x, y).
        x: common to all series; without it 1, 2, …
        xlabel, ylabel: quantity and unit.
        levels: name -> height of a dashed line across (chance, a baseline).
        labels: False leaves the names away where a neighbouring panel has them.
        properties: ``title``, ``ylim``, ``xticks``, as matplotlib's ``Axes.set`` takes them.

    Raises:
        ValueError: a series that has not one number for each x, or more series than can be told
            apart.
    """
    axis = axis or figure()[1]
    axis.set(xscale="log" if logx else "linear", yscale="log" if logy else "linear")
    entries = []
    for (name, given), look in zip(series.items(), _told_apart(series), strict=False):
        own_x = isinstance(given, tuple) and len(given) == 2 and np.ndim(given[0]) > 0
        at, given = given if own_x else (x, given)
        runs = np.atleast_2d(as_array(given))
        at = as_array(range(1, runs.shape[-1] + 1) if at is None else at)
        axis.plot(at, runs.mean(0), **look, markevery=max(1, len(at) // 12))
        if len(runs) > 1:
            axis.fill_between(at, runs.min(0), runs.max(0), color=look["color"], alpha=0.15, lw=0)
            for run in runs:
                axis.plot(at, run, ls="", marker=".", ms=4, color=look["color"], alpha=0.5)
        entries.append((runs.mean(0)[-1], name, look))
    entries += [_level(axis, name, height) for name, height in (levels or {}).items()]
    axis.set(xlabel=xlabel, ylabel=ylabel, **properties)
    if "xticks" in properties or logx:
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axis.minorticks_off()
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    if labels and len(entries) > 1:
        _name_at_the_end(axis, entries)
    return axis.figure


def _told_apart(names) -> list[dict]:
    """A look for each of some lines or groups."""
    if len(names) > len(CYCLE):
        most = f"at most {len(CYCLE)} can be told apart; draw several panels, or the rest as one."
        raise ValueError(f"{len(names)} lines or groups in one panel: {most}")
    return [*CYCLE][: len(names)]


def _level(axis, name: str, height: float) -> tuple[float, str, dict]:
    """A dashed line across, and its entry for :func:`_name_at_the_end`."""
    look = {"color": "#555555", "linestyle": (0, (4, 2)), "linewidth": 1.2}
    axis.axhline(height, **look)
    return height, name, look


def _name_at_the_end(axis, entries: Sequence[tuple[float, str, dict]]) -> None:
    """A legend whose entries stand as high as the lines end, pushed apart where they would touch.

    Args:
        entries: (height in data, name, look of the line).
    """
    entries = sorted(entries, key=lambda entry: entry[0])
    ends = [(axis.get_xlim()[0], height) for height, *_ in entries]
    heights = (axis.transScale + axis.transLimits).transform(ends)[:, 1]  # parts of the axis
    line = 13.5 / 72 / axis.figure.get_figheight() / axis.get_position().height
    steps = np.arange(len(entries)) * line * max(1 + name.count("\n") for _, name, _ in entries)
    heights = np.minimum(np.maximum.accumulate(heights - steps), 1.02 - steps[-1]) + steps
    for height, (_, name, look) in zip(heights, entries, strict=True):
        one = Legend(axis, [Line2D([], [], **look)], [name], loc="center left", borderpad=0,
                     bbox_to_anchor=(1.0, height), handlelength=2.2, fontsize=SMALL)  # fmt: skip
        axis.add_artist(one).set_clip_on(False)  # else the layout leaves no room for it


def bars(
    values: Mapping[str, object],
    *,
    ylabel: str,
    title: str | None = None,
    ylim: float | None = None,
    levels: Mapping[str, float] | None = None,
    fmt: str | None = None,
    axis=None,
) -> Figure:
    """Bars from 0 with their numbers above; several runs are dots on the bar of their mean.

    Args:
        values: name -> a number or several runs; or name -> {group: a number or several runs},
            drawn as groups of bars with a legend.
        ylabel: quantity and unit.
        ylim: the highest value.
        levels: name -> height of a dashed line across (chance, a baseline).
        fmt: how a number is written above its bar, "{:.0%}"; "" writes none.

    Raises:
        ValueError: the axis is logarithmic, where the length of a bar means nothing.
    """
    axis = axis or figure()[1]
    if axis.get_yscale() == "log":
        raise ValueError("bars begin at 0, which no logarithmic axis has; draw points with lines.")
    grouped = all(isinstance(value, Mapping) for value in values.values())
    table = values if grouped else {name: {"": value} for name, value in values.items()}
    groups = list(dict.fromkeys(group for row in table.values() for group in row))
    wide, written = 0.8 / len(groups), []
    dots = {"ls": "", "marker": "o", "ms": 4.5, "mfc": "white", "mec": "black", "zorder": 4}
    for number, (group, look) in enumerate(zip(groups, _told_apart(groups), strict=True)):
        places = [place for place, row in enumerate(table.values()) if group in row]
        found = [np.ravel(as_array(row[group])) for row in table.values() if group in row]
        at, means = np.array(places) - 0.4 + (number + 0.5) * wide, [runs.mean() for runs in found]
        axis.bar(at, means, 0.9 * wide, color=look["color"], hatch=HATCHES[number], ec="white",
                 lw=0, label=group)  # fmt: skip
        for middle, runs in zip(at, found, strict=True):
            if len(runs) > 1:
                axis.plot(middle + wide * np.linspace(-0.2, 0.2, len(runs)), runs, **dots)
            written.append((runs.mean(), middle, max(0, *runs)))
    if fmt is None:
        fmt = _digits([mean for mean, *_ in written]) if len(written) <= 16 else ""
    for mean, at, top in written:
        axis.annotate(fmt.format(mean), (at, top), (0, 5), textcoords="offset points", ha="center",
                      fontsize=SMALL, bbox={"fc": PAGE, "ec": "none", "pad": 0.6})  # fmt: skip
    room = max(8, 96 // len(table))
    names = [textwrap.fill(name, room, break_long_words=False) for name in table]
    axis.set_xticks(range(len(table)), names)
    axis.tick_params(axis="x", length=0, labelsize=10 if len(table) < 8 else SMALL)
    axis.set(ylabel=ylabel, title=title or "", xlim=(-0.6, len(table) - 0.4))
    tallest = max(0, *(top for *_, top in written), *(levels or {}).values())
    axis.set_ylim(min(0, *axis.get_ylim()), ylim or 1.12 * tallest)
    axis.axhline(0, color="black", lw=0.8)
    if levels:
        _name_at_the_end(axis, [_level(axis, *level) for level in levels.items()])
    if grouped:
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(groups), fontsize=SMALL,
                    borderaxespad=0.2)  # fmt: skip
    return axis.figure


def _digits(values: Sequence[float]) -> str:
    """Three digits of the largest: .847, 12.3, 1,234."""
    largest = max(map(abs, values), default=0) or 1
    return f"{{:,.{min(3, max(0, 2 - math.floor(math.log10(largest))))}f}}"


# --- pictures and numbers ------------------------------------------------------------------------


def pictures(
    images,
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    size: float = 1.0,
    signed: bool = False,
    scale: str | tuple[float, float] = "shared",
    bar: str | None = None,
    frames: Sequence[str | None] | None = None,
    row_names: Sequence[str] | None = None,
    axis=None,
) -> Figure:
    """Images side by side in one axis, which is far quicker to draw than an axis each.

    Args:
        images: N x C x H x W with one or three channels, or a list of images of any sizes.
        titles: above each image; or as many as there are columns: above the first row only.
        columns: images a row.
        size: inches an image is wide, less where the row would be wider than the page.
        signed: red for positive, blue for negative, white for 0.
        scale: "shared", ``uint8`` from 0 to 255, other numbers from the lowest to the highest of
            all; "own", each image from its lowest to its highest; or (lowest, highest). Colour
            images that are no ``uint8`` are taken to be in 0 to 1.
        bar: what a colour bar on the right measures, "weight".
        frames: a colour for each image; None for a thin grey line.
        row_names: on the left of each row.

    Raises:
        ValueError: another number of channels, titles that do not fit, a colour bar for images
            that have each a scale of their own.
    """
    images = [as_picture(image) for image in images]
    if not images or any(one.ndim != 2 and one.shape[2:] != (3,) for one in images):
        raise ValueError(
            "expected images of one or three channels, N x C x H x W or a list of C x H x W; "
            f"came {len(images)} with height, width, channels {[one.shape for one in images[:3]]}."
        )
    columns = columns or (len(images) if len(images) <= 10 else 8 if len(images) % 10 else 10)
    rows = -(-len(images) // columns)
    titles = list(titles or [])
    if len(titles) not in (0, columns, len(images)):
        wanted = f"give one for each, or one for each of the {columns} columns."
        raise ValueError(f"{len(titles)} titles for {len(images)} images: {wanted}")
    if bar and scale == "own":
        raise ValueError('one colour bar cannot measure images with scale="own"; use "shared".')
    left, right = _room(row_names), 0.95 if bar else 0.03
    size = min(size, (WIDEST - left - right) / columns)
    titles = [_wrapped(title, size) for title in titles]
    tops, bottom, gap = [], 0.0, 0.06  # in widths of an image, as all that is drawn below
    for row in range(rows):
        part = slice(row * columns, (row + 1) * columns)
        lines = max((title.count("\n") + 1 for title in titles[part] if title), default=0)
        tops.append(bottom + gap + (0.16 * lines + 0.03) / size)
        bottom = tops[-1] + max(one.shape[0] / one.shape[1] for one in images[part])
    axis = axis or _panel(left, columns * size, right, 0.07 if bar else 0.02, bottom * size)
    colours = SIGNED if signed else "gray"
    common = _limits(np.concatenate([one.ravel() for one in images]), images[0], signed, scale)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        x, y, high = column * (1 + gap), tops[row], image.shape[0] / image.shape[1]
        low, top = _limits(image, image, signed, scale) if scale == "own" else common
        if image.ndim == 3:
            image = np.clip((image - low) / (top - low), 0, 1)
        smooth = "antialiased" if image.shape[1] > 100 * size else "nearest"  # a photograph
        drawn = axis.imshow(image, colours, vmin=low, vmax=top, extent=(x, x + 1, y + high, y),
                            interpolation=smooth)  # fmt: skip
        frame = frames[number] if frames is not None else None
        axis.add_artist(Rectangle((x, y), 1, high, fill=False, ec=frame or "#888888",
                                  lw=2.5 if frame else 0.6, clip_on=False))  # fmt: skip
        if number < len(titles):
            axis.text(x + 0.5, y - 0.05 / size, titles[number], ha="center", va="baseline",
                      fontsize=SMALL, linespacing=1.1, in_layout=False)  # fmt: skip
    _bare(axis)
    axis.set(xlim=(0, columns * (1 + gap) - gap), ylim=(bottom, 0), aspect="equal", xticks=[])
    middles = [(top + other) / 2 for top, other in zip(tops, [*tops[1:], bottom], strict=True)]
    axis.set_yticks(middles if row_names else [], row_names or [], fontsize=SMALL)
    if bar:
        _colour_bar(axis, drawn, bar)
    return axis.figure


def numbers(
    matrix,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    fmt: str = "{:.0f}",
    signed: bool = False,
    scale: str | tuple[float, float] = "own",
    colours: str = "Blues",
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
    axis=None,
) -> Figure:
    """A matrix as coloured squares with its numbers in them: confusions, pixels, weights.

    Args:
        matrix: rows x columns.
        rows, columns: names on the left and above.
        fmt: how a number is written; "" writes none.
        signed: red for positive, blue for negative, white for 0.
        scale: (lowest, highest) of the colours; "own", those of the matrix.
        colours: a colour map of matplotlib, "gray" for pixels.
        xlabel, ylabel: what the columns and the rows are.

    Raises:
        ValueError: no matrix; names that do not fit; more columns than can be read at 8 inches.
    """
    matrix = as_array(matrix)
    if matrix.ndim != 2 or matrix.shape != (len(rows or matrix), len(columns or matrix[0])):
        raise ValueError(
            f"expected a matrix with a name for each row and column; came the shape {matrix.shape}"
            f" with {len(rows or ())} names of rows and {len(columns or ())} of columns."
        )
    texts = [[fmt.format(value).replace("-", "−") for value in row] for row in matrix]
    longest = max(len(text) for row in texts for text in row)
    left = _room(rows) + (0.25 if ylabel else 0)
    right = 0.77 * _room(columns)
    size = min(max(0.3, 0.2 + 0.075 * longest), (WIDEST - left - right) / matrix.shape[1])
    points = min(SMALL, int((size - 0.04) / (longest or 1) / 0.0085))
    if points < 7:
        raise ValueError(
            f"{matrix.shape[1]} columns of {longest} letters cannot be read in {WIDEST:g} inches; "
            'show a part of the matrix, or write no numbers with fmt="".'
        )
    slanted = _room(columns) > size + 0.1
    above = 0.05 + (_room(columns) * 0.64 + 0.12 if slanted else 0.25 if columns else 0)
    above += (0.22 if xlabel else 0) + (0.27 if title else 0)
    axis = axis or _panel(left, matrix.shape[1] * size, right, above, len(matrix) * size)
    low, high = _limits(matrix, matrix, signed, scale)
    drawn = axis.imshow(matrix, SIGNED if signed else colours, vmin=low, vmax=high)
    bright = drawn.to_rgba(matrix)[..., :3] @ (0.2126, 0.7152, 0.0722)
    for row, column in np.ndindex(matrix.shape):
        ink = "black" if bright[row, column] > 0.45 else "white"
        axis.text(column, row, texts[row][column], ha="center", va="center", fontsize=points,
                  color=ink, in_layout=False)  # fmt: skip
    _bare(axis)
    axis.spines[:].set(visible=True, color="#888888", linewidth=0.6)
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    turned = {"rotation": 40, "ha": "left", "rotation_mode": "anchor"} if slanted else {}
    axis.set_xticks(range(len(columns or ())), columns or (), fontsize=SMALL, **turned)
    axis.set_yticks(range(len(rows or ())), rows or (), fontsize=SMALL)
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title or "")
    return axis.figure


def _panel(left: float, width: float, right: float, above: float, height: float):
    """The axis of a new figure, all in inches: said instead of measured, it is drawn in half the
    time, and the layout of labels beside an axis of fixed proportions does not have to converge."""
    wide, high = left + width + right, above + height + 0.04
    room = {"left": left / wide, "right": 1 - right / wide, "bottom": 0.04 / high}
    return figure(wide, high, room={**room, "top": 1 - above / high})[1]


def _room(names: Sequence[str] | None) -> float:
    """Inches for the longest of some names."""
    lines = [line for name in names or () for line in name.split("\n")]
    return 0.0085 * SMALL * max(map(len, lines)) + 0.08 if lines else 0.03


def _wrapped(text: str, inches: float) -> str:
    """Broken into lines that fit."""
    letters = max(5, int(inches / 0.0078 / SMALL))
    return "\n".join(textwrap.fill(line, letters) for line in str(text).split("\n"))


def _limits(values: np.ndarray, image: np.ndarray, signed: bool, scale) -> tuple[float, float]:
    """What is drawn darkest and brightest; never equal."""
    if signed:
        high = float(np.nanmax(np.abs(values if isinstance(scale, str) else scale)))
        low = -high
    elif not isinstance(scale, str):
        low, high = scale
    elif scale == "shared" and (image.dtype == np.uint8 or image.ndim == 3):
        low, high = 0.0, 255.0 if image.dtype == np.uint8 else 1.0
    else:
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - 1, low + 1)


def _bare(axis) -> None:
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def _colour_bar(axis, drawn, label: str) -> None:
    inch = 1 / axis.figure.get_figwidth() / axis.get_position().width
    inset = axis.inset_axes((1 + 0.1 * inch, 0, 0.14 * inch, 1))  # as high as the axis
    made = axis.figure.colorbar(drawn, inset)
    made.set_label(label, size=SMALL)
    made.ax.tick_params(labelsize=8)
