"""``cv-course run`` and ``cv-course doctor``, and that nbval really compares."""

import io
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from cv_course import cli, doctor, notebooks

ROOT = Path(__file__).resolve().parents[1]
new = nbformat.v4


def notebook(path: Path, *sources: str) -> Path:
    cells = [new.new_code_cell(source) for source in sources]
    nbformat.write(new.new_notebook(cells=cells), path)
    return path


def test_run_reports_and_keeps_the_executed_copy(tmp_path, capsys):
    file = notebook(tmp_path / "good.ipynb", "x = 6", "print(x * 7)")
    assert cli.main(["run", str(file), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "good" in said
    assert "ok · 2 cells" in said
    copy = nbformat.read(tmp_path / "out" / "good.ipynb", 4)
    assert copy.cells[1].outputs[0].text == "42\n"
    assert nbformat.read(file, 4).cells[1].outputs == []  # the original is left alone


def test_run_stops_at_the_failing_cell_and_shows_it(tmp_path, capsys):
    bad = notebook(tmp_path / "bad.ipynb", "x = 6", "print('so far')\nx / 0", "never = 1")
    after = notebook(tmp_path / "after.ipynb", "1")
    out = tmp_path / "out"
    assert cli.main(["run", str(bad), str(after), "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "failed in code cell 2" in said
    assert "x / 0" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "Stopped there" in said
    assert not (out / "after.ipynb").exists()
    kept = nbformat.read(out / "bad.ipynb", 4)
    assert kept.cells[1].outputs[0].text == "so far\n"
    assert kept.cells[2].execution_count is None


@pytest.mark.parametrize("source", ["import time; time.sleep(60)", "import os; os._exit(1)"])
def test_run_names_a_cell_that_takes_too_long_or_kills_the_kernel(source, tmp_path, capsys):
    file = notebook(tmp_path / "x.ipynb", source)
    assert cli.main(["run", str(file), "--out", str(tmp_path / "out"), "--timeout", "1"]) == 1
    assert "failed in code cell 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "arguments", "sentence"),
    [
        (ROOT, ["run"], "say which notebook"),
        (ROOT, ["html"], "say which notebook"),
        (ROOT, ["run", "0"], "several notebooks fit"),
        (ROOT, ["run", "99"], "no notebook fits"),
        (ROOT, ["run", "missing.ipynb"], "no notebook fits"),
        (Path("/"), ["run", "--all"], "cloned repository"),
    ],
)
def test_names_that_fit_nothing_or_too_much(place, arguments, sentence, capsys, monkeypatch):
    monkeypatch.chdir(place)
    assert cli.main(arguments) == 1
    assert sentence in capsys.readouterr().err


def test_a_name_is_the_beginning_of_a_file_name(monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks" / "text")
    assert [file.stem for file in notebooks.find(["00"], everything=False)] == ["00_start_here"]
    texts = list((ROOT / "notebooks").rglob("text/*.py"))
    assert len(notebooks.find([], everything=True)) == len(texts)


SHOWN = """# %% tags=["hide-input"]
print(1)

# %%
from cv_course import plots
figure, axis = plots.figure()
axis.plot([1, 2])
plots.show(figure, 'Figure 1. A line.', 'A line that rises from left to right.')
"""


def test_saving_gives_equal_bytes_or_keeps_the_old_notebook(tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    (folder / "text").mkdir(parents=True)
    (folder / "text" / "x.py").write_text(SHOWN)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--save", "x"]) == 0
    saved = (folder / "x.ipynb").read_bytes()
    assert b'"id": "cell-000"' in saved
    assert cli.main(["run", "--save", "x"]) == 0
    assert (folder / "x.ipynb").read_bytes() == saved
    folded, shown = nbformat.reads(saved.decode(), 4).cells
    hidden = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    assert folded.metadata == {"tags": ["hide-input"], **hidden}  # by JupyterLab and by Colab
    assert shown.metadata == {}
    assert folded.outputs[0].text == "1\n"
    (folder / "text" / "x.py").write_text("# %%\n1 / 0\n")
    assert cli.main(["run", "--save", "x"]) == 1
    assert (folder / "x.ipynb").read_bytes() == saved
    assert "ZeroDivisionError" in (tmp_path / "executed" / "x.ipynb").read_text()


def test_nbval_sees_one_changed_number(tmp_path):
    """Stored outputs are compared: one digit of the second notebook is changed."""
    stored = nbformat.read(ROOT / "notebooks" / "03_classification_as_search.ipynb", 4)
    stored.cells = [cell for cell in stored.cells if cell.cell_type == "code"][:3]
    nbformat.write(stored, tmp_path / "a.ipynb")
    counts = stored.cells[2].outputs[0]
    assert "8,000 images" in counts.text
    counts.text = counts.text.replace("8,000 images", "8,001 images")
    nbformat.write(stored, tmp_path / "b.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-n", "0"]
    command += ["-p", "no:cacheprovider", "a.ipynb", "b.ipynb"]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout
    assert "1 failed, 5 passed" in said
    assert "8,001 images" in said


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "✓"), ("cp949", "?")])
def test_doctor_finds_what_is_needed_here(encoding, sign, monkeypatch):
    """Also where a code page has no such sign."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.main(["doctor"]) == 0
    stream.flush()
    said = stream.buffer.getvalue().decode(encoding)
    assert f"{sign} Python" in said
    assert "mini Fashion-MNIST is whole (10,000 + 2,000 images)" in said
    assert "The workbook will run" in said


def test_doctor_says_how_to_get_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.main(["doctor"]) == 1  # without torch nothing runs
    said = capsys.readouterr().out
    for part in ("✗ torch", "reinstall torch", "'cv-course[lab]'", "apt install bubblewrap"):
        assert part in said


def test_doctor_survives_damaged_data(capsys, monkeypatch):
    from cv_course import files

    monkeypatch.setitem(files._SHA256, "fashion_mini.png", "0" * 64)
    assert cli.main(["doctor"]) == 1
    assert "fashion_mini.png is damaged" in capsys.readouterr().out
