"""The training loop; used by every section that trains.

``fit`` is plain stochastic gradient descent on whole-tensor data. Under ``torchrun`` the very same
loop runs in several processes, each on its share of every batch (PyTorch's
DistributedDataParallel); see :func:`distributed`.
"""

import contextlib
import gc
import io
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from cv_course.data import Split, as_float


class TrainingError(RuntimeError):
    """Training cannot begin or go on; the message says why and what to do."""


class ProcessLost(TrainingError):
    """Another process of a distributed run is gone, or this one was told to end (SIGTERM)."""


def fit(
    model: nn.Module,
    train: Split,
    test: Split | None = None,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 0.1,
    weight_decay: float = 5e-4,
    augment: Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor] | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    progress: bool = True,
) -> "History":
    """Train a classifier by SGD with Nesterov momentum 0.9 on the mean cross-entropy.

    The learning rate climbs to ``lr`` for a quarter of the steps, then falls to 2% of it. Every
    epoch visits the images in a new random order and leaves out the last, incomplete batch.

    Args:
        model: takes N x C x H x W floats in [0, 1], returns N x classes scores. It is trained in
            place and stays on ``device``. (Make it after ``torch.manual_seed`` to repeat a run.)
        epochs: how often to go through ``train``.
        augment: (batch of images, their positions in ``train``, epoch from 0) -> changed images;
            see ``perturb``. Random draws from torch's global generator follow ``seed``.
        seed: of the order of the images and of dropout; equal seeds repeat a run on a CPU.
        device: default: the fastest that is present.
        checkpoint: a file that is written, in one piece or not at all, at the start and after
            every epoch.
        resume: go on from ``checkpoint`` where it exists; on a CPU the outcome equals, bit for
            bit, that of a run without the break.
        progress: show a bar while training and one line at the end.

    Returns:
        The history, also after Ctrl-C: the model then keeps what it has learned so far.

    Raises:
        ValueError: wrong shapes, labels or settings.
        TrainingError: the loss is no longer a number, or a checkpoint cannot be used or written.
    """
    device = choose_device(device)
    rank, world = _rank_and_world()
    _check_settings(epochs, batch_size, lr, world, checkpoint, resume)
    _check_data(model.to(device), train, test, world)
    batch_size = min(batch_size, len(train) // world * world)
    steps = len(train) // batch_size
    mixed, layout = precision(model, device)
    reduced = torch.autocast(device.type, torch.bfloat16) if mixed else contextlib.nullcontext()
    for convolution in _convolutions(model):
        convolution.to(memory_format=layout)
    net = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(
        model.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=weight_decay
    )
    images, labels = train.images.to(device), train.labels.to(device)
    history = History(device=f"{world} x {device}" if world > 1 else str(device), mixed=mixed)
    settings = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed}
    settings |= {"weight_decay": weight_decay, "images": len(train)}
    saved = _Checkpoint(checkpoint, model, optimizer, history, settings)
    saved.begin(resume)
    bar = _Progress(epochs * steps, shown=progress and rank == 0)
    try:
        for epoch in range(len(history.rows), epochs):
            began = time.perf_counter()
            model.train()
            total = torch.zeros(2, device=device)  # loss and hits are summed where they arise
            lost, right = total
            with _seeded(seed, epoch, rank, device) as order:
                shuffled = torch.randperm(len(train), generator=order).to(device)
                for step, batch in enumerate(shuffled[: steps * batch_size].split(batch_size)):
                    mine = batch[rank::world]
                    optimizer.param_groups[0]["lr"] = lr * triangle(
                        (epoch * steps + step + 0.5) / (epochs * steps)
                    )
                    pictures = images.index_select(
                        0, mine
                    )  # runs of memory, sooner than images[mine]
                    if augment is not None:
                        pictures = augment(pictures, mine, epoch)
                    with reduced:
                        scores = net(as_float(pictures).contiguous(memory_format=layout))
                    answers = labels[mine]
                    loss = F.cross_entropy(scores.float(), answers)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    lost += loss.detach()
                    right.add_((scores.detach().argmax(1) == answers).sum(), alpha=1 / len(mine))
                    if world == 1 and step % 50 == 0 and not lost.isfinite():
                        break  # several processes leave the epoch together, at its end
                    bar.update(epoch * steps + step + 1, total, step + 1)
            loss, accuracy = (_sum_over_processes(total) / (steps * world)).tolist()
            # a last step that is too large leaves the mean loss finite, but not the weights
            if not math.isfinite(loss) or not all(p.isfinite().all() for p in model.parameters()):
                raise TrainingError(
                    f"Training diverged in epoch {epoch + 1} (mean loss {loss:.3g}) with lr={lr}: "
                    f"the steps are too large. Make the model anew and try a third, lr={lr / 3:.1g}"
                    "; if that does not help, look for infinite or NaN values in the model's input."
                )
            _share_buffers(model)
            row = {"epoch": epoch + 1, "loss": loss, "train_accuracy": accuracy}
            if test is not None:
                hits = _sum_over_processes(_hits(model, test[rank::world]))
                row["test_accuracy"] = hits.item() / len(test)
            history.rows.append({**row, "seconds": time.perf_counter() - began})
            saved.write()
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close(history)
        model.eval()
    return history


