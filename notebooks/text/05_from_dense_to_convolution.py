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
# Throw away 99.99% of the weights of a layer, and it recognises *more* when the camera moves. Which
# ones may go, and what exactly do you claim about the world by throwing them away?
#
# *About 60 min · CPU 35 s*
#
# Afterwards you will be able to
#
# - build the ladder from a fully connected layer over a locally connected one to a convolution, and
#   count the weights of each rung,
# - do a convolution by hand, and know which of two things your library means by the word,
# - say exactly when a feature map moves along with the image, what breaks that, and what mends it.
#
# You need section 04: templates, and why a shift of a few pixels breaks them.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## Look at a window, not at everything
#
# Let us put a hidden layer between the image and the scores: 2,304 units, each of which looks at all
# 28 × 28 pixels with weights of its own, as in section 04. **Predict:** how many weights and biases is that?

# %%
your_guess = None  # a whole number

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import data, explore, figures, perturb
from cv_course.checks import check, hint


# %%
def size(layer):
    return sum(p.numel() for p in layer.parameters())


dense = nn.Linear(28 * 28, 2304)
print(f"your guess {your_guess}; there are {size(dense):,}")
assert size(dense) == 2304 * (28 * 28 + 1) == 1_808_640

# %% [markdown]
# Does every unit have to look at everything? One that watches out for the corner of a collar needs
# no more than the surroundings of that corner. So give each unit a **window** of 5 × 5 pixels. In
# an image of 28 × 28 there are 24 × 24 windows, and with four units for each window we are back at
# 24 · 24 · 4 = 2,304 units. This is a **locally connected layer**:


# %%
def local_layer(images, weight, bias):
    """images (N, C, H, W), weight (H', W', F, C, k, k), bias (H', W', F) -> (N, F, H', W')."""
    k = weight.shape[-1]
    windows = images.unfold(2, k, 1).unfold(3, k, 1)  # all of them: (N, C, H', W', k, k)
    sums = torch.einsum("nchwij,hwfcij->nfhw", windows, weight)
    return sums + bias.permute(2, 0, 1)


# %% [markdown]
# Read the `einsum` like this: multiply what carries the same letters, and sum over the letters that
# are missing behind the arrow, here c, i and j: all that is inside one window. The letters h and w,
# the place of the window, stay: each place meets its own weights. **Predict:** by which factor did
# the number of weights and biases shrink?

# %%
your_guess = None  # for example 10

# %%
from cv_course.models.local import LocallyConnected2d

local = LocallyConnected2d(1, 4, image_size=(28, 28), kernel_size=5)
print(
    f"your guess {your_guess}; {size(local):,} are left, a factor of {size(dense) / size(local):.0f}"
)
assert size(local) == 24 * 24 * 4 * (5 * 5 + 1) == 59_904

some = torch.rand(3, 1, 28, 28)
assert torch.allclose(local(some), local_layer(some, local.weight, local.bias), atol=1e-5)

# %% [markdown]
# **Careful.** "Since the layer looks locally, it need not keep weights pixel by pixel", the lecture
# notes say. But look at the shape of `local.weight`: it begins with the place. There are 576 places,
# and each still has weights of its own. Looking locally makes each unit *smaller*; only when all
# places **share** their weights do the places disappear from the count.

# %%
shared = nn.Conv2d(1, 4, kernel_size=5)
print(tuple(local.weight.shape), "local: a set of weights for each place")
print(tuple(shared.weight.shape), "            shared: one set for all")
assert size(shared) == 4 * (5 * 5 + 1) == 104
assert size(local) == 24 * 24 * size(shared)

# %% [markdown]
# That is the whole ladder: **1,808,640**, **59,904** and **104** numbers for 2,304 hidden units. The
# last rung is called a *convolution*; we come to the name below.
#
# All three are linear, so each is *a matrix* times the image (plus biases). Here they are for a
# small image, 6 × 6 pixels and a window of 3 × 3: a row for each hidden unit, a column for each
# pixel.

# %%
from cv_course.models.local import LADDER, as_matrix, hidden_layer

torch.manual_seed(0)
layers = {kind: hidden_layer(kind, (1, 6, 6), kernel=3, maps=1) for kind in LADDER}
matrices = {kind: as_matrix(layer, (1, 6, 6)) for kind, layer in layers.items()}
figures.show(
    figures.matrices(matrices),
    alt="Three matrices of 16 x 36. Dense: full of different values. Local: three short stripes in "
    "each row, elsewhere white. Convolution: the same stripes, but every row repeats the same nine "
    "values further right.",
)

# %%
filled = [(matrices[kind] != 0).sum().item() for kind in LADDER]
different = [len(layers[kind].weight.unique()) for kind in LADDER[1:]]
assert filled == [16 * 36, 16 * 9, 16 * 9] and different == [16 * 9, 9]

# %% [markdown]
# Looking locally sets most of the matrix to zero. Sharing makes the rest repeat. So a convolution
# *is* a locally connected layer, and that is a fully connected one. **Predict:** is there anything
# that a convolution can compute and a dense layer cannot?

