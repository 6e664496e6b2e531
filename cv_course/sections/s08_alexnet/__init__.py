"""Section 08: AlexNet, and what made the difference in 2012."""

from cv_course.drill import book

check, hint, reveal = book(__name__)
