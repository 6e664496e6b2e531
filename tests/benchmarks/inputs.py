"""Images a second from the data set to a batch that a network takes, on one core."""

import time

import torch
from bench import OURS, Contest, take_turns
from fast import flip_alternately
from training import torchvisions

from cv_course import data, perturb

BATCH = 128
SLOW = 6_000  # images that the slow ways are measured on


def contests(rounds: int) -> list[Contest]:
    torch.set_num_threads(1)
    train = data.fashion_mnist(full=True).train

    def ours(_, augment=None):
        began = time.process_time()
        for epoch in range(2):
            for batch in torch.randperm(len(train)).split(BATCH):
                pictures = train.images.index_select(0, batch)
                if augment:
                    pictures = augment(pictures, batch, epoch)
                data.as_float(pictures)
        return 2 * len(train) / (time.process_time() - began)

    def crop_and_flip(pictures, batch, epoch):
        return flip_alternately(perturb.random_crop(pictures, 2), batch, epoch)

    tensors = torch.utils.data.TensorDataset(data.as_float(train.images), train.labels)
    plain = {
        OURS: ours,
        "TensorDataset + DataLoader": lambda _: _rate(tensors),
        "torchvision + DataLoader": lambda _: _rate(_pictures()),
    }
    changed = {
        OURS: lambda _: ours(_, crop_and_flip),
        "torchvision's RandomCrop and flip + DataLoader": lambda _: _rate(_pictures(augment=True)),
    }
    few = train.images[:BATCH]
    floats, few_floats = _alone(few.float), few.float()
    division, mirrored = _alone(lambda: few_floats.div_(255)), _alone(lambda: few.flip(-1))
    return [
        Contest(
            "input, plain",
            "images/s",
            take_turns(plain, rounds),
            less=False,
            limit=2.5e6,
            note=f"on this core alone: bytes to floats {floats:,.0f} images/s, division by 255 "
            f"{division:,.0f}; both are needed",
        ),
        Contest(
            "input, each image cropped and flipped",
            "images/s",
            take_turns(changed, rounds),
            less=False,
            limit=0.6e6,
            note=f"on this core alone: mirroring a batch {mirrored:,.0f} images/s",
        ),
    ]


def _alone(work, times: int = 300) -> float:
    """Images a second of one order for one batch."""
    began = time.process_time()
    for _ in range(times):
        work()
    return times * BATCH / (time.process_time() - began)


def _pictures(augment: bool = False):
    from torchvision.transforms import Compose, RandomCrop, RandomHorizontalFlip, ToTensor

    steps = [RandomCrop(28, padding=2), RandomHorizontalFlip()] if augment else []
    pictures = torchvisions(Compose([*steps, ToTensor()]))
    return torch.utils.data.Subset(pictures, range(SLOW))


def _rate(pictures) -> float:
    loader = torch.utils.data.DataLoader(pictures, BATCH, shuffle=True)
    began = time.process_time()
    for _ in loader:
        pass
    return len(pictures) / (time.process_time() - began)
