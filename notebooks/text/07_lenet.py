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
# LeNet is the best known of them. In 1989 a first version read postal codes. In 1998 a larger one read
# cheques. Today's networks still have their plan, but not all of their parts. You need
# [section 04](04_one_layer_one_template.ipynb) (loss, gradient) and
# [section 05](05_from_dense_to_convolution.ipynb) (convolution, stride, padding).
#
# Afterwards you will be able to
#
# - count the parameters and the connections of both networks by hand,
# - say what training added, and what was known before LeNet,
# - test one cause at a time, such as an activation or a start.
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
from cv_course.networks.lenet import C3_TABLE, CODES, full_table, lenet
from cv_course.plots import show
from cv_course.sections.s07_lenet import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Postal codes: the network of 1989
#
# The first LeNet classified single digits, cut out of postal codes on envelopes [LeCun 1989]. It had
# 7,291 training images of 16 × 16 pixels. We do not have these images. We use 1,797 handwritten digits
# of 8 × 8 pixels from scikit-learn, and enlarge them. They are cleaner and easier. So we can
# test ideas here, but our accuracies are not those of the papers.

# %%
digits = data.digits()
torch.manual_seed(0)
order = torch.randperm(len(digits.train))  # a random order
small = model.enlarged(digits.train[order], digit=16, field=16)  # 16 × 16 pixels
train, validation = small[:1_000], small[1_000:]
images, labels = data.as_float(train.images), train.labels  # 1,000 × 1 × 16 × 16, from 0 to 1
val_images, val_labels = data.as_float(validation.images), validation.labels
print(len(train), "training images,", len(validation), "validation images")

# %% tags=["hide-input"]
# @title Figure 7.1
first = [int((val_labels == digit).nonzero()[0]) for digit in range(10)]
show(
    plots.pictures(
        validation.images[first], [str(digit) for digit in range(10)], columns=5, size=1.2
    ),
    caption="Figure 7.1. One validation image of each digit. They are blurred because they were "
    "enlarged from 8 × 8 to 16 × 16 pixels.",
    alt="Ten handwritten digits, 0 to 9, white on black and blurred.",
)

# %% [markdown]
# The network has two convolutional layers, H1 and H2, and two fully connected layers, H3 and the
# output. A **unit** is one number that a layer computes. A **map** is a grid of units that share one
# kernel per input map. H1 has 12 maps of 8 × 8 units. Its kernels have 5 × 5 weights and move by
# two pixels (stride 2).
#
# Let us count the **parameters**, the numbers that are learned. The 12 kernels have 12 · 25 = 300
# weights. A modern layer would add one bias per map, 312 in all. But here *each unit* has its own bias.
# There are 12 · 8 · 8 = 768 units, so H1 has 300 + 768 = **1,068** parameters.
#
# A **connection** is one use of a parameter by one unit. **Predict:** each unit of H1 uses 25
# weights and one bias. How many connections has H1?

# %%
your_guess = "?"  # a whole number

# %%
torch.manual_seed(0)
postal = lenet("1989")
counted = model.connections(postal, (1, 16, 16))  # layer -> number of connections
parameters = {name: sum(p.numel() for p in getattr(postal, name).parameters()) for name in counted}
print(f"your guess: {your_guess}, connections of H1: {counted['h1']:,}")
print(f"in all: {sum(parameters.values()):,} parameters, {sum(counted.values()):,} connections")

# %% tags=["hide-input"]
# @title Figure 7.2
from matplotlib.patches import Rectangle


def draw_network(stages, largest):
    """stages: (name, maps or units, their side, parameters, connections), from left to right."""
    figure, axis = plots.figure(8, 2.9)
    for x, (name, count, side, own, joined) in enumerate(stages):
        high = 0.62 * side / largest if side > 1 else 0.16 + 0.75 * (count / 192) ** 0.5
        wide, copies = (high, min(count, 4)) if side > 1 else (0.1, 1)
        for copy in reversed(range(copies)):
            corner = x - wide / 2 + 0.05 * copy - 0.08, 0.05 * copy - high / 2
            axis.add_patch(Rectangle(corner, wide, high, fc="#dbe9f4", ec=plots.COLOURS[0], lw=1.2))
        size = f"{count} of\n{side} × {side}" if side > 1 else f"{count}\nunits"
        size = size if x else f"{side} × {side}"
        axis.text(x, -0.62, f"{name}\n{size}", ha="center", va="top", fontsize=10)
        if x:
            axis.text(x, 0.72, f"{own:,}", ha="center", fontsize=10, weight="bold")
            axis.text(x, 0.5, f"{joined:,}", ha="center", fontsize=10)
    axis.text(-0.55, 0.72, "parameters", fontsize=10, weight="bold")
    axis.text(-0.55, 0.5, "connections", fontsize=10)
    axis.set(xlim=(-0.6, len(stages) - 0.5), ylim=(-1.25, 0.85), aspect="equal")
    axis.set_axis_off()
    return figure


