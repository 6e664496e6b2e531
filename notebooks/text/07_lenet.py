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
# # 07 · LeNet
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/07_lenet.ipynb)
#
# **What did the first convolutional networks look like?**
#
# LeNet is the best known of them. In 1989 a first version read the digits of postal codes. A larger version of
# 1998 read cheques. You need sections [02](02_features_by_hand_or_learned.ipynb) (read-out),
# [04](04_one_layer_one_template.ipynb) (training) and
# [05](05_from_dense_to_convolution.ipynb) (convolution).
#
# Afterwards you will be able to
#
# - count the parameters and the connections of both networks,
# - say what was known before LeNet, and what training added,
# - read a table that says which maps a layer looks at.
#
# *About 30 min, 20 for the folded parts, 50 for all problems · CPU 20 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import copy

import numpy as np
import torch
from torch import nn

from cv_course import data, layers, plots, training
from cv_course.networks.lenet import lenet
from cv_course.plots import show
from cv_course.sections.s07_lenet import check, hint, model, original, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Postal codes: the network of 1989
#
# The network of 1989 classified single digits, cut out of postal codes [LeCun 1989]. We use other handwritten digits, from the
# Python library scikit-learn, enlarged from 8 × 8 pixels. Our accuracies cannot be compared with those of the paper.

# %% tags=["hide-input"]
# @title The data, and Figure 7.1
digits = data.digits()
torch.manual_seed(0)
order = torch.randperm(len(digits.train))  # a random order
small = model.enlarged(digits.train[order], digit=16, field=16)
train, validation = small[:1_000], small[1_000:]
images, labels = data.as_float(train.images), train.labels  # N × 1 × 16 × 16, from 0 to 1
first = [int((validation.labels == digit).nonzero()[0]) for digit in range(10)]
print(
    f"{len(train):,} training images, {len(validation)} validation images, {len(digits.test)} test images"
)
show(
    plots.pictures(
        validation.images[first], [str(digit) for digit in range(10)], columns=5, size=0.7
    ),
    caption="Figure 7.1. One validation image of each digit, enlarged to 16 × 16 pixels.",
    alt="Ten handwritten digits, 0 to 9, white on black and blurred.",
)

# %% [markdown]
# In Figure 7.2, H1 and H2 are convolutional layers. H3 and the output layer are fully connected.

# %% tags=["hide-input"]
# @title Figure 7.2
sizes_1989 = {
    "H1": (12, 8, "kernel 5 × 5,\nstride 2"),
    "H2": (12, 4, "kernel 5 × 5,\nstride 2"),
    "H3": (30, 1, "fully\nconnected"),
    "output": (10, 1, "fully\nconnected"),
}
show(
    play.drawn(16, sizes_1989),
    caption="Figure 7.2. The network of 1989. Squares are maps; at most four are drawn. Bars are "
    "layers of single units.",
    alt="An image of 16 by 16 pixels, 12 maps of 8 by 8, 12 maps of 4 by 4, 30 units, 10 units.",
)

# %% [markdown]
# A **unit** computes one number. The units of H1 form 12 feature maps (section 05), in short maps. The 8 × 8 units of a map
# share one kernel of 5 × 5 weights. With stride 2 and padding 2, a side has (16 + 2 + 2 − 5) // 2 + 1 = 8 units.
#
# The **parameters** are the numbers that are learned. The 12 kernels of H1 have 12 · 5 · 5 = 300
# weights. A modern layer would add one bias per map. Here *each unit* has its own bias: 12 · 8 · 8 = 768.
# In PyTorch:

# %%
kernels = torch.randn(12, 1, 5, 5)  # one per map; random numbers, for the count
biases = torch.randn(12, 8, 8)  # one per unit
sums = nn.functional.conv2d(images[:1], kernels, stride=2, padding=2)  # of one training image
h1 = sums + biases
print("shape of H1:", tuple(h1.shape), "  parameters:", kernels.numel() + biases.numel())

# %% [markdown]
# Each unit of H1 has 26 **connections**: 25 to its pixels and one to its bias.
# **Predict:** how many connections do all units of H1 have together?

# %%
your_guess = "?"  # a whole number

# %% tags=["hide-input"]
# @title Parameters and connections of the network of 1989
torch.manual_seed(0)
postal = original.lenet_1989()
counts = model.count(postal, (1, 16, 16))  # layer -> (parameters, connections)
parameters, connections = map(sum, zip(*counts.values(), strict=True))
print(f"your guess: {your_guess}, connections of H1: {counts['h1'][1]:,}")
print("layer    weights  biases  parameters  connections")
for name, (own, joined) in counts.items():
    weights = sum(w.numel() for n, w in getattr(postal, name).named_parameters() if "weight" in n)
    shown = name.upper() if name[0] == "h" else name
    print(f"{shown:6} {weights:9,} {own - weights:7,} {own:11,} {joined:12,}")
print(f"all    {parameters:29,} {connections:12,}")

