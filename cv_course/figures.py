"""The figures of the workbook, one function each; they return a figure and show nothing.

``show(figure, alt=...)`` puts one on the page together with its alternative text. Importing this
module gives matplotlib the workbook's look.
"""

import base64
import html
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
import torch
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

# Okabe & Ito 2008: told apart with every kind of colour vision. Without their faint yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SIGNED = "RdBu_r"  # blue negative, white zero, red positive: always with symmetric limits


def hangul_font() -> str | None:
    """An installed font that has Hangul, for labels in Korean."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    known = ("Noto Sans CJK KR", "Noto Sans CJK JP", "NanumGothic", "Malgun Gothic")
    return next((name for name in known if name in installed), None)


def _style() -> dict:
    hangul = hangul_font()
    return {
        # An opaque, slightly warm page: black text stays legible when the notebook is dark.
        "figure.facecolor": "#fdfdfb",
        "figure.dpi": 100,
        "figure.constrained_layout.use": True,
        "savefig.facecolor": "auto",
        "axes.facecolor": "#fdfdfb",
        "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.labelsize": 10,
        "font.size": 10,
        "font.family": ["DejaVu Sans", hangul] if hangul else ["DejaVu Sans"],
        "grid.color": "#d9d9d4",
        "image.cmap": "gray",
        "image.interpolation": "nearest",
        "legend.frameon": False,
        "lines.linewidth": 2,
        "lines.markersize": 5,
    }


matplotlib.rcParams.update(_style())  # also for the figures that a reader makes


def new(width: float = 7, height: float = 3, rows: int = 1, columns: int = 1, **options):
    """An empty figure in house style and its axes: ``(figure, axes)`` as ``plt.subplots`` gives.

    Args:
        width, height: inches, at 100 pixels an inch.
        options: what ``Figure.subplots`` takes (``sharey``, ``width_ratios`` …).

    The figure is not registered with pyplot: nothing shows it twice and nothing has to close it.
    """
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, **options)


def png(figure: Figure) -> bytes:
    """The figure as PNG. Equal figures give equal bytes (no date, no version inside)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def as_html(figure: Figure, alt: str) -> str:
    """The figure as an ``<img>`` element that carries its picture and its alternative text."""
    if len(alt.split()) < 3:
        raise ValueError(
            f"alt={alt!r} does not say what the figure shows; write the sentence that you would "
            "tell a friend on the telephone."
        )
    picture = base64.b64encode(png(figure)).decode()
    return (
        f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{picture}" '
        'style="max-width: 100%">'
    )


def show(figure: Figure, alt: str) -> None:
    """Put the figure on the page with its alternative text; in a plain script print the text.

    Args:
        alt: one or two sentences that say what the figure *shows*, not what it is.
    """
    content = as_html(figure, alt)
    if in_notebook():
        from IPython.display import display

        display({"text/html": content, "text/plain": f"[figure] {alt}"}, raw=True)
    else:
        print(f"[figure] {alt}")


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this code (and not a script or a terminal)."""
    import sys

    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def as_picture(image) -> np.ndarray:
    """A tensor of one image (1 x H x W, 3 x H x W or H x W) as matplotlib wants it."""
    image = torch.as_tensor(image).detach().cpu()
    if image.ndim == 3:
        image = image[0] if len(image) == 1 else image.permute(1, 2, 0)
    return image.numpy()


def mosaic(images: torch.Tensor, columns: int, gap: int = 2, fill: float = 255) -> torch.Tensor:
    """Tile N x 1 x H x W images into one H' x W' picture: drawn far faster than N axes."""
    count, _, height, width = images.shape
    rows = -(-count // columns)
    canvas = images.new_full((rows * (height + gap) - gap, columns * (width + gap) - gap), fill)
    for position, image in enumerate(images[:, 0]):
        row, column = divmod(position, columns)
        top, left = row * (height + gap), column * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def image_grid(
    images: torch.Tensor,
    titles: Sequence[str] | None = None,
    columns: int = 10,
    size: float = 0.9,
    signed: bool = False,
) -> Figure:
    """Images side by side, each with a short title above.

    Args:
        images: N x C x H x W.
        size: inches a picture.
        signed: colour by sign (red positive, blue negative) on one scale common to all.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = rows * (size + (0.22 if titles else 0.04))
    figure, axes = new(columns * size, height, rows, columns, squeeze=False)
    limit = float(images.abs().max()) if signed else None
    for position, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if position < len(images):
            picture = as_picture(images[position])
            if signed:
                axis.imshow(picture, cmap=SIGNED, vmin=-limit, vmax=limit)
            else:
                top = 255 if picture.dtype == np.uint8 else None
                axis.imshow(picture, vmin=0 if top else None, vmax=top)
            if titles:
                axis.set_title(titles[position], fontsize=9, loc="center", pad=2)
    return figure


