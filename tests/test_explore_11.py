"""The interactives of section 11 without a browser: state -> numbers and picture."""

import io
import time

import numpy as np
import pytest
import torch
from notebook_code import picture
from PIL import Image

from cv_course import data, explore, figures
from cv_course.attribution import occlusion
from cv_course.explore.inside import own_item
from cv_course.models.averaged import AveragedConv
from cv_course.models.s11_inside import (
    activations,
    enlarge,
    grad_cam,
    per_pixel,
    randomised,
    saliency,
)
from cv_course.training import fit, predict

STAGES = {"stage 1": "features.stage1", "stage 3": "features.stage3"}
MAPS = {
    "saliency": saliency,
    "occlusion": lambda *some: per_pixel(occlusion(*some, 7, 3), (28, 28), 7, 3),
    "Grad-CAM": lambda *some: enlarge(grad_cam(*some, "features.stage3"), (28, 28)),
}


@pytest.fixture(scope="module")
def fashion():
    return data.fashion_mnist()


@pytest.fixture(scope="module")
def nets(fashion):
    torch.manual_seed(0)
    net = AveragedConv()
    fit(net, fashion.train[:2000], epochs=2, batch_size=32, progress=False, device="cpu")
    return {"trained": net, "forgot everything": randomised(net)}


@pytest.fixture(scope="module")
def browser(nets, fashion):
    return explore.activation_browser(nets["trained"], STAGES, fashion.test[:20], fashion.classes)


@pytest.fixture(scope="module")
def views(nets, fashion):
    return explore.views(MAPS, nets, fashion.test[:20], fashion.classes)


def as_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


