"""Assignment 3: receptive fields, shapes, normalisation. What is asked, not what is right."""

import numpy as np

from cv_course.assignments.question import Case, asked, table

TITLE = "Receptive fields, shapes, normalisation"
STEM = "a3_receptive_fields"
MINUTES = 110
_SAID = table(__name__)["said"]


def _conv(kernel, out_channels, stride=1, padding=0, dilation=1) -> dict:
    layer = {"kind": "conv", "kernel": kernel, "stride": stride, "padding": padding}
    return {**layer, "dilation": dilation, "out_channels": out_channels}


def _pool(kernel, stride) -> dict:
    return {"kind": "pool", "kernel": kernel, "stride": stride, "padding": 0, "dilation": 1}


def _alexnet() -> list[dict]:
    return [
        *(_conv(11, 96, stride=4), _pool(3, 2)),
        *(_conv(5, 256, padding=2), _pool(3, 2)),
        *(_conv(3, 384, padding=1), _conv(3, 384, padding=1), _conv(3, 256, padding=1)),
        _pool(3, 2),
    ]


def _vgg16() -> list[dict]:
    stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    return [
        layer
        for width, count in stages
        for layer in (*[_conv(3, width, padding=1)] * count, _pool(2, 2))
    ]


def _random_layers(rng: np.random.Generator, count: int) -> list[dict]:
    layers = []
    for number in range(count):
        kernel = int(rng.integers(2, 6))
        if number % 3 == 2:
            layers.append(_pool(kernel, int(rng.integers(1, kernel + 1))))
        else:
            stride, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 4))
            out_channels, padding = int(rng.integers(2, 9)), int(rng.integers(0, 3))
            layers.append(_conv(kernel, out_channels, stride, padding, dilation))
    return layers


def _stacks(rng: np.random.Generator):
    plain, networks, gaps = "windows without stride", "famous networks", "any layers"
    yield Case("one 5 x 5 convolution", ([_conv(5, 8)],), plain)
    yield Case("a 3 x 3 and a 5 x 5 convolution", ([_conv(3, 8), _conv(5, 8)],), plain)
    yield Case(
        "a 5 x 5 convolution, then pooling 3 with stride 1", ([_conv(5, 8), _pool(3, 1)],), plain
    )
    yield Case("AlexNet, from conv1 to pool5", (_alexnet(),), networks)
    yield Case("VGG-16, from the first layer to the last pooling", (_vgg16(),), networks)
    yield Case(
        "a 3 x 3 convolution with dilation 4, then one with dilation 2",
        ([_conv(3, 8, dilation=4, padding=4), _conv(3, 8, dilation=2)],),
        gaps,
    )
    for count in (5, 8):
        yield Case(f"{count} layers drawn at random", (_random_layers(rng, count),), gaps)


def _networks(rng: np.random.Generator):
    one, several = "one layer", "several layers"
    yield Case("a 3 x 3 convolution on 2 x 5 x 9", ([_conv(3, 4)], 2, 5, 9), one)
    yield Case(
        "the same with padding 2, stride 2", ([_conv(3, 4, stride=2, padding=2)], 2, 6, 9), one
    )
    yield Case("pooling 2 with stride 2 on 3 x 7 x 10", ([_pool(2, 2)], 3, 7, 10), one)
    yield Case("a 3 x 3 convolution with dilation 3", ([_conv(3, 5, dilation=3)], 2, 9, 12), one)
    yield Case(
        "convolution, overlapping pooling, convolution",
        ([_conv(5, 6, stride=2, padding=1), _pool(3, 2), _conv(3, 7, padding=1)], 3, 23, 40),
        several,
    )
    yield Case(
        "layers drawn at random",
        (
            _random_layers(rng, 5),
            3,
            *(int(side) for side in rng.integers([900, 1200], [1000, 1300])),
        ),
        several,
    )
    yield Case("AlexNet on 3 x 227 x 227", (_alexnet(), 3, 227, 227), "famous networks")
    yield Case("VGG-16 on 3 x 224 x 320", (_vgg16(), 3, 224, 320), "famous networks")


def _as_rows(function, *arguments):
    """A list of shapes is asked for, so that it needs no remark that a list came back."""
    answer = function(*arguments)
    return np.array(answer) if isinstance(answer, list | tuple) else answer


def _activations(rng: np.random.Generator):
    def maps(*shape, size=40):
        return rng.normal(size=shape) * size

    small, paper = "a few channels", "the paper's numbers"
    yield Case(
        "five channels at one position, n = 3, alpha = 1, beta = 1",
        (np.array([1.0, -2.0, 4.0, 3.0, -1.0]).reshape(1, 5, 1, 1), 1.0, 3, 1.0, 1.0),
        small,
    )
    yield Case(
        "two images of 7 channels, 3 x 5", (maps(2, 7, 3, 5, size=2), 1.5, 5, 0.3, 0.6), small
    )
    yield Case(
        "8 channels, 4 x 7, with k = 2, n = 5, alpha = 1e-4, beta = 0.75 and large activations",
        (maps(1, 8, 4, 7, size=200), 2.0, 5, 1e-4, 0.75),
        paper,
    )
    yield Case(
        "the same with 96 channels, float32",
        (maps(3, 96, 5, 4, size=200).astype(np.float32), 2.0, 5, 1e-4, 0.75),
        paper,
    )
    yield Case("other activations and numbers", (maps(1, 8, 4, 7), 1.0, 3, 1e-3, 0.5), paper)
    odd = "wide and narrow windows"
    yield Case("a window of 9 over 4 channels", (maps(2, 4, 3, 6), 2.0, 9, 1e-2, 0.75), odd)
    yield Case("a window of 1", (maps(2, 5, 3, 2), 1.0, 1, 1e-3, 0.5), odd)


