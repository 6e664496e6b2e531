"""What every notebook of the workbook has to be like; nbval runs them beside this."""

import re
import subprocess
import sys
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path

import jupytext
import nbformat
import pytest
import torch
from bs4 import BeautifulSoup

from cv_course import notebooks, plots
from cv_course.assignments import ASSIGNMENTS

ROOT = Path(__file__).resolve().parents[1]
TEXTS = sorted((ROOT / "notebooks").rglob("text/*.py"))
NOTEBOOKS = [text.parent.parent / f"{text.stem}.ipynb" for text in TEXTS]
ADDRESSES = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
REPOSITORY = ADDRESSES["Repository"]
STARTS = (1, 2, 12, 17, 25, 31, 37, 39, 41, 52, 55, 64)  # each section's first concept, and the end
EXPECTED_SECTIONS = {f"{n:02}": range(*ends) for n, ends in enumerate(pairwise(STARTS))}
BADGE = "Open in Colab"  # names a link, and is repeated nowhere but on badges
each_text = pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
SECTIONS = [text for text in TEXTS if text.parent.parent.name == "notebooks"]
GRADED = [text for text in TEXTS if text.parent.parent.name == "assignments"]
each_section = pytest.mark.parametrize("text", SECTIONS, ids=lambda path: path.stem)
each_assignment = pytest.mark.parametrize("text", GRADED, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda path: path.stem)


def alternative_texts(content: str) -> list[str | None]:
    """Of the pictures in some HTML."""
    return [one.get("alt") for one in BeautifulSoup(content, "html.parser").find_all("img")]


@cache
def cells_of(text: Path) -> list:
    return jupytext.read(text).cells


@cache
def joined(text: Path, kind: str) -> str:
    """All cells of one kind."""
    cells = cells_of(text)
    return "\n".join(cell.source for cell in cells if cell.cell_type == kind)


def complaints(notebook: nbformat.NotebookNode, size: int = 0) -> list[str]:
    """What is wrong with a committed notebook; an empty list if nothing is."""
    found = []
    if size > 1_500_000:
        found.append(f"{size / 1e6:.1f} MB, the most is 1.5 MB")
    texts: list[str | None] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            texts += alternative_texts(cell.source)
            texts += [alt for alt in re.findall(r"!\[([^]]*)\]", cell.source) if alt != BADGE]
        if cell.cell_type != "code":
            continue
        start = f"cell {cell.get('id')}: "
        if cell.execution_count is None and cell.source.strip():
            found.append(start + "not executed, so nothing can be compared")
        for output in cell.outputs:
            bundle = output.get("data", {})
            if output.output_type == "error":
                found.append(start + f"failed with {output.ename}")
            if any(kind.startswith("image/") for kind in bundle):
                found.append(start + "a bare picture; use plots.show(figure, caption, alt)")
            if notebooks.WIDGET_VIEW in bundle:
                found.append(start + "a reference to a widget of a kernel that is gone")
            content = output.get("text", "") + "".join(
                value for kind, value in bundle.items() if kind.startswith("text/")
            )
            texts += alternative_texts(bundle.get("text/html", ""))
            content = re.sub(r"base64,[^\"]*", "", content)
            here = r"(?<![\w.])(/(home|tmp|root|work|opt|Users)/|[A-Z]:\\)\S*"
            if path := re.search(here, content):
                found.append(start + f"a path of the computer it ran on: {path.group()}")
            if re.search(r"\bat 0x[0-9a-f]{6,}", content):
                found.append(start + "a memory address, other in every run")
    for text in texts:
        if not text or len(text.split()) < 5 or re.search(r"\.(png|svg|jpg)\b", text):
            found.append(f"alternative text says nothing: {text!r}")
    twice = {text for text in texts if texts.count(text) > 1}
    return found + [f"two pictures have this text: {text}" for text in twice]


@each_notebook
def test_is_executed_whole_and_fit_to_be_published(file):
    assert complaints(nbformat.read(file, as_version=4), file.stat().st_size) == []


@each_text
def test_pair_agrees(text):
    executed = nbformat.read(text.parent.parent / f"{text.stem}.ipynb", 4)

    def told(cell):
        return cell.cell_type, cell.source, *map(cell.metadata.get, ("tags", "nbgrader"))

    again = f"rebuild it: cv-course run --save {text.stem}"
    assert list(map(told, cells_of(text))) == list(map(told, executed.cells)), again
    for cell in executed.cells:
        folded = notebooks.FOLDED in cell.metadata.get("tags", ())
        assert cell.metadata.get("jupyter", {}).get("source_hidden", False) == folded
        assert cell.metadata.get("cellView") == ("form" if folded else None)
        further = cell.cell_type == "markdown" and cell.source.startswith("## Going further")
        assert cell.metadata.get("jp-MarkdownHeadingCollapsed", False) == further


