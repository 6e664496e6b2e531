"""The exercises of section 05."""

import math

import numpy as np

from cv_course.drill import Case, Question


def _shapes(rng: np.random.Generator):
    yield Case("one grey pixel, a window of 1 x 1, one map", (1, 1, 1, 1, 1))
    yield Case("a grey image of 28 x 28, windows of 5 x 5, four maps", (1, 28, 28, 5, 4))
    yield Case("three channels, 6 x 9 pixels, windows of 3 x 3, seven maps", (3, 6, 9, 3, 7))


def _places(height: int, width: int, kernel: int) -> int:
    return (height - kernel + 1) * (width - kernel + 1)


def _three(channels, height, width, kernel, maps) -> tuple[int, int, int]:
    units, window = _places(height, width, kernel) * maps, channels * kernel**2
    return units * (channels * height * width + 1), units * (window + 1), maps * (window + 1)


def _three_without(channels, height, width, kernel, maps):
    units, window = _places(height, width, kernel) * maps, channels * kernel**2
    return units * channels * height * width, units * window, maps * window


three_counts = Question(
    name="three_counts",
    contract=(
        "channels, height, width of the image, kernel (the side of the window), maps -> three "
        "whole numbers: weights and biases of the dense, the local and the shared layer. No "
        "padding, stride 1; the hidden layer is equally large in all three."
    ),
    cases=_shapes,
    reference=_three,
    diagnoses=(
        (
            _three_without,
            "the biases are missing: every hidden unit has one in the dense and in the local "
            "layer, every map has one in the shared layer.",
        ),
        (
            lambda c, h, w, k, f: (
                _places(h, w, k) * f * (c * h * w + 1),
                _places(h, w, k) * f * c * k**2 + f,
                f * (c * k**2 + 1),
            ),
            "the local layer shares nothing, not even its biases: one for each place and map.",
        ),
        (
            lambda c, h, w, k, f: (
                _places(h, w, k) * f * (c * h * w + 1),
                _places(h, w, k) * f * (c * k**2 + 1),
                f * c * k**2 + _places(h, w, k) * f,
            ),
            "the shared layer shares its biases, too: one for each map.",
        ),
        (
            lambda c, h, w, k, f: _three(1, h, w, k, f),
            "the channels are missing: a window of k x k pixels holds channels · k · k numbers, "
            "and the image channels · height · width.",
        ),
        (
            lambda c, h, w, k, f: (
                h * w * f * (c * h * w + 1),
                h * w * f * (c * k**2 + 1),
                f * (c * k**2 + 1),
            ),
            "there are fewer places than pixels: a window must fit into the image, so that along "
            "the height there are height - kernel + 1.",
        ),
        (
            lambda c, h, w, k, f: (
                f * (c * h * w + 1),
                _places(h, w, k) * f * (c * k**2 + 1),
                f * (c * k**2 + 1),
            ),
            "the dense layer has as many hidden units as the others: places · maps, and not just "
            "one for each map.",
        ),
        (
            lambda c, h, w, k, f: (
                _places(h, w, k) * f * (c * h * w + 1),
                _places(h, w, k) * f * (c * k + 1),
                f * (c * k + 1),
            ),
            "a window of side k holds k · k pixels.",
        ),
    ),
    hints=(
        "Hidden units first: how many places are there for a window of side kernel, and how many "
        "units at each place?",
        "Then count for one unit: how many numbers does it look at? Each has a weight, and there "
        "is one bias.",
        "units = (height - kernel + 1) · (width - kernel + 1) · maps. Dense: units · (channels · "
        "height · width + 1). Local: units · (channels · kernel² + 1). Shared: only maps · "
        "(channels · kernel² + 1).",
    ),
    rtol=0,
    atol=0,
)


def _pictures_and_kernels(rng: np.random.Generator):
    yield Case(
        "a picture of 3 x 4 pixels, a kernel of 2 x 2",
        (
            np.array([[0.0, 1, 2, 0], [3, 0, 1, 4], [0, 2, 0, 5]]),
            np.array([[1.0, 0], [2, -3]]),
        ),
    )
    yield Case(
        "a kernel of 2 x 3 on a picture of 5 x 4", (rng.random((5, 4)), rng.normal(size=(2, 3)))
    )
    yield Case(
        "bytes, and a kernel of whole numbers",
        (
            rng.integers(100, 256, (4, 5), dtype=np.uint8),
            rng.integers(1, 9, (3, 3)).astype(np.uint8),
        ),
    )
    yield Case("a random picture of 9 x 7", (rng.normal(size=(9, 7)), rng.normal(size=(3, 3))))


def _reference(image, kernel) -> np.ndarray:
    """All windows at once, in other words than the notebook's loops."""
    image, kernel = np.asarray(image, dtype=float), np.asarray(kernel, dtype=float)
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("yxij,ij->yx", windows, kernel)


