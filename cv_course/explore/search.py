"""Interactives of section 03."""

from collections.abc import Sequence
from functools import lru_cache

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from cv_course import figures
from cv_course.data import Dataset, Split
from cv_course.explore.core import Interactive, choice, slider
from cv_course.nearest import NearestNeighbours, distances
from cv_course.perturb import shift

METRICS = {"l2": "L2", "cosine": "cosine"}


def neighbours(dataset: Dataset) -> Interactive:
    """Section 03: a query, dimmed or moved as you like, and what a search finds for it."""
    train, test, classes = dataset.train, dataset.test, dataset.classes
    images, most = train.images.float(), 9

    @lru_cache(maxsize=64)
    def found(query: int, k: int, metric: str, brightness: float, right: int):
        picture = shift(test.images[query : query + 1].float(), right) * brightness
        search = NearestNeighbours(k, metric).fit(images, train.labels)
        distances, positions = search.kneighbors(picture)
        return picture[0], distances[0].tolist(), positions[0], search.predict(picture).item()

    def words(query: int, k: int, metric: str, **how) -> tuple[str, str]:
        truth, verdict = test.labels[query].item(), found(query, k, metric, **how)[-1]
        judged = "right" if verdict == truth else f"wrong, the label says {classes[truth]}"
        return f"“{classes[verdict]}”", judged

    def render(**state) -> Figure:
        picture, distances, positions, _ = found(**state)
        labels = train.labels[positions].tolist()
        number = "{:.0f}" if state["metric"] == "l2" else "{:.3f}"
        return figures.neighbours(
            picture,
            train.images[positions],
            [
                f"{classes[label]}\n{number.format(distance)}"
                for label, distance in zip(labels, distances, strict=True)
            ],
            [label == test.labels[state["query"]] for label in labels],
            "{}, brightness × {:g}, moved {} pixels: it says {}: {}".format(
                METRICS[state["metric"]], state["brightness"], state["right"], *words(**state)
            ),
            columns=most,
        )

    def alt(**state) -> str:
        verdict, judged = words(**state)
        names = ", ".join(classes[i] for i in train.labels[found(**state)[2]].tolist())
        return (
            f"Query {state['query']} at brightness {state['brightness']:g}, moved "
            f"{state['right']} pixels to the right. Its nearest under "
            f"{METRICS[state['metric']]}: {names}. The vote is {verdict}: {judged}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[
            {},
            {"brightness": 0.5},
            {"brightness": 0.5, "metric": "cosine"},
            {"right": 4, "metric": "cosine"},
        ],
        query=slider("query", 0, len(test) - 1, 1, 19),
        k=slider("neighbours k", 1, most, 1, 5),
        metric=choice("similarity", [(name, metric) for metric, name in METRICS.items()]),
        brightness=slider("brightness ×", 0.25, 1.5, 0.25, 1.0),
        right=slider("shift (pixels)", -6, 6, 1, 0),
    )


def errors_under_noise(
    train: Split, test: Split, noises: Sequence[float], ks: Sequence[int], draws: int = 10
) -> torch.Tensor:
    """Error of the k-NN vote when labels of two classes, 0 and 1, are flipped at random.

    Args:
        noises: shares of the labels to flip, in both splits.
        ks: odd numbers of neighbours.
        draws: how many random flips to average.

    Returns:
        (noises, ks) errors, exact in the flips of the test labels: a noisy test label differs from
        a right answer with probability ``noise``, from a wrong one with 1 - ``noise``.

    The images, hence the neighbours, are the same throughout, so that running sums of the sorted
    labels give the votes for every k at once.
    """
    order = distances(test.images, train.images).argsort(1)
    k = torch.tensor(ks)
    errors = torch.zeros(len(noises), len(ks))
    for draw in range(draws):
        chance = torch.rand(len(train), generator=torch.Generator().manual_seed(draw))
        for row, noise in enumerate(noises):
            learned = train.labels ^ (chance < noise)
            ones = learned[order].cumsum(1)[:, k - 1]
            wrong = (2 * ones > k) != test.labels[:, None].bool()
            errors[row] += (noise + (1 - 2 * noise) * wrong.float().mean(0)) / draws
    return errors


