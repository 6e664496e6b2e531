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
# # 00 · Start here
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/00_start_here.ipynb)
#
# **How did machines come to recognise images, and what do they really see?** In this workbook you build such machines, train them, and find out
# where they fail.
#
# *About 15 min · runs in seconds. You need Python and NumPy.*
#
# We begin with a machine of 2020. It is a **network**: a program that computes names for an image. Mostly, it multiplies pixels by numbers of its own and
# adds up the results, again and again. It has 4.7 million such numbers. No person chose them. In **training**, the network got over a million photographs whose names were known. Again and again, its numbers were changed a little, to make the
# right names more probable.
#
# It knows 1,000 names. For a photograph, each name gets a **probability** from 0 to 1, and all 1,000 sum to 1. The five names
# with the highest probabilities are the network's five guesses:

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% tags=["hide-input"]
# @title Load a network and photographs
import torch

from cv_course import data, plots
from cv_course.networks.pretrained import efficientnet_lite0, guesses
from cv_course.plots import show
from cv_course.sections.s00_start import check, hint, play

torch.set_num_threads(1)
network = efficientnet_lite0()
names = {"cat": "cat", "coffee": "coffee", "photographer": "camera", "astronaut": "astronaut"}
photos = {name: data.fitted(data.photos()[file], 224, 224) for name, file in names.items()}
cat = photos["cat"]
both = torch.stack([cat, play.CHANGES["dimmed"](cat)]).numpy()

# %% tags=["hide-input"]
# @title Figure 0.1
found = guesses(network, cat)
show(
    play.guessed(cat, found),
    caption="Figure 0.1. A photograph, and the five names to which the network gives the highest probabilities.",
    alt="A photograph of a cat's face, and bars: "
    + ", ".join(f"{name} {share:.2f}".replace("0.00", "under 0.01") for name, share in found),
)

# %% [markdown]
# Together, the five probabilities are less than 1: the other 995 names share the rest. *Egyptian cat*, *tiger cat* and *tabby* are domestic cats. On this page, each of these names counts as a
# cat. A *lynx* is a wild animal and does not count.
#
# **ImageNet** is a large collection of such photographs. In 2011 there was a competition on it. A
# program could make *five* guesses per photograph, and one of them had to be the right name. The
# best program was right for about 74%. Our network is right for 75% with its *first* guess alone
# (on 50,000 photographs that were not used in training).
#
# ## When does the guess change?
#
# We change the photograph in five ways (Figure 0.2a). For changes 4 and 5, it is cut into 16 or 64 squares, and these are put together in a random order.

# %% tags=["hide-input"]
# @title Figure 0.2a
show(
    play.views(cat),
    caption="Figure 0.2a. The photograph of Figure 0.1 and its five changes.",
    alt="Six images of a cat: as it is; moved to the right; dark; upside down; 16 squares and 64 squares in a wrong order.",
)

# %% [markdown]
# **Predict:** after which changes is the network's first guess still a cat?
#
# On a web page, note your guess and read on. In a notebook, write it in the next cell. In your own
# session nothing has run yet, so begin at the top. Click on the first cell of the page, and run
# one cell after another with **Shift + Enter**.

# %%
your_guess = "?"  # the numbers of the changes, for example "1, 2"

# %% tags=["hide-input"]
# @title Figure 0.2b
first = [play.first_guess(network, cat, change) for change in play.CHANGES]
print("your guess:", your_guess)
show(
    play.views(cat, first),
    caption="Figure 0.2b. The same images, each with the network's first guess and its probability.",
    alt="Six images with what a network sees in them. A cat, "
    + "; ".join(f"{change}: {name}" for change, (name, _) in zip(play.CHANGES, first, strict=True)),
)

# %% [markdown]
# After changes 1 to 4, the first guess is still a cat. With 16 squares, *Egyptian cat* is even more probable than before, although the eyes and
# the nose are at wrong positions. With 64 squares, the first guess is no longer a cat.
#
# Is this so for other photographs, and for other orders of the squares? Figure 0.3 has four
# photographs. The first guess for the coffee is *espresso*. For the photographer it is *tripod*,
# because his camera stands on one. We count both as right. The network has no name for the
# astronaut, so the astronaut does not count below. Try photographs and changes. (On a web page,
# step through five examples.)

