"""The command ``cv-course``: each command is a function of this module.

A command's options are its function's arguments (those behind the ``*``), its help is the
function's docstring: a line, a paragraph, and a line ``name METAVAR: …`` for each argument.
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code (0 good, 1 failed, 2 wrong use)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a code page of Windows may have no ✓
            stream.reconfigure(errors="replace")
    given = vars(_parser().parse_args(argv))
    command = given.pop("command")
    try:
        return command(**given) or 0
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except (OSError, RuntimeError, ValueError) as problem:
        print(f"cv-course: {problem}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cv-course", description="A workbook of experiments: how machines recognise images."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (run, html, doctor, train, preview, release, grade, gradescope, bench):
        _add(commands, command)
    return parser


def _add(commands, command: Callable) -> None:
    """A subparser with the function's arguments."""
    text = inspect.getdoc(command) or ""
    about = {
        name: (metavar, words)
        for name, metavar, words in re.findall(r"^(\w+)(?: (\S+))?: (.+)", text, flags=re.M)
    }
    line, *rest = text.split("\n\n")
    told = " ".join(rest[0].split()) if len(rest) > bool(about) else None
    sub = commands.add_parser(command.__name__, help=line[0].lower() + line[1:-1], description=told)
    sub.set_defaults(command=command)
    for name, argument in inspect.signature(command).parameters.items():
        metavar, words = about[name]
        kind, default = argument.annotation, argument.default
        settings: dict = {"help": words.replace("%", "%%")}
        if kind is bool:
            sub.add_argument(f"--{name}", action="store_true", **settings)
            continue
        if get_origin(kind) is Literal:
            settings["choices"] = get_args(kind)
        else:
            settings["type"] = (*get_args(kind), kind)[0]  # of Path | None and Sequence[Path]: Path
            settings["metavar"] = metavar or None
        if argument.kind is not argument.KEYWORD_ONLY:
            many = {"nargs": "*" if default == () else "+"} if get_origin(kind) else {}
            sub.add_argument(name, **settings | many)
            continue
        missing = default is inspect.Parameter.empty
        settings |= {"required": True} if missing else {"default": default}
        sub.add_argument(f"--{name.replace('_', '-')}", **settings)


def run(
    names: Sequence[str] = (),
    *,
    all: bool = False,
    save: bool = False,
    out: Path = Path("executed"),
    timeout: int = 600,
) -> int:
    """Execute notebooks from top to bottom, without a browser.

    Execute notebooks and report seconds, peak memory and result. Stops at the first cell that
    fails and shows it. The executed copies are kept.

    names NAME: 03, 03_classification… or a file
    all: every notebook, in order
    save: for authors: rebuild the committed notebooks from notebooks/text, with outputs
    out: folder of the copies (executed)
    timeout S: seconds a cell may take (600)
    """
    from cv_course import notebooks

    return notebooks.run(notebooks.find(names, all), save=save, out=out, timeout=timeout)


def html(names: Sequence[str] = (), *, all: bool = False, out: Path = Path("html")) -> None:
    """Make web pages of executed notebooks.

    Write a page for each notebook as it is, with its outputs: it needs no network, its interactives
    can be stepped through without a kernel, and its links lead to the other pages.

    names NAME: 03, 03_classification… or a file
    all: every notebook
    out: folder of the pages (html)
    """
    from cv_course import notebooks

    print(*notebooks.pages(notebooks.find(names, all), out), sep="\n")


def doctor() -> int:
    """Say what is present on this computer, and how to get what is missing."""
    from cv_course import doctor

    return doctor.report()


