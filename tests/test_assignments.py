"""The assignments: right answers get all points, usual mistakes lose some and hear why."""

import tomllib
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from assignment_answers import ANSWERS, conv_slowly, question_of
from assignment_marks import completed, graded, marked

from cv_course import assignments, grading
from cv_course.assignments import hidden, registry
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.drill import edited, examine
from cv_course.grading import practice
from cv_course.sections.s05_convolution.counts import hidden_parameters

QUESTIONS = completed()
WRONG = [
    (name, *row)
    for name, rows in tomllib.loads(
        Path(__file__).with_name("wrong_answers.toml").read_text(encoding="utf-8")
    ).items()
    for row in rows
]
each_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=lambda one: one.name)
compared = [one for one in QUESTIONS.values() if not one.judge]


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", compared, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(3))
def test_the_reference_gets_full_marks(question, seed):
    assert marked(question, question.reference, seed) == (1, "")


@pytest.mark.parametrize("name", ANSWERS)
def test_right_answers_get_full_marks_however_they_are_written(name):
    question = QUESTIONS[question_of(name)]
    for seed in (1,) if question.judge else (1, 2, 3):
        assert marked(question, ANSWERS[name], seed) == (1, "")


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{n}-{'-'.join(row[:2])}") for n, row in enumerate(WRONG)]
)
def test_usual_mistakes_lose_points_and_are_named(row):
    """Grader and instant check; an edit is made anew for each: it may keep what it was given."""
    name, said, *edits = row
    question = QUESTIONS[question_of(name)]
    for seed in (1,) if question.judge else (1, 2, 3):
        share, messages, ids = graded(question, edited(ANSWERS[name], *edits), seed)
        assert share < 1
        look = [line for line in messages.splitlines() if line.startswith("Look here: ")]
        if said.startswith("?"):
            assert said[1:] in messages
            assert not ids + look, "take the question mark away"
        else:
            assert said in ids or any(said in line for line in look), messages
    if not question.judge:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wrong = edited(ANSWERS[name], *edits)
            verdict = examine(bare(question.name), wrong, known=registry.practice)
        assert verdict.status in ("wrong", "error", "missing"), verdict


def test_ninety_five_of_a_hundred_usual_mistakes_are_named():
    assert sum(said[0] != "?" for _, said, *_ in WRONG) >= 0.95 * len(WRONG)


def test_there_are_enough_answers():
    mine = {one.name for name in ("A1", "A2") for one in ASSIGNMENTS[name].questions}
    right = Counter(map(question_of, ANSWERS))
    wrong = Counter(question_of(name) for name, *_ in WRONG)
    assert right.keys() == wrong.keys() == mine
    assert min(right.values()) >= 3
    assert min(wrong.values()) >= 6


def test_what_section_05_counts_earns_nothing_here():
    kinds = {"fully_connected": "dense", "locally_connected": "local", "conv": "convolution"}

    def count_parameters(kind, C, maps, kernel, H, W, groups=1, bias=True):
        return hidden_parameters((C, H, W), kernel[0], maps)[kinds[kind]]

    assert marked(QUESTIONS["count_parameters"], count_parameters)[0] == 0


@each_question
def test_the_same_seed_draws_the_same_and_another_seed_others(question):
    def drawn(seed):
        cases = question.cases(np.random.default_rng(seed))
        return np.concatenate([registry.fingerprint(case.arguments) for case in cases])

    assert np.array_equal(drawn(5), drawn(5))
    if question.name not in ("count_parameters",):
        assert not np.array_equal(drawn(5), drawn(6))


def stub(*_):
    raise NotImplementedError


@each_question
@pytest.mark.parametrize("begun", [stub, lambda *_: None, lambda *_: ...])
def test_what_is_not_begun_is_missing_and_has_three_hints(question, begun):
    assert examine(question, begun).status == "missing"
    assert len(question.hints) == 3
    assert question.points > 0


@each_question
def test_a_group_of_cases_is_named(question):
    groups = {case.group for case in question.cases(np.random.default_rng(0))}
    assert all(groups)
    assert len(groups) >= 2


@pytest.mark.parametrize("question", compared, ids=lambda one: one.name)
def test_every_diagnosis_explains_something(question):
    """Each usual mistake differs from the right answer, and the sentence given is its own."""
    for mistake, sentence, *identity in question.diagnoses:
        share, messages, ids = graded(question, mistake)
        assert share < 1, sentence
        assert sentence in messages
        assert not identity or identity[0] in ids


# --- the classifier ------------------------------------------------------------------------------


def test_hidden_images_are_not_among_those_to_learn_from():
    for full in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if not full:
                patch.setattr(hidden, "full_is_here", lambda: False)
            elif not hidden.full_is_here():
                continue
            learnt, asked = hidden.fashion(np.random.default_rng(3), 8_000, 2_000)
            assert bool(hidden.note()) != full
        seen = {image.tobytes() for image in learnt.images}
        assert len(seen) > 7_990
        assert not seen & {image.tobytes() for image in asked.images}


def test_without_the_full_set_the_pictures_are_not_those_that_everybody_has(monkeypatch):
    monkeypatch.setattr(hidden, "full_is_here", lambda: False)
    known = {image.tobytes() for image in hidden._read(False)["train"][0]}
    changed = [
        bool(
            known
            & {
                image.tobytes()
                for image in hidden.fashion(np.random.default_rng(s), 9, 9)[0].images
            }
        )
        for s in range(20)
    ]
    assert sum(changed) <= 4


@pytest.mark.parametrize("full", [False, True])
def test_the_classifier_is_asked_the_same_of_either_set(full, monkeypatch):
    if full and not hidden.full_is_here():
        pytest.skip("the full Fashion-MNIST is not on this computer")
    monkeypatch.setattr(hidden, "full_is_here", lambda: full)
    question = QUESTIONS["train_linear_classifier"]
    for seed in (4, 5):
        assert marked(question, ANSWERS["train_by_descent"], seed) == (1, "")


def test_a_right_but_slow_convolution_hears_of_its_time():
    question = QUESTIONS["conv2d"]
    assert marked(question, conv_slowly) == (1, "")
    verdict = examine(replace(question, cpu_seconds=0.1), conv_slowly)  # computers differ
    assert verdict.status == "wrong"
    assert "in time" in verdict.messages[0]
    assert "s of computing; the most is 0.1 s" in verdict.messages[1]


@pytest.mark.parametrize(
    "answer",
    [QUESTIONS["conv2d"].reference, *(one for n, one in ANSWERS.items() if n.startswith("conv"))],
)
def test_right_convolutions_stay_in_their_time(answer):
    verdict = examine(QUESTIONS["conv2d"], answer, seed=7)
    assert verdict.status == "correct", verdict


# --- the instant check ---------------------------------------------------------------------------


@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=lambda one: one.name)
def test_what_is_stored_for_students_is_fresh(assignment):
    fresh = practice.collect(assignment)
    with np.load(registry.practice_file(assignment), allow_pickle=False) as content:
        stored = dict(content)
    assert stored.keys() == fresh.keys(), "python -m cv_course.grading.practice"
    for key, array in fresh.items():
        if array.dtype.kind == "U":
            assert stored[key].tolist() == array.tolist(), key
        else:
            np.testing.assert_allclose(stored[key], array, rtol=1e-3, atol=1e-4, err_msg=key)


def bare(name):
    return next(one for each in ASSIGNMENTS.values() for one in each.questions if one.name == name)


@pytest.mark.parametrize("name", [one.name for one in compared])
def test_the_instant_check_needs_no_reference(name):
    question = bare(name)
    assert question.reference is None
    assert not question.diagnoses
    verdict = examine(question, QUESTIONS[name].reference, known=registry.practice)
    assert verdict.status == "correct", verdict


def test_check_draws_on_what_is_stored(capsys, monkeypatch):
    monkeypatch.setattr(assignments._book, "passed", {})

    def templates(W, image_shape):
        return W.reshape(-1, *image_shape).copy()

    assignments.check(templates)
    assert "Look here: W was reshaped without being transposed" in " ".join(
        capsys.readouterr().out.split()
    )
    assert not assignments.passed(templates)
    assert "once check(templates) says that it is right" in capsys.readouterr().out

    def templates(W, image_shape):
        return torch.tensor(W).T.reshape(-1, *image_shape)

    assignments.check(templates)
    assert capsys.readouterr().out.startswith("✓ templates is right")
    assert assignments.passed(templates)


