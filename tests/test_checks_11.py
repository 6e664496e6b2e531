"""The exercises of section 11: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
from notebook_code import assert_helps, assert_named, assert_right, from_notebook
from scipy.stats import rankdata, spearmanr

from cv_course.checks import QUESTIONS
from cv_course.models.s11_inside import rank_correlation

NOTEBOOK = "11_looking_inside"


def gradient_by_autograd(x, W1, b1, W2, label):
    x, W1, b1, W2 = (torch.tensor(one, requires_grad=True) for one in (x, W1, b1, W2))
    (W2 @ torch.relu(W1 @ x + b1))[label].backward()
    return x.grad


def gradient_by_differences(x, W1, b1, W2, label):
    def score(x):
        return W2[label] @ np.maximum(W1 @ x + b1, 0)

    return [(score(x + step) - score(x - step)) / 2e-6 for step in 1e-6 * np.eye(len(x))]


def map_in_torch(A, G):
    A, G = torch.as_tensor(A), torch.as_tensor(G)
    return torch.einsum("chw,c->hw", A, G.mean((1, 2))).relu()


def map_in_loops(A, G):
    total = np.zeros(A.shape[1:])
    for channel, slopes in zip(A, G, strict=True):
        total += channel * slopes.sum() / slopes.size
    return np.where(total > 0, total, 0).tolist()


def spearman_with_ranks(a, b):
    return np.corrcoef(rankdata(a), rankdata(b))[0, 1]


RIGHT = {
    "score_gradient": [gradient_by_autograd, gradient_by_differences],
    "class_map": [map_in_torch, map_in_loops],
    "spearman": [
        lambda a, b: spearmanr(a, b, axis=None).statistic,
        spearman_with_ranks,
        lambda a, b: rank_correlation(torch.tensor(a)[None], torch.tensor(b)[None])[0],
    ],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


def relu_after(x, W1, b1, W2, label):
    return np.maximum(W1.T @ (W2[label] * (W1 @ x + b1 > 0)), 0)


def changes_the_activations(A, G):
    A *= G.mean((1, 2), keepdims=True)
    return np.maximum(A.sum(0), 0)


def ranks_in_turn(a, b):
    return np.corrcoef(rankdata(a, "ordinal"), rankdata(b, "ordinal"))[0, 1]


WRONG = [
    ("score_gradient", lambda x, W1, b1, W2, label: W2[label] @ W1, "ReLU is missing"),
    (
        "score_gradient",
        lambda x, W1, b1, W2, label: (W2[label] * (W1 @ x > 0)) @ W1,
        "without its bias",
    ),
    (
        "score_gradient",
        lambda x, W1, b1, W2, label: (W2[label] * np.maximum(W1 @ x + b1, 0)) @ W1,
        "its derivative is 1",
    ),
    (
        "score_gradient",
        lambda x, W1, b1, W2, label: (np.maximum(W2[label], 0) * (W1 @ x + b1 > 0)) @ W1,
        "guided backpropagation",
    ),
    (
        "score_gradient",
        lambda *given: abs(gradient_by_autograd(*given)),
        "sign is lost",
    ),
    ("score_gradient", lambda x, *rest: x * gradient_by_autograd(x, *rest).numpy(), "by the pixel"),
    (
        "score_gradient",
        lambda x, W1, b1, W2, label: W2.sum(0) * (W1 @ x + b1 > 0) @ W1,
        "take the row W2[label]",
    ),
    ("class_map", lambda A, G: (G.mean((1, 2))[:, None, None] * A).sum(0), "sets them to 0"),
    ("class_map", lambda A, G: np.maximum((G * A).sum(0), 0), "its own gradient"),
    ("class_map", lambda A, G: map_in_torch(A, G) * G[0].size, "take their mean"),
    ("class_map", lambda A, G: map_in_torch(A, G) / len(A), "add them up"),
    ("class_map", lambda A, G: np.maximum(A.sum(0), 0), "not weighted"),
    (
        "class_map",
        lambda A, G: np.maximum(G.mean((1, 2))[:, None, None] * A, 0).sum(0),
        "channel by channel",
    ),
    (
        "class_map",
        lambda A, G: map_in_torch(A, np.maximum(G.mean((1, 2), keepdims=True), 0)),
        "channel by channel",
    ),
    ("class_map", changes_the_activations, "changed in place"),
    ("spearman", lambda a, b: np.corrcoef(a.ravel(), b.ravel())[0, 1], "of the values"),
    (
        "spearman",
        lambda a, b: np.corrcoef(a.ravel().argsort(), b.ravel().argsort())[0, 1],
        "Sort twice",
    ),
    ("spearman", ranks_in_turn, "by their position"),
    (
        "spearman",
        lambda a, b: np.corrcoef(rankdata(a, "min"), rankdata(b, "min"))[0, 1],
        "the lowest of their ranks",
    ),
    (
        "spearman",
        lambda a, b: np.corrcoef(rankdata(a, "dense"), rankdata(b, "dense"))[0, 1],
        "count as one",
    ),
    ("spearman", lambda a, b: -spearman_with_ranks(a, b), "wrong way round"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


def test_cutting_off_the_derivative_is_wrong():
    from cv_course.checks import examine

    assert examine(QUESTIONS["score_gradient"], relu_after).status == "wrong"


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)
