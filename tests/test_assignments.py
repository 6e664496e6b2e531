"""The assignments: right answers get all points, usual mistakes lose some and hear why."""

import tomllib
import warnings
from dataclasses import replace
from pathlib import Path

import assignment_answers
import assignment_answers_34
import numpy as np
import pytest
import torch
from assignment_answers import RIGHT, conv_slowly
from assignment_marks import completed, graded, marked

from cv_course import assignments, grading
from cv_course.assignments import hidden, registry
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.drill import edited, examine
from cv_course.grading import practice
from cv_course.networks.lenet import lenet
from cv_course.sections.s05_convolution import drills as s05
from cv_course.sections.s05_convolution.counts import hidden_parameters
from cv_course.sections.s06_heads import model as s06

QUESTIONS = completed()
RIGHT = RIGHT | assignment_answers_34.RIGHT
WRITTEN = {**vars(assignment_answers), **vars(assignment_answers_34)}
WRONG = tomllib.loads(Path(__file__).with_name("wrong_answers.toml").read_text(encoding="utf-8"))
# how many rows of a question run at each push, with the first seed; weekly all do, with all seeds
SLOW = {"vgg": 0, "alexnet": 0, "small_network": 1, "fit_classifier": 1, "fit_multi_head": 0}
ONE_SEED = {*SLOW, "train_linear_classifier", "projection", "separate"}
each_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=lambda one: one.name)
compared = [one for one in QUESTIONS.values() if not one.judge]


# --- answers -------------------------------------------------------------------------------------


def each(table):
    return [
        pytest.param(
            *(QUESTIONS[name], one, seed),
            id=f"{name}-{number}-{seed}",
            marks=[pytest.mark.slow] * (seed > 1 or number >= SLOW.get(name, 1000)),
        )
        for name, rows in table.items()
        for number, one in enumerate(rows)
        for seed in ((1,) if name in ONE_SEED else (1, 2, 3))
    ]


@pytest.mark.parametrize("question", compared, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(3))
def test_the_reference_gets_full_marks(question, seed):
    assert marked(question, question.reference, seed) == (1, "")


@pytest.mark.parametrize(("question", "answer", "seed"), each(RIGHT))
def test_right_answers_get_full_marks_however_they_are_written(question, answer, seed):
    assert marked(question, answer, seed) == (1, "")


@pytest.mark.parametrize(("question", "row", "seed"), each(WRONG))
def test_usual_mistakes_lose_points_and_are_named(question, row, seed):
    """Grader and instant check; an edit is made anew for each: it may keep what it was given."""
    base, *edits, said = row
    share, messages, ids = graded(question, edited(WRITTEN[base], *edits), seed)
    assert share < 1
    if said.startswith("?"):
        assert said[1:] in messages
        assert not ids
        assert "Look here: " not in messages, "take the question mark away"
    else:
        assert said in (messages if " " in said else ids), (messages, ids)
    if not question.judge:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wrong = edited(WRITTEN[base], *edits)
            verdict = examine(assignments.QUESTIONS[question.name], wrong, known=registry.practice)
        assert verdict.status in ("wrong", "error", "missing"), verdict


@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=lambda one: one.name)
def test_ninety_five_of_a_hundred_usual_mistakes_are_named(assignment):
    said = [row[-1] for question in assignment.questions for row in WRONG[question.name]]
    assert sum(one[0] != "?" for one in said) >= 0.95 * len(said)


@each_question
def test_there_are_enough_answers(question):
    assert len(RIGHT[question.name]) >= 3
    assert len(WRONG[question.name]) >= 6


# --- what the workbook's sections give away ------------------------------------------------------


def count_by_section_05(kind, C, maps, kernel, H, W, groups=1, bias=True):
    kinds = {"fully_connected": "dense", "locally_connected": "local", "conv": "convolution"}
    return hidden_parameters((C, H, W), kernel[0], maps)[kinds[kind]]


def trace_by_section_05(layers, channels, height, width):
    shapes = []
    for one in layers:
        how = [one[name] for name in ("kernel", "stride", "padding")]
        height, width = (s05.output_size(side, *how) for side in (height, width))
        channels = one.get("out_channels", channels)
        shapes.append((channels, height, width))
    return shapes


