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
# What is in an image? Where is it? Which pixels belong to it? One network can answer all three questions, and
# computes less than three networks. You need sections 04 and 05.
#
# Afterwards you will be able to
#
# - put several heads on one backbone, and judge each by a measure of its own,
# - say which head needs the position, and how it gets it,
# - turn the outputs of a detector into boxes, and judge these.
#
# *About 40 min, 10 for the folded parts, 55 for all problems · CPU 20 s*

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
# So far each piece of clothing filled its image. Now we put it somewhere on a canvas of 48 × 48 pixels. We call
# this a *scene*.

# %%
fashion, classes = data.fashion_mnist(), data.FASHION_CLASSES
train = model.compose(fashion.train[:6_000], 1_500, seed=0)  # 1,500 scenes
validation = model.compose(fashion.train[8_000:], 500, seed=1)

# %% tags=["hide-input"]
# @title Figure 6.1
example = 28
image, box, mask = validation.images[example], validation.boxes[example], validation.masks[example]
x0, y0, x1, y1 = box.int().tolist()
name, area = classes[validation.labels[example]], int(mask.sum())
figure = plots.pictures(
    [image.expand(3, -1, -1), image.expand(3, -1, -1), draw.veil(image, mask)],
    [f"class:\n{name}", f"box:\n{x0}, {y0}, {x1}, {y1}", f"mask:\n{area} pixels"],
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
# - **Localisation** asks: where is the object? The output is a **box** in pixels, counted from the upper left
#   corner: left x0, top y0, right x1, bottom y1.
# - **Segmentation** asks: which pixels? The output is a **mask**: yes or no for each of the 48 · 48 = 2,304
#   pixels.
#
# A class is right or wrong. How good is a box? **Intersection over union (IoU)** is the area that two boxes
# share, divided by the area that they cover together. Take two boxes of 10 × 10 pixels, one moved by 5
# pixels to the right. They share 5 · 10 = 50 pixels. Together they cover 100 + 100 − 50 = 150. The IoU is
# 50 / 150 = **0.33**.
#
# Masks have an IoU, too: the area is the number of pixels. A simpler measure is **pixel accuracy**, the share of all pixels whose yes or no is right.
#
# **Predict:** a mask says "no" everywhere. What is its pixel accuracy for the scene in Figure 6.1?

# %%
your_guess = None  # a number from 0 to 1


# %%
def pixel_accuracy(predicted, true):  # each N × 48 × 48: True or False for each pixel
    return (predicted == true).float().mean((1, 2))  # the mean over the pixels of each scene


def mask_iou(predicted, true):
    both = (predicted & true).sum((1, 2))
    either = (predicted | true).sum((1, 2))
    return both / either


# %%
true = mask[None]  # the mask of Figure 6.1 as a batch of one: 1 × 48 × 48
empty = torch.zeros_like(true)  # "no" everywhere
print(f"your guess: {your_guess}")
print(f"pixel accuracy of an empty mask: {pixel_accuracy(empty, true).item():.2f}")
print(f"IoU of the empty mask:           {mask_iou(empty, true).item():.2f}")

# %% [markdown]
# Most pixels are background, and the empty mask gets all of these right. The IoU does not count background pixels that are right.

# %% tags=["hide-input"]
# @title Figure 6.2 (interactive)
show(
    play.two_measures(image, mask),
    caption="Figure 6.2. The true mask (blue outline) and a predicted mask (orange) that you move. The dashed line is "
    "the pixel accuracy of an empty mask.",
)

# %% [markdown]
# The first mask covers a part of the boot. By pixel accuracy it is worse than an empty mask, by IoU it is better. So
# we judge masks by IoU.
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 One backbone, three heads
#
# All three tasks may use the same edges and parts of objects. So one stack of convolutions, the
# **backbone**, computes a **feature map** for all. Each task adds a small **head**.

# %% tags=["hide-input"]
# @title Figure 6.3
from matplotlib.patches import FancyArrowPatch, Rectangle

figure, axis = plots.figure(3.5, 4.1)
BLOCKS = [(0.9, 5.1, 2.4, "image: 1 channel,\n48 × 48 pixels", "#dddddd"), (0.9, 3.5, 2.4, "backbone", "#9ecae1"),
          (0.9, 1.9, 2.4, "feature map:\n48 channels,\n6 × 6 positions", "#dddddd")]  # fmt: skip
HEADS = [(0, "class head", "10 scores"), (1.45, "box head", "4 numbers"), (2.9, "mask head", "48 × 48 scores")]  # fmt: skip
BLOCKS += [(x, 0, 1.3, f"{title}\n\n{output}", "#fdd0a2") for x, title, output in HEADS]
for x, y, wide, text, colour in BLOCKS:
    axis.add_patch(Rectangle((x, y), wide, 0.95, fc=colour, ec="black"))
    size = 10 if wide > 2 else 9
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
# The backbone halves the sides three times: 48, 24, 12, 6. So one position of the feature map stands for
# 8 × 8 pixels.


# %%
def layer(inputs, outputs, kernel, border, stride=1):  # inputs, outputs: channels
    padding = kernel // 2  # keeps the size, if the stride is 1
    convolution = nn.Conv2d(
        inputs, outputs, kernel, stride, padding, padding_mode=border, bias=False
    )
    rescale = nn.BatchNorm2d(outputs)  # scales each channel to mean 0 and standard deviation 1
    return nn.Sequential(convolution, rescale, nn.ReLU())


# %%
def make_backbone(border="zeros"):  # padding with zeros; part 3 tries another border
    return nn.Sequential(
        layer(1, 16, 5, border, stride=2),  # 48 × 48 pixels → 24 × 24 positions
        nn.MaxPool2d(2),  # → 12 × 12
        layer(16, 32, 3, border),
        nn.MaxPool2d(2),  # → 6 × 6
        layer(32, 48, 3, border),
        layer(48, 48, 3, border),  # 48 channels, 6 × 6 positions
    )


# %% [markdown]
# Each head has its own output and its own loss:
#
# | head | from the map it takes | and gives | loss |
# |---|---|---|---|
# | class, `linear_head(10)` | the largest value of each channel : 48 numbers | 10 scores | cross-entropy (section 04) |
# | box, `flatten_head(4)` | all 48 · 6 · 6 = 1,728 numbers | 4 numbers | mean absolute difference from the true box |
# | mask, `mask_head()` | at each position its 48 numbers | 64 scores, for the 8 × 8 pixels of this position | cross-entropy of each pixel |


# %%
def linear_head(outputs):
    return nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(48, outputs))


