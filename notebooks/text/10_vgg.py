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
# # 10 · VGG
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/10_vgg.ipynb)
#
# One kernel size, one pooling, one question: what happens if we only go deeper? And why does nobody
# need an 11 × 11 kernel any more?
#
# *About 60 min · CPU 40 s*
#
# Afterwards you will be able to
#
# - build six published networks from a table of a few lines, and count their weights and work exactly,
# - say what a stack of small kernels saves, what it costs, and when it is the dearer choice,
# - prepare images for such a network, and reuse what it has learned for classes that it never saw.
#
# You need sections 05 (convolution), 08 (AlexNet) and 09 (receptive fields).

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## Six networks from one table
#
# Two years after AlexNet, a group in Oxford (the *Visual Geometry Group*) changed a single thing at a
# time: the depth. Kernels are 3 × 3, pooling is 2 × 2, and the number of channels doubles when the maps
# are halved. A network is then described by very little text. This is the largest of them:

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import data, explore, figures, layers
from cv_course.checks import check, hint
from cv_course.networks.vgg import CONFIGS, VGG, read_stage, vgg

print(*CONFIGS["E"], sep="\n")

# %% [markdown]
# A line is a **stage**: `3-64` is a convolution with 64 kernels of 3 × 3, followed by ReLU; a 2 × 2
# max pooling ends the stage. One short function makes the layers of any such text (the package's own
# has some options more).


# %%
def features(stages, channels=3):
    made = []
    for stage in stages:
        for kernel, width in (map(int, word.split("-")) for word in stage.split()):
            made += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.ReLU()]
            channels = width
        made.append(nn.MaxPool2d(2))
    return nn.Sequential(*made)


# %% [markdown]
# Behind the last stage come three full layers, like AlexNet's. AlexNet has 8 layers with weights and
# 61 million weights. **Predict:** the largest VGG is more than twice as deep, with small kernels only.
# How many weights has it? Fewer, about as many, more?

# %%
your_guess = None  # in millions

# %%
with torch.device("meta"):  # shapes without memory
    traces = {name: layers.trace(vgg(name), (3, 224, 224)) for name in CONFIGS}
    ours = layers.count_parameters(features(CONFIGS["E"]))
assert ours == traces["E"].only("Conv2d").parameters
figures.show(
    figures.configurations(traces),
    alt="Six columns, networks A, A-LRN, B, C, D, E, with 11 to 19 layers in five stages of 3 × 3 "
    "convolutions, each ended by pooling. A-LRN has one normalisation, C three 1 × 1 convolutions. "
    "Below, the same three full layers, and 133 to 144 million weights.",
)

# %% [markdown]
# That is Table 1 of the paper, and in its last line Table 2; nothing was typed in, all of it was read
# from the networks. In full:

# %% tags=["nbval-check-output"]
for name, trace in traces.items():
    depth = len(trace.only("Conv2d", "Linear"))
    print(f"{name:5}  {depth} layers  {trace.parameters:,} weights  {trace.macs / 1e9:5.2f} GMACs")
in_millions = [f"{trace.parameters / 1e6:.0f}" for trace in traces.values()]
assert in_millions == ["133", "133", "133", "134", "138", "144"]
assert [trace.parameters for trace in traces.values()] == [
    *(132_863_336, 132_863_336, 133_047_848, 133_638_952, 138_357_544, 143_667_240)
]
assert [round(traces[n].macs / 1e9, 2) for n in "ABCDE"] == [7.61, 11.31, 11.77, 15.47, 19.63]

# %% [markdown]
# (Weights means weights and biases here; a MAC is one multiplication with its addition.) More than
# twice AlexNet's 61 million! D and E are the ones that are called VGG-16 and VGG-19 today. Between A
# and E, eight layers make a difference of only 11 million. Count it yourself: the whole of Table 2
# with one function.


# %%
def count_vgg(kernels, widths, poolings, classes):
    """kernels (L,), widths (L,): side and number of the kernels of each convolution, from the image
    (3 channels, 224 × 224) on; poolings: how many 2 × 2 poolings; classes -> all weights and biases,
    with the three full layers (4096, 4096, classes)."""
    ...  # replace this line


check(count_vgg)

# %%
hint(count_vgg)

# %% [markdown]
# "Deep, deeper than AlexNet, and simpler", says the lecture: "only 3 × 3 convolution and 2 × 2 max
# pooling, no local response normalisation".
#
# **Careful.** Look at the table: two of the six do not keep that rule. *C* has three 1 × 1
# convolutions, and *A-LRN* has AlexNet's normalisation. They are there as tests: A-LRN was no better
# than A (top-1 error 29.7 against 29.6%), and so the authors left the normalisation out of all deeper
# networks. And the three full layers of AlexNet were kept, in all of them.
#
# What can a 1 × 1 convolution do at all, if it looks at a single place? **Predict:** what does it
# amount to? A constant factor? A full layer? Nothing?

# %%
your_guess = None

# %%
torch.manual_seed(0)
one_by_one, maps = nn.Conv2d(8, 5, 1).double(), torch.rand(2, 8, 6, 7, dtype=torch.float64)
full = one_by_one.weight.flatten(1), one_by_one.bias
every_place = F.linear(maps.permute(0, 2, 3, 1), *full).permute(0, 3, 1, 2)
print(f"largest difference {(one_by_one(maps) - every_place).abs().max():.0e}")
assert torch.allclose(one_by_one(maps), every_place)

# %% [markdown]
# A full layer *over the channels*, the same one at every place. It mixes what the other kernels have
# found there, and with its ReLU it adds a nonlinearity, but it never looks around. So C sees no
# farther than B, though it is three layers deeper, and D sees farther:

