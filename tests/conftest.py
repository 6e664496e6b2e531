"""What all tests share: one thread a worker, who runs what, and one browser."""

import os
import shutil
from pathlib import Path

import pytest

# Before torch is imported: two workers with all cores each would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Their tests take seconds each, wait for processes of their own and share nothing: one worker need
# not run them all while the other has nothing left to do.
SPREAD = {"test_execute", "test_gradebook", "test_hostile", "test_pairs"}


def pytest_configure(config):
    """Where this file is read every notebook gets its group below; elsewhere, `loadfile` stays.

    `pytest notebooks/03….ipynb` does not read it, and the cells of a notebook are never parted.
    """
    if config.getoption("dist", None) == "loadfile":
        config.option.dist = "loadgroup"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """A file stays with one worker: a notebook has one kernel, tests share fixtures and caches."""
    for item in items:
        if Path(item.path).stem not in SPREAD:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


CHROMIUM_FLAGS = [  # in a container, without a GPU, and without a word to the network
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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
