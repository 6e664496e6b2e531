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
# # 06 · Backbone and heads
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/06_backbone_and_heads.ipynb)
#
# *What* is it, *where* is it, *which pixels* are it? Three questions about one picture. Must a
# network look three times?
#
# *About 50 min · CPU 40 s*
#
# Afterwards you will be able to
#
# - put several heads on one backbone, and say what each must return and how it is judged,
# - see through a high pixel accuracy, and explain how a network can know where something is,
# - give a frozen backbone a new task, and detect several objects with proposals and NMS.
#
# You need sections 04 and 05: what a convolution, a feature map and pooling are.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## One scene, three questions
#
# So far each piece of clothing filled its picture. Now we put it somewhere on a canvas, at any size.
# As we compose these scenes ourselves, we know all there is to know about them.

# %%
import numpy as np
import torch
from torch import nn

from cv_course import data, explore, figures
from cv_course.checks import check, hint
from cv_course.scenes import scenes

SEED = 0
fashion = data.fashion_mnist()
old, fresh = fashion.train[:8000], fashion.train[8000:]  # the fresh pieces are for later
train = scenes(old, 4000, seed=SEED)
test = scenes(fashion.test, 1000, seed=SEED + 100)

# %%
figures.show(
    figures.three_answers(test, 0, fashion.classes),
    alt="A scene four times: as it is, with the name of its class, with a solid box tightly around "
    "the piece of clothing, and with a coloured veil over exactly its pixels.",
)

# %% [markdown]
# - **Which class?** *Classification* (or recognition): one score for each class.
# - **Where?** *Localisation*: a box, x0, y0, x1, y1 in pixels from the upper left corner.
# - **Which pixels?** *Segmentation*: for each pixel, whether it belongs to the object.
#
# **Predict:** how many numbers must a network return for each of the three?

# %%
your_guess = None  # three whole numbers

# %%
answers = {
    "class": len(fashion.classes),
    "box": test.boxes.shape[1],
    "mask": test.masks[0].numel(),
}
print(f"your guess {your_guess}; needed are {answers}")
assert tuple(answers.values()) == (10, 4, 64 * 64)

# %% [markdown]
# The picture is the same, yet the answers could hardly differ more in kind: a choice, a few
# measurements, a picture. Choosing is what you know as classification; measuring is **regression**.
# And segmentation? It is classification again, once for every pixel [Long 2015].
#
# **Careful.** The lecture notes say: image-level classification is *recognition*, and with regression
# added it is *object detection*. One class and one box answer for *one* object; that is called
# localisation [Russakovsky 2015]. Detection means: nobody says how many objects there are. You
# will see at the end of this section what that takes.
#
# *Concept 38*

# %% [markdown]
# ## One backbone, three heads
#
# The convolutions that find edges, straps and heels should serve all three questions. So there is
# one stack of them, the **backbone**, and on top of its feature map a small **head** for each task.

# %%
from cv_course.models.heads import MultiHead, backbone, box_head, class_head, mask_head

torch.manual_seed(SEED)
model = MultiHead(
    backbone(), {"class": class_head(), "box": box_head("flatten"), "mask": mask_head()}
)

# %%
figures.show(
    figures.backbone_and_heads(model.eval(), data.as_float(test.images[:1])),
    alt="The backbone as a row of blocks, from the image of 64 × 64 pixels to a map of 48 channels and "
    "8 × 8 places. From there three arrows lead to the class, box and mask heads.",
)

# %% [markdown]
# The heads are so small that they can be read whole:

# %%
print(model.heads)

# %% [markdown]
# The class head takes the largest value of each channel, wherever it is. The box head *flattens*:
# it has a weight for each channel at each place. The mask head lets each of the 8 × 8 places paint
# the 8 × 8 pixels below it: 64 channels, one a pixel, which `PixelShuffle` lays out as a square.
# (`BatchNorm2d` in the backbone keeps the numbers in range, so that it trains within seconds; section
# 08 takes it apart.)
#
# **Predict:** three separate networks, each with a backbone of its own: how many times the
# parameters of this one?

