"""The exercises of section 06."""

import numpy as np

from cv_course.drill import Case, Question


def _random_boxes(rng: np.random.Generator, count: int, size: float = 20) -> np.ndarray:
    corners = rng.random((count, 2, 2)) * size
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _pairs_of_boxes(rng: np.random.Generator):
    yield Case(
        "a box of 4 x 3 against one with which it shares 1 x 2, and one with which it shares 3 x 1",
        (np.array([[2.0, 1, 6, 4]]), np.array([[5.0, 2, 8, 4], [0, 3, 5, 9]])),
    )
    yield Case(
        "a box inside another, and one equal to it",
        (np.array([[1.0, 1, 9, 5]]), np.array([[2.0, 2, 4, 3], [1, 1, 9, 5]])),
    )
    yield Case(
        "boxes that lie apart: side by side, one above the other, and at two corners",
        (np.array([[0.0, 0, 2, 2]]), np.array([[5.0, 0, 7, 2], [0, 5, 2, 7], [5, 5, 8, 8]])),
    )
    yield Case(
        "boxes without area, also against themselves",
        (np.array([[3.0, 3, 3, 3], [0, 0, 4, 4]]), np.array([[3.0, 3, 3, 3], [1, 1, 1, 3]])),
    )
    yield Case(
        "whole numbers", (rng.integers(0, 9, (1, 4)).repeat(3, 0) // 2 + np.array([0, 0, 9, 9]),
                          np.array([[2, 2, 6, 8], [0, 1, 9, 4]])),
    )  # fmt: skip
    yield Case(
        "five boxes against three", (_random_boxes(rng, 5), _random_boxes(rng, 3)),
    )  # fmt: skip


def _sides(boxes: np.ndarray, more: float = 0) -> np.ndarray:
    boxes = np.asarray(boxes, dtype=float)
    return boxes[..., 2:] - boxes[..., :2] + more


def _shared(a: np.ndarray, b: np.ndarray, least: float = 0, more: float = 0) -> np.ndarray:
    a, b = np.asarray(a, dtype=float)[:, None], np.asarray(b, dtype=float)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + more
    return np.maximum(sides, least).prod(axis=-1)


def _iou(a, b, least: float = 0, more: float = 0) -> np.ndarray:
    both = _shared(a, b, least, more)
    either = _sides(a, more).prod(-1)[:, None] + _sides(b, more).prod(-1) - both
    return np.where(either > 0, both / np.where(either > 0, either, 1), 0.0)


def _clamped_too_late(a, b) -> np.ndarray:
    both = np.maximum(_shared(a, b, least=-np.inf), 0)
    either = _sides(a).prod(-1)[:, None] + _sides(b).prod(-1) - both
    return np.where(either > 0, both / np.where(either > 0, either, 1), 0.0)


def _undefined_for_nothing(a, b) -> np.ndarray:
    both = _shared(a, b)
    return both / (_sides(a).prod(-1)[:, None] + _sides(b).prod(-1) - both)


def _ends(boxes) -> np.ndarray:
    boxes = np.asarray(boxes, dtype=float)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def _over(a, b, whole) -> np.ndarray:
    """The intersection over something else than the union; 0 where that is 0."""
    below = whole(_sides(a).prod(-1)[:, None], _sides(b).prod(-1)[None])
    return np.where(below > 0, _shared(a, b) / np.where(below > 0, below, 1), 0.0)


def _over_hull(a, b) -> np.ndarray:
    a_, b_ = np.asarray(a, dtype=float)[:, None], np.asarray(b, dtype=float)[None]
    hull = np.maximum(a_[..., 2:], b_[..., 2:]) - np.minimum(a_[..., :2], b_[..., :2])
    hull = hull.prod(axis=-1)
    return np.where(hull > 0, _shared(a, b) / np.where(hull > 0, hull, 1), 0.0)


box_iou = Question(
    name="box_iou",
    contract=(
        "a (N, 4) and b (M, 4), boxes as x0, y0, x1, y1 -> (N, M): the intersection over union of "
        "each box of a with each of b; 0 where neither has any area."
    ),
    cases=_pairs_of_boxes,
    reference=_iou,
    diagnoses=(
        (
            lambda a, b: _iou(_ends(a), _ends(b)),
            "the last two numbers were read as width and height; they are the opposite corner.",
        ),
        (
            lambda a, b: _iou(a, b, least=-np.inf),
            "boxes that lie apart have a negative width or height in common; two negative ones "
            "even give a positive area. Set both to at least 0 *before* you multiply.",
        ),
        (
            _clamped_too_late,
            "where boxes lie apart in both directions, both sides are negative and their product "
            "is positive. Set the sides to at least 0 *before* you multiply.",
        ),
        (
            lambda a, b: _over(a, b, np.add),
            "both areas were added, so what they share counts twice. The union is the sum of the "
            "areas minus the intersection.",
        ),
        (
            lambda a, b: _over(a, b, np.minimum),
            "you divided by the smaller area; a box inside another would then count as perfect.",
        ),
        (
            lambda a, b: _over(a, b, np.maximum),
            "you divided by the larger area, not by the union.",
        ),
        (
            lambda a, b: _over(a, b, lambda one, other: one + 0 * other),
            "you divided by the area of a alone.",
        ),
        (
            _over_hull,
            "you divided by the box around both; the union has gaps there.",
        ),
        (
            lambda a, b: _iou(a, b, more=1),
            "1 was added to the sides, as in programs whose x1 is the last pixel itself. Here it "
            "lies just behind it: the width is x1 - x0.",
        ),
        (
            lambda a, b: _iou(a, b).T,
            "the matrix is transposed: one row a box of a, one column a box of b.",
        ),
        (
            lambda a, b: _shared(a, b),
            "that is the intersection alone; divide by the union.",
        ),
        (
            _undefined_for_nothing,
            "0/0: where neither box has any area, the union is 0. The answer there is 0.",
        ),
        (
            lambda a, b: np.diagonal(_iou(a, b)),
            "only the pairs of equal number were compared; every box of a meets every box of b.",
        ),
    ),
    hints=(
        "The intersection of two boxes is a box: it begins at the larger of the two x0 and ends at "
        "the smaller of the two x1. When does it not exist?",
        "np.maximum(a[:, None, :2], b[None, :, :2]) has the shape (N, M, 2): all upper left "
        "corners. The sides are the lower right corners minus these, at least 0.",
        "both = sides.prod(-1); union = area_a[:, None] + area_b[None] - both; divide where the "
        "union is positive, 0 elsewhere (np.divide(both, union, out=zeros, where=union > 0)).",
    ),
)


