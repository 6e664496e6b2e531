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
# # 08 · AlexNet
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/08_alexnet.ipynb)
#
# In 2012 one network left all others behind in the largest competition of image recognition, and the whole
# field changed over. What was new in it, what only looked new, and what did its own paper get wrong?
#
# *About 60 min · CPU 30 s*
#
# Afterwards you will be able to
#
# - read the famous diagram with its two paths, and rebuild every number in it,
# - prove with one disturbed half where the two paths meet, and say why they meet so seldom,
# - tell the parts that stayed (ReLU, dropout, augmentation) from those that went (response normalisation,
#   towers), and from the one that came back.
#
# You need section 05 (convolution, equivariance) and section 07 (LeNet).

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## Fourteen years after LeNet
#
# Here is LeNet in the modern spelling, and beside it AlexNet. On torch's **meta** device a network has
# shapes but no numbers, so even 61 million weights cost no memory, and `layers.trace` can count.
# **Predict:** how many times as many weights has AlexNet? And how many times as many multiplications
# for one image?

# %%
your_guess = None  # two factors

# %%
import torch
from torch import nn

from cv_course import data, explore, figures, layers
from cv_course.checks import check, hint
from cv_course.networks.alexnet import alexnet

with torch.device("meta"):
    lenet = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    published = alexnet("two_towers")

# %% tags=["nbval-check-output"]
small, large = layers.trace(lenet, (1, 32, 32)), layers.trace(published, (3, 227, 227))
for name, trace in (("LeNet", small), ("AlexNet", large)):
    depth = len(trace.only("Conv2d", "Linear"))
    print(f"{name:8} {depth} layers, {trace.parameters:>10,} weights, {trace.macs:>11,} products")
print(f"{large.parameters / small.parameters:.0f} and {large.macs / small.macs:.0f} times as many")
assert (small.parameters, small.macs) == (61_706, 416_520)
assert (large.parameters, large.macs) == (60_965_224, 724_406_816)

# %% [markdown]
# (Weights means weights and biases here, and products are those of a weight with an activation.) Only
# three layers more, but a thousand times the weights and well over a thousand times the work. To fill so many weights it took
# data: 1.2 million photographs of 1,000 kinds of things, twenty times as many as LeNet had digits.
#
# **Predict:** which layers hold the weights, and which do the work? The same ones?

# %%
your_guess = None  # "convolutions" or "full layers", twice

# %%
large

# %% tags=["nbval-check-output"]
convolutions = large.only("Conv2d")
print(f"convolutions: {convolutions.parameters / large.parameters:.1%} of the weights", end=", ")
print(f"{convolutions.macs / large.macs:.0%} of the products")
assert [layer.parameters for layer in large.only("Conv2d", "Linear")] == [
    *(34_944, 307_456, 885_120, 663_936, 442_624),
    *(37_752_832, 16_781_312, 4_097_000),
]
assert convolutions.parameters / large.parameters < 0.04
assert convolutions.macs / large.macs > 0.91

# %% [markdown]
# Opposite ones. A convolution uses its few weights at every place, again and again; a full layer uses
# each of its many weights once. Walk through the network: what changes from layer to layer, and where
# does each cost go?

# %%
with torch.device("meta"):
    forms = {
        "two towers": large,
        "one stream": layers.trace(alexnet("single"), (3, 227, 227)),
        "torchvision's": layers.trace(alexnet("torchvision"), (3, 224, 224)),
    }
explore.blueprint(forms)

# %% [markdown]
# What did weight sharing save in the first layer alone? You know the three rungs from section 05: the
# same maps of 55 × 55, made by shared weights, by weights of each place's own, by full connections.

# %% tags=["nbval-check-output"]
from cv_course.models.local import hidden_parameters

first = hidden_parameters((3, 227, 227), kernel=11, maps=96, stride=4)
print(", ".join(f"{kind} {count:,}" for kind, count in first.items()))
assert first["convolution"] == 34_944 and first["local"] == 105_705_600
assert round(first["dense"] / 1e9, 1) == 44.9

# %% [markdown]
# **Careful.** The lecture names three differences: more layers and weights, far more data, ReLU. The
# paper itself has more to say. ReLU was not its invention (Nair & Hinton 2010, whom it cites). What
# the notes leave out:
#
# - **augmentation** (§4.1): random cut-outs of 224 × 224 from 256 × 256, mirrored or not, and
#   random changes of the colour. Without it, say the authors, overfitting would have forced them to use
#   much smaller networks;
# - **dropout** (§4.2): in the first two full layers half of the neurons, drawn anew for each image, are
#   silent while training;
# - **overlapping pooling** (§3.4): windows 3 wide, 2 apart.
#
# The paper measured what some parts were
# worth on its own data, in points of top-1 / top-5 error: two GPUs instead of a network of half the width
# 1.7 / 1.2, response normalisation 1.4 / 1.2, overlapping pooling 0.4 / 0.3. At the size of our data we
# could not see the last of these, so we do not claim it.
#
# Dropout in numbers. PyTorch doubles those that remain, so that nothing has to be done at test time;
# the paper halves all of them at test time. The mean is the same.

