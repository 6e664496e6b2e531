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
# # 07 · LeNet
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/07_lenet.ipynb)
#
# **What did the first convolutional networks look like?**
#
# LeNet is the best known. In 1989 a first version read postal codes. A larger one, published in
# 1998, read cheques. You need [section 04](04_one_layer_one_template.ipynb) (loss, gradient) and
# [section 05](05_from_dense_to_convolution.ipynb) (convolution, stride, padding).
#
# Afterwards you will be able to
#
# - count the parameters and the connections of both networks by hand,
# - say what training added, and what was known before LeNet,
# - test causes apart, such as the activation and the first weights.
#
# *About 60 min with exercises · CPU 20 s*

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
from cv_course.networks.lenet import lenet
from cv_course.plots import show
from cv_course.sections.s07_lenet import check, hint, model, original, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Postal codes: the network of 1989
#
# The first LeNet classified single digits, cut out of postal codes [LeCun 1989]. It had
# 7,291 training images of 16 × 16 pixels. We use 1,797 handwritten digits of 8 × 8 pixels from scikit-learn,
# and enlarge them. Data and training differ, so our accuracies are not those of the papers.
# We keep 359 of them for one final test.

# %%
digits = data.digits()
torch.manual_seed(0)
order = torch.randperm(len(digits.train))  # a random order
small = model.enlarged(digits.train[order], digit=16, field=16)  # 16 × 16 pixels
train, validation = small[:1_000], small[1_000:]
images, labels = data.as_float(train.images), train.labels  # 0 … 1; the network makes −1 … 1
val_images, val_labels = data.as_float(validation.images), validation.labels
print(len(train), "training images,", len(validation), "validation images")

# %% tags=["hide-input"]
# @title Figure 7.1
first = [int((val_labels == digit).nonzero()[0]) for digit in range(10)]
show(
    plots.pictures(
        validation.images[first], [str(digit) for digit in range(10)], columns=5, size=0.7
    ),
    caption="Figure 7.1. One validation image of each digit. They are blurred because they were "
    "enlarged from 8 × 8 to 16 × 16 pixels.",
    alt="Ten handwritten digits, 0 to 9, white on black and blurred.",
)

# %% [markdown]
# The network has two convolutional layers, H1 and H2, and two fully connected layers, H3 and output. A **unit** is one number that a layer computes. A **feature map**, in short map, is a grid of units
# that share one kernel per input map. H1 has 12 maps of 8 × 8 units. Its kernels have 5 × 5 weights and move by
# two pixels (stride 2). The padding is 2, so a map has the side (16 + 4 − 5) // 2 + 1 = 8. As in the paper, pixels go
# from −1 (background) to 1, and the padding is −1, not 0.
#
# Let us count the **parameters**, the numbers that are learned. The 12 kernels have 12 · 25 = 300
# weights. A modern layer would add one bias per map. But here *each unit* has its own bias.
# There are 12 · 8 · 8 = 768 units, so H1 has 300 + 768 = **1,068** parameters.
#
# A **connection** is one input, or the bias, of one unit. Many connections can share one parameter.
# **Predict:** each unit of H1 has 25 inputs and one bias. How many connections has H1?

# %%
your_guess = "?"  # a whole number

# %%
torch.manual_seed(0)
postal = original.lenet_1989()
counts = model.count(postal, (1, 16, 16))  # layer -> (parameters, connections)
print(f"your guess: {your_guess}, connections of H1: {counts['h1'][1]:,}")
parameters = sum(own for own, _ in counts.values())
connections = sum(joined for _, joined in counts.values())
print(f"in all: {parameters:,} parameters, {connections:,} connections")
print(f"connections per parameter: {connections / parameters:.1f}")

# %% tags=["hide-input"]
# @title Figure 7.2
sizes_1989 = {
    "h1": (12, 8, "5 × 5,\nstride 2"),
    "h2": (12, 4, "5 × 5,\nstride 2"),
    "h3": (30, 1, "fully\nconnected"),
    "output": (10, 1, "fully\nconnected"),
}
show(
    play.drawn(postal, (1, 16, 16), sizes_1989, largest=16),
    caption="Figure 7.2. The network of 1989. Squares are maps (at most four are drawn), bars are "
    "fully connected units. Above each layer stand its parameters (bold) and its connections.",
    alt="An image of 16 by 16 pixels, 12 maps of 8 by 8, 12 maps of 4 by 4, 30 units, 10 outputs. "
    "Parameters: 1,068, 2,592, 5,790 and 310.",
)

# %% [markdown]
# H1 has 768 · 26 = 19,968 connections. Each map of H2 looks at 8 of the 12 maps of H1. The paper does
# not say which 8; we chose. H2 has 12 · 8 · 25 weights and 192 biases: 2,592 parameters.
# Each of its 192 units has 8 · 25 + 1 = 201 connections: 38,592 in all.
#
# Together, 64,660 connections share 9,760 parameters. This **weight sharing** keeps the number of parameters
# small.
#
# [*Concept 40*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert [*counts.values()] == [(1_068, 19_968), (2_592, 38_592), (5_790, 5_790), (310, 310)]
assert (parameters, connections) == (9_760, 64_660)

