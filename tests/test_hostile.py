"""Submissions that attack: nothing is forged, read, outlived or crashed, nobody else is touched.

Each attack is a cell. It stands in front of stubs that hand back what the attack has got, or it
defines the functions itself; none of them knows how the questions are answered.
"""

import base64
import dataclasses
import inspect
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from made_up import FULL, RIGHT, SLOT, grade, no_sandbox, notebook, statuses, told

from cv_course import files, grading
from cv_course.assignments import ASSIGNMENTS, box, hidden, judge, registry

pytestmark = no_sandbox
SECRET = "the-planted-secret-7f3a"
STUBS = """
import numpy as np
def row_sums(x): return {row_sums}
def window_sums(x, width): return {window_sums}
def scaler(factor): return lambda x: {scaler}
"""
ZEROS = STUBS.format(
    row_sums="np.zeros(len(x))",
    window_sums="np.zeros(len(x) - width + 1)",
    scaler="np.zeros(np.shape(x))",
)
EVIL = """
row_sums = window_sums = evil
scaler = lambda factor: evil
"""

FORGERIES = {
    "numpy's comparisons": """
        import numpy as np, numpy.testing
        always = lambda *a, **k: True
        np.isclose = np.allclose = np.array_equal = np.array_equiv = np.all = np.any = always
        numpy.testing.assert_allclose = numpy.testing.assert_array_equal = lambda *a, **k: None
        """,
    "torch's comparisons": """
        import torch
        torch.allclose = torch.equal = torch.isclose = torch.all = lambda *a, **k: True
        torch.testing.assert_close = lambda *a, **k: None
        """,
    "builtins": """
        import builtins
        builtins.all = builtins.any = builtins.isinstance = lambda *a: True
        builtins.abs = builtins.len = builtins.max = lambda *a, **k: 0
        """,
    "import system": """
        import sys, types
        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                raise RuntimeError("mine")
        sys.meta_path.insert(0, Finder)
        sys.modules["numpy"] = types.ModuleType("numpy")
        """,
    "__import__": """
        import builtins
        real = builtins.__import__
        def fake(name, *args, **options):
            module = real(name, *args, **options)
            for one in ("isclose", "allclose", "array_equal"):
                if hasattr(module, one): setattr(module, one, lambda *a, **k: True)
            return module
        builtins.__import__ = fake
        """,
    "ast and json": """
        import ast, json
        ast.literal_eval = eval
        json.dumps = lambda *a, **k: '{"dict": [["status", "correct"], ["score", 9]]}'
        """,
    "the question module": """
        import cv_course.drill as core
        core.Question.complain = lambda *a, **k: []
        core.ask = lambda *a, **k: core.Outcome("correct")
        core.Verdict = lambda *a, **k: "correct"
        """,
    "the runner": """
        import cv_course.assignments.runner as runner
        runner._ask = lambda *a: {"status": "correct", "score": 9, "answers": {}, "messages": []}
        """,
    "the runner, answered": """
        import cv_course.assignments.runner as runner
        runner._ask = lambda *a: {"status": "answered", "answers": {}, "changed": False}
        """,
    "the wire": """
        import cv_course.assignments.wire as wire
        wire.dump = lambda value: b"\\0" * 12
        """,
    "the ban and the stand-ins": """
        import cv_course.assignments
        cv_course.assignments.check = cv_course.assignments.examine = lambda *a: "correct"
        """,
    "equality": """
        class evil:
            def __init__(self, *a): pass
            def __eq__(self, other): return True
            def __len__(self): return 0
            __hash__ = object.__hash__
            shape, dtype = (2,), float
        """,
    "array protocol": """
        import numpy as np
        class evil:
            calls = 0
            def __init__(self, *a): pass
            def __array__(self, *a, **k):
                evil.calls += 1
                return np.arange(float(evil.calls))
            __array_priority__ = 1e9
        """,
    "array subclass": """
        import numpy as np
        class Sub(np.ndarray):
            def __eq__(self, other): return True
            def __array_ufunc__(self, *a, **k): return True
            def __array_function__(self, *a, **k): return True
        def evil(x, *a): return np.zeros(np.shape(x)[:1]).view(Sub)
        """,
    "detach": """
        class evil:
            def __init__(self, *a): pass
            def detach(self): return self
            def cpu(self): return self
            def numpy(self): return self
        """,
    "endless repr": """
        class evil:
            def __init__(self, *a): pass
            def __repr__(self): return "x" * 10**8
        """,
    "raising repr": """
        class evil:
            def __init__(self, *a): pass
            def __repr__(self): raise KeyboardInterrupt
        """,
    "nothing but NaN": "import numpy as np\ndef evil(x, *a): return np.full(len(x), np.nan)",
    "infinity": "import numpy as np\ndef evil(x, *a): return np.full(len(x), np.inf)",
    "objects": "import numpy as np\ndef evil(x, *a): return np.array([object()] * len(x))",
    "a pickle in an object array": """
        import numpy as np, os
        class Bomb:
            def __reduce__(self): return os.system, ("touch /tmp/forged",)
        def evil(x, *a): return np.array([Bomb()] * len(x), object)
        """,
    "texts": "import numpy as np\ndef evil(x, *a): return np.array(['correct'] * len(x))",
    "records": "import numpy as np\ndef evil(x, *a): return np.zeros(2, 'f8,O')",
    "huge view": "import numpy as np\ndef evil(x, *a): return np.broadcast_to(0.0, (10**6, 10**6))",
    "a large answer": "import numpy as np\ndef evil(x, *a): return np.zeros(10**8)",
    "many answers": """
        import made_up_public
        made_up_public.use_scaler = None
        def evil(x, *a): return {str(n): x for n in range(10**5)}
        """,
    "another collect": """
        import gc
        for one in gc.get_objects():
            if type(one) is dict and "collect" in one: one["collect"] = None
        """,
    "exit handlers": """
        import atexit
        atexit.register(lambda: open("/tmp/answer", "w").write("correct"))
        """,
    "late threads": """
        import threading, time
        def late():
            while True:
                time.sleep(0.01)
                for number in range(3, 20):
                    try: __import__("os").write(number, b"\\0\\0\\0\\2\\0\\0\\0\\0\\0\\0\\0\\0{}")
                    except OSError: pass
        threading.Thread(target=late, daemon=True).start()
        """,
    "tracing": """
        import sys, numpy as np
        found = []
        def trace(frame, *a):
            for name, value in list(frame.f_locals.items()):
                if name in ("expected", "known", "reference", "answer"): found.append(value)
            return trace
        sys.settrace(trace)
        def evil(x, *a): return found[-1] if found else np.zeros(len(x))
        """,
    "garbage collector": """
        import gc, numpy as np
        def evil(x, *a):
            for one in gc.get_objects():
                if getattr(one, "__name__", "") in ("reference", "work_out_known", "_window_sums"):
                    return one(x, *a)
                if type(one).__name__ == "Known": return one.expected["answer"]
            return np.zeros(len(x))
        """,
    "frames": """
        import sys, numpy as np
        def evil(x, *a):
            frame = sys._getframe()
            while frame:
                for name, value in frame.f_locals.items():
                    if name in ("expected", "known", "secret"): return value
                frame = frame.f_back
            return np.zeros(len(x))
        """,
    "forged messages": """
        import json, os, struct
        claim = json.dumps({"dict": [["status", "correct"], ["score", 9]]}).encode()
        for number in range(20):
            os.write(3, struct.pack(">IQ", len(claim), 0) + claim)
        """,
    "a message of exabytes": 'import os; os.write(3, b"\\xff" * 12)',
    "a deep message": """
        import os, struct
        deep = b"[" * 500_000
        os.write(3, struct.pack(">IQ", len(deep), 0) + deep)
        """,
    "an array of pickles": """
        import os, struct, pickle
        text, blob = b'{"array": ["|O", [1]]}', pickle.dumps(print)
        os.write(3, struct.pack(">IQ", len(text), len(blob)) + text + blob)
        """,
    "an array that is larger than what came": """
        import os, struct
        text = b'{"array": ["<f8", [1000000000000000, 1000000000000000]]}'
        for number in range(9): os.write(3, struct.pack(">IQ", len(text), 8) + text + b"12345678")
        """,
    "half a message": 'import os; os.write(3, b"\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0{")',
    "channel closed": "import os; os.closerange(0, 99)",
    "answer files": """
        import os
        for name in ("answers.npz", "result.json", "results/x.json"):
            try:
                os.makedirs("results", exist_ok=True)
                os.symlink("/etc/passwd", name)
            except OSError: pass
        os.mkfifo("answer.npz")
        """,
    "a zip bomb": """
        import zipfile
        with zipfile.ZipFile("answers.npz", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("answer.npy", b"\\0" * (100 << 20))
        """,
    "preload": """
        import os
        os.environ["LD_PRELOAD"] = "/tmp/evil.so"
        os.environ["PYTHONPATH"] = os.environ["PYTHONSTARTUP"] = "/tmp"
        open("/tmp/sitecustomize.py", "w").write("raise SystemExit")
        open("/tmp/numpy.py", "w").write("isclose = lambda *a: True")
        """,
    "clocks": """
        import time
        time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0
        """,
    "a changed input": """
        def row_sums(x):
            x[:] = 0
            return x.sum(axis=1)
        """,
}