# %%
torch.manual_seed(0)
neurons = torch.rand(100_000)
dropout = nn.Dropout(0.5)
kept = dropout.train()(neurons)
print(f"silent {(kept == 0).float().mean():.1%}; mean {neurons.mean():.3f} -> {kept.mean():.3f}")
assert abs((kept == 0).float().mean() - 0.5) < 0.01
assert abs(kept.mean() - neurons.mean()) < 0.01
assert torch.equal(dropout.eval()(neurons), neurons)

# %% [markdown]
# Augmentation in numbers. The paper says that the cut-outs make 2,048 images of each. **Predict:** how
# many places has a window of 224 × 224 in an image of 256 × 256? (Section 05 had a formula.)

# %%
your_guess = None  # a whole number

# %% tags=["nbval-check-output"]
from cv_course.convolution import output_size

places = output_size(256, 224) ** 2
print(f"{places:,} places, {2 * places:,} with the mirror images")
assert (places, 2 * places) == (33**2, 2178) and 32 * 32 * 2 == 2048

# %% [markdown]
# 33 × 33 × 2, not 32 × 32 × 2: even there the fence has one post more than it has gaps.
#
# The result: at ILSVRC-2010 37.5% wrong, 17.0% if five guesses are allowed (top-5). In the competition
# of 2012 a single network had 40.7 / 18.2% on the validation images; the entry that won averaged seven
# networks and had 15.3% top-5 error, the second best team 26.2%.
#
# *Concept 41*

# %% [markdown]
# ## A gradient through sixteen layers
#
# Why ReLU? An error at the output must tell every layer how to change, and on its way back it is
# multiplied by the slope of each activation. **Predict:** sixteen layers, before any training. At the
# *first* layer, how large is the gradient, compared with that at the last? For sigmoid, tanh and ReLU?

# %%
your_guess = None  # three ratios, such as 0.1

# %%
import torch.nn.functional as F


def gradient_sizes(activation, start, gain, depth=16, width=64):
    torch.manual_seed(0)
    layers = [nn.Linear(width, width) for _ in range(depth)]
    for layer in layers:
        start(layer.weight, **gain)
        nn.init.zeros_(layer.bias)
    x, last, labels = torch.randn(256, width), nn.Linear(width, 10), torch.randint(10, (256,))
    for layer in layers:
        x = activation(layer(x))
    F.cross_entropy(last(x), labels).backward()
    return [layer.weight.grad.norm().item() for layer in layers]


# %%
glorot, he = nn.init.xavier_normal_, nn.init.kaiming_normal_
lines = {
    "sigmoid": gradient_sizes(torch.sigmoid, glorot, {}),
    "tanh": gradient_sizes(torch.tanh, glorot, {}),
    "ReLU": gradient_sizes(torch.relu, he, {"nonlinearity": "relu"}),
}
ratios = {name: line[0] / line[-1] for name, line in lines.items()}
print(f"your guess {your_guess};", ", ".join(f"{n} {r:.0e}" for n, r in ratios.items()))
assert ratios["sigmoid"] < 1e-7 and 0.02 < ratios["ReLU"] < 50 and 0.02 < ratios["tanh"] < 50

# %%
figures.show(
    figures.gradients(lines),
    alt="Size of the gradient at sixteen layers, logarithmic. For the sigmoid it falls in a straight line "
    "by about nine powers of ten from the last layer to the first; for tanh and ReLU it stays level.",
)

# %% [markdown]
# The sigmoid's slope is at most 1/4. Between the last layer and the first there are fifteen of them, so even if the
# weights take nothing away at most 1/4¹⁵ is left, less than a billionth. The
# first layer of such a network hardly learns. ReLU's slope is 1 wherever it lets something through.
#
# **Careful.** Two things about this are often told wrongly. First, *tanh* passes the gradient here as well
# as ReLU does: its slope at 0 is 1. What matters as much is the size of the first weights, made for tanh
# by Glorot & Bengio (2010) and for ReLU by He et al. (2015). With what PyTorch draws by default, ReLU
# loses most of the gradient, too. Try it:

# %%
explore.gradients()

# %% [markdown]
# Second, the paper's argument is not that tanh cannot be trained. It is speed: large inputs
# **saturate** tanh, ReLU never, and a small convolutional network reached 25% training error on
# CIFAR-10 six times as fast with ReLU (§3.1, Figure 1). On our small data we did not see such a lead, so
# we quote it and do not claim it.

# %%
from cv_course.models import s08_alexnet
from cv_course.networks import alexnet as package

by_default = {name: s08_alexnet.gradient_sizes(name, fitted=False) for name in lines}
ratios = {name: line[0] / line[-1] for name, line in by_default.items()}
print(
    "PyTorch's first weights:", ", ".join(f"{name} {ratio:.0e}" for name, ratio in ratios.items())
)
assert ratios["ReLU"] < 0.01 and ratios["sigmoid"] < 1e-9
assert torch.tanh(torch.tensor(5.0)) > 0.999  # saturated

