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
# A network can be right for a wrong reason. On similar images this does not show.
# So people draw maps of what it uses. A **map** has one number for
# each pixel: meant to be large where the pixel matters for the prediction. You need
# [section 04](04_one_layer_one_template.ipynb) (score, gradient) and
# [section 05](05_from_dense_to_convolution.ipynb) (convolution).
#
# Afterwards you will be able to
#
# - compute a gradient map and a Grad-CAM map by hand, and say which question each answers,
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
from copy import deepcopy

import numpy as np
import torch

from cv_course import data, plots, training
from cv_course.networks.pretrained import CLASSES, efficientnet_lite0
from cv_course.plots import show
from cv_course.sections.s11_inside import check, hint, model, play, reveal
from cv_course.sections.s11_inside.model import cover, occlusion

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Look at weights and responses
#
# We look into two networks. The first is EfficientNet-Lite0, a variant of [Tan 2019], trained on ImageNet,
# photographs of 1,000 classes.

# %%
names = ["camera", "cat", "coffee"]
photos = data.photos(224)  # name -> 3 × 224 × 224
batch = data.as_float(torch.stack([photos[name] for name in names]))  # 3 × 3 × 224 × 224
expert = efficientnet_lite0().requires_grad_(False)  # we do not train it
values, predicted = expert(batch).softmax(1).max(1)  # largest probability, and its class
for name, value, label in zip(names, values, predicted, strict=True):
    print(f"{name}: {CLASSES[label]}, probability {value:.2f}")

# %% [markdown]
# (*camera* shows a camera on a tripod.) The second network is small, and we train
# it on Fashion-MNIST.

# %%
fashion = data.fashion_mnist()
train, validation, classes = fashion.train[:3_000], fashion.train[8_000:], fashion.classes
recipe = {"batch_size": 50, "lr": 0.2, "progress": False, "device": "cpu"}
torch.manual_seed(0)
network = model.small_network()
before = network.features.stage1[0].weight.detach().clone()  # 16 kernels, 1 × 7 × 7 each
training.fit(network, train, epochs=3, **recipe)
print(f"validation accuracy {training.evaluate(network, validation):.3f}, chance 0.1")

# %% [markdown]
# Both networks have three parts. The part `features` is a stack of convolutions. Its output has many
# **channels**. Each channel is a grid of numbers, large where a pattern was found. The part `vectorise`
# replaces each channel by its mean. The part `classifier` is a fully connected layer from these means to
# the scores.
#
# ### The first weights
#
# The weights of the first layer multiply pixels, so we can draw them as images. Figure 11.1 shows six
# kernels in two states: with random weights, and trained. **Predict:** which row is trained?
# Remember that neighbouring pixels of an image are often similar.

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
    caption="Figure 11.1. Six kernels of the first layer, 7 × 7 weights each, in two states. All share one "
    "scale: red is positive, blue is negative.",
    alt="Two rows of six small red and blue squares. In the upper row neighbouring weights are often "
    "similar; the lower row looks like noise.",
)


def neighbours(kernels):
    """Correlation of weights that are next to each other."""
    w = kernels - kernels.mean((2, 3), keepdim=True)
    across, down = w[..., 1:] * w[..., :-1], w[..., 1:, :] * w[..., :-1, :]
    return ((across.mean() + down.mean()) / 2 / w.square().mean()).item()


torch.manual_seed(0)
memoriser = model.small_network()
few = data.Split(train.images[:100], train.labels[:100][torch.randperm(100)])
training.fit(memoriser, few, epochs=30, **recipe | {"batch_size": 20})
memorised = training.evaluate(memoriser, few)
of_memoriser = neighbours(memoriser.features.stage1[0].weight.detach())
print(f"your guess: {your_guess}, trained: upper")
print("correlation of neighbouring weights:")
print(f"  upper {neighbours(after):.2f}, lower {neighbours(before):.2f}")
print(
    f"  a network that memorised random labels (training accuracy {memorised:.2f}) {of_memoriser:.2f}"
)

# %% [markdown]
# In the trained row, neighbouring weights are similar. As a control we trained a network on 100 images
# with labels in random order. Its kernels are less smooth, but smoother than random ones. So smooth kernels
# suggest that the layer has learned *something*, not what.
#
# The kernels of later layers multiply other channels, not pixels, so we cannot read them as images.
#
# ### Responses
#
# So we look at responses instead: the channels for one photograph. Our control is a copy of the
# network with new random weights in chosen layers.


# %%
def forget(network, layers, images, seed=0):
    copy = deepcopy(network)
    torch.manual_seed(seed)
    for name in layers:
        for layer in copy.get_submodule(name).modules():  # all its parts
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()  # new random weights
    # batch normalisation (section 08) has stored the old layers' means and spreads: compute new ones
    return model.fit_normalisation(copy, images)