# %%
your_guess = None  # True or False

# %%
tied = LocallyConnected2d.from_conv(shared, image_size=(28, 28))
dense.weight.data = as_matrix(shared, (1, 28, 28))
dense.bias.data = shared.bias.data.repeat_interleave(24 * 24)
for layer, name in ((tied, "local"), (nn.Sequential(nn.Flatten(1), dense), "dense")):
    error = (layer(some).flatten(1) - shared(some).flatten(1)).abs().max().item()
    print(f"{name} layer with the weights of a convolution: largest difference {error:.0e}")
    assert error < 1e-5

# %% [markdown]
# No: each step down the ladder *forbids* something and adds nothing. The convolution is the poorest of
# the three. If it turns out better in spite of this, then because what it cannot express is
# what it should not learn.
#
# How do the costs grow? Enlarge the image, the window, the number of maps. Which bar does not move
# when the image grows? Which two never differ?

# %%
explore.ladder()

# %% [markdown]
# **Careful.** Sharing saves *memory*, not *work*: a convolution does exactly as many multiplications
# as the locally connected layer, since every place still needs its own sums. It is locality that
# saves the work.
#
# AlexNet's first layer (section 08) has 96 maps, windows of 11 × 11 × 3 and a step of four pixels. On
# the three rungs:

# %%
from cv_course.models.local import hidden_multiplications, hidden_parameters

alexnet = dict(image_shape=(3, 227, 227), kernel=11, maps=96, stride=4)
for kind, count in hidden_parameters(**alexnet).items():
    print(f"{kind:12} {count:14,} weights and biases")
assert hidden_parameters(**alexnet)["convolution"] == 34_944
assert hidden_parameters(**alexnet)["local"] == 105_705_600
work = hidden_multiplications(**alexnet)
assert work["local"] == work["convolution"] < work["dense"] / 100

# %% [markdown]
# Now you: count all three. (The step is one pixel again, and no image is padded.)


# %%
def three_counts(channels, height, width, kernel, maps):
    """Numbers of weights and biases of the dense, the local and the shared layer."""
    ...  # replace this line; return three whole numbers


check(three_counts)

# %%
hint(three_counts)

# %% [markdown]
# *Concept 31*

# %% [markdown]
# ## The same detail, elsewhere
#
# Sharing is a bet: *what is worth looking for here is worth looking for everywhere*. Is that so? We
# take a photograph and pick a detail of 7 × 7 pixels.

# %%
cat = data.photos()["cat"].float().mean(0, keepdim=True)  # grey
photo = F.avg_pool2d(cat, 2)[0].round()  # 150 x 225, whole numbers
row, column = 40, 100  # upper left corner of the detail

# %% [markdown]
# **Predict:** laid over the photograph are 24 fields of 32 × 32 pixels. In how many of them is there
# a place that looks almost like the detail?

# %%
your_guess = None  # 0 to 24

# %%
windows = photo.unfold(0, 7, 1).unfold(1, 7, 1).flatten(2)
windows = windows - windows.mean(-1, keepdim=True)  # brightness does not matter
windows = windows / windows.norm(dim=-1, keepdim=True).clamp_min(30)  # nor does contrast
likeness = windows @ windows[row, column]  # 1: the same
best, where = F.max_pool2d(likeness[None, None], 32, return_indices=True)
alike = where[best > 0.9]
print(f"your guess {your_guess}; similar to 0.9 or more in {len(alike)} of {best.numel()} fields")
assert len(alike) > best.numel() / 2

# %%
places = [divmod(place, likeness.shape[1]) for place in alike.tolist()]
figures.show(
    figures.marked(photo, (row, column), places, 7),
    alt="A cat's face with one small square framed in white, on an edge between dark and bright, and "
    "orange squares on similar edges all over the picture: in the fur, at an eye, on the nose.",
)

# %% [markdown]
# An edge is an edge, in the fur and at the eye. But was this detail well chosen? It was. Here is one that is
# rather lonely:

# %%
lonely = (windows @ windows[90, 120] > 0.9).sum().item()
print(f"places like the one in row 90, column 120: {lonely}; like ours: {(likeness > 0.9).sum()}")
assert lonely < 10

# %% [markdown]
# So let the data choose. We cut another photograph into four quarters and compute, for each quarter by
# itself, the eight patterns that describe its windows best (their principal components).

# %%
astronaut = F.avg_pool2d(data.photos()["astronaut"].float().mean(0, keepdim=True), 2)[0]
quarters = [part for half in astronaut.chunk(2, 0) for part in half.chunk(2, 1)]


def all_windows(picture):
    rows = picture.unfold(0, 7, 1).unfold(1, 7, 1).reshape(-1, 49)
    return rows - rows.mean(1, keepdim=True)


cut = [all_windows(quarter) for quarter in quarters]
patterns = [torch.linalg.svd(rows.T @ rows)[0][:, :8] for rows in cut]