def evaluate(model: nn.Module, split: Split, batch_size: int = 1000) -> float:
    """The share of ``split`` that the model classifies correctly, 0 to 1.

    Raises:
        ValueError: the split is empty.
    """
    if not len(split):
        raise ValueError("the split holds no images, so there is no share of correct answers.")
    return _hits(model, split, batch_size).item() / len(split)


def _hits(model: nn.Module, split: Split, batch_size: int = 1000) -> torch.Tensor:
    scores = predict(model, split.images, batch_size)
    return (scores.argmax(1) == split.labels.to(scores.device)).sum()


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor, batch_size: int = 1000) -> torch.Tensor:
    """Scores of all images, N x classes, on the model's device, in evaluation mode."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    was_training = model.training
    model.eval()
    try:
        return torch.cat([model(as_float(part.to(device))) for part in images.split(batch_size)])
    finally:
        model.train(was_training)


def triangle(progress: float) -> float:
    """The learning rate's factor: 0 up to 1 at a quarter of the training, then down to 0.02."""
    return progress / 0.25 if progress < 0.25 else 1 - 0.98 * (progress - 0.25) / 0.75


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """``device`` itself, or the fastest that is present: CUDA, Apple's MPS, then the CPU."""
    if device is not None:
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def precision(model: nn.Module, device: torch.device) -> tuple[bool, torch.memory_format]:
    """Whether bfloat16 pays for this model here, and the memory layout that goes with it.

    Only convolutions gain, and only where the hardware multiplies bfloat16 itself: what must
    emulate it is several times slower than with float32. On a CPU, convolutions are quicker with
    the channels last in float32, too.
    """
    if not _convolutions(model):
        gains = False
    elif device.type == "cuda":
        # torch.cuda.is_bf16_supported() also says yes to emulation, as on Colab's T4 (7.5)
        gains = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        gains = device.type == "cpu" and _cpu_has_bfloat16()
    last = gains or (device.type == "cpu" and bool(_convolutions(model)))
    return gains, torch.channels_last if last else torch.contiguous_format


def _convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


def _cpu_has_bfloat16() -> bool:
    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    # older versions of torch tell of AVX-512 alone, the oldest of nothing
    return getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()


@dataclass(repr=False)
class History:
    """What happened in each epoch; as the last line of a cell it draws itself.

    ``rows`` holds per epoch: ``epoch``, ``loss`` and ``train_accuracy`` (means over the epoch,
    while the model was learning), ``test_accuracy`` (after it; if there is a test split) and
    ``seconds``. ``mixed`` says whether the hardware was worth computing in bfloat16.
    """

    rows: list[dict] = field(default_factory=list)
    device: str = "cpu"
    mixed: bool = False
    interrupted: bool = False

    def __str__(self) -> str:
        epochs = "1 epoch" if len(self.rows) == 1 else f"{len(self.rows)} epochs"
        parts = [epochs, f"{self.device} in {'bfloat16' if self.mixed else 'float32'}"]
        if self.rows:
            last = self.rows[-1]
            parts += [f"loss {last['loss']:.3f}", f"train {last['train_accuracy']:.1%}"]
            if "test_accuracy" in last:
                parts.append(f"test {last['test_accuracy']:.1%}")
        if self.interrupted:
            parts.append("interrupted; the model keeps what it has learned so far")
        return " · ".join(parts)

    __repr__ = __str__

    def plot(self):
        """Loss and accuracy against the epoch, as a figure."""
        from cv_course import figures

        return figures.history(self.rows)

    def _repr_html_(self) -> str | None:
        from cv_course import figures

        return figures.as_html(self.plot(), f"Training curves: {self}") if self.rows else None


