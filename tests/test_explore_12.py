"""The interactive of section 12 without a browser: state -> numbers and picture."""

import time
from itertools import product

import pytest
from notebook_code import picture

from cv_course import explore, figures
from cv_course.explore.speed import MISSING
from cv_course.speed import POOLINGS, Switches


def made_up(able):
    """Seconds an image in which each switch has a factor of its own."""
    found = {}
    for state in product([False, True][: 1 + able], [False, True], POOLINGS, [32, 128, 512]):
        state = Switches(*state)
        factor = {"last": 1, "before ReLU": 1.01, "before batch norm": 1.25}[state.pooling]
        factor *= (2 if state.bfloat16 else 1) * (1.5 if state.channels_last else 1)
        found[state] = 1 / (1000 * factor * {32: 0.5, 128: 1, 512: 1.1}[state.batch])
    return found


@pytest.fixture(scope="module", params=[False, True], ids=["without bfloat16", "with bfloat16"])
def interactive(request):
    return explore.switches(made_up(request.param))


def able(interactive):
    return len(interactive.controls["bfloat16"].options) == 2


def bars(axis):
    return [bar.get_width() for bar in axis.patches]


def test_first_state_is_the_plain_one(interactive):
    assert Switches(**interactive.state) == Switches()


def test_picture_shows_the_choice_and_what_each_switch_would_give(interactive):
    (axis,) = interactive.render(**interactive.state).axes
    expected = [1000, *[2000] * able(interactive), 1500, 1010, 1250, 500, 1100]
    assert bars(axis) == pytest.approx(expected)
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == [
        "as chosen",
        "… but bfloat16",
        "… but channels last",
        "… but pooling before ReLU",
        "… but pooling before batch norm",
        "… but batches of 32",
        "… but batches of 512",
    ]
    texts = [text.get_text().strip() for text in axis.texts]
    middle = "× 2.00" if able(interactive) else MISSING
    assert texts == ["1k", middle, "× 1.50", "× 1.01", "× 1.25", "× 0.50", "× 1.10"]


def test_without_bfloat16_it_cannot_be_chosen_and_the_machine_is_blamed(interactive):
    said = interactive.alt(**interactive.state)
    assert (MISSING in said) == (not able(interactive))
    assert ("bfloat16 × 2.00" in said) == able(interactive)


def test_every_state_draws_and_a_switch_back_undoes_the_gain(interactive):
    for state in made_up(able(interactive)):
        said = interactive.alt(**state._asdict())
        if state.channels_last:
            assert "channels first × 0.67" in said
        else:
            assert "channels last × 1.50" in said
        assert f"batches of {state.batch}:" in said


def test_picture_follows_the_controls(interactive):
    interactive.set(pooling="last", channels_last=False, batch=128)
    assert "1,000 images a second" in picture(interactive)
    interactive.controls["channels_last"].value = True
    assert "1,500 images a second" in picture(interactive)
    interactive.controls["pooling"].value = "before batch norm"
    assert "1,875 images a second" in picture(interactive)
    interactive.controls["batch"].value = 512
    assert "2,062 images a second" in picture(interactive)
    interactive._reset.click()
    assert "1,000 images a second" in picture(interactive)


def test_film_tells_different_things_in_small_pictures(interactive):
    frames = [interactive.html(**state) for state in interactive.film]
    assert len(set(frames)) == len(frames) >= 3
    assert max(map(len, frames)) < 60_000


def test_a_step_is_quick(interactive):
    """CPU time, so that a loaded computer does not count."""
    seconds = []
    for state in interactive.film * 3:
        began = time.process_time()
        interactive.html(small=False, **state)
        seconds.append(time.process_time() - began)
    assert sorted(seconds)[len(seconds) // 2] < 0.2


def test_parts_of_a_step_add_up():
    steps = {
        "slow": {"data": 6e-3, "forward": 3e-3, "backward": 1e-3},
        "quick": {"data": 1e-5, "forward": 3e-3, "backward": 1e-3},
    }
    (axis,) = figures.step_parts(steps).axes
    assert bars(axis) == pytest.approx([6, 3, 1, 0.01, 3, 1])
    texts = [text.get_text().strip() for text in axis.texts]
    assert texts == ["60%", "30%", "10%", "10 ms", "75%", "25%", "4.01 ms"]


def test_what_hardly_differs_is_grey():
    (axis,) = figures.switches(100, {"a": 96, "b": 104, "c": 94, "d": 106}, 120, "title").axes
    colours = [bar.get_facecolor() for bar in axis.patches[1:]]
    assert colours[0] == colours[1]
    assert len(set(colours)) == 3


def test_rates_say_how_many_times_as_many():
    (axis,) = figures.rates({"one": 21e3, "two": 2.4e6}, "images").axes
    assert [text.get_text().strip() for text in axis.texts] == ["21k", "2.4M, 114 times as many"]
    assert axis.get_xscale() == "log"


def test_operators_keep_the_longest_and_add_up_the_rest():
    seconds = {f"op{number}": number * 1e-3 for number in range(1, 6)}
    (axis,) = figures.operators(seconds, most=2).axes
    assert bars(axis) == pytest.approx([5 / 15, 4 / 15, 6 / 15])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["op5", "op4", "3 others"]


def test_roofline_has_its_ridge_where_slope_and_ceiling_meet():
    points = {"a": ("Conv2d", 50.0, 8e10), "b": ("ReLU", 0.125, 1e9)}
    ceilings, slopes = {"float32": 1e11, "bfloat16": 2e11}, {"memory": 2e10, "cache": 5e10}
    (axis,) = figures.roofline(points, ceilings, slopes).axes
    flat, _, memory, cache, *marks = axis.lines
    assert axis.get_xlim() == (0.03, 1000)
    assert flat.get_ydata()[0] == 100
    assert (memory.get_xdata()[1], memory.get_ydata()[1]) == (5, 100)
    assert (cache.get_xdata()[1], cache.get_ydata()[1]) == (2, 100)
    assert flat.get_xdata()[0] == 2
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(50, 80), (0.125, 1)]
