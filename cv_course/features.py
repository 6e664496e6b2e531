"""Features made by hand, and a simple model on top of them (section 02).

The descriptor is the histogram of oriented gradients, HOG [Dalal & Triggs 2005], in the definition
of ``skimage.feature.hog``, but for many images at once: equal to it, and far faster.
"""

import torch

from cv_course import checked

NORMS = ("none", "L1", "L2", "L2-Hys")
_EPSILON = 1e-5  # scikit-image's; keeps an empty block at zero


def gradients(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How much and in which direction the brightness changes at each pixel.

    The change across is the right neighbour minus the left one, the change down the lower
    neighbour minus the upper one; along the border it counts as 0.

    Args:
        images: N x 1 x H x W, bytes from 0 to 255 or floats from 0 to 1.

    Returns:
        ``(length, angle)``, each N x H x W in double precision. The length is in grey levels of a
        byte. The angle, 0 to 360 degrees, is 0 where it gets brighter to the right and 90 where it
        gets brighter downwards.

    Raises:
        ValueError: no grey images.
    """
    if images.ndim != 4 or images.shape[1] != 1:
        raise ValueError(
            f"expected grey images of shape (N, 1, H, W), got {tuple(images.shape)}; one image: "
            "image[None]; colour: images.float().mean(1, keepdim=True)."
        )
    grey = images[:, 0]
    # floats that came from bytes turn into the very same numbers again, so that no rounding decides
    # on which side of a bin's border 45 degrees fall
    grey = (grey * 255).double() if grey.is_floating_point() else grey.double()
    across, down = torch.zeros_like(grey), torch.zeros_like(grey)
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    return torch.hypot(across, down), torch.rad2deg(torch.atan2(down, across)) % 360


def cell_histograms(
    length: torch.Tensor, angle: torch.Tensor, cell: int = 4, bins: int = 9, signed: bool = False
) -> torch.Tensor:
    """For each square cell: how much of the gradient points in which direction.

    Every pixel adds the length of its gradient to the bin of its direction; what a bin has
    collected is divided by the number of the cell's pixels.

    Args:
        length, angle: N x H x W, from :func:`gradients`.
        cell: its side in pixels. Rows and columns that do not fill a cell are left out.
        bins: into how many equal parts the circle, or the half circle, is divided.
        signed: tell a step to bright from a step to dark (360 degrees). Otherwise opposite
            directions share a bin (180 degrees).

    Returns:
        N x rows x columns x bins, in double precision.

    Raises:
        ValueError: no bins, or a cell that is larger than the images.
    """
    count, height, width = length.shape
    bins, cell = checked.whole("bins", bins, 1), checked.whole("cell", cell, 1)
    if cell > min(height, width):
        raise ValueError(f"cell: a side of {cell} pixels is larger than the images.")
    rows, columns = height // cell, width // cell
    length, angle = (part[:, : rows * cell, : columns * cell] for part in (length, angle))
    circle = 360 if signed else 180
    number = ((angle % circle) * bins / circle).long().clamp(max=bins - 1)
    total = count * rows * columns * bins
    first = torch.arange(0, total, bins, device=length.device).view(count, rows, columns)
    first = first.repeat_interleave(cell, 1).repeat_interleave(cell, 2)  # bin 0 of a pixel's cell
    votes = torch.bincount((first + number).flatten(), length.flatten(), total)
    return votes.view(count, rows, columns, bins) / cell**2


def normalise_blocks(cells: torch.Tensor, block: int = 2, norm: str = "L2-Hys") -> torch.Tensor:
    """Divide every block of neighbouring cells by its own size; the blocks overlap.

    Args:
        cells: N x rows x columns x bins.
        block: its side in cells.
        norm: ``none``, ``L1``, ``L2``, or ``L2-Hys`` (L2, cut off at 0.2, L2 again).

    Returns:
        N x (rows - block + 1) x (columns - block + 1) x block x block x bins.

    Raises:
        ValueError: unknown norm, or a block that is larger than the grid of cells.
    """
    checked.one_of("norm", norm, NORMS)
    block = checked.whole("block", block, 1)
    if block > min(cells.shape[1:3]):
        raise ValueError(
            f"block is a side in cells, here from 1 to {min(cells.shape[1:3])}; got {block!r}. "
            "Smaller cells leave room for larger blocks."
        )
    blocks = cells.unfold(1, block, 1).unfold(2, block, 1).permute(0, 1, 2, 4, 5, 3).contiguous()
    parts = (3, 4, 5)
    if norm == "L1":
        return blocks / (blocks.sum(parts, keepdim=True) + _EPSILON)

    def to_unit_length(blocks: torch.Tensor) -> torch.Tensor:
        return blocks / (blocks.square().sum(parts, keepdim=True) + _EPSILON**2).sqrt()

    if norm != "none":
        blocks = to_unit_length(blocks)
    return to_unit_length(blocks.clamp(max=0.2)) if norm == "L2-Hys" else blocks


def hog(
    images: torch.Tensor,
    cell: int = 4,
    bins: int = 9,
    block: int = 2,
    norm: str = "L2-Hys",
    signed: bool = False,
) -> torch.Tensor:
    """Histograms of oriented gradients: the three functions above, one row an image.

    Returns:
        N x D in single precision.
    """
    rows = []
    for some in images.split(500):  # the intermediate results are much larger than the images
        cells = cell_histograms(*gradients(some), cell, bins, signed)
        rows.append(normalise_blocks(cells, block, norm).flatten(1).float())
    return torch.cat(rows)