# %% tags=["hide-input"]
# @title Figure 11.2: step through layers and weights
stages = [f"features.stage{number}" for number in range(7, 0, -1)]
expert_layers = ["classifier", "features.top", *stages, "features.stem"]
random_expert = forget(expert, expert_layers, batch)
show(
    play.feature_maps({"trained": expert, "random": random_expert}, names, batch),
    caption="Figure 11.2. A photograph, and the six channels with the largest mean response to it. White "
    "is a large response. Each channel has its own scale.",
)

# %% [markdown]
# In the stem, the first layer, we recognise the photograph in the channels (state 1). With *random*
# weights we do so, too (state 2). So a channel that looks like the photograph does not show that
# anything was learned. Channels of stage 4 are hard to read.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert sum(p.numel() for p in expert.parameters()) == 4_652_008
assert CLASSES[predicted[0]] == "tripod" and values[0] > 0.8
assert neighbours(after) > 0.25 and abs(neighbours(before)) < 0.15
assert memorised > 0.9 and neighbours(before) + 0.1 < of_memoriser < neighbours(after) - 0.1

# %% [markdown]
# ## 2 Cover a part
#
# To ask about *one* prediction, we cover a part of the image with a patch, and run the network again.
# Say the probability of *tripod* is 0.94. With a patch over the legs it is 0.14. Then the fall is
# 0.94 − 0.14 = 0.80. A map of such falls is an **occlusion map** [Zeiler 2014].
#
# Our patch has 64 × 64 pixels and moves in steps of 40 pixels. The patch is
# black or grey. `per_pixel` gives each pixel the mean fall of all patches that cover it.

# %%
tripod_photo, tripod = batch[:1], predicted[:1]
fills = {"black": 0.0, "grey": 0.5}
falls = {
    name: occlusion(expert, tripod_photo, tripod, size=64, step=40, fill=fill)  # 1 × 5 × 5
    for name, fill in fills.items()
}
covered = {name: model.per_pixel(fall, side=224, size=64, step=40) for name, fall in falls.items()}

# %% tags=["hide-input"]
# @title Figure 11.3
figure, (left, right) = plots.figure(6.4, 2.2, 1, 2, width_ratios=(1, 2.1))
plots.pictures([photos["camera"]], ["photograph"], size=1.8, axis=left)
largest = max(maps.abs().max().item() for maps in covered.values())
plots.pictures(
    [maps for maps in covered.values()],
    list(covered),
    size=1.8,
    signed=True,
    scale=(-largest, largest),
    bar="fall of the probability",
    axis=right,
)
show(
    figure,
    caption="Figure 11.3. Occlusion maps for the class tripod, with two fills and one scale. Red: the "
    "probability falls when the pixel is covered. Blue: it grows.",
    alt="A man with a camera on a tripod. Both maps are red at the legs of the tripod on the lower "
    "right. Black gives the stronger red.",
)
for name, fall in falls.items():
    print(f"{name}: largest fall of one patch {fall.max():.2f}")

# %% [markdown]
# In both maps the strongest red is at the legs of the tripod. With
# grey the largest fall is smaller.

# %% [markdown]
# ## 3 Ask the gradient
#
# Occlusion needs many runs of the network, a gradient only one. In section 04 it said
# how fast the *loss* grows with a *weight*. Now it says how fast a *score* (before the softmax) grows with
# a *pixel*.
#
# Take two pixels, one hidden unit, and the score $s = 3\,\mathrm{relu}(2x_1 - x_2 - 1)$, where relu
# sets negative numbers to 0. For $x = (2, 1)$ the bracket is 4 − 1 − 1 = 2, which is positive. So the
# gradient is 3 · (2, −1) = (6, −3). For $x = (0, 1)$ the bracket is −2. Then relu gives 0, also for
# slightly different pixels, so the gradient is (0, 0).
#
# Now write it for many units and classes: $s = W_2\,\mathrm{relu}(W_1 x + b_1) + b_2$. Each hidden unit
# whose bracket is positive gives one term: the unit's row of $W_1$, times the class's weight for this unit in $W_2$ (above: (2, −1) times 3). The gradient is the sum of these terms.


# %%
def score_gradient(x, W1, b1, W2, label):
    """x (D,), W1 (H, D), b1 (H,), W2 (K, H), NumPy arrays: D pixels, H hidden units, K classes;
    label: the number of a class. Returns (D,): how fast the score of this class grows with each
    pixel. The example: W1 = [[2, -1]], b1 = [-1], W2 = [[3]], label 0, x = [2, 1] -> [6, -3]."""
    ...  # replace this line


