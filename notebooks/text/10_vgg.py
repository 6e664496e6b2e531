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
# # 10 · VGG
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/10_vgg.ipynb)
#
# **What do you get from many small kernels?**
#
# AlexNet of 2012 begins with kernels of 11 × 11. Two years later, the *Visual Geometry Group* in
# Oxford built deeper networks, and nearly all their kernels are 3 × 3 [Simonyan 2015]. You need
# [section 04](04_one_layer_one_template.ipynb) (training),
# [section 05](05_from_dense_to_convolution.ipynb) (convolution, padding, pooling) and
# [section 09](09_receptive_field.ipynb) (receptive field).
#
# Afterwards you will be able to
#
# - replace a large kernel by small ones, and count what this saves and what it costs,
# - say which layers of a network hold its weights, and which ones do the work,
# - test a claim about depth, inputs or features with a fair control.
#
# *About 40 min for parts 1 to 4, 30 for the rest, 60 for all problems · CPU 25 s*

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
from cv_course.networks.vgg import CONFIGS, MEAN_RGB, VGG, read_stage, vgg
from cv_course.plots import show
from cv_course.sections.s10_vgg import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 A network in five lines
#
# A VGG network has five **stages**. A stage is a row of convolutions, each followed by ReLU. At its
# end, a max pooling of 2 × 2 halves height and width. The best known is
# VGG-16:

# %%
print(*CONFIGS["D"], sep="\n")

# %% [markdown]
# Each line is a stage. `3-64` means kernels of 3 × 3, and 64 of them, so 64 channels come out. A
# padding of 1 keeps the size of the maps. After the last stage follow three fully connected layers. They have 4,096, 4,096 and 1,000 outputs. So 13 + 3 = 16 layers have weights.

# %% tags=["hide-input"]
# @title Figure 10.1
from matplotlib.patches import Rectangle

figure, axis = plots.figure(8, 2.3)
sides = [224 >> stage for stage in range(6)]
for x, side in enumerate(sides):
    high = 1.5 * (side / 224) ** 0.5
    stage = read_stage(CONFIGS["D"][x]) if x < 5 else []
    for copy in reversed(range(max(1, len(stage)))):
        corner = x - high / 4 + 0.07 * copy - 0.1, 0.06 * copy
        axis.add_patch(Rectangle(corner, high / 2, high, fc="#dbe9f4" if stage else "#e8e8e8",
                                 ec=plots.COLOURS[0] if stage else "#777777", lw=1.2))  # fmt: skip
    words = (
        f"{len(stage)} layers of\n{stage[0][1]} channels"
        if stage
        else "3 fully con-\nnected layers"
    )
    axis.text(x, -0.12, f"{side} × {side}\n{words}", ha="center", va="top", fontsize=10)
axis.set(xlim=(-0.6, 5.6), ylim=(-0.95, 1.75))
axis.set_axis_off()
show(
    figure,
    caption="Figure 10.1. VGG-16. Each blue group is a stage; its sheets are the convolutional layers, with the "
    "size of their maps below. From group to group, a pooling halves the size.",
    alt="Five stages with maps of 224, 112, 56, 28 and 14 pixels, with 2, 2, 3, 3 and 3 convolutional "
    "layers of 64, 128, 256, 512 and 512 channels; then 7 by 7 maps enter three fully connected layers.",
)

# %% [markdown]
# Images have 224 × 224 pixels. After five halvings, 7 × 7 positions remain, since 224 = 7 · 2⁵. Why
# are all kernels so small?
#
# ## 2 Three small kernels for one large kernel
#
# Take five pixels $x_1, …, x_5$ in a row. A first layer has the kernel (1, 2, 1) and three outputs:
#
# $$u_1 = x_1 + 2x_2 + x_3, \quad u_2 = x_2 + 2x_3 + x_4, \quad u_3 = x_3 + 2x_4 + x_5.$$
#
# A second layer has the kernel (1, 0, −1). Its output is
#
# $$u_1 - u_3 = x_1 + 2x_2 + 0x_3 - 2x_4 - x_5.$$
#
# So without ReLU, the two layers compute what *one* layer with the kernel (1, 2, 0, −2, −1) computes. Each further layer with three weights adds two pixels:

# %% tags=["hide-input"]
# @title Figure 10.2
figure, axis = plots.figure(7, 2.9)
names = ["pixels", "layer 1", "layer 2", "layer 3"]
for level, (name, reach) in enumerate(zip(names, (3, 2, 1, 0), strict=True)):
    axis.text(-5.3, level, name, va="center", ha="right", fontsize=11)
    counted = ("pixels", "outputs", "outputs", "output")[level]
    for x in range(-4, 5):
        inside = abs(x) <= reach
        axis.plot(x, level, "o", ms=15, mec=plots.COLOURS[0] if inside else "#bbbbbb",
                  mfc=plots.COLOURS[0] if inside else "white", zorder=3)  # fmt: skip
        for dx in (-1, 0, 1) if level and inside else ():
            axis.plot([x, x + dx], [level, level - 1], "-", marker="", color="#777777", lw=1)
    axis.text(
        5.2,
        level,
        f"{2 * reach + 1} {counted}",
        va="center",
        fontsize=11,
    )
axis.set(xlim=(-7.2, 7.2), ylim=(-0.5, 3.5))
axis.set_axis_off()
show(
    figure,
    caption="Figure 10.2. Three layers with three weights each, in one dimension. Blue: all that one output of "
    "layer 3 depends on. It sees seven pixels.",
    alt="A pyramid: one output of layer 3 depends on three outputs of layer 2, five of layer 1 and "
    "seven pixels.",
)

# %% [markdown]
# In two dimensions, three 3 × 3 layers see 7 × 7 positions. We call several layers in a row a
# **stack**. Let $C$ channels come in and $C$ go out. One 3 × 3 layer has $9C^2$
# weights, so the stack has $27C^2$. One 7 × 7 layer has $49C^2$.
#
# **Predict:** how many per cent more weights has the 7 × 7 layer?

# %%
your_guess = "?"  # a number in per cent

