"""The interactives of section 06 without a browser: state -> numbers and picture."""

import pytest
import torch
from matplotlib.patches import Rectangle
from notebook_code import picture

from cv_course import data, explore
from cv_course.models import heads
from cv_course.scenes import place, scenes, textures


@pytest.fixture(scope="module")
def items():
    return data.fashion_mnist().test[:20]


@pytest.fixture(scope="module")
def model():
    train = scenes(data.fashion_mnist().train, 320, seed=0)
    torch.manual_seed(0)
    parts = {"class": heads.class_head(), "box": heads.box_head(), "mask": heads.mask_head()}
    net = heads.MultiHead(heads.backbone(), parts)
    heads.learn(net, train.images, train, heads.losses, epochs=3, device="cpu")
    return net


@pytest.fixture(scope="module")
def pairs():
    return scenes(
        data.fashion_mnist().test, 40, objects=2, sizes=(18, 32), overlap=0.3, seed=1
    )  # fmt: skip


@pytest.fixture(scope="module")
def proposals(pairs):
    """Three to a true box: itself and two shifted copies, with lower scores."""
    lot, found = torch.Generator().manual_seed(0), []
    for boxes, labels in zip(pairs.boxes, pairs.labels, strict=True):
        copies = boxes.repeat(3, 1)
        copies[2:] += 4 * torch.rand(4, 4, generator=lot) - 2
        scores = torch.tensor([0.95, 0.9, 0.8, 0.7, 0.6, 0.5])
        found.append(heads.Proposals(copies, scores, labels.repeat(3)))
    return found


@pytest.fixture(scope="module")
def heads_at_work(model, items):
    return explore.heads_at_work(model, items, data.FASHION_CLASSES)


@pytest.fixture(scope="module")
def two_measures():
    image = torch.zeros(1, 64, 64, dtype=torch.uint8)
    return explore.two_measures(image, torch.tensor([30.0, 20, 50, 45]))


@pytest.fixture(scope="module")
def suppression(proposals, pairs):
    return explore.suppression(proposals, pairs, data.FASHION_CLASSES)


def boxes_on(axis) -> list[list[float]]:
    """x0, y0, x1, y1 of the rectangles drawn on an image."""
    found = []
    for patch in axis.patches:
        assert isinstance(patch, Rectangle)
        x, y = patch.get_x() + 0.5, patch.get_y() + 0.5
        found.append([x, y, x + patch.get_width(), y + patch.get_height()])
    return found


@pytest.mark.parametrize(
    "where",
    [
        {"item": 3, "size": 28, "right": 10, "down": 20},
        {"item": 7, "size": 40, "right": 100, "down": 100},  # at the border
    ],
)
def test_heads_at_work_shows_what_the_heads_say(heads_at_work, model, items, where):
    size = where["size"]
    spot = [torch.tensor([round(where[name] / 100 * (64 - size))]) for name in ("right", "down")]
    picture = items.images[where["item"]][None]
    image, box, mask = place(textures(1, 64, seed=3), picture, torch.tensor([size]), *spot)
    said = heads.say(model, image)
    label = items.labels[where["item"]]

    figure = heads_at_work.render(head="class", **where)
    widths = [bar.get_width() for bar in figure.axes[1].patches]
    assert widths == pytest.approx(said["class"][0].softmax(0).tolist(), abs=1e-5)
    winner = said["class"][0].argmax()
    name = data.FASHION_CLASSES[winner]
    assert figure.axes[1].get_title("left").endswith(f"{'✓' if winner == label else '✗'} {name}")

    figure = heads_at_work.render(head="box", **where)
    true, predicted = boxes_on(figure.axes[1])
    assert true == pytest.approx(box[0].tolist())
    assert predicted == pytest.approx(said["box"][0].tolist(), abs=1e-3)
    iou = heads.box_iou(said["box"], box).item()
    assert f"IoU {iou:.2f}" in figure.axes[1].get_title("left")

    figure = heads_at_work.render(head="mask", **where)
    veil = torch.as_tensor(figure.axes[1].images[1].get_array())
    assert torch.equal(veil[..., 3] > 0, said["mask"][0])
    iou = heads.foreground_iou(said["mask"], mask).item()
    assert f"foreground IoU {iou:.2f}" in figure.axes[1].get_title("left")


