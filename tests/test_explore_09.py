"""The interactives of section 09 without a browser: state -> numbers and picture."""

import io
import time
from datetime import datetime

import ipywidgets as widgets
import pytest
import torch
from notebook_code import picture
from PIL import Image
from torch import nn

from cv_course import data, explore, figures, layers
from cv_course import receptive as rf
from cv_course.explore.receptive import CHOICES, PLACES
from cv_course.models import s09_receptive as s09


def network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 16 * 16, 5),
    )


@pytest.fixture(scope="module")
def layer_editor():
    return explore.layer_editor()


@pytest.fixture(scope="module")
def field_on_photo():
    photos = {name: photo for name, photo in data.photos().items() if name in ("cat", "coffee")}
    return explore.field_on_photo({"small": layers.trace(network(), (3, 64, 64))}, photos)


@pytest.fixture(scope="module")
def effective_depth():
    return explore.effective_depth()


NAMES = ["layer_editor", "field_on_photo", "effective_depth"]


def stack(*names):
    return dict.fromkeys(PLACES, "–") | dict(zip(PLACES, names, strict=False))


@pytest.mark.parametrize(
    ("side", "names"),
    [
        (32, ("conv 3", "pool 2, stride 2", "conv 3, dilation 2")),
        (64, ("conv 7", "–", "conv 3, stride 2", "conv 3, no padding")),
        (227, ("conv 11, stride 4", "pool 3, stride 2", "conv 5", "pool 3, stride 2")),
    ],
)
@pytest.mark.parametrize("place", [0, 50, 100])
def test_editor_tells_what_torch_and_a_gradient_say(layer_editor, side, names, place):
    windows = [CHOICES[name] for name in names if name != "–"]
    model = nn.Sequential(
        *(nn.Conv2d(1, 1, w.kernel, w.stride, w.padding, w.dilation) for w in windows)
    )
    rows = layers.trace(model, (1, side, side))
    state = stack(*names) | {"side": side, "place": place}
    figure = layer_editor.render(**state)
    axis, table = figure.axes
    cells = [text.get_text() for text in table.texts[: 3 * (len(rows) + 1)]]
    expected = [(side, 1, 1)] + [
        (row.output_shape[1], row.receptive_field[0], row.jump[0]) for row in rows
    ]
    assert cells == [str(value) for row in expected for value in row]
    unit = round(place / 100 * (rows[-1].output_shape[1] - 1))
    seen = s09.measured(model, (1, side, side), unit=(unit, unit))
    lit = axis.collections[1].get_offsets()[:, 0]  # the pixels in colour
    assert (lit.min(), lit.max() + 1) == (seen.top, seen.bottom)
    last = rows[-1]
    assert f"sees {last.receptive_field[0]} pixels, jump {last.jump[0]}" in layer_editor.alt(
        **state
    )


def test_editor_says_when_a_layer_does_not_fit(layer_editor):
    state = stack("conv 11, stride 4", "conv 11, stride 4", "conv 3") | {"side": 32, "place": 50}
    texts = [text.get_text() for text in layer_editor.render(**state).axes[1].texts]
    assert any("does not fit" in text for text in texts)
    assert "conv 11, stride 4 no longer fits" in layer_editor.alt(**state)
    nothing = stack() | {"side": 32, "place": 50}
    assert "nothing" in layer_editor.alt(**nothing)
    layer_editor.render(**nothing)


def test_editor_follows_its_controls(layer_editor):
    layer_editor.set(**stack("conv 3", "conv 3"), side=32, place=50)
    assert "each sees 5 pixels" in picture(layer_editor)
    layer_editor.controls["third"].value = "conv 3, dilation 4"
    assert "each sees 13 pixels" in picture(layer_editor)
    layer_editor.controls["first"].value = "–"
    assert "each sees 11 pixels" in picture(layer_editor)


@pytest.mark.parametrize("place", [(0, 0), (50, 50), (100, 30)])
@pytest.mark.parametrize("row", ["0 (Conv2d)", "3 (MaxPool2d)", "5 (Linear)"])
def test_photo_frames_what_the_unit_sees(field_on_photo, place, row):
    state = {"layer": f"small: {row}", "down": place[0], "right": place[1], "photo": "cat"}
    state["own"] = None
    figure = field_on_photo.render(**state)
    (frame, _), (axis,) = figure.axes[0].patches, figure.axes
    model, name = network(), row.split()[0]
    traced = layers.trace(model, (3, 64, 64))[name]
    unit = (0, 0)
    if traced.jump:
        unit = tuple(
            round(at / 100 * (n - 1)) for at, n in zip(place, traced.output_shape[1:], strict=True)
        )
    box = s09.box(traced, unit)
    assert (frame.get_y() + 0.5, frame.get_x() + 0.5) == (box.top, box.left)
    assert (frame.get_height(), frame.get_width()) == box.size
    shown = torch.as_tensor(axis.images[0].get_array()).permute(2, 0, 1)
    cat = data.fitted(data.photos()["cat"], 64, 64)
    inside = box.within(64, 64)
    part = (slice(None), slice(inside.top, inside.bottom), slice(inside.left, inside.right))
    assert torch.equal(shown[part], cat[part])
    if box.size != (64, 64) and inside.size != (64, 64):
        assert shown.float().mean() < cat.float().mean()
    measured = s09.measured(model, (3, 64, 64), name, unit if traced.jump else None)
    assert inside == measured
    text = f"rows {inside.top} to {inside.bottom - 1} and the columns {inside.left}"
    assert text in field_on_photo.alt(**state)
    assert ("padding" in field_on_photo.alt(**state)) == (inside != box)