# %% tags=["nbval-check-output"]
pool5 = {name: trace.only("MaxPool2d")[-1].receptive_field[0] for name, trace in traces.items()}
print(pool5)
assert pool5 == {"A": 150, "A-LRN": 150, "B": 156, "C": 156, "D": 212, "E": 268}

# %% [markdown]
# (The receptive fields of a unit of the last pooling, in pixels: section 09.) C is better than B (28.1
# against 28.7% top-1 error), so more nonlinearity helps by itself; D is better than C (27.0%), so it
# also matters to take in the surroundings. That is the paper's own reading (§4), and a model of how to
# find out *why* something helps.
#
# *Concepts 55, 56*

# %% [markdown]
# ## Three small kernels for a large one
#
# Why would 3 × 3 be enough? Put three of them on top of each other. **Predict:** how large is the
# piece of the image that one unit behind them depends on?

# %%
your_guess = None  # side of a square, in pixels


# %%
def blocks(channels):
    stack = nn.Sequential(*[nn.Conv2d(channels, channels, 3, bias=False) for _ in range(3)])
    return {"three 3 × 3": stack, "one 7 × 7": nn.Conv2d(channels, channels, 7, bias=False)}


# %% tags=["nbval-check-output"]
C = 64
traced = {name: layers.trace(block, (C, 32, 32)) for name, block in blocks(C).items()}
for name, trace in traced.items():
    print(f"{name}: sees {trace[-1].receptive_field[0]} pixels, has {trace.parameters:,} weights")
three, one = traced.values()
assert three[-1].receptive_field == one[-1].receptive_field == (7, 7)
assert three.parameters == 27 * C**2 and one.parameters == 49 * C**2
print(f"the 7 × 7 has {one.parameters / three.parameters - 1:.0%} more")
assert round(49 / 27 - 1, 2) == 0.81

# %% [markdown]
# The same 7 pixels, with 27C² weights instead of 49C²: the large kernel needs "81% more" (§2.3).
#
# But can the stack *do* what the large kernel does? First without the ReLUs. Two convolutions, one
# after the other, are a convolution again, and you can write down its kernel.


# %%
def merge_kernels(first, second):
    """first (M, C, k, k), second (F, M, l, l), NumPy arrays, the weights of two convolutions without
    bias and padding, one after the other -> (F, C, k+l-1, k+l-1): the weights of the one that does
    the same."""
    ...  # replace this line


check(merge_kernels)

# %%
hint(merge_kernels)

# %% [markdown]
# A convolution can do that for us, too: show the stack images that are black but for one dot, and
# read what comes out (that is how `as_matrix` in section 05 worked). **Predict:** how far apart
# will the answers of a *linear* stack and of its 7 × 7 kernel be?

# %%
your_guess = None


# %%
def one_kernel(stack):
    """The single kernel of a stack of three 3 × 3 convolutions without bias and nonlinearity."""
    inputs = stack[0].in_channels
    dots = F.pad(torch.eye(inputs, dtype=torch.float64)[:, :, None, None], [6] * 4)
    return stack(dots).transpose(0, 1).flip(2, 3)  # the dot moves the other way than the window


torch.manual_seed(0)
stack = blocks(8)["three 3 × 3"].double()
images = torch.randn(4, 8, 20, 20, dtype=torch.float64)
with torch.no_grad():
    kernel = one_kernel(stack)
    difference = (stack(images) - F.conv2d(images, kernel)).abs().max().item()
print(f"kernel {tuple(kernel.shape)}; largest difference {difference:.0e}")
assert kernel.shape[2:] == (7, 7) and difference < 1e-13

# %% [markdown]
# Rounding, no more: without nonlinearity between them, three layers are one layer. But the way back is
# closed: 49C² numbers do not fit into 27C², so most 7 × 7 kernels are no stack of three. The paper calls
# this a *regularisation*: the large kernel is forced into a form that small ones can make.
#
# **Careful.** "Equals a 7 × 7" is exact without padding. With zeros around *each* layer, as VGG pads,
# it holds inside; along the border the second and third layer meet zeros where the large kernel would
# have seen results. The fields of the units there do not fit into the image.

# %%
padded = nn.Sequential(*[nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(3)]).double()
padded.load_state_dict(stack.state_dict())
with torch.no_grad():
    gap = (padded(images) - F.conv2d(images, kernel, padding=3)).abs().amax((0, 1))
print(f"inside {gap[2:-2, 2:-2].max():.0e}, at the border {gap[0].max():.2f}")
assert gap[2:-2, 2:-2].max() < 1e-13 and gap[0].max() > 0.01

# %% [markdown]
# *With* a ReLU behind each layer the stack is something that no single kernel can be. One kernel
# answers to the sum of two images with the sum of its answers. The stack does not:

# %%
bent = nn.Sequential(stack[0], nn.ReLU(), stack[1], nn.ReLU(), stack[2])
with torch.no_grad():
    a, b = images[:2], images[2:]
    for name, net in (("linear", stack), ("with ReLU", bent)):
        off = (net(a + b) - net(a) - net(b)).abs().max() / net(a + b).abs().max()
        print(f"{name}: the answer to a sum is off by {off:.0e} of the largest")
assert off > 0.01

# %% [markdown]
# So far the arithmetic. Does it show in the accuracy? Three networks that differ in one block: a 7 × 7
# convolution, three 3 × 3 with ReLU, and three 3 × 3 *without* ReLU between them. **Predict** their
# order.

# %%
your_guess = None  # best first


