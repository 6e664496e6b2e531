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
# # 02 · Features, by hand or learned
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/02_features_by_hand_or_learned.ipynb)
#
# **What should be designed, what learned, and how would you know?**
#
# For decades, experts designed what a machine measures in an image. Today this is usually learned from
# examples. In this section the two compete under equal conditions. You need
# Python, NumPy and matrices.
#
# Afterwards you will be able to
#
# - compute classical features by hand, and say what they can no longer see,
# - compare features fairly: equal images, an equal model after them, and a random control,
# - say when learned features win in our tests, and what is designed even then.
#
# *About 45 min with exercises · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, features, plots
from cv_course.plots import show
from cv_course.sections.s02_features import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Features by hand
#
# A **feature** is a number that we compute from an image because it helps with a task. The classical
# recipe has three steps:
#
# 1. Clean the image, for example of noise.
# 2. Compute features that an expert has designed.
# 3. Give them to a simple model, which learns from examples.
#
# Which features would an expert choose? Very often, they describe edges. At an **edge** the brightness changes. A
# **filter** can find edges. It is a small grid of numbers. At each pixel, we multiply the pixels around it by
# these numbers, and add up the results. Take a row of pixels with the brightness 10, 10, 10, 60, 60. The filter
# (−1, 0, 1) computes "right neighbour minus left neighbour". At the three inner pixels this gives 0, 50, 50. So it
# responds at the edge.

# %% tags=["hide-input"]
# @title Figure 2.1: filters on a photograph
show(
    play.filter_photo(data.photos(160)["camera"]),
    caption="Figure 2.1. A photograph and the output of a filter of 3 × 3 numbers. Red is positive, blue "
    "negative, white 0. Noise can be added, and the image smoothed before the filter.",
)

# %% [markdown]
# Step to the third picture: with noise, the filter responds everywhere. Then step to the fourth. Smoothing replaces each pixel
# by the average of 3 × 3 pixels. This is the cleaning of step 1. The **correlation** above the output compares it
# with the output for the photograph without noise. A correlation of 1 means the same pattern, 0 means no linear relation. Smoothing
# makes it higher, but fine edges become weaker.
#
# The two differences at a pixel, right − left and below − above, form an arrow. It is called the **image
# gradient**. The length of the arrow says how strong the edge is. Its angle says
# in which direction the image becomes brighter. So the arrow points across the edge, at 90° to it. For the differences 4 and 3, the length is
# $\sqrt{4^2+3^2}=5$ and the angle is 37°.
#
# If an edge moves by one pixel, the arrows at many pixels change. So experts collect the arrows of a **cell**, a small square of
# pixels. The **histogram** of a cell divides the angles into equal **bins**. Each pixel adds the length of its arrow
# to one bin. An edge from dark to bright should count like an edge from bright to dark. So opposite arrows share a bin, and the
# angles go only from 0 to 180°.
#
# Write this histogram for one cell. An example with two pixels: one has the differences 4 and 3, another 0 and 2, and there
# are 4 bins of 45° each. The angles are 37° and 90°. At the end we divide by the number of
# pixels, here 2. The result is (5/2, 0, 2/2, 0).


# %%
def cell_histogram(across, down, bins):
    """across, down (H, W), NumPy arrays: the two differences at each pixel of one cell;
    bins, a number K -> (K,) summed lengths per bin, divided by the number of pixels."""
    ...  # replace this line


check(cell_histogram)

# %%
hint(cell_histogram)

# %% [markdown]
# Our images for the rest of the section are 28 × 28 pixels: clothes in ten classes, from Fashion-MNIST. We learn
# from **training images**. We compare ideas on other images, the **validation images**. A third set, the **test
# images**, waits until the end.

# %%
fashion = data.fashion_mnist()
train, validation, test = fashion.train[:8_000], fashion.train[8_000:], fashion.test
print(len(train), "training,", len(validation), "validation,", len(test), "test images")

# %% tags=["hide-input"]
# @title Figure 2.2
from matplotlib.patches import Rectangle

