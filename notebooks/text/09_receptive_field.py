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
# # 09 · Receptive field
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/09_receptive_field.ipynb)
#
# Deep inside a network one number jumps up. Which pixels of your photograph can have caused that,
# and which of them really did?
#
# *About 50 min · CPU 15 s*
#
# Afterwards you will be able to
#
# - say how many pixels an element of any layer can see, from two numbers that you carry along,
# - measure the same in any network with a gradient, and lay it over a photograph of your own,
# - tell what a unit *can* see from what it *uses*, and say why the second is much less.
#
# You need section 05: convolution, padding, stride, pooling. AlexNet and VGG-16 are here as examples;
# sections 08 and 10 are about them.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## What one element depends on
#
# An image of 7 × 7 pixels, a convolution of 3 × 3, a feature map of 5 × 5. We look at a single element
# of that map, in row 1 and column 2. Now we change the image, one pixel at a time. **Predict:** how
# many of the 49 pixels make a difference to that element?

# %%
your_guess = None  # a whole number

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, explore, figures
from cv_course.checks import check, hint

dice = torch.Generator().manual_seed(0)
image = torch.randint(0, 10, (1, 1, 7, 7), generator=dice).double()
blur = nn.Conv2d(1, 1, 3, bias=False).double().requires_grad_(False)
blur.weight[:] = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])


# %%
def poke(layers, image, unit):
    """Which pixels of an image (1, 1, H, W) change one element of the layers' map: (H, W)."""
    row, column = unit
    pokes = torch.eye(image.numel(), dtype=image.dtype).view(-1, *image.shape[1:])
    with torch.no_grad():  # as many images as pixels, in each of them another one is changed
        change = layers(image + pokes) - layers(image)
    return (change[:, 0, row, column].abs() > 1e-9).view(image.shape[2:])


# %% tags=["nbval-check-output"]
unit = (1, 2)
matters = poke(blur, image, unit)
print(f"your guess {your_guess}; it is {matters.sum()} pixels:")
print("\n".join(" ".join(".#"[pixel] for pixel in row) for row in matters.int().tolist()))
assert matters.sum() == 9

# %% [markdown]
# Nine: the 3 × 3 pixels under the kernel, and no other. Whatever happens elsewhere, this element does
# not notice.

# %%
from cv_course.models.s09_receptive import support

figures.show(
    figures.patch_to_element(image[0, 0], blur(image)[0, 0], support(matters), unit),
    alt="A grid of 7 by 7 numbers in which a patch of 3 by 3 is marked; dashed lines lead from it to "
    "one marked element of the map of 5 by 5 beside it.",
)

# %% [markdown]
# The pixels **of the input image** that one element depends on are its **receptive field**. It is a
# property of the architecture: which pixels *can* make a difference, for some weights and some image.
# (A weight that happens to be zero takes nothing away from it.) Through all the channels of the
# image, by the way: a place is seen or it is not.
#
# **Careful.** "The receptive field is the size of the kernel" is true in the first layer only. A
# kernel says what an element sees of the layer *below*. What we count is pixels of the image, so for
# all deeper layers we have to go down to the input.
#
# *Concept 52*

# %% [markdown]
# ## Down to the input
#
# A second convolution of 3 × 3 on top of the first. **Predict:** an element of the second map sees
# a square of how many pixels? And with a third one on top?

# %%
your_guess = None  # two sides in pixels


# %%
def convolutions(*kernels):
    """One channel, no padding, positive weights so that nothing can cancel."""
    stack = nn.Sequential(*(nn.Conv2d(1, 1, kernel, bias=False) for kernel in kernels))
    for parameter in stack.parameters():
        nn.init.uniform_(parameter, 0.5, 1)
    return stack.double()


def side_seen(layers, size=32, unit=(0, 0)):
    """Side in pixels of what one element sees, by poking an image of size x size."""
    return support(poke(layers, torch.zeros(1, 1, size, size).double(), unit)).size[0]


# %% tags=["nbval-check-output"]
for count in (1, 2, 3):
    print(f"{count} × (3 × 3) sees {side_seen(convolutions(*[3] * count))} pixels along a side")