# %% [markdown]
# *Concept 41*

# %% [markdown]
# ## The diagram
#
# The most famous figure of the paper, redrawn from the network itself. Each block stands for what a layer
# hands to the next, with its size below; the little window is what one element of the next block reads. (Sides and
# channels are drawn as square roots, or the late maps would be dots.) **Before you look for it: where do
# the two paths meet?**

# %%
figures.show(
    figures.architecture(large),
    alt="AlexNet as two rows of cuboids that start at one image and end in one list of 1,000 scores. The "
    "maps get smaller and thicker: 48+48 of 55×55 to 128+128 of 6×6, then bars of 2,048+2,048. Dark lines cross "
    "between the rows before the third convolution and before the first two full layers.",
)

# %% [markdown]
# **Predict:** the paper calls the kernels of the second layer "5 × 5 × 48". Why 48, if the first layer has
# 96 kernels?

# %%
your_guess = None  # in words

# %% tags=["nbval-check-output"]
maps = [layer.output_shape for layer in large.only("Conv2d", "MaxPool2d")]
assert maps[:4] == [(96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13)]
assert maps[4:] == [(384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6)]
for number in (0, 4, 8, 10, 12):
    kernels, channels, height, width = published.features[number].weight.shape
    print(f"{kernels} kernels of {height} × {width} × {channels}")
assert published.features[4].weight.shape[1] == 96 // 2

# %% [markdown]
# Half of the 96 live on one GPU and half on the other, and a kernel of the second layer reads only
# those on its own. That is the 48 which the lecture marks as important: half of the first layer. In code it
# is one word, `groups=2`.
#
# **Careful: the paper's own slips.** It gives the input as 224 × 224 (§3.5, Figure 2). **Predict:** with
# kernels of 11 and a stride of 4, how wide is the first map then?

# %%
your_guess = None  # a whole number

# %% tags=["nbval-check-output"]
for side in (224, 227):
    sides = [side]
    for kernel, stride, padding in ((11, 4, 0), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 2, 0)):
        sides.append(output_size(sides[-1], kernel, stride, padding))
    print(" → ".join(map(str, sides)))
    assert (sides[1] == 55) == (side == 227) == (sides[-1] == 6)

# %%
try:
    published(torch.zeros(1, 3, 224, 224, device="meta"))
except ValueError as problem:
    print(problem)

# %% [markdown]
# 54, and 5 × 5 at the end, which does not fit the next layer's weights. The 55 of the figure needs 227, or
# 224 with a border of 2 pixels, as torchvision has it. And the caption of Figure 2 gives the number of
# neurons in each layer, the first as 253,440:

# %% tags=["nbval-check-output"]
counts = [torch.Size(row.output_shape).numel() for row in large.only("Conv2d", "Linear")]
print("neurons:", ", ".join(f"{count:,}" for count in counts), f"= {sum(counts):,}")
assert counts == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
assert counts[0] == 55 * 55 * 96 and 55 * 48 * 96 == 253_440
assert 3 * 224 * 224 == 150_528  # "150,528-dimensional", says the caption of the input

# %% [markdown]
# All others agree. 253,440 is 55 · 48 · 96: somebody took the 48 for a side of the map.
#
# *Concepts 42, 45*

# %% [markdown]
# ## Two cards of 3 GB
#
# Why two paths? One GTX 580 had 3 GB of memory (§3.2). **Predict:** how much does it take to train the
# network on batches of 128 images?

# %%
your_guess = None  # in GB

# %%
BYTES = 4  # of a number in single precision


def training_memory(trace, batch=128):
    """GB for weights, their gradients and momenta, and for maps and their gradients."""
    # the others can overwrite their input
    kinds = ("Conv2d", "ResponseNorm", "MaxPool2d", "Linear")
    numbers = sum(torch.Size(row.output_shape).numel() for row in trace.only(*kinds))
    return 3 * trace.parameters * BYTES / 1e9, 2 * numbers * batch * BYTES / 1e9


weights, activations = training_memory(large)
print(f"weights {weights:.2f} GB + maps {activations:.2f} GB = {weights + activations:.2f} GB")
assert 1.5 < weights + activations < 3

# %% [markdown]
# Two of three GB in this tidy account, before anything for the next batch of images, for the workspace
# of the convolutions, and for the screen.
#
# **Careful.** "It did not fit" says more than the paper does: the memory of a GPU "limits the
# maximum size of the networks that can be trained on it". Two cards let them train a wider network than
# one could, and that is what they compare: against a network with half as many kernels, trained on one
# GPU, the two towers had 1.7 points less top-1 error. Today the very same network is small:

# %%
with torch.device("meta"):
    from_today = layers.trace(alexnet("single"), (3, 227, 227))
print(f"one stream, the same account: {sum(training_memory(from_today)):.2f} GB")
print(f"the weights alone: {from_today.parameters * BYTES / 1e9:.2f} GB")
assert sum(training_memory(from_today)) < 3

# %% [markdown]
# *Concept 43*