def _same_size(image, kernel, before: int):
    """As large as the image; an even kernel needs one more row on one of the sides."""
    image = np.asarray(image, dtype=float)
    around = [((side - before) // 2, (side - 1 + before) // 2) for side in kernel.shape]
    return _reference(np.pad(image, around), kernel)


_PADDED = (
    "the image was padded so that the answer is as large as the image; here the kernel must lie "
    "inside it."
)


def _in_bytes(image, kernel):
    h, w = kernel.shape
    answer = _reference(image, kernel)
    for y, x in np.ndindex(*answer.shape):
        answer[y, x] = (image[y : y + h, x : x + w] * kernel).astype(float).sum()
    return answer


cross_correlate = Question(
    name="cross_correlate",
    contract=(
        "image (H, W), kernel (h, w), no larger -> (H - h + 1, W - w + 1): at each place the sum "
        "of the products of the kernel and the window below it."
    ),
    cases=_pictures_and_kernels,
    reference=_reference,
    diagnoses=(
        (
            lambda image, kernel: _reference(image, kernel[::-1, ::-1]),
            "the kernel was turned by 180 degrees. That is the mathematician's convolution; here "
            "it is laid on the image as it is.",
        ),
        (
            lambda image, kernel: _reference(image, kernel)[:-1, :-1],
            "the last row and column of places are missing: of H rows and a kernel of h there are "
            "H - h + 1 places.",
        ),
        (lambda image, kernel: _same_size(image, kernel, before=0), _PADDED),
        (lambda image, kernel: _same_size(image, kernel, before=1), _PADDED),
        (
            lambda image, kernel: _reference(np.asarray(image).T, kernel).T,
            "rows and columns of the kernel were exchanged.",
        ),
        (
            lambda image, kernel: _reference(image, kernel).T,
            "the answer is transposed: the first index is the row.",
        ),
        (
            lambda image, kernel: _reference(image, kernel) / kernel.size,
            "that is the mean of the products; their sum is asked for.",
        ),
        (
            _in_bytes,
            "bytes wrap around at 256: make floats of the image before you multiply.",
        ),
        (
            lambda image, kernel: np.maximum(_reference(image, kernel), 0),
            "negative sums were set to 0; that is a ReLU, which comes later.",
        ),
        (
            lambda image, kernel: np.round(_reference(image, kernel)),
            "the sums were rounded: the answer must hold floats, so do not create it with the type "
            "of a byte image.",
        ),
    ),
    hints=(
        "Begin with an empty answer: np.zeros((H - h + 1, W - w + 1)). Two loops fill it.",
        "At place (y, x) the window is image[y : y + h, x : x + w], as large as the kernel.",
        "answer[y, x] = (image[y : y + h, x : x + w] * kernel).sum(), after "
        "image = np.asarray(image, dtype=float), since bytes wrap around.",
    ),
)


def _sides(rng: np.random.Generator):
    yield Case("a side of 5, a window of 3, stride 1, no padding", (5, 3, 1, 0))
    yield Case("a side of 28, a window of 5, stride 1, padding 2", (28, 5, 1, 2))
    yield Case("a side of 7, a window of 2, stride 2, no padding", (7, 2, 2, 0))
    yield Case("a side of 9, a window of 3, stride 4, padding 1", (9, 3, 4, 1))
    yield Case("a window as large as the image", (6, 6, 3, 0))
    for _ in range(5):
        kernel = int(rng.integers(1, 8))
        padding = int(rng.integers(0, kernel))
        stride = int(rng.integers(1, 5))
        yield Case(
            f"a window of {kernel}, stride {stride}, padding {padding}",
            (int(rng.integers(8, 60)), kernel, stride, padding),
        )


def _output_size(size, kernel, stride, padding) -> int:
    return (size + 2 * padding - kernel) // stride + 1


output_size = Question(
    name="output_size",
    contract=(
        "size of the image, kernel, stride, padding (on each side), all along one side, in pixels "
        "-> a whole number: how many places the window has."
    ),
    cases=_sides,
    reference=_output_size,
    diagnoses=(
        (
            lambda size, kernel, stride, padding: (size + 2 * padding - kernel + 1) // stride,
            "the 1 belongs outside the division: the first place, plus as many steps as fit.",
        ),
        (
            lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride,
            "the first place is missing: a window that just fits has one place, not none.",
        ),
        (
            lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1,
            "the padding is added on both sides, so it counts twice.",
        ),
        (
            lambda size, kernel, stride, padding: (
                math.ceil((size + 2 * padding - kernel) / stride) + 1
            ),
            "that rounds up: the last window would hang over the border. Only whole steps count.",
        ),
        (
            lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1,
            "a place cannot be counted half: round the number of steps down, with //.",
        ),
        (
            lambda size, kernel, stride, padding: size + 2 * padding - kernel + 1,
            "the stride was ignored.",
        ),
        (
            lambda size, kernel, stride, padding: (size - kernel) // stride + 1,
            "the padding was ignored.",
        ),
    ),
    hints=(
        "How far can the window travel from its first place to the last? With the padding there "
        "are size + 2 · padding pixels, and the window covers kernel of them.",
        "Divide the way by the stride and round down: that is the number of steps. The number of "
        "places is one more.",
        "(size + 2 * padding - kernel) // stride + 1",
    ),
    rtol=0,
    atol=0,
)

QUESTIONS = (three_counts, cross_correlate, output_size)
