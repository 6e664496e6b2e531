"""What section 07 says about learned numbers holds for other seeds too."""

import numpy as np
import pytest
import torch
from notebook_code import from_notebook
from torch import nn

from cv_course import data, perturb
from cv_course.data import Split
from cv_course.models.s07_lenet import activations, fit_squares, in_field
from cv_course.networks import lenet as module
from cv_course.networks.lenet import C3_TABLE, CODES, full_table, lenet
from cv_course.training import evaluate, fit, predict

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", range(3))]
NOTEBOOK = "07_lenet"


def placed(digit, field):
    digits = data.digits()
    return [Split(in_field(s.images, digit, field), s.labels) for s in (digits.train, digits.test)]


def with_names(name, **names):
    """A function as the notebook shows it, with the names that its cells had by then."""
    (function,) = from_notebook(NOTEBOOK, name)
    function.__globals__.update(names)
    return function


def test_training_makes_depth_pay_and_doubt_finds_errors(seed):
    small, small_test = placed(16, 16)
    read_off = with_names("read_off", activations=activations, small=small, small_test=small_test)
    torch.manual_seed(seed)
    model = lenet("1989")
    before = {name: read_off(model, name) for name in ("scale", "h1", "h2", "h3")}
    fit_squares(model, small, epochs=12, seed=seed)
    after = read_off(model, "h3")
    right = evaluate(model, small_test)
    best = predict(model, small_test.images).topk(2)
    wrong = best.indices[:, 0] != small_test.labels
    doubtful = (best.values[:, 0] - best.values[:, 1]).argsort()
    caught = wrong[doubtful[: len(wrong) // 20]].sum().item()
    found = f"seed {seed}: random {before}, trained h3 {after}, right {right}, "
    found += f"caught {caught} of {wrong.sum()}"
    print(found)
    assert before["h1"] > before["scale"] + 0.02, found
    assert before["h1"] > before["h2"] > before["h3"] + 0.02, found
    assert after > before["h3"] + 0.03, found
    assert before["h3"] < before["scale"] < after, found
    assert right > 0.95, found
    assert caught >= wrong.sum() / 2, found


def test_the_table_breaks_a_symmetry_that_a_random_start_breaks_too(seed):
    train, test = placed(20, 32)
    names = {"lenet": lenet, "activations": activations, "train": train, "test": test}
    different_maps = with_names("different_maps", **names)
    (made_alike,) = from_notebook(NOTEBOOK, "made_alike")
    made_alike.__globals__["lenet"] = lambda *given, **more: (
        torch.manual_seed(seed),
        lenet(*given, **more),
    )[1]
    assert different_maps(made_alike(full_table(6, 16))) == 1
    assert different_maps(made_alike(C3_TABLE)) == 16
    alikeness = with_names("alikeness", **names)
    right, alike, drawn = {}, {}, {}
    for name, table in (("paper", C3_TABLE), ("full", full_table(6, 16))):
        torch.manual_seed(seed)
        model = lenet("1998", table=table)
        fit(model, train, epochs=6, batch_size=32, lr=0.005, seed=seed, progress=False)
        right[name], alike[name] = evaluate(model, test), alikeness(model)
        states = activations(model, test.images)["f6"]
        drawn[name] = (states.sign() == CODES[test.labels]).float().mean().item()
    found = f"seed {seed}: right {right}, alike {alike}, drawn {drawn}"
    print(found)
    assert abs(right["paper"] - right["full"]) < 0.04, found
    assert abs(alike["paper"] - alike["full"]) < 0.15, found
    assert 0.6 < drawn["paper"] < 0.97, found
    assert min(right.values()) > 0.93, found


def test_tanh_is_faster_here_and_the_poolings_are_alike(seed):
    train, test = placed(20, 32)
    race = with_names("race", lenet=lenet, fit=fit, train=train, test=test)
    pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
    found = {
        (p, a): race(unit, pools[p], seed)
        for p in pools
        for a, unit in (("ReLU", nn.ReLU), ("tanh", nn.Tanh))
    }
    sigmoid = race(nn.Sigmoid, nn.AvgPool2d, seed)
    print(f"seed {seed}: {found}, sigmoid {sigmoid}")
    early = {a: np.mean([found[p, a][1] for p in pools]) for a in ("ReLU", "tanh")}
    late = {p: np.mean([found[p, a][-1] for a in ("ReLU", "tanh")]) for p in pools}
    assert early["tanh"] > early["ReLU"] + 0.05, found
    assert abs(late["max"] - late["average"]) < 0.05, found
    assert sigmoid[-1] < 0.2


def test_shift_turn_and_size_break_the_modern_form(seed):
    train, test = placed(20, 32)
    torch.manual_seed(seed)
    model = module.lenet("modern")
    fit(model, train, epochs=6, batch_size=32, lr=0.05, seed=seed, progress=False)
    right = evaluate(model, test)
    for change, by in ((perturb.shift, 6), (perturb.rotate, 60), (perturb.scale, 0.5)):
        left = evaluate(model, Split(change(test.images, by), test.labels))
        print(f"seed {seed}: {change.__name__} {right:.3f} -> {left:.3f}")
        assert left < right - 0.25
