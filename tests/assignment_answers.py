"""Answers to assignments A1 and A2 as students write them: right ones, and the usual wrong ones.

``RIGHT`` is {name: functions}, ``WRONG`` {name: (function, part of what has to be said)}.
"""

import functools
import itertools
import math

import numpy as np
import torch
from scipy.spatial import distance
from scipy.special import logsumexp, softmax
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional as F

from cv_course.grading.answers import a1

tensor = torch.as_tensor


# --- A1: pairwise_distances ----------------------------------------------------------------------


def distances_in_loops(X, Y, metric):
    found = np.zeros((len(X), len(Y)), np.float32)
    for i, x in enumerate(X.tolist()):
        for j, y in enumerate(Y.tolist()):
            if metric == "l1":
                found[i, j] = sum(abs(p - q) for p, q in zip(x, y, strict=True))
            elif metric == "l2":
                found[i, j] = math.dist(x, y)
            else:
                size = math.hypot(*x) * math.hypot(*y)
                dot = sum(p * q for p, q in zip(x, y, strict=True))
                found[i, j] = 1 - dot / size if size else 1
    return found


def distances_in_torch(X, Y, metric):
    X, Y = tensor(X).float(), tensor(Y).float()
    if metric == "cosine":
        return 1 - F.normalize(X, dim=1) @ F.normalize(Y, dim=1).T
    return torch.cdist(X, Y, p={"l1": 1, "l2": 2}[metric])


def distances_expanded(X, Y, metric):
    X, Y = X.astype(np.float32), Y.astype(np.float32)
    dots, xx, yy = X @ Y.T, (X * X).sum(1)[:, None], (Y * Y).sum(1)
    if metric == "l1":
        return np.stack([np.abs(x - Y).sum(1) for x in X])
    if metric == "l2":
        return np.sqrt(np.maximum(xx + yy - 2 * dots, 0))
    sizes = np.sqrt(xx * yy)
    return 1 - np.divide(dots, sizes, out=np.zeros_like(dots), where=sizes > 0)


def distances_in_scipy(X, Y, metric):
    names = {"l1": "cityblock", "l2": "euclidean", "cosine": "cosine"}
    with np.errstate(all="ignore"):
        found = distance.cdist(X.astype(float), Y.astype(float), names[metric])
    return np.nan_to_num(found, nan=1.0).tolist()


def distances_root_of_negative(X, Y, metric):
    if metric != "l2":
        return a1.pairwise_distances(X, Y, metric)
    X, Y = X.astype(float), Y.astype(float)
    return np.sqrt((X**2).sum(1)[:, None] + (Y**2).sum(1) - 2 * X @ Y.T)


def distances_in_place(X, Y, metric):
    if metric == "cosine" and X.dtype.kind == "f":
        for rows in (X, Y):
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            rows /= np.where(norms > 0, norms, 1)
        return 1 - X @ Y.T
    return a1.pairwise_distances(X, Y, metric)


def in_metric(wanted, wrong):
    def answer(X, Y, metric):
        if metric == wanted:
            return wrong(np.asarray(X, float), np.asarray(Y, float))
        return a1.pairwise_distances(X, Y, metric)

    return answer


def cosine_unguarded(X, Y):
    X, Y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Y))
    return 1 - X @ Y.T


def distances_of_bytes(X, Y, metric):
    gaps = X[:, None] - Y
    if metric == "l1":
        return abs(gaps).sum(2)
    return a1.pairwise_distances(X, Y, metric)


# --- A1: knn_predict -----------------------------------------------------------------------------


def knn_in_loops(X_train, y_train, X_query, k):
    answers = []
    for query in X_query.astype(float).tolist():
        far = [math.dist(query, row) for row in X_train.astype(float).tolist()]
        near = sorted(range(len(far)), key=far.__getitem__)[:k]
        votes = {}
        for place in near:
            votes.setdefault(int(y_train[place]), []).append(far[place])
        answers.append(min(votes, key=lambda label: (-len(votes[label]), votes[label][0])))
    return answers


