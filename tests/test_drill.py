"""What ``check`` says of an answer, on made-up exercises; the sections have their own tests."""

import dataclasses
import io
import sys
import time

import made_up_section
import numpy as np
import pytest
import torch
from notebook_code import assert_mistakes

from cv_course import drill
from cv_course.assignments import question
from cv_course.drill import Book, Case, Question, Verdict, examine


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

    quick = question.Question(**vars(ROW_SUMS), cpu_seconds=0.05)
    monkeypatch.setattr(drill.copy, "deepcopy", busy)  # and whatever else the check has to do
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


def test_an_input_that_is_no_array_any_more_counts_as_changed():
    sizes = Question("f", "", lambda _: [Case("sizes", ([1, 2],))], lambda x: 3)
    status, text = verdict(lambda x: x.append([3]) or 3, sizes)
    assert status == "wrong"
    assert "the input was changed in place" in text


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


def test_a_mistake_that_would_have_shown_before_is_not_named():
    """Right sums of small numbers: whoever leaves out the first number is not meant."""

    def answer(x):
        return x.sum(axis=1) if len(x) == 2 else x[:, 1:].sum(axis=1)

    usual = [(lambda x: x[:, 1:].sum(axis=1), "The first number is missing.", "first")]
    question = Question(**vars(ROW_SUMS) | {"diagnoses": usual})
    assert examine(question, usual[0][0]).mistake == "first"
    assert examine(question, answer).mistake == ""


def test_two_different_numbers_never_look_the_same():
    """Whole numbers in full, others with the digits that tell them apart."""

    def told(right, got):
        only = Question("f", "", lambda _: [Case("x", ())], lambda: right, rtol=0, atol=0)
        return verdict(lambda: got, only)[1]

    assert "Expected 119,566,010, got 119,566,000." in told(119_566_010, 119_566_000)
    assert "Expected 0.1234567, got 0.1234568." in told(0.1234567, 0.1234568)
    assert "Expected 2.5, got 1e+20." in told(2.5, 1e20)


def test_a_function_that_prints_is_told_to_return():
    def row_sums(x):
        print(x.sum(axis=1))

    found = examine(ROW_SUMS, row_sums)
    assert (found.status, found.mistake) == ("missing", "printed")
    assert "Replace print(…) by return …" in str(found)


# --- check, hint and reveal ----------------------------------------------------------------------


def row_sums(x):
    return x.sum(axis=1)


@pytest.fixture
def book():
    return Book(lambda: drill.read("made_up_section"))


@pytest.fixture
def said(capsys):
    """Calls, and gives what is printed, without line breaks."""

    def call(function, *given, **named):
        function(*given, **named)
        return " ".join(capsys.readouterr().out.split())

    return call


def test_the_sections_own_functions_check(said):
    assert said(made_up_section.check, row_sums) == "✓ row_sums is right (2 cases tried)."


def test_every_table_of_mistakes_holds():
    assert_mistakes("made_up_section")


def test_a_mistake_has_an_id_and_its_sentence_stands_alone(book):
    found = examine(book.exercises["row_sums"], lambda x: x.mean(axis=1))
    assert found.mistake == "mean"
    assert found.messages[2] == "This is the mean of each row."
    assert examine(book.exercises["row_sums"], lambda x: x.sum(axis=1) + 1).mistake == ""


def test_options_of_an_exercise_reach_its_question(book):
    assert book.exercises["row_sums"].rtol == 1e-6


@pytest.mark.parametrize(
    ("edits", "problem"),
    [(("total", "x"), "3 times"), (("nowhere", "x"), "0 times"), (("x.shape", "a", "b"), "zip")],
)
def test_an_edit_applies_exactly_once_or_is_refused(edits, problem):
    from made_up_section import drills

    with pytest.raises(ValueError, match=problem):
        drill.edited(drills.row_sums, *edits)


def test_a_table_that_does_not_fit_is_named(tmp_path, monkeypatch):
    section = tmp_path / "broken_section"
    section.mkdir()
    (section / "__init__.py").touch()
    (section / "drills.py").write_text(
        "from cv_course.drill import exercise\n@exercise(None)\ndef f(x): return x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for table, problem in {
        "": r"no table \[f\]",
        "[f]\ncontract = ''": r"table \[f\]: 'ask'",
        "[f]\ncontract = 'c'\nanswr = 1": r"table \[f\].*answr",
        "[f]\ncontract = 'c'\nmistakes = [['id', 'y', 'z', 's']]": "'y' stands 0 times",
        "[f]\ncontract = 'c'\nmistakes = [['id', 'nowhere', 's']]": "nowhere",
    }.items():
        (section / "drills.toml").write_text(table)
        with pytest.raises(ValueError, match=problem):
            drill.read("broken_section")


RIGHT = {
    "two_flips": [0.32, 8 / 25, np.float32(0.32), torch.tensor(0.32, requires_grad=True), [0.32]],
    "parameters": [7850, 7850.0, np.int64(7850), torch.tensor(7850)],
    "about": [3.3, 3.25],
    "metric": ["b", "B", " b "],
    "widths": [[1, 2, 3]],
}
WRONG = {
    "two_flips": [0.33, 0.16, float("nan"), "0.32", [0.32, 0.32], object()],
    "parameters": [7849, 7850.1],
    "about": [3.4],
    "metric": ["c", "a", 2, "cosine"],
    "widths": [[5, 6, 7]],
}


