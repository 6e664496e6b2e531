"""What section 11 looks inside with: gradients, Grad-CAM, a layer's output, a network's memory.

Maps are N x rows x columns, one an image; larger means that the place counts more for the label.
:mod:`cv_course.attribution` has the one that needs no gradient, ``occlusion``.
"""

import contextlib
import copy

import torch
import torch.nn.functional as F
from torch import nn

from cv_course.data import as_float
from cv_course.perturb import need_images
from cv_course.receptive import evaluating


def enlarge(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Maps N x h x w at an image's size N x H x W, bilinear: smoother, but no finer than before."""
    _need_maps(maps, "maps")
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def per_pixel(drops: torch.Tensor, shape: tuple[int, int], size: int, step: int) -> torch.Tensor:
    """An occlusion map for each pixel: the mean drop of the patches that covered it.

    Args:
        drops: N x places down x places across, from :func:`occlusion`.
        shape: (H, W) of the images.
        size, step: the patch's side, and from one place to the next, in pixels.

    Returns:
        N x H x W; 0 where no patch came.

    Raises:
        ValueError: other places than ``occlusion`` visits with this size and step.
    """
    _need_maps(drops, "drops")
    places = tuple(len(range(0, side - size + 1, step)) for side in shape)
    if tuple(drops.shape[1:]) != places:
        raise ValueError(
            f"a patch of {size} in steps of {step} has {places} places on {tuple(shape)} pixels; "
            f"drops has {tuple(drops.shape[1:])}. Give the size and step that made it."
        )
    patches = drops.new_ones(size * size, 1) * drops.flatten(1)[:, None]
    spread = F.fold(torch.cat([patches, torch.ones_like(patches[:1])]), shape, size, stride=step)
    return spread[:-1, 0] / spread[-1:, 0].clamp(min=1)


def gradient(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, guided: bool = False
) -> torch.Tensor:
    """How each label's score changes with each pixel: the derivative at these very images.

    Args:
        model: images -> N x classes scores. It is left as it was.
        images: N x C x H x W, floats or bytes (bytes are divided by 255).
        labels: (N,), which score of each image.
        guided: guided backpropagation [Springenberg 2015]: on the way back every ``nn.ReLU`` also
            stops what is negative. (``F.relu`` is no module and cannot be guided.)

    Returns:
        N x C x H x W, on the model's device, in scores per unit of the images (0 to 1).

    Raises:
        ValueError: not one label an image, or a label that is no class.
    """
    images = _input(model, images).requires_grad_()
    relus = [part for part in model.modules() if isinstance(part, nn.ReLU)] if guided else []
    hooks = [
        relu.register_forward_hook(lambda *call: _hooked(call[-1], lambda g: g.clamp(min=0)))
        for relu in relus
    ]
    try:
        with evaluating(model), torch.enable_grad():
            chosen = _chosen(model(images), labels)
            return torch.autograd.grad(chosen.sum(), images)[0]
    finally:
        for hook in hooks:
            hook.remove()


def saliency(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The size of the gradient, N x H x W: the largest over the channels [Simonyan 2014, §3.1].

    Takes and raises what :func:`gradient` does. The score is the one before the softmax.
    """
    return gradient(model, images, labels).abs().amax(1)


def grad_cam(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, layer: str
) -> torch.Tensor:
    """Gradient-weighted class activation maps [Selvaraju 2017, eqs. 1 and 2].

    Each channel of ``layer`` is weighted by the mean, over all places, of the gradient of the
    label's score; what remains of the sum below 0 is cut off.

    Args:
        model, images, labels: as for :func:`gradient`.
        layer: name of a layer, as ``model.named_modules()`` gives it, with N x C x h x w outputs.

    Returns:
        N x h x w, in the layer's own resolution (:func:`enlarge` makes it as large as the image).

    Raises:
        ValueError: no such layer, one whose output has no places, one that does not run or does
            not lead to the scores; labels as in :func:`gradient`.
    """
    with evaluating(model), torch.enable_grad(), _watching(model, layer) as seen:
        chosen = _chosen(model(_input(model, images).requires_grad_()), labels)
        feature_maps = _output(seen, layer)
        _need_places(feature_maps, layer)
        (slopes,) = torch.autograd.grad(chosen.sum(), feature_maps, allow_unused=True)
    if slopes is None:
        raise ValueError(f"the scores do not depend on layer {layer!r}; take one before the head.")
    weights = slopes.mean((2, 3), keepdim=True)
    return (weights * feature_maps.detach()).sum(1).relu()


@torch.no_grad()
def activations(
    model: nn.Module, images: torch.Tensor, layer: str, batch_size: int = 500
) -> torch.Tensor:
    """What a layer says about images: its output, on the CPU, in evaluation mode.

    Args:
        images: N x C x H x W, floats or bytes (bytes are divided by 255).
        layer: its name, as ``model.named_modules()`` gives it.

    Returns:
        N x …: N x channels x h x w for a convolution, N x features for a linear layer.

    Raises:
        ValueError: no such layer, or one that does not run.
    """
    found = []
    with evaluating(model), _watching(model, layer) as seen:
        for batch in images.split(batch_size):
            seen.clear()
            model(_input(model, batch))
            found.append(_output(seen, layer).cpu())
    return torch.cat(found)


def filters(model: nn.Module, layer: str) -> torch.Tensor:
    """A copy of a convolution's weights, filters x channels x rows x columns, on the CPU.

    Raises:
        ValueError: no such layer, or it is no 2-d convolution.
    """
    part = _layer(model, layer)
    if not isinstance(part, nn.Conv2d):
        names = [name for name, one in model.named_modules() if isinstance(one, nn.Conv2d)]
        raise ValueError(
            f"{layer!r} is a {type(part).__name__} and has no filters; convolutions: {names}."
        )
    return part.weight.detach().cpu().clone()


def randomised(model: nn.Module, *layers: str, seed: int = 0) -> nn.Module:
    """A copy of the model that has forgotten what the layers (with all parts) had learned.

    For the sanity check of Adebayo et al. [2018]: a map that explains what the network has learned
    must change with it.

    Args:
        layers: names, as ``model.named_modules()`` gives them; none: all of the model.
        seed: of the new weights, which are drawn as for a new layer.

    Raises:
        ValueError: no such layer, or one in which nothing is learned.
    """
    other = copy.deepcopy(model)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        for name in layers or ("",):
            parts = [p for p in _layer(other, name).modules() if hasattr(p, "reset_parameters")]
            if not parts:
                raise ValueError(f"nothing is learned in layer {name!r}.")
            for part in parts:
                part.reset_parameters()
    return other


def rank_correlation(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Spearman's correlation of each pair of maps: that of the pixels' ranks, -1 to 1.

    Args:
        one, other: N x H x W. Equal values share the mean of their ranks.

    Returns:
        (N,); 0 where a map is the same everywhere, since it orders nothing.

    Raises:
        ValueError: shapes that differ.
    """
    _need_maps(one, "one")
    if one.shape != other.shape:
        raise ValueError(
            f"maps of equal shape are needed, got {tuple(one.shape)} and {tuple(other.shape)}; "
            "enlarge(maps, size) brings one to the size of an image."
        )
    from scipy.stats import rankdata  # half a second of imports that only this needs

    ranks = [torch.from_numpy(rankdata(m.detach().cpu().flatten(1), axis=1)) for m in (one, other)]
    a, b = (rank - rank.mean(1, keepdim=True) for rank in ranks)
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt().clamp(min=1e-12)


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def _input(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    need_images(images)
    return as_float(images.detach()).to(_device(model))


def _chosen(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Of every image the score of its label."""
    labels = torch.as_tensor(labels, device=scores.device)
    if labels.is_floating_point() or labels.shape != scores.shape[:1]:
        raise ValueError(
            f"labels: expected {len(scores)} whole numbers, one for each image; got "
            f"{labels.dtype} of shape {tuple(labels.shape)}."
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise ValueError(
            f"labels must lie in 0…{scores.shape[1] - 1}, since the model returns "
            f"{scores.shape[1]} scores; found {labels.min()}…{labels.max()}."
        )
    return scores.gather(1, labels[:, None])[:, 0]


def _layer(model: nn.Module, name: str) -> nn.Module:
    known = dict(model.named_modules())
    if name not in known:
        raise ValueError(f"no layer {name!r}; the layers are {', '.join(filter(None, known))}.")
    return known[name]


@contextlib.contextmanager
def _watching(model: nn.Module, name: str):
    """A list that gets the outputs of a layer while the model runs."""
    seen: list[torch.Tensor] = []

    def keep(_layer, _inputs, output):
        seen.append(output)
        # what follows gets a copy: an in-place ReLU would change what was kept
        return output.clone() if isinstance(output, torch.Tensor) else None

    hook = _layer(model, name).register_forward_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()


def _hooked(output: torch.Tensor, change) -> None:
    output.register_hook(change)


def _output(seen: list, name: str) -> torch.Tensor:
    if not seen or not isinstance(seen[-1], torch.Tensor):
        raise ValueError(f"layer {name!r} did not run, or its output is not one tensor.")
    return seen[-1]


def _need_places(feature_maps: torch.Tensor, name: str) -> None:
    if feature_maps.ndim != 4:
        raise ValueError(
            f"layer {name!r} has outputs of shape {tuple(feature_maps.shape)}, without places; "
            "take a convolution, or what follows it, before the head."
        )


def _need_maps(maps: torch.Tensor, name: str) -> None:
    if maps.ndim != 3:
        raise ValueError(
            f"{name}: expected maps of shape (N, H, W), got {tuple(maps.shape)}; one: map[None]."
        )
