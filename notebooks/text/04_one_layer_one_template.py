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
# **How far does one layer get, and where does it break?**
#
# In section 03 we kept all training images. Now we keep one number per pixel and class, and find these
# numbers by training. You need section 03.
#
# Afterwards you will be able to
#
# - compute the scores of a layer by hand, and train it,
# - view its weights as images,
# - say which changes of an image break it.
#
# *About 40 min, 15 for the folded parts, 55 for all problems · CPU 25 s*

# %% tags=["hide-input"]
# @title Set-up
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %%
import torch
from torch import nn

from cv_course import data, perturb, plots, training
from cv_course.nearest import NearestNeighbours
from cv_course.plots import show
from cv_course.sections.s04_template import check, hint, play, reveal
from cv_course.sections.s04_template.model import correlation

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# Fashion-MNIST has ten classes of equal size. A **constant baseline** always predicts the same
# class, so its accuracy is 0.10. People without training in fashion reached 0.835 in one test (see
# References). And nearest neighbour?

# %%
fashion = data.fashion_mnist()
train, validation, classes = fashion.train[:8_000], fashion.train[8_000:], fashion.classes
images, labels = data.as_float(train.images), train.labels  # 8,000 × 1 × 28 × 28, from 0 to 1
val_images, val_labels = data.as_float(validation.images), validation.labels
search = NearestNeighbours(k=1).fit(train.images, labels)
of_search = search.score(validation.images, val_labels)
print(f"nearest neighbour, validation accuracy: {of_search:.3f}")

# %% [markdown]
# ## 1 One number for each pixel and class
#
# For each class we keep one number per pixel, its **weight**. The **score** of a class is a weighted
# sum: multiply each pixel by its weight, and add everything up. Then add one more number, the
# **bias** of the class. The class with the largest score is the prediction.
#
# An example with an image of three pixels, 3, 1 and 2:
#
# | class | weights | bias | score |
# |---|---|---|---|
# | ankle boot | 4, 0, −1 | 3 | 4 · 3 + 0 · 1 − 1 · 2 + 3 = **13** |
# | sneaker | −5, 2, 3 | 0 | −5 · 3 + 2 · 1 + 3 · 2 + 0 = **−7** |
# | bag | 1, 2, 3 | 0 | 1 · 3 + 2 · 1 + 3 · 2 + 0 = **11** |
#
# The prediction is *ankle boot*. The weighted sum without the bias is the **inner product** $w\cdot x$ of
# weights and image. With one row of $W$ for each class, all scores together are $Wx + b$.

# %%
W = torch.tensor([[4.0, 0, -1], [-5, 2, 3], [1, 2, 3]])
b = torch.tensor([3.0, 0, 0])
x = torch.tensor([3.0, 1, 2])
print("scores:", (W @ x + b).tolist())

# %% [markdown]
# Each score uses all pixels, so this is a **fully connected layer**. For 28 × 28 pixels and ten classes it has
# 10 · 784 weights and 10 biases:

# %%
layer = nn.Linear(28 * 28, 10)
print("weights:", tuple(layer.weight.shape), "  biases:", tuple(layer.bias.shape))
print("numbers in all:", layer.weight.numel() + layer.bias.numel())

# %% [markdown]
# Now write the layer yourself, for many images.


# %%
def linear_scores(images, weights, biases):
    """NumPy arrays -> (N, K) scores, for N images and K classes.

    images (N, C, H, W): C channels of H × W pixels; weights (K, C·H·W); biases (K,)."""
    ...  # replace this line


check(linear_scores)

# %%
hint(linear_scores)

# %% [markdown]
# [*Concept 25*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 Templates without training
#
# The weights of one class, shown as an image, are its **template**. We begin without
# training: each template is the average image of its class.

# %%
pixels, val_pixels = images.flatten(1), val_images.flatten(1)  # one row of 784 numbers per image
averages = torch.stack([pixels[labels == c].mean(0) for c in range(10)])  # 10 × 784

# %% [markdown]
# Boot or sneaker? The difference of the two scores needs only one template, boot minus sneaker:
#
# $$w_\text{boot}\cdot x - w_\text{sneaker}\cdot x = (w_\text{boot} - w_\text{sneaker})\cdot x .$$

# %% tags=["hide-input"]
# @title Figure 4.1, and a test with a random image
boot = val_images[val_labels == 9][1]
difference = (averages[9] - averages[7]).view(1, 28, 28)
product = boot * difference
red, blue = product.clamp_min(0).sum().item(), product.clamp_max(0).sum().item()
figure, panels = plots.figure(8, 2.9, 1, 3, width_ratios=(1, 1.3, 1.3))
plots.pictures([boot], ["image: an ankle boot"], size=2.2, axis=panels[0])
for panel, picture, title, unit in (
    (panels[1], difference, "template: boot − sneaker", "weight"),
    (panels[2], product, f"product: red +{red:.1f}, blue −{-blue:.1f}", "pixel × weight"),
):
    limit = picture.abs().max().item()
    plots.pictures(
        [picture], [title], size=2.2, signed=True, scale=(-limit, limit), bar=unit, axis=panel
    )
show(
    figure,
    caption="Figure 4.1. An image, the average boot minus the average sneaker, and the product of both, pixel "
    f"by pixel. The sum over the product is {red:.1f} − {-blue:.1f} = {red + blue:.1f}.",
    alt="A grey ankle boot; a template that is red at the shaft and at the sole and blue above the "
    "toe; and their product, red at shaft and sole, with little blue.",
)

# %% [markdown]
# Where the template is red, bright pixels count for the boot. Where it is blue, they count for the
# sneaker. The sum is positive, so the boot has the larger score.
#
# Now let us add one random image $r$ to all ten templates. Each inner product becomes $(w +
# r)\cdot x = w\cdot x + r\cdot x$. So all ten scores of an image $x$ change by the same number
# $r\cdot x$. Does a prediction change?

# %% tags=["hide-input"]
# @title The same random image, added to all ten templates
torch.manual_seed(0)
before = val_pixels @ averages.T
after = val_pixels @ (averages + torch.randn(784)).T
changed = (before.argmax(1) != after.argmax(1)).sum().item()
print(f"predictions for the validation images that change: {changed} of {len(val_pixels):,}")

