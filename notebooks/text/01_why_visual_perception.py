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
# # 01 · Why visual perception
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/01_why_visual_perception.ipynb)
#
# **Does an image tell what is there, and how can seeing fail?**
#
# Seeing feels easy. But an image does not show everything about the **scene**, the things in front of the camera or the eye. People and
# machines add the rest, with assumptions and with practice. You need section 00.
#
# Afterwards you can
#
# - compute an image from a description of a scene, and say why the way back has no single solution,
# - name an assumption of your own vision, and an image where it fails,
# - say when a second sense or acting helps.
#
# *About 40 min with the exercises · CPU 15 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import numpy as np
import torch

from cv_course import data, plots
from cv_course.plots import show
from cv_course.sections.s01_seeing import check, hint, model, play, reveal

torch.set_num_threads(1)  # one thread is faster for such small tasks

# %% [markdown]
# ## 1 First, look
#
# Figure 1.1 shows two portraits of the same smiling woman, upside down. One of them was changed. **Predict:** which one, and
# where? Do not turn the portraits yet.

# %%
your_guess = "?"  # your words

# %% [markdown]
# Now turn them.

# %% tags=["hide-input"]
# @title Figure 1.1 (interactive)
show(
    play.turn(),
    caption="Figure 1.1. The same portrait twice; one of them was changed.",
)

# %% [markdown]
# In portrait 2, the eyes and the mouth are upside down within the face. Upright, this looks horrible. Upside down, most people hardly
# notice it. This is the **Thatcher illusion** [Thompson 1980].
#
# The eye turns an image into signals. This is **sensing**. The brain finds out what they mean. This is **interpretation**. Your eyes
# sensed portrait 2 equally well upside down. So the interpretation failed.
#
# Write a function that flips parts of an image like this.


# %%
def flip_boxes(image, boxes):
    """image (H, W), a NumPy array; boxes, a list of (top, bottom, left, right). Returns a new image,
    in which the rows of each box image[top:bottom, left:right] are in reverse order."""
    ...  # replace this line


check(flip_boxes)

# %%
hint(flip_boxes)

# %% [markdown]
# ## 2 A scene as a table
#
# A description that a computer can work with is called a **representation**. A simple one is a table, here of a scene with one soft,
# bright blob on black:
#
# | x | y | size | brightness |
# |---|---|---|---|
# | 20 | 11 | 4 | 0.9 |
#
# The middle of the blob is at x = 20, y = 11. Pixels are counted from 0, x to the right and y down. The size is in pixels, too. A
# brightness of 0 is black, and 1 is white.
#
# To compute the image from the table is called **rendering**, or computer graphics. A pixel at the distance d from the middle gets the
# value
#
# $$\text{brightness} \cdot \exp\left(-\frac{d^2}{2 \cdot \text{size}^2}\right) .$$
#
# In the middle, d = 0, so the value is the brightness. At the distance d = size, it is exp(−½) ≈ 0.61 times the brightness. Write this function.


# %%
def blob(x, y, size, brightness, side):
    """Returns an array (side, side), the image of the blob. Row 0, column 0 is the pixel x = 0, y = 0."""
    ...  # replace this line


check(blob)

# %%
hint(blob)

# %% [markdown]
# A network also computes a representation of a photograph: many numbers inside it. But most of
# them have no names, so people can usually not read such *learned* representations.
#
# [*Concept 8*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## 3 Graphics forwards, vision backwards
#
# **Vision** goes the other way: from the image to the table. We can guess a table, render it, and compare the result with the image. The
# `difference` is the mean of the squared differences of all pixels.

# %%
# from now on, we pretend not to know the table
image = model.render(x=20, y=11, size=4, brightness=0.9)


def difference(table):
    return ((model.render(*table) - image) ** 2).mean().item()  # 0 if the images are equal


# %% [markdown]
# How should the guess change? We make one of its numbers a little larger, and see how fast the difference grows. This is a *slope*. If the slope is positive, a smaller number is better. If it is negative, a larger number is better. So we subtract the slope, times a factor, from the number. We do this for all four numbers, 200 times. The vector of the four slopes is the **gradient**, and this method is **gradient descent**.

