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
# At the end of section 04 a convolution was the best of three networks on shifted images. The networks of sections 06 to 11 consist mainly of convolutions.
# You need section 04.
#
# Afterwards you will be able to
#
# - compute a convolution by hand, with loops and as a matrix product,
# - count what looking locally saves and what sharing saves, and say what each gains,
# - say exactly when a map moves along with the image, and what breaks this.
#
# *About 60 min with the two exercises in the text, 70 min more with the problem set · CPU 20 s*

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
# A template of section 04 covers the whole image. Now we take one of only 2 × 2 numbers. It is
# called a **kernel** or **filter**. We lay it on the upper left corner of the image. The four pixels
# under it are a **window**. We multiply each by the number above it, and add the four results.
# Then the kernel moves on by one pixel. All sums together are the **map**.
#
# In Figure 5.1 the first window holds 3, 0, 1, 5 and the kernel 1, 0, −1, 2. The first sum is
# 3·1 + 0·0 + 1·(−1) + 5·2 = **12**.

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
figure, panels = plots.figure(8, 1.9, 1, 3, width_ratios=(4, 2, 3))
for panel, table, title, signed in zip(
    panels,
    (image, kernel, slide(image, kernel)),
    ("image, 3 × 4", "kernel, 2 × 2", "map, 2 × 3"),
    (False, True, False),
    strict=True,
):
    plots.numbers(table, title=title, signed=signed, axis=panel)
show(
    figure,
    caption="Figure 5.1. An image, a kernel, and the map of all sums. A window of 2 × 2 has 2 × 3 "
    "positions in an image of 3 × 4, so the map is smaller than the image.",
    alt="Three tables. The image has the rows 3 0 1 2, 1 5 8 9, 2 7 2 5; the kernel 1 0, −1 2; the map "
    "12 11 11, 13 2 16.",
)

# %% [markdown]
# One matrix product is faster than Python's loops. Write each window as one
# row of four numbers. The six windows of Figure 5.1 then make a matrix of 6 × 4, which is
# multiplied by the four numbers of the kernel. This is called **im2col** (image to columns;
# usually each window is a *column*). Write it yourself:


# %%
def windows_as_rows(image, side):
    """image (H, W), a NumPy array -> ((H - side + 1) · (W - side + 1), side · side).

    One window per row. [[1, 2, 3], [4, 5, 6]] and side 2 -> [[1, 2, 4, 5], [2, 3, 5, 6]]."""
    ...  # replace this line


check(windows_as_rows)

# %%
hint(windows_as_rows)

# %% [markdown]
# PyTorch has it as `F.unfold`, with windows as columns. It expects N images of C channels,
# with the shape N × C × H × W. `image[None, None]` adds the first two axes, both of length 1.

# %%
one_image = image[None, None]  # 1 × 1 × 3 × 4
rows = F.unfold(one_image, kernel_size=2)[0].T  # 6 × 4
print(rows)
print("matrix product:", rows @ kernel.flatten())
print("library:", F.conv2d(one_image, kernel[None, None]).flatten())

# %% [markdown]
# In mathematics, a convolution first turns the kernel by 180°. Without the turn it is called a
# **cross-correlation**. Take a black image of 5 × 5 pixels with one dot of 1 in the middle. The kernel
# is 3 × 3. Its rows are 1, 2, 3, then 4, 5, 6, then 7, 8, 9. At the first position the dot lies under
# the *last* number of the kernel.
#
# **Predict:** what is the first row of the map, without the turn?

# %%
your_guess = "?"  # three numbers, such as (1, 2, 3)

# %%
from scipy import ndimage

dot = torch.zeros(5, 5)
dot[2, 2] = 1
count = torch.arange(1.0, 10).view(3, 3)
library = F.conv2d(dot[None, None], count[None, None])[0, 0]
print("your guess:", your_guess)
print("PyTorch's conv2d:", library.tolist())
print("SciPy's convolve:", ndimage.convolve(dot, count)[1:4, 1:4].tolist())

# %% [markdown]
# `conv2d` does not turn the kernel, so it computes a cross-correlation. In deep
# learning it is called **convolution**. For learning it makes no
# difference: a network that turns would learn the same kernel, turned.
#
# [*Concept 33*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 What a filter finds
#
# Move the kernel of Figure 5.2 over a cat's eye. Where are the sums large, where near 0?

# %% tags=["hide-input"]
# @title Figure 5.2: slide a kernel
cat = data.photos()["cat"].float().mean(0, keepdim=True)  # grey
photo = F.avg_pool2d(cat, 2)[0].round()  # 150 × 225, whole numbers
show(
    play.slide(photo[40:72, 70:102]),
    caption="Figure 5.2. A kernel of 3 × 3 on its way over an image. Sums are red if positive and "
    "blue if negative; for kernels whose numbers add up to 1, the map is shown in grey.",
)

# %% tags=["hide-input"]
# @title Figure 5.3
face = photo[8:108, 40:190]
figure, panels = plots.figure(8, 3.3, 2, 5, height_ratios=(1.3, 1))
maps_by_hand = {}
for (name, weights), top, bottom in zip(model.KERNELS.items(), *panels, strict=True):
    whole = (weights % 1 == 0).all()
    plots.numbers(weights, fmt="{:.0f}" if whole else "1/9", signed=True, title=name, axis=top)
    found = F.conv2d(face[None, None].double(), torch.from_numpy(weights)[None, None])[0, 0]
    limit = 0.5 * float(found.abs().max())
    signed = abs(weights.sum()) < 1e-9
    bottom.imshow(found.numpy(), plots.SIGNED if signed else "gray",
                  vmin=-limit if signed else 0, vmax=limit if signed else 255)  # fmt: skip
    bottom.set_axis_off()
    maps_by_hand[name] = found
show(
    figure,
    caption="Figure 5.3. Five kernels made by hand, and the map that each makes of the cat. The last "
    "three add up to 0; their maps are red where positive and blue where negative (own scales).",
    alt="Five tables and five pictures of a cat: blurred; sharpened; red and blue along vertical edges; "
    "along horizontal edges; speckles in the fur.",
)

# %% [markdown]
# The numbers of the first two kernels add up to 1, so they keep the brightness of a uniform wall. The
# others add up to 0, so they respond only to *differences*. The third is positive where the image
# becomes brighter to the right, the fourth where it becomes brighter downwards. The fifth responds to spots and fine lines.
#
# **Padding** adds rows and columns of zeros on each side. With
# a **stride** of 2 the kernel moves by 2 pixels at a time. Along 28 pixels, a kernel of 5 has 24
# positions; with padding 2 there are 28. With stride 2 and no padding there are 12; the last half step does not count.


# %%
def output_size(size, kernel, stride, padding):
    """All whole numbers, along one side, in pixels -> the number of positions.

    output_size(28, 5, 1, 0) is 24, output_size(28, 5, 1, 2) is 28."""
    ...  # replace this line


check(output_size)

# %%
hint(output_size)

# %% [markdown]
# A colour image has three channels. A filter reaches through all of them, and its sum runs over them, too. So each filter gives *one* map. Eight filters of 5 × 5:

# %%
layer = nn.Conv2d(3, 8, kernel_size=5)
colours = data.photos()["coffee"][None].float()
print(f"image {tuple(colours.shape)}, weights {tuple(layer.weight.shape)}")
print(f"maps {tuple(layer(colours).shape)}: one per filter")

# %% [markdown]
# The map of a filter is called a **feature map**: it says *where* in the image the filter responds. Its
# values after the ReLU are **activations**.
#
# We train eight filters of 5 × 5 on clothes. Beside them are eight of the 32 first filters of
# EfficientNet-Lite0, a published network trained on a million photographs. We lay each filter on small
# patches: all bright, all dark, edges in eight directions, a row, a column, a spot. For photographs there are
# plain colours, too; all other patches are grey. Each filter is named after the patch to which it gives the largest sum.

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
of_photographs = (stem.conv.weight * scale.view(-1, 1, 1, 1)).detach()  # with batch normalisation
all_names = model.favourites(of_photographs, model.probe_patches(3, colours=True))
chosen = [0, 5, 10, 7, 23, 3, 25, 11]
patches = model.probe_patches(5)
our_names = model.favourites(ours, patches)
figure, (upper, lower) = plots.figure(3.6, 5.4, 2, 1)
plots.pictures(ours, our_names, columns=4, size=0.84, signed=True, scale="own", axis=upper)
upper.set_title("clothes")
# the colour of a filter: grey where a weight is 0
tinted = [0.5 + one / (2 * one.abs().max().clamp_min(0.1)) for one in of_photographs[chosen]]
plots.pictures(tinted, [all_names[at] for at in chosen], columns=4, size=0.84, axis=lower)
lower.set_title("photos")
show(
    figure,
    caption="Figure 5.4. Learned first filters, each with its own scale and the patch it responds to most. "
    "Above, ours, 5 × 5 (red positive, blue negative). Below, eight of EfficientNet-Lite0, 3 × 3: the three "
    "weights for red, green and blue at a position give its colour (grey: 0). “Nothing” means weights near 0.",
    alt=f"Ours: {', '.join(our_names)}. EfficientNet: {', '.join(all_names[at] for at in chosen)}.",
)
colour_names = ("red", "green", "blue", "yellow", "magenta", "cyan")


def count_kinds(names):
    kinds = {"edges, lines, spots": 0, "colours": 0, "all bright or all dark": 0, "nothing": 0}
    for name in names:
        kind = "colours" if name in colour_names else "nothing" if name == "nothing" else (
            "all bright or all dark" if name.startswith("all") else "edges, lines, spots")  # fmt: skip
        kinds[kind] += 1
    return kinds


kinds = count_kinds(all_names)
random_filters = torch.randn(32, 3, 3, 3, generator=torch.Generator().manual_seed(0))
random_names = model.favourites(random_filters, model.probe_patches(3, colours=True))
random_kinds = count_kinds(random_names)
print("filters named after an edge, a line or a spot, of 32:")
for title, one in (("EfficientNet-Lite0", kinds), ("random numbers", random_kinds)):
    print(f"  {title}: {one['edges, lines, spots']}")


def mean_correlation(filters):
    """Between the filters and the patches after which they are named."""
    named = torch.stack([patches[name] for name in model.favourites(filters, patches)])
    pairs = torch.stack([filters, named]).flatten(2)
    pairs = F.normalize(pairs - pairs.mean(2, keepdim=True), dim=2)
    return (pairs[0] * pairs[1]).sum(1).mean().item()


