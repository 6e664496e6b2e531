"""The students' edition holds no answer, and an untouched notebook runs and scores nothing."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from cv_course import notebooks
from cv_course.assignments import judge
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import release

ROOT = Path(__file__).resolve().parents[1]
each = pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=lambda one: one.name)


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def edition(tmp_path_factory):
    """A students' edition of all assignments, written and verified once."""
    out = tmp_path_factory.mktemp("release") / "students"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        release.release(list(ASSIGNMENTS), out=out)
    return out


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of what a release is made from, to be spoilt."""
    copy = tmp_path / "checkout"
    for name in ("cv_course", "notebooks/assignments"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    (copy / "notebooks" / "text").mkdir()
    for name in ("LICENSE", "pyproject.toml"):
        shutil.copyfile(ROOT / name, copy / name)
    monkeypatch.chdir(copy)
    return copy


# --- what students get ---------------------------------------------------------------------------


def test_no_answer_is_in_the_edition(edition):
    files = {str(file.relative_to(edition)) for file in edition.rglob("*") if file.is_file()}
    assert not [name for name in files if "answers" in name or "release" in name]
    assert not [name for name in files if name.endswith(("nearest.py", "convolution.py"))]
    everything = "".join(
        file.read_text(encoding="utf-8")
        for file in edition.rglob("*")
        if file.suffix in (".py", ".ipynb", ".md", ".toml")
    )
    for secret in ("BEGIN SOLUTION", "HIDDEN TESTS", "jupytext", str(ROOT), "sliding_window_view("):
        assert secret not in everything
    for assignment in ASSIGNMENTS.values():
        assert f"{assignment.stem}.ipynb" in files


@each
def test_a_released_notebook_is_for_students(edition, assignment):
    notebook = nbformat.read(edition / f"{assignment.stem}.ipynb", 4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    addresses = release.project(ROOT)["urls"]
    place = addresses["Assignments"].removeprefix("https://github.com/")
    assert f"/github/{place}/blob/main/{assignment.stem}.ipynb)" in notebook.cells[0].source
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert f'"install -q git+{addresses["Assignments"]}"' in code[0].source
    stubs = [cell.source for cell in code if "raise NotImplementedError()" in cell.source]
    assert len(stubs) == len(assignment.questions)
    assert "](../" not in "".join(cell.source for cell in notebook.cells)


_IN_STUDENTS_PLACE = """
import sys
sys.path = [{out!r}, *(one for one in sys.path if one != {root!r})]
sys.meta_path = [one for one in sys.meta_path if "editable" not in repr(one).lower()]
import cv_course, importlib.util
from cv_course import grading
from cv_course.assignments import ASSIGNMENTS, QUESTIONS, check, hint
print(cv_course.__file__)
assert importlib.util.find_spec("cv_course.grading.answers") is None
for name in QUESTIONS:
    def wrong(*given): return 0
    wrong.__name__ = name
    check(wrong); hint(name)