# %%
table = np.array([12, 18, 7, 0.5])  # the first guess: x, y, size, brightness
factors = np.array([100, 100, 100, 1])  # found by trial; the brightness needs smaller steps
tables = [table]
for _ in range(200):
    changes = 0.001 * np.eye(4)  # each row makes one of the four numbers a little larger
    slopes = [(difference(table + change) - difference(table)) / 0.001 for change in changes]
    table = table - factors * slopes
    tables.append(table)
print("found:", table.round(1))

# %% tags=["hide-input"]
# @title Figure 1.2
steps = (0, 20, 40, 200)


def numbers(step):
    x, y, size, brightness = tables[step]
    return f"{x:.0f}, {y:.0f}, {size:.0f}, {brightness:.1f}"


show(
    plots.pictures(
        [image[None], *(model.render(*tables[step])[None] for step in steps)],
        [
            "the image",
            *(f"step {step}\n({numbers(step)})" for step in steps),
        ],
        columns=5,
        size=1.5,
        scale=(0, 1),
    ),
    caption="Figure 1.2. The image, and the rendered guesses after 0, 20, 40 and 200 steps, each with its table (x, y, size, brightness).",
    alt="A bright blob at the upper right. The guess begins as a large dim blob at the lower left, moves, and is "
    "equal to the image after 200 steps.",
)

# %% [markdown]
# The search finds the table of part 2. Is vision only graphics run backwards, then?
#
# Real scenes have depth, too. Suppose a bright disc stands straight in front of a camera. Our camera is not sharp, so the image of the disc is a soft blob with
#
# $$\text{size in pixels} = 32 \cdot \frac{\text{radius}}{\text{distance}} .$$
#
# (32 belongs to our camera.) **Predict:** one disc has a radius of 12 cm and stands at 80 cm. Another has a radius of
# 24 cm and stands at 160 cm. Which one is larger in the image?

# %%
your_guess = "?"  # the first, the second, or equal

# %%
first = model.photographed(distance=80, radius=12)
second = model.photographed(distance=160, radius=24)
print(f"your guess: {your_guess}; the two images are equal: {torch.equal(first, second)}")

# %% [markdown]
# Both blobs have the size 32 · 12 / 80 = 32 · 24 / 160 = 4.8 pixels, so the images are equal. Are there more such discs? In Figure
# 1.3, choose a distance and a radius so that your image becomes equal to the given one.

# %% tags=["hide-input"]
# @title Figure 1.3 (interactive)
show(
    play.same_image(),
    caption="Figure 1.3. Left, the image of a disc, and the image of your disc. Right, the difference of the two for every distance and radius; the ring is your disc.",
)

# %% [markdown]
# On the dashed line, radius / distance is always 12 / 80. All these scenes have the same image, so not even a perfect computer can
# choose the right one. Vision is the **inverse problem** of graphics. An inverse problem with more than one solution is **ill-posed**.
#
# [*Concept 9*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert abs(table - [20, 11, 4, 0.9]).max() < 0.05
assert torch.equal(first, second)
# not every disc has this image
assert (first - model.photographed(80, 15)).abs().max() > 0.05

# %% [markdown]
# ## 4 What interpretation adds
#
# And yet people see how far away things are, even in a photograph. For this they need an **assumption**. For example, the head of a
# person has a radius of about 10 cm. If its size in the image is 4 pixels, its distance must be 32 · 10 / 4 = 80 cm. We try this on 1,000
# people, whose heads differ a little, and on 1,000 dolls, whose heads have a radius of 5 cm.

# %%
generator = np.random.default_rng(0)
radii = {"people": generator.normal(10, 1, 1000), "dolls": np.full(1000, 5)}  # in cm
for name, radius in radii.items():
    distance = generator.uniform(50, 500, 1000)  # the truth, in cm
    size = 32 * radius / distance  # this is all that the image shows
    guessed = 32 * 10 / size  # the assumption: every radius is 10 cm
    low, high = np.quantile(guessed / distance, [0.05, 0.95])  # without the lowest and highest 5%
    print(f"{name}: guessed distance / true distance is between {low:.2f} and {high:.2f}")

