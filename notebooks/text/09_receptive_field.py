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
# # 09 · Receptive field
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/09_receptive_field.ipynb)

# **How much of the image does one unit see?**
#
# A unit that sees only an eye cannot see whether there is a face around it. You need
# [section 04](04_one_layer_one_template.ipynb) (gradient) and
# [section 05](05_from_dense_to_convolution.ipynb) (convolution, stride, padding, pooling).
#
# Afterwards you will be able to
#
# - compute how wide a unit's field is, from kernels and strides,
# - measure this with a gradient,
# - measure which pixels change the unit strongly.
#
# *About 25 min, 10 for the folded parts, 55 for all problems · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import data, layers, plots
from cv_course.plots import show
from cv_course.receptive import Window, predicted
from cv_course.sections.s09_field import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Which pixels can change a unit?
#
# A convolution of 3 × 3 turns an image of 7 × 7 pixels into a map of 5 × 5 numbers. Each number of the map is a
# **unit**. We look at the unit in row 1 and column 2, counted from 0. We add 1 to one pixel at a time. If the unit
# changes, the unit **sees** this pixel.
#
# **Predict:** how many of the 49 pixels does the unit see?

# %%
your_guess = "?"  # a whole number


# %%
def pixels_seen(network, image, row, column):  # image: 1 × 1 × height × width
    before = network(image)[0, 0, row, column]  # the unit
    seen = torch.zeros_like(image[0, 0], dtype=torch.bool)  # height × width, all False
    for y in range(image.shape[2]):
        for x in range(image.shape[3]):
            changed = image.clone()
            changed[0, 0, y, x] += 1  # only this pixel
            seen[y, x] = network(changed)[0, 0, row, column] != before
    return seen


# %%
torch.manual_seed(0)
image = torch.randint(0, 10, (1, 1, 7, 7)).float()  # 7 × 7 random digits
kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])


def convolution(image):
    return F.conv2d(image, kernel[None, None])  # from 1 × 1 × 7 × 7 to 1 × 1 × 5 × 5


# %%
seen = pixels_seen(convolution, image, row=1, column=2)
print(f"your guess: {your_guess}, measured: {seen.sum()} pixels")

# %% tags=["hide-input"]
# @title Figure 9.1
from matplotlib.patches import ConnectionPatch, Rectangle

figure, (left, right) = plots.figure(3.5, 2.1, 1, 2, width_ratios=(7, 5))
plots.numbers(image[0, 0], colours="Greys", scale=(0, 30), title="image, 7 × 7", axis=left)
plots.numbers(
    convolution(image)[0, 0], colours="Greys", scale=(0, 300), title="map, 5 × 5", axis=right
)
left.add_patch(Rectangle((1.5, 0.5), 3, 3, fill=False, ec=play.SEEN, lw=3.5))
right.add_patch(Rectangle((1.5, 0.5), 1, 1, fill=False, ec=play.UNIT, lw=3.5))
for edge, other in ((0.5, 0.5), (3.5, 1.5)):
    figure.add_artist(
        ConnectionPatch((4.5, edge), (1.5, other), left.transData, right.transData, ls="--")
    )
show(
    figure,
    caption="Figure 9.1. The unit in row 1 and column 2 of the map (orange frame), and the pixels that "
    "it sees (blue frame).",
    alt="A grid of 7 by 7 numbers with a frame around 3 by 3 of them. Dashed lines lead to one framed "
    "number in a grid of 5 by 5.",
)

# %% [markdown]
# The unit sees the nine pixels under the kernel, and no others.
#
# The **receptive field** of a unit (or **field**) is the smallest square that holds all pixels that the
# unit sees. Here it is 3 pixels wide.
#
# [*Concept 52*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert seen.sum() == 9 and seen[1:4, 2:5].all()

# %% [markdown]
# ## 2 Size and jump
#
# We put a second convolution of 3 × 3 after the first. One of its units looks at 3 × 3 units of the first
# map. Each of these sees 3 × 3 pixels.
#
# **Predict:** how many pixels wide is the field after two such layers, and after three?

# %%
your_guess = "?"  # two numbers, such as (1, 2)

# %% tags=["hide-input"]
# @title The function width_seen


def all_ones(windows):
    """Convolutions with one channel. All weights are 1, so that no two changes cancel."""
    convolutions = [
        nn.Conv2d(1, 1, w.kernel, w.stride, w.padding, w.dilation, bias=False) for w in windows
    ]
    for one in convolutions:
        nn.init.ones_(one.weight)
    return nn.Sequential(*convolutions)


def width_seen(windows):
    """How many pixels of the first row the first unit sees."""
    image = torch.zeros(1, 1, 24, 24)
    with torch.no_grad():
        seen = pixels_seen(all_ones(windows), image, row=0, column=0)
    return int(seen[0].sum())


# %%
# Window(3): a layer with a kernel of 3 × 3; width_seen builds the network and uses pixels_seen
one = width_seen([Window(3)])  # how many pixels of a row a unit sees
two = width_seen([Window(3), Window(3)])
three = width_seen([Window(3), Window(3), Window(3)])
print(f"your guess: {your_guess}, one, two and three layers: {one}, {two} and {three} pixels")

