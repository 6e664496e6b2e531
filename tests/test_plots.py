"""The look of all figures, the four primitives, and what stands on the page around them."""

import base64
import re
import types
from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.collections import PolyCollection
from matplotlib.legend import Legend

from cv_course import plots
from cv_course.film import choice, interactive

CAPTION = "Figure 3.2. A line that rises."


def drawing(value: float = 1):
    figure, axis = plots.figure(4, 2)
    axis.plot([0, value])
    return figure


def named(figure) -> list[str]:
    """The names at the right ends of the lines, from the lowest to the highest."""
    legends = [one for one in figure.axes[0].artists if isinstance(one, Legend)]
    return [legend.get_texts()[0].get_text() for legend in legends]


def cost(**options):
    return plots.lines(
        {"a": [1, 2, 3], "b": [3, 2, 1]}, xlabel="epoch", ylabel="loss (nats)", **options
    )


# --- on the page ---------------------------------------------------------------------------------


@pytest.fixture
def page(monkeypatch):
    """What a notebook displays."""
    import IPython

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", lambda content, raw: shown.append(content))
    return shown


def test_equal_figures_give_equal_bytes_without_version_and_date():
    content = plots.png(drawing())
    assert content == plots.png(drawing()) != plots.png(drawing(-1))
    assert int.from_bytes(content[16:20], "big") == 400  # 4 inches
    assert b"atplotlib" not in content
    assert b"tIME" not in content


def test_shown_figure_has_a_visible_caption_and_an_alternative_text(page):
    plots.show(drawing(), "Figure 3.2. Loss < 1 & falling.", 'A line "that" rises.')
    (bundle,) = page
    html = bundle["text/html"]
    assert re.fullmatch(r"<figure .*><img .*><figcaption .*</figcaption></figure>", html)
    assert "<strong>Figure 3.2.</strong> Loss &lt; 1 &amp; falling." in html
    assert 'alt="A line &quot;that&quot; rises."' in html
    assert "max-width: 100%" in html
    assert "color" not in html  # the page's own: dark or light
    assert base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]) == plots.png(drawing())
    assert bundle["text/plain"] == '[figure] Figure 3.2. Loss < 1 & falling: A line "that" rises.'


def test_shown_interactive_gets_the_caption_and_keeps_its_texts(page):
    votes = interactive(film=[{}, {"k": 5}], k=choice("k", [1, 5]))(
        lambda k: (drawing(k), f"A line up to {k}.")
    )
    plots.show(votes, CAPTION)
    (bundle,) = page
    assert bundle["text/html"] == votes.still()
    assert bundle["text/html"].count("<figcaption") == 1
    assert bundle["text/plain"] == f"[interactive] {CAPTION} A line up to 1."


def test_a_plain_script_prints_caption_and_text(capsys):
    plots.show(drawing(), CAPTION, "A line up to 1.")
    plots.show(interactive(film=[{}])(lambda: (drawing(), "A line up to 1.")), CAPTION)
    said = "[figure] Figure 3.2. A line that rises: A line up to 1.\n"
    assert capsys.readouterr().out == 2 * said


@pytest.mark.parametrize(
    ("caption", "alt", "said"),
    [
        ("Picture 3.2. A line.", "A line that rises.", "begins with its number"),
        ("Figure 3.2", "A line that rises.", "begins with its number"),
        (CAPTION, "a plot", "does not say what the figure shows"),
        (CAPTION, None, "does not say what the figure shows"),
    ],
)
def test_caption_without_number_and_text_that_says_nothing_are_refused(caption, alt, said):
    with pytest.raises(ValueError, match=said):
        plots.show(drawing(), caption, alt)


# --- the look ------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance [WCAG 2.2]."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_page_is_opaque_and_the_first_lines_stand_out_from_it():
    assert drawing().get_facecolor()[3] == 1
    for colour in plots.COLOURS[:4]:
        contrast = (luminance(plots.PAGE) + 0.05) / (luminance(colour) + 0.05)
        assert contrast >= 3 - 0.1  # WCAG 1.4.11: 3 to 1


def test_no_two_lines_of_an_axis_differ_in_colour_alone():
    _, axis = plots.figure()
    lines = [axis.plot([0, n])[0] for n in range(len(plots.COLOURS))]
    assert len({line.get_marker() for line in lines}) == len(lines)
    assert len({repr(line._unscaled_dash_pattern) for line in lines}) == len(lines)


# --- lines ---------------------------------------------------------------------------------------


def test_single_runs_are_a_line_and_several_a_mean_in_a_band_with_dots():
    runs = torch.tensor([[1.0, 2, 4], [3.0, 2, 0]])
    axis = cost().axes[0]
    assert not axis.collections
    axis = plots.lines({"a": runs}, [1, 10, 100], xlabel="x", ylabel="y", logx=True).axes[0]
    mean, *dots = axis.lines
    assert mean.get_xydata().tolist() == [[1, 2], [10, 2], [100, 2]]
    assert [line.get_ydata().tolist() for line in dots] == runs.tolist()
    (band,) = [one for one in axis.collections if isinstance(one, PolyCollection)]
    assert band.get_datalim(axis.transData).bounds == (1, 0, 99, 4)
    line = plots.lines({"a": ([5, 7], [1, 2])}, xlabel="x", ylabel="y").axes[0].lines[0]
    assert line.get_xydata().tolist() == [[5, 1], [7, 2]]  # an x of its own


