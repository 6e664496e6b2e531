"""Section 03: its exercises, its interactives, and what it says about learned and stored things."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import assert_section, from_notebook

from cv_course import data, drill, perturb, training
from cv_course.data import Split
from cv_course.nearest import NearestNeighbours, distances
from cv_course.sections.s03_search import drills, model, play

NOTEBOOK = "03_classification_as_search"
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


def test_exercises():
    assert_section("s03_search")


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


def test_a_memory_is_measured_and_its_size_is_looked_at():
    reached, said = drills.my_memory(torch.arange(100))
    assert not reached
    assert "0.669" in said
    for refused in (range(101), [8_000], [-1]):
        assert "at most 100 positions" in drills.my_memory(refused)[1]


# --- what is measured ----------------------------------------------------------------------------


def test_the_notebooks_search_is_the_packages(small):
    (nearest_images,) = from_notebook(NOTEBOOK, "nearest_images")
    known, asked = small
    positions = NearestNeighbours(9).fit(known.images, known.labels).kneighbors(asked.images)[1]
    for query, expected in zip(asked.images[:40], positions, strict=False):
        assert torch.equal(nearest_images(query, known.images, 9), expected)


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


def test_a_power_law_gives_its_slope():
    assert model.slope([1, 10, 100], torch.tensor([8.0, 4, 2])) == pytest.approx(-np.log10(2))


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
    figure, alt = votes.draw(noise=0.3, k=51)
    assert "theory says 0.42" in alt
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


# --- claims, for other seeds than the notebook's -------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_31_kb_of_weights_beat_31_kb_of_images(fashion, seed):
    def accuracy(memory: Split, images: torch.Tensor) -> float:
        search = NearestNeighbours(1).fit(memory.images, memory.labels)
        return search.score(images, validation.labels)

    train, validation = fashion
    few, means, tiny = model.memories(train, seed)
    torch.manual_seed(seed)
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    training.fit(linear, train, epochs=5, lr=0.1, seed=seed)
    random, prototypes = (accuracy(one, validation.images) for one in (few, means))
    shrunk = accuracy(tiny, model.shrink(validation.images))
    weights = training.evaluate(linear, validation)
    assert random + 0.05 < min(prototypes, shrunk)
    assert max(prototypes, shrunk) + 0.03 < weights
    assert weights > accuracy(train, validation.images) - 0.02


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_definitions_cover_what_their_authors_thought_of(fashion, seed):
    train, validation = fashion
    draw = torch.Generator().manual_seed(seed)
    some = validation[torch.randperm(2_000, generator=draw)[:300]]
    queries, images = some.images.float(), train.images.float()
    l2, cosine = (NearestNeighbours(1, one).fit(images, train.labels) for one in ("l2", "cosine"))
    edges = NearestNeighbours(1).fit(model.as_hog(images), train.labels)

    def accuracies(asked):
        tolerant = train.labels[model.shift_tolerant(asked, images).argmin(1)]
        found = l2.predict(asked), cosine.predict(asked), edges.predict(model.as_hog(asked))
        return [(one == some.labels).float().mean().item() for one in (*found, tolerant)]

    clean, dim = accuracies(queries), accuracies(queries / 2)
    moved, turned = accuracies(perturb.shift(queries, 2)), accuracies(perturb.rotate(queries, 30))
    assert min(clean) > 0.76
    assert max(turned) < 0.5
    assert dim[1] == clean[1]
    assert dim[2] > clean[2] - 0.03
    assert dim[0] < clean[0] - 0.1
    assert moved[3] > moved[2] > moved[0] + 0.05
