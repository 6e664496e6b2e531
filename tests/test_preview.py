"""What a student is told before handing in."""

import inspect
import json
import sys
import types

import pytest
from classroom import notebook

import cv_course
from cv_course import cli
from cv_course.assignments import box, judge, preview
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading.answers import a1

A1 = ASSIGNMENTS["A1"]
ANSWERS = "import numpy as np\n\n" + "\n".join(map(inspect.getsource, a1.REFERENCES.values()))
QUICK = ("pairwise_distances", "knn_predict", "softmax_cross_entropy", "templates")


def look(*sources: str, timeout=60) -> str:
    lines, _ = preview.look(A1, notebook(*sources), timeout)
    return "\n".join(lines)


def test_right_answers_are_right_without_a_reference(monkeypatch):
    def none(*_):
        raise AssertionError("a preview needs no answers")

    monkeypatch.setattr("cv_course.grading.questions", none)
    said = look(ANSWERS)
    for name in QUICK:
        assert f"✓ {name}: correct" in said
    assert "… train_linear_classifier: missing" in said


def test_a_name_from_a_deleted_cell_is_explained():
    said = look("y = forgotten + 1", "def templates(W, image_shape):\n    return gone(W)")
    assert "Code cell 1 of 2 stopped. NameError: name 'forgotten'" in said
    assert "No cell defines forgotten" in said
    assert "No cell defines gone" in said


def test_what_does_not_come_back_is_said():
    said = look("while True: pass", "def templates(W, image_shape): return 1", timeout=6)
    assert "Code cell 1 of 2 stopped" in said
    assert "✗ templates" in said


def test_a_file_that_cannot_be_read_or_is_too_large_is_said(monkeypatch):
    for content, said in ((b"{nope", "could not be read"), (b" " * (32 * 2**20 + 1), "32 MB")):
        lines, good = preview.look(A1, content)
        assert not good
        assert said in lines[1]
    monkeypatch.setattr(preview, "_WARN_BYTES", 10)
    assert "Clear the outputs" in look("x = 1")


def test_free_text_that_is_not_there_is_said():
    name = A1.free_text[0][0]
    assert f"… {name}: no answer found" in look("x = 1")
    written = notebook("x = 1", texts=[f"*Your answer ({name}):*\n\none two three"])
    assert f"✓ {name}: 3 words" in "\n".join(preview.look(A1, written)[0])


def test_without_a_sandbox_it_runs_all_the_same(monkeypatch):
    real = judge.grade

    def missing(*args, unsafe=False, **how):
        if not unsafe:
            raise box.SandboxMissing("none")
        return real(*args, unsafe=True, **how)

    monkeypatch.setattr(judge, "grade", missing)
    said = look(ANSWERS)
    assert "✓ templates: correct" in said
    assert "without the grader's sandbox" in said


def test_the_command_finds_the_assignment_and_has_an_exit_code(tmp_path, capsys):
    for name in ("ann_A1.ipynb", "homework.ipynb"):
        (tmp_path / name).write_bytes(notebook("def templates(W, image_shape): return 1"))
        assert cli.main(["preview", str(tmp_path / name), "--timeout", "60"]) == 1
        assert "A1 Nearest neighbours" in capsys.readouterr().out
    (tmp_path / "empty.ipynb").write_bytes(notebook("x = 1"))
    refused = {"empty.ipynb": "which assignment is it", "nowhere.ipynb": "nowhere.ipynb"}
    for name, said in {**refused, "": "a folder"}.items():
        assert cli.main(["preview", str(tmp_path / name)]) == 1
        assert said in capsys.readouterr().err
    with pytest.raises(ValueError, match="which notebook"):
        cv_course.preview()


def test_where_nothing_can_run_as_in_the_grader_it_says_where_it_can(monkeypatch):
    monkeypatch.setattr(preview.sys, "platform", "darwin")
    with pytest.raises(ValueError, match=r"needs Linux.*Colab.*WSL"):
        look("x = 1")


def test_all_right_is_exit_code_0(monkeypatch, tmp_path):
    right = {"name": "f", "status": "correct", "messages": []}
    result = {"sandbox": "bubblewrap", "questions": [right], "notes": [], "free_text": {}}
    monkeypatch.setattr(preview, "_grade", lambda *_: result)
    (tmp_path / "a1.ipynb").write_bytes(notebook("x = 1"))
    assert preview.report(tmp_path / "a1.ipynb") == 0


def test_in_colab_it_looks_at_this_very_notebook(monkeypatch, capsys):
    package, message = types.ModuleType("google.colab"), types.ModuleType("google.colab._message")
    current = json.loads(notebook("def template(W, image_shape): return 1", "def knn_predict(): 1"))
    message.blocking_request = lambda name, timeout_sec: (
        {"ipynb": current} if name == "get_ipynb" else None
    )
    package._message = message
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", package)
    monkeypatch.setitem(sys.modules, "google.colab._message", message)
    cv_course.preview()
    said = capsys.readouterr().out
    assert "A1 Nearest neighbours" in said
    assert "There is template." in said