# %%
def block_net(kind, channels=16):
    block = [nn.Conv2d(channels, channels, 7, padding=3), nn.ReLU()]
    if kind != "one 7 × 7":
        small = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3)]
        between = nn.ReLU() if kind == "three 3 × 3" else nn.Identity()
        block = [small[0], between, small[1], between, small[2], nn.ReLU()]
    net = nn.Sequential(
        *(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), *block),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(49 * channels, 10)),
    )
    for layer in net:  # first weights that keep the signal's size, see below
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return net


# %%
from cv_course.training import evaluate, fit

fashion = data.fashion_mnist()
some = fashion.train[torch.randperm(len(fashion.train), generator=torch.manual_seed(0))[:4000]]
found = {}
for kind in ("one 7 × 7", "three 3 × 3", "three 3 × 3, linear"):
    torch.manual_seed(0)
    net = block_net(kind)
    weights = layers.count_parameters(net[3:-3])
    fit(net, some, epochs=3, lr=0.02, progress=False)
    found[kind] = weights, evaluate(net, fashion.test)
    print(f"{kind:20} {weights:6,} weights in the block, test accuracy {found[kind][1]:.2f}")

# %%
assert found["one 7 × 7"][0] == 12_560 and found["three 3 × 3"][0] == 6_960
assert min(accuracy for _, accuracy in found.values()) > 0.5
assert abs(found["one 7 × 7"][1] - found["three 3 × 3"][1]) < 0.09

# %% [markdown]
# A little more than half of the weights, and about the same accuracy: that much we can see. Which of
# the three is *first* changes with the seed; the stack without ReLU can be the first and the last.
#
# **Careful.** "More nonlinearity, so it learns more complex functions" is true of what a stack
# *can* do. That it *pays* cannot be seen on small grey pictures of clothes. The paper saw it on
# ImageNet: it replaced each pair of 3 × 3 layers in B by one 5 × 5, and the top-1 error rose by 7
# points (§4).
#
# Now for yourself: depth, and channels. Then set *channels that come in* to 3, which is the case of
# the first layer of all. **Predict** what happens to the savings.

# %%
explore.stacks()

# %% tags=["nbval-check-output"]
from cv_course.explore.vgg import stack_costs

for came in (64, 3, 1):
    stacked, large = stack_costs(depth=3, came=came, made=64)["weights"]
    print(f"{came:2} → 64 channels: stack {stacked:7,}, one 7 × 7 {large:7,}")
assert stack_costs(3, 64, 64)["weights"] == (27 * 64**2, 49 * 64**2)
assert stack_costs(3, 3, 64)["weights"][0] > 8 * stack_costs(3, 3, 64)["weights"][1]

# %% [markdown]
# At the image itself the stack is eight times as *dear*: the large kernel reads 3 channels, the
# second and third small one read 64. "27 against 49" is a statement about layers with as many
# channels going in as coming out. (Later networks, such as ResNet, do begin with a single 7 × 7.)
# And in any case the stack must keep three times as many numbers for the way back of the gradient.
#
# **Careful.** And so "small kernels, hence fewer parameters" is true of the *block*, not of the
# network: VGG-16 has 138 million weights and AlexNet 61 million. Where are they, then?
#
# *Concepts 61, 62*

# %% [markdown]
# ## Where the weights are, and where the work is
#
# **Predict** for VGG-16: which share of its weights is in the 13 convolutions? Which share of the
# multiplications? And which layers take the memory while training?

# %%
your_guess = None  # two percentages, and some layers

# %%
sixteen = traces["D"]
figures.show(
    figures.layer_costs(sixteen),
    alt="Bars for the 16 layers of VGG-16. Weights: nearly all in the three full layers, three quarters "
    "in the first of them. Multiplications: all in the convolutions, evenly over the first four stages. "
    "Activations: most in the first two stages.",
)

# %% tags=["nbval-check-output"]
convolutions, full = sixteen.only("Conv2d"), sixteen.only("Linear")
kept = [np.prod(row.output_shape) for row in convolutions]
print(f"weights: {full.parameters / sixteen.parameters:.0%} in the full layers")
print(f"multiplications: {convolutions.macs / sixteen.macs:.1%} in the convolutions")
print(f"activations of the convolutions: {sum(kept[:4]) / sum(kept):.0%} in the first four")
assert full.parameters == 123_642_856 and full[0].parameters == 102_764_544
assert all(trace.only("Linear").parameters == full.parameters for trace in traces.values())
assert round(full.parameters / sixteen.parameters, 2) == 0.89
assert convolutions.macs > 0.99 * sixteen.macs and sum(kept[:4]) > 0.7 * sum(kept)

# %% [markdown]
# Three budgets, three places: the weights lie in the full layers (89%, all six networks have the
# same ones), the work is done by the convolutions, the memory for activations goes to the first
# maps, which are large. Depth is cheap in weights because the *convolutions* are cheap; it costs
# time.
#
# The stages share the work fairly on purpose. When the maps are halved, there are a quarter of
# the places; doubling the channels makes four times the work at each of them.
#
# Replace flatten and full layers by the mean of each channel, as section 08 did with AlexNet:

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    averaged = layers.trace(vgg("D", head="average"), (3, 224, 224))
    with_norm = {name: layers.count_parameters(vgg(name, batch_norm=True)) for name in "ABDE"}
print(f"average head: {averaged.parameters:,} weights instead of {sixteen.parameters:,}")
print("with batch normalisation:", ", ".join(f"{n} {c:,}" for n, c in with_norm.items()))
assert averaged.parameters == 15_227_688
assert list(with_norm.values()) == [132_868_840, 133_053_736, 138_365_992, 143_678_248]

# %% [markdown]
# A ninth. (And batch normalisation, which came a year after the paper and with which these networks are
# often used today, adds next to nothing.)
#
# How far does each layer look? The same trace knows. **Predict:** a unit of the last pooling, and one of
# the first full layer: how many of the 224 pixels do they see?