# %% [markdown]
# H1 has 768 · 26 = 19,968 connections. Each map of H2 looks at only 8 of the 12 maps of H1, so H2 has 12 · 8 · 25 = 2,400 weights. Each of its 192 units has 8 · 25 + 1 = 201 connections.
# In H3 and the output layer, each unit has its own weights, so the last two columns are equal.
#
# A weight of H1 is used 64 times, once for each unit of its map. Because of this **weight sharing**, 64,660
# connections need only 9,760 parameters.
#
# [*Concept 40*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert h1.shape == (1, 12, 8, 8) and kernels.numel() + biases.numel() == counts["h1"][0]
assert [*counts.values()] == [(1_068, 19_968), (2_592, 38_592), (5_790, 5_790), (310, 310)]
assert (parameters, connections) == (9_760, 64_660)
# The paper does not say which 8 maps; we chose. As in the paper, the network (not the cell above)
# makes the pixels −1 (background) to 1 and pads with −1.

# %% [markdown]
# ## 2 Training with squared differences
#
# Section 04 used ReLU after a layer. Such a function is called an **activation function**, in
# short activation. Here it is $f(a) = 1.7159\,\tanh(2a/3)$, also after the output layer. The
# function tanh rises smoothly from −1 to 1. The numbers 1.7159 and 2/3 are chosen so that $f(1) =
# 1$ and $f(-1) = -1$ [LeCun 1998].
#
# The target is 1 for the output of the true class, and −1 for the other nine. The loss is the sum of the ten squared
# differences from the targets. The rest is as in section 04:


# %%
def fit_squares(network, images, labels, epochs=5):
    targets = 2.0 * nn.functional.one_hot(labels, 10) - 1  # N × 10, each 1 or −1
    optimiser = torch.optim.SGD(network.parameters(), lr=0.03)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(8):  # 8 images per step
            # the sum over ten outputs, the mean over 8 images
            loss = (network(images[batch]) - targets[batch]).square().sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


# %% [markdown]
# The paper trained for 23 epochs, with batches of a single image. We take 5 epochs and batches of 8, among other differences.

# %%
untrained_runs, trained_runs = [], []
for seed in range(3):
    torch.manual_seed(seed)
    network = original.lenet_1989()  # the network of Figure 7.2
    untrained_runs.append(copy.deepcopy(network))  # keeps the first weights
    fit_squares(network, images, labels)
    trained_runs.append(network)
accuracies = [round(training.evaluate(one, validation), 3) for one in trained_runs]
print("validation accuracy of three runs:", accuracies, "  constant baseline: about 0.1")

# %% [markdown]
# ## 3 What did training add?
#
# The network is right for most images. How much of this comes from training? The output layer sees only the 30 numbers of H3.
#
# As in section 02, we fit a read-out: one linear layer from 30 numbers to the ten classes, again with the targets 1 and −1.
# Its weights make the sum of the squared differences over the training images as small as possible (**least squares**). A small penalty on
# large weights is added (**ridge regression**).
#
# One source of 30 numbers needs no network. Each image is a point with 16 · 16 coordinates. We look for the
# direction in which the points differ most. For the points (0, 0), (1, 1) and (2, 2), this
# direction is the diagonal. The position of an image along this direction is its first **principal
# component**. The second one is the position along a direction at right angles to the first, again
# the one in which the points differ most. And so on.
#
# We compare four sources:
#
# - *30 components*: the first 30 principal components of the pixels,
# - *H3 untrained*: random functions of the pixels,
# - *H3 untrained, larger weights*: the same, but each layer's weights are multiplied by one number, until they are as
#   large as the trained ones,
# - *H3 trained*.
#
# The third one is a control. Training also makes weights larger. Near 0, $f$ is nearly a straight line; for larger sums
# it is curved. So larger weights alone could already make other functions.
#
# **Predict:** which is better *without* training, H3 or the 30 components?

# %%
your_guess = "?"  # "H3" or "components"

# %% tags=["hide-input"]
# @title Figure 7.3


def of_trained_size(untrained, trained):
    """The untrained network, the weights of each layer multiplied to the trained mean square."""
    scaled = copy.deepcopy(untrained)
    with torch.no_grad():
        for (name, own), other in zip(scaled.named_parameters(), trained.parameters(), strict=True):
            if name.endswith("weight"):
                own.mul_(other.norm() / own.norm())
    return scaled


def read_out_errors(network, asked, stage):
    """Errors (%) of a read-out from 30 numbers of a stage; more are reduced to components."""
    known, other = (model.activations(network, split.images)[stage] for split in (train, asked))
    predicted = model.probe(known, other, labels, few=30).argmax(1)
    return 100 * (predicted != asked.labels).double().mean().item()


