"""Grading of assignments. The answers in ``grading.answers`` are not part of what students get."""

import dataclasses
import importlib
import warnings
from collections.abc import Callable

import numpy as np

from cv_course.checks.assignments import ASSIGNMENTS, Assignment
from cv_course.checks.core import Question, examine


def questions(assignment: Assignment) -> tuple[Question, ...]:
    """The questions of an assignment, completed with their references and diagnoses.

    Raises:
        RuntimeError: this is the students' edition, which holds no answers.
    """
    name = f"{__name__}.answers.{assignment.name.lower()}"
    try:
        answers = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if not name.startswith(missing.name or ""):
            raise
        raise RuntimeError(
            f"there are no answers to {assignment.name} here. The students' edition holds none: "
            "grading needs the instructors' repository."
        ) from missing
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


def demand(assignment: str, function: Callable, seed: int = 1) -> None:
    """For schools that run nbgrader: the hidden test of a question, all points or none.

    Unlike ``cv-course grade`` it runs beside the student's code and cannot be trusted.

    Raises:
        AssertionError: says what is wrong with ``function``.
    """
    found = {one.name: one for one in questions(ASSIGNMENTS[assignment])}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        verdict = examine(found[function.__name__], function, seed)
    if verdict.status != "correct":
        raise AssertionError(str(verdict))
