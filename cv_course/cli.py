"""The command ``cv-course``; every subcommand imports what it needs when it is called."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code (0 good, 1 failed, 2 wrong use)."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
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

    run = commands.add_parser(
        "run",
        help="execute notebooks from top to bottom, without a browser",
        description="Execute notebooks and report seconds, peak memory and result. Stops at the "
        "first cell that fails and shows it. The executed copies are kept.",
    )
    run.add_argument("names", nargs="*", metavar="NAME", help="03, 03_classification… or a file")
    run.add_argument("--all", action="store_true", help="every notebook, in order")
    run.add_argument(
        "--save",
        action="store_true",
        help="for authors: rebuild the committed notebooks from notebooks/text, with outputs",
    )
    run.add_argument(
        "--out", type=Path, default=Path("executed"), help="folder of the copies (executed)"
    )
    run.add_argument(
        "--timeout", type=int, default=600, metavar="S", help="seconds a cell may take (600)"
    )
    run.set_defaults(command=_run)

    html = commands.add_parser(
        "html",
        help="make web pages of executed notebooks",
        description="Write a page for each notebook as it is, with its outputs: its interactives "
        "can be stepped through without a kernel, and its links lead to the other pages.",
    )
    html.add_argument("names", nargs="*", metavar="NAME", help="03, 03_classification… or a file")
    html.add_argument("--all", action="store_true", help="every notebook")
    html.add_argument("--out", type=Path, default=Path("html"), help="folder of the pages (html)")
    html.set_defaults(command=_html)

    doctor = commands.add_parser(
        "doctor", help="say what is present on this computer, and how to get what is missing"
    )
    doctor.set_defaults(command=_doctor)

    train = commands.add_parser(
        "train",
        help="train a model on Fashion-MNIST, also in several processes under torchrun",
        description="On one computer with two processes: torchrun --nproc-per-node 2 -m cv_course "
        "train --model conv-flatten --checkpoint run.pt",
    )
    train.add_argument(
        "--model",
        default="conv-flatten",
        choices=("linear", "conv-flatten", "conv-max", "conv-average"),
    )
    train.add_argument("--full", action="store_true", help="all 60,000 images, not the mini set")
    train.add_argument("--epochs", type=int, default=3)
    train.add_argument("--batch-size", type=int, default=128)
    train.add_argument("--lr", type=float, default=0.1)
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--device", help="cpu, cuda …; default: the fastest that is present")
    train.add_argument("--checkpoint", type=Path, help="file, written after every epoch")
    train.add_argument("--resume", action="store_true", help="go on from --checkpoint")
    train.set_defaults(command=_train)

    _assignments(commands)

    bench = commands.add_parser(
        "bench",
        help="for maintainers: how fast the workbook is beside its peers, in one run",
        description="Run the benchmarks of tests/benchmarks, print a table, write JSON and a "
        "figure. Needs a checkout and the peers: pip install -e '.[bench]'.",
    )
    bench.add_argument("names", nargs="*", metavar="NAME", help="training, loop, … (all)")
    bench.add_argument("--rounds", type=int, default=5, help="samples of each (5)")
    bench.add_argument("--out", type=Path, default=Path("bench"), help="folder (bench)")
    bench.set_defaults(command=_bench)
    return parser


def _assignments(commands) -> None:
    """What students and instructors do with assignments."""
    preview = commands.add_parser(
        "preview",
        help="before handing in: what the grader will see in a notebook",
        description="Run an assignment's notebook from a clean start as the grader does, and say "
        "what the grader will see.",
    )
    preview.add_argument("file", type=Path, metavar="FILE.ipynb")
    preview.add_argument("--assignment", metavar="A1", help="where the file's name does not say")
    preview.add_argument("--timeout", type=float, metavar="S", help="seconds (180; A4 300)")
    preview.set_defaults(command=_preview)

    release = commands.add_parser(
        "release",
        help="for instructors: write the students' edition, without solutions",
    )
    release.add_argument("names", nargs="*", metavar="A1", help="assignments")
    release.add_argument("--all", action="store_true", help="every assignment")
    release.add_argument("--out", type=Path, required=True, help="folder of the students' edition")
    release.set_defaults(command=_release)

    grade = commands.add_parser(
        "grade",
        help="for instructors: grade a class's notebooks",
        description="Grade what a class has handed in: results, gradebooks, feedback and pages of "
        "free-text answers to mark. The same command goes on where it was stopped, and takes in "
        "the marks that were written into DIR/marking meanwhile.",
    )
    grade.add_argument("assignment", metavar="A1")
    grade.add_argument(
        "submissions",
        nargs="+",
        type=Path,
        metavar="SUBMISSIONS",
        help="folder, notebooks, or the zip that Canvas, Moodle or Gradescope gives",
    )
    grade.add_argument("--out", type=Path, required=True, metavar="DIR")
    grade.add_argument("--seed", type=int, default=0, help="draws the hidden inputs (0)")
    grade.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (1); -1: all")
    grade.add_argument("--dask", metavar="ADDRESS", help="a running Dask cluster, as tcp://…")
    grade.add_argument(
        "--timeout", type=float, metavar="S", help="seconds a submission has (180; A4 300)"
    )
    grade.add_argument(
        "--unsafe",
        action="store_true",
        help="grade without a sandbox: submissions can do to this computer what you can",
    )
    grade.add_argument(
        "--pattern",
        metavar="REGEX",
        help="for other file names: group 'student', and 'id' for the platform's number",
    )
    grade.add_argument("--marks", type=Path, metavar="FILE", help="CSV of marks for free text")
    grade.set_defaults(command=_grade)

    gradescope = commands.add_parser(
        "gradescope", help="for instructors: write an autograder to upload to Gradescope"
    )
    gradescope.add_argument("assignment", metavar="A1")
    gradescope.add_argument("--out", type=Path, default=Path("autograder.zip"))
    gradescope.add_argument("--seed", type=int, default=0)
    gradescope.add_argument(
        "--unsafe", action="store_true", help="grade also where there is no sandbox"
    )
    gradescope.set_defaults(command=_gradescope)


def _run(arguments: argparse.Namespace) -> int:
    from cv_course import notebooks

    files = notebooks.find(arguments.names, arguments.all)
    return notebooks.run(files, save=arguments.save, out=arguments.out, timeout=arguments.timeout)


def _html(arguments: argparse.Namespace) -> int:
    from cv_course import notebooks

    for page in notebooks.pages(notebooks.find(arguments.names, arguments.all), arguments.out):
        print(page)
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from cv_course import doctor

    return doctor.report()


def _train(arguments: argparse.Namespace) -> int:
    from cv_course import cli_train

    options = {name: value for name, value in vars(arguments).items() if name != "command"}
    return cli_train.train_command(**options)


def _preview(arguments: argparse.Namespace) -> int:
    from cv_course.grading import preview

    return preview.report(arguments.file, arguments.assignment, arguments.timeout)


def _release(arguments: argparse.Namespace) -> int:
    from cv_course.checks.assignments import ASSIGNMENTS

    names = list(ASSIGNMENTS) if arguments.all else arguments.names
    if not names:
        raise ValueError(f"which assignment? Name {', '.join(ASSIGNMENTS)}, or give --all.")
    _for_instructors("release").release(names, arguments.out)
    return 0


def _grade(arguments: argparse.Namespace) -> int:
    options = {name: value for name, value in vars(arguments).items() if name != "command"}
    return _for_instructors("gradebook").run(
        options.pop("assignment"),
        options.pop("submissions"),
        options.pop("out"),
        marks_file=options.pop("marks"),
        **options,
    )


def _gradescope(arguments: argparse.Namespace) -> int:
    build = _for_instructors("gradescope").build
    build(arguments.assignment, arguments.out, arguments.seed, arguments.unsafe)
    return 0


def _for_instructors(name: str):
    """A module of the grader's, which may not be here or need what is not installed."""
    try:
        return importlib.import_module(f"cv_course.grading.{name}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("cv_course"):
            raise ValueError("this is the students' edition, which cannot do that.") from None
        raise ValueError(f"{missing}; first: pip install 'cv-course[grade]'.") from None


def _bench(arguments: argparse.Namespace) -> int:
    from cv_course import notebooks

    # the benchmarks belong to the checkout, not to the installed package
    sys.path.insert(0, str(notebooks.notebooks_folder().parent / "tests" / "benchmarks"))
    import bench

    return bench.run(arguments.names, arguments.rounds, arguments.out)