scaled_runs = [of_trained_size(*both) for both in zip(untrained_runs, trained_runs, strict=True)]
sources = {
    "30 components": (untrained_runs[:1], "scale"),  # the pixels, before H1
    "H3 untrained": (untrained_runs, "h3"),
    "H3 untrained, larger weights": (scaled_runs, "h3"),
    "H3 trained": (trained_runs, "h3"),
}
errors = {
    name: [read_out_errors(one, validation, stage) for one in runs]
    for name, (runs, stage) in sources.items()
}
means = {name: np.mean(runs) for name, runs in errors.items()}
show(
    plots.bars(errors, ylabel="errors of the read-out (%)", fmt="{:.1f}",
               axis=plots.figure(7, 3)[1]),
    caption="Figure 7.3. Validation errors of the same read-out from 30 numbers per image. Dots are three runs. "
    "The constant baseline has about 90%.",
    alt="Errors (%): " + ", ".join(f"{name} {value:.1f}" for name, value in means.items()) + ".",
)  # fmt: skip
better = min(("30 components", "H3 untrained"), key=means.get)
print(f"your guess: {your_guess}, fewer errors: {better}")

# %% [markdown]
# Untrained, H3 is worse than the components. Trained, it is best. So training with labels made 30
# numbers that are more useful for this task. Larger weights alone do not explain this: the control is only a little better than *H3 untrained*.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(accuracies) > 0.88
low, high = means["H3 trained"], means["H3 untrained"]
assert low + 1 < means["30 components"] < high - 0.5
assert low < means["H3 untrained, larger weights"] - 2
assert -0.5 < high - means["H3 untrained, larger weights"] < 2
# One standard error of a share near 5% of these images is 1 percentage point.
# The paper's rule for a step was not plain gradient descent: it also used second derivatives.
# Problem 2: two pixels to the right; with separate biases, H1 is not simply shifted
digit = data.as_float(validation.images[first[3] : first[3] + 1])
layer = trained_runs[0].h1[0]
with torch.no_grad():
    for shared in (False, True):
        if shared:
            kept = layer.bias.clone()
            layer.bias.copy_(kept.mean((1, 2), keepdim=True).expand_as(kept))
        maps, moved = (layer(2 * image - 1) for image in (digit, digit.roll(2, 3)))
        apart = (moved[..., 2:-1, 3:-1] - maps[..., 2:-1, 2:-2]).abs().max()
        assert (apart < 1e-5) == shared
    layer.bias.copy_(kept)

# %% [markdown]
# ## What was known before
#
# All these systems share kernels over the image:
#
# | system | its kernels |
# |---|---|
# | neocognitron, several layers [Fukushima 1980] | learned without labels |
# | letters T and C, a toy task, one layer [Rumelhart 1986] | learned by backpropagation |
# | letters [Zhang 1988] | learned by backpropagation |
# | digits [Denker 1989] | designed by hand |
# | LeNet, two layers [LeCun 1989] | learned by backpropagation |
#
# **Backpropagation** computes the gradients of all layers; `backward()` does this. You will often
# read that LeCun invented the convolutional network. But the neocognitron is nine years older, and
# it had several such layers. It learned without labels. LeNet was among the first networks in which
# *backpropagation* trained several such layers, and it read real images. It had 5.0% errors on 2,007
# test images.
#
# [*Concept 39*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 4 Cheques: LeNet-5 of 1998
#
# The network of 1998, LeNet-5, is larger (Figure 7.4). It was one part of a system that "reads several million checks per
# day" [LeCun 1998]. On MNIST, a data set of handwritten digits, it had 0.95% errors.

# %% tags=["hide-input"]
# @title Figure 7.4, and the parameters of LeNet-5
cheque = original.lenet_1998()
cheque_counts = model.count(cheque, (1, 32, 32))
sizes_1998 = {
    "C1": (6, 28, "kernel 5 × 5"),
    "S2": (6, 14, "block 2 × 2"),
    "C3": (16, 10, "kernel 5 × 5,\ntable"),
    "S4": (16, 5, "block 2 × 2"),
    "C5": (120, 1, "kernel 5 × 5"),
    "F6": (84, 1, "fully\nconnected"),
    "output": (10, 1, "distances"),
}
show(
    play.drawn(32, sizes_1998),
    caption="Figure 7.4. LeNet-5, drawn as in Figure 7.2. C stands for convolution, S for subsampling, F for fully connected. "
    "The kernels of C5 cover the whole maps of S4, so each of its 120 maps is one unit: 120 · (16 · 25 + 1) = 48,120 parameters.",
    alt="Image 32 by 32, C1 6 maps of 28, S2 6 of 14, C3 16 of 10, S4 16 of 5, C5 120 units, F6 84 "
    "units, 10 outputs.",
)
print("layer   parameters  connections")
total = tuple(map(sum, zip(*cheque_counts.values(), strict=True)))
for name, (own, joined) in [*cheque_counts.items(), ("all", total)]:
    print(f"{name if name in ('output', 'all') else name.upper():6}{own:12,} {joined:12,}")

