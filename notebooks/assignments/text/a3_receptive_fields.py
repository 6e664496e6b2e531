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
# # A3 · Receptive fields, shapes, normalisation
#
# How far does a unit see, how large is its map, and what happens to its values on the way? You write
# the arithmetic that holds for all networks, draw its results, and design a network with it.
#
# *About 110 min · CPU 10 s · 46 points, and 10 for what you write*
#
# Afterwards you will be able to
#
# - tell the receptive field of any element of AlexNet or VGG-16 from the list of their layers,
# - say which shape comes out of every layer before you run a network,
# - write AlexNet's normalisation from the paper's formula, and tell where PyTorch's differs,
# - turn maps into a vector in two ways, and say what each of them forgets,
# - choose strides, kernels and dilations so that a network sees far for little work.
#
# You need [section 08](../08_alexnet.ipynb), [section 09](../09_receptive_field.ipynb) and
# [section 10](../10_vgg.ipynb). *Concepts 42, 47, 48, 50 and 52–54*

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
# - You get NumPy arrays (`float32`, `float64`) and whole numbers; you may return NumPy arrays, torch
#   tensors or lists. Loops, NumPy, torch: all are fine.
# - Do not change what you are given; the caller still needs it.
# - Small rounding differences do not matter, except where whole numbers are asked for.
# - Grading calls your functions as `check` does, on inputs drawn anew. Points are shared among groups
#   of cases, so that a function that is right in part earns a part.
#
# A network is a list of dictionaries here, from the image on. All keys are always there; only a pooling
# has no `out_channels`. Poolings have no padding and no dilation.

# %%
import numpy as np
import torch

from cv_course import data, plots
from cv_course.assignments import check, hint, passed
from cv_course.drill import as_array


def conv(kernel, out_channels, stride=1, padding=0, dilation=1):
    return dict(
        kind="conv",
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        out_channels=out_channels,
    )


def pool(kernel, stride):
    return dict(kind="pool", kernel=kernel, stride=stride, padding=0, dilation=1)


alexnet = [
    *(conv(11, 96, stride=4), pool(3, 2)),
    *(conv(5, 256, padding=2), pool(3, 2)),
    *(conv(3, 384, padding=1), conv(3, 384, padding=1), conv(3, 256, padding=1), pool(3, 2)),
]
vgg16 = [
    layer
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    for layer in (*[conv(3, width, padding=1)] * count, pool(2, 2))
]
alexnet[0]

# %% [markdown]
# ## 1 · How far does one element see? (10 points)
#
# Take one number after the last layer. Which square of the input image can have changed it? Give the
# square's side in pixels, as if the image were large enough. Try it on paper first: a 3 × 3 convolution,
# a 2 × 2 pooling with stride 2, a 3 × 3 convolution. Is it 6, 7 or 8?


# %% nbgrader={"grade": false, "grade_id": "receptive_field", "locked": false, "schema_version": 3, "solution": true, "task": false}
def receptive_field(layers):
    """layers, a list of dictionaries from the image on -> side of the receptive field, in pixels."""
    ### BEGIN SOLUTION
    size, jump = 1, 1  # side of the field; pixels from one element to the next
    for layer in layers:
        size += (layer["kernel"] - 1) * layer["dilation"] * jump
        jump *= layer["stride"]
    return size
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_receptive_field", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(receptive_field)
### BEGIN HIDDEN TESTS
from cv_course.grading import demand

demand("A3", receptive_field)
### END HIDDEN TESTS

# %%
hint(receptive_field)

# %% [markdown]
# AlexNet begins with a window of 11 × 11, VGG-16 with 3 × 3. **Predict:** which of them sees more of the
# image after eight layers, and where does a curve get steeper?

# %%
if passed(receptive_field):
    curves = {
        name: [receptive_field(layers[:count]) for count in range(1, len(layers) + 1)]
        for name, layers in (("AlexNet", alexnet), ("VGG-16", vgg16))
    }
    figure, axis = plots.figure(6, 3)
    for (name, sides), marker in zip(curves.items(), "os", strict=True):
        axis.plot(range(1, len(sides) + 1), sides, marker=marker, label=name)
    axis.axhline(224, color="gray", linestyle=":")
    axis.annotate("the whole image", (1, 224), va="bottom")
    axis.set(xlabel="layers", ylabel="receptive field (pixels)", ylim=(0, 250))
    axis.legend(loc="lower right")
    plots.show(
        figure,
        caption="Figure 1. The receptive field after each layer of two networks.",
        alt=f"Two rising curves. AlexNet reaches {curves['AlexNet'][-1]} pixels in {len(alexnet)} "
        f"layers, VGG-16 {curves['VGG-16'][-1]} in {len(vgg16)}; both stay below the image's 224.",
    )

# %% [markdown]
# ## 2 · Which shape comes out? (10 points)
#
# A frequent error message in deep learning says that two shapes do not fit. So compute them before you
# run the network: for each layer in turn, how many channels, rows and columns? Images need not be square.
# Before you write: a window of 3 with stride 2 moves over 8 elements, without padding. How many positions
# does it take, and what happens to the last element?


# %% nbgrader={"grade": false, "grade_id": "trace", "locked": false, "schema_version": 3, "solution": true, "task": false}
def trace(layers, channels, height, width):
    """layers, a list of L dictionaries; the input's shape -> a list of L triples (C, H, W)."""
    ### BEGIN SOLUTION
    shapes = []
    for layer in layers:
        span = layer["dilation"] * (layer["kernel"] - 1) + 1
        height, width = (
            (side + 2 * layer["padding"] - span) // layer["stride"] + 1 for side in (height, width)
        )
        channels = layer.get("out_channels", channels)
        shapes.append((channels, height, width))
    return shapes
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_trace", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(trace)
### BEGIN HIDDEN TESTS
demand("A3", trace)
### END HIDDEN TESTS

# %%
hint(trace)

# %% [markdown]
# Now draw a network with your function: each bar is as high as its map and as wide as it has channels.
# What becomes less on the way, and what becomes more? And how many numbers are there in each map?

# %%
if passed(trace):
    shapes = [(3, 227, 227), *trace(alexnet, 3, 227, 227)]
    names = ["image", "conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"]
    figure, axis = plots.figure(7.5, 3.2)
    left = 0
    for (channels, height, _), name in zip(shapes, names, strict=True):
        axis.bar(left, height, channels, align="edge", bottom=-height / 2, color=plots.COLOURS[0])
        label = f"{name}\n{channels} × {height}²"
        axis.text(left + channels / 2, height / 2 + 6, label, ha="center", fontsize=7)
        left += channels + 150
    axis.set(ylim=(-125, 165), xlim=(-120, left))
    axis.set_axis_off()
    plots.show(
        figure,
        caption="Figure 2. The shapes in AlexNet: height of a bar, rows of a map; width, channels.",
        alt="AlexNet as a row of bars, from the image (3 channels of 227 rows) to pool5 "
        f"({shapes[-1][0]} channels of {shapes[-1][1]} rows): they get lower and wider.",
    )
    for name, shape in zip(names, shapes, strict=True):
        print(f"{name:6}{'×'.join(map(str, shape)):>13}  {np.prod(shape):>8,} numbers")

# %% [markdown]
# ## 3 · AlexNet's normalisation (10 points)
#
# A large activation makes those of its neighbours smaller. The paper divides each activation by a power
# of a sum over the channels around it, **at the same position** of the same image:
#
# $$b_i = a_i \Big/ \Big(k + \alpha \sum_{j = \max(0,\, i - \lfloor n/2 \rfloor)}^{\min(C - 1,\, i + \lfloor n/2 \rfloor)} a_j^2\Big)^{\beta}$$
#
# with n an odd number of channels. The paper takes k = 2, n = 5, α = 10⁻⁴, β = 0.75. With so small an α,
# for which activations does the sum matter at all?
#
# `torch.nn.LocalResponseNorm` is no answer here. It is not the same formula either.


# %% nbgrader={"grade": false, "grade_id": "local_response_norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def local_response_norm(a, k, n, alpha, beta):
    """a (N, C, H, W), n odd -> (N, C, H, W), normalised over n channels as in the AlexNet paper."""
    ### BEGIN SOLUTION
    squares, normalised = a**2, np.empty_like(a)
    for i in range(a.shape[1]):
        total = squares[:, max(0, i - n // 2) : i + n // 2 + 1].sum(axis=1)
        normalised[:, i] = a[:, i] / (k + alpha * total) ** beta
    return normalised
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_local_response_norm", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(local_response_norm)
### BEGIN HIDDEN TESTS
demand("A3", local_response_norm)
### END HIDDEN TESTS

# %%
hint(local_response_norm)

# %% [markdown]
# Channel 8 is large, all others are equal. **Predict:** how many of them does it make smaller? And what
# is left of the large one itself?

# %%
if passed(local_response_norm):
    column = np.full((1, 16, 1, 1), 50.0)
    column[0, 8] = 1000
    quieter = as_array(local_response_norm(column, 2, 5, 1e-4, 0.75))[0, :, 0, 0]
    figure, axis = plots.figure(6, 2.6)
    axis.bar(range(16), quieter / column[0, :, 0, 0], color=plots.COLOURS[0])
    axis.set(xlabel="channel (number 8 is large)", ylabel="activation after / before")
    plots.show(
        figure,
        caption="Figure 3. What is left of each channel after the normalisation.",
        alt="Sixteen bars: what is left of each channel's activation. Channels 6 to 10 keep "
        f"{quieter[7] / 50:.1%} at most, channel 0 keeps {quieter[0] / 50:.0%}.",
    )

# %% [markdown]
# PyTorch's layer divides α by n before it uses it. **Predict:** with the same α = 10⁻⁴ in both, how far
# apart are PyTorch's layer and the paper's formula for activations around 1? And around 300?

# %%
if passed(local_response_norm):
    import torch.nn.functional as F

    normal = torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    for size in (1, 30, 300):
        values = size * normal
        paper = as_array(local_response_norm(values.numpy(), 2, 5, 1e-4, 0.75))
        theirs = F.local_response_norm(values, 5, 1e-4, 0.75, 2).numpy()
        away = np.abs(theirs / paper - 1).max()
        print(f"activations around {size:3}: the two differ by up to {away:.2%}")

# %% [markdown]
# ## 4 · From maps to a vector (8 points)
#
# A fully connected layer needs a vector for each image, but a convolution gives maps. AlexNet lists all
# numbers, channel by channel, row by row (`"flatten"`). Later networks keep one number per channel, its
# mean over all positions (`"average"`). Which of the two still holds *where* something was? And what
# should come out for a batch of a single image?


# %% nbgrader={"grade": false, "grade_id": "vectorise", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vectorise(x, mode):
    """x (N, C, H, W), mode "flatten" or "average" -> (N, D), a vector for each image."""
    ### BEGIN SOLUTION
    return x.reshape(len(x), -1) if mode == "flatten" else x.mean(axis=(2, 3))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_vectorise", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(vectorise)
### BEGIN HIDDEN TESTS
demand("A3", vectorise)
### END HIDDEN TESTS

# %%
hint(vectorise)

# %% [markdown]
# Let the cat walk to the right, pixel by pixel, around the edge and in again on the left. How far is the
# vector from the one at the start?

# %%
if passed(vectorise):
    cat = data.as_float(data.fitted(data.photos()["cat"], 64, 64)).numpy()
    steps = range(0, 33)
    walk = np.stack([np.roll(cat, step, axis=2) for step in steps])
    figure, axis = plots.figure(5.5, 2.8)
    ends = {}
    for mode, marker in (("flatten", "o"), ("average", "s")):
        vectors = as_array(vectorise(walk, mode))
        away = np.linalg.norm(vectors - vectors[0], axis=1) / np.linalg.norm(vectors[0])
        ends[mode] = away[-1]
        axis.plot(steps, away, marker=marker, markersize=3, label=mode)
    axis.set(xlabel="pixels to the right", ylabel="distance from the start\n(relative)")
    axis.legend()
    plots.show(
        figure,
        caption="Figure 4. How far the vector of a photograph moves when the photograph is shifted.",
        alt=f"Distance of the vector against the shift: flattened it grows up to {ends['flatten']:.2f} "
        f"of its length at 32 pixels, averaged it stays at {abs(ends['average']):.2f}.",
    )

# %% [markdown]
# ## 5 · See far for little work (8 points)
#
# Now you design. For images 3 × side × side, give a list of layers (`conv(…)` and `pool(…)` from above, or
# dictionaries) such that
#
# - one element after the last layer sees at least `field` pixels,
# - the last map has at least side / 4 rows, and at least 16 channels,
# - all layers together have at most **12,000 weights** (biases do not count) and need at most
#   **25 million multiply–accumulates** for one image.
#
# The check asks for about 31 pixels in images of 64 × 64, 63 in 96 × 96, and 127 in 160 × 160.
# Many designs are right. Your own functions of questions 1 and 2 tell you where you are.


# %% nbgrader={"grade": false, "grade_id": "design_layers", "locked": false, "schema_version": 3, "solution": true, "task": false}
def design_layers(side, field):
    """side of the image, least receptive field, whole numbers -> a list of layers."""
    ### BEGIN SOLUTION
    layers = [conv(3, 16, stride=2, padding=1), conv(3, 16, stride=2, padding=1)]
    dilation = 1
    while receptive_field(layers) < field:
        layers.append(conv(3, 16, padding=dilation, dilation=dilation))
        dilation = min(2 * dilation, 8)
    return layers
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_design_layers", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(design_layers)
### BEGIN HIDDEN TESTS
demand("A3", design_layers)
### END HIDDEN TESTS

# %%
hint(design_layers)

# %% [markdown]
# What did each wish cost? **Predict:** does a field that is twice as wide need twice as many layers?

# %%
if passed(design_layers):
    for side, field in ((64, 31), (96, 63), (160, 127)):
        layers = design_layers(side, field)
        channels, weights = 3, 0
        for one in (layer for layer in layers if layer["kind"] == "conv"):
            weights += one["kernel"] ** 2 * channels * one["out_channels"]
            channels = one["out_channels"]
        print(f"{side:3} × {side:3}, {field:3} pixels: {len(layers)} layers, {weights:6,} weights")

# %% [markdown]
# ## 6 · In your own words (10 points)
#
# A unit of VGG-16's last pooling sees 212 × 212 pixels. A friend concludes that it makes use of all of
# them alike. Is that so? What does the receptive field say, what does it not say, and which experiment
# would show your friend the difference? About 150 words, in any language that your course agreed on. A
# person reads this.
#
# Write below the first line and keep that line: your answer is found by it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "seen_and_used", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# **Your answer** (`seen_and_used`):
#
# ### BEGIN SOLUTION
# The receptive field says which pixels *can* change the unit, for some image and some weights. It follows
# from kernels, strides and dilations alone, before anything was learned. It is an upper limit and does not
# say how strongly a pixel acts. A pixel in the middle is joined to the unit by very many paths, one in the
# corner by a single one, so that with weights of similar size the influence is about a Gaussian: its width
# grows only with the root of the depth, while the field grows with the depth itself. Most of the square is
# seen, but hardly used. Experiment: take the gradient of one unit by the pixels, for many images, average its
# absolute value and draw it. It would be flat if all pixels were used alike; in fact there is a bright
# spot in the middle. Or cover small patches one after the other and note how much the unit changes.
# Training, strides and dilation change the width, so it has to be measured, not computed.
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
# Hand in this file, under the name that your course asks for (with `_A3` in it).
