"""Instant checks of the exercises: ``check(f)`` says in words what is right, ``hint(f)`` helps.

One :class:`~cv_course.drill.Question` a function holds everything that is known about it;
notebooks and grader use the same ones. ``a1``, ``a2`` … hold the public part of the assignments;
the exercises of the sections are in ``sections``. Students may have a package with only some of the
assignments, so what is there is found when it is first asked for.
"""

import functools
import importlib
import pkgutil

from cv_course.assignments.registry import ASSIGNMENTS, is_assignment
from cv_course.drill import Book, Case, Question, Verdict, examine, say

__all__ = [
    "ASSIGNMENTS",
    "QUESTIONS",
    "Case",
    "Question",
    "Verdict",
    "check",
    "examine",
    "hint",
    "passed",
]


@functools.cache
def _all_questions() -> dict[str, Question]:
    """By name; where a section and an assignment ask for the same, the section's."""
    found: dict[str, Question] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        part = None if is_assignment(name) else importlib.import_module(f"{__name__}.{name}")
        found |= {one.name: one for one in getattr(part, "QUESTIONS", ())}
    for assignment in ASSIGNMENTS.values():
        found = {one.name: one for one in assignment.questions} | found
    return found


def __getattr__(name: str):
    if name == "QUESTIONS":
        return _all_questions()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_book = Book(_all_questions)
check, hint = _book.check, _book.hint


def passed(function) -> bool:
    """Whether the last ``check`` of ``function`` found it right; if not, says what waits for it.

    An assignment's pictures of what a function does are drawn once it is right.
    """
    name = getattr(function, "__name__", function)
    right = _book.passed.get(name, False)
    if not right:
        say(f"(There is something to see here once check({name}) says that it is right.)")
    return right
