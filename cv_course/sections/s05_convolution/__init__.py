"""Section 05: local windows, shared weights, and what a convolution does when the image moves."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
