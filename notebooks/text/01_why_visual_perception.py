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
# Why should a machine learn to see before it learns to think, and how far can you trust eyes: its
# own, and yours?
#
# *About 60 min · CPU 30 s*
#
# Afterwards you will be able to
#
# - say when a second sense helps, by how much, and when it does not help at all,
# - draw a picture from the description of a scene, get from the picture back to a description, and
#   name the scenes for which nobody can,
# - show a blind spot of your own vision in a network, find its cause in the training data, and pay
#   for its cure.
#
# You need Python, matrices, and section 00. Networks appear as black boxes here; the sections after
# this one open them.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## First, look
#
# Two portraits, both upside down. **Predict:** do they show the same face? Is anything wrong with
# either? Take two seconds, and do not turn your head.

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, explore, faces, figures, perturb
from cv_course.checks import check, hint

portrait = faces.portrait()
strange = faces.flip_parts(portrait, faces.PORTRAIT_BOXES, soften=5)
upside_down = torch.stack([portrait, strange]).flip(-1, -2)

# %%
figures.show(
    figures.portraits(upside_down, ["A", "B"]),
    alt="Two portraits of the same woman, both upside down. At a glance both are smiling and "
    "neither is alarming.",
)

# %%
your_guess = None  # for example "B, the nose is longer"

# %% [markdown]
# Keep your answer. We come back to it when you know what to make of it.

# %% [markdown]
# ## What shall a machine be like?
#
# Why does seeing belong to **artificial intelligence** at all? The lecture says: AI is to do what
# human intelligence does (perceive, recognise, remember, understand, think) on a computer, with the
# human as the reference. That is one definition. Russell & Norvig sort all of them into a square:
# does a machine have to *think* in a certain way, or only to *act*? And is the standard what
# *people* do, or what is *right*?
#
# **Predict:** where does a chess program belong that beats everybody by calculating moves that no
# person would consider? And a model of the mind that makes the same mistakes as people?

# %%
your_guess = None  # for example ("act, rationally", "…")

# %%
figures.show(
    figures.four_definitions(
        {
            ("thinks", "like people"): "a model of the mind that\nmakes our mistakes, too",
            ("thinks", "rationally"): "a program that proves\ntheorems step by step",
            ("acts", "like people"): "a chatbot that you\ntake for a person",
            ("acts", "rationally"): "a chess program that\nsimply plays to win",
        }
    ),
    alt="A square of four fields with an example of AI in each: a model of the mind with our mistakes "
    "thinks like people, a theorem prover thinks rationally, a chatbot taken for a person acts like "
    "people, a chess program that plays to win acts rationally.",
)

# %% [markdown]
# The difference is not idle. At the end of this section we shall have a network that errs where you
# err. Is it then a better model of seeing, or a worse instrument for it? With the human as the
# reference: better. With the truth as the reference: worse.
#
# *Concept 2*

# %% [markdown]
# ## Looking, and doing
#
# How do people come to know the world? Through their senses, says the lecture, and by *acting* on
# the world; perception comes first, and reasoning about causes after it. Why is looking alone not
# enough? Here are two little worlds with two quantities each. In the first, *x* drives *y*; in the
# second it is the other way round.


# %%
def world(cause, lot, held=None):
    """5,000 observations of (x, y); ``held``: somebody sets x to this value by hand."""
    first, noise = lot.normal(size=(2, 5000))
    if cause == "x":
        x = first if held is None else np.full(5000, held)
        return x, 0.8 * x + 0.6 * noise
    y = first
    return (0.8 * y + 0.6 * noise if held is None else np.full(5000, held)), y


# %%
lot = np.random.default_rng(0)
seen = {f"world {i}": world(cause, lot) for i, cause in ((1, "x"), (2, "y"))}
figures.show(
    figures.two_worlds({name: (x[:600], y[:600]) for name, (x, y) in seen.items()}, ("x", "y")),
    alt="Observations of x and y in two worlds: two slanted clouds that look the same.",
)

# %%
first, second = (np.cov(*both) for both in seen.values())
print("largest difference of variances and covariances:", np.abs(first - second).max().round(2))
assert np.abs(first - second).max() < 0.1

# %% [markdown]
# You could watch for a thousand years: both clouds are samples of the very same distribution.
# **Predict:** now *do* something. Take x in your hand and hold it at 2. What will y be, on average,
# in the world where x drives y? And in the other?

# %%
your_guess = None  # two numbers

# %%
done = {f"world {i}, x held at 2": world(c, lot, held=2.0) for i, c in ((1, "x"), (2, "y"))}
figures.show(
    figures.two_worlds({n: (x[:600], y[:600]) for n, (x, y) in done.items()}, ("x", "y"), held=2),
    alt="The same worlds with x held at 2. In the first, y gathers around 1.6; in the second it stays "
    "around 0.",
)
(_, moved), (_, unmoved) = done.values()
assert abs(moved.mean() - 0.8 * 2) < 0.05 and abs(unmoved.mean()) < 0.05

# %% [markdown]
# Pulling the lever told in a moment what looking never could [Pearl 2009]. Kittens that were carried
# about, and saw as much, later failed tests of seeing that kittens which had walked passed easily
# [Held & Hein 1963]. But note the order: without perceiving *y* the action would have taught nothing.
#
# **Careful.** "Perception first, causal thought after, so perception matters most" is a plausible
# story, not a law. Babies of five months look longer, as if surprised, when a hidden object ought to be
# in the way and is not [Baillargeon, Spelke & Wasserman 1985]: some reasoning is there early.
#
# *Concept 3*

# %% [markdown]
# ## What goes in, what comes out
#
# Perception is the input of an intelligent system, and what it makes of it is the output. The
# lecture concludes: AI serves people, so input and output should be such as people understand. Does
# the machine care? Here is one message in two forms.

# %%
message = "ankle boot"
fashion = data.fashion_mnist()
train, test, classes = fashion.train, fashion.test, fashion.classes
boot = test.images[test.labels == 9][0]
bits = np.unpackbits(np.frombuffer(message.encode(), dtype=np.uint8))
figures.show(
    figures.picture_and_stripes(boot, bits),
    alt="On the left a picture of an ankle boot; on the right 80 black and white stripes that no "
    "person can read.",
)

