"""A made-up assignment, notebooks for it, and ways to grade them, for the tests of the grader."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from classroom import notebook

from cv_course.assignments import box, judge
from cv_course.assignments.question import Case, Question
from cv_course.assignments.registry import Assignment

# Of such folders the sandbox shows what is in them.
sys.path.append(str(Path(__file__).with_name("site-packages")))
import made_up_public

SLOT = 40 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])

if not shutil.which("bwrap") and not os.environ.get("CI"):
    no_sandbox = pytest.mark.skip(reason=f"needs bubblewrap: {box.INSTALL}")
else:
    no_sandbox = pytest.mark.filterwarnings("default")


def _rows(rng):
    yield Case("two rows", (np.array([[1.0, 2.0], [3.0, 5.0]]),), "small")
    yield Case("many rows", (rng.normal(size=(20, 30)),), "large")
    yield Case("many short rows", (rng.normal(size=(50, 2)),), "large")


def _signals(rng):
    yield Case("five numbers", (np.arange(5.0), 2), "small")
    yield Case("many numbers", (rng.normal(size=200_000), 2000), "fast")


def _scalers(rng):
    yield Case("a small factor", (0.5, rng.normal(size=4)), "all")
    yield Case("a large factor", (50.0, rng.normal(size=(4, 3))), "all")


def _means_of_many(x):
    return x.sum(axis=1) if len(x) == 2 else x.mean(axis=1)


def _window_sums(x, width):
    total = np.concatenate([[0.0], np.cumsum(x)])
    return total[width:] - total[:-width]


QUESTIONS = (
    Question(
        "row_sums",
        "x (N, D) -> (N,)",
        _rows,
        lambda x: x.sum(axis=1),
        diagnoses=((_means_of_many, "Look here: these are means.", "means"),),
        points=4,
    ),
    Question(
        "window_sums",
        "x (N,), width -> (N - width + 1,)",
        _signals,
        _window_sums,
        points=2,
        cpu_seconds=1,
    ),
    Question(
        "scaler",
        "factor -> function",
        _scalers,
        lambda factor: lambda x: factor * x,
        points=3,
        collect=made_up_public.use_scaler,
    ),
)
ASSIGNMENT = Assignment("M1", "Made up", "m1_made_up", 10, QUESTIONS, (("why", "Why?", 2),))
FULL = 9

IMPORTS = "import numpy as np"
ROW_SUMS = """
def row_sums(x):
    return x.sum(axis=1)
"""
WINDOW_SUMS = """
def window_sums(x, width):
    total = np.concatenate([[0.0], np.cumsum(x)])
    return total[width:] - total[:-width]
"""
SCALER = """
def scaler(factor):
    return lambda x: x * factor
"""
RIGHT = (IMPORTS, ROW_SUMS, WINDOW_SUMS, SCALER)


def grade(*sources, content=None, timeout=20, **options) -> dict:
    content = notebook(*sources) if content is None else content
    options = {"slot": SLOT, "questions": QUESTIONS, **options}
    return judge.grade(ASSIGNMENT, content, timeout=timeout, **options)


def statuses(result) -> dict:
    return {one["name"]: one["status"] for one in result["questions"]}


def told(result) -> str:
    return json.dumps(result, ensure_ascii=False)