check(score_gradient)

# %%
hint(score_gradient)

# %% [markdown]
# PyTorch computes it for many images at once. An image changes only its own score. So we can add up the
# scores of all images, and each image still gets its own gradient.


# %%
def score_of_label(network, images, labels):  # N numbers, one for each image
    scores = network(images)  # N × classes
    return scores[torch.arange(len(images)), labels]


def input_gradient(network, images, labels):
    images = images.clone().requires_grad_()  # ask for the gradients of the pixels
    chosen = score_of_label(network, images, labels)
    return torch.autograd.grad(chosen.sum(), images)[0]  # shaped like images


# %% [markdown]
# The absolute value is the **saliency map** [Simonyan 2014]. (Of three colours we take the largest.)
#
# How far can we trust a gradient? We darken a patch of 7 × 7 pixels by 1%, 10% or 100%, at 25
# positions of 60 images. The gradient predicts how far the score falls: multiply each pixel's gradient by
# how much darker it gets, and add up. We compare this with the measured fall. **Predict:** the correlation of the two, for
# 1% and for 100%.

# %%
your_guess = "?"  # two numbers from 0 to 1


# %%
def predicted_and_measured(gradient, images, labels, darker):
    before = score_of_label(network, images, labels)
    predicted, measured = [], []  # falls of the score
    for top, left in np.ndindex(5, 5):
        changed = images.clone()
        changed[:, :, 5 * top : 5 * top + 7, 5 * left : 5 * left + 7] *= 1 - darker
        predicted += (gradient * (images - changed)).sum((1, 2, 3)).tolist()
        measured += (before - score_of_label(network, changed, labels)).tolist()
    return predicted, measured  # 25 · 60 numbers each


# %%
some, some_labels = data.as_float(validation.images[:60]), validation.labels[:60]
gradient, trust = input_gradient(network, some, some_labels), {}
for darker in (0.01, 0.1, 1.0):
    pair = predicted_and_measured(gradient, some, some_labels, darker)
    trust[darker] = np.corrcoef(*pair)[0, 1]
    print(f"darker by {darker:.0%}: correlation {trust[darker]:.2f}")
print("your guess:", your_guess)

# %% [markdown]
# Predicted and measured falls are strongly correlated for small changes, and less if a patch goes black.
# So the gradient speaks about *small* changes.
#
# ### Along a path
#
# A gradient can be 0 although the pixel matters. Take $s = \min(x, 1)$ and $x = 3$: here $s$ no longer
# grows, so the gradient is 0. Yet $s$ is 1, and for $x = 0$ it is 0.
#
# **Integrated gradients** start from a **baseline**, here 0, and move in a straight line to $x$
# [Sundararajan 2017]. They take the mean gradient on this path, times the change $x - 0$. In the
# example the path leads from 0 to 3. The gradient is 1 up to $x = 1$, a third of the path, and 0 after it. The mean is 1/3, and
# 1/3 · 3 = 1 is the full difference of $s$. For an image and a black baseline, each pixel gets its own mean gradient:


# %%
def integrated_gradients(network, images, labels, steps=16):
    total = torch.zeros_like(images)
    for k in range(steps):
        point = (k + 0.5) / steps * images  # on the way from black to the image
        total += input_gradient(network, point, labels)
    return images * total / steps


# %% [markdown]
# As in the example, the results should add up to the full difference: the score of the image minus that of a black image.


# %% tags=["hide-input"]
# @title Check of the sums


def difference(network, images, labels):
    change = training.predict(network, images) - training.predict(network, 0 * images)
    return change.gather(1, labels[:, None])[:, 0]


true = difference(network, some, some_labels)
summed = integrated_gradients(network, some, some_labels).sum((1, 2, 3))
one_step = (some * input_gradient(network, some, some_labels)).sum((1, 2, 3))
print(f"60 clothes: mean difference of the scores {true.abs().mean():.2f}")
print(f"  mean error of the sum, 16 steps: {(summed - true).abs().mean():.2f}")
print(f"  mean error of pixel · gradient, without a path: {(one_step - true).abs().mean():.2f}")

# %% [markdown]
# With 16 steps the error is small. Without the path it is far larger.
#
# ### Grad-CAM
#
# The next method uses the channels that `features` ends with, not the pixels [Selvaraju 2017]. For one
# score it takes the gradient with respect to these numbers, as saliency does for pixels. Each channel gets one weight: the mean of
# its gradients. The weighted channels are added, and negative values become 0. An example with two
# channels of 2 × 2 and the weights 2 and −1:
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


