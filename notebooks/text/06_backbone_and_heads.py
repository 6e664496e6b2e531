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
# What is in an image? Where is it? Which pixels belong to it? Many systems answer such questions with one
# network (*multi-task learning*). Looking once costs less than looking three times, and the tasks can help
# each other [Caruana 1997]. You need sections 04 and 05: a layer, its training, and the convolution.
#
# Afterwards you will be able to
#
# - put several heads on one backbone, and choose for each an output, a loss and a measure,
# - find out whether the labels, the features or the head limit a new task,
# - read precision and recall, and say what detection needs beyond one class and one box.
#
# *About 50 min with the two exercises, 55 min for the problem set · CPU 20 s*

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
# pixels, at a random size. We make these scenes ourselves, so we know the class, box and pixels of each object.

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
    columns=3,
    size=1.15,
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
#   left x0, top y0, right x1, bottom y1. Predicting numbers is called **regression**.
# - **Segmentation** asks: which pixels? The output is a **mask**, yes or no for each of 48 × 48 = 2,304
#   pixels.
#
# A class is right or wrong. How good is a box? **Intersection over union (IoU)** is the area that two boxes
# share, divided by the area that they cover together. Take two boxes of 10 × 10 pixels, one moved by 5
# pixels to the right. They share 5 × 10 = 50 pixels. Together they cover 100 + 100 − 50 = 150. The IoU is
# 50 / 150 = **0.33**. Equal boxes have IoU 1, separate boxes 0.
#
# For masks we could count the pixels that are right. Their share is called **pixel accuracy**.
#
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
empty = torch.zeros_like(mask)[None]  # mask: of Figure 6.1; [None]: as a group of one
print(f"your guess: {your_guess}")
print(f"pixel accuracy of an empty mask: {pixel_accuracy(empty, mask[None]).item():.2f}")
print(f"IoU of the same mask:            {mask_iou(empty, mask[None]).item():.2f}")

# %% [markdown]
# Most pixels are background, and an empty mask gets all of these right. The IoU does not count the
# background on which both masks agree. Move a mask yourself.

# %% tags=["hide-input"]
# @title Figure 6.2 (interactive)
show(
    play.two_measures(image, mask),
    caption="Figure 6.2. The true mask (blue outline) and a predicted mask (orange) that you move. The dashed line is "
    "the pixel accuracy of an empty mask.",
)

# %% [markdown]
# The mask that you see first is below the dashed line, although it is partly right: its IoU is not 0.
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 One backbone, three heads
#
# All three tasks may use the same edges and parts of objects. So one stack of convolutions, the
# **backbone**, computes a **feature map** for all of them. A small **head** for each task follows.

# %% tags=["hide-input"]
# @title Figure 6.3
from matplotlib.patches import FancyArrowPatch, Rectangle

figure, axis = plots.figure(3.5, 4.1)
BLOCKS = [(1.05, 5.1, 2.1, "image\n1 × 48 × 48", "#dddddd"), (1.05, 3.5, 2.1, "backbone:\n8 × smaller", "#9ecae1"),
          (1.05, 1.9, 2.1, "feature map\n48 × 6 × 6", "#dddddd")]  # fmt: skip
HEADS = [(0, "class head", "10 scores"), (1.45, "box head", "4 numbers"), (2.9, "mask head", "48 × 48 scores")]  # fmt: skip
BLOCKS += [(x, 0, 1.3, f"{title}\n\n{output}", "#fdd0a2") for x, title, output in HEADS]
for x, y, wide, text, colour in BLOCKS:
    axis.add_patch(Rectangle((x, y), wide, 0.95, fc=colour, ec="black"))
    size = 11 if wide > 2 else 9
    axis.text(x + wide / 2, y + 0.47, text, ha="center", va="center", fontsize=size)
ARROWS = [((2.1, 5.1), (2.1, 4.45)), ((2.1, 3.5), (2.1, 2.85))]
ARROWS += [((2.1, 1.9), (x + 0.65, 0.95)) for x, *_ in HEADS]
for start, end in ARROWS:
    axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=16, lw=1.6))
axis.set(xlim=(-0.05, 4.25), ylim=(-0.05, 6.1))
axis.set_axis_off()
show(
    figure,
    caption="Figure 6.3. The backbone runs once for each image; three heads share its feature map.",
    alt="A diagram: the image goes into the backbone, the backbone gives a feature map of 48 channels "
    "and 6 by 6 positions, and from the map three arrows lead to the class, box and mask head.",
)

# %% [markdown]
# The backbone halves the sides three times. `BatchNorm2d` rescales each channel, which makes training easier
# (section 08).


# %%
def layer(inputs, outputs, kernel, border, stride=1):
    fixed = {"padding": kernel // 2, "bias": False, "padding_mode": border}
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, **fixed)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