# %%
your_guess = None  # two numbers

# %% tags=["nbval-check-output"]
fields = [row.receptive_field[0] for row in sixteen.only("Conv2d", "MaxPool2d", "Linear")]
print(*fields[:-2])
assert fields[:6] == [3, 5, 6, 10, 14, 16] and fields[6:10] == [24, 32, 40, 44]
assert fields[10:14] == [60, 76, 92, 100] and fields[14:19] == [132, 164, 196, 212, 404]

# %% [markdown]
# 212, nearly the whole image, from kernels of 3 × 3 (AlexNet: 195); and 404 for the first full
# layer, more than there is. What made them grow is the pooling as much as the depth: behind each
# pooling a 3 × 3 kernel spans twice as many pixels.
#
# The first full layer looks at all 7 × 7 places of the last map. But that makes it a *convolution*,
# with a kernel of 7 × 7: the paper uses this to run the network on larger images (§3.2). In small:

# %%
torch.manual_seed(0)
small = VGG(("3-8", "3-16"), (3, 28, 28), classes=5, hidden=32).eval()
first = small.classifier[0]
as_convolution = nn.Conv2d(16, 32, 7)
as_convolution.load_state_dict(
    {"weight": first.weight.view(32, 16, 7, 7), "bias": first.bias}  # the very same numbers
)
with torch.no_grad():
    maps = small.features(torch.rand(1, 3, 28, 28))
    same = as_convolution(maps).flatten(1) - first(maps.flatten(1))
    larger = as_convolution(small.features(torch.rand(1, 3, 40, 36)))
print(f"largest difference {same.abs().max():.0e}; a larger image gives {tuple(larger.shape)}")
assert same.abs().max() < 1e-5 and larger.shape == (1, 32, 4, 3)

# %% [markdown]
# A map of answers, one for each place where the original image size fits.
#
# *Concept 62*

# %% [markdown]
# ## Deeper until it no longer helps
#
# The paper's Table 3: errors on the ImageNet validation images, one network at one scale (trained
# and tested with the shorter side 256 pixels). These we cannot measure here: training took two to
# three weeks on four GPUs.

# %%
published = [  # name, top-1 error, top-5 error, in percent [Simonyan & Zisserman 2015, Table 3]
    *(("A", 29.6, 10.4), ("A-LRN", 29.7, 10.5), ("B", 28.7, 9.9)),
    *(("C", 28.1, 9.4), ("D", 27.0, 8.8), ("E", 27.3, 9.0)),
]
rows = [(n, len(traces[n].only("Conv2d", "Linear")), one, five) for n, one, five in published]
figures.show(
    figures.errors_by_depth(rows),
    alt="Top-1 and top-5 error against the number of layers. They fall from A with 11 layers over B, C "
    "and D; E with 19 is a little worse than D with 16.",
)

# %% [markdown]
# Deeper was better, from 11 to 16 layers. At 19 it is over: E is no better than D here, and with
# images of varied size in training (D 25.6, E 25.5) hardly so. "The error rate of our architecture
# saturates when the depth reaches 19 layers", says the paper (§4).
#
# (In the competition of 2014, VGG came second in classification with 7.3% top-5 error, seven
# networks together; after it, two networks reached 6.8%.)
#
# Two different things stand in the way of depth. The first: **the signal must get through**. Every
# layer multiplies it by something. We send two photographs through E's convolutions with random
# weights, and look how far *apart* they still are behind each layer. The paper drew its weights
# from a normal distribution of variance 0.01, whatever the layer. **Predict:** what happens after 16
# layers?

# %%
your_guess = None  # grows, shrinks, stays: and by what factor

# %%
STARTS = {
    "variance 0.01 (paper)": lambda layer: nn.init.normal_(layer.weight, std=0.1),
    "PyTorch's default": lambda layer: layer.reset_parameters(),
    "by the inputs (He 2015)": lambda layer: nn.init.kaiming_normal_(layer.weight),
}
photos = {name: photo for name, photo in data.photos().items() if name != "camera"}  # in colour
pair = torch.stack([photos[name][:, :256:4, :256:4] for name in ("astronaut", "cat")]).float()


@torch.no_grad()
def apart(start):
    found, maps = [], (pair - pair.mean()) / pair.std()
    for layer in features(CONFIGS["E"]):
        if isinstance(layer, nn.Conv2d):
            start(layer)
        maps = layer(maps)
        if isinstance(layer, nn.ReLU):
            found.append((maps[0] - maps[1]).square().mean().sqrt().item())
    return found


# %%
torch.manual_seed(0)
signals = {name: apart(start) for name, start in STARTS.items()}
for name, line in signals.items():
    print(f"{name:24} last / first {line[-1] / line[0]:.0e}")
figures.show(
    figures.signal_by_layer(signals, "How far two photographs are apart"),
    alt="Difference between two photographs behind each of 16 convolutions, on a logarithmic scale. With "
    "variance 0.01 it grows by millions, with PyTorch's default it dies away, with He's weights it stays.",
)

# %%
grown, died, stayed = (line[-1] / line[0] for line in signals.values())
assert grown > 1e5 and died < 1e-3 and 0.03 < stayed < 30

# %% [markdown]
# It explodes, or it dies, or it passes, by nothing but the size of the first weights. The authors
# had to help themselves: they trained A, which is shallow enough, and started the deeper networks
# with its first four convolutions and its full layers (§3.1). A rule of 2010, they found after they
# had submitted, would have done: weights by the number of inputs and outputs [Glorot & Bengio].
# He's of 2015 (variance 2 / number of inputs) also counts what the ReLU takes away; you saw it at
# work in `block_net`.
#
# The second obstacle remains when the signal passes. Here are **plain** networks, layer on layer
# like VGG, with He's weights *and* batch normalisation: 4, 16 and 40 convolutions of 3 × 3 (the maps
# are kept small, so that it takes seconds). **Predict:** their accuracy on the *training* images.
# A deeper one can do all that a shallow one can: let the additional layers hand on what they get.

# %%
your_guess = None  # three accuracies


# %%
class Shortcut(nn.Sequential):
    def forward(self, maps):
        return maps + super().forward(maps)


def plain(depth, block=nn.Sequential, channels=16):
    made = [nn.Conv2d(1, channels, 4, stride=4)]
    for _ in range(depth):
        conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        made.append(block(nn.BatchNorm2d(channels), nn.ReLU(), conv))
    ending = nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*made, *ending, nn.Linear(channels, 10))


# %%
learned = {"training": [], "test": []}
for depth in (4, 16, 40):
    torch.manual_seed(0)
    net = plain(depth)
    fit(net, some, epochs=3, progress=False)
    learned["training"].append((depth, evaluate(net, some)))
    learned["test"].append((depth, evaluate(net, fashion.test)))
figures.show(
    figures.depths(learned),
    alt="Accuracy of plain networks of 4, 16 and 40 convolutions. The deepest is by far the worst, on "
    "the training images as well as on the test images.",
)

# %%
(_, shallow), (_, middle), (_, deep) = learned["training"]
assert max(shallow, middle) > deep + 0.1

# %% [markdown]
# Worse on the *training* images, so it is not overfitting: it is harder to optimise. This is the
# **degradation** that He and others showed in 2016 with plain networks of 20 and 56 layers, after far
# longer training than ours. (Ours had three rounds; the 40 layers would get further with more. It is the
# same direction, not a proof.) Their cure is one addition: each block adds to its input instead of
# replacing it, so that handing on needs no learning. **Predict:** 40 layers once more, with shortcuts.

# %%
your_guess = None

# %%
torch.manual_seed(0)
residual = plain(40, Shortcut)
fit(residual, some, epochs=3, progress=False)
rescued = evaluate(residual, some)
print(f"40 layers, training images: plain {deep:.2f}, with shortcuts {rescued:.2f}")
assert rescued > deep + 0.1

# %% [markdown]
# The very same number of weights. So "deeper and simple, therefore better and more general", as the
# lecture sums up VGG, has its limit, and VGG-19 stood at it. Beyond it, depth needs a road for the
# signal.
#
# *Concept 58*

# %% [markdown]
# ## What goes in
#
# VGG "keeps AlexNet's input, 224 × 224 × 3". **Predict:** an 11 × 11 convolution with stride 4 and
# no padding, as AlexNet begins: which of 224 and 227 fits? And why is 224 a good number for VGG?

# %%
your_guess = None

# %% tags=["nbval-check-output"]
from cv_course.convolution import output_size

for side, padding in ((224, 0), (227, 0), (224, 2)):
    rest, places = (side + 2 * padding - 11) % 4, output_size(side, 11, 4, padding)
    print(f"{side}, padding {padding}: {places} places, pixels left over: {rest}")
print("VGG:", *[224 >> halvings for halvings in range(6)])
assert output_size(224, 11, 4) == 54 and output_size(227, 11, 4) == 55
assert output_size(224, 11, 4, padding=2) == 55 and 224 == 7 * 2**5

# %% [markdown]
# **Careful.** AlexNet's paper *says* 224, but its own map sizes (55) need 227, or 224 with a
# padding of 2. For VGG, 224 = 7 · 2⁵ comes out even: five halvings leave 7. "The same input" is
# true of the papers' text.
#
# Then, says the lecture, the training set's "mean RGB value is subtracted from each channel, like
# AlexNet". **Careful.** AlexNet (§2) subtracts a **mean image**, a value for each of its pixels;
# VGG (§2.1) subtracts the **mean RGB**, three numbers. Write the second.


# %%
def subtract_mean_rgb(images, train):
    """images (N, 3, H, W), train (M, 3, H', W'), whole numbers 0…255, NumPy arrays -> (N, 3, H, W)
    floats: the images minus the mean red, green and blue of all training pixels."""
    ...  # replace this line


check(subtract_mean_rgb)

# %%
hint(subtract_mean_rgb)

# %% [markdown]
# Does it matter which? We make pictures by cutting windows out of photographs. A mean image belongs to
# a size and a place; three numbers go with every window of every image. **Predict:** for which
# of the two does it make no difference whether you cut first or subtract first?

# %%
your_guess = None  # mean image, mean RGB, both

# %%
together = torch.stack([photo[:, :300, :400].float() for photo in photos.values()])
mean_image, mean_rgb = together.mean(0), together.mean((0, 2, 3))[:, None, None]
cut = (slice(None), slice(60, 284), slice(100, 324))  # a window of 224 × 224
cat = together[list(photos).index("cat")]
for name, mean in (("mean image", mean_image), ("mean RGB", mean_rgb.expand_as(mean_image))):
    window = mean[:, :224, :224]  # what is stored for a network with 224 × 224 inputs
    gap = ((cat - mean)[cut] - (cat[cut] - window)).abs().max().item()
    print(f"{name}: order matters by up to {gap:.0f} grey levels")
    assert (gap > 10) == (name == "mean image")

# %%
figures.show(
    figures.means_of_images(
        {
            "photograph": cat,
            "mean image of four": mean_image,
            "minus mean image": cat - mean_image,
            "minus mean RGB": cat - mean_rgb,
        }
    ),
    alt="A cat; the mean of four photographs, a blur with ghosts of them; the cat minus that, with the "
    "ghosts in negative; the cat minus the mean colour, the same cat with colours about grey.",
)

