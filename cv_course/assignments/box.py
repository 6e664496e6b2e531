"""Where students' code runs: bubblewrap, no network, no files but libraries, hard limits.

As root the sandbox runs under a user id of its own per slot; as anybody else under theirs, in a
user namespace. In both cases nothing that is inside can see or signal anything outside.
"""

import contextlib
import functools
import importlib.util
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from cv_course import files
from cv_course.assignments import wire

PACKAGE = Path(__file__).parents[1]
START = Path(__file__).with_name("start.py")
# What students have of this package, and so their code may import: the assignments' own folder,
# and what that stands on.
_MODULES = ("__init__", "data", "drill", "files", "scenes", "plots")
PUBLIC = (*(f"{name}.py" for name in _MODULES), "_data/cv_course.mplstyle")
FIRST_UID = 61000  # of slot 0; no account's, and outside what systems hand out
PLACES = (Path("/tmp"), Path("/dev/shm"))  # where students' code may write, empty and its own
MEMORY = 4 << 30
DISK = 256 << 20
LIMITS = {"as": 8 << 30, "nproc": 96, "fsize": 128 << 20, "nofile": 256, "core": 0}
ENVIRONMENT = {
    **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), "/tmp"),
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "MPLBACKEND": "Agg",
}
INSTALL = (
    "apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), "
    "pacman -S bubblewrap (Arch)"
)
_CANNOT = (
    "Students' code cannot be started here: {}. The sandbox needs Linux 5.14, bubblewrap 0.8 and "
    "user namespaces, which containers (Docker, hosted CI) and some distributions forbid: in "
    "Docker run with --security-opt seccomp=unconfined --security-opt apparmor=unconfined or "
    "--privileged, on Ubuntu set sysctl kernel.apparmor_restrict_unprivileged_userns=0. (--unsafe "
    "grades without a sandbox: with your rights, on this machine.)"
)
_HERTZ = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class SandboxMissing(RuntimeError):
    """There is no sandbox, so no student's code is run; the message says how to get one."""


class Late(wire.Broken):
    """The time is up, or too much was computed or stored; the message says which."""


@contextlib.contextmanager
def sandbox(slot: int = 0, seconds: float = 180, unsafe: bool = False) -> Iterator["Inhabitant"]:
    """A sandbox with a runner in it; nothing in it survives the end.

    Args:
        slot: which of the sandboxes that run at the same time on this machine.
        seconds: computing time that a process in it may use in all.
        unsafe: run without a sandbox.

    Raises:
        SandboxMissing: bubblewrap is not installed or may not run here.
    """
    limits = {**LIMITS, "cpu": int(seconds) + 1}
    with contextlib.ExitStack() as stack:
        channel, theirs = map(stack.enter_context, socket.socketpair())
        handles, environment = [theirs.fileno()], ENVIRONMENT
        if unsafe:
            del limits["nproc"]  # it would count all that the user runs
            folder = TemporaryDirectory(prefix="cv-course-", ignore_cleanup_errors=True)
            environment = {**ENVIRONMENT, "HOME": stack.enter_context(folder)}
            around = _ending_with_the_grader()
        else:
            images = stack.enter_context(open(os.memfd_create("images"), "w+b"))
            images.write(_public_images())
            images.seek(0)
            handles.append(images.fileno())
            around = _bubblewrap(None if os.geteuid() else FIRST_UID + slot, images.fileno())
        path = [str(PACKAGE.parent), *filter(os.path.isabs, sys.path)]
        runner = [sys.executable, "-I", "-B", START, str(theirs.fileno()), *path]
        limited = ["prlimit", *(f"--{name}={most}" for name, most in limits.items()), "--", *runner]
        process = subprocess.Popen(
            # should memory run out, this is what goes first
            ["choom", "-n", "1000", "--", *around, *limited],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=environment["HOME"],
            pass_fds=handles,
            start_new_session=True,
        )
        stack.callback(_end, process)
        theirs.close()
        if channel.recv(1) != b"+":
            reason = process.stderr.read(2000).decode(errors="replace").strip()
            raise SandboxMissing(_CANNOT.format(reason or "no reason"))
        channel.setblocking(False)
        yield Inhabitant(channel, process.pid)


