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
# Oxford built deeper networks with kernels of 3 × 3 [Simonyan 2015]. You need
# [section 04](04_one_layer_one_template.ipynb) (training),
# [section 05](05_from_dense_to_convolution.ipynb) (convolution),
# [section 08](08_alexnet.ipynb) (AlexNet) and
# [section 09](09_receptive_field.ipynb) (receptive field).
#
# Afterwards you will be able to
#
# - replace a large kernel by several small ones, and count the weights of both,
# - say where a network has its weights, and where it does its work.
#
# *About 30 min, 25 for the folded parts, 60 for all problems · CPU 25 s*

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
from cv_course.networks.vgg import CONFIGS, MEAN_RGB, VGG, read_stage, vgg
from cv_course.plots import show
from cv_course.sections.s10_vgg import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 A network in five lines
#
# The best known of these networks is VGG-16. It has five **stages** of convolutions. A ReLU follows each
# convolution. A max pooling of 2 × 2 ends each stage and halves height and width. These are the convolutions:

# %%
print(*CONFIGS["D"], sep="\n")  # the paper calls VGG-16 "D"

# %% [markdown]
# Each line is a stage. `3-64` is one convolution with 64 kernels of 3 × 3, so it gives 64 channels. A padding of 1
# keeps height and width. After the last stage come three fully connected layers, with 4,096, 4,096 and 1,000 outputs. So 13 convolutions and 3 fully connected
# layers have weights: 16 layers.

# %% tags=["hide-input"]
# @title Figure 10.1
from matplotlib.patches import Rectangle

figure, axis = plots.figure(8, 2.3)
sides = [224 >> stage for stage in range(6)]
for x, side in enumerate(sides):
    high = 1.5 * (side / 224) ** 0.5
    stage = read_stage(CONFIGS["D"][x]) if x < 5 else []
    for sheet in reversed(range(max(1, len(stage)))):
        corner = x - high / 4 + 0.07 * sheet - 0.1, 0.06 * sheet
        axis.add_patch(Rectangle(corner, high / 2, high, fc="#dbe9f4" if stage else "#e8e8e8",
                                 ec=plots.COLOURS[0] if stage else "#777777", lw=1.2))  # fmt: skip
    words = (
        f"{len(stage)} convolutions,\n{stage[0][1]} channels"
        if stage
        else "3 fully con-\nnected layers"
    )
    axis.text(x, -0.12, f"{side} × {side}\n{words}", ha="center", va="top", fontsize=10)
axis.set(xlim=(-0.6, 5.6), ylim=(-0.95, 1.75))
axis.set_axis_off()
show(
    figure,
    caption="Figure 10.1. VGG-16, from left to right: five stages, one blue sheet for each convolution. Below: height × width "
    "of the maps.",
    alt="Five stages with maps of 224, 112, 56, 28 and 14 pixels, with 2, 2, 3, 3 and 3 convolutions "
    "of 64, 128, 256, 512 and 512 channels; then 7 by 7 maps enter three fully connected layers.",
)

# %% [markdown]
# But a kernel of 3 × 3 sees very little of a large image. Why did the authors choose such small kernels?

# %% [markdown]
# ## 2 Three small kernels for one large kernel
#
# One layer sees little, but two layers see more. Take a row of five pixels $x_1, …, x_5$, without padding and without
# ReLU. The first layer has the kernel $(1, 2, 1)$ and three outputs:
#
# $$u_1 = x_1 + 2x_2 + x_3, \quad u_2 = x_2 + 2x_3 + x_4, \quad u_3 = x_3 + 2x_4 + x_5.$$
#
# The second layer has the kernel $(1, 0, -1)$. It reads these three numbers and has one output:
#
# $$1u_1 + 0u_2 - 1u_3 = x_1 + 2x_2 + 0x_3 - 2x_4 - x_5.$$
#
# So these two layers compute the same as *one* layer with the kernel $(1, 2, 0, -2, -1)$. In the
# same way, three kernels of 3 compute the same as *one* kernel of 7. Figure 10.2 shows why it is
# 7:

# %% tags=["hide-input"]
# @title Figure 10.2
figure, axis = plots.figure(7, 2.9)
names = ["pixels", "layer 1", "layer 2", "layer 3"]
for level, (name, reach) in enumerate(zip(names, (3, 2, 1, 0), strict=True)):
    axis.text(-4.3, level, name, va="center", ha="right", fontsize=11)
    counted = ("pixels", "outputs", "outputs", "output")[level]
    for x in range(-reach, reach + 1):
        axis.plot(x, level, "o", ms=15, color=plots.COLOURS[0], zorder=3)
        for dx in (-1, 0, 1) if level else ():
            axis.plot([x, x + dx], [level, level - 1], "-", marker="", color="#777777", lw=1)
    axis.text(4.2, level, f"{2 * reach + 1} {counted}", va="center", fontsize=11)
axis.set(xlim=(-6.2, 6.2), ylim=(-0.5, 3.5))
axis.set_axis_off()
show(
    figure,
    caption="Figure 10.2. Three layers with kernels of 3, from the pixels (below) to one output (above). This output depends on seven pixels.",
    alt="A pyramid: one output of layer 3 depends on three outputs of layer 2, five of layer 1 and "
    "seven pixels.",
)

