"""The command ``cv-course``: each command is a function, whose signature says its options.

An argument behind the ``*`` is an option; the help is the function's docstring. A function's module
is imported when its command is given.
"""

import argparse
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args, get_origin

COMMANDS = {  # module, function, help
    "run": ("notebooks", "run", "execute notebooks from top to bottom, without a browser"),
    "html": ("site.pages", "html", "make web pages of executed notebooks"),
    "site": ("site.book", "build", "build the website: all notebooks as a book"),
    "doctor": ("doctor", "report", "say what this computer has, and how to get what is missing"),
    "train": ("cli", "train", "train a model on Fashion-MNIST, also under torchrun"),
    "preview": ("assignments.preview", "report", "before handing in: what the grader will see"),
    "release": ("grading.release", "release", "for instructors: write the students' edition"),
    "grade": ("grading.run", "run", "for instructors: grade a class's notebooks"),
    "gradescope": ("grading.gradescope", "build", "for instructors: write an autograder to upload"),
    "bench": ("cli", "bench", "for maintainers: how fast the workbook is beside its peers"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code (0 good, 1 failed, 2 wrong use)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a code page of Windows may have no ✓
            stream.reconfigure(errors="replace")
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="cv-course", description="A workbook of experiments: how machines recognise images."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    parsers = {name: commands.add_parser(name, help=line) for name, (*_, line) in COMMANDS.items()}
    try:
        command = _function(argv[0]) if argv and argv[0] in COMMANDS else None
        if command:
            _take_arguments(parsers[argv[0]], command)
        return command(**vars(parser.parse_args(argv))) or 0
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except (OSError, RuntimeError, ValueError) as problem:
        print(f"cv-course: {problem}", file=sys.stderr)
        return 1


def _function(name: str) -> Callable:
    """A command's function; its module may not be here, or need what is not installed."""
    module, function, _ = COMMANDS[name]
    try:
        return getattr(importlib.import_module(f"cv_course.{module}"), function)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("cv_course"):
            raise ValueError("this is the students' edition, which cannot do that.") from None
        raise ValueError(f"{missing}; first: pip install 'cv-course[grade]'.") from None


def _path(text: str) -> Path:
    return Path(text).expanduser()  # a shell leaves the ~ of --out=~/x


def _take_arguments(parser: argparse.ArgumentParser, command: Callable) -> None:
    """Let a command's parser take the arguments of its function."""
    about, _, rest = inspect.getdoc(command).partition("\n\nArgs:\n")
    parser.description = " ".join(about.split())
    told = dict(re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", rest.partition("\n\n")[0], flags=re.M))
    for name, argument in inspect.signature(command).parameters.items():
        kind, default = argument.annotation, argument.default
        words = " ".join(told[name].split()).replace("%", "%%")
        option = f"--{name.replace('_', '-')}"
        if kind is bool:
            parser.add_argument(option, action="store_true", help=words)
            continue
        plain = (*get_args(kind), kind)[0]  # of Path | None: Path
        settings: dict = {"type": _path if plain is Path else plain}
        if get_origin(kind) is Literal:
            settings = {"choices": get_args(kind)}
        if argument.kind is not argument.KEYWORD_ONLY:
            if get_origin(kind) is Sequence:
                settings["nargs"] = "*" if default == () else "+"
            parser.add_argument(name, help=words, **settings)
            continue
        if required := default is argument.empty:
            default = None
        words += "" if default is None else f" ({default})"
        parser.add_argument(option, help=words, required=required, default=default, **settings)


def train(
    *,
    model: Literal["linear", "lenet"] = "lenet",
    full: bool = False,
    epochs: int = 3,
    batch_size: int = 128,
    lr: float = 0.1,
    seed: int = 0,
    device: str | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> int:
    """Train a model on Fashion-MNIST, also in several processes under torchrun.

    On one computer with two processes: torchrun --nproc-per-node 2 -m cv_course train --checkpoint
    run.pt

    Args:
        model: which network.
        full: all 60,000 images, not the mini set.
        epochs: how often each image is seen.
        batch_size: images a step, of all processes together.
        lr: the highest learning rate.
        seed: draws weights and order.
        device: cpu, cuda …; without it the fastest that is present.
        checkpoint: file, written after every epoch.
        resume: go on from the checkpoint.
    """
    import torch

    from cv_course import data, scale, training

    if full and os.environ.get("LOCAL_RANK") == "0":
        data.fashion_mnist(full)  # one may have to fetch the files; the others wait for it below
    with scale.distributed():
        pictures = data.fashion_mnist(full)
        torch.manual_seed(seed)
        history = training.fit(
            _network(model),
            pictures.train,
            pictures.test,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            seed=seed,
            device=device,
            checkpoint=checkpoint,
            resume=resume,
        )
    return 130 if history.interrupted else 0


def _network(name: str):
    from torch import nn

    from cv_course.networks.lenet import lenet

    if name == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
    return nn.Sequential(nn.ZeroPad2d(2), lenet())


def bench(names: Sequence[str] = (), *, rounds: int = 5, out: Path = Path("bench")) -> int:
    """Run the benchmarks of tests/benchmarks, print a table, write JSON and a figure.

    Needs a checkout and the peers: pip install -e '.[bench]'.

    Args:
        names: training, loop, …; without a name all.
        rounds: samples of each.
        out: folder.
    """
    from cv_course import notebooks

    # the benchmarks belong to the checkout, not to the installed package
    sys.path.insert(0, str(notebooks.notebooks_folder().parent / "tests" / "benchmarks"))
    import bench

    return bench.run(names, rounds, out)