# %% [markdown]
# ## 2 Training as in 1989, almost
#
# After each layer, also after the output, comes the function $f(a) = 1.7159\,\tanh(2a/3)$. Such a function is called an
# **activation**. The constants are chosen so that $f(1) = 1$ and $f(-1) = -1$ [LeCun 1998]. The **target** is +1 for the output of the
# true class, and −1 for the other nine.
#
# The loss is the sum of the squared differences from the targets.


# %%
def fit_squares(network, images, labels, epochs=5):
    targets = 2.0 * nn.functional.one_hot(labels, 10) - 1  # N × 10: +1 for the label, else −1
    optimiser = torch.optim.SGD(network.parameters(), lr=0.03)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(8):
            loss = (network(images[batch]) - targets[batch]).square().sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


# %% [markdown]
# The paper changed the weights after
# *every single* image, 23 times each. Our batches of 8,
# plain SGD and 5 epochs are simpler.

# %%
fresh_runs, trained_runs = [], []  # untrained and trained networks
for seed in range(3):
    for runs in (fresh_runs, trained_runs):
        torch.manual_seed(seed)  # both start with the same weights
        runs.append(original.lenet_1989())
    fit_squares(trained_runs[-1], images, labels)
accuracies = [round(training.evaluate(one, validation), 3) for one in trained_runs]
print("validation accuracy of three runs:", accuracies, "  constant baseline: about 0.1")

# %% [markdown]
# Figure 7.3 shows maps of the first trained network for the 3 of Figure 7.1.

# %% tags=["hide-input"]
# @title Figure 7.3
example = first[3]
seen = model.activations(trained_runs[0], validation.images[example : example + 1])
picture = seen["scale"][0] * 1.72  # −1 … 1
figure = plots.pictures(
    [picture, *seen["h1"][0][:7, None], *seen["h2"][0][:4, None]],
    ["image", *(f"H1, {n}" for n in range(1, 8)), *(f"H2, {n}" for n in range(1, 5))],
    columns=4, size=0.82, signed=True, scale=(-1.72, 1.72),
)  # fmt: skip
figure.axes[0].images[0].set_cmap("gray")
show(
    figure,
    caption="Figure 7.3. The image, seven maps of H1 (8 × 8 units) and four of H2 (4 × 4). "
    "Red is positive, blue negative; all maps share the scale from −1.72 to 1.72.",
    alt="A handwritten three, seven maps of 8 by 8 with bright or dark bands at their edges and "
    "traces of strokes, and four maps of 4 by 4 in which no digit can be seen.",
)
best = seen["output"][0].topk(3)
print("largest outputs:",
      ", ".join(f"{v:+.2f} for the {n}" for v, n in zip(*map(torch.Tensor.tolist, best), strict=True)))  # fmt: skip

# %% [markdown]
# Strokes of the 3 are hard to see in H1. Its clearest structures are bands at the left and right edges, where the image has hardly any ink. In H2 a person
# cannot recognise the digit. But the output of the 3 is the largest, so the network is right for this image.

# %% [markdown]
# ## 3 What did training add?
#
# From the numbers of one layer, trained or untrained, we predict the digit with one more linear layer. This
# **linear probe** is fitted by ridge regression: least squares with a small penalty on the weights (inputs standardised).
#
# H1 has 768 numbers per image, H3 has 30. More numbers give the probe more
# weights, so the comparison would not be fair. Therefore we reduce each layer to 30 **principal components**.
# They are the coordinates along the 30 directions in which the layer's outputs differ most.

# %% [markdown]
# **Predict:** the 30 units of H3 in an *untrained* network mix the pixels with random weights. Do they
# give a better or a worse probe than 30 principal components of the pixels?

# %%
your_guess = "?"  # "better" or "worse"

# %% tags=["hide-input"]
# @title Figure 7.4
names = {"h1": "H1", "h2": "H2", "h3": "H3"}


def of_trained_size(untrained, trained):
    """The untrained network, the weights of each layer multiplied to the trained mean square."""
    from copy import deepcopy

    scaled = deepcopy(untrained)
    with torch.no_grad():
        for (name, own), other in zip(scaled.named_parameters(), trained.parameters(), strict=True):
            if name.endswith("weight"):
                own.mul_(other.norm() / own.norm())
    return scaled


def probe_errors(network, asked, few, stages=("h1", "h2", "h3")):
    """stage -> errors (%) of a probe."""
    known, other = (model.activations(network, split.images) for split in (train, asked))
    scores = {stage: model.probe(known[stage], other[stage], labels, few) for stage in stages}
    return {s: 100 * (found.argmax(1) != asked.labels).double().mean().item()
            for s, found in scores.items()}  # fmt: skip


scaled_runs = [of_trained_size(*both) for both in zip(fresh_runs, trained_runs, strict=True)]
of_runs = {"untrained": fresh_runs, "larger": scaled_runs, "trained": trained_runs}
by_run = {
    kind: [probe_errors(one, validation, 30) for one in runs] for kind, runs in of_runs.items()
}
read = {stage: {kind: [row[stage] for row in rows] for kind, rows in by_run.items()}
        for stage in names}  # fmt: skip
