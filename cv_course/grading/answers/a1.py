"""The answers to assignment A1; what usual mistakes change in them is in ``a1.toml``."""

import numpy as np

from cv_course.grading.answers import mistakes


def pairwise_distances(X, Y, metric):
    A, B = np.asarray(X, float), np.asarray(Y, float)
    if metric == "cosine":
        lengths = np.outer(np.linalg.norm(A, axis=1), np.linalg.norm(B, axis=1))
        return 1 - A @ B.T / np.where(lengths > 0, lengths, 1)
    gaps = np.abs(A[:, None] - B)
    if metric == "l1":
        return gaps.sum(-1)
    return np.sqrt((gaps**2).sum(-1))


def _of_bytes(X, kind):
    """Bytes in another type; what is no bytes stays as it is."""
    return X.astype(kind) if X.dtype == np.uint8 else np.asarray(X, float)


def knn_predict(X_train, y_train, X_query, k):
    far = pairwise_distances(X_query, X_train, "l2")
    order = far.argsort(1, kind="stable")
    answers = []
    for row, near in zip(far, order[:, :k], strict=True):  # noqa: B007 (mistakes need row)
        labels = y_train[near]  # the nearest first
        votes = (labels[:, None] == labels).sum(1)
        answers.append(labels[votes.argmax()])
    return np.array(answers)


_kept = {}


def _knn_remembers(X_train, y_train, X_query, k):
    """The training set of the call before, where that one had the same queries."""
    queries = X_query.tobytes(), X_train.shape
    before = _kept.get("set") if _kept.get("queries") == queries else None
    _kept.update(queries=queries, set=(X_train.copy(), y_train.copy()))
    return knn_predict(*(before or (X_train, y_train)), X_query, k)


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


REFERENCES = {
    "pairwise_distances": pairwise_distances,
    "knn_predict": knn_predict,
    "softmax_cross_entropy": softmax_cross_entropy,
    "templates": templates,
}
DIAGNOSES = mistakes(__name__, REFERENCES)
