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
# # A4 · Networks
#
# LeNet, AlexNet, VGG: you have read about these three networks, and now you build them, exact to the last
# parameter. Then you design a small network, and train two: one of them predicts what, where and how large.
#
# *About 260 min · CPU 1 min · 64 points, and 10 for what you write*
#
# Afterwards you will be able to
#
# - build a network from a paper's table, and prove by counting that it is the one,
# - say where AlexNet's two towers meet and how one sees that from outside,
# - spend a small budget of parameters where it helps most,
# - train a classifier that gives the same scores when it is asked or trained again,
# - judge boxes by their overlap, and train one backbone with three heads.
#
# You need [section 06](../06_backbone_and_heads.ipynb), [section 07](../07_lenet.ipynb),
# [section 08](../08_alexnet.ipynb) and [section 10](../10_vgg.ipynb).
# *Concepts 17, 37–49, 55, 56 and 62*

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/assignments")

# %% [markdown]
# ## How it works
#
# Each question asks for one function. Write it where the cell says `YOUR CODE HERE` (that line and
# the next one go), run the cell, then run the cell with `check(…)` below it: it tells you at once what
# is right and what is not. `hint(…)` helps, a step further each time you run it. Asking costs nothing.
#
# - Keep the names of the functions and the order of their arguments: your work is found by them.
#   Cells of your own, plots and prints are welcome anywhere.
#
# - Questions 1 to 4 ask for a `torch.nn.Module`. Build it as you like: grouped convolutions or two
#   modules, layers in a list or by name. In questions 1 to 3 the check fills your network with weights
#   of its own. Then it looks at the scores, and at which parameters and which pixels matter. It puts the
#   network in evaluation mode first.
# - Questions 5 to 7 get NumPy arrays and may return NumPy arrays or torch tensors. Do not change the
#   arrays that you are given.
# - `torchvision.models` and `torchvision.ops` are no answers here; all of `torch.nn` is fine.
# - Grading calls your functions as `check` does, on inputs drawn anew. Points are shared among groups
#   of cases, so that a function that is right in part earns a part.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import data, plots, scenes
from cv_course.assignments import check, hint, passed

# %% [markdown]
# ## 1 · LeNet, three times (12 points)
#
# All three take grey images from 0 to 1 and give ten scores; the likelier a class, the larger its score.
#
# | | `"1989"`, 16 × 16 pixels | `"1998"`, 28 × 28 | `"modern"`, 28 × 28 |
# |---|---|---|---|
# | border | | two rows and columns of zeros on each side, so 32 × 32 | the same |
# | first maps | H1: 12 maps of 8 × 8, kernels 5 × 5, stride 2, padding 2 | C1: 6 maps, kernels 5 × 5 | the same |
# | | | S2: sums of 2 × 2, times a coefficient, plus a bias, one of each per map | pooling 2 × 2 |
# | second maps | H2: 12 maps of 4 × 4, the same kernels, each looks at 8 maps of H1 | C3: 16 maps, kernels 5 × 5, each looks at some maps of S2 | at all of them |
# | | | S4: like S2 | pooling 2 × 2 |
# | then | 30 → 10 | C5: 120, F6: 84, ten fixed codes of 84 numbers | 120 → 84 → 10 |
# | biases | one for each *unit* of H1 and H2 | one per map | one per map |
# | parameters | 9,760 | 60,000 | 61,706 |
#
# In 1998, map by map of C3, the maps of S2 that it looks at are these:
# 012, 123, 234, 345, 045, 015, 0123, 1234, 2345, 0345, 0145, 0125, 0134, 1245, 0235, 012345. The score of
# a class is minus the squared distance of F6's state to the class's code; the codes (each number −1 or 1)
# are given, not learned. You are free in the activation function (there has to be one), in the kind of
# pooling of `"modern"`, in the codes, and in the choice of the eight maps of H2.
#
# Which layer holds most of the parameters? Guess before you count.


