"""All section notebooks, two at a time on two cores, as the tests run them."""

import contextlib
import io
import multiprocessing
import os
import re
import tempfile
import time
from pathlib import Path

from bench import OURS, Contest

from cv_course import notebooks

AIM = 150  # seconds for all thirteen


def contests(_: int) -> list[Contest]:
    os.environ["OMP_NUM_THREADS"] = "1"  # the workers and their kernels inherit it
    # the first sections are the shortest: at the end, so that no worker waits long for the other
    sections = sorted(notebooks.notebooks_folder().glob("[01]*.ipynb"), reverse=True)
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(2) as two:
        alone = two.map(_seconds, sections, chunksize=1)
    total = time.perf_counter() - began
    listed = ", ".join(f"{s.stem[:2]} {x:.0f} s" for s, x in zip(sections, alone, strict=True))
    what = f"{len(sections)} sections, 2 workers"
    return [Contest(what, "s", {OURS: [total]}, limit=AIM, note=listed)]


def _seconds(notebook: Path) -> float:
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said):
        failed = notebooks.run([str(notebook)], out=Path(folder))
    if failed:
        raise RuntimeError(f"{notebook.name} failed: {said.getvalue()[-500:]}")
    return float(re.search(r"after ([\d.]+) s", said.getvalue()).group(1))
