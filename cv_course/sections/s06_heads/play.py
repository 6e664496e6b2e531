"""Section 06's interactives."""

import torch

from cv_course import plots
from cv_course.data import FASHION_CLASSES, Split
from cv_course.film import Interactive, interactive, selection, slider
from cv_course.perturb import shift
from cv_course.scenes import Scenes, place, textures
from cv_course.sections.s06_heads import draw
from cv_course.sections.s06_heads.model import SIDE, Detections, box_iou, hits, outputs, suppress


def two_measures(image: torch.Tensor, mask: torch.Tensor) -> Interactive:
    """The true mask moved by hand and taken for a prediction: its IoU and its pixel accuracy.

    Args:
        image: 1 x H x W, ``uint8``.
        mask: H x W, ``bool``.
    """
    empty = 1 - mask.float().mean().item()
    edge = torch.nn.functional.max_pool2d(mask[None].float(), 3, 1, 1)[0].bool() & ~mask

    @interactive(
        film=[{}, {"right": 3, "down": 0}, {"right": 0, "down": 0}, {"right": -12, "down": -13}],
        right=slider("moved to the right (pixels)", -16, 16, 1, 9),
        down=slider("moved down (pixels)", -16, 16, 1, 4),
    )
    def two_measures(right, down):
        moved = shift(mask[None, None].float(), right, down)[0, 0] > 0
        iou = ((moved & mask).sum() / (moved | mask).sum()).item()
        accuracy = (moved == mask).float().mean().item()
        blue = torch.tensor([86.0, 180, 233])[:, None, None]
        shown = torch.where(edge, blue, draw.veil(image, moved).float()).to(torch.uint8)
        room = {"left": 0.15, "right": 0.85, "bottom": 0.07, "top": 0.99, "hspace": 0.1}
        figure, (upper, panel) = plots.figure(3.7, 4.4, 2, 1, room, height_ratios=(1.4, 1))
        plots.pictures([shown], size=2.4, axis=upper)
        plots.bars(
            {"IoU": iou, "pixel accuracy": accuracy}, ylabel="", ylim=1.15, fmt="", axis=panel
        )
        look = {"ha": "center", "bbox": {"fc": "white", "ec": "none", "pad": 1}}
        panel.text(0, 0.06, f"{iou:.2f}", **look)
        panel.text(1, 0.06, f"{accuracy:.2f}", **look)
        panel.plot([0.55, 1.45], [empty, empty], c="black", ls="--", marker="", lw=1.5)
        panel.text(1.48, empty, "empty\nmask", va="center")
        panel.set_xlim(-0.6, 2)
        return figure, (
            f"The mask moved by {right} pixels to the right and {down} down: IoU {iou:.2f}, pixel "
            f"accuracy {accuracy:.2f}; an empty mask has a pixel accuracy of {empty:.2f}."
        )

    return two_measures