def _crowds(rng: np.random.Generator):
    twice = np.array([[0.0, 0, 9, 9], [1, 0, 10, 9], [20, 20, 29, 29], [21, 20, 30, 29]])
    scores = np.array([0.6, 0.9, 0.8, 0.7])
    yield Case("four boxes, each nearly the same as another one", (twice, scores, 0.5))
    chain = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    yield Case(
        "a chain: the second overlaps the first and the third, which overlap little",
        (chain, np.array([0.9, 0.8, 0.7]), 0.3),
    )
    half = np.array([[0.0, 0, 4, 4], [0, 0, 4, 2], [0, 0, 2, 2]])
    yield Case(
        "an overlap of exactly the threshold", (half, np.array([0.3, 0.2, 0.1]), 0.5)
    )  # fmt: skip
    yield Case("no box at all", (np.zeros((0, 4)), np.zeros(0), 0.5))
    middles = rng.random((30, 2)) * 20 + 5
    boxes = np.concatenate([middles - 4 - rng.random((30, 2)), middles + 4], axis=1)
    scores = rng.permutation(30) / 30
    yield Case("thirty boxes in a crowd", (boxes, scores, 0.4))


def _suppress(
    boxes, scores, threshold, equal_goes=False, removed_count=False, order=None
) -> np.ndarray:
    """Non-maximum suppression, also with usual mistakes."""
    shares = _iou(boxes, boxes)
    too_near = shares >= threshold if equal_goes else shares > threshold
    kept, gone = [], []
    for n in np.argsort(-np.asarray(scores), kind="stable") if order is None else order:
        rivals = kept + gone if removed_count else kept
        (gone if too_near[n, rivals].any() else kept).append(n)
    return np.array(kept, dtype=int)


def _as_mask(boxes, scores, threshold) -> np.ndarray:
    mask = np.zeros(len(boxes), dtype=bool)
    mask[_suppress(boxes, scores, threshold)] = True
    return mask


def _ranks(boxes, scores, threshold) -> np.ndarray:
    best_first = np.argsort(-scores, kind="stable")
    return np.argsort(best_first)[_suppress(boxes, scores, threshold)]


nms = Question(
    name="nms",
    contract=(
        "boxes (N, 4) as x0, y0, x1, y1, scores (N,), threshold -> the positions of the boxes that "
        "are kept, best first. A box is dropped if its IoU with a better, kept box is larger than "
        "the threshold."
    ),
    cases=_crowds,
    reference=_suppress,
    diagnoses=(
        (
            lambda boxes, scores, threshold: _suppress(
                boxes, scores, threshold, order=np.argsort(scores)
            ),
            "the worst box came first. Begin with the highest score.",
        ),
        (
            lambda boxes, scores, threshold: _suppress(
                boxes, scores, threshold, order=range(len(boxes))
            ),
            "the boxes were taken in the order in which they came; sort them by score first.",
        ),
        (
            lambda boxes, scores, threshold: _suppress(
                boxes, scores, threshold, removed_count=True
            ),
            "a box that was dropped itself still suppressed another one. Only kept boxes do.",
        ),
        (
            lambda boxes, scores, threshold: _suppress(boxes, scores, threshold, equal_goes=True),
            "an overlap equal to the threshold is still allowed; drop what is larger.",
        ),
        (
            lambda boxes, scores, threshold: np.sort(_suppress(boxes, scores, threshold)),
            "these are the right boxes, but the best one has to come first.",
        ),
        (
            lambda boxes, scores, threshold: boxes[_suppress(boxes, scores, threshold)],
            "these are the boxes themselves; return their positions in the input.",
        ),
        (_as_mask, "that is a mask; return the positions of the kept boxes, best first."),
        (
            _ranks,
            "these are positions in the sorted list; return positions in the input.",
        ),
        (
            lambda boxes, scores, threshold: np.argsort(-scores, kind="stable")[:1],
            "only the best box of all was kept; others that overlap it little stay, too.",
        ),
    ),
    hints=(
        "Sort by score, best first. The first one is kept for certain. Which ones can it rule out?",
        "Keep the best, strike out everything that overlaps it by more than the threshold, go on "
        "with the best of what is left. What has been struck out never strikes out anything.",
        "order = np.argsort(-scores); while len(order): best, order = order[0], order[1:]; keep "
        "best; order = order[box_iou(boxes[best : best + 1], boxes[order])[0] <= threshold].",
    ),
)

QUESTIONS = (box_iou, nms)
