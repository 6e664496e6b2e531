"""Right answers to assignments A1 and A2, as students write them.

The usual wrong ones are edits of these: ``wrong_answers.toml``.
"""

import functools
import itertools
import math

import numpy as np
import torch
from scipy.spatial import distance
from scipy.special import logsumexp, softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional as F

from cv_course.data import fashion_mnist
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
    X, Y = (P.astype(np.float32) for P in (X, Y))
    dots, xx, yy = X @ Y.T, (X * X).sum(1)[:, None], (Y * Y).sum(1)
    if metric == "l1":
        return np.stack([np.abs(x - Y).sum(1) for x in X])
    if metric == "l2":
        return np.sqrt(np.maximum(xx + yy - 2 * dots, 0))
    sizes = np.sqrt(xx * yy)
    return 1 - np.divide(dots, sizes, out=np.zeros(dots.shape), where=sizes > 0)


def distances_broadcast(X, Y, metric):
    X, Y = (P.astype(float, copy=False) for P in (X, Y))
    if metric == "cosine":
        lengths = [np.linalg.norm(P, axis=1, keepdims=True) for P in (X, Y)]
        X, Y = (P / np.where(n > 0, n, 1) for P, n in zip((X, Y), lengths, strict=True))
        return 1 - X @ Y.T
    gaps = np.abs(X[:, None] - Y)
    return gaps.sum(2) if metric == "l1" else np.sqrt((gaps**2).sum(2))


def distances_in_scipy(X, Y, metric):
    names = {"l1": "cityblock", "l2": "euclidean", "cosine": "cosine"}
    with np.errstate(all="ignore"):
        found = distance.cdist(X.astype(float), Y.astype(float), names[metric])
    return np.nan_to_num(found, nan=1.0).tolist()


# --- A1: knn_predict -----------------------------------------------------------------------------


def knn_in_loops(X_train, y_train, X_query, k):
    answers = []
    for query in X_query.astype(float).tolist():
        far = [math.dist(query, row) for row in X_train.astype(float).tolist()]
        near = sorted(range(len(far)), key=far.__getitem__)[:k]
        votes = {}
        for place in near:
            votes.setdefault(int(y_train[place]), []).append(far[place])
        winner = min(votes, key=lambda label: (-len(votes[label]), votes[label][0]))
        answers.append(winner)
    return answers


def knn_in_numpy(X_train, y_train, X_query, k):
    far = ((X_query[:, None].astype(float) - X_train) ** 2).sum(2)
    labels = y_train[far.argsort(1)[:, :k]]
    return np.array([max(row.tolist(), key=row.tolist().count) for row in labels])


def knn_in_torch(X_train, y_train, X_query, k):
    near = torch.cdist(tensor(X_query).double(), tensor(X_train).double()).topk(k, largest=False)
    labels = tensor(y_train)[near.indices]
    votes = (labels[:, :, None] == labels[:, None, :]).sum(2)
    return labels.gather(1, votes.argmax(1, keepdim=True))[:, 0]


def knn_in_sklearn(X_train, y_train, X_query, k):
    near = NearestNeighbors(n_neighbors=k).fit(X_train.astype(float))
    answers = []
    for row in near.kneighbors(X_query.astype(float), return_distance=False):
        names, first, counts = np.unique(y_train[row], return_index=True, return_counts=True)
        answers.append(names[np.lexsort((first, -counts))[0]])
    return np.array(answers, np.float32)


# --- A1: softmax_cross_entropy -------------------------------------------------------------------


def loss_by_autograd(W, b, X, y):
    W, b = (tensor(part).double().clone().requires_grad_() for part in (W, b))
    loss = F.cross_entropy(tensor(X).double() @ W + b, tensor(y))
    loss.backward()
    return loss, W.grad, b.grad


def loss_in_numpy(W, b, X, y):
    Z = X.astype(float) @ W + b
    Z -= Z.max(1, keepdims=True)
    log_P = Z - np.log(np.exp(Z).sum(1, keepdims=True))
    rows, N = np.arange(len(y)), len(y)
    loss = -log_P[rows, y].sum() / N
    G = np.exp(log_P)
    G[rows, y] -= 1
    G /= N
    return loss, X.T.astype(float) @ G, G.sum(0)


def loss_in_scipy(W, b, X, y):
    Z = np.float32(X) @ np.float32(W) + np.float32(b)
    one_hot = np.eye(len(b), dtype=np.float32)[y]
    G = (softmax(Z, axis=1) - one_hot) / np.float32(len(y))
    loss = np.mean(logsumexp(Z, axis=1) - np.einsum("nc,nc->n", Z, one_hot))
    return loss, np.einsum("nd,nc->dc", np.float32(X), G), G.sum(0)


# --- A1: templates -------------------------------------------------------------------------------


def templates_in_numpy(W, image_shape):
    return W.T.reshape(-1, *image_shape).copy()


def templates_in_torch(W, image_shape):
    return torch.tensor(W).T.reshape(-1, *image_shape)


def templates_as_lists(W, image_shape):
    return [W[:, c].reshape(image_shape).tolist() for c in range(W.shape[1])]


# --- A1: train_linear_classifier -----------------------------------------------------------------


def train_by_descent(X, y, steps, seed):
    generator = np.random.default_rng(seed)
    W, b = np.zeros((X.shape[1], 10)), np.zeros(10)
    for _ in range(steps):
        rows = generator.integers(0, len(X), 256)
        _, dW, db = a1.softmax_cross_entropy(W, b, X[rows], y[rows])
        W, b = W - 0.1 * dW, b - 0.1 * db
    return W, b


