"""The exercises of section 04: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
from notebook_code import assert_helps, assert_named, assert_right, from_notebook

from cv_course.checks import QUESTIONS

NOTEBOOK = "04_one_layer_one_template"


def scores_in_torch(images, W, b):
    images, W, b = (torch.as_tensor(one) for one in (images, W, b))
    return F.linear(images.flatten(1), W, b)


def scores_in_loops(images, W, b):
    return [[sum(w * x for w, x in zip(row, i.flat, strict=True)) + c for row, c in
             zip(W, b, strict=True)] for i in images]  # fmt: skip


def gradient(X, labels, classes, reduction="mean"):
    W = torch.zeros(classes, X.shape[1], dtype=torch.float64, requires_grad=True)
    loss = F.cross_entropy(torch.as_tensor(X) @ W.T, torch.as_tensor(labels), reduction=reduction)
    return torch.autograd.grad(loss, W)[0]


def step_in_loops(X, labels, classes, share=None):
    """``share``: what every image takes away from every template, 1/K if it is right."""
    share = 1 / classes if share is None else share
    step = np.zeros((classes, X.shape[1]))
    for x, label in zip(X, labels, strict=True):
        for c in range(classes):
            step[c] += ((c == label) - share) * x / len(X)
    return step


def means(X, labels, classes):
    return np.stack([X[labels == c].mean(0) for c in range(classes)])


def score_in_scipy(image, template):
    return scipy.signal.correlate2d(image.astype(float), template.astype(float), "valid").max()


def windows(image, template):
    """All products, places x 1, from im2col."""
    image, template = (torch.as_tensor(np.asarray(one, float)) for one in (image, template))
    return F.unfold(image[None, None], template.shape)[0].T @ template.flatten()


def cosines(image, template):
    image, template = (torch.as_tensor(np.asarray(one, float)) for one in (image, template))
    return F.cosine_similarity(F.unfold(image[None, None], template.shape)[0].T, template.ravel())


def last_place_forgotten(image, template):
    (H, W), (h, w) = image.shape, template.shape
    best = -np.inf
    for y in range(H - h):
        for x in range(W - w):
            best = max(best, np.sum(1.0 * image[y : y + h, x : x + w] * template))
    return best


def from_zero(image, template):
    best = 0
    for product in windows(image, template).tolist():
        if product > best:
            best = product
    return best


RIGHT = {
    "linear_scores": [scores_in_torch, scores_in_loops],
    "first_step": [lambda *given: -gradient(*given), step_in_loops],
    "best_score": [score_in_scipy, lambda image, template: windows(image, template).max()],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


WRONG = [
    ("linear_scores", lambda x, W, b: scores_in_loops(x, W, 0 * b), "the bias is missing"),
    ("linear_scores", lambda x, W, b: scores_in_torch(x, W, b).T, "the matrix is transposed"),
    ("linear_scores", lambda x, W, b: scores_in_torch(x, W.T, b), "that is x @ W"),
    ("linear_scores", lambda x, W, b: scores_in_torch(x, W, -b), "added, not subtracted"),
    (
        "linear_scores",
        lambda x, W, b: scores_in_torch(np.moveaxis(x, 1, -1), W, b),
        "the channels were moved to the end",
    ),
    (
        "linear_scores",
        lambda x, W, b: scores_in_loops(np.swapaxes(x, 2, 3), W, b),
        "rows and columns were exchanged",
    ),
    ("linear_scores", lambda *given: scores_in_torch(*given).softmax(1), "a softmax was applied"),
    ("linear_scores", lambda *given: scores_in_torch(*given).max(1).indices, "the winner"),
    ("first_step", gradient, "the sign"),
    ("first_step", lambda *given: -gradient(*given, "sum"), "not divided by their number N"),
    (
        "first_step",
        lambda X, labels, K: means(X, labels, K) - np.mean(X, 0),
        "still need their factors",
    ),
    (
        "first_step",
        lambda X, labels, K: [(X[labels == c].mean(0) - X.mean(0)) / K for c in range(K)],
        "1/K stands for the share",
    ),
    ("first_step", lambda *given: step_in_loops(*given, share=0), "every image also pushes"),
    (
        "first_step",
        lambda X, labels, K: np.stack(
            [np.mean(labels == c) * X[labels == c].mean(0) - X.mean(0) / K for c in range(K)]
        ),
        "0/0: a class without images",
    ),
    ("first_step", means, "the averages of the classes alone"),
    ("best_score", lambda *given: windows(*given)[0], "only the place in the upper left corner"),
    ("best_score", last_place_forgotten, "the last place is missing"),
    (
        "best_score",
        lambda image, template: scipy.signal.convolve2d(
            image.astype(float), template.astype(float), "valid"
        ).max(),
        "turned by 180 degrees",
    ),
    ("best_score", from_zero, "start from -infinity"),
    ("best_score", lambda *given: windows(*given).sum(), "were added up"),
    ("best_score", lambda *given: windows(*given).mean(), "the mean over the places"),
    ("best_score", lambda *given: windows(*given).abs().max(), "the sign was dropped"),
    ("best_score", lambda *given: cosines(*given).max(), "that is the cosine"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


def test_every_diagnosis_has_its_wrong_answer():
    for name in RIGHT:
        expected = [sentence for question, _, sentence in WRONG if question == name]
        for _, sentence in QUESTIONS[name].diagnoses:
            assert sum(part in sentence for part in expected) == 1, sentence


@pytest.mark.parametrize(
    "wrapping",
    [
        lambda window, template: (window * template).sum(),  # each product wraps
        lambda window, template: np.vdot(window, template),  # the sum wraps
    ],
)
def test_bytes_that_wrap_around_are_noticed(wrapping):
    def answer(image, template):
        places = np.lib.stride_tricks.sliding_window_view(image, template.shape)
        return max(wrapping(one, template) for row in places for one in row)

    assert_named("best_score", answer, "bytes")


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)