assert side_seen(convolutions(3, 3)) == 5
assert side_seen(convolutions(3, 3, 3)) == 7

# %% [markdown]
# Not 6 and not 9, but 5, then 7. Look at the pyramid from the top: the element sees 3 × 3 elements
# of the map below. The windows of these overlap: the second one is the first one moved by a single
# pixel, and so adds a single row of pixels. A kernel of K has K − 1 such steps, so **it adds K − 1**.

# %%
from cv_course.receptive import Window

figures.show(
    figures.sheets([Window(3), Window(3), Window(3)], size=(11, 11)),
    alt="Four sheets above each other: one element at the top sees 3 by 3 elements of map 2, 5 by 5 "
    "of map 1 and 7 by 7 pixels of the image. Dashed lines join the corners to a pyramid.",
)

# %% [markdown]
# With stride and padding the same descent works, only with a little more arithmetic. Element *i* of a
# map looks at a window of the map below. The window begins at element *i · stride − padding* and is K
# elements long. **Predict** before you write it: which is the first pixel that element 0 sees, if
# there is padding?


# %%
def pixels_seen(unit, kernels, strides, paddings):
    """unit: a place in the last map, along one direction; kernels, strides, paddings: (L,) whole
    numbers, from the input on -> (first, last) pixel that it sees, in the padding if need be."""
    ...  # replace this line


check(pixels_seen)

# %%
hint(pixels_seen)

# %% [markdown]
# With padding the descent of element 0 starts at a negative place: part of what a unit at the border
# looks at is not there at all, but zeros. Here is a network with padding and a pooling with stride; the
# unit is at the upper border.

# %%
small = [Window(3, padding=1), Window(2, stride=2), Window(3, padding=1)]
figures.show(
    figures.sheets(small, size=(12, 12), unit=(0, 4)),
    alt="Four sheets: behind the pooling the map has 6 by 6 elements, each as wide as two pixels. The "
    "marked element at the upper border sees less than one in the middle, since part of it lies "
    "outside.",
)

# %%
from cv_course.models.s09_receptive import down_to_the_input

steps = down_to_the_input(small, unit=(0, 4))
for seen, name in zip(steps, ("map 3", "map 2", "map 1", "image"), strict=True):
    print(f"{name}: rows {seen.top} to {seen.bottom - 1}, columns {seen.left} to {seen.right - 1}")
assert steps[-1].size == (8, 8) and steps[-1].within(12, 12).size == (5, 7)

# %% [markdown]
# *Concept 53*

# %% [markdown]
# ## The lecture's missing formula
#
# On the lecture's slide there are the letters K (size of the kernel) and P (size of the pooling), and
# where the formula should be, the notes are empty. You can fill the gap yourself: an image, a
# convolution of K × K, a pooling of P × P on top. **Predict:** how many pixels does one element behind
# the pooling see along a side? Try K = 5 and P = 2 in your head first.

# %%
your_guess = None  # a side in pixels for K = 5, P = 2

# %% tags=["nbval-check-output"]
print("     " + "".join(f"P = {P}  " for P in (1, 2, 3, 4)))
for K in (1, 3, 5, 7):
    sides = [side_seen(nn.Sequential(convolutions(K), nn.AvgPool2d(P))) for P in (1, 2, 3, 4)]
    print(f"K = {K}" + "".join(f"{side:5}  " for side in sides))
    assert sides == [P + K - 1 for P in (1, 2, 3, 4)]

# %% [markdown]
# The pooling sees P elements of the map. The first of them sees K pixels; each of the other P − 1
# adds one. Together **P + K − 1** along a side, and so **(P + K − 1)²** pixels.
#
# Now use it. AlexNet begins with a convolution of 11 × 11 and a pooling of 3 × 3; the convolution has
# stride 4. LeNet-5 has two rounds: convolution 5, pooling 2, convolution 5, pooling 2. **Predict:** for
# which of them does the formula, with the last K and P, tell the truth?

# %%
your_guess = None  # "AlexNet", "LeNet", both or neither

