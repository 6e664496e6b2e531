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
# # 04 · One layer, one template
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/04_one_layer_one_template.ipynb)
#
# What is the least that a machine must learn to tell a boot from a bag, and how little does it
# take to fool it afterwards?
#
# *About 45 min · CPU 40 s*
#
# Afterwards you will be able to
#
# - write a classifier of one layer, and read what it has learned as ten pictures,
# - say when such a picture is an average of its class, and when it no longer is,
# - break the classifier with a shift of a few pixels, and say which change of the network helps and
#   which does not.
#
# You need section 03: what a score is, and why pixels are hard to compare.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## A weighted sum for each class
#
# Section 03 kept every picture it had ever seen. Now we keep, for each class, just one number a
# pixel: a **weight**. The score of a class is the sum of *all* pixels, each times its weight, plus
# one number that has nothing to do with the picture, the **bias**:
#
# $$s_c = \sum_i W_{c,i}\, x_i + b_c .$$
#
# That is a **fully connected layer**: every pixel is connected to every score. **Predict:** how
# many numbers does it hold for ten classes and 28 × 28 pixels?

# %%
your_guess = None  # a whole number

# %% tags=["nbval-check-output"]
import numpy as np
import torch
from torch import nn

from cv_course import data, explore, figures, perturb
from cv_course.checks import check, hint

parameters = sum(p.numel() for p in nn.Linear(28 * 28, 10).parameters())
print(f"your guess {your_guess}; there are {parameters:,}")
assert parameters == 10 * (28 * 28 + 1)

# %% [markdown]
# Write the layer yourself, for all images and all classes at once.


# %%
def linear_scores(images, W, b):
    """images (N, C, H, W), W (K, C·H·W), b (K,), NumPy arrays -> (N, K) scores."""
    ...  # replace this line


check(linear_scores)

# %%
hint(linear_scores)

# %% [markdown]
# The package's `Linear` is the same layer (and the solution at the end agrees with it). Five rounds
# through the training images, and it has learned:

# %%
from cv_course.networks.small import Linear
from cv_course.training import evaluate, fit, predict

fashion = data.fashion_mnist()
train, test, classes = fashion.train, fashion.test, fashion.classes
torch.manual_seed(0)
model = Linear((1, 28, 28), classes=10)
fit(model, train, epochs=5)

# %%
model.cpu()
templates, biases = model.templates.detach(), model.layer.bias.detach()
images = data.as_float(test.images)
scores = predict(model, test.images)
assert torch.allclose(scores, images.flatten(1) @ templates.flatten(1).T + biases, atol=1e-4)
accuracy = evaluate(model, test)
print(f"right on {accuracy:.1%} of {len(test):,} test images")
assert accuracy > 0.8

# %% [markdown]
# The lecture has the weighted sum go through a **nonlinear function** to become a score. The usual
# ones are the softmax, which makes ten probabilities of ten scores, and the sigmoid, which squeezes
# each score into 0…1 by itself. **Predict:** of all the test answers, how many change with a
# softmax, and how many with a sigmoid?

# %%
your_guess = None  # two whole numbers

# %% tags=["nbval-check-output"]
answers = scores.argmax(1)
exact = scores.double()  # single precision would round the largest sigmoids to a common 1
for name, squashed in (("softmax", exact.softmax(1)), ("sigmoid", exact.sigmoid())):
    print(f"{name}: {(squashed.argmax(1) != answers).sum()} answers change")
    assert torch.equal(squashed.argmax(1), answers)

# %% [markdown]
# None, ever: both functions keep the order of the scores, so the winner stays the winner. The
# nonlinearity is needed to *train* (it turns scores into probabilities, which the loss compares with
# the labels); to *answer* it is idle. As a classifier, this network is linear.
#
# **Careful.** The lecture notes leave out the bias. Without it, what would the scores of a black
# picture be? Ten zeros, whatever was learned: black could not be told from anything. The bias is
# exactly the score of black.

# %%
black = torch.zeros(1, 1, 28, 28)
print("scores of a black picture:", [round(score, 2) for score in model(black)[0].tolist()])
assert torch.equal(model(black)[0], biases)

# %% [markdown]
# *Concept 25*

# %% [markdown]
# ## A row of weights is a picture
#
# Each class has as many weights as an image has pixels. So lay them out like an image! **Predict:**
# what will you see? Pure noise, or something that you could name?

