"""LeNet: the papers' numbers, and every layer against a slow or another computation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import layers
from cv_course.networks.lenet import lenet
from cv_course.sections.s07_lenet.original import (
    BITMAPS,
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
    seen = [row.receptive_field for row in rows.only("Conv2d", "MaxPool2d", "Linear")]
    assert seen[:5] == [(5, 5), (6, 6), (14, 14), (16, 16), (32, 32)]


def test_receptive_fields_of_1998():
    rows = layers.trace(lenet_1998(), (1, 32, 32))
    seen = [rows[name].receptive_field[0] for name in ("c1.0", "s2.0", "c3.0", "s4.0", "c5.0")]
    assert seen == [5, 6, 14, 16, 32]


@pytest.mark.parametrize("variant", SIDES)
def test_every_parameter_gets_a_gradient(variant):
    model, side = MADE[variant](), SIDES[variant]
    model(torch.rand(4, 1, side, side)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


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
def test_convolution_by_table_in_loops(places):
    torch.manual_seed(0)
    table = [(0, 2), (1,), (0, 1, 2)]
    layer = ConvByTable(table, 3, stride=2, padding=1, fill=-1.0, places=places)
    with torch.no_grad():
        layer.bias.normal_()
    maps = torch.randn(2, 3, 7, 9)
    padded = F.pad(maps, [1] * 4, value=-1.0)
    expected, kernels = torch.zeros(2, 3, 4, 5), iter(layer.weight)
    for to, row in enumerate(table):
        for source in row:
            kernel = next(kernels)
            for y in range(4):
                for x in range(5):
                    window = padded[:, source, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
                    expected[:, to, y, x] += (window * kernel).sum((1, 2))
        expected[:, to] += layer.bias[to]
    assert torch.allclose(layer(maps), expected, atol=1e-5)


def test_the_full_table_is_an_ordinary_convolution():
    layer, maps = ConvByTable(full_table(6, 16), 5), torch.rand(2, 6, 14, 14)
    usual = nn.Conv2d(6, 16, 5)
    usual.load_state_dict({"weight": layer.dense_weight().detach(), "bias": layer.bias.detach()})
    assert torch.allclose(layer(maps), usual(maps), atol=1e-5)
    assert layers.count_parameters(layer) == layers.count_parameters(usual) == 2416


def test_gradient_of_a_convolution_by_table():
    layer = ConvByTable([(0, 1), (1,)], 2).double()
    maps = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, maps)


@pytest.mark.parametrize("table", [[], [[]], [[0, 0]], [[-1]], [[0, 3]]])
def test_a_wrong_table_is_refused(table):
    with pytest.raises(ValueError, match="map"):
        ConvByTable(table, 3, inputs=3)


# --- the other layers ----------------------------------------------------------------------------


def test_subsampling_in_loops():
    layer, maps = Subsampling(3), torch.randn(2, 3, 4, 6)
    with torch.no_grad():
        layer.bias.normal_()
    answer = layer(maps)
    for c in range(3):
        for y in range(2):
            for x in range(3):
                block = maps[:, c, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].sum((1, 2))
                expected = block * layer.coefficient[c] + layer.bias[c]
                assert torch.allclose(answer[:, c, y, x], expected, atol=1e-5)


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


def test_codes_are_different_pictures_of_ink_and_paper():
    assert BITMAPS.shape == (16, 84)
    assert set(BITMAPS.unique().tolist()) == {-1.0, 1.0}
    assert len(BITMAPS.unique(dim=0)) == 16
    assert torch.equal(CODES, BITMAPS[:10])