def flatten_head(outputs):
    # for four outputs 1,728 · 4 weights and 4 biases: 6,916
    return nn.Sequential(nn.Flatten(), nn.Linear(48 * 6 * 6, outputs))


# %%
def mask_head():
    return nn.Sequential(
        nn.Conv2d(48, 8 * 8, 1),  # a layer from 48 to 64 numbers, the same at all positions
        nn.PixelShuffle(8),  # lays each 64 numbers out as 8 × 8 pixels: N × 1 × 48 × 48
        nn.Flatten(1, 2),  # joins the axes 1 and 2: N × 48 × 48
    )


# %% [markdown]
# If the box is wrong by 2, 0, 4 and 2 pixels, the mean is 2. Its loss is this mean, divided by the side of the
# scene: 2 / 48 = 0.042.
#
# The mask head gives each pixel one score, for *object*. As the score for *background* we always
# take 0. With these two scores per pixel, we can use softmax and cross-entropy of section 04. The
# mask is where the score for *object* is the larger of the two, that is, above 0.
#
# Training adds the three losses. Those of box and mask are small, so we multiply them by 10.
#
# An `nn.Module` joins backbone and heads. Its `forward` says what happens to a batch of images.


# %%
class OneBackbone(nn.Module):
    def __init__(self, backbone, heads):
        super().__init__()  # every nn.Module needs this line
        self.backbone, self.heads = backbone, nn.ModuleDict(heads)  # a dictionary of networks

    def forward(self, images):
        features = self.backbone(images)  # N × 48 × 6 × 6, computed once
        return {name: head(features) for name, head in self.heads.items()}


# %%
torch.manual_seed(0)
backbone = make_backbone()
heads = {"class": linear_head(10), "box": flatten_head(4), "mask": mask_head()}
network = OneBackbone(backbone, heads)

# %% [markdown]
# How much computation does sharing save? We count **multiply–accumulates (MACs)**, as in section 05. The first
# convolution gives 24 × 24 positions in 16 channels. Each number takes 5 · 5 MACs: 24 · 24 · 16 · 25 = 230,400.

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
# **Predict:** three separate networks have a backbone and one head each. How many times as many
# MACs as ours do they take?

# %%
your_guess = None  # for example 2.0

# %%
shared = sum(parts.values())  # one backbone, three heads
separate = shared + 2 * parts["backbone"]  # three backbones, three heads
print(f"your guess: {your_guess}, counted: {separate / shared:.2f}")

# %% [markdown]
# Sharing saves about two thirds. Now we train for 6 epochs. Instead of gradient descent (`SGD`,
# section 04) we use *Adam*, which gives each weight a step size of its own [Kingma & Ba 2015].

