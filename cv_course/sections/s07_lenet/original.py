"""The networks of 1989 and 1998, with their own layers, tables and codes.

Sources: LeCun et al., Backpropagation applied to handwritten zip code recognition, *Neural
Computation* 1, 1989 (below: "1989"); LeCun, Bottou, Bengio, Haffner, Gradient-based learning
applied to document recognition, *Proc. IEEE* 86, 1998 ("1998"). Layers bear the papers' names, so
``model.c3`` is C3.
"""

from collections import OrderedDict
from collections.abc import Sequence
from importlib import resources

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.networks.small import Scale

Table = Sequence[Sequence[int]]

# 1998, Table I: which of the six maps of S2 each of the sixteen maps of C3 looks at
C3_TABLE: Table = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
# 1989 says "8 of the 12" and "a scheme that will not be described here"; this scheme is ours
H2_TABLE: Table = tuple(tuple(sorted((map_ + i) % 12 for i in range(8))) for map_ in range(12))


def full_table(inputs: int, outputs: int) -> Table:
    """Every one of ``outputs`` maps looks at all ``inputs`` maps, as in an ordinary convolution."""
    return tuple(tuple(range(inputs)) for _ in range(outputs))


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3): goes through (1, 1) and (-1, -1), the targets, and bends most near them
    [1998, appendix A]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class ConvByTable(nn.Module):
    """A convolution in which each output map looks only at some of the input maps.

    It holds exactly the kernels that exist, ``weight`` (pairs in the table, k, k). To compute, they
    are laid into an otherwise empty weight of ``nn.Conv2d``: fewer numbers to learn, but today's
    libraries multiply by the zeros, too.

    Args:
        table: for each output map the numbers of its input maps.
        kernel_size, stride, padding: as in ``nn.Conv2d``, in pixels.
        fill: what lies beyond the border (1989: the background, -1).
        places: (H', W') for a bias at each position ("unshared", 1989); None: one bias per map.
        inputs: how many input maps there are; by default as many as the table needs.

    Raises:
        ValueError: an empty table or row, a map twice in a row, or one that is not there.
    """

    def __init__(self, table, kernel_size, stride=1, padding=0, fill=0.0, places=None, inputs=None):
        super().__init__()
        used = [source for row in table for source in row]
        self.in_channels = inputs or 1 + max(used, default=0)
        whole = table and all(row and len(set(row)) == len(row) for row in table)
        if not whole or min(used) < 0 or max(used) >= self.in_channels:
            raise ValueError(
                "the table needs one row per output map, each with one or more different input "
                f"maps from 0 to {self.in_channels - 1}; got {[list(row) for row in table]}."
            )
        self.out_channels = len(table)
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.fill, self.places = fill, places
        pairs = [(to, source) for to, row in enumerate(table) for source in row]
        self.register_buffer("pairs", torch.tensor(pairs).T.contiguous(), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(pairs), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(self.out_channels, *(places or ())))
        with torch.no_grad():  # 1989 and 1998: ±2.4 / how many inputs the unit has
            for (to, _), kernel in zip(pairs, self.weight, strict=True):
                kernel.uniform_(-1, 1).mul_(2.4 / (len(table[to]) * kernel_size**2))

    def dense_weight(self) -> torch.Tensor:
        """The weight that ``nn.Conv2d`` would have: F x C x k x k, zero where nothing is joined."""
        size = (self.out_channels, self.in_channels, self.kernel_size, self.kernel_size)
        return self.weight.new_zeros(size).index_put(tuple(self.pairs), self.weight)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> N x F x H' x W'."""
        if self.padding:
            maps = F.pad(maps, [self.padding] * 4, value=self.fill)
        if self.places:
            return F.conv2d(maps, self.dense_weight(), stride=self.stride) + self.bias
        return F.conv2d(maps, self.dense_weight(), self.bias, self.stride)


class Subsampling(nn.Module):
    """The sum of each 2 x 2 block, times one coefficient per map, plus one bias per map [1998].

    Args:
        maps: how many; two numbers are learned for each.
    """

    def __init__(self, maps: int):
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(maps).uniform_(-1, 1).mul_(2.4 / 4))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> N x C x H/2 x W/2."""
        sums = 4 * F.avg_pool2d(maps, 2)
        return sums * self.coefficient[:, None, None] + self.bias[:, None, None]


