"""What is given by hand: numbers, arrays and pictures of every kind, taken rightly or refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from cv_course import checked, data, features, layers, perturb
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


FORMS = {
    "backwards": lambda a: a[::-1].copy()[::-1],
    "a list": lambda a: a.tolist(),
    "a tensor": torch.from_numpy,
    "an array": np.asarray,
}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from([*FORMS]),
    st.sampled_from(["uint8", "int32", "int64", "float32", "float64"]),
    st.sampled_from(["(N, H, W)", "(N, 1, H, W)"]),
    st.booleans(),
    st.sampled_from(["numbers", "column", "one-hot"]),
    st.sampled_from(["int32", "int64", "float32"]),
)
def test_the_advice_of_a_split_leads_to_one(form, kind, shape, unit, labelled, label_kind):
    wanted, classes = np.arange(96, dtype="uint8").reshape(3, 1, 8, 4) * 2, np.array([2, 0, 1])
    images = wanted.astype(kind) / (255 if unit and "float" in kind else 1)
    images = images.astype(kind)[:, 0] if shape == "(N, H, W)" else images.astype(kind)
    labels = {"numbers": classes, "column": classes[:, None], "one-hot": np.eye(3)[classes]}
    # what the advice is evaluated with
    given = {"torch": torch, "np": np, "images": FORMS[form](images)}
    given["labels"] = FORMS[form](labels[labelled].astype(label_kind))
    for _ in range(7):
        try:
            split = Split(given["images"], given["labels"])
            break
        except ValueError as problem:
            about, _, advice = str(problem).partition("; try ")
            given[about.partition(":")[0]] = eval(advice.partition(", of ")[0], given)
    assert np.array_equal(split.images.numpy(), wanted)
    assert split.labels.tolist() == classes.tolist()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.sampled_from(
        [("uint16", 65535), ("int32", 65535), ("int32", 255), ("uint8", 255)]
        + [("float32", top) for top in (1, 255, 65535)]
    ),
    st.tuples(st.integers(1, 40), st.integers(2, 40)),
)
def test_photographs_of_any_depth_are_as_bright_as_they_are(depth, shape):
    kind, top = depth
    shares = np.linspace(0, 1, shape[0] * shape[1]).reshape(shape)
    seen = data.photo(Image.fromarray((shares * top).astype(kind)))
    assert (seen.shape, seen.dtype) == ((3, *shape), torch.uint8)
    assert np.abs(seen[0].numpy() - 255 * shares).max() <= 1.01
