"""What an exact nearest-neighbour search costs, beside scikit-learn and one matrix product.

    python tests/benchmarks/bench_nearest.py [--queries 10000] [--images 60000] [--rounds 3]

The three take turns in one process, so that a busy machine slows all of them alike. Peak memory
is what a fresh process needs above the data, which are loaded before the clock starts.
"""

import argparse
import multiprocessing
import statistics
import threading
import time

import psutil
import torch

from cv_course import data
from cv_course.nearest import NearestNeighbours


def ours(X, y, Q):
    return NearestNeighbours(k=1).fit(X, y).predict(Q)


def sklearn_brute(X, y, Q):
    from sklearn.neighbors import KNeighborsClassifier

    X, Q = (images.flatten(1).float().numpy() for images in (X, Q))
    search = KNeighborsClassifier(1, algorithm="brute").fit(X, y.numpy())
    return torch.from_numpy(search.predict(Q))


def matrix_product(X, y, Q):
    """The work without the search: every query times every image, and nothing kept."""
    X, Q = X.flatten(1).float(), Q.flatten(1).float()
    tile = torch.empty(1000, len(X))
    for queries in Q.split(1000):
        torch.mm(queries, X.T, out=tile[: len(queries)])


WAYS = {"ours": ours, "scikit-learn": sklearn_brute, "matrix product": matrix_product}


def measure(way, *tensors) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    way(*tensors)
    return time.process_time() - cpu, time.perf_counter() - wall


def peak_above_data(name: str, queries: int, images: int) -> float:
    """MiB, in a new process; freed memory that a first way leaves behind would hide a second's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (name, queries, images))


def _peak(name: str, queries: int, images: int) -> float:
    X, y, Q = load(queries, images)
    WAYS[name](X[:100], y[:100], Q[:100])  # libraries load and threads start before we look
    process, done, sizes = psutil.Process(), threading.Event(), []

    def watch():
        while not done.wait(0.002):
            sizes.append(process.memory_info().rss)

    before, watcher = process.memory_info().rss, threading.Thread(target=watch)
    watcher.start()
    WAYS[name](X, y, Q)
    done.set()
    watcher.join()
    return (max(sizes, default=before) - before) / 2**20


def load(queries: int, images: int):
    fashion = data.fashion_mnist(full=True)
    return (
        fashion.train.images[:images],
        fashion.train.labels[:images],
        fashion.test.images[:queries],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    X, y, Q = load(arguments.queries, arguments.images)
    agree = (ours(X, y, Q) == sklearn_brute(X, y, Q)).float().mean().item()
    times = {name: [] for name in WAYS}
    for _ in range(arguments.rounds):
        for name, way in WAYS.items():
            times[name].append(measure(way, X, y, Q))
    cost = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in times.items()
    }
    print(f"{len(Q):,} queries, {len(X):,} images, {torch.get_num_threads()} threads")
    print(f"{agree:.2%} of the labels are scikit-learn's (it rounds in float32)")
    print(f"{'':16}{'CPU s':>8}{'wall s':>8}{'x product':>11}{'MiB above data':>16}")
    for name, (cpu, wall) in cost.items():
        ratio = cpu / cost["matrix product"][0]
        peak = peak_above_data(name, len(Q), len(X))
        print(f"{name:16}{cpu:8.2f}{wall:8.2f}{ratio:11.2f}{peak:16.0f}")


if __name__ == "__main__":
    main()
