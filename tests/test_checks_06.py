"""The exercises of section 06: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
import torchvision
from notebook_code import assert_helps, assert_named, assert_right, from_notebook

from cv_course.checks import QUESTIONS
from cv_course.models import heads

NOTEBOOK = "06_backbone_and_heads"


def iou_in_loops(a, b):
    rows = []
    for p in a.tolist():
        row = []
        for q in b.tolist():
            wide = max(0, min(p[2], q[2]) - max(p[0], q[0]))
            high = max(0, min(p[3], q[3]) - max(p[1], q[1]))
            areas = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1])
            either = areas - wide * high
            row.append(wide * high / either if either else 0.0)
        rows.append(row)
    return rows


def iou_in_torch(a, b):
    return heads.box_iou(torch.tensor(a).float(), torch.tensor(b).float())


def nms_in_torchvision(boxes, scores, threshold):
    return torchvision.ops.nms(torch.tensor(boxes), torch.tensor(scores), threshold)


def nms_by_marks(boxes, scores, threshold):
    shares = np.array(iou_in_loops(boxes, boxes)).reshape(len(boxes), len(boxes))
    alive, kept = np.ones(len(boxes), dtype=bool), []
    for n in sorted(range(len(boxes)), key=lambda n: -scores[n]):
        if alive[n]:
            kept.append(n)
            alive &= shares[n] <= threshold
    return kept


RIGHT = {
    "box_iou": [iou_in_loops, iou_in_torch],
    "nms": [nms_in_torchvision, nms_by_marks],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    solution = dict(zip(RIGHT, from_notebook(NOTEBOOK, *RIGHT), strict=True))[name]
    assert_right(name, [QUESTIONS[name].reference, solution, *RIGHT[name]][way])


def sides(a, b, more=0.0):
    start = np.maximum(a[:, None, :2], b[None, :, :2])
    return np.minimum(a[:, None, 2:], b[None, :, 2:]) - start + more


def areas(boxes, more=0.0):
    return (boxes[:, 2:] - boxes[:, :2] + more).prod(-1)


def shared(a, b):
    return np.maximum(sides(a, b), 0).prod(-1)


def iou_unclamped(a, b):
    both = sides(a, b).prod(-1)
    either = areas(a)[:, None] + areas(b) - both
    return np.divide(both, either, out=np.zeros(both.shape), where=either > 0)


def iou_clamped_too_late(a, b):
    both = np.maximum(sides(a, b).prod(-1), 0)
    either = areas(a)[:, None] + areas(b) - both
    return np.divide(both, either, out=np.zeros(both.shape), where=either > 0)


def iou_as_width_and_height(a, b):
    a, b = (np.concatenate([x[:, :2], x[:, :2] + x[:, 2:]], 1) for x in (a, b))
    return iou_in_loops(a, b)


def iou_with_last_pixels(a, b):
    both = np.maximum(sides(a, b, 1), 0).prod(-1)
    return both / (areas(a, 1)[:, None] + areas(b, 1) - both)


def iou_over_hull(a, b):
    far = np.maximum(a[:, None, 2:], b[None, :, 2:]) - np.minimum(a[:, None, :2], b[None, :, :2])
    return shared(a, b) / np.maximum(far.prod(-1), 1e-9)


def nms_removed_still_counts(boxes, scores, threshold):
    order = np.argsort(-scores)
    shares = np.array(iou_in_loops(boxes, boxes)).reshape(len(boxes), len(boxes))
    return [n for rank, n in enumerate(order) if (shares[n, order[:rank]] <= threshold).all()]


def nms_of_sorted(boxes, scores, threshold):
    order = np.argsort(-scores)
    return nms_by_marks(boxes[order], scores[order], threshold)


def nms_strict(boxes, scores, threshold):
    return nms_by_marks(boxes, scores, threshold - 1e-9)


def nms_in_place(boxes, scores, threshold):
    kept = nms_by_marks(boxes, scores, threshold)
    scores[kept] = -1
    return kept


WRONG = [
    ("box_iou", iou_as_width_and_height, "width and height"),
    ("box_iou", iou_unclamped, "*before* you multiply"),
    ("box_iou", iou_clamped_too_late, "*before* you multiply"),
    ("box_iou", lambda a, b: shared(a, b) / (areas(a)[:, None] + areas(b)), "counts twice"),
    ("box_iou", lambda a, b: shared(a, b) / np.minimum(areas(a)[:, None], areas(b)), "smaller"),
    ("box_iou", lambda a, b: shared(a, b) / np.maximum(areas(a)[:, None], areas(b)), "larger"),
    ("box_iou", lambda a, b: shared(a, b) / np.maximum(areas(a), 1e-9)[:, None], "of a alone"),
    ("box_iou", lambda a, b: shared(a, b), "the intersection alone"),
    ("box_iou", iou_over_hull, "box around both"),
    ("box_iou", lambda a, b: np.diag(iou_in_loops(a, b)), "every box of a meets every box of b"),
    ("box_iou", iou_with_last_pixels, "1 was added"),
    ("box_iou", lambda a, b: np.transpose(iou_in_loops(a, b)), "transposed"),
    (
        "box_iou",
        lambda a, b: shared(a, b) / (areas(a)[:, None] + areas(b) - shared(a, b)),
        "0/0",
    ),
    ("nms", lambda b, s, t: nms_by_marks(b, -s, t), "Begin with the highest score"),
    ("nms", lambda b, s, t: nms_by_marks(b, -np.arange(len(b)), t), "sort them by score"),
    ("nms", nms_removed_still_counts, "Only kept boxes do"),
    ("nms", nms_strict, "equal to the threshold"),
    ("nms", lambda b, s, t: sorted(nms_by_marks(b, s, t)), "the best one has to come first"),
    ("nms", nms_of_sorted, "positions in the sorted list"),
    ("nms", lambda b, s, t: b[nms_by_marks(b, s, t)], "return their positions"),
    ("nms", lambda b, s, t: np.isin(np.arange(len(b)), nms_by_marks(b, s, t)), "that is a mask"),
    ("nms", lambda b, s, t: [np.argmax(s)], "only the best box of all"),
    ("nms", nms_in_place, "changed in place"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)


def test_the_notebooks_solutions_are_the_packages():
    box_iou, nms = from_notebook(NOTEBOOK, *RIGHT)
    lot = np.random.default_rng(0)
    corner = lot.random((80, 2)) * 40
    boxes = np.concatenate([corner, corner + lot.random((80, 2)) * 20], 1).astype("f4")
    scores = lot.permutation(80).astype("f4")
    ours, given = torch.from_numpy(boxes), torch.from_numpy(scores)
    np.testing.assert_allclose(box_iou(boxes, boxes), heads.box_iou(ours, ours), atol=1e-5)
    for threshold in (0.0, 0.3, 0.7):
        kept = heads.nms(ours, given, threshold)
        assert nms(boxes, scores, threshold).tolist() == kept.tolist()
