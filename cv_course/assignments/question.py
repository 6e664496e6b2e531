"""The questions of graded assignments: points, time limits, and answers that have to be judged.

The sandbox holds this module, and students' code can read it: nothing here knows a right answer.
"""

import dataclasses
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cv_course import drill
from cv_course.drill import Known, Outcome, Seen, Verdict

AFTER = "after a call with"
_LOST = (
    "The answer holds NaN or infinity.",
    "Look here: Numbers grew without limit, or 0 was divided by 0. In training: take smaller "
    "steps, average the gradient over the batch, and subtract the largest logit before exp.",
)


class _NotBegun(Exception):
    """The student's function returned None or ``...``."""


@dataclass(frozen=True)
class Case(drill.Case):
    """One call of the student's function.

    Args:
        about: as in :class:`cv_course.drill.Case`.
        arguments: as there; they travel to the sandbox as plain data: no tensor, no object of a
            class.
        group: the points of a question are shared among its groups; a group counts when all its
            cases are right.
        secret: what only ``Question.judge`` may know, such as the labels of hidden images.
    """

    group: str = ""
    secret: object = None


@dataclass(frozen=True)
class Question(drill.Question):
    """A function that is worth points.

    Args:
        reference: not part of what students get (see ``cv_course.grading``); their check compares
            with stored answers. Beside a ``judge``: the arrays by name that have to agree, too,
            where all has been judged right.
        points: what it is worth.
        collect: (function, *arguments) -> the answer, where calling the function is not enough:
            of a network, what it does with given weights. A dictionary of arrays counts as several
            answers. It runs beside the student's code, and no further where the function is not
            begun (it returns None).
        judge: (case, answers) -> yields lists of sentences that say what is wrong; the first that
            is not empty is said, and no other. For questions with many right answers, before any
            ``reference``. ``answers`` are arrays by name, plainly ``{"answer": array}``; none holds
            NaN or infinity. Never runs beside the student's code.
        cpu_seconds: computing time that one case may cost.

    The others are those of :class:`cv_course.drill.Question`.
    """

    points: float = 0
    collect: Callable | None = None
    judge: Callable | None = None
    cpu_seconds: float | None = None

    def verdict(self, answer) -> Verdict:
        if self.reference or not callable(answer):
            return super().verdict(answer)
        from cv_course.assignments.registry import StaleAnswers, practice

        try:
            return drill.examine(self, answer, known=practice)
        except StaleAnswers as problem:
            return Verdict("unchecked", [str(problem)])

    def call(self, function: Callable, given: tuple) -> dict:
        if not self.collect:
            return super().call(function, given)

        def begun(*given):
            answer = function(*given)
            if answer is None or answer is ...:
                raise _NotBegun
            return answer

        try:
            answer = self.collect(begun, *given)
        except _NotBegun:
            answer = None
        return answer if isinstance(answer, dict) else {"answer": answer}

    def work_out(self, case: Case) -> Known:
        # the reference of a judged question gives what is collected
        plain = dataclasses.replace(self, collect=_called) if self.judge else self
        return super(Question, plain).work_out(case)

    def complain(
        self, case: Case, outcome: Outcome, known: Known | None = None, seen: Seen | None = None
    ) -> Verdict:
        wanted = self.judge and not outcome.messages
        if wanted and (judged := self._judged(case, outcome.answers)):
            return Verdict("wrong", judged)
        found = super().complain(case, outcome, known, seen)
        if found.status == "correct" and self.cpu_seconds and outcome.seconds > self.cpu_seconds:
            said = (
                f"The answer is right, but it took {outcome.seconds:.1f} s of computing; the most "
                f"is {self.cpu_seconds:g} s. Fewer, larger steps: let array operations do what "
                "Python's loops do now."
            )
            return Verdict("wrong", [said], "too-slow")
        return found

    def _judged(self, case: Case, answers: dict[str, np.ndarray]) -> list[str]:
        if all(np.isfinite(part).all() for part in answers.values()):
            return next(filter(None, self.judge(case, answers)), [])
        return list(_LOST)


def _called(function: Callable, *given):
    return function(*given)


def asked(module: str, **code: dict) -> dict:
    """What an ``Assignment`` holds besides its name, from the table beside its module.

    Args:
        module: its ``__name__``; ``a1.toml`` stands beside ``a1.py``, with ``[assignment]`` and a
            table a question: ``contract``, ``hints``, ``points`` and what else is no code; ``ask``
            and ``points`` of what is answered in words.
        code: of each question what is code: ``cases``, and perhaps ``collect`` and ``judge``.
    """
    tables = table(module)
    written = tuple(
        (name, one["ask"], one["points"]) for name, one in tables.items() if "ask" in one
    )
    for name, one in code.items():
        one |= {**tables[name], "hints": tuple(tables[name]["hints"])}  # questions are hashed
    questions = tuple(Question(name, **one) for name, one in code.items())
    return {**tables["assignment"], "questions": questions, "free_text": written}


def cases(*rows: tuple) -> Iterator[Case]:
    """A case for each row: its group, what it is about, and the arguments."""
    for group, about, *arguments in rows:
        yield Case(about, tuple(arguments), group)


def again(function: Callable, *given):
    """Collects an answer; first the function gets what stands behind :data:`AFTER`, if that does.

    So a case shows what a function kept from the call before.
    """
    for place, one in enumerate(given):
        if isinstance(one, str) and one == AFTER:
            function(*given[place + 1 :])
            return function(*given[:place])
    return function(*given)


def parts(answer, names: Sequence[str], least: int | None = None) -> dict:
    """The values that a function returned, by name; more of them than names are left out.

    Args:
        least: how many there have to be, where not all are needed.

    Raises:
        TypeError: it did not return that many values.
    """
    several = isinstance(answer, tuple | list)
    if several and len(answer) >= (least or len(names)):
        return dict(zip(names, answer, strict=False))
    came = f"{len(answer)} came" if several else f"{type(answer).__name__} came"
    raise TypeError(f"return {len(names)} values, {', '.join(names)}; {came} back.")


def table(module: str) -> dict:
    """What stands in the ``.toml`` beside a module."""
    file = Path(sys.modules[module].__file__).with_suffix(".toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))