def history(rows: Sequence[dict]) -> Figure:
    """Loss and accuracy per epoch, from the rows of a ``training.History``."""
    figure, (left, right) = new(7, 2.6, 1, 2)
    epochs = [row["epoch"] for row in rows]
    left.plot(epochs, [row["loss"] for row in rows], marker="o")
    left.set(xlabel="epoch", ylabel="cross-entropy", title="Loss on the training images", ylim=0)
    for key, label, marker in (
        ("train_accuracy", "training", "o"),
        ("test_accuracy", "test", "s"),
    ):
        if rows and key in rows[0]:
            right.plot(epochs, [100 * row[key] for row in rows], marker=marker, label=label)
    right.set(xlabel="epoch", ylabel="accuracy (%)", title="Images classified correctly")
    right.legend()
    return figure


def pixels(image: torch.Tensor, row: int, column: int, window: int) -> Figure:
    """A picture (1 x H x W, ``uint8``) with a framed window, and the numbers inside the frame."""
    figure, (left, right) = new(7, 3.2, 1, 2, width_ratios=(1, 1.25))
    picture = as_picture(image)
    part = picture[row : row + window, column : column + window]
    left.imshow(picture, vmin=0, vmax=255)
    frame = (column - 0.5, row - 0.5), window, window
    left.add_patch(Rectangle(*frame, fill=False, color=COLOURS[1], linewidth=2))
    right.imshow(part, vmin=0, vmax=255)
    for (y, x), value in np.ndenumerate(part):
        ink = "black" if value > 127 else "white"
        right.text(x, y, f"{value}", color=ink, ha="center", va="center", fontsize=9)
    for axis in (left, right):
        axis.set_axis_off()
    left.set_title("what you see")
    right.set_title("what the machine gets")
    return figure


def _strip(axis, pictures, captions: Sequence[str], colours: Sequence[str], columns: int) -> None:
    """Pictures side by side, captions below; in one axis, since an axis each is drawn slowly."""
    height, width = pictures[0].shape[-2:]
    for column, (picture, caption, colour) in enumerate(
        zip(pictures, captions, colours, strict=True)
    ):
        left = column * (width + 3)
        axis.imshow(as_picture(picture), vmin=0, vmax=255, extent=(left, left + width, height, 0))
        axis.add_patch(Rectangle((left, 0), width, height, fill=False, ec=colour, lw=2))
        axis.text(left + width / 2, height + 2, caption, color=colour, fontsize=8, ha="center",
                  va="top")  # fmt: skip
    axis.set(xlim=(-1, columns * (width + 3)), ylim=(1.45 * height, -1))
    axis.set_axis_off()


def neighbours(
    query: torch.Tensor,
    images: torch.Tensor,
    captions: Sequence[str],
    right: Sequence[bool],
    title: str,
    columns: int,
) -> Figure:
    """A query and the images that a search found, the nearest first.

    Args:
        query: 1 x H x W in 0 to 255, drawn on that scale.
        images: k x 1 x H x W, ``uint8``.
        captions, right: for each image; the wrong ones get another colour and a cross.
        columns: room for so many images, so that the picture keeps its size when k changes.
    """
    figure, axis = new(0.95 * (columns + 1), 1.6)
    signs = [f"{'✓' if good else '✗'} {text}" for text, good in zip(captions, right, strict=True)]
    colours = [COLOURS[0] if good else COLOURS[1] for good in right]
    _strip(axis, [query, *images], ["the query", *signs], ["black", *colours], columns + 1)
    axis.set_title(title)
    return figure