# %% tags=["nbval-check-output"]
first = convolutions(11)
first[0].stride = (4, 4)
alexnet_pool1 = nn.Sequential(first, nn.AvgPool2d(3, 2))
lenet_s4 = nn.Sequential(convolutions(5), nn.AvgPool2d(2), convolutions(5), nn.AvgPool2d(2))
for name, layers, K, P in (("AlexNet pool1", alexnet_pool1, 11, 3), ("LeNet S4", lenet_s4, 5, 2)):
    print(f"{name}: (P + K - 1) = {P + K - 1}, poked: {side_seen(layers)}")
assert (side_seen(alexnet_pool1), side_seen(lenet_s4)) == (19, 16)

# %% [markdown]
# Neither. **Careful.** (P + K − 1)² is presumably what stood on the slide, and it is right for *one*
# convolution with stride 1, right at the image, followed by *one* pooling. Where does the derivation
# break? At "each of the others adds one": that is only so if neighbouring elements are one pixel apart.
# With stride 4 they are 4 pixels apart, and each adds 4: 11 + 2 · 4 = 19.
#
# *Concept 54*

# %% [markdown]
# ## Two numbers, carried along
#
# So besides the **size** of the field we need to know how many pixels apart the fields of two
# neighbours are. Let us call it the **jump**. At the input both are 1: a pixel sees itself, and the
# next pixel is one further. Then, for each layer with kernel K and stride s:
#
# $$\text{size} \leftarrow \text{size} + (K-1)\cdot\text{jump},\qquad
# \text{jump} \leftarrow \text{jump}\cdot s .$$
#
# The first says what you have just seen: K − 1 steps to the last element that the kernel looks at,
# each step one jump long. The second: who takes every s-th window, is s times as far from his
# neighbour. Padding appears nowhere: it moves the field, but does not enlarge it. A pooling is a
# window like any other.
#
# And a kernel with **dilation** d, that is, with gaps: its K elements are d elements apart, so its K − 1
# steps are d times as long. (A kernel that is not square gets two sums, one for each direction.) Write
# it down, with dilation:


# %%
def field_sizes(kernels, strides, dilations):
    """kernels, strides, dilations: (L,) whole numbers, from the input on -> (L,) side of the
    receptive field after each layer, in pixels."""
    ...  # replace this line


check(field_sizes)

# %%
hint(field_sizes)

# %% [markdown]
# AlexNet: five convolutions, with kernels up to 11 × 11. VGG-16: thirteen, none larger than 3 × 3. Both
# end in a fifth pooling. **Predict:** which of the two sees more of the image there, and does either
# see all 224 pixels?

# %%
your_guess = None  # two sides in pixels

# %%
from cv_course.networks.alexnet import alexnet
from cv_course.networks.vgg import vgg
from cv_course.receptive import predicted

with torch.device("meta"):  # a device where tensors have a shape but no content, and cost nothing
    nets = {"AlexNet": alexnet("two_towers"), "VGG-16": vgg("D")}
sizes = {"AlexNet": (3, 227, 227), "VGG-16": (3, 224, 224)}

# %% [markdown]
# `layers.trace` runs a model once and notes what each layer is, costs and sees; you will meet its
# tables again in the sections on AlexNet and VGG.

# %%
from cv_course import layers

traces = {name: layers.trace(net, sizes[name]) for name, net in nets.items()}
windowed = {name: trace.only("Conv2d", "MaxPool2d") for name, trace in traces.items()}
windowed["AlexNet"]

# %%
curves = {}
for name, rows in windowed.items():
    fields = predicted([Window(row.kernel, row.stride, row.padding) for row in rows])
    curves[name] = [field.size[0] for field in fields]
    assert [row.receptive_field for row in rows] == [field.size for field in fields]
assert curves["AlexNet"] == [11, 19, 51, 67, 99, 131, 163, 195]
assert curves["VGG-16"][:6] + curves["VGG-16"][-4:] == [3, 5, 6, 10, 14, 16, 132, 164, 196, 212]

# %%
figures.show(
    figures.growth(curves, side=224),
    alt="Receptive field against layer. AlexNet climbs to 195 in 8 layers; VGG-16 starts more slowly, "
    "gets steeper after each pooling and reaches 212 in 18. Both stay below the line at 224.",
)