like_patch = {"before training": mean_correlation(untrained), "after": mean_correlation(ours)}
print("our eight and their patches, mean correlation:",
      ", ".join(f"{when} {value:.2f}" for when, value in like_patch.items()))  # fmt: skip

# %% [markdown]
# The names alone show little: most random filters get the name of an edge, a line or a spot, too. So look at the last line. After training, our filters are more similar to their patches (a correlation of 1
# would be the same pattern).
#
# [*Concept 34*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 Two steps: look locally, then share
#
# How does a convolution differ from the hidden layer of section 04?
# We take an image of 28 × 28 pixels and a hidden layer of 2,304 sums.
#
# 1. **Dense** (fully connected): each sum has a weight for each of the 784 pixels, and a bias.
# 2. **Local** (*locally connected*): each sum looks only at its own window of 5 × 5 pixels. There are 24 × 24 windows and
#    four sums for each, again 2,304. Each sum still has weights *of its own*.
# 3. **Shared**: all windows use the same four filters. This is a convolution with four maps.
#
# **Predict:** by which factor does the number of weights and biases shrink from dense to local?

# %%
your_guess = "?"  # a factor, such as 10

# %%
dense_count = 2304 * (784 + 1)
local_count = 2304 * (25 + 1)
shared_count = 4 * (25 + 1)
print(f"dense {dense_count:,}, local {local_count:,}, shared {shared_count:,}")
print(f"your guess: {your_guess}, dense / local: {dense_count / local_count:.0f}")

# %% [markdown]
# Each of the three layers is a matrix times the image, drawn here for a small image:

# %% tags=["hide-input"]
# @title Figure 5.5
torch.manual_seed(0)
small = {kind: model.hidden_layer(kind, (1, 6, 6), kernel=3, maps=1) for kind in model.KINDS}
matrices = {kind: model.as_matrix(one, (1, 6, 6)) for kind, one in small.items()}
figure, panels = plots.figure(3.6, 4.2, 3, 1)
for panel, (kind, matrix) in zip(panels, matrices.items(), strict=True):
    limit = float(matrix.abs().max())
    panel.imshow(matrix.numpy(), plots.SIGNED, vmin=-limit, vmax=limit, aspect="auto")
    used = matrix[matrix != 0]
    name = "shared" if kind == "convolution" else kind
    panel.set_title(f"{name}: {len(used)} weights, {len(used.unique())} different", fontsize=10)
    panel.set(ylabel="16 sums", xticks=[], yticks=[])
    panel.spines[:].set_visible(True)
panels[2].set_xlabel("36 pixels")
show(
    figure,
    caption="Figure 5.5. The matrices of the three layers for an image of 6 × 6 pixels and windows of "
    "3 × 3. One row per sum, one column per pixel; white is 0, red positive, blue negative.",
    alt="Dense: full of different values. Local: three short stripes in each row, all else white. Shared: "
    "the same stripes, but each row repeats the same nine values farther to the right.",
)

# %% [markdown]
# Looking locally sets most weights to 0. Sharing repeats the same weights in each row, moved along. At a fixed image size, each
# step only *restricts* what the layer can compute. Sharing adds one thing: the
# same filters accept an image of any size.

# %% tags=["hide-input"]
# @title Figure 5.6: change the sizes
show(
    play.ladder(),
    caption="Figure 5.6. What the three layers cost, on a logarithmic axis: each mark is a factor of 1,000. "
    "Above, numbers to learn. Below, multiply–accumulates (one product, added to a sum).",
)

# %% [markdown]
# Enlarge the image: only the shared count stays.
# Looking locally lowers both counts; sharing lowers only the weights.
#
# [*Concept 31*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
from cv_course.sections.s05_convolution.counts import hidden_multiplications, hidden_parameters

assert slide(image, kernel).tolist() == [[12, 11, 11], [13, 2, 16]]
assert torch.equal(rows @ kernel.flatten(), slide(image, kernel).flatten())
assert torch.equal(F.conv2d(one_image, kernel[None, None])[0, 0], slide(image, kernel))
assert library.tolist() == count.flip(0, 1).tolist()
assert np.array_equal(ndimage.convolve(dot, count)[1:4, 1:4], count)
assert (dense_count, local_count, shared_count) == (1_808_640, 59_904, 104)
sizes = {
    kind: sum(p.numel() for p in model.hidden_layer(kind).parameters()) for kind in model.KINDS
}
assert list(sizes.values()) == [dense_count, local_count, shared_count]
assert [len(m[m != 0].unique()) for m in matrices.values()] == [576, 144, 9]
assert [(m != 0).sum().item() for m in matrices.values()] == [576, 144, 144]
alexnet = dict(image_shape=(3, 227, 227), kernel=11, maps=96, stride=4)
assert hidden_parameters(**alexnet)["convolution"] == 34_944
assert hidden_parameters(**alexnet)["local"] == 105_705_600
assert 44.8e9 < hidden_parameters(**alexnet)["dense"] < 45e9
work = hidden_multiplications(**alexnet)
assert work["local"] == work["convolution"] < work["dense"] / 100
assert kinds["nothing"] == 4 and kinds["colours"] >= 5 and kinds["edges, lines, spots"] >= 12
assert random_kinds["edges, lines, spots"] >= 12
assert sum(not name.startswith("all") for name in our_names) >= 4
assert like_patch["after"] > like_patch["before training"] + 0.08