# %%
your_guess = None  # for example 2.0


# %%
def count(module):
    return sum(p.numel() for p in module.parameters())


separate = 3 * count(model.backbone) + count(model.heads)
ratio = separate / count(model)
print(f"your guess {your_guess}; {separate:,} against {count(model):,}: {ratio:.2f} times")
assert separate - count(model) == 2 * count(model.backbone)

# %% [markdown]
# And the computing, which matters more when the network is used? torch counts the multiplications and
# additions in convolutions and linear layers:

# %%
from torch.utils.flop_counter import FlopCounterMode

with FlopCounterMode(display=False) as whole, torch.no_grad():
    features = model.backbone(data.as_float(test.images[:1]))
    of_backbone = whole.get_total_flops()
    model.heads["class"](features), model.heads["box"](features), model.heads["mask"](features)
print(f"share of the backbone in the computing: {of_backbone / whole.get_total_flops():.1%}")
assert of_backbone > 0.9 * whole.get_total_flops()

# %% [markdown]
# The backbone does nearly all of it, and does it once for all three.
#
# Each head has a loss that suits its kind of answer. Their sum, weighted so that they are about
# equally large, is what we train on.

# %%
F = nn.functional


def losses(out, scenes):
    right_class = F.cross_entropy(out["class"], scenes.labels)
    near_box = F.l1_loss(out["box"], scenes.boxes / 64)  # in fractions of the image
    right_pixels = F.binary_cross_entropy_with_logits(out["mask"], scenes.masks.float())
    return right_class + 10 * near_box + 3 * right_pixels


# %% [markdown]
# What does a sum of losses do to the one backbone? **Predict:** each head alone pulls at the first
# kernels in its own direction. How do the three pulls combine: an average, a vote, the strongest?

# %%
your_guess = None

# %%
from cv_course.models import heads

some = train[:64]


def pull(*names):
    model.zero_grad()
    out = model(data.as_float(some.images))
    heads.losses({name: out[name] for name in names}, some).backward()
    return model.backbone[0].weight.grad.clone()


# %%
alone = [pull(name) for name in ("class", "box", "mask")]
together = pull("class", "box", "mask")
assert torch.allclose(sum(alone), together, atol=1e-4 * together.abs().max().item())
angles = [F.cosine_similarity(alone[a].flatten(), alone[b].flatten(), 0).item()
          for a, b in ((0, 1), (0, 2), (1, 2))]  # fmt: skip
print("class/box, class/mask, box/mask, cosine:", [round(angle, 2) for angle in angles])

# %% [markdown]
# They simply add up, for the gradient of a sum is the sum of the gradients. The backbone is never asked
# to choose; but where two heads pull in opposite directions (a negative cosine), a step along the sum
# helps each of them less than a step of its own would.
#
# Now the training, with nothing hidden in a helper. First what is needed (`Adam` chooses the length of
# the step for each weight by itself [Kingma & Ba 2015]; the learning rate goes up and down as in `fit`),
# then the loop.

# %%
from cv_course.training import choose_device, triangle

device = choose_device()
model.to(device).train()
seen = train.to(device)
optimizer = torch.optim.Adam(model.parameters())
order = torch.Generator().manual_seed(SEED)
rounds = [torch.randperm(len(train), generator=order) for _ in range(8)]
batches = [batch for one in rounds for batch in one.split(32)]