def test_answers_stored_for_other_inputs_are_refused(capsys, monkeypatch):
    monkeypatch.setattr(registry, "fingerprint", lambda _: np.zeros(3))

    def templates(W, image_shape):
        return W

    assignments.check(templates)
    assert "templates cannot be checked here" in capsys.readouterr().out


def test_fingerprints_tell_inputs_apart_but_not_their_rounding():
    rows = np.random.default_rng(0).normal(size=(4, 3))
    given = (rows, "l1", 3, None, [{"kernel": 3}])
    for other in (
        (rows[::-1], *given[1:]),
        (rows.T, *given[1:]),
        (rows, "l2", *given[2:]),
        (rows, "l1", 4, *given[3:]),
        (*given[:4], [{"kernel": 4}]),
    ):
        one, another = registry.fingerprint(given), registry.fingerprint(other)
        assert one.shape != another.shape or not np.allclose(one, another, rtol=1e-6)
    near = registry.fingerprint((rows * (1 + 1e-15), *given[1:]))
    np.testing.assert_allclose(near, registry.fingerprint(given), rtol=1e-9)


# --- assignments as a whole ----------------------------------------------------------------------


def test_seconds_leave_room_for_what_questions_may_compute():
    assert [one.seconds for one in registry.ASSIGNMENTS.values()] == [180, 180, 180, 300]


def test_points_and_names():
    assert (ASSIGNMENTS["A1"].points, ASSIGNMENTS["A2"].points) == (50, 40)
    names = [one.name for each in ASSIGNMENTS.values() for one in each.questions]
    assert len(names) == len(set(names))
    assert set(names) <= assignments.QUESTIONS.keys()


A_NAME = ASSIGNMENTS["A1"].free_text[0][0]
MARK = f"**Your answer** (`{A_NAME}`):"


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        ([f"{MARK}\n\nYOUR ANSWER HERE"], ""),
        (["# Title", f"{MARK}\n\n왜냐하면 <b>x</b>\n"], "왜냐하면 <b>x</b>"),
        ([f"### your answer: {A_NAME}\nIt is."], "It is."),
        ([f"Your answer ({A_NAME})\nIt is."], "It is."),
        ([f"{MARK} Because it is fixed."], "Because it is fixed."),
        ([f"{MARK} Because.\n\nAnd more."], "Because.\n\nAnd more."),
        ([f"{MARK}\n\nYOUR ANSWER HERE", "Because."], "Because."),
        ([f"{MARK}\n\nPart one.", "Part two."], "Part one.\n\nPart two."),
        ([MARK.replace("_", "\\_") + "\n\nSo."], "So."),
        (["**Your answer:**\n\nSo."], "So."),
        ([f"<b>Your&nbsp;answer</b> (<code>{A_NAME}</code>):\nSo."], "So."),
        ([f"**Your\u00a0answer** (`{A_NAME}`):\u00a0\nSo."], "So."),
        ([MARK, (True, "# Because\n# it is.")], "Because\nit is."),
        ([MARK, (True, '"Because."')], "Because."),
        ([f"{MARK}\nSo.", "## Before you hand in\n\nRestart."], "So."),
        ([f"{MARK}\nSo.", (True, "x = 1"), "A note."], "So."),
        ([f"my guess: your answer {A_NAME}", "Your answer (`other`):\nx"], ""),
        (["Your answer is read by a person.", "x"], ""),
    ],
)
def test_written_answers_are_found_wherever_a_person_would_see_them(cells, answer):
    cells = [(False, one) if isinstance(one, str) else one for one in cells]
    assert ASSIGNMENTS["A1"].free_answers(cells) == {A_NAME: answer}


def test_demand_raises_what_is_wrong():
    def templates(W, image_shape):
        return W

    with pytest.raises(AssertionError, match="Expected shape"):
        grading.demand("A1", templates)

    def templates(W, image_shape):
        return ANSWERS["templates_in_numpy"](W, image_shape)

    grading.demand("A1", templates)
