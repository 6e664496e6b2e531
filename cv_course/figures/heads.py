"""Figures of section 06."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from cv_course.figures.core import COLOURS, as_picture, new

TRUE, SAID = COLOURS[5], COLOURS[1]  # told apart by the line, too: solid and dashed
_LINES = {"true": (TRUE, "-"), "predicted": (SAID, (0, (3, 1.5)))}


def draw_box(axis: Axes, box, kind: str = "predicted", width: float = 2, **options) -> None:
    """Draw x0, y0, x1, y1 (pixels, the last behind the box) over an image; ``true`` is solid."""
    x0, y0, x1, y1 = (float(end) for end in box)
    colour, line = _LINES[kind]
    style = {"ec": colour, "ls": line, "lw": width, "fill": False, **options}
    # the image's first pixel is drawn from -0.5 to 0.5
    axis.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, **style))


def draw_mask(axis: Axes, mask: torch.Tensor) -> None:
    """Lay a coloured veil over the pixels of a mask."""
    veil = torch.zeros(*mask.shape, 4)
    veil[..., :3] = torch.tensor([0.84, 0.37, 0.0])
    veil[..., 3] = 0.6 * mask.float()
    axis.imshow(veil.numpy())


def labelled_scenes(
    images: torch.Tensor,
    titles: Sequence[str],
    boxes: Mapping[str, torch.Tensor] | None = None,
    masks: torch.Tensor | None = None,
    columns: int = 6,
    size: float = 1.5,
) -> Figure:
    """Scenes with titles, boxes and masks.

    Args:
        images: N x 1 x H x W.
        boxes: ``true`` (solid) or ``predicted`` (dashed) -> N x 4 or N x K x 4.
        masks: N x H x W, shown as a coloured veil.
    """
    rows = -(-len(images) // columns)
    figure, axes = new(columns * size, rows * (size + 0.3), rows, columns, squeeze=False)
    for position, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if position >= len(images):
            continue
        axis.imshow(as_picture(images[position]), vmin=0, vmax=255)
        if masks is not None:
            draw_mask(axis, masks[position])
        for kind, those in (boxes or {}).items():
            for box in those[position].view(-1, 4):
                draw_box(axis, box, kind)
        axis.set_title(titles[position], fontsize=9, loc="center", pad=3)
    return figure


def three_answers(scenes, position: int, names: Sequence[str]) -> Figure:
    """One scene, and the three answers that it has: a word, four numbers, a number a pixel."""
    figure, axes = new(8.4, 2.5, 1, 4)
    image = as_picture(scenes.images[position])
    for axis in axes:
        axis.imshow(image, vmin=0, vmax=255)
        axis.set_axis_off()
    draw_box(axes[2], scenes.boxes[position], "true")
    draw_mask(axes[3], scenes.masks[position])
    ends = ", ".join(f"{end:g}" for end in scenes.boxes[position].tolist())
    pixels = int(scenes.masks[position].sum())
    titles = (
        "the scene",
        f"class: {names[scenes.labels[position]]}",
        f"box: {ends}",
        f"mask: {pixels} of {scenes.masks[position].numel():,}",
    )
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=10)
    return figure


def backbone_and_heads(model: nn.Module, images: torch.Tensor) -> Figure:
    """A ``MultiHead`` as a diagram; all shapes and numbers are traced from the model itself."""
    shapes = [("image", tuple(images.shape[1:]), "")]
    features = images
    with torch.no_grad():
        for layer in model.backbone:
            features = layer(features)
            kind = type(layer).__name__
            if kind == "Conv2d":
                side = layer.kernel_size[0]
                step = f", stride {layer.stride[0]}" if layer.stride[0] > 1 else ""
                shapes.append((f"conv {side}×{side}{step}", tuple(features.shape[1:]), kind))
            elif kind == "MaxPool2d":
                shapes.append(("max pool 2×2", tuple(features.shape[1:]), kind))
        outputs = {name: tuple(head(features).shape[1:]) for name, head in model.heads.items()}
    figure, axis = new(10, 3.3)
    across = 0.0
    for name, shape, kind in shapes:
        width, height = 0.25 + shape[0] / 40, shape[-1] / 16
        colour = {"Conv2d": COLOURS[0], "MaxPool2d": COLOURS[5]}.get(kind, "#bbbbb5")
        axis.add_patch(
            Rectangle((across, -height / 2), width, height, fc=colour, ec="black", alpha=0.75)
        )
        middle = across + width / 2
        axis.text(middle, height / 2 + 0.12, "×".join(map(str, shape)), ha="center", fontsize=8)
        axis.text(middle, -2.25, name.replace(" ", "\n", 1), ha="center", va="top", fontsize=8)
        end, across = across + width, across + width + 0.85
    count = sum(p.numel() for p in model.backbone.parameters())
    axis.text(end / 2, -3.35, f"backbone: {count:,} parameters", ha="center", fontsize=10)
    heights = torch.linspace(1.7, -1.7, len(outputs)).tolist()
    for (name, shape), height in zip(outputs.items(), heights, strict=True):
        count = sum(p.numel() for p in model.heads[name].parameters())
        axis.annotate(
            "", (end + 1.5, height), (end + 0.1, 0), arrowprops={"arrowstyle": "->", "lw": 1.5}
        )
        text = f"{name} head → {'×'.join(map(str, shape))}\n{count:,} parameters"
        box = {"boxstyle": "round", "fc": "#fff3d6", "ec": "black"}
        axis.text(end + 1.6, height, text, va="center", fontsize=9, bbox=box)
    axis.set(xlim=(-0.3, end + 5.2), ylim=(-3.6, 2.5))
    axis.set_axis_off()
    return figure


def against_baselines(rows: Mapping[str, tuple[float, str, float]]) -> Figure:
    """What the network reaches, beside what costs nothing.

    Args:
        rows: measure -> (of the network, name of the baseline, of the baseline), all 0 to 1.
    """
    figure, axis = new(8, 0.55 * len(rows) + 0.9)
    for row, (net, baseline, free) in enumerate(rows.values()):
        axis.barh(row - 0.18, net, 0.34, color=COLOURS[0], label="network" if not row else None)
        axis.barh(
            row + 0.18, free, 0.34, color=COLOURS[4], hatch="///", ec="white",
            label="without looking" if not row else None,
        )  # fmt: skip
        axis.text(net + 0.01, row - 0.18, f"{net:.3f}", va="center", fontsize=9)
        axis.text(free + 0.01, row + 0.18, f"{free:.3f} {baseline}", va="center", fontsize=9)
    axis.set_yticks(range(len(rows)), rows)
    axis.set(xlim=(0, 1.45), ylim=(len(rows) - 0.5, -0.5), xticks=[0, 0.5, 1])
    axis.legend(loc="upper right", fontsize=8, bbox_to_anchor=(1, 1.02))
    return figure


def compared(
    values: Mapping[str, float], label: str, line: tuple[str, float] | None = None
) -> Figure:
    """A horizontal bar a name, and a dotted line to compare with: (its name, its value)."""
    figure, axis = new(7, 0.42 * len(values) + 1.0)
    drawn = axis.barh(list(values), list(values.values()), color=COLOURS[0], height=0.6)
    axis.bar_label(drawn, [f"{value:.2f}" for value in values.values()], padding=3)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.05), xlabel=label)
    if line:
        axis.axvline(line[1], color="black", ls=":", lw=1.5)
        above = axis.get_xaxis_transform()  # x as the data, y from 0 to 1 over the axis
        axis.text(line[1], 1.01, line[0], fontsize=8, va="bottom", ha="center", transform=above)
    return figure


def at_work(
    image: torch.Tensor,
    truth: tuple[int, torch.Tensor, torch.Tensor],
    said: Mapping[str, torch.Tensor],
    names: Sequence[str],
    measures: Mapping[str, float],
    view: str,
) -> Figure:
    """One scene, and what one of the heads says about it.

    Args:
        image: 1 x H x W.
        truth: class, box (4), mask (H x W).
        said: ``class`` probabilities, ``box`` (4), ``mask`` (H x W).
        measures: what the titles give: ``box`` and ``mask`` (IoU), ``pixels`` (accuracy).
        view: ``class``, ``box`` or ``mask``.
    """
    label, box, _ = truth
    figure, (left, right) = new(8.4, 3.2, 1, 2, width_ratios=(1, 1.25))
    left.imshow(as_picture(image), vmin=0, vmax=255)
    left.set_title(f"a {names[label]}")
    left.set_axis_off()
    if view == "class":
        shares = said["class"].tolist()
        colours = [COLOURS[0] if one == label else COLOURS[1] for one in range(len(shares))]
        right.barh(range(len(shares)), shares, color=colours)
        right.set_yticks(range(len(shares)), names, fontsize=8)
        right.set(xlim=(0, 1), ylim=(len(shares) - 0.5, -0.5), xlabel="probability")
        winner = max(range(len(shares)), key=shares.__getitem__)
        right.set_title(f"class head: {'✓' if winner == label else '✗'} {names[winner]}")
        return figure
    right.set_axis_off()
    if view == "box":
        draw_box(left, box, "true")
        right.imshow(as_picture(image), vmin=0, vmax=255)
        draw_box(right, box, "true")
        draw_box(right, said["box"], "predicted")
        ends = ", ".join(f"{end:.0f}" for end in said["box"].tolist())
        right.set_title(f"box head: {ends}\nIoU {measures['box']:.2f}")
    else:
        right.imshow(as_picture(image), vmin=0, vmax=255)
        draw_mask(right, said["mask"])
        right.set_title(
            f"mask head: foreground IoU {measures['mask']:.2f}\n"
            f"pixel accuracy {measures['pixels']:.3f}"
        )
    return figure


def two_measures(
    image: torch.Tensor,
    true: torch.Tensor,
    claimed: torch.Tensor,
    measures: Mapping[str, float],
    nothing: float,
) -> Figure:
    """A true and a claimed box, and how two measures judge the claim.

    Args:
        true, claimed: (4,) boxes.
        measures: name -> value, 0 to 1.
        nothing: the pixel accuracy of claiming nothing at all.
    """
    figure, (left, right) = new(8.4, 3.0, 1, 2, width_ratios=(1, 1.5))
    left.imshow(as_picture(image), vmin=0, vmax=255)
    draw_box(left, true, "true")
    draw_box(left, claimed, "predicted")
    shared = torch.cat([torch.maximum(true, claimed)[:2], torch.minimum(true, claimed)[2:]])
    if (shared[2:] > shared[:2]).all():
        draw_box(left, shared, "true", width=0, hatch="xxx", ec="white", ls="-")
    left.set_axis_off()
    left.set_title("solid: true   dashed: claimed\ncrossed: shared", fontsize=9)
    bars = right.barh(list(measures), list(measures.values()), color=[COLOURS[0], COLOURS[4]])
    right.axvline(nothing, color="black", ls=":", lw=1.5)
    back = {"fc": "#fdfdfb", "ec": "none", "pad": 1}  # readable over the dotted line
    texts = [f"{value:.3f}" for value in measures.values()]
    right.bar_label(bars, texts, padding=4, bbox=back, zorder=5)
    right.invert_yaxis()
    right.set_title(f"dotted: pixel accuracy of claiming nothing, {nothing:.3f}", fontsize=9)
    right.set(xlim=(0, 1.2), xticks=[0, 0.5, 1])
    return figure


def suppression(
    image: torch.Tensor,
    true: torch.Tensor,
    proposals: tuple[torch.Tensor, torch.Tensor],
    kept: tuple[torch.Tensor, Sequence[str]],
    curves: tuple[Sequence[float], Sequence[float], Sequence[float]],
    position: int,
) -> Figure:
    """Proposals of one scene, what is kept of them, and how good the threshold is for all scenes.

    Args:
        true: K x 4, the objects.
        proposals: boxes M x 4 and scores (M,).
        kept: the boxes that are left, and what they are said to be (written down where they are
            few).
        curves: thresholds, precision and recall at each.
        position: which of the thresholds this is.
    """
    figure, axes = new(10, 3.2, 1, 3, width_ratios=(1, 1, 1.2))
    for axis in axes[:2]:
        axis.imshow(as_picture(image), vmin=0, vmax=255)
        axis.set_axis_off()
    for box, score in zip(*proposals, strict=True):
        draw_box(axes[0], box, width=0.5 + 1.2 * float(score), alpha=0.8)
    axes[0].set_title(f"{len(proposals[0])} proposal{'s' * (len(proposals[0]) != 1)}")
    for box in true:
        draw_box(axes[1], box, "true", width=3)
    for box, name in zip(*kept, strict=True):
        draw_box(axes[1], box)
        if len(kept[0]) > 2 * len(true):
            continue  # so many names would cover one another
        x, y = float(box[0].clamp(0, 40)), float(box[1].clamp(4, 60)) - 1.5
        back = {"fc": "#fdfdfb", "ec": "none", "alpha": 0.75, "pad": 0.8}
        axes[1].text(x, y, name, fontsize=7, bbox=back)
    count = len(kept[0])
    axes[1].set_title(f"{count} kept, {len(true)} objects (solid)")
    thresholds, precision, recall = curves
    for line, name, marker in ((precision, "precision", "o"), (recall, "recall", "s")):
        axes[2].plot(thresholds, line, marker=marker, ms=4, label=f"{name} {line[position]:.2f}")
        axes[2].plot(thresholds[position], line[position], "o", ms=11, mfc="none", mew=2, c="black")
    axes[2].set(xlabel="NMS threshold (IoU)", ylim=(0, 1.05), title="All two-object scenes")
    axes[2].legend(fontsize=8, loc="lower left")
    axes[2].grid(axis="y")
    return figure
