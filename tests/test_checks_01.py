"""The exercises of section 01: right answers pass however they are written, usual mistakes fail."""

import numpy as np
import pytest
import torch
from notebook_code import assert_helps, assert_named, assert_right, from_notebook

from cv_course import faces, renderer
from cv_course.checks import QUESTIONS
from cv_course.explore.perception import both_senses, right_answers

NOTEBOOK = "01_why_visual_perception"


def combine_in_turn(estimates, sds):
    """Two at a time, as a Kalman filter does."""
    mean, variance = estimates[0], sds[0] ** 2
    for estimate, sd in zip(estimates[1:], sds[1:], strict=True):
        gain = variance / (variance + sd**2)
        mean, variance = mean + gain * (estimate - mean), (1 - gain) * variance
    return mean, variance**0.5


def combine_in_torch(estimates, sds):
    A = torch.ones(len(sds), 1, dtype=torch.float64) / torch.as_tensor(sds)[:, None]
    b = (torch.as_tensor(estimates) / torch.as_tensor(sds))[:, None]
    solution = torch.linalg.lstsq(A, b).solution[0, 0]
    return torch.stack([solution, torch.linalg.inv(A.T @ A).sqrt()[0, 0]])


def weighted(estimates, sds, weights):
    weights = weights / weights.sum()
    return [weights @ estimates, np.sqrt(weights**2 @ sds**2)]


def blob_in_loops(x, y, size, brightness, side):
    return [
        [
            brightness * 2.718281828459045 ** (-((c - x) ** 2 + (r - y) ** 2) / (2 * size**2))
            for c in range(side)
        ]
        for r in range(side)
    ]


def blob_of_the_package(x, y, size, brightness, side):
    return renderer.render(torch.tensor([[x, y, size, brightness]], dtype=torch.float64), side)


def bell(d, size):
    return np.exp(-d / (2 * size**2))


def distances(x, y, side, power=2):
    rows, columns = np.mgrid[:side, :side]
    return np.hypot(rows - y, columns - x) ** power


def flip_in_loops(image, boxes):
    out = [[pixel for pixel in row] for row in image]
    for top, bottom, left, right in boxes:
        for row in range(top, bottom):
            for column in range(left, right):
                out[row][column] = image[top + bottom - 1 - row][column]
    return out


def flip_of_the_package(image, boxes):
    channels_first = torch.as_tensor(np.atleast_3d(image)).permute(2, 0, 1)
    flipped = faces.flip_parts(channels_first, boxes).permute(1, 2, 0).numpy()
    return flipped if image.ndim == 3 else flipped[..., 0]


def with_part(image, boxes, change):
    out = image.copy()
    for top, bottom, left, right in boxes:
        out[top:bottom, left:right] = change(image[top:bottom, left:right])
    return out


def one_too_many(image, boxes):
    out = image.copy()
    for top, bottom, left, right in boxes:
        out[top : bottom + 1, left : right + 1] = np.flipud(
            image[top : bottom + 1, left : right + 1]
        )
    return out


def returned_too_early(image, boxes):
    out = image.copy()
    for top, bottom, left, right in boxes:
        out[top:bottom, left:right] = np.flipud(image[top:bottom, left:right])
        return out


def slice_renamed(image, boxes):
    out = image.copy()
    for top, bottom, left, right in boxes:
        part = out[top:bottom, left:right]
        part = part[::-1]
    return out


def columns_first(image, boxes):
    out = image.copy()
    for top, bottom, left, right in boxes:
        out[left:right, top:bottom] = image[left:right, top:bottom][::-1]
    return out