# %% tags=["hide-input"]
# @title Figure 0.3 (interactive)
show(
    play.look(network, photos),
    caption="Figure 0.3. Four photographs, as they are or changed, and the network's first five guesses.",
)

# %% [markdown]
# Which first guesses are still right after each change? For the squares, we try 20 random orders:

# %% tags=["hide-input"]
# @title Three photographs
right = {"cat": "tabby", "coffee": "espresso", "photographer": "tripod"}
kept = {
    (change, photo): play.same_thing(name, play.first_guess(network, photos[photo], change)[0])
    for change in ("moved", "dimmed", "upside down")
    for photo, name in right.items()
}
orders = {
    (side**2, photo): sum(
        play.same_thing(name, guesses(network, play.shuffled(photos[photo], side, seed))[0][0])
        for seed in range(20)
    )
    for side in (4, 8)
    for photo, name in right.items()
}
print(f"{'photograph':12}", *(f"{photo:>14}" for photo in right))
print(f"{'right name':12}", *(f"{name:>14}" for name in ("a cat", "espresso", "tripod")))
print()
for change in ("moved", "dimmed", "upside down"):
    print(f"{change:12}", *(f"{'yes' if kept[change, photo] else 'no':>14}" for photo in right))
for number in (16, 64):
    print(f"{number} squares  ", *(f"{f'{orders[number, photo]} of 20':>14}" for photo in right))

# %% tags=["hide-input"]
# @title Checks: what this shows
# One guess counts, even if its probability is small. More squares have more cuts, too, whose
# edges may disturb the network: this is not tested apart.
is_cat = [play.same_thing("tabby", name) for name, _ in first]
assert is_cat == [True] * 5 + [False]
assert first[4][0] == first[0][0] == "Egyptian cat" and first[4][1] > first[0][1]
assert [change for change, yes in kept.items() if not yes] == [("upside down", "photographer")]
assert orders[16, "cat"] == 20
assert 20 > orders[16, "photographer"] > orders[16, "coffee"] > 0
assert max(orders[64, photo] for photo in right) < 4
for photo, name in right.items():
    assert play.same_thing(name, play.first_guess(network, photos[photo], "as it is")[0])

# %% [markdown]
# For the cat, the coffee and the photographer, the first guess is still right after moving and
# dimming. Upside down or with 16 squares, it depends on the photograph. With 64 squares, the guess
# is nearly always wrong. Three photographs prove little: later sections use many.
#
# ## What the machine gets
#
# For the machine, an image is an array of numbers. In grey, our photograph has 224 rows and 224 columns of **pixels**. Each pixel is a whole number from
# 0 (black) to 255 (white). Figure 0.4 shows the numbers in a small frame, which you can move. Do they tell you that this is a cat?

# %% tags=["hide-input"]
# @title Figure 0.4 (interactive)
grey = cat.float().mean(0).round().to(torch.uint8)
show(
    play.pixels(grey),
    caption="Figure 0.4. A frame of 8 × 8 pixels on the photograph, and the numbers in it.",
)

# %% [markdown]
# The numbers tell where the image is dark or bright, but hardly that it is a cat.
#
# A colour image has three such arrays, called **channels**: red, green and blue. **Predict:** how many numbers make up the colour photograph?

# %%
your_guess = "?"  # a whole number

# %% tags=["nbval-check-output"]
channels, rows, columns = cat.shape  # cat: the colour photograph
print("your guess:", your_guess)
print(f"{channels} · {rows} · {columns} = {channels * rows * columns:,} numbers")

