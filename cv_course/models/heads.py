"""Overlap of boxes: x0, y0, x1, y1 in pixels, x1 and y1 just after the last pixel."""

import torch


def box_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of each box with each other [Jaccard 1912]: 1 equal, 0 apart.

    Args:
        a, b: ... x N x 4 and ... x M x 4, leading axes as they broadcast.

    Returns:
        ... x N x M. Boxes without area give 0.
    """
    a, b = a[..., :, None, :], b[..., None, :, :]
    corner, opposite = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    both = (opposite - corner).clamp_min(0).prod(-1)  # apart: a negative side counts as none
    either = box_area(a) + box_area(b) - both
    return torch.where(either > 0, both / either.clamp_min(1e-9), 0)


def box_area(boxes: torch.Tensor) -> torch.Tensor:
    """... x 4 -> ...; a box whose end lies before its start has no area."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1)
