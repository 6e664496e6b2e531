"""What ``training.fit`` tries out first: what does not fit is explained before an hour of training.

Neither weights, running means nor random numbers change.
"""

import contextlib
from collections.abc import Callable

import torch
from torch import nn

from cv_course import checked
from cv_course.data import Split, as_float


def settings(epochs, batch_size, lr, weight_decay, seed, world: int) -> dict:
    """The settings as Python's own numbers: a checkpoint with NumPy's could not be read again."""
    batch_size = checked.whole("batch_size", batch_size, 1)
    if batch_size % world:
        raise ValueError(
            f"batch_size must be a multiple of the {world} processes, got {batch_size}."
        )
    return {
        "epochs": checked.whole("epochs", epochs),
        "batch_size": batch_size,
        "lr": checked.real("lr", lr, "positive"),
        "weight_decay": checked.real("weight_decay", weight_decay, "non-negative"),
        "seed": checked.whole("seed", seed),
    }


def rehearse(model: nn.Module, train: Split, test: Split | None, world: int, count: int, augment):
    """Show images of both splits to the model, at last ``count`` of ``train`` as in a step."""
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("the model has no parameter that requires a gradient: nothing can learn.")
    device = next(model.parameters()).device
    splits = {"train": train} if test is None else {"train": train, "test": test}
    for name, split in splits.items():
        if not isinstance(split, Split):
            raise ValueError(
                f"{name} must be a cv_course.data.Split, got {type(split).__name__}; take a data "
                "set's .train or .test, or make one: Split(images, labels)."
            )
        if len(split) < world:
            raise ValueError(f"{name} holds {len(split) or 'no'} images; it takes {world} or more.")
        with checked.trial(model, training=False):
            _shown(model, split.images[:2].to(device), split.labels, name)
    batch = train.images[: min(count, len(train) // world)].to(device)
    with checked.trial(model, training=True):
        if augment is not None:
            batch = _augmented(augment, batch)
        scores = _shown(model, batch, train.labels, "train in training mode")
    if not scores.requires_grad:
        raise ValueError(
            "no gradient leads from the scores to the weights: gradients are switched off around "
            "fit (torch.no_grad, inference_mode), or by .detach() or .argmax() in the model."
        )


def _shown(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, name: str) -> torch.Tensor:
    hints = []
    if kinds := {str(p.dtype) for p in model.parameters()} - {"torch.float32"}:
        hints.append(f"Its weights are {', '.join(kinds)}: try model.float()")
    if len(images) == 1:
        hints.append("Batch normalisation needs a batch_size of 2 or more")
    size = f"{tuple(images.shape[1:])} each (channels, height, width)"
    with _explained(f"the model cannot take the images of {name}, {size}", *hints):
        scores = scores_of(model, images)
    check_scores(scores, len(images), name, labels)
    return scores


def _augmented(augment: Callable, images: torch.Tensor) -> torch.Tensor:
    with _explained("augment(images, positions, epoch) failed"):
        changed = augment(images, torch.arange(len(images), device=images.device), 0)
    fits = isinstance(changed, torch.Tensor) and len(changed) == len(images)
    if not fits or as_float(changed).dtype != torch.float32:
        kind = changed.dtype if isinstance(changed, torch.Tensor) else type(changed).__name__
        raise ValueError(
            f"augment must return as many images as it gets, {len(images)}, as a tensor of uint8 "
            f"or float32; got {kind} of shape {tuple(getattr(changed, 'shape', ()))}."
        )
    return changed


@contextlib.contextmanager
def _explained(what: str, *hints: str):
    try:
        yield
    except Exception as problem:
        raise ValueError(". ".join([f"{what}: {problem}", *hints])) from problem


def scores_of(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What the model returns for images on its device; a ``ValueError`` if it is no tensor."""
    scores = model(as_float(images))
    if not isinstance(scores, torch.Tensor):
        raise ValueError(
            f"the model returned {type(scores).__name__}, not one tensor of scores. Let forward "
            "return the scores alone; build GoogLeNet and Inception with aux_logits=False."
        )
    return scores


def check_scores(scores: torch.Tensor, count: int, name: str, labels: torch.Tensor) -> None:
    """Refuse with a ``ValueError`` what is not one row an image, one column a class."""
    if scores.ndim != 2 or len(scores) != count:
        raise ValueError(
            f"the model must return scores of shape (N, classes); for {count} images of {name} it "
            f"returned {tuple(scores.shape)}. Does it lack an nn.Flatten()?"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= scores.shape[1]:
        raise ValueError(
            f"labels of {name} must lie in 0…{scores.shape[1] - 1}, one for each score of the "
            f"model; found {low}…{high}. Number them from 0, or give the model more outputs."
        )
