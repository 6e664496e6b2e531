"""A machine without bfloat16 and products of bytes: nothing slower than plain float32, or wrong."""

import time
from unittest import mock

import torch
from bench import OURS, Contest, take_turns
from fast import FastFashion
from neighbours import in_floats, sklearn_brute
from torch.nn import functional as F

from cv_course import data, training
from cv_course.data import as_float
from cv_course.training import evaluate, fit

IMAGES, BATCH = 12_800, 128


def contests(rounds: int) -> list[Contest]:
    torch.set_num_threads(1)
    fashion = data.fashion_mnist(full=True)
    train, accuracies = fashion.train[:IMAGES], {OURS: [], "plain": []}

    def ours(seed):
        torch.manual_seed(seed)
        model = FastFashion()
        began = time.process_time()
        with mock.patch.object(training, "_cpu_has_bfloat16", return_value=False):
            fit(model, train, epochs=1, lr=0.2, seed=seed, progress=False, device="cpu")
        seconds = time.process_time() - began
        accuracies[OURS].append(evaluate(model, fashion.test))
        return seconds

    def plain(seed):
        torch.manual_seed(seed)
        model = FastFashion()
        optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True)
        began = time.process_time()
        for batch in torch.randperm(IMAGES).split(BATCH):
            loss = F.cross_entropy(model(as_float(train.images[batch])), train.labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds = time.process_time() - began
        accuracies["plain"].append(evaluate(model.eval(), fashion.test))
        return seconds

    X, y, Q = fashion.train.images, fashion.train.labels, fashion.test.images[:2000]

    def timed(way):
        began = time.process_time()
        way(X, y, Q)
        return time.process_time() - began

    searches = {
        OURS: lambda _: timed(in_floats),
        "scikit-learn, brute": lambda _: timed(sklearn_brute),
    }
    return [
        Contest(
            "100 steps in float32",
            "CPU-s",
            take_turns({OURS: ours, "plain": plain}, rounds),
            ratios={"plain": 1 / 1.1},
        ),
        Contest("test accuracy after them", "", accuracies, less=False),
        Contest(
            "neighbours in float32, 2k x 60k",
            "CPU-s",
            take_turns(searches, rounds),
            ratios={"scikit-learn, brute": 1},
        ),
    ]