def knn_in_torch(X_train, y_train, X_query, k):
    far = torch.cdist(tensor(X_query).double(), tensor(X_train).double())
    labels = tensor(y_train)[far.topk(k, largest=False, sorted=True).indices]
    votes = (labels[:, :, None] == labels[:, None, :]).sum(2)
    return labels.gather(1, votes.argmax(1, keepdim=True))[:, 0]


def knn_in_sklearn(X_train, y_train, X_query, k):
    near = NearestNeighbors(n_neighbors=k).fit(X_train.astype(float))
    answers = []
    for row in near.kneighbors(X_query.astype(float), return_distance=False):
        labels = y_train[row]
        names, first, counts = np.unique(labels, return_index=True, return_counts=True)
        answers.append(names[np.lexsort((first, -counts))[0]])
    return np.array(answers, np.float32)


def knn_by_vote(count):
    """A classifier that sees the labels of a query's neighbours, the nearest first."""

    def answer(X_train, y_train, X_query, k):
        near = a1.pairwise_distances(X_query, X_train, "l2").argsort(1)[:, :k]
        return np.array([count(row) for row in y_train[near]])

    return answer


def knn_of_bytes(X_train, y_train, X_query, k):
    far = np.sqrt(((X_query[:, None] - X_train) ** 2).sum(2))
    near = far.argsort(1)[:, :k]
    return np.array([max(row.tolist(), key=row.tolist().count) for row in y_train[near]])


def knn_that_remembers():
    kept = {}

    def knn_predict(X_train, y_train, X_query, k):
        points, labels = kept.setdefault(X_train.shape, (X_train, y_train))
        return a1.knn_predict(points, labels, X_query, k)

    return knn_predict


def knn_farthest(X_train, y_train, X_query, k):
    near = a1.pairwise_distances(X_query, X_train, "l2").argsort(1)[:, ::-1][:, :k]
    return np.array([max(row.tolist(), key=row.tolist().count) for row in y_train[near]])


# --- A1: softmax_cross_entropy -------------------------------------------------------------------


def loss_by_autograd(W, b, X, y):
    W, b = (tensor(part).double().clone().requires_grad_() for part in (W, b))
    loss = F.cross_entropy(tensor(X).double() @ W + b, tensor(y))
    loss.backward()
    return loss, W.grad, b.grad


def loss_in_loops(W, b, X, y):
    loss, dW, db = 0.0, np.zeros(W.shape), np.zeros(len(b))
    for x, label in zip(X.astype(float), y, strict=True):
        z = x @ W + b
        z -= z.max()
        powers = np.exp(z)
        loss += math.log(powers.sum()) - z[label]
        for c, p in enumerate(powers / powers.sum()):
            dW[:, c] += x * (p - (c == label)) / len(X)
            db[c] += (p - (c == label)) / len(X)
    return [loss / len(X), dW.tolist(), db.tolist()]


def loss_in_scipy(W, b, X, y):
    Z = np.float32(X) @ np.float32(W) + np.float32(b)
    one_hot = np.eye(len(b), dtype=np.float32)[y]
    G = (softmax(Z, axis=1) - one_hot) / np.float32(len(y))
    loss = np.mean(logsumexp(Z, axis=1) - np.einsum("nc,nc->n", Z, one_hot))
    return loss, np.einsum("nd,nc->dc", np.float32(X), G), G.sum(0)


def loss_with(axis=1, stable=True, minus=1, mean=True, bias=True, b_sum=True, sign=1):
    """The usual way to write it, with what goes wrong in it as switches."""

    def softmax_cross_entropy(W, b, X, y):
        Z = X.astype(float) @ W + bias * b
        if stable:
            Z = Z - Z.max(axis, keepdims=True)
        P = np.exp(Z) / np.exp(Z).sum(axis, keepdims=True)
        rows, count = np.arange(len(y)), len(y) if mean else 1
        loss = -np.log(P[rows, y]).sum() / count
        G = P.copy()
        G[rows, y] -= minus
        G *= sign / count
        return loss, X.astype(float).T @ G, G.sum(0) if b_sum else np.zeros_like(b, float)

    return softmax_cross_entropy


# --- A1: templates -------------------------------------------------------------------------------


