"""Section 08: its exercises, interactives, the paper's numbers, and what it says for 3 seeds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import assert_section, picture
from torch import nn

from cv_course import data, layers, training
from cv_course.networks import pretrained
from cv_course.networks.alexnet import convolutions
from cv_course.sections.s08_alexnet import drills, model, play

# --- exercises -----------------------------------------------------------------------------------


def test_exercises():
    assert_section("s08_alexnet")


def test_one_stream_computes_what_the_towers_compute():
    torch.manual_seed(0)
    grouped, joined = convolutions()[4], nn.Conv2d(96, 256, 5, padding=2)
    weights = drills.one_stream(grouped.weight.detach().numpy(), 2)
    joined.weight.data, joined.bias.data = torch.tensor(weights).float(), grouped.bias.data
    maps = torch.rand(1, 96, 9, 9)
    assert torch.allclose(joined(maps), grouped(maps), atol=1e-5)
    assert (weights == 0).mean() == 0.5


def test_groups_are_measured():
    for groups, reached, sent in (
        ([1, 2, 1, 1, 2], True, "108,160"),
        ([1, 2, 1, 2, 1], True, "108,160"),
        ([1, 1, 1, 2, 2], False, "113,248"),
        ([1, 2, 2, 1, 1], False, "129,792"),
        ([1, 2, 1, 2, 2], False, "43,264"),
    ):
        found, said = drills.my_groups(groups)
        assert (found, sent in said) == (reached, True)
    assert not drills.my_groups([2, 2, 1, 1, 2])[0]
    assert not drills.my_groups([1, 1])[0]


def test_inputs_of_the_convolutions_are_those_of_alexnet():
    with torch.device("meta"):
        rows = layers.trace(convolutions(), (3, 227, 227)).only("Conv2d")
    sizes = [int(np.prod(row.input_shape)) for row in rows]
    assert sizes[1:] == list(drills.INPUTS.values())


def test_the_stride_makes_the_receptive_field():
    fields = {}
    for kernel, stride in ((11, 4), (3, 4), (11, 1)):
        with torch.device("meta"):
            features = convolutions()
            features[0] = nn.Conv2d(3, 96, kernel, stride)
        fields[kernel, stride] = layers.trace(features, (3, 227, 227))[-1].receptive_field[0]
    assert fields == {(11, 4): 195, (3, 4): 187, (11, 1): 57}


# --- model ---------------------------------------------------------------------------------------


def test_small_network_has_the_width_that_is_asked_for():
    assert model.small_network(8)(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    assert layers.count_parameters(model.small_network()) == 22_858
    assert layers.count_parameters(model.small_network(4)) == 1_786


def test_matched_weights_keep_the_size_of_the_signal():
    torch.manual_seed(0)
    x = torch.randn(2_000, 64)
    hidden = model.stack(16, "ReLU", "He")[:-1](x)
    assert 0.3 < hidden.square().mean() < 3
    assert model.stack(16, "ReLU", "PyTorch")[:-1](x).square().mean() < 0.05


@pytest.mark.parametrize("tower", ["A", "B"])
def test_changes_are_zero_in_the_other_tower_until_they_meet(tower):
    torch.manual_seed(0)
    image, other = torch.rand(1, 3, 99, 99), "BA".index(tower)

    def alone(*given):
        found = model.changes(convolutions(*given), image, tower)
        assert [len(change) for change in found.values()] == [96, 256, 384, 384, 256]
        return [int((change.chunk(2)[other] > 0).sum()) for change in found.values()]

    published = alone()
    assert published[:2] == [0, 0]
    assert min(published[2:]) > 20
    assert alone((1, 2, 2, 2, 2)) == [0] * 5
    assert min(alone((1, 1, 1, 1, 1))[1:]) > 20


def test_augmented_moves_and_mirrors():
    torch.manual_seed(0)
    one = torch.arange(16.0).view(1, 1, 4, 4).repeat(200, 1, 1, 1)
    found = model.augmented(one)
    assert found.shape == one.shape
    assert len({tuple(image.flatten().tolist()) for image in found}) == 2 * 9


def test_a_changed_window_is_grey_and_of_the_right_size():
    photo = torch.randint(0, 256, (3, 100, 150), dtype=torch.uint8)
    window = model.changed_window(photo, torch.Generator().manual_seed(0))
    assert window.shape == (3, 224, 224)
    assert torch.equal(window[0], window[2])
    assert 0 <= window.min() <= window.max() <= 1


# --- interactives --------------------------------------------------------------------------------


def test_towers_says_what_changes_in_the_other_tower():
    towers = play.towers()
    assert "conv1 0 of 48, conv2 0 of 128, conv3 1" in towers.alt()
    assert "conv5 0 of 128" in towers.alt(groups="never cross")
    assert "conv2 0 of 128" not in towers.alt(groups="always cross")
    before = picture(towers)
    towers.controls["tower"].value = "A"
    assert picture(towers) != before
    assert len({towers.html(**state) for state in towers.film}) == len(towers.film)


def test_gradients_are_those_of_the_weights():
    gradients = play.gradients()
    sizes = model.gradient_sizes("sigmoid", 4, "Glorot")
    assert f"sigmoid {sizes[0] / sizes[-1]:.0e}" in gradients.alt(depth=4)
    assert len({gradients.html(**state) for state in gradients.film}) == len(gradients.film)
    state = torch.get_rng_state()
    model.gradient_sizes("tanh", 3, "PyTorch")
    assert torch.equal(torch.get_rng_state(), state)


# --- what the section says, for three other seeds ------------------------------------------------

slow = pytest.mark.slow
seeds = pytest.mark.parametrize("seed", range(3, 6))
STARTS = ("He or Glorot", "PyTorch")


def splits(seed):
    """Another choice of 4,000 training and 2,000 validation images for each seed."""
    whole = data.fashion_mnist().train
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    return whole[order[:4000]], whole[order[8000:]]


def fitted(seed, train, epochs, width=16):
    torch.manual_seed(seed)
    network = model.small_network(width)
    training.fit(network, train, epochs=epochs, batch_size=50, lr=0.1, seed=seed,
                 device="cpu", progress=False)  # fmt: skip
    return network


@slow
@seeds
def test_each_cut_costs_accuracy_and_training_brings_classes_together(seed):
    train, validation = splits(seed)
    every = fitted(seed, train, 2)
    found = {"all": training.evaluate(every, validation)}
    for name, cut in (
        ("200 images", (seed, train[:200], 40)),
        ("width 4", (seed, train, 2, 4)),
        ("10 steps", (seed, train[:500], 1)),
    ):
        found[name] = training.evaluate(fitted(*cut), validation)
    print(seed, found)
    assert found["all"] > max(value for name, value in found.items() if name != "all") + 0.01

    asked, others = validation[:1000], validation[1000:]

    def same_class(describe):
        with torch.no_grad():
            mine, theirs = (describe(data.as_float(p.images)).flatten(1) for p in (asked, others))
        five = torch.cdist(mine, theirs).topk(5, largest=False).indices
        return (others.labels[five] == asked.labels[:, None]).float().mean().item()

    torch.manual_seed(seed)
    shares = [same_class(d) for d in (model.small_network().eval()[:-1], nn.Identity(), every[:-1])]
    print(seed, "untrained, pixels, trained", shares)
    assert shares[0] + 0.02 < shares[1] < shares[2]


@slow
@seeds
def test_dropout_and_augmentation_hold_back_overfitting(seed):
    train, validation = splits(seed)
    found = {}
    for name, dropout, change in (
        ("neither", 0.0, None),
        ("dropout", 0.5, None),
        ("augmentation", 0.0, model.augmented),
    ):
        torch.manual_seed(seed)
        network = model.small_network(dropout=dropout)
        found[name] = model.curves(network, train[:200], validation[:500], validation[500:], change)
    print(seed, {name: rows[:, -1].tolist() for name, rows in found.items()})
    neither = found.pop("neither")
    assert neither[0, -1] < 0.2
    for rows in found.values():
        assert rows[0, -1] > neither[0, -1]
        assert rows[1, -1] < neither[1, -1] - 0.03
        gained = neither[2, -1] - rows[2, -1]  # much of it is also had by stopping early:
        best, other = neither[1].argmin(), rows[1].argmin()  # chosen on one half,
        assert neither[2, best] - rows[2, other] < 0.6 * gained  # measured on the other
        assert abs(rows[3, -1] - neither[3, -1]) < 0.06


def deep_accuracy(seed, depth, name, start, lr=0.01, epochs=2, bias=None):
    train, validation = splits(seed)
    inputs, asked = (data.as_float(split.images) for split in (train[:2000], validation))
    mean, spread = inputs.mean(), inputs.std()
    inputs, asked = (inputs - mean) / spread, (asked - mean) / spread
    torch.manual_seed(seed)
    network = model.stack(depth, name, start, inputs=784)
    for layer in network[:-1]:
        if bias is not None and isinstance(layer, nn.Linear):
            nn.init.constant_(layer.bias, bias)
    optimiser = torch.optim.SGD(network.parameters(), lr, momentum=0.9)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(50):
            loss = F.cross_entropy(network(inputs[batch]), train.labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return round((network(asked).argmax(1) == validation.labels).float().mean().item(), 3)


@slow
@seeds
def test_activation_initialisation_and_depth(seed):
    for lr in (0.01, 0.03):
        found = {
            (depth, name, start): deep_accuracy(seed, depth, name, start, lr)
            for depth in (1, 7)
            for name in model.ACTIVATIONS
            for start in STARTS
        }
        print(seed, lr, found)
        assert min(value for (depth, *_), value in found.items() if depth == 1) > 0.6
        assert max(found[7, "sigmoid", start] for start in STARTS) < 0.15
        for name in ("tanh", "ReLU"):
            assert found[7, name, STARTS[0]] > max(0.6, found[7, name, "PyTorch"] + 0.1)
        assert found[7, "ReLU", "PyTorch"] < found[7, "tanh", "PyTorch"]


@slow
@seeds
def test_biases_of_one_do_without_matched_weights(seed):
    found = [deep_accuracy(seed, 7, "ReLU", "PyTorch", epochs=4, bias=bias) for bias in (None, 1.0)]
    print(seed, found)
    assert found[0] + 0.2 < found[1]


@slow
@seeds
def test_gradients_through_sixteen_layers(seed):
    ratios = {}
    for name in model.ACTIVATIONS:
        for start in STARTS:
            sizes = model.gradient_sizes(name, 16, start, seed)
            ratios[name, start] = sizes[0] / sizes[-1]
    print(seed, {key: f"{ratio:.0e}" for key, ratio in ratios.items()})
    assert ratios["sigmoid", STARTS[0]] < 1e-7
    assert ratios["sigmoid", "PyTorch"] < 1e-9
    assert 0.02 < ratios["ReLU", STARTS[0]] < 50
    assert 0.02 < ratios["tanh", STARTS[0]] < 50
    assert ratios["ReLU", "PyTorch"] < ratios["tanh", "PyTorch"] / 5 < 0.01


@slow
@seeds
def test_windows_are_nearest_to_their_photograph_in_the_network(seed):
    network, photos = pretrained.efficientnet_lite0(), data.photos()
    generator, own = torch.Generator().manual_seed(seed), torch.arange(5).repeat_interleave(4)
    pool = torch.cat([network.prepare(photo) for photo in photos.values()])
    queries = torch.stack(
        [model.changed_window(photo, generator) for photo in photos.values() for _ in range(4)]
    )
    right = []
    for describe in (
        lambda x: x.mean(1).flatten(1),  # grey, as the windows are
        lambda x: network.vectorise(network.features(x)),
    ):
        with torch.no_grad():
            found = torch.cdist(describe(queries), describe(pool)).argmin(1)
        right.append(int((found == own).sum()))
    print(seed, "pixels, network, of 20:", right)
    assert right[1] >= 19
    assert right[0] <= 15
