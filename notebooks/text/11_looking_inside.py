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
# # 11 · Looking inside
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/11_looking_inside.ipynb)
#
# **What did the network learn, and how can we tell?**
#
# Suppose that all our images of cows show a meadow. Then a network can learn *meadow* instead of *cow*, and still be
# right. So we want to see what a prediction depends on. A common tool is a **map**. It has one number for each pixel,
# meant to be large where the pixel matters. We compute two kinds of maps, and test them. You need sections
# [04](04_one_layer_one_template.ipynb) (score, gradient) and [05](05_from_dense_to_convolution.ipynb) (convolution).
#
# Afterwards you will be able to
#
# - compute a small saliency map by hand,
# - test whether a map depends on what the network learned,
# - plan an experiment that shows what a network uses.
#
# *About 30 min, 25 for the folded parts, 45 for all problems · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
from itertools import product

import numpy as np
import torch

from cv_course import data, plots, training
from cv_course.networks.pretrained import CLASSES, efficientnet_lite0
from cv_course.plots import show
from cv_course.sections.s11_inside import check, hint, model, play, reveal
from cv_course.sections.s11_inside.model import cover

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Cover a part
#
# The network `expert` (EfficientNet-Lite0 [Tan 2019]) was trained on photographs of 1,000 classes. We give it a
# photograph of a man with a camera on a tripod.

# %%
photo = data.as_float(data.photos(224)["camera"])[None]  # 1 × 3 × 224 × 224, from 0 to 1
expert = efficientnet_lite0().requires_grad_(False)  # we do not train it
largest, tripod = expert(photo).softmax(1).max(1)  # largest probability, and its class
print(f"prediction: {CLASSES[tripod]}, probability {largest.item():.2f}")

# %% [markdown]
# Which part of the photograph matters for this prediction? We cover a part with a **patch**, a square of one colour,
# and run the network again. If the probability of *tripod* falls from 0.9 to 0.3, the fall is 0.6. We do this with the
# patch at many positions. An **occlusion map** shows for each pixel the fall under its patch [Zeiler 2014].


# %%
def probability(network, images, labels):  # N numbers, one for each image and its label
    probabilities = training.predict(network, images).softmax(1)  # N × classes
    return probabilities[torch.arange(len(images)), labels]


# %%
def occlusion_map(network, images, labels, size, fill):
    before = probability(network, images, labels)
    falls = torch.zeros_like(images[:, 0])  # N × height × width
    starts = range(0, images.shape[-1], size)
    for top, left in product(starts, starts):  # all positions of the patch
        covered = cover(images, top, left, size, fill)  # a copy with a patch
        fall = before - probability(network, covered, labels)
        # all pixels of the patch get the same fall
        falls[:, top : top + size, left : left + size] = fall[:, None, None]
    return falls


# %% [markdown]
# Patches of 56 × 56 pixels lie side by side. 224 / 56 = 4, so there are 4 · 4 = 16 positions. The colour of a patch is
# its **fill**. We try black (0) and white (1).

# %%
falls = {
    "black": occlusion_map(expert, photo, tripod, size=56, fill=0.0),
    "white": occlusion_map(expert, photo, tripod, size=56, fill=1.0),
}

# %% tags=["hide-input"]
# @title Figure 11.1
figure, (left, right) = plots.figure(6.4, 2.2, 1, 2, width_ratios=(1, 2.1))
plots.pictures(photo, ["photograph"], size=1.8, axis=left)
limit = max(maps.abs().max().item() for maps in falls.values())
plots.pictures(
    list(falls.values()),
    [f"{name} patch" for name in falls],
    size=1.8,
    signed=True,
    scale=(-limit, limit),
    bar="fall of the probability",
    axis=right,
)
show(
    figure,
    caption="Figure 11.1. Occlusion maps for the class tripod, with two fills. Red: the "
    "probability falls under this patch. Blue: it grows.",
    alt="A man with a camera on a tripod. Both maps are red at the legs of the tripod on the lower "
    "right. Black gives the stronger red.",
)
for name, fall in falls.items():
    print(f"{name} patch: largest fall {fall.max():.2f}")

# %% [markdown]
# In both maps, the largest fall is at the legs of the tripod. But a fall compares the photograph with a *changed*
# photograph. So its size depends on the fill.
#
# ## 2 Ask the gradient
#
# An occlusion map needs many runs of the network. A gradient needs only one, forward and back. In section 04, it said
# how fast the *loss* changes with a *weight*. Now it says how fast a *score*, a number before the softmax, changes with
# a *pixel*.
#
# Take an image of two pixels, $x = (2, 1)$, and the score $s = \mathrm{relu}(2x_1 - x_2)$. Here relu sets negative
# numbers to 0. The number inside relu is 4 − 1 = 3. It is positive, so near this $x$ relu changes nothing: $s = 2x_1 -
# x_2$. If $x_1$ grows by 0.1, then $s$ grows by 0.2. If $x_2$ grows by 0.1, then $s$ falls by 0.1. So the gradient is
# (2, −1).
#
# The **saliency map** is the absolute value of the gradient, here (2, 1) [Simonyan 2014]. In a photograph, each pixel
# has three values, for red, green and blue. The map takes the largest of the three.
#
# For a whole network, PyTorch computes the gradient. We take several images at once, and add up
# their scores. A pixel changes only the score of its own image, so the sum does not mix the
# images.


# %%
def score_of_label(network, images, labels):  # N numbers, one for each image
    scores = network(images)  # N × classes
    return scores[torch.arange(len(images)), labels]


def input_gradient(network, images, labels):
    images = images.clone().requires_grad_()  # ask for the gradients of the pixels
    score_of_label(network, images, labels).sum().backward()
    return images.grad  # shaped like images


