"""Interactives of section 04."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import ipywidgets as widgets
import torch
import traitlets
from matplotlib.figure import Figure
from torch import nn

from cv_course import figures
from cv_course.data import Dataset, Split, as_float
from cv_course.explore.core import Interactive, choice, slider
from cv_course.models.s04_template import correlation, judge, read_template
from cv_course.networks.small import Linear
from cv_course.perturb import scale, shift
from cv_course.training import fit, predict


class Drawing(widgets.GridBox):
    """A square of buttons; each click turns ``.`` into ``+``, ``+`` into ``-``, ``-`` into ``.``.

    ``value`` is the drawing as text, for :func:`~cv_course.models.s04_template.read_template`.
    """

    value = traitlets.Unicode()
    description = "drawing"

    def __init__(self, value: str):
        self._cells = [
            widgets.Button(layout={"width": "2.2em", "height": "2em", "padding": "0"})
            for _ in value.replace("\n", "")
        ]
        size = len(value.split("\n"))
        super().__init__(
            self._cells, layout={"grid_template_columns": f"repeat({size}, 2.3em)"}, value=value
        )
        for position, cell in enumerate(self._cells):
            cell.on_click(lambda _, position=position: self._turn(position))
        self._paint()
        self.observe(self._paint, names="value")

    def in_words(self, value: str) -> str:
        """How many fields speak for and how many against; the picture shows which."""
        return f"{value.count('+')} fields +, {value.count('-')} fields −"

    @traitlets.validate("value")
    def _check(self, proposal) -> str:
        read_template(proposal.value, round(len(self._cells) ** 0.5))  # or says what is wrong
        return proposal.value

    def _turn(self, position: int) -> None:
        signs, size = list(self.value.replace("\n", "")), len(self.value.split("\n"))
        signs[position] = ".+-"[(".+-".index(signs[position]) + 1) % 3]
        rows = ["".join(signs[start : start + size]) for start in range(0, len(signs), size)]
        self.value = "\n".join(rows)

    def _paint(self, _=None) -> None:
        colours = {"+": "#f4a582", ".": "#f7f7f7", "-": "#92c5de"}
        size = len(self.value.split("\n"))
        for position, (cell, sign) in enumerate(
            zip(self._cells, self.value.replace("\n", ""), strict=True)
        ):
            place = f"row {position // size + 1}, column {position % size + 1}"
            cell.description, cell.tooltip = sign.replace("-", "−"), f"{place}: {sign}"
            cell.style.button_color = colours[sign]


EMPTY = "\n".join(["." * 7] * 7)
HALF = "\n".join(["....+++"] * 3 + ["." * 7] + ["---...."] * 3)  # anybody's first thought


def draw_template(dataset: Dataset, pairs: Sequence[tuple[str, str]]) -> Interactive:
    """Section 04: a template between two classes made by hand, against two made by machine.

    Args:
        pairs: names of classes to be told apart.
    """
    start = pairs[0]

    @cache
    def others(pair: tuple[str, str]) -> tuple[Dataset, torch.Tensor, dict[str, float]]:
        """What does not depend on the drawing."""
        both = dataset.only(*pair)
        images, labels = as_float(both.train.images), both.train.labels
        averages = torch.stack([images[labels == label].mean(0) for label in (0, 1)])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layer = Linear(tuple(images.shape[1:]), 2)
            fit(layer, both.train, epochs=5, progress=False, device="cpu")
        rivals = {
            "averages": averages[0] - averages[1],
            "one layer": (layer.templates[0] - layer.templates[1]).detach(),
        }
        return both, averages, {who: judge(one, both).accuracy for who, one in rivals.items()}

    for pair in pairs:  # now, so that nobody waits for a training when they press a button
        others(pair)

    @lru_cache(maxsize=16)
    def judged(pair: tuple[str, str], drawing: str):
        both, averages, _ = others(pair)
        template = read_template(drawing, averages.shape[-1])
        return template, judge(template, both)

    def render(pair: tuple[str, str], drawing: str) -> Figure:
        _, averages, rivals = others(pair)
        template, found = judged(pair, drawing)
        return figures.own_template(
            template, averages, found, pair, {"you": found.accuracy, **rivals}
        )

    def alt(pair: tuple[str, str], drawing: str) -> str:
        mine, rivals = judged(pair, drawing)[1].accuracy, others(pair)[2]
        return (
            f"A template for {pair[0]} against {pair[1]}; fields for: {drawing.count('+')}, "
            f"against: {drawing.count('-')}. It is right on {mine:.1%}, beside "
            + " and ".join(f"{share:.1%} for {who}" for who, share in rivals.items())
            + "."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"drawing": HALF}, {"pair": pairs[-1], "drawing": HALF}],
        pair=choice("tell apart", [(f"{a} – {b}", (a, b)) for a, b in pairs], start),
        drawing=Drawing(EMPTY),
    )


def templates(
    classes: Sequence[str],
    differences: torch.Tensor,
    steps: Sequence[int],
    weights: Sequence[torch.Tensor],
    accuracy: Sequence[float],
) -> Interactive:
    """Section 04: ten templates while they are learned, below the averages of their classes.

    Args:
        differences: K x 1 x H x W, class average minus the average of all.
        steps, weights, accuracy: after how many steps, the templates (as ``differences``) and the
            test accuracy then.
    """
    alike = [correlation(one, differences).mean().item() for one in weights]
    steps = list(steps)

    def render(step: int) -> Figure:
        position = steps.index(step)
        curves = (steps, alike, accuracy)
        return figures.templates(differences, weights[position], classes, curves, position)

    def alt(step: int) -> str:
        position = steps.index(step)
        return (
            f"Ten templates after step {step:,}, below ten differences of averages. Their mean "
            f"correlation is {alike[position]:.2f}; the test accuracy is {accuracy[position]:.2f}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{"step": steps[0]}, {"step": steps[len(steps) // 2]}, {"step": steps[-1]}],
        step=widgets.SelectionSlider(options=steps, value=steps[0], description="steps"),
    )


def drag(models: Mapping[str, nn.Module], split: Split, classes: Sequence[str]) -> Interactive:
    """Section 04: move and rescale an object while several classifiers look at it.

    Args:
        models: name -> classifier.
        split: the objects to choose from, each in the middle of its image.
    """

    @lru_cache(maxsize=64)
    def seen(item: int, right: int, down: int, size: float):
        canvas = shift(scale(split.images[item : item + 1], size), right, down)
        shares = {
            name: predict(model, canvas)[0].softmax(0).tolist() for name, model in models.items()
        }
        return canvas[0], shares

    def render(item: int, **change) -> Figure:
        return figures.verdicts(*seen(item, **change), classes, split.labels[item].item())

    def alt(item: int, right: int, down: int, size: float) -> str:
        _, shares = seen(item, right, down, size)
        said = ", ".join(
            f"{name}: {classes[share.index(max(share))]}" for name, share in shares.items()
        )
        return (
            f"A {classes[split.labels[item]]} moved {right} pixels to the right and {down} down, "
            f"magnified by {size:g}. What the classifiers say: {said}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"right": 4}, {"right": 2, "down": 2}, {"size": 0.6}],
        item=slider("object", 0, len(split) - 1, 1, 0),
        right=slider("to the right (pixels)", -8, 8, 1, 0),
        down=slider("down (pixels)", -8, 8, 1, 0),
        size=slider("size ×", 0.5, 1.6, 0.1, 1.0),
    )
