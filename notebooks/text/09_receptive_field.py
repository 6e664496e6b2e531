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
# **How much of the image does one unit see?**
#
# A unit that sees only an eye cannot see whether there is a face around it. So it matters how many pixels a
# unit can see, and how strongly each of them changes it. You need
# [section 04](04_one_layer_one_template.ipynb) (gradient) and
# [section 05](05_from_dense_to_convolution.ipynb) (convolution, stride, padding, pooling).
#
# Afterwards you will be able to
#
# - compute how many pixels a unit sees, from kernels, strides and dilations,
# - measure this with a gradient,
# - distinguish what a unit *can* see from what changes it strongly.
#
# *About 50 min, and as much for the problem set · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, layers, plots
from cv_course.networks import alexnet, pretrained, vgg
from cv_course.plots import show
from cv_course.receptive import Window, predicted
from cv_course.sections.s09_field import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# ## 1 Which pixels can change a unit?
#
# A convolution of 3 × 3 turns an image of 7 × 7 pixels into a (feature) map of 5 × 5 numbers. Each of these numbers
# is a **unit**. We look at the unit in row 1 and column 2, counted from 0. We add 1 to one pixel, see whether
# the unit changes, and take the next pixel.
# **Predict:** how many of the 49 pixels change this unit?

# %%
your_guess = "?"  # a whole number


# %%
def pixels_that_matter(network, image, row, column):  # image: 1 × 1 × H × W
    matters = torch.zeros(image.shape[2:], dtype=torch.bool)  # H × W, all False
    before = network(image)
    for y, x in np.ndindex(*image.shape[2:]):  # all positions, row by row
        changed = image.clone()
        changed[0, 0, y, x] += 1
        difference = network(changed) - before
        matters[y, x] = difference[0, 0, row, column].abs() > 1e-9  # not zero up to rounding
    return matters


# %%
torch.manual_seed(0)
image = torch.randint(0, 10, (1, 1, 7, 7)).double()  # double: 16 digits
blur = nn.Conv2d(1, 1, 3, bias=False).double().requires_grad_(False)
blur.weight[:] = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
matters = pixels_that_matter(blur, image, row=1, column=2)
print(f"your guess: {your_guess}, measured: {matters.sum()} pixels")

# %% tags=["hide-input"]
# @title Figure 9.1
from matplotlib.patches import ConnectionPatch, Rectangle

figure, (left, right) = plots.figure(3.5, 2.1, 1, 2, width_ratios=(7, 5))
plots.numbers(image[0, 0], colours="Greys", scale=(0, 30), title="image, 7 × 7", axis=left)
plots.numbers(blur(image)[0, 0], colours="Greys", scale=(0, 300), title="map, 5 × 5", axis=right)
left.add_patch(Rectangle((1.5, 0.5), 3, 3, fill=False, ec=play.SEEN, lw=3.5))
right.add_patch(Rectangle((1.5, 0.5), 1, 1, fill=False, ec=play.UNIT, lw=3.5))
for edge, other in ((0.5, 0.5), (3.5, 1.5)):
    figure.add_artist(
        ConnectionPatch((4.5, edge), (1.5, other), left.transData, right.transData, ls="--")
    )
show(
    figure,
    caption="Figure 9.1. The unit in row 1 and column 2 of the map (orange frame), and the pixels that "
    "change it (blue frame). The rows of the kernel are 1, 2, 1 and 2, 4, 2 and 1, 2, 1.",
    alt="A grid of 7 by 7 numbers with a frame around 3 by 3 of them. Dashed lines lead to one framed "
    "number in a grid of 5 by 5.",
)

# %% [markdown]
# Nine pixels change the unit, those under the kernel. The smallest square that holds all pixels that
# can change a unit is its **receptive field**, or **field** for short. The word *can* means: for some image and some weights.
# In the first layer, the field is as large as the kernel.
#
# [*Concept 52*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert matters.sum() == 9 and matters[1:4, 2:5].all()

# %% [markdown]
# ## 2 Down to the input
#
# We put a second convolution of 3 × 3 on the first. A unit of the second map looks at 3 × 3 units of
# the first map, and each of these looks at 3 × 3 pixels. We count the pixels along one row.
# **Predict:** how many pixels wide is the field after two such layers, and after three?

# %%
your_guess = "?"  # two numbers, such as (1, 2)


# %%
# Window(3): a layer with a kernel of 3 × 3; Window(11, 4): a kernel of 11 × 11 and the stride 4
def all_ones(windows):  # one channel; all weights 1, so that no two changes cancel
    convolutions = [
        nn.Conv2d(1, 1, w.kernel, w.stride, w.padding, w.dilation, bias=False) for w in windows
    ]
    for convolution in convolutions:
        nn.init.ones_(convolution.weight)
    return nn.Sequential(*convolutions).double()


# %%
def width_seen(windows):
    image = torch.zeros(1, 1, 24, 24).double()
    with torch.no_grad():
        matters = pixels_that_matter(all_ones(windows), image, row=0, column=0)
    return int(matters[0].sum())  # pixels in the first row


