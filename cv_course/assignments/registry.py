"""The graded assignments: what they ask, and the stored answers that the instant check compares.

An assignment is a module ``a1``, ``a2`` … beside this one that holds ``TITLE``, ``STEM`` (its
notebook's file name without suffix), ``MINUTES``, ``QUESTIONS`` and ``FREE_TEXT``. Its questions
hold no reference: that is the instructor's (``cv_course.grading.answers``). What students get in
its place are the right and the usual wrong answers to the cases of one seed, as numbers.
"""

import functools
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

    def free_answers(self, markdown: Iterable[str]) -> dict[str, str]:
        """The written answers by name, from the sources of markdown cells; empty where none is.

        An answer is what follows a line such as *Your answer (name):* in the same cell; no id
        and no metadata has to survive.
        """
        found = {name: "" for name, _, _ in self.free_text}
        for source in markdown:
            source = source.replace(EMPTY_ANSWER, "")  # it may still stand above what was written
            marked = re.split(
                r"^[^\w\n]*your answer[^\w\n]+(\w+)[^\w\n]*$", source, flags=re.I | re.M
            )
            for name, text in zip(marked[1::2], marked[2::2], strict=True):
                text = text.strip()
                if name in found and text:
                    found[name] = f"{found[name]}\n\n{text}".strip()
        return found


class StaleAnswers(RuntimeError):
    """The stored answers belong to other inputs than the ones that were drawn."""


def _discovered() -> dict[str, Assignment]:
    found = {}
    for module in sorted(pkgutil.iter_modules([str(_HERE)]), key=lambda module: module.name):
        name = module.name
        if not is_assignment(name):
            continue
        part = importlib.import_module(f"cv_course.assignments.{name}")
        found[name.upper()] = Assignment(
            name.upper(), part.TITLE, part.STEM, part.MINUTES, part.QUESTIONS, part.FREE_TEXT
        )
    return found


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
    sentences = stored[f"{question.name}/sentences"]

    def answers(key: str) -> dict[str, np.ndarray]:
        return {k.rsplit("/", 1)[1]: v for k, v in stored.items() if k.startswith(f"{key}/")}

    def mistakes() -> Iterator[tuple[dict[str, np.ndarray], str]]:
        for position, said in enumerate(stored[f"{start}/said"]):
            yield answers(f"{start}/{position}"), str(sentences[said])

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
