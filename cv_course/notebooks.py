"""Notebooks without a browser: find, read and run them, rebuild the committed ones."""

import contextlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

try:
    import jupytext
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor
except ModuleNotFoundError as missing:
    raise RuntimeError(
        f"{missing}. Notebooks need the notebook tools: pip install 'cv-course[lab]'"
    ) from missing

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FOLDED = "hide-input"  # the tag of a cell whose code is shown only when asked for
FURTHER = "## Going further"  # a part that opens when asked for, up to the next such heading
_COLLAPSED = "jp-MarkdownHeadingCollapsed"  # JupyterLab's own key
_KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
_KEPT = ("tags", "nbgrader")  # metadata of a cell that are written by authors


# --- finding and reading -------------------------------------------------------------------------


def notebooks_folder() -> Path:
    """The ``notebooks`` folder of the checkout around the current folder.

    Raises:
        ValueError: the current folder lies in no checkout of the workbook.
    """
    here = Path.cwd()
    for place in (here, *here.parents):
        if (place / "notebooks" / "text").is_dir():
            return place / "notebooks"
    raise ValueError(
        f"there is no folder notebooks/text in {here} or above it. Go into the cloned repository "
        "of the workbook, or name a notebook by its path."
    )


def find(names: Sequence[str], everything: bool) -> list[Path]:
    """The notebooks that ``names`` mean: beginnings of file names, or paths.

    Raises:
        ValueError: a name fits no notebook, or several.
    """
    if not (names or everything):
        raise ValueError("say which notebook, for example 03, or say --all")
    found = _committed() if everything else []
    for file in map(Path, () if everything else names):
        there = file.suffix == ".ipynb" and file.exists()
        fitting = [file] if there else _committed(file.stem)
        if len(fitting) != 1:
            kind = "several notebooks fit" if fitting else "no notebook fits"
            known = ", ".join(one.stem for one in fitting or _committed())
            raise ValueError(f"{kind} {str(file)!r}: {known}")
        found += fitting
    return found


def _committed(beginning: str = "") -> list[Path]:
    """The notebooks of the checkout whose names begin so."""
    texts = sorted(notebooks_folder().rglob(f"text/{beginning}*.py"))
    return [text.parent.parent / f"{text.stem}.ipynb" for text in texts]


def read(file: Path):
    """A notebook of whatever origin.

    Raises:
        ValueError: the file is not a notebook; the message says what it is and what helps.
    """
    content = file.read_bytes()
    if content.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<"):
        said = "it is a web page. On GitHub choose Raw or Download, in Colab File → Download."
    elif b"<<<<<<< " in content:
        said = "git has left its marks of a merge conflict (<<<<<<<). Choose one version."
    elif b'"cells"' not in content:
        said = "it has no cells. If it was cut off while copying, copy it again."
    else:
        try:
            return nbformat.reads(content.decode("utf-8-sig"), as_version=4)  # Windows' mark leads
        except UnicodeDecodeError as problem:
            said = f"byte {problem.start} is not UTF-8. Save it as UTF-8 where it was edited."
        except Exception as problem:
            said = f"{str(problem)[:80]}. If it was cut off while copying, copy it again."
    raise ValueError(f"{file} is not a notebook: {said}")


# --- running and saving --------------------------------------------------------------------------


def run(
    names: Sequence[str] = (),
    *,
    all: bool = False,
    save: bool = False,
    out: Path = Path("executed"),
    timeout: int = 600,
) -> int:
    """Execute notebooks and report seconds and result; the exit code (0: all passed).

    Stops at the first cell that fails and shows it. The executed copies are kept.

    Args:
        names: 03, 03_classification… or a file.
        all: every notebook, in order.
        save: for authors: rebuild the committed notebooks from notebooks/text, with outputs.
        out: folder of the copies.
        timeout: seconds a cell may take.

    Raises:
        ValueError: a file is no notebook, or has no text to be rebuilt from.
        RuntimeError: a notebook that would be rebuilt was edited later than its text.
    """
    files, began, failed = find(names, all), time.perf_counter(), ""
    texts = {file: _text_of(file) for file in files if save}
    for file in files:
        notebook = jupytext.read(texts[file]) if save else read(file)
        failed = execute(notebook, file, timeout)
        target = out / file.name if failed or not save else file
        target.parent.mkdir(parents=True, exist_ok=True)
        write(notebook, target)
        if failed:
            break
    took = f"{'Stopped there' if failed else 'All'} after {time.perf_counter() - began:.1f} s"
    print(f"\n{took}. Written to {'notebooks' if save else out}/.")
    return int(bool(failed))


def _text_of(file: Path) -> Path:
    """Where a notebook's text lies, if rebuilding from it loses nothing that is written."""
    text = file.parent / "text" / f"{file.stem}.py"
    if not text.exists():
        raise ValueError(f"{file} has no text to be rebuilt from; expected it at {text}.")
    with contextlib.suppress(FileNotFoundError, ValueError):  # not there, or marks of a merge in it
        cells = [
            [(c.cell_type, c.source) for c in one.cells]
            for one in (read(file), jupytext.read(text))
        ]
        if cells[0] != cells[1] and file.stat().st_mtime > text.stat().st_mtime:
            raise RuntimeError(
                f"{file} was edited after {text}, and its cells differ. Bring what should stay "
                "into the text and save that, or delete the notebook; then run this again."
            )
    return text


def execute(notebook, file: Path, timeout: int) -> str:
    """Execute in place; what failed, or nothing. Its traceback is printed, not raised."""
    code = sum(cell.cell_type == "code" for cell in notebook.cells)
    begun, began = 0, time.perf_counter()

    def count(cell, cell_index: int) -> None:
        nonlocal begun
        begun += cell.cell_type == "code"

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent)}},
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # not the remark that loopback is not encrypted
        on_cell_start=count,
    )
    print(f"{file.stem:34} ", end="", flush=True)
    try:
        client.execute(env={**os.environ, "CV_COURSE_DEMAND": "no"})  # see grading.demand
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
        failed = f"failed in code cell {begun}"
        print(failed, re.sub(r"\x1b\[[0-9;]*m", "", str(problem)), sep="\n")
        return failed
    print(f"ok · {code} cells · {time.perf_counter() - began:.1f} s")
    return ""


def clean(notebook) -> None:
    """Leave in an executed notebook only what the same run would give again.

    Cell ids follow the order of the cells, interactives keep their film strip but not the
    reference to a kernel that is gone, and times, versions and transient data go. A cell with the
    tag ``hide-input`` is folded, in JupyterLab (``source_hidden``) as in Colab (``cellView``). A
    part *Going further* is folded in JupyterLab; Colab has no such key.
    """
    kernel = notebook.metadata.get("kernelspec", {}) or _KERNEL
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    notebook.nbformat_minor = 5
    joining = CoalesceStreamsPreprocessor()
    for position, cell in enumerate(notebook.cells):
        cell.id = f"cell-{position:03d}"
        kept = {key: cell.metadata[key] for key in _KEPT if cell.metadata.get(key)}
        if FOLDED in kept.get("tags", ()):
            kept |= {"jupyter": {"source_hidden": True}, "cellView": "form"}
        if cell.cell_type == "markdown" and cell.source.startswith(FURTHER):
            kept[_COLLAPSED] = True
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            joining.preprocess_cell(cell, {}, position)  # prints, however they were buffered
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET_VIEW, None)


def write(notebook, target: Path) -> None:
    """Write the cleaned notebook in one piece or not at all."""
    clean(notebook)
    part = target.with_name(f".{target.name}.part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    part.replace(target)