# %% [markdown]
# (With four photographs the mean image is a ghost story. With 1.2 million it is a soft blur, nearly one
# colour, and three numbers can stand for it.)
#
# Whose numbers? Every trained network wants the ones that it was trained with. The original VGG models
# subtract from pixels 0…255, in the order blue, green, red (their program, Caffe, loads images that
# way), and do not divide. torchvision's own VGG weights were trained from scratch: pixels 0…1, minus a
# mean, divided by a standard deviation.

# %%
from cv_course.networks.vgg import MEAN_RGB

vgg_mean = torch.tensor(MEAN_RGB)
library_mean, library_std = (
    torch.tensor([0.485, 0.456, 0.406]) * 255,
    torch.tensor([0.229, 0.224, 0.225]) * 255,
)
print("VGG, RGB:        ", [round(value, 3) for value in vgg_mean.tolist()])
print("Caffe's file, BGR:", [round(value, 3) for value in vgg_mean.flip(0).tolist()])
print("torchvision · 255:", [round(value, 3) for value in library_mean.tolist()])
print("and divided by:   ", [round(value, 1) for value in library_std.tolist()])

# %% tags=["nbval-check-output"]
assert MEAN_RGB == (123.68, 116.779, 103.939)
assert torch.allclose(library_mean, torch.tensor([123.675, 116.28, 103.53]))
wrong_order = (vgg_mean - vgg_mean.flip(0)).abs().max().item()
print(f"the mean in the wrong order: off by up to {wrong_order:.1f} grey levels")
print(f"torchvision's mean in place of VGG's: off by {(vgg_mean - library_mean).abs().max():.1f}")
print(f"torchvision's division forgotten: a factor of {library_std.mean():.0f}")

# %% [markdown]
# The means are nearly the same. What does damage is the scale (about 58 times too large), and then
# the order of the colours: in RGB, a network that was trained on BGR sees red things blue, and no
# error message tells you.
#
# Why subtract at all? A bias could learn to do the same! **Predict:** one layer as in section 04,
# 400 steps of gradient descent with the same step size. Which of these inputs does best, which
# worst: the pixels (0…1) raw, centred, centred and divided by the standard deviation, or with 1
# added?

# %%
your_guess = None  # from best to worst

# %%
x, labels = data.as_float(fashion.train.images).flatten(1), fashion.train.labels
mean, std = x.mean(), x.std()
print(f"Fashion-MNIST: mean {mean:.3f}, standard deviation {std:.3f}")
INPUTS = {
    "raw": lambda x: x,
    "centred": lambda x: x - mean,
    "standardised": lambda x: (x - mean) / std,
    "raw + 1": lambda x: x + 1,
}


def loss_after(inputs, steps=400, rate=0.03):
    W, b = torch.zeros(784, 10, requires_grad=True), torch.zeros(10, requires_grad=True)
    order = torch.Generator().manual_seed(0)
    for _ in range(steps):
        batch = torch.randint(len(inputs), (128,), generator=order)
        loss = F.cross_entropy(inputs[batch] @ W + b, labels[batch])
        for parameter, gradient in zip((W, b), torch.autograd.grad(loss, (W, b)), strict=True):
            parameter.data -= rate * gradient
    return F.cross_entropy(inputs @ W + b, labels).item(), (W.detach(), b.detach())


# %%
asked, answers, after = data.as_float(fashion.test.images).flatten(1), fashion.test.labels, {}
for name, prepare in INPUTS.items():
    after[name], (W, b) = loss_after(prepare(x))
    share = ((prepare(asked) @ W + b).argmax(1) == answers).float().mean().item()
    print(f"{name:13} loss {after[name]:.2f}, test accuracy {share:.2f}")
assert after["standardised"] + 0.1 < after["centred"] < after["raw"] < after["raw + 1"] - 0.1

# %% [markdown]
# The same information, the same classifier, and the last is far behind. The bias *could* undo the
# offset, but gradient descent has to find it. Its steps must be small enough for the *steepest*
# direction of the loss, and then they are tiny along the flattest one. How steep is told by the
# largest eigenvalue of the mean of x·xᵀ (with a 1 for the bias). An offset points all inputs the
# same way, and that is the steep direction:

# %%
steepest = {}
for name, prepare in INPUTS.items():
    inputs = F.pad(prepare(x), (0, 1), value=1.0)
    steepest[name] = torch.linalg.eigvalsh((inputs.T @ inputs / len(x)).double())[-1].item()
    print(f"{name:13} largest eigenvalue {steepest[name]:7.1f}")
assert steepest["centred"] < steepest["raw"] / 2
assert steepest["raw + 1"] > 10 * steepest["raw"]

# %% [markdown]
# Centring makes the problem rounder, and dividing makes the fixed step fit its size. Is it only the
# step, then? A fair race lets each choose its own. **Predict:** who is still behind?

# %%
your_guess = None

# %%
best = {}
for name in ("raw", "standardised", "raw + 1"):
    inputs, questions, best[name] = INPUTS[name](x), INPUTS[name](asked), 0.0
    for rate in (0.003, 0.01, 0.03, 0.1, 0.3):
        _, (W, b) = loss_after(inputs, rate=rate)
        share = ((questions @ W + b).argmax(1) == answers).float().mean().item()
        best[name] = max(best[name], share)
    print(f"{name:13} {best[name]:.2f} with the best of five step sizes")
assert abs(best["raw"] - best["standardised"]) < 0.04 < best["raw"] - best["raw + 1"]

