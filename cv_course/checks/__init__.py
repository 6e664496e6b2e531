"""Instant checks of the exercises: ``check(f)`` says in words what is right, ``hint(f)`` helps.

One :class:`~cv_course.checks.core.Question` a function holds everything that is known about it;
notebooks and grader use the same ones. ``start``, ``search`` … hold the practice exercises of the
sections, ``a1``, ``a2`` … the public part of the assignments. Students of the assignments have a
package without the sections' modules, so what is there is found, when it is first asked for: the
grader needs no section and none of the libraries that sections bring along.
"""

import functools
import importlib
import pkgutil
import textwrap

from cv_course.checks.assignments import ASSIGNMENTS, StaleAnswers, is_assignment, practice
from cv_course.checks.core import Case, Question, Verdict, examine

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


_hints_given: dict[str, int] = {}
_passed: set[str] = set()


def check(function) -> None:
    """Print at once whether ``function`` does what its exercise asks, and if not, what is wrong."""
    question = _question(function)
    if not question:
        return
    needs_stored = question.points and not question.reference
    try:
        verdict = examine(question, function, known=practice if needs_stored else None)
    except StaleAnswers as problem:
        _say(str(problem))
        return
    _say(str(verdict))
    (_passed.add if verdict.status == "correct" else _passed.discard)(question.name)


def passed(function) -> bool:
    """Whether the last ``check`` of ``function`` found it right; if not, says what waits for it.

    An assignment's pictures of what a function does are drawn once it is right.
    """
    name = getattr(function, "__name__", function)
    if name not in _passed:
        print(f"(There is something to see here once check({name}) says that it is right.)")
    return name in _passed


def hint(function) -> None:
    """Print the next hint for ``function``; each call goes one step further."""
    question = _question(function)
    if not question:
        return
    if not question.hints:
        _say(f"{question.name} has no hints. It is asked for: {question.contract}")
        return
    given = _hints_given.get(question.name, 0)
    step = min(given, len(question.hints) - 1)
    _hints_given[question.name] = given + 1
    _say(f"Hint {step + 1} of {len(question.hints)}: {question.hints[step]}")
    if step + 1 == len(question.hints):
        solved = "the worked solution is at the end of the notebook"
        print(f"(That was the last hint; {'ask in class' if question.points else solved}.)")


def _say(text: str) -> None:
    """Print with line breaks between words: a notebook would break within them."""
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())] + "  "
        print(textwrap.fill(line, 96, subsequent_indent=indent, break_long_words=False))


def _question(function) -> Question | None:
    name = function if isinstance(function, str) else getattr(function, "__name__", "")
    questions = _all_questions()
    if name not in questions:
        print(
            f"There is no exercise called {name or function!r}. Give me the function itself, "
            f"under its own name; the exercises are: {', '.join(questions)}."
        )
    return questions.get(name)