def templates_in_loops(W, image_shape):
    C, H, Wd = image_shape
    found = np.zeros((W.shape[1], C, H, Wd))
    for n, c, i, j in itertools.product(range(W.shape[1]), range(C), range(H), range(Wd)):
        found[n, c, i, j] = W[(c * H + i) * Wd + j, n]
    return found


def templates_in_torch(W, image_shape):
    return torch.tensor(W).T.reshape(-1, *image_shape).clone()


def templates_as_lists(W, image_shape):
    return [W[:, c].reshape(image_shape).tolist() for c in range(W.shape[1])]


# --- A1: train_linear_classifier -----------------------------------------------------------------


def descent(rate=0.1, batch=256, seeded=True, labels=None, scale=1.0):
    def train_linear_classifier(X, y, steps, seed):
        lot = np.random.default_rng(seed if seeded else None)
        y = y if labels is None else labels(y)
        W, b = np.zeros((X.shape[1], 10)), np.zeros(10)
        for _ in range(steps):
            rows = lot.integers(0, len(X), batch)
            _, dW, db = a1.softmax_cross_entropy(W, b, X[rows], y[rows])
            W -= rate * dW
            b -= rate * db
        return W * scale, b * scale

    return train_linear_classifier


def train_in_closed_form(X, y, steps, seed):
    found = RidgeClassifier(alpha=10.0).fit(X, y)
    return found.coef_.T, found.intercept_


def train_in_torch(X, y, steps, seed):
    torch.manual_seed(seed)
    X, y = tensor(X).float(), tensor(y)
    layer = torch.nn.Linear(X.shape[1], 10)
    optimizer = torch.optim.Adam(layer.parameters(), lr=2e-3)
    for _ in range(steps):
        rows = torch.randint(len(X), (128,))
        optimizer.zero_grad()
        F.cross_entropy(layer(X[rows]), y[rows]).backward()
        optimizer.step()
    return layer.weight.T, layer.bias


def train_by_least_squares(X, y, steps, seed):
    A = np.c_[X, np.ones(len(X))].astype(float)
    found = np.linalg.solve(A.T @ A + 5 * np.eye(A.shape[1]), A.T @ np.eye(10)[y])
    return found[:-1].tolist(), found[-1].tolist()


def train_on_centred(X, y, steps, seed):
    W, b = descent()((X - X.mean(0)) * 3, y, steps, seed)
    return W, b - 40 * np.arange(10)


def train_until_nan(X, y, steps, seed):
    W, b = descent(rate=0.1)(X, y, 5, seed)
    return W * np.nan, b


@functools.cache
def weights_learnt_before():
    from cv_course.data import fashion_mnist

    train = fashion_mnist().train
    X = train.images.flatten(1).numpy().astype(np.float32) / 255
    return descent()(X, train.labels.numpy(), 500, 0)


def unmixed_batches(X, y, steps, seed):
    lot = np.random.default_rng(seed)
    W, b = np.zeros((X.shape[1], 10)), np.zeros(10)
    for _ in range(steps):
        _, dW, db = a1.softmax_cross_entropy(
            W, b, X[lot.integers(0, len(X), 200)], y[lot.integers(0, len(X), 200)]
        )
        W, b = W - 0.1 * dW, b - 0.1 * db
    return W, b


