"""What a reader sees where no kernel answers: on a website, on paper, on GitHub.

At each push the browser opens one page; all the others with ``-m "browser and slow"``.
"""

import re
from functools import cache

import nbformat
import pytest
from accessible import serious
from test_notebooks import NOTEBOOKS, alternative_texts

pages = pytest.importorskip("cv_course.site.pages", reason="pip install 'cv-course[lab]'")

SECTIONS = [one for one in NOTEBOOKS if one.parent.name == "notebooks"]  # assignments have no film
QUICK = "03_classification_as_search"


def some_slow(files, quick=QUICK):
    """Parameters; all but one wait for the weekly run."""
    slow = {True: [], False: [pytest.mark.slow]}
    return [pytest.param(one, id=one.stem, marks=slow[one.stem == quick]) for one in files]


def films(file) -> list[str]:
    """The outputs of a notebook's interactives, as HTML."""
    outputs = [one for cell in nbformat.read(file, 4).cells for one in cell.get("outputs", [])]
    bundles = [output.get("data", {}) for output in outputs]
    told = [one for one in bundles if one.get("text/plain", "").startswith("[interactive]")]
    return [bundle["text/html"] for bundle in told]


def plain(content: str) -> str:
    """About what GitHub leaves of HTML."""
    content = re.sub(r"<(style|script)\b.*?</\1>", "", content, flags=re.S)
    content = re.sub(r"</?(input|button|label|form)\b[^>]*>", "", content)
    attribute = r' (class|role|aria-\w+|style|hidden)(="[^"]*")?(?=[ >])'
    return re.sub(r"<[^>]*>", lambda tag: re.sub(attribute, "", tag[0]), content)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Notebook file -> address of its page, with links to the others; each made once."""
    folder = tmp_path_factory.mktemp("html")

    @cache
    def of(file) -> str:
        (page,) = pages.pages([file], folder)
        return page.as_uri()

    return of


@pytest.fixture
def new_page(browser):
    """Options of a browser context -> an empty page that cannot reach the network."""
    contexts = []

    def make(**options):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}, **options))
        contexts[-1].route(re.compile("^https?:"), lambda route: route.abort())
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize("file", SECTIONS, ids=lambda path: path.stem)
def test_an_interactive_leaves_a_film_of_three_to_five_captioned_states(file):
    assert films(file)
    for film in films(file):
        assert len(film.encode()) <= 300_000
        captions = re.findall(r"<strong>\d of \d</strong> · (.+?)</p>", film)
        assert 3 <= len(captions) <= 5
        assert len(set(captions)) == len(captions) == len(alternative_texts(film))
        assert all(": " in caption for caption in captions)
        assert len(set(alternative_texts(film))) == len(captions)
        assert len(set(re.findall(r'src="([^"]+)', film))) == len(captions)


@pytest.mark.browser
@pytest.mark.parametrize("file", some_slow(SECTIONS))
def test_the_exported_film_is_stepped_without_a_script_and_all_there_on_paper(
    file, export, new_page
):
    page = new_page(java_script_enabled=False)
    page.goto(export(file))
    found = page.locator(".cv-film").all()
    assert len(found) == len(films(file))

    def all_there_on_paper():
        page.emulate_media(media="print")
        for film in found:
            assert film.locator("img:visible").count() == film.locator("> div").count()
            assert film.locator("input:visible").count() == 0
        page.emulate_media(media="screen")

    all_there_on_paper()  # before a folded part is opened
    for part in page.locator("details.cv-further > summary").all():
        part.press("Enter")
    for film in found:
        buttons, seen = film.get_by_role("radio"), []
        count = film.locator("> div").count()
        assert buttons.count() == count
        buttons.first.focus()
        for place in range(count):
            shown = film.locator("> div:visible")
            assert shown.count() == 1
            caption = film.get_by_role("radio", checked=True).get_attribute("aria-label")
            assert shown.locator("p").inner_text() == f"{place + 1} of {count} · {caption}"
            assert shown.get_by_role("img").bounding_box()["width"] > 150
            seen.append(shown.get_by_role("img").screenshot())
            page.keyboard.press("ArrowRight")
        assert len(set(seen)) == count
        assert film.get_by_role("radio", checked=True).get_attribute("aria-label") in (
            buttons.first.get_attribute("aria-label")
        )  # once round
    all_there_on_paper()


@pytest.mark.browser
@pytest.mark.parametrize("file", some_slow(SECTIONS))
def test_without_its_style_sheet_the_film_is_a_plain_strip(file, new_page):
    page = new_page()
    for film in films(file):
        page.set_content(re.sub(r"<style>.*?</style>", "", film))  # as JupyterLab without trust
        assert page.locator("input:visible").count() == 0
        text = page.locator("body").inner_text()
        page.set_content(plain(film))
        assert page.locator("body").inner_text() == text
        assert page.locator("img:visible").count() == film.count("<img")
        assert not re.search(r"[{}<>]|checked|screen", text)
        assert len(re.findall(r"^\d of \d · .+: .+", text, flags=re.M)) == film.count("<img")


@pytest.mark.browser
@pytest.mark.parametrize("file", some_slow(NOTEBOOKS))
def test_axe_finds_nothing_serious_in_the_page(file, export, new_page):
    page = new_page()
    page.goto(export(file))
    assert page.locator(".jp-OutputArea-output").count() > 0
    assert serious(page) == []
