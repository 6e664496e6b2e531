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
# # 05 · From dense to convolution
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/05_from_dense_to_convolution.ipynb)
#
# **What is gained by looking locally and sharing?**
#
# In the main part of section 04, each weight belonged to one position of the image. Now we try
# small templates that look everywhere. You need section 04.
#
# Afterwards you will be able to
#
# - compute a convolution by hand and as a matrix product,
# - count what looking locally and sharing save,
# - say when the output moves along with the image.
#
# *About 35 min, 15 for the folded parts, 70 for all problems · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cv_course import data, perturb, plots, training
from cv_course.plots import show
from cv_course.sections.s05_convolution import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 A small template that slides
#
# A template of section 04 covers the whole image. Now we take a template of only 2 × 2 numbers, called a
# **kernel** or **filter**. We lay it on the upper left corner of the image. The four pixels under it are a
# **window**. We multiply each pixel by the number on top of it, and add the four results. Then the kernel moves
# on by one pixel. All sums together are the **map**.
#
# In Figure 5.1 the first sum is 3·1 + 0·0 + 1·(−1) + 5·2 = **12**. In 3 rows of pixels, a kernel of 2
# rows has 3 − 2 + 1 = 2 positions. The function `slide` computes all sums:

# %%
image = torch.tensor([[3.0, 0, 1, 2], [1, 5, 8, 9], [2, 7, 2, 5]])
kernel = torch.tensor([[1.0, 0], [-1, 2]])


# %%
def slide(image, kernel):
    height, width = kernel.shape
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    sums = torch.zeros(rows, columns)
    for y in range(rows):
        for x in range(columns):
            window = image[y : y + height, x : x + width]
            sums[y, x] = (window * kernel).sum()
    return sums


# %% tags=["hide-input"]
# @title Figure 5.1
from matplotlib.patches import Rectangle


def frame(axis, x, y, side, color=plots.COLOURS[4], lw=3.0):
    axis.add_patch(Rectangle((x, y), side, side, fill=False, ec=color, lw=lw, clip_on=False))


figure, panels = plots.figure(8, 1.9, 1, 3, width_ratios=(4, 2, 3))
tables = {"image, 3 × 4": image, "kernel, 2 × 2": kernel, "map, 2 × 3": slide(image, kernel)}
for panel, (title, table) in zip(panels, tables.items(), strict=True):
    plots.numbers(table, title=title, colours="Greys", scale=(0, 1e4), axis=panel)
frame(panels[0], -0.5, -0.5, 2)
frame(panels[2], -0.5, -0.5, 1)
show(
    figure,
    caption="Figure 5.1. An image, a kernel, and the map of all sums. The orange frames mark the first window and "
    "its sum.",
    alt="Three tables. The image has the rows 3 0 1 2, 1 5 8 9, 2 7 2 5; the kernel 1 0, −1 2; the map "
    "12 11 11, 13 2 16. The window 3 0, 1 5 and the sum 12 are framed.",
)

# %% [markdown]
# The map is smaller than the image. **Padding** adds zeros around the image. The
# **stride** is the step of the kernel. For 28 pixels and a kernel of 5:
#
# - Stride 1: 28 − 5 + 1 = 24 positions.
# - Stride 1, with padding 2 at each end: 32 − 5 + 1 = 28 positions.
# - Stride 2: the kernel can move by 28 − 5 = 23 pixels. These are 11 whole steps, so 12 positions.
#
# Write the rule as a function:


# %%
def output_size(size, kernel, stride, padding):
    """The number of positions along one side. All arguments are whole numbers of pixels.

    output_size(28, 5, 1, 0) is 24, output_size(28, 5, 1, 2) is 28."""
    ...  # replace this line


check(output_size)

# %%
hint(output_size)

# %% [markdown]
# A matrix product is faster than Python's loops. Write each window of Figure 5.1 as one row of
# four numbers. This matrix of 6 × 4, times the four numbers of the kernel, gives all six sums. Write the function that
# makes this matrix:


# %%
def windows_as_rows(image, side):
    """A NumPy array (height × width) -> a matrix with one row per window of side × side.

    [[1, 2, 3], [4, 5, 6]] and side 2 -> [[1, 2, 4, 5], [2, 3, 5, 6]]."""
    ...  # replace this line


check(windows_as_rows)

# %%
hint(windows_as_rows)

# %% [markdown]
# PyTorch's `F.unfold` gives the windows as *columns*, and `F.conv2d` the whole map. Windows as
# columns are called **im2col** (image to columns). Both functions expect N images of C channels,
# with the shape N × C × H × W. `image[None, None]` adds the first two axes, both of length 1.

# %%
one_image = image[None, None]  # 1 × 1 × 3 × 4
rows = F.unfold(one_image, kernel_size=2)[0].T  # of the first image, as rows: 6 × 4
print(rows)
print("matrix product:", rows @ kernel.flatten())
print("conv2d:", F.conv2d(one_image, kernel[None, None]).flatten())

# %% [markdown]
# In mathematics, a *convolution* first turns the kernel by 180°. Without the turn it is a
# **cross-correlation**. Take an image of 5 × 5 zeros with a 1 in the middle. The rows of the kernel are 1, 2, 3,
# then 4, 5, 6, then 7, 8, 9. At the first position, the 1 of the image lies under the 9.
#
# **Predict:** what is the first row of the map, without the turn?

# %%
your_guess = "?"  # three numbers, such as (1, 2, 3)

