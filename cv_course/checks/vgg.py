"""The exercises of section 10."""

import itertools

import numpy as np

from cv_course.drill import Case, Question
from cv_course.networks.vgg import CONFIGS, read_stage

# ----------------------------------------------------------------- two convolutions are one


def _pairs_of_kernels(rng: np.random.Generator):
    yield Case(
        "one channel, two kernels of 2 x 2",
        (np.array([[[[1.0, 2.0], [0.0, 3.0]]]]), np.array([[[[1.0, 0.0], [0.0, -1.0]]]])),
    )
    yield Case(
        "one channel, two kernels of 3 x 3",
        (rng.normal(size=(1, 1, 3, 3)), rng.normal(size=(1, 1, 3, 3))),
    )
    yield Case(
        "two channels everywhere, 3 x 3 and 1 x 1",
        (rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(2, 2, 1, 1))),
    )
    yield Case(
        "2 channels become 3, and these 4; 3 x 3 and 5 x 5",
        (rng.normal(size=(3, 2, 3, 3)), rng.normal(size=(4, 3, 5, 5))),
    )


def _merge(first, second, flip: bool = False, mean: bool = False) -> np.ndarray:
    k, size = first.shape[-1], second.shape[-1]
    merged = np.zeros((len(second), first.shape[1], k + size - 1, k + size - 1))
    used = second[:, :, ::-1, ::-1] if flip else second
    for y in range(size):
        for x in range(size):
            merged[:, :, y : y + k, x : x + k] += np.einsum(
                "fm,mcij->fcij", used[:, :, y, x], first
            )
    return merged / (len(first) if mean else 1)


def _added(first, second) -> np.ndarray:
    side = first.shape[-1] + second.shape[-1] - 1
    total = np.zeros((len(second), first.shape[1], side, side))
    for kernels in (first, second):
        start = (side - kernels.shape[-1]) // 2
        stop = start + kernels.shape[-1]
        total[:, :, start:stop, start:stop] += kernels
    return total


def _channel_by_channel(first, second) -> np.ndarray:
    """Output f takes the middle channel f alone."""
    alone = np.stack([np.where(np.arange(len(first)) == f, 1, 0) for f in range(len(second))])
    return _merge(first, second * alone[:, :, None, None])


def _middle(first, second) -> np.ndarray:
    """Only as large as the first kernel."""
    cut = (second.shape[-1] - 1) // 2
    return _merge(first, second)[..., cut : cut + first.shape[-1], cut : cut + first.shape[-1]]


merge_kernels = Question(
    name="merge_kernels",
    contract=(
        "first (M, C, k, k), second (F, M, l, l), NumPy arrays, the weights of two convolutions "
        "without bias and padding, one after the other -> (F, C, k+l-1, k+l-1): the weights of "
        "the one convolution that does the same."
    ),
    cases=_pairs_of_kernels,
    reference=_merge,
    diagnoses=(
        (
            lambda first, second: _merge(first, second, flip=True),
            "one of the kernels was turned by 180 degrees. Layers compute cross-correlations; the "
            "shift within the second kernel and that within the first one add up.",
        ),
        (
            lambda first, second: _merge(second, first),
            "the two were exchanged: the first one is next to the image.",
        ),
        (
            lambda first, second: np.swapaxes(_merge(first, second), 0, 1),
            "the first two axes are exchanged; weights are (outputs, inputs, height, width).",
        ),
        (
            lambda first, second: np.swapaxes(_merge(first, second), 2, 3),
            "rows and columns were exchanged.",
        ),
        (
            _channel_by_channel,
            "output f took only the middle channel f; a convolution adds up over all the channels "
            "that come in.",
        ),
        (
            lambda first, second: _merge(first, second, mean=True),
            "that is the mean over the middle channels; a convolution takes their sum.",
        ),
        (_added, "the kernels were added; one after the other they multiply."),
        (
            _middle,
            "the border was cut off: k + l - 1 pixels count, since the second kernel's outermost "
            "weights look at windows that stick out.",
        ),
    ),
    hints=(
        "The weight at place i of the second kernel reads what the first made from the pixels at "
        "the places i + j, with its weight at j. What is the factor of that pixel in the end?",
        "So merged[f, c, i + j] collects second[f, m, i] * first[m, c, j], over all i, j and m "
        "(i and j have a vertical and a horizontal part).",
        "Two loops over the places (y, x) of the second kernel: merged[:, :, y : y + k, x : x + k] "
        '+= np.einsum("fm,mcij->fcij", second[:, :, y, x], first).',
    ),
)

# ------------------------------------------------------------------ how many weights


def _nets(rng: np.random.Generator):
    yield Case("one 5 x 5 convolution with 2 kernels, one pooling, 5 classes", _net([(5, 2)], 1, 5))
    yield Case("two convolutions, the second one 1 x 1", _net([(3, 8), (1, 16)], 2, 10))
    for name in "AC":
        rows = [item for stage in CONFIGS[name] for item in read_stage(stage)]
        yield Case(f"configuration {name} of the paper", _net(rows, 5, 1000))


def _net(rows, poolings: int, classes: int) -> tuple:
    kernels, widths = (np.array(part) for part in zip(*rows, strict=True))
    return kernels, widths, poolings, classes


def _count(
    kernels, widths, poolings, classes,
    bias=1, channels=3, side=None, stuck=False, power=2, no_full=False,
) -> int:  # fmt: skip
    total, came = 0, channels
    for kernel, width in zip(kernels.tolist(), widths.tolist(), strict=True):
        total += kernel**power * came * width + bias * width
        came = channels if stuck else width
    side = (224 >> poolings) if side is None else side
    sizes = [int(widths[-1]) * side * side, 4096, 4096, int(classes)]
    full = sum(i * o + bias * o for i, o in itertools.pairwise(sizes))
    return total + (0 if no_full else full)


