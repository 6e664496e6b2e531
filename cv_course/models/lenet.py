"""LeNet three times: postal codes (1989), cheques (1998), and the form of today (section 07).

Sources: LeCun et al., Backpropagation applied to handwritten zip code recognition, *Neural
Computation* 1, 1989 (below: "1989"); LeCun, Bottou, Bengio, Haffner, Gradient-based learning
applied to document recognition, *Proc. IEEE* 86, 1998 ("1998"). Layers bear the papers' names, so
``model.c3`` is C3.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float

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


def as_matrix(table: Table, inputs: int) -> torch.Tensor:
    """The table as numbers: outputs x inputs, 1 where two maps are joined and 0 elsewhere."""
    matrix = torch.zeros(len(table), inputs, dtype=torch.int64)
    for to, row in enumerate(table):
        matrix[to, list(row)] = 1
    return matrix


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3): goes through (1, 1) and (-1, -1), the targets, and bends most near them
    [1998, appendix A]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Scale(nn.Module):
    """From the course's pixels, 0 (paper) to 1 (ink), to the papers' ``low`` to ``high``."""

    def __init__(self, low: float, high: float):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.low + (self.high - self.low) * images

    def extra_repr(self) -> str:
        return f"{self.low:g}, {self.high:g}"


class ConvByTable(nn.Module):
    """A convolution in which each output map looks only at some of the input maps.

    It holds exactly the kernels that exist, ``weight`` (pairs in the table, k, k). To compute, they
    are laid into an otherwise empty weight of ``nn.Conv2d``: fewer numbers to learn, but today's
    libraries multiply by the zeros, too.

    Args:
        table: for each output map the numbers of its input maps.
        kernel_size, stride, padding: as in ``nn.Conv2d``, in pixels.
        fill: what lies beyond the border (1989: the background, -1).
        places: (H', W') for a bias at each place ("unshared", 1989); None: one bias a map.
        inputs: how many input maps there are; by default as many as the table needs.

    Raises:
        ValueError: an empty table or row, a map twice in a row, or one that is not there.
    """

    def __init__(
        self,
        table: Table,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        fill: float = 0.0,
        places: tuple[int, int] | None = None,
        inputs: int | None = None,
    ):
        super().__init__()
        if not table or any(not row or len(set(row)) < len(row) for row in table):
            raise ValueError(
                "the table needs one row an output map, each with one or more different input "
                f"maps; got {[list(row) for row in table]}."
            )
        self.in_channels = inputs or 1 + max(map(max, table))
        if min(map(min, table)) < 0 or max(map(max, table)) >= self.in_channels:
            raise ValueError(
                f"the table may name input maps 0 to {self.in_channels - 1}; it names "
                f"{sorted({i for row in table for i in row})}. Count them from 0."
            )
        self.table = tuple(map(tuple, table))
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

    def extra_repr(self) -> str:
        biases = "at each place" if self.places else "for each map"
        return (
            f"{self.in_channels}, {self.out_channels}, {self.weight.shape[0]} kernels of "
            f"{self.kernel_size}x{self.kernel_size}, stride={self.stride}, a bias {biases}"
        )


class Subsampling(nn.Module):
    """The sum of each 2 x 2 block, times one coefficient a map, plus one bias a map [1998, S2, S4].

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

    def extra_repr(self) -> str:
        return f"{len(self.bias)} maps"


class RBF(nn.Module):
    """Scores: minus the squared distance between the state of F6 and the code of each class [1998].

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

    def extra_repr(self) -> str:
        return f"{len(self.codes)} fixed codes of {self.codes.shape[1]}"


def _full(inputs: int, outputs: int) -> nn.Linear:
    """A fully connected layer that starts as the papers say."""
    layer = nn.Linear(inputs, outputs)
    nn.init.uniform_(layer.weight, -2.4 / inputs, 2.4 / inputs)
    nn.init.zeros_(layer.bias)
    return layer


def lenet(
    variant: str = "modern",
    *,
    table: Table = C3_TABLE,
    activation: Callable[[], nn.Module] = nn.ReLU,
    pooling: Callable[[int], nn.Module] = nn.MaxPool2d,
    classes: int = 10,
) -> nn.Sequential:
    """One of the three networks; all take N x 1 x H x W from 0 (paper) to 1 (ink).

    Args:
        variant: ``"1989"``: 16 x 16 pixels, 9,760 parameters, scores -1.7159 to 1.7159, to be
            trained with :func:`fit_squares`. ``"1998"``: LeNet-5, 32 x 32 pixels, 60,000
            parameters, scores are minus the squared distances to the codes of ``CODES``.
            ``"modern"``: 32 x 32 pixels, ordinary layers only, 61,706 parameters.
        table: of C3, in ``"1998"`` only.
        activation, pooling, classes: in ``"modern"`` only; for example ``nn.Tanh`` and
            ``nn.AvgPool2d``.

    Raises:
        ValueError: no such variant.
    """
    if variant == "1989":
        return _stages(
            scale=[Scale(-1, 1)],
            h1=[ConvByTable([[0]] * 12, 5, 2, 2, fill=-1, places=(8, 8)), ScaledTanh()],
            h2=[ConvByTable(H2_TABLE, 5, 2, 2, fill=-1, places=(4, 4)), ScaledTanh()],
            h3=[nn.Flatten(), _full(12 * 4 * 4, 30), ScaledTanh()],
            output=[_full(30, 10), ScaledTanh()],
        )
    if variant == "1998":
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
    if variant == "modern":
        return _stages(
            c1=[nn.Conv2d(1, 6, 5), activation()],
            s2=[pooling(2)],
            c3=[nn.Conv2d(6, 16, 5), activation()],
            s4=[pooling(2)],
            c5=[nn.Flatten(), nn.Linear(16 * 5 * 5, 120), activation()],
            f6=[nn.Linear(120, 84), activation()],
            output=[nn.Linear(84, classes)],
        )
    raise ValueError(f'variant must be "1989", "1998" or "modern", got {variant!r}.')


def _stages(**stages: list[nn.Module]) -> nn.Sequential:
    named = {
        name: parts[0] if len(parts) == 1 else nn.Sequential(*parts)
        for name, parts in stages.items()
    }
    return nn.Sequential(OrderedDict(named))


def activations(model: nn.Sequential, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What each stage makes of N x 1 x H x W images: name -> its output, without gradients."""
    found, state = {}, as_float(images)
    with torch.no_grad():
        for name, stage in model.named_children():
            found[name] = state = stage(state)
    return found


def connections(model: nn.Sequential, image_shape: tuple[int, int, int]) -> dict[str, int]:
    """How many connections each stage has, counted as the papers count: stage -> number.

    Every unit has one connection for each number it multiplies and one for its bias; a weight that
    is used at a hundred places makes a hundred connections.

    Args:
        image_shape: (C, H, W) that the model takes.

    Raises:
        ValueError: a layer with parameters that is none of LeNet's.
    """
    device = next(model.parameters()).device
    maps, found = torch.zeros(1, *image_shape, device=device), {}
    for name, stage in model.named_children():
        found[name] = 0
        for layer in stage if isinstance(stage, nn.Sequential) else [stage]:
            with torch.no_grad():
                maps = layer(maps)
            found[name] += _connections(layer, maps[0])
    return {name: count for name, count in found.items() if count}


def _connections(layer: nn.Module, output: torch.Tensor) -> int:
    places = math.prod(output.shape[1:])  # 1 for a list of units
    if isinstance(layer, ConvByTable):
        return places * (layer.weight.numel() + layer.out_channels)
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return places * (layer.weight.numel() + layer.weight.shape[0])
    if isinstance(layer, Subsampling):
        return output.numel() * (2 * 2 + 1)
    if isinstance(layer, RBF):
        return layer.codes.numel()  # compared, without a bias
    if any(True for _ in layer.parameters()):
        raise ValueError(f"no rule to count the connections of {type(layer).__name__}.")
    return 0


