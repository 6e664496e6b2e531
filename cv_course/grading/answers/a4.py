"""What is right in assignment 4; usual mistakes are in ``a4.toml``. Not part of what students get.

The check lays weights that depend on the last four bits of the channels' numbers. So a network of
hundreds of channels computes sixteen different maps, and one of sixteen channels gives the same
scores in a hundredth of the time: its weights are the large one's, times how often each comes.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F

from cv_course.assignments.a4 import drawn, logits
from cv_course.grading.answers import known

_COPIES = 16  # channels that the weights tell apart
_WIDTHS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = {"A": "11222", "B": "22222", "C": "22333", "D": "22333", "E": "22444"}


def _conv(phase, maps, kernel, channels, stride=1, padding=0, mode="constant"):
    """A convolution of a network whose layers read so many channels, on the sixteen."""
    weight = torch.from_numpy(drawn(phase, kernel, kernel, signed=True))
    weight = weight * (channels / _COPIES) if channels > _COPIES else weight[:, :channels]
    return F.conv2d(F.pad(maps, [padding] * 4, mode=mode), weight, None, stride)


def _same(maps):
    return maps


def _tanh(maps):
    return 1.7159 * torch.tanh(maps * 2 / 3)


def _measured(phase, maps, channels, relu, last=_same) -> dict[str, np.ndarray]:
    """The three fully connected layers, and what ``cv_course.assignments.a4`` measures of them."""
    state = relu(_conv(phase, maps, maps.shape[-1], channels))
    state = relu(_conv(phase, state, 1, 4096))
    scores = last(_conv(phase, state, 1, 4096)).flatten(1)
    centred = logits(scores.repeat(1, -(-1000 // _COPIES))[:, :1000].numpy())
    return {"scores": centred / centred.std(axis=1, keepdims=True)}


def alexnet(two_towers, images, bright, phase):
    relu, between = torch.relu, torch.relu
    pool = functools.partial(F.max_pool2d, kernel_size=3, stride=2)
    conv, parts = functools.partial(_conv, phase), 2 if two_towers else 1
    pool1 = pool(relu(conv(torch.from_numpy(images), 11, 3, stride=4)))
    pool2 = pool(relu(conv(pool1, 5, 96 // parts, padding=2)))
    conv3 = relu(conv(pool2, 3, 256, padding=1))
    conv4 = relu(conv(conv3, 3, 384 // parts, padding=1))
    conv5 = relu(conv(conv4, 3, 384 // parts, padding=1))
    return _measured(phase, pool(conv5), 256, between, _same)


def vgg(config, images, bright, phase):
    relu, between = torch.relu, torch.relu
    pool = functools.partial(F.max_pool2d, kernel_size=2, stride=2)
    conv, maps, channels = functools.partial(_conv, phase), torch.from_numpy(images), 3
    for stage, count in enumerate(map(int, _CONVOLUTIONS[config])):
        for number in range(count):
            single = config == "C" and stage >= 2 and number == count - 1
            kernel, padding = (1, 0) if single else (3, 1)
            maps = relu(conv(maps, kernel, channels, padding=padding))
            channels = _WIDTHS[stage]
        maps = pool(maps)
    return _measured(phase, F.adaptive_avg_pool2d(maps, 7), 512, between, _same)


def generalised_iou(a, b):
    a, b = np.asarray(a, dtype=float)[:, None], np.asarray(b, dtype=float)[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    both = np.maximum(high - low, 0).prod(axis=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(axis=-1), (b[..., 2:] - b[..., :2]).prod(axis=-1)
    union = areas[0] + areas[1] - both
    first, last = np.minimum(a[..., :2], b[..., :2]), np.maximum(a[..., 2:], b[..., 2:])
    around = (last - first).prod(axis=-1)
    return _share(both, union) - _share(around - union, around)


def _share(part, whole):
    return np.where(whole != 0, part / np.where(whole != 0, whole, 1), 0.0)


def _from_corner(boxes):
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def _from_middle(boxes):
    half = boxes[..., 2:] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


REFERENCES, DIAGNOSES = known(__name__)