# %%
dot = torch.zeros(5, 5)
dot[2, 2] = 1
one_to_nine = torch.arange(1.0, 10).view(3, 3)
found = F.conv2d(dot[None, None], one_to_nine[None, None])[0, 0]
print("your guess:", your_guess)
print("conv2d:", found.tolist())
turned = one_to_nine.flip(0, 1)  # upside down, then left and right exchanged: a turn by 180°
print("with the turn:", slide(dot, turned).tolist())

# %% [markdown]
# So PyTorch computes a cross-correlation. In deep learning it is called **convolution** as well.
# For training it makes no difference: if `conv2d` turned its kernels, a network would learn them
# turned, and get the same maps.
#
# [*Concept 33*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 What a filter finds
#
# Figure 5.2 slides a kernel over a cat's eye. Where is the sum large, and where near 0?

# %% tags=["hide-input"]
# @title Figure 5.2: slide a kernel
cat = data.photos()["cat"].float().mean(0, keepdim=True)  # grey
photo = F.avg_pool2d(cat, 2)[0].round()  # 150 × 225, whole numbers
eye = photo[40:72, 70:102]
show(
    play.slide(eye),
    caption="Figure 5.2. A kernel of 3 × 3 on its way over an image. Frames mark the window and its sum. In the map, "
    "red is positive, blue is negative, white is 0, and grey is not yet computed.",
)

# %% [markdown]
# At position 437 the window is brighter on the right, and the sum is 219. At position 431 it is
# brighter on the left: −299. At position 900 all nine pixels are similar, and the sum is near 0. So this kernel
# finds edges between left and right. Figure 5.3 shows two more.

# %% tags=["hide-input"]
# @title Figure 5.3
face = photo[8:108, 40:190]
figure, panels = plots.figure(8, 4.4, 2, 3, height_ratios=(1, 1))
for (name, weights), top, bottom in zip(model.KERNELS.items(), *panels, strict=True):
    plots.numbers(weights, signed=True, scale=(-4, 4), title=name, axis=top)
    found_by = F.conv2d(face[None, None].double(), torch.from_numpy(weights)[None, None])[0, 0]
    limit = 0.5 * float(found_by.abs().max())
    bottom.imshow(found_by.numpy(), plots.SIGNED, vmin=-limit, vmax=limit)
    bottom.set_axis_off()
show(
    figure,
    caption="Figure 5.3. Three kernels made by hand, and below each its map of a cat's face: red is positive, blue is "
    "negative, and white is 0 (each map has its own scale).",
    alt="Three tables and three maps of a cat: red and blue along vertical edges; along horizontal edges; "
    "speckles in the fur.",
)

# %% [markdown]
# The numbers of each kernel add up to 0. Nine equal pixels then give the sum 0: the kernels respond only to
# *differences*. The first two are positive where the image becomes brighter in the direction of their name. The third responds most strongly to spots and fine lines. Such a map is called a **feature map**: it shows where in the image the filter responds.
#
# A colour image has three channels. A filter of 5 × 5 reaches through all of them, so it has
# 3 · 5 · 5 = 75 weights. It still gives *one* map:

# %%
layer = nn.Conv2d(3, 8, kernel_size=5)
colours = data.photos()["coffee"][None].float()  # [None]: one image
print(f"image {tuple(colours.shape)}, weights {tuple(layer.weight.shape)}")
print(f"maps {tuple(layer(colours).shape)}: one per filter")

# %% [markdown]
# What do *learned* filters find? We train a small network with eight filters on clothes. EfficientNet-Lite0
# is a published network, trained on a million photographs. We compare the filters of both with simple patches: edges, lines,
# spots and plain colours. Figure 5.4 names the patch with the highest correlation (section 04).

# %% tags=["hide-input"]
# @title Figure 5.4
from cv_course.networks.pretrained import efficientnet_lite0

fashion = data.fashion_mnist()
torch.manual_seed(0)
first_network = nn.Sequential(
    nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(8), nn.Flatten(), nn.Linear(8 * 9, 10)
)
untrained = first_network[0].weight.detach().clone()
training.fit(
    first_network, fashion.train[:2000], epochs=3, batch_size=100, progress=False, device="cpu"
)
ours = first_network[0].weight.detach()
stem = efficientnet_lite0().features.stem
scale = stem.norm.weight / (stem.norm.running_var + stem.norm.eps).sqrt()
stem_filters = (stem.conv.weight * scale.view(-1, 1, 1, 1)).detach()  # with batch normalisation
sizes = stem_filters.abs().sum((1, 2, 3))
alive = sizes > 0.01 * sizes.median()  # the weights of the others are near 0
random_filters = torch.randn(32, 3, 3, 3, generator=torch.Generator().manual_seed(0))
patches, colour_patches = model.probe_patches(5), model.probe_patches(3, colours=True)
our_names, our_correlation = model.most_similar(ours, patches)
names, correlation = model.most_similar(stem_filters, colour_patches)
chosen = [10, 22, 23, 3]
figure, (upper, lower) = plots.figure(3.6, 4.4, 2, 1, height_ratios=(2, 1))
plots.pictures(
    torch.cat([untrained[:4], ours[:4]]), [""] * 4 + our_names[:4], columns=4, size=0.72,
    signed=True, scale="own", row_names=["before", "after"], axis=upper,
)  # fmt: skip
upper.set_title("clothes: before and after training")
# the colour of a filter: grey where a weight is 0
tinted = [0.5 + one / (2 * one.abs().max()) for one in stem_filters[chosen]]
plots.pictures(tinted, [names[at] for at in chosen], columns=4, size=0.72, axis=lower)
lower.set_title("photographs: EfficientNet-Lite0")
show(
    figure,
    caption="Figure 5.4. Learned filters and their most similar patches (“bright left” is bright on its left side). Above: one weight at each "
    "position, red if positive and blue if negative. Below: three weights at each position, for red, green and blue light. "
    "They are drawn as one colour. Medium grey: all three are 0.",
    alt=f"Before training the filters are irregular. After it: {', '.join(our_names[:4])}. "
    f"EfficientNet-Lite0: {', '.join(names[at] for at in chosen)}.",
)
before_training = model.most_similar(untrained, patches)[1].mean().item()
after_training = our_correlation.mean().item()
of_photographs = correlation[alive].mean().item()
of_random = model.most_similar(random_filters, colour_patches)[1].mean().item()
print("correlation with the most similar patch, mean of all filters:")
print(f"  clothes             before training {before_training:.2f}, after {after_training:.2f}")
print(f"  EfficientNet-Lite0  {of_photographs:.2f}, random filters {of_random:.2f}")