# %% [markdown]
# What is different from 1989?
#
# - There is one bias per map. C1 has 6 · 25 weights and 6 biases: 156 parameters.
# - S2 and S4 do **subsampling**. The sum of each block of 2 × 2 numbers is multiplied by a coefficient, a bias is added, and $f$ follows.
#   For the block 1, 2, 0, 1, the coefficient 0.5 and the bias −1, this gives $f$(4 · 0.5 − 1) = $f(1)$ = 1. Each map learns one coefficient and one
#   bias.
# - A table in the paper says which maps of S2 each map of C3 looks at.
# - For each digit there is a fixed drawing of 84 cells, with the number 1 for ink and −1 for paper. An
#   output is the squared distance between the 84 numbers of F6 and those of one drawing. So here the *smallest* output
#   wins, and the outputs have no parameters (see *Going further: drawings as targets*).
#
# Figure 7.5 shows the table. Map 0 of C3 looks at three maps of S2, so it has 3 · 25 + 1 = 76 parameters.

# %% tags=["hide-input"]
# @title Figure 7.5: step through the table
show(
    play.c3_table(),
    caption="Figure 7.5. A cross means that the map of C3 (column) looks at the map of S2 (row). "
    "The chosen map of C3 has an orange frame.",
)

# %% [markdown]
# Six maps of C3 look at three maps, nine at four, and one at all six: 6 · 76 + 9 · 101 + 151 = 1,516
# parameters. The 10 · 10 units of a map share them, so there are 100 times as many connections. Write this for any table.


# %%
def count_partial(table, kernel, units):
    """table (F, C), a NumPy array: 1 where output map f looks at input map c, else 0. (A column of
    Figure 7.5 is a row here.)
    kernel: side of the square kernels; units: units per output map, such as 100 for 10 × 10.

    Returns [parameters, connections]. Example: one map that looks at 3 maps, kernel 5,
    100 units -> [76, 7600]."""
    ...  # replace this line


check(count_partial)

# %%
hint(count_partial)

# %% [markdown]
# Why a table? The paper gives two reasons. A full table needs 241,600 connections instead of 151,600.
# And different inputs force the maps of C3 to find different features (not tested here).

# %% tags=["hide-input"]
# @title Checks: what this shows
assert [own for own, _ in cheque_counts.values()] == [156, 12, 1_516, 32, 48_120, 10_164, 0]
assert sum(joined for _, joined in cheque_counts.values()) == 340_908
assert (cheque_counts["c3"][1], sum(map(len, original.C3_TABLE))) == (151_600, 60)
full = original.lenet_1998(original.full_table(6, 16))
assert model.count(full, (1, 32, 32))["c3"] == (2_416, 241_600)

# %% [markdown]
# ## 5 LeNet today
#
# Today LeNet-5 is usually written with ordinary layers only, such as max pooling (section 05) for
# subsampling. C3 looks at all maps of S2. C5 is written as a fully connected layer (`Linear`),
# which is the same, since its kernels cover the whole maps. A ReLU follows C1, C3, C5 and F6. (Its
# code is left for you: assignment A4 in the folder `notebooks/assignments`.) After each layer, the
# output is:

# %%
for row in layers.trace(lenet(), (1, 32, 32)).only("Conv2d", "MaxPool2d", "Linear"):
    shape = " × ".join(str(side) for side in row.output_shape)
    print(f"{row.name[:6]:7}{row.kind:10} {shape:12}{row.parameters:7,} parameters")
print(f"{layers.count_parameters(lenet()):,} parameters in all")

# %% [markdown]
# | part | 1989 | 1998 | today |
# |---|---|---|---|
# | biases | one per unit | one per map | one per map |
# | maps become smaller by | stride 2 | subsampling | max pooling, or stride 2 |
# | the second convolution looks at | 8 of 12 maps | maps by a table | all maps |
# | activation | $f$, a scaled tanh | $f$ | mostly ReLU |
# | outputs | ten units | distances to drawings | ten scores |
#
# The plan has remained: convolutions, ever smaller maps, and a fully connected layer at the end.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert layers.count_parameters(lenet(nn.Tanh)) == 61_706

# %% [markdown]
# ## The test set, once
#
# Do the four read-outs of part 3 keep their order on the test images?

# %% tags=["hide-input"]
# @title The result on the test set
small_test = model.enlarged(digits.test, 16, 16)
on_test = {
    name: 1 - np.mean([read_out_errors(one, small_test, stage) for one in runs]) / 100
    for name, (runs, stage) in sources.items()
}
print("mean accuracy of three runs    validation   test")
for name, value in on_test.items():
    print(f"{name:28} {1 - means[name] / 100:12.3f} {value:6.3f}")
assert on_test["H3 trained"] > max(on_test["30 components"], on_test["H3 untrained"]) + 0.01
# Most rows are higher than on the validation images; the test images may be easier.
# The constant baseline has about 0.10. One standard error near 0.95 is 0.012; with other seeds, the
# components and H3 untrained can be equal here.

# %% [markdown]
# On the test images, H3 trained is best again. (Figure 7.3 shows errors in percent; here are
# accuracies.)

