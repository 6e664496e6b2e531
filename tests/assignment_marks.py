"""How tests mark an answer to an assignment's question: in this process, without sandbox."""

import warnings

import numpy as np

from cv_course import grading
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.drill import ask


def completed() -> dict:
    """All assignments' questions with their references, by name."""
    return {one.name: one for each in ASSIGNMENTS.values() for one in grading.questions(each)}


def marked(question, function, seed=0) -> tuple[float, str]:
    """The share of the points (a group counts when all its cases are right), and what is said."""
    groups, said, before = {}, [], []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for case in question.cases(np.random.default_rng(seed)):
            outcome = ask(question, function, case)
            right = outcome.status == "answered"
            found = question.complain(case, outcome, None, before) if right else outcome
            groups[case.group] = groups.get(case.group, True) and right and not found.messages
            said += [case.about, *found.messages] if found.messages else []
    return sum(groups.values()) / len(groups), "\n".join(said)
