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
# # 02 · Features, by hand or learned
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/02_features_by_hand_or_learned.ipynb)
#
# Who should decide what a machine looks at: somebody who knows, or gradient descent?
#
# *About 50 min · CPU 45 s*
#
# Afterwards you will be able to
#
# - build a classical recognition system: features thought out by hand, a simple model on top,
# - show what an expert's prejudice gives and what it costs, and that the *form* of a feature matters,
# - say for how much data learning the features pays, and what is still designed by hand then.
#
# You need Python, matrices, and section 00.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## By hand: say what matters
#
# You are the expert. Somebody gives you pictures of clothes and a very simple model, one that can
# only add up numbers, each times a weight. It is your job to turn each picture into numbers that
# are worth adding up. Such a number is called a **feature**: something about the picture of which
# *you* think that it tells the classes apart.
#
# We keep 1,000 pictures apart to compare ideas (the **validation** images), and do not touch the
# test images until the ideas are final. You will see why.

# %%
import numpy as np
import torch

from cv_course import data, explore, features, figures
from cv_course.checks import check, hint

fashion = data.fashion_mnist()
classes, test = fashion.classes, fashion.test
learn, validation = fashion.train[:9000], fashion.train[9000:]
few = learn[:500]

# %% [markdown]
# First, no expertise: the features are the 784 pixels themselves. The simple model is a weighted
# sum for each class (`fit_linear`; section 04 takes it apart). And then a first idea: count how
# bright the picture is, in each of 4 × 4 fields. **Predict:** what is that worth, 784 numbers against
# 16?

# %%
your_guess = None  # two numbers, for example 0.5, 0.6


# %%
def worth(feature, learn=few, judge=validation):
    """Share of right answers on ``judge`` of the simple model on top of a feature."""
    layer = features.fit_linear(feature(learn.images), learn.labels)
    return features.accuracy(layer, feature(judge.images), judge.labels)


def pixels(images):
    return data.as_float(images).flatten(1)


def brightness(images):
    return torch.nn.functional.avg_pool2d(images.float(), 7).flatten(1)


of_pixels, of_fields = worth(pixels), worth(brightness)
print(f"your guess {your_guess}; {of_pixels:.3f} and {of_fields:.3f}")
assert of_pixels > of_fields + 0.05 and of_fields > 0.4

# %% [markdown]
# Far better than guessing (0.1), but too coarse. What would *you* look at? Most experts of the
# 1990s and 2000s said: at **edges**. An edge is where brightness changes, so take differences: right
# neighbour minus left, lower minus upper. The two make an arrow, the **gradient**. It has a length
# (how strong is the edge?) and an angle (which way does it get brighter?).