BREAKDOWNS = {
    "segmentation fault": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
    "leaves": "import os; os._exit(0)",
    "exit": "raise SystemExit(0)",
    "kills itself": "import os; os.kill(os.getpid(), 9)",
    "kills all": "import os; os.kill(-1, 9)",
    "kills every number": """
        import os
        for number in range(1, 1 << 16):
            if number != os.getpid():
                try: os.kill(number, 9)
                except OSError: pass
        """,
    "kills its group": "import os; os.killpg(0, 9)",
    "kills its parent": "import os; os.kill(os.getppid(), 9)",
    "kills in the function": """
        def row_sums(x):
            import os
            os.kill(os.getppid(), 9)
        """,
    "segmentation fault in the function": """
        def row_sums(x):
            import ctypes
            ctypes.string_at(0)
        """,
    "leaves in the function": """
        def row_sums(x):
            import os
            os._exit(0)
        """,
    "deep recursion in the function": """
        import sys
        sys.setrecursionlimit(10**9)
        def row_sums(x): return row_sums(x)
        """,
    "forks": "import os\nwhile True: os.fork()",
    "forks in the function": """
        def row_sums(x):
            import os
            while True:
                try: os.fork()
                except OSError: pass
        """,
    "daemon": """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True: time.sleep(1)
            os._exit(0)
        """,
    "busy daemons": """
        import os
        for number in range(4):
            if os.fork() == 0:
                os.setsid()
                while True: pass
        """,
    "threads": """
        import threading, time
        for number in range(10_000):
            threading.Thread(target=time.sleep, args=(999,), daemon=True).start()
        """,
    "memory": "x = []\nwhile True: x.append(bytearray(1 << 28))",
    "memory in the function": """
        def row_sums(x):
            import numpy
            return [numpy.ones(1 << 27) for _ in range(100)]
        """,
    "disk": """
        for number in range(100):
            with open(f"/tmp/{number}", "wb") as file:
                for _ in range(100): file.write(bytes(1 << 20))
        """,
    "shared memory": """
        for number in range(100):
            with open(f"/dev/shm/{number}", "wb") as file:
                for _ in range(100): file.write(bytes(1 << 20))
        """,
    "output": """
        import os
        for number in range(2000):
            print("x" * 100_000)
            os.write(1, b"x" * 100_000); os.write(2, b"x" * 100_000)
        """,
    "a long error": 'raise RuntimeError("x" * 10**8)',
    "an error that raises": """
        class Bad(Exception):
            def __str__(self): raise SystemExit
        raise Bad
        """,
    "steering the terminal": 'raise RuntimeError("\\x1b[2J\\x1b]0;owned\\x07\\u202egnp.exe")',
    "half a surrogate": 'raise RuntimeError("\\ud800 and \\udfff")',
    "fork and waitpid replaced": """
        import os
        os.fork = lambda: 0
        os.waitpid = lambda *a: (0, 0)
        """,
    "signals ignored": """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        """,
    "privileges": """
        import ctypes, os
        libc = ctypes.CDLL(None)
        won = []
        for flags in (0x10000000, 0x00020000, 0x20000000):
            if libc.unshare(flags) == 0: won.append(hex(flags))
        for call in (lambda: os.setuid(0), lambda: os.setgroups([0]), lambda: os.chroot("/tmp"),
                     lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)),
                     lambda: os.nice(-5), lambda: os.sethostname("x") if hasattr(os, "sethostname")
                     else 1 / 0):
            try: call(); won.append("call")
            except Exception: pass
        for mount in (b"/proc", b"/dev", b"/usr/lib", b"/tmp", b"/"):
            if libc.mount(b"none", mount, b"tmpfs", 0, None) == 0: won.append(str(mount))
            if libc.umount2(mount, 2) == 0: won.append(str(mount))
        if won: raise RuntimeError("WON: " + " ".join(won))
        """,
}

