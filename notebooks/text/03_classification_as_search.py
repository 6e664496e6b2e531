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
# Imagine a machine that stores a huge number of images, each with the name of what it shows. For a new image it finds the
# most similar stored image and reads off the name. We build it and find its limits. You need section 00.
#
# Afterwards you will be able to
#
# - build a classifier that only searches,
# - say how much more images help, and what they cost,
# - explain why "similar" must be defined.
#
# *About 25 min, 20 for the folded parts, 55 for all problems · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
from collections import Counter

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
# A **classifier** gets an image and computes a **score** for each **class** of a fixed list. It predicts the class
# with the highest score. Our ten classes are clothes, shoes and bags.

# %% tags=["nbval-check-output"]
fashion, classes = data.fashion_mnist(), data.FASHION_CLASSES
train, validation = fashion.train[:8_000], fashion.train[8_000:]
print(f"{len(train):,} images to store, {len(validation):,} validation images")
print("the classes:", ", ".join(classes))

# %% [markdown]
# The name of an image's class is its **label**. We store 8,000 images with their labels. The 2,000 validation images are
# not stored. They serve as new images.
#
# A new image is called a **query**. We search for the most similar stored image and predict its label.
#
# For now, *similar* means a small **L2 distance**. Take the differences pixel by pixel, square them, add them up, and
# take the square root.

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
# Image A differs from the query by 10, 20, 20 and 40. The squares are 100, 400, 400 and 1,600. Their sum is 2,500, and
# the square root is **50**. In the same way, the distance of image B is **100**. So A is nearer, and the query gets its
# label.
#
# Our images have 28 × 28 = 784 pixels. The steps are the same:


# %%
def nearest_images(query, images, k):
    """The positions of the k images (N, 1, 28, 28) that are nearest to the query."""
    difference = images.float() - query.float()  # N × 1 × 28 × 28
    distance = difference.square().sum((1, 2, 3)).sqrt()  # N numbers, one for each image
    return distance.argsort()[:k]  # the positions, from the smallest distance on


# %% [markdown]
# The nearest image may be an exception. So the *k* nearest images each give one vote to their own label. The score of a
# class is its number of votes. This is **k nearest neighbours** (k-NN).

# %%
query = validation.images[196]
found = nearest_images(query, train.images, k=9)
votes = Counter(classes[label] for label in train.labels[found])
print(votes.most_common())

# %% tags=["hide-input"]
# @title Figure 3.2
names = [classes[label] for label in train.labels[found]]
truth = classes[validation.labels[196]]
show(
    plots.pictures(
        [query, *train.images[found]],
        ["query", *names],
        columns=10,
        frames=[None, *(plots.COLOURS[2 if name == truth else 1] for name in names)],
    ),
    caption=f"Figure 3.2. A query (its label is {truth}) and its nine nearest stored images, the nearest "
    "first. Green frames: the right label. Orange frames: a wrong label.",
    alt="A shirt and the nine stored images nearest to it. Four are shirts, three T-shirts and two "
    "pullovers; the nearest of all is a T-shirt.",
)

# %% [markdown]
# Here, the nearest image has a wrong label, but the vote is right. Is the vote better in general? We compare k = 1 and
# k = 9 on all validation images. The **accuracy** is the share of correct predictions.

# %%
one = NearestNeighbours(k=1).fit(train.images, train.labels)  # fit: store them
nine = NearestNeighbours(k=9).fit(train.images, train.labels)
# score: the accuracy of a classifier
print(f"k = 1, accuracy: {one.score(validation.images, validation.labels):.3f}")
print(f"k = 9, accuracy: {nine.score(validation.images, validation.labels):.3f}")
print("always the same class: 0.100 (ten classes of equal size)")

# %% tags=["hide-input"]
# @title Checks: what this shows
positions = nine.kneighbors(validation.images[:9])[1]
for image, expected in zip(validation.images[:9], positions, strict=True):
    assert torch.equal(nearest_images(image, train.images, 9), expected)
assert votes["Shirt"] == max(votes.values()) == 4
on_new = one.score(validation.images, validation.labels)
assert min(on_new, nine.score(validation.images, validation.labels)) > 0.78
assert abs(on_new - nine.score(validation.images, validation.labels)) < 0.02

# %% [markdown]
# The search is much better than a classifier that always predicts the same class. In this test,
# nine votes are about as good as one. So we take k = 1 from here on.
#
# [*Concepts 17, 19, 20*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## More data
#
# Would more images help? We put the 8,000 images into a random order, and store only the first N.
# We do so with three random orders, and take the mean accuracy.


