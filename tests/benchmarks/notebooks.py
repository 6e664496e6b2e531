"""All section notebooks, two at a time on two cores, as the tests run them."""

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import OURS, Contest

ROOT = Path(__file__).parents[2]
AIM = 150  # seconds for all thirteen


def contests(_: int) -> list[Contest]:
    sections = sorted((ROOT / "notebooks").glob("[01]*.ipynb"))
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as two:
        alone = list(two.map(_seconds, sections))
    total = time.perf_counter() - began
    listed = ", ".join(f"{s.stem[:2]} {x:.0f} s" for s, x in zip(sections, alone, strict=True))
    what = f"{len(sections)} sections, 2 workers"
    return [Contest(what, "s", {OURS: [total]}, limit=AIM, note=listed)]


def _seconds(notebook: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cv_course", "run", notebook, "--out", folder]
        how = {"env": {**os.environ, "OMP_NUM_THREADS": "1"}, "cwd": ROOT, "text": True}
        done = subprocess.run(command, capture_output=True, **how)
    if done.returncode:
        raise RuntimeError(f"{notebook.name} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return float(re.search(r"after ([\d.]+) s", done.stdout).group(1))
