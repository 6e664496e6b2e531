"""``cv-course train``: one run of the training loop from the command line (see ``training``)."""

import os
from pathlib import Path

import torch
import torch.distributed as dist

from cv_course import data, training

_RANK, _LOCAL_RANK = (int(os.environ.get(name, 0)) for name in ("RANK", "LOCAL_RANK"))


def train_command(
    *,
    model: str,
    full: bool,
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
    device: str | None,
    checkpoint: Path | None,
    resume: bool,
) -> int:
    """Train ``model`` on Fashion-MNIST, under ``torchrun`` together with its other processes.

    Returns:
        the exit code: 0, or 130 after Ctrl-C, or 1 where the first process raises what all see.

    Raises:
        ValueError, RuntimeError: as :func:`training.fit` and :func:`data.fashion_mnist` do; with
            ``training.ProcessLost`` the message tells how to go on from the checkpoint.
    """
    try:
        with training.distributed():
            pictures = _one_at_a_time_on_this_computer(full)
            torch.manual_seed(seed)
            history = training.fit(
                _make(model),
                pictures.train,
                pictures.test,
                epochs=epochs,
                batch_size=batch_size,
                lr=lr,
                seed=seed,
                device=device,
                checkpoint=checkpoint,
                resume=resume,
            )
    except training.ProcessLost as problem:
        if checkpoint is None:
            raise
        raise training.ProcessLost(
            f"{problem} {checkpoint} holds the last whole epoch: start the same command with "
            "--resume, in as many processes as you like."
        ) from problem
    except (training.TrainingError, ValueError):  # the same in every process: one may say it
        if _RANK == 0:
            raise
        return 1
    return 130 if history.interrupted else 0


def _one_at_a_time_on_this_computer(full: bool) -> data.Dataset:
    """The first process of each computer may have to fetch the files; the others then find them."""
    if _LOCAL_RANK:
        dist.barrier()
    pictures = data.fashion_mnist(full)
    if dist.is_initialized() and not _LOCAL_RANK:
        dist.barrier()
    return pictures


def _make(name: str) -> torch.nn.Module:
    if name == "linear":
        from cv_course.networks.small import Linear

        return Linear((1, 28, 28), 10)
    from cv_course.networks.small import SmallConv

    return SmallConv(head=name.removeprefix("conv-"))
