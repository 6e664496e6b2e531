"""Section 04's interactives."""

from collections.abc import Mapping, Sequence
from functools import cache

import ipywidgets as widgets
import torch
import traitlets

from cv_course import plots
from cv_course.data import Dataset, as_float
from cv_course.film import Interactive, choice, interactive, selection
from cv_course.sections.s04_template.model import correlation, judge, read_template

CELL_COLOURS = {"+": "#f4a582", ".": "#f7f7f7", "-": "#92c5de"}
FIRST_THOUGHT = "\n".join(["....+++"] * 3 + ["......."] + ["---...."] * 3)
BOOT = "...+++.\n...++++\n...++++\n---.++.\n--.++++\n+++++++\n++++.++"
ALL_PLUS = "\n".join(["+++++++"] * 7)
SLEEVES = "\n".join(["--...--"] * 3 + ["++...++"] * 4)


class Drawing(widgets.GridBox):
    """A square of buttons; each click turns ``.`` into ``+``, ``+`` into ``-``, ``-`` into ``.``.

    ``value`` is the drawing as text, as ``read_template`` reads it.
    """

    value = traitlets.Unicode()
    description = "drawing"

    def __init__(self, value: str):
        self._side = len(value.split("\n"))
        self._cells = [
            widgets.Button(layout={"width": "2.2em", "height": "2em", "padding": "0"})
            for _ in range(self._side**2)
        ]
        columns = f"repeat({self._side}, 2.3em)"
        super().__init__(self._cells, layout={"grid_template_columns": columns}, value=value)
        for position, cell in enumerate(self._cells):
            cell.on_click(lambda _, position=position: self._turn(position))
        self._paint()
        self.observe(self._paint, names="value")

    def in_words(self, value: str) -> str:
        """How many cells count for and how many against; the picture shows which."""
        return f"{value.count('+')} cells +, {value.count('-')} cells −"

    @traitlets.validate("value")
    def _check(self, proposal) -> str:
        read_template(proposal.value, self._side)  # or says what is wrong
        return proposal.value

    def _turn(self, position: int) -> None:
        at = position + position // self._side  # a line break after each row
        signs = list(self.value)
        signs[at] = ".+-"[(".+-".index(signs[at]) + 1) % 3]
        self.value = "".join(signs)

    def _paint(self, _=None) -> None:
        signs = self.value.replace("\n", "")
        for position, (cell, sign) in enumerate(zip(self._cells, signs, strict=True)):
            row, column = divmod(position, self._side)
            cell.description = sign.replace("-", "−")
            cell.tooltip = f"row {row + 1}, column {column + 1}: {sign}"
            cell.style.button_color = CELL_COLOURS[sign]


