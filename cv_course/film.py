"""Interactives: controls, one function of what they say, and a film for pages without a kernel.

A function of a state gives the figure and its alternative text; :func:`interactive` puts controls
above it. Where no kernel answers (GitHub, a website, a printed page) the same cell leaves a strip
of telling states, which a page that keeps its style sheet lets the reader step through without a
script.

>>> @interactive(film=[{}, {"k": 51}], k=choice("neighbours k", [1, 5, 51]))   # doctest: +SKIP
... def votes(k):
...     return plots.lines(...), f"With k = {k} the error is …"
"""

import functools
import hashlib
import html
import threading
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from cv_course import plots

# JupyterLab answers controls in a thread of their own, beside the cell that runs: two functions
# that seed torch's generator, each in its thread, would draw from each other's.
_TURN = threading.Lock()


def interactive(film: Sequence[dict], **controls: widgets.Widget) -> Callable:
    """Make an :class:`Interactive` of the function below.

    Args:
        film: states (dictionaries, possibly partial) that are shown where nothing can be moved.
        controls: name -> :func:`slider`, :func:`choice`, :func:`selection` or another ipywidgets
            control. Its ``description`` names quantity and unit.
    """
    return lambda function: Interactive(function, film, controls)


class Interactive:
    """Controls above one picture that follows them.

    Args:
        function: keyword arguments named like the controls -> (figure, alternative text). It must
            depend on nothing else, so that a test can call it without a browser.
        film, controls: see :func:`interactive`.

    Raises:
        ValueError: a state of the film names a control that is not there.

    ``set(name=value, …)`` moves controls from code, ``state`` is what they say now.
    """

    def __init__(self, function: Callable, film: Sequence[dict], controls: dict):
        functools.update_wrapper(self, function)
        self._function, self.film, self.controls = function, film, controls
        self._paused, self._caption = False, ""
        self._seen = functools.lru_cache(8)(self._drawn)  # states that are not drawn again
        self._start = self.state
        for state in film:
            self._full(state)
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
        self._redraw()

    @property
    def state(self) -> dict:
        return {name: control.value for name, control in self.controls.items()}

    def _full(self, state: dict) -> dict:
        """A partial state, completed by the first one."""
        if unknown := sorted(state.keys() - self.controls.keys()):
            raise ValueError(f"no control is called {unknown}; there are {list(self.controls)}.")
        return {**self._start, **state}

    def set(self, **state) -> None:
        """Move several controls and redraw once."""
        self._full(state)
        self._paused = True
        try:
            for name, value in state.items():
                self.controls[name].value = value
        finally:
            self._paused = False
        self._redraw()

    def draw(self, **state) -> tuple[Figure, str]:
        """Figure and alternative text of a state, drawn anew."""
        return self._function(**self._full(state))

    def _drawn(self, *state) -> tuple[np.ndarray, str]:
        """Pixels and alternative text; no figure is kept, which would cost far more memory."""
        with _TURN:
            figure, alt = self.draw(**dict(state))
            return plots.raster(figure)[..., :3].copy(), alt

    def alt(self, **state) -> str:
        """The alternative text of a state."""
        return self._seen(*self._full(state).items())[1]

    def html(self, small: bool = True, **state) -> str:
        """The picture of one state as HTML; ``small=False`` is quicker, for a live redraw."""
        return plots.as_html(*self._seen(*self._full(state).items()), small)

    def _redraw(self, _=None) -> None:
        if not self._paused:
            self._picture.value = self._with_caption(self.html(small=False, **self.state))

    def captioned(self, caption: str) -> "Interactive":
        """The same with a caption below, as :func:`cv_course.plots.show` asks for."""
        plots.captioned("", caption)  # says what is wrong with it
        self._caption = caption
        self._redraw()
        return self

    def _with_caption(self, content: str) -> str:
        return plots.captioned(content, self._caption) if self._caption else content

    def caption(self, **state) -> str:
        """One state in words, as far as the states of the film differ in it."""
        states, state = [self._full(one) for one in self.film], self._full(state)
        return " · ".join(
            f"{control.description}: {_in_words(control, state[name])}"
            for name, control in self.controls.items()
            if any(one[name] != states[0][name] for one in states)
        )

    def still(self) -> str:
        """What a reader without a kernel sees: a film strip, or one picture of it at a time.

        The style sheet turns the strip into a group of radio buttons and the chosen picture. Where
        it is taken away (GitHub, a notebook that is not trusted) or does not apply (paper), the
        buttons stay hidden and all pictures show; so no text may stand on them. ``hidden`` has a
        value, since JupyterLab takes an empty attribute away.
        """
        captions = [html.escape(self.caption(**state)) for state in self.film]
        frames = "".join(
            f"<div><p><strong>{place} of {len(captions)}</strong> · {caption}</p>"
            f"{self.html(**state)}</div>"
            for place, (caption, state) in enumerate(zip(captions, self.film, strict=True), 1)
        )
        group = hashlib.sha256(frames.encode()).hexdigest()[:8]  # of its own in the whole page
        buttons = "".join(
            f'<input type="radio" name="film-{group}" aria-label="{caption}" '
            f'hidden="hidden"{" checked" * (place == 0)}>'
            for place, caption in enumerate(captions)
        )
        return self._with_caption(
            f'<div class="cv-film" role="group" aria-label="A film of {len(captions)} states">'
            f"<style>{_film_style(len(captions))}</style>{buttons}{frames}</div>"
            "<p><em>Run this cell to get the controls.</em></p>"
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        content = {
            "application/vnd.jupyter.widget-view+json": view,
            "text/html": self.still(),
            "text/plain": f"[interactive] {self._caption} {self.alt()}".replace("  ", " "),
        }
        display(content, raw=True)


def _in_words(control: widgets.Widget, value) -> str:
    """A value as its control shows it."""
    if hasattr(control, "in_words"):
        return control.in_words(value)
    for option in getattr(control, "options", ()):
        if isinstance(option, tuple) and option[1] == value:
            return option[0]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _film_style(count: int) -> str:
    """Show the buttons, and of the frames the one whose button is pressed; not on paper."""
    chosen = ",".join(
        f".cv-film>input:nth-of-type({place}):checked~div:nth-of-type({place})"
        for place in range(1, count + 1)
    )
    return (
        '@media screen{.cv-film::before{content:"Step through the states: "}'
        ".cv-film>input{display:inline-block!important;width:24px;height:24px;margin:0 4px;"
        "vertical-align:middle}"
        f".cv-film>div{{display:none}}{chosen}{{display:block}}}}"
    )


def slider(description: str, low, high, step, value):
    """A slider over whole or real numbers."""
    kind = widgets.IntSlider if isinstance(step, int) else widgets.FloatSlider
    return kind(value=value, min=low, max=high, step=step, description=description)


def choice(description: str, options: Sequence, value=None) -> widgets.ToggleButtons:
    """A row of buttons, one of them pressed; ``options`` are values or (label, value) pairs."""
    start = {} if value is None else {"value": value}  # else the first
    style = {"button_width": "auto"}
    return widgets.ToggleButtons(options=options, description=description, style=style, **start)


def selection(description: str, options: Sequence, value=None) -> widgets.SelectionSlider:
    """A slider over a few given values, such as 100, 1,000, 10,000; or (label, value) pairs."""
    start = {} if value is None else {"value": value}
    return widgets.SelectionSlider(options=options, description=description, **start)