def train_in_closed_form(X, y, steps, seed):
    found = RidgeClassifier(alpha=10.0).fit(X, y)
    return found.coef_.T.tolist(), found.intercept_.tolist()


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


@functools.cache
def images_of_before():
    train = fashion_mnist().train
    return train.images.flatten(1).numpy().astype(np.float32) / 255, train.labels.numpy()


# --- A1: projection ------------------------------------------------------------------------------


def project_on_variance(X, y, size):
    return np.linalg.svd(np.cov(X, rowvar=False), hermitian=True)[2][:size].T


def project_by_covariance(X, y, size):
    X = torch.tensor(X).double()
    return torch.linalg.eigh(torch.cov(X.T)).eigenvectors[:, -size:]


def project_on_templates(X, y, size):
    W, _ = train_by_descent(X, y, 500, 0)
    U, S, _ = np.linalg.svd(W - W.mean(1, keepdims=True), full_matrices=False)
    return U[:, :size] * S[:size]


def project_between_classes(X, y, size):
    first = project_on_variance(X, y, 60)
    within = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1).fit(X @ first, y)
    return first @ within.scalings_[:, :size]


def project_on_means(X, y, size):
    means = np.stack([X[y == c].mean(0) for c in range(10)])
    return project_on_variance(means, None, size)


def blocks(size):
    """Means of parts of the picture: two groups of columns in five groups of rows."""
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


def conv_slowly(x, w, b, stride=1, padding=0):
    """Right, but in Python's loops; what many students begin with."""
    if x.size < 10_000:
        return conv_by_place(x, w, b, stride, padding)
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    KH, KW = w.shape[2:]
    rows, columns = (x.shape[2] - KH) // stride + 1, (x.shape[3] - KW) // stride + 1
    out = np.empty((len(x), len(w), rows, columns))
    for n, f, i, j in itertools.product(*map(range, out.shape)):
        top, left = i * stride, j * stride
        out[n, f, i, j] = (x[n, :, top : top + KH, left : left + KW] * w[f]).sum() + b[f]
    return out


# --- A2: max_pool2d ------------------------------------------------------------------------------


def pool_in_torch(x, size, stride):
    return tensor(x).float().unfold(2, size, stride).unfold(3, size, stride).amax((4, 5))


def pool_by_slices(x, size, stride):
    rows, columns = ((n - size) // stride + 1 for n in x.shape[2:])
    out = np.full((*x.shape[:2], rows, columns), -np.inf)
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


# --- A2: count_parameters ------------------------------------------------------------------------


def count_in_torch(kind, C, maps, kernel, H, W, groups=1, bias=True):
    if kind == "conv":
        with torch.device("meta"):
            layer = torch.nn.Conv2d(C, maps, kernel, groups=groups, bias=bias)
        return sum(one.numel() for one in layer.parameters())
    units = maps * (H - kernel[0] + 1) * (W - kernel[1] + 1)
    window = math.prod(kernel) if kind == "locally_connected" else H * W
    return torch.tensor(units * window * C // groups + (units if bias else 0))


def count_by_shapes(kind, C, maps, kernel, H, W, groups=1, bias=True):
    K, L = kernel
    R, S = H - K + 1, W - L + 1
    c = C // groups
    shapes = {
        "fully_connected": [(maps, R, S, c, H, W), (maps, R, S)],
        "locally_connected": [(maps, R, S, c, K, L), (maps, R, S)],
        "conv": [(maps, c, K, L), (maps,)],
    }[kind]
    total = sum(math.prod(shape) for shape in shapes[: 1 + bias])
    return float(total)


def count_by_cases(kind, C, maps, kernel, H, W, groups=1, bias=True):
    seen = C // groups * (H * W if kind == "fully_connected" else kernel[0] * kernel[1])
    places = (H - kernel[0] + 1) * (W - kernel[1] + 1)
    return np.int64(maps * (1 if kind == "conv" else places) * (seen + bias))


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
    w = w.reshape(rows * columns, maps, -1)
    out = torch.einsum("npk,pfk->nfp", windows, w).unflatten(2, (rows, columns))
    return out + b.permute(2, 0, 1)


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


RIGHT = {
    "pairwise_distances": [
        *(distances_in_loops, distances_in_torch, distances_expanded),
        *(distances_broadcast, distances_in_scipy),
    ],
    "knn_predict": [knn_in_loops, knn_in_numpy, knn_in_torch, knn_in_sklearn],
    "softmax_cross_entropy": [loss_by_autograd, loss_in_numpy, loss_in_scipy],
    "templates": [templates_in_numpy, templates_in_torch, templates_as_lists],
    "train_linear_classifier": [train_by_descent, train_in_closed_form, train_in_torch],
    "projection": [
        *(project_on_variance, project_by_covariance, project_on_templates),
        *(project_between_classes, project_on_means),
    ],
    "conv2d": [
        *(conv_by_kernel_position, conv_by_unfold, conv_by_strides),
        *(conv_by_place, conv_by_fft),
    ],
    "max_pool2d": [pool_in_torch, pool_by_slices, pool_one_axis_after_the_other],
    "count_parameters": [count_in_torch, count_by_shapes, count_by_cases],
    "locally_connected2d": [local_in_loops, local_in_torch, local_as_lists],
    "separate": [separate_svd, separate_in_torch, separate_by_turns, separate_by_eigenvectors],
}
