# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Classification as search
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/03_classification_as_search.ipynb)
#
# **If we could look everything up, would that be enough?**
#
# Imagine a machine that has stored a huge number of images with their names. For a
# new image it searches for the most similar stored one and reads off the name. This section builds that
# machine and finds its limits. You need Python, matrices, and sections 00 and 02 (HOG).
#
# Afterwards you will be able to
#
# - build a classifier that only remembers, and choose its one setting without cheating,
# - say what more images can improve, what they cannot, and what they cost,
# - show that "similar" must be defined first, and what a written definition covers.
#
# *About 60 min, and as much for the problem set · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch

from cv_course import data, perturb, plots
from cv_course.nearest import NearestNeighbours
from cv_course.plots import show
from cv_course.sections.s03_search import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small tasks

# %% [markdown]
# ## Look it up
#
# A **classifier** is a function: an image goes in and one **class** comes out. The list of classes is
# *closed*: it is fixed beforehand, and every image gets exactly one class from it. The classifier computes
# a **score** for each class and predicts the class with the highest score.

# %% tags=["nbval-check-output"]
fashion, classes = data.fashion_mnist(), data.FASHION_CLASSES
train, validation = fashion.train[:8_000], fashion.train[8_000:]
print(f"{len(train):,} images to remember, {len(validation):,} validation images to compare ideas")
print("the classes:", ", ".join(classes))

# %% [markdown]
# The simplest way to score a new image, the **query**, is to look it up. The machine stores all training
# images with their labels and searches for the one that is most similar to the query. For now, *similar*
# means a small Euclidean distance, also called **L2 distance**. Subtract pixel from pixel, square the
# differences, add them up and take the square root.
#
# Take images of four pixels. Image A differs from the query by 10, 20, 20 and 40. The squares are 100, 400,
# 400 and 1,600. Their sum is 2,500, and its root is **50**. For image B the differences are 20, 40, 40 and
# 80, and the distance is **100**. So A is nearer, and the query gets the label of A.

# %% tags=["hide-input"]
# @title Figure 3.1
stored = {
    "the query": torch.tensor([[60, 120], [180, 40]]),
    "image A: distance 50": torch.tensor([[70, 140], [200, 80]]),
    "image B: distance 100": torch.tensor([[40, 160], [140, 120]]),
}
figure, axes = plots.figure(8, 2.1, 1, 3)
for axis, (name, image) in zip(axes, stored.items(), strict=True):
    plots.numbers(image, title=name, scale=(0, 255), colours="gray", axis=axis)
show(
    figure,
    caption="Figure 3.1. A query and two stored images of 2 × 2 pixels. Image A is nearer.",
    alt="Three images of four pixels with their numbers. The query is at L2 distance 50 from image "
    "A and at distance 100 from image B.",
)

# %% [markdown]
# With 28 × 28 = 784 pixels the calculation is the same.


# %%
def nearest_images(query, images, k):
    """Positions of the k stored images (N, 1, 28, 28) that are nearest to the query."""
    difference = images.float() - query.float()
    distance = difference.square().sum((1, 2, 3)).sqrt()  # one number for each stored image
    return distance.argsort()[:k]


# %% [markdown]
# A single neighbour can be an exception. So we ask the *k* nearest ones, and each neighbour gives
# one vote to its own label. This classifier is called **k nearest neighbours** (k-NN). The score of
# a class is its share of the votes. The class with the most votes wins, even with less than half of
# them (a **plurality**).

# %%
query = validation.images[196]
found = nearest_images(query, train.images, k=9)
votes = torch.bincount(train.labels[found], minlength=10)
for label in votes.nonzero().flatten():
    print(f"{classes[label]:8} {votes[label]} of 9 votes: score {votes[label] / 9:.2f}")

# %% tags=["hide-input"]
# @title Figure 3.2
labels = train.labels[found]
right = labels == validation.labels[196]
show(
    plots.pictures(
        [query, *train.images[found]],
        ["query", *(classes[label] for label in labels)],
        columns=10,
        frames=[None, *(plots.COLOURS[2] if good else plots.COLOURS[1] for good in right)],
    ),
    caption=f"Figure 3.2. A query (its label is {classes[validation.labels[196]]}) and its nine nearest "
    "stored images, the nearest first. Green frames have the right label.",
    alt="A shirt and the nine stored images nearest to it. Four are shirts, three T-shirts and two "
    "pullovers; the nearest of all is a T-shirt.",
)

# %% [markdown]
# The nearest image has the wrong label, but the vote is right. Nothing was trained; we only *search*.
# `NearestNeighbours` does it for many queries. Its method `score` gives the **accuracy**, the share of
# queries that get their right label.

# %%
search = NearestNeighbours(k=9).fit(train.images, train.labels)
print(f"9-NN, validation accuracy: {search.score(validation.images, validation.labels):.3f}")
print("guessing at random, or always the same class: 0.100")

# %% [markdown]
# But the list is closed. What happens to an image that is not on it? We shrink a photograph of a
# cat's face to 28 × 28 grey pixels. **Predict:** which of the ten classes gets the most votes?

# %%
your_guess = "?"  # one of the ten classes, for example "Bag"

# %% tags=["hide-input"]
# @title Photographs of other things, shrunk to 28 × 28 pixels
photos, unlisted = data.photos(), {}  # not on the list of classes
for name in ("astronaut", "cat", "coffee", "rocket"):
    grey = photos[name].float().mean(0)[None, None]
    small = torch.nn.functional.interpolate(grey, (28, 28), mode="area")
    unlisted[name] = small.to(torch.uint8)
