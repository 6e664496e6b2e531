"""What several test files need: the notebooks' own code, and how an exercise is put to the test."""

import ast
import warnings
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch
from torch import nn

from cv_course import data
from cv_course.checks import QUESTIONS, examine

TEXTS = Path(__file__).parents[1] / "notebooks" / "text"


def from_notebook(notebook, *names):
    """Functions as a notebook shows them; of several of one name the last, the solution."""
    tree = ast.parse((TEXTS / f"{notebook}.py").read_text(encoding="utf-8"))
    chosen = [node for node in tree.body if getattr(node, "name", None) in names]
    space = {"np": np, "torch": torch, "nn": nn, "data": data}
    exec(compile(ast.Module(chosen, []), notebook, "exec"), space)
    return [space[name] for name in names]


def assert_right(name, answer):
    for seed in range(3):
        verdict = examine(QUESTIONS[name], answer, seed=seed)
        assert verdict.status == "correct", verdict


def assert_named(name, answer, sentence):
    """The answer is wrong, and the verdict says why."""
    for seed in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            verdict = examine(QUESTIONS[name], answer, seed=seed)
        assert verdict.status == "wrong", verdict
        assert sentence in str(verdict), verdict


def assert_helps(name):
    """Three hints, some diagnoses, and no complaint about a stub."""
    assert len(QUESTIONS[name].hints) == 3
    assert len(QUESTIONS[name].diagnoses) >= 3
    assert examine(QUESTIONS[name], lambda *_: ...).status == "missing"


def picture(interactive) -> str:
    """The HTML that an interactive shows now."""
    return next(child for child in interactive.widget.children if type(child) is widgets.HTML).value
