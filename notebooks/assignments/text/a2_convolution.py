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
# # A2 · Convolution
#
# You build the layer that gave convolutional networks their name, count what it saves, and build the
# layer that it replaced.
#
# *About 170 min · CPU 20 s · 40 points, and 10 for what you write*
#
# Afterwards you will be able to
#
# - write a convolution with stride and padding, and say why it is called a cross-correlation,
# - make it fast without a library that does it for you,
# - pool a map, and say what pooling throws away,
# - count the parameters of a fully connected, a locally connected and a convolutional layer,
# - say what weight sharing gains, and when you would rather not share,
# - replace a filter by a cheaper one, and say what that costs.
#
# You need [section 05](../05_from_dense_to_convolution.ipynb). *Concepts 31–36*

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
# - You get NumPy arrays (`float32`, `float64`, images also as `uint8` or `int32`) and whole numbers; you
#   may return NumPy arrays or torch tensors. Loops, NumPy, torch, SciPy: all are fine, *except* the one
#   function that is itself the answer: no library's convolution in `conv2d`, no library's pooling in
#   `max_pool2d`. (`unfold`, `einsum`, `sliding_window_view` or a Fourier transform are welcome.)
# - Do not change the arrays that you are given; whoever called you still needs them.
# - Small rounding differences do not matter (a ten-thousandth of a value, and a thousandth of the
#   largest one).
# - Grading calls your functions as `check` does, on inputs drawn anew. Points are shared among groups
#   of cases, so that a function that is right in part earns a part.

# %%
import numpy as np

from cv_course import data, plots
from cv_course.assignments import check, hint, passed
from cv_course.drill import as_array

photo = data.fitted(data.photos()["cat"], 120, 180)  # three channels, 120 x 180 pixels
grey = photo.float().mean(0).numpy()[None, None] / 255  # N, C, H, W
print("photo:", tuple(photo.shape), " grey:", grey.shape)

# %% [markdown]
# ## 1 · Slide a window (14 points)
#
# A filter looks at a window of the image, multiplies each number in it by a weight, adds everything
# up (over all channels, too) and adds a bias. Then the window moves by `stride` pixels. Around the
# image there are `padding` rows and columns of zeros, on all four sides:
#
# $$y_{n,f,i,j} = b_f + \sum_c \sum_{u,v} w_{f,c,u,v}\; x_{n,c,\;i\,s+u,\;j\,s+v}$$
#
# where x is the padded image and s the stride. The kernel is *not* turned round, so this is the
# cross-correlation, which everybody in deep learning calls convolution. A window that would not fit
# into the padded image is left out.
#
# Begin with whatever is easiest to get right. Then look at the time: the last case, eight images of
# 32 × 32 pixels with 16 channels and 32 filters, has three seconds of computing. How many
# multiplications is that? How many of them can one array operation do for you?


# %% nbgrader={"grade": false, "grade_id": "conv2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d(x, w, b, stride=1, padding=0):
    """x (N, C, H, W), w (F, C, KH, KW), b (F,) -> (N, F, H', W'), the cross-correlation."""
    ### BEGIN SOLUTION
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    N, _, H, W = x.shape
    F, _, KH, KW = w.shape
    rows, columns = (H - KH) // stride + 1, (W - KW) // stride + 1
    y = np.zeros((N, F, rows, columns)) + b[:, None, None]
    for u in range(KH):
        for v in range(KW):  # all the pixels that w[:, :, u, v] meets, at once
            met = x[:, :, u : u + stride * rows : stride, v : v + stride * columns : stride]
            met = met[:, :, :rows, :columns]
            y += np.einsum("nchw,fc->nfhw", met, w[:, :, u, v], optimize=True)
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_conv2d", "locked": true, "points": 14, "schema_version": 3, "solution": false, "task": false}
check(conv2d)
### BEGIN HIDDEN TESTS
from cv_course.grading import demand

demand("A2", conv2d)
### END HIDDEN TESTS

# %%
hint(conv2d)

# %% [markdown]
# Let it look at something. Two filters of 3 × 3 that were designed by hand: one adds up the change from
# left to right, the other from top to bottom. **Predict:** which of them responds to the eyelids, which
# to the sides of the face?