# %% [markdown]
# Even random filters are a little similar to *some* patch. The learned filters are clearly more similar, although training
# was given only the classes.
#
# [*Concept 34*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 Two steps: look locally, then share
#
# In an image of 28 × 28 = 784 pixels, 16 filters of 5 × 5 give 16 maps of 24 × 24. Together these are
# 16 · 24 · 24 = 9,216 sums. Three kinds of layers can compute 9,216 sums:
#
# 1. **Dense** (fully connected, as in section 04): each sum has 784 weights, one per pixel, and a bias.
# 2. **Local** (*locally connected*): each sum looks only at a window of 5 × 5 pixels. It has 25 weights and a bias *of its own*.
# 3. **Shared** (a convolution): all sums of a map use *the same* 25 weights and bias.
#
# For each weight, a sum needs one multiplication and one addition, together a **multiply–accumulate (MAC)**.
#
# **Predict:** by which factor does the number of weights and biases shrink from dense to local?

# %%
your_guess = "?"  # a factor, such as 10

# %%
sums = 16 * 24 * 24
counts = {"dense": sums * (784 + 1), "local": sums * (25 + 1), "shared": 16 * (25 + 1)}
macs = {"dense": sums * 784, "local": sums * 25, "shared": sums * 25}
for name in counts:
    print(f"{name:6} {counts[name]:9,} weights and biases, {macs[name]:9,} MACs")
print(f"your guess: {your_guess}, dense / local: {counts['dense'] / counts['local']:.0f}")

# %% [markdown]
# Looking locally saves weights and MACs. Sharing saves only weights: each sum still needs 25 MACs. Also, the same 16 filters
# fit an image of any size.
#
# Figure 5.5 draws each layer as a matrix, here for an image of 6 × 6 pixels and one kernel of
# 3 × 3. The 36 pixels, one image row after the other, are the columns of the matrix. Each of the 16
# sums is one row of the matrix. Its window takes three neighbouring pixels from each of three
# image rows. So a row of the matrix of *local* has three short stripes.

# %% tags=["hide-input"]
# @title Figure 5.5
torch.manual_seed(0)
small = {kind: model.hidden_layer(kind, (1, 6, 6), kernel=3, maps=1) for kind in model.KINDS}
for one in small.values():  # no weight so small that its cell looks white
    for weights in one.parameters():
        weights.data = weights.data + 0.5 * weights.data.abs().max() * weights.data.sign()
matrices = {kind: model.as_matrix(one, (1, 6, 6)) for kind, one in small.items()}
titles = (
    "dense: 16 · 36 = 576 weights", "local: 16 · 9 = 144 weights",
    "shared: 9 weights, the same in all rows",
)  # fmt: skip
figure, panels = plots.figure(3.6, 4.2, 3, 1)
for panel, matrix, title in zip(panels, matrices.values(), titles, strict=True):
    limit = float(matrix.abs().max())
    panel.imshow(matrix.numpy(), plots.SIGNED, vmin=-limit, vmax=limit, aspect="auto")
    panel.set_title(title, fontsize=10)
    panel.set(ylabel="16 sums", xticks=[], yticks=[])
    panel.spines[:].set_visible(True)
panels[2].set_xlabel("36 pixels")
show(
    figure,
    caption="Figure 5.5. The three layers as matrices: one row per sum, one column per pixel. Weights are red if "
    "positive and blue if negative; white is 0.",
    alt="Dense: full of different values. Local: three short stripes in each row, all else white. Shared: "
    "the same stripes, but each row repeats the same nine values farther to the right.",
)

# %% [markdown]
# *Local* is dense with most weights fixed at 0. *Shared* is local with the same weights for each sum. So each step only
# *restricts* the layer. What can be gained by this?
#
# [*Concept 31*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
from cv_course.sections.s05_convolution.counts import hidden_parameters

assert slide(image, kernel).tolist() == [[12, 11, 11], [13, 2, 16]]
assert torch.equal(rows @ kernel.flatten(), slide(image, kernel).flatten())
assert torch.equal(F.conv2d(one_image, kernel[None, None])[0, 0], slide(image, kernel))
assert found.tolist() == one_to_nine.flip(0, 1).tolist()
assert torch.equal(slide(dot, one_to_nine.flip(0, 1)), one_to_nine)
of_eye = slide(eye, torch.from_numpy(model.KERNELS["left to right"])).flatten()
assert [of_eye[position - 1] for position in (437, 431, 900)] == [219, -299, -17]
# 28 of the 32 filters of EfficientNet-Lite0 count; the weights of the other four are near 0.
assert alive.sum() == 28
assert after_training > before_training + 0.15 and of_photographs > of_random + 0.15
by_layer = {
    kind: sum(p.numel() for p in model.hidden_layer(kind).parameters()) for kind in model.KINDS
}
assert [*by_layer.values()] == [*counts.values()] == [*hidden_parameters().values()]
assert sum(p.numel() for p in model.hidden_layer("convolution", (1, 99, 99)).parameters()) == 416
assert [len(m[m != 0].unique()) for m in matrices.values()] == [576, 144, 9]
assert [(m != 0).sum().item() for m in matrices.values()] == [576, 144, 144]