# %% nbgrader={"grade": false, "grade_id": "lenet", "locked": false, "schema_version": 3, "solution": true, "task": false}
def lenet(variant):
    """variant "1989" (images N x 1 x 16 x 16), "1998" or "modern" (N x 1 x 28 x 28, padded by the
    network itself) -> a module that gives (N, 10) scores."""
    ### BEGIN SOLUTION
    table = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"

    class SparseConv(nn.Module):
        """A convolution whose output maps look at some of the input maps only."""

        def __init__(self, mask, stride=1, padding=0, bias_shape=None):
            super().__init__()
            self.register_buffer("mask", mask[:, :, None, None])
            self.weight = nn.Parameter(0.1 * torch.randn(*mask.shape, 5, 5))
            self.bias = nn.Parameter(torch.zeros(bias_shape or (len(mask), 1, 1)))
            self.how = {"stride": stride, "padding": padding}

        def forward(self, x):
            return F.conv2d(x, self.weight * self.mask, **self.how) + self.bias

    class Subsampling(nn.Module):
        def __init__(self, maps):
            super().__init__()
            self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.25))
            self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

        def forward(self, x):
            return self.coefficient * 4 * F.avg_pool2d(x, 2) + self.bias

    class Codes(nn.Module):
        def __init__(self):
            super().__init__()
            dice = torch.Generator().manual_seed(0)
            self.register_buffer("codes", torch.randint(2, (10, 84), generator=dice) * 2.0 - 1)

        def forward(self, state):
            return -(state[:, None] - self.codes).square().sum(2)

    def lenet_1989():
        sparse = torch.tensor([[float((j - i) % 12 < 8) for j in range(12)] for i in range(12)])
        return nn.Sequential(
            *(SparseConv(torch.ones(12, 1), 2, 2, (12, 8, 8)), nn.Tanh()),
            *(SparseConv(sparse, 2, 2, (12, 4, 4)), nn.Tanh()),
            *(nn.Flatten(), nn.Linear(192, 30), nn.Tanh(), nn.Linear(30, 10)),
        )

    def lenet_1998():
        sparse = torch.tensor([[float(str(j) in row) for j in range(6)] for row in table.split()])
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), Subsampling(6), nn.Tanh()),
            *(SparseConv(sparse), nn.Tanh(), Subsampling(16), nn.Tanh()),
            *(
                nn.Conv2d(16, 120, 5),
                nn.Tanh(),
                nn.Flatten(),
                nn.Linear(120, 84),
                nn.Tanh(),
                Codes(),
            ),
        )

    def lenet_modern():
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
        )

    return {"1989": lenet_1989, "1998": lenet_1998, "modern": lenet_modern}[variant]()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_lenet", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
check(lenet)
### BEGIN HIDDEN TESTS
from cv_course.grading import demand

demand("A4", lenet)
### END HIDDEN TESTS

# %%
hint(lenet)

# %% [markdown]
# Your modern network, fresh and untrained, and a single image: what do its first maps show already?

# %%
if passed(lenet):
    torch.manual_seed(0)
    boot = data.as_float(data.fashion_mnist().test.images[19:20])
    first = next(module for module in lenet("modern").modules() if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        maps = first(boot)[0]
    figure, axes = plots.figure(7, 1.5, 1, len(maps) + 1)
    for axis, image, name in zip(
        axes, [boot[0, 0], *maps], ["image", *range(len(maps))], strict=True
    ):
        axis.imshow(image.detach(), cmap="gray")
        axis.set_title(name, fontsize=8)
        axis.set_axis_off()
    plots.show(
        figure,
        caption="Figure 1. An image and the maps that an untrained first layer makes of it. Each has its own scale.",
        alt=f"An image and the {len(maps)} maps that an untrained first layer makes of it: blurred, with "
        "bright or dark edges, in each map others.",
    )

# %% [markdown]
# ## 2 · AlexNet, with one stream or two towers (10 points)
#
# Images of 3 × 227 × 227, a thousand scores. Convolutions: 96 filters 11 × 11 with stride 4; 256 of 5 × 5
# with padding 2; 384, 384 and 256 of 3 × 3 with padding 1. Poolings 3 × 3 with stride 2 follow the first, the
# second and the fifth. Then 9,216 → 4,096 → 4,096 → 1,000. A ReLU follows every layer but the last. You may
# put in dropout and local response normalisation, or leave them out.
#
# With `two_towers`, one half of the maps lives on one graphics card and one half on the other: conv2,
# conv4 and conv5 read only the maps of their own tower. conv3 reads both, and so do the fully connected
# layers. **Predict:** does that make the network smaller, and by how much: a half, a tenth, a fiftieth?


# %% nbgrader={"grade": false, "grade_id": "alexnet", "locked": false, "schema_version": 3, "solution": true, "task": false}
def alexnet(two_towers):
    """two_towers, True or False -> a module, N x 3 x 227 x 227 images to (N, 1000) scores."""
    ### BEGIN SOLUTION
    parts = 2 if two_towers else 1
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=parts), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 384, 3, padding=1, groups=parts), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1, groups=parts), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Flatten(), nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)),
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_alexnet", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(alexnet)
### BEGIN HIDDEN TESTS
demand("A4", alexnet)
### END HIDDEN TESTS

