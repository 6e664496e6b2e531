"""The exercises of section 10: right answers pass however they are written, usual mistakes fail."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_code import assert_helps, assert_named, assert_right, from_notebook
from torch import nn

from cv_course import layers
from cv_course.checks import QUESTIONS
from cv_course.networks.vgg import CONFIGS, VGG, read_stage

NOTEBOOK = "10_vgg"


def merged_by_convolution(first, second):
    """The first kernels as images, the second ones slid over them, turned."""
    first, second = (torch.as_tensor(np.array(w)) for w in (first, second))
    turned, reach = second.flip(2, 3), second.shape[-1] - 1
    return F.conv2d(first.transpose(0, 1), turned, padding=reach).transpose(0, 1)


def merged_by_dots(first, second):
    inputs, side = first.shape[1], first.shape[-1] + second.shape[-1] - 1
    dots = np.zeros((inputs, inputs, 2 * side - 1, 2 * side - 1))
    dots[range(inputs), range(inputs), side - 1, side - 1] = 1
    answer = F.conv2d(
        F.conv2d(torch.tensor(dots), torch.tensor(first.copy())), torch.tensor(second.copy())
    )
    return answer.transpose(0, 1).flip(2, 3).numpy()


def counted_by_torch(kernels, widths, poolings, classes):
    """A network with all its poolings at the end has as many weights."""
    with torch.device("meta"):
        words = [f"{k}-{w}" for k, w in zip(kernels, widths, strict=True)]
        stages = [" ".join(words), *[""] * (poolings - 1)]
        net = nn.ModuleList()
        came = 3
        for word in stages[0].split():
            kernel, width = map(int, word.split("-"))
            net.append(nn.Conv2d(came, width, kernel))
            came = width
        side = 224 >> poolings
        for i, o in ((came * side**2, 4096), (4096, 4096), (4096, classes)):
            net.append(nn.Linear(int(i), int(o)))
    return layers.count_parameters(net)


def counted_in_arrays(kernels, widths, poolings, classes):
    came = np.append(3, widths[:-1])
    sizes = np.array([widths[-1] * (224 // 2**poolings) ** 2, 4096, 4096, classes])
    return (kernels**2 * came * widths + widths).sum() + ((sizes[:-1] + 1) * sizes[1:]).sum()


def centred_in_torch(images, train):
    mean = torch.as_tensor(train).double().mean((0, 2, 3))
    return torch.as_tensor(images).double() - mean[:, None, None]


def centred_in_loops(images, train):
    result = images.astype(float)
    for channel in range(3):
        total = sum(float(picture[channel].sum()) for picture in train)
        result[:, channel] -= total / train[:, channel].size
    return result


RIGHT = {
    "merge_kernels": [merged_by_convolution, merged_by_dots],
    "count_vgg": [counted_by_torch, counted_in_arrays],
    "subtract_mean_rgb": [centred_in_torch, centred_in_loops],
}


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in RIGHT for way in range(4)])
def test_right_answers_pass(name, way):
    answers = [QUESTIONS[name].reference, *from_notebook_with_imports(name), *RIGHT[name]]
    assert_right(name, answers[way])


def from_notebook_with_imports(name):
    (answer,) = from_notebook(NOTEBOOK, name)
    answer.__globals__["itertools"] = itertools
    return [answer]


def merge(first, second):
    return QUESTIONS["merge_kernels"].reference(first, second)


def count(kernels, widths, poolings, classes, **changes):
    came = np.append(changes.get("channels", 3), widths[:-1])
    if changes.get("stuck"):
        came = np.full_like(widths, 3)
    bias, side = changes.get("bias", 1), changes.get("side", 224 // 2**poolings)
    area = kernels ** changes.get("power", 2)
    sizes = [widths[-1] * side**2, 4096, 4096, classes]
    full = sum((i + bias) * o for i, o in itertools.pairwise(sizes))
    return (area * came * widths + bias * widths).sum() + changes.get("full", 1) * full


def mean_rgb(train):
    return train.mean((0, 2, 3))[:, None, None]


WRONG = [
    ("merge_kernels", lambda a, b: merge(a, b[:, :, ::-1, ::-1]), "turned by 180 degrees"),
    ("merge_kernels", lambda a, b: merge(b, a) if len(a) == b.shape[1] == a.shape[1] == len(b) else
     np.zeros(1), "expected"),
    ("merge_kernels", lambda a, b: merge(a, b).transpose(0, 1, 3, 2), "rows and columns"),
    ("merge_kernels", lambda a, b: merge(a, b).transpose(1, 0, 2, 3), "first two axes"),
    ("merge_kernels", lambda a, b: merge(a, b) / len(a), "mean over the middle channels"),
    ("merge_kernels", lambda a, b: np.pad(a, [(0, 0), (0, 0), (0, 1), (0, 1)]) + np.pad(b, [
        (0, 0), (0, 0), (1, 0), (1, 0)]), "expected"),
    ("merge_kernels", lambda a, b: merge(a, b)[..., 1:-1, 1:-1] if a.shape[-1] > 2 else
     merge(a, b)[..., :2, :2], "border was cut off"),
    ("count_vgg", lambda *net: count(*net, bias=0), "biases are missing"),
    ("count_vgg", lambda *net: count(*net, channels=1), "image has three channels"),
    ("count_vgg", lambda *net: count(*net, stuck=True), "was given the 3 channels"),
    ("count_vgg", lambda k, *rest: count(np.full_like(k, 3), *rest), "some are 1 x 1"),
    ("count_vgg", lambda *net: count(*net, power=1), "k * k weights"),
    ("count_vgg", lambda *net: count(*net, side=1), "reads the whole last map"),
    ("count_vgg", lambda *net: count(*net, side=224), "poolings were forgotten"),
    ("count_vgg", lambda *net: count(*net, full=0), "full layers are missing"),
    ("subtract_mean_rgb", lambda x, t: x - t.mean(0), "mean image"),
    ("subtract_mean_rgb", lambda x, t: x - t.mean(), "one value for all channels"),
    ("subtract_mean_rgb", lambda x, t: x - mean_rgb(x), "taken from the images themselves"),
    ("subtract_mean_rgb", lambda x, t: x - x.mean((2, 3), keepdims=True), "its own mean"),
    ("subtract_mean_rgb", lambda x, t: x - mean_rgb(t)[::-1], "blue, green, red"),
    ("subtract_mean_rgb", lambda x, t: (x - mean_rgb(t)) / t.std((0, 2, 3))[:, None, None],
     "standard deviation"),
    ("subtract_mean_rgb", lambda x, t: (x - mean_rgb(t)) / 255, "divided by 255"),
    ("subtract_mean_rgb", lambda x, t: x - mean_rgb(t).round().astype(np.uint8), "wrap around"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG)
def test_usual_mistakes_fail_and_are_named(name, answer, sentence):
    if sentence == "expected":  # wrong, and no sentence is promised
        sentence = "Expected shape" if answer(*_first(name)).shape != _shape(name) else "differ"
    assert_named(name, answer, sentence)


def _first(name):
    return next(iter(QUESTIONS[name].cases(np.random.default_rng(0)))).arguments


def _shape(name):
    return np.shape(QUESTIONS[name].reference(*_first(name)))


def test_each_output_from_one_middle_channel_is_named():
    def wrong(a, b):
        alone = np.eye(len(b), len(a))[:, :, None, None]
        return merge(a, b * alone)

    assert_named("merge_kernels", wrong, "took only the middle channel")


def test_exchanged_kernels_are_named():
    """Where the shapes allow it: as many channels everywhere."""
    assert_named("merge_kernels", _exchanged, "the first one is next to the image")


def _exchanged(a, b):
    return merge(b, a) if a.shape[0] == a.shape[1] == b.shape[0] else merge(a, b)


@pytest.mark.parametrize("name", RIGHT)
def test_three_hints_and_an_empty_stub(name):
    assert_helps(name)


def test_the_notebooks_features_are_the_packages():
    """What is shown in class builds the same layers as the package."""
    from cv_course.networks import vgg as module

    (shown,) = from_notebook(NOTEBOOK, "features")
    for name in "ABCDE":
        with torch.device("meta"):
            pair = shown(CONFIGS[name]), module.features(CONFIGS[name])
        texts = [str(one).replace(", inplace=True", "").replace("inplace=True", "") for one in pair]
        assert texts[0] == texts[1]


def test_the_solution_counts_every_configuration():
    (solution,) = from_notebook_with_imports("count_vgg")
    for name in "ABCDE":
        rows = [item for stage in CONFIGS[name] for item in read_stage(stage)]
        with torch.device("meta"):
            expected = layers.count_parameters(VGG(CONFIGS[name]))
        assert solution(*zip(*rows, strict=True), 5, 1000) == expected


def test_one_kernel_is_the_stacks():
    """What the notebook reads off with dots is what the kernels merge to."""
    (one_kernel,) = from_notebook_with_functional("one_kernel")
    torch.manual_seed(1)
    stack = nn.Sequential(*[nn.Conv2d(3, 3, 3, bias=False) for _ in range(3)]).double()
    a, b, c = (layer.weight.detach().numpy() for layer in stack)
    kernel = one_kernel(stack).detach().numpy()
    np.testing.assert_allclose(kernel, merge(merge(a, b), c), atol=1e-14)


def from_notebook_with_functional(name):
    (answer,) = from_notebook(NOTEBOOK, name)
    answer.__globals__["F"] = F
    return [answer]
