"""The interactives of section 10 without a browser: state -> numbers and picture."""

import itertools
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import picture
from torch import nn

from cv_course import data, explore, layers
from cv_course.data import Dataset, as_float
from cv_course.explore.vgg import accuracies_by_input, descent, stack_costs


@pytest.fixture(scope="module")
def fashion():
    whole = data.fashion_mnist()
    return Dataset(whole.train[::4], whole.test[::4], whole.classes)


@pytest.fixture(scope="module")
def stacks():
    return explore.stacks()


@pytest.fixture(scope="module")
def centring(fashion):
    return explore.centring(fashion)


SHOTS, LAYERS = [1, 5, 20], ["stage 1", "stage 2", "scores"]
CURVES = {
    "trained": {"stage 1": [0.5, 0.6, 0.7], "stage 2": [0.55, 0.7, 0.8], "scores": [0.4, 0.5, 0.6]},
    "random": {"stage 1": [0.45, 0.6, 0.7], "stage 2": [0.44, 0.6, 0.7], "scores": [0.3, 0.4, 0.5]},
    "pixels": {"pixels": [0.48, 0.62, 0.72]},
}


@pytest.fixture(scope="module")
def transfer():
    return explore.transfer(CURVES, SHOTS, LAYERS, classes=4)


@pytest.mark.parametrize(("depth", "came", "made"), [(1, 3, 8), (3, 16, 16), (5, 1, 4)])
def test_stack_costs_are_those_of_the_layers(depth, came, made):
    with torch.device("meta"):
        channels = [came, *[made] * depth]
        small = [nn.Conv2d(a, b, 3, bias=False) for a, b in itertools.pairwise(channels)]
        large = nn.Conv2d(came, made, 1 + 2 * depth, bias=False)
    stacked = layers.trace(nn.Sequential(*small), (came, 24, 24))
    costs = stack_costs(depth, came, made)
    assert costs["weights"] == (stacked.parameters, layers.count_parameters(large))
    assert stacked[-1].receptive_field == (1 + 2 * depth,) * 2
    assert costs["numbers kept a place"] == (sum(row.output_shape[0] for row in stacked), made)
    assert costs["ReLUs in a row"] == (depth, 1)


def test_stacks_draws_the_costs_and_the_pyramid(stacks):
    figure = stacks.render(depth=3, came="as many", made=16)
    pyramid, weights, *_ = figure.axes
    assert len(pyramid.patches) == 7 + 5 + 3 + 1
    assert [bar.get_height() for bar in weights.patches] == [27 * 256, 49 * 256]
    assert "1.81 × as many" in weights.get_title("left")
    assert "6,912 weights against 12,544" in stacks.alt(depth=3, came="as many", made=16)


def test_stacks_follows_its_controls(stacks):
    stacks.set(depth=3, came="as many", made=64)
    assert "110,592 weights against 200,704" in picture(stacks)
    stacks.controls["came"].value = "3"
    assert "75,456 weights against 9,408" in picture(stacks)
    stacks.controls["depth"].value = 2
    assert "one of 5 x 5" in picture(stacks)


def test_accuracies_are_those_of_plain_training(fashion):
    """All states at once, against one after the other with autograd."""
    offsets, scales, steps = [0.0, 1.0], [1.0, 3.0], 30
    found = accuracies_by_input(fashion, offsets, scales, steps=steps, rate=0.002, seed=3)
    x, asked = (as_float(part.images).flatten(1) for part in (fashion.train, fashion.test))
    asked, x = asked - x.mean(), x - x.mean()
    for row, scale in enumerate(scales):
        for column, offset in enumerate(offsets):
            order = torch.Generator().manual_seed(3)
            W, b = torch.zeros(784, 10, requires_grad=True), torch.zeros(10, requires_grad=True)
            for _ in range(steps):
                batch = torch.randint(len(x), (128,), generator=order)
                loss = F.cross_entropy(
                    (scale * x[batch] + offset) @ W + b, fashion.train.labels[batch]
                )
                for p, g in zip((W, b), torch.autograd.grad(loss, (W, b)), strict=True):
                    p.data -= 0.002 * g
            right = ((scale * asked + offset) @ W + b).argmax(1) == fashion.test.labels
            assert found[row, column].item() == pytest.approx(
                right.float().mean().item(), abs=0.011
            )


def test_descent_is_that_of_the_loss():
    """The quadratic and its steps, against gradient descent on samples."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(20_000, generator=generator, dtype=torch.float64)
    z = (z - z.mean()) / z.std(correction=0)
    offset, scale, std = 0.7, 2.0, 0.35
    x = scale * std * z + offset
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    best = torch.tensor([1 / (scale * std), -offset / (scale * std)], dtype=torch.float64)
    path, hessian = descent(offset, scale, std, steps=5, rate=0.1)
    for place in path:
        np.testing.assert_allclose((w - best).detach().numpy(), place, atol=1e-9)
        loss = (w[0] * x + w[1] - z).square().mean() / 2
        assert loss.item() == pytest.approx(place @ hessian @ place / 2, abs=1e-9)
        w.data -= 0.1 * torch.autograd.grad(loss, w)[0]


def test_centring_marks_the_state(centring):
    figure = centring.render(offset=0.0, scale=1.0)
    marked = figure.axes[1].lines[-1]
    curves = {line.get_label(): line for line in figure.axes[1].lines[:-1]}
    chosen = dict(
        zip(curves["scale × 1"].get_xdata(), curves["scale × 1"].get_ydata(), strict=True)
    )
    assert (marked.get_xdata()[0], marked.get_ydata()[0]) == (0.0, chosen[0.0])
    assert f"{chosen[0.0]:.2f} in 400 steps" in centring.alt(offset=0.0, scale=1.0)


def test_centring_follows_its_controls(centring):
    centring.set(offset=0.0, scale=3.0)
    assert "mean 0, scale 3" in picture(centring)
    centring.controls["offset"].value = 2.0
    assert "mean 2, scale 3" in picture(centring)


def test_transfer_draws_its_curves(transfer):
    figure = transfer.render(shot=20, layer="stage 2")
    left, right = figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in left.lines}
    assert drawn["trained"] == CURVES["trained"]["stage 2"]
    assert drawn["pixels"] == CURVES["pixels"]["pixels"]
    by_layer = {line.get_label(): list(line.get_ydata()) for line in right.lines}
    assert by_layer["trained"] == [0.7, 0.8, 0.6]
    assert set(by_layer["pixels"]) == {0.72}
    assert "trained 0.80, random 0.70, pixels 0.72" in transfer.alt(shot=20, layer="stage 2")


def test_transfer_follows_its_controls(transfer):
    transfer.set(shot=1, layer="stage 2")
    transfer.controls["layer"].value = "scores"
    assert "1 example of each, features of scores" in picture(transfer)
    transfer.controls["shot"].value = 20
    assert "20 examples of each" in picture(transfer)


@pytest.mark.parametrize("name", ["stacks", "centring", "transfer"])
def test_film_tells_different_things_in_small_pictures(name, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len(set(frames)) == len(frames) >= 3
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture
    alts = {frame.split('"')[1] for frame in frames}
    assert len(alts) == len(frames)
    began = time.process_time()
    interactive.html(small=False, **interactive.film[-1])
    print(f"{name}: {1000 * (time.process_time() - began):.0f} ms of CPU a step")
