"""The workbook's interactives as its notebooks make them, and one with every kind of control."""

import gc
from functools import cache
from pathlib import Path
from unittest.mock import patch

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, selection, slider
from cv_course.sections.s04_template.play import BOOT, Drawing

SECTIONS = sorted((Path(__file__).parents[1] / "notebooks" / "text").glob("*.py"))


def of_section(text: Path) -> list[Interactive]:
    """Run a section; the interactives that it shows."""
    shown = []
    with patch.object(plots, "show", lambda drawing, *_, **__: shown.append(drawing)):
        code = compile(text.read_text(encoding="utf-8"), str(text), "exec")
        exec(code, {"__name__": "__main__"})
    return [one for one in shown if isinstance(one, Interactive)]


@cache
def by_view() -> dict[str, Interactive]:
    """The interactives of this kernel by the id that their output names."""
    every = [one for one in gc.get_objects() if type(one) is Interactive]
    return {one.widget.model_id: one for one in every}


def every_kind() -> Interactive:
    """An interactive with a control of every kind that the workbook has."""

    @interactive(
        film=[{}],
        whole=slider("whole", 0, 9, 1, 2),
        real=slider("real", 0, 1, 0.1, 0.5),
        button=choice("button", [("first", "a"), ("second", "b")]),
        few=selection("few", [1, 10, 100]),
        drawing=Drawing(BOOT),
    )
    def state(**said):
        figure, axis = plots.figure(4, 1)
        axis.set_title(f"{said['whole']} {said['real']:.1f} {said['button']} {said['few']}")
        return figure, f"The state is {said}"

    return state


def told(value):
    """A state, or one value of it, as JSON can say it."""
    if isinstance(value, dict):
        return {name: told(one) for name, one in value.items()}
    return value if isinstance(value, bool | int | float | str) else repr(value)


def described(interactive: Interactive) -> dict[str, dict]:
    """Control by control: its kind, and the values that it can have."""
    found = {}
    for name, control in interactive.controls.items():
        about = {"kind": type(control).__name__}
        if hasattr(control, "options"):
            about["options"] = [told(value) for _, value in control._options_full]
        elif hasattr(control, "step"):
            about |= {part: getattr(control, part) for part in ("min", "max", "step")}
        found[name] = about
    return found