@contextlib.contextmanager
def distributed():
    """Join the other processes that ``torchrun`` started; without torchrun do nothing.

    Inside, :func:`fit` trains one model on all processes together: each takes its share of every
    batch, the gradients are averaged, and only the first process draws, saves and prints. Batch
    normalisation sees each share by itself, so there the result is not that of one process.

    Raises:
        ProcessLost: another process was lost, or this one was told to end (SIGTERM).
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=timedelta(minutes=5))
        before = signal.signal(signal.SIGTERM, _told_to_end)
        yield
        signal.signal(signal.SIGTERM, before)
    except BaseException as problem:
        # torchrun sends SIGTERM as soon as one process has failed; the reason is to be read first
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        gloo = type(problem) is RuntimeError and "gloo" in str(problem)
        if gloo or isinstance(problem, dist.DistError):
            reason = str(problem).partition("\n")[0]
            raise _lost(f"it cannot reach the other processes ({reason})") from problem
        raise
    finally:
        if dist.is_initialized():
            # what is left of the wrapped models would otherwise end after the group whose threads
            # it uses, at the exit of Python, and abort the process
            gc.collect()
            dist.destroy_process_group()


def _told_to_end(*_) -> None:
    raise _lost("it was told to end (SIGTERM), as torchrun does when another process was lost")


def _lost(reason: str) -> ProcessLost:
    return ProcessLost(
        f"Training stopped in process {os.environ['RANK']} of {os.environ['WORLD_SIZE']}: {reason}."
    )


def _rank_and_world() -> tuple[int, int]:
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def _sum_over_processes(value: torch.Tensor) -> torch.Tensor:
    if _rank_and_world()[1] > 1:
        dist.all_reduce(value)
    return value


def _share_buffers(model: nn.Module) -> None:
    """Give every process the first one's buffers (running means), so that all have one model."""
    if _rank_and_world()[1] > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)


def _on_first(action: Callable):
    """Call ``action`` in the first process only; its result, or its error, is everybody's."""
    rank, world = _rank_and_world()
    outcome = [None, None]
    if rank == 0:
        try:
            outcome[0] = action()
        except TrainingError as problem:
            outcome[1] = problem
    if world > 1:
        dist.broadcast_object_list(outcome)
    if outcome[1]:
        raise outcome[1]
    return outcome[0]


