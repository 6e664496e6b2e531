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

ROW_SUMS = drill.read("made_up_section")["row_sums"]


def verdict(function, asked=ROW_SUMS):
    found = examine(asked, function)
    return found.status, str(found)


def one_case(*arguments, reference, **options):
    return Question("f", "", lambda _: [Case("x", arguments)], reference, **options)


# --- one answer ----------------------------------------------------------------------------------


def row_sums(x):
    return x.sum(axis=1)


def not_implemented(x):
    raise NotImplementedError


def prints(x):
    print(x.sum(axis=1))


def leaves(x):
    raise SystemExit("bye")


def fails(x):
    y = np.ones(7)
    return x @ y


def fails_in_a_library(x):
    return np.testing.assert_array_equal(x, 0)


def one_wrong(x):
    sums = x.sum(axis=1)
    sums[1] += 2
    return sums


def changes_afterwards(x):
    sums = x.sum(axis=1)
    x -= x.mean()
    return sums


def changes_before(x):
    x *= 0
    return x.sum(axis=1)


RIGHT = "✓ row_sums is right (2 cases tried)."
LISTED = "(A list came back; it was read as an array.)"
STUB = "… row_sums is not done yet. x (N, D) -> (N,): the sum of each row."
SMALL = "\n    [[1., 2.],\n     [3., 5.]]"
LINE = f"in line {fails.__code__.co_firstlineno + 2}: return x @ y"


@pytest.mark.parametrize(
    ("answer", "status", "parts"),
    [
        (row_sums, "correct", [RIGHT]),
        (lambda x: torch.tensor(x).sum(1), "correct", [RIGHT]),
        (lambda x: torch.tensor(x, requires_grad=True).sum(1), "correct", [RIGHT]),
        (lambda x: np.float32(x).sum(axis=1), "correct", [RIGHT]),
        (lambda x: x.sum(axis=1) + 1e-6, "correct", [RIGHT]),  # within the tolerance
        (lambda x: list(x.sum(axis=1)), "correct", [LISTED]),
        (lambda x: tuple(x.sum(axis=1)), "correct", [LISTED]),
        (lambda x: None, "missing", [STUB]),
        (lambda x: ..., "missing", [STUB]),
        (not_implemented, "missing", [STUB]),
        (prints, "missing", ["Replace print(…) by return …"]),
        (leaves, "error", ["stopped with SystemExit: bye"]),
        (fails, "error", ["row_sums stopped with ValueError: matmul", LINE]),
        (fails, "error", ["while it was given: two rows." + SMALL]),
        (fails_in_a_library, "error", [": return np.testing.assert_array_equal(x, 0)"]),
        (one_wrong, "wrong", ["✗ row_sums is not right yet. Tried: two rows."]),
        (one_wrong, "wrong", ["1 of 2 values differ, the first at [1]: expected 8, got 10."]),
        (one_wrong, "wrong", ["The input was" + SMALL]),
        (lambda x: x.sum(axis=1, keepdims=True), "wrong", ["Expected shape (2,), got (2, 1)."]),
        (lambda x: x.sum(axis=1) * np.nan, "wrong", ["holds NaN or infinity"]),
        (lambda x: x.sum(axis=1) * np.inf, "wrong", ["holds NaN or infinity"]),
        (lambda x: "a string", "wrong", ["Expected numbers, got str"]),
        (lambda x: {"a": 1}, "wrong", ["Expected numbers, got dict"]),
        (lambda x: [[1], [2, 3]], "wrong", ["Expected numbers, got list"]),
        (lambda x: [None, None], "wrong", ["Expected numbers, got list"]),
        (lambda x: object(), "wrong", ["Expected numbers, got object"]),
        (changes_afterwards, "wrong", ["The answer is right, but the input was changed in place"]),
        (changes_before, "wrong", ["expected 3, got 0"]),
    ],
)
def test_an_answer_is_told_what_it_is(answer, status, parts):
    found, text = verdict(answer)
    assert found == status
    assert [text.count(part) for part in parts] == [1] * len(parts)