@dataclass
class Inhabitant:
    """The runner in a sandbox, at the other end of a channel, and the processes around it."""

    _channel: socket.socket
    _root: int
    _seen: dict[int, float] = field(default_factory=dict)

    def send(self, value, until: float) -> None:
        """Send a message. Raises Broken, Late (``until`` in ``time.monotonic``)."""
        rest = memoryview(wire.dump(value))
        while rest:
            rest = rest[self._ready(self._channel.send, rest[: 1 << 20], until) :]

    def receive(self, until: float, cpu: float | None = None):
        """The next message.

        Args:
            until: when to give up, in ``time.monotonic``.
            cpu: the reading of :meth:`cpu` at which to give up.

        Raises:
            Broken: the sandbox ended or sent no message.
            Late: it is too late, or too much was computed or stored.
        """
        return wire.load(lambda count: self._ready(self._channel.recv, count, until, cpu))

    def _ready(self, act: Callable, given, until: float, cpu: float | None = None):
        """Send or receive once that is possible; meanwhile watch time, computing and memory."""
        mine = [self._channel]
        asked = ([], mine, []) if act == self._channel.send else (mine, [], [])
        while (left := until - time.monotonic()) > 0:
            if any(select.select(*asked, min(0.05, left))):
                try:
                    return act(given)
                except BlockingIOError:
                    continue
                except OSError:
                    raise wire.Broken("it ended") from None
            if cpu is not None and self.cpu() > cpu:
                raise Late("It computes for too long.")
            if sum(_memory(pid) for pid in self._processes()) > MEMORY:
                raise Late("It takes too much memory.")
        raise Late("It did not come back in time: is there a loop that never ends?")

    def cpu(self) -> float:
        """Seconds of computing of all that ever was seen in the sandbox, measured from outside."""
        for pid in self._processes():
            if fields := _fields(pid, "stat"):
                self._seen[pid] = (int(fields[11]) + int(fields[12])) / _HERTZ
        return sum(self._seen.values())

    def _processes(self) -> list[int]:
        return list(_tree(self._root))


# --- outside -------------------------------------------------------------------------------------


def _ending_with_the_grader() -> list[str]:
    """What starts a program without a sandbox; root's, too, has no more rights than an owner."""
    rights = ["--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []
    return ["setpriv", "--pdeathsig", "KILL", "--no-new-privs", *rights, "--"]


_public_images = functools.cache(files.without_test)


def _bubblewrap(uid: int | None, images: int) -> list[str]:
    """bubblewrap's command line: as root the view is made with root's rights, then they go."""
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxMissing(
            "Grading runs students' code in a sandbox, and bubblewrap is not installed. Install "
            f"it: {INSTALL}. (--unsafe grades without: with your rights, on this machine.)"
        )
    view, rights = list(_view(images)), []
    if uid is not None:
        user = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--no-new-privs"]
        # only so that the inner one may have its own
        view += ["--perms", "755", "--dir", "/proc", "--dev-bind", "/proc", "/proc"]
        # with a process namespace, as a dying root without capabilities ends no other user's
        outer = [program, "--unshare-pid", "--die-with-parent"]
        rights = [*outer, *view, "--", "setpriv", *user, "--"]
        view = ["--dev-bind", "/", "/"]
    return [
        *rights,
        *(program, "--unshare-user", "--unshare-all", "--disable-userns", "--cap-drop", "ALL"),
        *("--die-with-parent", *view, "--proc", "/proc", "--remount-ro", "/dev"),
        # in a group of processes without bubblewrap's own, which nothing inside can end
        *("--remount-ro", "/", "--chdir", "/tmp", "--", "setsid"),
    ]


def _view(images: int) -> Iterator[str]:
    """The files that are there: a place to write, and read-only all else.

    The system's and Python's libraries, and our public part; they may lie below the places to
    write, which are empty otherwise. ``images`` is an open file: the mini set without the images
    that models are measured on.
    """
    bound: list[Path] = []
    for path in _libraries():
        if not any(path.is_relative_to(one) for one in bound):
            bound.append(path)
    parts = [*(PACKAGE / part for part in PUBLIC), *PACKAGE.glob("assignments/*.*")]
    _refuse_what_cannot_be_there(bound, parts)
    pictures = PACKAGE / "_data" / files.MINI
    closed = [PACKAGE]
    for place in PLACES:
        below = [path for path in (*bound, PACKAGE) if path.is_relative_to(place)]
        closed += [place / path.relative_to(place).parts[0] for path in below]
    closed = [path for path in dict.fromkeys(closed) if path.is_dir()]
    shown = {path: ("--perms", "755", "--tmpfs", str(path)) for path in closed}
    shown |= {path: ("--ro-bind", str(path), str(path)) for path in (*bound, *parts)}
    shown[pictures] = ("--perms", "444", "--ro-bind-data", str(images), str(pictures))
    yield from ("--dev", "/dev")
    for place in PLACES:
        yield from ("--perms", "1777", "--size", str(DISK), "--tmpfs", str(place))
    for path, how in sorted(shown.items()):  # a folder before what lies in it
        # bubblewrap would make parents for their owner only, who is somebody else inside
        for parent in [*path.parents][-2::-1]:
            yield from ("--perms", "755", "--dir", str(parent))
        yield from how
    for path in (Path("/bin"), Path("/lib"), Path("/lib64")):
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), str(path))
    for folder in closed:
        yield from ("--remount-ro", str(folder))


