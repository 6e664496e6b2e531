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
# Suppose that all our images of cows show a meadow. Then a network can learn *meadow* instead of *cow*, and
# still be right. So we want to see what a prediction depends on. A common tool is a **map**: one
# number for each pixel, meant to be large where the pixel matters. We compute three maps, and
# test them. You need sections [04](04_one_layer_one_template.ipynb) (score, gradient) and
# [05](05_from_dense_to_convolution.ipynb) (convolution).
#
# Afterwards you will be able to
#
# - compute a small gradient and a Grad-CAM map by hand,
# - test whether a map depends on what the network learned,
# - plan an experiment that shows what a network uses.
#
# *About 50 min, and as much for the problem set · CPU 25 s*

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
# ## 1 Look at weights and responses
#
# We look into two networks. `expert` is EfficientNet-Lite0, a variant of [Tan 2019], trained on
# photographs of 1,000 classes. We give it a photograph of a man with a camera on a tripod.

# %%
photo = data.as_float(data.photos(224)["camera"])[None]  # 1 × 3 × 224 × 224, from 0 to 1
expert = efficientnet_lite0().requires_grad_(False)  # we do not train it
largest, tripod = expert(photo).softmax(1).max(1)  # largest probability, and its class
print(f"prediction: {CLASSES[tripod]}, probability {largest.item():.2f}")

# %% [markdown]
# `network` is small. We train it on images of clothes (Fashion-MNIST).

# %%
fashion = data.fashion_mnist()
train, validation, classes = fashion.train[:3_000], fashion.train[8_000:], fashion.classes
recipe = {"batch_size": 50, "lr": 0.2, "progress": False, "device": "cpu"}
torch.manual_seed(0)
network = model.small_network()
before = network.features.stage1[0].weight.detach().clone()  # weights of the first layer
training.fit(network, train, epochs=3, **recipe)
print(f"validation accuracy {training.evaluate(network, validation):.3f}, chance 0.1")

# %% [markdown]
# Both networks begin with `features`, a stack of convolutions (in `network`, three). Its output has many
# **channels**: grids of numbers that say how strongly a pattern is found at each position. The mean of each
# channel goes to the `classifier`, a fully connected layer.
#
# ### The first weights
#
# The first layer multiplies pixels by weights, so we can draw its weights as images. Figure 11.1
# shows six kernels before training, when they are random, and after it. In section 04, a step of
# training added images to the templates, or subtracted them. A kernel slides over the image, so a
# step adds or subtracts the windows under it. In such windows, neighbouring pixels are often
# similar. **Predict:** which row is trained?

# %%
your_guess = "?"  # "upper" or "lower"

# %% tags=["hide-input"]
# @title Figure 11.1
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
    caption="Figure 11.1. Six kernels of the first layer, 7 × 7 weights each. One row shows them before training, "
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
# The trained kernels are smooth: neighbouring weights are similar. The random kernels, our control, are not. So training
# changed this layer. This does not say *what* was learned.
#
# ### Responses
#
# Kernels of later layers multiply channels, not pixels. So Figure 11.2 shows channels instead, those of the first
# layer of `expert`. As a control, we give this layer new random weights.

# %% tags=["hide-input"]
# @title Figure 11.2
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


panels = []
for one in (expert, forget(expert, ["features.stem"], photo)):
    channels = one.features.stem(photo)[0].relu()
    strongest = channels[channels.mean((1, 2)).topk(4).indices]
    panels += [photo[0], *(strongest / strongest.amax((1, 2), keepdim=True))[:, None]]
show(
    plots.pictures(
        panels,
        ["photograph", *4 * ["channel"]],
        columns=5,
        size=1.3,
        scale=(0, 1),
        row_names=["trained", "random"],
        bar="share of the\nlargest value",
    ),
    caption="Figure 11.2. The photograph, and the four channels of the first layer with the largest mean. Each channel "
    "is divided by its largest value.",
    alt="Two rows of a photograph and four channels. In both rows the man and the tripod can be recognised.",
)

