"""Section 02: its exercises, its interactives, and what it says about features for 3 seeds."""

from functools import partial

import numpy as np
import pytest
import torch
from notebook_code import assert_section, from_notebook

from cv_course import data, features
from cv_course.sections.s02_features import drills, model, play

NOTEBOOK = "02_features_by_hand_or_learned"


everything = data.fashion_mnist().train
train, validation = everything[:8_000], everything[8_000:]


# --- exercises -----------------------------------------------------------------------------------


def test_exercises():
    assert_section("s02_features")


def test_cell_histogram_is_what_hog_counts():
    shoe = train.images[9, 0].double()
    across, down = torch.zeros(2, 28, 28, dtype=torch.double)
    across[:, 1:-1], down[1:-1] = shoe[:, 2:] - shoe[:, :-2], shoe[2:] - shoe[:-2]
    cells = features.cell_histograms(*features.gradients(train.images[9:10]))[0]
    one = slice(8, 12)
    found = drills.cell_histogram(across[one, one].numpy(), down[one, one].numpy(), 9)
    assert found == pytest.approx(cells[2, 2].numpy())


def test_a_small_hog_can_be_found_and_is_measured():
    small = {"cell": 4, "bins": 4, "block": 1, "norm": "none"}
    reached, said = drills.my_hog(small)
    assert reached
    assert "It has 196 numbers" in said
    assert not drills.my_hog({**small, "cell": 14, "bins": 9})[0]  # too coarse
    assert not drills.my_hog({**small, "bins": 9})[0]  # 441 numbers


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


# --- interactives --------------------------------------------------------------------------------


def test_smoothing_helps_a_filter_against_noise():
    photo = play.filter_photo(data.photos(96)["camera"])

    def correlation(**state):
        return float(photo.alt(**state).split()[-1].rstrip("."))

    assert correlation() == 1
    assert correlation(noise=40) + 0.1 < correlation(noise=40, smooth=2)


def test_a_filter_computes_what_the_text_says():
    row = torch.tensor([10.0, 10, 10, 60, 60]).expand(3, 5)
    assert play.filtered(row, play.FILTERS["right − left"])[1, 1:4].tolist() == [0, 50, 50]


def test_design_feature_says_what_a_design_is_worth():
    design = play.design_feature(train[:300], validation[:200], item=9)
    known, asked = (features.hog(s.images, cell=7, bins=6, block=1, norm="none")
                    for s in (train[:300], validation[:200]))  # fmt: skip
    layer = model.fit_linear(known, train[:300].labels, decay=0.01)
    reached = model.accuracy(layer, asked, validation[:200].labels)
    said = design.alt(cell=7, bins=6, norm=("none", 1))
    assert f"96 numbers per image. Validation accuracy {reached:.3f}" in said
    assert "1,296 numbers" in design.alt()


# --- what the section says, for three other seeds ------------------------------------------------

slow = pytest.mark.slow
as_degrees, on_a_circle, new_backbone, new_slot = from_notebook(
    NOTEBOOK, "as_degrees", "on_a_circle", "new_backbone", "new_slot", model=model
)


def worth(source, learn, judge, decay):
    layer = model.fit_linear(source(learn.images), learn.labels, decay=decay)
    return model.accuracy(layer, source(judge.images), judge.labels)


@slow
def test_the_form_matters_for_each_decay():
    for decay in (0.003, 0.01, 0.03):
        learn = model.draw(train, 500, seed=5)
        forms = as_degrees, on_a_circle
        degrees, circle = (worth(form, learn, validation, decay) for form in forms)
        assert circle > degrees + 0.04


def before_and_after(make, seed, learn, judge, decay, **how):
    """What a network's outputs are worth, untrained and trained."""
    torch.manual_seed(seed)
    source = partial(model.outputs, network := make())
    untrained = worth(source, learn, judge, decay)
    model.train(network, learn, seed, **how)
    return untrained, worth(source, learn, judge, decay)


@slow
def test_training_adds_nothing_to_many_numbers_up_to_2_000_images():
    found = {}
    for size in (100, 2000):
        for seed in range(3, 6):
            learn = model.draw(train, size, seed)
            both = before_and_after(new_backbone, seed, learn, validation, 0.01)
            of_hog = worth(features.hog, learn, validation, 0.01)
            for name, value in zip(("untrained", "trained", "HOG"), (*both, of_hog), strict=True):
                found.setdefault((name, size), []).append(value)
    print(found)
    mean = {key: np.mean(values) for key, values in found.items()}
    assert mean["HOG", 100] > mean["trained", 100] + 0.01
    assert mean["trained", 100] < mean["untrained", 100] + 0.01
    assert abs(mean["trained", 2000] - mean["untrained", 2000]) < 0.025
    assert abs(mean["trained", 2000] - mean["HOG", 2000]) < 0.025


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
def test_with_64_numbers_training_helps_in_both_slots():
    by_hand = {16: model.hand_filters(8, "edges and lines"), 4: model.hand_filters(4, "edges")}
    found = {}
    for count, side in ((16, 14), (4, 7)):
        for seed in range(3, 6):
            learn = model.draw(train, 2000, seed)

            slot, hand = partial(new_slot, count, side), new_slot(count, side)
            hand[0].weight.data = by_hand[count]
            to = seed, learn, validation, 0.003
            random, learned = before_and_after(slot, *to, rate=0.2)
            _, longer = before_and_after(slot, *to, steps=750)
            hand = worth(partial(model.outputs, hand), *to[1:])
            names = "random", "learned", "longer", "by hand"
            for name, value in zip(names, (random, learned, longer, hand), strict=True):
                found.setdefault((count, name), []).append(value)
    print(found)
    mean = {key: np.mean(values) for key, values in found.items()}
    assert mean[16, "learned"] > max(mean[16, "random"], mean[16, "by hand"]) + 0.02
    assert mean[4, "learned"] > mean[4, "random"] + 0.01
    assert abs(mean[4, "learned"] - mean[4, "by hand"]) < 0.035
    assert mean[4, "longer"] > mean[4, "by hand"] + 0.005
    assert mean[4, "random"] - mean[16, "random"] > 0.02
    assert abs(mean[4, "learned"] - mean[16, "learned"]) < 0.02


@slow
def test_with_784_numbers_random_filters_are_as_good_as_learned_ones():
    gains = []
    for seed in range(3, 6):
        learn = model.draw(train, 2000, seed)
        slot = partial(new_slot, 16, 4)
        random, learned = before_and_after(slot, seed, learn, validation, 0.003, rate=0.2)
        gains.append(learned - random)
    print(gains)
    assert abs(np.mean(gains)) < 0.015