# %% [markdown]
# ## 4 What does each step gain?
#
# Sharing is an assumption: what is worth finding here is worth finding elsewhere. We test it on
# photographs. We pick a detail of 7 × 7 pixels, and cut the photograph into squares of 32 × 32 pixels.
# In each square we look for the window that is most similar to the detail. Brightness and contrast
# should not matter. So we subtract each window's mean, and divide by its length (root of the sum of its squares). Then the inner
# product of two windows is their correlation. *Similar* means a correlation above 0.9.


# %%
def normalised_windows(photo, side=7):
    windows = F.unfold(photo[None, None], side)[0].T  # one window per row, as in part 1
    windows = windows - windows.mean(1, keepdim=True)
    # a length below 30 counts as 30, so that a flat window is similar to no other
    length = windows.norm(dim=1, keepdim=True).clamp_min(30)
    return windows / length


# %% tags=["hide-input"]
# @title Figure 5.7
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle


def squares_with_similar(photo, starts=None, side=7, count=100):
    """For some details: which squares of 32 × 32 hold a window correlated above 0.9, and where?"""
    windows = normalised_windows(photo, side)
    shape = [size - side + 1 for size in photo.shape]
    if starts is None:
        strong = (windows.norm(dim=1) > 0.99).nonzero()[:, 0]  # windows that are not flat
        order = torch.randperm(len(strong), generator=torch.Generator().manual_seed(0))
        starts = strong[order[:count]]
    similar = (windows[starts] @ windows.T).view(-1, 1, *shape)
    best, where = F.max_pool2d(similar, 32, return_indices=True)
    return best.flatten(1) > 0.9, where.flatten(1), shape


start = 40 * (photo.shape[1] - 6) + 100
similar, where, shape = squares_with_similar(photo, torch.tensor([start]))
corners = [divmod(at, shape[1]) for at in where[similar].tolist()]
figure, (left, right) = plots.figure(3.6, 4.2, 2, 1, height_ratios=(2.7, 2))
left.imshow(photo.numpy(), vmin=0, vmax=255)
left.set_axis_off()
for y, x in corners:
    left.add_patch(Rectangle((x, y), 7, 7, fill=False, ec=plots.COLOURS[4], lw=1.6))
left.add_patch(Rectangle((100, 40), 7, 7, fill=False, ec="white", lw=2.5))
crops = [photo[y : y + 7, x : x + 7] for y, x in [(40, 100), *corners[:9]]]
crops = torch.stack([(one - one.min()) / (one.max() - one.min()) for one in crops])[:, None]
plots.pictures(crops, ["detail", *(str(n) for n in range(1, 10))], columns=5, size=0.66, axis=right)
show(
    figure,
    caption="Figure 5.7. Above: a detail (white), and the windows similar to it (orange), at most one in each "
    "square of 32 × 32. Below: the detail and nine of them, enlarged.",
    alt="A cat's face. Similar edges are framed all over the picture: in the fur, at an eye, on the "
    "nose. Enlarged, all show the same edge between dark and bright.",
)


def equally_smooth_noise(photo):
    """Random noise in which each frequency is as strong as in the photograph."""
    noise = torch.fft.rfft2(
        torch.randn(photo.shape, generator=torch.Generator().manual_seed(0)).to(photo)
    )
    strength = torch.fft.rfft2(photo).abs()
    return torch.fft.irfft2(strength * noise / noise.abs(), s=photo.shape)


print("share of 100 random details (not flat) that have a similar window in another square:")
recurs = {}
for name, one in data.photos().items():
    grey = F.avg_pool2d(one.float().mean(0, keepdim=True), 2)[0]
    recurs[name] = [
        (squares_with_similar(image)[0].sum(1) > 1).float().mean().item()
        for image in (grey, equally_smooth_noise(grey))
    ]
    print(f"{name:10} {recurs[name][0]:.2f}, in smooth noise {recurs[name][1]:.2f}")

# %% [markdown]
# Some details recur. Is this only because photographs are
# smooth? As a control, we take random noise that was made as smooth as the photograph. In it, fewer details recur. So the assumption has some support, for small details that are not flat.
#
# [*Concept 32*](00_start_here.ipynb#Map-of-the-concepts)
#
# Now we train with each layer: hidden layer, ReLU, max pooling, and ten scores. **Max pooling** keeps
# the maximum of each block of 8 × 8 positions. We also write the 2,304 sums of the dense layer as four maps of 24 × 24. So all three networks have the
# same steps after the hidden layer. Local and shared save so many weights that we give them 16 maps.
#
# We train on 400 images, none of them shifted, for 8 epochs. We measure the accuracy on
# validation images, and on the same images after a random **shift** of up to 2 pixels each way (*moved*).

# %%
few, val = fashion.train[:400], fashion.train[8000:8500]  # fashion was loaded for Figure 5.4
torch.manual_seed(0)
val_moved = data.Split(perturb.random_crop(val.images, 2), val.labels)  # shifted at random


def train_once(kind, maps, seed):
    torch.manual_seed(seed)
    network = model.network(kind, maps)
    training.fit(network, few, epochs=8, batch_size=50, seed=seed, progress=False, device="cpu")
    return [training.evaluate(network, split) for split in (few, val, val_moved)]