widths = [width_seen([Window(3)] * count) for count in (1, 2, 3)]
print(f"your guess: {your_guess}, one, two and three layers: {widths} pixels")

# %% [markdown]
# Why 5, and not 6 or 9? The second layer looks at three units side by side. The first one sees 3 pixels. The
# next one sees the same pixels moved by one, so only *one* of them is new. Three neighbours see 3 + 1 + 1 = 5
# pixels. So a kernel of width $K$ adds $K-1$ pixels.
#
# The same holds for a pooling of width $P$ after a convolution of width $K$. The first of its $P$ units sees $K$ pixels, and
# each of the others adds one:
#
# $$K + (P-1) = P + K - 1.$$

# %% tags=["hide-input"]
# @title Figure 9.2
from matplotlib.patches import Polygon


def corners_of(level, top, left, bottom, right):
    """A rectangle of a sheet, seen from the front and above."""
    return [
        (x + 0.55 * (6 - y) + 0.4 * level, 5.0 * level + 0.5 * (6 - y))
        for y, x in ((top, left), (top, right), (bottom, right), (bottom, left))
    ]


figure, axis = plots.figure(3.5, 3.4)
# each sheet: its squares per side, the size of a square in pixels, where it begins, what is seen
sheets = [(6, 1, 0, (2, 2, 6, 6)), (4, 1, 1, (3, 3, 5, 5)), (2, 2, 1, (3, 3, 5, 5))]
for level, (count, step, begin, seen) in enumerate(sheets):
    for row, column in np.ndindex(count, count):
        square = (begin + step * row, begin + step * column)
        square = (*square, square[0] + step, square[1] + step)
        inside = seen[0] <= square[0] < seen[2] and seen[1] <= square[1] < seen[3]
        colour = ("#eeeeea", play.UNIT if level == 2 else "#9ecae1")[inside]
        axis.add_patch(Polygon(corners_of(level, *square), fc=colour, ec="#777777", lw=0.8))
for level, target in ((0, sheets[1][3]), (1, sheets[2][3])):
    for low, high in zip(
        corners_of(level, *sheets[level][3]), corners_of(level + 1, *target), strict=True
    ):
        axis.plot(*zip(low, high, strict=True), "--", color="black", lw=1, zorder=5)
for window, style in (((2, 2, 5, 5), "-"), ((3, 3, 6, 6), (0, (2, 1)))):
    axis.add_patch(
        Polygon(corners_of(0, *window), fill=False, ec="black", lw=2.2, ls=style, zorder=6)
    )
names = (
    "image:\nP + K − 1 = 4\npixels in blue",
    "map of the\nconvolution:\nP = 2 units\nin blue",
    "map of the\npooling",
)
for level, name in enumerate(names):
    axis.text(9.9 + 0.4 * level, 5.0 * level + 1.4, name, va="center", fontsize=9)
axis.set(xlim=(-0.2, 14.9), ylim=(-0.3, 13.2), aspect="equal")
axis.set_axis_off()
show(
    figure,
    caption="Figure 9.2. A convolution with K = 3, then a pooling with P = 2. Blue is what the orange unit "
    "sees: 2 × 2 units and 4 × 4 pixels. Two of the four windows are drawn. The first (solid) is 3 pixels wide; the last (dashed) lies "
    "P − 1 = 1 row and 1 column further. Thin dashed lines connect the sheets.",
    alt="Three sheets above each other: one orange unit, below it 2 by 2 blue units, below them 4 by 4 "
    "blue pixels. Two windows of 3 by 3 pixels overlap and cover the 4 by 4.",
)

# %% [markdown]
# The formula holds for *one* convolution with stride 1, followed by *one* pooling. AlexNet begins
# with $K = 11$ and $P = 3$, but its convolution has the stride 4:

# %%
first_pooling = width_seen([Window(11, 4), Window(3, 2)])
print(f"P + K - 1 = {3 + 11 - 1}, measured: {first_pooling}")

# %% [markdown]
# Neighbouring units of the first map are now 4 pixels apart. So the second and the third unit
# add 4 pixels each: 11 + 2 · 4 = 19. The rule must include strides.
#
# [*Concepts 53 and 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert widths == [3, 5, 7] and first_pooling == 19
for K in (1, 3, 5):
    for P in (1, 2, 3):
        assert width_seen([Window(K), Window(P)]) == P + K - 1

