"""One whole round as a class does it: release, solve, preview, grade, mark, read the feedback."""

import csv
import inspect
import io
import json

import pytest
from made_up import no_sandbox

from cv_course import cli
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import release
from cv_course.grading.answers import a1

pytestmark = [no_sandbox, pytest.mark.browser]  # all of them, so that the class is graded once
A1 = ASSIGNMENTS["A1"]
FREE = A1.free_text[0][0]
SCRIPT = "<script>document.title = 'forged'; alert(1)</script>"
EVE = "Eve <script>alert(2)<"

RIGHT = {name: inspect.getsource(one) for name, one in a1.REFERENCES.items()} | {
    "train_linear_classifier": """
def train_linear_classifier(X, y, steps, seed):
    ones = np.hstack([X, np.ones((len(X), 1))])
    both = np.linalg.solve(ones.T @ ones + 30 * np.eye(ones.shape[1]), ones.T @ np.eye(10)[y])
    return both[:-1], both[-1]
""",
    "projection": """
def projection(X, y, size):
    return np.linalg.svd(X - X.mean(0), full_matrices=False)[2][:size].T
""",
}
WRONG = {
    **RIGHT,
    "pairwise_distances": """
def pairwise_distances(X, Y, metric):
    gaps = np.abs(X[:, None].astype(float) - Y)
    return gaps.sum(-1) if metric == "l1" else (gaps**2).sum(-1)
""",
    "knn_predict": """
def knn_prediction(X_train, y_train, X_query, k):
    return forgotten
""",
}
HOSTILE = {
    "pairwise_distances": """
import os, cv_course
np.testing.assert_allclose = np.allclose = np.isclose = lambda *a, **k: True
class Equal(np.ndarray):
    __eq__ = __ne__ = lambda *a: True
def pairwise_distances(X, Y, metric):
    answers = os.path.join(os.path.dirname(cv_course.__file__), "grading", "answers")
    if os.path.exists(answers) or os.environ.get("SECRET"):
        raise RuntimeError("FOUND")
    return np.zeros((len(X), len(Y))).view(Equal)
""",
    "knn_predict": """
print("<script>document.title = 'forged'; alert(1)</script>")
def knn_predict(*_):
    raise ValueError("<script>document.title = 'forged'; alert(1)</script>")
""",
    "softmax_cross_entropy": "import os; os._exit(0)",
}


def solved(released: dict, functions: dict[str, str], words: str) -> bytes:
    """The released notebook with these functions in place of its stubs, as a student saves it."""
    notebook = json.loads(json.dumps(released))
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        for name, text in functions.items():
            if cell["cell_type"] == "code" and f"def {name}(" in source:
                cell["source"] = text
        if FREE in source and "our answer" in source:
            cell["source"] = source + "\n\n" + words
    return json.dumps(notebook).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("round")
    release.release(["A1"], out=folder / "edition")
    (file,) = (folder / "edition").rglob(f"{A1.stem}.ipynb")
    released = json.loads(file.read_text())
    students = {"Ann Lee": RIGHT, "Bo": WRONG, EVE: HOSTILE}
    (folder / "in").mkdir()
    for name, functions in students.items():
        words = f"{name}: a template is one picture. {SCRIPT}"
        (folder / "in" / f"{name}_A1.ipynb").write_bytes(solved(released, functions, words))
    (folder / "in" / "Untouched_A1.ipynb").write_bytes(file.read_bytes())
    return folder


def grade(folder, *options: str) -> int:
    return cli.main(["grade", "A1", str(folder / "in"), "--out", str(folder / "out"), *options])


def book(folder) -> dict[str, dict]:
    text = (folder / "out" / "gradebook.csv").read_text("utf-8-sig")
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_before_handing_in_each_learns_what_the_grader_will_see(folder, capsys):
    assert cli.main(["preview", str(folder / "in" / "Ann Lee_A1.ipynb")]) == 0
    said = capsys.readouterr().out
    for question in A1.questions:
        assert f"✓ {question.name}: correct" in said
    assert cli.main(["preview", str(folder / "in" / "Bo_A1.ipynb")]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "These are squared distances" in said
    assert "There is knn_prediction." in said


def test_grading_marking_and_the_gradebook(folder, capsys, monkeypatch):
    monkeypatch.setenv("SECRET", "in the grader's environment")
    assert grade(folder) == 0
    said = capsys.readouterr().out
    assert "4 results" in said
    assert "These are squared distances" in said
    scores = {name: float(row["score"]) for name, row in book(folder).items()}
    assert scores["Ann Lee"] == A1.points
    assert 0 < scores["Bo"] < A1.points
    assert scores[EVE] == scores["Untouched"] == 0
    everything = b"".join(path.read_bytes() for path in (folder / "out").rglob("*.json"))
    assert b"FOUND" not in everything

    sheet = folder / "out" / "marking" / f"{FREE}.csv"
    rows = list(csv.reader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
    for row in rows:
        if row[0] == "Ann Lee":
            row[3:] = ["8.5", "good"]
    with open(sheet, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    assert grade(folder) == 0
    assert book(folder)["Ann Lee"][FREE] == "8.5"
    assert book(folder)["Bo"][FREE] == ""


def test_feedback_in_a_real_browser_is_text_and_runs_nothing(browser, folder):
    if not (folder / "out" / "feedback").exists():
        grade(folder)
    pages = [*(folder / "out" / "feedback").iterdir(), *(folder / "out" / "marking").glob("*.html")]
    assert len(pages) == 5
    seen, dialogs, asked = {}, [], []
    page = browser.new_page()
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    for file in pages:
        page.goto(file.as_uri())
        assert page.title() != "forged"
        assert page.locator("script").count() == 0
        seen[file.stem] = page.locator("body").inner_text()
    page.close()
    assert dialogs == []
    assert asked == [file.as_uri() for file in pages]
    assert SCRIPT in seen[FREE]
    assert f"{A1.points:g} of {A1.points:g} points" in " ".join(seen["Ann Lee"].split())
    assert "These are squared distances" in seen["Bo"]
    (eve,) = (text for name, text in seen.items() if name.startswith("Eve"))
    assert EVE in eve
    assert SCRIPT in eve
