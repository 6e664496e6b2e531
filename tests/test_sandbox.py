"""What holds inside the sandbox, what happens without one, and that the trusted side stays so."""

import ast
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from made_up import FULL, RIGHT, SLOT, grade, no_sandbox, statuses
from test_hostile import ATTACKS, dedent, survivors

from cv_course import data
from cv_course.assignments import box, judge, wire

TRUSTED = ("read", "box", "wire", "judge")


@pytest.fixture
def no_bwrap(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_bubblewrap_the_grader_refuses_and_says_how_to_get_it(no_bwrap):
    with pytest.raises(box.SandboxMissing, match=r"apt-get install bubblewrap.*--unsafe"):
        grade(*RIGHT)


def test_bubblewrap_that_may_not_run_is_refused_with_its_reason(no_bwrap):
    program = no_bwrap / "bwrap"
    said = "bwrap: No permissions to create new namespace"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1")
    program.chmod(0o755)
    with pytest.raises(box.SandboxMissing) as refusal:
        grade(*RIGHT)
    for words in ("No permissions to create", "Docker", "user namespaces", "--unsafe"):
        assert words in str(refusal.value)


def test_unsafe_grades_without_and_says_so(no_bwrap):
    no_rights = "assert 'CapEff:\\t0000000000000000' in open('/proc/self/status').read()"
    result = grade(*RIGHT, no_rights, unsafe=True)
    assert (result["score"], result["sandbox"], result["notes"]) == (FULL, "none", [])
    loop = "def row_sums(x):\n    while True: pass"
    result = grade(*RIGHT, loop, unsafe=True, timeout=8)
    assert statuses(result)["row_sums"] == "timeout"
    assert result["score"] == FULL - 4


def test_what_is_no_notebook_needs_no_sandbox(no_bwrap):
    assert grade(content=b"")["score"] == 0


def inside(*expressions: str, timeout=10) -> list:
    """What expressions are worth in there."""
    start = "import ctypes, os, resource\nlibc = ctypes.CDLL(None)"
    cells = [f"raise RuntimeError(repr({one}))" for one in expressions]
    notes = grade(start, *cells, timeout=timeout)["notes"]
    return [ast.literal_eval(note.partition("RuntimeError: ")[2]) for note in notes]


def needed(place: str) -> list[str]:
    """What has to be in a folder since the checkout or its Python lies there."""
    paths = [path for path in (*box._libraries(), box.PACKAGE) if path.is_relative_to(place)]
    return sorted({path.relative_to(place).parts[0] for path in paths})


@no_sandbox
def test_in_there_are_no_rights_hard_limits_and_only_libraries_and_the_students_part():
    lines = "line.split() for line in open('/proc/self/status') if line[:3] in ('Cap', 'NoN')"
    rights = dict.fromkeys(("CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"), "0" * 16)
    limits = "resource.getrlimit(getattr(resource, 'RLIMIT_' + name.upper()))"
    place = "os.readlink(f'/proc/self/fd/{n}').partition(':')[0]"
    disk, package = "os.statvfs('/tmp')", f"os.path.join({str(box.PACKAGE)!r}"
    wanted = {
        f"dict({lines})": {**rights, "NoNewPrivs:": "1"},
        f"[{limits} for name in {[*box.LIMITS]}]": [(most,) * 2 for most in box.LIMITS.values()],
        f"{disk}.f_blocks * {disk}.f_frsize": box.DISK,
        "dict(os.environ)": {**box.ENVIRONMENT, "PWD": "/tmp"},
        f"[{place} for n in os.listdir('/proc/self/fd')[:-1]]": [*["/dev/null"] * 3, "socket"],
        "(os.getpgid(0) - os.getpid(), os.getsid(0) - os.getpid())": (0, 0),
        "open('/proc/self/oom_score_adj').read()": "1000\n",
        "[n for n in os.listdir('/proc') if n.isdigit() and int(n) > 9]": [],
        f"os.path.exists({package}, 'drill.py'))": True,
        f"os.path.exists({package}, 'grading'))": False,
        f"sorted(os.listdir({package}, 'assignments')))": sorted(
            one.name for one in box.PACKAGE.glob("assignments/*.*")
        ),
        "os.path.exists('/etc/passwd')": False,
        "sorted({*os.listdir('/tmp')} - {'.ipython'})": needed("/tmp"),
    }
    for place in ("/home", "/root", "/run", "/var"):
        wanted[f"os.path.exists({place!r}) and sorted(os.listdir({place!r})) or []"] = needed(place)
    if os.geteuid() == 0:
        wanted |= {f"os.getres{kind}()": (box.FIRST_UID + SLOT,) * 3 for kind in ("uid", "gid")}
        wanted["os.getgroups()"] = []
    assert dict(zip(wanted, inside(*wanted), strict=True)) == wanted


@no_sandbox
def test_a_check_in_there_does_nothing_and_loads_nothing():
    source = """
        import sys
        from cv_course import preview
        from cv_course.assignments import check, hint, passed
        assert [preview("a1.ipynb"), *(ask(print) for ask in (check, hint, passed))] == [None] * 4
        assert "cv_course.assignments.registry" not in sys.modules
        """
    assert grade(dedent(source))["notes"] == []


@no_sandbox
def test_a_student_has_few_processes():
    born = "(lambda number: number if number else os._exit(0))(libc.fork())"
    (processes,) = inside(f"sum([{born} > 0 for _ in range(300)])", timeout=60)
    assert processes < 100


_ELSEWHERE = """
import os, sys
sys.path[:0] = {path!r}
if {ordinary}:
    os.geteuid = lambda: 1000
from made_up import box, grade
print(box.PACKAGE)
print(grade({look!r}, slot={slot}, timeout=60)["notes"])
"""
_LOOK = """
import os, IPython.core.oinspect, cv_course.files, cv_course.assignments.registry
won = []
for folder in ({parent!r}, {package!r}, {package!r} + "/assignments", {package!r} + "/_data"):
    try: open(folder + "/more.py", "w"); won.append(folder)
    except OSError: pass
seen = os.path.getsize({package!r} + "/_data/" + cv_course.files.MINI) > 0
raise RuntimeError(repr([won, os.listdir({parent!r}), seen, {left!r} in os.listdir({place!r})]))
"""


@no_sandbox
@pytest.mark.parametrize(("place", "ordinary"), [("/tmp", True), ("/dev/shm", False)])
def test_a_checkout_may_lie_where_students_write(place, ordinary):
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        tempfile.NamedTemporaryFile(dir=place) as left,
    ):
        package = Path(folder) / "cv_course"
        shutil.copytree(box.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "answers.txt").write_text("secret")
        words = {"parent": folder, "package": str(package), "place": place}
        look = _LOOK.format(**words, left=Path(left.name).name)
        path = [str(folder), str(Path(__file__).parent)]
        code = _ELSEWHERE.format(path=path, ordinary=ordinary, look=look, slot=SLOT)
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stderr == ""
    where, _, notes = run.stdout.partition("\n")
    assert where == str(package)
    assert "RuntimeError: [[], ['cv_course'], True, False]" in notes


