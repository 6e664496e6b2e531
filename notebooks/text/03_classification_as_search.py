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
# If you could remember every picture in the world, would you still need to learn anything?
#
# *About 45 min · CPU 25 s*
#
# Afterwards you will be able to
#
# - build a classifier that only remembers, and say how it votes when its neighbours disagree,
# - say what no amount of data can cure, and what every remembered picture costs,
# - show that "the most similar picture" means nothing until somebody defines *similar*.
#
# You need Python, matrices, and section 00.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## What a classifier promises
#
# A **classifier** is a map: an image goes in, a category comes out. Ours knows ten categories of
# clothes.

# %% tags=["nbval-check-output"]
import numpy as np
import torch

from cv_course import data, explore, figures, perturb
from cv_course.checks import check, hint

fashion = data.fashion_mnist()
train, test, classes = fashion.train, fashion.test, fashion.classes
print(f"{len(train):,} images to learn from, {len(test):,} to test on")
print("the categories:", ", ".join(classes))

# %% [markdown]
# **Predict:** what will a classifier of clothes say about a cat? We shrink a photograph of one to
# the size of our images and ask the simplest classifier there is; you will build it yourself in a
# minute.

# %%
from cv_course.nearest import NearestNeighbours

cat = data.photos()["cat"].float().mean(0, keepdim=True)[None]
cat = torch.nn.functional.interpolate(cat, (28, 28), mode="area").to(torch.uint8)
_, nearest_to_cat = NearestNeighbours(k=9).fit(train.images, train.labels).kneighbors(cat)
votes = torch.bincount(train.labels[nearest_to_cat[0]], minlength=10)
scores = votes / votes.sum()
print({classes[label]: round(scores[label].item(), 2) for label in votes.nonzero().flatten()})
assert scores.sum() == 1

# %%
figure, (left, right) = figures.new(5, 2.2, 1, 2)
left.imshow(figures.as_picture(data.photos()["cat"]))
right.imshow(figures.as_picture(cat[0]))
right.set_title(f"“{classes[scores.argmax()]}”")
for axis in (left, right):
    axis.set_axis_off()
figures.show(
    figure,
    alt="A photograph of a cat, and the same shrunk to 28 by 28 grey pixels; the classifier of "
    f"clothes calls it {classes[scores.argmax()]}.",
)

# %% [markdown]
# It cannot say "none of these". Two things to remember about the word *classifier* as this course
# uses it: the list of categories is **closed**, and each image gets **one** of them. Inside, it
# computes a **score** for every category (here: its share of nine votes; the shares add up to 1
# whatever you ask) and answers with the category of the largest score.
#
# **Careful.** The lecture notes say that a classifier tells which object is in the picture. It does,
# *if* there is exactly one and it is on the list; pictures with several things or none need another
# kind of model. And a high score does not mean "I know this": it only compares the ten categories
# with each other, and the cat is none of them.
#
# *Concept 17*

# %% [markdown]
# ## Find the most similar picture
#
# How would you recognise a thing that you have no word for? You would look for the most similar
# thing that you have a word for. For now, *similar* means a small Euclidean distance between the
# pixels: the root of the summed squared differences. In three lines:


# %%
def nearest_images(query, images, k):
    """Positions of the k images (N, C, H, W) that are nearest to the query (C, H, W)."""
    difference = images.flatten(1).float() - query.flatten().float()
    distance = difference.square().sum(1).sqrt()
    return distance.argsort()[:k]


query = test.images[4]
found = nearest_images(query, train.images, k=5)
print([classes[label] for label in train.labels[found]], "asked for:", classes[test.labels[4]])

# %%
figures.show(
    figures.image_grid(
        torch.cat([query[None], train.images[found]]),
        ["query", *(classes[label] for label in train.labels[found])],
        size=1.2,
    ),
    alt="A query and its five nearest training images: all have the outline of the query, and "
    f"their labels are {', '.join(classes[label] for label in train.labels[found])}.",
)

