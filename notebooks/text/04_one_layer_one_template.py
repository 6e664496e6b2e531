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
# In section 03 we kept every training image. Now we keep one number per pixel and class instead. (The field says *softmax regression*.) You need section 03.
#
# Afterwards you will be able to
#
# - compute the scores of a layer by hand, and read its weights as images,
# - train a layer, and explain the words softmax, cross-entropy, gradient, batch and epoch,
# - say which changes of an image break it, and which other methods fail on the same changes.
#
# *About 60 min, and as much for the problem set · CPU 25 s*

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

torch.set_num_threads(1)  # one thread is faster for such small networks

# %% [markdown]
# Fashion-MNIST has ten equally frequent classes. So a **constant baseline**, which always
# predicts the same class, has the accuracy 0.10. People without training in fashion
# reached 0.835 (1,000 test images, three people each, and the majority decides; see References). Nearest neighbour on our validation images:

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
# **bias** of the class. The class with the largest score is the prediction. (Papers: *logits*.)
#
# An image of three pixels, (3, 1, 2):
#
# | class | weights | bias | score |
# |---|---|---|---|
# | ankle boot | 4, 0, −1 | 3 | 12 + 0 − 2 + 3 = **13** |
# | sneaker | −5, 2, 3 | 0 | −15 + 2 + 6 + 0 = **−7** |
# | bag | 1, 2, 3 | 0 | 3 + 2 + 6 + 0 = **11** |
#
# The prediction is *ankle boot*. As matrices this is $s = Wx + b$. Each row of $W$ belongs to one
# class, and each number of $Wx$ is the **inner product** of one row with the image.

# %%
W = torch.tensor([[4.0, 0, -1], [-5, 2, 3], [1, 2, 3]])
b = torch.tensor([3.0, 0, 0])
x = torch.tensor([3.0, 1, 2])
print("scores:", (W @ x + b).tolist())

# %% [markdown]
# Each pixel is connected to each score, so this is a **fully connected layer**. In PyTorch it is
# `nn.Linear`. Our images have 28 × 28 = 784 pixels and ten classes:

# %%
layer = nn.Linear(28 * 28, 10)
print("weights:", tuple(layer.weight.shape), "  biases:", tuple(layer.bias.shape))
print("numbers in all:", layer.weight.numel() + layer.bias.numel())

# %% [markdown]
# Now write the layer.


# %%
def linear_scores(images, W, b):
    """images (N, C, H, W), W (K, C·H·W), b (K,), NumPy arrays -> (N, K) scores.

    N images of C channels, H rows and W columns; K classes."""
    ...  # replace this line


check(linear_scores)

# %%
hint(linear_scores)

# %% [markdown]
# The prediction depends only on *differences* of scores, such as 13 − 11 = 2. If we add (1, 1, 1) to
# all three rows of weights, each score grows by 3 + 1 + 2 = 6. The differences stay the same.
#
# [*Concept 25*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 2 Templates without training
#
# Which weights should we take? A row of weights has one number per pixel, so we can show it as an
# image. It is called the **template** of its class. Our first choice is the average image of the class.

# %%
pixels, val_pixels = images.flatten(1), val_images.flatten(1)  # one row of 784 numbers per image
averages = torch.stack([pixels[labels == c].mean(0) for c in range(10)])  # 10 × 784

# %% [markdown]
# To decide between boot and sneaker we need one template: the difference of the two.

# %% tags=["hide-input"]
# @title Figure 4.1
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
    caption="Figure 4.1. An image, the difference of the average boot and the average sneaker, and their "
    f"product pixel by pixel. Its sum is {red:.1f} − {-blue:.1f} = {red + blue:.1f}.",
    alt="A grey ankle boot; a template that is red at the shaft and at the sole and blue above the "
    "toe; and their product, red at shaft and sole, with little blue.",
)

# %% [markdown]
# The template is red where bright pixels count for the boot, and blue where they count against it.
# The sum over the product is the boot's lead over the sneaker, before the biases.
#
# Do the colours of one template mean anything? We add the same image of random numbers to all ten.

# %%
torch.manual_seed(0)
before = val_pixels @ averages.T
after = val_pixels @ (averages + torch.randn(784)).T
changed = (before.argmax(1) != after.argmax(1)).sum().item()
print(f"predictions that change: {changed} of {len(val_pixels):,}")

# %% [markdown]
# All scores of an image change equally. Only differences between templates mean something.
#
# Can you draw a better template? Click the cells: + where bright
# pixels count for the first class, − where they count against it. The bias is set to the value that
# separates the training images best.

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
    caption="Figure 4.2. A template drawn with + and −, the inner products that it gives to the validation "
    "images of two classes (dashed: the threshold), and how many it separates.",
)

# %% [markdown]
# Step to the second drawing: it is nearly as good as the averages. The third drawing,
# + in all cells, only adds up all pixels. It is worse, but above chance.
#
# Next we use all ten averages as templates, with all biases 0. **Predict:**
# the validation accuracy, a number from 0.10 to 0.82.

# %%
your_guess = "?"  # a number from 0 to 1


# %%
def accuracy(scores, labels):
    return (scores.argmax(1) == labels).float().mean().item()


print(f"your guess: {your_guess}, measured: {accuracy(val_pixels @ averages.T, val_labels):.3f}")

# %% [markdown]
# An inner product is not a distance. Take two pixels, and the averages (1, 1) and
# (3, 3). The image (1, 1) is *equal* to the first average, yet the scores are 2 and 6. The
# brighter template wins here. A bias can repair this. For an image $x$ and an average $\mu$,
#
# $$|x-\mu|^2 = |x|^2 - 2\,\mu\cdot x + |\mu|^2 .$$
#
# Which bias must we add to $\mu\cdot x$ so that the *largest score* belongs to the *nearest average*?


# %%
def distance_bias(templates):
    """templates (K, D), a NumPy array -> (K,) biases."""
    ...  # replace this line


check(distance_bias)

# %%
hint(distance_bias)

# %% [markdown]
# The answer is $-|\mu|^2/2$. The nearest average has the smallest $|x-\mu|^2$, so the largest $-|x-\mu|^2/2$. By the formula, this is $\mu\cdot x - |\mu|^2/2$, minus $|x|^2/2$, which is the same for all classes. With two numbers per image we can draw what it does.

# %% tags=["hide-input"]
# @title Figure 4.3
from matplotlib.patches import FancyArrowPatch

two = [
    torch.stack([part[:, 0, :10].mean((1, 2)), part[:, 0, 18:].mean((1, 2))], 1)
    for part in (val_images[val_labels == 9], val_images[val_labels == 7])
]
centres = [part.mean(0) for part in two]
normal, middle = centres[0] - centres[1], (centres[0] + centres[1]) / 2
figure, axis = plots.figure(8, 4.0)
for part, colour, marker, name in zip(
    two, plots.COLOURS[:2], "os", ("ankle boot", "sneaker"), strict=True
):
    axis.scatter(*part.T, s=14, color=colour, marker=marker, alpha=0.45, lw=0, label=name)
along = torch.tensor([-normal[1], normal[0]])
ends = torch.tensor([-3.0, 3.0])[:, None]
axis.plot(*(ends * along).T, "--", color="#555555", label="equal scores, bias 0")
axis.plot(*(middle + ends * along).T, "-", color="black", label="equal scores, with the bias")
for centre in centres:
    axis.plot(*centre, "D", ms=9, mec="black", mfc="white")
axis.add_patch(FancyArrowPatch(centres[1], centres[0], arrowstyle="-|>", mutation_scale=18, lw=2))
axis.annotate("difference of\nthe templates", centres[0], (14, -30), textcoords="offset points")
axis.set(xlim=(-0.12, 0.5), ylim=(-0.1, 0.6), aspect="equal",
         xlabel="mean brightness of the upper 10 rows", ylabel="mean brightness of the lower 10 rows")  # fmt: skip
axis.plot(0, 0, "k+", ms=14, mew=2)
axis.annotate("origin", (0, 0), (-46, -16), textcoords="offset points")
axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    figure,
    caption="Figure 4.3. Boots and sneakers (validation images) by two numbers, the mean brightness of the upper and of the lower 10 rows. The diamonds are the averages. The bias moves the line of equal scores to the middle between them.",
    alt="Two clouds of points. The dashed line through the origin leaves all points on one "
    "side; the solid line lies halfway between the averages and separates most of them.",
)

# %% [markdown]
# With bias 0 a black image has the score 0 for both classes. So the line of equal scores passes through the origin. All points lie on the boot's side of it, so all are called boots. With all pixels:

# %% tags=["hide-input"]
# @title The averages with the bias
bias = -averages.square().sum(1) / 2
print(f"averages, bias 0: {accuracy(val_pixels @ averages.T, val_labels):.3f}")
print(f"averages, with the bias: {accuracy(val_pixels @ averages.T + bias, val_labels):.3f}")

# %% [markdown]
# [*Concept 26*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 3 What a wrong prediction costs
#
# To improve weights step by step, we need one number that says how wrong they are. First we turn
# scores into probabilities. The **softmax** raises *e* to each score and divides by the sum of the
# powers. Say the scores of an image are 3, 1 and 0. The sum is 20.1 + 2.7 + 1.0 = 23.8 (all rounded). Each class gets
# a probability $p$. The **target** $y$ is 1 for the true class, here ankle boot, and 0 for the others.
#
# | class | score | power | p | y | p − y |
# |---|---|---|---|---|---|
# | ankle boot | 3 | 20.1 | 0.84 | 1 | −0.16 |
# | bag | 1 | 2.7 | 0.11 | 0 | 0.11 |
# | sneaker | 0 | 1.0 | 0.04 | 0 | 0.04 |
#
# The softmax keeps the order of the scores, so it never changes the prediction. The **loss** of one
# image is $-\log p$ (natural logarithm) with the $p$ of its true class.
# It is also called **cross-entropy**.

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
    torch.tensor([3.0, 1, 0]).softmax(0).tolist(), ("boot", "bag", "sneaker"), strict=True
):
    axis.plot(share, -np.log(share), "o", color="black")
    axis.annotate(f"if it is a {name}: {-np.log(share):.2f}", (share, -np.log(share)), (8, 5),
                  textcoords="offset points")  # fmt: skip
show(
    drawing,
    caption="Figure 4.4. The loss of one image. It is near 0 if the true class has a probability near 1, "
    "and grows without limit as this probability goes to 0.",
    alt="A curve that falls from above 4 at probability 0.01 to 0 at probability 1. Marked: 0.17 for "
    "the boot, 2.2 for the bag, 3.2 for the sneaker.",
)

