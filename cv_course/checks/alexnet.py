"""The exercises of section 08."""

import numpy as np

from cv_course.drill import Case, Question


def _indices(rng: np.random.Generator):
    yield Case("index 15 of maps 2 x 3 x 4", (15, 2, 3, 4))  # each usual mistake differs here
    yield Case("the very first number of maps 4 x 3 x 5", (0, 4, 3, 5))
    yield Case("the last number of maps 4 x 3 x 5", (59, 4, 3, 5))
    yield Case("one number a channel, 6 x 1 x 1", (4, 6, 1, 1))
    for _ in range(4):
        channels, height, width = (int(part) for part in rng.integers(2, 9, 3))
        index = int(rng.integers(channels * height * width))
        yield Case(
            f"index {index} of maps {channels} x {height} x {width}",
            (index, channels, height, width),
        )
    yield Case("index 4,610 of AlexNet's last maps, 256 x 6 x 6", (4610, 256, 6, 6))


def _place(index, channels, height, width):
    return index // (height * width), index // width % height, index % width


place_of = Question(
    name="place_of",
    contract=(
        "index, channels, height, width, whole numbers -> (channel, row, column), counted from 0: "
        "where the number at index of flattened maps C x H x W came from."
    ),
    cases=_indices,
    reference=_place,
    rtol=0,
    atol=0,
    diagnoses=(
        (
            lambda i, C, H, W: (i % C, i // C // W, i // C % W),
            "that is the order height, width, channel (as TensorFlow has it). PyTorch lists C, H, "
            "W: first all places of channel 0.",
        ),
        (
            lambda i, C, H, W: (i // (H * W), i % H, i // H % W),
            "within a channel you go down the columns; the column changes fastest, row by row.",
        ),
        (
            lambda i, C, H, W: (i // (H * W), i // H % W, i % H),
            "height and width are mixed up: a row has as many numbers as the map is wide.",
        ),
        (
            lambda i, C, H, W: (i // (H * W), i % W, i // W % H),
            "row and column are exchanged in the answer.",
        ),
        (
            lambda i, C, H, W: (i // (H * W), i // W, i % W),
            "the row counts on through all channels; take it within its own channel, modulo the "
            "height.",
        ),
        (
            lambda i, C, H, W: (i // (H * W) + 1, i // W % H + 1, i % W + 1),
            "count from 0.",
        ),
        (
            lambda i, C, H, W: (i % C, i // C % H, i // (C * H)),
            "the channel changes slowest, not fastest.",
        ),
    ),
    hints=(
        "How many numbers does one whole channel take up in the list?",
        "The channel is index // (height * width). What is left over, index % (height * width), is "
        "a place within the map, and a row has width numbers.",
        "(index // (height * width), index // width % height, index % width); numpy.unravel_index "
        "does the same.",
    ),
)


def _stacks(rng: np.random.Generator):
    yield Case("one layer without groups, 3 channels to 2", ([1], [3, 2]))
    yield Case("one layer with two groups, 4 channels to 2", ([2], [4, 2]))
    yield Case("two groups twice, 4 channels to 2 to 6", ([2, 2], [4, 2, 6]))
    yield Case("layers with 4, 6, 2 and 3 groups", ([4, 6, 2, 3], [12, 12, 12, 12, 24]))
    yield Case("two groups, then one, then two", ([2, 1, 2], [4, 4, 2, 6]))
    yield Case("two groups, then three", ([2, 3], [6, 6, 12]))
    yield Case("three groups, then two", ([3, 2], [6, 6, 4]))
    yield Case("a filter for each channel, then two groups", ([4, 2], [4, 8, 4]))


def _layer(groups: int, given: int, made: int) -> np.ndarray:
    """(made, given), which given channel each channel that is made reads."""
    owner_in = np.arange(given) // (given // groups)
    owner_out = np.arange(made) // (made // groups)
    return owner_out[:, None] == owner_in[None]


def _reach(groups, channels, layer=_layer) -> np.ndarray:
    reach = np.eye(channels[0], dtype=bool)
    for number, group in enumerate(groups):
        reach = layer(group, channels[number], channels[number + 1]) @ reach
    return reach


def _interleaved(groups: int, given: int, made: int) -> np.ndarray:
    return np.arange(made)[:, None] % groups == np.arange(given)[None] % groups


def _backwards(groups, channels) -> np.ndarray:
    return _reach(groups[::-1], channels)


def _largest(groups, channels) -> np.ndarray:
    return _layer(max(groups), channels[0], channels[-1])


connected = Question(
    name="connected",
    contract=(
        "groups, a list of L numbers, and channels, a list of L + 1 (before, between and behind "
        "the layers) -> (channels[-1], channels[0]) booleans: whether output channel i depends on "
        "input channel j through L convolutions with these groups."
    ),
    cases=_stacks,
    reference=_reach,
    diagnoses=(
        (
            lambda groups, channels: _reach(groups, channels).T,
            "the table is transposed: one row for each output channel, one column for each input.",
        ),
        (
            lambda groups, channels: _reach(groups, channels, _interleaved),
            "groups are blocks of neighbours: of 4 channels in 2 groups, 0 and 1 belong together, "
            "not 0 and 2.",
        ),
        (
            lambda groups, channels: _layer(groups[-1], channels[0], channels[-1]),
            "only the last layer was looked at.",
        ),
        (
            lambda groups, channels: _layer(groups[0], channels[0], channels[-1]),
            "only the first layer was looked at.",
        ),
        (_backwards, "the layers are taken in the wrong order; the first one reads the input."),
        (
            _largest,
            "the layer with most groups alone does not decide: what one keeps apart, a layer with "
            "other groups may join.",
        ),
        (
            lambda groups, channels: np.ones((channels[-1], channels[0]), dtype=bool),
            "with groups, a channel does not read all channels before it.",
        ),
        (
            lambda groups, channels: _layer(min(groups), channels[0], channels[-1]),
            "the layer with fewest groups alone does not decide; those that stand before and after "
            "it matter as well.",
        ),
    ),
    hints=(
        "Begin with one layer: with g groups, input channel j lies in group j // (inputs // g), "
        "output channel i in group i // (outputs // g). Who reads whom?",
        "Two layers: i depends on j if there is some channel between that i reads and that depends "
        "on j. Which operation on the two tables says that?",
        "Start with reach = np.eye(channels[0], dtype=bool); for each layer make its table "
        "(outputs x inputs) and set reach = table @ reach. For booleans, @ is and-then-or.",
    ),
)


def _grouped(rng: np.random.Generator):
    yield Case(
        "two kernels of 1 x 1 in two groups",
        (np.array([2.0, 3.0]).reshape(2, 1, 1, 1), 2),
    )
    yield Case("four kernels over one channel each, two groups", (rng.normal(size=(4, 1, 1, 2)), 2))
    yield Case("no groups", (rng.normal(size=(3, 4, 2, 2)), 1))
    yield Case("three groups", (rng.normal(size=(6, 2, 3, 2)), 3))
    yield Case("more inputs than outputs", (rng.normal(size=(2, 5, 1, 1)), 2))


def _dense(w, groups):
    made, part = w.shape[:2]
    dense = np.zeros((made, part * groups, *w.shape[2:]))
    for group in range(groups):
        rows = slice(group * made // groups, (group + 1) * made // groups)
        dense[rows, group * part : (group + 1) * part] = w[rows]
    return dense


def _turned_blocks(w, groups):
    """The blocks on the other diagonal."""
    return np.concatenate(np.split(_dense(w, groups), groups, axis=1)[::-1], axis=1)


def _every_kernel_in_turn(w, groups):
    made, part = w.shape[:2]
    dense = np.zeros((made, part * groups, *w.shape[2:]))
    for kernel in range(made):
        first = kernel % groups * part
        dense[kernel, first : first + part] = w[kernel]
    return dense


def _channels_in_turn(w, groups):
    dense = np.zeros((w.shape[0], w.shape[1] * groups, *w.shape[2:]))
    for kernel in range(len(w)):
        dense[kernel, kernel * groups // len(w) :: groups] = w[kernel]
    return dense


one_stream = Question(
    name="one_stream",
    contract=(
        "w (F, C/groups, K, K'), the weights of a convolution with groups -> (F, C, K, K'), those "
        "of a convolution without groups that computes the same."
    ),
    cases=_grouped,
    reference=_dense,
    diagnoses=(
        (
            lambda w, groups: np.tile(w, (1, groups, 1, 1)),
            "the weights were repeated: the kernels now read the other groups, too. A connection "
            "that is not there has the weight 0.",
        ),
        (
            lambda w, groups: np.tile(w, (1, groups, 1, 1)) / groups,
            "the weights were spread over all groups. A connection that is not there has the "
            "weight 0, and those that are there stay as they are.",
        ),
        (
            lambda w, groups: np.concatenate([w, *[0 * w] * (groups - 1)], axis=1),
            "every kernel reads the first group; those of the second group read the second, and so "
            "on.",
        ),
        (
            _turned_blocks,
            "the groups are crossed over: the first kernels read the first channels.",
        ),
        (
            _every_kernel_in_turn,
            "kernels go to the groups in blocks, the first F/groups to the first, not in turn.",
        ),
        (
            _channels_in_turn,
            "a group's channels are neighbours, not every second one.",
        ),
        (lambda w, groups: w, "that is w itself; its kernels must get C channels each."),
    ),
    hints=(
        "Start with zeros of the shape (F, C, K, K'); a weight of 0 is a connection that is not "
        "there.",
        "Kernel f lies in group f // (F / groups). Which channels does this group read?",
        "For each group g: rows g·F/groups to (g+1)·F/groups of the result, channels g·C/groups to "
        "(g+1)·C/groups, are the same rows of w.",
    ),
)

QUESTIONS = (connected, one_stream, place_of)
