"""What section 03 measures: cross-validation, flipped labels, shifts, times, small memories."""

import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from cv_course.data import Split
from cv_course.features import hog
from cv_course.nearest import NearestNeighbours
from cv_course.perturb import shift

PAIR = (1, 9)  # trousers and ankle boots: hardly ever confused


def winners(labels: torch.Tensor, ks: Sequence[int], classes: int) -> torch.Tensor:
    """(M, len(ks)): what the first k of the neighbours' labels (M, K) vote for, for every k.

    A tie goes to the class with the nearer member, as in :class:`NearestNeighbours`.
    """
    places = torch.arange(labels.shape[1]).expand_as(labels)
    first = torch.full((len(labels), classes), labels.shape[1])  # where a class comes up first
    first.scatter_reduce_(1, labels, places, "amin")
    found = []
    for k in ks:
        votes = torch.zeros_like(first).scatter_add_(1, labels[:, :k], torch.ones_like(labels))
        found.append((votes - first / (labels.shape[1] + 1)).argmax(1))
    return torch.stack(found, 1)


def fold_accuracies(split: Split, ks: Sequence[int], folds: int = 5) -> torch.Tensor:
    """Cross-validation of k: (folds, len(ks)) accuracies, one search for each fold.

    Raises:
        ValueError: the images cannot be cut into equal folds.
    """
    if len(split) % folds:
        raise ValueError(f"{len(split)} images cannot be cut into {folds} equal folds.")
    rows = []
    for asked in torch.arange(len(split)).split(len(split) // folds):
        remembered = torch.ones(len(split), dtype=torch.bool)
        remembered[asked] = False
        known = split[remembered]
        positions = _nearest_bytes(split.images[asked], known.images, max(ks))
        voted = winners(known.labels[positions], ks, 10)
        rows.append((voted == split.labels[asked][:, None]).float().mean(0))
    return torch.stack(rows)


def _nearest_bytes(queries: torch.Tensor, images: torch.Tensor, k: int) -> torch.Tensor:
    """(M, k) positions, the nearest first. For a large k this is quicker than kneighbors.

    |q - x|² = |q|² + 2 (|x|²/2 - q·x). Around 128 all sums are whole numbers below 2^24, or halves
    of them, so that float32 is exact.
    """
    queries, images = (part.flatten(1).float() - 128 for part in (queries, images))
    return (images.square().sum(1) / 2 - queries @ images.T).topk(k, largest=False).indices


# --- flipped labels ------------------------------------------------------------------------------


def trousers_and_boots(*splits: Split) -> list[Split]:
    """Only these two classes, labelled 0 and 1."""
    pairs = [split[torch.isin(split.labels, torch.tensor(PAIR))] for split in splits]
    return [Split(pair.images, (pair.labels == PAIR[1]).long()) for pair in pairs]


def errors_under_noise(
    train: Split, asked: Split, noises: Sequence[float], ks: Sequence[int], draws: int = 10
) -> torch.Tensor:
    """Error of the k-NN vote where labels of two classes, 0 and 1, are flipped at random.

    Args:
        noises: shares of the labels to flip, in both splits.
        ks: odd numbers of neighbours.
        draws: how many random flips to average.

    Returns:
        (noises, ks) errors, exact in the flips of the query labels: a flipped label differs from a
        right prediction with probability ``noise``, from a wrong one with 1 - ``noise``.

    The images, hence the neighbours, are the same throughout, so that running sums of the sorted
    labels give the votes for every k at once.
    """
    search = NearestNeighbours(max(ks)).fit(train.images, train.labels)
    order, k = search.kneighbors(asked.images)[1], torch.tensor(ks)
    errors = torch.zeros(len(noises), len(ks))
    for draw in range(draws):
        chance = torch.rand(len(train), generator=torch.Generator().manual_seed(draw))
        for row, noise in enumerate(noises):
            learned = train.labels ^ (chance < noise)
            wrong = (2 * learned[order].cumsum(1)[:, k - 1] > k) != asked.labels[:, None].bool()
            errors[row] += (noise + (1 - 2 * noise) * wrong.float().mean(0)) / draws
    return errors


# --- similarity ----------------------------------------------------------------------------------


def shift_tolerant(queries: torch.Tensor, images: torch.Tensor, reach: int = 2) -> torch.Tensor:
    """(M, N): the smallest L2 distance over all shifts of the queries (M, 1, H, W, floats)."""
    span, images, rows = range(-reach, reach + 1), images.flatten(1).float(), []
    lengths = images.square().sum(1)  # |q - x|² = |q|² + |x|² - 2 q·x
    for some in queries.split(16):
        moved = torch.cat([shift(some, dx, dy) for dx in span for dy in span]).flatten(1)
        square = torch.addmm(lengths, moved, images.T, alpha=-2)
        square += moved.square().sum(1, keepdim=True)
        rows.append(square.view(-1, len(some), len(images)).amin(0))
    return torch.cat(rows).clamp(min=0).sqrt()


def as_hog(images: torch.Tensor) -> torch.Tensor:
    """HOG descriptors (N, D) of images from 0 to 255; brighter than 255 counts as 255."""
    return hog((images.float() / 255).clamp(0, 1)).float()


# --- time ----------------------------------------------------------------------------------------


def time_of(search: Callable, queries, images, sizes: Sequence[int]) -> list[float]:
    """Processor seconds of one query among the first N images, for each N; one thread.

    The best of five tries: other programs can only add to the time.
    """
    threads, seconds = torch.get_num_threads(), []
    torch.set_num_threads(1)
    for size in sizes:
        tries, known = [], images[:size]
        for _ in range(5):
            start = time.process_time()
            for query in queries:
                search(query, known)
            tries.append(time.process_time() - start)
        seconds.append(min(tries) / len(queries))
    torch.set_num_threads(threads)
    return seconds


# --- 31 kB ---------------------------------------------------------------------------------------


def prototypes(images: torch.Tensor, count: int, seed: int, steps: int = 10) -> torch.Tensor:
    """``count`` means of groups of similar images, (count, pixels), by k-means."""
    rows, draw = images.flatten(1).float(), torch.Generator().manual_seed(seed)
    means = rows[torch.randperm(len(rows), generator=draw)[:count]]
    for _ in range(steps):
        group = torch.cdist(rows, means).argmin(1)
        means = torch.stack([
            rows[group == one].mean(0) if (group == one).any() else means[one]
            for one in range(count)
        ])  # fmt: skip
    return means


def shrink(images: torch.Tensor) -> torch.Tensor:
    """28 x 28 pixels to 7 x 7, by the means of 4 x 4 pixels, as bytes."""
    return F.avg_pool2d(images.float(), 4).round().to(torch.uint8)


def memories(train: Split, seed: int) -> tuple[Split, Split]:
    """Two memories of 31,360 bytes, the classes balanced: 40 prototypes (four of each class) and
    640 prototypes of images shrunk to 7 x 7 pixels."""
    members = [(train.labels == label).nonzero()[:, 0] for label in range(10)]

    def means(images, count, side):
        found = torch.cat([prototypes(images[some], count, seed) for some in members])
        labels = torch.arange(10).repeat_interleave(count)
        return Split(found.round().to(torch.uint8).view(-1, 1, side, side), labels)

    return means(train.images, 4, 28), means(shrink(train.images), 64, 7)