# %% [markdown]
# Training makes the mean loss over many images small. (PyTorch's
# `cross_entropy` takes the *scores* and does the softmax itself.)
#
# A **derivative** says how fast the loss grows if one number grows. For the score of class $c$ it is
# $p_c - y_c$ (without proof), for the boot −0.16. A boot score of 3.1 lowers the loss from 0.170
# to 0.155, by about 0.16 × 0.1.
#
# The score is $w\cdot x + b$. If the weight of pixel $i$ grows by $\delta$, the score grows
# by $\delta x_i$. So the derivative of the loss for this weight is $(p_c - y_c)\,x_i$. The derivatives of all weights and biases form the **gradient**.
# For the template $w_c$ it is $(p_c - y_c)\,x$, the image times a number. For the bias it is $p_c - y_c$.
# **Gradient descent** takes a small step against it:
#
# $$w_c \leftarrow w_c - \eta\,(p_c-y_c)\,x \quad\text{for every class } c.$$
#
# The factor $\eta$ is the **learning rate**.
#
# **Predict:** all weights and biases are 0, so all ten classes have the same probability. We show
# one boot $x$, with $\eta = 1$. The step adds $a\,x$ to the template of *ankle boot*. What is $a$? And
# for each other template?

# %%
your_guess = "?"  # two numbers, such as (1, 0)


# %%
def start_at_zero(network):
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    return network


# %% [markdown]
# The change of each weight is $a$ times its pixel. So $a$ is the change of one weight, divided by its pixel. With $\eta = 1$ this change is minus
# the gradient.

# %%
layer = start_at_zero(nn.Linear(28 * 28, 10))
one_boot = pixels[labels == 9][:1]  # 9: ankle boot
loss = nn.functional.cross_entropy(layer(one_boot), torch.tensor([9]))
loss.backward()  # computes the gradients
change = -1 * layer.weight.grad  # 10 × 784: a row for each template
i = one_boot.argmax()  # the brightest pixel; other pixels, except black, give the same a
times = change[:, i] / one_boot[0, i]  # ten numbers a, one for each template
print(f"your guess: {your_guess}, measured:", [round(t, 2) for t in times.tolist()])

# %% [markdown]
# The boot's template moves towards the boot, and all others away.
#
# Using all images for each step would be slow. So each step uses the mean gradient of a **batch** of 100
# images (*stochastic* gradient descent). One pass
# through all images is an **epoch**. This is the whole training:


# %%
def fit(network, images, labels, epochs, batch_size=100):
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)  # lr: the learning rate
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(batch_size):  # in a new random order
            loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()  # forget the old gradients
            loss.backward()  # compute the new ones
            optimiser.step()  # one step of gradient descent


# %% [markdown]
# How many epochs? We choose on the validation split.


# %%
def one_layer(pixels=28 * 28):
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 10))


torch.manual_seed(0)
network, total = one_layer(), 0
for more in (1, 5, 6, 6):  # epochs since the last look
    fit(network, images, labels, more)
    total += more
    on_train, on_val = accuracy(network(images), labels), accuracy(network(val_images), val_labels)
    print(f"{total:2} epochs: training accuracy {on_train:.3f}, validation {on_val:.3f}")

# %% [markdown]
# After 12 epochs more training brings little, so we take 12 to save time. `nn.Linear` starts with small
# random weights, not with 0. The order of the images is random, too. Therefore we train three times.


# %%
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
print("one layer, validation:", accuracies(linear_runs, val_images, val_labels))
print(f"nearest neighbour: {of_search:.3f}")

# %% [markdown]
# The 7,850 numbers of one layer are now about as good as the search through 8,000 images.

# %% tags=["hide-input"]
# @title Figures 4.5 and 4.6
learned = linear_runs[0][1].weight.detach()
centred = (learned - learned.mean(0)).view(10, 1, 28, 28)
show(
    plots.pictures(centred, classes, columns=5, size=1.35, signed=True, bar="weight"),
    caption="Figure 4.5. The ten learned templates, minus the mean of all ten. All share one scale.",
    alt="Ten speckled images in red and blue. Outlines of trousers, sandals, sneakers, bags and boots "
    "can be recognised.",
)
predicted = linear_runs[0](val_images).argmax(1)
confusions = torch.zeros(10, 10).index_put_(
    (val_labels, predicted), torch.ones(len(val_labels)), accumulate=True
)
show(
    plots.numbers(
        confusions, rows=classes, columns=classes, xlabel="predicted", ylabel="true class"
    ),
    caption="Figure 4.6. What is predicted for the 200 validation images of each class. Shirts and pullovers "
    "are hardest in this run.",
    alt=f"A matrix of counts with large numbers on the diagonal. Only {confusions[6, 6]:.0f} of 200 "
    "shirts are found; most others are called T-shirt, pullover or coat.",
)

# %% [markdown]
# This is a **confusion matrix**: a row for each true class, a column for each prediction.

