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
# In 2012 a convolutional network, AlexNet, won the largest competition of image classification by far.
# But LeNet had the same plan fourteen years before. What was new? You need sections
# [04](04_one_layer_one_template.ipynb) (training), [05](05_from_dense_to_convolution.ipynb) (convolution)
# and [07](07_lenet.ipynb) (LeNet).
#
# Afterwards you will be able to
#
# - say what grew between LeNet and AlexNet, and test what cutting it costs,
# - read the famous diagram with its two towers, and say why they rarely meet,
# - test activation, initial weights and depth when a network does not train.
#
# *About 45 min, and 45 min for the problem set · CPU 25 s*

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
# The competition (ILSVRC) used 1.2 million training photographs of 1,000 classes, a part of the collection ImageNet.
# A photograph often shows several things. So a network may name five classes. The **top-5 error** is
# the share of images whose true class is not among the five. With random guesses it is 99.5%.
#
# Here a newer trained network (EfficientNet-Lite0, a variant of [Tan 2019]) names five of the 1,000
# classes for five photographs.

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
    caption="Figure 8.1. Five photographs. Above each are the five classes with the largest probabilities.",
    alt="; ".join(f"{name}: {', '.join(g for g, _ in five)}" for name, five in named.items()),
)

# %% [markdown]
# There is no class *astronaut*, and none of the five names there fits.  The results of 2012:
#
# | entry | top-5 error |
# |---|---|
# | second-best entry (features designed by hand) | 26.2% (test) |
# | one AlexNet | 18.2% (validation) |
# | seven networks averaged: five AlexNets, two larger ones (first trained on more images) | 15.3% (test) |
#
# ## 1 More data, a larger network, more computation
#
# First we count. A **multiply–accumulate (MAC)** multiplies an input by a weight and adds the
# product to a sum. (LeNet is the modern form of section 07.)

# %% tags=["hide-input"]
# @title LeNet and AlexNet in numbers
with torch.device("meta"):  # networks with shapes, but without numbers: they need no memory
    small = layers.trace(lenet(), (1, 32, 32))
    large = layers.trace(alexnet.alexnet(), (3, 227, 227))
    single = layers.trace(alexnet.alexnet("single"), (3, 227, 227))
epochs = {"LeNet": 20, "AlexNet": 90}  # as the papers say
table = {
    "images": (60_000, 1_200_000),
    "parameters": (small.parameters, large.parameters),
    "MACs/image": (small.macs, large.macs),
}
table["MACs, all"] = (60_000 * 20 * small.macs, 1_200_000 * 90 * large.macs)
print(f"{'':10}{'LeNet':>8}{'AlexNet':>13}{'times':>9}")
for name, (before, after) in table.items():
    form = "{:,}" if after < 1e12 else "{:.1e}"
    print(f"{name:10}{form.format(before):>8}{form.format(after):>13}{after / before:>9,.0f}")

# %% [markdown]
# The last row is images × epochs × MACs per image, for all forward passes. The papers trained for 20 and 90 epochs.
# AlexNet's authors write that their results "can be
# improved simply by waiting for faster GPUs and bigger datasets" (§1 of the paper [Krizhevsky 2012]).
# A **GPU** is a graphics processor.
#
# Which layers have the parameters, and which do the work? Two layers by hand:
#
# | layer | parameters | each weight is used at | MACs |
# |---|---|---|---|
# | conv1: 96 kernels of 11 × 11 × 3, stride 4 | 34,848 + 96 biases | 55 · 55 = 3,025 positions | 105,415,200 |
# | fc6: 4,096 units, 9,216 inputs | 37,748,736 + 4,096 biases | one position | 37,748,736 |
#
# **Predict:** what share of all *parameters* do the five convolutions have together? And of all *MACs*?

# %%
your_guess = "?"  # two shares, such as "50% and 50%"

# %% tags=["hide-input"]
# @title Figure 8.2
weighted, convolutions = large.only("Conv2d", "Linear"), large.only("Conv2d")
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
    caption="Figure 8.2. Parameters (above) and MACs per image (below) of AlexNet's layers: five convolutions, "
    "conv1 to conv5, and three fully connected layers, fc6 to fc8.",
    alt="The bars of the parameters are high for fc6, fc7 and fc8, those of the MACs for the convolutions.",
)
print(
    f"your guess: {your_guess}; convolutions: {shares[0]:.1%} of the parameters, {shares[1]:.0%} of the MACs"
)

# %% [markdown]
# A convolution uses its few weights at many positions. A fully connected layer uses each of its many
# weights once per image.
#
# Were data, network and computation all needed? We cannot train AlexNet here, so we train a small network
# on Fashion-MNIST. (`Dropout(p=0.0)` changes nothing. It waits for part 3.)

# %%
fashion = data.fashion_mnist()
train, validation = fashion.train[:4_000], fashion.train[8_000:]  # 4,000 and 2,000 images
print(model.small_network())


# %% [markdown]
# The **width** is the number of kernels of the first convolution, here 16. All other hidden layers shrink with it.
# We cut data, width or steps. Each step takes a batch of 50 images. With fewer images, each image is used more often.
# `fit` is gradient descent with **momentum**. Each step follows a sum of the gradients so far, in which old ones count less.


# %%
def fitted(seed, width=16, images=4_000, epochs=2):  # 160 steps: 2 · 4,000 / 50
    torch.manual_seed(seed)
    network = model.small_network(width)
    training.fit(network, train[:images], epochs=epochs, batch_size=50,
                 lr=0.1, seed=seed, device="cpu", progress=False)  # fmt: skip
    return network


# %% tags=["hide-input"]
# @title Figure 8.3
cuts = {
    "all": {},
    "200 images": {"images": 200, "epochs": 40},  # 160 steps, too
    "width 4": {"width": 4},
    "10 steps": {"images": 500, "epochs": 1},
}
runs = {name: [fitted(seed, **cut) for seed in range(3)] for name, cut in cuts.items()}
scaled = {name: [training.evaluate(n, validation) for n in found] for name, found in runs.items()}
show(
    plots.bars(scaled, ylabel="validation accuracy", ylim=1, levels={"chance": 0.1}),
    caption="Figure 8.3. All: 4,000 images, width 16, 160 steps. Each other bar cuts one of these (in 10 steps of 50, no more than 500 images can be used). Dots "
    "are three runs, bars their means.",
    alt="; ".join(f"{name}: {np.mean(found):.2f}" for name, found in scaled.items()),
)
for name in ("all", "width 4"):
    print(f"{name:8} {layers.count_parameters(runs[name][0]):,} parameters")

# %% [markdown]
# Each cut costs accuracy in all three runs. (The cuts differ in size, so do not rank them.)
#
# [*Concept 41*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (small.parameters, small.macs) == (61_706, 416_520)
assert (large.parameters, large.macs) == (60_965_224, 724_406_816)
assert [row.parameters for row in weighted] == [
    *(34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000)
]
assert weighted[0].macs == 105_415_200 and weighted[5].macs == 37_748_736
assert round(shares[0], 3) == 0.038 and round(shares[1], 2) == 0.92
assert min(scaled["all"]) > max(max(found) for n, found in scaled.items() if n != "all")

# %% [markdown]
# ## 2 Two cards, two towers
#
# The authors had two GPUs with 3 GB of memory each. With so many images one can train networks "which are too big to fit on
# one GPU. Therefore we spread the net across two GPUs" (§3.2).
#
# Was one card too small? We count the memory, with 4 bytes per number. We keep three numbers per parameter: itself, its gradient, and
# the sum for momentum. For each of the 128 images of a batch we keep the outputs of the layers and
# their gradients.


# %% tags=["hide-input"]
# @title How much memory does training need?
def training_memory(network, kinds, batch=128):  # in GB
    rows = network.only(*kinds)  # layers whose outputs must be kept
    outputs = sum(int(np.prod(row.output_shape)) for row in rows)
    return 4 * (3 * network.parameters + 2 * batch * outputs) / 1e9


kinds = ("Conv2d", "ReLU", "MaxPool2d", "Linear")  # still without response normalisation
print(f"without normalisation: two towers {training_memory(large, kinds):.2f} GB,",
      f"no towers {training_memory(single, kinds):.2f} GB")  # fmt: skip
in_all = training_memory(large, [*kinds, "ResponseNorm"])
print(f"with it: two towers {in_all:.2f} of 3 GB (if on one card)")

# %% [markdown]
# Towers save almost no memory in all, but each card holds only about half. As published, with the normalisation layers of part 5, AlexNet nearly fills a card of 3 GB. Working memory is not even counted. So one card may well have been too small, as the authors say.

# %% tags=["hide-input"]
# @title Figure 8.4
shapes = [("image", "3 channels\n227 × 227", 227 / 4, 1, False)]  # the image is drawn smaller
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
show(
    play.draw_towers(stages, plots.figure(8, 3.0)[1]),
    caption="Figure 8.4. AlexNet. Squares are maps, bars are vectors. The upper row is tower A on one card, "
    "the lower row is tower B on the other. Thick black arrows cross. Below stand number and size of the maps. (The paper says 224 × 224, but its sizes fit 227: see the appendix.) Pooling (not drawn) follows conv1, conv2 and "
    "conv5.",
    alt="An image feeds two rows of five convolutions and two fully connected layers; both end in 1,000 scores. "
    "Black arrows lead from both rows to each row of conv3, fc6 and fc7, and to the scores, fc8.",
)

# %% [markdown]
# Each card has half of the maps: 48 + 48 = 96 in conv1. A kernel of conv2 reads one tower only, so its size is
# 5 × 5 × **48**. This is a *grouped* convolution, in PyTorch `groups=2`. A layer **crosses** if it reads both towers, as conv3 does.
#
# ### Where the towers meet
#
# We **perturb** tower B: we add random numbers to its maps after conv1.
# **Predict:** in which of conv2 to conv5 do maps of tower A change?

# %%
your_guess = "?"  # such as "2 and 4"

# %% tags=["hide-input"]
# @title Figure 8.5: perturb one tower
show(
    play.towers(),
    caption="Figure 8.5. How many maps change when one tower is perturbed after conv1. Orange: some "
    "change. White: no map changes at all. Black arrows cross. The weights are random. (Some maps do not change, probably since they are 0 everywhere.)",
)
published = play.towers().alt()
print(f"your guess: {your_guess}. {published}")

# %% [markdown]
# Before conv3, tower A is exactly unchanged. Conv3 reads both towers. Conv4 and conv5 do not, but their inputs are
# mixed already.
#
# Why do the towers cross so rarely? What a crossing layer reads must travel. Suppose that conv2
# crossed. It reads the 96 maps of conv1, which a pooling has made 27 × 27. Each card sends its half to the other. So together 96 · 27 · 27 = 69,984 numbers travel per image in the forward pass. **Predict:** at which of conv2 to conv5
# would a crossing send the *fewest* numbers? (Conv3, conv4 and conv5 read maps of 13 × 13. See Figure 8.4.)

# %%
your_guess = "?"  # 2, 3, 4 or 5

# %% tags=["hide-input"]
# @title What would have to travel
# from other cells: `weighted` are AlexNet's layers with weights, `names` their names
reads = {name: int(np.prod(row.input_shape)) for name, row in zip(names, weighted, strict=True)}
crossing = reads["conv3"] + reads["fc6"] + reads["fc7"] + reads["fc8"]  # the layers that cross
everywhere = sum(reads.values()) - reads["conv1"]  # both cards have the image
print(f"your guess: {your_guess};", {name: reads[name] for name in names[1:5]})
print(
    f"as published (conv3 and fc6 to fc8 cross): {crossing:,} numbers sent, {large.macs / 1e9:.2f} billion MACs"
)
print(
    f"if conv2 to fc8 all crossed: {everywhere:,} numbers sent, {single.macs / 1e9:.2f} billion MACs"
)

# %% [markdown]
# Conv3 sends the fewest. With crossings everywhere, the kernels of conv2, conv4 and conv5 read twice as many maps. The MACs grow by more than half,
# and the numbers sent become more than four times as many. Sending between cards is slower than using a card's own memory. The paper limits
# **communication**: the amount should be "an acceptable fraction of the amount of computation" (§3.2).
#
# The authors also trained a network on one card, with half as many kernels in conv1 to conv4 (conv5 was kept). Its top-5 error was
# 1.2 points higher. So more kernels on two cards were better.
#
# ### One stream
#
# Later cards hold **one stream**, without groups. Its convolutions can compute whatever those of the two towers
# compute. To show this, turn the weights of a grouped convolution into those of one without groups.


# %%
def one_stream(w, groups):
    """w (F, C/groups, K, L): F kernels of K × L; each reads C/groups of the C channels.
    The first F/groups kernels read the first C/groups channels, and so on.

    Returns (F, C, K, L). Example without K and L: w = [[2], [3]] with groups=2, of shape (2, 1),
    -> [[2, 0], [0, 3]], of shape (2, 2)."""
    ...  # replace this line


