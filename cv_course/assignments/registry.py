"""The graded assignments: what they ask, and the stored answers that the instant check compares.

An assignment is a module ``a1``, ``a2`` … with ``ASKED``, and the table ``a1.toml`` beside it. Its
questions hold no reference: that is the instructor's (``cv_course.grading.answers``). What students
get in its place are the right and the usual wrong answers to the cases of one seed, as numbers.
"""

import ast
import functools
import html
import importlib
import pkgutil
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cv_course.assignments.question import Case, Question
from cv_course.drill import Known

PRACTICE_SEED = 0
_HERE = Path(__file__).parent
EMPTY_ANSWER = "YOUR ANSWER HERE"  # what nbgrader leaves in place of a written solution


@dataclass(frozen=True)
class Assignment:
    """One assignment.

    Args:
        name: ``A1`` …; part of the file names of what is handed in.
        title: its heading.
        stem: its notebook's file name without suffix.
        minutes: how long it takes a student.
        questions: what is graded by machine; they hold no reference.
        free_text: (name, what is asked, most points) of what a person marks.
    """

    name: str
    title: str
    stem: str
    minutes: int
    questions: tuple[Question, ...]
    free_text: tuple[tuple[str, str, float], ...] = ()

    @property
    def points(self) -> float:
        """The most points that the questions give; free text counts beside them."""
        return sum(question.points for question in self.questions)

    @property
    def seconds(self) -> float:
        """What one submission may take in all unless the instructor says otherwise.

        A question that allows much computing is not to be cut off by the time of the whole.
        """
        return max(180.0, 60 + sum(question.cpu_seconds or 0 for question in self.questions))

    def free_answers(self, cells: Iterable[tuple[bool, str]]) -> dict[str, str]:
        """The written answers by name, from (is code, source) of each cell; empty where none is.

        An answer is what follows the words *Your answer (name):* on their line, in their cell and
        in the cells of text behind it, up to the next code or the notebook's next heading. Where
        one answer is asked for, its name may be missing. No id and no metadata has to survive.
        """
        found: dict[str | None, list[str]] = {name: [] for name, _, _ in self.free_text}
        asked = None
        for is_code, source in cells:
            text = _comments(source) if is_code and asked else None if is_code else source
            if text is None or _HEADING.match(text.lstrip()):
                asked = None
            for line in (text or "").replace(EMPTY_ANSWER, "").splitlines():
                plain = html.unescape(_MARKUP.sub("", line)).replace("\u00a0", " ")
                if mark := _MARK.match(plain.replace("\\_", "_")):
                    asked, line = self._named(mark[1])
                found.get(asked, []).append(line)
            found.get(asked, []).append("")
        return {name: "\n".join(lines).strip() for name, lines in found.items()}

    def _named(self, rest: str) -> tuple[str | None, str]:
        """Which answer a line *Your answer* begins, and what else stands on it."""
        names = [name for name, _, _ in self.free_text]
        for name in names:
            before, there, behind = rest.partition(name)
            if there and not re.search(r"\w", before):
                return name, behind.lstrip(" *`_:)")
        only = names[0] if len(names) == 1 else None
        return (None if re.match(r"\W*[(`]\w", rest) else only), rest.lstrip(" *`_:")


# The line *Your answer (name):* however it is set off.
_MARK = re.compile(r"[^\w\n]*your\W+answer\b(?!\s*\w)([^\n]*)", re.IGNORECASE)
_MARKUP = re.compile(r"</?(b|strong|em|i|u|p|br|span|div|font|code)\b[^>\n]*>", re.IGNORECASE)
_HEADING = re.compile(r"#{1,2} (\d|before you hand in)", re.IGNORECASE)  # the notebooks' own


def _comments(source: str) -> str | None:
    """The text of a code cell that holds nothing but comments or one string; None of others."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    if lines and all(line.startswith("#") for line in lines):
        return "\n".join(line.lstrip("# ") for line in lines)
    try:
        value = ast.literal_eval(source.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, str) else None


class StaleAnswers(RuntimeError):
    """The stored answers belong to other inputs than the ones that were drawn."""


def _discovered() -> dict[str, Assignment]:
    found = {}
    for name in sorted(module.name for module in pkgutil.iter_modules([str(_HERE)])):
        if is_assignment(name):
            module = importlib.import_module(f"cv_course.assignments.{name}")
            found[name.upper()] = Assignment(name.upper(), **module.ASKED)
    return found


def look_up(name: str) -> Assignment:
    """The assignment of that name, in capitals or not. Raises ValueError: there is none."""
    if name.upper() not in ASSIGNMENTS:
        raise ValueError(f"no assignment {name!r}; there are {', '.join(ASSIGNMENTS)}.")
    return ASSIGNMENTS[name.upper()]


def is_assignment(module: str) -> bool:
    return bool(re.fullmatch(r"a\d+", module))


ASSIGNMENTS = _discovered()


def practice(question: Question, number: int, case: Case) -> Known | None:
    """The stored answers to a case of the practice seed; what ``drill.examine`` takes as ``known``.

    None for a question that is judged alone: there are no answers to store.

    Raises:
        StaleAnswers: they were stored for other inputs.
    """
    owner = next(
        one for one in ASSIGNMENTS.values() if question.name in {q.name for q in one.questions}
    )
    stored, start = _stored(practice_file(owner)), f"{question.name}/{number}"
    there = stored.get(f"{start}/fingerprint")
    if there is None and question.judge:
        return None
    here = fingerprint(case.arguments)
    if there is None or there.shape != here.shape or not np.allclose(there, here, rtol=1e-6):
        raise StaleAnswers(
            f"{question.name} cannot be checked here: the stored answers belong to other inputs "
            f"(is this NumPy {np.__version__} much newer than the course?). Update the course's "
            "package; until then go on without the check, grading does not need it."
        )
    named = stored[f"{question.name}/named"].tolist()

    def answers(key: str) -> dict[str, np.ndarray]:
        return {k.rsplit("/", 1)[1]: v for k, v in stored.items() if k.startswith(f"{key}/")}

    def mistakes(only: str | None = None) -> Iterator[tuple]:
        for position, said in enumerate(stored[f"{start}/said"]):
            sentence, identity = named[said]
            if only in (None, identity):
                yield answers(f"{start}/{position}"), sentence, identity

    return Known(answers(f"{start}/expected"), mistakes)


def practice_file(assignment: Assignment) -> Path:
    return _HERE.parent / "_data" / f"practice_{assignment.name.lower()}.npz"


def fingerprint(value) -> np.ndarray:
    """A few numbers that tell inputs apart but not the last digits of their rounding."""
    if isinstance(value, dict):
        value = [part for item in sorted(value.items()) for part in item]
    if isinstance(value, list | tuple):
        return np.concatenate([[len(value)], *(fingerprint(part) for part in value)])
    if isinstance(value, str):
        return np.array([zlib.crc32(value.encode())], float)
    array = np.asarray(0 if value is None else value, float)
    flat = array.ravel()
    return np.array([*array.shape, flat.sum(), np.abs(flat) @ (1 + np.arange(flat.size) % 7)])


@functools.cache
def _stored(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as content:
            return dict(content)
    except OSError as problem:
        raise StaleAnswers(
            f"the stored answers cannot be read ({problem}). Install the package again."
        ) from problem