def at_work(network: torch.nn.Module, items: Split) -> Interactive:
    """One object moved by hand, and what the three heads give for it.

    Args:
        network: with the heads ``class``, ``box`` and ``mask``.
        items: the objects to choose from.
    """
    canvas, size = textures(1, SIDE, seed=3), 26

    @interactive(
        film=[{}, {"right": 50, "down": 50}, {"right": 100, "down": 100}],
        item=slider("object", 0, len(items) - 1, 1, 0),
        right=slider("from the left (% of the free space)", 0, 100, 10, 0),
        down=slider("from the top (% of the free space)", 0, 100, 10, 20),
    )
    def at_work(item, right, down):
        x, y = (torch.tensor([round(share / 100 * (SIDE - size))]) for share in (right, down))
        some = items.images[item : item + 1], torch.tensor([size]), x, y
        image, true, mask = place(canvas, *some)
        found = outputs(network, image)
        iou = box_iou(found["box"], true).item()
        both = (found["mask"] & mask).sum() / (found["mask"] | mask).sum()
        share, label = found["class"].softmax(1)[0], int(items.labels[item])
        room = {"left": 0.27, "right": 0.9, "bottom": 0.11, "top": 0.5}
        figure, panel = plots.figure(3.7, 4.4, room=room)
        left = figure.add_axes((0.01, 0.53, 0.98, 0.4))
        titles = [f"box IoU {iou:.2f}", f"mask IoU {both:.2f}"]
        plots.pictures([image[0].expand(3, -1, -1), draw.veil(image[0], found["mask"][0])], titles,
                       size=1.8, axis=left)  # fmt: skip
        draw.boxes(left, 0, true, "true")
        draw.boxes(left, 0, found["box"], "predicted")
        colours = [plots.COLOURS[2] if one == label else "#999999" for one in range(len(share))]
        panel.barh(range(len(share)), share.numpy(), color=colours)
        panel.set(xlim=(0, 1), xticks=[0, 0.5, 1], xlabel="probability (green: true class)")
        panel.set_yticks(range(len(share)), FASHION_CLASSES)
        panel.invert_yaxis()
        return figure, (
            f"{FASHION_CLASSES[label]} at column {int(x)}, row {int(y)}. "
            f"Predicted: {FASHION_CLASSES[share.argmax()]}; box IoU {iou:.2f}, mask IoU {both:.2f}."
        )

    return at_work


def detector(found: list[Detections], some: Scenes, shown: int = 12) -> Interactive:
    """Detections of a scene under two thresholds, and precision and recall over all scenes.

    Args:
        found: of each scene, before non-maximum suppression.
        some: the scenes, with several objects each.
        shown: how many scenes can be looked at.
    """
    overlaps, scores = [1.0, 0.8, 0.6, 0.4, 0.2, 0.0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    curves = {}
    for overlap in overlaps:
        given, right = hits([suppress(one, overlap) for one in found], some)
        kept = [right[given >= lowest].float() for lowest in scores]
        recalls = [one.sum().item() / some.labels.numel() for one in kept]
        curves[overlap] = recalls, [1 - (1 - one).sum().item() / max(1, len(one)) for one in kept]
    both = some.boxes[:shown, :2]
    first = int(box_iou(both, both)[:, 0, 1].argmax())  # two neighbours
    names = {overlap: "off" if overlap == 1 else f"{overlap:g}" for overlap in overlaps}

    @interactive(
        film=[{}, {"overlap": 0.4}, {"overlap": 0.4, "lowest": 0.8}, {"overlap": 0.0}],
        scene=slider("scene", 0, shown - 1, 1, first),
        lowest=selection("lowest score", scores, 0.3),
        overlap=selection("NMS threshold (IoU)", [(names[at], at) for at in overlaps]),
    )
    def detector(scene, lowest, overlap):
        kept = suppress(found[scene], overlap)
        kept = kept.only(kept.scores >= lowest)
        recall, precision = (curve[scores.index(lowest)] for curve in curves[overlap])
        room = {"left": 0.17, "right": 0.96, "bottom": 0.1, "top": 0.99, "hspace": 0.14}
        figure, (upper, panel) = plots.figure(3.5, 5.8, 2, 1, room, height_ratios=(1.5, 1))
        plots.pictures(
            some.images[[scene]], [f"reported boxes: {len(kept.scores)}"], size=2.9, axis=upper
        )
        draw.boxes(upper, 0, some.boxes[scene], "true")
        draw.boxes(upper, 0, kept.boxes, "predicted", width=1.5)
        for at in sorted({1.0, 0.4, overlap}, reverse=True):
            panel.plot(*curves[at], label=f"NMS {names[at]}")
        panel.plot(recall, precision, "o", ms=12, mfc="none", mew=2.5, c="black")
        panel.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="recall", ylabel="precision")
        panel.set_title(f"precision {precision:.2f}, recall {recall:.2f}")
        panel.legend(loc="lower left")
        panel.grid()
        return figure, (
            f"Scene {scene}: {len(kept.scores)} boxes with a score of at least {lowest:g} and NMS "
            f"{names[overlap]}. Over all scenes precision is {precision:.2f}, recall {recall:.2f}."
        )

    return detector
