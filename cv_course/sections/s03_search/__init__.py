"""Section 03, classification as search: its exercises, its interactives and what they measure."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
