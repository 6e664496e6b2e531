"""The interactives of section 05 without a browser: state -> numbers and picture."""

import time

import ipywidgets as widgets
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cv_course import data, explore, figures
from cv_course.convolution import KERNELS
from cv_course.models.local import LADDER, hidden_layer


@pytest.fixture(scope="module")
def photo():
    return F.avg_pool2d(data.photos()["cat"].float().mean(0, keepdim=True), 2)[0].round()


@pytest.fixture(scope="module")
def ladder():
    return explore.ladder()


@pytest.fixture(scope="module")
def slide(photo):
    return explore.slide(photo[40:72, 70:102].numpy())


def ring(images):
    kernel = torch.from_numpy(KERNELS["left to right"])[None, None]
    return F.conv2d(F.pad(images, [1] * 4, mode="circular"), kernel).relu()


def zeros(images):
    kernel = torch.from_numpy(KERNELS["left to right"])[None, None]
    return F.conv2d(images, kernel, padding=1).relu()


@pytest.fixture(scope="module")
def roll(photo):
    layers = {
        "ring": (ring, 1),
        "zeros": (zeros, 1),
        "maximum": (lambda images: F.max_pool2d(ring(images), 2), 2),
    }
    return explore.roll(photo[24:88, 54:118], layers)


def picture(interactive) -> str:
    return next(child for child in interactive.widget.children if type(child) is widgets.HTML).value


@pytest.mark.parametrize(("side", "kernel", "maps"), [(28, 5, 4), (12, 1, 1), (32, 11, 7)])
def test_ladder_draws_what_the_layers_hold(ladder, side, kernel, maps):
    layers = [hidden_layer(kind, (1, side, side), kernel, maps) for kind in LADDER]
    sizes = [sum(p.numel() for p in layer.parameters()) for layer in layers]
    figure = ladder.render(side=side, kernel=kernel, maps=maps)
    scene, parameters, work = figure.axes
    assert [bar.get_width() for bar in parameters.patches] == sizes
    assert [text.get_text() for text in parameters.texts] == [f"{size:,}" for size in sizes]
    assert work.patches[1].get_width() == work.patches[2].get_width()
    window = scene.patches[1]
    assert window.get_width() / scene.patches[0].get_width() == kernel / side
    for size in sizes:
        assert f"{size:,} weights" in ladder.alt(side=side, kernel=kernel, maps=maps)


def test_ladder_follows_its_controls(ladder):
    ladder.set(side=28, kernel=5, maps=4)
    assert "1,808,640" in picture(ladder)
    ladder.controls["side"].value = 64
    assert "64 x 64 pixels" in picture(ladder)
    assert "convolution: 104 weights" in picture(ladder)
    ladder.controls["kernel"].value = 3
    ladder.controls["maps"].value = 8
    assert "convolution: 80 weights" in picture(ladder)


@pytest.mark.parametrize("step", [1, 31, 450, 900])
@pytest.mark.parametrize("kernel", ["left to right", "blur"])
def test_slide_shows_window_products_and_the_map_so_far(slide, photo, step, kernel):
    eye = photo[40:72, 70:102].numpy()
    y, x = divmod(step - 1, 30)
    figure = slide.render(step=step, kernel=kernel)
    shown = [axis.images[0].get_array() for axis in figure.axes]
    window = eye[y : y + 3, x : x + 3]
    assert np.array_equal(shown[0], eye)
    assert np.array_equal(shown[1], window)
    assert np.array_equal(shown[2], KERNELS[kernel])
    assert np.allclose(shown[3], window * KERNELS[kernel])
    expected = F.conv2d(
        torch.tensor(eye)[None, None].double(), torch.tensor(KERNELS[kernel])[None, None]
    )[0, 0].numpy()
    done = np.ma.filled(shown[4], np.nan)
    assert np.isfinite(done).sum() == step
    assert np.allclose(done[np.isfinite(done)], expected.flat[:step])
    total = (window * KERNELS[kernel]).sum()
    written = slide.alt(step=step, kernel=kernel).split(" = ")[1].split(". ")[0]
    assert float(written.replace("−", "-")) == pytest.approx(total, abs=0.06)


def test_a_sum_is_written_out():
    products = np.array([[-3.0, 0, 2], [0, 0, -1.0]])
    assert figures.written_sum(products) == "− 3 + 0 + 2 + 0 + 0 − 1 = −2"
    assert figures.written_sum(np.array([[0.25, 0.5]])) == "0.2 + 0.5 = 0.8"


def test_slide_follows_its_controls(slide):
    slide.set(step=1, kernel="left to right")
    slide.controls["step"].value = 32
    assert "row 1, column 1" in picture(slide)
    slide.controls["kernel"].value = "sharpen"
    assert "“sharpen” at step 32" in picture(slide)


@pytest.mark.parametrize("by", [-7, 0, 1, 2, 20])
@pytest.mark.parametrize("layer", ["ring", "zeros", "maximum"])
def test_roll_shows_map_and_rolled_map(roll, photo, by, layer):
    face = photo[24:88, 54:118].double()[None, None]
    function, stride = {
        "ring": (ring, 1),
        "zeros": (zeros, 1),
        "maximum": (lambda images: F.max_pool2d(ring(images), 2), 2),
    }[layer]
    image, of_moved, along, difference = (
        torch.as_tensor(axis.images[0].get_array()) for axis in roll.render(by=by, layer=layer).axes
    )
    assert torch.equal(image, face.roll(by, -1)[0, 0])
    assert torch.equal(of_moved, function(face.roll(by, -1))[0, 0])
    assert torch.equal(along, function(face)[0, 0].roll(by // stride, -1))
    assert torch.equal(difference, of_moved - along)
    same = layer == "ring" or by == 0 or (layer == "maximum" and by % 2 == 0)
    assert ("is exactly" in roll.alt(by=by, layer=layer)) == same
    assert (roll.render(by=by, layer=layer).axes[3].get_title("left") == "difference: 0") == same


def test_roll_follows_its_controls(roll):
    roll.set(by=3, layer="ring")
    assert "rolled by 3 pixels" in picture(roll)
    roll.controls["layer"].value = "maximum"
    assert "differs by up to" in picture(roll)
    roll.controls["by"].value = 4
    assert "is exactly" in picture(roll)


@pytest.mark.parametrize("name", ["ladder", "slide", "roll"])
def test_film_tells_different_things_in_small_pictures(name, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len(set(frames)) == len(frames) >= 3
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture


@pytest.mark.parametrize("name", ["ladder", "slide", "roll"])
def test_a_step_takes_little_computing(name, request):
    interactive = request.getfixturevalue(name)
    state = {**interactive._start, **interactive.film[-1]}
    seconds = []
    for _ in range(4):  # the first draws what is kept, and a busy computer is slow at times
        began = time.process_time()
        interactive.html(**state)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.5  # on a machine that does nothing else: 0.2 s
