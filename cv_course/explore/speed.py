"""Interactive of section 12."""

from collections.abc import Mapping

import ipywidgets as widgets
from matplotlib.figure import Figure

from cv_course import figures
from cv_course.explore.core import Interactive, choice
from cv_course.speed import POOLINGS, Switches

MISSING = "this machine does not multiply bfloat16"


def switches(seconds: Mapping[Switches, float]) -> Interactive:
    """Section 12: how many images a second with these settings, and what each would change.

    Args:
        seconds: setting -> seconds an image, of all settings, as ``speed.switched`` measures them.
            Those with bfloat16 may be missing: then it cannot be switched on.
    """
    able = any(state.bfloat16 for state in seconds)
    batches = sorted({state.batch for state in seconds})
    most = 1 / min(seconds.values())

    def flipped(state: Switches) -> dict[str, float | None]:
        """What the switches would give, one at a time."""
        others = {
            "float32" if state.bfloat16 else "bfloat16": {"bfloat16": not state.bfloat16},
            "channels first" if state.channels_last else "channels last": {
                "channels_last": not state.channels_last
            },
        }
        for pooling in POOLINGS:
            if pooling != state.pooling:
                others[f"pooling {pooling}"] = {"pooling": pooling}
        for batch in batches:
            if batch != state.batch:
                others[f"batches of {batch}"] = {"batch": batch}
        found = {name: seconds.get(state._replace(**one)) for name, one in others.items()}
        return {name: taken and 1 / taken for name, taken in found.items()}

    def words(state: Switches) -> str:
        return (
            f"{'bfloat16' if state.bfloat16 else 'float32'}, channels "
            f"{'last' if state.channels_last else 'first'}, pooling {state.pooling}, "
            f"batches of {state.batch}"
        )

    def render(**chosen) -> Figure:
        state = Switches(**chosen)
        rate = 1 / seconds[state]
        return figures.switches(rate, flipped(state), most, words(state), MISSING)

    def alt(**chosen) -> str:
        state = Switches(**chosen)
        rate, others = 1 / seconds[state], flipped(state)
        gains = ", ".join(
            f"{name} {f'× {other / rate:.2f}' if other else f'({MISSING})'}"
            for name, other in others.items()
        )
        return f"{words(state)}: {rate:,.0f} images a second. One change gives: {gains}."

    every = {"bfloat16": able, "channels_last": True, "pooling": "before batch norm"}
    middle = Switches().batch if Switches().batch in batches else batches[0]
    return Interactive(
        render,
        alt=alt,
        film=[{}, {"pooling": "before ReLU"}, {"channels_last": True}, every],
        bfloat16=choice("numbers", [("float32", False)] + [("bfloat16", True)] * able),
        channels_last=choice("layout", [("channels first", False), ("channels last", True)]),
        pooling=choice("pooling", list(POOLINGS)),
        batch=widgets.SelectionSlider(options=batches, value=middle, description="batch (images)"),
    )
