"""The exercise of section 00."""

import numpy as np

from cv_course.drill import Case, Question


def _stacks(rng: np.random.Generator):
    yield Case(
        "one picture of 2 x 3 pixels", (np.array([[[[0, 51, 102], [153, 204, 255]]]], "u1"),)
    )
    yield Case(
        "four pictures with 3 channels, 5 x 7 pixels",
        (rng.integers(0, 256, (4, 3, 5, 7), dtype=np.uint8),),
    )


mean_brightness = Question(
    name="mean_brightness",
    contract="images (N, C, H, W), whole numbers 0…255 -> (N,) means between 0 and 1.",
    cases=_stacks,
    reference=lambda images: images.reshape(len(images), -1).mean(axis=1) / 255,
    diagnoses=(
        (
            lambda images: images.reshape(len(images), -1).mean(axis=1),
            "the values still run from 0 to 255. Divide by 255.",
        ),
        (
            lambda images: images.mean() / 255,
            "that is one mean over all images. Average over channel, row and column only.",
        ),
        (
            lambda images: images.mean(axis=0) / 255,
            "that is the mean *image*: the average ran over the images (axis 0).",
        ),
        (
            lambda images: images.mean(axis=(2, 3)) / 255,
            "there is one mean for each channel left; average over axis 1 as well.",
        ),
    ),
    hints=(
        "An array has a method mean; its argument axis says along which axes to average.",
        "Keep axis 0 (the images) and average over axes 1, 2 and 3.",
        "images.mean(axis=(1, 2, 3)) runs from 0 to 255. What is missing to reach 0 to 1?",
    ),
)

QUESTIONS = (mean_brightness,)