# %% [markdown]
# ## 4 Are the learned templates averages?
#
# In the first
# step from zero, each image $x$ adds $0.9\,x = x - 0.1\,x$ to its own template, and $-0.1\,x$ to each other template. So $-0.1\,x$ goes to all ten, and $x$ to its
# own.
#
# A step with all 8,000 images takes the mean over all of them:
#
# - the mean of $-0.1\,x$ is $-\tfrac{1}{10}$ times the average of all images,
# - $x$ comes only from the class's own 800 images: their sum, divided by 8,000, is $\tfrac{1}{10}$ of the class average.
#
# Together, the template becomes
#
# $$\tfrac{1}{10}\,(\text{class average} - \text{average of all}),$$
#
# times the learning rate. After one step with all images, each template *is* a difference of
# averages. We measure similarity by the **correlation** (1: the same pattern, 0: unrelated).

# %%
differences = (averages - averages.mean(0)).view(10, 1, 28, 28)


def look(network):
    weight = network[1].weight  # network[0] is Flatten
    templates = weight.detach().clone().view(10, 1, 28, 28)  # a copy without gradient
    return templates, accuracy(network(val_images), val_labels)


# %%
torch.manual_seed(0)
network, stages, total = start_at_zero(one_layer()), {}, 0
fit(network, images, labels, epochs=1, batch_size=8_000)  # one step with all images
stages["1 step"] = look(network)
for more in (1, 1, 3, 7):  # epochs of small batches since the last look
    fit(network, images, labels, more)
    total += more
    stages[f"{total} epochs" if total > 1 else "1 epoch"] = look(network)

# %% tags=["hide-input"]
# @title Figure 4.7: watch the templates
show(
    play.templates(classes, differences, stages),
    caption="Figure 4.7. Above, class average minus average of all; below, the templates. Each row has its "
    "own scale, which stands on its left. The correlation falls while the accuracy rises.",
)

# %% [markdown]
# After one step the correlation is 1. And the accuracy is that of the averages with bias 0 (part 2), for three reasons. To multiply all templates by the same positive number changes no prediction. To subtract the same image from all of them changes none either. Since the classes are equally frequent, the mean of $p-y$ is 0 for each class, so all biases are still 0. Then the
# accuracy rises, *while* the templates become less similar to averages. (A part of this rise comes from the biases: part 2.)
#
# Why are averages not the best weights? Say two neighbouring pixels are always equal. Then the second tells nothing new, but the averages count both fully. Better weights count each of them half.
#
# A classical method, *linear discriminant analysis* (LDA), takes into account which pixels vary together [Bishop 2006]. Its code is folded.

# %% tags=["hide-input"]
# @title LDA for all pixels
within = pixels - averages[labels]  # each image minus the average of its class
covariance = within.T @ within / len(within) + 0.01 * torch.eye(784)  # 0.01: some never vary
lda = torch.linalg.solve(covariance, averages.T).T
lda_bias = -(lda * averages).sum(1) / 2  # puts the border in the middle, as in Figure 4.3

# %% [markdown]
# "Trained" is one run of part 3, which began with random weights (Figure 4.7 began with 0).

# %% tags=["hide-input"]
# @title Comparison, and Figure 4.8
from cv_course.sections.s04_template.model import correlation


def row(name, templates, biases):
    found = accuracy(val_pixels @ templates.T + biases, val_labels)
    similar = correlation(templates - templates.mean(0), differences.flatten(1)).mean().item()
    print(f"{name:23} {found:8.3f} {similar:14.2f}")
    return found, similar


print(f"{'templates':23} {'accuracy':>8}   correlation with averages")
of_averages = row("averages, with the bias", averages, bias)
of_lda = row("LDA templates", lda, lda_bias)
of_trained = row("trained", learned, linear_runs[0][1].bias.detach())
chosen, names = [9, 7, 8, 6, 4], ("averages", "LDA", "trained")
rows = [(one - one.mean(0))[chosen].view(5, 1, 28, 28) for one in (averages, lda, learned)]
show(
    plots.pictures(
        torch.cat([one / one.abs().max() for one in rows]),
        [classes[c] for c in chosen],
        columns=5,
        size=1.2,
        signed=True,
        row_names=names,
    ),
    caption="Figure 4.8. Five templates of each kind, minus the mean of all ten. Each row has its own scale. "
    "Both better kinds look less like clothes than the averages.",
    alt="Three rows of five images in red and blue. The averages are smooth and easy to name, the "
    "LDA templates are fine speckles, the trained templates lie between.",
)

# %% [markdown]
# The LDA templates are not very similar to averages, and yet far better. So a
# good layer does not need a high similarity.
#
# [*Concept 27*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
trained = accuracies(linear_runs, val_images, val_labels)
plain = accuracy(val_pixels @ averages.T, val_labels)
assert changed <= 2 and plain < 0.4 < 0.6 < of_averages[0] < of_lda[0] - 0.08
assert min(trained) > of_averages[0] + 0.1 and min(trained) > 0.8
assert np.allclose(times, [-0.1] * 9 + [0.9], atol=1e-4)
first, last = stages["1 step"], stages["12 epochs"]
assert correlation(first[0], differences).min() > 0.9999 and abs(first[1] - plain) < 0.01
assert correlation(last[0], differences).mean() < 0.75 and last[1] > first[1] + 0.4
assert of_lda[1] < of_trained[1] < 0.75 and set(confusions.diag().argsort()[:3].tolist()) >= {2, 6}