pixels = probe_errors(fresh_runs[0], validation, 30, ["scale"])["scale"]
shown = ("untrained", "trained")
means = {kind: {stage: np.mean(read[stage][kind]) for stage in names} for kind in of_runs}
show(
    plots.bars(
        {name: {kind: read[stage][kind] for kind in shown} for stage, name in names.items()},
        ylabel="errors (%)", ylim=12, fmt="{:.1f}", levels={"pixels": pixels},
        axis=plots.figure(3.5, 3.2)[1],
    ),
    caption="Figure 7.4. Validation errors of a linear probe on 30 numbers of each layer. Dots are three runs. "
    "Dashed: 30 principal components of the pixels. A constant baseline has about 90%.",
    alt="Errors (%), "
    + "; ".join(
        f"{kind}: " + ", ".join(f"{names[stage]} {value:.1f}" for stage, value in means[kind].items())
        for kind in shown
    )
    + f"; pixels {pixels:.1f}.",
)  # fmt: skip
worse = means["untrained"]["h3"] > pixels
print(f"your guess: {your_guess}, measured: {'worse' if worse else 'better'} "
      f"({means['untrained']['h3']:.1f}% errors, 30 components of the pixels {pixels:.1f}%)")  # fmt: skip
print(
    f"one standard error near 5%: {100 * (0.05 * 0.95 / len(validation)) ** 0.5:.1f} percentage points"
)
print("control for H3: untrained weights, multiplied to the size of the trained ones")
print(", ".join(f"{kind} {np.mean(runs):.1f}%" for kind, runs in read["h3"].items()))

# %% [markdown]
# Untrained, H3 makes the most errors. Trained, it makes the
# fewest. So training with labels made 30 numbers that are more useful for this
# task than random mixtures or principal components of the pixels.
#
# But training also made the weights larger. As a control, we multiply the untrained weights of each layer by one number, so that they are as large as the
# trained ones. Then H3 improves only a little (printed). So for H3 the size is not enough.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(accuracies) > 0.88
assert worse and means["untrained"]["h3"] > pixels + 0.5
assert means["trained"]["h3"] < means["untrained"]["h3"] - 2.5
assert means["trained"]["h3"] < pixels - 1
assert min(means["trained"], key=means["trained"].get) == "h3"
assert max(means["untrained"], key=means["untrained"].get) == "h3"
assert means["trained"]["h3"] < means["larger"]["h3"] - 2
assert -0.5 < means["untrained"]["h3"] - means["larger"]["h3"] < 2
# two pixels to the right: with separate biases, H1 is not simply shifted
digit = data.as_float(validation.images[example : example + 1])
layer = trained_runs[0].h1[0]
with torch.no_grad():
    for shared in (False, True):
        if shared:
            kept = layer.bias.clone()
            layer.bias.copy_(kept.mean((1, 2), keepdim=True).expand_as(kept))
        maps, moved = (layer(2 * image - 1) for image in (digit, digit.roll(2, 3)))
        apart = (moved[..., 2:-1, 3:-1] - maps[..., 2:-1, 2:-2]).abs().max()
        assert (apart < 1e-5) == shared
    layer.bias.copy_(kept)

# %% [markdown]
# ## What was known before
#
# | system | how the kernels were found | shared kernels in two dimensions |
# |---|---|---|
# | neocognitron [Fukushima 1980] | without labels | yes, several layers |
# | tell T from C [Rumelhart 1986] | backpropagation | yes, one layer, a toy task |
# | letters [Zhang 1988] | backpropagation | yes |
# | digits [Denker 1989] | designed by hand | yes |
# | LeNet [LeCun 1989] | backpropagation | yes, two layers |
#
# **Backpropagation** computes the gradients of all layers (it is what `backward()` does). You will
# often read that LeCun invented the convolutional network. But the neocognitron is nine years older, although its units and its learning differ.
# LeNet was among the first networks that trained several such layers with
# backpropagation, and it did so on real images. The network of 1989 had
# 5.0% errors on 2,007 test images.
#
# [*Concept 39*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 4 Cheques: LeNet-5 of 1998
#
# The network of 1998, LeNet-5 (Figure 7.5), had 0.95% errors on the dataset MNIST [LeCun 1998].

# %% tags=["hide-input"]
# @title Figure 7.5
cheque = original.lenet_1998()
cheque_counts = model.count(cheque, (1, 32, 32))
sizes_1998 = {
    "c1": (6, 28, "5 × 5"),
    "s2": (6, 14, "2 × 2,\nstride 2"),
    "c3": (16, 10, "5 × 5,\ntable"),
    "s4": (16, 5, "2 × 2,\nstride 2"),
    "c5": (120, 1, "5 × 5"),
    "f6": (84, 1, "fully\nconnected"),
    "output": (10, 1, "distances\nto codes"),
}
show(
    play.drawn(cheque, (1, 32, 32), sizes_1998, largest=32),
    caption="Figure 7.5. LeNet-5, drawn as Figure 7.2. C are convolutions of 5 × 5, S are subsampling "
    "layers, F6 is fully connected. Bars are units, or maps of 1 × 1 unit. The output has no learned parameters.",
    alt="Image 32 by 32, C1 6 maps of 28, S2 6 of 14, C3 16 of 10, S4 16 of 5, C5 120 units, F6 84 "
    "units, 10 outputs. Parameters: 156, 12, 1,516, 32, 48,120, 10,164, 0.",
)
print(
    "in all: {:,} parameters, {:,} connections".format(
        *map(sum, zip(*cheque_counts.values(), strict=True))
    )
)