# %% [markdown]
# Why 5? A unit of the second map looks at three units side by side. The first of them sees 3 pixels. The
# next one sees the same pixels moved by one, so only *one* of them is new. The third adds one more: 3 + 1 + 1 = 5 pixels.
#
# Now we change one stride. In Figure 9.2, state 1 has four convolutions of 3 × 3 with stride 1.
# In state 2 the *first* has stride 2, in state 3 the *last*.

# %% tags=["hide-input"]
# @title Figure 9.2: build a network
show(
    play.layer_editor(),
    caption="Figure 9.2. Maps as rows of squares, along one direction. The layers (blue names) lie between them. The orange unit sees "
    "the blue pixels of the lowest row.",
)

# %% [markdown]
# In state 2 the field is 15 pixels wide instead of 9. In state 3 it stays at 9. Why?
#
# With stride 2, the kernel moves by 2 pixels from one unit of map 1 to the next. So the next unit sees 2 new pixels.
# The **jump** of a map is the number of pixels by which the field moves from one unit to the next.
#
# We call the width of the field its **size**. A pixel sees only itself, so the image has size 1 and
# jump 1. A layer with kernel $K$ and stride $s$ changes both [Araujo 2019]:
#
# $$\text{new size} = \text{size} + (K-1)\cdot\text{jump}$$
#
# $$\text{new jump} = \text{jump}\cdot s$$
#
# The first formula: a new unit looks at $K$ old units side by side. The first of them sees *size* pixels. Each of the
# other $K-1$ adds one jump of new pixels, as above.
#
# The second formula: the next new unit looks $s$ old units further on. So its field lies $s$ old jumps further on. A
# pooling counts like a convolution.
#
# Here is state 2. Each row uses the row above it:
#
# | layer | K / s | size | jump |
# |---|---|---|---|
# | image | | 1 | 1 |
# | first | 3 / 2 | 1 + 2 · 1 = **3** | 1 · 2 = **2** |
# | second | 3 / 1 | 3 + 2 · 2 = **7** | 2 · 1 = **2** |
# | third | 3 / 1 | 7 + 2 · 2 = **11** | 2 · 1 = **2** |
# | fourth | 3 / 1 | 11 + 2 · 2 = **15** | 2 · 1 = **2** |
#
# The larger jump counts in all *later* layers. In state 3 there is no later layer.
#
# [*Concepts 53 and 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (one, two, three) == (3, 5, 7)
first_has_stride_2 = [Window(3, 2), Window(3), Window(3), Window(3)]
by_rule = predicted(first_has_stride_2)
assert [(field.size[0], field.jump[0]) for field in by_rule] == [(3, 2), (7, 2), (11, 2), (15, 2)]
assert width_seen(first_has_stride_2) == 15
assert (
    width_seen([Window(3)] * 4) == width_seen([Window(3), Window(3), Window(3), Window(3, 2)]) == 9
)

# %% [markdown]
# ## 3 Measured with a gradient
#
# Does the rule hold for a trained network? Its image has 224 · 224 pixels, too many to change each one.
# A gradient takes only one run forward and one backward.
#
# In section 04, the gradient said how fast the loss changes with each weight. Here it says how fast a *unit*
# changes with each *pixel*. Where it is not zero, the unit sees the pixel. We try it on the unit of part 1:


# %%
def gradient_of_unit(network, image, row, column):
    image = image.clone().requires_grad_()  # a copy; its pixels get a gradient
    maps = network(image)  # 1 × channels × rows × columns
    maps[0, 0, row, column].backward()  # a unit of the first channel
    return image.grad[0]  # as the image: channels × height × width


# %%
gradient = gradient_of_unit(convolution, image, row=1, column=2)[0]  # 7 × 7
print(gradient.int().numpy())

# %% [markdown]
# The gradient is not zero at the nine pixels of part 1. Its value at a pixel is the weight of the kernel there.
#
# Find the smallest box that holds all pixels whose gradient is not zero.


# %%
def support_box(gradient):
    """gradient (C, H, W), a NumPy array: C channels, H rows and W columns. Returns
    [first row, first column, last row, last column] where any channel is not zero.

    Example: C = 1, not zero only at rows 1 to 2 and column 4 -> [1, 4, 2, 4]."""
    ...  # replace this line


check(support_box)

# %%
hint(support_box)

# %% [markdown]
# The trained network is EfficientNet-Lite0 of section 05. It has seven **stages** of several layers each. We
# stop after stage 2, 3 or 4, and take a unit in the middle. The image is a cat. We compare the rule with
# the width of the box:

# %% tags=["hide-input"]
# @title The rule and the gradient
from cv_course.networks import pretrained
from cv_course.sections.s09_field.drills import support_box as box_of  # our solution


def rule_and_gradient(network, image, size, jump, start):
    """The size by the rule, and the box of the middle unit by the rule and by the gradient."""
    with torch.no_grad():
        middle = network(image).shape[-1] // 2
    box = box_of(gradient_of_unit(network, image, middle, middle).numpy())
    first = np.array(start) + middle * np.array(jump)
    return size[0], [*first.tolist(), *(first + size - 1).tolist()], box.tolist()


trained = pretrained.efficientnet_lite0()
cat = trained.prepare(data.photos()["cat"])  # 1 × 3 × 224 × 224
table = layers.trace(trained, (3, 224, 224))  # lists the layers
ends = {2: 1, 3: 1, 4: 2}  # the last block of each stage
rows = {f"stage {n}": table[f"features.stage{n}.{end}.project.conv"] for n, end in ends.items()}
boxes = {}
print("until      rule  gradient (pixels)")
for n, (name, row) in zip(ends, rows.items(), strict=True):
    until = trained.features[: n + 2]  # the network up to this stage
    boxes[name] = rule_and_gradient(until, cat, row.receptive_field, row.jump, row.start)
    size, _, box = boxes[name]
    print(f"{name:9}{size:6}{box[3] - box[1] + 1:10}")

