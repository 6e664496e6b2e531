"""From fully connected over locally connected to convolution: three hidden layers that give maps of
one size and differ only in who is connected and what is shared (section 05)."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.convolution import output_size

LADDER = ("dense", "local", "convolution")


class LocallyConnected2d(nn.Module):
    """Each output looks at a k x k window, with weights of its own at every place [LeCun 1989].

    It is ``nn.Conv2d`` without sharing. ``weight`` is H' x W' x F x C x k x k: for every place and
    every map the weights of one window; ``bias`` is H' x W' x F.

    Args:
        in_channels, out_channels: C and F.
        image_size: (H, W) of the input; unlike a convolution, the layer fits this size alone.
        kernel_size: k, the side of the window in pixels.
        stride, padding: as in ``nn.Conv2d``: pixels from one window to the next, rows and columns
            of zeros on each side.

    Raises:
        ValueError: the window is larger than the padded image; an input of another size.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
    ):
        super().__init__()
        self.input_shape = (in_channels, *image_size)
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        places = [output_size(side, kernel_size, stride, padding) for side in image_size]
        window = (in_channels, kernel_size, kernel_size)
        bound = 1 / math.sqrt(math.prod(window))  # where nn.Conv2d begins, too
        self.weight = nn.Parameter(
            torch.empty(*places, out_channels, *window).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(*places, out_channels).uniform_(-bound, bound))

    @classmethod
    def from_conv(cls, conv: nn.Conv2d, image_size: tuple[int, int]) -> "LocallyConnected2d":
        """The layer that computes what ``conv`` does: its weights copied to every place.

        Raises:
            ValueError: groups, dilation, a padding mode or a shape that this layer does not have.
        """
        k, stride, padding = conv.kernel_size, conv.stride, conv.padding
        same = all(len(set(pair)) == 1 for pair in (k, stride, padding))
        if not same or conv.groups > 1 or conv.dilation != (1, 1) or conv.padding_mode != "zeros":
            raise ValueError(
                f"only square kernels, stride and zero padding without groups and dilation, got "
                f"{conv}; build a LocallyConnected2d and fill it yourself."
            )
        layer = cls(conv.in_channels, conv.out_channels, image_size, k[0], stride[0], padding[0])
        with torch.no_grad():
            layer.weight.copy_(conv.weight)  # broadcasts over the places
            layer.bias.copy_(0 * layer.bias if conv.bias is None else conv.bias)
        return layer

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> N x F x H' x W'."""
        if tuple(images.shape[1:]) != self.input_shape:
            raise ValueError(
                f"expected images N x {' x '.join(map(str, self.input_shape))}, got "
                f"{tuple(images.shape)}; there are no weights for other places."
            )
        k, stride = self.kernel_size, self.stride
        windows = F.pad(images, [self.padding] * 4).unfold(2, k, stride).unfold(3, k, stride)
        maps = torch.einsum("nchwij,hwfcij->nfhw", windows, self.weight)
        return maps + self.bias.permute(2, 0, 1)

    def extra_repr(self) -> str:
        return f"{self.input_shape}, kernel_size={self.kernel_size}, stride={self.stride}"


def hidden_layer(
    kind: str,
    image_shape: tuple[int, int, int] = (1, 28, 28),
    kernel: int = 5,
    maps: int = 4,
    stride: int = 1,
    padding: int = 0,
) -> nn.Module:
    """One rung of the ladder; whichever it is, N x C x H x W become N x maps x H' x W'.

    Args:
        kind: ``"dense"``, ``"local"`` or ``"convolution"``.
        image_shape: C, H, W.

    Raises:
        ValueError: another kind.
    """
    channels, *size = image_shape
    if kind == "convolution":
        return nn.Conv2d(channels, maps, kernel, stride, padding)
    if kind == "local":
        return LocallyConnected2d(channels, maps, tuple(size), kernel, stride, padding)
    if kind == "dense":
        places = [output_size(side, kernel, stride, padding) for side in size]
        outputs = maps * math.prod(places)
        full = nn.Linear(math.prod(image_shape), outputs)
        return nn.Sequential(nn.Flatten(), full, nn.Unflatten(1, (maps, *places)))
    raise ValueError(f"kind must be one of {', '.join(LADDER)}; got {kind!r}.")


def hidden_parameters(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    kernel: int = 5,
    maps: int = 4,
    stride: int = 1,
    padding: int = 0,
) -> dict[str, int]:
    """How many weights and biases each rung has, by formula (so it builds no layer).

    >>> hidden_parameters()
    {'dense': 1808640, 'local': 59904, 'convolution': 104}
    """
    channels, *size = image_shape
    places = math.prod(output_size(side, kernel, stride, padding) for side in size)
    window = channels * kernel * kernel
    return {
        "dense": places * maps * (math.prod(image_shape) + 1),
        "local": places * maps * (window + 1),
        "convolution": maps * (window + 1),
    }


def hidden_multiplications(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    kernel: int = 5,
    maps: int = 4,
    stride: int = 1,
    padding: int = 0,
) -> dict[str, int]:
    """How many products each rung computes for one image (those with padded zeros included)."""
    channels, *size = image_shape
    outputs = maps * math.prod(output_size(side, kernel, stride, padding) for side in size)
    local = outputs * channels * kernel * kernel
    return {"dense": outputs * math.prod(image_shape), "local": local, "convolution": local}


class LadderNet(nn.Sequential):
    """A classifier around one rung: hidden layer, ReLU, maximum of each 8 x 8 block, full layer.

    All but the hidden layer is the same for the three kinds.

    Args:
        kind, image_shape, kernel, maps: see :func:`hidden_layer`.
        pool: the side of the blocks, in places of the hidden layer.
        classes: how many scores.
    """

    def __init__(
        self,
        kind: str,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        kernel: int = 5,
        maps: int = 4,
        pool: int = 8,
        classes: int = 10,
    ):
        blocks = math.prod(output_size(side, kernel) // pool for side in image_shape[1:])
        super().__init__(
            hidden_layer(kind, image_shape, kernel, maps),
            nn.ReLU(),
            nn.MaxPool2d(pool),
            nn.Flatten(),
            nn.Linear(maps * blocks, classes),
        )


@torch.no_grad()
def as_matrix(layer: nn.Module, image_shape: tuple[int, int, int]) -> torch.Tensor:
    """A linear layer as the matrix that it is: outputs x inputs, both flattened, without the bias.

    Column i is what the layer answers to an image that is 1 at pixel i and 0 elsewhere (less its
    answer to black, the bias).
    """
    inputs = math.prod(image_shape)
    dots = torch.eye(inputs, dtype=torch.float64).view(inputs, *image_shape)
    exact = copy.deepcopy(layer).cpu().double()  # so that the bias leaves no rounding behind
    return (exact(dots) - exact(torch.zeros_like(dots[:1]))).flatten(1).T.float()
