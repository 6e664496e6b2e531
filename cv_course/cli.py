"""The command ``cv-course``; every subcommand imports what it needs when it is called."""

import argparse
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


def _run(arguments: argparse.Namespace) -> int:
    from cv_course import execute

    return execute.run(
        arguments.names,
        everything=arguments.all,
        save=arguments.save,
        folder=arguments.out,
        timeout=arguments.timeout,
    )


def _doctor(_: argparse.Namespace) -> int:
    from cv_course import doctor

    return doctor.report()


def _train(arguments: argparse.Namespace) -> int:
    from cv_course import cli_train

    options = {name: value for name, value in vars(arguments).items() if name != "command"}
    return cli_train.train_command(**options)


def _bench(arguments: argparse.Namespace) -> int:
    from cv_course import execute

    # the benchmarks belong to the checkout, not to the installed package
    sys.path.insert(0, str(execute.notebooks_folder().parent / "tests" / "benchmarks"))
    import bench

    return bench.run(arguments.names, arguments.rounds, arguments.out)
