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
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
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


def distances_in_int16(X, Y, metric):
    X, Y = (rows.astype(np.int16) if rows.dtype == np.uint8 else rows for rows in (X, Y))
    if metric == "l2":
        return np.sqrt(((X[:, None] - Y) ** 2).sum(2))
    return a1.pairwise_distances(X, Y, metric)


def distances_in_int32(X, Y, metric):
    X, Y = (rows.astype(np.int32) if rows.dtype == np.uint8 else rows for rows in (X, Y))
    if metric == "l1":
        return np.stack([np.abs(x - Y).sum(1) for x in X])
    xx, yy, dots = (X**2).sum(1)[:, None], (Y**2).sum(1), X @ Y.T
    if metric == "l2":
        return np.sqrt(np.maximum(xx + yy - 2 * dots, 0))
    sizes = np.sqrt(xx * yy)
    return 1 - dots / np.where(sizes > 0, sizes, 1)


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


def knn_in_torch(X_train, y_train, X_query, k, skip=0):
    far = torch.cdist(tensor(X_query).double(), tensor(X_train).double())
    labels = tensor(y_train)[far.topk(k, largest=False, sorted=True).indices[:, skip:]]
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


def knn_unsorted(X_train, y_train, X_query, k):
    far = a1.pairwise_distances(X_query, X_train, "l2")
    near = np.argpartition(far, k - 1, axis=1)[:, :k]
    return np.array([max(row.tolist(), key=row.tolist().count) for row in y_train[near]])


def knn_masked(X_train, y_train, X_query, k):
    far = a1.pairwise_distances(X_query, X_train, "l2")
    voters = [y_train[row <= np.sort(row)[k - 1]].tolist() for row in far]
    return np.array([max(row, key=row.count) for row in voters])


def knn_weighted(X_train, y_train, X_query, k):
    answers = []
    for row in a1.pairwise_distances(X_query, X_train, "l2"):
        near = row.argsort()[:k]
        names = np.unique(y_train[near])
        votes = [(1 / (row[near] + 1e-8))[y_train[near] == name].sum() for name in names]
        answers.append(names[np.argmax(votes)])
    return np.array(answers)


def knn_with_sentinel(X_train, y_train, X_query, k):
    if k > 1:
        return a1.knn_predict(X_train, y_train, X_query, k)
    answers = []
    for query in X_query:
        best, label = 9999.0, -1
        for row, name in zip(X_train.astype(float), y_train, strict=True):
            if np.linalg.norm(row - query) < best:
                best, label = np.linalg.norm(row - query), name
        answers.append(label)
    return np.array(answers)


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


def loss_twice_by_autograd(W, b, X, y):
    W, b = (tensor(part).double().clone().requires_grad_() for part in (W, b))
    loss = F.cross_entropy((tensor(X).double() @ W + b).softmax(1), tensor(y))
    loss.backward()
    return loss, W.grad, b.grad


def loss_twice_softmax(W, b, X, y):
    Z = softmax(X.astype(float) @ W + b, axis=1)
    G = softmax(Z, axis=1) - np.eye(len(b))[y]
    loss = np.mean(logsumexp(Z, axis=1) - Z[np.arange(len(y)), y])
    return loss, X.T @ G / len(y), G.mean(0)


def loss_with(
    axis=1, stable=True, minus=1, mean=True, bias=True, b_sum=True, sign=1, penalty=0, floor=0
):
    """The usual way to write it, with what goes wrong in it as switches."""

    def softmax_cross_entropy(W, b, X, y):
        Z = X.astype(float) @ W + bias * b
        if stable:
            Z = Z - Z.max(axis, keepdims=True)
        P = np.exp(Z) / np.exp(Z).sum(1 if axis is None else axis, keepdims=True)
        rows, count = np.arange(len(y)), len(y) if mean else 1
        loss = -np.log(P[rows, y] + floor).sum() / count + penalty * (W**2).sum()
        G = P.copy()
        G[rows, y] -= minus
        G *= sign / count
        dW = X.astype(float).T @ G + 2 * penalty * W
        return loss, dW, G.sum(0) if b_sum else np.zeros_like(b, float)

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


def descent(rate=0.1, batch=256, seeded=True, labels=None, scale=1.0, mean=True):
    def train_linear_classifier(X, y, steps, seed):
        lot = np.random.default_rng(seed if seeded else None)
        y = y if labels is None else labels(y)
        W, b = np.zeros((X.shape[1], 10)), np.zeros(10)
        for _ in range(steps):
            rows = lot.integers(0, len(X), batch)
            _, dW, db = a1.softmax_cross_entropy(W, b, X[rows], y[rows])
            rate_ = rate if mean else rate * batch
            W -= rate_ * dW
            b -= rate_ * db
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


