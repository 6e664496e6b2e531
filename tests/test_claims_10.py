"""What section 10 says about learned numbers holds for other seeds too (COURSE.md: E23 to E25)."""

import pytest
import torch
import torch.nn.functional as F
from notebook_code import from_notebook

from cv_course import data
from cv_course.networks.vgg import CONFIGS, VGG, features
from cv_course.training import evaluate, fit

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", range(3))]
NOTEBOOK = "10_vgg"


def shown(*names):
    """Functions as the notebook shows them, with what they use of its other cells."""
    found = from_notebook(NOTEBOOK, *names)
    used = {"F": F, "VGG": VGG, "CONFIGS": CONFIGS, "features": features, "pair": pair()}
    for one in found:
        inner = getattr(one, "__wrapped__", one)  # below torch.no_grad
        getattr(inner, "__globals__", {}).update(used)
    return found


def pair():
    photos = data.photos()
    return torch.stack([photos[name][:, :256:4, :256:4] for name in ("astronaut", "cat")]).float()


@pytest.fixture(scope="module")
def fashion():
    return data.fashion_mnist()


def some(fashion, seed):
    order = torch.randperm(len(fashion.train), generator=torch.Generator().manual_seed(seed))
    return fashion.train[order[:4000]]


def test_a_stack_with_fewer_weights_is_about_as_good(fashion, seed):
    """E25."""
    (block_net,) = shown("block_net")
    found = {}
    for kind in ("one 7 × 7", "three 3 × 3", "three 3 × 3, linear"):
        torch.manual_seed(seed)
        net = block_net(kind)
        fit(net, some(fashion, seed), epochs=3, lr=0.02, seed=seed, progress=False)
        found[kind] = evaluate(net, fashion.test)
    print(f"seed {seed}: {found}")
    assert min(found.values()) > 0.5, found
    assert abs(found["one 7 × 7"] - found["three 3 × 3"]) < 0.09, found


def test_the_deepest_plain_network_is_worst_and_shortcuts_help(fashion, seed):
    plain, Shortcut = shown("plain", "Shortcut")
    images, found = some(fashion, seed), {}
    for name, depth, block in (
        ("4", 4, torch.nn.Sequential),
        ("16", 16, torch.nn.Sequential),
        ("40", 40, torch.nn.Sequential),
        ("40 with shortcuts", 40, Shortcut),
    ):
        torch.manual_seed(seed)
        net = plain(depth, block)
        fit(net, images, epochs=3, seed=seed, progress=False)
        found[name] = evaluate(net, images), evaluate(net, fashion.test)
    print(f"seed {seed}: {found}")
    for column in (0, 1):
        deep = found["40"][column]
        assert found["4"][column] > deep + 0.1, found
        assert max(found["4"][column], found["16"][column]) > deep + 0.1, found
        assert found["40 with shortcuts"][column] > deep + 0.1, found


def test_the_first_weights_decide_whether_the_signal_passes(seed):
    (apart,) = shown("apart")
    torch.manual_seed(seed)
    starts = (
        lambda layer: torch.nn.init.normal_(layer.weight, std=0.1),
        lambda layer: layer.reset_parameters(),
        lambda layer: torch.nn.init.kaiming_normal_(layer.weight),
    )
    lines = [apart(start) for start in starts]
    grown, died, stayed = (line[-1] / line[0] for line in lines)
    print(f"seed {seed}: {grown:.0e} {died:.0e} {stayed:.2f}")
    assert grown > 1e5
    assert died < 1e-3
    assert 0.03 < stayed < 30


def test_offsets_slow_down_and_scaling_speeds_up(fashion, seed):
    """E24: the same steps, four forms of the inputs."""
    x, labels = data.as_float(fashion.train.images).flatten(1), fashion.train.labels
    mean, std = x.mean(), x.std()
    forms = {
        "raw": x,
        "centred": x - mean,
        "standardised": (x - mean) / std,
        "raw + 1": x + 1,
    }
    asked, answers = data.as_float(fashion.test.images).flatten(1), fashion.test.labels
    tests = {
        "raw": asked,
        "centred": asked - mean,
        "standardised": (asked - mean) / std,
        "raw + 1": asked + 1,
    }

    def trained(inputs, rate):
        W, b = torch.zeros(784, 10, requires_grad=True), torch.zeros(10, requires_grad=True)
        order = torch.Generator().manual_seed(seed)
        for _ in range(400):
            batch = torch.randint(len(inputs), (128,), generator=order)
            loss = F.cross_entropy(inputs[batch] @ W + b, labels[batch])
            for p, g in zip((W, b), torch.autograd.grad(loss, (W, b)), strict=True):
                p.data -= rate * g
        return W.detach(), b.detach()

    after, best = {}, {}
    for name, inputs in forms.items():
        W, b = trained(inputs, 0.03)
        after[name] = F.cross_entropy(inputs @ W + b, labels).item()
        shares = []
        for rate in (0.003, 0.01, 0.03, 0.1, 0.3):
            W, b = trained(inputs, rate)
            shares.append(((tests[name] @ W + b).argmax(1) == answers).float().mean().item())
        best[name] = max(shares)
    print(f"seed {seed}: best {best}")
    assert abs(best["raw"] - best["standardised"]) < 0.04 < best["raw"] - best["raw + 1"], best
    print(f"seed {seed}: {after}")
    assert after["standardised"] + 0.1 < after["centred"] < after["raw"], after
    assert after["raw"] < after["raw + 1"] - 0.1, after


def test_features_transfer_where_examples_are_few(fashion, seed):
    """E23."""
    embed, probe = shown("embed", "probe")
    (miniature,) = shown("miniature")
    new_names = ("Sandal", "Dress", "Bag", "Shirt")
    known = fashion.only(*[name for name in fashion.classes if name not in new_names])
    new = fashion.only(*new_names)
    torch.manual_seed(seed)
    trained = miniature()
    fit(trained, known.train, epochs=3, seed=seed, progress=False)
    assert evaluate(trained, known.test) > 0.85
    pool, exam = new.train[seed::3], new.test

    def accuracies(X, asked):
        return {
            layer: [probe(X[layer], pool.labels, asked[layer], exam.labels, n) for n in (1, 20)]
            for layer in X
        }

    def accuracies_of(model):
        model.eval().cpu()
        return accuracies(embed(model, pool.images), embed(model, exam.images))

    ours, random = accuracies_of(trained), [accuracies_of(miniature()) for _ in range(3)]
    untrained = [sum(one["stage 2"][n] for one in random) / 3 for n in (0, 1)]
    rows = ({"pixels": data.as_float(part.images).flatten(1)} for part in (pool, exam))
    pixels = accuracies(*rows)["pixels"]
    found = f"seed {seed}: trained {ours}, random {untrained}, pixels {pixels}"
    print(found)
    assert ours["stage 2"][0] > max(untrained[0], pixels[0]) + 0.02, found
    ends = ours["stage 2"][1], untrained[1], pixels[1]
    assert max(ends) - min(ends) < 0.06, found
    assert ours["scores"][1] < min(ours[f"stage {n}"][1] for n in (1, 2, 3)) - 0.05, found
