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
# # A1 · Nearest neighbours and templates
#
# You write two classifiers: one that remembers every image, and one that keeps a single template of
# each class. Then you combine the two ideas.
#
# *About 170 min · CPU 40 s · 50 points, and 10 for what you write*
#
# Afterwards you will be able to
#
# - compute the distances between two sets of images, and say what each metric overlooks,
# - let the nearest neighbours vote, with a rule for every tie,
# - derive and compute the loss of a linear classifier and its gradients, without overflow,
# - train such a classifier, and look at what it learned,
# - choose the few numbers in which a search works nearly as well as in all pixels.
#
# You need [section 03](../03_classification_as_search.ipynb) and
# [section 04](../04_one_layer_one_template.ipynb). *Concepts 19, 20, 23 and 25–29*

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/assignments")

# %% [markdown]
# ## How it works
#
# Each question asks for one function. Write it where the cell says `YOUR CODE HERE` (that line and
# the next one go), run the cell, then run the cell with `check(…)` below it: it tells you at once what
# is right and what is not. `hint(…)` helps, a step further each time you run it. Asking costs nothing.
#
# - Keep the names of the functions and the order of their arguments: your work is found by them.
#   Cells of your own, plots and prints are welcome anywhere.
# - You get NumPy arrays (`float32`, `float64`, images also as `uint8` or `int32`, labels as `int64`)
#   and whole numbers; you may return NumPy arrays or torch tensors. Loops, NumPy, torch, SciPy: all
#   are fine.
# - Do not change the arrays that you are given; whoever called you still needs them.
# - Small rounding differences do not matter (a ten-thousandth of a value, and a thousandth of the
#   largest one).
# - Grading calls your functions as `check` does, on inputs drawn anew. Points are shared among groups
#   of cases, so that a function that is right in part earns a part.

# %%
import numpy as np
import torch

from cv_course import data, plots
from cv_course.assignments import check, hint, passed
from cv_course.drill import as_array

fashion = data.fashion_mnist()
train, test, classes = fashion.train, fashion.test, fashion.classes
X_train, X_test = (
    part.images.flatten(1).numpy() for part in (train, test)
)  # bytes, a row an image
y_train, y_test = train.labels.numpy(), test.labels.numpy()
print(
    f"{len(X_train):,} images to learn from, {len(X_test):,} to test on, {X_train.shape[1]} pixels"
)

# %% [markdown]
# ## 1 · How far is it from one image to another? (10 points)
#
# To find the *most similar* picture you first have to say what similar means. Three answers, for two
# rows of numbers x and y:
#
# $$d_{\text{l1}} = \sum_i |x_i - y_i| \qquad d_{\text{l2}} = \sqrt{\textstyle\sum_i (x_i - y_i)^2}
# \qquad d_{\text{cosine}} = 1 - \frac{x \cdot y}{\|x\|\,\|y\|}$$
#
# A row of zeros has no direction; its cosine distance to anything is defined as 1. Before you write:
# one pixel is wrong by 200, or ten pixels are wrong by 20 each. Which of the two is worse for l1, and
# which for l2?