# %% [markdown]
# None does. So only *differences* between templates matter.
#
# Can you draw such a difference? Click + (red) where bright pixels count for the first class, and
# − (blue) for the second. If the inner product is above a limit, the **threshold**, the first
# class is predicted. The threshold is chosen on the training images.

# %% tags=["hide-input"]
# @title Figure 4.2: draw your own template
pairs = [
    ("Ankle boot", "Sneaker"),
    ("Trouser", "Dress"),
    ("Pullover", "Coat"),
    ("Shirt", "T-shirt"),
]
show(
    play.draw_template(data.Dataset(train, validation, classes), pairs),
    caption="Figure 4.2. A drawn template, its inner products with the validation images of two classes, and "
    "its accuracy. The threshold is chosen on the training images. For comparison, “averages”: the difference of the two averages as the template.",
)

# %% [markdown]
# Step through the drawings. The second is nearly as good as the averages. The third is a control with + everywhere: it measures only the total brightness. This
# alone tells most boots from sneakers.
#
# Now all ten averages are templates, with all biases 0. **Predict** the validation accuracy,
# between 0.10 (constant baseline) and 0.82 (nearest neighbour).

# %%
your_guess = "?"  # a number from 0 to 1


# %%
def accuracy(scores, labels):  # the share of right predictions
    return (scores.argmax(1) == labels).float().mean().item()


print(f"your guess: {your_guess}, measured: {accuracy(val_pixels @ averages.T, val_labels):.3f}")

# %% [markdown]
# Why so low? Take two pixels, and the averages (1, 1) and (3, 3). The image (1, 1) *equals* the first
# average. But the brighter average gets the larger score:
#
# | average $\mu$ | score of the image (1, 1), bias 0 |
# |---|---|
# | (1, 1) | 1 · 1 + 1 · 1 = 2 |
# | (3, 3) | 3 · 1 + 3 · 1 = **6** |
#
# With biases, the *nearest* average can win. Its squared distance to the image $x$ is the smallest:
#
# $$|x-\mu|^2 = |x|^2 - 2\,\mu\cdot x + |\mu|^2 ,$$
#
# where $|x|^2$ is the sum of the squared pixels. Which bias must we add to $\mu\cdot x$, so that it wins?


# %%
def distance_bias(templates):
    """templates (K, D), a NumPy array, one average per row -> (K,) biases."""
    ...  # replace this line


check(distance_bias)

# %%
hint(distance_bias)

# %% [markdown]
# $|x|^2$ is the same for all classes, so we leave it out. Dividing the rest by −2 turns the smallest into the
# *largest*: $\mu\cdot x - |\mu|^2/2$. So the bias is $-|\mu|^2/2$.
#
# | average $\mu$ | bias | score of the image (1, 1), with the bias |
# |---|---|---|
# | (1, 1) | −(1 + 1) / 2 = −1 | 2 − 1 = **1** |
# | (3, 3) | −(9 + 9) / 2 = −9 | 6 − 9 = −3 |
#
# Figure 4.3 shows the same for boots and sneakers, with two numbers per image instead of 784 pixels.

# %% tags=["hide-input"]
# @title Figure 4.3
two = [
    torch.stack([part[:, 0, :10].mean((1, 2)), part[:, 0, 18:].mean((1, 2))], 1)
    for part in (val_images[val_labels == 9], val_images[val_labels == 7])
]
centres = [part.mean(0) for part in two]
normal, middle = centres[0] - centres[1], (centres[0] + centres[1]) / 2
assert (normal > 0).all()  # the average boot is brighter in both numbers
ends = torch.tensor([0.0, 0.45])
border = middle[1] - (ends - middle[0]) * normal[0] / normal[1]  # here both scores are equal
figure, panels = plots.figure(8, 3.6, 1, 2, sharey=True)
for panel, lowest, title in zip(
    panels, (0 * ends, border), ("bias 0", "with the bias −|μ|²/2"), strict=True
):
    panel.fill_between(ends, lowest, 0.6, color=plots.COLOURS[0], alpha=0.13, lw=0)
    panel.fill_between(ends, 0, lowest, color=plots.COLOURS[1], alpha=0.2, lw=0)
    for part, colour, marker, name in zip(
        two, plots.COLOURS[:2], "os", ("ankle boot", "sneaker"), strict=True
    ):
        panel.scatter(*part.T, s=12, color=colour, marker=marker, alpha=0.5, lw=0, label=name)
    for centre in centres:
        panel.plot(*centre, "D", ms=9, mec="black", mfc="white", ls="")
    panel.text(0.44, 0.33, "prediction: boot", ha="right")
    panel.set(xlim=(0, 0.45), ylim=(0, 0.6), title=title,
              xlabel="mean brightness of the upper 10 rows")  # fmt: skip
panels[0].set_ylabel("mean brightness of the lower 10 rows")
panels[1].plot(ends, border, "-", color="black", lw=1.5)
panels[1].text(0.44, 0.02, "prediction: sneaker", ha="right")
panels[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    figure,
    caption="Figure 4.3. Validation images by two numbers. Diamonds: the two averages. In the blue region the "
    "boot has the larger score, in the orange region the sneaker.",
    alt="Two panels with the same two clouds of points. Left, the whole panel is blue: all points are called boots. "
    "Right, a line halfway between the averages separates most boots from most sneakers.",
)

# %% [markdown]
# In both numbers, the average boot is brighter, so boot − sneaker is positive. The numbers of an
# image are never negative. So with bias 0, *boot* gets the larger score for every image. With the
# bias, the border lies halfway between the averages. For all pixels and classes:

# %%
bias = -averages.square().sum(1) / 2
print(f"averages, bias 0: {accuracy(val_pixels @ averages.T, val_labels):.3f}")
print(f"averages, with the bias: {accuracy(val_pixels @ averages.T + bias, val_labels):.3f}")