@each_text
def test_what_is_folded_begins_with_a_heading_and_one_sentence_after_the_summary(text):
    """JupyterLab folds all cells below such a heading, so the heading's own cell stays short."""
    headings = re.findall(r"^## (.*)", joined(text, "markdown"), flags=re.M)
    further = [place for place, one in enumerate(headings) if one.startswith("Going further")]
    if further:
        first = headings.index("Summary") + 1
        assert further == [*range(first, headings.index("Problem set"))]
    for cell in cells_of(text):
        if "## Going further" in cell.source and cell.cell_type == "markdown":
            assert re.fullmatch(r"## Going further: .+\n\n[^.?]+[.?]", cell.source.strip()), (
                cell.source
            )


@each_text
def test_no_year_at_the_beginning_of_a_line_becomes_a_list(text):
    assert re.findall(r"^ *\d{2,}[.)] .*", joined(text, "markdown"), flags=re.M) == []


def test_no_notebook_without_text():
    found = (ROOT / "notebooks").rglob("*.ipynb")
    assert {one for one in found if one.parent.name[0] != "."} == set(NOTEBOOKS)


@pytest.mark.script
@each_text
def test_runs_as_a_plain_script(text, tmp_path):
    done = subprocess.run(
        [sys.executable, str(text)], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "[figure]" in done.stdout


@each_section
def test_anatomy(text):
    cells = cells_of(text)
    address = REPOSITORY.removeprefix("https://")
    badge = f"https://colab.research.google.com/{address}/blob/main/notebooks/{text.stem}.ipynb"
    badge = badge.replace("com/github.com", "com/github")
    assert cells[0].source.startswith("# ")
    opening = cells[0].source if "Open in Colab" in cells[0].source else cells[1].source
    assert badge in opening
    markdown, code = joined(text, "markdown"), joined(text, "code")
    assert "## Summary" in markdown or text.stem.startswith("00")
    assert "olution" in markdown
    for needed in (r"\bcheck\(", r"\bhint\(", r"\bshow\(", r"\bplay\."):
        assert re.search(needed, code), f"no {needed}…)"


def setup_cell(text: Path) -> str:
    return next(cell.source for cell in cells_of(text) if cell.cell_type == "code")


def code_lines(source: str) -> tuple[str, ...]:
    """Without blank lines and comments, such as the title of a folded cell."""
    return tuple(line for line in source.splitlines() if line.strip() and line[0] != "#")


def test_the_setup_cell_is_the_same_everywhere():
    setups = {code_lines(setup_cell(text)) for text in SECTIONS}
    students = ADDRESSES["Assignments"]
    graded = {code_lines(setup_cell(text).replace(students, REPOSITORY)) for text in GRADED}
    (setup,) = setups
    assert graded == setups
    assert len(setup) <= 3
    assert f'"install -q git+{REPOSITORY}"' in "".join(setup)


@each_assignment
def test_anatomy_of_an_assignment(text):
    one = next(each for each in ASSIGNMENTS.values() if each.stem == text.stem)
    cells = cells_of(text)
    opening = cells[0].source
    assert opening.startswith(f"# {one.name} · {one.title}\n")
    assert f"About {one.minutes} min".lower() in opening.lower()
    assert f"{one.points:g} points" in opening
    assert re.search(r"\*Concepts? \d", opening)
    assert "](../" in opening, "no link to a section"
    marks = {
        cell.metadata["nbgrader"]["grade_id"]: cell for cell in cells if "nbgrader" in cell.metadata
    }
    for question in one.questions:
        answer, test = marks[question.name], marks[f"test_{question.name}"]
        assert f"def {question.name}(" in answer.source
        assert answer.metadata["nbgrader"]["solution"]
        assert test.source.startswith(f"check({question.name})\n")
        assert test.metadata["nbgrader"]["points"] == question.points
        assert f"hint({question.name})" in [cell.source for cell in cells]
    for name, _, points in one.free_text:
        assert marks[name].cell_type == "markdown"
        assert marks[name].metadata["nbgrader"]["points"] == points
        assert one.free_answers([(False, marks[name].source)])[name]


@cache
def headings(file: Path) -> dict[str, str]:
    """Anchor (as JupyterLab makes it) -> the text below the heading, up to the next ``##``."""
    sections = re.split(r"^## (.+)$", joined(file, "markdown"), flags=re.M)[1:]
    return {
        heading.strip().replace(" ", "-"): body
        for heading, body in zip(sections[::2], sections[1::2], strict=True)
    }


@cache
def concept_map() -> dict[int, str]:
    body = headings(ROOT / "notebooks/text/00_start_here.py")["Map-of-the-concepts"]
    rows = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", body, flags=re.M)
    return {int(number): place for number, place in rows}


def covered(body: str) -> set[int]:
    """Numbers from a section's footer: *Concept 19*, *Concepts 21, 22*, *Concepts 17–18*."""
    numbers: set[int] = set()
    for footer in re.findall(r"\*Concepts? ([\d ,–and-]+)\*", body):
        for part in re.split(r",|and", footer):
            ends = [int(number) for number in re.findall(r"\d+", part)]
            numbers |= set(range(ends[0], ends[-1] + 1))
    return numbers


def with_gradient(function):
    """The same function by somebody who works with torch and detaches nothing."""

    def convert(answer):
        if isinstance(answer, tuple):
            return tuple(map(convert, answer))
        tensor = torch.as_tensor(answer)
        return tensor.requires_grad_() if tensor.is_floating_point() else tensor

    return lambda *args: convert(function(*args))


@pytest.mark.parametrize("text", GRADED[:3], ids=lambda path: path.stem)
def test_an_assignments_pictures_are_drawn_of_tensors_that_require_grad(text, monkeypatch):
    """What ``check`` accepts must not break the cell below it; in A4 the answers are networks."""
    (assignment,) = (one for one in ASSIGNMENTS.values() if one.stem == text.stem)
    arrays = {one.name for one in assignment.questions} - {
        "receptive_field",
        "trace",
        "design_layers",
    }
    drawn, names = [], {"__name__": "notebook"}
    monkeypatch.setattr(plots, "show", lambda _, caption, alt: drawn.append(alt))
    for cell in cells_of(text):
        if cell.cell_type != "code" or cell.source.startswith(("check(", "hint(")):
            continue
        if "if passed(" not in cell.source:
            exec(cell.source, names)
            continue
        for name in {"X_train", "y_train", "X_test", "y_test", "test"} & names.keys():
            names[name] = names[name][:1_000]  # enough, and quicker to learn from
        other = {name: with_gradient(names[name]) for name in arrays & names.keys()}
        seen = {**names, **other, "passed": lambda function: True}
        exec(cell.source, seen)
        names = {**seen, **names}
    assert len(drawn) >= 4


@each_text
def test_rows_of_tables_and_items_of_lists_stand_on_lines_of_their_own(text):
    """A broken row ends its table, and a swallowed item leaves a gap in its list."""
    for cell in cells_of(text):
        if cell.cell_type != "markdown":
            continue
        lines = cell.source.splitlines()
        assert [line for line in lines if line.startswith("|") and not line.endswith("|")] == []
        numbers = [int(found[1]) for line in lines if (found := re.match(r"(\d+)\. ", line))]
        assert all(now in (1, before + 1) for before, now in pairwise([0, *numbers]))
        assert not re.search(r"^- .*[.:] - \S", cell.source, re.MULTILINE)


def test_the_concept_map_is_complete():
    assert sorted(concept_map()) == list(range(1, 64))


@pytest.mark.parametrize("section", EXPECTED_SECTIONS)
def test_each_concept_links_to_the_cell_that_shows_it(section):
    written = next(text for text in TEXTS if text.name.startswith(section))
    for number in EXPECTED_SECTIONS[section]:
        place = concept_map()[number]
        link = re.fullmatch(r"\[.+\]\((?:(\w+)\.ipynb)?#(.+)\)", place)
        assert link, f"concept {number}: {place}"
        assert (link[1] or "00_start_here") == written.stem
        body = headings(written).get(link[2])
        assert body is not None, f"concept {number}: no heading {link[2]} in {written.stem}"
        assert number in covered(body), f"concept {number} is not in the footer of {link[2]}"


@each_text
def test_links_between_notebooks_resolve(text):
    known = {one.stem: one for one in TEXTS}
    link = r"\]\((?:\.\./)?(\w+)\.ipynb(?:#([^)]+))?\)"
    for stem, anchor in re.findall(link, joined(text, "markdown")):
        assert stem in known, f"link to {stem}.ipynb, which does not exist"
        assert not anchor or anchor in headings(known[stem]), f"{stem}.ipynb#{anchor}"


def test_complaints_are_made(tmp_path):
    """Each rule above can fail: a notebook that breaks them all."""
    new = nbformat.v4
    picture = {"text/html": '<img alt="plot.png" src="data:image/png;base64,AAAA">'}
    bad = new.new_notebook(
        cells=[
            new.new_code_cell("1"),
            new.new_markdown_cell('![](a) ![a house](b) <img src="c">'),
            new.new_code_cell(
                "2",
                execution_count=1,
                outputs=[
                    new.new_output("error", ename="ValueError", evalue="", traceback=[]),
                    new.new_output("display_data", {"image/png": "AAAA"}),
                    new.new_output("display_data", {notebooks.WIDGET_VIEW: {}}),
                    new.new_output("stream", text="in /home/ada/notes.txt <f at 0x7f00aa11>"),
                    new.new_output("display_data", picture),
                    new.new_output("display_data", picture),
                ],
            ),
        ]
    )
    found = "\n".join(complaints(bad, 2_000_000))
    for part in (
        *("2.0 MB", "not executed", "ValueError", "bare picture", "widget", "/home/ada"),
        *("memory address", "says nothing: ''", "says nothing: 'a house'", "says nothing: None"),
        "two pictures",
    ):
        assert part in found
