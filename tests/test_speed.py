"""Clocks, limits and work: what section 12 measures with."""

import time

import pytest
import torch
from torch import nn

from cv_course import data, layers, speed
from cv_course.layers import trace
from cv_course.models.fast import FastFashion
from cv_course.training import precision


def sleeping(milliseconds):
    return lambda: time.sleep(milliseconds / 1e3)


def test_laps_book_each_part_and_leave_out_what_has_no_name():
    watch = speed.Laps()
    for _ in range(3):
        time.sleep(0.02)
        watch.lap()
        time.sleep(0.01)
        watch.lap("short")
        time.sleep(0.03)
        watch.lap("long")
    found = watch.medians()
    assert list(found) == ["short", "long"]
    assert 0.01 <= found["short"] < found["long"]
    assert found["long"] >= 0.03


def test_medians_take_turns_and_repeat_what_is_quick():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "ab"}
    found = speed.medians(ways, rounds=3, least=0)
    assert calls == [*"aabb", *"ab" * 3]
    assert set(found) == {"a", "b"}
    calls.clear()
    speed.medians(ways, rounds=1, least=1e-3)
    assert len(calls) > 100


def test_medians_tell_seconds_of_one_call():
    found = speed.medians({"quick": sleeping(5), "slow": sleeping(20)}, rounds=3, least=0.02)
    assert 0.005 <= found["quick"] < found["slow"]
    assert found["slow"] >= 0.02


def test_one_late_round_does_not_count():
    pauses = iter([0, 0, 0, 0.2, 0])
    found = speed.medians({"way": lambda: time.sleep(next(pauses))}, rounds=3, least=0)
    assert found["way"] < 0.1


def test_peak_and_bandwidth_are_rates_of_what_was_done(monkeypatch):
    monkeypatch.setattr(speed, "medians", lambda ways, **_: {name: 0.5 for name in ways})
    assert speed.peak(size=16) == 2 * 16**3 / 0.5
    assert speed.bandwidth(mebibytes=1) == 2 * 2**20 / 0.5


def test_peak_and_bandwidth_of_this_machine_are_sane():
    assert 1e8 < speed.peak(size=256) < 1e16
    assert 1e8 < speed.bandwidth(mebibytes=8) < 1e14


def test_work_by_hand():
    net = FastFashion((4, 6, 8))
    work = {row.name: speed.work(row, 5) for row in trace(net, (1, 28, 28))}
    assert work["first"] == (2 * 5 * 4 * 14 * 14 * 16, 4 * (5 * (784 + 784) + 64))
    assert work["stages.0"] == (2 * 5 * 784, 4 * (5 * 2 * 784 + 8))
    assert work["stages.1"] == (5 * 784, 4 * 5 * 2 * 784)
    assert work["stages.3"] == (3 * 5 * 6 * 49, 4 * 5 * 6 * (196 + 49))
    assert work["head"] == (2 * 5 * 72 * 10, 4 * (5 * (72 + 10) + 730))
    assert work["stages.1"].intensity == 1 / 8
    half = speed.work(trace(net, (1, 28, 28))["head"], 5, bytes_each=2)
    assert 2 * half.bytes == work["head"].bytes


def test_work_of_an_unknown_layer_is_refused():
    (row,) = layers.trace(nn.Sequential(nn.Sigmoid()), (1, 4, 4))
    with pytest.raises(ValueError, match=r"Sigmoid .* is not known; known are"):
        speed.work(row, 1)


def test_layer_seconds_runs_each_layer_on_its_own_input_and_changes_nothing():
    net, seen = FastFashion((4, 6, 8)).train(), []
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.head.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    found = speed.layer_seconds(net, torch.rand(7, 1, 28, 28), rounds=1)
    assert set(seen) == {(7, 72)}
    assert list(found) == [row.name for row in trace(net, (1, 28, 28))]
    assert all(seconds > 0 for seconds in found.values())
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_pre_hooks for part in net.modules())


def test_operators_counts_the_calls_of_a_step(capfd):
    x = torch.rand(200, 200)
    found = speed.operators(lambda: (x @ x).relu().relu(), steps=4)
    assert found["mm"].calls == 1
    assert found["relu"].calls == 2
    assert next(iter(found)) == "mm"
    assert [*found.values()] == sorted(found.values(), reverse=True)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("pooling", "kinds"), [("last", "CBRP"), ("before ReLU", "CBPR"), ("before batch norm", "CPBR")]
)
def test_pool_later_orders_the_stages(pooling, kinds):
    letters = {nn.Conv2d: "C", nn.BatchNorm2d: "B", nn.ReLU: "R", nn.MaxPool2d: "P"}
    model = speed.pool_later(FastFashion(), pooling)
    assert "".join(letters[type(layer)] for layer in model.stages) == "BR" + kinds * 2
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    moved_again = speed.pool_later(model, "before batch norm")
    assert [type(layer) for layer in moved_again.stages] == [
        type(one) for one in FastFashion().stages
    ]


def test_pool_later_names_the_places_that_there_are():
    with pytest.raises(ValueError, match=r"pooling must be one of .*before ReLU.*, got 'first'"):
        speed.pool_later(FastFashion(), "first")


def test_pooling_before_relu_changes_no_bit_of_scores_and_gradients():
    images = torch.rand(16, 1, 28, 28)
    outcome = []
    for pooling in ("last", "before ReLU"):
        torch.manual_seed(0)
        model = speed.pool_later(FastFashion(), pooling)
        scores = model(images)
        gradients = torch.autograd.grad(scores.square().sum(), list(model.parameters()))
        outcome.append([scores, *gradients])
    assert all(map(torch.equal, *outcome))


@pytest.mark.parametrize("able", [False, True])
def test_bfloat16_is_tried_only_where_the_processor_multiplies_it(able, monkeypatch):
    found = {"avx512_bf16": able, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert precision(FastFashion(), torch.device("cpu"))[0] == able
    casts = []
    true = torch.autocast
    monkeypatch.setattr(
        torch, "autocast", lambda *a, enabled: casts.append(enabled) or true(*a, enabled=enabled)
    )
    found = speed.switched(data.fashion_mnist().train, batches=[8], rounds=1)
    assert len(found) == (12 if able else 6)
    assert any(state.bfloat16 for state in found) == any(casts) == able
    assert all(seconds > 0 for seconds in found.values())