# %% [markdown]
# The small kernels win, by depth, and by five poolings that double the jump: the last convolution of
# VGG-16 is 3 × 3 and adds 2 · 16 = 32 pixels, more than an 11 × 11 kernel adds at the image. Neither sees
# the whole image with its convolutions. The fully connected layer that follows does, and would see even
# more if there were more:

# %% tags=["nbval-check-output"]
for name, trace in traces.items():
    fc6 = trace.only("Linear")[0]
    print(f"{name}: the first full layer sees {fc6.receptive_field[0]} pixels, padding included")
assert [trace.only("Linear")[0].receptive_field[0] for trace in traces.values()] == [355, 404]

# %% [markdown]
# VGG comes in five configurations, A to E. C and D are equally deep, 16 layers with weights, but three of
# C's convolutions are 1 × 1. **Predict:** what do these three add to C's receptive field?

# %%
your_guess = None  # pixels

# %% tags=["nbval-check-output"]
ends = {}
for config in "ABCDE":
    with torch.device("meta"):
        trace = layers.trace(vgg(config), (3, 224, 224))
    ends[config] = trace.only("MaxPool2d")[-1].receptive_field[0]
print("last pooling:", ", ".join(f"{config} sees {side}" for config, side in ends.items()))
assert list(ends.values()) == [150, 156, 156, 212, 268]

# %% [markdown]
# Nothing: K − 1 is 0. C sees what B sees, which has three layers less.
#
# Now build your own. Each row of squares is a map, the lowest one the pixels, cut open along one
# direction. Things to find out:
#
# 1. Four times *conv 3*: how far does it see? Replace one of them by *conv 3, stride 2*. At which
#    place does that help most, and why at the last one not at all?
# 2. See at least 31 pixels with *conv 3* layers alone and *without* losing any resolution.
# 3. Move the element to the border: what happens to its pyramid?

# %%
explore.layer_editor()

# %% [markdown]
# A stride early in the network multiplies all the steps that come after it; at the end there are none
# any more. Dilation does the same without throwing places away, at the price of gaps.
#
# Where paths branch and meet again, an element sees what *any* of its paths sees: the largest one wins.
# Here is a block with a shortcut, as in a ResNet.


# %%
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, maps):
        return maps + self.two(self.one(maps).relu())


print(layers.trace(nn.Sequential(nn.Conv2d(3, 8, 3), Block(), Block()), (3, 32, 32)))

# %% [markdown]
# **Careful.** There is no such thing as *the* receptive field of "ResNet-50": it depends on where an
# implementation puts its strides. Its authors put them into the first 1 × 1 convolution of a stage,
# torchvision into the 3 × 3 convolution after it, TensorFlow-Slim into the end of the stage before. **Predict:** does
# that matter?


# %%
def resnet50_sees(stride_in):
    """Along its longest path; of each block only the 3 x 3 convolution is wider than one element."""
    path = [Window(7, 2), Window(3, 2)]
    for stage, blocks in enumerate((3, 4, 6, 3)):
        strided = 2 if stage else 1
        if stride_in == "1 x 1":
            path += [Window(1, strided), *[Window(3)] * blocks]
        else:
            path += [Window(3, strided), *[Window(3)] * (blocks - 1)]
    return predicted(path)[-1].size[0]


# %% tags=["nbval-check-output"]
print("stride in front of the 3 × 3:", resnet50_sees("1 x 1"))
print("stride in the 3 × 3:         ", resnet50_sees("3 x 3"))
assert (resnet50_sees("1 x 1"), resnet50_sees("3 x 3")) == (483, 427)

# %% [markdown]
# 483 is what Araujo et al. [2019] list (Slim's placement has the same effect); torchvision's network
# sees 427, since three of its 3 × 3 convolutions take their steps before the stride, not after it.
#
# *Concepts 53, 54*

# %% [markdown]
# ## Lay it over a photograph
#
# Choose a layer and a unit, and see what it gets to see: all the rest is dark for it. The dots are the
# middles of the other units of the layer. Which is the first layer of VGG-16 in which a unit could take in
# an eye? A face? And when you move the unit to the border?

