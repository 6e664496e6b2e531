"""A template drawn by hand: read it, and measure how well it tells two classes apart."""

from dataclasses import dataclass

import torch

from cv_course.data import Dataset, as_float

SIGNS = {"+": 1.0, ".": 0.0, "-": -1.0}


def read_template(drawing: str, side: int = 28) -> torch.Tensor:
    """A template drawn with characters, magnified to the size of an image.

    Args:
        drawing: as many lines as characters in a line: ``+`` where bright pixels count for the
            class, ``-`` where they count against it, ``.`` where they do not count.
        side: of the images in pixels, a multiple of the number of lines.

    Returns:
        1 x side x side, each value -1, 0 or 1.

    Raises:
        ValueError: other characters, not a square, or a side that is no multiple.
    """
    lines = [line.strip() for line in drawing.split("\n") if line.strip()]
    size = len(lines)
    if not size or any(len(line) != size for line in lines) or side % size:
        raise ValueError(
            f"a drawing is a square whose side divides {side}, for example 7 lines of 7 "
            f"characters; got lines of {[len(line) for line in lines]} characters."
        )
    if foreign := sorted(set("".join(lines)) - set(SIGNS)):
        raise ValueError(f"a drawing is made of + . and - only; found {', '.join(foreign)}")
    coarse = torch.tensor([[SIGNS[sign] for sign in line] for line in lines])
    return coarse.repeat_interleave(side // size, 0).repeat_interleave(side // size, 1)[None]


def best_threshold(scores: torch.Tensor, positive: torch.Tensor) -> float:
    """The threshold with the most right predictions, if scores above it are called positive.

    Args:
        scores: (N,), one for each example.
        positive: (N,) booleans.
    """
    ends = scores.double().unique()  # between two neighbouring float32 there is no third
    between = torch.cat([ends[:1] - 1, (ends[1:] + ends[:-1]) / 2, ends[-1:] + 1])
    right = ((scores.double() > between[:, None]) == positive).sum(1)
    return between[right.argmax()].item()


@dataclass(frozen=True)
class Judgement:
    """How a template separates two classes: ``scores`` are its inner products with the unseen
    images of each class, ``accuracy`` the share of them on the right side of ``threshold``."""

    accuracy: float
    threshold: float
    scores: tuple[torch.Tensor, torch.Tensor]


def judge(template: torch.Tensor, pair: Dataset) -> Judgement:
    """Tell the first of two classes from the second by one inner product.

    Args:
        template: C x H x W; a large inner product counts for the first class.
        pair: two classes (see ``Dataset.only``). The threshold is the best for its training images;
            the accuracy is that on its test images.
    """
    known, asked = (
        (as_float(split.images) * template).sum((1, 2, 3)) for split in (pair.train, pair.test)
    )
    threshold = best_threshold(known, pair.train.labels == 0)
    right = (asked.double() > threshold) == (pair.test.labels == 0)
    scores = tuple(asked[pair.test.labels == label] for label in (0, 1))
    return Judgement(right.float().mean().item(), threshold, scores)


def correlation(templates: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation over the pixels, pair by pair: two (K, …) -> (K,)."""
    one, other = (rows.flatten(1) for rows in (templates, others))
    one, other = (rows - rows.mean(1, keepdim=True) for rows in (one, other))
    return (one * other).sum(1) / (one.norm(dim=1) * other.norm(dim=1)).clamp_min(1e-30)