# %% [markdown]
# ## Three questions
#
# - **What is image recognition?** It finds the name of what an image shows, from these numbers.
# - **What is computer vision?** Mostly, it describes what is in images: names, positions, shapes, motion. Image recognition is one part of it.
# - **Why do convolutional neural networks matter?** Our network is one of them. Such a network
#   looks for the same small patterns in all parts of an image. So a pattern that it learned at
#   one position, such as the tip of an ear, can be found at others. Sections 04 and 05 test how
#   much this helps.
#
# [*Concept 1*](#Map-of-the-concepts) (Such a link leads to a list of the 63 ideas of the course,
# at the end of this page.)
#
# ## How a page works
#
# 1. **Predict, then run.** After a wrong guess, you may remember the result better.
# 2. **Move the sliders** of a figure, and see what changes.
# 3. **Solve the exercises.** `check` says what is right and what is not. `hint` helps, a little more with each call. Solutions are at
#    the end.
# 4. **Folded code** draws figures and checks what the text says. You need not open it.
#
# Here is your first exercise. Several images fit into one array with four axes: image, channel, row, column. The array `both` has two images, the cat as
# it is and dimmed:

# %% tags=["nbval-check-output"]
print(both.shape)

# %% [markdown]
# Write a function that returns the mean brightness of each image: for `both`, two numbers.


# %%
def mean_brightness(images):
    """images: a NumPy array of shape (N, C, H, W) with whole numbers from 0 to 255:
    N images, C channels, H rows, W columns.
    Returns N numbers: the mean of each image, from 0 (black) to 1 (white)."""
    ...  # replace this line


check(mean_brightness)

# %%
hint(mean_brightness)

# %% [markdown]
# Replace the three dots by your code, and run the cell again. When `check` says "right", run the next cell, too. (Until then, it prints `None`.)

# %%
print(mean_brightness(both))

# %% [markdown]
# ## The path
#
# Figure 0.5 has one picture from each of the twelve sections. The table below says what each section asks and finds.

# %% tags=["hide-input"]
# @title Figure 0.5
from itertools import pairwise
from time import perf_counter

from matplotlib.patches import Rectangle

clothes = data.fashion_mnist().train[:2000]
boots = clothes.images[clothes.labels == 9].float()
figure, axes = plots.figure(8, 9.2, 4, 3)
axes, image = axes.ravel(), network.prepare(cat).requires_grad_()
clock = [perf_counter()]
score = network(image)[0].max()
clock.append(perf_counter())
score.backward()
clock.append(perf_counter())
importance = torch.nn.functional.avg_pool2d(image.grad.abs().sum(1, keepdim=True), 33, 1, 16)[0]
importance = importance / importance.max()
steps = [grey.float().diff(dim=0)[:, :-1], grey.float().diff(dim=1)[:-1]]
kernel = torch.tensor([[1.0, 0, -1]] * 3)[None, None]
response = torch.nn.functional.conv2d(grey.float()[None, None], kernel, stride=2)[0]
for number, drawn, options in (
    (1, photos["astronaut"][:, 5:105, 45:145].flip(1, 2), {}),
    (2, (steps[0] ** 2 + steps[1] ** 2).sqrt()[None], {"scale": (0, 80)}),
    (3, boots[:9].view(3, 3, 28, 28).transpose(1, 2).reshape(1, 84, 84), {}),
    (4, boots.mean(0), {}),
    (5, response.clamp(min=0), {"scale": (0, 200)}),
    (7, data.digits().train.images[0], {}),
    (11, cat.float() / 255 * importance, {}),
):
    plots.pictures([drawn], size=2, axis=axes[number - 1], **options)
for number, squares in ((6, [(30, 4, 190, 1)]), (9, [(101, 101, 22, 0), (79, 79, 66, 1), (35, 35, 154, 2)])):  # fmt: skip
    axes[number - 1].imshow(cat.permute(1, 2, 0).numpy())
    axes[number - 1].set_axis_off()
    for x, y, side, colour in squares:
        square = Rectangle((x, y), side, side, fill=False, lw=2.5, ec=plots.COLOURS[colour])
        axes[number - 1].add_patch(square)