# %%
photos = data.photos()
chosen = ["AlexNet: features.0 (Conv2d)", "VGG-16: features.16 (MaxPool2d)"]
explore.field_on_photo(traces, photos, [*chosen, "VGG-16: features.30 (MaxPool2d)"])

# %% [markdown]
# The button takes a photograph of your own; it stays on the computer where the notebook runs. Or give
# its path: `photos["mine"] = data.photo("holiday.jpg")`, and run the cell again.
#
# At the border a good part of the frame lies on the grey padding: nothing is to be seen there but
# zeros. And however large the frame: it says nothing about *what* the unit does with all that.

# %% [markdown]
# ## Measured, without a formula
#
# Poking every pixel is honest, but a photograph has fifty thousand of them. The gradient does it in
# one go: ∂(unit)/∂(pixel) tells how much the unit changes if the pixel does, for all pixels at once.
# Where it is not zero, the pixel is seen. What remains to be done is to find the box around it.


# %%
def support_box(gradient):
    """gradient (C, H, W) of one unit by the image -> (top, left, bottom, right): the first row,
    first column, last row, last column where any channel's gradient is not zero."""
    ...  # replace this line


check(support_box)

# %%
hint(support_box)

# %% [markdown]
# And here is a true VGG-16 (with random weights), looking at a true cat. We ask its last pooling, for the
# unit in the middle. The formula says 212 × 212. **Predict:** what will the gradient say: exactly that,
# or less?

# %%
your_guess = None  # a side in pixels

# %%
torch.manual_seed(0)
features = vgg("D", head="average").features
for conv in features.modules():
    if isinstance(conv, nn.Conv2d):
        nn.init.kaiming_normal_(conv.weight)  # keeps the signal alive through 13 ReLUs
        nn.init.zeros_(conv.bias)

# %%
cat = data.fitted(data.photos()["cat"], 224, 224)
photo = (data.as_float(cat)[None] - 0.45).requires_grad_()
features(photo)[0, :, 3, 3].sum().backward()
print(f"the gradient is not zero in a box of {support(photo.grad).size} pixels")
assert support(photo.grad).size == traces["VGG-16"]["features.30"].receptive_field == (212, 212)

# %% [markdown]
# To the pixel, without any formula. But that was luck, or rather: 512 channels. **Predict:** a thin
# network now, three channels, with the same ReLUs and maxima. On one image, will its gradient fill the
# field of 16 × 16?

# %%
your_guess = None  # how many of the 256 pixels


# %%
def thin_network(channels=3):
    parts, before = [], 1
    for kind in "CCPCCP":
        if kind == "P":
            parts.append(nn.MaxPool2d(2))
        else:
            parts += [nn.Conv2d(before, channels, 3), nn.ReLU()]
            nn.init.kaiming_normal_(parts[-2].weight)
            before = channels
    return nn.Sequential(*parts).double()


# %%
from cv_course.models.s09_receptive import unit_gradient

torch.manual_seed(0)
thin, noise = thin_network(), torch.randn(200, 1, 24, 24).double()
moves = unit_gradient(thin, noise, unit=(1, 1))[:, 0] != 0  # 200 images
expected = down_to_the_input([Window(3), Window(3), Window(2, 2)] * 2, (1, 1))[-1]
print(f"pixels that matter, image by image: {moves.sum((1, 2))[:8].tolist()} …")
assert moves.sum((1, 2)).double().mean() < 250

# %%
shown = {f"image {number + 1}": moves[number] for number in range(3)}
shown["any of 200 images"] = moves.any(0)
figures.show(
    figures.supports(shown, expected),
    alt="Four squares with the pixels whose gradient is not zero. On each of three images other parts of "
    "the predicted box of 16 by 16 are missing; those of 200 images together fill it exactly.",
)
assert shown["any of 200 images"].sum() == 256 and support(moves) == expected

# %% [markdown]
# A gradient tells what matters *here and now*: for this image and these weights. A ReLU that is off lets
# nothing through, a maximum listens to one of its four inputs only, and on another image to another
# one. The receptive field is what can matter on *some* image: all of these together.
#
# So to measure the receptive field itself, we give the network positive weights, averages instead of
# maxima, and activations that let everything pass: then all paths are open, and no two can cancel. As
# all channels do the same then, one is enough. `measured` does that with any network's own
# `forward`. Does the recurrence hold, layer by layer?

