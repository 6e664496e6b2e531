"""Seconds of training to an accuracy on all of Fashion-MNIST, beside what courses teach."""

import gzip
import time

import torch
from bench import OURS, Contest, take_turns
from fast import FastFashion, fast_fashion
from torch import nn

from cv_course import data
from cv_course.data import Split
from cv_course.training import evaluate, precision

TUTORIAL, D2L = "torchvision + DataLoader, same net", "d2l's LeNet recipe"
LIMITS = {90: 4.5, 91: 8, 92: 25, 93: 60}  # seconds, on two cores that multiply bfloat16
FEW = 6_000  # images that suffice for 80%


def contests(rounds: int) -> list[Contest]:
    train, found = data.fashion_mnist(full=True).train, []
    quick, _ = precision(FastFashion(), torch.device("cpu"))
    slow = "the targets are for a processor that multiplies bfloat16; this one does not"
    for percent, limit in LIMITS.items():
        path, ratios = ({TUTORIAL: tutorial_path}, {TUTORIAL: 13}) if percent == 90 else ({}, {})
        samples, reached = in_turns(percent, train, time.perf_counter, path, rounds)
        targets = {"limit": limit, "ratios": ratios, "note": "" if quick else slow}
        found += [Contest(f"train to {percent}%", "s", samples, **targets), reached]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    samples, reached = in_turns(80, train[:FEW], time.process_time, {D2L: lenet_path}, rounds)
    torch.set_num_threads(threads)
    return [*found, Contest("train to 80%", "CPU-s", samples, ratios={D2L: 150}), reached]


def in_turns(percent: int, train: Split, clock, peers, rounds: int) -> tuple[dict, Contest]:
    """Samples of seconds of our recipe for so many percent and of peers; what ours then reached."""
    test, accuracies = data.fashion_mnist(full=True).test, []

    def ours(seed: int) -> float:
        began = clock()
        model, _ = fast_fashion(train, percent=percent, seed=seed, progress=False)
        seconds = clock() - began
        accuracies.append(evaluate(model, test))
        return seconds

    samples = take_turns({OURS: ours, **peers}, rounds)
    what = f"test accuracy of that recipe, seeds: {len(accuracies)}"
    return samples, Contest(what, "", {OURS: accuracies}, less=False, limit=percent / 100)


def tutorial_path(seed: int) -> float:
    """ToTensor, a DataLoader, Adam, float32: seconds of its epochs until the test accuracy."""
    torch.manual_seed(seed)
    model = FastFashion()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return _epochs(model, optimizer, _loader(128), 0.9, time.perf_counter, most=10)


def lenet_path(seed: int) -> float:
    """LeNet: sigmoids, average pooling, Xavier, SGD with lr .9, batches of 256 [d2l §7.6]."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
    )
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.9)
    return _epochs(model, optimizer, _loader(256), 0.8, time.process_time, most=20)


def torchvisions(transform):
    """torchvision's own data set, for which Debian's files have to be unpacked."""
    from torchvision.datasets import FashionMNIST

    data.fashion_mnist(full=True)  # downloads the files where they are not yet there
    raw = data.data_folder() / "FashionMNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for packed in data.DEBIAN.glob("*.gz"):
        if not (raw / packed.stem).exists():
            (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    return FashionMNIST(data.data_folder(), train=True, transform=transform)


def _loader(batch_size: int):
    from torchvision.transforms import ToTensor

    pictures = torchvisions(ToTensor())
    return torch.utils.data.DataLoader(pictures, batch_size, shuffle=True)


def _epochs(model, optimizer, loader, goal, clock, most) -> float:
    test, spent = data.fashion_mnist(full=True).test, 0.0
    for _ in range(most):
        began = clock()
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        spent += clock() - began
        if evaluate(model, test) >= goal:
            return spent
    return spent  # it did not get there: the true figure is larger
