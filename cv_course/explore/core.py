"""What an interactive is.

An interactive is a ``render`` function (state -> figure), an ``alt`` function (state -> sentence)
and a few controls. Where no kernel answers (GitHub, a printed page) the same cell leaves a film
strip of telling states instead.
"""

import html
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import traitlets
from matplotlib.figure import Figure

from cv_course import data, figures


class Interactive:
    """Controls above one picture that follows them.

    Args:
        render: keyword arguments named like the controls -> figure. It must depend on nothing
            else, so that a test can call it without a browser.
        alt: the same keyword arguments -> alternative text.
        film: states (dictionaries, possibly partial) that are shown where nothing can be moved.
        controls: name -> ipywidgets control. Its ``description`` names quantity and unit.

    ``set(name=value, …)`` moves controls from code, ``state`` is what they say now.
    """

    def __init__(
        self,
        render: Callable[..., Figure],
        *,
        alt: Callable[..., str],
        film: Sequence[dict],
        **controls: widgets.Widget,
    ):
        self.render, self.alt, self.film, self.controls = render, alt, film, controls
        self._start = self.state
        self._picture = widgets.HTML()
        self._reset = widgets.Button(description="Reset", tooltip="Back to the first state")
        self._reset.on_click(lambda _: self.set(**self._start))
        for control in controls.values():
            if hasattr(control, "continuous_update"):
                control.continuous_update = False  # a redraw takes 0.1 s: let the hand arrive first
                # a long description must not take the room of the track
                control.layout.width = f"{18 + 0.5 * len(control.description):g}em"
            if hasattr(control, "style"):
                control.style.description_width = "initial"
            control.observe(self._redraw, names="value")
        bar = widgets.HBox([*controls.values(), self._reset], layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([bar, self._picture])
        self._paused = False
        self._redraw()

    @property
    def state(self) -> dict:
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **state) -> None:
        """Move several controls and redraw once."""
        self._paused = True
        try:
            for name, value in state.items():
                self.controls[name].value = value
        finally:
            self._paused = False
        self._redraw()

    def html(self, small: bool = True, **state) -> str:
        """The picture of one state as HTML; ``small=False`` is quicker, for a live redraw."""
        state = {**self._start, **state}
        return figures.as_html(self.render(**state), self.alt(**state), small)

    def _redraw(self, _=None) -> None:
        if not self._paused:
            self._picture.value = self.html(small=False, **self.state)

    def still(self) -> str:
        """What a reader without a kernel sees."""
        strip = "".join(f"<div>{self.html(**state)}</div>" for state in self.film)
        return f"{strip}<p><em>Run this cell to get the controls.</em></p>"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        display(
            {
                "application/vnd.jupyter.widget-view+json": view,
                "text/html": self.still(),
                "text/plain": "[interactive] " + self.alt(**self._start),
            },
            raw=True,
        )


def slider(description: str, low, high, step, value):
    """A slider over whole or real numbers."""
    kind = widgets.IntSlider if isinstance(step, int) else widgets.FloatSlider
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
    )


def choice(description: str, options: Sequence, value=None):
    """A row of buttons, one of them pressed; ``options`` are values or (label, value) pairs."""
    if value is None:
        value = options[0][1] if isinstance(options[0], tuple) else options[0]
    return widgets.ToggleButtons(
        options=options, value=value, description=description, style={"button_width": "auto"}
    )


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
