"""Interactives of section 11 (the patch that one moves is section 02's ``occluding_patch``)."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import nn

from cv_course import data, figures
from cv_course.data import Split
from cv_course.explore.core import Interactive, Upload, choice, slider
from cv_course.models.s11_inside import activations
from cv_course.training import predict


def own_item(content: bytes, height: int, width: int) -> torch.Tensor:
    """A photograph as the clothes are: grey, ``1 x 1 x height x width``, on a dark background.

    A picture whose border is bright becomes its negative.
    """
    photo = data.photo(content).float().mean(0, keepdim=True).to(torch.uint8)
    small = data.fitted(photo, height, width)
    border = torch.cat([small[0, [0, -1]].flatten(), small[0, :, [0, -1]].flatten()])
    return (255 - small if border.float().mean() > 127 else small)[None]


def activation_browser(
    model: nn.Module, layers: Mapping[str, str], split: Split, classes: Sequence[str]
) -> Interactive:
    """Section 11: what every channel of every layer answers to a picture, also to one's own.

    Args:
        layers: name on the button -> name in ``model.named_modules()``; outputs N x C x h x w.
        split: the images to choose from.
    """
    height, width = split.images.shape[-2:]

    @lru_cache(maxsize=64)
    def answers(item: int, layer: str, own: bytes | None):
        image = own_item(own, height, width) if own else split.images[item : item + 1]
        maps = activations(model, image, layers[layer])[0]
        return image[0], maps, classes[predict(model, image)[0].argmax()]

    most = max(len(answers(0, layer, None)[1]) for layer in layers)

    def render(item: int, layer: str, channel: int, own: bytes | None) -> Figure:
        image, maps, _ = answers(item, layer, own)
        chosen = min(channel, len(maps) - 1)
        return figures.channels(image, maps, chosen, layer, f"channel {chosen}")

    def alt(item: int, layer: str, channel: int, own: bytes | None) -> str:
        _, maps, answer = answers(item, layer, own)
        chosen, strongest = min(channel, len(maps) - 1), int(maps.amax((1, 2)).argmax())
        whose = "Your own picture" if own else f"Item {item}, {classes[split.labels[item]]}"
        silent = int((maps.amax((1, 2)) == 0).sum())
        return (
            f"{whose}, taken for {answer}. In {layer}, channel {chosen} reaches "
            f"{maps[chosen].max():.1f}; the strongest of {len(maps)}, channel {strongest}, "
            f"{maps.max():.1f}; {silent} are silent everywhere."
        )

    def strongest(item: int, layer: str) -> dict:
        channel = int(answers(item, layer, None)[1].amax((1, 2)).argmax())
        return {"item": item, "layer": layer, "channel": channel}

    names = list(layers)
    return Interactive(
        render,
        alt=alt,
        film=[*(strongest(0, name) for name in names), strongest(1, names[-1])],
        item=slider("image", 0, len(split) - 1, 1, 0),
        layer=choice("layer", names),
        channel=slider("channel", 0, most - 1, 1, 0),
        own=Upload("your own picture"),
    )


def views(
    maps: Mapping[str, Callable],
    networks: Mapping[str, nn.Module],
    split: Split,
    classes: Sequence[str],
) -> Interactive:
    """Section 11: one picture, a way to look, a class to ask about, and a network to ask.

    Args:
        maps: name -> (model, images, labels) -> N x H x W.
        networks: name -> network.
        split: the images to choose from.
    """

    @lru_cache(maxsize=512)
    def found(item: int, view: str, network: str, asked: int):
        image = split.images[item : item + 1]
        label = torch.tensor([asked])
        chances = predict(networks[network], image)[0].softmax(0).tolist()
        return maps[view](networks[network], image, label)[0].cpu(), chances

    def question(item: int, ask: int) -> tuple[int, int]:
        truth = split.labels[item].item()
        return truth, truth if ask < 0 else ask

    def render(item: int, view: str, network: str, ask: int) -> Figure:
        truth, asked = question(item, ask)
        values, chances = found(item, view, network, asked)
        return figures.one_map(split.images[item], values, view, chances, classes, truth, asked)

    def alt(item: int, view: str, network: str, ask: int) -> str:
        truth, asked = question(item, ask)
        values, chances = found(item, view, network, asked)
        row, column = divmod(int(values.argmax()), values.shape[1])
        most = f"strongest at row {row}, column {column}" if values.max() > 0 else "empty"
        return (
            f"Item {item}, {classes[truth]}. Network: {network}; it says "
            f"{classes[chances.index(max(chances))]}. {view} for {classes[asked]} is {most}."
        )

    names = list(networks)
    return Interactive(
        render,
        alt=alt,
        film=[
            *({"view": view} for view in maps),
            {"view": list(maps)[-1], "network": names[-1]},
        ],
        item=slider("image", 0, len(split) - 1, 1, 0),
        view=choice("way to look", list(maps)),
        network=choice("network", names),
        ask=widgets.Dropdown(
            options=[("its own class", -1), *((name, c) for c, name in enumerate(classes))],
            value=-1,
            description="ask about",
        ),
    )
