"""Assignments A3 and A4: right answers get all points, usual mistakes lose some and hear why."""

import numpy as np
import pytest
import torch
from assignment_answers_34 import RIGHT, WRONG, AlexNet, constant, same_for_all
from assignment_marks import completed, marked

from cv_course.assignments import a4, registry
from cv_course.drill import ask, examine

QUESTIONS = {name: question for name, question in completed().items() if name in RIGHT}
SLOW = {"vgg": 0, "alexnet": 3, "fit_classifier": 1, "fit_multi_head": 0}  # that many are not slow


def shown(name, number, *rest):
    slow = [pytest.mark.slow] if number >= SLOW.get(name, 1000) else []
    return pytest.param(name, *rest, marks=slow, id=f"{name}-{number}")


RIGHT_ONES = [shown(name, n, one) for name in RIGHT for n, one in enumerate(RIGHT[name])]
WRONG_ONES = [shown(name, n, *one) for name in WRONG for n, one in enumerate(WRONG[name])]


def seeds(name):
    return (1,) if name in SLOW else (1, 2, 3)


@pytest.mark.parametrize(("name", "answer"), RIGHT_ONES)
def test_right_answers_get_full_marks_however_they_are_written(name, answer):
    for seed in seeds(name):
        assert marked(QUESTIONS[name], answer, seed) == (1, "")


@pytest.mark.parametrize(("name", "answer", "said"), WRONG_ONES)
def test_usual_mistakes_lose_points_and_are_named(name, answer, said):
    for seed in seeds(name):
        share, messages = marked(QUESTIONS[name], answer, seed)
        assert share < 1
        assert said in messages


@pytest.mark.parametrize("name", RIGHT)
def test_there_are_enough_answers(name):
    assert len(RIGHT[name]) >= 3
    assert len(WRONG[name]) >= 6


def test_points():
    assert [registry.ASSIGNMENTS[name].points for name in ("A3", "A4")] == [46, 64]


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
def test_a_network_that_casts_its_images_is_right_and_stays_as_it_was(variant):
    built = []

    def lenet(variant):
        built.append(Single(RIGHT["lenet"][0](variant)))
        return built[-1]

    question, case = one_case("lenet", variant)
    assert not question.complain(case, ask(question, lenet, case)).messages
    assert {one.dtype for net in built for one in a4._tensors(net)} == {torch.float32}


@pytest.mark.parametrize("looked", [a4._doubled, lambda net: a4._shaken(net, 1)])
def test_a_network_is_as_it_was_also_after_a_failure(looked):
    net = RIGHT["lenet"][0]("1998")
    before = [one.clone() for one in a4._tensors(net)]
    with pytest.raises(RuntimeError, match="its own"), looked(net):
        raise RuntimeError("its own")
    assert all(map(torch.equal, before, a4._tensors(net)))


def test_parameters_whose_gradients_cancel_once_are_reached():
    """Here half of them are 0 for an image, and the other half for the same turned round."""
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3, bias=False))
    image = np.zeros((1, 1, 1, 4), np.float32)
    assert a4._reached(net, image)[0] == 0
    image[..., :2] = 1
    assert a4._reached(net, image)[0] == 12


@pytest.mark.parametrize("build", RIGHT["vgg"])
def test_one_configuration_of_vgg_is_right_in_each_form(build):
    question, case = one_case("vgg", "A")
    assert not question.complain(case, ask(question, build, case)).messages


def test_the_quick_reference_is_what_the_large_network_does():
    """Sixteen channels stand for hundreds: the trusted side need not build the network."""
    question, case = one_case("alexnet", True)
    found = ask(question, AlexNet, case).answers
    for name, expected in question.reference(*case.arguments).items():
        np.testing.assert_allclose(
            found[name], expected, rtol=1e-3, atol=2e-3 * np.abs(expected).max()
        )


