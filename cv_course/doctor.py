"""Say in plain words what is present on this computer, and how to get what is missing."""

import importlib.util
import platform
import shutil
import sys

import cv_course  # the modules load when they are named, and what they need may lack

Finding = tuple[bool, str]  # whether it is good, and what was found


def report() -> int:
    """Print one line for each thing; the exit code is 1 if something that is needed lacks."""
    lacking = 0
    for thing, needed, examine, remedy in _THINGS:
        try:
            good, found = examine()
        except Exception as problem:
            good, found = False, f"could not be examined: {type(problem).__name__}: {problem}"
            needed, remedy = True, "pip install --force-reinstall cv-course"
        lacking += needed and not good
        print(f"{'✓' if good else '✗' if needed else '–'} {thing:12} {found}")
        if not good:
            print(f"  {'':12} → {remedy}")
    print(
        "\nSomething needed is missing; the arrows say how to get it."
        if lacking
        else "\nThe workbook will run. Lines with – are optional."
    )
    return int(lacking > 0)


def _python() -> Finding:
    version = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return sys.version_info >= (3, 11), version


def _torch() -> Finding:
    if not importlib.util.find_spec("torch"):
        return False, "is not installed"
    import torch

    training = cv_course.training
    device = training.choose_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    low = training.precision(torch.nn.Conv2d(1, 1, 3), device)[0]
    number, threads = "bfloat16" if low else "float32", torch.get_num_threads()
    return True, f"{torch.__version__}, trains on {name} in {number}, {threads} threads"


def _mini() -> Finding:
    try:
        train, test = (len(labels) for _, labels in cv_course.files.read().values())
    except cv_course.files.DataError as problem:
        return False, str(problem)
    return True, f"mini Fashion-MNIST is whole ({train:,} + {test:,} images)"


def _full() -> Finding:
    if folder := cv_course.files.full_folder():
        return True, f"Fashion-MNIST with 70,000 images, in {folder}"
    return False, "the 70,000 images are not here; the mini set serves all sections"


def _lab() -> Finding:
    tools = ("jupyterlab", "jupytext", "nbclient", "nbval", "latex2mathml")
    lacking = [name for name in tools if not importlib.util.find_spec(name)]
    if lacking:
        return False, f"lacks {', '.join(lacking)}"
    return True, "JupyterLab, jupytext and nbval are here"


def _hangul() -> Finding:
    found = cv_course.plots.hangul_font()
    return bool(found), f"{found or 'none'} for Hangul in figures"


def _sandbox() -> Finding:
    found = shutil.which("bwrap")
    return bool(found), f"{found or 'no bubblewrap'} to shut in submissions"


_DEBIAN = "Debian and Ubuntu: apt install"
_THINGS = (  # name, needed to run at all, what examines it, what to do where it lacks
    ("Python", True, _python, "Install Python 3.11 or newer."),
    ("torch", True, _torch, "pip install torch"),
    ("data", True, _mini, "See above."),
    ("full data", False, _full, "fashion_mnist(full=True) downloads them (30 MB)."),
    ("notebooks", False, _lab, "pip install 'cv-course[lab]' (Colab needs none of them)"),
    ("Korean font", False, _hangul, f"{_DEBIAN} fonts-noto-cjk"),
    ("sandbox", False, _sandbox, f"Only instructors need it, on Linux. {_DEBIAN} bubblewrap"),
)
