"""Convolution by hand, what it commutes with, and what breaks and mends that (section 05)."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

KERNELS = {
    "blur": np.ones((3, 3)) / 9,
    "sharpen": np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "left to right": np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),  # Sobel's
    "top to bottom": np.array([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]]),
    "spots (Laplace)": np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
}


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """How many places a window has along one side: ⌊(size + 2 padding − kernel) / stride⌋ + 1.

    Args:
        size, kernel: of image and window, in pixels.
        stride: pixels from one place to the next.
        padding: pixels added on each of the two sides.

    Raises:
        ValueError: no place at all, or a stride below 1.
    """
    room = size + 2 * padding - kernel
    if stride < 1 or kernel < 1 or padding < 0:
        raise ValueError(
            f"kernel and stride must be 1 or more and padding 0 or more; got kernel={kernel}, "
            f"stride={stride}, padding={padding}."
        )
    if room < 0:
        raise ValueError(
            f"a window of {kernel} does not fit into {size} + 2 x {padding} pixels; take a larger "
            "image, a smaller kernel or more padding."
        )
    return room // stride + 1


def cross_correlate(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Lay the kernel on every place of the image; multiply and add up. No padding, stride 1.

    Args:
        image: (H, W). kernel: (h, w), no larger.

    Returns:
        (H − h + 1, W − w + 1), what libraries call a convolution.

    Raises:
        ValueError: the kernel does not fit.
    """
    (H, W), (h, w) = np.shape(image), np.shape(kernel)
    image = np.asarray(image, dtype=float)  # bytes would wrap around at 256
    answer = np.empty((output_size(H, h), output_size(W, w)))
    for y in range(answer.shape[0]):
        for x in range(answer.shape[1]):
            answer[y, x] = (image[y : y + h, x : x + w] * kernel).sum()
    return answer


def moved_difference(layer, images: torch.Tensor, by: int, stride: int = 1) -> torch.Tensor:
    """``layer`` of the moved images minus the moved ``layer`` of the images: 0 if equivariant.

    Images are moved to the right on a ring: what leaves on one side comes in on the other.

    Args:
        layer: N x C x H x W -> N x F x H' x W'.
        by: pixels.
        stride: of the layer; its maps are moved by ``by // stride`` places.
    """
    return layer(images.roll(by, -1)) - layer(images).roll(by // stride, -1)


class MaxBlurPool2d(nn.Module):
    """2 x 2 maximum pooling that blurs before it leaves places out [Zhang 2019, §3.2].

    ``nn.MaxPool2d(2)`` is a maximum over 2 x 2 pixels at *every* place, of which every second is
    then kept. Here the maxima are blurred (1-2-1 in both directions) in between.

    Args:
        padding_mode: what lies outside: ``"constant"`` (zeros; the paper reflects) or
            ``"circular"``.
    """

    def __init__(self, padding_mode: str = "constant"):
        super().__init__()
        self.padding_mode = padding_mode

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N x C x H x W, H and W even -> N x C x H/2 x W/2."""
        # a mean of 2, and of these a mean of 2 again, is 1-2-1: the second one takes every other
        maxima = F.max_pool2d(F.pad(maps, [1, 2, 1, 2], self.padding_mode), 2, stride=1)
        return F.avg_pool2d(F.avg_pool2d(maxima, 2, stride=1), 2)


def blurred(model: nn.Module) -> nn.Module:
    """A copy of the model with each 2 x 2 maximum pooling replaced by :class:`MaxBlurPool2d`."""
    model = copy.deepcopy(model)
    for part in list(model.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(part, name, MaxBlurPool2d())
    return model


def everywhere(layers: nn.Sequential) -> nn.Sequential:
    """The same layers without stride: their answers at every place, not at every second or fourth.

    A 2 x 2 pooling no longer leaves out places, so what comes after it finds its neighbours twice
    as far away (dilation) [Giusti 2013; Sermanet 2014]. Of the new answers, every ``stride``-th one
    is an old one.

    Args:
        layers: ReLU, square convolutions that keep the size (stride 1), and ``MaxPool2d(2)``, on
            values of 0 or more, since zeros are padded before the maximum.

    Returns:
        New layers that share the weights of the old.

    Raises:
        ValueError: a layer of another kind.
    """
    found, apart = [], 1  # how far apart two neighbours of the strided layers lie now
    for layer in layers:
        if isinstance(layer, nn.Conv2d) and layer.stride == (1, 1) and layer.dilation == (1, 1):
            layer = copy.copy(layer)  # shares the weights
            layer.dilation = (apart, apart)
            layer.padding = tuple(apart * by for by in layer.padding)
            found.append(layer)
        elif isinstance(layer, nn.MaxPool2d) and layer.kernel_size == layer.stride == 2:
            found.append(nn.ZeroPad2d((0, apart, 0, apart)))
            found.append(nn.MaxPool2d(2, stride=1, dilation=apart))
            apart *= 2
        elif isinstance(layer, nn.ReLU):
            found.append(layer)
        else:
            raise ValueError(f"cannot do without the stride of {layer}; see the docstring.")
    return nn.Sequential(*found)


class MeanOfGrids(nn.Module):
    """A global maximum that does not depend on the grid that a stride happens to pick.

    Maps that were computed :func:`everywhere` hold ``stride`` x ``stride`` grids, one inside the
    other; a network with stride sees one of them. Here each grid has its own global maximum, and
    these are averaged. (Followed by a linear layer, this is the mean of the network's scores over
    all shifts of the image by 0 to ``stride`` - 1 pixels in both directions.)
    """

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> N x C x 1 x 1; H and W are multiples of the stride."""
        grids = F.pixel_unshuffle(maps, self.stride)  # N x C·stride² x H/stride x W/stride
        largest = grids.amax((2, 3)).unflatten(1, (maps.shape[1], self.stride**2))
        return largest.mean(2)[..., None, None]