# %% [markdown]
# [*Concept 26*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 What a wrong prediction costs
#
# To find better weights, we need one number that says how wrong a prediction is.
#
# The **softmax** turns scores into probabilities: raise *e* = 2.718… to each score, and divide
# by the sum of the results. Say a boot has the scores 2, 1 and 0.
#
# | class | score $s$ | $e^s$ | probability $p$ | target $y$ | $p - y$ |
# |---|---|---|---|---|---|
# | ankle boot | 2 | 7.389 | 7.389 / 11.107 = 0.665 | 1 | −0.335 |
# | sneaker | 1 | 2.718 | 2.718 / 11.107 = 0.245 | 0 | 0.245 |
# | bag | 0 | 1.000 | 1.000 / 11.107 = 0.090 | 0 | 0.090 |
# | sum | | 11.107 | 1.000 | | |
#
# The **target** $y$ is 1 for the true class and 0 for the others. The **loss** of the image is $-\log p$, with the
# $p$ of the *true* class and the natural logarithm: $-\log 0.665 = 0.408$. It is called **cross-entropy**.

# %% tags=["hide-input"]
# @title Figure 4.4
import numpy as np

p = np.linspace(0.01, 1, 200)
drawing = plots.lines(
    {"loss": (p, -np.log(p))},
    xlabel="probability p of the true class", ylabel="loss of one image, −log p", ylim=(0, 4.8),
)  # fmt: skip
axis = drawing.axes[0]
axis.lines[0].set_marker("")
for share, name in zip(
    torch.tensor([2.0, 1, 0]).softmax(0).tolist(), ("a boot", "a sneaker", "a bag"), strict=True
):
    axis.plot(share, -np.log(share), "o", color="black")
    axis.annotate(f"if it is {name}: p = {share:.3f}, loss {-np.log(share):.3f}",
                  (share, -np.log(share)), (8, 5), textcoords="offset points")  # fmt: skip
show(
    drawing,
    caption="Figure 4.4. The loss of one image, and the loss for each of the three classes that may be the true one.",
    alt="A curve that falls from above 4 at probability 0.01 to 0 at probability 1. Marked: 0.408 for "
    "the boot, 1.408 for the sneaker, 2.408 for the bag.",
)

# %% [markdown]
# Training makes the mean loss of the training images smaller. A **derivative**
# says how fast the loss grows when one number grows. For the *score* of a class it is $p - y$, the last column of the table (derived in [Bishop 2006]). PyTorch confirms it:

# %%
scores = torch.tensor([[2.0, 1, 0]], requires_grad=True)  # one row, for one image
loss = nn.functional.cross_entropy(scores, torch.tensor([0]))  # softmax and loss; true class: 0
loss.backward()  # computes the derivatives
print(f"loss: {loss.item():.3f}")
print("derivatives:", [round(one, 3) for one in scores.grad[0].tolist()])

# %% [markdown]
# If the boot's score grows by 0.1, the loss *falls* by about 0.1 · 0.335 = 0.034.
#
# If a *weight* grows by 0.1 and its pixel is 0.5, the score grows by 0.1 · 0.5 = 0.05. Then the
# loss grows by about $(p - y)$ · 0.05. So the derivative for a weight is $(p - y)$ times its
# pixel. For a bias it is $p - y$. All these derivatives together are the **gradient**.
#
# **Gradient descent** moves each number a small step against its derivative. For the template $w$ of one class,
#
# $$w \leftarrow w - \eta\,(p-y)\,x ,$$
#
# with the **learning rate** $\eta$. For the true class $p-y$ is negative: a part of the image $x$
# is *added* to its template. From all other templates a part is *subtracted*.
#
# **Predict:** all weights and biases are 0, so all ten classes have the same $p$. After one step
# with a boot $x$ and $\eta = 1$, each template is $a\,x$, with its own number $a$. What is $a$ for
# the boot's template, and what for the nine others? (The code reads $a$ from the biases, whose
# derivative is $p - y$ itself.)

# %%
your_guess = "?"  # two numbers, such as (1, 0)


# %%
def start_at_zero(network):
    for parameter in network.parameters():  # its weights and biases
        nn.init.zeros_(parameter)
    return network


# %%
layer = start_at_zero(nn.Linear(28 * 28, 10))
one_boot = pixels[labels == 9][:1]  # class 9: ankle boot
loss = nn.functional.cross_entropy(layer(one_boot), torch.tensor([9]))
loss.backward()
a = -layer.bias.grad  # for ten classes y − p, by which x is multiplied, too
print(f"your guess: {your_guess}, measured:", [round(one, 2) for one in a.tolist()])
print("each template changes by a · x:", torch.allclose(-layer.weight.grad, a[:, None] * one_boot))

# %% [markdown]
# All ten classes have $p = 0.1$. So $p - y$ is 0.1 − 1 = −0.9 for the boot, and 0.1 for the
# others. The step goes against it, so $a$ is 0.9 for the boot and −0.1 for the others.
#
# Here a step takes a **batch** of 100 images, and the mean of their gradients. One pass through all images is
# an **epoch**. This is the whole training:


# %%
def fit(network, images, labels, epochs, batch_size=100):
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)  # lr: the learning rate
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(batch_size):  # in a new random order
            loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()  # forget the old gradient
            loss.backward()  # compute the new one
            optimiser.step()  # one step of gradient descent


# %% [markdown]
# We train for 12 epochs, a number chosen on the validation images. The first weights and
# the order of the images are random, so `three_runs` trains three networks.


# %%
def one_layer(pixels=28 * 28):  # first make each image one row of numbers, then compute the scores
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 10))


# %% tags=["hide-input"]
# @title three_runs and accuracies: train three networks, and test them
def three_runs(make_network, images, labels, batch_size=100):
    networks = []
    for seed in range(3):
        torch.manual_seed(seed)
        networks.append(make_network())
        fit(networks[-1], images, labels, epochs=12, batch_size=batch_size)
    return networks


def accuracies(networks, images, labels):
    return [round(accuracy(network(images), labels), 3) for network in networks]


# %%
linear_runs = three_runs(one_layer, images, labels)
print("one layer, three runs:", accuracies(linear_runs, val_images, val_labels))
print(f"nearest neighbour: {of_search:.3f}")