@pytest.mark.parametrize("name", RIGHT)
def test_values_are_compared_or_measured(name, book):
    problem = book.exercises[name]
    assert [problem.verdict(one).status for one in RIGHT[name]] == ["correct"] * len(RIGHT[name])
    assert [problem.verdict(one).status for one in WRONG[name]] == ["wrong"] * len(WRONG[name])


def test_a_usual_wrong_value_is_named(book):
    found = book.exercises["two_flips"].verdict(0.4)
    assert found == Verdict("wrong", ["two_flips is not right yet.", "Both may be flipped."], "sum")


def test_several_answers_are_checked_each_in_turn(book, said):
    text = said(book.check, row_sums, two_flips=0.16, metric="B")
    signs = [word for word in text.split() if word in "✓✗…"]
    assert signs == ["✓", "✗", "✓"]


@pytest.mark.parametrize("name", ["two_flips", "metric", "widths", "why_validation"])
def test_an_open_answer_repeats_what_is_asked(name, book, said):
    text = said(book.check, **{name: ...})
    assert text.startswith(f"… {name} is not answered yet. {book.exercises[name].contract}")
    assert f"check({name}=…)" in said(book.check, name) or name == "why_validation"


def test_a_design_that_cannot_be_measured_is_told_so(book, said):
    text = said(book.check, widths=3)
    assert "✗ widths cannot be measured: TypeError: 'int' object is not iterable" in text
    assert "Three widths" in text


def test_an_explanation_wants_words_before_it_reveals(book, said):
    for own in (..., "no idea", 3):
        text = said(book.reveal, why_validation=own)
        assert "your own words first" in text
        assert "accidents" not in text
    assert "your own words first" in said(book.reveal, "why_validation")
    assert "fits its accidents" in said(book.reveal, why_validation="it would fit its noise")
    assert "reveal(why_validation=" in said(book.check, why_validation="it would fit its noise")
    assert "use check" in said(book.reveal, two_flips="a number and not words")


def test_a_name_in_place_of_the_function_is_told_what_to_do(book, said):
    assert "give check the function, check(row_sums)" in said(book.check, "row_sums")


@pytest.mark.parametrize("call", ["check", "hint"])
@pytest.mark.parametrize("unknown", [lambda x: x, "column_sums", 3])
def test_an_unknown_name_gets_the_list_of_this_sections_exercises(call, unknown, book, said):
    text = said(getattr(book, call), unknown)
    assert "There is no exercise called" in text
    assert "the exercises are: row_sums, largest. The problems, answered by name=answer," in text
    assert "cosine_distances" not in text


def test_check_without_anything_lists_the_exercises(book, said):
    assert said(book.check).startswith("Give me the function itself, under its own name")


def test_hints_go_one_step_further_and_stop_at_the_last(book, said):
    first, last, again = (said(book.hint, row_sums) for _ in range(3))
    assert first == "Hint 1 of 2: Which axis is a row?"
    assert last == (
        "Hint 2 of 2: x.sum(axis=1) (That was the last hint; the worked solution is at the end of "
        "the notebook.)"
    )
    assert again == last
    assert said(book.hint, "two_flips").startswith("Hint 1 of 1: There are two ways.")
    assert said(book.hint, "why_validation").startswith("why_validation has no hints. It is asked")


class Untold(BaseException):
    def __str__(self):
        raise RuntimeError


class Unshown:
    def __repr__(self):
        raise RuntimeError

    def __array__(self, *_, **__):
        raise MemoryError


def raises(x):
    raise Untold


def leaves_rubbish(x):
    x.resize((3, 3), refcheck=False)
    return x


@pytest.mark.parametrize(
    "answer", [raises, leaves_rubbish, lambda x: Unshown(), lambda x: "\ud800", lambda: 0]
)
def test_no_answer_stops_the_notebook(answer, book, said):
    assert said(book.check, row_sums=answer).startswith("✗ row_sums")
    assert said(book.check, two_flips=answer).startswith("✗ two_flips")
    assert said(book.check, Unshown()).startswith("There is no exercise called Unshown.")


def test_an_interrupt_by_the_user_passes_through(book):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.check(row_sums=interrupt)
    measured = dataclasses.replace(book.exercises["widths"], measure=interrupt)
    with pytest.raises(KeyboardInterrupt):
        measured.verdict(3)


@pytest.mark.parametrize("encoding", ["cp1252", "cp949", "ascii", "utf-8"])
def test_a_terminal_without_the_signs_gets_others(encoding, book, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    book.check(row_sums, two_flips=0.5, metric=...)
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    signs = {"utf-8": "✓✗…", "cp1252": ("[ok]", "[x]", "…"), "cp949": ("[ok]", "[x]", "…")}
    right, wrong, missing = signs.get(encoding, ("[ok]", "[x]", "..."))
    assert f"{right} row_sums is right" in text
    assert f"{wrong} two_flips is not right yet" in text
    assert f"{missing} metric is not answered yet" in text