# %%
for step, batch in enumerate(batches):
    optimizer.param_groups[0]["lr"] = 5e-3 * triangle((step + 0.5) / len(batches))
    out = model(data.as_float(seen.images[batch]))
    loss = losses(out, seen[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %% [markdown]
# What do the three heads say about scenes and pieces of clothing that they never saw?

# %%
said = heads.say(model, test.images)
names = [fashion.classes[label] for label in said["class"].argmax(1)]
figures.show(
    figures.labelled_scenes(
        test.images[:12],
        names,
        {"true": test.boxes, "predicted": said["box"]},
        said["mask"],
    ),
    alt="Twelve new scenes. Most are named rightly, the dashed predicted boxes lie near the solid true "
    "ones, and a coloured veil covers roughly the pixels of each object.",
)

# %%
correct = (said["class"].argmax(1) == test.labels).float().mean().item()
print(f"right class: {correct:.1%}, by guessing {1 / 10:.0%}")
assert correct > 0.6

# %% [markdown]
# Take an object and move it yourself. Which of the three answers should stay as it is, and which
# should move along? Try the corners, and sizes outside of 20 to 40 pixels, which were
# not in the training scenes.

# %%
explore.heads_at_work(model, fashion.test[:20], fashion.classes)

# %% [markdown]
# "Features by a backbone, and a head designed for the task": that is the basic pattern of computer
# vision by deep learning, from Fast R-CNN's two heads (class and box) to the third one of Mask R-CNN
# [Girshick 2015; He 2017]. That tasks learned side by side share what they find is older
# [Caruana 1997].
#
# *Concept 37*

# %% [markdown]
# ## How near is near?
#
# A class is right or wrong. A box is never exactly right; we need a measure of *how* right. The
# usual one is **intersection over union** (IoU): the area that two boxes share, divided by the area
# that they cover together. It is 1 for equal boxes and 0 for boxes that lie apart. Write it, for all
# pairs at once.


# %%
def box_iou(a, b):
    """a (N, 4), b (M, 4), NumPy arrays of boxes x0, y0, x1, y1 -> (N, M), each with each; 0 where
    neither has any area."""
    ...  # replace this line


check(box_iou)

# %%
hint(box_iou)

# %% [markdown]
# The package's `heads.box_iou` does the same with tensors. **Predict:** the IoU of the box head on
# new scenes, on average? And of somebody who does not look at the scene at all and always answers with
# the same box, the average of all training boxes?

# %%
your_guess = None  # two numbers


# %%
def mean_iou(boxes, scenes):
    return heads.box_iou(boxes[:, None], scenes.boxes[:, None]).mean().item()


blind = train.boxes.mean(0).expand(len(test), 4)
of_boxes, of_blind = mean_iou(said["box"], test), mean_iou(blind, test)
print(f"your guess {your_guess}; box head {of_boxes:.2f}, always the same box {of_blind:.2f}")
assert of_boxes > 0.6 and of_blind < 0.35

# %% [markdown]
# A measure says little without what can be had for free. Does a library agree with ours?

# %%
import torchvision

every_pair = heads.box_iou(said["box"], test.boxes)
assert torch.allclose(every_pair, torchvision.ops.box_iou(said["box"], test.boxes), atol=1e-5)

# %% [markdown]
# *Concept 38*

# %% [markdown]
# ## Why pixel accuracy lies
#
# The mask answers a yes-or-no question for each pixel. So let us count right answers, as for
# classes! **Predict:** the share of pixels that the mask head tells right. And the share that
# *somebody who always says "background"* tells right?

# %%
your_guess = None  # two numbers

# %%
nothing = torch.zeros_like(test.masks)
pixels = heads.pixel_accuracy(said["mask"], test.masks).mean().item()
free = heads.pixel_accuracy(nothing, test.masks).mean().item()
print(f"your guess {your_guess}; mask head {pixels:.3f}, always background {free:.3f}")
assert pixels > 0.94 and 0.85 < free < 0.92

# %% [markdown]
# Nearly nine out of ten without having looked! Most pixels *are* background, and each of
# them is an easy point. IoU works for any two sets of pixels, too, and does not
# count the background that both agree on. Watch the two measures disagree: move and resize the
# dashed box, first far away from the solid one.

# %%
explore.two_measures(test.images[0], test.boxes[0])

# %% [markdown]
# A box that misses completely scores a high pixel accuracy and an IoU of 0. The smaller the object, the
# worse: for pixel accuracy a small object hardly exists. Now the mask head, judged by
# the IoU of its foreground, picture by picture:

# %%
of_masks = heads.foreground_iou(said["mask"], test.masks).mean().item()
of_nothing = heads.foreground_iou(nothing, test.masks).mean().item()
table = {
    "right class": (correct, "guessing", 1 / 10),
    "box IoU": (of_boxes, "always the average box", of_blind),
    "pixel accuracy": (pixels, "always background", free),
    "foreground IoU": (of_masks, "always background", of_nothing),
}
assert of_masks > 0.55 and of_nothing == 0

# %%
figures.show(
    figures.against_baselines(table),
    alt="Four measures as pairs of bars, network against an answer without looking. For right class, box "
    "IoU and foreground IoU the network is far ahead; for pixel accuracy the two are nearly equal.",
)

# %% [markdown]
# Three of the four measures tell the network from somebody who is asleep. The lesson is older than
# deep learning: where one class is rare, accuracy is the wrong question.
#
# **Predict** for a last check: if the mask head made *every* mask a little too thick, by one
# pixel all around, which of the two measures would notice more?

# %%
thicker = F.max_pool2d(test.masks[:, None].float(), 3, 1, 1)[:, 0] > 0  # the true masks, dilated
drop_in_pixels = 1 - heads.pixel_accuracy(thicker, test.masks).mean().item()
drop_in_iou = 1 - heads.foreground_iou(thicker, test.masks).mean().item()
print(f"one pixel too thick costs {drop_in_pixels:.3f} pixel accuracy, {drop_in_iou:.3f} IoU")
assert drop_in_iou > 3 * drop_in_pixels

# %% [markdown]
# *Concept 38*

# %% [markdown]
# ## Where does a network keep the place?
#
# The class head keeps one number a channel and forgets the place. In section 04 that saved the
# answer when the boot moved. For a box the place is the answer! So our box head flattens. Let us
# see it fail otherwise: two box heads on one backbone, **flatten** as before, and **average**, which
# gets nothing but the mean of each channel over all places.
#
# **Predict:** the IoU of the average head, when the constant box of somebody asleep has the value above?

# %%
your_guess = None  # for example 0.3


# %%
def two_box_heads(padding):
    torch.manual_seed(SEED)
    both = {"box flatten": box_head("flatten"), "box average": box_head("average")}
    net = MultiHead(backbone(padding), both)
    heads.learn(net, few.images, few, heads.losses, epochs=6, seed=SEED)
    return {name: mean_iou(boxes, test) for name, boxes in heads.say(net, test.images).items()}, net


few = train[:2000]
bordered, _ = two_box_heads("zeros")
print(f"your guess {your_guess};", {name: round(iou, 2) for name, iou in bordered.items()})
assert min(bordered.values()) > 0.55
assert bordered["box average"] > bordered["box flatten"] - 0.12

# %% [markdown]
# The average head is nearly as good! Then the place must have got into the channels *before* they were
# averaged. But a convolution does the same everywhere (section 05); how can it tell left
# from right?
#
# Section 05 knew a traitor: the zeros around the image, which told a network left from right. A kernel
# that meets them feels the border, and with each layer the feeling creeps further inside, until a
# channel can say "an object, and the border is *that* far to the left". If this is how it
# works here, too, then without a border there can be no place. **Predict:** we pad with the pixels of
# the opposite side (`circular`), so that the image has no border at all. What becomes of the two heads?

# %%
your_guess = None  # two numbers

# %%
borderless, rolling = two_box_heads("circular")
print(f"your guess {your_guess};", {name: round(iou, 2) for name, iou in borderless.items()})
assert borderless["box flatten"] > 0.55 and borderless["box average"] < of_blind + 0.08

# %%
bars = {
    f"{name.split()[1]}, {border}": found[name]
    for border, found in (("zeros around", bordered), ("no border", borderless))
    for name in found
}
figures.show(
    figures.compared(bars, "box IoU on new scenes", ("always the average box", of_blind)),
    alt="Four bars of box IoU. With zeros around the image, flatten and average are both far above the "
    "dotted line of the constant box; without a border flatten stays there and average falls to the line.",
)

# %% [markdown]
# Without a border the average head knows no more about the place than somebody asleep. That can be shown
# exactly: roll the picture by 8 pixels (the stride of the backbone) or a multiple, and the map rolls along by
# whole places; its average stays the same, and with it the box, though the object went elsewhere.

# %%
rolling.cpu()
one = data.as_float(test.images[:200])
with torch.no_grad():
    before, after = rolling(one), rolling(one.roll((24, 16), dims=(2, 3)))
for name in before:
    moved = 64 * (after[name] - before[name]).abs()
    print(f"{name}: the answer changes by {moved.mean():.5f} pixels on average")
assert moved.max() < 0.01 < 1 < 64 * (after["box flatten"] - before["box flatten"]).abs().mean()

# %% [markdown]
# **Careful.** "Average pooling forgets where things are" is true of the average, not of the network
# below it. Zero padding tells a convolutional network where it is [Islam 2020; Kayhan & van Gemert 2020], as
# far as its receptive field reaches (section 09). For the same reason a network with zero padding is not
# exactly equivariant. Who must know a place had better be given it: by flattening, by coordinates as
# further channels [Liu 2018], or by an answer at each place, which comes next but one.
#
# *Concept 38*

# %% [markdown]
# ## A new head, later
#
# The network is finished and in use. Now somebody has another question: *is it a shoe? One object
# or two? Is it upside down?* We keep the backbone as it is, **frozen**, and train only a new head,
# the smallest there is: one linear layer on the largest and the mean value of each channel.
# We have labels for just 500 scenes, of pieces that the backbone has never seen.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cv_course.training import predict


def vectors(backbone, images):
    features = predict(backbone, images).cpu()
    return torch.cat([features.amax((2, 3)), features.mean((2, 3))], 1).numpy()


def new_head(backbone, train, test):
    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    head.fit(vectors(backbone, train[0]), train[1])
    return head.score(vectors(backbone, test[0]), test[1])


# %% [markdown]
# Three tasks. The first only asks more coarsely for what the backbone learned anyway, ten classes. The
# other two are new, with pictures such as it has never seen: two objects, and everything upside down.

# %%
lot = torch.Generator().manual_seed(SEED + 300)


def shoes(some):
    return some.images, torch.isin(some.labels, torch.tensor([5, 7, 9])).long()


def upside_down(some):
    turned = torch.rand(len(some), generator=lot) < 0.5
    return torch.where(turned[:, None, None, None], some.images.flip(2), some.images), turned.long()


# %%
def one_or_two(items, count, seed):
    pair = scenes(items, count, objects=2, sizes=(16, 30), seed=seed)
    single = scenes(items, count, sizes=(16, 30), seed=seed + 1)
    return torch.cat([single.images, pair.images]), torch.arange(2).repeat_interleave(count)


later = scenes(fresh, 500, seed=SEED + 1)
tasks = {
    "a shoe?": (shoes(later), shoes(test)),
    "one or two?": (one_or_two(fresh, 250, SEED), one_or_two(fashion.test, 500, SEED)),
    "upside down?": (upside_down(later), upside_down(test)),
}

# %% [markdown]
# How much of this is the backbone's merit? Beside it stands one with *random* weights, just as frozen,
# with the same kind of head. And somebody asleep, who always gives the more frequent answer.
# **Predict:** how well will the head on the random one do?

# %%
your_guess = None  # for example 0.5, 0.5, 0.5

# %%
torch.manual_seed(SEED + 1)
frozen, untrained = model.backbone.requires_grad_(False), backbone().requires_grad_(False)
found = {}
for task, (learn_from, ask) in tasks.items():
    found[f"{task} asleep"] = max(ask[1].float().mean().item(), 1 - ask[1].float().mean().item())
    found[f"{task} random"] = new_head(untrained, learn_from, ask)
    found[f"{task} trained"] = new_head(frozen, learn_from, ask)

# %%
figures.show(
    figures.compared(found, "right answers with a frozen backbone"),
    alt="Nine bars, three for each new task: the head on random weights is ahead of somebody asleep, the "
    "head on the trained backbone clearly ahead of both. For upside down it gives the fewest right answers.",
)

# %%
gains = {task: found[f"{task} trained"] - found[f"{task} random"] for task in tasks}
print(f"your guess {your_guess};", {task: f"{gain:+.2f}" for task, gain in gains.items()})
assert min(gains.values()) > 0.03
assert all(found[f"{task} random"] > found[f"{task} asleep"] + 0.02 for task in tasks)
assert min(tasks, key=lambda task: found[f"{task} trained"]) == "upside down?"
again = heads.say(model, test.images)
assert all(torch.equal(again[name], said[name]) for name in said)

# %% [markdown]
# The features serve tasks that nobody thought of when they were learned. That is why one backbone,
# trained once at great expense, is handed on. And since it is frozen, the old heads answer exactly as
# before (the last two lines): nothing was forgotten. Section 10 measures the same with new classes,
# layer by layer.
#
# **Careful.** *Random* features are not nothing: a trained head on them beats somebody asleep each
# time. What the training of the backbone is worth shows only beside them.
#
# "Upside down" is the weakest. Are 500 labels too few, or do the features lack something, as nothing was
# ever upside down in training? **Predict:** the same 500 labels, but now a copy of the
# backbone may change, too (**fine-tuning**). How many right answers? And the old box head, if we put it
# on the changed copy?

# %%
your_guess = None  # right answers, box IoU

# %%
from copy import deepcopy

torch.manual_seed(SEED)
tuned = nn.Sequential(deepcopy(frozen).requires_grad_(True), class_head(2))
(images, turned), (new_images, truth) = tasks["upside down?"]
curve = heads.learn(tuned, images, turned, F.cross_entropy, epochs=12, lr=2e-3, seed=SEED)
print(f"loss in the first epoch {curve[0]:.2f}, in the last {curve[-1]:.2f}")

# %%
share = (predict(tuned, new_images).argmax(1).cpu() == truth).float().mean().item()
moved_away = MultiHead(tuned[0], {"box": model.heads["box"]})
left_over = mean_iou(heads.say(moved_away, test.images)["box"], test)
print(f"your guess {your_guess}; frozen {found['upside down? trained']:.2f}, tuned {share:.2f}")
print(f"the old box head on the tuned backbone: {of_boxes:.2f} -> {left_over:.2f}")
assert share > found["upside down? trained"] + 0.03 and left_over < of_boxes - 0.1

# %% [markdown]
# The labels were enough; it was the features. What no earlier task asked for, a backbone need not
# hold. Fine-tuning puts it in, at a price: the other heads no longer understand this backbone. So
# there are now two of them to store and to run.
#
# *Concept 37*

# %% [markdown]
# ## Two objects, one answer
#
# Now two objects in a scene. The box head has four numbers. **Predict:** will it choose
# one of the objects, or what else?

# %%
your_guess = None

# %%
pairs = scenes(fashion.test, 300, objects=2, sizes=(18, 32), overlap=0.3, seed=SEED + 200)
torn = heads.say(model, pairs.images)
names = [fashion.classes[label] for label in torn["class"].argmax(1)]
figures.show(
    figures.labelled_scenes(
        pairs.images[:6], names, {"true": pairs.boxes, "predicted": torn["box"]}
    ),
    alt="Six scenes with two objects, each in a solid box. The single dashed predicted box mostly lies "
    "between them or covers parts of both, and a single name stands above.",
)

# %%
nearer = heads.box_iou(torn["box"][:, None], pairs.boxes)[:, 0].amax(1).mean().item()
print(
    f"IoU with the object that it fits better: {nearer:.2f}, with one object it was {of_boxes:.2f}"
)
assert nearer < of_boxes - 0.15

# %% [markdown]
# It does not choose; it compromises, and mostly fits neither. Two boxes would not help: then
# three objects come along. What is needed is an answer whose *length* depends on the scene.
#
# The way out, in two steps. First **propose**: have an answer at *every place* of the map. "Is the
# centre of an object near? Then its corners are here, and this is its class." A head of that kind
# is a small convolution, the same for all places; it needs no number of objects.

# %%
pairs_to_learn = scenes(fresh, 2000, objects=2, sizes=(18, 32), overlap=0.3, seed=SEED)
features = predict(model.backbone, pairs_to_learn.images)  # frozen, so once is enough
targets = heads.places(pairs_to_learn)
torch.manual_seed(SEED)
everywhere = heads.place_head()
curve = heads.learn(everywhere, features, targets, heads.place_losses, epochs=8, seed=SEED)
print(f"{count(everywhere):,} parameters, loss {curve[0]:.2f} -> {curve[-1]:.2f}")

# %%
proposals = [
    one[one.scores > 0.3] for one in heads.propose(model.backbone, everywhere, pairs.images)
]
print("proposals in the first scenes:", [len(one) for one in proposals[:10]])
precision, recall = heads.found_and_missed(proposals, pairs)
print(f"objects found: {recall:.2f}, proposals that hit one not found before: {precision:.2f}")
assert recall > 0.75 and precision < 0.6

# %% [markdown]
# Most objects are found (a box counts from an IoU of 0.5), but several times each: all the places around
# a centre report it. The second step is to thin them out, by **non-maximum suppression** (NMS):
# keep the best, drop what overlaps it too much, go on with the best of the rest.


# %%
def nms(boxes, scores, threshold):
    """boxes (N, 4), scores (N,), NumPy arrays -> positions of the kept boxes, best first. A box is
    dropped if its IoU with a better, kept box is larger than the threshold."""
    ...  # replace this line


check(nms)

# %%
hint(nms)

# %% [markdown]
# The library has it, too: `torchvision.ops.nms`. Here it is at work. **Predict:** what becomes of the
# share of proposals that hit, and what of the share of the objects that are found?

# %%
your_guess = None


# %%
def thinned(threshold):
    return [one[torchvision.ops.nms(one.boxes, one.scores, threshold)] for one in proposals]


kept = thinned(0.4)
for one, ours in zip(kept, proposals, strict=True):
    assert torch.equal(one.boxes, ours[heads.nms(ours.boxes, ours.scores, 0.4)].boxes)
sharper, reached = heads.found_and_missed(kept, pairs)
print(f"precision {precision:.2f} -> {sharper:.2f}, recall {recall:.2f} -> {reached:.2f}")
assert sharper > precision + 0.25 and reached > recall - 0.12

# %% [markdown]
# With which threshold? Move it through both extremes, and look at several scenes, in
# particular where two objects overlap.

# %%
explore.suppression(proposals, pairs, fashion.classes)

# %%
strict, loose = (heads.found_and_missed(thinned(t), pairs) for t in (0.0, 0.8))
print(
    "precision, recall at threshold 0.0 and 0.8:",
    [[round(x, 2) for x in p] for p in (strict, loose)],
)
assert strict[0] > loose[0] + 0.2 and strict[1] < loose[1] - 0.05

# %% [markdown]
# A price on both sides. A high threshold leaves doubles standing; a low one deletes a real
# neighbour along with them. NMS cannot know whether two boxes that overlap mean one object or
# two; no threshold can. (Networks have since learned to announce each object just once [Carion 2020].)
#
# And the names? Detection needs class *and* box.

# %%
_, named = heads.found_and_missed(kept, pairs, named=True)
print(f"objects found {reached:.2f}, found and named rightly {named:.2f}")
assert 0.3 < named < reached

# %% [markdown]
# **Careful.** So "classification + regression = detection" is the core, not the whole. Around it stand the
# proposals (here: every place; in R-CNN: regions found beforehand [Girshick 2014]) and the
# suppression of doubles. The backbone stayed the same throughout, frozen: classification,
# localisation, segmentation, three late questions and a detector share it.
#
# *Concept 38*

# %% [markdown]
# ## Worked solutions
#
# `box_iou`: the shared rectangle begins at the later start and ends at the earlier end; a negative
# side means that there is none.


# %%
def box_iou(a, b):
    start = np.maximum(a[:, None, :2], b[None, :, :2])
    end = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.maximum(end - start, 0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    either = area_a[:, None] + area_b[None] - both
    return np.where(either > 0, both / np.maximum(either, 1e-12), 0)


check(box_iou)
assert np.allclose(box_iou(said["box"].numpy(), test.boxes.numpy()), every_pair, atol=1e-5)

# %% [markdown]
# `nms`: what has been struck out is no longer in `left`, so it cannot strike out anything.


# %%
def nms(boxes, scores, threshold):
    left, kept = np.argsort(-scores), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[box_iou(boxes[best : best + 1], boxes[left])[0] <= threshold]
    return np.array(kept, dtype=int)


check(nms)

# %% [markdown]
# ## Summary
#
# 1. One backbone, many heads: the backbone is shared, its gradient is the sum of what the heads ask for.
# 2. Class: a choice. Box: four measurements. Mask: a choice for each pixel. Each needs its own loss,
#    its own measure, and the baseline of somebody asleep beside it.
# 3. Pixel accuracy rewards silence where the object is small; IoU does not.
# 4. A box needs the place: flatten keeps it; an average has it only from the zeros around the image.
# 5. A frozen backbone takes new heads without forgetting, but holds only what was asked of it; detection
#    adds proposals and NMS, since nobody says how many objects there are.
#
# ## References
#
# - R. Caruana. Multitask learning. *Machine Learning* 28, 1997.
# - R. Girshick, J. Donahue, T. Darrell, J. Malik. Rich feature hierarchies for accurate object
#   detection and semantic segmentation. *CVPR* 2014. R. Girshick. Fast R-CNN. *ICCV* 2015.
# - D. P. Kingma, J. Ba. Adam: a method for stochastic optimization. *ICLR* 2015.
# - J. Long, E. Shelhamer, T. Darrell. Fully convolutional networks for semantic segmentation.
#   *CVPR* 2015.
# - K. He, G. Gkioxari, P. Dollár, R. Girshick. Mask R-CNN. *ICCV* 2017.
# - O. Russakovsky et al. ImageNet large scale visual recognition challenge. *IJCV* 115, 2015 (§2–3:
#   classification, single-object localisation, detection).
# - M. A. Islam, S. Jia, N. D. B. Bruce. How much position information do convolutional neural
#   networks encode? *ICLR* 2020.
# - O. S. Kayhan, J. C. van Gemert. On translation invariance in CNNs: convolutional layers can exploit
#   absolute spatial location. *CVPR* 2020.
# - R. Liu et al. An intriguing failing of convolutional neural networks and the CoordConv solution.
#   *NeurIPS* 2018.
# - Z. Tian, C. Shen, H. Chen, T. He. FCOS: fully convolutional one-stage object detection. *ICCV*
#   2019 (a head at each place).
# - N. Carion et al. End-to-end object detection with transformers. *ECCV* 2020.
#
# *Concepts covered: 37–38*
