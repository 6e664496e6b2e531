"""What section 04 says about learned numbers holds for other seeds too (COURSE.md: E12 and E13)."""

import pytest
import torch
from notebook_code import from_notebook, one_layer_by_step

from cv_course import data, perturb
from cv_course.data import Split, as_float
from cv_course.models.s04_template import correlation
from cv_course.networks.small import Linear, SmallConv
from cv_course.training import evaluate, fit

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", range(3))]


@pytest.fixture(scope="module")
def fashion():
    return data.fashion_mnist()


@pytest.fixture(scope="module")
def averages(fashion):
    images, labels = as_float(fashion.train.images), fashion.train.labels
    return torch.stack([images[labels == c].mean(0) for c in range(10)])


def test_the_first_step_is_the_classs_average_less_that_of_all(fashion, seed):
    """E12: minus the gradient at zero is share · class average - average / C, also unbalanced."""
    share = torch.rand(10, generator=torch.Generator().manual_seed(seed))
    chance = torch.rand(len(fashion.train), generator=torch.Generator().manual_seed(seed + 100))
    some = fashion.train[chance < share[fashion.train.labels]]
    x, labels = as_float(some.images).flatten(1), some.labels
    W, b = torch.zeros(10, 784, requires_grad=True), torch.zeros(10, requires_grad=True)
    torch.nn.functional.cross_entropy(x @ W.T + b, labels).backward()
    sizes = labels.bincount(minlength=10)
    formula = torch.stack(
        [sizes[c] / len(x) * x[labels == c].mean(0) - x.mean(0) / 10 for c in range(10)]
    )
    error = (-W.grad - formula).abs().max().item()
    print(f"seed {seed}: {sizes.min()} to {sizes.max()} images a class, error {error:.1e}")
    assert sizes.max() > 2 * sizes.min()
    assert error < 1e-6


def test_templates_become_less_like_averages_and_better(fashion, averages, seed):
    """E12: over the steps the correlation falls while the test accuracy rises."""
    differences, alike, accuracy = averages - averages.mean(0), [], []
    train, test = fashion.train, fashion.test
    for W, b in one_layer_by_step(train.images, train.labels, [10, 100, 2000], seed):
        alike.append(correlation(W.view(10, 1, 28, 28), differences).mean().item())
        answers = (as_float(test.images).flatten(1) @ W.T + b).argmax(1)
        accuracy.append((answers == test.labels).float().mean().item())
    found = f"seed {seed}: correlation {alike}, accuracy {accuracy} after 10, 100, 2000 steps"
    print(found)
    assert alike[0] > alike[1] > alike[2], found
    assert accuracy[0] < accuracy[1] < accuracy[2], found
    # what the notebook asserts of its own run
    assert alike[0] > 0.85, found
    assert alike[0] > alike[1] + 0.03 > alike[2] + 0.15, found


def test_only_global_pooling_survives_a_shift_and_only_by_the_stride(fashion, seed):
    """E13: the notebook's canvas and recipe."""
    (on_canvas,) = from_notebook("04_one_layer_one_template", "on_canvas")
    train, test = on_canvas(fashion.train), on_canvas(fashion.test)
    curves = {}
    for name, make, recipe in (
        ("one layer", lambda: Linear((1, 36, 36), 10), {"epochs": 5}),
        ("flatten", lambda: SmallConv("flatten", (1, 36, 36)), {"epochs": 6, "batch_size": 64}),
        ("max", lambda: SmallConv("max", (1, 36, 36)), {"epochs": 6, "batch_size": 64}),
    ):
        torch.manual_seed(seed)
        model = make()
        fit(model, train, **recipe, seed=seed, progress=False)
        curves[name] = {
            by: evaluate(model, Split(perturb.shift(test.images, by), test.labels))
            for by in (0, 2, 4, 8)
        }
    found = f"seed {seed}: " + "; ".join(f"{name} {curve}" for name, curve in curves.items())
    print(found)
    for name in ("one layer", "flatten"):
        assert curves[name][0] > 0.75, found
        assert curves[name][4] < 0.5, found
        assert curves[name][8] < 0.25, found
    pooled = curves["max"]
    assert pooled[0] > 0.8, found
    assert pooled[8] > pooled[0] - 0.05, found
    assert pooled[2] < pooled[0] - 0.03, found
