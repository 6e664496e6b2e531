"""Seconds of training to an accuracy on all of Fashion-MNIST, beside what courses teach."""

import gzip
import time

import torch
from bench import OURS, Contest, take_turns
from fast import FastFashion, fast_fashion
from torch import nn

from cv_course import data
from cv_course.training import evaluate, precision

LIMITS = {90: 4.5, 91: 8, 92: 25, 93: 60}  # seconds, on two cores that multiply bfloat16
FEW = 6_000  # images that suffice for 80%


def contests(rounds: int) -> list[Contest]:
    fashion = data.fashion_mnist(full=True)
    quick, _ = precision(FastFashion(), torch.device("cpu"))
    slow = "the targets are for a processor that multiplies bfloat16; this one does not"
    found = []
    for percent in LIMITS:
        accuracies = []

        def ours(seed, percent=percent, accuracies=accuracies):
            began = time.perf_counter()
            model, _ = fast_fashion(fashion.train, percent=percent, seed=seed, progress=False)
            seconds = time.perf_counter() - began
            accuracies.append(evaluate(model, fashion.test))
            return seconds

        ways = {OURS: ours}
        if percent == 90:
            ways["torchvision + DataLoader, same net"] = tutorial_path
        ratios = {"torchvision + DataLoader, same net": 13} if percent == 90 else {}
        targets = {"limit": LIMITS[percent], "ratios": ratios, "note": "" if quick else slow}
        found.append(Contest(f"train to {percent}%", "s", take_turns(ways, rounds), **targets))
        what = f"test accuracy of that recipe, seeds: {len(accuracies)}"
        found.append(Contest(what, "", {OURS: accuracies}, less=False, limit=percent / 100))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    samples = take_turns({OURS: ours_to_80, "d2l's LeNet recipe": lenet_path}, rounds)
    torch.set_num_threads(threads)
    found.append(Contest("train to 80%", "CPU-s", samples, ratios={"d2l's LeNet recipe": 150}))
    return found


def ours_to_80(seed: int) -> float:
    fashion = data.fashion_mnist(full=True)
    began = time.process_time()
    model, _ = fast_fashion(fashion.train[:FEW], percent=80, seed=seed, progress=False)
    seconds = time.process_time() - began
    accuracy = evaluate(model, fashion.test)
    if accuracy < 0.8:
        raise RuntimeError(f"{FEW} images gave {accuracy:.3f} with seed {seed}, not .8")
    return seconds


def tutorial_path(seed: int, goal: float = 0.9) -> float:
    """ToTensor, a DataLoader, Adam, float32: seconds of its epochs until the test accuracy."""
    torch.manual_seed(seed)
    model = FastFashion()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return _epochs(model, optimizer, _loader(128), goal, time.perf_counter, most=10)


def lenet_path(seed: int, goal: float = 0.8) -> float:
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
    return _epochs(model, optimizer, _loader(256), goal, time.process_time, most=20)


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