# %%
signs = [(basis * patterns[0]).sum(0).sign() for basis in patterns]  # a pattern has no own sign
drawn = torch.cat([(basis * sign).T for basis, sign in zip(patterns, signs, strict=True)])
figures.show(
    figures.image_grid(drawn.view(32, 1, 7, 7), columns=8, signed=True),
    alt="Four rows of eight patterns, one row for each quarter of a photograph. Every row begins with "
    "a gradient from left to right and one from top to bottom; stripes, saddles and finer checks follow.",
)

# %% [markdown]
# Four rows, four different parts of the picture, one family of patterns: gradients first, then stripes and
# finer ones. In numbers: how much of a quarter's variation do *its own* patterns explain, and how
# much those of the three *others*?


# %%
def explained(rows, basis):
    return ((rows @ basis).square().sum() / rows.square().sum()).item()


table = torch.tensor([[explained(rows, basis) for basis in patterns] for rows in cut])
own, foreign = table.diag().mean().item(), table[~torch.eye(4, dtype=bool)].mean().item()
chance = explained(cut[0], torch.linalg.qr(torch.randn(49, 8))[0])
print(f"own patterns {own:.1%}, those of other quarters {foreign:.1%}, random ones {chance:.0%}")
assert foreign > own - 0.02 and chance < own - 0.3

# %% [markdown]
# What was learned in one corner serves in another. That is why one set of weights may serve for
# all places, at least for small details. (For large ones the bet is worse: eyes are above mouths.)
#
# *Concept 32*

# %% [markdown]
# ## Share the weights and slide them
#
# One small set of weights, a **kernel** (or filter), and it visits every place: lay it on the image,
# multiply each weight with the pixel under it, add up, write the sum down, move on by one pixel. Do
# it by hand first. This is the eye of the cat, 32 pixels wide. Which sums are large? Which are zero?

# %%
eye = photo[40:72, 70:102].numpy()
explore.slide(eye)

# %% [markdown]
# And now you.


# %%
def cross_correlate(image, kernel):
    """image (H, W), kernel (h, w), NumPy arrays -> (H - h + 1, W - w + 1)."""
    ...  # replace this line


check(cross_correlate)

# %%
hint(cross_correlate)

# %% [markdown]
# Kernels were designed by hand long before they were learned. Here are five classics. **Predict:**
# the sum of a kernel's nine weights tells you what it makes of a uniformly bright wall. For which of
# the kernels below does the wall come out black (0), for which as bright as it was?

# %%
your_guess = None  # names

# %%
from cv_course.convolution import KERNELS
from cv_course.convolution import cross_correlate as correlated  # the solution of the exercise

wall = np.full((5, 5), 100.0)
for name, kernel in KERNELS.items():
    answer = correlated(wall, kernel)
    print(
        f"{name:16} sum of the weights {abs(kernel.sum()):.0f}, the wall becomes {answer[0, 0]:3.0f}"
    )
    assert np.allclose(answer, 100 * kernel.sum())

# %%
face = photo[8:108, 40:190]
answers = {name: correlated(face.numpy(), kernel) for name, kernel in KERNELS.items()}
figures.show(
    figures.filtered(answers, KERNELS),
    alt="Five kernels as tables and what each makes of the cat: blurred; sharpened; red and blue along "
    "vertical edges; along horizontal edges; fine red and blue speckles where the fur is.",
)

# %% [markdown]
# A sum of 1 keeps the brightness. A kernel whose sum is 0 answers to *differences* only. The third and
# fourth are Sobel's: red where it gets brighter from left to right (from top to bottom), blue where
# it gets darker. The last one answers to points that differ from their surroundings.
#
# Your library does the same, for many images, channels and kernels at once:

# %%
images, kernel = face[None, None], torch.from_numpy(KERNELS["left to right"]).float()
theirs = F.conv2d(images, kernel[None, None])
print(tuple(images.shape), "->", tuple(theirs.shape))
assert np.allclose(theirs[0, 0], answers["left to right"], atol=1e-3)

# %% [markdown]
# But is it a *convolution*? In mathematics, a convolution turns the kernel by 180° first:
#
# $$\text{cross-correlation:}\; \sum_{i,j} k_{ij}\, x_{y+i,\,x+j} \qquad
# \text{convolution:}\; \sum_{i,j} k_{ij}\, x_{y-i,\,x-j}$$
#
# SciPy has both. **Predict:** an image that is black but for a single dot of 1. What does each of the
# two make of it, with the kernel 1, 2, 3 … 9?

# %%
your_guess = None  # in words

# %%
from scipy import signal

dot, count = np.zeros((5, 5)), np.arange(1.0, 10).reshape(3, 3)
dot[2, 2] = 1
as_images = (torch.from_numpy(array)[None, None] for array in (dot, count))
three = {
    "cross-correlation": signal.correlate2d(dot, count, "valid"),
    "convolution": signal.convolve2d(dot, count, "valid"),
    "torch's conv2d": F.conv2d(*as_images)[0, 0].numpy(),
}
figures.show(
    figures.numbers({"kernel": count, **three}),
    alt="Four tables of 3 x 3. The kernel counts from 1 to 9. Cross-correlation of the dot gives 9 to 1, "
    "the kernel upside down; convolution gives 1 to 9; torch's conv2d gives 9 to 1.",
)

