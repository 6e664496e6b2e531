"""The training loop: what it promises, and what it says when it cannot keep it."""

import copy
import errno
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output
from torch import nn

from cv_course import cli, files, notebooks, plots, training
from cv_course.data import Split, as_float, digits
from cv_course.training import History, TrainingError, evaluate, fit, predict


@pytest.fixture(scope="module")
def numbers():
    return digits()


def network(seed: int = 0, dropout: float = 0.3) -> nn.Module:
    """A convolution, batch normalisation and dropout: all that a resumed run could get wrong."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(8 * 4 * 4, 10),
    )


def linear(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def settings(**other) -> dict:
    return {"epochs": 2, "batch_size": 64, "device": "cpu", "progress": False} | other


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


def without_seconds(history: History) -> list[dict]:
    return [{**row, "seconds": None} for row in history.rows]


# --- what it does --------------------------------------------------------------------------------


def test_learns(numbers):
    model = network()
    history = fit(model, numbers.train, numbers.test, **settings(epochs=4))
    assert history.rows[-1]["loss"] < history.rows[0]["loss"] / 2
    assert history.rows[-1]["test_accuracy"] > 0.9
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4]
    assert history.rows[-1]["test_accuracy"] == evaluate(model, numbers.test)
    assert not model.training


def test_few_images_no_epoch_and_frozen_parameters(numbers):
    model = network()
    model[0].requires_grad_(False)
    assert fit(model, numbers.train, **settings(epochs=0)).rows == []
    assert same(model, network())
    assert len(fit(model, numbers.train[:50], **settings(batch_size=128)).rows) == 2
    assert torch.equal(model[0].weight, network()[0].weight)
    assert not same(model, network())


def test_loss_and_accuracy_of_an_epoch_are_means_over_its_images(numbers):
    # the tiniest learning rate: the model stays what it was, so both can be computed afterwards
    model, part = linear(), numbers.train[:640]
    row = fit(model, part, **settings(epochs=1, lr=1e-12)).rows[0]
    scores = predict(model, part.images)
    assert row["loss"] == pytest.approx(F.cross_entropy(scores, part.labels).item(), rel=1e-5)
    assert row["train_accuracy"] == pytest.approx(evaluate(model, part))


def test_equal_seeds_repeat_a_run_and_others_do_not(numbers):
    one, again, other = network(), network(), network()
    before = torch.get_rng_state()
    first = fit(one, numbers.train, numbers.test, **settings(seed=1))
    assert torch.equal(torch.get_rng_state(), before)  # the caller's
    second = fit(again, numbers.train, numbers.test, **settings(seed=1))
    fit(other, numbers.train, **settings(seed=2**63 - 1))
    assert same(one, again)
    assert without_seconds(first) == without_seconds(second)
    assert not same(one, other)


def test_every_epoch_drops_other_units():
    kept = []
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    model[1].register_forward_hook(lambda layer, _, out: kept.extend([out > 0] * layer.training))
    fit(model, WHITE, **settings(batch_size=20, epochs=2))
    first, second = kept[-2:]
    assert not torch.equal(first, second)


class Stopped(nn.Module):
    """Ctrl-C after so many steps."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def forward(self, images):
        self.steps -= self.training
        if self.steps < 0:
            raise KeyboardInterrupt
        return images


@hypothesis(max_examples=5, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {
            "epochs": st.integers(1, 4),
            "batch_size": st.sampled_from([16, np.int64(25), 64]),
            "lr": st.sampled_from([0.1, np.float32(0.03), np.float64(0.2)]),
            "weight_decay": st.sampled_from([0, np.float32(1e-3)]),
            "seed": st.sampled_from([0, np.uint8(7), 2**62]),
        }
    ),
    st.integers(0, 16),
)
def test_a_run_that_was_stopped_anywhere_goes_on_as_the_whole_one(options, steps):
    part, test = digits().train[:100], digits().test[:50]
    options |= {"device": "cpu", "progress": False}
    stop = network(0).insert(0, Stopped(steps + 1))  # one before training, to try it out
    whole, resumed = network(0).insert(0, nn.Identity()), network(9).insert(0, nn.Identity())
    with tempfile.TemporaryDirectory() as folder:
        keep = options | {"checkpoint": Path(folder) / "run.pt"}
        fit(stop, part, test, **keep)
        torch.manual_seed(123)  # whatever happened in between must not matter
        history = fit(resumed, part, test, resume=True, **keep)
    assert without_seconds(history) == without_seconds(fit(whole, part, test, **options))
    assert same(resumed, whole)


