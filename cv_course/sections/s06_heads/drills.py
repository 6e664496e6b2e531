"""The exercises of section 06; texts and usual mistakes are in ``drills.toml``."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _reported(rng: np.random.Generator):
    yield Case("the example of the text", (2, 3, np.array([1.0, 0.5, 1.5, 2.0]), 8))
    yield Case("the upper left position", (0, 0, np.array([0.25, 0.5, 3.0, 1.0]), 8))
    for stride in (16, 4):
        row, column = (int(one) for one in rng.permutation(6)[:2])
        about = f"row {row}, column {column} with a stride of {stride} pixels"
        yield Case(about, (row, column, rng.uniform(0.2, 3, 4).round(2), stride))


@exercise(_reported)
def decode(row, column, distances, stride):
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    left, top, right, bottom = np.asarray(distances) * stride
    return np.array([x - left, y - top, x + right, y + bottom])


def _scored(rng: np.random.Generator):
    scores, hits = np.array([0.9, 0.6, 0.4]), np.array([True, False, True])
    yield Case("the example of the text", (scores, hits, 4, 0.5))
    yield Case("a lowest score that one box has exactly", (scores, hits, 3, 0.4))
    many = rng.permutation(20) / 20
    yield Case("20 boxes in no order, 9 objects", (many, many > rng.uniform(size=20), 13, 0.3))
    yield Case("no box is good enough", (scores, hits, 4, 0.95))


@exercise(_scored)
def precision_recall(scores, hits, objects, lowest):
    kept = np.asarray(hits)[np.asarray(scores) >= lowest]
    precision = kept.mean() if len(kept) else 1.0
    return precision, kept.sum() / objects


def _overlapping(rng: np.random.Generator):
    chain = np.array([[1, 0.6, 0.2], [0.6, 1, 0.6], [0.2, 0.6, 1]])
    yield Case("three boxes in a row", (chain, np.array([0.9, 0.8, 0.7]), 0.5))
    start = rng.uniform(0, 30, 12)
    shared = np.maximum(10 - np.abs(start[:, None] - start), 0)
    yield Case("12 boxes", (shared / (20 - shared), rng.permutation(12) / 12, 0.3))


@exercise(_overlapping)
def nms(overlaps, scores, threshold):
    kept, order = [], np.argsort(-scores)
    for box in order:
        better = kept
        if not (overlaps[box, better] > threshold).any():
            kept.append(box)
    return np.array(kept)


@design
def my_head(head):
    import torch
    from torch import nn

    from cv_course import data, training
    from cv_course.sections.s06_heads import model

    weights, items = sum(one.numel() for one in head.parameters()), data.fashion_mnist().train
    train, validation = model.compose(items[:6_000], 512, 0), model.compose(items[8_000:], 500, 1)
    shape = tuple(head.eval()(torch.zeros(3, model.WIDTH, model.CELLS, model.CELLS)).shape)
    if weights > 2_000 or shape != (3, 4):
        said = f"The head has {weights:,} weights and turns 3 maps into the shape {shape};"
        return False, f"{said} at most 2,000 weights and the shape (3, 4) are asked for."
    torch.manual_seed(0)
    network = nn.Sequential(model.backbone("circular"), head)
    loss = lambda boxes, some: model.losses({"box": boxes}, some)  # noqa: E731
    model.fit(network, train.images, train, loss, epochs=6)
    boxes = model.SIDE * training.predict(network, validation.images)
    iou = model.mean_iou(boxes, validation.boxes)
    said = f"{weights:,} weights, IoU {iou:.2f} without a border; 0.50 is asked for."
    return iou >= 0.5, said