# %% [markdown]
# ## 5 One pattern for each class
#
# What if a class has two appearances? Nearly all shoes
# here point to the left, as the boot in Figure 4.1.
#
# **Predict:** we mirror the validation images. What share of the boots will still be
# recognised? In Figure 4.6 it is above 0.9.

# %%
your_guess = "?"  # a number from 0 to 1

# %%
boots = val_labels == 9
mirrored_boots = val_images[boots].flip(-1)
found = search.predict(validation.images[boots].flip(-1))
print("your guess:", your_guess)
print("one layer:", accuracies(linear_runs, mirrored_boots, val_labels[boots]))
print(f"nearest neighbour: {(found == 9).float().mean():.3f}")

# %% [markdown]
# Now a second network. It has a **hidden layer**: 32 weighted sums
# of the image. Ten more weighted sums of these 32 numbers give the scores. We call it the *two-layer network* (papers:
# *MLP*). Between its layers stands the **ReLU**, which replaces negative numbers by 0. Without it, weighted sums of weighted sums are again
# weighted sums: two layers could do no more than one.


# %%
def two_layers(pixels=28 * 28):
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 32), nn.ReLU(), nn.Linear(32, 10))


two_layer_runs = three_runs(two_layers, images, labels)
print("two layers:", accuracies(two_layer_runs, mirrored_boots, val_labels[boots]))

# %% [markdown]
# One layer, nearest neighbour and two layers all fail: hardly any boot in their training images points to the right. Now we train on each image *and* its mirror image, in batches of 200.
# So there are as many steps as before.

# %%
both_ways = torch.cat([images, images.flip(-1)])
linear_both = three_runs(one_layer, both_ways, labels.repeat(2), batch_size=200)
two_layer_both = three_runs(two_layers, both_ways, labels.repeat(2), batch_size=200)

# %% tags=["hide-input"]
# @title The results, and Figure 4.9
val_both, val_both_labels = torch.cat([val_images, val_images.flip(-1)]), val_labels.repeat(2)
by_training = {
    "one layer": linear_runs,
    "one layer, both ways": linear_both,
    "two layers": two_layer_runs,
    "two layers, both ways": two_layer_both,
}
for seen, seen_images, seen_labels in (
    ("the usual validation images", val_images, val_labels),
    ("mirrored boots", mirrored_boots, val_labels[boots]),
):
    print(f"accuracy on {seen}, three runs:")
    for name, runs in by_training.items():
        shares = accuracies(runs, seen_images, seen_labels)
        print(f"{name:21}", *(f"{share:.3f}" for share in shares), f" mean {np.mean(shares):.3f}")
two_toed = linear_both[0][1].weight.detach()
average_boots = [averages[9].view(1, 28, 28), both_ways[labels.repeat(2) == 9].mean(0)]
templates_of_boots = torch.stack([(w - w.mean(0))[9].view(1, 28, 28) for w in (learned, two_toed)])
smooth = nn.functional.avg_pool2d(nn.functional.pad(templates_of_boots, [1] * 4), 3, stride=1)
figure, (left, right) = plots.figure(8, 2.5, 1, 2, width_ratios=(1, 1.25))
names = ["usual images", "both ways"]
plots.pictures(average_boots, [f"average boot,\n{name}" for name in names], size=1.7, axis=left)
plots.pictures(smooth, [f"template of boot,\n{name}" for name in names], size=1.7, signed=True,
               bar="weight", axis=right)  # fmt: skip
own_mirror = correlation(two_toed, two_toed.view(10, 28, 28).flip(-1))[9].item()
show(
    figure,
    caption="Figure 4.9. Boots and the learned template of the boot. After training on both ways "
    f"the template is nearly its own mirror image (correlation {own_mirror:.2f}). Templates are smoothed for display.",
    alt="The average boot points to the left; over both ways it is a boot with a toe on each side. The "
    "template trained on both ways is symmetric: red in the middle, blue above the two toes.",
)

# %% [markdown]
# The layer cannot keep one template for *left* and another for *right*. It finds a compromise, which recognises
# most mirrored boots. But on usual images, it is worse in all three runs.
#
# Sometimes no compromise exists. Take two pixels. In class A exactly one of them is bright:
# (1, 0) or (0, 1). In class B both are bright or none: (1, 1) or (0, 0). Let $d$ be the score of A minus
# the score of B. It is a weighted sum plus a bias, so
#
# $$d(1,0) + d(0,1) = (w_1 + b) + (w_2 + b) = w_1 + w_2 + 2b,$$
#
# $$d(1,1) + d(0,0) = (w_1 + w_2 + b) + b = w_1 + w_2 + 2b.$$
#
# Both terms of the first sum must be positive, both of the second negative. But the sums are equal. So no weights can do it. This is XOR,
# *exclusive or* [Minsky & Papert 1969]. A hidden layer can:
# ReLU(x₁ − x₂) + ReLU(x₂ − x₁) is 1 for A and 0 for B.
#
# [*Concept 28*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 6 Small changes that break it
#
# Each pixel may change by at most $\varepsilon$. Which change most helps the *rival*, the wrong class with the largest score? Let $w$ be the template of
# the true class and $v$ that of the rival. If pixel $i$ grows by $\varepsilon$, the rival gains
# $\varepsilon\,(v_i - w_i)$. So each pixel should grow where $v_i - w_i$ is positive and shrink where it
# is negative. This is an **adversarial** change, in the manner of the *fast gradient sign method* [Goodfellow 2015]. In all, the
# rival gains $\varepsilon \sum_i |v_i - w_i|$.