# %% [markdown]
# ## Summary
#
# 1. LeNet of 1989 has two convolutional and two fully connected layers. Its 64,660 connections share 9,760 parameters.
# 2. The neocognitron had several layers of shared kernels before. LeNet was among the first to train such layers by
#    backpropagation. In our test, training improved H3.
# 3. LeNet-5 of 1998 has 60,000 parameters, subsampling, a table, and outputs that compare with
#    drawings. Today these parts are usually replaced by ordinary layers, but the plan has
#    remained.
# 4. *Going further* shows what the drawings do, and how, in our test, the random first weights decide how fast ReLU learns.

# %% [markdown]
# ## Going further: drawings as targets
#
# For a second reading: why F6 has 84 units, and what an eleventh class does.

# %% [markdown]
# Why does F6 have 84 units? They form a picture of 12 × 7 cells. Each class has a target picture, its
# **code**, drawn by hand (in Figure 7.6, by us): 1 for ink, −1 for paper. Each output is the *squared distance* of F6 from a code. The smallest distance wins.

# %% tags=["hide-input"]
# @title Figure 7.6
codes = torch.stack([*model.CHARACTERS.values()])
show(
    plots.pictures(
        codes.view(16, 1, 12, 7), [*model.CHARACTERS], columns=8, size=0.42,
        signed=True, scale=(-1.72, 1.72),
    ),
    caption="Figure 7.6. Codes of the ten digits, and of the letters O, l, I, o, S, F, which we do not "
    "train. Red is 1 (ink), blue is −1 (paper).",
    alt="Sixteen small drawings of characters. I, l and 1 are similar, and so are O and 0.",
)  # fmt: skip

# %% [markdown]
# Similar characters have similar codes: our O and 0 differ in 16 of the 84 cells, 1 and 0 in 35.
# The paper's reason: this helps if the system reads whole words. If it cannot tell O from 0, both
# distances are small, and the other letters of the word can decide.
#
# For training, the scores are the *negative* distances. Softmax and cross-entropy follow, as in
# section 04. The paper adds one more class with the constant score $-j$, where $j$ is chosen by
# hand. No training image belongs to it, but it makes the other probabilities smaller. Take an
# image with the distances 1 and 3 from two codes, and $j = 2$. The powers are $e^{-1} = 0.368$,
# $e^{-3} = 0.050$ and, for the additional class, $e^{-2} = 0.135$:
#
# | distance to right code | to other code | additional class | probability of right code | loss |
# |---|---|---|---|---|
# | 1 | 3 | no | 0.368 / (0.368 + 0.050) = 0.88 | −log 0.88 = 0.13 |
# | 71 | 73 | no | 0.88 | 0.13 |
# | 1 | 3 | yes | 0.368 / (0.368 + 0.050 + 0.135) = 0.665 | 0.41 |
# | 71 | 73 | yes | $e^{-71}/(e^{-71} + e^{-73} + e^{-2})$, about $e^{-71}/e^{-2} = e^{-69}$ | 69 |
#
# Without the additional class, only the difference of the distances counts, so F6 may be far from both codes. With it, such an F6 has a large loss. Write this loss for many images:


# %%
def code_loss(y, labels, j):
    """y (N, K), NumPy: squared distances of N images to K codes; labels (N,): the right codes;
    j: a number. Returns the mean loss. Example: y = [[1, 3]], labels = [0], j = 2 -> 0.41."""
    ...  # replace this line


check(code_loss)

# %%
hint(code_loss)

# %% [markdown]
# We train LeNet-5 with ten classes, and with the additional one as eleventh ($j = 20$). How far is
# F6 from the right code? As a baseline, we take an F6 that gives the same picture for every image,
# the mean of all ten codes.


# %%
def train_lenet5(seed, j=None):
    torch.manual_seed(seed)
    network = original.lenet_1998()
    # the eleventh class: `trained` contains `network`, and adds the score −j
    trained = network if j is None else model.WithEleventhClass(network, j)
    # large_train: 1,000 digits of 32 × 32 pixels; recipe: batches of 25 images
    training.fit(trained, large_train, lr=0.003, epochs=3, seed=seed, **recipe)
    return network


# %% [markdown]
# **Predict:** with ten classes, is F6 nearer to the right code than the baseline?

# %%
your_guess = "?"  # "yes" or "no"

# %% tags=["hide-input"]
# @title Training, and Figure 7.7
large = model.enlarged(digits.train[order], digit=20, field=32)  # LeNet-5 wants 32 × 32 pixels
large_train, large_val = large[:1_000], large[1_000:]
recipe = {"batch_size": 25, "progress": False, "device": "cpu"}
CODES = original.CODES
own_code = CODES[large_val.labels]
by_loss = {
    "ten classes": [train_lenet5(seed) for seed in range(3)],
    "eleven classes": [train_lenet5(seed, j=20) for seed in range(3)],
}
f6 = {name: [model.activations(one, large_val.images)["f6"] for one in runs]
      for name, runs in by_loss.items()}  # fmt: skip
