"""What Python runs first in a sandbox: it makes this package importable, and begins the runner."""

import os
import socket
import sys
import types
from pathlib import Path


def main(channel: int, path: list[str]) -> None:
    """Say that the sandbox stands, and serve what comes in over ``channel``, an open handle."""
    # handle 3, which no program that students start inherits
    mine = socket.socket(fileno=os.dup(channel))
    os.close(channel)
    os.dup2(0, 2)  # so far bubblewrap's complaints went there
    mine.sendall(b"+")
    sys.path[:] = path + [one for one in sys.path if one not in path]
    # in place of modules that would bring in what need not be loaded, and check while grading
    for name in ("assignments", "assignments.preview"):
        module = types.ModuleType(f"cv_course.{name}")
        module.__path__ = [str(Path(__file__).parents[1] / name)]
        module.check = module.hint = module.passed = module.preview = lambda *_, **__: None
        sys.modules[module.__name__] = module
    from cv_course.assignments import runner

    try:
        runner.serve(mine)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
