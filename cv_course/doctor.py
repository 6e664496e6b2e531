"""Say in plain words what is present on this computer, and how to get what is missing."""

import importlib.util
import platform
import shutil

import cv_course  # the modules load when they are named, and what they need may lack


def report() -> int:
    """Print one line for each thing; the exit code is 1 if something that is needed lacks."""
    lacking = 0
    for thing, needed, examine, remedy in _THINGS:
        try:
            found, absent = examine(), "is not here"
        except Exception as problem:
            found, absent, needed = None, f"{type(problem).__name__}: {problem}", True
        print(f"{'✓' if found else '✗' if needed else '–'} {thing:12} {found or absent}")
        if not found:
            print(f"  {'':12} → {remedy}")
            lacking += needed
    print(
        "\nSomething needed is missing; the arrows say how to get it."
        if lacking
        else "\nThe workbook will run. Lines with – are optional."
    )
    return int(lacking > 0)


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _torch() -> str:
    import torch

    training = cv_course.training
    device = training.choose_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    low = training.precision(torch.nn.Conv2d(1, 1, 3), device)[0]
    number, threads = "bfloat16" if low else "float32", torch.get_num_threads()
    return f"{torch.__version__}, trains on {name} in {number}, {threads} threads"


def _mini() -> str:
    train, test = (len(labels) for _, labels in cv_course.files.read().values())
    return f"mini Fashion-MNIST is whole ({train:,} + {test:,} images)"


def _full():
    return cv_course.files.full_folder()


def _lab() -> str:
    tools = ("jupyterlab", "jupytext", "nbclient", "nbval", "latex2mathml")
    return ", ".join(tools) if all(map(importlib.util.find_spec, tools)) else ""


def _sandbox() -> str | None:
    return shutil.which("bwrap")


_THINGS = (  # name, needed to run at all, what says what is found, what to do where nothing is
    ("Python", True, _python, "Install Python 3.11 or newer."),
    ("torch", True, _torch, "pip install --force-reinstall torch"),
    ("data", True, _mini, "pip install --force-reinstall --no-deps cv-course"),
    ("full data", False, _full, "The mini set serves all. fashion_mnist(full=True): 30 MB."),
    ("notebooks", False, _lab, "pip install 'cv-course[lab]' (Colab needs none of them)"),
    ("sandbox", False, _sandbox, "For instructors, on Linux. Debian: apt install bubblewrap"),
)
