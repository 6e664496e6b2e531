"""Section 05's exercises: the references, what they are tried on, and what a design must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _images_and_sides(rng):
    yield Case("an image of 2 x 3 pixels, windows of 2 x 2", (np.array([[1, 2, 3], [4, 5, 6]]), 2))
    yield Case("an image of 4 x 5 pixels, windows of 3 x 3", (rng.random((4, 5)), 3))
    yield Case("an image of 6 x 3 pixels, windows of 1 x 1", (rng.random((6, 3)), 1))


@exercise(_images_and_sides)
def windows_as_rows(image, side):
    rows = []
    for y in range(image.shape[0] - side + 1):
        for x in range(image.shape[1] - side + 1):
            rows.append(image[y : y + side, x : x + side].ravel())
    return np.array(rows)


def _sides(rng):
    yield Case("5 pixels, a kernel of 3, stride 1, no padding", (5, 3, 1, 0))
    yield Case("7 pixels, a kernel of 2, stride 2, no padding", (7, 2, 2, 0))
    yield Case("28 pixels, a kernel of 5, stride 1, padding 2", (28, 5, 1, 2))
    yield Case("9 pixels, a kernel of 3, stride 4, padding 1", (9, 3, 4, 1))
    for _ in range(5):
        kernel, stride = int(rng.integers(1, 8)), int(rng.integers(1, 5))
        padding, size = int(rng.integers(0, kernel)), int(rng.integers(8, 60))
        about = f"{size} pixels, a kernel of {kernel}, stride {stride}, padding {padding}"
        yield Case(about, (size, kernel, stride, padding))


@exercise(_sides, rtol=0, atol=0)
def output_size(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


def _images_and_kernels(rng):
    yield Case("a dark corner", (np.array([[1.0, 2], [3, 4]]), np.array([[-1.0, 0], [0, -1]])))
    yield Case("a random image", (rng.normal(size=(5, 4)), rng.normal(size=(2, 3))))
    yield Case("the largest sum is the last", (np.eye(4)[::-1].cumsum(0), np.ones((2, 2))))


@exercise(_images_and_kernels)
def best_score(image, kernel):
    (H, W), (h, w) = image.shape, kernel.shape
    best = -np.inf
    for y in range(H - h + 1):
        for x in range(W - w + 1):
            best = max(best, (image[y : y + h, x : x + w] * kernel).sum())
    return best


@design
def small_network(answer):
    import torch

    from cv_course import data, perturb, training
    from cv_course.sections.s05_convolution.model import network

    maps, pool = answer["maps"], answer["pool"]
    if not (isinstance(maps, int) and maps > 0 and pool in (4, 6, 8, 12, 24)):
        return False, "maps is a whole number above 0; pool is 4, 6, 8, 12 or 24."
    count = 26 * maps + 10 * maps * (24 // pool) ** 2 + 10
    if count > 1000:
        return False, f"This network has {count:,} weights and biases; 1,000 are allowed."
    split, found = data.fashion_mnist().train, []
    train, val = split[:2000], split[8000:9000]
    for seed in range(3):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            one = network("convolution", maps, pool=pool)
            training.fit(
                one, train, epochs=6, batch_size=50, seed=seed, progress=False, device="cpu",
                augment=lambda batch, *_: perturb.random_crop(batch, 2),
            )  # fmt: skip
            torch.manual_seed(0)
            moved = data.Split(perturb.random_crop(val.images, 2), val.labels)
        found.append(training.evaluate(one, moved))
    mean = sum(found) / 3
    return mean >= GOAL, (
        f"{count:,} weights and biases, accuracy on moved validation images {mean:.3f} (runs: "
        f"{', '.join(f'{one:.3f}' for one in found)}). The goal is {GOAL:.3f}."
    )


GOAL = 0.75
