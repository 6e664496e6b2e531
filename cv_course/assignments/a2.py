"""Assignment A2: convolution. What is asked, not how it is answered."""

import numpy as np

from cv_course.assignments.question import Case, Question

TITLE = "Convolution"
STEM = "a2_convolution"
MINUTES = 150


# --- conv2d --------------------------------------------------------------------------------------


def _images_and_filters(rng: np.random.Generator):
    def drawn(images, filters):
        return (
            rng.normal(size=images).astype(np.float32),
            rng.normal(size=filters).astype(np.float32),
            rng.normal(size=filters[0]).astype(np.float32),
        )

    x = np.array([[0.0, 1, 2, 0], [3, 0, 1, 4], [0, 2, 0, 5]])[None, None]
    w = np.array([[1.0, 0], [2, -3]])[None, None]
    group = "cross-correlation"
    yield Case("a picture of 3 x 4 pixels, a kernel of 2 x 2, no bias", (x, w, np.zeros(1)), group)
    x, w, b = drawn((1, 1, 5, 8), (1, 1, 3, 2))
    yield Case("a picture of 5 x 8 pixels, a kernel of 3 x 2, no bias", (x, w, 0 * b), group)

    group = "channels and bias"
    case = drawn((2, 3, 5, 7), (4, 3, 3, 3))
    yield Case("two images of three channels, four filters of 3 x 3", case, group)
    case = drawn((1, 2, 6, 4), (3, 2, 1, 1))
    yield Case("a single image of two channels, three filters of 1 x 1", case, group)
    _, w, b = drawn((1, 2, 5, 6), (3, 2, 2, 3))
    bytes_ = rng.integers(0, 256, (2, 2, 5, 6), dtype=np.uint8)
    yield Case("images of bytes, three filters of 2 x 3", (bytes_, w, b), group)

    group = "padding"
    case = (*drawn((2, 2, 4, 6), (3, 2, 3, 3)), 1, 1)
    yield Case("padding 1 for filters of 3 x 3", case, group)
    case = (*drawn((1, 3, 4, 5), (2, 3, 3, 2)), 1, 2)
    yield Case("padding 2 for filters of 3 x 2", case, group)

    group = "stride"
    case = (*drawn((1, 2, 7, 9), (3, 2, 3, 3)), 2, 0)
    yield Case("stride 2 on 7 x 9 pixels", case, group)
    case = (*drawn((2, 2, 8, 11), (3, 2, 3, 2)), 3, 0)
    yield Case("stride 3 on 8 x 11 pixels, filters of 3 x 2: the last window must fit", case, group)
    case = (*drawn((2, 3, 6, 9), (4, 3, 3, 3)), 2, 1)
    yield Case("stride 2 and padding 1 on 6 x 9 pixels", case, group)

    whole = (  # whole numbers, so that the stored answer is small
        rng.integers(0, 4, (8, 16, 32, 32)).astype(np.float32),
        rng.integers(-1, 2, (32, 16, 3, 3)).astype(np.float32),
        rng.integers(-9, 10, 32).astype(np.float32),
    )
    about = "eight images of 16 channels and 32 x 32 pixels, 32 filters of 3 x 3, in time"
    yield Case(about, (*whole, 1, 1), "speed")


conv2d = Question(
    name="conv2d",
    contract=(
        "x (N, C, H, W), w (F, C, KH, KW), b (F,), stride, padding (the same along both axes; "
        "zeros) -> (N, F, H', W') with H' = (H + 2 padding - KH) // stride + 1: the "
        "cross-correlation with each filter, summed over the channels, plus the filter's bias."
    ),
    cases=_images_and_filters,
    hints=(
        "Pad first: np.pad takes a pair (before, after) for every axis, and those of images and "
        "channels are (0, 0). Then compute H' and W'.",
        "For one output position: the window is x[:, :, i·stride : i·stride + KH, j·stride : "
        "j·stride + KW]. np.einsum can multiply it by w and sum over channels and window.",
        "For speed, loop over the KH · KW positions *in the kernel* instead: the strided slice "
        "x[:, :, u : u + stride·(H' - 1) + 1 : stride, …] holds what w[:, :, u, v] meets at all "
        "output positions; einsum or tensordot over the channels, and add up. At last b, as "
        "b[:, None, None].",
    ),
    points=16,
    cpu_seconds=1.0,
)