@pytest.mark.parametrize(
    ("answer", "said", "unsaid"),
    [
        (lambda x, y: x, "missing 1 required positional argument: 'y'", "in line"),
        (lambda x: np.zeros(len(x)) if len(x) > 2 else x.sum(axis=1), "many rows", "The input was"),
    ],
)
def test_no_line_of_ours_and_no_large_input_is_shown(answer, said, unsaid):
    _, text = verdict(answer)
    assert said in text
    assert unsaid not in text


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
    total = one_case(np.arange(5.0), reference=np.sum)
    for answer in (lambda x: float(x.sum()), lambda x: np.array(x.sum()), np.sum):
        assert verdict(answer, total) == ("correct", "✓ f is right (1 case tried).")
    assert "Expected 10, got 0." in verdict(lambda x: 0, total)[1]


@pytest.mark.parametrize(("factor", "status"), [(1e3, "correct"), (1.0, "wrong")])
def test_tolerance_grows_with_the_expected_values(factor, status):
    scaled = one_case(np.array([0, factor]), reference=lambda x: x)
    assert verdict(lambda x: x + 0.5, scaled)[0] == status


def test_equal_seeds_ask_the_same():
    seen = []
    for seed in (4, 4, 5):
        examine(ROW_SUMS, lambda x: (seen.append(x.copy()), x.sum(1))[1], seed=seed)
    assert np.array_equal(seen[1], seen[3])
    assert not np.array_equal(seen[1], seen[5])


def test_an_input_counts_as_changed_if_it_is_no_array_any_more_but_not_for_nan_in_it():
    sizes = one_case([1, 2], reference=lambda x: 3)
    assert "changed in place" in verdict(lambda x: x.append([3]) or 3, sizes)[1]
    holes = one_case(np.array([np.nan, 1.0]), reference=lambda x: x[1:])
    assert verdict(lambda x: x[1:], holes)[0] == "correct"


@pytest.mark.parametrize(
    ("right", "got", "said"),
    [
        (119_566_010, 119_566_000, "Expected 119,566,010, got 119,566,000."),
        (0.1234567, 0.1234568, "Expected 0.1234567, got 0.1234568."),
        (2.5, 1e20, "Expected 2.5, got 1e+20."),
    ],
)
def test_two_different_numbers_never_look_the_same(right, got, said):
    """Whole numbers in full, others with the digits that tell them apart."""
    assert said in verdict(lambda: got, one_case(reference=lambda: right, rtol=0, atol=0))[1]


# --- usual mistakes ------------------------------------------------------------------------------


def but_first(x):
    return x[:, 1:].sum(axis=1)


def knowing(mistake):
    return dataclasses.replace(ROW_SUMS, diagnoses=[(mistake, "The first is missing.", "first")])


def test_every_table_of_mistakes_holds():
    assert_mistakes("made_up_section")


def test_a_usual_mistake_is_named_and_another_is_not():
    found = examine(ROW_SUMS, lambda x: torch.tensor(x).mean(1))
    assert (found.mistake, found.messages[2]) == ("mean", "This is the mean of each row.")
    assert examine(ROW_SUMS, lambda x: x.sum(axis=1) + 1).mistake == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_usual_mistake_is_named_also_where_it_gives_nan_in_places(bad):
    def gap(factor):
        return lambda x: np.array([bad, factor * x[1].sum()]) if len(x) == 2 else x.sum(axis=1)

    assert examine(knowing(gap(1)), gap(1)).mistake == "first"
    assert examine(knowing(gap(1)), gap(2)).mistake == ""


def test_a_mistake_that_would_have_shown_before_is_not_named():
    """Right sums of small numbers: whoever leaves out the first number is not meant."""
    assert examine(knowing(but_first), but_first).mistake == "first"
    late = examine(knowing(but_first), lambda x: x.sum(axis=1) if len(x) == 2 else but_first(x))
    assert (late.status, late.mistake) == ("wrong", "")


def test_options_of_an_exercise_reach_its_question():
    assert ROW_SUMS.rtol == 1e-6


