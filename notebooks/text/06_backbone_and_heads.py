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
# # 06 · Backbone and heads
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/06_backbone_and_heads.ipynb)
#
# **How can one network classify, locate and segment?**
#
# What is in an image? Where is it? Which pixels belong to it? Most vision systems answer several such
# questions with one network, because looking once is cheaper than looking three times. You need sections
# 04 and 05: a layer, its training, and the convolution.
#
# Afterwards you will be able to
#
# - put several heads on one backbone, and choose for each an output, a loss and a measure,
# - find out whether the labels, the features or the head limit a new task,
# - read precision and recall, and say what detection needs beyond one class and one box.
#
# *About 60 min with the exercises · CPU 20 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, plots, training
from cv_course.plots import show
from cv_course.sections.s06_heads import check, draw, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Three tasks and how they are judged
#
# So far each piece of clothing filled its image. Now we put it somewhere on a textured canvas of 48 × 48
# pixels, at a random size. We make these scenes ourselves, so we know the class, the box and the pixels
# of each object.

# %%
fashion, classes = data.fashion_mnist(), data.FASHION_CLASSES
train = model.compose(fashion.train[:6_000], 1_500, seed=0)
validation = model.compose(fashion.train[8_000:], 500, seed=1)

# %% tags=["hide-input"]
# @title Figure 6.1
example = 28
image, box, mask = validation.images[example], validation.boxes[example], validation.masks[example]
x0, y0, x1, y1 = box.int().tolist()
name, area = classes[validation.labels[example]], int(mask.sum())
figure = plots.pictures(
    [image.expand(3, -1, -1), image.expand(3, -1, -1), draw.veil(image, mask)],
    [f"class: {name}", f"box: {x0}, {y0}, {x1}, {y1}", f"mask: {area} pixels"],
    size=2.5,
)
draw.boxes(figure.axes[0], 1, box, "true")
show(
    figure,
    caption="Figure 6.1. One scene and what is to be predicted: a class, a box (blue), a mask (orange).",
    alt=f"A scene of 48 by 48 pixels three times: with the name of its class, {name}; with a box "
    f"around the object; and with the {area} pixels of the object in orange.",
)

# %% [markdown]
# - **Classification** asks: which class? The output is one score for each of ten classes.
# - **Localisation** asks: where is the one object? The output is a **box** of four numbers in pixels:
#   left x0, top y0, right x1, bottom y1. Measuring numbers is called **regression**.
# - **Segmentation** asks: which pixels? The output is a **mask**, yes or no for each of 48 × 48 = 2,304
#   pixels. So it is a classification of each pixel.
#
# A class is right or wrong. But how good is a box? We use **intersection over union (IoU)**. It is the area
# that two boxes share, divided by the area that they cover together. Take two boxes of 10 × 10 pixels, one
# moved by 5 pixels to the right. They share 5 × 10 = 50 pixels. Together they cover 100 + 100 − 50 = 150.
# The IoU is 50 / 150 = **0.33**. Equal boxes have IoU 1, separate boxes 0.
#
# For masks we could count the pixels that are right. This share is called **pixel accuracy**.
# **Predict:** a mask says "background" everywhere. What is its pixel accuracy for the scene in Figure 6.1?

# %%
your_guess = None  # a number from 0 to 1


# %%
def pixel_accuracy(predicted, true):  # two arrays of booleans, N × 48 × 48
    return (predicted == true).float().mean((1, 2))  # one number for each scene


def mask_iou(predicted, true):
    both = (predicted & true).sum((1, 2))
    either = (predicted | true).sum((1, 2))
    return both / either


# %%
empty = torch.zeros_like(mask)[None]  # [None]: as a group of one mask
print(f"your guess: {your_guess}")
print(f"pixel accuracy of an empty mask: {pixel_accuracy(empty, mask[None]).item():.2f}")
print(f"IoU of the same mask:            {mask_iou(empty, mask[None]).item():.2f}")

# %% [markdown]
# Most pixels are background, and an empty mask gets all of these right. The IoU does not count the
# background on which both masks agree. Now move a mask yourself.

# %% tags=["hide-input"]
# @title Figure 6.2 (interactive)
show(
    play.two_measures(image, mask),
    caption="Figure 6.2. The true mask (blue outline) and a predicted mask (orange) that you move. The dashed line is "
    "the pixel accuracy of an empty mask.",
)

# %% [markdown]
# A mask that misses the object completely has IoU 0, but its pixel accuracy is still high. Pixel accuracy is not
# wrong. Its useful range is only narrow: it starts at the dashed line, not at 0.
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 One backbone, three heads
#
# All three tasks need edges, sleeves and heels. So one stack of convolutions, the **backbone**, computes a
# **feature map** for all of them. On the map stands a small **head** for each task.