def train(
    *,
    model: Literal["linear", "conv-flatten", "conv-max", "conv-average"] = "conv-flatten",
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

    On one computer with two processes: torchrun --nproc-per-node 2 -m cv_course train --model
    conv-flatten --checkpoint run.pt

    model: which network
    full: all 60,000 images, not the mini set
    epochs: how often each image is seen (3)
    batch_size: images a step, of all processes together (128)
    lr: the highest learning rate (0.1)
    seed: draws weights and order (0)
    device: cpu, cuda …; default: the fastest that is present
    checkpoint: file, written after every epoch
    resume: go on from --checkpoint
    """
    import torch
    import torch.distributed as dist

    from cv_course import data, training

    try:
        with training.distributed():
            # the first process of each computer may have to fetch the files; the others then find
            first = int(os.environ.get("LOCAL_RANK", 0)) == 0
            if not first:
                dist.barrier()
            pictures = data.fashion_mnist(full)
            if first and dist.is_initialized():
                dist.barrier()
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
    except training.ProcessLost as problem:
        if checkpoint is None:
            raise
        raise training.ProcessLost(
            f"{problem} {checkpoint} holds the last whole epoch: start the same command with "
            "--resume, in as many processes as you like."
        ) from problem
    except (training.TrainingError, ValueError):  # the same in every process: one may say it
        if int(os.environ.get("RANK", 0)) == 0:
            raise
        return 1
    return 130 if history.interrupted else 0


def _network(name: str):
    if name == "linear":
        from cv_course.networks.small import Linear

        return Linear((1, 28, 28), 10)
    from cv_course.networks.small import SmallConv

    return SmallConv(head=name.removeprefix("conv-"))


def preview(file: Path, *, assignment: str | None = None, timeout: float | None = None) -> int:
    """Before handing in: what the grader will see in a notebook.

    Run an assignment's notebook from a clean start as the grader does, and say what the grader
    will see.

    file FILE.ipynb: the notebook
    assignment A1: where the file's name does not say
    timeout S: seconds (180; A4 300)
    """
    from cv_course.grading import preview

    return preview.report(file, assignment, timeout)


def release(names: Sequence[str] = (), *, all: bool = False, out: Path) -> None:
    """For instructors: write the students' edition, without solutions.

    names A1: assignments
    all: every assignment
    out: folder of the students' edition
    """
    from cv_course.checks.assignments import ASSIGNMENTS

    if not (names or all):
        raise ValueError(f"which assignment? Name {', '.join(ASSIGNMENTS)}, or give --all.")
    _for_instructors("release").release(list(ASSIGNMENTS) if all else names, out)


def grade(
    assignment: str,
    submissions: Sequence[Path],
    *,
    out: Path,
    seed: int = 0,
    jobs: int = 1,
    dask: str | None = None,
    timeout: float | None = None,
    unsafe: bool = False,
    pattern: str | None = None,
    marks: Path | None = None,
) -> int:
    """For instructors: grade a class's notebooks.

    Grade what a class has handed in: results, gradebooks, feedback and pages of free-text answers
    to mark. The same command goes on where it was stopped, and takes in the marks that were written
    into DIR/marking meanwhile.

    assignment A1: which
    submissions SUBMISSIONS: folder, notebooks, or the zip that Canvas, Moodle or Gradescope gives
    out DIR: folder of the results
    seed: draws the hidden inputs (0)
    jobs N: processes (1); -1: all
    dask ADDRESS: a running Dask cluster, as tcp://…
    timeout S: seconds a submission has (180; A4 300)
    unsafe: grade without a sandbox: submissions can do to this computer what you can
    pattern REGEX: for other file names: group 'student', and 'id' for the platform's number
    marks FILE: CSV of marks for free text
    """
    return _for_instructors("gradebook").run(
        assignment,
        submissions,
        out,
        seed=seed,
        jobs=jobs,
        dask=dask,
        timeout=timeout,
        unsafe=unsafe,
        pattern=pattern,
        marks_file=marks,
    )


def gradescope(
    assignment: str, *, out: Path = Path("autograder.zip"), seed: int = 0, unsafe: bool = False
) -> None:
    """For instructors: write an autograder to upload to Gradescope.

    assignment A1: which
    out: the file (autograder.zip)
    seed: draws the hidden inputs (0)
    unsafe: grade also where there is no sandbox
    """
    _for_instructors("gradescope").build(assignment, out, seed, unsafe)


def _for_instructors(name: str):
    """A module of the grader's, which may not be here or need what is not installed."""
    try:
        return importlib.import_module(f"cv_course.grading.{name}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("cv_course"):
            raise ValueError("this is the students' edition, which cannot do that.") from None
        raise ValueError(f"{missing}; first: pip install 'cv-course[grade]'.") from None


def bench(names: Sequence[str] = (), *, rounds: int = 5, out: Path = Path("bench")) -> int:
    """For maintainers: how fast the workbook is beside its peers, in one run.

    Run the benchmarks of tests/benchmarks, print a table, write JSON and a figure. Needs a checkout
    and the peers: pip install -e '.[bench]'.

    names NAME: training, loop, … (all)
    rounds: samples of each (5)
    out: folder (bench)
    """
    from cv_course import notebooks

    # the benchmarks belong to the checkout, not to the installed package
    sys.path.insert(0, str(notebooks.notebooks_folder().parent / "tests" / "benchmarks"))
    import bench

    return bench.run(names, rounds, out)
