"""Numbers, networks and processors that several modules are given: checked, left as they were.

What takes a number, takes NumPy's as well.
"""

import contextlib
import math
from collections.abc import Collection, Iterator
from operator import index

import numpy as np
import torch
from torch import nn


def whole(name: str, value, least: int = 0) -> int:
    """``value`` as an ``int``; NumPy's whole numbers are some, True and 3.0 are none.

    Raises:
        ValueError: no whole number, or less than ``least``.
    """
    with contextlib.suppress(TypeError):
        if not isinstance(value, bool) and index(value) >= least:
            return index(value)
    raise ValueError(f"{name} must be a whole number, {least} or more; got {value!r}.")


def real(name: str, value, kind: str = "finite") -> float:
    """``value`` as a ``float``; ``kind`` is "finite", "positive" or "non-negative" (and finite).

    Raises:
        ValueError: no such number.
    """
    with contextlib.suppress(TypeError, ValueError):
        number = math.nan if isinstance(value, bool | np.bool_ | str) else float(value)
        allowed = {"finite": True, "positive": number > 0, "non-negative": number >= 0}
        if math.isfinite(number) and allowed[kind]:
            return number
    raise ValueError(f"{name} must be a {kind} number, got {value!r}.")


def one_of(name: str, value, allowed: Collection[str]) -> str:
    """``value`` itself; a ``ValueError`` if it is none of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}.")
    return value


def cpu_has(*names: str) -> bool:
    """Whether the processor has one of these instruction sets; an older torch does not tell."""
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return any(found.get(name) for name in names)


def network(model: nn.Module) -> nn.Module:
    """``model`` itself.

    Raises:
        TypeError: no network, but a class or something else.
    """
    if not isinstance(model, nn.Module):
        kind = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(
            f"expected a network as it was built, got {kind}. Give an instance of an nn.Module: "
            "Net() instead of Net."
        )
    return model


@contextlib.contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """The model in training or evaluation mode; afterwards each of its parts is as it was."""
    before = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for module, was in before.items():
            module.training = was


@contextlib.contextmanager
def trial(model: nn.Module, training: bool) -> Iterator[None]:
    """The same; its buffers (running means) and torch's random numbers stay as they were, too."""
    buffers = [buffer.clone() for buffer in model.buffers()]
    cuda = {parameter.device for parameter in model.parameters() if parameter.is_cuda}
    try:
        with mode(model, training), torch.random.fork_rng(cuda):
            yield
    finally:
        with torch.no_grad():
            for buffer, content in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(content)