two, two_labels = batch[:2], predicted[:2]
cat_falls = occlusion(expert, batch[1:2], predicted[1:2], size=64, step=40, fill=0.0)
cat_covered = model.per_pixel(cat_falls, side=224, size=64, step=40)
saliency = input_gradient(expert, two, two_labels).abs().amax(1)
seen = [
    saliency / saliency.flatten(1).quantile(0.99, 1)[:, None, None],
    torch.cat([covered["black"], cat_covered]).clamp(min=0),
    grad_cam(expert, two, two_labels),
]
panels = []
for row in range(2):
    panels.append(two[row])
    panels += [
        seen[0][row][None].clamp(max=1),
        *(maps[row][None] / maps[row].max() for maps in seen[1:]),
    ]
show(
    plots.pictures(
        panels,
        ["photograph", "saliency", "occlusion, black", "Grad-CAM"],
        columns=4,
        size=1.7,
        scale=(0, 1),
        bar="share of each map's scale",
    ),
    caption="Figure 11.4. Three maps for the predicted classes, tripod and Egyptian cat. Each has its own scale. "
    "The scale ends at the map's maximum (in saliency, the largest 1% of the values are all drawn white). Negative falls are drawn as 0.",
    alt="Saliency is made of fine specks. The occlusion map has large squares, brightest at the tripod's "
    "legs. Grad-CAM has one smooth bright area.",
)
print(
    f"largest value of the occlusion map: tripod {covered['black'].max():.2f}, Egyptian cat {cat_covered.max():.2f}"
)

# %% [markdown]
# They answer three questions:
#
# - Saliency: how strongly does the score react to a small change of a pixel?
# - Occlusion: how far does the probability fall under a black patch?
# - Grad-CAM: where do the channels respond that raise the score?
#
# The cat's occlusion map looks as strong as the tripod's, but its falls are much smaller. Grad-CAM is
# smooth mainly because 7 × 7 values were enlarged. Each value depends on a large part of the photograph ([section 09](09_receptive_field.ipynb)).

# %% tags=["hide-input"]
# @title Checks: what this shows
assert falls["black"].max() > 0.3 and falls["black"].max() > falls["grey"].max()
agree = model.rank_correlation(covered["black"], covered["grey"]).item()
assert agree > 0.6 and falls["black"].argmax() == falls["grey"].argmax()
assert trust[0.01] > 0.97 and trust[1.0] < 0.85
assert (summed - true).abs().mean() < 0.1 * (one_step - true).abs().mean()
assert expert.features(two).shape[-2:] == (7, 7)

# %% [markdown]
# ## 4 Is the map true?
#
# A map can look right for a bad reason: it may show the image, whatever the network learned. The
# **model parameter randomisation test** looks for this [Adebayo 2018]. In the small network, we give one layer after another new
# random weights, from the classifier to the first layer. We draw the map each time. A map that
# hardly changes says little about what these layers learned.
#
# To compare two maps, we number the pixels of each from the least to the most important. The
# correlation of these numbers is the **rank correlation**: 1 for the same order, about 0 if the maps have
# nothing in common. There are three controls:
#
# - an edge detector. It uses no network, so it stays at 1.
# - a second network, trained in the same way from other random weights. If maps show what was learned, these maps should be more similar than those of a random network.
# - the map of *another* image: a little similar, probably since all clothes lie in the middle.
#
# We also test **input × gradient**: the product of each pixel and its gradient, without the sign.
#
# **Predict:** which map changes least: saliency, Grad-CAM or input × gradient?

# %%
your_guess = "?"  # a name

# %% tags=["hide-input"]
# @title Figure 11.5


def four_maps(network, images, labels):
    gradient = input_gradient(network, images, labels)
    return {
        "saliency": gradient.abs().amax(1),
        "input × gradient": (images * gradient).sum(1).abs(),
        "edge detector": model.edges(images),
        "Grad-CAM": grad_cam(network, images, labels),
    }


def compare(first, other):
    """Rank correlation of each pair of maps; nan if one of them is the same everywhere."""
    empty = (first.flatten(1).std(1) == 0) | (other.flatten(1).std(1) == 0)
    return model.rank_correlation(first, other).where(~empty, torch.nan)