# %% tags=["hide-input"]
# @title Figure 11.2
saliency = input_gradient(expert, photo, tripod).abs().amax(1)  # the largest of three colours
seen = {
    name: (found / found.quantile(0.99)).clamp(0, 1)  # a few large values would leave all else dark
    for name, found in (("occlusion, black", falls["black"]), ("saliency", saliency))
}
show(
    plots.pictures(
        [photo[0], *seen.values()],
        ["photograph", *seen],
        size=2,
        scale=(0, 1),
        bar="scaled value",
    ),
    caption="Figure 11.2. Two maps for the class tripod. Each has its own scale, from black (0 or less) to white (large "
    "values; in each map, 1 stands for the value that 1% of its pixels exceed).",
    alt="The occlusion map has large squares, brightest at the tripod's legs. Saliency is made of fine specks, and "
    "is brightest around the camera and the hands.",
)

# %% [markdown]
# The occlusion map is brightest at the legs of the tripod, the saliency map around the camera and
# the hands. The maps answer two questions:
#
# - Occlusion: how far does the probability fall if a patch covers this pixel?
# - Saliency: how strongly does the score react to a *small* change of this pixel?

# %% tags=["hide-input"]
# @title Checks: what this shows
assert sum(p.numel() for p in expert.parameters()) == 4_652_008
assert CLASSES[tripod] == "tripod" and largest > 0.8
assert falls["black"].max() > 0.3 and falls["black"].max() > falls["white"].max() + 0.1
assert falls["black"].argmax() == falls["white"].argmax()
squares = torch.nn.functional.avg_pool2d(saliency, 56).flatten()  # 4 rows of 4 squares
of_patches = falls["black"][0, ::56, ::56].flatten()
assert squares.argmax() // 4 < of_patches.argmax() // 4  # higher up
assert squares.max() > 1.5 * squares[of_patches.argmax()]

# %% [markdown]
# ## 3 Does the map depend on what was learned?
#
# A map may show only the image, and nothing that was learned. So we give the network new random weights: all that it
# learned is gone. If the map hardly changes, it says little about what was learned. This is the **model parameter
# randomisation test** [Adebayo 2018]. For the test, we train a small network on images of clothes (Fashion-MNIST).

# %%
fashion = data.fashion_mnist()
train, validation, classes = fashion.train[:3_000], fashion.train[8_000:], fashion.classes
recipe = {"batch_size": 50, "lr": 0.2, "progress": False, "device": "cpu"}
torch.manual_seed(0)
network = model.small_network()  # three convolutions and a fully connected layer
training.fit(network, train, epochs=3, **recipe)
print(f"validation accuracy {training.evaluate(network, validation):.3f}, chance 0.1")

# %% [markdown]
# We test the saliency map and a second map, **input × gradient**. It multiplies each pixel by its gradient, and takes
# the absolute value. In the example of part 2, this gives (2 · 2, 1 · 1) = (4, 1).
#
# **Predict:** with random weights in all layers, which map changes less, saliency or input × gradient? The background
# of our images is black: its pixels are 0.

# %%
your_guess = "?"  # "saliency" or "input × gradient"

# %% [markdown]
# As a control, we train a second network on the same images, from other random weights.

# %% tags=["hide-input"]
# @title Figure 11.3
from copy import deepcopy


def forget(network, layers, images, seed=0):
    """A copy of the network with new random weights in some layers."""
    copy = deepcopy(network)
    torch.manual_seed(seed)
    for name in layers:
        for layer in copy.get_submodule(name).modules():  # all its parts
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()  # new random weights
    # batch normalisation (section 08) has stored the old layers' means and spreads: compute new ones
    return model.fit_normalisation(copy, images)


def maps_of(network, images, labels, **more):
    gradient = input_gradient(network, images, labels)
    maps = {
        "saliency": gradient.abs().amax(1),
        "input × gradient": (images * gradient).sum(1).abs(),
    }
    return maps | {name: function(network, images, labels) for name, function in more.items()}


layers = ["classifier", "features.stage3", "features.stage2", "features.stage1"]
random = forget(network, layers, train.images[:500])
torch.manual_seed(9)
second = model.small_network()
training.fit(second, train, epochs=3, seed=9, **recipe)
some, some_labels = data.as_float(validation.images[:60]), validation.labels[:60]
own, of_second, of_random = (maps_of(one, some, some_labels) for one in (network, second, random))
panels = []
for maps in (own, of_second, of_random):
    panels += [(one / one.max())[None] for one in (some[1, 0], *(maps[name][1] for name in own))]
show(
    plots.pictures(
        panels,
        ["image", *own],
        columns=3,
        size=1.5,
        scale=(0, 1),
        row_names=["ours", "second\ntrained", "random\nweights"],
        bar="share of the\nlargest value",
    ),
    caption="Figure 11.3. Maps of one image from three networks. Each map is divided by its largest value.",
    alt="With random weights, saliency looks like noise. Input times gradient keeps the shape of the garment in all "
    "three rows.",
)

# %% [markdown]
# In the last row, saliency looks like noise. Input × gradient still shows the garment.
#
# One image is not enough, so we compare the maps of 60 images. We put the pixels of a map in the order of their values.
# The **rank correlation** of two maps is 1 for the same order, as in (0.1, 0.5, 0.2) and (3, 9, 4). It is about 0 if
# the orders have nothing in common.

# %% tags=["hide-input"]
# @title Rank correlations
ends, twin = (
    {name: model.rank_correlation(own[name], other[name]).mean().item() for name in own}
    for other in (of_random, of_second)
)
torch.manual_seed(0)
noise = (some[:, 0] * torch.randn(60, 28, 28)).abs()
with_noise = model.rank_correlation(own["input × gradient"], noise).mean().item()
print("rank correlation with our network's maps")
print(f"{'':20} second trained   random weights")
for name in own:
    print(f"{name:20} {twin[name]:14.2f}   {ends[name]:14.2f}")
