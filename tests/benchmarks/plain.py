"""A machine without bfloat16: nothing slower than plain float32, or wrong."""

from unittest import mock

import torch
from bench import OURS, Contest, take_turns, timed
from fast import FastFashion
from loop import epoch

from cv_course import checked, data
from cv_course.training import evaluate, fit

IMAGES = 12_800


def contests(rounds: int) -> list[Contest]:
    torch.set_num_threads(1)
    fashion = data.fashion_mnist(full=True)
    train, accuracies = fashion.train[:IMAGES], {OURS: [], "plain": []}

    def ours(model, seed):
        with mock.patch.object(checked, "cpu_has", return_value=False):
            fit(model, train, epochs=1, lr=0.2, seed=seed, progress=False, device="cpu")

    def plain(model, seed):
        epoch(model, torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True), train)

    def measured(name, way, seed):
        torch.manual_seed(seed)
        model = FastFashion()
        seconds = timed(way, model, seed)
        accuracies[name].append(evaluate(model.eval(), fashion.test))
        return seconds

    ways = {OURS: ours, "plain": plain}
    turns = {n: lambda seed, n=n, way=way: measured(n, way, seed) for n, way in ways.items()}
    seconds = take_turns(turns, rounds)
    return [
        Contest("100 steps in float32", "CPU-s", seconds, ratios={"plain": 1 / 1.1}),
        Contest("test accuracy after them", "", accuracies, less=False),
    ]
