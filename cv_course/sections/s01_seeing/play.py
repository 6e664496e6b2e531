"""Interactives of section 01."""

import torch
from torch.nn.functional import interpolate

from cv_course import plots
from cv_course.film import Interactive, interactive, slider
from cv_course.perturb import rotate
from cv_course.sections.s01_seeing import model


def turn(side: int = 160) -> Interactive:
    """The portrait, and the same with eyes and mouth flipped, turned together."""
    whole = model.portrait()
    changed = model.flip_parts(whole, model.EYES + model.MOUTH, soften=5)
    small = [
        interpolate(face[None].float(), (side, side), mode="area") for face in (whole, changed)
    ]

    @interactive(
        film=[{}, {"angle": 90}, {"angle": 0}],
        angle=slider("turned by (degrees)", 0, 180, 30, 180),
    )
    def draw(angle):
        pair = [rotate(face, angle)[0].round().to(torch.uint8) for face in small]
        figure = plots.pictures(pair, ["portrait 1", "portrait 2"], size=2.6)
        alt = f"The same portrait twice, turned by {angle} degrees; one of them was changed."
        if angle == 0:  # not before: the reader is to guess it
            alt += " Upright, eyes and mouth of portrait 2 are upside down within the face."
        return figure, alt

    return draw


def same_image() -> Interactive:
    """A disc at a distance, and its image, beside the given one."""
    given = model.photographed(80, 12)
    distances = torch.arange(40, 161, 10)

    @interactive(
        film=[{}, {"distance": 80, "radius": 12}, {"distance": 120, "radius": 18},
              {"distance": 140, "radius": 21}],
        distance=slider("distance (cm)", 40, 160, 10, 100),
        radius=slider("radius (cm)", 3, 30, 3, 9),
    )  # fmt: skip
    def draw(distance, radius):
        yours = model.photographed(float(distance), float(radius))
        which = "equal" if torch.equal(given, yours) else "different"
        figure, (left, right) = plots.figure(8, 3.1, 1, 2, width_ratios=(1.2, 1))
        plots.pictures([given[None], yours[None]], ["given image", "your image"],
                       size=1.7, scale=(0, 1), axis=left)  # fmt: skip
        right.plot(distances, distances * 12 / 80, "--", c="black", marker="")
        right.plot(distance, radius, "o", ms=10, mfc="white", mec=plots.COLOURS[1], mew=3,
                   clip_on=False, zorder=5)  # fmt: skip
        right.set(xlabel="distance (cm)", ylabel="radius (cm)", ylim=(0, 30))
        right.set_title(f"the two images are {which}")
        return figure, (
            f"A disc of radius {radius} cm at {distance} cm: its image and the given one are "
            f"{which}. In a diagram of distance and radius, a dashed line runs through all discs "
            "with the given image."
        )

    return draw
