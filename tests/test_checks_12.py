"""The exercises of section 12: right answers pass however they are written, usual mistakes fail."""

import math

import numpy as np
import pytest
import torch
from notebook_code import assert_helps, assert_named, assert_right, from_notebook
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cv_course import layers, speed
from cv_course.checks import QUESTIONS

NOTEBOOK = "12_where_the_time_goes"


def amdahl_in_a_loop(shares, speedups):
    rest, now = 1.0, 0.0
    for share, speedup in zip(shares, speedups, strict=True):
        rest -= share
        now += share / speedup
    return float(1 / (rest + now))


def amdahl_by_what_is_saved(shares, speedups):
    return torch.tensor(1 / (1 - (shares * (1 - 1 / speedups)).sum()))


def amdahl_with_the_rest_as_a_part(shares, speedups):
    shares, speedups = np.append(shares, 1 - shares.sum()), np.append(speedups, 1)
    return 1 / (shares @ (1 / speedups))


def convolution(images, weights, maps):
    """The layer of these shapes: (layer, side that it needs)."""
    layer = nn.Conv2d(weights[1], weights[0], weights[2], bias=False)
    side = maps[2] + weights[2] - 1  # with stride 1 it has the same work for equally large maps
    return layer, side


def intensity_by_the_flop_counter(images, weights, maps, bytes_each):
    layer, side = convolution(images, weights, maps)
    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(images[0], weights[1], side, side))
    moved = sum(np.zeros(shape, "u1").nbytes for shape in (images, weights, maps))
    return counter.get_total_flops() / moved / bytes_each


def intensity_by_the_package(images, weights, maps, bytes_each):
    layer, side = convolution(images, weights, maps)
    (row,) = layers.trace(layer, (weights[1], side, side))
    found = speed.work(row, images[0], bytes_each)
    moved = bytes_each * (math.prod(images) + math.prod(weights) + math.prod(maps))
    return np.float64(found.operations / moved)


def intensity_of_one_image_after_the_other(images, weights, maps, bytes_each):
    n, f, height, width = maps
    _, c, k, _ = weights
    operations = sum(2 * f * height * width * c * k**2 for _ in range(n))
    numbers = np.prod(images) + np.prod(weights) + np.prod(maps)
    return operations / numbers / bytes_each


RIGHT = {
    "amdahl": [amdahl_in_a_loop, amdahl_by_what_is_saved, amdahl_with_the_rest_as_a_part],
    "intensity": [
        intensity_by_the_flop_counter,
        intensity_by_the_package,
        intensity_of_one_image_after_the_other,
    ],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(5)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook(NOTEBOOK, name), *RIGHT[name]]
    answers[1].__globals__["prod"] = math.prod  # which the notebook imports
    assert_right(name, answers[way])


def operations(weights, maps):
    return 2 * np.prod(maps) * np.prod(weights[1:])


def numbers(*shapes):
    return sum(int(np.prod(shape)) for shape in shapes)


WRONG = [
    ("amdahl", lambda s, k: 1 - s.sum() + (s / k).sum(), "the new time"),
    ("amdahl", lambda s, k: 1 / (s / k).sum(), "is left out"),
    ("amdahl", lambda s, k: s.sum() / (s / k).sum(), "not right yet"),
    ("amdahl", lambda s, k: 1 + (s * (k - 1)).sum(), "were averaged"),
    ("amdahl", lambda s, k: (s * k).sum(), "were averaged"),
    ("amdahl", lambda s, k: k.prod(), "were multiplied, as if"),
    ("amdahl", lambda s, k: math.prod(1 / (1 - a + a / b) for a, b in zip(s, k)), "*old* time"),  # noqa: B905
    ("amdahl", lambda s, k: 1 / (1 + (s * (k - 1)).sum()), "takes 1/k"),
    ("amdahl", lambda s, k: 1 / (1 - (s / k).sum()), "taken away from 1"),
    ("intensity", lambda i, w, m, b: operations(w, m) / 2 / b / numbers(i, w, m), "multiply-adds"),
    ("intensity", lambda i, w, m, b: operations(w, m) / numbers(i, w, m), "per number"),
    ("intensity", lambda i, w, m, b: operations(w, m) / b / numbers(i, m), "weights have to"),
    ("intensity", lambda i, w, m, b: operations(w, m) / b / numbers(i, w), "maps have to"),
    ("intensity", lambda i, w, m, b: operations(w, m) / b / numbers(w, m), "images have to"),
    (
        "intensity",
        lambda i, w, m, b: operations(w, m) / b / numbers(i, m, (i[0], *w)),
        "once per image",
    ),
    (
        "intensity",
        lambda i, w, m, b: operations(w, m[1:]) / b / numbers(i, w, m),
        "those of one image",
    ),
    (
        "intensity",
        lambda i, w, m, b: 2 * i[0] * np.prod(i[2:]) * w[0] * np.prod(w[1:]) / b / numbers(i, w, m),
        "for each place of the *maps*",
    ),
    (
        "intensity",
        lambda i, w, m, b: operations((1, 1, *w[2:]), m) / b / numbers(i, w, m),
        "all C channels",
    ),
    ("intensity", lambda i, w, m, b: b * numbers(i, w, m) / operations(w, m), "wrong way round"),
    ("intensity", lambda i, w, m, b: operations(w, m) / (8 * b) / numbers(i, w, m), "bits"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    assert_named(name, answer, sentence)


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)
