"""Section 10's exercises: the references, what they are tried on, and what a design must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _two_kernels(rng):
    yield Case(
        "two kernels of 2 x 2",
        (np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[1.0, 0.0], [4.0, -1.0]])),
    )
    yield Case("two kernels of 3 x 3", (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))))
    yield Case("3 x 3, then 5 x 5", (rng.normal(size=(3, 3)), rng.normal(size=(5, 5))))


@exercise(_two_kernels)
def merge_kernels(first, second):
    k, size = len(first), len(second)
    merged = np.zeros((k + size - 1, k + size - 1))
    for y in range(size):
        for x in range(size):
            merged[y : y + k, x : x + k] += second[y, x] * first
    return merged


def _stacks(rng):
    yield Case("one 5 x 5 from 3 to 8 channels", ([5], [3, 8]))
    yield Case("3 x 3 and 1 x 1", ([3, 1], [4, 6, 2]))
    channels = [int(one) for one in rng.integers(2, 40, 5)]
    yield Case("four layers", ([3, 5, 3, 7], channels))


@exercise(_stacks, rtol=0, atol=0)
def count_stack(kernels, channels):
    weights, side = 0, 1
    for kernel, inputs, outputs in zip(kernels, channels[:-1], channels[1:], strict=True):
        weights += kernel**2 * inputs * outputs
        side += kernel - 1
    return np.array([weights, side])


def _colours(rng):
    yield Case(
        "one red pixel",
        (np.array([[[[200.0]], [[10.0]], [[20.0]]]]), np.array([120.0, 110, 100])),
    )
    yield Case("two images", (255 * rng.random((2, 3, 4, 5)), np.array([123.68, 116.779, 103.939])))


@exercise(_colours)
def blue_first(images, mean_rgb):
    images = images[:, ::-1]
    return images - mean_rgb[::-1].reshape(1, 3, 1, 1)


@design
def my_block(answer):
    layers = [tuple(int(part) for part in layer) for layer in answer]
    if not layers or not all(
        len(layer) == 2 and layer[0] % 2 and min(layer) > 0 for layer in layers
    ):
        return False, "Give a list of layers (kernel, channels), with odd kernels."
    kernels, channels = zip(*layers, strict=True)
    weights, side = count_stack(kernels, [16, *channels])
    reached = channels[-1] == 16 and side >= 11 and len(layers) >= 4 and weights <= 5_000
    return reached, (
        f"{len(layers)} layers, {channels[-1]} channels at the end, {weights:,} weights, and each "
        f"output sees {side} x {side} positions. The goal: 4 layers or more, 16 channels at the "
        "end, 5,000 weights or fewer, 11 x 11 positions or more."
    )
