"""How time and memory grow with the work, as exponents: cost ~ size ** exponent."""

import math
import os
import statistics
import subprocess
import sys
import time

import torch
from bench import OURS, Contest, in_new_process, timed
from fast import FastFashion
from neighbours import ours as search
from neighbours import peak_while

from cv_course import data
from cv_course.training import fit

SEARCH, LEARN = "search", "an epoch"
SIZES = {
    (SEARCH, "images"): (15_000, 30_000, 60_000),
    (SEARCH, "queries"): (1_250, 2_500, 5_000),
    (LEARN, "images"): (3_200, 6_400, 12_800),
    (LEARN, "width"): (32, 64, 128),
}


def contests(rounds: int) -> list[Contest]:
    found = []
    for (task, grows), sizes in SIZES.items():
        rows = [in_new_process(_cost, task, grows, size, min(rounds, 2)) for size in sizes]
        for name, column in (("time", 0), ("memory", 1)):
            slope = exponent(sizes, [row[column] for row in rows])
            found.append(Contest(f"{task}: {name} ~ {grows} **", "", {OURS: [slope]}))
        found[-2].curve = [[size, *row] for size, row in zip(sizes, rows, strict=True)]
    if (os.cpu_count() or 1) > 1:
        found.append(two_processes())
    return found


def _cost(task: str, grows: str, size: int, rounds: int) -> tuple[float, float]:
    """CPU-seconds (the least of some) and MiB above the data, for one size, on one thread."""
    torch.set_num_threads(1)
    fashion = data.fashion_mnist(full=True)
    X, y, Q = fashion.train.images, fashion.train.labels, fashion.test.images
    if task == SEARCH:
        count, asked = (size, 1000) if grows == "images" else (20_000, size)
        search(X[:100], y[:100], Q[:100])

        def work():
            search(X[:count], y[:count], Q[:asked])
    else:
        width, count = (32, size) if grows == "images" else (size, 3_200)
        torch.manual_seed(0)
        model = FastFashion((width, width, width))
        fit(FastFashion(), fashion.train[:256], epochs=1, progress=False, device="cpu")

        def work():
            fit(model, fashion.train[:count], epochs=1, progress=False, device="cpu")

    memory = peak_while(work)
    return min(timed(work) for _ in range(rounds)), memory


def exponent(sizes, costs) -> float:
    """The slope of the straight line through the logarithms."""
    logs = ([math.log(value) for value in values] for values in (sizes, costs))
    return statistics.linear_regression(*logs).slope


def two_processes() -> Contest:
    """Seconds an epoch of ``cv-course train --full`` in one process and in two, a thread each."""
    command = ["-m", "cv_course", "train", "--full", "--batch-size", "512"]
    two = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29555"]
    samples = {OURS: [_epoch([*two, *command])], "in one process": [_epoch(command)]}
    return Contest("an epoch in two processes under torchrun", "s", samples)


def _epoch(command) -> float:
    """From the difference of a long and a short run: starting up does not count."""

    def run(epochs: int) -> None:
        asked = [sys.executable, *command, "--epochs", str(epochs)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(asked, env=environment, capture_output=True, check=True)

    short, long = (timed(run, epochs, clock=time.perf_counter) for epochs in (1, 3))
    return (long - short) / 2