def label_noise(train: Split, test: Split) -> Interactive:
    """Section 03: the error of k neighbours where some labels are wrong, against the theory.

    Args:
        train, test: splits of two classes, labelled 0 and 1, that are easily told apart.
    """
    noises = [round(0.05 * step, 2) for step in range(9)]
    everybody = len(train) - 1 + len(train) % 2  # odd, so that no vote ends in a tie
    ks = [k for k in (1, 3, 5, 11, 21, 51, 101, 201, 501, 1001, 1501) if k < everybody]
    ks.append(everybody)
    errors = errors_under_noise(train, test, noises, ks)

    def row(noise: float) -> list[float]:
        return errors[noises.index(round(noise, 2))].tolist()

    def render(noise: float, k: int) -> Figure:
        return figures.label_noise(ks, row(noise), noise, k, 2 * noise * (1 - noise))

    def alt(noise: float, k: int) -> str:
        return (
            f"Error against k with {noise:.0%} of the labels flipped: {row(noise)[0]:.2f} for "
            f"k = 1, at best {min(row(noise)):.2f}, {row(noise)[-1]:.2f} when everybody votes; "
            f"for k = {k} it is {row(noise)[ks.index(k)]:.2f}. The Bayes risk is {noise:.2f}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{}, {"k": 51}, {"k": ks[-1]}],
        noise=slider("flipped (share)", 0.0, 0.4, 0.05, 0.2),
        k=widgets.SelectionSlider(options=ks, value=1, description="neighbours k"),
    )


def more_data(dataset: Dataset, queries: int = 500) -> Interactive:
    """Section 03: what more remembered images change, for one query and for the accuracy."""
    train, test, classes = dataset.train, dataset.test[:queries], dataset.classes
    sizes, ks = [100, 300, 1000, 3000, len(train)], [1, 3, 5, 9]
    accuracy = {
        k: [
            NearestNeighbours(k).fit(known.images, known.labels).score(test.images, test.labels)
            for known in (train[:size] for size in sizes)
        ]
        for k in ks
    }

    @lru_cache(maxsize=64)
    def found(query: int, size: int) -> tuple[list[float], torch.Tensor]:
        search = NearestNeighbours(3).fit(train.images[:size], train.labels[:size])
        distances, positions = search.kneighbors(test.images[query : query + 1])
        return distances[0].tolist(), positions[0]

    def render(query: int, size: int, k: int) -> Figure:
        distances, positions = found(query, size)
        truth, labels = test.labels[query].item(), train.labels[positions].tolist()
        captions = [
            f"{classes[label]}\n{distance:.0f}"
            for label, distance in zip(labels, distances, strict=True)
        ]
        return figures.more_data(
            test.images[query],
            train.images[positions],
            [f"the query:\n{classes[truth]}", *captions],
            [label == truth for label in labels],
            (sizes, accuracy[k]),
            size,
            k,
        )

    def alt(query: int, size: int, k: int) -> str:
        distances, positions = found(query, size)
        return (
            f"Among {size:,} images the nearest to query {query}, a "
            f"{classes[test.labels[query]]}, is a {classes[train.labels[positions[0]]]} at "
            f"distance {distances[0]:.0f}; with k = {k} the accuracy over all queries is "
            f"{accuracy[k][sizes.index(size)]:.2f}."
        )

    return Interactive(
        render,
        alt=alt,
        film=[{"size": 100}, {"size": 1000}, {"size": len(train)}],
        query=slider("query", 0, queries - 1, 1, 15),
        size=widgets.SelectionSlider(options=sizes, value=100, description="images N"),
        k=widgets.SelectionSlider(options=ks, value=1, description="neighbours k"),
    )
