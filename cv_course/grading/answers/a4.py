"""What is right in assignment 4, and what usual mistakes give. Not part of what students get.

The check lays weights that depend on the last four bits of the channels' numbers. So a network of
hundreds of channels computes sixteen different maps, and one of sixteen channels gives the same
scores in a hundredth of the time: its weights are the large one's, times how often each comes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from cv_course.assignments.a4 import logits, table

_COPIES = 16  # channels that the weights tell apart


class _Narrow:
    """A large network on sixteen channels.

    Args:
        phase: from which the check draws the weights.
        mistakes: what to do otherwise: ``linear``, ``linear head``, ``average pooling``,
            ``squashed scores`` …
    """

    def __init__(self, phase: int, mistakes: Sequence[str]):
        self.phase, self.mistakes = phase, mistakes

    def weight(self, rows: int, columns: int, channels: int) -> torch.Tensor:
        weights = torch.from_numpy(table(self.phase, rows, columns, signed=True))
        if channels < _COPIES:
            return weights[:, :channels]
        return weights * (channels / _COPIES)

    def relu(self, maps: torch.Tensor, what: str) -> torch.Tensor:
        if "linear" in self.mistakes or f"linear {what}" in self.mistakes:
            return maps
        return 1.7159 * torch.tanh(maps * 2 / 3) if "tanh" in self.mistakes else maps.relu()

    def conv(self, maps, kernel: int, channels: int, stride=1, padding=0) -> torch.Tensor:
        if "no padding" in self.mistakes:
            maps = F.pad(maps, [padding] * 4, mode="replicate") if padding else maps
            padding = 0
        weights = self.weight(kernel, kernel, channels)
        return self.relu(F.conv2d(maps, weights, None, stride, padding), "convolutions")

    def pool(self, maps, size: int, stride: int) -> torch.Tensor:
        average = "average pooling" in self.mistakes
        return (F.avg_pool2d if average else F.max_pool2d)(maps, size, stride)

    def head(self, maps: torch.Tensor, channels: int) -> torch.Tensor:
        side = maps.shape[-1]
        if "rows first" in self.mistakes:
            maps = maps.transpose(2, 3)
        state = self.relu(F.conv2d(maps, self.weight(side, side, channels)), "head")
        state = self.relu(F.conv2d(state, self.weight(1, 1, 4096)), "head")
        scores = F.conv2d(state, self.weight(1, 1, 4096)).flatten(1)
        if "squashed scores" in self.mistakes:
            scores = scores.relu()
        return scores.repeat(1, -(-1000 // _COPIES))[:, :1000]


def _alexnet(narrow: _Narrow, two_towers: bool, images: torch.Tensor) -> torch.Tensor:
    parts = 2 if two_towers else 1
    size, step = (2, 2) if "pooling of 2" in narrow.mistakes else (3, 2)
    maps = narrow.pool(narrow.conv(images, 11, 3, stride=4), size, step)
    maps = narrow.pool(narrow.conv(maps, 5, 96 // parts, padding=2), size, step)
    maps = narrow.conv(maps, 3, 256, padding=1)
    maps = narrow.conv(maps, 3, 384 // parts, padding=1)
    maps = narrow.conv(maps, 3, 384 // parts, padding=1)
    return narrow.head(narrow.pool(maps, size, step), 256)


_VGG_STAGES = {
    "A": (1, 1, 2, 2, 2),
    "B": (2, 2, 2, 2, 2),
    "C": (2, 2, 3, 3, 3),
    "D": (2, 2, 3, 3, 3),
    "E": (2, 2, 4, 4, 4),
}


def _vgg(narrow: _Narrow, config: str, images: torch.Tensor) -> torch.Tensor:
    maps, channels = images, 3
    widths = (64, 128, 256, 512, 512)
    for stage, (width, count) in enumerate(zip(widths, _VGG_STAGES[config], strict=True)):
        for number in range(count):
            single = config == "C" and stage >= 2 and number == count - 1
            if "1 x 1 first" in narrow.mistakes:
                single = config == "C" and stage >= 2 and number == 0
            kernel, padding = (1, 0) if single else (3, 1)
            maps, channels = narrow.conv(maps, kernel, channels, padding=padding), width
        maps = narrow.pool(maps, 2, 2)
    return narrow.head(maps, 512)


def _done_by(network: Callable, *mistakes: str) -> Callable:
    """The scores that ``cv_course.assignments.a4`` measures of a network."""

    def measured(which, images, bright, phase) -> dict[str, np.ndarray]:
        with torch.no_grad():
            scores = network(_Narrow(phase, mistakes), which, torch.from_numpy(images))
        centred = logits(scores.numpy())
        return {"scores": centred / centred.std(axis=1, keepdims=True)}

    return measured


_COMMON = {
    "linear": "there is no ReLU: all convolutions between two poolings together are only one.",
    "linear convolutions": "the ReLUs behind the convolutions are missing.",
    "linear head": "the ReLUs between the fully connected layers are missing.",
    "tanh": "the activation is a tanh; here it is a ReLU.",
    "average pooling": "the poolings take the mean; here they take the maximum.",
    "squashed scores": "there is a ReLU behind the last layer, so that no score is below 0.",
    "rows first": "the maps are turned before they are flattened; the order is C, H, W.",
    "no padding": "the padding is not of zeros.",
}


def _usual(network: Callable, **more: str) -> tuple:
    named = _COMMON | {name.replace("_", " "): sentence for name, sentence in more.items()}
    return tuple((_done_by(network, mistake), sentence) for mistake, sentence in named.items())


# ------------------------------------------------------------------------------------- box_iou


def _sides(boxes, more: float = 0) -> np.ndarray:
    boxes = np.asarray(boxes, dtype=float)
    return boxes[..., 2:] - boxes[..., :2] + more


def _shared_sides(a, b, more: float = 0) -> np.ndarray:
    a, b = np.asarray(a, dtype=float)[:, None], np.asarray(b, dtype=float)[None]
    return np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + more


def _shared(a, b, more: float = 0) -> np.ndarray:
    return np.maximum(_shared_sides(a, b, more), 0).prod(axis=-1)


def _over(a, b, below, both=None) -> np.ndarray:
    both = _shared(a, b) if both is None else both
    return np.where(below > 0, both / np.where(below > 0, below, 1), 0.0)


def _areas(a, b, more: float = 0) -> tuple[np.ndarray, np.ndarray]:
    return _sides(a, more).prod(axis=-1)[:, None], _sides(b, more).prod(axis=-1)[None]


def _iou(a, b, more: float = 0, both=None) -> np.ndarray:
    both = _shared(a, b, more) if both is None else both
    return _over(a, b, np.add(*_areas(a, b, more)) - both, both)


def _from_corner(boxes) -> np.ndarray:
    boxes = np.asarray(boxes, dtype=float)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def _from_middle(boxes) -> np.ndarray:
    boxes = np.asarray(boxes, dtype=float)
    half = boxes[..., 2:] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def _divided_by_nothing(a, b) -> np.ndarray:
    both = _shared(a, b)
    return both / (np.add(*_areas(a, b)) - both)


def _over_hull(a, b) -> np.ndarray:
    a_, b_ = np.asarray(a, dtype=float)[:, None], np.asarray(b, dtype=float)[None]
    hull = np.maximum(a_[..., 2:], b_[..., 2:]) - np.minimum(a_[..., :2], b_[..., :2])
    return _over(a, b, hull.prod(axis=-1))


_BOX_MISTAKES = (
    (
        lambda a, b: _iou(_from_corner(a), _from_corner(b)),
        "the last two numbers were read as width and height; they are the opposite corner.",
    ),
    (
        lambda a, b: _iou(_from_middle(a), _from_middle(b)),
        "the boxes were read as middle and size; they are two opposite corners.",
    ),
    *(
        (
            mistake,
            "boxes that lie apart have a negative width or height in common, and two negative ones "
            "even give a positive area. Set both to at least 0 *before* you multiply.",
        )
        for mistake in (
            lambda a, b: _iou(a, b, both=_shared_sides(a, b).prod(axis=-1)),
            lambda a, b: _iou(a, b, both=np.maximum(_shared_sides(a, b).prod(axis=-1), 0)),
            lambda a, b: _iou(a, b, both=np.abs(_shared_sides(a, b)).prod(axis=-1)),
        )
    ),
    (
        _divided_by_nothing,
        "0 was divided by 0 where boxes have no area; there the answer is 0.",
    ),
    (
        lambda a, b: _over(a, b, np.add(*_areas(a, b))),
        "both areas were added, so what they share counts twice. The union is the sum of the "
        "areas minus the intersection.",
    ),
    (
        lambda a, b: _over(a, b, np.minimum(*_areas(a, b))),
        "you divided by the smaller area; a box inside another would then count as perfect.",
    ),
    (
        lambda a, b: _over(a, b, np.maximum(*_areas(a, b))),
        "you divided by the larger area, not by the union.",
    ),
    (
        lambda a, b: _over(a, b, _areas(a, b)[0] + 0 * _areas(a, b)[1]),
        "you divided by the area of a alone.",
    ),
    (_over_hull, "you divided by the box around both; the union has gaps there."),
    (
        lambda a, b: _iou(a, b, more=1),
        "1 was added to the sides, as in programs whose x2 is the last pixel itself. Here it lies "
        "behind it.",
    ),
    (
        lambda a, b: _iou(b, a),
        "the table is transposed: one row for each box of a, one column for each of b.",
    ),
    (
        lambda a, b: _shared(a, b),
        "that is the intersection; divide it by the union.",
    ),
)

REFERENCES = {
    "alexnet": _done_by(_alexnet),
    "vgg": _done_by(_vgg),
    "box_iou": _iou,
}
DIAGNOSES = {
    "alexnet": _usual(
        _alexnet, pooling_of_2="the poolings are 2 x 2; AlexNet's are 3 x 3 with stride 2."
    ),
    "vgg": _usual(
        _vgg,
        **{"1_x_1_first": "the 1 x 1 convolution of C stands at the end of a stage."},
    ),
    "box_iou": _BOX_MISTAKES,
}