boot = train.images[9:10]
length, angle = features.gradients(boot)
cells = features.cell_histograms(length, angle)[0].numpy()  # 7 × 7 cells, 9 bins
row, column = divmod(int(cells.sum(-1).argmax()), 7)
figure, (left, middle, right) = plots.figure(8, 2.8, 1, 3, width_ratios=(1, 1.2, 1))
left.imshow(plots.as_picture(boot[0]), cmap="gray")
left.add_patch(
    Rectangle((4 * column - 0.5, 4 * row - 0.5), 4, 4, fill=False, ec=plots.COLOURS[1], lw=2.5)
)
left.set_title("a boot, one cell framed")
middle.bar(20 * np.arange(9) + 10, cells[row, column], 18, color=plots.COLOURS[0])
middle.set(xticks=[0, 90, 180], xlabel="angle (degrees)", title="histogram of this cell")
middle.set_ylabel("mean length (grey levels)")
right.imshow(plots.as_picture(boot[0]), cmap="gray", alpha=0.35)
play.draw_cells(right, cells, 4)
right.set_title("all 49 cells")
for axis in (left, right):
    axis.set(xticks=[], yticks=[])
show(
    figure,
    caption="Figure 2.2. Left: an image with one cell of 4 × 4 pixels. Middle: the cell's histogram with nine "
    "bins. Right: for each bin of each cell a stroke along the edge, longer where the bin has collected more.",
    alt="An ankle boot with a framed cell, a histogram with one high bar, and strokes that follow "
    "the outline of the boot.",
)

# %% [markdown]
# The strokes follow the outline of the boot. One step is left, because photographs differ in contrast. Each **block** of 2 × 2
# cells has 36 numbers. We take them as a vector and divide it by its length. So an image at half the brightness gets the same numbers.
# The blocks overlap: 6 × 6 of them fit into 7 × 7 cells. Together they are a simple form of the **histogram of
# oriented gradients**, or **HOG** [Dalal 2005]. For our images it has 6 · 6 · 36 = 1,296 numbers. Such
# a vector of features is also called a **descriptor**.
#
# Then comes the simple model of step 3. It computes a weighted sum of the features for each class. The
# class with the largest sum is the prediction. `fit_linear` finds good weights from training images; section 04 shows how. We call it the
# **read-out** (in papers often *linear probe*). The **accuracy** is the share of correct predictions. With ten
# equally frequent classes, a **constant baseline**, which always predicts the same class, has 0.10.


# %%
def read_out(source, draw, decay=0.01):  # source: a function, images -> features
    return model.fit_linear(source(draw.images), draw.labels, decay=decay)


def accuracies(source, draws, split, decay=0.01):  # one for each draw of training images
    layers = [read_out(source, draw, decay) for draw in draws]
    known = source(split.images)
    return [model.accuracy(layer, known, split.labels) for layer in layers]


def pixels(images):  # no expert: the features are the 784 pixels
    return data.as_float(images).flatten(1)  # N × 784, from 0 to 1


# %%
draws = [model.draw(train, 500, seed) for seed in range(3)]  # three times 500 random images
for name, source in {"pixels": pixels, "HOG": features.hog}.items():
    print(f"{name:6}", [round(share, 3) for share in accuracies(source, draws, validation)])

# %% [markdown]
# The expert's features gain a
# few percentage points over the pixels. Nothing in them was learned from images.
#
# [*Concept 12*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 What a design decides
#
# Each design contains decisions that seem harmless. We look at three of them.
#
# **How a feature is expressed.** Suppose that we keep only the main direction of each cell. We can write it
# in degrees. But as edges, 10° and 170° are only 20° apart: from 10° we pass 0°, which is the same edge as 180°.
# Write a function for this angle.


# %%
def edge_angle(first, second):
    """first, second: (N,) NumPy arrays, directions from 0 to 180 degrees
    -> (N,) the angle between the edges, from 0 to 90 degrees."""
    ...  # replace this line


check(edge_angle)

# %%
hint(edge_angle)

# %% [markdown]
# The numbers 10 and 170 are far apart. Another form has no such jump. We double the angle, so that 180° becomes a full
# turn. Then we keep two numbers, the cosine and the sine of the doubled angle.