axes[7].bar(["2010", "2011", "2012"], [71.8, 74.2, 83.6], color=plots.COLOURS[0])
axes[7].set_ylabel("right with five guesses (%)")
axes[9].bar(["one 7 × 7", "three 3 × 3"], [7 * 7, 3 * 3 * 3], color=plots.COLOURS[0])
axes[9].set_ylabel("numbers to learn")
parts = [1e3 * (end - begin) for begin, end in pairwise(clock)]
axes[11].barh(["guess", "train"], [parts[0], sum(parts)], color=plots.COLOURS[0])
axes[11].set_xlabel("milliseconds")
names = [
    "upside down",
    "edges",
    "stored images",
    "an average boot",
    "vertical edges",
    "where is the face?",
    "a digit to read",
    "ImageNet's winners",
    "small to large squares",
    "patterns of two sizes",
    "which pixels matter?",
    "time for one image",
]
for axis, (number, name) in zip(axes, enumerate(names, start=1), strict=True):
    axis.set_title(f"{number:02} {name}")
show(
    figure,
    caption="Figure 0.5. One picture from each of the twelve sections.",
    alt="Twelve small pictures: a face upside down; edges of a cat; nine boots; an average boot; "
    "the positions in a cat's face where a small pattern fits; a cat's face in a frame; a digit; three bars, of which 2012 is the highest; nested "
    "squares on a cat; two bars, of which that of three small patterns is lower; a cat that is bright where a small change moves the guess; a bar "
    "each for one guess and for one step of training.",
)

# %% [markdown]
# | section | its question | what it finds |
# |---|---|---|
# | [01](01_why_visual_perception.ipynb) | Does an image tell what is there, and how can seeing fail? | Different scenes can give the same image. And we easily overlook a mistake in a face that is shown upside down. |
# | [02](02_features_by_hand_or_learned.ipynb) | Should people say what to look for, such as edges, or should the machine learn it? | In our test, learning was worse with 100 example images. With 2,000, it was as good or better. |
# | [03](03_classification_as_search.ipynb) | Is it enough to store images with their names, and to look up the most similar one? | In our tests, no: we could not store enough images. More images help only slowly, and each search takes longer. |
# | [04](04_one_layer_one_template.ipynb) | Can one pattern per name be enough, if it covers the whole image? | For small images of clothes, mostly yes. If the clothes are moved by four pixels, mostly no. |
# | [05](05_from_dense_to_convolution.ipynb) | What is gained by looking for the same small patterns in all parts of the image? | Far fewer numbers have to be learned. In our test, moved images are recognised more often. |
# | [06](06_backbone_and_heads.ipynb) | How can one network name an object, and also say where it is? | All tasks share one large part of the network. Each task adds a small part of its own. |
# | [07](07_lenet.ipynb) | What did LeNet, an early convolutional network, look like? | It was small and read handwritten digits. Many of its parts are still in use. |
# | [08](08_alexnet.ipynb) | What was new in the convolutional network that won ImageNet in 2012? | Compared with LeNet, mainly: more images, a larger network, and far more computation. |
# | [09](09_receptive_field.ipynb) | The network computes many sums. On which part of the image does one of them depend? | On a square of pixels, small or large. Those in its middle usually count most. |
# | [10](10_vgg.ipynb) | What is gained by several small patterns in place of a large one? | Usually, fewer numbers have to be learned. |
# | [11](11_looking_inside.ipynb) | Which pixels matter for the network's guess, and how can we tell? | Several methods mark such pixels. Some of them can mislead, so each must be tested. |
# | [12](12_where_the_time_goes.ipynb) | What are you waiting for while a network trains? (optional) | On our computer, mostly for the network's computations. To learn from an image takes longer than to guess its name. |
#
# Go on with [01](01_why_visual_perception.ipynb).

# %% [markdown]
# ## If something does not run
#
# <details>
# <summary>Set-up, devices, offline</summary>
#
# The workbook runs on a laptop (the README says how to install it) and then needs no internet. If
# PyTorch finds a graphics card (GPU), it is used. On your own computer, the command `cv-course
# doctor` says what is missing. `cv-course run 03` runs a section without a browser.
#
# </details>

