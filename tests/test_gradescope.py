"""The autograder for Gradescope: what is in the zip, and a run of it as its container does it."""

import json
import os
import subprocess
import sys
import zipfile

import pytest
from classroom import fake, notebook
from made_up import no_sandbox

from cv_course import cli
from cv_course.assignments import box, judge
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import gradescope

A1 = ASSIGNMENTS["A1"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    target = tmp_path_factory.mktemp("zip") / "autograder.zip"
    assert cli.main(["gradescope", "A1", "--out", str(target), "--seed", "5"]) == 0
    return target


@pytest.fixture
def container(tmp_path):
    (tmp_path / "submission").mkdir()
    return tmp_path


def test_the_zip_holds_what_gradescope_calls(archive):
    with zipfile.ZipFile(archive) as content:
        names = content.namelist()
        for name in ("setup.sh", "run_autograder"):
            assert content.getinfo(name).external_attr >> 16 & 0o111 == 0o111
            script = content.read(name).decode()
            assert script.startswith("#!/usr/bin/env bash\n")
            subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        requirements = content.read("requirements.txt").decode().split("\n")
    assert 'gradescope.grade("A1", 5, False)' in script
    assert "cv_course/grading/answers/a1.py" in names
    assert "cv_course/_data/fashion_mini.png" in names
    assert not [name for name in names if "__pycache__" in name]
    assert any(one.startswith("torch") for one in requirements)
    assert not any("extra" in one for one in requirements)


def test_it_says_what_happens_without_a_sandbox(tmp_path, capsys):
    cli.main(["gradescope", "A1", "--out", str(tmp_path / "a.zip")])
    assert "refuses" in capsys.readouterr().out
    cli.main(["gradescope", "A1", "--out", str(tmp_path / "a.zip"), "--unsafe"])
    assert "forge its score" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "a.zip") as content:
        assert b'grade("A1", 0, True)' in content.read("run_autograder")


def test_an_unknown_assignment_is_refused(tmp_path, capsys):
    assert cli.main(["gradescope", "A9", "--out", str(tmp_path / "a.zip")]) == 1
    assert "no assignment 'A9'" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()


def results(container) -> dict:
    return json.loads((container / "results" / "results.json").read_text())


def graded(container, **how) -> dict:
    gradescope.grade("A1", root=container, **how)
    return results(container)


def stand_in(asked, content, *, seed, unsafe=False):
    return fake(asked.name, content, seed=seed, timeout=1, unsafe=unsafe)


def test_results_are_in_gradescopes_form(container, monkeypatch):
    monkeypatch.setattr(judge, "grade", stand_in)
    (container / "submission" / "scratch.ipynb").write_bytes(notebook("other"))
    (container / "submission" / "my a1 (1).ipynb").write_bytes(notebook("x = 1"))
    told = graded(container, seed=3)
    right = fake("A1", notebook("x = 1"), seed=3, timeout=1, unsafe=False)
    assert told["score"] == right["score"]
    assert [test["name"] for test in told["tests"]] == [one.name for one in A1.questions]
    for test, one in zip(told["tests"], right["questions"], strict=True):
        assert (test["score"], test["max_score"]) == (one["score"], one["max_score"])
        assert test["status"] == ("passed" if one["status"] == "correct" else "failed")
        assert test["output_format"] == "text"
        assert all(message in test["output"] for message in one["messages"])
    assert "my a1 (1).ipynb (not counted: scratch.ipynb)" in told["output"]


def test_no_notebook_is_said(container):
    (container / "submission" / "A1.pdf").write_bytes(b"%PDF")
    told = graded(container)
    assert told == {"score": 0, "output": told["output"]}
    assert "no notebook" in told["output"]


def test_without_a_sandbox_it_grades_only_where_that_was_asked_for(container, monkeypatch):
    def missing(asked, content, *, seed, unsafe=False):
        if not unsafe:
            raise box.SandboxMissing("bubblewrap is not installed")
        return stand_in(asked, content, seed=seed, unsafe=True)

    monkeypatch.setattr(judge, "grade", missing)
    (container / "submission" / "A1.ipynb").write_bytes(notebook("x = 1"))
    with pytest.raises(box.SandboxMissing):
        gradescope.grade("A1", root=container)
    assert not (container / "results" / "results.json").exists()
    assert "Graded without a sandbox." in graded(container, unsafe=True)["output"]


@no_sandbox
def test_what_is_in_the_zip_runs_by_itself(archive, container):
    with zipfile.ZipFile(archive) as content:
        content.extractall(container / "source")
    source = "def templates(W, shape): return W.T.reshape(-1, *shape).copy()"
    (container / "submission" / "A1.ipynb").write_bytes(notebook(source))
    code = (
        "from pathlib import Path; import cv_course; from cv_course.grading import gradescope; "
        f"gradescope.grade('A1', 5, root=Path({str(container)!r})); print(cv_course.__file__)"
    )
    place = container / "source"
    how = {"cwd": place, "env": {**os.environ, "PYTHONPATH": str(place)}, "text": True}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, **how)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(container))
    told = results(container)
    status = {test["name"]: test["status"] for test in told["tests"]}
    assert status.pop("templates") == "passed"
    assert set(status.values()) == {"failed"}
