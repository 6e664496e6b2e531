"""Section 03: its measures and its interactives."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cv_course import data, drill, perturb
from cv_course.nearest import NearestNeighbours, distances
from cv_course.sections.s03_search import drills, model, play

PACKAGE = "cv_course.sections.s03_search"


@pytest.fixture(scope="module")
def fashion():
    """(train, validation) as in the notebook."""
    everything = data.fashion_mnist().train
    return everything[:8_000], everything[8_000:]


@pytest.fixture(scope="module")
def small(fashion):
    return fashion[0][:1500], fashion[1][:200]


# --- exercises -----------------------------------------------------------------------------------


def shifts_in_torch(q, X, reach):
    q = torch.as_tensor(q).double()[None, None]
    windows = F.unfold(F.pad(q, [reach] * 4), q.shape[-2:])[0].T
    return torch.cdist(windows, torch.as_tensor(X).double().flatten(1)).amin(0)


def folds_by_mask(accuracy, n, ks):
    fold = np.arange(n) // (n // 5)
    parts = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)]
    return torch.tensor([[accuracy(*part, k) for k in ks] for part in parts]).mean(0)


@pytest.mark.parametrize(
    ("name", "way"),
    [("shift_tolerant_distance", shifts_in_torch), ("cross_validate", folds_by_mask)],
)
def test_other_right_ways_pass(name, way):
    assert drill.examine(drill.read(PACKAGE)[name], way).status == "correct"


def rolled(q, X, reach):
    span, best = range(-reach, reach + 1), np.inf
    for dy in span:
        for dx in span:
            moved = np.roll(q.astype(float), (dy, dx), axis=(0, 1))
            best = np.minimum(best, np.sqrt(((X - moved) ** 2).sum((1, 2))))
    return best


def bytes_subtracted(q, X, reach):
    (height, width), around, best = q.shape, np.pad(q, reach), np.inf
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            difference = X - around[dy : dy + height, dx : dx + width]
            best = np.minimum(best, (difference**2).sum((1, 2)) ** 0.5)
    return best


def test_mistakes_written_otherwise_are_named():
    exercise = drill.read(PACKAGE)["shift_tolerant_distance"]
    assert drill.examine(exercise, rolled).mistake == "wraps-around"
    assert drill.examine(exercise, bytes_subtracted).mistake == "bytes"


# --- what is measured ----------------------------------------------------------------------------


def test_folds_are_five_searches_with_the_votes_of_the_classifier(fashion):
    some, ks = fashion[0][:500], [1, 4, 5, 30]
    found = model.fold_accuracies(some, ks)
    for fold in range(5):
        asked = torch.arange(500) // 100 == fold
        for column, k in enumerate(ks):
            search = NearestNeighbours(k).fit(some.images[~asked], some.labels[~asked])
            expected = search.score(some.images[asked], some.labels[asked])
            assert found[fold, column] == pytest.approx(expected)


def test_unequal_folds_are_refused(fashion):
    with pytest.raises(ValueError, match="12 images cannot be cut into 5 equal folds"):
        model.fold_accuracies(fashion[0][:12], [1])


def test_errors_under_noise_are_those_of_the_classifier(small):
    """The running sums against NearestNeighbours on labels flipped one set after the other."""
    known, asked = model.trousers_and_boots(*small)
    found = model.errors_under_noise(known, asked, [0.0, 0.3], [1, 5, 21], draws=2)
    for row, noise in enumerate((0.0, 0.3)):
        for column, k in enumerate((1, 5, 21)):
            expected = 0
            for draw in range(2):
                chance = torch.rand(len(known), generator=torch.Generator().manual_seed(draw))
                search = NearestNeighbours(k).fit(known.images, known.labels ^ (chance < noise))
                wrong = 1 - search.score(asked.images, asked.labels)
                expected += (noise * (1 - wrong) + (1 - noise) * wrong) / 2
            assert found[row, column] == pytest.approx(expected, abs=1e-5)


def test_shift_tolerant_is_the_exercise(small):
    known, asked = (split.images[:7].float() for split in small)
    found = model.shift_tolerant(asked, known, reach=2)
    for row, query in zip(found, asked[:, 0].numpy(), strict=True):
        expected = drills.shift_tolerant_distance(query, known[:, 0].numpy(), 2)
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1)


def test_memories_have_the_same_bytes_and_balanced_classes(fashion):
    for memory in model.memories(fashion[0], seed=1):
        assert memory.images.numel() == 31_360
        assert memory.labels.bincount().unique().numel() == 1


# --- interactives --------------------------------------------------------------------------------


def test_regions_say_what_the_classifier_does(small):
    regions = play.regions(*small)
    known, asked = (split[torch.isin(split.labels, torch.tensor(play.THREE))] for split in small)
    known = known[: play.POINTS]
    points, queries = (play.brightness_and_width(split.images) for split in (known, asked))
    for k in (1, 15, 101):
        search = NearestNeighbours(k).fit(points / points.std(0), known.labels)
        new = search.score(queries / points.std(0), asked.labels)
        assert f"and {new:.0%} of new images are right" in regions.alt(k=k)
    assert "100% of the stored" in regions.alt(k=1)


def test_votes_stand_between_the_lines(fashion):
    votes = play.votes(*fashion)
    figure, alt = votes.draw(noise=0.3)
    assert "calculated 0.42" in alt
    assert "The Bayes error is 0.30" in alt
    measured = figure.axes[0].lines[0].get_ydata()
    assert measured[0] == pytest.approx(0.42, abs=0.03)
    assert measured.min() >= 0.3 - 1e-6


@pytest.mark.parametrize("metric", ["L2", "cosine", "HOG", "shift-tolerant"])
def test_neighbours_show_what_a_search_finds(small, metric):
    neighbours, (known, asked) = play.neighbours(*small), small
    state = {"query": 3, "metric": metric, "brightness": 0.5, "right": -2, "turned": 15}
    query = perturb.rotate(perturb.shift(asked.images[3:4].float(), -2) * 0.5, 15)
    images = known.images.float()
    near = {
        "L2": lambda: distances(query, images),
        "cosine": lambda: distances(query, images, "cosine"),
        "HOG": lambda: distances(model.as_hog(query), model.as_hog(images)),
        "shift-tolerant": lambda: model.shift_tolerant(query, images),
    }[metric]()
    labels = known.labels[near[0].argsort()[:7]]
    names = ", ".join(data.FASHION_CLASSES[label] for label in labels)
    assert neighbours.alt(**state).endswith(f"under {metric}: {names}.")
