"""What people get to read and import: feedback, marking pages, marks, gradebooks."""

import base64
import csv
import io
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from classroom import fake, notebook
from PIL import Image

from cv_course import cli
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import exports, figures, marks, pages, run
from cv_course.grading.table import harmless, plain, rows_as_csv

A1 = ASSIGNMENTS["A1"]
QUESTION, _, MOST = A1.free_text[0]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"


def result(student="ann", **changes) -> dict:
    graded = fake("A1", student.encode(), seed=0, timeout=1, unsafe=False)
    whole = {"student": student, "id": "", "file": f"{student}_A1.ipynb", "figures": [], **graded}
    return {**whole, "name": student, **changes}


def read(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "html.parser")


def picture(width=40, height=30, kind="PNG") -> str:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (200, 200, 200)).save(stream, kind)
    return base64.b64encode(stream.getvalue()).decode()


def shown(*pictures: str) -> bytes:
    data = [{"output_type": "display_data", "data": {"image/png": one}} for one in pictures]
    return notebook("plot()", outputs=data)


# --- pages ---------------------------------------------------------------------------------------


def test_everything_that_a_student_can_write_is_text():
    one = {"name": HOSTILE, "score": 0, "max_score": 1, "status": HOSTILE, "messages": [HOSTILE]}
    hostile = result(HOSTILE, file=HOSTILE, notes=[HOSTILE], questions=[one], figures=[HOSTILE])
    hostile["free_text"] = {QUESTION: HOSTILE}
    given = {(QUESTION, HOSTILE): marks.Mark(1, HOSTILE)}
    marking = pages.marking(A1, A1.free_text[0], [hostile], given)
    for page in (pages.feedback(A1, hostile, given), marking):
        seen = read(page)
        assert seen.find_all(["script", "img", "iframe", "link"]) == []
        assert not [name for one in seen.find_all() for name in one.attrs if name[:2] == "on"]
        assert seen.text.count(HOSTILE) >= 3
        assert "49" not in seen.text
        assert "default-src 'none'" in page


def test_feedback_names_status_points_diagnosis_and_what_to_read():
    def kinds(one):
        return {question["status"] for question in one["questions"]}

    student = next(one for one in map(result, "abcdefghij") if len(kinds(one)) == 3)
    text = read(pages.feedback(A1, student, {})).text
    told = "✓ right", "✗ not right yet", "◐ partly right", "squared distance.", "not marked yet"
    for part in (*told, "To read again", *(question["name"] for question in student["questions"])):
        assert part in text
    assert "without a sandbox" not in text
    assert "without a sandbox" in pages.feedback(A1, result(sandbox="none"), {})


def test_every_question_of_every_assignment_has_something_to_read():
    texts = Path(__file__).parents[1] / "notebooks" / "text"
    for assignment in ASSIGNMENTS.values():
        for question in assignment.questions:
            stem = pages.SECTIONS[question.name]
            assert (texts / f"{stem}.py").exists(), question.name


# --- figures -------------------------------------------------------------------------------------


def test_a_students_figures_are_written_anew():
    hidden = base64.b64encode(base64.b64decode(picture()) + b"<script>alert(1)</script>").decode()
    (own,) = figures.own(shown(hidden))
    assert b"script" not in base64.b64decode(own)
    with Image.open(io.BytesIO(base64.b64decode(own))) as image:
        assert image.size == (40, 30)
        assert image.getpixel((0, 0)) == (200, 200, 200)
    page = pages.feedback(A1, result(figures=[own]), {})
    assert f'<img src="data:image/png;base64,{own}" alt="Figure 1' in page


def test_large_figures_are_shrunk_and_many_are_cut():
    found = figures.own(shown(*[picture(2000, 1000)] + [picture()] * 30))
    assert len(found) == figures.MOST
    with Image.open(io.BytesIO(base64.b64decode(found[0]))) as image:
        assert image.size == (figures.WIDTH, figures.WIDTH // 2)


def bomb() -> str:
    """A PNG whose header speaks of a billion pixels."""
    data = bytearray(base64.b64decode(picture()))
    data[16:24] = (31623).to_bytes(4, "big") * 2
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{nope", b"[]", b"[" * 100_000, b'{"cells": 3}'),
        b'{"cells": [3, {"outputs": 3}, {"outputs": [3, {"data": 3}]}]}',
        b'{"cells": [{"outputs": [{"data": {"image/png": 3}}]}]}',
        *map(shown, ("!!", picture(kind="JPEG"), picture()[:60], bomb(), "A" * 8_000_000)),
        shown(base64.b64encode(b"\x89PNG nothing").decode()),
    ],
    ids=range(13),
)
def test_what_is_no_picture_is_left_out(content):
    assert figures.own(content) == []


# --- marks ---------------------------------------------------------------------------------------


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """A folder of two graded students, and the command that grades it."""
    monkeypatch.setattr(run, "mark", fake)
    for name in ("ann", "=bo"):
        (tmp_path / f"{name}_A1.ipynb").write_bytes(notebook(f"x = '{name}'"))
    out = tmp_path / "out"

    def again(*options: str) -> int:
        files = [str(tmp_path / f"{name}_A1.ipynb") for name in ("ann", "=bo")]
        return cli.main(["grade", "A1", *files, "--out", str(out), *options])

    assert again() == 0
    return out, again


def entered(out) -> dict[str, str]:
    """Student -> points for the answer in words, in the gradebook."""
    return {row["student"]: row[QUESTION] for row in rows(out / "gradebook.csv")}


def rows(file) -> list[dict]:
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))


