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
# # 08 · AlexNet
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/08_alexnet.ipynb)
#
# **What made the difference in 2012?**
#
# In 2012 a convolutional network, AlexNet, won the largest competition of image classification by far. But LeNet, with
# the same plan, was fourteen years older. What was new? You need sections [04](04_one_layer_one_template.ipynb),
# [05](05_from_dense_to_convolution.ipynb) and [07](07_lenet.ipynb).
#
# Afterwards you will be able to
#
# - say what grew from LeNet to AlexNet,
# - read the famous diagram with its two towers,
# - name what helps a large network to learn.
#
# *About 30 min, 15 for the folded parts, 45 for all problems · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, layers, plots, training
from cv_course.networks import alexnet, pretrained
from cv_course.networks.lenet import lenet
from cv_course.plots import show
from cv_course.sections.s08_alexnet import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## The competition
#
# The training set has 1.2 million photographs of 1,000 classes, a part of the collection ImageNet. A photograph may
# show several things, so a network may name five classes. The **top-5 error** is the share of images whose true class is
# not among the five. For five random names it is 99.5%.
#
# Figure 8.1 shows the five names that a newer network gives. It was also trained on ImageNet.

# %% tags=["hide-input"]
# @title Figure 8.1
photos = data.photos()  # name -> 3 × height × width
trained_network = pretrained.efficientnet_lite0()
named = {name: pretrained.guesses(trained_network, photo) for name, photo in photos.items()}
# steps of 8 grey levels: the picture is made far faster, and looks the same
shown = [data.fitted(photo, 250, 250) // 8 * 8 for photo in photos.values()]
show(
    plots.pictures(
        shown,
        [
            "\n".join(f"{g} {p:.0%}" if p >= 0.005 else f"{g} < 1%" for g, p in five)
            for five in named.values()
        ],
        columns=3,
        size=2.5,
    ),
    caption="Figure 8.1. Five photographs. Above each are the five classes to which a trained network gives the largest "
    "probabilities.",
    alt="; ".join(f"{name}: {', '.join(g for g, _ in five)}" for name, five in named.items()),
)

# %% [markdown]
# For the astronaut no name fits: there is no class for her.
#
# | results of 2012 | top-5 error |
# |---|---|
# | winner: seven networks, mostly AlexNets; their probabilities are averaged | 15.3% of the test images |
# | second best: features designed by hand | 26.2% of the test images |
# | a single AlexNet | 18.2% of the validation images |
#
# ## 1 More data, a larger network, more computation
#
# What grew from LeNet to AlexNet? We take LeNet in its modern form (section 07). We count the computation in
# multiply–accumulates (MACs), as in section 05.

# %% tags=["hide-input"]
# @title LeNet and AlexNet in numbers
with torch.device("meta"):  # networks with shapes, but without numbers: they need no memory
    small = layers.trace(lenet(), (1, 32, 32))
    large = layers.trace(alexnet.alexnet(), (3, 227, 227))
    single = layers.trace(alexnet.alexnet("single"), (3, 227, 227))
table = {
    "training images": (60_000, 1_200_000),
    "epochs": (20, 90),  # as the papers say
    "parameters": (small.parameters, large.parameters),
    "MACs per image": (small.macs, large.macs),
}
table["billion MACs in training"] = [np.prod([float(table[row][n]) for row in table if row != "parameters"]) / 1e9
                         for n in (0, 1)]  # fmt: skip
print(f"{'':25}{'LeNet':>8}{'AlexNet':>13}{'ratio':>10}")
for name, (before, after) in table.items():
    ratio = after / before
    print(f"{name:25}{before:>8,.0f}{after:>13,.0f}{ratio:>10,.{0 if ratio > 10 else 1}f}")

# %% [markdown]
# Everything grew. The last row is the product of three others: training images · epochs · MACs per
# image. (It counts only the way forward. Backpropagation needs more MACs.)
#
# AlexNet was trained on graphics cards. A graphics card, or **GPU**, computes many MACs at the
# same time.
#
# Do more images, a larger network and more computation help? We test this with a small network on Fashion-MNIST:

# %%
small_network = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=5, stride=2, padding=2), nn.ReLU(),  # 16 maps of 14 × 14
    nn.MaxPool2d(kernel_size=3, stride=2),  # 16 maps of 6 × 6
    nn.Conv2d(16, 32, kernel_size=3, padding=1), nn.ReLU(),  # 32 maps of 6 × 6
    nn.MaxPool2d(kernel_size=3, stride=2), nn.Flatten(),  # 32 · 2 · 2 numbers
    nn.Linear(32 * 2 * 2, 128), nn.ReLU(), nn.Linear(128, 10),
)  # fmt: skip

# %% [markdown]
# We train it in four ways, with batches of 50 images. The **width** is the number of kernels of the first convolution. With
# width 4, the other hidden layers shrink, too.

# %%
trainings = {
    "all": {"images": 4_000, "epochs": 2, "width": 16},  # 2 · 4,000 / 50 = 160 steps
    "200 images": {"images": 200, "epochs": 40, "width": 16},  # 40 · 200 / 50 = 160 steps
    "width 4": {"images": 4_000, "epochs": 2, "width": 4},  # 2 · 4,000 / 50 = 160 steps
    "10 steps": {"images": 500, "epochs": 1, "width": 16},  # 500 / 50 = 10 steps
}

# %% tags=["hide-input"]
# @title Figure 8.2
fashion = data.fashion_mnist()
train, validation = fashion.train[:4_000], fashion.train[8_000:]  # 4,000 and 2,000 images


def fitted(seed, images, epochs, width):
    torch.manual_seed(seed)
    network = model.small_network(width)  # the network above, with the initialisation of He et al.
    training.fit(network, train[:images], epochs=epochs, batch_size=50,
                 lr=0.1, seed=seed, device="cpu", progress=False)  # fmt: skip
    return network


