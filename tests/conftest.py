"""What all tests share: one thread a worker, and one browser."""

import os
import shutil
import signal

import pytest

# Before torch is imported: two workers with all cores each would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

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
