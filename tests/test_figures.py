"""The figures' common ground: what is shown, its alternative text, and the house style."""

import base64
import re
import types

import numpy as np
import pytest
import torch

from cv_course import figures


def drawing(value: float = 1):
    figure, axis = figures.new(4, 2)
    axis.plot([0, value])
    axis.set(title="A line", xlabel="x")
    return figure


def test_room_is_where_the_axes_lie_and_nothing_is_measured():
    figure, axes = figures.new(4, 2, 1, 2, room={"left": 0.2, "right": 0.9, "bottom": 0.3})
    figures.png(figure, small=False)
    assert axes[0].get_position().x0 == pytest.approx(0.2)
    assert axes[1].get_position().x1 == pytest.approx(0.9)
    assert axes[1].get_position().y0 == pytest.approx(0.3)


# --- png, html, show -----------------------------------------------------------------------------


def test_equal_figures_give_equal_bytes_and_others_do_not():
    assert figures.png(drawing()) == figures.png(drawing())
    assert figures.png(drawing(1)) != figures.png(drawing(-1))


def test_png_carries_no_version_and_no_date():
    content = figures.png(drawing())
    assert content.startswith(b"\x89PNG")
    assert b"atplotlib" not in content
    assert b"tIME" not in content


def test_size_is_in_inches_of_100_pixels():
    content = figures.png(figures.new(5, 3)[0])
    assert int.from_bytes(content[16:20], "big") == 500
    assert int.from_bytes(content[20:24], "big") == 300


def test_html_holds_picture_and_alternative_text():
    html = figures.as_html(drawing(), "A line that rises.")
    assert re.fullmatch(r'<img alt="A line that rises\." src="[^"]+" style="[^"]+">', html)
    picture = re.search(r"base64,([^\"]+)", html)[1]
    assert base64.b64decode(picture) == figures.png(drawing())


def test_alternative_text_is_escaped():
    html = figures.as_html(drawing(), 'Loss < 1 & "flat" <script>alert(1)</script>')
    assert 'alt="Loss &lt; 1 &amp; &quot;flat&quot; &lt;script&gt;' in html
    assert "<script>" not in html


@pytest.mark.parametrize("alt", ["", "figure", "a plot", "  "])
def test_alternative_text_that_says_nothing_is_refused(alt):
    with pytest.raises(ValueError, match="does not say what the figure shows"):
        figures.show(drawing(), alt)


def test_show_in_a_notebook_displays_picture_and_text(monkeypatch, capsys):
    import IPython

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", lambda content, raw: shown.append(content))
    figures.show(drawing(), "A line that rises.")
    assert shown == [
        {
            "text/html": figures.as_html(drawing(), "A line that rises."),
            "text/plain": "[figure] A line that rises.",
        }
    ]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", [None, types.SimpleNamespace()], ids=["script", "terminal"])
def test_show_elsewhere_prints_the_text(shell, monkeypatch, capsys):
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    figures.show(drawing(), "A line that rises.")
    assert capsys.readouterr().out == "[figure] A line that rises.\n"


# --- style ---------------------------------------------------------------------------------------


def test_figures_are_not_registered_with_pyplot():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    drawing()
    assert pyplot.get_fignums() == before


def luminance(colour: str) -> float:
    """Relative luminance [WCAG 2.2]."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_page_is_opaque_and_the_first_lines_stand_out_from_it():
    page = drawing().get_facecolor()
    assert page[3] == 1
    paper = luminance("#fdfdfb") + 0.05
    for colour in figures.COLOURS[:4]:
        assert paper / (luminance(colour) + 0.05) >= 3 - 0.1  # WCAG 1.4.11: 3 to 1


# --- images --------------------------------------------------------------------------------------


def test_mosaic_puts_each_image_into_its_place_and_fills_the_gaps():
    images = torch.arange(1, 6, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 2, 3)
    tiled = figures.mosaic(images, columns=3, gap=1, fill=9)
    line1 = [1, 1, 1, 9, 2, 2, 2, 9, 3, 3, 3]
    line2 = [4, 4, 4, 9, 5, 5, 5, 9, 9, 9, 9]
    assert tiled.tolist() == [line1, line1, [9] * 11, line2, line2]
    assert tiled.dtype == torch.uint8


@pytest.mark.parametrize(
    ("shape", "expected"), [((1, 4, 5), (4, 5)), ((3, 4, 5), (4, 5, 3)), ((4, 5), (4, 5))]
)
def test_as_picture_moves_channels_last(shape, expected):
    image = torch.rand(shape, requires_grad=True)
    picture = figures.as_picture(image)
    assert picture.shape == expected
    back = picture.transpose(2, 0, 1) if picture.ndim == 3 else picture
    assert np.array_equal(back.reshape(shape), image.detach().numpy())


def limits(figure):
    return [axis.images[0].get_clim() for axis in figure.axes if axis.images]


def test_image_grid_of_bytes_shows_0_black_and_255_white():
    images = torch.full((3, 1, 2, 2), 100, dtype=torch.uint8)
    assert limits(figures.image_grid(images)) == [(0, 255)] * 3


def test_signed_image_grid_has_one_symmetric_scale_for_all():
    images = torch.tensor([0.1, -3.0, 2.0]).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    figure = figures.image_grid(images, signed=True)
    assert limits(figure) == [(-3, 3)] * 3
    assert {axis.images[0].get_cmap().name for axis in figure.axes} == {figures.SIGNED}


def test_image_grid_gives_each_image_its_title_and_leaves_the_rest_empty():
    figure = figures.image_grid(torch.rand(5, 1, 2, 2), titles=list("abcde"), columns=3)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c", "d", "e", ""]
    assert len(limits(figure)) == 5
    assert not any(axis.axison for axis in figure.axes)


def test_history_shows_loss_and_both_accuracies():
    rows = [
        {"epoch": e, "loss": 1 / e, "train_accuracy": 0.5, "test_accuracy": 0.4} for e in (1, 2)
    ]
    left, right = figures.history(rows).axes
    assert left.lines[0].get_xydata().tolist() == [[1, 1], [2, 0.5]]
    assert [line.get_label() for line in right.lines] == ["training", "test"]
    assert [list(line.get_ydata()) for line in right.lines] == [[50, 50], [40, 40]]


def test_history_without_test_split_shows_one_accuracy():
    right = figures.history([{"epoch": 1, "loss": 1.0, "train_accuracy": 0.5}]).axes[1]
    assert [line.get_label() for line in right.lines] == ["training"]