# %%
def adversarial(images, labels, weight, bias, epsilon):
    scores = images.flatten(1) @ weight.T + bias
    true_class = nn.functional.one_hot(labels, 10).bool()  # N × 10
    scores[true_class] = -torch.inf  # the true class is not its own rival
    rival = scores.argmax(1)
    push = (weight[rival] - weight[labels]).sign().view_as(images)
    return (images + epsilon * push).clamp(0, 1)


# %% tags=["hide-input"]
# @title How far ahead is the true class, and what does one grey level change?
learned_bias = linear_runs[0][1].bias.detach()
val_scores = val_pixels @ learned.T + learned_bias
rows = torch.arange(len(val_labels))
rivals = val_scores.clone()
rivals[rows, val_labels] = -torch.inf
lead = val_scores[rows, val_labels] - rivals.amax(1)
gain = (learned[rivals.argmax(1)] - learned[val_labels]).abs().sum(1) / 255
print(f"images that are right: median lead over the rival {lead[lead > 0].median():.2f}")
print(f"gain of the rival per grey level (median): {gain.median():.2f}")

# %% [markdown]
# **Predict:** one of 256 grey levels is $\varepsilon = 1/255$. How many levels halve the
# accuracy? The two numbers above help. Half of the images that are right have less than the median lead. After how many levels is the gain as large as this lead?

# %%
your_guess = "?"  # a number of grey levels

# %% tags=["hide-input"]
# @title Figure 4.10
levels = [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32]
torch.manual_seed(0)
signs = torch.randn(val_images.shape).sign()
names = ("random signs", "random signs,\ntwo layers", "adversarial", "same images,\ntwo layers")
curves_of_levels = {name: [] for name in names}
for level in levels:
    attacked = adversarial(val_images, val_labels, learned, learned_bias, level / 255)
    noisy = (val_images + level / 255 * signs).clamp(0, 1)
    for name, one, seen in (
        (names[0], linear_runs[0], noisy),
        (names[1], two_layer_runs[0], noisy),
        ("adversarial", linear_runs[0], attacked),
        ("same images,\ntwo layers", two_layer_runs[0], attacked),
    ):
        curves_of_levels[name].append(accuracy(one(seen), val_labels))
figure, (left, right) = plots.figure(8, 2.8, 1, 2, width_ratios=(1.35, 1))
attacked = adversarial(val_images, val_labels, learned, learned_bias, 16 / 255)
fooled = int(((linear_runs[0](attacked).argmax(1) == 7) & boots).nonzero()[0])
push = (attacked[fooled] - val_images[fooled]).sign()
plots.pictures([val_images[fooled], (1 + push) / 2, attacked[fooled]],
               ["“ankle boot”", "the change", "“sneaker”"],
               size=1.35, axis=left)  # fmt: skip
plots.lines(curves_of_levels, levels, xlabel="change of each pixel (grey levels)",
            ylabel="validation accuracy", ylim=(0, 1), axis=right)  # fmt: skip
half = next(
    n
    for n in range(256)
    if accuracy(
        linear_runs[0](adversarial(val_images, val_labels, learned, learned_bias, n / 255)),
        val_labels,
    )
    < trained[0] / 2
)
print(f"your guess: {your_guess}, measured: half of {trained[0]} is lost at {half} levels")
show(
    figure,
    caption="Figure 4.10. Left: a boot, the direction of an adversarial change (white: brighter, black: darker, grey: none, since black cannot get darker), and "
    "the boot after 16 grey levels of it. Right: accuracy of one layer and of the two-layer network (2,000 "
    "validation images). Adversarial changes are made for one layer; the two-layer network sees the same images.",
    alt="A boot, a pattern, and the same boot slightly noisy, which is called a sneaker. The curve of "
    "random signs stays level; the two adversarial curves fall to about 0.1 at 32 levels.",
)

# %% [markdown]
# It takes a few levels more than lead / gain. One reason is that black pixels cannot become darker. Random signs of the same size hardly matter. On the *same* images, the two-layer network fails nearly as often. (We do not explain this here.)
#
# The second change: we move the object, cover it from below, or change its size. We shrink each image to
# 20 × 20 pixels in the middle of a black canvas of 36 × 36. We train again, for three
# epochs.


# %% tags=["hide-input"]
# @title The canvas, and the training on it
def on_canvas(images):
    small = nn.functional.adaptive_avg_pool2d(images, 20)
    return nn.functional.pad(small, [8] * 4)  # 8 black pixels on each side: 36 × 36


def bytes_of(images):
    return (255 * images).round().to(torch.uint8)  # a data.Split holds bytes, 0 to 255


canvas = data.Split(bytes_of(on_canvas(images)), labels)
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
# @title Figure 4.11
centred_runs = {
    name: [train_on_canvas(make, seed) for seed in range(3)] for name, make in makers.items()
}
memory = NearestNeighbours(k=1).fit(canvas.images, labels)
some = slice(0, 400)


def hide(images, rows):
    kept = images.clone()
    kept[:, :, 28 - rows : 28] = 0  # the object lies in rows 8 to 27
    return kept


