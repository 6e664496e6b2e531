"""Data sets as whole tensors; used by every section.

A :class:`Dataset` holds two :class:`Split`\\ s. A split is two tensors and nothing else: ``images``
(N x C x H x W, ``uint8``) and ``labels`` (N, ``int64``). A mini-batch is an index into them, so no
section needs a loader, and training is not kept waiting by one.
"""

import io
import os
from dataclasses import dataclass

import numpy as np
import torch

from cv_course import fashion
from cv_course.fashion import DEBIAN, DataError, data_folder, full_is_here

__all__ = [
    "DEBIAN",
    "FASHION_CLASSES",
    "DataError",
    "Dataset",
    "Split",
    "as_float",
    "data_folder",
    "digits",
    "fashion_mnist",
    "fitted",
    "full_is_here",
    "photo",
    "photos",
]

FASHION_CLASSES = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    Args:
        images: N x C x H x W, ``uint8`` (0 to 255).
        labels: N, ``int64``.

    ``split[index]`` is a smaller split; ``index`` may be a slice, a mask or a tensor of positions.

    Raises:
        ValueError: if shapes or types are others than these.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self):
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != torch.uint8:
            raise ValueError(
                "images: expected a uint8 tensor of shape (N, channels, height, width), got "
                f"{images.dtype} of shape {tuple(images.shape)}. For one grey image per row, "
                "insert the channel axis: images.unsqueeze(1)."
            )
        if labels.ndim != 1 or labels.dtype != torch.int64:
            raise ValueError(
                f"labels: expected an int64 tensor of shape (N,), got {labels.dtype} of shape "
                f"{tuple(labels.shape)}. Class numbers, not one-hot rows: labels.argmax(1)."
            )
        if len(images) != len(labels):
            raise ValueError(
                f"as many labels as images are needed, got {len(images)} images and "
                f"{len(labels)} labels."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> "Split":
        if isinstance(index, int):
            raise TypeError(
                f"split[{index}] would be one image without its batch axis; "
                f"use split.images[{index}] and split.labels[{index}], or a slice."
            )
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """A training split, a test split and the names of the classes (label c is ``classes[c]``)."""

    train: Split
    test: Split
    classes: tuple[str, ...]

    def only(self, *names: str) -> "Dataset":
        """The images of some classes, numbered anew in the order given.

        Raises:
            ValueError: no such class, or one twice.
        """
        if unknown := [name for name in names if name not in self.classes]:
            raise ValueError(f"no class {unknown[0]!r}; the classes are {', '.join(self.classes)}.")
        if len(set(names)) < len(names):
            raise ValueError(f"each class once, please; got {', '.join(names)}.")
        new = torch.full((len(self.classes),), -1)
        new[[self.classes.index(name) for name in names]] = torch.arange(len(names))

        def pick(split: Split) -> Split:
            labels = new[split.labels]
            return Split(split.images[labels >= 0], labels[labels >= 0])

        return Dataset(pick(self.train), pick(self.test), names)


def fashion_mnist(full: bool = False) -> Dataset:
    """Fashion-MNIST [Xiao, Rasul & Vollgraf 2017; MIT licence]: 28 x 28 grey pictures of clothes.

    By default the mini set that comes with the package: the first 1,000 training and 200 test
    images of each class, real and unaltered, the classes taken in turn, so that the first N
    images are balanced for every N. ``full=True`` gives all 60,000 + 10,000 through torchvision;
    they are looked for on this computer first (``$CV_COURSE_DATA``, else ``~/.cache/cv_course``,
    then Debian's package ``dataset-fashion-mnist``) and downloaded otherwise (30 MB).

    Raises:
        DataError: a file is missing and cannot be downloaded, or is truncated or altered.
    """
    splits = {
        part: Split(torch.from_numpy(images), torch.from_numpy(labels))
        for part, (images, labels) in fashion.read(full).items()
    }
    return Dataset(**splits, classes=FASHION_CLASSES)


def digits() -> Dataset:
    """Handwritten digits, 8 x 8 [UCI; from scikit-learn]: 1,438 to train on, 359 to test.

    A fifth of each class is for testing. The source has 17 grey levels (0 to 16); here they are
    spread over 0 to 255.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = torch.from_numpy((raw.images * (255 / 16)).round().astype(np.uint8)).unsqueeze(1)
    everything = Split(images, torch.from_numpy(raw.target.astype(np.int64)))
    test = torch.zeros(len(everything), dtype=torch.bool)
    test[everything.labels.argsort(stable=True)[4::5]] = True  # a fifth of each class
    return Dataset(everything[~test], everything[test], tuple("0123456789"))


def photos(side: int | None = None) -> dict[str, torch.Tensor]:
    """Photographs that come with scikit-image: name -> 3 x H x W, ``uint8``.

    ``astronaut`` and ``rocket`` are NASA's (public domain), ``cat``, ``coffee`` and ``camera`` CC0.
    ``camera`` is grey: its three channels are the same. With ``side`` the middle of each, ``side``
    pixels high and wide (see :func:`fitted`).
    """
    from skimage import data as pictures

    found = {
        "astronaut": pictures.astronaut(),
        "camera": np.stack([pictures.camera()] * 3, axis=-1),
        "cat": pictures.chelsea(),
        "coffee": pictures.coffee(),
        "rocket": pictures.rocket(),
    }
    whole = {
        name: torch.from_numpy(photo.copy()).permute(2, 0, 1).contiguous()
        for name, photo in found.items()
    }
    return {name: fitted(one, side, side) for name, one in whole.items()} if side else whole


def photo(source, longest: int = 1024) -> torch.Tensor:
    """A photograph of your own: 3 x H x W, ``uint8``.

    Args:
        source: a file's path, or its content as bytes (what an upload gives). Any format that
            Pillow can read; turned upright as the camera noted, made RGB, of several frames the
            first.
        longest: larger pictures are made smaller until no side exceeds so many pixels.

    Raises:
        ValueError: no such file, or not a picture.
    """
    from PIL import Image, ImageOps

    is_path = isinstance(source, str | os.PathLike)
    name = os.fspath(source) if is_path else f"what was given ({len(source):,} bytes)"
    try:
        with Image.open(source if is_path else io.BytesIO(source)) as picture:
            picture = ImageOps.exif_transpose(picture).convert("RGB")
            picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)  # never enlarges
    except FileNotFoundError:
        raise ValueError(f"there is no file {name}; give a photograph's path or bytes.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise ValueError(
            f"{name} is not a picture that can be read ({problem}). JPEG, PNG, WebP, GIF, BMP and "
            "TIFF can; save it as one of them."
        ) from problem
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def fitted(photo: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The middle of a picture (C x H x W, ``uint8``), brought to ``height`` x ``width`` pixels.

    As large a part as has the right proportions is kept, and its pixels are averaged or
    interpolated, so that nothing is squeezed.
    """
    tall, wide = photo.shape[1:]
    scale = min(tall / height, wide / width)
    kept = [max(1, round(scale * side)) for side in (height, width)]
    top, left = (tall - kept[0]) // 2, (wide - kept[1]) // 2
    part = photo[None, :, top : top + kept[0], left : left + kept[1]].float()
    small = torch.nn.functional.interpolate(
        part, (height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return small[0].round().clamp(0, 255).to(torch.uint8)


def as_float(images: torch.Tensor) -> torch.Tensor:
    """``uint8`` 0…255 to ``float32`` 0…1, any shape; floating-point images pass unchanged."""
    return images if images.is_floating_point() else images.float().div_(255)
