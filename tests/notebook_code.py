"""What several test files need: the notebooks' own code, and how an exercise is put to the test."""

import ast
import warnings
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch
from torch import nn

from cv_course import data, drill
from cv_course.drill import Question, examine

TEXTS = Path(__file__).parents[1] / "notebooks" / "text"


def from_notebook(notebook, *names, **more):
    """Functions as a notebook shows them; of several of one name the last, the solution.

    ``more``: what they need beside NumPy, PyTorch and the data.
    """
    tree = ast.parse((TEXTS / f"{notebook}.py").read_text(encoding="utf-8"))
    chosen = [node for node in tree.body if getattr(node, "name", None) in names]
    space = {"np": np, "torch": torch, "nn": nn, "data": data, **more}
    exec(compile(ast.Module(chosen, []), notebook, "exec"), space)
    return [space[name] for name in names]


def _verdict(question, answer, seed):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return examine(question, answer, seed=seed)


def assert_mistakes(package):
    """A section's tables hold: each usual mistake fails under its own id and has a sentence.

    ``package`` is its name, such as ``cv_course.sections.s03_search``. An edit that does not apply
    exactly once is refused when the section is read.
    """
    for name, one in drill.read(package).items():
        assert one.contract.strip(), name
        if not isinstance(one, Question):
            _assert_problem(one)
            continue
        assert len(one.hints) >= 2, f"{name} has fewer than two hints"
        ids = [identity for _, _, identity in one.diagnoses]
        assert ids, f"{name} knows no usual mistake"
        assert len(set(ids)) == len(ids), f"{name}: an id stands twice in {ids}"
        assert examine(one, lambda *_: ...).status == "missing"
        for seed in range(3):
            assert _verdict(one, one.reference, seed).status == "correct", name
            for mistake, sentence, identity in one.diagnoses:
                found = _verdict(one, mistake, seed)
                assert (found.status, found.mistake) == ("wrong", identity), (name, identity, found)
                assert sentence in found.messages


def _assert_problem(one):
    assert one.verdict(...).status == "missing"
    if one.model:
        assert len(one.model.split()) > 5, f"{one.name}: the model answer is no answer"
        return
    assert one.hints, f"{one.name} has no hint"
    if one.measure is None:
        assert one.verdict(one.answer).status == "correct", one.name
    for identity, value, sentence in one.wrong:
        found = one.verdict(value)
        assert (found.status, found.mistake) == ("wrong", identity), found
        assert sentence in found.messages


def assert_section(name):
    """``assert_mistakes`` of a section such as ``s03_search``, and its text fits its tables.

    Of each function the text's first version is a stub or, to be debugged, has a known mistake;
    its last one is right. The text asks for every exercise and for no other.
    """
    package = f"cv_course.sections.{name}"
    assert_mistakes(package)
    (text,) = TEXTS.glob(f"{name[1:3]}_*.py")
    tree, exercises = ast.parse(text.read_text(encoding="utf-8")), drill.read(package)
    asked = {name for node in ast.walk(tree) for name in _asked(node)}
    assert asked == set(exercises), f"not asked or not known: {asked ^ set(exercises)}"
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    space = {"torch": torch, "np": np}
    exec(compile(ast.Module(imports, []), text.name, "exec"), space)
    versions = {name: [] for name, one in exercises.items() if isinstance(one, Question)}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            exec(compile(ast.Module([node], []), text.name, "exec"), space)
            versions.get(node.name, []).append(space[node.name])
    for name, found in versions.items():
        assert len(found) >= 2, f"{text.name} has no stub or no solution of {name}"
        begun = _verdict(exercises[name], found[0], 0)
        assert begun.status == "missing" or begun.mistake, begun
        for seed in range(3):
            solved = _verdict(exercises[name], found[-1], seed)
            assert solved.status == "correct", solved


def _asked(node):
    """Names of the exercises in a call of ``check`` or ``reveal``."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("check", "reveal"):
        yield from (one.id for one in node.args if isinstance(one, ast.Name))
        yield from (keyword.arg for keyword in node.keywords)


def picture(interactive) -> str:
    """The HTML that an interactive shows now."""
    return next(child for child in interactive.widget.children if type(child) is widgets.HTML).value