# %% [markdown]
# ## 3 Size and jump
#
# For each map we keep two numbers, both in pixels. The **size** is the width of a unit's field. The
# **jump** (also *effective stride*) is how far the fields of two neighbouring units are apart, from start to start. A pixel of the image sees itself, so it has
# the size 1 and the jump 1. A layer with kernel $K$ and stride $s$ changes first the size, then the jump [Araujo 2019]:
#
# $$\text{size} \leftarrow \text{size} + (K-1)\cdot\text{jump}, \qquad \text{jump} \leftarrow s\cdot\text{jump}.$$
#
# From its first unit to its last, the kernel makes $K-1$ steps of one jump each. The stride of a layer makes the jump
# larger for all *later* layers, not for itself. A pooling counts like a convolution. For LeNet-5 of section 07:
#
# | layer | K | s | size | jump, for the next layer |
# |---|---|---|---|---|
# | C1, convolution | 5 | 1 | 1 + 4 · 1 = **5** | 1 |
# | S2, subsampling | 2 | 2 | 5 + 1 · 1 = **6** | 2 |
# | C3, convolution | 5 | 1 | 6 + 4 · 2 = **14** | 2 |
# | S4, subsampling | 2 | 2 | 14 + 1 · 2 = **16** | 4 |
# | C5, convolution | 5 | 1 | 16 + 4 · 4 = **32** | 4 |
#
# A unit of C5 sees the whole image.
#
# Padding is not in the rule. It puts zeros around each map, and zeros carry nothing of the image. So the field of a unit near the border reaches beyond
# the image, and the unit depends on fewer pixels than its size says. (The size is counted as if the image went on.)
#
# Build a network of four layers *conv 3*. Replace the first by *conv 3, stride 2*. Then replace the last one instead.
# Which enlarges the field more? Finally, go back to four *conv 3* and move the unit to the border. (Or step through
# states 2 to 5.)

# %% tags=["hide-input"]
# @title Figure 9.3: build a network
show(
    play.layer_editor(),
    caption="Figure 9.3. A network cut open along one direction. Each row of squares is a map, the lowest is the "
    "image. The orange unit depends on the blue squares. The orange line is the whole field. Each layer pads its own map with zeros. White squares are the zeros that the unit depends on. At first it has the "
    "kernels and strides of LeNet-5's first four layers, but with padding.",
)

# %% [markdown]
# A stride in the first layer makes all later steps twice as long: the size is 15 instead of 9. In the last layer it
# changes only the jump. At the border, unit 0 depends on only 5 pixels, although its size is 9.
#
# Next, two large networks. The numbers are kernel / stride:
#
# | network | convolutions and poolings |
# |---|---|
# | AlexNet | 11/4, pool 3/2, 5/1, pool 3/2, 3/1, 3/1, 3/1, pool 3/2 |
# | VGG-16 | twice: 3/1, 3/1, pool 2/2; then three times: 3/1, 3/1, 3/1, pool 2/2 |
#
# **Predict:** which of the two sees more at its end? (You can compute both sizes by the rule.)

# %%
your_guess = "?"  # "AlexNet" or "VGG-16"

# %% tags=["hide-input"]
# @title Figure 9.4
with torch.device("meta"):  # networks with shapes, but without weights
    networks = {"AlexNet": alexnet.alexnet("two_towers"), "VGG-16": vgg.vgg("D")}
tables = {
    "AlexNet": layers.trace(networks["AlexNet"], (3, 227, 227)),  # lists the layers
    "VGG-16": layers.trace(networks["VGG-16"], (3, 224, 224)),
}


def windows_of(table):
    rows = table.only("Conv2d", "MaxPool2d")
    return [Window(row.kernel, row.stride, row.padding) for row in rows]


fields = {name: predicted(windows_of(table)) for name, table in tables.items()}
sizes = {name: [field.size[0] for field in own] for name, own in fields.items()}
dense = {name: table.only("Linear")[0].receptive_field[0] for name, table in tables.items()}
figure, axis = plots.figure(3.5, 3.0)
plots.lines(
    {name: (range(1, len(one) + 1), one) for name, one in sizes.items()},
    xlabel="number of the layer", ylabel="size of the field (pixels)",
    ylim=(0, 250), xticks=(1, 4, 8, 14, 18), labels=False, axis=axis,
)  # fmt: skip
for number, ((name, own), (x, y)) in enumerate(
    zip(fields.items(), ((1.2, 130), (10.6, 25)), strict=True)
):
    axis.text(x, y, name, color=axis.lines[number].get_color(), fontsize=10)
    axis.text(len(own), own[-1].size[0] + 8, own[-1].size[0], ha="center", fontsize=9)
show(
    figure,
    caption="Figure 9.4. The size of the field after each convolution and pooling, by the rule. "
    "AlexNet's image is 227 pixels wide, VGG-16's 224.",
    alt="AlexNet rises to 195 in 8 layers. VGG-16 rises slowly at first, then steeply, to 212 in 18 "
    "layers.",
)
print(f"your guess: {your_guess}, AlexNet {sizes['AlexNet'][-1]}, VGG-16 {sizes['VGG-16'][-1]}")
print("first fully connected layer:", ", ".join(f"{name} {size}" for name, size in dense.items()))

