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
# # 12 · Where the time goes
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/12_where_the_time_goes.ipynb)
#
# Your computer can do billions of multiplications a second. Why do you have to wait for a network as
# small as ours, and what exactly are you waiting for?
#
# *About 40 min · CPU 30 s · optional: no concept of the lecture is covered here*
#
# Afterwards you will be able to
#
# - find out where a training step spends its time, and how much a repair could gain at most,
# - feed a network quickly,
# - tell whether a layer waits for arithmetic, for memory or for something else, on *your* machine.
#
# You need section 05 (convolution, pooling). Every time in here is measured while you run it: yours will
# differ from the ones on this page, and from run to run. What is *said* should hold for both.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## One step, four parts
#
# This is how most tutorials train: pictures are read one by one, a `DataLoader` makes batches of them,
# and then, again and again: get a batch (**data**), compute its loss (**forward**), compute the gradients
# (**backward**), change the weights (**optimiser**). The network is `FastFashion`, which
# learns to tell clothes apart in seconds. **Predict:** which share of a step does
# each of the four parts take?

# %%
your_guess = None  # four shares, for example 0.25, 0.25, 0.25, 0.25

# %%
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import ToTensor

from cv_course import data, explore, figures, layers, speed
from cv_course.checks import check, hint
from cv_course.models.fast import FastFashion
from cv_course.training import choose_device, evaluate, fit, precision

fashion = data.fashion_mnist()
train, test = fashion.train, fashion.test
device = choose_device()


class Pictures(Dataset):
    """One picture at a time, made into a tensor: what torchvision's own data sets do."""

    def __init__(self, split):
        self.split, self.transform = split, ToTensor()

    def __len__(self):
        return len(self.split)

    def __getitem__(self, i):
        picture = Image.fromarray(self.split.images[i, 0].numpy())
        return self.transform(picture), int(self.split.labels[i])


# %%
def train_a_step(batches, net, optimizer, watch):
    watch.lap()
    images, labels = next(batches)
    images, labels = images.to(device), labels.to(device)
    watch.lap("data")
    loss = F.cross_entropy(net(images), labels)
    watch.lap("forward")
    optimizer.zero_grad()
    loss.backward()
    watch.lap("backward")
    optimizer.step()
    watch.lap("optimiser")


def time_of_parts(*feeds, steps=12):
    """Train on each feed, taking turns -> for each the median seconds of the parts of a step."""
    runs = []
    for feed in feeds:
        net = FastFashion().to(device)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        runs.append((iter(feed), net, optimizer, speed.Laps(device)))
    for _ in range(steps):
        for run in runs:
            train_a_step(*run)
    return [watch.medians() for *_, watch in runs]


loader = DataLoader(Pictures(train), batch_size=128, shuffle=True)
(parts,) = time_of_parts(loader)
said = ", ".join(f"{part} {seconds / sum(parts.values()):.0%}" for part, seconds in parts.items())

# %%
figures.show(
    figures.step_parts({"pictures,\nDataLoader": parts}),
    alt=f"A bar for one training step, cut into its four parts: {said}.",
)
print(f"your guess: {your_guess}")

# %% [markdown]
# Two things are good to know before you believe such a bar.
#
# **Careful.** (1) A GPU does its work later: `net(images)` only puts orders into a queue, and returns at
# once. Who reads the clock then has measured the ordering. `watch.lap` waits until the queue is empty
# (`torch.cuda.synchronize`). (2) The first steps are slower, since memory is fetched and kernels are
# chosen, and a computer does other things besides. So we take the *median* of some steps, and where two
# ways are compared they take turns.

# %% [markdown]
# ## Feed it faster
#
# The part called *data* does no learning at all. Here are three ways to go through the same images in
# batches of 128, in random order:
#
# - **pictures**: as above, each picture for itself, then a `DataLoader`;
# - **tensors**: all pictures made into floats beforehand, in a `TensorDataset`, then a `DataLoader`;
# - **one tensor**: all pictures in a single tensor of bytes; pick 128 rows of it, then turn the batch into
#   floats. (`index_select(0, rows)` gives what `[rows]` gives, and copies each picture in one go. Does
#   that matter? Put the other in and see.)
#
# **Predict:** how many times more images a second will the second and the third way get through?