print(f"your guess: {your_guess}, changes less: {max(ends, key=ends.get)}")

# %% [markdown]
# *Saliency* passes the test. The maps of the second trained network are far more similar to ours than those with random
# weights. So these maps depend on what was learned.
#
# *Input × gradient* fails: its two numbers are nearly equal. Why? On the black background, this
# map is 0 for *every* network. Its smallest values are these zeros. So in both orders, from small
# to large, the same pixels come first, and the orders are similar.
#
# If this is the reason, no network is needed for a high rank correlation. We take random numbers
# instead of the gradient:

# %%
print(f"input × gradient, compared with pixels × random numbers: {with_noise:.2f}")

# %% [markdown]
# Yes: the image alone gives a rank correlation as high as that of the random weights.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert ends["input × gradient"] > 0.7 > 0.3 > ends["saliency"]
assert ends["saliency"] < twin["saliency"] - 0.15
assert ends["input × gradient"] > twin["input × gradient"] - 0.1
assert abs(with_noise - ends["input × gradient"]) < 0.1
# on the pixels that are not black, much less is left of input × gradient
cloth = [
    model.rank_correlation(a[x > 0][None], b[x > 0][None])
    for a, b, x in zip(
        own["input × gradient"], of_random["input × gradient"], some[:, 0], strict=True
    )
]
assert torch.cat(cloth).mean() < with_noise - 0.3
# Other images or another measure of similarity can give other numbers [Yona 2021].
# maps of two images are a little similar: all clothes lie in the middle
assert all(model.rank_correlation(maps, maps.roll(1, 0)).mean() < 0.5 for maps in own.values())

# %% [markdown]
# ## 4 A fair test
#
# Does a map that passes show what the network really uses? The test of part 3 cannot tell. We need a network whose
# reasons we can find out.
#
# Another team changes our images of two classes, shirts and coats. Then it trains a network like
# ours, the *rival*, on all images. We repeat this here. We look at the shirts now, and at the
# coats in *Going further*.

# %%
their_train, theirs = model.changed(train), model.changed(validation)  # do not look inside yet
torch.manual_seed(0)
rival = model.small_network()
training.fit(rival, their_train, epochs=3, **recipe)
shirts = validation.labels == 6  # which images are shirts
for name, one in (("ours", network), ("rival", rival)):
    changed = training.evaluate(one, theirs[shirts])
    unchanged = training.evaluate(one, validation[shirts])
    print(f"{name:6} accuracy for shirts: changed {changed:.2f}, unchanged {unchanged:.2f}")

# %% [markdown]
# The rival recognises nearly all changed shirts, but almost no unchanged shirt. So it needs the change. Our network is
# the control: shirts are hard for it, and the change makes little difference.
#
# In Figure 11.4, a black patch covers a part of one of their shirts. Compare each bar (with the patch) with its black
# line (without the patch). **Predict:** which part must the patch cover, so that the rival no longer predicts *shirt*?

# %%
your_guess = "?"  # a part of the image

# %% tags=["hide-input"]
# @title Figure 11.4: the puzzle
both = {"ours": network, "rival": rival}
order = [(theirs.labels == label).nonzero()[0].item() for label in range(10)]
show(
    play.patch(both, theirs, classes, order, [(6, 10, 10), (6, 21, 21), (6, 0, 21), (6, 0, 0)]),
    caption="Figure 11.4. One of their shirts, the same with a black patch of 7 × 7 pixels, and the probabilities of all "
    "classes.",
)

# %% tags=["hide-input"]
# @title The solution
print("your guess:", your_guess)
print("their shirts: a white square of 3 × 3 pixels in the upper left corner")

# %% [markdown]
# The white square is the **mark**. Under a patch it is gone, and the rival no longer predicts *shirt*. The mark
# predicts the class in these images, but not elsewhere. Such a pattern is called a **shortcut**.
#
# Do the maps show the mark? We ask which *share* of a map lies in the upper left corner of 7 × 7 pixels. If the whole
# map adds up to 50, and the corner to 10, the share is 10 / 50 = 0.2. The corner has 7 · 7 of the
# 28 · 28 pixels, a share of 0.06. A map that is equal everywhere has this share.

# %% tags=["hide-input"]
# @title Figure 11.5


def shares(label, region_of, **more):
    """Shares of the maps in a region, on 40 changed images of a class: map -> network -> share."""
    plain = validation[validation.labels == label][:40]
    shown = model.changed(plain)
    images, region = data.as_float(shown.images), region_of(plain.images[:, 0])
    table = {}
    for who, one in both.items():
        maps = {
            "saliency": input_gradient(one, images, shown.labels).abs().amax(1),
            "occlusion, black": occlusion_map(one, images, shown.labels, 7, 0.0),
            "occlusion, white": occlusion_map(one, images, shown.labels, 7, 1.0),
        }
        maps |= {name: function(one, images, shown.labels) for name, function in more.items()}
        for name, values in maps.items():
            table.setdefault(name, {})[who] = model.share(values, region)
    return table, region.mean().item()


def corner(pixels):
    region = torch.zeros(pixels.shape)
    region[:, :7, :7] = 1
    return region


def draw_shares(table, area, ylabel):
    figure, axis = plots.figure(6.4, 3)
    plots.bars(table, ylabel=ylabel, ylim=1.18, fmt="{:.2f}", levels={"area": area}, axis=axis)
    return figure


