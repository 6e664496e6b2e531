"""Scenes, portraits and practice: the science of section 01."""

import torch
from torch import nn

from cv_course import data, training

# In the portrait as `portrait` returns it, found by eye: (top, bottom, left, right) of each part.
EYES = ((73, 97, 66, 98), (74, 98, 109, 141))
MOUTH = ((118, 144, 75, 127),)
_PORTRAIT_AT = (14, 222, 120, 328)  # this part of scikit-image's astronaut, 208 x 208
FOCAL = 32.0  # pixels: the camera's distance from pinhole to image


def portrait() -> torch.Tensor:
    """A woman's smiling face, 3 x 208 x 208, ``uint8``: Eileen Collins (NASA, public domain)."""
    top, bottom, left, right = _PORTRAIT_AT
    return data.photos()["astronaut"][:, top:bottom, left:right].clone()


def flip_parts(image: torch.Tensor, boxes, soften: float = 0) -> torch.Tensor:
    """Turn the content of each box upside down: the Thatcher illusion [Thompson 1980].

    Args:
        image: ... x H x W, ``uint8``.
        boxes: (top, bottom, left, right) each; bottom and right are the first ones outside.
        soften: over how many pixels the flipped part fades into its surroundings; 0: a sharp cut.
    """
    flipped = image.clone()
    for top, bottom, left, right in boxes:
        part = image[..., top:bottom, left:right].float()
        ramps = []
        for size in part.shape[-2:]:
            steps = torch.arange(size)
            inside = torch.minimum(steps, size - 1 - steps) + 0.5
            ramps.append((inside / soften).clamp(max=1) if soften else torch.ones(size))
        share = ramps[0][:, None] * ramps[1]
        mixed = part.flip(-2) * share + part * (1 - share)
        flipped[..., top:bottom, left:right] = mixed.round().to(image.dtype)
    return flipped


def render(x, y, size, brightness, side: int = 32) -> torch.Tensor:
    """A soft blob on black: ``brightness · exp(−((column − x)² + (row − y)²) / (2 size²))``.

    Args:
        x, y: of the middle, in pixels to the right and down; numbers or tensors.
        size: the standard deviation of the bell, in pixels.

    Returns:
        side x side, differentiable by all four.
    """
    steps = torch.arange(float(side))
    squared = (steps - x) ** 2 + (steps[:, None] - y) ** 2
    return brightness * torch.exp(-squared / (2 * size**2))


def photographed(distance: float, radius: float, side: int = 32) -> torch.Tensor:
    """What a pinhole camera makes of a bright disc straight ahead; both lengths in one unit."""
    middle = (side - 1) / 2
    return render(middle, middle, FOCAL * radius / distance, 1.0, side)


def shaded(shape: str, light: str, side: int = 48) -> torch.Tensor:
    """The image of a surface with a round "bump" or "dent", from 0 to 1.

    Args:
        light: "above" or "below".

    The side that faces the light is bright, the other one is dark.
    """
    y = torch.linspace(-1, 1, side)[:, None]
    inside = y**2 + y.T**2 < 0.8**2  # of the surface 1 - x² - y², which is cut off at a circle
    sign = {"bump": 1, "dent": -1}[shape] * {"above": 1, "below": -1}[light]
    return 0.5 - 0.5 * sign * inside * y / 0.8  # its slope is proportional to y


def small_network() -> nn.Sequential:
    """Two convolutions and a linear layer, for N x 1 x 28 x 28 and ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 25, 10),
    )  # fmt: skip


def upside_down(split: data.Split) -> data.Split:
    """The same images turned by 180 degrees."""
    return data.Split(split.images.flip(-2, -1), split.labels)


def practise(seed: int) -> dict[str, dict[str, float]]:
    """Three stages of practice: name -> accuracy on new images, upright and upside down."""
    fashion = data.fashion_mnist().train
    first, later, new = fashion[:3_000], fashion[3_000:6_000], fashion[8_000:]
    half = upside_down(first[1_500:])
    mixed = data.Split(
        torch.cat([first.images[:1_500], half.images]),
        torch.cat([first.labels[:1_500], half.labels]),
    )

    def learn(network, split):
        training.fit(network, split, epochs=6, lr=0.1, batch_size=100, seed=seed, progress=False,
                     device="cpu")  # fmt: skip
        return {
            "upright": training.evaluate(network, new),
            "upside down": training.evaluate(network, upside_down(new)),
        }

    torch.manual_seed(seed)
    network, found = small_network(), {}
    found["network 1, first"] = learn(network, first)
    found["network 1, later"] = learn(network, upside_down(later))
    torch.manual_seed(seed)
    found["network 2"] = learn(small_network(), mixed)
    return found