# %%
# `train` holds the true classes, boxes and masks; `model.losses` adds the three losses
model.fit(network, train.images, train, model.losses, epochs=6)
predicted = model.outputs(network, validation.images)  # boxes in pixels, masks as yes or no

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
# The **constant baseline** always gives the most frequent class, a box of the four median numbers,
# and one mask in the middle.


# %% tags=["hide-input"]
# @title The three measures and the constant baseline
def measures(outputs, scenes):
    return {
        "class accuracy": (outputs["class"].argmax(1) == scenes.labels).float().mean().item(),
        "box IoU": model.mean_iou(outputs["box"], scenes.boxes),
        "mask IoU": mask_iou(outputs["mask"], scenes.masks).mean().item(),
    }


count = len(validation)
constant = {
    "class": train.labels.bincount(minlength=10).float().expand(count, 10),
    "box": train.boxes.median(0).values.expand(count, 4),
    "mask": (train.masks.float().mean(0) > 0.2).expand(count, -1, -1),
}

# %%
ours, baseline = measures(predicted, validation), measures(constant, validation)
for name in ours:
    print(f"{name:15} network {ours[name]:.2f}   constant {baseline[name]:.2f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert round(pixel_accuracy(empty, mask[None]).item(), 2) == 0.87
assert 2.8 < separate / shared < 3
assert ours["class accuracy"] > baseline["class accuracy"] + 0.35
assert ours["box IoU"] > baseline["box IoU"] + 0.2
assert ours["mask IoU"] > 0.5 and 0.2 < baseline["mask IoU"] < 0.35
test = model.compose(fashion.test, 500, seed=5)  # the test scenes say the same
in_test = measures(model.outputs(network, test.images), test)
assert all(abs(in_test[name] - ours[name]) < 0.08 for name in ours)
# On the table below: with 18 epochs for each of the three networks, too, sharing costs box and mask IoU.

# %% [markdown]
# By all three measures the network is better than the constant. Are three separate networks better still?
# Together they compute about three times as much in training. So to be fair, we also train the shared network three times as
# long (means of three stored runs):
#
# | trained | class accuracy | box IoU | mask IoU |
# |---|---|---|---|
# | three separate networks, 6 epochs each | .69 | .69 | .81 |
# | one shared network, 6 epochs | .62 | .60 | .68 |
# | one shared network, 18 epochs | .69 | .69 | .75 |
#
# Compare the first and the last row, which cost about the same in training. Class and box are
# equal, the mask is worse. So in our test, sharing made no task better. But after training, the
# shared network needs only about a third of the computation for each image.

# %% tags=["hide-input"]
# @title Figure 6.5 (interactive)
show(
    play.at_work(network, fashion.train[8_000:8_020]),
    caption="Figure 6.5. An object that you move, with the true box (solid), the predicted box "
    "(dashed), the predicted mask (orange) and the probability of each class.",
)

# %% [markdown]
# The class stays, but box and mask roughly follow the object. How do the heads do this?
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 Which head needs the position?
#
# Take one channel with 1 × 3 positions. An object on the left gives (6, 0, 0). The same object on the right
# gives (0, 0, 6). The maximum is 6 for both, the average is 2 for both. That suits the class, which should not
# change. But a box head that gets only the average cannot see the difference.
#
# To test this, we train two kinds of box head. **Flatten** takes all 1,728 numbers of the map. **Average** takes the
# mean of each of the 48 channels.
#
# But zeros at the border can also show where something is (section 05). So we train each kind
# twice: with a border of zeros, as usual, and *without a border*. There the image continues at its opposite side
# (`"circular"`).
#
# **Predict:** the box IoU of the average head without a border. For comparison, look up the box
# IoU of the whole network and of the constant in part 2 (the output just before the table).

# %%
your_guess = None  # a number from 0 to 1


# %%
def average_head(outputs):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, outputs))


# %%
def train_box(make_head, border):
    torch.manual_seed(1)
    alone = OneBackbone(make_backbone(border), {"box": make_head(4)})
    model.fit(alone, train.images[:512], train[:512], model.losses, epochs=6)  # few, to save time
    boxes = model.outputs(alone, validation.images)["box"]
    return model.mean_iou(boxes, validation.boxes)


# %%
iou = {"flatten": {}, "average": {}}
for name, make_head in (("flatten", flatten_head), ("average", average_head)):
    iou[name]["with a border"] = train_box(make_head, "zeros")
    iou[name]["without a border"] = train_box(make_head, "circular")
print(f"your guess: {your_guess}, measured: {iou['average']['without a border']:.2f}")

