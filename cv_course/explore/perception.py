"""Interactives of section 01."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from cv_course import faces as thatcher
from cv_course import figures
from cv_course.data import Split
from cv_course.explore.core import Interactive, slider
from cv_course.perturb import rotate
from cv_course.renderer import photograph, render
from cv_course.training import predict


def both_senses(d1: float, d2: float, shared: float = 0.0) -> float:
    """d′ of the best weighted sum of two reports with Gaussian errors.

    Args:
        d1, d2: d′ of each alone, the distance of the two means in units of its own error.
        shared: correlation of the two errors, strictly between −1 and 1.

    With ``shared = 0`` it is √(d1² + d2²) [Green & Swets 1966].
    """
    return math.sqrt((d1**2 + d2**2 - 2 * shared * d1 * d2) / (1 - shared**2))


def right_answers(d: float) -> float:
    """The share of right answers for a d′, both situations equally frequent: Φ(d′/2)."""
    return 0.5 * (1 + math.erf(d / 2 / math.sqrt(2)))


def two_senses() -> Interactive:
    """Section 01: two senses, the error of the second and how much of it is shared.

    Each report is 0 (absent) or 1 (there) plus an error; the first has the standard deviation 1.
    """
    draws = np.random.default_rng(0).normal(size=(1000, 2))
    there = np.arange(1000) % 2 == 1

    def combined(noise: float, shared: float):
        errors = np.array([[1, shared * noise], [shared * noise, noise**2]])
        best = np.linalg.solve(errors, np.ones(2))
        plain = np.ones(2) / 2
        found = {
            "sense 1": right_answers(1),
            "sense 2": right_answers(1 / noise),
            "plain average": right_answers(1 / math.sqrt(plain @ errors @ plain)),
            "best weights": right_answers(both_senses(1, 1 / noise, shared)),
        }
        return best / np.abs(best).sum(), plain, found

    def render_state(noise: float, shared: float) -> Figure:
        best, plain, found = combined(noise, shared)
        second = noise * (shared * draws[:, 0] + math.sqrt(1 - shared**2) * draws[:, 1])
        reports = np.stack([draws[:, 0], second], axis=1) + there[:, None]
        return figures.two_senses(
            (reports[~there], reports[there]), {"best": best, "plain average": plain}, found
        )

    def alt(noise: float, shared: float) -> str:
        best, _, found = combined(noise, shared)
        return (
            f"The second sense errs {noise:.2g} times as much as the first, with a correlation of "
            f"{shared:.2g}. Right answers: "
            + ", ".join(f"{who} {share:.3f}" for who, share in found.items())
            + f". The best weights are {best[0]:.2f} and {best[1]:.2f}."
        )

    return Interactive(
        render_state,
        alt=alt,
        film=[{}, {"shared": 0.9}, {"noise": 2.5}, {"noise": 2.5, "shared": 0.9}],
        noise=slider("error of sense 2 (× that of sense 1)", 0.5, 3.0, 0.1, 1.0),
        shared=slider("correlation of the errors", -0.9, 0.95, 0.05, 0.0),
    )


def scene_by_hand() -> Interactive:
    """Section 01: find the scene behind a picture with sliders; radius and distance trade off."""
    truth = {"x": 6, "y": -4, "distance": 80, "radius": 12}

    def picture(x: float, y: float, distance: float, radius: float) -> torch.Tensor:
        # x and y are where it appears, in pixels from the middle: so that distance leaves it there
        across = torch.tensor([[x / 32, y / 32]]) * distance
        world = torch.cat([across, torch.tensor([[distance, radius, 1.0]])], dim=1)
        return render(photograph(world))

    target = picture(**truth)
    distances, radii = np.arange(40, 161, 5), np.arange(3, 31, 0.75)
    errors = np.array(
        [
            [
                float((picture(truth["x"], truth["y"], d, r) - target).square().mean().sqrt())
                for d in distances
            ]
            for r in radii
        ]
    )

    def render_state(x: float, y: float, distance: float, radius: float) -> Figure:
        guess = picture(x, y, distance, radius)
        return figures.by_hand(target, guess, (distances, radii, errors), (distance, radius))

    def alt(x: float, y: float, distance: float, radius: float) -> str:
        error = float((picture(x, y, distance, radius) - target).square().mean().sqrt())
        return (
            f"A blob {x:g} pixels right and {-y:g} above the middle, radius {radius:g} cm at "
            f"{distance:g} cm: its picture differs from the target by {error:.3f}. On the map of "
            "errors a valley without error runs through all scenes with the same radius / distance."
        )

    start = {"x": 0, "y": 0, "distance": 100, "radius": 10}
    return Interactive(
        render_state,
        alt=alt,
        film=[{}, truth, {**truth, "distance": 120, "radius": 18}],
        x=slider("to the right (pixels)", -12, 12, 1, start["x"]),
        y=slider("down (pixels)", -12, 12, 1, start["y"]),
        distance=slider("distance (cm)", 40, 160, 10, start["distance"]),
        radius=slider("radius (cm)", 3.0, 30.0, 0.5, float(start["radius"])),
    )


def _flipped(eyes: bool, mouth: bool) -> str:
    return {
        (False, False): "nothing",
        (True, False): "the eyes",
        (False, True): "the mouth",
        (True, True): "eyes and mouth",
    }[eyes, mouth]


def portrait(side: int = 120) -> Interactive:
    """Section 01: turn the portrait, flip its parts.

    Args:
        side: of the picture in pixels.
    """
    whole = thatcher.portrait()
    boxes = thatcher.PORTRAIT_BOXES

    @lru_cache(maxsize=8)
    def face(eyes: bool, mouth: bool) -> torch.Tensor:
        chosen = [box for name, box in boxes.items() if (mouth if name == "mouth" else eyes)]
        flipped = thatcher.flip_parts(whole, chosen, soften=5)[None].float()
        return nn.functional.interpolate(flipped, (side, side), mode="area")

    def render_state(angle: int, eyes: bool, mouth: bool) -> Figure:
        turned = rotate(face(eyes, mouth), angle).round().clamp(0, 255).to(torch.uint8)
        return figures.portraits(turned, size=2.4)

    def alt(angle: int, eyes: bool, mouth: bool) -> str:
        return (
            f"A smiling woman's portrait turned by {angle} degrees, with {_flipped(eyes, mouth)} "
            "flipped upside down within the face."
        )

    return Interactive(
        render_state,
        alt=alt,
        film=[{}, {"angle": 120}, {"angle": 60}, {"angle": 0}],
        angle=slider("turned by (degrees)", 0, 180, 10, 180),
        eyes=widgets.Checkbox(value=True, description="eyes flipped", indent=False),
        mouth=widgets.Checkbox(value=True, description="mouth flipped", indent=False),
    )


def flipped_face(model: nn.Module, count: int = 60, seed: int = 5) -> Interactive:
    """Section 01: turn a drawn face and flip its parts before a network that was trained to tell
    normal from Thatcherised ones. The curves are means over ``count`` faces."""
    plain, boxes = thatcher.draw_faces(count, seed)
    kinds = [(False, False), (True, False), (False, True), (True, True)]
    angles = list(range(0, 181, 15))
    drawn = {}
    for eyes, mouth in kinds:
        chosen = boxes[:, [0, 1] * eyes + [2] * mouth]
        drawn[eyes, mouth] = thatcher.flip_parts(plain, chosen) if eyes or mouth else plain
    ground = int(plain[:, 0, 0].float().mean())

    def says(images: torch.Tensor) -> torch.Tensor:
        return predict(model, images).softmax(1)[:, 1].cpu()

    curves = {
        _flipped(*kind): [says(rotate(drawn[kind], a, fill=ground)).mean().item() for a in angles]
        for kind in kinds
    }

    @lru_cache(maxsize=256)
    def one(angle: int, eyes: bool, mouth: bool):
        turned = rotate(drawn[eyes, mouth][:1], angle, fill=ground)
        return turned[0], says(turned).item()

    def render_state(angle: int, eyes: bool, mouth: bool) -> Figure:
        turned, verdict = one(angle, eyes, mouth)
        return figures.turned_face(turned, angle, curves, angles, _flipped(eyes, mouth), verdict)

    def alt(angle: int, eyes: bool, mouth: bool) -> str:
        _, verdict = one(angle, eyes, mouth)
        return (
            f"A drawn face with {_flipped(eyes, mouth)} flipped, turned by {angle} degrees. The "
            f"network says Thatcherised with probability {verdict:.2f}; beside it the mean over "
            f"{count} faces at all angles."
        )

    return Interactive(
        render_state,
        alt=alt,
        film=[
            {},
            {"angle": 180},
            {"eyes": True, "mouth": True},
            {"eyes": True, "mouth": True, "angle": 180},
        ],
        angle=slider("turned by (degrees)", 0, 180, 15, 0),
        eyes=widgets.Checkbox(value=False, description="eyes flipped", indent=False),
        mouth=widgets.Checkbox(value=False, description="mouth flipped", indent=False),
    )


def training_angles(
    models: Mapping[int, nn.Module],
    angles: Sequence[int],
    curves: Mapping[int, Sequence[float]],
    split: Split,
    classes: Sequence[str],
) -> Interactive:
    """Section 01: what networks recognise that were trained on different ranges of angles.

    Args:
        models: range (degrees to either side) -> network.
        angles, curves: test accuracies of each at these angles.
        split: images to try.
    """

    @lru_cache(maxsize=256)
    def one(item: int, reach: int, angle: int):
        turned = rotate(split.images[item : item + 1], angle)
        return turned[0], predict(models[reach], turned)[0].argmax().item()

    def words(item: int, said: int) -> str:
        return f"{'✓' if said == split.labels[item] else '✗'} “{classes[said]}”"

    def render_state(reach: int, angle: int, item: int) -> Figure:
        turned, said = one(item, reach, angle)
        return figures.practice(angles, curves, reach, turned, angle, words(item, said))

    def alt(reach: int, angle: int, item: int) -> str:
        _, said = one(item, reach, angle)
        at = curves[reach][min(range(len(angles)), key=lambda i: abs(angles[i] - angle))]
        return (
            f"A {classes[split.labels[item]]} turned by {angle} degrees; the network trained on "
            f"angles up to {reach} degrees says {classes[said]}. On all test images it is right "
            f"in {at:.2f} of the cases near that angle."
        )

    widest = max(models)
    return Interactive(
        render_state,
        alt=alt,
        film=[{}, {"angle": 180}, {"reach": widest, "angle": 180}, {"reach": widest}],
        reach=widgets.SelectionSlider(
            options=[(f"±{reach}", reach) for reach in models],
            value=min(models),
            description="training angles (degrees)",
        ),
        angle=slider("test image turned by (degrees)", 0, 180, 15, 0),
        item=slider("test image", 0, len(split) - 1, 1, 0),
    )
