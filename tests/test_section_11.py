"""Section 11: its maps against Captum's, and its interactive."""

from itertools import product
from pathlib import Path

import pytest
import torch
from captum import attr
from notebook_code import from_notebook, picture
from scipy.stats import spearmanr

from cv_course import data, training
from cv_course.sections.s11_inside import model, play
from cv_course.sections.s11_inside.model import cover

NOTEBOOK = "11_looking_inside"
TEXT = Path(__file__).parents[1] / "notebooks" / "text" / f"{NOTEBOOK}.py"


@pytest.fixture
def given():
    """A network, images and labels; with other means than at first, and large scores."""
    torch.manual_seed(0)
    network = model.small_network()
    network.features.stage3[1].running_mean.normal_()
    network.classifier.weight.data.mul_(30)
    return network.eval(), torch.rand(4, 1, 28, 28), torch.tensor([0, 5, 2, 2])


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs.detach().float(), atol=1e-4, rtol=1e-4)


# --- maps ----------------------------------------------------------------------------------------


def test_gradients_are_captums(given):
    network, images, labels = given
    names = ("score_of_label", "input_gradient", "integrated_gradients")
    score, input_gradient, integrated = from_notebook(NOTEBOOK, *names)
    assert torch.equal(score(*given), network(images).gather(1, labels[:, None])[:, 0])
    close(input_gradient(*given), attr.Saliency(network).attribute(images, labels, abs=False))
    theirs = attr.IntegratedGradients(network).attribute(
        images, target=labels, n_steps=32, method="riemann_middle"
    )
    close(integrated(network, images, labels, steps=32), theirs)


def test_grad_cam_is_captums(given):
    network, images, labels = given
    (grad_cam,) = from_notebook(NOTEBOOK, "grad_cam")
    grad_cam.__globals__["model"] = model
    theirs = attr.LayerGradCam(network, network.features).attribute(
        images, labels, relu_attributions=True
    )
    close(grad_cam(*given), model.enlarged(theirs[:, 0], 28))


@pytest.mark.parametrize(("size", "fill"), [(4, 0), (2, 0.3), (7, 1)])
def test_occlusion_maps_are_captums(given, size, fill):
    network, images, labels = given
    more = {"training": training, "product": product, "cover": cover}
    _, occlusion_map = from_notebook(NOTEBOOK, "probability", "occlusion_map", **more)
    theirs = attr.Occlusion(lambda images: network(images).softmax(1)).attribute(
        images, (1, size, size), target=labels, strides=(1, size, size), baselines=fill
    )
    close(occlusion_map(*given, size, fill), theirs[:, 0])


@pytest.mark.parametrize(("top", "left", "count"), [(1, 2, 4), (-1, -1, 1), (3, 5, 1), (-5, 0, 0)])
def test_cover_fills_the_part_of_a_square_that_lies_inside(top, left, count):
    images = torch.ones(2, 1, 4, 6)
    covered = cover(images, top, left, 2, fill=99)
    square = (..., slice(max(top, 0), max(top + 2, 0)), slice(max(left, 0), left + 2))
    assert (covered[square] == 99).all()
    assert (covered == 99).sum() == 2 * count
    assert (images == 1).all()


def test_a_patch_on_one_image_without_a_batch_is_refused(given):
    with pytest.raises(ValueError, match="image\\[None\\]"):
        cover(given[1][0], 0, 0, 2)


def test_rank_correlation_is_scipys_also_with_ties():
    torch.manual_seed(0)
    one, other = torch.randint(0, 5, (3, 6, 7)), torch.rand(3, 6, 7)
    for a, b, found in zip(one, other, model.rank_correlation(one, other), strict=True):
        assert found.item() == pytest.approx(spearmanr(a.flatten(), b.flatten()).statistic)
    assert model.rank_correlation(torch.ones(1, 2, 2), torch.rand(1, 2, 2)).item() == 0


def test_shares_are_of_the_positive_part():
    maps = torch.tensor([[[3.0, -5], [1, 0]], [[0, 0], [0, 2]]])
    assert model.share(maps, torch.tensor([[[1.0, 1], [0, 0]]])) == pytest.approx((3 / 4 + 0) / 2)


def test_forgetting_leaves_the_rest_as_it_was(given):
    network, images, _ = given
    (forget,) = from_notebook(NOTEBOOK, "forget")
    forget.__globals__.update(model=model, deepcopy=__import__("copy").deepcopy)
    for name, value in network.named_buffers():
        if "running_mean" in name:
            value.normal_()  # as after training
    before = {name: value.clone() for name, value in network.state_dict().items()}
    other = forget(network, ["classifier", "features.stage3"], images, seed=1)
    assert not other.training
    changed = {
        name.rpartition(".")[0]
        for name, value in other.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == {"classifier", "features.stage3.0", "features.stage3.1"}
    maps = other.features(images)
    assert 0.1 < maps.std() < 3  # batch normalisation fits the images


def test_the_puzzle_changes_two_classes_and_no_other():
    split = data.fashion_mnist().test[:300]
    theirs = model.changed(split)
    different = (theirs.images != split.images).flatten(1).any(1)
    assert set(split.labels[different].tolist()) == {4, 6}
    assert theirs.images[split.labels == 4].min() == 12
    assert (theirs.images[split.labels == 6][:, :, 1:4, 1:4] == 255).all()


def test_the_text_before_the_puzzle_does_not_name_what_was_changed():
    text = TEXT.read_text(encoding="utf-8")
    asked = text[text.index("## 4 A fair test") : text.index("# @title The solution")].lower()
    assert not [word for word in ("tint", "corner", "white", "mark:") if word in asked]


# --- interactive ---------------------------------------------------------------------------------


def test_the_patch_covers_and_both_networks_answer(given):
    network = given[0]
    classes = data.fashion_mnist().classes
    split = data.fashion_mnist().test[:12]
    both, states = {"ours": network, "rival": network}, [(0, 10, 10), (6, 0, 21)]
    puzzle = play.patch(both, split, classes, list(range(10)), states)
    assert puzzle.film[1] == {"item": 6, "row": 0, "column": 21}
    before = picture(puzzle)
    puzzle.controls["row"].value = 20
    assert picture(puzzle) != before
    *_, frame = puzzle.draw(row=7, column=14)[0].axes[0].patches
    x, right, _, y = puzzle.draw()[0].axes[0].images[1].get_extent()
    assert frame.get_x() == pytest.approx((x + right) / 2)  # column 14 of 28
    assert frame.get_y() == pytest.approx(y + (right - x) / 4)
    true = classes[split.labels[3]]
    assert puzzle.alt(item=3).startswith(f"{true}, covered at row 10 and column 10. ours: ")