@no_sandbox
def test_what_the_sandbox_cannot_show_is_refused_by_its_folder(monkeypatch):
    with monkeypatch.context() as changed:
        changed.setattr(box, "_libraries", lambda: [Path(json.__file__).parents[1] / "json"])
        with pytest.raises(box.SandboxMissing, match=f"numpy, and {Path(np.__file__).parent}"):
            grade(*RIGHT)
    monkeypatch.setattr(box, "PACKAGE", Path("/tmp"))
    with pytest.raises(box.SandboxMissing, match="lies in /tmp itself"):
        grade(*RIGHT)


@no_sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="only as root it is another user")
def test_a_checkout_that_others_may_not_read_is_refused_by_its_folder(tmp_path, monkeypatch):
    package = tmp_path / "cv_course"
    shutil.copytree(box.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "drill.py").chmod(0o600)
    monkeypatch.setattr(box, "PACKAGE", package)
    with pytest.raises(box.SandboxMissing, match=f"may not read {package}/drill.py: chmod"):
        grade(*RIGHT)


@no_sandbox
def test_the_mini_set_in_there_has_no_image_that_models_are_measured_on():
    source = """
        from cv_course import data, scenes
        fashion = data.fashion_mnist()
        assert scenes.scenes(fashion.test, 3).labels.tolist()
        boot = fashion.test.images[19]
        raise RuntimeError(f"{fashion.train.images.long().sum()} {len(fashion.test)}"
                           f" {boot.long().sum()} {(fashion.train.images[19] == boot).all()}")
        """
    mini = data.fashion_mnist()
    known = mini.train.images
    told = grade(dedent(source), timeout=90)["notes"][0].partition("RuntimeError: ")[2]
    assert told == f"{known.long().sum()} {len(mini.test)} {known[19].long().sum()} True"