# %% [markdown]
# Biases are now shared: one per map. C5 is a convolution whose kernels cover the whole 5 × 5 maps of S4. S2 and S4 do
# **subsampling**, a kind of average pooling. The sum of a 2 × 2 block is multiplied by a learned coefficient, and a learned bias is added. For the block 1, 2, 0, 1, the
# coefficient 0.5 and the bias −1, the result is 4 · 0.5 − 1 = 1. Then comes $f$. A unit of S2 has four
# inputs and a bias, so S2 has 5 · 1,176 = 5,880 connections. The output has 10 · 84 = 840, without biases.
#
# A table says which of the 6 maps of S2 each of the 16 maps of C3 looks at. For example, map 0 looks at maps 0,
# 1 and 2. It has three kernels of 25 weights and one bias: 3 · 25 + 1 = 76 parameters.

# %% tags=["hide-input"]
# @title Figure 7.6: step through the table
show(
    play.c3_table(),
    caption="Figure 7.6. Rows are maps of C3, columns are maps of S2. A cross means that the two are connected. "
    "The chosen map has an orange frame.",
)

# %% [markdown]
# Six maps look at three maps, nine at four, one at all six: 6 · 76 + 9 · 101 + 151 = 1,516
# parameters. Write the count for any table.


# %%
def count_partial(table, kernel, positions):
    """table (F, C), a NumPy array: 1 where output map f looks at input map c, else 0.
    kernel: side of the square kernels; positions: units per output map, such as 100 for 10 × 10.

    Returns [parameters, connections]. Example: one map that looks at 3 maps, kernel 5,
    100 positions -> [76, 7600]."""
    ...  # replace this line


check(count_partial)

# %%
hint(count_partial)

# %% [markdown]
# Why a table? It saves connections: the full table would need 241,600
# instead of 151,600. And it **breaks a symmetry**. Suppose
# all maps of C3 start with equal kernels and biases, look at the same inputs, and have equal weights in the next layers.
# Then a change of each map has the same effect on the loss. So they get equal gradients and stay equal. The table gives them different inputs.
#
# But LeNet starts from random weights. **Predict:** do these break the symmetry as well? We train for five
# steps. Each map gives a list of numbers, one for each unit and image. We correlate the lists of each two maps, and average
# the absolute values.

# %%
your_guess = "?"  # "yes" or "no"

# %%
large = model.enlarged(digits.train[order], digit=20, field=32)  # LeNet-5 wants 32 × 32 pixels
large_train, large_val = large[:1_000], large[1_000:]
recipe = {"batch_size": 25, "progress": False, "device": "cpu"}

# %% tags=["hide-input"]
# @title The result


def similarity(table, equal, seed):
    """Mean absolute correlation between two different maps of C3 after five steps."""
    torch.manual_seed(seed)
    network = original.lenet_1998(table)
    if equal:  # all kernels of C3, and all weights that use its maps
        with torch.no_grad():
            network.c3[0].weight.copy_(network.c3[0].weight[:1].expand_as(network.c3[0].weight))
            network.s4[0].coefficient.fill_(0.3)
            of_map = network.c5[0].weight.view(120, 16, 5, 5)
            of_map.copy_(of_map[:, :1].expand_as(of_map))
    training.fit(network, large_train[:125], lr=0.003, epochs=1, seed=seed, **recipe)
    maps = model.activations(network, large_val.images[:200])["c3"].transpose(0, 1).flatten(1)
    return (torch.corrcoef(maps).abs().sum().item() - 16) / (16 * 15)


tables = {"full": original.full_table(6, 16), "published": original.C3_TABLE}
similar = {
    (name, kernels): [similarity(table, kernels == "equal", seed) for seed in range(3)]
    for name, table in tables.items()
    for kernels in ("equal", "random")
}
print("your guess:", your_guess)
print("table      kernels  correlation, three runs")
for (name, kernels), runs in similar.items():
    print(f"{name:9}  {kernels:6}  ", "  ".join(f"{v:.2f}" for v in runs))

# %% [markdown]
# From equal kernels, the full table keeps all maps equal, and the published table does not. But random kernels break the symmetry as well: the
# maps differ even with the full table. The accuracy is not tested here.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert [own for own, _ in cheque_counts.values()] == [156, 12, 1_516, 32, 48_120, 10_164, 0]
assert (cheque_counts["c3"][1], cheque_counts["s2"][1]) == (151_600, 5_880)
assert sum(map(len, original.C3_TABLE)) == 60
full = original.lenet_1998(original.full_table(6, 16))
assert model.count(full, (1, 32, 32))["c3"] == (2_416, 241_600)
assert min(similar["full", "equal"]) > 0.999 and max(similar["published", "equal"]) < 0.95
assert max(similar["full", "random"]) < 0.7
assert abs(np.mean(similar["full", "random"]) - np.mean(similar["published", "random"])) < 0.1

# %% [markdown]
# ## 5 Drawn characters as targets
#
# The last layer is unusual. F6 has 84 = 12 · 7 units, so its outputs form a picture of 12 × 7
# cells. For each digit there is a target picture, its **code**, which was drawn by hand: +1 for ink, −1 for
# paper. (We drew our own.) The output for a digit is the *squared distance* $y$
# of F6 from its code. The paper calls this a Euclidean radial basis function (RBF). The smallest distance wins. The codes are fixed.