# %%
your_guess = None  # two factors

# %%
few = train[:1280]
moved = data.Split(few.images.to(device), few.labels.to(device))


def one_tensor(split, batch=128):
    """Batches in a random order: float images in [0, 1], labels."""
    for rows in torch.randperm(len(split), device=split.images.device).split(batch):
        yield data.as_float(split.images.index_select(0, rows)), split.labels[rows]


def through(batches):
    for images, labels in batches:
        images.to(device), labels.to(device)


floats = TensorDataset(data.as_float(few.images), few.labels)
feeds = {
    "pictures,\nDataLoader": lambda: through(DataLoader(Pictures(few), 128, shuffle=True)),
    "tensors,\nDataLoader": lambda: through(DataLoader(floats, 128, shuffle=True)),
    "one tensor": lambda: through(one_tensor(moved)),
}
threads = torch.get_num_threads()
torch.set_num_threads(1)  # so little work is not worth waiting for a second thread
taken = speed.medians(feeds, rounds=5, device=device)
torch.set_num_threads(threads)
fed = {name: len(few) / seconds for name, seconds in taken.items()}

# %%
pictures, tensors, whole = fed.values()
figures.show(
    figures.rates(fed, "images"),
    alt=f"Images a second on a logarithmic axis: tensors with a DataLoader give {tensors / pictures:.0f} "
    f"times as many as single pictures, one tensor {whole / pictures:.0f} times as many.",
)
print(f"your guess: {your_guess}")
assert tensors > 2 * pictures and whole > 10 * pictures

# %% [markdown]
# The same images arrive. Why this difference? Count how often torch was asked to do something until a
# batch was there:

# %%
orders = {}
for name, feed in feeds.items():
    calls = sum(cost.calls for cost in speed.operators(feed, steps=1).values())
    orders[name] = calls / (len(few) / 128)
    print(f"{' '.join(name.split())}: {orders[name]:,.0f} operators for a batch")
assert (
    min(orders["pictures,\nDataLoader"], orders["tensors,\nDataLoader"]) > 10 * orders["one tensor"]
)

# %% [markdown]
# It is not the arithmetic (there is next to none) but the number of *orders*. Each has a
# price of its own, however little it moves, and the first two ways give several of them for each single
# picture. The third gives a few for each batch. And since it keeps bytes and
# makes floats of them at the very end, it moves a quarter of the memory [Page 2018, part 1, does so on a
# GPU].

# %% [markdown]
# ## The law of the rest
#
# So one part of the step got *very much* faster. **Predict:** and the whole step?

# %%
your_guess = None  # a factor


# %%
def forever(split):
    while True:
        yield from one_tensor(split)


tutorial, quick = time_of_parts(loader, forever(moved))
total = sum(tutorial.values())
shares = {part: seconds / total for part, seconds in tutorial.items()}
gain = total / sum(quick.values())
figures.show(
    figures.step_parts({"pictures,\nDataLoader": tutorial, "one tensor": quick}),
    alt=f"Two bars, one training step each. With single pictures data is {shares['data']:.0%} of it, with "
    f"one tensor {quick['data'] / sum(quick.values()):.0%}; forward, backward and optimiser stay. The "
    f"whole step is {gain:.1f} times faster.",
)
print(f"your guess: {your_guess}; data × {tutorial['data'] / quick['data']:.0f}, step × {gain:.2f}")

# %% [markdown]
# Whoever makes one part faster is left with the others. This is **Amdahl's law**, and it is worth
# computing *before* you set to work. Write it for several parts at once: parts that take the `shares` of
# the time become faster by the factors `speedups`, and what belongs to none of them stays as it was.