def _refuse_what_cannot_be_there(bound: list[Path], parts: list[Path]) -> None:
    """Raises SandboxMissing where what runs inside would not be found, or not be readable."""
    for name in ("json", "numpy", "IPython"):
        found = importlib.util.find_spec(name)
        path = found and found.origin and Path(found.origin)
        if path and path.is_absolute() and not any(path.is_relative_to(one) for one in bound):
            raise SandboxMissing(
                f"Students' code needs {name}, and {path.parent} is not among the folders that "
                "the sandbox shows: grade with a Python that has it in its site-packages."
            )
    for place in (*PLACES, *map(Path, ("/", "/dev", "/proc"))):
        if place in (*bound, PACKAGE):
            raise SandboxMissing(
                f"The course or its Python lies in {place} itself, which the sandbox cannot show: "
                "move it to a folder of its own."
            )
    if os.geteuid() == 0:
        for path in (*bound, *parts):
            wanted = 0o5 if path.is_dir() else 0o4
            if path.stat().st_mode & wanted != wanted:
                raise SandboxMissing(
                    f"In the sandbox students' code runs as another user, who may not read {path}: "
                    f"chmod -R o+rX {path if path in bound else PACKAGE}"
                )


def _libraries() -> list[Path]:
    system = ["/usr/lib", "/usr/lib64", "/usr/bin", "/usr/share/fonts", "/usr/share/zoneinfo"]
    system += ["/etc/ld.so.cache", "/etc/alternatives"]
    system += [path for path in ("/bin", "/lib", "/lib64") if not os.path.islink(path)]
    parts = ("lib", "lib64", "bin", "pyvenv.cfg")
    python = [f"{prefix}/{part}" for prefix in (sys.prefix, sys.base_prefix) for part in parts]
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    wanted = dict.fromkeys(system + python + packages)
    return [Path(path) for path in wanted if os.path.exists(path)]


def _tree(root: int) -> Iterator[int]:
    yield root
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{root}/task"):
            for child in Path(f"/proc/{root}/task/{task}/children").read_text().split():
                yield from _tree(int(child))


def _fields(pid: int, file: str) -> list[str]:
    """What a file in a process's folder says, behind its name; nothing once it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{file}").read_text().rpartition(")")[2].split()
    return []


def _memory(pid: int) -> int:
    """Bytes that a process has to itself."""
    pages = _fields(pid, "statm") or [0, 0, 0]
    return (int(pages[1]) - int(pages[2])) * _PAGE


def _end(process: subprocess.Popen) -> None:
    """bubblewrap's first process takes all others with it; wait until they are gone."""
    inside = list(_tree(process.pid))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    until = time.monotonic() + 5
    while any(map(_alive, inside)) and time.monotonic() < until:
        time.sleep(0.002)


def _alive(pid: int) -> bool:
    return _fields(pid, "stat")[:1] not in ([], ["Z"], ["X"])
