"""Interactives of the older sections, whose picture and alternative text are two functions."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure

from cv_course import film as kit
from cv_course.film import Upload, choice, slider  # noqa: F401


class Interactive(kit.Interactive):
    """Controls above one picture that follows them, see :class:`cv_course.film.Interactive`.

    Args:
        render: keyword arguments named like the controls -> figure.
        alt: the same keyword arguments -> alternative text.
        film, controls: see :func:`cv_course.film.interactive`.
    """

    def __init__(
        self,
        render: Callable[..., Figure],
        *,
        alt: Callable[..., str],
        film: Sequence[dict],
        **controls: widgets.Widget,
    ):
        super().__init__(lambda **state: (render(**state), alt(**state)), film, controls)

    def render(self, **state) -> Figure:
        """The figure of a state."""
        return self.draw(**state)[0]
