"""What a training loop adds to the bare steps, on a network so small that nothing else counts."""

import contextlib
import logging
import time
import warnings

import torch
import torch.nn.functional as F
from bench import OURS, Contest, take_turns
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
    ways = {
        OURS: ours,
        "raw loop": raw,
        "loop over a DataLoader": lambda split: over_loader(split, plain),
        "Lightning Fabric": lambda split: over_loader(split, fabric),
        "Lightning Trainer": lightning,
        "Accelerate": lambda split: over_loader(split, accelerate),
    }
    for way in ways.values():  # imports and first calls are not what is measured
        with contextlib.suppress(ModuleNotFoundError):
            way(split[: 2 * BATCH])
    samples = take_turns(
        {name: lambda _, way=way: way(split) / STEPS * 1e6 for name, way in ways.items()}, rounds
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


def timed(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def ours(split: Split) -> float:
    model = net()
    return timed(
        lambda: fit(model, split, epochs=1, batch_size=BATCH, progress=False, device="cpu")
    )


def raw(split: Split) -> float:
    model = net()
    optimizer = sgd(model)
    return timed(lambda: epoch(model, optimizer, split))


def epoch(model: nn.Module, optimizer, split: Split) -> None:
    for batch in torch.randperm(len(split)).split(BATCH):
        pictures = as_float(split.images.index_select(0, batch))
        loss = F.cross_entropy(model(pictures), split.labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


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
