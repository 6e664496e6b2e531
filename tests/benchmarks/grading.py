"""What grading a submission costs, sandbox included, beside the two well-known graders.

The peers are programs of their own, best in an environment of their own: CV_COURSE_PEERS names a
virtual environment with ``pip install nbgrader otter-grader ipykernel``. Without it they are looked
for beside this Python; one that is not there is left out.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
from bench import OURS, Contest, in_new_process, take_turns

from cv_course.assignments import judge
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import run
from cv_course.grading.inbox import Submission

A1 = ASSIGNMENTS["A1"]
TRIVIAL = "def square(x):\n    return x * x\n"
SOLUTION = "def square(x):\n    return x * x  # SOLUTION\n"
BATCH, JOBS = 50, 2
SIZES = (10, 100)
timed = functools.partial(bench.timed, clock=time.perf_counter)


def contests(rounds: int) -> list[Contest]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        judge.grade(A1, notebook(TRIVIAL))  # what a class pays once
        ways = {
            OURS: lambda _: timed(judge.grade, A1, notebook(TRIVIAL)),
            "nbgrader autograde": lambda _: nbgrader(place / "nbgrader"),
            "otter run": lambda _: otter(place / "otter"),
        }
        trivial = take_turns(ways, rounds)
        source = notebook("import torch\n" + TRIVIAL)
        alone = take_turns({OURS: lambda _: timed(judge.grade, A1, source)}, rounds)
        batch = take_turns({OURS: lambda n: spread(place / f"batch{n}", BATCH) / BATCH}, rounds)
        curve = [in_new_process(grown, place / f"curve{count}", count) for count in SIZES]
    return [
        Contest(
            "a trivial submission",
            "s",
            trivial,
            limit=0.6,
            ratios={"nbgrader autograde": 3, "otter run": 5},
            curve=curve,
            note="above: the grader's CPU-seconds and peak memory for so many, one job",
        ),
        Contest("one that imports torch, alone", "s", alone, limit=3),
        Contest(f"the same in a batch of {BATCH}, {JOBS} jobs", "s", batch, limit=1.5),
    ]


def notebook(source: str) -> bytes:
    return _whole([_code(source)]).encode()


def _code(source: str, **metadata) -> dict:
    shell = {"cell_type": "code", "outputs": [], "execution_count": None}
    return {**shell, "source": source, "metadata": metadata}


def _whole(cells: list[dict]) -> str:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    head = {"metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps({"cells": cells, **head})


def spread(out: Path, count: int, jobs: int = JOBS, source: str = "import torch\n") -> float:
    def submission(number: int) -> Submission:
        content = notebook(f"{source}{TRIVIAL}# {number}")
        return Submission(f"s{number}", "", f"s{number}_A1.ipynb", lambda: content)

    class_ = [submission(number) for number in range(count)]
    return timed(lambda: run.grade_class(A1, class_, out, jobs=jobs))


def grown(out: Path, count: int) -> list[float]:
    """Size, CPU-seconds and peak MiB of this process, a grader that grades so many."""
    spread(out, count, 1, "")
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    return [count, time.process_time(), int(peak) / 1024]


def _program(name: str) -> Path:
    folder = os.environ.get("CV_COURSE_PEERS")
    program = (Path(folder) / "bin" if folder else Path(sys.executable).parent) / name
    if not program.exists():
        raise ModuleNotFoundError(f"No program {name}; set CV_COURSE_PEERS")
    return program


def _run(*command, folder: Path) -> None:
    # the peers call programs of theirs by name
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ["PATH"]])
    how = {"cwd": folder, "env": {**os.environ, "PATH": path}, "capture_output": True}
    done = subprocess.run(list(map(str, command)), text=True, **how)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-800:]}")


def nbgrader(folder: Path) -> float:
    """``nbgrader autograde`` of one submission of one student."""
    program = _program("nbgrader")
    if not folder.exists():
        cells = []
        for name, source, marks in (
            ("square", TRIVIAL, {"grade": False, "solution": True}),
            ("test", "assert square(3) == 9", {"grade": True, "solution": False, "points": 1}),
        ):
            about = {"grade_id": name, "locked": False, "schema_version": 3, "task": False, **marks}
            cells.append(_code(source, nbgrader=about))
        for path in ("source/t/t.ipynb", "submitted/ann/t/t.ipynb"):
            (folder / path).parent.mkdir(parents=True)
            (folder / path).write_text(_whole(cells))
        _run(program, "generate_assignment", "t", folder=folder)
    return timed(lambda: _run(program, "autograde", "t", "--force", folder=folder))


def otter(folder: Path) -> float:
    """``otter run`` of one submission, with the zip that ``otter assign`` makes."""
    program = _program("otter")
    if not folder.exists():
        cells = [
            _raw("# ASSIGNMENT CONFIG\ngenerate: true\nrun_tests: false\n"),
            _raw("# BEGIN QUESTION\nname: square\npoints: 1\n"),
            *(_raw("# BEGIN SOLUTION"), _code(SOLUTION), _raw("# END SOLUTION")),
            *(_raw("# BEGIN TESTS"), _code("assert square(3) == 9"), _raw("# END TESTS")),
            _raw("# END QUESTION"),
        ]
        folder.mkdir(parents=True)
        (folder / "t.ipynb").write_text(_whole(cells))
        _run(program, "assign", "t.ipynb", "dist", folder=folder)
        (folder / "t.ipynb").write_bytes(notebook(TRIVIAL))
    (made,) = (folder / "dist" / "autograder").glob("*.zip")
    return timed(lambda: _run(program, "run", "-a", made, "t.ipynb", folder=folder))


def _raw(source: str) -> dict:
    return {"cell_type": "raw", "metadata": {}, "source": source}
