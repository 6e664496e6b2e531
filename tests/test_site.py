"""The website: whole, without a solution, without a word to another address, and readable."""

import contextlib
import functools
import html
import http.server
import json
import re
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from accessible import serious

from cv_course import cli
from cv_course.grading import release

pytest.importorskip("sphinx_book_theme", reason="pip install 'cv-course[docs]'")
BeautifulSoup = pytest.importorskip("bs4").BeautifulSoup
website = pytest.importorskip("cv_course.site.book")
ROOT = Path(__file__).resolve().parents[1]
# Sphinx speaks to its extensions, and they answer in their next release
quiet = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
pytestmark = [quiet, pytest.mark.browser]  # all of them, so that the site is built once a push
FITS = "document.documentElement.scrollWidth <= innerWidth"
SECTIONS = sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The website, built once."""
    out = tmp_path_factory.mktemp("site") / "new"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert cli.main(["site", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def pages(site):
    """Each page's address below the site -> its elements."""
    found = (file for file in site.rglob("*.html") if "_static" not in file.parts)
    soup = functools.partial(BeautifulSoup, features="html.parser")
    return {str(file.relative_to(site)): soup(file.read_bytes()) for file in found}


def loaded(page) -> list[str]:
    """The addresses of all that a page loads by itself."""
    elements = page.select("[src], link[href]:not([rel=canonical])")
    return [one.get("src") or one["href"] for one in elements]


# --- whole ----------------------------------------------------------------------------------------


def test_each_section_and_each_assignment_has_its_page(pages):
    assert len(SECTIONS) == 13
    assert {f"notebooks/{stem}.html" for stem in SECTIONS} <= pages.keys()
    assert len([name for name in pages if name.startswith("assignments/")]) == 4


def test_links_and_anchors_lead_somewhere(site, pages):
    anchors = {name: {one["id"] for one in page.select("[id]")} for name, page in pages.items()}
    lost = []
    for name, page in pages.items():
        for link in (*(one["href"] for one in page.select("a[href]")), *loaded(page)):
            if re.match(r"(https?|data|mailto):", link):
                continue
            parts = urlsplit(link)
            target = site / name
            if parts.path:
                target = (target.parent / unquote(parts.path)).resolve()
            there = str(target.relative_to(site))
            missing = parts.fragment and unquote(parts.fragment) not in anchors[there]
            if missing or not target.is_file():
                lost.append(f"{name}: {link}")
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    addresses = [address for page in pages.values() for address in loaded(page)]
    assert [one for one in addresses if re.match(r"(https?:)?//", one)] == []
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


# --- without a solution ---------------------------------------------------------------------------


def told(file: Path) -> str:
    """All that a file of the site says, as one line."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    if file.suffix == ".html":
        text = html.unescape(re.sub(r"<[^>]*>", "", text))
    return release._flat(text)


def test_no_answer_to_an_assignment_is_in_any_file(site):
    secret = {line for line, _ in release._secret_lines(ROOT)}
    secret -= {"nn.Flatten(),"}  # in every second network of the sections
    assert len(secret) > 300
    secret |= {"BEGIN SOLUTION", "grading.answers"}
    found = []
    for file in site.rglob("*.*"):
        if file.is_file() and file.suffix not in (".png", ".svg", ".woff2", ".ttf", ".inv"):
            said = told(file)
            found += [f"{file.relative_to(site)}: {line}" for line in secret if line in said]
    assert found == []


# --- readable -------------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """A page loads dozens of files: their names would hide what a test found."""


@pytest.fixture(scope="module")
def address(site):
    """The site, served as any web server does it."""
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def opened(browser, address: str, name: str, width: int = 1280, theme: str = "light"):
    """A page in the browser; what went wrong while it was open fails the test."""
    wrong = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.on(
        "console",
        lambda said: said.type == "error" and wrong.append(f"{said.text} {said.location}"),
    )
    page.on("pageerror", lambda problem: wrong.append(str(problem)))
    page.on("requestfailed", lambda asked: wrong.append(asked.url))
    known = (address, "data:", "blob:")
    page.on("request", lambda asked: asked.url.startswith(known) or wrong.append(asked.url))
    page.goto(address + name)
    yield page
    page.close()
    assert wrong == [], name


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_quiet_fits_and_is_accessible(browser, address, pages, width, theme):
    assert len(pages) > 40
    found = []
    for name in pages:
        with opened(browser, address, name, width, theme) as page:
            assert page.evaluate("document.documentElement.dataset.theme") == theme
            found += [] if page.evaluate(FITS) else [f"{name} is wider than {width} px"]
            found += [f"{name}: {one}" for one in serious(page)]
    assert found == []


FOUND = {
    "receptive field": "notebooks/09_receptive_field.html",
    "template": "notebooks/04_one_layer_one_template.html",
    "수용영역": "glossary.html",
}


@pytest.mark.parametrize("words", FOUND)
def test_the_search_finds(browser, address, words):
    with opened(browser, address, f"search.html?q={words}") as page:
        page.locator(f"#search-results a[href^='{FOUND[words]}']").first.wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_without_a_script_code_unfolds_and_films_step(browser, address, width):
    size = {"width": width, "height": 900}
    page = browser.new_page(viewport=size, java_script_enabled=False)
    page.goto(f"{address}notebooks/04_one_layer_one_template.html")
    assert page.evaluate(FITS)
    fold = page.locator("summary", has_text="Worked solutions")
    code = page.locator("details", has=fold).locator("pre")
    assert not code.is_visible()
    fold.press("Enter")
    assert code.is_visible()
    film = page.locator(".cv-film").first
    assert film.locator("> div:visible").inner_text().startswith("1 of 4")
    film.get_by_role("radio").first.press("ArrowRight")
    assert film.locator("> div:visible").inner_text().startswith("2 of 4")
    assert page.locator("figure").count() >= 8
    assert page.get_by_role("link", name="Open in Colab").count() == 1
    page.close()