# %% [markdown]
# VGG-16 sees more. Its last three convolutions add most: at a jump of 16, each adds 32 pixels.
#
# In neither network does a unit of the last map see the whole image. The first fully connected layer does (printed): it is like a kernel as wide as the map. AlexNet's last map is 6 units wide, and its jump is 4 · 2 · 2 · 2 = 32. So the field is 195 + 5 · 32 = 355 pixels wide.
#
# [*Concepts 53 and 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert sizes["AlexNet"] == [11, 19, 51, 67, 99, 131, 163, 195]
assert sizes["VGG-16"] == [
    *(3, 5, 6, 10, 14, 16, 24, 32, 40, 44),
    *(60, 76, 92, 100, 132, 164, 196, 212),
]
assert list(dense.values()) == [355, 404]
lenet5 = [Window(5), Window(2, 2), Window(5), Window(2, 2), Window(5)]
assert [field.size[0] for field in predicted(lenet5)] == [5, 6, 14, 16, 32]
ends = {}
for configuration in "ABCDE":
    with torch.device("meta"):
        ends[configuration] = predicted(
            windows_of(layers.trace(vgg.vgg(configuration), (3, 224, 224)))
        )[-1].size[0]
assert ends == {"A": 150, "B": 156, "C": 156, "D": 212, "E": 268}

# %% [markdown]
# ## 4 Dilation and its gaps
#
# A stride enlarges the later fields, but it makes the maps smaller. **Dilation** (*dilated* or *atrous* convolution)
# enlarges the field without a stride. With the dilation $d$, the units that a kernel
# looks at are $d$ units apart. So the layer adds $(K-1)\cdot d\cdot\text{jump}$ to the size. The jump stays the same.
#
# Along one direction, a kernel of 3 with the dilation 2 looks at the units 0, 2 and 4. What happens if we put three such
# layers on each other?

# %% tags=["hide-input"]
# @title Figure 9.5
cases = ((1, 1, 1), (2, 2, 2), (1, 2, 4))
figure, panels = plots.figure(3.5, 6.3, 3, 1)
pixels = {}
for panel, dilations in zip(panels, cases, strict=True):
    stack = [(f"dilation {d}", Window(3, 1, d, d)) for d in dilations]
    play.cut_open(stack, 15, panel, 7)
    found = model.connected([window for _, window in stack], 7, 15)[1][0]
    pixels[dilations] = (int(np.ptp(found)) + 1, len(found))
    width, count = pixels[dilations]
    panel.set_title(f"{', '.join(map(str, dilations))}: size {width}, {count} blue pixels")
    panel.set(xlim=(-1, 15), xlabel="position (pixels)" if panel is panels[-1] else "")
show(
    figure,
    caption="Figure 9.5. Three convolutions of 3 × 3 along one direction. The lowest row is the image. The orange "
    "unit depends on the blue squares. The orange line is the field. With the dilations 2, 2, 2 there are gaps in it.",
    alt="Dilations 1, 1, 1: seven blue pixels side by side. 2, 2, 2: seven blue pixels with a grey one "
    "between any two of them. 1, 2, 4: fifteen blue pixels side by side.",
)

# %% [markdown]
# Look at the lowest rows. With 2, 2, 2 the size is 13 pixels, but the unit depends on only 7 of them. The
# other six lie in **gaps** (*gridding*): no change there can reach the unit.
# With 1, 2, 4 three layers reach 15 pixels without gaps [Yu 2016].
#
# The reason: take one layer with dilation $d$, all strides 1. The units that it looks at have fields that begin $d$ pixels apart. If each of these fields has no gaps and is at least $d$ pixels wide, they touch or overlap, and no gap arises. With 1, 2, 4 the fields before each layer are 1, 3 and 7 wide: always enough. With 2, 2, 2 the first layer looks at single pixels, 2 apart.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert pixels == {(1, 1, 1): (7, 7), (2, 2, 2): (13, 7), (1, 2, 4): (15, 15)}
assert predicted([Window(3)] * 6)[-1].size == (13, 13)

# %% [markdown]
# ## 5 Measured with a gradient
#
# Is the rule right for whole networks? An image of 224 × 224 has 50,176 pixels. Changing each of them takes
# as many runs. The **gradient** of a unit needs one run forward and one backward. In section 04 the gradient said how the loss changes with each weight.
# Here it says how fast the *unit* grows if a *pixel* grows. Where it is not zero, the
# pixel matters. We add all channels at the unit's position; their field is the same.


# %%
def gradient_of_unit(network, image, row, column):
    image = image.detach().clone().requires_grad_()  # we want the gradient of the pixels
    maps = network(image)  # 1 × channels × rows × columns
    maps[0, :, row, column].sum().backward()  # all channels at this position
    return image.grad[0]  # as the image: channels × H × W


# %% [markdown]
# Find the smallest box that holds all pixels that matter.


# %%
def support_box(gradient):
    """gradient (C, H, W), a NumPy array: C channels, H rows and W columns. Returns
    [first row, first column, last row, last column] where any channel is not zero.

    Example: C = 1, not zero only at rows 1 to 2 and column 4 -> [1, 4, 2, 4]."""
    ...  # replace this line


check(support_box)

