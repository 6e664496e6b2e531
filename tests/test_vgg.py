"""VGG: the reference numbers, and torchvision's networks with the same weights."""

import pytest
import torch
from torchvision import models

from cv_course import layers
from cv_course.networks.alexnet import ResponseNorm
from cv_course.networks.vgg import CONFIGS, VGG, read_stage, vgg

REFERENCE = {  # layers with weights, parameters, billions of MACs, receptive field of pool5
    "A": (11, 132_863_336, 7.61, 150),
    "A-LRN": (11, 132_863_336, 7.61, 150),
    "B": (13, 133_047_848, 11.31, 156),
    "C": (16, 133_638_952, 11.77, 156),
    "D": (16, 138_357_544, 15.47, 212),
    "E": (19, 143_667_240, 19.63, 268),
}
WITH_BATCH_NORM = {"A": 132_868_840, "B": 133_053_736, "D": 138_365_992, "E": 143_678_248}
TORCHVISION = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}  # with BN: vgg11_bn …


def vgg_on_meta(*arguments, **options):
    with torch.device("meta"):
        return vgg(*arguments, **options)


def traced(config, **options):
    return layers.trace(vgg_on_meta(config, **options), (3, 224, 224))


@pytest.mark.parametrize("config", CONFIGS)
def test_reference_numbers(config):
    trace = traced(config)
    depth, parameters, giga_macs, field = REFERENCE[config]
    assert (len(trace.only("Conv2d", "Linear")), trace.parameters) == (depth, parameters)
    assert round(trace.macs / 1e9, 2) == giga_macs
    assert trace.only("Linear").parameters == 123_642_856
    assert trace["classifier.0"].parameters == 102_764_544
    assert trace.only("MaxPool2d")[-1].receptive_field == (field, field)
    assert [row.output_shape for row in trace.only("MaxPool2d")] == [
        (64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7),
    ]  # fmt: skip
    assert trace[-1].output_shape == (1000,)


def test_config_c_and_lrn():
    trace = traced("C").only("Conv2d")
    assert [row.kernel[0] for row in trace] == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]
    maps = torch.rand(1, 9, 2, 2) * 50
    torch.testing.assert_close(vgg_on_meta("A-LRN").features[2](maps), ResponseNorm()(maps))


def ours_and_torchvisions(config, batch_norm):
    with torch.device("meta"):
        theirs = getattr(models, TORCHVISION[config] + "_bn" * batch_norm)()
    return vgg_on_meta(config, batch_norm), theirs


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "bn"])
@pytest.mark.parametrize("config", TORCHVISION)
def test_keys_and_shapes_are_torchvisions(config, batch_norm):
    both = ours_and_torchvisions(config, batch_norm)
    ours, theirs = ({k: v.shape for k, v in one.state_dict().items()} for one in both)
    assert ours == theirs
    expected = WITH_BATCH_NORM[config] if batch_norm else REFERENCE[config][1]
    assert layers.count_parameters(both[0]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "bn"])
@pytest.mark.parametrize("config", TORCHVISION)
def test_outputs_are_torchvisions(config, batch_norm):
    """One set of weights in memory: assign=True lets the second network hold the very same."""
    ours, theirs = ours_and_torchvisions(config, batch_norm)
    torch.manual_seed(0)
    state = {
        name: torch.randn(value.shape) / value[0].numel() ** 0.5
        if value.ndim > 1
        else torch.rand(value.shape) + 0.5  # biases; means, variances and factors above 0
        for name, value in ours.state_dict().items()
    }
    images = torch.randn(1, 3, 64, 48)
    for network in (ours, theirs):
        network.eval().load_state_dict(state, assign=True)
    with torch.no_grad():
        expected = theirs(images)
        assert (ours(images) - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


def test_every_stage_of_a_small_network():
    small = VGG(("3-4 3-4", "5-6 1-6"), (1, 13, 10), classes=3, batch_norm=True)
    trace = layers.trace(small, (1, 13, 10))
    assert [row.output_shape for row in trace.only("MaxPool2d")] == [(4, 6, 5), (6, 3, 2)]
    assert [row.kernel for row in trace.only("Conv2d")] == [(3, 3), (3, 3), (5, 5), (1, 1)]
    assert len(trace.only("BatchNorm2d")) == 4
    assert trace["classifier.0"].input_shape == (36,)
    assert small(torch.rand(2, 1, 13, 10)).shape == (2, 3)


def test_bad_input_is_named():
    for stage in ("64", "4-64", "3-0", "3x64", "lrn"):
        with pytest.raises(ValueError, match=r"expected words such as"):
            read_stage(stage)
    with pytest.raises(ValueError, match="config must be one of A, A-LRN, B, C, D, E; got 'F'"):
        vgg("F")
    with pytest.raises(ValueError, match="head must be one of flatten, average"):
        vgg_on_meta("A", head="max")
    with pytest.raises(ValueError, match="at least 32 pixels"):
        VGG(CONFIGS["A"], (3, 224, 31))