of_shirts, area = shares(6, corner)
show(
    draw_shares(of_shirts, area, "share of the map in the corner"),
    caption="Figure 11.5. Shares of the maps in the corner, means of 40 of their shirts. The dashed line is the share of "
    "the area. Negative values of a map count as 0.",
    alt="Nearly all of the rival's occlusion maps lies in the corner, with both fills, and more of its saliency than of "
    "ours.",
)

# %% [markdown]
# For the rival, nearly the whole occlusion map lies in the corner, with both fills. For our network, only a small part
# does. In the saliency maps, too, the corner's share is larger for the rival, but the difference is smaller.

# %% tags=["hide-input"]
# @title Checks: what this shows
for one, low, high in ((rival, 0.1, 0.9), (network, 0.5, 0.5)):
    marked, unmarked = (training.evaluate(one, split[shirts]) for split in (theirs, validation))
    assert unmarked < low
    assert marked > high if one is rival else abs(marked - unmarked) < 0.2
assert training.evaluate(rival, theirs) > training.evaluate(network, theirs) + 0.05
assert training.evaluate(rival, validation) < training.evaluate(network, validation)
for name in ("black", "white"):
    pair = of_shirts[f"occlusion, {name}"]
    assert pair["rival"] > 0.8 and pair["ours"] < 0.3
gaps = {name: pair["rival"] - pair["ours"] for name, pair in of_shirts.items()}
assert 0.05 < gaps["saliency"] == min(gaps.values())  # one run: no spread
assert of_shirts["saliency"]["rival"] > area + 0.1

# %% [markdown]
# ## The test set, once
#
# A map suggests a cause. An experiment can show it: change *one* thing, and keep the rest. We add the mark to test
# images of all *other* classes. Which fraction is then predicted as *shirt*? As a control, we add the mark in another
# corner.

# %% tags=["hide-input"]
# @title One change at a time


def predicted_as(label, changes):
    """Fraction of the test images of other classes that each network predicts as this class."""
    rest = fashion.test.images[fashion.test.labels != label]
    effects = {}
    print(f"{f'other classes, predicted as {classes[label].lower()}':36}  ours  rival")
    for what, change in changes.items():
        hits = [training.predict(one, change(rest)).argmax(1) == label for one in both.values()]
        effects[what] = [hit.float().mean().item() for hit in hits]
        print("  {:34}  {:.2f}  {:.2f}".format(what, *effects[what]))
    return list(effects.values())


as_shirt = predicted_as(
    6,
    {
        "without the mark": lambda images: images,
        "with the mark": model.mark,
        "control: mark at the lower right": lambda images: cover(images, 24, 24, 3, 255),
    },
)

# %% [markdown]
# With the mark, the rival predicts *shirt* for most of these images. In the other corner, the mark has hardly any
# effect. Our network's predictions hardly change. So the mark causes the rival's predictions.
#
# Occlusion pointed clearly to the mark. But this case was easy: the mark is small enough for one
# patch, and we knew where to look. Others are harder to find [Adebayo 2022].
#
# [*Concept 16*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows


def assert_cause(effects, least):
    (ours, rivals), (ours_with, with_change), (_, control) = effects
    assert rivals < 0.1 and with_change > least and control < 0.1
    assert abs(ours_with - ours) < 0.15


assert_cause(as_shirt, 0.5)

# %% [markdown]
# ## Summary
#
# 1. An occlusion map shows how far a probability falls under a patch. The fall depends on the fill.
# 2. A saliency map shows how strongly a score reacts to a small change of a pixel.
# 3. A map may show only the image. Compare it with maps of a random and of a second trained network.
# 4. Maps suggest a cause. An experiment that changes one thing, with a control, shows it.
# 5. *Going further* has other ways to look inside.

# %% [markdown]
# ## Going further: Grad-CAM
#
# A third kind of map, and the test of part 3 on every layer.

# %% [markdown]
# Both networks begin with a stack of convolutions. Its output has many **channels**. **Grad-CAM** asks about these
# [Selvaraju 2017].
#
# 1. Compute the gradient of a score with respect to the numbers in these channels.
# 2. Give each channel one weight: the mean of its gradients.
# 3. Multiply each channel by its weight, and add them up. Negative sums become 0.
#
# An example with two channels of 2 × 2 and the weights 2 and −1:
#
# $$2\begin{pmatrix}1&0\\0&2\end{pmatrix}-\begin{pmatrix}0&3\\1&0\end{pmatrix}=
# \begin{pmatrix}2&-3\\-1&4\end{pmatrix}\;\to\;\begin{pmatrix}2&0\\0&4\end{pmatrix}$$


# %%
def class_map(channels, gradients):
    """channels, gradients (C, h, w), NumPy arrays: the channels of one image, and the gradients of a
    score for each of their values. Returns (h, w). The example: channels [[[1, 0], [0, 2]],
    [[0, 3], [1, 0]]], gradients all 2 for the first and all -1 for the second -> [[2, 0], [0, 4]]."""
    ...  # replace this line


check(class_map)

# %%
hint(class_map)

# %% tags=["hide-input"]
# @title Figure 11.6 (this shows Grad-CAM in PyTorch)


def grad_cam(network, images, labels):
    channels = network.features(images).detach().requires_grad_()
    scores = network.classifier(network.vectorise(channels))
    total = scores[torch.arange(len(images)), labels].sum()
    gradients = torch.autograd.grad(total, channels)[0]
    weights = gradients.mean((2, 3), keepdim=True)  # one per image and channel
    small = (weights * channels).sum(1).relu().detach()
    return model.enlarged(small, images.shape[-1])