# %% tags=["hide-input"]
# @title Figure 5.8
compared = {  # name: (kind, maps, runs)
    "dense": ("dense", 4, 1),
    "local": ("local", 16, 3),
    "shared": ("convolution", 16, 3),
}
results = {
    name: np.array([train_once(kind, maps, seed) for seed in range(runs)])
    for name, (kind, maps, runs) in compared.items()
}
figure, axis = plots.figure(3.6, 2.8)
groups = ("training", "validation", "moved")
plots.bars(
    {name: dict(zip(groups, runs.T, strict=True)) for name, runs in results.items()},
    ylabel="accuracy", ylim=1.1, fmt="{:.2f}", axis=axis,
)  # fmt: skip
for number in axis.texts:
    number.set_fontsize(8)
show(
    figure,
    caption="Figure 5.8. Accuracy with three hidden layers: dense (4 maps), local and shared (16 maps each). Dots are "
    "single runs (dense: one run).",
    alt="; ".join(
        f"{name}: " + " ".join(f"{value:.2f}" for value in runs.mean(0))
        for name, runs in results.items()
    ),
)
gap = {name: runs.mean(0)[0] - runs.mean(0)[1] for name, runs in results.items()}
for name, (kind, maps, _) in compared.items():
    numbers = sum(p.numel() for p in model.network(kind, maps).parameters())
    print(f"{name:6} {numbers:9,} numbers, gap {gap[name]:.2f}")

# %% [markdown]
# Compare *local* with *shared*, which differ only in sharing. On moved images sharing gains.
# Without a shift it gains nothing. Looking locally gained no accuracy here: after 8 epochs, the dense layer
# leads without a shift.
#
# A gap between training and validation accuracy is a sign of **overfitting**.
# Local and shared have nearly the same gap, so here sharing did not reduce overfitting.
#
# Do fewer weights mean that a network *cannot* memorise? We give 100 images of 14 × 14 pixels random
# labels [Zhang 2017]. Only memorising can then get far above chance. The dense network reaches an accuracy of 0.9 before the
# 60th of 150 epochs.
#
# **Predict:** when does the shared network reach 0.9, if at all?

# %%
your_guess = "?"  # an epoch up to 150, or None

# %% tags=["hide-input"]
# @title Figure 5.9
torch.manual_seed(7)
halves = F.avg_pool2d(fashion.train.images[:100].float(), 2).round().to(torch.uint8)
random_labels = data.Split(halves, fashion.train.labels[:100][torch.randperm(100)])
memorised = {}
for label, name in (("dense", "dense"), ("shared", "shared"), ("frozen", "shared")):
    kind, maps, _ = compared[name]
    torch.manual_seed(0)
    network = model.network(kind, maps, side=14, pool=5)
    network[0].requires_grad_(label != "frozen")
    history = training.fit(
        network, random_labels, epochs=150, batch_size=50, weight_decay=0, progress=False,
        device="cpu",
    )  # fmt: skip
    learned = sum(p.numel() for p in network.parameters() if p.requires_grad)
    memorised[f"{label} ({learned:,})"] = [row["train_accuracy"] for row in history.rows]


