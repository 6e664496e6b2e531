"""What ``check`` says of an answer, on made-up questions; the exercises have their own tests."""

import dataclasses
import time

import numpy as np
import pytest
import torch

from cv_course import checks
from cv_course.checks import Case, Question, core, examine


def cases(rng):
    yield Case("two rows", (np.array([[1.0, 2.0], [3.0, 5.0]]),))
    yield Case("many rows", (rng.normal(size=(20, 30)),))


ROW_SUMS = Question(
    name="row_sums",
    contract="x (N, D) -> (N,) sums.",
    cases=cases,
    reference=lambda x: x.sum(axis=1),
    diagnoses=(
        (lambda x: x.sum(axis=0), "these are the sums of the columns."),
        (lambda x: x.sum(axis=1) / np.zeros(len(x)), "you divided by zero."),
        (lambda x: x.mean(axis=1), "these are means."),
    ),
    hints=("first", "second", "last"),
)


def verdict(function, question=ROW_SUMS):
    found = examine(question, function)
    return found.status, str(found)


# --- right ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: x.sum(axis=1),
        lambda x: torch.tensor(x).sum(1),
        lambda x: torch.tensor(x, requires_grad=True).sum(1),
        lambda x: np.float32(x).sum(axis=1),
        lambda x: x.sum(axis=1) + 1e-6,
    ],
    ids=["numpy", "torch", "torch with gradient", "float32", "within tolerance"],
)
def test_right_answers_of_every_kind_are_correct(answer):
    assert verdict(answer) == ("correct", "✓ row_sums is right (2 cases tried).")


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_is_correct_and_remarked_once(kind):
    status, text = verdict(lambda x: kind(x.sum(axis=1)))
    assert status == "correct"
    assert text.count("A list came back; it was read as an array.") == 1


def test_only_the_call_itself_is_timed(monkeypatch):
    def busy(value=None):
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
        return value

    quick = dataclasses.replace(ROW_SUMS, cpu_seconds=0.05)
    monkeypatch.setattr(core.copy, "deepcopy", busy)  # and whatever else the check has to do
    assert verdict(lambda x: x.sum(axis=1), quick)[0] == "correct"
    monkeypatch.undo()
    status, text = verdict(lambda x: busy(x.sum(axis=1)), quick)
    assert status == "wrong"
    assert "took 0.1 s of computing; the most is 0.05 s" in text


def test_a_single_number_may_be_plain_or_an_array():
    total = Question("total", "", lambda rng: [Case("x", (rng.normal(size=5),))], lambda x: x.sum())
    for answer in (lambda x: float(x.sum()), lambda x: np.array(x.sum()), np.sum):
        assert verdict(answer, total) == ("correct", "✓ total is right (1 case tried).")
    status, text = verdict(lambda x: 0, total)
    assert status == "wrong"
    assert "got 0." in text


def test_tolerance_grows_with_the_expected_values():
    def scaled(factor):
        return Question("f", "", lambda _: [Case("x", (np.array([0, factor]),))], lambda x: x)

    assert verdict(lambda x: x + 0.5, scaled(1e3))[0] == "correct"
    assert verdict(lambda x: x + 0.5, scaled(1.0))[0] == "wrong"


def test_equal_seeds_ask_the_same():
    seen = []
    for _ in range(2):
        examine(ROW_SUMS, lambda x: (seen.append(x.copy()), x.sum(1))[1], seed=4)
    assert np.array_equal(seen[1], seen[3])
    examine(ROW_SUMS, lambda x: (seen.append(x.copy()), x.sum(1))[1], seed=5)
    assert not np.array_equal(seen[1], seen[5])


# --- not begun, broken ---------------------------------------------------------------------------


def not_implemented(x):
    raise NotImplementedError


@pytest.mark.parametrize("stub", [lambda x: None, lambda x: ..., not_implemented])
def test_a_stub_is_missing_not_wrong(stub):
    assert verdict(stub) == ("missing", "… row_sums is not done yet. x (N, D) -> (N,) sums.")


def test_an_exception_is_shown_with_the_students_line_and_the_input():
    def row_sums(x):
        y = np.ones(7)
        return x @ y

    status, text = verdict(row_sums)
    assert status == "error"
    assert "row_sums stopped with ValueError: matmul" in text
    assert f"in line {row_sums.__code__.co_firstlineno + 2}: return x @ y" in text
    assert "while it was given: two rows.\n    [[1., 2.],\n     [3., 5.]]" in text


def test_an_exception_inside_a_library_is_shown_with_the_students_line():
    def row_sums(x):
        return np.testing.assert_array_equal(x, 0)

    assert "return np.testing.assert_array_equal(x, 0)" in verdict(row_sums)[1]


def test_wrong_number_of_arguments_shows_no_line_of_ours():
    status, text = verdict(lambda x, y: x)
    assert status == "error"
    assert "missing 1 required positional argument: 'y'" in text
    assert "in line" not in text


def test_exit_does_not_end_the_notebook_but_an_interrupt_does():
    def leave(x):
        raise SystemExit("bye")

    def interrupt(x):
        raise KeyboardInterrupt

    assert verdict(leave)[0] == "error"
    with pytest.raises(KeyboardInterrupt):
        verdict(interrupt)