# %% [markdown]
# ## 4 What does each step gain?
#
# Sharing assumes that what is worth finding at one position is worth finding at others. Do details
# of photographs recur? We pick 100 random details of 7 × 7 pixels, but none whose pixels are nearly equal. A detail
# *recurs* if a window at least 32 pixels away has a correlation above 0.9 with it. As a control,
# we take random noise that we made as smooth as the photograph. Its neighbouring pixels are as
# similar as those of the photograph.

# %% tags=["hide-input"]
# @title Figure 5.6
from matplotlib.lines import Line2D


def normalised_windows(photo, side=7):
    """One window per row; the inner product of two rows is their correlation."""
    windows = F.unfold(photo[None, None], side)[0].T
    windows = windows - windows.mean(1, keepdim=True)
    # a length below 30 counts as 30, so that a flat window is similar to no other
    return windows / windows.norm(dim=1, keepdim=True).clamp_min(30)


def similar_far_away(photo, starts=None, side=7, away=32, count=100):
    """Correlations of some details with all windows (−1 where these are nearer than ``away``)."""
    windows = normalised_windows(photo, side)
    height, width = (size - side + 1 for size in photo.shape)
    if starts is None:
        strong = (windows.norm(dim=1) > 0.99).nonzero()[:, 0]  # windows that are not flat
        order = torch.randperm(len(strong), generator=torch.Generator().manual_seed(0))
        starts = strong[order[:count]]
    similar = (windows[starts] @ windows.T).view(-1, height, width)
    y, x = (one.view(-1, 1, 1) for one in (starts // width, starts % width))
    down = (torch.arange(height).view(1, -1, 1) - y).abs()
    across = (torch.arange(width) - x).abs()
    return similar.where(torch.maximum(down, across) >= away, -1)


def equally_smooth_noise(photo):
    """Random noise in which each frequency is as strong as in the photograph."""
    noise = torch.fft.rfft2(
        torch.randn(photo.shape, generator=torch.Generator().manual_seed(0)).to(photo)
    )
    strength = torch.fft.rfft2(photo).abs()
    return torch.fft.irfft2(strength * noise / noise.abs(), s=photo.shape)


row_of_detail, column_of_detail = 40, 100
start = torch.tensor([row_of_detail * (photo.shape[1] - 6) + column_of_detail])
similar, corners = similar_far_away(photo, start)[0], []
while len(corners) < 9 and similar.max() > 0.9:  # the most similar ones that do not touch
    y, x = divmod(similar.argmax().item(), similar.shape[1])
    corners.append((y, x))
    similar[max(0, y - 9) : y + 10, max(0, x - 9) : x + 10] = -1
figure, (left, right) = plots.figure(3.6, 4.2, 2, 1, height_ratios=(2.7, 2))
left.imshow(photo.numpy(), vmin=0, vmax=255)
left.set_axis_off()
for y, x in corners:
    frame(left, x, y, 7, lw=1.6)
frame(left, column_of_detail, row_of_detail, 7, "white", 2.5)
crops = [photo[y : y + 7, x : x + 7] for y, x in [(row_of_detail, column_of_detail), *corners[:9]]]
crops = torch.stack([(one - one.min()) / (one.max() - one.min()) for one in crops])[:, None]
plots.pictures(crops, ["detail", *[""] * 9], columns=5, size=0.66, axis=right)
show(
    figure,
    caption="Figure 5.6. Above: a detail (white) and nine similar windows (orange). Below: "
    "the detail and the nine windows, enlarged.",
    alt="A cat's face. Similar edges are framed in several parts of the picture. Enlarged, all show the same "
    "edge between bright and dark.",
)
print("share of 100 details that recur:")
recurs = {}
for name, one in data.photos().items():
    grey = F.avg_pool2d(one.float().mean(0, keepdim=True), 2)[0]
    recurs[name] = [
        (similar_far_away(image).flatten(1).amax(1) > 0.9).float().mean().item()
        for image in (grey, equally_smooth_noise(grey))
    ]
    print(f"  {name:10} photograph {recurs[name][0]:.2f}, noise {recurs[name][1]:.2f}")

# %% [markdown]
# In each photograph, more details recur than in its noise. So the assumption has some support.
#
# [*Concept 32*](00_start_here.ipynb#Map-of-the-concepts)
#
# Does a network gain from it? We train three networks that differ only in their hidden layer. Each hidden layer gives
# 16 maps of 24 × 24. Then **max pooling** keeps the maximum of each block of 8 × 8 positions. This is the network with
# the shared layer:

# %%
shared_network = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=5),  # hidden layer: 16 maps of 24 × 24
    nn.ReLU(),
    nn.MaxPool2d(8),  # 16 maps of 3 × 3
    nn.Flatten(),  # 144 numbers
    nn.Linear(16 * 3 * 3, 10),  # ten scores
)

# %% [markdown]
# We train on 400 images for 8 epochs. We test on validation images, and on the same images **moved** at
# random by up to 2 pixels in each direction. No training image is moved.


