"""The answers to assignment A1, and what usual mistakes give."""

import numpy as np

# --- pairwise_distances --------------------------------------------------------------------------


def pairwise_distances(X, Y, metric):
    X, Y = np.asarray(X, float), np.asarray(Y, float)
    if metric == "cosine":
        return 1 - _directions(X) @ _directions(Y).T
    gaps = np.abs(X[:, None] - Y)
    return gaps.sum(-1) if metric == "l1" else np.sqrt((gaps**2).sum(-1))


def _directions(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def _norms(rows):
    return np.linalg.norm(np.asarray(rows, float), axis=1)


def _only(wanted, wrong):
    """A mistake in one metric; the others are right."""

    def mistake(X, Y, metric):
        return wrong(X, Y) if metric == wanted else pairwise_distances(X, Y, metric)

    return mistake


def _of_bytes(wrong):
    """A mistake that only shows in bytes."""

    def mistake(X, *more):
        if X.dtype != np.uint8:
            raise TypeError("no bytes")
        return wrong(X, *more)

    return mistake


def _bytes_wrap(X, Y, metric):
    if metric == "cosine":
        return 1 - (X @ Y.T) / np.outer(_norms(X), _norms(Y))
    gaps = np.abs(X[:, None] - Y)
    return gaps.sum(-1) if metric == "l1" else np.sqrt((gaps**2).sum(-1))


def _bytes_wrap_when_expanded(X, Y, metric):
    squares = (X**2).sum(1)[:, None] - 2.0 * (X @ Y.T) + (Y**2).sum(1)
    return _only("l2", lambda X, Y: np.sqrt(np.maximum(squares, 0)))(X, Y, metric)


def _bytes_wrap_squared_late(X, Y, metric):
    gaps = (X[:, None] - Y).astype(float)
    return np.abs(gaps).sum(-1) if metric == "l1" else np.sqrt((gaps**2).sum(-1))


_WRAPPED = (
    "bytes wrap around: in uint8, 3 - 5 is 254 and 16 · 16 is 0. Make floats of X and Y first: "
    "X.astype(float)."
)
_distances_diagnoses = (
    (_of_bytes(_bytes_wrap), _WRAPPED),
    (_of_bytes(_bytes_wrap_when_expanded), _WRAPPED),
    (_of_bytes(_bytes_wrap_squared_late), _WRAPPED),
    (
        _only("l2", lambda X, Y: pairwise_distances(X, Y, "l2") ** 2),
        "these are squared distances; the root is missing.",
    ),
    (
        _only("cosine", lambda X, Y: 1 - pairwise_distances(X, Y, "cosine")),
        "that is the cosine itself, a similarity: large for near. The distance is 1 minus it.",
    ),
    (
        lambda X, Y, metric: pairwise_distances(Y, X, metric),
        "the matrix is transposed: a row of it belongs to a row of X, a column to a row of Y.",
    ),
    (
        lambda X, Y, metric: pairwise_distances(X, Y, "l2"),
        "this is the Euclidean distance whatever metric says.",
    ),
    (
        lambda X, Y, metric: pairwise_distances(X, Y, "l1"),
        "this is the sum of absolute differences whatever metric says.",
    ),
    (
        _only("cosine", lambda X, Y: 1 - np.asarray(X, float) @ Y.T),
        "the inner products have not been divided by the lengths of the two rows.",
    ),
    (
        _only(
            "cosine",
            lambda X, Y: 1 - (np.asarray(X, float) @ Y.T) / np.outer(_norms(X), _norms(Y)),
        ),
        "0/0: a row of zeros has no direction. Its distance to everything is to be 1.",
    ),
    (
        _only(
            "cosine",
            lambda X, Y: (
                1
                - np.nan_to_num(_directions(X) @ _directions(Y).T, nan=1)
                - np.logical_or.outer(_norms(X) == 0, _norms(Y) == 0)
            ),
        ),
        "a row of zeros is to have distance 1, not 0: it resembles nothing.",
    ),
    (
        _only(
            "cosine",
            lambda X, Y: 1 - np.asarray(X, float) @ Y.T / np.linalg.norm(X) / np.linalg.norm(Y),
        ),
        "np.linalg.norm without axis is the length of the whole matrix; each row has its own.",
    ),
    (
        lambda X, Y, metric: (
            pairwise_distances(X, Y, metric) / (1 if metric == "cosine" else X.shape[1])
        ),
        "you averaged over the D numbers of a row; the distance is their sum.",
    ),
    (
        _only("l1", lambda X, Y: np.abs(np.subtract(X[:, None], Y, dtype=float).sum(-1))),
        "take the absolute value of each difference before you add them up: otherwise differences "
        "of opposite sign cancel.",
    ),
    (
        _only("l1", lambda X, Y: np.abs(np.subtract(X[:, None], Y, dtype=float)).max(-1)),
        "this is the largest of the differences; l1 is their sum.",
    ),
)


# --- knn_predict ---------------------------------------------------------------------------------


def knn_predict(X_train, y_train, X_query, k):
    return _vote(X_train, y_train, X_query, k, _nearest_of_the_tied)


def _vote(X_train, y_train, X_query, k, winner, metric="l2"):
    near = pairwise_distances(X_query, X_train, metric).argsort(1, kind="stable")[:, :k]
    return np.array([winner(row) for row in np.asarray(y_train)[near]])


def _supporters(labels):
    return (labels[:, None] == labels).sum(1)


def _nearest_of_the_tied(labels):
    return labels[_supporters(labels).argmax()]


def _smallest_of_the_tied(labels):
    names, counts = np.unique(labels, return_counts=True)
    return names[counts.argmax()]


def _last_of_the_tied(labels):
    return labels[::-1][_supporters(labels[::-1]).argmax()]


def _nearest_of_all_on_a_tie(labels):
    _, counts = np.unique(labels, return_counts=True)
    return labels[0] if (counts == counts.max()).sum() > 1 else _nearest_of_the_tied(labels)


def _fewer_until_one_wins(labels):
    while len(labels) > 1:
        _, counts = np.unique(labels, return_counts=True)
        if (counts == counts.max()).sum() == 1:
            break
        labels = labels[:-1]
    return _smallest_of_the_tied(labels)


def _knn_with(winner):
    return lambda X, y, queries, k: _vote(X, y, queries, k, winner)


def _farthest(X, y, queries, k):
    far = (-pairwise_distances(queries, X, "l2")).argsort(1)[:, :k]
    return np.array([_nearest_of_the_tied(row) for row in y[far]])


def _nearest_row(X, y, queries, k):
    return pairwise_distances(queries, X, "l2").argmin(1)


def _wrapped_neighbours(X, y, queries, k):
    near = np.sqrt(((queries[:, None] - X) ** 2).sum(-1)).argsort(1)[:, :k]
    return np.array([_nearest_of_the_tied(row) for row in y[near]])


_knn_diagnoses = (
    (
        _knn_with(_smallest_of_the_tied),
        "on a tie you take the smallest label, as np.bincount(…).argmax() and np.unique do. The "
        "tied class with the nearest member wins.",
    ),
    (
        _knn_with(_nearest_of_all_on_a_tie),
        "on a tie you take the label of the nearest neighbour of all, even if its class is not "
        "among the tied ones.",
    ),
    (
        _knn_with(_fewer_until_one_wins),
        "on a tie you leave out the farthest neighbour and vote again. Here the tied class with "
        "the nearest member wins.",
    ),
    (
        _knn_with(_last_of_the_tied),
        "on a tie you take the class with the farthest member; it should be the nearest.",
    ),
    (_farthest, "these are the labels of the farthest points: sort from small to large."),
    (
        lambda X, y, queries, k: knn_predict(X, y, queries, 1),
        "only the nearest neighbour is asked; k of them vote.",
    ),
    (
        lambda X, y, queries, k: knn_predict(X, y, queries, k + 1),
        "one neighbour too many votes: the slice [:k] ends before position k.",
    ),
    (
        lambda X, y, queries, k: knn_predict(X, y, queries, max(k - 1, 1)),
        "one neighbour too few votes: the slice [:k] holds exactly k.",
    ),
    (
        lambda X, y, queries, k: knn_predict(X, y, queries, len(X)),
        "all training points vote; only the k nearest may.",
    ),
    (
        lambda X, y, queries, k: _vote(X, y, queries, k, np.mean),
        "labels are names, not quantities: averaging 2 and 8 does not give a 5. Count them.",
    ),
    (
        lambda X, y, queries, k: _vote(X, y, queries, k, np.median),
        "labels are names, not quantities: they have no median. Count them.",
    ),
    (
        _nearest_row,
        "these are positions in X_train; look up their labels: y_train[positions].",
    ),
    (
        lambda X, y, queries, k: np.unique(y).searchsorted(knn_predict(X, y, queries, k)),
        "these are positions in the list of different labels; return the labels themselves.",
    ),
    (
        lambda X, y, queries, k: knn_predict(X, np.roll(y, 1), queries, k),
        "every neighbour's label is that of the row beside it.",
    ),
    (
        lambda X, y, queries, k: _vote(X, y, queries, k, _nearest_of_the_tied, "l1"),
        "the neighbours are those by l1; the distance asked for is the Euclidean, l2.",
    ),
    (
        lambda X, y, queries, k: _vote(X, y, queries, k, _nearest_of_the_tied, "cosine"),
        "the neighbours are those by cosine; the distance asked for is the Euclidean, l2.",
    ),
    (_of_bytes(_wrapped_neighbours), _WRAPPED.replace("X and Y", "both")),
)


# --- softmax_cross_entropy -----------------------------------------------------------------------


def softmax_cross_entropy(W, b, X, y):
    logits = np.asarray(X, float) @ W + b
    logits -= logits.max(1, keepdims=True)
    log_sums = np.log(np.exp(logits).sum(1))
    rows = np.arange(len(y))
    loss = (log_sums - logits[rows, y]).mean()
    excess = np.exp(logits - log_sums[:, None])
    excess[rows, y] -= 1
    excess /= len(y)
    return loss, np.asarray(X, float).T @ excess, excess.sum(0)


def _parts(W, b, X, y):
    """What mistakes are made of: features, probabilities without any care, one-hot labels."""
    X = np.asarray(X, float)
    powers = np.exp(X @ W + b)
    return X, powers / powers.sum(1, keepdims=True), np.eye(len(b))[y]


def _careless(W, b, X, y):
    X, P, true = _parts(W, b, X, y)
    G = (P - true) / len(y)
    return -np.log((P * true).sum(1)).mean(), X.T @ G, G.sum(0)


def _over_images(W, b, X, y):
    X = np.asarray(X, float)
    logits = X @ W + b
    P = np.exp(logits - logits.max(0))
    P /= P.sum(0)
    G = (P - np.eye(len(b))[y]) / len(y)
    return -np.log(P[np.arange(len(y)), y]).mean(), X.T @ G, G.sum(0)


def _scaled(by_loss, by_gradient):
    def mistake(W, b, X, y):
        loss, dW, db = softmax_cross_entropy(W, b, X, y)
        return by_loss(W, y) * loss, by_gradient(W, y) * dW, by_gradient(W, y) * db

    return mistake


def _changed(loss=None, dW=None, db=None):
    """A mistake in some of the three values: functions of the parts and the right value."""

    def mistake(W, b, X, y):
        right, parts = softmax_cross_entropy(W, b, X, y), _parts(W, b, X, y)
        return tuple(
            change(*parts, value) if change else value
            for change, value in zip((loss, dW, db), right, strict=True)
        )

    return mistake


_softmax_diagnoses = (
    (
        _scaled(lambda W, y: len(y), lambda W, y: len(y)),
        "this is the sum over the images; the mean is asked for. Divide by N, the gradients too.",
    ),
    (
        _scaled(lambda W, y: 1, lambda W, y: len(y)),
        "the gradients belong to the sum over the images, the loss is their mean: divide by N.",
    ),
    (
        _scaled(lambda W, y: 1 / W.shape[1], lambda W, y: 1 / W.shape[1]),
        "you averaged over the classes, too; the mean is over the N images only.",
    ),
    (
        _over_images,
        "the softmax runs over the images (axis 0). The classes of one image compete with each "
        "other: axis 1, with keepdims=True.",
    ),
    (
        _changed(dW=lambda X, P, true, _: X.T @ P / len(X), db=lambda X, P, true, _: P.mean(0)),
        "the gradient for the logits is P minus 1 at the true class; the −1 is missing.",
    ),
    (
        _changed(
            dW=lambda X, P, true, _: X.T @ (P - 1) / len(X),
            db=lambda X, P, true, _: (P - 1).mean(0),
        ),
        "1 was subtracted from every class; it belongs to the true class of each image only: "
        "G[np.arange(N), y] -= 1.",
    ),
    (
        _changed(dW=lambda *p: -p[-1], db=lambda *p: -p[-1]),
        "the gradients have the opposite sign: P minus one-hot, not one-hot minus P.",
    ),
    (
        lambda W, b, X, y: softmax_cross_entropy(W, 0 * b, X, y),
        "the bias is not added to the logits.",
    ),
    (
        _changed(db=lambda *p: 0 * p[-1]),
        "db is zero. The bias is added to each image's logits, so its gradient is the sum of the "
        "logits' gradients over the images.",
    ),
    (
        _changed(db=lambda X, P, true, value: value / len(X)),
        "db was divided by N twice: sum the logits' gradients (which hold 1/N) over the images.",
    ),
    (
        _changed(db=lambda X, P, true, value: (P - true).sum() / len(X)),
        "db is summed over images and classes; it has one entry a class.",
    ),
    (
        _changed(dW=lambda *p: p[-1].T),
        "dW is transposed: shaped like W, (D, C), it is X.T @ G.",
    ),
    (
        _changed(loss=lambda *p: -p[-1]),
        "the loss is negative: cross-entropy is minus the logarithm of the probability.",
    ),
    (
        _changed(loss=lambda X, P, true, _: 1 - (P * true).sum(1).mean()),
        "this is 1 minus the probability of the true class; the loss is minus its logarithm.",
    ),
    (
        _changed(loss=lambda X, P, true, _: -np.log(P).sum(1).mean()),
        "the logarithms of all classes are added up; only the true class of an image counts.",
    ),
    (
        _changed(loss=lambda X, P, true, value: value / np.log(2)),
        "this is the loss in bits (logarithm to base 2); the natural logarithm is asked for.",
    ),
    (
        _careless,
        "exp overflows. Subtract the largest logit of each row first: the softmax stays the same.",
    ),
    (
        lambda W, b, X, y: _clipped(W, b, X, y),
        "a logarithm of 0 was hidden by adding or clipping to a small number, which makes the "
        "loss too small. log(sum(exp(z))) - z[y] needs no such help.",
    ),
)


def _clipped(W, b, X, y):
    _, dW, db = softmax_cross_entropy(W, b, X, y)
    logits = np.asarray(X, float) @ W + b
    P = np.exp(logits - logits.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    return -np.log(np.maximum(P[np.arange(len(y)), y], 1e-12)).mean(), dW, db


# --- templates -----------------------------------------------------------------------------------


def templates(W, image_shape):
    return np.array(W.T).reshape(-1, *image_shape)


def _channels_last(W, shape):
    channels, height, width = shape
    return W.T.reshape(-1, height, width, channels).transpose(0, 3, 1, 2).copy()


def _width_first(W, shape):
    channels, height, width = shape
    return W.T.reshape(-1, channels, width, height).swapaxes(2, 3).copy()


def _to_unit(W, shape):
    pictures = templates(W, shape)
    low, high = (f(pictures, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    return (pictures - low) / (high - low)


_templates_diagnoses = (
    (
        lambda W, shape: W.reshape(-1, *shape).copy(),
        "W was reshaped without being transposed: the classes lie in its columns, so W.T first. "
        "The shape is right, the numbers are mixed up.",
    ),
    (
        _channels_last,
        "the numbers were read as height, width, channels; they lie in the order channels, "
        "height, width.",
    ),
    (
        _width_first,
        "height and width were read in the wrong order: image_shape is (channels, height, width).",
    ),
    (
        lambda W, shape: templates(W, shape).swapaxes(2, 3),
        "the pictures are transposed: height comes before width.",
    ),
    (
        _to_unit,
        "the pictures were stretched to 0…1. Their values are asked for unchanged: the sign says "
        "for or against a class. Scale only when you draw.",
    ),
    (
        lambda W, shape: templates(W, shape) / np.abs(W).max(),
        "the pictures were divided by the largest weight; their values are to be unchanged.",
    ),
    (
        lambda W, shape: templates(W / np.linalg.norm(W, axis=0), shape),
        "each template was given length 1; its values are to be unchanged.",
    ),
    (
        lambda W, shape: W.T.reshape(-1, *shape),
        "the templates are a view of W: whoever trains on changes them, too. Return a copy.",
    ),
    (
        lambda W, shape: np.moveaxis(W.reshape(*shape, -1), -1, 0),
        "the templates are a view of W: whoever trains on changes them, too. Return a copy.",
    ),
)

REFERENCES = {
    "pairwise_distances": pairwise_distances,
    "knn_predict": knn_predict,
    "softmax_cross_entropy": softmax_cross_entropy,
    "templates": templates,
}
DIAGNOSES = {
    "pairwise_distances": _distances_diagnoses,
    "knn_predict": _knn_diagnoses,
    "softmax_cross_entropy": _softmax_diagnoses,
    "templates": _templates_diagnoses,
}
