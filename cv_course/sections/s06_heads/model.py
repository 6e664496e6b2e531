"""What section 06 trains and measures: one backbone, its heads, boxes, masks and detections.

Boxes are x0, y0, x1, y1 in pixels; x1 and y1 lie just after the last pixel. The scenes have 48 x 48
pixels, so that the backbone gives a map of 48 channels and 6 x 6 positions.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float
from cv_course.scenes import Scenes, scenes
from cv_course.training import choose_device, predict, triangle

SIDE, STRIDE, WIDTH = 48, 8, 48  # pixels of a scene, pixels per position, channels of the map
CELLS = SIDE // STRIDE  # positions in a row of the map


def compose(items: Split, count: int, seed: int, objects: int = 1) -> Scenes:
    """Scenes of 48 x 48 pixels with one object of 16 to 32 pixels, or several smaller ones."""
    sizes = (16, 32) if objects == 1 else (14, 24)
    return scenes(items, count, canvas=SIDE, sizes=sizes, objects=objects, overlap=0.2, seed=seed)


# --- networks ------------------------------------------------------------------------------------


def backbone(padding: str = "zeros") -> nn.Sequential:
    """As in the notebook: N x 1 x H x W -> N x 48 x H/8 x W/8, 39,856 parameters.

    ``padding="circular"`` continues the image at its opposite side, so that it has no border.
    """

    def layer(inputs, outputs, kernel, stride=1):
        fixed = {"padding": kernel // 2, "bias": False, "padding_mode": padding}
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, **fixed)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    first = layer(1, 16, 5, stride=2), nn.MaxPool2d(2), layer(16, 32, 3), nn.MaxPool2d(2)
    return nn.Sequential(*first, layer(32, WIDTH, 3), layer(WIDTH, WIDTH, 3))


def losses(outputs: Mapping[str, torch.Tensor], scenes: Scenes) -> torch.Tensor:
    """The weighted sum of the losses of the heads; the first word of a name says which loss."""
    masks = scenes.masks.float()
    parts = {
        "class": lambda scores: F.cross_entropy(scores, scenes.labels),
        "box": lambda boxes: 10 * F.l1_loss(boxes, scenes.boxes / SIDE),
        "mask": lambda scores: 10 * F.binary_cross_entropy_with_logits(scores, masks),
    }
    return sum(parts[name.split()[0]](values) for name, values in outputs.items())


def fit(network: nn.Module, inputs, targets, loss: Callable, epochs: int, lr=1e-2, seed=0):
    """Train with Adam [Kingma & Ba 2015] in batches of 32; the learning rate rises and falls.

    Args:
        inputs: N x C x H x W, ``uint8`` images or features.
        targets: has ``targets[positions]`` and ``targets.to(device)``: a tensor, or scenes.
        loss: ``loss(network(inputs[batch]), targets[batch])`` is a number.

    Returns:
        The network, on the CPU and in evaluation mode.
    """
    device = choose_device()
    network.to(device, memory_format=torch.channels_last).train()
    inputs, targets = as_float(inputs).to(device), targets.to(device)
    weights = [one for one in network.parameters() if one.requires_grad]
    means, squares = ([torch.zeros_like(one) for one in weights] for _ in range(2))
    order, full = torch.Generator().manual_seed(seed), len(inputs) // 32 * 32
    rounds = [torch.randperm(len(inputs), generator=order)[:full] for _ in range(epochs)]
    batches = torch.cat(rounds).split(32)
    for step, batch in enumerate(batches, 1):
        found = loss(network(inputs[batch]), targets[batch])
        gradients = torch.autograd.grad(found, weights)
        size = lr * triangle((step - 0.5) / len(batches)) / (1 - 0.9**step)
        with torch.no_grad():  # torch.optim.Adam does the same, but needs a second to be imported
            for one, gradient, mean, square in zip(weights, gradients, means, squares, strict=True):
                mean.lerp_(gradient, 0.1)
                square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                one.addcdiv_(mean, (square / (1 - 0.999**step)).sqrt_().add_(1e-8), value=-size)
    return network.cpu().eval()


@torch.no_grad()
def outputs(network: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of all heads, ready for use: class scores, boxes in pixels, masks of booleans."""
    ready = {"box": lambda boxes: boxes * SIDE, "mask": lambda scores: scores > 0}
    found = network.eval()(as_float(images))
    return {name: ready.get(name.split()[0], lambda x: x)(one) for name, one in found.items()}


def box_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """IoU of each box with each other: (…, N, 4) and (…, M, 4) -> (…, N, M); 0 without area."""
    a, b = a[..., :, None, :], b[..., None, :, :]
    corner, opposite = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    spans = (opposite - corner, a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2])
    both, *areas = (span.clamp_min(0).prod(-1) for span in spans)
    return both / (sum(areas) - both).clamp_min(1e-9)


def mean_iou(predicted: torch.Tensor, true: torch.Tensor) -> float:
    """The mean IoU of N x 4 boxes, each with the one in the same row."""
    return box_iou(predicted[:, None], true[:, None]).mean().item()


# --- a new task ----------------------------------------------------------------------------------


