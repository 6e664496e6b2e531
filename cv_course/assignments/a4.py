"""Assignment 4: networks. What is asked, and how an answer is judged by what it does.

A network may be built in many ways, so nothing is read off its layers. It is filled with weights by
a rule that depends on their shapes alone, and then looked at from outside: its scores, which of its
parameters a gradient reaches, and which pixels.
"""

import contextlib
import functools
import itertools

import numpy as np

from cv_course.assignments import hidden
from cv_course.assignments.question import Case, asked, table
from cv_course.drill import as_array

TITLE = "Networks"
STEM = "a4_networks"
MINUTES = 260
_ASKED = table(__name__)
_COUNTS, _SAID = _ASKED["counts"], _ASKED["said"]

# ------------------------------------------------------------------- what all networks have to do


def _first(judge):
    """A judge of a generator of lists of sentences: the first complaint is said, and no other."""

    @functools.wraps(judge)
    def judged(case: Case, answers: dict) -> list[str]:
        return next(filter(None, judge(case, answers)), [])

    return judged


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
    """How many parameters a gradient of the scores reaches in a large network, the scores, and
    whether they come again.

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
        scores = net(torch.tensor(images, requires_grad=True))
        weighted(scores).backward()
        return scores.detach()

    hooks = [one.register_post_accumulate_grad_hook(note) for one in parameters]
    again = True
    try:
        scores = passed(images)
        if any(one.any() for one in missed.values()):
            passed(np.ascontiguousarray(images[:, ::-1, ::-1, ::-1]))
            with torch.no_grad():
                again = torch.allclose(net(torch.tensor(images)), scores, rtol=1e-2)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(one.numel() - int(missed[id(one)].sum()) for one in parameters), scores, again


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


def drawn(phase: int, rows: int, columns: int, signed: bool) -> np.ndarray:
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


# how many positions a fully connected layer's inputs have: they are a map that was flattened
_PLACES = {9216: 6, 4608: 6, 25088: 7}


def _rows(parameter):
    """A parameter with a row for each output; fully connected weights may lie the other way."""
    turned = parameter.ndim == 2 and parameter.shape[0] > parameter.shape[1]
    return parameter.T if turned else parameter


def _lay(net, phase: int, signed: bool) -> None:
    """Fill an AlexNet or VGG: weights from ``drawn``, everything with a single axis 0."""
    import torch

    with torch.no_grad():
        for weight in map(_rows, _learned(net)):
            if weight.ndim < 2:
                weight.zero_()
                continue
            flat = weight.ndim == 2
            side = _PLACES.get(weight.shape[1], 1)
            kernel = (side, side) if flat else weight.shape[-2:]
            rows = torch.from_numpy(drawn(phase, *kernel, signed))
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
        for weight in map(_rows, _learned(net)):
            if weight.ndim in (2, 4) and np.prod(weight.shape[1:]) == inputs:
                kept = (slice(None), *np.unravel_index(one, weight.shape[1:]))
                value = weight[kept].clone()
                weight.zero_()
                weight[kept] = value
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
    found["scores"] = centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-30)
    _lay(net, phase, signed=False)
    reached, one, again = _reached(net, bright)
    found["parameters"], found["same twice"] = np.array(reached), np.array(again)
    found["shape for one image"] = np.array(one.shape)
    return found


def _missing(answers: dict, *names: str) -> list[str]:
    """A complaint where a network's measurements are not all there, or are no plain numbers."""
    lost = (n for n in names if n not in answers or not np.isfinite(answers[n]).all())
    return [_SAID["network"]["nothing"].format(name) for name in lost][:1]


def _number(answers: dict, name: str) -> float:
    """A single number among the measurements; -1 where something else came back."""
    found = answers.get(name, np.array(-1))
    return float(found.ravel()[0]) if found.size == 1 and np.isfinite(found).all() else -1.0


def _expect_shape(answers: dict, name: str, shape: tuple[int, ...]) -> list[str]:
    """``name`` is a shape that was measured."""
    found = answers.get(name)
    if found is None or found.shape != (len(shape),) or tuple(found) != shape:
        got = "nothing" if found is None else tuple(int(n) for n in np.ravel(found))
        return [_SAID["network"]["shape"].format("scores", shape, got)]
    return []


