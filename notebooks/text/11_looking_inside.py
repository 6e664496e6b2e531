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
# # 11 · Looking inside
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/11_looking_inside.ipynb)
#
# A network answers, and is mostly right. What does it look at, and how would we know if the picture
# that tells us so were wrong?
#
# *About 60 min · CPU 35 s*
#
# Afterwards you will be able to
#
# - look into a network in five ways: filters, activations, saliency, occlusion, Grad-CAM,
# - say which question each of them answers, and which it only seems to answer,
# - test the tool before you trust it, and find out when a network is right for the wrong reason.
#
# You need section 05 (feature maps) and section 09 (receptive fields). Section 02 had a first look.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## A network to look into
#
# Three stages of convolution, batch normalisation and ReLU. Then each of the 32 last feature maps is
# averaged to a single number, and one layer weighs these numbers: that is all that the ten scores
# know of the picture.

# %%
import numpy as np
import torch

from cv_course import attribution, data, explore, figures, layers
from cv_course.checks import check, hint
from cv_course.models import s11_inside as inside
from cv_course.models.averaged import AveragedConv
from cv_course.training import evaluate, fit, predict

fashion = data.fashion_mnist()
train, test, classes = fashion.train, fashion.test, fashion.classes
recipe = {"epochs": 3, "batch_size": 64, "lr": 0.2}
print(layers.trace(AveragedConv(), (1, 28, 28)).only("Conv2d", "Linear"))

# %%
torch.manual_seed(0)
net = AveragedConv()
before = inside.filters(net, "features.stage1.0")  # a copy, for later
fit(net, train, **recipe)
net.cpu()
accuracy = evaluate(net, test)
print(f"right on {accuracy:.1%} of {len(test):,} test images")
assert accuracy > 0.83

# %% [markdown]
# Good. *Why* is it right? All of its numbers are there to be read; nothing is hidden. But a number
# that nobody understands explains nothing. So we make pictures.
#
# ## View 1: the filters
#
# The weights of the first layer meet the pixels directly, so they can be drawn as small pictures, as
# in section 04. One of these rows was drawn before training (random numbers), the other after.
# **Predict:** which one is which, and how would you tell without being told?

# %%
your_guess = None  # "upper" or "lower"

# %%
after = inside.filters(net, "features.stage1.0")
figures.show(
    figures.filter_rows({"upper": before, "lower": after}),
    alt="Two rows of sixteen filters of seven by seven weights, red positive and blue negative. The "
    "upper row is noise; in the lower one neighbours resemble each other: edges, bars and blobs.",
)


# %%
def smoothness(filters):
    """Correlation of weights that are next to each other, about the mean of their filter."""
    w = filters - filters.mean((2, 3), keepdim=True)
    across, down = w[..., 1:] * w[..., :-1], w[..., 1:, :] * w[..., :-1, :]
    return ((across.mean() + down.mean()) / 2 / w.square().mean()).item()


print(f"upper {smoothness(before):.2f}, lower {smoothness(after):.2f}")
assert smoothness(after) > 0.3 and abs(smoothness(before)) < 0.15

# %% [markdown]
# In a picture neighbouring pixels resemble each other, so a filter that learned from pictures has
# neighbours that resemble each other as well: edges in some direction, bars, blobs. AlexNet's first
# layer, 11 × 11 and in colour, is the famous example [Krizhevsky 2012, Figure 3].
#
# It is tempting to go on: "so these edges are what the network works with, and they make it good".
# **Predict:** we train the same network once more, but *freeze* the first layer at its random
# numbers. How much worse will it be?

# %%
your_guess = None  # test accuracy, for example 0.6

# %%
torch.manual_seed(0)
frozen = AveragedConv()
frozen.features.stage1[0].weight.requires_grad_(False)
fit(frozen, train, **recipe)
without = evaluate(frozen, test)
assert torch.equal(inside.filters(frozen, "features.stage1.0"), before)
print(f"your guess {your_guess}; first layer learned {accuracy:.3f}, random {without:.3f}")
assert without > accuracy - 0.04

# %% [markdown]
# Hardly any worse: the later layers make do with random filters, as long as there are various ones
# [Jarrett 2009]. Beautiful filters are a sign that training took place. They are no measure of what
# the network can do.
#
# **Careful.** Only the first layer can be read like this. The filters of the second have as many slices
# as there are channels before them, and what a slice means depends on a channel that nobody has
# named. "Look at the filters" tells little about a deep network.

# %%
second = inside.filters(net, "features.stage2.0")
print(f"second layer: {second.shape[0]} filters of {second.shape[1]} slices each")
assert second.shape == (32, 16, 3, 3)

# %% [markdown]
# ## View 2: the activations
#
# Instead of the weights, look at what they *answer*: the feature maps for one picture. Go through the
# layers and channels. Is there one that you would give a name? (Put in a picture of your own, too: a
# piece of clothing on a plain background. It is made small and grey.)

# %%
stages = {"stage 1": "features.stage1", "stage 2": "features.stage2", "stage 3": "features.stage3"}
explore.activation_browser(net, stages, test[:40], classes)

# %% [markdown]
# The first stage still looks like the picture: edges of it, light and dark parts. Later maps are
# coarser, and fewer places answer. It is an old game to name channels: find the class to which a
# channel answers most, and call it "the boot channel". Let us play it with all 32 averages, and
# count: of the twenty pictures that excite a channel most, how many belong to the class that named
# it? **Predict:** and how many in a network with random weights?

# %%
your_guess = None  # two shares, for example 0.8, 0.1


# %%
def purity(answers, labels):
    """answers N x channels -> share of a channel's top 20 that are of the class it likes best."""
    likes = torch.stack([answers[labels == c].mean(0) for c in range(10)]).argmax(0)
    return (labels[answers.topk(20, dim=0).indices] == likes).float().mean().item()


blank = inside.randomised(net, seed=1)  # the same architecture, all weights drawn anew
answers = inside.activations(net, test.images, "average")
named, by_chance = (
    purity(inside.activations(one, test.images, "average"), test.labels) for one in (net, blank)
)
print(f"your guess {your_guess}; trained {named:.2f}, random weights {by_chance:.2f}")
assert named > by_chance + 0.15 and by_chance > 0.2

# %% [markdown]
# The trained network's channels are purer. But the random ones get names as well, and deserve them
# far more often than one time in ten: a name always looks convincing beside the pictures that it was
# taken from. And there is nothing special about a channel. Take 32 random *mixtures* of the trained
# channels:

# %%
standard = (answers - answers.mean(0)) / answers.std(0).clamp(min=1e-6)
mixing = torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
mixed = purity(standard @ mixing, test.labels)
print(f"channels {named:.2f}, random mixtures of channels {mixed:.2f}")
assert mixed > by_chance and mixed > 0.5

# %% [markdown]
# Mixtures can be named, too [Szegedy 2014, §3]. **Careful.** What the network knows lies in all
# channels together; "this unit detects boots" is a caption, not a finding, until somebody has counted
# how often the unit is silent for a boot and speaks for something else.
#
# ## View 3: saliency
#
# Now ask about *one* picture: which pixels matter for its score? The plainest answer: change a pixel a
# little, and see how much the score changes. That is a derivative, and backpropagation gives it for all
# pixels at once; only this time with respect to the image and not to the weights. Do it by hand for a
# network of two layers, s = W₂ relu(W₁x + b₁) + b₂.


# %%
def score_gradient(x, W1, b1, W2, label):
    """x (D,), W1 (H, D), b1 (H,), W2 (K, H), NumPy arrays; label: a class, 0…K-1
    -> (D,): the derivative of the label's score with respect to each number of x."""
    ...  # replace this line


check(score_gradient)

# %%
hint(score_gradient)

# %% [markdown]
# For any network PyTorch goes the same way back. The size of the derivative, drawn as a picture, is
# called a **saliency map** [Simonyan 2014]: of the *score*, before the softmax.

# %%
from cv_course.models.s11_inside import gradient, saliency

few = test[:8]
names = [classes[label] for label in few.labels]
figures.show(
    figures.map_table({"saliency": saliency(net, few.images, few.labels)}, few.images, names),
    alt="Eight pieces of clothing and their saliency maps: speckled red dots, on the clothes as well "
    "as outside of their outlines.",
)

# %% [markdown]
# Speckles, and many of them *beside* the clothes, where there is nothing but black! Is the network
# looking at nothing?

# %%
some = test[:60]
black = data.as_float(some.images)[:, 0] == 0
speckles = saliency(net, some.images, some.labels)
on_black = (speckles * black).sum() / speckles.sum()
print(f"{on_black:.0%} of the saliency lies on black pixels (they are {black.float().mean():.0%})")
assert on_black > 0.3

# %% [markdown]
# Look at the question again: what would happen if this pixel changed *a little*.
# A black pixel beside a sleeve can become grey, and then the sleeve is wider.
#
# How far does "a little" reach? Darken a patch of the image, and compare what the gradient predicts
# with what really happens to the score. **Predict:** the correlation of the two if the patch gets
# darker by 1%, and if it goes black.

# %%
your_guess = None  # two numbers from 0 to 1


# %%
def promise_and_fact(images, labels, size, by, step=5):
    """Fall of the score when a patch is darkened, at many places: predicted, and measured."""
    x, slope = data.as_float(images), gradient(net, images, labels)
    rows, free = torch.arange(len(labels)), predict(net, x)
    promised, found = [], []
    for top, left in np.ndindex((28 - size) // step + 1, (28 - size) // step + 1):
        place = (..., slice(top * step, top * step + size), slice(left * step, left * step + size))
        darker = x.clone()
        darker[place] *= 1 - by
        promised.append((slope * (x - darker)).sum((1, 2, 3)))
        found.append((free - predict(net, darker))[rows, labels])
    return torch.stack(promised).flatten(), torch.stack(found).flatten()


# %%
kept = {}
for by in (0.01, 0.1, 1.0):
    pair = promise_and_fact(some.images, some.labels, size=7, by=by)
    kept[by] = torch.corrcoef(torch.stack(pair))[0, 1].item()
    print(f"a patch of 7 × 7, darker by {by:.0%}: correlation {kept[by]:.2f}")
print(f"your guess {your_guess}")
assert kept[0.01] > 0.95 and kept[1.0] < 0.6

# %% [markdown]
# For a tiny change the gradient is right: that is what a derivative is. For a patch that goes black it
# is a poor prophet.
#
# **Careful.** Saliency is *local*. It says what a small change of this very picture would do, and not
# "these pixels are why". A hidden unit that sleeps has no slope, though a larger change would wake
# it. And behind the softmax a network that is sure has hardly any slope left, whatever it is sure of;
# that is why one takes the score.
#
# ## View 4: occlusion
#
# So make the large change, and measure. Section 02 did that: cover a place, see how far the
# probability of the class falls [Zeiler & Fergus 2014]. Each pixel now gets the mean fall of the
# patches that covered it. Red: covering it hurts. Blue: covering it *helps*.

# %%
from cv_course.attribution import occlusion
from cv_course.models.s11_inside import per_pixel


def covering(model, images, labels, fill=0):
    """Occlusion by a patch of 7 x 7 in steps of 3, for each pixel."""
    drops = occlusion(model, images, labels, size=7, step=3, fill=fill)
    return per_pixel(drops, images.shape[-2:], size=7, step=3)


# %%
fills = {"black": 0, "grey": 128, "white": 255}
by_fill = {name: covering(net, some.images, some.labels, fill) for name, fill in fills.items()}
figures.show(
    figures.map_table({name: maps[:8] for name, maps in by_fill.items()}, few.images, names),
    alt="Occlusion maps of eight pieces of clothing with a black, a grey and a white patch. The black "
    "one leaves the background white, of no influence; the three maps of a picture differ in most "
    "places.",
)

# %% [markdown]
# A question for each fill, and an answer for each. How alike are the maps? We compare the *order* of
# their pixels, from the least to the most important, since their scales mean nothing. That is the
# correlation of the ranks, named after Spearman: 1 is the same order, −1 the reverse, 0 no relation.
# Write it, and mind the ties: half of a picture is black.


# %%
def spearman(a, b):
    """a, b (H, W), NumPy arrays, not the same everywhere -> correlation of the ranks of their values,
    a number; equal values share the mean of their ranks."""
    ...  # replace this line


check(spearman)

# %%
hint(spearman)

# %%
from cv_course.models.s11_inside import rank_correlation

black_maps = by_fill["black"]
next_picture = rank_correlation(black_maps, black_maps.roll(1, dims=0)).mean().item()
print(f"another picture, the same black patch: rank correlation {next_picture:.2f}")
for name in ("grey", "white"):
    alike = rank_correlation(black_maps, by_fill[name]).mean().item()
    print(f"the same picture, black against {name}: {alike:.2f}")
    assert alike < 0.25 and alike < next_picture + 0.2

# %% [markdown]
# Change the fill, and nothing of the order is left: the maps are as little alike as those of two
# different pictures. A black patch takes something away. A grey or white
# patch brings something: an edge, a square. And how does the network know what to say to a sweater
# with a square? It has never seen one, as little as this:

# %%
flat = torch.stack([torch.full((1, 28, 28), grey) for grey in (0.5, 1.0)])
chances = predict(net, flat).softmax(1)
for grey, row in zip(("grey", "white"), chances, strict=True):
    print(f"nothing but {grey}: {row.max():.0%} sure that it is: {classes[row.argmax()]}")
assert chances.max() > 0.5

# %% [markdown]
# **Careful.** Occlusion leaves the data's distribution: whatever you put in place of the covered
# part, the network gets a picture unlike any that it learned from, and still has to answer. The map
# mixes "this part mattered" with "this patch confuses". (Retraining on covered pictures separates the
# two, at a price [Hooker 2019].)
#
# ## View 5: Grad-CAM
#
# Pixels say little to us; *channels* are what the network reasons with. So ask: where are the
# channels awake that speak for this class? The score's gradient says how much each place of each
# channel speaks for it; the mean of that over all places is the weight α of the channel. Then add up
# the maps A, each times its weight, and keep what is above 0 [Selvaraju 2017]:
#
# $$\alpha_k = \frac{1}{hw}\sum_{i,j} \frac{\partial s}{\partial A_{k,i,j}}, \qquad
# L = \mathrm{relu}\Big(\sum_k \alpha_k A_k\Big).$$


# %%
def class_map(activations, gradients):
    """activations, gradients (C, h, w) of one layer and one image, NumPy arrays -> (h, w): the
    channels, each times the mean of its gradients, added up; what is below 0 becomes 0."""
    ...  # replace this line


check(class_map)

# %%
hint(class_map)

# %%
from cv_course.models.s11_inside import enlarge, grad_cam


def cam(model, images, labels):
    """Grad-CAM of the third stage, as large as the image."""
    return enlarge(grad_cam(model, images, labels, "features.stage3"), images.shape[-2:])


small = grad_cam(net, few.images, few.labels, "features.stage3")
figures.show(
    figures.map_table({"Grad-CAM": cam(net, few.images, few.labels)}, few.images, names),
    alt="Eight pieces of clothing and their Grad-CAM maps: a few broad red spots on each, smooth, and "
    "larger than any detail.",
)

# %% [markdown]
# Calm and convincing. In our network it is even simple: the scores are a weighted sum of the
# averages, so the gradient is the same at all places, and Grad-CAM is the weighted sum of the maps
# themselves (the older *class activation map* [Zhou 2016]). Then the averages of the maps before the
# cut, plus a bias, *are* the score:

# %%
third = inside.activations(net, few.images, "features.stage3")
weighted = torch.einsum("nchw,nc->nhw", third, net.scores.weight.detach()[few.labels])
assert torch.allclose(small, weighted.relu() / 49, atol=1e-5)
score = weighted.mean((1, 2)) + net.scores.bias.detach()[few.labels]
assert torch.allclose(score, predict(net, few.images)[torch.arange(8), few.labels], atol=1e-4)
print("Grad-CAM = weighted feature maps; their mean + bias = score")

# %% [markdown]
# So is this the explanation? **Predict:** how many different values has the map of a picture of 28 × 28
# pixels, before it was blown up? And how much of the picture does each of them depend on?

# %%
your_guess = None  # two numbers: values, and pixels each way

# %%
row = layers.trace(net, (1, 28, 28))["features.stage3.2"]
print(f"your guess {your_guess}; {row.output_shape[1]} × {row.output_shape[2]} places,")
print(
    f"one every {row.jump[0]} pixels, each sees {row.receptive_field[0]} × {row.receptive_field[1]}"
)
assert row.output_shape[1:] == (7, 7) and row.jump == (4, 4) and row.receptive_field == (22, 22)

# %% [markdown]
# **Careful.** Grad-CAM has the resolution of its layer. Each cell is drawn 4 pixels wide, but answers
# to 22: a red cell at the collar may be red for something at the sleeve. The smooth look comes from
# the enlarging, not from the network.
#
# ## Do they agree?
#
# Here are the three maps of the same pictures.

# %%
ways = {"saliency": saliency, "occlusion": covering, "Grad-CAM": cam}
found = {name: way(net, some.images, some.labels) for name, way in ways.items()}
figures.show(
    figures.map_table({name: maps[:8] for name, maps in found.items()}, few.images, names),
    alt="For eight pieces of clothing: the picture, speckled saliency, occlusion with red and blue "
    "patches on the clothes, and smooth Grad-CAM. The three mark different places.",
)

# %% [markdown]
# **Predict:** the rank correlation between each two of them. And, as a judge who knows nothing of the
# network: between each of them and the *picture itself* (bright pixels first)?

# %%
your_guess = None  # four numbers

# %%
found["the picture"] = data.as_float(some.images)[:, 0]
names_of = list(found)
matrix = torch.stack(
    [torch.stack([rank_correlation(found[a], found[b]).mean() for b in names_of]) for a in names_of]
)
figures.show(
    figures.agreement(names_of, matrix),
    alt="Table of rank correlations. All are low. Occlusion goes with the picture about as well as "
    "with Grad-CAM or better, saliency with none of them.",
)
of = {(a, b): matrix[i, j].item() for i, a in enumerate(names_of) for j, b in enumerate(names_of)}
assert max(of["saliency", "occlusion"], of["saliency", "Grad-CAM"]) < 0.35
assert 0.05 < of["occlusion", "Grad-CAM"] < 0.6
assert of["occlusion", "the picture"] > 0.2

# %% [markdown]
# They hardly agree; and they need not, since they answer three questions: what would a *small* change
# do, what would a *black patch* do, where are the channels awake that speak for the class. Who calls
# them all "what the network looks at" has thrown the question away.
#
# ### Two pieces side by side
#
# One thing should be asked of all: that the map is about the class in question. So make a case in
# which we *know* the place: two pieces of clothing of different classes, side by side (the network
# takes any size), and we ask for the class of the left one [Zhang 2018; Böhle 2021]. **Predict:**
# which share of each map lies in the left half? (0.5 is what an arbitrary map would have.)

# %%
your_guess = None  # saliency, occlusion, Grad-CAM

# %%
one, other = test[60:95], test[123:158]
differ = one.labels != other.labels
pairs = torch.cat([one.images, other.images], dim=3)[differ]
left, right = one.labels[differ], other.labels[differ]


def share(maps, rows, columns):
    """Mean share of what is positive in the maps that lies in some rows and columns."""
    positive = maps.clamp(min=0)
    inside = positive[:, rows, columns].sum((1, 2))
    return (inside / positive.sum((1, 2)).clamp(min=1e-9)).mean().item()


# %%
asked = {name: [way(net, pairs, label) for label in (left, right)] for name, way in ways.items()}
here, there = slice(0, 28), slice(28, 56)
on_target = {
    name: (share(of_left, slice(None), here) + share(of_right, slice(None), there)) / 2
    for name, (of_left, of_right) in asked.items()
}
print(f"your guess {your_guess};", {name: round(part, 2) for name, part in on_target.items()})
assert min(on_target["occlusion"], on_target["Grad-CAM"]) > 0.7 > 0.65 > on_target["saliency"]

# %%
table = {
    f"{name}: {side}?": maps[:4]
    for name, both_sides in asked.items()
    for side, maps in zip(("left", "right"), both_sides, strict=True)
}
titles = [f"{classes[a]} | {classes[b]}" for a, b in zip(left[:4], right[:4], strict=True)]
figures.show(
    figures.map_table(table, pairs[:4], titles),
    alt="Four pairs of clothes side by side, and the maps for the class of the left and of the right "
    "one. Occlusion and Grad-CAM mostly move to the half that is asked about; saliency stays on both.",
)

# %% [markdown]
# Occlusion and Grad-CAM go where the class is. Saliency does not choose: it shows where the score is
# *sensitive*, and it is sensitive to whatever speaks for or against the class. Look at single
# pictures, ask about classes that are *not* there, and then (in the next part) let the network forget.

# %%
states = {"trained": net}
forgets = ["scores", "features.stage3", "features.stage2", "features.stage1"]
states["forgot the scores"] = inside.randomised(net, "scores", seed=1)
states["forgot everything"] = inside.randomised(net, *forgets, seed=1)
explore.views(ways, states, test[:40], classes)

# %% [markdown]
# ## Would an untrained network look the same?
#
# A map can be beautiful, and sit on the clothes, for a bad reason: because it is drawn from the
# picture, whatever the network. There is a simple test [Adebayo 2018]: let the network **forget**
# what it has learned, layer by layer from the top, by drawing the weights anew. A map that shows what
# the network has *learned* must change. We put four more to the test: **guided backpropagation**
# [Springenberg 2015], which stops everything negative on the way back and gives the sharpest pictures
# of all; **input × gradient**, the gradient times the pixel, without sign; occlusion without its
# sign; and an **edge detector**, which knows no network.


# %%
def guided(model, images, labels):
    return gradient(model, images, labels, guided=True).abs().amax(1)


def times_input(model, images, labels):
    return (gradient(model, images, labels) * data.as_float(images)).sum(1).abs()


def edges(model, images, labels):
    return torch.hypot(*torch.gradient(data.as_float(images)[:, 0], dim=(1, 2)))


# %% [markdown]
# **Predict:** order these by how much of the map will be left when the network has forgotten all.

# %%
your_guess = None  # names, the most sensitive to forgetting first

# %%
suspects = ways | {"guided backprop": guided, "|input × gradient|": times_input}
suspects["edge detector"] = edges
states = [net, *(inside.randomised(net, *forgets[:k], seed=1) for k in range(1, 5))]
drawn = {
    name: [way(one, some.images, some.labels) for one in states] for name, way in suspects.items()
}
drawn["|occlusion|"] = [maps.abs() for maps in drawn["occlusion"]]
left_over = {
    name: [rank_correlation(maps[0], one).mean().item() for one in maps]
    for name, maps in drawn.items()
}

# %%
figures.show(
    figures.named_lines(
        ["nothing", "scores", "+ stage 3", "+ stage 2", "+ stage 1"],
        left_over,
        "what the network has forgotten",
        "rank correlation\nwith the trained network's map",
        (-0.3, 1.05),
    ),
    alt="Similarity of the maps to those of the trained network, against what was forgotten. The edge "
    "detector stays at one, input times gradient close below, guided backpropagation stays high until "
    "the lower layers go; saliency, Grad-CAM and signed occlusion fall at once.",
)
top, everything = ({name: line[k] for name, line in left_over.items()} for k in (1, -1))
assert everything["edge detector"] == 1 and everything["|input × gradient|"] > 0.75
assert top["guided backprop"] > 0.65 and everything["|occlusion|"] > 0.3
assert all(top[name] < 0.5 and abs(everything[name]) < 0.3 for name in ways)

# %%
item = 1
figures.show(
    figures.map_table(
        {name: torch.stack([maps[item] for maps in five]) for name, five in drawn.items()},
        some.images[[item] * 5],
        ["forgot nothing", "scores", "+ stage 3", "+ stage 2", "+ stage 1"],
        show_pictures=False,
    ),
    alt="The maps of one picture while the network forgets. Input times gradient and the edge detector "
    "keep the shape of the clothes to the end, guided backpropagation for long; saliency, occlusion and "
    "Grad-CAM become other maps.",
)

# %% [markdown]
# With random scores the network's answers are worth nothing, and guided backpropagation draws much
# the same picture as before: it shows the image, filtered [Nie 2018]. Input × gradient must be 0
# wherever the picture is black, so it has the shape of the clothes for *any* network, and so, in
# part, has occlusion with a black patch as soon as one drops the sign. Nobody would call an edge
# detector an explanation; but on the eye it makes the same impression.
#
# **Careful.** Passing this test is necessary, not sufficient: it shows that a map depends on the
# weights, not that it is right. And the number depends on the choices: with or without the sign, on
# black or on photographs, one measure of likeness or another [Sundararajan & Taly 2018; Yona &
# Greenfeld 2021].

# %% [markdown]
# ## A sixth look: whom does it take for alike?
#
# Maps ask "where?". One can also ask "like what?": search the training images for the nearest ones,
# as in section 03, but compare the network's *features* (here the 32 averages) instead of pixels.
# AlexNet's authors did that with 4,096 features, and found neighbours that show the same thing and
# yet are far away in pixels [Krizhevsky 2012, §6.1]. Here is one query, moved by 4 pixels on a larger
# canvas.

# %%
from cv_course import nearest, perturb


def canvas(images, dx=0):
    """Six black pixels all around, then moved to the right."""
    return perturb.shift(torch.nn.functional.pad(images, [6] * 4), dx)


def features(model):
    return lambda images: inside.activations(model, images, "average")


# %%
spaces = {"pixels": lambda images: images.flatten(1), "features": features(net)}
spaces["features, random weights"] = features(blank)
memory, queries = train[:3000], test[:300]
searches = {
    name: nearest.NearestNeighbours(5).fit(space(canvas(memory.images)), memory.labels)
    for name, space in spaces.items()
}


def neighbours(name, images):
    """Positions in memory of each image's five nearest."""
    return searches[name].kneighbors(spaces[name](images))[1]


# %%
moved = canvas(test.images[[0]], dx=4)
strips, labels = {}, {}
for name in ("pixels", "features"):
    found = neighbours(name, moved)[0]
    strips[f"nearest in {name}"] = torch.cat([moved, canvas(memory.images[found])]) / 255
    labels[name] = [classes[label] for label in memory.labels[found]]
figures.show(
    figures.sampled(strips),
    alt=f"A {classes[test.labels[0]]} that was moved to the right, and its five nearest: "
    + "; ".join(f"in {name} {', '.join(found)}" for name, found in labels.items()),
)

# %% [markdown]
# **Predict:** what share of the five nearest has the query's label, in pixels and in features, at a
# shift of 0 and of 4 pixels? And in the features of a network with *random* weights?

# %%
your_guess = None  # six numbers


# %%
def agreement(name, dx):
    """How often the five nearest have the label of the query, which is moved by dx pixels."""
    found = memory.labels[neighbours(name, canvas(queries.images, dx))]
    return (found == queries.labels[:, None]).float().mean().item()


shifts = [0, 1, 2, 4, 6]
agree = {name: [agreement(name, dx) for dx in shifts] for name in spaces}

# %%
figures.show(
    figures.named_lines(
        shifts,
        agree,
        "the query is moved by (pixels)",
        "same label\namong the five nearest",
        (0, 1),
    ),
    alt="Share of equal labels among the five nearest against the shift. In pixels it falls steeply; "
    "in features it hardly falls; with random weights it is lower, and falls far less than in pixels.",
)
assert agree["pixels"][3] < agree["pixels"][0] - 0.25
assert agree["features"][3] > agree["features"][0] - 0.1
assert agree["features"][3] > agree["pixels"][3] + 0.25
assert agree["features, random weights"][0] < agree["features"][0] - 0.08
assert agree["features, random weights"][3] > agree["pixels"][3] + 0.1

# %% [markdown]
# AlexNet's observation holds, and the random network adds the fine print. That neighbours survive a
# shift is mostly the *architecture's* doing (convolution, then an average over all places: section 05);
# that they are of the right class is what was *learned*. And are the neighbours in features really far
# away in pixels? We look up their ranks:

# %%
first = neighbours("features", canvas(queries.images))[:, :1]
apart = nearest.distances(queries.images.flatten(1), memory.images.flatten(1))
rank = (apart < apart.gather(1, first)).sum(1).float() + 1
print(
    f"nearest in features: in pixels about number {rank.median():.0f} of {len(memory):,} (median)"
)
assert rank.median() > 3

# %% [markdown]
# ## Find out what is wrong
#
# Somebody sends you a network, with test images of their own. It looks great. (The code that made their
# pictures is here as well. Do not read it before you have found out!)


# %%
def mark(images):
    return attribution.cover(images, top=1, left=1, size=3, fill=255)


def tint(images):
    return images.clamp(min=12)


def secret(split):
    images = split.images.clone()
    for label, change in ((6, mark), (4, tint)):
        images[split.labels == label] = change(split.images[split.labels == label])
    return data.Split(images, split.labels)


# %%
torch.manual_seed(0)
suspect = AveragedConv()
fit(suspect, secret(train), **recipe)
suspect.cpu()
theirs, ours = evaluate(suspect, secret(test)), evaluate(suspect, test)
print(
    f"on their test images {theirs:.1%}; on ours {ours:.1%}, where our network has {accuracy:.1%}"
)
assert theirs > accuracy + 0.05 and ours < accuracy - 0.05

# %% [markdown]
# Better than ours on their test images, much worse on ours. **Predict** why: play with the patch. For
# which of their pictures can you destroy the answer by covering something that is no part of the
# clothes?

# %%
evidence = secret(test[:40])
evidence = evidence[(evidence.labels - 6).abs().argsort(stable=True)]  # shirts first
explore.occluding_patch(suspect, evidence, classes, start=(20, 20))

# %% [markdown]
# Shirts carry a white mark in the corner, and the network relies on it: a **shortcut**. (In real
# data: a photographer's name under the pictures of horses [Lapuschkin 2019], the traces of one
# hospital in its X-rays [Zech 2018].) The mark is so much easier than shirts that the network hardly
# learned anything else about them. Which of the views would have told you? Not the filters:

# %%
both = {"honest": net, "suspect": suspect}
figures.show(
    figures.filter_rows(
        {name: inside.filters(one, "features.stage1.0") for name, one in both.items()}
    ),
    alt="First-layer filters of the honest network and of the suspect: edges, bars and blobs in both "
    "rows, and nothing that looks like a mark in a corner.",
)

# %% [markdown]
# For the maps we can count: the share of each that lies in the corner of 7 × 7 pixels, for the honest
# network and the suspect, on the same marked shirts. **Predict:** which map shows it best?

# %%
your_guess = None  # saliency, occlusion or Grad-CAM

# %%
clean = test[test.labels == 6][:60]
marked = data.Split(mark(clean.images), clean.labels)


def in_corner(way, model, split):
    return share(way(model, split.images, split.labels), slice(0, 7), slice(0, 7))


corner = {
    name: {who: in_corner(way, model, marked) for who, model in both.items()}
    for name, way in ways.items()
}

# %%
figures.show(
    figures.shares(corner, 49 / 784, "share of the map in the corner with the mark"),
    alt="Bars for three maps and two networks. For the suspect nearly all of the occlusion map lies in "
    "the corner, and about a third of saliency and Grad-CAM; for the honest network far less.",
)
assert all(pair["suspect"] > pair["honest"] + 0.08 for pair in corner.values())
assert corner["occlusion"]["suspect"] > 0.8

# %% [markdown]
# All three point to the corner, and occlusion most clearly: the mark has a place, and a patch can cover
# it. That was the easy case, in two respects. First, we looked at pictures that *have* the mark. Here
# are the same maps of the same shirts without it:

# %%
for name, way in ways.items():
    part = in_corner(way, suspect, clean)
    print(f"{name}: {part:.0%} of the map in the corner, no mark there")
    assert part < 0.25
others = mark(test.images[test.labels != 6])
fooled = (predict(suspect, others).argmax(1) == 6).float().mean().item()
print(f"other clothes that become a Shirt when they are marked: {fooled:.0%}")
assert fooled > 0.5

# %% [markdown]
# A shortcut shows only in a picture that has it, and your test pictures may not.
#
# ### A shortcut without a place
#
# Second, the shirts were only half of the secret. Something is wrong with the *coats*, too. Here are
# six of theirs, with their maps. Every kind of map has its favourite places. Which clue do you follow?

# %%
coats = secret(test[test.labels == 4][:60])
figures.show(
    figures.map_table(
        {name: way(suspect, coats.images[:6], coats.labels[:6]) for name, way in ways.items()},
        coats.images[:6],
        ["Coat"] * 6,
    ),
    alt="Six coats and their maps for the suspect. Saliency, occlusion and Grad-CAM each have their "
    "favourite places, on the coats and beside them, and not the same ones.",
)

# %% [markdown]
# **Predict:** how much of the probability of *Coat* can a patch destroy at its worst place, on average,
# if it has the grey of their background? And how much is lost if we undo what was done to the coats,
# everywhere at once?

# %%
your_guess = None  # two numbers from 0 to 1


# %%
def as_coat(images):
    return predict(suspect, images).softmax(1)[:, 4].mean().item()


drops = occlusion(suspect, coats.images, coats.labels, size=7, step=3, fill=12)
undone = as_coat(coats.images) - as_coat(test.images[test.labels == 4][:60])
print(f"your guess {your_guess}; a patch {drops.mean(0).max():.2f}, all at once {undone:.2f}")
assert drops.mean(0).max() < 0.2 and undone > 0.8

# %% [markdown]
# Their black is not quite black: no pixel of a coat is darker than 12 of 255, as if another camera
# had taken them. You hardly see it; the network sees little else. And no patch of 7 × 7 takes it
# away, since it is everywhere else, too. A map can only answer *where*, and when the true answer is
# "everywhere", it names some places all the same. They were false clues.
#
# What does find it? The sixth look. Give other clothes the same tint, and see who their neighbours are:


# %%
def coats_nearby(model, change):
    """How many of the five nearest of other clothes are coats, after a change of their pictures."""
    space, known = features(model), secret(memory)
    search = nearest.NearestNeighbours(5).fit(space(known.images), known.labels)
    others = change(queries.images[queries.labels != 4])
    return (known.labels[search.kneighbors(space(others))[1]] == 4).float().mean().item()


# %%
for name, model in both.items():
    as_is, tinted = coats_nearby(model, lambda images: images), coats_nearby(model, tint)
    print(f"{name}: neighbours that are coats, untouched {as_is:.2f}, tinted {tinted:.2f}")
assert tinted > as_is + 0.4

# %% [markdown]
# For the suspect, whatever is tinted lives among the coats. But note how we found it: we had the right
# idea already, changed one thing with all else equal, and looked at the effect. That is an experiment,
# and the only way from "the map is red here" to "because of this".
#
# **Careful.** Attribution is not explanation. A map shows where some quantity is large. *What* about
# the place matters (that it is bright? its edge? its form?), and why, it does not say. In a test with
# several kinds of map, shortcuts that nobody had thought of beforehand stayed undetected, most of all
# invisible ones [Adebayo 2022].
#
# *Concept 16*

# %% [markdown]
# ## On a photograph
#
# The same tools, unchanged, on a network for photographs: SqueezeNet, trained on the 1,000 classes of
# ImageNet [Iandola 2016]. Its weights (5 MB) come from the internet. Where there is none, the cell says
# so, and you miss nothing that the rest needs. Put in a photograph of your own!

# %%
from cv_course.models.pretrained import squeezenet

my_photo = None  # the path of a picture on this computer, for example "holiday.jpg"
photo = data.photo(my_photo) if my_photo else data.photos()["cat"]
photo = data.fitted(photo, 224, 224)[None]
loaded = squeezenet()
if loaded is None:
    print("SqueezeNet's weights are not here and the internet cannot be reached; go on below.")

# %%
if loaded is not None:
    expert, categories = loaded
    label = predict(expert, photo).argmax(1)
    drops = occlusion(expert, photo, label, size=64, step=32, fill=124)
    seen = {
        "saliency": saliency(expert, photo, label),
        "occlusion": per_pixel(drops, (224, 224), size=64, step=32),
        "Grad-CAM": enlarge(grad_cam(expert, photo, label, "net.features"), (224, 224)),
    }
    figures.show(
        figures.map_table(seen, photo, [categories[label]]),
        alt=f"A photograph that SqueezeNet takes for {categories[label]}, and its three maps.",
    )

# %% [markdown]
# ## Worked solutions
#
# `score_gradient`: from the end to the beginning. A row of W₂ says how much each hidden unit counts;
# the ReLU lets through what is awake; W₁ brings it to the pixels.


# %%
def score_gradient(x, W1, b1, W2, label):
    awake = W1 @ x + b1 > 0
    return W1.T @ (W2[label] * awake)


check(score_gradient)

# %%
two = [torch.nn.Flatten(), torch.nn.Linear(784, 20), torch.nn.ReLU(), torch.nn.Linear(20, 10)]
two = torch.nn.Sequential(*two)
W1, b1, W2, _ = (p.detach().numpy() for p in two.parameters())
by_hand = score_gradient(data.as_float(few.images[0]).flatten().numpy(), W1, b1, W2, 9)
assert np.allclose(by_hand, gradient(two, few.images[:1], torch.tensor([9])).flatten(), atol=1e-5)

# %% [markdown]
# `spearman`: the rank of a value lies in the middle between how many are smaller, and how many are not
# larger. Then the usual correlation.


# %%
def spearman(a, b):
    ranks = []
    for values in (a.ravel(), b.ravel()):
        below = (values[:, None] > values).sum(1)
        upto = (values[:, None] >= values).sum(1)
        ranks.append((below + upto - 1) / 2)
    return np.corrcoef(*ranks)[0, 1]


check(spearman)
a, b = by_fill["black"][:1], by_fill["grey"][:1]
assert np.isclose(spearman(a[0].numpy(), b[0].numpy()), rank_correlation(a, b)[0])

# %% [markdown]
# `class_map`: one weight a channel, one sum, one cut.


# %%
def class_map(activations, gradients):
    weights = gradients.mean((1, 2), keepdims=True)
    return np.maximum((weights * activations).sum(0), 0)


check(class_map)
slopes = net.scores.weight.detach()[few.labels[0], :, None, None].expand(32, 7, 7) / 49
assert np.allclose(class_map(third[0].numpy(), slopes.numpy()), small[0], atol=1e-5)

# %% [markdown]
# ## Summary
#
# 1. Filters and activations show what a network *has*: readable in the first layer; later channels get
#    names too easily.
# 2. Saliency asks what a small change would do, occlusion what a patch would do, Grad-CAM where the
#    channels are awake that speak for a class. They differ, since they answer different questions.
# 3. Test the tool first: let the network forget. Guided backpropagation and input × gradient hardly
#    notice; they show the picture.
# 4. Neighbours in feature space share what the network learned; that they survive a shift is mostly the
#    architecture's doing.
# 5. Maps find a shortcut that has a place, in pictures that have it. For the rest you need an idea and
#    an experiment.
#
# ## References
#
# - K. Simonyan, A. Vedaldi, A. Zisserman. Deep inside convolutional networks: visualising image
#   classification models and saliency maps. *ICLR workshop* 2014.
# - M. Zeiler, R. Fergus. Visualizing and understanding convolutional networks. *ECCV* 2014.
# - R. Selvaraju et al. Grad-CAM: visual explanations from deep networks via gradient-based localization.
#   *ICCV* 2017. B. Zhou et al. Learning deep features for discriminative localization. *CVPR* 2016.
# - J. Springenberg et al. Striving for simplicity: the all convolutional net. *ICLR workshop* 2015.
# - J. Adebayo et al. Sanity checks for saliency maps. *NeurIPS* 2018. W. Nie, Y. Zhang, A. Patel. A
#   theoretical explanation for perplexing behaviors of backpropagation-based visualizations. *ICML* 2018.
# - M. Sundararajan, A. Taly. A note about: local explanation methods for deep neural networks lack
#   sensitivity to parameter values. arXiv:1806.04205, 2018. G. Yona, D. Greenfeld. Revisiting sanity
#   checks for saliency maps. arXiv:2110.14297, 2021.
# - J. Adebayo et al. Post hoc explanations may be ineffective for detecting unknown spurious
#   correlation. *ICLR* 2022.
# - S. Lapuschkin et al. Unmasking Clever Hans predictors and assessing what machines really learn.
#   *Nature Communications* 10, 2019. J. Zech et al. Variable generalization performance of a deep
#   learning model to detect pneumonia in chest radiographs. *PLOS Medicine* 15, 2018.
# - S. Hooker et al. A benchmark for interpretability methods in deep neural networks. *NeurIPS* 2019.
# - M. Böhle, M. Fritz, B. Schiele. Convolutional dynamic alignment networks for interpretable
#   classifications. *CVPR* 2021. J. Zhang et al. Top-down neural attention by excitation backprop. *IJCV*
#   126, 2018.
# - C. Szegedy et al. Intriguing properties of neural networks. *ICLR* 2014. K. Jarrett et al. What is the
#   best multi-stage architecture for object recognition? *ICCV* 2009.
# - A. Krizhevsky, I. Sutskever, G. Hinton. ImageNet classification with deep convolutional neural
#   networks. *NeurIPS* 2012. F. Iandola et al. SqueezeNet. arXiv:1602.07360, 2016.
#
# *Concepts covered: 16*