# %% [markdown]
# The 7,850 numbers are now about as good as the search through 8,000 images. Figure 4.5 shows the templates.

# %% tags=["hide-input"]
# @title Figure 4.5
learned = linear_runs[0][1].weight.detach()
centred = (learned - learned.mean(0)).view(10, 1, 28, 28)
show(
    plots.pictures(centred, classes, columns=5, size=1.35, signed=True, bar="weight"),
    caption="Figure 4.5. The ten learned templates, minus the mean of all ten, since only differences matter. The trouser template is blue between the legs: "
    "bright pixels there count against trousers.",
    alt="Ten speckled images in red and blue. Outlines of trousers, sandals, sneakers, bags and boots "
    "can be recognised.",
)

# %% [markdown]
# ## 4 Are the learned templates averages?
#
# In part 3, the first step from zero with $\eta = 1$ added $0.9\,x = x - 0.1\,x$ to the template
# of the class of $x$, and $-0.1\,x$ to the others.
#
# Now we make one step with the mean over all 8,000 images. An image of the template's own class
# adds $x - 0.1\,x$, and any other image adds $-0.1\,x$. So the part $-0.1\,x$ comes from *all*
# images. The part $x$ comes only from the own class, a tenth of the images. The sum of these 800
# images, divided by 8,000, is a tenth of their average. With $\eta = 1$ the template becomes
#
# $$\underbrace{\tfrac{1}{10}\,\text{average of its class}}_{\text{from } x} - \underbrace{\tfrac{1}{10}\,\text{average of all images}}_{\text{from } -0.1\,x} .$$
#
# After this step, training continues with small batches. Do the templates stay such differences of
# averages? Their **correlation** with these differences is 1 for the same pattern, and 0 for
# unrelated patterns.

# %% tags=["hide-input"]
# @title Training from zero, and Figure 4.6: watch the templates
differences = (averages - averages.mean(0)).view(10, 1, 28, 28)


def look(network):
    templates = network[1].weight.detach().clone().view(10, 1, 28, 28)  # network[0] is Flatten
    return templates, accuracy(network(val_images), val_labels)


torch.manual_seed(0)
network, stages, total = start_at_zero(one_layer()), {}, 0
fit(network, images, labels, epochs=1, batch_size=8_000)  # one step with all images
stages["1 step"] = look(network)
for more in (1, 1, 3, 7):  # epochs of small batches since the last look
    fit(network, images, labels, more)
    total += more
    stages[f"{total} epochs" if total > 1 else "1 epoch"] = look(network)
show(
    play.templates(classes, differences, stages),
    caption="Figure 4.6. Upper row: class average minus average of all. Lower row: the templates at the stage "
    "that is marked grey below. Each row has its own colour scale. The correlation falls while the accuracy rises.",
)

# %% [markdown]
# After one step, the templates are those of part 2, minus the average of all images, and smaller
# by one factor. Both are the same for all ten templates. Neither change alters a prediction. So
# the accuracy is as low as with bias 0 in part 2. The biases are still 0, because all classes have
# equally many images. After this step, the accuracy rises, *while* the templates become less
# similar to averages.
#
# So a better template can look *less* like its class. (A part of the gain comes from the biases.)
# A possible reason: say a sleeve has 60 pixels that are always equal to each other. Together they
# say no more than one of them. But in an average, all 60 count fully, so the sleeve gets too much
# weight. Training can correct this.
#
# [*Concept 27*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
trained = accuracies(linear_runs, val_images, val_labels)
plain = accuracy(val_pixels @ averages.T, val_labels)
with_bias = accuracy(val_pixels @ averages.T + bias, val_labels)
assert changed <= 2 and plain < 0.4 < 0.6 < with_bias < min(trained) - 0.1 and min(trained) > 0.8
# 18 epochs instead of 12 bring less than 0.01 in one run with seed 0.
assert np.allclose(a, [-0.1] * 9 + [0.9], atol=1e-4)
# After one step the accuracy is that of the averages with bias 0: a common positive factor and a
# common image change no prediction, and with classes of equal size all biases are still 0. A part
# of the later rise comes from the biases.
first = stages["1 step"]
assert correlation(first[0], differences).min() > 0.9999 and abs(first[1] - plain) < 0.01
last = stages["12 epochs"]
assert correlation(last[0], differences).mean() < 0.75 and last[1] > first[1] + 0.4

# %% [markdown]
# ## 5 One pattern for each class
#
# What if a class has two appearances? Nearly all shoes here point to the left, as in Figure 4.1.
# We mirror the validation boots. **Predict:** what share of them will be recognised?

# %%
your_guess = "?"  # a number from 0 to 1

# %%
boots = val_labels == 9
boot_images = val_images[boots]
mirrored_boots = boot_images.flip(-1)  # left becomes right
by_search = search.predict(validation.images[boots].flip(-1))
print("one layer, boots:", accuracies(linear_runs, boot_images, val_labels[boots]))
print(f"your guess: {your_guess}")
print("one layer, mirrored boots:", accuracies(linear_runs, mirrored_boots, val_labels[boots]))
print(f"nearest neighbour, mirrored boots: {(by_search == 9).float().mean():.3f}")

# %% [markdown]
# Does a larger network help? The **two-layer network** first computes 32 weighted sums of the
# image, its **hidden layer**. Ten weighted sums of these give the scores. In between, the
# **ReLU** replaces negative numbers by 0. Without it, a second layer would bring
# nothing new: 2 · (3 x) is just 6 x.


# %%
def two_layers(pixels=28 * 28):
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 32), nn.ReLU(), nn.Linear(32, 10))


two_layer_runs = three_runs(two_layers, images, labels)
found = accuracies(two_layer_runs, mirrored_boots, val_labels[boots])
print("two layers, mirrored boots:", found)

# %% [markdown]
# All three methods fail: hardly any boot in the training images points to the right. Now we train on each image
# *and* its mirror image (“both ways”).

# %%
both_ways, both_labels = torch.cat([images, images.flip(-1)]), labels.repeat(2)
# twice as many images in batches twice as large: as many steps as before
linear_both = three_runs(one_layer, both_ways, both_labels, batch_size=200)
two_layer_both = three_runs(two_layers, both_ways, both_labels, batch_size=200)

