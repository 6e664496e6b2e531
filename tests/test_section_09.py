"""Section 09: exact numbers, and its interactives."""

import numpy as np
import pytest
import torch
from notebook_code import from_notebook

from cv_course import data, layers
from cv_course.networks.alexnet import alexnet
from cv_course.networks.vgg import vgg
from cv_course.receptive import Window, predicted
from cv_course.sections.s09_field import model, play

NOTEBOOK = "09_receptive_field"
all_ones, pixels_that_matter = from_notebook(NOTEBOOK, "all_ones", "pixels_that_matter")


# --- exact numbers -------------------------------------------------------------------------------


def sides(windows):
    return [field.size[0] for field in predicted(windows)]


def of(table):
    rows = table.only("Conv2d", "MaxPool2d")
    return [Window(row.kernel, row.stride, row.padding) for row in rows]


def test_receptive_fields_of_the_reference_table():
    with torch.device("meta"):
        one = layers.trace(alexnet("two_towers"), (3, 227, 227))
        ends = {c: layers.trace(vgg(c), (3, 224, 224)) for c in "ABCDE"}
    assert sides(of(one)) == [11, 19, 51, 67, 99, 131, 163, 195]
    of_d = [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212]
    assert sides(of(ends["D"])) == of_d
    assert [sides(of(table))[-1] for table in ends.values()] == [150, 156, 156, 212, 268]
    assert one.only("Linear")[0].receptive_field == (355, 355)
    assert ends["D"].only("Linear")[0].receptive_field == (404, 404)


@pytest.mark.parametrize(("depth", "share"), [(5, 0.75), (10, 0.56), (20, 0.39), (40, 0.28)])
def test_equal_weights_give_a_gaussian_and_luos_sizes(depth, share):
    strength, side = model.equal_weights(depth), 2 * depth + 1
    assert model.effective_size(strength) / side == pytest.approx(share, abs=0.01)
    assert model.sigma(strength) == pytest.approx((2 * depth / 3) ** 0.5)
    profile = strength[depth]
    gauss = torch.exp(-((torch.arange(side).double() - depth) ** 2) / (4 * depth / 3))
    assert (profile - gauss).abs().max() < 0.3 / depth
    network = all_ones([Window(3)] * depth)
    found = model.effective(network, torch.zeros(1, 1, side, side).double())
    torch.testing.assert_close(found, strength)


def test_the_pixels_above_the_threshold_hold_95_percent_of_a_round_gaussian():
    axis = torch.arange(-60, 61).double()
    bell = torch.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 10**2))
    assert bell[bell > model.THRESHOLD].sum() / bell.sum() == pytest.approx(0.9545, abs=0.001)
    assert pytest.approx(2.486, abs=0.001) == model.RADIUS
    area = np.pi * (model.RADIUS * 10) ** 2
    assert model.effective_size(bell) == pytest.approx(area**0.5, rel=0.01)


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
            all_ones(windows)(torch.zeros(1, 1, 26, 26).double())
        return
    network, image = all_ones(windows), torch.zeros(1, 1, 26, 26).double()
    with torch.no_grad():
        assert network(image).shape[2] == lengths[-1]
        unit = int(rng.integers(lengths[-1]))
        matters = pixels_that_matter(network, image, unit, unit).any(0)
    seen = model.connected(windows, unit, 26)[1][0]
    assert np.flatnonzero(matters).tolist() == [int(p) for p in seen if 0 <= p < 26]


def test_dilation_leaves_gaps_or_none():
    widths = {}
    for steps in ((1, 1, 1), (2, 2, 2), (1, 2, 4), (1,) * 6):
        windows = [Window(3, 1, 0, step) for step in steps]
        widths[steps] = predicted(windows)[-1].size[0], len(model.connected(windows, 0, 20)[1][0])
    assert list(widths.values()) == [(7, 7), (13, 7), (15, 15), (13, 13)]


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
    assert "size 16, jump 4: unit 4 of 8 depends on 16 pixels" in said[0]
    assert "depends on 10 pixels" in editor.alt(unit=0)  # six of the sixteen lie outside
    assert "size 9, jump 1" in said[1]
    assert "size 15, jump 2" in said[2]
    assert "size 9, jump 2" in said[3]
    assert "size 9, jump 1: unit 0 of 32 depends on 5 pixels" in said[4]
    three = dict.fromkeys(("first", "second", "third"), "conv 3, dilation 2")
    gaps = editor.alt(**three, fourth="none", unit=16)
    assert "size 13, jump 1: unit 16 of 32 depends on 7 pixels" in gaps
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
    assert "Unit (7, 7)" in photo.alt(stage="c3", down=50, right=50, photo="cat")