sizes_1989 = {"h1": (12, 8), "h2": (12, 4), "h3": (30, 1), "output": (10, 1)}
stages_1989 = [("image", 1, 16, 0, 0)]
stages_1989 += [
    (name.upper() if name != "output" else name, *size, parameters[name], counted[name])
    for name, size in sizes_1989.items()
]
show(
    draw_network(stages_1989, largest=16),
    caption="Figure 7.2. The network of 1989. Squares are maps (at most four are drawn), bars are "
    "fully connected units. Above each layer stand its parameters (bold) and its connections.",
    alt="An image of 16 by 16 pixels, 12 maps of 8 by 8, 12 maps of 4 by 4, 30 units, 10 outputs. "
    "Parameters: 1,068, 2,592, 5,790 and 310.",
)

# %% [markdown]
# Each map of H2 looks at only 8 of the 12 maps of H1. The paper does not say which 8, so the choice is
# ours. The 64,660 connections share 9,760 parameters. Sharing keeps the number of parameters small,
# as in section 05. The separate biases have a price: a shifted image does not give exactly shifted maps.
#
# [*Concept 40*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert parameters == {"h1": 1_068, "h2": 2_592, "h3": 5_790, "output": 310}
assert counted == {"h1": 19_968, "h2": 38_592, "h3": 5_790, "output": 310}
assert sum(parameters.values()) == 9_760 and sum(counted.values()) == 64_660

# %% [markdown]
# ## 2 Training as in 1989, almost
#
# After each layer comes the function $f(a) = 1.7159\,\tanh(2a/3)$. Such a function is called an
# **activation**. Why these numbers? $\tanh(2/3) = 0.583$, and $1.7159 · 0.583 = 1.00$. So
# $f(1) = 1$ and $f(-1) = -1$. The **target** is +1 for the output of the true class, and −1 for the
# other nine. These targets can be reached where the curve still rises. At its flat ends, ±1.7159, the
# gradients would vanish.
#
# The loss is the sum of the squared differences from the targets. With outputs 0.8 and −0.5 for
# targets +1 and −1, it is 0.04 + 0.25 = 0.29. Cross-entropy is not used here.


# %%
def fit_squares(network, images, labels, epochs=8):
    targets = 2.0 * nn.functional.one_hot(labels, 10) - 1  # N × 10, each −1 or +1
    optimiser = torch.optim.SGD(network.parameters(), lr=0.03)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(8):
            loss = (network(images[batch]) - targets[batch]).square().sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


# %% [markdown]
# (`one_hot` writes a 1 in the column of the label and 0 elsewhere.) The paper changed the weights after
# *every single* image, and it scaled each step by an estimate of the second derivative. We take
# batches of 8 and plain gradient descent, which is simpler. We train three networks.

# %%
fresh_runs, trained_runs = [], []  # untrained and trained networks
for seed in range(3):
    for runs in (fresh_runs, trained_runs):
        torch.manual_seed(seed)  # both start with the same weights
        runs.append(lenet("1989"))
    fit_squares(trained_runs[-1], images, labels)
accuracies = [round(training.evaluate(one, validation), 3) for one in trained_runs]
print("validation accuracy of three runs:", accuracies, "  constant baseline: about 0.1")

# %% [markdown]
# What do the maps look like? We send one image through the first trained network.

# %% tags=["hide-input"]
# @title Figure 7.3
example = first[3]
seen = model.activations(trained_runs[0], validation.images[example : example + 1])
h1, h2 = seen["h1"][0], seen["h2"][0]
show(
    plots.pictures(
        [*h1[:, None], *h2[:, None]],
        columns=6,
        size=1.0,
        signed=True,
        scale=(-1.72, 1.72),
        row_names=["H1", "H1", "H2", "H2"],
        bar="output",
    ),
    caption="Figure 7.3. The 12 maps of H1 (rows 1 and 2) and of H2 (rows 3 and 4) for the 3 of Figure 7.1. "
    "Red is positive, blue negative; all share one scale.",
    alt="Twelve maps of 8 by 8 in which the outline of a three can be seen in red or blue, and "
    "twelve maps of 4 by 4 in which it cannot be recognised.",
)  # fmt: skip
print("the ten outputs, for digits 0 to 9:")
print("  ".join(f"{value:+.2f}" for value in seen["output"][0].tolist()))

# %% [markdown]
# In some maps of H1 you can still guess strokes of the 3. The maps of H2 have only 4 × 4 units, and a person
# can hardly recognise the digit. Look at the ten outputs: that of the 3 should be the largest. This shows that the network works. It does not yet show what training did for the layers before the output.

# %% [markdown]
# ## 3 What did training add?
#
# To test this, we look at the layers of the trained and the untrained networks. From the numbers of one
# layer we predict the digit with one more linear layer, the **read-out**. Least squares gives its best
# weights in one step, so no patience is involved. `solve(A, B)` finds the matrix $W$ with $AW = B$. The small term
# with `eye` keeps the solution stable.