# %%
hint(support_box)

# %% [markdown]
# We compare rule and gradient for the middle unit of five networks. Two have the kernels and strides of AlexNet and VGG-16, but one
# channel, weights 1, no ReLU, and convolutions instead of poolings. So they test the sums of the rule, but not what ReLU and max pooling do.
#
# Three are parts of EfficientNet-Lite0 of section 05. Its layers form seven
# **stages**. Our parts end after stages 2, 3 and 4, and see a cat.

# %% tags=["hide-input"]
# @title The rule and the gradient
from cv_course.sections.s09_field.drills import support_box as box_of  # our solution

trained = pretrained.efficientnet_lite0()
cat = trained.prepare(data.photos()["cat"])  # 1 × 3 × 224 × 224
stages = {f"stage {n}": trained.features[: n + 2] for n in (2, 3, 4)}  # up to this stage
ones = {name: all_ones(windows_of(table)) for name, table in tables.items()}
table = layers.trace(trained, (3, 224, 224))
ends = {2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 7: 0}  # the last block of each stage
rows = {f"stage {n}": table[f"features.stage{n}.{end}.project.conv"] for n, end in ends.items()}
boxes = {}
for name, network in {**ones, **stages}.items():
    image = torch.ones(1, 1, 227, 227).double() if name in ones else cat
    with torch.no_grad():
        middle = network(image).shape[-1] // 2
    box = box_of(gradient_of_unit(network, image, middle, middle).numpy())
    size, jump, start = fields[name][-1] if name in ones else (
        rows[name].receptive_field, rows[name].jump, rows[name].start)  # fmt: skip
    first = np.array(start) + middle * np.array(jump)
    boxes[name] = (size[0], [*first.tolist(), *(first + size - 1).tolist()], box.tolist())
    print(f"{name:8}  rule {size[0]:3} pixels wide, gradient {box[3] - box[1] + 1:3}")
wide = {name: rows[name].receptive_field[0] for name in ("stage 5", "stage 6", "stage 7")}
print("by the rule:", ", ".join(f"{name} {size}" for name, size in wide.items()))

# %% [markdown]
# They agree, also in the position of the fields (checked in the folded code). But a gradient belongs to *one* image. A ReLU whose output is 0 passes no
# gradient on, and max pooling passes it to one unit only. So on a single image the gradient can miss pixels of the field. Here it reached all four edges of each field.

# %% tags=["hide-input"]
# @title Figure 9.6: on a photograph
show(
    play.field_on_photo(data.photos(), {name: rows[name] for name in stages}),
    caption="Figure 9.6. What one unit of EfficientNet-Lite0 sees of a photograph (frame). Outside the field the "
    "photograph is pale. Plain grey lies outside the image.",
)

# %% [markdown]
# In stage 2 the field is a patch of fur. In stage 4 it holds most of both eyes and the nose. From stage 5 on, the field is wider than the image. But the
# frame does not say *how strongly* each pixel changes the unit.
#
# [*Concepts 52 and 53*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert [size for size, *_ in boxes.values()] == [195, 212, 19, 67, 147]
assert all(by_rule == by_gradient for _, by_rule, by_gradient in boxes.values())
assert list(wide.values()) == [339, 787, 851]

# %% [markdown]
# ## 6 Seen, but with little effect
#
# Do all pixels of the field matter equally? Take two convolutions of 3 × 3 with all weights 1. A **path** leads from a
# pixel to a unit of the first map, and from there to the unit of the second map. Each path adds the product of its weights, 1 · 1, to the gradient. So the gradient
# counts the paths:

# %%
two_layers = all_ones([Window(3), Window(3)])
paths = gradient_of_unit(two_layers, torch.zeros(1, 1, 5, 5).double(), 0, 0)[0]  # 5 × 5
print(paths.int().numpy())

# %% [markdown]
# Nine paths lead from the middle pixel, and one from each corner. In each layer, a
# path moves by −1, 0 or +1 along each direction. For many paths the sum of the moves is near 0. But along one direction, only one sequence of moves is +1 every time.
# With many layers, the counts approach a **Gaussian**, a bell curve. Its width, the standard deviation $\sigma$, grows only with $\sqrt{n}$ for $n$ layers. The size of the field grows with $n$ itself [Luo 2016].
#
# Why $\sqrt{n}$? A path drawn at random makes $n$ independent moves. So the variance of their sum is $n$ times that of one move, and $\sigma$ is its square root.
#
# The **strength** of a pixel is the absolute value of its gradient. For several images or outputs, we take the mean of the absolute
# values. Finally we divide all strengths by the largest, so the strongest pixel has 1. The map of all strengths is the **effective receptive field**
# (*effective field* for short). What the rule gives is called the *theoretical* receptive field.
#
# Count the pixels with a strength above 4.55% of the largest. (Luo et al. chose this limit. With another one, all sizes change.) The **effective size** is the root of this count: the side of a square
# with as many pixels.
#
# Strength is the effect of a *very small* change, not the importance for a decision.


