"""The exercises of section 08: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import assert_helps, assert_named, assert_right, from_notebook
from torch import nn

from cv_course.checks import QUESTIONS

NOTEBOOK = "08_alexnet"


def connected_by_gradient(groups, channels):
    """A network of positive weights; a derivative that is not 0 is a connection."""
    convs = [
        nn.Conv2d(given, made, 1, groups=g, bias=False, dtype=torch.float64)
        for g, given, made in zip(groups, channels, channels[1:], strict=False)
    ]
    for conv in convs:
        nn.init.ones_(conv.weight)
    net = nn.Sequential(*convs)
    x = torch.rand(channels[0], dtype=torch.float64)
    return torch.autograd.functional.jacobian(lambda x: net(x.view(1, -1, 1, 1)).flatten(), x) > 0


def tables(groups, channels):
    """For each layer who reads whom, by Python's own means."""
    for g, given, made in zip(groups, channels, channels[1:], strict=False):
        yield [[i * g // made == j * g // given for j in range(given)] for i in range(made)]


def connected_in_sets(groups, channels):
    reach = [{j} for j in range(channels[0])]
    for table in tables(groups, channels):
        reach = [set().union(*(reach[j] for j, on in enumerate(row) if on)) for row in table]
    return [[j in some for j in range(channels[0])] for some in reach]


def in_turn(groups, channels):
    reach = np.eye(channels[0])
    for g, given, made in zip(groups, channels, channels[1:], strict=False):
        reach = (np.arange(made)[:, None] % g == np.arange(given) % g) @ reach
    return reach > 0


def only(which):
    def answer(groups, channels):
        return connected_in_sets([which(groups)], [channels[0], channels[-1]])

    return answer


def dense_from_torch(w, groups):
    """What a grouped convolution answers to a single pixel in each channel."""
    w = torch.as_tensor(w)
    part, kh, kw = w.shape[1:]
    channels = part * groups
    dots = torch.zeros(channels, channels, 2 * kh - 1, 2 * kw - 1, dtype=w.dtype)
    dots[range(channels), range(channels), kh - 1, kw - 1] = 1
    return F.conv2d(dots, w, groups=groups).flip(2, 3).transpose(0, 1)


def dense_in_loops(w, groups, turned=False):
    made, part, kh, kw = w.shape
    dense = np.zeros((made, part * groups, kh, kw))
    for f in range(made):
        for c in range(part):
            group = f * groups // made
            dense[f, (groups - 1 - group if turned else group) * part + c] = w[f, c]
    return dense


def place_by_search(index, channels, height, width):
    maps = np.arange(channels * height * width).reshape(channels, height, width)
    return np.argwhere(maps == index)[0]


def place_in(order):
    """The index is taken for one of maps whose axes have another order."""

    def answer(index, *shape):
        found = np.unravel_index(index, [shape[axis] for axis in order])
        return [int(found[order.index(axis)]) for axis in range(3)]

    return answer


RIGHT = {
    "connected": [connected_by_gradient, connected_in_sets],
    "one_stream": [dense_from_torch, dense_in_loops],
    "place_of": [place_by_search, lambda index, *shape: np.array(np.unravel_index(index, shape))],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


WRONG = [
    ("connected", lambda *given: connected_by_gradient(*given).T, "the table is transposed"),
    ("connected", in_turn, "groups are blocks of neighbours"),
    ("connected", only(lambda groups: groups[-1]), "only the last layer"),
    ("connected", only(lambda groups: groups[0]), "only the first layer"),
    ("connected", lambda g, c: connected_in_sets(g[::-1], c), "in the wrong order"),
    ("connected", only(max), "most groups alone"),
    ("connected", lambda g, c: np.ones((c[-1], c[0])), "does not read all channels"),
    ("connected", only(min), "fewest groups alone"),
    ("one_stream", lambda w, g: torch.as_tensor(w).repeat(1, g, 1, 1), "weights were repeated"),
    ("one_stream", lambda w, g: np.tile(w, (g, 1, 1)) / g, "spread over all groups"),
    (
        "one_stream",
        lambda w, g: np.pad(w, [(0, 0), (0, w.shape[1] * (g - 1)), (0, 0), (0, 0)]),
        "every kernel reads the first group",
    ),
    (
        "one_stream",
        lambda w, g: dense_in_loops(w, g, turned=True),
        "the groups are crossed over",
    ),
    (
        "one_stream",
        lambda w, g: np.stack(
            [
                np.concatenate([w[f] if group == f % g else 0 * w[f] for group in range(g)])
                for f in range(len(w))
            ]
        ),
        "not in turn",
    ),
    (
        "one_stream",
        lambda w, g: (
            dense_in_loops(w, g)
            .reshape(len(w), g, w.shape[1], *w.shape[2:])
            .swapaxes(1, 2)
            .reshape(len(w), -1, *w.shape[2:])
        ),
        "not every second one",
    ),
    ("one_stream", lambda w, g: w, "that is w itself"),
    ("place_of", place_in((1, 2, 0)), "the order height, width, channel"),
    ("place_of", place_in((0, 2, 1)), "down the columns"),
    ("place_of", lambda i, C, H, W: place_in((0, 1, 2))(i, C, W, H), "height and width are mixed"),
    ("place_of", lambda *given: place_by_search(*given)[[0, 2, 1]], "row and column are exchanged"),
    ("place_of", lambda i, C, H, W: (i // (H * W), *divmod(i, W)), "counts on through all"),
    ("place_of", lambda *given: place_by_search(*given) + 1, "count from 0"),
    ("place_of", place_in((2, 1, 0)), "the channel changes slowest"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


def test_every_diagnosis_has_its_wrong_answer():
    for name in RIGHT:
        expected = [sentence for question, _, sentence in WRONG if question == name]
        for _, sentence in QUESTIONS[name].diagnoses:
            assert sum(part in sentence for part in expected) == 1, sentence


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)


def test_contracts_are_not_those_of_the_assignments():
    from cv_course.checks.alexnet import QUESTIONS as mine

    assert {one.name for one in mine} == set(RIGHT)
    assert not {"local_response_norm", "vectorise", "alexnet"} & set(RIGHT)