def fill_in(file, separator=",", **points) -> None:
    table = rows(file)
    for row in table:
        row["points"] = points.get(plain(row["result"]), "")
        row["comment"] = "well said" if row["points"] else ""
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(reversed(table))


@pytest.mark.parametrize(("separator", "points"), [(",", "7.5"), (";", "7,5"), ("\t", " 7.5 ")])
def test_marks_come_back_into_gradebook_feedback_and_sheet(graded, separator, points):
    out, again = graded
    sheet = out / "marking" / f"{QUESTION}.csv"
    fill_in(sheet, separator, ann=points)
    for _ in range(2):  # what is read is written again, and is still there
        assert again() == 0
        assert entered(out) == {"ann": "7.5", "'=bo": ""}
        feedback = read((out / "feedback" / "ann.html").read_text()).text
        assert f"7.5 of {MOST:g}" in feedback
        assert "well said" in feedback
        page = read((out / "marking" / f"{QUESTION}.html").read_text()).text
        assert "1 of 2 are marked" in " ".join(page.split())


def test_marks_can_come_from_a_file_of_ones_own(graded, tmp_path):
    out, again = graded
    own = tmp_path / "marks.csv"
    own.write_text(f"question,result,points\n{QUESTION},ann,3\n")
    for options in (("--marks", str(own)), ()):  # it was kept
        assert again(*options) == 0
        assert entered(out)["ann"] == "3"


@pytest.mark.parametrize("points", ["11", "-1", "good", "nan", "1e9"])
def test_a_mark_that_is_none_is_refused_before_anything_is_graded(graded, capsys, points):
    out, again = graded
    fill_in(out / "marking" / f"{QUESTION}.csv", ann=points)
    before = (out / "gradebook.csv").read_bytes()
    assert again() == 1
    said = capsys.readouterr().err
    assert f"expected points from 0 to {MOST:g}" in said
    assert f"{QUESTION}.csv, line" in said
    assert (out / "gradebook.csv").read_bytes() == before


def test_a_sheet_without_its_columns_says_which(tmp_path):
    (tmp_path / f"{QUESTION}.csv").write_text("name,mark\nann,3\n")
    with pytest.raises(ValueError, match="no column points and result"):
        marks.read(A1, tmp_path)


def test_an_answer_that_was_changed_after_marking_is_said(graded, tmp_path, capsys):
    out, again = graded
    fill_in(out / "marking" / f"{QUESTION}.csv", ann="7")
    (tmp_path / "ann_A1.ipynb").write_bytes(notebook("x = 'another answer'"))
    capsys.readouterr()
    assert again() == 0
    assert f"ann: {QUESTION} was changed after it was marked" in capsys.readouterr().out
    assert entered(out)["ann"] == "7"


# --- gradebooks ----------------------------------------------------------------------------------


RUNS = ("=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "\n=1")


@pytest.mark.parametrize("cell", [*RUNS, "ann", "'quoted", "", "O'Neil"])
def test_a_spreadsheet_runs_no_cell_and_others_are_left_alone(cell):
    text = rows_as_csv([["a", "b"], [cell, 1]])
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert row["a"] == "'" * (cell in RUNS) + cell
    assert plain(harmless(cell)) == cell


def table(name: str, *results: dict, given=()) -> list[list[str]]:
    text = exports.tables(A1, results, dict(given))[name]
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_plain_gradebook_has_a_column_for_each_question():
    ann = result()
    header, row = table("gradebook.csv", ann, given={(QUESTION, "ann"): marks.Mark(4)}.items())
    book = dict(zip(header, row, strict=True))
    assert header[:6] == ["student", "id", "file", "status", "score", "max_score"]
    assert float(book["score"]) == ann["score"]
    for question in ann["questions"]:
        assert float(book[question["name"]]) == question["score"]
    assert book[QUESTION] == "4"
    assert book["status"] == "graded"
    _, refused = table("gradebook.csv", result(refused="It is empty."))
    assert refused[3] == "refused"


def test_canvas_and_moodle_get_the_columns_that_they_import():
    ann, bo = result(id="4711"), result("bo")
    header, points, *students = table("canvas.csv", ann, bo)
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "A1"]
    assert points == ["    Points Possible", "", "", "", "", f"{A1.points:g}"]
    assert students[0] == ["ann", "4711", "", "", "", f"{ann['score']:g}"]
    assert students[1] == ["bo", "", "", "bo", "", f"{bo['score']:g}"]
    header, row, _ = table("moodle.csv", ann, bo)
    book = dict(zip(header, row, strict=True))
    assert book["Identifier"] == "Participant 4711"
    assert book["Full name"] == "ann"
    assert float(book["Grade"]) == ann["score"]
    assert float(book["Maximum Grade"]) == A1.points
    assert "pairwise_distances: " in book["Feedback comments"]


def test_the_summary_counts_a_diagnosis_once_a_student():
    one = {**result()["questions"][0], "status": "wrong", "score": 0}
    one["messages"] = ["Look here: squared.", "Look here: squared.", "Look here: transposed."]
    two = {**one, "messages": ["Look here: transposed."]}
    lines = exports.summary(A1, [result(questions=[one]), result(questions=[two])], [], [], {})
    assert re.search(r"most often \(2\): transposed\.", lines)
