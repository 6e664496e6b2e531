"""Templates drawn by hand, and how well one separates two classes (section 04)."""

import math
from dataclasses import dataclass

import torch

from cv_course.data import Dataset, as_float

SIGNS = {"+": 1.0, ".": 0.0, "-": -1.0}


def read_template(drawing: str, side: int = 28) -> torch.Tensor:
    """A template drawn with characters, magnified to the size of an image.

    Args:
        drawing: as many lines as characters a line: ``+`` bright pixels here speak for the class,
            ``-`` they speak against it, ``.`` they do not matter. Blank lines are left out.
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
    """The threshold above which to say yes, so that most of these answers are right.

    Args:
        scores: (N,), one for each example.
        positive: (N,) booleans, whether yes would be right.

    Returns:
        A value between two neighbouring scores, or just outside them all.
    """
    scores, order = scores.sort()
    scores = scores.double()  # between two neighbouring float32 there is no third
    edge = torch.full((1,), torch.inf, dtype=scores.dtype)
    ends = torch.cat([-edge, scores, edge])
    # with the threshold in gap i, the i lowest are told no and the others yes
    no_right = torch.cat([torch.zeros(1), (~positive[order]).cumsum(0)])
    yes_right = positive.sum() - torch.cat([torch.zeros(1), positive[order].cumsum(0)])
    right = no_right + yes_right
    right[1:-1][scores[1:] == scores[:-1]] = -1  # equal scores cannot be told apart
    gap = int(right.argmax())
    low, high = ends[gap].item(), ends[gap + 1].item()
    if math.isinf(low):
        return high - 1
    return low + 1 if math.isinf(high) else (low + high) / 2


@dataclass(frozen=True)
class Judgement:
    """How a template separates two classes: ``scores`` are its inner products with the test images
    of each class, ``accuracy`` the share of them on the right side of ``threshold``."""

    accuracy: float
    threshold: float
    scores: tuple[torch.Tensor, torch.Tensor]


def judge(template: torch.Tensor, pair: Dataset) -> Judgement:
    """Tell the first of two classes from the second by one inner product.

    Args:
        template: C x H x W; a large product with it speaks for the first class.
        pair: two classes (see ``Dataset.only``). The threshold is the best for its training images.
    """
    known, asked = (
        (as_float(split.images) * template).sum((1, 2, 3)).double()
        for split in (pair.train, pair.test)
    )
    threshold = best_threshold(known, pair.train.labels == 0)
    right = (asked > threshold) == (pair.test.labels == 0)
    scores = tuple(asked[pair.test.labels == label] for label in (0, 1))
    return Judgement(right.float().mean().item(), threshold, scores)


def correlation(templates: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation over the pixels, pair by pair: two (K, …) -> (K,), 0 for a flat one."""
    one, other = (rows.flatten(1).double() for rows in (templates, pictures))
    one, other = (rows - rows.mean(1, keepdim=True) for rows in (one, other))
    lengths = one.norm(dim=1) * other.norm(dim=1)
    return torch.where(lengths > 0, (one * other).sum(1) / lengths.clamp_min(1e-300), 0).float()
