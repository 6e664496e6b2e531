"""The look of the figures, and what every section draws with."""

import base64
import html
import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import torch
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

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


def new(
    width: float = 7,
    height: float = 3,
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
    figure = Figure(figsize=(width, height), layout="none" if room else None)
    axes = figure.subplots(rows, columns, **options)
    if room:
        figure.subplots_adjust(**room)
    return figure, axes


def png(figure: Figure, small: bool = True) -> bytes:
    """The figure as PNG. Equal figures give equal bytes (no date, no version inside).

    ``small`` keeps the 256 best colours: a third of the bytes for 30 ms more.
    """
    buffer, picture = io.BytesIO(), Image.fromarray(raster(figure)).convert("RGB")
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


def as_html(figure: Figure, alt: str, small: bool = True) -> str:
    """The figure as an ``<img>`` element that carries its picture and its alternative text."""
    if len(alt.split()) < 3:
        raise ValueError(
            f"alt={alt!r} does not say what the figure shows; write the sentence that you would "
            "tell a friend on the telephone."
        )
    picture = base64.b64encode(png(figure, small)).decode()
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