# %% tags=["hide-input"]
# @title Figure 5.7
def legend(axis, names, **where):
    """Inside the axis, so that a phone shows it."""
    looks = [Line2D([], [], **look) for look in [*plots.CYCLE][: len(names)]]
    axis.legend(looks, names, fontsize=9, handlelength=2, **where)


few, val = fashion.train[:400], fashion.train[8000:8500]  # fashion was loaded for Figure 5.4
torch.manual_seed(0)
val_moved = data.Split(perturb.random_crop(val.images, 2), val.labels)
maps = 16


def train_once(kind, seed):
    torch.manual_seed(seed)
    network = model.network(kind, maps)  # the sums of the dense layer are written as maps, too
    training.fit(network, few, epochs=8, batch_size=50, seed=seed, progress=False, device="cpu")
    return [training.evaluate(network, split) for split in (val, val_moved)]


compared = {"dense": ("dense", 1), "local": ("local", 3), "shared": ("convolution", 3)}
results = {
    name: np.array([train_once(kind, seed) for seed in range(runs)])
    for name, (kind, runs) in compared.items()
}
figure, axis = plots.figure(3.6, 2.8)
plots.bars(
    {
        name: dict(zip(("not moved", "moved"), runs.T, strict=True))
        for name, runs in results.items()
    },
    ylabel="validation accuracy", ylim=1, fmt="{:.2f}", axis=axis,
)  # fmt: skip
show(
    figure,
    caption="Figure 5.7. Accuracy of three networks that differ in their hidden layer. Bars are means; dots are single runs "
    "(dense: one run).",
    alt="; ".join(
        f"{name}: {runs.mean(0)[0]:.2f} not moved, {runs.mean(0)[1]:.2f} moved"
        for name, runs in results.items()
    ),
)

# %% [markdown]
# *Local* and *shared* differ only in sharing: after these 8 epochs, sharing gains on moved images,
# and only there. Part 5 suggests why. *Dense* and *local* differ in looking locally. It gains no
# accuracy in this test: on images that are not moved, dense is best (in one run).
#
# [*Concept 35*](00_start_here.ipynb#Map-of-the-concepts) (More: *Going further: do few weights prevent memorising?*)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert all(0.1 < real < 0.8 for real, _ in recurs.values())
real, control = np.mean([*recurs.values()], 0)
assert real > 0.3 and real > control + 0.1
assert all(control < 0.8 * real for real, control in recurs.values())
assert len(corners) == 9
assert [tuple(p.shape) for p in shared_network.parameters()] == [
    tuple(p.shape) for p in model.network("convolution").parameters()
]
means = {name: runs.mean(0) for name, runs in results.items()}
assert means["dense"][0] > max(means["local"][0], means["shared"][0]) + 0.01
assert means["shared"][1] > means["local"][1] + 0.01
assert means["shared"][1] > means["dense"][1] + 0.01
assert means["shared"][0] < means["local"][0] + 0.015
# With 4 maps instead of 16 sharing gains nothing on moved images, either.

# %% [markdown]
# ## 5 When the image moves, the map moves
#
# We move an image $x$ to the right. What leaves it on the right comes in on the left. Call this move $T$.
# A layer $f$ is **equivariant** if
#
# $$f(T x) = T f(x) :$$
#
# the map of the moved image is the moved map of the old image.
#
# Figure 5.8 tests this with the kernel “left to right” and a ReLU. At the border the kernel needs pixels that do not
# exist. On a **ring** (circular padding) it takes those of the opposite border. With zero padding it takes zeros.

# %% tags=["hide-input"]
# @title Figure 5.8: move the image
sobel = torch.from_numpy(model.KERNELS["left to right"])[None, None]


def ring(images):
    return F.conv2d(F.pad(images, [1] * 4, mode="circular"), sobel).relu()


def zeros(images):
    return F.conv2d(images, sobel, padding=1).relu()


square = photo[24:88, 54:118]
show(
    play.roll(square, {"ring": ring, "zero padding": zeros}),
    caption="Figure 5.8. Both sides of the equation, and their difference (red is positive, blue is negative, white is "
    "0). The old map is that of the image before the move.",
)

# %% [markdown]
# On the ring the difference is exactly 0, for every image and kernel, because all windows use the same kernel. So the
# convolution itself is equivariant. Two things break this.
#
# **The border.** With zero padding (states 2 and 3), the two maps differ in narrow stripes. Zeros
# disturb a map at its left and right border. In $f(Tx)$ we move first, so the disturbed borders
# are at the edges of the picture. In $T f(x)$ we move last. So the disturbed borders have moved,
# too, into the picture. The two maps differ at both borders. In this way, the zeros can show a
# network where the border is [Kayhan 2020].
#
# **The stride.** Pooling has a stride, too: the step from one block to the next. With blocks of 2
# numbers and stride 2, max pooling keeps the maximum of each pair. From the row 0, 0, 5, 5, 0, 0,
# 0, 0 it keeps 0, 5, 0, 0.
#
# **Predict:** the row moves by one pixel to the right. What are the four maxima?

# %%
your_guess = "?"  # four numbers

# %%
row = torch.tensor([[[0.0, 0, 5, 5, 0, 0, 0, 0]]])
print("your guess:", your_guess)
for by in (0, 1, 2):
    moved = row.roll(by, -1)  # moves it along the last axis
    print(f"moved by {by}:", F.max_pool1d(moved, 2)[0, 0].tolist())

