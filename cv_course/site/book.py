"""The website: the executed notebooks as a book, built by Sphinx; nothing is run.

:func:`build` gathers the pages in a temporary folder: guides and page plans from this folder, the
sections and what they hold (path, concept map, glossary, references) from the notebooks, the
assignments as students get them, the reference from docstrings. ``conf.py`` says how they look.
"""

import ast
import base64
import contextlib
import html
import importlib
import io
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image

from cv_course import cli, notebooks
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import release
from cv_course.site import pages

try:
    from sphinx.cmd.build import build_main

    for needed in ("myst_nb", "sphinx_book_theme"):  # which Sphinx loads
        importlib.import_module(needed)
except ModuleNotFoundError as missing:
    raise RuntimeError(
        f"{missing}. The website needs Sphinx: pip install 'cv-course[docs]'"
    ) from missing

HERE = Path(__file__).parent
MARK = ".buildinfo"  # Sphinx leaves it in what it has built
_BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\((?P<colab>[^)]*)\)")
_DETAILS = re.compile(r"<details>.*?</details>", re.S)
NOT_THE_KIT = ("cli", "doctor", "notebooks")  # commands, which have a page of their own


def build(*, out: Path) -> None:
    """Build the website from the executed notebooks. No notebook is run, no network is needed.

    A warning, such as a link that leads nowhere, is an error; then nothing is written.

    Args:
        out: a folder that does not exist, is empty, or was built by this command before.

    Raises:
        ValueError: ``out`` holds something else.
        RuntimeError: Sphinx warned; what it said stands above.
    """
    out = Path(out).absolute()
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARK).exists())):
        raise ValueError(
            f"{out} holds something that this command did not build. Choose another folder, or "
            "empty this one."
        )
    root = notebooks.notebooks_folder().parent
    with tempfile.TemporaryDirectory(prefix="cv-course-site-") as place:
        source, new = Path(place) / "source", Path(place) / "new"
        _gather(root, source)
        urls = release.project(root)["urls"]
        options = ["-q", "-n", "-W", "--keep-going", "-c", str(HERE), "-d", f"{place}/doctrees"]
        options += ["-D", f"html_baseurl={urls['Website']}"]
        options += ["-D", f"html_theme_options.repository_url={urls['Repository']}"]
        if build_main([*options, str(source), str(new)]):
            raise RuntimeError("the website has not been built: see the warnings above.")
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(new, out)
    print(f"Written to {out}: {len(list(out.rglob('*.html')))} pages; open {out / 'index.html'}.")


def slug(heading: str) -> str:
    """The anchor that JupyterLab gives to a heading, and that links in the notebooks name."""
    return heading.strip().replace(" ", "-")


# --- gathering -----------------------------------------------------------------------------------


def _gather(root: Path, source: Path) -> None:
    """Write all that Sphinx reads."""
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("*.py", "*.j2", "__pycache__"))
    files = sorted((root / "notebooks").glob("*.ipynb"))
    sections = {file.stem: notebooks.read(file) for file in files}
    start = sections["00_start_here"]
    parts = {
        "guesses.html": _output(start, "Figure 0.1."),
        "changes.html": _output(start, "Figure 0.3."),
        "path.md": "\n".join(_cards(sections, source)),
        "concepts.md": _opened(_below(start, "Map of the concepts")),
        "outline.md": _opened(_below(start, "Outline of the lecture, and its terms")),
        "references.md": "\n\n".join(_references(sections)),
        "commands.md": "\n\n".join(_commands()),
        "modules.rst": "\n".join(_modules(source)),
        "platforms.md": ", ".join(_platforms()) + ".",
        "README.md": (root / "README.md").read_text(encoding="utf-8"),
    }
    parts["outline.md"], parts["glossary.md"] = _glossary(parts["outline.md"])
    for name, text in parts.items():
        _write(source / "parts" / name, text)
    for stem, notebook in sections.items():
        _write(source / "downloads" / f"{stem}.ipynb", nbformat.writes(notebook))
        _write(source / "notebooks" / f"{stem}.ipynb", nbformat.writes(_page(notebook, stem)))
    addresses = release.project(root)["urls"]
    for one in ASSIGNMENTS.values():
        notebook = release.student_notebook(release.source_of(root, one), one, addresses)
        _write(source / "downloads" / f"{one.stem}.ipynb", nbformat.writes(notebook))
        for cell in notebook.cells:
            sections_there = f"]({addresses['Repository']}/blob/main/notebooks/"
            cell.source = cell.source.replace(sections_there, "](../notebooks/")
        page = nbformat.writes(_page(notebook, one.stem))
        _write(source / "assignments" / f"{one.stem}.ipynb", page)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")


def _page(notebook, stem: str):
    """A notebook as Sphinx reads it: buttons for the badge, titles on folded cells."""
    about = pages.about(notebook, stem)
    notebooks.clean(notebook)
    notebook.metadata["myst"] = {"html_meta": {"description": about["description"]}}
    download = f"{{download}}`Download notebook <../downloads/{stem}.ipynb>`"
    buttons = rf"{{.buttons}}\n[Open in Colab](\g<colab>) {download}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _DETAILS.sub(_without_headings, _BADGE.sub(buttons, cell.source))
        elif notebooks.FOLDED in cell.metadata.get("tags", ()):
            first, _, rest = cell.source.partition("\n")
            title = first.removeprefix("# @title").split("{")[0].strip()
            title = title if "olution" in title else f"Code: {title}"
            cell.source = rest.lstrip("\n")
            cell.metadata["mystnb"] = {"code_prompt_show": title, "code_prompt_hide": title}
    return notebook


def _without_headings(details: re.Match) -> str:
    """What a page folds begins no section of its own."""
    return re.sub(r"^#+ (.+)$", r"**\1**", details[0], flags=re.M)


# --- what the notebooks hold ---------------------------------------------------------------------


def _output(notebook, caption: str) -> str:
    """The figure with this caption, as HTML."""
    outputs = (out for cell in notebook.cells for out in cell.get("outputs", ()))
    shown = (output.get("data", {}).get("text/html", "") for output in outputs)
    return next(one for one in shown if f"{caption}<" in one)


def _below(notebook, heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", prose, re.M | re.S)[1].strip()


def _opened(text: str) -> str:
    """Text of section 00 for a page of its own, beside the folder of the notebooks."""
    text = re.sub(r"</?details>|<summary>.*?</summary>", "", text)
    text = re.sub(r"\]\((\w+\.ipynb)", r"](notebooks/\1", text.replace("### ", "## "))
    return text.replace("](#", "](notebooks/00_start_here.ipynb#")


def _cards(sections: dict, source: Path) -> Iterator[str]:
    """The path as a list of pictures with a link, a question and the time it takes."""
    drawn = _output(sections["00_start_here"], "Figure 0.5.")
    alts = html.unescape(re.search(r'alt="[^:]*: ([^"]*)\."', drawn)[1]).split("; ")
    encoded = re.search(r'base64,([^"]*)', drawn)[1]
    pictures = _tiles(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"), 4, 3)
    later = list(sections.items())[1:]
    yield "{.cards}"
    for (stem, notebook), picture, alt in zip(later, pictures, alts, strict=True):
        (source / "parts").mkdir(exist_ok=True)
        picture.save(source / "parts" / f"{stem}.png")
        opening = notebook.cells[0].source
        title, question = (
            re.search(r"^# (.+)", opening)[1],
            re.search(r"^\*\*(.+?)\*\*", opening, re.M)[1],
        )
        minutes = re.search(r"About (\d+ min)", opening)[1]
        link = f"[![{alt}](parts/{stem}.png) **{title}**](notebooks/{stem}.ipynb)"
        yield f"- {link} {question} *{minutes}*"


def _tiles(picture: Image.Image, rows: int, columns: int) -> Iterator[Image.Image]:
    """A figure cut along the empty lanes between its panels, each panel without its margins."""
    ink = np.abs(np.asarray(picture, int) - picture.getpixel((0, picture.height - 1))).max(2) > 8
    for y0, y1 in _between(ink.any(1), rows):
        for x0, x1 in _between(ink.any(0), columns):
            ys, xs = np.nonzero(ink[y0:y1, x0:x1])
            box = (x0 + xs.min(), y0 + ys.min(), x0 + xs.max() + 1, y0 + ys.max() + 1)
            yield picture.crop(box)


def _between(inked: np.ndarray, parts: int) -> list[tuple[int, int]]:
    """Begin and end of each part: the cuts lie in the widest empty lanes near equal parts."""
    length, cuts = len(inked), [0]
    for middle in (length * part // parts for part in range(1, parts)):
        near = range(middle - length // parts // 4, middle + length // parts // 4)
        lanes = "".join("x" if inked[line] else " " for line in near)
        widest = max(re.finditer(" +", lanes), key=lambda lane: len(lane[0]))
        cuts.append(near[sum(widest.span()) // 2])
    return list(pairwise([*cuts, length]))


def _glossary(outline: str) -> tuple[str, str]:
    """The outline without the terms, and the terms, two to a line, by the English one."""
    plan, _, rows = outline.partition("| 한국어 |")
    rows = rows.partition("---|\n")[2]
    terms = re.findall(r"\| ([^|\n]*[가-힣][^|\n]*) \| ([^|\n]+?) (?=\|)", rows)
    lines = sorted((f"| {english} | {korean} |" for korean, english in terms), key=str.casefold)
    return plan, "\n".join(["| English | 한국어 |", "|---|---|", *lines])


def _references(sections: dict) -> Iterator[str]:
    for stem, notebook in sections.items():
        entries = re.sub(r"^\[.*\)$", "", _below(notebook, "References"), flags=re.M)
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        yield f"## [{title}](notebooks/{stem}.ipynb)\n\n{_opened(entries).strip()}"


# --- what the package says -----------------------------------------------------------------------


def _commands() -> Iterator[str]:
    """What each command says with ``--help``."""
    for name in cli.COMMANDS:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            cli.main([name, "--help"])
        yield f"## {name}\n\n```text\n{said.getvalue().strip()}\n```"


def _platforms() -> list[str]:
    """Learning platforms whose file names are known."""
    known = tomllib.loads((HERE.parent / "grading" / "names.toml").read_text(encoding="utf-8"))
    return sorted(name for name in known["platforms"] if "," not in name)


def _modules(source: Path) -> Iterator[str]:
    """A page for each module of the kit, and a list of them."""
    package = HERE.parent
    files = sorted([*package.glob("*.py"), *package.glob("networks/*.py")])
    for file in files:
        if file.stem.startswith("_") or file.stem in NOT_THE_KIT:
            continue
        name = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        about = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))).splitlines()[0]
        short = name.removeprefix("cv_course.")
        title = f"{short}\n{'=' * len(short)}"
        _write(source / "api" / f"{name}.rst", f"{title}\n\n.. automodule:: {name}\n   :members:")
        yield f"- :doc:`{short} </api/{name}>`: {about}"