# %% [markdown]
# We recognise the photograph in both rows. So this does not show that anything was learned.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert sum(p.numel() for p in expert.parameters()) == 4_652_008
assert CLASSES[tripod] == "tripod" and largest > 0.8
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
# ## 2 Cover a part
#
# Which part of the photograph matters for the prediction *tripod*? We cover a part with a patch, and run the
# network again. An **occlusion map** shows for each pixel how far the probability falls under its patch [Zeiler 2014].


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
# Patches of 56 × 56 pixels lie side by side. 224 / 56 = 4, so there are 4 · 4 = 16 positions. We try black and white
# patches.

# %%
falls = {
    "black": occlusion_map(expert, photo, tripod, size=56, fill=0.0),
    "white": occlusion_map(expert, photo, tripod, size=56, fill=1.0),
}

# %% tags=["hide-input"]
# @title Figure 11.3
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
    caption="Figure 11.3. Occlusion maps for the class tripod, with two fills. Red: the "
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
# ## 3 Ask the gradient
#
# Occlusion needs many runs of the network, a gradient only one, forward and back. In section 04, it
# said how fast the *loss* changes with a *weight*. Now it says how fast a *score* (before the softmax)
# changes with a *pixel*.
#
# Take two pixels, $x = (2, 1)$, and the score $s = 3\,\mathrm{relu}(2x_1 - x_2 - 1)$, where relu
# sets negative numbers to 0. The number inside relu is 4 − 1 − 1 = 2. It is positive, so near this
# $x$ relu changes nothing: $s = 6x_1 - 3x_2 - 3$. The gradient is (6, −3). If the number were
# negative, the gradient would be (0, 0). The gradient predicts small changes. If both pixels fall
# by 1%, to (1.98, 0.99), then $s$ falls by 6 · 0.02 − 3 · 0.01 = 0.09.
#
# For a whole network, PyTorch computes the gradient:


# %%
def score_of_label(network, images, labels):  # N numbers, one for each image
    scores = network(images)  # N × classes
    return scores[torch.arange(len(images)), labels]


def input_gradient(network, images, labels):
    images = images.clone().requires_grad_()  # ask for the gradients of the pixels
    # the sum is one number, as backward() needs; the images do not affect each other
    score_of_label(network, images, labels).sum().backward()
    return images.grad  # shaped like images


# %% [markdown]
# The absolute value of the gradient is the **saliency map** [Simonyan 2014]. In a photograph, each pixel has three values, for red, green and blue. The map takes the largest.
#
# How far can we trust a gradient? We darken 60 images of clothes by 1%, and by 100%, to black. At
# 1%, a pixel $x$ loses $0.01\,x$. As in the example, each pixel contributes its gradient times its
# change. So the predicted fall of the score is 0.01 times the sum of gradient · pixel. At 100%, it
# is 100 times as large. **Predict:** does the measured fall become 100 times as large, too?

# %%
your_guess = "?"  # "yes", "no, smaller" or "no, larger"

# %%
some, some_labels = data.as_float(validation.images[:60]), validation.labels[:60]
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
# At 1%, predicted and measured falls agree (to two decimals). At 100%, the measured fall is here much larger: on the way to black, other relus switch on or off, and the gradient changes. So a
# gradient is about *small* changes.
#
# ## 4 Look at the last channels
#
# **Grad-CAM** asks about the channels that `features` ends with [Selvaraju 2017].
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
# @title Figure 11.4 (this shows Grad-CAM in PyTorch)


def grad_cam(network, images, labels):
    channels = network.features(images).detach().requires_grad_()
    scores = network.classifier(network.vectorise(channels))
    gradients = torch.autograd.grad(scores.gather(1, labels[:, None]).sum(), channels)[0]
    weights = gradients.mean((2, 3), keepdim=True)  # one per image and channel
    small = (weights * channels).sum(1).relu().detach()
    return model.enlarged(small, images.shape[-1])