# %%
def make_backbone(border="zeros"):  # zeros around the image
    return nn.Sequential(
        layer(1, 16, 5, border, stride=2),  # 48 × 48 pixels → 24 × 24 positions
        nn.MaxPool2d(2),  # → 12 × 12
        layer(16, 32, 3, border),
        nn.MaxPool2d(2),  # → 6 × 6
        layer(32, 48, 3, border),
        layer(48, 48, 3, border),
    )


# %% [markdown]
# Each head turns the map into its output and has a loss of its own:
#
# | head | what it does with the map | loss |
# |---|---|---|
# | class | takes the largest value of each channel (global max pooling), then one layer | cross-entropy (section 04) |
# | box | takes all 48 × 6 × 6 numbers, then one layer | mean absolute difference of the four numbers (L1) |
# | mask | the same layer at each of the 6 × 6 positions; its 64 outputs are the scores of the 8 × 8 pixels there | cross-entropy of each pixel (*binary*: object or not) |


# %%
def linear_head(outputs):
    return nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(48, outputs))


def flatten_head(outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(48 * 6 * 6, outputs))


# %%
def mask_head():
    return nn.Sequential(
        nn.Conv2d(48, 8 * 8, 1),  # 64 channels at each of the 6 × 6 positions
        nn.PixelShuffle(8),  # each 64 become a block of 8 × 8 pixels: 1 × 48 × 48
        nn.Flatten(1, 2),  # without the axis of the one channel: 48 × 48
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
torch.manual_seed(0)
network = OneBackbone(
    make_backbone(), {"class": linear_head(10), "box": flatten_head(4), "mask": mask_head()}
)

# %% [markdown]
# A box that is off by 2, 0, 4 and 2 pixels has a mean difference of 2 pixels. We measure it as a share of the
# scene's side: 2 / 48 = 0.042.
#
# The mask head gives each pixel a score $s$ (*logit*). The *sigmoid* $1/(1+e^{-s})$ turns it into the
# probability of "object": $s = 2$ gives 0.88. If the pixel is object, the loss is −log 0.88 = 0.13.
#
# Training needs one number: class loss + 10 · box loss + 10 · mask loss. The tens are to bring the three to a
# similar size.
#
# How much computation do we save? A **multiply–accumulate (MAC)** is one multiplication and one addition.

# %% tags=["hide-input"]
# @title MACs for one image
sizes = [(24, 5, 1, 16), (12, 3, 16, 32), (6, 3, 32, 48), (6, 3, 48, 48)]  # of the convolutions
parts = {
    "backbone": sum(
        side**2 * kernel**2 * inputs * outputs for side, kernel, inputs, outputs in sizes
    ),
    "class head": 48 * 10,
    "box head": 48 * 6 * 6 * 4,
    "mask head": 48 * 6 * 6 * 64,
}
print("\n".join(f"{name:11} {count:9,} MACs" for name, count in parts.items()))

# %% [markdown]
# **Predict:** three separate networks, each with a backbone and one head: how many times the MACs of our
# network?

# %%
your_guess = None  # for example 2.0

# %%
shared = sum(parts.values())  # the MACs above
separate = shared + 2 * parts["backbone"]
print(f"your guess: {your_guess}, counted: {separate / shared:.2f}")

# %% [markdown]
# We train on 1,500 scenes for 6 epochs. `model.losses` is the sum above. The loop is that of section 04, but
# Adam adapts the step of each weight [Kingma & Ba 2015].

# %%
model.fit(network, train.images, train, model.losses, epochs=6)
predicted = model.outputs(network, validation.images)

# %% tags=["hide-input"]
# @title Figure 6.4
shown = slice(19, 23)
names = [classes[c] for c in predicted["class"].argmax(1)[shown]]
truth = [classes[c] for c in validation.labels[shown]]
figure = plots.pictures(
    [
        draw.veil(i, m)
        for i, m in zip(validation.images[shown], predicted["mask"][shown], strict=True)
    ],
    [f"{n}" if n == t else f"{n}\n(true: {t})" for n, t in zip(names, truth, strict=True)],
    columns=2,
    size=1.75,
)
for number in range(4):
    draw.boxes(figure.axes[0], number, validation.boxes[shown][number], "true")
    draw.boxes(figure.axes[0], number, predicted["box"][shown][number], "predicted")
show(
    figure,
    caption="Figure 6.4. Four validation scenes with the predicted class (in brackets the true one, where they "
    "differ), the true box (solid), the predicted box (dashed) and the predicted mask (orange).",
    alt="Four scenes. "
    + "; ".join(f"{t} is called {n}" for n, t in zip(names, truth, strict=True))
    + ". Most dashed boxes lie near the solid ones, and most orange masks cover most of the object.",
)

# %% [markdown]
# Each number needs a **constant baseline** beside it. It always predicts the most frequent class, the
# median box, and one mask in the middle of the scene. For pixel accuracy, an empty mask is the better constant.


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
    "box": train.boxes.median(0).values.expand(count, 4),
    "mask": (train.masks.float().mean(0) > 0.2).expand(count, -1, -1),
}
no_mask = pixel_accuracy(torch.zeros_like(validation.masks), validation.masks).mean().item()

