"""The website: whole, without a solution, without a word to another address, and readable."""

import functools
import html
import http.server
import json
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from accessible import serious

from cv_course import cli
from cv_course.grading import release

for needed in ("myst_nb", "sphinx_book_theme"):
    pytest.importorskip(needed, reason="pip install 'cv-course[docs]'")
website = pytest.importorskip("cv_course.site")
ROOT = Path(__file__).resolve().parents[1]
# Sphinx speaks to its extensions, and they answer in their next release
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
SECTIONS = sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb"))


def files(folder: Path) -> set[Path]:
    return {
        file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    }


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
        self.loaded += [
            found[name] for name in ("src", "srcset", "data", "poster") if name in found
        ]


# --- whole ----------------------------------------------------------------------------------------


def test_each_section_and_each_assignment_has_its_page(pages):
    assert len(SECTIONS) == 13
    assert {f"notebooks/{stem}.html" for stem in SECTIONS} <= pages.keys()
    assert len([name for name in pages if name.startswith("assignments/")]) == 4


def test_links_and_anchors_lead_somewhere(site, pages):
    lost = []
    for name, page in pages.items():
        for link in (*page.links, *page.loaded):
            if re.match(r"(https?|data|mailto):", link):
                continue
            parts = urlsplit(link)
            path, anchor = unquote(parts.path), unquote(parts.fragment)
            target = (site / name).parent / path if path else site / name
            there = str(target.resolve().relative_to(site)) if target.exists() else None
            if there is None or (there in pages and anchor not in pages[there].anchors):
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
    secret = dict(release._secret_lines(ROOT))
    del secret["nn.Flatten(),"]  # in every second network of the sections
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


# --- readable -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(site):
    """The site, served as any web server does it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def look(browser, address):
    """(name, width, theme) -> an open page; what went wrong while it was open fails the test."""
    opened, wrong = [], []

    def open_page(name: str, width: int = 1280, theme: str = "light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        opened.append(page)
        page.on("console", lambda said: said.type == "error" and wrong.append((name, said.text)))
        page.on("pageerror", lambda problem: wrong.append((name, str(problem))))
        page.on("response", lambda got: got.status >= 400 and wrong.append((name, got.url)))
        page.on("requestfailed", lambda asked: wrong.append((name, asked.url)))
        page.on("request", lambda asked: is_foreign(asked.url) and wrong.append((name, asked.url)))
        page.goto(address + name)
        return page

    def is_foreign(url: str) -> bool:
        return not url.startswith((address, "data:", "blob:"))

    yield open_page
    for page in opened:
        page.close()
    assert wrong == []


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_quiet_fits_and_is_accessible(look, pages, width, theme):
    assert len(pages) > 40
    found = []
    for name in pages:
        page = look(name, width, theme)
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        found += [] if fits(page) else [f"{name} is wider than {width} px"]
        found += [f"{name}: {one}" for one in serious(page)]
        page.close()
    assert found == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("receptive field", "notebooks/09_receptive_field.html"),
        ("template", "notebooks/04_one_layer_one_template.html"),
        ("수용영역", "glossary.html"),
    ],
)
def test_the_search_finds(look, words, expected):
    page = look(f"search.html?q={words}")
    page.locator(f"#search-results a[href^='{expected}']").first.wait_for(timeout=10_000)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_without_a_script_code_unfolds_and_films_step(browser, address, width):
    size = {"width": width, "height": 900}
    page = browser.new_page(viewport=size, java_script_enabled=False)
    page.goto(f"{address}notebooks/04_one_layer_one_template.html")
    assert fits(page)
    fold = page.locator("summary", has_text="Worked solutions")
    code = page.locator("details", has=fold).locator("pre")
    assert not code.is_visible()
    fold.press("Enter")
    assert code.is_visible()
    film = page.locator(".cv-film").first
    seen = [film.locator("> div:visible").inner_text()]
    film.get_by_role("radio").first.press("ArrowRight")
    seen.append(film.locator("> div:visible").inner_text())
    assert seen[0][:6] == "1 of 4"
    assert seen[1][:6] == "2 of 4"
    assert page.locator("figure").count() >= 8
    assert page.get_by_role("link", name="Open in Colab").count() == 1
    page.close()