def draw_template(dataset: Dataset, pairs: Sequence[tuple[str, str]]) -> Interactive:
    """A template between two classes made by hand, beside the difference of their averages.

    Args:
        dataset: the templates are judged on its ``test`` split.
        pairs: names of classes to be told apart.
    """

    @cache
    def known(pair):
        both = dataset.only(*pair)
        images, labels = as_float(both.train.images), both.train.labels
        averages = torch.stack([images[labels == label].mean(0) for label in (0, 1)])
        return both, averages, judge(averages[0] - averages[1], both).accuracy

    films = [{}, {"drawing": BOOT}, {"drawing": ALL_PLUS}]

    @interactive(
        film=[*films, {"pair": pairs[-1], "drawing": SLEEVES}],
        pair=choice("tell apart", [(f"{a} – {b}", (a, b)) for a, b in pairs], pairs[0]),
        drawing=Drawing(FIRST_THOUGHT),
    )
    def draw_template(pair, drawing):
        both, averages, of_averages = known(pair)
        template = read_template(drawing, averages.shape[-1])
        found = judge(template, both)
        room = {"left": 0.015, "right": 0.87, "bottom": 0.2, "top": 0.88, "wspace": 0.3}
        figure, (left, middle, right) = plots.figure(
            8, 2.5, 1, 3, room, width_ratios=(3.5, 2.2, 1.9)
        )
        first, second = averages / averages.max()
        names = [f"average {name}" for name in pair]
        plots.pictures(
            [first, second, (1 + template) / 2], [*names, "your template"], axis=left, scale=(0, 1)
        )
        recolour(left, template, len(drawing.split("\n")))
        middle.hist(
            [scores.numpy() for scores in found.scores], 24, color=plots.COLOURS[:2], label=pair
        )
        for bar in middle.containers[1]:
            bar.set_hatch("///")
        middle.axvline(found.threshold, color="black", ls="--", lw=1)
        middle.set_ylim(top=1.15 * middle.get_ylim()[1])
        middle.annotate("threshold", (found.threshold, 0.94), (4, 0), middle.get_xaxis_transform(),
                        textcoords="offset points", fontsize=8)  # fmt: skip
        middle.set(xlabel="inner product with your template", yticks=[], ylabel="images")
        middle.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
        plots.bars(
            {"yours": found.accuracy, "averages": of_averages},
            ylabel="validation accuracy", ylim=1.1, levels={"constant\nbaseline": 0.5}, axis=right,
        )  # fmt: skip
        alt = (
            f"A template for {pair[0]} against {pair[1]}, with {drawing.count('+')} cells + and "
            f"{drawing.count('-')} cells −. Its validation accuracy is {found.accuracy:.3f}; "
            f"the difference of the two averages reaches {of_averages:.3f}."
        )
        return figure, alt

    return draw_template


def recolour(axis, template: torch.Tensor, cells: int) -> None:
    """Draw the third picture of an axis of ``plots.pictures`` in red and blue, with its grid."""
    picture = axis.images[2]
    picture.set(data=template[0].numpy(), cmap=plots.SIGNED, clim=(-1.6, 1.6))
    left, right, bottom, top = picture.get_extent()
    for k in range(1, cells):
        x, y = left + k * (right - left) / cells, top + k * (bottom - top) / cells
        axis.plot([x, x], [top, bottom], [left, right], [y, y], color="#bbbbbb", lw=0.5, marker="")


def templates(
    classes: Sequence[str],
    differences: torch.Tensor,
    stages: Mapping[str, tuple[torch.Tensor, float]],
) -> Interactive:
    """Ten templates while they are learned, below the differences of averages.

    Args:
        differences: K x 1 x H x W, class average minus the average of all.
        stages: name -> the templates (as ``differences``) and the validation accuracy then.
    """
    names = list(stages)
    similar = [correlation(one, differences).mean().item() for one, _ in stages.values()]
    accuracies = [accuracy for _, accuracy in stages.values()]

    @interactive(
        film=[{"after": names[0]}, {"after": names[len(names) // 2]}, {"after": names[-1]}],
        after=selection("after", names),
    )
    def templates(after):
        at, weights = names.index(after), stages[after][0]
        largest = [float(rows.abs().max()) for rows in (differences, weights)]
        room = {"left": 0.135, "right": 0.8, "bottom": 0.09, "top": 0.99, "hspace": 0.12}
        figure, (upper, lower) = plots.figure(8, 4.0, 2, 1, room, height_ratios=(1.05, 1))
        rows = torch.cat([differences / largest[0], weights / largest[1]])
        upper.set_position([0.135, 0.49, 0.86, 0.51])
        plots.pictures(
            rows, [name.replace(" ", "\n") for name in classes], columns=10, size=0.68, signed=True,
            row_names=["difference\nof averages",
                       "template"], axis=upper,
        )  # fmt: skip
        plots.lines(
            {"correlation\nof the two rows": similar, "validation\naccuracy": accuracies},
            range(len(names)), xlabel="", ylabel="", ylim=(0, 1.05), axis=lower,
        )  # fmt: skip
        lower.set_xticks(range(len(names)), names)
        lower.axvline(at, color="#888888", lw=6, alpha=0.3)
        alt = (
            f"Ten templates after {after}, below ten differences of averages. The mean correlation "
            f"of the two rows is {similar[at]:.2f}, the validation accuracy {accuracies[at]:.2f}."
        )
        return figure, alt

    return templates