saliency = input_gradient(expert, photo, tripod).abs().amax(1)  # the largest of three colours
seen = {
    "saliency": (saliency / saliency.quantile(0.99)).clamp(max=1),
    "occlusion, black": falls["black"].clamp(min=0) / falls["black"].max(),
    "Grad-CAM": grad_cam(expert, photo, tripod),
}
seen["Grad-CAM"] = seen["Grad-CAM"] / seen["Grad-CAM"].max()
show(
    plots.pictures(
        [photo[0], *seen.values()],
        ["photograph", *seen],
        size=1.7,
        scale=(0, 1),
        bar="share of the\nlargest value",
    ),
    caption="Figure 11.4. Three maps for the class tripod, each divided by its largest value. In the saliency map, the "
    "largest 1% of the values are all white. In the occlusion map, negative falls are black.",
    alt="Saliency is made of fine specks. The occlusion map has large squares, brightest at the tripod's "
    "legs. Grad-CAM has one smooth bright area.",
)

# %% [markdown]
# The maps differ, since each answers another question.
#
# | map | question | what it cannot show |
# |---|---|---|
# | saliency | How strongly does the score react to a small change of this pixel? | large changes |
# | occlusion | How far does the probability fall if a patch covers this pixel? | details smaller than the patch; other fills |
# | Grad-CAM | At which positions are channels large that raise the score, and small that lower it? | details: 7 × 7 values are enlarged to 224 × 224 |

# %% tags=["hide-input"]
# @title Checks: what this shows
assert falls["black"].max() > 0.3 and falls["black"].max() > falls["white"].max() + 0.1
assert falls["black"].argmax() == falls["white"].argmax()
for darker, error in ((0.01, 0.03), (0.1, 0.1)):  # also by 10%, and for single images
    predicted = darker * (some * gradient).sum((1, 2, 3))
    measured = score - score_of_label(network, (1 - darker) * some, some_labels)
    assert (predicted - measured).abs().mean() < error * measured.abs().mean()
predicted = (some * gradient).sum((1, 2, 3))
assert (score - score_of_label(network, 0 * some, some_labels)).mean() > 1.5 * predicted.mean()
assert expert.features(photo).shape[-2:] == (7, 7)

# %% [markdown]
# ## 5 Is the map true?
#
# In Figure 11.2, channels with random weights looked like the photograph. So a map, too, may show only the image. The
# **model parameter randomisation test** looks for this [Adebayo 2018]. In `network`, one layer after another gets new random weights, from the classifier to the first layer, until all are random. Each time we draw the map again.
# A map that hardly changes says little about what was learned.
#
# We also test **input × gradient**: each pixel times its gradient, without the sign.
#
# To compare two maps, we put the pixels in order of their values. The **rank correlation** is 1
# for the same order, as in (0.1, 0.5, 0.2) and (3, 9, 4). It is about 0 if the orders have nothing in common.
#
# **Predict:** which map changes least: saliency, Grad-CAM or input × gradient? The background of our images is 0 (black).

# %%
your_guess = "?"  # a name

# %% tags=["hide-input"]
# @title Figures 11.5 and 11.6


def four_maps(network, images, labels):
    gradient = input_gradient(network, images, labels)
    return {
        "saliency": gradient.abs().amax(1),
        "Grad-CAM": grad_cam(network, images, labels),
        "input × gradient": (images * gradient).sum(1).abs(),
    }


layers = ["classifier", "features.stage3", "features.stage2", "features.stage1"]
compared = [forget(network, layers[:count], train.images[:500]) for count in range(5)]
maps_of = [four_maps(one, some, some_labels) for one in compared]
own, forgotten = maps_of[0], maps_of[4]
kept = {  # name of a map -> means for 0 to 4 random layers; a map that is 0 everywhere counts as 0
    name: torch.stack([model.rank_correlation(maps[name], own[name]).mean() for maps in maps_of])
    for name in own
}
panels = []
for maps in (own, forgotten):
    panels += [(one / one.max())[None] for one in (some[1, 0], *(maps[name][1] for name in own))]
