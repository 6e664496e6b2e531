"""Images a second from the data set to a batch that a network takes, on one core."""

import torch
from bench import OURS, Contest, take_turns, timed
from fast import flip_alternately
from training import torchvisions

from cv_course import data, perturb

BATCH = 128
SLOW = 6_000  # images that the slow ways are measured on


def contests(rounds: int) -> list[Contest]:
    torch.set_num_threads(1)
    train = data.fashion_mnist(full=True).train

    def ours(augment=None):
        for epoch in range(2):
            for batch in torch.randperm(len(train)).split(BATCH):
                pictures = train.images.index_select(0, batch)
                if augment:
                    pictures = augment(pictures, batch, epoch)
                data.as_float(pictures)

    def crop_and_flip(pictures, batch, epoch):
        return flip_alternately(perturb.random_crop(pictures, 2), batch, epoch)

    def rate(count, work, *given):
        return lambda _: count / timed(work, *given)

    tensors = torch.utils.data.TensorDataset(data.as_float(train.images), train.labels)
    few, few_floats = train.images[:BATCH], data.as_float(train.images[:BATCH])
    plain = {
        OURS: rate(2 * len(train), ours),
        "TensorDataset + DataLoader": rate(len(train), _walk, tensors),
        "torchvision + DataLoader": rate(SLOW, _walk, _pictures()),
        "bytes to floats alone, needed": rate(300 * BATCH, _repeat, few.float),
        "division by 255 alone, needed": rate(300 * BATCH, _repeat, lambda: few_floats.div_(255)),
    }
    changed = {
        OURS: rate(2 * len(train), ours, crop_and_flip),
        "torchvision's RandomCrop and flip + DataLoader": rate(SLOW, _walk, _pictures(True)),
        "mirroring a batch alone": rate(300 * BATCH, _repeat, lambda: few.flip(-1)),
    }
    how = {"unit": "images/s", "less": False}
    return [
        Contest("input, plain", samples=take_turns(plain, rounds), limit=2.5e6, **how),
        Contest(
            "input, each image cropped and flipped",
            samples=take_turns(changed, rounds),
            limit=0.6e6,
            **how,
        ),
    ]


def _repeat(work, times: int = 300) -> None:
    for _ in range(times):
        work()


def _pictures(augment: bool = False):
    from torchvision.transforms import Compose, RandomCrop, RandomHorizontalFlip, ToTensor

    steps = [RandomCrop(28, padding=2), RandomHorizontalFlip()] if augment else []
    pictures = torchvisions(Compose([*steps, ToTensor()]))
    return torch.utils.data.Subset(pictures, range(SLOW))


def _walk(pictures) -> None:
    for _ in torch.utils.data.DataLoader(pictures, BATCH, shuffle=True):
        pass