# %% [markdown]
# Now let the neighbours decide. *Look at the labels of the k nearest* is how the algorithm (k
# nearest neighbours, **kNN**) is usually told. But that is only half a rule: what if two labels get
# equally many votes? A rule that leaves this open gives other results on another computer. Ours:
# **the majority wins; a tie goes to the tied class with the nearest member.**


# %%
def vote(labels):
    """The winner among the labels (k,) of the neighbours, which come nearest first."""
    supporters = (labels[:, None] == labels).sum(1)  # of each neighbour's label
    return labels[supporters.argmax()]  # the first, so the nearest, of the largest


assert vote(torch.tensor([7, 2, 2])) == 2  # the majority
assert vote(torch.tensor([7, 2, 2, 7])) == 7  # a tie: the nearest neighbour is a 7
assert vote(torch.tensor([5, 1, 2])) == 5  # all different: the nearest

# %% [markdown]
# That is the entire classifier. Nothing was trained; the work is a **search** through what is
# remembered. Does such a crude thing work?

# %%
answers = [
    vote(train.labels[nearest_images(image, train.images, k=5)]) for image in test.images[:100]
]
accuracy = (torch.stack(answers) == test.labels[:100]).float().mean().item()
print(f"right on {accuracy:.0%} of 100 queries; guessing would give {1 / len(classes):.0%}")
assert accuracy > 0.6

# %% [markdown]
# Recognition has become search: find the most similar picture, read off its label. From here on we
# use `cv_course.nearest`, the same search for all queries at once. It finds exactly the same
# neighbours (a test of this project compares the two), only faster.

# %%
search = NearestNeighbours(k=5).fit(train.images, train.labels)
assert search.predict(test.images[:100]).tolist() == [answer.item() for answer in answers]
print(f"on all {len(test):,} test images: {search.score(test.images, test.labels):.3f}")

# %% [markdown]
# *Concepts 19 and 20*

# %% [markdown]
# ## Would all the data in the world be enough?
#
# The lecture says: with all the data in the world, everything can be separated. With a twin of
# every query in memory, nothing would be left to recognise! First, does more data help at all? Move
# N and watch which pictures become available.

# %%
explore.more_data(fashion)

# %% [markdown]
# More remembered pictures, nearer neighbours, better answers. So is the rest a matter of patience?
# Take a problem that is already solved, trousers against ankle boots:


# %%
def trousers_or_boots(split):
    pair = split[(split.labels == 1) | (split.labels == 9)]
    return data.Split(pair.images, (pair.labels == 9).long())


easy, easy_test = trousers_or_boots(train), trousers_or_boots(test)
one = NearestNeighbours(1).fit(easy.images, easy.labels)
clean_1nn = 1 - one.score(easy_test.images, easy_test.labels)
print(f"error of the nearest neighbour: {clean_1nn:.3f} with {len(easy):,} images")
assert clean_1nn < 0.01

# %% [markdown]
# Now the labels are written by tired people: each is flipped with probability 0.2, in training and
# test alike. No classifier can foresee such an accident, so even the best possible one, which knows
# the true class of everything, is wrong on 0.2 of the test labels. This floor is called the **Bayes
# risk**, R\*.
#
# **Predict:** what will the error of the single nearest neighbour be? Write your guess.

# %%
your_guess = None  # for example 0.25

# %%
noise, lot = 0.2, torch.Generator().manual_seed(0)


def flipped(labels):
    return labels ^ (torch.rand(len(labels), generator=lot) < noise)  # ^ flips where True


errors = []
for _ in range(20):  # the mean over many flips, since one is an accident, too
    remembered = NearestNeighbours(1).fit(easy.images, flipped(easy.labels))
    errors.append(1 - remembered.score(easy_test.images, flipped(easy_test.labels)))
noisy_1nn = np.mean(errors)
print(f"your guess {your_guess}; measured {noisy_1nn:.3f}; Bayes risk {noise}")
assert noisy_1nn > noise + 0.08

