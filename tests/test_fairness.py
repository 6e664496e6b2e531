"""Honest students lose no point to how they work or to what a tool did to their notebook."""

import json
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest
from classroom import cell, notebook
from made_up import (
    ASSIGNMENT,
    FULL,
    IMPORTS,
    RIGHT,
    ROW_SUMS,
    SCALER,
    grade,
    no_sandbox,
    statuses,
    told,
)
from nbformat import v4

from cv_course.assignments.question import Case, Question
from cv_course.assignments.read import parse

pytestmark = no_sandbox
HONEST = tomllib.loads(Path(__file__).with_name("fairness.toml").read_text(encoding="utf-8"))


def saved(cells, **more) -> bytes:
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, **more}).encode()


COLAB = saved(
    [
        cell("<a href='https://colab.research.google.com'></a>", "markdown", id="view-in-github"),
        *map(cell, HONEST["colab"]["before"]),
        *(cell(source, metadata={"id": "x", "outputId": "y", "colab": {}}) for source in RIGHT),
        *map(cell, HONEST["colab"]["after"]),
    ],
    metadata={"colab": {"provenance": []}, "accelerator": "GPU", "kernelspec": {"name": "python3"}},
)
NBGRADER = {"nbgrader": {"grade": True, "grade_id": "same", "points": 1}}
USUAL = [cell(source) for source in RIGHT]
VERSION_3 = v4.new_notebook(cells=[v4.new_markdown_cell("# A1"), *map(v4.new_code_cell, RIGHT)])