# %%
assert np.array_equal(three["convolution"], count)
assert np.array_equal(three["torch's conv2d"], three["cross-correlation"])
flipped = signal.convolve2d(face, KERNELS["left to right"][::-1, ::-1], "valid")
assert np.allclose(flipped, answers["left to right"])

# %% [markdown]
# **Careful.** What torch, like nearly every library for deep learning, calls a convolution is a
# **cross-correlation** [Goodfellow 2016, §9.1]. To learning it makes no difference: the kernel is
# simply learned the other way round. It does make one where you take kernels from a book on signal
# processing; and convolution has the nicer algebra (k ∗ x = x ∗ k, and a dot returns the kernel).
# From here on we say convolution, as everybody does.
#
# The map is smaller than the image, since a window must fit into it. Two settings change that.
# **Padding** adds rows and columns of zeros on each side; with a **stride** of s the kernel moves on
# by s pixels at a time. How many places are there?

# %%
for settings in (dict(), dict(padding=1), dict(stride=2), dict(stride=2, padding=1)):
    places = F.conv2d(torch.zeros(1, 1, 28, 28), torch.zeros(1, 1, 3, 3), **settings).shape[-1]
    print(f"28 pixels, a kernel of 3, {settings or 'nothing else'}: {places} places")


# %%
def output_size(size, kernel, stride, padding):
    """All along one side, in pixels -> how many places there are."""
    ...  # replace this line


check(output_size)

# %%
hint(output_size)

# %% [markdown]
# *Concept 33*

# %% [markdown]
# ## One map for each filter
#
# The sums of one filter, each written down at its place, are again a picture: a **feature map**. It says
# *where* the filter found what it looks for. Many filters, many maps. And a colour image has three
# channels: a filter reaches through all of them. **Predict:** eight filters of 5 × 5 on a colour
# photograph of 400 × 600 pixels. What is the shape of their weights, and what that of the maps?

# %%
your_guess = None  # two shapes

# %%
colours = data.photos()["coffee"][None].float() / 255
layer = nn.Conv2d(3, 8, kernel_size=5)
print(tuple(colours.shape), "*", tuple(layer.weight.shape), "->", tuple(layer(colours).shape))
assert layer.weight.shape == (8, 3, 5, 5)
assert layer(colours).shape == (1, 8, 400 - 4, 600 - 4)

# %% [markdown]
# Three channels go in, yet each filter gives *one* map: the sum runs over the channels, too. So a filter can
# look for a colour. Here are two of a single pixel: *red less the mean of green and blue*, and
# *brightness*.

# %%
filters = torch.tensor([[1, -0.5, -0.5], [1 / 3, 1 / 3, 1 / 3]]).view(2, 3, 1, 1)
red, bright = F.conv2d(colours, filters)[0]
pictures = torch.stack([colours[0], *(one.expand(3, -1, -1) for one in (red.relu(), bright))])
figures.show(
    figures.image_grid(
        pictures[:, :, ::2, 100:500:2], ["photograph", "red", "brightness"], columns=3, size=1.8
    ),
    alt="A coffee cup on a red saucer, in colours; the map of red, where the saucer is bright and the "
    "white rim of the cup black; the map of brightness, where the rim is bright and the saucer dark.",
)

# %% [markdown]
# Each map depends on its own filter and on no other. Silence one filter, and one map is silent:

# %%
with torch.no_grad():
    before = layer(colours)
    layer.weight[2], layer.bias[2] = 0, 0
    changed = (layer(colours) != before).flatten(2).any(2)[0]
print("maps that changed:", changed.nonzero().flatten().tolist())
assert changed.nonzero().flatten().tolist() == [2]

# %% [markdown]
# And learned filters? We train a small network: the convolution of our ladder with its four filters,
# a ReLU, the largest value of each 8 × 8 block of each map, and one full layer for the scores.

# %%
from cv_course.models.local import LadderNet
from cv_course.training import evaluate, fit, predict

fashion = data.fashion_mnist()
torch.manual_seed(0)
learned = LadderNet("convolution")
fit(learned, fashion.train[:4000], epochs=6, batch_size=100)

# %%
learned.cpu()
boot = data.as_float(fashion.test.images[fashion.test.labels == 9][:1])
maps = learned[1](learned[0](boot)).detach()
assert maps.shape == (1, 4, 24, 24)
figures.show(
    figures.feature_maps(boot[0], learned[0].weight.detach()[:, 0], maps[0]),
    alt="A boot, four learned filters of 5 x 5 in red and blue, and below each its feature map of the "
    "boot, each bright in other places.",
)

# %% [markdown]
# Nobody told it to look for edges. What you see is a map *of the image*: a bright spot at some
# place says that the filter has found something *there*. The values after the nonlinearity are also called
# **activations**, and the map an activation map.
#
# *Concept 34*

# %% [markdown]
# ## Fewer weights, less overfitting
#
# Now the race. Three networks that differ in the hidden layer alone: dense, local, convolution. They
# learn from 500 images, and again from 4,000. **Predict:** who is best on images never seen? And for
# whom is the *gap* between known and new images the largest?

