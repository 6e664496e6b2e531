"""Data sets as whole tensors; used by every section.

A :class:`Dataset` holds two :class:`Split`\\ s. A split is two tensors and nothing else: ``images``
(N x C x H x W, ``uint8``) and ``labels`` (N, ``int64``). A mini-batch is an index into them, so no
section needs a loader, and training is not kept waiting by one.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cv_course import files
from cv_course.files import DEBIAN, DataError, data_folder  # noqa: F401

FASHION_CLASSES = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


class Parts:
    """Tensors with a row for each of some images; an index takes the same rows of them all."""

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index):
        if isinstance(index, int):
            name = type(self).__name__.lower()
            raise TypeError(
                f"{name}[{index}] would be one picture without its batch axis; "
                f"use {name}[[{index}]], a slice, or {name}.images[{index}]."
            )
        return type(self)(*(part[index] for part in vars(self).values()))


@dataclass(frozen=True)
class Split(Parts):
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
        wanted = {"images": (torch.uint8, 4), "labels": (torch.int64, 1)}
        shapes = {"images": "(N, channels, height, width)", "labels": "(N,)"}
        for name, value in vars(self).items():
            found = type(value).__name__
            if isinstance(value, torch.Tensor):
                if (value.dtype, value.ndim) == wanted[name]:
                    continue
                found = f"{value.dtype} of shape {tuple(value.shape)}"
            raise ValueError(
                f"{name}: expected a tensor of {wanted[name][0]} and shape {shapes[name]}, got "
                f"{found}; try {_remedy(name, value)}"
            )
        if len(self.images) != len(self.labels):
            raise ValueError(
                f"one label an image: got {len(self.images)} images, {len(self.labels)} labels."
            )


def _remedy(name: str, value) -> str:
    """What makes images or labels for a split of ``value``, perhaps in two steps."""
    if not isinstance(value, torch.Tensor):
        return f"torch.tensor(np.array({name}))"  # of a list, and of an array that was turned
    if name == "labels":
        if value.shape[1:].numel() == 1:
            return "labels.long()" if value.ndim == 1 else "labels.flatten().long()"
        return "labels.argmax(1), of one-hot rows"
    if value.dtype != torch.uint8:
        unit = value.dtype == torch.bool or (value.is_floating_point() and not (value > 1).any())
        return "(images * 255).round().byte(), of 0 to 1" if unit else "images.round().byte()"
    if value.ndim == 3:
        return "images.unsqueeze(1), of grey images"
    return "images.view(len(images), channels, height, width)"


@dataclass(frozen=True)
class Dataset:
    """A training split, a test split and the names of the classes (label c is ``classes[c]``)."""

    train: Split
    test: Split
    classes: tuple[str, ...]

    def only(self, *names: str) -> "Dataset":
        """The images of some classes, numbered anew in the order given.

        Raises:
            ValueError: no such class.
        """
        if unknown := [name for name in names if name not in self.classes]:
            raise ValueError(f"no class {unknown[0]!r}; the classes are {', '.join(self.classes)}.")
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
        for part, (images, labels) in files.read(full).items()
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
    from PIL import Image
    from skimage import data as pictures

    found = {}
    for name in ("astronaut", "camera", "cat", "coffee", "rocket"):
        pixels = getattr(pictures, "chelsea" if name == "cat" else name)()  # the cat's own name
        whole = photo(Image.fromarray(pixels))
        found[name] = fitted(whole, side, side) if side else whole
    return found


def photo(source, longest: int = 1024) -> torch.Tensor:
    """A photograph of your own: 3 x H x W, ``uint8``.

    Args:
        source: a file's path; its content as bytes or ``BytesIO``; a PIL image; or what Colab's
            ``files.upload()`` or the ``value`` of ipywidgets' ``FileUpload`` gives (of several
            files the first). Any format that Pillow can read: turned upright as the camera noted,
            made RGB, transparent parts white, 16 bits brought to 0…255, of several frames the
            first.
        longest: larger pictures are made smaller until no side exceeds so many pixels.

    Raises:
        ValueError: no such file, or not a picture.
    """
    from PIL import Image, ImageOps

    while isinstance(source, dict | tuple | list) and source:  # uploads
        parts = source if isinstance(source, dict) else dict(enumerate(source))
        source = parts.get("content", next(iter(parts.values())))
    name = f"what was given ({type(source).__name__})"
    try:
        if isinstance(source, str | os.PathLike):
            name = source = Path(source).expanduser()
        elif isinstance(source, bytes | bytearray | memoryview):
            source = io.BytesIO(source)
        picture = source if isinstance(source, Image.Image) else Image.open(source)
        picture = _as_rgb(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise ValueError(f"there is no file {name}; give a photograph's path or bytes.") from None
    except Exception as problem:  # each format has its own
        raise ValueError(
            f"{name} is not a picture that can be read. A path, bytes, an upload or a PIL image "
            "can, of a JPEG, PNG, WebP, GIF, BMP or TIFF; save it as one of them."
        ) from problem
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)  # never enlarges
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def _as_rgb(picture):
    """A PIL image of any mode as RGB: 16 bits scaled, transparency laid on white."""
    from PIL import Image

    if picture.mode[0] in "IF":  # 16 bits, or floats of any scale
        grey = np.nan_to_num(np.asarray(picture, dtype=float))
        sixteen = picture.mode.startswith("I;16") or grey.max() > 255
        grey *= 1 / 257 if sixteen else 255 if grey.max() <= 1 else 1
        picture = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")


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