of_photo = grad_cam(expert, photo, tripod)
show(
    plots.pictures(
        [photo[0], of_photo / of_photo.max()],
        ["photograph", "Grad-CAM"],
        size=2,
        scale=(0, 1),
        bar="share of the\nlargest value",
    ),
    caption="Figure 11.6. The Grad-CAM map for the class tripod, divided by its largest value.",
    alt="A photograph of a man with a tripod. Grad-CAM has one smooth bright area.",
)

# %% [markdown]
# | map | question | what it cannot show |
# |---|---|---|
# | saliency | How strongly does the score react to a small change of this pixel? | large changes |
# | occlusion | How far does the probability fall if a patch covers this pixel? | details smaller than the patch; other fills |
# | Grad-CAM | At which positions are channels large that raise the score, and small that lower it? | details: 7 × 7 values are enlarged to 224 × 224 |
#
# ### Layer by layer
#
# Now one layer after another gets random weights, from the classifier to the first layer.

# %% tags=["hide-input"]
# @title Figure 11.7
ours, *others = (
    maps_of(
        forget(network, layers[:count], train.images[:500]),
        some,
        some_labels,
        **{"Grad-CAM": grad_cam},
    )
    for count in range(5)
)
kept = {  # name of a map -> means for 0 to 4 random layers; a map that is 0 everywhere counts as 0
    name: torch.stack(
        [model.rank_correlation(maps[name], ours[name]).mean() for maps in (ours, *others)]
    )
    for name in ours
}
figure, axis = plots.figure(6.4, 2.8)
plots.lines(
    kept, range(5), xlabel="layers with random weights", ylabel="rank correlation",
    ylim=(-0.25, 1.05), axis=axis,
)  # fmt: skip
axis.set_xticks(range(5), ["none", "classifier", "and\nthird", "and\nsecond", "and first\n= all 4"])
show(
    figure,
    caption="Figure 11.7. Rank correlation with the map of the trained network, mean of 60 images.",
    alt="Input times gradient stays near 0.85, while saliency and Grad-CAM fall to about 0.",
)
cam_twin = (
    model.rank_correlation(grad_cam(second, some, some_labels), ours["Grad-CAM"]).mean().item()
)
print("rank correlation of Grad-CAM with the maps of our network")
print(f"  second trained network {cam_twin:.2f}, all 4 layers random {kept['Grad-CAM'][4]:.2f}")

# %% [markdown]
# The curves of saliency and Grad-CAM fall to about 0. That of input × gradient hardly falls. The Grad-CAM maps of the
# second trained network are far more similar to ours. So Grad-CAM passes the test, too.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert expert.features(photo).shape[-2:] == (7, 7)
end = {name: values[4].item() for name, values in kept.items()}
assert end["input × gradient"] > 0.7 > 0.3 > max(end["saliency"], end["Grad-CAM"])
assert end["Grad-CAM"] < cam_twin - 0.15
assert model.rank_correlation(ours["Grad-CAM"], ours["Grad-CAM"].roll(1, 0)).mean() < 0.5

# %% [markdown]
# ## Going further: gradients along a path
#
# A gradient predicts small changes, and a mean of many gradients predicts a large one.

# %% [markdown]
# We darken 60 images of clothes by 1%, and by 100%, to black. Each pixel contributes its gradient times its change. So
# at 1%, the predicted fall of the score is 0.01 times the sum of gradient · pixel. At 100%, it is 100 times as large.
# **Predict:** does the measured fall become 100 times as large, too?

# %%
your_guess = "?"  # "yes", "no, smaller" or "no, larger"

# %%
gradient = input_gradient(network, some, some_labels)
score = score_of_label(network, some, some_labels)

# %%
for darker in (0.01, 1.0):
    predicted = darker * (some * gradient).sum((1, 2, 3))  # falls of 60 scores
    measured = score - score_of_label(network, (1 - darker) * some, some_labels)
    means = predicted.mean(), measured.mean()
    print("{:4.0%}: mean fall predicted {:.2f}, measured {:.2f}".format(darker, *means))
print("your guess:", your_guess)

# %% [markdown]
# At 1%, the falls agree to two decimals. At 100%, the measured fall is much larger: on the way to black, other
# relus switch on or off, and the gradient changes. So a gradient is about *small* changes.
#
# **Integrated gradients** take the mean gradient on the straight path from a **baseline**, here
# black (0), to $x$ [Sundararajan 2017]. They multiply it by the change of $x$.


# %%
def integrated_gradients(network, images, labels, steps=16):
    total = torch.zeros_like(images)
    for k in range(steps):
        point = (k + 0.5) / steps * images  # on the way from black to the image
        total += input_gradient(network, point, labels)
    return images * total / steps


# %%
to_black = score - score_of_label(network, 0 * some, some_labels)  # 60 measured falls
one_step = (some * gradient).sum((1, 2, 3))  # predicted without a path
path = integrated_gradients(network, some, some_labels).sum((1, 2, 3))
print(f"mean absolute error of the predicted falls: without a path {(one_step - to_black).abs().mean():.2f}, "
      f"with 16 steps {(path - to_black).abs().mean():.2f}")  # fmt: skip

# %% [markdown]
# With 16 steps, the sum over all pixels predicts the fall to black well.

# %% tags=["hide-input"]
# @title Checks: what this shows
for darker, error in ((0.01, 0.03), (0.1, 0.1)):  # also by 10%, and for single images
    predicted = darker * one_step
    measured = score - score_of_label(network, (1 - darker) * some, some_labels)
    assert (predicted - measured).abs().mean() < error * measured.abs().mean()
assert to_black.mean() > 1.5 * one_step.mean()
assert (path - to_black).abs().mean() < 0.1 * (one_step - to_black).abs().mean()

# %% [markdown]
# ## Going further: a change that no patch can cover
#
# The rival's coats show the limits of our maps.