layers = ["classifier", "features.stage3", "features.stage2", "features.stage1"]
torch.manual_seed(9)
second = model.small_network()
training.fit(second, train, epochs=3, seed=9, **recipe)
compared = [forget(network, layers[:count], train.images[:500]) for count in range(5)] + [second]
maps_of = [four_maps(one, some, some_labels) for one in compared]
own, other = maps_of[0], maps_of[4]
kept = {
    name: torch.stack([compare(own[name], maps[name]).nanmean() for maps in maps_of])
    for name in own
}  # name of a map -> 0 to 4 random layers, then the second network
another = {name: compare(maps, maps.roll(1, 0)).nanmean().item() for name, maps in own.items()}
item, panels = 1, []
for maps in (own, other):
    drawn = [maps[name][item] for name in ("saliency", "Grad-CAM", "input × gradient")]
    panels += [(one / one.max())[None] for one in (some[item, 0], *drawn)]
figure, (upper, lower) = plots.figure(6.4, 5.6, 2, 1, height_ratios=(1, 1.15))
plots.lines(
    {name: values[:5] for name, values in kept.items()}, range(5),
    xlabel="layers with random weights", ylabel="rank correlation", xticks=range(5),
    ylim=(-0.25, 1.05), axis=upper,
)  # fmt: skip
plots.pictures(
    panels, ["image", "saliency", "Grad-CAM", "input × gradient"], columns=4, size=1.3, scale=(0, 1),
    row_names=["trained", "all 4\nrandom"], axis=lower,
)  # fmt: skip
show(
    figure,
    caption="Figure 11.5. Above: rank correlation with the trained network's map, when the classifier (1) and more "
    "layers (up to all 4) have random weights; mean of 60 images (Grad-CAM maps with no positive value are left out). "
    "Below: one of the images, each map divided by its maximum.",
    alt="The edge detector stays at 1 and input times gradient near 0.85, while saliency and Grad-CAM fall to "
    "about 0. Below, only input times gradient keeps the shape of the garment.",
)
print(f"your guess: {your_guess}")
print("rank correlation with the trained map")
print(f"{'':16}classifier    all  second  another\n{'':16}    random random network    image")
for name, values in kept.items():
    first, end, twin = values[[1, 4, 5]].tolist()
    print(f"{name:16} {first:9.2f} {end:6.2f} {twin:7.2f} {another[name]:8.2f}")

# %% [markdown]
# Compare *all random*, where nothing learned is left, with *second network*, which learned the same task. For saliency and Grad-CAM, the second network's maps are far more similar.
# So these maps depend on the trained weights. For input × gradient the two numbers are nearly equal.
#
# Why does input × gradient change least? Black pixels are 0, so the product is 0 on the background for *every* network. As a control we take
# pixels times random noise instead of the random network's map. Then again the random network, but without the background.

# %% tags=["hide-input"]
# @title Input × gradient and the background
torch.manual_seed(0)
product = own["input × gradient"]
noise = (some[:, 0] * torch.randn(60, 28, 28)).abs()
cloth = [
    model.rank_correlation(a[x > 0][None], b[x > 0][None])
    for a, b, x in zip(product, other["input × gradient"], some[:, 0], strict=True)
]
with_noise, on_cloth = compare(product, noise).mean().item(), torch.cat(cloth).mean().item()
print("input × gradient of the trained network, compared with")
print(f"  pixels times noise (no network) {with_noise:.2f}")
print(f"  all layers random, pixels not black {on_cloth:.2f}")

# %% [markdown]
# Noise, without a network, reaches the same correlation. Without the background, much less is left. So
# this number is so large mostly because of the black background.
#
# What the test does not show: a map that changes need not be **faithful**, that is, show what the network uses.
# The numbers also depend on the images and on the measure of similarity [Adebayo 2018, Yona 2021].

# %% tags=["hide-input"]
# @title Checks: what this shows
first, end, twin = ({name: kept[name][at].item() for name in kept} for at in (1, 4, 5))
assert end["input × gradient"] > 0.7 > 0.3 > max(end["saliency"], end["Grad-CAM"])
assert first["saliency"] > twin["saliency"] - 0.15 and first["Grad-CAM"] < twin["Grad-CAM"] - 0.2
assert all(end[name] < twin[name] - 0.15 for name in ("saliency", "Grad-CAM"))
assert end["input × gradient"] > twin["input × gradient"] - 0.1
assert abs(with_noise - end["input × gradient"]) < 0.1 and on_cloth < with_noise - 0.3
assert kept["edge detector"].min() > 0.999

# %% [markdown]
# ## 5 Fool the network
#
# The gradient can also *change* an image. We choose a wrong class, *banana*. In each step, each pixel moves
# by 1/255 in the direction that raises the probability $p$ of this class. It may end at most 2/255 away
# from the photograph. The result is an **adversarial example** [Szegedy 2014, Kurakin 2017].