# %% [markdown]
# Worse than 0.2, because *two* labels can be wrong: the query's own, and that of the neighbour. They
# disagree when exactly one of them was flipped, which has probability 2·0.2·(1 − 0.2). That is a
# famous bound in disguise. Cover and Hart proved that with ever more data the error R of the
# nearest neighbour comes to lie between
#
# $$R^* \;\le\; R \;\le\; R^*\left(2 - \frac{M}{M-1}R^*\right),$$
#
# for M classes; with M = 2 the right side is 2R\*(1 − R\*). Our noise hits it exactly: the bound
# cannot be improved. Can we do better by asking more neighbours? Slide k all the way.

# %%
noisy = explore.label_noise(easy, easy_test)
noisy

# %% [markdown]
# More voters average the accidents out, and the error sinks from the dotted line to the floor, but
# never below it. And if *everybody* votes, the neighbourhood is the whole world and the answer is
# always the same. The same in numbers, as inequalities:

# %%
ks = [1, 51, 1999]
errors_by_k = explore.errors_under_noise(easy, easy_test, [0.1, 0.2, 0.3], ks)
for noise, row in zip([0.1, 0.2, 0.3], errors_by_k, strict=True):
    limit = 2 * noise * (1 - noise)
    print(
        f"R* {noise}   bound {limit:.2f}  ",
        *(f"k={k}: {e:.3f}  " for k, e in zip(ks, row, strict=True)),
    )
    assert noise < row[0] <= limit + 0.02  # 1-NN: above the floor, at the bound
    assert noise - 1e-6 <= row[1] < noise + 0.02  # 51 voters: close to the floor
    assert row[2] > row[1] + 0.1  # everybody votes: useless

# %% [markdown]
# **Careful.** "With all the data in the world everything can be separated" holds *only if R\* = 0*:
# if no two things that look alike ever bear different names. Where they do (a shirt that one person
# would call a pullover), all the data in the world leave the nearest neighbour at up to twice the
# floor. The bound is about the limit of infinitely many examples; a finite set may lie above it. To
# *reach* R\* two things must happen together as the number n of examples grows: **k → ∞** (enough
# voters) and **k/n → 0** (all of them close by) [Stone 1977]. You saw a violation of each: k = 1
# stays above the floor, and k = n forgets the query.
#
# *Concept 18*

# %% [markdown]
# ## What remembering costs
#
# Suppose you are patient *and* your labels are clean. What do you pay? For each query, each
# remembered picture and each of its pixels there is one subtraction, one product, one sum. Let us
# measure the time of our own `nearest_images`, memory and accuracy against the number N of images
# and their size D in pixels. Smaller images come from averaging blocks.

# %%
import time


def milliseconds(images, queries):
    """CPU time a query, one thread; the best of three tries, since others only ever add to it."""
    threads, tries = torch.get_num_threads(), []
    torch.set_num_threads(1)
    for _ in range(3):
        start = time.process_time()
        for query in queries:
            nearest_images(query, images, k=1)
        tries.append(time.process_time() - start)
    torch.set_num_threads(threads)
    return 1e3 * min(tries) / len(queries)


# %%
def shrink(images, side):
    return torch.nn.functional.adaptive_avg_pool2d(images.float(), side).to(torch.uint8)


rows = []
for side in (7, 14, 28):
    small, queries = shrink(train.images, side), shrink(test.images, side)
    for n in (500, 1_000, 2_500, 5_000):
        bill = {"size": side**2, "images": n, "megabytes": n * side**2 / 1e6}
        bill["milliseconds"] = milliseconds(small[:n], queries[:8])
        nearest = NearestNeighbours(1).fit(small[:n], train.labels[:n])
        rows.append(bill | {"accuracy": nearest.score(queries, test.labels)})

# %%
for row in rows[-4:]:
    print(
        "N {images:6,}  D {size}  {milliseconds:.1f} ms  {megabytes:.2f} MB  ".format(**row), end=""
    )
    print(f"accuracy {row['accuracy']:.3f}   differences: {row['images'] * row['size']:,}")
