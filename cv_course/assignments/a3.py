"""Assignment 3: receptive fields, shapes, normalisation. What is asked, not what is right."""

import numpy as np

from cv_course.assignments.question import Case, Question

TITLE = "Receptive fields, shapes, normalisation"
STEM = "a3_receptive_fields"
MINUTES = 90


def _conv(kernel, out_channels, stride=1, padding=0, dilation=1) -> dict:
    return {
        "kind": "conv",
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "out_channels": out_channels,
    }


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


# ------------------------------------------------------------------------------ receptive field


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


receptive_field = Question(
    name="receptive_field",
    contract=(
        "layers, a list of dictionaries from the image on -> a whole number: the side in pixels of "
        "the square of the input that one element behind the last layer depends on."
    ),
    cases=_stacks,
    points=10,
    rtol=0,
    atol=0,
    hints=(
        "Take a single layer first: how many steps are there from the first to the last element "
        "that a kernel of K looks at? Then ask how many pixels one such step is long.",
        "Carry two numbers through the list: size, the side of the field, and jump, the pixels "
        "between two neighbouring elements. In front of the first layer both are 1.",
        "For each layer the size grows by (kernel - 1) * dilation * jump; afterwards the jump is "
        "multiplied by the layer's stride. Poolings are windows like any others; padding and "
        "channels do not matter.",
    ),
)

# -------------------------------------------------------------------------------------- shapes


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


trace = Question(
    name="trace",
    contract=(
        "layers, a list of L dictionaries; channels, height, width of the input, whole numbers -> "
        "a list of L triples (C, H, W): the shape after each layer."
    ),
    cases=_networks,
    collect=_as_rows,
    points=10,
    rtol=0,
    atol=0,
    hints=(
        "Along one direction: a window of 3 on 7 elements fits at how many places? And if it moves "
        "on by 2 each time?",
        "Padding adds elements on both sides. A window with dilation d spans (K - 1) * d + 1 "
        "elements. Count the places from the first one on: one, and then as many as there are "
        "whole steps.",
        "side = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1, for the height "
        "and for the width. A convolution sets the channels, a pooling leaves them alone.",
    ),
)

# ------------------------------------------------------------------------------- normalisation


def _activations(rng: np.random.Generator):
    def maps(*shape, size=40):
        return rng.normal(size=shape) * size

    small, paper = "a few channels", "the paper's numbers"
    yield Case(
        "five channels of one place, n = 3, alpha = 1, beta = 1",
        (np.array([1.0, -2.0, 4.0, 3.0, -1.0]).reshape(1, 5, 1, 1), 1.0, 3, 1.0, 1.0),
        small,
    )
    yield Case(
        "two pictures of 7 channels, 3 x 5", (maps(2, 7, 3, 5, size=2), 1.5, 5, 0.3, 0.6), small
    )
    yield Case(
        "6 channels, 4 x 7, with k = 2, n = 5, alpha = 1e-4, beta = 0.75 and large activations",
        (maps(1, 6, 4, 7, size=200), 2.0, 5, 1e-4, 0.75),
        paper,
    )
    yield Case(
        "the same with 96 channels, float32",
        (maps(3, 96, 5, 4, size=200).astype(np.float32), 2.0, 5, 1e-4, 0.75),
        paper,
    )
    odd = "wide and narrow windows"
    yield Case("a window of 9 over 4 channels", (maps(2, 4, 3, 6), 2.0, 9, 1e-2, 0.75), odd)
    yield Case("a window of 1", (maps(2, 5, 3, 2), 1.0, 1, 1e-3, 0.5), odd)


local_response_norm = Question(
    name="local_response_norm",
    contract=(
        "a (N, C, H, W); k, n (odd), alpha, beta, numbers -> (N, C, H, W): each activation "
        "divided by (k + alpha * the sum of the squares over the n channels around its own)^beta."
    ),
    cases=_activations,
    points=10,
    hints=(
        "The window runs over channels, not over places: at one place of one picture there is a "
        "column of C numbers. Write it for such a column first.",
        "Channel i looks at the channels from i - n // 2 to i + n // 2, itself included. At both "
        "ends the window is cut off: there are no channels beyond, and none come in from the other "
        "end.",
        "With squares = a**2: for each channel i, total = squares[:, max(0, i - n // 2) : i + "
        "n // 2 + 1].sum(1), and the answer there is a[:, i] / (k + alpha * total) ** beta. The "
        "paper's alpha is not divided by n.",
    ),
)

# ---------------------------------------------------------------------------------- vectorise


def _maps(rng: np.random.Generator):
    tiny = np.arange(1, 25, dtype=float).reshape(2, 2, 2, 3)
    for mode in ("flatten", "average"):
        yield Case(f"two pictures with 2 channels of 2 x 3, {mode}", (tiny.copy(), mode), mode)
        yield Case(f"the first of them alone, {mode}", (tiny[:1].copy(), mode), mode)
        yield Case(
            f"three pictures with 5 channels of 4 x 2, {mode}",
            (rng.normal(size=(3, 5, 4, 2)) + 1, mode),
            mode,
        )
        yield Case(
            f"maps of a single place, float32, {mode}",
            (rng.normal(size=(4, 3, 1, 1)).astype(np.float32), mode),
            mode,
        )
        yield Case(
            f"all values negative, one channel, {mode}",
            (-1 - rng.random((2, 1, 3, 4)), mode),
            mode,
        )


vectorise = Question(
    name="vectorise",
    contract=(
        'x (N, C, H, W), mode "flatten" or "average" -> (N, D): a vector for each picture, all '
        "numbers in the order channel, row, column, or the mean of each channel."
    ),
    cases=_maps,
    points=8,
    hints=(
        "The pictures of a batch stay apart: the first axis of the answer is N, also for N = 1.",
        "Which axes have to go for the mean of a channel, and which stay? For the list, the order "
        "of the axes is the right one already.",
        'x.reshape(len(x), -1) for "flatten", and the mean over the last two axes for "average".',
    ),
)

QUESTIONS = (receptive_field, trace, local_response_norm, vectorise)

FREE_TEXT = (
    (
        "seen_and_used",
        "A unit of VGG-16's last pooling sees 212 x 212 pixels. A friend concludes that it makes "
        "use of all of them alike. Is that so? Explain in about 150 words what the receptive field "
        "says, what it does not say, and which experiment would show your friend the difference.",
        10,
    ),
)
