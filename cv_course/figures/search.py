"""Figures of section 03."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cv_course.figures.core import COLOURS, as_picture, new


def _strip(
    axis,
    query: torch.Tensor,
    images: torch.Tensor,
    captions: Sequence[str],
    right: Sequence[bool],
    columns: int,
) -> None:
    """A query and what was found for it; in one axis, since an axis each is drawn slowly.

    The captions (the query's first) stand below; the wrong ones get another colour and a cross.
    """
    height, width = query.shape[-2:]
    looks = [("black", ""), *((COLOURS[0], "✓ ") if good else (COLOURS[1], "✗ ") for good in right)]
    for column, (picture, caption, (colour, sign)) in enumerate(
        zip([query, *images], captions, looks, strict=True)
    ):
        left = column * (width + 3)
        axis.imshow(as_picture(picture), vmin=0, vmax=255, extent=(left, left + width, height, 0))
        axis.add_patch(Rectangle((left, 0), width, height, fill=False, ec=colour, lw=2))
        axis.text(left + width / 2, height + 2, sign + caption, color=colour, fontsize=8,
                  ha="center", va="top")  # fmt: skip
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
    _strip(axis, query, images, ["the query", *captions], right, columns + 1)
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
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()
    axis.legend(ncols=3, loc="upper left", fontsize=8, columnspacing=1.2)
    return figure


def more_data(
    query: torch.Tensor,
    images: torch.Tensor,
    captions: Sequence[str],
    right: Sequence[bool],
    curve: tuple[Sequence[int], Sequence[float]],
    size: int,
    k: int,
) -> Figure:
    """The nearest images among the first ``size``, and accuracy against the number remembered.

    Args:
        query: 1 x H x W; images: 3 x 1 x H x W.
        captions: of the query and of each image; right: whether it has the query's label.
        curve: numbers of images, and the accuracy with each of them.
    """
    figure, (left, axis) = new(9, 2.4, 1, 2, width_ratios=(4, 3))
    _strip(left, query, images, captions, right, columns=4)
    sizes, accuracy = curve
    axis.plot(sizes, accuracy, marker="o")
    axis.plot(size, accuracy[list(sizes).index(size)], "o", ms=12, mfc="none", mew=2, c="black")
    axis.set(
        xscale="log",
        ylim=(0.5, 0.9),
        xlabel="images remembered, N",
        ylabel="accuracy",
        title=f"N = {size:,}, k = {k}",
    )
    axis.set_xticks(sizes, [f"{number:,}" for number in sizes])
    axis.minorticks_off()
    axis.grid(axis="y")
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
