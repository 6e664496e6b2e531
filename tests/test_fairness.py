"""Honest students lose no point to how they work or to what a tool did to their notebook."""

import json
import re

import numpy as np
import pytest
from made_up import (
    ASSIGNMENT,
    FULL,
    IMPORTS,
    QUESTIONS,
    RIGHT,
    ROW_SUMS,
    SCALER,
    WINDOW_SUMS,
    cell,
    grade,
    no_sandbox,
    notebook,
    statuses,
    told,
)

from cv_course.assignments.question import Case, Question

pytestmark = no_sandbox
STUB = "def row_sums(x):\n    raise NotImplementedError"


def saved(cells, **more) -> bytes:
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, **more}).encode()


COLAB = saved(
    [
        cell("<a href='https://colab.research.google.com'></a>", "markdown", id="view-in-github"),
        cell('#@title Set-up { display-mode: "form" }\n!pip install -q cv-course\n%cd /content'),
        cell("from google.colab import drive, files\ndrive.mount('x')\nimport numpy as np"),
        cell("import sys\nif 'google.colab' in sys.modules:\n    up = files.upload()"),
        *(cell(source, metadata={"id": "x", "outputId": "y", "colab": {}}) for source in RIGHT),
        cell("from google.colab.patches import cv2_imshow\ncv2_imshow(np.zeros((2, 2)))"),
    ],
    metadata={"colab": {"provenance": []}, "accelerator": "GPU", "kernelspec": {"name": "python3"}},
)
VERSION_3 = json.dumps(
    {
        "metadata": {"name": ""},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 1, "source": ["A1"]},
                    *(
                        {
                            "cell_type": "code",
                            "input": source.splitlines(True),
                            "language": "python",
                        }
                        for source in RIGHT
                    ),
                ]
            }
        ],
    }
).encode()
NBGRADER = saved(
    [
        *(
            cell(source, metadata={"nbgrader": {"grade": True, "grade_id": "same", "points": 1}})
            for source in RIGHT + RIGHT
        )
    ]
)
USUAL = [cell(source) for source in RIGHT]

FILES = {
    "plain": notebook(*RIGHT),
    "from Colab": COLAB,
    "format 3": VERSION_3,
    "nbgrader's metadata twice": NBGRADER,
    "no metadata at all": json.dumps(
        {"cells": [{"cell_type": "code", "source": one} for one in RIGHT]}
    ).encode(),
    "metadata of the wrong kind": saved(
        [cell(one, metadata=[1, 2], outputs="none") for one in RIGHT], metadata=None
    ),
    "another kernel": saved(USUAL, metadata={"kernelspec": {"name": "ir", "language": "R"}}),
    "sources as lists of lines": saved([cell(one.splitlines(True)) for one in RIGHT]),
    "Windows line ends": saved([cell(one.replace("\n", "\r\n")) for one in RIGHT]),
    "byte order mark": b"\xef\xbb\xbf" + notebook(*RIGHT),
    "UTF-16": notebook(*RIGHT).decode().encode("utf-16"),
    "a byte that is no UTF-8": saved([cell("# caf\u00e9"), *USUAL]).replace(b"\\u00e9", b"\xe9"),
    "NaN and huge numbers": saved([cell("1", execution_count=float("nan")), *USUAL]).replace(
        b'"nbformat": 4', b'"nbformat": ' + b"4" * 9000
    ),
    "a key twice": saved(USUAL).replace(b'"nbformat": 4', b'"nbformat": 3, "nbformat": 4'),
    "cells of an unknown kind": saved([cell("?", "widget"), {}, cell(None), *USUAL]),
    "large outputs": saved(
        [cell(one, outputs=[{"output_type": "stream", "text": "x" * 10**6}]) for one in RIGHT]
    ),
}

