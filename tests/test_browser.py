"""The workbook in JupyterLab in a real browser: sections run, and every interactive is moved.

Each interactive is moved control by control, once by keyboard and once by mouse. What the browser
shows must be what the pure function gives for the state that was asked for. At each push one
section is run, and one interactive moved that has every kind of control. All sections take minutes,
with ``-m "browser and slow"``. Without Chromium the tests are skipped, unless CI says that it has
to be there. With ``CV_COURSE_SCREENSHOTS=FOLDER`` the pictures of all this are kept there.
"""

import html
import os
import re
import shutil
import time
from pathlib import Path

import lab
import nbformat
import pytest
from accessible import serious
from test_still import SECTIONS, films, some_slow

from cv_course import notebooks

QUICK = "00_start_here"
HELP = f"import sys\nsys.path.append({str(Path(__file__).parent)!r})\nimport interactives\n"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What JupyterLab shows: the sections, and a notebook with one interactive."""
    folder = tmp_path_factory.mktemp("opened")
    for section in SECTIONS:
        shutil.copy(section, folder)
    cell = nbformat.v4.new_code_cell(HELP + "interactives.every_kind()")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "every_kind.ipynb")
    return folder


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    kept = os.environ.get("CV_COURSE_SCREENSHOTS")
    place = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    place.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture(scope="module")
def page(browser, folder, tmp_path_factory):
    """JupyterLab, ready; for the whole file since it takes 15 s."""
    with lab.server(folder, tmp_path_factory.mktemp("home")) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(20_000)
        # badges and the like: an answer without content, since tests need no network
        elsewhere = re.compile(r"^(?!http://127\.0\.0\.1)")
        page.route(elsewhere, lambda route: route.fulfill(body=""))
        page.goto(address)
        page.wait_for_function("window.jupyterapp", timeout=60_000)
        page.evaluate("window.jupyterapp.restored.then(() => null)")
        yield page
        page.close()


@pytest.fixture
def console(page):
    """What the browser complained about during a test."""
    said = []

    def on_console(message):
        if message.type == "error":
            said.append(f"{message.text} ({message.location.get('url')})")

    listeners = {"console": on_console, "pageerror": lambda problem: said.append(str(problem))}
    for event, listener in listeners.items():
        page.on(event, listener)
    yield said
    for event, listener in listeners.items():
        page.remove_listener(event, listener)


@pytest.mark.parametrize("section", some_slow(SECTIONS, QUICK))
def test_a_section_runs_and_its_interactives_follow(page, console, screenshots, section):
    notebook = lab.Notebook(page, section.name)
    try:
        notebook.unfold()
        assert_plain_strips(notebook)
        notebook.run_all(limit=400)
        assert notebook.errors() == []
        page.screenshot(path=screenshots / f"{section.stem}.png")
        drivers = drivers_of(notebook)
        assert len(drivers) == len(films(section)) >= 1
        for place, driver in enumerate(drivers):
            assert_follows(driver, screenshots / f"{section.stem}-{place}")
    finally:
        notebook.close()
    assert console == []


def test_every_kind_of_control_follows(page, console, screenshots):
    notebook = lab.Notebook(page, "every_kind.ipynb")
    try:
        notebook.run_all(limit=120)
        (driver,) = drivers_of(notebook)
        assert {about["kind"] for about in driver.controls.values()} == MOVES.keys()
        assert_follows(driver, screenshots / "every_kind")
    finally:
        notebook.close()
    assert console == []


def test_going_further_is_folded_and_runs_all_the_same(page, folder):
    cells = [
        nbformat.v4.new_markdown_cell("## Going further: more\n\nFor a second reading."),
        nbformat.v4.new_code_cell("print('fa' + 'r')"),
        nbformat.v4.new_markdown_cell("## Problem set"),
    ]
    file = folder / "further.ipynb"
    notebooks.write(nbformat.v4.new_notebook(cells=cells), file)
    notebook = lab.Notebook(page, file.name)
    try:
        shown = [page.locator(f"#{notebook.id} .jp-Cell").nth(place) for place in range(3)]
        shown[0].wait_for()
        assert [one.is_visible() for one in shown] == [True, False, True]
        notebook.run_all(limit=60)
        notebook.unfold()
        page.locator(f"#{notebook.id}").get_by_text("far", exact=True).wait_for()
    finally:
        notebook.close()


def assert_plain_strips(notebook: lab.Notebook) -> None:
    """What a reader sees who has not run anything: JupyterLab does not trust a cloned notebook."""
    films = notebook.page.locator(f"#{notebook.id} .cv-film")
    assert films.count() >= 1
    for film in films.all():
        assert film.locator("style").count() == 0  # taken away, and the names of the buttons too
        assert film.locator("input:visible").count() == 0
        assert film.locator("img:visible").count() == film.locator("> div").count() >= 3


# --- interactives --------------------------------------------------------------------------------


def assert_follows(driver, kept: Path) -> None:
    """Moved by keyboard and by mouse it shows what it should, and again after reset."""
    first = driver.shown()
    assert first == driver.expected(), "the first picture"
    for way in ("keyboard", "mouse"):
        moved = driver.state()
        for control in driver.controls:
            driver.move(control, way)
        assert driver.state() != moved
        right = driver.expected()
        driver.wait_for_picture(right, f"the picture after all moves by {way}")
        driver.output.screenshot(path=f"{kept}-{way}.png")
        press(driver.reset, way)
        driver.wait_for_picture(first, f"the first picture after reset by {way}")
    assert driver.notebook.errors() == []


def drivers_of(notebook: lab.Notebook) -> list["Driver"]:
    """The interactives of a notebook that has run."""
    notebook.tell(HELP)
    known = notebook.ask("[*interactives.by_view()]")
    views = [one for one in notebook.views() if one in known]
    outputs = notebook.page.locator(
        f"#{notebook.id} .jp-OutputArea-output:has(.widget-vbox > .widget-html img)"
    )
    outputs.nth(len(views) - 1).wait_for()
    # of ipywidgets' sliders the handle has no name of its own, which is not ours to mend
    found = serious(notebook.page, f"#{notebook.id} .widget-vbox")
    assert [one for one in found if "noUi-handle" not in one] == []
    return [Driver(notebook, outputs.nth(place), view) for place, view in enumerate(views)]


class Driver:
    """One interactive on the page, and what the kernel knows of it."""

    def __init__(self, notebook: lab.Notebook, output, view: str):
        self.notebook, self.output = notebook, output
        self.me = f"interactives.by_view()[{view!r}]"
        self.picture = output.locator(".widget-vbox > .widget-html img")
        bar = output.locator(".widget-vbox > .widget-hbox").first.locator("> *")
        self.controls = notebook.ask(f"interactives.described({self.me})")
        self.elements = {name: bar.nth(place) for place, name in enumerate(self.controls)}
        self.reset = bar.nth(len(self.controls))

    def state(self) -> dict:
        return self.notebook.ask(f"interactives.told({self.me}.state)")

    def shown(self) -> tuple[str, str]:
        """Alternative text and picture."""
        return tuple(self.picture.evaluate("one => [one.alt, one.src]"))

    def expected(self) -> tuple[str, str]:
        """What the pure function gives for the state of the controls."""
        return image_of(self.notebook.ask(f"{self.me}.html(small=False, **{self.me}.state)"))

    def wait_for(self, condition, what) -> None:
        deadline = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what()}"
            time.sleep(0.03)

    def wait_for_picture(self, picture, what: str) -> None:
        self.wait_for(lambda: self.shown() == picture, lambda: what)

    def move(self, control: str, way: str) -> None:
        """Move one control, and wait until kernel and picture are where they should be."""
        about = self.controls[control]
        before = self.state()[control]
        target = MOVES[about["kind"]](self.elements[control], way, before, about)
        said = {}

        def arrived() -> bool:
            said["state"], said["alt"] = self.notebook.ask(
                f"[interactives.told({self.me}.state), {self.me}.alt(**{self.me}.state)]"
            )
            said["shown"] = self.shown()[0]
            return said["state"][control] == target and said["shown"] == said["alt"]

        self.wait_for(arrived, lambda: f"{control} to be {target} by {way}: {said}")
        assert said["state"][control] != before


def press(button, way: str) -> None:
    if way == "mouse":
        button.click()
    else:
        button.focus()
        button.press("Enter")


# Each moves one control and says what its value has to be: (element, way, value, about it) -> value


def move_slider(element, way: str, value, about: dict):
    low, high, step = about["min"], about["max"], about["step"]
    if way == "keyboard":
        up = value + step <= high
        arrow(element, up)
        return pytest.approx(value + step if up else value - step)
    # to three quarters of the way, or one, whichever is farther; a pixel is not always a step
    part = 0.75 if (value - low) / (high - low) < 0.5 else 0.25
    drag(element, part)
    return pytest.approx(low + part * (high - low), abs=0.5 * step + 0.02 * (high - low))


def move_selection(element, way: str, value, about: dict):
    values, index = about["options"], about["options"].index(value)
    last = len(values) - 1
    if way == "keyboard":
        arrow(element, index < last)
        return values[index + 1 if index < last else index - 1]
    target = last if index < last / 2 else 0
    drag(element, target / last)
    return values[target]


def arrow(element, up: bool) -> None:
    handle = element.locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight" if up else "ArrowLeft")


def drag(element, part: float) -> None:
    handle = element.locator(".noUi-handle")
    handle.scroll_into_view_if_needed()
    start, way = handle.bounding_box(), element.locator(".noUi-base").bounding_box()
    mouse, y = element.page.mouse, start["y"] + start["height"] / 2
    mouse.move(start["x"] + start["width"] / 2, y)
    mouse.down()
    mouse.move(way["x"] + part * way["width"], y, steps=3)
    mouse.up()


def move_toggle(element, way: str, value, about: dict):
    target = (about["options"].index(value) + 1) % len(about["options"])
    press(element.locator("button").nth(target), way)
    return about["options"][target]


def move_drawing(element, way: str, value, about: dict):
    place = 3 if way == "keyboard" else 11
    press(element.locator("button").nth(place), way)
    position = place + place // 7  # a line of seven ends in a newline
    turned = ".+-"[(".+-".index(value[position]) + 1) % 3]
    return value[:position] + turned + value[position + 1 :]


MOVES = {
    "IntSlider": move_slider,
    "FloatSlider": move_slider,
    "SelectionSlider": move_selection,
    "ToggleButtons": move_toggle,
    "Drawing": move_drawing,
}


def image_of(page: str) -> tuple[str, str]:
    """Alternative text and source of the picture in some HTML."""
    alt, source = re.search(r'<img alt="([^"]*)"[^>]* src="([^"]*)"', page).groups()
    return html.unescape(alt), source
