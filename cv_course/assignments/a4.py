"""Assignment 4: networks. What is asked, and how an answer is judged by what it does.

A network may be built in many ways, so nothing is read off its layers. It is filled with weights by
a rule that depends on their shapes alone, and then looked at from outside: its scores, which of its
parameters a gradient reaches, and which pixels. What that tells stands in ``a4.toml``.
"""

import functools
import itertools
from collections.abc import Callable

import numpy as np

from cv_course.assignments import hidden
from cv_course.assignments.question import Case, asked, table
from cv_course.drill import as_array

_ASKED = table(__name__)
_SAID, _TOTALS = _ASKED["said"], _ASKED["totals"]


# --- what judges share ---------------------------------------------------------------------------


def _expect(answers: dict, shapes: dict[str, tuple[int, ...]]) -> list[str]:
    """Complaints where an answer is not there or has another shape."""
    found = {name: getattr(answers.get(name), "shape", "nothing") for name in shapes}
    said = _SAID["any"]["shape"]
    return [said.format(n, shapes[n], found[n]) for n in shapes if found[n] != shapes[n]][:1]


def _expect_count(answers: dict, net: str, choice: str) -> list[str]:
    """A complaint about another number of parameters; which mistakes together explain it."""
    totals, rows = _TOTALS[net], _ASKED["counts"][net]
    found, right = int(answers["parameters"]), totals[choice]
    if found == right:
        return []
    said, filters = _SAID["network"], _ASKED["filters"].get(choice, 0)
    counted = said["count"].format(right, found)
    known = [
        (more + each_filter * filters, sentence)
        for more, each_filter, sentence in rows.get(choice, []) + rows.get("all", [])
    ]
    known += [(total - right, said["other"].format(net, one)) for one, total in totals.items()]
    for count in range(1, 5):
        for some in itertools.combinations(known, count):
            if sum(more for more, _ in some) == found - right:
                return [counted, "Look here: " + " ".join(sentence for _, sentence in some)]
    return [counted]


def _unlike(answers: dict, name: str, other: str, said: str, rows=None) -> list[str]:
    """What is said where (the first rows of) two answers differ by more than 1% of their range."""
    first, found = answers[name][:rows], answers.get(other)
    same = found is not None and found.shape == first.shape
    same = same and np.abs(found - first).max() <= 0.01 * np.ptp(answers[name])
    return [] if same else [said]


def _share(scores: np.ndarray, right: np.ndarray) -> float:
    return float((scores.argmax(axis=1) == right).mean())


# --- what is measured of networks ----------------------------------------------------------------


def _made(function, arguments: tuple, kind: type, told: str):
    """What a student's function makes: a network, a function that predicts."""
    made = function(*arguments)
    if not isinstance(made, kind):
        raise TypeError(f"expected {told}, got {type(made).__name__}.")
    return made


def _built(function, *arguments):
    """The student's network in evaluation mode."""
    from torch import nn

    return _made(function, arguments, nn.Module, "a network, an instance of torch.nn.Module").eval()


