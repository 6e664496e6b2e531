"""Interactives of section 03."""

import torch
from matplotlib.colors import ListedColormap

from cv_course import plots
from cv_course.data import FASHION_CLASSES, Split
from cv_course.film import Interactive, choice, interactive, selection, slider
from cv_course.nearest import distances
from cv_course.perturb import rotate, shift
from cv_course.sections.s03_search import model

THREE = (1, 3, 7)  # trousers, dresses, sneakers: two features tell them apart, but not quite
POINTS = 240
QUERY = 24  # a coat, found under each metric while it is not moved
LIGHT = ListedColormap(["#bcd9ec", "#f6cfb4", "#b7e0d3"])  # the first three colours of plots, pale


def brightness_and_width(images: torch.Tensor) -> torch.Tensor:
    """(N, 2): mean of the pixels, and bright pixels a row, averaged over the rows that have any."""
    bright = (images[:, 0] > 40).float().sum(2)  # N x rows
    rows = (bright > 0).float().sum(1).clamp(min=1)
    return torch.stack([images.float().mean((1, 2, 3)), bright.sum(1) / rows], 1)


def regions(train: Split, validation: Split) -> Interactive:
    """What k-NN predicts in the plane of two features, for three classes."""
    known, asked = (
        split[torch.isin(split.labels, torch.tensor(THREE))] for split in (train, validation)
    )
    known = known[:POINTS]
    points, queries = (brightness_and_width(split.images) for split in (known, asked))
    scale = points.std(0)  # else a grey level would count as much as a pixel
    x, y = torch.linspace(15, 140, 150), torch.linspace(4, 22, 84)
    ks = [1, 3, 5, 9, 15, 25, 51, 101, 151]
    codes = torch.searchsorted(torch.tensor(THREE), known.labels)
    area, own, new = (
        model.winners(codes[distances(some / scale, points / scale).argsort(1)], ks, len(THREE))
        for some in (torch.cartesian_prod(x, y), points, queries)
    )
    own = (own == codes[:, None]).float().mean(0).tolist()
    new = (torch.tensor(THREE)[new] == asked.labels[:, None]).float().mean(0).tolist()

    @interactive(film=[{}, {"k": 15}, {"k": 101}], k=selection("neighbours k", ks))
    def draw(k):
        right = f"{own[ks.index(k)]:.0%} of the stored and {new[ks.index(k)]:.0%} of new images"
        room = {"left": 0.08, "right": 0.8, "bottom": 0.15, "top": 0.9}
        figure, axis = plots.figure(8, 3.6, room=room)
        shown = area[:, ks.index(k)].view(len(x), len(y)).T.numpy()
        axis.imshow(shown, LIGHT, vmin=0, vmax=2, origin="lower", extent=(15, 140, 4, 22))
        for label, colour, marker in zip(THREE, plots.COLOURS, plots.MARKERS, strict=False):
            axis.plot(*points[known.labels == label].T.numpy(), marker, ls="", c=colour,
                      mec="white", mew=0.6, label=FASHION_CLASSES[label])  # fmt: skip
        axis.set(aspect="auto", xlabel="brightness (mean of the pixels, 0 to 255)",
                 ylabel="width (pixels)")  # fmt: skip
        axis.set_title(f"k = {k}: {right} are right")
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        about = f"Three classes in the plane of brightness and width, and the regions of k = {k}"
        return figure, f"{about}: {right} are right."

    return draw


def votes(train: Split, validation: Split) -> Interactive:
    """The error of k neighbours where labels of two easy classes are flipped, beside theory."""
    pair = model.trousers_and_boots(train, validation)
    noises, ks = [round(0.05 * step, 2) for step in range(9)], [1, 3, 5, 11, 21, 51, 101, 201]
    errors = model.errors_under_noise(*pair, noises, ks)

    @interactive(
        film=[{}, {"noise": 0.2}, {"noise": 0.3}],
        noise=slider("flipped labels (share)", 0.0, 0.4, 0.05, 0.1),
    )
    def draw(noise):
        row, limit = errors[noises.index(round(noise, 2))].tolist(), 2 * noise * (1 - noise)
        room = {"left": 0.08, "right": 0.76, "bottom": 0.16, "top": 0.9}
        figure, axis = plots.figure(8, 3, room=room)
        levels = {f"Bayes error {noise:.2f}": noise, f"1-NN, calculated {limit:.2f}": limit}
        title = f"{noise:.0%} of the labels flipped"
        plots.lines({"k-NN": row}, ks, xlabel="number of neighbours, k", ylabel="error",
                    title=title, logx=True, ylim=(-0.02, 0.55), xticks=ks, levels=levels,
                    axis=axis)  # fmt: skip
        return figure, (
            f"Error against k. {title}. For k = 1 the error is {row[0]:.2f}, calculated "
            f"{limit:.2f}, for k = {ks[-1]} {row[-1]:.2f}. The Bayes error is {noise:.2f}."
        )

    return draw


def neighbours(train: Split, validation: Split) -> Interactive:
    """A query, dimmed, moved or turned as you like, and what a search finds under four metrics."""
    images, descriptors = train.images.float(), model.as_hog(train.images)
    metrics = {
        "L2": lambda query: distances(query, images),
        "cosine": lambda query: distances(query, images, "cosine"),
        "HOG": lambda query: distances(model.as_hog(query), descriptors),
        "shift-tolerant": lambda query: model.shift_tolerant(query, images),
    }

    @interactive(
        film=[{"metric": name} for name in metrics],
        query=slider("query", 0, len(validation) - 1, 1, QUERY),
        metric=choice("definition", list(metrics)),
        brightness=slider("brightness ×", 0.25, 1.0, 0.25, 1.0),
        right=slider("moved (pixels)", -6, 6, 1, 3),
        turned=slider("turned (degrees)", -45, 45, 15, 0),
    )
    def draw(query, metric, brightness, right, turned):
        asked = shift(validation.images[query : query + 1].float(), right) * brightness
        asked = rotate(asked, turned) if turned else asked
        positions = metrics[metric](asked)[0].topk(7, largest=False).indices
        truth = FASHION_CLASSES[validation.labels[query]]
        names = [FASHION_CLASSES[label] for label in train.labels[positions]]
        titles = [f"{'✓' if name == truth else '✗'} {name}" for name in names]
        frames = ["#000000", *(plots.COLOURS[2 if name == truth else 1] for name in names)]
        figure = plots.pictures([asked[0], *train.images[positions]], [f"query:\n{truth}", *titles],
                                columns=8, scale=(0, 255), frames=frames)  # fmt: skip
        return figure, (
            f"Query {query} ({truth}) at brightness {brightness:g}, moved {right} pixels to the "
            f"right and turned {turned} degrees. Its nearest under {metric}: {', '.join(names)}."
        )

    return draw