CELLS = {
    "warnings on stderr": [
        "import sys, warnings\nwarnings.warn('careful')",
        "sys.stderr.write('!')",
    ],
    "warnings as errors elsewhere": ["import warnings\nwarnings.simplefilter('always')"],
    "prints": ["for number in range(100_000): print(number)"],
    "a plot": [
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "fig, ax = plt.subplots(); ax.set_title('합성곱'); fig",
    ],
    "Korean": ["# 안녕하세요\n이름 = '합성곱 신경망'\nprint(이름)", "π = 3.14"],
    "installs and shell commands": [
        "!pip install torch\n%pip install numpy\nfiles = !ls",
        "%%bash\nexit 1",
        "%%html\n<b>hello</b>",
        "%load_ext autoreload\n%autoreload 2\n%unheard_of magic\n%conda install x",
        "%%unheard_of\nmore of it",
    ],
    "time": ["%time x = 1\n%timeit -n 1 2 + 2", "%%time\ny = 2", "assert x + y == 3"],
    "checks and hints": [
        "from cv_course.assignments import check, hint\ncheck(np.sum)\nhint('row_sums')",
        "from cv_course.assignments.preview import preview\npreview()",
    ],
    "an error in between": ["1 / 0", "this is no Python", "raise SystemExit"],
    "input": ["name = input('name? ')"],
    "await": ["import asyncio\nawait asyncio.sleep(0)"],
    "help": ["?np.sum", "np.sum?"],
    "display": [
        "display(np.zeros(3))",
        "from IPython.display import Image, HTML\nHTML('<b>x</b>')",
    ],
    "widgets": ["import ipywidgets as widgets\nwidgets.interact(lambda x: x, x=(0, 3));"],
    "a file of its own": [
        "%%writefile helper.py\nfive = 5",
        "import helper\nassert helper.five == 5",
    ],
    "torch": ["import torch\ntorch.manual_seed(0)\ntorch.set_num_threads(4)"],
    "processes": [
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'pass'], check=True)"
    ],
    "an alarm": ["import signal\nsignal.alarm(1)"],
    "a random seed": ["import random\nrandom.seed(0); np.random.seed(0)"],
    "a copied stub": [STUB],
    "an older wrong version": [],
}


@pytest.mark.parametrize("name", FILES)
def test_how_the_file_was_saved_costs_nothing(name):
    result = grade(content=FILES[name])
    assert result["score"] == FULL, told(result)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_other_cells_cost_nothing(name, place):
    extra = CELLS[name]
    sources = [IMPORTS, *extra, *RIGHT] if place == "before" else [*RIGHT, *extra]
    result = grade(*sources)
    assert result["score"] == FULL, told(result)
    if name != "an error in between":
        assert result["notes"] == []


def test_order_copies_and_deletions_cost_nothing():
    needs = "HALF = np.array(0.5)\ndef scaler(factor):\n    return lambda x: 2 * HALF * x * factor"
    assert grade(*reversed([*RIGHT[:3], needs]))["score"] == FULL
    assert grade(*RIGHT, *RIGHT)["score"] == FULL
    deleted = grade(IMPORTS, ROW_SUMS, SCALER)
    assert statuses(deleted) == {
        "row_sums": "correct",
        "window_sums": "missing",
        "scaler": "correct",
    }
    assert deleted["score"] == 7


def test_the_last_version_counts_and_running_a_cell_again_takes_nothing_back():
    wrong = "def row_sums(x):\n    return x.mean(axis=1)"
    assert grade(*RIGHT, wrong)["score"] == FULL - 4
    assert grade(IMPORTS, wrong, *RIGHT)["score"] == FULL
    assert grade(IMPORTS, f"{wrong}\nlater", *RIGHT, "later = 1")["score"] == FULL


def test_answers_of_every_kind_count():
    kinds = """
import torch
def row_sums(x):
    return torch.tensor(x, requires_grad=True).sum(1)
def window_sums(x, width):
    return list(np.convolve(x, np.ones(width), "valid"))
class scaler(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(float(factor)))
    def forward(self, x):
        return self.factor * torch.as_tensor(x)
"""
    result = grade(IMPORTS, kinds)
    assert result["score"] == FULL, told(result)
    assert "A list came back" in told(result)


def test_partial_credit_goes_by_groups_and_the_mistake_is_named():
    mean = "def row_sums(x):\n    return x.sum(axis=1) if len(x) == 2 else x.mean(axis=1)"
    result = grade(*RIGHT, mean)["questions"][0]
    assert (result["score"], result["status"]) == (2, "partial")
    assert "Tried: many rows." in result["messages"]
    assert "Look here: these are means." in result["messages"]


def test_an_error_is_told_with_the_students_line():
    result = grade(*RIGHT, "def row_sums(x):\n    return x @ np.ones(7)")["questions"][0]
    assert (result["score"], result["status"]) == (0, "error")
    assert "in line 2: return x @ np.ones(7)" in result["messages"]


def test_equal_seeds_give_equal_results_and_the_state_of_one_call_is_not_the_next_ones():
    once = "calls = []\ndef row_sums(x):\n    calls.append(1)\n    return x.sum(1) * len(calls)"
    results = [grade(IMPORTS, once, seed=3) for _ in range(2)]
    assert results[0] == results[1]
    assert statuses(results[0])["row_sums"] == "partial"


