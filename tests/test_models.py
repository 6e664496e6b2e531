"""The models of section 04."""

import pytest
import torch

from cv_course.models.linear import Linear
from cv_course.models.small import SmallConv


def test_a_score_is_the_inner_product_with_the_template_plus_the_bias():
    model, images = Linear((3, 4, 5), 7), torch.rand(2, 3, 4, 5)
    assert model.templates.shape == (7, 3, 4, 5)
    by_hand = torch.einsum("nchw,kchw->nk", images, model.templates) + model.layer.bias
    torch.testing.assert_close(model(images), by_hand)


@pytest.mark.parametrize(("head", "parameters"), [("flatten", 20_490), ("max", 5_130)])
def test_size_and_shape(head, parameters):
    model = SmallConv(head)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


def test_global_max_does_not_see_a_shift_by_the_stride():
    image = torch.zeros(1, 1, 28, 28)
    image[..., 8:16, 8:16] = torch.rand(8, 8)
    moved = torch.roll(image, (4, 4), (2, 3))
    for head, same in (("max", True), ("flatten", False)):
        model = SmallConv(head)
        assert torch.allclose(model(image), model(moved), atol=1e-6) is same


def test_an_unknown_head_is_named():
    with pytest.raises(ValueError, match="mean"):
        SmallConv("mean")