# %% [markdown]
# ## Map of the concepts
#
# The workbook grew from a lecture with 63 points. Here they are, corrected where necessary, and linked to where you see them.
#
# <details>
# <summary>Open the index of 63 concepts</summary>
#
# ### Why seeing matters
#
# | no. | concept | see it |
# |---|---|---|
# | 1 | What image recognition and computer vision are, and why CNNs matter: the questions of the course | [00 · Three questions](#Three-questions) |
# | 2 | AI: what human intelligence does (perceiving, remembering, understanding …), done by a computer; one of several definitions | [01 · Going further: machines for people](01_why_visual_perception.ipynb#Going-further:-machines-for-people) |
# | 3 | People learn the world through their senses and by acting on it; perception comes first (plausible, not a law) | [01 · Going further: looking and acting](01_why_visual_perception.ipynb#Going-further:-looking-and-acting) |
# | 4 | A system that perceives takes an input and gives an output; what people use, people should understand | [01 · Going further: machines for people](01_why_visual_perception.ipynb#Going-further:-machines-for-people) |
# | 5 | Several senses can tell more than one, if their errors are not the same | [01 · Going further: a second sense](01_why_visual_perception.ipynb#Going-further:-a-second-sense) |
# | 6 | How we take in information is still being researched | [01 · Going further: what a network unlearns](01_why_visual_perception.ipynb#Going-further:-what-a-network-unlearns) |
# | 7 | Sensing forms an image on the retina and converts it into signals; interpreting it is the brain's work | [01 · First, look](01_why_visual_perception.ipynb#1-First,-look) |
# | 8 | A machine turns a scene into a tidy data structure, a representation; learned ones are rarely readable | [01 · Going further: from the image back to the scene](01_why_visual_perception.ipynb#Going-further:-from-the-image-back-to-the-scene) |
# | 9 | Graphics renders a scene from its description; vision is the inverse, and often has no single solution | [01 · One image, many scenes](01_why_visual_perception.ipynb#2-One-image,-many-scenes) |
# | 10 | Computer vision has learned from the study of animals and people | [01 · Going further: machines for people](01_why_visual_perception.ipynb#Going-further:-machines-for-people) |
# | 11 | Vision can fail where it had no practice; perhaps a reason why upside-down faces fool us | [01 · What was practised](01_why_visual_perception.ipynb#4-What-was-practised) |
# | 12 | The classical way: an expert designs features, a simple model does the rest | [02 · Features by hand](02_features_by_hand_or_learned.ipynb#1-Features-by-hand) |
# | 13 | The deep way: learn the features too, end to end | [02 · Features that are learned](02_features_by_hand_or_learned.ipynb#4-Features-that-are-learned) |
# | 14 | Experts have prejudices, and overlook features; the form of a feature matters | [02 · What a design leaves out](02_features_by_hand_or_learned.ipynb#3-What-a-design-leaves-out) |
# | 15 | Training can find better features, given enough data; the architecture is still mostly designed by hand | [02 · When learned features win](02_features_by_hand_or_learned.ipynb#5-When-learned-features-win) |
# | 16 | What comes next: fusing senses, controllable generation, looking inside networks | [02 · Going further: what comes next](02_features_by_hand_or_learned.ipynb#Going-further:-what-comes-next) |
#
# ### Classification as search
#
# | no. | concept | see it |
# |---|---|---|
# | 17 | A classifier maps an image to one of a fixed set of classes, by scores | [03 · Look it up](03_classification_as_search.ipynb#Look-it-up) |
# | 18 | With all the data in the world everything could be separated, except for what the image itself leaves open | [03 · More data](03_classification_as_search.ipynb#More-data) |
# | 19 | Look up the most similar images and let them vote | [03 · Look it up](03_classification_as_search.ipynb#Look-it-up) |
# | 20 | So classification becomes search | [03 · Look it up](03_classification_as_search.ipynb#Look-it-up) |
# | 21 | Computation and memory of a search through all images grow in proportion to the data | [03 · What it costs](03_classification_as_search.ipynb#What-it-costs) |
# | 22 | No memory holds all images of the world | [03 · What it costs](03_classification_as_search.ipynb#What-it-costs) |
# | 23 | "Similar" must be defined first | [03 · What does similar mean?](03_classification_as_search.ipynb#What-does-similar-mean?) |
# | 24 | A network compresses the data into its weights; a metaphor with limits | [03 · Keep 31 kB](03_classification_as_search.ipynb#Keep-31-kB) |
#
# ### One layer
#
# | no. | concept | see it |
# |---|---|---|
# | 25 | One fully connected layer: a weighted sum of all pixels and a bias for each class | [04 · One number for each pixel and class](04_one_layer_one_template.ipynb#1-One-number-for-each-pixel-and-class) |
# | 26 | Its weights are a template of the image's size, compared by inner product | [04 · Templates without training](04_one_layer_one_template.ipynb#2-Templates-without-training) |
# | 27 | The first step gives differences of class averages; later the templates resemble averages less | [04 · Are the learned templates averages?](04_one_layer_one_template.ipynb#4-Are-the-learned-templates-averages?) |
# | 28 | One template per class: two appearances must share it, and sometimes they cannot (XOR) | [04 · One pattern for each class](04_one_layer_one_template.ipynb#5-One-pattern-for-each-class) |
# | 29 | It breaks when the object is shifted, rescaled or cut; so do other pixel methods | [04 · Going further: small changes that break it](04_one_layer_one_template.ipynb#Going-further:-small-changes-that-break-it) |
# | 30 | Hence CNNs; but one that is trained on centred images only breaks as well | [04 · Going further: more data, or another network?](04_one_layer_one_template.ipynb#Going-further:-more-data,-or-another-network?) |
#
# ### Convolution
#
# | no. | concept | see it |
# |---|---|---|
# | 31 | Looking locally needs far fewer weights, but still different ones at each position | [05 · Two steps: look locally, then share](05_from_dense_to_convolution.ipynb#3-Two-steps:-look-locally,-then-share) |
# | 32 | The same local feature can occur at many positions | [05 · What does each step gain?](05_from_dense_to_convolution.ipynb#4-What-does-each-step-gain?) |
# | 33 | Share the weights and slide them over the image: convolution | [05 · A small template that slides](05_from_dense_to_convolution.ipynb#1-A-small-template-that-slides) |
# | 34 | The responses of one filter form a feature map | [05 · What a filter finds](05_from_dense_to_convolution.ipynb#2-What-a-filter-finds) |
# | 35 | Few parameters, used again everywhere: better on moved images, and slower to memorise, but not unable to | [05 · What does each step gain?](05_from_dense_to_convolution.ipynb#4-What-does-each-step-gain?) |
# | 36 | If the object moves, the feature map moves along; the borders and the stride limit this | [05 · When the image moves, the map moves](05_from_dense_to_convolution.ipynb#5-When-the-image-moves,-the-map-moves) |
# | 37 | A CNN serves as backbone; each task gets its own head | [06 · One backbone, three heads](06_backbone_and_heads.ipynb#2-One-backbone,-three-heads) |
# | 38 | Classification, detection, segmentation: what the heads must return | [06 · Three tasks and how they are judged](06_backbone_and_heads.ipynb#1-Three-tasks-and-how-they-are-judged) |
#
# ### LeNet and AlexNet
#
# | no. | concept | see it |
# |---|---|---|
# | 39 | The neocognitron came before LeNet (1989), which was among the first to train several such layers by backpropagation | [07 · What was known before](07_lenet.ipynb#What-was-known-before) |
# | 40 | LeNet: single digits of postal codes, later cheques by the million | [07 · Postal codes: the network of 1989](07_lenet.ipynb#1-Postal-codes:-the-network-of-1989) |
# | 41 | AlexNet against LeNet: more layers, weights and data, ReLU, dropout; also augmentation, which was known before | [08 · More data, a larger network, more computation](08_alexnet.ipynb#1-More-data,-a-larger-network,-more-computation) |
# | 42 | Its diagram gives the sizes of the activation maps, in two paths | [08 · Two cards, two towers](08_alexnet.ipynb#2-Two-cards,-two-towers) |
# | 43 | Two paths: the paper says that one GPU's memory was too small | [08 · Two cards, two towers](08_alexnet.ipynb#2-Two-cards,-two-towers) |
# | 44 | They rarely cross, to save communication: at conv3 and in the fully connected layers | [08 · Two cards, two towers](08_alexnet.ipynb#2-Two-cards,-two-towers) |
# | 45 | 48 = 96 / 2 kernels on each of two GPUs | [08 · Two cards, two towers](08_alexnet.ipynb#2-Two-cards,-two-towers) |
# | 46 | In one path and without normalisation: the usual form today, with slightly other sizes | [08 · Going further: the two towers](08_alexnet.ipynb#Going-further:-the-two-towers) |
# | 47 | A feature map must become a vector before a fully connected layer | [08 · Going further: where the weights are](08_alexnet.ipynb#Going-further:-where-the-weights-are) |
# | 48 | Average pooling keeps the channels, flattening keeps everything | [08 · Going further: where the weights are](08_alexnet.ipynb#Going-further:-where-the-weights-are) |
# | 49 | Joining the paths: 48 → 96 in conv1, 2048 + 2048 → 4096 in the fully connected layers | [08 · Going further: the two towers](08_alexnet.ipynb#Going-further:-the-two-towers) |
# | 50 | Local response normalisation works across channels; today batch normalisation is common | [08 · Going further: response normalisation and batch normalisation](08_alexnet.ipynb#Going-further:-response-normalisation-and-batch-normalisation) |
# | 51 | Kernels of 11 × 11 (for the view, the stride matters more); large kernels became rare, and came back | [08 · Going further: kernels of 11 × 11](08_alexnet.ipynb#Going-further:-kernels-of-11-×-11) |
#
# ### Receptive field
#
# | no. | concept | see it |
# |---|---|---|
# | 52 | The receptive field: the input pixels on which one output depends | [09 · Which pixels can change a unit?](09_receptive_field.ipynb#1-Which-pixels-can-change-a-unit?) |
# | 53 | It grows with each layer whose kernel is larger than 1 × 1 | [09 · Size and jump](09_receptive_field.ipynb#2-Size-and-jump) |
# | 54 | Its formula, and where the short one stops being true | [09 · Going further: a formula for two layers](09_receptive_field.ipynb#Going-further:-a-formula-for-two-layers) |
#
# ### VGG
#
# | no. | concept | see it |
# |---|---|---|
# | 55 | VGG goes deeper than AlexNet | [10 · The family on one page](10_vgg.ipynb#Going-further:-the-family-on-one-page) |
# | 56 | Only 3 × 3 convolutions and 2 × 2 pooling, with exceptions | [10 · The family on one page](10_vgg.ipynb#Going-further:-the-family-on-one-page) |
# | 57 | Its features serve other tasks | [10 · Features for other tasks](10_vgg.ipynb#Going-further:-features-for-other-tasks) |
# | 58 | Deeper was better up to 16 layers; with 19 it was about the same | [10 · How deep?](10_vgg.ipynb#Going-further:-how-deep?) |
# | 59 | The input stays 224 × 224; AlexNet's own arithmetic needs 227 (without padding) | [10 · What goes in](10_vgg.ipynb#Going-further:-what-goes-in) |
# | 60 | Subtract the mean colour (AlexNet: the mean image) | [10 · What goes in](10_vgg.ipynb#Going-further:-what-goes-in) |
# | 61 | Small kernels suffice, since a stack of them sees far | [10 · Three small kernels for one large kernel](10_vgg.ipynb#2-Three-small-kernels-for-one-large-kernel) |
# | 62 | Fewer weights for the same view (with equal channels), more nonlinearity | [10 · Where the weights are](10_vgg.ipynb#4-Where-the-weights-are) |
# | 63 | The whole family in one table | [10 · The family on one page](10_vgg.ipynb#Going-further:-the-family-on-one-page) |
#
# </details>

