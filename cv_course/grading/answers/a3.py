"""What is right in assignment 3, and what usual mistakes give. Not part of what students get."""

import numpy as np

# ------------------------------------------------------------------------------ receptive field


def _field(layers, kernel=lambda layer: layer["kernel"] - 1, step="before", start=1) -> int:
    """The reference, with a switch for each of the usual mistakes.

    Args:
        kernel: how many steps a window is long, without dilation.
        step: what one step is multiplied by: the strides ``before``, ``through`` (its own one,
            too), ``last`` (of the layer before), ``own`` or ``none``.
    """
    size, jump, last = start, 1, 1
    for layer in layers:
        stride = layer["stride"]
        times = {
            "before": jump,
            "through": jump * stride,
            "last": last,
            "own": stride,
            "none": 1,
        }[step]
        size += kernel(layer) * layer["dilation"] * times
        jump, last = jump * stride, stride
    return size


def _without_poolings(layers) -> int:
    return _field(layers, kernel=lambda one: (one["kind"] == "conv") * (one["kernel"] - 1))


def _poolings_left_out(layers) -> int:
    return _field([layer for layer in layers if layer["kind"] == "conv"])


def _plain(layers, **changed) -> list[dict]:
    return [{**layer, **changed} for layer in layers]


def _spans(layers) -> int:
    size, jump = 1, 1
    for layer in layers:
        size += (layer["kernel"] * layer["dilation"] - 1) * jump
        jump *= layer["stride"]
    return size


def _with_padding(layers) -> int:
    size, jump = 1, 1
    for layer in layers:
        size += (layer["kernel"] - 1 + 2 * layer["padding"]) * layer["dilation"] * jump
        jump *= layer["stride"]
    return size


_FIELD_MISTAKES = (
    (
        lambda layers: _field(layers, step="none"),
        "you ignored the strides. Behind a layer with stride s neighbouring elements are s times "
        "as many pixels apart, so every later kernel reaches s times as far: with strides 4 and 2 "
        "in front, one step is 8 pixels long.",
    ),
    (
        lambda layers: _field(layers, step="through"),
        "a layer's own stride came in too early. It says how far the layer's elements are apart, "
        "and so counts only for the layers behind it.",
    ),
    (
        lambda layers: _field(layers, step="last"),
        "you took only the stride of the layer just before; multiply the strides of all layers "
        "before.",
    ),
    (
        lambda layers: _field(layers, step="own"),
        "you multiplied by the layer's own stride; it should be the product of the strides of all "
        "layers before it.",
    ),
    (
        lambda layers: _field(layers, kernel=lambda one: one["kernel"]),
        "K instead of K - 1: from the first to the last of K elements there are K - 1 steps.",
    ),
    (
        lambda layers: _field(layers, start=0),
        "you started from 0. In front of the first layer an element is a pixel, which depends on "
        "1 pixel: itself.",
    ),
    *(
        (
            mistake,
            "you ignored the poolings. A pooling looks at a window, too: it enlarges the field, "
            "and its stride counts for the layers behind it.",
        )
        for mistake in (_without_poolings, _poolings_left_out)
    ),
    (
        lambda layers: _field(_plain(layers, dilation=1)),
        "you ignored the dilation: the elements that a kernel looks at are d elements apart, so "
        "its K - 1 steps are d times as long.",
    ),
    (
        _spans,
        "a kernel of K with dilation d spans (K - 1) · d + 1 elements, not K · d.",
    ),
    (
        lambda layers: _field(layers[::-1]),
        "you went through the layers in the opposite order; the first one is next to the image.",
    ),
    (
        _with_padding,
        "you added the padding. It moves the field, but an element depends on no more pixels.",
    ),
    (
        lambda layers: _field(layers) ** 2,
        "that is the number of pixels in the square; its side is asked for.",
    ),
    (
        lambda layers: np.prod([layer["stride"] for layer in layers]),
        "that is the jump (pixels from one element to the next), not the size of the field.",
    ),
)

# -------------------------------------------------------------------------------------- shapes


