"""Section 11: what a trained network responds to, and tests of the tools that say so."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
