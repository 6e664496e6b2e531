"""What section 09 claims holds for other seeds, too (E21, E22)."""

import pytest
import torch
from notebook_code import from_notebook
from torch import nn

from cv_course import data
from cv_course.models import s09_receptive as s09
from cv_course.networks.vgg import vgg
from cv_course.receptive import Window

pytestmark = pytest.mark.slow
NOTEBOOK = "09_receptive_field"


@pytest.mark.parametrize("seed", range(3))
def test_e21_the_gradient_of_a_random_vgg_fills_its_field_and_e22_uses_the_middle(seed):
    torch.manual_seed(seed)
    features = vgg("D", head="average").features
    for conv in features.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.kaiming_normal_(conv.weight)
            nn.init.zeros_(conv.bias)
    cat = data.as_float(data.fitted(data.photos()["cat"], 224, 224))[None] - 0.45
    gradient = s09.unit_gradient(features, cat, unit=(3, 3))
    assert s09.support(gradient).size == (212, 212)
    strength = s09.effective(features, cat, unit=(3, 3))
    print(seed, s09.spread(strength), s09.effective_size(strength))
    assert max(s09.spread(strength)) < 0.75 * 212 / 12**0.5


@pytest.mark.parametrize("seed", range(10))
def test_a_thin_network_fills_its_field_only_over_many_images(seed):
    (thin_network,) = from_notebook(NOTEBOOK, "thin_network")
    torch.manual_seed(seed)
    thin, noise = thin_network(), torch.randn(200, 1, 24, 24).double()
    moves = s09.unit_gradient(thin, noise, unit=(1, 1))[:, 0] != 0
    expected = s09.down_to_the_input([Window(3), Window(3), Window(2, 2)] * 2, (1, 1))[-1]
    print(seed, moves.sum((1, 2)).double().mean().item())
    assert moves.sum((1, 2)).double().mean() < 250
    assert moves.any(0).sum() == 256
    assert s09.support(moves) == expected
