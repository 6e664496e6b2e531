"""Section 10: its parts and its interactives."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import from_notebook
from torch import nn

from cv_course import data, layers
from cv_course.networks.vgg import CONFIGS, VGG, read_stage, vgg
from cv_course.sections.s10_vgg import drills, model, play

NOTEBOOK = "10_vgg"


# --- exercises -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 5])
def test_merged_kernels_do_what_two_layers_do(size):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(3, 3)), rng.normal(size=(size, size))
    one, two, both = (
        torch.from_numpy(kernel)[None, None]
        for kernel in (first, second, drills.merge_kernels(first, second))
    )
    image = torch.randn(1, 1, 12, 12, dtype=torch.float64)
    torch.testing.assert_close(F.conv2d(F.conv2d(image, one), two), F.conv2d(image, both))


@pytest.mark.parametrize("name", CONFIGS)
def test_stacks_are_counted_as_the_layers_are(name):
    words = [item for stage in CONFIGS[name] for item in read_stage(stage) if item != "LRN"]
    kernels, widths = zip(*words, strict=True)
    with torch.device("meta"):
        features = vgg(name, head="average").features
    weights, side = drills.count_stack(kernels, [3, *widths])
    assert weights == sum(p.numel() for p in features.parameters() if p.ndim == 4)
    convolutions = nn.Sequential(*[m for m in features if isinstance(m, nn.Conv2d)])
    assert (side, side) == layers.trace(convolutions, (3, 64, 64))[-1].receptive_field


# --- interactives --------------------------------------------------------------------------------


def test_stacks_cost_what_the_paper_says():
    small, large = model.stack_costs(3, 3, 64)
    assert small > 8 * large
    stacks = play.stacks()
    assert "110,592 weights against 200,704" in stacks.alt()
    assert "from 3 to 64 channels: 75,456 weights against 9,408" in stacks.alt(channels_in="3")


def test_the_valley_is_the_loss_of_one_input():
    x = np.random.default_rng(0).normal(size=5000)
    x = 0.35 * (x - x.mean()) / x.std() + 0.29
    goal = (x - x.mean()) / x.std()
    path, hessian = model.valley(0.29, 0.35, rate=0.3, steps=7)
    weight, bias = 0.0, 0.0
    for _ in range(7):
        error = weight * x + bias - goal
        weight, bias = weight - 0.3 * (error * x).mean(), bias - 0.3 * error.mean()
    np.testing.assert_allclose(path[-1], [weight, bias], atol=1e-9)
    rows = np.c_[x, np.ones_like(x)]
    np.testing.assert_allclose(hessian, rows.T @ rows / len(x), atol=1e-9)


def test_centring_says_the_condition_number():
    centring = play.centring(0.286, 0.354)
    assert "condition number is 8.0" in centring.alt(mean=0.0)
    numbers = [
        float(centring.alt(mean=mean).split("number is ")[1].split(",")[0])
        for mean in (0.0, 0.29, 1.29)
    ]
    assert numbers == sorted(numbers)
    assert numbers[2] > 5 * numbers[1]


def test_transfer_says_the_stages_and_the_pixels():
    accuracies = {
        shots: {
            "trained": {"stage 1": [high, high], "stage 2": [high, high - 0.2]},
            "random": {"stage 1": [0.4, 0.6], "stage 2": [0.3, 0.3]},
            "pixels": {"pixels": [0.7]},
        }
        for shots, high in ((20, 0.9), (1, 0.6))
    }
    transfer = play.transfer(accuracies)
    assert transfer.alt().startswith("20 examples per class: stage 1 trained weights 0.90, ")
    assert "stage 2 trained weights 0.80, random weights 0.30; pixels 0.70" in transfer.alt()
    assert "1 examples per class: stage 1 trained weights 0.60" in transfer.alt(examples=1)
    assert transfer.film == [{"examples": 20}, {"examples": 1}]


# --- what the section computes -------------------------------------------------------------------


def test_stage_outputs_lead_to_the_scores():
    network = VGG(("3-4", "3-6"), (1, 8, 8), classes=3, head="average", batch_norm=True)
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    found = model.stage_outputs(network, images)
    assert {name: tuple(one.shape) for name, one in found.items()} == {
        "stage 1": (5, 64),
        "stage 2": (5, 24),
    }
    with torch.no_grad():
        scores = network.classifier(network.vectorise(found["stage 2"].view(5, 6, 2, 2)))
        torch.testing.assert_close(scores, network.eval()(data.as_float(images)))


def test_few_examples_of_what_is_far_apart_suffice():
    (few_shot_accuracy,) = from_notebook(NOTEBOOK, "few_shot_accuracy")
    few_shot_accuracy.__globals__["model"] = model
    labels = torch.arange(80) % 4
    rows = 20 * F.one_hot(labels, 4).float() + torch.randn(80, 4)
    for accuracy in (few_shot_accuracy, model.least_squares_accuracy):
        assert accuracy(rows, labels, rows, labels, 2) == 1
        assert accuracy(rows, labels, rows, labels.roll(1), 2) == 0
    half = model.at_half_size(
        data.Split(torch.full((1, 1, 4, 4), 7, dtype=torch.uint8), labels[:1])
    )
    assert half.images.tolist() == [[[[7, 7], [7, 7]]]]
