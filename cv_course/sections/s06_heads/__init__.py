"""Section 06: one backbone and several heads: its exercises, its interactives, its networks."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