# %% tags=["hide-input"]
# @title Accuracy with N stored images
def accuracy_with(stored, queries):
    """The accuracy of 1-NN; stored and queries have images and labels."""
    search = NearestNeighbours(1).fit(stored.images, stored.labels)
    return search.score(queries.images, queries.labels)


sizes = [125, 250, 500, 1_000, 2_000, 4_000, 8_000]
growth = torch.zeros(3, len(sizes))  # 3 random orders × 7 sizes
for seed in range(3):
    order = torch.randperm(8_000, generator=torch.Generator().manual_seed(seed))
    for column, n in enumerate(sizes):
        growth[seed, column] = accuracy_with(train[order[:n]], validation)
for column in (0, 3, 6):
    print(f"N = {sizes[column]:5,}: mean accuracy {growth[:, column].mean():.3f}")

# %% [markdown]
# From each line to the next, N grows eight times. Our images are a part of Fashion-MNIST, which
# has 60,000 training images. Without our validation images these are 58,000, about seven times
# 8,000. **Predict:** the accuracy with 58,000 stored images.

# %%
your_guess = "?"  # a number

# %%
most = 0.855  # measured once, with the same validation images
print(f"your guess: {your_guess}; N = 58,000: accuracy {most}")

# %% tags=["hide-input"]
# @title Figure 3.3
show(
    plots.lines(
        {"mean of three orders": growth, "58,000:\nmeasured once": ([58_000], [most])},
        sizes,
        xlabel="stored images, N",
        ylabel="accuracy",
        logx=True,
        xticks=[125, 1_000, 8_000, 58_000],
    ),
    caption="Figure 3.3. Accuracy against the number of stored images. Small dots: the accuracy with each of the three orders. N grows "
    "about eight times from one number on the axis to the next.",
    alt="Accuracy rises from about .65 with 125 images to .75 with 1,000, .82 with 8,000 and .855 with 58,000.",
)

# %% [markdown]
# More images help. But each time that N grows about eight times, the gain is smaller.
#
# Suppose that we could store every possible image. Would all errors vanish? Only if equal images always have equal
# labels. Figure 3.4 raises doubts:

# %% tags=["hide-input"]
# @title Figure 3.4
distance, position = (part[:, 0] for part in one.kneighbors(validation.images))
pair = torch.tensor([classes.index("Shirt"), classes.index("T-shirt")])
theirs, of_nearest = validation.labels, train.labels[position]
mixed = torch.isin(theirs, pair) & torch.isin(of_nearest, pair) & (theirs != of_nearest)
relative = distance / validation.images.float().flatten(1).norm(dim=1)  # dark images are all near
order = relative.masked_fill(~mixed, torch.inf).argsort()
first = {position[query].item(): query for query in order[:12].flip(0)}  # each neighbour once
closest = torch.stack(sorted(first.values(), key=lambda query: relative[query])[:6])
show(
    plots.pictures(
        [*validation.images[closest], *train.images[position[closest]]],
        [classes[label] for label in (*theirs[closest], *of_nearest[closest])],
        columns=6,
        row_names=["query", "nearest"],
    ),
    caption="Figure 3.4. Six queries and, below each, its nearest stored image. They look similar, but "
    "their labels differ.",
    alt="Six pairs of shirts and T-shirts that look similar. In each pair one is labelled "
    "shirt and the other T-shirt.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert growth.mean(0).diff().min() > 0
gains = [*growth.mean(0)[[0, 3, 6]].diff().tolist(), most - growth[:, -1].mean().item()]
assert gains[0] > gains[1] > gains[2] > 0.02
assert len(closest) == 6
assert mixed[closest].all()

# %% [markdown]
# These images are not equal. But suppose that the same image is labelled shirt in one case, and T-shirt in another. Then
# every classifier is wrong in one of these cases, whatever it has stored.
#
# The smallest share of wrong predictions that any classifier can reach is called the **Bayes error**. For our ten
# classes it is not known.
#
# [*Concept 18*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## What does similar mean?
#
# Does a small L2 distance agree with what *we* call similar? We move a boot, give it less light,
# or add noise. We choose how much light and noise, so that all three changed boots have the same
# L2 distance from the first boot. We also take a stored bag.

# %% tags=["hide-input"]
# @title Figure 3.5
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
shown = {"2 pixels down": moved, "less light": dimmed, "noise": noisy, "a stored bag": stranger}
show(
    plots.pictures(
        [boot[0], *(image[0] for image in shown.values())],
        [
            "a boot",
            *(f"{name}\nL2 = {(image - boot).norm():,.0f}" for name, image in shown.items()),
        ],
        columns=5,
        size=1.5,
        scale=(0, 255),
    ),
    caption="Figure 3.5. A boot and its L2 distance from four other images. The bag is nearer than the three "
    "changed boots.",
    alt="A boot; the same boot moved down by two pixels, in less light, and covered with noise, all "
    "three at the same L2 distance; and a bag, which is at a smaller distance.",
)

# %% [markdown]
# For L2, the bag is more similar to the boot than the moved boot is. L2 compares each pixel with the pixel at the same
# position.
#
# Is the boot an exception? We take 200 validation images. For each, we make a copy that is moved
# by 2 pixels. Which is nearer to the image: this copy, or some stored image of *another class*?

# %% tags=["hide-input"]
# @title Is an image of another class nearer?
queries, labels = validation.images[:200].float(), validation.labels[:200]
moved = (perturb.shift(queries, dx=2) - queries).flatten(1).norm(dim=1)
distances = torch.cdist(queries.flatten(1), train.images.flatten(1).float())
for query in range(200):  # leave only images of other classes
    distances[query, train.labels == labels[query]] = torch.inf
nearer = (distances.amin(1) < moved).float().mean()
print(f"an image of another class is nearer for {nearer:.0%} of the 200 images")

# %% [markdown]
# So the boot is no exception. We try two other definitions of similar.
#
# A search by **cosine distance** first divides each image by its *length*, the square root of the
# sum of its squared pixels. Then it searches as with L2. Take an image of two pixels, (30, 40).
# Its length is 50. At half light it is (15, 20), and its length is 25. Divided by their lengths,
# both are (0.6, 0.8). So their cosine distance is 0.
#
# The **shift-tolerant distance** makes 5 · 5 = 25 copies of the query. Each copy is moved by −2,
# −1, 0, 1 or 2 pixels down, and by −2, −1, 0, 1 or 2 pixels across. Each copy has an L2 distance
# from the stored image. The smallest of the 25 counts. Write this distance:


# %%
def shift_tolerant_distance(q, X, reach):
    """q (H, W), X (N, H, W), NumPy arrays -> (N,): for each image the smallest L2 distance to a
    copy of q. The copies are moved by up to reach pixels down, up, left or right (reach 2:
    25 copies). Zeros come in at the border."""
    ...  # replace this line


check(shift_tolerant_distance)

# %%
hint(shift_tolerant_distance)

# %% [markdown]
# We search with each definition. The same 200 images are the queries, in three versions:

# %%
versions = {  # queries: the 200 validation images from above
    "unchanged": queries,
    "half light": queries / 2,
    "moved 2 pixels": perturb.shift(queries, dx=2),  # to the right
}

# %% [markdown]
# **Predict:** which definition is best at half light, and which for moved queries?

# %%
your_guess = ("?", "?")  # each one "L2", "cosine" or "shift-tolerant"

# %% tags=["hide-input"]
# @title Figure 3.6
images, known = train.images.float(), train.labels
l2 = NearestNeighbours(1, metric="l2").fit(images, known)
cosine = NearestNeighbours(1, metric="cosine").fit(images, known)
definitions = {
    "L2": l2.predict,
    "cosine": cosine.predict,
    "shift-tolerant": lambda asked: known[model.shift_tolerant(asked, images).argmin(1)],
}
table = torch.tensor([
    [(predict(asked) == labels).float().mean() for asked in versions.values()]
    for predict in definitions.values()
])  # fmt: skip
print(f"your guess: {your_guess[0]} at half light, {your_guess[1]} for the moved queries")
figure, axis = plots.figure(8, 1.9)
plots.numbers(table, rows=list(definitions), fmt="{:.2f}", scale=(0, 1), axis=axis)
axis.set_aspect("auto")
axis.set_xticks(range(3), list(versions))
show(
    figure,
    caption="Figure 3.6. Accuracy of 1-NN with each definition (rows) for each version of the queries "
    "(columns). With 200 queries, differences below .1 mean little.",
    alt="A table of accuracies. All three definitions reach about .83 on unchanged queries. Only cosine "
    "keeps it at half light, only the shift-tolerant distance keeps it for moved queries.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
l2_row, cosine_row, tolerant_row = table.tolist()
assert to_others.min() < radius
assert nearer > 0.65
assert min(row[0] for row in table.tolist()) > 0.76
assert cosine_row[1] == cosine_row[0]
assert l2_row[1] < l2_row[0] - 0.1
assert l2_row[2] < l2_row[0] - 0.1
assert tolerant_row[2] > tolerant_row[0] - 0.05
assert tolerant_row[1] < tolerant_row[0] - 0.1
assert cosine_row[2] < cosine_row[0] - 0.1

# %% [markdown]
# At half light, only cosine keeps its accuracy. For moved queries, only the shift-tolerant distance does. **Here, each
# definition covers the changes that its author thought of.**
#
# [*Concept 23*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## What it costs
#
# A search by L2 needs one squared difference for each pixel of each stored image. With N images of D pixels, these are
# N · D squared differences. How long does this take?


# %% tags=["hide-input"]
# @title Time of one query
def search_in_blocks(query, images):
    """The position of the nearest image; query (D,), images (N, D), bytes."""
    blocks = images.split(250)  # a few at a time: faster
    found = [(block.float() - query.float()).square().sum(1) for block in blocks]
    return torch.cat(found).argmin()


steps = [1_000, 2_000, 4_000, 8_000]
rows = train.images.flatten(1)
times = model.time_of(search_in_blocks, validation.images[:4].flatten(1), rows, steps)
for n, seconds in zip(steps, times, strict=True):
    print(f"N = {n:5,}: {1e3 * seconds:5.2f} ms for one query")

# %% [markdown]
# Twice as many images take about twice the time. The memory grows, too: each pixel takes one byte, so N images take
# N · D bytes.
#
# ImageNet has 1.28 million training images. With 256 × 256 pixels in three colours, each has 196,608 numbers.

# %% tags=["nbval-check-output"]
for name, n, d in [("our images", 8_000, 784), ("ImageNet", 1_280_000, 196_608)]:
    print(f"{name:10} N · D = {n * d:15,}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert 1.5 < times[-1] / times[1] < 16  # four times the images; clocks are not exact
assert train.images.numel() * train.images.element_size() == 8_000 * 784

# %% [markdown]
# So one query in ImageNet needs about 250 billion squared differences, and the memory must hold as
# many bytes. **Work and memory of a search through all images grow as N · D.** No memory holds all
# images of the world.
#
# [*Concepts 21 and 22*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Keep 31 kB
#
# Our 8,000 images take 6,272,000 bytes. Is a memory of 31 thousand bytes (31 kB) enough, 200 times
# less? We compare two ways.
#
# The first way still searches. We look for four **prototypes** of each class. At first, they are
# four random images of the class. Each image of the class goes to its nearest prototype. Then each
# prototype becomes the mean of its images. We repeat these two steps several times, and store only
# these 40 prototypes: 40 · 784 = 31,360 bytes.
#
# The second way stores no images. For each class it stores one **weight** per pixel, and one extra number. The score of
# a class is the sum of all pixels, each times its weight, plus the extra number. Take two pixels 2 and 5, the weights 3
# and −1, and the extra number 4. The score is 2 · 3 + 5 · (−1) + 4 = 5.
#
# For ten classes and 784 pixels, these are 10 · (784 + 1) = 7,850 numbers of 4 bytes. They are
# computed once from the 8,000 images, beginning with random weights. [Section
# 04](04_one_layer_one_template.ipynb) explains how.
#
# **Predict:** which of the two ways is better?

# %%
your_guess = "?"  # "prototypes" or "weights"

# %% tags=["hide-input"]
# @title Figure 3.7
from cv_course.training import evaluate, fit

budget = {"40 prototypes": [], "7,850 weights": []}
memories = [model.memories(train, seed) for seed in range(3)]
for seed, (prototypes, _) in enumerate(memories):
    budget["40 prototypes"].append(accuracy_with(prototypes, validation))
    torch.manual_seed(seed)
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    fit(linear, train, epochs=5, lr=0.1, seed=seed, progress=False)  # finds the weights
    budget["7,850 weights"].append(evaluate(linear, validation))
everything = accuracy_with(train, validation)
print(f"your guess: {your_guess}; best: {max(budget, key=lambda name: sum(budget[name]))}")
show(
    plots.bars(
        budget | {"all 8,000 images": everything},
        ylabel="accuracy",
        levels={"always the same class": 0.1},
    ),
    caption="Figure 3.7. Two ways to use 31 kB, each three times with other random numbers (dots), and 1-NN "
    "with all 8,000 images.",
    alt="Mean accuracy: "
    + ", ".join(f"{name} {np.mean(runs):.2f}" for name, runs in budget.items())
    + f"; all 8,000 images {everything:.2f}.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert sum(p.numel() * p.element_size() for p in linear.parameters()) == 31_400
assert min(budget["7,850 weights"]) > max(budget["40 prototypes"]) + 0.03
assert min(budget["7,850 weights"]) > everything - 0.02

# %% [markdown]
# The weights are better than the prototypes. They are about as good as all 8,000 images.
#
# Such weighted sums are the simplest network. It is often said that **a network compresses the data into its weights**.
# This is a metaphor: from 31 kB you cannot get all images back.
#
# [*Concept 24*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Summary
#
# 1. k-NN searches for the k most similar stored images and lets them vote.
# 2. More images help, but slowly.
# 3. "Similar" must be defined. In our test, each definition covered the changes that its author thought of.
# 4. Work and memory of a search through all images grow as N · D.
# 5. 7,850 weights were about as good as a search through 8,000 images.
#
# **Would looking everything up be enough?** With every possible image, nearly: errors would be left only where equal
# images have different labels. But we cannot store them all.

# %% [markdown]
# ## Going further: how many neighbours?
#
# For a second reading: this part chooses k fairly, and uses the test images once.

# %% [markdown]
# ### What k changes
#
# We describe each image by two numbers, called **features**. The *brightness* is the mean of all pixels. The *width* is
# the mean number of bright pixels per row, without empty rows. So each image is a point in a plane. Step through k = 1,
# 15 and 101.

# %% tags=["hide-input"]
# @title Figure 3.8 (interactive)
show(
    play.regions(train, validation),
    caption="Figure 3.8. Points: 240 stored images of three classes. Colour of the plane: the class that k-NN "
    "predicts there. New images: the validation images of these classes.",
)

# %% [markdown]
# With k = 1, one unusual pair of trousers makes a blue island among the dresses. With k = 15 this
# island is gone, and more new images are right. With k = 101 the borders are too simple, and fewer
# are right.
#
# ### How to choose k
#
# k is a **hyperparameter**: we set it before the search. The stored images cannot help us to choose it. With k = 1, each
# of them finds itself:

# %%
on_stored = one.score(train.images, train.labels)
on_new = one.score(validation.images, validation.labels)
print(f"k = 1, accuracy on the stored images:     {on_stored:.3f}")
print(f"k = 1, accuracy on the validation images: {on_new:.3f}")

# %% [markdown]
# The **test images** are kept for one last measurement. If we chose k with them, we would choose
# the k that happens to suit them. So we choose with validation images.
#
# But one set of validation images may also favour some k by chance. Five-fold **cross-validation**
# uses five sets. Take ten images, numbered 0 to 9. Cut them into five **folds**: {0, 1}, {2, 3} …
# {8, 9}. In round 1 the queries are 0 and 1, and the other eight are stored. The result is the
# mean accuracy of the five rounds.
#
# Write a function for all rounds and several k. Its first argument is itself a function. Call it once for each round:
# `accuracy([2, 3, …, 9], [0, 1], k)` returns the accuracy of round 1.


# %%
def cross_validate(accuracy, n, ks):
    """For each k in the list ks, the mean accuracy of the five rounds.

    accuracy(stored, queries, k) gives one number; stored and queries are arrays of positions.
    Fold 0 is the first fifth of the positions 0 … n - 1, fold 1 the next … (n is a multiple of 5).
    """
    ...  # replace this line


check(cross_validate)

# %%
hint(cross_validate)

# %% [markdown]
# With our 10,000 images, each round has 2,000 queries and 8,000 stored images, 800 of each class. **Predict:** the mean
# accuracy for k = 1,001.

# %%
your_guess = "?"  # a number from 0.1 to 0.82

# %%
ks = [1, 3, 5, 9, 15, 25, 51, 101, 201, 501, 1_001]
folds = model.fold_accuracies(fashion.train, ks)  # of each round: 5 rounds × 11 values of k
mean = folds.mean(0)
best_k = ks[mean.argmax()]
print(f"your guess for k = 1,001: {your_guess}; mean accuracy: {mean[-1]:.3f}")
print(f"the best is k = {best_k}; mean accuracy: {mean.max():.3f}")

# %% tags=["hide-input"]
# @title Figure 3.9
show(
    plots.lines(
        {"mean of five rounds": folds},
        ks,
        xlabel="number of neighbours, k",
        ylabel="accuracy",
        logx=True,
        xticks=[1, 3, 9, 25, 101, 1_001],
    ),
    caption="Figure 3.9. Accuracy against k. Small dots are the five rounds, large dots their mean, "
    "the band goes from the lowest to the highest. From k = 9 on, the accuracy falls.",
    alt="Accuracy against k on a logarithmic axis. It rises a little from k = 1 to about 5, "
    "stays flat until about 9 and falls steadily to about two thirds at k = 1,001.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert on_stored > 0.99 > on_new + 0.1
assert best_k in (3, 5, 9)
# 5 is better than 1 in all five rounds; 9 in four, and not on our validation images (the fifth)
assert (folds[:, ks.index(5)] > folds[:, 0]).all()
assert (folds[:, ks.index(9)] > folds[:, 0]).tolist() == [True] * 4 + [False]
assert mean[ks.index(5)] > mean[0] + 0.004
assert 0.6 < mean[-1] < 0.72

# %% [markdown]
# With a large k, many votes come from images that are not similar. We take the best k.
#
# ### The test set, once
#
# We now store the validation images, too. Only now do we use the test images.

# %%
final = NearestNeighbours(best_k).fit(fashion.train.images, fashion.train.labels)
correct = (final.predict(fashion.test.images) == fashion.test.labels).float()
shirts = fashion.test.labels == classes.index("Shirt")
print(f"k = {best_k}, accuracy on the test images: {correct.mean():.3f}")
print("people without training in fashion: 0.835 (see References)")
print(f"k = {best_k}, only the shirts: {correct[shirts].mean():.3f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
per_class = [correct[fashion.test.labels == label].mean().item() for label in range(10)]
assert 0.79 < correct.mean() < 0.85
assert classes[int(np.argmin(per_class))] == "Shirt"
assert per_class[classes.index("Trouser")] > min(per_class) + 0.25

# %% [markdown]
# The search is close to what was reported for people without training.

# %% [markdown]
# ## Going further: none of the ten classes
#
# Here the search meets a cat.

# %% [markdown]
# **Predict:** the vote of nine neighbours for the cat in Figure 3.10.

# %% tags=["hide-input"]
# @title Figure 3.10
photo = data.photos()["cat"]
grey = photo.float().mean(0)[None, None]
cat = torch.nn.functional.interpolate(grey, (28, 28), mode="area").to(torch.uint8)
show(
    plots.pictures([photo, cat[0]], ["photograph", "28 × 28 grey pixels"], size=1.6),
    caption="Figure 3.10. A photograph of a cat, and the same with 28 × 28 grey pixels.",
    alt="A photograph of a cat's face, and the same as a small grey image that fills its square.",
)

# %%
your_guess = "?"  # one of the ten classes, for example "Bag"

# %%
found = nearest_images(cat, train.images, k=9)  # cat: the 28 × 28 pixels of Figure 3.10
votes_for_cat = Counter(classes[label] for label in train.labels[found])
print(f"your guess: {your_guess}; the votes: {votes_for_cat.most_common()}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert max(votes_for_cat.values()) >= 5
# Could a large distance say "none of these"? Not for the cat: it is nearer than 5% of the queries.
of_queries = nine.kneighbors(validation.images)[0][:, 0]
assert nine.kneighbors(cat)[0][0, 0] < of_queries.quantile(0.95)

# %% [markdown]
# The vote cannot say "none of these".

# %% [markdown]
# ## Going further: why do more images help so slowly?
#
# This part tests one likely reason.

# %% [markdown]
# The nearest image may come nearer only slowly. Store 8,000 random points instead of 100, 80 times
# as many. On a line (one dimension), the distance to the nearest falls to about 1/80, or .01. In a
# square (two dimensions), it falls only to about 1/9, or .11.
#
# An image has 784 numbers. But if a pixel is bright, its neighbour usually is, too. So our images may behave like points
# in far fewer dimensions. We compare them with random points.

# %% tags=["hide-input"]
# @title Figure 3.11
draw = torch.Generator().manual_seed(0)
clouds = {f"{d}-dimensional points": torch.rand(10_000, d, generator=draw) for d in (1, 2, 16, 784)}
clouds["our images"] = fashion.train.images.flatten(1)


def distance_to_nearest(points, queries):
    """The mean over the queries; the labels play no part."""
    labels = torch.zeros(len(points), dtype=torch.long)
    return NearestNeighbours(1).fit(points, labels).kneighbors(queries)[0].mean().item()


left = {name: [] for name in clouds}
for name, points in clouds.items():
    for seed in range(3):
        order = torch.randperm(8_000, generator=torch.Generator().manual_seed(seed))
        far, near = (
            distance_to_nearest(points[order[:n]], points[8_000:8_300]) for n in (100, 8_000)
        )
        left[name].append(near / far)
show(
    plots.bars(left, ylabel="distance to the nearest\n(with 100 stored: 1)", fmt="{:.2f}"),
    caption="Figure 3.11. Mean distance to the nearest of 8,000 stored points or images, divided by the same with 100 "
    "stored. A value of 1 would mean that the nearest is as far as before. The points are random.",
    alt="Five bars: .01 in one dimension, .10 in two, .70 in 16 and .97 in 784 dimensions; for our images .70.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
share = {name: np.mean(ratios) for name, ratios in left.items()}
assert abs(share["1-dimensional points"] - 1 / 80) < 0.005
assert abs(share["2-dimensional points"] - 1 / 9) < 0.02
assert share["784-dimensional points"] > 0.95
# 16 was chosen because it fits; with 12 the share is .64, with 20 it is .75 (one run each)
assert abs(share["16-dimensional points"] - share["our images"]) < 0.03
assert min(left["our images"]) > 2 / 3

# %% [markdown]
# By this measure, our images behave like random points in about 16 dimensions. (We chose 16
# because it fits.) This roughly estimates their **intrinsic dimension**. In so many dimensions
# more data help only slowly: the **curse of dimensionality**.

# %% [markdown]
# ## Going further: wrong labels
#
# This part measures how much wrong labels harm a search.

# %% [markdown]
# We take two classes that are hardly ever confused, trousers and ankle boots. We **flip** 10% of all labels to the other
# class, at random, also the labels of the queries. A prediction counts as right if it equals the label of the query, even
# where this label is flipped.
#
# No classifier can foresee which labels are flipped. So even the best one is wrong for 10 of 100 queries: the Bayes error
# is .10. For 1-NN, the label of the nearest image may be flipped, too. Its true class is nearly always that of the query.
# So for 100 queries we expect:
#
# | label of the query | label of the nearest image | queries | prediction |
# |---|---|---|---|
# | not flipped (90) | not flipped | 9/10 of 90: 81 | right |
# | not flipped (90) | flipped | 1/10 of 90: 9 | **wrong** |
# | flipped (10) | not flipped | 9/10 of 10: 9 | **wrong** |
# | flipped (10) | flipped | 1/10 of 10: 1 | right |
#
# So 1-NN is wrong for 9 + 9 = 18 of 100. Do more neighbours help? Step through 10%, 20% and 30% flipped labels.

# %% tags=["hide-input"]
# @title Figure 3.12 (interactive)
show(
    play.votes(train, validation),
    caption="Figure 3.12. The error of k-NN for trousers and ankle boots with flipped labels. With many "
    "neighbours it comes close to the Bayes error.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
errors = model.errors_under_noise(*model.trousers_and_boots(train, validation), [0.1, 0.2], [1, 51])
assert abs(errors[0, 0] - 0.18) < 0.02
assert abs(errors[1, 0] - 0.32) < 0.02
assert (errors[:, 1] > torch.tensor([0.1, 0.2]) - 1e-6).all()
assert (errors[:, 1] < torch.tensor([0.12, 0.22])).all()

# %% [markdown]
# Many neighbours outvote the flipped labels. Cover and Hart [1967] proved for any number of classes: with endless data,
# even 1-NN has at most twice the Bayes error.

# %% [markdown]
# ## Going further: one definition for both changes?
#
# This part tests HOG (section 02) as a fourth definition.

# %% [markdown]
# **HOG** describes each cell of an image by the directions of its edges. We take the L2 distance of these descriptions,
# and test it as in Figure 3.6.

# %% tags=["hide-input"]
# @title HOG: accuracy for each version of the queries
hog = NearestNeighbours(1).fit(model.as_hog(train.images), train.labels)
hog_row = [hog.score(model.as_hog(asked), labels) for asked in versions.values()]
for name, accuracy in zip(versions, hog_row, strict=True):
    print(f"HOG, {name}: {accuracy:.2f}")

# %% [markdown]
# At half light, HOG keeps its accuracy. For moved queries, it lies between L2 and the shift-tolerant distance.
#
# Figure 3.13 moves a coat by three pixels. Which definition still finds coats first?

# %% tags=["hide-input"]
# @title Figure 3.13 (interactive)
show(
    play.neighbours(train, validation),
    caption="Figure 3.13. A query and its seven nearest stored images, the nearest first. Green: the right "
    "label.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert hog_row[0] > 0.76
assert hog_row[1] > hog_row[0] - 0.03
assert tolerant_row[2] > hog_row[2] > l2_row[2] + 0.05

# %% [markdown]
# Only the shift-tolerant distance does: it undoes two of the three pixels.

# %% [markdown]
# ## Going further: a search that costs less
#
# This part names two ways to save time and memory.

# %% [markdown]
# In practice, an *index* speeds up a search: it compares the query with only some of the images, and may miss the
# nearest.
#
# Prototypes save memory. (The two steps that we repeated to find them are called *k-means*.) We
# first shrink the images to 7 × 7 pixels. Then we can store 640 prototypes: 640 · 49 = 31,360
# bytes. The query is made as small.

# %% tags=["hide-input"]
# @title Figure 3.14
small_validation = data.Split(model.shrink(validation.images), validation.labels)
of_small = [accuracy_with(small, small_validation) for _, small in memories]
ways = {
    "40 prototypes": budget["40 prototypes"],
    "640 small prototypes": of_small,
    "7,850 weights": budget["7,850 weights"],
}
show(
    plots.bars(
        ways | {"all 8,000 images": everything},
        ylabel="accuracy",
        levels={"always the same class": 0.1},
    ),
    caption="Figure 3.14. Three ways to use 31 kB, each three times with other random numbers (dots), and 1-NN "
    "with all 8,000 images (6.3 million bytes).",
    alt="Mean accuracy: "
    + ", ".join(f"{name} {np.mean(runs):.2f}" for name, runs in ways.items())
    + f"; all 8,000 images {everything:.2f}.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(of_small) > max(ways["40 prototypes"]) - 0.01
assert min(ways["7,850 weights"]) > max(of_small) + 0.03

# %% [markdown]
# The weights are the best of the three ways here, too.

# %% [markdown]
# ## Problem set
#
# **1 · Two distances** ★ 3 min. The query is 50, 50, 50, 50. Image C is 90, 90, 90, 90. Image D is 50, 50, 50, 150.
# Which is nearer in L2? The **L1 distance** adds the absolute differences. Which is nearer in L1? (Only this is
# checked.)

# %%
check(l1_nearest=...)  # "C" or "D"

# %% [markdown]
# **2 · Your photographs** ★ 2 min. You have 20,000 photographs. Each has 12 million pixels, with
# three colours of one byte each. How many gigabytes (10⁹ bytes) must a search store?

# %%
check(album_gigabytes=...)

# %% [markdown]
# **3 · Design** ★★★ 15 min. Store at most 100 of the 8,000 images. 1-NN must reach .70 on the
# validation images. The first 100 images reach less.

# %%
my_memory = torch.arange(100)  # positions from 0 to 7,999: change this
check(my_memory=my_memory)

# %% [markdown]
# **4 · Your own distance** ★★★ 20 min, open. Invent another definition for Figure 3.6. Test it with a change that you
# thought of, and with another.
#
# **5 · Explain** ★★ 5 min, after *Going further: how many neighbours?*. A friend tries 50 values of k on the test set and
# reports the best accuracy. Why is this number too good, and what should your friend do?

# %%
reveal(why_validation=...)  # your sentences, between quotation marks

# %% [markdown]
# **6 · Debug** ★★ 5 min, after *Going further: how many neighbours?*. In Figure 3.8, the brightness can go up to 255, the
# width only to 28. So the brightness would decide nearly alone. Therefore we scale both features to mean 0 and standard
# deviation 1. Queries need the mean and the standard deviation of the *stored* features. Mend this function, and call
# `check(scale_queries)`.


# %%
def scale_queries(stored, queries):
    """stored (N, D), queries (M, D), NumPy arrays -> (M, D): the queries in the scale in which
    the stored features have mean 0 and standard deviation 1."""
    return (queries - queries.mean(axis=0)) / queries.std(axis=0)


# %% [markdown]
# **7 · Two flips** ★★ 5 min, after *Going further: wrong labels*. Each label is flipped with probability .3. How often do
# the labels of query and nearest image disagree?

# %%
check(two_flips=...)

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
        for queries in np.split(everything, 5):
            stored = np.setdiff1d(everything, queries)
            rounds.append(accuracy(stored, queries, k))
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
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine
#   learning algorithms. arXiv:1708.07747, 2017. The accuracy of people (.835: 1,000 test images, three answers for each
#   image, the majority counts) is in the benchmark table of its repository. Others sent it in; the authors did not test it.