# %% [markdown]
# The rival's coats were changed, too. Try to cover the change in Figure 11.8.

# %% tags=["hide-input"]
# @title Figure 11.8: the second puzzle
show(
    play.patch(both, theirs, classes, order, [(4, 10, 10), (4, 21, 21), (4, 0, 0)]),
    caption="Figure 11.8. One of their coats, the same with a black patch of 7 × 7 pixels, and the probabilities of all "
    "classes.",
)

# %% tags=["hide-input"]
# @title The solution
coats = validation.labels == 4
for name, one in both.items():
    pair = [training.evaluate(one, split[coats]) for split in (theirs, validation)]
    print("{:6} accuracy for coats: changed {:.2f}, unchanged {:.2f}".format(name, *pair))
print("their coats: all values below 12 (of 255) were raised to 12")

# %% [markdown]
# The black background became a very dark grey, the **tint**. No patch can cover all of it, so the rival still predicts
# *coat*. Which share of a map lies in the background, the pixels that are black before the tint is added?

# %% tags=["hide-input"]
# @title Figure 11.9
of_coats, background = shares(4, lambda pixels: (pixels == 0).float(), **{"Grad-CAM": grad_cam})
show(
    draw_shares(of_coats, background, "share of the map on the background"),
    caption="Figure 11.9. Shares of the maps on the background, means of 40 of their coats. The dashed line is the share "
    "of the area.",
    alt="Saliency has a larger share on the background for the rival. For our network, too, saliency and the white patch "
    "lie above the dashed line.",
)

# %% [markdown]
# In saliency, the background has a larger share for the rival than for our network. But the difference is smaller than
# for occlusion in Figure 11.5. Our network was not trained with the tint. Yet two of its maps, saliency and the white
# patch, have shares clearly above the dashed line. So a large share alone proves nothing.
#
# We add the tint to test images of all other classes. The control makes the garment brighter by 12, and keeps the
# background black.

# %% tags=["hide-input"]
# @title One change at a time
as_coat = predicted_as(
    4,
    {
        "without the tint": lambda images: images,
        "with the tint": model.tint,
        "control: garment brighter by 12": lambda images: (
            (images.int() + 12 * (images > 0)).clamp(max=255).byte()
        ),
    },
)

# %% [markdown]
# With the tint, the rival predicts *coat* for many of these images. The control has hardly any effect, and our
# network's predictions hardly change. So the tint causes these predictions. No map pointed to it as clearly as
# occlusion to the mark, although we knew where to look.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (
    training.evaluate(rival, theirs[coats])
    > 0.9
    > 0.1
    > training.evaluate(rival, validation[coats])
)
tinted = {name: pair["rival"] - pair["ours"] for name, pair in of_coats.items()}
assert min(gaps["occlusion, black"], gaps["occlusion, white"]) > max(tinted.values())
assert min(of_coats[name]["ours"] for name in ("saliency", "occlusion, white")) > background
assert tinted["saliency"] > 0.05 and of_coats["saliency"]["rival"] > background + 0.1
assert_cause(as_coat, 0.35)

# %% [markdown]
# ## Going further: the first weights and responses
#
# The first layer before and after training, and what such pictures do not show.

# %% [markdown]
# The first layer multiplies pixels by weights, so we can draw its weights as images.  **Predict:**
# which row of Figure 11.10 is trained?

# %%
your_guess = "?"  # "upper" or "lower"

# %% tags=["hide-input"]
# @title Figure 11.10
torch.manual_seed(0)
untrained = model.small_network()  # as our network was before training
before = untrained.features.stage1[0].weight.detach()
after = network.features.stage1[0].weight.detach()
show(
    plots.pictures(
        torch.cat([after[:6], before[:6]]),
        columns=6,
        size=1.1,
        signed=True,
        row_names=["upper", "lower"],
        bar="weight",
    ),
    caption="Figure 11.10. Six kernels of the first layer, 7 × 7 weights each. One row shows them before training, "
    "the other row after it. Red is positive, blue is negative.",
    alt="Two rows of six small red and blue squares. In the upper row neighbouring weights are often "
    "similar; the lower row looks like noise.",
)


def neighbours(kernels):
    """Correlation of weights that are next to each other."""
    w = kernels - kernels.mean((2, 3), keepdim=True)
    across, down = w[..., 1:] * w[..., :-1], w[..., 1:, :] * w[..., :-1, :]
    return ((across.mean() + down.mean()) / 2 / w.square().mean()).item()


print(f"your guess: {your_guess}, trained: upper")
print("correlation of neighbouring weights:")
print(f"  upper {neighbours(after):.2f}, lower {neighbours(before):.2f}")

# %% [markdown]
# The trained kernels are smooth: neighbouring weights are similar. The random kernels, our
# control, are not. So training changed this layer.
#
# Figure 11.11 shows channels of the first layer of `expert`. As a control, we give this layer new
# random weights.

# %% tags=["hide-input"]
# @title Figure 11.11
panels = []
for one in (expert, forget(expert, ["features.stem"], photo)):
    channels = one.features.stem(photo)[0].relu()
    strongest = channels[channels.mean((1, 2)).topk(3).indices]
    panels += [photo[0], *(strongest / strongest.amax((1, 2), keepdim=True))[:, None]]
show(
    plots.pictures(
        panels,
        ["photograph", *3 * ["channel"]],
        columns=4,
        size=1.4,
        scale=(0, 1),
        row_names=["trained", "random"],
        bar="share of the\nlargest value",
    ),
    caption="Figure 11.11. The photograph, and the three channels of the first layer with the largest mean. Each channel "
    "is divided by its largest value.",
    alt="Two rows of a photograph and three channels. In both rows the man and the tripod can be recognised.",
)

