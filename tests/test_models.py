"""The small networks."""

import pytest
import torch

from cv_course import perturb
from cv_course.networks.small import Linear, SmallConv

# --- one layer -----------------------------------------------------------------------------------


def test_a_score_is_the_inner_product_with_the_template_plus_the_bias():
    model, images = Linear((3, 4, 5), 7), torch.rand(2, 3, 4, 5)
    assert model.templates.shape == (7, 3, 4, 5)
    by_hand = torch.einsum("nchw,kchw->nk", images, model.templates) + model.layer.bias
    torch.testing.assert_close(model(images), by_hand)


# --- the small convolutional network -------------------------------------------------------------

KERNELS = 9 * (16 + 16 * 32 + 32 * 32)  # no biases


@pytest.mark.parametrize(
    ("head", "image_shape", "parameters"),
    [
        ("flatten", (1, 28, 28), KERNELS + 10 * (32 * 7 * 7 + 1)),
        ("max", (1, 28, 28), KERNELS + 10 * (32 + 1)),
        ("average", (1, 28, 28), KERNELS + 10 * (32 + 1)),
        ("flatten", (3, 8, 20), KERNELS + 2 * 9 * 16 + 10 * (32 * 2 * 5 + 1)),
    ],
)
def test_size_and_shape(head, image_shape, parameters):
    model = SmallConv(head, image_shape)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model(torch.rand(3, *image_shape)).shape == (3, 10)
    assert SmallConv(head, image_shape, classes=4)(torch.rand(2, *image_shape)).shape == (2, 4)


def test_only_pooling_over_all_places_forgives_a_shift_and_only_by_the_stride():
    image = torch.zeros(1, 1, 48, 48)
    image[..., 16:30, 16:30] = torch.rand(14, 14, generator=torch.Generator().manual_seed(0))
    for head in ("max", "average", "flatten"):
        torch.manual_seed(0)
        model = SmallConv(head, (1, 48, 48))

        def change(dx, dy, model=model):
            return (model(perturb.shift(image, dx, dy)) - model(image)).abs().max().item()

        at_stride = [change(4, 0), change(0, -4), change(-4, 8)]
        if head == "flatten":
            assert min(at_stride) > 1e-3
        else:
            assert max(at_stride) < 1e-6
        assert min(change(2, 0), change(0, -2)) > 1e-4


def test_pooled_heads_keep_the_largest_or_the_mean_of_each_channel():
    images = torch.rand(2, 1, 12, 8)
    for head, pool in (("max", torch.amax), ("average", torch.mean)):
        model = SmallConv(head, (1, 12, 8))
        features = model.backbone(images)
        assert features.shape == (2, 32, 3, 2)
        torch.testing.assert_close(model(images), model.head[-1](pool(features, (2, 3))))


def test_what_it_cannot_be_built_for_is_named():
    with pytest.raises(ValueError, match="got 'mean'"):
        SmallConv("mean")
    for shape in ((1, 30, 28), (1, 28, 30)):
        with pytest.raises(ValueError, match=f"multiples of 4, got {shape[1]} x {shape[2]}"):
            SmallConv("max", shape)