check(one_stream)

# %%
hint(one_stream)

# %% [markdown]
# [*Concepts 42–46, 49*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert f"{training_memory(large, kinds):.2f} {training_memory(single, kinds):.2f}" == "2.21 2.22"
assert 2.6 < in_all < 2.8
assert "conv1 0 of 48, conv2 0 of 128, conv3 1" in published
kept = [row.output_shape for row in large.only("Conv2d", "MaxPool2d")]
assert kept == [
    *((96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13)),
    *((384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6)),
]
assert [row.groups for row in convolutions] == [1, 2, 1, 2, 2]
assert (crossing, everywhere) == (60_672, 260_448) and reads["conv3"] == 43_264
assert (single.parameters, single.macs) == (62_378_344, 1_135_256_096)
assert (convolutions[1].parameters, single.only("Conv2d")[1].parameters) == (307_456, 614_656)

# %% [markdown]
# ## 3 Sixty million parameters: against overfitting
#
# AlexNet has about 50 parameters per training image. Networks with far more parameters than images can memorise even
# random labels [Zhang 2017].
# Two methods can help on new images.
#
# **Augmentation** (§4.1) changes each image a little whenever it is used, but not its label. AlexNet reads a random window (*random crop*) of
# 224 × 224 pixels from a photograph of 256 × 256, or its mirror image. A window
# has 256 − 224 + 1 = 33 positions in each direction, so there are 2 · 33 · 33 = 2,178 versions.

# %% tags=["hide-input"]
# @title Figure 8.6
cat = data.fitted(photos["cat"], 256, 256) // 8 * 8
corners = [(0, 0), (32, 0), (0, 32), (32, 32), (16, 16)]
windows = [cat[:, y : y + 224, x : x + 224] for y, x in corners]
windows[1], windows[4] = windows[1].flip(2), windows[4].flip(2)
titles = ["photograph", *(f"row {y}, column {x}" for y, x in corners)]
for number in (2, 5):
    titles[number] += ", mirrored"
show(
    plots.pictures([cat, *windows], titles, columns=3, size=2.5),
    caption="Figure 8.6. A photograph of 256 × 256 pixels, and five windows of 224 × 224 pixels with their first row and column. "
    "Two are mirrored.",
    alt="A cat's face, and five windows of it that are shifted a little; in two of them left and right are exchanged.",
)

# %% [markdown]
# **Dropout** (§4.2) sets each unit of a hidden layer to 0 with probability $p = 0.5$, anew for each image and step. So the network depends less
# on any single unit. The remaining ones are divided by $1 - p$: (2, 4, 6, 8) may become (0, 8, 12, 16). So the
# mean of each unit over many draws stays the same. After training, nothing is dropped. (AlexNet did not divide, but halved the outputs after training.)
#
# We try both with 200 images. Dropout acts on the hidden fully
# connected layer. Our augmentation moves an image by up to one pixel, and mirrors half of the images.

# %%
variants = {
    "neither": {},
    "dropout": {"dropout": 0.5},
    "augmentation": {"change": model.augmented},
}


# %% tags=["hide-input"]
# @title Figure 8.7
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
last = {name: found[:, :, -1].mean(0).tolist() for name, found in followed_runs.items()}
show(
    figure,
    caption="Figure 8.7. Cross-entropy on the training images (left) and on validation images (right), measured "
    "without dropout and augmentation. Dots are three runs, lines their means.",
    alt="At the end, training and validation loss: "
    + "; ".join(f"{name} {row[0]:.2f} and {row[1]:.2f}" for name, row in last.items()),
)
best = {name: int(found[:, 1].mean(0).argmin()) for name, found in followed_runs.items()}
shown, on_others = (
    {name: found[:, split].mean(0) for name, found in followed_runs.items()} for split in (1, 2)
)
stop = best["neither"]
print("mean loss on the 500 validation images")
print(f"{f'neither, stopped after epoch {5 * stop + 5}':32}{shown['neither'][stop]:.2f}")
for name, row in shown.items():
    print(f"{f'{name}, 25 epochs':32}{row[-1]:.2f}")
print("\naccuracy on the 500 validation images at the end")
for name, found in followed_runs.items():
    print(f"{name:13}", "  ".join(f"{a:.3f}" for a in found[:, 3, -1].tolist()))