# %% [markdown]
# For nine people in ten, the guessed distance is not far from the true one. But every doll seems twice as far away as it is (10 / 5 = 2), and the
# image does not show the error. An assumption that is usually right makes vision possible. Where it is wrong, we can see an illusion.
#
# Your vision has assumptions, too. Each square in Figure 1.4 shows *one* thing with a bright and a
# dark side. It is a round bump (towards you) or a round dent (away from you). A bump is bright on
# the side of the light, a dent on the opposite side. How many bumps do you see on the left, and on
# the right?

# %% tags=["hide-input"]
# @title Figure 1.4
bump, dent = model.shaded("bump", light="above"), model.shaded("dent", light="above")
figure, (left, right) = plots.figure(8, 1.9, 1, 2)
figure.get_layout_engine().set(wspace=0.12)
for axis, squares, title in (
    (left, [bump, dent, bump], "three surfaces"),
    (right, [one.flip(0) for one in (bump, dent, bump)], "the same, upside down"),
):
    plots.pictures([square[None] for square in squares], columns=3, scale=(0, 1), axis=axis)
    axis.set_title(title)
show(
    figure,
    caption="Figure 1.4. Bumps or dents? The right half is the left half upside down.",
    alt="Six shaded squares. Left, the first and the third are bright above and dark below, the second the other "
    "way round. In the right half all are turned upside down.",
)

# %% [markdown]
# Most people see two bumps on the left and one on the right, although the image was only turned. Why? We compare a bump with light from
# above and a dent with light from below.

# %%
bump_above = model.shaded("bump", light="above")
dent_below = model.shaded("dent", light="below")
print("the two images are equal:", torch.equal(bump_above, dent_below))

# %% [markdown]
# Sensing cannot tell these two scenes apart, so the interpretation must choose. People choose as if the light came from above, as it
# usually does [Ramachandran 1988].
#
# Program A makes the same assumption: it calls `interpret(image)`, and the light is then "above".
# Program B is told the true light: it calls `interpret(image, light)`.


# %%
def interpret(image, light="above"):
    """image (H, W) and light, "above" or "below" -> "bump" or "dent"."""
    half = len(image) // 2  # image[:half] is the upper half
    bright_side = "above" if image[:half].mean() > image[half:].mean() else "below"
    return "bump" if bright_side == light else "dent"  # a bump is bright on the side of the light


# %%
print("scene                   A    B")
print("bump, light from above ", interpret(bump_above), interpret(bump_above, "above"))
print("dent, light from below ", interpret(dent_below), interpret(dent_below, "below"))

# %% [markdown]
# Program A is wrong where most people are wrong. Program B is right both times, but it needs to know more than the image.
#
# Computer vision has often learned from studies of people and animals. For example, the Neocognitron of section 07 follows studies of
# the brains of cats.
#
# [*Concepts 7 and 10*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
people = 32 * 10 / (32 * radii["people"])  # guessed / true distance: the distance cancels
assert 0.75 < np.quantile(people, 0.05) < np.quantile(people, 0.95) < 1.25
assert abs(low - 2) < 1e-9 and abs(high - 2) < 1e-9  # dolls
assert torch.equal(bump_above, dent_below)
assert torch.equal(bump.flip(0), dent)
assert (interpret(bump_above), interpret(dent_below)) == ("bump", "bump")
assert interpret(dent_below, "below") == "dent"

# %% [markdown]
# ## 5 What was practised
#
# Why did the portraits fool us upside down? We see upright faces every day, and hardly any upside down. So the cause may be missing
# practice. Can a network fail in this way, too? We show the network of section 00 three photographs:

# %% tags=["hide-input"]
# @title Three photographs, upright and upside down
from cv_course.networks.pretrained import efficientnet_lite0, guesses

network, first_guess = efficientnet_lite0(), {}
print(f"{'':14}{'upright':16}upside down")
for name, file in (("cat", "cat"), ("coffee", "coffee"), ("photographer", "camera")):
    photo = data.fitted(data.photos()[file], 224, 224)
    views = photo, photo.flip(1, 2)
    first_guess[name] = [guesses(network, view)[0][0] for view in views]
    print(f"{name:14}{first_guess[name][0]:16}{first_guess[name][1]}")

# %% [markdown]
# Upside down, it no longer names the photographer's tripod. But we do not know how often it practised such images. So we train small
# networks ourselves, on ten classes of clothes:
#
# - **Network 1** first learns from 3,000 upright images. Later, it learns from 3,000 images that are upside down.
# - **Network 2** learns from a mixture: 1,500 upright images, and 1,500 upside down.
#
# The **accuracy** is the share of new images for which a network names the right class.
#
# **Predict:** network 1 later learns from images upside down. What then happens to its accuracy on *upright* images?

# %%
your_guess = "?"  # it rises, stays, falls a little, falls a lot

# %%
# all this three times, with other random numbers
runs = [model.practise(seed) for seed in range(3)]

# %% tags=["hide-input"]
# @title Figure 1.5
upright, turned = (
    {name: [run[name][view] for run in runs] for name in runs[0]}
    for view in ("upright", "upside down")
)
before, after = (np.mean(upright[f"network 1, {when}"]) for when in ("first", "later"))
print(
    f"your guess: {your_guess}; network 1, upright images: {before:.2f} before, {after:.2f} after"
)
show(
    plots.bars(
        {
            name: {"tested upright": upright[name], "tested upside down": turned[name]}
            for name in upright
        },
        ylabel="accuracy on new images",
        ylim=1,
        fmt="{:.2f}",
        levels={"random guessing": 0.1},
    ),
    caption="Figure 1.5. Network 1 after its first 3,000 images, and after its later ones; network 2. Each bar is the mean of three runs (dots).",
    alt="; ".join(
        f"{name}: {np.mean(upright[name]):.2f} upright, {np.mean(turned[name]):.2f} upside down"
        for name in upright
    ),
)

# %% [markdown]
# At first, network 1 is good with upright images, and much worse upside down. Later it is the opposite. It has
# *unlearned* much of what it knew about upright images. Network 2 practised both together, and is good with both.
#
# Missing practice may be a reason for the Thatcher illusion, too, but our networks do not prove it.
#
# [*Concept 11*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert all("cat" in name for name in first_guess["cat"])
assert first_guess["coffee"] == ["espresso"] * 2
assert first_guess["photographer"][0] == "tripod" != first_guess["photographer"][1]
assert min(upright["network 1, first"]) > 0.7 > 0.45 > max(turned["network 1, first"])
assert min(turned["network 1, later"]) > 0.7 and max(upright["network 1, later"]) < 0.65
# how much of the gain by practice is unlearned? without practice, the accuracy is that on images upside down at first
without = np.mean(turned["network 1, first"])
assert before - after > 0.6 * (before - without) > 0
assert min(turned["network 1, first"]) > 0.15  # guessing: 0.1
assert min(upright["network 2"] + turned["network 2"]) > 0.68
# half of the upright images, and the accuracy on them is a little lower
assert np.mean(upright["network 2"]) < before

# %% [markdown]
# ## 6 A second sense
#
# Where one sense is unsure, another one may help. Suppose two senses report whether an object is there. Each
# reports 1 (there) or 0 (not there), plus a random error. If the object is there and the error is −0.3, the report is 0.7. We decide "there" if the
# report is above 0.5.

# %%
there = generator.integers(0, 2, 100_000)  # the truth in 100,000 cases: 1 or 0
error_1, error_2 = generator.normal(size=(2, 100_000))  # mean 0, standard deviation 1


def share_right(report):
    return ((report > 0.5) == there).mean()


print(f"sense 1 alone is right in {share_right(there + error_1):.1%} of the cases")

# %% [markdown]
# Now we take the mean of both reports. **Predict:** how often is our decision right if the two errors are independent?
# And if both senses always make the same error?

# %%
your_guess = "?"  # two percentages

# %%
print(f"your guess: {your_guess}")
for share in (0, 0.5, 1):  # in this share of the cases, both senses make the same error
    same = generator.random(100_000) < share
    report_1 = there + error_1
    report_2 = there + np.where(same, error_1, error_2)
    right = share_right((report_1 + report_2) / 2)
    print(f"the same error in {share:.0%} of the cases: the mean is right in {right:.1%}")

