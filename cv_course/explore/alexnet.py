"""Interactives of section 08."""

from collections.abc import Mapping
from functools import cache, lru_cache

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from cv_course import figures
from cv_course.explore.core import Interactive, choice, slider
from cv_course.figures.alexnet import layer_names
from cv_course.layers import Trace
from cv_course.models.s08_alexnet import ACTIVATIONS, changes, gradient_sizes
from cv_course.networks.alexnet import ResponseNorm, alexnet, convolutions

REMARKS = {  # kind of layer -> what it does
    "ReLU": "ReLU: what is negative becomes 0",
    "ResponseNorm": "normalised by neighbouring channels",
    "MaxPool2d": "max pool: 3 wide, 2 apart, so they overlap",
    "Flatten": "flatten: channel by channel, row by row",
    "Dropout": "dropout: half are silenced while training",
    "AdaptiveAvgPool2d": "average to 6 × 6: changes nothing here",
}


def blueprint(traces: Mapping[str, Trace]) -> Interactive:
    """Section 08: walk through AlexNet layer by layer.

    Args:
        traces: name of a form -> its trace. All of them must have the same layers with weights.
    """
    weighted = {name: trace.only("Conv2d", "Linear") for name, trace in traces.items()}
    steps = layer_names(next(iter(weighted.values())))

    @cache
    def sheet(form: str) -> figures.alexnet.Sheet:
        return figures.blueprint_sheet(traces[form])

    def chosen(form: str, step: str):
        return weighted[form][steps.index(step)]

    def facts(form: str, step: str) -> list[str]:
        row, rows = chosen(form, step), traces[form]
        lines = [f"{step}, {' × '.join(map(str, row.input_shape))} in"]
        if row.kernel:
            groups = f", {row.groups} groups" if row.groups > 1 else ""
            lines.append(
                f"kernels {row.kernel[0]} × {row.kernel[1]}, stride {row.stride[0]}{groups}"
            )
            lines.append(
                f"one output sees {' × '.join(map(str, row.receptive_field))} pixels of the image"
            )
        lines.append(f"{' × '.join(f'{part:,}' for part in row.output_shape)} out")
        lines.append(f"{row.parameters:,} parameters ({row.parameters / rows.parameters:.1%})")
        lines.append(f"{row.macs:,} multiplications ({row.macs / rows.macs:.1%})")
        return lines

    def followers(form: str, step: str) -> list[str]:
        names = [row.name for row in traces[form]]
        first = names.index(chosen(form, step).name) + 1
        kinds = []
        for row in traces[form][first:]:
            if row.kind in ("Conv2d", "Linear"):
                break
            kinds.append(row.kind)
        return kinds

    def render(form: str, step: str) -> Figure:
        lines = facts(form, step) + [
            f"… {REMARKS.get(kind, kind)}" for kind in followers(form, step)
        ]
        return figures.blueprint(sheet(form), chosen(form, step).name, "\n".join(lines))

    def alt(form: str, step: str) -> str:
        after = followers(form, step)
        return (
            f"AlexNet, {form}, as a row of cuboids with {step} marked. "
            + "; ".join(facts(form, step)[1:])
            + (f"; then {', '.join(after)}." if after else ".")
        )

    first = next(iter(traces))
    return Interactive(
        render,
        alt=alt,
        film=[{}, {"step": "conv3"}, {"step": "fc6"}],
        form=choice("form", list(traces), first),
        step=widgets.SelectionSlider(options=steps, value=steps[0], description="layer"),
    )


def gradients() -> Interactive:
    """Section 08: how much of the gradient reaches the first of many layers."""
    known = cache(gradient_sizes)

    def lines(depth: int, fitted: bool) -> dict[str, list[float]]:
        return {name: known(name, depth, fitted) for name in ACTIVATIONS}

    def render(depth: int, fitted: bool) -> Figure:
        return figures.gradients(lines(depth, fitted))

    def alt(depth: int, fitted: bool) -> str:
        start = "made for the activation" if fitted else "as PyTorch draws them"
        said = ", ".join(
            f"{n} {line[0] / line[-1]:.1g}" for n, line in lines(depth, fitted).items()
        )
        return (
            f"{depth} layers, first weights {start}: the size of the gradient at the first layer "
            f"divided by that at the last: {said}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{"depth": 4}, {}, {"fitted": False}],
        depth=slider("layers", 2, 32, 2, 16),
        fitted=choice(
            "first weights", [("made for the activation", True), ("PyTorch's default", False)]
        ),
    )


WHERE = {2: "within a tower", 1: "over the seam"}  # groups of the normalisation
GROUPINGS = {
    "as published: 1, 2, 1, 2, 2": (1, 2, 1, 2, 2),
    "never crossing: 1, 2, 2, 2, 2": (1, 2, 2, 2, 2),
    "always crossing: 1, 1, 1, 1, 1": (1, 1, 1, 1, 1),
}


def towers() -> Interactive:
    """Section 08: disturb one tower and see what changes in the other."""

    @lru_cache(maxsize=16)
    def found(groups: str, norm: int, tower: str) -> dict[str, torch.Tensor]:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            features = convolutions(GROUPINGS[groups], norm)
            image = torch.rand(1, 3, 99, 99)
        return changes(features, image, tower)

    def render(groups: str, norm: int, tower: str) -> Figure:
        title = f"groups {groups}, normalised {WHERE[norm]}"
        return figures.towers(found(groups, norm, tower), tower, title)

    def alt(groups: str, norm: int, tower: str) -> str:
        said = []
        for name, change in found(groups, norm, tower).items():
            other = change.chunk(2)["BA".index(tower)]
            said.append(f"{name} {int((other > 0).sum())} of {len(other)}")
        return (
            f"Groups {groups}, normalised {WHERE[norm]}, tower {tower} disturbed behind conv1. "
            f"Channels that change in the other tower: {', '.join(said)}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"groups": "never crossing: 1, 2, 2, 2, 2"},
              {"groups": "never crossing: 1, 2, 2, 2, 2", "norm": 1}],
        groups=widgets.Dropdown(options=list(GROUPINGS), description="groups of conv1 … conv5",
                                layout={"width": "26em"}),
        norm=choice("normalised", [(where, norm) for norm, where in WHERE.items()]),
        tower=choice("disturb", ["B", "A"]),
    )  # fmt: skip


VECTORS = {
    "one loud channel": [20.0] * 7 + [800.0] + [20.0] * 8,
    "a loud neighbourhood": [20.0] * 5 + [400.0, 600.0, 800.0, 600.0, 400.0] + [20.0] * 6,
    "all alike": [300.0] * 16,
    "faint (images in 0 to 1)": [1.0, 0.2, 2.5, 0.0] * 4,
}


def response_norm() -> Interactive:
    """Section 08: what local response normalisation makes of sixteen channels at one place."""
    marked = 7

    def values(activations: str, k: float, n: int, alpha: float, beta: float):
        before = torch.tensor(VECTORS[activations])
        norm = ResponseNorm(n, 10.0**alpha, beta, k)
        alone = torch.linspace(0, max(VECTORS[activations]), 101)
        curve = alone / (k + 10.0**alpha * alone**2) ** beta
        return before, norm(before.view(1, -1, 1, 1)).flatten(), (alone, curve)

    def render(activations: str, k: float, n: int, alpha: float, beta: float) -> Figure:
        before, after, curve = values(activations, k, n, alpha, beta)
        return figures.response_norm(before, after, curve, marked, n)

    def alt(activations: str, k: float, n: int, alpha: float, beta: float) -> str:
        before, after, _ = values(activations, k, n, alpha, beta)
        return (
            f"Sixteen activations, {activations}, before and after normalisation with k {k:g}, n "
            f"{n}, alpha 10^{alpha:g}, beta {beta:g}: channel {marked} goes from "
            f"{before[marked]:.3g} to {after[marked]:.3g}, channel 1 from {before[1]:.3g} to "
            f"{after[1]:.3g}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"activations": "a loud neighbourhood"},
              {"activations": "faint (images in 0 to 1)"}],
        activations=widgets.Dropdown(options=list(VECTORS), description="activations"),
        k=slider("k", 0.5, 4.0, 0.5, 2.0),
        n=slider("n (channels)", 1, 15, 2, 5),
        alpha=slider("log₁₀ α", -6.0, 0.0, 0.5, -4.0),
        beta=slider("β", 0.0, 1.0, 0.05, 0.75),
    )  # fmt: skip


def flatten_or_average() -> Interactive:
    """Section 08: what becomes of AlexNet's parameters, and of its input, with another head."""

    @cache
    def made(variant: str, head: str, classes: int):
        with torch.device("meta"):
            return alexnet(variant, classes, head)

    def parts(head: str, classes: int) -> dict[str, tuple[int, int]]:
        found = {}
        for variant, name in NAMES.items():
            model = made(variant, head, classes)
            found[name] = tuple(
                sum(p.numel() for p in part.parameters())
                for part in (model.features, model.classifier)
            )
        return found

    def fate(head: str, side: int) -> str:
        maps = made("two_towers", "average", 10).features(
            torch.empty(1, 3, side, side, device="meta")
        )
        numbers = 256 if head == "average" else maps[0].numel()
        shape = " × ".join(map(str, maps.shape[1:]))
        fits = head == "average" or numbers == 9216
        end = "fits" if fits else "does not fit into 9,216"
        return f"two towers, image {side} × {side}: maps {shape}, vector {numbers:,} {end}"

    def render(head: str, classes: int, side: int) -> Figure:
        return figures.head_sizes(parts(head, classes), fate(head, side))

    def alt(head: str, classes: int, side: int) -> str:
        said = ", ".join(f"{name} {sum(p) / 1e6:.1f}" for name, p in parts(head, classes).items())
        return f"Head {head}, {classes} classes: million parameters {said}; {fate(head, side)}."

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"head": "average"}, {"side": 224},
              {"head": "average", "classes": 10, "side": 320}],
        head=choice("head", ["flatten", "average"]),
        classes=widgets.SelectionSlider(options=[2, 10, 100, 1000], value=1000,
                                        description="classes"),
        side=widgets.SelectionSlider(options=[96, 160, 224, 227, 256, 320], value=227,
                                     description="side of the image (pixels)"),
    )  # fmt: skip


NAMES = {"two_towers": "two towers", "single": "one stream", "torchvision": "torchvision's"}