def _maps(rng: np.random.Generator):
    tiny = np.arange(1, 25, dtype=float).reshape(2, 2, 2, 3)
    for mode in ("flatten", "average"):
        yield Case(f"two images with 2 channels of 2 x 3, {mode}", (tiny.copy(), mode), mode)
        yield Case(f"the first of them alone, {mode}", (tiny[:1].copy(), mode), mode)
        yield Case(
            f"three images with 5 channels of 4 x 2, {mode}",
            (rng.normal(size=(3, 5, 4, 2)) + 1, mode),
            mode,
        )
        yield Case(
            f"three others of the same shape, {mode}", (rng.normal(size=(3, 5, 4, 2)), mode), mode
        )
        yield Case(
            f"maps of a single position, float32, {mode}",
            (rng.normal(size=(4, 3, 1, 1)).astype(np.float32), mode),
            mode,
        )
        yield Case(
            f"all values negative, one channel, {mode}",
            (-1 - rng.random((2, 1, 3, 4)), mode),
            mode,
        )


# -------------------------------------------------------------------------------- a stack of layers

_KINDS = ("conv", "pool")
_NUMBERS = ("kernel", "stride", "padding", "dilation")
_WEIGHTS, _MACS, _LAYERS = 12_000, 25_000_000, 40
_LONG = 4096  # pixels of the row on which a field is measured


def _wishes(rng: np.random.Generator):
    for group, side, field in (("near", 64, 31), ("wide", 96, 63), ("very wide", 160, 127)):
        side, field = side - 4 * int(rng.integers(4)), field - int(rng.integers(8))
        about = f"images of {side} x {side}, a field of {field} pixels"
        yield Case(about, (side, field), group)


def _listed(function, side, field):
    """The layers that were chosen as an array: kind, numbers, channels of each."""
    layers = function(side, field)
    if layers is None or layers is Ellipsis:
        return None
    if not isinstance(layers, list | tuple) or not all(isinstance(one, dict) for one in layers):
        raise TypeError("expected a list of dictionaries, one for each layer.")
    for one in layers:
        lacking = [key for key in ("kind", *_NUMBERS) if key not in one]
        lacking += ["out_channels"] * (one.get("kind") == "conv" and "out_channels" not in one)
        if lacking or one["kind"] not in _KINDS:
            raise TypeError(f"a layer is {one}: its kind is conv or pool, {lacking} is missing.")
    rows = [
        [_KINDS.index(one["kind"]), *(one[key] for key in _NUMBERS), one.get("out_channels", 0)]
        for one in layers
    ]
    return np.array(rows, float).reshape(-1, 6)


def _judge_layers(case: Case, answers: dict) -> list[str]:
    (side, field), rows = case.arguments, answers["answer"]
    if rows.ndim != 2 or rows.shape[1] != 6 or not 1 <= len(rows) <= _LAYERS:
        return [_SAID["count"].format(_LAYERS, len(rows))]
    if (rows % 1).any() or rows.min() < 0 or rows.max() > 512 or rows[:, [1, 2, 4]].min() < 1:
        return [_SAID["numbers"]]
    layers = rows.astype(int).tolist()
    if any(kind and (padding or dilation > 1) for kind, _, _, padding, dilation, _ in layers):
        return [_SAID["poolings"]]
    found = _traced(layers, side)
    if isinstance(found, str):
        return [found]
    weights, macs, size, (channels, height, _) = found
    wrong = {
        "field": size < field,
        "map": 4 * height < side,
        "channels": channels < 16,
        "weights": weights > _WEIGHTS,
        "macs": macs > _MACS,
    }
    here = {**locals(), "least": side // 4, "most": _WEIGHTS, "most_macs": _MACS}
    return [_SAID[name].format_map(here) for name in wrong if wrong[name]]


def _traced(layers: list[list[int]], side: int):
    """Weights, multiply-accumulates, receptive field and last shape; a sentence if it fails.

    All of it is measured: a network is built of the layers and asked.
    """
    import torch
    import torch.nn.functional as F

    maps, weights, macs = torch.empty(1, 3, side, side, device="meta"), 0, 0
    pixels = torch.ones(1, 1, _LONG, dtype=torch.float64, requires_grad=True)
    row = pixels
    for number, (kind, kernel, stride, padding, dilation, channels) in enumerate(layers):
        try:
            if kind:
                maps = F.max_pool2d(maps, kernel, stride)
            else:
                weight = torch.empty(channels, maps.shape[1], kernel, kernel, device="meta")
                maps = F.conv2d(maps, weight, None, stride, padding, dilation)
                weights += weight.numel()
                macs += weight.numel() * maps.shape[2] * maps.shape[3]
        except RuntimeError:
            return _SAID["small"].format(number, tuple(maps.shape[1:]))
        if row.shape[2] > dilation * kernel:
            mean = torch.full((1, 1, kernel), 1 / kernel, dtype=torch.float64)
            row = F.conv1d(row, mean, None, stride, 0, dilation)
    row[0, 0, 0].backward()
    seen = pixels.grad[0, 0].nonzero()
    return weights, macs, int(seen.max() - seen.min()) + 1, tuple(maps.shape[1:])


QUESTIONS, FREE_TEXT = asked(
    __name__,
    receptive_field={"cases": _stacks},
    trace={"cases": _networks, "collect": _as_rows},
    local_response_norm={"cases": _activations},
    vectorise={"cases": _maps},
    design_layers={"cases": _wishes, "collect": _listed, "judge": _judge_layers},
)