# %%
your_guess = None  # two names


# %%
def trained(train, kind, maps=4, **settings):
    torch.manual_seed(0)
    net = LadderNet(kind, maps=maps)
    fit(net, train, progress=False, **settings)
    return net


few, many = fashion.train[:500], fashion.train[:4000]
of_few = {kind: trained(few, kind, epochs=25, batch_size=50) for kind in LADDER}
of_many = {kind: trained(many, kind, epochs=6, batch_size=100) for kind in LADDER}

# %%
results = {
    f"{len(known):,} images": {
        kind: (evaluate(net, known), evaluate(net, fashion.test)) for kind, net in nets.items()
    }
    for known, nets in ((few, of_few), (many, of_many))
}
figures.show(
    figures.gaps(results),
    alt="Training and test accuracy of the three networks joined by bars. With 500 images dense has the "
    "longest bar, from 1.0 down to about 0.8. With 4,000 images all bars are much shorter.",
)

# %%
gap = {
    number: {kind: known - new for kind, (known, new) in rows.items()}
    for number, rows in results.items()
}
for gaps in gap.values():
    print(", ".join(f"{kind} {by:.2f}" for kind, by in gaps.items()))
    assert gaps["dense"] > gaps["convolution"] + 0.01
assert all(gap["4,000 images"][kind] < gap["500 images"][kind] - 0.05 for kind in LADDER)
assert results["500 images"]["dense"][0] > 0.99

# %% [markdown]
# The dense layer knows its 500 images by heart, and is wrong on about every fifth new one. The
# convolution's gap is smaller in both cases; and more images make it smaller for everybody.
#
# **Careful.** A smaller gap is not a better answer! On these pictures, all neatly in the middle, the
# four filters are *behind* the dense layer on new images, in both cases.

# %%
for rows in results.values():
    assert rows["dense"][1] > rows["convolution"][1]

# %% [markdown]
# So what is the gain? First: let somebody hold the camera differently, 2 pixels to any side.
# **Predict** the order.

# %%
your_guess = None  # three names, the best first


# %%
def moved(net):
    directions = ((2, 0), (-2, 0), (0, 2), (0, -2))
    images = (perturb.shift(fashion.test.images, *by) for by in directions)
    return sum(evaluate(net, data.Split(one, fashion.test.labels)) for one in images) / 4


after = {kind: moved(net) for kind, net in of_many.items()}
for kind, accuracy in after.items():
    print(f"{kind:12} {results['4,000 images'][kind][1]:.2f} in the middle, {accuracy:.2f} moved")
assert after["convolution"] > max(after["dense"], after["local"]) + 0.02

# %% [markdown]
# Looking locally did not help: what a local unit has learned *here*, its neighbour two pixels on
# does not know. Only the shared weights do, since whatever they know they know everywhere.
#
# Second: what do the layers do when there is *nothing* to learn? We shuffle the labels of the 500
# images, so that the only way to be right is to know each image by heart. **Predict:** on what share
# of the 500 is each network right in the end? (A tenth would be luck.)

# %%
your_guess = None  # three shares

# %%
order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
nonsense = data.Split(few.images, few.labels[order])
by_heart = {
    kind: evaluate(trained(nonsense, kind, epochs=25, batch_size=50, weight_decay=0), nonsense)
    for kind in LADDER
}
print(", ".join(f"{kind} {share:.0%}" for kind, share in by_heart.items()))
assert by_heart["dense"] > 0.7 > by_heart["local"] > by_heart["convolution"] + 0.05

# %% [markdown]
# The dense network swallows most of the nonsense, in the same time in which the convolution hardly
# gets going. That is what "fewer weights, less overfitting" means: it *can* learn less by heart [Zhang 2017].
#
# Third, with so much saved we can afford more filters: 32 instead of 4.

# %%
wide = trained(many, "convolution", maps=32, epochs=6, batch_size=100)
known, new = evaluate(wide, many), evaluate(wide, fashion.test)
print(
    f"{size(wide[0])} weights and biases; test {new:.2f}, gap {known - new:.2f}, moved {moved(wide):.2f}"
)
assert size(wide[0]) == 32 * 26 < size(dense) / 2000
assert new > results["4,000 images"]["dense"][1] - 0.03
assert moved(wide) > after["dense"] + 0.04

# %% [markdown]
# Less than a two-thousandth of the dense layer's weights, nearly level with it in the middle and well
# ahead when moved.
#
# **Careful.** "Sharing prevents overfitting" is too much. The convolution's gap at 500 images is far
# from zero, and with more filters it learns more nonsense by heart, too.

# %%
wide_nonsense = trained(nonsense, "convolution", 32, epochs=25, batch_size=50, weight_decay=0)
print(
    f"4 filters {by_heart['convolution']:.0%}, 32 filters {evaluate(wide_nonsense, nonsense):.0%}"
)
assert gap["500 images"]["convolution"] > 0.05
assert evaluate(wide_nonsense, nonsense) > by_heart["convolution"] + 0.05