distances = {name: [(one - own_code).square().sum(1).mean().item() for one in runs]
             for name, runs in f6.items()}  # fmt: skip
correct = {
    name: [training.evaluate(one, large_val) for one in runs] for name, runs in by_loss.items()
}
baseline = (CODES.mean(0) - own_code).square().sum(1).mean().item()
nearer = max(distances["ten classes"]) < baseline
print(f"your guess: {your_guess}, measured: {'yes' if nearer else 'no'}")
print("                mean squared distance   accuracy, three runs")
print(f"baseline        {baseline:4.0f}")
for name, runs in distances.items():
    print(f"{name:15}", " ".join(f"{v:4.0f}" for v in runs), "        ",
          " ".join(f"{v:.3f}" for v in correct[name]))  # fmt: skip
chosen = [first[0], first[3]]
show(
    plots.pictures(
        [one.view(1, 12, 7) for n in chosen for one in (*(runs[0][n] for runs in f6.values()), own_code[n])],
        ["ten classes", "eleven classes", "right code"], row_names=["image of 0", "image of 3"],
        columns=3, size=1, signed=True, scale=(-1.72, 1.72), bar="output of F6, or code",
    ),
    caption="Figure 7.7. The outputs of F6 for two validation images, after training with ten and with eleven classes "
    "(first run), and the right code.",
    alt="With ten classes, F6 is pale and shows no digit. With eleven, a 0 and a 3 can be seen.",
)  # fmt: skip

# %% [markdown]
# With ten classes, F6 is farther from the right code than the baseline. In Figure 7.7 it is pale: its outputs are near 0. With eleven classes, F6 is much
# nearer, and shows the 0 and the 3. But the accuracy is lower here.

# %% tags=["hide-input"]
# @title Checks: what this shows
y = (f6["eleven classes"][0][:, None].double() - CODES).square().sum(2)
eleven = nn.functional.cross_entropy(nn.functional.pad(-y, (0, 1), value=-20.0), large_val.labels)
right_y = y.gather(1, large_val.labels[:, None])[:, 0]
# the paper's formula: the right distance + log(e^−j + sum of e^−y)
by_formula = (right_y + (np.exp(-20.0) + (-y).exp().sum(1)).log()).mean()
assert abs(by_formula.item() - eleven.item()) < 1e-6
assert max(distances["eleven classes"]) + 15 < baseline < min(distances["ten classes"]) - 15
assert f6["ten classes"][0].abs().mean() < 0.2 < 0.5 < f6["eleven classes"][0].abs().mean()
assert np.mean(correct["eleven classes"]) < np.mean(correct["ten classes"])
apart = {pair: int((model.CHARACTERS[pair[0]] != model.CHARACTERS[pair[1]]).sum())
         for pair in ("O0", "10")}  # fmt: skip
assert apart == {"O0": 16, "10": 35}, apart
# The paper's own reason for j: wrong codes that are already much farther away than j are not pushed
# farther. The paper calls the outputs radial basis functions, and the eleventh class "rubbish".
# F6 of zeros would have the distance 84 from each code.

# %% [markdown]
# ## Going further: the first weights
#
# For a second reading: whether ReLU is faster than tanh depends on the random first weights.

# %% [markdown]
# Later networks use ReLU instead of tanh. Does LeNet learn faster with ReLU? This depends on the random first weights (the **initialisation**).
#
# The *mean square* of 1, −1 and 2 is (1 + 1 + 4) / 3 = 2. For units with $n$ inputs, PyTorch draws
# weights with the mean square $1/(3n)$. Take F6, with $n = 120$ inputs of mean square 1.
#
# - A weight has the mean square 1/(3 · 120) = 1/360. A term is weight · input. The two are
#   independent, so their mean squares multiply: 1/360 · 1 = 1/360.
# - A unit adds 120 terms. For two terms, $(a + b)^2 = a^2 + b^2 + 2ab$. The weights have random signs, so $2ab$ averages to 0, and the mean
#   squares add up: 120/360 = 1/3.
# - ReLU sets about half of the sums to 0. This leaves 1/6. Tanh brings each sum nearer to 0, so at most 1/3 is left.
#
# Each further layer does the same (without biases and pooling):
#
# | mean square after | layer 1 | layer 2 | layer 3 | layer 4 |
# |---|---|---|---|---|
# | ReLU | 1/6 | 1/36 | 1/216 | 1/1296 |
# | tanh, at most | 1/3 | 1/9 | 1/27 | 1/81 |
#
# So the outputs of later layers are near 0, and hardly differ between images. In section 04, the
# derivative for a weight was $p - y$ times its input. In each layer, the input is such a factor.
# With inputs near 0, the weights learn slowly. For ReLU, *He* et al. draw weights with the mean
# square $2/n$ [He 2015]. Then 120 · 2/120 = 2, and ReLU leaves 1. For tanh we take the weights of
# *Glorot* and Bengio, with the mean square 2 / (inputs + outputs) [Glorot 2010]. (Backpropagation
# adds up over the outputs, as the way forward does over the inputs. This is a compromise for
# both.) Before tanh, F6 gets 120 · 2/(120 + 84), about 1.2 instead of 1/3. We compare *He or
# Glorot* with *PyTorch*, the default weights.


