"""One training run in two processes: as ``torchrun`` starts them, here with gloo on one CPU."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from cv_course import cli_train

OPTIONS = {"model": "linear", "full": False, "batch_size": 128, "lr": 0.1, "seed": 3}


def torchrun(*arguments, **options) -> subprocess.Popen:
    """Start ``torchrun --nproc-per-node 2 -m cv_course train …``; its output is piped."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-addr", "127.0.0.1", "--master-port", "0", "-m", "cv_course", "train"]
    command += ["--model", "linear", "--seed", "3", "--device", "cpu", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, **options
    )


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
    return cli_train.train_command(
        **OPTIONS, epochs=epochs, device="cpu", checkpoint=checkpoint, resume=resume
    )


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_two_processes_give_the_result_of_one_and_only_the_first_speaks(tmp_path, capsys):
    together, single = tmp_path / "two.pt", tmp_path / "one.pt"
    launcher = torchrun("--epochs", 3, "--checkpoint", together)
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


def test_killed_process_ends_the_run_with_a_clear_error_and_one_process_can_go_on(tmp_path, capsys):
    checkpoint = tmp_path / "run.pt"
    launcher = torchrun("--epochs", 40, "--checkpoint", checkpoint)
    wait_for_epochs(checkpoint, 2, launcher)
    worker(launcher, rank=1).send_signal(signal.SIGKILL)
    _, err = launcher.communicate(timeout=60)
    assert launcher.returncode != 0
    assert "Training stopped in process 0 of 2" in err
    assert f"{checkpoint} holds the last whole epoch: start the same command with --resume" in err
    assert os.listdir(tmp_path) == ["run.pt"]
    done = read(checkpoint)["rows"]
    assert 2 <= len(done) < 40
    assert alone(checkpoint, epochs=40, resume=True) == 0
    assert "40 epochs" in capsys.readouterr().out
    assert read(checkpoint)["rows"][: len(done)] == done
    assert read(checkpoint)["rows"][-1]["test_accuracy"] > 0.7


def test_first_process_that_cannot_save_ends_all_with_one_sentence(tmp_path):
    checkpoint = tmp_path / "missing" / "run.pt"
    launcher = torchrun("--checkpoint", checkpoint)
    out, err = launcher.communicate(timeout=180)
    assert launcher.returncode != 0
    assert out.count("epochs") == 0
    assert err.count(f"The checkpoint could not be written to {checkpoint}") == 1
    assert "Training stopped in process" not in err