# %%
def read_out(known, asked, labels, asked_labels):  # known: N images × D numbers; asked: M × D
    mean, spread = known.mean(0), known.std(0).clamp_min(1e-6)
    known, asked = (known - mean) / spread, (asked - mean) / spread
    targets = 2.0 * nn.functional.one_hot(labels, 10).double() - 1
    square = known.T @ known + 0.001 * len(known) * torch.eye(known.shape[1])
    weights = torch.linalg.solve(square, known.T @ (targets - targets.mean(0)))
    scores = asked @ weights + targets.mean(0)  # M × 10
    return (scores.argmax(1) == asked_labels).double().mean().item()


# %% [markdown]
# There is a trap. H1 has 768 numbers per image, H3 has 30. More numbers give the read-out more
# weights, so the comparison would not be fair. Therefore we also reduce each layer to 30 numbers. We
# take the 30 **principal components**: the 30 directions along which the training images differ most.


# %%
def thirty_numbers(known, asked):
    mean = known.mean(0)
    directions = torch.linalg.svd(known - mean, full_matrices=False).Vh[:30]  # 30 × D
    return (known - mean) @ directions.T, (asked - mean) @ directions.T


# %% [markdown]
# **Predict:** the 30 units of H3 in an *untrained* network mix the pixels with random weights. Do they
# give a better or a worse read-out than 30 principal components of the pixels?

# %%
your_guess = "?"  # "better" or "worse"

# %% tags=["hide-input"]
# @title Figure 7.4
names = {"scale": "pixels (256)", "h1": "H1 (768)", "h2": "H2 (192)", "h3": "H3 (30)"}


def read_all(runs, asked_split):
    found = {}
    for stage, name in names.items():
        found[name] = {"all numbers": [], "30 numbers": []}
        for one in runs:
            known, asked = (
                model.activations(one, split.images)[stage].flatten(1).double()
                for split in (train, asked_split)
            )
            truth = labels, asked_split.labels
            found[name]["all numbers"].append(read_out(known, asked, *truth))
            few = thirty_numbers(known, asked)
            found[name]["30 numbers"].append(read_out(*few, *truth))
    return found


read = {
    "untrained": read_all(fresh_runs, validation),
    "trained": read_all(trained_runs, validation),
}
figure, panels = plots.figure(8, 5.6, 2, 1)
for panel, (title, found) in zip(panels, read.items(), strict=True):
    errors = {
        name: {size: 100 * (1 - np.array(runs)) for size, runs in row.items()}
        for name, row in found.items()
    }
    plots.bars(errors, ylabel="errors (%)", ylim=13, title=f"{title} network", axis=panel)
means = {kind: {name: np.mean(row["30 numbers"]) for name, row in found.items()}
         for kind, found in read.items()}  # fmt: skip
show(
    figure,
    caption="Figure 7.4. Validation errors of a read-out from each layer: from all its numbers (blue), "
    "and from 30 (orange, hatched). Lower is better; a constant baseline has about 90%. Dots are three runs.",
    alt="Accuracies with 30 numbers, untrained: "
    + ", ".join(f"{name} {value:.2f}" for name, value in means["untrained"].items())
    + "; trained: " + ", ".join(f"{name} {value:.2f}" for name, value in means["trained"].items()),
)  # fmt: skip
print(f"your guess: {your_guess}, 30 numbers of the pixels {means['untrained']['pixels (256)']:.3f},",
      f"untrained H3 {means['untrained']['H3 (30)']:.3f}")  # fmt: skip
print(f"trained H3 {means['trained']['H3 (30)']:.3f},",
      f"all 768 numbers of untrained H1 {np.mean(read['untrained']['H1 (768)']['all numbers']):.3f}")  # fmt: skip

# %% [markdown]
# First look at the orange bars, at equal size. In the untrained network, H3 makes the most errors. In the
# trained network it makes the fewest. So training made 30 numbers that are more useful for this
# task than 30 random mixtures, or 30 principal components of the pixels.
#
# Now look at the blue bars. *All* 768 numbers of the untrained H1 do about as well as the 30 of the
# trained H3. A random convolution with a large read-out is a strong baseline on such easy digits. So this experiment does not
# show that trained kernels are necessary. It shows that training **concentrates** information about the digit
# into few numbers. With all numbers, the trained H1 and H2 make fewer errors than H3, so some information is lost.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(accuracies) > 0.88
few = {kind: {n: row["30 numbers"] for n, row in found.items()} for kind, found in read.items()}
assert np.mean(few["untrained"]["H3 (30)"]) < np.mean(few["untrained"]["pixels (256)"]) - 0.005
assert np.mean(few["trained"]["H3 (30)"]) > np.mean(few["untrained"]["H3 (30)"]) + 0.025
assert np.mean(few["trained"]["H3 (30)"]) > np.mean(few["trained"]["pixels (256)"]) + 0.01
assert (
    abs(means["trained"]["H3 (30)"] - np.mean(read["untrained"]["H1 (768)"]["all numbers"])) < 0.04
)