# %% nbgrader={"grade": false, "grade_id": "pairwise_distances", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pairwise_distances(X, Y, metric):
    """X (N, D), Y (M, D), metric "l1", "l2" or "cosine" -> (N, M) distances, a row for each of X."""
    ### BEGIN SOLUTION
    X, Y = X.astype(np.float64), Y.astype(np.float64)  # bytes would wrap around
    if metric == "l1":
        return np.stack([np.abs(row - Y).sum(axis=1) for row in X])
    if metric == "l2":
        squares = (X**2).sum(axis=1)[:, None] - 2 * X @ Y.T + (Y**2).sum(axis=1)
        return np.sqrt(np.maximum(squares, 0))  # rounding can make a 0 slightly negative
    X_length, Y_length = np.linalg.norm(X, axis=1), np.linalg.norm(Y, axis=1)
    lengths = np.outer(X_length, Y_length)
    return 1 - (X @ Y.T) / np.where(lengths > 0, lengths, 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_pairwise_distances", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(pairwise_distances)
### BEGIN HIDDEN TESTS
from cv_course.grading import demand

demand("A1", pairwise_distances)
### END HIDDEN TESTS

# %%
hint(pairwise_distances)

# %% [markdown]
# Let us see what your metrics find. The queries are test images whose left eight columns are covered by
# a white bar. **Predict:** which of the three metrics still finds the right class most often?

# %%
if passed(pairwise_distances):
    covered = X_test[:100].reshape(-1, 28, 28).copy()
    covered[:, :, :8] = 255
    covered, stored = covered.reshape(-1, 784), slice(0, 1_500)
    shown, titles = [covered[[7]]], [f"query: {classes[y_test[7]]}"]
    for metric in ("l1", "l2", "cosine"):
        nearest = as_array(pairwise_distances(covered, X_train[stored], metric)).argsort(1)
        found = y_train[nearest[:, 0]] == y_test[:100]
        print(f"{metric:7} {found.mean():.0%} of 100 covered queries find their class")
        shown.append(X_train[nearest[7, :3]])
        titles += [f"{metric}: {classes[label]}" for label in y_train[nearest[7, :3]]]
    plots.show(
        plots.pictures(torch.tensor(np.concatenate(shown)).view(-1, 1, 28, 28), titles, size=1.15),
        caption="Figure 1. A query with a white bar and its three nearest images by each metric.",
        alt=f"A query with a white bar at its left side, {titles[0].removeprefix('query: ')}, and its "
        f"three nearest images by each metric. {'; '.join(titles[1:])}.",
    )

# %% [markdown]
# The bar adds a few large differences. l2 squares them, so that they outweigh all other pixels. The
# cosine suffers in the same way: the bar decides about the direction.

# %% [markdown]
# ## 2 · Let the neighbours vote (10 points)
#
# A classifier that only remembers: find the k training images nearest to the query, look at their
# labels, let the majority win. Two classes may get equally many votes. Then **the tied class with the
# nearest member wins.** Think of the labels 5, 8, 1, 1, 8 from near to far: who is tied, and who wins?
#
# Labels are names. They may be any whole numbers, also −999 or 1000.


# %% nbgrader={"grade": false, "grade_id": "knn_predict", "locked": false, "schema_version": 3, "solution": true, "task": false}
def knn_predict(X_train, y_train, X_query, k):
    """X_train (N, D), y_train (N,), X_query (Q, D), 1 <= k <= N -> (Q,) labels (Euclidean)."""
    ### BEGIN SOLUTION
    order = np.argsort(pairwise_distances(X_query, X_train, "l2"), axis=1)
    answers = []
    for voters in y_train[order[:, :k]]:  # labels of one query's neighbours, the nearest first
        votes = [(voters == label).sum() for label in voters]
        answers.append(voters[np.argmax(votes)])  # the first, so the nearest, of the largest
    return np.array(answers)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_knn_predict", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
check(knn_predict)
### BEGIN HIDDEN TESTS
demand("A1", knn_predict)
### END HIDDEN TESTS

# %%
hint(knn_predict)

# %% [markdown]
# How many should vote? And how many should be remembered? Before you run the cell, guess the shape of
# both curves.

# %%
if passed(knn_predict):
    ks, sizes, queries = [1, 3, 5, 9, 17, 33, 65], [100, 300, 1_000, 3_000], slice(0, 300)

    def accuracy(count, k):
        found = knn_predict(X_train[:count], y_train[:count], X_test[queries], k)
        return (as_array(found) == y_test[queries]).mean()

    by_k, by_size = [accuracy(1_000, k) for k in ks], [accuracy(size, 1) for size in sizes]
    figure, (left, right) = plots.figure(7, 2.8, 1, 2, sharey=True)
    left.semilogx(ks, by_k, marker="o")
    left.set(xlabel="k, of 1,000 remembered", ylabel="accuracy", xticks=ks, xticklabels=ks)
    right.semilogx(sizes, by_size, marker="s", color=plots.COLOURS[1])
    right.set(xlabel="remembered images, k = 1", xticks=sizes, xticklabels=sizes)
    for axis in (left, right):
        axis.minorticks_off()
    plots.show(
        figure,
        caption="Figure 2. Accuracy against the number of neighbours k (left) and of remembered images (right).",
        alt=f"Two curves of accuracy. Over k, it goes from {by_k[0]:.2f} at k = 1 to {by_k[-1]:.2f} "
        f"at k = {ks[-1]}; over the number of remembered images from {by_size[0]:.2f} at "
        f"{sizes[0]} to {by_size[-1]:.2f} at {sizes[-1]}.",
    )

# %% [markdown]
# ## 3 · The price of a wrong guess (12 points)
#
# Now the other way: remember nothing but one column of weights a class. The scores of an image x are
# $z = W^\top x + b$, and the softmax turns them into probabilities. The loss is the **cross-entropy**,
# averaged over the N images:
#
# $$L = \frac1N \sum_n -\log \frac{e^{z_{n, y_n}}}{\sum_c e^{z_{n, c}}}$$
#
# With P the matrix of probabilities and $[\,y_n = c\,]$ equal to 1 at the true class and 0 elsewhere,
# the gradient for the scores is $G_{nc} = (P_{nc} - [\,y_n = c\,]) / N$. The rest is the chain rule.
#
# A trap: logits may be as large as 1000, and exp(1000) is infinite. What can you subtract from all
# logits of an image without changing its probabilities?


# %% nbgrader={"grade": false, "grade_id": "softmax_cross_entropy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax_cross_entropy(W, b, X, y):
    """W (D, C), b (C,), X (N, D), y (N,) -> (loss, dW (D, C), db (C,)), the mean over the images."""
    ### BEGIN SOLUTION
    Z = X @ W + b
    Z = Z - Z.max(axis=1, keepdims=True)  # changes no probability, and keeps exp small
    log_total = np.log(np.exp(Z).sum(axis=1))
    images = np.arange(len(X))
    loss = np.mean(log_total - Z[images, y])
    G = np.exp(Z - log_total[:, None])
    G[images, y] -= 1
    G = G / len(X)
    return loss, X.T @ G, G.sum(axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_softmax_cross_entropy", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
check(softmax_cross_entropy)
### BEGIN HIDDEN TESTS
demand("A1", softmax_cross_entropy)
### END HIDDEN TESTS

# %%
hint(softmax_cross_entropy)

# %% [markdown]
# A gradient is a promise: *if you go this way, the loss falls this fast.* Does yours keep it? The line
# is what the gradient promises, the curve is the loss.

# %%
if passed(softmax_cross_entropy):
    X, y = X_train[:500] / 255, y_train[:500]
    W, b = np.zeros((784, 10)), np.zeros(10)
    loss, dW, db = (as_array(part) for part in softmax_cross_entropy(W, b, X, y))
    steps = np.linspace(0, 0.4, 41)
    losses = [float(softmax_cross_entropy(W - s * dW, b - s * db, X, y)[0]) for s in steps]
    promised = loss - steps * ((dW**2).sum() + (db**2).sum())
    figure, axis = plots.figure(5, 2.8)
    axis.plot(steps, promised, "--", label="promised by the gradient", color=plots.COLOURS[1])
    axis.plot(steps, losses, label="the loss")
    axis.set(
        xlabel="size of one step from zero", ylabel="loss", ylim=(min(losses) - 0.3, loss + 0.2)
    )
    axis.legend()
    best = steps[np.argmin(losses)]
    plots.show(
        figure,
        caption="Figure 3. The loss after one step from zero, against the size of the step.",
        alt="The loss after one step against the size of the step. At first it falls along the "
        f"straight line that the gradient promises, then it bends away from it; the least loss of "
        f"those shown is at {best:.2f}.",
    )

# %% [markdown]
# Near zero they agree; further on the curve bends away. So the size of a step matters: too small and
# you crawl, too large and the promise no longer holds.

# %% [markdown]
# ## 4 · Weights are pictures (4 points)
#
# Column c of W has one number for each pixel, so it can be looked at. Pixels were flattened in the
# order channels, height, width. Undo that, and do not change the values. What you return shall be
# *independent* of W: when somebody trains on and W changes, your pictures stay as they were.


# %% nbgrader={"grade": false, "grade_id": "templates", "locked": false, "schema_version": 3, "solution": true, "task": false}
def templates(W, image_shape):
    """W (D, C), image_shape (channels, height, width) -> (C, channels, height, width), a copy."""
    ### BEGIN SOLUTION
    return W.T.reshape(W.shape[1], *image_shape).copy()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_templates", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(templates)
### BEGIN HIDDEN TESTS
demand("A1", templates)
### END HIDDEN TESTS

# %%
hint(templates)

# %% [markdown]
# ## 5 · Learn the templates (8 points)
#
# Everything is there: the loss, its gradients, and a step that goes against them. Train a linear
# classifier with `steps` = 500 steps. All random numbers must follow from `seed`, so that equal seeds
# give equal results.
#
# Your W and b are tested on images that you have never seen: after learning from 8,000 images they
# must recognise at least 78% of them. (They are also tested on what they cannot know: trained on
# *shuffled* labels, you should do no better than guessing.) The pixels in X lie between 0 and 1. You
# have 60 seconds of computing; a second or two are enough.


# %% nbgrader={"grade": false, "grade_id": "train_linear_classifier", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train_linear_classifier(X, y, steps, seed):
    """X (N, D) in [0, 1], y (N,) in 0…9 -> (W (D, 10), b (10,)) for scores X @ W + b."""
    ### BEGIN SOLUTION
    lot = np.random.default_rng(seed)
    W, b = np.zeros((X.shape[1], 10)), np.zeros(10)
    for _ in range(steps):
        batch = lot.integers(0, len(X), 256)
        _, dW, db = softmax_cross_entropy(W, b, X[batch], y[batch])
        W = W - 0.1 * dW
        b = b - 0.1 * db
    return W, b
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_train_linear_classifier", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
check(train_linear_classifier)
### BEGIN HIDDEN TESTS
demand("A1", train_linear_classifier)
### END HIDDEN TESTS

# %%
hint(train_linear_classifier)

# %% [markdown]
# How good is it, and how good is it on images that are moved two pixels to the right?

# %%
if passed(train_linear_classifier):
    W, b = (as_array(part) for part in train_linear_classifier(X_train / 255, y_train, 500, 0))
    moved = np.roll(test.images.numpy(), 2, axis=3).reshape(len(test), -1)
    for name, pixels in (("as they are", X_test), ("two pixels to the right", moved)):
        right = (pixels / 255 @ W + b).argmax(1) == y_test
        print(f"test images {name:24} {right.mean():.3f} recognised")

# %% [markdown]
# What did it learn? Red pixels speak for a class, blue ones against it. **Predict** what the template
# of a trouser looks like, then look.

# %%
if passed(train_linear_classifier) and passed(templates):
    learned = torch.tensor(as_array(templates(W, (1, 28, 28))))
    plots.show(
        plots.pictures(learned, classes, columns=5, size=1.2, signed=True),
        caption="Figure 4. The ten learned templates: red speaks for the class, blue against it. One scale for all.",
        alt="The ten learned templates in red and blue. That of the trouser is red along two legs and "
        "blue between them; the others are blurred outlines of their class.",
    )

# %% [markdown]
# ## 6 · Search in eight numbers (6 points)
#
# A nearest neighbour stores 784 numbers for each image. Here you *design* a memory with a budget: `size`
# numbers for each image. You choose a matrix P with `size` columns. Each image x is stored as the
# numbers x @ P, and the search compares these (Euclidean distance, k = 1).
#
# There are many good choices. You get images and labels and may use both. P is measured: of 2,000 hidden
# images, 66% must find an image of their own class among 3,000 with `size` = 8, and 56% with `size` = 4.
# (Directions drawn at random reach about 55% with 8, all 784 pixels about 78%.) In one test the pixels
# are in another order, so P must come from the X that you are given.


# %% nbgrader={"grade": false, "grade_id": "projection", "locked": false, "schema_version": 3, "solution": true, "task": false}
def projection(X, y, size):
    """X (N, D) in [0, 1], y (N,) in 0…9, size -> P (D, size); an image x is stored as x @ P."""
    ### BEGIN SOLUTION
    _, _, directions = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return directions[:size].T  # in these the images differ most
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_projection", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
check(projection)
### BEGIN HIDDEN TESTS
demand("A1", projection)
### END HIDDEN TESTS

# %%
hint(projection)

# %% [markdown]
# How many numbers are enough? **Predict** the shape of the curve before you run the cell.

# %%
if passed(projection) and passed(pairwise_distances):
    sizes, pixels = [1, 2, 4, 8, 16, 32], X_train[:3_000] / 255
    shares = []
    for size in sizes:
        P = as_array(projection(pixels, y_train[:3_000], size))
        far = as_array(pairwise_distances(X_test[:500] / 255 @ P, pixels @ P, "l2"))
        shares.append((y_train[far.argmin(axis=1)] == y_test[:500]).mean())
    figure, axis = plots.figure(5, 2.8)
    axis.semilogx(sizes, shares, marker="o")
    axis.set(xlabel="numbers stored for each image", ylabel="accuracy, k = 1")
    axis.set(xticks=sizes, xticklabels=sizes)
    axis.minorticks_off()
    plots.show(
        figure,
        caption="Figure 5. Accuracy of the search against the numbers that are stored for each image.",
        alt="The accuracy of the search against the numbers stored for each image: "
        + ", ".join(f"{share:.2f} with {size}" for size, share in zip(sizes, shares, strict=True)),
    )

# %% [markdown]
# ## 7 · In your own words (10 points)
#
# A hundredth of the numbers is nearly enough. *Explain:* why can a search in 8 numbers be nearly as good
# as one in all 784? Describe two images that are far apart in pixels but equal in your 8 numbers. And for
# which task would you need another projection? Five to ten sentences, in any language that your course
# agreed on. A person reads this.
#
# Write below the first line and keep that line: your answer is found by it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "why_few_numbers", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# **Your answer** (`why_few_numbers`):
#
# ### BEGIN SOLUTION
# The pixels of these images are far from independent: neighbouring pixels are mostly dark or bright
# together, and all images of a class have similar outlines. So most differences between images lie in
# a few directions, and the eight with the largest variance hold about 70% of them. The classes differ
# mainly in these coarse features, such as the width and the length of the bright area. The rest
# is mostly texture, which helps little to find the class.
# Two images are equal in the 8 numbers if their difference is orthogonal to all columns of P. Add to
# an image a fine pattern without any share of the eight directions, for example a chessboard of
# dark and bright pixels from which these shares have been subtracted. It looks very different and is far
# away in pixels, but all 8 numbers stay the same.
# For another task other differences matter. To tell a striped shirt from a plain one, or to find the
# very same photograph again, the projection must keep the texture: its directions have to be chosen
# with images and labels of that task.
# ### END SOLUTION

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells from the top: what only works thanks to a cell that you have
# deleted does not work when it is graded. Every `check` should say what you expect. Then let the grader
# have a first look: `cv-course preview FILE.ipynb` in a terminal, or in a cell of your own in Colab
#
# ```python
# from cv_course.assignments.preview import preview
#
# preview()
# ```
#
# Hand in this file, under the name that your course asks for (with `_A1` in it).
