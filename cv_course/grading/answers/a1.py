"""The answers to assignment A1; what usual mistakes change in them is in ``a1.toml``."""

import numpy as np

from cv_course.grading.answers import Keeps, known


def pairwise_distances(X, Y, metric):
    A, B = np.asarray(X, float), np.asarray(Y, float)
    if metric == "cosine":
        lengths = np.outer(np.linalg.norm(A, axis=1), np.linalg.norm(B, axis=1))
        return 1 - A @ B.T / np.where(lengths > 0, lengths, 1)
    gaps = np.abs(A[:, None] - B)
    if metric == "l1":
        return gaps.sum(-1)
    return np.sqrt((gaps**2).sum(-1))


def _whole(X, kind):
    """Bytes in another type, other whole numbers in their own; the rest as floats."""
    return X.astype(kind) if X.dtype == np.uint8 else X if X.dtype.kind == "i" else X.astype(float)


def knn_predict(X_train, y_train, X_query, k):
    far = pairwise_distances(X_query, X_train, "l2")
    order = far.argsort(1, kind="stable")
    answers = []
    for row, near in zip(far, order[:, :k], strict=True):  # noqa: B007 (mistakes need row)
        labels = y_train[near]  # the nearest first
        votes = (labels[:, None] == labels).sum(1)
        answers.append(labels[votes.argmax()])
    return np.array(answers)


def softmax_cross_entropy(W, b, X, y):
    X = np.asarray(X, float)
    logits = X @ W + b
    logits = logits - logits.max(1, keepdims=True)
    log_P = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    true = np.eye(len(b))[y]
    loss = -log_P[true > 0].mean()
    G = (np.exp(log_P) - true) / len(y)
    return loss, X.T @ G, G.sum(0)


def templates(W, image_shape):
    channels, height, width = image_shape
    pictures = W.T.reshape(-1, channels, height, width)
    return pictures.copy()


_distances_kept = Keeps(pairwise_distances, 0, 1)
_distances_kept_Y = Keeps(pairwise_distances, 1)
_knn_kept = Keeps(knn_predict, 0, 1)
_loss_kept = Keeps(softmax_cross_entropy, 0, 1, 2, 3)
_loss_kept_W = Keeps(softmax_cross_entropy, 0)
_templates_kept = Keeps(templates, 0)
REFERENCES, DIAGNOSES = known(__name__)
