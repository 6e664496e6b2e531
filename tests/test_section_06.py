"""Section 06: its exercises, its interactives, and what it says about backbones and heads."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torchvision
from notebook_code import assert_section, from_notebook
from torch import nn

from cv_course import data, drill, training
from cv_course.sections.s06_heads import drills, model, play

NOTEBOOK = "06_backbone_and_heads"
PACKAGE = "cv_course.sections.s06_heads"


@pytest.fixture(scope="module")
def items():
    """(for training, for later tasks, for validation) as in the notebook."""
    everything = data.fashion_mnist().train
    return everything[:6_000], everything[6_000:8_000], everything[8_000:]


def build(backbone, heads):
    (one_backbone,) = from_notebook(NOTEBOOK, "OneBackbone")
    return one_backbone(backbone, heads)


def three_heads(*names):
    heads = {"class": model.linear_head, "box": model.flatten_head, "mask": model.mask_head}
    return {name: heads[name]() for name in names or heads}


# --- exercises -----------------------------------------------------------------------------------


def test_exercises():
    assert_section("s06_heads")


def test_the_other_remedy_of_the_broken_nms_passes():
    def struck_out(overlaps, scores, threshold):
        left, kept = np.argsort(-scores), []
        while len(left):
            kept.append(left[0])
            left = left[1:][overlaps[left[0], left[1:]] <= threshold]
        return kept

    assert drill.examine(drill.read(PACKAGE)["nms"], struck_out).status == "correct"


def test_a_head_is_measured_and_its_size_is_looked_at():
    small = nn.Sequential(nn.Conv2d(48, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
    reached, said = drills.my_head(small)
    assert reached, said
    assert not drills.my_head(model.average_head())[0]
    for refused in (model.flatten_head(), model.linear_head(3)):
        assert "at most 2,000 weights" in drills.my_head(refused)[1]


# --- networks and measures -----------------------------------------------------------------------


def test_exact_numbers():
    assert sum(one.numel() for one in model.backbone().parameters()) == 39_856
    assert sum(one.numel() for one in model.flatten_head().parameters()) == 6_916
    network = build(model.backbone(), three_heads()).eval()
    shapes = {name: tuple(one.shape) for name, one in network(torch.zeros(2, 1, 48, 48)).items()}
    assert shapes == {"class": (2, 10), "box": (2, 4), "mask": (2, 48, 48)}
    assert tuple(model.position_head()(torch.zeros(2, 48, 6, 6)).shape) == (2, 15, 6, 6)


def test_gradients_of_a_sum_of_losses_add_up(items):
    some = model.compose(items[0], 8, seed=0)
    network = build(model.backbone(), three_heads()).eval()

    def gradient(*names):
        network.zero_grad()
        out = network(data.as_float(some.images))
        model.losses({name: out[name] for name in names}, some).backward()
        return network.backbone[0].weight.grad.clone()

    alone = sum(gradient(name) for name in ("class", "box", "mask"))
    torch.testing.assert_close(alone, gradient("class", "box", "mask"), rtol=1e-3, atol=1e-4)


def test_masks_are_measured_as_the_text_says():
    pixel_accuracy, mask_iou = from_notebook(NOTEBOOK, "pixel_accuracy", "mask_iou")
    true = torch.zeros(1, 4, 4, dtype=torch.bool)
    true[0, :2, :2] = True
    moved = true.roll(1, 2)
    assert pixel_accuracy(moved, true).item() == pytest.approx(12 / 16)
    assert mask_iou(moved, true).item() == pytest.approx(2 / 6)
    boxes = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[5.0, 0, 15, 10]])
    assert model.mean_iou(*boxes) == pytest.approx(1 / 3)


def random_boxes(count, seed):
    lot = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=lot) * 40
    return torch.cat([corner, corner + torch.rand(count, 2, generator=lot) * 30], 1)


def test_box_iou_equals_torchvision():
    a, b = random_boxes(40, 0), random_boxes(30, 1)
    torch.testing.assert_close(model.box_iou(a, b), torchvision.ops.box_iou(a, b))
    whole = a.round()
    theirs = torchvision.ops.box_iou(whole, whole)  # 0/0 where neither has any area
    torch.testing.assert_close(model.box_iou(whole, whole), theirs.nan_to_num(0))


def test_box_iou_of_batches_and_of_nothing():
    a, b = random_boxes(12, 2).view(3, 4, 4), random_boxes(6, 3).view(3, 2, 4)
    pairwise = torch.stack([model.box_iou(x, y) for x, y in zip(a, b, strict=True)])
    assert torch.equal(model.box_iou(a, b), pairwise)
    point = torch.tensor([[3.0, 3, 3, 3]])
    assert model.box_iou(point, point).item() == 0
    turned = torch.tensor([[9.0, 9, 1, 1]])  # the end before the start: nothing
    assert model.box_iou(turned, torch.tensor([[0.0, 0, 10, 10]])).item() == 0


def test_half_the_images_are_turned(items):
    some = model.compose(items[0], 6, seed=0)
    images, turned = model.turned(some)
    assert turned.tolist() == [0, 1, 0, 1, 0, 1]
    assert torch.equal(images[1::2].flip(2), some.images[1::2])
    assert torch.equal(images[::2], some.images[::2])


# --- several objects -----------------------------------------------------------------------------


class Perfect(nn.Module):
    """A head that reports exactly what the targets ask for."""

    def __init__(self, targets):
        super().__init__()
        named = nn.functional.one_hot(targets[..., 5].long().clamp(0, 9), 10)
        self.out = torch.cat([9 * (2 * targets[..., :1] - 1), targets[..., 1:5], named], -1)

    def forward(self, features):
        return self.out.movedim(-1, 1)


def test_targets_are_decoded_into_the_true_boxes(items):
    pairs = model.compose(items[0], 40, objects=2, seed=0)
    head = Perfect(model.position_targets(pairs))
    found = model.detect(head, torch.zeros(40, 48, 6, 6), lowest=0.5)
    kept = [model.suppress(one, 0.5) for one in found]
    _, right = model.hits(kept, pairs, named=True)
    assert right.float().mean() == 1
    assert right.sum() / 80 > 0.95  # two centres can be nearest to the same positions
    row, column = (int(one[0]) for one in model.position_targets(pairs)[0, ..., 0].nonzero().T)
    distances = model.position_targets(pairs)[0, row, column, 1:5].numpy()
    box = torch.tensor(drills.decode(row, column, distances, 8))
    assert (box - pairs.boxes[0]).abs().amax(1).min() < 1e-4


def test_suppression_is_torchvisions():
    torch.manual_seed(0)
    corner = 30 * torch.rand(60, 2)
    boxes = torch.cat([corner, corner + 5 + 10 * torch.rand(60, 2)], 1)
    scores = torch.linspace(1, 0, 60)
    found = model.Detections(boxes, scores, torch.arange(60))
    for threshold in (0.0, 0.3, 0.7):
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(model.suppress(found, threshold).labels, expected)


def test_a_second_report_of_an_object_is_no_hit():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40]])
    found = model.Detections(boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 1, 2]))

    class Scene:
        boxes = torch.tensor([[[0.0, 0, 10, 10], [30, 30, 40, 40]]])
        labels = torch.tensor([[1, 3]])

    assert model.hits([found], Scene)[1].tolist() == [True, False, True]
    assert model.hits([found], Scene, named=True)[1].tolist() == [True, False, False]


# --- interactives --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(items):
    some = model.compose(items[2], 20, seed=1)
    pairs = model.compose(items[2], 20, objects=2, seed=1)
    torch.manual_seed(0)
    network = build(model.backbone(), three_heads())
    head = Perfect(model.position_targets(pairs))
    found = model.detect(head, torch.zeros(20, 48, 6, 6))
    return {
        "two_measures": play.two_measures(some.images[0], some.masks[0]),
        "at_work": play.at_work(network, items[2][:3]),
        "detector": play.detector(found, pairs),
    }


@pytest.mark.parametrize("name", ["two_measures", "at_work", "detector"])
def test_films_tell_different_things_in_small_pictures(made, name):
    one = made[name]
    frames, texts = [one.html(**state) for state in one.film], [one.alt(**s) for s in one.film]
    assert len(set(frames)) == len(frames) >= 3
    assert len(set(texts)) == len(texts)
    assert max(map(len, frames)) < 80_000


def test_interactives_say_what_is_measured(made):
    assert "IoU 1.00, pixel accuracy 1.00" in made["two_measures"].alt()
    assert "IoU 0.00" in made["two_measures"].alt(right=-16, down=-16)
    assert "precision is 1.00" in made["detector"].alt(overlap=0.4)


# --- claims, for other seeds than the notebook's -------------------------------------------------


def trained(items, seed, names=("class", "box", "mask"), epochs=6):
    train = model.compose(items[0], 1_500, seed=seed)
    torch.manual_seed(seed)
    network = build(model.backbone(), three_heads(*names))
    return model.fit(network, train.images, train, model.losses, epochs=epochs, seed=seed)


def judged(network, scenes):
    (mask_iou,) = from_notebook(NOTEBOOK, "mask_iou")
    out = model.outputs(network, scenes.images)
    measures = {
        "class": lambda scores: (scores.argmax(1) == scenes.labels).float().mean().item(),
        "box": lambda boxes: model.mean_iou(boxes, scenes.boxes),
        "mask": lambda masks: mask_iou(masks, scenes.masks).mean().item(),
    }
    return {name: measures[name](one) for name, one in out.items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sharing_saves_computation_in_use_not_in_training(items, seed):
    validation = model.compose(items[2], 500, seed=100)
    alone = {}
    for name in ("class", "box", "mask"):
        alone |= judged(trained(items, seed, (name,)), validation)
    shared = judged(trained(items, seed), validation)
    longer = judged(trained(items, seed, epochs=18), validation)
    print(f"seed {seed}: separate {alone}, shared {shared}, three times as long {longer}")
    assert alone["class"] > shared["class"] + 0.03
    assert alone["mask"] > shared["mask"] + 0.03
    assert longer["class"] > alone["class"] - 0.05
    assert longer["box"] > alone["box"] - 0.03
    assert alone["mask"] - 0.1 < longer["mask"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_average_has_the_position_from_the_border(items, seed):
    train, validation = model.compose(items[0], 512, seed=seed), model.compose(items[2], 500, 100)
    found = {}
    for padding in ("zeros", "circular"):
        torch.manual_seed(seed)
        heads = {"box flatten": model.flatten_head(), "box average": model.average_head()}
        network = build(model.backbone(padding), heads)
        model.fit(network, train.images, train, model.losses, epochs=6, seed=seed)
        for name, boxes in model.outputs(network, validation.images).items():
            found[padding, name] = model.mean_iou(boxes, validation.boxes)
    constant = model.mean_iou(train.boxes.mean(0).expand(500, 4), validation.boxes)
    print(f"seed {seed}: {found}, constant {constant:.3f}")
    assert found["circular", "box average"] < constant + 0.05
    assert min(v for k, v in found.items() if k != ("circular", "box average")) > constant + 0.12


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_head_and_features_limit_a_new_task_and_labels_do_not(items, seed):
    backbone = trained(items, seed).backbone
    images, turned = model.turned(model.compose(items[1], 1_280, seed=seed + 10))
    new, truth = model.turned(model.compose(items[2], 500, seed=100))
    stored = training.predict(backbone, images), training.predict(backbone, new)
    torch.manual_seed(seed)
    untrained = model.random_backbone(images)
    at_random = training.predict(untrained, images), training.predict(untrained, new)

    def mean(make, x, new_x, labels=320, epochs=14, lr=1e-2):
        shares = []
        for one in range(3):
            torch.manual_seed(one)
            loss = nn.functional.cross_entropy
            settings = {"epochs": epochs, "lr": lr, "seed": one}
            network = model.fit(make(), x[:labels], turned[:labels], loss, **settings)
            shares.append(model.share_right(network, new_x, truth))
        return sum(shares) / 3

    def linear():
        return model.linear_head(2)

    def conv():
        return model.convolutional_head(2)

    def tuned():
        return nn.Sequential(deepcopy(backbone), conv())

    def scratch():
        return nn.Sequential(model.backbone(), conv())

    found = {
        "random": mean(conv, *at_random),
        "linear": mean(linear, *stored),
        "labels": mean(linear, *stored, labels=1_280, epochs=4),
        "conv": mean(conv, *stored),
        "tuned": mean(tuned, images, new, epochs=5, lr=5e-3),
        "scratch": mean(scratch, images, new, epochs=7, lr=5e-3),
    }
    print(f"seed {seed}: {found}")
    assert abs(found["labels"] - found["linear"]) < 0.04
    assert found["conv"] > max(found["linear"], found["random"]) + 0.02
    assert found["tuned"] > found["conv"] + 0.02
    assert found["linear"] + 0.02 < found["scratch"] < found["tuned"] + 0.02
