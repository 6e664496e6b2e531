"""Run the notebooks as Colab does: ``python tests/colab.py [NAME…]``, in Colab's image.

With ``--edition`` also the assignments, as students get them.

Each notebook is opened from a folder without the repository around it, in a kernel that has
``google.colab``. Its set-up cell is left as it is; git is told to take this checkout in place of
the public address. What Colab brings itself must be the same before and after.

This is a script and no test: it needs an environment with Colab's own versions.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
COLABS_OWN = ("torch", "torchvision", "numpy", "ipython", "ipykernel", "ipywidgets", "matplotlib")


def versions() -> dict[str, str]:
    command = [sys.executable, "-m", "pip", "list", "--format", "json"]
    listing = subprocess.check_output(command, text=True)
    return {one["name"].lower(): one["version"] for one in json.loads(listing)}


def addresses() -> dict[str, str]:
    """The public addresses in pyproject.toml, by name."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]


def main(names: list[str], edition: Path | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        _git_takes({"Repository": ROOT})
        good = [run("cv-course", ROOT / "notebooks", names)]
        if edition:
            copy = _repository(edition, Path(folder) / "assignments")
            _git_takes({"Repository": ROOT, "Assignments": copy})
            good.append(run("cv-course-assignments", copy, names))
    return int(not all(good))


def _repository(edition: Path, copy: Path) -> Path:
    """As the publishing workflow makes one of the students' edition."""
    shutil.copytree(edition, copy)
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "The students' edition")):
        subprocess.run(["git", *who, *words], cwd=copy, check=True)
    return copy


def _git_takes(places: dict[str, Path]) -> None:
    """Let git fetch from folders of this computer in place of the public addresses."""
    public = addresses()
    settings = {f"url.{p.as_uri()}.insteadOf": public[name] for name, p in places.items()}
    settings["safe.directory"] = "*"
    os.environ["GIT_CONFIG_COUNT"] = str(len(settings))
    for position, (key, value) in enumerate(settings.items()):
        os.environ[f"GIT_CONFIG_KEY_{position}"] = key
        os.environ[f"GIT_CONFIG_VALUE_{position}"] = value


def run(package: str, folder: Path, names: list[str]) -> bool:
    """Whether all notebooks run, their set-up cell installs ``package``, and changes nothing."""
    begin = tuple(names or [""])
    files = [f for f in sorted(folder.glob("*.ipynb")) if f.name.startswith(begin)]
    if not files:
        return True
    pip = [sys.executable, "-m", "pip"]
    ours = ("cv-course", "cv-course-assignments")
    subprocess.run([*pip, "uninstall", "-qy", *ours], check=True)
    before = versions()
    failed = [file.stem for file in files if not _passes(file)]
    after = versions()
    changed = {n: (old, after.get(n)) for n, old in before.items() if after.get(n) != old}
    print("unchanged:", ", ".join(f"{name} {after[name]}" for name in COLABS_OWN if name in after))
    print("new:", ", ".join(sorted(set(after) - set(before))) or "nothing")
    if changed or package not in after:
        print("CHANGED:", changed or f"the set-up cell did not install {package}")
    return not failed and not changed and package in after


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="00, a1, … (all)")
    parser.add_argument("--edition", type=Path, help="what `cv-course release --all` wrote")
    given = parser.parse_args()
    raise SystemExit(main(given.names, given.edition))
