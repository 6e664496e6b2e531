"""The workbook in JupyterLab in a real browser: sections run, and every interactive is moved.

Each interactive of the sections is built in a cell of a small notebook, without the film
that the sections show below it, and moved control by control, once by keyboard and once by mouse.
What the browser shows must be what the pure function gives for the state that was asked for.
At each push one section is opened and run, and three interactives are moved that have every kind of
control between them; all the others with ``-m "browser and slow"``, which takes minutes. Without
Chromium the tests are skipped, unless CI says that it has to be there. With
``CV_COURSE_SCREENSHOTS=FOLDER`` the pictures of all this are kept there.
"""

import html
import os
import re
import shutil
import time
from pathlib import Path

import interactives
import lab
import nbformat
import pytest
from accessible import serious
from interactives import BUILD

ROOT = Path(__file__).parents[1]
SECTIONS = sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb"))
QUICK = {"00_start_here", "turn", "votes", "draw_template"}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What JupyterLab shows: the sections, and a notebook with a cell for each interactive."""
    folder = tmp_path_factory.mktemp("opened")
    for section in SECTIONS:
        shutil.copy(ROOT / "notebooks" / f"{section}.ipynb", folder)
    tests = str(Path(__file__).parent)
    cells = [f"import sys\nsys.path.insert(0, {tests!r})\nimport interactives\nmade = {{}}"]
    make = "made[{0!r}] = interactives.BUILD[{0!r}]()\nmade[{0!r}].widget"
    cells += [make.format(name) for name in BUILD]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "interactives.ipynb")
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


@pytest.fixture(scope="module")
def notebook(page):
    """The notebook of the interactives, with its first cell run."""
    notebook = lab.Notebook(page, "interactives.ipynb")
    notebook.run_cell(0, 120)
    assert not notebook.errors()
    yield notebook
    notebook.close()


# --- sections ------------------------------------------------------------------------------------


def some_slow(names):
    """Parameters; those that are not ``QUICK`` wait for the weekly run."""
    return [pytest.param(one, marks=[pytest.mark.slow] * (one not in QUICK)) for one in names]


@pytest.mark.parametrize("section", some_slow(SECTIONS))
def test_a_section_opens_and_runs(page, console, screenshots, section):
    notebook = lab.Notebook(page, f"{section}.ipynb")
    try:
        assert_plain_strips(notebook)
        notebook.run_all(limit=400)
        assert notebook.errors() == []
        widgets = page.locator(f"#{notebook.id} .jp-OutputArea-output .widget-html img")
        calls = rf"play\.({'|'.join(interactives.public())})\("
        code = (ROOT / "notebooks" / "text" / f"{section}.py").read_text(encoding="utf-8")
        assert widgets.count() == len(re.findall(calls, code)) >= 1
        page.screenshot(path=screenshots / f"{section}.png")
    finally:
        notebook.close()
    assert console == []


def assert_plain_strips(notebook: lab.Notebook) -> None:
    """What a reader sees who has not run anything: JupyterLab does not trust a cloned notebook."""
    films = notebook.page.locator(f"#{notebook.id} .cv-film")
    assert films.count() >= 1
    for film in films.all():
        assert film.locator("style").count() == 0  # taken away, and the names of the buttons too
        assert film.locator("input:visible").count() == 0
        assert film.locator("img:visible").count() == film.locator("> div").count() >= 3


# --- interactives --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", some_slow(BUILD))
def test_an_interactive_follows_keyboard_and_mouse(notebook, console, screenshots, name):
    driver = Driver(notebook, name)
    first = driver.shown()
    assert first == driver.expected(), "the first picture"
    # of ipywidgets' sliders the handle has no name of its own, which is not ours to mend
    found = serious(notebook.page, f"#{notebook.id} .jp-mod-active .jp-OutputArea-output")
    assert [one for one in found if "noUi-handle" not in one] == []
    for way in ("keyboard", "mouse"):
        moved = driver.state()
        for control in driver.controls:
            driver.move(control, way)
        assert driver.state() != moved
        right = driver.expected()
        driver.wait_for_picture(right, f"the picture after all moves by {way}")
        driver.output.screenshot(path=screenshots / f"{name}-{way}.png")
        press(driver.reset, way)
        driver.wait_for_picture(first, f"the first picture after reset by {way}")
    assert notebook.errors() == []
    assert console == []


class Driver:
    """One interactive on the page, and what the kernel knows of it."""

    def __init__(self, notebook: lab.Notebook, name: str):
        self.notebook, self.page = notebook, notebook.page
        self.output = notebook.run_cell(1 + list(BUILD).index(name), 120)
        assert notebook.errors() == []
        self.me = f"made[{name!r}]"
        self.picture = self.output.locator(".widget-vbox > .widget-html img")
        self.picture.wait_for()
        bar = self.output.locator(".widget-vbox > .widget-hbox").first.locator("> *")
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