# %% [markdown]
# Moved by 2, the maxima move by one position. Moved by 1, they are not the old maxima at new
# positions: there are two 5s, not one [Azulay 2019]. So with stride 2, the maxima can follow a
# move by 2, 4 or 6 pixels: they move by 1, 2 or 3 positions. They cannot follow a move by 1, 3 or
# 5 pixels.
#
# On a ring, the maximum of the *whole* map stays the same when the image moves: the values only change their positions. The
# maximum is **invariant**.
#
# This suggests why sharing gained on moved images. The map of the shared layer moves along. Max
# pooling of *large* blocks, as in part 4, then helps. After a small move, the maximum of a block
# of 8 × 8 is often still in this block. The map of the local layer does not move along.
#
# [*Concept 36*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
# Grey values and kernel are whole numbers, which are added without rounding: "exactly 0" is exact.
square = square[None, None].double()


def pooled(images):
    return F.max_pool2d(ring(images), 2)


def difference(layer, by, stride=1):
    return (layer(square.roll(by, -1)) - layer(square).roll(by // stride, -1)).abs()


for by in (1, 2, 3, 4, 20):
    assert difference(ring, by).max() == 0 < difference(zeros, by).max()
    assert (difference(pooled, by, stride=2).max() == 0) == (by % 2 == 0)
wrong = difference(zeros, 20)[0, 0].ne(0).any(0)
border = torch.arange(64) % 63 == 0
assert wrong.any() and not wrong[~(border | border.roll(20))].any()
assert F.max_pool1d(row.roll(1, -1), 2).flatten().tolist() == [0, 5, 5, 0]
for reduce in (torch.amax, torch.mean):  # after pooling with stride 2, the mean changes by 2%
    values = {
        layer: [reduce(layer(square.roll(by, -1)), (0, 1, 2, 3)).item() for by in range(5)]
        for layer in (ring, pooled)
    }
    assert np.ptp(values[ring]) < 1e-8 * values[ring][0]
    assert np.ptp(values[pooled]) < 0.05 * values[pooled][0]

# %% [markdown]
# ## Summary
#
# 1. A convolution slides a small kernel over the image. It can be computed as a matrix product.
# 2. Looking locally saves weights and MACs. Sharing saves further weights, and no MACs. Weights and biases:
#    7,234,560 → 239,616 → 416.
# 3. In our test, sharing gained accuracy only on moved images.
# 4. On a ring, a convolution is equivariant. Zero padding and strides break this.
# 5. *Going further* shows whether few weights prevent memorising, and how maps become classes.

# %% [markdown]
# ## Going further: do few weights prevent memorising?
#
# For a second reading: a network with few weights gets labels that it can only memorise.

# %% [markdown]
# We give 100 images random labels [Zhang 2017]. There is no rule to learn, so the labels can only
# be memorised. We train the local and the shared network of part 4. A third network, *frozen*, is
# a control: a shared network whose filters stay random. Only its last layer learns.
#
# The local network reaches an accuracy of 0.9 before the 50th of 120 epochs.
#
# **Predict:** when does the shared network reach 0.9, if at all?

# %%
your_guess = "?"  # an epoch up to 120, or "never"

# %% tags=["hide-input"]
# @title Figure 5.9
torch.manual_seed(7)
random_labels = data.Split(
    fashion.train.images[:100], fashion.train.labels[:100][torch.randperm(100)]
)
memorised = {}
for name, kind in (("local", "local"), ("shared", "convolution"), ("frozen", "convolution")):
    torch.manual_seed(0)
    network = model.network(kind)
    network[0].requires_grad_(name != "frozen")
    history = training.fit(
        network, random_labels, epochs=120, batch_size=50, weight_decay=0, progress=False,
        device="cpu",
    )  # fmt: skip
    memorised[name] = [row["train_accuracy"] for row in history.rows]


def train_last_layer_to_the_end(network, split):
    with torch.no_grad():
        features = network[:-1](data.as_float(split.images))
    last = network[-1]
    optimizer = torch.optim.LBFGS(last.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(last(features), split.labels)
        value.backward()
        return value

    optimizer.step(loss)


train_last_layer_to_the_end(network, random_labels)  # the frozen one
frozen_at_last = training.evaluate(network, random_labels)

figure, axis = plots.figure(3.6, 2.8)
plots.lines(
    memorised, xlabel="epoch", ylabel="accuracy on the 100 images", ylim=(0, 1.05),
    xticks=[1, 40, 80, 120], levels={"constant baseline": 0.1}, labels=False, axis=axis,
)  # fmt: skip
legend(axis, memorised, loc="lower right", bbox_to_anchor=(1.02, 0.14), labelspacing=0.2)
axis.text(120, 0.03, "constant baseline", ha="right", fontsize=9)
show(
    figure,
    caption="Figure 5.9. Memorising 100 random labels: accuracy on the training images (one run each).",
    alt="; ".join(
        f"{name}: {curve[49]:.2f} after 50 epochs, {curve[-1]:.2f} after 120"
        for name, curve in memorised.items()
    ),
)
reached = {
    name: next((epoch for epoch, share in enumerate(curve, 1) if share >= 0.9), None)
    for name, curve in memorised.items()
}
print(f"your guess: {your_guess}, 0.9 is reached in epoch:")
for name, epoch in reached.items():
    print(f"  {name:7} {epoch or 'never'}")
print(f"frozen, trained until its loss is nearly 0: accuracy {frozen_at_last:.2f}")

# %% [markdown]
# The shared network memorises more slowly than the local one, but it memorises all labels. So in
# these single runs, sharing slowed memorising down, and did not prevent it. The frozen network is
# slower still, and does not reach 0.9 in 120 epochs. If we train it longer and with another
# optimiser, until its loss is nearly 0, it memorises all labels, too (last printed line). So the
# last layer can do it alone.
#
# [*Concept 35*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert reached["local"] < 50 and reached["local"] + 4 < reached["shared"] <= 120
assert memorised["shared"][-1] > 0.97
assert reached["frozen"] is None and max(memorised["frozen"]) < 0.8
assert frozen_at_last > 0.99

# %% [markdown]
# ## Going further: from maps to classes
#
# For a second reading: whether the prediction stays the same when the object moves.

# %% [markdown]
# The maps move along. Do the predictions then stay the same? We use the canvas of section 04:
# objects of 20 × 20 pixels in the middle of a black canvas of 36 × 36. Two networks begin with the
# same two convolutions. In part 5, zeros of the padding disturbed the maps near the border. Here
# they do not, as long as the object is not at the border. The canvas is black, too. These
# convolutions have no biases, so black pixels add nothing to a sum:


# %%
def two_convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=5, stride=2, padding=2, bias=False),  # 8 maps of 18 × 18
        nn.ReLU(),
        nn.MaxPool2d(2),  # 8 maps of 9 × 9
        nn.Conv2d(8, 16, kernel_size=5, padding=2, bias=False),  # 16 maps of 9 × 9
        nn.ReLU(),
    )


# %% [markdown]
# Then the last layer gets all values of all maps (**flatten**), or only the largest value of each map
# (**global maximum**, *global max pooling*).


# %%
def flatten():
    return nn.Sequential(two_convolutions(), nn.Flatten(), nn.Linear(16 * 9 * 9, 10))


def global_maximum():
    largest = nn.AdaptiveMaxPool2d(1)  # one number per map
    return nn.Sequential(two_convolutions(), largest, nn.Flatten(), nn.Linear(16, 10))


# %% [markdown]
# The third network, *dense*, has a hidden layer of 64 sums and no convolution. We train each network twice: with the objects in
# the middle, and with random shifts of up to 4 pixels in each direction.
#
# The stride and the pooling each halve the map. So one step in the last map is 2 · 2 = 4 pixels of the image.
#
# **Predict:** trained in the middle, at which shift from 0 to 4 pixels is the accuracy of the global maximum lowest?

# %%
your_guess = "?"  # pixels


# %% tags=["hide-input"]
# @title Figure 5.10
def dense():
    return nn.Sequential(nn.Flatten(), nn.Linear(36 * 36, 64), nn.ReLU(), nn.Linear(64, 10))


makers = {"dense": dense, "flatten": flatten, "global maximum": global_maximum}


def on_canvas(split):
    objects = F.adaptive_avg_pool2d(split.images.float(), 20).round().to(torch.uint8)
    return data.Split(F.pad(objects, [8] * 4), split.labels)


canvas, val_canvas = on_canvas(fashion.train[:1000]), on_canvas(fashion.train[8000:8500])
shifts = [0, 1, 2, 3, 4, 6, 8]
moved_images = [perturb.shift(val_canvas.images, by) for by in shifts]


def train_on_canvas(make_network, seed, reach):
    torch.manual_seed(seed)
    network = make_network()
    training.fit(
        network, canvas, epochs=5, batch_size=25, seed=seed, progress=False, device="cpu",
        augment=lambda batch, *_: perturb.random_crop(batch, reach),
    )  # fmt: skip
    return network


def curve(network):
    return [training.evaluate(network, data.Split(one, val_canvas.labels)) for one in moved_images]


runs = {
    (name, reach): [train_on_canvas(make, seed, reach) for seed in range(3)]
    for name, make in makers.items()
    for reach in (0, 4)
    if reach or name == "global maximum"
}
for name in ("dense", "flatten"):
    runs[name, 0] = [train_on_canvas(makers[name], 0, 0)]
curves = {key: [curve(one) for one in networks] for key, networks in runs.items()}
figure, panels = plots.figure(3.6, 5, 2, 1)
for panel, reach, title in zip(
    panels, (0, 4), ("trained in the middle", "trained with shifts of up to 4 pixels"), strict=True
):
    plots.lines(
        {name: curves[name, reach] for name in makers}, shifts,
        xlabel="shift to the right (pixels)", ylabel="validation accuracy", ylim=(0, 0.9),
        xticks=[0, 2, 4, 6, 8], title=title, labels=False, levels={"constant baseline": 0.1},
        axis=panel,
    )  # fmt: skip
    panel.text(0, 0.03, "constant baseline", fontsize=9)
legend(panels[0], makers, loc="upper right", bbox_to_anchor=(1, 0.68), labelspacing=0.2)
show(
    figure,
    caption="Figure 5.10. Accuracy when the object is shifted. Lines are means of three runs (small dots), with a band from the lowest to the highest. "
    "Above, dense and flatten are one run each.",
    alt="; ".join(
        f"{name}, {'with shifts' if reach else 'in the middle'}: "
        + " ".join(f"{value:.2f}" for value in np.mean(found, 0))
        for (name, reach), found in curves.items()
    ),
)
lowest = shifts[int(np.mean(curves["global maximum", 0], 0)[:5].argmin())]
print(f"your guess: {your_guess}, the lowest of 0 to 4: {lowest} pixels")

# %% [markdown]
# Above, flatten falls like dense: its last layer has weights of its own for each position. Of the measured shifts, the global maximum is lowest at 2 and 6 pixels, halfway between two steps of 4.
#
# Below, up to 4 pixels, *flatten is nearly as good* as the global maximum. Both are better than dense. Larger shifts did
# not occur in training: at 8 pixels flatten fails, and the global maximum does not.

# %% tags=["hide-input"]
# @title Checks: what this shows
mean_curve = {key: np.mean(found, 0) for key, found in curves.items()}
for name in ("dense", "flatten"):
    assert mean_curve[name, 0][0] > 0.7 and mean_curve[name, 0][4] < 0.45
top = mean_curve["global maximum", 0]
assert lowest == 2 and top[2] < min(top[0], top[4]) - 0.04
assert abs(top[4] - top[0]) < 0.03 and top[5] < min(top[4], top[6]) - 0.02
within = {name: mean_curve[name, 4][:5].mean() for name in makers}
assert abs(within["flatten"] - within["global maximum"]) < 0.06
assert within["flatten"] > within["dense"] + 0.01
assert mean_curve["flatten", 4][-1] < 0.4 < 0.6 < mean_curve["global maximum", 4][-1]
assert within["global maximum"] > within["dense"] + 0.005
# Dense comes last although it has the most weights and biases: 83,658, 16,370 and 3,570.
numbers = {name: sum(p.numel() for p in make().parameters()) for name, make in makers.items()}
assert [*numbers.values()] == [83_658, 16_370, 3_570]

# %% [markdown]
# ### The test set, once
#
# Is dense the worst of the three on new images, too?

# %% tags=["hide-input"]
# @title The result on the test set
test_canvas = on_canvas(fashion.test[:1000])
torch.manual_seed(2)
test_moved = data.Split(perturb.random_crop(test_canvas.images, 4), test_canvas.labels)
final = {
    name: [training.evaluate(one, test_moved) for one in runs[name, 4]] for name in makers
}  # the standard error of one accuracy near 0.7 is sqrt(0.7 · 0.3 / 1,000) = 0.014
print("1,000 test images, moved by up to 4 pixels; trained with shifts; three runs each")
for name, accuracies in final.items():
    print(f"  {name:15}", " ".join(f"{accuracy:.3f}" for accuracy in accuracies))
print("  constant baseline 0.100")
moved_means = {name: np.mean(accuracies) for name, accuracies in final.items()}
assert moved_means["dense"] + 0.01 < min(moved_means["flatten"], moved_means["global maximum"])

# %% [markdown]
# Yes, on average.

# %% [markdown]
# ## Problem set

# %% [markdown]
# **1** ★ 5 min. Pencil and paper: the size of a map, and the weights of a layer.

# %%
check(map_side=..., filter_numbers=...)

# %% [markdown]
# **2** ★★ 5 min. When the image is *mirrored*, is its map mirrored, too?

# %%
check(mirror=...)

# %% [markdown]
# **3** ★★ 8 min. *Debug.* This function should find the largest value of a map, for every image. Mend it, then
# call `check(best_score)`.


# %%
def best_score(image, kernel):
    (H, W), (h, w) = image.shape, kernel.shape
    best = 0.0
    for y in range(H - h + 1):
        for x in range(W - w + 1):
            best = max(best, (image[y : y + h, x : x + w] * kernel).sum())
    return best


# %% [markdown]
# **4** ★★ 5 min. *Explain.* Why does the local layer lose on moved images?

# %%
reveal(why_local_lags=...)

# %% [markdown]
# **5** ★★★ 10 min. *Prove.* What is the sum of a map on a ring?

# %%
reveal(ring_sum=...)

# %% [markdown]
# **6** ★★ 10 min. *Design.* A small network for moved images.

# %%
check(small_network=...)

# %% [markdown]
# **7** ★★★ 25 min. *Open.* Can a network know *where* something is? Put a random patch of 4 × 4
# pixels near the left or the right border of a black 12 × 12 image. Train three convolutions with
# padding 1 and the maximum of each whole map (`nn.AdaptiveMaxPool2d(1)`) to predict the side. Compare `padding_mode="zeros"` with `"circular"`.


# %% tags=["hide-input"]
# @title Worked solutions
def windows_as_rows(image, side):
    rows = []
    for y in range(image.shape[0] - side + 1):
        for x in range(image.shape[1] - side + 1):
            rows.append(image[y : y + side, x : x + side].ravel())
    return np.array(rows)


def output_size(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1  # whole steps, and the first position


def best_score(image, kernel):
    (H, W), (h, w) = image.shape, kernel.shape
    best = -np.inf  # all sums may be negative
    for y in range(H - h + 1):
        for x in range(W - w + 1):
            best = max(best, (image[y : y + h, x : x + w] * kernel).sum())
    return best


check(windows_as_rows), check(output_size), check(best_score)
check(
    map_side=(32 - 7) // 2 + 1,
    filter_numbers=16 * (3 * 3 * 3 + 1),
    mirror="a",  # the symmetric kernel
)  # small_network: for example {"maps": 5, "pool": 6}

# %% [markdown]
# ## References
#
# - A. Azulay, Y. Weiss. Why do deep convolutional networks generalize so poorly to small image
#   transformations? *JMLR* 20, 2019.
# - I. Goodfellow, Y. Bengio, A. Courville. *Deep Learning*, 2016, chapter 9.
# - O. S. Kayhan, J. C. van Gemert. On translation invariance in CNNs. *CVPR* 2020.
# - Y. LeCun. Generalization and network design strategies. Technical report CRG-TR-89-4, University of
#   Toronto, 1989 (local and shared connections compared).
# - C. Zhang et al. Understanding deep learning requires rethinking generalization. *ICLR* 2017.
#
# [Concepts 31–36](00_start_here.ipynb#Map-of-the-concepts)
