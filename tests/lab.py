"""JupyterLab in a real browser: a server, and notebooks that are driven by commands, not menus."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from cv_course.notebooks import WIDGET_VIEW

SETTINGS = {  # every cell is in the page, nothing asks the network, nothing is saved unasked
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@contextmanager
def server(root: Path, home: Path):
    """JupyterLab with folders of its own; gives its address with the token.

    Args:
        root: the folder that it shows.
        home: an empty folder for its configuration, data and log.

    Raises:
        RuntimeError: it does not answer within a minute.
    """
    for name, values in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    places = {
        f"JUPYTER{kind}_DIR": str(home / kind.strip("_").lower())
        for kind in ("_CONFIG", "_DATA", "_RUNTIME", "LAB_SETTINGS", "LAB_WORKSPACES")
    } | {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "OMP_NUM_THREADS": "1"}
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"),
        *(f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1", "--allow-root"),
        "--LabApp.extension_manager=readonly",
    ]
    log = home / "server.log"
    with log.open("w") as out:
        streams = {"stdout": out, "stderr": out, "start_new_session": True}
        process = subprocess.Popen(command, env=os.environ | places, **streams)
    try:
        yield _address(process, home / "runtime" / f"jpserver-{process.pid}.json", log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _address(process: subprocess.Popen, said: Path, log: Path) -> str:
    """What the server writes about itself once it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, ValueError):  # not there yet, or not whole
            found = json.loads(said.read_text())
            return f"{found['url']}lab?token={found['token']}"
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


class Notebook:
    """An open notebook: ``page`` is Playwright's, the cells are run by Lab's own commands."""

    def __init__(self, page, name: str):
        self.page, self.name = page, name
        page.evaluate(
            """async name => {
                const app = window.jupyterapp;
                const panel = await app.commands.execute("docmanager:open", {path: name});
                app.shell.activateById(panel.id);
                await panel.revealed;
                await panel.sessionContext.ready;
                window.panel = panel;
            }""",
            name,
        )
        self.id = page.evaluate("panel.id")

    def run_all(self, limit: float) -> None:
        """Run every cell and wait for the last; ``limit`` in seconds."""
        self.page.evaluate(
            """() => {
                const run = window.jupyterapp.commands.execute("notebook:run-all-cells");
                window.ran = false;
                run.then(() => (window.ran = true));
            }"""
        )
        done = "ran && panel.sessionContext.session.kernel.status === 'idle'"
        self.page.wait_for_function(done, timeout=1000 * limit)

    def unfold(self) -> None:
        """Show what stands below folded headings."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:expand-all-headings')")

    def ask(self, code: str):
        """Evaluate an expression in the kernel: its value, by way of JSON."""
        answer = self.tell(f"import json as _json; print('answer', _json.dumps({code}))")
        assert answer.startswith("answer "), plain(answer)
        return json.loads(answer.removeprefix("answer "))

    def tell(self, code: str) -> str:
        """Run code in the kernel, in no cell: what it prints, or what went wrong."""
        return self.page.evaluate(
            """async code => {
                let text = "";
                const asked = panel.sessionContext.session.kernel.requestExecute(
                    {code, store_history: false});
                asked.onIOPub = message => {
                    if (message.header.msg_type === "stream") text += message.content.text;
                };
                const reply = await asked.done;
                return reply.content.status === "ok" ? text : reply.content.traceback.join("\\n");
            }""",
            code,
        )

    def views(self) -> list[str]:
        """The ids of the widgets in the outputs, from top to bottom."""
        bundles = [output.get("data", {}) for output in self._outputs()]
        return [bundle[WIDGET_VIEW]["model_id"] for bundle in bundles if WIDGET_VIEW in bundle]

    def errors(self) -> list[str]:
        """What went wrong in the cells that have run."""
        errors = [output for output in self._outputs() if output["output_type"] == "error"]
        return [plain("\n".join([one["evalue"], *one["traceback"]])) for one in errors]

    def _outputs(self) -> list[dict]:
        cells = "panel.content.model.sharedModel.cells"
        return self.page.evaluate(f"{cells}.flatMap(cell => cell.getOutputs?.() || [])")

    def close(self) -> None:
        """Shut the kernel down and close the tab, saving nothing."""
        self.page.evaluate(
            """async () => {
                await panel.sessionContext.shutdown();
                panel.context.model.dirty = false;
                panel.close();
            }"""
        )


def plain(text: str) -> str:
    """Without the colours of a terminal."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)