# %% [markdown]
# ## Outline of the lecture, and its terms
#
# <details>
# <summary>Open the outline and the Korean–English glossary</summary>
#
# | part of the lecture | section |
# |---|---|
# | 1.1 Why is visual perception important? | 01 |
# | 1.2 What is computer vision? | 01, 02 |
# | 1.3 What you will learn in this course | 00, 02 |
# | 2.1 What is classification? | 03 |
# | 2.2 An ideal approach for image recognition | 03 |
# | 2.3 Convolutional neural networks | 04, 05, 06 |
# | 3.1 History | 07 |
# | 3.2 AlexNet | 08, 09 |
# | 3.3 VGGNet | 10 |
#
# | 한국어 | English | 한국어 | English | 한국어 | English |
# |---|---|---|---|---|---|
# | 영상인식 | image recognition | 조건부 생성모델 | conditional generative model | 매개변수 | parameter |
# | 분류 | classification | 시각화 | visualization | 과적합 | overfitting |
# | 분류기 | classifier | 질의 | query | 백본 | backbone |
# | 지각 | perception | 검색 | search | 헤드 | head |
# | 감지 | sensing | 최근접이웃 | nearest neighbour | 객체검출 | object detection |
# | 해석 | interpretation | 유사도 | similarity | 분할 | segmentation |
# | 인지 | cognition | 연산량 | computation | 회귀 | regression |
# | 오감 | five senses | 메모리 용량 | memory | 우편번호 | postal code |
# | 촉감 | touch | 압축 | compression | 합성곱 | convolution |
# | 표정 | facial expression | 완전연결층 | fully connected layer | 보폭 | stride |
# | 멀티모달 | multimodal | 가중합 | weighted sum | 덧대기 | padding |
# | 자료구조 | data structure | 내적 | inner product | 최대풀링 | max pooling |
# | 표현 | representation | 가중치 | weight | 전역평균풀링 | global average pooling |
# | 재구성 | reconstruction | 비선형함수 | nonlinearity | 평탄화 | flatten |
# | 렌더링 | rendering | 템플릿 | template | 벡터화 | vectorisation |
# | 편향 | bias | 평균 이미지 | average image | 수용영역 | receptive field |
# | 수정체 | lens | 국부연결 | locally connected | 국소응답정규화 | local response normalisation |
# | 망막 | retina | 가중치 공유 | weight sharing | 배치정규화 | batch normalisation |
# | 특징추출 | feature extraction | 슬라이딩 윈도우 | sliding window | 명암 | light and dark |
# | 선입견 | prejudice | 특징맵 | feature map | 일반화 | generalisation |
# | 종단간 | end-to-end | 활성화맵 | activation map | 등변성 | equivariance |
# | 경사하강법 | gradient descent | 은닉노드 | hidden node | 불변성 | invariance |
#
# </details>

# %% [markdown]
# ## Solution

# %% tags=["hide-input"]
# @title Solution


def mean_brightness(images):
    return images.mean(axis=(1, 2, 3)) / 255  # NumPy takes the mean of whole numbers as floats


check(mean_brightness)
print("cat, as it is and dimmed:", mean_brightness(both).round(2))

# %% [markdown]
# ## References
#
# - O. Russakovsky et al. ImageNet large scale visual recognition challenge. *IJCV* 115, 2015 (errors of the winners with five
#   guesses: Table 5 there, and our Figure 0.5; 2012 without extra training data).
# - M. Tan, Q. V. Le. EfficientNet. *ICML* 2019. The network here is EfficientNet-Lite0 with the weights that Google published (75.1% right first guesses on
#   ImageNet's 50,000 validation images). The winner of 2011 was right for 74.2% with five guesses. This is a rough comparison: its test photographs and some names were not the same.
# - W. Brendel, M. Bethge. Approximating CNNs with bag-of-local-features models works surprisingly well on ImageNet. *ICLR* 2019 (how far small pieces suffice).
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST. arXiv:1708.07747, 2017. The images of clothes are theirs (MIT licence).
# - Photographs: scikit-image's collection.
