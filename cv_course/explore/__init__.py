"""The interactives: sliders around a pure function; used by every section.

``core`` says what an interactive is; the other modules hold those of one section each.
"""

from cv_course.explore.core import Interactive, Upload, choice, slider
