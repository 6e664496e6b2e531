"""The exercises of section 09."""

import numpy as np

from cv_course.drill import Case, Question


def _whole(*rows) -> tuple[np.ndarray, ...]:
    return tuple(np.array(row) for row in rows)


def _stacks(rng: np.random.Generator):
    yield Case("a single 3 x 3 convolution", _whole([3], [1], [1]))
    yield Case("two 3 x 3 convolutions", _whole([3, 3], [1, 1], [1, 1]))
    yield Case(
        "LeNet-5: convolution 5, pooling 2 with stride 2, again both, convolution 5",
        _whole([5, 2, 5, 2, 5], [1, 2, 1, 2, 1], [1] * 5),
    )
    yield Case(
        "AlexNet up to pool5",
        _whole([11, 3, 5, 3, 3, 3, 3, 3], [4, 2, 1, 2, 1, 1, 1, 2], [1] * 8),
    )
    yield Case(
        "3 x 3 convolutions with dilation 1, 2 and 4, the first with stride 2",
        _whole([3, 3, 3], [2, 1, 1], [1, 2, 4]),
    )
    count = 7
    yield Case(
        "seven random layers",
        (rng.integers(1, 8, count), rng.integers(1, 4, count), rng.integers(1, 4, count)),
    )


def _jumps(strides) -> np.ndarray:
    """Pixels from one element to the next, in front of each layer."""
    return np.concatenate([[1], np.cumprod(strides)[:-1]])


def _sizes(kernels, strides, dilations) -> np.ndarray:
    return 1 + np.cumsum((kernels - 1) * dilations * _jumps(strides))


def _strided_kernels_ignored(kernels, strides, dilations):
    return _sizes(np.where(strides > 1, 1, kernels), strides, dilations)


field_sizes = Question(
    name="field_sizes",
    contract=(
        "kernels, strides, dilations, each (L,), whole numbers, from the input on -> (L,): side in "
        "pixels of the receptive field after each layer."
    ),
    cases=_stacks,
    reference=_sizes,
    diagnoses=(
        (
            lambda k, s, d: _sizes(k, np.ones_like(s), d),
            "the strides are ignored. Behind a layer with stride s, neighbouring elements are s "
            "times as many pixels apart, so all later kernels reach s times as far.",
        ),
        (
            lambda k, s, d: 1 + np.cumsum((k - 1) * d * np.cumprod(s)),
            "a layer's own stride enlarges its own field here. It decides how far its elements are "
            "apart, and so counts only for the layers behind it.",
        ),
        (
            lambda k, s, d: 1 + np.cumsum((k - 1) * d * np.concatenate([[1], s[:-1]])),
            "only the stride of the layer just before is counted; multiply all strides before it.",
        ),
        (
            lambda k, s, d: 1 + np.cumsum((k - 1) * d * s),
            "each layer is multiplied by its own stride; it should be the product of the strides "
            "of all layers before it.",
        ),
        (
            lambda k, s, d: 1 + np.cumsum(k * d * _jumps(s)),
            "K instead of K - 1: a kernel of K adds only the steps between its K elements.",
        ),
        (
            lambda k, s, d: np.cumsum((k - 1) * d * _jumps(s)),
            "it starts from 0. Before the first layer an element is a pixel, which sees 1 pixel: "
            "itself.",
        ),
        (
            lambda k, s, d: _sizes(k, s, np.ones_like(d)),
            "the dilation is ignored: the elements of a kernel are d elements apart.",
        ),
        (
            lambda k, s, d: 1 + np.cumsum((k * d - 1) * _jumps(s)),
            "a kernel of K with dilation d spans (K - 1) · d + 1 elements, not K · d.",
        ),
        (
            _strided_kernels_ignored,
            "the kernels of the layers with a stride (the poolings) are ignored. A pooling looks "
            "at a window, too, and enlarges the field.",
        ),
        (
            lambda k, s, d: _sizes(k[::-1], s[::-1], d[::-1]),
            "the layers were taken in the opposite order; the first one is next to the image.",
        ),
        (
            lambda k, s, d: _jumps(s) * s,
            "these are the jumps (pixels from one element to the next), not the sizes.",
        ),
    ),
    hints=(
        "How many steps are there between the first and the last element that a kernel of K looks "
        "at? And how many pixels long is a step?",
        "Carry two numbers from layer to layer: size (at first 1) and jump (at first 1). Let the "
        "size grow before the jump does.",
        "In a loop: size += (k - 1) * d * jump, note the size, then jump *= s.",
    ),
)


