"""Section 09: which pixels one unit sees, and how strongly."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
