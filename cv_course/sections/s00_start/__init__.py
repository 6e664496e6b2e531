"""Section 00: a network looks at photographs; how a page works; where everything is."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
