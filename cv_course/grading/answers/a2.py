"""The answers to assignment A2, and what usual mistakes give."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# --- conv2d --------------------------------------------------------------------------------------


def conv2d(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = _windows(x, *w.shape[2:], stride)
    return np.einsum("nchwij,fcij->nfhw", windows, w, optimize=True) + b[:, None, None]


def _windows(x, height, width, stride):
    every = sliding_window_view(np.asarray(x, float), (height, width), (2, 3))
    return every[:, :, ::stride, ::stride]


def _padded(*pads, **how):
    """A conv2d that pads by pairs of 0 and 1 (times padding) for height and width."""

    def mistake(x, w, b, stride=1, padding=0):
        amounts = [(padding * before, padding * after) for before, after in pads]
        return conv2d(np.pad(x, ((0, 0), (0, 0), *amounts), **how), w, b, stride)

    return mistake


def _one_stride(rows, columns):
    def mistake(x, w, b, stride=1, padding=0):
        every = conv2d(x, w, b, 1, padding)
        return every[:, :, :: stride if rows else 1, :: stride if columns else 1]

    return mistake


def _ceil(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    missing = [
        -(side - kernel) % stride for side, kernel in zip(x.shape[2:], w.shape[2:], strict=True)
    ]
    return conv2d(np.pad(x, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1]))), w, b, stride)


def _padded_twice(x, w, b, stride=1, padding=0):
    return conv2d(x, w, b, stride, 2 * padding)


def _into_bytes(x, w, b, stride=1, padding=0):
    if x.dtype != np.uint8:
        raise TypeError("no bytes")
    return conv2d(x, w, b, stride, padding).astype(int) % 256


def _biased(times):
    return lambda x, w, b, *more: conv2d(x, w, b * times(w), *more)


_conv_diagnoses = (
    (
        lambda x, w, b, *more: conv2d(x, w[:, :, ::-1, ::-1], b, *more),
        "your kernel is flipped by 180°: that is the convolution of mathematics. Networks compute "
        "the cross-correlation: w[…, 0, 0] meets the upper left pixel of the window.",
    ),
    (
        lambda x, w, b, *more: conv2d(x, w[:, :, ::-1], b, *more),
        "your kernel is upside down: w[…, 0, 0] meets the upper left pixel of the window.",
    ),
    (
        lambda x, w, b, *more: conv2d(x, w[:, :, :, ::-1], b, *more),
        "your kernel is mirrored: w[…, 0, 0] meets the upper left pixel of the window.",
    ),
    (
        lambda x, w, b, *more: conv2d(x, w.swapaxes(2, 3), b, *more),
        "your kernel is transposed: the third axis of w runs down, the fourth to the right.",
    ),
    (_biased(lambda w: 0), "the bias is missing."),
    (
        _biased(lambda w: w.shape[1]),
        "the bias was added once for every input channel; a filter adds it once.",
    ),
    (
        _biased(lambda w: w.shape[2] * w.shape[3]),
        "the bias was added once for every position in the kernel; a filter adds it once.",
    ),
    (
        lambda x, w, b, *more: conv2d(x, w / w.shape[1], b, *more),
        "the channels were averaged; a filter sums over them.",
    ),
    (
        lambda x, w, b, *more: conv2d(x[:, :1], w[:, :1], b, *more),
        "only the first channel was looked at; a filter sums over all.",
    ),
    (
        _padded((1, 0), (1, 0)),
        "the zeros stand above and on the left only; padding adds them on all four sides.",
    ),
    (
        _padded((0, 1), (0, 1)),
        "the zeros stand below and on the right only; padding adds them on all four sides.",
    ),
    (_padded((1, 1), (0, 0)), "only the height was padded; the width needs zeros, too."),
    (_padded((0, 0), (1, 1)), "only the width was padded; the height needs zeros, too."),
    (_padded((1, 1), (1, 1), mode="edge"), "the border was repeated; padding is with zeros."),
    (_padded((1, 1), (1, 1), mode="reflect"), "the image was mirrored; padding is with zeros."),
    (_padded((0, 0), (0, 0)), "padding is ignored."),
    (_padded_twice, "the image was padded twice."),
    (_one_stride(True, False), "the stride applies to the rows only; it holds along both axes."),
    (_one_stride(False, True), "the stride applies to the columns only; it holds along both axes."),
    (_one_stride(False, False), "stride is ignored."),
    (
        _ceil,
        "there is an output too many: a window that does not fit any more is left out (floor, not "
        "ceil).",
    ),
    (
        lambda x, w, b, *more: np.maximum(conv2d(x, w, b, *more), 0),
        "negative values were set to 0; a ReLU is not part of a convolution.",
    ),
    (
        _into_bytes,
        "the sums were written into an array of bytes, which holds whole numbers from 0 to 255 "
        "only. Make the output an array of floats.",
    ),
)


# --- max_pool2d ----------------------------------------------------------------------------------


def max_pool2d(x, size, stride):
    return _windows(x, size, size, stride).max((4, 5))


def _pooled_with_ceil(x, size, stride):
    down, right = (-(side - size) % stride for side in x.shape[2:])
    x = np.pad(
        np.asarray(x, float), ((0, 0), (0, 0), (0, down), (0, right)), constant_values=-np.inf
    )
    return max_pool2d(x, size, stride)


_pool_diagnoses = (
    (
        lambda x, size, stride: np.maximum(max_pool2d(x, size, stride), 0),
        "negative values came out as 0: the largest of them all is what counts, also where it is "
        "below 0. Do not start from zeros.",
    ),
    (
        lambda x, size, stride: max_pool2d(x, size, size),
        "the windows move by their size; they are to move by stride (and may overlap).",
    ),
    (
        lambda x, size, stride: max_pool2d(x, stride, stride),
        "the windows are stride pixels wide; they are size pixels wide.",
    ),
    (lambda x, size, stride: max_pool2d(x, size, 1), "stride is ignored."),
    (
        lambda x, size, stride: _windows(x, size, size, stride).mean((4, 5)),
        "these are the means of the windows; the largest values are asked for.",
    ),
    (
        lambda x, size, stride: _windows(x, size, size, stride).min((4, 5)),
        "these are the smallest values of the windows.",
    ),
    (
        lambda x, size, stride: max_pool2d(x, size, stride).max(1, keepdims=True),
        "the channels were pooled, too; each channel keeps its own map.",
    ),
    (
        lambda x, size, stride: (
            max_pool2d(x, size, stride) * 0 + max_pool2d(x, size, stride).max(1, keepdims=True)
        ),
        "the channels were pooled, too; each channel keeps its own map.",
    ),
    (
        _pooled_with_ceil,
        "there is an output too many: a window that does not fit any more is left out (floor, not "
        "ceil).",
    ),
    (
        lambda x, size, stride: max_pool2d(x, size, stride).swapaxes(2, 3),
        "height and width of the output are swapped.",
    ),
    (
        lambda x, size, stride: _windows(x, size, 1, stride)[..., 0].max(4),
        "only the rows were pooled; a window extends along both axes.",
    ),
    (
        lambda x, size, stride: np.asarray(x)[:, :, ::stride, ::stride][
            :, :, : (x.shape[2] - size) // stride + 1, : (x.shape[3] - size) // stride + 1
        ],
        "this is the first value of each window, not its largest.",
    ),
)


# --- count_parameters ----------------------------------------------------------------------------


def count_parameters(
    kind, in_channels, out_channels, kernel_size, height, width, groups=1, bias=True
):
    places = (height - kernel_size + 1) * (width - kernel_size + 1)
    seen = {
        "fully_connected": in_channels * height * width,
        "locally_connected": in_channels * kernel_size**2,
        "conv": in_channels // groups * kernel_size**2,
    }[kind]
    units = out_channels * (1 if kind == "conv" else places)
    return units * (seen + bool(bias))


def _places(kernel, height, width):
    return (height - kernel + 1) * (width - kernel + 1)


def _count(kinds, extra):
    """A mistake in some kinds: what is added to the right count."""

    def mistake(kind, c, f, k, h, w, groups=1, bias=True):
        right = count_parameters(kind, c, f, k, h, w, groups, bias)
        return right + (extra(kind, c, f, k, h, w, groups, bias) if kind in kinds else 0)

    return mistake


_ALL = ("fully_connected", "locally_connected", "conv")
_LOCAL, _CONV, _FULL = (_ALL[1],), (_ALL[2],), (_ALL[0],)


def _units(kind, f, k, h, w):
    return f * (1 if kind == "conv" else _places(k, h, w))


_count_diagnoses = (
    (
        lambda kind, c, f, k, h, w, groups=1, bias=True: count_parameters(
            kind, c, f, k, h, w, groups, False
        ),
        "the biases are missing.",
    ),
    (
        lambda kind, c, f, k, h, w, groups=1, bias=True: count_parameters(
            kind, c, f, k, h, w, groups, True
        ),
        "biases are counted although bias is False.",
    ),
    (
        _count(_ALL, lambda kind, c, f, k, h, w, groups, bias: bias * _units(kind, f, k, h, w)),
        "every bias is counted twice.",
    ),
    (
        _count(_LOCAL, lambda _, c, f, k, h, w, g, bias: bias * f * (1 - _places(k, h, w))),
        "a locally connected layer shares nothing, its biases neither: one for each place and map.",
    ),
    (
        _count(_FULL, lambda _, c, f, k, h, w, g, bias: bias * f * (1 - _places(k, h, w))),
        "in a fully connected layer each unit has its own bias: one for each place and map.",
    ),
    (
        _count(_CONV, lambda _, c, f, k, h, w, g, bias: bias * f * (_places(k, h, w) - 1)),
        "a convolution shares its biases, too: one for each map, not for each place.",
    ),
    (
        _count(_CONV, lambda _, c, f, k, h, w, g, bias: bias * (1 - f)),
        "a convolution has one bias for each map, not one for the layer.",
    ),
    (
        _count(
            _CONV,
            lambda _, c, f, k, h, w, g, bias: (
                (_places(k, h, w) - 1) * count_parameters("conv", c, f, k, h, w, g, bias)
            ),
        ),
        "the weights of a convolution are shared by all places; do not multiply by the size of "
        "the output.",
    ),
    (
        lambda kind, c, f, k, h, w, groups=1, bias=True: count_parameters(
            kind, c, f, k, h, w, 1, bias
        ),
        "groups is ignored: with groups a map looks at in_channels / groups channels.",
    ),
    (
        _count(_CONV, lambda _, c, f, k, h, w, g, bias: (f // g - f) * (c // g) * k**2),
        "in_channels *and* out_channels were divided by groups. There are groups such blocks, so "
        "that in all only one of the two is divided.",
    ),
    (
        _count(_CONV, lambda _, c, f, k, h, w, g, bias: f * (g * c - c // g) * k**2),
        "the weights were multiplied by groups; groups make a layer smaller.",
    ),
    (
        _count(
            _FULL,
            lambda _, c, f, k, h, w, g, bias: (f - _units("", f, k, h, w)) * (c * h * w + bias),
        ),
        "a fully connected layer that makes the same output has out_channels units at each "
        "place, not out_channels in all.",
    ),
    (
        _count(
            _ALL[:2],
            lambda kind, c, f, k, h, w, g, bias: (
                (h * w - _places(k, h, w))
                * f
                * ((c * h * w if kind == "fully_connected" else c * k**2) + bias)
            ),
        ),
        "there are fewer places than pixels: a window must fit into the image, so that along the "
        "height there are height - kernel_size + 1.",
    ),
    (
        _count(
            _ALL[1:],
            lambda kind, c, f, k, h, w, g, bias: _units(kind, f, k, h, w) * (c // g) * (k - k**2),
        ),
        "a window of side kernel_size holds kernel_size² pixels.",
    ),
    (
        _count(
            _ALL,
            lambda kind, c, f, k, h, w, g, bias: (
                _units(kind, f, k, h, w)
                * (1 - c // g)
                * (h * w if kind == "fully_connected" else k**2)
            ),
        ),
        "the input channels are missing: a window holds in_channels · kernel_size² numbers.",
    ),
)


# --- locally_connected2d -------------------------------------------------------------------------


def locally_connected2d(x, w, b, stride=1):
    rows, columns = w.shape[:2]
    windows = _windows(x, *w.shape[4:], stride)[:, :, :rows, :columns]
    return np.einsum("nchwij,hwfcij->nfhw", windows, w, optimize=True) + b.transpose(2, 0, 1)


def _reread(array):
    """The first two axes read in the wrong order, as a reshape would."""
    rows, columns = array.shape[:2]
    return array.swapaxes(0, 1).reshape(rows, columns, *array.shape[2:])


_local_diagnoses = (
    (
        lambda x, w, b, *more: locally_connected2d(
            x, np.broadcast_to(w[:1, :1], w.shape), b, *more
        ),
        "the filters of the first position are used everywhere: that is a convolution. Here each "
        "position (i, j) has its own, w[i, j].",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(
            x, np.broadcast_to(w.mean((0, 1)), w.shape), b, *more
        ),
        "the filters were averaged over the positions; each position has its own, w[i, j].",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, _reread(w), b, *more),
        "the positions are in the wrong order: the first axis of w runs down, the second to the "
        "right.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, w, _reread(b), *more),
        "the positions of b are in the wrong order: its first axis runs down, the second to the "
        "right.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, np.broadcast_to(w[:1], w.shape), b, *more),
        "each column has its filters, but all rows share them: w[i, j] depends on i, too.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, np.broadcast_to(w[:, :1], w.shape), b, *more),
        "each row has its filters, but all columns share them: w[i, j] depends on j, too.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, w[::-1, ::-1], b, *more),
        "the positions are counted from the lower right; (0, 0) is the upper left.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, _border_reused(w), b, *more),
        "the filters of the border are used inside, too: the index into w stops one too early.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(
            x, w, np.broadcast_to(b[:1, :1], b.shape), *more
        ),
        "the bias of the first position is used everywhere; each position has its own, b[i, j].",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(
            x, w, np.broadcast_to(b.mean((0, 1)), b.shape), *more
        ),
        "the biases were averaged over the positions; each position has its own, b[i, j].",
    ),
    (lambda x, w, b, *more: locally_connected2d(x, w, 0 * b, *more), "the bias is missing."),
    (
        lambda x, w, b, *more: locally_connected2d(x, w, b * w.shape[3], *more),
        "the bias was added once for every input channel; a filter adds it once.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, w[..., ::-1, ::-1], b, *more),
        "your kernels are flipped by 180°: w[i, j, …, 0, 0] meets the upper left pixel of the "
        "window.",
    ),
    (
        lambda x, w, b, *more: locally_connected2d(x, w.swapaxes(4, 5), b, *more),
        "your kernels are transposed: the last axis of w runs to the right.",
    ),
    (
        lambda x, w, b, stride=1: locally_connected2d(x, w, b, 1),
        "stride is ignored: the window of position (i, j) begins at (i · stride, j · stride).",
    ),
    (
        lambda x, w, b, stride=1: _stride_of_kernel(x, w, b),
        "the windows move by their own size; they are to move by stride.",
    ),
)


def _border_reused(w):
    rows, columns = (np.minimum(np.arange(side), max(side - 2, 0)) for side in w.shape[:2])
    return w[rows][:, columns]


def _stride_of_kernel(x, w, b):
    kernel = w.shape[-1]
    size = [side * kernel for side in w.shape[:2]]
    if any(have < need for have, need in zip(x.shape[2:], size, strict=True)):
        raise ValueError("does not fit")
    return locally_connected2d(x, w, b, kernel)


REFERENCES = {
    "conv2d": conv2d,
    "max_pool2d": max_pool2d,
    "count_parameters": count_parameters,
    "locally_connected2d": locally_connected2d,
}
DIAGNOSES = {
    "conv2d": _conv_diagnoses,
    "max_pool2d": _pool_diagnoses,
    "count_parameters": _count_diagnoses,
    "locally_connected2d": _local_diagnoses,
}
