"""Figures of section 12."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from cv_course.figures.core import COLOURS, new

HATCHES = ("", "///", "", "...", "xxx")


def step_parts(steps: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars of one training step each, cut into its parts.

    Args:
        steps: name of a way -> (part -> seconds), the same parts in the same order.
    """
    figure, axis = new(8.5, 1.5 + 0.5 * len(steps))
    longest = max(sum(parts.values()) for parts in steps.values())
    for place, parts in enumerate(steps.values()):
        begin, total = 0.0, sum(parts.values())
        for (name, seconds), colour, hatch in zip(parts.items(), COLOURS, HATCHES, strict=False):
            width = 1e3 * seconds
            axis.barh(place, width, 0.62, left=begin, color=colour, hatch=hatch, ec="white",
                      label=name if place == 0 else None)  # fmt: skip
            if seconds > 0.06 * longest:
                axis.text(begin + width / 2, place, f"{seconds / total:.0%}", ha="center",
                          va="center", color="black", fontsize=9,
                          bbox={"fc": "white", "ec": "none", "pad": 1.5})  # fmt: skip
            begin += width
        axis.text(begin, place, f"  {1e3 * total:.3g} ms", va="center")
    axis.set(xlabel="milliseconds a step", xlim=(0, 1.15e3 * longest))
    axis.set_yticks(range(len(steps)), list(steps))
    axis.invert_yaxis()
    figure.legend(ncols=5, loc="outside upper left")
    return figure


def rates(each: Mapping[str, float], unit: str) -> Figure:
    """Bars on a logarithmic axis: how much of ``unit`` each way gets done in a second."""
    figure, axis = new(8, 0.9 + 0.45 * len(each))
    slowest = min(each.values())
    for place, (rate, colour) in enumerate(zip(each.values(), COLOURS, strict=False)):
        axis.barh(place, rate, 0.6, color=colour)
        times = f", {rate / slowest:,.3g} times as many" if rate > slowest else ""
        axis.text(rate, place, f"  {_short(rate)}{times}", va="center")
    low, high = np.log10(slowest) - 0.5, np.log10(max(each.values()))
    axis.set(
        xscale="log", xlabel=f"{unit} a second", xlim=(10**low, 10 ** (high + 0.6 * (high - low)))
    )
    axis.set_yticks(range(len(each)), list(each))
    axis.invert_yaxis()
    return figure


def _short(rate: float) -> str:
    """Two digits, with k or M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if rate >= size:
            return (
                f"{rate / size:.2g}{letter}" if rate < 100 * size else f"{rate / size:.0f}{letter}"
            )
    return f"{rate:.0f}"


def operators(seconds: Mapping[str, float], most: int = 9) -> Figure:
    """Bars of the operators (name -> seconds) that take longest, as shares of all."""
    ranked = sorted(seconds.items(), key=lambda item: -item[1])
    rows = ranked[:most]
    if len(ranked) > most:
        rows.append((f"{len(ranked) - most} others", sum(taken for _, taken in ranked[most:])))
    total = sum(seconds.values())
    figure, axis = new(8, 0.8 + 0.27 * len(rows))
    for place, (name, taken) in enumerate(rows):
        backward = "backward" in name
        axis.barh(place, taken / total, 0.7, color=COLOURS[1 if backward else 0],
                  hatch="///" if backward else "", ec="white")  # fmt: skip
        axis.text(taken / total, place, f" {taken / total:.0%}", va="center", fontsize=9)
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=9)
    axis.set(xlabel="share of the time of all operators (hatched: backward)")
    axis.set_xlim(0, 1.1 * max(taken for _, taken in rows) / total)
    axis.invert_yaxis()
    return figure


def roofline(
    points: Mapping[str, tuple[str, float, float]],
    ceilings: Mapping[str, float],
    slopes: Mapping[str, float],
) -> Figure:
    """Layers below the roof of a machine [Williams 2009, Figure 1].

    Args:
        points: layer -> (kind, operations a byte, operations a second).
        ceilings: name -> operations a second; the first one makes the roof, others are dashed.
        slopes: name -> bytes a second; the first one makes the roof, others are dashed.
    """
    figure, axis = new(8.5, 4.6)
    left, right = 0.03, 1000.0
    axis.set(xscale="log", yscale="log")
    roof, floor = next(iter(ceilings.values())), min(rate for *_, rate in points.values()) / 3
    for (name, ceiling), look in zip(ceilings.items(), ("-", "--"), strict=False):
        begin = ceiling / max(slopes.values())
        axis.plot([begin, right], [ceiling / 1e9] * 2, look, color="black", lw=1.5)
        axis.text(right, ceiling / 1e9, f"{name}: {ceiling / 1e9:,.0f} ", ha="right", va="bottom")
    for (name, slope), look in zip(slopes.items(), ("-", "--"), strict=False):
        ends = np.array([left, roof / slope])
        axis.plot(ends, ends * slope / 1e9, look, color="black", lw=1.5, label=name)
    kinds = list(dict.fromkeys(kind for kind, *_ in points.values()))
    for kind, marker, colour in zip(kinds, "osDv^PX", COLOURS, strict=False):
        chosen = [(at, rate / 1e9) for of, at, rate in points.values() if of == kind]
        axis.plot(*zip(*chosen, strict=True), marker, color=colour, ms=9, mec="white", label=kind)
    named = sorted(
        (at, rate / 1e9, name)
        for name, (kind, at, rate) in points.items()
        if kind not in ("BatchNorm2d", "ReLU")
    )
    for number, (*place, name) in enumerate(named):  # to the left and right in turns
        side = 1 if number % 2 else -1
        axis.annotate(name, place, (7 * side, -13), textcoords="offset points", fontsize=8,
                      ha="left" if side > 0 else "right")  # fmt: skip
    axis.set_xlim(left, right)
    axis.set_ylim(floor / 1e9, 2 * max(ceilings.values()) / 1e9)
    axis.set(xlabel="operations a byte", ylabel="billion operations a second")
    figure.legend(loc="outside right upper", fontsize=9)
    return figure


def switches(
    chosen: float, flipped: Mapping[str, float | None], most: float, title: str, missing: str = ""
) -> Figure:
    """Images a second as chosen, and what each switch would change.

    Args:
        chosen: images a second.
        flipped: switch, as it would be then -> images a second; None where it cannot be had.
        most: the right end of the axis.
        missing: what to say in place of the bar of a None.
    """
    figure, axis = new(8.5, 1.2 + 0.36 * (len(flipped) + 1))
    axis.barh(0, chosen, 0.7, color=COLOURS[0])
    axis.text(chosen, 0, f"  {_short(chosen)}", va="center", weight="bold")
    axis.axvline(chosen, color=COLOURS[0], lw=1, ls=":")
    for place, rate in enumerate(flipped.values(), 1):
        if rate is None:
            axis.text(0.01 * most, place, missing, va="center", style="italic", fontsize=9)
            continue
        look = 0 if rate < 0.95 * chosen else 2 if rate > 1.05 * chosen else 1
        colour, hatch = ((COLOURS[1], "///"), ("#bdbdb8", ""), (COLOURS[2], ""))[look]
        axis.barh(place, rate, 0.7, color=colour, hatch=hatch, ec="white")
        axis.text(rate, place, f"  × {rate / chosen:.2f}", va="center")
    axis.set_yticks(range(len(flipped) + 1), ["as chosen", *(f"… but {name}" for name in flipped)])
    axis.set(xlabel="images a second, forward and backward", xlim=(0, 1.15 * most))
    axis.set_title(title, fontsize=10)
    axis.invert_yaxis()
    return figure