# %% tags=["hide-input"]
# @title Figure 2.3
figure, (line, circle) = plots.figure(8, 2.9, 1, 2, width_ratios=(1.7, 1))
line.axhline(0, color="#888888", lw=1)
turn = np.linspace(0, 2 * np.pi, 200)
circle.plot(np.cos(turn), np.sin(turn), color="#888888", lw=1, marker="")
for degree, marker, colour in zip((10, 90, 170), "osD", plots.COLOURS, strict=False):
    one = np.deg2rad(degree)
    reach = np.array([-1, 1])
    line.plot(degree, 0, marker, ms=9, c=colour)
    line.plot(
        degree + 9 * reach * np.cos(one),
        0.6 + 0.32 * reach * np.sin(one),
        c=colour,
        lw=3,
        ls="-",
        marker="",
    )
    line.text(degree, -0.28, f"{degree}°", ha="center", va="top", fontsize=11)
    x, y = np.cos(2 * one), np.sin(2 * one)
    circle.plot(x, y, marker, ms=9, c=colour)
    circle.text(1.45 * x, 1.45 * y, f"{degree}°", ha="center", va="center", fontsize=11)
line.set(xlim=(-12, 192), ylim=(-0.9, 1.05), title="one number: the degrees")
circle.set(xlim=(-1.9, 1.9), ylim=(-1.5, 1.5), aspect="equal", title="two numbers: cosine and sine")
for axis in (line, circle):
    axis.set_axis_off()
show(
    figure,
    caption="Figure 2.3. Edges of 10°, 90° and 170°. Left: on the line of degrees, 10° and 170° are far apart. "
    "Right: with the doubled angle, the three directions lie on a circle, and 10° and 170° are neighbours.",
    alt="Three strokes; those of 10 and 170 degrees look similar. On the line they lie at opposite "
    "ends, on the circle next to each other.",
)  # fmt: skip


# %% [markdown]
# Both forms can be computed from each other. So they contain the same information.


# %%
def as_degrees(images):
    degrees, flat = model.main_direction(images)  # both N × 49; flat is 1 where there is no edge
    return torch.cat([degrees / 180, flat], 1)


def on_a_circle(images):
    degrees, flat = model.main_direction(images)
    doubled = torch.deg2rad(2 * degrees)  # in radians, as cos and sin want it
    return torch.cat([doubled.cos(), doubled.sin(), flat], 1)


# %% [markdown]
# `torch.cat(…, 1)` writes the columns side by side. **Predict:** the read-out may choose any weights. By how many percentage points do the two
# accuracies differ?

# %%
your_guess = "?"  # percentage points, such as 0 or 3


# %%
def cosine_alone(images):  # a control: two numbers per cell, as the degrees
    degrees, flat = model.main_direction(images)
    return torch.cat([torch.deg2rad(2 * degrees).cos(), flat], 1)


# %%
forms = {"degrees": as_degrees, "on a circle": on_a_circle, "control, cosine": cosine_alone}
measured = {}
print(f"your guess: {your_guess}")
for name, form in forms.items():
    measured[name] = accuracies(form, draws, validation)
    print(f"{name:16}", [round(share, 3) for share in measured[name]])

# %% [markdown]
# The form alone makes a clear difference. The control, the cosine alone, has only as many numbers as the degrees.
# It is better, too. So the number of features is not the main reason. With degrees, a weighted sum can only say "the more degrees, the more this class". It
# cannot give 10° and 170° a high value and 90° a low one. With cosine and sine it can: the cosines are 0.94, 0.94 and −1.
#
# **What is left out.** HOG leaves out two things. Opposite arrows share a bin, and the contrast is divided out. We test
# each with a task. In the first task, half of the images are turned into negatives: each
# pixel $p$ becomes $255 - p$. So each arrow turns into its opposite. The ten classes stay the same. In the second task, half of the images are dimmed to half their
# brightness. Now the question is *which images are dim*, so chance is 0.5.
#
# **Predict:** in which task will HOG be better than the pixels?

# %%
your_guess = "?"  # "negatives", "dim", "both" or "neither"


