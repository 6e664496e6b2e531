"""A3 and A4: what is measured of networks, and how predictors are judged."""

import assignment_answers_34 as answers
import numpy as np
import pytest
import torch
from assignment_answers_34 import RIGHT, alexnet, constant, same_for_all, vgg
from assignment_marks import completed, marked

from cv_course.assignments import a4
from cv_course.drill import Outcome, ask, edited, examine

QUESTIONS = completed()


# --- networks ------------------------------------------------------------------------------------


def one_case(name, which):
    question = QUESTIONS[name]
    cases = question.cases(np.random.default_rng(3))
    return question, next(case for case in cases if case.arguments[0] == which)


class Single(torch.nn.Sequential):
    """Casts its images, so that it cannot be looked at in double precision."""

    def forward(self, images):
        return super().forward(images.float())


@pytest.mark.parametrize("variant", ["1989", "1998", "modern"])
def test_a_network_that_casts_its_images_is_right_and_single_as_before(variant):
    built = []

    def cast(variant):
        built.append(Single(answers.lenet(variant)))
        return built[-1]

    question, case = one_case("lenet", variant)
    assert not question.complain(case, ask(question, cast, case)).messages
    assert {one.dtype for net in built for one in a4._tensors(net)} == {torch.float32}


def test_parameters_whose_gradients_cancel_once_are_reached():
    """Here half of them are 0 for an image, and the other half for the same turned round."""
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3, bias=False))
    image = np.zeros((1, 1, 1, 4), np.float32)
    assert a4._reached(net, image) == 0
    image[..., :2] = 1
    assert a4._reached(net, image) == 12


@pytest.mark.parametrize(
    "build", [vgg, *(pytest.param(one, marks=pytest.mark.slow) for one in RIGHT["vgg"][1:])]
)
def test_one_configuration_of_vgg_is_right_in_each_form(build):
    question, case = one_case("vgg", "A")
    assert not question.complain(case, ask(question, build, case)).messages


def test_forged_measurements_are_found_out_without_a_network():
    """Right counts and shapes do not help: scores for fresh weights and images must agree."""
    question, case = one_case("alexnet", True)
    other = one_case("alexnet", False)[1]
    stolen = ask(question, alexnet, case)
    assert not question.complain(case, stolen).messages
    again = next(
        one for one in question.cases(np.random.default_rng(4)) if one.arguments[0] is True
    )
    assert "values differ" in " ".join(question.complain(again, stolen).messages)
    assert question.complain(other, stolen).messages


def test_parameters_that_do_not_matter_do_not_count():
    def padded(two_towers):
        net = alexnet(True)
        net.idle = torch.nn.Parameter(torch.ones(62_378_344 - 60_965_224))
        net.forward = lambda images: torch.nn.Sequential(*list(net))(images)
        return net

    question, case = one_case("alexnet", False)
    said = question.complain(case, ask(question, padded, case)).messages
    assert "got 60,965,224" in said[0]


@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg"])
def test_hostile_measurements_are_complaints_and_no_crash(name):
    question = QUESTIONS[name]
    assert "torch.nn.Module" in examine(question, lambda _: 3).messages[0]
    case = next(iter(question.cases(np.random.default_rng(0))))
    scores = np.ones((len(case.arguments[1]), 10 if name == "lenet" else 1000))
    for value in (np.array(np.nan), np.zeros((0,)), np.zeros((2, 3)), np.array(1e300)):
        names = ("parameters", "field", "share", "same twice", "five alone")
        found = {**dict.fromkeys(names, value), "scores": scores}
        assert question.complain(case, Outcome("answered", answers=found)).messages
    assert question.complain(case, Outcome("answered")).messages


# --- training ------------------------------------------------------------------------------------


def test_constants_and_chance_get_nothing():
    assert marked(QUESTIONS["fit_classifier"], same_for_all)[0] == 0
    for edit in ((), ("np.array([14.0, 14, 50, 50])", "boxes.mean(axis=0)"), ("> 0.2", "> 0.3")):
        assert marked(QUESTIONS["fit_multi_head"], edited(constant, *edit))[0] == 0


@pytest.fixture(scope="module")
def scene_cases():
    return list(QUESTIONS["fit_multi_head"].cases(np.random.default_rng(5)))


def test_scenes_are_as_the_assignment_says(scene_cases):
    *_, case = scene_cases
    images, labels, boxes, masks, _, unseen = case.arguments
    assert images.shape == (2500, 1, 64, 64)
    assert images.dtype == np.uint8
    assert labels.shape == (2500,)
    assert masks.dtype == bool
    assert unseen.shape[1:] == (1, 64, 64)
    assert (boxes[:, 2:] - boxes[:, :2]).max() <= 28
    assert boxes.min() >= 0
    assert boxes.max() <= 64
    for box, mask in zip(boxes[:50].astype(int), masks[:50], strict=True):
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == tuple(box)


def test_overlaps_of_boxes_and_masks():
    boxes, masks = np.tile([10.0, 10, 30, 30], (10, 1)), np.zeros((10, 64, 64), bool)
    masks[:, 10:30, 10:30] = True
    assert a4._box_overlap(boxes, boxes) == 1
    lower = boxes + np.array([0, 10, 0, 10])
    assert a4._box_overlap(lower, boxes) == pytest.approx(1 / 3)
    assert a4._mask_overlap(masks, masks) == 1
    assert a4._mask_overlap(~masks, masks) == 0


def _xywh(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


SEEMS = {
    "The boxes are fractions": lambda a: {"boxes": a["boxes"] / 64},
    "fractions": lambda a: {"boxes": 0 * a["boxes"] + 0.5},
    "same for all scenes": lambda a: {"boxes": 0 * a["boxes"] + [14, 14, 50, 50]},
    "Read as x, y, width, height": lambda a: {"boxes": _xywh(a["boxes"])},
    "Read as y1, x1, y2, x2": lambda a: {"boxes": a["boxes"][:, [1, 0, 3, 2]]},
    "masks are empty": lambda a: {"masks": a["masks"] & False},
    "masks are full": lambda a: {"masks": a["masks"] | True},
    "Transposed, your masks fit": lambda a: {"masks": a["masks"].swapaxes(1, 2)},
    "Inverted, your masks fit": lambda a: {"masks": ~a["masks"]},
    "share of right classes": lambda a: {"scores": a["scores"][::-1]},
    "alone in its batch": lambda a: {"boxes of one scene": a["boxes"][1:2]},
    "both share one network": lambda a: {"boxes after another fit": a["boxes"][::-1]},
}


@pytest.mark.parametrize("said", SEEMS)
def test_what_is_wrong_with_scenes_is_named(said, scene_cases):
    """A judge that is shown right answers, changed in one way."""
    few, many = scene_cases
    case = many if "classes" in said else few
    right = case.secret[0]
    found = {"scores": np.eye(10)[right["labels"]], "boxes": right["boxes"] * 1.0}
    found |= {"masks": right["masks"], "boxes of one scene": found["boxes"][:1]}
    found["boxes after another fit"] = found["boxes"]
    question = QUESTIONS["fit_multi_head"]
    assert question._judged(case, found) == []
    assert said in " ".join(question._judged(case, found | SEEMS[said](found)))
