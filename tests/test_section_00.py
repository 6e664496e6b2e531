"""Section 00: its exercise, its interactives, and what it says of four photographs."""

import pytest
import torch
from notebook_code import from_notebook

from cv_course import data
from cv_course.networks.pretrained import efficientnet_lite0, guesses
from cv_course.sections.s00_start import play


@pytest.fixture(scope="module")
def network():
    return efficientnet_lite0()


@pytest.fixture(scope="module")
def photos():
    found = {"photographer": "camera", "cat": "cat", "coffee": "coffee", "astronaut": "astronaut"}
    return {name: data.fitted(data.photos()[file], 224, 224) for name, file in found.items()}


def test_the_notebooks_solution_takes_photographs(photos):
    (solution,) = from_notebook("00_start_here", "mean_brightness")
    both = torch.stack([photos["cat"], play.CHANGES["dimmed"](photos["cat"])]).numpy()
    bright, dim = solution(both)
    assert dim == pytest.approx(0.2 * bright, abs=0.01)


def test_shuffled_moves_whole_squares():
    photo = torch.arange(3 * 8 * 8).view(3, 8, 8)
    mixed = play.shuffled(photo, parts=4)
    assert mixed.shape == photo.shape
    assert not torch.equal(mixed, photo)
    assert torch.equal(mixed.flatten().sort().values, photo.flatten())
    tiles, others = (
        {tuple(tile) for tile in one[0].unfold(0, 2, 2).unfold(1, 2, 2).reshape(16, 4).tolist()}
        for one in (photo, mixed)
    )
    assert tiles == others
    assert torch.equal(mixed[1] - mixed[0], torch.full((8, 8), 64))  # channels move together


def test_changes_keep_shape_and_type(photos):
    for change in play.CHANGES.values():
        changed = change(photos["cat"])
        assert changed.shape == (3, 224, 224)
        assert changed.dtype == torch.uint8
    moved = play.CHANGES["moved"](photos["cat"])
    assert torch.equal(moved[:, :, 80:], photos["cat"][:, :, :-80])


@pytest.mark.parametrize("seed", range(3))
def test_a_cat_is_a_cat_whatever_the_order_of_the_squares(network, photos, seed):
    assert "cat" in guesses(network, play.shuffled(photos["cat"], seed=seed))[0][0]


def test_views_number_the_changes_and_say_the_first_guesses(photos):
    plain, guessed = (
        [text.get_text() for text in play.views(photos["cat"], first).axes[0].texts]
        for first in (None, [("tabby", 0.5)] * len(play.CHANGES))
    )
    assert plain[:2] == ["as it is", "1  moved"]
    assert guessed == [f"{title}:\ntabby 0.50" for title in plain]


def test_look_draws_the_photograph_and_five_guesses(network, photos):
    interactive = play.look(network, photos)
    figure, alt = interactive.draw(photo="cat", change="16 squares")
    _, bars = figure.axes
    assert len(bars.patches) == 5
    widths = [bar.get_width() for bar in bars.patches]
    assert widths == sorted(widths, reverse=True)
    assert "“cat”, 16 squares" in alt
    assert len({interactive.alt(**state) for state in interactive.film}) == 5


def test_pixels_writes_the_numbers_of_the_frame():
    grey = torch.arange(40 * 50, dtype=torch.int64).remainder(256).to(torch.uint8).view(40, 50)
    figure, alt = play.pixels(grey, window=4).draw(row=6, column=10)
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == [str(value) for value in grey[6:10, 10:14].flatten().tolist()]
    assert "row 6, column 10" in alt
