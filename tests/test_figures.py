"""What the older sections' figures have beyond ``cv_course.plots``."""

import types

import pytest
import torch

from cv_course import figures


def drawing(value: float = 1):
    figure, axis = figures.new(4, 2)
    axis.plot([0, value])
    axis.set(title="A line", xlabel="x")
    return figure


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


# --- images --------------------------------------------------------------------------------------


def test_mosaic_puts_each_image_into_its_place_and_fills_the_gaps():
    images = torch.arange(1, 6, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 2, 3)
    tiled = figures.mosaic(images, columns=3, gap=1, fill=9)
    line1 = [1, 1, 1, 9, 2, 2, 2, 9, 3, 3, 3]
    line2 = [4, 4, 4, 9, 5, 5, 5, 9, 9, 9, 9]
    assert tiled.tolist() == [line1, line1, [9] * 11, line2, line2]
    assert tiled.dtype == torch.uint8


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
