"""Section 09: what a unit depends on, and its interactives."""

import numpy as np
import pytest
import torch
from notebook_code import from_notebook

from cv_course import data, layers
from cv_course.networks.alexnet import alexnet
from cv_course.receptive import Window
from cv_course.sections.s09_field import model, play

NOTEBOOK = "09_receptive_field"
all_ones, pixels_seen = from_notebook(NOTEBOOK, "all_ones", "pixels_seen")


# --- equal weights -------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [5, 10, 20, 40])
def test_equal_weights_give_a_gaussian(depth):
    strength, side = model.equal_weights(depth), 2 * depth + 1
    profile = strength[depth]
    gauss = torch.exp(-((torch.arange(side).double() - depth) ** 2) / (4 * depth / 3))
    assert (profile - gauss).abs().max() < 0.3 / depth
    network = all_ones([Window(3)] * depth).double()
    found = model.effective(network, torch.zeros(1, 1, side, side).double())
    torch.testing.assert_close(found, strength)


def test_the_pixels_above_the_threshold_hold_95_percent_of_a_round_gaussian():
    axis = torch.arange(-60, 61).double()
    bell = torch.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 10**2))
    assert bell[bell > model.THRESHOLD].sum() / bell.sum() == pytest.approx(0.9545, abs=0.001)


def test_a_network_that_passes_no_gradient_has_no_effective_field():
    dead = model.plain(depth=2)
    torch.nn.init.constant_(dead[0].bias, -100)
    strength = model.effective(dead, torch.rand(2, 1, 5, 5))
    assert torch.equal(strength, torch.zeros(5, 5))
    assert model.effective_size(strength) == model.sigma(strength) == 0


# --- what a unit depends on ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_connected_elements_are_those_that_a_poke_changes(seed):
    rng = np.random.default_rng(seed)
    windows = []
    for _ in range(rng.integers(1, 5)):
        kernel = int(rng.integers(1, 6))
        padding = int(rng.integers(0, kernel))
        windows.append(Window(kernel, int(rng.integers(1, 3)), padding, int(rng.integers(1, 4))))
    try:
        lengths, _ = model.connected(windows, 0, 26)
    except ValueError:
        with pytest.raises(RuntimeError):
            all_ones(windows)(torch.zeros(1, 1, 26, 26))
        return
    network, image = all_ones(windows), torch.zeros(1, 1, 26, 26)
    with torch.no_grad():
        assert network(image).shape[2] == lengths[-1]
        unit = int(rng.integers(lengths[-1]))
        found = pixels_seen(network, image, unit, unit).any(0)
    seen = model.connected(windows, unit, 26)[1][0]
    assert np.flatnonzero(found).tolist() == [int(p) for p in seen if 0 <= p < 26]


def test_marks_lie_where_they_should():
    images, corners = torch.zeros(4, 1, 21, 21), torch.arange(4)
    marks = model.marked(images, corners, 7)
    assert marks.sum().item() == 4 * 9
    middles = [one[0].nonzero().double().mean(0).int().tolist() for one in marks]
    assert middles == [[3, 3], [3, 17], [17, 3], [17, 17]]
    assert not images.any()  # as they were


# --- interactives --------------------------------------------------------------------------------


def test_editor_says_what_the_rule_says():
    editor = play.layer_editor()
    said = [editor.alt(**state) for state in editor.film]
    assert "size 9, jump 1: unit 16 of 32 sees 9 pixels" in said[0]
    assert "size 15, jump 2" in said[1]
    assert "size 9, jump 2" in said[2]
    at_the_border = dict(editor.film[0], unit=0)
    assert "size 9, jump 1: unit 0 of 32 sees 5 pixels" in editor.alt(**at_the_border)
    (axis,) = editor.draw(**at_the_border)[0].axes
    assert axis.lines[0].get_xdata().tolist() == [-4.5, 4.5]  # the whole field
    drawn = [len(one.get_offsets()) for one in axis.collections[1::2]]
    assert drawn == [5, 4, 3, 2, 1]  # without the zeros of the padding
    names = ("conv 5", "pool 2, stride 2", "conv 5", "pool 2, stride 2")
    lenet = dict(zip(("first", "second", "third", "fourth"), names, strict=True))
    assert "size 16, jump 4: unit 4 of 8 sees 16 pixels" in editor.alt(**lenet, unit=4)
    assert "sees 10 pixels" in editor.alt(**lenet, unit=0)  # six of the sixteen lie outside
    three = dict.fromkeys(("first", "second", "third"), "conv 3, dilation 2")
    gaps = editor.alt(**three, fourth="none", unit=16)
    assert "size 13, jump 1: unit 16 of 32 sees 7 pixels" in gaps
    assert "no layer" in editor.alt(**dict.fromkeys(("first", "second", "third", "fourth"), "none"))


def test_photo_frames_what_the_unit_sees():
    with torch.device("meta"):
        table = layers.trace(alexnet().features, (3, 227, 227))
    row = table["8"]
    photo = play.field_on_photo({"cat": data.photos()["cat"]}, {"pool1": table["3"], "c3": row})
    said = photo.alt(stage="c3", down=0, right=0, photo="cat")
    assert f"from row {row.start[0]} and column {row.start[1]} on" in said
    size, inside = row.receptive_field[0], row.receptive_field[0] + row.start[0]
    assert f"{inside**2 / size**2:.0%} of them lie in the image" in said


def test_the_middle_of_an_even_number_of_units_is_the_one_that_is_measured():
    with torch.device("meta"):
        row = layers.trace(alexnet().features, (3, 243, 243))["8"]
    photo = play.field_on_photo({"cat": data.photos()["cat"]}, {"c3": row, "again": row})
    assert row.output_shape[1] == 14
    assert "unit (7, 7)" in photo.alt(stage="c3", down=50, right=50, photo="cat")