# %% [markdown]
# **Predict:** which of the two is easier to read for a machine?

# %%
read = np.packbits(bits).tobytes().decode()
print(f"the stripes say: {read}")
assert read == message

# %% [markdown]
# One line and no error for the stripes; for the picture, this whole course. You read the picture
# at a glance, and the stripes not at all. So the conclusion is a preference about *design*, and a good one:
# whoever has to trust, correct or overrule the machine must be able to read what goes in and what comes out. It is not
# what makes things easy for machines: among themselves they use stripes.
#
# *Concept 4*

# %% [markdown]
# ## Two senses beat one
#
# You recognise a friend by her face, but her voice, her gestures, a hand on your shoulder tell
# something, too. How much better are two senses than one? Make it a game: something is there or
# not, equally often. A sense reports 1 if it is there and 0 if not, plus an error with standard
# deviation 1. You say "there" when the report is above ½.
#
# **Predict:** how often will you be right with one such sense? And with the average of two?

# %%
your_guess = None  # two numbers between 0.5 and 1

# %%
there = np.arange(400_000) % 2
errors = lot.normal(size=(2, len(there)))
one, two = there + errors[0], there + errors.mean(0)
right = [((report > 0.5) == there).mean() for report in (one, two)]
print(f"your guess {your_guess}; one sense {right[0]:.3f}, two {right[1]:.3f}")

# %% [markdown]
# The distance of the two cases in units of the error is called **d′** ("d prime"); here it is 1. The
# share of right answers is Φ(d′/2), where Φ is the area under the bell curve. Two senses of d′₁ and
# d′₂ with *independent* errors, each weighted as it deserves, are as good as one with
#
# $$d' = \sqrt{d_1'^2 + d_2'^2}$$
#
# [Green & Swets 1966]. Like the two legs of a right triangle! It explains both numbers:


# %%
def share_right(d):
    return torch.special.ndtr(torch.tensor(d / 2)).item()  # Φ(d′/2)


for measured, d in zip(right, (1, np.sqrt(1**2 + 1**2)), strict=True):
    print(f"d′ = {d:.3f}: predicted {share_right(d):.3f}, measured {measured:.3f}")
    assert abs(share_right(d) - measured) < 0.005

# %% [markdown]
# People do this. Ernst & Banks [2002] had them judge the height of a ridge by eye and by hand. Where the eye
# was made to err more, people relied more on the hand, very nearly by the best possible
# weights. Which are those? A sense counts by the *inverse of its variance*. Write it down:


# %%
def combine(estimates, sds):
    """estimates (N,), sds (N,), the standard deviations of their independent errors -> the best
    weighted mean and its own standard deviation."""
    ...  # replace this line


check(combine)

# %%
hint(combine)

# %% [markdown]
# Now the small print. What if the errors are *not* independent: both eyes look through the same
# fog? With a correlation ρ between the errors of two senses, the best weighted sum reaches


# %%
def both_senses(d1, d2, shared=0.0):
    return np.sqrt((d1**2 + d2**2 - 2 * shared * d1 * d2) / (1 - shared**2))


for shared in (0, 0.5, 0.9, 0.99):
    print(f"correlation {shared:.2f}: two senses {share_right(both_senses(1, 1, shared)):.3f}")
assert abs(both_senses(1, 1, 0) - np.sqrt(2)) < 1e-12
assert share_right(both_senses(1, 1, 0.99)) < share_right(1) + 0.002

# %% [markdown]
# What two equally good senses get wrong together, no average repairs: near ρ = 1 the second is
# worth nothing.
# Try both sliders. **Predict** first: (a) the second sense is bad, with an error of 2.5. Is the plain
# average of the two better or worse than the first sense alone? (b) The second sense is bad *and*
# shares most errors with the first. Is it useless?

# %%
explore.two_senses()

# %%
bad = 1 / 2.5  # d′ of a sense with an error of 2.5
plain_average = 1 / np.sqrt((1 + 2.5**2) / 4)
assert share_right(plain_average) < share_right(1) < share_right(both_senses(1, bad))
assert both_senses(1, bad, 0.9) > 1.5 > both_senses(1, bad)

# %% [markdown]
# (a) Worse! A bad sense *hurts* unless it gets the small weight that it deserves. (b) Far from it: a sense
# that hears mainly the noise of the other can be used to *subtract* that noise (its best weight
# becomes negative). That is how noise-cancelling headphones work.
#
# **Careful.** "More senses, more information" is true for the best weights only, and the rule
# √(d₁′² + d₂′²) for independent errors only. With equally good senses, shared errors eat up the
# gain.

# %% [markdown]
# And with pictures? We cut each picture of clothes in two, and give each part to a classifier of its
# own (one layer; section 04 opens it). Once we cut across the middle: top half and bottom half. Once
# we deal the rows out like cards: even rows and odd rows. **Predict:** for which pair of parts is
# the whole picture much better than the better part alone?

# %%
from cv_course.networks.small import Linear
from cv_course.training import evaluate, fit, predict

PARTS = {
    "top half": slice(0, 14), "bottom half": slice(14, 28),
    "even rows": slice(0, 28, 2), "odd rows": slice(1, 28, 2), "whole picture": slice(0, 28),
}  # fmt: skip


def part_of(split, rows):
    return data.Split(split.images[:, :, rows].contiguous(), split.labels)


# %%
accuracy, wrong = {}, {}
for name, rows in PARTS.items():
    seen, asked = part_of(train, rows), part_of(test, rows)
    torch.manual_seed(0)
    model = Linear(seen.images.shape[1:], classes=10)
    fit(model, seen, epochs=5, progress=False)
    accuracy[name] = evaluate(model, asked)
    wrong[name] = predict(model, asked.images).argmax(1).cpu() != test.labels

# %%
gain, shared = [], []
for pair in (("top half", "bottom half"), ("even rows", "odd rows")):
    gain.append(accuracy["whole picture"] - max(accuracy[part] for part in pair))
    shared.append(torch.corrcoef(torch.stack([wrong[part] for part in pair]).float())[0, 1])
    print(", ".join(f"{part} {accuracy[part]:.3f}" for part in (*pair, "whole picture")))
    print(f"  gain {gain[-1]:.3f}; correlation of the errors {shared[-1]:.2f}")
assert gain[0] > 0.03 and gain[0] > gain[1] + 0.015 and shared[0] < shared[1] - 0.15

# %% [markdown]
# Each part has half of the pixels. But the odd rows fail on mostly the same pictures as the even
# ones: they are two eyes in the same fog. The bottom half fails elsewhere than the top half, so it
# adds something. That is what to look for in a second sense: not that it is good, but that it errs
# *differently*.
#
# *Concept 5*

# %% [markdown]
# ## What the eye delivers
#
# Seeing begins with **sensing**: the lens throws an image onto the **retina** at the back of the eye.
# ("Behind the lens", say the notes.) Rays go straight through one point, so by similar triangles the
# image has the height *height / distance × 17 mm*. **Predict:** how large is the image of a grown
# person 10 metres away, and which way up?

# %%
your_guess = None  # millimetres

# %%
figures.show(
    figures.eye(height=1.8, distance=10),
    alt="An eye in section. Rays from the tip and the foot of an arrow outside cross behind the lens "
    "and meet the retina as a much smaller arrow that is upside down.",
)
print(f"{1.8 / 10 * 17:.1f} mm")

# %% [markdown]
# Three millimetres, and the wrong way up! Why then do you not see the world upside down? The image
# is not looked at by anybody. **Interpretation** is the brain's work, and it only ever knew
# such images. Let us ask a machine: a classifier that compares a picture with all known ones (section 03
# builds it). We turn *all* its pictures upside down; or worse, we scramble the pixels, all pictures
# in the same way. **Predict:** how many of 500 answers will change?

# %%
your_guess = None  # two whole numbers

# %%
from cv_course.nearest import NearestNeighbours

mixed = torch.randperm(28 * 28, generator=torch.Generator().manual_seed(0))
RETINAS = {
    "as they are": lambda x: x,
    "upside down": lambda x: x.flip(-1, -2),
    "scrambled": lambda x: x.flatten(1)[:, mixed].view_as(x),
}
asked, known = test.images[:500], train.images[:4000]

# %%
answers = {}
for name, retina in RETINAS.items():
    search = NearestNeighbours(1).fit(retina(known), train.labels[:4000])
    answers[name] = search.predict(retina(asked))
    changed = (answers[name] != answers["as they are"]).sum().item()
    print(f"{name}: {changed} of {len(asked)} answers change")
    assert changed == 0

# %%
figures.show(
    figures.image_grid(
        torch.cat([retina(asked[:4]) for retina in RETINAS.values()]),
        [title for name in RETINAS for title in (name, "", "", "")],
        columns=12,
        size=0.75,
    ),
    alt="Four pieces of clothing as they are, upside down, and as scrambled dots in which nothing "
    "can be recognised.",
)

# %% [markdown]
# None! Which way up the image lies on the sensor means nothing as long as it is *always* so. To you the
# scrambled pictures are noise; this machine never knew anything else. (One that takes for granted that
# neighbouring pixels belong together would mind the scrambling: section 05.) Trouble comes
# when the arrangement at test time is another one than in practice. Remember that.
#
# **Careful.** "The eye senses, the brain interprets" is a useful cut, not a clean one. The retina
# already computes: about 100 million receptors report through about a million nerve fibres, more as
# contrasts than as brightness [Curcio et al. 1990; Curcio & Allen 1990; Kuffler 1953].
#
# *Concept 7*

# %% [markdown]
# ## What nobody knows yet
#
# Where those nerve fibres leave the eye there are no receptors: the view of each of your eyes has a hole,
# about 15.5° from its centre, away from the nose, and as wide as eleven full moons. Find it: close your
# **left** eye, look at the **cross** with the right one, and move your head slowly nearer or farther
# away, starting at the distance below.

# %%
gap = 5.5  # between cross and dot, in the unit in which you measure it on your screen
figures.show(
    figures.blind_spot(gap),
    alt="A black cross on the left and an orange dot on the right, on a ground of fine grey stripes.",
)
print(f"distance of the eye: {1 / np.tan(np.radians(15.5)):.1f} times that from cross to dot")

# %% [markdown]
# The dot vanishes, and what do you see in its place? Not a hole: the stripes go on. Something in you
# filled them in, and told you nothing about it. *How* is still being argued about: by spreading
# activity in the visual cortex, or by not noticing that anything is missing
# [Ramachandran 1992; Komatsu 2006]. How people take in the
# world is research, not textbook. The lecture draws the right conclusion: perception is the base on
# which everything else stands, and we do not know the base well.
#
# *Concept 6*

# %% [markdown]
# ## A scene as a table
#
# What should a machine deliver when it has looked at a scene? Here is one of 64 × 120 pixels.

# %%
canvas = torch.zeros(64, 120)
for label, which, size, top, left in ((1, 0, 42, 12, 6), (8, 1, 34, 20, 46), (9, 3, 28, 30, 86)):
    item = test.images[test.labels == label][which][None].float()
    item = nn.functional.interpolate(item, (size, size), mode="bilinear", antialias=True)[0, 0]
    canvas[top : top + size, left : left + size] = item

# %%
figures.show(
    figures.canvas_with_boxes(canvas),
    alt="A trouser, a bag with a handle and an ankle boot side by side on black.",
)

# %% [markdown]
# **Predict:** how many numbers do you need to tell somebody on the telephone what is where?

# %%
your_guess = None  # a whole number


# %%
def framed(patch):
    """A patch of any shape as a picture of 28 x 28: made square with black, then resized."""
    air = [max(patch.shape) - side for side in patch.shape]  # above and below, left and right
    edges = [part for a in reversed(air) for part in (a // 2, a - a // 2)]
    square = nn.functional.pad(patch, edges)[None, None]
    small = nn.functional.interpolate(square, (28, 28), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8)


# %%
from skimage.measure import label as connected
from skimage.measure import regionprops


def describe(canvas):
    """Picture -> a table: class, top, bottom, left, right (pixels), brightness."""
    table = []
    for region in regionprops(connected(canvas.numpy() > 8)):
        top, left, bottom, right = region.bbox
        if region.area > 50:
            patch = canvas[top:bottom, left:right]
            label = search.predict(framed(patch)).item()
            table.append((label, top, bottom, left, right, patch.mean().item()))
    return table


# %%
search = NearestNeighbours(5).fit(train.images, train.labels)
table = describe(canvas)
for label, top, bottom, left, right, light in table:
    where = f"rows {top:2}-{bottom:2}  columns {left:3}-{right:3}"
    print(f"{classes[label]:11} {where}  mean brightness {light:3.0f}")
assert [label for label, *_ in table] == [1, 8, 9]

# %% [markdown]
# Three rows of six entries: easy to store, to search, to compare; and you can read them, too. Such a
# tidy data structure is what the lecture calls a **representation**. It is also enough to draw the
# scene again, with the average trouser, bag and boot in the places told.


# %%
def draw(table):
    canvas = torch.zeros(64, 120)
    for label, top, bottom, left, right, light in table:
        average = train.images[train.labels == label].float().mean(0)[None]
        rows, columns = (average[0, 0].amax(axis) > 30 for axis in (1, 0))
        item, size = average[:, :, rows][..., columns], (bottom - top, right - left)
        item = nn.functional.interpolate(item, size, mode="bilinear")[0, 0]
        canvas[top:bottom, left:right] = item * light / item.mean()
    return canvas


# %%
names, boxes = [classes[row[0]] for row in table], [row[1:5] for row in table]
figures.show(
    figures.canvas_with_boxes(canvas, draw(table), boxes, names),
    alt="On the left a trouser, a bag and a boot on black, each in a box with its name. On the right "
    "the same arrangement drawn from the table: blurred averages, in the right places.",
)
numbers = sum(len(row) for row in table)
print(f"{canvas.numel():,} pixels, {numbers} entries in the table")
assert numbers * 100 < canvas.numel()

# %% [markdown]
# What is lost is what the table has no column for: the tag on the bag, the seams of the boot. A
# representation keeps what its makers thought of. Could a machine find better columns by itself? Let
# it *learn* six numbers for each picture, those from which pictures can be rebuilt with the least
# squared error (principal components). **Predict:** will they rebuild a picture better than its class
# does, by the average of that class?

# %%
pictures, others = (data.as_float(split.images).flatten(1) for split in (train, test))
middle = pictures.mean(0)
columns = torch.linalg.svd(pictures - middle, full_matrices=False).Vh[:6]
code = (others - middle) @ columns.T  # six numbers a picture
rebuilt = code @ columns + middle
averages = torch.stack([pictures[train.labels == c].mean(0) for c in range(10)])
by_class = averages[test.labels]

# %%
loss = {"by its class": by_class - others, "by six learned numbers": rebuilt - others}
for name, difference in loss.items():
    print(f"{name}: mean squared error {difference.square().mean():.3f}")
assert (rebuilt - others).square().mean() < 0.7 * (by_class - others).square().mean()
print("the code of the first picture:", [round(number, 1) for number in code[0].tolist()])

# %% [markdown]
# Much better. But what does the third number *say*? Before you look for a name: mix the six columns
# by any rotation. All the numbers become different ones, the pictures rebuilt stay the same, and so does
# their error. Nothing in what was asked for prefers one code to the other.

# %%
turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0))).Q
other_columns = turn @ columns
other_code = (others - middle) @ other_columns.T
print("another code for it:          ", [round(number, 1) for number in other_code[0].tolist()])
assert torch.allclose(other_code @ other_columns + middle, rebuilt, atol=1e-4)
assert (other_code - code).abs().mean() > 1

# %% [markdown]
# So a single learned number need not mean anything: only all of them together do. That is the rule for what
# networks learn, too, unless one works hard for the opposite [Bengio, Courville & Vincent 2013].
#
# **Careful.** "Easy for computers and readable for people" describes the table. Learned
# representations, with which most of computer vision works today, are good for the first and usually not
# for the second.
#
# *Concept 8*

# %% [markdown]
# ## Graphics forwards, vision backwards
#
# From description to picture is **computer graphics**, and drawing it as a flat picture is
# **rendering**. Vision goes the other way. Are the two equally hard? Build a world simple enough
# to try: soft blobs on black. A blob has a place, a size and a brightness,
# and its light at the distance d from its middle is *brightness · exp(−d² / (2 size²))*.


# %%
def blob(x, y, size, brightness, side):
    """x (to the right), y (down) and size in pixels -> picture (side, side)."""
    ...  # replace this line


check(blob)

# %%
hint(blob)

# %% [markdown]
# The package's `render` draws a table of blobs, one a row, and adds up their light. With it the
# forward direction is done: for *every* table there is *exactly one* picture, and a small change of
# the table changes the picture a little. A problem with such answers is called
# **well-posed** [Hadamard 1902, 1923].

# %%
from cv_course import renderer
from cv_course.renderer import least_visible, photograph, recover, render, scene_error

scene = torch.tensor([[10.0, 11.0, 3.0, 0.9], [21.0, 19.0, 5.0, 0.6]])
target = render(scene)
print(*renderer.COLUMNS, scene)
assert torch.equal(render(scene), target)

# %% [markdown]
# Now backwards. Given only the picture, guess a table, render it, compare, and change the table
# against the gradient of the squared difference: *analysis by synthesis* [Yuille & Kersten 2006].
# (`Adam` is a way of descending that chooses its own lengths of step.) **Predict:** will it find the table?

