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
# In 1989 a network read postal codes from envelopes; in 1998 its successor read millions of cheques
# a day. We build both to the last parameter. What in them has lasted, and what was dropped, and was
# it dropped for the reasons that are usually given?
#
# *About 50 min · CPU 35 s*
#
# Afterwards you will be able to
#
# - say what was new in LeNet and what was there before,
# - count the parameters and the connections of a layer with any table of connections,
# - explain how ten drawn pictures can serve as the answers of a network,
# - test a piece of folklore with several seeds before you repeat it.
#
# You need section 05: convolution, shared weights, pooling.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## Before LeNet
#
# **Careful.** "Yann LeCun invented the CNN", say the lecture notes. In 1980, nine years before
# LeNet, Kunihiko Fukushima published the **neocognitron** [Fukushima 1980]: layers of cells with
# small windows, the same window weights at all places of a plane of cells, layers between them that
# forgive small shifts, and the whole repeated several times. That is the architecture. It learned
# *without a teacher*: each layer by itself, from what it often saw. And LeNet was not the first to
# train shared weights by backpropagation either: the time-delay network for speech did so along
# one axis, time [Waibel et al. 1989], and a toy task, Ts against Cs, had been solved so in two
# dimensions [Rumelhart et al. 1986].
#
# What LeNet brought together: several layers of shared kernels with ever coarser maps, *all* of them
# trained by **backpropagation** for the one purpose of reading digits, from the pixels of real envelopes.
# The same laboratory had read the same codes a year before, with kernels designed by hand [Denker
# et al. 1989].
#
# How much does it matter that the kernels are *trained for the purpose*? Here is the network of
# 1989 (we take it apart below), and handwritten digits to try it on: 8 × 8 pixels, enlarged to the
# 16 × 16 that it wants.

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, explore, figures, layers
from cv_course.checks import check, hint
from cv_course.models.s07_lenet import activations, connections, fit_squares, in_field
from cv_course.networks.lenet import lenet
from cv_course.training import evaluate, fit, predict

digits = data.digits()


# %%
def placed(split, digit, field):
    return data.Split(in_field(split.images, digit, field), split.labels)


small, small_test = placed(digits.train, 16, 16), placed(digits.test, 16, 16)
figures.show(
    figures.image_grid(small_test.images[:20], digits.test.labels[:20].tolist(), columns=10),
    alt="Twenty handwritten digits with their labels, blurred since they were enlarged from 8 x 8 "
    "to 16 x 16 pixels, each filling its picture.",
)

# %% [markdown]
# We leave the kernels as random as they begin, and only read the answer off the last hidden layer,
# 30 units, in the best way that squared error knows (solved in one step, so it has nothing to do with
# patience). Then we train everything and read off the same layer in the same way. **Predict:** the two
# accuracies.

# %%
your_guess = None  # two numbers


# %%
def read_off(model, name):
    """Test accuracy of the best linear read-out (least squares) from one stage."""
    known, asked = (activations(model, s.images)[name].flatten(1) for s in (small, small_test))
    known, asked = (nn.functional.pad(x.double(), (0, 1), value=1) for x in (known, asked))
    targets = 2.0 * nn.functional.one_hot(small.labels, 10).double() - 1
    square = known.T @ known + 1e-3 * torch.eye(known.shape[1], dtype=torch.float64)
    answers = (asked @ torch.linalg.solve(square, known.T @ targets)).argmax(1)
    return (answers == small_test.labels).double().mean().item()


# %%
torch.manual_seed(0)
postal = lenet("1989")
untrained = {name: read_off(postal, name) for name in ("scale", "h1", "h2", "h3")}

# %% [markdown]
# Training, as in 1989: the ten outputs shall be +1 for the right digit and −1 for the others, the
# error is squared, and every few images a step goes down the gradient. Nothing else.