def test_heads_at_work_follows_its_controls(heads_at_work):
    heads_at_work.set(head="class", item=2, size=30, right=0, down=0)
    assert "The class head says" in picture(heads_at_work)
    heads_at_work.controls["head"].value = "mask"
    assert "foreground has an IoU" in picture(heads_at_work)
    heads_at_work.controls["right"].value = 60
    assert "at column 20, row 0" in picture(heads_at_work)


@pytest.mark.parametrize("size", [16, 48])
def test_every_step_moves_the_object_whatever_its_size(heads_at_work, size):
    where = {"head": "class", "item": 0, "size": size, "down": 0}
    said = {heads_at_work.alt(right=right, **where) for right in range(0, 101, 10)}
    assert len(said) == 11


def test_two_measures_disagree_on_an_empty_claim(two_measures):
    empty = 1 - 20 * 25 / 64**2
    state = {"left": 0, "top": 0, "wide": 0, "high": 0}
    assert f"IoU 0.000, pixel accuracy {empty:.3f}; claiming nothing gives {empty:.3f}" in (
        two_measures.alt(**state)
    )
    exact = {"left": 30, "top": 20, "wide": 20, "high": 25}
    assert "IoU 1.000, pixel accuracy 1.000" in two_measures.alt(**exact)
    half = {"left": 30, "top": 20, "wide": 10, "high": 25}
    figure = two_measures.render(**half)
    iou, accuracy = (bar.get_width() for bar in figure.axes[1].patches)
    assert iou == pytest.approx(0.5)
    assert accuracy == pytest.approx(1 - 10 * 25 / 64**2)
    assert boxes_on(figure.axes[0]) == [[30, 20, 50, 45], [30, 20, 40, 45], [30, 20, 40, 45]]


def test_two_measures_follows_its_controls(two_measures):
    two_measures.set(left=60, top=60, wide=30, high=30)
    assert "The box 60, 60, 64, 64 is claimed" in picture(two_measures)
    two_measures.controls["left"].value = 40
    assert "The box 40, 60, 64, 64 is claimed" in picture(two_measures)


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_suppression_keeps_what_nms_keeps(suppression, proposals, pairs, threshold):
    figure = suppression.render(scene=5, threshold=threshold)
    one = proposals[5]
    kept = one[heads.nms(one.boxes, one.scores, threshold)]
    assert len(boxes_on(figure.axes[0])) == 6
    drawn = boxes_on(figure.axes[1])
    expected = torch.cat([pairs.boxes[5], kept.boxes])
    assert torch.allclose(torch.tensor(drawn), expected, atol=1e-4)
    names = [text.get_text() for text in figure.axes[1].texts]
    few = len(kept) <= 4  # more names would cover one another
    assert names == [data.FASHION_CLASSES[label] for label in kept.labels if few]
    everywhere = [each[heads.nms(each.boxes, each.scores, threshold)] for each in proposals]
    precision, recall = heads.found_and_missed(everywhere, pairs)
    legend = [text.get_text() for text in figure.axes[2].get_legend().get_texts()]
    assert legend == [f"precision {precision:.2f}", f"recall {recall:.2f}"]
    assert f"precision is {precision:.2f} and recall {recall:.2f}" in (
        suppression.alt(scene=5, threshold=threshold)
    )


def test_suppression_follows_its_controls(suppression):
    suppression.set(scene=1, threshold=1.0)
    assert "6 of 6 boxes are kept" in picture(suppression)
    suppression.controls["threshold"].value = 0.4
    assert "2 of 6 boxes are kept" in picture(suppression)
    suppression.controls["scene"].value = 3
    assert "Scene 3, two objects" in picture(suppression)


@pytest.mark.parametrize("name", ["heads_at_work", "two_measures", "suppression"])
def test_film_tells_different_things_in_small_pictures(name, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len(set(frames)) == len(frames) >= 3
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture
