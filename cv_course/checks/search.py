"""The exercises of section 03."""

import numpy as np

from cv_course.drill import Case, Question


def _pairs_of_vectors(rng: np.random.Generator):
    yield Case(
        "one query and two images of 2 pixels",
        (np.array([[3.0, 4.0]]), np.array([[6.0, 8.0], [4.0, -3.0]])),
    )
    yield Case("three queries and five images", (rng.normal(size=(3, 4)), rng.normal(size=(5, 4))))
    black = rng.normal(size=(4, 3))
    black[1] = 0
    yield Case("an image that is black all over (a zero vector)", (black[:2] + 1, black))
    pixels = rng.integers(0, 256, (2, 6, 30), dtype=np.uint8)
    yield Case("images of bytes, 0 to 255", (pixels[0, :2], pixels[1]))


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def _lengths(rows: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rows, axis=1)


cosine_distances = Question(
    name="cosine_distances",
    contract=(
        "Q (M, D) and X (N, D) -> (M, N): 1 minus the cosine of the angle between each query "
        "and each image; 1 where one of the two is a zero vector."
    ),
    cases=_pairs_of_vectors,
    reference=lambda Q, X: 1 - _unit(Q) @ _unit(X).T,
    diagnoses=(
        (
            lambda Q, X: _unit(Q) @ _unit(X).T,
            "that is the cosine itself, a similarity: large for near. Distance is 1 minus it.",
        ),
        (
            lambda Q, X: 1 - Q.astype(float) @ X.T,
            "the inner product has not been divided by the lengths of the two vectors.",
        ),
        (
            lambda Q, X: 1 - Q.astype(float) @ _unit(X).T,
            "the images have length 1, the queries have not. Divide both by their lengths.",
        ),
        (
            lambda Q, X: 1 - _unit(Q) @ X.astype(float).T,
            "the queries have length 1, the images have not. Divide both by their lengths.",
        ),
        (
            lambda Q, X: 1 - _unit(X) @ _unit(Q).T,
            "the matrix is transposed: one row a query, one column an image.",
        ),
        (
            lambda Q, X: 1 - (Q @ X.T) / np.outer(_lengths(Q), _lengths(X)),
            "0/0: a zero vector has no direction; the contract says distance 1 for it. "
            "(Bytes are another trap: their products wrap around at 256; make floats first.)",
        ),
        (
            lambda Q, X: 1 - Q.astype(float) @ X.T / (np.linalg.norm(Q) * np.linalg.norm(X)),
            "np.linalg.norm without axis=1 is the length of the whole matrix; each row has "
            "its own.",
        ),
        (
            lambda Q, X: 1 - Q.astype(float) @ X.T / np.outer(_lengths(Q), _lengths(X)) ** 2,
            "you divided by the squared lengths; a root is missing.",
        ),
    ),
    hints=(
        "The cosine is the inner product of two vectors whose length is 1.",
        "Make floats first, divide every row by its own length (np.linalg.norm has axis and "
        "keepdims), then one matrix product gives all the cosines.",
        "lengths = np.linalg.norm(Q, axis=1, keepdims=True); Q / np.where(lengths > 0, "
        "lengths, 1) keeps a zero vector zero, so that its cosine is 0 and its distance 1.",
    ),
)


def _pictures_to_shift(rng: np.random.Generator):
    yield Case(
        "a 2 x 4 query and one image, reach 1",
        (np.array([[3.0, 3, 4, 2], [4, 0, 3, 2]]), np.array([[[0.0, 3, 2, 0], [1, 5, 0, 5]]]), 1),
    )
    yield Case(
        "three images of 4 x 7, reach 0: no shift at all",
        (rng.normal(size=(4, 7)), rng.normal(size=(3, 4, 7)), 0),
    )
    yield Case(
        "five images of 6 x 5, reach 2", (rng.normal(size=(6, 5)), rng.normal(size=(5, 6, 5)), 2)
    )
    dots = np.zeros((2, 7, 7))
    dots[0, 3, 3] = dots[1, 4, 2] = 9
    yield Case("a dot that moved down and to the left", (dots[0], dots[1:], 1))
    pixels = rng.integers(0, 256, (4, 5, 5), dtype=np.uint8)
    yield Case("images of bytes, reach 1", (pixels[0], pixels[1:], 1))


def _shifted_distances(q, X, down, right, bring_in=np.pad) -> np.ndarray:
    """(shifts, N) distances of X from the query moved by every pair of ``down`` and ``right``."""
    height, width = q.shape
    reach = max(map(abs, (*down, *right)))
    around = bring_in(np.asarray(q, dtype=float), reach)
    moved = [
        around[reach - dy : reach - dy + height, reach - dx : reach - dx + width]
        for dy in down
        for dx in right
    ]
    return np.stack([np.sqrt(((X - picture) ** 2).sum(axis=(1, 2))) for picture in moved])


def _span(reach: int) -> range:
    return range(-reach, reach + 1)


def _all_shifts(q, X, reach: int) -> np.ndarray:
    return _shifted_distances(q, X, _span(reach), _span(reach))


def _wrapped_around(q, X, reach):
    def wrap(picture, reach):
        return np.pad(picture, reach, mode="wrap")

    return _shifted_distances(q, X, _span(reach), _span(reach), wrap).min(axis=0)


shift_tolerant_distance = Question(
    name="shift_tolerant_distance",
    contract=(
        "q (H, W), X (N, H, W), reach (a whole number) -> (N,): the smallest Euclidean "
        "distance of each image from the query, over all shifts of the query by -reach…reach "
        "whole pixels down and across; what comes in at the border is 0."
    ),
    cases=_pictures_to_shift,
    reference=lambda q, X, reach: _all_shifts(q, X, reach).min(axis=0),
    diagnoses=(
        (
            lambda q, X, reach: _shifted_distances(q, X, [0], [0])[0],
            "that is the distance without any shift.",
        ),
        (
            _wrapped_around,
            "what leaves the picture on one side comes in again on the other (np.roll does "
            "that). Zeros must come in.",
        ),
        (
            lambda q, X, reach: np.min(
                [_shifted_distances(q, X, [by], [by])[0] for by in _span(reach)], axis=0
            ),
            "only diagonal shifts were tried (the same number down and across). You need a "
            "loop inside a loop.",
        ),
        (
            lambda q, X, reach: _shifted_distances(q, X, [0], _span(reach)).min(axis=0),
            "only shifts across were tried, none down or up.",
        ),
        (
            lambda q, X, reach: _shifted_distances(q, X, _span(reach), [0]).min(axis=0),
            "only shifts down and up were tried, none across.",
        ),
        (
            lambda q, X, reach: _shifted_distances(q, X, range(reach + 1), range(reach + 1)).min(
                axis=0
            ),
            "only shifts to the right and down were tried; a range that begins at -reach is "
            "needed.",
        ),
        (
            lambda q, X, reach: _shifted_distances(
                q, X, range(-reach, reach), range(-reach, reach)
            ).min(axis=0),
            "range(-reach, reach) ends at reach - 1; the last shift is missing.",
        ),
        (
            lambda q, X, reach: _all_shifts(q, X, reach).min(axis=0) ** 2,
            "these are squared distances; take the root.",
        ),
        (
            lambda q, X, reach: _all_shifts(q, X, reach).mean(axis=0),
            "that is the mean over the shifts; the best shift alone counts, so take the smallest.",
        ),
        (
            lambda q, X, reach: np.min(
                [np.sqrt(((X - picture) ** 2).sum(axis=(1, 2))) for picture in _windows(q, reach)],
                axis=0,
            ),
            "bytes wrap around: 3 - 5 is 254 in uint8. Make floats before you subtract.",
        ),
    ),
    hints=(
        "Two loops, one over the shifts down, one over the shifts across; keep the smallest "
        "distance seen so far for each image (np.minimum).",
        "np.pad(q, reach) puts a border of zeros around the query. Every shift of the query is "
        "a window of that padded picture.",
        "For dy and dx from 0 to 2 * reach: window = padded[dy : dy + H, dx : dx + W], then "
        "the root of ((X - window) ** 2).sum(axis=(1, 2)).",
    ),
)


def _windows(q: np.ndarray, reach: int) -> list[np.ndarray]:
    """The shifted queries in the type that they came in."""
    (height, width), around = q.shape, np.pad(q, reach)
    starts = range(2 * reach + 1)
    return [around[dy : dy + height, dx : dx + width] for dy in starts for dx in starts]


QUESTIONS = (
    cosine_distances,
    shift_tolerant_distance,
)