def _scores(net, images: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        return as_array(net(torch.tensor(images)))


def _learned(net) -> list:
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def _tensors(net) -> list:
    """All tensors of floating-point numbers in a network: parameters, buffers, plain attributes."""
    import torch

    plain = [one for part in net.modules() for one in vars(part).values()]
    held = [*net.parameters(), *net.buffers(), *plain]
    return [one for one in held if isinstance(one, torch.Tensor) and one.is_floating_point()]


def _gradients(net, images: np.ndarray, *kinds: str) -> tuple:
    """Gradients of the scores by the images and by each parameter.

    In the first of these kinds of number that the network's forward allows: in double precision
    nothing but rounding cancels, but a network may cast its images, or hold a part that is single.
    """
    import torch

    for kind in kinds:
        try:
            pixels = torch.tensor(images, dtype=getattr(torch, kind), requires_grad=True)
            parts = [pixels, *_learned(net.to(pixels.dtype))]
            return torch.autograd.grad(
                weighted(net(pixels)), parts, allow_unused=True, materialize_grads=True
            )
        except (RuntimeError, TypeError, ValueError):
            if kind == kinds[-1]:
                raise
        finally:
            net.float()


def logits(scores) -> np.ndarray:
    """(N, K) -> (N, K) of mean 0: what scores and probabilities of the same network share."""
    scores = np.asarray(scores, dtype=float)
    if _probabilities(scores):
        scores = np.log(np.maximum(scores, 1e-30))
    return scores - scores.mean(axis=1, keepdims=True)


def _probabilities(scores: np.ndarray) -> bool:
    return bool((scores >= 0).all()) and np.allclose(scores.sum(axis=1), 1, atol=1e-3)


def weighted(scores):
    """A number made of (N, K) scores (a tensor), of which the gradient is taken.

    Each class has a weight of its own. For probabilities the weights are 0 on average, so that what
    the softmax takes off does not matter. Scores are all counted as positive: where weights are 0
    on average, what is common to all classes cancels, and the last bit, which differs between
    processors, decides whether anything is left of it.
    """
    import torch

    # roots, since sums of whole numbers can cancel where codes of -1 and 1 are compared
    importance = (1 + torch.arange(scores.shape[1], dtype=torch.float64) % 16).sqrt()
    if _probabilities(as_array(scores)):
        scores, importance = scores.clamp(min=1e-30).log(), importance - importance.mean()
    return (scores * importance.to(scores)).sum()


def _rows(parameter):
    """A parameter with a row for each output; fully connected weights may lie the other way."""
    turned = parameter.ndim == 2 and parameter.shape[0] > parameter.shape[1]
    return parameter.T if turned else parameter


def _keep_one_input(net, inputs: int, one: int) -> bool:
    """Set all weights but one of each unit to 0 in the layer with so many inputs of its own."""
    import torch

    layers = [weight for weight in map(_rows, _learned(net)) if weight.ndim in (2, 4)]
    layers = [weight for weight in layers if weight[0].numel() == inputs]
    with torch.no_grad():
        for weight in layers:
            weight.mul_(torch.arange(inputs).view(weight.shape[1:]) == one)
    return bool(layers)


# --- lenet ---------------------------------------------------------------------------------------


def _lenet_cases(rng: np.random.Generator):
    for variant, known in _ASKED["lenets"].items():
        side = known["side"]
        images = (0.5 + 0.5 * rng.random((24, 1, side, side))).astype(np.float32)
        about = f'the network "{variant}" on images of {side} x {side}'
        yield Case(about, (variant, images, int(rng.integers(2**31))), variant)


def _measure_lenet(function, variant, images, seed):
    net, other = (_built(function, variant) for _ in range(2))
    known = _ASKED["lenets"][variant]
    _shake(net, seed)
    _fill(net, seed)
    found = {"scores": _scores(net, images)}
    if found["scores"].shape != (len(images), 10):
        return found
    found["five alone"], found["scores of one image"] = (_scores(net, images[:n]) for n in (5, 1))
    _fill(other, seed + 1, signed=True)
    found["five afterwards"] = _scores(net, images[:5])
    _fill(net, seed)
    sizes = [one.abs() for one in _gradients(net, images, "float64", "float32")[1:]]
    # what is rounding only is below 1e-16 of the largest; in right networks, behind a softmax,
    # the smallest is 3e-10 of it
    least = 1e-13 * max((float(one.max()) for one in sizes if one.numel()), default=0.0)
    found["parameters"] = np.array(sum(int((one > least).sum()) for one in sizes))
    found |= _sight(net, images, known)
    if variant == "1998":
        found["maps that meet"] = _meet(net, images[:2], seed, known)
    _fill(net, seed, signed=True)
    steps = np.linspace(0.25, 3, 12, dtype=np.float32)[:, None, None, None]
    found["brighter and brighter"] = logits(_scores(net, images[:1] * steps))
    return found


def _shake(net, seed: int) -> None:
    """Change what is fixed in a network by a tenth; what is 0 (a mask) stays 0.

    Where the ten fixed codes of LeNet-5 agree in a number, it is the same for all classes; a
    softmax takes it off, and no gradient would reach the weights before it but by rounding.
    """
    import torch

    rng = np.random.default_rng([seed, 1])
    with torch.no_grad():
        for one in _tensors(net):
            if not one.requires_grad:
                one.mul_(torch.from_numpy(0.9 + 0.2 * rng.random(tuple(one.shape))).to(one))


def _fill(net, seed: int, signed: bool = False) -> None:
    """Small weights, and biases and coefficients near a half: nothing is cut off or saturates.

    A sixteenth of one over the number of inputs, since a kernel may be stored map by map.
    """
    import torch

    with torch.no_grad():
        for parameter in _learned(net):
            shape = tuple(parameter.shape)
            rng = np.random.default_rng([seed, *shape])
            inputs = max(shape) if parameter.ndim == 2 else max(np.prod(shape[1:]), 1)
            unit_biases = shape[-2:] in ((8, 8), (4, 4)) or parameter.numel() in (64, 768, 16, 192)
            size = 1 / inputs / 16
            if parameter.ndim < 2 or unit_biases:
                size = 0.5
            elif signed:
                size = rng.normal(size=shape) * 2 / inputs**0.5
            parameter.copy_(torch.as_tensor(size * (0.75 + 0.5 * rng.random(shape))))


def _sight(net, images: np.ndarray, known: dict) -> dict[str, np.ndarray]:
    """Which pixels one input of the first fully connected layer depends on."""
    kept = _keep_one_input(net, known["inputs"], known["one"])
    sizes = as_array(_gradients(net, images, "float64", "float32")[0].abs())
    # a convolution by Fourier transforms leaves rounding around its field
    seen = (sizes > 1e-6 * sizes.max(axis=(1, 2, 3), keepdims=True)).any(axis=1)
    if not kept or not seen.any():
        return {"field": np.zeros(4), "share": np.array(float(not kept))}
    rows, columns = (np.flatnonzero(seen.any(axis=(0, axis))) for axis in (2, 1))
    top, left, bottom, right = box = np.array([rows[0], columns[0], rows[-1], columns[-1]])
    share = seen[0, top : bottom + 1, left : right + 1].mean()
    return {"field": box, "share": np.array(share)}


def _meet(net, images: np.ndarray, seed: int, known: dict) -> np.ndarray:
    """(16, maps of S2): which maps each of the 16 maps behind C3 is made of.

    Of each map in turn C5 reads one number alone. What stands before C3 (a kernel of C1, a
    coefficient) then gets a gradient from those maps of C3 that look at it: its parameters share a
    pattern over the 16 maps. Parameters of C3 itself belong to one map, those behind it to all.
    """
    import torch

    seen = []
    for number in range(16):
        _fill(net, seed)
        if not _keep_one_input(net, known["inputs"], number * 25 + 12):
            return np.zeros((16, 0))
        found = _gradients(net, images, "float64", "float32")[1:]
        seen.append(torch.cat([one.abs().flatten() for one in found]))
    sizes = torch.stack(seen)  # map by parameter
    patterns = as_array(sizes > 1e-6 * sizes.amax(0)).T
    shared = patterns[(patterns.sum(1) > 1) & ~patterns.all(1)]
    return np.array(list(dict.fromkeys(map(tuple, shared.tolist()))), float).reshape(-1, 16).T


def _expect_table(maps: np.ndarray) -> list[str]:
    """Whether the maps of C3 look at those of S2 as in Table I, in whatever order either stands."""
    said, right = _SAID["lenet"], _ASKED["lenets"]["1998"]["table"]
    if maps.shape == (16, 0):
        return []  # C5 is built in a way that hides it
    if maps.shape != (16, 6):
        return [said["table"]]
    for order in itertools.permutations("012345"):
        found = ["".join(sorted(itertools.compress(order, row))) for row in maps]
        if sorted(found) == sorted(right):
            return []
    found = ["".join(itertools.compress("012345", row)) for row in maps]
    first = next(n for n in range(16) if found[n] != right[n])
    return [said["table"], said["pair"].format(first, found[first], right[first])]


def _judge_lenet(case: Case, answers: dict):
    (variant, images, _), said, known = case.arguments, _SAID["lenet"], _ASKED["lenets"]
    shapes = {"scores": (len(images), 10), "scores of one image": (1, 10), "parameters": ()}
    yield _expect(answers, shapes | {"field": (4,), "share": (), "brighter and brighter": (12, 10)})
    yield _unlike(answers, "scores", "five alone", said["batch"], rows=5)
    yield _expect_count(answers, "lenet", variant)
    yield _unlike(answers, "scores", "five afterwards", said["shared"], rows=5)
    top, left, bottom, right = box = tuple(answers["field"].astype(int).tolist())
    start, end = known[variant]["field"]
    if any(box) and box != (start, start, end, end):
        yield [said["field"].format(start, end, (top, bottom), (left, right))]
    if variant == "1998":
        yield [said["maximum"]] if answers["share"] < 0.99 else []
        yield _expect_table(answers.get("maps that meet", np.zeros(0)))
    # without activations, scores along a ray of images lie on a straight line
    along = answers["brighter and brighter"]
    if np.abs(np.diff(along, 2, axis=0)).max() <= 1e-3 * np.ptp(along, axis=0).max():
        yield [said["straight"]]


# --- alexnet and vgg -----------------------------------------------------------------------------


def _pictures(rng: np.random.Generator, count: int, side: int) -> np.ndarray:
    """(count, 3, side, side) from -1 to 1, coarse blobs and fine noise."""
    coarse = rng.normal(size=(count, 3, 8, 8)).repeat(-(-side // 8), 2).repeat(-(-side // 8), 3)
    fine = rng.normal(size=(count, 3, side, side))
    return np.tanh(coarse[:, :, :side, :side] + 0.5 * fine).astype(np.float32)


def _large_cases(rng: np.random.Generator, net: str, side: int, count: int):
    for choice, group, light in _ASKED["cases"][net]:
        images, bright = _pictures(rng, count, side), light * (1.05 + _pictures(rng, 1, side))
        arguments = choice, images, bright.astype(np.float32), int(rng.integers(2**31))
        yield Case(f"{group}, on images of {side} x {side}", arguments, group)


_alexnet_cases = functools.partial(_large_cases, net="alexnet", side=227, count=2)
_vgg_cases = functools.partial(_large_cases, net="vgg", side=224, count=1)


def _measure_large(function, choice, images, bright, phase):
    """What an AlexNet or VGG does: scores, and parameters that matter.

    No gradient by the pixels is compared: where two values of a pooling are all but equal, the last
    bit decides which of them it reaches, and that differs between processors. Scores do not jump.
    """
    net = _built(function, choice)
    _lay(net, phase, signed=True)
    scores, again = (_scores(net, images) for _ in range(2))
    if scores.shape != (len(images), 1000):
        return {"scores": scores}
    centred = logits(scores)
    found = {"scores": centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-30)}
    found["same twice"] = np.allclose(scores, again, atol=1e-3 * np.ptp(scores))
    _lay(net, phase, signed=False)
    found["scores of one image"] = _scores(net, bright)
    found["parameters"] = _reached(net, bright)
    if _keep_one_input(net, 9216, 5 * 36 + 2 * 6 + 3):
        found["behind one number of fc6"] = _reached(net, bright)
    return found


def _reached(net, images: np.ndarray) -> int:
    """How many parameters a gradient of the scores reaches in a large network.

    Where single precision lets all that reaches a parameter cancel, which the last bit and so the
    processor decides, the images turned round tell; they are asked only if some are not reached.
    """
    missed = [one == one for one in _learned(net)]
    for turned in (images, np.ascontiguousarray(images[:, ::-1, ::-1, ::-1])):
        found = _gradients(net, turned, "float32")[1:]
        missed = [before & (one == 0) for before, one in zip(missed, found, strict=True)]
        count = sum(int((~one).sum()) for one in missed)
        if count == sum(one.numel() for one in missed):
            break
    return count


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


def _lay(net, phase: int, signed: bool) -> None:
    """Fill an AlexNet or VGG: weights from ``drawn``, everything with a single axis 0."""
    import torch

    with torch.no_grad():
        for name, parameter in net.named_parameters():
            weight = _rows(parameter)
            if weight.ndim < 2:  # a factor of a normalisation is 1: 0 would hide all before it
                weight.fill_(float(name.endswith("weight")))
                continue
            flat = weight.ndim == 2
            side = _PLACES.get(weight.shape[1], 1)
            kernel = (side, side) if flat else weight.shape[-2:]
            rows = torch.from_numpy(drawn(phase, *kernel, signed))
            channels = weight.shape[1] // (side * side if flat else 1)
            rows = rows.repeat(1, -(-channels // 16), 1, 1)[:, :channels]
            rows = rows.flatten(1) if flat else rows
            for part in weight.split(16):
                part.copy_(rows[: len(part)])


def _judge_large(case: Case, answers: dict):
    choice, images, *_ = case.arguments
    net = "alexnet" if isinstance(choice, bool) else "vgg"
    shapes = {"scores": (len(images), 1000), "scores of one image": (1, 1000)}
    yield _expect(answers, shapes | {"same twice": (), "parameters": ()})
    if not answers["same twice"]:  # before the count, which chance would change, too
        yield [_SAID["network"]["chance"]]
    yield _expect_count(answers, net, str(choice))
    if net == "alexnet" and "behind one number of fc6" in answers:  # else it is built otherwise
        yield _expect(answers, {"behind one number of fc6": ()})
        behind, known = int(answers["behind one number of fc6"]), _ASKED["behind"]
        right, said = known[str(choice)], _SAID["alexnet"]
        why = "never" if behind == known["never"] else "mixed" if choice else "single"
        yield [] if behind == right else [said["behind"].format(right, behind) + said[why]]


# --- small_network -------------------------------------------------------------------------------

_EPOCHS = 4


def _small_cases(rng: np.random.Generator):
    (images, labels), (unseen, right) = hidden.fashion(rng, 4000, 2000)
    images, unseen = (_moved(rng, part) for part in (images, unseen))
    for most, least in _ASKED["cases"]["small_network"]:
        about = f"a network of at most {most:,} numbers"
        arguments = most, images, labels, int(rng.integers(1000)), unseen
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
    x, unseen = (torch.tensor(one).float() / 255 for one in (images, unseen))
    y, learned = torch.tensor(labels), _learned(net)
    found = {"numbers": np.array(sum(one.numel() for one in _tensors(net)))}
    found["scores of two images"] = as_array(net(x[:2]))
    if found["numbers"] > most or not learned or found["scores of two images"].shape != (2, 10):
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
    return found | {"scores": _scores(net.eval(), as_array(unseen))}


def _judge_small(case: Case, answers: dict):
    most, (right, least), said = case.arguments[0], case.secret, _SAID["small_network"]
    yield _expect(answers, {"scores of two images": (2, 10), "numbers": ()})
    numbers = int(answers["numbers"])
    yield [] if 0 < numbers <= most else [said["large"].format(numbers, most)]
    yield [] if "scores" in answers else [said["frozen"]]
    yield _expect(answers, {"scores": (len(right), 10)})
    scores = answers["scores"]
    share = _share(scores, right)
    same = np.ptp(scores, axis=0).max() < 1e-3 * max(np.ptp(scores), 1e-9)
    squashed, unused = np.abs(scores).max() <= 1 + 1e-6, numbers < most / 2
    why = "same" if same else "squashed" if squashed else "unused" if unused else "spend"
    if share < least:
        yield [said["share"].format(share, numbers, most, least) + said[why]]


# --- fit_classifier ------------------------------------------------------------------------------


def _classifier_cases(rng: np.random.Generator):
    (images, labels), (unseen, right) = hidden.fashion(rng, 8000, 2000)
    for about, group, count, tried, least, most in _ASKED["cases"]["fit_classifier"]:
        given = rng.permutation(labels[:count]) if "shuffled" in about else labels[:count]
        arguments = images[:count], given, int(rng.integers(1000)), unseen[:tried]
        secret = right[:tried], least, most
        yield Case(about, (*arguments, group == "repeatable"), group, secret)


def _fit_and_ask(function, images, labels, seed, unseen, again):
    predict = _made(function, (images, labels, seed), Callable, "a function predict(images)")
    found = {"scores": as_array(predict(unseen))}
    if again:
        found["scores the second time"] = as_array(predict(unseen))
        found["scores of one image"] = as_array(predict(unseen[:1]))
        function(images[:200], (labels[:200] + 1) % 10, seed + 1)
        found["scores after another fit"] = as_array(predict(unseen))
        other = function(images, labels, seed)
        found["scores of another fit with the same seed"] = as_array(other(unseen))
    return found


def _judge_classifier(case: Case, answers: dict):
    (right, least, most), said = case.secret, _SAID["fit"]
    yield _expect(answers, {"scores": (len(right), 10)})
    share = _share(answers["scores"], right)
    if share < least:
        yield [said["low"].format(share, least), *([said["chance"]] if share < 0.2 else [])]
    yield [said["shuffled"].format(share, most)] if share > most else []
    if case.arguments[-1]:
        yield _unlike(answers, "scores", "scores the second time", said["again"])
        yield _unlike(answers, "scores", "scores after another fit", said["shared"])
        yield _unlike(answers, "scores", "scores of another fit with the same seed", said["seed"])
        yield _unlike(answers, "scores", "scores of one image", said["alone"], rows=1)


# --- generalised_iou -----------------------------------------------------------------------------


def _box_cases(rng: np.random.Generator):
    for group, about, *boxes in _ASKED["cases"]["generalised_iou"]:
        a, b = (np.array(one) for one in boxes)
        if a.dtype.kind == "i":  # in which areas of more than 2^31 overflow
            a, b = a.astype(np.int32), b.astype(np.int32)
        yield Case(about, (a, b), group)
    for about in ("five boxes against three", "others than in the call before (remember nothing)"):
        corners = (np.sort(rng.random((count, 2, 2)) * 20, axis=1) for count in (5, 3))
        yield Case(about, tuple(one.reshape(-1, 4) for one in corners), "boxes that lie apart")


# --- fit_multi_head ------------------------------------------------------------------------------

_PARTS = ("images", "labels", "boxes", "masks")


def _scenes(rng: np.random.Generator, items, count: int) -> dict[str, np.ndarray]:
    import torch

    from cv_course.data import Split
    from cv_course.scenes import scenes

    items, seed = Split(*map(torch.from_numpy, items)), int(rng.integers(2**31))
    found = scenes(items, count, sizes=(28, 28), seed=seed)
    return {name: as_array(getattr(found, name)) for name in _PARTS}


def _scene_cases(rng: np.random.Generator):
    learnt, asked = hidden.fashion(rng, 2500, 600)
    many, few = _scenes(rng, learnt, 2500), _scenes(rng, asked, 600)
    for count, least in _ASKED["cases"]["fit_multi_head"]:
        arguments = (*(many[name][:count] for name in _PARTS), int(rng.integers(1000)))
        about, group = f"it learns from {count:,} scenes", f"with {count:,} scenes"
        yield Case(about, (*arguments, few["images"]), group, secret=(few, least))


def _fit_and_look(function, images, labels, boxes, masks, seed, unseen):
    given = images, labels, boxes, masks
    predict = _made(function, (*given, seed), Callable, "a function predict(images)")
    said = predict(unseen)
    if not isinstance(said, list | tuple) or len(said) != 3:
        raise TypeError("expected that predict(images) gives three things: scores, boxes, masks.")
    names = ("scores", "boxes", "masks")
    found = {name: as_array(part) for name, part in zip(names, said, strict=True)}
    found["masks"] = found["masks"] > 0  # also logits
    found["boxes of one scene"] = as_array(predict(unseen[:1])[1])
    if len(images) < 1000:
        function(*(part[:160] for part in given), seed + 1)
        found["boxes after another fit"] = as_array(predict(unseen)[1])
    return found


def _judge_scenes(case: Case, answers: dict):
    (right, least), said = case.secret, _SAID["scenes"]
    n = len(right["labels"])
    yield _expect(answers, {"scores": (n, 10), "boxes": (n, 4), "masks": (n, 64, 64)})
    boxes, masks = answers["boxes"], answers["masks"] > 0
    found = {
        "box": _box_overlap(boxes, right["boxes"]),
        "mask": _mask_overlap(masks, right["masks"]),
        "class": _share(answers["scores"], right["labels"]),
    }
    short = [said[one].format(found[one], least[one]) for one in least if found[one] < least[one]]
    yield short and [*short, *(said[one] for one in _seem(boxes, masks, right, found))]
    yield _unlike(answers, "boxes", "boxes of one scene", said["alone"], rows=1)
    if len(case.arguments[0]) < 1000:
        yield _unlike(answers, "boxes", "boxes after another fit", _SAID["fit"]["shared"])


def _seem(boxes: np.ndarray, masks: np.ndarray, right: dict, found: dict):
    """What boxes and masks seem to be that are far from right."""

    def nearer(boxes):
        return _box_overlap(boxes, right["boxes"]) > found["box"] + 0.2

    def truer(masks):
        return _mask_overlap(masks, right["masks"]) > found["mask"] + 0.1

    of_boxes = {
        "fractions": 0 <= boxes.max() <= 1.5,
        "constant": np.ptp(boxes, axis=0).max() < 1,
        "sizes": nearer(np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])),
        "turned": nearer(boxes[:, [1, 0, 3, 2]]),
    }
    of_masks = {
        "empty": not masks.any(),
        "full": masks.all(),
        "transposed": truer(masks.swapaxes(1, 2)),
        "inverted": truer(~masks),
    }
    for seems in (of_boxes, of_masks):
        yield from [name for name in seems if seems[name]][:1]


def _box_overlap(found: np.ndarray, right: np.ndarray) -> float:
    """The mean intersection over union of each box with the right one."""
    low, high = np.maximum(found[:, :2], right[:, :2]), np.minimum(found[:, 2:], right[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=1)
    areas = [np.maximum(b[:, 2:] - b[:, :2], 0).prod(axis=1) for b in (found, right)]
    return float((both / np.maximum(sum(areas) - both, 1e-9)).mean())


def _mask_overlap(found: np.ndarray, right: np.ndarray) -> float:
    both, either = (found & right).sum(axis=(1, 2)), (found | right).sum(axis=(1, 2))
    return float((both / np.maximum(either, 1)).mean())


ASKED = asked(
    __name__,
    lenet=dict(cases=_lenet_cases, collect=_measure_lenet, judge=_judge_lenet),
    alexnet=dict(cases=_alexnet_cases, collect=_measure_large, judge=_judge_large),
    vgg=dict(cases=_vgg_cases, collect=_measure_large, judge=_judge_large),
    small_network=dict(cases=_small_cases, collect=_train_small, judge=_judge_small),
    fit_classifier=dict(cases=_classifier_cases, collect=_fit_and_ask, judge=_judge_classifier),
    generalised_iou=dict(cases=_box_cases),
    fit_multi_head=dict(cases=_scene_cases, collect=_fit_and_look, judge=_judge_scenes),
)
