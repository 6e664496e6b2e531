"""The workbook in JupyterLab in a real browser: sections run, and every interactive is moved.

Each interactive of ``cv_course.explore`` is built in a notebook of its own cell and moved control by
control, once by keyboard and once by mouse. What the browser shows must be what the pure function
gives for the state that was asked for. Sections 00, 03 and 09 are opened and run here, the others
with ``-m "browser and slow"``: all of them train for minutes. Without Chromium the tests are
skipped, unless CI says that it has to be there. With ``CV_COURSE_SCREENSHOTS=FOLDER`` the pictures
of all this are kept there.
"""

import io
import math
import os
import shutil
import time
from html.parser import HTMLParser
from pathlib import Path

import interactives
import lab
import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
SECTIONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
QUICK = ("00", "03", "09")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What JupyterLab shows: the sections, and a notebook with a cell for each interactive."""
    folder = tmp_path_factory.mktemp("opened")
    for file in SECTIONS:
        shutil.copy(file, folder)
    tests = str(Path(__file__).parent)
    cells = [f"import sys\nsys.path.insert(0, {tests!r})\nfrom interactives import BUILD\nmade = {{}}"]
    cells += [f"made[{name!r}] = BUILD[{name!r}]()\nmade[{name!r}]" for name in interactives.BUILD]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "interactives.ipynb")
    return folder


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    kept = os.environ.get("CV_COURSE_SCREENSHOTS")
    place = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    place.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    """JupyterLab, ready; for the whole file since it takes 15 s."""
    if not (where := lab.chromium()):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lab.INSTALL)
    from playwright.sync_api import sync_playwright

    with lab.server(folder, tmp_path_factory.mktemp("home")) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=where, args=lab.QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(20_000)
        page.goto(address)
        page.wait_for_function("window.jupyterapp", timeout=60_000)
        page.evaluate("window.jupyterapp.restored.then(() => null)")
        yield page
        browser.close()


@pytest.fixture
def console(page):
    """What the browser complained about during a test."""
    said = []

    def on_console(message):
        if message.type == "error":
            said.append(f"{message.text} ({message.location.get('url')})")

    def on_error(problem):
        said.append(str(problem))

    page.on("console", on_console)
    page.on("pageerror", on_error)
    yield said
    page.remove_listener("console", on_console)
    page.remove_listener("pageerror", on_error)


@pytest.fixture(scope="module")
def notebook(page):
    """The notebook of the interactives, with its first cell run."""
    notebook = lab.Notebook(page, "interactives.ipynb")
    notebook.run_cell(0, 120)
    assert not notebook.errors()
    yield notebook
    notebook.close()


# --- sections ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=file.stem[:2], marks=[] if file.name[:2] in QUICK else pytest.mark.slow)
        for file in SECTIONS
    ],
)
def test_a_section_opens_and_runs(page, console, screenshots, file):
    notebook = lab.Notebook(page, file.name)
    try:
        notebook.run_all(limit=400)
        assert notebook.errors() == []
        widgets = page.locator(f"#{notebook.id} .jp-OutputArea-output .widget-html img")
        calls = file.read_text(encoding="utf-8").count("widget-view+json")
        assert widgets.count() == calls
        page.screenshot(path=screenshots / f"{file.stem}.png")
    finally:
        notebook.close()
    assert console == []


# --- interactives --------------------------------------------------------------------------------


def test_every_interactive_has_a_case():
    assert sorted(interactives.BUILD) == interactives.public()


@pytest.mark.parametrize("name", interactives.BUILD)
def test_an_interactive_follows_keyboard_and_mouse(notebook, console, screenshots, name):
    driver = Driver(notebook, name)
    first = driver.shown()
    assert first == driver.expected(), "the first picture"
    for way in ("keyboard", "mouse"):
        moved = driver.state()
        for control in driver.controls:
            driver.move(control, way)
        assert driver.state() != moved
        assert driver.shown() == driver.expected(), f"the picture after all moves by {way}"
        driver.output.screenshot(path=screenshots / f"{name}-{way}.png")
        driver.reset(way)
        driver.wait_for(lambda: driver.shown() == first, f"the first picture after reset by {way}")
    assert notebook.errors() == []
    assert console == []


class Driver:
    """One interactive on the page, and what the kernel knows of it."""

    def __init__(self, notebook: lab.Notebook, name: str):
        self.notebook, self.page = notebook, notebook.page
        self.output = notebook.run_cell(1 + list(interactives.BUILD).index(name), 120)
        assert notebook.errors() == []
        self.me = f"made[{name!r}]"
        self.picture = self.output.locator(".widget-vbox > .widget-html img")
        self.picture.wait_for()
        bar = self.output.locator(".widget-vbox > .widget-hbox").first.locator("> *")
        kinds = notebook.ask(f"[type(c).__name__ for c in {self.me}.controls.values()]")
        self.controls = {
            control: (kind, bar.nth(position))
            for position, (control, kind) in enumerate(
                zip(notebook.ask(f"list({self.me}.controls)"), kinds, strict=True)
            )
        }
        self._reset = bar.nth(len(self.controls))

    def state(self) -> dict:
        return self.notebook.ask(
            f"{{n: v if v is None or type(v) in (bool, int, float, str) else repr(v) "
            f"for n, v in {self.me}.state.items()}}"
        )

    def value(self, control: str):
        return self.state()[control]

    def shown(self) -> tuple[str, str]:
        """Alternative text and picture."""
        return self.picture.get_attribute("alt"), self.picture.get_attribute("src")

    def expected(self) -> tuple[str, str]:
        """What the pure function gives for the state of the controls."""
        return image_of(self.notebook.ask(f"{self.me}.html(small=False, **{self.me}.state)"))

    def wait_for(self, condition, what: str) -> None:
        deadline = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.03)

    def move(self, control: str, way: str) -> None:
        """Move one control, and wait until kernel and picture are where they should be."""
        kind, element = self.controls[control]
        target = MOVES[kind](self, control, element, way)
        self.wait_for(lambda: close(self.value(control), target), f"{control} to be {target}")
        alt = self.notebook.ask(f"{self.me}.alt(**{self.me}.state)")
        self.wait_for(lambda: self.shown()[0] == alt, f"the text {alt!r} after {control} by {way}")

    def reset(self, way: str) -> None:
        press(self._reset, way)

    def options(self, control: str) -> tuple[list, int]:
        """The values of a choice as ``state`` tells them, and which is chosen."""
        what = f"{self.me}.controls[{control!r}]"
        values = self.notebook.ask(
            f"[v if type(v) in (bool, int, float, str) else repr(v) "
            f"for _, v in {what}._options_full]"
        )
        return values, self.notebook.ask(f"{what}.index")


def press(button, way: str) -> None:
    if way == "mouse":
        button.click()
    else:
        button.focus()
        button.press("Enter")


def move_slider(driver: Driver, control: str, element, way: str):
    what = f"{driver.me}.controls[{control!r}]"
    low, high, step, value = driver.notebook.ask(
        f"[{what}.min, {what}.max, {what}.step, {what}.value]"
    )
    up = value + step <= high
    handle = element.locator(".noUi-handle")
    if way == "keyboard":
        handle.focus()
        handle.press("ArrowRight" if up else "ArrowLeft")
        return value + step if up else value - step
    # to one quarter or three quarters of the way, whichever is farther
    part = 0.75 if (value - low) / (high - low) < 0.5 else 0.25
    drag(driver.page, handle, element.locator(".noUi-base"), part)
    count = round((high - low) / step)
    return low + step * math.floor(part * count + 0.5)


def move_selection(driver: Driver, control: str, element, way: str):
    values, index = driver.options(control)
    handle = element.locator(".noUi-handle")
    if way == "keyboard":
        up = index + 1 < len(values)
        handle.focus()
        handle.press("ArrowRight" if up else "ArrowLeft")
        return values[index + 1 if up else index - 1]
    last = len(values) - 1
    target = last if index < last / 2 or last == 0 else 0
    drag(driver.page, handle, element.locator(".noUi-base"), target / last)
    return values[target]


def drag(page, handle, track, part: float) -> None:
    handle.scroll_into_view_if_needed()
    start, way = handle.bounding_box(), track.bounding_box()
    y = start["y"] + start["height"] / 2
    page.mouse.move(start["x"] + start["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(way["x"] + part * way["width"], y, steps=3)
    page.mouse.up()


def move_toggle(driver: Driver, control: str, element, way: str):
    values, index = driver.options(control)
    target = (index + 1) % len(values)
    press(element.locator("button").nth(target), way)
    return values[target]


def move_dropdown(driver: Driver, control: str, element, way: str):
    values, index = driver.options(control)
    up = index + 1 < len(values)
    select = element.locator("select")
    if way == "keyboard":
        select.focus()
        select.press("ArrowDown" if up else "ArrowUp")
        return values[index + 1 if up else index - 1]
    # the open list is drawn by the desktop, outside the page: Playwright chooses in its place
    target = len(values) - 1 if index < len(values) - 1 else 0
    select.click()
    select.select_option(index=target)
    return values[target]


def move_checkbox(driver: Driver, control: str, element, way: str):
    before = driver.value(control)
    box = element.locator("input")
    if way == "mouse":
        box.click()
    else:
        box.focus()
        box.press("Space")
    return not before


def move_drawing(driver: Driver, control: str, element, way: str):
    before = driver.value(control)
    place = 3 if way == "keyboard" else 11
    press(element.locator("button").nth(place), way)
    position = place + place // 7  # a line of seven ends in a newline
    turned = ".+-"[(".+-".index(before[position]) + 1) % 3]
    return before[:position] + turned + before[position + 1 :]


def move_upload(driver: Driver, control: str, element, way: str):
    buffer = io.BytesIO()
    shades = np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8)
    Image.fromarray(shades if way == "mouse" else shades.T).save(buffer, "png")
    with driver.page.expect_file_chooser() as chooser:
        press(element.locator("button"), way)
    chooser.value.set_files(
        {"name": "own.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    return repr(buffer.getvalue())


MOVES = {
    "IntSlider": move_slider,
    "FloatSlider": move_slider,
    "SelectionSlider": move_selection,
    "ToggleButtons": move_toggle,
    "Dropdown": move_dropdown,
    "Checkbox": move_checkbox,
    "Drawing": move_drawing,
    "Upload": move_upload,
}


def close(value, target) -> bool:
    if isinstance(target, float) or isinstance(value, float):
        return math.isclose(value, target, abs_tol=1e-9)
    return value == target


def image_of(page: str) -> tuple[str, str]:
    """Alternative text and source of the only picture in some HTML."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag == "img":
                found.append(dict(attributes))

    Reader().feed(page)
    (one,) = found
    return one["alt"], one["src"]