@no_sandbox
def test_a_grader_that_is_killed_leaves_nothing_behind():
    code = f"""
        import os, sys
        sys.path[:0] = {[str(Path(__file__).parent), str(box.PACKAGE.parent)]!r}
        from made_up import grade
        print("begun", flush=True)
        grade("import os\\nif os.fork() == 0: os.setsid()\\nwhile True: pass", timeout=60)
        """
    grader = subprocess.Popen(
        [sys.executable, "-c", dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert grader.stdout.readline() == "begun\n"
    until = time.monotonic() + 20
    running = 6 if os.geteuid() == 0 else 4  # with what the cell has begun
    while len(survivors()) < running and time.monotonic() < until:
        time.sleep(0.05)
    assert len(survivors()) >= running
    grader.send_signal(signal.SIGKILL)
    grader.wait()
    grader.stdout.close()
    while survivors() and time.monotonic() < until:
        time.sleep(0.05)
    assert survivors() == []


@no_sandbox
def test_a_question_that_cannot_be_asked_is_the_graders_failure_not_a_zero(monkeypatch):
    monkeypatch.setattr(judge, "_place", lambda function: function and "no_such_module:function")
    with pytest.raises(RuntimeError, match="the runner did not start: ModuleNotFoundError"):
        grade(*RIGHT)


# --- the trusted side ----------------------------------------------------------------------------


def names(module: str) -> set[str]:
    """All modules that are imported and all dotted names that are used."""
    tree = ast.parse((box.PACKAGE / "assignments" / f"{module}.py").read_text("utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Attribute):
            found.add(ast.unparse(node))
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


@pytest.mark.parametrize("module", TRUSTED)
def test_the_trusted_side_reads_no_pickles_and_runs_no_code_that_it_read(module):
    roots = {name.partition(".")[0] for name in names(module)}
    forbidden = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "torch", "yaml"}
    forbidden |= {"eval", "exec", "compile", "__import__", "runpy", "zipfile", "tarfile"}
    assert not roots & forbidden
    assert names(module) & {"json.loads", "numpy", "cv_course.assignments.wire", "json", "os"}
    loads = {name for name in names(module) if name.endswith((".load", ".loads"))}
    assert loads <= {"json.loads", "wire.load"}


_GRADED = """
import sys
sys.path[:0] = {path!r}
from made_up import notebook
from cv_course.assignments import judge
from cv_course.grading import run
for name, source in (("A1", "import torch"), ("A2", ""), ("A3", "")):
    judge.grade(run.look_up(name), notebook(source), slot={slot})
    print(name, "torch" in sys.modules)
"""


@no_sandbox
def test_who_grades_imports_no_torch():
    """With hidden images, too; it would cost every worker 400 MB."""
    path = [str(Path(__file__).parent), str(box.PACKAGE.parent)]
    code = _GRADED.format(path=path, slot=SLOT)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "A1 False\nA2 False\nA3 False\n"


# --- the wire ------------------------------------------------------------------------------------


def sent(message: bytes):
    return wire.load(io.BytesIO(message).read)


def test_plain_data_arrives_as_it_was():
    value = {
        "arrays": (np.arange(6, dtype="u1").reshape(2, 3)[:, ::2], np.zeros((0, 4)), np.array(7)),
        "plain": [None, True, 3, 2.5, "합성곱", {"kind": "conv", "kernel": 3}, ()],
        "scalar": np.float32(0.5),
    }
    back = sent(wire.dump(value))
    for one, other in zip(value["arrays"], back["arrays"], strict=True):
        np.testing.assert_array_equal(one, other)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert other.flags.writeable
    assert back["plain"] == value["plain"]
    assert back["scalar"] == 0.5


@pytest.mark.parametrize("value", [np.array([object()]), np.array(["x"]), object(), 1j, {1, 2}])
def test_nothing_but_plain_data_is_sent(value):
    with pytest.raises(TypeError):
        wire.dump(value)


def frame(text: bytes, blob: bytes = b"", sizes=None) -> bytes:
    return wire._HEAD.pack(*(sizes or (len(text), len(blob)))) + text + blob


@pytest.mark.parametrize(
    "message",
    [
        *(frame(text.encode(), b"12345678") for text in ATTACKS["messages"]),
        *(frame(text) for text in (b"[" * 100_000, b"1" * 10_000, b"\xff\xfe\x00")),
        frame(b'{"array": ["<f8", ' + b"[" + b"1," * 40 + b"1]]}", b"12345678"),
        frame(b"", sizes=(0xFFFFFFFF, 0)),
        frame(b"1", sizes=(1, 1 << 60)),
        frame(b"[]")[:-1],
    ],
)
def test_a_hostile_message_is_broken_and_nothing_else(message):
    with pytest.raises(wire.Broken):
        sent(message)


@pytest.mark.parametrize("message", [frame(b'"a text"'), frame(b"[]", b"123456789")])
def test_what_is_larger_than_allowed_is_not_even_read(message):
    asked = []

    def read(count):
        asked.append(count)
        return message[:count]

    with pytest.raises(wire.Broken, match="more than is read"):
        wire.load(read, text_bytes=7, array_bytes=8)
    assert asked == [wire._HEAD.size]


def test_random_bytes_are_broken_or_plain():
    rng = np.random.default_rng(0)
    right = wire.dump({"status": "answered", "answers": {"answer": np.arange(4.0)}})
    for _ in range(2000):
        message = bytearray(right)
        for place in rng.integers(12, len(message), 3):
            message[place] = rng.integers(256)
        try:
            outcome = judge._outcome(sent(bytes(message)))
        except wire.Broken:
            continue
        assert outcome.status in ("answered", "missing", "error")
        assert all(isinstance(part, np.ndarray) for part in outcome.answers.values())


def test_claims_are_cut_down():
    claim = {
        "status": "answered",
        "messages": ["x" * 10**6, "\x1b[31mred\x07", 7, None] * 50,
        "remarks": "not a list",
        "answers": {"answer": [1, 2], "more": np.ones(2)},
        "score": 100,
    }
    outcome = judge._outcome(claim)
    assert len(outcome.messages) <= 12
    assert max(map(len, outcome.messages)) <= 700
    assert "\x1b" not in "".join(outcome.messages)
    assert (outcome.remarks, list(outcome.answers)) == ([], ["more"])
    many = dict.fromkeys(map(str, range(judge.MOST_ANSWERS + 1)), np.ones(1))
    assert judge._outcome({"status": "answered", "answers": many}).answers == {}
    for nonsense in (None, [], "answered", {"status": "correct"}, {"status": []}, 7):
        assert judge._outcome(nonsense).status == "error"