unlisted["all black"] = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)

# %%
# unlisted, from the folded cell: the cat, three other photographs and a black image, all 28 × 28
found = nearest_images(unlisted["cat"], train.images, k=9)
prediction = classes[torch.bincount(train.labels[found]).argmax()]  # a tie: the first class
print(f"your guess: {your_guess}; predicted for the cat: {prediction}")

# %% tags=["hide-input"]
# @title Figure 3.3
show(
    plots.pictures(
        [photos["cat"], unlisted["cat"][0], *train.images[found]],
        ["photo", "28 × 28", *(classes[label] for label in train.labels[found])],
        columns=11,
    ),
    caption="Figure 3.3. A photograph of a cat, the same in 28 × 28 pixels, and its nine nearest stored "
    "images.",
    alt="A photograph of a cat, then the same in 28 by 28 grey pixels, then its nine neighbours: "
    + ", ".join(classes[label] for label in train.labels[found]),
)

# %% [markdown]
# The vote cannot say "none of these". The *distance* to the nearest stored image could say it. We set a
# **threshold** that 95% of the validation images stay below, and reject what is farther away.

# %%
distance, _ = search.kneighbors(validation.images)
threshold = distance[:, 0].quantile(0.95)
print(f"threshold {threshold:.0f}")
for name, image in unlisted.items():
    distance, _ = search.kneighbors(image)
    verdict = "rejected" if distance[0, 0] > threshold else "accepted, which is wrong"
    print(f"{name:9}  nearest image at {distance[0, 0]:5.0f}: {verdict}")

# %% tags=["hide-input"]
# @title Checks: what this shows
positions = search.kneighbors(validation.images[:9])[1]
for image, expected in zip(validation.images[:9], positions, strict=True):
    assert torch.equal(nearest_images(image, train.images, 9), expected)
assert votes[validation.labels[196]] == votes.max() == 4
assert search.score(validation.images, validation.labels) > 0.78
rejected = {name: search.kneighbors(x)[0][0, 0] > threshold for name, x in unlisted.items()}
assert [name for name in rejected if rejected[name]] == ["astronaut", "coffee"]

# %% [markdown]
# It rejects only two of these five. Even a black image passes, because some stored images have few bright pixels.
#
# What does k change? To draw it, we take three classes and describe each image by only two numbers,
# called **features**. The
# *brightness* is the mean of all pixels. The *width* is the mean number of pixels above 40 in a row of the image. (Rows without any are left out.) Each image becomes a point in a plane. The colour of the plane shows
# what k-NN would predict there. Step through k = 1, 15 and 101.

# %% tags=["hide-input"]
# @title Figure 3.4 (interactive)
show(
    play.regions(train, validation),
    caption="Figure 3.4. 240 stored images (points) and the class that k-NN predicts at each position of the "
    "plane (colour). For the distance, both features are scaled to equal spread. Small k gives islands, large k gives smooth borders.",
)

# %% [markdown]
# With k = 1 a single unusual pair of trousers makes an island among the dresses. With k = 15 it is
# gone, and more new images are right. With k = 101 the borders are too simple. So k must be chosen.
#
# [*Concepts 17, 19, 20*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## How many neighbours?
#
# We set k before the search. Such a setting is called a **hyperparameter**. We cannot choose k with the
# stored images as queries. With k = 1 each of them finds itself, so k = 1 looks perfect:

# %%
one = NearestNeighbours(k=1).fit(train.images, train.labels)
ahead = one.score(validation.images, validation.labels)
print(f"k = 1, accuracy on the stored images: {one.score(train.images, train.labels):.3f}")
print(f"k = 1, accuracy on validation images: {ahead:.3f}")
nine = search.score(validation.images, validation.labels)  # search: k = 9
print(f"k = 9, accuracy on validation images: {nine:.3f}")

# %% [markdown]
# The **test images** are kept for the final result, and they must not help either. If we try many k on them
# and report the best result, part of it is luck. So we use **validation images**, which are neither stored nor
# test images.
#
# Here k = 1 is even ahead of k = 9. Is this luck? One validation set is only one sample.
# **Cross-validation** uses several. Cut ten images, numbered 0 to
# 9, into five parts called **folds**: {0, 1}, {2, 3} … {8, 9}. First remember 2 … 9 and ask 0 and 1. Then remember 0, 1, 4 … 9 and ask 2 and 3. After five rounds each image was asked once, and never
# while it was stored. Write it. You are given a function for one round. The first round is `accuracy([2, 3, …, 9], [0, 1], k)`.


# %%
def cross_validate(accuracy, n, ks):
    """The mean accuracy over five folds of the positions 0 … n - 1, for each k in ks.

    accuracy(remembered, asked, k), with two arrays of positions, gives one number.
    Fold 0 is the first fifth of the positions, fold 1 the next … (n is a multiple of 5).
    """
    ...  # replace this line


check(cross_validate)

# %%
hint(cross_validate)

# %% [markdown]
# Now the same for 10,000 images. In each round 2,000 are asked and 8,000 remembered, 800 of each class.
# **Predict:** the accuracy for k = 1,001.

# %%
your_guess = "?"  # a number from 0.1 to 0.82

