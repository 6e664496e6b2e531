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
# **What are you waiting for while a network trains?**
#
# Your computer can do billions of multiplications in a second. Still you wait, even for a small network. This
# section measures where the time goes, and how much a repair could gain. You need section 05. You may leave
# this section out: it covers no concept of the list in section 00.
#
# **The short answer:** on the computer that made this page, you wait for the forward and the backward pass. On another one it may be
# the reading of images. So you learn to measure.
#
# Afterwards you will be able to
#
# - measure the parts of a training step,
# - feed a network quickly,
# - compute how much a faster part can gain.
#
# Every time on this page was measured on one machine, with a CPU. Yours will differ, and it will differ from run
# to run. Where the text says *here*, it speaks of that machine.
#
# *About 20 min, 15 for the folded parts, 40 for all problems · CPU 20 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from cv_course import data, layers
from cv_course.plots import show
from cv_course.sections.s12_time import check, hint, model, play, reveal
from cv_course.training import choose_device

train, device = data.fashion_mnist().train, choose_device()  # a GPU if there is one

# %% [markdown]
# ## 1 One step has four parts
#
# Our network has two stages. Each stage is a convolution of 3 × 3, batch normalisation, ReLU and max pooling. **Batch
# normalisation** subtracts from each channel its mean over the batch, and divides it by its standard deviation (more in
# [section 08](08_alexnet.ipynb#Going-further:-response-normalisation-and-batch-normalisation)).


# %%
def stage(inputs, outputs):
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]


def network():
    stages = [*stage(1, 32), *stage(32, 64)]  # 28 → 14 → 7 pixels
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(64 * 7 * 7, 10)).to(device)


# %% [markdown]
# Most tutorials train like this. Images are read one by one, and a `DataLoader` makes batches of them. Then the same
# four parts follow again and again: get a batch (**data**), compute the loss (**forward**), compute the
# gradients (**backward**), change the weights (**update**). A stopwatch notes the time of each part. (`zero_grad` is
# called before, outside the stopwatch.)


# %%
def train_a_step(batches, net, optimizer, watch):
    images, labels = next(batches)
    watch.lap("data")
    loss = nn.functional.cross_entropy(net(images), labels)
    watch.lap("forward")
    loss.backward()
    watch.lap("backward")
    optimizer.step()
    watch.lap("update")


# %% tags=["hide-input"]
# @title OneByOne: images one by one; time_of_parts: the median of 12 steps
from PIL import Image
from torch.utils.data import Dataset, TensorDataset
from torchvision.transforms import ToTensor


class OneByOne(Dataset):
    def __init__(self, split):
        self.split, self.transform = split, ToTensor()

    def __len__(self):
        return len(self.split)

    def __getitem__(self, i):
        picture = Image.fromarray(self.split.images[i, 0].numpy())
        return self.transform(picture), int(self.split.labels[i])