# %% tags=["hide-input"]
# @title Figure 7.7
codes = torch.stack([*model.CHARACTERS.values()])
show(
    plots.pictures(
        codes.view(16, 1, 12, 7), [*model.CHARACTERS], columns=8, size=0.42,
        signed=True, scale=(-1.72, 1.72),
    ),
    caption="Figure 7.7. The codes of ten digits, and of the letters O, l, I, o, S, F, which we do not "
    "train. Red is +1 (ink), blue is −1 (paper).",
    alt="Sixteen small drawings of characters. I, l and 1 are similar, and so are O and 0.",
)  # fmt: skip

# %% [markdown]
# Similar characters should have similar codes. Then both distances are small if O and 0 are confused. A later stage can choose
# by the neighbouring characters, in a word. **Predict:** which two characters of Figure 7.7 differ in the fewest of the 84
# cells?

# %%
your_guess = "?"  # such as "3 and 8"

# %% tags=["hide-input"]
# @title The result
characters = list(model.CHARACTERS)
pairs = [(a, b) for i, a in enumerate(characters) for b in characters[:i]]
cells = {p: int((model.CHARACTERS[p[0]] != model.CHARACTERS[p[1]]).sum()) for p in pairs}
closest = sorted(cells, key=cells.get)[:8]
print("your guess:", your_guess, "  closest:", *[f"{a}/{b}: {cells[a, b]}" for a, b in closest])
print("median of all pairs:", np.median([*cells.values()]))

# %% [markdown]
# In our drawings, the closest pairs are ones that people confuse: I, l and 1, then O and 0.
#
# Now the loss. It should be small when $y_\text{right}$ is small and the other distances are large:
#
# $$L = y_\text{right} + \log\Big(e^{-j} + \sum_i e^{-y_i}\Big)$$
#
# The sum runs over all ten codes, and $j$ is a positive constant. As in section 04, call
# $-y_i$ a score. The probability of the right class is $e^{-y_\text{right}}$ divided by the bracket. $L$ is minus its logarithm.
# So **$L$ is the cross-entropy with one more class**, whose score is always $-j$. It stands for
# "no character"; the paper calls it the rubbish class.
#
# For example, take only two codes, with the right distance 1, the other distance 3, and $j = 2$. The powers are 0.368, 0.050
# and 0.135. The probability is 0.368 / 0.553 = 0.665, and $L = -\log 0.665 = 0.41$. Write it for many images:


# %%
def rbf_loss(y, labels, j):
    """y (N, K), NumPy: squared distances of N images to K codes; labels (N,): the right codes;
    j: a number. Returns the mean loss. Example: y = [[1, 3]], labels = [0], j = 2 -> 0.41."""
    ...  # replace this line


check(rbf_loss)

# %%
hint(rbf_loss)

# %% [markdown]
# The paper's reason for $j$: a wrong code that is already much farther away than $j$ is not pushed further.
#
# We look at another effect. Without $j$, $L = \log \sum_i e^{y_\text{right} - y_i}$, so only *differences* of two distances count. A cell that is equal in all codes adds
# the same to each distance. It drops out of each difference and gets no gradient.
#
# With $j = 20$ (our choice), the distance itself counts. A right distance of 70 costs $70 + \log e^{-20} = 50$, if the other
# distances are large, too. So $j$ should pull F6 towards its code in all cells. We train with both losses, from the same first weights.
#
# As a baseline, take in each cell the sign that most of the ten codes have. This is the **constant picture**.


# %%
def train_lenet5(seed, j=None):
    torch.manual_seed(seed)
    network = original.lenet_1998()
    scores = network if j is None else model.WithNoCharacter(network, j)  # one more score: −j
    # momentum 0.9: each step keeps 0.9 of the last one
    training.fit(scores, large_train, lr=0.003, epochs=3, seed=seed, **recipe)
    return network


# %%
runs_without_j = [train_lenet5(seed) for seed in range(3)]
runs_with_j = [train_lenet5(seed, j=20) for seed in range(3)]

# %% tags=["hide-input"]
# @title Figures 7.8 and 7.9
by_loss = {"without j": runs_without_j, "with j = 20": runs_with_j}
states = {name: [model.activations(one, large_val.images)["f6"] for one in runs]
          for name, runs in by_loss.items()}  # fmt: skip
CODES = original.CODES
own_code = CODES[large_val.labels]
same = (CODES[0] == CODES).all(0)  # the cells that are equal in all codes
constant = torch.where(CODES.sum(0) >= 0, 1.0, -1.0)
drawings = {"constant": [constant], **states}
agree = {
    cells: {name: [(f6.sign() == own_code)[:, chosen].float().mean().item() for f6 in runs]
            for name, runs in drawings.items()}
    for cells, chosen in ((f"{same.sum()} equal cells", same), (f"{(~same).sum()} other cells", ~same))
}  # fmt: skip
correct = {
    name: [training.evaluate(one, large_val) for one in runs] for name, runs in by_loss.items()
}
show(
    plots.bars(agree, ylabel="share of right signs", ylim=1.15, axis=plots.figure(3.5, 3)[1]),
    caption="Figure 7.8. How often F6 has the sign of the right code: in the cells that are equal in all ten codes, and in the "
    "others. In the equal cells the constant picture is right by construction. Dots are three runs.",
    alt="; ".join(
        f"{cells}: " + ", ".join(f"{name} {np.mean(runs):.2f}" for name, runs in row.items())
        for cells, row in agree.items()
    ),
)
for name, runs in correct.items():
    print(f"accuracy {name:11} {' '.join(f'{value:.3f}' for value in runs)}")