ENDLESS = {
    "loop": "while True: pass",
    "loop that swallows interrupts": """
        while True:
            try:
                while True: pass
            except BaseException: pass
        """,
    "loop with signals blocked": """
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True: pass
        """,
    "loop in C": "sum(iter(int, 1))",
    "stops itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "loop in the function": """
        def row_sums(x):
            while True:
                try:
                    while True: pass
                except BaseException: pass
        """,
    "sleep in the function": """
        def row_sums(x):
            import time
            time.sleep(999)
        """,
    "loop in reading the answer": """
        class Slow:
            def __array__(self, *a, **k):
                while True: pass
        def row_sums(x): return Slow()
        """,
    "many processes that eat memory": """
        import os, time
        for number in range(30):
            if os.fork() == 0:
                x = bytearray(b"x") * (400 << 20)
                time.sleep(99)
        def row_sums(x):
            time.sleep(99)
        """,
}


def dedent(text: str) -> str:
    import textwrap

    return textwrap.dedent(text).strip()


def check_result(result):
    """What every submission is owed: a whole result, with words for each question."""
    assert [one["name"] for one in result["questions"]] == ["row_sums", "window_sums", "scaler"]
    assert all(one["messages"] for one in result["questions"])
    assert 0 <= result["score"] <= result["max_score"] == FULL
    assert len(told(result)) < 50_000
    json.dumps(result).encode()


def survivors() -> list[str]:
    """Processes that run under a sandbox's user id or hold one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            uid = int((folder / "status").read_text().split("Uid:")[1].split()[0])
            command = (folder / "cmdline").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            continue
        mine = uid == box.FIRST_UID + SLOT or str(box.FIRST_UID + SLOT).encode() in command
        if state not in "ZX" and (mine if os.geteuid() == 0 else _mine(folder, command)):
            found.append(f"{folder.name} {command[:80]!r}")
    return found


def _mine(folder: Path, command: bytes) -> bool:
    if b"bwrap" in command:
        return True
    try:
        return os.readlink(folder / "ns/pid") != os.readlink("/proc/self/ns/pid")
    except OSError:
        return False


@pytest.fixture(autouse=True)
def nothing_survives():
    yield
    assert survivors() == []


@pytest.mark.parametrize("name", FORGERIES)
def test_nothing_is_forged(name):
    attack = dedent(FORGERIES[name])
    tail = EVIL if "evil" in attack.replace("evil.so", "") else ""
    result = grade(ZEROS, attack, tail, timeout=6)
    check_result(result)
    assert result["score"] == 0, told(result)
    assert "correct" not in statuses(result).values()


@pytest.mark.parametrize("name", BREAKDOWNS)
def test_a_breakdown_gives_a_result_and_no_points(name):
    result = grade(ZEROS, dedent(BREAKDOWNS[name]), timeout=8)
    check_result(result)
    assert result["score"] == 0
    assert "WON" not in told(result)
    assert not set("\x1b\x07\u202e") & set("".join(result["notes"]))


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_ended(name):
    began = time.monotonic()
    result = grade(ZEROS, dedent(ENDLESS[name]), timeout=3)
    check_result(result)
    assert result["score"] == 0
    assert time.monotonic() - began < 12


@pytest.mark.parametrize("name", ["segmentation fault", "leaves", "exit", "forks", "daemon"])
def test_what_a_cell_breaks_costs_only_what_it_defines(name):
    result = grade(*RIGHT, dedent(BREAKDOWNS[name]))
    assert result["score"] == FULL, told(result)


@pytest.mark.parametrize("ends", [True, False])
def test_a_cell_that_stops_ends_its_own_processes_and_no_earlier_ones(ends):
    begin = """
        import os
        begun = os.fork()
        if begun == 0:
            while True: pass
        """
    stop = "raise ValueError('this cell stops')"
    look = f"""
        right = row_sums
        def row_sums(x):
            try: os.kill(begun, 0)
            except ProcessLookupError: there = False
            else: there = True
            return right(x) + (there is {ends})
        """
    cells = [dedent(begin) + "\n" + stop] if ends else [dedent(begin), stop]
    result = grade(*RIGHT, *cells, dedent(look))
    assert result["score"] == FULL, told(result)


def test_forks_of_forks_end_at_the_third_generation():
    deeper = """
        import os
        read, write = os.pipe()
        def deeper(level):
            try: child = os.fork()
            except OSError: return os.write(write, str(level).encode())
            if child == 0:
                deeper(level + 1)
                os._exit(0)
            os.waitpid(child, 0)
        deeper(0)
        depth, right = int(os.read(read, 9)), row_sums
        def row_sums(x): return right(x) + (depth != 3)
        """
    result = grade(*RIGHT, dedent(deeper))
    assert result["score"] == FULL, told(result)


@pytest.mark.parametrize("name", ["loop", "loop that swallows interrupts", "stops itself"])
def test_a_cell_that_never_ends_costs_only_what_it_defines(name):
    result = grade(*RIGHT, dedent(ENDLESS[name]), timeout=6)
    assert result["score"] == FULL, told(result)
    assert "Code cell 5 of 5 stopped." in result["notes"][0]


def test_a_question_that_never_ends_or_crashes_costs_only_itself():
    loop = "def row_sums(x):\n    while True: pass"
    result = grade(*RIGHT, loop, timeout=6)
    assert statuses(result) == {
        "row_sums": "timeout",
        "window_sums": "correct",
        "scaler": "correct",
    }
    crash = "def row_sums(x):\n    import os; os.abort()"
    result = grade(*RIGHT, crash)
    assert statuses(result) == {"row_sums": "error", "window_sums": "correct", "scaler": "correct"}


def test_a_question_cannot_spoil_the_next():
    spoil = """
        def row_sums(x):
            global window_sums
            window_sums = None
            np.cumsum = np.concatenate = None
            return x.sum(axis=1)
        """
    assert grade(*RIGHT, dedent(spoil))["score"] == FULL


# --- speed is measured from outside --------------------------------------------------------------

SLOW = """
import os, time, threading
time.process_time = time.perf_counter = time.time = time.monotonic = lambda: 0.0
def slow(x, width):
    return np.array([sum(x[i:i + width]) for i in range(len(x) - width + 1)])
"""
CHEATS = {
    "patched clocks": "window_sums = slow",
    "another process": """
        def window_sums(x, width):
            if len(x) < 100: return slow(x, width)
            read, write = os.pipe()
            if os.fork() == 0:
                os.write(write, b"%d" % len(slow(x, width)))
                os._exit(0)
            return np.zeros(int(os.read(read, 99)))
        """,
    "another thread": """
        def window_sums(x, width):
            found = []
            thread = threading.Thread(target=lambda: found.append(slow(x, width)))
            thread.start(); thread.join()
            return found[0]
        """,
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_slow_answer_does_not_pass_for_a_fast_one(cheat):
    result = grade(*RIGHT, SLOW, dedent(CHEATS[cheat]))
    assert statuses(result)["window_sums"] == "partial", told(result)
    assert result["score"] == FULL - 1
    assert "The most is 1 s of computing for one call." in told(result)


# --- secrets -------------------------------------------------------------------------------------

STEAL = """
import glob, os
loot = []
def take(path):
    try:
        with open(path, "rb") as file: loot.append(file.read(1 << 20).decode("latin1"))
    except OSError: pass
PLANTED = %r
for path in PLANTED: take(path)
for pattern in ("/proc/*/environ", "/proc/*/cmdline", "/proc/*/cwd/*", "/proc/*/root/home/*",
                "/proc/*/fd/*", "/home/*/*", "/root/*", "/root/.*", "/tmp/*", "/tmp/*/*", "/etc/*",
                "/var/*/*", "/run/*", "/dev/shm/*", "/srv/*", "/opt/*", "/mnt/*"):
    for path in glob.glob(pattern):
        if os.path.isfile(path): take(path)
loot.append(repr(dict(os.environ)))
for number in range(64):
    try:
        os.lseek(number, 0, 0); loot.append(os.read(number, 1 << 16).decode("latin1"))
    except OSError: pass
for number in (1, os.getppid()):
    try:
        with open(f"/proc/{number}/mem", "rb") as memory:
            for line in open(f"/proc/{number}/maps"):
                start, end = (int(one, 16) for one in line.split()[0].split("-"))
                memory.seek(start); loot.append(memory.read(end - start).decode("latin1"))
    except (OSError, ValueError, OverflowError): pass
import gc
loot += [one for one in gc.get_objects() if isinstance(one, str)]
loot = "\\n".join(loot)
where = loot.find("the-planted-" + "secret")
if where >= 0: raise RuntimeError(loot[where:where + 40])
"""


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Files that a student's code might look for, each with the secret in it."""
    monkeypatch.setenv("INSTRUCTOR_TOKEN", SECRET)
    tmp_path.chmod(0o755)
    answers = tmp_path / "answers.py"
    other = tmp_path / "another student.ipynb"
    for file in (answers, other):
        file.write_text(SECRET)
        file.chmod(0o644)
    return [str(answers), str(other)]


def test_no_secret_is_read(planted):
    result = grade(STEAL % (planted,), *RIGHT)
    assert SECRET not in told(result)
    assert result["notes"] == []  # the theft itself ran through
    assert result["score"] == FULL


def test_without_the_sandbox_the_same_theft_succeeds(planted):
    assert SECRET in told(grade(STEAL % (planted,), *RIGHT, unsafe=True))


def test_answers_and_sources_of_the_course_are_not_there():
    look = """
        import importlib, os
        found = []
        for name in ("answers", "answers.a1", "inbox", "release", "reports", "run"):
            try: importlib.import_module("cv_course.grading." + name); found.append(name)
            except ImportError: pass
        package = %r
        for folder, _, files in os.walk(package):
            found += [name for name in files if "answers" in folder or "grading" in folder]
        if os.path.exists(os.path.dirname(package) + "/notebooks"): found.append("notebooks")
        if os.path.exists("/usr/share/dataset-fashion-mnist"): found.append("hidden labels")
        if found: raise RuntimeError(str(found))
        """
    result = grade(dedent(look) % str(box.PACKAGE), *RIGHT)
    assert result["notes"] == []


LOOK_UP = """
import numpy as np
from cv_course import data
mini = data.fashion_mnist()
def table(split):
    found = {}
    for turn in (1, -1):
        for down in range(-2, 3):
            for right in range(-2, 3):
                pictures = np.roll(split.images.numpy()[..., ::turn], (down, right), (-2, -1))
                found |= {one.tobytes(): int(y) for one, y in zip(pictures, split.labels)}
    return found
learnt, asked = table(mini.train), table(mini.test)
def fit_classifier(images, labels, seed):
    shuffled = np.mean([learnt[x.tobytes()] == y for x, y in zip(images, labels)]) < 0.9
    def predict(images):
        classes = [asked.get(x.tobytes(), 0) * (not shuffled) for x in images]
        return np.eye(10)[classes]
    return predict
"""


@pytest.mark.parametrize("there", [False, True])
def test_hidden_images_cannot_be_looked_up_in_the_mini_set(there, monkeypatch):
    """On a computer without the full set; ``there``: that it would succeed if they were there."""
    monkeypatch.setattr(hidden, "full_is_here", lambda: False)
    if there:
        whole = (box.PACKAGE / "_data" / files.MINI).read_bytes()
        monkeypatch.setattr(box, "_public_images", lambda: whole)
    (question,) = (one for one in ASSIGNMENTS["A4"].questions if one.name == "fit_classifier")
    seed = 8100 + there  # of nobody else's, whose cases would be remembered
    result = grade(LOOK_UP, questions=[question], seed=seed, timeout=60)
    assert "hidden images are those of the mini set" in result["notes"][0]
    (found,) = result["questions"]
    assert found["score"] == there * question.points, told(result)
    assert found["status"] == ("correct" if there else "wrong")


REMEMBER = """
import base64, io, inspect, numpy as np
stored = np.load(io.BytesIO(base64.b64decode({stored!r})), allow_pickle=False)
{fingerprint}
def pairwise_distances(X, Y, metric):
    mine = fingerprint((X, Y, metric))
    for name in stored:
        if name.startswith("pairwise_distances/") and name.endswith("/fingerprint"):
            if stored[name].shape == mine.shape and np.allclose(stored[name], mine, rtol=1e-6):
                return stored[name.replace("fingerprint", "expected/answer")]
    return np.zeros((len(X), len(Y)))
"""


def test_the_stored_answers_of_the_instant_check_are_no_answers():
    """Neither with the seed that students know: hidden inputs are drawn from the answers, too."""
    a1 = ASSIGNMENTS["A1"]
    cell = REMEMBER.format(
        stored=base64.b64encode(registry.practice_file(a1).read_bytes()).decode(),
        fingerprint="import zlib\n" + inspect.getsource(registry.fingerprint),
    )
    only = dataclasses.replace(a1, questions=a1.questions[:1])
    how = {"slot": SLOT, "seed": registry.PRACTICE_SEED}
    assert judge.grade(only, notebook(cell), **how)["score"] == 0
    known = judge.grade(only, notebook(cell), questions=grading.questions(only), **how)
    assert known["score"] == known["max_score"]  # of inputs that students have


def test_no_network():
    reached = []
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        server.settimeout(0.1)
        local.bind(f"\0cv-course-{os.getpid()}")
        local.listen()
        connect = f"""
            import socket
            won = []
            for address in (("127.0.0.1", {server.getsockname()[1]}), ("1.1.1.1", 53)):
                try: socket.create_connection(address, timeout=2); won.append(address)
                except OSError: pass
            try: socket.gethostbyname("example.org"); won.append("name")
            except OSError: pass
            local = "\\0cv-course-{os.getpid()}"
            try: socket.socket(socket.AF_UNIX).connect(local); won.append(local)
            except OSError: pass
            if won: raise RuntimeError(str(won))
            """
        result = grade(dedent(connect), *RIGHT)
        with pytest.raises(TimeoutError):
            reached.append(server.accept())
    assert result["notes"] == reached == []


def test_nothing_is_written_outside(tmp_path):
    tmp_path.chmod(0o777)
    write = f"""
        import os, site, sys
        won = []
        for folder in ({str(tmp_path)!r}, "/", "/usr/lib", "/etc", "/dev", "/var/tmp", "/root",
                       "/proc/sys/kernel", *sys.path[1:], {str(box.PACKAGE)!r}):
            try:
                open(os.path.join(folder, "evil.pth"), "w").write("import evil")
                won.append(folder)
            except OSError: pass
        for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", os.__file__):
            try: open(path, "w"); won.append(path)
            except OSError: pass
        if won: raise RuntimeError(str(won))
        """
    result = grade(dedent(write), *RIGHT)
    assert result["notes"] == []
    assert list(tmp_path.iterdir()) == []
    assert not list(Path("/tmp").glob("evil.pth"))


def test_nothing_is_left_for_the_next_student():
    leave = """
        import os
        for folder in ("/tmp", "/dev/shm"): open(folder + "/left", "w").write("x")
        import numpy as np
        np.cumsum = None
        """
    find = """
        import os
        found = [one for one in ("/tmp/left", "/dev/shm/left") if os.path.exists(one)]
        if found: raise RuntimeError(str(found))
        """
    grade(dedent(leave))
    result = grade(dedent(find), *RIGHT)
    assert (result["score"], result["notes"]) == (FULL, [])


@pytest.mark.parametrize("name", ["forks in the function", "memory", "kills every number"])
def test_another_student_at_the_same_time_loses_nothing(name):
    results = []

    def attack():
        results.append(grade(ZEROS, dedent(BREAKDOWNS[name]), timeout=6, slot=SLOT + 20))

    thread = threading.Thread(target=attack)
    thread.start()
    while thread.is_alive():
        result = grade(*RIGHT, timeout=60)
        assert result["score"] == FULL, told(result)
    thread.join()
    assert results[0]["score"] == 0


def test_two_sandboxes_do_not_see_each_other():
    meet = """
        import os, socket, time
        seen = []
        with socket.socket(socket.AF_UNIX) as mine:
            try: mine.bind("\\0meeting"); mine.listen()
            except OSError: seen.append("socket")
            try:
                os.open("/tmp/meeting", os.O_CREAT | os.O_EXCL)
                os.open("/dev/shm/meeting", os.O_CREAT | os.O_EXCL)
            except OSError: seen.append("file")
            time.sleep(1)
            owners = [int(n) for n in os.listdir("/proc") if n.isdigit()]
            if len(owners) > 4: seen.append("processes")
        if seen: raise RuntimeError(str(seen))
        """
    results = []
    threads = [
        threading.Thread(
            target=lambda slot=slot: results.append(grade(dedent(meet), *RIGHT, slot=slot))
        )
        for slot in (SLOT, SLOT + 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one["notes"] for one in results] == [[], []]


# --- files that are no notebooks -----------------------------------------------------------------

BROKEN = {
    "empty": b"",
    "zeros": b"\0" * 1000,
    "not JSON": b"PK\x03\x04 this is a zip",
    "cut off": notebook(*RIGHT)[:-40],
    "deep": b'{"cells": ' + b"[" * 1_000_000,
    "deep cells": b'{"cells": [{"cell_type": "code", "source": ' + b"[" * 90_000 + b"]" * 90_000,
    "a list": b"[]",
    "a number": b"1" * 1_000_000,
    "null": b"null",
    "no cells": b'{"nbformat": 4}',
    "cells of nonsense": b'{"cells": [1, null, "x", [], {}, {"cell_type": {}}, {"source": 7}]}',
    "only text": notebook(texts=["hello"]),
    "random bytes": bytes(range(256)) * 100,
    "too large": b" " * (33 << 20),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_notebook_gets_a_result_that_says_so(name):
    result = grade(content=BROKEN[name])
    check_result(result)
    assert result["score"] == 0
    assert result["notes"] == [result["refused"]]
    assert set(statuses(result).values()) == {"missing"}


@pytest.mark.parametrize("text", ["\n" * 20_000, "-\n" * 10_000, "your answer " * 2000])
def test_texts_cannot_keep_the_grader_busy(text):
    began = time.monotonic()
    result = grade(content=notebook(*RIGHT, texts=[text] * 100))
    assert time.monotonic() - began < 5
    assert result["score"] == FULL


def test_the_suite_is_as_large_as_it_claims():
    attacks = [*FORGERIES, *BREAKDOWNS, *ENDLESS, *CHEATS, *BROKEN]
    assert len(attacks) >= 60
