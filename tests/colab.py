"""Run the section notebooks as Colab does: ``python tests/colab.py [NAME…]``, in Colab's image.

Each notebook is opened from a folder without the repository around it, in a kernel that has
``google.colab``. Its set-up cell is left as it is; git is told to take this checkout in place of
the public address. What Colab brings itself must be the same before and after.

This is a script and no test: it needs an environment with Colab's own versions.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
COLABS_OWN = ("torch", "torchvision", "numpy", "ipython", "ipykernel", "ipywidgets", "matplotlib")


def versions() -> dict[str, str]:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {one["name"].lower(): one["version"] for one in json.loads(listing)}


def address() -> str:
    line = next(
        line for line in (ROOT / "pyproject.toml").read_text().splitlines() if "Repository" in line
    )
    return line.split('"')[1]


def main(names: list[str]) -> int:
    settings = {f"url.{ROOT.as_uri()}.insteadOf": address(), "safe.directory": "*"}
    os.environ["GIT_CONFIG_COUNT"] = str(len(settings))
    for position, (key, value) in enumerate(settings.items()):
        os.environ[f"GIT_CONFIG_KEY_{position}"] = key
        os.environ[f"GIT_CONFIG_VALUE_{position}"] = value
    before = versions()
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "-qy", "cv-course"], check=True)
    failed = [file.stem for file in _chosen(names) if not _passes(file)]
    after = versions()
    changed = {name: (old, after.get(name)) for name, old in before.items() if name != "cv-course"}
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    new = sorted(set(after) - set(before))
    print("unchanged:", ", ".join(f"{name} {after[name]}" for name in COLABS_OWN if name in after))
    print("new:", ", ".join(new) or "nothing")
    if changed or "cv-course" not in after:
        print("CHANGED:", changed or "the set-up cell did not install cv-course")
    return int(bool(failed or changed or "cv-course" not in after))


def _chosen(names: list[str]) -> list[Path]:
    files = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return [file for file in files if not names or any(file.name.startswith(n) for n in names)]


def _passes(file: Path) -> bool:
    notebook = nbformat.read(file, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import google.colab"))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as elsewhere:
        resources = {"metadata": {"path": elsewhere}}
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources)
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
            print(f"{file.stem:34} FAILED\n{problem}", flush=True)
            return False
    print(f"{file.stem:34} ok in {time.perf_counter() - began:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