# %% [markdown]
# ## Where the towers meet
#
# Which of the five convolutions reads both towers? The diagram says: the third. Do not believe a diagram.
# Disturb one half of the first layer's maps, and look what changes. **Predict:** in which layers does
# tower A notice that tower B was disturbed?

# %%
your_guess = None  # layers 1 to 5

# %%
torch.manual_seed(0)
features = package.convolutions().eval()  # groups 1, 2, 1, 2, 2, random weights
maps, channels = torch.rand(1, 3, 227, 227), {}
with torch.no_grad():
    maps = features[:2](maps)  # the first convolution and its ReLU
    disturbed = maps.clone()
    disturbed[:, 48:] += torch.rand(1, 48, 55, 55)  # tower B, and only that
    for number, layer in enumerate(features[2:], start=2):
        maps, disturbed = layer(maps), layer(disturbed)
        channels[number] = (disturbed - maps).abs().amax((0, 2, 3))

# %% tags=["nbval-check-output"]
for name, number in (("conv2", 5), ("conv3", 9), ("conv4", 11), ("conv5", 13)):
    a, b = channels[number].chunk(2)  # after the ReLU of each convolution
    print(f"{name}: tower A {'changed' if a.any() else 'unchanged, exactly'}")
    assert bool(a.any()) == (name != "conv2") and b.any()

# %% [markdown]
# Zero, not nearly zero, before the third convolution. There everything meets; the fourth and fifth keep
# their own halves, but what arrives in them is mixed already. The next time is in the full layers, which
# read both halves, all three of them. Move the boundaries yourself:

# %%
explore.towers()

# %% [markdown]
# The last switch hides a trap. Response normalisation looks at *neighbouring channels* (more of it below). Over all 96
# of them, channels 46 and 47 of tower A look over to 48 and 49 of tower B:

# %% tags=["nbval-check-output"]
from cv_course.networks.alexnet import ResponseNorm

a, b = (100 * torch.rand(1, 96, 1, 1) for _ in range(2))
b[:, :48] = a[:, :48]  # the two differ in tower B alone
for groups in (1, 2):
    norm = ResponseNorm(groups=groups)
    seen = (norm(a) - norm(b))[0, :48].abs().amax((1, 2)).nonzero().flatten()
    print(f"normalised in {groups} group(s): tower A changes in channels {seen.tolist()}")
    assert seen.tolist() == ([46, 47] if groups == 1 else [])

# %% [markdown]
# So a copy on one GPU with `groups=2` and a normalisation over all channels has leaking towers. The paper
# does not spell it out; on two cards, leaking would have cost a transfer in layers which, it says, have none.
#
# Now write down in general who can reach whom. Groups are blocks of neighbouring channels, as in
# `nn.Conv2d`.


# %%
def connected(groups, channels):
    """groups [g1, …, gL], channels [c0, …, cL] -> (cL, c0) booleans: does output channel i depend on
    input channel j, through L convolutions with these groups?"""
    ...  # replace this line


check(connected)

# %%
hint(connected)

# %% [markdown]
# Why do the towers meet so seldom? "Crossing everywhere is too much computation", says the lecture.
# **Predict:** without groups, how many more products would there be? And how many more numbers
# would have to travel between the two cards?

# %%
your_guess = None  # two factors

# %% tags=["nbval-check-output"]
single = forms["one stream"]
weighted = large.only("Conv2d", "Linear")[1:]  # the first layer reads the image on both cards
sizes = [torch.Size(row.input_shape).numel() for row in weighted]
crossing = [size for size, row in zip(sizes, weighted, strict=True) if row.groups != 2]
print(f"products: {single.macs / large.macs:.2f} times as many")
print(f"numbers sent for an image: {sum(crossing):,} -> {sum(sizes):,}", end=", ")
print(f"{sum(sizes) / sum(crossing):.1f} times as many")
assert single.macs == 1_135_256_096 and single.parameters == 62_378_344
assert (sum(crossing), sum(sizes)) == (60_672, 260_448)

# %% [markdown]
# **Careful.** Computation is part of the truth, half as much again. The paper's reason is *communication*
# (§3.2): the pattern of crossings was tuned until its amount was "an acceptable fraction of the amount of
# computation". Between two cards, the transfer is the bottleneck, and crossing everywhere
# would have meant four times as much of it.
#
# The saving in weights: 5 × 5 kernels over 48 channels instead of 96.

# %% tags=["nbval-check-output"]
towers, joined = (form.only("Conv2d")[1].parameters for form in (large, single))
print(f"conv2: {towers:,} weights in two towers, {joined:,} in one stream")
assert (towers, joined) == (307_456, 614_656)

# %% [markdown]
# *Concepts 44, 45*

# %% [markdown]
# ## One stream
#
# Once cards were large enough, the two paths became one:

# %%
figures.show(
    figures.architecture(single),
    alt="AlexNet as one row of cuboids: the image, 96 maps of 55×55, pooled to 27×27, 256 maps, pooled to "
    "13×13, then 384, 384 and 256 maps without pooling between them, pooled to 6×6, a list of 9,216, two "
    "of 4,096 and one of 1,000. Nothing crosses.",
)