# %%
figures.show(
    figures.image_grid(templates, classes, columns=5, size=1.5, signed=True),
    alt="The weights of the ten classes as pictures, red where bright pixels speak for the class, "
    "blue where against it. Speckled, but the outlines of trousers, sandals, bags and boots show.",
)

# %% [markdown]
# Red: bright pixels here speak *for* the class. Blue: they speak *against* it. White: no matter.
# Such a picture is called a **template**, and the weighted sum compares it with the image: pixel
# times weight, and all of it added up (the **inner product**). Here is a
# boot before two judges.

# %%
judges = [9, 7]  # ankle boot, sneaker
boot = (scores[:, 9] - scores[:, 7]).where(test.labels == 9, -torch.inf).argmax()
product = images[boot] * templates[judges]
assert torch.allclose(product.sum((1, 2, 3)) + biases[judges], scores[boot, judges], atol=1e-4)
figures.show(
    figures.parts_of_a_score(
        images[boot], templates[judges], biases[judges].tolist(), [classes[c] for c in judges]
    ),
    alt="A tall boot, the templates of ankle boot and sneaker, and their products with the image. For "
    "the ankle boot the product is mostly red; for the sneaker red and blue cancel.",
)

# %% [markdown]
# How good a template could *you* make? Choose two classes and click the fields: + where bright
# pixels shall speak for the first class, − where against it. Can you beat the difference of the two
# averages? And the layer that was trained?

# %%
explore.draw_template(
    fashion,
    [("Ankle boot", "Sneaker"), ("Trouser", "Dress"), ("Pullover", "Coat"), ("Shirt", "T-shirt")],
)

# %% [markdown]
# The same as text, if you would rather type. Change the drawing and run the cell again.

# %%
from cv_course.models.s04_template import judge, read_template

drawing = """
    ..++++.
    ..++++.
    ...+++.
    .......
    ---....
    ......+
    .......
"""
pair = fashion.only("Ankle boot", "Sneaker")
by_hand = judge(read_template(drawing), pair).accuracy
print(f"drawn by hand: {by_hand:.1%} right")

# %% [markdown]
# Forty-nine fields and three colours go surprisingly far where you can *see* what matters (the shaft
# of a boot), and hardly anywhere where you cannot say it (what makes a coat a coat?). The layer
# finds weights for what nobody can say.
#
# **Careful.** "It compares the image with a template" sounds like section 03, but an inner product
# is no distance. **Predict:** for which share of the training images is *another* image a better
# match, by inner product, than the image itself?

# %%
your_guess = None  # for example 0.01

# %%
some = data.as_float(train.images[:2000]).flatten(1)
best_match = (some @ some.T).argmax(1)
fooled = (best_match != torch.arange(len(some))).float().mean().item()
print(f"your guess {your_guess}; another image matches better: {fooled:.1%}")
assert fooled > 0.9

# %% [markdown]
# For nearly all of them, and it is always the large and bright pictures that win: an inner product
# grows with the brightness of the picture. Twice the light, twice the (weighted) sum; and unlike a
# distance it can be negative.

# %%
winners = best_match.bincount(minlength=len(some))
print(f"different winners: {(winners > 0).sum()} of {len(some):,} images")
assert some[winners > 0].mean() > 1.5 * some.mean()
assert torch.allclose(model(2 * images[:9]) - biases, 2 * (model(images[:9]) - biases), atol=1e-4)
assert (scores - biases).min() < 0

# %% [markdown]
# *Concept 26*

# %% [markdown]
# ## Are templates averages?
#
# Compare the templates above with the average image of each class:

# %%
everything, labels = data.as_float(train.images), train.labels
averages = torch.stack([everything[labels == c].mean(0) for c in range(10)])
figures.show(
    figures.image_grid(averages, classes, columns=10, size=0.95),
    alt="The average images of the ten classes: blurred, but each easy to recognise.",
)

# %% [markdown]
# "After training, the templates look like the average images of the classes", say the lecture and
# many textbooks. If that is all there is to it, we can save ourselves the training: answer with the
# class whose average is nearest. You know how to do that from section 03, and here it becomes one
# layer, since |x − μ|² = |x|² − 2 μ·x + |μ|², where |x|² is the same for all classes. **Predict:**
# how much worse than the trained layer will it be?

# %%
mu = averages.flatten(1)
as_layer = images.flatten(1) @ mu.T - mu.square().sum(1) / 2
as_search = torch.cdist(images.flatten(1), mu)
assert torch.equal(as_layer.argmax(1), as_search.argmin(1))
of_averages = (as_layer.argmax(1) == test.labels).float().mean().item()
print(f"averages as templates {of_averages:.1%}, trained templates {accuracy:.1%}")
assert of_averages < accuracy - 0.1

