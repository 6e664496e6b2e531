"""A network for photographs whose weights come from the internet (section 11, optional)."""

import pickle
import socket
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn


class Normalise(nn.Module):
    """Images in [0, 1] as torchvision's networks want them: less a mean, divided by a spread."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images - self.mean) / self.spread


def squeezenet(patience: float = 3) -> tuple[nn.Module, list[str]] | None:
    """SqueezeNet 1.1 with torchvision's ImageNet weights [Iandola 2016], 5 MB.

    Args:
        patience: seconds to wait for the internet.

    Returns:
        The network, for N x 3 x 224 x 224 floats in [0, 1] (its layers are ``normalise`` and
        ``net``), and the names of its 1,000 classes; None where the weights are neither on this
        computer nor to be had.
    """
    from torchvision.models import get_model, get_model_weights  # takes seconds

    weights = get_model_weights("squeezenet1_1").DEFAULT
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        if not kept.exists():  # a download by itself may wait for minutes
            socket.create_connection(("download.pytorch.org", 443), timeout=patience).close()
        net = get_model("squeezenet1_1")
        net.load_state_dict(weights.get_state_dict(progress=False, check_hash=True))
    # no internet; a file that is not what it should be
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    model = nn.Sequential(OrderedDict(normalise=Normalise(), net=net)).eval()
    return model, list(weights.meta["categories"])