# %% [markdown]
# "Two streams had 48, one stream has 4096", says a line of the lecture notes. **Predict:** what should be
# compared with what?

# %%
your_guess = None  # in words

# %% tags=["nbval-check-output"]
for one, both in zip(*(form.only("Conv2d", "Linear") for form in (single, large)), strict=True):
    half = both.output_shape[0] // 2
    print(f"{half:>5,} + {half:<5,} → {one.output_shape[0]:>5,}   {one.kind}")
    assert one.output_shape == both.output_shape

# %% [markdown]
# **Careful.** The note mixes up two lines: 48 + 48 → **96** in the first convolution, 2048 + 2048 →
# **4096** in the full layers. No layer turned from 48 into 4096. (Only the last line is a fiction: the
# 1,000 scores belong to no tower.)
#
# "Conv, ReLU, max pool, again and again", and no response normalisation: that is how the lecture sums up the single stream. Is it so?

# %% tags=["nbval-check-output"]
kinds = " ".join(row.kind.removesuffix("2d") for row in single if row.name.startswith("features"))
print(kinds)
assert kinds == "Conv ReLU MaxPool Conv ReLU MaxPool Conv ReLU Conv ReLU Conv ReLU MaxPool"

# %% [markdown]
# Not quite: there is no pooling between the third, fourth and fifth convolution. And "the" single stream
# does not exist. torchvision's `alexnet`, which most people mean, follows a later paper (Krizhevsky
# 2014): 64 and 192 kernels in the first layers, an input of 224 with a border of 2.

# %% tags=["nbval-check-output"]
for name, form in forms.items():
    widths = [row.output_shape[0] for row in form.only("Conv2d")]
    print(f"{name:14} {form.parameters:,} weights, {form.macs:>13,} products, kernels {widths}")
assert forms["torchvision's"].parameters == 61_100_840
assert forms["torchvision's"].macs == 714_188_480

# %% [markdown]
# (Our `alexnet("torchvision")` takes torchvision's weights and gives the same scores. With a network
# connection, `package.pretrained()` fetches them: 244 MB, so we do not do it by ourselves.)
#
# What exactly does a single stream add? Every weight of the two towers can be kept: lay the kernels
# of a grouped convolution into those of an ordinary one.


# %%
def one_stream(w, groups):
    """w (F, C/groups, K, K'), NumPy array: weights of a convolution with groups -> (F, C, K, K'), weights
    of one without groups that computes the same."""
    ...  # replace this line


check(one_stream)

# %%
hint(one_stream)

# %% [markdown]
# So the single stream can do whatever the two towers do; they are the special case in which half of the
# weights of layers 2, 4 and 5 are zero. (The worked solution tests it on the real layer.)
#
# *Concepts 46, 49*

# %% [markdown]
# ## From maps to a list
#
# The last pooling leaves 256 maps of 6 × 6 for each image: N × C × H × W. A full layer wants N × D. What
# if we simply hand over the maps?

# %%
fc6 = published.classifier[0]
try:
    fc6(torch.zeros(1, 256, 6, 6, device="meta"))
except RuntimeError as problem:
    print(problem)

# %% [markdown]
# It reads the last axis as the list. So the maps must be made into one first, and there are two
# ways. **Flatten** lists every number; **average pooling** keeps the mean of each map and nothing of
# *where*. **Predict:** how long is the list in either case?

# %%
your_guess = None  # two whole numbers

# %% tags=["nbval-check-output"]
maps = torch.rand(2, 256, 6, 6)
flat, mean = maps.flatten(1), maps.mean((2, 3))
print("flatten", tuple(flat.shape), " average", tuple(mean.shape))
assert flat.shape == (2, 9216) and mean.shape == (2, 256) and fc6.in_features == 9216

# %% [markdown]
# AlexNet flattens. In which order? Say it exactly: from which channel, row and column does a number in
# the list come?


# %%
def place_of(index, channels, height, width):
    """Whole numbers -> (channel, row, column), from 0, of the number at `index` of flattened maps."""
    ...  # replace this line


check(place_of)

# %%
hint(place_of)

# %% [markdown]
# The order itself carries no meaning, as long as it is the same for all images: each number meets a
# weight of its own. But this is also how a place gets a weight of its own. Shuffle the 36 places of all maps.
# **Predict:** which of the two lists does not notice?

# %%
your_guess = None  # "flatten", "average", both, none

# %%
order = torch.randperm(36, generator=torch.Generator().manual_seed(0))
shuffled = maps.flatten(2)[:, :, order].view_as(maps)
print("average differs by", f"{(shuffled.mean((2, 3)) - mean).abs().max():.0e}", end=", ")
print(f"flatten in {(shuffled.flatten(1) != flat).float().mean():.0%} of its numbers")
assert torch.allclose(shuffled.mean((2, 3)), mean, atol=1e-6)
assert (shuffled.flatten(1) != flat).float().mean() > 0.8