def templates(W, image_shape): return W.reshape(-1, *image_shape).copy()
check(templates)
def templates(W, image_shape): return W.T.reshape(-1, *image_shape).copy()
check(templates)
try: grading.questions(ASSIGNMENTS["A1"])
except RuntimeError as problem: print(problem)
"""


def test_the_instant_check_works_without_any_answer_and_grading_is_refused(edition):
    """In a fresh process that has the students' package and no other."""
    code = _IN_STUDENTS_PLACE.format(out=str(edition), root=str(ROOT))
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(edition), "HOME": str(edition.parent)}
    how = {"cwd": edition, "env": env, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", code], **how)
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.startswith(str(edition))
    names = [question.name for one in ASSIGNMENTS.values() for question in one.questions]
    assert [name for name in names if f"✗ {name}" not in said] == []
    assert said.count("Hint 1 of 3") == len(names)
    assert "Look here: W was reshaped without being transposed" in said
    assert "✓ templates is right" in said
    assert "The students' edition holds none" in said


def test_the_edition_can_be_installed(edition):
    project = release.project(edition)
    assert project["dependencies"] == release.project(ROOT)["dependencies"]
    assert project["scripts"] == {"cv-course": "cv_course.cli:main"}


# --- what is refused -----------------------------------------------------------------------------


A2 = "notebooks/assignments/text/a2_convolution.py"
LEAK = "would give a solution away"
PLANTED = {
    "a hint that is the solution": (
        "cv_course/assignments/a1.toml",
        '"You have softmax_cross_entropy',
        '"_, dW, db = softmax_cross_entropy(W, b, X[batch], y[batch]) You have',
        LEAK,
    ),
    "a helper that is the answer": (
        "cv_course/plots.py",
        "def raster(",
        "def loss(scores, true):\n    log_P = scores   - np.log(np.exp(scores).sum(1))\n"
        "    loss =   -log_P[true > 0].mean()\n\n\ndef raster(",
        LEAK,
    ),
    "a solution outside its marks": (
        A2,
        "# %%\nhint(conv2d)",
        "# %%\nrows, columns = (H - KH) // stride + 1, (W - KW) // stride + 1\n",
        LEAK,
    ),
    "a written solution in the prose": (
        A2,
        "# ## 6 · In your own words (10 points)\n#\n",
        "# ## 6 · In your own words (10 points)\n#\n"
        "# few pixels, other filters meet it, which have not learned what to do with it. The "
        "number of\n",
        LEAK,
    ),
    "an unmarked solution": (A2, '"solution": true', '"solution": false', "non-solution cell"),
    "a failure": (A2, "if passed(conv2d):\n", "if True:\n", "untouched, does not run"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_refused_and_named(planted, checkout, tmp_path):
    name, before, after, said = PLANTED[planted]
    file = checkout / name
    source = file.read_text(encoding="utf-8")
    assert before in source
    file.write_text(source.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(RuntimeError, match=said) as refused:
        release.release(["A2", "A1"], out=tmp_path / "out")
    assert isinstance(refused.value, release.Leak) == (said == LEAK)
    assert [one.name for one in tmp_path.iterdir()] == ["checkout"]


@pytest.mark.parametrize(
    ("line", "tells"),
    [
        ("return answer", False),
        ("return tuple(", False),
        ("for number in range(count):", False),
        ("with torch.no_grad():", False),
        ("nn.Flatten(),", False),
        ("G[rows, y] -= 1", True),
        ("return rows @ weights", True),
        ("for row in zip(found, sorted(names)):", True),
    ],
)
def test_what_everybody_writes_is_no_leak(line, tells):
    assert release._tells(line) == tells


@pytest.mark.parametrize(
    ("printed", "complaint"),
    [("", "does not say that it is not done yet"), ("elsewhere", "with another package")],
)
def test_what_an_untouched_notebook_must_say(printed, complaint, monkeypatch, tmp_path):
    one = ASSIGNMENTS["A2"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A2")])
    nbformat.write(notebook, tmp_path / f"{one.stem}.ipynb")

    def run(notebook, file, timeout):
        text = f"{printed or tmp_path}/cv_course/__init__.py"
        notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=text)]
        return ""

    monkeypatch.setattr(notebooks, "execute", run)
    with pytest.raises(RuntimeError, match=complaint):
        release._runs_untouched(one, tmp_path)


def test_only_its_own_folder_is_replaced(monkeypatch, tmp_path):
    monkeypatch.setattr(release, "_runs_untouched", lambda *_: None)  # it takes seconds
    out = tmp_path / "students"
    out.mkdir()
    release.release(["A1"], out=out)
    (out / "old.txt").write_text("from the last release")
    release.release(["A2"], out=out)
    assert sorted(file.name for file in out.glob("*.ipynb")) == ["a2_convolution.ipynb"]
    assert not (out / "old.txt").exists()
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.tex").write_text("years of work")
    with pytest.raises(ValueError, match="did not write"):
        release.release(["A1"], out=foreign)
    assert (foreign / "chapter1.tex").read_text() == "years of work"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["students", "thesis"]


# --- nbgrader ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nbgrader_makes_the_same_of_the_same_source(edition, tmp_path):
    """A school that runs nbgrader loses nothing: its own command, its own autograder."""
    course = tmp_path / "course"
    for assignment in ASSIGNMENTS.values():
        folder = course / "source" / assignment.name
        folder.mkdir(parents=True)
        notebook = jupytext.read(release.source_of(ROOT, assignment))
        notebooks.clean(notebook)
        nbformat.write(notebook, folder / f"{assignment.stem}.ipynb")
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'cv'\n"
    )

    def nbgrader(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=course,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    for assignment in ASSIGNMENTS.values():
        nbgrader("generate_assignment", assignment.name)
        theirs = nbformat.read(
            course / "release" / assignment.name / f"{assignment.stem}.ipynb", as_version=4
        )
        ours = nbformat.read(edition / f"{assignment.stem}.ipynb", as_version=4)
        assert [cell.metadata for cell in theirs.cells] == [cell.metadata for cell in ours.cells]
        code = [[c.source for c in one.cells if c.cell_type == "code"] for one in (theirs, ours)]
        assert code[0] == code[1]

    handed_in = course / "submitted" / "ada" / "A2"
    handed_in.mkdir(parents=True)
    name = "a2_convolution.ipynb"
    solved, notebook = (
        nbformat.read(course / folder / "A2" / name, as_version=4)
        for folder in ("source", "release")
    )
    for answer, cell in zip(solved.cells, notebook.cells, strict=True):
        if cell.metadata.get("nbgrader", {}).get("grade_id") in ("conv2d", "max_pool2d"):
            cell.source = answer.source
    nbformat.write(notebook, handed_in / name)
    nbgrader("autograde", "A2")
    nbgrader("export", "--to", str(course / "grades.csv"))
    with open(course / "grades.csv", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["assignment"] == "A2")
    assert (row["student_id"], float(row["score"])) == ("ada", 20)


# --- what they are worth -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "assignment",
    # A4's networks are trained in its notebook at each push
    [pytest.param(a, id=n, marks=[pytest.mark.slow] * (n == "A4")) for n, a in ASSIGNMENTS.items()],
)
def test_the_solutions_score_full_marks_and_the_untouched_edition_none(edition, assignment):
    """In the sandbox, as it is graded: the authors' notebook, and the one that students get."""
    solved = (ROOT / "notebooks" / "assignments" / f"{assignment.stem}.ipynb").read_bytes()
    full = judge.grade(assignment, solved, seed=5, timeout=900)  # however busy the machine is
    assert [q["messages"] for q in full["questions"] if q["status"] != "correct"] == []
    assert full["score"] == full["max_score"] == assignment.points
    untouched = (edition / f"{assignment.stem}.ipynb").read_bytes()
    none = judge.grade(assignment, untouched, seed=5)
    assert none["score"] == 0
    assert {q["status"] for q in none["questions"]} == {"missing"}