# %% [markdown]
# Our two senses have equally large errors. Then the mean of two reports is right more often than one report, *if the errors differ*. If they are always the same, the second sense
# tells nothing new. For example, the eye makes errors in the dark, and touch does not.
#
# [*Concept 5*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
alone = share_right(there + error_1)
independent = share_right(there + (error_1 + error_2) / 2)
assert independent > alone + 0.05  # the same error in 0% of the cases
assert right == alone  # in 100%
half = np.arange(100_000) < 50_000
assert independent - 0.02 > share_right(there + (error_1 + np.where(half, error_1, error_2)) / 2)

# %% [markdown]
# ## 7 Looking and acting
#
# Children do not only look; they push and pull things. Does acting tell more than looking? Suppose two quantities x and y rise and fall
# together. We compare two possible worlds:
#
# - **World A:** x causes y. Here x is the knob of a radio, and y is the loudness.
# - **World B:** y causes x. Here x is the needle of a barometer, and y is the air pressure.
#
# If you turn the knob by hand, the loudness follows. If you move the needle by hand, the air pressure does *not* follow. We simulate
# 10,000 people. Each one gets 20 pairs of x and y.


# %%
def observe(world, act):
    """x and y, each (10_000, 20): 20 pairs for each person."""
    hand, cause = generator.normal(size=(2, 10_000, 20))  # mean 0, variance 1
    if not act:
        return cause, cause  # in both worlds, x and y are equal
    if world == "A":
        return hand, hand  # the hand moves x, and y follows
    return hand, cause  # the hand moves x, and y does not follow


# %% [markdown]
# Each person looks at the mean of x · y over the 20 pairs. If x and y are equal, x · y is x². The
# mean of x² is about 1: for numbers with the mean 0, it is their variance. If x and y are
# independent, x · y is positive as often as negative, and its mean is about 0. So each person says
# "world A" if the mean of x · y is above 0.5. We also add noise to y, so that people see it badly.

# %%
right = {}
for blur in (0, 3, 30):  # the standard deviation of the noise that we add to y
    for act in (False, True):
        for world in ("A", "B"):
            x, y = observe(world, act)
            y = y + blur * generator.normal(size=y.shape)
            says = np.where((x * y).mean(axis=1) > 0.5, "A", "B")
            right[blur, act, world] = (says == world).mean()

# %% tags=["hide-input"]
# @title The share of right answers
shares = {}
print("right answers, mean of both worlds\n                     looking   acting")
for blur, seen in ((0, "y seen clearly"), (3, "y seen badly"), (30, "y hardly seen")):
    for act in (False, True):
        shares[blur, act] = (right[blur, act, "A"] + right[blur, act, "B"]) / 2
    print(f"{seen:21}{shares[blur, False]:7.0%}{shares[blur, True]:9.0%}")

# %% [markdown]
# By looking, people get the same kind of pairs in both worlds. For example, if y is seen clearly,
# nearly all say "A" in both worlds. This is right in world A and wrong in world B, so half of the
# answers are right. By acting, most people name the right world. But acting needs perception: if
# people hardly see y, acting helps very little with 20 pairs.
#
# Perhaps a child, too, first learns to perceive, and then to act with success. Our experiment
# cannot show this.
#
# [*Concept 3*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
# By looking, the pairs are the same in both worlds. If the effect also had causes of its own, looking alone could
# sometimes tell cause from effect [S. Shimizu et al. A linear non-Gaussian acyclic model, JMLR 7, 2006].
assert max(abs(shares[blur, False] - 0.5) for blur in (0, 3, 30)) < 0.02
assert shares[0, True] > 0.95 > 0.85 > shares[3, True] > 0.7
assert 0.5 < shares[30, True] < 0.56

# %% [markdown]
# ## 8 Machines for people
#
# In one definition of **artificial intelligence** (AI), a computer does what human intelligence
# does: perceive, remember, understand, decide. By this definition, program A of part 4 is the
# better one: it decided as people do. Other definitions ask only for good decisions. By these,
# program B is the better one: it was right both times.
#
# Machines make errors, so people should be able to check them. One thing to check is the input,
# the images themselves. In one of the ten classes of clothes, every image has a fault: a small
# grey square in a corner. Figures 1.6 and 1.7 show the mean image of each class, first with its
# pixels in a random order. Which class has the fault?

