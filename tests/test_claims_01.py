"""What section 01 says about learned numbers holds for other seeds too (COURSE.md: E1 to E4)."""

import pytest
import torch
from notebook_code import from_notebook

from cv_course import data, faces, perturb
from cv_course.data import Split
from cv_course.networks.small import Linear, SmallConv
from cv_course.renderer import recover, render, scene_error
from cv_course.training import evaluate, fit

NOTEBOOK = "01_why_visual_perception"
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", range(3))]


@pytest.fixture(scope="module")
def fashion():
    return data.fashion_mnist()


def test_parts_that_err_differently_add_more(fashion, seed):
    """E1: two halves against even and odd rows."""
    found = {}
    for name, rows in (
        ("top", slice(0, 14)),
        ("bottom", slice(14, 28)),
        ("even", slice(0, 28, 2)),
        ("odd", slice(1, 28, 2)),
        ("whole", slice(0, 28)),
    ):
        train, test = (
            Split(split.images[:, :, rows].contiguous(), split.labels)
            for split in (fashion.train, fashion.test)
        )
        torch.manual_seed(seed)
        model = Linear(train.images.shape[1:], 10)
        fit(model, train, epochs=5, seed=seed, progress=False)
        found[name] = evaluate(model, test)
    print(f"seed {seed}: {found}")
    halves = found["whole"] - max(found["top"], found["bottom"])
    rows = found["whole"] - max(found["even"], found["odd"])
    assert halves > 0.03, found
    assert halves > rows + 0.015, found


def test_some_starts_find_the_scene_in_either_order(seed):
    """E2: the notebook's scene, other random starts."""
    scene = torch.tensor([[10.0, 11.0, 3.0, 0.9], [21.0, 19.0, 5.0, 0.6]])
    low, high = torch.tensor([0, 0, 2, 0.2]), torch.tensor([31, 31, 8, 1.0])
    chance = torch.rand(20, 2, 4, generator=torch.Generator().manual_seed(seed))
    found, error = recover(render(scene), low + chance * (high - low))
    off = scene_error(found, scene)
    good = off < 0.04
    swapped = good & (found[:, 0, 0] > found[:, 1, 0])
    print(f"seed {seed}: {good.sum()} of 20, {swapped.sum()} swapped, best off by {off.min():.0e}")
    assert 2 <= good.sum() <= 18
    assert off[error.argmin()] < 0.04
    assert 0 < swapped.sum() < good.sum()


def test_networks_have_thatcher_illusions_and_can_be_cured(seed):
    """E3: perfect upright; upside down small windows err, and a whole picture passes as normal."""
    (small_windows,) = from_notebook(NOTEBOOK, "small_windows")
    recipe = {"epochs": 5, "batch_size": 64, "lr": 0.05, "seed": seed, "progress": False}
    upright, exam = faces.normal_or_flipped(2000, seed), faces.normal_or_flipped(500, seed + 1000)
    inverted = Split(exam.images.flip(-1, -2), exam.labels)
    torch.manual_seed(seed)
    watcher = small_windows()
    fit(watcher, upright, **recipe)
    torch.manual_seed(seed)
    whole = SmallConv("flatten", image_shape=(1, 32, 32), classes=2)
    fit(whole, upright, **recipe)
    mixed = upright.images.clone()
    mixed[2::4], mixed[3::4] = mixed[2::4].flip(-1, -2), mixed[3::4].flip(-1, -2)
    torch.manual_seed(seed)
    cured = small_windows()
    fit(cured, Split(mixed, upright.labels), **recipe)
    by_kind = [evaluate(whole, inverted[exam.labels == label]) for label in (0, 1)]
    windows, after = (
        (evaluate(model, exam), evaluate(model, inverted)) for model in (watcher, cured)
    )
    found = (
        f"seed {seed}: windows {windows}, whole {evaluate(whole, exam)} and upside down normal, "
        f"flipped {by_kind}; cured {after}"
    )
    print(found)
    assert windows[0] > 0.95, found
    assert windows[1] < 0.3, found
    assert evaluate(whole, exam) > 0.95, found
    assert by_kind[0] > 0.8, found
    assert by_kind[1] < 0.9, found
    assert min(after) > 0.9, found


def test_upright_training_is_a_bias_and_its_cure_has_a_price(fashion, seed):
    """E4: upright only, half turned over, and ranges of angles."""
    (practised,) = from_notebook(NOTEBOOK, "practised")
    import numpy as np

    train, test = fashion.train, fashion.test
    practised.__globals__.update(train=train, perturb=perturb, np=np)
    half = torch.rand(len(train), generator=torch.Generator().manual_seed(seed)) < 0.5
    images = torch.where(half[:, None, None, None], train.images.flip(-1, -2), train.images)
    exams = {
        angle: Split(perturb.rotate(test.images[:1000], angle), test.labels[:1000])
        for angle in (0, 15, 30, 45, 60, 90, 120, 150, 180)
    }
    over = Split(test.images.flip(-1, -2), test.labels)
    found, curves = {}, {}
    for name, seen in (
        (0, train),
        ("half", Split(images, train.labels)),
        (45, practised(45)),
        (90, practised(90)),
        (180, practised(180)),
    ):
        torch.manual_seed(seed)
        model = SmallConv("flatten")
        fit(model, seen, epochs=4, seed=seed, progress=False)
        found[name] = evaluate(model, test), evaluate(model, over)
        curves[name] = [evaluate(model, one) for one in exams.values()]
    text = f"seed {seed}: upright, turned over {found}; at all angles {curves}"
    print(text)
    assert found[0][0] > 0.8, text
    assert found[0][1] < 0.45, text
    assert found["half"][1] > found[0][1] + 0.3, text
    assert found["half"][0] < found[0][0] - 0.005, text
    assert curves[0][0] > curves[45][0] + 0.02 > curves[180][0] + 0.07, text
    assert min(curves[180]) > 0.5, text
    assert min(curves[45][:4]) > 0.6, text
    assert max(curves[45][5], curves[90][-1], curves[0][-1]) < 0.5, text