@pytest.mark.parametrize(
    ("edits", "problem"),
    [(("total", "x"), "3 times"), (("nowhere", "x"), "0 times"), (("x.shape", "a", "b"), "zip")],
)
def test_an_edit_applies_exactly_once_or_is_refused(edits, problem):
    with pytest.raises(ValueError, match=problem):
        drill.edited(ROW_SUMS.reference, *edits)


def test_a_table_that_does_not_fit_is_named(tmp_path, monkeypatch):
    section = tmp_path / "broken_section"
    section.mkdir()
    (section / "__init__.py").touch()
    (section / "drills.py").write_text(
        "from cv_course.drill import exercise\n@exercise(None)\ndef f(x): return x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for table, problem in {
        "[f]\ncontract = ''": r"table \[f\]: 'ask'",
        "[f]\ncontract = 'c'\nanswr = 1": r"table \[f\].*answr",
        "[f]\ncontract = 'c'\nmistakes = [['id', 'y', 'z', 's']]": "'y' stands 0 times",
        "[f]\ncontract = 'c'\nmistakes = [['id', 'nowhere', 's']]": "nowhere",
    }.items():
        (section / "drills.toml").write_text(table)
        with pytest.raises(ValueError, match=problem):
            drill.read("broken_section")


# --- check, hint and reveal ----------------------------------------------------------------------


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
    assert said(made_up_section.check, row_sums) == RIGHT


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (
            "two_flips",
            [0.32, 8 / 25, np.float32(0.32), torch.tensor(0.32, requires_grad=True), [0.32]],
            [0.33, 0.16, float("nan"), "0.32", [0.32, 0.32], object()],
        ),
        ("parameters", [7850, 7850.0, np.int64(7850), torch.tensor(7850)], [7849, 7850.1]),
        ("about", [3.3, 3.25], [3.4]),
        ("metric", ["b", "B", " b "], ["c", "a", 2, "cosine"]),
        ("widths", [[1, 2, 3]], [[5, 6, 7]]),
    ],
)
def test_values_are_compared_or_measured(name, right, wrong, book):
    problem = book.exercises[name]
    assert [problem.verdict(one).status for one in right] == ["correct"] * len(right)
    assert [problem.verdict(one).status for one in wrong] == ["wrong"] * len(wrong)


def test_a_usual_wrong_value_is_named(book):
    found = book.exercises["two_flips"].verdict(0.4)
    assert found == Verdict("wrong", ["two_flips is not right yet.", "Both may be flipped."], "sum")


def test_several_answers_are_checked_each_in_turn(book, said):
    text = said(book.check, row_sums, two_flips=0.16, metric="B")
    assert [word for word in text.split() if word in "✓✗…"] == ["✓", "✗", "✓"]


@pytest.mark.parametrize("name", ["two_flips", "metric", "widths", "why_validation"])
def test_an_open_answer_repeats_what_is_asked(name, book, said):
    text = said(book.check, **{name: ...})
    assert text.startswith(f"… {name} is not answered yet. {book.exercises[name].contract}")
    assert f"check({name}=…)" in said(book.check, name)


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


@pytest.mark.parametrize("call", ["check", "hint"])
@pytest.mark.parametrize("unknown", [lambda x: x, "column_sums", 3])
def test_an_unknown_name_gets_the_list_of_this_sections_exercises(call, unknown, book, said):
    text = said(getattr(book, call), unknown)
    assert "There is no exercise called" in text
    assert "the exercises are: row_sums, largest. The problems, answered by name=answer," in text


def test_check_of_a_name_or_of_nothing_is_told_what_to_do(book, said):
    assert "give check the function, check(row_sums)" in said(book.check, "row_sums")
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


ASCII = ("[ok]", "[x]", "...")
KOREAN = ("[ok]", "[x]", "…")


@pytest.mark.parametrize(
    ("encoding", "signs"),
    [("cp1252", KOREAN), ("cp949", KOREAN), ("ascii", ASCII), ("utf-8", ("✓", "✗", "…"))],
)
def test_a_terminal_without_the_signs_gets_others(encoding, signs, book, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    book.check(row_sums, two_flips=0.5, metric=...)
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    said = "row_sums is right", "two_flips is not right yet", "metric is not answered yet"
    for sign, words in zip(signs, said, strict=True):
        assert f"{sign} {words}" in text