# --- max_pool2d ----------------------------------------------------------------------------------


def _maps(rng: np.random.Generator):
    small = np.array([[1.0, 5, 2, 0, 3, 1], [4, 0, 7, 1, 2, 9]])[None, None]
    yield Case("a map of 2 x 6, windows of 2, stride 2", (small, 2, 2), "windows")
    yield Case(
        "two images, three channels, 5 x 8 pixels, windows of 2, stride 2 (floor)",
        (rng.normal(size=(2, 3, 5, 8)).astype(np.float32) + 3, 2, 2),
        "windows",
    )
    yield Case(
        "images of bytes, windows of 3, stride 3",
        (rng.integers(0, 256, (1, 2, 7, 9), dtype=np.uint8), 3, 3),
        "windows",
    )
    yield Case(
        "windows of 3, stride 2 (they overlap), 7 x 9 pixels",
        (rng.random((2, 3, 7, 9)), 3, 2),
        "overlap and gaps",
    )
    yield Case(
        "windows of 3, stride 1, 4 x 6 pixels",
        (rng.random((1, 4, 4, 6)).astype(np.float32), 3, 1),
        "overlap and gaps",
    )
    yield Case(
        "windows of 2, stride 3 (pixels in between are not looked at), 8 x 11 pixels",
        (rng.random((1, 2, 8, 11)), 2, 3),
        "overlap and gaps",
    )
    yield Case(
        "maps in which all values are negative, windows of 2, stride 2",
        (-1 - rng.random((2, 2, 4, 6)), 2, 2),
        "negative values",
    )
    yield Case(
        "maps in which all values are negative, windows of 3, stride 2, 8 x 6 pixels",
        (-1 - rng.random((1, 3, 8, 6)).astype(np.float32), 3, 2),
        "negative values",
    )


max_pool2d = Question(
    name="max_pool2d",
    contract=(
        "x (N, C, H, W), size (of the square window), stride -> (N, C, H', W') with H' = (H - "
        "size) // stride + 1: the largest value in each window. No padding; a window that would "
        "not fit is left out."
    ),
    cases=_maps,
    hints=(
        "Compute H' and W' first. The window of output (i, j) begins at row i·stride and column "
        "j·stride, and is size pixels wide and high, whatever the stride is.",
        "Reduce a window x[:, :, rows, columns] over its last two axes only; images and channels "
        "stay apart.",
        "If you start from an array of zeros and take maxima, negative maps come out as zeros: "
        "start from -np.inf, or from the first slice.",
    ),
    points=8,
)


# --- count_parameters ----------------------------------------------------------------------------


def _layers(rng: np.random.Generator):
    kinds = ("fully_connected", "locally_connected", "conv")
    a, b = int(rng.integers(2, 6)), int(rng.integers(7, 12))
    for kind in kinds:
        yield Case(
            f"{kind}: one grey image of 4 x 5, windows of 2 x 2, three maps",
            (kind, 1, 3, 2, 4, 5),
            kind,
        )
        yield Case(
            f"{kind}: {a} channels, {b} maps, windows of 3 x 3, images of 6 x 9",
            (kind, a, b, 3, 6, 9),
            kind,
        )
        yield Case(
            f"{kind}: {a} channels, {b} maps, windows of 1 x 1, images of 7 x 3",
            (kind, a, b, 1, 7, 3),
            kind,
        )
    for kind in kinds:
        yield Case(
            f"{kind} without bias: {a} channels, {b} maps, windows of 5 x 5, images of 8 x 11",
            (kind, a, b, 5, 8, 11, 1, False),
            "without bias",
        )
    yield Case(
        "conv with groups=2: AlexNet's second layer, 96 channels, 256 maps, windows of 5 x 5",
        ("conv", 96, 256, 5, 31, 31, 2, True),
        "groups",
    )
    yield Case(
        "conv with as many groups as channels, 6 channels, 12 maps, no bias",
        ("conv", 6, 12, 3, 10, 8, 6, False),
        "groups",
    )


