"""AlexNet: the paper's numbers, response normalisation; for the towers see test_section_08."""

import pytest
import torch
from torch import nn

from cv_course.layers import count_parameters, trace
from cv_course.networks.alexnet import VARIANTS, ResponseNorm, alexnet


def on_meta(*given, **named):
    with torch.device("meta"):
        return alexnet(*given, **named)


# --- the paper's numbers -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:layers.trace has no rule")
def test_parameters_multiplications_and_shapes():
    two, one = (trace(on_meta(name), (3, 227, 227)) for name in VARIANTS)
    assert [layer.parameters for layer in two.only("Conv2d", "Linear")] == [
        *(34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000)
    ]
    assert (two.parameters, one.parameters) == (60_965_224, 62_378_344)
    assert (two.macs, one.macs) == (724_406_816, 1_135_256_096)
    assert one.only("Conv2d")[1].parameters == 614_656
    average = [count_parameters(on_meta(name, head="average")) for name in VARIANTS]
    assert average == [2_591_080, 4_004_200]
    assert [layer.output_shape for layer in two.only("Conv2d", "MaxPool2d")] == [
        *((96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13)),
        *((384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6)),
    ]


def test_order_of_the_layers():
    """§3.3-3.5: ReLU after every layer, normalisation after it in 1 and 2, pooling in 1, 2, 5."""
    letters = {nn.Conv2d: "C", nn.ReLU: "R", ResponseNorm: "N", nn.MaxPool2d: "P"}
    kinds = {
        name: "".join(letters[type(one)] for one in on_meta(name).features) for name in VARIANTS
    }
    assert kinds["two_towers"] == "CRNPCRNPCRCRCRP"
    assert kinds["single"] == "CRPCRPCRCRCRP"


def test_images_of_224_do_not_fit_and_it_is_said():
    with pytest.raises(ValueError, match=r"256 x 5 x 5 and so 6,400 numbers.*9,216.*227"):
        on_meta()(torch.zeros(1, 3, 224, 224, device="meta"))
    for side in (224, 300):
        scores = on_meta(head="average")(torch.zeros(2, 3, side, side, device="meta"))
        assert scores.shape == (2, 1000)


def test_bad_arguments_are_refused_in_words():
    with pytest.raises(ValueError, match="variant must be one of two_towers"):
        alexnet("three_towers")
    with pytest.raises(ValueError, match="head must be one of flatten, average; got 'max'"):
        alexnet(head="max")


# --- response normalisation ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 7, 3, 4), (1, 2, 5, 1), (3, 96, 2, 2)])
def test_response_norm_is_torchs_layer_whose_alpha_is_for_the_sum(shape):
    maps = 300 * torch.randn(shape, dtype=torch.float64)
    theirs = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)(maps)
    torch.testing.assert_close(ResponseNorm()(maps), theirs, rtol=1e-12, atol=0)


def test_groups_are_normalised_each_by_itself():
    maps = 100 * torch.randn(2, 12, 3, 3)
    halves = torch.cat([ResponseNorm()(half) for half in maps.chunk(2, 1)], 1)
    torch.testing.assert_close(ResponseNorm(groups=2)(maps), halves)
    assert not torch.allclose(ResponseNorm()(maps), halves)


@pytest.mark.parametrize("groups", [1, 2])
def test_response_norm_takes_maps_in_any_memory_layout(groups):
    maps = (100 * torch.rand(3, 8, 4, 5)).requires_grad_()
    other = maps.detach().to(memory_format=torch.channels_last).requires_grad_()
    for one in (maps, other):
        ResponseNorm(groups)(one).square().sum().backward()
    assert torch.equal(ResponseNorm(groups)(maps), ResponseNorm(groups)(other))
    assert torch.allclose(maps.grad, other.grad)


def test_response_norm_has_the_right_gradient():
    maps = (90 * torch.randn(1, 6, 2, 2, dtype=torch.float64)).requires_grad_()
    for groups in (1, 2):
        assert torch.autograd.gradcheck(ResponseNorm(groups), maps)


# --- the head ------------------------------------------------------------------------------------


def test_average_head_gives_the_mean_of_each_channel():
    maps, average = torch.rand(2, 256, 3, 4), on_meta(head="average").vectorise
    assert torch.allclose(average(maps), maps.mean((2, 3)), atol=1e-6)
    assert torch.equal(on_meta().vectorise(maps), maps.reshape(2, -1))
