"""The exercises of section 05: right answers pass however they are written, usual mistakes fail."""

import ast
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import signal

from cv_course.checks import QUESTIONS, examine
from cv_course.models.local import LADDER, hidden_layer

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "text" / "05_from_dense_to_convolution.py"


def from_notebook(name):
    """The worked solution: of several functions of one name the last."""
    tree = ast.parse(NOTEBOOK.read_text(encoding="utf-8"))
    chosen = [node for node in tree.body if getattr(node, "name", None) == name]
    space = {"np": np, "torch": torch}
    exec(compile(ast.Module(chosen, []), NOTEBOOK.name, "exec"), space)
    return space[name]


def counted_layers(channels, height, width, kernel, maps):
    layers = [hidden_layer(kind, (channels, height, width), kernel, maps) for kind in LADDER]
    return [sum(p.numel() for p in layer.parameters()) for layer in layers]


def counted_units(channels, height, width, kernel, maps):
    units = maps * len(range(height - kernel + 1)) * len(range(width - kernel + 1))
    one = kernel**2 * channels + 1
    return np.array([units + units * channels * height * width, units * one, maps * one])


def in_torch(image, kernel):
    image, kernel = (torch.as_tensor(np.asarray(one, float))[None, None] for one in (image, kernel))
    return F.conv2d(image, kernel)[0, 0]


def shifted_sums(image, kernel):
    H, W = (full - part + 1 for full, part in zip(image.shape, kernel.shape, strict=True))
    return sum(
        float(weight) * image[y : y + H, x : x + W] for (y, x), weight in np.ndenumerate(kernel)
    )


def by_counting(size, kernel, stride, padding):
    return len(range(0, size + 2 * padding - kernel + 1, stride))


def by_torch(size, kernel, stride, padding):
    image, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    return F.conv1d(image, weight, stride=stride, padding=padding).shape[-1]


RIGHT = {
    "three_counts": [counted_layers, counted_units],
    "cross_correlate": [in_torch, shifted_sums],
    "output_size": [by_counting, by_torch],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, from_notebook(name), *RIGHT[name]]
    for seed in range(3):
        verdict = examine(QUESTIONS[name], answers[way], seed=seed)
        assert verdict.status == "correct", verdict


def three(channels, height, width, kernel, maps, *, units=None, window=None, pixels=None):
    """The right answer with one ingredient exchanged."""
    units = units or (height - kernel + 1) * (width - kernel + 1) * maps
    window = window or channels * kernel**2
    return (
        units * ((pixels or channels * height * width) + 1),
        units * (window + 1),
        maps * (window + 1),
    )


def places(height, width, kernel):
    return (height - kernel + 1) * (width - kernel + 1)


def same_in_torch(image, kernel):
    image, kernel = (torch.as_tensor(np.asarray(one, float))[None, None] for one in (image, kernel))
    return F.conv2d(image, kernel, padding="same")[0, 0]


def bytes_multiplied(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return (windows * kernel).sum((2, 3)).astype(float)


def bytes_stored(image, kernel):
    answer = shifted_sums(image, kernel)
    return np.round(answer) if image.dtype != np.uint8 else answer


WRONG = [
    (
        "three_counts",
        lambda c, h, w, k, f: (
            places(h, w, k) * f * c * h * w,
            places(h, w, k) * f * c * k * k,
            f * c * k * k,
        ),
        "the biases are missing",
    ),
    (
        "three_counts",
        lambda c, h, w, k, f: (
            (*three(c, h, w, k, f)[:1], places(h, w, k) * f * c * k * k + f, f * (c * k * k + 1))
        ),
        "not even its biases",
    ),
    (
        "three_counts",
        lambda c, h, w, k, f: (*three(c, h, w, k, f)[:2], f * c * k * k + places(h, w, k) * f),
        "shares its biases, too",
    ),
    (
        "three_counts",
        lambda c, h, w, k, f: three(1, h, w, k, f),
        "the channels are missing",
    ),
    (
        "three_counts",
        lambda c, h, w, k, f: three(c, h, w, k, f, units=h * w * f),
        "fewer places than pixels",
    ),
    (
        "three_counts",
        lambda c, h, w, k, f: (f * (c * h * w + 1), *three(c, h, w, k, f)[1:]),
        "as many hidden units as the others",
    ),
    (
        "three_counts",
        lambda c, h, w, k, f: three(c, h, w, k, f, window=c * k),
        "holds k · k pixels",
    ),
    (
        "cross_correlate",
        lambda image, kernel: signal.convolve2d(image.astype(float), kernel, "valid"),
        "turned by 180 degrees",
    ),
    (
        "cross_correlate",
        lambda image, kernel: in_torch(image, kernel)[:-1, :-1],
        "the last row and column",
    ),
    (
        "cross_correlate",
        lambda image, kernel: signal.correlate2d(image.astype(float), kernel, "same"),
        "the image was padded",
    ),
    ("cross_correlate", same_in_torch, "the image was padded"),
    ("cross_correlate", lambda image, kernel: in_torch(image, kernel).T, "transposed"),
    (
        "cross_correlate",
        lambda image, kernel: in_torch(image, kernel).numpy() / kernel.size,
        "the mean of the products",
    ),
    ("cross_correlate", bytes_multiplied, "bytes wrap around"),
    ("cross_correlate", lambda image, kernel: in_torch(image, kernel).relu(), "a ReLU"),
    ("cross_correlate", bytes_stored, "the sums were rounded"),
    ("output_size", lambda n, k, s, p: (n + 2 * p - k) // s, "the first place is missing"),
    ("output_size", lambda n, k, s, p: (n + p - k) // s + 1, "counts twice"),
    ("output_size", lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1, "rounds up"),
    ("output_size", lambda n, k, s, p: (n + 2 * p - k) / s + 1, "cannot be counted half"),
    ("output_size", lambda n, k, s, p: (n + 2 * p - k + 1) // s, "outside the division"),
    ("output_size", lambda n, k, s, p: n + 2 * p - k + 1, "the stride was ignored"),
    ("output_size", lambda n, k, s, p: (n - k) // s + 1, "the padding was ignored"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    for seed in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            verdict = examine(QUESTIONS[name], answer, seed=seed)
        assert verdict.status == "wrong"
        assert sentence in str(verdict), verdict


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert len(QUESTIONS[name].hints) == 3
    assert len(QUESTIONS[name].diagnoses) >= 3
    assert examine(QUESTIONS[name], lambda *_: ...).status == "missing"