# %% [markdown]
# Raw pixels from 0 to 1 catch up with the right step. With the offset, no step is good enough in 400
# of them. So what centring buys is not a better answer in the end, it is a shorter way there and less
# searching for the step. Watch one weight and its bias go down hill, and one layer after 400 steps:

# %%
explore.centring(fashion)

# %% [markdown]
# *Concepts 59, 60*

# %% [markdown]
# ## Features for other tasks
#
# What a network learned for one task can serve another: its last layer is thrown away, and a new
# linear one, a **probe**, is trained on the features. The paper did so with VGG (Appendix B).
#
# **Careful.** VGG was not the first: DeCAF (Donahue 2014) and Razavian (2014) had shown it for
# AlexNet and its kin. VGG's features were better.
#
# We do it in small: a VGG in miniature learns six kinds of clothing. The other four it never sees.

# %%
NEW = ("Sandal", "Dress", "Bag", "Shirt")
known = fashion.only(*[name for name in fashion.classes if name not in NEW])
new = fashion.only(*NEW)


def miniature():
    stages = ("3-16 3-16", "3-32 3-32", "3-64 3-64")
    return VGG(stages, (1, 28, 28), classes=6, head="average", batch_norm=True)


torch.manual_seed(0)
trained = miniature()
fit(trained, known.train, epochs=3)
print(f"on its own six classes: {evaluate(trained, known.test):.2f}")
assert evaluate(trained, known.test) > 0.85

# %% [markdown]
# The features of an image: what each stage hands on, laid out as a list. The probe: a linear layer
# by regularised least squares, from a few examples (**shots**) of each new class. The rest of the
# network stays as it is.


# %%
@torch.no_grad()
def embed(model, images):
    maps, found = data.as_float(images), {}
    for layer in model.features:
        maps = layer(maps)
        if isinstance(layer, nn.MaxPool2d):
            found[f"stage {len(found) + 1}"] = maps.flatten(1)
    return {**found, "scores": model.classifier(model.vectorise(maps))}


# %%
def probe(X, labels, asked, answers, shots, draws=20, classes=4):
    """Mean accuracy on (asked, answers) of linear probes, each made from ``shots`` rows a class."""
    right, order = [], torch.Generator().manual_seed(0)
    members = [(labels == c).nonzero()[:, 0] for c in range(classes)]
    for _ in range(draws):
        few = torch.cat([m[torch.randperm(len(m), generator=order)[:shots]] for m in members])
        examples, targets = X[few] - X[few].mean(0), F.one_hot(labels[few], classes).float()
        gram = examples @ examples.T
        ridge = 0.1 * gram.diagonal().mean() * torch.eye(len(few))
        W = examples.T @ torch.linalg.solve(gram + ridge, targets - 1 / classes)
        right.append((((asked - X[few].mean(0)) @ W).argmax(1) == answers).float().mean())
    return torch.stack(right).mean().item()


# %% [markdown]
# Three candidates: the trained network, the *same network with random weights* (three of them, and
# their mean), and no network at all (the pixels). **Predict:** with one example a class, how much
# better is the trained one than the pixels? With twenty?

# %%
your_guess = None  # two differences in accuracy

# %%
SHOTS = [1, 2, 5, 10, 20]
pool, exam = new.train[::3], new.test


def probes(X, asked):
    """Vectors of the pool and of the exam, {layer: N x D}; accuracies for all SHOTS, by layer."""
    return {
        layer: [probe(X[layer], pool.labels, asked[layer], exam.labels, n) for n in SHOTS]
        for layer in X
    }


# %%
def probes_on(model):
    model.eval().cpu()
    return probes(embed(model, pool.images), embed(model, exam.images))


untrained = [probes_on(miniature()) for _ in range(3)]
pixels = ({"pixels": data.as_float(part.images).flatten(1)} for part in (pool, exam))
curves = {
    "trained": probes_on(trained),
    "random": {
        layer: np.mean([one[layer] for one in untrained], axis=0).tolist() for layer in untrained[0]
    },
    "pixels": probes(*pixels),
}

# %%
shown = {"trained": "stage 2", "random": "stage 2", "pixels": "pixels"}
for who, layer in shown.items():
    numbers = "  ".join(f"{n}: {a:.2f}" for n, a in zip(SHOTS, curves[who][layer], strict=True))
    print(f"{who:8} {numbers}")
one, *_, twenty = zip(*[curves[who][layer] for who, layer in shown.items()], strict=True)
assert one[0] > max(one[1:]) + 0.02 and max(twenty) - min(twenty) < 0.06

# %% [markdown]
# With one example the trained features are worth the most. With twenty, the advantage has nearly
# gone: for pictures as simple as these, the pixels themselves are good features, and *random*
# convolutions are no worse. That is the control that belongs in every such experiment: "the
# network's features reach 90%" says nothing until you know what random features reach.
#
# And which layer? Move the sliders; then look at the scores.

# %%
explore.transfer(curves, SHOTS, list(curves["trained"]), classes=4)

# %%
for shots in (1, 20):
    column = {layer: line[SHOTS.index(shots)] for layer, line in curves["trained"].items()}
    print(f"{shots:2}:", "  ".join(f"{layer} {value:.2f}" for layer, value in column.items()))
assert column["scores"] < min(column[f"stage {n}"] for n in (1, 2, 3)) - 0.05

# %% [markdown]
# The stages differ little; the *scores* are far behind. They are six numbers made for six other
# classes: whatever does not help with those was thrown away. The features in between are general, the
# end is special. (How general depends on how near the new task is: ours are clothes, too.)
#
# With weights from ImageNet you can start from far more. If you have internet and half a gigabyte to
# spare, set the switch; without, the section goes on.