def test_a_path_may_begin_with_the_home_folder(numbers, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for resume in (False, True):
        fit(linear(), numbers.train, **settings(checkpoint="~/run.pt", resume=resume))
    assert os.listdir(tmp_path) == ["run.pt"]
    monkeypatch.setenv("CV_COURSE_DATA", "~/data")
    assert files.data_folder() == tmp_path / "data"
    assert cli.main(["train", "--epochs=0", "--checkpoint=~/by-command.pt", "--device=cpu"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["by-command.pt", "run.pt"]


def by_hand(model, train, epochs, batch_size, lr, weight_decay, seed) -> None:
    """What ``fit`` promises, in plain autograd."""
    weights, steps = list(model.parameters()), len(train) // batch_size
    velocity = [torch.zeros_like(weight) for weight in weights]
    for epoch in range(epochs):
        random = torch.Generator().manual_seed(seed + 1_000_003 * epoch)
        batches = torch.randperm(len(train), generator=random)[: steps * batch_size].split(
            batch_size
        )
        for step, batch in enumerate(batches):
            done = (epoch * steps + step + 0.5) / (epochs * steps)
            rate = lr * (4 * done if done < 0.25 else 1 - 0.98 * (done - 0.25) / 0.75)
            loss = F.cross_entropy(model(train.images[batch] / 255), train.labels[batch])
            gradients = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                for weight, speed, gradient in zip(weights, velocity, gradients, strict=True):
                    gradient += weight_decay * weight
                    speed.mul_(0.9).add_(gradient)
                    weight -= rate * (gradient + 0.9 * speed)


@hypothesis(max_examples=8, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {
            "epochs": st.integers(1, 4),
            "batch_size": st.integers(10, 60),
            "lr": st.floats(0.01, 0.2),
            "weight_decay": st.floats(0, 0.1),
            "seed": st.integers(0, 1000),
        }
    ),
    st.integers(0, 12),
)
def test_fit_is_the_plain_loop_with_momentum_and_a_triangle_of_rates(options, hidden):
    torch.manual_seed(hidden)
    layers = [nn.Linear(64, hidden), nn.Tanh(), nn.Linear(hidden, 10)] if hidden else [linear()[1]]
    ours, part = nn.Sequential(nn.Flatten(), *layers), digits().train[:150]
    plain = copy.deepcopy(ours)
    fit(ours, part, device="cpu", progress=False, **options)
    by_hand(plain, part, **options)
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


# --- precision and devices -----------------------------------------------------------------------


@pytest.mark.parametrize("able", [{"avx512_bf16"}, {"amx_bf16"}, {"avx2"}])
def test_bfloat16_where_the_cpu_gains_by_it_and_channels_last(able, monkeypatch, numbers):
    found = dict.fromkeys(able, True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    model = network()
    seen = []
    model[3].register_forward_pre_hook(lambda layer, given: seen.extend(given * layer.training))
    history = fit(model, numbers.train[:128], **settings(epochs=1))
    kind = torch.float32 if able == {"avx2"} else torch.bfloat16
    assert {one.dtype for one in seen} == {kind}
    assert str(kind).removeprefix("torch.") in str(history)
    assert seen[-1].is_contiguous(memory_format=torch.channels_last)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    without_convolutions = training.precision(linear(), torch.device("cpu"))
    assert without_convolutions == (False, torch.contiguous_format)


@pytest.mark.parametrize(("capability", "gains"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_that_emulates_bfloat16_trains_in_float32(capability, gains, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert training.precision(network(), torch.device("cuda"))[0] is gains


def test_device_is_the_fastest_that_is_present(monkeypatch):
    for cuda, mps, expected in ((1, 1, "cuda:0"), (0, 1, "mps"), (0, 0, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=cuda: bool(found))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda found=mps: bool(found))
        assert training.choose_device() == torch.device(expected)
    assert training.choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="no device 'gpu' here"):
        training.choose_device("gpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_it_learns_and_images_move_there_once(numbers, monkeypatch):
    moved = []
    to = torch.Tensor.to

    def noted(self, *how, **more):
        moved.extend([self.shape] * (len(self) > 1000))
        return to(self, *how, **more)

    monkeypatch.setattr(torch.Tensor, "to", noted)
    history = fit(network(), numbers.train, numbers.test, epochs=4, batch_size=64, progress=False)
    assert history.rows[-1]["test_accuracy"] > 0.9
    assert moved.count(numbers.train.images.shape) == 1


# --- bad input -----------------------------------------------------------------------------------

ONE = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
ZEROS = torch.zeros(20, dtype=torch.int64)


class After(nn.Module):
    """A linear layer, and what a function makes of its scores and of the mode."""

    def __init__(self, change):
        super().__init__()
        self.layer, self.change = linear(), change

    def forward(self, images):
        return self.change(self.layer(images), self.training)


CHANNELS = Split(ONE.repeat(1, 3, 1, 1), ZEROS)
DATA = [
    ({"train": (ONE, ZEROS)}, "train must be a cv_course.data.Split, got tuple"),
    ({"train": digits}, "take a data set's .train"),
    ({"train": Split(ONE[:0], ZEROS[:0])}, "train holds no images"),
    ({"test": Split(ONE[:0], ZEROS[:0])}, "test holds no images"),
    ({"train": CHANNELS}, r"cannot take the images of train, \(3,"),
    ({"test": Split(ONE[..., :7], ZEROS)}, r"cannot take the images of test, \(1, 8, 7\)"),
    ({"train": Split(ONE, ZEROS + 10)}, r"labels of train must lie in 0…9.*found 10…10"),
    ({"test": Split(ONE, ZEROS - 1)}, r"labels of test must lie in 0…9.*found -1…-1"),
    ({"resume": True}, "resume=True needs a checkpoint"),
    ({"lr": 0}, "lr must be a positive number, got 0"),
    ({"weight_decay": -1}, "weight_decay must be a non-negative number, got -1"),
    ({"epochs": -1}, "epochs must be a whole number, 0 or more; got -1"),
    ({"augment": lambda images: images}, r"augment\(images, positions, epoch\) failed: .*3 were"),
    ({"augment": lambda *_: None}, "as many images as it gets, 20, .*got NoneType"),
    ({"augment": lambda x, *_: x[1:]}, r"as many images as it gets, 20, .*\(19, 1, 8, 8\)"),
    ({"augment": lambda x, *_: x.double()}, "uint8 or float32; got torch.float64"),
    ({"augment": lambda x, *_: x[..., 1:]}, r"images of train in training mode, \(1, 8, 7\)"),
]
MODELS = [
    (nn.Conv2d(1, 10, 3), r"returned \(2, 10, 6, 6\). Does it lack an nn.Flatten"),
    (linear().requires_grad_(False), "nothing can learn"),
    (linear().double(), r"weights are torch.float64: try model.float\(\)"),
    (linear().half(), r"weights are torch.float16: try model.float\(\)"),
    (After(lambda y, learns: y[:, 0]), r"\(N, classes\); .* returned \(2,\)"),
    (After(lambda y, learns: {"out": y}), "the model returned dict, not one tensor"),
    (
        After(lambda y, learns: (y, y) if learns else y),
        "the model returned tuple.*aux_logits=False",
    ),
    (After(lambda y, learns: y[:1] if learns else y), r"\(N, classes\); .* returned \(1, 10\)"),
    (After(lambda y, learns: y[:, :0] if learns else y), "labels of train in training mode"),
    (After(lambda y, learns: y.detach()), "no gradient leads from the scores"),
    (After(lambda y, learns: y.round().long()), "no gradient leads from the scores"),
]


@pytest.mark.parametrize(
    ("change", "sentence"), [*DATA, *[({"model": model}, says) for model, says in MODELS]]
)
def test_bad_input_is_explained_before_training(change, sentence):
    options = {"model": linear(), "train": Split(ONE, ZEROS)} | settings() | change
    before = copy.deepcopy(options["model"])
    random = torch.get_rng_state()
    with pytest.raises(ValueError, match=sentence):
        fit(options.pop("model"), options.pop("train"), **options)
    assert torch.equal(torch.get_rng_state(), random)
    assert not options.get("model") or same(options["model"], before)


def test_a_model_of_another_kind_gradients_that_are_off_and_batches_of_one():
    for wrong in (nn.Linear, F.relu, None):
        with pytest.raises(TypeError, match=r"expected a network .* Net\(\) instead of Net"):
            fit(wrong, Split(ONE, ZEROS), **settings())
    for off in (torch.no_grad, torch.inference_mode):
        with off(), pytest.raises(ValueError, match="gradients are switched off around fit"):
            fit(linear(), Split(ONE, ZEROS), **settings())
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10))
    with pytest.raises(ValueError, match="needs a batch_size of 2 or more"):
        fit(model, Split(ONE, ZEROS), **settings(batch_size=1))
    assert model[2].num_batches_tracked == 0
    fit(model, Split(ONE, ZEROS), **settings(epochs=1, batch_size=2))
    assert model[2].num_batches_tracked == 10  # the trial did not count


# --- when it goes wrong --------------------------------------------------------------------------


WHITE = Split(torch.full_like(ONE, 255), ZEROS)


def without_class_0(scores, _):
    """A loss that is infinite while its gradient, and so the weights, stay finite."""
    return scores.index_fill(1, torch.tensor([0]), -torch.inf)


@pytest.mark.parametrize(
    ("model", "train", "lr", "says"),
    [
        (network(), digits().train, 1e20, r".* with lr=1e\+20.* try a third"),
        # a last step that ruins the weights: before it the loss is finite
        (linear(), WHITE, 3.4e38, r"\(mean loss [12]"),
        (After(without_class_0), WHITE, 0.1, r"\(mean loss inf"),
    ],
)
def test_divergence_is_an_error_and_not_kept(model, train, lr, says, tmp_path):
    kept = tmp_path / "run.pt"
    with pytest.raises(TrainingError, match=f"diverged in epoch 1 {says}"):
        fit(model, train, **settings(epochs=1, lr=lr, checkpoint=kept))
    weights = torch.load(kept, weights_only=True)["model"]
    assert all(weight.isfinite().all() for weight in weights.values())


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_ctrl_c_stops_cleanly_and_keeps_model_and_checkpoint(phase, numbers, tmp_path, capsys):
    model, kept = network(), tmp_path / "run.pt"
    steps = 0

    def press(layer, *_):
        nonlocal steps
        steps += layer.training
        if steps == 30:
            signal.raise_signal(signal.SIGINT)

    if phase == "forward":
        model[1].register_forward_hook(press)
    else:
        model[6].register_full_backward_hook(press)
    options = settings(epochs=3, checkpoint=kept, progress=True)
    history = fit(model, numbers.train, numbers.test, **options)
    assert history.interrupted
    assert len(history.rows) == 1  # 22 steps an epoch
    assert "interrupted; the model keeps what it has learned" in capsys.readouterr().out
    assert all(p.isfinite().all() for p in model.parameters())
    assert not same(model, network())
    assert not model.training
    assert not fit(network(9), numbers.train, numbers.test, resume=True, **options).interrupted
    assert os.listdir(tmp_path) == ["run.pt"]


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("trouble", ["Ctrl-C", "full disk"])
def test_trouble_while_writing_leaves_the_earlier_checkpoint(
    trouble, numbers, tmp_path, monkeypatch
):
    kept, written, fsync = tmp_path / "run.pt", [], os.fsync

    def stop(descriptor):
        written.append(fsync(descriptor))
        if len(written) == 3 and trouble == "Ctrl-C":  # the one at the start, epoch 1, epoch 2
            signal.raise_signal(signal.SIGINT)
        if len(written) == 3:
            raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(os, "fsync", stop)
    options = settings(epochs=3, checkpoint=kept)
    if trouble == "Ctrl-C":
        assert fit(linear(), numbers.train, **options).interrupted
    else:
        said = rf"could not be written to {kept}.*File too large.*earlier one is intact"
        with pytest.raises(TrainingError, match=said):
            fit(linear(), numbers.train, **options)
    assert os.listdir(tmp_path) == ["run.pt"]
    assert len(torch.load(kept, weights_only=True)["rows"]) == 1
    assert len(fit(linear(), numbers.train, resume=True, **options).rows) == 3


@pytest.mark.parametrize(
    ("change", "other", "sentence"),
    [
        (lambda kept: os.truncate(kept, 500), {}, r"run.pt is no checkpoint .*Name another"),
        (lambda kept: os.truncate(kept, 0), {}, r"run.pt is no checkpoint .*delete it"),
        (lambda kept: torch.save(linear().state_dict(), kept), {}, "no checkpoint of this model"),
        (None, {"lr": 0.2}, "was written with .*lr.*this call says"),
        (None, {"epochs": 3}, "was written with .*epochs.*this call says"),
        (None, {"seed": 4}, r"was written with {'seed': 0}, this call says {'seed': 4}"),
        (None, {"train": digits().train[:99]}, r"was written with .*'images': 1438"),
        (None, {"model": network()}, "no checkpoint of this model"),
        (None, {"resume": False}, r"exists already. Say resume=True .* or delete it"),
        (None, {"checkpoint": "missing/run.pt"}, "No such file.* a folder that exists"),
        (None, {"checkpoint": "."}, "is a folder; name a file"),
        (None, {"checkpoint": f"{'x' * 300}.pt"}, "could not be written to .*File name too long"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_kept(
    change, other, sentence, numbers, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "run.pt"
    fit(linear(), numbers.train, **settings(checkpoint=kept))
    if change:
        change(kept)
    before, model = kept.read_bytes(), other.get("model", linear())
    given = settings(train=numbers.train, checkpoint="run.pt", resume=True) | other
    weights = copy.deepcopy(model)
    with pytest.raises(TrainingError, match=sentence):
        fit(**given | {"model": model})
    assert same(model, weights)
    assert kept.read_bytes() == before


# --- evaluate, predict, History ------------------------------------------------------------------


def test_predict_and_evaluate_equal_the_plain_loop(numbers):
    model, part = network().train(), numbers.test
    scores = predict(model, part.images, batch_size=100)
    model.eval()
    with torch.no_grad():
        slow = torch.stack([model(as_float(image[None]))[0] for image in part.images])
    torch.testing.assert_close(scores, slow, rtol=1e-4, atol=1e-5)
    right = sum(int(s.argmax()) == int(y) for s, y in zip(slow, part.labels, strict=True))
    assert evaluate(model, part) == right / len(part)
    assert not scores.requires_grad


@pytest.mark.parametrize("mode", [True, False])
def test_predict_restores_the_mode_of_every_part_also_after_an_error(mode, numbers):
    model = network().train(mode)
    model[1].train(not mode)  # batch normalisation that is frozen, say
    evaluate(model, numbers.test)
    with pytest.raises(RuntimeError):
        predict(model, torch.zeros(2, 3, 8, 8))
    assert [one.training for one in model] == [mode, not mode, *[mode] * 5]


def test_evaluate_refuses_what_has_no_share_of_right_answers(numbers):
    for model, part, says in (
        (linear(), numbers.test[:0], "holds no images"),
        (After(lambda y, _: (y, y)), numbers.test, "the model returned tuple"),
        (After(lambda y, _: y[:, 0]), numbers.test, r"returned \(359,\)"),
        (After(lambda y, _: y[:, :3]), numbers.test, "labels of the split must lie in 0…2"),
    ):
        with pytest.raises(ValueError, match=says):
            evaluate(model, part)


ROW = {"epoch": 1, "loss": 0.5, "train_accuracy": 0.75, "test_accuracy": 0.7, "seconds": 1.0}


def test_history_says_in_one_line_what_happened():
    history = History([ROW, {**ROW, "epoch": 2}], device="cpu")
    said = "2 epochs · cpu in float32 · loss 0.500 · train 75.0% · test 70.0%"
    assert str(history) == repr(history) == said
    assert str(History([ROW])).startswith("1 epoch · ")


# --- progress ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file", "terminal", "notebook"])
def test_progress_is_a_line_where_it_is_watched_and_ends_as_the_summary(
    place, numbers, capsys, monkeypatch
):
    clock = iter(range(10_000))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))  # each look at it is a second later
    monkeypatch.setattr(sys.stdout, "isatty", lambda: place == "terminal")
    monkeypatch.setattr(plots, "in_notebook", lambda: place == "notebook")
    fit(linear(), numbers.train, **settings(progress=False))
    assert capsys.readouterr().out == ""
    history = fit(linear(), numbers.train, **settings(progress=True))
    out = capsys.readouterr().out
    line = re.search(r"43/44 .* loss \d\.\d{3}, train \d+\.\d%\]\r", out)
    assert bool(line) == (place != "file")
    cell = new_code_cell(outputs=[new_output("stream", text=out)])
    notebooks.clean(new_notebook(cells=[cell]))
    assert cell.outputs[0].text == f"{history}\n"  # in a notebook that is saved
    assert (out == cell.outputs[0].text) == (place == "file")
