"""The files of Fashion-MNIST, read as arrays; :mod:`cv_course.data` makes tensors of them.

No torch: grading needs none.
"""

import gzip
import hashlib
import io
import os
import zlib
from importlib import resources
from pathlib import Path

import numpy as np

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]

MINI = "fashion_mini.png"
_MINI_TRAIN, _MINI_TEST = 1000, 200  # images a class
_MINI_COLUMNS = 100  # images a row of the mosaic
_SHA256 = {
    MINI: "5894988f09b7b5b10d68cac1aa38621833b24d3eaa4cdc515b866e90e8d14be3",
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_FULL = [name for name in _SHA256 if name != MINI]
_WITHOUT_TEST = "bf2329e785e982d34a88540ceb1b70188ca34c7add51f4bd26de04680068b18f"  # see there
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist


class DataError(RuntimeError):
    """A data file is missing, truncated or altered; the message says which and what to do."""


def read(full: bool = False) -> Arrays:
    """``train`` and ``test``: images (N x 1 x 28 x 28, ``uint8``) and labels (N, ``int64``).

    Args:
        full: all 70,000 images, downloaded where they are not on this computer; else the mini set.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is truncated or altered.
    """
    return _full() if full else _mini()


def full_folder() -> Path | None:
    """Where all 70,000 images lie on this computer, if they do."""
    raw = _raw()
    if all((raw / name).exists() for name in _FULL):
        return raw
    return DEBIAN if DEBIAN.is_dir() else None


def data_folder() -> Path:
    """Where downloaded data sets live: ``$CV_COURSE_DATA``, else ``~/.cache/cv_course``."""
    return Path(os.environ.get("CV_COURSE_DATA") or "~/.cache/cv_course").expanduser()


def without_test() -> bytes:
    """The mini set's file with training images in place of the test images; their classes fit.

    For where the labels of the test images must not be known. :func:`read` takes it for whole.
    """
    tiles = _tiles().copy()
    tiles[:, _MINI_TRAIN:] = tiles[:, :_MINI_TEST]
    mosaic = tiles.reshape(-1, _MINI_COLUMNS, 28, 28).swapaxes(1, 2)
    width = _MINI_COLUMNS * 28
    header = b"P5 %d %d 255\n" % (width, mosaic.size // width)
    return header + mosaic.tobytes()  # equal bytes on every computer


def _mini() -> Arrays:
    in_turn = np.ascontiguousarray(_tiles().swapaxes(0, 1)).reshape(-1, 1, 28, 28)
    labels = np.arange(len(in_turn)) % 10
    first = 10 * _MINI_TRAIN
    return {"train": (in_turn[:first], labels[:first]), "test": (in_turn[first:], labels[first:])}


def _tiles() -> np.ndarray:
    """The images of the mini set's mosaic: class x number x 28 x 28."""
    from PIL import Image

    file = resources.files("cv_course") / "_data" / MINI
    remedy = "Install the package again: pip install --force-reinstall --no-deps cv-course."
    content = verified(file, remedy, _SHA256[MINI], _WITHOUT_TEST)
    mosaic = np.asarray(Image.open(io.BytesIO(content)))
    tiles = mosaic.reshape(-1, 28, _MINI_COLUMNS, 28).swapaxes(1, 2)
    return tiles.reshape(10, -1, 28, 28)


def _full() -> Arrays:
    folder = full_folder() or _download()
    ending, remedy = "", f"Delete {folder} and call fashion_mnist(full=True) again."
    if folder == DEBIAN:
        ending = ".gz"
        remedy = "Install the package again: apt install --reinstall dataset-fashion-mnist."
    arrays = {}
    for part, name in (("train", "train"), ("test", "t10k")):
        names = (f"{name}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
        images, labels = (
            np.frombuffer(verified(folder / f"{one}{ending}", remedy, _SHA256[one]), np.uint8)
            for one in names
        )  # behind 16 and 8 bytes that say how many there are
        arrays[part] = images[16:].reshape(-1, 1, 28, 28).copy(), labels[8:].astype(np.int64)
    return arrays


def _raw() -> Path:
    return data_folder() / "FashionMNIST" / "raw"


def _download() -> Path:
    from torchvision.datasets import FashionMNIST

    try:
        FashionMNIST(str(data_folder()), download=True)
    except Exception as problem:
        raise DataError(
            f"Fashion-MNIST is not in {_raw()} and could not be downloaded ({problem}). Connect "
            "to the internet, or on Debian and Ubuntu: apt install dataset-fashion-mnist, "
            "or go on with the mini set: fashion_mnist()."
        ) from problem
    return _raw()


def verified(file, remedy: str, *expected: str) -> bytes:
    """The content of a file, unpacked, if it is the one that is expected.

    Args:
        file: a path, or what ``importlib.resources`` gives.
        remedy: what to do if it is another.
        expected: the SHA-256 of the content; or several, one of which it has.

    Raises:
        DataError: the file cannot be read, or is truncated or altered.
    """
    try:
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{file} cannot be read ({problem}). {remedy}") from problem
    found = hashlib.sha256(content).hexdigest()
    if found not in expected:
        raise DataError(
            f"{file} is damaged: expected SHA-256 {expected[0]}, "
            f"found {found} ({len(content):,} bytes). {remedy}"
        )
    return content
