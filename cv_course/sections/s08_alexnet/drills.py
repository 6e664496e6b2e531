"""Section 08's exercises: the references, what they are tried on, and what a design must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise

INPUTS = {2: 69_984, 3: 43_264, 4: 64_896, 5: 64_896}  # convolution -> numbers that it reads


def _grouped(rng):
    yield Case("two kernels of 1 x 1 in two groups", (np.array([2.0, 3.0]).reshape(2, 1, 1, 1), 2))
    yield Case("four kernels over one channel each, two groups", (rng.normal(size=(4, 1, 1, 2)), 2))
    yield Case("one group", (rng.normal(size=(3, 4, 2, 2)), 1))
    yield Case(
        "six kernels over two channels each, three groups", (rng.normal(size=(6, 2, 3, 2)), 3)
    )
    yield Case("more inputs than outputs", (rng.normal(size=(2, 5, 1, 1)), 2))


@exercise(_grouped)
def one_stream(w, groups):
    made, part = w.shape[:2]
    joined = np.zeros((made, part * groups, *w.shape[2:]))
    for g in range(groups):
        kernels = slice(g * made // groups, (g + 1) * made // groups)
        joined[kernels, g * part : (g + 1) * part] = w[kernels]
    return joined


def _dropped(rng):
    yield Case("one image, p = 0.75", (np.array([[4.0, 8.0]]), np.array([[True, False]]), 0.75))
    yield Case("six images, p = 0.2", (rng.normal(size=(6, 5)), rng.random((6, 5)) < 0.8, 0.2))


@exercise(_dropped)
def dropout(x, keep, p):
    return np.where(keep, x / (1 - p), 0)


@design
def my_groups(answer):
    groups = list(answer)
    if len(groups) != 5 or groups[0] != 1 or not set(groups) <= {1, 2}:
        return (
            False,
            "Give five numbers, 1 or 2; the first is 1, because both towers read the image.",
        )
    crossing = [layer for layer, g in enumerate(groups, start=1) if layer > 1 and g == 1]
    sent = sum(INPUTS[layer] for layer in crossing)
    names = " and ".join(f"conv{layer}" for layer in crossing) or "no convolution"
    return len(crossing) == 2 and sent <= 110_000, (
        f"The towers cross in {names}. That sends {sent:,} numbers per image; the goal is two "
        "convolutions and 110,000 numbers or fewer."
    )