# %%
def negative(images):
    return 255 - images


def dim(images):
    return images // 2


def undivided_hog(images):
    return features.hog(images, block=1, norm="none")  # nothing is divided out


# %% tags=["hide-input"]
# @title Figure 2.4
sources = {"pixels": pixels, "HOG": features.hog, "undivided HOG": undivided_hog}
parts = [*draws, validation]
even = [data.Split(one.images // 2 * 2, one.labels) for one in parts]  # as all dim images are
turned = [model.half_changed(one, negative, seed)[0] for seed, one in enumerate(parts)]
darker = [
    data.Split(one.images, which)  # the question is now: is it dim?
    for one, which in (model.half_changed(one, dim, seed) for seed, one in enumerate(even))
]
negatives, dimmed = (
    {name: accuracies(source, task[:3], task[3]) for name, source in sources.items()}
    for task in (turned, darker)
)
print(f"your guess: {your_guess}")
figure, (left, right) = plots.figure(5.2, 5.6, 2, 1)
for axis, found, chance, title in (
    (left, negatives, 0.1, "ten classes, half are negatives"),
    (right, dimmed, 0.5, "which images are dim?"),
):
    plots.bars(
        found,
        ylabel="validation accuracy",
        ylim=1.15,
        levels={"chance": chance},
        title=title,
        axis=axis,
    )
show(
    figure,
    caption="Figure 2.4. Two tasks, each learned from 500 images. Dots are three draws of the images.",
    alt="; ".join(
        f"{title}: " + ", ".join(f"{name} {np.mean(runs):.2f}" for name, runs in found.items())
        for title, found in (("negatives", negatives), ("dim", dimmed))
    ),
)  # fmt: skip

# %% [markdown]
# HOG does not notice the negatives at all: its 1,296 numbers are exactly the same. The expert's decision
# was right for this task, and no example was needed to learn it. The pixels lose most of their accuracy.
#
# In the second task HOG is at chance, because the brightness was divided out. What a feature leaves out, no model after it can bring
# back. As a control, HOG *without* the division (undivided HOG) solves this task well.
#
# **Your design.** Which settings are best for the ten classes? Change the cell, the bins and the division.

# %% tags=["hide-input"]
# @title Figure 2.5: design your own
show(
    play.design_feature(draws[0], validation, item=9),
    caption="Figure 2.5. The histograms of one image with other cells and bins, and the validation accuracy of "
    "the read-out that learned from 500 images.",
)

# %% [markdown]
# Your best value is probably a little too good. You tried several designs and kept the best one on *these* images, and a part
# of that is luck. That is why another set, the test images, must judge the final choice. They may do
# so only once.
#
# [*Concept 14*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(measured["on a circle"]) > max(measured["degrees"]) + 0.04
assert min(measured["control, cosine"]) > max(measured["degrees"]) + 0.02
assert min(measured["on a circle"]) > max(measured["control, cosine"]) + 0.02
assert torch.equal(features.hog(negative(boot)), features.hog(boot))
assert min(negatives["HOG"]) > 0.75 and max(negatives["pixels"]) < 0.45
assert max(dimmed["HOG"]) < 0.58 and min(dimmed["undivided HOG"]) > 0.88
assert min(dimmed["pixels"]) > 0.75

# %% [markdown]
# ## 3 Features that are learned
#
# A **network** is a chain of simple steps that contains many adjustable numbers, its **weights**. **Training** shows it images with their
# classes and changes all weights a little, again and again, so that its predictions improve. Sections 04 and 05 explain
# both.
#
# The last step of our network is a weighted sum per class, like the read-out. All steps before it are the
# **backbone**. Its outputs are features. No expert chooses their numbers: training changes all weights together, from the
# pixels to the prediction. This is called **end to end**.
#
# Our backbone is a chain of filters. You need not understand each line; the comments say what it does.


# %%
def new_backbone():  # random weights; images in, 32 · 7 · 7 = 1,568 features out
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False),  # 16 filters, every second pixel
        nn.ReLU(), nn.MaxPool2d(2),  # negative numbers become 0; then the largest of each 2 × 2
        nn.Conv2d(16, 32, 3, padding=1, bias=False),  # 32 filters that look at the 16 outputs
        nn.ReLU(), nn.Flatten(),
    )  # fmt: skip