# %% [markdown]
# That is the difference of section 04 between *conv + flatten* and *conv + global pooling*, seen from
# the other side: flatten remembers where, and pays for it in weights. **Predict:** with average pooling
# and a single full layer behind it, how many of AlexNet's 61 million weights are left?

# %%
your_guess = None  # in millions

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    averaged = alexnet("two_towers", head="average")
left = layers.count_parameters(averaged)
head = layers.count_parameters(published.classifier)
print(f"{large.parameters:,} → {left:,}; the three full layers had {head:,}")
assert left == 2_591_080 and head == 58_631_144
assert averaged(torch.zeros(1, 3, 320, 256, device="meta")).shape == (1, 1000)  # any size will do

# %%
explore.flatten_or_average()

# %% [markdown]
# **Careful.** "Flatten or average, as you like" hides that they are different networks. An average head takes images
# of any size, forgives shifts, and has hardly any weights; but it cannot say that a wheel belongs *below*.
# AlexNet's way was flatten and three full layers; the average came with Lin et al. (2014) and has become
# the rule since.
#
# *Concepts 47, 48*

# %% [markdown]
# ## Divided by the neighbours
#
# After the ReLU of the first two layers AlexNet has one more step, **local response normalisation**
# (LRN). Each activation is divided by a power of what its neighbours have, *across channels*, at the same place:
#
# $$b^i = a^i \Big/ \Big(k + \alpha \sum_{j=i-n/2}^{i+n/2} (a^j)^2\Big)^{\beta},
# \qquad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = 0.75 .$$
#
# (At the first and last channels there are fewer neighbours.) **Predict:** one channel gets louder and louder while its neighbours are silent. What happens to
# its answer? Then try the four constants.

# %%
your_guess = None  # "grows", "levels off", "falls"

# %%
explore.response_norm()

# %%
loud = torch.arange(1.0, 1001).view(-1, 1, 1, 1)  # 1,000 images of one channel and one pixel
answer = ResponseNorm()(loud).flatten()
print(f"largest answer {answer.max():.1f}, at activation {loud.flatten()[answer.argmax()]:.0f}")
assert loud.flatten()[answer.argmax()] == 200  # where a² = k / (α (2β − 1)) = 40,000

# %% [markdown]
# It *falls*, beyond 200: the power is 2β = 1.5 of the activation itself. A loud channel silences its
# neighbours, and itself as well.
#
# **Careful.** PyTorch divides α by n, the paper does not. Copy the paper's α into `nn.LocalResponseNorm`
# and the normalisation is five times too weak.

# %% tags=["nbval-check-output"]
activations = 300 * torch.rand(2, 96, 5, 5, generator=torch.Generator().manual_seed(0))
ours = ResponseNorm()(activations)
for alpha in (1e-4, 5e-4):
    theirs = nn.LocalResponseNorm(5, alpha=alpha, beta=0.75, k=2)(activations)
    same = torch.allclose(theirs, ours, rtol=1e-4)
    print(f"nn.LocalResponseNorm(5, alpha={alpha:g}, …): the same {same}")
    assert same == (alpha == 5e-4)

# %% [markdown]
# "It normalises the brightness of the activation map" is how the lecture has it, "and today one uses
# batch normalisation". **Predict:** of 4 images with 16 channels and 6 × 6 places, on how many
# numbers does *one* normalised number depend, with LRN? With batch normalisation?

# %%
your_guess = None  # two whole numbers

# %%
maps = (50 * torch.rand(4, 16, 6, 6)).requires_grad_()
parts = {}
for name, norm in (("LRN", ResponseNorm()), ("batch normalisation", nn.BatchNorm2d(16))):
    (gradient,) = torch.autograd.grad(norm(maps)[1, 7, 2, 3], maps)
    parts[name] = (gradient != 0).float().transpose(0, 1).flatten(1).numpy()  # channels x places
    print(f"{name}: {int(parts[name].sum())} numbers")
assert parts["LRN"].sum() == 5 and parts["batch normalisation"].sum() == 4 * 6 * 6

# %%
figures.show(
    figures.who_counts(parts),
    alt="Sixteen channels down, the places of four images across. LRN: a short column, five channels at one "
    "single place. Batch normalisation: a long row, one channel at all places of all four images.",
)

# %% [markdown]
# They have little in common but the name: LRN goes *across channels* at one place of one image, batch
# normalisation goes *over the images and places* of one channel. LRN is no normalisation of brightness,
# either. If all activations double, the answers double, or hardly change, or even fall:

# %%
for level in (1, 100, 1000):
    ratio = ResponseNorm()(2 * level * torch.ones(1, 9, 1, 1)) / ResponseNorm()(
        level * torch.ones(1, 9, 1, 1)
    )
    print(f"activations of {level}: doubled, the answer is {ratio[0, 4].item():.2f} times as large")
    assert (level < 10) == (ratio[0, 4] > 1.99) and (level > 500) == (ratio[0, 4] < 0.75)

# %% [markdown]
# Does it help? A small AlexNet for our clothes, without normalisation, with LRN, with batch
# normalisation. **Predict:** who wins, and what does it cost?

