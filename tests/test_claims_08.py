"""What section 08 says about random and learned numbers holds for other seeds (E17, E18, E20)."""

import pytest
import torch

from cv_course import data
from cv_course.models.alexnet import (
    ResponseNorm,
    changes,
    convolutions,
    gradient_sizes,
    small_alexnet,
)
from cv_course.training import evaluate, fit

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", range(3))]


def test_gradients_through_sixteen_layers(seed):
    """E17."""
    ratios = {}
    for name in ("sigmoid", "tanh", "ReLU"):
        for fitted in (True, False):
            line = gradient_sizes(name, fitted=fitted, seed=seed)
            ratios[name, fitted] = line[0] / line[-1]
    print(f"seed {seed}: " + ", ".join(f"{key} {ratio:.0e}" for key, ratio in ratios.items()))
    assert ratios["sigmoid", True] < 1e-7
    assert 0.02 < ratios["ReLU", True] < 50
    assert 0.02 < ratios["tanh", True] < 50
    assert ratios["ReLU", False] < 0.01
    assert ratios["sigmoid", False] < 1e-9


def test_towers_are_isolated_until_the_third_convolution(seed):
    """E18, with other weights and images."""
    torch.manual_seed(seed)
    found = changes(convolutions(), torch.rand(1, 3, 99, 99), "B", seed)
    counts = {name: int((change.chunk(2)[0] > 0).sum()) for name, change in found.items()}
    print(f"seed {seed}: channels of tower A that changed: {counts}")
    assert counts["conv1"] == counts["conv2"] == 0
    assert min(counts["conv3"], counts["conv4"], counts["conv5"]) > 20


def test_batch_normalisation_helps_lrn_does_not_and_with_k_1_it_is_nothing(seed):
    """E20: pairs of seeds, as the notebook has them."""
    fashion = data.fashion_mnist()
    mean, seconds = {}, {}
    for name in ("none", "lrn", "batch", "lrn, k = 1"):
        found = []
        for one in (10 * seed, 10 * seed + 1):
            torch.manual_seed(one)
            net = small_alexnet(name.split(",")[0])
            for layer in net:
                if name.endswith("1") and isinstance(layer, ResponseNorm):
                    layer.k = 1.0
            rows = fit(
                net, fashion.train[:3000], epochs=4, batch_size=64, seed=one, progress=False
            ).rows
            found.append(evaluate(net, fashion.test))
            seconds[name] = sum(row["seconds"] for row in rows)
        mean[name] = sum(found) / 2
    print(f"seed {seed}:", {name: round(one, 3) for name, one in mean.items()}, seconds)
    assert mean["batch"] > max(mean["none"], mean["lrn"]) + 0.03
    assert mean["lrn"] < mean["none"] + 0.01
    assert abs(mean["lrn, k = 1"] - mean["none"]) < 0.025
