"""Data sets as whole tensors; used by every section.

A :class:`Dataset` holds two :class:`Split`\\ s. A split is two tensors and nothing else: ``images``
(N x C x H x W, ``uint8``) and ``labels`` (N, ``int64``). A mini-batch is an index into them, so no
section needs a loader, and training is not kept waiting by one.

The embedded mini Fashion-MNIST is rebuilt from the real files by ``python -m cv_course.data``.
"""

import gzip
import hashlib
import io
import os
import shutil
import zlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch

FASHION_CLASSES = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

_MINI = "fashion_mini.png"
_MINI_TRAIN, _MINI_TEST = 1000, 200  # images a class
_MINI_COLUMNS = 100  # images a row of the mosaic
_SHA256 = {
    _MINI: "5894988f09b7b5b10d68cac1aa38621833b24d3eaa4cdc515b866e90e8d14be3",
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist


class DataError(RuntimeError):
    """A data file is missing, truncated or altered; the message says which and what to do."""


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
    return _full_fashion() if full else _mini_fashion()


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


def photos() -> dict[str, torch.Tensor]:
    """Photographs that come with scikit-image: name -> 3 x H x W, ``uint8``.

    ``astronaut`` and ``rocket`` are NASA's (public domain), ``cat`` and ``coffee`` CC0.
    """
    from skimage import data as pictures

    found = {
        "astronaut": pictures.astronaut(),
        "cat": pictures.chelsea(),
        "coffee": pictures.coffee(),
        "rocket": pictures.rocket(),
    }
    return {
        name: torch.from_numpy(photo.copy()).permute(2, 0, 1).contiguous()
        for name, photo in found.items()
    }


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


def full_is_here() -> bool:
    """Whether ``fashion_mnist(full=True)`` finds its files on this computer."""
    raw = data_folder() / "FashionMNIST" / "raw"
    return DEBIAN.is_dir() or all((raw / name).exists() for name in _SHA256 if name != _MINI)


def as_float(images: torch.Tensor) -> torch.Tensor:
    """``uint8`` 0…255 to ``float32`` 0…1, any shape; floating-point images pass unchanged."""
    return images if images.is_floating_point() else images.float().div_(255)


def data_folder() -> Path:
    """Where downloaded data sets live: ``$CV_COURSE_DATA``, else ``~/.cache/cv_course``."""
    return Path(os.environ.get("CV_COURSE_DATA") or Path.home() / ".cache" / "cv_course")


def _verify(content: bytes, name: str, where, remedy: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[name]:
        raise DataError(
            f"{where} is damaged: expected SHA-256 {_SHA256[name]}, "
            f"found {found} ({len(content):,} bytes). {remedy}"
        )
    return content


def _mini_fashion() -> Dataset:
    from PIL import Image

    file = resources.files("cv_course") / "_data" / _MINI
    remedy = "Install the package again: pip install --force-reinstall --no-deps cv-course."
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise DataError(f"{file} cannot be read ({problem}). {remedy}") from problem
    mosaic = np.asarray(Image.open(io.BytesIO(_verify(content, _MINI, file, remedy))))
    tiles = mosaic.reshape(-1, 28, _MINI_COLUMNS, 28).swapaxes(1, 2).reshape(10, -1, 28, 28)

    def split(tiles: np.ndarray) -> Split:
        in_turn = np.ascontiguousarray(tiles.swapaxes(0, 1)).reshape(-1, 1, 28, 28)
        return Split(torch.from_numpy(in_turn), torch.arange(len(in_turn)) % 10)

    return Dataset(split(tiles[:, :_MINI_TRAIN]), split(tiles[:, _MINI_TRAIN:]), FASHION_CLASSES)


def _full_fashion() -> Dataset:
    from torchvision.datasets import FashionMNIST

    root = data_folder()
    raw = root / "FashionMNIST" / "raw"
    names = [name for name in _SHA256 if name != _MINI]
    if DEBIAN.is_dir() and not all((raw / name).exists() for name in names):
        raw.mkdir(parents=True, exist_ok=True)
        for name in names:
            _unpack(DEBIAN / f"{name}.gz", raw / name)
    if not all((raw / name).exists() for name in names):
        try:
            FashionMNIST(str(root), download=True)
        except Exception as problem:
            raise DataError(
                f"Fashion-MNIST is not in {raw} and could not be downloaded ({problem}). Connect "
                "to the internet, or on Debian and Ubuntu: apt install dataset-fashion-mnist, "
                "or go on with the mini set: fashion_mnist()."
            ) from problem
    for name in names:
        _verify(
            (raw / name).read_bytes(),
            name,
            raw / name,
            f"Delete {raw} and call fashion_mnist(full=True) again to fetch it anew.",
        )

    def split(train: bool) -> Split:
        loaded = FashionMNIST(str(root), train=train, download=False)
        return Split(loaded.data.unsqueeze(1), loaded.targets.long())

    return Dataset(split(True), split(False), FASHION_CLASSES)


def _unpack(source: Path, target: Path) -> None:
    """Write ``target`` in one piece or not at all: half a file would count as there."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with gzip.open(source) as packed, open(part, "wb") as file:
            shutil.copyfileobj(packed, file)
        part.replace(target)
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(
            f"{source} could not be unpacked into {target.parent} ({problem}). If the disk is not "
            "full, the package is damaged: apt install --reinstall dataset-fashion-mnist."
        ) from problem
    finally:
        part.unlink(missing_ok=True)


def _write_mini() -> None:
    """Write the embedded set from the real files: a mosaic, one class after the other."""
    from PIL import Image

    full = _full_fashion()
    tiles = torch.stack(
        [
            torch.cat(
                [
                    split.images[split.labels == label][:count, 0]
                    for split, count in ((full.train, _MINI_TRAIN), (full.test, _MINI_TEST))
                ]
            )
            for label in range(10)
        ]
    )
    mosaic = tiles.reshape(-1, _MINI_COLUMNS, 28, 28).swapaxes(1, 2).reshape(-1, _MINI_COLUMNS * 28)
    target = Path(__file__).parent / "_data" / _MINI
    Image.fromarray(mosaic.numpy()).save(target, optimize=True)
    print(target.name, hashlib.sha256(target.read_bytes()).hexdigest())


if __name__ == "__main__":
    _write_mini()