nearest = torch.cdist(states["with j = 20"][0], CODES).topk(2, largest=False).values
doubtful = (nearest[:, 1] - nearest[:, 0]).argsort()[:: len(large_val) // 20].tolist()
show(
    play.read_digits(
        large_val.images, {n: s[0] for n, s in states.items()}, CODES, large_val.labels, doubtful
    ),
    caption="Figure 7.9. An image, the outputs of F6 as a picture (red positive, blue negative), the "
    "nearest code, and the squared distances to all ten. The smallest is green if it is the right one, else orange. "
    "The examples are sorted; example 0 is the most doubtful.",
)

# %% [markdown]
# In the 15 equal cells, the signs of F6 are at chance without $j$, about one half, and right with $j$. Without $j$ nothing in the loss
# pulls these cells, at any learning rate. In the 69 other cells, F6 has more right signs
# than the constant picture, most with $j$. Compare the first two states of Figure 7.9: without $j$, F6 is pale: its outputs are near 0. Here the accuracy is lower with $j$.

# %% tags=["hide-input"]
# @title Checks: what this shows
y = (states["with j = 20"][0][:, None].double() - CODES).square().sum(2)
eleven = nn.functional.cross_entropy(nn.functional.pad(-y, (0, 1), value=-20.0), large_val.labels)
right_y = y.gather(1, large_val.labels[:, None])[:, 0]
by_formula = (right_y + (np.exp(-20.0) + (-y).exp().sum(1)).log()).mean()
assert abs(by_formula.item() - eleven.item()) < 1e-6
equal, other = agree.values()
assert other["constant"][0] + 0.01 < min(other["without j"])
assert max(other["without j"]) < 0.82 < min(other["with j = 20"])
assert max(equal["without j"]) < 0.7 < 0.99 < min(equal["with j = 20"]) and same.sum() == 15
size = {name: states[name][0].abs().mean() for name in states}
assert size["without j"] < 0.2 < 0.5 < size["with j = 20"]
assert np.mean(correct["with j = 20"]) < np.mean(correct["without j"])
assert closest[0] == ("I", "l") and closest[3] == ("O", "0")

# %% [markdown]
# ## 6 Activation and initialisation, one at a time
#
# Later networks use ReLU, $\max(0, a)$, instead of tanh. Does it train faster? We test it on LeNet
# in its modern form, `lenet()`: full C3, max pooling, ten ordinary outputs, cross-entropy.
#
# The **initialisation**, the choice of the first weights, matters, too.
# PyTorch draws the weights of a unit with $n$ inputs evenly between $-a$ and $a$, where $a^2 = 1/n$. We follow the mean square of the signals:
#
# - Numbers that are drawn evenly between $-a$ and $a$ have the mean square $a^2/3$. So the weights have $1/(3n)$.
# - A unit adds $n$ terms, weight times input. For two terms, $(wx + vz)^2 = w^2x^2 + v^2z^2 + 2wvxz$. The last part
#   averages to 0, since the weights are independent with mean 0.
# - Let the inputs have the mean square 1. Then each of the $n$ squares averages to $1/(3n)$. Together they give 1/3.
# - ReLU sets about half of the sums to 0. This leaves 1/6. Tanh also makes the sums smaller, but small ones only a little. The table leaves this out, and biases and pooling.
#
# | mean square after | layer 1 | layer 2 | layer 3 | layer 4 |
# |---|---|---|---|---|
# | ReLU | 1/6 | 1/36 | 1/216 | 1/1296 |
# | tanh | 1/3 | 1/9 | 1/27 | 1/81 |
#
# With PyTorch's weights, both signals shrink, with ReLU more. The weights of [He 2015] for ReLU have the mean square $2/n$. Then
# $n · (2/n) · ½ = 1$, so nothing shrinks. For tanh we take the weights of [Glorot 2010], a compromise: neither signals nor gradients should shrink much.
# Only the first weights change.


# %%
def matched_weights(network, activation):
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if activation is nn.ReLU:
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")  # He et al.
            else:
                nn.init.xavier_uniform_(layer.weight)  # Glorot and Bengio


# %% [markdown]
# **Predict:** after one epoch, which activation gains more accuracy from its matched initialisation?

# %%
your_guess = "?"  # "ReLU" or "tanh"

# %% tags=["hide-input"]
# @title Figure 7.10


def race(activation, matched, seed):
    torch.manual_seed(seed)
    network = lenet(activation)
    if matched:
        matched_weights(network, activation)
    scores = training.predict(network, large_val.images[:200])
    spread = (scores - scores.mean(0)).square().mean().sqrt().item()
    training.fit(network, large_train, lr=0.05, epochs=1, seed=seed, **recipe)
    return network, spread


activations = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
raced, racers, spreads = {}, {}, {}
for start in ("PyTorch's", "matched"):
    runs = {
        name: [race(kind, start == "matched", seed) for seed in range(3)]
        for name, kind in activations.items()
    }
    racers[start] = {name: [network for network, _ in found] for name, found in runs.items()}
    raced[start] = {name: [training.evaluate(one, large_val) for one in found]
                    for name, found in racers[start].items()}  # fmt: skip
    spreads[start] = {
        name: np.mean([spread for _, spread in found]) for name, found in runs.items()
    }
gains = {name: np.mean(raced["matched"][name]) - np.mean(raced["PyTorch's"][name])
         for name in activations}  # fmt: skip
gaps = {start: np.mean(row["tanh"]) - np.mean(row["ReLU"]) for start, row in raced.items()}
print(f"your guess: {your_guess}, gain: ReLU {gains['ReLU']:+.2f}, tanh {gains['tanh']:+.2f}")
errors = {name: [1 - np.mean(raced[start][name]) for start in raced] for name in activations}
cut = {name: before / after for name, (before, after) in errors.items()}
print(f"errors divided by: ReLU {cut['ReLU']:.1f}, tanh {cut['tanh']:.1f}")
print(f"{'':10} tanh−ReLU  spread ReLU/tanh")
for start, row in spreads.items():
    print(f"{start:10} {gaps[start]:+9.2f}  {row['ReLU']:.4f} / {row['tanh']:.4f}")
show(
    plots.bars(raced, axis=plots.figure(3.5, 3)[1], ylabel="validation accuracy", ylim=1.15,
               levels={"chance": 0.1}),
    caption="Figure 7.10. Accuracy after one epoch, with learning rate 0.05, for two activations, with PyTorch's "
    "and with the matched initialisation. Dots are three runs each; the numbers are means.",
    alt="; ".join(
        f"{start} initialisation: ReLU {np.mean(row['ReLU']):.2f}, tanh {np.mean(row['tanh']):.2f}"
        for start, row in raced.items()
    ),
)  # fmt: skip

# %% [markdown]
# After one epoch, with PyTorch's initialisation, tanh is far ahead, although ReLU's runs differ widely.
# But ReLU gains more accuracy from its matched initialisation, and then
# little of the lead is left. Here ReLU was not faster with either start. So in accuracy, the effect of the activation depends on the initialisation: an **interaction**.
# But both cut their *errors* by a similar factor (printed).
#
# The printed spread is the standard deviation of the scores over images, before training. As the table suggests, it is smallest with ReLU and PyTorch's
# weights. Matched weights make it much larger.
#
# All runs use one learning rate, one epoch and easy digits. Problem 6 tries other rates.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert gaps["PyTorch's"] > 0.15 and gaps["PyTorch's"] > 2 * abs(gaps["matched"])
assert gains["ReLU"] > gains["tanh"] + 0.1 > 0.1
assert 0.5 < cut["ReLU"] / cut["tanh"] < 2
low, high = spreads["PyTorch's"].values()
assert 2 * low < high and 5 * high < min(spreads["matched"].values())

# %% [markdown]
# ## The test set, once
#
# All choices are made.


# %% tags=["hide-input"]
# @title The result on the test set
small_test = model.enlarged(digits.test, 16, 16)
large_test = model.enlarged(digits.test, 20, 32)
on_validation = {
    "1989": accuracies,
    "1998, no j": correct["without j"],
    "1998, j = 20": correct["with j = 20"],
}
on_test = {"1989": [training.evaluate(one, small_test) for one in trained_runs]}
tested = {"1998, no j": runs_without_j, "1998, j = 20": runs_with_j}
for start, by_name in racers.items():
    tested |= {f"{name}, {start}": runs for name, runs in by_name.items()}
    on_validation |= {f"{name}, {start}": raced[start][name] for name in by_name}
on_test |= {
    name: [training.evaluate(one, large_test) for one in runs] for name, runs in tested.items()
}
probes = {
    "probe, pixels": (fresh_runs[:1], "scale", pixels),
    "probe, untrained H3": (fresh_runs, "h3", read["h3"]["untrained"]),
    "probe, trained H3": (trained_runs, "h3", read["h3"]["trained"]),
}
for name, (runs, stage, before) in probes.items():
    on_validation[name] = 1 - np.array(before) / 100
    on_test[name] = [1 - probe_errors(one, small_test, 30, [stage])[stage] / 100 for one in runs]
print("accuracy (%)        val.  test, three runs")
for name, values in on_test.items():
    print(
        f"{name:19} {100 * np.mean(on_validation[name]):.1f}  {' '.join(f'{100 * v:.1f}' for v in values)}"
    )
most = max(torch.bincount(digits.test.labels)).item() / len(digits.test)
print(f"{'constant baseline':19}       {100 * most:.1f}")
error = (0.95 * 0.05 / len(digits.test)) ** 0.5
print(f"standard error near 95%: {100 * error:.1f} points")
higher = sum(np.mean(on_test[name]) > np.mean(on_validation[name]) for name in on_test)
test_means = {name: np.mean(values) for name, values in on_test.items()}
assert min(on_test["1998, no j"]) > 0.85
assert test_means["probe, trained H3"] > test_means["probe, untrained H3"] + 0.015
assert higher > len(on_test) / 2

# %% [markdown]
# Our rows are higher on the test set; its images may be easier. The networks trained for only
# a few seconds, so do not rank 1989 against 1998.
#
# LeNet-5 was one part of a system that "reads several million checks per day" [LeCun 1998].
#
# ## Summary
#
# 1. LeNet of 1989 has two convolutional and two fully connected layers, 9,760 parameters and 64,660
#    connections.
# 2. The neocognitron had several layers of local, shared kernels before. LeNet was among the first to train such layers by
#    backpropagation. In our test, training with labels made 30 more useful numbers.
# 3. LeNet-5 of 1998 has 60,000 parameters and 340,908 connections. Its targets are drawn codes.
#    Its loss is the cross-entropy with one more class, which pulls F6 to the codes.
# 4. After one epoch, tanh's lead in accuracy over ReLU was large with PyTorch's initialisation and small with matched ones.
# 5. Convolutions, ever smaller maps, and a fully connected layer at the end are still in use. Biases per unit, drawn codes and the scaled tanh are hardly in use.
#
# ## Problem set
#
# **1 · Count** ★ 5 min. A layer has 20 maps of 6 × 6 units. Each map looks at 4 input maps, with kernels
# of 3 × 3. Each unit has its own bias, as in 1989. How many parameters and connections are there?

# %%
check(layer_parameters=..., layer_connections=...)

# %% [markdown]
# **2 · No character** ★ 5 min. There are two codes, at squared distances 2 and 5, and $j = 4$. What probability does the code at
# distance 2 get?

# %%
check(no_character=...)

# %% [markdown]
# **3 · Explain** ★★ 5 min. H1 of 1989 has one bias per unit. An image is shifted by two pixels. Why are the maps not
# simply shifted by one unit, even away from the border?

# %%
reveal(why_not_shifted=...)  # your sentences, between quotation marks

# %% [markdown]
# **4 · Debug** ★★ 10 min. A machine *rejects* the images whose best score leads the second best by least; a
# person reads them. Say it errs on one of four images, and rejects this one first. Then it must reject 0.25 to make no error. Return
# this share. `allowed` is the largest share of errors among the accepted images.
# Mend one wrong line, then call `check(rejected_share)`.


# %%
def rejected_share(scores, labels, allowed):
    ordered = np.sort(scores, axis=1)
    lead = ordered[:, -1] - ordered[:, -2]
    wrong = scores.argmax(axis=1) != labels
    wrong = wrong[np.argsort(lead)]  # in the order in which images are accepted
    errors = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)  # after 1, 2, … accepted images
    accepted = 1 + np.flatnonzero(errors <= allowed).max(initial=-1)
    return 1 - accepted / len(wrong)


# %% [markdown]
# **5 · Design** ★★ 10 min. Design a cheaper table for C3: 16 different rows; each map of S2 is used equally often; at
# most 1,300 parameters.

# %%
my_table = [[0, 1, 2]] * 16  # 16 lists of numbers from 0 to 5: change this
check(my_table=my_table)

# %% [markdown]
# **6 · Open** ★★★ 20 min. Repeat Figure 7.10 with two epochs and learning rates 0.025, 0.05, 0.1 and 0.2. Choose the best rate for each of the
# four cases. What is left of the differences?
#
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def count_partial(table, kernel, positions):
    parameters = table.sum() * kernel**2 + len(table)  # a kernel for each 1, a bias for each row
    return np.array([parameters, positions * parameters])


def rbf_loss(y, labels, j):
    right = y[np.arange(len(y)), labels]
    return (right + np.log(np.exp(-j) + np.exp(-y).sum(axis=1))).mean()


def rejected_share(scores, labels, allowed):
    ordered = np.sort(scores, axis=1)
    lead = ordered[:, -1] - ordered[:, -2]
    wrong = scores.argmax(axis=1) != labels
    wrong = wrong[np.argsort(-lead)]  # the surest first
    errors = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    accepted = 1 + np.flatnonzero(errors <= allowed).max(initial=-1)
    return 1 - accepted / len(wrong)