few, many = rows[-4], rows[-1]
assert many["images"] * many["size"] == 10 * few["images"] * few["size"]  # work: exactly tenfold
assert many["milliseconds"] > 3 * few["milliseconds"]  # time follows (clocks are less exact)
assert many["accuracy"] > few["accuracy"] and many["accuracy"] > rows[3]["accuracy"]
assert abs(rows[7]["accuracy"] - many["accuracy"]) < 0.02  # 14 × 14 pixels against 28 × 28

# %%
figures.show(
    figures.search_cost(rows),
    alt="Three panels against the number of images N. Time a query and memory rise about in straight "
    "lines, the steeper the larger the images; accuracy rises ever more slowly, and is "
    "about the same for images of 784 and of 196 pixels, lower for 49.",
)

# %% [markdown]
# Time and memory grow about in proportion to N·D: twice the data cost twice as much, for ever.
# Accuracy is a curve that flattens. You pay linearly for what helps less and less. (The images of
# 14 × 14 pixels do about as well as the original ones, at a quarter of the price. More pixels are not
# automatically more information about the class.)
#
# **Careful.** "Compute and memory grow in proportion to the data" is true of this **brute-force**
# search, which visits everything. An *index* looks at a part only. Here is a k-d tree, which splits
# the images in two by one pixel after another; it counts the distances that it really computes:

# %%
from sklearn.neighbors import KDTree

visited = {}
for side in (2, 4, 7, 14):
    tree = KDTree(shrink(train.images, side).flatten(1), leaf_size=10)
    tree.query(shrink(test.images[:100], side).flatten(1))
    visited[side**2] = tree.get_n_calls() / (100 * len(train))
    print(f"D {side**2:4}: {visited[side**2]:.2%} of the distances computed")
assert visited[4] < visited[16] < visited[49] < visited[196] < 0.5

# %% [markdown]
# An index cuts *time*, much so when images are described by few numbers, less and less as D grows.
# It does not cut *storage*: to answer, the tree must still hold every picture (and itself). Indexes
# that also compress the pictures exist; they give up exactness.
#
# So how large is "all the data"? The full training set of Fashion-MNIST has 60,000 images, and
# ImageNet as AlexNet used it 1.2 million of 256 × 256 pixels in three colours. And all possible
# pictures?

# %% tags=["nbval-check-output"]
import math

sets = {"ours": (len(train), 28 * 28), "Fashion-MNIST": (60_000, 28 * 28)}
sets["ImageNet 2012"] = (1_200_000, 3 * 256 * 256)
for name, (n, size) in sets.items():
    print(f"{name:14} {n * size / 1e6:12,.1f} MB of pixels")
digits = 28 * 28 * math.log10(256)
print(f"all 28 x 28 grey pictures: 10^{digits:.0f}; all atoms we can see: about 10^80")
assert digits > 80

# %% [markdown]
# Nobody will ever hold the world's pictures, not even the small grey ones. But perhaps we need not
# go that far: how fast does the nearest neighbour *come nearer* as we collect more?

# %%
sizes, asked = [100, 300, 1_000, 3_000, 10_000], test.images[:500]
gap = [
    NearestNeighbours(1).fit(train.images[:n], train.labels[:n]).kneighbors(asked)[0].mean()
    for n in sizes
]
slope = np.polyfit(np.log(sizes), np.log(gap), 1)[0]
print(f"100 times the data: the nearest is {gap[-1] / gap[0]:.2f} times as far")
print(f"to halve the distance: {0.5 ** (1 / slope):,.0f} times the data")
assert gap[-1] > 0.5 * gap[0]

# %% [markdown]
# In a plane, a hundred times as many points would bring the nearest ten times nearer. Among images
# a hundredfold memory does not even halve the distance: there are too many directions in which two
# pictures may differ. The extrapolation assumes that the trend goes on, but it shows the trouble:
# the world is not merely large, our sample of it stays thin.
#
# *Concepts 21 and 22*

# %% [markdown]
# ## What does similar mean?
#
# So far we have taken it for granted that similar pictures have a small Euclidean distance. Nobody
# has told us to. Somebody turns the light down, so that every pixel of the query is half as bright.
# The boot is still a boot. **Predict:** which share of the queries will the nearest neighbour get
# right now?

