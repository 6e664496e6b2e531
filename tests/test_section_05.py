"""Section 05: its layers, its interactives, and what its problems say."""

import numpy as np
import pytest
import torch
from notebook_code import from_notebook
from torch import nn
from torch.nn import functional as F

from cv_course import data, perturb, training
from cv_course.layers import count_parameters
from cv_course.sections.s05_convolution import counts, drills, model, play

NOTEBOOK = "05_from_dense_to_convolution"
SIZES = [((1, 28, 28), 5, 4), ((3, 9, 7), 3, 2), ((2, 5, 5), 1, 3)]


# --- exercises -----------------------------------------------------------------------------------


def test_windows_as_rows_is_unfold_and_output_size_is_torchs():
    (windows_as_rows,) = from_notebook(NOTEBOOK, "windows_as_rows")
    image = np.random.default_rng(0).normal(size=(6, 8))
    expected = F.unfold(torch.from_numpy(image)[None, None], 3)[0].T
    assert np.array_equal(windows_as_rows(image, 3), expected)
    for kernel, stride, padding in ((1, 1, 0), (3, 2, 1), (5, 4, 2), (6, 3, 0)):
        found = F.conv2d(torch.zeros(1, 1, 9, 9), torch.zeros(1, 1, kernel, kernel), None,
                         stride, padding).shape[-1]  # fmt: skip
        assert drills.output_size(9, kernel, stride, padding) == found
        assert counts.output_size(9, kernel, stride, padding) == found


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        counts.output_size(3, 6, padding=1)
    with pytest.raises(ValueError, match="1 or more"):
        counts.output_size(3, 1, stride=0)


# --- three layers --------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
def test_the_numbers_of_three_layers_are_those_of_the_formulas(sizes):
    shape, kernel, maps = sizes
    layers = {kind: model.hidden_layer(kind, *sizes) for kind in model.KINDS}
    found = {kind: count_parameters(layer) for kind, layer in layers.items()}
    assert found == counts.hidden_parameters(*sizes)
    places = (shape[1] - kernel + 1) * (shape[2] - kernel + 1)
    work = counts.hidden_multiplications(*sizes)
    assert work["local"] == work["convolution"] == places * maps * shape[0] * kernel**2
    for layer in layers.values():
        assert layer(torch.rand(2, *shape)).shape[1] == maps


def test_a_local_layer_with_equal_filters_is_a_convolution():
    conv, local = nn.Conv2d(2, 3, 3), model.Local((2, 6, 5), 3, 3)
    with torch.no_grad():
        local.weight.copy_(conv.weight)
        local.bias.copy_(conv.bias)
    images = torch.rand(4, 2, 6, 5)
    torch.testing.assert_close(local(images), conv(images))
    matrix = model.as_matrix(conv, (2, 6, 5))
    expected = conv(images).flatten(1) - conv.bias.repeat_interleave(12)
    torch.testing.assert_close(images.flatten(1) @ matrix.T, expected)
    with torch.no_grad():
        local.weight[1, 2] += 1  # only this position changes
        changed = (local(images) - conv(images)).abs().amax((0, 1)) > 1e-3
    assert changed.nonzero().tolist() == [[1, 2]]


def test_a_filter_is_named_after_the_patch_that_it_is():
    patches = model.probe_patches(5)
    names = [name for name in patches if name != "all dark"]
    filters = torch.stack([patches[name] - patches[name].mean() for name in names[1:]])
    assert model.favourites(filters, patches) == names[1:]
    assert model.favourites(-torch.ones(1, 1, 5, 5), patches) == ["all dark"]
    filters = torch.stack([torch.tensor([1.0, -1, -1]), torch.tensor([0.0, -1, 1])])
    several = torch.cat([filters[..., None, None].expand(-1, -1, 3, 3), torch.zeros(1, 3, 3, 3)])
    found = model.favourites(several, model.probe_patches(3, colours=True))
    assert found == ["red", "blue", "nothing"]


# --- interactives --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photo():
    return F.avg_pool2d(data.photos()["cat"].float().mean(0, keepdim=True), 2)[0].round()


def test_slide_says_the_sum(photo):
    eye = photo[40:72, 70:102]
    slide = play.slide(eye)
    for state in (*slide.film, {"step": 31, "kernel": "spots"}):
        state = {**slide.state, **state}
        row, column = divmod(state["step"] - 1, 30)
        window = eye[row : row + 3, column : column + 3].numpy()
        total = (window * model.KERNELS[state["kernel"]]).sum()
        said = slide.alt(**state)
        assert f"row {row}, column {column}" in said
        assert f"products is {total:.0f}".replace("-", "−") in said


def test_ladder_says_the_counts():
    ladder = play.ladder()
    assert all(f"{count:,}" in ladder.alt() for count in (1_808_640, 59_904, 104, 57_600))


def test_roll_is_exact_on_a_ring_only():
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).double()[None, None]

    def ring(images):
        return F.conv2d(F.pad(images, [1] * 4, mode="circular"), sobel).relu()

    kinds = {
        "circular padding": (ring, 1),
        "zero padding": (lambda images: F.conv2d(images, sobel, padding=1).relu(), 1),
        "2 × 2 maximum": (lambda images: F.max_pool2d(ring(images), 2), 2),
    }
    whole = torch.randint(256, (64, 64), generator=torch.Generator().manual_seed(0)).float()
    roll = play.roll(whole, kinds)
    exact = [("circular padding", 1), ("circular padding", -32), ("2 × 2 maximum", -4)]
    broken = [("zero padding", 1), ("2 × 2 maximum", 1)]
    assert all("is exactly" in roll.alt(layer=name, by=by) for name, by in exact)
    assert all("differs by up to" in roll.alt(layer=name, by=by) for name, by in broken)


