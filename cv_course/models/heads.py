"""One backbone, several heads; how boxes and masks are compared and thinned out (section 06).

The scenes are those of :mod:`cv_course.scenes`: 64 x 64 pixels, so that the backbone gives a map of
8 x 8 places. Boxes are x0, y0, x1, y1 in pixels, x1 and y1 just behind the last pixel.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import as_float
from cv_course.training import choose_device, triangle

SIDE = 64  # of a scene, in pixels
STRIDE = 8  # pixels from one place of the backbone's map to the next
WIDTH = 48  # channels of that map
PLACES = SIDE // STRIDE
WEIGHTS = {"class": 1.0, "box": 10.0, "mask": 3.0}  # of the losses: makes them about equally large


def backbone(padding: str = "zeros") -> nn.Sequential:
    """Four convolutions, N x 1 x H x W -> N x 48 x H/8 x W/8, about 40,000 parameters.

    Batch normalisation keeps the numbers in range, so that it trains within seconds (section 08).

    Args:
        padding: what the convolutions find outside the image: ``zeros``, or with ``circular`` the
            opposite side, so that there is no border.
    """
    return nn.Sequential(
        *_stage(1, 16, 5, padding, stride=2),
        nn.MaxPool2d(2),
        *_stage(16, 32, 3, padding),
        nn.MaxPool2d(2),
        *_stage(32, WIDTH, 3, padding),
        *_stage(WIDTH, WIDTH, 3, padding),
    )


def _stage(inputs: int, outputs: int, kernel: int, padding: str, stride: int = 1):
    convolution = nn.Conv2d(
        inputs, outputs, kernel, stride, kernel // 2, bias=False, padding_mode=padding
    )
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU()


def class_head(classes: int = 10) -> nn.Sequential:
    """Map -> N x classes scores. The largest value of each channel, wherever it is."""
    return nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(WIDTH, classes))


def box_head(vector: str = "flatten") -> nn.Sequential:
    """Map -> N x 4, x0, y0, x1, y1 as fractions of the image's side.

    Args:
        vector: how the map becomes a vector. ``flatten`` keeps every place, ``average`` one number
            a channel.

    Raises:
        ValueError: another ``vector``.
    """
    if vector not in ("flatten", "average"):
        raise ValueError(f"vector must be flatten or average, got {vector!r}.")
    if vector == "average":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 4))
    return nn.Sequential(nn.Flatten(), nn.Linear(WIDTH * PLACES**2, 4))


def mask_head() -> nn.Sequential:
    """Map -> N x H x W logits, positive where a pixel belongs to the object.

    Each place of the map paints the 8 x 8 pixels below it: one channel a pixel, then rearranged.
    """
    return nn.Sequential(nn.Conv2d(WIDTH, STRIDE**2, 1), nn.PixelShuffle(STRIDE), nn.Flatten(1, 2))


class MultiHead(nn.Module):
    """A backbone and what stands on it.

    Args:
        backbone: images -> map.
        heads: name -> module that takes the map.
    """

    def __init__(self, backbone: nn.Module, heads: Mapping[str, nn.Module]):
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """N x 1 x H x W in 0 to 1 -> {name of a head: what it says}."""
        features = self.backbone(images)
        return {name: head(features) for name, head in self.heads.items()}


def losses(out: Mapping[str, torch.Tensor], scenes) -> torch.Tensor:
    """The weighted sum of the losses of those heads that said something; a number.

    Args:
        out: what :class:`MultiHead` says: ``class`` N x classes, ``box`` N x 4, ``mask`` N x H x W.
            The first word of a name says what it is; ``box average`` is another box.
        scenes: N scenes of one object each (:class:`cv_course.scenes.Scenes`).
    """
    parts = {
        "class": lambda scores: F.cross_entropy(scores, scenes.labels),
        "box": lambda boxes: F.l1_loss(boxes, scenes.boxes / SIDE),
        "mask": lambda logits: F.binary_cross_entropy_with_logits(logits, scenes.masks.float()),
    }
    kinds = {name: name.split()[0] for name in out}
    return sum(WEIGHTS[kinds[name]] * parts[kinds[name]](said) for name, said in out.items())


def learn(
    model: nn.Module,
    inputs: torch.Tensor,
    targets,
    loss: Callable,
    *,
    epochs: int,
    batch_size: int = 32,
    lr: float = 5e-3,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> list[float]:
    """Train whatever can be called on ``inputs`` and judged by ``loss`` (Adam, Kingma & Ba 2015).

    The learning rate goes up and down as in ``training.fit``.

    Args:
        model: stays on ``device``, in evaluation mode.
        inputs: N x ..., images (``uint8`` or floats in 0 to 1) or features.
        targets: has ``targets[indices]`` and ``targets.to(device)``: a tensor, scenes ...
        loss: ``loss(model(inputs[batch]), targets[batch])`` is a number.
        device: default: the fastest that is present.

    Returns:
        The mean loss of each epoch.

    Raises:
        ValueError: fewer examples than a batch.
    """
    if len(inputs) < batch_size:
        raise ValueError(f"a batch has {batch_size} examples; got only {len(inputs)} altogether.")
    device = choose_device(device)
    model.to(device).train()
    inputs, targets = inputs.to(device), targets.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    order, curve = torch.Generator().manual_seed(seed), []
    steps = len(inputs) // batch_size
    for epoch in range(epochs):
        total = torch.zeros((), device=device)
        shuffled = torch.randperm(len(inputs), generator=order)[: steps * batch_size].to(device)
        for step, batch in enumerate(shuffled.split(batch_size)):
            progress = (epoch * steps + step + 0.5) / (epochs * steps)
            optimizer.param_groups[0]["lr"] = lr * triangle(progress)
            found = loss(model(as_float(inputs[batch])), targets[batch])
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
            total += found.detach()
        curve.append(total.item() / steps)
    model.eval()
    return curve


@torch.no_grad()
def say(model: MultiHead, images: torch.Tensor, batch_size: int = 250) -> dict[str, torch.Tensor]:
    """What the heads say about N x 1 x 64 x 64 images, on the CPU and ready for use.

    Returns:
        ``class`` N x classes scores, ``box`` N x 4 in pixels, ``mask`` N x H x W booleans; of the
        heads that are there.
    """
    device = next(model.parameters()).device
    model.eval()
    parts = [model(as_float(part.to(device))) for part in images.split(batch_size)]
    said = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
    ready = {"box": lambda boxes: boxes * SIDE, "mask": lambda logits: logits > 0}
    return {name: ready.get(name.split()[0], lambda x: x)(values) for name, values in said.items()}


def box_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of each box with each other [Jaccard 1912]: 1 equal, 0 apart.

    Args:
        a, b: ... x N x 4 and ... x M x 4, leading axes as they broadcast.

    Returns:
        ... x N x M. Boxes without area give 0.
    """
    a, b = a[..., :, None, :], b[..., None, :, :]
    corner, opposite = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    both = (opposite - corner).clamp_min(0).prod(-1)  # apart: a negative side counts as none
    either = box_area(a) + box_area(b) - both
    return torch.where(either > 0, both / either.clamp_min(1e-9), 0)


