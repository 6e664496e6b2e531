"""Grading of assignments. The answers in ``grading.answers`` are not part of what students get."""

import dataclasses
import importlib
import os
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import numpy as np

from cv_course.assignments.question import Question
from cv_course.assignments.registry import ASSIGNMENTS, Assignment
from cv_course.drill import examine


def questions(assignment: Assignment) -> tuple[Question, ...]:
    """The questions of an assignment, completed with their references and diagnoses.

    Raises:
        RuntimeError: this is the students' edition, which holds no answers.
    """
    answers = _answers(assignment)
    return tuple(
        question
        if question.judge and question.name not in answers.REFERENCES
        else dataclasses.replace(
            question,
            reference=answers.REFERENCES[question.name],
            diagnoses=answers.DIAGNOSES.get(question.name, ()),
        )
        for question in assignment.questions
    )


def secret_seed(assignment: Assignment, seed: int) -> tuple[int, int]:
    """What hidden inputs are drawn from: nobody without the answers can draw them beforehand.

    From ``seed`` alone anybody could; and those of one seed are the practice's, whose right
    answers students have.
    """
    source = Path(_answers(assignment).__file__).read_bytes()
    return seed, int.from_bytes(sha256(source).digest()[:8], "big")


def _answers(assignment: Assignment) -> ModuleType:
    name = f"{__name__}.answers.{assignment.name.lower()}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if not name.startswith(missing.name or ""):
            raise
        raise RuntimeError(
            f"there are no answers to {assignment.name} here. The students' edition holds none: "
            "grading needs the instructors' repository."
        ) from missing


def demand(assignment: str, function: Callable, seed: int = 1) -> None:
    """For schools that run nbgrader: the hidden test of a question, all points or none.

    Unlike ``cv-course grade`` it runs beside the student's code and cannot be trusted.
    ``cv-course run`` leaves it out (``CV_COURSE_DEMAND=no``): ``check`` did the same work.

    Raises:
        AssertionError: says what is wrong with ``function``.
    """
    if os.environ.get("CV_COURSE_DEMAND") == "no":
        return
    found = {one.name: one for one in questions(ASSIGNMENTS[assignment])}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        verdict = examine(found[function.__name__], function, seed)
    if verdict.status != "correct":
        raise AssertionError(str(verdict))
