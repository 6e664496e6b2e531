"""How tests mark an answer to an assignment's question: in this process, without sandbox."""

import functools
import warnings

import numpy as np

from cv_course import grading
from cv_course.assignments import hidden
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.drill import Seen, ask


def completed() -> dict:
    """All assignments' questions with their references, by name."""
    return {one.name: one for each in ASSIGNMENTS.values() for one in grading.questions(each)}


@functools.lru_cache(maxsize=4)
def _cases(draw, seed: int, full: bool) -> list:
    """What ``draw`` draws of the full images or of the mini set; ``ask`` gives copies away."""
    return list(draw(np.random.default_rng(seed)))


def judged(question, function, seed=0) -> list[tuple]:
    """Each case with what is said of ``function`` there."""
    found, seen = [], Seen()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for case in _cases(question.cases, seed, bool(hidden.full_folder())):
            outcome = ask(question, function, case)
            right = outcome.status == "answered"
            verdict = question.complain(case, outcome, None, seen) if right else outcome
            found.append((case, verdict))
    return found


def graded(question, function, seed=0) -> tuple[float, str, list[str]]:
    """The share of the points (a group counts when all its cases are right), what is said, and the
    ids of mistakes: those of each group's first case that is wrong, each once."""
    groups, said, first = {}, [], {}
    for case, verdict in judged(question, function, seed):
        right = verdict.status == "correct"
        groups[case.group] = groups.get(case.group, True) and right
        if not right:
            said += [case.about, *verdict.messages]
            first.setdefault(case.group, verdict.mistake)
    ids = [one for one in dict.fromkeys(first.values()) if one]
    return sum(groups.values()) / len(groups), "\n".join(said), ids


def marked(question, function, seed=0) -> tuple[float, str]:
    """The share of the points, and what is said."""
    return graded(question, function, seed)[:2]


def named(question, function, seed=0) -> list[str]:
    """The ids of the mistakes that the grader names."""
    return graded(question, function, seed)[2]
