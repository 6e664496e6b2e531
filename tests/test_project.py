"""The files around the package agree with each other."""

import itertools
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_conda_and_pip_install_the_same():
    conda_names = {"torch": "pytorch", "playwright": "playwright-python"}
    conda_names["matplotlib"] = "matplotlib-base"
    wanted = [*PROJECT["dependencies"], f"python{PROJECT['requires-python']}"]
    for extra in ("docs", "grade", "lab", "test"):
        wanted += PROJECT["optional-dependencies"][extra]
    floors = {"pip": ""}
    for requirement in wanted:
        name, floor = re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", requirement).groups()
        if name != "cv-course":
            floors[conda_names.get(name, name)] = floor  # an extra may ask for more
    expected = {name + floor for name, floor in floors.items()}
    listed = re.findall(r"^ +- ([^:\s-]\S*[^:\s])$", (ROOT / "environment.yml").read_text(), re.M)
    assert set(listed) - {"conda-forge"} == expected


def test_dependencies_have_floors_and_no_ceilings():
    extras = PROJECT["optional-dependencies"].values()
    everything = [*PROJECT["dependencies"], *itertools.chain.from_iterable(extras)]
    for requirement in everything:
        if not requirement.startswith("cv-course["):
            assert re.fullmatch(r"[\w-]+>=[\d.]+", requirement), requirement


def test_the_base_install_leaves_colabs_jupyter_alone():
    """Colab's front end breaks when these are replaced, so a notebook must not depend on them."""
    names = {re.match(r"[\w-]+", one).group() for one in PROJECT["dependencies"]}
    assert not names & {"jupyterlab", "notebook", "ipykernel", "jupyter", "jupyter-client"}


def test_every_badge_and_address_agrees_with_the_project():
    urls = {name: url.removeprefix("https://github.com/") for name, url in PROJECT["urls"].items()}
    address, students = urls["Repository"], urls["Assignments"]
    command = ["git", "ls-files", "*.md", "*.py", "*.ipynb", "*.yml"]
    badges = 0
    for file in subprocess.check_output(command, cwd=ROOT, text=True).split():
        content = (ROOT / file).read_text(encoding="utf-8")
        for found in re.findall(r"colab\.research\.google\.com/github/([\w-]+/[\w-]+)", content):
            assert found == address, file
            badges += 1
        for found in re.findall(r"git\+https://github\.com/([\w-]+/[\w-]+)", content):
            assert found == (students if "assignments/" in file else address), file
    sections = [text.stem for text in (ROOT / "notebooks" / "text").glob("*.py")]
    assert badges == 3 * len(sections)  # in each notebook, its text, and the README
    assert [one for one in sections if f"/blob/main/notebooks/{one}.ipynb" not in README] == []


def test_readmes_figure_is_the_one_that_the_notebook_draws():
    script = runpy.run_path(str(ROOT / ".github" / "figure.py"))
    assert script["TARGET"].read_bytes() == script["picture"](), "python .github/figure.py"


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_links_of_the_readme_resolve(target):
    assert (ROOT / target).exists()


def test_ci_runs_the_readmes_own_test_command():
    block = README.split("<!-- test command -->")[1].split("```")[1]
    commands = [line for line in block.splitlines() if line.startswith("python3 ")]
    assert len(commands) == 1
    assert ".venv/bin/pytest && " in commands[0]
    assert commands[0].endswith('.venv/bin/pytest -m "browser and not slow" tests')
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