# %% tags=["hide-input"]
# @title The accuracies, and Figure 4.7
by_training = {
    "one layer": linear_runs,
    "one layer, both ways": linear_both,
    "two layers": two_layer_runs,
    "two layers, both ways": two_layer_both,
}
on_usual = {name: accuracies(r, val_images, val_labels) for name, r in by_training.items()}
on_mirrored = {
    name: accuracies(r, mirrored_boots, val_labels[boots]) for name, r in by_training.items()
}
print(f"{'mean accuracy of three runs':28} {'usual images':>13} {'mirrored boots':>15}")
for name in by_training:
    print(f"{name:28} {np.mean(on_usual[name]):13.3f} {np.mean(on_mirrored[name]):15.3f}")
two_toed = linear_both[0][1].weight.detach()
templates_of_boots = torch.stack([(w - w.mean(0))[9].view(1, 28, 28) for w in (learned, two_toed)])
smooth = nn.functional.avg_pool2d(nn.functional.pad(templates_of_boots, [1] * 4), 3, stride=1)
own_mirror = correlation(two_toed, two_toed.view(10, 28, 28).flip(-1))[9].item()
show(
    plots.pictures(
        smooth, ["one layer", "one layer, both ways"], size=2.2, signed=True, bar="weight"
    ),
    caption="Figure 4.7. The boot's template, trained on the usual images and both ways (smoothed for display). The second is "
    f"nearly symmetric: its correlation with its own mirror image is {own_mirror:.2f}.",
    alt="Two templates. The left one shows parts of a boot that points to the left. The right one "
    "is symmetric: red in the middle and blue on both sides above.",
)

# %% tags=["hide-input"]
# @title Checks: what this shows
assert min(accuracies(linear_runs, boot_images, val_labels[boots])) > 0.9
for runs in (linear_runs, two_layer_runs):
    assert max(accuracies(runs, mirrored_boots, val_labels[boots])) < 0.2
assert (by_search == 9).float().mean() < 0.2
for name in ("one layer, both ways", "two layers, both ways"):
    assert min(on_mirrored[name]) > 0.8
costs = [
    np.mean(on_usual[name]) - np.mean(on_usual[f"{name}, both ways"])
    for name in ("one layer", "two layers")
]
assert costs[0] > 0.01 and costs[1] < costs[0] - 0.004 and max(on_usual["one layer, both ways"]) < min(on_usual["one layer"])  # fmt: skip
# On usual and mirrored images together the hidden layer is better, too.
val_both, val_both_labels = torch.cat([val_images, val_images.flip(-1)]), val_labels.repeat(2)
one, hidden = (accuracies(r, val_both, val_both_labels) for r in (linear_both, two_layer_both))
assert np.mean(hidden) > np.mean(one) + 0.003 and min(one) > 0.77
assert correlation(two_toed, two_toed.view(10, 28, 28).flip(-1)).min() > 0.7

# %% [markdown]
# Now most mirrored boots are recognised. But one layer must use one template for both directions (Figure 4.7),
# and loses accuracy on the usual images. The two-layer network loses less on average.
#
# Sometimes no weights can work. Take two pixels. In class A exactly one is
# bright, in class B both or none. Let $d = w_1 x_1 + w_2 x_2 + b$ be the score of A minus the score of B. It should
# be positive for A, and negative for B.
#
# | images | $d$ | sum of both $d$ | so the sum should be |
# |---|---|---|---|
# | A: (1, 0) and (0, 1) | $w_1 + b$ and $w_2 + b$ | $w_1 + w_2 + 2b$ | positive |
# | B: (1, 1) and (0, 0) | $w_1 + w_2 + b$ and $b$ | $w_1 + w_2 + 2b$ | negative |
#
# The two sums are equal, so this is impossible. The problem is called **XOR** [Minsky & Papert 1969].
# A hidden layer can solve it: $\text{ReLU}(x_1 - x_2) + \text{ReLU}(x_2 - x_1)$ is 1 for A and 0 for B. Minus 0.5, it is positive for A and negative for B.
#
# [*Concept 28*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## The test set, once
#
# No choice in this section has used the test set.

# %% tags=["hide-input"]
# @title The result on the test set
test_images, test_labels = data.as_float(fashion.test.images), fashion.test.labels
test_pixels = test_images.flatten(1)
test_runs = accuracies(linear_runs, test_images, test_labels)
results = {
    "constant baseline": 0.1,
    "averages, bias 0": accuracy(test_pixels @ averages.T, test_labels),
    "averages, with the bias": accuracy(test_pixels @ averages.T + bias, test_labels),
    "nearest neighbour": search.score(fashion.test.images, test_labels),
    "one layer, mean of three runs": np.mean(test_runs),
    "two layers, mean of three runs": np.mean(accuracies(two_layer_runs, test_images, test_labels)),
    "people (References)": 0.835,
}
for name, share in results.items():
    print(f"{name:31} {share:.3f}")
# With 2,000 images the standard error is sqrt(0.84 · 0.16 / 2,000) = 0.008: the last three rows are
# not clearly different.
assert min(test_runs) > 0.82 > 0.7 > results["averages, with the bias"]

# %% [markdown]
# On these small, centred images, one layer comes close to untrained people.

# %% [markdown]
# ## Summary
#
# 1. A layer has one template and one bias per class. Only differences between templates matter.
# 2. Gradient descent lowers the cross-entropy. It adds images to the
#    template of their class and subtracts them from the others.
# 3. The first step gives differences of averages. Later the templates are better, and less similar to averages.
# 4. Two appearances of a class must share one template. For XOR no template works.
# 5. *Going further*: shifts, covered parts, other sizes and deceiving changes break one layer, and two layers as well.

# %% [markdown]
# ## Going further: templates from a formula
#
# For a second reading: templates that are neither averages nor trained.

# %% [markdown]
# *Linear discriminant analysis* (LDA) takes into account which pixels vary together [Bishop 2006]. For
# example, if two pixels are always equal, each of them counts only half. Such templates can look
# quite unlike the averages.