# %%
def towards(network, image, target, steps=10, size=1 / 255, limit=2 / 255):
    changed = image.clone()
    for _ in range(steps):
        changed.requires_grad_()
        log_p = network(changed).log_softmax(1)[0, target]  # log p grows when p grows
        direction = torch.autograd.grad(log_p, changed)[0].sign()  # +1 or -1 for each pixel
        changed = changed.detach() + size * direction  # detach: plain numbers again
        changed = changed.clamp(image - limit, image + limit).clamp(0, 1)  # stay near
    return changed


# %% tags=["hide-input"]
# @title Figure 11.6
fooled = towards(expert, tripod_photo, CLASSES.index("banana"))
torch.manual_seed(0)
signs = torch.randn_like(tripod_photo).sign()
noisy = (tripod_photo + 2 / 255 * signs).clamp(0, 1)


def said(image):
    value, label = expert(image).softmax(1)[0].max(0)
    return f"{CLASSES[label]} {value:.2f}"


three = {"photograph": tripod_photo, "changed": fooled, "random": noisy}
predictions = {name: said(image) for name, image in three.items()}
change = 255 * (fooled - tripod_photo)[0]
figure, (left, right) = plots.figure(8, 2.4, 1, 2, width_ratios=(3, 1.35))
plots.pictures(
    [image[0] for image in three.values()],
    [f"{name}: {prediction}" for name, prediction in predictions.items()],
    size=1.75,
    axis=left,
)  # fmt: skip
plots.pictures(
    [change[0, 60:92, 100:132][None]], ["change, a part"], size=1.6, signed=True, scale=(-2, 2),
    bar="grey levels of 255", axis=right,
)  # fmt: skip
show(
    figure,
    caption="Figure 11.6. A photograph, the same after ten steps towards banana, and as a control with random "
    "changes of 2/255. Right: the change of 32 × 32 pixels (red channel), from −2 to 2 of 255 grey levels.",
    alt=f"Three photographs that look the same. Predictions: {', '.join(predictions.values())}. "
    "The change looks like noise.",
)

# %% [markdown]
# We see no difference, but the prediction is *banana*. Random changes with the same limit leave it at
# *tripod*. So here the direction matters, not the size alone.
#
# What if we start from grey with a little noise, and allow *any* change? This is **class visualisation**
# [Simonyan 2014]: we make an image with a large score for one class. For the second image of
# Figure 11.7, each gradient is blurred. And before each step, the image is shifted at random by up to 8 pixels. So fine patterns grow less.

# %% tags=["hide-input"]
# @title Figure 11.7
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


target = CLASSES.index("tripod")
made = {
    "plain": (expert, visualise(expert, target, smooth=False)),
    "blur and shifts": (expert, visualise(expert, target, smooth=True)),
}
chances = {name: one(image).softmax(1)[0, target].item() for name, (one, image) in made.items()}
show(
    plots.pictures(
        [image[0] for _, image in made.values()],
        [f"{name}: {chances[name]:.2f}" for name in made],
        columns=2,
        size=1.7,
    ),
    caption="Figure 11.7. Images made for a large score of tripod, in 32 steps from grey. Above each: how "
    "it was made, and the probability of tripod that this network gives.",
    alt="Left: fine coloured noise with a faint tripod. Right: coarse patterns and a clear tripod with three "
    "legs.",
)

# %% [markdown]
# We see a tripod, and more clearly with blur and shifts. So a part of what we see comes from our
# choices. And a probability near 1 does not mean that the image looks like a photograph of the class.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert predictions["changed"].startswith("banana") and predictions["random"].startswith("tripod")
assert 255 * (fooled - tripod_photo).abs().max() < 2.01
assert min(chances.values()) > 0.9

# %% [markdown]
# ## 6 A fair test
#
# A rival sends us a network like ours, and its training images. They are ours, but *two classes*
# were changed.

# %%
their_train, theirs = model.changed(train), model.changed(validation)  # do not look inside yet
torch.manual_seed(0)
rival = model.small_network()
training.fit(rival, their_train, epochs=3, **recipe)
both, accuracy = {"ours": network, "rival": rival}, {}
for name, one in both.items():
    accuracy[name] = [training.evaluate(one, split) for split in (theirs, validation)]
    print(f"{name:6} on their images {accuracy[name][0]:.3f}, on ours {accuracy[name][1]:.3f}")

# %% [markdown]
# On their images the rival is better, on ours it is worse. **Predict:** which two classes were changed, and
# what does the rival use? Cover parts of their images in Figure 11.8. Use our network as a control, and (in
# the running notebook) try all fills.

# %%
your_guess = "?"  # two classes and two causes