# %%
def amdahl(shares, speedups):
    """shares (P,) of the time, together at most 1; speedups (P,), how many times faster each part
    gets, NumPy arrays -> how many times faster the whole gets, a number."""
    ...  # replace this line


check(amdahl)

# %%
hint(amdahl)

# %% [markdown]
# If a part takes the share s, then no trick whatsoever on that part gains more than 1 / (1 − s):

# %%
for part, share in shares.items():
    print(f"{part}: if it cost nothing, the step would be {1 / (1 - share):.2f} times faster")

# %% [markdown]
# ## What forward and backward consist of
#
# What remains is forward and backward. **Predict:** how many times as many operations does backward
# take as forward?

# %%
your_guess = None  # a factor

# %%
from torch.utils.flop_counter import FlopCounterMode

torch.manual_seed(0)
net = FastFashion().to(device)
images, labels = next(one_tensor(moved))
with FlopCounterMode(display=False) as forward:
    loss = F.cross_entropy(net(images), labels)
with FlopCounterMode(display=False) as backward:
    loss.backward()

trace = layers.trace(net, (1, 28, 28))
assert forward.get_total_flops() == 2 * trace.macs * len(images)
more = backward.get_total_flops() / forward.get_total_flops()
print(f"your guess: {your_guess}; backward takes {more:.2f} times the operations of forward")
assert 1.9 < more < 2

# %% [markdown]
# Nearly twice as many. Each layer needs *two* gradients, one by its weights and one by its input, and each
# costs what forward costs. It is not quite twice, since nobody asks for the gradient by the image. (A
# multiply-add counts as two operations.)
#
# A profiler says which of torch's operators the time goes to. `max_pool2d` you will recognise;
# `clamp_min` and `threshold_backward` are ReLU, and the `mm` family is the linear layer.

# %%
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def step():
    optimizer.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    optimizer.step()


costs = speed.operators(step, device)
longest = ", ".join(list(costs)[:3])
figures.show(
    figures.operators({name: cost.seconds for name, cost in costs.items()}),
    alt=f"Bars of torch's operators by their share of the time of a step. The longest are {longest}.",
)

# %% [markdown]
# ## Two limits and a roof
#
# Is that fast or slow? Compare with what the machine *can* do. Two things limit it: how many operations a
# second it computes, and how many bytes a second it gets from memory. Both can be measured: with the
# product of two large matrices, and with copying a large array.

# %%
ceilings = {"float32": speed.peak(device=device)}
able, _ = precision(net, device)
if able:
    ceilings["bfloat16"] = speed.peak(torch.bfloat16, device)
slopes = {
    "memory": speed.bandwidth(device),
    "cache": speed.bandwidth(device, mebibytes=4),  # so little that it stays close to the processor
}
for name, rate in ceilings.items():
    print(f"{name}: {rate / 1e9:,.0f} billion operations a second")
if not able:
    print("bfloat16: not tried, this machine does not multiply it")
for name, rate in slopes.items():
    print(f"{name}: {rate / 1e9:,.0f} billion bytes a second")
ridge = ceilings["float32"] / slopes["memory"]
print(f"while one byte comes from memory, {ridge:.1f} operations could be done")

# %% [markdown]
# So it depends on how much a layer *computes* with each byte that it gets: its **intensity**, in operations
# a byte. With little intensity it waits for memory, however fast the multipliers are. Then it can reach
# intensity × bandwidth; with much intensity, the peak. The lower of the two is the **roof**
# [Williams 2009].
#
# Work out the intensity of a convolution, from the shapes of what it reads and writes:


# %%
def intensity(images, weights, maps, bytes_each):
    """Shapes, as tuples: images (N, C, H, W), weights (F, C, K, K), maps (N, F, H', W'); bytes_each: bytes
    of one number -> operations a byte. A multiply-add is two operations; each number moves once."""
    ...  # replace this line


check(intensity)

# %%
hint(intensity)

# %% [markdown]
# Batch normalisation, ReLU and pooling multiply no weights: one to three operations for each number that
# goes by. **Predict:** which share of all operations of a forward pass do they do together? And which
# share of its time do they take?

