"""Section 04: its measures and its interactives."""

import numpy as np
import pytest
import torch
from notebook_code import picture
from torch.nn.functional import cross_entropy, one_hot

from cv_course import data
from cv_course.data import Dataset, as_float
from cv_course.sections.s04_template import play
from cv_course.sections.s04_template.model import best_threshold, correlation, judge, read_template

PAIRS = [("Ankle boot", "Sneaker"), ("Shirt", "T-shirt")]
EMPTY = "\n".join(["." * 7] * 7)


# --- a template drawn by hand --------------------------------------------------------------------


def test_a_drawing_is_read_and_magnified():
    template = read_template("\n  +.-\n  ..+\n\n  -++\n", side=6)
    coarse = torch.tensor([[1.0, 0, -1], [0, 0, 1], [-1, 1, 1]])
    assert torch.equal(template, coarse.kron(torch.ones(2, 2))[None])


@pytest.mark.parametrize(
    ("drawing", "found"),
    [
        ("+x\n-o", "found o, x"),
        ("+..\n-.", r"lines of \[3, 2\] characters"),
        ("+..\n-..\n...", r"side divides 28.*\[3, 3, 3\]"),
        ("\n \n", r"lines of \[\] characters"),
    ],
)
def test_what_is_no_drawing_is_refused_by_name(drawing, found):
    with pytest.raises(ValueError, match=found):
        read_template(drawing)


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_does_better(seed):
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randint(-4, 5, (15,), generator=rng) / 2  # many are equal
    positive = torch.rand(15, generator=rng) < scores.sigmoid()
    best = best_threshold(scores, positive)
    tries = [score + by for score in scores for by in (-0.25, 0.25)]
    assert best not in scores
    right = [int(((scores > one) == positive).sum()) for one in (best, *tries)]
    assert right[0] == max(right)


def test_a_judgement_counts_on_the_test_images_with_a_threshold_of_the_training_images():
    whole = data.fashion_mnist()
    pair = Dataset(whole.train[:600], whole.test[:300], whole.classes).only("Coat", "Bag")
    template = torch.randn(1, 28, 28, generator=torch.Generator().manual_seed(1))
    found = judge(template, pair)
    known, asked = (
        torch.from_numpy(np.tensordot(split.images.numpy() / 255, template.double().numpy(), 3))
        for split in (pair.train, pair.test)
    )
    hits = (asked > found.threshold) == (pair.test.labels == 0)
    assert found.accuracy == pytest.approx(hits.float().mean().item())
    coats = pair.train.labels == 0
    best = max(int(((known > score - 1e-6) == coats).sum()) for score in known)
    assert int(((known > found.threshold) == coats).sum()) == best


def test_correlation_is_numpys_pair_by_pair():
    one, other = torch.rand(2, 4, 1, 6, 5, generator=torch.Generator().manual_seed(1))
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(correlation(one, other), expected, atol=1e-6)


# --- interactives --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fashion():
    whole = data.fashion_mnist()
    return Dataset(whole.train[:2000], whole.train[8000:8300], whole.classes)


@pytest.fixture(scope="module")
def templates(fashion):
    differences = torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    stages = {"1 step": (differences, 0.2), "1 epoch": (-differences, 0.7), "2": (differences, 0.8)}
    return play.templates(fashion.classes, differences, stages)


def test_draw_template_says_what_judge_finds_and_a_click_turns_a_cell(fashion):
    draw_template = play.draw_template(fashion, PAIRS)
    for state in draw_template.film:
        state = {**draw_template.state, **state}
        found = judge(read_template(state["drawing"]), fashion.only(*state["pair"])).accuracy
        alt = draw_template.alt(**state)
        assert f"accuracy is {found:.3f}" in alt
        assert all(name in alt for name in state["pair"])
    draw_template.set(pair=PAIRS[0], drawing=EMPTY)
    shown = [picture(draw_template)]
    for sign in "+-.":
        draw_template.controls["drawing"].children[8].click()  # second row, second column
        assert draw_template.state["drawing"].split("\n")[1] == f".{sign}....."
        shown.append(picture(draw_template))
    assert shown[0] == shown[3]
    assert len(set(shown)) == 3


def test_templates_say_how_similar_they_are(templates):
    said = "correlation of the two rows is -1.00, the validation accuracy 0.70"
    assert said in templates.alt(after="1 epoch")


# --- what the section says -----------------------------------------------------------------------


def test_the_first_step_is_a_difference_of_averages_for_classes_of_any_size():
    split = data.fashion_mnist().train
    some = torch.rand(len(split), generator=torch.Generator().manual_seed(0)) < split.labels / 10
    x, y = as_float(split.images[some]).flatten(1), split.labels[some]
    W = torch.zeros(10, 784, requires_grad=True)
    cross_entropy(x @ W.T, y).backward()
    formula = one_hot(y, 10).float().T @ x / len(x) - x.mean(0) / 10
    assert (-W.grad - formula).abs().max() < 1e-6
