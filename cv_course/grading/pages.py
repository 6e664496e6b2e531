"""The pages that people read: feedback for a student, and a page of free-text answers to mark.

Everything that comes from a student is text in them. They load nothing and run no script.
"""

import base64
import functools
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from cv_course.grading import marks
from cv_course.grading.exports import DIAGNOSIS

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_WORDS = _TABLES["words"]
SECTIONS = {name: section for section, names in _TABLES["sections"].items() for name in names}
_UNSAFE = (
    "This notebook was run without a sandbox, so the result is not protected against "
    "what the notebook does."
)


def feedback(assignment, result: dict, given: dict) -> str:
    """What a student gets to read: points, what is wrong and why, the own figures."""
    notes = ([_UNSAFE] if result["sandbox"] == "none" else []) + result["notes"]
    return page(
        "feedback.html",
        assignment=assignment,
        result=result,
        notes=notes,
        answers=[_written(question, result, given) for question in assignment.free_text],
        figures=[figure for figure in result.get("figures", ()) if _is_base64(figure)],
    )


def marking(assignment, question: tuple, results: Iterable[dict], given: dict) -> str:
    """All answers to one free-text question on one page."""
    name, about, most = question
    answers = [_written(question, result, given) for result in results]
    return page(
        "marking.html",
        assignment=assignment,
        name=name,
        about=about,
        most=most,
        answers=answers,
        marked=sum(answer["mark"] is not None for answer in answers),
    )


def _written(question: tuple, result: dict, given: dict) -> dict:
    """What a student wrote, and the mark for it."""
    name, about, most = question
    return {
        "about": about,
        "most": most,
        "student": result["student"],
        "result": result["name"],
        "text": result.get("free_text", {}).get(name, ""),
        "mark": given.get((name, result["name"])),
        "outdated": marks.outdated(name, result, given),
    }


def page(template: str, **content) -> str:
    """What one of ``templates`` makes of ``content``; in ``.html`` all of that is text."""
    return _pages().get_template(template).render(**content)


@functools.cache
def _pages() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    pages.globals.update(
        diagnosis=DIAGNOSIS,
        number=lambda value: f"{round(value, 2):g}",
        words=lambda status: _WORDS.get(status, status),
        state=lambda status: status if status in _WORDS else "error",
        read=_section,
        split=lambda message: message.partition("\n")[::2],
    )
    return pages


def _section(question: str) -> str:
    number, _, title = SECTIONS.get(question, "").partition("_")
    return f"section {number}, {title.replace('_', ' ')}" if number else ""


def _is_base64(figure: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9+/=]+", figure):
        return False
    return base64.b64decode(figure[:16])[:4] == b"\x89PNG"
