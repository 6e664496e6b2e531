"""The smallest network."""

import torch

from cv_course.networks.small import Linear


def test_a_score_is_the_inner_product_with_the_template_plus_the_bias():
    model, images = Linear((3, 4, 5), 7), torch.rand(2, 3, 4, 5)
    assert model.templates.shape == (7, 3, 4, 5)
    by_hand = torch.einsum("nchw,kchw->nk", images, model.templates) + model.layer.bias
    torch.testing.assert_close(model(images), by_hand)