changes = {
    "shift (pixels)": ([0, 1, 2, 4, 6, 8], perturb.shift),
    "covered rows (of 20)": ([0, 4, 8, 12, 16], hide),
    "size ×": ([0.6, 0.8, 1, 1.2, 1.4], perturb.scale),
}
figure, panels = plots.figure(8, 3.0, 1, 3, sharey=True)
measured = {}
for panel, (change, (values, apply)) in zip(panels, changes.items(), strict=True):
    changed_images = [apply(val_canvas.images[some], value) for value in values]
    curves = {
        name: [[training.evaluate(one, data.Split(seen, val_labels[some])) for seen in changed_images]
               for one in runs]
        for name, runs in centred_runs.items()
    }  # fmt: skip
    curves["nearest neighbour"] = [memory.score(seen, val_labels[some]) for seen in changed_images]
    plots.lines(curves, values, xlabel=change, ylabel="validation accuracy" if not measured else "",
                ylim=(0, 0.9), xticks=values, labels=len(measured) == 2,
                levels={"chance": 0.1}, axis=panel)  # fmt: skip
    measured[change] = curves
show(
    figure,
    caption="Figure 4.11. Accuracy when the object is shifted to the right, covered from below, or "
    "rescaled (400 validation images). Networks: mean and range of three runs. All three methods fall.",
    alt="Three panels. With a shift of 4 pixels all curves are below 0.35; with more hidden rows and "
    "with other sizes than 1 all three fall in a similar way.",
)

# %% [markdown]
# A shift of four pixels is a fifth of the shrunken image. The layer fails for most
# images. Bright pixels now meet the weights of other positions. But the two-layer network and nearest neighbour fall about as far. So
# the cause is not the single layer alone: *each* of these methods ties what it knows to pixel positions.

# %% tags=["hide-input"]
# @title Figure 4.12: move the object yourself
show(
    play.drag({name: runs[0] for name, runs in centred_runs.items()}, val_canvas[:200], classes),
    caption="Figure 4.12. One image on the canvas, and the probabilities that two networks give to the ten "
    "classes. The green bar is the true class.",
)

# %% [markdown]
# [*Concept 29*](00_start_here.ipynb#Map-of-the-concepts)

# %% [markdown]
# ## 7 More data, or another network?
#
# Part 5 suggests a remedy: show the change during training. This is *data augmentation*. Each time an image is used, we move it by
# up to 4 pixels in each direction. A third network first slides 16 small
# templates of 7 × 7 pixels over the image (a **convolution**, section 05).


# %%
def convolution():  # you need not understand these layers yet: section 05
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=7, stride=2, padding=3),
        nn.MaxPool2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 6 * 6, 10),
    )


# %% tags=["hide-input"]
# @title Figure 4.13
makers["convolution"] = convolution
centred_runs["convolution"] = [train_on_canvas(makers["convolution"], seed=0)]
shifted_runs = {
    name: [train_on_canvas(make, seed, shifts=4) for seed in range(3)]
    for name, make in makers.items()
}
torch.manual_seed(1)
val_moved = data.Split(perturb.random_crop(val_canvas.images, 4), val_labels)
sizes = {name: sum(p.numel() for p in runs[0].parameters()) for name, runs in shifted_runs.items()}
compared = {
    f"{name} ({sizes[name]:,})": {
        "trained in the middle": [training.evaluate(one, val_moved) for one in centred_runs[name]],
        "trained with shifts": [training.evaluate(one, val_moved) for one in shifted_runs[name]],
    }
    for name in makers
}
means = [
    f"{name.partition(' (')[0]} {np.mean(one):.2f} and {np.mean(other):.2f}"
    for name, (one, other) in ((name, pair.values()) for name, pair in compared.items())
]
show(
    plots.bars(compared, ylabel="accuracy on shifted images", ylim=1, levels={"chance": 0.1}),
    caption="Figure 4.13. Validation accuracy on 2,000 images shifted by up to 4 pixels in each direction. "
    "Dots are single runs. The convolutional network that was trained in the middle ran only once. In brackets: weights and biases.",
    alt=f"Accuracy trained in the middle and trained with shifts: {'; '.join(means)}.",
)
for name, runs in centred_runs.items():
    in_the_middle = training.evaluate(runs[0], data.Split(val_canvas.images, val_labels))
    print(f"trained and tested in the middle, {name}: {in_the_middle:.3f}")

# %% [markdown]
# Trained in the middle, the convolutional network, too, is wrong on most shifted images. Shifts in training help all
# three. After three epochs the convolutional network is best, with the fewest
# numbers. One possible reason: it uses the same small templates all over the image. One layer has
# a single template for all 9 × 9 shifts (−4 to 4). On centred images the three hardly differ (printed).
#
# [*Concept 30*](00_start_here.ipynb#Map-of-the-concepts)

# %% tags=["hide-input"]
# @title Checks: what this shows
for runs in (linear_runs, two_layer_runs):
    assert max(accuracies(runs, mirrored_boots, val_labels[boots])) < 0.2