def label_noise(
    ks: Sequence[int], errors: Sequence[float], noise: float, k: int, bound: float
) -> Figure:
    """Error of the vote of k neighbours against k, between the Bayes risk and the 1-NN limit."""
    figure, axis = new(7, 3.2)
    axis.plot(ks, errors, marker="o", label="measured")
    axis.axhline(noise, color=COLOURS[2], ls="--", label=f"Bayes risk R* = {noise:.2f}")
    axis.axhline(bound, color=COLOURS[1], ls=":", label=f"limit of 1-NN, R*(2 − 2R*) = {bound:.2f}")
    error = errors[list(ks).index(k)]
    axis.plot(k, error, "o", ms=12, mfc="none", mew=2, color=COLOURS[6])
    axis.set(
        xscale="log",
        ylim=(-0.02, 0.72),
        yticks=[0, 0.1, 0.2, 0.3, 0.4, 0.5],
        xlabel="neighbours that vote, k",
        ylabel="error on noisy test labels",
        title=f"{noise:.0%} of the labels flipped, k = {k:,}: error {error:.2f}",
    )
    ticks = [1, 3, 11, 51, 201, ks[-1]]
    axis.set_xticks(ticks, [*map(str, ticks[:-1]), f"{ks[-1]:,} (all)"])
    axis.minorticks_off()
    axis.legend(ncols=3, loc="upper left", fontsize=8, columnspacing=1.2)
    return figure


def more_data(
    query: torch.Tensor,
    images: torch.Tensor,
    captions: Sequence[str],
    curve: tuple[Sequence[int], Sequence[float]],
    size: int,
    k: int,
) -> Figure:
    """The nearest images among the first ``size``, and accuracy against the number remembered.

    Args:
        query: 1 x H x W; images: 3 x 1 x H x W, with a caption each.
        curve: numbers of images, and the accuracy with each of them.
    """
    figure, (left, right) = new(9, 2.4, 1, 2, width_ratios=(4, 3))
    _strip(left, [query, *images], ["the query", *captions], ["black"] * 4, columns=4)
    sizes, accuracy = curve
    right.plot(sizes, accuracy, marker="o")
    right.plot(size, accuracy[list(sizes).index(size)], "o", ms=12, mfc="none", mew=2, c="black")
    right.set(
        xscale="log",
        ylim=(0.5, 0.9),
        xlabel="images remembered, N",
        ylabel="accuracy",
        title=f"N = {size:,}, k = {k}",
    )
    right.set_xticks(sizes, [f"{number:,}" for number in sizes])
    right.minorticks_off()
    right.grid(axis="y")
    return figure


def search_cost(rows: Sequence[dict]) -> Figure:
    """Time, memory and accuracy of a search against the number of images, a line per image size.

    Args:
        rows: dictionaries with ``size`` (pixels an image), ``images``, ``milliseconds`` (a query),
            ``megabytes`` and ``accuracy``.
    """
    figure, axes = new(9, 2.9, 1, 3)
    panels = (
        ("milliseconds", "CPU time a query (ms)", "Time grows with N and with D"),
        ("megabytes", "memory (MB)", "So does memory"),
        ("accuracy", "accuracy", "Accuracy grows slowly"),
    )
    for axis, (key, label, title) in zip(axes, panels, strict=True):
        for size, marker in zip(sorted({row["size"] for row in rows}), "s^o", strict=False):
            line = [row for row in rows if row["size"] == size]
            name = f"D = {size} pixels"
            axis.plot([row["images"] for row in line], [row[key] for row in line], marker=marker,
                      label=name)  # fmt: skip
        axis.set(xlabel="images remembered, N", ylabel=label, title=title)
        axis.grid(axis="y")
    axes[0].set_ylim(0)
    axes[1].legend(fontsize=8)
    return figure
