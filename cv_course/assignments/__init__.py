"""Graded assignments: what is asked, instant checks, and how a notebook is run and judged.

``check(f)`` says in words what is right, ``hint(f)`` helps. This folder is all that students and
the sandbox get; the answers are in ``cv_course.grading``. Students may have only some assignments.
"""

from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.drill import Book, say

__all__ = ["ASSIGNMENTS", "QUESTIONS", "check", "hint", "passed"]

QUESTIONS = {one.name: one for assignment in ASSIGNMENTS.values() for one in assignment.questions}
_book = Book(lambda: QUESTIONS)
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