# %% [markdown]
# The training loss of "neither" falls to almost 0, but its validation loss rises again. This is
# **overfitting**. With dropout or augmentation the validation loss ends lower, in all runs.
#
# But why train so long? If "neither" stops at its best measured epoch, its loss is lower than at the end, too (printed). So stopping early
# brings much of the gain.
# The accuracies differ little, about as much as the runs of one variant do. The authors saw more: without augmentation,
# overfitting "would have forced us to use much smaller networks" (§4.1).

# %% tags=["hide-input"]
# @title Checks: what this shows
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

# %% [markdown]
# ## 4 A gradient that reaches the first layer
#
# Can AlexNet's eight layers with weights be trained? Three things that matter are the activation, the initial weights
# (the **initialisation**), and the number of layers (the **depth**).
#
# Take a chain of seven units with sigmoid and all weights 1. Backpropagation multiplies the gradient by the
# slope of each activation. The slope of the sigmoid is at most 1/4, and (1/4)⁷ is 1/16,384. The slope of ReLU
# is 1 for positive inputs; that of tanh is 1 at 0. But the gradient is also multiplied by the weights. So the
# initialisation matters. One that roughly keeps the size of signals is called **matched** (section 07). For ReLU it is that of He et al.,
# for tanh that of Glorot and Bengio. (The sigmoid gets Glorot's, too, though it is not matched.) PyTorch's own initialisation draws smaller weights.

# %%
torch.manual_seed(0)
stack = model.stack(depth=7, activation="sigmoid", start="Glorot")  # 7 hidden layers of 64 units
vectors, some_labels = torch.randn(256, 64), torch.randint(10, (256,))
nn.functional.cross_entropy(stack(vectors), some_labels).backward()
sizes = [layer.weight.grad.norm().item() for layer in stack if isinstance(layer, nn.Linear)]
print(f"first layer: {sizes[0]:.1e}\nlast hidden: {sizes[-2]:.1e}")  # sizes[-1]: the output layer

# %% [markdown]
# `norm()` is the length of a vector. (`e-05` means: divided by 100,000.)

# %% tags=["hide-input"]
# @title Figure 8.8: depth and initialisation
show(
    play.gradients(),
    caption="Figure 8.8. The length of the gradient in each hidden layer before training, on a scale in "
    "powers of ten. Backpropagation goes from right to left.",
)
starts = ("He or Glorot", "PyTorch")
lengths = {
    (name, start, depth): model.gradient_sizes(name, depth, start)
    for start in starts
    for name in model.ACTIVATIONS
    for depth in (7, 16)
}
ratios = {case: sizes[0] / sizes[-1] for case, sizes in lengths.items()}
print("length of the gradient, first layer / last hidden layer")
print(f"{'':17}{'7 layers':>10}{'16 layers':>11}")
for start in starts:
    for name in model.ACTIVATIONS:
        title = f"{name}, {model.start_of(name, start)}"
        print(f"{title:17}{ratios[name, start, 7]:>10.1g}{ratios[name, start, 16]:>11.1g}")

# %% [markdown]
# With the sigmoid, the gradient shrinks in each layer (**vanishing gradient**). With matched weights, ReLU and tanh roughly keep it. With PyTorch's,
# both lose much of it over 16 layers. ReLU loses more, since it stops the gradient of many units.
#
# But a small gradient is not yet a failed training. So we train such networks with 2,000 images of Fashion-MNIST, for two epochs.
# **Predict:** with 7 hidden layers and PyTorch's initialisation, which activations stay near chance, below 0.2?

# %%
your_guess = "?"  # some of "sigmoid", "tanh", "ReLU"

# %% tags=["hide-input"]
# @title Figure 8.9
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
    caption="Figure 8.9. Accuracy after two epochs for three activations and two initialisations, with 1 hidden "
    "layer (above) and with 7 (below). Dots are three runs.",
    alt="; ".join(
        f"{depth} hidden, {name}, {start}: {np.mean(values):.2f}"
        for depth, found in deep.items() for name, row in found.items() for start, values in row.items()
    ),
)  # fmt: skip
low = [name for name, row in deep[7].items() if np.mean(row["PyTorch"]) < 0.2]
print(f"your guess: {your_guess}; below 0.2: {low}")
torch.manual_seed(0)
spreads = {}  # standard deviation of each score over the images, before training
print(
    "7 hidden layers, before training: how much a score\nvaries over the images (mean of the ten standard deviations)"
)
for name, start in (("ReLU", starts[0]), ("tanh", starts[1]), ("ReLU", starts[1])):
    untrained = model.stack(7, name, start, inputs=784)
    spreads[name, start] = untrained(inputs).std(0).mean().item()
    print(f"  {f'{name}, {model.start_of(name, start)}':14} {spreads[name, start]:.4f}")