# %% tags=["hide-input"]
# @title Figure 6.3
from matplotlib.patches import FancyArrowPatch, Rectangle

figure, axis = plots.figure(8, 3.4)
BLOCKS = [(0, 1.1, 1.6, "image\n1 × 48 × 48", "#dddddd"), (2.3, 0.9, 2.2, "backbone\n4 convolutions", "#9ecae1"),
          (5.1, 1.1, 1.8, "feature map\n48 × 6 × 6", "#dddddd")]  # fmt: skip
HEADS = [(2.45, "class head", "10 scores"), (1.3, "box head", "4 numbers"), (0.15, "mask head", "48 × 48 scores")]  # fmt: skip
for x, y, wide, text, colour in BLOCKS:
    axis.add_patch(Rectangle((x, y), wide, 3.2 - 2 * y, fc=colour, ec="black"))
    axis.text(x + wide / 2, 1.6, text, ha="center", va="center", fontsize=12)
ARROWS = [((1.6, 1.6), (2.3, 1.6)), ((4.5, 1.6), (5.1, 1.6))]
ARROWS += [((6.9, 1.6), (7.8, y + 0.35)) for y, *_ in HEADS]
for start, end in ARROWS:
    axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=16, lw=1.6))
for y, title, output in HEADS:
    axis.add_patch(Rectangle((7.8, y), 2.7, 0.75, fc="#fdd0a2", ec="black"))
    axis.text(9.15, y + 0.37, f"{title}\n{output}", ha="center", va="center", fontsize=11)
axis.set(xlim=(-0.05, 10.55), ylim=(0, 3.35))
axis.set_axis_off()
show(
    figure,
    caption="Figure 6.3. The backbone runs once for each image; three heads share its feature map.",
    alt="A diagram: the image goes into the backbone, the backbone gives a feature map of 48 channels "
    "and 6 by 6 positions, and from the map three arrows lead to the class, box and mask head.",
)


# %%
class OneBackbone(nn.Module):
    def __init__(self, backbone, heads):
        super().__init__()
        self.backbone, self.heads = backbone, nn.ModuleDict(heads)

    def forward(self, images):
        features = self.backbone(images)  # N × 48 × 6 × 6, computed once
        return {name: head(features) for name, head in self.heads.items()}


# %%
def make_heads():
    return {
        "class": model.linear_head(10),
        "box": model.flatten_head(4),
        "mask": model.mask_head(),
    }


torch.manual_seed(0)
network = OneBackbone(model.backbone(), make_heads())

# %% [markdown]
# Each head turns the map into its output and has a loss of its own:
#
# | head | what it does with the map | loss |
# |---|---|---|
# | class | takes the largest value of each channel; one layer | cross-entropy (section 04) |
# | box | takes all 48 × 6 × 6 numbers; one layer | mean absolute difference of the four numbers |
# | mask | one layer for each position, with 8 × 8 outputs: the pixels there | cross-entropy of each pixel |
#
# A box that is off by 2, 0, 4 and 2 pixels has a mean difference of 2 pixels. We measure it in sides of the
# scene: 2 / 48 = 0.042. For a pixel, the score $s$ gives the probability $1/(1+e^{-s})$ of "object". Its
# loss is again −log of the probability of the truth.
#
# Training needs one number, so we add: class loss + 10 · box loss + 10 · mask loss. The gradient of a sum
# is the sum of the gradients. So each step of the backbone is a compromise between three tasks.
#
# How much computation do we save? A **multiply–accumulate (MAC)** is one multiplication and one addition.
# PyTorch can count them.

# %% tags=["hide-input"]
# @title MACs for one image
from torch.utils.flop_counter import FlopCounterMode


def macs(module, x):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return counter.get_total_flops() // 2  # it counts the two operations separately


one_image = torch.zeros(1, 1, 48, 48)
one_map = network.backbone(one_image).detach()
parts = {"backbone": macs(network.backbone, one_image)}
parts |= {f"{name} head": macs(head, one_map) for name, head in network.heads.items()}
print("\n".join(f"{name:11} {count:9,} MACs" for name, count in parts.items()))

# %% [markdown]
# **Predict:** three separate networks, each with a backbone and one head: how many times the MACs of our
# network?

# %%
your_guess = None  # for example 2.0

# %%
shared = sum(parts.values())
separate = shared + 2 * parts["backbone"]
print(f"your guess: {your_guess}, counted: {separate / shared:.2f}")

# %% [markdown]
# We train on 1,500 scenes for 6 epochs. The loss `model.losses` is the sum above. The loop `model.fit` is
# that of section 04, but Adam chooses the size of each step [Kingma & Ba 2015].

# %%
model.fit(network, train.images, train, model.losses, epochs=6)
predicted = model.outputs(network, validation.images)

