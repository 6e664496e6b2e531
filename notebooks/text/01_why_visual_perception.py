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
# Seeing feels effortless: we open our eyes, and there the world is. But an
# image leaves much open. Eyes and machines fill the rest in, with assumptions and with practice. You need section 00.
#
# Afterwards you will be able to
#
# - turn a scene into an image, and say why the way back has no single solution,
# - name an assumption of your own eyes, and show when it fails,
# - say when a second sense, or acting, helps.
#
# *About 50 min with the exercises · CPU 15 s. Networks appear here as black boxes; section 04 explains how one is trained.*

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
# Figure 1.1 below shows two portraits of the same smiling woman, upside down. In one of them something was changed. **Predict:** look at it,
# but do not turn it yet. Which portrait was changed, and where?

# %%
your_guess = "?"  # your words

# %% [markdown]
# Now step through the states, or run the cell and turn the portraits.

# %% tags=["hide-input"]
# @title Figure 1.1 (interactive)
show(
    play.turn(),
    caption="Figure 1.1. The same portrait twice; one of them was changed. Turn them.",
)

# %% [markdown]
# In the second portrait, eyes and mouth were cut out, flipped upside down and put back. Upright, it is grotesque. Upside down, most
# people hardly notice. This is the **Thatcher illusion** [Thompson
# 1980]. Your eyes delivered both images equally well in both positions. What failed was the *interpretation*.
#
# Write the trick yourself. An image is an array, and a box is four numbers.


# %%
def flip_boxes(image, boxes):
    """image (H, W), a NumPy array; boxes, a list of (top, bottom, left, right). As in a slice, bottom and
    right no longer belong to the box. -> a new image, in which the rows of each box are in reverse order."""
    ...  # replace this line


check(flip_boxes)

# %%
hint(flip_boxes)

# %% [markdown]
# ## 2 A scene as a table
#
# How would a machine describe what it sees? A description that a computer can work with is called a **representation**. The
# simplest one is a table, which people can read, too. Take the simplest scene: one soft, bright blob on black. Four numbers describe it: its position (x, y), its size
# and its brightness.
#
# From the table to the image is easy. This is called **rendering**, and it is what computer graphics does. Write it.


# %%
def blob(x, y, size, brightness, side):
    """x (to the right), y (down), size, all in pixels; brightness; side of the image; the first pixel is (0, 0)
    -> (side, side): brightness · exp(−d² / (2 · size²)), where d is a pixel's distance from (x, y)."""
    ...  # replace this line


check(blob)

# %%
hint(blob)

# %% [markdown]
# The scores of a network in section 00 were a representation, too, with one number for each of 1,000 names. Inside, it uses
# millions of numbers that have no names. Such learned representations can usually not be read by people.
#
# [*Concept 8*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## 3 Graphics forwards, vision backwards
#
# **Vision** goes the other way: from the image to the table. We know how to render. So we can guess a table, render it, and
# compare. Then we change each of the four numbers a little, in the direction in which the difference becomes
# smaller, and repeat. This is **gradient descent**. (We use a form of it called Adam. Read only the line that begins with `difference =`; section 04
# explains the others.)

# %%
picture = model.render(x=20.0, y=11.0, size=4.0, brightness=0.9)  # we pretend not to know these
guess = torch.tensor([12.0, 18.0, 7.0, 0.5], requires_grad=True)  # x, y, size, brightness
optimiser, seen = torch.optim.Adam([guess], lr=0.3), []
for _ in range(201):
    seen.append(guess.detach().clone())
    difference = (model.render(*guess) - picture).square().mean()
    optimiser.zero_grad()
    difference.backward()
    optimiser.step()

# %% tags=["hide-input"]
# @title The result
print("found:", [round(number, 2) for number in guess.tolist()])

# %% tags=["hide-input"]
# @title Figure 1.2
steps = (0, 10, 30, 200)


def numbers(step):
    x, y, size, brightness = seen[step].tolist()
    return f"{x:.0f}, {y:.0f}, {size:.0f}, {brightness:.1f}"


show(
    plots.pictures(
        [picture[None], *(model.render(*seen[step])[None] for step in steps)],
        [
            "the image",
            *(f"step {step}\n({numbers(step)})" for step in steps),
        ],
        columns=5,
        size=1.5,
        scale=(0, 1),
    ),
    caption="Figure 1.2. An image, and the rendered guesses after 0, 10, 30 and 200 steps, with the four numbers.",
    alt="A bright blob at the upper right. The guess begins as a large dim blob at the lower left, moves, and is "
    "equal to the image after 200 steps.",
)

# %% [markdown]
# The four numbers come back. So vision is only graphics run backwards? Let us add the third dimension. A disc with a soft edge
# faces the camera. Its size in the image is
#
# $$\text{size in pixels} = 32 \cdot \frac{\text{radius}}{\text{distance}} .$$
#
# The number 32 belongs to the camera. **Predict:** one disc has the radius 12 cm and stands at 80 cm, another has 24 cm and stands
# at 160 cm. Compare their images pixel by pixel. What is the largest difference (black is 0, white is 1)?

# %%
your_guess = "?"  # from 0 to 1

# %%
near, far = model.photographed(80, 12), model.photographed(160, 24)  # distance, radius
print(f"your guess: {your_guess}; largest difference: {(near - far).abs().max():.3f}")

# %% [markdown]
# The images are equal, pixel by pixel. Try to find the scene of the image in Figure 1.3.

# %% tags=["hide-input"]
# @title Figure 1.3 (interactive)
show(
    play.same_image(),
    caption="Figure 1.3. Left, a given image and the image of your scene. Right, the difference for every possible "
    "scene, dark for large. (The difference is the root of the mean square over all pixels.)",
)

# %% [markdown]
# A whole line of scenes has this image, the dashed one. From one such image the way back has no single solution, not even for a perfect
# computer. In the words of papers, rendering is *well-posed*: each table gives one image, and a similar table a similar image. Vision is an *inverse problem*, and often *ill-posed*.
#
# [*Concept 9*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
truth = torch.tensor([20, 11, 4, 0.9])
assert (guess.detach() - truth).abs().max() < 0.1
assert torch.equal(near, far)
assert (model.photographed(80, 12) - model.photographed(80, 15)).abs().max() > 0.05

# %% [markdown]
# ## 4 What interpretation adds
#
# And yet we see how far away things are, even in a photograph. So something is added to the image: an **assumption**. For example, the head of a person has a
# radius of about 10 cm. Then the distance follows from the size in the image. We try it on 1,000 heads of
# 10 ± 1 cm, and on dolls of 5 cm.

# %%
generator = np.random.default_rng(0)
for name, radius in (("heads", generator.normal(10, 1, 1000)), ("dolls", np.full(1000, 5.0))):
    distance = generator.uniform(50, 500, 1000)
    size = 32 * radius / distance  # this is all that the image tells
    guessed = 32 * 10 / size  # the assumption: every radius is 10 cm
    low, middle, high = np.quantile(guessed / distance, [0.05, 0.5, 0.95])
    print(f"{name}: guessed / true distance {middle:.2f} (90% between {low:.2f} and {high:.2f})")

# %% [markdown]
# For nine heads in ten the assumption works within about a fifth. With dolls, all distances are wrong by a factor of two, and the size in the image gives no sign of it. An
# assumption that is usually right makes vision possible. When it is wrong, we can see an illusion.
#
# Here is one of your own assumptions. A bump is a surface that rises in the middle, a dent goes down. Slopes that face the light
# are bright.

# %% tags=["hide-input"]
# @title Figure 1.4
bump, dent = model.shaded(height=1, light=1), model.shaded(height=-1, light=1)
figure, (left, right) = plots.figure(8, 3.0, 1, 2)
figure.get_layout_engine().set(wspace=0.12)
for axis, discs, title in (
    (left, [bump, dent, bump, bump, dent, bump], "upright"),
    (right, [one.flip(0) for one in (bump, dent, bump, bump, dent, bump)], "the same, upside down"),
):
    plots.pictures([disc[None] for disc in discs], columns=3, size=1.1, scale=(0, 1), axis=axis)
    axis.set_title(title)
show(
    figure,
    caption="Figure 1.4. Left, how many bumps do you see, how many dents? Right, the same image upside down.",
    alt="Six shaded discs. Left, four are bright above and dark below, two the other way round. In the right "
    "half all are turned upside down.",
)

# %% [markdown]
# Most people see four bumps and two dents on the left, and the opposite on the right.
# Now compare two images: a bump with light from above, and a
# dent with light from below.

# %%
above, below = model.shaded(height=1, light=1), model.shaded(height=-1, light=-1)
print("bump lit from above = dent lit from below:", torch.equal(above, below))

# %% [markdown]
# They are equal. Forming an image on the retina and converting it into signals is **sensing**. To choose between bump and dent is **interpretation**, and it happens in the
# brain. People choose as if light came from above, as it usually does [Ramachandran 1988]. When we study our eyes, we find out what they
# assume. Then we can build the same assumption into a program, and know when it will fail. Program A is `read(disc)`. Program B is told of the
# light: `read(disc, light)`.


# %%
def read(disc, light=1):
    """disc (H, W) -> "bump" or "dent". Without being told, light comes from above (1)."""
    brighter_above = disc[: len(disc) // 2].mean() > disc[len(disc) // 2 :].mean()
    light_above = light == 1
    return "bump" if brighter_above == light_above else "dent"  # a bump is bright towards the light


for truth, disc, light in (("bump, light above", above, 1), ("dent, light below", below, -1)):
    print(f"{truth}: A, not told of the light, says {read(disc)}; B, told, {read(disc, light)}")

# %% [markdown]
# These are two programs, A and B, made of one function. A errs where most people err. B needs to know more than the image. Computer vision often learns from the study of animals
# and people. The Neocognitron (section 07) was built after findings in a cat's brain.
#
# [*Concepts 7 and 10*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert torch.equal(above, below)
assert torch.equal(bump.flip(0), dent)
assert (read(above), read(below), read(below, -1)) == ("bump", "bump", "dent")

# %% [markdown]
# ## 5 What was practised
#
# Why does a portrait upside down fool us? We see upright faces all day, and hardly any *inverted* ones (turned by 180 degrees). So it may be a lack of practice. With a
# small network we can test what practice does. We take clothes, of which we have many images. The network learns from 3,000
# upright images. Then it gets 3,000 inverted ones. A second network gets only 3,000 images in all: 1,500 upright and 1,500 inverted.
#
# **Predict:** after its inverted images, what happens to the first network's accuracy (the share of right answers) on *upright* images?

# %%
your_guess = "?"  # rises, stays, falls a little, falls a lot

# %%
runs = [model.practise(seed) for seed in range(3)]  # three networks each
upright = {name: [run[name][0] for run in runs] for name in runs[0]}
turned = {name: [run[name][1] for run in runs] for name in runs[0]}
before, after = np.mean(upright["upright"]), np.mean(upright["then inverted"])
without = np.mean(turned["upright"])
print(f"your guess: {your_guess}; upright images: {before:.2f} before, {after:.2f} after")
print(f"inverted images, before the network practised them: {without:.2f}")

# %% tags=["hide-input"]
# @title Figure 1.5
show(
    plots.bars(
        {
            name: {"tested upright": upright[name], "tested inverted": turned[name]}
            for name in upright
        },
        ylabel="accuracy on new images",
        ylim=1,
        levels={"guessing": 0.1},
    ),
    caption="Figure 1.5. A network after 3,000 upright images, after 3,000 inverted images on top, and another after half of each. "
    "Three runs (dots).",
    alt="After upright practice about .79 upright and .29 inverted. After inverted practice on top, inverted .8 and "
    "upright well below. After half and half, both nearly as high.",
)

# %% [markdown]
# Our network sees well what it has practised. Trained on upright images only, it recognises far fewer inverted ones, but more than by guessing.
# After practice with inverted images, its accuracy on upright images falls a lot. How well does a network do without practice? The last number printed says it: the accuracy
# on inverted images before they were practised. The accuracy on upright images falls most of the way down to that number. So most of the gain
# by practice is *unlearned*. A new network that practises both recognises both.
#
# So it pays to know what was never practised, in ourselves and in our machines. Missing practice is a likely reason for the
# Thatcher illusion, too, but our network does not prove it.
#
# [*Concept 11*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(upright["upright"]) > 0.7 > 0.45 > max(turned["upright"])
assert min(turned["then inverted"]) > 0.7 and max(upright["then inverted"]) < 0.65
assert before - after > 0.6 * (before - without) > 0
assert min(turned["upright"]) > 0.15  # guessing: 0.1
assert min(upright["half and half"] + turned["half and half"]) > 0.68
assert np.mean(upright["half and half"]) < np.mean(upright["upright"])

# %% [markdown]
# ## 6 A second sense
#
# Where one image leaves something open, another sense may help: touch, sound, or a second eye. Say two senses report
# whether an object is there. Each reports one number: 0 (not there) or 1 (there), plus a random error. The errors are normally distributed, with
# standard deviation 1. So a report may be 0.7. We take the mean of both reports and say "there" if it is above ½. The **correlation** of the two errors says how similar they are. In this experiment, 0 means
# independent errors, and 1 means equal errors.
#
# **Predict:** one sense alone is right in about 69% of the cases. How often is the decision from the *mean* right, if the errors are independent?
# And if they are nearly the same?

# %%
your_guess = "?"  # two shares

# %%
there = generator.integers(0, 2, 100_000)  # 0 or 1
ours, theirs = generator.normal(size=(2, 100_000))  # two errors, independent
shares = {}
for shared in (0.0, 0.5, 0.9, 1.0):  # the correlation of the errors of both senses
    second = shared * ours + (1 - shared**2) ** 0.5 * theirs  # standard deviation 1, too
    mean = there + (ours + second) / 2
    shares[shared] = ((mean > 0.5) == there).mean()
    print(f"correlation of the errors {shared:.1f}: right in {shares[shared]:.3f}")
print(f"one sense: {(((there + ours) > 0.5) == there).mean():.3f}; your guess: {your_guess}")

# %% [markdown]
# Two equally good senses are better than one *if their errors differ*. With nearly the same errors (0.9) the second hardly helps, and with
# equal errors it tells nothing new. Touch is valuable beside the eye because it fails for other reasons: darkness does not disturb it.
#
# If one sense is more reliable, it should count more. Say the second sense has three times the error of the first.

# %% tags=["hide-input"]
# @title The second sense has three times the error
ways = {"the better sense alone": 1, "the plain mean": 0.5, "the best weights": 0.9}
for name, weight in ways.items():
    ways[name] = (((there + weight * ours + (1 - weight) * 3 * theirs) > 0.5) == there).mean()
    print(f"{name}: right in {ways[name]:.3f}")

# %% [markdown]
# Here the plain mean is even worse than the better sense alone. With the best weights, the second sense still helps a little. People
# combine sight and touch nearly in the best way [Ernst & Banks 2002]: with weights in proportion to 1/error². Write it.


# %%
def combine(estimates, errors):
    """estimates (N,) and errors (N,), the standard deviations of their independent errors, NumPy
    arrays -> a number: the mean of the estimates with the weights 1/error² (which must add up to 1)."""
    ...  # replace this line


check(combine)

# %%
hint(combine)

# %% [markdown]
# [*Concept 5*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert shares[0.0] > shares[0.5] > shares[0.9] > shares[1.0]
assert abs(shares[1.0] - (((there + ours) > 0.5) == there).mean()) < 0.01
assert shares[0.0] > shares[1.0] + 0.05
alone, plain, best = ways.values()
assert plain < alone - 0.03 < best - 0.03

# %% [markdown]
# ## 7 Looking and acting
#
# Children do not only look; they push, pull and drop things. Does acting tell more than looking? Two quantities x and y usually change together. In
# world A, x causes y: a knob x changes the loudness y. In world B, y causes x: the weather y moves the needle x of a barometer. If you only
# look, you take what comes. If you act, you set x yourself and look what y does. The correlation of x and y says how well a rising straight line
# describes their relation (1: exactly, 0: not at all).


# %%
def observe(world, act, count=100_000):
    """x and y, count times, in world "A" or "B"; with act=True we choose x ourselves."""
    first, noise, chosen = generator.normal(size=(3, count))
    if world == "A":  # y follows x
        x = chosen if act else first
        return x, 0.8 * x + 0.6 * noise
    y, x = first, 0.8 * first + 0.6 * noise  # world B: x follows y
    return (chosen if act else x), y


# %%
together = {}
for blur in (0, 20):  # how badly y is seen
    for act in (False, True):
        for world in "AB":
            x, y = observe(world, act)
            y = y + blur * generator.normal(size=len(y))
            together[blur, act, world] = np.corrcoef(x, y)[0, 1]

# %% tags=["hide-input"]
# @title The correlations
for blur, seeing in ((0, "y seen clearly"), (20, "y hardly seen")):
    for act, name in ((False, "looking"), (True, "acting")):
        a, b = together[blur, act, "A"], together[blur, act, "B"]
        print(f"{seeing:14}, {name:7}: correlation {a:5.2f} in world A, {b:5.2f} in world B")
    print(
        f"actions needed to tell the worlds apart: about {(2 / together[blur, True, 'A']) ** 2:,.0f}"
    )

# %% [markdown]
# If you only look, both worlds give the same correlation. In fact the pairs (x, y) have exactly the same distribution here, so looking cannot tell the worlds apart. If you
# act, y follows x in world A only. But acting needs perception: the worse you see y, the more often you must act until the worlds can be told
# apart. (By chance, a correlation of n pairs is off by about 1/√n. We ask that the correlation r of world A is twice this, so n = (2/r)².) Perhaps perception also comes
# *first* in the development of a child. That is plausible, but this experiment cannot show it.
#
# [*Concept 3*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert abs(together[0, False, "A"] - together[0, False, "B"]) < 0.02
assert together[0, True, "A"] > 0.75 and abs(together[0, True, "B"]) < 0.02
assert abs(together[20, True, "A"]) < 0.1

# %% [markdown]
# ## 8 Machines for people
#
# **Artificial intelligence** is the attempt to do with computers what human intelligence does: perceive, remember, understand, decide. This is
# one of several definitions. Another says only that a machine should decide *as well as possible* from what it knows. Program A of
# part 4 errs like a person, since it is not told of the light. B is told, and decides better.
#
# A machine that works for people should also give its results in a form that people can check. Here is a small test. In one of
# the ten classes, all images have a fault: a small grey tag in the corner. We show the mean image of each class twice. In Figure 1.6 the
# pixels are in a random order, the same for every image. In Figure 1.7 they are in the usual order.

# %% tags=["hide-input"]
# @title Figure 1.6 and Figure 1.7
clothes = data.fashion_mnist().train[:3_000]
tagged = clothes.images.clone()
tagged[clothes.labels == data.FASHION_CLASSES.index("Bag"), :, 24:27, 24:27] = 110
order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
scrambled = tagged.flatten(1)[:, order].view(-1, 1, 28, 28)
for number, images, caption in (
    (
        6,
        scrambled,
        "The mean image of each class, pixels in a random order. Which class has the fault?",
    ),
    (7, tagged, "The same numbers with the pixels in their order."),
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
# Both figures hold the same numbers, only in another order. For you only one can be read. A system that perceives takes an input, such as an image, and gives an
# output, such as names or boxes. If it works for people, they should understand both.
#
# Much about our own perception is still unknown. For example, each of your eyes has a *blind spot* without receptors, and you see no hole. We have no
# experiment for this here.
#
# [*Concepts 2, 4 and 6*](00_start_here.ipynb#Map-of-the-concepts)
#
# ## Summary
#
# 1. Rendering turns a table into one image. Vision goes back, and many scenes can have the same image.
# 2. So seeing needs assumptions. When they are wrong, we can see illusions, often without noticing.
# 3. Our network sees badly what it has not practised. For people this is likely, too.
# 4. A second sense can help if its errors are different. The more reliable sense should count more. Acting helps if we can see what it does.
# 5. To be like a person and to decide well are two aims for a machine. If it works for people, they should understand its input and its output.
#
# ## Problem set

# %% [markdown]
# **1 · The same image** ★ 3 min. Pencil and paper; `check` says what is asked.

# %%
check(own_size=...)

# %% [markdown]
# **2 · Explain** ★★ 5 min. Bumps and dents: what do people assume, and when are they wrong?

# %%
reveal(why_light=...)

# %% [markdown]
# **3 · Explain** ★★ 5 min. Two programs, two standards.

# %%
reveal(more_human=...)

# %% [markdown]
# **4 · Get stuck** ★★ 10 min, open. Start the search of part 3 at (2, 30, 1, 0.5), far away and small. What happens, and why? (Print the
# difference at each step.)
#
# **5 · Your own illusion** ★★★ 15 min, open. Flip only the eyes, or only the mouth: `model.flip_parts(model.portrait(), model.EYES)`, or
# `model.MOUTH`. Which matters more? Ask two friends, and write down their answers before you tell them what you changed.

# %% [markdown]
# ## Solutions
#
# Open the cell when you have tried.
#
# <details><summary>Problem 4: what happens</summary>
#
# The small guess does not touch the blob in the image. Moving it then changes nothing, so x and y get hardly any direction. A darker or
# smaller guess is better at once, so the size falls towards 0. (The brightness even becomes negative.) In the end nothing of the blob is left to see.
# Then a small change leaves the image black: the search is stuck on a **plateau**.
#
# </details>

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


def combine(estimates, errors):
    weights = 1 / errors**2
    return (weights * estimates).sum() / weights.sum()


_ = [check(flip_boxes), check(blob), check(combine), check(own_size=6 * 100 / 40)]

# %% [markdown]
# ## References
#
# - M. O. Ernst, M. S. Banks. Humans integrate visual and haptic information in a statistically optimal fashion. *Nature* 415,
#   429–433, 2002.
# - V. S. Ramachandran. Perception of shape from shading. *Nature* 331, 163–166, 1988.
# - S. J. Russell, P. Norvig. *Artificial Intelligence: A Modern Approach*, chapter 1 (four definitions of AI).
# - S. Shimizu et al. A linear non-Gaussian acyclic model for causal discovery. *JMLR* 7, 2006 (with other kinds
#   of noise, looking alone can sometimes tell cause from effect).
# - P. Thompson. Margaret Thatcher: a new illusion. *Perception* 9, 483–484, 1980.
# - The portrait is NASA's photograph of Eileen Collins (public domain), from scikit-image.
