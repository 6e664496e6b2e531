"""Interactives of the older sections, whose picture and alternative text are two functions."""

import html
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import traitlets
from matplotlib.figure import Figure

from cv_course import data
from cv_course import film as kit
from cv_course.film import choice, slider  # noqa: F401


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


class Upload(widgets.VBox):
    """A button to put in a photograph of one's own; ``value`` is the file's bytes, at first None.

    A file that is no picture is refused with a sentence. It stays in the kernel: nothing is stored.
    """

    value = traitlets.Bytes(None, allow_none=True)

    def __init__(self, description: str = "your own photograph"):
        self._button = widgets.FileUpload(
            accept="image/*", multiple=False, description=description, layout={"width": "16em"}
        )
        self._said = widgets.HTML()
        super().__init__([self._button, self._said])
        self._button.observe(self._take, names="value")

    def _take(self, _=None) -> None:
        files = self._button.value  # ipywidgets 8: dictionaries; 7: a dictionary of them by name
        files = list(files.values() if isinstance(files, dict) else files)
        if not files:
            return
        content = bytes(files[-1]["content"])
        try:
            data.photo(content)
        except ValueError as problem:
            self._said.value = f"<span role='alert'>{html.escape(str(problem))}</span>"
        else:
            self._said.value = ""
            self.value = content
