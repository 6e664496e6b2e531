"""Section 12: where the time of a training step goes."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