def _side(side, layer, sides=2, ceil=False, extra=1, dilation=None) -> int:
    gaps = layer["dilation"] if dilation is None else dilation
    free = side + sides * layer["padding"] - gaps * (layer["kernel"] - 1) - 1
    steps = -(-free // layer["stride"]) if ceil else free // layer["stride"]
    return steps + extra


def _shapes(layers, channels, height, width, deepen=True, **how) -> np.ndarray:
    found = []
    for layer in layers:
        if layer["kind"] == "conv" and deepen:
            channels = layer["out_channels"]
        height, width = _side(height, layer, **how), _side(width, layer, **how)
        found.append((channels, height, width))
    return np.array(found)


def _unpooled(layers, channels, height, width) -> np.ndarray:
    """Poolings leave the size alone."""
    found = []
    for layer in layers:
        if layer["kind"] == "conv":
            channels = layer["out_channels"]
            height, width = _side(height, layer), _side(width, layer)
        found.append((channels, height, width))
    return np.array(found)


def _strideless(layers, channels, height, width) -> np.ndarray:
    return _shapes(_plain(layers, stride=1), channels, height, width)


_SHAPE_MISTAKES = (
    (
        lambda *a: _shapes(*a, ceil=True),
        "you rounded up. A window that would stick out at the end is left out: round down.",
    ),
    (
        lambda *a: _shapes(*a, sides=1),
        "the padding counts once; it is added on both sides.",
    ),
    (
        lambda *a: _shapes(*a, sides=0),
        "the padding is missing: it makes the input larger by `padding` on each side.",
    ),
    (
        lambda layers, channels, height, width: _shapes(layers, channels, width, height),
        "height and width are exchanged; the order is (C, H, W).",
    ),
    (
        lambda *a: _shapes(*a, extra=0),
        "one is missing: the window stands at its first place and then takes (side - kernel) / "
        "stride steps, so there is one place more than there are steps (AlexNet's first map has "
        "55 x 55, not 54 x 54).",
    ),
    (
        lambda *a: _shapes(*a, extra=2),
        "one is too many: count the steps, and add one for the first place.",
    ),
    (
        lambda *a: _shapes(*a, dilation=1),
        "you ignored the dilation: a window of K with dilation d spans d · (K - 1) + 1 elements.",
    ),
    (_strideless, "you ignored the stride; the window moves on by it."),
    (_unpooled, "you left height and width alone in a pooling; it shrinks them like any window."),
    (
        lambda *a: _shapes(*a, deepen=False),
        "the channels stay as they were: a convolution makes as many as it has filters, "
        "out_channels.",
    ),
    (
        lambda *a: _shapes(*a)[-1],
        "that is the last shape only; one for each layer is asked for.",
    ),
    (
        lambda layers, *shape: np.vstack([[shape], _shapes(layers, *shape)]),
        "the shape of the input is in the list, too; begin with the one after the first layer.",
    ),
    (
        lambda *a: _shapes(*a)[:, [1, 2, 0]],
        "the order is (C, H, W), channels first.",
    ),
    (
        lambda *a: _shapes(*a)[:, 1:],
        "the channels are missing; the order is (C, H, W).",
    ),
)

# ------------------------------------------------------------------------------- normalisation


def _window(values: np.ndarray, before: int, after: int) -> np.ndarray:
    """Sums over the channels from i - before to i + after, those that there are."""
    channels = values.shape[1]
    return np.stack(
        [
            values[:, max(0, i - before) : max(0, i + after + 1)].sum(axis=1)
            for i in range(channels)
        ],
        axis=1,
    )


def _normalised(a, k, n, alpha, beta, before=None, after=None) -> np.ndarray:
    a, half = np.asarray(a, dtype=float), n // 2
    sums = _window(a**2, half if before is None else before, half if after is None else after)
    return a / (k + alpha * sums) ** beta


def _around(a, k, n, alpha, beta) -> np.ndarray:
    """The window goes on at the other end of the channels."""
    a, half = np.asarray(a, dtype=float), n // 2
    sums = sum(np.roll(a**2, shift, axis=1) for shift in range(-half, half + 1))
    return a / (k + alpha * sums) ** beta


def _over_places(a, k, n, alpha, beta) -> np.ndarray:
    a, half = np.asarray(a, dtype=float), n // 2
    by_column = _window(np.moveaxis(a**2, 3, 1), half, half)
    by_row = _window(np.moveaxis(np.moveaxis(by_column, 1, 3), 2, 1), half, half)
    return a / (k + alpha * np.moveaxis(by_row, 1, 2)) ** beta


def _with_sums(sums):
    def answer(a, k, n, alpha, beta):
        a = np.asarray(a, dtype=float)
        return a / (k + alpha * sums(a, n // 2)) ** beta

    return answer


_NORM_MISTAKES = (
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha / n, beta),
        "alpha was divided by n. PyTorch's layer does so; the paper's formula does not.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha, beta, n, n),
        "the window reaches n channels to each side; it has n channels in all, n // 2 on each "
        "side of the own one.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha, beta, n // 2, n // 2 - 1),
        "the window ends one channel too early; in Python a slice leaves its end out, so it goes "
        "up to i + n // 2 + 1.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha, beta, 0, n - 1),
        "the window begins at the own channel; it should lie around it.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha, beta, n - 1, 0),
        "the window ends at the own channel; it should lie around it.",
    ),
    (_around, "the window goes on at the other end of the channels; it should be cut off there."),
    (
        _with_sums(lambda a, half: _window(a, half, half)),
        "the activations are added up as they are; they should be squared first.",
    ),
    (
        _with_sums(lambda a, half: _window(np.abs(a), half, half)),
        "the absolute values are added up; they should be squared.",
    ),
    (
        _with_sums(lambda a, half: _window(a, half, half) ** 2),
        "the sum was squared; square each activation, and then add up.",
    ),
    (
        _over_places,
        "the window runs over rows and columns; local response normalisation runs over channels "
        "at one place.",
    ),
    (
        _with_sums(lambda a, half: (a**2).sum(axis=1, keepdims=True)),
        "all channels were added up; only the n around the own one count.",
    ),
    (
        _with_sums(lambda a, half: _window(a**2, half, half) - a**2),
        "the own channel is missing in the sum.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha, -beta),
        "you multiplied by the power; divide by it.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha, 1),
        "the exponent beta is missing.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, 1, n, alpha, beta),
        "k is 1 in your formula; use the one that is given.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, 0, n, alpha, beta),
        "k is missing in the sum.",
    ),
    (
        lambda a, k, n, alpha, beta: _normalised(a, k, n, alpha, beta) / np.asarray(a, float),
        "that is only the factor; multiply the activation by it.",
    ),
)

# ---------------------------------------------------------------------------------- vectorise


def _vector(x, mode, flatten=None, average=None) -> np.ndarray:
    chosen = flatten if mode == "flatten" else average
    if chosen:
        return chosen(np.asarray(x))
    return x.reshape(len(x), -1) if mode == "flatten" else x.mean(axis=(2, 3))


_VECTOR_MISTAKES = (
    (
        lambda x, mode: _vector(x, mode).squeeze(),
        "axes of length 1 were squeezed away, and with one picture (or one channel) that takes an "
        "axis too many. The answer is (N, D), also for N = 1.",
    ),
    (
        lambda x, mode: _vector(x, mode, average=lambda x: x.mean(axis=(0, 2, 3))),
        "the mean runs over the pictures of the batch, too; each keeps a vector of its own.",
    ),
    (
        lambda x, mode: _vector(x, mode, lambda x: x.reshape(-1)),
        "the pictures of the batch came together in one list; each keeps a vector of its own.",
    ),
    (
        lambda x, mode: _vector(x, mode, lambda x: x.transpose(0, 2, 3, 1).reshape(len(x), -1)),
        "the order is row, column, channel; it should be channel, row, column: first all of "
        "channel 0.",
    ),
    (
        lambda x, mode: _vector(x, mode, lambda x: x.transpose(0, 1, 3, 2).reshape(len(x), -1)),
        "within a channel you went down the columns; go row by row.",
    ),
    (
        lambda x, mode: _vector(x, mode, average=lambda x: x.sum(axis=(2, 3))),
        "that is the sum of each channel; take the mean.",
    ),
    (
        lambda x, mode: _vector(x, mode, average=lambda x: x.max(axis=(2, 3))),
        "that is the maximum of each channel; take the mean.",
    ),
    (
        lambda x, mode: _vector(x, mode, average=lambda x: x.mean(axis=1).reshape(len(x), -1)),
        "the mean runs over the channels; it should run over the places of each channel.",
    ),
    (
        lambda x, mode: _vector(x, mode, average=lambda x: x.mean(axis=(1, 2, 3))[:, None]),
        "all channels came together in one mean; each has its own.",
    ),
    (
        lambda x, mode: _vector(x, mode, average=lambda x: x.mean(axis=(2, 3), keepdims=True)),
        "the last two axes are still there, with length 1; a vector for each picture is asked for.",
    ),
    (
        lambda x, mode: _vector(x, mode).T,
        "the answer is transposed: one row for each picture.",
    ),
)

REFERENCES = {
    "receptive_field": _field,
    "trace": _shapes,
    "local_response_norm": _normalised,
    "vectorise": _vector,
}
DIAGNOSES = {
    "receptive_field": _FIELD_MISTAKES,
    "trace": _SHAPE_MISTAKES,
    "local_response_norm": _NORM_MISTAKES,
    "vectorise": _VECTOR_MISTAKES,
}