# %%
C = 64
stack = nn.Sequential(*[nn.Conv2d(C, C, 3, bias=False) for _ in range(3)])
large = nn.Conv2d(C, C, 7, bias=False)
weights = {name: layers.count_parameters(net) for name, net in (("stack", stack), ("7 × 7", large))}
print(weights)
print(f"your guess: {your_guess}, counted: {weights['7 × 7'] / weights['stack'] - 1:.0%} more")
print(
    f"so the stack has {weights['stack'] / weights['7 × 7']:.2f} times the weights of the 7 × 7 layer"
)

# %% [markdown]
# Now merge two kernels in two dimensions. Each weight of the second kernel adds a shifted copy of
# the first kernel, multiplied by this weight. Above, these are (1, 2, 1, 0, 0) times 1,
# (0, 1, 2, 1, 0) times 0 and (0, 0, 1, 2, 1) times −1. The sum is (1, 2, 0, −2, −1).


# %%
def merge_kernels(first, second):
    """first (k, k) and second (l, l), NumPy arrays: kernels of two layers one after the other, for
    one channel, without padding. Returns the one kernel (k+l-1, k+l-1) with the same outputs.
    Example: [[1, 2], [0, 3]] and [[0, 5], [0, 0]] -> [[0, 5, 10], [0, 0, 15], [0, 0, 0]]."""
    ...  # replace this line


check(merge_kernels)

# %%
hint(merge_kernels)

# %% [markdown]
# So without ReLU and padding, a stack *is* one large kernel. (The zeros of padding change the values near the border.) The reverse does not hold: most 7 × 7 layers
# cannot be split into a stack. A stack has only $27C^2$ numbers to choose, and such a layer needs $49C^2$. With ReLU between the layers, the stack is something else. A
# convolution without bias is **linear**: its output for a sum of two images is the sum of the two
# outputs.


# %%
def error_of_sums(network):
    a = torch.randn(4, 8, 20, 20, dtype=torch.float64)  # 4 images, 8 channels
    b = torch.randn_like(a)  # 4 other images
    difference = network(a + b) - (network(a) + network(b))
    return (difference.abs().max() / network(a + b).abs().max()).item()