def train_standardised(X, y, steps, seed):
    return descent(rate=0.02)((X - X.mean(0)) / (X.std(0) + 1e-6), y, steps, seed)


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


# --- A1: projection ------------------------------------------------------------------------------


def project_on_variance(X, y, size):
    return np.linalg.svd(X - X.mean(0), full_matrices=False)[2][:size].T


def project_by_covariance(X, y, size):
    X = torch.tensor(X).double()
    return torch.linalg.eigh(torch.cov(X.T)).eigenvectors[:, -size:]


def project_in_sklearn(X, y, size):
    return PCA(size, svd_solver="randomized").fit(X).components_.T


def project_on_templates(X, y, size):
    W, _ = descent()(X, y, 500, 0)
    U, S, _ = np.linalg.svd(W - W.mean(1, keepdims=True), full_matrices=False)
    return U[:, :size] * S[:size]


def project_between_classes(X, y, size):
    first = project_on_variance(X, y, 60)
    within = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1).fit(X @ first, y)
    return first @ within.scalings_[:, :size]


def project_on_means(X, y, size):
    means = np.stack([X[y == c].mean(0) for c in range(10)])
    return project_on_variance(means, None, size)


def project_on(columns):
    """A projection that does not depend on the images: (D, size) -> columns."""
    return lambda X, y, size: columns(X.shape[1], size)


# Two groups of columns of the pictures, in five groups of rows.
def blocks(D, size):
    side = np.arange(28) * 5 // 28 * 2
    place = side[:, None] + (np.arange(28) >= 14)
    return np.stack([place.ravel() == n for n in range(size)], 1) / 84.0


# --- A2: conv2d ----------------------------------------------------------------------------------


def conv_by_kernel_position(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2)).astype(np.float32)
    rows, columns = ((n - k) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True))
    out = np.zeros((len(x), len(w), rows, columns), np.float32)
    for u, v in itertools.product(*map(range, w.shape[2:])):
        part = x[:, :, u : u + stride * rows : stride, v : v + stride * columns : stride]
        part = part[:, :, :rows, :columns]
        out += np.tensordot(part, w[:, :, u, v], (1, 1)).transpose(0, 3, 1, 2)
    return out + b[:, None, None]


def conv_by_unfold(x, w, b, stride=1, padding=0):
    x, w, b = (tensor(part).float() for part in (x, w, b))
    columns = F.unfold(x, w.shape[2:], padding=padding, stride=stride)
    rows = (x.shape[2] + 2 * padding - w.shape[2]) // stride + 1
    return (w.flatten(1) @ columns + b[:, None]).unflatten(2, (rows, -1))


def conv_by_strides(x, w, b, stride=1, padding=0):
    x = torch.nn.functional.pad(tensor(x).double(), (padding,) * 4)
    windows = x.unfold(2, w.shape[2], stride).unfold(3, w.shape[3], stride)
    return torch.einsum("nchwij,fcij->nfhw", windows, tensor(w).double()) + tensor(b)[:, None, None]


def conv_by_place(x, w, b, stride=1, padding=0):
    """Loops over the output's places; in time since a step is one matrix product."""
    x = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    KH, KW = w.shape[2:]
    rows, columns = (x.shape[2] - KH) // stride + 1, (x.shape[3] - KW) // stride + 1
    flat = w.reshape(len(w), -1).T
    out = np.empty((len(x), len(w), rows, columns))
    for i, j in itertools.product(range(rows), range(columns)):
        top, left = i * stride, j * stride
        window = x[:, :, top : top + KH, left : left + KW]
        out[:, :, i, j] = window.reshape(len(x), -1) @ flat + b
    return out


