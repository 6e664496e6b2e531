"""LeNet: the papers' numbers, and every layer against a slow or another computation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import layers
from cv_course.networks.lenet import lenet
from cv_course.sections.s07_lenet.original import (
    C3_TABLE,
    CODES,
    H2_TABLE,
    RBF,
    ConvByTable,
    Scale,
    ScaledTanh,
    Subsampling,
    full_table,
    lenet_1989,
    lenet_1998,
)

SIDES = {"1989": 16, "1998": 32, "modern": 32}
MADE = {"1989": lenet_1989, "1998": lenet_1998, "modern": lenet}
PARAMETERS = {
    "1989": {"h1": 1068, "h2": 2592, "h3": 5790, "output": 310},
    "1998": {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164, "output": 0},
    "modern": {"c1": 156, "s2": 0, "c3": 2416, "s4": 0, "c5": 48120, "f6": 10164, "output": 850},
}


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameters_are_the_papers(variant):
    model = MADE[variant]()
    for name, count in PARAMETERS[variant].items():
        assert layers.count_parameters(getattr(model, name)) == count, name
    total = {"1989": 9_760, "1998": 60_000, "modern": 61_706}[variant]
    rows = layers.trace(model, (1, SIDES[variant], SIDES[variant]))
    assert rows.parameters == layers.count_parameters(model) == total


def test_macs_and_receptive_fields_of_the_modern_form():
    rows = layers.trace(lenet(), (1, 32, 32))
    assert rows.macs == 416_520
    seen = [row.receptive_field[0] for row in rows.only("Conv2d", "MaxPool2d", "Linear")]
    assert seen[:5] == [5, 6, 14, 16, 32]


# --- tables --------------------------------------------------------------------------------------


def test_the_tables():
    """1998, Table I: 6 x 3, 9 x 4 and 1 x 6, each row another, each input used equally often."""
    assert [len(row) for row in C3_TABLE] == [3] * 6 + [4] * 9 + [6]
    assert sorted(sum(C3_TABLE, ())) == sorted([*range(6)] * 10)
    assert [len(row) for row in H2_TABLE] == [8] * 12
    assert sorted(sum(H2_TABLE, ())) == sorted([*range(12)] * 8)
    for table in (C3_TABLE, H2_TABLE):
        assert len(set(table)) == len(table)


@pytest.mark.parametrize("places", [None, (4, 5)])
def test_convolution_by_table_is_one_for_each_row(places):
    torch.manual_seed(0)
    table = [(0, 2), (1,), (0, 1, 2)]
    layer = ConvByTable(table, 3, stride=2, padding=1, fill=-1.0, places=places)
    with torch.no_grad():
        layer.bias.normal_()
    maps = torch.randn(2, 3, 7, 9)
    padded = F.pad(maps, [1] * 4, value=-1.0)
    expected, kernels = [], iter(layer.weight)
    for to, row in enumerate(table):
        own = torch.stack([next(kernels) for _ in row])[None]
        expected.append(F.conv2d(padded[:, row], own, stride=2) + layer.bias[to])
    expected = torch.cat(expected, 1)
    assert torch.allclose(layer(maps), expected, atol=1e-5)


def test_the_full_table_is_an_ordinary_convolution():
    layer, maps = ConvByTable(full_table(6, 16), 5), torch.rand(2, 6, 14, 14)
    usual = nn.Conv2d(6, 16, 5)
    usual.load_state_dict({"weight": layer.dense_weight().detach(), "bias": layer.bias.detach()})
    assert torch.allclose(layer(maps), usual(maps), atol=1e-5)
    assert layers.count_parameters(layer) == layers.count_parameters(usual) == 2416


@pytest.mark.parametrize("table", [[], [[]], [[0, 0]], [[-1]], [[0, 3]]])
def test_a_wrong_table_is_refused(table):
    with pytest.raises(ValueError, match="map"):
        ConvByTable(table, 3, inputs=3)


# --- the other layers ----------------------------------------------------------------------------


def test_subsampling_is_a_weighted_sum():
    layer, maps = Subsampling(3), torch.randn(2, 3, 4, 6)
    with torch.no_grad():
        layer.bias.normal_()
    coefficient, bias = (one.view(3, 1, 1) for one in (layer.coefficient, layer.bias))
    blocks = maps.view(2, 3, 2, 2, 3, 2).sum((3, 5))
    assert torch.allclose(layer(maps), blocks * coefficient + bias, atol=1e-5)


def test_rbf_is_minus_the_squared_distance_and_learns_nothing():
    layer, state = RBF(CODES), torch.randn(5, 84)
    expected = -torch.cdist(state.double(), CODES.double()).square()
    assert torch.allclose(layer(state).double(), expected, atol=1e-3)
    assert list(layer.parameters()) == []
    assert torch.equal(layer(CODES).argmax(1), torch.arange(10))


def test_squashing_and_scale():
    values = torch.tensor([-1.0, 0.0, 1.0, 100.0])
    assert torch.allclose(ScaledTanh()(values), torch.tensor([-1, 0, 1, 1.7159]), atol=1e-4)
    assert Scale(-0.1, 1.175)(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([-0.1, 1.175])