# %% tags=["hide-input"]
# @title Figure 6.4
shown = slice(12, 18)
names = [classes[c] for c in predicted["class"].argmax(1)[shown]]
truth = [classes[c] for c in validation.labels[shown]]
figure = plots.pictures(
    [
        draw.veil(i, m)
        for i, m in zip(validation.images[shown], predicted["mask"][shown], strict=True)
    ],
    [f"{n}" if n == t else f"{n}\n(true: {t})" for n, t in zip(names, truth, strict=True)],
    columns=3,
    size=2.2,
)
for number in range(6):
    draw.boxes(figure.axes[0], number, validation.boxes[shown][number], "true")
    draw.boxes(figure.axes[0], number, predicted["box"][shown][number], "predicted")
show(
    figure,
    caption="Figure 6.4. Six validation scenes with the predicted class (in brackets the true one, where they "
    "differ), the true box (solid), the predicted box (dashed) and the predicted mask (orange).",
    alt="Six scenes. Most dashed boxes lie near the solid ones, most orange masks cover most of the object, "
    "and two class names are wrong. One mask misses the lower half of a T-shirt.",
)

# %% [markdown]
# Each number needs a **constant baseline** beside it. It always predicts the most frequent class, the
# average box of the training scenes, and an empty mask.


# %% tags=["hide-input"]
# @title The four measures and the constant baseline
def measures(outputs, scenes):
    return {
        "accuracy": (outputs["class"].argmax(1) == scenes.labels).float().mean().item(),
        "box IoU": model.mean_iou(outputs["box"], scenes.boxes),
        "mask IoU": mask_iou(outputs["mask"], scenes.masks).mean().item(),
        "pixel accuracy": pixel_accuracy(outputs["mask"], scenes.masks).mean().item(),
    }


count = len(validation)
constant = {
    "class": train.labels.bincount(minlength=10).float().expand(count, 10),
    "box": train.boxes.mean(0).expand(count, 4),
    "mask": torch.zeros_like(validation.masks),
}