# %%
def fit_squares(model, train, epochs, lr=0.02, batch=8, seed=0):
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    targets = 2.0 * nn.functional.one_hot(train.labels, 10) - 1
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for some in torch.randperm(len(train), generator=order).split(batch):
            error = (
                (model(data.as_float(train.images[some])) - targets[some]).square().sum(1).mean()
            )
            gradients = torch.autograd.grad(error, learned)
            with torch.no_grad():
                for parameter, gradient in zip(learned, gradients, strict=True):
                    parameter -= lr * gradient
    return model


# %%
fit_squares(postal, small, epochs=12)
trained = {name: read_off(postal, name) for name in untrained}
for name in untrained:
    print(f"read off {name:5}: random {untrained[name]:.1%}, trained {trained[name]:.1%}")
assert untrained["scale"] == trained["scale"]  # the pixels: no weights before them
assert trained["h3"] > untrained["h3"] + 0.03
assert untrained["h1"] > untrained["scale"] + 0.02 and untrained["h1"] > untrained["h2"]
assert untrained["h2"] > untrained["h3"] + 0.02
assert untrained["h3"] < untrained["scale"] < trained["h3"]

# %% [markdown]
# The first random layer is a surprise: from its 768 units one reads *more* than from the 256 pixels
# (`scale`). But every further random layer loses some of it, and the 30 units of the last, made for
# nothing in particular, know less than the pixels. Trained, the same 30 units know more than they. That
# is what backpropagation added: *depth* that pays, since the error at the output tells every kernel in
# every layer what it should have seen. (The neocognitron's kernels were not random either, but
# learned without a teacher; this experiment is about the teacher's share at its largest.)
#
# *Concept 39*

# %% [markdown]
# ## 1989: postal codes
#
# Now the network itself, in the words of the paper [LeCun et al. 1989]: two layers of feature maps
# (H1, H2), then two fully connected ones (H3 and the output).

# %%
rows = layers.trace(postal, (1, 16, 16))
counted = connections(postal, (1, 16, 16))
print(rows)
print(counted, "in all", f"{sum(counted.values()):,} connections")

# %% [markdown]
# Count with the paper. H1 has 12 maps of 8 × 8 units, each with a window of 5 × 5 pixels and a step of
# two pixels. The 25 weights are shared by all units of a map. **Predict:** then why does H1 have 1,068
# parameters, and not 12 · (25 + 1) = 312?

# %%
your_guess = None  # a sentence

# %% tags=["nbval-check-output"]
h1, h2 = postal.h1[0], postal.h2[0]
print("weights", tuple(h1.weight.shape), "biases", tuple(h1.bias.shape))
assert h1.weight.numel() + h1.bias.numel() == 12 * 25 + 12 * 8 * 8 == 1_068
assert h2.weight.numel() + h2.bias.numel() == 12 * 8 * 25 + 12 * 4 * 4 == 2_592
assert layers.count_parameters(postal.h3) == 30 * (192 + 1) == 5_790
assert layers.count_parameters(postal.output) == 10 * (30 + 1) == 310
assert layers.count_parameters(postal) == 9_760
assert sum(counted.values()) == 64_660

# %% [markdown]
# The **biases are not shared**: one at each place. So the layer is a convolution plus a picture of its own,
# and it is *not* quite shift-equivariant as section 05 had it. And each map of H2 looks at only 8 of
# the 12 maps of H1. Which 8 the paper does not tell ("a scheme that will not be described here");
# ours is a wheel. Beyond the border lies, as the paper has it for H1, background: −1, not 0.
#
# 64,660 connections, but 9,760 numbers to learn: sharing is what let it learn from 7,291 digits. Ours
# has 1,438 of them:

# %%
right = evaluate(postal, small_test)
print(f"right on {right:.1%} of {len(small_test)} test digits")
assert right > 0.95

# %% [markdown]
# For the post office, a wrong answer costs more than none. So the paper *rejects* what is doubtful:
# for example where the best output does not stand out from the second best. It reports 5.0% errors with all
# answered, and 12.1% that must be rejected to leave 1% errors among the rest (on far harder digits,
# from real envelopes). **Predict:** if our network may pass on its 5% most doubtful digits, what
# share of its errors is gone?

