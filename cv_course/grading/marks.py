"""Marks that a person gives to free-text answers: a CSV to fill in, and its way back.

A spreadsheet may have rewritten the file on the way: other separators, a comma in a number, a
byte-order mark, rows in another order.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cv_course.grading.table import plain, rows_as_csv

COLUMNS = ("result", "student", "answer", "points", "comment")


@dataclass(frozen=True)
class Mark:
    """``answer`` is the digest of the text that was marked; empty where the file has none."""

    points: float
    comment: str = ""
    answer: str = ""


def read(assignment, folder: Path, extra: Path | None = None) -> dict[tuple[str, str], Mark]:
    """Marks by (question, name of the result): from ``folder/QUESTION.csv`` and one more file.

    Args:
        extra: a file of the same columns, which wins. Where the assignment has several free-text
            questions, it says in a column ``question`` which is meant.

    Raises:
        FileNotFoundError: ``extra`` is not there.
        ValueError: a mark that is no number or not within the question's points.
    """
    most = {name: points for name, _, points in assignment.free_text}
    files = {folder / f"{name}.csv": name for name in most if (folder / f"{name}.csv").exists()}
    if extra:
        files[extra] = next(iter(most)) if len(most) == 1 else extra.stem
    given: dict[tuple[str, str], Mark] = {}
    for file, question in files.items():
        given |= _marks(file, most, question)
    return given


def sheet(question: str, results: Iterable[dict], given: dict) -> str:
    """The CSV to fill in, with the marks that are there already."""
    rows: list[tuple] = [COLUMNS]
    for result in results:
        mark = given.get((question, result["name"]))
        text = result.get("free_text", {}).get(question, "")
        points = "" if mark is None else f"{mark.points:g}"
        answer = mark.answer if mark and mark.answer else digest(text)
        comment = mark.comment if mark else ""
        rows.append((result["name"], result["student"], answer, points, comment))
    return rows_as_csv(rows)


def digest(text: str) -> str:
    """Eight characters that change with the answer; empty where there is none."""
    return sha256(text.encode()).hexdigest()[:8] if text.strip() else ""


def outdated(question: str, result: dict, given: dict) -> bool:
    """Whether the answer was changed after it was marked."""
    mark = given.get((question, result["name"]))
    text = result.get("free_text", {}).get(question, "")
    return bool(mark and mark.answer and mark.answer != digest(text))


def _marks(file: Path, most: dict[str, float], question: str) -> dict[tuple[str, str], Mark]:
    text = file.read_text("utf-8-sig", errors="replace")
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    found = {}
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    missing = {"result", "points"} - set(reader.fieldnames or ())
    if missing:
        raise ValueError(f"{file} has no column {' and '.join(sorted(missing))}.")
    for row in reader:
        points = (row["points"] or "").strip().replace(",", ".")
        if not points:
            continue
        asked = (row.get("question") or question).strip()
        if asked not in most:
            raise ValueError(
                f"{file}, line {reader.line_num}: no free-text question {asked!r}; there are "
                f"{', '.join(most)}."
            )
        try:
            value = float(points)
        except ValueError:
            value = -1.0
        if not 0 <= value <= most[asked]:
            raise ValueError(
                f"{file}, line {reader.line_num}: expected points from 0 to {most[asked]:g}, "
                f"got {row['points']!r}."
            )
        found[asked, plain(row["result"])] = Mark(
            value, plain(row.get("comment") or ""), (row.get("answer") or "").strip()
        )
    return found
