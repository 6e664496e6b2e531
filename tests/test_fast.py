"""The quick network and its recipes."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import data
from cv_course.training import evaluate

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
from fast import RECIPES, FastFashion, fast_fashion, flip_alternately


@pytest.fixture(scope="module")
def fashion():
    return data.fashion_mnist()


@pytest.mark.parametrize("percent", RECIPES)
def test_size_and_shape(percent):
    recipe = RECIPES[percent]
    model = FastFashion(recipe.widths, recipe.depth)
    a, b, c = recipe.widths
    convolutions = 16 * a + 9 * (a * b + b * c + (recipe.depth - 1) * (b * b + c * c))
    normalisation = 2 * (a + recipe.depth * (b + c))
    by_hand = convolutions + normalisation + (9 * c + 1) * 10
    assert sum(p.numel() for p in model.parameters()) == by_hand
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


def test_pooling_before_the_nonlinearity_changes_nothing():
    x = torch.randn(4, 3, 10, 10)
    torch.testing.assert_close(F.max_pool2d(F.relu(x), 2), F.relu(F.max_pool2d(x, 2)))
    kinds = [type(layer) for layer in FastFashion().stages]
    assert kinds.index(nn.MaxPool2d) < kinds.index(nn.ReLU, 2)


def test_whitened_filters_respond_without_correlation_and_in_pairs(fashion):
    model = FastFashion(widths=(24, 32, 64))
    before = model.first.weight.clone()
    model.whiten(fashion.train.images[:1000])
    assert not torch.equal(model.first.weight, before)
    filters = model.first.weight.detach()
    assert torch.equal(filters[12:], -filters[:12])
    with torch.no_grad():
        answers = model.first(fashion.train.images[:1000] / 255).transpose(0, 1).flatten(1)[:12]
    correlation = torch.corrcoef(answers).fill_diagonal_(0)
    assert correlation.abs().max() < 0.05
    assert (answers.std(1) < 1.01).all()


def test_it_learns_repeatably_and_leaves_the_learners_random_numbers_alone(fashion):
    state = torch.get_rng_state()
    options = {"device": "cpu", "progress": False}
    model, history = fast_fashion(fashion.train, fashion.test, percent=91, seed=3, **options)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(history.rows) == 2
    assert evaluate(model, fashion.test) > 0.84
    again, _ = fast_fashion(fashion.train, percent=91, seed=3, **options)
    assert torch.equal(again.head.weight, model.head.weight)


def test_an_unknown_goal_is_refused(fashion):
    with pytest.raises(ValueError, match="90, 91, 92, 93"):
        fast_fashion(fashion.train, percent=99)


def test_augment_gets_bytes_positions_and_the_epoch(fashion):
    from cv_course.training import fit

    seen = []

    def augment(images, positions, epoch):
        assert images.dtype == torch.uint8
        assert torch.equal(images, fashion.train.images[positions])
        seen.append((epoch, positions))
        return 255 - images

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    fit(model, fashion.train[:600], epochs=2, batch_size=200, augment=augment, progress=False,
        device="cpu")  # fmt: skip
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