runs = {name: [fitted(seed, **cut) for seed in range(3)] for name, cut in trainings.items()}
scaled = {name: [training.evaluate(n, validation) for n in found] for name, found in runs.items()}
show(
    plots.bars(scaled, ylabel="validation accuracy", ylim=1, levels={"chance": 0.1}),
    caption="Figure 8.2. Accuracy on 2,000 validation images after each of the four trainings. Dots "
    "are three runs, bars their means.",
    alt="; ".join(f"{name}: {np.mean(found):.2f}" for name, found in scaled.items()),
)

# %% [markdown]
# Fewer images, a smaller width and fewer steps each cost accuracy, in all three runs.
#
# The last training made only 10 steps, and so saw 500 images. That is more than the 200 images of
# the second training. Still, its mean is lower. So it lacks steps, too. We cannot rank the three,
# because they were not cut by the same factor.
#
# [*Concept 41*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (small.parameters, small.macs) == (61_706, 416_520)
assert (large.parameters, large.macs) == (60_965_224, 724_406_816)
assert table["billion MACs in training"][1] > 100_000 * table["billion MACs in training"][0]
assert layers.count_parameters(small_network) == layers.count_parameters(runs["all"][0]) == 22_858
# the cuts differ in size (20 times fewer images, 16 times fewer steps): they cannot be ranked
# 10 steps of 50 images use 500 images at most; 200 images in 160 steps do better, so it is not the images alone
# (means: with other seeds, one run with 200 images may fail)
assert np.mean(scaled["200 images"]) > np.mean(scaled["10 steps"]) + 0.1
assert min(scaled["all"]) > max(max(found) for n, found in scaled.items() if n != "all")

# %% [markdown]
# ## 2 Two cards, two towers
#
# A larger network also needs more memory. The authors had two cards with 3 GB each. They write that some networks are "too
# big to fit on one GPU. Therefore we spread the net across two GPUs" (§3.2).
#
# Each card holds one **tower**, with half of the maps. For example, the first convolution, conv1, gives 96 maps. Each card
# holds 48 of them.

# %% tags=["hide-input"]
# @title Figure 8.3
shapes = [("image", "3 colours\n227 × 227", 227 / 4, 1, False)]  # the image is drawn smaller
shapes += [
    (name, f"{half} + {half}\n{side} × {side}", side, 2, name == "conv3")
    for name, half, side in (("conv1", 48, 55), ("conv2", 128, 27), ("conv3", 192, 13),
                             ("conv4", 192, 13), ("conv5", 128, 13))
]  # fmt: skip
shapes += [("fc6", "2,048\n+ 2,048", 0, 2, True), ("fc7", "2,048\n+ 2,048", 0, 2, True)]
shapes += [("fc8", "1,000\nscores", 0, 1, True)]
stages = [
    dict(zip(("name", "size", "side", "towers", "crosses"), shape, strict=True)) for shape in shapes
]
stages[1]["inside"] = "tower\nA", "tower\nB"
show(
    play.draw_towers(stages, plots.figure(8, 3.0)[1]),
    caption="Figure 8.3. AlexNet: five convolutions, conv1 to conv5, and three fully connected layers, fc6 to fc8. "
    "Squares are maps, bars are vectors. Below stand their number and size. "
    "Black arrows: this layer reads both towers. Max pooling is not drawn.",
    alt="An image feeds two rows of five convolutions and two fully connected layers; both end in 1,000 scores. "
    "Black arrows lead from both rows to each row of conv3, fc6 and fc7, and to the scores, fc8.",
)

# %% [markdown]
# Conv1 has kernels of 11 × 11 and stride 4, so its maps have (227 − 11)/4 + 1 = 55 rows. Then
# comes max pooling with 3 × 3 and stride 2. Of the 55 rows, 27 remain: (55 − 3)/2 + 1 = 27. Conv2
# has padding, and keeps this size.
#
# A kernel of conv2 reads only the 48 maps of its own tower. In PyTorch, such a layer has `groups=2`. A kernel of conv3
# reads the maps of both towers: here the towers **cross**.
#
# To cross, each card sends its maps to the other card. To save this **communication**, only conv3 and the fully connected
# layers cross.
#
# [*Concepts 42–45*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
convolutions = large.only("Conv2d")
assert (227 - 11) // 4 + 1 == 55 and (55 - 3) // 2 + 1 == 27
kept = [row.output_shape for row in large.only("Conv2d", "MaxPool2d")]
assert kept == [
    *((96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13)),
    *((384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6)),
]
assert [row.groups for row in convolutions] == [1, 2, 1, 2, 2]

# %% [markdown]
# ## 3 Two methods against overfitting
#
# AlexNet has about 50 parameters per training image. So it may **overfit**: it improves on the training images, but not on
# new ones. The authors used two methods against this.
#
# The first is **augmentation** (§4.1). It changes each image a little whenever the image is used, but not its label. According
# to the paper, AlexNet reads a random window of each photograph, or the mirror image of a window.

# %% tags=["hide-input"]
# @title Figure 8.4
cat = data.fitted(photos["cat"], 256, 256) // 8 * 8
marked, windows, colours = cat.clone(), [], {"orange": (230, 120, 0), "blue": (0, 114, 178)}
for corner, colour in zip((0, 32), colours.values(), strict=True):
    windows.append(cat[:, corner : corner + 224, corner : corner + 224])
    frame = torch.zeros(256, 256, dtype=bool)
    frame[corner : corner + 224, corner : corner + 224] = True
    frame[corner + 3 : corner + 221, corner + 3 : corner + 221] = False
    for channel, value in enumerate(colour):
        marked[channel][frame] = value
show(
    plots.pictures([marked, windows[0], windows[1].flip(2)],
                   ["photograph", "orange window", "blue window, mirrored"], columns=3, size=2.5),
    caption="Figure 8.4. A photograph of 256 × 256 pixels with two windows, and these windows, drawn larger.",
    alt="A cat's face with two frames that are shifted a little; the two windows, one of them mirrored.",
)  # fmt: skip