# %% tags=["hide-input"]
# @title LDA, and Figure 4.8
within = pixels - averages[labels]  # each image minus the average of its class
covariance = within.T @ within / len(within) + 0.01 * torch.eye(784)  # 0.01: some never vary
lda = torch.linalg.solve(covariance, averages.T).T
lda_bias = -(lda * averages).sum(1) / 2  # puts the border in the middle, as in Figure 4.3
last, last_accuracy = stages["12 epochs"]
compared = {
    "averages": (averages, accuracy(val_pixels @ averages.T + bias, val_labels)),
    "LDA": (lda, accuracy(val_pixels @ lda.T + lda_bias, val_labels)),
    "trained": (last.flatten(1), last_accuracy),
}
similar = {
    name: correlation(one - one.mean(0), differences.flatten(1)).mean().item()
    for name, (one, _) in compared.items()
}
chosen = [9, 7, 8, 6, 4]
rows = [(one - one.mean(0))[chosen].view(5, 1, 28, 28) for one, _ in compared.values()]
show(
    plots.pictures(
        torch.cat([one / one.abs().max() for one in rows]),
        [classes[c] for c in chosen],
        columns=5,
        size=1.2,
        signed=True,
        row_names=[
            f"{name}\naccuracy {found:.2f}\ncorrelation {similar[name]:.2f}"
            for name, (_, found) in compared.items()
        ],
    ),
    caption="Figure 4.8. Five of ten templates, minus the mean of all ten. Averages: with the bias of part 2. Trained: the last "
    "stage of Figure 4.6. The correlation is that with the averages. Each row has its own colour scale.",
    alt="Three rows of five images in red and blue. The averages are smooth and easy to name, the "
    "LDA templates are fine speckles, the trained templates lie between.",
)

# %% [markdown]
# LDA and training are far more accurate than averages, and their templates are less similar to averages.

# %% tags=["hide-input"]
# @title Checks: what this shows
assert compared["averages"][1] < compared["LDA"][1] - 0.08
assert similar["LDA"] < similar["trained"] < 0.75

# %% [markdown]
# ## Going further: small changes that break it
#
# For a second reading: a change that is made to deceive the layer, and shifts, turns and other sizes.

# %% [markdown]
# In part 1, *ankle boot* wins. The **rival** is the wrong class with the largest score, here *bag*.
# To make it win, we change each pixel by 0.5. A pixel becomes brighter where the rival has the larger weight,
# and darker where it has the smaller one.
#
# | pixel | weight of boot | weight of bag | bag − boot | new pixel |
# |---|---|---|---|---|
# | 3 | 4 | 1 | −3 | 3 − 0.5 = 2.5 |
# | 1 | 0 | 2 | 2 | 1 + 0.5 = 1.5 |
# | 2 | −1 | 3 | 4 | 2 + 0.5 = 2.5 |
#
# After this **adversarial** change, *bag* wins [Goodfellow 2015]:
#
# | class | score before | new score |
# |---|---|---|
# | ankle boot | **13** | 4 · 2.5 + 0 · 1.5 − 1 · 2.5 + 3 = 10.5 |
# | bag | 11 | 1 · 2.5 + 2 · 1.5 + 3 · 2.5 + 0 = **13** |


# %%
def adversarial(images, labels, weight, bias, change):
    scores = images.flatten(1) @ weight.T + bias
    scores[torch.arange(len(labels)), labels] = -torch.inf  # leave out the true class
    rival = scores.argmax(1)
    direction = (weight[rival] - weight[labels]).sign()  # +1 or −1 for each pixel
    return (images + change * direction.view_as(images)).clamp(0, 1)  # brightness stays in 0 to 1


# %% [markdown]
# The **lead** of an image is the score of its true class minus the score of its
# rival. A **grey level** is a change of each pixel by 1/255. How much of the lead does one adversarial grey level take away?

# %% tags=["hide-input"]
# @title The lead, and what one grey level takes away
learned_bias = linear_runs[0][1].bias.detach()


def attacked(level):
    return adversarial(val_images, val_labels, learned, learned_bias, level / 255)


def lead(images):
    scores = images.flatten(1) @ learned.T + learned_bias
    true_class = nn.functional.one_hot(val_labels, 10).bool()
    return scores[true_class] - scores.masked_fill(true_class, -torch.inf).amax(1)


right = lead(val_images) > 0
lost = lead(val_images) - lead(attacked(1))
print("validation images that are right:")
print(f"median lead: {lead(val_images)[right].median():.2f}")
print(f"one grey level takes away (median): {lost[right].median():.2f}")

# %% [markdown]
# **Predict:** after how many grey levels is half of the accuracy lost? (An image becomes wrong
# when its whole lead is gone. Half of the right images have a lead below the median. So divide one
# median by the other.)

# %%
your_guess = "?"  # a number of grey levels

# %% tags=["hide-input"]
# @title Figure 4.9
half = next(n for n in range(256) if accuracy(linear_runs[0](attacked(n)), val_labels) < trained[0] / 2)  # fmt: skip
print(f"your guess: {your_guess}, measured: {half} grey levels")
levels = [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32]
torch.manual_seed(0)
signs = torch.randn(val_images.shape).sign()
noisy = {level: (val_images + level / 255 * signs).clamp(0, 1) for level in levels}


def curve(network, seen):
    return [accuracy(network(seen(level)), val_labels) for level in levels]


curves_of_levels = {
    "one layer,\nrandom change": curve(linear_runs[0], noisy.get),
    "two layers,\nsame images": curve(two_layer_runs[0], attacked),
    "one layer,\nadversarial": curve(linear_runs[0], attacked),
}
figure, panels = plots.figure(8, 2.7, 1, 4, width_ratios=(1, 1, 1, 2))
after = attacked(16)
fooled = int(((linear_runs[0](after).argmax(1) == 7) & boots).nonzero()[0])
for panel, picture, title, signed in (
    (panels[0], val_images[fooled], "prediction:\nankle boot", False),
    (panels[1], (after - val_images)[fooled], "change: red\n+16, blue −16", True),
    (panels[2], after[fooled], "prediction:\nsneaker", False),
):
    scale = (-0.1, 0.1) if signed else (0, 1)
    plots.pictures([picture], [title], size=1.25, signed=signed, scale=scale, axis=panel)