# %% [markdown]
# In two dimensions, three 3 × 3 layers see 7 × 7 pixels. Such layers, one after the other, are called a
# **stack**. How many weights has it?
#
# Let $C$ channels come in and $C$ go out. A 3 × 3 kernel reads all $C$ channels, so it has $3 \cdot 3 \cdot C$
# weights. A layer has $C$ such kernels, so it has $3 \cdot 3 \cdot C \cdot C = 9C^2$ weights. (We do not count biases.)
#
# **Predict:** one layer with kernels of 7 × 7 sees as much as the stack of three. How many per cent more weights has it?

# %%
your_guess = "?"  # a number in per cent

# %%
C = 64
three = [nn.Conv2d(C, C, 3, bias=False) for _ in range(3)]
in_stack = layers.count_parameters(nn.Sequential(*three))
in_large = layers.count_parameters(nn.Conv2d(C, C, 7, bias=False))
print(f"three 3 × 3: {in_stack:,} weights, one 7 × 7: {in_large:,} weights")
print(f"your guess: {your_guess}, counted: {in_large / in_stack - 1:.0%} more")

# %% [markdown]
# The stack has $3 \cdot 9C^2 = 27C^2$ weights, and the 7 × 7 layer has $49C^2$.
#
# In VGG, a ReLU follows each convolution. What does it change? Back to the five pixels: $(1, 0, 0, 0, 0)$ give
# $u = (1, 0, 0)$ and the output $1 \cdot 1 + 0 \cdot 0 - 1 \cdot 0 = 1$.
#
# **Predict:** the pixels $(-1, 0, 0, 0, 0)$ give $u = (-1, 0, 0)$. What is the output without ReLU? And what is it
# if a ReLU is applied to $u$ first?

# %%
your_guess = "?"  # two numbers


# %%
def second_layer(u):
    return 1 * u[0] + 0 * u[1] - 1 * u[2]


