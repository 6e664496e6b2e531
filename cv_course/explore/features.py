"""Interactives of section 02."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import nn

from cv_course import figures
from cv_course.attribution import cover, occlusion
from cv_course.data import Split
from cv_course.explore.core import Interactive, choice, slider
from cv_course.features import accuracy, cell_histograms, fit_linear, gradients, normalise_blocks
from cv_course.models.generator import ClassGaussians
from cv_course.training import predict

NORMS = (("none", ("none", 1)), ("each cell", ("L2", 1)), ("blocks of 2 × 2 cells", ("L2-Hys", 2)))


def design_feature(learn: Split, validation: Split, item: int = 0) -> Interactive:
    """Section 02: choose how the gradients are counted, and see what it is worth.

    Args:
        learn, validation: grey images; the simple model is fitted to the first and judged by the
            second.
        item: the image of ``validation`` that is drawn.
    """
    images = torch.cat([validation.images, learn.images])
    length, angle = gradients(images)
    count = len(validation)

    def judge(features: torch.Tensor) -> float:
        layer = fit_linear(features[count:], learn.labels)
        return accuracy(layer, features[:count], validation.labels)

    @cache
    def of_pixels() -> float:
        return judge(images.flatten(1))

    @lru_cache(maxsize=256)
    def tried(cell: int, bins: int, signed: bool, norm: tuple[str, int]):
        cells = cell_histograms(length, angle, cell, bins, signed)
        found = normalise_blocks(cells.float(), norm[1], norm[0]).flatten(1)
        return cells[item], judge(found), found.shape[1]

    def accuracies(*state) -> dict[str, float]:
        return {
            "yours": tried(*state)[1],
            "the usual HOG": tried(4, 9, False, ("L2-Hys", 2))[1],
            "raw pixels": of_pixels(),
        }

    def render(cell: int, bins: int, signed: bool, norm: tuple[str, int]) -> Figure:
        cells, _, numbers = tried(cell, bins, signed, norm)
        found = accuracies(cell, bins, signed, norm)
        return figures.designed_feature(
            validation.images[item], cells, cell, signed, found, numbers
        )

    def alt(cell: int, bins: int, signed: bool, norm: tuple[str, int]) -> str:
        name = next(name for name, value in NORMS if value == norm)
        found = accuracies(cell, bins, signed, norm)
        return (
            f"An image and its gradients in cells of {cell} pixels with {bins} "
            f"{'signed' if signed else 'unsigned'} directions, normalised: {name}. "
            + ", ".join(f"{who} {share:.1%}" for who, share in found.items())
            + " right."
        )

    return Interactive(
        render,
        alt=alt,
        film=[
            {"cell": 14, "bins": 4},
            {"cell": 7},
            {},
            {"bins": 12, "signed": True, "norm": ("L2-Hys", 2)},
        ],
        cell=choice("cell (pixels)", [14, 7, 4], 4),
        bins=slider("directions", 1, 12, 1, 9),
        signed=widgets.Checkbox(value=False, description="tell bright-to-dark from dark-to-bright"),
        norm=choice("normalise", list(NORMS), ("L2", 1)),
    )


def hand_or_learned(
    sizes: Sequence[int],
    right: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    classes: Sequence[str],
) -> Interactive:
    """Section 02: accuracy against the number of training images, and class by class at one N.

    Args:
        right: name of a way -> sizes x seeds x test images, whether each answer is right.
        labels: of the test images.
    """
    sizes = list(sizes)

    def render(size: int) -> Figure:
        return figures.learning_curves(sizes, right, labels, classes, sizes.index(size))

    def alt(size: int) -> str:
        found = {name: hits[sizes.index(size)].float().mean() for name, hits in right.items()}
        return (
            f"Curves of test accuracy, and the classes at {size:,} training images. There: "
            + ", ".join(f"{name} {share:.2f}" for name, share in found.items())
            + "."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{"size": sizes[0]}, {"size": sizes[len(sizes) // 2]}, {"size": sizes[-1]}],
        size=widgets.SelectionSlider(
            options=sizes, value=sizes[0], description="training images N"
        ),
    )


def order_picture(
    generator: ClassGaussians, judge: nn.Module, classes: Sequence[str]
) -> Interactive:
    """Section 02: order a class, turn three latent knobs, and see what a classifier makes of it."""

    @lru_cache(maxsize=256)
    def made(label: int, z: tuple[float, ...]):
        picture = generator.decode(torch.tensor([label]), torch.tensor([z]))
        return picture[0], predict(judge, picture)[0].softmax(0).tolist()

    def render(label: int, z1: float, z2: float, z3: float) -> Figure:
        z = (z1, z2, z3)
        picture, shares = made(label, z)
        directions = generator.directions[label, :3]
        return figures.generated(
            picture, generator.means[label], directions, z, shares, classes, label
        )

    def alt(label: int, z1: float, z2: float, z3: float) -> str:
        shares = made(label, (z1, z2, z3))[1]
        taken_for = classes[shares.index(max(shares))]
        return (
            f"A generated picture, ordered as {classes[label]}: the mean of the class and three "
            f"directions, times {z1:+.1f}, {z2:+.1f} and {z3:+.1f}. The classifier takes it for "
            f"{taken_for}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[
            {},
            {"z1": 2.0},
            {"z1": -2.0},
            {"label": 8, "z1": 1.0, "z2": 2.0},
            {"label": 6, "z1": 2.0, "z2": -2.0, "z3": 2.0},
        ],
        label=choice("class", [(name, label) for label, name in enumerate(classes)], 0),
        **{
            f"z{number}": slider(f"knob {number} (standard deviations)", -3.0, 3.0, 0.5, 0.0)
            for number in (1, 2, 3)
        },
    )


def occluding_patch(
    model: nn.Module, split: Split, classes: Sequence[str], start: tuple[int, int] = (0, 0)
) -> Interactive:
    """Sections 02 and 11: move a patch over an image and watch the classifier's answer.

    Args:
        split: the images to choose from.
        start: row and column where the patch lies at first, in pixels.
    """
    step = 2

    @lru_cache(maxsize=128)
    def drops(item: int, size: int, fill: int) -> torch.Tensor:
        one = split[item : item + 1]
        return occlusion(model, one.images, one.labels, size, step, fill)[0]

    @lru_cache(maxsize=512)
    def seen(item: int, top: int, left: int, size: int, fill: int):
        image = split.images[item : item + 1]
        covered = cover(image, top, left, size, fill)
        shares = predict(model, torch.cat([image, covered])).softmax(1).tolist()
        return covered[0], *shares

    def render(item: int, top: int, left: int, size: int, fill: int) -> Figure:
        covered, before, after = seen(item, top, left, size, fill)
        truth = split.labels[item].item()
        return figures.patch_on_image(
            covered,
            (top, left, size),
            before,
            after,
            drops(item, size, fill),
            classes,
            truth,
            step,
        )

    def alt(item: int, top: int, left: int, size: int, fill: int) -> str:
        _, before, after = seen(item, top, left, size, fill)
        truth, answer = split.labels[item].item(), classes[after.index(max(after))]
        return (
            f"Item {item}, {classes[truth]}, with a patch of {size} pixels at row {top}, column "
            f"{left}, grey level {fill}. The probability of {classes[truth]} goes from "
            f"{before[truth]:.2f} to {after[truth]:.2f}; the answer is {answer}."
        )

    def place_of(item: int, least: bool) -> dict:
        """The place of the black patch that hurts most, or least."""
        places = drops(item, 7, 0)
        row, column = divmod(int((-places if least else places).argmax()), places.shape[1])
        return {"item": item, "top": row * step, "left": column * step}

    few = range(1, min(12, len(split)))
    worst = max(few, key=lambda item: drops(item, 7, 0).max().item())
    best = min(few, key=lambda item: drops(item, 7, 0).min().item())
    telling = [place_of(0, False), place_of(worst, False), place_of(best, True)]
    return Interactive(
        render,
        alt=alt,
        film=[{}, *telling],
        item=slider("image", 0, len(split) - 1, 1, 0),
        top=slider("row of the patch (pixels)", 0, 23, 1, start[0]),
        left=slider("column of the patch (pixels)", 0, 23, 1, start[1]),
        size=slider("side of the patch (pixels)", 5, 13, 2, 7),
        fill=choice("fill", [("black", 0), ("grey", 128), ("white", 255)], 0),
    )
