"""Interactives without a browser: controls, states worked out once, the film without a script."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import ipywidgets as widgets
import pytest
from notebook_code import picture
from traitlets import TraitError

from cv_course import plots
from cv_course.film import choice, interactive, selection, slider
from cv_course.sections.s04_template.play import Drawing


@pytest.fixture
def drawn():
    """The states that were drawn, in order."""
    return []


def line(size, kind="red"):
    figure, axis = plots.figure(2, 1)
    axis.plot([0, size])
    return figure, f"A line of size {size} in {kind}."


@pytest.fixture
def shown(drawn):
    @interactive(
        film=[{"size": 4}, {"size": 6, "kind": "blue"}],
        size=slider("size (pixels)", 1, 9, 1, 2),
        kind=choice("colour", ["red", "blue"]),
    )
    def line_of_a_size(size, kind):
        drawn.append((size, kind))
        return line(size, kind)

    return line_of_a_size


def test_a_moved_control_redraws(shown, drawn):
    assert drawn == [(2, "red")]
    assert "A line of size 2 in red." in picture(shown)
    assert not shown.controls["size"].continuous_update  # once it is let go
    shown.controls["size"].value = 5
    shown.controls["kind"].value = "blue"
    assert drawn[1:] == [(5, "red"), (5, "blue")]
    assert "A line of size 5 in blue." in picture(shown)
    assert shown.state == {"size": 5, "kind": "blue"}
    shown.set(size=7, kind="red")
    assert drawn[3:] == [(7, "red")]  # once
    with pytest.raises(TraitError, match="Invalid selection"):
        shown.set(kind="green")
    shown.controls["size"].value = 3  # which does not switch redrawing off
    assert drawn[4:] == [(3, "red")]


def test_reset_goes_back_to_the_first_state(shown, drawn):
    shown.set(size=7, kind="blue")
    reset = shown.widget.children[0].children[-1]
    assert reset.description == "Reset"
    reset.click()
    assert shown.state == {"size": 2, "kind": "red"}
    assert "A line of size 2 in red." in picture(shown)


def test_still_holds_the_film_whatever_the_controls_say(shown):
    before = shown.still()
    shown.set(size=9, kind="blue")
    assert shown.still() == before
    first, second = (before.index(f"A line of size {n}") for n in ("4 in red", "6 in blue"))
    assert first < second
    assert before.count("<img alt=") == before.count('<input type="radio"') == 2
    assert "Run this cell to get the controls." in before


def test_the_film_is_captioned_with_what_its_states_differ_in(shown, drawn):
    assert shown.caption(size=4) == "size (pixels): 4 · colour: red"
    still = shown.still()
    for place, caption in ("1 of 2", "4 · colour: red"), ("2 of 2", "6 · colour: blue"):
        assert f"<strong>{place}</strong> · size (pixels): {caption}" in still
        assert f'aria-label="size (pixels): {caption}"' in still
    shown.film = [{"size": 4}, {"size": 6}]
    assert shown.caption(size=4) == "size (pixels): 4"


@pytest.mark.parametrize(
    ("control", "value", "words"),
    [
        (slider("x", 0, 1, 0.1, 0), 0.1 + 0.2, "0.3"),
        (choice("x", [("first & last", (1, 2)), ("none", ())]), (1, 2), "first & last"),
        (choice("x", [1, 0]), 0, "0"),
        (selection("x", [("±5", 5)]), 5, "±5"),
        (Drawing("+-\n.+"), "+-\n.+", "2 cells +, 1 cells −"),
    ],
)
def test_caption_says_a_value_as_the_control_shows_it(control, value, words):
    control.description = "x"  # also of a drawing
    other = next((one for _, one in getattr(control, "_options_full", ()) if one != value), None)
    made = interactive(film=[{"x": value}, {"x": other}], x=control)(lambda x: line(1))
    assert made.caption(x=value) == f"x: {words}"


def test_the_buttons_of_two_films_on_one_page_do_not_meddle(shown):
    names = set()
    for film in ([{"size": 4}, {"size": 6}], [{"size": 4}, {"size": 7}]):
        shown.film = film
        (name,) = set(re.findall(r'name="(film-\w+)"', shown.still()))
        names.add(name)
    assert len(names) == 2


def test_a_caption_cannot_break_out_of_its_attribute(shown):
    shown.controls["size"].description = '"><b>'
    assert "<b>" not in shown.still()


def test_as_last_line_of_a_cell_it_displays_widget_film_and_text(shown, monkeypatch):
    page = []
    monkeypatch.setattr("IPython.display.display", lambda content, raw: page.append(content))
    shown._ipython_display_()
    (bundle,) = page
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == shown.widget.model_id
    assert bundle["text/html"] == shown.still()
    assert bundle["text/plain"] == "[interactive] A line of size 2 in red."


def test_figure_and_text_of_a_state_are_worked_out_once(shown, drawn):
    first = shown.html()
    shown.still()
    shown.set(size=4)
    assert shown.alt(size=4) == "A line of size 4 in red."
    assert drawn == [(2, "red"), (4, "red"), (6, "blue")]
    assert shown.html() == first
    figure, alt = shown.draw(size=4)
    assert (len(figure.axes), alt) == (1, shown.alt(size=4))


def test_a_caption_stands_below_the_live_picture_and_below_the_film(shown):
    assert shown.captioned("Figure 3.2. A line.") is shown
    assert "Figure 3.2." in picture(shown)
    shown.set(size=5)
    for content in picture(shown), shown.still():
        assert content.endswith("<strong>Figure 3.2.</strong> A line.</figcaption></figure>")
        assert content.count("<figcaption") == 1
    shown.captioned("Figure 3.3. Again.")
    assert picture(shown).count("<figcaption") == 1
    with pytest.raises(ValueError, match="begins with its number"):
        shown.captioned("A line.")


def test_controls_begin_with_their_first_value_or_the_one_named():
    for step, kind in ((1, widgets.IntSlider), (0.5, widgets.FloatSlider)):
        made = slider("x", 0, 10, step, 5)
        assert type(made) is kind
        assert (made.min, made.max, made.step, made.value) == (0, 10, step, 5)
    assert choice("c", [("first", 10), ("second", 20)]).value == 10
    assert choice("c", [1, 0], 0).value == 0
    assert selection("N", [("few", 1), ("many", 2)]).value == 1
    assert selection("N", [100, 1000], 1000).value == 1000


@pytest.mark.parametrize("ask", ["set", "draw", "html", "alt", "caption"])
def test_a_control_that_is_not_there_is_named(shown, ask):
    with pytest.raises(ValueError, match=r"no control is called \['sice'\]; there are \['size'"):
        getattr(shown, ask)(sice=3)
    with pytest.raises(ValueError, match="no control is called"):
        interactive(film=[{"y": 1}], x=slider("x", 0, 1, 1, 0))(lambda x: line(x))


def test_states_are_drawn_one_at_a_time_though_several_threads_ask():
    inside, most = [], []

    def noted(value):
        inside.append(value)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return line(value)

    made = interactive(film=[{}], value=slider("value", 0, 9, 1, 0))(noted)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda value: made.html(value=value), range(8)))
        list(threads.map(lambda value: made.alt(value=value), range(8)))
    assert max(most) == 1