FILES = {
    "format 3": json.dumps(nbformat.convert(VERSION_3, 3)).encode(),
    "nbgrader's metadata twice": saved([cell(one, metadata=NBGRADER) for one in RIGHT + RIGHT]),
    "no metadata at all": json.dumps({"cells": USUAL}).replace('"metadata": {}, ', "").encode(),
    "metadata of the wrong kind": saved(
        [cell(one, metadata=[1, 2], outputs="none") for one in RIGHT], metadata=None
    ),
    "another kernel": saved(USUAL, metadata={"kernelspec": {"name": "ir", "language": "R"}}),
    "sources as lists of lines": saved([cell(one.splitlines(True)) for one in RIGHT]),
    "Windows line ends": saved([cell(one.replace("\n", "\r\n")) for one in RIGHT]),
    "byte order mark": b"\xef\xbb\xbf" + notebook(*RIGHT),
    "UTF-16": notebook(*RIGHT).decode().encode("utf-16"),
    "a byte that is no UTF-8": saved([cell("# caf\u00e9"), *USUAL]).replace(b"\\u00e9", b"\xe9"),
    "NaN and huge numbers": saved([cell("1", execution_count=float("nan")), *USUAL]).replace(
        b'"nbformat": 4', b'"nbformat": ' + b"4" * 9000
    ),
    "a key twice": saved(USUAL).replace(b'"nbformat": 4', b'"nbformat": 3, "nbformat": 4'),
    "cells of an unknown kind": saved([cell("?", "widget"), {}, cell(None), *USUAL]),
    "large outputs": saved(
        [cell(one, outputs=[{"output_type": "stream", "text": "x" * 10**6}]) for one in RIGHT]
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_how_the_file_was_saved_changes_none_of_its_code(name):
    """And only the code runs: see test_read."""
    assert [one for one in parse(FILES[name]).sources if one in RIGHT][:4] == [*RIGHT]


@pytest.mark.parametrize("content", [notebook(*RIGHT), COLAB], ids=["plain", "from Colab"])
def test_a_right_notebook_gets_all_points(content):
    result = grade(content=content)
    assert result["score"] == FULL, told(result)


@pytest.mark.parametrize("name", HONEST["cells"])
def test_other_cells_before_and_after_cost_nothing(name):
    extra = HONEST["cells"][name]
    result = grade(IMPORTS, *extra, *RIGHT, *extra)
    assert result["score"] == FULL, told(result)
    if name != "an error in between":
        assert result["notes"] == []


def test_order_copies_and_deletions_cost_nothing():
    needs = "HALF = np.array(0.5)\ndef scaler(factor):\n    return lambda x: 2 * HALF * x * factor"
    assert grade(*reversed([*RIGHT[:3], needs]))["score"] == FULL
    assert grade(*RIGHT, *RIGHT)["score"] == FULL
    deleted = grade(IMPORTS, ROW_SUMS, SCALER)
    assert statuses(deleted) == {
        "row_sums": "correct",
        "window_sums": "missing",
        "scaler": "correct",
    }
    assert deleted["score"] == 7


def test_the_last_version_counts_and_running_a_cell_again_takes_nothing_back():
    wrong = "def row_sums(x):\n    return x.mean(axis=1)"
    assert grade(*RIGHT, wrong)["score"] == FULL - 4
    assert grade(IMPORTS, wrong, *RIGHT)["score"] == FULL
    assert grade(IMPORTS, f"{wrong}\nlater", *RIGHT, "later = 1")["score"] == FULL


def test_answers_of_every_kind_count():
    result = grade(IMPORTS, HONEST["answers"]["kinds"])
    assert result["score"] == FULL, told(result)
    assert "A list came back" in told(result)


def test_partial_credit_goes_by_groups_and_the_mistake_is_named():
    mean = "def row_sums(x):\n    return x.sum(axis=1) if len(x) == 2 else x.mean(axis=1)"
    result = grade(*RIGHT, mean)["questions"][0]
    assert (result["score"], result["status"]) == (2, "partial")
    assert "Tried: many rows." in result["messages"]
    assert "Look here: these are means." in result["messages"]


def test_an_error_is_told_with_the_students_line():
    result = grade(*RIGHT, "def row_sums(x):\n    return x @ np.ones(7)")["questions"][0]
    assert (result["score"], result["status"]) == (0, "error")
    assert "in line 2: return x @ np.ones(7)" in result["messages"]


def test_equal_seeds_give_equal_results_and_the_state_of_one_call_is_not_the_next_ones():
    once = "calls = []\ndef row_sums(x):\n    calls.append(1)\n    return x.sum(1) * len(calls)"
    results = [grade(IMPORTS, once, seed=3) for _ in range(2)]
    assert results[0] == results[1]
    assert statuses(results[0])["row_sums"] == "partial"


def test_a_changed_input_is_wrong():
    change = "def row_sums(x):\n    x += 0.0\n    x[0] += 1\n    x[0, 0] += 1\n    return x.sum(1)"
    assert statuses(grade(*RIGHT, change))["row_sums"] == "wrong"


def test_a_missing_function_is_asked_for_and_cells_that_failed_are_told():
    result = grade(IMPORTS, "undefined_name")
    assert statuses(result)["row_sums"] == "missing"
    assert "No cell that runs through defines row_sums." in told(result)
    assert result["notes"] == [
        "Code cell 2 of 2 stopped. NameError: name 'undefined_name' is not defined"
    ]


def test_free_text_is_handed_on():
    text = "Some words.\n\n**Your answer (why):**\n\n합성곱 because <b>of</b> it\n"
    result = grade(content=notebook(*RIGHT, texts=[text]))
    assert result["free_text"] == {"why": "합성곱 because <b>of</b> it"}


def test_the_result_has_the_agreed_form():
    result = grade(*RIGHT)
    assert set(result) == {
        "assignment", "score", "max_score", "sandbox", "questions", "notes", "free_text"
    }  # fmt: skip
    assert (result["assignment"], result["sandbox"]) == (ASSIGNMENT.name, "bubblewrap")
    assert set(result["questions"][0]) == {"name", "score", "max_score", "status", "messages"}
    json.dumps(result)


# --- the library function that is the answer -----------------------------------------------------


def same(name, argument=(1.0, 1.0)):
    """A question that is answered by giving back what one gets."""
    cases = [Case("x", (np.array(argument),))]
    return Question(name, "x -> x", lambda rng: cases, lambda x: x, points=1)


def test_the_library_function_that_is_the_answer_is_none_but_may_be_compared_with():
    cells, questions, wanted = ["import torch, torchvision"], [], {}
    for name, call in HONEST["banned"].items():
        cells.append(call)
        for function, status in ((name, "error"), (f"no_{name}", "correct")):
            cells.append(f"def {function}(x):\n    {call}\n    return x")
            questions.append(same(function))
            wanted[function] = status
    result = grade(*cells, questions=questions)
    assert (statuses(result), result["notes"]) == (wanted, [])
    for one in result["questions"]:
        refused = f"is the library function that does all of {one['name']}, so" in told(one)
        assert refused == (one["status"] == "error")


def test_all_else_is_free():
    question = same("conv2d", np.ones((1, 1, 4, 4)))
    result = grade(IMPORTS, HONEST["answers"]["free"], questions=(question,))
    assert result["score"] == 1, told(result)


@pytest.mark.parametrize("start", HONEST["starts"].values(), ids=HONEST["starts"])
def test_a_line_that_fails_costs_no_import_below_it(start):
    result = grade(start, *RIGHT[1:])
    assert result["score"] == FULL
    assert "Code cell 1 of" in result["notes"][0]


def test_a_cell_that_overwrites_what_functions_need_is_named():
    result = grade(*RIGHT, "np = 3\nsum = 0", "exit()")
    assert result["score"] < FULL
    assert [note for note in result["notes"] if note.startswith("Code cell 5 gives")] == [
        f"Code cell 5 gives another value to {name}, which functions may need: use another name "
        "there."
        for name in ("np", "sum")
    ]
