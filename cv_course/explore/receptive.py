"""Interactives of section 09."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from cv_course import data, figures
from cv_course.explore.core import Interactive, Upload, slider
from cv_course.layers import Layer, Trace
from cv_course.models.s09_receptive import box, effective_size, equal_weights, map_sizes, spread
from cv_course.receptive import Window, predicted

CHOICES = {  # what a place in the layer editor can hold
    "–": None,
    "conv 1": Window(1),
    "conv 3": Window(3, 1, 1),
    "conv 3, no padding": Window(3),
    "conv 3, stride 2": Window(3, 2, 1),
    "conv 3, dilation 2": Window(3, 1, 2, 2),
    "conv 3, dilation 4": Window(3, 1, 4, 4),
    "conv 5": Window(5, 1, 2),
    "conv 7": Window(7, 1, 3),
    "conv 11, stride 4": Window(11, 4),
    "pool 2, stride 2": Window(2, 2),
    "pool 3, stride 2": Window(3, 2),
}
PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")


def layer_editor(
    start: Sequence[str] = ("conv 3", "pool 2, stride 2", "conv 3", "pool 2, stride 2"),
) -> Interactive:
    """Section 09: put layers on top of each other and see what one element of the last map sees.

    Args:
        start: names from ``CHOICES``, from the input on.
    """

    def chosen(names) -> list[tuple[str, Window]]:
        return [(name, CHOICES[name]) for name in names.values() if CHOICES[name]]

    def render(side: int, place: int, **names) -> Figure:
        return figures.cross_section(chosen(names), side, place / 100)

    def alt(side: int, place: int, **names) -> str:
        layers = chosen(names)
        windows = [window for _, window in layers]
        sizes = map_sizes(windows, (side, side))
        fields = predicted(windows[: len(sizes) - 1])
        rows = [
            f"{name}: {count[0]} elements, each sees {field.size[0]} pixels, jump {field.jump[0]}"
            for (name, _), count, field in zip(layers, sizes[1:], fields, strict=False)
        ]
        if len(sizes) <= len(layers):
            rows.append(f"{layers[len(sizes) - 1][0]} no longer fits")
        return f"Above {side} pixels: {'; '.join(rows) or 'nothing'}. The element at {place}%."

    def dropdown(position: int) -> widgets.Dropdown:
        value = start[position] if position < len(start) else "–"
        return widgets.Dropdown(
            options=list(CHOICES), value=value, description=PLACES[position] + " layer",
            layout={"width": "19em"},
        )  # fmt: skip

    empty = dict.fromkeys(PLACES, "–")

    def state(*names: str, **others) -> dict:
        return empty | dict(zip(PLACES, names, strict=False)) | others

    pool = "pool 3, stride 2"
    return Interactive(
        render,
        alt=alt,
        film=[
            state("conv 3", "conv 3", "conv 3", side=32),
            state(*start, side=32),
            state("conv 3", "conv 3, dilation 2", "conv 3, dilation 4", side=32),
            state("conv 11, stride 4", pool, "conv 5", pool, "conv 3", side=227),
        ],
        side=slider("image (pixels)", 8, 256, 1, 32),
        place=slider("which element (%)", 0, 100, 5, 50),
        **{name: dropdown(position) for position, name in enumerate(PLACES)},
    )


def field_on_photo(
    traces: Mapping[str, Trace], photos: Mapping[str, torch.Tensor], layers: Sequence[str] = ()
) -> Interactive:
    """Section 09: the receptive field of any unit of any layer, laid over a photograph.

    Args:
        traces: name of a network -> ``layers.trace`` of it.
        photos: name -> 3 x H x W, ``uint8``; an own one can be put in.
        layers: (for the film) "network: layer" names as in the control.
    """
    kinds = ("Conv2d", "MaxPool2d", "AvgPool2d", "Linear")
    rows: dict[str, tuple[str, Layer]] = {
        f"{name}: {row.name} ({row.kind})": (name, row)
        for name, trace in traces.items()
        for row in trace.only(*kinds)
        if row.receptive_field
    }

    @lru_cache(maxsize=8)
    def picture(photo: str, own: bytes | None, height: int, width: int) -> torch.Tensor:
        return data.fitted(data.photo(own) if own else photos[photo], height, width)

    def unit_and_count(layer: str, down: int, right: int):
        row = rows[layer][1]
        counts = row.output_shape[1:] if row.jump else (1, 1)
        unit = tuple(round(at / 100 * (n - 1)) for at, n in zip((down, right), counts, strict=True))
        return row, unit, counts

    def render(layer: str, down: int, right: int, photo: str, own: bytes | None) -> Figure:
        row, unit, counts = unit_and_count(layer, down, right)
        size = traces[rows[layer][0]].input_shape[1:]
        grid = []
        if row.jump and max(counts) <= 60:
            middles = [
                [start + (side - 1) / 2 + jump * i for i in range(n)]
                for start, side, jump, n in zip(
                    row.start, row.receptive_field, row.jump, counts, strict=True
                )
            ]
            grid = [(y, x) for y in middles[0] for x in middles[1]]
        height, width = row.receptive_field
        title = f"{layer}\nunit {unit} of {counts[0]} × {counts[1]} sees {height} × {width} pixels"
        return figures.field_on_photo(picture(photo, own, *size), box(row, unit), title, grid)

    def alt(layer: str, down: int, right: int, photo: str, own: bytes | None) -> str:
        row, unit, _ = unit_and_count(layer, down, right)
        size = traces[rows[layer][0]].input_shape[1:]
        frame = box(row, unit)
        inside = frame.within(*size)
        beyond = "" if frame == inside else ", and beyond it into the padding"
        return (
            f"{'Your photograph' if own else photo.capitalize()}, of which unit {unit} of {layer} "
            f"sees the rows {inside.top} to {inside.bottom - 1} and the columns {inside.left} to "
            f"{inside.right - 1} of {size[0]} × {size[1]}{beyond}."
        )

    names = list(rows)
    film = [{"layer": name} for name in layers] or [{}, {"layer": names[-1]}]
    film[-1] = film[-1] | {"photo": list(photos)[-1]}
    return Interactive(
        render,
        alt=alt,
        film=film,
        layer=widgets.Dropdown(
            options=names,
            value=film[0].get("layer", names[0]),
            description="layer",
            layout={"width": "26em"},
        ),
        down=slider("unit, from top to bottom (%)", 0, 100, 1, 50),
        right=slider("unit, from left to right (%)", 0, 100, 1, 50),
        photo=widgets.Dropdown(options=list(photos), description="photograph"),
        own=Upload(),
    )


def effective_depth() -> Interactive:
    """Section 09: how much of its receptive field a stack of equal layers really uses."""

    def render(depth: int, kernel: int) -> Figure:
        return figures.profile(equal_weights(depth, kernel), kernel, depth)

    def alt(depth: int, kernel: int) -> str:
        strength = equal_weights(depth, kernel)
        side = len(strength)
        return (
            f"{depth} layer{'s' * (depth > 1)} of {kernel} × {kernel} with equal weights see "
            f"{side} × {side} pixels. The strength has σ = {spread(strength)[0]:.1f} pixels; the "
            f"part in use is {effective_size(strength) / side:.0%} of the side."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{"depth": 1}, {"depth": 2}, {"depth": 5}, {"depth": 40}],
        depth=slider("layers", 1, 60, 1, 5),
        kernel=slider("kernel (pixels)", 3, 11, 2, 3),
    )
