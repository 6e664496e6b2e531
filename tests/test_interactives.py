"""All interactives without a browser: how long a step takes, and what 200 of them leave behind."""

import gc
import os
import statistics
import time

import interactives
import psutil
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

MOST = 0.2  # seconds a step, at most


def other_values(control) -> list:
    """Values beside the one that it has, each new to every cache."""
    if hasattr(control, "options"):
        return [value for _, value in control._options_full if value != control.value][:5]
    if isinstance(control.value, bool):
        return [not control.value]
    if hasattr(control, "step"):
        steps = [control.value + sign * k * control.step for k in range(1, 6) for sign in (1, -1)]
        return [value for value in steps if control.min <= value <= control.max]
    return []


def states(interactive) -> list[dict]:
    others = {name: other_values(control) for name, control in interactive.controls.items()}
    return [{**interactive.state, n: value} for n, values in others.items() for value in values]


def test_every_interactive_is_built():
    assert sorted(interactives.BUILD) == interactives.public()


@pytest.mark.slow
@pytest.mark.parametrize("name", interactives.BUILD)
def test_a_step_takes_a_fifth_of_a_second(name):
    """Processor time, the median of the steps; of three rounds the best, for a computer that is
    busy with something else is slower at everything."""
    medians = []
    for _ in range(3):
        interactive, seconds = interactives.BUILD[name](), []
        interactive.html(small=False)  # what is computed once
        for state in states(interactive):
            began = time.process_time()
            interactive.html(small=False, **state)
            seconds.append(time.process_time() - began)
        medians.append(statistics.median(seconds))
        if medians[-1] <= MOST:
            return
    pytest.fail(f"{name}: a step takes {min(medians):.2f} s, more than {MOST} s")


def looks(legend) -> list:
    """What tells the entries of a legend apart, but for colour."""
    found = []
    for handle in legend.legend_handles:
        if isinstance(handle, Line2D):
            found.append((handle.get_marker(), handle.get_linestyle()))
        elif isinstance(handle, Patch):
            found.append(handle.get_hatch())
        else:  # of a scatter: the shape of its marks
            found.append(handle.get_paths()[0].vertices.tobytes())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", interactives.BUILD)
def test_states_of_a_film_differ_and_no_legend_tells_apart_by_colour_alone(name):
    interactive, said = interactives.BUILD[name](), set()
    for state in interactive.film:
        figure, alt = interactive.draw(**state)
        assert alt not in said
        said.add(alt)
        legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes)]
        for legend in filter(None, legends):
            assert len(set(looks(legend))) == len(legend.legend_handles), name


@pytest.mark.slow
@pytest.mark.parametrize("name", interactives.BUILD)
def test_200_steps_leave_nothing_behind(name):
    """A figure that stayed would cost 1 MB; caches are bounded, and full after the first round."""
    interactive = interactives.BUILD[name]()
    moves = states(interactive)

    def walk(steps: int) -> tuple[int, int]:
        for step in range(steps):
            interactive.set(**moves[step % len(moves)])
        gc.collect()
        figures = sum(isinstance(one, Figure) for one in gc.get_objects())
        return figures, psutil.Process(os.getpid()).memory_info().rss

    figures_before, memory_before = walk(len(moves))
    figures_after, memory_after = walk(200)
    assert pyplot.get_fignums() == []
    assert figures_after == figures_before
    assert memory_after - memory_before < 20e6
