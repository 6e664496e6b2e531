"""The quick network and its recipes."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from cv_course import data
from cv_course.training import evaluate, fit

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
from fast import fast_fashion, flip_alternately


@pytest.fixture(scope="module")
def fashion():
    return data.fashion_mnist()


def test_it_learns_repeatably_and_leaves_the_learners_random_numbers_alone(fashion):
    state = torch.get_rng_state()
    options = {"device": "cpu", "progress": False}
    few = fashion.train[:4000]
    model, history = fast_fashion(few, fashion.test, percent=91, seed=3, **options)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(history.rows) == 2
    assert evaluate(model, fashion.test) > 0.78
    again, _ = fast_fashion(few, percent=91, seed=3, **options)
    assert torch.equal(again.head.weight, model.head.weight)


def test_augment_gets_bytes_positions_and_the_epoch(fashion):
    seen = []

    def augment(images, positions, epoch):
        assert images.dtype == torch.uint8
        assert torch.equal(images, fashion.train.images[positions])
        seen.append((epoch, positions))
        return 255 - images

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    fit(model, fashion.train[:600], epochs=2, batch_size=200, augment=augment, progress=False,
        device="cpu")  # fmt: skip
    del seen[0]  # tried out before training
    assert [epoch for epoch, _ in seen] == [0, 0, 0, 1, 1, 1]
    for epoch in (0, 1):
        positions = torch.cat([where for which, where in seen if which == epoch])
        assert torch.equal(positions.sort().values, torch.arange(600))


def test_two_epochs_of_alternate_flips_show_both_forms_of_every_image():
    images = torch.randint(0, 256, (1000, 1, 3, 4), dtype=torch.uint8)
    positions = torch.randperm(1000)
    first, second = (flip_alternately(images, positions, epoch) for epoch in (0, 1))
    flipped = (first == images.flip(-1)).flatten(1).all(1)
    assert torch.equal(first[~flipped], images[~flipped])
    assert torch.equal(second[~flipped], images.flip(-1)[~flipped])
    assert torch.equal(second[flipped], images[flipped])
    assert 400 < flipped.sum() < 600
    of_one_class = flipped[positions % 10 == 3]  # positions of a class are 10 apart in our sets
    assert 0.3 < of_one_class.float().mean() < 0.7
    assert torch.equal(flip_alternately(images, positions, 2), first)