# %%
def effective_size(strength):
    """strength (H, W), a NumPy array; its largest value need not be 1. Returns one number:
    the square root of the number of pixels above 4.55% of the largest value.

    Example: [[0, 2, 0], [2, 9, 2], [0, 2, 0]] has 5 such pixels -> 2.236."""
    ...  # replace this line


check(effective_size)

# %%
hint(effective_size)

# %% [markdown]
# With 5 layers and equal weights the field is 11 pixels wide, and the effective size is 8.3. With 20 layers it is
# 41 pixels, and the effective size is 16.2. **Predict:** 80 layers have a field of 161 pixels. What is their
# effective size?

# %%
your_guess = "?"  # pixels

# %% tags=["hide-input"]
# @title Figure 9.7
depths = (5, 10, 20, 40)
equal = {depth: model.equal_weights(depth) for depth in (*depths, 80)}
effective_of = {depth: model.effective_size(strength) for depth, strength in equal.items()}


def random_share(depth, seed):
    """Effective size / size: random weights, 8 channels and ReLU, mean over 8 random images."""
    torch.manual_seed(seed)
    network = model.plain(depth)
    noise = torch.randn(8, 1, 2 * depth + 1, 2 * depth + 1)
    return model.effective_size(model.effective(network, noise)) / (2 * depth + 1)


def square(axis, number, top, side, width):
    """A square of ``side`` pixels on the number-th of some maps that are ``width`` pixels wide."""
    corner = (number * 1.06 + (1 - side / width) / 2, top + (1 - side / width) / 2)
    look = {"fill": False, "ec": play.UNIT, "lw": 2, "ls": "--"}
    axis.add_patch(Rectangle(corner, side / width, side / width, **look))


shares = {
    "equal": [effective_of[depth] / (2 * depth + 1) for depth in equal],
    "random": [[random_share(depth, seed) for depth in depths] for seed in range(3)],
}
figure, (upper, lower) = plots.figure(3.5, 4.6, 2, 1, height_ratios=(1, 1.7))
shown = (5, 20, 80)
titles = [f"{d} layers\n{effective_of[d]:.1f} of {2 * d + 1}" for d in shown]
plots.pictures([equal[d][None] for d in shown], titles, size=1.1, scale=(0, 1), axis=upper)
for number, depth in enumerate(shown):
    top = upper.texts[0].get_position()[1] + 0.05 / 1.1
    square(upper, number, top, effective_of[depth], 2 * depth + 1)
plots.lines(
    {"equal": (list(equal), shares["equal"]), "random": (depths, shares["random"])},
    xlabel="number of layers", ylabel="effective size / size", ylim=(0, 1), xticks=[*equal],
    labels=False, axis=lower,
)  # fmt: skip
for text, x, y, number in (("equal weights", 3, 0.1, 0), ("random weights (3 runs)", 22, 0.85, 1)):
    lower.text(x, y, text, color=plots.COLOURS[number], fontsize=9)
show(
    figure,
    caption="Figure 9.7. Above: strength with equal weights (white 1, black 0). Each map is as wide as its field; the "
    "orange square has the effective size. The numbers are both in pixels. Below: effective size divided by size; random "
    "weights up to 40 layers (three runs, nearly equal).",
    alt="A white spot takes less and less of the map: 8.3 of 11 pixels, 16.2 of 41, 32.3 of 161. The curve of equal "
    "weights falls from 0.76 to 0.20. That of random weights is higher, and falls, too.",
)
print(f"your guess: {your_guess}, effective size of 80 layers: {effective_of[80]:.1f}")

# %% [markdown]
# Four times as many layers make the size almost four times as large, but the effective size only twice, like σ. (A Gaussian falls to 4.55% of its maximum at about 2.5 σ. So the effective size is proportional to σ.) Is this due to the equal weights? The orange curve is a control: random weights, 8 channels and ReLU.
# It lies higher, but also falls [Luo 2016].
#
# [*Concept 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert paths[2, 2] == 9 and paths[0, 0] == 1 and paths[2].tolist() == [3, 6, 9, 6, 3]
assert np.allclose(shares["equal"][:4], [0.75, 0.56, 0.39, 0.28], atol=0.01)
assert np.allclose([effective_of[5], effective_of[20]], [8.3, 16.2], atol=0.05)
assert abs(effective_of[80] / effective_of[20] - 2) < 0.02
for depth, strength in equal.items():
    sigma = model.sigma(strength)
    assert abs(sigma - (2 * depth / 3) ** 0.5) < 1e-9
    circle = np.pi**0.5 * model.RADIUS * sigma  # the side of a square as large as the circle
    assert depth < 10 or abs(effective_of[depth] / circle - 1) < 0.03
runs = np.array(shares["random"])
assert (np.diff(runs) < -0.05).all() and (runs > np.array(shares["equal"][:4]) + 0.03).all()