# %% [markdown]
# With one hidden layer, all six cases learn. With seven, the sigmoid stays at chance with both initialisations.
# Matched weights help ReLU and tanh much. With PyTorch's small weights, ReLU stays near chance. The reason may lie in the forward pass.
# At its end, all images get nearly the same scores: they vary far less than with tanh (printed).
#
# (We tested two epochs at one learning rate.)
#
# The paper's argument for ReLU is *speed*. A four-layer network on small photographs
# reached a training error of 25% six times faster than with tanh (§3.1). Depth may help, too: without one
# of its middle layers, AlexNet's error with one guess was about 2 points higher (§7). But that network was also a little smaller.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert max(ratios["sigmoid", start, 7] for start in starts) < 1e-3
made, plain_start = starts
assert ratios["sigmoid", made, 16] < 1e-7 and ratios["sigmoid", plain_start, 16] < 1e-9
assert 0.02 < ratios["ReLU", made, 16] < 50 and 0.02 < ratios["tanh", made, 16] < 50
assert ratios["ReLU", plain_start, 16] < ratios["tanh", plain_start, 16] / 5 < 0.01
assert min(min(r) for row in deep[1].values() for r in row.values()) > 0.6
assert max(max(r) for r in deep[7]["sigmoid"].values()) < 0.15
for name in ("ReLU", "tanh"):
    assert min(deep[7][name][made]) > 0.65
    assert np.mean(deep[7][name][plain_start]) < 0.5
assert np.mean(deep[7]["ReLU"][plain_start]) < 0.2
assert spreads["ReLU", plain_start] < 0.3 * spreads["tanh", plain_start] < spreads["ReLU", made]

# %% [markdown]
# ## 5 A part that went: response normalisation
#
# After the ReLU of conv1 and conv2 AlexNet has **local response normalisation** (LRN). It divides
# each activation $a_i$ of channel $i$ by a power of a sum over this channel and its neighbours at the same position:
#
# $$b_i = a_i \Big/ \Big(2 + 10^{-4} \sum_{j=i-2}^{i+2} a_j^2\Big)^{0.75}$$
#
# So large activations make their neighbours smaller. If all five are 200, the bracket is 2 + 20 = 22, and $b = 200 / 22^{0.75} = 200 / 10.16 = 19.7$.
#
# **Batch normalisation** subtracts the mean of a
# channel and divides by its standard deviation. In training, both are taken over all images and positions of the batch.

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
    panel.set(title=f"{name}: {int(used.sum())} numbers", ylabel="channel")
    panel.set_xticks([9 * image + 4 for image in range(4)], [f"image {n}" for n in range(1, 5)])
show(
    figure,
    caption="Figure 8.10. Blue: all numbers that are used to normalise the dark one. Rows are 16 channels. Columns "
    "are the 9 positions of each of four images.",
    alt="LRN: a column of 5 channels at one position of one image. Batch normalisation: a row, one channel "
    "at all 36 positions of four images.",
)

# %% [markdown]
# LRN works across channels at one position. Batch normalisation works within one channel, across images and positions.
#
# In AlexNet, LRN reduced the top-5 error by 1.2 points (§3.3). Two years later VGG found no gain
# from LRN ([section 10](10_vgg.ipynb)).
#
# [*Concept 50*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert depends["LRN"].sum() == 5 and depends["batch normalisation"].sum() == 36
positive = 300 * torch.rand(2, 96, 5, 5)
for alpha, same in ((1e-4, False), (5e-4, True)):  # PyTorch divides alpha by n
    theirs = nn.LocalResponseNorm(5, alpha=alpha, beta=0.75, k=2)(positive)
    assert torch.allclose(theirs, ResponseNorm()(positive), rtol=1e-4) == same

# %% [markdown]
# ## 6 What does the last hidden layer consider similar?
#
# The authors also looked at the last hidden layer, 4,096 numbers per image
# (§6.1). Images with similar vectors often show the same kind of object, although their
# pixels are far apart.
#
# We repeat this with the network of Figure 8.1. Its last hidden layer has 1,280
# numbers. From each photograph we take two random windows, mirrored and without colour. Which of the
# five photographs is nearest to each window?

