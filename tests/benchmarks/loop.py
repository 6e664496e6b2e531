"""What a training loop adds to the bare steps, on a network so small that nothing else counts."""

import contextlib
import itertools
import logging
import statistics
import time
import warnings

import torch
import torch.nn.functional as F
from bench import OURS, Contest, take_turns, timed
from torch import nn

from cv_course.data import Split, as_float
from cv_course.training import fit

BATCH, STEPS = 128, 400
LONG_STEP = 0.015  # seconds: a step of a network worth training


def contests(rounds: int) -> list[Contest]:
    torch.set_num_threads(1)
    logging.getLogger("lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    split = Split(
        torch.randint(0, 256, (BATCH * STEPS, 1, 28, 28), dtype=torch.uint8),
        torch.randint(0, 10, (BATCH * STEPS,)),
    )
    peers = {
        "loop over a DataLoader": lambda split: over_loader(split, plain),
        "Lightning Fabric": lambda split: over_loader(split, fabric),
        "Lightning Trainer": lightning,
        "Accelerate": lambda split: over_loader(split, accelerate),
    }
    for way in (pairs, *peers.values()):  # imports and first calls are not what is measured
        with contextlib.suppress(ModuleNotFoundError):
            way(split[: 4 * BATCH])
    both = [pairs(split) for _ in range(rounds)]
    samples = dict(zip((OURS, "raw loop"), map(list, zip(*both, strict=True)), strict=True))
    samples |= take_turns(
        {name: lambda _, way=way: way(split) / STEPS * 1e6 for name, way in peers.items()}, rounds
    )
    extra = [
        (mine - bare) / 1e6 / LONG_STEP * 100
        for mine, bare in zip(samples[OURS], samples["raw loop"], strict=True)
    ]
    return [
        Contest("a step of a tiny MLP", "µs", samples, ratios={"raw loop": 1 / 1.1}),
        Contest("what fit adds to a step of 15 ms", "%", {OURS: extra}, limit=1),
    ]


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))


def sgd(model) -> torch.optim.Optimizer:
    """What ``fit`` uses, so that all do the same work."""
    settings = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
    return torch.optim.SGD(model.parameters(), 0.01, **settings)


def pairs(split: Split) -> tuple[float, float]:
    """Microseconds of a step of ``fit`` and of the bare step, medians.

    They take turns step by step, so that a busy machine slows both alike: where ``fit`` would
    change its batch, a bare step of another network is made with it.
    """
    model, turns = net(), []
    optimizer = sgd(model)

    def bare(images, positions, epoch):
        came = time.process_time()
        step(model, optimizer, split, positions)
        turns.append((came, time.process_time()))
        return images

    fit(net(), split, epochs=1, batch_size=BATCH, progress=False, device="cpu", augment=bare)
    turns = turns[1:]  # one before training, to try it out
    ours = [after[0] - before[1] for before, after in itertools.pairwise(turns)]
    return 1e6 * statistics.median(ours), 1e6 * statistics.median(b - a for a, b in turns)


def step(model: nn.Module, optimizer, split: Split, batch: torch.Tensor) -> None:
    pictures = as_float(split.images.index_select(0, batch))
    loss = F.cross_entropy(model(pictures), split.labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def epoch(model: nn.Module, optimizer, split: Split) -> None:
    for batch in torch.randperm(len(split)).split(BATCH):
        step(model, optimizer, split, batch)


def _loader(split: Split):
    pictures = torch.utils.data.TensorDataset(as_float(split.images), split.labels)
    return torch.utils.data.DataLoader(pictures, BATCH, shuffle=True)


def over_loader(split: Split, prepare) -> float:
    model = net()
    model, optimizer, loader, backward = prepare(model, sgd(model), _loader(split))

    def work():
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            backward(loss)
            optimizer.step()

    return timed(work)


def plain(model, optimizer, loader):
    return model, optimizer, loader, torch.Tensor.backward


def fabric(model, optimizer, loader):
    from lightning.fabric import Fabric

    engine = Fabric(accelerator="cpu", devices=1)
    model, optimizer = engine.setup(model, optimizer)
    return model, optimizer, engine.setup_dataloaders(loader), engine.backward


def accelerate(model, optimizer, loader):
    from accelerate import Accelerator

    engine = Accelerator(cpu=True)
    return *engine.prepare(model, optimizer, loader), engine.backward


def lightning(split: Split) -> float:
    import lightning as L

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net()

        def training_step(self, batch, _):
            images, labels = batch
            return F.cross_entropy(self.net(images), labels)

        def configure_optimizers(self):
            return sgd(self)

    quiet = ("logger", "checkpointing", "progress_bar", "model_summary")
    off = {name if name == "logger" else f"enable_{name}": False for name in quiet}
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", **off)
    loader = _loader(split)
    return timed(lambda: trainer.fit(Module(), loader))