show(
    plots.pictures(
        panels,
        ["image", *own],
        columns=4,
        size=1.4,
        scale=(0, 1),
        row_names=["trained", "all 4\nrandom"],
        bar="share of the\nlargest value",
    ),
    caption="Figure 11.5. Maps of one image: with the trained network, and with random weights in all four layers. "
    "Each map is divided by its largest value.",
    alt="With random weights, saliency and Grad-CAM look different. Input times gradient keeps the shape of the "
    "garment.",
)
figure, axis = plots.figure(6.4, 2.8)
plots.lines(
    kept, range(5), xlabel="layers with random weights", ylabel="rank correlation",
    ylim=(-0.25, 1.05), axis=axis,
)  # fmt: skip
axis.set_xticks(range(5), ["none", "classifier", "and\nthird", "and\nsecond", "and first\n= all 4"])
show(
    figure,
    caption="Figure 11.6. Rank correlation with the map of the trained network, mean of 60 images.",
    alt="Input times gradient stays near 0.85, while saliency and Grad-CAM fall to about 0.",
)
print("your guess:", your_guess)

# %% [markdown]
# The curves of saliency and Grad-CAM fall to about 0. That of input × gradient hardly falls.
#
# How similar are the maps of two networks that were trained on the same images? As a control, we train a second network from other
# random weights.

# %% tags=["hide-input"]
# @title The second network
torch.manual_seed(9)
second = model.small_network()
training.fit(second, train, epochs=3, seed=9, **recipe)
of_second = four_maps(second, some, some_labels)
twin = {name: model.rank_correlation(own[name], of_second[name]).mean().item() for name in own}
print("rank correlation with the maps of our trained network")
print(f"{'':16}  all 4 layers   second trained\n{'':16}        random          network")
for name, values in kept.items():
    print(f"{name:16}  {values[4].item():12.2f}   {twin[name]:14.2f}")
torch.manual_seed(0)
noise = (some[:, 0] * torch.randn(60, 28, 28)).abs()
with_noise = model.rank_correlation(own["input × gradient"], noise).mean().item()
print(f"\ninput × gradient, compared with pixels × random noise (no network): {with_noise:.2f}")

# %% [markdown]
# For saliency and Grad-CAM, the maps of the second network are far more similar to ours than those of the random one. So these maps
# depend on what was learned. For input × gradient, the two numbers are nearly equal.
#
# Why? On the black background, input × gradient is 0 for *every* network. These pixels come first
# in both orders, so the orders are similar. The last line is a control: pixels times random noise,
# without any network. Its rank correlation with our maps is as high as that of the random network.
#
# So saliency and Grad-CAM pass the test. But is a map that passes also **faithful**? That means:
# does it show what the network really uses? The test cannot tell.

# %% tags=["hide-input"]
# @title Checks: what this shows
end = {name: values[4].item() for name, values in kept.items()}
assert end["input × gradient"] > 0.7 > 0.3 > max(end["saliency"], end["Grad-CAM"])
assert all(end[name] < twin[name] - 0.15 for name in ("saliency", "Grad-CAM"))
assert end["input × gradient"] > twin["input × gradient"] - 0.1
assert abs(with_noise - end["input × gradient"]) < 0.1
# on the pixels that are not black, much less is left of input × gradient
cloth = [
    model.rank_correlation(a[x > 0][None], b[x > 0][None])
    for a, b, x in zip(
        own["input × gradient"], forgotten["input × gradient"], some[:, 0], strict=True
    )
]
assert torch.cat(cloth).mean() < with_noise - 0.3
# Other images or another measure of similarity can give other numbers [Yona 2021].
# maps of two images are a little similar: all clothes lie in the middle
assert all(model.rank_correlation(maps, maps.roll(1, 0)).mean() < 0.5 for maps in own.values())

# %% [markdown]
# ## 6 A fair test
#
# To test whether a map is faithful, we need a network whose reasons we can find out. A rival sends us a network like
# ours, and its training images. They are ours, but *two classes* were changed.

# %%
their_train, theirs = model.changed(train), model.changed(validation)  # do not look inside yet
torch.manual_seed(0)
rival = model.small_network()
training.fit(rival, their_train, epochs=3, **recipe)
both = {"ours": network, "rival": rival}
accuracy = {}
for name, one in both.items():
    accuracy[name] = [training.evaluate(one, split) for split in (theirs, validation)]
    print("{:6} accuracy: changed images {:.3f}, unchanged {:.3f}".format(name, *accuracy[name]))

# %% [markdown]
# On the changed images the rival is better than our network, on the unchanged ones it is worse. For our network, the changes hardly matter. The first clue is the accuracy per
# class, on the *unchanged* images.

# %% tags=["hide-input"]
# @title Accuracy per class
per_class = {}
for label, name in enumerate(classes):
    ours_only = validation[validation.labels == label]
    per_class[name] = [training.evaluate(one, ours_only) for one in both.values()]
    print(f"{name:12} ours {per_class[name][0]:.2f}   rival {per_class[name][1]:.2f}")

# %% [markdown]
# Without the changes, the rival recognises almost no coat and no shirt. (Shirts are hard for our network, too.) So these two
# classes were changed.
#
# **Predict:** what does the rival use in their shirts, and what in their coats? In Figure 11.7,
# compare each bar (with the patch) with its black line (without it). If they differ much, the
# covered part matters. Our network is the control: how much does the same patch change *its* bars?

# %%
your_guess = "?"  # two reasons

# %% tags=["hide-input"]
# @title Figure 11.7: the puzzle
order = [(theirs.labels == label).nonzero()[0].item() for label in range(10)]
show(
    play.patch(both, theirs, classes, order),
    caption="Figure 11.7. One of their images, the same with a black patch of 7 × 7 pixels, and the probabilities of all "
    "classes.",
)

# %% tags=["hide-input"]
# @title The solution
print("your guess:", your_guess)
print("their shirts: a white square of 3 × 3 pixels in the upper left corner")
print("their coats: all values below 12 (of 255) were raised to 12")

# %% [markdown]
# The white square is the **mark**. Under a patch it is gone, and the rival no longer predicts
# *shirt*. In the coats, the black background became a very dark grey, the **tint**. No patch can
# cover all of it, so the rival still predicts *coat*. Mark and tint predict the class in these
# images, but not elsewhere. Such patterns are called **shortcuts** (not to be confused with the
# shortcut connections of section 10).
#
# Do the maps show them? We ask which *share* of a map lies in the upper left corner of 7 × 7
# pixels. If the whole map adds up to 50, and the corner to 10, the share is 10 / 50 = 0.2. The
# corner's share of the *area* is 7 · 7 / (28 · 28) = 0.06. A map that is equal everywhere has this
# share. For coats, we ask the same about the background instead of the corner. These are all
# pixels that are black before the tint is added.

# %% tags=["hide-input"]
# @title Figure 11.8


def shares(one, images, labels, region):
    return {
        "saliency": model.share(input_gradient(one, images, labels).abs().amax(1), region),
        "Grad-CAM": model.share(grad_cam(one, images, labels), region),
        "occlusion, black": model.share(occlusion_map(one, images, labels, 7, 0.0), region),
        "occlusion, white": model.share(occlusion_map(one, images, labels, 7, 1.0), region),
    }


areas, tables = {}, {}
for label in (6, 4):
    plain = validation[validation.labels == label][:40]
    shown = model.changed(plain)
    region = (plain.images[:, 0] == 0).float()
    if label == 6:
        region = torch.zeros_like(region)
        region[:, :7, :7] = 1
    found = {
        name: shares(one, data.as_float(shown.images), shown.labels, region)
        for name, one in both.items()
    }
    tables[label] = {name: {who: found[who][name] for who in both} for name in found["ours"]}
    areas[label] = region.mean().item()
figure, axes = plots.figure(6.4, 5.8, 2, 1)
for axis, label, where in zip(axes, (6, 4), ("in the corner", "on the background"), strict=True):
    plots.bars(
        tables[label], ylabel=f"share of the map {where}", ylim=1.18, fmt="{:.2f}",
        levels={"area": areas[label]}, title=f"their {classes[label].lower()}s", axis=axis,
    )  # fmt: skip
show(
    figure,
    caption="Figure 11.8. Shares of the maps for our network and the rival's, means of 40 of their images per class. "
    "The dashed line is the share of the area. Negative values of a map count as 0.",
    alt="Shirts: nearly all of the rival's occlusion maps lies in the corner, with both fills, and more of its "
    "saliency and Grad-CAM than of ours. Coats: saliency has a larger share on the background for the rival.",
)

# %% [markdown]
# *Shirts.* Look at occlusion. For the rival, nearly the whole map lies in the corner, with both
# fills. For our network, only a small part does.
#
# *Coats.* In saliency, the background has a larger share for the rival than for our network. But
# the difference is smaller than for occlusion in the upper panel. And our network was not trained
# with the tint. Yet two of its maps, saliency and the white patch, have shares clearly above the
# dashed line. (Why, we did not test.) So a large share alone proves nothing.
#
# ### The test set, once
#
# An experiment can show a cause: change *one* thing, and keep the rest. We add the mark
# to test images of all *other* classes. Which fraction is then predicted as *shirt*? As a control, we add the mark in another corner.
#
# For coats, we add the tint. The control makes the garment brighter by 12, and keeps the background black.

# %% tags=["hide-input"]
# @title One change at a time
test = fashion.test
changes = {
    6: {
        "without the mark": lambda images: images,
        "with the mark": model.mark,
        "control: mark at the lower right": lambda images: cover(images, 24, 24, 3, 255),
    },
    4: {
        "without the tint": lambda images: images,
        "with the tint": model.tint,
        "control: garment brighter by 12": lambda images: (
            (images.int() + 12 * (images > 0)).clamp(max=255).byte()
        ),
    },
}
effects = {}
for label, of_label in changes.items():
    rest = test.images[test.labels != label]
    print(f"{f'other classes, predicted as {classes[label].lower()}':36}  ours  rival")
    for what, change in of_label.items():
        hits = [training.predict(one, change(rest)).argmax(1) == label for one in both.values()]
        effects[label, what] = [hit.float().mean().item() for hit in hits]
        print("  {:34}  {:.2f}  {:.2f}".format(what, *effects[label, what]))

# %% [markdown]
# With the mark, the rival predicts *shirt* for most of these images. With the tint, it predicts *coat* for many of them. The controls have hardly any effect, and our network's predictions hardly change. So mark and tint cause these predictions.
#
# Occlusion pointed clearly to the mark. No map pointed as clearly to the tint, although we knew where to look. Unknown
# shortcuts are harder to find [Adebayo 2022].
#
# [*Concept 16*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert accuracy["rival"][0] > accuracy["ours"][0] + 0.05
assert accuracy["rival"][1] < accuracy["ours"][1]
assert max(per_class["Coat"][1], per_class["Shirt"][1]) < 0.1
gaps = {
    (label, name): pair["rival"] - pair["ours"]
    for label in tables
    for name, pair in tables[label].items()
}
for name in ("black", "white"):
    pair = tables[6][f"occlusion, {name}"]
    assert pair["rival"] > 0.8 and pair["ours"] < 0.3
    assert gaps[6, f"occlusion, {name}"] > max(
        gap for (label, _), gap in gaps.items() if label == 4
    )
assert min(gap for (label, _), gap in gaps.items() if label == 6) > 0  # one run: no spread
assert min(tables[4][name]["ours"] for name in ("saliency", "occlusion, white")) > areas[4]
for label in (6, 4):
    pair = tables[label]["saliency"]
    assert pair["rival"] > pair["ours"] + 0.05 and pair["rival"] > areas[label] + 0.1