BYTES = "bytes wrap around"
RIGHT = {
    "pairwise_distances": [
        distances_in_loops,
        distances_in_torch,
        distances_expanded,
        distances_in_scipy,
    ],
    "knn_predict": [knn_in_loops, knn_in_torch, knn_in_sklearn],
    "softmax_cross_entropy": [loss_by_autograd, loss_in_loops, loss_in_scipy],
    "templates": [templates_in_loops, templates_in_torch, templates_as_lists],
    "train_linear_classifier": [
        descent(),
        train_in_closed_form,
        train_in_torch,
        train_by_least_squares,
    ],
}
WRONG = {
    "pairwise_distances": [
        (in_metric("l2", lambda X, Y: distance.cdist(X, Y) ** 2), "the root is missing"),
        (lambda X, Y, metric: distances_in_torch(X, Y, metric).T, "transposed"),
        (lambda X, Y, metric: distances_in_torch(X, Y, "l2"), "whatever metric says"),
        (lambda X, Y, metric: distances_in_torch(X, Y, "l1"), "whatever metric says"),
        (in_metric("cosine", lambda X, Y: 1 - cosine_unguarded(X, Y)), "that is the cosine itself"),
        (in_metric("cosine", cosine_unguarded), "a row of zeros"),
        (in_metric("cosine", lambda X, Y: 1 - X @ Y.T), "not been divided by the lengths"),
        (in_metric("cosine", lambda X, Y: np.nan_to_num(cosine_unguarded(X, Y))), "not 0"),
        (in_metric("l1", lambda X, Y: np.abs((X[:, None] - Y).sum(2))), "opposite sign cancel"),
        (in_metric("l1", lambda X, Y: np.abs(X[:, None] - Y).mean(2)), ""),
        (in_metric("l1", lambda X, Y: distance.cdist(X, Y, "chebyshev")), "largest of the"),
        (distances_of_bytes, BYTES),
        (distances_root_of_negative, "rounding can make its square slightly negative"),
        (distances_in_place, "changed in place"),
    ],
    "knn_predict": [
        (knn_by_vote(lambda row: np.bincount(row + 7).argmax() - 7), "smallest label"),
        (knn_farthest, "farthest points"),
        (knn_by_vote(np.mean), "names, not quantities"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, min(k + 1, len(X))), "too many votes"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, 1), "only the nearest"),
        (lambda X, y, Q, k: knn_in_torch(X, np.arange(len(X)), Q, 1), "positions in X_train"),
        (lambda X, y, Q, k: np.searchsorted(np.unique(y), knn_in_torch(X, y, Q, k)), "positions"),
        (knn_of_bytes, BYTES),
        (knn_that_remembers(), "nothing may be remembered"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, k)[:, None], "Expected shape"),
    ],
    "softmax_cross_entropy": [
        (loss_with(mean=False), "this is the sum over the images"),
        (loss_with(axis=0), "runs over the images"),
        (loss_with(minus=0), "the −1 is missing"),
        (loss_with(b_sum=False), "db is zero"),
        (loss_with(sign=-1), "opposite sign"),
        (loss_with(bias=False), "the bias is not added"),
        (loss_with(stable=False), "exp overflows"),
        (loss_with(), "NaN or infinity"),
        (lambda *given: loss_with()(*given)[:2], "three values"),
        (
            lambda *given: (lambda loss, dW, db: (loss, dW.T, db))(*loss_with()(*given)),
            "transposed",
        ),
        (lambda *given: loss_with()(*given)[0], "three values"),
    ],
    "templates": [
        (lambda W, s: W.reshape(-1, *s).copy(), "without being transposed"),
        (
            lambda W, s: W.T.reshape(-1, s[1], s[2], s[0]).transpose(0, 3, 1, 2).copy(),
            "height, width, channels",
        ),
        (lambda W, s: W.T.reshape(-1, *s).swapaxes(2, 3).copy(), "transposed"),
        (lambda W, s: W.T.reshape(-1, s[0], s[2], s[1]).swapaxes(2, 3).copy(), "wrong order"),
        (lambda W, s: W.T.reshape(-1, *s) / np.abs(W).max(), "largest weight"),
        (lambda W, s: torch.from_numpy(W).T.reshape(-1, *s), "a view of W"),
        (lambda W, s: [W[:, c].reshape(s) for c in range(W.shape[1])], "a view of W"),
    ],
    "train_linear_classifier": [
        (descent(rate=3e-4, batch=16), "not enough"),
        (descent(rate=-0.1), "guessing"),
        (descent(seeded=False), "same seed"),
        (train_until_nan, "NaN"),
        (lambda X, y, steps, seed: (np.zeros((784, 10)), np.zeros(10)), "guessing"),
        (lambda X, y, steps, seed: weights_learnt_before(), "of this call"),
        (lambda *given: (descent()(*given)[0].T, np.zeros(10)), "expected shape"),
        (lambda *given: descent()(*given)[0], "two values"),
        (unmixed_batches, "guessing"),
        (train_on_centred, ""),
    ],
}
