"""The exercises of section 03: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import assert_helps, assert_named, assert_right, from_notebook

from cv_course import data, nearest, perturb
from cv_course.checks import QUESTIONS

NOTEBOOK = "03_classification_as_search"


def cosine_in_torch(Q, X):
    Q, X = torch.as_tensor(Q).double(), torch.as_tensor(X).double()
    return 1 - F.cosine_similarity(Q[:, None], X[None], dim=-1)


def cosine_in_loops(Q, X):
    rows = []
    for q in Q.astype(float):
        row = []
        for x in X.astype(float):
            lengths = (q @ q) ** 0.5 * (x @ x) ** 0.5
            row.append(1 - q @ x / lengths if lengths else 1.0)
        rows.append(row)
    return rows


def shifts_in_torch(q, X, reach):
    q = torch.as_tensor(q).double()[None, None]
    H, W = q.shape[-2:]
    windows = F.unfold(F.pad(q, [reach] * 4), (H, W))[0].T
    return torch.cdist(windows, torch.as_tensor(X).double().flatten(1)).amin(0)


def shifts_with_perturb(q, X, reach):
    q, X = torch.tensor(q)[None, None].float(), torch.tensor(X).float()
    span = range(-reach, reach + 1)
    found = [
        (perturb.shift(q, dx, dy)[0] - X).square().sum((1, 2)).sqrt() for dx in span for dy in span
    ]
    return torch.stack(found).min(0).values.numpy()


RIGHT = {
    "cosine_distances": [cosine_in_torch, cosine_in_loops],
    "shift_tolerant_distance": [shifts_in_torch, shifts_with_perturb],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


def rolled(q, X, reach):
    span, best = range(-reach, reach + 1), np.inf
    for dy in span:
        for dx in span:
            moved = np.roll(q.astype(float), (dy, dx), axis=(0, 1))
            best = np.minimum(best, np.sqrt(((X - moved) ** 2).sum((1, 2))))
    return best


def one_range_for_both(q, X, reach):
    q = torch.tensor(q)[None, None].double()
    moved = [perturb.shift(q, by, by)[0, 0].numpy() for by in range(-reach, reach + 1)]
    return np.min([np.linalg.norm((X - m).reshape(len(X), -1), axis=1) for m in moved], axis=0)


def bytes_subtracted(q, X, reach):
    H, W = q.shape
    around, best = np.pad(q, reach), np.inf
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            difference = X - around[dy : dy + H, dx : dx + W]
            best = np.minimum(best, (difference**2).sum((1, 2)) ** 0.5)
    return best


def normalised_in_place(Q, X):
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)
    return 1 - Q / np.maximum(np.linalg.norm(Q, axis=1, keepdims=True), 1e-12) @ X.T


WRONG = [
    ("cosine_distances", lambda Q, X: 1 - cosine_in_torch(Q, X), "a similarity"),
    ("cosine_distances", lambda Q, X: 1 - Q @ X.T, "not been divided by the lengths"),
    ("cosine_distances", lambda Q, X: cosine_in_torch(X, Q), "transposed"),
    (
        "cosine_distances",
        lambda Q, X: 1 - Q @ (X / np.linalg.norm(X, axis=1, keepdims=True)).T,
        "the queries have not",
    ),
    (
        "cosine_distances",
        lambda Q, X: 1 - (Q / np.linalg.norm(Q, axis=1, keepdims=True)) @ X.T,
        "the images have not",
    ),
    (
        "cosine_distances",
        lambda Q, X: 1 - Q @ X.T / (np.sum(Q**2) * np.sum(X**2)) ** 0.5,
        "the whole matrix",
    ),
    (
        "cosine_distances",
        lambda Q, X: 1 - Q @ X.T / ((Q**2).sum(1)[:, None] * (X**2).sum(1)),
        "a root is missing",
    ),
    (
        "cosine_distances",
        lambda Q, X: (
            1 - Q.astype(float) @ X.T / np.outer(np.linalg.norm(Q, axis=1), (X**2.0).sum(1) ** 0.5)
        ),
        "a zero vector has no direction",
    ),
    ("cosine_distances", normalised_in_place, "changed in place"),
    ("shift_tolerant_distance", rolled, "Zeros must come in"),
    ("shift_tolerant_distance", one_range_for_both, "only diagonal shifts"),
    ("shift_tolerant_distance", bytes_subtracted, "bytes wrap around"),
    ("shift_tolerant_distance", lambda q, X, reach: shifts_in_torch(q, X, 0), "without any shift"),
    (
        "shift_tolerant_distance",
        lambda q, X, reach: shifts_in_torch(q, X, reach) ** 2,
        "take the root",
    ),
    (
        "shift_tolerant_distance",
        lambda q, X, reach: np.mean(
            [
                np.linalg.norm(X - perturb.shift(torch.tensor(q)[None, None], x, y)[0].numpy(),
                               axis=(1, 2))
                for x in range(-reach, reach + 1) for y in range(-reach, reach + 1)
            ],
            axis=0,
        ),
        "the smallest",
    ),
    (
        "shift_tolerant_distance",
        lambda q, X, reach: np.min(
            [
                np.linalg.norm(X - perturb.shift(torch.tensor(q)[None, None], x)[0].numpy(),
                               axis=(1, 2))
                for x in range(-reach, reach + 1)
            ],
            axis=0,
        ),
        "none down or up",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)


def test_the_notebooks_search_is_the_packages():
    """What is shown in class and what is imported afterwards find and predict the same."""
    nearest_images, vote = from_notebook(NOTEBOOK, "nearest_images", "vote")
    fashion = data.fashion_mnist()
    train = fashion.train[:2000]
    for k in (1, 4, 5, 10):
        search = nearest.NearestNeighbours(k).fit(train.images, train.labels)
        queries = fashion.test.images[:60]
        predicted = search.predict(queries)
        _, positions = search.kneighbors(queries)
        for query, expected, where in zip(queries, predicted, positions, strict=True):
            found = nearest_images(query, train.images, k)
            assert torch.equal(found, where)
            assert vote(train.labels[found]) == expected


def test_the_notebooks_cosine_is_the_packages():
    (cosine,) = from_notebook(NOTEBOOK, "cosine_distances")
    fashion = data.fashion_mnist()
    Q, X = fashion.test.images[:9].flatten(1), fashion.train.images[:30].flatten(1)
    ours = nearest.distances(Q, X, "cosine")
    torch.testing.assert_close(torch.as_tensor(cosine(Q, X)).float(), ours, atol=1e-5, rtol=1e-4)