RIGHT = {
    "combine": [combine_in_turn, combine_in_torch],
    "blob": [blob_in_loops, blob_of_the_package],
    "flip_boxes": [flip_in_loops, flip_of_the_package],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    assert_right(name, answers[way])


WRONG = [
    ("combine", lambda e, s: weighted(e, s, np.ones_like(s)), "got the same weight"),
    ("combine", lambda e, s: weighted(e, s, 1 / s), "the weights are 1/sd;"),
    (
        "combine",
        lambda e, s: (weighted(e, s, 1 / s)[0], np.sum(s**-2.0) ** -0.5),
        "your error belongs to",
    ),
    ("combine", lambda e, s: weighted(e, s, s**2), "upside down"),
    ("combine", lambda e, s: (combine_in_turn(e, s)[0], 1 / np.sum(1 / s**2)), "Take the root"),
    ("combine", lambda e, s: (combine_in_turn(e, s)[0], s.mean()), "not the mean of the errors"),
    (
        "combine",
        lambda e, s: (combine_in_turn(e, s)[0], np.sum(s**-2.0)),
        "the inverse of its variance",
    ),
    ("combine", lambda e, s: (sum(e / s**2), np.sum(s**-2.0) ** -0.5), "do not add up to 1"),
    ("combine", lambda e, s: combine_in_turn(e, s)[0], "is asked for, too"),
    ("blob", lambda x, y, s, b, n: np.transpose(blob_in_loops(x, y, s, b, n)), "are exchanged"),
    ("blob", lambda x, y, s, b, n: b * np.exp(-distances(x, y, n) / s**2), "the 2 in the exponent"),
    ("blob", lambda x, y, s, b, n: b * np.exp(-distances(x, y, n) / (2 * s)), "size is not sq"),
    ("blob", lambda x, y, s, b, n: b * bell(distances(x, y, n, 1), s), "the distance is not"),
    ("blob", lambda x, y, s, b, n: bell(distances(x, y, n), s), "the brightness is missing"),
    (
        "blob",
        lambda x, y, s, b, n: b * bell(distances(x, y, n), s) / (2 * np.pi * s * s),
        "the density of a normal distribution",
    ),
    ("blob", lambda x, y, s, b, n: np.flipud(blob_in_loops(x, y, s, b, n)), "counted upwards"),
    ("blob", lambda x, y, s, b, n: b * bell(distances(x - 1, y - 1, n), s), "counted from 1"),
    (
        "flip_boxes",
        lambda image, boxes: with_part(image, boxes, lambda p: np.rot90(p, 2)),
        "turned by 180 degrees",
    ),
    ("flip_boxes", lambda image, boxes: with_part(image, boxes, np.fliplr), "left and right were"),
    ("flip_boxes", returned_too_early, "only the first box"),
    ("flip_boxes", one_too_many, "a row and a column too many"),
    ("flip_boxes", lambda image, boxes: np.flipud(image), "the whole picture"),
    ("flip_boxes", slice_renamed, "nothing has changed"),
    ("flip_boxes", columns_first, "rows and columns are exchanged"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


def test_every_diagnosis_has_its_wrong_answer():
    for name in RIGHT:
        expected = [sentence for question, _, sentence in WRONG if question == name]
        for _, sentence in QUESTIONS[name].diagnoses:
            assert sum(part in sentence for part in expected) == 1, sentence


def test_flipping_in_place_is_noticed():
    def in_place(image, boxes):
        for top, bottom, left, right in boxes:
            image[top:bottom, left:right] = image[top:bottom, left:right][::-1].copy()
        return image

    assert_named("flip_boxes", in_place, "changed in place")


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)


def test_the_notebooks_senses_are_the_packages():
    shown, share = from_notebook(NOTEBOOK, "both_senses", "share_right")
    for d1, d2, shared in ((1, 1, 0), (1, 0.4, 0.9), (2, 0.5, -0.6), (0.3, 3, 0.2)):
        assert shown(d1, d2, shared) == pytest.approx(both_senses(d1, d2, shared))
        assert share(d1) == pytest.approx(right_answers(d1), abs=1e-6)


def test_both_senses_is_the_best_of_all_weights():
    """Against a search: no weighted sum of two correlated reports is better, and one is as good."""
    angles = np.linspace(0, np.pi, 20_001)
    weights = np.stack([np.cos(angles), np.sin(angles)])
    for d1, d2, shared in ((1, 1, 0), (1, 1, 0.5), (1, 0.4, 0.9), (2, 0.5, -0.6)):
        errors = np.array([[1, shared], [shared, 1]])
        found = np.abs([d1, d2] @ weights) / np.sqrt(((errors @ weights) * weights).sum(0))
        assert both_senses(d1, d2, shared) == pytest.approx(found.max(), rel=1e-6)


def test_the_notebooks_blob_is_the_packages():
    (blob,) = from_notebook(NOTEBOOK, "blob")
    row = [5.5, 2.0, 1.7, 0.4]
    ours = renderer.render(torch.tensor([row], dtype=torch.float64), 12)
    np.testing.assert_allclose(blob(*row, 12), ours, atol=1e-12)
