"""The interactives of section 02 without a browser: state -> numbers and picture."""

import numpy as np
import pytest
import torch
from notebook_code import picture

from cv_course import data, explore, features, figures
from cv_course.attribution import cover, occlusion
from cv_course.models.generator import ClassGaussians
from cv_course.networks.small import SmallConv
from cv_course.training import fit, predict

SIZES = [100, 500, 2000]


@pytest.fixture(scope="module")
def fashion():
    return data.fashion_mnist()


@pytest.fixture(scope="module")
def design(fashion):
    return explore.design_feature(fashion.train[:300], fashion.test[:200], item=9)


@pytest.fixture(scope="module")
def right(fashion):
    lot = torch.Generator().manual_seed(0)
    return {
        name: (torch.rand(3, 2, 300, generator=lot) < share).float()
        for name, share in (("HOG", 0.8), ("network", 0.6))
    }


@pytest.fixture(scope="module")
def curves(fashion, right):
    return explore.hand_or_learned(SIZES, right, fashion.test.labels[:300], fashion.classes)


@pytest.fixture(scope="module")
def model(fashion):
    torch.manual_seed(0)
    net = SmallConv()
    fit(net, fashion.train[:1500], epochs=4, batch_size=32, lr=0.05, progress=False, device="cpu")
    return net


@pytest.fixture(scope="module")
def generator(fashion):
    return ClassGaussians.fit(fashion.train[:1500].images, fashion.train[:1500].labels, k=4)


@pytest.fixture(scope="module")
def order(generator, model, fashion):
    return explore.order_picture(generator, model, fashion.classes)


@pytest.fixture(scope="module")
def patch(model, fashion):
    return explore.occluding_patch(model, fashion.test[:20], fashion.classes)


def bars(axis) -> list[float]:
    return [bar.get_width() for bar in axis.patches]


# --- a feature of one's own ----------------------------------------------------------------------

DESIGNS = [
    {"cell": 4, "bins": 9, "signed": False, "norm": ("L2-Hys", 2)},
    {"cell": 7, "bins": 5, "signed": True, "norm": ("none", 1)},
    {"cell": 14, "bins": 1, "signed": False, "norm": ("L2", 1)},
]


@pytest.mark.parametrize("state", DESIGNS)
def test_design_feature_shows_what_the_feature_is_worth(design, fashion, state):
    learn, validation = fashion.train[:300], fashion.test[:200]

    def worth(way):
        layer = features.fit_linear(way(learn.images), learn.labels)
        return features.accuracy(layer, way(validation.images), validation.labels)

    norm, block = state["norm"]
    options = {name: state[name] for name in ("cell", "bins", "signed")}
    mine = worth(lambda images: features.hog(images, block=block, norm=norm, **options))
    usual, pixels = worth(features.hog), worth(lambda images: images.flatten(1))
    image, drawn, who = design.render(**state).axes
    assert np.array_equal(image.images[0].get_array(), validation.images[9, 0])
    # another order of summation may turn one answer
    assert bars(who) == pytest.approx([mine, usual, pixels], abs=0.011)
    assert [t.get_text() for t in who.get_yticklabels()] == ["yours", "the usual HOG", "raw pixels"]
    size = features.hog(learn.images[:1], block=block, norm=norm, **options).shape[1]
    assert who.get_title("left") == f"{size:,} numbers for an image"
    assert drawn.get_title("left").startswith("rays" if state["signed"] else "strokes")
    alt = design.alt(**state)
    assert f"cells of {state['cell']} pixels with {state['bins']}" in alt
    assert ("unsigned" in alt) != state["signed"]
    assert f"yours {bars(who)[0]:.1%}" in alt


@pytest.mark.parametrize("signed", [False, True])
def test_strokes_run_along_the_edge_and_rays_to_the_bright_side(signed):
    _, axis = figures.new(2, 2)
    cells = np.zeros((2, 3, 4))
    cells[1, 2, 0] = 1  # brighter to the right, a bit down: 22.5 or 45 degrees
    figures.draw_cells(axis, cells, cell=8, signed=signed)
    (line,) = axis.collections[0].get_segments()
    turn = np.deg2rad(45 if signed else 22.5 + 90)
    along = (line[1] - line[0]) / np.linalg.norm(line[1] - line[0])
    np.testing.assert_allclose(along, [np.cos(turn), np.sin(turn)], atol=1e-6)
    middle = [2 * 8 + 3.5, 8 + 3.5]
    np.testing.assert_allclose(line[0] if signed else line.mean(0), middle)


def test_design_feature_follows_its_controls(design):
    pages = [picture(design)]
    for name, value, words in (
        ("cell", 7, "cells of 7 pixels"),
        ("bins", 4, "with 4 unsigned"),
        ("signed", True, "with 4 signed"),
        ("norm", ("L2-Hys", 2), "normalised: blocks"),
    ):
        design.controls[name].value = value
        pages.append(picture(design))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)
    design.widget.children[0].children[-1].click()  # reset
    assert picture(design) == pages[0]


# --- by hand or learned --------------------------------------------------------------------------


@pytest.mark.parametrize("position", range(3))
def test_curves_show_mean_and_range_of_the_seeds_and_the_classes(curves, right, fashion, position):
    left, beside = curves.render(size=SIZES[position]).axes
    labels = fashion.test.labels[:300]
    for line, dots, band, (name, hits) in zip(
        left.lines, beside.lines, left.collections, right.items(), strict=False
    ):
        shares = hits.mean(2)
        assert line.get_label() == name
        np.testing.assert_allclose(line.get_ydata(), shares.mean(1), atol=1e-6)
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.min() == pytest.approx(shares.min().item(), abs=1e-6)
        assert corners.max() == pytest.approx(shares.max().item(), abs=1e-6)
        by_class = [hits[position][:, labels == c].mean() for c in range(10)]
        np.testing.assert_allclose(dots.get_xdata(), by_class, atol=1e-6)
        assert f"{name} {shares[position].mean():.2f}" in curves.alt(size=SIZES[position])
    assert left.lines[-1].get_xdata()[0] == SIZES[position]


def test_curves_follow_their_control(curves):
    assert "at 100 training images" in picture(curves)
    curves.controls["size"].value = 2000
    assert "at 2,000 training images" in picture(curves)


# --- pictures on order ---------------------------------------------------------------------------


def test_order_picture_shows_the_sum_and_what_the_classifier_says(order, generator, model, fashion):
    state = {"label": 5, "z1": 1.5, "z2": -2.0, "z3": 0.5}
    expected = generator.means[5] + sum(
        state[f"z{number}"] * generator.directions[5, number - 1] for number in (1, 2, 3)
    )
    expected = expected.clamp(0, 1)
    made, mean, *directions, said = order.render(**state).axes
    np.testing.assert_allclose(made.images[0].get_array(), expected[0], atol=1e-6)
    assert np.array_equal(mean.images[0].get_array(), generator.means[5, 0])
    assert len(directions) == 3
    for number, axis in enumerate(directions):
        assert np.array_equal(axis.images[0].get_array(), generator.directions[5, number, 0])
    assert [axis.get_title("left")[:4] for axis in directions] == ["+1.5", "−2.0", "+0.5"]
    shares = predict(model, expected[None])[0].softmax(0)
    assert bars(said) == pytest.approx(shares.tolist(), abs=1e-5)
    answer = fashion.classes[shares.argmax()]
    assert said.get_title("left") == f"{'✓' if answer == 'Sandal' else '✗'} {answer}"
    assert "ordered as Sandal" in order.alt(**state)
    assert f"takes it for {answer}." in order.alt(**state)


def test_order_picture_follows_its_controls(order):
    pages = [picture(order)]
    for name, value, words in (
        ("label", 9, "ordered as Ankle boot"),
        ("z1", -3.0, "times -3.0, +0.0 and +0.0"),
        ("z2", 1.5, "times -3.0, +1.5 and +0.0"),
        ("z3", 2.5, "times -3.0, +1.5 and +2.5"),
    ):
        order.controls[name].value = value
        pages.append(picture(order))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


# --- a patch -------------------------------------------------------------------------------------

PATCHES = [
    {"item": 0, "top": 0, "left": 0, "size": 7, "fill": 0},
    {"item": 9, "top": 8, "left": 14, "size": 9, "fill": 128},
    {"item": 13, "top": 23, "left": 20, "size": 13, "fill": 255},
]


@pytest.mark.parametrize("state", PATCHES)
def test_patch_shows_the_answers_before_and_after_and_the_map(patch, model, fashion, state):
    item, size, fill = state["item"], state["size"], state["fill"]
    one = fashion.test[item : item + 1]
    covered = cover(one.images, state["top"], state["left"], size, fill)
    axes = patch.render(**state).axes
    assert np.array_equal(axes[0].images[0].get_array(), covered[0, 0])
    shares = predict(model, torch.cat([one.images, covered])).softmax(1)
    for axis, expected in zip(axes[1:3], shares, strict=True):
        assert bars(axis) == pytest.approx(expected.tolist(), abs=1e-4)
    drops = occlusion(model, one.images, one.labels, size, 2, fill)[0]
    drawn = axes[3].images[0]
    np.testing.assert_allclose(drawn.get_array(), drops, atol=1e-4)
    # the middle of the map's first place is the middle of the first patch, and so for the last
    left, right, bottom, top = drawn.get_extent()
    assert left + 1 == top + 1 == (size - 1) / 2
    assert right - 1 == bottom - 1 == (28 - size) // 2 * 2 + (size - 1) / 2
    alt = patch.alt(**state)
    truth = one.labels.item()
    assert f"from {shares[0, truth]:.2f} to {shares[1, truth]:.2f}" in alt
    assert f"the answer is {fashion.classes[shares[1].argmax()]}." in alt


def test_patch_follows_its_controls(patch):
    pages = [picture(patch)]
    for name, value, words in (
        ("item", 4, "Item 4"),
        ("top", 8, "at row 8, column 0"),
        ("left", 9, "at row 8, column 9"),
        ("size", 11, "a patch of 11 pixels"),
        ("fill", 255, "grey level 255"),
    ):
        patch.controls[name].value = value
        pages.append(picture(patch))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


def test_the_patchs_film_shows_a_place_that_hurts_and_one_that_helps(patch, model, fashion):
    falls = []
    for state in patch.film[1:]:
        one = fashion.test[state["item"] : state["item"] + 1]
        covered = cover(one.images, state["top"], state["left"], 7)
        before, after = predict(model, torch.cat([one.images, covered])).softmax(1)[:, one.labels]
        falls.append((before - after).item())
    assert falls[1] > 0.3
    assert falls[2] < 0


# --- where nothing can be moved ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"), [("design", 4), ("curves", 3), ("order", 5), ("patch", 4)]
)
def test_film_tells_different_things_in_small_pictures(name, count, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len({page.split("src=")[1] for page in frames}) == len(frames) == count
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture
