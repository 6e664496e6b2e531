"""Images that a question lets students learn from, and hidden ones that it measures them on."""

import functools
from typing import NamedTuple

import numpy as np

from cv_course import files
from cv_course.files import full_folder

NOTE = (
    "The full Fashion-MNIST is not on this computer: hidden images are those of the mini set, "
    "mirrored and shifted as the seed says."
)


class Labelled(NamedTuple):
    """``images`` (N x 1 x 28 x 28, ``uint8``) and their ``labels`` (N, ``int64``)."""

    images: np.ndarray
    labels: np.ndarray


_read = functools.cache(files.read)


def fashion(rng: np.random.Generator, learn: int, hidden: int) -> tuple[Labelled, Labelled]:
    """Two sets without a common image: one to learn from, another to be measured on.

    From the full Fashion-MNIST where it is on this computer; nothing is downloaded. Else from the
    mini set, whose pictures are mirrored or shifted, all of them alike, so that they are not the
    ones that everybody has.
    """
    full = bool(full_folder())
    whole = _read(full)

    def drawn(part: str, count: int) -> Labelled:
        images, labels = whole[part]
        chosen = rng.choice(len(labels), count, replace=False)
        return Labelled(images[chosen], labels[chosen])

    learnt, asked = drawn("train", learn), drawn("test", hidden)
    mirrored, down, right = rng.integers(2), *rng.integers(-2, 3, 2)
    if full:
        return learnt, asked

    def changed(part: Labelled) -> Labelled:
        images = part.images[..., ::-1] if mirrored else part.images
        return Labelled(np.roll(images, (int(down), int(right)), (-2, -1)), part.labels)

    return changed(learnt), changed(asked)


def note() -> str:
    """What a result has to say about the hidden images; empty where there is nothing to say."""
    return "" if full_folder() else NOTE
