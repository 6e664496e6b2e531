"""Section 08: its parts and its interactives."""

import numpy as np
import pytest
import torch
from torch import nn

from cv_course import layers
from cv_course.networks.alexnet import convolutions
from cv_course.sections.s08_alexnet import drills, model, play

# --- exercises -----------------------------------------------------------------------------------


def test_one_stream_computes_what_the_towers_compute():
    torch.manual_seed(0)
    grouped, joined = convolutions()[4], nn.Conv2d(96, 256, 5, padding=2)
    weights = drills.one_stream(grouped.weight.detach().numpy(), 2)
    joined.weight.data, joined.bias.data = torch.tensor(weights).float(), grouped.bias.data
    maps = torch.rand(1, 96, 9, 9)
    assert torch.allclose(joined(maps), grouped(maps), atol=1e-5)
    assert (weights == 0).mean() == 0.5


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
    assert "conv1 same, conv2 same, conv3 changed" in towers.alt()
    assert "conv1 same, conv2 same, conv3 changed" in towers.alt(tower="A")
    assert "conv4 same, conv5 same" in towers.alt(groups="never cross")
    assert "conv1 same, conv2 changed" in towers.alt(groups="always cross")


def test_gradients_are_those_of_the_weights():
    gradients = play.gradients()
    sizes = model.gradient_sizes("sigmoid", 4, "Glorot")
    assert f"sigmoid {sizes[0] / sizes[-1]:.0e}" in gradients.alt(depth=4)
    state = torch.get_rng_state()
    model.gradient_sizes("tanh", 3, "PyTorch")
    assert torch.equal(torch.get_rng_state(), state)