def turned(some: Scenes) -> tuple[torch.Tensor, torch.Tensor]:
    """Every second image upside down: images, and 1 for those."""
    down = torch.arange(len(some)) % 2
    return torch.where(down[:, None, None, None] == 1, some.images.flip(2), some.images), down


def share_right(network: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    return (predict(network, inputs).argmax(1) == labels).float().mean().item()


def few_examples(features, labels, asked, truth, count: int, seed: int) -> float:
    """Accuracy of one layer that learned from ``count`` examples of each class.

    The features are standardised, the weights are those of ridge regression (least squares with a
    penalty on large weights), so that nothing has to be trained step by step.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[labels[order] == label][:count] for label in labels.unique()])
    x, y = features[chosen], F.one_hot(labels[chosen]).float()
    mean, spread = x.mean(0), x.std(0)
    spread[spread == 0] = 1
    x, new = (x - mean) / spread, (asked - mean) / spread
    similar = x @ x.T / x.shape[1] + 0.25 * torch.eye(len(x))  # divided by the number of features
    weights = x.T @ torch.linalg.solve(similar, y - y.mean(0)) / x.shape[1]
    return ((new @ weights + y.mean(0)).argmax(1) == truth).float().mean().item()


# --- several objects -----------------------------------------------------------------------------


class Detections(NamedTuple):
    """Of one scene, the best first: ``boxes`` M x 4, ``scores`` (M,) 0 to 1, ``labels`` (M,)."""

    boxes: torch.Tensor
    scores: torch.Tensor
    labels: torch.Tensor

    def only(self, chosen) -> "Detections":
        return Detections(*(part[chosen] for part in self))


def centres() -> torch.Tensor:
    """The middles of the positions' squares, in pixels: 6 x 6 x 2, x and y."""
    line = STRIDE * (torch.arange(CELLS) + 0.5)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)


def position_targets(some: Scenes) -> torch.Tensor:
    """What each position is to report, N x 6 x 6 x 6: 1 or 0, four distances in strides, class.

    A position reports the object with the nearest centre among those whose centre is less than 8
    pixels away, down and across. Where there is none, only the first number means anything.
    """
    boxes = some.boxes.view(len(some), -1, 1, 1, 4)
    labels = some.labels.view(len(some), -1)
    offset = ((boxes[..., :2] + boxes[..., 2:]) / 2 - centres()).abs()
    near = (offset < STRIDE).all(-1)
    nearest = offset.square().sum(-1).masked_fill(~near, torch.inf).argmin(1)  # N x 6 x 6
    scene = torch.arange(len(boxes))[:, None, None]
    box = boxes[scene, nearest, 0, 0]
    distances = torch.cat([centres() - box[..., :2], box[..., 2:] - centres()], -1) / STRIDE
    return torch.cat([near.any(1)[..., None], distances, labels[scene, nearest][..., None]], -1)


def position_losses(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Three losses; those of the box and the class only where there is an object to report."""
    outputs, here = outputs.movedim(1, -1), target[..., 0] > 0
    return (
        5 * F.binary_cross_entropy_with_logits(outputs[..., 0], target[..., 0])
        + F.l1_loss(outputs[here][:, 1:5], target[here][:, 1:5])
        + F.cross_entropy(outputs[here][:, 5:], target[here][:, 5].long())
    )


def detect(head: nn.Module, features: torch.Tensor, lowest: float = 0.05) -> list[Detections]:
    """Of each scene the reports with at least the lowest score, the best first."""
    out = predict(head, features).movedim(1, -1).flatten(1, 2)  # N x 36 x 15
    distances, middle = STRIDE * out[..., 1:5], centres().flatten(0, 1)
    boxes = torch.cat([middle - distances[..., :2], middle + distances[..., 2:]], -1)
    found = []
    for box, report in zip(boxes.clamp(0, SIDE), out, strict=True):
        one = Detections(box, report[:, 0].sigmoid(), report[:, 5:].argmax(-1))
        order = one.scores.argsort(descending=True, stable=True)
        found.append(one.only(order[one.scores[order] >= lowest]))
    return found


def suppress(found: Detections, threshold: float) -> Detections:
    """Non-maximum suppression: a box goes if its IoU with a better, kept box is larger."""
    overlaps, left, kept = box_iou(found.boxes, found.boxes), torch.arange(len(found.scores)), []
    while len(left):
        kept.append(left[0])
        left = left[1:][overlaps[left[0], left[1:]] <= threshold]
    return found.only(torch.stack(kept) if kept else left)


def hits(found: list[Detections], some: Scenes, named: bool = False):
    """Scores of all detections of all scenes, and which of them hit an object.

    Scene by scene, the best first: a hit overlaps an object that is not yet found with an IoU of at
    least .5. With ``named`` the class must be right, too.
    """
    right = []
    for one, boxes, labels in zip(found, some.boxes, some.labels, strict=True):
        overlaps = box_iou(one.boxes, boxes)
        if named:
            overlaps[one.labels[:, None] != labels] = 0
        for row in overlaps:
            best = int(row.argmax())
            right.append(bool(row[best] >= 0.5))
            if right[-1]:
                overlaps[:, best] = 0
    return torch.cat([one.scores for one in found]), torch.tensor(right)