count_parameters = Question(
    name="count_parameters",
    contract=(
        'kind ("fully_connected", "locally_connected" or "conv"), in_channels, out_channels, '
        "kernel_size, height, width (of the input), groups, bias -> a whole number: the layer's "
        "weights and biases. Stride 1, no padding; all three kinds make the same output map, "
        "(out_channels, height - kernel_size + 1, width - kernel_size + 1). groups is 1 except in "
        "a conv."
    ),
    cases=_layers,
    hints=(
        "How many output units are there: out_channels at each of how many places? How many "
        "numbers does one unit look at?",
        "A fully connected unit looks at all channels · height · width inputs, a locally connected "
        "one at a window. Without sharing each unit has weights and a bias of its own; in a conv "
        "all units of a map share theirs.",
        "With groups, a map looks at in_channels / groups channels only. So a conv has "
        "out_channels · (in_channels // groups · kernel_size²) weights, and out_channels biases.",
    ),
    points=8,
    rtol=0,
    atol=0,
)


# --- locally_connected2d -------------------------------------------------------------------------


def _images_and_local_filters(rng: np.random.Generator):
    def drawn(count, places, maps, channels, kernel, stride=1, bias=True):
        rows, columns = places
        size = [(side - 1) * stride + kernel for side in places]
        w = rng.normal(size=(rows, columns, maps, channels, kernel, kernel)).astype(np.float32)
        b = rng.normal(size=(rows, columns, maps)).astype(np.float32) * bias
        return rng.normal(size=(count, channels, *size)).astype(np.float32), w, b

    x = np.array([[1.0, 2, 0, 1], [0, 3, 1, 2]])[None, None]
    w = np.zeros((1, 3, 1, 1, 2, 2))
    w[0, :, 0, 0] = [[[1, 0], [0, 2]], [[0, 1], [1, 0]], [[-1, 0], [0, 3]]]
    yield Case(
        "a picture of 2 x 4 pixels, three windows of 2 x 2, no bias",
        (x, w, np.zeros((1, 3, 1))),
        "weights",
    )
    case = drawn(2, (3, 4), 5, 3, 2, bias=False)
    yield Case("two images, 3 x 4 places, five maps, no bias", case, "weights")
    case = drawn(1, (4, 2), 3, 2, 3, bias=False)
    yield Case("a single image, 4 x 2 places, windows of 3 x 3, no bias", case, "weights")
    yield Case("3 x 2 places, a bias at each", drawn(2, (3, 2), 4, 2, 3), "bias")
    yield Case("a single place: the window is the image", drawn(3, (1, 1), 4, 2, 3), "bias")
    _, w, b = drawn(1, (2, 4), 3, 2, 2)
    bytes_ = rng.integers(0, 256, (2, 2, 3, 5), dtype=np.uint8)
    yield Case("images of bytes, 2 x 4 places", (bytes_, w, b), "bias")
    case = (*drawn(2, (2, 3), 4, 3, 3, stride=2), 2)
    yield Case("stride 2, windows of 3 x 3, 2 x 3 places", case, "stride")
    case = (*drawn(1, (3, 2), 2, 3, 2, stride=3), 3)
    yield Case("stride 3, windows of 2 x 2, 3 x 2 places", case, "stride")


locally_connected2d = Question(
    name="locally_connected2d",
    contract=(
        "x (N, C, H, W), w (H', W', F, C, K, K), b (H', W', F), stride -> (N, F, H', W'): at "
        "output position (i, j) the window of x that begins at (i · stride, j · stride) meets the "
        "filters w[i, j], and b[i, j] is added. No padding."
    ),
    cases=_images_and_local_filters,
    hints=(
        "It is your conv2d, only that every output position (i, j) has filters of its own, w[i, "
        "j], and biases of its own, b[i, j].",
        "Read H', W' and K off w.shape. For each (i, j): cut the window (N, C, K, K) out of x, and "
        "contract it with w[i, j], which is (F, C, K, K), over the last three axes.",
        'np.einsum("nckl,fckl->nf", window, w[i, j]) + b[i, j] belongs at out[:, :, i, j].',
    ),
    points=8,
)

QUESTIONS = (conv2d, max_pool2d, count_parameters, locally_connected2d)
FREE_TEXT = (
    (
        "share_or_not",
        "For which pictures would you rather use a locally connected layer than a convolution? "
        "Say what is gained and what is paid, with numbers from count_parameters.",
        10,
    ),
)