plots.lines(curves_of_levels, levels, xlabel="change of each pixel (grey levels)",
            ylabel="validation accuracy", ylim=(0, 1), axis=panels[3])  # fmt: skip
show(
    figure,
    caption="Figure 4.9. Left: a boot, its adversarial change by 16 grey levels (white: no change, since black pixels cannot become darker), and the result. "
    "Right: accuracy on 2,000 validation images. The adversarial images are made for one layer. The two-layer network gets the same images.",
    alt="A boot, a pattern of red and blue pixels, and the same boot slightly noisy, which is called a sneaker. The curve of "
    "random changes stays level; the two adversarial curves fall to about 0.1 at 32 levels.",
)

# %% [markdown]
# Random changes of the same size hardly matter. Adversarial changes of 16 grey levels are hard to see, and most
# predictions are wrong. They fool the two-layer network nearly as often. (We did not test why.)
#
# Next, the object moves, is partly covered, or changes its size. To make room, we shrink each
# image to 20 × 20 pixels, and put it on a black canvas of 36 × 36. We train both networks again,
# with 6,000 images.


# %% tags=["hide-input"]
# @title The canvas, and the training on it
def on_canvas(images):
    small = nn.functional.adaptive_avg_pool2d(images, 20)
    return nn.functional.pad(small, [8] * 4)  # 8 black pixels on each side: 36 × 36


def bytes_of(images):
    return (255 * images).round().to(torch.uint8)  # a data.Split holds bytes, 0 to 255


canvas = data.Split(bytes_of(on_canvas(images[:6_000])), labels[:6_000])
val_canvas = data.Split(bytes_of(on_canvas(val_images)), val_labels)

makers = {"one layer": lambda: one_layer(36 * 36), "two layers": lambda: two_layers(36 * 36)}


def train_on_canvas(make_network, seed, shifts=0):
    torch.manual_seed(seed)
    network = make_network()
    training.fit(
        network, canvas, epochs=3, batch_size=100, seed=seed, progress=False, device="cpu",
        augment=lambda batch, *_: perturb.random_crop(batch, shifts),  # moves each image
    )  # fmt: skip
    return network


# %% tags=["hide-input"]
# @title Figure 4.10
centred_runs = {
    name: [train_on_canvas(make, seed) for seed in range(3)] for name, make in makers.items()
}
memory = NearestNeighbours(k=1).fit(canvas.images, canvas.labels)
some = slice(0, 400)


def hide(images, rows):
    kept = images.clone()
    kept[:, :, 28 - rows : 28] = 0  # the object lies in rows 8 to 27
    return kept


changes = {  # name: axis, function, values, values of the examples
    "shift (pixels)": (perturb.shift, [0, 1, 2, 4, 6, 8], [0, 4, 8]),
    "black rows (of 20)": (hide, [0, 4, 8, 12, 16], [0, 8, 16]),
    "size": (perturb.scale, [0.6, 0.8, 1, 1.2, 1.4], [0.6, 1, 1.4]),
}
example = val_canvas.images[9:10]
figure, (above, below) = plots.figure(8, 4.2, 2, 3, height_ratios=(1, 2.2))
measured = {}
for top, panel, (change, (apply, values, shown)) in zip(above, below, changes.items(), strict=True):
    plots.pictures(torch.cat([apply(example, value) for value in shown]),
                   [f"{value}" for value in shown], size=0.7, scale=(0, 255), axis=top)  # fmt: skip
    changed_images = [apply(val_canvas.images[some], value) for value in values]
    curves = {
        name: [[training.evaluate(one, data.Split(seen, val_labels[some])) for seen in changed_images]
               for one in runs]
        for name, runs in centred_runs.items()
    }  # fmt: skip
    curves["nearest neighbour"] = [memory.score(seen, val_labels[some]) for seen in changed_images]
    plots.lines(curves, values, xlabel=change, ylabel="" if measured else "validation accuracy",
                ylim=(0, 0.9), xticks=values, labels=len(measured) == 2,
                levels={"constant\nbaseline": 0.1}, axis=panel)  # fmt: skip
    measured[change] = curves
show(
    figure,
    caption="Figure 4.10. Above: examples of a shift to the right, of black rows at the bottom, and of another size. Below: accuracy on 400 changed validation images (networks: three epochs, mean "
    "of three runs). All three methods fall.",
    alt="Three panels. With a shift of 4 pixels all curves are below 0.35; with more black rows and "
    "with other sizes than 1 all three fall in a similar way.",
)

# %% [markdown]
# After a shift of 4 pixels, a fifth of the shrunken image, most predictions are wrong. In a network, bright pixels meet the weights of other positions.
# All three methods fall in a similar way. Each compares pixels at fixed positions.
#
# [*Concept 29*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## Going further: more data, or another network?
#
# For a second reading: three networks that also see shifted images in training.

# %% [markdown]
# Mirrored training images helped in part 5. So now we show shifted ones: each time an image is
# used, we move it by up to 4 pixels in each direction. This is **data augmentation**. We also try
# a third network. It first slides 16 small templates of 7 × 7 pixels over the image, a
# **convolution** (section 05). This gives 16 grids of numbers, one per template. They are then
# made smaller, to 6 × 6 numbers each. Ten weighted sums of these are the scores.


# %% tags=["hide-input"]
# @title The network with a convolution, and Figure 4.11
def convolution():
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=7, stride=2, padding=3),
        nn.MaxPool2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 6 * 6, 10),
    )