def test_forged_measurements_are_found_out_without_a_network():
    """Right counts and shapes do not help: scores for fresh weights and images must agree."""
    question, case = one_case("alexnet", True)
    other = one_case("alexnet", False)[1]
    stolen = ask(question, AlexNet, case)
    assert not question.complain(case, stolen).messages
    again = next(
        one for one in question.cases(np.random.default_rng(4)) if one.arguments[0] is True
    )
    assert "values differ" in " ".join(question.complain(again, stolen).messages)
    assert question.complain(other, stolen).messages


def test_parameters_that_do_not_matter_do_not_count():
    class Padded(AlexNet):
        def __init__(self, two_towers):
            super().__init__(two_towers, groups=(2, 1, 2, 2))
            self.idle = torch.nn.Parameter(torch.ones(62_378_344 - 60_965_224))

    question, case = one_case("alexnet", False)
    said = question.complain(case, ask(question, Padded, case)).messages
    assert "got 60,965,224" in said[0]


@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg"])
def test_what_is_no_network_is_told_so(name):
    verdict = examine(QUESTIONS[name], lambda _: 3)
    assert verdict.status == "error"
    assert "torch.nn.Module" in verdict.messages[0]


@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg"])
def test_hostile_measurements_are_complaints_and_no_crash(name):
    question = QUESTIONS[name]
    case = next(iter(question.cases(np.random.default_rng(0))))
    from cv_course.drill import Outcome

    images = len(case.arguments[1])
    shape = np.array([images, 10 if name == "lenet" else 1000])
    for value in (np.array(np.nan), np.zeros((0,)), np.zeros((2, 3)), np.array(1e300)):
        names = ("parameters", "scores", "field", "share", "first five")
        answers = {"shape of the scores": shape, **dict.fromkeys(names, value)}
        assert question.complain(case, Outcome("answered", answers=answers)).messages
    assert question.complain(case, Outcome("answered")).messages


# --- training ------------------------------------------------------------------------------------


def test_constants_and_chance_get_nothing():
    assert marked(QUESTIONS["fit_classifier"], same_for_all)[0] == 0
    for baseline in (constant(), constant(box=None, mask=0.1), constant(mask=0.3)):
        assert marked(QUESTIONS["fit_multi_head"], baseline)[0] == 0


def test_scenes_are_as_the_assignment_says():
    *_, case = QUESTIONS["fit_multi_head"].cases(np.random.default_rng(5))
    images, labels, boxes, masks, _, unseen = case.arguments
    assert images.shape == (2500, 1, 64, 64)
    assert images.dtype == np.uint8
    assert labels.shape == (2500,)
    assert masks.dtype == bool
    assert unseen.shape[1:] == (1, 64, 64)
    sizes = boxes[:, 2:] - boxes[:, :2]
    assert sizes.max() <= 28
    assert boxes.min() >= 0
    assert boxes.max() <= 64
    for box, mask in zip(boxes[:50].astype(int), masks[:50], strict=True):
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == tuple(box)


def test_what_the_judge_measures_of_scenes():
    right = {"labels": np.arange(10), "boxes": np.tile([10.0, 10, 30, 30], (10, 1))}
    right["masks"] = np.zeros((10, 64, 64), bool)
    right["masks"][:, 10:30, 10:30] = True
    assert a4._mean_box_iou(right["boxes"], right["boxes"]) == 1
    assert a4._mean_box_iou(right["boxes"] + [[0, 10, 0, 10]], right["boxes"]) == pytest.approx(
        1 / 3
    )
    assert a4._mean_mask_iou(right["masks"], right["masks"]) == 1
    assert a4._mean_mask_iou(~right["masks"], right["masks"]) == 0


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
def test_what_is_wrong_with_scenes_is_named(said):
    """A judge that is shown right answers, changed in one way."""
    few, many = QUESTIONS["fit_multi_head"].cases(np.random.default_rng(5))
    case = many if "classes" in said else few
    right = case.secret[0]
    answers = {"scores": np.eye(10)[right["labels"]], "boxes": right["boxes"] * 1.0}
    answers |= {"masks": right["masks"], "boxes of one scene": answers["boxes"][:1]}
    answers["boxes after another fit"] = answers["boxes"]
    assert a4._judge_scenes(case, answers) == []
    assert said in " ".join(a4._judge_scenes(case, answers | SEEMS[said](answers)))