# %%
your_guess = None  # for example 0.5

# %%
best = predict(postal, small_test.images).topk(2)
wrong = best.indices[:, 0] != small_test.labels
doubtful = (best.values[:, 0] - best.values[:, 1]).argsort()
caught = wrong[doubtful[: len(wrong) // 20]].sum().item()
print(f"{wrong.sum()} errors, {caught} of them among the 5% that were passed on")
assert caught >= wrong.sum() / 2

# %% [markdown]
# What does it see? One digit on its way through the network; red is positive, blue negative.

# %%
figures.show(
    figures.stages(activations(postal, small_test.images[:1])),
    alt=f"A digit {small_test.labels[0]} as the stages of the 1989 network see it: twelve maps of 8 x 8 in which parts of "
    "its outline are marked in red or blue, twelve of 4 x 4 that resemble it no more, 30 values, "
    "and ten outputs, one of them clearly red.",
)

# %% [markdown]
# **Careful.** "LeNet" names two networks, and texts mix them up. *Two convolutional and two fully connected
# layers, single digits, postal codes*: that is this one, of 1989. The one with cheques is of 1998: larger,
# and part of a system that finds the characters, reads them, and checks the amount.
#
# *Concept 40*

# %% [markdown]
# ## 1998: cheques
#
# **LeNet-5** [LeCun et al. 1998] takes 32 × 32 pixels, though the digits are at most 20 × 20 of
# them. **Predict:** why pay for so much empty paper?

# %%
your_guess = None  # a sentence

# %%
train, test = placed(digits.train, 20, 32), placed(digits.test, 20, 32)
cheque = lenet("1998")
sights = layers.trace(cheque, (1, 32, 32))["c3.0"]
first, step, count = sights.start[0], sights.jump[0], sights.output_shape[1]
centres = [first + step * i + (sights.receptive_field[0] - 1) / 2 for i in (0, count - 1)]
print(f"a unit of C3 sees {sights.receptive_field[0]} pixels; the centres run {centres}")
assert centres[1] - centres[0] + step == 20

# %% [markdown]
# So that the end of a stroke at the edge of the digit can still lie in the *middle* of what a unit of
# C3 sees: the centres of their windows cover just the 20 × 20 pixels of the digit.
#
# Between the convolutions sits **subsampling**. Not a maximum: the four values of a 2 × 2 block are
# *added*, times a coefficient, plus a bias, both learned, one pair for each map. Write it.


# %%
def subsample(maps, coefficient, bias):
    """maps (C, H, W), coefficient (C,), bias (C,), NumPy arrays -> (C, H/2, W/2)."""
    ...  # replace this line


check(subsample)

# %%
hint(subsample)

# %% [markdown]
# Then every stage squashes: f(a) = 1.7159 tanh(2a/3). The odd numbers have a reason. **Predict:**
# f(1) and f(−1)?

# %%
your_guess = None  # two numbers

# %% tags=["nbval-check-output"]
from cv_course.networks.lenet import ScaledTanh

squash, a = ScaledTanh(), torch.linspace(0, 3, 30001, dtype=torch.float64, requires_grad=True)
(slope,) = torch.autograd.grad(squash(a).sum(), a, create_graph=True)
(bend,) = torch.autograd.grad(slope.sum(), a)
print(f"f(1) = {squash(torch.tensor(1.0)):.4f}, bent most at {a[bend.abs().argmax()]:.2f}")
assert abs(squash(torch.tensor(1.0)) - 1) < 1e-4
assert 0.9 < a[bend.abs().argmax()] < 1.1

# %% [markdown]
# ±1 goes to ±1, close to where the curve bends most. So targets of ±1 are reached without running
# into the flat ends, where gradients die.
#
# ### Who looks at whom
#
# The paper's most curious table: which of the six maps of S2 each of the sixteen maps of C3 looks
# at. Step through it.

# %%
explore.c3_table()

# %% [markdown]
# How much does that save? Count for any table: parameters, and connections, of which each unit has one
# for every product and one for the bias.


# %%
def count_partial(table, kernel, places):
    """table (F, C): 1 where output map f looks at input map c, else 0; kernel: side; places: units
    of an output map -> [parameters, connections]."""
    ...  # replace this line


check(count_partial)

# %%
hint(count_partial)

# %%
from cv_course.models.s07_lenet import as_matrix
from cv_course.networks.lenet import C3_TABLE, full_table

full = lenet("1998", table=full_table(6, 16))
for name, model in (("as published", cheque), ("full table", full)):
    joined, all_of_it = connections(model, (1, 32, 32)), layers.count_parameters(model)
    print(f"{name}: C3 {layers.count_parameters(model.c3):,} parameters, {joined['c3']:,} connections;"
          f" in all {all_of_it:,} and {sum(joined.values()):,}")  # fmt: skip

# %% [markdown]
# **Predict** first, then look at the assertions: is the saving in parameters worth the trouble?

# %%
saved = layers.count_parameters(full) - layers.count_parameters(cheque)
both = [connections(model, (1, 32, 32)) for model in (cheque, full)]
less = both[1]["c3"] - both[0]["c3"]
print(f"{saved} parameters: {saved / layers.count_parameters(full):.1%} of the network")
print(f"{less:,} connections: {less / sum(both[1].values()):.0%} of the network")
assert sum(map(len, C3_TABLE)) == 60
assert layers.count_parameters(cheque.c3) == 60 * 25 + 16 == 1_516 and saved == 36 * 25 == 900
assert both[0]["c3"] == 151_600 and both[1]["c3"] == 241_600
assert layers.trace(cheque, (1, 32, 32))["c3.0"].macs == 240_000

# %% tags=["nbval-check-output"]
expected = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164, "output": 0}
for name, parameters in expected.items():
    found = layers.count_parameters(getattr(cheque, name))
    print(f"{name:6} {found:6,} parameters {both[0][name]:8,} connections")
    assert found == parameters
assert layers.count_parameters(cheque) == 60_000
assert sum(both[0].values()) == 340_908

# %% [markdown]
# Hardly any parameters, but a fifth of the work: in 1998 a connection was time. (Not in our layer, which lays
# its 60 kernels into a full weight and multiplies by the zeros, too, as libraries do: `layers.trace`
# counts 240,000 products for C3 with either table.)
# The paper gives a second reason and calls it the more important one: the table **breaks the
# symmetry**. Maps that get different inputs are forced to become different.
#
# That can be put to a test. We start from the most symmetric network there is: all kernels of C3
# equal, and everything behind it treats its sixteen maps alike. Then we train. **Predict:** how many
# *different* maps will C3 have, with the full table, and with the paper's?

# %%
your_guess = None  # two whole numbers


# %%
def made_alike(table):
    torch.manual_seed(0)
    model = lenet("1998", table=table).double()  # single precision would round the copies apart
    with torch.no_grad():
        model.c3[0].weight[:] = model.c3[0].weight[0].clone()
        model.s4[0].coefficient[:] = 0.4
        behind = model.c5[0].weight.view(120, 16, 5, 5)
        behind[:] = behind[:, :1].clone()
    return model


# %%
def different_maps(model, steps=40, lr=0.003):
    for step in range(steps):
        some = train[24 * step : 24 * (step + 1)]
        loss = nn.functional.cross_entropy(model(data.as_float(some.images).double()), some.labels)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= lr * gradient
    maps = activations(model, data.as_float(test.images[:100]).double())["c3"]
    apart = torch.cdist(*[maps.transpose(0, 1).flatten(1)] * 2) > 1e-3
    return len(apart.unique(dim=0))


# %%
copies = {
    "full": different_maps(made_alike(full_table(6, 16))),
    "paper": different_maps(made_alike(C3_TABLE)),
}
print(f"your guess {your_guess}; different maps: {copies}")
assert copies == {"full": 1, "paper": 16}

# %% [markdown]
# One, copied sixteen times, against sixteen. Equal maps get equal gradients and stay equal for ever;
# the table ends it. But nobody starts like that. LeNet itself started from *random* weights, and
# these break the symmetry, too. So **predict** once more: from a random start, does the
# paper's table make the maps less alike (their mean absolute correlation), and the network better?

# %%
your_guess = None  # two answers


# %%
def alikeness(model):
    maps = activations(model.cpu(), test.images)["c3"].transpose(0, 1).flatten(1)
    return (torch.corrcoef(maps).abs().sum().item() - 16) / (16 * 15)


torch.manual_seed(0)
cheque, full = lenet("1998"), lenet("1998", table=full_table(6, 16))
for name, model in (("paper", cheque), ("full", full)):
    fit(model, train, epochs=6, batch_size=32, lr=0.005, progress=False)
    print(f"{name:5}: {evaluate(model, test):.1%} right, maps alike by {alikeness(model):.2f}")
assert abs(evaluate(cheque, test) - evaluate(full, test)) < 0.04
assert abs(alikeness(cheque) - alikeness(full)) < 0.15

# %% [markdown]
# No difference that you could rely on (try other seeds). At this size, with these digits, the table
# saves connections, and that is all we can confirm; the random start had broken the symmetry already.
# Today's libraries know such tables only in the regular form of `groups`, which section 08
# meets in AlexNet, for yet another reason.

# %% [markdown]
# ## Ten pictures as answers
#
# The last layer is the strangest. F6 has 84 units, and 84 = 7 × 12: each digit has a little picture
# of 7 × 12 fields, drawn **by hand**, +1 for ink and −1 for paper. The output for a digit is the squared
# distance of F6 from that picture, (a *radial basis function*, RBF): small is good.
# The 840 numbers are fixed; ours are drawn anew, since the paper's exist only as a figure.

# %%
from cv_course.models.s07_lenet import LETTER_CODES
from cv_course.networks.lenet import CODES

named = dict(zip("0123456789", CODES, strict=True)) | LETTER_CODES
pictures = torch.stack(list(named.values())).view(-1, 1, 12, 7)
figures.show(
    figures.image_grid(pictures, list(named), columns=16, size=0.62),
    alt="Sixteen little pictures of 7 x 12 fields: the digits 0 to 9 and the letters O, l, I, o, S "
    "and F, drawn in white on black.",
)

# %% [markdown]
# Why not simply ten outputs, one for each digit? For ten digits that does well, as 1989 showed. The
# paper thinks of *all* printable characters. **Predict:** which pairs of the sixteen differ in
# the fewest fields?

# %%
your_guess = None  # for example "3 and 8"

# %%
codes = torch.stack(list(named.values()))
differ = (codes[:, None] != codes).sum(2)
figures.show(
    figures.code_distances(codes, list(named)),
    alt="A table: in how many of 84 fields the codes of sixteen characters differ. Darkest off the "
    "diagonal, that is, most alike, are 0 and O, and the characters 1, l and I.",
)
apart = {
    (a, b): differ[i, j].item() for i, a in enumerate(named) for j, b in enumerate(named) if i < j
}
print(sorted(apart, key=apart.get)[:4])
assert ("0", "O") in sorted(apart, key=apart.get)[:4]

# %% [markdown]
# 0 and O, l and I: what people confuse has similar codes, since the codes are *pictures*. An ambiguous
# ring then comes out near both, and a later stage, which knows that there is an amount on this line,
# can choose. With one output a class, O would be as wrong for 0 as W is. Further reasons in the paper:
# with many classes, single outputs must be off nearly always, which squashed units do badly; and what
# is near *no* code can be rejected.
#
# The loss, too, is more than a distance. Let y_i be the squared distance to code i. Minimising
# y of the right digit alone pulls F6 to its code; to push it away from the others as well, the
# paper adds a second term:
#
# $$L = y_{\text{right}} + \log\Big(e^{-j} + \sum_i e^{-y_i}\Big)$$
#
# The constant j stands for "no character at all"; for large j it is gone. Write the loss without it.


# %%
def rbf_loss(states, codes, labels):
    """states (N, D), codes (K, D), labels (N,), NumPy arrays -> the mean loss, a number."""
    ...  # replace this line


check(rbf_loss)

# %%
hint(rbf_loss)

# %% [markdown]
# **Predict:** which loss that you know is this, if the scores are the distances with a minus?

# %%
states = activations(cheque, test.images)["f6"]
squared = (states[:, None] - CODES).square().sum(2)
by_hand = (squared.gather(1, test.labels[:, None])[:, 0] + (-squared).logsumexp(1)).mean()
known = nn.functional.cross_entropy(predict(cheque, test.images), test.labels)
print(f"the paper's loss {by_hand:.4f}, cross-entropy {known:.4f}")
assert torch.allclose(by_hand, known, atol=1e-3)

# %% [markdown]
# The cross-entropy of 1998, under another name. That is why `fit` could train LeNet-5.
#
# Did F6 really learn to draw? **Predict:** in which share of the 84 fields does its sign agree with
# the picture of the right digit? By chance it would be one half.

# %%
your_guess = None  # for example 0.99

# %%
drawn = (states.sign() == CODES[test.labels]).float().mean().item()
print(f"your guess {your_guess}; fields with the right sign: {drawn:.0%}")
assert 0.6 < drawn < 0.97

# %% [markdown]
# Better than chance, but a poor hand! The loss does not ask for more: once the right code is nearer
# than the others by a few units, the cross-entropy is content. *Nearest* is all that counts. Leaf through the
# test digits, from the most doubtful on.

# %%
two = squared.topk(2, largest=False).values
order = (two[:, 1] - two[:, 0]).argsort()[:: len(test) // 40].tolist()
explore.read_digits(test.images, states, CODES, test.labels, order)

# %% [markdown]
# **Careful.** Why are the codes *fixed*? Could they learn under the first term alone, all ten
# could move to the same point and F6 with them: distance 0, loss 0, nothing recognised. The paper
# calls this *collapse*. Networks that learn to bring pictures together without labels fight the
# very same thing today.

# %% [markdown]
# ## The form of today
#
# What is called LeNet in today's textbooks has ordinary layers only: full C3, a pooling without
# parameters, a linear output, one bias a map. As it runs, and drawn from that:

# %%
modern = lenet("modern")
rows = layers.trace(modern, (1, 32, 32))
assert rows.parameters == 61_706 and rows.macs == 416_520
assert [row.receptive_field[0] for row in rows.only("Conv2d", "MaxPool2d")] == [5, 6, 14, 16]
assert rows["c5.1"].receptive_field == (32, 32)
rows

# %%
figures.show(
    figures.architecture(rows),
    alt="LeNet as a row of cuboids: the image of 32 × 32, six maps of 28 × 28, pooled to 14 × 14, "
    "sixteen maps of 10 × 10, pooled to 5 × 5, then lists of 400, 120, 84 and 10 numbers.",
)

# %% [markdown]
# Textbooks tell two stories about the difference. *ReLU trains faster than tanh*, and *max pooling beats the
# average*. Section 08 comes to what AlexNet's authors measured. Here we measure for LeNet: the same
# starts (three seeds), the same four epochs, all else equal. **Predict:** which activation is ahead
# after two epochs, and which pooling after four?

# %%
your_guess = None  # an activation and a pooling


# %%
def race(activation, pooling, seed):
    torch.manual_seed(seed)
    model = lenet("modern", activation=activation, pooling=pooling)
    recipe = {"epochs": 4, "batch_size": 32, "lr": 0.05, "seed": seed}
    rows = fit(model, train, test, **recipe, progress=False).rows
    return [row["test_accuracy"] for row in rows]


# %%
units = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
raced = {
    pooling: {name: [race(unit, pools[pooling], seed) for seed in range(3)]
              for name, unit in units.items()}
    for pooling in pools
}  # fmt: skip
raced["average"]["sigmoid"] = [race(nn.Sigmoid, nn.AvgPool2d, 0)]

# %%
figures.show(
    figures.training_races(raced),
    alt="Test accuracy over four epochs, three runs each. With both poolings all tanh runs climb first "
    "and the ReLU runs follow later to nearly the same height. The sigmoid run, with average pooling, "
    "stays at the level of guessing.",
)

# %%
mean = {(p, a): np.mean(raced[p][a], axis=0) for p in pools for a in units}
early = {a: np.mean([mean[p, a][1] for p in pools]) for a in units}
late = {p: np.mean([mean[p, a][-1] for a in units]) for p in pools}
print("after two epochs:", {a: f"{value:.2f}" for a, value in early.items()})
print("after four epochs:", {p: f"{value:.2f}" for p, value in late.items()})
assert early["tanh"] > early["ReLU"] + 0.05
assert abs(late["max"] - late["average"]) < 0.05
assert raced["average"]["sigmoid"][0][-1] < 0.2

# %% [markdown]
# Here tanh is *faster* than ReLU, max and average pooling make no difference that one could rely on,
# and the sigmoid (0 to 1, never negative, slope 1/4 at most) does not leave guessing within these four
# epochs. None of that is a law. It is one shallow network, one small set of digits, one learning rate. Nor is
# what you have read elsewhere: AlexNet's authors compared ReLU with tanh in a larger network on colour
# photographs. Ask of every such sentence: *measured on what?*

# %% [markdown]
# ## What they forgive
#
# Three networks, one digit. Move, turn and rescale a digit. (That of 1989 sees only the 20 ×
# 20 pixels in the middle, made to 16 × 16: its digits had to be cut out to fit. Its
# bars stay short since its scores end at ±1.72.)


# %%
class Middle(nn.Module):
    """The 20 x 20 pixels in the middle, made to 16 x 16."""

    def forward(self, images):
        return nn.functional.adaptive_avg_pool2d(images[..., 6:26, 6:26], 16)


torch.manual_seed(0)
modern = lenet("modern")
fit(modern, train, epochs=6, batch_size=32, lr=0.05, progress=False)
readers = {"1989": nn.Sequential(Middle(), postal), "1998": cheque, "modern": modern}

# %% [markdown]
# **Predict:** how far can a digit move before half of the answers are wrong? By how much can it turn?

# %%
your_guess = None  # pixels and degrees

# %%
explore.distort(readers, test[:100], digits.classes)

# %%
from cv_course import perturb

CHANGES = {
    "shift (pixels of 32)": ([0, 1, 2, 3, 4, 6], perturb.shift),
    "turn (degrees)": ([-60, -40, -20, 0, 20, 40, 60], perturb.rotate),
    "size ×": ([0.5, 0.7, 0.85, 1, 1.2, 1.4], perturb.scale),
}
curves = {
    change: (values, {
        name: [evaluate(model, data.Split(apply(test.images, by), test.labels)) for by in values]
        for name, model in readers.items()})
    for change, (values, apply) in CHANGES.items()
}  # fmt: skip

# %%
figures.show(
    figures.breaking(curves),
    alt="Test accuracy of the three networks when digits are shifted, turned and rescaled. All three "
    "fall steeply: within a few pixels, within some forty degrees, and for half the size.",
)
for _, lines in curves.values():
    for line in lines.values():
        assert min(line) < max(line) - 0.25

# %% [markdown]
# Convolution and pooling forgive a little, not much: behind them come fully connected layers
# (sections 04 and 05). For the post and the bank that was enough, since every digit was found, cut
# out and brought to a standard size first. LeNet was one part of a system, and the *system*
# "reads several million checks per day" [LeCun et al. 1998].

# %% [markdown]
# ## Worked solutions
#
# `subsample`: the four pixels of all blocks are four slices.


# %%
def subsample(maps, coefficient, bias):
    sums = maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]
    return sums * coefficient[:, None, None] + bias[:, None, None]


check(subsample)
layer, maps = cheque.s2[0], torch.rand(1, 6, 28, 28)
ours = subsample(maps[0].numpy(), *[p.detach().numpy() for p in (layer.coefficient, layer.bias)])
assert np.allclose(ours, layer(maps)[0].detach().numpy(), atol=1e-5)

# %% [markdown]
# `count_partial`: a kernel for each 1 in the table, a bias for each output map, and all of it
# used at every place.


# %%
def count_partial(table, kernel, places):
    parameters = table.sum() * kernel * kernel + len(table)
    return np.array([parameters, parameters * places])


check(count_partial)
assert count_partial(as_matrix(C3_TABLE, 6).numpy(), 5, 10 * 10).tolist() == [1_516, 151_600]

# %% [markdown]
# `rbf_loss`: the smallest distance is taken out of the sum first, so that no exponential vanishes.


# %%
def rbf_loss(states, codes, labels):
    y = ((states[:, None] - codes) ** 2).sum(axis=2)
    nearest = y.min(axis=1, keepdims=True)
    log_sum = np.log(np.exp(nearest - y).sum(axis=1)) - nearest[:, 0]
    return (y[np.arange(len(y)), labels] + log_sum).mean()


check(rbf_loss)
assert np.isclose(
    rbf_loss(states.numpy(), CODES.numpy(), test.labels.numpy()), known.item(), atol=1e-3
)

# %% [markdown]
# ## Summary
#
# 1. The neocognitron (1980) had the architecture; LeNet (1989) trained all of it by backpropagation
#    for its purpose, on real postal codes.
# 2. 1989: 9,760 parameters, biases not shared, H2 looks at 8 of 12 maps. 1998: 60,000 parameters,
#    340,908 connections, read cheques as part of a system.
# 3. The partial table of C3 saves 900 parameters and 90,000 connections; it breaks a symmetry that a
#    random start has broken already.
# 4. The ten outputs of 1998 are distances to drawn pictures; its loss is the cross-entropy.
# 5. ReLU and max pooling were no gain *here*: tanh trained faster, the poolings were equal. Measure,
#    with several seeds, before you repeat.
#
# ## References
#
# - K. Fukushima. Neocognitron: a self-organizing neural network model for a mechanism of pattern
#   recognition unaffected by shift in position. *Biological Cybernetics* 36, 1980.
# - D. Rumelhart, G. Hinton, R. Williams. Learning internal representations by error propagation. In
#   *Parallel Distributed Processing* 1, 1986 (the T–C problem).
# - A. Waibel, T. Hanazawa, G. Hinton, K. Shikano, K. Lang. Phoneme recognition using time-delay neural
#   networks. *IEEE Trans. Acoustics, Speech, and Signal Processing* 37, 1989.
# - J. Denker et al. Neural network recognizer for hand-written zip code digits. *NIPS* 1988
#   (published 1989).
# - Y. LeCun, B. Boser, J. Denker, D. Henderson, R. Howard, W. Hubbard, L. Jackel. Backpropagation
#   applied to handwritten zip code recognition. *Neural Computation* 1, 1989.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document
#   recognition. *Proceedings of the IEEE* 86, 1998 (§II-B: the network, Table I; §II-C: the loss;
#   appendix A: the squashing).
# - E. Alpaydin, C. Kaynak. Optical recognition of handwritten digits. UCI Machine Learning
#   Repository, 1998 (the digits).
#
# *Concepts covered: 39–40*