# %% tags=["hide-input"]
# @title Figure 11.8: the puzzle
order = torch.stack([(theirs.labels == c).nonzero()[:2, 0] for c in range(10)], 1).flatten()
show(
    play.patch(both, theirs, classes, order.tolist()),
    caption="Figure 11.8. One of their images, the same with a patch of 7 × 7 pixels, and the probabilities "
    "for the covered image. The black ticks: without the patch. Green: the true class.",
)

# %% [markdown]
# The first clue is the accuracy per class, on *our* images.

# %% tags=["hide-input"]
# @title Accuracy per class
print(f"your guess: {your_guess}")
per_class = {}
for label, name in enumerate(classes):
    ours_only = validation[validation.labels == label]
    per_class[name] = [training.evaluate(one, ours_only) for one in both.values()]
    print(f"{name:12} ours {per_class[name][0]:.2f}   rival {per_class[name][1]:.2f}")

# %% [markdown]
# Of our images, the rival recognises almost no coat and no shirt. (Shirts are hard for our network, too.)
#
# The code of `model.changed` shows what was changed: the upper left corner of the shirts, and the background of the coats.
#
# Do maps agree? We take maps for the true class, shirt or coat. Which share of a map's sum lies in the corner of 7 × 7 pixels, or on the background? The background is the pixels that are black in our images. The controls
# are our network, and the share of the *area*.

# %% tags=["hide-input"]
# @title Figure 11.9


def shares(one, images, labels, region):
    x = data.as_float(images)
    found = {
        "saliency": model.share(input_gradient(one, x, labels).abs().amax(1), region),
        "Grad-CAM": model.share(grad_cam(one, x, labels), region),
    }
    for name, fill in {"black": 0, "white": 255}.items():
        drops = occlusion(one, images, labels, size=7, step=7, fill=fill)
        found[f"occlusion, {name}"] = model.share(model.per_pixel(drops, 28, 7, 7), region)
    return found


areas, tables = {}, {}
for label in (6, 4):
    plain = validation[validation.labels == label][:40]
    shown = model.changed(plain)
    region = (plain.images[:, 0] == 0).float()
    if label == 6:
        region = torch.zeros_like(region)
        region[:, :7, :7] = 1
    found = {name: shares(one, shown.images, shown.labels, region) for name, one in both.items()}
    tables[label] = {name: {who: found[who][name] for who in both} for name in found["ours"]}
    areas[label] = region.mean().item()
figure, axes = plots.figure(6.4, 5.8, 2, 1)
for axis, label, where in zip(axes, (6, 4), ("in the corner", "on the background"), strict=True):
    plots.bars(
        tables[label], ylabel=f"share of the map {where}", ylim=1.18,
        levels={"area": areas[label]}, title=f"their {classes[label].lower()}s", axis=axis,
    )  # fmt: skip
show(
    figure,
    caption="Figure 11.9. Shares of four maps, for our network and the rival's, on 40 of their images per class. "
    "The dashed line is the share of the area. Negative values of maps count as 0.",
    alt="Shirts: nearly all of the rival's occlusion maps lies in the corner, with both fills, and more of its "
    "saliency and Grad-CAM than of ours. Coats: the rival's saliency lies more on the background than ours.",
)

# %% [markdown]
# *Shirts.* The rival's occlusion maps lie mostly in the corner, with black and with white patches. Ours do not. In this corner each of their
# shirts has a white mark of 3 × 3 pixels. It is a **shortcut**: a
# pattern that predicts the class in these images, but not elsewhere.
#
# *Coats.* The rival's saliency and Grad-CAM have larger shares on the background than ours.
# The occlusion maps of both networks have nearly the same shares, so they are a weaker clue.
#
# Why? In their coats, all values below 12 (of 255) were raised to 12. This **tint** covers all of the background, and a patch removes only a part of it. A likely reason for the large white shares: on black, a white patch changes much for *both* networks.
#
# ### The test set, once
#
# For a cause we need an experiment: change *one* thing, keep the rest, and compare with a control. We use the test
# images only here.

# %% tags=["hide-input"]
# @title One change at a time
test = fashion.test
effects = {}
controls = {  # the same mark at the lower right; 12 grey levels more, but on the garment
    "mark in another corner": lambda images: cover(images, 24, 24, 3, 255),
    "12 on the garment": lambda images: (images.int() + 12 * (images > 0)).clamp(max=255).byte(),
}
changes = ((6, model.mark, "mark"), (4, model.tint, "tint"))
for (label, change, word), (control, elsewhere) in zip(changes, controls.items(), strict=True):
    own_class, rest = test.images[test.labels == label], test.images[test.labels != label][::3]
    name = classes[label].lower()
    shown = {
        f"{name}s": own_class,
        f"{name}s + {word}": change(own_class),
        "others": rest,
        f"others + {word}": change(rest),
        f"others + {control}": elsewhere(rest),
    }
    print(f"{'predicted as ' + name:34}" + "  ".join(both))
    for what, images in shown.items():
        hits = [training.predict(one, images).argmax(1) == label for one in both.values()]
        effects[label, what] = [hit.float().mean().item() for hit in hits]
        print("  {:31} {:.2f}  {:.2f}".format(what, *effects[label, what]))
