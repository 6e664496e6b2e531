"""Instant checks of the exercises: ``check(f)`` says in words what is right, ``hint(f)`` helps.

One :class:`~cv_course.checks.core.Question` a function holds everything that is known about it;
notebooks and grader use the same ones. ``start``, ``search`` … hold the practice exercises of the
sections.
"""

import textwrap

from cv_course.checks import (
    alexnet,
    convolution,
    features,
    heads,
    inside,
    lenet,
    perception,
    receptive,
    search,
    speed,
    start,
    template,
    vgg,
)
from cv_course.checks.core import Case, Question, Verdict, examine

__all__ = ["QUESTIONS", "Case", "Question", "Verdict", "check", "examine", "hint"]

_SECTIONS = (start, perception, features, search, template, convolution)
_SECTIONS += (heads, lenet, alexnet, receptive, vgg, inside, speed)
QUESTIONS = {one.name: one for part in _SECTIONS for one in part.QUESTIONS}
_hints_given: dict[str, int] = {}


def check(function) -> None:
    """Print at once whether ``function`` does what its exercise asks, and if not, what is wrong."""
    question = _question(function)
    if question:
        _say(str(examine(question, function)))


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
        print("(That was the last hint; the worked solution is at the end of the notebook.)")


def _say(text: str) -> None:
    """Print with line breaks between words: a notebook would break within them."""
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())] + "  "
        print(textwrap.fill(line, 96, subsequent_indent=indent, break_long_words=False))


def _question(function) -> Question | None:
    name = function if isinstance(function, str) else getattr(function, "__name__", "")
    if name not in QUESTIONS:
        print(
            f"There is no exercise called {name or function!r}. Give me the function itself, "
            f"under its own name; the exercises are: {', '.join(QUESTIONS)}."
        )
    return QUESTIONS.get(name)