def fit_squares(
    model: nn.Module, train: Split, epochs: int, lr: float = 0.02, batch: int = 8, seed: int = 0
) -> nn.Module:
    """Train as in 1989: the squared error between the ten outputs and +1 for the right, -1 for
    each wrong class, by plain stochastic gradient descent.

    Args:
        train: images that the model takes.
        batch: images a step; the paper takes 1, a few together are faster here.
        seed: of the order.
    """
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    targets = 2.0 * F.one_hot(train.labels, 10) - 1
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for some in torch.randperm(len(train), generator=order).split(batch):
            error = (model(as_float(train.images[some])) - targets[some]).square().sum(1).mean()
            gradients = torch.autograd.grad(error, learned)
            with torch.no_grad():
                for parameter, gradient in zip(learned, gradients, strict=True):
                    parameter -= lr * gradient
    return model


def in_field(images: torch.Tensor, digit: int, field: int) -> torch.Tensor:
    """Enlarge pictures and put them into the middle of a larger, empty field.

    Args:
        images: N x 1 x 8 x 8, ``uint8``.
        digit: the new side of the pictures (1989: 16, 1998: 20), bilinear.
        field: the side of the result (1989: 16, 1998: 32).

    Raises:
        ValueError: the margin would be negative, or not the same on both sides.
    """
    margin, odd = divmod(field - digit, 2)
    if margin < 0 or odd:
        raise ValueError(
            f"a digit of {digit} pixels needs the same margin on both sides of the field; "
            f"got a field of {field}. Choose {digit}, {digit + 2}, …"
        )
    large = F.interpolate(images.float(), (digit, digit), mode="bilinear", align_corners=False)
    return F.pad(large.round().to(images.dtype), [margin] * 4)


_BITMAPS = """
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...#...  ..###..  ..###..  .....#.  ######.  ...###.  #######  ..###..  ..###..
.##.##.  ..##...  .##.##.  .#...#.  ....##.  #......  ..##...  .....##  .#...#.  .#...#.
##...##  .###...  #....##  .....##  ...###.  #......  .##....  .....#.  #.....#  #.....#
#.....#  ...#...  .....##  .....#.  ..##.#.  #......  ##.....  ....##.  #.....#  #.....#
#.....#  ...#...  ....##.  ..###..  .##..#.  #####..  #####..  ....#..  .#...#.  #....##
#.....#  ...#...  ...##..  .....#.  ##...#.  ....##.  ##..##.  ...##..  ..###..  .######
#.....#  ...#...  ..##...  .....##  #######  .....##  #....##  ...#...  .##.##.  ...####
##...##  ...#...  .##....  .....##  .....#.  .....##  #.....#  ..##...  #.....#  .....##
.##.##.  ...#...  ##.....  .#...#.  .....#.  #...##.  ##...##  ..#....  ##...##  ....##.
..###..  .#####.  #######  ..###..  .....#.  .####..  .#####.  .##....  .#####.  .###...
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""
_LETTERS = """
.......  ..##...  .#####.  .......  .#####.  #######
.#####.  ...#...  ...#...  .......  ##...##  #......
##...##  ...#...  ...#...  .......  #.....#  #......
#.....#  ...#...  ...#...  .......  #......  #......
#.....#  ...#...  ...#...  ..###..  ##.....  #......
#.....#  ...#...  ...#...  .##.##.  .####..  #####..
#.....#  ...#...  ...#...  #.....#  ....##.  #......
#.....#  ...#...  ...#...  #.....#  .....##  #......
#.....#  ...#...  ...#...  #.....#  ......#  #......
##...##  ...#...  ...#...  .##.##.  ##...##  #......
.#####.  ..###..  .#####.  ..###..  .#####.  #......
.......  .......  .......  .......  .......  #......
"""


def _read_bitmaps(drawing: str) -> torch.Tensor:
    """Characters side by side, 12 lines of 7 signs each -> K x 84, ink 1 and paper -1."""
    lines = [line.split() for line in drawing.split("\n") if line.strip()]
    signs = [[[1.0 if sign == "#" else -1.0 for sign in word] for word in line] for line in lines]
    return torch.tensor(signs).transpose(0, 1).flatten(1)


# The papers' bitmaps were not published as numbers; these were drawn for this course.
CODES = _read_bitmaps(_BITMAPS)  # 10 x 84: the digits
LETTER_CODES = dict(zip("OlIoSF", _read_bitmaps(_LETTERS), strict=True))  # not used in training