# %% [markdown]
# They agree for these three units.

# %% tags=["hide-input"]
# @title Figure 9.3: on a photograph
show(
    play.field_on_photo(data.photos(), rows),
    caption="Figure 9.3. The field of one unit of EfficientNet-Lite0 (orange frame), in the middle after stages 2, 3 and 4 (states 1 to 3), and in "
    "a corner after stage 4 (state 4). Outside the field the photograph is pale. Plain grey lies outside the image.",
)

# %% [markdown]
# In stage 2 the field is a patch of fur. In stage 4 it holds most of both eyes and the nose.
#
# In state 4, a part of the rule's square lies outside the image, in the padding. There are no
# pixels to see. The rule knows nothing of borders, so near a border a unit sees less than the rule
# says.

# %% tags=["hide-input"]
# @title Checks: what this shows
weights_on_pixels = torch.zeros(7, 7)
weights_on_pixels[1:4, 2:5] = kernel
assert torch.equal(gradient, weights_on_pixels) and torch.equal(gradient != 0, seen)
assert [size for size, *_ in boxes.values()] == [19, 67, 147]
# A gradient belongs to one image: a ReLU whose output is 0 passes none on. So it can miss pixels of
# the field, but it never shows pixels outside. The positions agree, too.
assert all(by_rule == by_gradient for _, by_rule, by_gradient in boxes.values())
# from stage 5 on, the field is wider than the image
ends = {5: 2, 6: 3, 7: 0}
wide = [table[f"features.stage{n}.{end}.project.conv"] for n, end in ends.items()]
assert [row.receptive_field[0] for row in wide] == [339, 787, 851]

# %% [markdown]
# ## 4 Seen, but with little effect
#
# Do all pixels of the field change the unit equally? We take two convolutions of 3 × 3 with all weights 1:

# %%
two_layers = all_ones([Window(3), Window(3)])  # all weights 1
any_image = torch.zeros(1, 1, 5, 5)  # all images have the same gradient here
gradient = gradient_of_unit(two_layers, any_image, row=0, column=0)[0]  # 5 × 5
print(gradient.int().numpy())

# %% [markdown]
# The gradient is 9 in the middle, but only 1 in the corners. Why? The unit adds nine units of the first map. All
# nine see the middle pixel. Only one of them sees a corner.
#
# The **strength** of a pixel is the absolute value of its gradient, divided by the largest one. Here, the
# middle pixel has strength 1, and a corner has 1/9.
#
# All strengths together are the **effective receptive field**.
#
# How wide is it? We count the pixels with a strength above 0.0455, the limit of Luo et al. [2016]. The **effective
# size** is the square root of this number. For example, 100 such pixels give the effective size 10: a square of
# 10 × 10 has as many.


# %%
def effective_size(gradient):
    """gradient (H, W), a NumPy array. Returns one number: the square root of the number
    of pixels whose strength is above 0.0455.

    Example: [[0, 2, 0], [2, -9, 2], [0, 2, 0]] has 5 such pixels -> 2.236."""
    ...  # replace this line


check(effective_size)

# %%
hint(effective_size)

# %% [markdown]
# Now we take 5, 20 and 80 such layers.

# %% tags=["hide-input"]
# @title Figure 9.4
equal = {depth: model.equal_weights(depth) for depth in (5, 10, 20, 40, 80)}
effective_of = {depth: model.effective_size(strength) for depth, strength in equal.items()}


def square(axis, number, top, side, width):
    """A square of ``side`` pixels on the number-th of some maps that are ``width`` pixels wide."""
    corner = (number * 1.06 + (1 - side / width) / 2, top + (1 - side / width) / 2)
    look = {"fill": False, "ec": play.SEEN, "lw": 2.5, "ls": "--"}
    axis.add_patch(Rectangle(corner, side / width, side / width, **look))


shown = (5, 20, 80)
figure, axis = plots.figure(3.9, 1.9)
titles = [f"{d} layers:\n{effective_of[d]:.1f} of {2 * d + 1}" for d in shown]
plots.pictures(
    [equal[d][None] for d in shown], titles, size=1.1, scale=(0, 1), bar="strength", axis=axis
)
for number, depth in enumerate(shown):
    top = axis.texts[0].get_position()[1] + 0.05 / 1.1
    square(axis, number, top, effective_of[depth], 2 * depth + 1)
show(
    figure,
    caption="Figure 9.4. Strength, with equal weights. Each picture shows one whole field, at its own scale. The "
    "blue square has the effective size. Above each picture: effective size and size, in pixels.",
    alt="A white spot fills less and less of three maps. Effective size and size: 8.3 and 11 pixels, 16.2 and 41, "
    "32.3 and 161.",
)