# %%
shoe = learn.images[9:10]
grey = shoe[0, 0].double()
across, down = torch.zeros(2, 28, 28, dtype=torch.double)
across[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
down[1:-1] = grey[2:] - grey[:-2]
length, angle = torch.hypot(across, down), torch.rad2deg(torch.atan2(down, across)) % 360
assert torch.equal(torch.stack([length, angle]), torch.cat(features.gradients(shoe)))

# %% [markdown]
# Single pixels are fickle: an edge that moves by one pixel is gone there. So collect the arrows of a
# small square of pixels, a **cell**, in a **histogram**: how much gradient points in which direction?
# An edge from bright to dark is the same edge as from dark to bright, you decide, so opposite
# directions count as one: 0 to 180 degrees. Write it for one cell.


# %%
def cell_histogram(across, down, bins):
    """across, down: (H, W) NumPy arrays, the gradients of one cell; bins: how many, K
    -> (K,) gradient length in each direction (0…180 degrees in K parts), divided by H·W."""
    ...  # replace this line


check(cell_histogram)

# %%
hint(cell_histogram)

# %% [markdown]
# The package does this for all cells of all images (a test compares it with the solution at the
# end). Here are 4 × 4 pixels of a boot:

# %%
cells = features.cell_histograms(length[None], angle[None], cell=4, bins=9)[0]
place = divmod(int(cells.sum(-1).argmax()), 7)
figures.show(
    figures.hog_of_a_cell(shoe[0], length, angle, cells, place, cell=4),
    alt="An ankle boot with one cell framed; the sixteen pixels of the cell with arrows that point "
    "to the brighter side; its histogram with a clear peak; and the strokes of all cells, which "
    "trace the outline of the boot.",
)

# %% [markdown]
# The strokes draw the boot's outline. One thing is left: photographs differ in contrast. So divide
# each **block** of 2 × 2 cells by its own size. That is the **histogram of oriented gradients**,
# HOG, which found pedestrians in photographs in 2005 and was a standard until the networks came.
# scikit-image has it, too; ours must be the same, only for many images at once.

# %%
hog = features.hog(few.images)  # 4 × 4 pixels a cell, 9 directions, 2 × 2 cells a block
theirs = features.skimage_hog(few.images[:100])
print(
    f"{hog.shape[1]:,} numbers an image; largest difference {(hog[:100] - theirs).abs().max():.0e}"
)
assert torch.allclose(hog[:100], theirs, atol=1e-6)

# %%
of_hog = worth(features.hog)
print(f"pixels {of_pixels:.3f}, HOG {of_hog:.3f}")
assert of_hog > of_pixels

# %% [markdown]
# That is the classical recipe of machine learning: an expert designs the features (often after
# cleaning the picture, of noise for instance), and a simple model solves the task on top of them.
# Nothing in the first stage was learned. It came out of a head.
#
# *Concept 12*

# %% [markdown]
# ## End to end: say only what is right
#
# The other way: show a network the pictures and the right answers, nothing else. Its first stages
# hold numbers as well, weights, and gradient descent changes *all* of them together so that the
# answers get better: **end to end**, from the pixels to the answer. (Sections 04 and 05 open the
# box.) Both systems, drawn from the objects themselves by sending an image through:

# %%
from torch import nn

from cv_course.networks.small import SmallConv
from cv_course.training import evaluate, fit, predict

recipe = {"batch_size": 32, "lr": 0.05, "progress": False}
torch.manual_seed(0)
deep = SmallConv()
classical = nn.Sequential(
    features.Handmade("HOG\n(edges in cells)", features.hog), nn.Linear(hog.shape[1], 10)
)
rows = {
    "classical: features by hand, a simple model on top": features.stages(classical, shoe / 255),
    "deep: end to end": features.stages(deep, shoe / 255),
}

# %%
figures.show(
    figures.pipelines(rows),
    alt="Two rows of boxes from image to ten scores. Classical: the image, HOG, which has nothing "
    "learned, and a linear layer that is learned. Deep: three convolutions and a linear layer "
    "hold learned numbers, with fixed steps between them.",
)

# %% [markdown]
# **Predict:** how many of the numbers that make the *features*, everything before the last layer,
# are learned in each of the two?

# %%
your_guess = None  # two whole numbers


# %%
def learned_features(stages):
    return sum(stage.learned for stage in stages[:-1])


print(f"your guess {your_guess};", *(f"{learned_features(row):,}" for row in rows.values()))
assert [learned_features(row) for row in rows.values()] == [0, 9 * (16 + 16 * 32 + 32 * 32)]

# %% [markdown]
# None and nearly fourteen thousand. What does "end to end" mean for them? That a wrong answer reaches all the way back
# to the first layer: the gradient of the loss with respect to its weights is not zero.

# %%
before = deep.backbone[0].weight.detach().clone()
loss = nn.functional.cross_entropy(deep(data.as_float(few.images)), few.labels)
loss.backward()
assert deep.backbone[0].weight.grad.abs().max() > 0
fit(deep, few, epochs=18, **recipe)
moved = (deep.backbone[0].weight.detach().cpu() - before).norm() / before.norm()
print(f"the first layer's weights moved by {moved:.0%} of their size")
print(f"right: {evaluate(deep, validation):.3f}; HOG {of_hog:.3f}")
assert moved > 0.1 and list(classical[0].parameters()) == []
assert 0.7 < evaluate(deep, validation) < of_hog + 0.005

# %% [markdown]
# It works: nobody told the network about edges. Does it work *better*? Not with these 500 pictures;
# wait for the experiment below.
#
# *Concept 13*

# %% [markdown]
# ## Prejudices of experts
#
# ### The same knowledge, put differently
#
# You decide to keep only one thing of each cell: the main direction of its gradients, an angle from 0
# to 180 degrees. How should you write an angle down? As a number of degrees, what else? Look at three
# directions:

# %%
figures.show(
    figures.directions_as_numbers([10, 90, 170]),
    alt="Strokes at 10, 90 and 170 degrees. 10 and 170 look much alike, but lie at opposite ends of "
    "the line of degrees. On the circle of the doubled angle they are neighbours, and 90 is opposite.",
)

# %% [markdown]
# 10° and 170° are much alike, only 20° apart, and as numbers of degrees they could hardly be further
# apart. The cosine and sine of the *doubled* angle say exactly the same (from one you can compute the
# other), but there neighbours are neighbours. **Predict:** does it matter to the simple model, which could weigh either
# as it likes?

# %%
your_guess = None  # the two accuracies


# %%
def main_direction(images):
    """N x 49: the main direction in each cell, in degrees from 0 to 180; 0 in a flat cell."""
    length, angle = features.gradients(images)
    twice = torch.deg2rad(2 * angle)
    x, y = (nn.functional.avg_pool2d(length * part, 4) for part in (twice.cos(), twice.sin()))
    return (torch.rad2deg(torch.atan2(y, x)) / 2 % 180).flatten(1)


def as_degrees(images):
    return main_direction(images)


def as_point(images):
    twice = torch.deg2rad(2 * main_direction(images))
    return torch.cat([twice.cos(), twice.sin()], dim=1)


def as_bins(images):
    return nn.functional.one_hot((main_direction(images) // 20).long().clamp(max=8), 9).flatten(1)


# %%
forms = {form.__name__: worth(form, learn[:2000]) for form in (as_degrees, as_point, as_bins)}
print(f"your guess {your_guess};", {name: round(share, 3) for name, share in forms.items()})
assert min(forms["as_point"], forms["as_bins"]) > forms["as_degrees"] + 0.04
back = torch.rad2deg(torch.atan2(*as_point(few.images).chunk(2, 1)[::-1])) / 2 % 180
apart = (back - main_direction(few.images)).abs()
assert torch.minimum(apart, 180 - apart).max() < 1e-6  # nothing was lost on the way

# %% [markdown]
# The *information* is the same, the *form* decides what a simple model can do with it: a weighted sum
# of degrees can only say "the more degrees, the more boot". (That is why HOG uses bins.) How a feature
# is expressed is part of the design, and nobody tells you in advance.
#
# ### A prejudice that is right
#
# You decided above that bright-to-dark and dark-to-bright are the same edge. Somebody turns half of
# the pictures, chosen at random, into their negatives. **Predict:** what happens to the accuracy of
# HOG, of the pixels, and of a network (each learns from 500 such pictures)?

# %%
your_guess = None  # three numbers


# %%
def half_changed(split, change, seed=0):
    """Change each image with probability one half; also say which were changed (0 or 1)."""
    lot = torch.Generator().manual_seed(seed)
    changed = torch.rand(len(split), generator=lot) < 0.5
    images = torch.where(changed[:, None, None, None], change(split.images), split.images)
    return data.Split(images, split.labels), data.Split(images, changed.long())


either, _ = half_changed(few, lambda images: 255 - images)
either_valid, _ = half_changed(validation, lambda images: 255 - images, seed=1)

# %%
torch.manual_seed(0)
network = SmallConv()
fit(network, either, epochs=18, **recipe)
found = {
    name: worth(way, either, either_valid)
    for name, way in (("pixels", pixels), ("HOG", features.hog))
}
found["network"] = evaluate(network, either_valid)
print(f"your guess {your_guess};", {name: round(share, 3) for name, share in found.items()})
assert torch.equal(features.hog(255 - few.images), features.hog(few.images))  # bit by bit
assert abs(found["HOG"] - of_hog) < 0.01
assert found["HOG"] > found["network"] + 0.02 and found["network"] > found["pixels"] + 0.2

# %% [markdown]
# To HOG nothing has happened at all: its features are, bit by bit, the same. The pixels are lost
# (section 04 shows why they must be). The network can learn that negatives do not matter, but has to
# pay for it with data, whereas the expert knew it for nothing. A prejudice that is right is called
# knowledge.
#
# ### A prejudice that is wrong
#
# You also decided that contrast does not matter, and divided it out. Now comes another task, with the
# same kind of pictures: half of them were taken in half the light. *Which?* **Predict** again.

# %%
your_guess = None  # three numbers; guessing gives 0.5


# %%
def even(split):
    """Even grey levels only, so that half the light is exactly half of every number."""
    return data.Split(split.images // 2 * 2, split.labels)


_, dim = half_changed(even(few), lambda images: images // 2)
_, dim_valid = half_changed(even(validation), lambda images: images // 2, seed=1)

# %%
torch.manual_seed(0)
network = SmallConv(classes=2)
fit(network, dim, epochs=18, **recipe)
found = {
    name: worth(way, dim, dim_valid) for name, way in (("pixels", pixels), ("HOG", features.hog))
}
found["network"] = evaluate(network, dim_valid)
print(f"your guess {your_guess};", {name: round(share, 3) for name, share in found.items()})
assert abs(found["HOG"] - 0.5) < 0.06
assert min(found["pixels"], found["network"]) > found["HOG"] + 0.2

# %% [markdown]
# HOG guesses. It *cannot* see the light: what was divided out is not in the features, and no model on
# top can bring it back, however clever it is and however much data it gets. The network had no such
# prejudice and found by itself that brightness is what matters here. This is what "experts overlook
# features" means. They do not overlook them everywhere: only where the task is another one than they
# had in mind.
#
# ### Your turn
#
# What would you choose? Small cells see details, large ones forgive a shift. Choose cell, directions
# and normalisation, and watch the accuracy on the validation images. Can you beat the usual HOG?

# %%
explore.design_feature(few, validation, item=9)

# %% [markdown]
# The same as code, for a small search: one choice after the other, each time keeping the best. Add
# your own ideas to the lists.

# %%
design = {"cell": 7, "bins": 4, "block": 1, "norm": "none", "signed": False}
ideas = {
    "cell": [14, 7, 4],
    "bins": [4, 9, 12],
    "signed": [False, True],
    "block": [1, 2],
    "norm": ["none", "L2", "L2-Hys"],
}


# %%
def worth_of(design):
    return worth(lambda images: features.hog(images, **design))


start = worth_of(design)
for choice, values in ideas.items():
    tried = {value: worth_of(design | {choice: value}) for value in values}
    design[choice] = max(tried, key=tried.get)
    print(f"{choice:6}", {value: round(share, 3) for value, share in tried.items()})
your_best = max(tried.values())
print(f"{start:.3f} at first, {your_best:.3f} with {design}")
assert your_best > start + 0.03

# %% [markdown]
# Is that what your feature is really worth? You have looked at the validation images again and
# again, and kept what was best *on them*. To see what this does, let a thousand designs compete that
# do nothing but guess. The true worth of each is 0.1. **Predict:** on 100 images, how good does the
# winner look?

# %%
your_guess = None  # for example 0.15

# %%
lot = torch.Generator().manual_seed(0)
guesses = torch.randint(10, (1000, len(validation)), generator=lot)
hits = (guesses == validation.labels).float()
winner = hits[:, :100].mean(1).argmax()
print(
    f"your guess {your_guess}; on the 100 images of the contest {hits[winner, :100].mean():.2f}, "
    f"on 900 others {hits[winner, 100:].mean():.2f}"
)
assert hits[winner, :100].mean() > 0.17 and hits[winner, 100:].mean() < 0.14

# %% [markdown]
# The winner of many is partly just lucky. So the data that chose it cannot also judge it: that is what
# the test images are for, which nobody has looked at up to now, and which may be used **once**. Your
# design is now final.
#
# *Concept 14*

# %% [markdown]
# ## Who finds better features?
#
# "Gradient descent took over the search for features, and it does it better than people", says the
# lecture. Let us see. Four ways, from 100 to 8,000 pictures to learn from; each with three different
# draws of the pictures (and, for the network, of the weights at the start). **Predict:** who is ahead
# with 100 pictures, who with 8,000, and where do the lines cross?

# %%
your_guess = None  # for example ("HOG", "network", 1000)

# %%
sizes, seeds = [100, 200, 500, 2000, 8000], range(3)


def draw(size, seed):
    """Equally many images of each class; they come in turn: 0, 1, … 9, 0, 1 …"""
    lot = torch.Generator().manual_seed(seed)
    rounds = torch.randperm(len(learn) // 10, generator=lot)[: size // 10]
    return (10 * rounds[:, None] + torch.arange(10)).flatten()


# %%
by_hand = {
    "raw pixels + linear": pixels,
    "HOG + linear": features.hog,
    "your HOG + linear": lambda images: features.hog(images, **design),
}
right = {name: torch.zeros(len(sizes), len(seeds), len(test)) for name in [*by_hand, "network"]}
for name, way in by_hand.items():
    known, asked = way(learn.images), way(test.images)
    for row, size in enumerate(sizes):
        for seed in seeds:
            chosen = draw(size, seed)
            layer = features.fit_linear(known[chosen], learn.labels[chosen])
            right[name][row, seed] = (layer(asked).argmax(1) == test.labels).float()

# %%
epochs = {100: 60, 200: 30, 500: 12, 2000: 6, 8000: 3}  # few images are shown more often
networks = {}
for row, size in enumerate(sizes):
    for seed in seeds:
        torch.manual_seed(seed)
        net = networks[size, seed] = SmallConv()
        fit(net, learn[draw(size, seed)], epochs=epochs[size], seed=seed, **recipe)
        answers = predict(net, test.images).argmax(1).cpu()
        right["network"][row, seed] = (answers == test.labels).float()

# %%
explore.hand_or_learned(sizes, right, test.labels, classes)

# %%
mean = {name: hits.mean((1, 2)) for name, hits in right.items()}
for name, curve in mean.items():
    print(
        f"{name:20}", *(f"{size}: {share:.3f} " for size, share in zip(sizes, curve, strict=True))
    )
for name in by_hand:
    ahead = [size for size, a, b in zip(sizes, mean["network"], mean[name], strict=True) if a > b]
    print(f"the network's mean is above {name} at N =", ahead or "none of these")

# %%
hog_line, raw, learned = mean["HOG + linear"], mean["raw pixels + linear"], mean["network"]
assert (hog_line[:2] > learned[:2] + 0.02).all() and learned[0] < raw[0]  # little data: by hand
assert (hog_line[1:] > raw[1:] + 0.003).all()  # HOG beats the pixels from 200 images on
assert (learned[3:] > raw[3:] + 0.005).all()  # learning beats *no* features, given data
assert learned[-1] - hog_line[-1] > learned[0] - hog_line[0] + 0.03  # and catches up with HOG
assert (abs(learned[3:] - hog_line[3:]) < 0.035).all()  # but 8,000 do not decide it

# %% [markdown]
# With a hundred pictures the learned features are worth less than none at all (the raw pixels), and
# HOG is well ahead: the expert's knowledge stands in for pictures that nobody has. Then learning
# catches up. By 2,000 it has passed the raw pixels. Against HOG it is about level from 2,000 on, at
# 8,000 perhaps a little ahead: the difference is no larger than what a better design by hand, or a
# better recipe of training, can bring. That is catching up, not a landslide.
#
# **Careful.** "Gradient descent finds better features than people" needs two additions.
#
# *Only with enough data.* With 100 or 200 images we see the opposite. Even with all 60,000, the list of
# results in Fashion-MNIST's own README has an HOG with a support vector machine (0.926) ahead of
# several small CNNs (0.876 to 0.925); large networks, trained with augmentation, are ahead of it (up
# to 0.967). Those numbers were sent in by users and are not verified by the authors. On photographs
# the turn came with ImageNet: 1.2 million images, and top-5 errors of 15.3% for seven
# AlexNets together against 26.2%
# for the best system of hand-made features [Krizhevsky 2012].
#
# *Within an architecture that was designed by hand.* Which number belongs to which place in the picture
# the network did not learn: we gave it convolutions. What if the pixels are shuffled, all pictures in
# the same way? Not a bit of information is lost. **Predict:** who suffers?

# %%
your_guess = None  # pixels, HOG, network: which of them?

# %%
order = torch.randperm(28 * 28, generator=torch.Generator().manual_seed(0))


def shuffled(split):
    return data.Split(split.images.flatten(1)[:, order].view_as(split.images), split.labels)


mixed_up = {seed: shuffled(learn[draw(2000, seed)]) for seed in seeds}
nets = {}
for seed, split in mixed_up.items():
    torch.manual_seed(seed)
    nets[seed] = SmallConv()
    fit(nets[seed], split, epochs=6, seed=seed, **recipe)


# %%
loss = {}
for name in ("raw pixels + linear", "HOG + linear"):
    in_order = worth(by_hand[name], learn[draw(2000, 0)])
    loss[name] = in_order - worth(by_hand[name], mixed_up[0], shuffled(validation))
in_order = np.mean([evaluate(networks[2000, seed], validation) for seed in seeds])
loss["network"] = in_order - np.mean([evaluate(nets[seed], shuffled(validation)) for seed in seeds])
print("lost by shuffling:", {name: round(float(share), 3) + 0.0 for name, share in loss.items()})
assert abs(loss["raw pixels + linear"]) < 0.01 < min(loss["HOG + linear"], loss["network"])

# %% [markdown]
# The pixels do not care: to a weighted sum, order means nothing. HOG and the network both lose, for the
# same reason: both were *built* on the belief that neighbours belong together. In HOG the expert wrote
# that belief down as a formula, in the network as an architecture. Gradient descent took over a part
# of the expert's work, the numbers. The number of layers, the size of the kernels, what is shared, and
# how the data are augmented: somebody still decides that.
#
# *Concept 15*

# %% [markdown]
# ## Three things to come
#
# The lecture's course goes on to three subjects. Here is a taste of each, small enough to run now.
#
# ### Two views, and one of them missing
#
# Several senses tell more than one (section 01). Cut each picture in two: the **top half** and the
# **bottom half** are two views of the same thing, like sound and image of a film. One model sees both,
# side by side. At test time one of the two fails, and reads all zeros. **Predict:** with only the top, how
# good is the model that was trained on both? And one that was *trained* on the top alone gets how much?

# %%
your_guess = None  # two numbers

# %%
top = (torch.arange(28 * 28) < 14 * 28).float()
seen = {"both": torch.ones(28 * 28), "top only": top, "bottom only": 1 - top}
x, y = pixels(learn.images), learn.labels
fused = features.fit_linear(x, y)
alone = {name: features.fit_linear(x * seen[name], y) for name in ("top only", "bottom only")}

# %%
asked = pixels(test.images)
one_fused = {
    name: features.accuracy(fused, asked * mask, test.labels) for name, mask in seen.items()
}
one_alone = {
    n: features.accuracy(layer, asked * seen[n], test.labels) for n, layer in alone.items()
}
print(f"your guess {your_guess}; trained on both: ", {n: round(v, 3) for n, v in one_fused.items()})
print("trained on one:  ", {n: round(v, 3) for n, v in one_alone.items()})
assert one_fused["both"] > max(one_alone.values()) + 0.02  # two views tell more than one…
assert all(one_fused[name] < one_alone[name] - 0.1 for name in one_alone)  # …and one alone less

# %% [markdown]
# Two views are better than the better one of them. But the model relies on both being there: half of its
# sum is missing, and no weight was ever asked to make up for it. The cure is to let it happen in
# training. Show it each picture three times: whole, without the top, without the bottom.

# %%
often = torch.cat([x * mask for mask in seen.values()])
dropped = features.fit_linear(often, y.repeat(3))
one_dropped = {n: features.accuracy(dropped, asked * mask, test.labels) for n, mask in seen.items()}
assert all(one_dropped[name] > one_fused[name] + 0.1 for name in one_alone)
assert one_dropped["both"] > max(one_alone.values()) + 0.01

# %% [markdown]
# There is also a way without training anything together: each view has its own model and gives its own
# *probabilities*, and these are fused. If the two views are independent within a class, Bayes' rule
# says how: p(c | top, bottom) ∝ p(c | top) · p(c | bottom) / p(c). (They hardly are: a bright top comes
# with a bright bottom.) In logarithms that is a sum. What does a view say that is missing?


# %%
def fuse_views(top, bottom, prior):
    """top, bottom: (N, K) logarithms of class probabilities, a row of NaN where the view is
    missing; prior: (K,) the same before anything is seen -> (N, K), normalised."""
    ...  # replace this line


check(fuse_views)

# %%
hint(fuse_views)

# %% [markdown]
# If all classes are equally frequent, the prior changes no answer: it is enough to add the logarithms,
# or to take the one view that is there. The three ways side by side:

# %%
opinions = {name: layer(asked * seen[name]).log_softmax(1) for name, layer in alone.items()}
together = sum(opinions.values()).argmax(1)
one_bayes = {"both": (together == test.labels).float().mean().item(), **one_alone}

# %%
ways = {
    "trained on both": one_fused,
    "views dropped": one_dropped,
    "probabilities fused": one_bayes,
}
figures.show(
    figures.missing_view({name: {way: by[name] for way, by in ways.items()} for name in seen}),
    alt="Test accuracy with both views, only the top, only the bottom. The model trained on both "
    "leads with both views and collapses with one; the one trained with dropped views and the "
    "fused probabilities lose little.",
)
assert one_bayes["both"] > max(one_alone.values()) + 0.01
assert one_fused["both"] > max(one_dropped["both"], one_bayes["both"])

# %% [markdown]
# Robustness has a small price when nothing fails. Models that join images with text, sound or touch face
# the same choice: fuse early and train for failures, or fuse opinions late.
#
# ### Pictures on order
#
# A classifier gets a picture and answers with a class: p(y | x). Turn it round: say a class, and get a
# picture. Such a model is a **conditional generative model**, p(x | y), and the condition is a handle by
# which to control it. The simplest: the mean of the class, plus the few directions in which its
# members vary most (a principal component analysis), each times a random number. For T-shirts:

# %%
shirts = pixels(learn.images)[learn.labels == 0]
values, vectors = torch.linalg.eigh(shirts.T.cov().double())  # variances, the largest last
directions = (vectors * values.clamp_min(0).sqrt()).T.float().flip(0)[:10]  # as long as the spread
lot = torch.Generator().manual_seed(0)
drawn = shirts.mean(0) + torch.randn(10, 10, generator=lot) @ directions
real = learn.images[learn.labels == 0][:10]
figures.show(
    figures.sampled({"generated": drawn.clamp(0, 1).view(-1, 1, 28, 28), "real": real / 255}),
    alt="Ten generated T-shirts above ten real ones. The generated ones are blurred, but have sleeves, "
    "different brightness and different widths; prints and stripes are missing.",
)

# %% [markdown]
# A few lines, no network, nothing to wait for. Order a class and turn the knobs, in standard
# deviations (red: this direction makes the pixel brighter; blue: darker). What does the first knob of each class do? And how far can you turn before the
# classifier takes it for something else?

# %%
from cv_course.models.generator import ClassGaussians

generator = ClassGaussians.fit(learn.images, learn.labels, k=50)
judge = networks[8000, 0]
explore.order_picture(generator, judge, classes)

# %% [markdown]
# Does one get what one orders? A classifier that has never seen a generated picture shall say.
# **Predict:** which share of the pictures does it take for what was ordered, if 10 directions vary? And
# is it better or worse with 50?

# %%
your_guess = None  # two numbers

# %%
ordered_classes = torch.arange(10).repeat_interleave(100)
ks, recognised, spread = [0, 2, 5, 10, 20, 50], [], []


def judged(pictures, labels):
    """How often the judge says the label; how much the pictures of a class differ, per pixel."""
    answers = predict(judge, pictures).argmax(1).cpu()
    variety = torch.stack([pictures[labels == c].var(0).mean() for c in range(10)])
    return (answers == labels).float().mean().item(), variety.mean().sqrt().item()


# %%
for k in ks:
    lot = torch.Generator().manual_seed(1)
    share, variety = judged(generator.sample(ordered_classes, lot, k), ordered_classes)
    recognised.append(share)
    spread.append(variety)
of_real = judged(data.as_float(test.images), test.labels)
print(
    f"your guess {your_guess}; k = 10: {recognised[3]:.3f}, k = 50: {recognised[5]:.3f}, "
    f"real pictures {of_real[0]:.3f}"
)
assert all(share > 0.85 for share in recognised)

# %%
figures.show(
    figures.price_of_variety(ks, recognised, spread, of_real),
    alt="Left, generated pictures are recognised about as often as real ones, or oftener, most often "
    "with few directions. Right, their spread grows with k and stays below that of real pictures.",
)
assert recognised[0] >= 0.9 and spread[0] == 0
assert spread == sorted(spread) and spread[-1] < of_real[1]
assert recognised[1] > max(recognised[-1], of_real[0]) + 0.02

# %% [markdown]
# **Careful.** Recognised *more often than real pictures* is no praise. With no direction at all (k = 0) the
# pictures are recognised, too, and every picture of a class is the same. A classifier rewards what is typical.
# A generator must be judged by two things: is it what was ordered, and is there the variety of the real
# thing? Ours makes neither prints nor stripes; networks that generate can, and the same question
# remains.
#
# ### A first look inside
#
# Which part of a picture does the network look at? The plainest of all tools: **cover** a part, and see how
# far the probability of the right answer falls. A fall marks a place that mattered. Write the map.


# %%
def occlusion_map(score, image, size):
    """score: images (N, H, W) -> (N,) numbers; image (H, W); size: side s of a black patch
    -> (H - s + 1, W - s + 1): how far the score falls with the patch at each place."""
    ...  # replace this line


check(occlusion_map)

# %%
hint(occlusion_map)

# %% [markdown]
# Now for 300 test images: a black patch of 7 × 7 pixels, in steps of 3. **Predict:** where does it
# hurt most?

# %%
from cv_course.attribution import occlusion

some = test[:300]
drops = occlusion(judge, some.images, some.labels, size=7, step=3).mean(0)
figures.show(
    figures.drop_map(data.as_float(some.images).mean(0), drops, size=7, step=3),
    alt="The average image, and a map of how far the probability of the right class falls for each "
    "place of the patch: most in the middle, little along the border.",
)

# %%
inner = torch.zeros(8, 8, dtype=torch.bool)
inner[1:-1, 1:-1] = True
centre, border = drops[3:5, 3:5].mean().item(), drops[~inner].mean().item()
print(f"mean drop: {centre:.3f} in the centre, {border:.3f} along the border")
assert centre > border + 0.03 and centre > 1.5 * border

# %% [markdown]
# The network has learned, from answers alone, where the clothes are. But a mean over pictures hides what
# it looks at in *one* of them. Move the patch. Can you find a place where covering *helps*? And what
# happens if the patch is white?

# %%
explore.occluding_patch(judge, test[:40], classes)

# %% [markdown]
# **Careful.** A map like this answers the question "what if this place were *black*?", not "is this place
# important?" A grey patch asks another question, and often gets another answer: it adds an edge that
# was not there. Section 11 compares such tools.

# %%
grey_drops = occlusion(judge, some.images, some.labels, size=7, step=3, fill=128).mean(0)
print(f"largest difference between the two maps: {(grey_drops - drops).abs().max():.2f}")
assert (grey_drops - drops).abs().max() > 0.03

# %% [markdown]
# *Concept 16*

# %% [markdown]
# ## Worked solutions
#
# `cell_histogram`: modulo 180 makes opposite directions equal; `bincount` sums the lengths.


# %%
def cell_histogram(across, down, bins):
    degrees = np.rad2deg(np.arctan2(down, across)) % 180
    number = np.minimum((degrees * bins / 180).astype(int), bins - 1)
    lengths = np.hypot(across, down)
    return np.bincount(number.ravel(), lengths.ravel(), bins) / lengths.size


check(cell_histogram)
rows_of, columns_of = (slice(4 * p, 4 * p + 4) for p in place)
parts = (across[rows_of, columns_of].numpy(), down[rows_of, columns_of].numpy())
assert np.allclose(cell_histogram(*parts, 9), cells[place])

# %% [markdown]
# `fuse_views`: a missing view says what you knew before, the prior; then it cancels. Subtracting the
# logarithm of the sum makes each row a distribution.


# %%
def fuse_views(top, bottom, prior):
    given = [np.where(np.isnan(view), prior, view) for view in (top, bottom)]
    scores = given[0] + given[1] - prior
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


check(fuse_views)
views = [opinion.detach().numpy() for opinion in opinions.values()]
prior, nothing = np.log(np.full(10, 0.1)), np.full_like(views[0], np.nan)
assert (fuse_views(*views, prior).argmax(1) == together.numpy()).all()
assert np.allclose(fuse_views(nothing, views[1], prior), views[1], atol=1e-4)

# %% [markdown]
# `occlusion_map`: a fresh copy for each place.


# %%
def occlusion_map(score, image, size):
    rows, columns = (side - size + 1 for side in image.shape)
    free, falls = score(image[None])[0], np.zeros((rows, columns))
    for y in range(rows):
        for x in range(columns):
            covered = image.copy()
            covered[y : y + size, x : x + size] = 0
            falls[y, x] = free - score(covered[None])[0]
    return falls


check(occlusion_map)

# %% [markdown]
# ## Summary
#
# 1. Classical: an expert's features, a simple model on top. Deep: all stages learned together from the
#    answers, end to end.
# 2. The form of a feature matters as much as its content: degrees and points on a circle say the same,
#    and are not worth the same.
# 3. A prejudice that is right replaces data (negatives); one that is wrong removes what no model can
#    bring back (light). Choose by validation, and test once.
# 4. With little data HOG is ahead, with more the network catches up; and its architecture was designed
#    by hand.
# 5. To come: fusing views that may fail, ordering pictures (and judging their variety, too), and looking
#    inside by covering.
#
# ## References
#
# - N. Dalal, B. Triggs. Histograms of oriented gradients for human detection. *CVPR* 2005.
# - D. Lowe. Distinctive image features from scale-invariant keypoints. *IJCV* 60, 2004.
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural
#   networks. *NeurIPS* 2012 (§6).
# - M. Tipping, C. Bishop. Probabilistic principal component analysis. *JRSS B* 61, 1999.
# - M. Zeiler, R. Fergus. Visualizing and understanding convolutional networks. *ECCV* 2014 (§4.2).
# - N. Neverova, C. Wolf, G. Taylor, F. Nebout. ModDrop: adaptive multi-modal gesture recognition.
#   *PAMI* 38, 2016 (dropping views while training).
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST. arXiv:1708.07747, 2017, and the list of results in
#   the README of its repository.
#
# *Concepts covered: 12–16*