# %% [markdown]
# So templates are not simply averages. What are they? Let us watch them being born. Training starts
# from zero weights, and every class has the same probability, 1/C for C classes. The first step
# goes against the gradient of the mean cross-entropy. Each image pushes the template of its own
# class by 1 − 1/C, and every other template by −1/C. Sum up, with π_c the share of class c among the
# images, μ_c its average and μ the average of all:
#
# $$-\frac{\partial L}{\partial W_c} = \frac1N\sum_n \big([y_n = c] - p_{nc}\big)\,x_n
# = \pi_c\,\mu_c - \frac{1}{C}\,\mu .$$
#
# Write this step as a function. It must also be right where the classes are not equally large.


# %%
def first_step(X, labels, classes):
    """X (N, D) images as rows, labels (N,), classes: how many, K -> (K, D) minus the gradient of
    the mean cross-entropy at weights and biases zero."""
    ...  # replace this line


check(first_step)

# %%
hint(first_step)

# %% [markdown]
# Does the formula hold for our images? PyTorch knows the gradient without it.

# %%
x, mean = everything.flatten(1), everything.flatten(1).mean(0)
W, b = torch.zeros(10, 784, requires_grad=True), torch.zeros(10, requires_grad=True)
nn.functional.cross_entropy(x @ W.T + b, labels).backward()
share = labels.bincount() / len(labels)
error = (-W.grad - (share[:, None] * mu - mean / 10)).abs().max().item()
print(f"largest difference between formula and gradient: {error:.0e}")
assert error < 1e-6

# %% [markdown]
# At the first step, then, a template *is* an average: that of its class minus that of all, exactly.
# **Predict:** and later? Will training make the templates more like these differences, or less?
# Here is the whole training of one layer, with nothing hidden in a helper:

# %%
steps, weights, curve = [1, 3, 10, 30, 100, 300, 1000, 2000], [], []
W, b = torch.zeros(10, 784, requires_grad=True), torch.zeros(10, requires_grad=True)
order = torch.Generator().manual_seed(0)


def note(W, b):
    weights.append(W.detach().clone().view(10, 1, 28, 28))
    right = (images.flatten(1) @ W.T + b).argmax(1) == test.labels
    curve.append(right.float().mean().item())


# %%
for step in range(1, steps[-1] + 1):
    batch = torch.randint(len(x), (128,), generator=order)
    loss = nn.functional.cross_entropy(x[batch] @ W.T + b, labels[batch])
    gradients = torch.autograd.grad(loss, (W, b))
    with torch.no_grad():
        W -= 0.1 * gradients[0]
        b -= 0.1 * gradients[1]
    if step in steps:
        note(W, b)

# %%
differences = averages - averages.mean(0)
explore.templates(classes, differences, steps, weights, curve)

# %% [markdown]
# Like its average at first, then less and less, and *better* all the while. In numbers:

# %%
from cv_course.models.s04_template import correlation

alike = [correlation(one, differences).mean().item() for one in weights]
for step, likeness, correct in zip(steps, alike, curve, strict=True):
    print(f"step {step:5,}: correlation {likeness:.2f}, test accuracy {correct:.2f}")
assert alike[2] > 0.85 and alike[2] > alike[4] + 0.03 > alike[-1] + 0.15
assert curve[-1] > curve[4] > curve[2]

# %% [markdown]
# Why? Look at the formula once more. An image pushes with the force [y = c] − p. As soon as it is
# recognised with confidence, p comes close to its target and the image falls silent. Those that go
# on pushing are the doubtful ones, at the border between two classes. So in the end a template does
# not show what is *typical* of its class but what *tells it apart* from those that resemble it.
#
# **Careful.** "The templates are average images" is exact for the first step from zero, and only
# there. Afterwards it is a likeness that wears off while the classifier gets better.
#
# *Concept 27*

# %% [markdown]
# ## Too little to say
#
# One template for each class: what if a class looks like two different things? We turn every
# picture, with probability one half, into its negative. You would not even hesitate:

# %%
lot = torch.Generator().manual_seed(0)


def half_negative(split):
    turned = torch.rand(len(split), 1, 1, 1, generator=lot) < 0.5
    return data.Split(torch.where(turned, 255 - split.images, split.images), split.labels)