# %% [markdown]
# ## What was known before
#
# | year | system | two dimensions, shared kernels | how the kernels were found |
# |---|---|---|---|
# | 1980 | neocognitron [Fukushima 1980] | yes, several layers | each layer learned without labels |
# | 1986 | T or C [Rumelhart 1986] | yes, one layer, a toy task | backpropagation |
# | 1989 | time-delay network [Waibel 1989] | shared along time only, speech | backpropagation |
# | 1989 | digits [Denker 1989] | yes | designed by hand |
# | 1989 | LeNet [LeCun 1989] | yes, two layers | backpropagation |
#
# **Backpropagation** computes the gradients of all layers (it is what `backward()` does). So LeNet did
# not invent the convolutional architecture. It trained several such layers with backpropagation, for
# one task, on real images. You will often read that LeCun invented the convolutional network; the neocognitron
# is nine years older.
#
# The paper of 1989 reports 5.0% errors on 2,007 test images. For 1% errors among the accepted images,
# 12.1% had to be rejected, that is, left to people.
#
# [*Concept 39*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 4 Cheques: LeNet-5 of 1998
#
# The paper of 1998 describes several networks, such as LeNet-1, LeNet-4 and LeNet-5. The name LeNet-5
# means the following network.

# %% tags=["hide-input"]
# @title Figure 7.5
cheque = lenet("1998")
joined = model.connections(cheque, (1, 32, 32))
learned = {name: sum(p.numel() for p in getattr(cheque, name).parameters()) for name in joined}
sizes = {"c1": (6, 28), "s2": (6, 14), "c3": (16, 10), "s4": (16, 5), "c5": (120, 1), "f6": (84, 1),
         "output": (10, 1)}  # fmt: skip
stages_1998 = [("image", 1, 32, 0, 0)]
stages_1998 += [
    (name.upper() if name != "output" else name, *size, learned[name], joined[name])
    for name, size in sizes.items()
]
show(
    draw_network(stages_1998, largest=32),
    caption="Figure 7.5. LeNet-5, drawn as Figure 7.2. C are convolutions of 5 × 5, S are subsampling "
    "layers, F6 is fully connected. The output has no learned parameters.",
    alt="Image 32 by 32, C1 6 maps of 28, S2 6 of 14, C3 16 of 10, S4 16 of 5, C5 120 units, F6 84 "
    "units, 10 outputs. Parameters: 156, 12, 1,516, 32, 48,120, 10,164, 0.",
)
print(f"in all: {sum(learned.values()):,} parameters, {sum(joined.values()):,} connections")

# %% [markdown]
# Biases are now shared: one per map. C5 is a convolution whose kernels cover the whole 5 × 5 maps of S4. S2 and S4 do **subsampling**. Four units of a 2 × 2 block are added. The
# sum is multiplied by a learned coefficient, and a learned bias is added. For the block 1, 2, 0, 1, the
# coefficient 0.5 and the bias −1, the result is 4 · 0.5 − 1 = 1. The activation $f$ follows.
#
# C3 has 16 maps, S2 has 6. A table says which maps of S2 each map of C3 looks at. For example, map 0 looks at maps 0,
# 1 and 2. It has three kernels of 25 weights and one bias: 3 · 25 + 1 = 76 parameters.

# %% tags=["hide-input"]
# @title Figure 7.6: step through the table
show(
    play.c3_table(),
    caption="Figure 7.6. Columns are maps of C3, rows are maps of S2. A cross means that the two are connected. "
    "The chosen map has an orange frame.",
)

# %% [markdown]
# Six maps look at three maps, nine at four, one at all six: 6 · 76 + 9 · 101 + 151 = 1,516
# parameters. Now write the count for any table.


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
# The paper gives two reasons for the table. It saves connections, and it **breaks a symmetry**. Suppose
# all maps of C3 start with equal kernels, look at the same inputs and are used equally afterwards.
# Then they get equal gradients and stay equal. The table gives them different inputs.
#
# But LeNet starts from random weights, which break the symmetry as well. So does the
# table still help? **Predict:** with the full table, does the validation accuracy change by more than 0.03?

# %%
your_guess = "?"  # "better", "worse" or "within 0.03"

# %%
large = model.enlarged(digits.train[order], digit=20, field=32)  # LeNet-5 wants 32 × 32 pixels
large_train, large_val = large[:1_000], large[1_000:]
recipe = {"epochs": 4, "batch_size": 25, "progress": False, "device": "cpu"}


def train_lenet5(table, seed):
    torch.manual_seed(seed)
    network = lenet("1998", table=table)
    training.fit(network, large_train, lr=0.005, seed=seed, **recipe)
    return network


# %%
published_runs = [train_lenet5(C3_TABLE, seed) for seed in range(3)]
full_runs = [train_lenet5(full_table(6, 16), seed) for seed in range(3)]