# %%
your_guess = None  # two shares

# %%
batch = data.as_float(moved.images[:128])
seconds = speed.layer_seconds(net, batch)  # each layer for itself, with the input it would get
works = {layer.name: speed.work(layer, len(batch)) for layer in trace}
light = [layer.name for layer in trace if not layer.macs]
all_operations = sum(work.operations for work in works.values())
small = sum(works[name].operations for name in light) / all_operations
slow = sum(seconds[name] for name in light) / sum(seconds.values())
print(f"your guess: {your_guess}; {small:.1%} of the operations, {slow:.0%} of the time")
assert small < 0.01 and slow > 5 * small

# %% [markdown]
# Counting multiplications says little about waiting. Here is each layer below the roof:

# %%
roof = {
    name: min(ceilings["float32"], slopes["memory"] * work.intensity)
    for name, work in works.items()
}
reached = {name: work.operations / seconds[name] / roof[name] for name, work in works.items()}
points = {
    layer.name: (
        layer.kind,
        works[layer.name].intensity,
        works[layer.name].operations / seconds[layer.name],
    )
    for layer in trace
}
furthest = min(reached, key=reached.get)
figures.show(
    figures.roofline(points, ceilings, slopes),
    alt="Layers in a plane of operations a second against operations a byte, below a roof that rises with "
    "the bandwidth of memory and is flat at the peak. Batch norm, ReLU and pooling stand to the left of "
    f"the ridge, the 3 by 3 convolutions to the right. Furthest below the roof is {furthest}.",
)

# %%
print(f"{'layer':10}{'kind':13}{'operations/byte':>16}{'its roof':>10}{'reached':>9}{'time':>7}")
for layer in trace:
    name, work = layer.name, works[layer.name]
    side = "slope" if work.intensity < ridge else "flat"
    part = seconds[name] / sum(seconds.values())
    print(
        f"{name:10}{layer.kind:13}{work.intensity:16.2f}{side:>10}{reached[name]:9.0%}{part:7.0%}"
    )
assert all(works[name].intensity < ridge for name in light)

# %% [markdown]
# How to read it:
#
# - **Right of the ridge, near the roof:** the layer computes as fast as this machine can. Only fewer
#   operations help, or a higher roof (smaller numbers: bfloat16).
# - **Left of the ridge, near the slope:** it waits for memory. Faster multipliers would change nothing; less
#   to move would: smaller numbers, or several layers in one pass. Batch norm, ReLU and pooling belong to
#   the left on any machine that you are likely to meet: they do hardly anything with a number before they put it away.
# - **Above the slope:** its numbers were still in the cache from the layer before; the dashed slope is for
#   those.
# - **Far below both:** neither arithmetic nor memory is the reason. Then it is overhead (too little work to
#   keep the machine busy, as for most layers of so small a network on a GPU) or code that does not use
#   what the machine has. Here you can gain most.

# %%
print(f"furthest below its roof on this machine: {furthest}, {reached[furthest]:.0%} of it")

# %% [markdown]
# **Careful.** The roof is an upper limit, not a promise, and its edges are soft: the product of two matrices
# is *one* program, not the fastest possible one. On a GPU a convolution may even come out above it, since it
# may round its inputs (TF32) where the matrix product does not.

# %% [markdown]
# ## Same result, less work
#
# The best operation is one that nobody needs. Textbooks write convolution, ReLU, max pooling. **Predict:**
# what changes in the result if ReLU and pooling change places? And batch normalisation and pooling?

# %%
your_guess = None  # two words

# %%
dice = torch.Generator().manual_seed(0)
maps = torch.randn(128, 32, 14, 14, generator=dice).requires_grad_()
weight = torch.randn(128, 32, 7, 7, generator=dice)  # some loss, to have a gradient
usual, swapped = F.max_pool2d(maps.relu(), 2), F.max_pool2d(maps, 2).relu()
gradients = [torch.autograd.grad((one * weight).sum(), maps)[0] for one in (usual, swapped)]
print(f"numbers that ReLU has to look at: {maps.numel():,} or {swapped.numel():,}")
assert torch.equal(usual, swapped) and torch.equal(*gradients)
assert maps.numel() == 4 * swapped.numel()