# %%
your_guess = None  # an order

# %%
from cv_course.models.s08_alexnet import small_alexnet
from cv_course.training import evaluate, fit

fashion = data.fashion_mnist()
few = fashion.train[:2000]


def run(net, seed):
    rows = fit(net, few, epochs=4, batch_size=64, seed=seed, progress=False).rows
    return evaluate(net, fashion.test), sum(row["seconds"] for row in rows)


# %%
results = {}
for norm, name in (("none", "none"), ("lrn", "LRN"), ("batch", "batch norm")):
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        runs.append(run(small_alexnet(norm), seed))
    results[name] = tuple(zip(*runs, strict=True))  # accuracies, seconds
none, lrn, batch = (sum(right) / 2 for right, _ in results.values())
print(f"your guess {your_guess}; none {none:.2f}, LRN {lrn:.2f}, batch norm {batch:.2f}")
assert batch > max(none, lrn) + 0.03 and lrn < none + 0.01

# %%
figures.show(
    figures.accuracies_and_seconds(results),
    alt="Test accuracy of three small networks, two seeds each, and seconds of training. Batch "
    "normalisation is clearly ahead; LRN is not better than none.",
)

# %% [markdown]
# LRN does not help at all, it even seems to harm. Before you believe that, look at what it *does* here.
# Our images go from 0 to 1, AlexNet's from 0 to 255 (less their mean), so its activations could be far
# larger. **Predict:** for activations of about 1, what is left of the formula?

# %%
your_guess = None  # in words

# %%
net = small_alexnet("lrn").eval()
with torch.no_grad():
    maps = net[:2](data.as_float(fashion.test.images[:100]))
    divided = net[2](maps)
error = ((divided - maps / 2**0.75).abs() / maps.clamp_min(1e-6)).max().item()
print(f"LRN = division by {2**0.75:.2f}, to within {error:.2%} of each activation")
assert error < 0.01

# %% [markdown]
# Σa² is a few units, times 10⁻⁴ it vanishes beside k = 2. What we had trained was a network that
# divides by 1.68, twice, so that its signals and its steps are smaller. With k = 1, "LRN" ought to be no layer at all:

# %%
torch.manual_seed(0)
net = small_alexnet("lrn")
for layer in net:
    if isinstance(layer, ResponseNorm):
        layer.k = 1.0
without, with_one = results["none"][0][0], run(net, seed=0)[0]
print(f"the same seed: none {without:.3f}, LRN with k = 1 {with_one:.3f}")
assert abs(with_one - without) < 0.03

# %% [markdown]
# So an experiment can be right and its obvious reading wrong: this says *nothing* about LRN at AlexNet's
# scale. There the paper measured a gain of 1.4 / 1.2 points, and two years later Simonyan & Zisserman,
# with deeper networks, none: 29.6 / 10.4% error without, 29.7 / 10.5% with LRN. They dropped it because
# it costs memory and time. "Deprecated" is too strong, though: `nn.LocalResponseNorm` is still there. It has
# gone out of use.
#
# *Concept 50*

# %% [markdown]
# ## Eleven by eleven
#
# Why such large kernels in the first layer? "To get a large receptive field at once", says the lecture: the part of the image
# on which one output depends (section 09 is about it; the trace gives its side in
# pixels). **Predict:** the receptive field after the last pooling is 195 pixels. How large is it if the
# first kernel shrinks from 11 to 3? And how large if, instead, its *stride* shrinks from 4 to 1?

# %%
your_guess = None  # two sides in pixels

# %% tags=["nbval-check-output"]
fields = {}
for kernel, stride in ((11, 4), (3, 4), (11, 1)):
    with torch.device("meta"):
        features = package.convolutions()
        features[0] = nn.Conv2d(3, 96, kernel, stride)
    trace = layers.trace(features, (3, 227, 227))
    fields[kernel, stride] = trace[-1].receptive_field[0]
    print(
        f"kernel {kernel:2}, stride {stride}: {fields[kernel, stride]:3} pixels, {trace.macs / 1e9:5.2f} billion products"
    )
assert fields == {(11, 4): 195, (3, 4): 187, (11, 1): 57}

# %% [markdown]
# Of the 195 pixels the large kernel gives 8; nearly all comes from the **stride**, which multiplies whatever
# follows. (Not sliding in steps of 4 would also cost many times the work.) A kernel of 11 is needed for something else: at a
# stride of 4, kernels of 3 would leave every fourth row and column unseen. 11 overlap well.
#
# **Careful.** "Not used today" has to be said in two halves. Zeiler & Fergus (2014) saw that first filters
# of 11 with stride 4 miss middle frequencies and cause aliasing; 7 with stride 2 did better. VGG went
# down to 3 (section 10). But large kernels came back, in a form that is cheap: one kernel a channel
# (`groups` = channels). ConvNeXt (2022) uses 7 × 7, RepLKNet (2022) up to 31 × 31. **Predict:** for 96
# channels, which has more weights: 3 × 3 over all channels, or 31 × 31 over one each?