one, hidden = (accuracies(r, val_both, val_both_labels) for r in (linear_both, two_layer_both))
assert np.mean(hidden) > np.mean(one) + 0.003 and min(one) > 0.77
costs = [
    np.mean(accuracies(before, val_images, val_labels))
    - np.mean(accuracies(after, val_images, val_labels))
    for before, after in ((linear_runs, linear_both), (two_layer_runs, two_layer_both))
]
assert costs[0] > 0.01 and costs[1] < costs[0] - 0.004
assert correlation(two_toed, two_toed.view(10, 28, 28).flip(-1)).min() > 0.7
at_16 = {name: curve[levels.index(16)] for name, curve in curves_of_levels.items()}
assert (
    min(at_16[name] for name in names[:2]) > 0.8
    and max(at_16[name] for name in names[2:]) < 0.5
    and 8 < half < 20
)
by_shift = measured["shift (pixels)"]
for name, curve in by_shift.items():
    curve = np.atleast_2d(curve).mean(0)
    assert curve[0] > 0.75 and curve[4] < 0.5 and curve[-1] < 0.3, name
first, second, third = (row["trained with shifts"] for row in compared.values())
assert max(first) + 0.05 < min(second) and max(second) + 0.01 < min(third)
assert max(list(compared.values())[2]["trained in the middle"]) < 0.5 < min(third) - 0.1
assert sizes["convolution"] < sizes["one layer"] < sizes["two layers"]

# %% [markdown]
# ## The test set, once
#
# Now we look at the test set, which no choice here has used.

# %% tags=["hide-input"]
# @title The result on the test set
test_images, test_labels = data.as_float(fashion.test.images), fashion.test.labels
test_pixels = test_images.flatten(1)
test_runs = {
    "one layer, trained": accuracies(linear_runs, test_images, test_labels),
    "two layers": accuracies(two_layer_runs, test_images, test_labels),
}
results = {
    "constant": 0.1,
    "averages, bias 0": accuracy(test_pixels @ averages.T, test_labels),
    "averages, with the bias": accuracy(test_pixels @ averages.T + bias, test_labels),
    "nearest neighbour": search.score(fashion.test.images, test_labels),
    "LDA templates": accuracy(test_pixels @ lda.T + lda_bias, test_labels),
    **test_runs,
    "people (References)": 0.835,
}
error = (0.84 * 0.16 / len(test_labels)) ** 0.5
for name, share in results.items():
    print(f"{name:24} {share if isinstance(share, list) else round(share, 3)}")
print(f"standard error near 0.84, {len(test_labels):,} images: {error:.3f}")
assert min(test_runs["one layer, trained"]) > 0.82 > 0.7 > results["averages, with the bias"]

# %% [markdown]
# So one layer gets about as far as the majority of three untrained people, on these small, centred images.
#
# ## Summary
#
# 1. A layer scores each class by a weighted sum of all pixels and a bias. Only differences of
#    templates matter.
# 2. Softmax and cross-entropy measure how wrong a prediction is. Gradient descent adds images to the
#    template of their class and subtracts them from the others.
# 3. From zero, a first step with all images gives differences of averages. During training the templates become better, and less similar to
#    averages.
# 4. One layer has one template per class. Two appearances must share it. For XOR no template works.
# 5. Adversarial changes and shifts break it, and a two-layer network as well. Shifts in training help. After
#    three epochs with them, the convolutional network is best.
#
# ## Problem set

# %% [markdown]
# **1** ★ 5 min. Pencil and paper: `check` says what is asked.

# %%
check(first_probability=..., how_many_numbers=...)

# %% [markdown]
# **2** ★★ 4 min. Which template does weight decay prefer?

# %%
check(smaller_penalty=...)

# %% [markdown]
# **3** ★★ 8 min. *Debug.* The loss of this loop falls, but far too slowly. Mend the one wrong line, then
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
# **4** ★★ 5 min. *Explain.* Equal accuracy, but a larger cross-entropy: how?

# %%
reveal(same_accuracy=...)

# %% [markdown]
# **5** ★★★ 10 min. *Prove.* In Figure 4.9, why is a symmetric template as good as any?

# %%
reveal(why_symmetric=...)

# %% [markdown]
# **6** ★★ 10 min. *Design.* You may train for one epoch only. Choose the learning rate and the batch
# size so that the validation accuracy reaches 0.77.

# %%
check(one_epoch={"learning_rate": 0.1, "batch_size": 100})

# %% [markdown]
# **7** ★★★ 20 min. *Open.* Train with weight decay (`torch.optim.SGD(…, weight_decay=0.1)`). What
# happens to the templates and to the accuracy? Say first what you expect.


# %% tags=["hide-input"]
# @title Worked solutions
def linear_scores(images, W, b):
    rows = images.reshape(len(images), -1)  # each image becomes one row
    return rows @ W.T + b  # all images with all templates


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
    smaller_penalty="b",  # ¼ instead of 1
)  # one_epoch: many small steps, such as {"learning_rate": 0.03, "batch_size": 10}

# %% [markdown]
# ## References
#
# - C. M. Bishop. *Pattern Recognition and Machine Learning*, 2006, §4.2.1 (averages and
#   the inverse covariance) and §4.3.4 (the gradient p − y).
# - I. Goodfellow, J. Shlens, C. Szegedy. Explaining and harnessing adversarial examples. *ICLR* 2015.
# - M. Minsky, S. Papert. *Perceptrons*, 1969 (what one layer cannot compute).
# - H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine
#   learning algorithms. arXiv:1708.07747, 2017; the accuracy of people stands in
#   the benchmark table of the project's page (sent in, not tested by the authors).
#
# [Concepts 25–30](00_start_here.ipynb#Map-of-the-concepts)