def train_last_layer_to_the_end(network, split):
    with torch.no_grad():
        features = network[:-1](data.as_float(split.images))
    last = network[-1]
    optimizer = torch.optim.LBFGS(last.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        found = F.cross_entropy(last(features), split.labels)
        found.backward()
        return found

    optimizer.step(loss)


train_last_layer_to_the_end(network, random_labels)  # the frozen one
frozen_at_last = training.evaluate(network, random_labels)


def legend(axis, names, **where):
    """Inside the axis, so that a phone shows it."""
    looks = [Line2D([], [], **look) for look in [*plots.CYCLE][: len(names)]]
    axis.legend(looks, names, fontsize=9, handlelength=1.5, **where)


figure, axis = plots.figure(3.6, 2.8)
plots.lines(
    memorised, xlabel="epoch", ylabel="accuracy on the 100 images", ylim=(0, 1.05),
    xticks=[1, 50, 100, 150], levels={"chance": 0.1}, labels=False, axis=axis,
)  # fmt: skip
legend(axis, memorised, loc="lower right", bbox_to_anchor=(1.02, 0.42), labelspacing=0.2)
axis.text(150, 0.03, "chance", ha="right", fontsize=9)
show(
    figure,
    caption="Figure 5.9. Memorising 100 random labels: accuracy during training (one run each). The networks of "
    "Figure 5.8, made for 14 × 14 pixels (maps of 10 × 10, blocks of 5 × 5). “Frozen” is a control, see below. In brackets: numbers that are trained.",
    alt="; ".join(
        f"{name}: {curve[49]:.2f} after 50 epochs, {curve[-1]:.2f} after 150"
        for name, curve in memorised.items()
    ),
)
reached = {
    name: next((epoch for epoch, share in enumerate(curve, 1) if share >= 0.9), None)
    for name, curve in memorised.items()
}
print(f"your guess: {your_guess}, 0.9 is reached in epoch:")
for name, epoch in reached.items():
    print(f"{name:15} {epoch}")
print(f"frozen, last layer trained on until its loss is nearly 0: accuracy {frozen_at_last:.2f}")

# %% [markdown]
# Had we stopped after 60 epochs, we would have compared **speed**, not **capacity** (what can be memorised at all).
# The network with shared weights memorises more slowly, but it does. Must its filters learn for this? In the
# control they stay random (*frozen*). Only the last layer is trained, and it remains far below 0.9. But trained much longer, it memorises all labels. So the last layer alone has the capacity here; learning
# the filters gained speed.
#
# [*Concept 35*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert all(0.1 < real < 0.8 for real, _ in recurs.values())
real, control = np.mean([*recurs.values()], 0)
assert real > 0.3 > control and control < 0.5 * real
assert all(control < 0.8 * real for real, control in recurs.values())
means = {name: runs.mean(0) for name, runs in results.items()}
assert means["dense"][1] > max(means["local"][1], means["shared"][1]) + 0.01
assert means["shared"][2] > means["local"][2] + 0.01
assert means["shared"][2] > means["dense"][2] + 0.02
assert means["shared"][1] < means["local"][1] + 0.015
assert gap["dense"] > max(gap["local"], gap["shared"]) + 0.005
assert abs(gap["local"] - gap["shared"]) < 0.04 < min(gap.values())
dense_reached, shared_reached, frozen_reached = reached.values()
assert dense_reached < 60 and 1.3 * dense_reached < shared_reached <= 150
assert frozen_reached is None and max([*memorised.values()][2]) < 0.6
assert frozen_at_last > 0.99

# %% [markdown]
# ## 5 When the image moves, the map moves
#
# Let T be the move (a *translation*): it rolls the image to the right,
# and what leaves on one side comes in on the other. A layer $f$ is **equivariant** if
#
# $$f(T x) = T f(x) :$$
#
# first moving and then computing gives the same as first computing and then moving. Grey values
# and kernel are whole numbers, which are added without rounding. So we can test this exactly. We take the kernel “left to right”, with a ReLU, in three versions:
#
# - on a *ring* (circular padding): at one border the window continues at the other,
# - with *zero padding*, as usual,
# - on the ring, then max pooling of 2 × 2 with stride 2. One position of this small map is 2 pixels of
# the image. So we compare with the small map rolled half as far, rounded down.

# %% tags=["hide-input"]
# @title Figure 5.10: roll the image
sobel = torch.from_numpy(model.KERNELS["left to right"])[None, None]


def ring(images):
    return F.conv2d(F.pad(images, [1] * 4, mode="circular"), sobel).relu()


def zeros(images):
    return F.conv2d(images, sobel, padding=1).relu()


layers = {  # name: (layer, its stride)
    "ring": (ring, 1),
    "zero padding": (zeros, 1),
    "2 × 2 maximum": (lambda images: F.max_pool2d(ring(images), 2), 2),
}
square = photo[24:88, 54:118]
show(
    play.roll(square, layers),
    caption="Figure 5.10. The rolled image, its map, the old map rolled along, and the difference of the two maps "
    "(red and blue; white: equal). On the ring the difference is exactly 0.",
)

# %% [markdown]
# On the ring the difference is 0 for every image and kernel. Each sum depends only on the pixels
# in its window, and all windows use the same kernel. So the convolution itself is
# equivariant. Two things break it.
#
# **The border.** With zero padding the map of the rolled image differs from the rolled map in stripes at two
# positions. One is the border of the image, the other is
# where the old border now lies. Each further layer uses the wrong values of the layer before. So the stripes
# grow on both sides, by one pixel per layer of 3 × 3.

# %% tags=["hide-input"]
# @title Figure 5.11
square = square[None, None].double()
small_square, ones = square[..., 16:48, 16:48], torch.ones(1, 1, 3, 3).double()
columns, stripes = torch.arange(32), []
for depth in (1, 2, 4):
    moved, still = small_square.roll(12, -1), small_square
    for _ in range(depth):
        moved, still = (F.conv2d(one, ones, padding=1) for one in (moved, still))
    error = (moved - still.roll(12, -1))[0]
    near = (columns < depth) | (columns >= 32 - depth)
    assert torch.equal((error[0] != 0).any(0), near | near.roll(12))
    stripes.append(error / error.abs().max())
show(
    plots.pictures(stripes, ["1 layer", "2 layers", "4 layers"], size=0.9, signed=True,
                   bar="error / largest error"),
    caption="Figure 5.11. The error of zero padding after a roll by 12 of 32 pixels, for 1, 2 and 4 layers of "
    "3 × 3 (nine ones and no ReLU, so that no error disappears). White is exactly 0; the coloured stripes become wider with each layer.",
    alt="Stripes at the left and right border, blue, and at column 12, where the old border is now, red. "
    "They are 2, 4 and 8 pixels wide at column 12.",
)  # fmt: skip

# %% [markdown]
# So a network can learn where something is, from the zeros at the border [Kayhan 2020]; problem 7 tests it.
#
# **The stride.** The small map can only move by whole
# positions, and one is 2 pixels of the image. Take the row 0, 0, 5, 5, 0, 0, 0, 0. The maxima of its pairs are 0, 5, 0, 0.
#
# **Predict:** the row moves by one pixel to the right. What are the four maxima?

# %%
your_guess = "?"  # four numbers

# %%
row = torch.tensor([[[0.0, 0, 5, 5, 0, 0, 0, 0]]])
print("your guess:", your_guess)
for by in (0, 1, 2):
    print(f"moved by {by}:", F.max_pool1d(row.roll(by, -1), 2)[0, 0].tolist())

# %% [markdown]
# Moved by 2, the maxima move by one position. Moved by 1, they are other numbers, not moved ones
# [Azulay 2019]. So with stride 2 the equation holds only for even moves.
#
# Equivariant is not **invariant**. A value is invariant if it does *not* change when the image moves.
# We get one by giving up the position: by the mean or the maximum over the *whole* map.

# %% tags=["hide-input"]
# @title How much does the mean of the map change, rolled by 0 to 4 pixels?
spread = {}
for name in ("ring", "2 × 2 maximum"):
    means_of_map = [layers[name][0](square.roll(by, -1)).mean().item() for by in range(5)]
    spread[name] = (max(means_of_map) - min(means_of_map)) / means_of_map[0]
    print(f"{name:13} rolled by 0 to 4 pixels, the mean changes by up to {spread[name]:.1%}")

# %% [markdown]
# On the ring the mean is exactly invariant. After pooling with stride 2 it is so only approximately.
#
# This suggests why sharing gained on moved images. The map moves along, and the maximum of a block then hides
# small moves. The map of the local layer does not move along.
#
# [*Concept 36*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
apart = {
    name: [
        (layer(square.roll(by, -1)) - layer(square).roll(by // stride, -1)).abs().max().item()
        for by in (1, 2, 3, 4)
    ]
    for name, (layer, stride) in layers.items()
}
assert apart["ring"] == [0, 0, 0, 0] and min(apart["zero padding"]) > 0
pooled = apart["2 × 2 maximum"]
assert pooled[1] == pooled[3] == 0 < min(pooled[0], pooled[2])
assert spread["ring"] < 1e-8 < 1e-4 < spread["2 × 2 maximum"] < 0.05
wrong = (zeros(square.roll(20, -1)) - zeros(square).roll(20, -1))[0, 0].ne(0).any(0)
border = torch.arange(64) % 63 == 0
assert wrong.any() and not wrong[~(border | border.roll(20))].any()
assert F.max_pool1d(row.roll(1, -1), 2).flatten().tolist() == [0, 5, 5, 0]

# %% [markdown]
# ## 6 From maps to classes
#
# The maps move along with the object. Whether the network profits depends on what follows. We use the
# canvas of section 04: objects of 20 × 20 pixels in the middle of a black canvas of 36 × 36. We
# compare the hidden layer of section 04 with two networks that begin with the same two convolutions. Then comes either
# **flatten**: all values of all maps go to the last layer. Or it is the **global maximum** (*global max
# pooling*): only the largest value of each map does.


# %%
def two_convolutions():  # without biases, so that a black image gives 0 everywhere
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=5, stride=2, padding=2, bias=False),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(8, 16, kernel_size=5, padding=2, bias=False),
        nn.ReLU(),
    )


# %%
def flatten():
    return nn.Sequential(two_convolutions(), nn.Flatten(), nn.Linear(16 * 9 * 9, 10))


def global_maximum():
    largest = nn.AdaptiveMaxPool2d(1)  # one number per map
    return nn.Sequential(two_convolutions(), largest, nn.Flatten(), nn.Linear(16, 10))


# %% [markdown]
# The stride and the pooling each halve the map, so a step in the last map is 4 pixels. We train with the
# objects in the middle, and again with random shifts of up to 4 pixels each way.
#
# **Predict:** the global maximum is trained in the middle. At which shift from 0 to 4 pixels is it worst?

# %%
your_guess = "?"  # pixels


# %% tags=["hide-input"]
# @title Figure 5.12
def hidden_layer():
    return nn.Sequential(nn.Flatten(), nn.Linear(36 * 36, 64), nn.ReLU(), nn.Linear(64, 10))


makers = {"hidden layer": hidden_layer, "flatten": flatten, "global maximum": global_maximum}


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
for name in ("hidden layer", "flatten"):
    runs[name, 0] = [train_on_canvas(makers[name], 0, 0)]
curves = {key: [curve(one) for one in networks] for key, networks in runs.items()}
numbers = {name: sum(p.numel() for p in make().parameters()) for name, make in makers.items()}
figure, panels = plots.figure(3.6, 5, 2, 1)
for panel, reach, title in zip(
    panels, (0, 4), ("trained in the middle", "trained with shifts"), strict=True
):
    plots.lines(
        {name: curves[name, reach] for name in makers}, shifts,
        xlabel="shift (pixels)" if reach else "", ylabel="validation accuracy", ylim=(0, 0.9),
        xticks=[0, 2, 4, 6, 8], title=title, labels=False, levels={"chance": 0.1}, axis=panel,
    )  # fmt: skip
    panel.text(8, 0.03, "chance", ha="right", fontsize=9)
legend(panels[0], [f"{name} ({numbers[name]:,})" for name in makers],
       loc="upper right", bbox_to_anchor=(1, 0.7), labelspacing=0.2)  # fmt: skip
show(
    figure,
    caption="Figure 5.12. Accuracy when the object is shifted to the right. Below: after training with shifts of up to 4 "
    "pixels each way. In brackets: weights and biases. Mean and range of three runs (above, flatten and hidden "
    "layer: one run).",
    alt="; ".join(
        f"{name}, {'with shifts' if reach else 'in the middle'}: "
        + " ".join(f"{value:.2f}" for value in np.mean(found, 0))
        for (name, reach), found in curves.items()
    ),
)
lowest = shifts[int(np.mean(curves["global maximum", 0], 0)[:5].argmin())]
print(f"your guess: {your_guess}, the lowest of 0 to 4: {lowest} pixels")

# %% [markdown]
# In the upper panel flatten falls like the hidden layer: its last layer ties each value to a
# position. The global maximum is lowest at 2 and 6 pixels, halfway between two steps of 4. At 4 and 8
# it is back.
#
# In the lower panel, with shifts in training, *flatten is fine*: up to 4 pixels it is nearly as
# good as the global maximum. Both are better than the hidden layer, although it has more numbers to
# learn.
# Larger shifts were not shown in training: at 8 pixels flatten fails, and the global maximum does not.

# %% tags=["hide-input"]
# @title Checks: what this shows
mean_curve = {key: np.mean(found, 0) for key, found in curves.items()}
for name in ("hidden layer", "flatten"):
    assert mean_curve[name, 0][0] > 0.7 and mean_curve[name, 0][4] < 0.45
top = mean_curve["global maximum", 0]
assert lowest == 2 and top[2] < min(top[0], top[4]) - 0.04
assert abs(top[4] - top[0]) < 0.03
within = {name: mean_curve[name, 4][:5].mean() for name in makers}
assert abs(within["flatten"] - within["global maximum"]) < 0.06
assert within["flatten"] > within["hidden layer"] + 0.01
assert mean_curve["flatten", 4][-1] < 0.4 < 0.6 < mean_curve["global maximum", 4][-1]
assert numbers["global maximum"] < numbers["flatten"] < numbers["hidden layer"]
assert within["global maximum"] > within["hidden layer"] + 0.005

# %% [markdown]
# ## The test set, once
#
# Does the order hold on new, moved images?

# %% tags=["hide-input"]
# @title The result on the test set
test_canvas = on_canvas(fashion.test[:1000])
torch.manual_seed(2)
test_moved = data.Split(perturb.random_crop(test_canvas.images, 4), test_canvas.labels)
print("trained with shifts; 1,000 test images; three runs each; always the same class: 0.100")
print(f"standard error of one accuracy near 0.7: {(0.7 * 0.3 / 1000) ** 0.5:.3f}")
final = {}
for name in makers:
    final[name] = [
        [training.evaluate(one, split) for one in runs[name, 4]]
        for split in (test_canvas, test_moved)
    ]
    for place, part in zip(("middle", "moved"), final[name], strict=True):
        print(f"{name:15}{place:7}", " ".join(f"{accuracy:.3f}" for accuracy in part))
moved_means = {name: np.mean(parts[1]) for name, parts in final.items()}
assert moved_means["hidden layer"] + 0.01 < min(
    moved_means["flatten"], moved_means["global maximum"]
)

# %% [markdown]
# Yes: the hidden layer comes last.
#
# ## Summary
#
# 1. A convolution slides a small kernel over the image. It is a matrix product: one window per row, times the kernel.
# 2. Looking locally saves weights and multiply–accumulates; of these two, sharing saves only weights. With four maps: 1,808,640 → 59,904 → 104.
# 3. With 16 maps each, the shared layer gained over the local one only on moved images. A network with shared weights can memorise, too.
# 4. On a ring, a convolution is equivariant, exactly. Borders and strides break this. The mean or maximum of
#    a whole map is invariant, apart from the same two errors.
# 5. With shifts in training, flatten is nearly as good as the global maximum, but only for the shifts it has seen. Both
#    are better than the hidden layer.
#
# ## Problem set

# %% [markdown]
# **1** ★ 5 min. Pencil and paper: the size of a map, and the weights of a layer. `check` asks.

# %%
check(map_side=..., filter_numbers=...)

# %% [markdown]
# **2** ★★ 5 min. The image is mirrored left to right. For which kernel is its map then the mirrored map?

# %%
check(mirror=...)

# %% [markdown]
# **3** ★★ 8 min. *Debug.* This function finds the largest value of a map, but not for every image. Mend it, then
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
# **6** ★★ 10 min. *Design.* Choose a network of at most 1,000 numbers that copes with moved images.

# %%
check(small_network=...)

# %% [markdown]
# **7** ★★★ 25 min. *Open.* Can a network know *where* something is? Put a random patch of 4 × 4
# pixels near the left or the right border of a black 12 × 12 image. Train three convolutions with
# padding 1 and a global maximum to predict the side. Compare `padding_mode="zeros"` with `"circular"`.
#
# **8** ★★ 15 min. *Open, instead of 7.* Repeat Figure 5.8 with 4 maps for all. Does sharing still gain?
#
# **9** ★★ 15 min. *Open, instead of 7.* Replace `nn.MaxPool2d(2)` in `two_convolutions` by
# `model.BlurredMaximum()`. It blurs the maxima before every second one is dropped [Zhang 2019]. Is the
# drop of the global maximum in Figure 5.12 smaller?


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
# - R. Zhang. Making convolutional networks shift-invariant again. *ICML* 2019.
#
# [Concepts 31–36](00_start_here.ipynb#Map-of-the-concepts)