# %% tags=["hide-input"]
# @title Figure 1.6 and Figure 1.7
clothes = data.fashion_mnist().train[:3_000]
tagged = clothes.images.clone()
tagged[clothes.labels == data.FASHION_CLASSES.index("Bag"), :, 24:27, 24:27] = 110
order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
scrambled = tagged.flatten(1)[:, order].view(-1, 1, 28, 28)
for number, images, caption in (
    (6, scrambled, "The mean image of each class, with the pixels in a random order."),
    (7, tagged, "The same mean images, with the pixels in their usual order."),
):
    show(
        plots.pictures(
            [images[clothes.labels == label].float().mean(0) for label in range(10)],
            data.FASHION_CLASSES,
            columns=5,
            size=1.3,
            scale=(0, 255),
        ),
        caption=f"Figure 1.{number}. {caption}",
        alt="Ten mean images, in which nothing can be recognised."
        if number == 6
        else "Ten mean images of clothes. The bag has a small grey square in the lower right corner.",
    )

# %%
check(faulty_class=...)  # the name of the class

# %% [markdown]
# Both figures hold the same numbers, but by eye you can find the fault only where you can read them. A system that perceives has an input,
# such as an image, and an output, such as a name. To find its errors, it helps if people can read both.
#
# How people themselves take in information is still being researched.
#
# [*Concepts 2, 4 and 6*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## Summary
#
# 1. Rendering gives one image for each table. Vision goes back, and many scenes can have the same image.
# 2. So vision needs assumptions. Where one is wrong, we can see an illusion.
# 3. A network can fail where it has not practised. This may be so for people, too.
# 4. A second sense with equally large errors helps if its errors differ from those of the first. Acting helps if we can see what it does.
# 5. It is easier to find a machine's errors if people can read its input and its output.
#
# ## Problem set

# %% [markdown]
# **1 · The same image** ★ 3 min. Pencil and paper.

# %%
check(own_size=...)

# %% [markdown]
# **2 · A doll** ★ 3 min. Pencil and paper.

# %%
check(doll_distance=...)

# %% [markdown]
# **3 · Bumps and dents** ★★ 5 min. Explain.

# %%
reveal(why_light=...)

# %% [markdown]
# **4 · Program A or program B?** ★★ 5 min. Explain.

# %%
reveal(more_human=...)

# %% [markdown]
# **5 · Get stuck** ★★ 10 min. Change part 3, then explain.

# %%
reveal(stuck=...)

# %% [markdown]
# **6 · Your own illusion** ★★★ 15 min, open. Flip only the eyes with `plots.pictures([model.flip_parts(model.portrait(), model.EYES)], size=3)`, or
# only the mouth with `model.MOUTH`. Which one looks worse? Ask two friends.

# %% [markdown]
# ## Solutions
#
# Open the cell when you have tried.

# %% tags=["hide-input"]
# @title Solutions


def flip_boxes(image, boxes):
    flipped = image.copy()
    for top, bottom, left, right in boxes:
        flipped[top:bottom, left:right] = image[top:bottom, left:right][::-1]
    return flipped


def blob(x, y, size, brightness, side):
    columns, rows = np.arange(side)[None], np.arange(side)[:, None]  # their sum is a square array
    squared = (columns - x) ** 2 + (rows - y) ** 2
    return brightness * np.exp(-squared / (2 * size**2))


_ = [check(flip_boxes), check(blob)]
_ = [check(own_size=6 * 100 / 40), check(doll_distance=32 * 10 / (32 * 4 / 100))]

# %% [markdown]
# ## References
#
# - V. S. Ramachandran. Perception of shape from shading. *Nature* 331, 163–166, 1988.
# - S. J. Russell, P. Norvig. *Artificial Intelligence: A Modern Approach*, chapter 1 (four definitions of AI).
# - P. Thompson. Margaret Thatcher: a new illusion. *Perception* 9, 483–484, 1980.
# - The portrait is NASA's photograph of Eileen Collins (public domain), from scikit-image.