u = np.array([-1, 0, 0])
print(f"your guess: {your_guess}")
print(f"without ReLU: {second_layer(u)}, with ReLU: {second_layer(np.maximum(u, 0))}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (in_stack, in_large) == (27 * C**2, 49 * C**2) and round(49 / 27 - 1, 2) == 0.81
# With padding, a stack without ReLU equals one kernel except near the border. The reverse is not
# true: most 7 × 7 layers cannot be split, since a stack has fewer numbers to choose.
torch.manual_seed(0)
thin = [nn.Conv2d(8, 8, 3, bias=False).double() for _ in range(3)]
with torch.no_grad():
    linear = nn.Sequential(*thin)
    impulses = nn.functional.pad(torch.eye(8).double()[:, :, None, None], [6] * 4)
    kernel = linear(impulses).transpose(0, 1).flip(2, 3)  # 8 × 8 × 7 × 7
    images = torch.randn(4, 8, 20, 20).double()
    gap = (linear(images) - nn.functional.conv2d(images, kernel)).abs().max()
    assert kernel.shape == (8, 8, 7, 7) and gap < 1e-13
    padded = images
    for layer in thin:
        padded = nn.functional.conv2d(padded, layer.weight, padding=1)
    gap = (padded - nn.functional.conv2d(images, kernel, padding=3)).abs().amax((0, 1))
    assert gap[2:-2, 2:-2].max() < 1e-13 and min(gap[:2].min(), gap[-2:].min()) > 0.01
    with_relu = nn.Sequential(thin[0], nn.ReLU(), thin[1], nn.ReLU(), thin[2])
    assert (linear(images) + linear(-images)).abs().max() < 1e-12
    assert (with_relu(images) + with_relu(-images)).abs().max() > 0.05

# %% [markdown]
# One kernel (without a bias, as here) always gives opposite outputs for opposite pixels. If it
# gives 1 for $(1, 0, 0, 0, 0)$, it gives −1 for $(-1, 0, 0, 0, 0)$. Our two layers, with a ReLU
# between them, give 1 for the first (no $u$ is negative, so nothing changes) and 0 for the second.
# So no single kernel can replace them. Part 3 asks whether this *helps*.
#
# A stack does not always save weights. Let 3 channels come in (the colours of an image) and 64 go out. One 7 × 7
# layer has $7 \cdot 7 \cdot 3 \cdot 64 = 9{,}408$ weights. In the stack, only the first layer reads 3 channels, the others
# read 64. This gives $9 \cdot 3 \cdot 64 + 9 \cdot 64 \cdot 64 + 9 \cdot 64 \cdot 64 = 75{,}456$ weights.

# %% tags=["hide-input"]
# @title Figure 10.3: stack against large kernel
show(
    play.stacks(),
    caption="Figure 10.3. Weights of a stack of 3 × 3 layers, and of the one layer that sees as much. Change the channels and the number of layers.",
)

# %% [markdown]
# Now write this count for any stack, and how much of the image one output sees.


# %%
def count_stack(kernels, channels):
    """kernels: the side of each layer's kernels, such as [3, 3, 3].
    channels: how many come in, then how many each layer gives, such as [3, 64, 64, 64].
    Returns [weights, side of the square that one output sees], here [75456, 7].
    (Without biases; all strides are 1.)"""
    ...  # replace this line


check(count_stack)

# %%
hint(count_stack)

# %% [markdown]
# [*Concept 61*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 Do small kernels classify as well?
#
# We train three networks on 1,500 images of clothing. They differ in one *block*: one 7 × 7 layer, or a stack of three
# 3 × 3 layers. The third has, as a control, the same stack without ReLUs between its layers.

# %%
fashion = data.fashion_mnist()
train, validation = fashion.train[:1_500], fashion.train[8_000:9_000]
recipe = {"batch_size": 50, "progress": False, "device": "cpu"}  # for all trainings


def conv(side):  # 16 channels come in, 16 go out; the padding keeps height and width
    return nn.Conv2d(16, 16, side, padding=side // 2)


# %%
blocks = {
    "one 7 × 7": [conv(7)],
    "three 3 × 3": [conv(3), nn.ReLU(), conv(3), nn.ReLU(), conv(3)],
    "three 3 × 3 without ReLU": [conv(3), conv(3), conv(3)],
}


# %% tags=["hide-input"]
# @title he_start(network): random first weights
def he_start(network):
    steps = list(network.modules())
    for after, layer in enumerate(steps, start=1):  # steps[after] is the next module
        if isinstance(layer, nn.Conv2d):
            # variance 2/n for n inputs of a unit, and 1/n where no ReLU follows
            kind = "linear" if isinstance(steps[after], nn.Conv2d) else "relu"
            nn.init.kaiming_normal_(layer.weight, nonlinearity=kind)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


# %%
def block_network(name, seed):
    torch.manual_seed(seed)
    first, last = nn.Conv2d(1, 16, 4, stride=4), nn.Linear(16 * 7 * 7, 10)  # 28 × 28 -> 7 × 7
    block = copy.deepcopy(blocks[name])  # its own layers for each network
    network = nn.Sequential(first, nn.ReLU(), *block, nn.ReLU(), nn.Flatten(), last)
    he_start(network)  # random first weights: He's initialisation (section 08)
    training.fit(network, train, epochs=2, lr=0.02, seed=seed, **recipe)
    return network


# %% tags=["hide-input"]
# @title Figure 10.4
block_runs = {name: [block_network(name, seed) for seed in range(3)] for name in blocks}
in_block = {name: layers.count_parameters(nn.Sequential(*block)) for name, block in blocks.items()}
by_block = {
    name: [training.evaluate(one, validation) for one in runs] for name, runs in block_runs.items()
}
means = [np.mean(runs) for runs in by_block.values()]
figure = plots.bars(by_block, ylabel="validation accuracy", ylim=1, levels={"chance": 0.1})
figure.axes[0].set_xticks(range(3), [f"{name}\n{n:,} parameters" for name, n in in_block.items()])
show(
    figure,
    caption="Figure 10.4. Three networks that differ in one block. Below: the parameters (weights and biases) of the block. Dots: three runs with different first weights. Bars: their mean.",
    alt="Validation accuracies: "
    + "; ".join(f"{name} {mean:.2f}" for name, mean in zip(by_block, means, strict=True)) + ".",
)  # fmt: skip

# %% tags=["hide-input"]
# @title Checks: what this shows
assert [*in_block.values()] == [12_560, 6_960, 6_960]
assert min(map(min, by_block.values())) > 0.6 and max(means) - min(means) < 0.06

# %% [markdown]
# All three are close. So in this short test, the stack classifies about as well as the 7 × 7 layer, with about half
# the parameters. But the stack without ReLU is as good, so the test does not show that the ReLUs help.
#
# The authors tested this on photographs. In a smaller VGG network, with pairs of 3 × 3 layers,
# they replaced each pair by one 5 × 5 layer, which sees as much. The paper says that the error
# with 5 × 5 was "7% higher". It does not say whether these are percentage points. So there, the
# network with small kernels was better. It is also deeper, so depth may be the reason.

# %% [markdown]
# ## 4 Where the weights are
#
# A stack can save weights. Is the whole network small, then? We compare two layers of VGG-16. The work is counted in
# **MACs** (multiply–accumulates): one multiplication and one addition each.
#
# | layer | weights | MACs |
# |---|---|---|
# | a convolution of the last stage | 3 · 3 · 512 · 512 = 2.36 million | 2.36 million · 14 · 14 = 462 million |
# | the first fully connected layer | 7 · 7 · 512 · 4,096 = 102.8 million | 102.8 million |
#
# The convolution uses each weight at 14 · 14 positions, the fully connected layer only once.
#
# **Predict:** VGG-16 has 138.4 million parameters. Which share of them is in its 13 convolutions?

# %%
your_guess = "?"  # in per cent

# %%
with torch.device("meta"):  # layers with shapes, but without numbers: this takes no memory
    vgg16 = vgg("D")
in_all = layers.count_parameters(vgg16)
in_convolutions = layers.count_parameters(vgg16.features)  # features: the five stages
print(f"your guess: {your_guess}, counted: {in_convolutions / in_all:.0%} of {in_all:,}")

# %% tags=["hide-input"]
# @title Figure 10.5
with torch.device("meta"):
    traces = {name: layers.trace(vgg(name), (3, 224, 224)) for name in CONFIGS}
convolutions = traces["D"].only("Conv2d")  # one row per layer
fully_connected = traces["D"].only("Linear")
groups = {f"stage {n + 1}": [] for n in range(5)} | {"fully connected": list(fully_connected)}
for row in convolutions:
    stage = int(np.log2(224 // row.output_shape[1]))
    groups[f"stage {stage + 1}"].append(row)
shares = {
    name: {
        "parameters": 100 * sum(row.parameters for row in rows) / traces["D"].parameters,
        "MACs": 100 * sum(row.macs for row in rows) / traces["D"].macs,
    }
    for name, rows in groups.items()
}
show(
    plots.bars(shares, ylabel="share of VGG-16 (%)", fmt="{:.0f}", ylim=100),
    caption="Figure 10.5. How the parameters and the work (MACs) of VGG-16 are shared among its stages and its fully connected layers (rounded).",
    alt="Shares of parameters and of MACs in per cent: "
    + "; ".join(f"{name} {row['parameters']:.0f} and {row['MACs']:.0f}" for name, row in shares.items()) + ".",
)  # fmt: skip

# %% tags=["hide-input"]
# @title Checks: what this shows
assert fully_connected.parameters == 123_642_856 and in_all == 138_357_544
assert all(trace.only("Linear").parameters == 123_642_856 for trace in traces.values())
assert fully_connected[0].parameters == 102_764_544 and round(123_642_856 / in_all, 2) == 0.89
assert convolutions.macs > 0.99 * traces["D"].macs and convolutions.parameters == in_convolutions
macs = [sum(row.macs for row in rows) / 1e9 for rows in groups.values()]
assert [round(one, 1) for one in macs[:5]] == [1.9, 2.8, 4.6, 4.6, 1.4]
fields = [row.receptive_field[0] for row in traces["D"].only("Conv2d", "MaxPool2d", "Linear")]
assert fields[:10] == [3, 5, 6, 10, 14, 16, 24, 32, 40, 44]
assert fields[10:19] == [60, 76, 92, 100, 132, 164, 196, 212, 404]

# %% [markdown]
# The fully connected layers have 89% of the parameters. The convolutions do over 99% of the work. So
# small kernels do not make the whole network small: VGG-16 has more than twice AlexNet's 61 million parameters.
#
# So, what do you get from many small kernels? They see as much as one large kernel. They have fewer weights, if as
# many channels come in as go out. But most weights of the whole network are in the fully connected layers.
#
# [*Concept 62*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## The test set, once
#
# Does the comparison of part 3 hold on test images?

# %% tags=["hide-input"]
# @title One large or three small kernels, on test images


def on_test(runs, measure=training.evaluate):
    return np.mean([measure(one, fashion.test) for one in runs])


on_tests = {name: on_test(runs) for name, runs in block_runs.items()}
print("accuracy on test images, mean of three runs")
for block, accuracy in on_tests.items():
    print(f"{block:26} {accuracy:.2f}")
assert abs(on_tests["one 7 × 7"] - on_tests["three 3 × 3"]) < 0.04

# %% [markdown]
# A difference of 0.02 can be chance here. So we cannot tell which block is better.

# %% [markdown]
# ## Summary
#
# 1. A stack of three 3 × 3 layers sees 7 × 7 pixels. With $C$ channels in and out it has $27C^2$
#    weights. One 7 × 7 layer has $49C^2$.
# 2. Without ReLU, the stack of part 2 equals one 7 × 7 kernel. With ReLUs between the layers it does not. In our test,
#    the stack with ReLU and the 7 × 7 layer classify about equally well.
# 3. In VGG-16, 89% of the parameters are in the fully connected layers, and over 99% of the work is in the convolutions.
# 4. *Going further* shows what helps very deep networks, how the mean of the inputs matters, and how a trained network
#    helps with new classes.

# %% [markdown]
# ## Going further: the family on one page
#
# For a second reading: all six VGG networks in one figure, with their errors on ImageNet.

# %% [markdown]
# Does a deeper network make fewer errors? The authors compared six networks:

# %% tags=["hide-input"]
# @title Figure 10.6
published = {"A": 29.6, "A-LRN": 29.7, "B": 28.7, "C": 28.1, "D": 27.0,
             "E": 27.3}  # top-1 errors in % [Simonyan 2015, Table 3, S = 256]  # fmt: skip
looks = {"3": ("#dbe9f4", ""), "1": (plots.COLOURS[1], "///"), "LRN": ("#e3d3ea", "..."),
         "FC": ("#d5ead5", "")}  # fmt: skip
figure, axis = plots.figure(8, 7.4)


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
        "layers with weights": len(trace.only("Conv2d", "Linear")),
        "parameters (million)": f"{trace.parameters / 1e6:.1f}",
        "MACs (billion)": f"{trace.macs / 1e9:.2f}",
        "error (%)": published[name],
    }
    for row, (what, number) in enumerate(totals.items()):
        axis.text(x + 0.5, y + 3.75 + row, number, ha="center", va="center", fontsize=10)
        if x == 0:
            axis.text(-0.06, y + 3.75 + row, what, ha="right", va="center", fontsize=10)
y = 0.0
for number in range(5):
    axis.text(-0.06, y + 0.45, f"stage {number + 1}", ha="right", va="center", fontsize=10)
    y += max(len(stages[number].split()) for stages in CONFIGS.values()) + 0.45
axis.text(-0.06, y + 0.45, "fully connected", ha="right", va="center", fontsize=10)
axis.set(xlim=(-1.6, 6), ylim=(y + 7.3, -1))
axis.set_axis_off()
show(
    figure,
    caption="Figure 10.6. The six VGG networks, from the first layer (top) to the last. D is VGG-16. 3-64: kernels of 3 × 3, 64 "
    "channels. FC-1000: fully connected, 1,000 outputs. Error: share of wrong predictions on the validation images of ImageNet [Simonyan 2015, Table 3].",
    alt="Six columns with 11, 11, 13, 16, 16 and 19 layers. A-LRN has one normalisation, C three 1 × 1 "
    "convolutions. 132.9 to 143.7 million parameters; errors 29.6, 29.7, 28.7, 28.1, 27.0 and 27.3 per cent.",
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
    with_average = layers.count_parameters(vgg("D", head="average"))
assert with_norm == [132_868_840, 133_053_736, 138_365_992, 143_678_248]
assert with_average == 15_227_688

# %% [markdown]
# Look at the last row. From 11 to 16 layers, the error falls from 29.6 to 27.0%. With 19 layers it is not lower. But the parameters and the MACs grow, too. So this table does not show that *depth* is the reason.
#
# Network C also has kernels of 1 × 1. A-LRN has AlexNet's local response normalisation (section 08), which does not help:
# compare A and A-LRN.
#
# [*Concepts 55, 56 and 63*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Going further: how deep?
#
# For a second reading: networks with 1 to 20 layers, with and without shortcuts.

# %% [markdown]
# With 19 layers, VGG was no better than with 16. What happens with more and more layers? We train small networks with 1 to
# 20 layers of 3 × 3, all with batch normalisation (section 08). In *plain* networks, each layer reads the output of the
# layer before. In the others, a **shortcut** adds each layer's input to its output (simplified from [He 2016]).


# %%
class Shortcut(nn.Module):
    def __init__(self, *parts):
        super().__init__()
        self.layer = nn.Sequential(*parts)

    def forward(self, maps):
        return maps + self.layer(maps)  # the input + the output


# %%
def deep(depth, shortcut=False, channels=16):
    made = [nn.Conv2d(1, channels, 7, stride=7)]  # 28 × 28 -> 4 × 4 positions
    for _ in range(depth):
        convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        parts = [nn.BatchNorm2d(channels), nn.ReLU(), convolution]
        made.append(Shortcut(*parts) if shortcut else nn.Sequential(*parts))
    made += [nn.BatchNorm2d(channels), nn.ReLU()]
    made += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]  # mean of each channel
    return nn.Sequential(*made)


# %% [markdown]
# **Predict:** take the networks without shortcuts and the *training* images. Is the accuracy with 20 layers higher or
# lower than with 3?

# %%
your_guess = "?"  # "higher" or "lower"

# %% tags=["hide-input"]
# @title Figure 10.7


def train_deep(depth, seed, **options):
    torch.manual_seed(seed)
    network = deep(depth, **options)
    he_start(network)
    training.fit(network, train, epochs=2, lr=0.1, seed=seed, **recipe)
    return network


depths = (1, 3, 8, 20)
deep_runs = {
    "plain": {d: [train_deep(d, seed) for seed in range(3)] for d in depths},
    "with shortcuts": {
        d: [train_deep(d, seed, shortcut=True) for seed in range(3)] for d in depths
    },
    "one wide layer": {1: [train_deep(1, seed, channels=28) for seed in range(3)]},
}
reached = {
    part: {
        name: {d: [training.evaluate(one, split) for one in runs] for d, runs in by_depth.items()}
        for name, by_depth in deep_runs.items()
    }
    for part, split in {"training": train, "validation": validation}.items()
}
found = reached["training"]
curves = {name: np.array(list(found[name].values())).T for name in ("plain", "with shortcuts")}
by_layers = {d: np.mean(runs) for d, runs in found["plain"].items()}
show(
    plots.lines(curves, depths, xlabel="3 × 3 layers", ylabel="accuracy on training images", ylim=(0, 1), xticks=depths,
                levels={"one wide layer": np.mean(found["one wide layer"][1]), "chance": 0.1}),
    caption="Figure 10.7. Accuracy on training images by depth, after two epochs. Lines: mean of three runs. Dots: the runs. Bands: their range. "
    "The text below explains the wide layer.",
    alt="Training images: "
    + "; ".join(f"{name} " + ", ".join(f"{d} layers {one:.2f}" for d, one in zip(depths, runs.mean(0), strict=True)) for name, runs in curves.items())
    + f"; one wide layer {np.mean(found['one wide layer'][1]):.2f}.",
)  # fmt: skip
print(f"your guess: {your_guess}, 20 layers minus 3 layers: {by_layers[20] - by_layers[3]:+.2f}")

# %% tags=["hide-input"]
# @title Checks: what this shows


@torch.no_grad()
def own_accuracy(network):
    network = copy.deepcopy(network).train()  # each batch's own statistics
    scores = [network(data.as_float(batch)) for batch in train.images.split(50)]
    return (torch.cat(scores).argmax(1) == train.labels).float().mean().item()


# with each batch's own averages in place of the stored ones, the fall remains
own = {d: np.mean([own_accuracy(one) for one in deep_runs["plain"][d]]) for d in (3, 20)}
assert own[20] < own[3] - 0.06
for part in reached.values():  # on validation images, too
    plain, short = (
        {d: np.mean(runs) for d, runs in part[name].items()} for name in ("plain", "with shortcuts")
    )
    wide = np.mean(part["one wide layer"][1])
    assert plain[3] > plain[1] + 0.03 and wide > plain[1] + 0.03
    assert plain[20] < min(plain[3], plain[8]) - 0.06
    assert short[20] > plain[20] + 0.08 and short[20] > (plain[3] + plain[20]) / 2
    assert wide > (plain[1] + plain[3]) / 2  # most of the rise
wide, three_layers = deep_runs["one wide layer"][1][0], deep_runs["plain"][3][0]
assert abs(layers.count_parameters(wide) / layers.count_parameters(three_layers) - 1) < 0.3

# %% [markdown]
# Plain networks become better from 1 to 3 layers, and much worse with 20. This is not overfitting,
# since these are *training* images: deep plain networks are harder to train. He et al. found the
# same in larger networks and long training, and called it **degradation**. With shortcuts, 20
# layers do much better. A likely reason: in the sum maps + layer(maps), the gradient has two ways
# back to `maps`. One goes through the layer. The other is direct, through the term `maps` itself.
# So the gradient can reach early layers without passing through all later ones.
#
# Does the rise from 1 to 3 show that depth helps? No, since 3 layers also have more weights. The
# control is one *wide* layer with 28 channels. It has $9 \cdot 28 \cdot 28 = 7{,}056$ weights,
# about as many as 3 layers with 16 channels: $3 \cdot 9 \cdot 16 \cdot 16 = 6{,}912$. This one
# layer is nearly as good as 3 layers. So more weights alone already give most of the rise, without
# more depth.
#
# [*Concept 58*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Going further: what goes in
#
# For a second reading: why one subtracts the mean from the inputs.

# %% [markdown]
# VGG reads 224 × 224 pixels, the size in AlexNet's paper. It subtracts the *mean colour* of the training
# images, three numbers. AlexNet subtracts a *mean image*, one number per pixel and colour.
#
# Why subtract anything? We begin with one input $x$ and one output $wx + b$. As a simple task, the
# output should be $x$, scaled to mean 0 and standard deviation 1. Then the best numbers are known:
# $w$ is 1 / standard deviation, and $b$ is −mean / standard deviation. Gradient descent starts at
# $w = 0$, $b = 0$, and should find them. The loss is the mean squared error. Figure 10.8 is a map
# of the loss: each grey line joins points with equal loss. Move the mean of $x$.

# %%
train_pixels = data.as_float(fashion.train.images[:8_000]).flatten(1)  # 8,000 × 784, from 0 to 1
mean, spread = train_pixels.mean(), train_pixels.std()  # one number each, for all pixels
print(f"all pixels: mean {mean:.2f}, standard deviation {spread:.2f}")

# %% tags=["hide-input"]
# @title Figure 10.8: move the mean
show(
    play.centring(mean.item(), round(spread.item(), 2)),
    caption="Figure 10.8. The loss for one weight and one bias. Grey: lines of equal loss. Square: start. "
    "Orange: 30 steps of gradient descent. Star: the best weight and bias.",
)

# %% [markdown]
# The loss is like a valley. With the mean 1.29 (state 2), the valley is long and narrow. With the
# mean 0 (state 3), it is the least narrow. In a narrow valley, both sides are steep, so large
# steps would jump from side to side. Along the bottom it is nearly flat, so small steps take a
# long time there. The **condition number** (above each picture) measures this. It is the curvature
# of the loss across the valley, divided by the curvature along it. If it is large, gradient
# descent can be slow.
#
# Now one layer with all 784 pixels, as in section 04. It has not two numbers to find but 785 per
# class. So the valley has many directions, each with its own curvature. Many curvatures are almost
# 0 and hardly matter. So, as a substitute for the condition number, the table gives the largest
# curvature, divided by the 100th largest. (It is computed for squared errors, the accuracies for
# cross-entropy.) We compare four versions of the images:

# %%
inputs = {
    "raw": lambda x: x,  # from 0 to 1
    "centred": lambda x: x - mean,
    "standardised": lambda x: (x - mean) / spread,
    "raw + 1": lambda x: x + 1,
}

# %% [markdown]
# **Predict:** after 200 steps, which version has the lowest accuracy?

# %%
your_guess = "?"  # a name from `inputs`

# %% tags=["hide-input"]
# @title Four inputs: condition number and accuracy
rates = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def descend(x, one_hot, rate, seed, steps=200):  # one_hot: the labels, N × 10
    W, b = torch.zeros(10, 784), torch.zeros(10)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(len(x), (100,), generator=generator)
        pixels = x.index_select(0, batch)  # as x[batch], but faster
        error = (pixels @ W.T + b).softmax(1) - one_hot[batch]  # p − y, as in section 04
        W, b = W - rate * error.T @ pixels / 100, b - rate * error.mean(0)
    return W, b


def descents(name, some_rates, seeds):
    x = inputs[name](train_pixels)
    one_hot = nn.functional.one_hot(fashion.train.labels[: len(x)], 10)
    return [descend(x, one_hot, rate, seed) for rate in some_rates for seed in seeds]


def linear_accuracy(weights, name, split):
    seen = inputs[name](data.as_float(split.images).flatten(1))
    return ((seen @ weights[0].T + weights[1]).argmax(1) == split.labels).float().mean().item()


def condition_number(x):  # of N images with 784 pixels, for squared errors
    x = torch.cat([x, torch.ones(len(x), 1)], 1).double()  # N × 785
    curvatures = torch.linalg.eigvalsh(x.T @ x / len(x))  # from the smallest to the largest
    return (curvatures[-1] / curvatures[-100]).item()  # the smallest are almost 0


conditions = {
    name: condition_number(prepare(train_pixels[:2_000])) for name, prepare in inputs.items()
}
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
print(f"your guess: {your_guess}")
print("input         condition number   validation accuracy (three runs)")
for name, runs in at_best.items():
    print(f"{name:13} {conditions[name]:16,.0f}   {'  '.join(f'{run:.3f}' for run in runs)}")

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
# Each version had the best of six learning rates. *raw + 1* has the largest mean, the largest condition number and the lowest accuracy. In accuracy, the others are close. So in this test, a large mean makes training slow. Centring removes this mean.
#
# [*Concepts 59 and 60*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Going further: features for other tasks
#
# For a second reading: what a trained network is good for when only a few images have labels.

# %% [markdown]
# Often only a few images have labels. Can a network help that was trained on *other* classes? We train a small VGG on six kinds of
# clothing. Sandals, dresses, bags and shirts are new to it.


# %%
def small_vgg():
    stages = ("3-16 3-16", "3-32 3-32", "3-64 3-64")  # for images of 14 × 14 pixels
    return VGG(stages, (1, 14, 14), classes=6, head="average", batch_norm=True)


# %% [markdown]
# The maps after one stage, written as one vector, are the *features* of an image. For each new class we average the features
# of 20 labelled images. Each further image gets the class of the nearest average, as in section 04. The controls are the same
# network with *random* weights, and the pixels instead of features.

# %% tags=["hide-input"]
# @title Figure 10.9


def few_shot_accuracy(features, labels, asked, truth, shots, draws=10):
    generator, accuracies = torch.Generator().manual_seed(0), []
    for _ in range(draws):
        chosen = [model.some_of(labels == c, shots, generator) for c in range(4)]
        means = torch.stack([features[positions].mean(0) for positions in chosen])
        nearest = torch.cdist(asked, means).argmin(1)
        accuracies.append((nearest == truth).float().mean().item())
    return sum(accuracies) / draws


new_classes = ("Sandal", "Dress", "Bag", "Shirt")
known = fashion.only(*[name for name in fashion.classes if name not in new_classes])
new = fashion.only(*new_classes)
known_train, pool, new_val, new_test = (
    model.at_half_size(split)
    for split in (known.train[:1_500], new.train[:1_000], new.train[2_000:3_000], new.test)
)
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


def accuracies_on(split, asked, name, layer, shots, measure=few_shot_accuracy):
    """One for each network: the mean over 10 choices of the labelled images."""
    return [
        measure(X[layer], pool.labels, A[layer], split.labels, shots)
        for X, A in zip(examples[name], asked[name], strict=True)
    ]


examples, asked = vectors_of(pool), vectors_of(new_val)
transfer = {
    shots: {
        name: {layer: accuracies_on(new_val, asked, name, layer, shots) for layer in nets[0]}
        for name, nets in examples.items()
    }
    for shots in (20, 5, 1)
}
best_stage = {
    name: max(by_layer, key=lambda layer: np.mean(by_layer[layer]))
    for name, by_layer in transfer[20].items()
}
show(
    play.transfer(transfer),
    caption="Figure 10.9. Accuracy on validation images of four new classes. Bars: mean of three networks. Dots: the networks. Dashed: the pixels, "
    "and chance.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
best = {name: np.mean(transfer[20][name][layer]) for name, layer in best_stage.items()}
assert best["trained"] > max(best["pixels"], best["random"]) + 0.02
assert best["random"] < best["pixels"] + 0.03
# With one example per class, the stage that is best with 20 is no better than the pixels.
one_shot = {name: np.mean(transfer[1][name][layer]) for name, layer in best_stage.items()}
assert one_shot["trained"] < one_shot["pixels"] + 0.03
# A control: least squares with a small penalty in place of averages. All three are close.
squares = [
    np.mean(accuracies_on(new_val, asked, name, layer, 20, model.least_squares_accuracy))
    for name, layer in best_stage.items()
]
assert np.ptp(squares) < 0.05

# %% [markdown]
# With 20 examples, we choose the stage that is best on these validation images. Its trained
# features are better than the pixels. The features of the network with random weights are not
# better than the pixels. So in this test, training on other classes helped.
#
# [*Concept 57*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ### The test set, once
#
# Do the comparisons of the last three parts hold on test images?

# %% tags=["hide-input"]
# @title Three comparisons on test images


def of_input(name):
    return on_test(best_runs[name], lambda found, test: linear_accuracy(found, name, test))


new_asked = vectors_of(new_test)
of_features = {
    name: np.mean(accuracies_on(new_test, new_asked, name, layer, 20))
    for name, layer in best_stage.items()
}
comparisons = {
    ("20 layers, plain", "20 layers, with shortcuts"): [
        on_test(deep_runs[kind][20]) for kind in ("plain", "with shortcuts")
    ],
    ("raw + 1", "centred"): [of_input("raw + 1"), of_input("centred")],
    ("pixels, 20 examples", "trained features, 20 examples"): [
        of_features["pixels"], of_features["trained"]
    ],
}  # fmt: skip
print("accuracy on test images, mean of all runs")
for (first, second), (one, two) in comparisons.items():
    print(f"{first:20} {one:.2f}     {second:30} {two:.2f}")
differences = [two - one for one, two in comparisons.values()]
assert differences[0] > 0.06 and differences[1] > 0.04 and differences[2] > 0.02
# standard error of one accuracy near 0.8
assert (0.8 * 0.2 / len(fashion.test)) ** 0.5 < 0.01 < (0.8 * 0.2 / len(new_test)) ** 0.5 < 0.015

# %% [markdown]
# In each row, the second number is clearly higher.

# %% [markdown]
# ## Problem set
#
# **1 · Two for one** ★ 5 min. Divide the weights of a stack of two 3 × 3 layers by those of one 5
# × 5 layer. First, $C$ channels come in and $C$ go out of each layer. Then 3 come into the first
# layer, and 32 go out of each layer.

# %%
check(two_for_five=..., at_the_image=...)

# %% [markdown]
# **2 · Smaller images** ★ 4 min. A VGG-16 is built for images of 128 × 128 pixels. How many weights
# has its first fully connected layer?

# %%
check(smaller_images=...)

# %% [markdown]
# **3 · Merge two kernels** ★★ 10 min. This table finds the kernel of part 2 again. Each weight of the second kernel multiplies a
# copy of the first, $(1, 2, 1)$. Each copy stands one position further right:
#
# | weight | weight times copy |
# |---|---|
# | 1 | (1, 2, 1, 0, 0) |
# | 0 | (0, 0, 0, 0, 0) |
# | −1 | (0, 0, −1, −2, −1) |
# | sum | (1, 2, 0, −2, −1) |
#
# Do this in two dimensions: a copy moves down, too.


# %%
def merge_kernels(first, second):
    """first: k × k numbers, second: m × m numbers, the kernels of two layers (one channel).
    Returns the one kernel that does the same: k+m-1 rows and columns.
    Example: [[1, 2], [0, 3]] and [[0, 5], [0, 0]] -> [[0, 5, 10], [0, 0, 15], [0, 0, 0]]."""
    ...  # replace this line


check(merge_kernels)

# %%
hint(merge_kernels)

# %% [markdown]
# **4 · Explain** ★★ 5 min. "VGG has only small kernels, so it has fewer weights than AlexNet." What
# is right, and what is wrong?

# %%
reveal(why_larger=...)  # your sentences, between quotation marks

# %% [markdown]
# **5 · Debug** ★★ 6 min. The authors' weights expect colours in the order *blue, green, red*, each minus its mean. A red
# pixel $(200, 10, 20)$ and the means $(120, 110, 100)$ should give $(-80, -100, 80)$. Mend the wrong line.


# %%
def blue_first(images, mean_rgb):
    """images (N, 3, H, W): red, green, blue; mean_rgb (3,): red, green, blue."""
    images = images[:, ::-1]  # reverses the order of the channels
    return images - mean_rgb.reshape(1, 3, 1, 1)


check(blue_first)

# %% [markdown]
# **6 · Design** ★★ 8 min. 16 channels come in. Give a list of at least 4 layers (side of the kernels, channels out). The
# last has 16 channels. An output sees at least 11 × 11 positions. At most 5,000 weights are allowed, without biases.

# %%
check(my_block=[(3, 16), (3, 16), (3, 16), (3, 16)])

# %% [markdown]
# **7 · Open** ★★★ 25 min. Figure 10.7 was made with the learning rate 0.1 and two epochs. Change one of them in its
# folded cell. Do 20 plain layers still do worse than 3?

# %% [markdown]
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
