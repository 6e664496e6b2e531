"""The exercises of section 07: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import assert_helps, assert_named, assert_right, from_notebook

from cv_course.checks import QUESTIONS
from cv_course.models.s07_lenet import connections
from cv_course.networks.lenet import ConvByTable, Subsampling

NOTEBOOK = "07_lenet"


def by_layer(table, kernel, places):
    """Count what the package's layer really holds."""
    rows = [[c for c, joined in enumerate(row) if joined] for row in table]
    layer = ConvByTable(rows, kernel, inputs=table.shape[1])
    height = kernel - 1 + places  # one row of `places` places
    model = torch.nn.Sequential(layer)
    joined = connections(model, (table.shape[1], kernel, height))
    return [sum(p.numel() for p in layer.parameters()), joined["0"]]


def in_loops(table, kernel, places):
    parameters = 0
    for row in table:
        parameters += 1
        for joined in row:
            parameters += joined * kernel * kernel
    return np.array([parameters, parameters * places])


def layer_forward(maps, coefficient, bias, pool=lambda maps: 4 * F.avg_pool2d(maps, 2)):
    maps, coefficient, bias = (torch.as_tensor(one) for one in (maps, coefficient, bias))
    return pool(maps) * coefficient[:, None, None] + bias[:, None, None]


def by_subsampling(maps, coefficient, bias):
    layer = Subsampling(len(bias)).double()
    with torch.no_grad():
        layer.coefficient.copy_(torch.as_tensor(coefficient))
        layer.bias.copy_(torch.as_tensor(bias))
        return layer(torch.as_tensor(maps)[None])[0]


def cross_entropy(states, codes, labels, sign=-1, power=2, reduction="mean"):
    y = torch.cdist(torch.as_tensor(states), torch.as_tensor(codes)) ** power
    return F.cross_entropy(sign * y, torch.as_tensor(np.array(labels)), reduction=reduction)


def loss_in_loops(states, codes, labels):
    total = 0.0
    for state, label in zip(states, labels, strict=True):
        y = [float(((state - code) ** 2).sum()) for code in codes]
        low = min(y)
        total += y[label] - low + np.log(sum(np.exp(low - one) for one in y))
    return total / len(states)


def right_code_only(states, codes, labels):
    return np.mean([((s - codes[c]) ** 2).sum() for s, c in zip(states, labels, strict=True)])


def overflowing(states, codes, labels):
    y = ((states[:, None] - codes) ** 2).sum(2)
    return (y[np.arange(len(y)), labels] + np.log(np.exp(-y).sum(1))).mean()


RIGHT = {
    "count_partial": [by_layer, in_loops],
    "subsample": [layer_forward, by_subsampling],
    "rbf_loss": [cross_entropy, loss_in_loops],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


def counted(parameters, connections_):
    def answer(table, kernel, places):
        given = {"F": len(table), "pairs": int(table.sum()), "k": kernel, "n": places}
        return [eval(parameters, {}, given), eval(connections_, {}, given)]

    return answer


WRONG = [
    ("count_partial", counted("pairs*k*k", "pairs*k*k*n"), "the biases are missing: one"),
    (
        "count_partial",
        counted("pairs*k*k+F", "pairs*k*k*n"),
        "the biases are missing among the connections",
    ),
    ("count_partial", counted("pairs*k*k+F", "pairs*k*k*n+F"), "a bias is shared by a map"),
    (
        "count_partial",
        lambda table, k, n: [
            table.size * k * k + len(table),
            (table.size * k * k + len(table)) * n,
        ],
        "the full table",
    ),
    ("count_partial", counted("pairs*(k*k+1)", "pairs*(k*k+1)*n"), "one bias for each kernel"),
    ("count_partial", counted("F*(k*k+1)", "F*(k*k+1)*n"), "a kernel of its own for each input"),
    ("count_partial", counted("pairs*k+F", "(pairs*k+F)*n"), "k · k weights"),
    ("subsample", lambda *a: layer_forward(*a, lambda m: F.avg_pool2d(m, 2)), "the mean"),
    ("subsample", lambda *a: layer_forward(*a, lambda m: F.max_pool2d(m, 2)), "the maximum"),
    ("subsample", lambda m, c, b: layer_forward(m, c, 4 * b), "came in four times"),
    ("subsample", lambda m, c, b: layer_forward(m, c, 0 * b), "the bias is missing"),
    ("subsample", lambda m, c, b: layer_forward(m, c, c * b), "multiplied by the coefficient"),
    (
        "subsample",
        lambda *a: layer_forward(*a, lambda m: 4 * F.avg_pool2d(m, 2, stride=1)),
        "the blocks overlap",
    ),
    (
        "subsample",
        lambda *a: 1.7159 * torch.tanh(2 / 3 * layer_forward(*a)),
        "the squashing comes afterwards",
    ),
    ("rbf_loss", right_code_only, "the distance to the right code alone"),
    ("rbf_loss", lambda *a: cross_entropy(*a, power=1), "take it squared"),
    ("rbf_loss", lambda *a: cross_entropy(*a, sign=1), "the signs"),
    ("rbf_loss", lambda *a: cross_entropy(*a, reduction="sum"), "take the mean"),
    ("rbf_loss", overflowing, "Subtract the smallest distance first"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


@pytest.mark.parametrize("name", RIGHT)
def test_each_helps(name):
    assert_helps(name)