def test_names_stand_in_the_order_of_the_right_ends_and_do_not_touch():
    figure = cost(levels={"chance": 1.01})
    plots.png(figure)
    assert named(figure) == ["b", "chance", "a"]
    boxes = [one.get_window_extent() for one in figure.axes[0].artists]
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))
    assert all(box.x1 <= 800 for box in boxes)
    assert named(cost(labels=False)) == []


# --- bars ----------------------------------------------------------------------------------------


def test_bars_begin_at_0_and_show_each_run():
    axis = plots.bars({"a": 0.9, "b": [0.5, 1.0, 0.75]}, ylabel="accuracy").axes[0]
    assert axis.get_ylim()[0] == 0
    assert [(bar.get_y(), bar.get_height()) for bar in axis.patches] == [(0, 0.9), (0, 0.75)]
    assert [text.get_text() for text in axis.texts] == ["0.900", "0.750"]
    assert [0.5, 1.0, 0.75] in [list(line.get_ydata()) for line in axis.lines]
    assert plots.bars({"a": -2, "b": 1}, ylabel="y").axes[0].get_ylim()[0] < -2
    grouped = plots.bars({"x": {"one": 1, "two": 2}, "y": {"two": 3}}, ylabel="y").axes[0]
    assert [bar.get_height() for bar in grouped.patches] == [1, 2, 3]
    assert len({bar.get_hatch() for bar in grouped.patches}) == 2


# --- pictures and numbers ------------------------------------------------------------------------


def scales(figure) -> list[tuple]:
    return [image.get_clim() for image in figure.axes[0].images]


def test_scale_of_pictures_is_shared_or_their_own_or_said():
    images = torch.tensor([1.0, -3, 2]).view(3, 1, 1, 1) * torch.tensor([0, 1.0]).view(1, 1, 1, 2)
    assert scales(plots.pictures(images)) == [(-3, 2)] * 3
    assert scales(plots.pictures(images, signed=True)) == [(-3, 3)] * 3
    assert scales(plots.pictures(images, scale="own")) == [(0, 1), (-3, 0), (0, 2)]
    assert scales(plots.pictures(images, scale=(0, 9))) == [(0, 9)] * 3
    assert scales(plots.pictures(torch.ones(2, 1, 2, 2, dtype=torch.uint8))) == [(0, 255)] * 2


@pytest.mark.parametrize("count", [1, 10, 32])
def test_titles_of_pictures_do_not_overlap_and_nothing_leaves_the_page(count):
    figure = plots.pictures(torch.rand(count, 3, 4, 6), ["Ankle boot\n1,234"] * count)
    pixels = plots.raster(figure)
    assert pixels.shape[1] <= 800
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(box.x0 >= 0 and box.y1 <= len(pixels) for box in boxes)
    assert all(text.get_fontsize() >= 7 for text in figure.axes[0].texts)


def test_numbers_stand_in_their_cells_and_are_legible_on_their_colours():
    figure = plots.numbers(
        [[-1.0, 0.5], [0, 1]], rows=["a", "b"], columns=["c", "d"], fmt="{:.1f}", signed=True
    )
    texts = {text.get_position(): text for text in figure.axes[0].texts}
    assert [texts[at].get_text() for at in ((0, 0), (1, 0))] == ["−1.0", "0.5"]
    assert [texts[at].get_color() for at in ((0, 0), (0, 1))] == ["white", "black"]


def logarithmic():
    axis = plots.figure()[1]
    axis.set_yscale("log")
    return axis


@pytest.mark.parametrize(
    ("draw", "given", "options", "said"),
    [
        (plots.lines, {"a": [1, 2]}, {"x": [1, 2, 3]}, "same first dimension"),
        (plots.lines, {str(n): [1] for n in range(8)}, {}, "8 lines"),
        (plots.bars, {"a": 1}, {"axis": logarithmic()}, "bars begin at 0"),
        (plots.pictures, torch.rand(2, 4, 5, 5), {}, "one or three channels"),
        (plots.pictures, torch.rand(0, 1, 5, 5), {}, "one or three channels"),
        (plots.pictures, torch.rand(3, 1, 5, 5), {"titles": ["a", "b"]}, "2 titles for 3 images"),
        (plots.pictures, torch.rand(3, 1, 5, 5), {"scale": "own", "bar": "w"}, "one colour bar"),
        (plots.numbers, torch.rand(4), {}, "expected a matrix"),
        (plots.numbers, torch.rand(2, 2), {"rows": ["a"]}, "1 names of rows"),
        (plots.numbers, torch.rand(2, 40), {"fmt": "{:.4f}"}, "cannot be read"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(draw, given, options, said):
    axes = {plots.lines: {"xlabel": "x", "ylabel": "y"}, plots.bars: {"ylabel": "y"}}
    with pytest.raises(ValueError, match=said):
        draw(given, **options, **axes.get(draw, {}))


@pytest.mark.parametrize(
    ("shape", "expected"), [((1, 4, 5), (4, 5)), ((3, 4, 5), (4, 5, 3)), ((4, 5), (4, 5))]
)
def test_as_picture_moves_channels_last(shape, expected):
    image = torch.rand(shape, requires_grad=True)
    picture = plots.as_picture(image)
    assert picture.shape == expected
    back = picture.transpose(2, 0, 1) if picture.ndim == 3 else picture
    assert np.array_equal(back.reshape(shape), image.detach().numpy())
