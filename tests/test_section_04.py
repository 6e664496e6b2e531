"""Section 04: its exercises, its interactives, and what it says about learned numbers."""

import numpy as np
import pytest
import torch
from notebook_code import assert_section, from_notebook, picture
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from cv_course import data, perturb, training
from cv_course.data import Dataset, Split, as_float
from cv_course.nearest import NearestNeighbours
from cv_course.sections.s04_template import drills, play
from cv_course.sections.s04_template.model import best_threshold, correlation, judge, read_template

NOTEBOOK = "04_one_layer_one_template"
PAIRS = [("Ankle boot", "Sneaker"), ("Shirt", "T-shirt")]
EMPTY = "\n".join(["." * 7] * 7)


# --- exercises -----------------------------------------------------------------------------------


def test_exercises():
    assert_section("s04_template")


def test_one_epoch_can_be_reached_and_is_measured():
    reached, said = drills.one_epoch({"learning_rate": 0.03, "batch_size": 10})
    assert reached
    assert "0.770" in said
    assert not drills.one_epoch({"learning_rate": 0.03, "batch_size": 500})[0]
    assert not drills.one_epoch({"learning_rate": 0.03, "batch_size": 0})[0]


# --- a template drawn by hand --------------------------------------------------------------------


def test_a_drawing_is_read_and_magnified():
    template = read_template("\n  +.-\n  ..+\n\n  -++\n", side=6)
    coarse = torch.tensor([[1.0, 0, -1], [0, 0, 1], [-1, 1, 1]])
    assert torch.equal(template, coarse.kron(torch.ones(2, 2))[None])


@pytest.mark.parametrize(
    ("drawing", "found"),
    [
        ("+x\n-o", "found o, x"),
        ("+..\n-.", r"lines of \[3, 2\] characters"),
        ("+..\n-..\n...", r"side divides 28.*\[3, 3, 3\]"),
        ("\n \n", r"lines of \[\] characters"),
    ],
)
def test_what_is_no_drawing_is_refused_by_name(drawing, found):
    with pytest.raises(ValueError, match=found):
        read_template(drawing)


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_does_better(seed):
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randint(-4, 5, (15,), generator=rng) / 2  # many are equal
    positive = torch.rand(15, generator=rng) < scores.sigmoid()
    best = best_threshold(scores, positive)
    tries = [score + by for score in scores for by in (-0.25, 0.25)]
    assert best not in scores
    right = [int(((scores > one) == positive).sum()) for one in (best, *tries)]
    assert right[0] == max(right)


def test_a_judgement_counts_on_the_test_images_with_a_threshold_of_the_training_images():
    whole = data.fashion_mnist()
    pair = Dataset(whole.train[:600], whole.test[:300], whole.classes).only("Coat", "Bag")
    template = torch.randn(1, 28, 28, generator=torch.Generator().manual_seed(1))
    found = judge(template, pair)
    known, asked = (
        torch.from_numpy(np.tensordot(split.images.numpy() / 255, template.double().numpy(), 3))
        for split in (pair.train, pair.test)
    )
    hits = (asked > found.threshold) == (pair.test.labels == 0)
    assert found.accuracy == pytest.approx(hits.float().mean().item())
    coats = pair.train.labels == 0
    best = max(int(((known > score - 1e-6) == coats).sum()) for score in known)
    assert int(((known > found.threshold) == coats).sum()) == best


def test_correlation_is_numpys_pair_by_pair():
    one, other = torch.rand(2, 4, 1, 6, 5, generator=torch.Generator().manual_seed(1))
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(correlation(one, other), expected, atol=1e-6)


# --- interactives --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fashion():
    whole = data.fashion_mnist()
    return Dataset(whole.train[:2000], whole.train[8000:8300], whole.classes)


@pytest.fixture(scope="module")
def templates(fashion):
    differences = torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    stages = {"1 step": (differences, 0.2), "1 epoch": (-differences, 0.7), "2": (differences, 0.8)}
    return play.templates(fashion.classes, differences, stages)


@pytest.fixture(scope="module")
def drag(fashion):
    split = Split(nn.functional.pad(fashion.test.images[:20], [4] * 4), fashion.test.labels[:20])
    networks = {"one layer": nn.Sequential(nn.Flatten(), nn.Linear(1296, 10))}
    return play.drag(networks, split, fashion.classes), networks["one layer"], split