# %%
def he_or_glorot(network, activation):
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if activation is nn.ReLU:
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")  # Kaiming He et al.
            else:
                nn.init.xavier_uniform_(layer.weight)  # Xavier Glorot and Bengio


# %% [markdown]
# **Predict:** after one epoch, which activation gains more accuracy from *He or Glorot*?

# %%
your_guess = "?"  # "ReLU" or "tanh"

# %% tags=["hide-input"]
# @title Figure 7.8


def race(activation, start, seed):
    torch.manual_seed(seed)
    network = lenet(activation)
    if start == "He or Glorot":
        he_or_glorot(network, activation)
    scores = training.predict(network, large_val.images[:200])
    spread = (scores - scores.mean(0)).square().mean().sqrt().item()
    training.fit(network, large_train, lr=0.05, epochs=1, seed=seed, **recipe)
    return network, spread


activations = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
raced, racers, spreads = {}, {}, {}
for start in ("PyTorch", "He or Glorot"):
    runs = {
        name: [race(kind, start, seed) for seed in range(3)] for name, kind in activations.items()
    }
    racers[start] = {name: [network for network, _ in found] for name, found in runs.items()}
    raced[start] = {name: [training.evaluate(one, large_val) for one in found]
                    for name, found in racers[start].items()}  # fmt: skip
    spreads[start] = {
        name: np.mean([spread for _, spread in found]) for name, found in runs.items()
    }
gains = {name: np.mean(raced["He or Glorot"][name]) - np.mean(raced["PyTorch"][name])
         for name in activations}  # fmt: skip
print(f"your guess: {your_guess}, gain: ReLU {gains['ReLU']:+.2f}, tanh {gains['tanh']:+.2f}")
show(
    plots.bars(raced, axis=plots.figure(3.5, 3)[1], ylabel="validation accuracy", ylim=1.15,
               fmt="{:.2f}", levels={"constant\nbaseline": 0.1}),
    caption="Figure 7.8. Accuracy after one epoch for two activations and two kinds of first weights. "
    "Dots are three runs; the numbers are their means.",
    alt="; ".join(
        f"{start}: ReLU {np.mean(row['ReLU']):.2f}, tanh {np.mean(row['tanh']):.2f}"
        for start, row in raced.items()
    ),
)  # fmt: skip

# %% [markdown]
# With *PyTorch*, tanh is far ahead. With *He or Glorot*, ReLU gains more, and little of the lead
# is left. So the effect of the activation depends on the first weights: an **interaction**. With
# weights that suit it, ReLU was still not faster than tanh here. But both had the same learning
# rate. A fair comparison also gives each activation a learning rate that suits it (problem 6).

# %% tags=["hide-input"]
# @title Checks: what this shows
lead = {start: np.mean(row["tanh"]) - np.mean(row["ReLU"]) for start, row in raced.items()}
assert lead["PyTorch"] > 0.15 and lead["PyTorch"] > 2 * abs(lead["He or Glorot"])
assert gains["ReLU"] > gains["tanh"] + 0.1 > 0.1
# In errors, not accuracy, the two gain by a similar factor.
cut = {name: (1 - np.mean(raced["PyTorch"][name])) / (1 - np.mean(raced["He or Glorot"][name]))
       for name in activations}  # fmt: skip
assert 0.5 < cut["ReLU"] / cut["tanh"] < 2
# before training, the scores of different images differ least with ReLU and PyTorch's weights
low, high = spreads["PyTorch"].values()
assert 2 * low < high and 5 * high < min(spreads["He or Glorot"].values())
torch.manual_seed(0)  # PyTorch draws evenly from −1/√n to 1/√n: mean square 1/(3n)
drawn = nn.Linear(120, 840).weight
assert abs(360 * drawn.square().mean().item() - 1) < 0.02

# %% [markdown]
# ### The test set, once
#
# Do the comparisons of the last two parts hold on the test images?

# %% tags=["hide-input"]
# @title Activations, first weights and classes on the test set
large_test = model.enlarged(digits.test, 20, 32)
on_validation, on_test = {}, {}
for start, row in racers.items():
    for name, runs in row.items():
        on_validation[f"{name}, {start}"] = np.mean(raced[start][name])
        on_test[f"{name}, {start}"] = np.mean([training.evaluate(one, large_test) for one in runs])
for name, runs in by_loss.items():
    on_validation[f"LeNet-5, {name}"] = np.mean(correct[name])
    on_test[f"LeNet-5, {name}"] = np.mean([training.evaluate(one, large_test) for one in runs])
print("mean accuracy of three runs    validation   test")
for name, value in on_test.items():
    print(f"{name:28} {on_validation[name]:12.3f} {value:6.3f}")
wide, narrow = (on_test[f"tanh, {s}"] - on_test[f"ReLU, {s}"] for s in ("PyTorch", "He or Glorot"))
assert wide > 0.15 and wide > 2 * abs(narrow)
assert min(on_test["LeNet-5, ten classes"], on_test["LeNet-5, eleven classes"]) > 0.8

# %% [markdown]
# On the test images, too, the lead of tanh is large only with *PyTorch*.

# %% [markdown]
# ## Problem set
#
# **1 · Count** ★ 5 min. A layer has 20 maps of 6 × 6 units. Each map looks at 4 input maps, with kernels
# of 3 × 3. Each unit has its own bias, as in 1989. How many parameters and connections are there?

# %%
check(layer_parameters=..., layer_connections=...)

# %% [markdown]
# **2 · Explain** ★★ 5 min. H1 of 1989 has one bias per unit. An image is shifted by two pixels. Why are the maps not
# simply shifted by one unit, even away from the border?

# %%
reveal(why_not_shifted=...)  # your sentences, between quotation marks

# %% [markdown]
# **3 · Design** ★★ 10 min. Design a cheaper table for C3. Row f lists the maps of S2 that map f of C3 looks at. All 16 rows
# differ, each map of S2 is used equally often, and C3 has at most 1,300 parameters.

# %%
my_table = [[0, 1, 2]] * 16  # 16 lists of numbers from 0 to 5: change this
check(my_table=my_table)

# %% [markdown]
# **4 · First weights** ★ 5 min, after *Going further: the first weights*. The weights have the mean square $1/n$, the inputs 1, and ReLU follows each layer. What is
# the mean square after three layers?

# %%
check(after_three=...)

# %% [markdown]
# **5 · Debug** ★ 5 min, after *Going further: drawings as targets*. This function should return the number of the nearest code for each image. One line is wrong. Mend it, then call
# `check(nearest_code)`.


# %%
def nearest_code(f6, codes):  # N × 84 and 10 × 84 -> N numbers from 0 to 9
    differences = f6[:, None] - codes[None]  # N × 10 × 84
    distances = differences.sum(axis=2)  # N × 10
    return distances.argmin(axis=1)


# %% [markdown]
# **6 · Open** ★★★ 20 min, after *Going further: the first weights*. Repeat Figure 7.8 with two epochs and the learning rates 0.025, 0.05, 0.1 and 0.2. What is left of the differences
# if each of the four bars gets its best rate?

# %% [markdown]
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def count_partial(table, kernel, units):
    parameters = table.sum() * kernel**2 + len(table)  # a kernel for each 1, a bias for each row
    return np.array([parameters, units * parameters])


def code_loss(y, labels, j):
    powers = np.exp(-y)
    right = powers[np.arange(len(y)), labels]
    return -np.log(right / (np.exp(-j) + powers.sum(axis=1))).mean()


def nearest_code(f6, codes):
    differences = f6[:, None] - codes[None]
    distances = (differences**2).sum(axis=2)
    return distances.argmin(axis=1)


from itertools import combinations

left_out = [(0, 1, 2), (3, 4, 5), (0, 1, 3), (2, 4, 5)]
my_table = [row for row in combinations(range(6), 3) if row not in left_out]
_ = [
    check(count_partial),
    check(code_loss),
    check(nearest_code),
    check(layer_parameters=20 * 4 * 9 + 20 * 36, layer_connections=20 * 36 * (4 * 9 + 1)),
    check(after_three=(1 / 2) ** 3),
    check(my_table=my_table),
]

# %% [markdown]
# Problem 6: in our runs, ReLU with *PyTorch* stays worse, even at its best rate. The other three cases are close
# together at their best rates.

# %% [markdown]
# ## References
#
# - J. Denker et al. Neural network recognizer for hand-written zip code digits. *NIPS* 1, 1989.
# - K. Fukushima. Neocognitron. *Biological Cybernetics* 36, 1980.
# - X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks.
#   *AISTATS* 2010.
# - K. He et al. Delving deep into rectifiers. *ICCV* 2015.
# - Y. LeCun et al. Backpropagation applied to handwritten zip code recognition. *Neural Computation*
#   1, 1989.
# - Y. LeCun et al. Gradient-based learning applied to document
#   recognition. *Proceedings of the IEEE* 86, 1998 (§II-B, §II-C, appendix A).
# - D. Rumelhart, J. McClelland et al. *Parallel Distributed Processing* 1, 1986, chapter 8.
# - W. Zhang et al. Shift-invariant pattern recognition neural network and its optical architecture.
#   *Conference of the Japan Society of Applied Physics*, 1988.
# - E. Alpaydin, C. Kaynak. Optical recognition of handwritten digits. UCI, 1998 (our data).
#
# [Concepts 39–40](00_start_here.ipynb#Map-of-the-concepts)
