"""What JupyterLab opens and saves, asked of the contents manager that ``[lab]`` installs.

Nobody's work may be replaced: not a learner's, who edited the notebook in VS Code or Colab, and
not an author's, who edited the text.
"""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from jupytext import TextFileContentsManager  # of JupyterLab's LargeFileManager

from cv_course import cli

ROOT = Path(__file__).resolve().parents[1]
SHORT = "# %% [markdown]\n# # Short\n\n# %%\nprint(6 * 7)\n"
A1 = "notebooks/assignments/a1_nearest_neighbours_and_templates"
NAMES = ("notebooks/00_start_here", A1)
hours = pytest.mark.parametrize("text_is_newer_by", [-24, -0.0001, 0, 0.0001, 24])


@pytest.fixture
def clone(tmp_path):
    """A clone with two sections; a checkout gives a pair's files any order in time."""
    pairs = [file for name in NAMES for file in (ROOT / f"{name}.ipynb", text_of(ROOT / name))]
    settings = ROOT / "pyproject.toml", ROOT / "notebooks/assignments/jupytext.toml"
    for file in (*settings, *pairs):
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    (tmp_path / "notebooks/text/short.py").write_text(SHORT)
    return tmp_path


sections = pytest.mark.parametrize("name", NAMES)


def text_of(file: Path) -> Path:
    return file.parent / "text" / f"{file.stem}.py"


def set_times(file: Path, text_is_newer_by: float) -> None:
    now = file.stat().st_mtime
    os.utime(text_of(file), (now, now + 3600 * text_is_newer_by))


def opened(clone: Path, file: Path, then_save: bool = False):
    """The notebook as JupyterLab shows it, and perhaps after Save."""
    manager = TextFileContentsManager(root_dir=str(clone))
    model = manager.get(str(file.relative_to(clone)), content=True, type="notebook")
    if then_save:
        manager.save(model, model["path"])
    return model["content"]


def sources(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells]


@sections
@hours
def test_a_learners_work_survives_opening_and_saving(clone, name, text_is_newer_by):
    """Edited outside JupyterLab; a `git pull` may even have brought a newer text since."""
    file = clone / f"{name}.ipynb"
    notebook = nbformat.read(file, 4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.source = "mine = 'an answer'"
    notebook.cells.append(nbformat.v4.new_code_cell("'and a cell more'"))
    nbformat.write(notebook, file)
    set_times(file, text_is_newer_by)
    text = text_of(file).read_bytes()
    assert sources(opened(clone, file, then_save=True)) == sources(notebook)
    assert sources(nbformat.read(file, 4)) == sources(notebook)
    assert text_of(file).read_bytes() == text  # and the next `git pull` meets no change in it


@sections
@hours
def test_a_fresh_clone_opens_with_its_outputs(clone, name, text_is_newer_by):
    file = clone / f"{name}.ipynb"
    set_times(file, text_is_newer_by)
    seen, stored = opened(clone, file), nbformat.read(file, 4)
    assert sources(seen) == sources(stored)
    for one, other in zip(seen.cells, stored.cells, strict=True):
        assert one.get("outputs") == other.get("outputs")


@sections
def test_an_author_opens_the_text_and_saves_what_was_changed_and_nothing_else(clone, name):
    text = text_of(clone / f"{name}.ipynb")
    before = text.read_bytes()
    opened(clone, text, then_save=True)
    assert text.read_bytes() == before
    changed = before.replace(b"# %%\n", b"# %%\nnewer = True\n", 1)
    text.write_bytes(changed)
    assert any("newer = True" in source for source in sources(opened(clone, text)))
    opened(clone, text, then_save=True)
    assert text.read_bytes() == changed


def test_rebuilding_follows_a_newer_text_and_replaces_no_newer_notebook(clone, monkeypatch, capsys):
    monkeypatch.chdir(clone)
    file = clone / "notebooks/short.ipynb"
    assert cli.main(["run", "--save", "short"]) == 0
    assert opened(clone, file).cells[1].outputs[0].text == "42\n"
    text_of(file).write_text(SHORT.replace("6 * 7", "6 * 8"))
    set_times(file, 1)
    assert cli.main(["run", "--save", "short"]) == 0
    assert cli.main(["run", "--save", "short"]) == 0  # newer than its text, but saying the same
    assert opened(clone, file).cells[1].outputs[0].text == "48\n"
    notebook = nbformat.read(file, 4)
    notebook.cells[1].source = "mine = 'an answer'"
    nbformat.write(notebook, file)
    set_times(file, -1)
    kept = file.read_bytes()
    capsys.readouterr()
    assert cli.main(["run", "--save", "short"]) == 1
    said = capsys.readouterr().err
    assert "short.ipynb" in said
    assert str(text_of(file)) in said
    assert file.read_bytes() == kept
    set_times(file, 1)  # the author looked at it, and saved the text
    assert cli.main(["run", "--save", "short"]) == 0
    assert sources(nbformat.read(file, 4))[1] == "print(6 * 8)"
