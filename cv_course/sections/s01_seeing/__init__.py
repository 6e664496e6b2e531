"""Section 01: what an image tells, what has to be assumed, and how seeing fails."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
