"""Interactives of section 01."""

import torch
from torch.nn.functional import interpolate

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider
from cv_course.perturb import rotate
from cv_course.sections.s01_seeing import model


def turn(side: int = 160) -> Interactive:
    """The portrait, and the same with eyes and mouth flipped, turned together."""
    whole = model.portrait()
    faces = {
        "eyes and mouth": model.flip_parts(whole, model.EYES + model.MOUTH, soften=5),
        "eyes": model.flip_parts(whole, model.EYES, soften=5),
        "mouth": model.flip_parts(whole, model.MOUTH, soften=5),
    }
    small = {
        name: interpolate(face[None].float(), (side, side), mode="area")
        for name, face in {"nothing": whole, **faces}.items()
    }

    @interactive(
        film=[{}, {"angle": 90}, {"angle": 0}],
        angle=slider("turned by (degrees)", 0, 180, 30, 180),
        flipped=choice("flipped", list(faces)),
    )
    def draw(angle, flipped):
        pair = [rotate(small[name], angle)[0].round().to(torch.uint8)
                for name in ("nothing", flipped)]  # fmt: skip
        figure = plots.pictures(pair, ["portrait 1", "portrait 2"], size=2.6)
        return figure, (
            f"The same portrait twice, turned by {angle} degrees. In the second one {flipped} are "
            "flipped upside down within the face."
        )

    return draw


def same_image() -> Interactive:
    """A disc at a distance: its image, and how far the image is from the given one."""
    target = model.photographed(80, 12)
    distances, radii = torch.arange(40, 161, 10), torch.arange(3, 31, 3)

    def error(distance, radius):
        seen = model.photographed(float(distance), float(radius))
        return (seen - target).square().mean().sqrt().item()

    table = torch.tensor([[error(d, r) for d in distances] for r in radii])

    @interactive(
        film=[{}, {"distance": 80, "radius": 12}, {"distance": 120, "radius": 18},
              {"distance": 160, "radius": 24}],
        distance=slider("distance (cm)", 40, 160, 10, 100),
        radius=slider("radius (cm)", 3, 30, 3, 9),
    )  # fmt: skip
    def draw(distance, radius):
        guess = model.photographed(float(distance), float(radius))
        figure, (left, right) = plots.figure(8, 3.1, 1, 2, width_ratios=(1, 1))
        plots.pictures([target[None], guess[None]], ["the image", "image of\nyour scene"],
                       size=1.7, scale=(0, 1), axis=left)  # fmt: skip
        right.contourf(distances, radii, table, levels=12, cmap="Blues")
        right.plot(distances, distances * 12 / 80, "--", c="black", marker="")
        right.plot(distance, radius, "o", ms=10, mfc="white", mec=plots.COLOURS[1], mew=3)
        right.set(xlabel="distance (cm)", ylabel="radius (cm)", ylim=(3, 30))
        right.set_title(f"difference {error(distance, radius):.3f} (dashed: 0)")
        return figure, (
            f"A disc of radius {radius} cm at {distance} cm: its image differs from the given one "
            f"by {error(distance, radius):.3f}. On a map of differences a dashed line without "
            "difference runs through all scenes with the same radius / distance."
        )

    return draw