# %%
start = torch.tensor([[14.0, 14.0, 4.0, 0.5], [18.0, 16.0, 4.0, 0.5]])
units = torch.tensor([32, 32, 32, 1.0])  # so that one length of step suits all columns
guess = (start / units).requires_grad_()
optimizer = torch.optim.Adam([guess], lr=0.03)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
losses, path = [], []

# %%
for _ in range(300):
    optimizer.zero_grad()
    loss = (render(guess * units) - target).square().mean()
    loss.backward()
    losses.append(loss.item())
    path.append((guess * units).detach())
    optimizer.step()
    schedule.step()

# %%
steps = [0, 5, 15, 30, 299]
figures.show(
    figures.descent([render(path[step]) for step in steps], target, steps, losses),
    alt="Five guesses on the way to a target of two blobs. Two blobs near the middle drift apart to "
    "their places, what is missing fades to white, and the error falls by many powers of ten.",
)
found, error = recover(target, start)
print("found:", found)
assert torch.allclose(found, guess.detach() * units, atol=1e-3)
assert scene_error(found, scene) < 0.04

# %% [markdown]
# It did, in a moment! So vision is solved? Be suspicious: the start was well chosen. (`recover` holds
# the loop that you just ran.) Here are 20 random starts. **Predict:** how many of them find the scene?

# %%
your_guess = None  # 0 to 20

# %%
lot = torch.Generator().manual_seed(0)
low, high = torch.tensor([0, 0, 2, 0.2]), torch.tensor([31, 31, 8, 1.0])
starts = low + torch.rand(20, 2, 4, generator=lot) * (high - low)
found, error = recover(target, starts)
good = scene_error(found, scene) < 0.04
swapped = good & (found[:, 0, 0] > found[:, 1, 0])
print(f"your guess {your_guess}; {good.sum()} of 20 found the scene")
assert 2 <= good.sum() <= 18 and scene_error(found[error.argmin()], scene) < 0.04

# %% [markdown]
# Many got stuck: on a slope that leads nowhere, or in a **local minimum**, where every small change makes
# the picture worse although the scene is wrong. The error of the picture tells which ones to believe. That costs time, but it is not
# yet what makes vision hard. This is: look at the ones that succeeded.

# %%
print(f"{swapped.sum()} of the {good.sum()} have the two blobs the other way round")
assert 0 < swapped.sum() < good.sum()
assert torch.allclose(render(scene[[1, 0]]), target, atol=1e-6)

# %% [markdown]
# Two tables, and *one* picture: no gradient and no cleverness can find out from it which blob came
# first. A harmless case? Here is one that is not. A pinhole camera looks at blobs in
# space, each with a distance and a radius. **Predict:** we double all lengths in this world: places,
# distances, radii. How does the photograph change?

# %%
world = torch.tensor([[-20.0, -15.0, 100.0, 10.0, 0.9], [24.0, 16.0, 150.0, 25.0, 0.6]])
twice = world * torch.tensor([2.0, 2.0, 2.0, 2.0, 1.0])
print(*renderer.WORLD_COLUMNS, world)
difference = (render(photograph(twice)) - render(photograph(world))).abs().max().item()
print(f"largest difference of the two photographs: {difference}")
assert difference == 0

# %% [markdown]
# Not at all. A toy near by and a giant far away are the same picture, bit for bit. Feel it with your
# own hands: make the third picture white. Then make it white again with *another* distance.

# %%
explore.scene_by_hand()

# %% [markdown]
# One may also ask the renderer itself: which change of the table changes the picture least? (The
# smallest singular value of its derivative says by how much the picture moves for a step of length 1.)

# %%
movement, change = least_visible(lambda table: render(photograph(table)), world[:1])
print("the change:", [round(number, 2) for number in (change[0] / change[0, 2] * 100).tolist()])
print(f"moves the picture by {movement:.0e}")
lengths = world[0, :4] / world[0, :4].norm()
assert movement < 1e-6 and abs(change[0, :4] @ lengths) > 0.9999

# %% [markdown]
# It answers with the row of the table itself (without the brightness): stretch the world away from the
# pinhole, and nobody will see it. Two more ways to fail. What if two blobs *nearly* coincide? Then there is one table,
# in principle. **Predict:** how different can another table be without your seeing it, with the picture in 256
# levels of grey?

# %%
for gap in (12.0, 3.0):
    pair = torch.tensor([[15.5 - gap / 2, 15.5, 4, 0.7], [15.5 + gap / 2, 15.5, 4, 0.7]])
    _, change = least_visible(lambda table: render(table * units), pair / units)
    other = pair + 0.1 * change * units
    seen = (render(other) - render(pair)).abs().max().item()
    told = scene_error(other, pair).item()
    print(
        f"{gap:.0f} pixels apart: table changed by {told:.3f}, picture by {seen * 255:.1f} of 255"
    )

# %%
assert seen * 255 < 1 and told > 0.04  # 3 pixels apart: a visible change of table, none of picture

# %% [markdown]
# Less than one level of grey: a little noise in the camera and you get another table, although the
# rendering is exact. And finally, a picture that *no* table of two blobs explains:

# %%
cat = data.photos()["cat"].float().mean(0)[None, None] / 255
cat = nn.functional.interpolate(cat, (32, 32), mode="area")[0, 0]
found, error = recover(cat, starts)
best = render(found[error.argmin()]).clamp(0, 1)
print(f"smallest mean squared difference: {error.min():.3f}; for blobs {losses[-1]:.0e}")
assert error.min() > 0.005

# %%
figures.show(
    figures.image_grid(torch.stack([cat, best])[:, None], ["a cat", "as two blobs"], 2, size=1.6),
    alt="A coarse picture of a cat's face, and the best picture of it that two blobs make here: "
    "smooth shades, and no cat.",
)

# %% [markdown]
# So the inverse of rendering fails in every way in which a problem can be ill-posed: there may be *no* scene,
# there may be *many*, and the one scene may hang on a hair. What then do you see with? With
# **assumptions**: that a face has the size of a face, that light comes from above. They decide
# between the scenes that a picture leaves open. When they are wrong you see what is not there; and
# learning, in all sections to come, means taking such assumptions from data.
#
# **Careful.** "Vision is inverse graphics" names the direction, not a recipe: an inverse in
# the mathematical sense does not exist.
#
# *Concept 9*

# %% [markdown]
# ## Nature went first
#
# Why does computer vision study the eyes of cats? Because they work. Hubel & Wiesel [1962] found in
# a cat's brain cells that answer to a bar of light of *one* direction at *one* place ("simple"), and
# others that answer to the direction wherever the bar is, within limits ("complex"). Fukushima
# [1980] built a network of such layers, the **Neocognitron**: S-cells like the simple ones; and
# C-cells, each of which answers if one of several S-cells at neighbouring places does. A few
# lines make such cells:

# %%
grid = torch.arange(15) - 7.0


def bar(degrees, place):
    """A bright bar, in this direction, this many pixels off the middle of a 15 x 15 picture."""
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    off = grid[None] * torch.sin(angle) + grid[:, None] * torch.cos(angle) - place
    return torch.exp(-(off**2) / 2)


def s_cell(picture, place=0):
    template = bar(90, place) - bar(90, place).mean()
    return (picture * template).sum().clamp(min=0)  # an inner product, silent below 0


def c_cell(picture):
    return max(s_cell(picture, place) for place in range(-4, 5))


# %% [markdown]
# **Predict:** we turn the bar; then we move it, upright, to the side. Which cell loses it when?

# %%
angles, places = range(0, 181, 10), range(-7, 8)
best = c_cell(bar(90, 0))
curves = {
    "bar turned (degrees)": (angles, [bar(angle, 0) for angle in angles]),
    "upright bar moved (pixels)": (places, [bar(90, place) for place in places]),
}
responses = {
    change: (values, {name: [(cell(one) / best).item() for one in bars]
                      for name, cell in (("S-cell", s_cell), ("C-cell", c_cell))})
    for change, (values, bars) in curves.items()
}  # fmt: skip

# %%
figures.show(
    figures.tuning(responses),
    alt="Responses of two cells. Both answer only to a nearly upright bar. Moved aside, the bar is "
    "lost to the S-cell after two or three pixels; the C-cell keeps answering up to four.",
)
(_, turned), (_, moved) = responses.values()
assert max(turned["C-cell"][0], turned["S-cell"][0]) < 0.5 and max(moved["S-cell"][:4]) < 0.1
assert min(moved["C-cell"][4:11]) > 0.7

# %% [markdown]
# *What* is there stays, *where* exactly is forgotten. Today the two are called convolution and
# pooling, and sections 04 and 05 test what each is good for. Biology was the drawing board; but it
# is no proof: planes do not flap their wings.
#
# *Concept 10*

# %% [markdown]
# ## Where your own eyes fail
#
# Back to the two portraits. You have given your answer; now turn them the right way up.

# %%
figures.show(
    figures.portraits(torch.stack([portrait, strange]), ["A", "B"]),
    alt="The same two portraits upright. A smiles. In B the eyes and the mouth are upside down within "
    "the face, and it looks grotesque.",
)

# %% [markdown]
# In B the eyes and the mouth are upside down *within* the face. Upright it is a horror; upside down
# hardly anybody notices: the **Thatcher illusion** [Thompson 1980]. Turn it slowly. At what angle
# does it flip for you? And which is worse, the eyes or the mouth?

# %%
explore.portrait()

# %% [markdown]
# All there is to the trick: cut boxes out of the picture and put them back upside down. (The
# package's `flip_parts` does the same and softens the edges.)


# %%
def flip_boxes(image, boxes):
    """image (H, W) or (H, W, 3), boxes [(top, bottom, left, right), …] -> a new image in which the
    content of every box is turned upside down, row by row."""
    ...  # replace this line


check(flip_boxes)

# %%
hint(flip_boxes)

# %% [markdown]
# Why do you not see it? Take the upside-down B, and look at its mouth alone:

# %%
top, bottom, left, right = faces.PORTRAIT_BOXES["mouth"]
height, width = portrait.shape[1:]
sharp = faces.flip_parts(portrait, faces.PORTRAIT_BOXES).flip(-1, -2)  # B, cut with scissors
mouth = sharp[:, height - bottom : height - top, width - right : width - left]
assert torch.equal(mouth, portrait[:, top:bottom, left:right].flip(-1))

# %% [markdown]
# Twice upside down is right side up: pixel for pixel, the mouth of the upside-down B is the smile of
# the upright A, in a mirror. The *parts* are in order. What is wrong is how they stand in the *whole*,
# and for that you seem to have an eye only when the face is upright. You have seen very many
# faces, and nearly all of them upright.
#
# **Careful.** "People process faces as a whole, and inversion destroys that" is the usual reading, and a
# debated one: parts shown all by themselves are also judged more easily upright [Psalta et al. 2014]. And
# it is not about faces only: letters, cars, buildings do the same [Wong et al. 2010], in general what has
# a familiar layout and one usual way up [Johnston et al. 2014].
#
# Does a machine have it? It gets drawn faces, all upright: normal ones, and ones with eyes and mouth
# flipped.

# %%
normal, boxes = faces.draw_faces(6, seed=1)
flipped = faces.flip_parts(normal, boxes)
figures.show(
    figures.image_grid(torch.cat([normal, flipped]), columns=6, size=1.2),
    alt="Above, six different drawn faces that smile. Below, the same ones with eyes and mouth upside "
    "down: brows below the eyes, corners of the mouth turned down.",
)

# %% [markdown]
# The network looks at the picture through 32 small windows of 7 × 7 pixels, remembers for each the
# best match anywhere, and decides by these 32 numbers. Trained on 2,000 upright faces, tested on 500 others.


# %%
def small_windows():
    return nn.Sequential(
        nn.Conv2d(1, 32, 7), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 2)
    )


upright, exam = faces.normal_or_flipped(2000, seed=0), faces.normal_or_flipped(500, seed=1000)
torch.manual_seed(0)
watcher = small_windows()
fit(watcher, upright, epochs=5, batch_size=64, lr=0.05, progress=False)
print(f"upright: {evaluate(watcher, exam):.3f} right")
assert evaluate(watcher, exam) > 0.95

# %% [markdown]
# Perfect, or nearly. **Predict:** turn the test faces upside down, normal and Thatcherised ones. How many will it
# judge right: still nearly all, half of them (guessing), or fewer?

# %%
your_guess = None  # between 0 and 1

# %%
inverted = data.Split(exam.images.flip(-1, -2), exam.labels)
score = evaluate(watcher, inverted)
print(f"your guess {your_guess}; upside down: {score:.3f} right")
assert score < 0.3

# %% [markdown]
# Not guessing: *wrong*, nearly every time! It calls the upside-down normal face Thatcherised and the
# Thatcherised one normal. You know why: what it can see through a small window is a part, and
# every part of the upside-down Thatcher face stands the right way up. Turn and flip! And flip the eyes
# alone, then the mouth alone: by which of them does *this* network go? (It learned what sufficed.)

# %%
explore.flipped_face(watcher)

# %% [markdown]
# Is that *your* illusion? Not quite: you find *both* upside-down faces normal. But another network need
# not fail in the same way. Here is one that looks at the whole picture, with weights of its own for every
# place. **Predict:** which of the upside-down faces will it get wrong: the normal or the Thatcherised ones?

# %%
your_guess = None  # "normal", "Thatcherised", "both" or "neither"

# %%
from cv_course.networks.small import SmallConv

torch.manual_seed(0)
whole = SmallConv("flatten", image_shape=(1, 32, 32), classes=2)
fit(whole, upright, epochs=5, batch_size=64, lr=0.05, progress=False)
by_kind = [evaluate(whole, inverted[exam.labels == label]) for label in (0, 1)]
print(f"upright: {evaluate(whole, exam):.2f} right")
print(f"upside down: normal {by_kind[0]:.2f} right, Thatcherised {by_kind[1]:.2f} right")
assert evaluate(whole, exam) > 0.95 and by_kind[0] > 0.8 and by_kind[1] < 0.9

# %% [markdown]
# This one errs as you do: nearly all upside-down normal faces pass as normal, and so do many of the
# Thatcherised ones. (It errs *like* you; that does not prove that it errs for your reasons.)
#
# So two networks, both perfect on all they were tested on, disagree wildly about what neither had
# ever seen. A test like the training *cannot* tell you which of them you have. The cure is at hand:
# let it see both orientations. **Predict:** will the small windows manage that?

# %%
mixed = upright.images.clone()
mixed[2::4], mixed[3::4] = mixed[2::4].flip(-1, -2), mixed[3::4].flip(-1, -2)  # of each kind, half
torch.manual_seed(0)
cured = small_windows()
fit(cured, data.Split(mixed, upright.labels), epochs=5, batch_size=64, lr=0.05, progress=False)
print(f"upright {evaluate(cured, exam):.2f}, upside down {evaluate(cured, inverted):.2f}")
assert evaluate(cured, exam) > 0.9 and evaluate(cured, inverted) > 0.9

# %% [markdown]
# They do; a window that shows the eye *and* a little of what is next to it can tell whether the two fit. Nothing in
# this network was in the way: its illusion came from the training data.
#
# *Concept 11*

# %% [markdown]
# ## What was never practised
#
# "Trained mostly on upright faces, our vision is biased", says the lecture. Then a network trained
# on upright *clothes* should be biased as well. **Predict:** its accuracy upright, and with all test
# pictures turned over, by 180°?

# %%
your_guess = None  # two numbers


# %%
def turned_over(split):
    return data.Split(split.images.flip(-1, -2), split.labels)


torch.manual_seed(0)
specialist = SmallConv("flatten")
fit(specialist, train, epochs=4, progress=False)
before = evaluate(specialist, test), evaluate(specialist, turned_over(test))
print(f"your guess {your_guess}; upright {before[0]:.2f}, turned over {before[1]:.2f}")
assert before[0] > 0.8 and before[1] < 0.45

# %% [markdown]
# A shirt turned over is still a shirt to you. Now the cure: the same network, as many pictures, as much
# time; but every other training picture is turned over. **Predict:** what does the cure cost on
# *upright* pictures?

# %%
your_guess = None  # an accuracy

# %%
half = torch.rand(len(train), generator=torch.Generator().manual_seed(0)) < 0.5
images = torch.where(half[:, None, None, None], train.images.flip(-1, -2), train.images)
torch.manual_seed(0)
cured = SmallConv("flatten")
fit(cured, data.Split(images, train.labels), epochs=4, progress=False)
after = evaluate(cured, test), evaluate(cured, turned_over(test))
print(f"upright {before[0]:.3f} -> {after[0]:.3f}, turned over {before[1]:.3f} -> {after[1]:.3f}")
assert after[1] > before[1] + 0.3 and after[0] < before[0] - 0.005

# %% [markdown]
# Cured, for a few points upright. And if pictures come at *any* angle? We train on angles spread
# evenly over a range, and test all around the clock. **Predict:** what happens to the price when the
# range grows?


# %%
def practised(reach, turns=37):
    """The training set in ``turns`` parts, each turned by another angle within ±reach degrees."""
    parts = [train[start::turns] for start in range(turns)]  # 37: all classes in every part
    angles = np.linspace(-reach, reach, turns)
    turned = [perturb.rotate(p.images, angle) for p, angle in zip(parts, angles, strict=True)]
    return data.Split(torch.cat(turned), torch.cat([part.labels for part in parts]))


models = {0: specialist}
for reach in (45, 90, 180):
    torch.manual_seed(0)
    models[reach] = SmallConv("flatten")
    fit(models[reach], practised(reach), epochs=4, progress=False)

# %%
ANGLES = [0, 15, 30, 45, 60, 90, 120, 150, 180]
asked = test[:1000]
exams = [data.Split(perturb.rotate(asked.images, angle), asked.labels) for angle in ANGLES]
curves = {reach: [evaluate(model, e) for e in exams] for reach, model in models.items()}
explore.training_angles(models, ANGLES, curves, test[:50], classes)

# %%
on_upright = {reach: line[0] for reach, line in curves.items()}
print("right on upright pictures:", {f"±{reach}": round(on_upright[reach], 2) for reach in curves})
assert on_upright[0] > on_upright[45] + 0.02 > on_upright[180] + 0.07  # the price
assert min(curves[180]) > 0.5 and min(curves[45][:4]) > 0.6  # the cure, within the range
assert max(curves[45][5], curves[90][-1], curves[0][-1]) < 0.5  # not outside

# %% [markdown]
# Each network is good where it practised and lost outside. The more it has to be prepared for in the same
# time, the less good it is at each: the one that practised all angles is far behind the specialist on what the specialist
# does all day. So a bias is not simply a defect: it is practice saved on what never
# occurs. It becomes a defect when that occurs after all. The question is not "is it biased?" but
# "*will it meet what it has not seen?*"
#
# **Careful.** It was practice that mattered, not the angle as such. Is the price a law? No: with a larger
# network, more pictures or more time it may shrink, and with the faces above there was hardly any. Here,
# with everything else equal, you pay.
#
# Knowing such weak points, one can make up for them: that is the lecture's reason why anybody who
# builds eyes should know the ones that he has.
#
# *Concept 11*

# %% [markdown]
# ## Worked solutions
#
# `combine`: weight by the inverse of the variance. The variance of the result is the sum of the
# weights' squares times the variances, which here is the inverse of the sum of the inverses.


# %%
def combine(estimates, sds):
    certainty = 1 / np.asarray(sds) ** 2
    mean = (certainty * estimates).sum() / certainty.sum()
    return np.array([mean, 1 / np.sqrt(certainty.sum())])


check(combine)

# %% [markdown]
# `blob`: columns run along the second axis, rows along the first; broadcasting pairs them all.


# %%
def blob(x, y, size, brightness, side):
    columns, rows = np.arange(side)[None], np.arange(side)[:, None]
    squared = (columns - x) ** 2 + (rows - y) ** 2
    return brightness * np.exp(-squared / (2 * size**2))


check(blob)
assert np.allclose(sum(blob(*row, 32) for row in scene.tolist()), target, atol=1e-6)

# %% [markdown]
# `flip_boxes`: copy first, then assign to the slice.


# %%
def flip_boxes(image, boxes):
    flipped = image.copy()
    for top, bottom, left, right in boxes:
        flipped[top:bottom, left:right] = image[top:bottom, left:right][::-1]
    return flipped


check(flip_boxes)
by_you = flip_boxes(portrait.permute(1, 2, 0).numpy(), faces.PORTRAIT_BOXES.values())
assert np.array_equal(by_you, sharp.flip(-1, -2).permute(1, 2, 0))

# %% [markdown]
# ## Summary
#
# 1. AI with the human as reference is one of four definitions; perception is its input and output,
#    and acting on the world tells what looking alone cannot.
# 2. Two senses beat one if they err differently and are weighted by what they are worth: d′ = √(d₁′² + d₂′²);
#    shared errors eat up the gain.
# 3. The eye delivers an image, upside down; interpretation is learned. A table of the scene can be
#    read; a learned code usually cannot.
# 4. Rendering has one answer; its inverse may have none, many, or a shaky one. Assumptions decide.
# 5. Eyes and networks are good at what they have practised. Practice elsewhere is the cure, and may have its
#    price.
#
# ## References
#
# - S. Russell, P. Norvig. *Artificial Intelligence: A Modern Approach*, 4th ed., 2020, §1.1.
# - J. Pearl. *Causality*, 2nd ed., 2009. · R. Held, A. Hein. Movement-produced stimulation in the
#   development of visually guided behavior. *J. Comp. Physiol. Psychol.* 56, 1963. ·
#   R. Baillargeon, E. Spelke, S. Wasserman. Object permanence in five-month-old infants.
#   *Cognition* 20, 1985.
# - D. Green, J. Swets. *Signal Detection Theory and Psychophysics*, 1966. · M. Ernst, M. Banks. Humans
#   integrate visual and haptic information in a statistically optimal fashion. *Nature* 415, 2002.
# - C. Curcio et al. Human photoreceptor topography. *J. Comp. Neurol.* 292, 1990. · C. Curcio, K. Allen.
#   Topography of ganglion cells in human retina. *J. Comp. Neurol.* 300, 1990. · S. Kuffler.
#   Discharge patterns and functional organization of mammalian retina. *J. Neurophysiol.* 16, 1953.
# - V. Ramachandran. Blind spots. *Scientific American* 266(5), 1992. · H. Komatsu. The neural mechanisms of
#   perceptual filling-in. *Nature Reviews Neuroscience* 7, 2006.
# - Y. Bengio, A. Courville, P. Vincent. Representation learning: a review and new perspectives. *IEEE
#   TPAMI* 35, 2013.
# - J. Hadamard. Sur les problèmes aux dérivées partielles et leur signification physique. *Princeton
#   Univ. Bull.* 13, 1902; *Lectures on Cauchy's Problem*, 1923. · A. Yuille, D. Kersten. Vision as Bayesian inference: analysis by synthesis?
#   *Trends Cogn. Sci.* 10, 2006.
# - D. Hubel, T. Wiesel. Receptive fields, binocular interaction and functional architecture in the
#   cat's visual cortex. *J. Physiol.* 160, 1962. · K. Fukushima. Neocognitron. *Biol. Cybern.* 36, 1980.
# - P. Thompson. Margaret Thatcher: a new illusion. *Perception* 9, 1980. · L. Psalta et al.
#   Orientation-sensitivity to facial features explains the Thatcher illusion. *J. Vision* 14(12), 2014. ·
#   Y. Wong et al. Does Thompson's Thatcher effect reflect a face-specific mechanism? *Perception*
#   39, 2010. · P. Johnston et al. Thatcher's Britain: a new take on an old illusion. *Perception* 43, 2014.
#
# The portrait is NASA's (Eileen Collins, public domain).
#
# *Concepts covered: 2–11*
