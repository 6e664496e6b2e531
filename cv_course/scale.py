"""What a longer run needs: several processes under ``torchrun``, and checkpoints to go on from.

:func:`cv_course.training.fit` calls all of it; a single process notices nothing. The processes
share each batch and average their gradients (PyTorch's DistributedDataParallel).
"""

import contextlib
import gc
import io
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn


class TrainingError(RuntimeError):
    """Training cannot begin or go on; the message says why and what to do."""


@contextlib.contextmanager
def distributed():
    """Join the other processes that ``torchrun`` started; without torchrun do nothing.

    Inside, ``fit`` trains one model on all processes together: each takes its share of every
    batch, the gradients are averaged, and only the first process draws, saves and prints. Batch
    normalisation sees each share by itself, so there the result is not that of one process.

    If one process fails, torchrun ends the others and says which it was.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=timedelta(minutes=5))
    yield
    # what is left of the wrapped models would otherwise end after the group whose threads it uses,
    # at the exit of Python, and abort the process
    gc.collect()
    dist.destroy_process_group()


def rank_and_world() -> tuple[int, int]:
    """The number of this process, from 0, and how many there are."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def summed(value: torch.Tensor) -> torch.Tensor:
    """``value`` added up over all processes, in place."""
    if rank_and_world()[1] > 1:
        dist.all_reduce(value)
    return value


def share_buffers(model: nn.Module) -> None:
    """Give every process the first one's buffers (running means), so that all have one model."""
    if rank_and_world()[1] > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)


@dataclass
class Checkpoint:
    """The file from which a run can go on; all processes read it, the first one writes it.

    Args:
        path: the file (``~`` is the home folder); None keeps nothing.
        model, optimizer: their states are stored.
        rows: the history so far, filled from the file.
        settings: plain numbers that a run which goes on must share with the one that stopped.
    """

    path: str | os.PathLike | None
    model: nn.Module
    optimizer: torch.optim.Optimizer
    rows: list[dict]
    settings: dict

    def __post_init__(self):
        self.path = None if self.path is None else Path(self.path).expanduser()

    def begin(self, resume: bool) -> None:
        """Go on from the file, or write it now: a full disk is best noticed before training.

        Raises:
            ValueError: there is no file to go on from.
            TrainingError: the file exists and ``resume`` is False, is damaged, or belongs to
                another model or other settings; or nothing can be written there.
        """
        if self.path is None:
            if resume:
                raise ValueError("resume=True needs a checkpoint to go on from: checkpoint=FILE.")
            return
        state = self._read(resume)
        if rank_and_world()[1] > 1:
            dist.barrier()  # all have looked for the file before the first one writes it
        if state:
            with self._usable():
                self.model.load_state_dict(state["model"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.rows[:] = state["rows"]
        else:
            self.write()

    def write(self) -> None:
        """Write the file in one piece or not at all.

        Raises:
            TrainingError: it cannot be written.
        """
        if self.path is None or rank_and_world()[0] > 0:
            return
        content, whole = io.BytesIO(), self.path
        states = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**states, "rows": self.rows, "settings": self.settings}, content)
        part = whole.with_name(f".{whole.name}.part")
        try:
            with open(part, "wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(whole)
        except OSError as problem:
            raise TrainingError(
                f"The checkpoint could not be written to {whole} ({problem.strerror}). Any earlier "
                "one is intact; name a file in a folder that exists and has room."
            ) from problem
        finally:
            with contextlib.suppress(OSError):
                part.unlink()

    def _read(self, resume: bool) -> dict | None:
        if os.path.isdir(self.path):
            raise TrainingError(f"{self.path} is a folder; name a file, {self.path / 'run.pt'}.")
        if not os.path.exists(self.path):
            return None
        if not resume:
            raise TrainingError(
                f"{self.path} exists already. Say resume=True (on the command line: --resume) to "
                "go on from it, or delete it to begin anew."
            )
        with self._usable():
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            before = state["settings"]
        if others := sorted(n for n, now in self.settings.items() if before.get(n) != now):
            raise TrainingError(
                f"{self.path} was written with { {n: before.get(n) for n in others} }, "
                f"this call says { {n: self.settings[n] for n in others} }. Use the same "
                "settings (a schedule cannot be stretched afterwards), or another file."
            )
        return state

    @contextlib.contextmanager
    def _usable(self):
        try:
            yield
        except Exception as problem:
            raise TrainingError(
                f"{self.path} is no checkpoint of this model, or is damaged. Name another file, or "
                "delete it to begin anew."
            ) from problem