def _expect(answers: dict, name: str, shape: tuple[int, ...]) -> list[str]:
    """``name`` is an array that came back."""
    found = answers.get(name)
    if found is None or found.shape != shape:
        got = "nothing" if found is None else found.shape
        return [_SAID["network"]["shape"].format(name, shape, got)]
    return [] if np.isfinite(found).all() else [f"The {name} hold NaN or infinity."]


def _expect_count(answers: dict, expected: int, known: dict[int, str]) -> list[str]:
    if complaint := _missing(answers, "parameters"):
        return complaint
    found = int(_number(answers, "parameters"))
    said = _SAID["network"]["count"].format(expected, found)
    named = [f"Look here: {known[found]}"] if found in known else []
    return [said, *named] if found != expected else []


# ------------------------------------------------------------------------------------------ LeNet

_LENET = {"1989": (9_760, 16), "1998": (60_000, 32), "modern": (61_706, 32)}
# the first fully connected layer: how many inputs, one in the middle, first and last row it sees
_LENET_FIELD = {
    "1989": (192, 5 * 16 + 2 * 4 + 2, (2, 14)),
    "1998": (400, 7 * 25 + 2 * 5 + 2, (8, 23)),
    "modern": (400, 7 * 25 + 2 * 5 + 2, (8, 23)),
}
_TABLE = _ASKED["c3"]["looks_at"]  # map by map of C3, the maps of S2


def _lenet_cases(rng: np.random.Generator):
    for variant, (_, side) in _LENET.items():
        images = (0.5 + 0.5 * rng.random((24, 1, side, side))).astype(np.float32)
        about = f'the network "{variant}" on images of {side} x {side}'
        yield Case(about, (variant, images, int(rng.integers(2**31))), variant)


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

    net = _built(function, variant)
    if net is None:
        return None
    other = _built(function, variant)
    _fill_lenet(net, seed, signed=False)

    def scores(images):
        with torch.no_grad():
            return as_array(net(torch.tensor(images)))

    first = scores(images)
    found = {"shape of the scores": np.array(first.shape), "parameters": np.array(0)}
    if first.shape != (len(images), 10):
        return found
    found["first five"], found["first five alone"] = first[:5], scores(images[:5])
    found["shape for one image"] = np.array(scores(images[:1]).shape)
    reached = _count(_sizes(net, images)[0])
    with _shaken(net, seed):
        found["parameters"] = np.array(max(reached, _count(_sizes(net, images)[0])))
    _fill_lenet(other, seed + 1, signed=True)
    found["first five afterwards"] = scores(images[:5])
    _fill_lenet(net, seed, signed=False)
    found |= _sight(net, variant, images)
    if variant == "1998":
        found["maps that meet"] = _meet(net, images[:2], seed)
    _fill_lenet(net, seed, signed=True)
    steps = np.linspace(0.25, 3, 12, dtype=np.float32)[:, None, None, None]
    found["brighter and brighter"] = logits(scores(images[:1] * steps))
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


def _meet(net, images, seed: int) -> np.ndarray:
    """(16, maps of S2): which maps each of the 16 maps behind C3 is made of.

    Of each map in turn C5 reads one number alone. What stands before C3 (a kernel of C1, a
    coefficient) then gets a gradient from those maps of C3 that look at it: its parameters share a
    pattern over the 16 maps. Parameters of C3 itself belong to one map, those behind it to all.
    """
    import torch

    seen = []
    for number in range(16):
        _fill_lenet(net, seed, signed=False)
        if not _keep_one_input(net, 400, number * 25 + 12):
            return np.zeros((16, 0))
        with _shaken(net, seed):
            seen.append(torch.cat([one.flatten() for one in _sizes(net, images)[0]]))
    sizes = torch.stack(seen)  # map by parameter
    patterns = as_array(sizes > 1e-6 * sizes.amax(0)).T
    shared = patterns[(patterns.sum(1) > 1) & ~patterns.all(1)]
    return np.array(list(dict.fromkeys(map(tuple, shared.tolist()))), float).reshape(-1, 16).T


def _expect_table(maps: np.ndarray) -> list[str]:
    """Whether the maps of C3 look at those of S2 as in Table I, in whatever order either stands."""
    said = _SAID["lenet"]
    if maps.ndim != 2 or len(maps) != 16 or maps.shape[1] not in (0, 6):
        return [said["table"]]
    orders = itertools.permutations("012345")
    if not maps.size or any(sorted(_TABLE) == sorted(_names(maps, one)) for one in orders):
        return []  # without a size, C5 is built in a way that hides it
    rows = zip(itertools.count(), _names(maps, "012345"), _TABLE, strict=False)
    first = next((row for row in rows if row[1] != row[2]), None)
    return [said["table"], *([said["pair"].format(*first)] if first else [])]