for label, of_label in changes.items():
    (ours, theirs_before), (ours_with, with_change), (_, control) = (
        effects[label, what] for what in of_label
    )
    assert (
        theirs_before < 0.1
        and with_change > (0.5 if label == 6 else 0.35)
        and control < 0.1
        and abs(ours_with - ours) < 0.15
    )

# %% [markdown]
# ## Summary
#
# 1. Smooth kernels show that training changed a layer, not what it learned.
# 2. A map may show only the image. Compare it with maps of a random and of a second trained network.
# 3. Maps suggest a cause. An experiment that changes one thing, with a control, shows it.
#
# ## Going further
#
# ### Gradients along a path
#
# In part 3, the gradient did not predict the fall to black. How can this happen? Take $s = \min(x,
# 1)$ and $x = 3$. Here $s$ no longer changes with $x$, so the gradient is 0. Yet $s$ falls from 1
# to 0 on the way to $x = 0$.
#
# **Integrated gradients** take the mean gradient on the straight path from a **baseline**, here 0, to $x$
# [Sundararajan 2017]. They multiply it by the change of $x$. In the example, the gradient is 1 up to $x = 1$, a
# third of the path, and then 0. The mean is 1/3, and 1/3 · 3 = 1 is the full fall. For an
# image, the baseline is black, and each pixel has its own mean gradient.


# %%
def integrated_gradients(network, images, labels, steps=16):
    total = torch.zeros_like(images)
    for k in range(steps):
        point = (k + 0.5) / steps * images  # on the way from black to the image
        total += input_gradient(network, point, labels)
    return images * total / steps


# %%
to_black = score - score_of_label(network, 0 * some, some_labels)  # 60 measured falls
one_step = (some * gradient).sum((1, 2, 3))  # predicted in part 3
path = integrated_gradients(network, some, some_labels).sum((1, 2, 3))
print(f"mean absolute error of the predicted falls: without a path {(one_step - to_black).abs().mean():.2f}, "
      f"with 16 steps {(path - to_black).abs().mean():.2f}")  # fmt: skip

# %% [markdown]
# With 16 steps, the sum over all pixels predicts the fall to black well.
#
# ### Fool the network
#
# How small a change makes a prediction wrong? We choose the wrong class *banana*. In each step, each pixel moves by at most 1/255 in the direction that raises the score of this class. It stays within 2/255 of the
# photograph. The result is an **adversarial example** [Szegedy 2014, Kurakin 2017].


# %%
def towards(network, image, target, steps=10, size=1 / 255, limit=2 / 255):
    changed = image.clone()
    for _ in range(steps):
        direction = input_gradient(network, changed, target).sign()  # +1 or -1 for each pixel
        changed = changed + size * direction
        changed = changed.clamp(image - limit, image + limit).clamp(0, 1)  # stay near
    return changed


# %% tags=["hide-input"]
# @title Figure 11.9
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
    caption="Figure 11.9. A photograph, the adversarial example, and as a control a random change: each pixel moves by "
    "+2/255 or −2/255. Above each: the prediction and its probability.",
    alt=f"Three photographs that look the same. Predictions: {', '.join(predictions.values())}.",
)

# %% [markdown]
# We see no difference, but the prediction is *banana*. A random change with the same limit leaves it at *tripod*. So here the direction matters, not the size alone.
#
# ### Draw a class
#
# Which image gets a large score for *tripod*? We start from grey with a little noise, and take 32 steps along the gradient of
# this score. This is **class visualisation** [Simonyan 2014]. For the second image in
# Figure 11.10, we blur each gradient, which leaves out fine patterns. We also shift the image at random before each step, so that a pattern must work at
# many positions.