# %%
your_guess = None  # for example 0.75

# %%
images, queries = train.images.float(), test.images[:500].float()
labels = test.labels[:500]
l2 = NearestNeighbours(1, metric="l2").fit(images, train.labels)
bright, dim = (l2.score(brightness * queries, labels) for brightness in (1.0, 0.5))
print(f"your guess {your_guess}; measured {dim:.3f}, at full brightness {bright:.3f}")
assert dim < bright - 0.05

# %% [markdown]
# Euclidean distance (written **L2**) takes a dim boot for a dark thing first and for a boot second.
# If brightness should not matter, say so. The *angle* between two vectors does not change when one
# of them gets longer or shorter. Write the distance that is built on it.


# %%
def cosine_distances(Q, X):
    """Q (M, D), X (N, D), NumPy arrays -> (M, N): 1 - cosine of the angle; 1 for a zero vector."""
    ...  # replace this line


check(cosine_distances)

# %%
hint(cosine_distances)

# %% [markdown]
# The package has it, too (the solution at the end agrees with it). Does it keep its promise?

# %%
cosine = NearestNeighbours(1, metric="cosine").fit(images, train.labels)
for brightness in (1.0, 0.5, 0.25):
    scores = [metric.score(brightness * queries, labels) for metric in (l2, cosine)]
    print(f"brightness × {brightness:4}:  L2 {scores[0]:.3f}  cosine {scores[1]:.3f}")
assert torch.equal(cosine.predict(0.25 * queries), cosine.predict(queries))
assert scores[1] > scores[0] + 0.3

# %% [markdown]
# Not a single answer changes with brightness, and nothing was learned to achieve it: it was
# *defined*. Is cosine then the right similarity? Play the devil: find a query, and a change that you
# would not even notice, that makes it fail.

# %%
explore.neighbours(fashion)

# %% [markdown]
# A few pixels to the side are enough. Pixel (10, 12) of the query is compared with pixel (10, 12) of
# the memory, whatever is on it. How bad is it? We compare each query with *itself*, moved two pixels,
# and with the nearest training image, which shows some other piece of clothing:

# %%
moved = perturb.shift(queries, dx=2)
to_itself = (moved - queries).flatten(1).norm(dim=1)
to_a_stranger = l2.kneighbors(queries)[0][:, 0]
nearer = (to_a_stranger < to_itself).float().mean().item()
print(f"a stranger is nearer than the same picture two pixels away: {nearer:.0%} of the queries")
print(f"accuracy when the queries are moved: {l2.score(moved, labels):.3f}, before {bright:.3f}")
assert nearer > 0.8
assert l2.score(moved, labels) < bright - 0.08

# %% [markdown]
# For most pictures, *another thing* is more similar than *the same thing* moved by two pixels. If
# we do not like that, we must again say so: the distance of two pictures is to be the smallest over
# all small shifts. Write it.


# %%
def shift_tolerant_distance(q, X, reach):
    """q (H, W), X (N, H, W), NumPy arrays -> (N,): the smallest Euclidean distance of each image
    from q moved by -reach…reach whole pixels down and across. Zeros come in at the border."""
    ...  # replace this line


check(shift_tolerant_distance)

# %%
hint(shift_tolerant_distance)

# %% [markdown]
# With the package's parts the same distance is a search for every shifted copy of the query. We ask
# for some of the queries only: that is the price.

# %%
some, reach = moved[:160], range(-2, 3)
copies = torch.stack([perturb.shift(some, dx, dy) for dy in reach for dx in reach])
distance, position = l2.kneighbors(copies.flatten(0, 1))
best = distance.view(25, -1).argmin(0)
answer = train.labels[position.view(25, -1).gather(0, best[None])[0]]
repaired = (answer == labels[:160]).float().mean().item()
print(f"moved queries: plain L2 {l2.score(some, labels[:160]):.3f}, shift-tolerant {repaired:.3f}")
assert repaired > l2.score(some, labels[:160]) + 0.05