# %% [markdown]
# What is a fair comparison? All sources of features get the same training images and the same read-out. After
# training, we drop the network's own last step and fit the read-out anew. All but the pixels
# have about the same number of features. Each network is trained for about 250 steps.
#
# We also need a **control**: the *untrained* backbone, whose filters are random numbers. Suppose that the trained
# backbone is better than the pixels. The cause may be training, or only the chain of
# filters. The control tells the two apart.
#
# **Predict:** order the four sources for 100 training images, and for 2,000: pixels, HOG, untrained backbone,
# trained backbone.

# %%
your_guess = "?"  # two orders, best first

# %%
sizes, untrained, trained = [100, 2_000], {}, {}
for seed in range(3):
    torch.manual_seed(seed)
    untrained[seed] = new_backbone()
    for size in sizes:
        torch.manual_seed(seed)  # the same weights as the untrained one
        trained[size, seed] = new_backbone()
        model.train(trained[size, seed], model.draw(train, size, seed), seed)


# %% tags=["hide-input"]
# @title Figure 2.6
from functools import partial

sources = {}  # (kind, size, seed) -> a function, images -> features
for seed in range(3):
    start = partial(model.outputs, untrained[seed])  # the same for both sizes
    for size in sizes:
        sources["pixels", size, seed] = pixels
        sources["HOG", size, seed] = features.hog
        sources["untrained", size, seed] = start
        sources["trained", size, seed] = partial(model.outputs, trained[size, seed])
layers = {key: read_out(source, model.draw(train, *key[1:])) for key, source in sources.items()}


def compare(split):
    """kind -> accuracies, draws × sizes"""
    known = {source: source(split.images) for source in set(sources.values())}
    found = {kind: np.zeros((3, len(sizes))) for kind, *_ in sources}
    for (kind, size, seed), source in sources.items():
        reached = model.accuracy(layers[kind, size, seed], known[source], split.labels)
        found[kind][seed, sizes.index(size)] = reached
    return found


table = compare(validation)
print(f"your guess: {your_guess}")
for kind, runs in table.items():
    shares = (f"{size:,}: {share:.3f}" for size, share in zip(sizes, runs.mean(0), strict=True))
    print(f"{kind:10}", "  ".join(shares))
figure, axis = plots.figure(3.5, 3.6)  # fits a phone
for number, size in enumerate(sizes):
    colour, marker = plots.COLOURS[number], "os"[number]
    for column, runs in enumerate(table.values()):
        three, mean = runs[:, number], runs[:, number].mean()
        axis.plot(column + np.array([-0.15, 0, 0.15]), three, marker, ls="", mfc="none", c=colour)
        axis.hlines(mean, column - 0.3, column + 0.3, color=colour, lw=3)
    axis.text(1.5, (0.765, 0.855)[number], f"{size:,} training images", c=colour, ha="center")
axis.set(ylim=(0.67, 0.87), yticks=[0.7, 0.75, 0.8, 0.85], ylabel="validation accuracy")
axis.set_xticks(range(4), table, fontsize=9)
show(
    figure,
    caption="Figure 2.6. Accuracy of the same read-out on four kinds of features (chance is 0.10; the axis begins at "
    "0.67). Marks are three draws of the images, with three random starts of the network. Strokes are their means.",
    alt="With 100 images: " + ", ".join(f"{kind} {runs.mean(0)[0]:.2f}" for kind, runs in table.items())
    + ". With 2,000: " + ", ".join(f"{kind} {runs.mean(0)[1]:.2f}" for kind, runs in table.items()),
)  # fmt: skip