# %% [markdown]
# The unit sees *all* pixels of these fields. But those near the border have little strength. With more layers, the
# effective size is a smaller part of the size.
#
# [*Concept 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert gradient[2, 2] == 9 and gradient[0, 0] == 1 and gradient[2].tolist() == [3, 6, 9, 6, 3]
shares = [effective_of[depth] / (2 * depth + 1) for depth in equal]
assert np.allclose(shares[:4], [0.75, 0.56, 0.39, 0.28], atol=0.01) and shares[4] < shares[3]
assert np.allclose([effective_of[d] for d in shown], [8.3, 16.2, 32.3], atol=0.05)
# The strength is nearly a Gaussian, and the pixels above 0.0455 hold 95.45% of all strength
for depth, strength in equal.items():
    sigma = model.sigma(strength)
    assert abs(sigma - (2 * depth / 3) ** 0.5) < 1e-9
    circle = np.pi**0.5 * model.RADIUS * sigma  # the side of a square as large as the circle
    assert depth < 10 or abs(effective_of[depth] / circle - 1) < 0.03
    # the limit is the convention of Luo et al.; with 0.05, the sizes are nearly the same
    at_five_percent = float((strength > 0.05).sum()) ** 0.5
    assert abs(at_five_percent / effective_of[depth] - 1) < 0.05

# %% [markdown]
# ## 5 Before and after training
#
# Training changes the weights, and so the strengths. Does the effective receptive field depend on the task?
#
# Our network has ten convolutions of 3 × 3 without padding, with ReLU between them. Its field is 1 + 10 · 2 = 21
# pixels wide, like our images. The last map has four channels with one unit each: the scores of four classes.
#
# Each image has a white square on dark noise. The class says where it lies: upper left, upper right, lower left
# or lower right. In the task *near* the square lies 2 rows and 2 columns from the middle, in
# the task *far* 7 rows and 7 columns. All else is the same, also the weights before training.

# %% tags=["hide-input"]
# @title Figure 9.5
torch.manual_seed(0)
corners, new_corners = torch.randint(0, 4, (1_000,)), torch.randint(0, 4, (300,))
noise, new_noise = 0.2 * torch.rand(1_000, 1, 21, 21), 0.2 * torch.rand(300, 1, 21, 21)
distances = {"near": 2, "far": 7}  # rows, and columns, from the middle of the image
without = new_noise[:100]  # the strength of all networks is measured on these
lower_right = torch.tensor([3])
examples = [model.marked(without[:1], lower_right, distance)[0] for distance in (2, 7)]
figure, axis = plots.figure(3.9, 1.5)
titles = ["task near", "task far", "for the strength"]
plots.pictures([*examples, without[0]], titles, size=1.2, scale=(0, 1), axis=axis)
show(
    figure,
    caption="Figure 9.5. One image of each task, both of the class lower right. On the right, one of the images "
    "on which we measure the strength.",
    alt="Three images of dark noise. In the first, a white square near the middle, in the second near the lower right "
    "corner. The third has no square.",
)

# %% [markdown]
# We measure the strengths after training, and as a control also before it, with random weights. We use the *same* 100
# images of noise without a square. At each pixel, we average the absolute value of the gradient over these images and the
# four scores. Then we divide by the largest value.
#
# **Predict:** compared with before training, is the effective size larger or smaller after *near*, and after *far*?

# %%
your_guess = "?"  # such as ("larger", "larger")

# %% tags=["hide-input"]
# @title Figure 9.6


