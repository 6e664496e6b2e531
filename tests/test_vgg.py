"""VGG: the reference numbers, and torchvision's networks with the same weights."""

import gc

import pytest
import torch
from torch import nn

from cv_course import layers
from cv_course.networks.vgg import CONFIGS, MEAN_RGB, VGG, read_stage, vgg

PARAMETERS = {
    "A": 132_863_336,
    "A-LRN": 132_863_336,
    "B": 133_047_848,
    "C": 133_638_952,
    "D": 138_357_544,
    "E": 143_667_240,
}
WITH_BATCH_NORM = {"A": 132_868_840, "B": 133_053_736, "D": 138_365_992, "E": 143_678_248}
GIGA_MACS = {"A": 7.61, "A-LRN": 7.61, "B": 11.31, "C": 11.77, "D": 15.47, "E": 19.63}
POOL5 = {"A": 150, "A-LRN": 150, "B": 156, "C": 156, "D": 212, "E": 268}
DEPTHS = {"A": 11, "A-LRN": 11, "B": 13, "C": 16, "D": 16, "E": 19}

TORCHVISION = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}  # with BN: vgg11_bn …


def traced(config, **options):
    with torch.device("meta"):
        return layers.trace(vgg(config, **options), (3, 224, 224))


@pytest.mark.parametrize("config", CONFIGS)
def test_reference_numbers(config):
    trace = traced(config)
    assert trace.parameters == PARAMETERS[config]
    assert round(trace.macs / 1e9, 2) == GIGA_MACS[config]
    assert trace.only("Linear").parameters == 123_642_856
    assert trace.only("MaxPool2d")[-1].receptive_field == (POOL5[config],) * 2
    assert len(trace.only("Conv2d", "Linear")) == DEPTHS[config]
    assert [row.output_shape for row in trace.only("MaxPool2d")] == [
        (64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7),
    ]  # fmt: skip
    assert trace[-1].output_shape == (1000,)


@pytest.mark.parametrize("config", WITH_BATCH_NORM)
def test_reference_numbers_with_batch_norm(config):
    with torch.device("meta"):
        assert layers.count_parameters(vgg(config, batch_norm=True)) == WITH_BATCH_NORM[config]


def test_receptive_fields_of_vgg_16():
    trace = traced("D")
    fields = [row.receptive_field[0] for row in trace.only("Conv2d", "MaxPool2d")]
    assert fields == [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212]
    assert trace["classifier.0"].receptive_field == (404, 404)
    assert trace["classifier.0"].parameters == 102_764_544
    assert trace.only("Linear").parameters / trace.parameters == pytest.approx(0.89, abs=0.005)


def test_average_head():
    trace = traced("D", head="average")
    assert trace.parameters == 14_714_688 + 513_000
    assert round(trace.parameters / 1e6, 1) == 15.2


def test_config_c_and_lrn():
    trace = traced("C").only("Conv2d")
    assert [row.kernel[0] for row in trace] == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]
    normalisation = vgg_on_meta("A-LRN").features[2]
    assert isinstance(normalisation, nn.LocalResponseNorm)
    ours, maps = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0), torch.rand(1, 9, 2, 2) * 50
    assert vars(ours).items() >= {k: getattr(normalisation, k) for k in ("size", "k")}.items()
    for channel in range(9):  # the formula of AlexNet §3.3, k=2, n=5, alpha=1e-4, beta=.75
        around = maps[:, max(0, channel - 2) : channel + 3].square().sum(1)
        expected = maps[:, channel] / (2 + 1e-4 * around) ** 0.75
        torch.testing.assert_close(normalisation(maps)[:, channel], expected)


def vgg_on_meta(*arguments, **options):
    with torch.device("meta"):
        return vgg(*arguments, **options)


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "bn"])
@pytest.mark.parametrize("config", TORCHVISION)
def test_keys_and_shapes_are_torchvisions(config, batch_norm):
    from torchvision import models

    name = TORCHVISION[config] + "_bn" * batch_norm
    with torch.device("meta"):
        ours, theirs = vgg(config, batch_norm), getattr(models, name)()
    shapes = [{k: tuple(v.shape) for k, v in one.state_dict().items()} for one in (ours, theirs)]
    assert shapes[0] == shapes[1]


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "bn"])
@pytest.mark.parametrize("config", TORCHVISION)
def test_outputs_are_torchvisions_both_ways(config, batch_norm):
    """One set of weights in memory: assign=True lets the second network hold the very same."""
    from torchvision import models

    make = getattr(models, TORCHVISION[config] + "_bn" * batch_norm)
    with torch.device("meta"):
        ours, theirs = vgg(config, batch_norm), make()
    torch.manual_seed(0)
    state = {
        name: torch.randn(value.shape) / max(value[0].numel(), 1) ** 0.5
        if value.ndim > 1
        else torch.rand(value.shape) + 0.5  # biases; means, variances and factors above 0
        if value.ndim
        else torch.tensor(7)
        for name, value in ours.state_dict().items()
    }
    images = torch.randn(1, 3, 64, 48)
    ours.load_state_dict(state, assign=True)
    theirs.load_state_dict(ours.state_dict(), assign=True)
    ours.eval(), theirs.eval()
    with torch.no_grad():
        expected = theirs(images)
        scale = expected.abs().max()
        assert (ours(images) - expected).abs().max() <= 1e-5 * max(1, scale)
        with torch.device("meta"):
            back = vgg(config, batch_norm)
        back.load_state_dict(theirs.state_dict(), assign=True)
        assert torch.equal(back.eval()(images), ours(images))
        state["features.0.weight"][0] += 1  # the test can fail
        assert expected.std() > 0
        assert (back(images) - expected).abs().max() > 1e-4 * scale
    del ours, theirs, back, state
    gc.collect()


def test_every_stage_of_a_small_network():
    small = VGG(("3-4 3-4", "5-6 1-6"), (1, 13, 10), classes=3, hidden=7, batch_norm=True)
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


def test_the_module_itself_imports_no_torchvision():
    import subprocess
    import sys

    code = "import sys, cv_course.networks.vgg; assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_means():
    """VGG's numbers, and torchvision's, which are others."""
    assert MEAN_RGB == (123.68, 116.779, 103.939)
    theirs = [255 * mean for mean in (0.485, 0.456, 0.406)]
    assert theirs == pytest.approx([123.675, 116.28, 103.53])
    presets = pytest.importorskip("torchvision.models").VGG16_Weights.DEFAULT.transforms()
    assert list(presets.mean) == [0.485, 0.456, 0.406]
    assert presets.crop_size == [224]
