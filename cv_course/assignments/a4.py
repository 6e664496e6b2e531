"""Assignment 4: networks. What is asked, and how an answer is judged by what it does.

A network may be built in many ways, so nothing is read off its layers. It is filled with weights by
a rule that depends on their shapes alone, and then looked at from outside: its scores, which of its
parameters a gradient reaches, and which pixels.
"""

import contextlib
import itertools

import numpy as np

from cv_course.assignments import hidden
from cv_course.assignments.question import Case, Question
from cv_course.drill import as_array

TITLE = "Networks"
STEM = "a4_networks"
MINUTES = 240

# ------------------------------------------------------------------- what all networks have to do


def _built(function, *arguments):
    """The student's network in evaluation mode, None where it is not done yet."""
    from torch import nn

    net = function(*arguments)
    if net is None or net is Ellipsis:
        return None
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"expected a network, an instance of torch.nn.Module, got {type(net).__name__}."
        )
    return net.eval()


def _learned(net) -> list:
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def _reached(net, images):
    """How many parameters a gradient of the scores reaches in a large network, and the scores.

    Where single precision lets all that reaches a parameter cancel, which the last bit and so the
    processor decides, the images turned round tell; they are asked only if some are not reached.
    A parameter's gradient is looked at as soon as it is there, and let go: VGG's need 0.5 GB.
    """
    import torch

    parameters, no, yes = _learned(net), torch.tensor(False), torch.tensor(True)
    missed = {id(one): yes.expand_as(one) for one in parameters}

    def note(parameter):
        nothing = (parameter.grad == 0) & missed[id(parameter)]
        missed[id(parameter)] = nothing if nothing.any() else no.expand_as(parameter)
        parameter.grad = None

    def passed(images):
        images = torch.tensor(images, requires_grad=True)
        scores = net(images)
        weighted(scores).backward()
        return scores.detach()

    hooks = [one.register_post_accumulate_grad_hook(note) for one in parameters]
    try:
        scores = passed(images)
        if any(one.any() for one in missed.values()):
            passed(np.ascontiguousarray(images[:, ::-1, ::-1, ::-1]))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(one.numel() - int(missed[id(one)].sum()) for one in parameters), scores


def _sizes(net, images):
    """All gradients' sizes in a network that is small: of each parameter, and by the images.

    In double precision where its forward allows it, which is a matter of how it is written.
    """
    import torch

    parameters = _learned(net)

    def passed(kind):
        pixels = torch.tensor(images, dtype=kind, requires_grad=True)
        found = torch.autograd.grad(
            weighted(net(pixels)), [pixels, *parameters], allow_unused=True, materialize_grads=True
        )
        return [one.abs().double() for one in found]

    try:
        with _doubled(net):
            pixels, *sizes = passed(torch.float64)
    except (RuntimeError, TypeError, ValueError):  # types are mixed: a fixed part is single
        pixels, *sizes = passed(torch.float32)
    return sizes, pixels


def _count(sizes) -> int:
    """Parameters whose gradient is more than rounding, which is below 1e-16 of the largest.

    In right networks the smallest is 3e-10 of the largest, behind a softmax.
    """
    import torch

    largest = max((float(one.max()) for one in sizes if one.numel()), default=0.0)
    return sum(int(torch.count_nonzero(one > 1e-13 * largest)) for one in sizes)


def _tensors(net) -> list:
    """All tensors of floating-point numbers in a network: parameters, buffers, plain attributes."""
    import torch

    held = [one for part in net.modules() for one in vars(part).values()]
    held += [*net.buffers(), *net.parameters()]
    found = {id(one): one for one in held if isinstance(one, torch.Tensor)}.values()
    return [one for one in found if one.is_floating_point()]


@contextlib.contextmanager
def _doubled(net):
    """A network in double precision for a while."""
    before = [(one, one.data) for one in _tensors(net)]
    try:
        for one, data in before:
            one.data = data.double()
        yield
    finally:
        for one, data in before:
            one.data = data


@contextlib.contextmanager
def _shaken(net, seed: int):
    """Change what is fixed in a network by a tenth for a while; what is 0 (a mask) stays 0.

    Where the ten fixed codes of LeNet-5 agree in a number, it is the same for all classes; a
    softmax takes it off, and no gradient would reach the weights before it but by rounding.
    """
    import torch

    fixed = [one for one in _tensors(net) if not one.requires_grad]
    before = [one.clone() for one in fixed]
    rng = np.random.default_rng([seed, 1])
    try:
        with torch.no_grad():
            for one in fixed:
                one.mul_(torch.from_numpy(0.9 + 0.2 * rng.random(tuple(one.shape))).to(one))
        yield
    finally:
        for one, old in zip(fixed, before, strict=True):
            one.data.copy_(old)


def logits(scores) -> np.ndarray:
    """(N, K) -> (N, K) of mean 0: what scores and probabilities of the same network share."""
    scores = np.asarray(scores, dtype=float)
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        scores = np.log(np.maximum(scores, 1e-30))
    return scores - scores.mean(axis=1, keepdims=True)


def weighted(scores):
    """A number made of (N, K) scores (a tensor), of which the gradient is taken.

    Each class has a weight of its own. For probabilities the weights are 0 on average, so that what
    the softmax takes off does not matter. Scores are all counted as positive: where weights are 0
    on average, what is common to all classes cancels, and the last bit, which differs between
    processors, decides whether anything is left of it.
    """
    import torch

    probabilities = (scores >= 0).all() and torch.allclose(
        scores.sum(1), torch.ones_like(scores[:, 0]), atol=1e-3
    )
    # roots, since sums of whole numbers can cancel where codes of -1 and 1 are compared
    importance = (1 + torch.arange(scores.shape[1], dtype=torch.float64) % 16).sqrt()
    if probabilities:
        scores, importance = scores.clamp(min=1e-30).log(), importance - importance.mean()
    return (scores * importance.to(scores)).sum()