# %%
if passed(conv2d):
    sideways = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    edges = as_array(conv2d(grey, np.stack([sideways, sideways.T])[:, None], np.zeros(2)))
    figure, axes = plots.figure(8, 2.3, 1, 3)
    axes[0].imshow(grey[0, 0])
    for axis, response, name in zip(axes[1:], edges[0], ("to the right", "downwards"), strict=True):
        axis.imshow(response, cmap=plots.SIGNED, vmin=-1.5, vmax=1.5)
        axis.set_title(f"brighter {name}: red")
    for axis in axes:
        axis.set_axis_off()
    plots.show(
        figure,
        caption="Figure 1. A photograph, and edges to the right and downwards: red brighter, blue darker. One scale.",
        alt="A grey photograph of a cat and two maps of signed edges. In one, steep lines such as the "
        "sides of the face stand out; in the other, level ones such as the lids of the eyes.",
    )

# %% [markdown]
# ## 2 · Keep the strongest (6 points)
#
# Pooling looks at one map at a time: cut out a window, keep the largest number in it, move on by
# `stride`. With `size` 2 and `stride` 2 the windows tile the map; with 3 and 2, AlexNet's choice,
# they overlap. Does your code survive a map in which every number is negative?


# %% nbgrader={"grade": false, "grade_id": "max_pool2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool2d(x, size, stride):
    """x (N, C, H, W) -> (N, C, H', W'), H' = (H - size) // stride + 1: the largest in each window."""
    ### BEGIN SOLUTION
    rows, columns = ((side - size) // stride + 1 for side in x.shape[2:])
    y = np.empty((*x.shape[:2], rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = stride * i, stride * j
            y[:, :, i, j] = x[:, :, top : top + size, left : left + size].max(axis=(2, 3))
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_max_pool2d", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(max_pool2d)
### BEGIN HIDDEN TESTS
demand("A2", max_pool2d)
### END HIDDEN TESTS

# %%
hint(max_pool2d)

# %% [markdown]
# What is lost when the strength of the edges is pooled once, twice, three times?

# %%
if passed(conv2d) and passed(max_pool2d):
    maps = [np.abs(edges).max(axis=1, keepdims=True)]
    for _ in range(3):
        maps.append(as_array(max_pool2d(maps[-1], 2, 2)))
    figure, axes = plots.figure(8, 1.9, 1, 4)
    for axis, pooled in zip(axes, maps, strict=True):
        axis.imshow(pooled[0, 0], cmap="gray_r", vmin=0, vmax=2)
        axis.set_title(f"{pooled.shape[2]} × {pooled.shape[3]}")
        axis.set_axis_off()
    plots.show(
        figure,
        caption="Figure 2. The strength of the edges, at full size and after one to three poolings.",
        alt="The strength of the cat's edges, dark on white, at full size and pooled one to three "
        "times: the lines grow thick and coarse, yet eyes and ears can be made out for long.",
    )

# %% [markdown]
# ## 3 · What does it cost? (6 points)
#
# Three layers that turn the same input, (in_channels, height, width), into the same output,
# (out_channels, height − KH + 1, width − KW + 1), where `kernel_size` is a pair, (KH, KW):
#
# - `"fully_connected"`: each output unit looks at every number of the input;
# - `"locally_connected"`: it looks at its window only, with weights of its own;
# - `"conv"`: it looks at its window, and all units of one map share their weights.
#
# Each may have biases (ask yourself: how many?). Each may also have `groups`: the input channels are
# divided into so many equal parts, the output maps likewise, and a map looks at its own part only.
# AlexNet did that with its convolutions to fit on two graphics cards.


# %% nbgrader={"grade": false, "grade_id": "count_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_parameters(
    kind, in_channels, out_channels, kernel_size, height, width, groups=1, bias=True
):
    """The number of weights and biases; stride 1, no padding, the same output for all kinds."""
    ### BEGIN SOLUTION
    KH, KW = kernel_size
    seen = height * width if kind == "fully_connected" else KH * KW
    neurons = out_channels
    if kind != "conv":  # there one set of weights serves all positions
        neurons *= (height - KH + 1) * (width - KW + 1)
    return neurons * (in_channels // groups * seen + (1 if bias else 0))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_count_parameters", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(count_parameters)
### BEGIN HIDDEN TESTS
demand("A2", count_parameters)
### END HIDDEN TESTS

# %%
hint(count_parameters)

# %% [markdown]
# Let the image grow. **Predict:** which of the three counts does not move?

# %%
if passed(count_parameters):
    sides, kinds = [8, 16, 32, 64, 128, 224], ["fully_connected", "locally_connected", "conv"]
    figure, axis = plots.figure(6, 3)
    for kind, marker in zip(kinds, "osD", strict=True):
        counts = [count_parameters(kind, 3, 16, (5, 5), side, side) for side in sides]
        axis.loglog(sides, counts, marker=marker, label=kind.replace("_", " "))
    axis.set(
        xlabel="side of the image, pixels", ylabel="parameters", xticks=sides, xticklabels=sides
    )
    axis.minorticks_off()
    axis.grid(axis="y")
    axis.legend()
    plots.show(
        figure,
        caption="Figure 3. Parameters of three layers against the side of the image. Both axes are logarithmic.",
        alt="Parameters of three layers against the side of the image, both on logarithmic axes. Fully "
        "connected rises most steeply, locally connected half as steeply, and the convolution is a "
        "level line at the bottom.",
    )

# %% [markdown]
# ## 4 · Look locally, share nothing (8 points)
#
# The layer in between, which history has nearly forgotten: windows as in a convolution, but at each
# output position (i, j) there are filters w[i, j] and biases b[i, j] of its own. The input is exactly
# as large as the windows need, and there is no padding.


# %% nbgrader={"grade": false, "grade_id": "locally_connected2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
def locally_connected2d(x, w, b, stride=1):
    """x (N, C, H, W), w (H', W', F, C, K, K), b (H', W', F) -> (N, F, H', W')."""
    ### BEGIN SOLUTION
    rows, columns, F, _, K, _ = w.shape
    y = np.empty((len(x), F, rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = x[:, :, stride * i : stride * i + K, stride * j : stride * j + K]
            y[:, :, i, j] = np.einsum("nckl,fckl->nf", window, w[i, j]) + b[i, j]
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_locally_connected2d", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(locally_connected2d)
### BEGIN HIDDEN TESTS
demand("A2", locally_connected2d)
### END HIDDEN TESTS

# %%
hint(locally_connected2d)

# %% [markdown]
# If all positions happen to have the same filters, both layers must agree. And if the filters differ?
# Here the left half of the picture looks for changes to the right, the right half for changes
# downwards. A convolution cannot do that.

# %%
if passed(conv2d) and passed(locally_connected2d):
    height, width = grey.shape[2] - 2, grey.shape[3] - 2
    shared = np.tile(sideways, (height, width, 1, 1, 1, 1))
    nothing = np.zeros((height, width, 1))
    one = as_array(conv2d(grey, sideways[None, None], np.zeros(1)))
    same = as_array(locally_connected2d(grey, shared, nothing))
    print(f"largest difference: {np.abs(one - same).max():.0e}")
    shared[:, width // 2 :] = sideways.T
    both = as_array(locally_connected2d(grey, shared, nothing))
    figure, axis = plots.figure(4.4, 2.9)
    axis.imshow(both[0, 0], cmap=plots.SIGNED, vmin=-1.5, vmax=1.5)
    axis.axvline(width // 2, color="black", linewidth=1)
    axis.set_axis_off()
    plots.show(
        figure,
        caption="Figure 4. One map of a locally connected layer: other weights on the left than on the right.",
        alt="One map of the cat, divided in the middle: on the left steep edges in red and blue, on the "
        "right level ones.",
    )

# %% [markdown]
# ## 5 · A cheaper filter (6 points)
#
# A filter of 9 × 9 costs 81 multiplications for each pixel. The kernel (1, 2, 1) × (−1, 0, 1) of the first
# question is cheaper: filter down with one column of 3 numbers, then across with one row of 3. A kernel
# that is *no* product of a column and a row may be nearly a sum of a few such products. Here you *design*
# one within a budget: you may store `numbers` numbers. A pair, a column and a row, takes KH + KW of them.
#
# Return the columns (R, KH) and the rows (R, KW). The sum of the R products is to be as near to the kernel
# as it can be. It is measured: on an image of noise the outputs may be wrong by at most 1.05 times what
# is unavoidable (and one hundredth of their size).


# %% nbgrader={"grade": false, "grade_id": "separate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def separate(kernel, numbers):
    """kernel (KH, KW), numbers -> (columns (R, KH), rows (R, KW)), R (KH + KW) <= numbers."""
    ### BEGIN SOLUTION
    pairs = numbers // (kernel.shape[0] + kernel.shape[1])
    columns, sizes, rows = np.linalg.svd(kernel, full_matrices=False)
    return (columns * sizes)[:, :pairs].T, rows[:pairs]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_separate", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(separate)
### BEGIN HIDDEN TESTS
demand("A2", separate)
### END HIDDEN TESTS

# %%
hint(separate)

# %% [markdown]
# A filter for waves along one diagonal, of 9 × 9, and its replacements by one and by two pairs.
# **Predict:** by how much of its size is the output wrong with one pair, and with two?

# %%
if passed(separate) and passed(conv2d):
    down, right = np.mgrid[-4:5, -4:5]
    kernel = np.cos(down + right) * np.exp(-(down**2 + right**2) / 12)
    kernels = [kernel]
    for pairs in (1, 2):
        columns, rows = (as_array(part) for part in separate(kernel, pairs * 18))
        kernels.append(columns.T @ rows)
    maps = as_array(conv2d(grey, np.stack(kernels)[:, None], np.zeros(3)))[0]
    names = "81 multiplications", "one pair: 18", "two pairs: 36"
    figure, axes = plots.figure(8, 3.2, 2, 3, height_ratios=(1, 2))
    for column, (one, response, name) in enumerate(zip(kernels, maps, names, strict=True)):
        limit = np.abs(kernel).max()
        axes[0, column].imshow(one, cmap=plots.SIGNED, vmin=-limit, vmax=limit)
        axes[0, column].set_title(name)
        axes[1, column].imshow(response, cmap=plots.SIGNED, vmin=-1.5, vmax=1.5)
        error = np.linalg.norm(response - maps[0]) / np.linalg.norm(maps[0])
        print(f"{name:20} the output is wrong by {error:.0%} of its size")
    for axis in axes.flat:
        axis.set_axis_off()
    plots.show(
        figure,
        caption="Figure 5. A kernel of 9 × 9 and its replacements by one and by two pairs (above), and their "
        "outputs (below). One scale for all kernels, one for all outputs.",
        alt="Three kernels and three outputs. The kernel has diagonal stripes; with one pair it has spots "
        "in place of stripes, with two pairs it looks like the kernel.",
    )

# %% [markdown]
# Two pairs are exact here, with less than half of the multiplications. The reason is the formula
# cos(a + b) = cos a cos b − sin a sin b, which is a sum of two products.

# %% [markdown]
# ## 6 · In your own words (10 points)
#
# Sharing rests on a belief about pictures: what is worth looking for here is worth looking for there.
# For which pictures does it not hold, so that you would rather use a locally connected layer? What do
# you gain with it, and what do you pay? Use numbers from `count_parameters` for a case of your choice.
# Five to ten sentences, in any language that your course agreed on. A person reads this.
#
# Write below the first line and keep that line: your answer is found by it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "share_or_not", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# **Your answer** (`share_or_not`):
#
# ### BEGIN SOLUTION
# Sharing assumes that a feature may occur anywhere. It does not hold where pictures are aligned, so
# that each place has a meaning of its own: passport photographs with the eyes always in the same
# place, scans of one form, the readings of sensors that stand in fixed places. There a locally connected
# layer can look for eyes where eyes are and for a mouth where a mouth is. It pays with parameters: for
# three channels, 16 maps, windows of 5 × 5 and images of 64 × 64 a convolution has 1,216 parameters, the
# locally connected layer 60 · 60 times as many. Each of them learns from one place only, so that far more
# pictures are needed and overfitting comes sooner. And it gives up equivariance: if the face moves by a
# few pixels, other filters meet it, which have not learned what to do with it. The number of
# multiplications is the same for both.
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
# Hand in this file, under the name that your course asks for (with `_A2` in it).
