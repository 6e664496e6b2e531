"""Interactives of section 06."""

from collections.abc import Sequence
from functools import lru_cache

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from cv_course import figures
from cv_course.data import Split
from cv_course.explore.core import Interactive, slider
from cv_course.models.heads import (
    SIDE,
    MultiHead,
    Proposals,
    box_iou,
    foreground_iou,
    found_and_missed,
    nms,
    pixel_accuracy,
    say,
)
from cv_course.scenes import Scenes, place, textures


def heads_at_work(model: MultiHead, items: Split, classes: Sequence[str]) -> Interactive:
    """Section 06: one object moved and scaled by hand, and what each head says about it.

    Args:
        model: with the heads ``class``, ``box`` and ``mask``.
        items: the objects to choose from, 28 x 28.
    """
    canvas = textures(1, SIDE, seed=3)

    def corners(size: int, *shares: int) -> list[int]:
        """Where the object lies, in pixels: the shares are of the room that its size leaves."""
        return [round(share / 100 * (SIDE - size)) for share in shares]

    @lru_cache(maxsize=64)
    def seen(item: int, size: int, right: int, down: int):
        spot = [torch.tensor([corner]) for corner in corners(size, right, down)]
        picture = items.images[item : item + 1]
        image, box, mask = place(canvas, picture, torch.tensor([size]), *spot)
        said = say(model, image)
        measures = {
            "box": box_iou(said["box"], box).item(),
            "mask": foreground_iou(said["mask"], mask).item(),
            "pixels": pixel_accuracy(said["mask"], mask).item(),
        }
        said = {name: values[0] for name, values in said.items()}
        said["class"] = said["class"].softmax(0)
        return image[0], (items.labels[item].item(), box[0], mask[0]), said, measures

    def render(head: str, **where) -> Figure:
        image, truth, said, measures = seen(**where)
        return figures.at_work(image, truth, said, classes, measures, head)

    def alt(head: str, item: int, size: int, right: int, down: int) -> str:
        _, (label, _, _), said, measures = seen(item, size, right, down)
        right, down = corners(size, right, down)
        answer = {
            "class": f"The class head says {classes[said['class'].argmax()]}",
            "box": f"The dashed box of the box head has an IoU of {measures['box']:.2f}",
            "mask": f"The mask head's foreground has an IoU of {measures['mask']:.2f}",
        }[head]
        return (
            f"A {classes[label]} of {size} pixels at column {right}, row {down} of a textured "
            f"canvas. {answer}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[
            {"head": "class"},
            {"head": "box"},
            {"head": "box", "right": 90, "down": 10, "size": 28},
            {"head": "mask", "right": 90, "down": 10, "size": 28},
        ],
        head=widgets.ToggleButtons(options=["class", "box", "mask"], description="head"),
        item=slider("object", 0, len(items) - 1, 1, 0),
        size=slider("size (pixels)", 16, 48, 1, 36),
        right=slider("from the left (% of the free room)", 0, 100, 10, 10),
        down=slider("from the top (% of the free room)", 0, 100, 10, 80),
    )


def two_measures(image: torch.Tensor, true: torch.Tensor) -> Interactive:
    """Section 06: a claimed box moved by hand, judged by IoU and by pixel accuracy.

    Args:
        image: 1 x H x W, ``uint8``.
        true: (4,) the true box in whole pixels.
    """
    height, width = image.shape[-2:]

    def filled(box: torch.Tensor) -> torch.Tensor:
        x0, y0, x1, y1 = box.int().tolist()
        mask = torch.zeros(1, height, width, dtype=torch.bool)
        mask[:, y0:y1, x0:x1] = True
        return mask

    def judge(left: int, top: int, wide: int, high: int):
        end = (min(left + wide, width), min(top + high, height))
        claimed = torch.tensor([left, top, *end]).float()
        measures = {
            "IoU": box_iou(claimed[None], true[None]).item(),
            "pixel accuracy": pixel_accuracy(filled(claimed), filled(true)).item(),
        }
        return claimed, measures

    nothing = 1 - filled(true).float().mean().item()

    def render(**box) -> Figure:
        claimed, measures = judge(**box)
        return figures.two_measures(image, true, claimed, measures, nothing)

    def alt(**box) -> str:
        claimed, measures = judge(**box)
        ends = ", ".join(f"{end:g}" for end in claimed.tolist())
        said = ", ".join(f"{name} {value:.3f}" for name, value in measures.items())
        return f"The box {ends} is claimed. {said}; claiming nothing gives {nothing:.3f}."

    x0, y0, x1, y1 = true.int().tolist()
    return Interactive(
        render,
        alt=alt,
        film=[
            {},
            {"left": x0, "top": y0, "wide": x1 - x0, "high": y1 - y0},
            {"left": max(x0 - 4, 0), "top": y0 + 3, "wide": x1 - x0, "high": y1 - y0},
            {"left": 0, "top": 0, "wide": width, "high": height},
        ],
        left=slider("from the left (pixels)", 0, width, 1, 0 if x0 > width - x1 else width - 8),
        top=slider("from the top (pixels)", 0, height, 1, 0 if y0 > height - y1 else height - 8),
        wide=slider("width (pixels)", 0, width, 1, 8),
        high=slider("height (pixels)", 0, height, 1, 8),
    )


def suppression(
    proposals: Sequence[Proposals], scenes: Scenes, classes: Sequence[str], shown: int = 12
) -> Interactive:
    """Section 06: non-maximum suppression with a threshold moved by hand.

    Args:
        proposals: one a scene.
        scenes: of several objects each (``boxes`` N x K x 4).
        shown: how many of the scenes can be looked at; all of them count for the curves. The
            first to be seen is the one in which the threshold matters most.
    """
    thresholds = [step / 10 for step in range(11)]

    @lru_cache(maxsize=64)
    def left(scene: int, threshold: float) -> Proposals:
        found = proposals[scene]
        return found[nms(found.boxes, found.scores, threshold)]

    def all_scenes(threshold: float) -> tuple[float, float]:
        kept = [one[nms(one.boxes, one.scores, threshold)] for one in proposals]
        return found_and_missed(kept, scenes)

    def telling(scene: int) -> tuple[int, int]:
        """More telling: more thresholds that leave other boxes, then more proposals."""
        counts = {len(left(scene, threshold)) for threshold in (0.0, 0.4, 1.0)}
        return len(counts), len(proposals[scene])

    precision, recall = zip(*map(all_scenes, thresholds), strict=True)

    def render(scene: int, threshold: float) -> Figure:
        found, kept = proposals[scene], left(scene, threshold)
        return figures.suppression(
            scenes.images[scene],
            scenes.boxes[scene],
            (found.boxes, found.scores),
            (kept.boxes, [classes[label] for label in kept.labels]),
            (thresholds, precision, recall),
            thresholds.index(threshold),
        )

    def alt(scene: int, threshold: float) -> str:
        kept = left(scene, threshold)
        position = thresholds.index(threshold)
        return (
            f"Scene {scene}, two objects: with a threshold of {threshold:g}, {len(kept)} of "
            f"{len(proposals[scene])} boxes are kept. Over all scenes precision is "
            f"{precision[position]:.2f} and recall {recall[position]:.2f}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{"threshold": 1.0}, {"threshold": 0.0}, {"threshold": 0.4}],
        scene=slider("scene", 0, shown - 1, 1, max(range(shown), key=telling)),
        threshold=widgets.SelectionSlider(
            options=thresholds,
            value=1.0,
            description="threshold (IoU)",
        ),
    )