# --- wrong ---------------------------------------------------------------------------------------


def test_first_wrong_value_is_shown_with_place_share_and_small_input():
    def answer(x):
        sums = x.sum(axis=1)
        sums[1] += 2
        return sums

    status, text = verdict(answer)
    assert status == "wrong"
    assert text.startswith("✗ row_sums is not right yet. Tried: two rows.")
    assert "1 of 2 values differ, the first at [1]: expected 8, got 10." in text
    assert "The input was\n    [[1., 2.],\n     [3., 5.]]" in text


def test_a_large_input_is_not_printed():
    def answer(x):
        return x.sum(axis=1) if len(x) == 2 else np.zeros(len(x))

    status, text = verdict(answer)
    assert status == "wrong"
    assert "many rows" in text
    assert "The input was" not in text


def test_wrong_shape_is_said_before_values():
    status, text = verdict(lambda x: x.sum(axis=1, keepdims=True))
    assert status == "wrong"
    assert "Expected shape (2,), got (2, 1)." in text


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_wrong(bad):
    status, text = verdict(lambda x: x.sum(axis=1) * bad)
    assert status == "wrong"
    assert "holds NaN or infinity" in text


@pytest.mark.parametrize("answer", ["a string", {"a": 1}, [[1], [2, 3]], object(), [None, None]])
def test_what_holds_no_numbers_is_wrong_and_named(answer):
    status, text = verdict(lambda x: answer)
    assert status == "wrong"
    assert f"Expected numbers, got {type(answer).__name__}" in text


def test_an_input_changed_in_place_is_wrong_even_if_the_answer_is_right():
    def answer(x):
        sums = x.sum(axis=1)
        x -= x.mean()
        return sums

    status, text = verdict(answer)
    assert status == "wrong"
    assert "the input was changed in place" in text


def test_a_changed_input_does_not_change_what_is_expected():
    def answer(x):
        x *= 0
        return x.sum(axis=1)

    status, text = verdict(answer)
    assert status == "wrong"
    assert "expected 3, got 0" in text


def test_an_unchanged_input_with_nan_counts_as_unchanged():
    holes = Question("f", "", lambda _: [Case("x", (np.array([np.nan, 1.0]),))], lambda x: x[1:])
    assert verdict(lambda x: x[1:], holes)[0] == "correct"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda x: x.sum(axis=0), "these are the sums of the columns."),
        (lambda x: torch.tensor(x).mean(1), "these are means."),
        (lambda x: np.full(len(x), np.inf), "you divided by zero."),
    ],
)
def test_a_usual_mistake_is_named(mistake, sentence):
    assert f"Look here: {sentence}" in verdict(mistake)[1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_usual_mistake_is_named_also_where_it_gives_nan_in_places(bad):
    def gap(factor):
        return lambda x: np.array([bad, factor * x[1].sum()]) if len(x) == 2 else x.sum(axis=1)

    question = Question(**vars(ROW_SUMS) | {"diagnoses": [(gap(1), "a gap.")]})
    assert "Look here: a gap." in verdict(gap(1), question)[1]
    assert "Look here" not in verdict(gap(2), question)[1]


def test_an_unusual_mistake_is_not_given_a_wrong_name():
    assert "Look here" not in verdict(lambda x: x.sum(axis=1) + 1)[1]


# --- check and hint ------------------------------------------------------------------------------


@pytest.fixture
def row_sums(monkeypatch):
    monkeypatch.setattr(checks, "_all_questions", lambda: {"row_sums": ROW_SUMS, "bare": BARE})
    monkeypatch.setattr(checks, "_hints_given", {})

    def row_sums(x):
        return x.sum(axis=1)

    return row_sums


BARE = Question("bare", "x -> x.", lambda _: [], lambda x: x)


def test_check_prints_the_verdict(row_sums, capsys):
    checks.check(row_sums)
    assert capsys.readouterr().out == "✓ row_sums is right (2 cases tried).\n"


def test_hints_go_one_step_further_and_stop_at_the_last(row_sums, capsys):
    for _ in range(4):
        checks.hint(row_sums)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("Hint")] == [
        "Hint 1 of 3: first",
        "Hint 2 of 3: second",
        "Hint 3 of 3: last",
        "Hint 3 of 3: last",
    ]
    assert (
        lines[3] == "(That was the last hint; the worked solution is at the end of the notebook.)"
    )


def test_hint_of_a_question_without_hints_repeats_the_contract(row_sums, capsys):
    checks.hint("bare")
    assert capsys.readouterr().out == "bare has no hints. It is asked for: x -> x.\n"


@pytest.mark.parametrize("call", [checks.check, checks.hint])
@pytest.mark.parametrize("unknown", [lambda x: x, "column_sums", 3])
def test_an_unknown_function_gets_the_list_of_exercises(call, unknown, row_sums, capsys):
    call(unknown)
    out = capsys.readouterr().out
    assert "There is no exercise called" in out
    assert "the exercises are: row_sums, bare." in out