# %%
fetch, sixteen_trained = False, None  # True: torchvision's weights for VGG-16, once, 528 MB
if fetch:
    from cv_course.networks.vgg import pretrained

    sixteen_trained = pretrained("D")  # None, and a sentence, where there is no internet

# %%
if sixteen_trained is None:
    print("Without ImageNet's weights: the networks that were trained above have to do.")
else:
    from torchvision.models import get_model_weights

    square = photos["cat"][None, :, :, 75:375].float()
    picture = F.interpolate(square, (224, 224), mode="bilinear", antialias=True)
    prepared = (picture - library_mean.view(1, 3, 1, 1)) / library_std.view(1, 3, 1, 1)
    with torch.no_grad():
        winner = sixteen_trained(prepared).argmax().item()
    print("the cat:", get_model_weights("vgg16").DEFAULT.meta["categories"][winner])

# %% [markdown]
# *Concept 57*

# %% [markdown]
# ## VGG on one page
#
# The lecture ends with "the last part as on page 75", and the page is lost. Here is one in its place,
# drawn from VGG-16 itself.

# %%
figures.show(
    figures.architecture(
        sixteen.only("Conv2d", "MaxPool2d", "Linear"), title="VGG-16 (configuration D)"
    ),
    alt="VGG-16 as a row of cuboids: five stages of two or three 3 × 3 convolutions, each followed by a "
    "pooling that halves the maps from 224 to 7, while they become thicker, from 64 to 512 channels; "
    "then three full layers.",
)

# %% tags=["nbval-check-output"]
print(f"depth          {len(convolutions)} convolutions 3 × 3, 5 poolings 2 × 2, 3 full layers")
print(f"weights        {sixteen.parameters:,}, of them {full.parameters:,} in the full layers")
print(f"work           {sixteen.macs / 1e9:.2f} billion multiplications an image")
print(f"sees           {pool5['D']} pixels at the last pooling (AlexNet 195)")
print(f"input          224 × 224, minus {MEAN_RGB}")
print("published      27.0 / 8.8% top-1 / top-5 error (one network, one scale)")
assert set(row.kernel for row in convolutions) == {(3, 3)}
assert all(len(read_stage(stage)) <= 4 for stage in CONFIGS["E"])

# %% [markdown]
# *Concept 63*

# %% [markdown]
# ## Worked solutions
#
# `count_vgg`: what comes in is what the layer before made. Then the full layers, pair by pair.


# %%
import itertools


def count_vgg(kernels, widths, poolings, classes):
    total, came = 0, 3
    for kernel, width in zip(kernels, widths, strict=True):
        total += kernel * kernel * came * width + width
        came = width
    side = 224 // 2**poolings
    sizes = [came * side * side, 4096, 4096, classes]
    return total + sum(i * o + o for i, o in itertools.pairwise(sizes))


check(count_vgg)
for name in "ABCDE":
    words = [item for stage in CONFIGS[name] for item in read_stage(stage)]
    assert count_vgg(*zip(*words, strict=True), 5, 1000) == traces[name].parameters

# %% [markdown]
# `merge_kernels`: the weight of the second kernel at one place puts a copy of the first one there. All
# copies are added up.


# %%
def merge_kernels(first, second):
    k, size = first.shape[-1], second.shape[-1]
    merged = np.zeros((len(second), first.shape[1], k + size - 1, k + size - 1))
    for y in range(size):
        for x in range(size):
            copy = np.einsum("fm,mcij->fcij", second[:, :, y, x], first)
            merged[:, :, y : y + k, x : x + k] += copy
    return merged


check(merge_kernels)
a, b, c = (layer.weight.detach().numpy() for layer in stack)
assert np.allclose(merge_kernels(merge_kernels(a, b), c), kernel)

# %% [markdown]
# `subtract_mean_rgb`: the mean over everything but the channels, put in the channels' place.


# %%
def subtract_mean_rgb(images, train):
    return images.astype(float) - train.mean(axis=(0, 2, 3)).reshape(1, 3, 1, 1)


check(subtract_mean_rgb)

# %% [markdown]
# ## Summary
#
# 1. VGG changes one thing, the depth: 3 × 3 convolutions, 2 × 2 poolings, six networks from one table.
# 2. Three 3 × 3 see what one 7 × 7 sees, with 27C² instead of 49C² weights and more nonlinearity, if
#    as many channels come in as go out; a linear stack is a 7 × 7.
# 3. 89% of the weights are in the full layers, 99% of the work is in the convolutions; the whole network is larger than
#    AlexNet.
# 4. Depth helped up to 16 to 19 layers; then plain networks become hard to optimise. The first weights
#    decide whether the signal gets through at all.
# 5. VGG subtracts the mean RGB (AlexNet a mean image); features transfer most where examples are few, and
#    only a comparison with random features shows what was learned.
#
# ## References
#
# - K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition. *ICLR*
#   2015, arXiv:1409.1556.
# - A. Krizhevsky, I. Sutskever, G. E. Hinton. ImageNet classification with deep convolutional neural
#   networks. *NIPS* 2012.
# - X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks.
#   *AISTATS* 2010.
# - K. He, X. Zhang, S. Ren, J. Sun. Delving deep into rectifiers. *ICCV* 2015 (first weights); Deep
#   residual learning for image recognition. *CVPR* 2016 (degradation, shortcuts).
# - J. Donahue and others. DeCAF. *ICML* 2014. A. S. Razavian and others. CNN features off-the-shelf.
#   *CVPR workshops* 2014.
# - Y. LeCun, L. Bottou, G. Orr, K.-R. Müller. Efficient BackProp. 1998, §4.3 (why inputs are centred).
# - S. Ioffe, C. Szegedy. Batch normalization. *ICML* 2015.
#
# *Concepts covered: 55–63*