def _read_bitmaps() -> torch.Tensor:
    """16 drawn characters, 12 rows of 7 signs each -> 16 x 84, ink 1 and paper -1."""
    drawing = (resources.files("cv_course") / "_data" / "lenet_codes.txt").read_text()
    rows = [
        [[sign == "#" for sign in word] for word in line.split()]
        for line in drawing.split("\n")[:12]
    ]
    return 2.0 * torch.tensor(rows).transpose(0, 1).flatten(1) - 1


# The papers' bitmaps were not published as numbers; these were drawn for this course.
BITMAPS = _read_bitmaps()
CODES = BITMAPS[:10]  # the digits


class RBF(nn.Module):
    """Scores: minus the squared distance of the output of F6 to the code of each class [1998].

    Args:
        codes: classes x D, each number -1 or 1. They are given, not learned: could they move, all
            of them might meet at one point, and the distance to the right one would be 0 without
            anything being recognised [1998, section II-C].
    """

    def __init__(self, codes: torch.Tensor):
        super().__init__()
        self.register_buffer("codes", codes.float())

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """N x D -> N x classes, each 0 or less."""
        # |x - c|² = |x|² - 2 x·c + |c|²
        lengths = state.square().sum(1, keepdim=True) + self.codes.square().sum(1)
        return 2 * F.linear(state, self.codes) - lengths


def _full(inputs: int, outputs: int) -> nn.Linear:
    """A fully connected layer that starts as the papers say."""
    layer = nn.Linear(inputs, outputs)
    nn.init.uniform_(layer.weight, -2.4 / inputs, 2.4 / inputs)
    nn.init.zeros_(layer.bias)
    return layer


def _stages(**stages: list[nn.Module]) -> nn.Sequential:
    """The layers of each stage, one after the other; ``model.c3`` is the stage C3."""
    named = {
        name: parts[0] if len(parts) == 1 else nn.Sequential(*parts)
        for name, parts in stages.items()
    }
    return nn.Sequential(OrderedDict(named))


def lenet_1989() -> nn.Sequential:
    """Postal codes: N x 1 x 16 x 16 from 0 (paper) to 1 (ink) -> N x 10, -1.7159 to 1.7159.

    It has 9,760 parameters and is to be trained with squared errors.
    """
    return _stages(
        scale=[Scale(-1, 1)],
        h1=[ConvByTable([[0]] * 12, 5, 2, 2, fill=-1, places=(8, 8)), ScaledTanh()],
        h2=[ConvByTable(H2_TABLE, 5, 2, 2, fill=-1, places=(4, 4)), ScaledTanh()],
        h3=[nn.Flatten(), _full(12 * 4 * 4, 30), ScaledTanh()],
        output=[_full(30, 10), ScaledTanh()],
    )


def lenet_1998(table: Table = C3_TABLE) -> nn.Sequential:
    """LeNet-5: N x 1 x 32 x 32 from 0 (paper) to 1 (ink) -> N x 10, 0 or less.

    The scores are minus the squared distances to the codes of ``CODES``. With the published
    ``table`` of C3 there are 60,000 parameters.
    """
    return _stages(
        scale=[Scale(-0.1, 1.175)],  # so that mean and variance are about 0 and 1
        c1=[ConvByTable([[0]] * 6, 5), ScaledTanh()],
        s2=[Subsampling(6), ScaledTanh()],
        c3=[ConvByTable(table, 5, inputs=6), ScaledTanh()],
        s4=[Subsampling(16), ScaledTanh()],
        c5=[ConvByTable(full_table(16, 120), 5), ScaledTanh()],
        f6=[nn.Flatten(), _full(120, 84), ScaledTanh()],
        output=[RBF(CODES)],
    )
