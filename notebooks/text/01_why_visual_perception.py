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
# Seeing feels easy: we look, and we know what is there. But seeing can fail, in people and in machines. This section
# shows how it can fail, and asks why. You need section 00.
#
# Afterwards you can
#
# - compute how large a thing is in an image, and say why different scenes can have the same image,
# - name an assumption of your own vision, and an image where it fails,
# - say how missing practice can make a network fail.
#
# *About 20 min, 25 for the folded parts, 45 for all problems · CPU 15 s*

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
# Figure 1.1 shows two portraits of the same smiling woman, upside down. One of them was changed. **Predict:** which
# one, and where? Do not turn the portraits yet.

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
# In portrait 2, the eyes and the mouth are upside down within the face. Upright, the face looks horrible. Upside down,
# most people hardly notice the change. Such a failure of seeing is an **illusion**. This one is called the Thatcher
# illusion [Thompson 1980].
#
# Which step of seeing failed? First, the eye turns the image into signals. This step is called
# **sensing**. Your eyes sensed portrait 2 equally well, upright and upside down.
#
# Then the brain finds out what the signals mean. This step is called **interpretation**. So here, the interpretation
# failed.
#
# Why is interpretation difficult? To see this, we first ask how much an image tells.
#
# [*Concept 7*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## 2 One image, many scenes
#
# The things in front of a camera are called a **scene**. Our scene is simple: one bright disc, which faces the camera.
# Two numbers describe this scene: the radius of the disc, and its distance from the camera.
#
# To compute the image of a scene is called **rendering**. Our camera is not sharp, so the disc
# becomes a soft blob in the image, without a clear border. We call *size* the distance, within the
# image, from the middle to where the blob is about 0.6 times as bright. The blob has
#
# $$\text{size in pixels} = 32 \cdot \frac{\text{radius}}{\text{distance}} .$$
#
# The number 32 describes our camera. For example, a disc has a radius of 12 cm and a distance of 80 cm. Then its blob
# has a size of 32 · 12 / 80 = 4.8 pixels.
#
# **Predict:** a second disc has a radius of 24 cm and a distance of 160 cm. Is its blob larger, smaller, or equally
# large?

# %%
your_guess = "?"  # larger, smaller, equal

# %%
first = model.photographed(distance=80, radius=12)  # this renders the image
second = model.photographed(distance=160, radius=24)
third = model.photographed(distance=80, radius=15)  # another disc, for comparison
print("your guess:", your_guess)
print("the first and the second image are equal:", torch.equal(first, second))
print("the first and the third image are equal: ", torch.equal(first, third))

# %% [markdown]
# The second blob has a size of 32 · 24 / 160 = 4.8 pixels, too, so the first two images are equal.
#
# Are there more discs with this image? In Figure 1.2, the first image is given. Choose a distance
# and a radius so that the image of your disc becomes equal to it.

# %% tags=["hide-input"]
# @title Figure 1.2 (interactive)
show(
    play.same_image(),
    caption="Figure 1.2. Left, the given image, and the image of your disc. Right, your disc (ring). All discs on the dashed line have the given image.",
)

# %% [markdown]
# On the dashed line, radius / distance is always 12 / 80. All discs on this line have the same image. So the image
# alone does not tell which of these discs is there. Not even a perfect computer could choose the right one.
#
# Vision goes the opposite way to rendering: from the image back to the scene. It is the **inverse
# problem** of rendering. Rendering gives one image for each scene. But vision can have many
# answers for one image.
#
# [*Concept 9*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert torch.equal(first, second)
assert (first - third).abs().max() > 0.05  # not every disc has this image

# %% [markdown]
# ## 3 An assumption of your own
#
# And yet, people usually see what is there. To choose one of the possible scenes, they need an **assumption**. An
# assumption is something that is taken to be true, although the image does not show it.
#
# What does your own vision assume? Each square in Figure 1.3 shows a round **bump** (towards you) or a round **dent**
# (away from you). Which one do you see on the left, and which one on the right?

# %% tags=["hide-input"]
# @title Figure 1.3
square = model.shaded("bump", light="above")
show(
    plots.pictures([square[None], square.flip(0)[None]], ["left", "right"], size=2, scale=(0, 1)),
    caption="Figure 1.3. Bump or dent? The right square is the left one upside down.",
    alt="Two squares, each with a round disc. The left disc is bright above and dark below, the right one dark above "
    "and bright below.",
)

# %% [markdown]
# Most people see a bump on the left and a dent on the right. But the right square is only the left one upside down.
# Why does a bump become a dent?
#
# With light from above, the upper side of a bump faces the light, so it is bright. A dent is like
# a bowl that opens towards you: its upper side faces a light from *below*. So the left square can
# be a bump with light from above, or a dent with light from below. We render both scenes:

# %%
bump_above = model.shaded("bump", light="above")
dent_below = model.shaded("dent", light="below")
print("the two images are equal:", torch.equal(bump_above, dent_below))

# %% [markdown]
# Sensing cannot tell these two scenes apart, so the interpretation must choose. People choose as if the light came from
# above, as it usually does [Ramachandran 1988]. So they see a bump if the upper side is bright, and a dent if the lower
# side is bright. Where the light really comes from below, this is wrong.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert torch.equal(bump_above, dent_below)
assert torch.equal(bump_above.flip(0), model.shaded("dent", light="above"))
assert not torch.equal(bump_above, bump_above.flip(0))

# %% [markdown]
# ## 4 What was practised
#
# Why did the portraits of part 1 fool us upside down? We see upright faces every day, and hardly any upside down. So
# the cause may be missing practice.
#
# We cannot change what you have practised. But we can choose what a network practises. We train two small networks to
# recognise clothes of ten kinds. Such kinds are called **classes**. The networks learn from different images:
#
# - **Network 1** learns from 3,000 upright images.
# - **Network 2** learns from 1,500 upright images, and from 1,500 images upside down.
#
# Then we test both with new images. The **accuracy** is the share of new images for which a network names the right
# class. Random guessing would give 0.1.
#
# **Predict:** network 1 has never practised images upside down. How does its accuracy on them compare with that on
# upright images?

# %%
your_guess = "?"  # the same, a little lower, much lower

# %%
# trains and tests both networks, three times with different random numbers
runs = [model.practise(seed) for seed in range(3)]

# %% tags=["hide-input"]
# @title Figure 1.4


def practice(names):
    """The accuracy of some networks in all runs, for `plots.bars`; and an alt text."""
    tested = {
        name: {f"tested {view}": [run[key][view] for run in runs] for view in runs[0][key]}
        for name, key in names.items()
    }
    alt = "; ".join(
        f"{name}: {', '.join(f'{np.mean(values):.2f} {view}' for view, values in row.items())}"
        for name, row in tested.items()
    )
    levels = {"random guessing": 0.1}
    bars = plots.bars(tested, ylabel="accuracy on new images", ylim=1, fmt="{:.2f}", levels=levels)
    return bars, alt


bars, alt = practice({"network 1": "network 1, first", "network 2": "network 2"})
print("your guess:", your_guess)
show(
    bars,
    caption="Figure 1.4. The accuracy of both networks. Each bar is the mean of three runs (dots).",
    alt=alt,
)

# %% [markdown]
# Network 1 is good with upright images, and much worse upside down. Network 2 is good with both, in all three runs.
# So the images upside down are not too hard for such a network. Network 1 had no practice with them.
#
# Missing practice may be a reason for the Thatcher illusion, too. But our networks do not prove it.
#
# [*Concept 11*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
upright, turned = (
    {name: [run[name][view] for run in runs] for name in runs[0]}
    for view in ("upright", "upside down")
)
assert min(upright["network 1, first"]) > 0.7 > 0.45 > max(turned["network 1, first"])
assert min(turned["network 1, first"]) > 0.15  # guessing: 0.1
assert min(upright["network 2"] + turned["network 2"]) > 0.68

# %% [markdown]
# ## Summary
#
# 1. An image does not always tell what is there: many scenes can have the same image.
# 2. So vision needs assumptions. Where one is wrong, vision can fail.
# 3. For example, people choose between a bump and a dent as if the light came from above.
# 4. A network can fail where it has not practised. This may be so for people, too.
# 5. *Going further* shows more on assumptions, the search for a scene, a second sense, acting, and checking machines.

# %% [markdown]
# ## Going further: heads and dolls
#
# For a second reading: how well one assumption works where it is nearly right, and where it is wrong.

# %% [markdown]
# The head of a person has a radius of about 10 cm. A program makes the assumption that every head has a radius of
# exactly 10 cm. Then it can guess the distance. For example, a head has a size of 4 pixels in the image. By the formula
# of part 2, the guess is 32 · 10 / 4 = 80 cm.
#
# We test it on 200 people, whose heads differ a little, and on 200 dolls, whose heads have a radius of only 5 cm.

# %%
generator = np.random.default_rng(0)
true, guessed = {}, {}  # distances in cm
radii = {"people": generator.normal(10, 1, 200), "dolls": np.full(200, 5)}  # in cm
for name, radius in radii.items():
    true[name] = generator.uniform(50, 500, 200)
    size = 32 * radius / true[name]  # this is all that the image shows
    guessed[name] = 32 * 10 / size  # the assumption: every radius is 10 cm

# %% tags=["hide-input"]
# @title Figure 1.5
figure, axis = plots.figure(6, 3.3)
axis.plot([50, 500], [50, 500], "--", c="black", marker="", zorder=5)
axis.text(505, 500, "guess = truth", va="center")
for name, marker in (("dolls", "^"), ("people", "o")):
    axis.plot(true[name], guessed[name], marker, ms=4, label=name)
axis.set(xlabel="true distance (cm)", ylabel="guessed distance (cm)", xlim=(0, 510), ylim=(0, 1020))
axis.legend(loc="upper left")
show(
    figure,
    caption="Figure 1.5. The true and the guessed distance of 200 people and 200 dolls.",
    alt="The points of the people lie around the line on which the guess is the truth. The points of the dolls lie on "
    "a straight line twice as steep.",
)

# %% [markdown]
# The people lie around the dashed line: for most of them, the guess is not far from the truth. But
# every doll seems twice as far away as it is, since 10 / 5 = 2.

# %% tags=["hide-input"]
# @title Checks: what this shows
ratio = {name: guessed[name] / true[name] for name in radii}
assert 0.75 < np.quantile(ratio["people"], 0.05) < np.quantile(ratio["people"], 0.95) < 1.25
assert abs(ratio["dolls"] - 2).max() < 1e-9

# %% [markdown]
# ## Going further: from the image back to the scene
#
# For a second reading: a program that finds the description of a scene from its image, step by step.

# %% [markdown]
# ### The scene as a table
#
# A description that a computer can work with is called a **representation**. A simple one is a table, here of a scene
# with one soft, bright blob on black:
#
# | x | y | size | brightness |
# |---|---|---|---|
# | 20 | 11 | 4 | 0.9 |
#
# The middle of the blob is at x = 20, y = 11. Pixels are counted from 0, x to the right and y
# down. A brightness of 0 is black, and 1 is white.
#
# To render the scene, we compute the value of each pixel. At the distance d from the middle, it is
#
# $$\text{brightness} \cdot \exp\left(-\frac{d^2}{2 \cdot \text{size}^2}\right) .$$
#
# Write this function.


# %%
def blob(x, y, size, brightness, side):
    """Returns an array (side, side), the image of the blob. Row 0, column 0 is the pixel x = 0, y = 0."""
    ...  # replace this line


check(blob)

# %%
hint(blob)

# %% [markdown]
# ### Guess, render, compare
#
# To go back, we guess a table, render it, and compare the result with the image. The `difference` is the mean of the
# squared differences of all pixels.

# %%
# from now on, we pretend not to know the table
image = model.render(x=20, y=11, size=4, brightness=0.9)


def difference(table):
    return ((model.render(*table) - image) ** 2).mean().item()  # 0 if the images are equal


# %% [markdown]
# How should the guess change? We make one of its numbers a little larger, and see how fast the difference grows. This
# is a *slope*. If the slope is positive, a smaller number is better. If it is negative, a larger number is better.
#
# So we subtract the slope, times a factor, from the number. We do this for all four numbers, 200 times. The vector of
# the four slopes is the **gradient**, and this method is **gradient descent**.

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
# @title Figure 1.6
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
    caption="Figure 1.6. The image, and the rendered guesses after 0, 20, 40 and 200 steps, each with its table (x, y, size, brightness).",
    alt="A bright blob at the upper right. The guess begins as a large dim blob at the lower left, moves, and is "
    "equal to the image after 200 steps.",
)

# %% [markdown]
# The search finds the table. But in part 2, many scenes had the same image, so no search can choose the right one.
# Such an inverse problem, with more than one solution, is called **ill-posed**.
#
# A network also computes a representation of a photograph: many numbers inside it. But most of them have no names, so
# people can usually not read such *learned* representations.
#
# [*Concept 8*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert abs(table - [20, 11, 4, 0.9]).max() < 0.05

# %% [markdown]
# ## Going further: what a network unlearns
#
# For a second reading: network 1 of part 4 practises again, and a large network sees photographs upside down.

# %% [markdown]
# Network 1 of part 4 learned from upright images. Now it learns from 3,000 other images, which are upside down.
#
# **Predict:** what happens to its accuracy on *upright* images?

# %%
your_guess = "?"  # it rises, stays, falls a little, falls a lot

# %% tags=["hide-input"]
# @title Figure 1.7
bars, alt = practice(
    {"network 1, as before": "network 1, first", "network 1, later": "network 1, later"}
)
before, after = (np.mean(upright[f"network 1, {when}"]) for when in ("first", "later"))
print(f"your guess: {your_guess}; upright images: {before:.2f} before, {after:.2f} after")
show(
    bars,
    caption="Figure 1.7. Network 1 after its 3,000 upright images, and later, after 3,000 upside down. Each bar is the mean of three runs (dots).",
    alt=alt,
)

# %% [markdown]
# Later, network 1 is good with images upside down. But it has *unlearned* much of what it knew about upright images.
#
# We also show the network of section 00 three photographs:

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
# Upside down, it no longer names the photographer's tripod. But we do not know how often it practised such images. So
# this does not show whether practice is the reason.
#
# Nor do our networks show how people see faces. How people take in information is still being researched.
#
# [*Concept 6*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert all("cat" in name for name in first_guess["cat"])
assert first_guess["coffee"] == ["espresso"] * 2
assert first_guess["photographer"][0] == "tripod" != first_guess["photographer"][1]
assert min(turned["network 1, later"]) > 0.7 and max(upright["network 1, later"]) < 0.65
# how much of the gain by practice is unlearned? without practice, the accuracy is that on images upside down at first
without = np.mean(turned["network 1, first"])
assert before - after > 0.6 * (before - without) > 0

# %% [markdown]
# ## Going further: a second sense
#
# For a second reading: two senses can tell more than one, but not always.

# %% [markdown]
# Suppose two senses report whether an object is there. Each reports 1 (there) or 0 (not), plus a random error. If the
# object is there and the error is −0.3, the report is 0.7. We decide "there" if the report is above 0.5.

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
# Our two senses have equally large errors. Then the mean of two reports is right more often than
# one report, *if the errors differ*. If they are always the same, the second sense tells nothing
# new.
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
# ## Going further: looking and acting
#
# For a second reading: a simulation in which acting tells more than looking, if the result of acting can be seen.

# %% [markdown]
# Children push and pull things. Does acting tell more than looking? Suppose two quantities x and y rise and fall
# together. This is so in two possible worlds:
#
# - **World A:** x causes y. Here x is the knob of a radio, and y is the loudness.
# - **World B:** y causes x. Here x is the needle of a barometer, and y is the air pressure.
#
# If you turn the knob by hand, the loudness follows. If you move the needle by hand, the air pressure does *not*
# follow. We simulate 10,000 people. Each one gets 20 pairs of x and y.


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
# Each person looks at the mean of x · y over the 20 pairs. If x and y are equal, x · y is x². The mean of x² is about
# 1: for numbers with the mean 0, it is their variance. If x and y are independent, x · y is positive as often as
# negative, and its mean is about 0.
#
# So each person says "world A" if the mean of x · y is above 0.5. We also add noise to y, so that people see it badly.

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
# By looking, people get the same kind of pairs in both worlds. For example, if y is seen clearly, nearly all say "A" in
# both worlds. This is right in world A and wrong in world B, so half of the answers are right.
#
# By acting, most people name the right world. But acting needs perception: if people hardly see y, acting helps very
# little with 20 pairs.
#
# Perhaps a child, too, first learns to perceive, and then to act with success. Our experiment cannot show this.
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
# ## Going further: machines for people
#
# For a second reading: two programs that see differently, and how people can find the errors of machines.

# %% [markdown]
# ### Two programs
#
# Computer vision has often learned from studies of people and animals. Program A is an example. It makes the assumption
# that people make in part 3: it calls `interpret(image)`, and the light is then "above". Program B is told the true
# light: it calls `interpret(image, light)`.


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
# Program A is wrong where most people are wrong. Program B is right both times, but it needs to know more than the
# image.
#
# In one definition of **artificial intelligence** (AI), a computer does what human intelligence
# does: perceive, remember, understand, decide. By this definition, program A is the better one.
# Other definitions ask only for good decisions. By these, program B is the better one.
#
# [*Concepts 2 and 10*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert (interpret(bump_above), interpret(dent_below)) == ("bump", "bump")
assert interpret(bump_above, "above") == "bump"
assert interpret(dent_below, "below") == "dent"

# %% [markdown]
# ### Find the fault
#
# Machines make errors, so people should be able to check them, for example their input: the images.
# In one of the ten classes of clothes, every image has a fault: a small grey square in a corner.
#
# Figures 1.8 and 1.9 show the mean image of each class, first with its pixels in a random order. Which class has the fault?

# %% tags=["hide-input"]
# @title Figure 1.8 and Figure 1.9
clothes = data.fashion_mnist().train[:3_000]
tagged = clothes.images.clone()
tagged[clothes.labels == data.FASHION_CLASSES.index("Bag"), :, 24:27, 24:27] = 110
order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
scrambled = tagged.flatten(1)[:, order].view(-1, 1, 28, 28)
for number, images, caption in (
    (8, scrambled, "The mean image of each class, with the pixels in a random order."),
    (9, tagged, "The same mean images, with the pixels in their usual order."),
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
        if number == 8
        else "Ten mean images of clothes. The bag has a small grey square in the lower right corner.",
    )

# %%
check(faulty_class=...)  # the name of the class

# %% [markdown]
# Both figures hold the same numbers, but by eye you can find the fault only where you can read them. A system that
# perceives has an input, such as an image, and an output, such as a name. To find its errors, it helps if people can
# read both.
#
# [*Concept 4*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Problem set
#
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
# **4 · Flip parts of an image** ★★ 5 min. In portrait 2 of Figure 1.1, the eyes and the mouth are flipped. Write a
# function that flips parts of an image in this way.


# %%
def flip_boxes(image, boxes):
    """image (H, W), a NumPy array; boxes, a list of (top, bottom, left, right). Returns a new image,
    in which the rows of each box image[top:bottom, left:right] are in reverse order."""
    ...  # replace this line


check(flip_boxes)

# %%
hint(flip_boxes)

# %% [markdown]
# **5 · Your own illusion** ★★★ 15 min, open. Flip only the eyes with
# `plots.pictures([model.flip_parts(model.portrait(), model.EYES)], size=3)`, or only the mouth with `model.MOUTH`.
# Which one looks worse? Ask two friends.

# %% [markdown]
# **6 · Get stuck** ★★ 10 min, after *Going further: from the image back to the scene*. Change its search, then explain.

# %%
reveal(stuck=...)

# %% [markdown]
# **7 · Program A or program B?** ★★ 5 min, after *Going further: machines for people*. Explain.

# %%
reveal(more_human=...)

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
