"""Interactives of section 00: a network's guesses, and the numbers in an image."""

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from cv_course import plots
from cv_course.film import Interactive, choice, interactive, slider
from cv_course.networks import pretrained
from cv_course.perturb import shift

SIDE = pretrained.SIDE
CATS = {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}


def shuffled(photo: torch.Tensor, parts: int = 4, seed: int = 0) -> torch.Tensor:
    """The image (C, H, W) cut into ``parts`` x ``parts`` squares, in a random order.

    Height and width are multiples of ``parts``.
    """
    channels, side = len(photo), photo.shape[-1] // parts
    squares = photo.unfold(1, side, side).unfold(2, side, side).flatten(1, 2)
    order = torch.randperm(parts**2, generator=torch.Generator().manual_seed(seed))
    rows = squares[:, order].view(channels, parts, parts, side, side)
    return rows.transpose(2, 3).reshape(photo.shape)


CHANGES = {  # name -> function of a photograph (3, 224, 224), uint8
    "as it is": lambda photo: photo,
    "moved": lambda photo: shift(photo[None], dx=80)[0],
    "dimmed": lambda photo: (photo.float() * 0.2).to(torch.uint8),
    "upside down": lambda photo: photo.flip(1, 2),
    "16 squares": shuffled,
    "64 squares": lambda photo: shuffled(photo, 8),
}


def first_guess(network: nn.Module, photo: torch.Tensor, change: str) -> tuple[str, float]:
    """Name and probability that come first for a photograph (3, 224, 224), changed by its name."""
    return pretrained.guesses(network, CHANGES[change](photo).contiguous())[0]


def same_thing(name: str, other: str) -> bool:
    """Whether two of the network's names count as the same thing: five kinds of cat do."""
    return name == other or {name, other} <= CATS


def guessed(photo: torch.Tensor, guesses: list[tuple[str, float]]) -> Figure:
    """A photograph, and a network's guesses as bars; (name, probability), the likeliest first."""
    figure, (left, right) = plots.figure(8, 2.9, 1, 2, width_ratios=(1, 1.5))
    plots.pictures([photo], size=2.8, axis=left)
    names, shares = zip(*guesses, strict=True)
    right.barh(range(len(names)), shares, color=plots.COLOURS[0], height=0.6)
    for place, share in enumerate(shares):
        right.text(share, place, f" {share:.2f}" if share >= 0.005 else " < 0.01", va="center")
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set(xlim=(0, 1.15), xlabel="probability")
    return figure


def views(photo: torch.Tensor, first: list[tuple[str, float]] | None = None) -> Figure:
    """A photograph (3, 224, 224) with each of ``CHANGES``; or with the first guesses, too."""
    titles = ["as it is", *(f"{n}  {change}" for n, change in enumerate([*CHANGES][1:], start=1))]
    if first:
        titles = [
            f"{title}:\n{name} {share:.2f}"
            for title, (name, share) in zip(titles, first, strict=True)
        ]
    return plots.pictures([change(photo) for change in CHANGES.values()], titles, columns=3, size=2)


def look(network: nn.Module, photos: dict[str, torch.Tensor]) -> Interactive:
    """The guesses of EfficientNet-Lite0 for photographs, and for the same changed.

    Args:
        photos: name -> photograph (3, 224, 224), uint8; cat, coffee, photographer and
            astronaut among them.
    """

    @interactive(
        film=[
            {},
            {"change": "16 squares"},
            {"photo": "photographer"},
            {"photo": "photographer", "change": "upside down"},
            {"photo": "astronaut"},
        ],
        photo=choice("photograph", list(photos), "coffee"),
        change=choice("change", list(CHANGES)),
    )
    def draw(photo, change):
        image = CHANGES[change](photos[photo]).contiguous()
        guesses = pretrained.guesses(network, image)
        said = ", ".join(f"{n} {p:.2f}" if p >= 0.005 else f"{n} under 0.01" for n, p in guesses)
        return guessed(image, guesses), f"The photograph “{photo}”, {change}. Guesses: {said}."

    return draw


def pixels(photo: torch.Tensor, window: int = 8) -> Interactive:
    """A frame on a grey photograph, and the bare numbers in it.

    Args:
        photo: (H, W), uint8.
        window: side of the frame in pixels.
    """
    height, width = photo.shape

    @interactive(
        film=[{}, {"row": 40, "column": 120}, {"row": 66, "column": 148}],
        row=slider("row", 0, height - window, 2, 100),
        column=slider("column", 0, width - window, 2, 100),
    )
    def draw(row, column):
        figure, (left, right) = plots.figure(8, 3.2, 1, 2, width_ratios=(1, 1.25))
        left.imshow(photo.numpy(), "gray", vmin=0, vmax=255)
        left.set_axis_off()
        left.add_patch(
            Rectangle((column, row), window, window, fill=False, lw=2.5, ec=plots.COLOURS[1])
        )
        part = photo[row : row + window, column : column + window]
        # all white: who sees the shades does not need to read the numbers
        plots.numbers(part, scale=(255, 256), title="the numbers in the frame", axis=right)
        return figure, (
            f"The photograph with a frame of {window} by {window} pixels at row {row}, column "
            f"{column}. Its numbers run from {part.min()} to {part.max()}."
        )

    return draw