def test_a_changed_input_is_wrong():
    change = "def row_sums(x):\n    x += 0.0\n    x[0] += 1\n    x[0, 0] += 1\n    return x.sum(1)"
    assert statuses(grade(*RIGHT, change))["row_sums"] == "wrong"


def test_a_missing_function_is_asked_for_and_cells_that_failed_are_told():
    result = grade(IMPORTS, "undefined_name")
    assert statuses(result)["row_sums"] == "missing"
    assert "No cell that runs through defines row_sums." in told(result)
    assert result["notes"] == [
        "Code cell 2 of 2 stopped. NameError: name 'undefined_name' is not defined"
    ]


def test_free_text_is_handed_on():
    text = "Some words.\n\n**Your answer (why):**\n\n합성곱 because <b>of</b> it\n"
    result = grade(content=notebook(*RIGHT, texts=[text]))
    assert result["free_text"] == {"why": "합성곱 because <b>of</b> it"}


def test_the_result_has_the_agreed_form():
    result = grade(*RIGHT)
    assert set(result) == {
        "assignment", "score", "max_score", "sandbox", "questions", "notes", "free_text"
    }  # fmt: skip
    assert (result["assignment"], result["sandbox"]) == (ASSIGNMENT.name, "bubblewrap")
    assert set(result["questions"][0]) == {"name", "score", "max_score", "status", "messages"}
    json.dumps(result)


# --- the library function that is the answer -----------------------------------------------------

BANNED = {
    "conv2d": "torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3))",
    "max_pool2d": "torch.nn.MaxPool2d(2)(torch.ones(1, 1, 4, 4))",
    "local_response_norm": "torch.nn.LocalResponseNorm(2)(torch.ones(1, 4, 4, 4))",
    "alexnet": "torchvision.models.squeezenet1_1()",
    "box_iou": "torchvision.ops.box_iou(torch.ones(1, 4), torch.ones(1, 4))",
}


@pytest.mark.parametrize("name", BANNED)
def test_the_library_function_that_is_the_answer_is_none_but_may_be_compared_with(name):
    def question(known):
        return Question(
            known, "x -> x", lambda rng: [Case("x", (np.ones(2),))], lambda x: x, points=1
        )

    imports = "import torch, torchvision"
    uses = f"{imports}\n{BANNED[name]}\ndef {name}(x):\n    {BANNED[name]}\n    return x"
    other = f"def other(x):\n    {BANNED[name]}\n    return x"
    result = grade(uses, other, questions=(question(name), question("other")))
    assert statuses(result) == {name: "error", "other": "correct"}
    assert re.search(r"is the library function that does all of", told(result))
    assert result["notes"] == []


def test_all_else_is_free():
    def question():
        return Question(
            "conv2d",
            "x -> x",
            lambda rng: [Case("x", (np.ones((1, 1, 4, 4)),))],
            lambda x: x,
            points=1,
        )

    free = """
import torch
def conv2d(x):
    t = torch.nn.functional.unfold(torch.tensor(x), 2)
    torch.einsum("nkl,k->nl", t, torch.ones(4, dtype=t.dtype))
    torch.cdist(t, t); torch.fft.rfft2(t); np.lib.stride_tricks.sliding_window_view(x, 2, 3)
    torch.nn.Linear(4, 2).double()(torch.tensor(x)).sum().backward()
    return x
"""
    result = grade(IMPORTS, free, questions=(question(),))
    assert result["score"] == 1, told(result)


def test_the_questions_of_the_tests_are_those_that_are_graded():
    assert sum(question.points for question in QUESTIONS) == FULL
    assert WINDOW_SUMS in RIGHT


@pytest.mark.parametrize(
    "start",
    [
        "import some_plot_library\nimport numpy as np",
        "import os\nos.chdir('/content/drive/MyDrive/a1')\nimport numpy as np",
        "import matplotlib.pyplot as plt\nplt.style.use('no-such-style')\nimport numpy as np",
        "1 / 0\nfrom some_library import numpy\nimport os.path, numpy as np",
    ],
)
def test_a_line_that_fails_costs_no_import_below_it(start):
    result = grade(start, *RIGHT[1:])
    assert result["score"] == FULL
    assert "Code cell 1 of" in result["notes"][0]


def test_a_cell_that_overwrites_what_functions_need_is_named():
    result = grade(*RIGHT, "np = 3\nsum = 0", "exit()")
    assert result["score"] < FULL
    assert [note for note in result["notes"] if note.startswith("Code cell 5 gives")] == [
        f"Code cell 5 gives another value to {name}, which functions may need: use another name "
        "there."
        for name in ("np", "sum")
    ]
