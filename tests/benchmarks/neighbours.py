"""Exact nearest neighbours: 5,000 queries among 60,000 images, with and without VNNI."""

import threading
from unittest import mock

import psutil
import torch
from bench import OURS, Contest, in_new_process, take_turns, timed

from cv_course import checked, data, nearest

QUERIES = 5_000
FAISS, SKLEARN, PRODUCT = "faiss, flat", "scikit-learn, brute", "the matrix product alone"


def contests(rounds: int) -> list[Contest]:
    torch.set_num_threads(1)  # threads that wait for each other on a busy machine count as CPU time
    tensors = load()
    labels = {name: way(*tensors) for name, way in WAYS.items() if name in (OURS, SKLEARN)}
    agree = (labels[OURS] == labels[SKLEARN]).float().mean().item()
    whole = checked.cpu_has(*nearest.MULTIPLY_BYTES)
    ways = {name: lambda _, way=way: timed(way, *tensors) for name, way in WAYS.items()}
    floats = {OURS: lambda _: timed(in_floats, *tensors), PRODUCT: ways[PRODUCT]}
    memory = {name: [in_new_process(peak_above_data, name)] for name in (OURS, SKLEARN)}
    return [
        Contest(
            "exact neighbours, 5k x 60k",
            "CPU-s",
            take_turns(ways, rounds),
            ratios={SKLEARN: 5, FAISS: 2.5} if whole else {},
            note=f"{agree:.2%} of the labels are scikit-learn's, which rounds in float32",
        ),
        Contest("in floats", "CPU-s", take_turns(floats, rounds), ratios={PRODUCT: 0.85}),
        Contest("memory above the data", "MiB", memory),
    ]


def ours(X, y, Q):
    return nearest.NearestNeighbours(k=1).fit(X, y).predict(Q)


def in_floats(X, y, Q):
    with mock.patch.object(checked, "cpu_has", return_value=False):
        return ours(X, y, Q)


def sklearn_brute(X, y, Q):
    from sklearn.neighbors import KNeighborsClassifier

    X, Q = (images.flatten(1).float().numpy() for images in (X, Q))
    search = KNeighborsClassifier(1, algorithm="brute").fit(X, y.numpy())
    return torch.from_numpy(search.predict(Q))


def faiss_flat(X, y, Q):
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexFlatL2(X[0].numel())
    index.add(X.flatten(1).float().numpy())
    _, positions = index.search(Q.flatten(1).float().numpy(), 1)
    return y[torch.from_numpy(positions[:, 0])]


def matrix_product(X, y, Q):
    """The work without the search: every query times every image, and nothing kept."""
    X, Q = X.flatten(1).float(), Q.flatten(1).float()
    tile = torch.empty(1000, len(X))
    for queries in Q.split(1000):
        torch.mm(queries, X.T, out=tile[: len(queries)])


WAYS = {OURS: ours, SKLEARN: sklearn_brute, FAISS: faiss_flat, PRODUCT: matrix_product}


def load():
    fashion = data.fashion_mnist(full=True)
    return fashion.train.images, fashion.train.labels, fashion.test.images[:QUERIES]


def peak_above_data(name: str) -> float:
    X, y, Q = load()
    WAYS[name](X[:100], y[:100], Q[:100])  # libraries load and threads start before we look
    return peak_while(lambda: WAYS[name](X, y, Q))


def peak_while(work) -> float:
    """MiB by which this process grew at most while ``work`` ran."""
    process, done, sizes = psutil.Process(), threading.Event(), []

    def watch():
        while not done.wait(0.002):
            sizes.append(process.memory_info().rss)

    before, watcher = process.memory_info().rss, threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return (max(sizes, default=before) - before) / 2**20