# %% tags=["hide-input"]
# @title Figure 7.7


def similarity(network):
    """Mean absolute correlation between two different maps of C3."""
    maps = model.activations(network, large_val.images)["c3"].transpose(0, 1).flatten(1)
    return (torch.corrcoef(maps).abs().sum().item() - 16) / (16 * 15)


by_table = {"published table": published_runs, "full table": full_runs}
right = {
    name: [training.evaluate(one, large_val) for one in runs] for name, runs in by_table.items()
}
similar = {name: [similarity(one) for one in runs] for name, runs in by_table.items()}
figure, (left, middle) = plots.figure(7, 2.9, 1, 2)
plots.bars(right, ylabel="validation accuracy", ylim=1.15, levels={"chance": 0.1}, axis=left)
plots.bars(similar, ylabel="similarity of two maps", ylim=1.15, axis=middle)
change = np.mean(right["full table"]) - np.mean(right["published table"])
print(f"your guess: {your_guess}, full minus published: {change:+.3f} (one standard error of an "
      f"accuracy: {(0.94 * 0.06 / len(large_val)) ** 0.5:.3f})")  # fmt: skip
show(
    figure,
    caption="Figure 7.7. LeNet-5 with both tables, three runs each. Left: accuracy. Right: mean absolute "
    "correlation of two maps of C3 (1: the same up to a factor, 0: unrelated).",
    alt=f"Accuracy {np.mean(right['published table']):.2f} and {np.mean(right['full table']):.2f}; "
    f"similarity {np.mean(similar['published table']):.2f} and {np.mean(similar['full table']):.2f}.",
)

# %% [markdown]
# We find no difference that is clearly larger than the spread of the runs, in accuracy or in similarity. The saving is certain: the full
# table would need 2,416 parameters instead of 1,516, and 241,600 connections instead of 151,600.
# In 1998 every connection cost time. Small effects, or effects on other data, could exist.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert learned == {
    "c1": 156,
    "s2": 12,
    "c3": 1_516,
    "s4": 32,
    "c5": 48_120,
    "f6": 10_164,
    "output": 0,
}
assert sum(learned.values()) == 60_000 and sum(joined.values()) == 340_908
assert joined["c3"] == 151_600 and joined["s2"] == 5_880
assert (
    sum(map(len, C3_TABLE)) == 60 and model.connections(full_runs[0], (1, 32, 32))["c3"] == 241_600
)
assert abs(change) < 0.04 and min(map(min, right.values())) > 0.85
assert abs(np.mean(similar["full table"]) - np.mean(similar["published table"])) < 0.15

# %% [markdown]
# ## 5 Drawn characters as targets
#
# The last layer is unusual. F6 has 84 units, and 84 = 12 · 7. So its 84 outputs form a picture of 12 × 7
# cells. For each digit there is a target picture, its **code**, which was drawn by hand: +1 for ink, −1 for
# paper. The output for a digit is the *squared distance* $y$
# of F6 from its code. The smallest one wins. Our codes are drawn anew. The codes are fixed:
# if they could move, and only this distance had to become small, all could meet in one point.
# Nothing would be recognised then.

# %% tags=["hide-input"]
# @title Figure 7.8
codes = torch.stack([*model.CHARACTERS.values()])
show(
    plots.pictures(
        codes.view(16, 1, 12, 7), [*model.CHARACTERS], columns=8, size=0.75, scale=(-1, 1)
    ),
    caption="Figure 7.8. The codes of ten digits, and of the letters O, l, I, o, S, F, which we do not "
    "train. White is +1, black is −1.",
    alt="Sixteen small drawings of characters. I, l and 1 are similar, and so are O and 0.",
)

# %% [markdown]
# The authors wanted to extend the system to all printable characters. Then similar characters should get similar codes,
# so that a later stage can decide between them. **Predict:** which two different characters of Figure 7.8 differ in the fewest of the 84
# cells?

# %%
your_guess = "?"  # such as "3 and 8"

# %%
characters = list(model.CHARACTERS)
pairs = [(a, b) for i, a in enumerate(characters) for b in characters[:i]]
cells = {p: int((model.CHARACTERS[p[0]] != model.CHARACTERS[p[1]]).sum()) for p in pairs}
closest = sorted(cells, key=cells.get)[:4]
print("your guess:", your_guess, "  closest:", [(a, b, cells[a, b]) for a, b in closest])

# %% [markdown]
# Characters that people confuse have similar codes: I, l and 1, or O and 0.
#
# Now the loss. For the right code it should be small if $y_\text{right}$ is small and the other distances are large:
#
# $$L = y_\text{right} + \log\Big(e^{-j} + \sum_i e^{-y_i}\Big)$$
#
# The sum runs over all ten codes. The number $j$ is a positive constant. Compare with section 04: call
# $-y_i$ a score. Then the probability of the right class is $e^{-y_\text{right}}$ divided by the bracket. $L$ is minus its logarithm.
# So **$L$ is the cross-entropy with one more class**, whose score is always $-j$. It stands for
# "no character".
#
# For example, let the right distance be 1, one other distance 3, and $j = 2$. The powers are 0.368, 0.050
# and 0.135. The probability is 0.368 / 0.553 = 0.67, and $L = -\log 0.67 = 0.41$. Write it for many images:


