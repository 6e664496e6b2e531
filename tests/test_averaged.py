"""The network of section 11, and the one for photographs."""

import socket

import pytest
import torch
from torch import nn

from cv_course import layers
from cv_course.models import pretrained
from cv_course.models.averaged import AveragedConv


def test_size_shape_and_names():
    model = AveragedConv(widths=(3, 5, 7), kernel=5, classes=4)
    by_hand = 25 * 3 + 9 * (3 * 5 + 5 * 7) + 2 * (3 + 5 + 7) + (7 + 1) * 4
    assert layers.count_parameters(model) == by_hand
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 4)
    assert model(torch.rand(2, 1, 17, 56)).shape == (2, 4)  # any size
    rows = layers.trace(AveragedConv(), (1, 28, 28))
    assert rows["features.stage3.2"].output_shape == (32, 7, 7)
    assert rows["features.stage1.0"].kernel == (7, 7)


def test_scores_are_a_layer_on_the_averages():
    model = AveragedConv().eval()
    images = torch.rand(3, 1, 28, 28)
    averages = model.features(images).mean((2, 3))
    torch.testing.assert_close(model(images), model.scores(averages))


def test_without_internet_there_is_no_squeezenet_and_no_long_wait(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    waited = []

    def no_internet(address, timeout):
        waited.append(timeout)
        raise OSError("unreachable")

    monkeypatch.setattr(socket, "create_connection", no_internet)
    assert pretrained.squeezenet(patience=2) is None
    assert waited == [2]


def test_a_damaged_file_is_no_squeezenet(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    kept = tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    kept.parent.mkdir()
    kept.write_bytes(b"<html>not found</html>")
    assert pretrained.squeezenet() is None


@pytest.mark.parametrize("kept", [False, True])
def test_squeezenet_takes_pictures_in_the_units_of_the_course(monkeypatch, tmp_path, kept):
    """With random weights in place of the real ones; what was kept needs no internet."""
    from torchvision.models import get_model
    from torchvision.models._api import WeightsEnum

    torch.manual_seed(0)
    theirs = get_model("squeezenet1_1").eval()
    state = theirs.state_dict()
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: state)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    asked = []
    monkeypatch.setattr(
        socket, "create_connection", lambda *call, **_: asked.append(call) or socket.socket()
    )
    if kept:
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth").touch()
    model, categories = pretrained.squeezenet()
    assert len(categories) == 1000
    assert bool(asked) != kept
    assert not model.training
    images = torch.rand(2, 3, 224, 224)
    mean, spread = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    with torch.no_grad():
        torch.testing.assert_close(model(images), theirs((images - mean) / spread))
    assert isinstance(dict(model.named_modules())["net.features"], nn.Sequential)
