"""The interactives of section 03 without a browser: state -> numbers and picture."""

import ipywidgets as widgets
import pytest
import torch

from cv_course import data, explore
from cv_course.data import Dataset, Split
from cv_course.nearest import NearestNeighbours
from cv_course.perturb import shift


@pytest.fixture(scope="module")
def fashion():
    whole = data.fashion_mnist()
    return Dataset(whole.train[:3500], whole.test[:300], whole.classes)


@pytest.fixture(scope="module")
def pair(fashion):
    def pick(split):
        some = split[(split.labels == 1) | (split.labels == 9)]
        return Split(some.images, (some.labels == 9).long())

    return pick(fashion.train), pick(fashion.test)


@pytest.fixture(scope="module")
def neighbours(fashion):
    return explore.neighbours(fashion)


@pytest.fixture(scope="module")
def label_noise(pair):
    return explore.label_noise(*pair)


@pytest.fixture(scope="module")
def more_data(fashion):
    return explore.more_data(fashion, queries=60)


def texts(figure) -> list[str]:
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def picture(interactive) -> str:
    return next(child for child in interactive.widget.children if type(child) is widgets.HTML).value


STATES = [
    {"query": 3, "k": 1, "metric": "l2", "brightness": 1.0, "right": 0},
    {"query": 19, "k": 5, "metric": "l2", "brightness": 0.5, "right": 0},
    {"query": 19, "k": 5, "metric": "cosine", "brightness": 0.5, "right": 0},
    {"query": 40, "k": 9, "metric": "l2", "brightness": 1.5, "right": -3},
]


@pytest.mark.parametrize("state", STATES)
def test_neighbours_shows_what_a_search_finds(neighbours, fashion, state):
    query = state["query"]
    asked = shift(fashion.test.images[query][None].float(), state["right"]) * state["brightness"]
    search = NearestNeighbours(state["k"], state["metric"])
    search.fit(fashion.train.images.float(), fashion.train.labels)
    _, positions = search.kneighbors(asked)
    labels = fashion.train.labels[positions[0]]
    figure = neighbours.render(**state)
    first, *captions = texts(figure)
    assert first == "the query"
    truth = fashion.test.labels[query]
    for caption, label in zip(captions, labels, strict=True):
        assert caption.startswith(f"{'✓' if label == truth else '✗'} {fashion.classes[label]}\n")
    drawn = figure.axes[0].images
    assert torch.equal(torch.as_tensor(drawn[0].get_array()), asked[0, 0])
    for one, position in zip(drawn[1:], positions[0], strict=True):
        shown = torch.as_tensor(one.get_array())
        assert torch.equal(shown, fashion.train.images[position, 0])
    verdict = search.predict(asked).item()
    title = figure.axes[0].get_title("left")
    start = "L2" if state["metric"] == "l2" else "cosine"
    assert title.startswith(f"{start}, brightness × {state['brightness']:g}, moved")
    assert f"it says “{fashion.classes[verdict]}”" in title
    assert title.endswith(": right") == (verdict == truth)
    assert f"The vote is “{fashion.classes[verdict]}”" in neighbours.alt(**state)


def test_neighbours_follows_its_controls(neighbours):
    neighbours.set(**STATES[0])
    before = picture(neighbours)
    neighbours.controls["right"].value = 4
    assert "moved 4 pixels" in picture(neighbours)
    assert picture(neighbours) != before
    neighbours.controls["metric"].value = "cosine"
    assert "under cosine" in picture(neighbours)


def test_cosine_does_not_see_brightness(neighbours):
    state = STATES[2]
    dim, bright = (neighbours.alt(**{**state, "brightness": b}) for b in (0.25, 1.5))
    assert dim.split("nearest under")[1] == bright.split("nearest under")[1]


def test_errors_under_noise_are_those_of_the_classifier(pair):
    """The running sums against NearestNeighbours on labels flipped one set after the other."""
    train, test = pair
    noises, ks = [0.0, 0.3], [1, 5, 21]
    found = explore.errors_under_noise(train, test, noises, ks, draws=2)
    for row, noise in enumerate(noises):
        for column, k in enumerate(ks):
            expected = 0
            for draw in range(2):
                chance = torch.rand(len(train), generator=torch.Generator().manual_seed(draw))
                learned = train.labels ^ (chance < noise)
                search = NearestNeighbours(k).fit(train.images, learned)
                wrong = 1 - search.score(test.images, test.labels)
                expected += (noise * (1 - wrong) + (1 - noise) * wrong) / 2
            assert found[row, column] == pytest.approx(expected, abs=1e-5)


def test_label_noise_draws_the_curve_between_the_lines(label_noise):
    figure = label_noise.render(noise=0.3, k=21)
    curve, floor, limit, marker = figure.axes[0].lines
    assert set(floor.get_ydata()) == {0.3}
    assert limit.get_ydata()[0] == pytest.approx(2 * 0.3 * 0.7)
    errors = dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True))
    assert errors[1] == pytest.approx(0.42, abs=0.04)
    assert min(errors.values()) >= 0.3 - 1e-6
    assert errors[max(errors)] > 0.45
    assert marker.get_xdata()[0] == 21
    assert marker.get_ydata()[0] == errors[21]
    assert f"{errors[21]:.2f}" in label_noise.alt(noise=0.3, k=21)


def test_label_noise_follows_its_controls(label_noise):
    label_noise.set(noise=0.1, k=1)
    assert "10% of the labels flipped" in picture(label_noise)
    label_noise.controls["noise"].value = 0.4
    assert "40% of the labels flipped" in picture(label_noise)
    label_noise.controls["k"].value = 51
    assert "for k = 51 it is" in picture(label_noise)


def test_more_data_searches_among_the_first_n_only(more_data, fashion):
    for size in (100, 1000, len(fashion.train)):
        known = fashion.train[:size]
        search = NearestNeighbours(3).fit(known.images, known.labels)
        _, positions = search.kneighbors(fashion.test.images[7:8])
        figure = more_data.render(query=7, size=size, k=3)
        drawn = figure.axes[0].images
        for one, position in zip(drawn[1:], positions[0], strict=True):
            shown = torch.as_tensor(one.get_array())
            assert torch.equal(shown, fashion.train.images[position, 0])
        curve, marker = figure.axes[1].lines
        expected = search.score(fashion.test.images[:60], fashion.test.labels[:60])
        assert marker.get_xdata()[0] == size
        assert marker.get_ydata()[0] == pytest.approx(expected)
        assert expected in curve.get_ydata()


def test_more_data_follows_its_controls(more_data):
    more_data.set(query=7, size=100, k=1)
    assert "Among 100 images" in picture(more_data)
    more_data.controls["size"].value = 1000
    assert "Among 1,000 images" in picture(more_data)
    more_data.controls["k"].value = 9
    assert "with k = 9" in picture(more_data)


@pytest.mark.parametrize("name", ["neighbours", "label_noise", "more_data"])
def test_film_tells_different_things_in_small_pictures(name, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len(set(frames)) == len(frames) >= 3
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture
