"""Numbers wherever they go: NumPy's and torch's are taken, True and text are refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cv_course import checked, features, layers, perturb
from cv_course.data import Split
from cv_course.nearest import NearestNeighbours
from cv_course.receptive import Window
from cv_course.training import fit, predict

IMAGES = torch.arange(128, dtype=torch.uint8).view(2, 1, 8, 8)
SPLIT = Split(IMAGES, torch.tensor([0, 1]))


def trained(**options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    fit(model, SPLIT, **{"epochs": 1, "device": "cpu", "progress": False} | options)
    return model[1].weight


WHOLE = {
    "k": lambda n: NearestNeighbours(n).fit(IMAGES, SPLIT.labels).kneighbors(IMAGES)[0],
    "a window": lambda n: Window(n, (n, n)),
    "an image's size": lambda n: layers.trace(nn.Conv2d(2, 1, 1), (2, n, n)).macs,
    "reach": lambda n: perturb.random_crop(IMAGES, n).shape,
    "cell": lambda n: features.hog(IMAGES, cell=n),
    "bins": lambda n: features.hog(IMAGES, bins=n),
    "block": lambda n: features.hog(IMAGES, block=n),
    "images at once": lambda n: predict(nn.Flatten(), IMAGES, n),
} | {name: lambda n, name=name: trained(**{name: n}) for name in ("epochs", "batch_size", "seed")}
REAL = {
    "shift": lambda x: perturb.shift(IMAGES, x),
    "factor": lambda x: perturb.scale(IMAGES, x),
    "degrees": lambda x: perturb.rotate(IMAGES, x),
    "lr": lambda x: trained(lr=x),
    "weight_decay": lambda x: trained(weight_decay=x),
}


def same(one, other):
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.parametrize("what", WHOLE | REAL)
def test_every_number_may_be_numpys_and_none_may_be_true(what):
    call = (WHOLE | REAL)[what]
    kinds = [np.uint8, np.int64, np.array, torch.tensor]
    for kind in [*kinds, *[np.float16, np.float64] * (what in REAL)]:
        expected = call(2)
        assert same(call(kind(2)), expected)
    for wrong in (True, np.True_, "2", None, [2, 2, 2], *[2.0] * (what in WHOLE)):
        with pytest.raises(ValueError, match=r"must be a|expected"):
            call(wrong)


NUMPYS = [getattr(np, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(NUMPYS), st.integers(-(2**70), 2**70), st.integers(-2, 300))
def test_whole_is_the_number_itself_or_nothing(kind, value, least):
    limits = np.iinfo(kind)
    value = max(limits.min, min(value, limits.max))
    if value < least:
        with pytest.raises(ValueError, match=rf"must be a whole number, {least} or more; got"):
            checked.whole("it", kind(value), least)
    else:
        found = checked.whole("it", kind(value), least)
        assert (found, type(found)) == (value, int)
