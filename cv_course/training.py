"""The training loop; used by every section that trains.

``fit`` is plain stochastic gradient descent on whole-tensor data. Under ``torchrun`` the very same
loop runs in several processes, each on its share of every batch: see :mod:`cv_course.scale`.
"""

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from cv_course import checked, rehearsal
from cv_course.data import Split, as_float
from cv_course.scale import Checkpoint, TrainingError, rank_and_world, share_buffers, summed


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
        seed: of the order of the images and of dropout, 0 or more; equal seeds repeat a run on a
            CPU.
        device: default: the fastest that is present.
        checkpoint: a file that is written, in one piece or not at all, at the start and after
            every epoch.
        resume: go on from ``checkpoint`` where it exists; on a CPU the outcome equals, bit for
            bit, that of a run without the break.
        progress: show a bar while training and one line at the end.

    Returns:
        The history, also after Ctrl-C: the model then keeps what it has learned so far.

    Raises:
        TypeError: ``model`` is no network, but a class, say.
        ValueError: wrong shapes, labels or settings; all is tried out before training begins.
        TrainingError: the loss is no longer a number, or a checkpoint cannot be used or written.
    """
    device, (rank, world) = choose_device(device), rank_and_world()
    settings = rehearsal.settings(epochs, batch_size, lr, weight_decay, seed, world)
    epochs, batch_size, lr, weight_decay, seed = settings.values()
    mixed, layout = precision(checked.network(model).to(device), device)
    reduced = torch.autocast(device.type, torch.bfloat16) if mixed else contextlib.nullcontext()
    with reduced:
        rehearsal.rehearse(model, train, test, world, batch_size // world, augment)
    batch_size = min(batch_size, len(train) // world * world)
    steps = len(train) // batch_size
    settings |= {"batch_size": batch_size, "images": len(train)}

    for convolution in _convolutions(model):
        convolution.to(memory_format=layout)
    net = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(
        model.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=weight_decay
    )
    images, labels = train.images.to(device), train.labels.to(device)
    history = History(device=f"{world} x {device}" if world > 1 else str(device), mixed=mixed)
    saved = Checkpoint(checkpoint, model, optimizer, history.rows, settings)
    saved.begin(resume)
    shown = progress and rank == 0
    bar = _bar(epochs * steps, len(history.rows) * steps, shown)
    try:
        for epoch in range(len(history.rows), epochs):
            began = time.perf_counter()
            model.train()
            total = torch.zeros(2, device=device)  # loss and hits are summed where they arise
            lost, right = total
            with _seeded(seed, epoch, rank, device) as order:
                shuffled = torch.randperm(len(train), generator=order)[: steps * batch_size]
                batches = shuffled.to(device).view(steps, batch_size)[:, rank::world]
                for step, mine in enumerate(batches):
                    done = epoch * steps + step
                    # index_select copies runs of memory, sooner than images[mine]
                    inputs, targets = (one.index_select(0, mine) for one in (images, labels))
                    if augment is not None:
                        inputs = augment(inputs, mine, epoch)
                    with reduced:
                        scores = net(as_float(inputs).contiguous(memory_format=layout))
                    loss = F.cross_entropy(scores.float(), targets)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.param_groups[0]["lr"] = lr * triangle((done + 0.5) / epochs / steps)
                    optimizer.step()

                    lost += loss.detach()
                    right.add_((scores.argmax(1) == targets).sum(), alpha=1 / len(mine))
                    if bar.update():  # drawn anew: only then may the device be waited for
                        mean, share = (total / (step + 1)).tolist()
                        bar.set_postfix_str(f"loss {mean:.3f}, train {share:.1%}", refresh=False)
            loss, accuracy = (summed(total) / (steps * world)).tolist()
            _check_finite(model, loss, epoch, lr)
            share_buffers(model)
            row = {"epoch": epoch + 1, "loss": loss, "train_accuracy": accuracy}
            if test is not None:
                row["test_accuracy"] = summed(_hits(model, test[rank::world])).item() / len(test)
            history.rows.append({**row, "seconds": time.perf_counter() - began})
            saved.write()
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        if shown:
            print(history)
        model.eval()
    return history


def evaluate(model: nn.Module, split: Split, batch_size: int = 1000) -> float:
    """The share of ``split`` that the model classifies correctly, 0 to 1.

    Raises:
        ValueError: the split is empty, or the model returns something else than scores.
    """
    if not len(split):
        raise ValueError("the split holds no images, so there is no share of correct answers.")
    return _hits(model, split, batch_size).item() / len(split)


def _hits(model: nn.Module, split: Split, batch_size: int = 1000) -> torch.Tensor:
    scores = predict(model, split.images, batch_size)
    rehearsal.check_scores(scores, len(split), "the split", split.labels)
    return (scores.argmax(1) == split.labels.to(scores.device)).sum()


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor, batch_size: int = 1000) -> torch.Tensor:
    """Scores of all images, N x classes, on the model's device, in evaluation mode."""
    batch_size = checked.whole("batch_size", batch_size, 1)
    device = next((p.device for p in checked.network(model).parameters()), torch.device("cpu"))
    with checked.mode(model, training=False):
        parts = images.split(batch_size)
        return torch.cat([rehearsal.scores_of(model, part.to(device)) for part in parts])