# %%
ks = [1, 3, 5, 9, 15, 25, 51, 101, 201, 501, 1_001]
folds = model.fold_accuracies(fashion.train, ks)  # 5 folds × 11 values of k
mean = folds.mean(0)
for k in (1, 5, 9, 25, 1_001):
    at = ks.index(k)
    better = (folds[:, at] > folds[:, 0]).sum()  # in how many folds; column 0: k = 1
    print(f"k = {k:5,}: mean {mean[at]:.3f}, better than k = 1 in {better} of 5 folds")
print(f"your guess for k = 1,001: {your_guess}")

# %% tags=["hide-input"]
# @title Figure 3.5
show(
    plots.lines(
        {"mean of five folds": folds},
        ks,
        xlabel="neighbours that vote, k",
        ylabel="accuracy on new images",
        logx=True,
        xticks=[1, 3, 9, 25, 101, 1_001],
    ),
    caption="Figure 3.5. Cross-validation of k with all ten classes: dots are single folds, the line is "
    "their mean, the band their range. The curve is flat between about 3 and 9 and then falls.",
    alt="Accuracy on new images against k on a logarithmic axis. It rises a little from k = 1 to "
    "about 5, stays flat until about 9 and falls steadily to about two thirds at k = 1,001.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert one.score(train.images, train.labels) > 0.99
assert ahead > nine
assert ks[mean.argmax()] in (3, 5, 9)
assert mean[ks.index(5)] > mean[0] + 0.004
assert (folds[:, ks.index(5)] > folds[:, 0]).all()
assert (folds[:, ks.index(9)] > folds[:, 0]).tolist() == [True] * 4 + [False]
assert 0.6 < mean[-1] < 0.72

# %% [markdown]
# k = 5 is better than k = 1 in all five folds, k = 9 in four. The fifth is our validation set. A single one may differ from the mean of five.
# With few neighbours a single image
# decides. With many, less similar images vote, often of other classes. We take the k with the best mean. Only now do we look at the test set.

# %%
k = ks[mean.argmax()]
final = NearestNeighbours(k).fit(fashion.train.images, fashion.train.labels)
correct = (final.predict(fashion.test.images) == fashion.test.labels).float()
accuracy = correct.mean().item()
print(f"k = {k}: {accuracy:.3f} (guessing: 0.100)")
print("people without knowledge of fashion: 0.835 (majority of three, see References)")

# %% tags=["hide-input"]
# @title Figure 3.6
per_class = {
    name: correct[fashion.test.labels == label].mean().item() for label, name in enumerate(classes)
}
show(
    plots.bars(
        dict(sorted(per_class.items(), key=lambda item: item[1])),
        ylabel="share that is right",
        levels={"guessing": 0.1, "people, all classes": 0.835},
    ),
    caption=f"Figure 3.6. The share of each class's 200 test images that {k}-NN classifies correctly. "
    "Shirts are hardest.",
    alt="Bars for ten classes, from shirts, of which little more than half are right, to trousers, "
    "sneakers and ankle boots, of which nearly all are right.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert 0.79 < accuracy < 0.85
assert min(per_class, key=per_class.get) == "Shirt"
assert per_class["Trouser"] > per_class["Shirt"] + 0.25

# %% [markdown]
# Here looking up is about as good as the vote of three people without training. (The people saw other images, so differences below .03 mean little here.) Would more images help?

# %% [markdown]
# ## More data
#
# Now we remember only the first N images, with k = 1.


# %%
def accuracy_with(memory, asked):
    """The accuracy of 1-NN on the images asked when it remembers only this memory."""
    search = NearestNeighbours(1).fit(memory.images, memory.labels)
    return search.score(asked.images, asked.labels)


for n in (100, 1_000, 8_000):
    print(f"N = {n:5,}: validation {accuracy_with(train[:n], validation):.3f}")

# %% [markdown]
# The first 100 images may be lucky ones. So we also take the first N in three random orders.

# %%
sizes, orders = [100, 200, 500, 1_000, 2_000, 4_000, 8_000], []
for seed in range(3):
    order = torch.randperm(8_000, generator=torch.Generator().manual_seed(seed))
    orders.append([accuracy_with(train[order[:n]], validation) for n in sizes])
growth = torch.tensor(orders)  # 3 random orders × 7 sizes

# %% tags=["hide-input"]
# @title Figure 3.7
show(
    plots.lines(
        {"1-NN": growth},
        sizes,
        xlabel="images remembered, N",
        ylabel="accuracy on new images",
        logx=True,
        xticks=[100, 1_000, 8_000],
    ),
    caption="Figure 3.7. Accuracy against the number of remembered images, in three random orders (dots; "
    "at N = 8,000 they coincide). Steep up to N = 500; from there nearly a straight line.",
    alt="Accuracy rises from about .64 with 100 images to .82 with 8,000. Against the logarithm of "
    "N it rises steeply up to N = 500; from there the points lie near a straight line.",
)

# %% [markdown]
# **Predict:** the accuracy with all 60,000 training images of Fashion-MNIST, on the *test* images. (We measured it once, on test images.)

# %%
your_guess = "?"  # a number

# %%
gain = (growth[:, -1] - growth[:, 2]).mean() / np.log10(8_000 / 500)  # column 2: N = 500
on_test = accuracy_with(train, fashion.test)
# the straight line, from 8,000 on to 60,000 images:
promised = on_test + gain * np.log10(60_000 / 8_000)
print(f"8,000 images: {on_test:.2f} (test images)")
print(f"from N = 500 on, each time N grows tenfold: about +{gain:.2f}")
print(f"60,000 images: your guess {your_guess}; on the straight line: {promised:.2f} (test images)")
print("measured once with the full data set (10,000 test images): 0.85")

# %% [markdown]
# The measured accuracy is close to the line, perhaps a little below. But even along it, the same gain takes ten times as many images each time: from 8,000 to 80,000, then to 800,000.
#
# Why do more images help so slowly? A likely reason is distance. Take 100 times as many points. On a line, the nearest is then 100 times nearer. In a square it is
# only 10 times nearer, since 10 · 10 = 100: the points must cover two directions. With d directions it is roughly $100^{1/d}$
# times nearer:

# %%
for directions in (1, 2, 4, 784):
    print(f"{directions:3} directions: {100 ** (1 / directions):6.2f} times nearer")

# %% [markdown]
# An image has 784 pixels. If each could change independently of the others, there would be 784 directions, and more images would bring hardly anything nearer.
# But neighbouring pixels mostly change together, so there should be fewer. How many? We compare them with random points, whose number of directions we know. (We tried several numbers; 16 fits.)

# %% tags=["hide-input"]
# @title Figure 3.8
draw = torch.Generator().manual_seed(0)
every = fashion.train.images.flatten(1)  # the last 2,000 are the validation images
clouds = {
    "random points, 2 directions": torch.rand(10_000, 2, generator=draw),
    "random points, 16 directions": torch.rand(10_000, 16, generator=draw),
    "random points, 784 directions": torch.rand(10_000, 784, generator=draw),
    "our images": every,
}


def mean_distance(points, queries):
    """Of each query to its nearest point; the labels play no part."""
    labels = torch.zeros(len(points), dtype=torch.long)
    return NearestNeighbours(1).fit(points, labels).kneighbors(queries)[0].mean()


nearest = {}  # name -> 3 orders × 7 sizes
for name, points in clouds.items():
    rows = []
    for seed in range(3):
        order = torch.randperm(8_000, generator=torch.Generator().manual_seed(seed))
        rows.append([mean_distance(points[order[:n]], points[8_000:8_300]) for n in sizes])
    nearest[name] = torch.tensor(rows)
figure, axis = plots.figure(8, 3.2)
plots.lines(
    {name: one / one[:, :1] for name, one in nearest.items()},
    sizes,
    xlabel="images (or points) remembered, N",
    ylabel="distance of the nearest\n(N = 100: 1)",
    logx=True,
    logy=True,
    xticks=[100, 1_000, 8_000],
    axis=axis,
)
axis.set_yticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
axis.minorticks_off()
show(
    figure,
    caption="Figure 3.8. How far away the nearest neighbour is, compared with N = 100. Distances of our images "
    "shrink like those of random points with 16 directions. (Their lines nearly coincide, and fall a little faster than the rough formula.)",
    alt="Distance of the nearest neighbour against N, both axes logarithmic. For points in a plane "
    "it falls to a tenth. For images and for points with 16 directions it falls to .7, for points "
    "with 784 directions hardly at all.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert growth.mean(0).diff().min() > 0
gains = growth.mean(0).diff() / torch.tensor(sizes).log10().diff()  # for each tenfold N
assert gains[:2].min() > 0.1 > gains[2:].max()
assert 0.855 < promised < 0.885  # 0.85 with the full data set
assert growth[:, -1].mean() - growth[:, 0].mean() > 0.13
reading = {name: -1 / model.slope(sizes, one.mean(0)) for name, one in nearest.items()}
assert 10 < reading["our images"] < 17
assert (nearest["our images"][:, -1] > nearest["our images"][:, 0] * 2 / 3).all()
assert abs(reading["random points, 2 directions"] - 2) < 0.2
assert abs(reading["random points, 16 directions"] - reading["our images"]) < 3
assert reading["random points, 784 directions"] > 80

# %% [markdown]
# The line of our images nearly coincides with that of random points with 16 directions. So our images have 784 pixels, but their distances shrink as if there were only
# about 16 directions (their *intrinsic dimension*). These are far fewer than 784, but still many. With 8,000 images instead of 100, the nearest is still at more than two thirds of the distance. That more data help so slowly in many directions is called
# the *curse of dimensionality*.
#
# Now imagine endless data, so that memory holds an equal image for every query. Would all errors vanish? Only if equal images always have equal labels.

# %% tags=["hide-input"]
# @title Figure 3.9
distance, position = (part[:, 0] for part in one.kneighbors(validation.images))
pair = torch.tensor([classes.index("Shirt"), classes.index("T-shirt")])
theirs, found = validation.labels, train.labels[position]
mixed = torch.isin(theirs, pair) & torch.isin(found, pair) & (theirs != found)
relative = distance / validation.images.float().flatten(1).norm(dim=1)  # dark images are all near
order = relative.masked_fill(~mixed, torch.inf).argsort()
first = {position[query].item(): query for query in order[:12].flip(0)}  # each neighbour once
closest = torch.stack(sorted(first.values(), key=lambda query: relative[query])[:6])
show(
    plots.pictures(
        [*validation.images[closest], *train.images[position[closest]]],
        [classes[label] for label in (*theirs[closest], *found[closest])],
        columns=6,
        row_names=["query", "nearest"],
    ),
    caption="Figure 3.9. Six queries and below each its nearest stored image. The images are similar, "
    "the labels are not.",
    alt="Six pairs of shirts and T-shirts that look similar. In each pair one is labelled "
    "shirt and the other T-shirt.",
)

# %% [markdown]
# Perhaps some of these labels are wrong. How many errors do wrong labels cause? We take two classes that are hardly ever confused, trousers and ankle boots,
# and make labels wrong on purpose. Each label is flipped to the other class with probability ρ = .1, in
# memory and in the queries. In practice the wrong labels are unknown. So a prediction counts as right if it equals the query's label, flipped or not.
#
# Think of a classifier that knows every true class. Whenever the query's label was flipped, its answer counts as wrong, so its error
# is ρ. The smallest error that any classifier can reach is called the **Bayes error**, R\*. Here it is ρ, since no classifier can foresee random flips.
#
# Whether the nearest neighbour is right depends on *two* labels, its own and the query's. If both images have the same true
# class, there are four cases.

# %% tags=["hide-input"]
# @title Figure 3.10
figure, axis = plots.figure(4.8, 2.6)
ROWS = [(3, "kept .9", "kept .9", ".81: they agree"), (2, "", "flipped .1", ".09: they disagree")]
ROWS += [
    (1, "flipped .1", "kept .9", ".09: they disagree"),
    (0, "", "flipped .1", ".01: they agree"),
]
for row, first, second, leaf in ROWS:
    branch = 2.5 if row > 1 else 0.5
    for x, y, to_x, to_y, text in ((0, 1.5, 1, branch, first), (1, branch, 2, row, second)):
        axis.plot([x, to_x], [y, to_y], c="#888888", lw=1.2, ls="-", marker="")
        if text:
            axis.text(
                x + 0.62,
                y + 0.62 * (to_y - y),
                text,
                ha="center",
                va="center",
                bbox={"fc": plots.PAGE, "ec": "none", "pad": 1},
            )
    bad = "disagree" in leaf
    axis.text(
        2.05,
        row,
        leaf,
        va="center",
        weight="bold" if bad else None,
        color=plots.COLOURS[1] if bad else "black",
    )
axis.text(0.55, 3.5, "label of the query", ha="center")
axis.text(1.65, 3.5, "label of the neighbour", ha="center")
axis.set(xlim=(-0.05, 3), ylim=(-0.3, 3.7))
axis.set_axis_off()
show(
    figure,
    caption="Figure 3.10. Two labels, each flipped with probability .1. The labels of query and neighbour "
    "disagree with probability .09 + .09 = .18.",
    alt="A tree with four leaves. Neither flipped .81, they agree. Only the neighbour flipped .09, "
    "they disagree. Only the query flipped .09, they disagree. Both flipped .01, they agree.",
)

# %% [markdown]
# So the nearest neighbour errs with probability .18, nearly twice R\*. **Predict:** the same for ρ = .2.

# %%
your_guess = "?"  # a number

# %%
print(f"your guess {your_guess}; 2ρ(1 - ρ) = {2 * 0.2 * (1 - 0.2):.2f}")

# %% [markdown]
# In general it is 2ρ(1 − ρ). Can more voters repair it? Step through k = 1, 11 and 51.

# %% tags=["hide-input"]
# @title Figure 3.11 (interactive)
show(
    play.votes(train, validation),
    caption="Figure 3.11. Trousers against ankle boots with flipped labels: the error of k-NN. One neighbour "
    "errs up to twice as often as necessary; many come close to R*.",
)

# %% [markdown]
# In these two classes, neighbours nearly always have the same true class. So with many voters the flips average out, and the error falls towards R\* [Stone 1977], not below. Cover and Hart [1967] proved for any classes: with endless data,
# even one neighbour errs at most twice as often as the best classifier.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert len(closest) == 6
assert mixed[closest].all()
errors = model.errors_under_noise(*model.trousers_and_boots(train, validation), [0.1, 0.2], [1, 51])
assert abs(errors[0, 0] - 0.18) < 0.02
assert abs(errors[1, 0] - 0.32) < 0.02
assert (errors[:, 1] > torch.tensor([0.1, 0.2]) - 1e-6).all()
assert (errors[:, 1] < torch.tensor([0.12, 0.22])).all()

# %% [markdown]
# [*Concept 18*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## What does similar mean?
#
# Is a small L2 distance what we mean by similar? The next figure changes a boot in three ways, each by
# exactly the same L2 distance.

# %% tags=["hide-input"]
# @title Figure 3.12
boot = validation.images[29:30].float()
moved = perturb.shift(boot, dx=0, dy=2)
radius = (moved - boot).norm()
dimmed = boot * (1 - radius / boot.norm())
speckle = torch.rand(boot.shape, generator=torch.Generator().manual_seed(0))
speckle = torch.where(boot > 127, -speckle, speckle)  # stays between 0 and 255
noisy = boot + speckle * radius / speckle.norm()
shoes = torch.tensor([classes.index(name) for name in ("Sandal", "Sneaker", "Ankle boot")])
others = train.images[~torch.isin(train.labels, shoes)].float()
to_others = (others - boot).flatten(1).norm(dim=1)
stranger = others[to_others.argmin()][None]
changed = {"2 pixels down": moved, "dimmed": dimmed, "with noise": noisy, "a bag": stranger}
show(
    plots.pictures(
        [boot[0], *(image[0] for image in changed.values())],
        [
            "the query",
            *(f"{name}\nL2 = {(image - boot).norm():,.0f}" for name, image in changed.items()),
        ],
        columns=5,
        size=1.5,
        scale=(0, 255),
    ),
    caption="Figure 3.12. For L2 the three changes are equally large, and a bag is nearer to the "
    "boot than the same boot moved down by two pixels.",
    alt="A boot; the same boot moved down by two pixels, dimmed, and covered with noise, all "
    "three at the same L2 distance; and a bag, which is at a smaller distance.",
)

# %% tags=["hide-input"]
# @title Is an image of another class nearer?
queries, labels = validation.images[:200].float(), validation.labels[:200]
moved = (perturb.shift(queries, dx=2) - queries).flatten(1).norm(dim=1)
distances = torch.cdist(queries.flatten(1), train.images.flatten(1).float())
for query in range(200):  # leave only images of other classes
    distances[query, train.labels == labels[query]] = torch.inf
nearer = (distances.amin(1) < moved).float().mean()
print(f"for {nearer:.0%} of the queries, some image of another class is nearer")
print("than the query itself, moved by 2 pixels")

# %% [markdown]
# L2 compares each pixel with the pixel at the same position, whatever is there. Here
# are three other definitions:
#
# - **Cosine distance** compares the directions of two vectors and ignores their lengths. The image
#   (15, 20) is (30, 40) at half light. Their L2 distance is 25, but they point in the same direction, so
#   their cosine distance is 0.
# - **HOG** describes each small cell of an image by the directions of its edges (section 02). We take the
#   L2 distance of these descriptions.
# - The **shift-tolerant distance** moves the query by −2 … 2 pixels down and by −2 … 2 across. These are
#   5 × 5 = 25 shifts. It takes the smallest of their L2 distances. Write this one.


# %%
def shift_tolerant_distance(q, X, reach):
    """q (H, W), X (N, H, W), NumPy arrays -> (N,): the smallest Euclidean distance of each image
    from q moved by -reach … reach whole pixels down and across. Zeros come in at the border."""
    ...  # replace this line


check(shift_tolerant_distance)

# %%
hint(shift_tolerant_distance)

# %% [markdown]
# Now we compare the four definitions with the same 200 queries: clean, and changed in three ways.

# %%
images, known = train.images.float(), train.labels
l2 = NearestNeighbours(1, metric="l2").fit(images, known)
cosine = NearestNeighbours(1, metric="cosine").fit(images, known)
edges = NearestNeighbours(1, metric="l2").fit(model.as_hog(images), known)


def predict_with_all(asked):
    """The labels that 1-NN predicts under each of the four definitions."""
    # model.shift_tolerant: as your function, but for many queries at once
    tolerant = known[model.shift_tolerant(asked, images, reach=2).argmin(1)]
    return [l2.predict(asked), cosine.predict(asked), edges.predict(model.as_hog(asked)), tolerant]


# %%
changes = {"clean": queries, "half light": queries / 2}
changes["moved 2 pixels"] = perturb.shift(queries, dx=2)
changes["turned by 30°"] = perturb.rotate(queries, 30)
table = [
    [(predicted == labels).float().mean() for predicted in predict_with_all(asked)]
    for asked in changes.values()
]

# %% tags=["hide-input"]
# @title Figure 3.13
table = torch.tensor(table).T
figure, axis = plots.figure(8, 2.3)
definitions = ["pixels, L2", "pixels, cosine", "HOG, L2", "shift-tolerant"]
plots.numbers(table, rows=definitions, fmt="{:.2f}", scale=(0, 1), axis=axis)
axis.set_aspect("auto")
axis.set_xticks(range(4), list(changes))
show(
    figure,
    caption="Figure 3.13. Accuracy of 1-NN under four definitions of similar (200 validation images: "
    "differences below .1 mean little). Each of the last three covers some changes; none covers the turn.",
    alt="A table of accuracies. All four definitions reach about .83 on clean queries. Cosine and HOG "
    "keep it at half light, the shift-tolerant distance keeps it under the shift, HOG partly. "
    "Turned by 30 degrees, all fall to between a quarter and a third.",
)

# %% tags=["hide-input"]
# @title Control: does the turn destroy what L2 needs? The stored images turned, too
turned = NearestNeighbours(1).fit(perturb.rotate(images, 30), known)
both_turned = turned.score(changes["turned by 30°"], labels)
print(
    f"control: L2, only queries turned {table[0, 3]:.2f}, stored images turned as well {both_turned:.2f}"
)

# %% tags=["hide-input"]
# @title Checks: what this shows
l2_row, cosine_row, hog_row, tolerant_row = table.tolist()
assert to_others.min() < radius
assert nearer > 0.65
assert min(row[0] for row in table.tolist()) > 0.76
assert cosine_row[1] == cosine_row[0]
assert hog_row[1] > hog_row[0] - 0.03
assert l2_row[1] < l2_row[0] - 0.1
assert tolerant_row[2] > hog_row[2] > l2_row[2] + 0.05
assert max(row[3] for row in table.tolist()) < 0.5
assert both_turned > l2_row[0] - 0.05

# %% [markdown]
# Cosine ignores half light, and the shift-tolerant distance loses almost nothing under a shift of 2 pixels. HOG ignores half light and loses
# less under the shift, probably because edges may move within a cell. On turned queries each of the four is mostly wrong.
# But turned images can be recognised: if all stored images are turned by 30°, too, L2 is mostly right (printed). **A written definition of similarity covers the
# changes that its author thought of**.
#
# Try it: Figure 3.14 moves a coat by three pixels. Which definition still finds coats first?

# %% tags=["hide-input"]
# @title Figure 3.14 (interactive)
show(
    play.neighbours(train, validation),
    caption="Figure 3.14. A query, changed as you like, and its nearest stored images under each definition.",
)

# %% [markdown]
# Here only the shift-tolerant distance does. It undoes two of the three pixels.
#
# Can a machine *learn* a better definition? Sections 04 and 05 try it.
#
# [*Concept 23*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## What it costs
#
# For each of N stored images and each of its D pixels there is one
# subtraction, one square and one addition. This makes N · D steps: here 8,000 × 784, about six million.
# We measure the time on one processor core, also with four times the pixels.


# %% tags=["hide-input"]
# @title Figure 3.15
def search_in_blocks(query, images):
    """The position of the nearest image; query (D,), images (N, D), bytes."""
    blocks = images.split(250)  # a few at a time: faster
    found = [(block.float() - query.float()).square().sum(1) for block in blocks]
    return torch.cat(found).argmin()


seconds, steps = {}, [250, 500, 1_000, 2_000, 4_000, 8_000]
for side in (28, 56):
    large = torch.nn.functional.interpolate(train.images, (side, side)).flatten(1)
    asked = torch.nn.functional.interpolate(validation.images[:4], (side, side)).flatten(1)
    seconds[f"D = {side**2:,} pixels"] = model.time_of(search_in_blocks, asked, large, steps)
reference = seconds["D = 784 pixels"][-1] * torch.tensor(steps) / steps[-1]
show(
    plots.lines(
        {name: 1e3 * torch.tensor(one) for name, one in seconds.items()}
        | {"proportional to N": 1e3 * reference},
        steps,
        xlabel="images remembered, N",
        ylabel="time of one query (ms)",
        logx=True,
        logy=True,
        xticks=[250, 1_000, 8_000],
    ),
    caption="Figure 3.15. Time of one query on one core. Both axes are logarithmic: a straight line of slope "
    "1 means “in proportion to N”.",
    alt="Time of one query against N for images of 784 and of 3,136 pixels, with a line of slope 1. "
    "Both curves run roughly along that slope; four times the pixels take several times as long.",
)

# %%
rate = seconds["D = 784 pixels"][-1] / (8_000 * 784)  # seconds for each step
datasets = {"our images": (8_000, 784), "Fashion-MNIST": (60_000, 784)}
datasets["ImageNet"] = (1_200_000, 3 * 256 * 256)
for name, (n, d) in datasets.items():
    print(f"{name:14} {n * d / 1e9:9.3f} GB   {n * d * rate:9.3f} s for one query")

# %% [markdown]
# ImageNet (section 08) has about 1.2 million training images, here in colour with 256 × 256 pixels. They do not fit into a
# laptop's memory. Their time is calculated from ours, as if they did fit.

# %% tags=["hide-input"]
# @title Checks: what this shows
growth_of_time = seconds["D = 784 pixels"][-1] / seconds["D = 784 pixels"][-3]
assert 2 < growth_of_time < 8  # four times the images; clocks are not exact

# %% [markdown]
# **Comparing a query with all pixels of all images becomes expensive: it grows as N · D.**
#
# [*Concepts 21 and 22*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Keep 31 kB
#
# Our 8,000 images take 6.3 million bytes. We allow 31 thousand bytes (31 kB, labels not counted) and spend them in four ways:
#
# - **40 random images**, four of each class: 40 × 784 bytes.
# - **40 prototypes**, four of each class. A prototype is the mean of a group of similar images (*k-means* finds such groups).
# - **640 small prototypes**, 64 of each class, of images shrunk to 7 × 7 pixels: 640 × 49 bytes.
# - **One weight for each pixel and class**, 784 × 10 + 10 = 7,850 numbers of 4 bytes. The score of a class
#   is the sum of all pixels, each times its weight, plus one number. Section 04 explains how weights are found.
#
# **Predict:** which of the four is best on new images?

# %%
your_guess = "?"  # "random", "prototypes", "small" or "weights"

# %%
# the weights follow in a folded cell
budget = {"40 random images": [], "40 prototypes": [], "640 small ones": [], "weights": []}
small_validation = data.Split(model.shrink(validation.images), validation.labels)
for seed in range(3):
    few, means, small = model.memories(train, seed)
    budget["40 random images"].append(accuracy_with(few, validation))
    budget["40 prototypes"].append(accuracy_with(means, validation))
    budget["640 small ones"].append(accuracy_with(small, small_validation))

# %% tags=["hide-input"]
# @title The weights (section 04 explains how they are found)
from cv_course.training import evaluate, fit

for seed in range(3):
    torch.manual_seed(seed)
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    fit(linear, train, epochs=5, lr=0.1, seed=seed, progress=False)  # finds the weights
    budget["weights"].append(evaluate(linear, validation))
print(f"your guess: {your_guess}; best: {max(budget, key=lambda name: sum(budget[name]))}")

# %% tags=["hide-input"]
# @title Figure 3.16
everything = accuracy_with(train, validation)
show(
    plots.bars(
        budget,
        ylabel="accuracy on new images",
        levels={"all 8,000 images (6.3 MB)": everything, "guessing": 0.1},
    ),
    caption="Figure 3.16. Four ways to spend 31 kB, three seeds each (dots). The weights are about as good "
    "as 1-NN with all images.",
    alt="Accuracy of four memories of 31 kB: about .6 for 40 random images, about .75 for 40 prototypes, "
    "about .78 for 640 small ones, about .84 for the weights. All 8,000 images reach about .82.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert sum(p.numel() * p.element_size() for p in linear.parameters()) == 31_400
assert min(budget["weights"]) > max(*budget["40 prototypes"], *budget["640 small ones"]) + 0.03
assert min(budget["640 small ones"]) > max(budget["40 random images"]) + 0.05
assert min(budget["40 prototypes"]) > max(budget["40 random images"]) + 0.05
assert min(budget["weights"]) > everything - 0.02

# %% [markdown]
# With 200 times fewer bytes, the weights are about as good as all stored images. It is often said that
# **a network compresses the data into its weights**. This is a metaphor: 31 kB cannot give all images back. What the weights contain is the question of [section 04](04_one_layer_one_template.ipynb).
#
# [*Concept 24*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Summary
#
# 1. k-NN searches for the most similar stored images and lets them vote.
# 2. Choose k on validation images, and never with the test images.
# 3. More images help slowly, probably since distances shrink slowly: here as with about 16 directions. No amount of data brings the error below
#    the Bayes error R\*.
# 4. Similarity must be defined. A written definition covers the changes that its author thought of.
# 5. Would looking everything up be enough? With endless images, nearly: memory holds equal images for every query, and many voters outvote the wrong labels. The error comes close to R\*. With the images that we can store, no: accuracy
#    grows slowly, time and memory as N · D. And a few weights do as well as our 8,000 images.

# %% [markdown]
# ## Problem set
#
# **1 · Two distances** ★ 3 min. The query is 50, 50, 50, 50. Image C is 90, 90, 90, 90; image D is 50, 50,
# 50, 150. Which is nearer in L2? The **L1 distance** adds the absolute differences. Which is nearer in L1 (this is
# checked)?

# %%
check(l1_nearest=...)  # "C" or "D"

# %% [markdown]
# **2 · Two flips** ★★ 5 min. Draw the tree of Figure 3.10 for ρ = .3. How often do the labels disagree?

# %%
check(two_flips=...)

# %% [markdown]
# **3 · Your photographs** ★ 2 min. You have 20,000 photographs of 12 million pixels, with three colours of
# one byte each. How many gigabytes (10⁹ bytes) must a search store?

# %%
check(album_gigabytes=...)

# %% [markdown]
# **4 · Explain** ★★ 5 min. A friend tries 50 values of k on the test set and reports the best accuracy. Why
# is this number too good, and what should your friend do?

# %%
reveal(why_validation=...)  # your sentences, between quotation marks

# %% [markdown]
# **5 · Debug** ★★ 5 min. Features in different units must be scaled before a search. This function should
# scale the queries exactly as the stored features, but its result depends on the other queries. Mend it;
# `check(scale_queries)` says whether you found the defect.


# %%
def scale_queries(stored, queries):
    """stored (N, D), queries (M, D), NumPy arrays -> (M, D): the queries in the scale in which
    the stored features have mean 0 and standard deviation 1."""
    return (queries - queries.mean(axis=0)) / queries.std(axis=0)


# %% [markdown]
# **6 · Design** ★★★ 15 min. Choose at most 100 training images as the only memory. 1-NN must be right on
# at least .70 of the validation images. The first hundred miss it.

# %%
my_memory = torch.arange(100)  # positions from 0 to 7,999: change this
check(my_memory=my_memory)

# %% [markdown]
# **7 · Your own distance** ★★★ 20 min, open. Define a fifth distance for Figure 3.13. Test it under a change that
# you thought of and under one that a friend chooses.

# %% [markdown]
# ## Solutions
#
# Open the cell when you have tried.

# %% tags=["hide-input"]
# @title Solutions


def cross_validate(accuracy, n, ks):
    everything = np.arange(n)
    means = []
    for k in ks:
        rounds = []
        for asked in np.split(everything, 5):
            remembered = np.setdiff1d(everything, asked)
            rounds.append(accuracy(remembered, asked, k))
        means.append(np.mean(rounds))
    return np.array(means)


def shift_tolerant_distance(q, X, reach):
    height, width = q.shape
    padded = np.pad(np.asarray(q, dtype=float), reach)  # every shift is a window of this
    best = np.full(len(X), np.inf)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            window = padded[dy : dy + height, dx : dx + width]
            best = np.minimum(best, np.sqrt(((X - window) ** 2).sum(axis=(1, 2))))
    return best


def scale_queries(stored, queries):
    return (queries - stored.mean(axis=0)) / stored.std(axis=0)


def central_images(images, count, seed=0):
    """The images (positions) that are nearest to ``count`` prototypes."""
    means = model.prototypes(images, count, seed)
    return torch.cdist(means, images.flatten(1).float()).argmin(1)


members = [(train.labels == label).nonzero()[:, 0] for label in range(10)]
my_memory = torch.cat([some[central_images(train.images[some], 10)] for some in members])
_ = [
    check(cross_validate),
    check(shift_tolerant_distance),
    check(scale_queries),
    check(l1_nearest="D", two_flips=2 * 0.3 * 0.7, album_gigabytes=20_000 * 36e6 / 1e9),
    check(my_memory=my_memory),
]

# %% [markdown]
# ## References
#
# - T. Cover, P. Hart. Nearest neighbor pattern classification. *IEEE Trans. Information Theory*
#   13(1), 1967.
# - C. J. Stone. Consistent nonparametric regression. *Annals of Statistics* 5(4), 1977.
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine
#   learning algorithms. arXiv:1708.07747, 2017. The accuracy of people (.835: 1,000 test images,
#   three answers per image, the majority counts) stands in the benchmark table of its repository (sent in by others, not tested by the authors).
