"""LeNet in its form of today. Section 07 builds the networks of 1989 and 1998."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn


def lenet(activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """LeNet-5 with ordinary layers only: N x 1 x 32 x 32 -> N x 10; 61,706 parameters.

    The stages have the names of 1998, so ``model.c3`` is C3.
    """
    return nn.Sequential(
        OrderedDict(
            c1=nn.Sequential(nn.Conv2d(1, 6, 5), activation()),
            s2=nn.MaxPool2d(2),
            c3=nn.Sequential(nn.Conv2d(6, 16, 5), activation()),
            s4=nn.MaxPool2d(2),
            c5=nn.Sequential(nn.Flatten(), nn.Linear(16 * 5 * 5, 120), activation()),
            f6=nn.Sequential(nn.Linear(120, 84), activation()),
            output=nn.Linear(84, 10),
        )
    )