# %% [markdown]
# Not a bit changes, neither in the result nor in the gradient: ReLU keeps the order of numbers (it never makes
# the smaller of two the larger one), so the largest stays the largest. A quarter of the work is enough.
#
# Batch normalisation multiplies each channel by a factor and adds an offset. If the factor is negative,
# the largest becomes the smallest:

# %%
norm = nn.BatchNorm2d(32).eval()
for factor in (1.5, -1.5):
    nn.init.constant_(norm.weight, factor)
    with torch.no_grad():
        same = torch.equal(F.max_pool2d(norm(maps), 2), norm(F.max_pool2d(maps, 2)))
    print(f"factor {factor:4}: {'the same' if same else 'not the same'}")
    assert same == (factor > 0)

# %% [markdown]
# And while training it takes mean and variance of other numbers, too. So pooling in front of batch norm
# makes *another network*, with just as many weights. Whether it is as good is a question for an
# experiment, not for algebra [Page 2018, part 8, tried it, too]:

# %%
accuracy = {}
for pooling in ("before ReLU", "before batch norm"):
    torch.manual_seed(0)
    variant = speed.pool_later(FastFashion(), pooling)
    variant.whiten(train.images[:1000])
    fit(variant, train, epochs=2, lr=0.2, progress=False)
    accuracy[pooling] = evaluate(variant, test)
    print(f"pooling {pooling}: {accuracy[pooling]:.1%} of the test images")
assert abs(np.subtract(*accuracy.values())) < 0.04

# %% [markdown]
# As good within the noise of a single run each. `FastFashion` pools first.

# %% [markdown]
# ## Four switches
#
# Now for your machine. A training step of `FastFashion` is measured with all combinations of
#
# - **numbers**: float32, or bfloat16 (half the bytes, eight significant bits, a higher roof, if the
#   machine multiplies them; weights and sums stay float32),
# - **layout** of a map in memory: channels first (a whole map after the other) or channels last (all
#   channels of a place side by side),
# - **pooling**: last, before ReLU, before batch norm,
# - **batch**: how many images share a step.
#
# **Predict:** which single switch gains most here?

# %%
your_guess = None  # numbers, layout, pooling or batch

# %%
measured = speed.switched(train, device=device)
explore.switches(measured)

# %% [markdown]
# The blue bar is your choice; the others show what would happen if you changed one thing. (Grey: less than
# five in a hundred either way; the next run may turn that round.) Of each setting the best of a few
# runs counts, since other programs can only slow it down. Try:
#
# 1. Always take the longest bar, until none is longer. How many steps did it take?
# 2. Does layout gain the same wherever pooling stands? Switches are not simply multiplied.
# 3. How large must a batch be before it stops helping?

# %%
slowest, fastest = (pick(measured, key=measured.get) for pick in (max, min))
print(f"slowest: {slowest}\nfastest: {fastest}")
print(f"{measured[slowest] / measured[fastest]:.1f} times as many images a second")
if not able:
    print("bfloat16 was left out: this machine does not multiply it.")

# %% [markdown]
# Did the layout matter? Look at max pooling alone. The numbers and the results are the same, only their
# order in memory differs:

# %%
with torch.no_grad():
    first = F.relu(maps).to(device)
    last = first.contiguous(memory_format=torch.channels_last)
    assert torch.equal(F.max_pool2d(first, 2), F.max_pool2d(last, 2))
    pooled = speed.medians(
        {
            "channels first": lambda: F.max_pool2d(first, 2),
            "channels last": lambda: F.max_pool2d(last, 2),
        },
        device=device,
    )
for name, taken in pooled.items():
    print(f"{name}: {1e6 * taken:.0f} µs")

