"""A section as small as can be, with an exercise of every kind."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
