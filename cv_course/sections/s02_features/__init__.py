"""Section 02: features by hand, at random and learned, with equal budgets."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
