"""Pictures of section 12: a step in parts, layers below a roof, and the switches."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, selection
from cv_course.sections.s12_time.model import ORDERS, Switches

MISSING = "this machine does not multiply bfloat16"


def step_parts(steps: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars of one training step each, cut into its parts.

    Args:
        steps: name of a way -> (part -> seconds), the same parts in the same order.
    """
    figure, axis = plots.figure(8, 1.5 + 0.6 * len(steps))
    longest = max(sum(parts.values()) for parts in steps.values())
    for place, parts in enumerate(steps.values()):
        begin, total = 0.0, sum(parts.values())
        for (name, seconds), look in zip(parts.items(), [*plots.CYCLE], strict=False):
            width = 1e3 * seconds
            axis.barh(place, width, 0.62, left=begin, color=look["color"], ec="white",
                      label=name if place == 0 else None)  # fmt: skip
            if seconds > 0.06 * longest:
                axis.text(begin + width / 2, place, f"{seconds / total:.0%}", ha="center",
                          va="center", bbox={"fc": "white", "ec": "none", "pad": 1.5})  # fmt: skip
            begin += width
        axis.text(begin, place, f"  {1e3 * total:.3g} ms", va="center")
    axis.set(xlabel="milliseconds a step", xlim=(0, 1.18e3 * longest))
    axis.set_yticks(range(len(steps)), list(steps))
    axis.invert_yaxis()
    axis.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure


def roofline(
    points: Mapping[str, tuple[str, float, float]], peak: float, slopes: Mapping[str, float]
) -> Figure:
    """Layers below the roof of a machine [Williams 2009, Figure 1].

    Args:
        points: layer -> (kind, operations a byte, operations a second).
        peak: operations a second.
        slopes: name -> bytes a second; the first one makes the roof, others are dashed.
    """
    figure, axis = plots.figure(8, 4.6)
    left, right = 0.06, 1000.0
    axis.set(xscale="log", yscale="log", xlim=(left, right))
    memory = next(iter(slopes.values()))
    axis.plot([peak / memory, right], [peak / 1e9] * 2, "-", color="black", marker="")
    axis.text(right, peak / 1e9, f"peak: {peak / 1e9:,.0f} ", ha="right", va="bottom")
    for (name, slope), style in zip(slopes.items(), ("-", "--"), strict=False):
        ends = np.array([left, peak / slope])
        axis.plot(ends, ends * slope / 1e9, style, color="black", marker="", label=name)
        axis.plot([peak / slope, peak / memory], [peak / 1e9] * 2, "--", color="black", marker="")
    kinds = list(dict.fromkeys(kind for kind, *_ in points.values()))
    for kind, marker, colour in zip(kinds, plots.MARKERS, plots.COLOURS, strict=False):
        chosen = [(at, rate / 1e9) for of, at, rate in points.values() if of == kind]
        axis.plot(*zip(*chosen, strict=True), marker, ls="", color=colour, ms=9, mec="white",
                  label=kind)  # fmt: skip
        for stage, (at, rate) in enumerate(chosen if len(chosen) > 1 else (), start=1):
            axis.annotate(f"{stage}", (at, rate), (9 if stage % 2 else -9, -4),
                          textcoords="offset points", ha="center", va="center",
                          bbox={"fc": "white", "ec": "none", "pad": 0.5}, zorder=2.1)  # fmt: skip
    axis.set_ylim(min(rate for *_, rate in points.values()) / 3e9, 2 * peak / 1e9)
    axis.set(xlabel="operations a byte", ylabel="billion operations per second")
    axis.legend(loc="lower right")
    return figure


def words(state: Switches) -> str:
    """A setting, as it is written below the picture."""
    return (
        f"{'bfloat16' if state.bfloat16 else 'float32'}, channels "
        f"{'last' if state.channels_last else 'first'}, pooling {state.pooling}, "
        f"batches of {state.batch}"
    )


def single_changes(state: Switches, seconds: Mapping[Switches, float]) -> dict[str, float | None]:
    """What each single change would give: images per second, None where it cannot be had."""
    batches = sorted({other.batch for other in seconds})
    others = {"float32" if state.bfloat16 else "bfloat16": {"bfloat16": not state.bfloat16}}
    layout = "first" if state.channels_last else "last"
    others[f"channels {layout}"] = {"channels_last": not state.channels_last}
    others |= {f"pooling {at}": {"pooling": at} for at in ORDERS if at != state.pooling}
    others |= {f"batches of {size}": {"batch": size} for size in batches if size != state.batch}
    found = {name: seconds.get(state._replace(**one)) for name, one in others.items()}
    return {name: taken and 1 / taken for name, taken in found.items()}


def switches(seconds: Mapping[Switches, float], chance: float = 0.1) -> Interactive:
    """How many images per second with these settings, and what each single change would give.

    Args:
        seconds: setting -> seconds an image, of all settings, as ``model.switched`` measures them.
            Those with bfloat16 may be missing: then it cannot be switched on.
        chance: changes by no more than this share are drawn in grey.
    """
    able, most = any(state.bfloat16 for state in seconds), 1 / min(seconds.values())
    batches = sorted({state.batch for state in seconds})
    middle = Switches().batch if Switches().batch in batches else batches[0]
    one = {"numbers": "bfloat16"} if able else {"pooling": "before ReLU"}
    two = one | {"layout": "channels last"}

    @interactive(
        film=[{}, one, two, two | {"pooling": "before batch norm"}],
        numbers=choice("numbers", ["float32", "bfloat16"][: 1 + able]),
        layout=choice("layout", ["channels first", "channels last"]),
        pooling=choice("pooling", list(ORDERS)),
        batch=selection("batch (images)", batches, middle),
    )
    def draw(numbers, layout, pooling, batch):
        state = Switches(numbers == "bfloat16", layout == "channels last", pooling, batch)
        rate, others = 1 / seconds[state], single_changes(state, seconds)
        figure, axis = plots.figure(8, 1.3 + 0.4 * (len(others) + 1))
        axis.barh(0, rate, 0.7, color=plots.COLOURS[0])
        axis.text(rate, 0, f"  {rate:,.0f} per second", va="center", weight="bold")
        axis.axvline(rate, color=plots.COLOURS[0], lw=1, ls=":")
        for place, other in enumerate(others.values(), 1):
            if other is None:
                axis.text(0.01 * most, place, MISSING, va="center", style="italic")
                continue
            look = 0 if other * (1 + chance) < rate else 2 if other > (1 + chance) * rate else 1
            colour = (plots.COLOURS[1], "#bdbdb8", plots.COLOURS[2])[look]
            axis.barh(place, other, 0.7, color=colour, ec="white")
            axis.text(other, place, f"  × {other / rate:.2f}", va="center")
        chosen = f"as chosen, batches of {batch}"
        axis.set_yticks(range(len(others) + 1), [chosen, *(f"or {name}" for name in others)])
        axis.set(xlabel="images per second: forward, backward, update", xlim=(0, 1.2 * most))
        axis.invert_yaxis()
        gains = ", ".join(
            f"{name} {f'× {other / rate:.2f}' if other else f'({MISSING})'}"
            for name, other in others.items()
        )
        return figure, f"{words(state)}: {rate:,.0f} images per second. One change gives: {gains}."

    return draw