# %% [markdown]
# One last doubt. Maybe fewer weights are all it takes, and *where* they look does not matter?
# We shuffle the pixels: the same wild permutation for all images. You would recognise nothing any
# more. **Predict:** who suffers, the dense layer, the convolution, both?

# %%
your_guess = None  # "dense", "convolution", "both"

# %%
wild = torch.randperm(784, generator=torch.Generator().manual_seed(0))


def shuffled(split):
    return data.Split(split.images.flatten(1)[:, wild].view(-1, 1, 28, 28), split.labels)


on_shuffled = trained(shuffled(many), "convolution", maps=32, epochs=6, batch_size=100)
print(
    f"convolution {new:.2f}, on shuffled pixels {evaluate(on_shuffled, shuffled(fashion.test)):.2f}"
)
assert evaluate(on_shuffled, shuffled(fashion.test)) < new - 0.02

# %%
net = of_many["dense"].cpu()
before = predict(net, fashion.test.images[:100])
net[0][1].weight.data = net[0][1].weight.data[:, wild]  # shuffle the columns in the same way
after_shuffle = predict(net, shuffled(fashion.test[:100]).images)
print(f"dense: the scores change by up to {(after_shuffle - before).abs().max():.0e}")
assert torch.allclose(after_shuffle, before, atol=1e-3)

# %% [markdown]
# The dense layer does not even notice: it never knew which pixels are neighbours, and with its weights
# shuffled along it gives the same scores. The convolution loses: without neighbourhoods the bet is
# off. Its few weights are worth so much *because* images are made of local details that occur
# everywhere.
#
# *Concept 35*

# %% [markdown]
# ## Move the image, and the map moves
#
# "Wherever the object moves, it is still found." Let us be exact. Call the movement T: it rolls the
# image to the right, and what leaves on one side comes in on the other. A layer f is **equivariant**
# if it makes no difference whether we move first or compute first:
#
# $$f(T x) = T f(x).$$
#
# To measure exactly, we take whole numbers only (pixels 0 to 255, Sobel's kernel), which a computer
# adds without rounding. Four layers: a convolution on a *ring*, where the window at one
# border continues at the other; the usual one, with *zeros* around; and the first one followed by
# pooling, plain or blurred.

# %%
from cv_course.convolution import MaxBlurPool2d

sobel = torch.from_numpy(KERNELS["left to right"])[None, None]


def ring(images):
    return F.conv2d(F.pad(images, [1] * 4, mode="circular"), sobel).relu()


def zeros(images):
    return F.conv2d(images, sobel, padding=1).relu()


# %%
blur = MaxBlurPool2d("circular").double()
layers = {  # name: (layer, its stride)
    "circular padding": (ring, 1),
    "zero padding": (zeros, 1),
    "2 × 2 maximum": (lambda images: F.max_pool2d(ring(images), 2), 2),
    "blurred maximum": (lambda images: blur(ring(images)), 2),
}

# %% [markdown]
# **Predict:** which of the four move along exactly, by how many pixels you may roll? Then roll.

# %%
your_guess = None  # in words

# %%
eye = photo[24:88, 54:118]
explore.roll(eye, layers)

# %% [markdown]
# In numbers: the layer of the moved image minus the moved layer of the image, and of that the
# largest value.


# %%
def moved_difference(layer, images, by, stride=1):
    return layer(images.roll(by, -1)) - layer(images).roll(by // stride, -1)


eye = eye[None, None].double()
apart = {}
for name, (layer, stride) in layers.items():
    apart[name] = [
        moved_difference(layer, eye, by, stride).abs().max().item() for by in (1, 2, 3, 4)
    ]
    print(f"{name:17} rolled by 1, 2, 3, 4 pixels: differs by up to {apart[name]}")

# %%
assert apart["circular padding"] == [0, 0, 0, 0]
assert min(apart["zero padding"]) > 0
for name in ("2 × 2 maximum", "blurred maximum"):
    assert apart[name][1] == apart[name][3] == 0 < min(apart[name][0], apart[name][2])

# %% [markdown]
# On the ring: zero. Not "about zero": the convolution is equivariant *exactly*, by any number of pixels. What
# breaks it is what we do around it, and there are two culprits.
#
# **The border.** Where does zero padding go wrong? **Predict:** in which of the 64 columns, rolled by
# 20 pixels?

# %%
your_guess = None  # a list of columns

# %%
by, columns = 20, torch.arange(64)
wrong = (moved_difference(zeros, eye, by)[0, 0] != 0).any(0)
border = (columns < 1) | (columns >= 63)  # here a window of 3 x 3 reaches outside
print("wrong columns:", columns[wrong].tolist())
assert not wrong[~(border | border.roll(by))].any() and wrong.any()

# %% [markdown]
# Only at the border, and where the border has moved to. Nothing else. But a network
# has many layers, and each passes on what its neighbours tell it. Here are one, two and four layers of
# padded 3 × 3 sums:

# %%
ones = torch.ones(1, 1, 3, 3).double()
errors = []
for depth in (1, 2, 4):

    def stack(images, depth=depth):
        for _ in range(depth):
            images = F.conv2d(images, ones, padding=1)
        return images

    error = moved_difference(stack, eye, by)[0]
    near = (columns < depth) | (columns >= 64 - depth)
    assert torch.equal((error[0] != 0).any(0), near | near.roll(by))
    errors.append(error / error.abs().max())

# %%
figures.show(
    figures.image_grid(
        torch.stack(errors), ["1 layer", "2 layers", "4 layers"], size=2, signed=True
    ),
    alt="The errors of one, two and four layers of zero padding: coloured stripes at the left and right "
    "border and, between, where the border has moved to. They get wider with every layer; all else is "
    "white.",
)

# %% [markdown]
# One pixel deeper with every layer. So a deep network can *feel* the border, and from this tell where
# it is [Kayhan & van Gemert 2020]. Let us ask it: a random patch near the left border, or the very same patch
# near the right one. Which side? Three convolutions, then the largest value of each map,
# wherever it is: the place is thrown away on purpose. **Predict:** how often is it right, with zeros
# and with the ring?

# %%
your_guess = None  # two shares


# %%
def left_or_right(count, seed):
    lot = torch.Generator().manual_seed(seed)
    images, side = torch.zeros(count, 1, 12, 12, dtype=torch.uint8), torch.arange(count) % 2
    patches = torch.randint(80, 256, (count // 2, 1, 4, 4), generator=lot, dtype=torch.uint8)
    images[..., 4:8, 1:5] = patches.repeat_interleave(2, 0)
    return data.Split(torch.where(side.view(-1, 1, 1, 1) == 1, images.roll(6, -1), images), side)


# %%
asked = {}
for mode in ("zeros", "circular"):
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, padding_mode=mode), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, padding=1, padding_mode=mode), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, padding=1, padding_mode=mode), nn.ReLU()),
        *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 2)),
    )
    fit(net, left_or_right(1000, seed=0), epochs=8, batch_size=50, progress=False)
    asked[mode] = evaluate(net, left_or_right(400, seed=1))
print(f"your guess {your_guess};", asked)
assert asked["zeros"] > 0.9 and abs(asked["circular"] - 0.5) < 0.05

# %% [markdown]
# On the ring the two images *must* get the same answer, so half of the answers are wrong, whatever
# is learned. With zeros the network has no difficulty at all: the border gives the place away.
#
# **The stride.** Pooling halves the map, so it can only be moved by whole steps of two pixels. A
# row of eight pixels shows the trouble:

# %%
row = torch.tensor([[[0.0, 0, 5, 5, 0, 0, 0, 0]]])
for by in (0, 1, 2):
    pooled = F.max_pool1d(row.roll(by, -1), 2)
    print(row.roll(by, -1)[0, 0].int().tolist(), "->", pooled[0, 0].int().tolist())
assert F.max_pool1d(row.roll(1, -1), 2).sum() == 2 * F.max_pool1d(row, 2).sum()

# %% [markdown]
# Moved by two pixels, the maxima move by one place. Moved by one pixel, they are *other numbers*: the
# windows cut the object differently, and every later layer works with these [Azulay & Weiss 2019].
#
# Equivariant is not **invariant**, by the way. An answer that does *not* change when the image moves
# comes from throwing the place away, for example by the average over the whole map:

# %%
for name in ("circular padding", "2 × 2 maximum"):
    layer = layers[name][0]
    average = [layer(eye.roll(by, -1)).mean().item() for by in range(5)]
    spread = (max(average) - min(average)) / average[0]
    print(f"{name}: rolled by 0 to 4 pixels, the average of the map varies by {spread:.0e}")
    assert (spread < 1e-8) == (name == "circular padding")

# %% [markdown]
# **Careful.** "A CNN is invariant to shifts" mixes up two things and forgets two more. The
# *convolution* is equivariant; *global pooling* makes an invariant of it; and both hold only up to the
# *border* and only for multiples of the *stride*.
#
# Can it be mended? In section 04 a network with global maximum lost a good part of its accuracy
# between shifts of 0 and 4 pixels, its stride. Two cures. **Blurred pooling** [Zhang 2019]: take the
# maximum at every place, blur the maxima, and only then leave out every second one, as one does
# whenever a picture is made smaller. **Every place**: leave out nothing. The same network is evaluated
# at all places, which gives 4 × 4 grids, one inside the other, where there was one; each has its
# answer, and the answers are averaged. That needs no training, but up to 16 times the computation.


# %%
def on_canvas(split):
    small = F.adaptive_avg_pool2d(split.images.float(), 20).round()
    return data.Split(F.pad(small, [8] * 4).to(torch.uint8), split.labels)


train, test = on_canvas(fashion.train[:5000]), on_canvas(fashion.test[:500])

# %%
import copy

from cv_course.convolution import MeanOfGrids, blurred, everywhere
from cv_course.networks.small import SmallConv

torch.manual_seed(0)
plain = SmallConv("max", image_shape=(1, 36, 36))
_ = fit(plain, train, epochs=8, batch_size=64)

# %%
soft = blurred(plain)  # a copy with other pooling; it needs one more round to get used to that
_ = fit(soft, train, epochs=1, batch_size=64, lr=0.03)
full = copy.deepcopy(plain)  # exactly the same weights
full.backbone, full.head[0] = everywhere(plain.backbone), MeanOfGrids(4)
nets = {"stride 4": plain, "stride 4, blurred": soft, "every place": full}

# %% [markdown]
# **Predict:** which of the three dips between 0 and 4 pixels? Which has a perfectly flat line?

# %%
your_guess = None  # names

# %%
shifts = [0, 1, 2, 3, 4, 6, 8]
pictures = [perturb.shift(test.images, by) for by in shifts]
lines = {
    name: [evaluate(net, data.Split(images, test.labels)) for images in pictures]
    for name, net in nets.items()
}
figures.show(
    figures.dips(shifts, lines),
    alt="Test accuracy against the shift. With stride 4 it dips halfway between 0, 4 and 8 pixels; "
    "blurred it dips less; evaluated at every place it is flat from 0 to 4 pixels.",
)

# %%
here = {name: predict(net, pictures[0]).argmax(1) for name, net in nets.items()}
there = {name: predict(net, pictures[2]).argmax(1) for name, net in nets.items()}
changed = {name: (here[name] != there[name]).float().mean().item() for name in nets}
print("answers that change with 2 pixels:", {name: f"{by:.1%}" for name, by in changed.items()})
assert changed["stride 4"] > changed["stride 4, blurred"] + 0.02 and changed["every place"] < 0.01
valley, flat, peak = lines["stride 4"][2], lines["every place"][0], lines["stride 4"][0]
assert valley < flat < peak

# %% [markdown]
# The blur makes the dip shallower, so fewer answers change; leaving out nothing makes it vanish. (Its flat
# line lies between peak and valley of the plain network, not above: an answer that never changes is
# not yet a better one.) And beyond 4 pixels it is the border's turn.
#
# *Concept 36*

# %% [markdown]
# ## Worked solutions
#
# `three_counts`: count the hidden units, then what one of them looks at; its bias makes one more.


# %%
def three_counts(channels, height, width, kernel, maps):
    units = (height - kernel + 1) * (width - kernel + 1) * maps
    window = channels * kernel * kernel
    return units * (channels * height * width + 1), units * (window + 1), maps * (window + 1)


check(three_counts)
assert three_counts(1, 28, 28, 5, 4) == (size(dense), size(local), size(shared))

# %% [markdown]
# `cross_correlate`: two loops over the places. Bytes must become floats first, they wrap around at
# 256.


# %%
def cross_correlate(image, kernel):
    (H, W), (h, w) = image.shape, kernel.shape
    image = np.asarray(image, dtype=float)
    answer = np.empty((H - h + 1, W - w + 1))
    for y in range(H - h + 1):
        for x in range(W - w + 1):
            answer[y, x] = (image[y : y + h, x : x + w] * kernel).sum()
    return answer


check(cross_correlate)

# %% [markdown]
# `output_size`: the way from the first place to the last, in whole steps, and one more for the first
# place.


# %%
def output_size(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


check(output_size)

# %% [markdown]
# ## Summary
#
# 1. Looking locally and sharing are two steps: 1,808,640 → 59,904 → 104 weights and biases for the same
#    2,304 hidden units. Each step forbids, neither adds; locality saves work, sharing saves memory.
# 2. Sharing bets that small details are worth looking for everywhere. For images the bet is good.
# 3. A convolution slides a kernel and writes down the sums, one feature map for each filter; libraries
#    compute the cross-correlation.
# 4. Fewer weights learn less by heart; shared ones know in all places what they learned in one.
# 5. A convolution is equivariant, exactly. Borders and stride break it; global pooling makes it
#    invariant; blurring eases, and leaving nothing out mends what the stride breaks.
#
# ## References
#
# - Y. LeCun. Generalization and network design strategies. Technical report CRG-TR-89-4, University of
#   Toronto, 1989 (local connections and shared weights compared).
# - I. Goodfellow, Y. Bengio, A. Courville. *Deep Learning*, 2016, §9.1–9.2.
# - C. Zhang, S. Bengio, M. Hardt, B. Recht, O. Vinyals. Understanding deep learning requires rethinking
#   generalization. *ICLR* 2017.
# - O. S. Kayhan, J. C. van Gemert. On translation invariance in CNNs: convolutional layers can exploit
#   absolute spatial location. *CVPR* 2020.
# - A. Azulay, Y. Weiss. Why do deep convolutional networks generalize so poorly to small image
#   transformations? *JMLR* 20, 2019.
# - R. Zhang. Making convolutional networks shift-invariant again. *ICML* 2019.
# - A. Giusti, D. C. Cireşan, J. Masci, L. M. Gambardella, J. Schmidhuber. Fast image scanning with deep
#   max-pooling convolutional neural networks. *ICIP* 2013 (every place).
#
# *Concepts covered: 31–36*