def _traces(rng: np.random.Generator):
    yield Case("element 4 behind one convolution of 3, no padding", (4, *_whole([3], [1], [0])))
    yield Case("element 2 behind a pooling of 2 with stride 2", (2, *_whole([2], [2], [0])))
    yield Case("element 5 behind a convolution of 3 with padding 1", (5, *_whole([3], [1], [1])))
    yield Case(
        "element 3 behind convolution 3 (padding 1), pooling 2 with stride 2, convolution 5 (2)",
        (3, *_whole([3, 2, 5], [1, 2, 1], [1, 0, 2])),
    )
    yield Case(
        "element 3 of AlexNet's pool5",
        (3, *_whole([11, 3, 5, 3, 3, 3, 3, 3], [4, 2, 1, 2, 1, 1, 1, 2], [0, 0, 2, 0, 1, 1, 1, 0])),
    )
    count = 5
    kernels = rng.integers(2, 8, count)
    yield Case(
        "five random layers",
        (
            int(rng.integers(3, 9)),
            kernels,
            rng.integers(1, 4, count),
            rng.integers(0, kernels // 2 + 1),
        ),
    )


def _down(unit, kernels, strides, paddings, extra=-1, order=-1, sign=-1, last=True, shrink=True):
    """The reference, with a switch for each of the usual mistakes."""
    first = end = unit
    for k, s, p in list(zip(kernels, strides, paddings, strict=True))[::order]:
        p = int(p) * sign
        first, end = int(first * s + p), int((end if last else first) * s + p * shrink + k + extra)
    return np.array([first, end])


def _same_window(unit, kernels, strides, paddings):
    """One element's window in each layer: not of all that were seen."""
    first = unit
    for k, s, p in list(zip(kernels, strides, paddings, strict=True))[::-1]:
        first, end = first * s - p, first * s - p + k - 1
    return np.array([first, end])


pixels_seen = Question(
    name="pixels_seen",
    contract=(
        "unit: a place in the last map (along one direction, counted from 0); kernels, strides, "
        "paddings, each (L,), from the input on -> (first, last): the first and the last pixel "
        "that this unit sees. They may lie in the padding (negative, or beyond the image)."
    ),
    cases=_traces,
    reference=_down,
    diagnoses=(
        (
            lambda u, k, s, p: _down(u, k, s, 0 * p),
            "the padding is left out: the first window begins `padding` elements before element 0.",
        ),
        (
            lambda u, k, s, p: _down(u, k, s, p, sign=1),
            "the padding has the wrong sign: padded elements come before element 0, at negative "
            "places.",
        ),
        (
            lambda u, k, s, p: _down(u, k, s, p, shrink=False),
            "the padding moves the end of the window as well as its beginning.",
        ),
        *(
            (
                mistake,
                "the last pixel is one too far, in each layer or at the end: a window of K that "
                "begins at i ends at i + K - 1, and the one after it is not seen any more.",
            )
            for mistake in (
                lambda u, k, s, p: _down(u, k, s, p, extra=0),
                lambda u, k, s, p: _down(u, k, s, p) + np.array([0, 1]),
            )
        ),
        (
            lambda u, k, s, p: _down(u, k, s, p, order=1),
            "the layers were taken from the input on. You stand in the last map: go down.",
        ),
        (
            lambda u, k, s, p: _down(u, k, np.ones_like(s), p),
            "the strides are ignored: element i looks at the window that begins at i · stride.",
        ),
        (
            _same_window,
            "below the first step you follow only the first of the elements that are seen. The "
            "last pixel belongs to the last of them.",
        ),
        (
            lambda u, k, s, p: np.diff(_down(u, k, s, p), prepend=0) + np.array([0, 1]),
            "the second number should be a place, the last pixel, and not a size.",
        ),
    ),
    hints=(
        "Which elements of the map just below does element i look at? The window begins at "
        "i · stride - padding; where does it end?",
        "Keep two places, the first and the last element seen, both at the start `unit`. In each "
        "layer, from the last down, the first moves to where its window begins, the last to where "
        "its window ends.",
        "For k, s, p of the layers, reversed: first = first * s - p; last = last * s - p + k - 1.",
    ),
)


def _gradients(rng: np.random.Generator):
    tiny = np.zeros((1, 4, 5))
    tiny[0, 1, 2] = 1
    yield Case("one channel of 4 x 5 pixels, a single pixel matters", (tiny,))
    signs = np.zeros((1, 6, 6))
    signs[0, 1:4, 2:5] = [[-1, 2, -1], [0, 3, 0], [1, -2, 0.5]]
    yield Case("positive and negative values", (signs,))
    channels = np.zeros((3, 7, 8))
    channels[0, 2, 3], channels[1, 4, 1], channels[2, 3, 6] = 1, -2, 3
    yield Case("three channels that differ", (channels,))
    cancel = np.zeros((2, 5, 5))
    cancel[0, 1:4, 1:4], cancel[1, 1:4, 1:4] = 1, -1
    yield Case("two channels that cancel", (cancel,))
    faint = np.zeros((1, 9, 9))
    faint[0, 2:8, 1:7] = 1e-12
    faint[0, 3:7, 2:6] = rng.random((4, 4)) + 0.1
    yield Case("very small values around larger ones", (faint,))
    large = np.zeros((3, 20, 30))
    large[:, 4:15, 7:29] = rng.normal(size=(3, 11, 22))
    yield Case("three channels of 20 x 30 pixels", (large,))


def _hull(seen) -> np.ndarray:
    rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
    return np.array([rows[0], columns[0], rows[-1], columns[-1]])


support_box = Question(
    name="support_box",
    contract=(
        "gradient (C, H, W) of one unit by the image -> (top, left, bottom, right): the first row, "
        "first column, last row, last column in which any channel's gradient is not zero."
    ),
    cases=_gradients,
    reference=lambda gradient: _hull((gradient != 0).any(0)),
    diagnoses=(
        (
            lambda g: _hull((g > 0).any(0)),
            "negative gradients count, too: the pixel moves the unit, only the other way.",
        ),
        (
            lambda g: _hull(g[0] != 0),
            "only the first channel was looked at.",
        ),
        (
            lambda g: _hull(~np.isclose(g, 0).all(0)),
            "small is not zero: a pixel with a tiny gradient still belongs to the receptive field.",
        ),
        (
            lambda g: _hull((g != 0).any(0)) + np.array([0, 0, 1, 1]),
            "the last row and column in the field were asked for, not the ones behind them.",
        ),
        (
            lambda g: _hull((g != 0).any(0))[[1, 0, 3, 2]],
            "rows and columns are exchanged: top and bottom are rows, the second-last axis.",
        ),
        (
            lambda g: _hull((g != 0).all(0)),
            "a pixel belongs to the field if any of its channels matters, not only if all do.",
        ),
        (
            lambda g: np.array([*_hull((g != 0).any(0))[:2], *_size((g != 0).any(0))]),
            "the third and fourth number should be places (last row, last column), not a size.",
        ),
        (
            lambda g: _hull(g.sum(0) != 0),
            "channels were added up before looking for zeros; they can cancel.",
        ),
    ),
    hints=(
        "First make one picture of the channels: True where any channel has a gradient that is not "
        "zero.",
        "For the rows: in which rows of this picture is anything True? np.flatnonzero gives their "
        "numbers; take the first and the last.",
        "seen = (gradient != 0).any(0); rows = np.flatnonzero(seen.any(1)); columns = "
        "np.flatnonzero(seen.any(0)).",
    ),
)


def _size(seen) -> np.ndarray:
    box = _hull(seen)
    return box[2:] - box[:2] + 1


QUESTIONS = (field_sizes, pixels_seen, support_box)