def test_draw_template_says_what_judge_finds_and_a_click_turns_a_cell(fashion):
    draw_template = play.draw_template(fashion, PAIRS)
    for state in draw_template.film:
        state = {**draw_template.state, **state}
        found = judge(read_template(state["drawing"]), fashion.only(*state["pair"])).accuracy
        alt = draw_template.alt(**state)
        assert f"accuracy is {found:.3f}" in alt
        assert all(name in alt for name in state["pair"])
    draw_template.set(pair=PAIRS[0], drawing=EMPTY)
    shown = [picture(draw_template)]
    for sign in "+-.":
        draw_template.controls["drawing"].children[8].click()  # second row, second column
        assert draw_template.state["drawing"].split("\n")[1] == f".{sign}....."
        shown.append(picture(draw_template))
    assert shown[0] == shown[3]
    assert len(set(shown)) == 3


def test_templates_say_how_similar_they_are(templates):
    said = "correlation of the two rows is -1.00, the validation accuracy 0.70"
    assert said in templates.alt(after="1 epoch")


def test_drag_moves_the_image_that_the_network_sees(drag, fashion):
    interactive, network, split = drag
    for state in ({"right": 3, "down": -2}, {"size": 0.7}, {}):
        state = {**interactive.state, "item": 4, **state}
        seen = perturb.scale(split.images[4:5], state["size"])
        seen = perturb.shift(seen, state["right"], state["down"])
        said = fashion.classes[network(as_float(seen)).argmax()]
        assert f"one layer: {said}" in interactive.alt(**state)


# --- what the section says, for three seeds ------------------------------------------------------

slow = pytest.mark.slow


fit, one_layer, two_layers, start_at_zero, accuracy, adversarial, on_canvas = from_notebook(
    NOTEBOOK,
    *("fit", "one_layer", "two_layers", "start_at_zero", "accuracy", "adversarial", "on_canvas"),
)


@pytest.fixture(scope="module")
def arrays():
    """Images and labels, to learn from and to judge by."""
    whole = data.fashion_mnist().train
    images = as_float(whole.images)
    return (images[:8000], whole.labels[:8000]), (images[8000:], whole.labels[8000:])


def trained(make, images, labels, seed, epochs=20, **how):
    torch.manual_seed(seed)
    network = make()
    fit(network, images, labels, epochs, **how)
    return network


@slow
@pytest.mark.parametrize("seed", range(3))
def test_the_first_step_is_a_difference_of_averages_and_no_good(arrays, seed):
    """E12, also for classes of different size."""
    (images, labels), (val, val_labels) = arrays
    share = torch.rand(10, generator=torch.Generator().manual_seed(seed))
    some = torch.rand(len(labels), generator=torch.Generator().manual_seed(seed)) < share[labels]
    x, y = images[some].flatten(1), labels[some]
    W, b = torch.zeros(10, 784, requires_grad=True), torch.zeros(10)
    cross_entropy(x @ W.T + b, y).backward()
    formula = one_hot(y, 10).float().T @ x / len(x) - x.mean(0) / 10
    assert (-W.grad - formula).abs().max() < 1e-6
    network = start_at_zero(one_layer())
    fit(network, images, labels, epochs=1, batch_size=8000)
    averages = torch.stack([images[labels == c].mean(0) for c in range(10)])
    differences, found = averages - averages.mean(0), []
    torch.manual_seed(seed)
    for epochs in (0, 1, 19):
        fit(network, images, labels, epochs)
        weights = network[1].weight.detach().view(10, 1, 28, 28)
        right = accuracy(network(val), val_labels)
        found.append((correlation(weights, differences).mean().item(), right))
    print(seed, found)
    assert found[0][0] > 0.9999
    assert found[0][1] < 0.35
    assert found[0][0] > found[1][0] + 0.05 > found[2][0] + 0.1
    assert found[0][1] + 0.2 < found[1][1] < found[2][1]