# %% [markdown]
# A processor applies one instruction to several numbers at once, if they lie side by side. With channels
# last the neighbours in memory are the channels of one place, which all do the same thing. On a CPU,
# `training.fit` therefore keeps them last.
#
# **Careful.** Images a second are not accuracy a second. Twice the batch is half as many steps an epoch, and
# then the learning rate has to change as well. Who reports a speed-up should report the time to
# *the same accuracy* (as [Jordan 2024] does), with median and spread, on a machine that is named.

# %% [markdown]
# ## What we did not switch on
#
# **bfloat16 where it is emulated.** A machine that cannot multiply it converts every number, there and back,
# and gets slower. That is why `training.fit` asks the processor first (`training.precision`).
#
# **`torch.compile`.** It translates the whole network into a program of its own, which does several layers
# in one pass: fewer bytes, fewer orders, just what the roofline advises. But it translates at the first
# call, and that takes a while. By Amdahl's reasoning it pays only if (time saved a step) × (number of
# steps) is more than the translation. Our whole training is over in seconds; for a network that trains for
# days the sum looks different. Jordan [2024, §3.7] gains by it on a GPU, and counts the translation
# separately.
#
# **More workers for the `DataLoader`.** They read pictures in processes of their own, while the network
# computes. That hides the time, if there are cores to spare; it does not make it less.

# %% [markdown]
# ## Worked solutions
#
# `amdahl`: add up times, not speeds.


# %%
def amdahl(shares, speedups):
    now = 1 - shares.sum() + (shares / speedups).sum()
    return 1 / now


check(amdahl)
share, factor = np.array([shares["data"]]), np.array([tutorial["data"] / quick["data"]])
print(f"for our step: predicted × {amdahl(share, factor):.2f}, measured × {gain:.2f}")

# %% [markdown]
# `intensity`: each number of the maps is a sum of C · K · K products.

# %%
from math import prod


def intensity(images, weights, maps, bytes_each):
    operations = 2 * prod(maps) * prod(weights[1:])
    return operations / (bytes_each * (prod(images) + prod(weights) + prod(maps)))


check(intensity)
conv = trace["stages.2"]
shapes = (128, *conv.input_shape), tuple(net.stages[2].weight.shape), (128, *conv.output_shape)
assert intensity(*shapes, 4) == works["stages.2"].intensity
assert np.isclose(intensity(*shapes, 2), 2 * intensity(*shapes, 4))  # half the bytes

# %% [markdown]
# ## Summary
#
# 1. Measure before you mend: median of several runs that take turns, and on a GPU wait before you read the
#    clock.
# 2. Give a machine few large orders instead of many small ones; a whole tensor of bytes feeds a network
#    many times faster than single pictures.
# 3. Amdahl: a part that takes the share s can gain 1 / (1 − s) at most. Then look for the next part.
# 4. Roofline: the lower of peak and intensity × bandwidth is the limit; far below it the code is to blame,
#    or too little work.
# 5. Work that nobody needs is the best to save: pooling before ReLU gives the same numbers, to the bit.
#
# ## References
#
# - G. Amdahl. Validity of the single processor approach to achieving large scale computing capabilities.
#   *AFIPS* 30, 1967, pp. 483–485.
# - S. Williams, A. Waterman, D. Patterson. Roofline: an insightful visual performance model for multicore
#   architectures. *Communications of the ACM* 52(4), 2009, pp. 65–76 (the model: Figure 1).
# - D. Page. How to train your ResNet. myrtle.ai, 2018 (part 1: data on the GPU; part 8: moving the
#   max-pool layers, whitening patches).
# - K. Jordan. 94% on CIFAR-10 in 3.29 seconds on a single GPU. arXiv:2404.00498, 2024 (§3: what each step
#   gains; §3.7: compilation).
# - D. Kalamkar et al. A study of bfloat16 for deep learning training. arXiv:1905.12322, 2019.
# - PyTorch documentation: *Performance tuning guide*; *CUDA semantics* (asynchronous execution);
#   *Channels last memory format*; *Automatic mixed precision*.
