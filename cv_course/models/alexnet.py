"""AlexNet as published, in one stream, and as torchvision has it; its normalisation (section 08).

Source: A. Krizhevsky, I. Sutskever, G. E. Hinton. ImageNet classification with deep convolutional
neural networks. NIPS 2012; § numbers in this file are those of the paper.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import nn

VARIANTS = ("two_towers", "single", "torchvision")
HEADS = ("flatten", "average")
NORMS = ("none", "lrn", "batch")


class _SumOfNeighbours(torch.autograd.Function):
    """N x G x C x H x W: for each channel the sum over those at most ``reach`` away in its group.

    Whoever is my neighbour has me as a neighbour, so the gradient is the very same sum. Autograd
    would find that too, by way of many large tensors of zeros.
    """

    @staticmethod
    def forward(ctx, parts: torch.Tensor, reach: int) -> torch.Tensor:
        ctx.reach = reach
        total = parts.clone()
        for away in range(1, min(reach, parts.shape[2] - 1) + 1):
            total[:, :, away:].add_(parts[:, :, :-away])
            total[:, :, :-away].add_(parts[:, :, away:])
        return total

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        return _SumOfNeighbours.apply(gradient, ctx.reach), None


class ResponseNorm(nn.Module):
    r"""Local response normalisation, across channels, by the formula of §3.3.

    .. math:: b_i = a_i \Big/ \Big(k + \alpha \sum_{|j-i| \le n/2} a_j^2\Big)^{\beta}

    Each place of the image is treated by itself; the sum runs over ``n`` neighbouring channels,
    fewer at the first and last channel. PyTorch's ``LocalResponseNorm`` divides alpha by n, so that
    the paper's layer is ``nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)`` there.

    Args:
        n: how many channels, an odd number.
        alpha, beta, k: as in the formula.
        groups: how many parts of the channels are normalised each by itself. With 2, the towers of
            AlexNet stay apart; with 1, the channels at the seam look over to the other tower.

    Raises:
        ValueError: an even n, or channels that do not divide into the groups.
    """

    def __init__(
        self, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0, groups: int = 1
    ):
        super().__init__()
        if n < 1 or n % 2 == 0:
            raise ValueError(f"n must be odd, so that the channel is in the middle; got n={n}.")
        self.n, self.alpha, self.beta, self.k, self.groups = n, alpha, beta, k, groups

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N x C x H x W -> the same shape."""
        count, channels, height, width = maps.shape
        if channels % self.groups:
            raise ValueError(f"{channels} channels do not divide into {self.groups} groups.")
        squares = maps.square().view(count, self.groups, -1, height, width)
        sums = _SumOfNeighbours.apply(squares, self.n // 2).view_as(maps)
        return maps * (self.k + self.alpha * sums) ** -self.beta

    def extra_repr(self) -> str:
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}, groups={self.groups}"


