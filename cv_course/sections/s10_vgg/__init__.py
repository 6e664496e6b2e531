"""Section 10: what a stack of small kernels gives, and where the weights of VGG are."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
