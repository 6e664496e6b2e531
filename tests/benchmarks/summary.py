"""What a table of layers costs, for VGG-16 at 224 x 224."""

import time

import torch
from bench import OURS, Contest, take_turns

from cv_course import layers

SIZE = (3, 224, 224)


def contests(rounds: int) -> list[Contest]:
    from torchvision.models import vgg16

    with torch.device("meta"):
        model = vgg16().eval()

    def table(_):
        return _milliseconds(lambda: layers.trace(model, SIZE))

    def torchinfo(_):
        from torchinfo import summary

        return _milliseconds(lambda: summary(real, (1, *SIZE), verbose=0, mode="eval"))

    real = vgg16().eval()
    table(0)  # the first call imports
    tables = take_turns({OURS: table, "torchinfo": torchinfo}, rounds)
    note = "torchinfo's table has no receptive fields"
    return [Contest("VGG-16, table of layers", "ms", tables, note=note)]


def _milliseconds(work) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
