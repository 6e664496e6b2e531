"""Assignment 3: receptive fields, shapes, normalisation. What is asked, not what is right.

Texts, points and the stacks of layers that are tried stand in ``a3.toml``.
"""

import numpy as np

from cv_course.assignments.question import Case, asked, table

_ASKED = table(__name__)
_KINDS, _NUMBERS = ("conv", "pool"), ("kernel", "stride", "padding", "dilation")


# --- receptive_field and trace -------------------------------------------------------------------


def _layer(kernel, channels, stride=1, padding=0, dilation=1) -> dict:
    """A convolution, or where there are no channels a pooling."""
    layer = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    if channels:
        return {"kind": "conv", **layer, "out_channels": channels}
    return {"kind": "pool", **layer}


def _given(question: str):
    """The cases of the table: group, what is tried, a stack of layers or its name, and the rest."""
    for group, about, stack, *more in _ASKED["cases"][question]:
        rows = _ASKED["stacks"][stack] if isinstance(stack, str) else stack
        yield Case(about, ([_layer(*row) for row in rows], *more), group)


def _random_layers(rng: np.random.Generator, count: int) -> list[dict]:
    rows = rng.integers([2, 2, 1, 0, 1], [6, 9, 4, 3, 4], (count, 5)).tolist()
    for row in rows[2::3]:  # poolings
        row[1:] = 0, min(row[0], row[2]), 0, 1
    return [_layer(*row) for row in rows]


def _stacks(rng: np.random.Generator):
    yield from _given("receptive_field")
    for count in (5, 8):
        about = f"{count} layers drawn at random"
        yield Case(about, (_random_layers(rng, count),), "any layers")


def _networks(rng: np.random.Generator):
    yield from _given("trace")
    sides = (int(side) for side in rng.integers([900, 1200], [1000, 1300]))
    arguments = (_random_layers(rng, 5), 3, *sides)
    yield Case("layers drawn at random", arguments, "several layers")


def _as_rows(function, *arguments):
    """A list of shapes is asked for, so that it needs no remark that a list came back."""
    answer = function(*arguments)
    return np.array(answer) if isinstance(answer, list | tuple) else answer


# --- local_response_norm and vectorise -----------------------------------------------------------


def _activations(rng: np.random.Generator):
    for group, about, shape, size, kind, *numbers in _ASKED["cases"]["local_response_norm"]:
        maps = (rng.normal(size=shape) * size).astype(kind)
        yield Case(about, (maps, *numbers), group)


def _maps(rng: np.random.Generator):
    tiny = np.arange(1, 25, dtype=float).reshape(2, 2, 2, 3)
    for mode in ("flatten", "average"):
        for about, maps in (
            ("two images with 2 channels of 2 x 3", tiny.copy()),
            ("the first of them alone", tiny[:1].copy()),
            ("three images with 5 channels of 4 x 2", rng.normal(size=(3, 5, 4, 2)) + 1),
            ("three others of the same shape", rng.normal(size=(3, 5, 4, 2))),
            ("maps of a single position, float32", rng.normal(size=(4, 3, 1, 1)).astype("f4")),
            ("all values negative, one channel", -1 - rng.random((2, 1, 3, 4))),
        ):
            yield Case(f"{about}, {mode}", (maps, mode), mode)


# --- design_layers -------------------------------------------------------------------------------

_LAYERS = 40
_LONG = 4096  # pixels of the row on which a field is measured


def _wishes(rng: np.random.Generator):
    for group, side, field in (("near", 64, 31), ("wide", 96, 63), ("very wide", 160, 127)):
        side, field = side - 4 * int(rng.integers(4)), field - int(rng.integers(8))
        about = f"images of {side} x {side}, a field of {field} pixels"
        yield Case(about, (side, field), group)


def _listed(function, side, field):
    """The layers that were chosen as an array: kind, numbers, channels of each."""
    layers = function(side, field)
    if not isinstance(layers, list | tuple) or not all(isinstance(one, dict) for one in layers):
        raise TypeError("expected a list of dictionaries, one for each layer.")
    rows = []
    for one in layers:
        convolves = one.get("kind") == "conv"
        lacking = {"kind", *_NUMBERS, *["out_channels"] * convolves} - one.keys()
        if lacking or one["kind"] not in _KINDS:
            raise TypeError(f"a layer is {one}: its kind is conv or pool, {lacking} is missing.")
        numbers = [one[key] for key in _NUMBERS]
        rows.append([_KINDS.index(one["kind"]), *numbers, one.get("out_channels", 0)])
    return np.array(rows, float).reshape(-1, 6)


def _judge_layers(case: Case, answers: dict):
    (side, field), rows, said = case.arguments, answers["answer"], _ASKED["said"]
    if rows.ndim != 2 or rows.shape[1] != 6 or not 1 <= len(rows) <= _LAYERS:
        yield [said["count"].format(_LAYERS, len(rows))]
    if (rows % 1).any() or rows.min() < 0 or rows.max() > 512 or rows[:, [1, 2, 4]].min() < 1:
        yield [said["numbers"]]
    found = _measured(rows.astype(int).tolist(), side)
    if isinstance(found, str):
        yield [found]
    bounds = {"field": (field, _LONG), "height": (side / 4, side), **_ASKED["bounds"]}
    yield [
        said[name].format(found[name], least, most)
        for name, (least, most) in bounds.items()
        if not least <= found[name] <= most
    ]


def _measured(layers: list[list[int]], side: int) -> dict[str, int] | str:
    """Weights, multiply-accumulates, field and last shape, by asking torch; what fails is said."""
    import torch
    import torch.nn.functional as F

    maps, weights, macs = torch.empty(1, 3, side, side, device="meta"), 0, 0
    pixels = torch.ones(1, 1, _LONG, dtype=torch.float64, requires_grad=True)
    row = pixels
    for number, (kind, kernel, stride, padding, dilation, channels) in enumerate(layers):
        try:
            if kind:
                maps = F.max_pool2d(maps, kernel, stride, padding, dilation)
            else:
                weight = torch.empty(channels, maps.shape[1], kernel, kernel, device="meta")
                maps = F.conv2d(maps, weight, None, stride, padding, dilation)
                weights += weight.numel()
                macs += weight.numel() * maps.shape[2] * maps.shape[3]
        except RuntimeError:
            return _ASKED["said"]["small"].format(number, tuple(maps.shape[1:]))
        if row.shape[2] > dilation * kernel:
            mean = torch.full((1, 1, kernel), 1 / kernel, dtype=torch.float64)
            row = F.conv1d(row, mean, None, stride, 0, dilation)
    row[0, 0, 0].backward()
    seen = pixels.grad[0, 0].nonzero()
    _, channels, height, _ = maps.shape
    field = int(seen.max() - seen.min()) + 1
    return dict(weights=weights, macs=macs, field=field, channels=channels, height=height)


ASKED = asked(
    __name__,
    receptive_field={"cases": _stacks},
    trace={"cases": _networks, "collect": _as_rows},
    local_response_norm={"cases": _activations},
    vectorise={"cases": _maps},
    design_layers={"cases": _wishes, "collect": _listed, "judge": _judge_layers},
)