def as_png(colour, size=(30, 20)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "png")
    return buffer.getvalue()


def test_an_own_photograph_takes_the_place(field_on_photo):
    field_on_photo.set(layer="small: 3 (MaxPool2d)", down=50, right=50)
    upload = field_on_photo.controls["own"]
    button = upload.children[0]
    assert isinstance(button, widgets.FileUpload)
    give(button, "red.png", as_png((200, 10, 20)))
    assert upload.value == as_png((200, 10, 20))
    assert "Your photograph" in picture(field_on_photo)
    shown = field_on_photo.render(**field_on_photo.state).axes[0].images[0].get_array()
    assert tuple(shown[32, 32]) == (200, 10, 20)
    give(button, "notes.txt", b"no picture at all")
    assert "not a picture" in upload.children[1].value
    assert upload.value == as_png((200, 10, 20))  # the last good one stays
    field_on_photo._reset.click()
    assert upload.value is None
    assert "Cat" in picture(field_on_photo)


def give(button, name: str, content: bytes) -> None:
    """Put a file into the control as the browser does, for ipywidgets 7 and 8."""
    if hasattr(button, "data"):  # 7
        button.set_trait("value", {name: {"metadata": {"name": name}, "content": content}})
    else:
        about = {"name": name, "type": "", "size": len(content), "last_modified": datetime.now()}
        button.value = (about | {"content": memoryview(content)},)


@pytest.mark.parametrize(("depth", "kernel"), [(1, 3), (5, 3), (12, 7)])
def test_effective_depth_draws_what_a_network_shows(effective_depth, depth, kernel):
    side = 1 + depth * (kernel - 1)
    model = nn.Sequential(*(nn.Conv2d(1, 1, kernel, bias=False) for _ in range(depth))).double()
    for conv in model:
        nn.init.constant_(conv.weight, 1 / kernel**2)
    expected = s09.effective(model, torch.zeros(1, 1, side, side).double())
    figure = effective_depth.render(depth=depth, kernel=kernel)
    heat, section = figure.axes
    assert torch.allclose(torch.as_tensor(heat.images[0].get_array()), expected, atol=1e-6)
    (stairs,) = section.patches
    heights = torch.as_tensor(stairs.get_data().values)
    assert torch.allclose(heights, expected[side // 2].double(), atol=1e-6)
    alt = effective_depth.alt(depth=depth, kernel=kernel)
    assert f"σ = {(depth * (kernel**2 - 1) / 12) ** 0.5:.1f}" in alt


def test_effective_depth_follows_its_controls(effective_depth):
    effective_depth.set(depth=5, kernel=3)
    assert "see 11 × 11" in picture(effective_depth)
    effective_depth.controls["depth"].value = 40
    assert "see 81 × 81" in picture(effective_depth)


@pytest.mark.parametrize("name", NAMES)
def test_film_tells_different_things_in_small_pictures(name, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len(set(frames)) == len(frames) >= 2
    assert max(map(len, frames)) < 60_000


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_quick(name, request):
    """CPU time, so that a loaded computer does not count."""
    interactive = request.getfixturevalue(name)
    seconds = []
    for state in interactive.film * 3:
        began = time.process_time()
        interactive.html(small=False, **state)
        seconds.append(time.process_time() - began)
    assert sorted(seconds)[len(seconds) // 2] < 0.3


def test_sheets_and_growth_say_what_they_draw():
    windows = [rf.Window(3, padding=1), rf.Window(2, stride=2), rf.Window(3, padding=1)]
    texts = [t.get_text() for t in figures.sheets(windows, (12, 12), (0, 4)).axes[0].texts]
    assert texts == [
        "image: 12 × 12 pixels\n5 × 7 seen",
        "map 1: 12 × 12\n4 × 6 seen",
        "map 2: 6 × 6\n2 × 3 seen",
        "map 3: 6 × 6\nthe element",
    ]
    axis = figures.growth({"a": [3, 5], "b": [11, 19, 51]}, 224).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines[:2]] == [[3, 5], [11, 19, 51]]
    assert {"a: 5", "b: 51"} <= {text.get_text() for text in axis.texts}