makers["convolution"] = convolution
centred_runs["convolution"] = [train_on_canvas(convolution, seed) for seed in range(3)]
shifted_runs = {
    name: [train_on_canvas(make, seed, shifts=4) for seed in range(3)]
    for name, make in makers.items()
}
torch.manual_seed(1)
val_moved = data.Split(perturb.random_crop(val_canvas.images, 4), val_labels)
sizes = {name: sum(p.numel() for p in runs[0].parameters()) for name, runs in shifted_runs.items()}
on_shifted = {
    f"{name} ({sizes[name]:,})": {
        "trained in the middle": [training.evaluate(one, val_moved) for one in centred_runs[name]],
        "trained with shifts": [training.evaluate(one, val_moved) for one in shifted_runs[name]],
    }
    for name in makers
}
means = [
    f"{name.partition(' (')[0]} {np.mean(one):.2f} and {np.mean(other):.2f}"
    for name, (one, other) in ((name, pair.values()) for name, pair in on_shifted.items())
]
show(
    plots.bars(on_shifted, ylabel="accuracy on shifted images", ylim=1,
               levels={"constant\nbaseline": 0.1}),
    caption="Figure 4.11. Accuracy on 2,000 validation images that are shifted by up to 4 pixels in each direction. "
    "Dots: single runs. In brackets: how many weights and biases each network has.",
    alt=f"Accuracy trained in the middle and trained with shifts: {'; '.join(means)}.",
)  # fmt: skip
print("for comparison: trained in the middle, tested in the middle (mean of three runs)")
in_the_middle = {
    name: [training.evaluate(one, val_canvas) for one in runs]
    for name, runs in centred_runs.items()
}
for name, shares in in_the_middle.items():
    print(f"{name:12} {np.mean(shares):.3f}")

# %% [markdown]
# Trained in the middle, all three networks fail on most shifted images. Shifts in training help all three.
# The convolutional network is then the best, perhaps because it uses the same small templates everywhere.
# Trained *and tested* in the middle, it is only about as good as the others (printed).
#
# [*Concept 30*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
random_16, same_16, made_16 = (curve[levels.index(16)] for curve in curves_of_levels.values())
assert random_16 > 0.8 and max(same_16, made_16) < 0.5 and 8 < half < 20
# Random changes of 16 levels do not hurt the two-layer network either.
assert accuracy(two_layer_runs[0](noisy[16]), val_labels) > 0.8
by_shift = measured["shift (pixels)"]
for name, curve_of_shifts in by_shift.items():
    curve_of_shifts = np.atleast_2d(curve_of_shifts).mean(0)
    assert curve_of_shifts[0] > 0.75 and curve_of_shifts[3] < 0.5, name
    assert curve_of_shifts[-1] < 0.3, name
first, second, third = (row["trained with shifts"] for row in on_shifted.values())
assert max(first) + 0.05 < min(second) and max(second) + 0.01 < min(third)
assert max(max(row["trained in the middle"]) for row in on_shifted.values()) < 0.5 < min(first)
assert np.ptp([np.mean(shares) for shares in in_the_middle.values()]) < 0.05
assert sizes["convolution"] < sizes["one layer"] < sizes["two layers"]

# %% [markdown]
# ## Problem set

# %% [markdown]
# **1** ★ 5 min. Pencil and paper.

# %%
check(first_probability=..., how_many_numbers=...)

# %% [markdown]
# **2** ★★ 5 min, after *Going further: small changes that break it*. The smallest adversarial change, by hand.

# %%
check(smallest_change=...)

# %% [markdown]
# **3** ★★ 4 min. Which template does *weight decay* prefer?

# %%
check(smaller_penalty=...)

# %% [markdown]
# **4** ★★ 8 min. *Debug.* The loss falls far too slowly. Mend the one wrong line, then
# call `check(three_steps)`.


# %%
def three_steps(images, labels):  # images: one row for each image
    layer = start_at_zero(nn.Linear(images.shape[1], 10, bias=False))
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(3):
        loss = nn.functional.cross_entropy(layer(images).softmax(1), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return layer.weight


# %% [markdown]
# **5** ★★ 5 min. *Explain.* Equal accuracy, but a larger cross-entropy: how?

# %%
reveal(same_accuracy=...)

# %% [markdown]
# **6** ★★ 10 min. *Design.* Reach the validation accuracy 0.77 in one epoch.

# %%
check(one_epoch={"learning_rate": 0.1, "batch_size": 100})

# %% [markdown]
# **7** ★★★ 20 min. *Open.* Train with weight decay: `torch.optim.SGD(…, weight_decay=0.1)`. What
# happens to templates and accuracy? Guess first.


# %% tags=["hide-input"]
# @title Worked solutions
def linear_scores(images, weights, biases):
    rows = images.reshape(len(images), -1)  # each image becomes one row
    return rows @ weights.T + biases  # all images with all templates


def distance_bias(templates):
    return -(templates**2).sum(axis=1) / 2  # |x|² is the same for all classes


def three_steps(images, labels):
    layer = start_at_zero(nn.Linear(images.shape[1], 10, bias=False))
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(3):
        loss = nn.functional.cross_entropy(layer(images), labels)  # it takes the softmax itself
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return layer.weight


check(linear_scores), check(distance_bias), check(three_steps)
check(
    first_probability=np.exp(2) / (np.exp(2) + 2 * np.exp(1)),
    how_many_numbers=10 * (3 * 32 * 32 + 1),
    smallest_change=(13 - 11) / (3 + 2 + 4),  # the lead, divided by what a change of 1 takes away
    smaller_penalty="b",  # ¼ instead of 1
)  # one_epoch: many small steps, such as {"learning_rate": 0.03, "batch_size": 10}

# %% [markdown]
# ## References
#
# - C. M. Bishop. *Pattern Recognition and Machine Learning*, 2006, §4.1.4–4.2.1 (LDA: averages and
#   the inverse covariance) and §4.3.4 (the gradient p − y).
# - I. Goodfellow, J. Shlens, C. Szegedy. Explaining and harnessing adversarial examples. *ICLR* 2015
#   (the *fast gradient sign method*; our change follows its idea).
# - M. Minsky, S. Papert. *Perceptrons*, 1969 (what one layer cannot compute).
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine
#   learning algorithms. arXiv:1708.07747, 2017. The accuracy of people stands in
#   the benchmark table of the project's page: 1,000 test images, three people each, and the majority decides
#   (sent in, not tested by the authors).
#
# [Concepts 25–30](00_start_here.ipynb#Map-of-the-concepts)