# %%
import time

from cv_course.models.s09_receptive import box, measured

began, agree = time.perf_counter(), 0
for name, rows in windowed.items():
    for row in rows:
        middle = tuple(n // 2 for n in row.output_shape[1:])
        frame = box(row, middle).within(*sizes[name][1:])
        agree += measured(nets[name], sizes[name], row.name, middle) == frame
print(f"{agree} layers agree to the pixel; {time.perf_counter() - began:.1f} s for all of them")
assert agree == sum(map(len, windowed.values())) == 26

# %% [markdown]
# All of them: three ways, the descent, the recurrence and the gradient, and the same numbers.
#
# *Concepts 52–54*

# %% [markdown]
# ## Seen, but hardly used
#
# Forty convolutions of 3 × 3, one on top of the other, see 81 × 81 pixels. But do all of these pixels
# have the same say? We take equal weights, and call a pixel *in use* if its gradient is more than
# 4.55% of the largest (what lies further out than two standard deviations in a Gaussian). **Predict:** the
# part in use is a square of which side?

# %%
your_guess = None  # in pixels, of 81

# %%
from cv_course.models.s09_receptive import effective, effective_size, spread

strengths = {}
for depth in (5, 10, 20, 40):
    stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, bias=False) for _ in range(depth))).double()
    for conv in stack:
        nn.init.constant_(conv.weight, 1 / 9)
    side = 1 + 2 * depth
    strengths[depth] = effective(stack, torch.zeros(1, 1, side, side).double())

# %%
shares = {depth: effective_size(strength) / len(strength) for depth, strength in strengths.items()}
for depth, share in shares.items():
    side = len(strengths[depth])
    print(f"{depth:2} layers see {side:2} pixels and use {share * side:4.1f}: {share:.2f}")
assert 0.7 < shares[5] < 0.8 and 0.53 < shares[10] < 0.59 and 0.26 < shares[40] < 0.3

# %%
figures.show(
    figures.shrinking(strengths, shares, kernel=3),
    alt="Four effective fields as heat maps, each drawn as large as what it sees: the bright spot in the "
    "middle takes up less and less of it from 5 to 40 layers. A curve beside them falls from about "
    "three quarters to about a quarter, along that of a Gaussian.",
)

# %% [markdown]
# A bit more than a quarter of the side, and so less than a tenth of the pixels. The rest is seen, but
# has next to no say. Why? Count the **paths** from a pixel up to the unit. With all weights 1 the
# gradient is exactly their number:

# %% tags=["nbval-check-output"]
five = nn.Sequential(*(nn.Conv2d(1, 1, 3, bias=False) for _ in range(5))).double()
for conv in five:
    nn.init.ones_(conv.weight)
paths = unit_gradient(five, torch.zeros(1, 1, 11, 11).double())[0, 0]
print(f"five layers: {paths[5, 5]:.0f} paths to the middle pixel, {paths[0, 0]:.0f} to a corner")
assert paths[5, 5] == 51**2 and paths[0, 0] == 1

# %% [markdown]
# To get from the unit to the corner, each layer has to step up and to the left, every time: there is
# one path. To the middle there are thousands. It is like throwing dice: the sum of many throws is
# hardly ever all sixes. By the central limit theorem the strength becomes a **Gaussian**, of variance
# n · (K² − 1)/12 for n layers of K × K with equal weights. So what is seen grows with n, but what is used
# only with **√n** [Luo et al. 2016].

# %%
for depth, strength in strengths.items():
    assert abs(spread(strength)[0] - (depth * (3**2 - 1) / 12) ** 0.5) < 1e-9
explore.effective_depth()

# %% [markdown]
# With a single layer everything is used alike; with two it is a tent; from about five on you cannot
# tell it from a Gaussian. Does it also hold for larger kernels?
#
# And in a network with ReLUs, maxima, many channels and random weights? Here is the cat as the middle
# unit of VGG-16 sees it. Frame: what it sees. Light: how strongly, smoothed a little. Dashed: two standard
# deviations.