def time_of_parts(feed, steps=12):
    """The median seconds of the four parts."""
    net, watch = network(), model.Stopwatch(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    batches = (tuple(part.to(device) for part in batch) for batch in feed)
    for _ in range(steps):
        optimizer.zero_grad()
        watch.lap()  # what came before does not count
        train_a_step(batches, net, optimizer, watch)
    return watch.medians()


# %% [markdown]
# **Predict:** which share of a step does each of the four parts take?

# %%
your_guess = "?"  # four shares, such as .25, .25, .25, .25

# %%
loader = DataLoader(OneByOne(train), batch_size=128, shuffle=True)
parts = time_of_parts(loader)  # trains 12 steps; name of a part -> its median time in seconds
said = ", ".join(f"{part} {time / sum(parts.values()):.0%}" for part, time in parts.items())
print(f"your guess: {your_guess}; measured: {said}")

# %% tags=["hide-input"]
# @title Figure 12.1
show(
    play.step_parts({"images\none by one": parts}),
    caption="Figure 12.1. One training step with 128 images, cut into its four parts (median of 12 steps).",
    alt=f"A bar for one training step, cut into its four parts: {said}.",
)

# %% [markdown]
# Here nearly all of the time goes to forward and backward. On a GPU, which computes much faster,
# it can be the data. We begin with *data*, the part that is easiest to mend.
#
# Three habits make such a measurement trustworthy:
#
# 1. Some steps take longer, often the first ones. So we take the *median* of several.
# 2. Other programs disturb. So when we compare two ways A and B, we measure them in turn: A, B, A, B …
# 3. A GPU works in the background: the call `net(images)` returns before the work is done. So the stopwatch waits for the GPU
#    before it reads the clock.

# %% [markdown]
# ## 2 Few large calls
#
# Getting the data does no learning at all. Can it be faster? Here are three ways to make batches of floats:
#
# - **images one by one**: as above. Each image first becomes a picture object, as if it came from a file, and then a tensor.
# - **tensors one by one**: all images are tensors from the start, but the `DataLoader` still picks them one by one.
# - **one tensor**: all images in a single tensor. Pick 128 rows of it at once.


# %%
def one_tensor(some, batch=128):  # some: a data set with images and labels
    order = torch.randperm(len(some), device=some.images.device)  # random positions
    for rows in order.split(batch):  # the next 128 of them
        yield data.as_float(some.images[rows]), some.labels[rows]


# %% [markdown]
# We also count the **calls** of PyTorch's operators for one batch. One addition or one copy is a call, however many numbers it handles.
#
# **Predict:** how many times faster than the first way are the second and the third?

# %%
your_guess = "?"  # two factors

# %% tags=["hide-input"]
# @title Measure the three ways
few = train[:1280]
moved = data.Split(few.images.to(device), few.labels.to(device))
ready = TensorDataset(few.images, few.labels)


def go_through(batches):
    for images, labels in batches:
        data.as_float(images.to(device)), labels.to(device)


ways = {
    "images one by one": lambda: go_through(DataLoader(OneByOne(few), 128, shuffle=True)),
    "tensors one by one": lambda: go_through(DataLoader(ready, 128, shuffle=True)),
    "one tensor": lambda: go_through(one_tensor(moved)),
}
threads = torch.get_num_threads()
torch.set_num_threads(1)  # so little work is not worth waiting for a second thread
taken = model.medians(ways, rounds=5, device=device)  # seconds for ten batches
calls = {name: model.calls(way) for name, way in ways.items()}
torch.set_num_threads(threads)

slowest = taken["images one by one"]
print(f"your guess: {your_guess}")
print(f"{'':18}{'images/s':>9}{'faster':>7}{'calls':>6}")
for name, seconds in taken.items():
    print(f"{name:18}{1280 / seconds:9,.0f}{slowest / seconds:6.0f}×{calls[name] / 10:6,.0f}")

# %% [markdown]
# In the first two ways, every single image needs several calls of its own. With one tensor, a few calls serve the
# whole batch. What does a call cost, if it has little to do?

# %% tags=["hide-input"]
# @title Time of one addition
ones = {size: torch.ones(size, device=device) for size in (1, 1_000, 1_000_000)}
# x=x: each function keeps an x of its own
additions = {size: lambda x=x: x + x for size, x in ones.items()}
for size, seconds in model.medians(additions, device=device).items():
    print(f"adding {size:9,} numbers: {1e6 * seconds:6.1f} µs")

# %% tags=["hide-input"]
# @title Checks: what this shows
one, two, three = taken.values()
assert one > 2 * two > 2 * three and one > 10 * three
assert min(calls["images one by one"], calls["tensors one by one"]) > 10 * calls["one tensor"]

# %% [markdown]
# One number costs about as much as a thousand. This fixed cost is called **overhead**. So many small calls cost much more than a few large ones. (Calls are not the whole difference: the slow ways also run more Python for each image.)

# %% [markdown]
# ## 3 Amdahl's law
#
# So *one tensor* makes one part of the step many times faster. And the whole step?

# %% tags=["hide-input"]
# @title Measure the data again, within a step (the gain is so large that we do not take turns)


def forever(split):  # begins again after the last batch
    while True:
        yield from one_tensor(split)


quick = time_of_parts(forever(moved))
step = sum(parts.values())
repaired = parts | {"data": quick["data"]}  # the other three parts take as long as before
gain = step / sum(repaired.values())
print(f"whole step: {gain:.2f} times faster, if the other parts take as long as before")

# %% tags=["hide-input"]
# @title Figure 12.2
show(
    play.step_parts({"images\none by one": parts, "one tensor": repaired}),
    caption="Figure 12.2. The step of Figure 12.1, and the same step with the quick way to get the data. Only data was measured again.",
    alt=f"Two bars, one training step each. With images one by one, data is {parts['data'] / step:.0%} "
    f"of it, with one tensor {quick['data'] / sum(repaired.values()):.0%}. Forward, backward and update are taken over. "
    f"The whole step is {gain:.2f} times faster.",
)

# %% [markdown]
# The other parts limit the gain. Say data takes 2 of 10 seconds. If it took *no* time, 8 seconds would remain, and the
# step would be 10 / 8 = 1.25 times faster. No repair of the data can gain more. This is **Amdahl's law** [Amdahl 1967].
# It is worth computing before you start to work. For a part with the share $s$ of the time, the limit is
# $1 / (1 - s)$.
#
# Usually a part becomes faster, but does not vanish. Then add up the new times of all parts. Write this for several
# parts, each with its own speedup:


# %%
def amdahl(shares, speedups):
    """P parts become faster. Two NumPy arrays of P numbers, in the same order:
    shares, the share of the old time that each part takes; speedups, how many times faster it gets.
    The rest of the time, if any, stays as it was.
    Returns how many times faster the whole gets."""
    ...  # replace this line


check(amdahl)

# %%
hint(amdahl)

# %% [markdown]
# So this is the most that each part can gain here:

# %% tags=["hide-input"]
# @title The limit for each part
for part, seconds in parts.items():
    print(f"if {part} took no time: the step is {1 / (1 - seconds / step):.2f} times faster")

# %% [markdown]
# Compare the line for *data* with the gain of the whole step above: the quick way comes close to the limit.
#
# Here forward and backward take most of the time. *Going further* asks whether they are as fast as they can be.

# %% [markdown]
# ## Summary
#
# 1. What are you waiting for? Here for forward and backward. Elsewhere
#    it may be the data.
# 2. Measure first: medians, in turns, and wait for the GPU before you read the clock.
# 3. Few large calls are faster than many small ones, if each small call has little to do.
# 4. If a part takes the share s of the time, the whole gets at most 1 / (1 − s) times faster.
# 5. *Going further* shows what limits a layer, and four settings that can make a step faster.

# %% [markdown]
# ## Going further: two limits of a machine
#
# For a second reading: whether a layer waits for arithmetic, for memory, or for something else.

# %% [markdown]
# A machine can do only a certain number of **operations** (additions, multiplications, comparisons; FLOPs in papers) per second, its **peak**. And it can
# fetch only a certain number of bytes per second from memory, its **bandwidth**. We measure both: with the product of two large matrices, and by
# copying a large array.

# %%
for name in sorted({"cpu", device.type}):  # two lines more if there is a GPU
    peak, bandwidth = model.peak(name), model.bandwidth(name)
    print(
        f"{name}: {peak / 1e9:,.0f} billion operations per second, {bandwidth / 1e9:,.0f} GB per second"
    )
    print(f"     while one byte comes from memory: {peak / bandwidth:.1f} operations")

# %% [markdown]
# The last line says how many operations the processor can do while it waits for one byte. A layer
# that does fewer operations with each byte lets the processor wait for memory. The operations per
# byte are its **arithmetic intensity**. ReLU reads a number of 4 bytes, compares it with 0, and
# writes 4 bytes. Its intensity is 1/8. That is one operation per 8 bytes. Our processor could do
# many more in the time of 8 bytes (8 times the last number printed above). So if the numbers come
# from memory, ReLU waits for them, and does far fewer operations per second than the peak. (A
# processor also has a small, fast memory inside, the **cache**. Numbers that were used just before
# may still be there.) Batch normalisation does about five operations on each number, which gives
# 5/8. Max pooling compares 4 numbers (3 operations), reads 4 and writes 1 (20 bytes): 3/20. Now
# compute the intensity of a convolution.


# %%
def intensity(images, weights, maps, bytes_each):
    """The shapes, as tuples: images (N, C, H, W) come in, weights (F, C, K, K), maps (N, F, H', W') go out.
    A multiply-accumulate is two operations. Each number has bytes_each bytes and moves once.
    -> operations per byte, a number"""
    ...  # replace this line


check(intensity)

# %%
hint(intensity)

# %% [markdown]
# A layer with intensity I can do at most I × bandwidth operations per second, and never more than the peak. The lower of the
# two is its **roof**, drawn as a *roofline* [Williams 2009].
#
# Batch normalisation, ReLU and pooling together do few operations. **Predict:** which share of all operations of a forward
# pass, and which share of its time?

# %%
your_guess = "?"  # two shares

# %%
net, batch = network(), data.as_float(moved.images[:128])
rows = list(layers.trace(net, (1, 28, 28)))  # one row for each layer: shapes, weights …
rows = [row for row in rows if row.kind != "Flatten"]
turns = model.in_turns(net, batch)  # forward time of each layer alone; peak and bandwidth again
seconds, peak, bandwidth = turns.layers, turns.peak, turns.bandwidth
works = {row.name: model.work(row, len(batch)) for row in rows}

# %%
light = [row.name for row in rows if not row.macs]  # no weights to multiply
operations = {name: work.operations for name, work in works.items()}
few_operations = sum(operations[name] for name in light) / sum(operations.values())
total = sum(seconds[row.name] for row in rows)
their_time = sum(seconds[name] for name in light) / total
print(f"your guess: {your_guess}; operations: {few_operations:.1%}, time: {their_time:.0%}")

# %%
reached = {}
print(f"{'layer':11}{'ops/byte':>9}{'of roof':>9}{'of time':>9}")
for row in rows:
    work, time = works[row.name], seconds[row.name]
    roof = min(peak, bandwidth * work.intensity)
    reached[row.name] = work.operations / time / roof
    print(f"{row.kind:11}{work.intensity:9.3f}{reached[row.name]:9.0%}{time / total:9.0%}")

# %% tags=["hide-input"]
# @title In sum
far = sum(seconds[name] for name in reached if reached[name] < 0.5) / total
print(f"layers that reach less than half of their roof: {far:.0%} of the time")
print(f"all layers alone: {1e3 * total:.0f} ms; the whole network: {1e3 * turns.whole:.0f} ms")

# %% tags=["hide-input"]
# @title Figure 12.3
points = {
    row.name: (row.kind, works[row.name].intensity, works[row.name].operations / seconds[row.name])
    for row in rows
}
slopes = {"memory": bandwidth, "cache": model.bandwidth(device, mebibytes=4)}
show(
    play.roofline(points, peak, slopes),
    caption="Figure 12.3. Each layer of the network (a mark, with the number of its stage) and the roof of this machine (black). Left, the "
    "roof is a slope: bandwidth × intensity. Right, it is flat: the peak. Both axes are logarithmic.",
    alt="Layers in a plane of operations per second against operations a byte, below a roof that rises with the "
    "bandwidth of memory and is flat at the peak. Batch normalisation, ReLU and pooling stand on the left, the "
    "convolutions further right.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
# Some layers move more bytes than counted (in training, batch normalisation reads its input twice,
# max pooling also writes positions), so their true roof is lower, by up to a third.
assert few_operations < 0.04 and their_time > 5 * few_operations
assert all(works[name].intensity < min(1, peak / bandwidth) for name in light)
assert works[rows[4].name].intensity > 40  # the convolution with 32 channels

# %% [markdown]
# Read it like this:
#
# - **Right, near the roof:** the layer computes as fast as the machine can. Only fewer or cheaper operations help (*Going further: four switches*).
# - **Left, near the slope:** the layer waits for memory. Faster arithmetic would change nothing.
# - **Above the slope:** its numbers probably came from the cache. The dashed slope is the bandwidth of the
#   cache, measured in the same way.
# - **Above the flat part:** its code may be even faster than the matrix product with which we measured the peak. Or the measurements vary.
# - **Far below the roof:** neither limit explains it. It may be overhead, or the code does not use what the machine has. There you can gain most, if the layer takes much of the time.
#
# (We measured each layer alone, again and again with the same numbers, which may stay in the
# cache. In the whole network a layer can take longer, so the last printed line may show a larger
# time for the whole.)
#
# So counting operations does not predict the time. Batch normalisation, ReLU and pooling do few of
# the operations, and take a much larger share of the time. Here much of it goes to max pooling,
# which is far below its roof. (Other layers are, too. We look into one of them.) Can its code be
# the reason? The same numbers can be stored with **channels first**, one whole map after the
# other. With **channels last**, all channels of a position lie side by side.

# %%
maps, pool = net[:3](batch).detach(), net[3]  # what the first pooling gets
layouts = {"first": maps, "last": maps.to(memory_format=torch.channels_last)}
pooling = {name: lambda maps=maps: pool(maps) for name, maps in layouts.items()}
for name, time in model.medians(pooling, device=device).items():
    print(f"max pooling, channels {name}: {1e3 * time:.1f} ms")

# %% [markdown]
# We changed only the layout, and here the same operation is much faster. A likely reason: pooling does the same to each channel, and a processor can
# treat several numbers that lie side by side with one instruction.

# %% [markdown]
# ## Going further: same result, less work
#
# For a second reading: an order of layers that gives the same numbers with less work.

# %% [markdown]
# The cheapest operation is the one that you leave out. In most networks ReLU comes before max pooling. **Predict:** what changes in the
# result if pooling comes first? And if pooling comes before batch normalisation?

# %%
your_guess = "?"  # for example: nothing, everything

# %%
torch.manual_seed(0)
maps, norm = torch.randn(128, 32, 14, 14), nn.BatchNorm2d(32)  # in training mode
usual, swapped = pool(maps.relu()), pool(maps).relu()
print("ReLU and pooling: the same?", torch.equal(usual, swapped))
difference = (pool(norm(maps)) - norm(pool(maps))).abs().mean()
print(f"batch normalisation and pooling: mean difference {difference:.2f}")

# %% tags=["hide-input"]
# @title Checks: what this shows
assert torch.equal(usual, swapped)
weight, grown = torch.randn(128, 32, 7, 7), maps.clone().requires_grad_()
both = [pool(grown.relu()), pool(grown).relu()]
assert torch.equal(*(torch.autograd.grad((one * weight).sum(), grown)[0] for one in both))
assert difference > 0.5
norm.eval()  # a negative factor makes another network in eval mode, too
nn.init.constant_(norm.weight, -1.5)
assert not torch.equal(pool(norm(maps)), norm(pool(maps)))

# %% [markdown]
# ReLU never makes the smaller of two numbers the larger one. So the largest stays the largest, and the result is equal to the last
# bit.  After pooling, ReLU has a quarter of the work. In the table, ReLU takes little of the time of the forward pass. So by Amdahl's law the gain there is small. Figure 12.4 measures the whole step.
#
# With batch normalisation it is different. The mean difference is large: normalised numbers have
# the standard deviation 1. If pooling comes first, the mean and the variance are those of the
# pooled maps. So in training, this is *another network*.

# %% [markdown]
# ## Going further: four switches
#
# For a second reading: what four settings gain on your machine, one by one and together.

# %% [markdown]
# How much does all this gain on your machine? We measure forward, backward and update, without getting the data, with each combination of
#
# - **numbers**: float32, or bfloat16 (half the bytes, and faster multiplications, on machines that
#   have bfloat16),
# - **layout** in memory: channels first or channels last, as above,
# - **pooling**: last, before ReLU, or before batch normalisation (which is another network, see above),
# - **batch**: images in one step.
#
# **Predict:** which single switch gains most?

# %%
your_guess = "?"  # numbers, layout, pooling or batch

# %% tags=["hide-input"]
# @title Figure 12.4 (interactive)
rounds = model.switched(train, device=device)
measured = {
    setting: seconds[0] for setting, seconds in rounds.items()
}  # the fastest of three rounds
repeats = np.median([seconds[1] / seconds[0] - 1 for seconds in rounds.values()])
chance = max(0.1, repeats)
show(
    play.switches(measured, chance),
    caption="Figure 12.4. Images per second as chosen (blue), and what each single change would give: green more, orange "
    f"less, grey a change by a factor of less than {1 + chance:.2f}. (Of each setting, the fastest of three rounds.)",
)
print(f"in this run, two measurements of the same setting typically differ by {repeats:.0%}")

# %% tags=["hide-input"]
# @title The best switch, and the best setting
start = model.Switches()  # measured: seconds per image
single = play.single_changes(start, measured)  # images per second
best = max(single, key=lambda name: single[name] or 0)
print(f"your guess: {your_guess}")
print(f"best single switch: {best}, × {single[best] * measured[start]:.2f}")
same = [state for state in measured if state.pooling != "before batch norm"]
for name, states in (("the same network", same), ("other networks, too", measured)):
    fastest = min(states, key=measured.get)
    print(f"fastest, {name}: × {measured[start] / measured[fastest]:.1f} ({play.words(fastest)})")

# %% [markdown]
# Set the switch with the longest bar. Look again, and go on until no bar is longer than the blue
# one. (On a web page, step through some states.) What a switch gains can depend on the others. And
# less work does not always take less time: PyTorch may have faster code for one order of layers,
# or for one number format, than for another. (We did not test the reasons.) The machine may also
# be busier in some minutes than in others, so small gains may be chance. Measure again before you
# trust them. bfloat16 can gain even where a layer waits for memory, since its numbers have half
# the bytes. The layout changes the result only by rounding. The number format rounds much more.
#
# A faster step is not yet a faster training. With twice the batch, an epoch has half as many steps, and the learning rate usually
# must change. So compare the time to *the same accuracy*, with several runs, and name the machine.

# %% [markdown]
# ## Going further: what we did not switch on
#
# For a second reading: two more ways to save time.

# %% [markdown]
# - **`torch.compile`** turns the network into a program that does several layers in one pass, so fewer bytes move. The translation itself
#   takes time. It pays if (time saved per step) × (steps) is more than that.
# - **More workers of the `DataLoader`** read images in other processes while the network computes. This hides the time of the
#   data, if there are free cores.

# %% [markdown]
# ## Problem set

# %% [markdown]
# **1 · A limit** ★ 2 min. Pencil and paper; `check` says what is asked.

# %%
check(most_gain=...)

# %% [markdown]
# **2 · Debug** ★★ 5 min. Two batches of 100 images take 1 s and 4 s. These are 200 images in 5 s, 40 per second. This function says
# 62.5. Mend it, then call `check(images_per_second)`.


# %%
def images_per_second(seconds, batch):
    """seconds (B,) of each of B batches, NumPy array; batch: images in each -> images per second."""
    return np.mean(batch / seconds)


# %% [markdown]
# **3 · Design** ★★ 8 min. Data takes .5 of the time, backward .3, forward .15. You have six days. Each day makes one part twice as
# fast as before. Make the whole 3.8 times faster.

# %%
check(my_days=(6, 0, 0))  # days for data, backward, forward

# %% [markdown]
# **4 · Intensity** ★ 2 min, after *Going further: two limits of a machine*.

# %%
check(relu_intensity=...)

# %% [markdown]
# **5 · Explain** ★★ 5 min, after *Going further: four switches*. Why can a larger batch be faster per image, and the training not be faster?

# %%
reveal(larger_batch=...)

# %% [markdown]
# **6 · Your own step** ★★★ 20 min, open. Take `train_a_step` and any network of sections 05 to 10. Measure its four parts, compute what
# Amdahl allows, and make the largest part faster.

# %% [markdown]
# ## Solutions
#
# Open the cell when you have tried.

# %% tags=["hide-input"]
# @title Solutions
from math import prod


def amdahl(shares, speedups):
    now = 1 - shares.sum() + (shares / speedups).sum()  # add up times, not speeds
    return 1 / now


def intensity(images, weights, maps, bytes_each):
    operations = (
        2 * prod(maps) * prod(weights[1:])
    )  # each number of the maps sums C · K · K products
    return operations / (bytes_each * (prod(images) + prod(weights) + prod(maps)))


def images_per_second(seconds, batch):
    return batch * len(seconds) / seconds.sum()


_ = [
    check(amdahl),
    check(intensity),
    check(images_per_second),
    check(most_gain=1 / 0.4, relu_intensity=1 / 4),
    check(my_days=(3, 2, 1)),
]

# %% [markdown]
# ## References
#
# - G. Amdahl. Validity of the single processor approach to achieving large scale computing capabilities.
#   *AFIPS* 30, 1967, pp. 483–485.
# - S. Williams, A. Waterman, D. Patterson. Roofline: an insightful visual performance model for multicore
#   architectures. *Communications of the ACM* 52(4), 2009, pp. 65–76 (the model: Figure 1).
# - D. Page. How to train your ResNet. myrtle.ai, 2018 (a series; part 1: a bottleneck in loading the data).
# - K. Jordan. 94% on CIFAR-10 in 3.29 seconds on a single GPU. arXiv:2404.00498, 2024 (compares times to the same
#   accuracy).
# - PyTorch documentation: *Performance tuning guide*; *CUDA semantics* (asynchronous execution);
#   *Channels last memory format*.
