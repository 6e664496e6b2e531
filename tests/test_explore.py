"""The common ground of the interactives, without a browser."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import ipywidgets as widgets
import pytest
from traitlets import TraitError

from cv_course import figures
from cv_course.explore import Interactive, choice, slider
from cv_course.explore.template import Drawing


@pytest.fixture
def drawn():
    """The states that were drawn, in order."""
    return []


@pytest.fixture
def interactive(drawn):
    def render(size, kind):
        drawn.append((size, kind))
        figure, axis = figures.new(2, 1)
        axis.plot([0, size])
        return figure

    return Interactive(
        render,
        alt=lambda size, kind: f"A line of size {size} in {kind}.",
        film=[{"size": 4}, {"size": 6, "kind": "blue"}],
        size=slider("size (pixels)", 1, 9, 1, 2),
        kind=choice("colour", ["red", "blue"]),
    )


def picture(interactive) -> str:
    return next(child for child in interactive.widget.children if type(child) is widgets.HTML).value


def test_first_picture_is_there_at_once(interactive, drawn):
    assert drawn == [(2, "red")]
    assert "A line of size 2 in red." in picture(interactive)


def test_a_moved_control_redraws(interactive, drawn):
    interactive.controls["size"].value = 5
    interactive.controls["kind"].value = "blue"
    assert drawn[1:] == [(5, "red"), (5, "blue")]
    assert "A line of size 5 in blue." in picture(interactive)
    assert interactive.state == {"size": 5, "kind": "blue"}


def test_set_moves_several_controls_and_redraws_once(interactive, drawn):
    interactive.set(size=7, kind="blue")
    assert drawn[1:] == [(7, "blue")]
    interactive.controls["size"].value = 8
    assert drawn[2:] == [(8, "blue")]


def test_a_refused_value_does_not_switch_redrawing_off(interactive, drawn):
    with pytest.raises(TraitError, match="Invalid selection"):
        interactive.set(kind="green")
    interactive.controls["size"].value = 3
    assert drawn[-1] == (3, "red")


def test_reset_goes_back_to_the_first_state(interactive, drawn):
    interactive.set(size=7, kind="blue")
    reset = interactive.widget.children[0].children[-1]
    assert reset.description == "Reset"
    reset.click()
    assert interactive.state == {"size": 2, "kind": "red"}
    assert drawn[-1] == (2, "red")


def test_still_holds_the_film_whatever_the_controls_say(interactive):
    before = interactive.still()
    interactive.set(size=9, kind="blue")
    assert interactive.still() == before
    first, second = (before.index(f"A line of size {n}") for n in ("4 in red", "6 in blue"))
    assert first < second
    assert before.count("<img alt=") == before.count('<input type="radio"') == 2
    assert "Run this cell to get the controls." in before


def test_the_film_is_captioned_with_what_its_states_differ_in(interactive, drawn):
    assert interactive.caption(size=4) == "size (pixels): 4 · colour: red"
    still = interactive.still()
    for place, caption in ("1 of 2", "4 · colour: red"), ("2 of 2", "6 · colour: blue"):
        assert f"<strong>{place}</strong> · size (pixels): {caption}" in still
        assert f'aria-label="size (pixels): {caption}"' in still
    interactive.film = [{"size": 4}, {"size": 6}]
    assert interactive.caption(size=4) == "size (pixels): 4"


@pytest.mark.parametrize(
    ("control", "value", "words"),
    [
        (slider("x", 0, 1, 0.1, 0), 0.1 + 0.2, "0.3"),
        (choice("x", [("first & last", (1, 2)), ("none", ())]), (1, 2), "first & last"),
        (choice("x", [1, 0]), 0, "0"),
        (widgets.Dropdown(options=["red", "blue"]), "blue", "blue"),
        (widgets.SelectionSlider(options=[("±5", 5)]), 5, "±5"),
        (widgets.Checkbox(), True, "yes"),
        (widgets.Checkbox(), False, "no"),
        (Drawing("+-\n.+"), "+-\n.+", "2 fields +, 1 fields −"),
    ],
)
def test_caption_says_a_value_as_the_control_shows_it(control, value, words):
    control.description = "x"
    film = [{"x": value}, {"x": None}]
    render, alt = (lambda x: figures.new(1, 1)[0]), (lambda x: "An empty axis.")
    shown = Interactive(render, alt=alt, film=film, x=control)
    assert shown.caption(x=value) == f"x: {words}"


def test_the_buttons_of_two_films_on_one_page_do_not_meddle(interactive):
    names = set()
    for film in ([{"size": 4}, {"size": 6}], [{"size": 4}, {"size": 7}]):
        interactive.film = film
        (name,) = set(re.findall(r'name="(film-\w+)"', interactive.still()))
        names.add(name)
    assert len(names) == 2


def test_a_caption_cannot_break_out_of_its_attribute(interactive):
    interactive.controls["size"].description = '"><b>'
    assert "<b>" not in interactive.still()


def test_as_last_line_of_a_cell_it_displays_widget_film_and_text(interactive, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda content, raw: shown.append(content))
    interactive._ipython_display_()
    (bundle,) = shown
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == interactive.widget.model_id
    assert bundle["text/html"] == interactive.still()
    assert bundle["text/plain"] == "[interactive] A line of size 2 in red."


def test_controls_stand_above_the_picture_and_name_their_quantity(interactive):
    bar, html = interactive.widget.children
    assert isinstance(html, widgets.HTML)
    assert [child.description for child in bar.children] == ["size (pixels)", "colour", "Reset"]


@pytest.mark.parametrize(("step", "kind"), [(1, widgets.IntSlider), (0.5, widgets.FloatSlider)])
def test_slider_follows_the_type_of_its_step(step, kind):
    made = slider("x", 0, 10, step, 5)
    assert type(made) is kind
    assert (made.min, made.max, made.step, made.value) == (0, 10, step, 5)


def test_the_picture_waits_until_a_slider_is_let_go(interactive):
    assert not interactive.controls["size"].continuous_update


def test_choice_begins_with_the_first_option_or_the_one_named():
    assert choice("c", ["a", "b"]).value == "a"
    assert choice("c", [("first", 10), ("second", 20)]).value == 10
    assert choice("c", ["a", "b"], "b").value == "b"
    assert choice("c", [1, 0], 0).value == 0


def test_states_are_drawn_one_at_a_time_though_several_threads_ask():
    inside, most = [], []

    def noted(value):
        inside.append(value)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return f"The value {value}."

    def render(value):
        noted(value)
        return figures.new(1, 1)[0]

    interactive = Interactive(render, alt=noted, film=[{}], value=slider("value", 0, 9, 1, 0))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda value: interactive.html(value=value), range(8)))
        list(threads.map(lambda value: interactive.alt(value=value), range(8)))
    assert max(most) == 1