# %% tags=["hide-input"]
# @title Figure 6.6
figure, axis = plots.figure(3.5, 2.8)
plots.bars(iou, ylabel="box IoU", ylim=0.9, fmt="{:.2f}", axis=axis)
axis.axhline(baseline["box IoU"], color="#555555", ls="--", lw=1.2)
axis.text(1.47, baseline["box IoU"] + 0.02, "constant\nbox", va="bottom", fontsize=9)
axis.set_xlim(-0.6, 2)
show(
    figure,
    caption="Figure 6.6. Two box heads, each with its own backbone, with and without a border around the image "
    "(one run each). Only the average head without a border falls to the constant box (dashed).",
    alt="Box IoU. "
    + "; ".join(
        f"{name} head {found['with a border']:.2f} with a border, {found['without a border']:.2f} without"
        for name, found in iou.items()
    )
    + f"; constant box {baseline['box IoU']:.2f}.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert iou["average"]["without a border"] < baseline["box IoU"] + 0.06
assert min(iou["flatten"].values()) > baseline["box IoU"] + 0.06
assert iou["average"]["with a border"] > iou["flatten"]["with a border"] + 0.05
for make_head, moves in ((average_head, False), (flatten_head, True)):  # before any training
    ring = OneBackbone(make_backbone("circular"), {"box": make_head(4)}).eval()
    some = data.as_float(validation.images[:50])
    with torch.no_grad():
        change = ring(some)["box"] - ring(some.roll((16, 8), dims=(2, 3)))["box"]
    assert (change.abs().max() > 1e-3) == moves
# With three other seeds a border changes flatten by less than .05. The average head leads with a border
# mostly because it learns faster: after 24 epochs flatten is nearer, but not level. Border and stride
# also change the maxima a little, so the class of Figure 6.5 can change when other objects move.

# %% [markdown]
# Without a border, the average head is hardly better than the constant box. Flatten is better than the constant both times.
#
# How can the average head know the position if there is a border? Near the border, the kernels
# also read zeros. At the left border, the zeros lie under the left weights of a kernel, at the
# right border under its right weights. So the same object gives other numbers there, and the
# average changes. Each further layer carries such differences farther into the map, so in the end they reach objects in
# the middle, too [Islam 2021].
# With a border, the average head is even better than flatten. (We did not test why. It has far
# fewer weights to learn, and only 512 scenes to learn from.)

# %% [markdown]
# ## 4 Several objects
#
# Our box head gives one box. **Detection** means to find *all* objects, each with a box and a class. One solution: the
# same small head works at each of the 6 × 6 positions of the feature map [Tian 2019]. There it reports
#
# - a **score** from 0 to 1, like a probability: is the centre of an object near? (The sigmoid
#   function $1/(1+e^{-s})$ makes it from a sum $s$ of any size.)
# - ten class scores,
# - a box, as four distances: from the middle of the position to the left, top, right and bottom side. The unit is the
#   **stride**, the 8 pixels from one position to the next.

# %% tags=["hide-input"]
# @title Figure 6.7
figure, axis = plots.figure(3.5, 3.5)
axis.add_patch(Rectangle((24, 16), 8, 8, fc="#fdd0a2"))
axis.add_patch(Rectangle((20, 16), 20, 20, fill=False, ls="--", lw=2.4, ec=plots.COLOURS[3]))
for x, y, side, text_x, text_y, across in (
    (20, 20, "left 1", 19, 20, "right"),
    (28, 16, "top 0.5", 28, 14, "center"),
    (40, 20, "right 1.5", 41, 20, "left"),
    (28, 36, "bottom 2", 28, 38.3, "center"),
    (None, None, "row 2", 1, 20, "left"),
    (None, None, "column 3", 28, 4, "center"),
):
    axis.text(text_x, text_y, side, fontsize=9, ha=across, va="center")
    if x is not None:
        look = {"arrowstyle": "->", "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
        axis.annotate("", (x, y), (28, 20), arrowprops=look)
axis.plot(28, 20, "o", c="black", ms=5)
axis.set(xlim=(0, 48), ylim=(48, 0), xticks=range(0, 49, 8), yticks=range(0, 49, 8), aspect="equal")
axis.set(xlabel="x (pixels)", ylabel="y (pixels)")
axis.grid(color="#bbbbbb")
show(
    figure,
    caption="Figure 6.7. The 6 × 6 positions. The position in row 2, column 3 (orange) reports a box (dashed) by four "
    "distances from its middle (dot).",
    alt="A grid of 6 by 6 squares of 8 pixels. From the middle of the square in row 2, column 3, at x 28 and y 20, four "
    "arrows go to the sides of a box from x 20 to 40 and y 16 to 36.",
)

# %% [markdown]
# Rows and columns are counted from 0. The middle of the orange position is at x = 3.5 · 8 = 28 and y = 2.5 · 8 = 20.
# So the left side of the box is at x0 = 28 − 1 · 8 = 20, and its top at y0 = 20 − 0.5 · 8 = 16. Write this function for
# all four sides.


# %%
def decode(row, column, distances, stride):
    """row and column: whole numbers from 0; distances (4,): left, top, right, bottom, in strides;
    stride: in pixels -> (4,) the box x0, y0, x1, y1 in pixels.
    decode(2, 3, [1, 0.5, 1.5, 2], 8) is [20, 16, 40, 36]."""
    ...  # replace this line


check(decode)

# %%
hint(decode)

# %% [markdown]
# Now the scenes have *two* objects. In training, a position must report an object whose centre is
# less than 8 pixels from its middle, in x and in y. A centre at x = 30 is near the middles 28
# (distance 2) and 36 (distance 6), but not near 20 (10) and 44 (14). So up to two columns and two
# rows are near, and up to 2 × 2 positions must report the same object.
#
# The backbone is **frozen**: it stays as it is, and only the new head is trained.


# %%
def position_head():  # at each position 15 numbers: 1 score, 4 distances, 10 class scores
    return nn.Sequential(nn.Conv2d(48, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 15, 1))


# %%
train_pairs = model.compose(fashion.train[:6_000], 1_000, objects=2, seed=4)
validation_pairs = model.compose(fashion.train[8_000:], 300, objects=2, seed=3)
backbone.requires_grad_(False)  # frozen
train_maps = training.predict(backbone, train_pairs.images)
validation_maps = training.predict(backbone, validation_pairs.images)

# %%
torch.manual_seed(0)
targets = model.position_targets(train_pairs)  # what each position must report
head = model.fit(position_head(), train_maps, targets, model.position_losses, epochs=8, lr=5e-3)
found = model.detect(head, validation_maps)  # for each scene: boxes, scores, classes
print("boxes with a score ≥ 0.3:", [int((one.scores >= 0.3).sum()) for one in found[:8]])

# %% [markdown]
# Each of these eight scenes has only two objects. Which boxes are right? Go through the boxes of a scene from the
# highest score down. A box is a **hit** if its IoU with an object is at least 0.5, and no earlier box has hit this
# object. Then
#
# - **precision** is the share of the reported boxes that are hits,
# - **recall** is the share of the objects that are hit.
#
# With 4 objects, 5 reported boxes and 3 hits, precision is 3/5 = 0.6 and recall is 3/4 = 0.75. We
# choose a limit, the *lowest score*, and report only boxes whose score is at least this limit.


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
# Often several positions report the same object, but only one box can hit it.
# **Non-maximum suppression (NMS)** removes the duplicates. Keep the box with the best score. Remove all boxes whose
# IoU with it is above a threshold. Go on with the best of the rest.

# %% tags=["hide-input"]
# @title Figure 6.8 (interactive)
show(
    play.detector(found, validation_pairs),
    caption="Figure 6.8. Above: true boxes (solid) and reported boxes (dashed). Below: precision and recall over "
    "all 300 scenes. Along a line, the lowest score falls from 0.9 (left end) to 0.1 (right end). The circle is your setting.",
)

# %% [markdown]
# With NMS (state 2), precision rises a lot. Recall falls a little: sometimes the box with the best
# score lies too badly on its object to be a hit. A second box near it, with a lower score, would
# be a hit. But NMS removes the second one. If we report only boxes with a score of 0.8 or more
# (state 3), precision rises again, and recall falls. An NMS threshold of 0 (state 4) removes even
# the box of a real neighbour.
#
# We choose the lowest score 0.3 and the NMS threshold 0.4, and look at test scenes, once. As a
# constant baseline, we report the same 16 boxes in each scene, in 4 rows of 4.

# %% tags=["hide-input"]
# @title The test scenes, and checks: what this shows
test_pairs = model.compose(fashion.test, 300, objects=2, seed=6)
found = model.detect(head, training.predict(backbone, test_pairs.images), lowest=0.3)
kept, final = [model.suppress(one, 0.4) for one in found], {}
half = (train_pairs.boxes[..., 2:] - train_pairs.boxes[..., :2]).flatten(0, 1).median(0).values / 2
middle = torch.cartesian_prod(*[torch.tensor([13.0, 20, 28, 35])] * 2)
constant_boxes = torch.cat([middle - half, middle + half], 1)
fixed = [model.Detections(constant_boxes, torch.ones(16), torch.zeros(16))] * len(test_pairs)
for name, some in (("16 fixed boxes", fixed), ("without NMS", found), ("with NMS", kept)):
    right = model.hits(some, test_pairs)[1].float()
    final[name] = right.mean().item(), right.sum().item() / test_pairs.labels.numel()
    print(f"{name:17}  precision {final[name][0]:.2f}  recall {final[name][1]:.2f}")
named = model.hits(kept, test_pairs, named=True)[1].sum().item() / test_pairs.labels.numel()
print(f"with NMS, if a hit must have the right class, too: recall {named:.2f}")
assert final["without NMS"][0] < 0.3
assert final["16 fixed boxes"][0] < 0.15
assert 0.4 < final["16 fixed boxes"][1] < final["with NMS"][1] - 0.1
assert final["with NMS"][0] > final["without NMS"][0] + 0.25
assert final["with NMS"][1] > final["without NMS"][1] - 0.15 and final["with NMS"][1] > 0.7
assert named < final["with NMS"][1] - 0.1

# %% [markdown]
# With NMS, most objects are hit, and most boxes are hits. The 16 fixed boxes hit many objects,
# too, but most of these boxes hit nothing. Our detector often gets the class wrong.
#
# [*Concept 38*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Summary
#
# 1. One backbone computes a feature map. Each task adds a small head with its own loss and measure.
# 2. Read every measure beside a constant baseline. An empty mask already has a high pixel accuracy.
# 3. A box head needs the position. Flatten keeps it. An average head got it only from the border.
# 4. Our detector reports a score and a box at every position, and NMS removes most duplicates. Precision and recall judge it.
# 5. *Going further* trains a new head on the finished backbone, and compares this with training everything.

# %% [markdown]
# ## Going further: a new task on the same backbone
#
# For a second reading: a fourth head, trained alone, with the backbone, and from the beginning.

# %% [markdown]
# Part 4 trained only a new head, which is cheap. Does this work for any new task? We ask: *is the
# scene upside down?* The frozen backbone gets `linear_head(2)`. We make 1,280 labelled scenes, and
# train with the first 320 of them.

# %%
later = model.compose(fashion.train[6_000:8_000], 1_280, seed=2)  # with other clothes
images, turned = model.turned(later)  # 1: upside down, 0: not
new_images, new_turned = model.turned(validation)

# %% tags=["hide-input"]
# @title Figure 6.9
show(
    plots.pictures(images[:4], ["as it was", "upside down"] * 2, columns=4, size=0.88),
    caption="Figure 6.9. Four scenes of the new task; every second one is upside down.",
    alt="Four scenes: "
    + ", ".join(
        f"{classes[one]} {way}"
        for one, way in zip(later.labels[:4], ["as it was", "upside down"] * 2, strict=True)
    )
    + ".",
)


# %% tags=["hide-input"]
# @title three_seeds: train three times, and measure on the validation scenes
def three_seeds(make_network, pair, labels=320):
    inputs, new_inputs = pair[0][:labels], pair[1]  # to train on, to validate on
    loss, networks = nn.functional.cross_entropy, []
    for seed in range(3):
        torch.manual_seed(seed)
        trained = model.fit(make_network(), inputs, turned[:labels], loss, epochs=8, seed=seed)
        networks.append(trained)
    return [model.share_right(one, new_inputs, new_turned) for one in networks], networks


# %%
def linear():
    return linear_head(2)


scenes = images, new_images  # to train on, to validate on
maps = training.predict(backbone, images), training.predict(backbone, new_images)
start = three_seeds(linear, maps)  # three times, each with new first weights
accuracies, networks = start
print("accuracy:", [round(one, 2) for one in accuracies])

# %% [markdown]
# This is better than guessing (0.50), but not good. What limits it? We change one thing at a time:
#
# - the **head**: one more convolution before it,
# - the **labels**: 1,280 labelled scenes,
# - the **features**: train the backbone along with the head (**fine-tuning**).
#
# **Predict:** which change helps most?

# %%
your_guess = None  # "head", "labels" or "features"

# %%
from copy import deepcopy


def with_convolution():
    return nn.Sequential(nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(), linear())


def fine_tuned():  # a copy of the backbone, not frozen
    return nn.Sequential(deepcopy(backbone).requires_grad_(True), linear())


# %% [markdown]
# A frozen backbone computes its maps only once, so we train a head directly on `maps`. A network
# that contains a backbone gets the `scenes`.
#
# Did the training in part 2 help? There are two controls. One is a frozen backbone with *random* weights. For the
# other, all weights are trained *from scratch* on the 320 scenes.


# %%
def random_frozen():
    return nn.Sequential(make_backbone().requires_grad_(False), linear())


def from_scratch():
    return nn.Sequential(make_backbone(), linear())


# %%
trials = {
    "start: frozen, linear head, 320 labels": start,
    "head: one more convolution": three_seeds(with_convolution, maps),
    "labels: 1,280": three_seeds(linear, maps, labels=1_280),
    "features: fine-tuned": three_seeds(fine_tuned, scenes),
    "control: random backbone, frozen": three_seeds(random_frozen, scenes),
    "control: from scratch": three_seeds(from_scratch, scenes),
}

# %% tags=["hide-input"]
# @title Figure 6.10
mean = {name: sum(shares) / 3 for name, (shares, _) in trials.items()}
figure, axis = plots.figure(3.7, 4)
for row, (name, (shares, _)) in enumerate(trials.items()):
    colour = "#777777" if "control" in name else plots.COLOURS[0]
    axis.plot(mean[name], row, "D", ms=9, c=colour)
    axis.plot(shares, [row] * 3, "o", ms=5, mfc="white", mec="black", ls="")
    axis.text(0.51, row - 0.35, f"{name}: {mean[name]:.2f}", va="center", fontsize=9)
axis.axvline(0.5, color="#555555", ls="--", lw=1.2)
axis.set(xlim=(0.46, 0.89), ylim=(5.4, -0.7), xticks=[0.5, 0.6, 0.7, 0.8], yticks=[])
axis.set_xlabel("accuracy (dashed: guessing)")
axis.grid(axis="x")
show(
    figure,
    caption="Figure 6.10. Upside down or not, on 500 validation scenes: the mean (diamond, number) of three runs "
    "(dots). Each blue row after the first changes one thing.",
    alt="Accuracy: " + "; ".join(f"{name} {share:.2f}" for name, share in mean.items()) + ".",
)
print("your guess:", your_guess)

# %% [markdown]
# In our test, fine-tuning helps most. The random backbone is near guessing,
# so the old training helped the frozen backbone. But training from scratch is better than the frozen backbone.
#
# Fine-tuning has a price. We put the *old* box head on the fine-tuned backbone.

# %% tags=["hide-input"]
# @title What fine-tuning costs, and checks: what this shows
new_backbone = trials["features: fine-tuned"][1][0][0]  # of the first seed
moved = OneBackbone(new_backbone, {"box": network.heads["box"]})
boxes = model.outputs(moved, validation.images)["box"]
left_over = model.mean_iou(boxes, validation.boxes)
print(f"the old box head: IoU {ours['box IoU']:.2f}, on the fine-tuned backbone {left_over:.2f}")
print(f"the constant box: {baseline['box IoU']:.2f}")
assert left_over < ours["box IoU"] - 0.15
first, head_too, labels_too, tuned, at_random, scratch = mean.values()
assert tuned > max(head_too, labels_too) + 0.04
assert at_random < 0.58 < first < scratch - 0.05
# A larger head or longer training can close part of the gap: the frozen map holds more than this linear
# head reads. So "features" means: as far as our two heads can use them.

# %% [markdown]
# The old head does not fit the changed backbone. This is *catastrophic forgetting*. So keep both
# backbones, or train the old tasks together with the new one.
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Going further: a backbone that others have trained
#
# For a second reading: what a network trained on photographs is worth for our scenes.

# %% [markdown]
# With few labelled images, a backbone may help that others have trained on many. EfficientNet-Lite0
# was trained on 1.2 million photographs [Tan & Le 2019, Liu 2020]. Does it help with our scenes?
#
# We freeze it, and take the largest value of each channel of its last map, 1,280 numbers. On these
# numbers we train one linear layer for the ten classes, with 1, 5 or 20 labelled scenes per class.
# For comparison, we do the same with *random* weights, with our own backbone, and with the pixels
# themselves.

# %% tags=["hide-input"]
# @title The features
from cv_course.networks import pretrained


def vectors(network, images):
    large = nn.functional.interpolate(data.as_float(images), (64, 64), mode="bilinear")
    colour = large.expand(-1, 3, -1, -1)  # the same grey three times: red, green and blue
    network.to(memory_format=torch.channels_last)  # the same numbers, but faster
    with torch.no_grad():
        return torch.cat([network.features(part).amax((2, 3)) for part in colour.split(20)])


few, asked = later[:300], validation[:200]
photographs = pretrained.efficientnet_lite0()
inputs = {
    "our backbone": [training.predict(backbone, s.images).amax((2, 3)) for s in (few, asked)],
    "EfficientNet": [vectors(photographs, some.images) for some in (few, asked)],
    "pixels": [data.as_float(some.images).flatten(1) for some in (few, asked)],
}

# %% tags=["hide-input"]
# @title One linear layer, trained with 1, 5 and 20 scenes per class
counts, curves = [1, 5, 20], {}
for name, (x, new_x) in inputs.items():
    rows = []
    for seed in range(3):  # three random choices of the labelled scenes
        accuracy = [model.few_examples(x, few.labels, new_x, asked.labels, n, seed) for n in counts]
        rows.append(accuracy)
    curves[name] = torch.tensor(rows)
# stored, since it takes as long as EfficientNet; a slow test repeats it
curves["random weights"] = torch.tensor(
    [[0.095, 0.15, 0.175], [0.135, 0.16, 0.195], [0.105, 0.155, 0.155]]
)

# %% tags=["hide-input"]
# @title Figure 6.11
figure, axis = plots.figure(5, 3.2)
scale = {"logx": True, "xticks": counts, "ylim": (0, 0.7), "levels": {"guessing": 0.1}}
axes = {"xlabel": "labelled scenes per class", "ylabel": "accuracy on new scenes", "axis": axis}
show(
    plots.lines(curves, counts, **scale, **axes),
    caption="Figure 6.11. One linear layer on four inputs, tested on 200 scenes. Dots are three random choices "
    "of the labelled scenes, lines their means (random weights of EfficientNet: stored).",
    alt="Accuracy against labelled scenes per class: "
    + "; ".join(
        f"{n} from {c[:, 0].mean():.2f} to {c[:, -1].mean():.2f}" for n, c in curves.items()
    )
    + ".",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
at_20 = {name: curve[:, -1] for name, curve in curves.items()}
assert at_20["EfficientNet"].min() > at_20["random weights"].max() + 0.1
assert at_20["EfficientNet"].min() > at_20["pixels"].max() + 0.1
assert (curves["EfficientNet"].mean(0).diff() > 0.03).all()
assert (curves["our backbone"].mean(0) > curves["EfficientNet"].mean(0) + 0.04).all()
# EfficientNet was made for images of 224 × 224. We enlarge to 64 × 64 only, to save time.

# %% [markdown]
# With 5 and 20 scenes per class, EfficientNet is far better than pixels and random weights. So what it learned from photographs
# helps here. Our own backbone is better still, but it was trained on 1,500 labelled scenes with these ten classes.
#
# [*Concept 37*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Problem set
#
# **1 · Two boxes** ★ 3 min. Box A is 0, 0, 4, 4 and box B is 2, 1, 6, 5 (x0, y0, x1, y1 in pixels). What is
# their IoU?

# %%
check(iou=...)  # a number from 0 to 1

# %% [markdown]
# **2 · Larger scenes** ★★ 4 min. How many weights and biases does `flatten_head(4)` need for scenes of 96 × 96 pixels?

# %%
check(flatten_weights=...)  # a whole number

# %% [markdown]
# **3 · Explain** ★★ 5 min. A friend segments tumours that cover 1% of each image, and reports a pixel
# accuracy of .985. What do you ask?

# %%
reveal(pixel_accuracy=...)  # your sentences, between quotation marks

# %% [markdown]
# **4 · Explain** ★★ 5 min, after *Going further*. You have 30 labelled X-ray images for each of two classes, and a
# backbone trained on photographs. Which trainings do you compare?

# %%
reveal(thirty_images=...)

# %% [markdown]
# **5 · Debug** ★★ 8 min. `overlaps` (N, N) holds the IoU of each box with each other, `scores` (N,) their
# scores. This NMS removes too many boxes. Why?


# %%
def nms(overlaps, scores, threshold):
    """-> the indices of the kept boxes, the best score first."""
    kept, order = [], np.argsort(-scores)  # the best first
    for rank, box in enumerate(order):
        better = order[:rank]
        if not (overlaps[box, better] > threshold).any():
            kept.append(box)
    return np.array(kept)


# when you have mended it: check(nms)

# %% [markdown]
# **6 · Design** ★★★ 15 min. The flatten head has 6,916 weights and biases. Write a box head with at
# most 2,000 that reaches an IoU of .5 *without a border*. It turns N × 48 × 6 × 6 into N × 4.

# %%
my_head = ...  # nn.Sequential(...)
check(my_head=my_head)

# %% [markdown]
# **7 · Your own task** ★★ 15 min, open, after *Going further*. Ask the frozen backbone another question, such as
# "is it a shoe?". Repeat the rows of Figure 6.10.

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
