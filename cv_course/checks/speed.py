"""The exercises of section 12."""

import math

import numpy as np

from cv_course.drill import Case, Question


def _parts(rng: np.random.Generator):
    yield Case("one part, 0.6 of the time, gets 3 times faster", (np.array([0.6]), np.array([3.0])))
    yield Case("nothing gets faster", (np.array([0.2, 0.5]), np.array([1.0, 1.0])))
    yield Case(
        "two parts, together 0.7 of the time, 2 and 10 times faster",
        (np.array([0.3, 0.4]), np.array([2.0, 10.0])),
    )
    yield Case(
        "three parts that are all of the time, one of them gets slower",
        (np.array([0.5, 0.3, 0.2]), np.array([4.0, 0.5, 1.5])),
    )
    yield Case(
        "one part, 0.95 of the time, a million times faster", (np.array([0.95]), np.array([1e6]))
    )
    shares = rng.dirichlet(np.ones(5))[:4]
    yield Case("four random parts", (shares, rng.uniform(0.5, 20, 4)))


def _new_time(shares, speedups):
    return 1 - shares.sum() + (shares / speedups).sum()


amdahl = Question(
    name="amdahl",
    contract=(
        "shares (P,) of the time that P parts take, together at most 1; speedups (P,): how many "
        "times faster each of them gets -> a number: how many times faster the whole gets. What "
        "belongs to no part stays as it was."
    ),
    cases=_parts,
    reference=lambda shares, speedups: 1 / _new_time(shares, speedups),
    diagnoses=(
        (
            _new_time,
            "this is the new time as a share of the old one; turned around it is the speed-up.",
        ),
        (
            lambda shares, speedups: 1 / (shares / speedups).sum(),
            "what belongs to no part is left out. It takes as long as before.",
        ),
        (
            lambda shares, speedups: (shares * speedups).sum() + 1 - shares.sum(),
            "speed-ups were averaged, weighted by the shares. Times can be added, speeds cannot: "
            "first work out how long each part takes now.",
        ),
        (
            lambda shares, speedups: (shares * speedups).sum(),
            "speed-ups were averaged, weighted by the shares. Times can be added, speeds cannot: "
            "first work out how long each part takes now.",
        ),
        (
            lambda shares, speedups: np.prod(speedups),
            "the speed-ups were multiplied, as if each part were all of the time.",
        ),
        (
            lambda shares, speedups: 1 / np.prod(1 - shares + shares / speedups),
            "the speed-ups of the parts were multiplied, but each share is one of the *old* time; "
            "add the new times instead.",
        ),
        (
            lambda shares, speedups: 1 / (1 - shares.sum() + (shares * speedups).sum()),
            "each part was multiplied by its speed-up; what is k times faster takes 1/k of the "
            "time.",
        ),
        (
            lambda shares, speedups: 1 / (1 - (shares / speedups).sum()),
            "the new times of the parts were taken away from 1. Take away their old times (the "
            "shares), and add the new ones.",
        ),
    ),
    hints=(
        "Say the whole takes 1 second. How many seconds of it take the parts, and how many the "
        "rest?",
        "A part that took s seconds and is k times faster takes s / k now. Add up what everything "
        "takes now, the rest included.",
        "now = 1 - shares.sum() + (shares / speedups).sum(), and the answer is 1 / now.",
    ),
)


def _convolutions(rng: np.random.Generator):
    yield Case(
        "one image of 6 x 6, one 3 x 3 kernel", ((1, 1, 6, 6), (1, 1, 3, 3), (1, 1, 4, 4), 4)
    )
    yield Case(
        "a first layer: 8 grey images, 24 kernels of 4 x 4, stride 2",
        ((8, 1, 28, 28), (24, 1, 4, 4), (8, 24, 14, 14), 4),
    )
    yield Case(
        "many channels, in bfloat16: 2 bytes a number",
        ((16, 32, 14, 14), (64, 32, 3, 3), (16, 64, 14, 14), 2),
    )
    yield Case(
        "1 x 1 kernels on a single image",
        ((1, 256, 7, 7), (512, 256, 1, 1), (1, 512, 7, 7), 4),
    )
    batch, channels, filters, side = (int(n) for n in rng.integers(2, 40, 4))
    shapes = (batch, channels, side + 4, side + 4), (filters, channels, 5, 5)
    yield Case("a random convolution of 5 x 5", (*shapes, (batch, filters, side, side), 4))


def _operations(weights, maps) -> int:
    return 2 * math.prod(maps) * math.prod(weights[1:])


def _numbers(*shapes) -> int:
    return sum(map(math.prod, shapes))


intensity = Question(
    name="intensity",
    contract=(
        "images (N, C, H, W), weights (F, C, K, K), maps (N, F, H', W'): the shapes, as tuples of "
        "whole numbers, of what a convolution reads and writes; bytes_each: of one number -> its "
        "operations per byte. A multiply-add is two operations; each number moves once."
    ),
    cases=_convolutions,
    reference=lambda i, w, m, b: _operations(w, m) / (b * _numbers(i, w, m)),
    diagnoses=(
        (
            lambda i, w, m, b: _operations(w, m) / 2 / (b * _numbers(i, w, m)),
            "multiply-adds were counted; each is two operations, a product and a sum.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / _numbers(i, w, m),
            "this is operations per number; a number has `bytes_each` bytes.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / (b * _numbers(i, m)),
            "the weights have to be read, too.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / (b * _numbers(i, w)),
            "the maps have to be written, too.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / (b * _numbers(w, m)),
            "the images have to be read, too.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / (b * (_numbers(i, m) + i[0] * _numbers(w))),
            "the weights were counted once per image; the whole batch shares them.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / m[0] / (b * _numbers(i, w, m)),
            "the operations are those of one image, the bytes those of the batch.",
        ),
        (
            lambda i, w, m, b: 2 * math.prod(i) * math.prod(w) // i[1] / (b * _numbers(i, w, m)),
            "a kernel is applied once for each place of the *maps*; the images may be larger.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / w[1] / (b * _numbers(i, w, m)),
            "each output number sums over all C channels of its window, not over K · K only.",
        ),
        (
            lambda i, w, m, b: b * _numbers(i, w, m) / _operations(w, m),
            "this is bytes per operation: the wrong way round.",
        ),
        (
            lambda i, w, m, b: _operations(w, m) / (8 * b * _numbers(i, w, m)),
            "bits were counted, not bytes.",
        ),
    ),
    hints=(
        "How many numbers does the convolution write? And how many products and sums does each of "
        "them take?",
        "Each number of the maps is a sum over C · K · K products: 2 · C · K · K operations. The "
        "bytes are those of images, weights and maps together.",
        "operations = 2 * math.prod(maps) * math.prod(weights[1:]); bytes = bytes_each * "
        "(math.prod(images) + math.prod(weights) + math.prod(maps)).",
    ),
)

QUESTIONS = (amdahl, intensity)