def box_area(boxes: torch.Tensor) -> torch.Tensor:
    """... x 4 -> ...; a box whose end lies before its start has no area."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1)


def pixel_accuracy(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """The share of the pixels that are told right: two N x H x W booleans -> (N,)."""
    _need_masks(predicted, true)
    return (predicted == true).flatten(1).float().mean(1)


def foreground_iou(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Intersection over union of the two foregrounds: two N x H x W booleans -> (N,).

    Where both are empty it is 1: nothing was to be found, and nothing was claimed.
    """
    _need_masks(predicted, true)
    both = (predicted & true).flatten(1).sum(1)
    either = (predicted | true).flatten(1).sum(1)
    return torch.where(either > 0, both / either.clamp_min(1), 1.0)


def _need_masks(predicted: torch.Tensor, true: torch.Tensor) -> None:
    for name, mask in (("predicted", predicted), ("true", true)):
        if mask.dtype != torch.bool or mask.ndim != 3 or mask.shape != predicted.shape:
            raise ValueError(
                f"{name}: expected booleans, N x H x W, as many as predicted, got {mask.dtype} of "
                f"shape {tuple(mask.shape)}. Logits become a mask by > 0."
            )


def nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Non-maximum suppression: keep a box unless a better one overlaps it too much.

    Args:
        boxes: N x 4.
        scores: (N,), larger is better.
        threshold: the largest intersection over union with a better kept box.

    Returns:
        Positions of the kept boxes, best first.

    Raises:
        ValueError: other shapes, or a threshold outside 0 to 1.
    """
    if boxes.ndim != 2 or boxes.shape[-1] != 4 or scores.shape != boxes.shape[:1]:
        raise ValueError(
            f"expected boxes (N, 4) and scores (N,), got {tuple(boxes.shape)} and "
            f"{tuple(scores.shape)}."
        )
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is an intersection over union from 0 to 1, got {threshold}.")
    left, kept = scores.argsort(descending=True, stable=True), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[box_iou(boxes[best][None], boxes[left])[0] <= threshold]
    return torch.stack(kept) if kept else left


def place_head(classes: int = 10) -> nn.Sequential:
    """Map -> N x places x (1 + 4 + classes): at every place an object's score, box and class.

    A detector of one stage, as FCOS [Tian 2019] in its barest form: whether the centre of an object
    is near, where its corners are (from this place, in units of 8 pixels), and what it is.
    """
    return nn.Sequential(
        nn.Conv2d(WIDTH, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 5 + classes, 1),
        nn.Flatten(2),
        _Transposed(),
    )


class _Transposed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)


def centres() -> torch.Tensor:
    """The middles of the 8 x 8 places, row by row: 64 x 2, x and y in pixels."""
    line = torch.arange(PLACES) * STRIDE + STRIDE / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


@dataclass(frozen=True)
class Places:
    """What :func:`place_head` is to say.

    Args:
        present: N x 64, whether an object's centre is near.
        corners: N x 64 x 4, its box from this place, in units of 8 pixels.
        labels: N x 64, its class. Where nothing is present, corners and labels mean nothing.
    """

    present: torch.Tensor
    corners: torch.Tensor
    labels: torch.Tensor

    def __getitem__(self, index) -> "Places":
        return Places(self.present[index], self.corners[index], self.labels[index])

    def to(self, device) -> "Places":
        return Places(self.present.to(device), self.corners.to(device), self.labels.to(device))


def places(scenes) -> Places:
    """Tell every place of the map what it has to say about N scenes.

    A place is responsible for the object whose centre is nearest, if it lies in the middle half of
    its box (each way), or within half a stride, so that no object is nobody's.
    """
    boxes = scenes.boxes.view(len(scenes), -1, 1, 4)  # N x K x 1 x 4
    labels = scenes.labels.view(len(scenes), -1)
    middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    offset = (centres() - middle).abs()  # N x K x 64 x 2
    near = (offset <= (size / 4).clamp_min(STRIDE / 2)).all(-1)
    distance = offset.square().sum(-1).masked_fill(~near, torch.inf)
    nearest = distance.argmin(1)  # N x 64, which of the K objects
    one = torch.arange(len(boxes))[:, None]
    corners = (boxes[one, nearest, 0] - centres().repeat(1, 2)) / STRIDE
    return Places(near.any(1), corners, labels[one, nearest])


def place_losses(out: torch.Tensor, target: Places) -> torch.Tensor:
    """The sum of three losses, the last two only where an object is present."""
    presence, corners, scores = out[..., 0], out[..., 1:5], out[..., 5:]
    here = target.present
    return (
        5 * F.binary_cross_entropy_with_logits(presence, here.float())
        + F.l1_loss(corners[here], target.corners[here])
        + F.cross_entropy(scores[here], target.labels[here])
    )


@dataclass(frozen=True)
class Proposals:
    """Boxes that might hold an object: ``boxes`` M x 4, ``scores`` (M,) 0 to 1, ``labels`` (M,)."""

    boxes: torch.Tensor
    scores: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index) -> "Proposals":
        return Proposals(self.boxes[index], self.scores[index], self.labels[index])


@torch.no_grad()
def propose(backbone: nn.Module, head: nn.Module, images: torch.Tensor) -> list[Proposals]:
    """One proposal for each of the 64 places, image by image, on the CPU, the best first."""
    device = next(backbone.parameters()).device
    backbone.eval(), head.eval()
    parts = [head(backbone(as_float(part.to(device)))).cpu() for part in images.split(250)]
    out = torch.cat(parts)
    boxes = (out[..., 1:5] * STRIDE + centres().repeat(1, 2)).clamp(0, SIDE)
    everything = zip(boxes, out[..., 0].sigmoid(), out[..., 5:].argmax(-1), strict=True)
    found = [Proposals(*one) for one in everything]
    return [one[one.scores.argsort(descending=True)] for one in found]


def found_and_missed(
    detections: list[Proposals], scenes, at: float = 0.5, named: bool = False
) -> tuple[float, float]:
    """How good detections are, matched to the objects as COCO does [Lin 2014].

    Image by image, the best detection first, each takes the object that it overlaps most among
    those not yet taken; it is a hit where the overlap is at least ``at``, else a false alarm. A
    second detection of the same object is a false alarm, too.

    Args:
        detections: N of them, each the best first.
        scenes: N scenes of K objects each (boxes N x K x 4).
        named: whether the class must be right, too.

    Returns:
        Precision (the share of the detections that hit) and recall (the share of the objects that
        were hit). Without any detection the precision is 1.
    """
    hits = claimed = 0
    for found, boxes, labels in zip(detections, scenes.boxes, scenes.labels, strict=True):
        shares = box_iou(found.boxes, boxes)
        if named:
            shares[found.labels[:, None] != labels] = 0
        claimed += len(found)
        for row in shares:
            best = int(row.argmax())
            if row[best] >= at:
                hits += 1
                shares[:, best] = -1  # taken
    return hits / claimed if claimed else 1.0, hits / scenes.labels.numel()
