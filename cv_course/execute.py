"""Run notebooks without a browser, and rebuild the committed ones from their text."""

import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

try:
    import jupytext
    import nbformat
    import psutil
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
except ModuleNotFoundError as missing:
    raise RuntimeError(
        f"{missing}. Running notebooks needs the notebook tools: pip install 'cv-course[lab]'"
    ) from missing

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass
class Result:
    """How one notebook went: ``result`` is ``ok`` or says what failed."""

    name: str
    cells: int
    seconds: float
    peak_mib: float
    result: str


def run(
    names: Sequence[str],
    *,
    everything: bool = False,
    save: bool = False,
    folder: Path = Path("executed"),
    timeout: int = 600,
) -> int:
    """Execute notebooks in order, then print a table; the exit code (0: all passed).

    Args:
        names: beginnings of file names, or paths of ``.ipynb`` files.
        save: execute the text notebooks instead and write the paired ``.ipynb`` beside them.
        folder: where the executed copies go.
        timeout: seconds that one cell may take.

    Raises:
        ValueError: a name fits no notebook, or several; or a notebook to be rebuilt was edited.
    """
    files = find(names, everything)
    if save:
        for file in files:
            _refuse_if_edited(file, _text_of(file))
    results = []
    for file in files:
        source = _text_of(file) if save else file
        notebook = jupytext.read(source)
        result = execute(notebook, file, timeout)
        results.append(result)
        target = file if save and result.result == "ok" else folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        write(notebook, target)
        if result.result != "ok":
            break
    _table(results)
    failed = results[-1].result != "ok"
    print(f"\n{'Stopped there. ' if failed else ''}Written to {'notebooks' if save else folder}/.")
    return int(failed)


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


def committed() -> list[Path]:
    """All notebooks that the workbook has, in order: one for each text notebook."""
    texts = sorted(notebooks_folder().rglob("text/*.py"))
    return [text.parent.parent / f"{text.stem}.ipynb" for text in texts]


def clean(notebook) -> None:
    """Leave in an executed notebook only what the same run would give again.

    Cell ids follow the order of the cells, interactives keep their film strip but not the
    reference to a kernel that is gone, and times, versions and transient data go.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": notebook.metadata.get("kernelspec", {}),
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat_minor = 5
    for position, cell in enumerate(notebook.cells):
        cell.id = f"cell-{position:03d}"
        kept = {key: cell.metadata[key] for key in ("tags", "nbgrader") if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)


def write(notebook, target: Path) -> None:
    """Write the cleaned notebook in one piece or not at all."""
    clean(notebook)
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def find(names: Sequence[str], everything: bool) -> list[Path]:
    if everything:
        return committed()
    if not names:
        raise ValueError("say which notebook, for example 03, or say --all")
    found = []
    for name in names:
        if name.endswith(".ipynb") and Path(name).exists():
            found.append(Path(name))
            continue
        stem = Path(name).stem
        fitting = [file for file in committed() if file.stem.startswith(stem)]
        if len(fitting) != 1:
            known = ", ".join(file.stem for file in fitting or committed())
            kind = "several notebooks fit" if fitting else "no notebook fits"
            raise ValueError(f"{kind} {name!r}: {known}")
        found += fitting
    return found


def _text_of(file: Path) -> Path:
    text = file.parent / "text" / f"{file.stem}.py"
    if not text.exists():
        raise ValueError(f"{file} has no text to be rebuilt from; expected it at {text}.")
    return text


def _refuse_if_edited(file: Path, text: Path) -> None:
    """Cells written into the notebook after its text was saved exist nowhere else."""
    if not file.exists() or file.stat().st_mtime <= text.stat().st_mtime:
        return
    try:
        notebook = nbformat.read(file, as_version=4)
    except nbformat.reader.NotJSONError:
        return  # a merge left its marks in it: rebuilding is the way out
    cells = [
        [(cell.cell_type, cell.source) for cell in one.cells]
        for one in (notebook, jupytext.read(text))
    ]
    if cells[0] != cells[1]:
        raise ValueError(
            f"{file} was edited after {text}, and its cells differ. Bring what should stay into "
            "the text and save that, or delete the notebook; then run this again."
        )


def execute(notebook, file: Path, timeout: int) -> Result:
    """Execute in place; the traceback of a failing cell is printed, not raised."""
    code = sum(cell.cell_type == "code" for cell in notebook.cells)
    done, began = 0, time.perf_counter()

    def say(text: str, end: str = "") -> None:
        if end or sys.stdout.isatty():
            start = "\r\x1b[2K" if sys.stdout.isatty() else ""
            print(f"{start}{file.stem:34} {text}", end=end, flush=True)

    def progress(cell, cell_index: int) -> None:
        nonlocal done
        done += cell.cell_type == "code"
        say(f"cell {done}/{code} · {time.perf_counter() - began:.0f} s")

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent)}},
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # not the remark that loopback is not encrypted
        on_cell_start=progress,
    )
    memory = _PeakMemory(client)
    result = "ok"
    try:
        with memory:
            client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
        result = f"failed in code cell {done}"
        say(result, end="\n")
        print(re.sub(r"\x1b\[[0-9;]*m", "", str(problem)))
    seconds = time.perf_counter() - began
    if result == "ok":
        say(f"ok · {code} cells · {seconds:.1f} s · {memory.mib:,.0f} MiB", end="\n")
    return Result(file.stem, code, seconds, memory.mib, result)


class _PeakMemory(threading.Thread):
    """Watch the kernel and its children ten times a second; ``mib`` is the most they held."""

    def __init__(self, client: NotebookClient):
        super().__init__(daemon=True)
        self.client, self.mib, self.over = client, 0.0, threading.Event()

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.over.set()

    def run(self):
        while not self.over.wait(0.1):
            provisioner = getattr(self.client.km, "provisioner", None)
            pid = getattr(provisioner, "pid", None)
            if not pid:
                continue
            try:
                kernel = psutil.Process(pid)
                family = [kernel, *kernel.children(recursive=True)]
                held = sum(process.memory_info().rss for process in family) / 2**20
            except psutil.Error:
                continue
            self.mib = max(self.mib, held)


def _joined(outputs: list) -> list:
    """Neighbouring prints to the same stream become one output, however they were buffered."""
    joined: list = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _table(results: list[Result]) -> None:
    print(f"\n{'notebook':34} {'cells':>5} {'seconds':>8} {'peak MiB':>9}  result")
    for one in results:
        numbers = f"{one.cells:5} {one.seconds:8.1f} {one.peak_mib:9,.0f}"
        print(f"{one.name:34} {numbers}  {one.result}")
    total = sum(one.seconds for one in results)
    print(f"{'together':34} {sum(one.cells for one in results):5} {total:8.1f}")
