"""Section 09's interactives, and the drawing of a network cut open."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from matplotlib.patches import Polygon, Rectangle

from cv_course import data, plots
from cv_course.film import Interactive, choice, interactive, selection, slider
from cv_course.receptive import Field, Window, predicted
from cv_course.sections.s09_field.model import connected

SEEN, UNIT = plots.COLOURS[0], plots.COLOURS[1]
KINDS = {
    "none": None,
    "conv 3": Window(3, 1, 1),
    "conv 3, stride 2": Window(3, 2, 1),
    "conv 3, dilation 2": Window(3, 1, 2, 2),
    "conv 3, dilation 4": Window(3, 1, 4, 4),
    "conv 5": Window(5, 1, 2),
    "pool 2, stride 2": Window(2, 2),
}


def cut_open(layers: Sequence[tuple[str, Window]], side: int, axis, unit: int | None = None) -> str:
    """Maps as rows of squares above the row of pixels; filled are those that one unit sees.

    A square stands above the middle of what it sees. The layers' names stand between the rows.

    Args:
        layers: (name, window), from the image on.
        side: of the image in pixels.
        unit: in the last map; None is the middle.

    Returns:
        A sentence that says what is drawn.
    """
    windows = [window for _, window in layers]
    count = connected(windows, 0, side)[0][-1]
    unit = count // 2 if unit is None else min(unit, count - 1)
    lengths, seen = connected(windows, unit, side)
    fields = [Field(), *predicted(windows)]
    ends, low, high = [], -1.0, float(side)
    for level, (field, length, own) in enumerate(zip(fields, lengths, seen, strict=True)):

        def middle(element, field=field):
            return field.start[0] + (field.size[0] - 1) / 2 + field.jump[0] * np.asarray(element)

        own = own[(own >= 0) & (own < length)]  # without the zeros of the padding
        ends.append((middle(own[0]), middle(own[-1])))
        size = min(62.0, 30_000 / (high - low) ** 2)
        look = {"marker": "s", "s": size, "zorder": 3}
        axis.scatter(middle(range(length)), [level] * length, fc="#e4e4df", ec="#b5b5b0", lw=0.5,
                     **look)  # fmt: skip
        colour = UNIT if level == len(windows) else SEEN
        axis.scatter(middle(own), [level] * len(own), fc=colour, ec="black", lw=0.6, **look)
    for level, (below, above) in enumerate(pairwise(ends)):
        corners = [(below[0], level), (above[0], level + 1), (above[1], level + 1)]
        axis.add_patch(Polygon([*corners, (below[1], level)], fc=SEEN, alpha=0.16, lw=0))
    first = fields[-1].start[0] + fields[-1].jump[0] * unit
    last = first + fields[-1].size[0]
    axis.plot([first - 0.5, last - 0.5], [-0.4, -0.4], color=UNIT, lw=4, ls="-", marker="")
    axis.text((first + last - 1) / 2, -0.55, f"field: {fields[-1].size[0]} pixels", color=UNIT,
              fontsize=9, ha="center", va="top")  # fmt: skip
    low, high = min(low, first - 1), max(high, last)
    axis.set(xlim=(low - 1, high + 1), ylim=(-1.1, len(layers) + 0.4), xlabel="position (pixels)")
    axis.set_yticks(
        range(len(layers) + 1), ["image", *(f"map {n + 1}" for n in range(len(layers)))]
    )
    between = axis.get_yaxis_transform()
    for level, (name, _) in enumerate(layers):
        axis.text(-0.03, level + 0.5, name, transform=between, color=SEEN, fontsize=9, ha="right",
                  va="center")  # fmt: skip
    axis.spines[["left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    pixels = int(((seen[0] >= 0) & (seen[0] < side)).sum())
    return (
        f"size {fields[-1].size[0]}, jump {fields[-1].jump[0]}: unit {unit} of {count} sees "
        f"{pixels} pixels"
    )


def layer_editor() -> Interactive:
    """Choose four layers, and see along one direction what one unit of the last map sees."""

    def state(*names, **others):
        names = [*names, *["none"] * (4 - len(names))]
        return dict(zip(("first", "second", "third", "fourth"), names, strict=True), **others)

    start = state(*["conv 3"] * 4)
    film = [
        dict(start, unit=16),
        state("conv 3, stride 2", *["conv 3"] * 3, unit=8),
        state(*["conv 3"] * 3, "conv 3, stride 2", unit=8),
    ]

    @interactive(
        film=film,
        **{name: selection(f"{name} layer", list(KINDS), start[name]) for name in start},
        unit=slider("unit (from the left)", 0, 31, 1, 16),
    )
    def layer_editor(unit, **names):
        layers = [(name, KINDS[name]) for name in names.values() if KINDS[name]]
        room = {"left": 0.32, "right": 0.99, "bottom": 0.14, "top": 0.88}
        figure, axis = plots.figure(3.8, 3.8, room=room)
        said = cut_open(layers, 32, axis, unit)
        axis.set_title(said.replace(": ", ":\n"))
        above = ", ".join(name for name, _ in layers) or "no layer"
        return figure, f"Above 32 pixels: {above}. The field has {said}."

    return layer_editor


def field_on_photo(photos: Mapping[str, torch.Tensor], rows: Mapping[str, object]) -> Interactive:
    """A photograph, and the frame of what one unit sees of it; grey lies outside the image.

    Args:
        photos: name -> 3 x H x W, ``uint8``; shown at 224 x 224.
        rows: name of a stage -> its row of ``layers.trace``.
    """
    names, margin = list(rows), 70
    pictures = {name: data.fitted(photo, 224, 224) for name, photo in photos.items()}

    @interactive(
        film=[{"stage": names[0]}, {"stage": names[1]}, {}, {"down": 0, "right": 0}],
        stage=choice("stage", names, names[-1]),
        down=slider("unit, from above (%)", 0, 100, 10, 50),
        right=slider("unit, from the left (%)", 0, 100, 10, 50),
        photo=choice("photograph", list(photos), "cat"),
    )
    def field_on_photo(stage, down, right, photo):
        row = rows[stage]
        count = row.output_shape[1]
        unit = [int(part / 100 * (count - 1) + 0.5) for part in (down, right)]
        top, left = (row.start[0] + row.jump[0] * at for at in unit)
        size = row.receptive_field[0]
        side = 224 + 2 * margin
        canvas = np.full((side, side, 3), 205, np.uint8)
        picture = pictures[photo].permute(1, 2, 0).numpy()
        canvas[margin:-margin, margin:-margin] = picture // 3 + 90
        y, x = top + margin, left + margin
        bright = np.zeros((side, side, 1), bool)
        bright[max(y, 0) : y + size, max(x, 0) : x + size] = True
        bright[:margin] = bright[-margin:] = bright[:, :margin] = bright[:, -margin:] = False
        whole = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)))
        canvas = np.where(bright, whole, canvas)
        room = {"left": 0.02, "right": 0.98, "bottom": 0.02, "top": 0.9}
        figure, axis = plots.figure(3.5, 3.8, room=room)
        axis.imshow(canvas)
        axis.add_patch(Rectangle((x - 0.5, y - 0.5), size, size, fill=False, ec=UNIT, lw=3))
        axis.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
        axis.set_axis_off()
        share = bright.sum() / size**2
        axis.set_title(f"{size} × {size} pixels, {share:.0%} in the image")
        return figure, (
            f"The photograph {photo}. The field of unit ({unit[0]}, {unit[1]}) of {stage}: "
            f"{size} × {size} pixels from row {top} and column {left} on; "
            f"{share:.0%} of them lie in the image."
        )

    return field_on_photo