# %%
strength = effective(features, photo.detach(), unit=(3, 3))
frame, sigma = box(traces["VGG-16"]["features.30"], (3, 3)), max(spread(strength))
evenly = 212 / 12**0.5  # the standard deviation if all pixels in the frame had the same say
print(f"σ = {sigma:.0f} pixels; it would be {evenly:.0f} if all of the frame were used alike")
assert sigma < 0.75 * evenly

# %%
figures.show(
    figures.field_on_photo(cat, frame, f"sees 212 × 212, σ = {sigma:.0f}", strength=strength),
    alt="The photograph of a cat, lit in the middle and fading towards the frame of 212 by 212 pixels; "
    "a dashed ellipse of two standard deviations lies well inside the frame.",
)

# %% [markdown]
# The corners of the frame are dark: seen, but hardly used.
#
# **Careful.** "The receptive field is 212, so the unit takes in the whole object" does not follow. The
# receptive field is an upper limit. The effective field depends on the weights, and so on training: Luo
# et al. measured that it *grows* while a network learns, and that strides, dilation and pooling widen it
# while shortcuts narrow it. And how many pixels you call *used* depends on the threshold; σ does
# not.
#
# *Concept 54*

# %% [markdown]
# ## Worked solutions
#
# `pixels_seen`: from the last layer down; the first element moves to where its window begins, the last one
# to where its window ends.


# %%
def pixels_seen(unit, kernels, strides, paddings):
    first = last = unit
    for k, s, p in zip(kernels[::-1], strides[::-1], paddings[::-1], strict=True):
        first, last = first * s - p, last * s - p + k - 1
    return first, last


check(pixels_seen)
corner = down_to_the_input(small, (0, 4))[-1]
assert pixels_seen(0, [3, 2, 3], [1, 2, 1], [1, 0, 1]) == (corner.top, corner.bottom - 1)

# %% [markdown]
# `field_sizes`: two numbers, carried along; first the size grows, by the old jump, then the jump.


# %%
def field_sizes(kernels, strides, dilations):
    size, jump, sizes = 1, 1, []
    for k, s, d in zip(kernels, strides, dilations, strict=True):
        size += (k - 1) * d * jump
        jump *= s
        sizes.append(size)
    return np.array(sizes)


check(field_sizes)
rows = windowed["VGG-16"]
assert (
    list(field_sizes([r.kernel[0] for r in rows], [r.stride[0] for r in rows], [1] * len(rows)))
    == curves["VGG-16"]
)

# %% [markdown]
# `support_box`: any channel, then any column for the rows and any row for the columns.


# %%
def support_box(gradient):
    seen = (gradient != 0).any(0)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return rows[0], columns[0], rows[-1], columns[-1]


check(support_box)
top, left, bottom, right = support_box(photo.grad[0].numpy())
assert (top, left, bottom + 1, right + 1) == support(photo.grad)

# %% [markdown]
# ## Summary
#
# 1. The receptive field of an element is the part of the *input image* that can change it; the kernel
#    tells it in the first layer only.
# 2. Carry two numbers from layer to layer: size grows by (K − 1) · dilation · jump, then jump is
#    multiplied by the stride. The lecture's (P + K − 1)² is the case of one stride-1 convolution and one
#    pooling.
# 3. Padding moves the field and does not enlarge it; where branches meet, the largest path wins.
# 4. The support of a gradient measures it without a formula, exactly if all paths are open; a real
#    gradient can show less.
# 5. What is used is less than what is seen: a Gaussian whose width grows with the root of the depth.
#
# ## References
#
# - A. Araujo, W. Norris, J. Sim. Computing receptive fields of convolutional neural networks. *Distill*,
#   2019 (the recurrence, alignment, branches, a table of networks).
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. Understanding the effective receptive field in deep
#   convolutional neural networks. *NIPS* 2016.
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural networks.
#   *NIPS* 2012.
# - K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition.
#   *ICLR* 2015 (§2.3: stacks of small kernels).
# - K. He, X. Zhang, S. Ren, J. Sun. Deep residual learning for image recognition. *CVPR* 2016.
#
# *Concepts covered: 52–54*