def table(phase: int, rows: int, columns: int, signed: bool) -> np.ndarray:
    """(16, 16, rows, columns) weights, from which those of all layers of this kernel are laid.

    A weight depends on the last four bits of its channels' numbers and on the place in the kernel:
    whether channels are taken in one module or in two makes no difference. For kernels of a single
    place it is symmetric, so that a fully connected weight may be stored either way round.
    """
    rng = np.random.default_rng([phase, rows, columns])
    weights = rng.normal(size=(16, 16, rows, columns)).astype(np.float32)
    if rows == columns == 1:
        weights = (weights + weights.swapaxes(0, 1)) / np.float32(2**0.5)
    return weights / 128 if signed else (np.abs(weights) + np.float32(0.1)) / 1024


# how many places a fully connected layer's inputs have: they are a map that was flattened
_PLACES = {9216: 6, 4608: 6, 25088: 7}


def _lay(net, phase: int, signed: bool) -> None:
    """Fill an AlexNet or VGG: weights from ``table``, everything with a single axis 0."""
    import torch

    with torch.no_grad():
        for parameter in _learned(net):
            weight = parameter
            if weight.ndim < 2:
                weight.zero_()
                continue
            if weight.ndim == 2 and weight.shape[0] > weight.shape[1]:
                weight = weight.T
            flat = weight.ndim == 2
            side = _PLACES.get(weight.shape[1], 1)
            kernel = (side, side) if flat else weight.shape[-2:]
            rows = torch.from_numpy(table(phase, *kernel, signed))
            channels = weight.shape[1] // (side * side if flat else 1)
            rows = rows.repeat(1, -(-channels // 16), 1, 1)[:, :channels]
            rows = rows.flatten(1) if flat else rows
            for start in range(0, len(weight), 16):
                part = weight[start : start + 16]
                part.copy_(rows[: len(part)])
        for module in net.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.affine:
                module.weight.fill_(1)  # so that it is counted: zeros would hide all before it


def _keep_one_input(net, inputs: int, one: int) -> bool:
    """Set all weights but one of each unit to 0 in the layer with so many inputs of its own."""
    import torch

    found = False
    with torch.no_grad():
        for parameter in _learned(net):
            weight = parameter
            if weight.ndim == 2 and weight.shape[0] > weight.shape[1]:
                weight = weight.T
            if weight.ndim in (2, 4) and np.prod(weight.shape[1:]) == inputs:
                kept = weight.flatten(1)[:, one].clone()
                weight.zero_()
                spots = np.unravel_index(one, weight.shape[1:])
                weight[(slice(None), *spots)] = kept
                found = True
    return found


def _measured(net, images, bright, phase: int) -> dict[str, np.ndarray]:
    """What an AlexNet or VGG does: shapes, parameters that matter, and scores.

    No gradient by the pixels is compared: where two values of a pooling are all but equal, the last
    bit decides which of them it reaches, and that differs between processors. Scores do not jump.
    """
    import torch

    _lay(net, phase, signed=True)
    with torch.no_grad():
        scores = as_array(net(torch.tensor(images)))
    found = {"shape of the scores": np.array(scores.shape)}
    if scores.shape != (len(images), 1000):
        return found
    centred = logits(scores)
    found["parameters"] = np.array(0)
    found["scores"] = centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-30)
    _lay(net, phase, signed=False)
    reached, one = _reached(net, bright)
    found["parameters"] = np.array(reached)
    found["shape for one image"] = np.array(one.shape)
    return found


def _missing(answers: dict, *names: str) -> list[str]:
    """A complaint where a network's measurements are not all there, or are no plain numbers."""
    for name in names:
        if name not in answers or not np.isfinite(answers[name]).all():
            return [f"The network's {name} cannot be measured: nothing, NaN or infinity came back."]
    return []


def _number(answers: dict, name: str) -> float:
    """A single number among the measurements; -1 where something else came back."""
    found = answers.get(name, np.array(-1))
    return float(found.ravel()[0]) if found.size == 1 and np.isfinite(found).all() else -1.0


def _expect_shape(answers: dict, name: str, shape: tuple[int, ...]) -> list[str]:
    found = answers.get(name)
    if found is None or found.shape != (len(shape),) or tuple(found) != shape:
        got = "nothing" if found is None else tuple(int(n) for n in np.ravel(found))
        return [f"Expected scores of shape {shape}, got {got}."]
    return []


def _expect_count(found: int, expected: int, known: dict[int, str]) -> list[str]:
    if found == expected:
        return []
    complaint = [
        f"Expected {expected:,} trainable parameters that a gradient reaches, got {found:,}."
    ]
    return complaint + ([f"Look here: {known[found]}"] if found in known else [])


# ------------------------------------------------------------------------------------------ LeNet

_LENET = {"1989": (9_760, 16), "1998": (60_000, 32), "modern": (61_706, 32)}
# the first fully connected layer: how many inputs, one in the middle, first and last row it sees
_LENET_FIELD = {
    "1989": (192, 5 * 16 + 2 * 4 + 2, (2, 14)),
    "1998": (400, 7 * 25 + 2 * 5 + 2, (8, 23)),
    "modern": (400, 7 * 25 + 2 * 5 + 2, (8, 23)),
}
_LENET_COUNTS = {
    "1989": {
        10_960: "H2 looks at all 12 maps of H1; in 1989 each of its maps looked at 8 of them.",
        10_024: "H2 looks at all 12 maps of H1, and the biases are shared. In 1989 each map of H2 "
        "looked at 8 of the 12, and every unit of H1 and H2 had a bias of its own.",
        8_824: "the biases of H1 and H2 are shared over each map; in 1989 every unit had its own, "
        "12 x 8 x 8 and 12 x 4 x 4 of them. Only the weights were shared.",
        9_580: "the biases of H2 are shared over each map; in 1989 every unit had its own.",
        9_004: "the biases of H1 are shared over each map; in 1989 every unit had its own.",
        8_760: "there are no biases.",
    },
    "1998": {
        60_900: "C3 looks at all maps of S2. In LeNet-5 its maps look at 3, 4 or 6 of the six, "
        "60 pairs in all (Table I of the paper).",
        60_840: "the codes of the RBF units are trained. They are given and stay as they are: a "
        "buffer, not a parameter.",
        61_740: "the codes of the RBF units are trained, and C3 looks at all maps of S2.",
        60_850: "the output is an ordinary trained layer; LeNet-5 compares with fixed codes.",
        59_956: "S2 and S4 have no parameters. In 1998 each of their maps has a coefficient and a "
        "bias: sum the four, multiply, add.",
        59_978: "S2 and S4 have one parameter a map; it is two, a coefficient and a bias.",
        60_856: "C3 looks at all maps of S2, and S2 and S4 have no parameters.",
        60_796: "the codes of the RBF units are trained, and S2 and S4 have no parameters.",
        60_806: "S2 and S4 have no parameters, and the output is an ordinary trained layer.",
        61_706: "that is the modern form; 1998's C3 is sparse, its subsampling has parameters, and "
        "its output compares with fixed codes.",
    },
    "modern": {
        61_470: "there are no biases.",
        60_806: "C3 is sparse; in the modern form it is an ordinary convolution.",
        61_750: "the poolings have parameters; the modern form takes a plain maximum or mean.",
        60_000: "that is LeNet-5 of 1998.",
        60_856: "the output is not trained; in the modern form it is an ordinary layer, 84 to 10.",
        44_426: "the network is laid out for images of 28 x 28; here they have 32 x 32.",
    },
}


def _lenet_cases(rng: np.random.Generator):
    for variant, (_, side) in _LENET.items():
        images = (0.5 + 0.5 * rng.random((24, 1, side, side))).astype(np.float32)
        yield Case(
            f'the network "{variant}" on images of {side} x {side}',
            (variant, images, int(rng.integers(2**31))),
            variant,
        )


def _fill_lenet(net, seed: int, signed: bool) -> None:
    """Small weights, and biases and coefficients near a half: nothing is cut off or saturates.

    A sixteenth of one over the number of inputs, since a kernel may be stored map by map.
    """
    import torch

    with torch.no_grad():
        for parameter in _learned(net):
            shape = tuple(parameter.shape)
            rng = np.random.default_rng([seed, *shape])
            values = 0.75 + 0.5 * rng.random(shape)
            unit_biases = shape[-2:] in ((8, 8), (4, 4)) or parameter.numel() in (64, 768, 16, 192)
            if parameter.ndim < 2 or unit_biases:
                values = values * 0.5
            else:
                inputs = max(np.prod(shape[1:]), 1)
                if parameter.ndim == 2:
                    inputs = max(shape)
                values = values / inputs / 16
                if signed:
                    values = rng.normal(size=shape) * 2 / inputs**0.5
            parameter.copy_(torch.from_numpy(np.asarray(values)))


def _measure_lenet(function, variant, images, seed):
    import torch

    net, other = _built(function, variant), None
    if net is None:
        return None
    other = _built(function, variant)
    _fill_lenet(net, seed, signed=False)
    with torch.no_grad():
        scores = net(torch.tensor(images))
    found = {"shape of the scores": np.array(scores.shape), "parameters": np.array(0)}
    if scores.shape != (len(images), 10):
        return found
    reached = _count(_sizes(net, images)[0])
    with _shaken(net, seed):
        found["parameters"] = np.array(max(reached, _count(_sizes(net, images)[0])))
    with torch.no_grad():
        found["shape for one image"] = np.array(net(torch.tensor(images[:1])).shape)
        _fill_lenet(other, seed + 1, signed=True)
        again = net(torch.tensor(images[:5]))
        found["first five"] = as_array(scores)[:5]
        found["first five alone"] = as_array(again)
    found |= _sight(net, variant, images)
    _fill_lenet(net, seed, signed=True)
    steps = torch.linspace(0.25, 3, 12)[:, None, None, None]
    with torch.no_grad():
        along = logits(as_array(net(torch.tensor(images[:1]) * steps)))
    found["brighter and brighter"] = along
    return found


def _sight(net, variant: str, images) -> dict[str, np.ndarray]:
    """Which pixels one input of the first full layer depends on."""
    inputs, one, _ = _LENET_FIELD[variant]
    if not _keep_one_input(net, inputs, one):
        return {"field": np.zeros(4), "share": np.array(1.0)}
    _, pixels = _sizes(net, images)
    # a convolution by Fourier transforms leaves rounding around its field
    seen = as_array(pixels > 1e-6 * pixels.amax((1, 2, 3), keepdim=True)).any(axis=1)
    rows, columns = (np.flatnonzero(seen.any(axis=(0, axis))) for axis in (2, 1))
    if not len(rows):
        return {"field": np.zeros(4), "share": np.array(0.0)}
    box = np.array([rows[0], columns[0], rows[-1], columns[-1]])
    inside = seen[0, box[0] : box[2] + 1, box[1] : box[3] + 1]
    return {"field": box, "share": np.array(inside.mean())}


def _judge_lenet(case: Case, answers: dict):
    variant, images, _ = case.arguments
    count, _ = _LENET[variant]
    if complaint := _expect_shape(answers, "shape of the scores", (len(images), 10)):
        return complaint
    if complaint := _missing(answers, "parameters"):
        return complaint
    if complaint := _expect_count(
        int(_number(answers, "parameters")), count, _LENET_COUNTS[variant]
    ):
        return complaint
    if complaint := _expect_shape(answers, "shape for one image", (1, 10)):
        return complaint
    names = ("first five", "first five alone", "field", "share", "brighter and brighter")
    if complaint := _missing(answers, *names):
        return complaint
    first, alone = answers["first five"], answers["first five alone"]
    if first.shape != alone.shape or not np.allclose(first, alone, rtol=1e-3, atol=1e-5):
        return [
            "The same images got other scores in a smaller batch, after a second network was made. "
            "Images of a batch must not influence each other, and every call has to make a network "
            "with parameters of its own."
        ]
    start, end = _LENET_FIELD[variant][2]
    box = tuple(int(n) for n in answers["field"].ravel())
    if len(box) != 4 or (any(box) and box != (start, start, end, end)):
        return [
            f"An element in the middle of the last maps should depend on rows and columns {start} "
            f"to {end} of the image; here it is rows {box[::2]}, columns {box[1::2]}. Look at the "
            "kernels, strides and paddings, and at how the maps are halved."
        ]
    if variant == "1998" and _number(answers, "share") < 0.99:
        return [
            "Some pixels do not matter although a map is built from them: S2 and S4 of 1998 add "
            "up the four values of a block; they take no maximum."
        ]
    return _straight(answers["brighter and brighter"])


def _straight(along: np.ndarray) -> list[str]:
    """Scores along a ray of images; without activations they lie on a straight line."""
    if along.ndim != 2 or len(along) < 3:
        return ["The network gave no scores for a series of brighter and brighter images."]
    bend = np.abs(np.diff(along, 2, axis=0)).max(initial=0)
    if bend < 1e-3 * np.ptp(along, axis=0).max(initial=0) or not along.any():
        return [
            "Scores grow in proportion when an image gets brighter: there is no activation "
            "function between the layers, so that all of them together are only one."
        ]
    return []


lenet = Question(
    name="lenet",
    contract=(
        'variant "1989" (images N x 1 x 16 x 16), "1998" or "modern" (N x 1 x 32 x 32) -> a '
        "torch.nn.Module that gives (N, 10) scores; 9,760, 60,000 and 61,706 trainable parameters."
    ),
    cases=_lenet_cases,
    collect=_measure_lenet,
    judge=_judge_lenet,
    points=12,
    hints=(
        "Start with the modern form: convolutions 5 x 5 with 6 and 16 filters, each followed by an "
        "activation and a pooling 2 x 2, then layers 400 → 120 → 84 → 10. Count: 61,706.",
        "1998: C3 has one 5 x 5 kernel for each of the 60 pairs of Table I; S2 and S4 have a "
        "coefficient and a bias a map; the output has nothing to learn, 10 fixed codes of 84 "
        "numbers, and the score is minus the squared distance. 1989: two convolutions 5 x 5 with "
        "stride 2 and padding 2, then 192 → 30 → 10.",
        "A sparse table: a weight of 16 x 6 x 5 x 5, multiplied in forward() by a buffer of zeros "
        "and ones; the gradient of a masked weight is 0, so it does not count. A bias for each "
        "unit: nn.Parameter(torch.zeros(12, 8, 8)), added to the map of a convolution without "
        "bias. Fixed codes: register_buffer.",
    ),
)

# ---------------------------------------------------------------------------------------- AlexNet

# what the towers keep apart: what each layer has with and without groups
_CONV = {"conv2": (307_456, 614_656), "conv4": (663_936, 1_327_488), "conv5": (442_624, 884_992)}
_ALEXNET = {True: 60_965_224, False: 62_378_344}
_ALEXNET_BIASES = 10_568


def _alexnet_counts(two_towers: bool) -> dict[int, str]:
    """The parameters of networks with usual mistakes -> what the mistake is."""
    total = _ALEXNET[two_towers]
    fc6 = "fc6 reads {}: after the last pooling it should be 256 x 6 x 6 = 9,216."
    found = {
        61_100_840: "that is the later version with 64, 192, 384, 256, 256 filters; the paper has "
        "96, 256, 384, 384, 256.",
        total - _ALEXNET_BIASES: "there are no biases.",
        total - (9216 - 6400) * 4096: fc6.format("256 x 5 x 5 = 6,400 numbers"),
        total - (9216 - 256) * 4096: fc6.format("256 numbers, an average over places"),
        total + 2 * (96 + 256 + 384 + 384 + 256): "there is batch normalisation; AlexNet had none.",
    }
    changes = {
        name: (joined - apart if two_towers else apart - joined)
        for name, (apart, joined) in _CONV.items()
    }
    changes["conv3"] = -442_368
    for length in range(1, 5):
        for wrong in itertools.combinations(sorted(changes), length):
            parts = [
                f"conv3 reads only its own tower's maps{', both are to meet there' * two_towers}"
                if name == "conv3"
                else f"the towers meet in {name}, which should read only its own tower's maps"
                if two_towers
                else f"{name} is split into two towers"
                for name in wrong
            ]
            found.setdefault(total + sum(changes[name] for name in wrong), "; ".join(parts) + ".")
    found[_ALEXNET[not two_towers]] = (
        "that is the network of a single stream; with two towers, conv2, conv4 and conv5 read only "
        "their own tower's maps."
        if two_towers
        else "that is the network with two towers; in a single stream every filter reads all maps."
    )
    return found


def _pictures(rng: np.random.Generator, count: int, side: int) -> np.ndarray:
    """(count, 3, side, side) from -1 to 1, coarse blobs and fine noise."""
    coarse = rng.normal(size=(count, 3, 8, 8)).repeat(-(-side // 8), 2).repeat(-(-side // 8), 3)
    fine = rng.normal(size=(count, 3, side, side))
    return np.tanh(coarse[:, :, :side, :side] + 0.5 * fine).astype(np.float32)


def _alexnet_cases(rng: np.random.Generator):
    for two_towers in (False, True):
        about = "two towers" if two_towers else "a single stream"
        images = _pictures(rng, 2, 227)
        bright = 0.05 * (1.05 + _pictures(rng, 1, 227))
        yield Case(
            f"{about}, on images of 227 x 227",
            (two_towers, images, bright, int(rng.integers(2**31))),
            about,
        )


def _measure_alexnet(function, two_towers, images, bright, phase):
    import torch

    net = _built(function, two_towers)
    if net is None:
        return None
    found = _measured(net, images, bright, phase)
    if "shape for one image" in found:
        with torch.no_grad():
            twice = [logits(as_array(net(torch.tensor(bright)))) for _ in range(2)]
        found["same twice"] = np.array(np.array_equal(*twice))
        kept = _keep_one_input(net, 9216, 5 * 36 + 2 * 6 + 3)
        found["behind one number of fc6"] = np.array(_reached(net, bright)[0] if kept else 0)
    return found


def _judge_alexnet(case: Case, answers: dict):
    two_towers, images, *_ = case.arguments
    total = _ALEXNET[two_towers]
    # before the count, which chance would change as well
    if _number(answers, "same twice") == 0:
        return [
            "The same image got other scores the second time. In evaluation mode, after eval(), "
            "nothing may be left to chance: use nn.Dropout, or self.training."
        ]
    if complaint := _judge_large(answers, len(images), total, _alexnet_counts(two_towers)):
        return complaint
    if complaint := _missing(answers, "behind one number of fc6", "same twice"):
        return complaint
    rows = 256 // (1 + two_towers), 384 // (1 + two_towers)
    # of conv5 one filter of 256; where towers are apart, half of conv4's and conv3's
    unused = 255 * (rows[1] * 9 + 1)
    unused += two_towers * ((384 - rows[1]) * (rows[1] * 9 + 1) + rows[1] * (256 * 9 + 1))
    behind = int(_number(answers, "behind one number of fc6"))
    if behind not in (0, total - unused):
        return [
            f"Behind one of the 9,216 numbers that fc6 reads there should be {total - unused:,} "
            f"parameters, but it is {behind:,}. "
            + (
                "The towers mix where they should stay apart, between conv4 and conv5 perhaps."
                if two_towers
                else "In a single stream each filter reads all the maps before it."
            )
        ]
    return []


def _judge_large(answers: dict, images: int, total: int, counts: dict[int, str]) -> list[str]:
    """Shapes, parameters, activations: what AlexNet and VGG are judged by alike."""
    if complaint := _expect_shape(answers, "shape of the scores", (images, 1000)):
        return complaint
    if complaint := _missing(answers, "parameters", "scores"):
        return complaint
    if complaint := _expect_count(int(_number(answers, "parameters")), total, counts):
        return complaint
    if complaint := _expect_shape(answers, "shape for one image", (1, 1000)):
        return complaint
    if not answers["scores"].any():
        return ["All scores are alike, whatever the image is."]
    return []


alexnet = Question(
    name="alexnet",
    contract=(
        "two_towers, True or False -> a torch.nn.Module: N x 3 x 227 x 227 images to (N, 1000) "
        "scores, 60,965,224 trainable parameters with two towers and 62,378,344 without; dropout "
        "and local response normalisation may be there or not."
    ),
    cases=_alexnet_cases,
    collect=_measure_alexnet,
    judge=_judge_alexnet,
    points=10,
    rtol=1e-3,
    atol=5e-3,
    hints=(
        "96 filters 11 x 11 with stride 4, pooling 3 with stride 2; 256 filters 5 x 5 with padding "
        "2, pooling; 384, 384 and 256 filters 3 x 3 with padding 1, pooling. A ReLU behind each. "
        "Then flatten, 9,216 → 4,096 → 4,096 → 1,000.",
        "Two towers: conv2, conv4 and conv5 read only the maps of their own tower, half of them; "
        "conv3 and the fully connected layers read both. conv1 reads the image, which both have.",
        "nn.Conv2d(96, 256, 5, padding=2, groups=2) is two towers in one module: the first half of "
        "its filters reads the first half of the maps. Without towers the same with groups=1.",
    ),
)

# -------------------------------------------------------------------------------------------- VGG

# parameters, and filters (one bias each) of all convolutions together
_VGG = {
    "A": (132_863_336, 2_752),
    "B": (133_047_848, 2_944),
    "C": (133_638_952, 4_224),
    "D": (138_357_544, 4_224),
    "E": (143_667_240, 5_504),
}
_FULL_LAYERS = 123_642_856
# brightness at which the scores are neither vanishing nor beyond what a softmax can take
_VGG_LIGHT = {"A": 1e-2, "B": 1e-2, "C": 1e-2, "D": 1e-3, "E": 1e-4}


def _vgg_counts(config: str) -> dict[int, str]:
    total, filters = _VGG[config]
    convolutions = total - _FULL_LAYERS
    found = {
        convolutions + 512_000 + 1_000: "there is one fully connected layer on an average over "
        "places; VGG flattens 512 x 7 x 7 numbers and has three.",
        total - (25_088 - 512) * 4096: "the first fully connected layer reads 512 numbers, an "
        "average over places; VGG flattens all 512 x 7 x 7 = 25,088.",
        total - filters - 9_192: "there are no biases.",
        total - filters: "the convolutions have no biases.",
        total + 2 * filters: "there is batch normalisation; the paper's networks have none.",
    }
    for other, (count, _) in _VGG.items():
        if other != config:
            found[count] = f"that is configuration {other}."
    if config == "C":
        found[134_949_672] = "the 1 x 1 convolution of C stands at the end of a stage."
        found[_VGG["D"][0]] = (
            "that is configuration D. C differs from it in one place of the third, fourth and "
            "fifth stage: the last convolution there is 1 x 1."
        )
    return found


def _vgg_cases(rng: np.random.Generator):
    for config in _VGG:
        picture = _pictures(rng, 1, 224)
        bright = _VGG_LIGHT[config] * (1.05 + _pictures(rng, 1, 224))
        yield Case(
            f"configuration {config} on images of 224 x 224",
            (
                config,
                picture,
                bright.astype(np.float32),
                int(rng.integers(2**31)),
            ),
            config,
        )


def _measure_vgg(function, config, images, bright, phase):
    net = _built(function, config)
    return None if net is None else _measured(net, images, bright, phase)


def _judge_vgg(case: Case, answers: dict):
    config, images, *_ = case.arguments
    return _judge_large(answers, len(images), _VGG[config][0], _vgg_counts(config))


vgg = Question(
    name="vgg",
    contract=(
        'config "A" to "E" -> a torch.nn.Module: N x 3 x 224 x 224 images to (N, 1000) scores, '
        "as in Table 1 of the paper, without normalisation."
    ),
    cases=_vgg_cases,
    collect=_measure_vgg,
    judge=_judge_vgg,
    points=10,
    rtol=1e-3,
    atol=5e-3,
    hints=(
        "All five have five stages with 64, 128, 256, 512 and 512 filters, a pooling 2 x 2 after "
        "each stage and the same three fully connected layers at the end. Only how many "
        "convolutions stand in a stage differs.",
        "Write the configurations as a table and one loop over it. A: 1, 1, 2, 2, 2 convolutions; "
        "B: 2, 2, 2, 2, 2; D: 2, 2, 3, 3, 3; E: 2, 2, 4, 4, 4. All are 3 x 3 with padding 1, each "
        "followed by a ReLU.",
        "C is D with the last convolution of stages three to five replaced by 1 x 1 (without "
        "padding). After the last pooling there are 512 x 7 x 7 numbers: Flatten, Linear(25088, "
        "4096), ReLU, Linear(4096, 4096), ReLU, Linear(4096, 1000).",
    ),
)

# ------------------------------------------------------------------------------ fit_classifier


def _classifier_cases(rng: np.random.Generator):
    learnt, asked = hidden.fashion(rng, 8000, 2000)
    (images, labels), (unseen, right) = learnt, asked
    yield Case(
        "it learns from 1,000 images, twice with the same seed",
        (images[:1000], labels[:1000], int(rng.integers(1000)), unseen[:500], True),
        "repeatable",
        secret=(right[:500], 0.6, 1.0),
    )
    yield Case(
        "it learns from 2,000 images whose labels were shuffled",
        (images[:2000], rng.permutation(labels[:2000]), 0, unseen[:1000], False),
        "learns",
        secret=(right[:1000], 0.0, 0.3),
    )
    yield Case(
        "it learns from 8,000 images",
        (images, labels, int(rng.integers(1000)), unseen, False),
        "learns",
        secret=(right, 0.8, 1.0),
    )


def _fit_and_ask(function, images, labels, seed, unseen, again):
    predict = function(images, labels, seed)
    if predict is None or predict is Ellipsis:
        return None
    if not callable(predict):
        raise TypeError(f"expected a function predict(images), got {type(predict).__name__}.")
    found = {"scores": as_array(predict(unseen))}
    if again:
        other = function(images, labels, seed)
        found["scores of another fit with the same seed"] = as_array(other(unseen))
        found["scores the second time"] = as_array(predict(unseen))
        found["scores of one image"] = as_array(predict(unseen[:1]))
    return found


def _judge_classifier(case: Case, answers: dict):
    right, least, most = case.secret
    if complaint := _scores_wanted(answers, len(right)):
        return complaint
    share = float((answers["scores"].argmax(axis=1) == right).mean())
    if share < least:
        return [f"{share:.1%} of the hidden images are classified right; at least {least:.0%} are "
                f"asked for.{_near_chance(share)}"]  # fmt: skip
    if share > most:
        return [
            f"With shuffled labels there is nothing to learn, and yet {share:.1%} of the hidden "
            f"images are classified right; chance is 10%, and at most {most:.0%} are allowed. Is "
            "something else in it than the images and labels that were given?"
        ]
    return _repeated(answers) if case.arguments[-1] else []


def _near_chance(share: float) -> str:
    return " That is what guessing gives." if share < 0.2 else ""


def _scores_wanted(answers: dict, count: int) -> list[str]:
    found = answers.get("scores")
    if found is None or found.shape != (count, 10):
        got = "nothing" if found is None else found.shape
        return [f"Expected scores of shape {(count, 10)}, got {got}."]
    return [] if np.isfinite(found).all() else ["The scores hold NaN or infinity."]


def _repeated(answers: dict) -> list[str]:
    scores = answers["scores"]
    tolerance = 0.01 * np.ptp(scores)
    for name, says in (
        (
            "scores the second time",
            "The same images got other scores when asked again. Call eval() before predicting: "
            "dropout and batch normalisation must not draw or measure then. And what was learnt "
            "must not change when another classifier is made.",
        ),
        (
            "scores of another fit with the same seed",
            "The same data and the same seed gave another classifier. Seed everything that is "
            "drawn: the first weights (torch.manual_seed), the order of the images, dropout.",
        ),
    ):
        found = answers.get(name)
        if found is None or found.shape != scores.shape or np.abs(found - scores).max() > tolerance:
            return [says]
    one = answers.get("scores of one image")
    if one is None or one.shape != (1, 10) or np.abs(one - scores[:1]).max() > tolerance:
        return [
            "A single image, alone in its batch, gets other scores than among others, or scores of "
            "another shape than (1, 10)."
        ]
    return []


fit_classifier = Question(
    name="fit_classifier",
    contract=(
        "images (N, 1, 28, 28) uint8, labels (N,), seed -> a function predict(images) that gives "
        "(N, 10) scores; at least 80% right on hidden images with 8,000 to learn from."
    ),
    cases=_classifier_cases,
    collect=_fit_and_ask,
    judge=_judge_classifier,
    points=10,
    cpu_seconds=120,
    hints=(
        "Two convolutions with ReLU and pooling and one or two fully connected layers are enough. "
        "Turn the pixels into numbers from 0 to 1 first, in fit_classifier and in predict alike.",
        "A loop over a few epochs: torch.manual_seed(seed) before the network is made; a random "
        "order of the images each epoch; batches of about 64; cross_entropy; Adam with 1e-3 to "
        "3e-3.",
        "predict is a function inside fit_classifier that uses the network: net.eval(), "
        "torch.no_grad(), the same scaling, return net(x). It takes arrays, so torch.as_tensor "
        "first.",
    ),
)

# ------------------------------------------------------------------------------------- box_iou


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corners = rng.random((count, 2, 2)) * 20
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _box_cases(rng: np.random.Generator):
    overlap, apart, none = "boxes that overlap", "boxes that lie apart", "boxes without area"
    yield Case(
        "a box of 4 x 3 against one with which it shares 1 x 2, and one with which it shares 3 x 1",
        (np.array([[2.0, 1, 6, 4]]), np.array([[5.0, 2, 8, 4], [0, 3, 5, 9]])),
        overlap,
    )
    yield Case(
        "a box inside another, and one equal to it",
        (np.array([[1.0, 1, 9, 5]]), np.array([[2.0, 2, 4, 3], [1, 1, 9, 5]])),
        overlap,
    )
    yield Case(
        "boxes that lie apart: side by side, one above the other, and at two corners",
        (
            np.array([[0.0, 0, 2, 2], [6, 4, 9, 9]]),
            np.array([[5.0, 0, 7, 2], [0, 5, 2, 7], [5, 5, 8, 8]]),
        ),
        apart,
    )
    yield Case(
        "boxes without area, also against themselves",
        (np.array([[3.0, 3, 3, 3], [0, 0, 4, 4]]), np.array([[3.0, 3, 3, 3], [1, 1, 1, 3]])),
        none,
    )
    yield Case(
        "boxes without area among others",
        (np.array([[1.0, 1, 5, 5], [2, 2, 2, 2]]), np.array([[2.0, 2, 2, 2], [2, 1, 7, 4]])),
        none,
    )
    yield Case(
        "whole numbers",
        (np.array([[0, 0, 9, 9], [1, 2, 5, 8], [3, 1, 4, 7]]), np.array([[2, 2, 6, 8]])),
        overlap,
    )
    yield Case("five boxes against three", (_boxes(rng, 5), _boxes(rng, 3)), apart)


box_iou = Question(
    name="box_iou",
    contract=(
        "a (N, 4) and b (M, 4), boxes as x1, y1, x2, y2 -> (N, M): the intersection over union of "
        "each box of a with each of b; 0 where neither has any area."
    ),
    cases=_box_cases,
    points=6,
    hints=(
        "Draw two boxes that overlap. Where does the part that they share begin on the left, and "
        "where does it end on the right? Which of the two x1 is it, which of the two x2?",
        "a[:, None] and b[None] have the shapes (N, 1, 4) and (1, M, 4); maximum and minimum of "
        "them are (N, M, 4). Boxes that lie apart share a negative width: set it to 0 at least.",
        "shared = product of clip(min(x2, y2) - max(x1, y1), 0); union = area of a + area of b - "
        "shared; where the union is 0 the answer is 0.",
    ),
)

# ------------------------------------------------------------------------------ fit_multi_head


def _scenes(rng: np.random.Generator, items, count: int):
    import torch

    from cv_course.data import Split
    from cv_course.scenes import scenes

    items = Split(*map(torch.from_numpy, items))
    return scenes(items, count, sizes=(28, 28), seed=int(rng.integers(2**31)))


def _scene_cases(rng: np.random.Generator):
    learnt, asked = hidden.fashion(rng, 2500, 600)
    many, few = _scenes(rng, learnt, 2500), _scenes(rng, asked, 600)
    right = {name: as_array(getattr(few, name)) for name in ("labels", "boxes", "masks")}
    for count, group, least in (
        (750, "with 750 scenes", {"box": 0.35, "mask": 0.25, "class": 0.2}),
        (2500, "with 2,500 scenes", {"box": 0.6, "mask": 0.7, "class": 0.5}),
    ):
        parts = [
            as_array(part)[:count] for part in (many.images, many.labels, many.boxes, many.masks)
        ]
        yield Case(
            f"it learns from {count:,} scenes",
            (*parts, int(rng.integers(1000)), as_array(few.images)),
            group,
            secret=(right, least),
        )


def _fit_and_look(function, images, labels, boxes, masks, seed, unseen):
    predict = function(images, labels, boxes, masks, seed)
    if predict is None or predict is Ellipsis:
        return None
    if not callable(predict):
        raise TypeError(f"expected a function predict(images), got {type(predict).__name__}.")
    said = predict(unseen)
    if not isinstance(said, list | tuple) or len(said) != 3:
        raise TypeError("expected that predict(images) gives three things: scores, boxes, masks.")
    again = predict(unseen[:1])
    names = ("scores", "boxes", "masks")
    found = {name: as_array(part) for name, part in zip(names, said, strict=True)}
    found["masks"] = found["masks"] > 0  # also logits
    found["boxes of one scene"] = as_array(again[1])
    return found


def _judge_scenes(case: Case, answers: dict):
    right, least = case.secret
    count = len(right["labels"])
    if complaint := _scores_wanted(answers, count):
        return complaint
    for name, shape in (("boxes", (count, 4)), ("masks", (count, 64, 64))):
        found = answers.get(name)
        if found is None or found.shape != shape:
            got = "nothing" if found is None else found.shape
            return [f"Expected {name} of shape {shape}, got {got}."]
    if complaint := _missing(answers, "boxes"):
        return complaint
    box, mask = _mean_box_iou(answers["boxes"], right["boxes"]), answers["masks"] > 0
    share = float((answers["scores"].argmax(axis=1) == right["labels"]).mean())
    found = {"box": box, "mask": _mean_mask_iou(mask, right["masks"]), "class": share}
    what = {
        "box": "The boxes' mean intersection over union is",
        "mask": "The mean intersection over union of the foregrounds is",
        "class": "The share of right classes is",
    }
    complaint = [
        f"{what[name]} {found[name]:.2f}; at least {least[name]:.2f} is asked for."
        for name in least
        if found[name] < least[name]
    ]
    return complaint + _constant(answers, mask) * bool(complaint) or _alone(answers)


def _alone(answers: dict) -> list[str]:
    one = answers.get("boxes of one scene")
    if one is None or one.shape != (1, 4) or np.abs(one - answers["boxes"][:1]).max() > 0.5:
        return ["A scene that is alone in its batch gets another box than among others."]
    return []


def _constant(answers: dict, masks: np.ndarray) -> list[str]:
    """What is said of answers that look the same for every scene."""
    parts = []
    if np.ptp(answers["boxes"], axis=0).max() < 1:
        parts.append("The box is the same for all scenes: the middle of the picture, perhaps.")
    if not masks.any():
        parts.append("All masks are empty: with logits the border is 0, with probabilities 0.5.")
    if masks.all():
        parts.append("All masks are full: probabilities are all above 0; return them as > 0.5.")
    if 0 <= answers["boxes"].max() <= 1.5:
        parts.append("The boxes are fractions; they are to be in pixels, 0 to 64.")
    return parts


def _mean_box_iou(found: np.ndarray, right: np.ndarray) -> float:
    low, high = np.maximum(found[:, :2], right[:, :2]), np.minimum(found[:, 2:], right[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=1)
    areas = [np.maximum(b[:, 2:] - b[:, :2], 0).prod(axis=1) for b in (found, right)]
    return float((both / np.maximum(sum(areas) - both, 1e-9)).mean())


def _mean_mask_iou(found: np.ndarray, right: np.ndarray) -> float:
    both, either = (found & right).sum(axis=(1, 2)), (found | right).sum(axis=(1, 2))
    return float((both / np.maximum(either, 1)).mean())


fit_multi_head = Question(
    name="fit_multi_head",
    contract=(
        "images (N, 1, 64, 64) uint8, labels (N,), boxes (N, 4) in pixels, masks (N, 64, 64) bool, "
        "seed -> a function predict(images) that gives scores (N, 10), boxes (N, 4), masks "
        "(N, 64, 64), booleans or logits."
    ),
    cases=_scene_cases,
    collect=_fit_and_look,
    judge=_judge_scenes,
    points=8,
    cpu_seconds=120,
    hints=(
        "One backbone of three or four convolutions that leaves a map of 8 x 8 places, and three "
        "heads on it. Train all of them at once, with the sum of three losses.",
        "Scores: the maximum of each channel over all places, then a linear layer. Box: flatten "
        "the map (where something is must not get lost), then a linear layer, 4 fractions of the "
        "side. Mask: detail is in the first maps, meaning in the last; enlarge the last ones "
        "(nn.PixelShuffle, nn.Upsample), put both together with torch.cat, and convolve once more.",
        "Losses: cross_entropy, l1_loss on boxes / 64 times about 10, "
        "binary_cross_entropy_with_logits times about 3. Batch normalisation behind each "
        "convolution makes it learn in a few epochs; predict in eval mode, boxes times 64.",
    ),
)

QUESTIONS = (lenet, alexnet, vgg, fit_classifier, box_iou, fit_multi_head)

FREE_TEXT = (
    (
        "where_the_parameters_are",
        "Three networks: LeNet-5, AlexNet and VGG-16. Where are their parameters, and where is "
        "their computation? Explain in about 200 words why the two are in different layers, which "
        "layer you would change to make AlexNet ten times smaller, and what that would cost.",
        10,
    ),
)