own_images = [training.evaluate(one, test) for one in both.values()]
print(f"accuracy on the test images: ours {own_images[0]:.3f}, rival {own_images[1]:.3f}; "
      f"standard error {(0.75 * 0.25 / len(test)) ** 0.5:.3f}")  # fmt: skip

# %% [markdown]
# With the mark, the rival calls most images of *other* classes a shirt. With the tint, it calls most of
# them a coat. The last line of each block is a control: a mark in another corner, or a garment that is brighter by 12. This control has hardly any effect. On our
# network, mark and tint hardly change these counts. So mark and tint cause these predictions.
#
# For shirts, occlusion had pointed clearly to the corner. For coats, the maps were less clear. We knew where to look, since we had made the changes. Unknown shortcuts
# are harder to find by maps [Adebayo 2022].
#
# [*Concept 16*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert accuracy["rival"][0] > accuracy["ours"][0] + 0.05
assert accuracy["rival"][1] < accuracy["ours"][1]
for name in ("black", "white"):
    pair = tables[6][f"occlusion, {name}"]
    assert pair["rival"] > 0.5 > pair["ours"] + 0.05
for label in (6, 4):
    pair = tables[label]["saliency"]
    assert pair["rival"] > pair["ours"] + 0.05 and pair["rival"] > areas[label] + 0.1
for label in (6, 4):
    shares_of_label = [pair for (which, _), pair in effects.items() if which == label]
    ours, (plain, with_change, others, others_changed, wrong) = zip(*shares_of_label, strict=True)
    assert plain < 0.3 and with_change > 0.8 and others_changed > others + 0.4 and wrong < 0.1
    assert abs(ours[3] - ours[2]) < 0.15

# %% [markdown]
# ## Summary
#
# 1. Smooth kernels suggest that a layer has learned something, not what.
# 2. Occlusion asks about a patch and its fill, saliency about small changes. Integrated gradients compare
#    with a baseline. Grad-CAM shows where the channels respond that raise a score.
# 3. If the background is black, input × gradient can keep a high rank correlation when all weights are random.
#    Compare with a second trained network.
# 4. Changes that we do not see can fool a network. A probability near 1 does not mean that an image looks
#    like its class.
# 5. Maps suggest positions. An experiment that changes one thing, with a control, shows a cause.
#
# ## Problem set
#
# **1 · By hand** ★ 4 min. The score is $s = \mathrm{relu}(x - 2)$, and $x = 6$. What is the integrated
# gradient from the baseline 0? And: a map has 45% of its sum on the background, which has 60% of the
# pixels. Divide the share of the sum by the share of the pixels.

# %%
check(attribution=..., times_area=...)

# %% [markdown]
# **2 · A control** ★ 3 min. Channels are often given names [Bau 2017]. "Channel 7 detects boots: of the
# twenty images with its largest response, 16 are boots." Which number tells most about this claim? (a) The
# accuracy of the network. (b) The same count for channels of a network with random weights. (c) The
# response of channel 7 to one more boot.

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
# **5 · Design** ★★ 6 min. Plan an occlusion map for 224 × 224 pixels. The patch has at most 48 pixels a side. The
# step is at most half of it. The network may run 110 times, and the last patch must end at the border.

# %%
check(occlusion_plan={"size": 64, "step": 40})

# %% [markdown]
# **6 · Open** ★★★ 20 min. How many steps do the integrated gradients of `tripod_photo` for `expert` need,
# until the sum stays within 5% of the true difference?


# %% tags=["hide-input"]
# @title Worked solutions
def score_gradient(x, W1, b1, W2, label):
    active = W1 @ x + b1 > 0  # (H,) True where the ReLU passes a gradient
    return (W2[label] * active) @ W1


def class_map(channels, gradients):
    weights = gradients.mean(axis=(1, 2))  # one per channel
    total = (weights[:, None, None] * channels).sum(axis=0)
    return np.maximum(total, 0)


def along_path(gradients, x, baseline):
    return gradients.mean(axis=0) * (x - baseline)


check(score_gradient), check(class_map), check(along_path)
check(
    attribution=4,  # 1 on two thirds of the path, so 6 · 2/3
    times_area=0.45 / 0.60,
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
