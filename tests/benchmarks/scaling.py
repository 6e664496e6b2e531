"""How time and memory grow with the work, as exponents: cost ~ size ** exponent."""

import math
import os
import subprocess
import sys
import time

import torch
from bench import OURS, Contest
from neighbours import ours as search
from neighbours import peak_while

from cv_course import data
from cv_course.models.fast import FastFashion
from cv_course.training import fit


def contests(rounds: int) -> list[Contest]:
    fashion = data.fashion_mnist(full=True)
    X, y, Q = fashion.train.images, fashion.train.labels, fashion.test.images
    torch.set_num_threads(1)
    search(X[:100], y[:100], Q[:100])

    def images(n):
        return lambda: search(X[:n], y[:n], Q[:1000])

    def queries(n):
        return lambda: search(X[:20_000], y[:20_000], Q[:n])

    def pictures(n):
        return _training(fashion.train[:n], width=32)

    def width(n):
        return _training(fashion.train[:6_400], width=n)

    growing = {
        "search against images": (images, (7_500, 15_000, 30_000, 60_000)),
        "search against queries": (queries, (1_250, 2_500, 5_000, 10_000)),
        "an epoch against images": (pictures, (6_400, 12_800, 25_600, 51_200)),
        "an epoch against width": (width, (32, 64, 128, 256)),
    }
    found = []
    for what, (make, sizes) in growing.items():
        seconds = [[_cpu(make(size)) for size in sizes] for _ in range(min(rounds, 3))]
        memory = [peak_while(make(size)) for size in sizes]
        best = [min(column) for column in zip(*seconds, strict=True)]
        listed = ", ".join(
            f"{size:,}: {s:.2f} s {m:.0f} MiB"
            for size, s, m in zip(sizes, best, memory, strict=True)
        )
        found.append(
            Contest(
                f"{what}, exponent of time",
                "",
                {OURS: [exponent(sizes, row) for row in seconds]},
                note=listed,
            )
        )
    if (os.cpu_count() or 1) > 1:
        found.append(two_processes())
    return found


def exponent(sizes, costs) -> float:
    """The slope of the straight line through the logarithms."""
    x, y = ([math.log(value) for value in values] for values in (sizes, costs))
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - mean_x) ** 2 for a in x)


def _cpu(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _training(split, width):
    torch.manual_seed(0)
    model = FastFashion((width, width, width))
    return lambda: fit(model, split, epochs=1, progress=False, device="cpu")


def two_processes() -> Contest:
    """Seconds an epoch of ``cv-course train --full`` in one process and in two, a thread each."""
    command = ["-m", "cv_course", "train", "--full", "--batch-size", "512"]
    two = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29555"]
    alone, shared = _epoch(command), _epoch([*two, *command])
    return Contest(
        "an epoch in two processes under torchrun",
        "s",
        {OURS: [shared], "in one process": [alone]},
        note=f"efficiency {alone / shared / 2:.0%} of two cores",
    )


def _epoch(command) -> float:
    """From the difference of a long and a short run: starting up does not count."""
    return (_wall([*command, "--epochs", "5"]) - _wall([*command, "--epochs", "1"])) / 4


def _wall(command) -> float:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=True)
    return time.perf_counter() - began
