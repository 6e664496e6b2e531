"""The website: whole, without a solution, without a word to another address, and readable."""

import functools
import html
import http.server
import json
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from accessible import serious

from cv_course import cli
from cv_course.grading import release

for needed in ("myst_nb", "sphinx_book_theme"):
    pytest.importorskip(needed, reason="pip install 'cv-course[docs]'")

from cv_course import site as website

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb"))


def files(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The website, built once."""
    out = tmp_path_factory.mktemp("site") / "new"
    sources = [ROOT / "cv_course", ROOT / "notebooks"]
    before = [files(folder) for folder in sources]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert cli.main(["site", "--out", str(out)]) == 0
    assert [files(folder) for folder in sources] == before
    return out


@pytest.fixture(scope="module")
def pages(site):
    """Each page's address below the site -> what it links and loads."""
    found = (file for file in site.rglob("*.html") if "_static" not in file.parts)
    return {str(file.relative_to(site)): Page(file) for file in found}


class Page(HTMLParser):
    """The anchors of a page, the addresses of its links, and those of all that it loads."""

    def __init__(self, file: Path):
        super().__init__()
        self.anchors, self.links, self.loaded = {"", "top"}, [], []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found.get("id", ""), found.get("name", "")}
        canonical = found.get("rel") == "canonical"
        if "href" in found and not canonical:
            (self.links if tag == "a" else self.loaded).append(found["href"])
        self.loaded += [found[name] for name in ("src", "srcset", "data", "poster") if name in found]


# --- whole -----------------------------------------------------------------------------------------


def test_each_section_and_each_assignment_has_its_page(pages):
    assert len(SECTIONS) == 13
    assert {f"notebooks/{stem}.html" for stem in SECTIONS} <= pages.keys()
    assert len([name for name in pages if name.startswith("assignments/")]) == 4


def test_links_and_anchors_lead_somewhere(site, pages):
    lost = []
    for name, page in pages.items():
        for link in (*page.links, *page.loaded):
            address, anchor = urldefrag(link)
            if re.match(r"(https?|data|mailto):", link):
                continue
            target = (site / name).parent / unquote(address) if address else site / name
            there = str(target.resolve().relative_to(site)) if target.exists() else None
            if there is None or (there in pages and unquote(anchor) not in pages[there].anchors):
                lost.append(f"{name}: {link}")
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    loaded = [url for page in pages.values() for url in page.loaded]
    assert [url for url in loaded if re.match(r"(https?:)?//", url)] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text("utf-8"))


BROKEN = {
    "[page](gone.md)": "'myst' cross-reference target not found: 'gone.md'",
    "[anchor](index.md#gone)": "'gone'",
    "```{eval-rst}\n:func:`cv_course.gone`\n```": "target not found: cv_course.gone",
}


def test_what_leads_nowhere_stops_the_build_and_is_named(tmp_path, monkeypatch, capfd):
    def gather(root, source):
        (source / "static").mkdir(parents=True)
        for name in ("site.css", "icon.svg"):
            (source / "static" / name).touch()
        (source / "index.md").write_text("\n\n".join(["# Broken", *BROKEN]), encoding="utf-8")

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(website, "_gather", gather)
    assert cli.main(["site", "--out", str(tmp_path / "new")]) == 1
    said = capfd.readouterr().err
    assert [words for words in BROKEN.values() if words not in said] == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.chdir(ROOT)
    assert cli.main(["site", "--out", str(tmp_path)]) == 1
    assert "did not build" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


# --- without a solution ----------------------------------------------------------------------------


def told(file: Path) -> str:
    """All that a file of the site says, as one line."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    if file.suffix == ".html":
        text = html.unescape(re.sub(r"<[^>]*>", "", text))
    return release._flat(text)


def test_no_answer_to_an_assignment_is_in_any_file(site):
    secret = dict(release._secret_lines(ROOT))
    assert len(secret) > 300
    binary = (".png", ".svg", ".woff2", ".ttf", ".inv", ".gz")
    found = []
    for file in sorted(files(site)):
        if file.suffix in binary:
            continue
        said = told(file)
        found += [f"{file.relative_to(site)}: {line}" for line in secret if line in said]
        assert "BEGIN SOLUTION" not in said
        assert "grading.answers" not in said or file.suffix == ".html"
    assert found == []