def _names(maps: np.ndarray, order) -> list[str]:
    """For each map of C3 the digits of the maps that it looks at."""
    return ["".join(sorted(one for one, on in zip(order, row, strict=True) if on)) for row in maps]


@_first
def _judge_lenet(case: Case, answers: dict):
    (variant, images, _), said = case.arguments, _SAID["lenet"]
    yield _expect_shape(answers, "shape of the scores", (len(images), 10))
    first, alone = (answers.get(name) for name in ("first five", "first five alone"))
    if first is not None and alone is not None and not _alike(first, alone):
        yield [said["batch"]]
    known = {int(count): sentence for count, sentence in _COUNTS["lenet"][variant].items()}
    yield _expect_count(answers, _LENET[variant][0], known)
    yield _expect_shape(answers, "shape for one image", (1, 10))
    names = ("first five", "first five alone", "first five afterwards")
    yield _missing(answers, *names, "field", "share", "brighter and brighter")
    if not _alike(first, answers["first five afterwards"]):
        yield [said["shared"]]
    start, end = _LENET_FIELD[variant][2]
    box = tuple(int(n) for n in answers["field"].ravel())
    if len(box) != 4 or (any(box) and box != (start, start, end, end)):
        yield [said["field"].format(start, end, box[::2], box[1::2])]
    if variant == "1998":
        yield [said["maximum"]] if _number(answers, "share") < 0.99 else []
        yield _missing(answers, "maps that meet") or _expect_table(answers["maps that meet"])
    # without activations, scores along a ray of images lie on a straight line
    along = answers["brighter and brighter"]
    bend = np.abs(np.diff(along, 2, axis=0)).max(initial=0) if along.ndim == 2 else 0
    if bend <= 1e-3 * np.ptp(along, axis=0).max(initial=0):
        yield [said["straight"]]


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-3, atol=1e-5)


# ---------------------------------------------------------------------------------------- AlexNet

# what the towers keep apart: what each layer has with and without groups
_CONV = {"conv2": (307_456, 614_656), "conv4": (663_936, 1_327_488), "conv5": (442_624, 884_992)}
_ALEXNET = {True: 60_965_224, False: 62_378_344}


def _alexnet_counts(two_towers: bool) -> dict[int, str]:
    """The parameters of networks with usual mistakes -> what the mistake is."""
    total, said = _ALEXNET[two_towers], _COUNTS["alexnet"]
    found = {
        61_100_840: said["later"],
        total - 10_568: said["no_biases"],
        total - (9216 - 6400) * 4096: said["places_5"],
        total - (9216 - 256) * 4096: said["average"],
        total + 2 * (96 + 256 + 384 + 384 + 256): said["normed"],
        _ALEXNET[not two_towers]: said["one_stream" if two_towers else "two_towers"],
    }
    form = _SAID["alexnet"]["meet" if two_towers else "split"]
    changes = {
        name: (joined - apart if two_towers else apart - joined, form.format(name))
        for name, (apart, joined) in _CONV.items()
    }
    both = ", both are to meet there" * two_towers
    changes["conv3"] = -442_368, _SAID["alexnet"]["conv3"].format(both)
    for length in range(1, 5):
        for wrong in itertools.combinations(sorted(changes), length):
            parts = [changes[name][1] for name in wrong]
            found.setdefault(total + sum(changes[name][0] for name in wrong), " ".join(parts))
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
        arguments = (two_towers, images, bright, int(rng.integers(2**31)))
        yield Case(f"{about}, on images of 227 x 227", arguments, about)


def _measure_alexnet(function, two_towers, images, bright, phase):
    net = _built(function, two_towers)
    if net is None:
        return None
    found = _measured(net, images, bright, phase)
    if "shape for one image" in found:
        kept = _keep_one_input(net, 9216, 5 * 36 + 2 * 6 + 3)
        found["behind one number of fc6"] = np.array(_reached(net, bright)[0] if kept else 0)
    return found


@_first
def _judge_alexnet(case: Case, answers: dict):
    two_towers, images, *_ = case.arguments
    total = _ALEXNET[two_towers]
    yield _judge_large(answers, len(images), total, _alexnet_counts(two_towers))
    yield _missing(answers, "behind one number of fc6")
    rows = 256 // (1 + two_towers), 384 // (1 + two_towers)
    # of conv5 one filter of 256; where towers are apart, half of conv4's and conv3's
    unused = 255 * (rows[1] * 9 + 1)
    unused += two_towers * ((384 - rows[1]) * (rows[1] * 9 + 1) + rows[1] * (256 * 9 + 1))
    behind = int(_number(answers, "behind one number of fc6"))
    # half of conv2 and conv1, where conv3 reads its own tower only
    never = two_towers and total - unused - behind == 128 * (48 * 25 + 1) + 48 * (3 * 121 + 1)
    if behind not in (0, total - unused):
        said = _SAID["alexnet"]
        why = "never" if never else "mixed" if two_towers else "single"
        yield [said["behind"].format(total - unused, behind) + said[why]]


def _judge_large(answers: dict, images: int, total: int, counts: dict[int, str]) -> list[str]:
    """Shapes, parameters, activations: what AlexNet and VGG are judged by alike."""

    def complaints():
        yield _expect_shape(answers, "shape of the scores", (images, 1000))
        yield _missing(answers, "scores", "same twice")
        if _number(answers, "same twice") == 0:  # before the count, which chance would change, too
            yield [_SAID["network"]["chance"]]
        yield _expect_count(answers, total, counts)
        yield _expect_shape(answers, "shape for one image", (1, 1000))
        yield [] if answers["scores"].any() else [_SAID["network"]["alike"]]

    return next(filter(None, complaints()), [])


# -------------------------------------------------------------------------------------------- VGG

# parameters, and filters (one bias each) of all convolutions together; brightness at which the
# scores are neither vanishing nor beyond what a softmax can take
_VGG = {
    "A": (132_863_336, 2_752, 1e-2),
    "B": (133_047_848, 2_944, 1e-2),
    "C": (133_638_952, 4_224, 1e-2),
    "D": (138_357_544, 4_224, 1e-3),
    "E": (143_667_240, 5_504, 1e-4),
}
_FULL_LAYERS = 123_642_856


def _vgg_counts(config: str) -> dict[int, str]:
    (total, filters, _), said = _VGG[config], _COUNTS["vgg"]
    found = {
        total - _FULL_LAYERS + 512_000 + 1_000: said["one_layer"],
        total - (25_088 - 512) * 4096: said["average"],
        total - filters - 9_192: said["no_biases"],
        total - filters: said["convolutions"],
        total + 2 * filters: said["normed"],
        **{_VGG[one][0]: said["other"].format(one) for one in _VGG if one != config},
    }
    if config == "C":
        found |= {134_949_672: said["c_first"], _VGG["D"][0]: said["c_is_d"]}
    return found


def _vgg_cases(rng: np.random.Generator):
    for config, (_, _, light) in _VGG.items():
        picture = _pictures(rng, 1, 224)
        bright = (light * (1.05 + _pictures(rng, 1, 224))).astype(np.float32)
        arguments = (config, picture, bright, int(rng.integers(2**31)))
        yield Case(f"configuration {config} on images of 224 x 224", arguments, config)


def _measure_vgg(function, config, images, bright, phase):
    net = _built(function, config)
    return None if net is None else _measured(net, images, bright, phase)


def _judge_vgg(case: Case, answers: dict):
    config, images, *_ = case.arguments
    return _judge_large(answers, len(images), _VGG[config][0], _vgg_counts(config))


# ------------------------------------------------------------------------------- a small network


_EPOCHS = 4


def _small_cases(rng: np.random.Generator):
    (images, labels), (unseen, right) = hidden.fashion(rng, 4000, 2000)
    images, unseen = (_moved(rng, part) for part in (images, unseen))
    for most, least in ((4000, 0.68), (2000, 0.64)):
        about = f"a network of at most {most:,} numbers"
        arguments = (most, images, labels, int(rng.integers(1000)), unseen)
        yield Case(about, arguments, about, secret=(right, least))


