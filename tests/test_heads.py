"""Heads, their losses, and the geometry of boxes and masks against the libraries."""

import ast
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from sklearn.metrics import jaccard_score
from torch import nn

from cv_course import data
from cv_course.models import heads
from cv_course.scenes import Scenes, scenes
from cv_course.training import triangle

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "text" / "06_backbone_and_heads.py"


@pytest.fixture(scope="module")
def some():
    return scenes(data.fashion_mnist().train, 96, seed=1)


@pytest.fixture(scope="module")
def pairs():
    return scenes(data.fashion_mnist().test, 30, objects=2, sizes=(18, 32), overlap=0.3, seed=1)


def new_model(padding="zeros"):
    torch.manual_seed(0)
    parts = {"class": heads.class_head(), "box": heads.box_head(), "mask": heads.mask_head()}
    return heads.MultiHead(heads.backbone(padding), parts)


def random_boxes(count, seed):
    lot = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=lot) * 40
    return torch.cat([corner, corner + torch.rand(count, 2, generator=lot) * 30], 1)


def test_shapes_and_size():
    model, images = new_model(), torch.rand(3, 1, 64, 64)
    assert model.backbone(images).shape == (3, 48, 8, 8)
    said = model(images)
    assert {name: tuple(x.shape) for name, x in said.items()} == {
        "class": (3, 10),
        "box": (3, 4),
        "mask": (3, 64, 64),
    }
    assert sum(p.numel() for p in model.backbone.parameters()) == 39_856
    assert heads.box_head("average")(torch.rand(2, 48, 8, 8)).shape == (2, 4)
    assert heads.place_head()(torch.rand(2, 48, 8, 8)).shape == (2, 64, 15)
    with pytest.raises(ValueError, match="flatten or average"):
        heads.box_head("max")


def test_each_place_of_the_map_paints_its_own_pixels():
    features = torch.zeros(1, 48, 8, 8)
    head = heads.mask_head()
    base = head(features)
    features[0, :, 2, 5] = 1
    changed = (head(features) - base)[0].abs() > 1e-6
    assert changed[16:24, 40:48].all()
    assert changed.sum() == 64


def test_only_without_border_the_average_forgets_the_place(some):
    images = data.as_float(some.images[:4])
    for padding, exact in (("circular", True), ("zeros", False)):
        net = new_model(padding).backbone.eval()
        with torch.no_grad():
            change = net(images.roll((16, 24), (2, 3))).mean((2, 3)) - net(images).mean((2, 3))
        assert (change.abs().max() < 1e-5) == exact


def test_losses_are_the_sum_of_their_parts(some):
    model = new_model().eval()
    out = model(data.as_float(some.images))
    expected = (
        F.cross_entropy(out["class"], some.labels)
        + 10 * (out["box"] - some.boxes / 64).abs().mean()
        + 3 * F.binary_cross_entropy(out["mask"].sigmoid(), some.masks.float())
    )
    torch.testing.assert_close(heads.losses(out, some), expected)
    twice = {"box": out["box"], "box average": out["box"]}
    alone = heads.losses({"box": out["box"]}, some)
    torch.testing.assert_close(heads.losses(twice, some), 2 * alone)


def cell(beginning: str) -> str:
    cells = NOTEBOOK.read_text(encoding="utf-8").split("# %%\n")
    (found,) = [one for one in cells if one.startswith(beginning)]
    return found


def test_the_notebooks_loop_is_the_packages(some):
    """What is shown in class and what is imported afterwards give the same weights."""
    tree = ast.parse(NOTEBOOK.read_text(encoding="utf-8"))
    shown = [node for node in tree.body if getattr(node, "name", None) == "losses"]
    model = new_model()
    space = {
        **{"torch": torch, "F": F, "data": data, "triangle": triangle, "model": model},
        **{"seen": some, "train": some, "SEED": 0, "device": "cpu"},
        "choose_device": lambda: "cpu",
    }
    exec(compile(ast.Module(shown, []), NOTEBOOK.name, "exec"), space)
    start = cell("from cv_course.training import choose_device, triangle")
    assert "range(8)" in start
    exec(start.replace("range(8)", "range(2)"), space)
    exec(cell("for step, batch in enumerate(batches):"), space)
    other = new_model()
    heads.learn(other, some.images, some, heads.losses, epochs=2, seed=0, device="cpu")
    for one, same in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, same)