def triangle(progress: float) -> float:
    """The learning rate's factor: 0 up to 1 at a quarter of the training, then down to 0.02."""
    return progress / 0.25 if progress < 0.25 else 1 - 0.98 * (progress - 0.25) / 0.75


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """``device`` itself, or the fastest that is present: CUDA, Apple's MPS, then the CPU.

    Raises:
        ValueError: no such device, or not in this computer.
    """
    if device is not None:
        try:
            return torch.zeros(0, device=device).device
        except (RuntimeError, AssertionError) as problem:
            raise ValueError(
                f"there is no device {device!r} here; say cpu, cuda or mps, or nothing for the "
                "fastest that is present."
            ) from problem
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def precision(model: nn.Module, device: torch.device) -> tuple[bool, torch.memory_format]:
    """Whether bfloat16 pays for this model here, and the memory layout that goes with it.

    Only convolutions gain, and only where the hardware multiplies bfloat16 itself: what must
    emulate it is several times slower than with float32. On a CPU, convolutions are quicker with
    the channels last in float32, too.
    """
    on_cpu = device.type == "cpu"
    if not _convolutions(model):
        return False, torch.contiguous_format
    if device.type == "cuda":
        # torch.cuda.is_bf16_supported() also says yes to emulation, as on Colab's T4 (7.5)
        gains = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        gains = on_cpu and checked.cpu_has("avx512_bf16", "amx_bf16")
    return gains, torch.channels_last if gains or on_cpu else torch.contiguous_format


def _convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


@dataclass(repr=False)
class History:
    """What happened in each epoch; printed, it says in one line how training went.

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


@contextlib.contextmanager
def _seeded(seed: int, epoch: int, rank: int, device: torch.device):
    """Yield the generator of this epoch's order; seed dropout, and leave no trace outside."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed((seed + 1_000_003 * epoch + 7919 * rank) % 2**63)
        yield torch.Generator().manual_seed((seed + 1_000_003 * epoch) % 2**63)


def _check_finite(model: nn.Module, loss: float, epoch: int, lr: float) -> None:
    # a last step that is too large leaves the mean loss finite, but not the weights
    if not math.isfinite(loss) or not all(p.isfinite().all() for p in model.parameters()):
        raise TrainingError(
            f"Training diverged in epoch {epoch + 1} (mean loss {loss:.3g}) with lr={lr}: "
            f"the steps are too large. Make the model anew and try a third, lr={lr / 3:.1g}"
            "; if that does not help, look for infinite or NaN values in the model's input."
        )


def _bar(steps: int, done: int, shown: bool) -> tqdm:
    """A bar that disappears, so that the summary stays; none where nobody watches."""
    from cv_course import plots

    watched = shown and (sys.stdout.isatty() or plots.in_notebook())
    return tqdm(total=steps, initial=done, disable=not watched, file=sys.stdout, leave=False,
                unit=" steps", mininterval=0.2, delay=0.3)  # fmt: skip