# %%
def rbf_loss(y, labels, j):
    """y (N, K), NumPy: squared distances of N images to K codes; labels (N,): the right codes;
    j: a number. Returns the mean loss. Example: y = [[1, 3]], labels = [0], j = 2 -> 0.41."""
    ...  # replace this line


check(rbf_loss)

# %%
hint(rbf_loss)

# %% [markdown]
# Does $j$ matter? Without the extra class, only *differences* of distances count. If the right code
# is nearer than all others by 20, then the loss is near 0, even if $y_\text{right}$ is 70. With $j = 20$, a distance of 70 costs about 50.
# So $j$ should pull F6 towards its code. We train with both losses, from equal starts.

# %%
pulled_runs = []
for seed in range(3):
    torch.manual_seed(seed)
    pulled_runs.append(lenet("1998"))
    eleven_scores = model.WithNoCharacter(pulled_runs[-1], j=20)  # adds the score −20
    training.fit(eleven_scores, large_train, lr=0.005, seed=seed, **recipe)


# %% tags=["hide-input"]
# @title Figures 7.9 and 7.10
by_loss = {"without j": published_runs, "with j = 20": pulled_runs}
states = {name: [model.activations(one, large_val.images)["f6"] for one in runs]
          for name, runs in by_loss.items()}  # fmt: skip
