"""What section 12 claims, with other seeds and on a machine that is busy: wide margins only."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cv_course import data, layers, speed
from cv_course.models.fast import FastFashion
from cv_course.training import evaluate, fit, precision


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", range(3))
def test_relu_and_pooling_change_places_to_the_bit(seed, dtype, layout):
    """Also where bfloat16 rounds so coarsely that largest numbers are equal."""
    dice = torch.Generator().manual_seed(seed)
    maps = torch.randn(8, 24, 14, 14, generator=dice).to(dtype).contiguous(memory_format=layout)
    maps.requires_grad_()
    weight = torch.randn(8, 24, 7, 7, generator=dice).to(dtype)
    usual, swapped = F.max_pool2d(maps.relu(), 2), F.max_pool2d(maps, 2).relu()
    assert torch.equal(usual, swapped)
    gradients = [torch.autograd.grad((one * weight).sum(), maps)[0] for one in (usual, swapped)]
    assert torch.equal(*gradients)


def test_light_layers_do_next_to_nothing_and_take_their_time():
    net, images = FastFashion(), data.as_float(data.fashion_mnist().train.images[:128])
    rows = layers.trace(net, (1, 28, 28))
    seconds = speed.layer_seconds(net, images, rounds=5)
    operations = {row.name: speed.work(row, 128).operations for row in rows}
    light = [row.name for row in rows if not row.macs]
    small = sum(operations[name] for name in light) / sum(operations.values())
    slow = sum(seconds[name] for name in light) / sum(seconds.values())
    print(f"{small:.2%} of the operations, {slow:.0%} of the time")
    assert small < 0.01
    assert slow > 5 * small


def test_light_layers_stand_left_of_the_ridge_and_3_by_3_convolutions_right():
    ridge = speed.peak(size=512) / speed.bandwidth(mebibytes=64)
    for row in layers.trace(FastFashion(), (1, 28, 28)):
        intensity = speed.work(row, 128).intensity
        if not row.macs:
            assert intensity <= 0.25 < ridge
        elif row.kernel == (3, 3):
            assert intensity > 60 > ridge


def test_emulated_bfloat16_is_slower():
    if precision(FastFashion(), torch.device("cpu"))[0]:
        pytest.skip("this machine multiplies bfloat16")
    net, images = nn.Conv2d(32, 64, 3, padding=1), torch.rand(64, 32, 14, 14)

    def forward(reduced):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            return net(images)

    found = speed.medians(
        {reduced: lambda reduced=reduced: forward(reduced) for reduced in (False, True)}
    )
    print(f"emulated: {found[True] / found[False]:.1f} times as long")
    assert found[True] > 1.2 * found[False]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pooling_before_batch_norm_is_as_good(seed):
    fashion, accuracy = data.fashion_mnist(), {}
    for pooling in ("before ReLU", "before batch norm"):
        torch.manual_seed(seed)
        model = speed.pool_later(FastFashion(), pooling)
        model.whiten(fashion.train.images[:1000])
        fit(model, fashion.train, epochs=2, lr=0.2, seed=seed, progress=False)
        accuracy[pooling] = evaluate(model, fashion.test)
    print(seed, accuracy)
    assert abs(accuracy["before ReLU"] - accuracy["before batch norm"]) < 0.04