def fit(network, images, corners, epochs=5):
    optimiser = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            scores = network(images[batch]).flatten(1)  # 50 × 4
            loss = F.cross_entropy(scores, corners[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def accuracy(network, images, corners):
    with torch.no_grad():
        return (network(images).flatten(1).argmax(1) == corners).float().mean().item()


asked = {name: model.marked(new_noise, new_corners, at) for name, at in distances.items()}
strengths, right = {}, {}
for task, distance in {"untrained": 0, "random labels": 2, **distances}.items():
    strengths[task], right[task] = [], []
    for seed in range(3):
        torch.manual_seed(seed)
        network = model.plain()  # for each task the same initial weights
        answers = corners[torch.randperm(len(corners))] if task == "random labels" else corners
        if distance:
            fit(network, model.marked(noise, corners, distance), answers)
        if task in distances:
            right[task].append(accuracy(network, asked[task], new_corners))
        strengths[task].append(model.effective(network, without))  # mean of the four scores
found = {name: [model.effective_size(one) for one in runs] for name, runs in strengths.items()}
sigmas = {name: [model.sigma(one) for one in runs] for name, runs in strengths.items()}
drawn = ("untrained", *distances)
averages = {name: np.mean(found[name]) for name in drawn}
figure, (upper, lower) = plots.figure(3.9, 4.2, 2, 1, height_ratios=(1, 1.4))
means = [torch.stack(strengths[name]).mean(0)[None] for name in drawn]
plots.pictures(means, list(drawn), size=1.1, scale=(0, 1), bar="strength", axis=upper)
plots.bars(
    {name: found[name] for name in drawn}, ylabel="effective size (pixels)", fmt="", axis=lower
)
lower.set_yticks(range(0, 20, 5))
for at, average in enumerate(averages.values()):
    lower.text(at, average / 2, f"{average:.1f}", color="white", ha="center")
in_words = ", ".join(f"{name} {average:.1f}" for name, average in averages.items())
show(
    figure,
    caption="Figure 9.6. Before training (left), after the task near (middle), and after the task far (right). Above: strengths, mean of three "
    "runs. Below: effective size; bars are means, dots are single runs.",
    alt="Three maps: a broad spot untrained, a narrow spot for near, a "
    f"broader one for far. {in_words}.",
)
print("your guess:", your_guess)
print(f"effective size in pixels, mean of three runs: {in_words}")
least = ", ".join(f"{name} {min(right[name]):.2f}" for name in distances)
print(f"accuracy on new images, lowest of three runs: {least} (chance 0.25)")

# %% [markdown]
# Before training, the middle is bright, as in part 4. In each of the three runs, the effective size is smaller after
# *near* than before. After *far* it is larger on average. So here the effective receptive field depends on the task.
#
# In all three maps, the outermost pixels are almost black: they have little effect.
#
# Strength shows the effect of a small change. It does not show what the unit recognises.

# %% tags=["hide-input"]
# @title Checks: what this shows
for measured in (found, sigmas):
    assert max(measured["near"]) < min(measured["untrained"])
    assert np.mean(measured["untrained"]) < np.mean(measured["far"])
# Networks trained on random labels of the near images shrink a little, too, on average. So a part of
# the shrinking may come from training as such.
assert max(sum(found["random labels"]) / 3, sum(found["near"]) / 3) < min(found["untrained"])
outermost = np.ones((21, 21), bool)
outermost[1:-1, 1:-1] = False
assert max(run[outermost].max() for name in drawn for run in strengths[name]) < 0.1
assert min(right["near"] + right["far"]) > 0.8

# %% [markdown]
# ## Summary
#
# 1. The receptive field of a unit is the smallest square that holds all pixels that the unit sees.
#    At the border, a part of the rule's square lies in the padding.
# 2. A layer adds (K − 1) · jump to the size. Then the jump is multiplied by the stride.
# 3. A unit sees each pixel whose gradient is not zero. In three units of a trained network, rule and gradient agreed.
# 4. In our networks, the pixels near the border of the field had little effect. In our small network, the effective size
#    depended on the task.
# 5. *Going further* has a formula for two layers, larger networks, dilation, and a law for many layers.

# %% [markdown]
# ## Going further: a formula for two layers
#
# For a second reading: a short formula that other texts give, and where it stops being true.

# %% [markdown]
# A convolution of width $K$ has stride 1, and a pooling of width $P$ follows. The first of the $P$ units under the
# pooling sees $K$ pixels, and each of the others adds one:
#
# $$K + (P-1) = P + K - 1.$$

# %% tags=["hide-input"]
# @title Figure 9.7
from matplotlib.patches import Polygon


def corners_of(level, top, left, bottom, right):
    """A rectangle of a sheet, seen from the front and above."""
    return [
        (x + 0.55 * (6 - y) + 0.4 * level, 5.0 * level + 0.5 * (6 - y))
        for y, x in ((top, left), (top, right), (bottom, right), (bottom, left))
    ]


def measure(level, start, end, depth, text):
    """A double arrow in front of a sheet, with its name below."""
    (x, y), (last, _) = corners_of(level, 6, start, 6, end)[:2]
    y += 0.5 * (6 - depth) - 0.45
    x, last = (one + 0.55 * (6 - depth) for one in (x, last))
    axis.annotate(
        "", (x, y), (last, y), arrowprops={"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0}
    )
    axis.text((x + last) / 2, y - 0.2, text, ha="center", va="top", fontsize=9)


figure, axis = plots.figure(3.8, 3.8)
# each sheet: its squares per side, the size of a square in pixels, where it begins, what is seen
sheets = [(6, 1, 0, (2, 2, 6, 6)), (4, 1, 1, (3, 3, 5, 5)), (2, 2, 1, (3, 3, 5, 5))]
for level, (count, step, begin, sees) in enumerate(sheets):
    for row, column in np.ndindex(count, count):
        square = (begin + step * row, begin + step * column)
        square = (*square, square[0] + step, square[1] + step)
        inside = sees[0] <= square[0] < sees[2] and sees[1] <= square[1] < sees[3]
        colour = ("#eeeeea", play.UNIT if level == 2 else "#9ecae1")[inside]
        axis.add_patch(Polygon(corners_of(level, *square), fc=colour, ec="#777777", lw=0.8))
for level, target in ((0, sheets[1][3]), (1, sheets[2][3])):
    for low, high in zip(
        corners_of(level, *sheets[level][3]), corners_of(level + 1, *target), strict=True
    ):
        axis.plot(*zip(low, high, strict=True), "-", marker="", color="#999999", lw=0.8, zorder=5)
axis.add_patch(Polygon(corners_of(0, 3, 2, 6, 5), fill=False, ec="black", lw=2.2, zorder=6))
measure(0, 2, 5, 6, "K = 3")
measure(0, 5, 6, 6, "P − 1\n= 1")
measure(1, 3, 5, 5, "P = 2")
names = ("image", "map of the\nconvolution", "map of the\npooling")
for level, name in enumerate(names):
    axis.text(9.9 + 0.4 * level, 5.0 * level + 1.6, name, va="center", fontsize=9)
axis.set(xlim=(-0.2, 14.9), ylim=(-2.6, 13.2), aspect="equal")
axis.set_axis_off()
show(
    figure,
    caption="Figure 9.7. A convolution with K = 3, then a pooling with P = 2. The orange unit looks at the 2 × 2 blue "
    "units below it, and sees the 4 × 4 blue pixels. The blue unit in front on the left sees the black frame.",
    alt="Three sheets above each other: one orange unit, below it 2 by 2 blue units, below them 4 by 4 "
    "blue pixels. Along the front edge, the 4 pixels are marked as K = 3 and P − 1 = 1.",
)

# %% [markdown]
# This formula needs a convolution with stride 1. AlexNet begins
# with $K = 11$ and $P = 3$, but its convolution has stride 4:

# %%
# a kernel of 11 with stride 4, and a pooling of 3 (a stride of the last layer changes no size)
first_pooling = width_seen([Window(11, 4), Window(3)])
print(f"P + K - 1 = {3 + 11 - 1}, measured: {first_pooling}")

# %% [markdown]
# From one unit of the first map to the next, the field moves by 4 pixels: 11 + 4 + 4 = 19. The rule of part 2 gives the
# same: 11 + 2 · 4 = 19.
#
# [*Concepts 53 and 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert first_pooling == predicted([Window(11, 4), Window(3)])[-1].size[0] == 19
assert width_seen([Window(11, 4), Window(3, 2)]) == 19  # the pooling's own stride changes nothing
for K in (1, 3, 5):
    for P in (1, 2, 3):
        assert width_seen([Window(K), Window(P)]) == P + K - 1

# %% [markdown]
# ## Going further: LeNet-5, AlexNet and VGG-16
#
# For a second reading: the rule of part 2 on three networks of this workbook, and which of them sees more.

# %% [markdown]
# Here is LeNet-5 of section 07. Subsampling counts like a convolution:
#
# | layer | K / s | size | jump |
# |---|---|---|---|
# | image | | 1 | 1 |
# | C1, convolution | 5 / 1 | 1 + 4 · 1 = **5** | 1 · 1 = **1** |
# | S2, subsampling | 2 / 2 | 5 + 1 · 1 = **6** | 1 · 2 = **2** |
# | C3, convolution | 5 / 1 | 6 + 4 · 2 = **14** | 2 · 1 = **2** |
# | S4, subsampling | 2 / 2 | 14 + 1 · 2 = **16** | 2 · 2 = **4** |
# | C5, convolution | 5 / 1 | 16 + 4 · 4 = **32** | 4 · 1 = **4** |
#
# The images are 32 pixels wide, so a unit of C5 sees the whole image.
#
# We compare two larger networks. The numbers are kernel / stride:
#
# | network | convolutions and poolings |
# |---|---|
# | AlexNet | 11/4, pool 3/2, 5/1, pool 3/2, 3/1, 3/1, 3/1, pool 3/2 |
# | VGG-16 | twice: 3/1, 3/1, pool 2/2; then three times: 3/1, 3/1, 3/1, pool 2/2 |
#
# **Predict:** which of the two has the larger field after its last pooling?

# %%
your_guess = "?"  # "AlexNet" or "VGG-16"

# %% tags=["hide-input"]
# @title Figure 9.8
from cv_course.networks import alexnet, vgg

with torch.device("meta"):  # networks with shapes, but without weights
    networks = {"AlexNet": alexnet.alexnet("two_towers"), "VGG-16": vgg.vgg("D")}
tables = {
    "AlexNet": layers.trace(networks["AlexNet"], (3, 227, 227)),  # lists the layers
    "VGG-16": layers.trace(networks["VGG-16"], (3, 224, 224)),
}


def windows_of(table):
    rows = table.only("Conv2d", "MaxPool2d")
    return [Window(row.kernel, row.stride, row.padding) for row in rows]


fields = {name: predicted(windows_of(table)) for name, table in tables.items()}
sizes = {name: [field.size[0] for field in own] for name, own in fields.items()}
figure, axis = plots.figure(3.5, 3.0)
plots.lines(
    {name: (range(1, len(one) + 1), one) for name, one in sizes.items()},
    xlabel="number of layers", ylabel="size of the field (pixels)",
    ylim=(0, 250), xticks=(1, 4, 8, 14, 18), labels=False, axis=axis,
)  # fmt: skip
for number, ((name, own), (x, y)) in enumerate(
    zip(fields.items(), ((1.2, 130), (10.6, 25)), strict=True)
):
    axis.text(x, y, name, color=axis.lines[number].get_color(), fontsize=10)
    axis.text(len(own), own[-1].size[0] + 8, own[-1].size[0], ha="center", fontsize=9)
show(
    figure,
    caption="Figure 9.8. The size of the field after each convolution and pooling, by the rule. "
    "AlexNet's image is 227 pixels wide, VGG-16's 224.",
    alt="AlexNet rises to 195 in 8 layers. VGG-16 rises slowly at first, then steeply, to 212 in 18 "
    "layers.",
)
print(f"your guess: {your_guess}, AlexNet {sizes['AlexNet'][-1]}, VGG-16 {sizes['VGG-16'][-1]}")

# %% [markdown]
# It is VGG-16, with convolutions of 3 × 3 only. In both networks, the jump before the last three
# convolutions is 16: 4 · 2 · 2 and 2 · 2 · 2 · 2. So each of these three adds 2 · 16 = 32 pixels.
# But VGG-16 has more layers before them, so its size before these three is already larger
# (Figure 9.8): 100 pixels, and 67 in AlexNet.
#
# [*Concepts 53 and 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert sizes["AlexNet"] == [11, 19, 51, 67, 99, 131, 163, 195]
assert sizes["VGG-16"] == [
    *(3, 5, 6, 10, 14, 16, 24, 32, 40, 44),
    *(60, 76, 92, 100, 132, 164, 196, 212),
]
# the first fully connected layer is like a kernel as wide as the last map: it sees the whole image
dense = {name: table.only("Linear")[0].receptive_field[0] for name, table in tables.items()}
assert list(dense.values()) == [355, 404]
lenet5 = [Window(5), Window(2, 2), Window(5), Window(2, 2), Window(5)]
assert [field.size[0] for field in predicted(lenet5)] == [5, 6, 14, 16, 32]
ends = {}
for configuration in "ABCDE":
    with torch.device("meta"):
        ends[configuration] = predicted(
            windows_of(layers.trace(vgg.vgg(configuration), (3, 224, 224)))
        )[-1].size[0]
assert ends == {"A": 150, "B": 156, "C": 156, "D": 212, "E": 268}
# The gradient agrees: networks with these kernels and strides (one channel, weights 1, no ReLU, no max pooling)
for name, own in tables.items():
    ones, field = all_ones(windows_of(own)), fields[name][-1]
    _, by_rule, by_gradient = rule_and_gradient(ones, torch.ones(1, 1, 227, 227), *field)
    assert by_rule == by_gradient

# %% [markdown]
# ## Going further: dilation and its gaps
#
# For a second reading: a third way to a large field, which keeps the maps large.

# %% [markdown]
# A stride makes the maps smaller. Where we need large fields *and* large maps, as in segmentation (section 06), we
# use **dilation**. With dilation $d$, the kernel looks at units that are $d$ units apart. A kernel of 3 with dilation
# 2 looks at the units 0, 2 and 4. Each of its $K-1$ steps is $d$ times as long:
#
# $$\text{new size} = \text{size} + (K-1)\cdot d\cdot\text{jump}.$$
#
# What happens if three layers with dilation follow each other?

# %% tags=["hide-input"]
# @title Figure 9.9
cases = ((1, 1, 1), (2, 2, 2), (1, 2, 4))
figure, panels = plots.figure(3.8, 7.2, 3, 1)
pixels = {}
for panel, dilations in zip(panels, cases, strict=True):
    stack = [(f"dilation {d}", Window(3, 1, d, d)) for d in dilations]
    play.cut_open(stack, 15, panel, 7)
    found = model.connected([window for _, window in stack], 7, 15)[1][0]
    pixels[dilations] = (int(np.ptp(found)) + 1, len(found))
    panel.set_title(f"{', '.join(map(str, dilations))}: the unit sees {len(found)} pixels")
    last = panel is panels[-1]
    panel.set(xlim=(-1, 15), xticks=range(0, 15, 2), xlabel="position (pixels)" if last else "")
show(
    figure,
    caption="Figure 9.9. Three convolutions of 3 × 3 with three choices of dilations, drawn as in Figure 9.2. The orange "
    "unit sees the blue pixels. With 2, 2, 2 there are gaps between them.",
    alt="Dilations 1, 1, 1: seven blue pixels side by side. 2, 2, 2: seven blue pixels with a grey one "
    "between any two of them. 1, 2, 4: fifteen blue pixels side by side.",
)

# %% [markdown]
# With 2, 2, 2 the field is 13 pixels wide, but the unit sees only 7 of them. The
# other six lie in **gaps**: no change there can reach the unit.
# With 1, 2, 4 the field is 15 pixels wide and has no gaps [Yu 2016].
#
# Why? Go down from the orange unit. With dilation 2, each layer leads straight down, or 2 positions to the left or
# right. So all three together lead an even number of pixels to the side. With 1, 2 and 4 they can lead any number of
# pixels to the side, up to 7. For example, 3 = 1 + 2 and 5 = 1 + 4.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert pixels == {(1, 1, 1): (7, 7), (2, 2, 2): (13, 7), (1, 2, 4): (15, 15)}
# In general, with stride 1: if the fields below a layer have no gaps and are at least d pixels wide,
# those above have none. With 1, 2, 4 the fields below are 1, 3 and 7 wide.
assert predicted([Window(3)] * 6)[-1].size == (13, 13)  # without dilation it takes six layers

# %% [markdown]
# ## Going further: the square root of the depth
#
# For a second reading: how fast the effective size grows with the number of layers, also with random weights.

# %% [markdown]
# These are the effective sizes of part 4, with equal weights. All sizes are in pixels:
#
# | layers | size | effective size |
# |---|---|---|
# | 5 | 11 | 8.3 |
# | 20 | 41 | 16.2 |
# | 80 | 161 | 32.3 |
#
# With four times as many layers, the size is almost four times as large. But the effective size only doubles:
# √4 = 2. How fast does it grow with random weights?

# %% tags=["hide-input"]
# @title Figure 9.10
depths = (5, 10, 20, 40)


def random_size(depth, seed):
    """Effective size: random weights, 8 channels and ReLU, 4 outputs, mean over 8 random images."""
    torch.manual_seed(seed)
    network = model.plain(depth)
    noise = torch.randn(8, 1, 2 * depth + 1, 2 * depth + 1)
    return model.effective_size(model.effective(network, noise))


random = [[random_size(depth, seed) for depth in depths] for seed in range(3)]
figure, axis = plots.figure(3.9, 3.1)
plots.lines(
    {
        "equal": (list(equal), list(effective_of.values())),
        "random": (depths, random),
        "size": (list(equal), [2 * depth + 1 for depth in equal]),
    },
    xlabel="number of layers", ylabel="pixels", ylim=(0, 170), xticks=[*equal],
    labels=False, axis=axis,
)  # fmt: skip
for text, x, y, number in (
    ("size of the field", 18, 110, 2),
    ("effective size,\nequal weights", 52, 5, 0),
    ("effective size,\nrandom weights", 43, 36, 1),
):
    axis.text(x, y, text, color=plots.COLOURS[number], fontsize=9)
show(
    figure,
    caption="Figure 9.10. Size and effective size. Random weights: three runs, up to 40 layers; their dots nearly coincide.",
    alt="The size rises steeply to 161 pixels with 80 layers, the effective size with equal weights slowly to 32.3. "
    "The curve of random weights lies a little above that of equal weights, and far below the size.",
)

# %% [markdown]
# With equal weights, the effective size grows like the square root of the number of layers [Luo 2016]. Why so
# slowly? A **path** leads from a pixel to the unit, with one step in each layer. Each step goes to the left, straight
# down or to the right. Most paths step about as often to the left as to the right, so they end near the middle.
#
# With random weights, the effective size is larger. But with 40 layers it is also far below the size.
#
# [*Concept 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert abs(effective_of[20] / effective_of[5] - 2) < 0.06
assert abs(effective_of[80] / effective_of[20] - 2) < 0.02
runs = np.array(random) / (2 * np.array(depths) + 1)
assert (np.diff(runs) < -0.05).all() and (runs > np.array(shares[:4]) + 0.03).all()
assert runs[:, -1].max() < 0.45

# %% [markdown]
# ## Problem set
#
# **1 · Count** ★ 5 min. A convolution 7/2, a pooling 3/2 and two convolutions 3/1 (kernel / stride) follow each other.
# What are the size and the jump at the end? How many pixels do three convolutions of 1 × 1 add to the
# size?

# %%
check(size_after=..., jump_after=..., one_by_one=...)

# %% [markdown]
# **2 · Explain** ★★ 5 min. "Its receptive field has 212 × 212 pixels, so the unit recognises the object from all of
# them." What is wrong? Use the words *strength* and *effective size*.

# %%
reveal(takes_in=...)  # your sentences, between quotation marks

# %% [markdown]
# **3 · Debug** ★★ 8 min. For several images, the strength is the mean of the absolute values, divided by the largest.
# The gradients [[1, 2]] and [[−1, 2]] should give [[0.5, 1]], but they give [[0, 1]]. Mend the one wrong line, then
# call `check(mean_strength)`.


# %%
def mean_strength(gradients):
    """gradients (N, H, W), a NumPy array, N images. Returns the strength (H, W)."""
    mean = np.abs(gradients.mean(axis=0))
    return mean / mean.max()


# %% [markdown]
# **4 · Root** ★★ 5 min, after *Going further: the square root of the depth*. Many layers of 3 × 3 have equal weights.
# By what factor must their number grow, so that the effective size becomes three times as large?

# %%
check(times_as_many=...)

# %% [markdown]
# **5 · Design** ★★★ 10 min, after *Going further: dilation and its gaps*. Four convolutions of 3 × 3 have stride 1.
# Choose their dilations, so that the size is at least 61 pixels, without gaps.

# %%
check(dilations=[1, 2, 4, 8])

# %% [markdown]
# **6 · Open** ★★★ 20 min. Let the square lie 3, 5 and 8 pixels from the middle (`distances` in the folded code of
# Figure 9.5). How does the effective size change? First write down what you expect.
#
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def support_box(gradient):
    seen = (gradient != 0).any(axis=0)  # H × W: any channel
    rows = np.flatnonzero(seen.any(axis=1))
    columns = np.flatnonzero(seen.any(axis=0))
    return np.array([rows[0], columns[0], rows[-1], columns[-1]])


def effective_size(gradient):
    strength = np.abs(gradient) / np.abs(gradient).max()
    return np.sqrt((strength > 0.0455).sum())


def mean_strength(gradients):
    mean = np.abs(gradients).mean(axis=0)  # first the absolute values, then the mean
    return mean / mean.max()


_ = [
    check(support_box),
    check(effective_size),
    check(mean_strength),
    check(size_after=11 + 2 * 4 + 2 * 4, jump_after=2 * 2, one_by_one=0, times_as_many=3**2),
    check(dilations=[1, 3, 9, 18]),
]

# %% [markdown]
# ## References
#
# - A. Araujo, W. Norris, J. Sim. Computing receptive fields of convolutional neural networks. *Distill*, 2019
#   (the rule, with branches and alignment).
# - K. He et al. Delving deep into rectifiers. *ICCV* 2015 (random weights).
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural networks.
#   *NIPS* 2012 (AlexNet).
# - R. Liu. Higher accuracy on vision models with EfficientNet-Lite. TensorFlow blog, 2020.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. Understanding the effective receptive field in deep convolutional neural
#   networks. *NIPS* 2016 (§2 equal and random weights; §3 the limit, relative to the middle pixel; there, the fields of larger networks grew in training).
# - K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition. *ICLR* 2015 (VGG).
# - F. Yu, V. Koltun. Multi-scale context aggregation by dilated convolutions. *ICLR* 2016 (dilations 1, 2, 4).
#
# [Concepts 52–54](00_start_here.ipynb#Map-of-the-concepts)