# %%
ours, baseline = measures(predicted, validation), measures(constant, validation)
for name in ours:
    print(f"{name:15} network {ours[name]:.2f}   constant {baseline[name]:.2f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert round(pixel_accuracy(empty, mask[None]).item(), 2) == 0.87
assert 2.8 < separate / shared < 3
assert ours["accuracy"] > baseline["accuracy"] + 0.35
assert ours["box IoU"] > baseline["box IoU"] + 0.2
assert ours["mask IoU"] > 0.5 and baseline["mask IoU"] == 0
assert baseline["pixel accuracy"] > 0.84
assert 1 - ours["pixel accuracy"] < 0.6 * (1 - baseline["pixel accuracy"])

# %% [markdown]
# All four measures tell the network from the constant, pixel accuracy too: the share of wrong pixels falls
# to less than half. But only beside its baseline can this number be read.
#
# Does sharing cost accuracy? We compared with three separate networks, each with three seeds. This is too
# long for this page; the tests of the course repeat it. With 6 epochs each, the separate networks are
# better in all three tasks, most in the mask (by about .13). But together they get three times the
# computation. With three times the epochs, the shared network equals them in class and box; its mask stays about .05
# lower. So here sharing saves computation *in use*, not in training.

# %% tags=["hide-input"]
# @title Figure 6.5 (interactive)
show(
    play.at_work(network, fashion.test[:20]),
    caption="Figure 6.5. An object that you move and resize, and the outputs of the three heads. Training used "
    "sizes from 16 to 32 pixels.",
)

# %% [markdown]
# Move the object: the class should stay, the box and the mask should follow. How can a head know the
# position?
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 Which head needs the position?
#
# Take one channel with 1 × 3 positions. An object on the left gives (6, 0, 0), the same object on the right
# gives (0, 0, 6). The maximum is 6 for both, the average 2 for both. That is good for the class, which
# should not change. But a box head that sees only averages gets the same input twice. A head that
# takes all three numbers sees a difference.
#
# So we train two box heads on one backbone. **Flatten** takes all numbers, **average** takes one mean for
# each channel. We do it twice. First there are zeros around the image, as usual. Then the image continues
# at its opposite side (`"circular"`), so it has no border.
#
# **Predict:** the box IoU of the average head without a border. (The constant box and our box head stand
# above.)

# %%
your_guess = None  # a number from 0 to 1


# %%
def two_box_heads(padding):
    torch.manual_seed(0)
    heads = {"box flatten": model.flatten_head(), "box average": model.average_head()}
    both = OneBackbone(model.backbone(padding), heads)
    model.fit(both, train.images[:512], train[:512], model.losses, epochs=6)
    boxes = model.outputs(both, validation.images)
    return {name: model.mean_iou(one, validation.boxes) for name, one in boxes.items()}, both


# %%
bordered, _ = two_box_heads("zeros")
borderless, two_heads = two_box_heads("circular")
print(f"your guess: {your_guess}, measured: {borderless['box average']:.2f}")

# %% tags=["hide-input"]
# @title Figure 6.6
figure, axis = plots.figure(8, 2.6)
show(
    plots.bars(
        {
            f"{name} head": {
                "zeros around": bordered[f"box {name}"],
                "no border": borderless[f"box {name}"],
            }
            for name in ("flatten", "average")
        },
        ylabel="box IoU",
        ylim=0.9,
        levels={"constant box": baseline["box IoU"]},
        axis=axis,
    ),
    caption="Figure 6.6. Two box heads, with zeros around the image and without a border (one run). Only the average "
    "head without a border falls to the constant box.",
    alt="Four bars of box IoU. The flatten head is near .6 with zeros and without a border. The average "
    "head is near .6 with zeros, but at .3 without a border, as the constant box.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(*bordered.values(), borderless["box flatten"]) > baseline["box IoU"] + 0.12
assert borderless["box average"] < baseline["box IoU"] + 0.06
some = data.as_float(validation.images[:50])
with torch.no_grad():
    still, rolled = two_heads(some), two_heads(some.roll((16, 8), dims=(2, 3)))
assert (still["box average"] - rolled["box average"]).abs().max() < 1e-3
assert (still["box flatten"] - rolled["box flatten"]).abs().mean() > 0.02

# %% [markdown]
# Without a border the argument holds: the average does not know the position. With zeros around the image, the
# average head does about as well as flatten. The zeros make the map near the border different. In training, the
# channels learn to use this, so the position enters them *before* the average. (Three seeds in the tests
# agree.) You will read that average pooling forgets the position. This is true of the average, not
# of the network below it [Islam 2020].
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 4 A new task, later
#
# Our network is finished. Now comes a new question: *is the object upside down?* We have 320 labelled
# scenes, and every second one is upside down. We keep the backbone as it is (**frozen**) and train only a
# new head. It is of the kind of our class head; we call it the *linear* head.

# %%
later = model.compose(fashion.train[6_000:8_000], 1_280, seed=2)
images, turned = model.turned(later)  # 1: upside down, 0: not
new_images, new_turned = model.turned(validation)
backbone = network.backbone.requires_grad_(False)  # frozen
pixels = images, new_images
features = [training.predict(backbone, some) for some in pixels]  # once, for all heads


# %%
def three_seeds(make_network, inputs, labels=320, epochs=14, lr=1e-2):
    (x, new_x), networks, loss = inputs, [], nn.functional.cross_entropy
    for seed in range(3):
        torch.manual_seed(seed)
        one = model.fit(make_network(), x[:labels], turned[:labels], loss, epochs, lr, seed)
        networks.append(one)
    return [model.share_right(one, new_x, new_turned) for one in networks], networks


# %%
def linear():
    return model.linear_head(2)


shares, _ = three_seeds(linear, features)
print("frozen backbone, linear head:", [round(share, 2) for share in shares])

# %% [markdown]
# This is better than guessing (.50), but not good. What limits it? There are three suspects, and a test
# for each:
#
# - the **labels**: take 1,280 instead of 320,
# - the **head**: put one more convolution before the linear head (*conv head*),
# - the **features**: let the backbone change, too. This is **fine-tuning**.
#
# Two controls show what the trained backbone is worth: a frozen *random* backbone, and training *from
# scratch* with the same 320 labels. **Predict:** which of the three helps most?

# %%
your_guess = None  # "labels", "head" or "features"

# %%
from copy import deepcopy


def conv():
    return model.convolutional_head(2)


def tuned():  # a copy of the backbone, which may change, and a head
    return nn.Sequential(deepcopy(backbone).requires_grad_(True), conv())


def scratch():
    return nn.Sequential(model.backbone(), conv())


# %%
torch.manual_seed(0)
untrained = model.random_backbone(images)
random_features = [training.predict(untrained, some) for some in pixels]

# %%
trials = {
    "random, frozen, conv head": three_seeds(conv, random_features),
    "frozen, linear head": three_seeds(linear, features),
    "frozen, linear head, 4 × labels": three_seeds(linear, features, labels=1_280, epochs=4),
    "frozen, conv head": three_seeds(conv, features),
    "fine-tuned, conv head": three_seeds(tuned, pixels, epochs=5, lr=5e-3),
    "from scratch, conv head": three_seeds(scratch, pixels, epochs=7, lr=5e-3),
}

# %% tags=["hide-input"]
# @title Figure 6.7
results = {name: shares for name, (shares, _) in trials.items()}
mean = {name: sum(shares) / 3 for name, shares in results.items()}
figure, axis = plots.figure(8, 3.4)
axis.barh(range(6), list(mean.values()), height=0.62, color=plots.COLOURS[0])
for row, (name, shares) in enumerate(results.items()):
    axis.plot(shares, [row - 0.15, row, row + 0.15], "o", ms=5, mfc="white", mec="black", ls="")
    axis.text(max(shares) + 0.015, row, f"{mean[name]:.2f}", va="center", fontsize=11)
axis.axvline(0.5, color="#555555", ls="--", lw=1.2)
axis.text(0.505, -0.62, "guessing", fontsize=10)
axis.set_yticks(range(6), results, fontsize=11)
axis.set(xlim=(0, 1), ylim=(5.6, -0.9), xlabel="share that is right")
show(
    figure,
    caption="Figure 6.7. Upside down or not, on 500 validation scenes. Dots are three seeds (of the head and "
    "the order of the scenes). A better head helps, and so does a backbone that may change.",
    alt="Six bars: " + "; ".join(f"{name} {share:.2f}" for name, share in mean.items()) + ".",
)

# %%
gains = {
    "labels": mean["frozen, linear head, 4 × labels"] - mean["frozen, linear head"],
    "head": mean["frozen, conv head"] - mean["frozen, linear head"],
    "features": mean["fine-tuned, conv head"] - mean["frozen, conv head"],
}
for name, gain in gains.items():
    print(f"{name:9} {gain:+.3f}")
print("your guess:", your_guess)

# %% tags=["hide-input"]
# @title What fine-tuning costs, and checks: what this shows
new_backbone = trials["fine-tuned, conv head"][1][0][0]  # of the first seed
moved = OneBackbone(new_backbone, {"box": network.heads["box"]})
boxes = model.outputs(moved, validation.images)["box"]
left_over = model.mean_iou(boxes, validation.boxes)
print(f"the old box head: IoU {ours['box IoU']:.2f}, on the fine-tuned backbone {left_over:.2f}")
assert left_over < ours["box IoU"] - 0.15
assert abs(gains["labels"]) < 0.04 and gains["head"] > 0.02 and gains["features"] > 0.02
assert mean["from scratch, conv head"] > mean["frozen, linear head"] + 0.03
assert mean["frozen, conv head"] > mean["random, frozen, conv head"] + 0.02

# %% [markdown]
# For this head, four times the labels change little, so the labels were not the limit. The richer head
# helps: part of the information was in the map, but the linear head could not use it. Fine-tuning helps
# again: other information was *not* in the map, since no earlier task needed it. So the head and the
# features both limited this task.
#
# The frozen random backbone is better than guessing, too. Only the distance to *it* is due to the earlier
# training. Fine-tuning and training from scratch use the same labels and layers, and differ in the start
# and the number of epochs. Here the start is worth little: a few hundredths.
#
# Fine-tuning has a price. The old box head does not fit the changed backbone (last line above), so we must
# store and run two backbones. With a frozen backbone the old outputs stay exactly the same.
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 5 A backbone that others have trained
#
# A backbone is worth more when it has seen far more data than we have. EfficientNet-Lite0 has 4.7 million
# weights and was trained on 1.2 million photographs (ImageNet) [Tan & Le 2019]. It has never seen our grey scenes. We
# freeze it. Each scene becomes a vector of 1,280 numbers, the averages of its last channels.

# %%
from cv_course.networks import pretrained


def vectors(network, images):
    large = nn.functional.interpolate(data.as_float(images), (64, 64), mode="bilinear")
    colour = large.expand(-1, 3, -1, -1)  # the same grey three times: red, green and blue
    network.to(memory_format=torch.channels_last)  # the same numbers, but faster
    with torch.no_grad():
        parts = [network.vectorise(network.features(part)) for part in colour.split(20)]
    return torch.cat(parts)  # N × 1,280


# %% [markdown]
# On these vectors we train one linear layer that predicts the ten classes, with 1, 5 or 20 labelled scenes
# per class. Three controls get the same labels: the pixels, the same network with random weights, and
# our own backbone. The last one has an advantage: in part 2 it saw 1,500 *labelled* scenes.

# %% tags=["hide-input"]
# @title The four kinds of features
few, asked = later[:300], validation[:200]
torch.manual_seed(0)
networks = {
    "EfficientNet, photographs": pretrained.efficientnet_lite0(),
    "EfficientNet, random": pretrained.EfficientNetLite0().eval(),
}
inputs = {
    name: [vectors(one, some.images) for some in (few, asked)] for name, one in networks.items()
}
inputs["pixels"] = [data.as_float(some.images).flatten(1) for some in (few, asked)]
inputs["our backbone"] = [training.predict(backbone, s.images).amax((2, 3)) for s in (few, asked)]

# %%
counts, curves = [1, 5, 20], {}
for name, (x, new_x) in inputs.items():
    rows = []
    for seed in range(3):  # three random choices of the labelled scenes
        accuracy = [model.few_examples(x, few.labels, new_x, asked.labels, n, seed) for n in counts]
        rows.append(accuracy)
    curves[name] = torch.tensor(rows)

# %% tags=["hide-input"]
# @title Figure 6.8
show(
    plots.lines(
        curves,
        counts,
        xlabel="labelled scenes per class",
        ylabel="accuracy on new scenes",
        logx=True,
        xticks=counts,
        ylim=(0, 0.75),
        levels={"guessing": 0.1},
    ),
    caption="Figure 6.8. One linear layer on four kinds of frozen features. Dots are three random choices of the "
    "labelled scenes.",
    alt="Accuracy against labelled scenes per class: "
    + "; ".join(
        f"{n} from {c[:, 0].mean():.2f} to {c[:, -1].mean():.2f}" for n, c in curves.items()
    )
    + ".",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
at_20 = {name: curve[:, -1] for name, curve in curves.items()}
assert at_20["EfficientNet, photographs"].min() > at_20["EfficientNet, random"].max() + 0.1
assert at_20["EfficientNet, photographs"].min() > at_20["pixels"].max() + 0.1
assert (curves["EfficientNet, photographs"].mean(0).diff() > 0.03).all()
own, others = (curves[n].mean(0) for n in ("our backbone", "EfficientNet, photographs"))
assert (own > others + torch.tensor([0.05, 0.05, 0])).all()

# %% [markdown]
# With 20 examples per class, the backbone from photographs is right for about half of the scenes. Pixels and
# random weights stay near guessing. So what it learned from photographs helps with scenes that look quite
# different. Our own backbone has about a hundredth of the weights and is better still, most with few examples:
# it was trained on such scenes. The figure does not say what happens with photographs, or with centred
# images (problem 8).
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 6 Several objects
#
# Our box head has exactly four outputs. Now we show it scenes with two objects. **Predict:** where will the
# centre of its box lie, on one of the objects or between them?

# %%
your_guess = None  # "on one" or "between"

# %%
pairs = model.compose(fashion.train[8_000:], 300, objects=2, seed=3)
single = model.outputs(network, pairs.images)["box"]


# %% tags=["hide-input"]
# @title Figure 6.9
def centre(boxes):
    return (boxes[..., :2] + boxes[..., 2:]) / 2


true_centres = centre(pairs.boxes)  # 300 scenes × 2 objects × (x, y)
apart = (true_centres[:, 0] - true_centres[:, 1]).norm(dim=1) > 18  # pixels
middle, found = true_centres.mean(1)[apart], centre(single)[apart]
to_middle = (found - middle).norm(dim=1)
to_object = (found[:, None] - true_centres[apart]).norm(dim=2).amin(1)
of_constant = (24 - middle).norm(dim=1)
print(
    f"scenes whose objects are more than 18 pixels apart: {int(apart.sum())}; your guess: {your_guess}"
)
print(f"median distance to the nearer object: {to_object.median():.1f} pixels")
print(f"median distance to the point halfway: {to_middle.median():.1f} pixels")
print(f"the middle of the scene, to the point halfway: {of_constant.median():.1f} pixels")
shown = apart.nonzero()[:5, 0]
figure = plots.pictures(pairs.images[shown].expand(-1, 3, -1, -1), columns=5, size=1.55)
for number, one in enumerate(shown):
    draw.boxes(figure.axes[0], number, pairs.boxes[one], "true")
    draw.boxes(figure.axes[0], number, single[one], "predicted")
show(
    figure,
    caption="Figure 6.9. Two objects (solid boxes) and the single predicted box (dashed). It lies mostly between them.",
    alt="Five scenes with two objects in solid boxes. The single dashed box lies mostly between the two "
    "or covers parts of both.",
)

# %% [markdown]
# The box does not choose. Its centre is nearer to the point halfway than to either object. A part of this
# is caution: the middle of the scene is not far from that point either. Two boxes would not help
# for long. The next scene has three objects. **Detection** means to find *all* objects, each with a
# box and a class, and the number of objects is not known.
#
# One solution is a head at *every position* of the map. Each of the 6 × 6 positions reports three things: a
# score ("is the centre of an object near?"), a class, and a box. The box is given by four distances. They
# go from the middle of the position's 8 × 8 pixels to the four sides of the box, in units of 8 pixels.
# The head is a small convolution, the same for all positions. This is **one-stage detection** [Tian 2019]. *Two-stage*
# detectors first select candidate regions, called **proposals**, and classify each of them in a second stage [Girshick 2015].
#
# For example, the position in row 2, column 3 has its middle at x = 3.5 · 8 = 28 and y = 2.5 · 8 = 20.
# It reports the distances left 1, top 0.5, right 1.5, bottom 2. The box is x0 = 28 − 8 = 20, y0 = 20 − 4 = 16,
# x1 = 28 + 12 = 40, y1 = 20 + 16 = 36. Write this.


# %%
def decode(row, column, distances, stride):
    """Whole numbers row and column from 0; distances (4,): left, top, right, bottom in strides;
    stride in pixels -> (4,) the box x0, y0, x1, y1 in pixels.
    decode(2, 3, [1, 0.5, 1.5, 2], 8) is [20, 16, 40, 36]."""
    ...  # replace this line


check(decode)

# %%
hint(decode)

# %% [markdown]
# In training, a position must report an object if its centre is less than 8 pixels away, down and across.
# The backbone stays frozen.

# %%
known = model.compose(fashion.train[:6_000], 1_000, objects=2, seed=4)
torch.manual_seed(0)
head = model.position_head()
x, targets = training.predict(backbone, known.images), model.position_targets(known)
model.fit(head, x, targets, model.position_losses, epochs=8, lr=5e-3)
found = model.detect(head, training.predict(backbone, pairs.images))
print("boxes with score ≥ 0.3:", [int((one.scores >= 0.3).sum()) for one in found[:8]])

# %% [markdown]
# There are more boxes than objects. To judge them we need two numbers. A box is a **hit** if its IoU with an
# object that has not been hit yet is at least 0.5. Then
#
# - **precision** is the share of the kept boxes that are hits,
# - **recall** is the share of the objects that are hit.
#
# Say a scene has 4 objects, and we keep 5 boxes of which 3 are hits. Precision is 3/5 = 0.6, recall is
# 3/4 = 0.75. Which boxes we keep depends on the lowest score that we accept.


# %%
def precision_recall(scores, hits, objects, lowest):
    """scores (N,) from 0 to 1, hits (N,) booleans, objects: how many there are; lowest: a score.
    -> (precision, recall) of the boxes whose score is at least lowest; precision 1 if there is none.
    precision_recall([0.9, 0.6, 0.4], [True, False, True], 4, 0.5) is (0.5, 0.25)."""
    ...  # replace this line


check(precision_recall)

# %%
hint(precision_recall)

# %% [markdown]
# Several neighbouring positions report the same object, and only the first of these boxes is a hit.
# **Non-maximum suppression (NMS)** removes the others. Keep the box with the best score. Remove all boxes
# whose IoU with it is above a threshold. Go on with the best of the rest.

# %% tags=["hide-input"]
# @title Figure 6.10 (interactive)
show(
    play.detector(found, pairs),
    caption="Figure 6.10. Left: true boxes (solid) and reported boxes (dashed). Right: precision and recall over "
    "all 300 scenes, without NMS and with it; the circle is your setting.",
)

# %% [markdown]
# Without NMS, precision is low. With it, precision rises a lot and recall falls a little. A higher lowest
# score trades recall for precision. A very low NMS threshold also removes real neighbours: NMS cannot know whether
# two overlapping boxes mean one object or two. (Newer networks learn to report each object once
# [Carion 2020].)
#
# All settings are chosen now: lowest score 0.3, NMS threshold 0.4. We look at the test images once.

# %% tags=["hide-input"]
# @title The test scenes, and checks: what this shows
test = model.compose(fashion.test, 500, seed=5)
for name, value in measures(model.outputs(network, test.images), test).items():
    print(f"{name:15} {value:.2f}")
test_pairs = model.compose(fashion.test, 300, objects=2, seed=6)
found = model.detect(head, training.predict(backbone, test_pairs.images), lowest=0.3)
kept, final = [model.suppress(one, 0.4) for one in found], {}
for name, some, named in (
    ("without NMS", found, False),
    ("with NMS", kept, False),
    ("with NMS, class right, too", kept, True),
):
    right = model.hits(some, test_pairs, named)[1].float()
    final[name] = right.mean().item(), right.sum().item() / test_pairs.labels.numel()
    print(f"{name:27} precision {final[name][0]:.2f}, recall {final[name][1]:.2f}")
assert to_middle.median() < 0.7 * to_object.median()
assert final["with NMS"][0] > final["without NMS"][0] + 0.25
assert final["with NMS"][1] > final["without NMS"][1] - 0.15 and final["with NMS"][1] > 0.7
assert final["with NMS, class right, too"][1] < final["with NMS"][1] - 0.1

# %% [markdown]
# Most objects are found. Naming them as well is much harder for this small network. So "classification plus
# regression is detection" names only the core. Detection also needs outputs for any number of objects, and a
# way to remove duplicates.
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Summary
#
# 1. One backbone computes a feature map. Small heads turn it into classes, boxes and masks, each with its
#    own loss and measure.
# 2. Read every measure beside a constant baseline. Pixel accuracy starts high; IoU starts near 0.
# 3. A flatten head sees positions. An average head gets them only from the border.
# 4. When a new task goes badly, test labels, head and features one by one. A random backbone and
#    training from scratch are the controls.
# 5. Detection adds outputs at every position and NMS. It is judged by precision and recall.

# %% [markdown]
# ## Problem set
#
# **1 · Two boxes** ★ 3 min. Box A is 0, 0, 4, 4 and box B is 2, 1, 6, 5 (x0, y0, x1, y1 in pixels). What is
# their IoU?

# %%
check(iou=...)  # a number from 0 to 1

# %% [markdown]
# **2 · Larger scenes** ★★ 4 min. The scenes now have 96 × 96 pixels, so the map has 48 channels and 12 × 12
# positions. How many weights and biases does a flatten head with four outputs have?

# %%
check(flatten_weights=...)  # a whole number

# %% [markdown]
# **3 · Explain** ★★ 5 min. A friend segments tumours that cover 1% of each image, and reports a pixel
# accuracy of .985. What do you ask?

# %%
reveal(pixel_accuracy=...)  # your sentences, between quotation marks

# %% [markdown]
# **4 · Explain** ★★ 5 min. You have 30 labelled X-ray images for each of two classes, and a backbone trained
# on photographs. Which trainings do you compare, and why these?

# %%
reveal(thirty_images=...)

# %% [markdown]
# **5 · Debug** ★★ 8 min. `overlaps` (N, N) holds the IoU of each box with each other, `scores` (N,) their
# scores. This NMS removes too many boxes. Find out why and mend it; `check(nms)` says whether you found the
# defect.


# %%
def nms(overlaps, scores, threshold):
    """-> the positions of the kept boxes, the best score first."""
    kept, order = [], np.argsort(-scores)  # the best first
    for rank, box in enumerate(order):
        better = order[:rank]
        if not (overlaps[box, better] > threshold).any():
            kept.append(box)
    return np.array(kept)


# %% [markdown]
# **6 · Design** ★★★ 15 min. The flatten head of part 3 has 6,916 weights and biases. Write a box head with at
# most 2,000 that reaches an IoU of .5 *without a border*. Its input is N × 48 × 6 × 6, its output N × 4. The
# check trains it for some seconds.

# %%
my_head = ...  # nn.Sequential(...)
check(my_head=my_head)

# %% [markdown]
# **7 · Your own task** ★★ 15 min, open. Ask the frozen backbone another question, for example "is it a shoe?"
# or "is the object wider than 20 pixels?". Which bars of Figure 6.7 do you need?
#
# **8 · Centred images** ★★ 10 min, open. Repeat Figure 6.8 with the original centred images, without our
# backbone. How far are the pixels from EfficientNet now, and why?

# %% [markdown]
# ## Solutions
#
# Open the cell when you have tried.

# %% tags=["hide-input"]
# @title Solutions


def decode(row, column, distances, stride):
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    left, top, right, bottom = np.asarray(distances) * stride
    return np.array([x - left, y - top, x + right, y + bottom])


def precision_recall(scores, hits, objects, lowest):
    kept = np.asarray(hits)[np.asarray(scores) >= lowest]
    precision = kept.mean() if len(kept) else 1.0
    return precision, kept.sum() / objects


def nms(overlaps, scores, threshold):
    kept = []
    for box in np.argsort(-scores):
        if not (overlaps[box, kept] > threshold).any():
            kept.append(box)
    return np.array(kept)


my_head = nn.Sequential(  # first 8 channels in place of 48, then all positions
    nn.Conv2d(48, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 6, 4)
)
_ = [
    check(decode),
    check(precision_recall),
    check(nms),
    check(iou=6 / 26, flatten_weights=48 * 12 * 12 * 4 + 4),
]

# %% [markdown]
# ## References
#
# - R. Caruana. Multitask learning. *Machine Learning* 28, 1997.
# - R. Girshick. Fast R-CNN. *ICCV* 2015 (two heads on proposals). K. He, G. Gkioxari, P. Dollár,
#   R. Girshick. Mask R-CNN. *ICCV* 2017 (a third head for masks).
# - M. A. Islam, S. Jia, N. D. B. Bruce. How much position information do convolutional neural
#   networks encode? *ICLR* 2020.
# - D. P. Kingma, J. Ba. Adam: a method for stochastic optimization. *ICLR* 2015.
# - J. Long, E. Shelhamer, T. Darrell. Fully convolutional networks for semantic segmentation.
#   *CVPR* 2015.
# - O. Russakovsky et al. ImageNet large scale visual recognition challenge. *IJCV* 115, 2015 (§ 2–3:
#   classification, single-object localisation, detection).
# - M. Tan, Q. V. Le. EfficientNet: rethinking model scaling for convolutional neural networks. *ICML* 2019.
# - Z. Tian, C. Shen, H. Chen, T. He. FCOS: fully convolutional one-stage object detection. *ICCV* 2019.
# - N. Carion et al. End-to-end object detection with transformers. *ECCV* 2020.
