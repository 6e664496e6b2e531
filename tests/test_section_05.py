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


# --- three layers --------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
def test_the_numbers_of_three_layers_are_those_of_the_formulas(sizes):
    shape, kernel, maps = sizes
    layers = {kind: model.hidden_layer(kind, *sizes) for kind in model.KINDS}
    found = {kind: count_parameters(layer) for kind, layer in layers.items()}
    assert found == counts.hidden_parameters(*sizes)
    size = (shape[1] - kernel + 1, shape[2] - kernel + 1)
    for layer in layers.values():
        assert layer(torch.rand(2, *shape)).shape == (2, maps, *size)


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
    filters = 2 * torch.stack([*patches.values()]) - 1  # scale and offset do not count
    names, correlation = model.most_similar(filters, patches)
    assert names == [*patches]
    assert correlation.min() > 0.999
    assert model.most_similar(-filters[-1:], patches)[0] == ["bright spot"]  # of "dark spot"
    filters = torch.stack([torch.tensor([1.0, -1, -1]), torch.tensor([-1.0, -1, 1])])
    several = filters[..., None, None].expand(-1, -1, 3, 3)
    names, correlation = model.most_similar(several, model.probe_patches(3, colours=True))
    assert names == ["red", "blue"]
    assert correlation.min() > 0.999


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


def test_roll_is_exact_on_a_ring_only():
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).double()[None, None]

    def ring(images):
        return F.conv2d(F.pad(images, [1] * 4, mode="circular"), sobel).relu()

    def zeros(images):
        return F.conv2d(images, sobel, padding=1).relu()

    whole = torch.randint(256, (64, 64), generator=torch.Generator().manual_seed(0)).float()
    roll = play.roll(whole, {"ring": ring, "zero padding": zeros})
    for by in (1, 20, -32):
        assert "is exactly" in roll.alt(layer="ring", by=by)
        assert "differs by up to" in roll.alt(layer="zero padding", by=by)


# --- what the section says -----------------------------------------------------------------------


def on_canvas(split):
    objects = F.adaptive_avg_pool2d(split.images.float(), 20).round().to(torch.uint8)
    return data.Split(F.pad(objects, [8] * 4), split.labels)


def learn(network, train, seed, epochs, **how):
    how = {"batch_size": 50, "seed": seed, "progress": False, "device": "cpu"} | how
    training.fit(network, train, epochs=epochs, **how)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_both_convolutional_networks_lead_after_20_epochs_too(seed):
    """Part 6, trained with shifts of up to 4 pixels; on moved validation images."""
    _, flatten, global_maximum, dense = from_notebook(
        NOTEBOOK, "two_convolutions", "flatten", "global_maximum", "dense"
    )

    fashion, found = data.fashion_mnist().train, {}
    train, val = on_canvas(fashion[:1000]), on_canvas(fashion[8000:8500])
    torch.manual_seed(0)
    moved = data.Split(perturb.random_crop(val.images, 4), val.labels)
    for make in (dense, flatten, global_maximum):
        torch.manual_seed(seed)
        shifts = {"augment": lambda batch, *_: perturb.random_crop(batch, 4)}
        network = learn(make(), train, seed, epochs=20, batch_size=25, **shifts)
        found[make.__name__] = training.evaluate(network, moved)
    print(found)
    assert found["dense"] + 0.02 < min(found["flatten"], found["global_maximum"])


@pytest.mark.slow
def test_with_four_maps_sharing_gains_nothing():
    """A comment in part 4: Figure 5.7 with 4 and with 16 maps, six runs each, on moved images."""
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