count_vgg = Question(
    name="count_vgg",
    contract=(
        "kernels (L,) and widths (L,): side and number of the kernels of each convolution, from "
        "the image (3 channels) on; poolings: how many 2 x 2 poolings halve the 224 x 224 pixels; "
        "classes -> a whole number: all weights and biases, with the three full layers (4096, "
        "4096, classes)."
    ),
    cases=_nets,
    reference=_count,
    rtol=0,
    atol=0,
    diagnoses=(
        (
            lambda *net: _count(*net, bias=0),
            "the biases are missing: one for each kernel, one for each neuron.",
        ),
        (
            lambda *net: _count(*net, channels=1),
            "the image has three channels; the first kernels look at all of them.",
        ),
        (
            lambda *net: _count(*net, stuck=True),
            "every convolution was given the 3 channels of the image; behind the first one, it is "
            "as many as the layer before has kernels.",
        ),
        (
            lambda kernels, *rest: _count(np.full_like(kernels, 3), *rest),
            "all kernels were taken as 3 x 3. Look at kernels: some are 1 x 1.",
        ),
        (
            lambda *net: _count(*net, power=1),
            "a kernel of side k has k * k weights for each channel.",
        ),
        (
            lambda *net: _count(*net, side=1),
            "the first full layer reads the whole last map, not one number a channel.",
        ),
        (
            lambda *net: _count(*net, side=224),
            "the poolings were forgotten: each halves height and width.",
        ),
        (lambda *net: _count(*net, no_full=True), "the three full layers are missing."),
    ),
    hints=(
        "A convolution has kernel² · (channels that come in) · (kernels) weights, and a bias for "
        "each kernel. What comes in is what the layer before has made.",
        "Poolings have no weights, but they decide how many numbers reach the first full layer: "
        "side = 224 // 2**poolings, and widths[-1] * side * side numbers.",
        "Go through zip(kernels, widths) with a variable for the channels that come in (3 at the "
        "start); then through the sizes [numbers, 4096, 4096, classes] pair by pair.",
    ),
)

# ------------------------------------------------------------------ centring


def _pictures(rng: np.random.Generator):
    def draw(count, height, width):
        tint = np.array([200, 120, 60]).reshape(3, 1, 1)
        noise = rng.integers(-50, 50, (count, 3, height, width))
        return (tint + noise).astype(np.uint8)

    train = np.array([[[[10, 20]], [[30, 50]], [[0, 4]]]], dtype=np.uint8)
    yield Case(
        "two pictures of 1 x 2 pixels, and one to learn from",
        (
            np.array(
                [[[[5, 25]], [[40, 40]], [[1, 255]]], [[[90, 10]], [[0, 20]], [[7, 9]]]],
                dtype=np.uint8,
            ),
            train,
        ),
    )
    yield Case("two pictures, six to learn from", (draw(2, 4, 5), draw(6, 4, 5)))
    yield Case("pictures larger than those to learn from", (draw(3, 7, 6), draw(5, 4, 4)))


def _minus(images, mean) -> np.ndarray:
    return images.astype(float) - mean


def _mean_rgb(train) -> np.ndarray:
    return train.mean(axis=(0, 2, 3)).reshape(1, -1, 1, 1)


def _wrapped(images, train) -> np.ndarray:
    return images - np.round(_mean_rgb(train)).astype(np.uint8)


subtract_mean_rgb = Question(
    name="subtract_mean_rgb",
    contract=(
        "images (N, 3, H, W) and train (M, 3, H', W'), whole numbers 0…255 -> (N, 3, H, W) floats: "
        "the images minus the mean red, green and blue of all training pixels, as VGG does it."
    ),
    cases=_pictures,
    reference=lambda images, train: _minus(images, _mean_rgb(train)),
    diagnoses=(
        (
            lambda images, train: _minus(images, train.mean(axis=0)),
            "that is the mean image, a value for each pixel, as AlexNet does it. VGG takes one "
            "value a channel.",
        ),
        (
            lambda images, train: _minus(images, train.mean()),
            "one value for all channels; red, green and blue have a mean each.",
        ),
        (
            lambda images, train: _minus(images, _mean_rgb(images)),
            "the mean was taken from the images themselves. It belongs to the network: it comes "
            "from the training images, for whatever is shown later.",
        ),
        (
            lambda images, train: _minus(images, images.mean(axis=(2, 3), keepdims=True)),
            "every image lost its own mean, and with it, how bright it is.",
        ),
        (
            lambda images, train: _minus(images, _mean_rgb(train)[:, ::-1]),
            "the channels of the mean are in the order blue, green, red; the images are in red, "
            "green, blue.",
        ),
        (
            lambda images, train: (
                _minus(images, _mean_rgb(train)) / train.std(axis=(0, 2, 3)).reshape(1, -1, 1, 1)
            ),
            "you divided by the standard deviation, as torchvision does; VGG only subtracts.",
        ),
        (
            lambda images, train: _minus(images, _mean_rgb(train)) / 255,
            "you divided by 255; VGG only subtracts.",
        ),
        (
            _wrapped,
            "bytes wrap around: 5 - 15 becomes 246. Make floats before you subtract.",
        ),
    ),
    hints=(
        "Over which axes of train must be averaged, so that three numbers remain?",
        "train.mean(axis=(0, 2, 3)) has the shape (3,); against (N, 3, H, W) it must stand in the "
        "second place: reshape it to (1, 3, 1, 1).",
        "return images.astype(float) - train.mean(axis=(0, 2, 3)).reshape(1, 3, 1, 1)",
    ),
)

QUESTIONS = (merge_kernels, count_vgg, subtract_mean_rgb)
