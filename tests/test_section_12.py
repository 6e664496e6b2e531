"""Section 12: its clocks and limits, and what it says of any machine."""

import math
import time
from itertools import product

import numpy as np
import pytest
import torch
from notebook_code import picture
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cv_course import data, drill
from cv_course.layers import trace
from cv_course.sections.s12_time import drills, model, play
from cv_course.training import precision

PACKAGE = "cv_course.sections.s12_time"


# --- exercises -----------------------------------------------------------------------------------


def amdahl_by_what_is_saved(shares, speedups):
    return torch.tensor(1 / (1 - (shares * (1 - 1 / speedups)).sum()))


def amdahl_with_the_rest_as_a_part(shares, speedups):
    shares, speedups = np.append(shares, 1 - shares.sum()), np.append(speedups, 1)
    return 1 / (shares @ (1 / speedups))


def intensity_by_torch(images, weights, maps, bytes_each):
    """The operations as torch's own counter gives them."""
    side = maps[2] + weights[2] - 1  # with stride 1, equally large maps mean equal work
    layer = nn.Conv2d(weights[1], weights[0], weights[2], bias=False)
    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(images[0], images[1], side, side))
    moved = sum(map(math.prod, (images, weights, maps)))
    return counter.get_total_flops() / moved / bytes_each


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("amdahl", amdahl_by_what_is_saved),
        ("amdahl", amdahl_with_the_rest_as_a_part),
        ("intensity", intensity_by_torch),
    ],
)
def test_other_right_ways_pass(name, way):
    assert drill.examine(drill.read(PACKAGE)[name], way).status == "correct"


# --- clocks --------------------------------------------------------------------------------------


def test_stopwatch_books_each_part_and_leaves_out_what_has_no_name():
    watch = model.Stopwatch()
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
    found = model.medians(ways, rounds=3, least=0)
    assert calls == [*"aabb", *"ab" * 3]
    assert set(found) == {"a", "b"}
    calls.clear()
    model.medians(ways, rounds=1, least=1e-3)
    assert len(calls) > 100


def test_one_late_round_does_not_count():
    pauses = iter([0, 0, 0, 0.2, 0])
    found = model.medians({"way": lambda: time.sleep(next(pauses))}, rounds=3, least=0)
    assert found["way"] < 0.1


def test_calls_counts_torchs_operators(capfd):
    x = torch.rand(20, 20)
    once, twice = (model.calls(lambda n=n: [(x @ x).relu() for _ in range(n)]) for n in (1, 2))
    assert twice == 2 * once >= 4
    assert capfd.readouterr().err == ""


# --- limits and work -----------------------------------------------------------------------------


def test_peak_and_bandwidth_are_rates_of_what_was_done(monkeypatch):
    monkeypatch.setattr(model, "medians", lambda ways, **_: {name: 0.5 for name in ways})
    assert model.peak(size=16) == 2 * 16**3 / 0.5
    assert model.bandwidth(mebibytes=1) == 2 * 2**20 / 0.5


def test_peak_and_bandwidth_of_this_machine_are_sane():
    assert 1e8 < model.peak(size=256) < 1e16
    assert 1e8 < model.bandwidth(mebibytes=8) < 1e14


def test_work_by_hand():
    rows = trace(model.network(), (1, 28, 28))
    work = {row.name: model.work(row, 5) for row in rows if row.kind != "Flatten"}
    assert work["0"] == (2 * 5 * 32 * 784 * 9, 4 * (5 * (784 + 32 * 784) + 320))
    assert work["1"] == (5 * 5 * 32 * 784, 4 * (5 * 2 * 32 * 784 + 64))
    assert work["2"].intensity == 1 / 8
    assert work["3"] == (3 * 5 * 32 * 196, 4 * 5 * 32 * (784 + 196))
    assert work["9"] == (2 * 5 * 3136 * 10, 4 * (5 * 3146 + 31_370))
    half = model.work(rows["9"], 5, bytes_each=2)
    assert 2 * half.bytes == work["9"].bytes
    with pytest.raises(ValueError, match=r"Flatten .* is not known; known are"):
        model.work(rows["8"], 5)


def test_intensity_is_the_exercises():
    row = trace(model.network(), (1, 28, 28))["4"]
    shapes = (8, *row.input_shape), (64, 32, 3, 3), (8, *row.output_shape)
    assert model.work(row, 8).intensity == pytest.approx(drills.intensity(*shapes, 4), rel=1e-3)