# %%
generator = torch.Generator().manual_seed(0)
pool = torch.cat([trained_network.prepare(photo) for photo in photos.values()])  # 5 × 3 × 224 × 224
queries = torch.stack(
    [model.changed_window(photo, generator) for photo in photos.values() for _ in range(2)]
)


def nearest(describe):  # describe: images -> N × D
    with torch.no_grad():
        return torch.cdist(describe(queries), describe(pool)).argmin(1)  # 10 numbers, 0 to 4


# %% [markdown]
# **Predict:** of the 10 windows, how many are nearest to their own photograph by *pixels* (of grey versions)? By chance,
# 2 are.

# %%
your_guess = "?"  # 0 to 10

# %% tags=["hide-input"]
# @title Figure 8.11
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
print(f"your guess: {your_guess}; nearest to their own photograph,\nof 10: {right}")

# %% [markdown]
# The network finds all. Pixels find fewer. But this is the same *photograph*, not another object of the same *class*. And perhaps a network without training would do as well.
#
# So we also take Fashion-MNIST, where we know the classes, and the three networks "all" of Figure 8.3 before and after training. For each of 1,000
# images we look up the five nearest among 1,000 other images. How many of these five have its class?

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
for name, values in shares_of_five.items():
    print(f"{name:10}", "  ".join(f"{value:.3f}" for value in values))

# %% [markdown]
# The trained networks are best. Before training they are worse than the pixels: so training makes the difference.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert right["network"] == 10 and right["pixels"] <= 7
assert max(shares_of_five["untrained"]) < shares_of_five["pixels"][0] - 0.01
assert shares_of_five["pixels"][0] < min(shares_of_five["trained"]) - 0.01

# %% [markdown]
# ## The test set, once

# %% tags=["hide-input"]
# @title The result on the test set
test_inputs = standardised(fashion.test)
on_test = {
    f"cut: {name}": [training.evaluate(n, fashion.test) for n in ns] for name, ns in runs.items()
}
on_test |= {
    f"7 {name}, {model.start_of(name, start)}": deep_accuracies(
        deep_runs[7, name, start], test_inputs, fashion.test.labels
    )
    for name in model.ACTIVATIONS
    for start in starts
}
print("three runs each (7: seven hidden layers)")
for name, values in on_test.items():
    print(f"{name:20} {'  '.join(f'{value:.3f}' for value in values)}")
print(f"chance 0.100; standard error of an\naccuracy near 0.8: {(0.8 * 0.2 / 2_000) ** 0.5:.3f}")
assert min(on_test["cut: all"]) > max(
    max(values) for name, values in on_test.items() if name[:3] == "cut" and name[5:] != "all"
)
assert min(on_test["7 ReLU, He"]) > 0.65

# %% [markdown]
# On test images, too, each cut costs accuracy. With seven hidden layers, only tanh and ReLU with matched weights are right for most images.
#
# ## Summary
#
# 1. More data, a larger network, and more computation. From LeNet to AlexNet, the data grew 20 times, the parameters 988 times, and the MACs of all forward passes over
#    100,000 times. In our small test, cutting images, width or steps cost accuracy.
# 2. Two GPUs shared the computation, one tower each. The towers meet only in conv3 and
#    in the fully connected layers, to save communication.
# 3. Our small network overfits. Augmentation and dropout lowered its final validation loss. Stopping early brought much of this gain, too.
# 4. In two epochs at one learning rate, our deep networks learned well only if the initialisation was matched. ReLU alone was not enough.
# 5. LRN helped AlexNet, but not VGG. In the last hidden layer of our
#    trained networks, neighbours have the same class more often than by pixels.
#
# We did not test how much each part contributed in 2012.
#
# ## Going further
#
# **From maps to a vector.** After the last pooling, each image has 256 maps of 6 × 6. A fully connected layer needs a vector. AlexNet
# **flattens** the maps: 256 · 6 · 6 = 9,216 numbers. Later networks take the **average** of each
# map: 256 numbers. One fully connected layer from these to 1,000 scores has 257,000 parameters. If this single layer replaces the three of AlexNet, only 4% of all parameters remain. The average ignores
# position ([section 06](06_backbone_and_heads.ipynb)).
#
# **Kernels of 11 × 11.** One number after the last pooling depends on 195 × 195 pixels. With kernels of
# 3 × 3 in conv1, these are 187 × 187; with 11 × 11, but a stride of 1, only 57 × 57. So the stride matters more ([section 09](09_receptive_field.ipynb)).
#
# [*Concepts 47, 48, 51*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this says
with torch.device("meta"):
    assert layers.count_parameters(alexnet.alexnet(head="average")) == 2_591_080
