"""The practice exercises of the sections, one question each."""

from cv_course.checks.core import Question

QUESTIONS: dict[str, Question] = {}