# %% [markdown]
# The second is **dropout** (§4.2). It sets each unit of a hidden layer to 0 with probability $p =
# 0.5$, anew for each image and step. So it is harder for the network to memorise an image with a
# few units: they are often missing. The other units are doubled, so that the mean stays the same:

# %%
torch.manual_seed(4)
print(nn.Dropout(p=0.5)(torch.tensor([2.0, 4.0, 6.0, 8.0])))

# %% [markdown]
# A unit of 4 becomes 0 or 8, each in half of the cases. Its mean is still 4. After training,
# nothing is dropped.
#
# We train our small network with 200 images: with neither method, with dropout, and with
# augmentation. Here augmentation moves an image by up to one pixel, and mirrors half of the images.

# %% tags=["hide-input"]
# @title Figure 8.5
variants = {
    "neither": {},
    "dropout": {"dropout": 0.5},
    "augmentation": {"change": model.augmented},
}


def followed(seed, dropout=0.0, change=None):
    torch.manual_seed(seed)
    network = model.small_network(dropout=dropout)
    return model.curves(network, train[:200], validation[:500], validation[500:1_000], change)


followed_runs = {
    name: torch.stack([followed(seed, **variant) for seed in range(3)])
    for name, variant in variants.items()
}  # name -> 3 runs × 4 measures × 5 epochs
figure, panels = plots.figure(8, 3.4, 1, 2, sharey=True)
for number, title in enumerate(("200 training images", "500 validation images")):
    plots.lines(
        {name: found[:, number] for name, found in followed_runs.items()},
        range(5, 26, 5), xlabel="epoch", ylabel="loss" if number == 0 else "", title=title,
        ylim=(0, 1.6), labels=number == 1, axis=panels[number],
    )  # fmt: skip
    for band in list(panels[number].collections):
        band.remove()
last = {name: found[:, :, -1].mean(0).tolist() for name, found in followed_runs.items()}
show(
    figure,
    caption="Figure 8.5. Loss (cross-entropy) on the training images (left) and on validation images (right). Small dots are "
    "three runs, lines their means.",
    alt="At the end, training and validation loss: "
    + "; ".join(f"{name} {row[0]:.2f} and {row[1]:.2f}" for name, row in last.items()),
)
best = {name: int(found[:, 1].mean(0).argmin()) for name, found in followed_runs.items()}
on_others = {name: found[:, 2].mean(0) for name, found in followed_runs.items()}
print("means of three runs          validation loss  accuracy")
stopped = f"neither, stopped at epoch {5 * best['neither'] + 5}", "neither", best["neither"]
for title, name, epoch in (stopped, *((name, name, -1) for name in variants)):
    _, loss, _, accuracy = followed_runs[name][:, :, epoch].mean(0).tolist()
    print(f"{title:29}{loss:15.2f}{accuracy:10.2f}")

# %% [markdown]
# The training loss of "neither" falls to almost 0 (left), but its validation loss rises again (right): overfitting. With
# dropout or augmentation, the validation loss ends lower. Stopping "neither" early brings much of this gain, too: see the
# first printed row.
#
# The accuracies differ little. How can the loss rise without new errors? If a prediction is wrong,
# and the network becomes more certain of it, the probability $p$ of the true class falls. So the
# loss −log $p$ rises.

# %% tags=["hide-input"]
# @title Checks: what this shows
# stopping early is judged on 500 other images, since the epoch is chosen on the first 500
neither = followed_runs["neither"]
for name in ("dropout", "augmentation"):
    other = followed_runs[name]
    assert (other[:, 0, -1] > neither[:, 0, -1]).all()
    assert (other[:, 1, -1] < neither[:, 1, -1] - 0.05).all()
    gained = on_others["neither"][-1] - on_others[name][-1]
    missed = on_others["neither"][best["neither"]] - on_others[name][best[name]]
    assert missed < 0.6 * gained
assert neither[:, 1].mean(0)[-1] > neither[:, 1].mean(0).min() + 0.05
assert neither[:, 0, -1].max() < 0.2
assert max(row[3] for row in last.values()) - min(row[3] for row in last.values()) < 0.06

# %% [markdown]
# ## 4 Eight layers that learn
#
# AlexNet has eight layers with weights. Can such a network be trained at all? Backpropagation goes
# from the output back to the first layer. Where an activation has the slope 1/4, a change of its
# input changes its output, and so the loss, only a quarter as much. So at each activation,
# backpropagation multiplies by the slope.
#
# Take the **sigmoid**, $1/(1 + e^{-a})$, an older activation. Its slope is at most 1/4. Between
# eight layers there are seven activations, one after the other. Their slopes together give at most
# (1/4)⁷ = 1/16,384. The gradient of the first layer can become almost 0: a **vanishing gradient**.
# The slopes of tanh and ReLU go up to 1.
#
# At each layer, backpropagation also multiplies by the weights. If they are small, the gradient
# shrinks, too. The random first weights are called the **initialisation**. We compare PyTorch's
# weights with two proposals, for a layer of 64 units with 64 inputs:

# %%
layer = nn.Linear(64, 64)
print(f"PyTorch: up to {layer.weight.max():.2f}")
nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")  # by He and others, for ReLU
print(f"He:      up to {layer.weight.max():.2f}")
nn.init.xavier_uniform_(layer.weight)  # by Glorot and Bengio, for tanh and sigmoid
print(f"Glorot:  up to {layer.weight.max():.2f}")

# %% [markdown]
# PyTorch draws the smallest weights, so with them the gradient shrinks most (measured in *Going
# further: the gradient in each layer*). From now on, *He or Glorot* means He for ReLU, and Glorot
# for tanh and sigmoid.
#
# We train networks with 1 or 7 fully connected hidden layers of 64 units each.
# **Predict:** with 7 hidden layers and *PyTorch*, which activations stay near chance, below 0.2?

# %%
your_guess = "?"  # some of "sigmoid", "tanh", "ReLU"

# %% tags=["hide-input"]
# @title Figure 8.6
starts = ("He or Glorot", "PyTorch")
fewer = train[:2_000]
mean, spread = data.as_float(fewer.images).mean(), data.as_float(fewer.images).std()