own_code = CODES[large_val.labels]
agree = {
    name: [(f6.sign() == own_code).float().mean().item() for f6 in runs]
    for name, runs in states.items()
}
correct = {
    name: [training.evaluate(one, large_val) for one in runs] for name, runs in by_loss.items()
}
figure, (left, middle) = plots.figure(7, 2.9, 1, 2)
plots.bars(agree, ylabel="cells with the right sign", ylim=1.15, levels={"chance": 0.5}, axis=left)
plots.bars(correct, ylabel="validation accuracy", ylim=1.15, levels={"chance": 0.1}, axis=middle)
show(
    figure,
    caption="Figure 7.9. Left: the share of the 84 cells in which F6 has the sign of the right code. "
    "Right: accuracy. Three runs each.",
    alt=f"Right signs: {np.mean(agree['without j']):.2f} without j, {np.mean(agree['with j = 20']):.2f} "
    f"with it. Accuracy: {np.mean(correct['without j']):.2f} and {np.mean(correct['with j = 20']):.2f}.",
)
nearest = torch.cdist(states["with j = 20"][0], CODES).topk(2, largest=False).values
doubtful = (nearest[:, 1] - nearest[:, 0]).argsort()[:: len(large_val) // 20].tolist()
show(
    play.read_digits(
        large_val.images, {n: s[0] for n, s in states.items()}, CODES, large_val.labels, doubtful
    ),
    caption="Figure 7.10. A digit, the outputs of F6 as a picture (red positive, blue negative), the "
    "nearest code, and the squared distances to all ten. The first digits are the most doubtful.",
)

# %% [markdown]
# Without $j$, F6 hardly draws the digit, and yet the accuracy is high. With $j$, F6 draws the code. So
# the extra class does pull F6 to the codes. In these short trainings it does not improve the
# accuracy.

# %% tags=["hide-input"]
# @title Checks: what this shows
y = (states["with j = 20"][0][:, None].double() - CODES).square().sum(2)
eleven = nn.functional.cross_entropy(nn.functional.pad(-y, (0, 1), value=-20.0), large_val.labels)
right_y = y.gather(1, large_val.labels[:, None])[:, 0]
by_formula = (right_y + (np.exp(-20.0) + (-y).exp().sum(1)).log()).mean()
assert abs(by_formula.item() - eleven.item()) < 1e-6
assert max(agree["without j"]) < 0.8 < 0.9 < min(agree["with j = 20"])
assert closest[0] == ("I", "l") and closest[3] == ("O", "0")

# %% [markdown]
# ## 6 Activation and start, one at a time
#
# Later networks use ReLU, $\max(0, a)$, instead of tanh. You may read that ReLU makes training faster. We test it on LeNet
# in its modern form: full C3, max pooling, ten ordinary outputs, cross-entropy.
#
# There is a second difference to watch: the **initialisation**, the choice of the first weights.
# PyTorch's `nn.Linear` and `nn.Conv2d` draw them between $-1/\sqrt n$ and $1/\sqrt n$, where $n$ is
# the number of inputs of a unit. Such weights have the mean square $1/(3n)$. A sum of $n$
# inputs of mean square 1 then has the mean square $n · 1/(3n) = 1/3$. ReLU sets about half of the sums to 0,
# which leaves 1/6. After four such layers we have $(1/6)^4 = 1/1296$. For tanh, which hardly changes
# small numbers, it is $(1/3)^4 = 1/81$. So both signals shrink, but not equally (biases left aside).
#
# Starts that avoid this are known: He's for ReLU [He 2015], with mean square $2/n$, and Glorot's
# for tanh [Glorot 2010], with $2/(n + \text{outputs})$.


# %%
def matched_start(network, activation):
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if activation is nn.ReLU:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # He's start
            else:
                nn.init.xavier_normal_(layer.weight)  # Glorot's start
            nn.init.zeros_(layer.bias)


# %% [markdown]
# **Predict:** after two epochs, which activation gains more from its matched start?

# %%
your_guess = "?"  # "ReLU" or "tanh"

# %% tags=["hide-input"]
# @title Figure 7.11


def race(activation, matched, seed):
    torch.manual_seed(seed)
    network = lenet("modern", activation=activation)
    if matched:
        matched_start(network, activation)
    scores = training.predict(network, large_val.images)
    spread = (scores - scores.mean(0)).square().mean().sqrt().item()
    training.fit(network, large_train, lr=0.05, seed=seed, **{**recipe, "epochs": 2})
    return training.evaluate(network, large_val), spread


activations = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
raced, spreads = {}, {}
for start in ("PyTorch's start", "matched start"):
    runs = {
        name: [race(kind, start[0] == "m", seed) for seed in range(3)]
        for name, kind in activations.items()
    }
    raced[start] = {name: [accuracy for accuracy, _ in found] for name, found in runs.items()}
    spreads[start] = {
        name: np.mean([spread for _, spread in found]) for name, found in runs.items()
    }
gains = {
    name: np.mean(raced["matched start"][name]) - np.mean(raced["PyTorch's start"][name])
    for name in activations
}
gaps = {start: np.mean(row["tanh"]) - np.mean(row["ReLU"]) for start, row in raced.items()}
print(
    f"your guess: {your_guess}, gain from the matched start: ReLU {gains['ReLU']:+.2f}, tanh {gains['tanh']:+.2f}"
)
for start, row in spreads.items():
    print(f"{start}: spread of the scores before training, ReLU {row['ReLU']:.3f}, tanh {row['tanh']:.3f}; "
          f"tanh minus ReLU after it: {gaps[start]:+.2f}")  # fmt: skip
show(
    plots.bars(raced, ylabel="validation accuracy", ylim=1.25, levels={"chance": 0.1}),
    caption="Figure 7.11. Accuracy after two epochs, with learning rate 0.05, for two activations and two "
    "starts. Dots are three runs each.",
    alt="; ".join(
        f"{start}: ReLU {np.mean(row['ReLU']):.2f}, tanh {np.mean(row['tanh']):.2f}"
        for start, row in raced.items()
    ),
)

# %% [markdown]
# With PyTorch's start, tanh is far ahead on average. ReLU's runs differ widely there, so a single run could mislead.
# This looks like a law about activations. But ReLU gains far more from its matched start, and then
# little of the lead is left. So here, most of the lead came from the start, not from the activation.
# The spread of the scores before training fits this: with ReLU and PyTorch's start it is the smallest.
#
# What this does not show: all runs use one learning rate, one small network and easy digits.
# AlexNet's authors compared ReLU with tanh on a four-layer network for colour photographs, with a learning rate chosen for
# each ([section 08](08_alexnet.ipynb)). Problem 7 tries other rates.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert gaps["PyTorch's start"] > 0.05 and abs(gaps["matched start"]) < 0.05
assert gains["ReLU"] > gains["tanh"] + 0.05 and gains["ReLU"] > 0.1
assert spreads["PyTorch's start"]["ReLU"] == min(
    v for row in spreads.values() for v in row.values()
)

# %% [markdown]
# ## The test set, once
#
# All choices are made. Now we look at the 359 test images.

# %% tags=["hide-input"]
# @title The result on the test set
small_test = model.enlarged(digits.test, 16, 16)
large_test = model.enlarged(digits.test, 20, 32)
on_test = {
    "1989": [training.evaluate(one, small_test) for one in trained_runs],
    "1998, published table": [training.evaluate(one, large_test) for one in published_runs],
    "1998, full table": [training.evaluate(one, large_test) for one in full_runs],
    "1998, with j = 20": [training.evaluate(one, large_test) for one in pulled_runs],
    "30 numbers, untrained H3": read_all(fresh_runs, small_test)["H3 (30)"]["30 numbers"],
    "30 numbers, pixels": read_all(fresh_runs[:1], small_test)["pixels (256)"]["30 numbers"],
    "30 numbers, trained H3": read_all(trained_runs, small_test)["H3 (30)"]["30 numbers"],
    "constant baseline": [max(torch.bincount(digits.test.labels)).item() / len(digits.test)],
}
for name, values in on_test.items():
    print(f"{name:25} {'  '.join(f'{value:.3f}' for value in values)}")
print(f"standard error of one accuracy near 0.95: {(0.95 * 0.05 / len(digits.test)) ** 0.5:.3f}")
assert min(on_test["1998, published table"]) > 0.85
assert (
    np.mean(on_test["30 numbers, trained H3"])
    > np.mean(on_test["30 numbers, untrained H3"]) + 0.015
)

# %% [markdown]
# The networks trained here for only a few seconds, so do not rank 1989 against 1998 by these rows. In
# practice LeNet-5 was one part of a system: other parts found the characters and checked the amount. This
# system "reads several million checks per day" [LeCun 1998].
#
# ## Summary
#
# 1. LeNet of 1989 has two convolutional and two fully connected layers, 9,760 parameters and 64,660
#    connections. It read single digits of postal codes.
# 2. The neocognitron had the architecture before. LeNet trained all layers by backpropagation. In our
#    test, training concentrated information into 30 numbers.
# 3. LeNet-5 of 1998 has 60,000 parameters and 340,908 connections. Its C3 table saves connections; we
#    find no other effect.
# 4. Its targets are drawn codes. Its loss is the cross-entropy with one more class, which pulls F6 to the codes.
# 5. In our test of ReLU and tanh, the start mattered more than the activation.
#
# ## Problem set
#
# **1 · Count** ★ 5 min. A layer has 20 maps of 6 × 6 units. Each map looks at 4 input maps, with kernels
# of 3 × 3. Each unit has its own bias, as in 1989. How many parameters and connections are there?

# %%
check(layer_parameters=..., layer_connections=...)

# %% [markdown]
# **2 · No character** ★ 5 min. There are two codes, at squared distances 1 and 3, and $j = 2$. What probability does the code at
# distance 1 get?

# %%
check(no_character=...)

# %% [markdown]
# **3 · A fair test** ★ 3 min. Which comparison tells most about ReLU and tanh alone? (a) Both with PyTorch's start
# and one learning rate. (b) ReLU with He's start against tanh with PyTorch's start. (c) Each with its matched
# start and its own learning rate, chosen on validation images.

# %%
check(fair_test=...)  # "a", "b" or "c"

# %% [markdown]
# **4 · Explain** ★★ 5 min. H1 of 1989 has one bias per unit. Why does a shifted image then not simply
# give shifted maps?

# %%
reveal(why_not_shifted=...)  # your sentences, between quotation marks

# %% [markdown]
# **5 · Debug** ★★ 10 min. A machine may reject doubtful images. An image is doubtful if its best score leads the second best by
# little. The function gets scores (N, K), labels (N,) and the allowed share of errors among the accepted images. It
# should return the smallest share to reject. For example, four images have the leads 0.9, 0.5, 0.2, 0.1. Only the last is wrong, and `allowed`
# is 0. The answer is 0.25. Mend the one wrong line, then call `check(rejected_share)`.


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
# **6 · Design** ★★ 10 min. Design a cheaper table for C3: 16 different rows; each map of S2 is used equally often; at
# most 1,300 parameters.

# %%
my_table = [[0, 1, 2]] * 16  # 16 lists of numbers from 0 to 5: change this
check(my_table=my_table)

# %% [markdown]
# **7 · Open** ★★★ 20 min. Repeat Figure 7.11 with learning rates 0.025, 0.1 and 0.2. Choose the best rate for each of the
# four cases. What is left of the differences? Say first what you expect.
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
    check(no_character=np.exp(-1) / (np.exp(-1) + np.exp(-3) + np.exp(-2)), fair_test="c"),
    check(my_table=my_table),
]

# %% [markdown]
# ## References
#
# - J. Denker et al. Neural network recognizer for hand-written zip code digits. *NIPS* 1988 (1989).
# - K. Fukushima. Neocognitron: a self-organizing neural network model for a mechanism of pattern
#   recognition unaffected by shift in position. *Biological Cybernetics* 36, 1980.
# - X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks.
#   *AISTATS* 2010.
# - K. He, X. Zhang, S. Ren, J. Sun. Delving deep into rectifiers. *ICCV* 2015.
# - Y. LeCun et al. Backpropagation applied to handwritten zip code recognition. *Neural Computation*
#   1, 1989.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document
#   recognition. *Proceedings of the IEEE* 86, 1998 (§II-B the network, §II-C the loss, appendix A the
#   activation).
# - D. Rumelhart, G. Hinton, R. Williams. Learning internal representations by error propagation. In
#   *Parallel Distributed Processing* 1, 1986 (T or C).
# - A. Waibel et al. Phoneme recognition using time-delay neural networks. *IEEE Trans. ASSP* 37, 1989.
# - E. Alpaydin, C. Kaynak. Optical recognition of handwritten digits. UCI repository, 1998 (our data).
#
# [Concepts 39–40](00_start_here.ipynb#Map-of-the-concepts)