class AlexNet(nn.Module):
    """Five convolutional layers and a head; see :func:`alexnet` for what the arguments mean."""

    def __init__(self, variant: str = "two_towers", classes: int = 1000, head: str = "flatten"):
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}; got {variant!r}.")
        if head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}; got {head!r}.")
        self.variant, self.head = variant, head
        self.features = _features(variant)
        self.vectorise = nn.Sequential(*_vectorise(variant, head))
        self.classifier = nn.Sequential(*_classifier(variant, head, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x 3 x 227 x 227 (torchvision's: 224 x 224) -> N x classes scores."""
        maps = self.features(images)
        vectors = self.vectorise(maps)
        expected = next(layer for layer in self.classifier if isinstance(layer, nn.Linear))
        if vectors.shape[1] != expected.in_features:
            raise ValueError(
                f"images of {images.shape[-2]} x {images.shape[-1]} leave maps "
                f"{' x '.join(map(str, maps.shape[1:]))} and so {vectors.shape[1]:,} numbers, but "
                f"the first full layer takes {expected.in_features:,}. Give it images of 227 x "
                '227, or take head="average", which takes any size.'
            )
        return self.classifier(vectors)


def alexnet(variant: str = "two_towers", classes: int = 1000, head: str = "flatten") -> AlexNet:
    """AlexNet, with random weights.

    Args:
        variant: ``"two_towers"`` as published: the convolutions 2, 4 and 5 read one half of the
            channels each (§3.5), local response normalisation, images of 227 x 227 (§3.5 says 224,
            with which its arithmetic does not work out). ``"single"``: the same with every
            convolution reading all channels and without the normalisation. ``"torchvision"``: the
            narrower single stream of Krizhevsky 2014 (arXiv:1404.5997) for 224 x 224; exchanges
            its ``state_dict`` with ``torchvision.models.alexnet``.
        classes: how many scores.
        head: ``"flatten"`` lists all 256·6·6 numbers and has three full layers, with dropout;
            ``"average"`` takes the mean of each channel, and one full layer.

    Images are centred by the caller (§2: minus the mean image of the training set).

    Raises:
        ValueError: another variant or head.

    >>> with torch.device("meta"):  # shapes without memory
    ...     sum(p.numel() for p in alexnet().parameters())
    60965224
    """
    return AlexNet(variant, classes, head)


def convolutions(
    groups: Sequence[int] = (1, 2, 1, 2, 2),
    norm_groups: int = 2,
    widths: Sequence[int] = (96, 256, 384, 384, 256),
    padding: int = 0,
    inplace: bool = True,
) -> nn.Sequential:
    """The five convolutional layers (§3.5), with other towers than published for experiments.

    ReLU follows each, normalisation the first and second, pooling the first, second and fifth.

    Args:
        groups: of each convolution; 2 keeps the halves of the channels apart.
        norm_groups: see :class:`ResponseNorm`; 0 leaves the normalisation out.
        widths: how many kernels.
        padding: of the first convolution.
        inplace: whether ReLU overwrites its input.
    """
    shapes = ((11, 4, padding), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))  # kernel, stride, pad
    channels, layers = 3, []
    for number, (width, shape, group) in enumerate(
        zip(widths, shapes, groups, strict=True), start=1
    ):
        layers += [nn.Conv2d(channels, width, *shape, groups=group), nn.ReLU(inplace)]
        if number <= 2 and norm_groups:
            layers.append(ResponseNorm(groups=norm_groups))
        if number in (1, 2, 5):
            layers.append(nn.MaxPool2d(kernel_size=3, stride=2))  # windows overlap (§3.4)
        channels = width
    return nn.Sequential(*layers)


def _features(variant: str) -> nn.Sequential:
    if variant == "two_towers":
        return convolutions()
    if variant == "single":
        return convolutions(groups=[1] * 5, norm_groups=0)
    return convolutions([1] * 5, 0, widths=(64, 192, 384, 256, 256), padding=2)


@torch.no_grad()
def changes(
    features: nn.Sequential, images: torch.Tensor, tower: str = "B", seed: int = 0
) -> dict[str, torch.Tensor]:
    """Disturb one half of the first layer's maps and see what changes in the layers behind it.

    Args:
        features: as :func:`convolutions` makes them.
        images: N x 3 x H x W.
        tower: ``"A"``, the first half of the channels, or ``"B"``, the second.

    Returns:
        ``conv1`` … ``conv5`` -> (C,), by how much any element of a channel differs at most.

    Raises:
        ValueError: another tower.
    """
    if tower not in ("A", "B"):
        raise ValueError(f"tower must be A or B; got {tower!r}.")
    noise, found, disturbed = torch.Generator().manual_seed(seed), {}, None
    plain = images
    for layer in features:
        plain = layer(plain)
        if disturbed is not None:
            disturbed = layer(disturbed)
        elif isinstance(layer, nn.ReLU):  # behind the first convolution
            disturbed = plain.clone()
            half = disturbed.chunk(2, 1)["AB".index(tower)]
            half += torch.rand(half.shape, generator=noise)
        if isinstance(layer, nn.ReLU):
            found[f"conv{len(found) + 1}"] = (disturbed - plain).abs().amax((0, 2, 3))
    return found


def _vectorise(variant: str, head: str) -> Iterator[nn.Module]:
    if head == "average":
        yield nn.AdaptiveAvgPool2d(1)
    elif variant == "torchvision":
        yield nn.AdaptiveAvgPool2d(6)  # changes nothing for 224 x 224
    yield nn.Flatten()


def _classifier(variant: str, head: str, classes: int) -> list[nn.Module]:
    if head == "average":
        return [nn.Linear(256, classes)]
    fc6, fc7 = nn.Linear(256 * 6 * 6, 4096), nn.Linear(4096, 4096)
    last = nn.Linear(4096, classes)
    if variant == "torchvision":  # drops the inputs of the two hidden layers
        return [nn.Dropout(), fc6, nn.ReLU(True), nn.Dropout(), fc7, nn.ReLU(True), last]
    # §4.2: the outputs of the hidden neurons
    return [fc6, nn.ReLU(True), nn.Dropout(), fc7, nn.ReLU(True), nn.Dropout(), last]


def small_alexnet(
    norm: str = "none", image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10
) -> nn.Sequential:
    """AlexNet's recipe in little, for 28 x 28 images; learns in seconds.

    A 5 x 5 convolution with stride 2, two of 3 x 3, overlapping pooling behind the first two.

    Args:
        norm: ``"none"``, ``"lrn"`` (after the ReLU, §3.3) or ``"batch"`` (before it, as Ioffe &
            Szegedy 2015 do), at the first two convolutions.
        image_shape: (C, H, W), H and W at least 13.
        classes: how many scores.

    Raises:
        ValueError: another norm, or images that are too small.
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {norm!r}.")
    channels, *sides = image_shape
    if min(sides) < 13:
        raise ValueError(f"the images must be at least 13 x 13 pixels, got {tuple(sides)}.")
    layers: list[nn.Module] = []
    for number, (maps, kernel, stride) in enumerate(((24, 5, 2), (48, 3, 1), (48, 3, 1))):
        layers.append(nn.Conv2d(channels, maps, kernel, stride, kernel // 2))
        if norm == "batch" and number < 2:
            layers.append(nn.BatchNorm2d(maps))
        layers.append(nn.ReLU())
        if norm == "lrn" and number < 2:
            layers.append(ResponseNorm())
        if number < 2:
            layers.append(nn.MaxPool2d(3, 2))
            sides = [((side - 1) // stride + 1 - 3) // 2 + 1 for side in sides]
        channels = maps
    places = sides[0] * sides[1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * places, classes))


ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}


def gradient_sizes(
    activation: str, depth: int = 16, fitted: bool = True, width: int = 64, seed: int = 0
) -> list[float]:
    """How strongly an error pulls at the weights of each layer of a deep network before training.

    Full layers of equal width, an output layer, random vectors with random labels.

    Args:
        activation: ``"sigmoid"``, ``"tanh"`` or ``"ReLU"``.
        fitted: first weights made for the activation (ReLU: He et al. 2015; others: Glorot &
            Bengio 2010) and biases 0; else PyTorch's default.

    Returns:
        For each hidden layer, first to last, the norm of the mean cross-entropy's gradient.

    Raises:
        ValueError: another activation.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}.")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(width, width) for _ in range(depth)]
        for layer in layers if fitted else ():
            first = nn.init.kaiming_normal_ if activation == "ReLU" else nn.init.xavier_normal_
            first(layer.weight, **({"nonlinearity": "relu"} if activation == "ReLU" else {}))
            nn.init.zeros_(layer.bias)
        x, last, labels = torch.randn(256, width), nn.Linear(width, 10), torch.randint(10, (256,))
    for layer in layers:
        x = ACTIVATIONS[activation]()(layer(x))
    F.cross_entropy(last(x), labels).backward()
    return [layer.weight.grad.norm().item() for layer in layers]


def pretrained() -> "AlexNet | None":
    """The "torchvision" form as trained on ImageNet; without a network None, and it says why.

    The weights (244 MB) are fetched once and kept by torch. torchvision's ``AlexNet_Weights``
    says what the scores stand for and how images are prepared.
    """
    from torchvision.models import get_model_weights  # takes seconds

    try:
        state = get_model_weights("alexnet").DEFAULT.get_state_dict(progress=False)
    except OSError as problem:  # no network, no such host, no room
        print(
            f"The trained weights are not here and could not be fetched ({problem}); go on without."
        )
        return None
    with torch.device("meta"):
        model = alexnet("torchvision")
    model.load_state_dict(state, assign=True)
    return model.eval()