LEAKS = {
    "count_parameters": count_by_section_05,
    "trace": trace_by_section_05,
    "generalised_iou": lambda a, b: s06.box_iou(torch.tensor(a), torch.tensor(b)),
    "lenet": lambda variant: lenet(),
    "local_response_norm": lambda a, k, n, alpha, beta: torch.nn.LocalResponseNorm(
        5, alpha=5e-4, beta=0.75, k=2
    )(torch.tensor(a)),
}


@pytest.mark.parametrize("name", LEAKS)
def test_what_a_section_shows_scores_nothing_when_it_is_pasted_in(name):
    assert marked(QUESTIONS[name], LEAKS[name])[0] == 0


# --- questions and cases -------------------------------------------------------------------------


@each_question
def test_the_same_seed_draws_the_same_and_another_seed_others(question):
    def drawn(seed):
        cases = question.cases(np.random.default_rng(seed))
        return np.concatenate([registry.fingerprint(case.arguments) for case in cases])

    assert np.array_equal(drawn(5), drawn(5))
    if question.name != "count_parameters":
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


@pytest.fixture(params=[False, True])
def full(request, monkeypatch):
    """Whether the full Fashion-MNIST is on this computer."""
    if request.param and not hidden.full_folder():
        pytest.skip("the full Fashion-MNIST is not on this computer")
    monkeypatch.setattr(hidden, "full_folder", lambda: request.param)
    return request.param


def test_hidden_images_are_not_among_those_to_learn_from(full):
    learnt, asked = hidden.fashion(np.random.default_rng(3), 8_000, 2_000)
    assert bool(hidden.note()) != full
    seen = {image.tobytes() for image in learnt.images}
    assert len(seen) > 7_990
    assert not seen & {image.tobytes() for image in asked.images}


def test_without_the_full_set_the_pictures_are_not_those_that_everybody_has(monkeypatch):
    monkeypatch.setattr(hidden, "full_folder", lambda: False)
    known = {image.tobytes() for image in hidden._read(False)["train"][0]}
    drawn = [hidden.fashion(np.random.default_rng(seed), 9, 9)[0].images for seed in range(20)]
    assert sum(any(one.tobytes() in known for one in images) for images in drawn) <= 4


def test_the_classifier_is_asked_the_same_of_either_set(full):
    question = QUESTIONS["train_linear_classifier"]
    assert marked(question, assignment_answers.train_by_descent, 4) == (1, "")


def test_a_right_but_slow_convolution_hears_of_its_time():
    question = QUESTIONS["conv2d"]
    assert marked(question, conv_slowly) == (1, "")
    verdict = examine(replace(question, cpu_seconds=0.1), conv_slowly)  # computers differ
    assert verdict.status == "wrong"
    assert "in time" in verdict.messages[0]
    assert "s of computing; the most is 0.1 s" in verdict.messages[1]


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


@pytest.mark.parametrize("whole", compared, ids=lambda one: one.name)
def test_the_instant_check_needs_no_reference(whole):
    question = assignments.QUESTIONS[whole.name]
    assert question.reference is None
    assert not question.diagnoses
    verdict = examine(question, whole.reference, known=registry.practice)
    assert verdict.status == "correct", verdict


def templates(W, image_shape):
    """Wrong: the pictures are read across the classes."""
    return W.reshape(-1, *image_shape).copy()


def test_check_draws_on_what_is_stored(capsys, monkeypatch):
    monkeypatch.setattr(assignments._book, "passed", {})
    assignments.check(templates)
    assert "Look here: W was reshaped without being transposed" in " ".join(
        capsys.readouterr().out.split()
    )
    assert not assignments.passed(templates)
    assert "once check(templates) says that it is right" in capsys.readouterr().out

    assignments.check(QUESTIONS["templates"].reference)
    assert capsys.readouterr().out.startswith("✓ templates is right")
    assert assignments.passed(templates)


def test_answers_stored_for_other_inputs_are_refused(capsys, monkeypatch):
    monkeypatch.setattr(registry, "fingerprint", lambda _: np.zeros(3))
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
    assert [one.points for one in ASSIGNMENTS.values()] == [50, 40, 46, 64]
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
    with pytest.raises(AssertionError, match="Look here: W was reshaped"):
        grading.demand("A1", templates)
    grading.demand("A1", QUESTIONS["templates"].reference)
