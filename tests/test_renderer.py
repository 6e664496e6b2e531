"""The renderer against a slow loop and numerical derivatives; what can and cannot be recovered."""

import math
import time

import pytest
import torch

from cv_course.renderer import least_visible, photograph, recover, render, scene_error

SCENE = torch.tensor([[10.0, 11.0, 3.0, 0.9], [21.0, 19.0, 5.0, 0.6]])
WORLD = torch.tensor([[-20.0, -15.0, 100.0, 10.0, 0.9], [24.0, 16.0, 150.0, 25.0, 0.6]])


def slow_render(scene, side):
    picture = torch.zeros(side, side)
    for x, y, size, brightness in scene.tolist():
        for row in range(side):
            for column in range(side):
                squared = (column - x) ** 2 + (row - y) ** 2
                picture[row, column] += brightness * math.exp(-squared / (2 * size**2))
    return picture


def random_scenes(*shape, seed=0, kind=torch.float32):
    low, high = torch.tensor([0, 0, 2, 0.2]), torch.tensor([31, 31, 8, 1.0])
    chance = torch.rand(*shape, 4, generator=torch.Generator().manual_seed(seed))
    return (low + chance * (high - low)).to(kind)


def test_render_equals_the_slow_loop():
    for seed in range(3):
        scene = random_scenes(3, seed=seed)
        torch.testing.assert_close(render(scene, 20), slow_render(scene, 20))


def test_several_scenes_at_once_are_each_alone():
    scenes = random_scenes(2, 5, 3)
    together = render(scenes)
    assert together.shape == (2, 5, 32, 32)
    torch.testing.assert_close(together[1, 3], render(scenes[1, 3]))


def test_x_goes_right_and_y_down():
    peak = render(torch.tensor([[6.0, 2.0, 1.0, 0.7]]), 9)
    assert peak.argmax() == 2 * 9 + 6
    assert peak.max() == pytest.approx(0.7)


def test_gradients_are_right():
    scene = random_scenes(2, 2, kind=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: render(s, 8), scene)
    world = WORLD.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: render(photograph(w, 8, 8.0), 8), world)


def test_photograph_is_a_pinhole_camera():
    (x, y, size, brightness), _ = photograph(WORLD, side=33, focal=50.0).tolist()
    assert (x, y) == pytest.approx((16 - 20 * 50 / 100, 16 - 15 * 50 / 100))
    assert size == pytest.approx(5)
    assert brightness == pytest.approx(0.9)


@pytest.mark.parametrize("factor", [0.25, 2.0, 8.0])
def test_a_world_of_another_size_gives_the_same_photograph(factor):
    other = WORLD * torch.tensor([factor] * 4 + [1.0])
    assert torch.equal(render(photograph(other)), render(photograph(WORLD)))


def test_the_order_of_the_blobs_does_not_show():
    torch.testing.assert_close(render(SCENE.flip(0)), render(SCENE))
    assert scene_error(SCENE.flip(0), SCENE) == 0


def test_recover_finds_a_scene_in_under_a_second_or_so():
    start = torch.tensor([[14.0, 14.0, 4.0, 0.5], [18.0, 16.0, 4.0, 0.5]])
    before = start.clone()
    began = time.process_time()
    found, error = recover(render(SCENE), start)
    assert time.process_time() - began < 5  # 0.5 s when nothing else runs
    assert scene_error(found, SCENE) < 0.04
    assert error < 1e-5
    assert torch.equal(start, before)
    assert not found.requires_grad


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_twenty_starts_is_the_scene(seed):
    found, errors = recover(render(SCENE), random_scenes(20, 2, seed=seed))
    assert found.shape == (20, 2, 4)
    assert errors.shape == (20,)
    off = scene_error(found, SCENE)
    assert off[errors.argmin()] < 0.04
    assert 1 <= (off < 0.04).sum() <= 18
    assert errors[off > 0.04].min() > errors.min()  # the picture tells which to believe


def test_each_start_goes_its_own_way():
    starts = random_scenes(3, 2, seed=4)
    together, _ = recover(render(SCENE), starts, steps=20)
    alone, _ = recover(render(SCENE), starts[1], steps=20)
    torch.testing.assert_close(together[1], alone, atol=1e-3, rtol=1e-3)


def test_scene_error_is_the_largest_difference_of_the_best_order():
    other = SCENE.flip(0) + torch.tensor([[3.2, 0, 0, 0], [0, 0, 0, -0.3]])
    assert scene_error(other, SCENE) == pytest.approx(0.3, abs=1e-6)
    assert scene_error(other[[1, 0]], SCENE) == pytest.approx(0.3, abs=1e-6)
    assert scene_error(torch.stack([SCENE, other]), SCENE).shape == (2,)


def test_least_visible_is_the_flattest_direction():
    def draw(table):
        return torch.stack([3 * table[0, 0], 2 * table[0, 1] + table[0, 0], 0.1 * table[0, 2]])

    movement, change = least_visible(draw, torch.zeros(1, 3))
    assert movement == pytest.approx(0.1)
    torch.testing.assert_close(change.abs(), torch.tensor([[0.0, 0.0, 1.0]]))
    table = SCENE + 0.5
    movement, change = least_visible(render, table)
    step = 1e-4
    moved = (render(table.double() + step * change) - render(table.double())).norm() / step
    assert moved.item() == pytest.approx(movement, rel=1e-2)


def test_least_visible_of_a_photograph_is_its_scale():
    movement, change = least_visible(lambda w: render(photograph(w)), WORLD[:1])
    lengths = WORLD[0, :4] / WORLD[0, :4].norm()
    assert movement < 1e-10
    assert abs(change[0, :4] @ lengths) > 0.9999
    assert abs(change[0, 4]) < 1e-6


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: render(torch.zeros(4)), r"scene: expected floats of shape \(..., blobs, 4\)"),
        (lambda: render(torch.zeros(2, 5)), "x, y, size, brightness; got torch.float32 of shape"),
        (lambda: render(torch.zeros(2, 4, dtype=torch.int64)), "got torch.int64"),
        (lambda: photograph(SCENE), r"world: .*blobs, 5\) with the columns X, Y, distance"),
        (lambda: recover(torch.zeros(3, 4), SCENE), r"expected shape \(side, side\), got \(3, 4\)"),
        (lambda: recover(torch.zeros(4, 4), SCENE[0]), "start: expected floats"),
        (lambda: scene_error(SCENE, SCENE[:1]), "hold 2 and 1 blobs"),
    ],
)
def test_bad_input_is_explained(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