def _moved(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Each image shifted by up to 5 pixels in both directions, around the edge."""
    steps = rng.integers(-5, 6, (len(images), 2))
    moved = [np.roll(one, step, (-2, -1)) for one, step in zip(images, steps, strict=True)]
    return np.stack(moved)


def _train_small(function, most, images, labels, seed, unseen):
    """The network that was chosen, trained as all are: in batches of 50, with Adam."""
    import torch
    import torch.nn.functional as F

    torch.manual_seed(seed)
    net = _built(function, most)
    if net is None:
        return None
    found = {"numbers": np.array(sum(one.numel() for one in _tensors(net)))}
    x, unseen = (torch.tensor(one).float() / 255 for one in (images, unseen))
    y, learned = torch.tensor(labels), _learned(net)
    found["shape"] = np.array(net(x[:2]).shape)
    if found["numbers"] > most or not learned or tuple(found["shape"]) != (2, 10):
        return found
    optimizer, steps = torch.optim.Adam(learned), _EPOCHS * len(x) // 50
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    net.train()
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(x)).split(50):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return found | {"scores": as_array(net(unseen))}


@_first
def _judge_small(case: Case, answers: dict):
    most, (right, least), said = case.arguments[0], case.secret, _SAID["small_network"]
    yield _expect_shape(answers, "shape", (2, 10))
    numbers = _number(answers, "numbers")
    yield [] if 0 < numbers <= most else [said["large"].format(numbers, most)]
    yield [] if "scores" in answers else [said["frozen"]]
    yield _expect(answers, "scores", (len(right), 10))
    scores = answers["scores"]
    share = _share(scores, right)
    same = np.ptp(scores, axis=0).max() < 1e-3 * max(np.ptp(scores), 1e-9)
    squashed, unused = np.abs(scores).max() <= 1 + 1e-6, numbers < most / 2
    why = "same" if same else "squashed" if squashed else "unused" if unused else "spend"
    if share < least:
        yield [said["share"].format(share, numbers, most, least) + said[why]]


def _share(scores: np.ndarray, right: np.ndarray) -> float:
    return float((scores.argmax(axis=1) == right).mean())


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


def _fit(function, *arguments):
    """What a fit gives: a function that predicts, None where it is not done yet."""
    predict = function(*arguments)
    if predict is None or predict is Ellipsis:
        return None
    if not callable(predict):
        raise TypeError(f"expected a function predict(images), got {type(predict).__name__}.")
    return predict


def _fit_and_ask(function, images, labels, seed, unseen, again):
    predict = _fit(function, images, labels, seed)
    if predict is None:
        return None
    found = {"scores": as_array(predict(unseen))}
    if again:
        found["scores the second time"] = as_array(predict(unseen))
        found["scores of one image"] = as_array(predict(unseen[:1]))
        function(images[:200], (labels[:200] + 1) % 10, seed + 1)
        found["scores after another fit"] = as_array(predict(unseen))
        other = function(images, labels, seed)
        found["scores of another fit with the same seed"] = as_array(other(unseen))
    return found


@_first
def _judge_classifier(case: Case, answers: dict):
    (right, least, most), said = case.secret, _SAID["fit"]
    yield _expect(answers, "scores", (len(right), 10))
    share = _share(answers["scores"], right)
    if share < least:
        yield [said["low"].format(share, least), *([said["chance"]] if share < 0.2 else [])]
    yield [said["shuffled"].format(share, most)] if share > most else []
    if case.arguments[-1]:
        yield _unlike(answers, "scores", "scores the second time", "again")
        yield _unlike(answers, "scores", "scores after another fit", "shared")
        yield _unlike(answers, "scores", "scores of another fit with the same seed", "seed")
        yield _unlike(answers, "scores", "scores of one image", "alone", rows=1)


def _unlike(answers: dict, name: str, other: str, said: str, rows=None) -> list[str]:
    """What is said where two answers differ by more than 1% of their range."""
    first, found = answers[name][:rows], answers.get(other)
    same = found is not None and found.shape == first.shape
    same = same and np.abs(found - first).max() <= 0.01 * np.ptp(answers[name])
    return [] if same else [_SAID["fit"][said]]


# ------------------------------------------------------------------------------------- box_iou


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corners = rng.random((count, 2, 2)) * 20
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _box_cases(rng: np.random.Generator):
    for group, about, a, b in _ASKED["cases"]["box_iou"]:
        yield Case(about, (np.array(a), np.array(b)), group)
    yield Case("five boxes against three", (_boxes(rng, 5), _boxes(rng, 3)), "boxes that lie apart")


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
        (750, "with 750 scenes", {"box": 0.3, "mask": 0.25}),
        (2500, "with 2,500 scenes", {"box": 0.35, "mask": 0.6, "class": 0.25}),
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
    predict = _fit(function, images, labels, boxes, masks, seed)
    if predict is None:
        return None
    said = predict(unseen)
    if not isinstance(said, list | tuple) or len(said) != 3:
        raise TypeError("expected that predict(images) gives three things: scores, boxes, masks.")
    names = ("scores", "boxes", "masks")
    found = {name: as_array(part) for name, part in zip(names, said, strict=True)}
    found["masks"] = found["masks"] > 0  # also logits
    found["boxes of one scene"] = as_array(predict(unseen[:1])[1])
    if len(images) < 1000:
        few = [part[:160] for part in (images, labels, boxes, masks)]
        function(*few, seed + 1)
        found["boxes after another fit"] = as_array(predict(unseen)[1])
    return found


@_first
def _judge_scenes(case: Case, answers: dict):
    (right, least), said = case.secret, _SAID["scenes"]
    count = len(right["labels"])
    yield _expect(answers, "scores", (count, 10))
    yield _expect(answers, "boxes", (count, 4))
    yield _expect(answers, "masks", (count, 64, 64))
    boxes, masks = answers["boxes"], answers["masks"] > 0
    found = {
        "box": _mean_box_iou(boxes, right["boxes"]),
        "mask": _mean_mask_iou(masks, right["masks"]),
        "class": _share(answers["scores"], right["labels"]),
    }
    short = [said[n].format(found[n], least[n]) for n in least if found[n] < least[n]]
    yield short and [*short, *(said[one] for one in _seem(boxes, masks, right, found))]
    one = answers.get("boxes of one scene")
    if one is None or one.shape != (1, 4) or np.abs(one - boxes[:1]).max() > 0.5:
        yield [said["alone"]]
    if len(case.arguments[0]) < 1000:
        yield _unlike(answers, "boxes", "boxes after another fit", "shared")


def _seem(boxes: np.ndarray, masks: np.ndarray, right: dict, found: dict):
    """What boxes and masks seem to be that are far from right."""
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    if 0 <= boxes.max() <= 1.5:
        yield "fractions"
    elif np.ptp(boxes, axis=0).max() < 1:
        yield "constant"
    elif _mean_box_iou(corners, right["boxes"]) > found["box"] + 0.2:
        yield "sizes"
    elif _mean_box_iou(boxes[:, [1, 0, 3, 2]], right["boxes"]) > found["box"] + 0.2:
        yield "turned"
    if not masks.any():
        yield "empty"
    elif masks.all():
        yield "full"
    elif _mean_mask_iou(masks.swapaxes(1, 2), right["masks"]) > found["mask"] + 0.1:
        yield "transposed"
    elif _mean_mask_iou(~masks, right["masks"]) > found["mask"] + 0.1:
        yield "inverted"


def _mean_box_iou(found: np.ndarray, right: np.ndarray) -> float:
    low, high = np.maximum(found[:, :2], right[:, :2]), np.minimum(found[:, 2:], right[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=1)
    areas = [np.maximum(b[:, 2:] - b[:, :2], 0).prod(axis=1) for b in (found, right)]
    return float((both / np.maximum(sum(areas) - both, 1e-9)).mean())


def _mean_mask_iou(found: np.ndarray, right: np.ndarray) -> float:
    both, either = (found & right).sum(axis=(1, 2)), (found | right).sum(axis=(1, 2))
    return float((both / np.maximum(either, 1)).mean())


QUESTIONS, FREE_TEXT = asked(
    __name__,
    lenet=dict(cases=_lenet_cases, collect=_measure_lenet, judge=_judge_lenet),
    alexnet=dict(cases=_alexnet_cases, collect=_measure_alexnet, judge=_judge_alexnet),
    vgg=dict(cases=_vgg_cases, collect=_measure_vgg, judge=_judge_vgg),
    small_network=dict(cases=_small_cases, collect=_train_small, judge=_judge_small),
    fit_classifier=dict(cases=_classifier_cases, collect=_fit_and_ask, judge=_judge_classifier),
    box_iou=dict(cases=_box_cases),
    fit_multi_head=dict(cases=_scene_cases, collect=_fit_and_look, judge=_judge_scenes),
)
