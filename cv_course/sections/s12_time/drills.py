"""The exercises of section 12; texts and usual mistakes are in ``drills.toml``."""

import math

import numpy as np

from cv_course.drill import Case, design, exercise


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
    shares = rng.dirichlet(np.ones(5))[:4]
    yield Case("four random parts", (shares, rng.uniform(0.5, 20, 4)))


@exercise(_parts)
def amdahl(shares, speedups):
    rest = 1 - shares.sum()
    now = rest + (shares / speedups).sum()
    return 1 / now


def _convolutions(rng: np.random.Generator):
    yield Case(
        "one image of 6 x 6, one 3 x 3 kernel", ((1, 1, 6, 6), (1, 1, 3, 3), (1, 1, 4, 4), 4)
    )
    yield Case(
        "8 grey images, 24 kernels of 4 x 4, stride 2",
        ((8, 1, 28, 28), (24, 1, 4, 4), (8, 24, 14, 14), 4),
    )
    yield Case(
        "many channels, 2 bytes a number",
        ((16, 32, 14, 14), (64, 32, 3, 3), (16, 64, 14, 14), 2),
    )
    batch, channels, filters, side = (int(n) for n in rng.integers(2, 40, 4))
    shapes = (batch, channels, side + 4, side + 4), (filters, channels, 5, 5)
    yield Case("a random convolution of 5 x 5", (*shapes, (batch, filters, side, side), 4))


@exercise(_convolutions)
def intensity(images, weights, maps, bytes_each):
    operations = 2 * math.prod(maps) * math.prod(weights[1:])
    numbers = math.prod(images) + math.prod(weights) + math.prod(maps)
    return operations / (bytes_each * numbers)


def _seconds(rng: np.random.Generator):
    yield Case("two batches of 100: one takes 1 s, one 4 s", (np.array([1.0, 4.0]), 100))
    yield Case("five batches of 64", (rng.uniform(0.1, 2, 5), 64))
    yield Case("a single batch", (np.array([0.5]), 10))


@exercise(_seconds)
def images_per_second(seconds, batch):
    return batch * len(seconds) / seconds.sum()


@design
def my_days(answer):
    days = [int(day) for day in answer]
    if len(days) != 3 or min(days) < 0 or sum(days) > 6 or days != list(answer):
        return False, "Give three whole numbers from 0 on, together at most 6."
    shares, speedups = np.array([0.5, 0.3, 0.15]), 2.0 ** np.array(days)
    gain = amdahl(shares, speedups)
    names = ("data", "backward", "forward", "the rest")
    left = ", ".join(f"{name} {share:.3f}" for name, share in
                     zip(names, [*shares / speedups, 1 - shares.sum()], strict=True))  # fmt: skip
    return gain >= 3.8, f"The step is {gain:.2f} times faster; 3.80 is asked. Now it takes: {left}."
