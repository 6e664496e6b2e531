"""Images that a question lets students learn from, and hidden ones that it measures them on."""

import functools

import numpy as np

from cv_course.data import Dataset, Split, fashion_mnist, full_is_here

NOTE = (
    "The full Fashion-MNIST is not on this computer: hidden images are those of the mini set, "
    "mirrored and shifted as the seed says."
)


@functools.cache
def _fashion(full: bool) -> Dataset:
    return fashion_mnist(full=full)


def fashion(rng: np.random.Generator, learn: int, hidden: int) -> tuple[Split, Split]:
    """Two splits without a common image: some to learn from, others to be measured on.

    From the full Fashion-MNIST where it is on this computer; nothing is downloaded. Else from the
    mini set, whose pictures are mirrored or shifted, all of them alike, so that they are not the
    ones that everybody has.
    """
    full = full_is_here()
    whole = _fashion(full)
    learnt, asked = (
        split[rng.choice(len(split), count, replace=False)]
        for split, count in ((whole.train, learn), (whole.test, hidden))
    )
    mirrored, down, right = rng.integers(2), *rng.integers(-2, 3, 2)
    if full:
        return learnt, asked

    def changed(split: Split) -> Split:
        images = split.images.flip(-1) if mirrored else split.images
        return Split(images.roll((int(down), int(right)), (-2, -1)), split.labels)

    return changed(learnt), changed(asked)


def note() -> str:
    """What a result has to say about the hidden images; empty where there is nothing to say."""
    return "" if full_is_here() else NOTE
