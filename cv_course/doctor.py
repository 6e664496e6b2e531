"""Say in plain words what is present on this computer, and how to get what is missing."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Finding:
    """One thing: ``good`` or not, what was found, and what to do; ``needed`` to run at all."""

    thing: str
    good: bool
    found: str
    remedy: str = ""
    needed: bool = False


def report() -> int:
    """Print one line for each thing; the exit code is 1 if something that is needed lacks."""
    lacking = 0
    for examine in (_python, _torch, _mini, _full, _lab, _browser, _hangul, _sandbox):
        finding = _safely(examine)
        lacking += finding.needed and not finding.good
        sign = "✓" if finding.good else "✗" if finding.needed else "–"
        print(f"{sign} {finding.thing:12} {finding.found}")
        if not finding.good:
            print(f"  {'':12} → {finding.remedy}")
    print(
        "\nSomething needed is missing; the arrows say how to get it."
        if lacking
        else "\nThe workbook will run. Lines with – are optional."
    )
    return int(lacking > 0)


def _safely(examine: Callable[[], Finding]) -> Finding:
    try:
        return examine()
    except Exception as problem:
        return Finding(
            examine.__name__.strip("_"),
            False,
            f"could not be examined: {type(problem).__name__}: {problem}",
            "Install the package again: pip install --force-reinstall cv-course",
            needed=True,
        )


def _python() -> Finding:
    return Finding(
        "Python",
        sys.version_info >= (3, 11),
        f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "Install Python 3.11 or newer.",
        needed=True,
    )


def _torch() -> Finding:
    if not importlib.util.find_spec("torch"):
        return Finding("torch", False, "is not installed", "pip install torch", needed=True)
    import torch

    from cv_course import training

    device = training.choose_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    network = torch.nn.Conv2d(1, 1, 3)
    number = "bfloat16" if training.precision(network, device)[0] else "float32"
    found = f"{torch.__version__}, trains on {name} in {number}, {torch.get_num_threads()} threads"
    return Finding("torch", True, found)


def _mini() -> Finding:
    from cv_course import data

    try:
        mini = data.fashion_mnist()
    except data.DataError as problem:
        return Finding("data", False, str(problem), "See above.", needed=True)
    found = f"mini Fashion-MNIST is whole ({len(mini.train):,} + {len(mini.test):,} images)"
    return Finding("data", True, found)


def _full() -> Finding:
    from cv_course import data

    raw = data.data_folder() / "FashionMNIST" / "raw"
    return Finding(
        "full data",
        raw.is_dir() or data.DEBIAN.is_dir(),
        f"Fashion-MNIST with 70,000 images, in {raw if raw.is_dir() else data.DEBIAN}"
        if raw.is_dir() or data.DEBIAN.is_dir()
        else "the 70,000 images are not here; the mini set serves all sections",
        "fashion_mnist(full=True) downloads them (30 MB).",
    )


def _lab() -> Finding:
    lacking = [
        name
        for name in ("jupyterlab", "jupytext", "nbclient", "nbval")
        if not importlib.util.find_spec(name)
    ]
    return Finding(
        "notebooks",
        not lacking,
        f"lacks {', '.join(lacking)}" if lacking else "JupyterLab, jupytext and nbval are here",
        "pip install 'cv-course[lab]' (Colab needs none of them)",
    )


def _browser() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    return Finding(
        "browser",
        found is not None,
        f"{found} can test the pages" if found else "no Chromium for the browser tests",
        "Debian and Ubuntu: apt install chromium",
    )


def _hangul() -> Finding:
    from cv_course import figures

    return Finding(
        "Korean font",
        figures.hangul_font() is not None,
        f"{figures.hangul_font() or 'none'} for Hangul in figures",
        "Debian and Ubuntu: apt install fonts-noto-cjk",
    )


def _sandbox() -> Finding:
    found = shutil.which("bwrap")
    return Finding(
        "sandbox",
        found is not None,
        f"{found} can shut in submissions" if found else "no bubblewrap to shut in submissions",
        "Only instructors need it. Debian and Ubuntu: apt install bubblewrap"
        if os.name == "posix"
        else "Only instructors need it, on Linux.",
    )