# %% [markdown]
# Repaired, at 25 times the price, and only for this one change. Rotation, size, folds, a hand in
# the picture: each would need a definition of its own. That is the real obstacle to classification
# as search. *You must define similarity before you can search by it*, and for pictures nobody knows
# how to write that definition down. Networks learn it: AlexNet's authors looked up the nearest
# training images by their last hidden layer and found the same *kinds* of things, dogs for a dog,
# in poses whose pixels are in general far apart in L2 [Krizhevsky 2012, §6.1]. In section 11 you do
# this with your own network.
#
# There is one more trap. In high dimensions distances may stop telling anything apart: for points
# with many independent coordinates, the farthest is hardly farther than the nearest. We measure the
# contrast (farthest − nearest) / nearest, for random points and for our images, at several D.

# %%
from cv_course.nearest import distances


def contrast(queries, points):
    d = distances(queries, points, "l2")
    return ((d.amax(1) - d.amin(1)) / d.amin(1)).median().item()


# %%
random = torch.Generator().manual_seed(0)
dimensions, noise_contrast, image_contrast = [4, 16, 49, 196, 784], [], []
for d in dimensions:
    noise_contrast.append(contrast(*torch.rand(1100, d, generator=random).split([100, 1000])))
    side = round(d**0.5)
    image_contrast.append(
        contrast(shrink(test.images[:100], side), shrink(train.images[:1000], side))
    )
assert noise_contrast == sorted(noise_contrast, reverse=True)
assert image_contrast[-1] > 5 * noise_contrast[-1]

# %%
figure, axis = figures.new(6, 3)
axis.plot(dimensions, noise_contrast, marker="o", label="random points, independent coordinates")
axis.plot(dimensions, image_contrast, marker="s", label="Fashion-MNIST, shrunk to D pixels")
axis.set(xscale="log", yscale="log", xlabel="dimensions D", ylabel="contrast of distances")
axis.set_xticks(dimensions, dimensions)
axis.minorticks_off()
axis.legend()
figures.show(
    figure,
    alt="Contrast between farthest and nearest against the dimension. For random points it falls "
    "steadily towards zero; for images it falls, too, but stays far above.",
)

# %% [markdown]
# **Careful.** "In high dimensions nearest neighbours are meaningless" is quoted more often than
# read. Beyer and colleagues proved it for cases such as independent coordinates, and list cases
# where it fails. Pixels are anything but independent; real images fill few of the possible
# directions, so their contrast stays far above that of random points. The trouble with pixels is
# less that distances say nothing than that they say the wrong thing.
#
# *Concept 23*

# %% [markdown]
# ## From remembering to compressing
#
# What if we kept, instead of all the pictures, one number for each pixel and category? That is a
# single linear layer, the subject of the next section. Here we only weigh it.

# %%
from torch import nn

from cv_course.training import evaluate, fit

torch.manual_seed(0)
linear = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
fit(linear, train, epochs=5, lr=0.1)

# %%
weights = sum(p.numel() * p.element_size() for p in linear.parameters())
memory = train.images.numel() * train.images.element_size()
print(f"remember  {memory:9,} bytes: accuracy {bright:.3f} (1-NN, L2)")
print(f"linear    {weights:9,} bytes: accuracy {evaluate(linear, test):.3f}")
print(f"{memory / weights:,.0f} times smaller; {60_000 * 784 / weights:,.0f} for the full data set")
assert weights == 31_400
assert evaluate(linear, test) > bright - 0.04

# %% [markdown]
# A tiny fraction of the bytes, about the same accuracy, and a query now costs ten inner products
# instead of ten thousand. Hence the saying that **a neural network compresses the data into its
# weights**. More data make the memory longer, but not the network.
#
# Now be suspicious. If weights are distilled knowledge about clothes, then a network should fail to
# "compress" pure nonsense. Take 500 images, give each a label by lot, and train a small network.
# **Predict:** which share of these labels will it get right?

# %%
your_guess = None  # chance would be 0.10