# %% [markdown]
# ## 7 Before and after training
#
# Training changes the weights. Does the effective field change with the
# task? Our network has ten convolutions of 3 × 3 without padding, with ReLU between them. They have 8 channels, but the last has 4, one score
# for each class. The images are faint noise, 21 × 21 pixels. So the last map has a single position, and its field is the whole image.
#
# We paint a white square of 3 × 3 pixels on each image, diagonally away from the middle. The class is the
# direction: upper left, upper right, lower left or lower right. In the task *near*, the centre of the square is 2 rows and 2 columns from
# the middle of the image. In the task *far*, these are 7 and 7. All else is equal: the noise, the initial weights, the number of steps. A control is trained on
# *random labels* of the near images: training in which there is nothing to find.

# %%
torch.manual_seed(0)
corners, new_corners = torch.randint(0, 4, (1_000,)), torch.randint(0, 4, (300,))
noise, new_noise = 0.2 * torch.rand(1_000, 1, 21, 21), 0.2 * torch.rand(300, 1, 21, 21)
distances = {"near": 2, "far": 7}


# %%
def fit(network, images, corners, epochs=5):
    optimiser = torch.optim.Adam(network.parameters(), lr=0.003)  # a form of gradient descent
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            scores = network(images[batch]).flatten(1)  # 50 × 4
            loss = nn.functional.cross_entropy(scores, corners[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


# %% [markdown]
# We want to compare only the weights. So we compute the strength of all networks on the *same* 100 images of noise, without any square. (Mean of the strengths for the four scores.)
# **Predict:** compared with the untrained network, is the effective size larger or smaller after training for *near*, and for *far*?

# %%
your_guess = "?"  # such as ("larger", "larger")

# %% tags=["hide-input"]
# @title Figure 9.8


def accuracy(network, images, corners):
    with torch.no_grad():
        return (network(images).flatten(1).argmax(1) == corners).float().mean().item()


without = new_noise[:100]  # for all networks the same
asked = {name: model.marked(new_noise, new_corners, at) for name, at in distances.items()}
strengths, right = {}, {}
for task, distance in {"untrained": 0, "random labels": 2, **distances}.items():
    strengths[task], right[task] = [], []
    for seed in range(3):
        torch.manual_seed(seed)
        network = model.plain()  # for each task the same initial weights
        answers = corners[torch.randperm(len(corners))] if task == "random labels" else corners
        if distance:
            fit(network, model.marked(noise, corners, distance), answers)
        if task in distances:
            right[task].append(accuracy(network, asked[task], new_corners))
        strengths[task].append(model.effective(network, without))
found = {name: [model.effective_size(one) for one in runs] for name, runs in strengths.items()}
sigmas = {name: [model.sigma(one) for one in runs] for name, runs in strengths.items()}
figure, (upper, lower) = plots.figure(3.8, 5.6, 2, 1, height_ratios=(1.7, 1.6))
examples = [without[0], *(model.marked(without[:1], torch.tensor([3]), d)[0] for d in (2, 7))]
drawn = ("untrained", *distances)
means = [torch.stack(strengths[name]).mean(0)[None] for name in drawn]
plots.pictures(
    [*examples, *means], ["no square", "near", "far", *drawn],
    columns=3, size=1.1, scale=(0, 1), axis=upper,
)  # fmt: skip
plots.bars(
    {name.split()[0]: runs for name, runs in found.items()},
    ylabel="effective size (pixels)",
    fmt="",
    axis=lower,
)
for at, runs in enumerate(found.values()):
    lower.text(at, np.mean(runs) / 2, f"{np.mean(runs):.1f}", color="white", ha="center")
show(
    figure,
    caption="Figure 9.8. Above: an image without a square, and one of each task. Middle: effective fields (mean of three "
    "runs; white 1, black 0). Below: effective size (random: trained on random labels). Dots are single runs.",
    alt="Images of dark noise, two with a white square. Three maps: a broad spot untrained, a narrow spot for near, a "
    f"broader one for far. {', '.join(f'{name} {np.mean(one):.1f}' for name, one in found.items())}.",
)


def line(name, measured, digits=1):
    """One row: the smallest and the largest of three runs of each task."""
    cells = [f"{min(runs):.{digits}f}–{max(runs):.{digits}f}" for runs in measured.values()]
    print(f"{name:12}", *(f"{cell:9}" for cell in cells))


print("your guess:", your_guess)
print("effective size in pixels: smallest–largest of three runs")
print(f"{'':12}", *(f"{name.split()[0]:9}" for name in found))
line("size", found)
least = ", ".join(f"{name} {min(right[name]):.2f}" for name in distances)
print(f"accuracy, at least: {least} (chance 0.25)")

# %% [markdown]
# After training on *near*, the effective size is smaller than before in each of our three runs, after *far* larger. But random labels make it a little smaller on average, too. So a part of the shrinking may come from training as such. But the effective field also changed with the task. (Why the map of *far* is brighter along one diagonal, we did not test.)
#
# Luo et al. report that training made the effective fields of larger networks larger. In ours, it depended on the task.
#
# [*Concept 54*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
for measured in (found, sigmas):
    assert max(measured["near"]) < min(measured["untrained"])
    assert max(measured["untrained"]) < min(measured["far"])
assert max(sum(found["random labels"]) / 3, sum(found["near"]) / 3) < min(found["untrained"])
assert min(right["near"] + right["far"]) > 0.8

# %% [markdown]
# ## Summary
#
# 1. The receptive field of a unit is the smallest square with all pixels that can change it (if the image went on in all directions).
# 2. Size grows by (K − 1) · dilation · jump, then the jump is multiplied by the stride. P + K − 1 holds for
#    one convolution with stride 1 and one pooling.
# 3. With padding, fields near the border reach beyond the image. Some dilations, such as 2, 2, 2, leave gaps in it.
# 4. A pixel whose gradient is not zero lies in the field. The absolute value shows the effect of a very small change.
# 5. In deep networks, pixels near the border of the field usually have little strength. With equal weights the effective size grows with the
#    square root of the depth. In our small network, training made it larger or smaller.
#
# ## Problem set

# %% [markdown]
# **1 · Count** ★ 5 min. A convolution of 7 with stride 2, a pooling of 3 with stride 2, and two convolutions of 3 with
# stride 1 follow each other. What are the size and the jump at the end? And how many pixels do three convolutions of 1 × 1 add to the
# size?

# %%
check(size_after=..., jump_after=..., one_by_one=...)

# %% [markdown]
# **2 · Root** ★★ 5 min. Many layers of 3 × 3 with equal weights, so that the strength is a Gaussian. By what factor must their
# number grow, so that the effective size becomes three times as large?

# %%
check(times_as_many=...)

# %% [markdown]
# **3 · Explain** ★★ 5 min. "Its receptive field has 212 × 212 pixels, so the unit recognises the object from all of
# them." What is wrong? Use the words *strength* and *effective size*.

# %%
reveal(takes_in=...)  # your sentences, between quotation marks

# %% [markdown]
# **4 · Debug** ★★ 8 min. The function gets a strength (H, W) and should return its standard deviation from left to
# right, in pixels. For [[1, 0, 1]] the answer is 1. Mend the one wrong line, then call `check(sigma_across)`.


# %%
def sigma_across(strength):
    """strength (H, W), a NumPy array. Returns one number, in pixels."""
    columns = strength.sum(axis=0)
    share = columns
    position = np.arange(len(share))
    mean = (share * position).sum()
    return np.sqrt((share * (position - mean) ** 2).sum())


# %% [markdown]
# **5 · Design** ★★★ 10 min. Four convolutions of 3 × 3 with stride 1. Choose their four dilations, so that the size is at
# least 61 pixels and there are no gaps.

# %%
check(dilations=[1, 2, 4, 8])

# %% [markdown]
# **6 · Open** ★★★ 20 min. Train the network of part 7 with the square 3, 5 and 8 pixels from the middle. How do
# accuracy and effective size change? Say first what you expect, and use three runs.
#
# ## Solutions

# %% tags=["hide-input"]
# @title Solutions


def support_box(gradient):
    seen = (gradient != 0).any(axis=0)  # H × W: any channel
    rows = np.flatnonzero(seen.any(axis=1))
    columns = np.flatnonzero(seen.any(axis=0))
    return np.array([rows[0], columns[0], rows[-1], columns[-1]])


def effective_size(strength):
    return np.sqrt((strength > 0.0455 * strength.max()).sum())


def sigma_across(strength):
    columns = strength.sum(axis=0)
    share = columns / columns.sum()  # the weights of a mean add up to 1
    position = np.arange(len(share))
    mean = (share * position).sum()
    return np.sqrt((share * (position - mean) ** 2).sum())


_ = [
    check(support_box),
    check(effective_size),
    check(sigma_across),
    check(size_after=11 + 2 * 4 + 2 * 4, jump_after=2 * 2, one_by_one=0, times_as_many=3**2),
    check(dilations=[1, 3, 9, 18]),
]

# %% [markdown]
# ## References
#
# - A. Araujo, W. Norris, J. Sim. Computing receptive fields of convolutional neural networks. *Distill*, 2019
#   (the rule, with branches and alignment).
# - K. He et al. Delving deep into rectifiers. *ICCV* 2015 (random weights).
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural networks.
#   *NIPS* 2012 (AlexNet).
# - R. Liu. Higher accuracy on vision models with EfficientNet-Lite. TensorFlow blog, 2020.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. Understanding the effective receptive field in deep convolutional neural
#   networks. *NIPS* 2016 (§2 equal and random weights; §3 training, and the threshold, there as a share of the middle pixel).
# - K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition. *ICLR* 2015 (VGG).
# - F. Yu, V. Koltun. Multi-scale context aggregation by dilated convolutions. *ICLR* 2016 (dilations 1, 2, 4).
#
# [Concepts 52–54](00_start_here.ipynb#Map-of-the-concepts)