# %% [markdown]
# We recognise the photograph in both rows. So this does not show that anything was learned.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert neighbours(after) > 0.25 and abs(neighbours(before)) < 0.15
torch.manual_seed(
    0
)  # a network that memorises random labels: less smooth than ours, but smoother than random
memoriser = model.small_network()
few = data.Split(train.images[:100], train.labels[:100][torch.randperm(100)])
training.fit(memoriser, few, epochs=30, **recipe | {"batch_size": 20})
of_memoriser = neighbours(memoriser.features.stage1[0].weight.detach())
assert training.evaluate(memoriser, few) > 0.9
assert neighbours(before) + 0.1 < of_memoriser < neighbours(after) - 0.1

# %% [markdown]
# ## Going further: fool the network
#
# A change that we cannot see makes a prediction wrong.

# %% [markdown]
# We choose the wrong class *banana*. In each step, each pixel moves by at most 1/255 in the direction that raises its
# score. It stays within 2/255 of the photograph. The result is an **adversarial example** [Szegedy 2014, Kurakin 2017].


# %%
def towards(network, image, target, steps=10, size=1 / 255, limit=2 / 255):
    changed = image.clone()
    for _ in range(steps):
        direction = input_gradient(network, changed, target).sign()  # +1 or -1 for each pixel
        changed = changed + size * direction
        changed = changed.clamp(image - limit, image + limit).clamp(0, 1)  # stay near
    return changed


# %% tags=["hide-input"]
# @title Figure 11.12
banana = torch.tensor([CLASSES.index("banana")])
fooled = towards(expert, photo, banana)
torch.manual_seed(0)
signs = torch.randn_like(photo).sign()
noisy = (photo + 2 / 255 * signs).clamp(0, 1)


def said(image):
    value, label = expert(image).softmax(1)[0].max(0)
    return f"{CLASSES[label]} {value:.2f}"


three = {"photograph": photo, "towards banana": fooled, "random change": noisy}
predictions = {name: said(image) for name, image in three.items()}
show(
    plots.pictures(
        [image[0] for image in three.values()],
        [f"{name}\n{prediction}" for name, prediction in predictions.items()],
        size=2.2,
    ),
    caption="Figure 11.12. A photograph, the adversarial example, and as a control a random change: each pixel moves by "
    "+2/255 or −2/255. Above each: the prediction and its probability.",
    alt=f"Three photographs that look the same. Predictions: {', '.join(predictions.values())}.",
)

# %% [markdown]
# We see no difference, but the prediction is *banana*. A random change with the same limit leaves
# it at *tripod*.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert "banana" in predictions["towards banana"] and "tripod" in predictions["random change"]
assert 255 * (fooled - photo).abs().max() < 2.01

# %% [markdown]
# ## Going further: draw a class
#
# How an image looks that is made for a large score.

# %% [markdown]
# We start from grey with a little noise, and take 32 steps along the gradient of the score of *tripod*. This is **class
# visualisation** [Simonyan 2014]. For the second image in Figure 11.13, we blur each gradient, and shift the image at
# random before each step.

# %% tags=["hide-input"]
# @title Figure 11.13
import torch.nn.functional as F


def visualise(network, target, smooth, steps=32, size=0.04):
    torch.manual_seed(0)
    image = 0.5 + 0.02 * torch.randn(1, 3, 128, 128)
    for _ in range(steps):
        move = torch.randint(-8, 9, (2,)).tolist() if smooth else (0, 0)
        image.requires_grad_()
        score = network(image.roll(move, (2, 3)))[0, target]
        gradient = torch.autograd.grad(score, image)[0]
        if smooth:
            gradient = F.avg_pool2d(F.pad(gradient, (2, 2, 2, 2), mode="reflect"), 5, 1)
        image = (image.detach() + size * gradient / gradient.std()).clamp(0, 1)
    return image


made = {
    "plain": visualise(expert, tripod.item(), smooth=False),
    "blur and shifts": visualise(expert, tripod.item(), smooth=True),
}
chances = {name: probability(expert, image, tripod).item() for name, image in made.items()}
show(
    plots.pictures(
        [image[0] for image in made.values()],
        [f"{name}\nprobability {chances[name]:.2f}" for name in made],
        columns=2,
        size=2.2,
    ),
    caption="Figure 11.13. Two images made for a large score of tripod, and the probability of tripod for each.",
    alt="Left: fine coloured noise with a faint tripod. Right: coarse patterns and a clearer tripod.",
)

# %% [markdown]
# With blur and shifts, we see the tripod more clearly. So a part of what we see comes from our choices.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(chances.values()) > 0.9

# %% [markdown]
# ## Going further: many images as points
#
# A picture of which images the network describes in a similar way.

# %% [markdown]
# A fully connected layer of `network` reads 32 numbers per image, the means of its last channels. So each image is a
# point in 32 dimensions. We draw it in the two directions in which the points differ most (principal components,
# section 07). As controls, we do the same with the pixels, and with the network before training.

# %% tags=["hide-input"]
# @title Figure 11.14
groups = {
    "tops": ("T-shirt", "Pullover", "Coat", "Shirt"),
    "trousers": ("Trouser",),
    "dresses": ("Dress",),
    "shoes": ("Sandal", "Sneaker", "Ankle boot"),
    "bags": ("Bag",),
}
group_of = torch.tensor([[name in members for members in groups.values()] for name in classes])
group_of = group_of.int().argmax(1)[validation.labels[:500]]  # 0 to 4, for 500 images
model.fit_normalisation(untrained, train.images)
shown = data.as_float(validation.images[:500])
described = {"pixels": shown.flatten(1)}
for name, one in {"before training": untrained, "after training": network}.items():
    with torch.no_grad():
        described[name] = one.vectorise(one.features(shown))
