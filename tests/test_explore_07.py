"""The interactives of section 07 without a browser: state -> numbers and picture."""

import numpy as np
import pytest
import torch
from notebook_code import picture

from cv_course import data, explore, figures
from cv_course.data import Split
from cv_course.models.s07_lenet import activations, as_matrix, in_field
from cv_course.networks.lenet import C3_TABLE, CODES, lenet
from cv_course.perturb import rotate, scale, shift
from cv_course.training import predict


@pytest.fixture(scope="module")
def split():
    test = data.digits().test[:60]
    return Split(in_field(test.images, 20, 32), test.labels)


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    return {"1998": lenet("1998"), "modern": lenet("modern")}


@pytest.fixture(scope="module")
def states(models, split):
    return activations(models["1998"], split.images)["f6"]


@pytest.fixture(scope="module")
def c3_table():
    return explore.c3_table()


@pytest.fixture(scope="module")
def read_digits(split, states):
    return explore.read_digits(split.images, states, CODES, split.labels, [5, 3, 8, 0, 21])


@pytest.fixture(scope="module")
def distort(models, split):
    return explore.distort(models, split, tuple("0123456789"))


@pytest.mark.parametrize(("which", "chosen"), [("1998", 0), ("1998", 15), ("full", 7)])
def test_table_shows_who_is_joined_and_what_it_costs(c3_table, which, chosen):
    left, right = c3_table.render(which=which, chosen=chosen).axes
    table = as_matrix(C3_TABLE, 6) if which == "1998" else torch.ones(16, 6)
    assert np.array_equal(left.images[0].get_array() > 0, table.T.numpy() > 0)
    count = 25 * int(table[chosen].sum()) + 1
    assert left.get_title("left").endswith(f"{count} parameters")
    parameters = 25 * int(table.sum()) + 16
    shown = [text.get_text() for text in right.texts]
    assert shown == [f"{parameters:,}", f"{100 * parameters:,}"]
    assert f"{parameters:,} parameters and {100 * parameters:,} connections" in c3_table.alt(
        which=which, chosen=chosen
    )


def test_table_follows_its_controls(c3_table):
    c3_table.set(which="1998", chosen=12)
    assert "map 12 of C3 looks at the maps 0, 1, 3, 4 of S2" in picture(c3_table)
    c3_table.controls["which"].value = "full"
    assert "looks at the maps 0, 1, 2, 3, 4, 5 of S2" in picture(c3_table)


@pytest.mark.parametrize("rank", [0, 3])
def test_read_digits_shows_state_and_distances(read_digits, split, states, rank):
    item = [5, 3, 8, 0, 21][rank]
    image, state, code, bars = read_digits.render(rank=rank).axes
    distances = ((states[item] - CODES) ** 2).sum(1)
    answer = distances.argmin().item()
    assert np.array_equal(image.images[0].get_array(), split.images[item, 0])
    np.testing.assert_allclose(state.images[0].get_array(), states[item].view(12, 7))
    np.testing.assert_allclose(code.images[0].get_array(), CODES[answer].view(12, 7))
    heights = [bar.get_height() for bar in bars.patches]
    assert heights == pytest.approx(distances.tolist(), rel=1e-4)
    sign = "✓" if answer == split.labels[item] else "✗"
    assert bars.get_title("left") == f"nearest: {sign} {answer}"
    assert f"Nearest is the code of {answer} at" in read_digits.alt(rank=rank)


def test_read_digits_follows_its_control(read_digits):
    read_digits.controls["rank"].value = 2
    assert "rank 2 by doubt" in picture(read_digits)


CHANGES = [
    {"item": 0, "right": 0, "down": 0, "turn": 0, "size": 1.0},
    {"item": 7, "right": 4, "down": -3, "turn": 30, "size": 0.6},
]


@pytest.mark.parametrize("state", CHANGES)
def test_distort_shows_what_the_networks_read(distort, models, split, state):
    image = split.images[state["item"]][None]
    if state["turn"]:
        image = scale(rotate(image, state["turn"]), state["size"])
    image = shift(image, state["right"], state["down"])
    first, *others = distort.render(**state).axes
    assert np.array_equal(first.images[0].get_array(), image[0, 0])
    for axis, (name, model) in zip(others, models.items(), strict=True):
        expected = predict(model, image)[0].softmax(0)
        shown = [bar.get_width() for bar in axis.patches]
        assert shown == pytest.approx(expected.tolist(), abs=1e-5)
        assert f"{name}: {expected.argmax().item()}" in distort.alt(**state)


def test_distort_follows_its_controls(distort):
    distort.set(**CHANGES[0])
    for name, value, words in (
        ("right", -2, "moved -2 pixels to the right and 0 down"),
        ("down", 5, "moved -2 pixels to the right and 5 down"),
        ("turn", 40, "turned by 40 degrees"),
        ("size", 0.7, "magnified by 0.7"),
    ):
        distort.controls[name].value = value
        assert words in picture(distort)


@pytest.mark.parametrize(("name", "count"), [("c3_table", 4), ("read_digits", 3), ("distort", 5)])
def test_film_tells_different_things_in_small_pictures(name, count, request):
    interactive = request.getfixturevalue(name)
    film = [{k: min(v, 4) if k == "rank" else v for k, v in s.items()} for s in interactive.film]
    frames = [interactive.html(**state) for state in film]
    assert len({page.split("src=")[1] for page in frames}) == len(frames) == count
    assert max(map(len, frames)) < 60_000


def test_stages_draws_every_map(models, split):
    found = activations(models["1998"], split.images[:1])
    axes = figures.stages(found).axes
    assert [axis.get_title("left").split(":")[0] for axis in axes] == list(found)
    first = axes[0].images[0].get_array()
    expected = found["scale"][0, 0] / found["scale"].abs().max()
    np.testing.assert_allclose(first, expected, atol=1e-6)
    assert axes[3].images[0].get_array().shape == (10, 16 * 11 - 1)  # c3: 16 tiles in a row


def test_race_and_code_distances():
    lines = {"max": {"ReLU": [[0.1, 0.5], [0.2, 0.6]]}, "average": {"ReLU": [[0.1, 0.4]]}}
    left, right = figures.training_races(lines).axes
    assert [list(line.get_ydata()) for line in left.lines[:2]] == lines["max"]["ReLU"]
    assert list(right.lines[0].get_ydata()) == lines["average"]["ReLU"][0]
    axis = figures.code_distances(CODES, tuple("0123456789")).axes[0]
    assert axis.texts[1].get_text() == str(int((CODES[0] != CODES[1]).sum()))