# --- what the section says -----------------------------------------------------------------------


def test_blurred_pooling_in_its_three_steps():
    maps = torch.rand(2, 3, 8, 6).double()
    around = F.pad(maps, [1, 2, 1, 2], mode="circular")
    maxima = F.max_pool2d(around, 2, stride=1)
    weights = torch.tensor([1.0, 2, 1]).double()
    kernel = (weights[:, None] * weights / 16).expand(3, 1, 3, 3)
    expected = F.conv2d(maxima, kernel, stride=2, groups=3)
    torch.testing.assert_close(model.blurred_maximum(maps), expected)
    inner = model.BlurredMaximum()(maps)[..., 1:-1, 1:-1]  # elsewhere zeros lie outside
    torch.testing.assert_close(inner, expected[..., 1:-1, 1:-1])


def test_blurring_makes_the_error_of_the_stride_smaller(photo):
    sobel = torch.from_numpy(model.KERNELS["left to right"])[None, None]
    square = photo[24:88, 54:118][None, None].double()

    def apart(pool, by):
        def layer(images):
            return pool(F.conv2d(F.pad(images, [1] * 4, mode="circular"), sobel).relu())

        return (layer(square.roll(by, -1)) - layer(square).roll(by // 2, -1)).abs().max().item()

    plain, blurred = (
        [apart(pool, by) for by in (1, 2, 3, 4)]
        for pool in (lambda maps: F.max_pool2d(maps, 2), model.blurred_maximum)
    )
    assert plain[1] == plain[3] == blurred[1] == blurred[3] == 0 < min(blurred[0], blurred[2])
    assert blurred[0] < 0.7 * plain[0]


def on_canvas(split):
    objects = F.adaptive_avg_pool2d(split.images.float(), 20).round().to(torch.uint8)
    return data.Split(F.pad(objects, [8] * 4), split.labels)


def learn(network, train, seed, epochs, **how):
    how = {"batch_size": 50, "seed": seed, "progress": False, "device": "cpu"} | how
    training.fit(network, train, epochs=epochs, **how)
    return network


@pytest.mark.slow
def test_blurred_pooling_makes_the_drop_of_the_global_maximum_smaller():
    """Problem 9. Three runs, trained in the middle, then shifted by 2 pixels."""

    def drop(make_pool, seed):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2, bias=False), make_pool(), nn.ReLU(),
            nn.Conv2d(8, 16, 5, padding=2, bias=False), nn.ReLU(),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10),
        )  # fmt: skip
        learn(network, train, seed, epochs=5)
        moved = data.Split(perturb.shift(val.images, 2), val.labels)
        return training.evaluate(network, val) - training.evaluate(network, moved)

    fashion = data.fashion_mnist().train
    train, val = on_canvas(fashion[:1500]), on_canvas(fashion[8000:8500])
    plain, blurred = (
        np.mean([drop(make_pool, seed) for seed in range(3)])
        for make_pool in (lambda: nn.MaxPool2d(2), model.BlurredMaximum)
    )
    print(f"drop: plain {plain:.3f}, blurred {blurred:.3f}")
    assert blurred < plain - 0.02


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_both_convolutional_networks_lead_after_20_epochs_too(seed):
    """Part 6, trained with shifts of up to 4 pixels; on moved validation images."""
    _, flatten, global_maximum, hidden_layer = from_notebook(
        NOTEBOOK, "two_convolutions", "flatten", "global_maximum", "hidden_layer"
    )

    fashion, found = data.fashion_mnist().train, {}
    train, val = on_canvas(fashion[:1000]), on_canvas(fashion[8000:8500])
    torch.manual_seed(0)
    moved = data.Split(perturb.random_crop(val.images, 4), val.labels)
    for make in (hidden_layer, flatten, global_maximum):
        torch.manual_seed(seed)
        shifts = {"augment": lambda batch, *_: perturb.random_crop(batch, 4)}
        network = learn(make(), train, seed, epochs=20, batch_size=25, **shifts)
        found[make.__name__] = training.evaluate(network, moved)
    print(found)
    assert found["hidden_layer"] + 0.02 < min(found["flatten"], found["global_maximum"])


@pytest.mark.slow
def test_with_four_maps_sharing_gains_nothing():
    """Problem 8: Figure 5.8 with 4 and with 16 maps, six runs each, on moved images."""
    train, moved = data.fashion_mnist().train[:400], data.fashion_mnist().train[8000:8500]
    torch.manual_seed(0)
    moved = data.Split(perturb.random_crop(moved.images, 2), moved.labels)
    mean = {}
    for kind, maps in (("local", 4), ("convolution", 4), ("local", 16), ("convolution", 16)):
        found = []
        for seed in range(6):
            torch.manual_seed(seed)
            network = learn(model.network(kind, maps), train, seed, epochs=8)
            found.append(training.evaluate(network, moved))
        mean[kind, maps] = np.mean(found)
    print(mean)
    assert mean["convolution", 4] < mean["local", 4] + 0.02
    assert mean["convolution", 16] > mean["local", 16] + 0.02


@pytest.mark.slow
def test_the_smallest_network_memorises_too_given_time():
    torch.manual_seed(7)
    train = data.fashion_mnist().train[:100]
    halves = F.avg_pool2d(train.images.float(), 2).round().to(torch.uint8)
    nonsense = data.Split(halves, train.labels[torch.randperm(100)])
    network = model.network("convolution", 4, side=14, pool=5)
    learn(network, nonsense, 0, epochs=1600, weight_decay=0)
    assert training.evaluate(network, nonsense) > 0.95
