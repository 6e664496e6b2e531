"""What all tests share: one thread a worker, who runs what, and one browser."""

import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

# Before torch is imported: two workers with all cores each would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A worker takes two files to begin with: in this order, two that open pages are done together.
FIRST = ("test_browser", "test_site", "test_still", "test_round")
# Their tests take seconds each, wait for processes of their own and share nothing: one worker need
# not run them all while the other has nothing left to do.
SPREAD = {"test_execute", "test_gradebook", "test_hostile", "test_pairs", "test_sections"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """`--dist loadfile`, but for the files in SPREAD.

    No groups of `loadgroup`: without this file (`pytest notebooks/03….ipynb` does not read it) they
    would not be set, and the cells of one notebook would run in two kernels.
    """
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # the order is that of the function below

    class SomeFilesSpread(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return nodeid if Path(file).stem in SPREAD else file

    return SomeFilesSpread(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files with many tests come first, as xdist would order them, but for some that are dear."""
    count = Counter(item.path.stem for item in items)

    def place(item):
        stem = item.path.stem
        dear = FIRST.index(stem) if stem in FIRST else len(FIRST)
        return dear, -1 if stem in SPREAD else -count[stem]

    items.sort(key=place)


# In a container, without a GPU, and without a word to the network.
OFF = "gpu", "quic", "dev-shm-usage", "background-networking", "component-update", "sync"
CHROMIUM_FLAGS = ["--no-sandbox", "--no-first-run", *(f"--disable-{one}" for one in OFF)]


@pytest.fixture
def ctrl_c():
    """Ctrl-C interrupts, here and in new processes, also in a suite that was told to ignore it.

    What is started in the background by a script (``nohup … &``, some CI runners) ignores it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def browser():
    """The Chromium that is installed, headless; without it skipped, on a CI runner failed."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("no Chromium here: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()
