"""Section 04's exercises: the references, what they are tried on, and what a design must reach."""

import numpy as np

from cv_course.drill import Case, design, exercise


def _images_and_layers(rng):
    yield Case(
        "one image of 1 x 2 pixels, two classes",
        (np.array([[[[1.0, 3.0]]]]), np.array([[2.0, 0.0], [-1.0, 4.0]]), np.array([0.5, 10.0])),
    )
    yield Case(
        "three images of 4 x 4 pixels, sixteen classes",
        (rng.random((3, 1, 4, 4)), rng.normal(size=(16, 16)), rng.normal(size=16)),
    )
    yield Case(
        "four images with 3 channels of 2 x 5 pixels, seven classes",
        (rng.random((4, 3, 2, 5)), rng.normal(size=(7, 30)), rng.normal(size=7)),
    )


@exercise(_images_and_layers)
def linear_scores(images, weights, biases):
    rows = images.reshape(len(images), -1)
    return rows @ weights.T + biases


def softmax_taken(images, weights, biases):
    powers = np.exp(linear_scores(images, weights, biases))
    return powers / powers.sum(axis=1, keepdims=True)


def _some_templates(rng):
    yield Case("two templates of two pixels", (np.array([[1.0, 1.0], [3.0, 3.0]]),))
    yield Case("three templates of five pixels", (rng.normal(size=(3, 5)),))
    yield Case("four templates of four pixels", (rng.normal(size=(4, 4)),))


@exercise(_some_templates)
def distance_bias(templates):
    return -(templates**2).sum(axis=1) / 2


def _a_few_images(rng):
    import torch

    yield Case(
        "two images of two pixels, the first of class 0, the second of class 1",
        (torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1])),
    )
    images = torch.from_numpy(rng.random((30, 5)).astype(np.float32))
    yield Case("thirty images of five pixels", (images, torch.arange(30) % 10))


@exercise(_a_few_images)
def three_steps(images, labels):
    import torch
    from torch import nn

    layer = nn.Linear(images.shape[1], 10, bias=False)
    nn.init.zeros_(layer.weight)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(3):
        loss = nn.functional.cross_entropy(layer(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return layer.weight


@design
def one_epoch(answer):
    import torch
    from torch import nn

    from cv_course import data

    rate, size = answer["learning_rate"], answer["batch_size"]
    if not (0 < rate < 100 and isinstance(size, int) and 1 <= size <= 8000):
        return False, "The learning rate is above 0, the batch size a whole number from 1 to 8000."
    split = data.fashion_mnist().train
    images, labels = data.as_float(split.images).flatten(1), split.labels
    found = []
    for seed in range(3):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            layer, order = nn.Linear(784, 10), torch.randperm(8000)
        optimiser = torch.optim.SGD(layer.parameters(), lr=rate)
        for batch in order.split(size):
            optimiser.zero_grad()
            nn.functional.cross_entropy(layer(images[batch]), labels[batch]).backward()
            optimiser.step()
        right = layer(images[8000:]).argmax(1) == labels[8000:]
        found.append(right.float().mean().item())
    mean = sum(found) / 3
    return mean >= 0.77, (
        f"After one epoch with learning rate {rate:g} and batches of {size}: validation accuracy "
        f"{mean:.3f}, the mean of three runs ({', '.join(f'{one:.3f}' for one in found)}). "
        "The goal is 0.770."
    )
