"""A process that has imported what submissions need, and becomes their sandbox's inhabitant.

Importing torch takes seconds, so it is done once, here, before any student's code: for each
submission a copy of this process (a fork, which costs milliseconds) enters the namespaces that
bubblewrap has made, gives up every right, and only then runs :mod:`cv_course.assignments.runner`.
This process itself runs no student's code and holds no secret: no answer, no submission.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import types
from pathlib import Path

# user, mount, cgroup, uts, ipc, process and network namespaces, as in linux/sched.h
_NAMESPACES = 0x10000000 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24  # as in linux/prctl.h
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def main(path: list[str]) -> None:
    """Serve the orders that come in over standard input, until the other side hangs up.

    An order: JSON, a channel, and a pidfd where there is a sandbox.
    """
    sys.dont_write_bytecode = True
    sys.path[:] = path + [one for one in sys.path if one not in path]
    # the packages' own __init__ would bring in what the sandbox must not hold or need not load
    for name in ("assignments", "assignments.preview", "grading"):
        module = types.ModuleType(f"cv_course.{name}")
        module.__path__ = [str(Path(__file__).parents[1] / name)]
        module.check = module.hint = module.passed = module.preview = lambda *_, **__: None
        sys.modules[module.__name__] = module
    control = socket.socket(fileno=os.dup(0))
    for name in ("IPython.core.interactiveshell", "cv_course.assignments.runner"):
        importlib.import_module(name)
    # Sandboxes' inhabitants become children of this process, which need not wait for them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper")
    while True:
        text, handles, _, _ = socket.recv_fds(control, 1 << 16, 2)
        if not text:
            return
        order = json.loads(text)
        for name in order["imports"]:
            with contextlib.suppress(Exception):  # then the student's import says so
                importlib.import_module(name)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            control.close()
            _become(order, write, *handles)
        for handle in (write, *handles):
            os.close(handle)
        with os.fdopen(read) as pipe:
            # its process id, and behind a space a problem
            control.sendall((pipe.read() or " its process was killed").encode())


def _become(order: dict, write: int, channel: int, holder: int | None = None) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # should memory run out, this is what goes first
        if holder is None:
            _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "end with the grader")
            os.write(write, str(os.getpid()).encode())
        else:
            _enter(order["uid"], holder, write)
        os.setsid()
        os.chdir(order["folder"])
        for name, most in order["limits"].items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
        _give_up_rights()
        os.environ.clear()
        os.environ.update(order["environment"])
        os.dup2(channel, 3)
        os.set_inheritable(3, False)
    except BaseException as problem:
        os.write(write, f" {type(problem).__name__}: {problem}".encode())
        os._exit(1)
    os.close(write)
    os.closerange(4, 1 << 16)
    try:
        from cv_course.assignments import runner

        runner.serve(socket.socket(fileno=3))
    finally:
        os._exit(1)


def _enter(uid: int | None, holder: int, write: int) -> None:
    """Join all namespaces of a process in the sandbox, and go on as a new process in there."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _check(_libc.setns(holder, _NAMESPACES), "setns")
    child = os.fork()  # only a new process is in the process namespace
    if child:
        os.write(write, str(child).encode())
        os._exit(0)
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")  # as of any program of its user


def _give_up_rights() -> None:
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    for capability in range(64):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, nothing = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    _check(_libc.capset(header, nothing), "capset")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