# %% [markdown]
# With 100 images, HOG is first on average, and clearly ahead of the trained backbone. Its lead over the pixels is small and
# may be chance. The trained backbone is not better than the untrained one. With only 100 images, training did not find better filters.
#
# With 2,000 images, the trained backbone is above the pixels. Without the control, we would praise training. But
# the *untrained* backbone is about as good, and so is HOG. So with 250 steps, the gain over the pixels comes from the
# untrained chain: its size, ReLUs and filters together. People designed it.
#
# [*Concept 13*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
means = {kind: runs.mean(0) for kind, runs in table.items()}
assert means["HOG"][0] > means["trained"][0] + 0.015
assert means["trained"][0] < means["untrained"][0] + 0.015
assert means["trained"][1] > means["pixels"][1] + 0.008
assert abs(means["trained"][1] - means["untrained"][1]) < 0.025
assert abs(means["trained"][1] - means["HOG"][1]) < 0.025

# %% [markdown]
# ## 4 When learned features win
#
# Why did random filters do so well? A possible reason: the read-out gets 1,568 numbers per image. From so many numbers it
# may build what it needs. So we make the numbers scarce, with a smaller network: only 64 per image.
#
# The smaller network has one layer of filters of 7 × 7. We divide its output into square regions. Of each filter, we keep
# the largest output in each region. We call this network a **slot**, because filters from any source can be put into
# it. One slot has 16 filters and 4 regions, so 16 · 4 = 64 numbers. The other has 4 filters and 16
# regions, also 64.