torch.manual_seed(0)
one, two, three = (nn.Conv2d(8, 8, 3, bias=False).double() for _ in range(3))
print(f"without ReLU: {error_of_sums(nn.Sequential(one, two, three)):.0e}")
print(f"with ReLU: {error_of_sums(nn.Sequential(one, nn.ReLU(), two, nn.ReLU(), three)):.2f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert weights == {"stack": 27 * C**2, "7 × 7": 49 * C**2} and round(49 / 27 - 1, 2) == 0.81
with torch.no_grad():
    linear = nn.Sequential(one, two, three)
    impulses = nn.functional.pad(torch.eye(8).double()[:, :, None, None], [6] * 4)
    kernel = linear(impulses).transpose(0, 1).flip(2, 3)  # 8 × 8 × 7 × 7
    images = torch.randn(4, 8, 20, 20).double()
    gap = (linear(images) - nn.functional.conv2d(images, kernel)).abs().max()
    assert kernel.shape == (8, 8, 7, 7) and gap < 1e-13
    padded = images
    for layer in (one, two, three):
        padded = nn.functional.conv2d(padded, layer.weight, padding=1)
    gap = (padded - nn.functional.conv2d(images, kernel, padding=3)).abs().amax((0, 1))
    assert gap[2:-2, 2:-2].max() < 1e-13 and min(gap[:2].min(), gap[-2:].min()) > 0.01
    assert min(gap[:, :2].min(), gap[:, -2:].min()) > 0.01  # so of 7 × 7 positions, 3 × 3 agree
    assert error_of_sums(linear) < 1e-12
    assert error_of_sums(nn.Sequential(one, nn.ReLU(), two, nn.ReLU(), three)) > 0.05

# %% [markdown]
# Without ReLU the error is only rounding. With ReLU the sum rule fails, so no single kernel can
# replace this stack. This does not show yet that the ReLUs *help*.
#
# A stack has two costs. Training keeps the outputs of every layer for the gradients, and a stack
# has more of them. And if few channels come in, the stack can have *more* weights. In Figure 10.3, set
# the channels in to 3, as in the first layer.

# %% tags=["hide-input"]
# @title Figure 10.3: stack against large kernel
show(
    play.stacks(),
    caption="Figure 10.3. A stack of 3 × 3 layers, and the one layer that sees as much. Left: weights. Right: "
    "outputs per position, which training must keep. Each panel has its own scale.",
)

# %% [markdown]
# From 3 to 64 channels, the stack of three has more weights. Only its first layer reads 3 channels;
# the others read 64. Write the count for any stack.


# %%
def count_stack(kernels, channels):
    """kernels: a list of L odd sides. channels: a list of L + 1 numbers, the channels that come
    in, then those after each layer. Stride 1. Returns [weights without biases, side of the
    square that one output sees]. Example: [3, 3, 3], [64, 64, 64, 64] -> [110592, 7]."""
    ...  # replace this line


check(count_stack)

# %%
hint(count_stack)

# %% [markdown]
# [*Concept 61*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 Do small kernels classify as well?
#
# We train four small networks on 1,500 images. They differ in one block between a first convolution
# and the last layer. The first two blocks are the large kernel and the stack. The third is a stack
# without ReLU. The fourth is a control: a 7 × 7 layer with nine output channels, and so about
# as many weights as the stack.

# %%
fashion = data.fashion_mnist()
train, validation = fashion.train[:1_500], fashion.train[8_000:9_000]
recipe = {"batch_size": 50, "progress": False, "device": "cpu"}  # for all trainings


def small(between):  # between: nn.ReLU or nn.Identity; between() makes one such layer
    one, two, three = (nn.Conv2d(16, 16, 3, padding=1) for _ in range(3))
    return [one, between(), two, between(), three]


# %%
blocks = {
    "one 7 × 7": lambda: [nn.Conv2d(16, 16, 7, padding=3)],
    "three 3 × 3": lambda: small(nn.ReLU),
    "three 3 × 3, linear": lambda: small(nn.Identity),  # Identity returns its input
    "one 7 × 7, narrow": lambda: [nn.Conv2d(16, 9, 7, padding=3)],
}

# %% [markdown]
# All convolutions get He's initialisation: weights are drawn from a normal distribution with variance $2/n$,
# where $n$ is the number of inputs of a unit. Where no ReLU follows, it is $1/n$. (The part on depth says why.)


# %% tags=["hide-input"]
# @title He's initialisation
def he_start(network):
    steps = list(network.modules())
    for after, layer in enumerate(steps, start=1):  # steps[after] is the next module
        if isinstance(layer, nn.Conv2d):
            kind = "linear" if isinstance(steps[after], nn.Identity) else "relu"  # 1/n, 2/n
            nn.init.kaiming_normal_(layer.weight, nonlinearity=kind)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


# %%
def block_network(block, seed):
    torch.manual_seed(seed)
    middle = blocks[block]()
    outputs = middle[-1].out_channels * 7 * 7
    first, last = nn.Conv2d(1, 16, 4, stride=4), nn.Linear(outputs, 10)  # 28 × 28 -> 7 × 7
    network = nn.Sequential(first, nn.ReLU(), *middle, nn.ReLU(), nn.Flatten(), last)
    he_start(network)
    training.fit(network, train, epochs=2, lr=0.02, seed=seed, **recipe)
    return network


# %% tags=["hide-input"]
# @title Figure 10.4
block_runs = {name: [block_network(name, seed) for seed in range(3)] for name in blocks}
in_block = {name: layers.count_parameters(runs[0][2:-3]) for name, runs in block_runs.items()}
by_block = {
    f"{name} ({in_block[name]:,})": [training.evaluate(one, validation) for one in runs]
    for name, runs in block_runs.items()
}
means = [np.mean(runs) for runs in by_block.values()]
show(
    plots.bars(by_block, ylabel="validation accuracy", ylim=1.1, levels={"chance": 0.1}),
    caption="Figure 10.4. Four networks that differ in one block; in brackets its weights and biases. (After the narrow block, the last layer has fewer inputs, too.) Dots are three "
    "runs each.",
    alt="Validation accuracies: "
    + "; ".join(f"{name} {mean:.2f}" for name, mean in zip(by_block, means, strict=True)) + ".",
)  # fmt: skip
print(f"standard error of one accuracy near 0.8: {(0.8 * 0.2 / len(validation)) ** 0.5:.3f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert [*in_block.values()][:3] == [12_560, 6_960, 6_960] and in_block["one 7 × 7, narrow"] == 7_065
assert min(map(min, by_block.values())) > 0.6 and max(means) - min(means) < 0.06

# %% [markdown]
# All four are close, at one learning rate and after two epochs. So here the stack saves almost half
# the block's weights at no visible price. But the narrow 7 × 7 layer saves as much, and the stack without ReLU is no worse. This short test does not show what
# ReLU or depth is good for.
#
# On ImageNet, the deeper network with small kernels was better. The authors took a network of 13 layers. They replaced each pair of 3 × 3 layers by one
# 5 × 5 layer, with more weights in total. The top-1 error (the share of wrong first predictions) became "7% higher".
#
# ## 4 Where the weights are
#
# Do small kernels make the whole network small? We compare two layers of VGG-16. One **MAC**
# (multiply–accumulate) is one multiplication and one addition.
#
# | layer | weights | used at | MACs |
# |---|---|---|---|
# | a convolution of the last stage | 3 · 3 · 512 · 512 = 2.4 million | 14 · 14 positions | 462 million |
# | the first fully connected layer | 7 · 7 · 512 · 4,096 = 102.8 million | once | 103 million |
#
# **Predict:** VGG-16 has 138.4 million weights and biases. Which share is in its 13 convolutions?

# %%
your_guess = "?"  # in per cent

# %%
with torch.device("meta"):  # shapes without numbers: takes no memory
    traces = {name: layers.trace(vgg(name), (3, 224, 224)) for name in CONFIGS}
convolutions = traces["D"].only("Conv2d")  # one row per layer
fully_connected = traces["D"].only("Linear")
in_all = convolutions.parameters + fully_connected.parameters
print(f"your guess: {your_guess}, counted: {convolutions.parameters / in_all:.0%} of {in_all:,}")

# %% tags=["hide-input"]
# @title Figure 10.5
groups = {f"{n + 1}": [] for n in range(5)} | {"FC": list(fully_connected)}
for row in convolutions:
    stage = int(np.log2(224 // row.output_shape[1]))
    groups[str(stage + 1)].append(row)
costs = {
    "weights and biases (millions)": lambda row: row.parameters / 1e6,
    "MACs per image (billions)": lambda row: row.macs / 1e9,
    "outputs per image (millions)": lambda row: np.prod(row.output_shape) / 1e6,
}
figure, panels = plots.figure(8, 2.9, 1, 3)
shown = {}
for panel, (what, cost) in zip(panels, costs.items(), strict=True):
    shown[what] = {name: sum(cost(row) for row in rows) for name, rows in groups.items()}
    plots.bars(shown[what], ylabel=what, fmt="{:.1f}",
               axis=panel)  # fmt: skip
    panel.set_xlabel("stage; FC: fully connected")
show(
    figure,
    caption="Figure 10.5. VGG-16: weights, work, and outputs that training keeps (without those of poolings), for the five stages and the three "
    "fully connected layers (FC). Each panel has its own scale.",
    alt="Weights: 124 of 138 million in the fully connected layers. MACs: nearly all in the stages, "
    "most in stages 3 and 4. Outputs: most in stages 1 and 2.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert fully_connected.parameters == 123_642_856 and in_all == 138_357_544
assert all(trace.only("Linear").parameters == 123_642_856 for trace in traces.values())
assert fully_connected[0].parameters == 102_764_544 and round(123_642_856 / in_all, 2) == 0.89
assert convolutions.macs > 0.99 * traces["D"].macs
macs = shown["MACs per image (billions)"]
assert [round(macs[stage], 1) for stage in "12345"] == [1.9, 2.8, 4.6, 4.6, 1.4]
kept = shown["outputs per image (millions)"]
assert kept["1"] + kept["2"] > 0.7 * sum(kept.values())
fields = [row.receptive_field[0] for row in traces["D"].only("Conv2d", "MaxPool2d", "Linear")]
assert fields[:10] == [3, 5, 6, 10, 14, 16, 24, 32, 40, 44]
assert fields[10:19] == [60, 76, 92, 100, 132, 164, 196, 212, 404]

# %% [markdown]
# The weights are in the fully connected layers (89%), and the work is in the convolutions (over
# 99%). Most outputs come from the first two stages, where maps are large.
#
# "Small kernels, hence few parameters" is true for a block with as many channels in
# as out. But VGG-16 has more than twice AlexNet's 61 million. Replace its three fully connected layers by the
# mean of each channel and one fully connected layer:

# %%
with torch.device("meta"):
    with_average = layers.trace(vgg("D", head="average"), (3, 224, 224))
print(f"{with_average.parameters:,} weights and biases instead of {in_all:,}")

# %% [markdown]
# About one ninth is left.
#
# So, what do you get from many small kernels? The receptive field of a large kernel and,
# with equal channels, fewer weights per block. Our short test shows no gain from the additional ReLUs. You pay with more outputs to keep. The fully connected layers decide
# the size of the whole network.
#
# [*Concept 62*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## Going further: the family on one page
#
# VGG-16 is network D of six, which differ mainly in depth.

# %% tags=["hide-input"]
# @title Figure 10.6
published = {"A": (29.6, 10.4), "A-LRN": (29.7, 10.5), "B": (28.7, 9.9), "C": (28.1, 9.4),
             "D": (27.0, 8.8), "E": (27.3, 9.0)}  # errors in % [Simonyan 2015, Table 3]  # fmt: skip
looks = {"3": ("#dbe9f4", ""), "1": (plots.COLOURS[1], "///"), "LRN": ("#e3d3ea", "..."),
         "FC": ("#d5ead5", "")}  # fmt: skip
figure, axis = plots.figure(8, 7.6)


def cell(x, y, kind, words):
    colour, hatch = looks[kind]
    axis.add_patch(Rectangle((x + 0.03, y), 0.94, 0.9, fc=colour, hatch=hatch, ec="white", lw=0))
    axis.text(x + 0.5, y + 0.45, words, ha="center", va="center", fontsize=10,
              bbox={"fc": colour if not hatch else plots.PAGE, "ec": "none", "pad": 0.8})  # fmt: skip


for x, (name, stages) in enumerate(CONFIGS.items()):
    axis.text(x + 0.5, -0.4, name, ha="center", weight="bold", fontsize=11)
    y = 0.0
    for number, stage in enumerate(stages):
        for row, word in enumerate(stage.split()):
            cell(x, y + row, word.split("-")[0], word)
        y += max(len(other[number].split()) for other in CONFIGS.values()) + 0.45
    for row, width in enumerate((4096, 4096, 1000)):
        cell(x, y + row, "FC", f"FC-{width}")
    trace = traces[name]
    totals = {
        "layers": len(trace.only("Conv2d", "Linear")), "parameters (M)": f"{trace.parameters / 1e6:.1f}",
        "MACs (G)": f"{trace.macs / 1e9:.2f}", "top-1 error (%)": published[name][0],
        "top-5 error (%)": published[name][1],
    }  # fmt: skip
    for row, (what, number) in enumerate(totals.items()):
        axis.text(x + 0.5, y + 3.75 + row, number, ha="center", va="center", fontsize=10)
        if x == 0:
            axis.text(-0.06, y + 3.75 + row, what, ha="right", va="center", fontsize=10)
y = 0.0
for number, side in enumerate(sides[:5]):
    axis.text(-0.06, y + 0.45, f"{side} × {side}", ha="right", va="center", fontsize=10)
    y += max(len(stages[number].split()) for stages in CONFIGS.values()) + 0.45
axis.set(xlim=(-1.45, 6), ylim=(y + 8.3, -1))
axis.set_axis_off()
show(
    figure,
    caption="Figure 10.6. The six VGG networks, from the image (top) to the scores. 3-64: kernels of 3 × 3, 64 "
    "channels. A pooling ends each stage. Orange, hatched: 1 × 1; violet, dotted: local response normalisation. "
    "Below: what we count, and validation errors from the paper (Table 3, training images of size 256). Top-5 error: the true class is not among the best five.",
    alt="Six columns with 11, 11, 13, 16, 16 and 19 layers. A-LRN has one normalisation, C three 1 × 1 "
    "convolutions. 132.9 to 143.7 million weights; top-1 errors 29.6, 29.7, 28.7, 28.1, 27.0 and 27.3 per cent.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
counted = [trace.parameters for trace in traces.values()]
assert counted == [132_863_336, 132_863_336, 133_047_848, 133_638_952, 138_357_544, 143_667_240]
assert [round(traces[name].macs / 1e9, 2) for name in "ABCDE"] == [7.61, 11.31, 11.77, 15.47, 19.63]
pool5 = {name: trace.only("MaxPool2d")[-1].receptive_field[0] for name, trace in traces.items()}
assert pool5 == {"A": 150, "A-LRN": 150, "B": 156, "C": 156, "D": 212, "E": 268}
with torch.device("meta"):
    with_norm = [layers.count_parameters(vgg(name, batch_norm=True)) for name in "ABDE"]
assert with_norm == [132_868_840, 133_053_736, 138_365_992, 143_678_248]
assert with_average.parameters == 15_227_688

# %% [markdown]
# Two networks are exceptions. A-LRN tests AlexNet's normalisation. It does not help
# (29.7 against 29.6%). C has three 1 × 1 convolutions. At each position, a 1 × 1
# convolution computes weighted sums of the channels. It adds a ReLU, but sees no neighbours.
#
# Network C has lower errors than B. It has three more ReLUs, so the paper concludes that nonlinearity
# helps. D has lower errors than C. It has 3 × 3 where C has 1 × 1, so neighbours matter, too. But B, C and D also differ in weights and biases (133.0, 133.6
# and 138.4 million).
#
# [*Concepts 55, 56 and 63*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## Going further: how deep?
#
# In Figure 10.6 the error falls from 11 to 16 layers. With 19 it is about the same. We look at two things that can go wrong in deep networks.
#
# First, the *signal*: the outputs can grow or shrink from layer to layer. Let the weights be random, with mean 0 and
# variance $v$. A unit adds up $n$ inputs, each times a weight. In the square of this sum, mixed terms such as $2\,w_1 x_1 w_2 x_2$ are 0 on average, since the weights are independent with mean 0. So the mean square is multiplied by $n v$. Then ReLU sets about half of the numbers to 0, which halves it [He 2015].
# With He's $v = 2/n$ it stays the same, since $n \cdot \tfrac{2}{n} \cdot \tfrac{1}{2} = 1$.
#
# We draw the weights of network E in three ways: with variance 0.01 (VGG's paper), with *standard deviation* 0.01 (AlexNet's), and He's. We send two photographs of
# 32 × 32 pixels through its 16 convolutions. After each ReLU, we measure the *size* of the
# outputs, the root of their mean square. How many times larger is it in the last layer than in the first?

# %%
photographs = [data.photos()[name][:, :256:8, :256:8] for name in ("astronaut", "cat")]
pair = torch.stack(photographs).float()
starts = {
    "variance 0.01": lambda weight: nn.init.normal_(weight, std=0.1),  # 0.1² = 0.01
    "standard deviation 0.01": lambda weight: nn.init.normal_(weight, std=0.01),
    "He: variance 2/n": nn.init.kaiming_normal_,
}

# %% tags=["hide-input"]
# @title Last layer divided by first layer, for three starts
sizes = {}
with torch.no_grad():
    network = vgg("E", head="average").features
    for start, draw in starts.items():
        torch.manual_seed(0)
        maps, size = (pair - pair.mean()) / pair.std(), []
        for layer in network:
            if isinstance(layer, nn.Conv2d):
                draw(layer.weight), nn.init.zeros_(layer.bias)
            maps = layer(maps)
            if isinstance(layer, nn.ReLU):
                size.append(maps.square().mean().sqrt().item())
        sizes[start] = size[-1] / size[0]
        print(f"{start:24} {sizes[start]:7.1g} times")
assert sizes["variance 0.01"] > 1e5 and sizes["standard deviation 0.01"] < 1e-5
assert 0.15 < sizes["He: variance 2/n"] < 3

# %% [markdown]
# With variance 0.01, the outputs explode. With *standard deviation* 0.01, they vanish. With
# He's initialisation, their size changes far less. (It still falls, probably since kernels at the border read zeros.)
#
# Second, *training*, when the size of the signal is kept. We build networks with 1 to 20 layers of 3 × 3. All have He's initialisation and **batch
# normalisation**. In an untrained network, it scales each channel to mean 0 and variance 1 within a batch. So the outputs
# neither explode nor vanish. A **shortcut** adds a layer's input to its output, so that the layer
# only has to learn a change [He 2016].


# %%
class Shortcut(nn.Sequential):
    def forward(self, maps):
        return maps + super().forward(maps)  # the input + the output of the layers inside


# %%
def deep(depth, block=nn.Sequential, channels=16):  # block: nn.Sequential or Shortcut
    made = [nn.Conv2d(1, channels, 7, stride=7)]  # 28 × 28 -> 4 × 4 positions
    for _ in range(depth):
        convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        made.append(block(nn.BatchNorm2d(channels), nn.ReLU(), convolution))
    made += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*made, nn.Linear(channels, 10))


# %% [markdown]
# **Predict:** plain networks (without shortcuts), accuracy on the *training* images. Is the network
# with 20 layers better or worse than the one with 3?

# %%
your_guess = "?"  # "better" or "worse"

# %% tags=["hide-input"]
# @title Figure 10.7
import copy


def train_deep(depth, seed, **options):
    torch.manual_seed(seed)
    network = deep(depth, **options)
    he_start(network)
    training.fit(network, train, epochs=2, lr=0.1, seed=seed, **recipe)
    return network


@torch.no_grad()
def own_accuracy(network):
    network = copy.deepcopy(network).train()  # each batch's own statistics
    scores = [network(data.as_float(batch)) for batch in train.images.split(50)]
    return (torch.cat(scores).argmax(1) == train.labels).float().mean().item()


depths = (1, 3, 8, 20)
deep_runs = {
    "plain": {d: [train_deep(d, seed) for seed in range(3)] for d in depths},
    "shortcuts": {20: [train_deep(20, seed, block=Shortcut) for seed in range(3)]},
    "one wide layer": {1: [train_deep(1, seed, channels=45) for seed in range(3)]},
}
figure, panels = plots.figure(8, 3.0, 1, 2, sharey=True)
reached = {}
for panel, (part, split) in zip(
    panels, {"training": train, "validation": validation}.items(), strict=True
):
    found = {
        name: {d: [training.evaluate(one, split) for one in runs] for d, runs in by_depth.items()}
        for name, by_depth in deep_runs.items()
    }
    reached[part] = found
    curves = {
        name: (list(found[name]), np.array(list(found[name].values())).T)
        for name in ("plain", "shortcuts")
    }
    wide = np.mean(found["one wide layer"][1])
    plots.lines(curves, xlabel="3 × 3 layers", ylabel="accuracy" if part == "training" else "",
                title=f"{part} images", ylim=(0, 1), logx=True, xticks=depths,
                levels={"one wide\nlayer": wide}, labels=part != "training", axis=panel)  # fmt: skip
by_layers = {d: np.mean(runs) for d, runs in reached["training"]["plain"].items()}
show(
    figure,
    caption="Figure 10.7. Accuracy by depth after two epochs; chance is 0.1. Lines: mean; dots: three runs. Square: 20 layers with shortcuts. "
    "Dashed: one 3 × 3 layer with 45 channels, which has about as many weights as 8 layers with 16.",
    alt="Plain networks on training images: "
    + ", ".join(f"{d} layers {value:.2f}" for d, value in by_layers.items())
    + f"; with shortcuts and 20 layers {np.mean(reached['training']['shortcuts'][20]):.2f}.",
)
print(f"your guess: {your_guess}, 20 layers minus 3 layers: {by_layers[20] - by_layers[3]:+.2f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
# with each batch's own averages in place of the stored ones, the fall remains
own = {d: np.mean([own_accuracy(one) for one in deep_runs["plain"][d]]) for d in (3, 20)}
assert own[20] < own[3] - 0.06
for part in reached.values():
    assert np.mean(part["plain"][3]) > np.mean(part["plain"][1]) + 0.03
    assert np.mean(part["plain"][20]) < min(np.mean(part["plain"][d]) for d in (3, 8)) - 0.06
    assert np.mean(part["shortcuts"][20]) > np.mean(part["plain"][20]) + 0.08
    plain_mean = {d: np.mean(runs) for d, runs in part["plain"].items()}
    assert np.mean(part["shortcuts"][20]) > (plain_mean[3] + plain_mean[20]) / 2  # most of the fall
    assert np.mean(part["one wide layer"][1]) > np.mean(part["plain"][1]) + 0.03
wide, eight = deep_runs["one wide layer"][1][0], deep_runs["plain"][8][0]
assert abs(layers.count_parameters(wide) / layers.count_parameters(eight) - 1) < 0.15

# %% [markdown]
# Accuracy rises from 1 layer to 3, then stops rising, and at 20 layers it is lower. It is lower
# on the *training* images as well, so this is not overfitting. The deep plain network is harder to
# train, at least in this short training. With shortcuts, 20 layers with as many
# weights do much better. He et al. found such a fall (**degradation**) with 20 and 56 layers
# and long training.
#
# The rise does *not* prove that depth helps, since deeper networks also have more weights. One wide layer, with about as many weights as 8 layers, is as good as 3 or 8 layers.
#
# [*Concept 58*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## Going further: what goes in
#
# AlexNet subtracts a *mean image*: one mean per pixel and colour. VGG subtracts the *mean colour*,
# three numbers.
#
# Why subtract at all? In a fully connected layer, a bias could do the same. With one input $x$, a weight $w$ and a bias $b$,
# the score is $wx + b$. If $x$ is always near 1, then $w = 3$, $b = 0$ and $w = 4$, $b = -1$ give nearly the same scores (3 for $x = 1$). So in
# this direction, $w$ up and $b$ down, the loss hardly changes: it is a long, narrow valley.

# %%
train_pixels = data.as_float(fashion.train.images[:8_000]).flatten(1)  # 8,000 × 784, from 0 to 1
mean, spread = train_pixels.mean(), train_pixels.std()  # one number each, for all pixels
print(f"mean {mean:.2f}, standard deviation {spread:.2f}")

# %% tags=["hide-input"]
# @title Figure 10.8: move the mean
show(
    play.centring(mean.item(), round(spread.item(), 2)),
    caption="Figure 10.8. The loss for one input, seen from above. Grey: lines of equal loss. Square: start, always on the outer line. "
    "Orange: 30 steps of gradient descent. Star: best point.",
)

# %% [markdown]
# A mean of 0 instead of 0.29 changes little. With a mean of 1.29 the valley becomes narrow, and the 30 steps cover a
# smaller part of the way. The **condition number** says how many times more strongly the loss curves
# across the valley than along it. Steps must be small enough for the strongly curved direction. Then
# they are slow along the other one.
#
# Now all 784 pixels, in four versions. The loss has a curvature in each of many directions. The folded cell divides the largest by the 100th largest, since the smallest are almost 0.

# %%
inputs = {
    "raw": lambda x: x,  # from 0 to 1
    "centred": lambda x: x - mean,  # one number for all pixels
    "standardised": lambda x: (x - mean) / spread,
    "raw + 1": lambda x: x + 1,
}

# %% tags=["hide-input"]
# @title Their condition numbers, for squared errors


def condition_number(x):  # of N images with 784 pixels
    x = torch.cat([x, torch.ones(len(x), 1)], 1).double()  # N × 785
    curvatures = torch.linalg.eigvalsh(x.T @ x / len(x))  # from the smallest to the largest
    return (curvatures[-1] / curvatures[-100]).item()


conditions = {
    name: condition_number(prepare(train_pixels[:2_000])) for name, prepare in inputs.items()
}
print("condition number:")
for name, number in conditions.items():
    print(f"{name:13} {number:6,.0f}")

# %% [markdown]
# Now train one layer on each:


# %%
def descend(x, one_hot, rate, seed, steps=200):  # one_hot: the labels, N × 10
    W, b = torch.zeros(10, 784), torch.zeros(10)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(len(x), (100,), generator=generator)
        pixels = x.index_select(0, batch)  # as x[batch], but faster
        error = (pixels @ W.T + b).softmax(1) - one_hot[batch]  # p − y, as in section 04
        W, b = W - rate * error.T @ pixels / 100, b - rate * error.mean(0)
    return W, b


# %% [markdown]
# **Predict:** each input gets the best of six learning rates. Which input has a clearly lower accuracy than
# the others?

# %%
your_guess = "?"  # a name from `inputs`

# %% tags=["hide-input"]
# @title Figure 10.9
rates = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def linear_accuracy(weights, name, split):
    seen = inputs[name](data.as_float(split.images).flatten(1))
    return ((seen @ weights[0].T + weights[1]).argmax(1) == split.labels).float().mean().item()


def descents(name, some_rates, seeds):
    x = inputs[name](train_pixels)
    one_hot = nn.functional.one_hot(fashion.train.labels[: len(x)], 10)
    return [descend(x, one_hot, rate, seed) for rate in some_rates for seed in seeds]


by_rate = {
    name: [linear_accuracy(found, name, validation) for found in descents(name, rates, [0])]
    for name in inputs
}
best_rate = {name: rates[int(np.argmax(row))] for name, row in by_rate.items()}
best_runs = {name: descents(name, [best_rate[name]], (1, 2, 3)) for name in inputs}
at_best = {
    name: [linear_accuracy(found, name, validation) for found in runs]
    for name, runs in best_runs.items()
}
show(
    plots.lines(by_rate, rates, xlabel="learning rate", ylabel="validation accuracy", logx=True,
                ylim=(0, 1), xticks=rates, levels={"chance": 0.1}),
    caption="Figure 10.9. One layer after 200 steps, for four inputs and six learning rates, one run each.",
    alt="Best accuracies: "
    + ", ".join(f"{name} {max(row):.2f} at {best_rate[name]}" for name, row in by_rate.items()),
)  # fmt: skip
print(f"your guess: {your_guess}. Best rate, and the accuracy of three other runs:")
for name, runs in at_best.items():
    print(f"{name:13} {best_rate[name]:4}  {'  '.join(f'{run:.3f}' for run in runs)}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (
    conditions["raw + 1"] > 5 * conditions["raw"] and conditions["raw"] > 2 * conditions["centred"]
)
assert abs(conditions["centred"] / conditions["standardised"] - 1) < 0.1
others = [np.mean(at_best[name]) for name in ("raw", "centred", "standardised")]
assert np.mean(at_best["raw + 1"]) < min(others) - 0.04 and max(others) - min(others) < 0.06
assert best_rate["centred"] > best_rate["standardised"] and MEAN_RGB == (123.68, 116.779, 103.939)
assert 224 == 7 * 2**5

# %% [markdown]
# The input with the largest condition number stays the lowest, even at its best rate. At their best rates, the other three are closer. So after 200 steps, an offset that is
# large compared with the spread costs accuracy.
#
# [*Concepts 59 and 60*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## Going further: features for other tasks
#
# Can the stages of a trained network serve classes that it has never seen? We train a small VGG on six kinds of clothing. Sandals, dresses, bags and shirts are new
# to it.


# %%
def small_vgg():
    stages = ("3-16 3-16", "3-32 3-32", "3-64 3-64")
    # images are halved to 14 × 14
    return VGG(stages, (1, 14, 14), classes=6, head="average", batch_norm=True)


# %% [markdown]
# The maps of one stage, flattened, describe an image by a vector. From a few labelled images per class we
# compute the average. Each further image gets the class of the nearest
# average, as in section 04. The controls are the same network with *random* weights, and the pixels.


# %% tags=["hide-input"]
# @title Accuracy with a few examples per class
def few_shot_accuracy(features, labels, asked, truth, shots, draws=10):
    generator, accuracies = torch.Generator().manual_seed(0), []
    for _ in range(draws):
        chosen = [model.some_of(labels == c, shots, generator) for c in range(4)]
        means = torch.stack([features[positions].mean(0) for positions in chosen])
        nearest = torch.cdist(asked, means).argmin(1)
        accuracies.append((nearest == truth).float().mean().item())
    return sum(accuracies) / draws


# %% tags=["hide-input"]
# @title Figure 10.10
new_classes = ("Sandal", "Dress", "Bag", "Shirt")
known = fashion.only(*[name for name in fashion.classes if name not in new_classes])
new = fashion.only(*new_classes)
known_train, pool, new_val, new_test = (
    model.at_half_size(split)
    for split in (known.train[:1_500], new.train[:1_000], new.train[2_000:3_000], new.test)
)
shots = (1, 5, 20)
random_nets, trained_nets = [], []
for seed in range(3):
    for nets in (random_nets, trained_nets):
        torch.manual_seed(seed)
        nets.append(small_vgg())
    training.fit(trained_nets[-1], known_train, epochs=2, seed=seed, **recipe)


def vectors_of(split):
    """name -> one entry per network: layer -> N × D."""
    found = {
        name: [model.stage_outputs(net, split.images) for net in nets]
        for name, nets in (("trained", trained_nets), ("random", random_nets))
    }
    return {**found, "pixels": [{"pixels": data.as_float(split.images).flatten(1)}]}


def accuracy_on(examples, asked, split, shots, measure=few_shot_accuracy):
    return measure(examples, pool.labels, asked, split.labels, shots)


examples, asked = vectors_of(pool), vectors_of(new_val)
transfer = {
    name: {
        layer: [
            [accuracy_on(X[layer], A[layer], new_val, n) for n in shots]
            for X, A in zip(examples[name], asked[name], strict=True)
        ]
        for layer in examples[name][0]
    }
    for name in examples
}
chosen = {name: max(by_layer, key=lambda layer: np.mean(by_layer[layer]))
          for name, by_layer in transfer.items()}  # fmt: skip
show(
    play.transfer(transfer, shots, chosen["trained"]),
    caption="Figure 10.10. Validation accuracy on four new classes, by the number of examples per class. Mean and "
    "range of three networks; each number is the mean over 10 choices of examples. Scores: the network's six outputs.",
)
print(
    "best on validation images, mean over 1, 5 and 20 examples:",
    *[f"  {name}: {layer}" for name, layer in chosen.items() if name != layer],
    sep="\n",
)

# %% [markdown]
# With 20 examples, the trained network (with its best stage for these images)
# is a little better than the pixels. The random one is not.
#
# As a control, we replace the averages by ridge regression, least squares with a small penalty (section 07).

# %% tags=["hide-input"]
# @title Two classifiers
rows = {name: (name, layer) for name, layer in chosen.items()}
rows = {
    f"{name}, {layer}" if layer != name else name: (name, layer) for name, layer in rows.values()
}
two = {}
print("columns: examples per class")
for what in ("nearest average", "least squares"):
    print(f"{what:20}" + "".join(f"{n:6}" for n in shots))
    for row, (name, layer) in rows.items():
        pairs = list(zip(examples[name], asked[name], strict=True))
        runs = transfer[name][layer] if what == "nearest average" else [
            [accuracy_on(X[layer], A[layer], new_val, n, model.least_squares_accuracy) for n in shots]
            for X, A in pairs
        ]  # fmt: skip
        two[what, name] = np.mean(runs, axis=0)
        print(f"  {row:18}" + "".join(f"{value:6.2f}" for value in two[what, name]))

# %% tags=["hide-input"]
# @title Checks: what this shows
best = {name: np.mean(by_layer[chosen[name]], axis=0) for name, by_layer in transfer.items()}
assert best["trained"][2] > max(best["pixels"][2], best["random"][2]) + 0.02
assert best["trained"][0] < best["pixels"][0] + 0.03
squares = np.array([two["least squares", name] for name in chosen])
assert (np.ptp(squares, axis=0) < 0.05).all()

# %% [markdown]
# With least squares, all three are close.
#
# [*Concept 57*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## The test set, once
# %% tags=["hide-input"]
# @title The result on the test set
on_test = {
    f"block: {name.replace('three 3 × 3, linear', '3 × 3, linear')}": [
        training.evaluate(one, fashion.test) for one in runs
    ]
    for name, runs in block_runs.items()
}
for name, d in (("plain", 1), ("plain", 3), ("plain", 20), ("shortcuts", 20)):
    on_test[f"depth {d}: {name}"] = [
        training.evaluate(one, fashion.test) for one in deep_runs[name][d]
    ]
wide_runs = deep_runs["one wide layer"][1]
on_test["depth 1: wide"] = [training.evaluate(one, fashion.test) for one in wide_runs]
for name, runs in best_runs.items():
    on_test[f"input: {name}"] = [linear_accuracy(found, name, fashion.test) for found in runs]
last = vectors_of(new_test)
for what, measure in (("average", few_shot_accuracy), ("squares", model.least_squares_accuracy)):
    for name, layer in chosen.items():
        on_test[f"20 examples, {what}: {name}"] = [
            accuracy_on(X[layer], A[layer], new_test, 20, measure)
            for X, A in zip(examples[name], last[name], strict=True)
        ]
for name, values in on_test.items():
    print(f"{name:30}{' '.join(f'{value:.3f}' for value in values)}")
for split in (fashion.test, new_test):
    error = (0.8 * 0.2 / len(split)) ** 0.5
    print(f"standard error near 0.8, {len(split):,} images: {error:.3f}")
assert np.mean(on_test["depth 20: shortcuts"]) > np.mean(on_test["depth 20: plain"]) + 0.06
of_blocks = [np.mean(values) for name, values in on_test.items() if name.startswith("block")]
assert max(of_blocks) - min(of_blocks) < 0.06
assert np.mean(on_test["input: raw + 1"]) < np.mean(on_test["input: centred"]) - 0.04

# %% [markdown]
# The standard error belongs to one accuracy. We rank only differences above three standard errors, and larger than those between runs. For example: 20 plain layers are worse than 20 with shortcuts, and *raw + 1* is worse than *centred*.
#
# ## Summary
#
# 1. Three 3 × 3 layers see 7 × 7 positions with $27C^2$ instead of $49C^2$ weights, if $C$ channels come in and go out.
# 2. Without ReLU and padding, such a stack equals one 7 × 7 kernel. With ReLU it does not. On our small images, the stack and the 7 × 7 layer classify about equally well.
# 3. In VGG-16, 89% of the weights are in the fully connected layers, and over 99% of the work is in the convolutions.
# 4. In our short test, accuracy rises from 1 layer to 3, but the plain network with 20 trains worse. Shortcuts prevent most of this fall. One wide layer shows that the rise does not need depth.
# 5. A large offset costs accuracy after 200 steps, even at the best of six learning rates. Centring removes the offset. Trained features helped with 20 examples and nearest averages, but hardly with least squares.
#
# ## Problem set
#
# **1 · Two for one** ★ 5 min. A stack of two 3 × 3 layers replaces one 5 × 5 layer. Divide the stack's weights by those of the 5 × 5 layer: first with $C$ channels everywhere. Then
# 3 channels come in, and 32 go out of each layer.

# %%
check(two_for_five=..., at_the_image=...)

# %% [markdown]
# **2 · Smaller images** ★ 4 min. A VGG-16 is built for images of 128 × 128 pixels. How many weights
# has its first fully connected layer?

# %%
check(smaller_images=...)

# %% [markdown]
# **3 · A fair test** ★ 3 min. Which comparison tells most about depth alone? (a) 4 layers and 16 layers
# of 16 channels, three runs each. (b) 4 and 16 layers with equally many weights, one run each. (c)
# 4 and 16 layers with equally many weights, three runs each.
#
# **4 · The signal** ★★ 5 min. A layer reads 512 channels with 3 × 3 kernels. Its weights have the
# standard deviation 0.01. By which factor do convolution and ReLU change the mean square?

# %%
check(fair_test=..., mean_square_factor=...)

# %% [markdown]
# **5 · Explain** ★★ 5 min. "VGG has only small kernels, so it has fewer weights than AlexNet." What
# is right, and what is wrong?

# %%
reveal(why_larger=...)  # your sentences, between quotation marks

# %% [markdown]
# **6 · Debug** ★★ 6 min. The authors' VGG weights expect *blue, green, red*, minus the mean of each
# colour. For one red pixel (200, 10, 20) and the means (120, 110, 100) the result should be (−80,
# −100, 80). Mend the one wrong line.


# %%
def blue_first(images, mean_rgb):
    """images (N, 3, H, W): red, green, blue; mean_rgb (3,): red, green, blue."""
    images = images[:, ::-1]  # reverses the order of the channels
    return images - mean_rgb.reshape(1, 3, 1, 1)


check(blue_first)

# %% [markdown]
# **7 · Design** ★★ 8 min. Maps with 16 channels come in. Give a list of layers (kernel, channels).
# It has at least 4 layers and ends with 16 channels. Each output sees at least 11 × 11 positions.
# At most 5,000 weights are allowed, without biases.

# %%
check(my_block=[(3, 16), (3, 16), (3, 16), (3, 16)])

# %% [markdown]
# **8 · Open** ★★★ 25 min. In Figure 10.7 the learning rate was 0.1. Where does the fall begin with another one, or with
# eight epochs? Use three runs.
#
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def merge_kernels(first, second):
    k, size = len(first), len(second)
    merged = np.zeros((k + size - 1, k + size - 1))
    for y in range(size):
        for x in range(size):
            merged[y : y + k, x : x + k] += second[y, x] * first
    return merged


def count_stack(kernels, channels):
    weights, side = 0, 1
    for kernel, inputs, outputs in zip(kernels, channels[:-1], channels[1:], strict=True):
        weights += kernel**2 * inputs * outputs
        side += kernel - 1
    return np.array([weights, side])


def blue_first(images, mean_rgb):
    images = images[:, ::-1]
    return images - mean_rgb[::-1].reshape(1, 3, 1, 1)  # the means in the same order


_ = [
    check(merge_kernels),
    check(count_stack),
    check(blue_first),
    check(two_for_five=18 / 25, at_the_image=(9 * 3 * 32 + 9 * 32 * 32) / (25 * 3 * 32)),
    check(smaller_images=4 * 4 * 512 * 4096),
    check(fair_test="c", mean_square_factor=9 * 512 * 0.01**2 / 2),
    check(my_block=[(3, 8), (3, 8), (3, 8), (3, 8), (3, 16)]),
]

# %% [markdown]
# ## References
#
# - K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition. *ICLR* 2015 (§2.3 stacks,
#   §3.1 training, §4 results).
# - A. Krizhevsky et al. ImageNet classification with deep convolutional neural networks. *NIPS* 2012.
# - K. He et al. Delving deep into rectifiers. *ICCV* 2015 (the initialisation).
# - K. He et al. Deep residual learning for image recognition. *CVPR* 2016 (degradation, shortcuts).
# - S. Ioffe, C. Szegedy. Batch normalization. *ICML* 2015.
# - Y. LeCun et al. Efficient BackProp. 1998 (§4.3, why inputs are centred).
#
# [Concepts 55–63](00_start_here.ipynb#Map-of-the-concepts)
