"""Section 02: its parts, its interactive, and what it tells of longer tests."""

from functools import partial

import numpy as np
import pytest
import torch
from notebook_code import from_notebook

from cv_course import data, features
from cv_course.sections.s02_features import drills, model, play

NOTEBOOK = "02_features_by_hand_or_learned"


everything = data.fashion_mnist().train
train, validation = everything[:8_000], everything[8_000:]


# --- exercises -----------------------------------------------------------------------------------


def test_cell_histogram_is_what_hog_counts():
    shoe = train.images[9, 0].double()
    across, down = torch.zeros(2, 28, 28, dtype=torch.double)
    across[:, 1:-1], down[1:-1] = shoe[:, 2:] - shoe[:, :-2], shoe[2:] - shoe[:-2]
    cells = features.cell_histograms(*features.gradients(train.images[9:10]))[0]
    one = slice(8, 12)
    found = drills.cell_histogram(across[one, one].numpy(), down[one, one].numpy(), 9)
    assert found == pytest.approx(cells[2, 2].numpy())


# --- the parts -----------------------------------------------------------------------------------


def test_draws_are_balanced_and_follow_the_seed():
    one, other = (model.draw(train, 100, seed) for seed in (0, 1))
    assert torch.bincount(one.labels).tolist() == [10] * 10
    assert not torch.equal(one.images, other.images)
    assert torch.equal(one.images, model.draw(train, 100, 0).images)


def test_half_of_the_images_are_changed():
    split = train[:400]
    changed, which = model.half_changed(split, lambda images: 255 - images, seed=3)
    assert 150 < which.sum() < 250
    assert torch.equal(changed.images[which == 0], split.images[which == 0])
    assert torch.equal(changed.images[which == 1], 255 - split.images[which == 1])


@pytest.mark.parametrize(("dx", "dy", "degrees"), [(1, 0, 0), (0, 3, 90), (2, 2, 45), (2, -2, 135)])
def test_the_main_direction_of_a_ramp(dx, dy, degrees):
    y, x = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    ramp = (100 + dx * x + dy * y).clamp(0, 255).to(torch.uint8)[None, None]
    direction, flat = model.main_direction(ramp)
    assert direction.view(7, 7)[1:-1, 1:-1].flatten().tolist() == pytest.approx([degrees] * 25)
    assert flat.sum() == 0
    assert model.main_direction(torch.full_like(ramp, 9))[1].all()


def test_filters_by_hand_look_at_changes_only():
    both, edges = model.hand_filters(8, "edges and lines"), model.hand_filters(4, "edges")
    assert both.shape == (16, 1, 7, 7)
    assert edges.shape == (4, 1, 7, 7)
    assert both.sum((1, 2, 3)).abs().max() < 1e-5
    torch.testing.assert_close(edges.square().sum((1, 2, 3)), torch.ones(4))
    torch.testing.assert_close(edges[2, 0], edges[0, 0].T)  # a quarter turn


# --- the interactive -----------------------------------------------------------------------------


def test_smoothing_helps_a_filter_against_noise():
    clean = data.photos(96)["camera"].float().mean(0)
    noisy = clean + 40 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    kernel = play.FILTERS["right − left"]

    def correlation(grey):
        found = torch.stack([play.filtered(one, kernel).flatten() for one in (grey, clean)])
        return torch.corrcoef(found)[0, 1]

    smoothed = play.filtered(play.filtered(noisy, play.AVERAGE), play.AVERAGE)
    assert correlation(noisy) + 0.1 < correlation(smoothed)


def test_a_filter_computes_what_the_text_says():
    row = torch.tensor([10.0, 10, 10, 60, 60]).expand(3, 5)
    assert play.filtered(row, play.FILTERS["right − left"])[1, 1:4].tolist() == [0, 50, 50]


# --- what the section only tells -----------------------------------------------------------------

slow = pytest.mark.slow
new_backbone, new_small_network = from_notebook(
    NOTEBOOK, "new_backbone", "new_small_network", model=model
)


def worth(source, learn, judge, decay):
    layer = model.fit_linear(source(learn.images), learn.labels, decay=decay)
    return model.accuracy(layer, source(judge.images), judge.labels)


def before_and_after(make, seed, learn, judge, decay, **how):
    """What a network's outputs are worth, untrained and trained."""
    torch.manual_seed(seed)
    source = partial(model.outputs, network := make())
    untrained = worth(source, learn, judge, decay)
    model.train(network, learn, seed, **how)
    return untrained, worth(source, learn, judge, decay)


@slow
def test_with_8_000_images_and_more_steps_training_pays():
    gains, leads = [], []
    of_hog = worth(features.hog, train, validation, 0.01)
    for seed in range(3):
        random, trained = before_and_after(new_backbone, seed, train, validation, 0.01, steps=750)
        gains.append(trained - random)
        leads.append(trained - of_hog)
    print(gains, leads)
    assert np.mean(gains) > 0.01
    assert abs(np.mean(leads)) < 0.02


@slow
def test_longer_training_puts_4_learned_filters_ahead_of_those_by_hand():
    leads = []
    for seed in range(3, 6):
        learn = model.draw(train, 2000, seed)
        slot, by_hand = partial(new_small_network, 4, 7), new_small_network(4, 7)
        by_hand[0].weight.data = model.hand_filters(4, "edges")
        _, learned = before_and_after(slot, seed, learn, validation, 0.003, steps=750)
        leads.append(learned - worth(partial(model.outputs, by_hand), learn, validation, 0.003))
    print(leads)
    assert np.mean(leads) > 0.005


@slow
def test_with_784_numbers_random_filters_are_as_good_as_learned_ones():
    gains = []
    for seed in range(3, 6):
        learn = model.draw(train, 2000, seed)
        slot = partial(new_small_network, 16, 4)
        random, learned = before_and_after(slot, seed, learn, validation, 0.003, rate=0.2)
        gains.append(learned - random)
    print(gains)
    assert abs(np.mean(gains)) < 0.015
