"""What a classifier looks at, and how to tell whether a tool shows it (sections 02 and 11).

Maps are N x rows x columns, one an image; larger means that the place counts more for the label.
"""

import torch
from torch import nn

from cv_course.perturb import need_images
from cv_course.training import predict


def cover(images: torch.Tensor, top: int, left: int, size: int, fill: float = 0) -> torch.Tensor:
    """Lay a square patch on the images; what would lie outside is left out.

    Args:
        images: N x C x H x W, any number type; they are not changed.
        top, left: the patch's first row and column in pixels.
        size: its side in pixels.
        fill: its grey level, in the units of the images.
    """
    need_images(images)
    covered = images.clone()
    covered[:, :, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = fill
    return covered


def occlusion(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    size: int = 7,
    step: int = 3,
    fill: float = 0,
) -> torch.Tensor:
    """How much a patch at each place lowers the probability of the label [Zeiler & Fergus 2014].

    Args:
        images: N x C x H x W, as the model takes them.
        labels: (N,), whose probability is watched.
        size, step: the patch's side, and from one place to the next, in pixels.

    Returns:
        N x places down x places across; positive where the covered place spoke for the label.

    Raises:
        ValueError: the patch is larger than the images, or size or step less than 1.
    """
    height, width = images.shape[-2:]
    if not 1 <= size <= min(height, width) or step < 1:
        raise ValueError(
            f"size must be from 1 to {min(height, width)} and step at least 1; got {size}, {step}."
        )

    def probability(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        chances = predict(model, images).softmax(1).cpu()
        return chances[torch.arange(len(labels)), labels]

    labels = labels.cpu()
    free, rows = probability(images, labels), []
    for top in range(0, height - size + 1, step):
        places = range(0, width - size + 1, step)  # a row of places in one go
        covered = torch.cat([cover(images, top, left, size, fill) for left in places])
        rows.append(probability(covered, labels.repeat(len(places))).view(len(places), -1).T)
    return free[:, None, None] - torch.stack(rows, dim=1)