# %%
your_guess = None  # one of the two

# %% tags=["nbval-check-output"]
full = nn.Conv2d(96, 96, 3, padding=1, bias=False)
for kernel in (7, 31):
    depthwise = nn.Conv2d(96, 96, kernel, padding=kernel // 2, groups=96, bias=False)
    print(f"{kernel} × {kernel}, one a channel: {depthwise.weight.numel():,} weights", end="; ")
print(f"3 × 3 over all channels: {full.weight.numel():,}")
assert 96 * 7 * 7 < full.weight.numel() < 96 * 31 * 31 < 1.2 * full.weight.numel()

# %% [markdown]
# About the same. The idea that made AlexNet fit on two small cards, `groups`, is what
# made large kernels affordable again.
#
# *Concept 51*

# %% [markdown]
# ## Worked solutions
#
# `connected`: a table for each layer, who reads whom; chained, they are multiplied (for booleans: and,
# then or).


# %%
import numpy as np


def connected(groups, channels):
    reach = np.eye(channels[0], dtype=bool)
    for g, given, made in zip(groups, channels, channels[1:], strict=False):
        group_in = np.arange(given) // (given // g)
        group_out = np.arange(made) // (made // g)
        reach = (group_out[:, None] == group_in) @ reach
    return reach


check(connected)
widths = [96, 256, 384, 384, 256]  # from the first layer's maps to the fifth's
towers_of_2 = connected([2], widths[:2])
assert not towers_of_2[:128, 48:].any() and connected([2, 1, 2, 2], widths).all()

# %% [markdown]
# `one_stream`: zeros, and the kernels of each group in its own block of channels.


# %%
def one_stream(w, groups):
    made, part = w.shape[:2]
    dense = np.zeros((made, part * groups, *w.shape[2:]), dtype=w.dtype)
    for g, kernels in enumerate(np.split(np.arange(made), groups)):
        dense[kernels, g * part : (g + 1) * part] = w[kernels]
    return dense


check(one_stream)

# %%
grouped = package.convolutions()[4]
joined = nn.Conv2d(96, 256, 5, padding=2)
joined.weight.data = torch.from_numpy(one_stream(grouped.weight.detach().numpy(), 2))
joined.bias.data = grouped.bias.data
maps = torch.rand(1, 96, 27, 27)
error = (joined(maps) - grouped(maps)).abs().max().item()
print(f"conv2, two towers against one stream: {error:.0e}")
assert error < 1e-5 and (joined.weight == 0).float().mean() == 0.5

# %% [markdown]
# `place_of`: whole channels first, then rows of the map, then columns.


# %%
def place_of(index, channels, height, width):
    return index // (height * width), index // width % height, index % width


check(place_of)
numbers = torch.arange(256 * 6 * 6).view(256, 6, 6)
assert numbers[place_of(4610, 256, 6, 6)] == 4610 and place_of(4608, 256, 6, 6)[0] == 128

# %% [markdown]
# (The last line: the second half of the 9,216 numbers, from 4,608 on, belongs to tower B.)
#
# ## Summary
#
# 1. AlexNet is LeNet with three layers, a thousand times the weights and far more data; ReLU, dropout and
#    augmentation made it trainable. Convolutions hold 4% of its weights and do 92% of its work.
# 2. Two towers meet in the third convolution and in the full layers, to save communication between two cards of
#    3 GB; 48 + 48 = 96 and 2048 + 2048 = 4096.
# 3. The paper's arithmetic needs 227 pixels and gives 290,400 neurons in the first layer.
# 4. Flatten keeps every place and needs 58.6 million weights behind it; the average keeps none and needs 0.3 million.
# 5. LRN divides across channels, batch normalisation over images and places; of 11 × 11 and stride 4, the
#    stride makes the receptive field.
#
# ## References
#
# - A. Krizhevsky, I. Sutskever, G. E. Hinton. ImageNet classification with deep convolutional neural
#   networks. *NIPS* 2012 (the sections named above are of this paper).
# - A. Krizhevsky. One weird trick for parallelizing convolutional neural networks. arXiv:1404.5997, 2014
#   (the single stream of torchvision).
# - V. Nair, G. E. Hinton. Rectified linear units improve restricted Boltzmann machines. *ICML* 2010.
# - X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks.
#   *AISTATS* 2010.
# - K. He, X. Zhang, S. Ren, J. Sun. Delving deep into rectifiers. *ICCV* 2015.
# - M. Lin, Q. Chen, S. Yan. Network in network. *ICLR* 2014 (average pooling as a head).
# - S. Ioffe, C. Szegedy. Batch normalization. *ICML* 2015.
# - K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition. *ICLR*
#   2015 (Table 3: A and A-LRN).
# - M. D. Zeiler, R. Fergus. Visualizing and understanding convolutional networks. *ECCV* 2014 (§4.1).
# - Z. Liu et al. A ConvNet for the 2020s. *CVPR* 2022. X. Ding et al. Scaling up your kernels to 31 × 31.
#   *CVPR* 2022.
#
# *Concepts covered: 41–51*