def test_learning_repeats_itself_and_reduces_the_loss(some):
    curves = [
        heads.learn(new_model(), some.images, some, heads.losses, epochs=4, seed=seed, device="cpu")
        for seed in (0, 0, 1)
    ]
    assert curves[0] == curves[1] != curves[2]
    assert len(curves[0]) == 4
    assert curves[0][-1] < curves[0][0]
    with pytest.raises(ValueError, match="got only 20"):
        heads.learn(new_model(), some.images[:20], some[:20], heads.losses, epochs=1)


def test_say_gives_pixels_and_booleans(some):
    model = new_model().eval()
    said = heads.say(model, some.images, batch_size=40)
    with torch.no_grad():
        raw = model(data.as_float(some.images))
    torch.testing.assert_close(said["box"], 64 * raw["box"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(said["class"], raw["class"], rtol=1e-4, atol=1e-4)
    assert said["mask"].dtype == torch.bool
    assert (said["mask"] == (raw["mask"] > 0)).float().mean() > 0.999


def test_box_iou_equals_torchvision():
    a, b = random_boxes(40, 0), random_boxes(30, 1)
    torch.testing.assert_close(heads.box_iou(a, b), torchvision.ops.box_iou(a, b))
    whole = a.round()
    theirs = torchvision.ops.box_iou(whole, whole)  # 0/0 where neither has any area
    torch.testing.assert_close(heads.box_iou(whole, whole), theirs.nan_to_num(0))


def test_box_iou_of_batches_and_of_nothing():
    a, b = random_boxes(12, 2).view(3, 4, 4), random_boxes(6, 3).view(3, 2, 4)
    pairwise = torch.stack([heads.box_iou(x, y) for x, y in zip(a, b, strict=True)])
    assert torch.equal(heads.box_iou(a, b), pairwise)
    point = torch.tensor([[3.0, 3, 3, 3]])
    assert heads.box_iou(point, point).item() == 0
    turned = torch.tensor([[9.0, 9, 1, 1]])  # the end before the start: nothing
    assert heads.box_iou(turned, torch.tensor([[0.0, 0, 10, 10]])).item() == 0


def test_masks_are_judged_as_by_scikit_learn():
    lot = torch.Generator().manual_seed(0)
    predicted, true = torch.rand(2, 9, 5, 7, generator=lot) < 0.3
    iou, share = heads.foreground_iou(predicted, true), heads.pixel_accuracy(predicted, true)
    for n in range(9):
        flat = true[n].flatten().numpy(), predicted[n].flatten().numpy()
        assert iou[n] == pytest.approx(jaccard_score(*flat))
        assert share[n] == pytest.approx((flat[0] == flat[1]).mean())
    empty = torch.zeros(1, 5, 7, dtype=torch.bool)
    assert heads.foreground_iou(empty, empty).item() == 1
    assert heads.foreground_iou(empty, ~empty).item() == 0


@pytest.mark.parametrize("judge", [heads.foreground_iou, heads.pixel_accuracy])
def test_logits_or_other_shapes_are_no_masks(judge):
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match="> 0"):
        judge(mask.float(), mask)
    with pytest.raises(ValueError, match=r"true: .*\(2, 4, 5\)"):
        judge(mask, torch.zeros(2, 4, 5, dtype=torch.bool))


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_nms_equals_torchvision(threshold):
    for seed in range(5):
        boxes = random_boxes(60, seed)
        scores = torch.rand(60, generator=torch.Generator().manual_seed(seed))
        expected = torchvision.ops.nms(boxes, scores, threshold)
        assert torch.equal(heads.nms(boxes, scores, threshold), expected)
    assert heads.nms(boxes[:0], scores[:0], threshold).tolist() == []


def test_nms_explains_bad_input():
    with pytest.raises(ValueError, match=r"\(5, 4\) and \(3,\)"):
        heads.nms(torch.rand(5, 4), torch.rand(3), 0.5)
    with pytest.raises(ValueError, match=r"0 to 1, got 1\.5"):
        heads.nms(torch.rand(5, 4), torch.rand(5), 1.5)


def test_places_equal_the_slow_rule(pairs):
    target = heads.places(pairs)
    for n in range(len(pairs)):
        for place in range(64):
            x, y = 8 * (place % 8) + 4, 8 * (place // 8) + 4
            best = None
            for k, (x0, y0, x1, y1) in enumerate(pairs.boxes[n].tolist()):
                dx, dy = abs(x - (x0 + x1) / 2), abs(y - (y0 + y1) / 2)
                near = dx <= max((x1 - x0) / 4, 4) and dy <= max((y1 - y0) / 4, 4)
                if near and (best is None or dx**2 + dy**2 < best[0]):
                    best = (dx**2 + dy**2, k)
            assert target.present[n, place].item() == (best is not None)
            if best:
                k = best[1]
                assert target.labels[n, place] == pairs.labels[n, k]
                corners = target.corners[n, place] * 8 + torch.tensor([x, y, x, y])
                torch.testing.assert_close(corners, pairs.boxes[n, k])


class Oracle(nn.Module):
    """A head that says what :func:`heads.places` wants to hear."""

    def __init__(self, target):
        super().__init__()
        self.target = target

    def forward(self, _):
        presence = torch.where(self.target.present, 9.0, -9.0)[..., None]
        names = 9 * F.one_hot(self.target.labels, 10).float()
        return torch.cat([presence, self.target.corners, names], -1)


def test_no_object_is_nobodys_and_proposals_lead_back_to_the_boxes(pairs):
    oracle = Oracle(heads.places(pairs))
    found = heads.propose(heads.backbone(), oracle, pairs.images)
    certain = [one[one.scores > 0.5] for one in found]
    kept = [one[heads.nms(one.boxes, one.scores, 0.6)] for one in certain]
    assert heads.found_and_missed(kept, pairs, at=0.99, named=True) == (1.0, 1.0)
    several, all_found = heads.found_and_missed(certain, pairs)
    assert all_found == 1
    assert several == pytest.approx(60 / sum(map(len, certain)))
    assert heads.place_losses(oracle(None), heads.places(pairs)) < 0.01
    single = scenes(data.fashion_mnist().test, 50, seed=2)
    assert heads.places(single).present.any(1).all()


def test_proposals_come_best_first(pairs):
    torch.manual_seed(0)
    for one in heads.propose(heads.backbone(), heads.place_head(), pairs.images[:3]):
        assert len(one) == 64
        assert torch.equal(one.scores, one.scores.sort(descending=True).values)
        assert one.boxes.min() >= 0
        assert one.boxes.max() <= 64


def test_hits_doubles_and_misses():
    true = torch.tensor([[[0.0, 0, 10, 10], [20, 20, 30, 30]]])
    scene = Scenes(torch.zeros(1, 1, 64, 64), torch.tensor([[3, 4]]), true, torch.zeros(1, 2))

    def judge(boxes, labels, **how):
        boxes = torch.tensor(boxes).view(-1, 4)
        found = heads.Proposals(boxes, torch.ones(len(boxes)), torch.tensor(labels))
        return heads.found_and_missed([found], scene, **how)

    first, second, off = [0.0, 0, 10, 9], [20.0, 20, 30, 30], [40.0, 40, 50, 50]
    assert judge([first, second], [3, 4]) == (1, 1)
    assert judge([first, first, off], [3, 3, 3]) == (pytest.approx(1 / 3), 0.5)
    assert judge([first, second], [3, 3], named=True) == (0.5, 0.5)
    assert judge([first], [3], at=0.95) == (0, 0)
    assert judge([], []) == (1, 0)