# %%
lot = torch.Generator().manual_seed(0)
nonsense = data.Split(train.images[:500], torch.randint(0, 10, (500,), generator=lot))
torch.manual_seed(0)
mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
fit(mlp, nonsense, epochs=60, batch_size=100, lr=0.1, weight_decay=0)
print(f"your guess {your_guess}; by-lot labels learned: {evaluate(mlp, nonsense):.3f}")
print(f"new images, true labels: {evaluate(mlp, test):.3f}")
assert evaluate(mlp, nonsense) > 0.95
assert evaluate(mlp, test) < 0.25

# %% [markdown]
# It learned the lottery by heart. The very same network with the true labels:

# %%
torch.manual_seed(0)
honest = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
fit(honest, train[:500], epochs=60, batch_size=100, lr=0.1, weight_decay=0)
print(f"training {evaluate(honest, train[:500]):.3f}, test {evaluate(honest, test):.3f}")
bits = 500 * math.log2(10)
stored = 32 * sum(p.numel() for p in honest.parameters())
print(f"500 lots carry {bits:,.0f} bits; the weights hold {stored:,.0f}")
assert evaluate(honest, test) > evaluate(mlp, test) + 0.3

# %% [markdown]
# **Careful.** "Compression" is a *metaphor*. Networks with ample parameters fit random labels
# perfectly well [Zhang 2017]; a lottery has no regularities, so nothing was distilled: it was
# stored, in a thousand times the space it takes. Same architecture, same number of weights, nearly the same
# training accuracy; on new images one network knows something and the other nothing. So neither the
# number of weights nor the fit to the training data tells you whether a network has *compressed* or
# *memorised*. Only new images tell. And unlike a compressed file, the weights do not give the
# pictures back.
#
# *Concept 24*

# %% [markdown]
# ## Worked solutions
#
# `cosine_distances`: give every row the length 1; then one matrix product holds all the cosines. A
# zero vector is left as it is, so that its cosine is 0.


# %%
def cosine_distances(Q, X):
    def unit(rows):
        rows = np.asarray(rows, dtype=float)  # bytes would wrap around at 256
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(lengths > 0, lengths, 1)

    return 1 - unit(Q) @ unit(X).T


check(cosine_distances)

# %% [markdown]
# `shift_tolerant_distance`: put a border of zeros around the query; every shift is then a window.


# %%
def shift_tolerant_distance(q, X, reach):
    height, width = q.shape
    padded = np.pad(np.asarray(q, dtype=float), reach)
    best = np.full(len(X), np.inf)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            window = padded[dy : dy + height, dx : dx + width]
            best = np.minimum(best, np.sqrt(((X - window) ** 2).sum(axis=(1, 2))))
    return best


check(shift_tolerant_distance)

# %% [markdown]
# ## Summary
#
# 1. A classifier maps an image to one category of a closed list, by the largest score.
# 2. kNN turns classification into search; it is not defined until the vote and its ties are.
# 3. All the data in the world leave an error of R\*; one neighbour may err nearly twice as often.
# 4. Brute-force search pays for each image in time and in storage; an index saves only time.
# 5. Similarity has to be defined, and pixels define it badly; a network learns it, and fits in few
#    bytes, but whether it compressed or memorised only new images can tell.
#
# ## References
#
# - T. Cover, P. Hart. Nearest neighbor pattern classification. *IEEE Trans. Information Theory*
#   13(1), 1967.
# - C. J. Stone. Consistent nonparametric regression. *Annals of Statistics* 5(4), 1977.
# - K. Beyer, J. Goldstein, R. Ramakrishnan, U. Shaft. When is "nearest neighbor" meaningful?
#   *ICDT* 1999.
# - C. Zhang, S. Bengio, M. Hardt, B. Recht, O. Vinyals. Understanding deep learning requires
#   rethinking generalization. *ICLR* 2017.
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural
#   networks. *NIPS* 2012, §6.1.
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine
#   learning algorithms. arXiv:1708.07747, 2017.
#
# *Concepts covered: 17–24*