either, either_test = half_negative(train), half_negative(test)

# %%
figures.show(
    figures.image_grid(either.images[:20], columns=10),
    alt="Twenty pieces of clothing, about half of them as negatives, dark on white, and still easy "
    "to recognise.",
)

# %% [markdown]
# **Predict:** the accuracy of one layer on these pictures, trained on pictures like them. And of the
# nearest neighbour? And of a network with one hidden layer?

# %%
your_guess = None  # three numbers

# %%
from cv_course.nearest import NearestNeighbours

torch.manual_seed(0)
one_layer = Linear((1, 28, 28), classes=10)
two_layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
fit(one_layer, either, epochs=5, progress=False)
fit(two_layers, either, epochs=8, progress=False)
search = NearestNeighbours(1).fit(either.images, either.labels)

# %%
found = {
    "one layer": evaluate(one_layer, either_test),
    "nearest neighbour": search.score(either_test.images, either_test.labels),
    "a hidden layer": evaluate(two_layers, either_test),
}
print(
    f"your guess {your_guess};", ", ".join(f"{name} {share:.2f}" for name, share in found.items())
)
assert found["one layer"] < 0.4
assert min(found["nearest neighbour"], found["a hidden layer"]) > 0.7

# %% [markdown]
# The layer is not much better than guessing, even on the very pictures that it was trained on. It *cannot*
# do better: whatever its weights are, the score of a picture and that of its negative always add up
# to the same number. What speaks for the one speaks against the other.

# %%
print(f"on its own training images: {evaluate(one_layer, either):.2f}")
one_layer.cpu()
both = predict(one_layer, images[:500]) + predict(one_layer, 1 - images[:500])
spread = (both - both[0]).abs().max().item()
print(f"score of picture + score of negative varies by {spread:.0e}")
assert spread < 1e-3 and evaluate(one_layer, either) < 0.45

# %% [markdown]
# **Careful.** "One layer can express no more than average images" goes too far: you saw the trained
# templates beat the averages by a wide margin. What it cannot do is say *or*. A class gets a single
# direction in which the pictures become "more of it": one way for a boot to look. A hidden layer has
# several templates for each class and can combine them.
#
# *Concept 28*

# %% [markdown]
# ## A few pixels are enough
#
# Back to normal pictures; now something happens only *after* training. To have room for it, we put
# each piece of clothing, shrunk to 20 pixels, in the middle of a black canvas.


# %%
def on_canvas(split):
    small = nn.functional.adaptive_avg_pool2d(split.images.float(), 20).round()
    return data.Split(nn.functional.pad(small, [8] * 4).to(torch.uint8), split.labels)


train, test = on_canvas(train), on_canvas(test)
torch.manual_seed(0)
models = {"one layer": Linear((1, 36, 36), classes=10)}
fit(models["one layer"], train, epochs=5, progress=False)
print(f"in the middle: {evaluate(models['one layer'], test):.1%}")

# %% [markdown]
# The templates are learned. At test time somebody holds the camera a little differently: everything
# moves by 4 of 36 pixels. **Predict:** how many answers are still right?

# %%
your_guess = None  # for example 0.7

# %%
moved = data.Split(perturb.shift(test.images, dx=4), test.labels)
left = evaluate(models["one layer"], moved)
print(f"your guess {your_guess}; measured {left:.2f}")
assert left < 0.5

# %%
figures.show(
    figures.image_grid(torch.cat([test.images[:5], moved.images[:5]]), columns=5, size=1.1),
    alt="Five pieces of clothing on a black canvas, and below them the same ones a little further "
    "to the right. The difference is hard to see.",
)

# %% [markdown]
# Now systematically: moved, magnified or shrunk, and partly hidden (only the upper part is kept, as
# when somebody stands in front).

# %%
CHANGES = {
    "shift (pixels)": ([0, 1, 2, 3, 4, 6, 8], lambda images, by: perturb.shift(images, by)),
    "size ×": ([0.5, 0.7, 0.85, 1, 1.2, 1.4, 1.6], perturb.scale),
    "upper part kept": ([0.3, 0.4, 0.5, 0.6, 0.8, 1], lambda x, by: perturb.crop(x, by, "top")),
}


def accuracies(model, change):
    values, apply = CHANGES[change]
    return [evaluate(model, data.Split(apply(test.images, by), test.labels)) for by in values]


# %%
def curves(models):
    return {
        change: (values, {name: accuracies(model, change) for name, model in models.items()})
        for change, (values, _) in CHANGES.items()
    }