assert 55 * 55 * 96 == 290_400 and 256 * 5 * 5 == 6_400
a, b = (100 * torch.rand(1, 96, 1, 1) for _ in range(2))
b[:, :48] = a[:, :48]  # the two differ in tower B alone
for groups, leaking in ((1, [46, 47]), (2, [])):
    seen = (ResponseNorm(groups=groups)(a) - ResponseNorm(groups=groups)(b))[0, :48, 0, 0]
    assert seen.nonzero().flatten().tolist() == leaking

# %% [markdown]
# <details>
# <summary>Appendix: where the paper's numbers do not fit (click to open)</summary>
#
# | the paper | what fits |
# |---|---|
# | images of 224 × 224 | With 224 and no padding, fc6 gets 6,400 numbers, not 9,216, if sizes are rounded down. 227 fits. So does 224, if sizes are rounded up, as in the authors' program. |
# | 253,440 units in the first layer (Figure 2) | 55 · 55 · 96 = 290,400 |
# | 2,048 versions of an image | 33 · 33 · 2 = 2,178 windows of 224 |
# | LRN over all 96 channels | The last two maps of tower A would need neighbours on the other card. Our towers normalise separately. |
#
# </details>
#
# ## Problem set
#
# **1 · Count** ★ 4 min. A convolution has 64 kernels of 3 × 3, reads 32 maps, has two groups, and one bias per
# kernel. How many parameters are there?

# %%
check(grouped_parameters=...)

# %% [markdown]
# **2 · A fair comparison** ★ 3 min. Which comparison of tanh and ReLU is fairest, with 7 hidden layers? (a) Both with PyTorch's initialisation.
# (b) ReLU with 1 hidden layer, tanh with 7. (c) Each with matched weights and its own learning rate.

# %%
check(which_cause=...)  # "a", "b" or "c"

# %% [markdown]
# **3 · Explain** ★★ 4 min. For which kind of images would mirroring *harm*, and why?

# %%
reveal(mirrored=...)  # your sentences, between quotation marks

# %% [markdown]
# **4 · Debug** ★★ 8 min.
#
# `x` (N, D) are activations, `keep` (N, D) is True for units that stay, `p` is the probability to drop a unit. Dropped
# units become 0, the others are scaled so that the mean stays. For x = (4, 8), keep = (True, False), p = 0.75 the result is (16, 0).
# With p = 0.5 it seems right. Mend it.


# %%
def dropout(x, keep, p):
    return np.where(keep, x / p, 0)  # x / p where keep is True, else 0


# when you have mended it: check(dropout)


# %% [markdown]
# **5 · Design** ★★ 8 min. Let the towers meet in exactly two of the convolutions 2 to 5. The convolutions may send at most 110,000
# numbers per image. Choose the groups of conv1 to conv5: 1 if the layer crosses, else 2. (Conv1 has 1 in any case, since both cards hold the image.)

# %%
check(my_groups=[1, 2, 1, 2, 2])  # change this

# %% [markdown]
# **6 · Open** ★★★ 20 min. Can a sigmoid network with 7 hidden layers learn? Multiply Glorot's weights by 2, 4, 6 or 8, and train with
# `deep_fitted`, in the folded cell of Figure 8.9.
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
#   2012 (the § numbers above).
# - X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks. *AISTATS* 2010.
# - K. He, X. Zhang, S. Ren, J. Sun. Delving deep into rectifiers. *ICCV* 2015.
# - S. Ioffe, C. Szegedy. Batch normalization. *ICML* 2015.
# - M. Lin, Q. Chen, S. Yan. Network in network. *ICLR* 2014 (average pooling as a head).
# - M. Tan, Q. Le. EfficientNet: rethinking model scaling for convolutional neural networks. *ICML* 2019.
# - C. Zhang et al. Understanding deep learning requires rethinking generalization. *ICLR* 2017.
#
# [Concepts 41–51](00_start_here.ipynb#Map-of-the-concepts)