def conv_by_fft(x, w, b, stride=1, padding=0):
    x = np.pad(x.astype(float), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    H, W = x.shape[2:]
    product = np.fft.rfft2(x)[:, None] * np.conj(np.fft.rfft2(w.astype(float), (H, W)))[None]
    every = np.fft.irfft2(product.sum(2), (H, W))
    every = every[:, :, : H - w.shape[2] + 1, : W - w.shape[3] + 1]
    return every[:, :, ::stride, ::stride] + b[None, :, None, None]


def conv_with(pads=((1, 1), (1, 1)), strides=(1, 1), mode="constant", turn=False, bias=1):
    """What goes wrong, as switches: pairs of before and after, which axes the stride holds for."""

    def answer(x, w, b, stride=1, padding=0):
        amounts = [(padding * before, padding * after) for before, after in pads]
        x = np.pad(x.astype(float), ((0, 0), (0, 0), *amounts), mode=mode)
        w = w[:, :, ::-1, ::-1] if turn else w
        steps = [stride if moves else 1 for moves in strides]
        every = conv_by_kernel_position(x, w, bias * b)
        return every[:, :, :: steps[0], :: steps[1]]

    return answer


def conv_ceil(x, w, b, stride=1, padding=0):
    x = np.pad(x.astype(float), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows, columns = (
        -(-(n - k) // stride) + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )
    x = np.pad(x, ((0, 0), (0, 0), (0, stride), (0, stride)))
    return conv_by_kernel_position(x, w, b, stride)[:, :, :rows, :columns]


def conv_of_padded_channels(x, w, b, stride=1, padding=0):
    return conv_by_kernel_position(np.pad(x, padding), w, b, stride)


def conv_padded_on_all_axes(x, w, b, stride=1, padding=0):
    padded = np.pad(x.astype(float), padding)[: len(x), : x.shape[1]]
    return conv_by_kernel_position(padded, w, b, stride)


def conv_padded_once_in_the_formula(x, w, b, stride=1, padding=0):
    rows, columns = (
        (n + padding - k) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )
    return conv_by_place(x, w, b, stride, padding)[:, :, :rows, :columns]


def conv_square(x, w, b, stride=1, padding=0):
    right = conv_by_place(x, w, b, stride, padding)
    out = np.zeros((*right.shape[:3], right.shape[2]))
    least = min(right.shape[2:])
    out[..., :least] = right[..., :least]
    return out


def conv_in_bytes(x, w, b, stride=1, padding=0):
    right = conv_by_kernel_position(x, w, b, stride, padding)
    return right.astype(int).astype(np.uint8) if x.dtype == np.uint8 else right


def conv_slowly(x, w, b, stride=1, padding=0):
    """Right, but in Python's loops; what many students begin with."""
    if x.size < 10_000:
        return conv_by_place(x, w, b, stride, padding)
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    N, _, H, W = x.shape
    (F_, _, KH, KW) = w.shape
    rows, columns = (H - KH) // stride + 1, (W - KW) // stride + 1
    out = np.empty((N, F_, rows, columns))
    for n, f, i, j in itertools.product(range(N), range(F_), range(rows), range(columns)):
        top, left = i * stride, j * stride
        out[n, f, i, j] = (x[n, :, top : top + KH, left : left + KW] * w[f]).sum() + b[f]
    return out


# --- A2: separate --------------------------------------------------------------------------------


def separate_svd(kernel, numbers):
    U, S, Vt = np.linalg.svd(kernel, full_matrices=False)
    R = numbers // sum(kernel.shape)
    return (U * S)[:, :R].T, Vt[:R]


def separate_in_torch(kernel, numbers):
    R = min(numbers // sum(kernel.shape), min(kernel.shape))
    U, S, V = torch.svd(tensor(kernel))
    return [(U[:, :R] * S[:R].sqrt()).T, (V[:, :R] * S[:R].sqrt()).T]


def separate_by_turns(kernel, numbers):
    """Best rows for given columns, best columns for given rows, and so on."""
    R = min(numbers // sum(kernel.shape), min(kernel.shape))
    columns = np.random.default_rng(0).normal(size=(R, len(kernel)))
    for _ in range(300):
        rows = np.linalg.lstsq(columns.T, kernel, rcond=None)[0]
        columns = np.linalg.lstsq(rows.T, kernel.T, rcond=None)[0]
    return columns, rows


def separate_by_eigenvectors(kernel, numbers):
    R = min(numbers // sum(kernel.shape), min(kernel.shape))
    directions = np.linalg.eigh(kernel @ kernel.T)[1][:, ::-1][:, :R].T
    return directions.tolist(), (directions @ kernel).tolist()


def separate_with(kernel, numbers, sizes=1, turn=False, last=False):
    U, S, Vt = np.linalg.svd(kernel, full_matrices=turn)
    R = min(numbers // sum(kernel.shape), len(S))
    kept = slice(len(S) - R, None) if last else slice(R)
    rows = Vt[:, kept].T if turn else Vt[kept]
    return (U[:, : len(S)] * S**sizes)[:, kept].T, rows


def separate_by_the_middle(kernel, numbers):
    i, j = (side // 2 for side in kernel.shape)
    return kernel[:, j][None] / (kernel[i, j] or 1), kernel[i][None]


# --- A2: max_pool2d ------------------------------------------------------------------------------


def pool_in_loops(x, size, stride):
    N, C, H, W = x.shape
    rows, columns = (H - size) // stride + 1, (W - size) // stride + 1
    return [
        [
            [
                [
                    max(
                        float(x[n, c, i * stride + u, j * stride + v])
                        for u in range(size)
                        for v in range(size)
                    )
                    for j in range(columns)
                ]
                for i in range(rows)
            ]
            for c in range(C)
        ]
        for n in range(N)
    ]


def pool_in_torch(x, size, stride):
    return tensor(x).float().unfold(2, size, stride).unfold(3, size, stride).amax((4, 5))


def pool_by_slices(x, size, stride, start=-np.inf):
    rows, columns = ((n - size) // stride + 1 for n in x.shape[2:])
    out = np.full((*x.shape[:2], rows, columns), start)
    for u, v in itertools.product(range(size), repeat=2):
        part = x[:, :, u::stride, v::stride][:, :, :rows, :columns]
        out = np.maximum(out, part)
    return out


def pool_one_axis_after_the_other(x, size, stride):
    for axis in (2, 3):
        x = np.moveaxis(x, axis, 0)
        starts = range(0, len(x) - size + 1, stride)
        x = np.moveaxis(np.stack([x[start : start + size].max(0) for start in starts]), 0, axis)
    return np.float32(x)


def pool_with(reduce, whole=False):
    def answer(x, size, stride):
        x = tensor(x).float()
        if whole:
            down, right = (-(side - size) % stride for side in x.shape[2:])
            x = F.pad(x, (0, right, 0, down), value=-1e9)
        return reduce(x.unfold(2, size, stride).unfold(3, size, stride))

    return answer


def pool_at_i(x, size, stride):
    rows, columns = ((n - size) // stride + 1 for n in x.shape[2:])
    return pool_in_torch(x, size, 1)[:, :, :rows, :columns]


def pool_padded(x, size, stride):
    padded = F.pad(tensor(x).float(), (size // 2,) * 4, value=-torch.inf)
    return pool_in_torch(padded, size, stride)


def pool_in_place(x, size, stride):
    right = pool_in_torch(x.copy(), size, stride)
    x[:, :, 0] = 0
    return right


# --- A2: count_parameters ------------------------------------------------------------------------


def count_in_torch(
    kind, in_channels, out_channels, kernel_size, height, width, groups=1, bias=True
):
    if kind == "conv":
        with torch.device("meta"):
            layer = torch.nn.Conv2d(
                in_channels, out_channels, kernel_size, groups=groups, bias=bias
            )
        return sum(one.numel() for one in layer.parameters())
    units = out_channels * (height - kernel_size + 1) * (width - kernel_size + 1)
    window = kernel_size * kernel_size if kind == "locally_connected" else height * width
    return torch.tensor(units * window * in_channels + (units if bias else 0))


def count_by_shapes(kind, C, F_, K, H, W, groups=1, bias=True):
    R, S = H - K + 1, W - K + 1
    shapes = {
        "fully_connected": [(F_, R, S, C, H, W), (F_, R, S)],
        "locally_connected": [(F_, R, S, C, K, K), (F_, R, S)],
        "conv": [(F_, C // groups, K, K), (F_,)],
    }[kind]
    return float(sum(math.prod(shape) for shape in shapes[: 1 + bias]))


def count_by_cases(kind, C, F_, K, H, W, groups=1, bias=True):
    R, S = H - K + 1, W - K + 1
    if kind == "conv":
        return np.int64(groups * (C // groups) * (F_ // groups) * K * K + bias * F_)
    each = C * H * W if kind == "fully_connected" else C * K * K
    return np.int64(R * S * F_ * (each + bias))


def count_with(places=None, bias_units=None, seen=None, scale=None):
    """Functions that replace one of the numbers of a layer by a wrong one."""

    def answer(kind, C, F_, K, H, W, groups=1, bias=True):
        at = (H - K + 1) * (W - K + 1) if places is None else places(kind, K, H, W)
        units = F_ if kind == "conv" else F_ * at
        window = {"fully_connected": C * H * W, "locally_connected": C * K * K}.get(
            kind, C // groups * K * K
        )
        window = seen(kind, C, K, H, W, groups) if seen else window
        biases = bias_units(kind, F_, at, bias) if bias_units else units * bias
        return (scale(kind, at, groups) if scale else 1) * units * window + biases

    return answer


# --- A2: locally_connected2d ---------------------------------------------------------------------


def local_in_loops(x, w, b, stride=1):
    rows, columns, maps, _, K, _ = w.shape
    out = np.zeros((len(x), maps, rows, columns), np.float32)
    for i, j, f in itertools.product(range(rows), range(columns), range(maps)):
        window = x[:, :, i * stride : i * stride + K, j * stride : j * stride + K]
        out[:, f, i, j] = (window * w[i, j, f]).sum((1, 2, 3)) + b[i, j, f]
    return out


def local_in_torch(x, w, b, stride=1):
    x, w, b = (tensor(part).double() for part in (x, w, b))
    rows, columns, maps, _, K, _ = w.shape
    windows = F.unfold(x, K, stride=stride).transpose(1, 2)  # N, places, C K K
    out = torch.einsum("npk,pfk->nfp", windows, w.reshape(rows * columns, maps, -1))
    return out.unflatten(2, (rows, columns)) + b.permute(2, 0, 1)


def local_as_lists(x, w, b, stride=1):
    K, out = w.shape[-1], []
    for image in x.astype(float):
        grid = [
            [
                np.tensordot(w[i, j], image[:, i * stride :, j * stride :][:, :K, :K], 3) + b[i, j]
                for j in range(w.shape[1])
            ]
            for i in range(w.shape[0])
        ]
        out.append(np.array(grid).transpose(2, 0, 1).tolist())
    return out


def local_with(weights=lambda w: w, biases=lambda b: b, move=lambda stride: stride):
    return lambda x, w, b, stride=1: local_in_loops(x, weights(w), biases(b), move(stride))


def by_shape(function, place):
    """A function that keeps one of its arguments from the first call with the same shapes."""
    kept = {}

    def answer(*given):
        key = tuple(getattr(one, "shape", one) for one in given)
        first = kept.setdefault(key, np.copy(given[place]))
        return function(*given[:place], first, *given[place + 1 :])

    return answer


def same_shape(change):
    """Weights or biases as a change makes them, in the shape they had."""
    return lambda array: np.broadcast_to(change(array), array.shape)


def local_of_sums(x, w, b, stride=1):
    summed = x.sum(1, keepdims=True) + np.zeros_like(x)
    return local_in_loops(summed, w, b, stride)


def local_column_by_column(x, w, b, stride=1):
    right = local_in_loops(x, w, b, stride)
    return right.reshape(*right.shape[:2], *right.shape[:1:-1]).swapaxes(2, 3)


def local_in_place(x, w, b, stride=1):
    right = local_in_loops(x, w, b, stride)
    w *= 0
    return right


BYTES = "Bytes wrap around"
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
    "projection": [
        project_on_variance,
        project_by_covariance,
        project_in_sklearn,
        project_on_templates,
        project_between_classes,
        project_on_means,
    ],
    "conv2d": [
        conv_by_kernel_position,
        conv_by_unfold,
        conv_by_strides,
        conv_by_place,
        conv_by_fft,
    ],
    "separate": [separate_svd, separate_in_torch, separate_by_turns, separate_by_eigenvectors],
    "max_pool2d": [pool_in_loops, pool_in_torch, pool_by_slices, pool_one_axis_after_the_other],
    "count_parameters": [count_in_torch, count_by_shapes, count_by_cases],
    "locally_connected2d": [local_in_loops, local_in_torch, local_as_lists],
}
WRONG = {
    "pairwise_distances": [
        (in_metric("l2", lambda X, Y: distance.cdist(X, Y) ** 2), "the root is missing"),
        (lambda X, Y, metric: distances_in_torch(X, Y, metric).T, "transposed"),
        (lambda X, Y, metric: distances_in_torch(X, Y, "l2"), "Euclidean distance whatever"),
        (lambda X, Y, metric: distances_in_torch(X, Y, "l1"), "whatever metric says"),
        (in_metric("cosine", lambda X, Y: 1 - cosine_unguarded(X, Y)), "That is the cosine itself"),
        (in_metric("cosine", cosine_unguarded), "a row of zeros"),
        (in_metric("cosine", lambda X, Y: 1 - X @ Y.T), "not been divided by the lengths"),
        (in_metric("cosine", lambda X, Y: np.nan_to_num(cosine_unguarded(X, Y))), "not 0"),
        (in_metric("l1", lambda X, Y: np.abs((X[:, None] - Y).sum(2))), "opposite sign cancel"),
        (in_metric("l1", lambda X, Y: np.abs(X[:, None] - Y).mean(2)), ""),
        (in_metric("l1", lambda X, Y: distance.cdist(X, Y, "chebyshev")), "largest of the"),
        (distances_of_bytes, BYTES),
        (in_metric("l1", lambda X, Y: (X[:, None] - Y).sum(2)), "never negative"),
        (lambda *given: np.trunc(distances_in_loops(*given)), "whole numbers"),
        (lambda *given: distances_expanded(*given).astype(np.uint8), "All distances"),
        (by_shape(distances_in_torch, 1), "other rows than in the call before"),
        (distances_in_int16, "do not fit into int16"),
        (distances_in_int32, "do not fit into int32"),
        (lambda X, Y, metric: distances_in_torch(X, X, metric), "Expected shape"),
        (distances_root_of_negative, "rounding can make its square slightly negative"),
        (distances_in_place, "changed in place"),
    ],
    "knn_predict": [
        (knn_by_vote(lambda row: np.bincount(row + 999).argmax() - 999), "smallest label"),
        (knn_farthest, "farthest points"),
        (knn_by_vote(np.mean), "names, not quantities"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, min(k + 1, len(X))), "too many votes"),
        (lambda X, y, Q, k: knn_in_torch(X, np.arange(len(X)), Q, 1), "positions in X_train"),
        (lambda X, y, Q, k: np.searchsorted(np.unique(y), knn_in_torch(X, y, Q, k)), "positions"),
        (knn_of_bytes, BYTES),
        (knn_that_remembers(), "the training set of the call before"),
        (knn_unsorted, "argpartition"),
        (knn_weighted, "weighted by 1/distance"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, min(k + 1, len(X)), skip=1), "left out"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, max(k - 1, 1)), "too few votes"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, len(X)), "All training points vote"),
        (knn_by_vote(lambda row: row[0]), "Only the nearest"),
        (knn_by_vote(np.median), "no median"),
        (knn_with_sentinel, "millions away"),
        (knn_masked, "in the order of X_train"),
        (lambda X, y, Q, k: knn_in_torch(X, y, Q, k)[:, None], "Expected shape"),
    ],
    "softmax_cross_entropy": [
        (loss_with(mean=False), "This is the sum over the images"),
        (loss_with(axis=0), "runs over the images"),
        (loss_with(minus=0), "the −1 is missing"),
        (loss_with(b_sum=False), "db is zero"),
        (loss_with(sign=-1), "opposite sign"),
        (loss_with(bias=False), "The bias is not added"),
        (loss_with(stable=False), "exp overflows"),
        (loss_with(), "A logarithm of 0 is infinite"),
        (loss_with(axis=None), "the largest of the whole batch"),
        (by_shape(loss_with(), 0), "of other numbers than before"),
        (loss_with(penalty=0.01), "A penalty on W"),
        (loss_twice_softmax, "The softmax is applied twice"),
        (loss_twice_by_autograd, "The softmax is applied twice"),
        (loss_with(floor=1e-12), "hidden by adding or clipping"),
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
        (lambda W, s: np.stack([w.reshape(s, order="F") for w in W.T]), "column by column"),
        (
            lambda W, s: np.stack([np.r_[w[:-1], 0].reshape(s) for w in W.T]),
            "The last pixel is missing",
        ),
        (lambda W, s: np.abs(W).T.reshape(-1, *s), "The signs are lost"),
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
        (train_standardised, "Did you scale or standardise X inside?"),
        (descent(rate=100.0, mean=False), "grow without limit"),
    ],
    "projection": [
        (lambda X, y, size: project_on_variance(X, y, size).T, "P is transposed"),
        (lambda X, y, size: np.linalg.eigh(np.cov(X.T))[1][:, :size], "differ least"),
        (lambda X, y, size: X[:size].T, "the mean image still in it"),
        (lambda X, y, size: np.stack([X[y == c].mean(0) for c in range(size)], 1), "mean image"),
        (project_on(lambda D, size: np.ones((D, size))), "1 numbers, not more"),
        (project_on(lambda D, size: np.eye(D)[:, 300 : 300 + size]), "Each number is one pixel"),
        (
            project_on(lambda D, size: np.random.default_rng(0).normal(size=(D, size))),
            "as directions drawn at random do",
        ),
        (project_on(blocks), "A pattern made beforehand"),
        (lambda X, y, size: X.var(0).argsort()[::-1][:size], "Expected shape"),
        (lambda X, y, size: X @ project_on_variance(X, y, size), "Expected shape"),
        (lambda X, y, size: project_on_variance(X, y, size) * np.nan, "NaN"),
    ],
    "conv2d": [
        (conv_with(turn=True), "flipped by 180°"),
        (conv_with(pads=((1, 0), (1, 0))), "too small by the padding"),
        (conv_with(pads=((0, 1), (0, 1))), "below and on the right only"),
        (conv_with(pads=((1, 1), (0, 0))), "Only the height was padded"),
        (conv_with(pads=((0, 0), (1, 1))), "Only the width was padded"),
        (conv_with(mode="edge"), "The border was repeated"),
        (conv_with(strides=(1, 0)), "the rows only"),
        (conv_with(strides=(0, 1)), "the columns only"),
        (conv_with(strides=(0, 0)), "Stride is ignored"),
        (conv_with(bias=0), "The bias is missing"),
        (lambda x, w, b, *more: conv_with(bias=x.shape[1])(x, w, b, *more), "every input channel"),
        (conv_ceil, "floor, not ceil"),
        (conv_of_padded_channels, "stopped with ValueError"),
        (by_shape(conv_by_unfold, 1), "other numbers than in the call before"),
        (conv_padded_on_all_axes, "Batch and channels were padded"),
        (conv_padded_once_in_the_formula, "the formula holds 2 · padding"),
        (
            lambda x, w, b, *more: conv_by_place(x, w, b, *more)[
                ..., : 1 + x.shape[2] - w.shape[2]
            ],
            "",
        ),
        (lambda x, w, b, *more: conv_square(x, w, b, *more), "used for both sides"),
        (
            lambda x, w, b, *more: conv_by_unfold(x[:, -1:], w[:, -1:], b, *more),
            "Only the last input channel",
        ),
        (conv_with(mode="reflect"), "mirrored pixels"),
        (lambda x, w, b, s=1, p=0: conv_by_unfold(x, w, b, 1 if p else s, p), "With padding the"),
        (lambda x, w, b, s=1, p=0: conv_by_unfold(x, w, b, p or 1, s if p else 0), "exchanged"),
        (lambda *given: conv_by_place(*given).astype(int), "All outputs are whole numbers"),
        (conv_in_bytes, "an array of bytes"),
        (lambda x, w, b, *more: conv_by_unfold(x, w.swapaxes(2, 3), b, *more), "transposed"),
        (lambda x, w, b, s=1, p=0: conv_by_unfold(x, w, b, s).relu(), "A ReLU is not part"),
    ],
    "separate": [
        (lambda kernel, numbers: separate_svd(kernel, kernel.shape[0] + kernel.shape[1]), "for"),
        (lambda kernel, numbers: separate_with(kernel, numbers, sizes=0), "their sizes are not"),
        (lambda kernel, numbers: separate_with(kernel, numbers, sizes=2), "their sizes are not"),
        (lambda kernel, numbers: separate_with(kernel, numbers, turn=True), "not in its columns"),
        (lambda kernel, numbers: separate_with(kernel, numbers, last=True), "matter least"),
        (lambda kernel, numbers: separate_svd(kernel, 2 * numbers), "there are"),
        (lambda kernel, numbers: tuple(p.T for p in separate_svd(kernel, numbers)), "transpose"),
        (lambda kernel, numbers: separate_svd(kernel, numbers)[::-1], ""),
        (separate_by_the_middle, "a first guess only"),
        (lambda kernel, numbers: separate_svd(kernel, numbers)[0], "two arrays"),
    ],
    "max_pool2d": [
        (
            lambda x, size, stride: pool_by_slices(x, size, stride, start=0),
            "Do not start from zero",
        ),
        (lambda x, size, stride: pool_in_torch(x, size, size), "move by their size"),
        (lambda x, size, stride: pool_in_torch(x, stride, stride), "stride pixels wide"),
        (lambda x, size, stride: pool_in_torch(x, size, 1), "Stride is ignored"),
        (pool_with(lambda windows: windows.mean((4, 5))), "the means of the windows"),
        (pool_with(lambda windows: windows.amin((4, 5))), "the smallest values"),
        (pool_with(lambda windows: windows.amax((1, 4, 5))[:, None]), "The channels were pooled"),
        (pool_with(lambda windows: windows.amax((4, 5)), whole=True), "floor, not ceil"),
        (pool_with(lambda windows: windows.amax((4, 5)).mT), "swapped"),
        (pool_with(lambda windows: windows[..., 0].amax(4)), "Only the rows"),
        (pool_in_place, "changed in place"),
        (lambda x, size, stride: pool_by_slices(x, size, stride, start=-999), "Values below -999"),
        (pool_at_i, "Stride is ignored: window (i, j) begins"),
        (pool_padded, "The image was padded"),
        (lambda x, size, stride: pool_in_torch(x[:, :, :-1, :-1], size, stride), ""),
        (
            pool_with(
                lambda windows: windows.amax((0, 4, 5))[None].expand(len(windows), -1, -1, -1)
            ),
            "",
        ),
        (pool_with(lambda windows: windows[..., 0, 0]), "the first value of each window"),
    ],
    "count_parameters": [
        (count_with(bias_units=lambda *_: 0), "The biases are missing"),
        (count_with(bias_units=lambda kind, F_, at, bias: F_ * bias), "its biases neither"),
        (count_with(bias_units=lambda kind, F_, at, bias: F_ * at * bias), "one for each map"),
        (
            count_with(bias_units=lambda kind, F_, at, bias: F_ if kind == "conv" else F_ * at),
            "bias is False",
        ),
        (
            count_with(
                bias_units=lambda kind, F_, at, bias: 2 * bias * (F_ if kind == "conv" else F_ * at)
            ),
            "counted twice",
        ),
        (
            count_with(scale=lambda kind, at, groups: at if kind == "conv" else 1),
            "size of the output",
        ),
        (
            lambda kind, C, F_, K, H, W, groups=1, bias=True: count_by_shapes(
                kind, C, F_, K, H, W, 1, bias
            ),
            "Groups is ignored",
        ),
        (count_with(scale=lambda kind, at, groups: 1 / groups), "so that in all only one"),
        (count_with(places=lambda kind, K, H, W: H * W), "fewer places than pixels"),
        (count_with(places=lambda kind, K, H, W: (H - K) * (W - K)), "H - K + 1 rows, not H - K"),
        (count_with(places=lambda kind, K, H, W: (H - K + 1) ** 2), "used for both sides"),
        (lambda *given: float(np.float32(count_by_shapes(*given))), "float32"),
        (lambda *given: np.int64(count_by_cases(*given)).astype(np.int32), "int32"),
        (
            count_with(seen=lambda kind, C, K, H, W, groups: C // groups * K * K),
            "looks at the whole image",
        ),
        (lambda *given: print(count_by_shapes(*given)), "Replace print(…) by return …"),
        (
            count_with(
                places=lambda kind, K, H, W: 1 if kind[0] == "f" else (H - K + 1) * (W - K + 1)
            ),
            "not out_channels in all",
        ),
        (
            count_with(
                seen=lambda kind, C, K, H, W, groups: (
                    C * H * W if kind[0] == "f" else C // groups * K
                )
            ),
            "kernel_size² pixels",
        ),
    ],
    "locally_connected2d": [
        (local_with(same_shape(lambda w: w[:1, :1])), "that is a convolution"),
        (local_with(same_shape(lambda w: w[:1])), "all rows share"),
        (
            local_with(lambda w: w.transpose(1, 0, 2, 3, 4, 5).reshape(w.shape)),
            "the first axis of w runs down",
        ),
        (local_with(lambda w: w[..., ::-1, ::-1]), "flipped by 180°"),
        (local_with(biases=same_shape(lambda b: b[:1, :1])), "The bias of the first position"),
        (local_with(biases=lambda b: 0 * b), "The bias is missing"),
        (local_with(biases=same_shape(lambda b: b.mean((0, 1)))), "The biases were averaged"),
        (local_with(move=lambda stride: 1), "Stride is ignored"),
        (
            local_with(
                lambda w: w[np.minimum(np.arange(len(w)), max(len(w) - 2, 0))][
                    :, np.minimum(np.arange(w.shape[1]), max(w.shape[1] - 2, 0))
                ]
            ),
            "filters of the border before",
        ),
        (local_in_place, "changed in place"),
        (by_shape(local_in_torch, 1), "other numbers than in the call before"),
        (local_of_sums, "The channels were added before weighting"),
        (local_column_by_column, "fill the output row by row"),
        (
            local_with(lambda w: w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1)),
            "index w[row, column]",
        ),
        (local_with(lambda w: w[::-1, ::-1]), "counted from the lower right"),
    ],
}