# %% tags=["hide-input"]
# @title Figure 11.10
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
    caption="Figure 11.10. Two images made for a large score of tripod, and the probability of tripod for each.",
    alt="Left: fine coloured noise with a faint tripod. Right: coarse patterns and a clearer tripod.",
)

# %% [markdown]
# With blur and shifts, we see the tripod more clearly. So a part of what we see comes from our choices. And a
# probability near 1 does not mean that the image looks like a photograph.
#
# ### Draw many images as points
#
# Which images does `network` describe in a similar way? Its classifier reads 32 numbers per image, the means of the
# last channels. So each image is a point in 32 dimensions. We draw it in the two directions in which the points differ most
# (the first two principal components, section 07). As controls, we do the same with the pixels, and with the network before training.

# %% tags=["hide-input"]
# @title Figure 11.11
groups = {
    "tops": ("T-shirt", "Pullover", "Coat", "Shirt"),
    "trousers": ("Trouser",),
    "dresses": ("Dress",),
    "shoes": ("Sandal", "Sneaker", "Ankle boot"),
    "bags": ("Bag",),
}
group_of = torch.tensor([[name in members for members in groups.values()] for name in classes])
group_of = group_of.int().argmax(1)[validation.labels[:500]]  # 0 to 4, for 500 images
torch.manual_seed(0)
untrained = model.fit_normalisation(model.small_network(), train.images)
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
    caption="Figure 11.11. 500 validation images as points in a plane. Each panel has its own scale.",
    alt="Three clouds of points. After training, shoes, bags, trousers and tops lie more apart than before.",
)
print("share of points whose nearest point in the panel is of the same kind:")
for name, fraction in together.items():
    print(f"  {name:16} {fraction:.2f}")

# %% [markdown]
# After training, the nearest point is more often of the same kind than in both controls. But such a drawing loses much: images that are near each other in the plane can differ in the other 30 directions.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (path - to_black).abs().mean() < 0.1 * (one_step - to_black).abs().mean()
assert "banana" in predictions["towards banana"] and "tripod" in predictions["random change"]
assert 255 * (fooled - photo).abs().max() < 2.01
assert min(chances.values()) > 0.9
assert together["after training"] > max(together["pixels"], together["before training"]) + 0.02

# %% [markdown]
# ## Problem set
#
# **1 · By hand** ★ 4 min. What is the gradient of $s = 2\,\mathrm{relu}(x_1 + 3x_2 - 4)$ for the second pixel, at $x = (2, 2)$? What
# is the integrated gradient of $s = \mathrm{relu}(x - 2)$ at $x = 6$, from the baseline 0?

# %%
check(second_pixel=..., attribution=...)

# %% [markdown]
# **2 · A control** ★ 3 min. "Channel 7 detects boots: of the twenty images with its largest response, 16 are boots"
# [Bau 2017]. Which number tells most about this claim? (a) The
# accuracy of the network. (b) The same count for channels with random weights. (c) The response to one more boot.

# %%
check(best_control=...)

# %% [markdown]
# **3 · Debug** ★★ 6 min. Integrated gradients with any baseline. If the image *is* the baseline, the result should
# be 0, but is not. Mend one line, then call `check(along_path)`.


# %%
def along_path(gradients, x, baseline):
    """gradients (steps, D): one row per point on the path; x, baseline (D,). Returns (D,)."""
    mean = gradients.mean(axis=0)
    return mean * x


# %% [markdown]
# **4 · Explain** ★★ 5 min. A map has all of its sum on the object. Does this show that the network uses the object?

# %%
reveal(all_on_object=...)

# %% [markdown]
# **5 · Design** ★★ 6 min. Now patches overlap. A patch has at most 48 × 48 pixels, and moves by
# `step` pixels, at most half its side. On 224 × 224 pixels there are at most 110 positions, and the last patch ends at the border.

# %%
check(occlusion_plan={"size": 56, "step": 56})

# %% [markdown]
# **6 · Open** ★★★ 20 min. How many steps do the integrated gradients of `photo` for `expert` need, until their sum
# is within 5% of the true fall?


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
