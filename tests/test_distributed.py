"""One training run in two processes: as ``torchrun`` starts them, here with gloo on one CPU."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from cv_course import cli
from cv_course.training import fit

OPTIONS = {"model": "linear", "full": False, "batch_size": 128, "lr": 0.1, "seed": 3}


def torchrun(*arguments) -> subprocess.Popen:
    """Start ``torchrun --nproc-per-node 2 …``; its output is piped."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


TRAIN = ("-m", "cv_course", "train", "--model", "linear", "--seed", 3, "--device", "cpu")


def worker(launcher: subprocess.Popen, rank: int) -> psutil.Process:
    children = psutil.Process(launcher.pid).children(recursive=True)
    return next(child for child in children if child.environ().get("RANK") == str(rank))


def wait_for_epochs(checkpoint, count: int, launcher: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not checkpoint.exists() or len(read(checkpoint)["rows"]) < count:
        assert time.monotonic() < deadline, "training takes too long"
        assert launcher.poll() is None, launcher.communicate()
        time.sleep(0.02)


def read(checkpoint) -> dict:
    return torch.load(checkpoint, weights_only=True)


def alone(checkpoint, epochs: int, resume: bool = False) -> int:
    """The same command in this process."""
    return cli.train(**OPTIONS, epochs=epochs, device="cpu", checkpoint=checkpoint, resume=resume)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_two_processes_give_the_result_of_one_and_only_the_first_speaks(tmp_path, capsys):
    together, single = tmp_path / "two.pt", tmp_path / "one.pt"
    launcher = torchrun(*TRAIN, "--epochs", 3, "--checkpoint", together)
    out, err = launcher.communicate(timeout=180)
    assert launcher.returncode == 0, err
    assert out.count("epochs") == 1
    assert out.startswith("3 epochs · 2 x cpu in float32")
    assert alone(single, epochs=3) == 0
    assert capsys.readouterr().out.startswith("3 epochs · cpu in float32")
    assert sorted(os.listdir(tmp_path)) == ["one.pt", "two.pt"]
    two, one = read(together), read(single)
    assert two["settings"] == one["settings"]
    for name, weight in one["model"].items():
        torch.testing.assert_close(two["model"][name], weight, rtol=1e-3, atol=1e-5)
    for left, right in zip(two["rows"], one["rows"], strict=True):
        assert left["loss"] == pytest.approx(right["loss"], rel=1e-4)
        assert left["train_accuracy"] == pytest.approx(right["train_accuracy"], abs=1e-3)
        assert left["test_accuracy"] == pytest.approx(right["test_accuracy"], abs=2e-3)


def test_after_a_killed_process_the_checkpoint_is_whole_and_one_process_can_go_on(tmp_path, capsys):
    checkpoint = tmp_path / "run.pt"
    launcher = torchrun(*TRAIN, "--epochs", 40, "--checkpoint", checkpoint)
    wait_for_epochs(checkpoint, 2, launcher)
    worker(launcher, rank=1).send_signal(signal.SIGKILL)
    _, err = launcher.communicate(timeout=60)
    assert launcher.returncode != 0
    assert "Signal 9 (SIGKILL)" in err  # torchrun says which process failed, and why
    done = read(checkpoint)["rows"]
    assert 2 <= len(done) < 40
    assert alone(checkpoint, epochs=40, resume=True) == 0
    assert "40 epochs" in capsys.readouterr().out
    assert read(checkpoint)["rows"][: len(done)] == done
    assert read(checkpoint)["rows"][-1]["test_accuracy"] > 0.7


IN_EACH_PROCESS = """
import sys, torch
from torch import distributed as dist, nn
from cv_course.data import as_float, digits
from cv_course.scale import distributed
from cv_course.training import evaluate, fit
train, test = digits().train[:1408], digits().test
with distributed():
    rank = dist.get_rank()
    torch.manual_seed(rank)  # the processes begin with different weights
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
    shares = []
    model.register_forward_pre_hook(lambda model, given: shares.extend(given * model.training))
    options = dict(epochs=1, batch_size=64, device="cpu", progress=False)
    row = fit(model, train, test, checkpoint=sys.argv[1], **options).rows[0]
    accuracy = row["test_accuracy"]
    common = {"row": row | {"seconds": 0}, "right": accuracy == evaluate(model, test)}
    common["again"] = fit(model, train, test, checkpoint=sys.argv[1], resume=True, **options).rows
    common["model"] = {name: value.tolist() for name, value in model.state_dict().items()}
    found, shares = [None, None], shares[1:23]  # the first was before training, to try it out
    dist.all_gather_object(found, (common, [len(share) for share in shares], shares))
    if rank == 0:
        seen = sum(share.sum().double() for process in found for share in process[2])
        print(found[0][0] == found[1][0] and common["right"])
        print({size for process in found for size in process[1]}, len(found[0][1]))
        print(abs(seen - as_float(train.images).double().sum()).item() < 0.01)
"""


def test_processes_share_the_images_and_end_with_one_model(tmp_path):
    # batch normalisation's running means are the first one's
    script = tmp_path / "script.py"
    script.write_text(IN_EACH_PROCESS)
    launcher = torchrun(script, tmp_path / "run.pt")
    out, err = launcher.communicate(timeout=180)
    assert launcher.returncode == 0, err
    # one model, shares of a batch, each image once
    assert out.splitlines() == ["True", "{32} 22", "True"]
    assert sorted(os.listdir(tmp_path)) == ["run.pt", "script.py"]


def test_batch_must_divide_among_the_processes(monkeypatch):
    monkeypatch.setattr("cv_course.training.rank_and_world", lambda: (0, 3))
    with pytest.raises(ValueError, match=r"multiple of the 3 processes.*got 128"):
        fit(torch.nn.Linear(1, 2), None, epochs=1)