# %%
def new_slot(filters, side):  # side: of a region, in pixels
    return nn.Sequential(
        nn.Conv2d(1, filters, 7, padding=3, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(side),  # the largest output of each region
        nn.Flatten(),
    )


# %% [markdown]
# Three sources of filters compete, with 2,000 training images:
#
# - by hand: as 16 filters, edges and lines in 8 directions; as 4 filters, edges in 4 directions,
# - random: the random numbers with which a network starts,
# - learned: the same random numbers after training end to end.
#
# **Predict:** in the slot with 16 filters, which of the three is best?

# %%
your_guess = "?"  # "by hand", "random" or "learned"

# %%
larger = [model.draw(train, 2_000, seed) for seed in range(3)]
slots = {"16 filters, 4 regions": (16, 14), "4 filters, 16 regions": (4, 7)}  # filters, side
by_hand = {16: model.hand_filters(8, "edges and lines"), 4: model.hand_filters(4, "edges")}

# %%
filled = {}  # (slot, source, seed) -> filters in their slot
for slot, (count, side) in slots.items():
    for seed, draw in enumerate(larger):
        for source in ("by hand", "random", "learned"):
            torch.manual_seed(seed)  # random and learned start with the same filters
            filled[slot, source, seed] = new_slot(count, side)
        filled[slot, "by hand", seed][0].weight.data = by_hand[count]  # put them in
        model.train(filled[slot, "learned", seed], draw, seed, rate=0.2)

# %% [markdown]
# (`rate` is the size of the training steps.)

# %% tags=["hide-input"]
# @title Figures 2.7 and 2.8
first_slot = next(iter(slots))
rows = [
    filled[first_slot, source, 0][0].weight.detach()[:8]
    for source in ("by hand", "random", "learned")
]
rows = torch.cat([row / row.abs().amax((1, 2, 3), keepdim=True) for row in rows])
show(
    plots.pictures(
        rows, columns=8, size=0.8, signed=True, row_names=["by hand", "random", "learned"]
    ),
    caption="Figure 2.7. Eight of the 16 filters from each source, each scaled to its own largest number. Red is "
    "positive, blue negative. The learned filters began as the random ones above them.",
    alt="Filters by hand: stripes in several directions. Random: noise. Learned: noise that has "
    "become smoother patches of red and blue.",
)


slot_layers = {
    key: read_out(partial(model.outputs, one), larger[key[2]], decay=0.003)
    for key, one in filled.items()
}


def in_slots(split):
    found, known = {slot: {} for slot in slots}, {}
    for (slot, source, seed), one in filled.items():
        which = slot, source, 0 if source == "by hand" else seed  # by hand, all seeds are equal
        if which not in known:
            known[which] = model.outputs(one, split.images)
        reached = model.accuracy(slot_layers[slot, source, seed], known[which], split.labels)
        found[slot].setdefault(source, []).append(reached)
    return found


won = in_slots(validation)
print(f"your guess: {your_guess}")


def small_pixels(images):
    return nn.functional.adaptive_avg_pool2d(data.as_float(images), 8).flatten(1)


averaged = np.mean(accuracies(small_pixels, larger, validation, 0.003))
print(f"8 × 8 averaged pixels: {averaged:.3f}")
show(
    plots.bars(won, ylabel="validation accuracy", ylim=1.1, levels={"chance": 0.1}),
    caption="Figure 2.8. Accuracy with 64 numbers per image, in two slots, for three sources of filters. Dots are three "
    "draws and starts.",
    alt="; ".join(
        slot + ": " + ", ".join(f"{source} {np.mean(runs):.2f}" for source, runs in found.items())
        for slot, found in won.items()
    ),
)  # fmt: skip

# %% [markdown]
# In both slots, the learned filters are better than the random filters from which they began. Nothing else differs,
# so this gain comes from training. With 16 filters, they are also far ahead of our filters by hand.
#
# With 4 filters, the edge filters by hand are about as good as the learned ones. As a control, we also reduced each
# image to 64 averaged pixels. Their accuracy, printed above the figure, is lower.
#
# So with few numbers per image, training helps. With 1,568 numbers it did not. This fits the reason that we
# supposed above, but it does not prove it: the two networks also differ in other ways.
#
# You may read that training finds better features than experts do. Our tests say when:
#
# | images | numbers per image | learned features … |
# |---|---|---|
# | 100 | 1,568 | lose to HOG, and are not better than random ones |
# | 2,000 | 1,568 | about as good as HOG and as random ones, after 250 steps |
# | 2,000 | 64 | beat random ones in both slots, and our filters by hand in one of them |
#
# **What we only tell here.** We also trained three times as long, with 8,000 images. Then the trained backbone was
# one to two percentage points above the untrained one, and level with HOG. On photographs, the turn came in 2012, with 1.2 million labelled images. In a competition, each entry
# had five guesses per image. The best entry with hand-made features missed the class in 26.2% of the
# images. The network AlexNet missed it in 16.4% [Krizhevsky 2012]. Even so, people designed
# the architecture of AlexNet.
#
# [*Concept 15*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
wide, narrow = ({source: np.mean(runs) for source, runs in found.items()} for found in won.values())
assert wide["learned"] > max(wide["random"], wide["by hand"]) + 0.025
assert narrow["learned"] > narrow["random"] + 0.01
assert abs(narrow["by hand"] - narrow["learned"]) < 0.035
assert narrow["random"] > wide["random"] + 0.02  # the shape of the slot matters
assert averaged < min(narrow["by hand"], wide["learned"], narrow["learned"]) - 0.003
small_hog = partial(features.hog, cell=7, bins=4, block=1, norm="none")  # 64 numbers, too
of_hog = np.mean(accuracies(small_hog, larger, validation, 0.003))
assert of_hog < min(wide["learned"], narrow["learned"]) - 0.003

# %% [markdown]
# ## 5 The test set, once
#
# All choices are made. Now the test images judge.

# %% tags=["hide-input"]
# @title The result on the test set
on_test = compare(test)
print("accuracy with", ", ".join(f"{size:,}" for size in sizes), "training images (mean of three)")
for kind, runs in on_test.items():
    print(f"  {kind:10}", "  ".join(f"{share:.3f}" for share in runs.mean(0)))
for slot, found in in_slots(test).items():
    print("64 numbers,", slot + ":", ", ".join(
        f"{source} {np.mean(runs):.3f}" for source, runs in found.items()))  # fmt: skip
print("constant baseline: 0.100")
assert round((0.8 * 0.2 / len(test)) ** 0.5, 2) == 0.01  # standard error of one accuracy near 0.8
assert on_test["HOG"].mean(0)[0] > on_test["trained"].mean(0)[0] + 0.01

# %% [markdown]
# Only 2,000 images judge here, so each accuracy varies by about 0.01 by chance. Differences of this size are too small to rank two
# sources. The larger differences of parts 3 and 4 are still there.
#
# ## What comes next
#
# Three subjects follow from this section.
#
# | subject | the question | where |
# |---|---|---|
# | multimodal fusion | How do we combine several senses, and what if one is missing? | [section 01](01_why_visual_perception.ipynb) begins it |
# | conditional generative models | How do we get a new image for a class that we name? | not in this workbook |
# | visualisation of networks | What do the learned features respond to? | [section 11](11_looking_inside.ipynb) |
#
# [*Concept 16*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## Summary
#
# 1. The classical recipe: clean the image, compute features that an expert designed, add a simple model.
# 2. The form of a feature matters, not only its information. What a feature leaves out is lost for the model.
# 3. End-to-end training learns the features too. To see what training adds, compare with the same network
#    with random weights.
# 4. With 100 images, HOG was ahead of the trained backbone. With 2,000 images and 64 numbers per image, learned filters beat
#    random ones.
# 5. The network's shape was designed in every case. Validation images choose, test images judge once.
#
# ## Problem set
#
# **1 · Count** ★ 3 min. A descriptor for images of 28 × 28 pixels has cells of 7 × 7 pixels and 6 bins, and
# no blocks. How many numbers per image is that?

# %%
check(numbers_per_image=...)

# %% [markdown]
# **2 · A control** ★ 3 min. Which comparison shows best what training the filters added? (a) Learned filters in a slot against
# the pixels. (b) Filters learned from 2,000 images against random filters whose read-out learned from 500 images. (c) Learned filters
# against the random filters from which they began, in the same slot.

# %%
check(best_control=...)  # "a", "b" or "c"

# %% [markdown]
# **3 · Explain** ★★ 5 min. HOG divides out the contrast. Why can no model after it detect the dim images, not even with a
# million of them?

# %%
reveal(what_is_lost=...)  # your sentences, between quotation marks

# %% [markdown]
# **4 · Debug** ★★ 5 min. D designs were measured on the validation images and on the test images. The function should return the test
# accuracy of the chosen design. For validation accuracies 0.7 and 0.8, and test accuracies 0.75 and 0.72, it is 0.72.
# Mend it, then call `check(honest_report)`.


# %%
def honest_report(validation, test):  # two arrays of D accuracies
    best = np.argmax(test)
    return test[best]


# %% [markdown]
# **5 · Design** ★★ 10 min. Find a HOG with 200 numbers or fewer that reaches the accuracy 0.770 on the validation images
# after learning from 500 images. Figure 2.5 uses the same images.

# %%
my_hog = {"cell": 14, "bins": 9, "block": 1, "norm": "none"}  # norm: or "L1", "L2", "L2-Hys"
check(my_hog=my_hog)

# %% [markdown]
# **6 · Open** ★★★ 20 min. Shuffle the 784 pixels of all images in the same random order, and repeat Figure 2.6 for 2,000 images.
# The information is the same. Which of the four sources loses, and why? Say first what you expect.
#
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def cell_histogram(across, down, bins):
    degrees = np.rad2deg(np.arctan2(down, across)) % 180  # opposite directions become equal
    number = np.minimum((degrees * bins / 180).astype(int), bins - 1)  # the bin of each pixel
    lengths = np.hypot(across, down)
    return np.bincount(number.ravel(), lengths.ravel(), bins) / lengths.size


def edge_angle(first, second):
    apart = np.abs(first - second)
    return np.minimum(apart, 180 - apart)


def honest_report(validation, test):
    best = np.argmax(validation)  # the validation images choose
    return test[best]


_ = [
    check(cell_histogram),
    check(edge_angle),
    check(honest_report),
    check(numbers_per_image=4 * 4 * 6, best_control="c"),
    check(my_hog={"cell": 4, "bins": 4, "block": 1, "norm": "none"}),
]

# %% [markdown]
# ## References
#
# - N. Dalal, B. Triggs. Histograms of oriented gradients for human detection. *CVPR* 2005.
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural
#   networks. *NeurIPS* 2012 (§6).
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST. arXiv:1708.07747, 2017 (our images).
#
# [Concepts 12–16](00_start_here.ipynb#Map-of-the-concepts)