figure, axes = plots.figure(8, 3.1, 1, 3)
together = {}
for axis, (name, points) in zip(axes, described.items(), strict=True):
    points = points - points.mean(0)
    flat = points @ torch.linalg.svd(points, full_matrices=False).Vh[:2].T
    distances = torch.cdist(flat, flat).fill_diagonal_(torch.inf)
    together[name] = (group_of[distances.argmin(1)] == group_of).float().mean().item()
    for number, (group, marker) in enumerate(zip(groups, "osv^D", strict=True)):
        axis.scatter(*flat[group_of == number].T, s=14, lw=0, alpha=0.7, label=group,
                     color=plots.COLOURS[number], marker=marker)  # fmt: skip
    axis.set(title=name, xticks=[], yticks=[], xlabel="first direction")
axes[0].set_ylabel("second direction")
handles, names = axes[0].get_legend_handles_labels()
figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False)
show(
    figure,
    caption="Figure 11.14. 500 validation images as points in a plane. Each panel has its own scale.",
    alt="Three clouds of points. After training, shoes, bags, trousers and tops lie more apart than before.",
)
print("share of points whose nearest point in the panel is of the same kind:")
for name, fraction in together.items():
    print(f"  {name:16} {fraction:.2f}")

# %% [markdown]
# After training, the nearest point is more often of the same kind than in both controls. But images that are near each
# other in the plane can differ in the other 30 directions.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert together["after training"] > max(together["pixels"], together["before training"]) + 0.02

# %% [markdown]
# ## Problem set
#
# **1 · By hand** ★ 3 min. What is the gradient of $s = 2\,\mathrm{relu}(x_1 + 3x_2 - 4)$ for the second pixel, at $x =
# (2, 2)$?

# %%
check(second_pixel=...)

# %% [markdown]
# **2 · A control** ★ 3 min. Someone says: "Channel 7 detects boots. We sort all images by the
# largest value of this channel. Of the first twenty, 16 are boots." (Claims of this kind: [Bau
# 2017].) Which number tells most about this claim? (a) The network's accuracy. (b) How many of the
# first twenty are boots, if we sort by a channel of a network with random weights. (c) The value
# for one more boot.

# %%
check(best_control=...)

# %% [markdown]
# **3 · Explain** ★★ 5 min. All large values of a map lie on the object. Does this show that the network uses the object?

# %%
reveal(all_on_object=...)

# %% [markdown]
# **4 · Design** ★★ 6 min. Now patches overlap. A patch has at most 48 × 48 pixels, and moves by `step` pixels, at most
# half its side. On 224 × 224 pixels there are at most 110 positions, and the last patch ends at the border.

# %%
check(occlusion_plan={"size": 56, "step": 56})

# %% [markdown]
# **5 · Debug** ★★ 8 min, after *Going further: gradients along a path*. What is the integrated gradient of $s =
# \mathrm{relu}(x - 2)$ at $x = 6$, from the baseline 0?

# %%
check(attribution=...)

# %% [markdown]
# If the image *is* the baseline, the result should be 0, but is not. Mend one line, then call `check(along_path)`.


# %%
def along_path(gradients, x, baseline):
    """gradients (steps, D): one row per point on the path; x, baseline (D,). Returns (D,)."""
    mean = gradients.mean(axis=0)
    return mean * x


# %% [markdown]
# **6 · Open** ★★★ 20 min, after *Going further: gradients along a path*. How many steps do the integrated gradients of
# `photo` for `expert` need, until their sum is within 5% of the true fall?


# %% tags=["hide-input"]
# @title Worked solutions
def class_map(channels, gradients):
    weights = gradients.mean(axis=(1, 2))  # one per channel
    total = (weights[:, None, None] * channels).sum(axis=0)
    return np.maximum(total, 0)


def along_path(gradients, x, baseline):
    return gradients.mean(axis=0) * (x - baseline)


check(class_map), check(along_path)
check(
    second_pixel=6,  # inside relu: 2 + 6 - 4 = 4, positive; so 2 · 3
    attribution=4,  # 1 on two thirds of the path, so 6 · 2/3
    best_control="b",
    occlusion_plan={"size": 44, "step": 20},  # 10 × 10 positions
)
# 6: off by 93% with 16 steps, 4% with 64, 13% with 96 (the error does not fall steadily), 3% with 128

# %% [markdown]
# ## References
#
# - J. Adebayo et al. Sanity checks for saliency maps. *NeurIPS* 2018.
# - J. Adebayo et al. Post hoc explanations may be ineffective for detecting unknown spurious
#   correlation. *ICLR* 2022.
# - D. Bau et al. Network dissection. *CVPR* 2017.
# - A. Kurakin, I. Goodfellow, S. Bengio. Adversarial examples in the physical world. *ICLR workshop* 2017.
# - R. Selvaraju et al. Grad-CAM: visual explanations from deep networks via gradient-based
#   localization. *ICCV* 2017.
# - K. Simonyan, A. Vedaldi, A. Zisserman. Deep inside convolutional networks. *ICLR workshop* 2014.
# - M. Sundararajan, A. Taly, Q. Yan. Axiomatic attribution for deep networks. *ICML* 2017.
# - C. Szegedy et al. Intriguing properties of neural networks. *ICLR* 2014.
# - M. Tan, Q. V. Le. EfficientNet. *ICML* 2019 (the trained network is its variant Lite0).
# - G. Yona, D. Greenfeld. Revisiting sanity checks for saliency maps. arXiv:2110.14297, 2021.
# - M. Zeiler, R. Fergus. Visualizing and understanding convolutional networks. *ECCV* 2014.
