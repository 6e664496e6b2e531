"""Section 07: LeNet of 1989 and of 1998, and what was new in them."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