# %%
alone = curves(models)
shifted, scaled, cropped = (lines["one layer"] for _, lines in alone.values())
assert shifted == sorted(shifted, reverse=True) and shifted[-1] < 0.25
assert max(scaled[0], scaled[-1]) < scaled[3] - 0.3 and cropped[1] < cropped[-1] - 0.3

# %%
figures.show(
    figures.breaking(alone),
    alt="Test accuracy of one layer in three panels. It falls towards guessing within a shift of four "
    "pixels, falls on both sides of the size it was trained with, and falls with the part hidden.",
)

# %% [markdown]
# A shift of 4 pixels leaves *you* unimpressed; it ruins the layer. A template says: *here* bright, *there*
# dark. Move the boot, and its shaft meets the weights that were meant for the air beside it.
#
# Could other training data cure it? Show the layer pieces of clothing moved around in all directions,
# up to 4 pixels each way. **Predict:** what happens to the accuracy at the middle, and
# what will the templates look like?

# %%
places = [(dx, dy) for dx in range(-4, 5) for dy in range(-4, 5)]
parts = [train[start :: len(places)] for start in range(len(places))]  # one for each place
wandering = data.Split(
    torch.cat([perturb.shift(p.images, *place) for p, place in zip(parts, places, strict=True)]),
    torch.cat([part.labels for part in parts]),
)

# %%
torch.manual_seed(0)
tolerant = Linear((1, 36, 36), classes=10)
fit(tolerant, wandering, epochs=5, progress=False)
print(f"moved by 4: {left:.2f} before, {evaluate(tolerant, moved):.2f} now")
print(f"in the middle: {shifted[0]:.2f} before, {evaluate(tolerant, test):.2f} now")
assert evaluate(tolerant, moved) > left + 0.1
assert evaluate(tolerant, test) < shifted[0] - 0.1

# %%
pairs = torch.cat(
    [m.templates.detach().cpu()[[1, 5, 8, 9]] for m in (models["one layer"], tolerant)]
)
figures.show(
    figures.image_grid(pairs / pairs.abs().amax((1, 2, 3), True), columns=4, size=1.2, signed=True),
    alt="Above, four templates learned in the middle, with outlines of trousers, sandal, bag and boot. "
    "Below, the same learned from moved pictures: larger, vaguer, harder to name.",
)

# %% [markdown]
# Better when moved, at a high price in the middle: a single template for all places has to serve
# them all, and becomes large and vague. That is the problem of the previous experiment again: one layer
# cannot say "here *or* there". (A network with hidden layers can. After the next experiment, come
# back and train *conv + flatten* on `wandering`.)
#
# *Concept 29*

# %% [markdown]
# ## Hence convolution. But not any
#
# Instead of one template as large as the image: many small ones, of 3 × 3 pixels, each laid on
# *every* place of the image. That is a **convolution**; section 05 builds it step by step, and the
# next exercise is its core: slide a template over an image and keep the best score.


# %%
def best_score(image, template):
    """image (H, W), template (h, w), NumPy arrays -> the largest inner product of the template with
    a window of its size, over all places where it fits into the image."""
    ...  # replace this line


check(best_score)

# %%
hint(best_score)

# %% [markdown]
# "Problems with position, hence CNNs", says the lecture. So let us take two small CNNs. Up to the
# last layer they are the same, three convolutions with pooling between them. They differ in what
# they give to the last layer: **flatten** hands over all features of all places in one long list;
# **global max** keeps, of each feature, only the largest value, wherever it was.
#
# **Predict:** moved by 4 pixels, will they survive: neither, one, both?

# %%
from cv_course.networks.small import SmallConv

for name, head in (("conv + flatten", "flatten"), ("conv + global max", "max")):
    torch.manual_seed(0)
    models[name] = SmallConv(head, image_shape=(1, 36, 36))
    fit(models[name], train, epochs=6, batch_size=64)

# %%
compared = curves(models)
figures.show(
    figures.breaking(compared),
    alt="Test accuracy of three classifiers. Shifted, one layer and conv + flatten fall to guessing; "
    "conv + global max dips and comes back at 4 and 8 pixels. Rescaled or half hidden, all three fall.",
)

# %%
(_, by_shift), (_, by_size), (_, by_part) = compared.values()
flat, pooled = by_shift["conv + flatten"], by_shift["conv + global max"]
assert flat[0] > 0.8 and flat[4] < 0.5 and flat[-1] < 0.25  # 0, 4 and 8 pixels
assert pooled[0] > 0.8 and pooled[-1] > pooled[0] - 0.05  # survives…
assert pooled[2] < pooled[0] - 0.03  # …with a dip between
assert all(line[0] < line[3] - 0.3 for line in by_size.values())  # size: nobody survives
assert all(line[1] < line[-1] - 0.2 for line in by_part.values())  # hidden: nobody

# %% [markdown]
# The convolution alone did not help at all! Its features do move along with the boot. But then
# comes a fully connected layer, with a weight for each feature *at each place*: it is a template
# again, only one of features.
#
# Throwing the place away does help: the largest value of a feature is the same wherever it occurs.
# Is it exactly the same? Try it out: move the object pixel by pixel and watch the third classifier.

# %%
explore.drag(models, test[:200], classes)

# %%
pooled_net = models["conv + global max"].cpu()
wide = nn.functional.pad(test.images[:100], [8] * 4)  # air, so that no border cuts anything off
original = predict(pooled_net, wide)
for by in (1, 2, 3, 4):
    change = (predict(pooled_net, perturb.shift(wide, by)) - original).abs().max().item()
    print(f"moved by {by}: the scores change by up to {change:.5f}")
assert change < 1e-3

# %% [markdown]
# At 4 pixels nothing changes, in between something does. The net pools twice, 2 × 2 each time, so it
# looks at the image in steps of 4 pixels, its **stride**. Moved by a multiple of the stride, the same
# numbers appear one place further; moved by less, the pooling windows cut the object differently
# [Azulay & Weiss 2019; Zhang 2019]. Section 05 takes this apart.
#
# **Careful.** "Hence CNNs" needs a second half: it is the *pooling over all places* that forgives a
# shift, not the convolution by itself; a CNN that ends in flatten and a fully connected layer fails as the
# template does. Nor is everything forgiven: changes of size and hidden parts broke all three. And
# forgetting the place has a price when somebody asks *where* the boot is (section 06).
#
# *Concept 30*

# %% [markdown]
# ## Worked solutions
#
# `linear_scores`: each image becomes a row, and one matrix product pairs all rows with all
# templates.


# %%
def linear_scores(images, W, b):
    return images.reshape(len(images), -1) @ W.T + b


check(linear_scores)
assert np.allclose(
    linear_scores(images.numpy(), templates.flatten(1).numpy(), biases.numpy()), scores, atol=1e-3
)

# %% [markdown]
# `first_step`: with zero weights every class has the probability 1/K. A row of one-hot labels minus
# 1/K is the force with which its image pushes each template. A class without images needs no special
# case.


# %%
def first_step(X, labels, classes):
    force = np.eye(classes)[labels] - 1 / classes
    return force.T @ X / len(X)


check(first_step)

# %% [markdown]
# `best_score`: two loops over all the places.


# %%
def best_score(image, template):
    h, w = template.shape
    image, best = np.asarray(image, dtype=float), -np.inf  # bytes would wrap around at 256
    for y in range(image.shape[0] - h + 1):
        for x in range(image.shape[1] - w + 1):
            best = max(best, (image[y : y + h, x : x + w] * template).sum())
    return best


check(best_score)

# %% [markdown]
# ## Summary
#
# 1. One layer scores a class by a weighted sum of all pixels and a bias; softmax and sigmoid never
#    change the answer.
# 2. A row of weights is a template of the image's size, compared by inner product, which is not a
#    distance.
# 3. Templates are class averages (less the average of all) at the first step from zero, and become
#    differences between look-alikes as they get better.
# 4. One layer cannot say *or*: neither "bright or dark" nor "here or there".
# 5. A shift of a few pixels breaks it, and also a CNN that ends in flatten; pooling over all places
#    repairs shifts by the stride, not size or hidden parts.
#
# ## References
#
# - C. M. Bishop. *Pattern Recognition and Machine Learning*, 2006, §4.3.4 (the gradient of the
#   softmax classifier).
# - M. Minsky, S. Papert. *Perceptrons*, 1969 (what one layer cannot compute).
# - A. Azulay, Y. Weiss. Why do deep convolutional networks generalize so poorly to small image
#   transformations? *JMLR* 20, 2019.
# - R. Zhang. Making convolutional networks shift-invariant again. *ICML* 2019.
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine
#   learning algorithms. arXiv:1708.07747, 2017.
#
# *Concepts covered: 25–30*