# %%
ours = measures(predicted, validation)
baseline = measures(constant, validation)
baseline["pixel accuracy"] = no_mask  # the better constant
for name in ours:
    print(f"{name:15} network {ours[name]:.2f}   constant {baseline[name]:.2f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert round(pixel_accuracy(empty, mask[None]).item(), 2) == 0.87
assert 2.8 < separate / shared < 3
assert ours["accuracy"] > baseline["accuracy"] + 0.35
assert ours["box IoU"] > baseline["box IoU"] + 0.2
assert ours["mask IoU"] > 0.5 and 0.2 < baseline["mask IoU"] < 0.35
assert baseline["pixel accuracy"] > 0.84
assert 1 - ours["pixel accuracy"] < 0.45 * (1 - baseline["pixel accuracy"])

# %% [markdown]
# By all four measures the network is better than the constant.
#
# Does sharing cost accuracy? Means of three stored runs:
#
# | trained | computation in training | class (lowest–highest) | box IoU | mask IoU |
# |---|---|---|---|---|
# | three networks, 6 epochs | 1 | .69 (.68–.72) | .69 (.68–.70) | .81 (.80–.81) |
# | shared, 6 epochs | 1/3 | .62 (.61–.64) | .60 (.57–.62) | .68 (.67–.69) |
# | shared, 18 epochs | 1 | .69 (.69–.70) | .69 (.69–.70) | .75 (.75–.76) |
# | shared, 18 epochs, mask loss · 30 instead of 10 | 1 | .68 (.67–.69) | .66 (.65–.67) | .79 (.79–.79) |
# | three networks, 18 epochs | 3 | .69 (.69–.70) | .79 (.78–.79) | .82 (.82–.83) |
#
# With the same computation in training (1), sharing costs nothing in class and box, but the mask stays lower.
# A larger weight brings the mask nearer and costs the box. With 18 epochs each, sharing costs accuracy in box and mask. So the tasks did not help each other here.
# The clear saving is computation *in use*.

# %% tags=["hide-input"]
# @title Figure 6.5 (interactive)
show(
    play.at_work(network, fashion.train[8_000:8_020]),
    caption="Figure 6.5. An object that you move and resize, with the true box (solid), the predicted box "
    "(dashed), the predicted mask (orange) and the scores. Training used sizes from 16 to 32 pixels.",
)

# %% [markdown]
# The box and the mask roughly follow this object, and its class stays. With another object (states 4 and 5) the
# class may change, although it should not. How can a head know the position?
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 Which head needs the position?
#
# Take one channel with 1 × 3 positions. An object on the left gives (6, 0, 0), the same object on the right
# gives (0, 0, 6). The maximum is 6 for both, the average 2 for both. That suits the class, which should not
# change. But a box head that sees only averages gets the same input twice. A head that takes all three
# numbers sees a difference.
#
# So we train two networks that differ only in the box head, with 512 scenes to save time. **Flatten** takes all
# numbers, **average** takes one mean for each channel. First there are zeros around the image, as usual. Then the
# image continues at its opposite side (`"circular"`), so that it has no border.
#
# **Predict:** the box IoU of the average head without a border. (Part 2 printed two box IoUs.)

# %%
your_guess = None  # a number from 0 to 1


# %%
def average_head(outputs):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, outputs))


# %%
def train_box(make_head, border):
    torch.manual_seed(0)
    alone = OneBackbone(make_backbone(border), {"box": make_head(4)})
    model.fit(alone, train.images[:512], train[:512], model.losses, epochs=6)
    boxes = model.outputs(alone, validation.images)["box"]
    return model.mean_iou(boxes, validation.boxes), alone


# %%
flatten = {border: train_box(flatten_head, border) for border in ("zeros", "circular")}
average = {border: train_box(average_head, border) for border in ("zeros", "circular")}
print(f"your guess: {your_guess}, measured: {average['circular'][0]:.2f}")