# %%
hint(alexnet)

# %% [markdown]
# ## 3 · VGG, five times (10 points)
#
# Images of 3 × 224 × 224. Five stages with 64, 128, 256, 512 and 512 filters, each of them 3 × 3 with padding 1,
# followed by a ReLU; a pooling 2 × 2 at the end of a stage. Then 4,096, 4,096 and 1,000 as in AlexNet.
# What differs is how many convolutions a stage has:
#
# | | A | B | C | D | E |
# |---|---|---|---|---|---|
# | stages 1 to 5 | 1 1 2 2 2 | 2 2 2 2 2 | 2 2 3 3 3 | 2 2 3 3 3 | 2 2 4 4 4 |
#
# C and D are not the same: in C the last convolution of the stages 3, 4 and 5 is 1 × 1. Write one loop, not
# five networks. The check takes some seconds for each: these are large networks.


# %% nbgrader={"grade": false, "grade_id": "vgg", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vgg(config):
    """config "A" to "E" -> a module, N x 3 x 224 x 224 images to (N, 1000) scores."""
    ### BEGIN SOLUTION
    counts = {"A": "11222", "B": "22222", "C": "22333", "D": "22333", "E": "22444"}[config]
    layers, channels = [], 3
    for stage, width in enumerate((64, 128, 256, 512, 512)):
        count = int(counts[stage])
        for number in range(count):
            single = config == "C" and stage >= 2 and number == count - 1
            kernel = 1 if single else 3
            layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *(*layers, nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)),
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_vgg", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(vgg)
### BEGIN HIDDEN TESTS
demand("A4", vgg)
### END HIDDEN TESTS

# %%
hint(vgg)

# %% [markdown]
# Where are all these parameters? On the `meta` device tensors have a shape and no content, so that even
# the largest network costs nothing.

# %%
if passed(vgg) and passed(alexnet):
    shares = {}
    for name, build, choice in (
        ("AlexNet", alexnet, True),
        *(("VGG " + c, vgg, c) for c in "ABCDE"),
    ):
        with torch.device("meta"):
            sizes = [
                (p.numel(), p.numel() > 4e6 or p.shape[-1] > 11) for p in build(choice).parameters()
            ]
        shares[name] = [
            sum(n for n, full in sizes if full is which) / 1e6 for which in (False, True)
        ]
    figure, axis = plots.figure(6, 2.8)
    convolutions, full = zip(*shares.values(), strict=True)
    axis.barh(list(shares), convolutions, label="convolutions")
    axis.barh(
        list(shares),
        full,
        left=convolutions,
        hatch="//",
        edgecolor="white",
        label="fully connected",
    )
    axis.invert_yaxis()
    axis.set(xlabel="million parameters")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=2)
    plots.show(
        figure,
        caption="Figure 2. Parameters of each network, convolutions and fully connected layers.",
        alt="Bars of parameters in millions, convolutions and fully connected layers: "
        + "; ".join(f"{name} {a:.0f} and {b:.0f}" for name, (a, b) in shares.items())
        + ".",
    )

# %% [markdown]
# ## 4 · A network on a budget (8 points)
#
# Design a network for clothes of 28 × 28 pixels that holds at most `most` numbers, parameters and buffers
# together. The check asks for 4,000 and for 2,000. Each image is shifted at random by up to 5 pixels. The
# check trains your network itself, always in the same way (4 epochs on 4,000 images, Adam). It must then
# classify 68% of 2,000 hidden images right with 4,000 numbers, and 64% with 2,000. A linear classifier with
# so many numbers does not get there. Why not?


# %% nbgrader={"grade": false, "grade_id": "small_network", "locked": false, "schema_version": 3, "solution": true, "task": false}
def small_network(most):
    """most, the number of parameters -> a module, N x 1 x 28 x 28 images to (N, 10) scores."""
    ### BEGIN SOLUTION
    first, second, side = (8, 16, 4) if most >= 4000 else (6, 12, 3)
    return nn.Sequential(
        *(nn.Conv2d(1, first, 3, padding=1), nn.BatchNorm2d(first), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(first, second, 3, padding=1), nn.BatchNorm2d(second), nn.ReLU()),
        *(nn.AdaptiveMaxPool2d(side), nn.Flatten(), nn.Linear(second * side**2, 10)),
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_small_network", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(small_network)
### BEGIN HIDDEN TESTS
demand("A4", small_network)
### END HIDDEN TESTS

# %%
hint(small_network)

# %% [markdown]
# Where did you spend the numbers?

# %%
if passed(small_network):
    for most in (4000, 2000):
        parts = [p.numel() for p in small_network(most).parameters()]
        print(f"at most {most:,}: {sum(parts):,} parameters, layer by layer {parts}")

# %% [markdown]
# ## 5 · Train a classifier (10 points)
#
# Your function gets images and returns a function that predicts. It must classify 80% of images right that
# it has not seen, with 8,000 to learn from and at most two minutes of computing (much less is enough).
# Three more things are easily forgotten. **The same seed gives the same classifier.** **The same image gets
# the same scores**, however often it is asked for and whatever images are in its batch. **Each call makes a
# classifier of its own**, so that a later call does not change an earlier one. What could prevent that?


# %% nbgrader={"grade": false, "grade_id": "fit_classifier", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fit_classifier(images, labels, seed):
    """images (N, 1, 28, 28) uint8, labels (N,) -> a function predict(images) -> (N, 10) scores."""
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    x, y = torch.as_tensor(images).float() / 255, torch.as_tensor(labels)
    net = nn.Sequential(
        *(nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(24 * 49, 10)),
    ).to(memory_format=torch.channels_last)  # the same numbers, sooner: section 12
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    for _ in range(3):
        for batch in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()

    def predict(images):
        with torch.no_grad():
            return net(torch.as_tensor(images).float() / 255)

    return predict
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_fit_classifier", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(fit_classifier)
### BEGIN HIDDEN TESTS
demand("A4", fit_classifier)
### END HIDDEN TESTS

# %%
hint(fit_classifier)

# %% [markdown]
# What does your classifier confuse? For speed it learns from 2,000 images here, a quarter of what the
# check gives it, so it stays below what the check found.

# %%
if passed(fit_classifier):
    fashion = data.fashion_mnist()
    learn, unseen = fashion.train[:2000], fashion.test[:1000]
    predict = fit_classifier(learn.images.numpy(), learn.labels.numpy(), 0)
    said = torch.as_tensor(predict(unseen.images.numpy())).argmax(1)
    table = np.zeros((10, 10), int)
    np.add.at(table, (unseen.labels.numpy(), said.numpy()), 1)
    figure, axis = plots.figure(4.6, 4.2)
    axis.imshow(table, cmap="Blues")
    for row, column in np.argwhere(table):
        colour = "white" if table[row, column] > 60 else "black"
        axis.text(
            column, row, table[row, column], ha="center", va="center", color=colour, fontsize=7
        )
    axis.set_xticks(range(10), fashion.classes, rotation=60, ha="right", fontsize=7)
    axis.set_yticks(range(10), fashion.classes, fontsize=7)
    axis.set(xlabel="predicted class", ylabel="true class")
    right = np.trace(table) / table.sum()
    worst = np.unravel_index((table - np.diag(np.diag(table))).argmax(), table.shape)
    names = [fashion.classes[i] for i in worst]
    plots.show(
        figure,
        caption=f"Figure 3. What is predicted for the test images of each class; {right:.0%} are right.",
        alt=f"A table of 10 by 10 counts, most on the diagonal. The largest off it: {names[0]} taken for "
        f"{names[1]}, {table[tuple(worst)]} times.",
    )

# %% [markdown]
# ## 6 · How good is a box? (6 points)
#
# Intersection over union is the area that two boxes share, divided by the area that they cover together.
# It is 0 for all boxes that lie apart, be they near or far. The **generalised** intersection over union
# tells these apart, too. Take the smallest box around both. Subtract the share of it that neither of the
# two boxes covers:
#
# $$\text{GIoU} = \frac{\text{intersection}}{\text{union}} - \frac{\text{around} - \text{union}}{\text{around}}$$
#
# Boxes are x1, y1, x2, y2, two opposite corners; x2 and y2 lie just after the last pixel. A box may begin
# outside of the image. The boxes may hold whole numbers of 32 bits, too. Two boxes that lie apart share
# nothing. Where a fraction is 0 / 0, it counts as 0. Which values can the answer have?


# %% nbgrader={"grade": false, "grade_id": "generalised_iou", "locked": false, "schema_version": 3, "solution": true, "task": false}
def generalised_iou(a, b):
    """a (N, 4), b (M, 4), boxes as x1, y1, x2, y2 -> (N, M), the generalised IoU of each with each."""
    ### BEGIN SOLUTION
    first, second = a[:, None].astype(float), b[None].astype(float)
    low, high = np.minimum(first, second), np.maximum(first, second)
    shared = np.maximum(low[..., 2:] - high[..., :2], 0).prod(axis=-1)
    around = (high[..., 2:] - low[..., :2]).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (first, second)]
    union = sum(areas) - shared

    def ratio(part, whole):
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0)

    return ratio(shared, union) - ratio(around - union, around)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_generalised_iou", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(generalised_iou)
### BEGIN HIDDEN TESTS
demand("A4", generalised_iou)
### END HIDDEN TESTS

# %%
hint(generalised_iou)

# %% [markdown]
# ## 7 · One backbone, three heads (8 points)
#
# Each scene of 64 × 64 pixels holds one piece of clothing, somewhere on a noisy background. Predict what it
# is, where it is and which pixels belong to it: ten scores, a box in pixels, a mask. With 2,500 scenes to
# learn from, the mean intersection over union must reach 0.35 for boxes and 0.60 for masks, and 25% of
# the classes must be right, in at most two minutes of computing. Think first: which head needs the
# position, and for which head should the position make no difference?


# %% nbgrader={"grade": false, "grade_id": "fit_multi_head", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fit_multi_head(images, labels, boxes, masks, seed):
    """images (N, 1, 64, 64) uint8, labels (N,), boxes (N, 4), masks (N, 64, 64) bool -> a function
    predict(images) -> scores (N, 10), boxes (N, 4), masks (N, 64, 64), booleans or logits."""

    ### BEGIN SOLUTION
    def block(inputs, outputs, kernel, stride=1):
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

    class ThreeHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.fine = block(1, 12, 5, stride=2)  # 32 x 32 places
            self.coarse = nn.Sequential(  # 8 x 8 places
                *(nn.MaxPool2d(2), block(12, 32, 3)),
                *(nn.MaxPool2d(2), block(32, 48, 3), block(48, 48, 3)),
            )
            self.scores = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(48, 10))
            self.box = nn.Sequential(nn.Flatten(), nn.Linear(48 * 64, 4))
            self.enlarge = nn.Sequential(nn.Conv2d(48, 8 * 16, 1), nn.PixelShuffle(4))
            self.mask = nn.Sequential(  # at 32 x 32 positions, then twice as large
                *(block(20, 8, 3), nn.Conv2d(8, 1, 3, padding=1)),
                *(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Flatten(1, 2)),
            )

        def forward(self, x):
            fine = self.fine(x)
            coarse = self.coarse(fine)
            joined = torch.cat([fine, self.enlarge(coarse)], 1)
            return self.scores(coarse), self.box(coarse), self.mask(joined)

    torch.manual_seed(seed)
    x, y, box, mask = (torch.as_tensor(part) for part in (images, labels, boxes, masks))
    box, mask, epochs = box / 64, mask.float(), 4
    net = ThreeHeads().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters())
    steps = epochs * -(-len(x) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(32):
            scores, corners, inside = net(x[batch].float() / 255)
            loss = F.cross_entropy(scores, y[batch]) + 10 * F.l1_loss(corners, box[batch])
            loss = loss + 8 * F.binary_cross_entropy_with_logits(inside, mask[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()

    def predict(images):
        with torch.no_grad():
            scores, corners, inside = net(torch.as_tensor(images).float() / 255)
        return scores, corners * 64, inside

    return predict
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_fit_multi_head", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(fit_multi_head)
### BEGIN HIDDEN TESTS
demand("A4", fit_multi_head)
### END HIDDEN TESTS

# %%
hint(fit_multi_head)

# %% [markdown]
# Scenes that your network has never seen, each with the predicted class and the true one in brackets. Here
# it learns from 1,200 scenes only. Where does it fail, and can you see why?

# %%
if passed(fit_multi_head):
    fashion = data.fashion_mnist()
    learn = scenes.scenes(fashion.train, 1200, sizes=(28, 28), seed=1)
    unseen = scenes.scenes(fashion.test, 6, sizes=(28, 28), seed=2)
    parts = [part.numpy() for part in (learn.images, learn.labels, learn.boxes, learn.masks)]
    scores, boxes, masks = map(torch.as_tensor, fit_multi_head(*parts, 0)(unseen.images.numpy()))
    figure, axes = plots.figure(7.5, 1.9, 1, 6)
    for n, axis in enumerate(axes):
        axis.imshow(unseen.images[n, 0], cmap="gray")
        axis.contour(masks[n] > 0, levels=[0.5], colors=plots.COLOURS[1], linewidths=1)
        x1, y1, x2, y2 = (float(end) - 0.5 for end in boxes[n])
        corners = [x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1]
        axis.plot(*corners, color=plots.COLOURS[2], marker="")
        said, true = (fashion.classes[int(c)] for c in (scores[n].argmax(), unseen.labels[n]))
        axis.set_title(f"{said}\n({true})", fontsize=8)
        axis.set_axis_off()
    right = int((scores.argmax(1) == unseen.labels).sum())
    plots.show(
        figure,
        caption="Figure 4. Six scenes, with the predicted box (green), the outline of the mask (orange) and the class; the true class in brackets.",
        alt="Six noisy scenes, each with the box, the outline of the mask and the class that the network "
        f"says; {right} of the six classes are right.",
    )

# %% [markdown]
# ## 8 · In your own words (10 points)
#
# Three networks: LeNet-5, AlexNet and VGG-16. Where are their parameters, and where is their computation?
# Explain in about 200 words why the two are in different layers, which layer you would change to make
# AlexNet ten times smaller, and what that would cost. Any language that your course agreed on is fine. A
# person reads this.
#
# Write below the first line and keep that line: your answer is found by it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "where_the_parameters_are", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# **Your answer** (`where_the_parameters_are`):
#
# ### BEGIN SOLUTION
# Parameters are where every output has weights of its own: in the fully connected layers. AlexNet's fc6
# alone, 9,216 × 4,096, holds more than half of the network; VGG-16's first one, 25,088 × 4,096, even more. In
# LeNet-5 it is C5, which is a full layer in all but its name. Computation is where a weight is used often:
# in the convolutions. A filter of conv1 is used at 55 × 55 positions, a weight of fc6 once for each image. So the
# convolutions of AlexNet have about 4% of the parameters and over 90% of the multiplications.
#
# To make AlexNet ten times smaller, the fully connected layers have to go: take the mean of each of the
# 256 maps, and one layer from these to the 1,000 classes. That leaves the convolutions and a quarter of a
# million weights, well below a tenth. The price: the mean forgets where something was, so the features
# must say it all; the two hidden layers that combined them are gone; and the network has to be trained
# anew. It becomes hardly faster, since the convolutions do the work. What one wins is memory, and that
# images of any size fit.
# ### END SOLUTION

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells from the top: what only works thanks to a cell that you have
# deleted does not work when it is graded. Every `check` should say what you expect. Then let the grader
# have a first look: `cv-course preview FILE.ipynb` in a terminal, or in a cell of your own in Colab
#
# ```python
# from cv_course.assignments.preview import preview
#
# preview()
# ```
#
# Hand in this file, under the name that your course asks for (with `_A4` in it).
