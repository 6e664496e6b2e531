"""What section 08 says about random and learned numbers holds for other seeds (E17, E18, E20)."""

import pytest
import torch

from cv_course import data
from cv_course.models.s08_alexnet import changes, gradient_sizes, small_alexnet
from cv_course.networks.alexnet import ResponseNorm, convolutions
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
    right = {}
    for name, seeds in (("none", 2), ("lrn", 2), ("batch", 2), ("lrn, k = 1", 1)):
        right[name] = []
        for one in range(10 * seed, 10 * seed + seeds):
            torch.manual_seed(one)
            net = small_alexnet(name.split(",")[0])
            for layer in net:
                if name.endswith("1") and isinstance(layer, ResponseNorm):
                    layer.k = 1.0
            fit(net, fashion.train[:2000], epochs=4, batch_size=64, seed=one, progress=False)
            right[name].append(evaluate(net, fashion.test))
    print(f"seed {seed}: {right}")
    none, lrn, batch = (sum(right[name]) / 2 for name in ("none", "lrn", "batch"))
    assert batch > max(none, lrn) + 0.03
    assert lrn < none + 0.01
    assert abs(right["lrn, k = 1"][0] - right["none"][0]) < 0.03