@slow
def test_whitened_averages_and_least_squares_come_close(arrays):
    (x, y), (ours, labels) = ((images.flatten(1), labels) for images, labels in arrays)
    one = torch.cat([x, torch.ones(len(x), 1)], 1)
    ridge = one.T @ one / len(one) + 0.01 * torch.eye(785)
    W = torch.linalg.solve(ridge, one.T @ one_hot(y, 10).float() / len(one)).T
    least_squares = accuracy(ours @ W[:, :-1].T + W[:, -1], labels)
    print(least_squares)
    assert 0.78 < least_squares < 0.84


@slow
def test_shoes_that_point_the_other_way(arrays):
    """As many steps with both ways as without, and each image as often; the means of three runs."""
    (images, labels), (val, val_labels) = arrays
    both_ways, both_labels = torch.cat([images, images.flip(-1)]), labels.repeat(2)
    boots, cost, on_both = val_labels == 9, {}, {}
    for make in (one_layer, two_layers):
        found = []
        for seed in (3, 4, 5):
            usual = trained(make, images, labels, seed, 12)
            mixed = trained(make, both_ways, both_labels, seed, 12, batch_size=200)
            assert accuracy(usual(val[boots].flip(-1)), val_labels[boots]) < 0.1
            assert accuracy(mixed(val[boots].flip(-1)), val_labels[boots]) > 0.85
            right = [accuracy(one(val), val_labels) for one in (usual, mixed)]
            turned = accuracy(mixed(val.flip(-1)), val_labels)
            found.append((right[0] - right[1], (right[1] + turned) / 2))
        cost[make], on_both[make] = np.mean(found, 0)
    print(cost, on_both)
    assert cost[one_layer] > 0.01
    assert cost[one_layer] > cost[two_layers] + 0.003
    assert on_both[two_layers] > on_both[one_layer] + 0.01


@slow
@pytest.mark.parametrize("seed", range(3))
def test_fourteen_grey_levels_halve_the_accuracy_and_random_ones_do_not(arrays, seed):
    known, (val, labels) = arrays
    network = trained(one_layer, *known, seed)
    weight, bias = network[1].weight.detach(), network[1].bias.detach()
    before = accuracy(network(val), labels)
    attacked = adversarial(val, labels, weight, bias, 16 / 255)
    noisy = (val + 16 / 255 * torch.randn_like(val).sign()).clamp(0, 1)
    assert accuracy(network(attacked), labels) < before / 2
    assert accuracy(network(noisy), labels) > before - 0.03


@slow
@pytest.mark.parametrize("seed", range(3))
def test_shifts_break_every_pixel_method_and_training_with_them_helps_unequally(seed):
    """E13, with the notebook's networks and canvas."""
    whole = data.fashion_mnist().train
    pixels = (255 * on_canvas(as_float(whole.images))).round().to(torch.uint8)
    everything = Split(pixels, whole.labels)
    train, val = everything[:8000], everything[8000:]
    by_four = Split(perturb.shift(val.images, 4), val.labels)
    torch.manual_seed(seed)
    moved = Split(perturb.random_crop(val.images, 4), val.labels)

    def network(make, reach, epochs=3):
        torch.manual_seed(seed)
        one = make()
        training.fit(
            one, train, epochs=epochs, batch_size=100, seed=seed, progress=False, device="cpu",
            augment=lambda batch, positions, epoch: perturb.random_crop(batch, reach),
        )  # fmt: skip
        return one

    def convolution():
        return nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=7, stride=2, padding=3), nn.MaxPool2d(3), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * 6 * 6, 10),
        )  # fmt: skip

    makers = (lambda: one_layer(1296), lambda: two_layers(1296), convolution)
    for make in makers:
        centred = network(make, 0)
        assert training.evaluate(centred, val) > 0.75 > 0.45 > training.evaluate(centred, by_four)
    memory = NearestNeighbours(1).fit(train.images, train.labels)
    assert memory.score(by_four.images[:300], by_four.labels[:300]) < 0.45
    one, hidden, conv = (training.evaluate(network(make, 4), moved) for make in makers)
    longer = [training.evaluate(network(make, 4, 30), moved) for make in makers]
    print(seed, one, hidden, conv, longer)
    assert one + 0.05 < hidden
    assert hidden + 0.01 < conv
    assert longer[0] + 0.1 < longer[1]
    assert longer[1] + 0.01 < longer[2]