def test_in_turns_runs_each_layer_on_its_own_input_and_changes_nothing(monkeypatch):
    net, seen = model.network().train(), []
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net[-1].register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    monkeypatch.setattr(model, "_product", lambda _: (lambda: None, 3))
    monkeypatch.setattr(model, "_copy", lambda _: (lambda: None, 6))
    monkeypatch.setattr(
        model, "medians", lambda ways, *_: {n: way() is None or 2 for n, way in ways.items()}
    )
    found = model.in_turns(net, torch.rand(7, 1, 28, 28), rounds=1)
    assert set(seen) == {(7, 3136)}  # the copy has the hook, too
    assert list(found.layers) == [row.name for row in trace(net, (1, 28, 28))]
    assert {*found.layers.values(), found.whole} == {2}
    assert (found.peak, found.bandwidth) == (3, 6)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_pre_hooks for part in net.modules())


# --- what it says --------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", range(3))
def test_relu_and_pooling_change_order_to_the_bit(seed, dtype, layout):
    """Also where bfloat16 rounds so coarsely that largest numbers are equal."""
    dice = torch.Generator().manual_seed(seed)
    maps = torch.randn(8, 24, 14, 14, generator=dice).to(dtype).contiguous(memory_format=layout)
    maps.requires_grad_()
    weight = torch.randn(8, 24, 7, 7, generator=dice).to(dtype)
    pool = nn.MaxPool2d(2)
    usual, swapped = pool(maps.relu()), pool(maps).relu()
    assert torch.equal(usual, swapped)
    gradients = [torch.autograd.grad((one * weight).sum(), maps)[0] for one in (usual, swapped)]
    assert torch.equal(*gradients)


@pytest.mark.parametrize("able", [False, True])
def test_bfloat16_is_tried_only_where_the_processor_multiplies_it(able, monkeypatch):
    found = {"avx512_bf16": able, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert precision(model.network(), torch.device("cpu"))[0] == able
    casts, true = [], torch.autocast
    monkeypatch.setattr(
        torch, "autocast", lambda *a, enabled: casts.append(enabled) or true(*a, enabled=enabled)
    )
    found = model.switched(data.fashion_mnist().train, batches=[8], rounds=1)
    assert len(found) == (12 if able else 6)
    assert any(state.bfloat16 for state in found) == any(casts) == able
    assert all(rounds[0] > 0 and len(rounds) == 1 for rounds in found.values())


# --- the interactive and the pictures ------------------------------------------------------------


def made_up(able):
    """Seconds an image in which each switch has a factor of its own."""
    found = {}
    for state in product([False, True][: 1 + able], [False, True], model.ORDERS, [32, 128, 512]):
        state = model.Switches(*state)
        factor = {"last": 1, "before ReLU": 1.01, "before batch norm": 1.25}[state.pooling]
        factor *= (2 if state.bfloat16 else 1) * (1.5 if state.channels_last else 1)
        found[state] = 1 / (1000 * factor * {32: 0.5, 128: 1, 512: 1.1}[state.batch])
    return found


@pytest.mark.parametrize("able", [False, True])
def test_switches_show_the_choice_and_what_each_change_would_give(able):
    interactive = play.switches(made_up(able))
    (axis,) = interactive.draw(**interactive.state)[0].axes
    widths = [bar.get_width() for bar in axis.patches]
    assert widths == pytest.approx([1000, *[2000] * able, 1500, 1010, 1250, 500, 1100])
    texts = [text.get_text().strip() for text in axis.texts]
    middle = "× 2.00" if able else play.MISSING
    assert texts == ["1,000 per second", middle, "× 1.50", "× 1.01", "× 1.25", "× 0.50", "× 1.10"]
    said = interactive.alt(**interactive.state)
    assert (play.MISSING in said) == (not able)
    assert "1,000 images per second" in said
    interactive.controls["layout"].value = "channels last"
    assert "1,500 images per second" in picture(interactive)
    assert "channels first × 0.67" in interactive.alt(**interactive.state)


def test_parts_of_a_step_add_up():
    steps = {
        "slow": {"data": 6e-3, "forward": 3e-3, "backward": 1e-3},
        "quick": {"data": 1e-5, "forward": 3e-3, "backward": 1e-3},
    }
    (axis,) = play.step_parts(steps).axes
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([6, 3, 1, 0.01, 3, 1])
    texts = [text.get_text().strip() for text in axis.texts]
    assert texts == ["60%", "30%", "10%", "10 ms", "75%", "25%", "4.01 ms"]


def test_roofline_has_its_ridge_where_slope_and_peak_meet():
    points = {"a": ("Conv2d", 50.0, 8e10), "b": ("ReLU", 0.125, 1e9)}
    (axis,) = play.roofline(points, 1e11, {"memory": 2e10, "cache": 5e10}).axes
    flat, memory, _, cache, rest, *marks = axis.lines
    assert flat.get_xdata()[0] == 5
    assert flat.get_ydata()[0] == 100
    assert (memory.get_xdata()[1], memory.get_ydata()[1]) == (5, 100)
    assert (cache.get_xdata()[1], cache.get_ydata()[1]) == (2, 100)
    assert list(rest.get_xdata()) == [2, 5]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(50, 80), (0.125, 1)]
