"""The figures of the workbook, one function each; they return a figure and show nothing.

``show(figure, alt=...)`` puts one on the page together with its alternative text. Importing this
package gives matplotlib the workbook's look. ``core`` holds what all sections use; the other
modules hold the figures of one section each.
"""

from cv_course.diagrams import architecture, architecture_blocks
from cv_course.figures.core import (
    COLOURS,
    SIGNED,
    as_html,
    as_picture,
    hangul_font,
    image_grid,
    in_notebook,
    mosaic,
    new,
    png,
    show,
)
from cv_course.figures.template import breaking, verdicts