@contextlib.contextmanager
def _seeded(seed: int, epoch: int, rank: int, device: torch.device):
    """Yield the generator of this epoch's order; seed dropout, and leave no trace outside."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed + 1_000_003 * epoch + 7919 * rank)
        yield torch.Generator().manual_seed(seed + 1_000_003 * epoch)


def _check_settings(epochs, batch_size, lr, world, checkpoint, resume) -> None:
    if not (isinstance(epochs, int) and epochs >= 0):
        raise ValueError(f"epochs must be a whole number, 0 or more; got {epochs!r}.")
    if not (isinstance(batch_size, int) and batch_size >= 1):
        raise ValueError(f"batch_size must be a whole number, 1 or more; got {batch_size!r}.")
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"lr must be a positive number, got {lr!r}; 0.1 is a good start.")
    if batch_size % world:
        raise ValueError(
            f"batch_size must be a multiple of the {world} processes, so that each gets the same "
            f"share; got {batch_size}."
        )
    if resume and checkpoint is None:
        raise ValueError("resume=True needs a checkpoint to go on from; give checkpoint=FILE.")


def _check_data(model: nn.Module, train: Split, test: Split | None, world: int) -> None:
    """Try two images, so that a wrong shape is explained before an hour of training."""
    for name, split in (("train", train), ("test", test)):
        if name == "test" and split is None:
            continue
        if not isinstance(split, Split):
            raise ValueError(
                f"{name} must be a cv_course.data.Split, got {type(split).__name__}; take a data "
                "set's .train or .test, or make one: Split(images, labels)."
            )
        if len(split) < world:
            raise ValueError(
                f"{name} holds {len(split)} images; {world} or more are needed, one for each "
                "process."
                if world > 1
                else f"{name} holds no images; there is nothing to learn from or to test on."
            )
        shape = tuple(split.images.shape[1:])
        try:
            scores = predict(model, split.images[:2])
        except (RuntimeError, TypeError) as problem:
            raise ValueError(
                f"the model cannot take the images of {name}, {shape} each "
                f"(channels, height, width): {problem}"
            ) from problem
        if scores.ndim != 2:
            raise ValueError(
                f"the model must return scores of shape (N, classes); for images of shape {shape} "
                f"it returned {tuple(scores.shape)}. Does it lack an nn.Flatten()?"
            )
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= scores.shape[1]:
            raise ValueError(
                f"labels of {name} must lie in 0…{scores.shape[1] - 1}, since the model returns "
                f"{scores.shape[1]} scores; found {low}…{high}. Number the classes from 0, or "
                "give the model one output for each class."
            )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("the model has no parameter that requires a gradient: nothing can learn.")


@dataclass
class _Checkpoint:
    """The file from which a run can go on; under torchrun the first process keeps it."""

    path: str | os.PathLike | None
    model: nn.Module
    optimizer: torch.optim.Optimizer
    history: History
    settings: dict

    def begin(self, resume: bool) -> None:
        """Go on from the file, or write it now: a full disk is best noticed before training."""
        if self.path is None:
            return
        state = _on_first(lambda: self._read(resume))
        if state is None:
            self.write()
            return
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.history.rows[:] = state["rows"]
        except Exception as problem:
            raise self._unusable(problem) from problem

    def write(self) -> None:
        if self.path is not None:
            _on_first(self._write)

    def _read(self, resume: bool) -> dict | None:
        if not Path(self.path).exists():
            return None
        if not resume:
            raise TrainingError(
                f"{self.path} exists already. Say resume=True (on the command line: --resume) to "
                "go on from it, or delete it to begin anew."
            )
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            settings = state["settings"]
        except Exception as problem:
            raise self._unusable(problem) from problem
        if settings != self.settings:
            raise TrainingError(
                f"{self.path} was written with {settings}, this call says {self.settings}. Use "
                "the same settings, or another file."
            )
        return state

    def _unusable(self, problem: Exception) -> TrainingError:
        reason = str(problem).partition("\n")[0]
        return TrainingError(
            f"{self.path} is no checkpoint of this model, or is damaged ({reason}). Delete it to "
            "begin anew."
        )

    def _write(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rows": self.history.rows,
            "settings": self.settings,
        }
        content = io.BytesIO()
        torch.save(state, content)
        whole = Path(self.path)
        part = whole.with_name(f".{whole.name}.part")
        try:
            with open(part, "wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(whole)
        except OSError as problem:
            raise TrainingError(
                f"The checkpoint could not be written to {whole} ({problem}). An earlier one is "
                "intact, and the model in memory keeps all it has learned; make room, or choose "
                "another folder."
            ) from problem
        finally:
            with contextlib.suppress(OSError):
                part.unlink()


class _Progress:
    """A line that rewrites itself, five times a second at most, and ends as the summary.

    Where nobody can watch (output into a file or a pipe) only the summary is written.
    """

    def __init__(self, steps: int, shown: bool):
        from cv_course import figures

        self.steps, self.shown, self.next = steps, shown, time.monotonic() + 0.3
        self.in_notebook, self.handle = figures.in_notebook(), None
        self.live = shown and (self.in_notebook or sys.stdout.isatty())

    def update(self, step: int, total: torch.Tensor, count: int) -> None:
        if not self.live or time.monotonic() < self.next:
            return
        loss, accuracy = (total / count).tolist()
        done = 30 * step // self.steps
        bar = "█" * done + "░" * (30 - done)
        self._write(f"{bar} {step:,}/{self.steps:,} steps · loss {loss:.3f} · train {accuracy:.1%}")
        self.next = time.monotonic() + 0.2

    def close(self, history: History) -> None:
        if self.shown:
            self._write(str(history), end="\n")

    def _write(self, line: str, end: str = "") -> None:
        if not self.in_notebook:
            print(("\r\x1b[2K" if self.live else "") + line, end=end, flush=True)
            return
        from IPython.display import display

        content = {"text/plain": line}
        if self.handle is None:
            self.handle = display(content, raw=True, display_id=True)
        else:
            self.handle.update(content, raw=True)