from itertools import combinations

left_out = [(0, 1, 2), (3, 4, 5), (0, 1, 3), (2, 4, 5)]
my_table = [row for row in combinations(range(6), 3) if row not in left_out]
_ = [
    check(count_partial),
    check(rbf_loss),
    check(rejected_share),
    check(layer_parameters=20 * 4 * 9 + 20 * 36, layer_connections=20 * 36 * (4 * 9 + 1)),
    check(no_character=np.exp(-2) / (np.exp(-2) + np.exp(-5) + np.exp(-4))),
    check(my_table=my_table),
]

# %% [markdown]
# Problem 6: in our runs, ReLU with PyTorch's initialisation stays behind, even at its best rate. The other three cases are close
# together at their best rates.
#
# ## References
#
# - J. Denker et al. Neural network recognizer for hand-written zip code digits. *NIPS* 1, 1989.
# - K. Fukushima. Neocognitron. *Biological Cybernetics* 36, 1980.
# - X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks.
#   *AISTATS* 2010.
# - K. He et al. Delving deep into rectifiers. *ICCV* 2015.
# - Y. LeCun et al. Backpropagation applied to handwritten zip code recognition. *Neural Computation*
#   1, 1989.
# - Y. LeCun et al. Gradient-based learning applied to document
#   recognition. *Proceedings of the IEEE* 86, 1998 (§II-B, §II-C, appendix A).
# - D. Rumelhart, J. McClelland et al. *Parallel Distributed Processing* 1, 1986, chapter 8.
# - W. Zhang et al. Shift-invariant pattern recognition neural network and its optical architecture.
#   *Conference of the Japan Society of Applied Physics*, 1988.
# - E. Alpaydin, C. Kaynak. Optical recognition of handwritten digits. UCI, 1998 (our data).
#
# [Concepts 39–40](00_start_here.ipynb#Map-of-the-concepts)
