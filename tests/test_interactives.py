"""All interactives without a browser: how long a step takes, and what many of them leave behind."""

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

MOST = 0.2  # seconds of processor time a step, at most

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=interactives.SECTIONS, ids=lambda text: text.stem)
def shown(request):
    found = interactives.of_section(request.param)
    assert found
    return found


def other_values(control) -> list:
    """Values beside the one that it has, each new to every cache."""
    if hasattr(control, "options"):
        return [value for _, value in control._options_full if value != control.value][:5]
    if hasattr(control, "step"):
        steps = [control.value + sign * k * control.step for k in range(1, 6) for sign in (1, -1)]
        return [value for value in steps if control.min <= value <= control.max]
    return []


def states(interactive) -> list[dict]:
    others = {name: other_values(control) for name, control in interactive.controls.items()}
    return [{**interactive.state, n: value} for n, values in others.items() for value in values]


def test_a_step_takes_a_fifth_of_a_second(shown):
    for interactive in shown:
        seconds = []
        for state in states(interactive):
            began = time.process_time()
            interactive.html(small=False, **state)
            seconds.append(time.process_time() - began)
        assert statistics.median(seconds) <= MOST, interactive.__name__


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


def test_no_legend_tells_apart_by_colour_alone(shown):
    for figure in (one.draw(**state)[0] for one in shown for state in one.film):
        legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes)]
        for legend in filter(None, legends):
            assert len(set(looks(legend))) == len(legend.legend_handles), legend.get_texts()


def test_60_steps_leave_nothing_behind(shown):
    """A figure that stayed would cost 1 MB; caches are bounded, and full after the first round."""
    moves = [(one, states(one)) for one in shown]

    def walk(steps: int) -> tuple[int, int]:
        for step in range(steps):
            for interactive, ways in moves:
                interactive.set(**ways[step % len(ways)])
        gc.collect()
        figures = sum(type(one) is Figure for one in gc.get_objects())
        return figures, psutil.Process(os.getpid()).memory_info().rss

    figures_before, memory_before = walk(20)
    figures_after, memory_after = walk(60)
    assert pyplot.get_fignums() == []
    assert figures_after == figures_before
    assert memory_after - memory_before < 20e6