# %% tags=["hide-input"]
# @title Figure 6.6
figure, axis = plots.figure(3.5, 2.8)
axis.axhline(baseline["box IoU"], color="#555555", ls="--", lw=1.2)
both = {"flatten": flatten, "average": average}
table = {
    name: {"border": found["zeros"][0], "no border": found["circular"][0]}
    for name, found in both.items()
}
show(
    plots.bars(table, ylabel="box IoU", ylim=0.9, axis=axis),
    caption="Figure 6.6. Two box heads, each with its own backbone, with and without a border around the image "
    "(one run; with three other seeds flatten hardly changes). Only the average head without a border falls to the constant box (dashed).",
    alt="Box IoU. "
    + "; ".join(
        f"{name} head {found['border']:.2f} with a border, {found['no border']:.2f} without"
        for name, found in table.items()
    )
    + f"; constant box {baseline['box IoU']:.2f}.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert average["circular"][0] < baseline["box IoU"] + 0.06 < flatten["circular"][0]
assert flatten["zeros"][0] + 0.05 < average["zeros"][0]
some = data.as_float(validation.images[:50])
with torch.no_grad():
    changes = {
        name: found["circular"][1](some)["box"]
        - found["circular"][1](some.roll((16, 8), dims=(2, 3)))["box"]
        for name, found in both.items()
    }
assert changes["average"].abs().max() < 1e-3
assert changes["flatten"].abs().mean() > 0.02

# %% [markdown]
# Without a border the argument holds: the average does not know the position. With a border it does. The border
# makes the map near it different, so the position enters the channels *before* the average [Islam 2021].
# Border and stride (section 05) change the maxima a little. So the class in Figure 6.5 can change.
#
# With a border, the average head is here even better than flatten. Much of this is speed: after 24 epochs
# instead of 6, flatten is nearer, but not level.
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 4 A new task, later
#
# Now comes a new question: *is the scene upside down?* We have 320 labelled scenes. We keep the backbone as it
# is (**frozen**) and train only a new head. Like our class head it takes the maximum of each channel, then one
# layer. We call it the *linear* head.

# %%
later = model.compose(fashion.train[6_000:8_000], 1_280, seed=2)
images, turned = model.turned(later)  # 1: upside down, 0: not
new_images, new_turned = model.turned(validation)
backbone = network.backbone.requires_grad_(False)  # frozen
pixels = images, new_images  # (for training, for validation)
features = [training.predict(backbone, part) for part in pixels]  # once, for all heads

# %% tags=["hide-input"]
# @title Figure 6.7
show(
    plots.pictures(images[:4], ["as it was", "upside down"] * 2, columns=4, size=0.88),
    caption="Figure 6.7. Four scenes of the new task; every second one is upside down.",
    alt="Four scenes: "
    + ", ".join(
        f"{classes[one]} {way}"
        for one, way in zip(later.labels[:4], ["as it was", "upside down"] * 2, strict=True)
    )
    + ".",
)


# %%
def three_seeds(make_network, pair, labels=320, epochs=8):
    inputs, new_inputs = pair[0][:labels], pair[1]  # to train on, to validate on
    loss, networks = nn.functional.cross_entropy, []
    for seed in range(3):
        torch.manual_seed(seed)
        network = model.fit(make_network(), inputs, turned[:labels], loss, epochs, seed=seed)
        networks.append(network)
    return [model.share_right(one, new_inputs, new_turned) for one in networks], networks


# %%
def linear():
    return linear_head(2)


simplest = three_seeds(linear, features)
print("frozen backbone, linear head:", [round(share, 2) for share in simplest[0]])

# %% [markdown]
# This is better than guessing (.50), but not good. What limits it? Three suspects, and a test for each:
#
# - the **head**: put one more convolution before the linear head (*conv head*),
# - the **labels**: take 1,280 instead of 320,
# - the **features**: let the backbone change, too (**fine-tuning**).
#
# **Predict:** which of the three helps most?

# %%
your_guess = None  # "labels", "head" or "features"

# %%
from copy import deepcopy


def conv():
    return nn.Sequential(nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(), linear_head(2))


def tuned():  # a copy of the backbone, which may change, and a head
    return nn.Sequential(deepcopy(backbone).requires_grad_(True), conv())


# %%
trials = {
    "frozen, linear head": simplest,
    "frozen, conv head": three_seeds(conv, features),
    "frozen, conv head, 4 × labels": three_seeds(conv, features, labels=1_280, epochs=2),
    "fine-tuned, conv head": three_seeds(tuned, pixels),
}
mean = {name: sum(shares) / 3 for name, (shares, _) in trials.items()}

# %% tags=["hide-input"]
# @title Figure 6.8
results = {name: shares for name, (shares, _) in trials.items()}
figure, axis = plots.figure(3.7, 3)
for row, (name, shares) in enumerate(results.items()):
    axis.plot([min(shares), max(shares)], [row, row], lw=2, ls="-", marker="", c=plots.COLOURS[0])
    axis.plot(mean[name], row, "D", ms=9, c=plots.COLOURS[0])
    axis.plot(shares, [row] * 3, "o", ms=5, mfc="white", mec="black", ls="")
    axis.text(0.51, row - 0.33, f"{name}: {mean[name]:.2f}", va="center", fontsize=10)
axis.axvline(0.5, color="#555555", ls="--", lw=1.2)
axis.set(xlim=(0.49, 0.89), ylim=(3.4, -0.7), xticks=[0.5, 0.6, 0.7, 0.8], yticks=[])
axis.set_xlabel("accuracy (dashed: guessing)")
axis.grid(axis="x")
show(
    figure,
    caption="Figure 6.8. Upside down or not, on 500 validation scenes: the mean (diamond, number) of three seeds "
    "(dots).",
    alt="Accuracy: " + "; ".join(f"{name} {share:.2f}" for name, share in mean.items()) + ".",
)

# %%
gains = {
    "labels": mean["frozen, conv head, 4 × labels"] - mean["frozen, conv head"],
    "head": mean["frozen, conv head"] - mean["frozen, linear head"],
    "features": mean["fine-tuned, conv head"] - mean["frozen, conv head"],
}
for name, gain in gains.items():
    print(f"{name:9} {gain:+.3f}")
print("your guess:", your_guess)

# %% [markdown]
# Another backbone may give another order. Here are six repetitions with other backbones and scenes (stored).
# Two controls show what the earlier training is worth: a frozen backbone with *random* weights, and training
# *from scratch* with the same 320 labels. All runs take 80 steps and the conv head, unless the table says otherwise.
#
# | change | mean gain | lowest to highest |
# |---|---|---|
# | labels: four times as many | +.02 | −.02 to +.04 |
# | labels: four times as many, and 320 steps | +.07 | +.04 to +.09 |
# | head: conv instead of linear | +.09 | +.04 to +.14 |
# | head: conv (320 steps) instead of linear (800 steps) | +.05 | +.01 to +.09 |
# | features: fine-tuned instead of frozen | +.09 | +.07 to +.11 |
# | control: trained instead of random, both frozen | +.06 | +.02 to +.11 |
# | control: from scratch instead of frozen | +.05 | −.01 to +.08 |
#
# (One run, like ours, can lie outside these ranges.) With 80 steps, more labels help least, but each is then
# seen only twice. In 320 steps (8 epochs, as before) they help each time.
#
# The conv head helps each time, even if the linear head trains longer. So part of the information was in
# the map, but the linear head could not use it. Fine-tuning helps each time, too. Perhaps the frozen map does not
# hold all that the task needs. Which of the three limited the task most stays open.
#
# The first control shows that the earlier training helps. The second warns: training from scratch was
# mostly *better* than freezing.
#
# Fine-tuning also has a price. We put the old box head on the fine-tuned backbone.

# %% tags=["hide-input"]
# @title What fine-tuning costs, and checks: what this shows
new_backbone = trials["fine-tuned, conv head"][1][0][0]  # of the first seed
moved = OneBackbone(new_backbone, {"box": network.heads["box"]})
boxes = model.outputs(moved, validation.images)["box"]
left_over = model.mean_iou(boxes, validation.boxes)
print(f"the old box head: IoU {ours['box IoU']:.2f}, on the fine-tuned backbone {left_over:.2f}")
print(f"the constant box: {baseline['box IoU']:.2f}")
assert left_over < ours["box IoU"] - 0.15
assert gains["head"] > 0 and gains["features"] > 0.02

# %% [markdown]
# The old head does not fit the changed backbone (*catastrophic forgetting*). We can keep both backbones, or
# train the old tasks along.
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 5 A backbone that others have trained
#
# Does a backbone help if it has seen far more data, but other images? EfficientNet-Lite0 was trained on 1.2
# million photographs (ImageNet) [Tan & Le 2019, Liu 2020, Russakovsky 2015]. We freeze it. It was made for
# images of 224 × 224; a stored curve in Figure 6.9 shows these. We take 64 × 64, to save time. Each scene
# becomes a vector: the largest value of each of the 1,280 last channels.
#
# On these vectors we train one linear layer for the ten classes, with 1, 5 or 20 labelled scenes per class (a
# *linear probe*). We compare with the pixels, the same network with random weights, and our own
# backbone. Ours has an advantage: it has learned from 1,500 such scenes, with these classes.

# %% tags=["hide-input"]
# @title The four kinds of features
from cv_course.networks import pretrained


def vectors(network, images, side=64):
    large = nn.functional.interpolate(data.as_float(images), (side, side), mode="bilinear")
    colour = large.expand(-1, 3, -1, -1)  # the same grey three times: red, green and blue
    network.to(memory_format=torch.channels_last)  # the same numbers, but faster
    with torch.no_grad():
        return torch.cat([network.features(part).amax((2, 3)) for part in colour.split(20)])


few, asked = later[:300], validation[:200]
photographs = pretrained.efficientnet_lite0()
inputs = {"EfficientNet, 64 pixels": [vectors(photographs, some.images) for some in (few, asked)]}
inputs["pixels"] = [data.as_float(some.images).flatten(1) for some in (few, asked)]
inputs["our backbone"] = [training.predict(backbone, s.images).amax((2, 3)) for s in (few, asked)]
theirs_counted, ours_counted = (
    sum(one.numel() for one in network.parameters()) for network in (photographs.features, backbone)
)
print(f"weights: EfficientNet's backbone {theirs_counted:,}, ours {ours_counted:,}")

# %% tags=["hide-input"]
# @title One linear layer, trained with 1, 5 and 20 scenes per class
counts, curves = [1, 5, 20], {}
for name, (x, new_x) in inputs.items():
    rows = []
    for seed in range(3):  # three random choices of the labelled scenes
        accuracy = [model.few_examples(x, few.labels, new_x, asked.labels, n, seed) for n in counts]
        rows.append(accuracy)
    curves[name] = torch.tensor(rows)
# stored, since these take 18 s; a slow test repeats them
curves["random weights, 64 pixels"] = torch.tensor(
    [[0.095, 0.15, 0.175], [0.135, 0.16, 0.195], [0.105, 0.155, 0.155]]
)
curves["EfficientNet, 224 pixels"] = torch.tensor(
    [[0.31, 0.565, 0.7], [0.3, 0.605, 0.7], [0.28, 0.58, 0.7]]
)

# %% tags=["hide-input"]
# @title Figure 6.9
curves = dict(sorted(curves.items(), key=lambda curve: -curve[1][:, -1].mean()))
figure, axis = plots.figure(3.5, 4.6)
scale = {"logx": True, "xticks": counts, "ylim": (0, 0.8), "levels": {"guessing": 0.1}}
axes = {"xlabel": "labelled scenes per class", "ylabel": "accuracy on new scenes", "axis": axis}
plots.lines(curves, counts, labels=False, **scale, **axes)
drawn = [line for line in axis.lines if line.get_linestyle() != "None"]  # not the dots
axis.legend(drawn, [*curves, "guessing"], loc="upper center", bbox_to_anchor=(0.45, -0.16))
show(
    figure,
    caption="Figure 6.9. One linear layer on frozen features, tested on 200 scenes. Dots are three random choices "
    "of the labelled scenes. The lines for 224 pixels and for random weights are stored.",
    alt="Accuracy against labelled scenes per class: "
    + "; ".join(
        f"{n} from {c[:, 0].mean():.2f} to {c[:, -1].mean():.2f}" for n, c in curves.items()
    )
    + ".",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
at_20 = {name: curve[:, -1] for name, curve in curves.items()}
assert at_20["EfficientNet, 64 pixels"].min() > at_20["random weights, 64 pixels"].max() + 0.1
assert at_20["EfficientNet, 64 pixels"].min() > at_20["pixels"].max() + 0.1
assert (curves["EfficientNet, 64 pixels"].mean(0).diff() > 0.03).all()
own, others = (curves[n].mean(0) for n in ("our backbone", "EfficientNet, 64 pixels"))
assert (own > others + 0.04).all()

# %% [markdown]
# With 20 examples per class and 64 pixels, EfficientNet names about half of the scenes right. Pixels and random
# weights stay near guessing. So what it learned from photographs helps here. Our own backbone, a hundredth in
# size, is better. With 224 pixels, EfficientNet is about as good as ours with 1 example and better with 5 and
# 20.
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 6 Several objects
#
# Our box head has four outputs, so it reports one object. **Detection** means to find
# *all* objects, each with a box and a class.
#
# One solution is a head at *every position* of the map. Each of the 6 × 6 positions reports three things: a
# score ("is the centre of an object near?"), a class, and a box. The box is given by four distances. They go from
# the middle of the position's 8 × 8 pixels to the four sides of the box, in units of 8 pixels [Tian 2019].
#
# For example, take the position in row 2, column 3 (both counted from 0). Its middle is at x = 3.5 · 8 = 28 and
# y = 2.5 · 8 = 20.
# It reports the distances left 1, top 0.5, right 1.5, bottom 2. The box is x0 = 28 − 8 = 20, y0 = 20 − 4 = 16,
# x1 = 28 + 12 = 40, y1 = 20 + 16 = 36. Write this function.


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
# The head is a small convolution, the same for all positions. In training, a position must report an object if
# the object's centre is less than 8 pixels from the position's middle, across and down. A centre at x = 30 is near
# the middles 28 and 36, but not near 20 and 44. So up to 2 × 2 positions
# must report each object. All positions learn the score; only those near an object learn class
# and box (of the nearer object, if there are two). The backbone stays frozen.


# %%
def position_head():  # for each position one score, four distances, ten scores of classes
    return nn.Sequential(nn.Conv2d(48, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 15, 1))


# %%
known = model.compose(fashion.train[:6_000], 1_000, objects=2, seed=4)  # to learn from
pairs = model.compose(fashion.train[8_000:], 300, objects=2, seed=3)  # to validate
x, new_x = (training.predict(backbone, some.images) for some in (known, pairs))
torch.manual_seed(0)
targets = model.position_targets(known)  # `model` does what the text above says
head = model.fit(position_head(), x, targets, model.position_losses, epochs=8, lr=5e-3)
found = model.detect(head, new_x)
print("boxes with score ≥ 0.3:", [int((one.scores >= 0.3).sum()) for one in found[:8]])

# %% [markdown]
# There are more boxes than objects. Go through them from the highest score down. A box is a **hit** (*true
# positive*) if its IoU with an object that has not been hit yet is at least 0.5. Then
#
# - **precision** is the share of the kept boxes that are hits,
# - **recall** is the share of the objects that are hit.
#
# Say a scene has 4 objects. We keep 5 boxes, and 3 are hits. Precision is 3/5 = 0.6, recall is
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
# We trained up to four positions to report each object, but only one of their boxes can be a hit. If four
# report each object, at most one box in four is a hit.
#
# **Non-maximum suppression (NMS)** removes the duplicates. Keep the box with the best score. Remove all boxes whose
# IoU with it is above a threshold. Go on with the best of the rest.

# %% tags=["hide-input"]
# @title Figure 6.10 (interactive)
show(
    play.detector(found, pairs),
    caption="Figure 6.10. Above: true boxes (solid) and reported boxes (dashed). Below: precision and recall over "
    "all 300 scenes, without NMS (off) and with it; the circle is your setting.",
)

# %% [markdown]
# With NMS, precision rises a lot. Recall falls by less than a tenth. Some objects are *lost*: NMS removed
# all boxes that lay on them (IoU ≥ 0.5). Which box did it?


# %% tags=["hide-input"]
# @title Which box removed the last box of a lost object?
def lost(found, some, threshold):
    """Objects that only boxes removed by NMS lie on: removed by their own, by another's.

    A box lies on an object if their IoU is at least .5; it belongs to the object with the largest.
    """
    own = other = 0
    for one, true in zip(found, some.boxes, strict=True):
        kept = model.suppress(one, threshold)
        before, after = model.box_iou(one.boxes, true), model.box_iou(kept.boxes, true)
        for k in range(len(true)):
            if (before[:, k] < 0.5).all() or (after[:, k] >= 0.5).any():
                continue
            near = model.box_iou(one.boxes[before[:, k].argmax()][None], kept.boxes)[0] > threshold
            remover = int(near.nonzero()[0])  # the kept box with the best score
            own, other = (own + 1, other) if after[remover].argmax() == k else (own, other + 1)
    return own, other


sure = [one.only(one.scores >= 0.3) for one in found]
to_own, to_other = lost(sure, pairs, 0.4)
print(f"objects lost to NMS: {to_own + to_other} of {pairs.labels.numel()}")
print(f"removed by a box of the same object: {to_own}, by one of the other object: {to_other}")
assert to_own > 1.5 * to_other

# %% [markdown]
# Mostly it was a box of the same object, with a better score, but a smaller IoU. A higher lowest score trades recall for precision. A very low NMS
# threshold also removes real neighbours: NMS cannot tell them from duplicates.
#
# We choose a lowest score of 0.3 and an NMS threshold of 0.4, and look at the test images once. Sixteen fixed
# boxes are the constant baseline.

# %% tags=["hide-input"]
# @title The test scenes, and checks: what this shows
test = model.compose(fashion.test, 500, seed=5)
in_test = measures(model.outputs(network, test.images), test)
constant_in_test = measures(constant, test)
constant_in_test["pixel accuracy"] = 1 - test.masks.float().mean().item()  # an empty mask
for name, value in in_test.items():
    print(f"{name:15} network {value:.2f}   constant {constant_in_test[name]:.2f}")
    assert abs(value - ours[name]) < 0.08
test_pairs = model.compose(fashion.test, 300, objects=2, seed=6)
found = model.detect(head, training.predict(backbone, test_pairs.images), lowest=0.3)
kept, final = [model.suppress(one, 0.4) for one in found], {}
half = (known.boxes[..., 2:] - known.boxes[..., :2]).flatten(0, 1).median(0).values / 2
middle = torch.cartesian_prod(*[torch.tensor([13.0, 20, 28, 35])] * 2)
constant_boxes = torch.cat([middle - half, middle + half], 1)
fixed = [model.Detections(constant_boxes, torch.ones(16), torch.zeros(16))] * len(test_pairs)
for name, some, named in (
    ("16 fixed boxes", fixed, False),
    ("without NMS", found, False),
    ("with NMS", kept, False),
    ("with NMS, class right, too", kept, True),
):
    right = model.hits(some, test_pairs, named)[1].float()
    final[name] = right.mean().item(), right.sum().item() / test_pairs.labels.numel()
    print(f"{name:27} precision {final[name][0]:.2f}, recall {final[name][1]:.2f}")
named = final["with NMS, class right, too"][1] / final["with NMS"][1]
print(f"of the objects found, {named:.2f} are named right")
assert final["without NMS"][0] < 0.3
assert final["16 fixed boxes"][0] < 0.15 and final["16 fixed boxes"][1] < final["with NMS"][1] - 0.1
assert final["with NMS"][0] > final["without NMS"][0] + 0.25
assert final["with NMS"][1] > final["without NMS"][1] - 0.15 and final["with NMS"][1] > 0.7
assert final["with NMS, class right, too"][1] < final["with NMS"][1] - 0.1

# %% [markdown]
# The first network is about as good as in validation. With NMS, most objects are found, but about a third of the
# boxes are wrong. The fixed boxes hit many objects,
# but nearly all are wrong. Of the objects found, about half are named right.
#
# *Average precision (AP)* is the area under such a curve for one class.
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Summary
#
# 1. One backbone computes a feature map. Small heads turn it into classes, boxes and masks, each with its
#    own loss and measure.
# 2. Read every measure beside a constant baseline: not even IoU starts at 0.
# 3. A flatten head sees positions. Here an average head got them only from the border.
# 4. When a new task goes badly, test labels, head and features one by one. A random backbone and training
#    from scratch are the controls. Here all three helped.
# 5. Detection needs outputs for any number of objects: here one at every position, and NMS against duplicates. It
#    is judged by precision and recall.

# %% [markdown]
# ## Problem set
#
# **1 · Two boxes** ★ 3 min. Box A is 0, 0, 4, 4 and box B is 2, 1, 6, 5 (x0, y0, x1, y1 in pixels). What is
# their IoU? Two digits are enough.

# %%
check(iou=...)  # a number from 0 to 1

# %% [markdown]
# **2 · Larger scenes** ★★ 4 min. The scenes now have 96 × 96 pixels. How many weights and biases does a flatten head with four outputs have?

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
# scores. This NMS removes too many boxes. Find out why and mend it.


# %%
def nms(overlaps, scores, threshold):
    """-> the positions of the kept boxes, the best score first."""
    kept, order = [], np.argsort(-scores)  # the best first
    for rank, box in enumerate(order):
        better = order[:rank]
        if not (overlaps[box, better] > threshold).any():
            kept.append(box)
    return np.array(kept)


# when you have mended it: check(nms)

# %% [markdown]
# **6 · Design** ★★★ 15 min. The flatten head has 6,916 weights and biases. Write a box head with at
# most 2,000 that reaches an IoU of .5 *without zeros* (`"circular"`). Its input is N × 48 × 6 × 6, its output
# N × 4. The check trains it for some seconds.

# %%
my_head = ...  # nn.Sequential(...)
check(my_head=my_head)

# %% [markdown]
# **7 · Your own task** ★★ 15 min, open. Ask the frozen backbone another question, for example "is it a shoe?".
# Which rows of Figure 6.8 do you need?

# %% [markdown]
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def decode(row, column, distances, stride):
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    left, top, right, bottom = np.asarray(distances) * stride
    return np.array([x - left, y - top, x + right, y + bottom])


def precision_recall(scores, hits, objects, lowest):
    kept = np.asarray(hits)[np.asarray(scores) >= lowest]
    precision = kept.mean() if len(kept) else 1.0
    return np.array([precision, kept.sum() / objects])


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
# - K. He, G. Gkioxari, P. Dollár, R. Girshick. Mask R-CNN. *ICCV* 2017 (a mask for each object:
#   *instance segmentation*).
# - M. A. Islam, M. Kowal, S. Jia, K. G. Derpanis, N. D. B. Bruce. Global pooling, more than meets the eye:
#   position information is encoded channel-wise in CNNs. *ICCV* 2021.
# - D. P. Kingma, J. Ba. Adam: a method for stochastic optimization. *ICLR* 2015.
# - R. Liu. Higher accuracy on vision models with EfficientNet-Lite. TensorFlow blog, 2020.
# - J. Long, E. Shelhamer, T. Darrell. Fully convolutional networks for semantic segmentation.
#   *CVPR* 2015 (a class for each pixel).
# - O. Russakovsky et al. ImageNet large scale visual recognition challenge. *IJCV* 115, 2015 (§ 2–3:
#   classification, single-object localisation, detection).
# - M. Tan, Q. V. Le. EfficientNet: rethinking model scaling for convolutional neural networks. *ICML* 2019.
# - Z. Tian, C. Shen, H. Chen, T. He. FCOS: fully convolutional one-stage object detection. *ICCV* 2019.
