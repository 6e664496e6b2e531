"""Section 10: its exercises, interactives, exact numbers, and what it says for 3 seeds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import assert_section, from_notebook, picture
from torch import nn

from cv_course import data, layers, training
from cv_course.networks.vgg import CONFIGS, VGG, read_stage, vgg
from cv_course.sections.s10_vgg import drills, model, play

NOTEBOOK = "10_vgg"


# --- exercises -----------------------------------------------------------------------------------


def test_exercises():
    assert_section("s10_vgg")


def test_a_small_block_can_be_found_and_is_measured():
    reached, said = drills.my_block([(3, 8)] * 4 + [(3, 16)])
    assert reached
    assert "4,032 weights, and each output sees 11 x 11" in said
    assert not drills.my_block([(3, 16)] * 5)[0]  # 11,520 weights
    assert not drills.my_block([(3, 8), (5, 8), (5, 16)])[0]  # three layers
    assert not drills.my_block([(3, 8)] * 5)[0]  # 8 channels at the end
    assert not drills.my_block([(1, 16)] * 4)[0]  # sees one position
    for nothing in ([], [(2, 16)], [(3, 0)]):
        assert not drills.my_block(nothing)[0]


@pytest.mark.parametrize("size", [1, 3, 5])
def test_merged_kernels_do_what_two_layers_do(size):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(3, 3)), rng.normal(size=(size, size))
    one, two, both = (
        torch.from_numpy(kernel)[None, None]
        for kernel in (first, second, drills.merge_kernels(first, second))
    )
    image = torch.randn(1, 1, 12, 12, dtype=torch.float64)
    torch.testing.assert_close(F.conv2d(F.conv2d(image, one), two), F.conv2d(image, both))


@pytest.mark.parametrize("name", CONFIGS)
def test_stacks_are_counted_as_the_layers_are(name):
    words = [item for stage in CONFIGS[name] for item in read_stage(stage) if item != "LRN"]
    kernels, widths = zip(*words, strict=True)
    with torch.device("meta"):
        features = vgg(name, head="average").features
    weights, side = drills.count_stack(kernels, [3, *widths])
    assert weights == sum(p.numel() for p in features.parameters() if p.ndim == 4)
    convolutions = nn.Sequential(*[m for m in features if isinstance(m, nn.Conv2d)])
    assert (side, side) == layers.trace(convolutions, (3, 64, 64))[-1].receptive_field


# --- interactives --------------------------------------------------------------------------------


def test_stacks_cost_what_the_paper_says():
    assert model.stack_costs(3, 64, 64)["weights"] == (27 * 64**2, 49 * 64**2)
    small, large = model.stack_costs(3, 3, 64)["weights"]
    assert small > 8 * large
    stacks = play.stacks()
    assert "110,592 weights against 200,704; the stack has 3 times" in stacks.alt()
    assert "from 3 to 64 channels: 75,456 weights against 9,408" in stacks.alt(channels_in="3")
    before = picture(stacks)
    stacks.controls["depth"].value = 5
    assert picture(stacks) != before
    assert len({stacks.html(**state) for state in stacks.film}) == len(stacks.film)


def test_the_valley_is_the_loss_of_one_input():
    x = np.random.default_rng(0).normal(size=5000)
    x = 0.35 * (x - x.mean()) / x.std() + 0.29
    goal = (x - x.mean()) / x.std()
    path, hessian = model.valley(0.29, 0.35, rate=0.3, steps=7)
    weight, bias = 0.0, 0.0
    for _ in range(7):
        error = weight * x + bias - goal
        weight, bias = weight - 0.3 * (error * x).mean(), bias - 0.3 * error.mean()
    np.testing.assert_allclose(path[-1], [weight - 1 / 0.35, bias + 0.29 / 0.35], atol=1e-9)
    rows = np.c_[x, np.ones_like(x)]
    np.testing.assert_allclose(hessian, rows.T @ rows / len(x), atol=1e-9)


def test_centring_says_the_condition_number():
    centring = play.centring(0.286, 0.354)
    assert "condition number is 8.0" in centring.alt(mean=0.0)
    numbers = [
        float(centring.alt(mean=mean).split("number is ")[1].split(",")[0])
        for mean in (0.0, 0.29, 1.29)
    ]
    assert numbers == sorted(numbers)
    assert numbers[2] > 5 * numbers[1]
    assert len({centring.html(**state) for state in centring.film}) == len(centring.film)


def test_transfer_names_all_candidates():
    runs = {"stage 1": [[0.5, 0.8], [0.7, 0.9]], "scores": [[0.3, 0.4], [0.3, 0.4]]}
    transfer = play.transfer({"trained": runs, "pixels": {"pixels": [[0.6, 0.7]]}}, (1, 20))
    assert "1, 20 examples: trained 0.60, 0.85; pixels 0.60, 0.70" in transfer.alt()
    assert "trained 0.30, 0.40; pixels 0.60, 0.70" in transfer.alt(layer="scores")
    assert len({transfer.html(**state) for state in transfer.film}) == 2
    assert play.transfer({"trained": runs}, (1, 20), "scores").film[0] == {"layer": "scores"}


# --- what the section computes -------------------------------------------------------------------


def test_stage_outputs_end_in_the_scores():
    network = VGG(("3-4", "3-6"), (1, 8, 8), classes=3, head="average", batch_norm=True)
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    found = model.stage_outputs(network, images)
    assert {name: tuple(one.shape) for name, one in found.items()} == {
        "stage 1": (5, 64),
        "stage 2": (5, 24),
        "scores": (5, 3),
    }
    torch.testing.assert_close(found["scores"], network.eval()(data.as_float(images)).detach())


def test_few_examples_of_what_is_far_apart_suffice():
    (few_shot_accuracy,) = from_notebook(NOTEBOOK, "few_shot_accuracy")
    few_shot_accuracy.__globals__["model"] = model
    labels = torch.arange(80) % 4
    rows = 20 * F.one_hot(labels, 4).float() + torch.randn(80, 4)
    for accuracy in (few_shot_accuracy, model.least_squares_accuracy):
        assert accuracy(rows, labels, rows, labels, 2) == 1
        assert accuracy(rows, labels, rows, labels.roll(1), 2) == 0
    half = model.at_half_size(
        data.Split(torch.full((1, 1, 4, 4), 7, dtype=torch.uint8), labels[:1])
    )
    assert half.images.tolist() == [[[[7, 7], [7, 7]]]]


# --- what the section says, for three seeds ------------------------------------------------------

slow = pytest.mark.slow
RECIPE = {"batch_size": 50, "progress": False, "device": "cpu"}


def he_start():
    return from_notebook(NOTEBOOK, "he_start")[0]


@slow
@pytest.mark.parametrize("seed", range(3, 6))
def test_a_stack_is_as_good_and_so_are_the_controls(seed):
    fashion, right = data.fashion_mnist(), {}
    order = torch.randperm(8000, generator=torch.Generator().manual_seed(seed))
    train, val = fashion.train[order[:1500]], fashion.train[8000:]
    kinds = {"large": None, "stack": nn.ReLU, "linear": nn.Identity, "narrow": None}
    for kind, between in kinds.items():
        torch.manual_seed(seed)
        one, two, three = (nn.Conv2d(16, 16, 3, padding=1) for _ in range(3))
        if between is None:
            block = [nn.Conv2d(16, 16 if kind == "large" else 9, 7, padding=3)]
        else:
            block = [one, between(), two, between(), three]
        network = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=4), nn.ReLU(), *block, nn.ReLU(), nn.Flatten(),
            nn.Linear(49 * block[-1].out_channels, 10),
        )  # fmt: skip
        he_start()(network)
        training.fit(network, train, epochs=2, lr=0.02, seed=seed, **RECIPE)
        right[kind] = training.evaluate(network, val)
    print(seed, right)
    assert min(right.values()) > 0.65
    assert max(right.values()) - min(right.values()) < 0.09


def trained_deep(depth, seed, epochs, shortcut=False, **options):
    deep, block = from_notebook(NOTEBOOK, "deep", "Shortcut")[:2]
    if isinstance(deep, type):
        deep, block = block, deep
    fashion = data.fashion_mnist()
    order = torch.randperm(8000, generator=torch.Generator().manual_seed(seed))
    train, val = fashion.train[order[:1500]], fashion.train[8000:]
    torch.manual_seed(seed)
    network = deep(depth, **({"block": block} if shortcut else {}), **options)
    he_start()(network)
    training.fit(network, train, epochs=epochs, lr=0.1, seed=seed, **RECIPE)
    return np.array([training.evaluate(network, part) for part in (train, val)])


@slow
@pytest.mark.parametrize("epochs", [2, 10])
def test_accuracy_rises_with_depth_then_falls_without_shortcuts(epochs):
    """On training and on validation images; the fall gets smaller with more epochs."""
    seeds = range(3, 6)
    plain = {d: [trained_deep(d, seed, epochs) for seed in seeds] for d in (1, 3, 8, 20)}
    short = np.mean([trained_deep(20, seed, epochs, shortcut=True) for seed in seeds], axis=0)
    wide = np.mean([trained_deep(1, seed, epochs, channels=45) for seed in seeds], axis=0)
    mean = {d: np.mean(runs, axis=0) for d, runs in plain.items()}
    print(epochs, mean, short, wide)
    assert (mean[3] > mean[1] + (0.03, 0.01)).all()
    fall = np.minimum(mean[3], mean[8]) - mean[20]
    assert (fall > (0.06 if epochs == 2 else 0.02)).all()
    assert (short > mean[20] + (0.1 if epochs == 2 else 0.03)).all()
    assert (short > (mean[3] + mean[20]) / 2).all()  # shortcuts prevent most of the fall
    assert (wide > mean[1] - 0.01).all()


@slow
@pytest.mark.parametrize("seed", range(3))
def test_signals_explode_die_or_pass(seed):
    photographs = [data.photos()[name][:, :256:8, :256:8] for name in ("astronaut", "cat")]
    pair = torch.stack(photographs).float()
    found, sizes, features = [], [], vgg("E", head="average").features
    for std in (0.1, 0.01, None):
        torch.manual_seed(seed)
        maps, apart, size = (pair - pair.mean()) / pair.std(), [], []
        with torch.no_grad():
            for layer in features:
                if isinstance(layer, nn.Conv2d):
                    nn.init.zeros_(layer.bias)
                    if std is None:
                        nn.init.kaiming_normal_(layer.weight)
                    else:
                        nn.init.normal_(layer.weight, std=std)
                maps = layer(maps)
                if isinstance(layer, nn.ReLU):
                    apart.append((maps[0] - maps[1]).square().mean().sqrt().item())
                    size.append(maps.square().mean().sqrt().item())
        found.append(apart[-1] / apart[0])
        sizes.append(size[-1] / size[0])
    print(seed, found, sizes)
    assert found[0] > 1e5
    assert found[1] < 1e-5
    assert 0.005 < found[2] < 0.6 * sizes[2]
    assert 0.15 < sizes[2] < 3


@slow
@pytest.mark.parametrize("seed", range(3, 6))
def test_an_offset_costs_at_every_rate_and_dividing_only_moves_the_rate(seed):
    """E24 with all four inputs."""
    (descend,) = from_notebook(NOTEBOOK, "descend")
    fashion = data.fashion_mnist().train
    x, y = data.as_float(fashion.images).flatten(1), fashion.labels
    one_hot = F.one_hot(y, 10)
    mean, spread = x[:8000].mean(), x[:8000].std()
    inputs = {"raw": x, "centred": x - mean, "standardised": (x - mean) / spread, "raw + 1": x + 1}
    best, rates = {}, (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    for name, rows in inputs.items():
        right = []
        for rate in rates:
            W, b = descend(rows[:8000], one_hot[:8000], rate, seed)
            right.append(((rows[8000:] @ W.T + b).argmax(1) == y[8000:]).float().mean().item())
        best[name] = max(right), rates[int(np.argmax(right))]
    print(seed, best)
    others = [best[name][0] for name in ("raw", "centred", "standardised")]
    assert best["raw + 1"][0] < min(others) - 0.04
    assert max(others) - min(others) < 0.06
    assert best["centred"][1] > best["standardised"][1]


@slow
def test_trained_features_lead_with_averages_and_not_with_least_squares():
    """E23: the layer is chosen on validation images, the claim holds on test images."""
    (few_shot_accuracy,) = from_notebook(NOTEBOOK, "few_shot_accuracy")
    few_shot_accuracy.__globals__["model"] = model
    fashion, names = data.fashion_mnist(), ("Sandal", "Dress", "Bag", "Shirt")
    known = fashion.only(*[name for name in fashion.classes if name not in names])
    new = fashion.only(*names)
    known_train, pool, val, test = map(
        model.at_half_size,
        (known.train[:1500], new.train[:1000], new.train[2000:3000], new.test),
    )

    def pixels(split):
        return {"pixels": data.as_float(split.images).flatten(1)}

    found = {"trained": [], "random": [], "pixels": [pixels]}
    for seed in range(3, 6):
        for kind in ("random", "trained"):
            torch.manual_seed(seed)
            stages = ("3-16 3-16", "3-32 3-32", "3-64 3-64")
            net = VGG(stages, (1, 14, 14), classes=6, head="average", batch_norm=True)
            if kind == "trained":
                training.fit(net, known_train, epochs=2, seed=seed, **RECIPE)
            found[kind].append(lambda split, net=net: model.stage_outputs(net, split.images))
    right, squares = {}, {}
    for kind, readers in found.items():
        examples = [read(pool) for read in readers]
        asked = {
            part: [read(split) for read in readers]
            for part, split in (("val", val), ("test", test))
        }

        def mean(layer, split, part, measure=few_shot_accuracy, examples=examples, asked=asked):
            return np.mean([
                measure(X[layer], pool.labels, A[layer], split.labels, 20)
                for X, A in zip(examples, asked[part], strict=True)
            ])  # fmt: skip

        layer = max(examples[0], key=lambda layer: mean(layer, val, "val"))
        right[kind] = mean(layer, test, "test")
        squares[kind] = mean(layer, test, "test", model.least_squares_accuracy)
    print(right, squares)
    assert right["trained"] > max(right["pixels"], right["random"]) + 0.02
    assert max(squares.values()) - min(squares.values()) < 0.05