# --- activations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "layer", "channel"), [(3, "stage 1", 5), (7, "stage 3", 31), (0, "stage 1", 31)]
)
def test_browser_shows_the_layers_answers(browser, nets, fashion, item, layer, channel):
    axes = browser.render(item=item, layer=layer, channel=channel, own=None).axes
    image = fashion.test.images[item : item + 1]
    maps = activations(nets["trained"], image, STAGES[layer])[0]
    chosen = min(channel, len(maps) - 1)
    assert np.array_equal(axes[0].images[0].get_array(), image[0, 0])
    np.testing.assert_array_equal(axes[2].images[0].get_array(), maps[chosen])
    count, height, width = maps.shape
    assert axes[1].get_title("left") == f"{layer}: {count} channels of {height} × {width}"
    gap = max(1, height // 7)
    row, column = divmod(chosen, 8)
    top, left = row * (height + gap), column * (width + gap)
    tiles = np.asarray(axes[1].images[0].get_array())
    np.testing.assert_array_equal(tiles[top : top + height, left : left + width], maps[chosen])
    assert axes[1].patches[0].get_xy() == (left - 0.5, top - 0.5)
    for axis in axes[1:3]:  # one scale, so that strong and weak channels can be told apart
        assert axis.images[0].get_clim() == (0, pytest.approx(maps.max().item()))
    alt = browser.alt(item=item, layer=layer, channel=channel, own=None)
    answer = fashion.classes[predict(nets["trained"], image)[0].argmax()]
    assert f"{fashion.classes[fashion.test.labels[item]]}, taken for {answer}" in alt
    assert f"channel {chosen} reaches {maps[chosen].max():.1f}" in alt


def test_browser_takes_an_own_picture(browser):
    pixels = np.full((50, 80, 3), 250, dtype=np.uint8)
    pixels[10:40, 30:50] = 30
    before = picture(browser)
    browser.controls["own"].value = as_png(pixels)
    assert "Your own picture" in picture(browser)
    shown = browser.render(**browser.state).axes[0].images[0].get_array()
    assert shown.shape == (28, 28)
    assert shown[0, 0] < 20 < 200 < shown[14, 14]  # as its negative: dark around, bright inside
    browser.widget.children[0].children[-1].click()  # reset
    assert picture(browser) == before


def test_own_pictures_become_items():
    dark = np.zeros((40, 40), dtype=np.uint8)
    dark[10:30, 10:30] = 200
    item = own_item(as_png(dark), 28, 28)
    assert item.shape == (1, 1, 28, 28)
    assert item.dtype == torch.uint8
    assert item[0, 0, 14, 14] == 200
    assert item[0, 0, 0, 0] == 0  # a dark background stays dark
    with pytest.raises(ValueError, match="not a picture"):
        own_item(b"no picture", 28, 28)


# --- views ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", MAPS)
@pytest.mark.parametrize(("network", "ask"), [("trained", -1), ("forgot everything", 8)])
def test_views_show_the_map_that_is_asked_for(views, nets, fashion, view, network, ask):
    state = {"item": 4, "view": view, "network": network, "ask": ask}
    left, middle, right = views.render(**state).axes
    image, truth = fashion.test.images[4:5], fashion.test.labels[4].item()
    asked = truth if ask < 0 else ask
    expected = MAPS[view](nets[network], image, torch.tensor([asked]))[0]
    assert np.array_equal(left.images[0].get_array(), image[0, 0])
    np.testing.assert_allclose(middle.images[0].get_array(), expected, atol=1e-6)
    low, high = middle.images[0].get_clim()
    assert low == -high  # white is zero
    assert middle.get_title("left") == f"{view}: “{fashion.classes[asked]}”?"
    chances = predict(nets[network], image)[0].softmax(0)
    widths = [bar.get_width() for bar in right.patches]
    np.testing.assert_allclose(widths, chances, atol=1e-6)
    alt = views.alt(**state)
    assert f"Network: {network}; it says {fashion.classes[chances.argmax()]}" in alt
    row, column = divmod(int(expected.argmax()), 28)
    assert f"{view} for {fashion.classes[asked]} is strongest at row {row}, column {column}" in alt


def test_an_empty_map_is_said_to_be_empty(nets, fashion):
    empty = explore.views(
        {"empty": lambda *_: torch.zeros(1, 28, 28)}, nets, fashion.test[:2], fashion.classes
    )
    assert "is empty" in empty.alt(**empty.state)
    assert np.isfinite(empty.render(**empty.state).axes[1].images[0].get_clim()).all()


def test_views_follow_their_controls(views):
    pages = [picture(views)]
    for name, value in (("item", 3), ("view", "Grad-CAM"), ("ask", 2), ("network", "trained")):
        before = views.controls[name].value
        views.controls[name].value = value
        pages.append(picture(views))
        assert before == value or pages[-1] != pages[-2]
    views.widget.children[0].children[-1].click()
    assert picture(views) == pages[0]


# --- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("browser", 3), ("views", 4)])
def test_film_tells_different_things_in_small_pictures(name, count, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len(frames) == count
    assert len({frame.split("src=")[0] for frame in frames}) == count
    assert all(len(frame) < 60_000 for frame in frames)


@pytest.mark.parametrize("name", ["browser", "views"])
def test_a_step_is_quick(name, request):
    interactive = request.getfixturevalue(name)
    spent = []
    for item in range(8, 13):
        began = time.process_time()
        interactive.html(small=False, **{**interactive.state, "item": item})
        spent.append(time.process_time() - began)
    print(f"{name}: {sorted(spent)[2]:.3f} s")
    assert sorted(spent)[2] < 0.4  # processor time; on an idle machine half of it


def test_the_patch_may_start_elsewhere(nets, fashion):
    patch = explore.occluding_patch(
        nets["trained"], fashion.test[:15], fashion.classes, start=(20, 3)
    )
    assert (patch.state["top"], patch.state["left"]) == (20, 3)


# --- figures -------------------------------------------------------------------------------------


def test_filters_are_on_their_own_scales():
    weights = torch.randn(4, 1, 3, 3)
    weights[1] *= 100
    one, other = figures.filter_rows({"a": weights, "b": weights / 7}).axes
    tiles = np.asarray(one.images[0].get_array().filled(np.nan))
    for number in range(4):
        tile = tiles[:, 4 * number : 4 * number + 3]
        np.testing.assert_allclose(
            tile, weights[number, 0] / weights[number].abs().max(), rtol=1e-5
        )
    np.testing.assert_allclose(tiles, other.images[0].get_array().filled(np.nan), rtol=1e-5)
    assert one.get_ylabel() == "a"


def test_map_table_puts_every_map_in_its_place():
    pictures = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    pictures[:, :, 2:6, 2:6] = 200
    rows = {"first": torch.randn(3, 8, 8), "second": torch.randn(3, 8, 8)}
    axes = figures.map_table(rows, pictures, ["a", "b", "c"]).axes
    assert [axis.get_title("center") for axis in axes[:3]] == ["a", "b", "c"]
    for line, name in enumerate(rows):
        for column in range(3):
            shown = axes[3 * (line + 1) + column].images[0]
            np.testing.assert_array_equal(shown.get_array(), rows[name][column])
            assert shown.get_clim()[1] == pytest.approx(rows[name][column].abs().max().item())
    assert axes[3].get_ylabel() == "first"
    colour = torch.randint(0, 255, (1, 3, 8, 8), dtype=torch.uint8)
    assert len(figures.map_table({"m": torch.ones(1, 8, 8)}, colour, ["photo"]).axes) == 2


def test_agreement_writes_every_number():
    matrix = torch.tensor([[1.0, -0.25], [-0.25, 1.0]])
    (axis,) = figures.agreement(["a", "b"], matrix).axes
    assert [text.get_text() for text in axis.texts] == ["1.00", "−0.25", "−0.25", "1.00"]


def test_names_at_the_end_of_lines_do_not_overlap():
    lines = {"a": [1, 0.5], "b": [1, 0.5], "c": [1, 0.49], "d": [1, 0.9]}
    (axis,) = figures.named_lines(["x", "y"], lines, "steps", "values", (0, 1)).axes
    heights = {text.get_text(): text.get_position()[1] for text in axis.texts}
    assert set(heights) == set(lines)
    ordered = sorted(heights.values())
    assert min(np.diff(ordered)) > 0.059
    assert heights["d"] == 0.9
    for line, values in zip(axis.lines, lines.values(), strict=True):
        assert line.get_ydata().tolist() == values


def test_shares_are_drawn_as_long_as_they_are():
    groups = {"saliency": {"one": 0.1, "other": 0.4}, "occlusion": {"one": 0.2, "other": 0.9}}
    (axis,) = figures.shares(groups, 0.06, "share").axes
    assert [bar.get_width() for bar in axis.patches] == [0.1, 0.2, 0.4, 0.9]
    assert [text.get_text() for text in axis.texts] == ["10%", "20%", "40%", "90%"]
    assert axis.lines[0].get_xdata()[0] == 0.06