def standardised(split):
    return (data.as_float(split.images) - mean) / spread


inputs = standardised(fewer)


def deep_fitted(depth, activation, start, seed, epochs=2):
    torch.manual_seed(seed)
    network = model.stack(depth, activation, start, inputs=784)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, foreach=True)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(50):
            loss = nn.functional.cross_entropy(network(inputs[batch]), fewer.labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network


def deep_accuracies(networks, asked_inputs, asked_labels):
    with torch.no_grad():
        predicted = [network(asked_inputs).argmax(1) for network in networks]
    return [(one == asked_labels).float().mean().item() for one in predicted]


deep_runs = {
    (depth, name, start): [deep_fitted(depth, name, start, seed) for seed in range(3)]
    for depth in (1, 7)
    for name in model.ACTIVATIONS
    for start in starts
}
val_inputs = standardised(validation)
deep = {
    depth: {
        name: {
            start: deep_accuracies(deep_runs[depth, name, start], val_inputs, validation.labels)
            for start in starts
        }
        for name in model.ACTIVATIONS
    }
    for depth in (1, 7)
}
figure, panels = plots.figure(8, 5.2, 2, 1)
for panel, (depth, found) in zip(panels, deep.items(), strict=True):
    title = "1 hidden layer" if depth == 1 else f"{depth} hidden layers"
    plots.bars(found, ylabel="validation accuracy", ylim=1.05, title=title,
               levels={"chance": 0.1}, axis=panel)  # fmt: skip
show(
    figure,
    caption="Figure 8.6. Accuracy after two epochs with 2,000 images of Fashion-MNIST, with 1 hidden layer (above) and with 7 (below). Colours: the initialisation. "
    "Dots are three runs, bars their means.",
    alt="; ".join(
        f"{depth} hidden, {name}, {start}: {np.mean(values):.2f}"
        for depth, found in deep.items() for name, row in found.items() for start, values in row.items()
    ),
)  # fmt: skip
low = [name for name, row in deep[7].items() if np.mean(row["PyTorch"]) < 0.2]
print(f"your guess: {your_guess}; below 0.2: {low}")

# %% [markdown]
# With 1 hidden layer, all six cases learn. With 7, only two of them learn well, so the number of layers matters.
#
# The sigmoid stays at chance with both initialisations, so the activation matters. ReLU and tanh
# learn well only with *He or Glorot*, so the initialisation matters.
#
# Here tanh with *He or Glorot* is even a little better than ReLU. In the paper (§3.1), another
# network learned six times faster with ReLU.

# %% tags=["hide-input"]
# @title Checks: what this shows
made, plain_start = starts
by_pytorch, by_he, by_glorot = (nn.Linear(64, 64).weight for _ in range(3))
nn.init.kaiming_uniform_(by_he, nonlinearity="relu")
nn.init.xavier_uniform_(by_glorot)
assert by_pytorch.max() < by_glorot.max() < by_he.max()
assert min(min(r) for row in deep[1].values() for r in row.values()) > 0.6
assert max(max(r) for r in deep[7]["sigmoid"].values()) < 0.15
for name in ("ReLU", "tanh"):
    assert min(deep[7][name][made]) > 0.65
    assert np.mean(deep[7][name][plain_start]) < 0.5
assert np.mean(deep[7]["ReLU"][plain_start]) < 0.2
# two epochs at one learning rate; Glorot's weights are not made for the sigmoid

# %% [markdown]
# ## The test set, once
#
# Do Figures 8.2 and 8.6 hold on test images? We print the accuracies of three runs.

# %% tags=["hide-input"]
# @title The result on the test set
test_inputs = standardised(fashion.test)
on_test = {f"{name}": [training.evaluate(n, fashion.test) for n in ns] for name, ns in runs.items()}
on_test |= {
    f"7 hidden layers, ReLU, {start}": deep_accuracies(
        deep_runs[7, "ReLU", start], test_inputs, fashion.test.labels
    )
    for start in starts
}
for name, values in on_test.items():
    print(f"{name:36} {'  '.join(f'{value:.3f}' for value in values)}")
# the standard error of an accuracy near 0.8 is 0.009
assert min(on_test["all"]) > max(max(on_test[name]) for name in trainings if name != "all")
assert (
    min(on_test["7 hidden layers, ReLU, He or Glorot"])
    > 0.65
    > 0.2
    > max(on_test["7 hidden layers, ReLU, PyTorch"])
)

# %% [markdown]
# They do: each cut costs accuracy, and with 7 hidden layers ReLU learns well only with *He or Glorot*.
#
# ## Summary
#
# 1. From LeNet to AlexNet, the number of images grew 20 times, the parameters 988 times, and the MACs of training over
#    100,000 times. In our small test, less of each cost accuracy.
# 2. Two cards held one tower each. Only conv3 and the fully connected layers cross, to save communication.
# 3. In our small network, dropout, augmentation and stopping early lowered the final validation loss.
# 4. With 7 hidden layers, our networks learned well only with tanh or ReLU and *He or Glorot*.
# 5. We did not test how much each part contributed in 2012.

# %% [markdown]
# ## Going further: where the weights are
#
# For a second reading: which layers hold the 61 million parameters, and how most of them can be saved.

# %% [markdown]
# We compare the first convolution with the first fully connected layer:
#
# | layer | weights | positions | MACs = weights · positions |
# |---|---|---|---|
# | conv1: 96 kernels of 11 × 11 with 3 colours; 227 × 227 pixels, stride 4 | 96 · 11 · 11 · 3 = 34,848 | 55 · 55 = 3,025 | 105,415,200 |
# | fc6: 4,096 units; each reads 256 maps of 6 × 6 | 4,096 · 256 · 6 · 6 = 37,748,736 | 1 | 37,748,736 |
#
# **Predict:** what share of AlexNet's *parameters* do its five convolutions have together? And of its *MACs*?

# %%
your_guess = "?"  # two shares, such as "50% and 50%"

# %% tags=["hide-input"]
# @title Figure 8.7
weighted = large.only("Conv2d", "Linear")
names = [f"{'conv' if n < 6 else 'fc'}{n}" for n in range(1, 9)]
figure, panels = plots.figure(8, 4.6, 2, 1)
for panel, label, fmt, counts in (
    (panels[0], "parameters", "{:.2f}", [row.parameters for row in weighted]),
    (panels[1], "MACs", "{:.0f}", [row.macs for row in weighted]),
):
    million = {name: count / 1e6 for name, count in zip(names, counts, strict=True)}
    plots.bars(million, ylabel=f"million {label}", fmt=fmt, axis=panel)
shares = convolutions.parameters / large.parameters, convolutions.macs / large.macs
show(
    figure,
    caption="Figure 8.7. Parameters (above) and MACs per image (below) of AlexNet's layers: five convolutions, "
    "conv1 to conv5, and three fully connected layers, fc6 to fc8.",
    alt="The bars of the parameters are high for fc6, fc7 and fc8, those of the MACs for the convolutions.",
)
print(
    f"your guess: {your_guess}; convolutions: {shares[0]:.1%} of the parameters, {shares[1]:.0%} of the MACs"
)

# %% [markdown]
# A convolution uses its weights at many positions, a fully connected layer only once per image.
#
# ### From maps to a vector
#
# Most parameters are in fc6. Can we save them? AlexNet **flattens** the last maps to a vector of 256 · 6 · 6 = 9,216 numbers
# for fc6. Later networks often take the **average** of each map, 256 numbers. A single fully connected layer, with
# 256 · 1,000 + 1,000 = 257,000 parameters, can then replace fc6 to fc8. Only 4% of all parameters remain. But the average
# ignores the positions ([section 06](06_backbone_and_heads.ipynb)).
#
# [*Concepts 47, 48*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this says
assert [row.parameters for row in weighted] == [
    *(34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000)
]
assert weighted[0].macs == 105_415_200 and weighted[5].macs == 37_748_736
assert round(shares[0], 3) == 0.038 and round(shares[1], 2) == 0.92
assert 34_848 * 3_025 == 105_415_200
with torch.device("meta"):
    assert layers.count_parameters(alexnet.alexnet(head="average")) == 2_591_080

# %% [markdown]
# ## Going further: the two towers
#
# For a second reading: memory, communication, and both towers as one network.

# %% [markdown]
# ### Was one card too small?
#
# We count the memory for training, with 4 bytes per number. With **momentum**, each step also contains a part of the last
# step, so the last step is stored, too.
#
# | stored | numbers | memory |
# |---|---|---|
# | each parameter, its gradient and its last step | 3 · 60,965,224 | 0.73 GB |
# | outputs of all layers, also of ReLU, pooling and normalisation (1,917,032 per image), and their gradients, for a batch of 128 images | 2 · 128 · 1,917,032 | 1.96 GB |
# | sum | | 2.69 GB |
#
# So 2.69 of the 3 GB of one card are full. One card may well have been too small.
#
# ### Where the towers cross
#
# We **perturb** tower B: we add random numbers to its maps after conv1.
# **Predict:** in which of conv2 to conv5 does tower A change?

# %%
your_guess = "?"  # such as "conv2 and conv4"

# %% tags=["hide-input"]
# @title Figure 8.8: perturb one tower
show(
    play.towers(),
    caption="Figure 8.8. Tower B is perturbed after conv1. White: all maps stay exactly the same. Orange: maps change. Black arrows "
    "lead to layers that cross. The weights are random.",
)
published = play.towers().alt()
print(f"your guess: {your_guess}. {published.split('. ')[1]}")

# %% [markdown]
# In conv2, tower A does not change at all. Conv3 reads both towers, so it changes. Conv4 and conv5 read only their own tower,
# but its maps have changed already. The controls are towers that never cross, and towers that always cross.
#
# ### Why do the towers cross so rarely?
#
# If conv2 crossed, the cards would send the 96 maps that it reads, 27 × 27 after pooling. In the forward pass alone, these
# are 96 · 27 · 27 = 69,984 numbers per image.

# %% tags=["hide-input"]
# @title How many numbers would be sent?
rows = weighted[1:]  # conv2 to fc8; both cards have the image
sent = [int(np.prod(row.input_shape)) for row in rows]
crosses = [row.groups == 1 for row in convolutions[1:]] + [True] * 3
print("layer  numbers sent if it crosses  as published")
for name, row, numbers, cross in zip(names[1:], rows, sent, crosses, strict=True):
    shape = (256, 6, 6) if name == "fc6" else row.input_shape
    worked = " · ".join(map(str, shape)) + " = " if len(shape) == 3 else ""
    print(f"{name:7}{worked:>16}{numbers:>10,}  {'crosses' if cross else ''}".rstrip())
crossing, everywhere = sum(n for n, cross in zip(sent, crosses, strict=True) if cross), sum(sent)
print(f"sum as published: {crossing:,}; sum if all layers crossed: {everywhere:,}")

# %% [markdown]
# Of the four convolutions, conv3 costs the least communication. If all layers crossed, the sum
# would be more than four times as large.
#
# ### One stream
#
# On one card, AlexNet can be **one stream**, without groups. Then conv1 gives 96 maps (48 + 48), and fc6 gives
# 4,096 numbers (2,048 + 2,048). With a weight of 0 for each map of the other tower, it computes the same.
#
# Conv2 has 256 kernels, and there are 96 maps to read. The first 128 kernels (tower A) read only the first 48
# maps, so they get zeros for the last 48. The other 128 kernels (tower B) get zeros for the first 48. So weights of shape
# (256, 48, 5, 5) become (256, 96, 5, 5). Write this step.


# %%
def one_stream(w, groups):
    """w (F, C/groups, K, L): F kernels of K × L; each reads C/groups of the C maps.
    With 2 groups, the first half of the kernels reads the first half of the maps, and so on.

    Returns (F, C, K, L). Example without K and L: w = [[2], [3]] with groups=2, of shape (2, 1),
    -> [[2, 0], [0, 3]], of shape (2, 2)."""
    ...  # replace this line


check(one_stream)

# %%
hint(one_stream)

# %% [markdown]
# [*Concepts 46, 49*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
# the memory, in GB: parameters and outputs of the layers whose outputs are kept (also ReLU, LRN, pooling)
kinds = "Conv2d", "ReLU", "ResponseNorm", "MaxPool2d", "Linear"
with torch.device("meta"):
    equal = alexnet.alexnet()
    equal.features = alexnet.convolutions((1, 1, 1, 1, 1), 1)  # without groups, else equal
    equal = layers.trace(equal, (3, 227, 227))
memory = {}
for name, network in (("groups", large), ("no groups", equal)):
    outputs = sum(int(np.prod(row.output_shape)) for row in network.only(*kinds))
    assert outputs == 1_917_032
    memory[name] = [4 * 3 * network.parameters / 1e9, 4 * 2 * 128 * outputs / 1e9]
assert [round(part, 2) for part in memory["groups"]] == [0.73, 1.96]
assert [round(sum(parts), 2) for parts in memory.values()] == [2.69, 2.71]
# ReLU in place would give 2.02 GB; dropout and working memory are not counted
assert "conv1 same, conv2 same, conv3 changed" in published
assert (crossing, everywhere, sent[:2]) == (60_672, 260_448, [69_984, 43_264])
# the MACs would grow less than the numbers sent: 0.72 to 1.14 billion
assert (single.parameters, single.macs) == (62_378_344, 1_135_256_096)
assert (convolutions[1].parameters, single.only("Conv2d")[1].parameters) == (307_456, 614_656)

# %% [markdown]
# ## Going further: the gradient in each layer
#
# For a second reading: part 4 argued with slopes, and here we measure gradients.

# %% [markdown]
# We measure the gradient of the loss for the weights of each layer, and take its length. The length of (3, 4) is 5.

# %% tags=["hide-input"]
# @title Figure 8.9: depth and initialisation
show(
    play.gradients(),
    caption="Figure 8.9. The gradient in networks with 16 hidden layers (state 3: 7) before training, on a scale in "
    "powers of ten. Layers are counted from the output: 1 is the last hidden layer, 16 the first. Backpropagation goes from left to right.",
)
lengths = {
    (name, start, depth): model.gradient_sizes(name, depth, start)
    for start in starts
    for name in model.ACTIVATIONS
    for depth in (7, 16)
}
ratios = {case: sizes[0] / sizes[-1] for case, sizes in lengths.items()}

# %% [markdown]
# With the sigmoid, the gradient shrinks in each layer. With *He or Glorot*, ReLU and tanh roughly keep it. With
# *PyTorch*, with smaller weights, both lose much of it. ReLU loses more: for about half of its inputs, the slope is 0.
#
# Why does ReLU with *PyTorch* stay at chance in Figure 8.6? With 7 hidden layers (state 3), its
# gradient does not vanish towards the first layer. But it is small in *all* layers.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert max(ratios["sigmoid", start, 7] for start in starts) < 1e-3
assert ratios["sigmoid", made, 16] < 1e-7 and ratios["sigmoid", plain_start, 16] < 1e-9
assert 0.02 < ratios["ReLU", made, 16] < 50 and 0.02 < ratios["tanh", made, 16] < 50
assert ratios["ReLU", plain_start, 16] < ratios["tanh", plain_start, 16] / 5 < 0.01
# why ReLU stays at chance: the gradient is not the whole reason. The signal shrinks in the forward pass, too,
# so that at the beginning all images get nearly the same scores
torch.manual_seed(0)
spreads = {
    case: model.stack(7, *case, inputs=784)(inputs).std(0).mean().item()
    for case in (("ReLU", made), ("tanh", plain_start), ("ReLU", plain_start))
}
assert spreads["ReLU", plain_start] < 0.3 * spreads["tanh", plain_start] < spreads["ReLU", made]

# %% [markdown]
# ## Going further: response normalisation and batch normalisation
#
# For a second reading: a part of AlexNet that is hardly used today, beside the common kind of normalisation.

# %% [markdown]
# After the ReLU of conv1 and conv2, AlexNet has a **local response normalisation** (LRN). It divides each output $a_i$ of
# channel $i$ by a number. This number grows with the outputs of the channels $i - 2$ to $i + 2$ at the same position:
#
# $$b_i = a_i \Big/ \Big(2 + 10^{-4} \sum_{j=i-2}^{i+2} a_j^2\Big)^{0.75}$$
#
# For $a_i = 200$ and four neighbours of 0, the bracket is $2 + 10^{-4} · 200^2 = 2 + 4 = 6$, and $b_i = 200 / 6^{0.75} = 52$.
# If all five are 200, the bracket is $2 + 5 · 4 = 22$, and $b_i = 200 / 22^{0.75} = 20$. So large outputs make their
# neighbours smaller.
#
#  **Batch normalisation**, common today, first subtracts the mean of a channel, and then divides
#  by its standard deviation: 1 and 3 become −1 and 1.

# %% tags=["hide-input"]
# @title Figure 8.10
from cv_course.networks.alexnet import ResponseNorm

batch = (50 * torch.rand(4, 16, 3, 3)).requires_grad_()  # 4 images, 16 channels, 3 × 3 positions
norms, depends = {"LRN": ResponseNorm(), "batch normalisation": nn.BatchNorm2d(16)}, {}
for name, norm in norms.items():
    (gradient,) = torch.autograd.grad(norm(batch)[1, 7, 1, 1], batch)
    depends[name] = (gradient != 0).float().transpose(0, 1).flatten(1)  # 16 × 36
figure, panels = plots.figure(8, 3.1, 1, 2)
for panel, (name, used) in zip(panels, depends.items(), strict=True):
    marked = used.clone()
    marked[7, 9 + 4] = 2
    panel.imshow(marked, "Blues", vmin=0, vmax=2.6, aspect="auto")
    for image in range(1, 4):
        panel.axvline(9 * image - 0.5, color="black", lw=1)
    for column in range(36):
        panel.axvline(column - 0.5, color="grey", lw=0.3)
    panel.annotate("this number is\nnormalised", (13, 7), (23, 2.2), fontsize=9, va="center",
                   bbox={"fc": "white", "ec": "none", "pad": 2},
                   arrowprops={"arrowstyle": "->", "shrinkB": 4})  # fmt: skip
    panel.set(title=f"{name} uses {int(used.sum())} numbers", ylabel="channel",
              xlabel="9 positions of each image")  # fmt: skip
    panel.set_xticks([9 * image + 4 for image in range(4)], [f"image {n}" for n in range(1, 5)])
show(
    figure,
    caption="Figure 8.10. A batch of four images in training. Blue: the numbers that are used to normalise the dark one.",
    alt="LRN: a column of 5 channels at one position of one image. Batch normalisation: a row, one channel "
    "at all 36 positions of four images.",
)

# %% [markdown]
# LRN uses neighbouring channels at one position. Batch normalisation uses one channel at all positions of all images.
#
# LRN reduced AlexNet's top-5 error by 1.2 points (§3.3). Two years later, VGG found no gain ([section 10](10_vgg.ipynb)).
#
# [*Concept 50*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert depends["LRN"].sum() == 5 and depends["batch normalisation"].sum() == 36
assert [round(200 / (2 + 1e-4 * n * 200**2) ** 0.75) for n in (1, 5)] == [52, 20]
positive = 300 * torch.rand(2, 96, 5, 5)
for alpha, same in ((1e-4, False), (5e-4, True)):  # PyTorch divides alpha by n
    theirs = nn.LocalResponseNorm(5, alpha=alpha, beta=0.75, k=2)(positive)
    assert torch.allclose(theirs, ResponseNorm()(positive), rtol=1e-4) == same

# %% [markdown]
# ## Going further: kernels of 11 × 11
#
# For a second reading: does AlexNet need such large kernels to see much of the image?

# %% [markdown]
# We count the pixels on which one number after the last pooling depends ([section
# 09](09_receptive_field.ipynb)):
#
# | kernels of conv1 | stride of conv1 | pixels |
# |---|---|---|
# | 11 × 11 | 4 | 195 × 195 |
# | 3 × 3 | 4 | 187 × 187 |
# | 11 × 11 | 1 | 57 × 57 |
#
# Here the stride matters far more than the size of the kernels.
#
# [*Concept 51*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Going further: what the last hidden layer finds similar
#
# For a second reading: the vectors of a trained network, compared with the pixels.

# %% [markdown]
# In AlexNet's last hidden layer, images with similar vectors often show the same kind of object, although their pixels are
# far apart (§6.1). We take the network of Figure 8.1. From each photograph we cut two windows, enlarge them,
# mirror them and remove the colour. Which photograph is nearest to each, by pixels and by the vector of the last hidden layer?
#
# **Predict:** of the 10 windows, how many are nearest to their own photograph by *pixels*? By chance, 2 are.

# %%
your_guess = "?"  # 0 to 10

# %% tags=["hide-input"]
# @title Figure 8.11
generator = torch.Generator().manual_seed(0)
pool = torch.cat([trained_network.prepare(photo) for photo in photos.values()])  # 5 × 3 × 224 × 224
queries = torch.stack(
    [model.changed_window(photo, generator) for photo in photos.values() for _ in range(2)]
)


def nearest(describe):  # describe: images -> N × D
    with torch.no_grad():
        return torch.cdist(describe(queries), describe(pool)).argmin(1)  # 10 numbers, 0 to 4


own = torch.arange(5).repeat_interleave(2)
by_pixels, by_network = (
    nearest(lambda images: images.mean(1).flatten(1)),  # grey, as the windows are
    nearest(lambda images: trained_network.vectorise(trained_network.features(images))),
)
right = {"pixels": int((by_pixels == own).sum()), "network": int((by_network == own).sum())}


def drawable(image):
    small_image = nn.functional.interpolate(
        image[None], (140, 140), mode="bilinear", antialias=True
    )
    return (small_image[0] * 31).round() / 31


rows, titles, photo_names = [], [], list(photos)
for found in (None, by_pixels, by_network):
    for number in range(0, 10, 2):
        rows.append(drawable(queries[number] if found is None else pool[found[number]]))
        titles.append(photo_names[number // 2 if found is None else int(found[number])])
show(
    plots.pictures(rows, titles, columns=5, size=1.4,
                   row_names=["window of", "nearest by\npixels", "nearest by\nnetwork"]),
    caption="Figure 8.11. Five of the windows (top), and the nearest photograph by pixels (middle) and by the last hidden layer "
    "of the trained network (bottom).",
    alt="Top: windows of " + ", ".join(titles[:5]) + ". Nearest by pixels: " + ", ".join(titles[5:10])
    + ". Nearest by the network: " + ", ".join(titles[10:]) + ".",
)  # fmt: skip
print(f"your guess: {your_guess}; windows that are nearest to their own photograph:")
for name, number in right.items():
    print(f"by {name:8} {number:2} of 10")

# %% [markdown]
# The network finds all. But this is the same *photograph*, not another object of the same *class*.
#
# For classes we take Fashion-MNIST and the networks "all" of Figure 8.2. For each of 1,000 images we look up the five nearest
# among 1,000 others. We print which share of these five has the same class as the image.

# %% tags=["hide-input"]
# @title Neighbours of the same class
asked, others = validation[:1_000], validation[1_000:]


def same_class(describe):
    with torch.no_grad():
        mine, theirs = (describe(data.as_float(part.images)).flatten(1) for part in (asked, others))
    five = torch.cdist(mine, theirs).topk(5, largest=False).indices  # 1,000 × 5
    return (others.labels[five] == asked.labels[:, None]).float().mean().item()


shares_of_five = {"pixels": [same_class(lambda images: images)], "untrained": [], "trained": []}
for seed, network in enumerate(runs["all"]):
    torch.manual_seed(seed)
    shares_of_five["untrained"].append(same_class(model.small_network().eval()[:-1]))
    shares_of_five["trained"].append(same_class(network[:-1]))
titles = "pixels", "network, untrained", "network, trained"
for title, values in zip(titles, shares_of_five.values(), strict=True):
    print(f"{title:19}", "  ".join(f"{value:.3f}" for value in values))

# %% [markdown]
# The trained networks are best. Before training they are worse than the pixels, so training makes the difference.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert right["network"] == 10 and right["pixels"] <= 7
assert max(shares_of_five["untrained"]) < shares_of_five["pixels"][0] - 0.01
assert shares_of_five["pixels"][0] < min(shares_of_five["trained"]) - 0.01

# %% [markdown]
# ## Going further: where the paper's numbers do not fit
#
# For a second reading: four statements of the paper that do not fit the rest of it.

# %% [markdown]
# | the paper | what fits |
# |---|---|
# | images of 224 × 224 | The size (224 − 11)/4 + 1 = 54.25 is not a whole number. Rounded up to 55, as in the authors' program, it gets 9,216. With 227, no rounding is needed. |
# | 253,440 units in the first layer (Figure 2) | 55 · 55 · 96 = 290,400 |
# | 2,048 versions of an image | A window of 224 has 256 − 224 + 1 = 33 positions in each direction. With mirror images: 33 · 33 · 2 = 2,178 |
# | LRN over all 96 channels | The last two maps of tower A would need neighbours on the other card. Our towers normalise separately. |

# %% tags=["hide-input"]
# @title Checks: what this says
assert 55 * 55 * 96 == 290_400 and 256 * 5 * 5 == 6_400
a, b = (100 * torch.rand(1, 96, 1, 1) for _ in range(2))
b[:, :48] = a[:, :48]  # the two differ in tower B alone
for groups, leaking in ((1, [46, 47]), (2, [])):
    seen = (ResponseNorm(groups=groups)(a) - ResponseNorm(groups=groups)(b))[0, :48, 0, 0]
    assert seen.nonzero().flatten().tolist() == leaking

# %% [markdown]
# ## Problem set
#
# **1 · Count** ★ 4 min. A convolution has 64 kernels of 3 × 3, `groups=2`, and one bias per kernel. It reads 32
# maps, half of them in each group. How many parameters does it have?

# %%
check(grouped_parameters=...)

# %% [markdown]
# **2 · A fair comparison** ★ 3 min. Which comparison of tanh and ReLU is fairest, with 7 hidden layers?
#
# - (a) Both with *PyTorch*.
# - (b) Both with *He or Glorot*, but ReLU with 1 hidden layer.
# - (c) Both with *He or Glorot*, each with its best learning rate.

# %%
check(which_cause=...)  # "a", "b" or "c"

# %% [markdown]
# **3 · Explain** ★★ 4 min. For which kind of images would mirroring *harm*, and why?

# %%
reveal(mirrored=...)  # your sentences, between quotation marks

# %% [markdown]
# **4 · Debug** ★★ 8 min.
#
# `x` (N, D) are activations, `keep` (N, D) is True for units that stay, `p` is the probability to drop a unit. The
# mean of each unit should stay the same: x = (4, 8), keep = (True, False), p = 0.75 should give (16, 0).
# With p = 0.5 the code is right. Mend it.


# %%
def dropout(x, keep, p):
    return np.where(keep, x / p, 0)  # x / p where keep is True, else 0


# when you have mended it: check(dropout)

# %% [markdown]
# **5 · Design** ★★ 8 min, after *Going further: the two towers*. Let exactly two of conv2 to conv5 cross. Together they may
# send at most 110,000 numbers per image. Choose the groups of conv1 to conv5: 1 if the layer crosses, else 2. (Conv1 has 1,
# since both cards hold the image.)

# %%
check(my_groups=[1, 2, 1, 2, 2])  # change this

# %% [markdown]
# **6 · Open** ★★★ 20 min. Can a sigmoid network with 7 hidden layers learn? Copy `deep_fitted` from the folded cell of
# Figure 8.6. Multiply Glorot's weights by 2, 4, 6 or 8.
#
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def one_stream(w, groups):
    kernels, channels = w.shape[0] // groups, w.shape[1]  # per group
    joined = np.zeros((w.shape[0], channels * groups, *w.shape[2:]))
    for g in range(groups):
        rows = slice(g * kernels, (g + 1) * kernels)
        joined[rows, g * channels : (g + 1) * channels] = w[rows]
    return joined


def dropout(x, keep, p):
    return np.where(keep, x / (1 - p), 0)


_ = [
    check(one_stream),
    check(dropout),
    check(grouped_parameters=64 * (16 * 9 + 1), which_cause="c"),
]  # my_groups: [1, 2, 1, 1, 2] or [1, 2, 1, 2, 1]

# %% [markdown]
# ## References
#
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural networks. *NIPS*
#   2012 (the § numbers above). Of the seven networks, two were larger and first trained on more images. The five AlexNets alone had 16.4%
#   (§6). A network on one card, with half as many kernels in conv1 to conv4, had a top-5 error 1.2 points higher (§3.2). AlexNet's dropout did not double, but halved the outputs after training.
# - X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks. *AISTATS* 2010.
# - K. He, X. Zhang, S. Ren, J. Sun. Delving deep into rectifiers. *ICCV* 2015.
# - S. Ioffe, C. Szegedy. Batch normalization. *ICML* 2015.
# - M. Lin, Q. Chen, S. Yan. Network in network. *ICLR* 2014 (average pooling as a head).
# - M. Tan, Q. Le. EfficientNet: rethinking model scaling for convolutional neural networks. *ICML* 2019. (The network of Figure 8.1 is a variant, EfficientNet-Lite0.)
#
# [Concepts 41–51](00_start_here.ipynb#Map-of-the-concepts)
