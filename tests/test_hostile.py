"""Submissions that attack: nothing is forged, read, outlived or crashed, nobody else is touched.

Each attack is a cell. It stands in front of stubs that hand back what the attack has got, or it
defines the functions itself; none of them knows how the questions are answered.
"""

import base64
import dataclasses
import inspect
import json
import os
import re
import socket
import textwrap
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made_up import FULL, RIGHT, SLOT, grade, no_sandbox, notebook, statuses, told

from cv_course import files, grading
from cv_course.assignments import ASSIGNMENTS, box, hidden, judge, registry

pytestmark = no_sandbox
SECRET = "the-planted-secret-7f3a"
ZEROS = """
import numpy as np
def row_sums(x): return np.zeros(len(x))
def window_sums(x, width): return np.zeros(len(x) - width + 1)
def scaler(factor): return lambda x: np.zeros(np.shape(x))
"""
EVIL = """
row_sums = window_sums = evil
scaler = lambda factor: evil
"""
ATTACKS = tomllib.loads(Path(__file__).with_name("hostile.toml").read_text("utf-8"))
KINDS = "forgeries", "breakdowns", "endless", "cheats", "in_vain"
FORGERIES, BREAKDOWNS, ENDLESS, CHEATS, IN_VAIN = (ATTACKS[kind] for kind in KINDS)
assert len([*FORGERIES, *BREAKDOWNS, *ENDLESS, *CHEATS]) > 80, "attacks are missing"
SLOW, STEAL, LOOK_UP, REMEMBER = ATTACKS["scripts"].values()


def dedent(text: str) -> str:
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
    attack = FORGERIES[name]
    tail = EVIL if "evil" in attack.replace("evil.so", "") else ""
    result = grade(ZEROS, attack, tail, timeout=6)
    check_result(result)
    assert result["score"] == 0, told(result)
    assert "correct" not in statuses(result).values()


@pytest.mark.parametrize("name", BREAKDOWNS)
def test_a_breakdown_gives_a_result_and_no_points(name):
    result = grade(ZEROS, BREAKDOWNS[name], timeout=8)
    check_result(result)
    assert result["score"] == 0
    assert "WON" not in told(result)
    assert not set("\x1b\x07\u202e") & set("".join(result["notes"]))


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_ended(name):
    began = time.monotonic()
    result = grade(ZEROS, ENDLESS[name], timeout=3)
    check_result(result)
    assert result["score"] == 0
    assert time.monotonic() - began < 12


def test_what_is_not_reached_counts_for_nothing_and_says_so():
    result = grade(*RIGHT, timeout=0)
    check_result(result)
    assert (result["score"], {*statuses(result).values()}) == (0, {"timeout"})
    assert "row_sums was not reached" in told(result)


@pytest.mark.parametrize("name", ["segmentation fault", "leaves", "exit", "forks", "daemon"])
def test_what_a_cell_breaks_costs_only_what_it_defines(name):
    result = grade(*RIGHT, BREAKDOWNS[name])
    assert result["score"] == FULL, told(result)


@pytest.mark.parametrize("name", ["loop", "loop that swallows interrupts", "stops itself"])
def test_a_cell_that_never_ends_costs_only_what_it_defines(name):
    result = grade(*RIGHT, ENDLESS[name], timeout=6)
    assert result["score"] == FULL, told(result)
    assert "Code cell 5 of 5 stopped." in result["notes"][0]


def test_a_question_that_never_ends_or_crashes_costs_only_itself():
    for line, status in (("while True: pass", "timeout"), ("import os; os.abort()", "error")):
        result = grade(*RIGHT, f"def row_sums(x):\n    {line}", timeout=6)
        assert list(statuses(result).values()) == [status, "correct", "correct"]


@pytest.mark.parametrize("name", IN_VAIN)
def test_what_is_tried_in_vain_changes_nothing(name, tmp_path):
    tmp_path.chmod(0o777)
    words = {"PACKAGE": repr(str(box.PACKAGE)), "OUTSIDE": repr(str(tmp_path))}
    cells = [re.sub("PACKAGE|OUTSIDE", lambda one: words[one[0]], cell) for cell in IN_VAIN[name]]
    result = grade(*RIGHT, *cells)
    assert result["score"] == FULL, told(result)
    assert all("this cell stops" in note for note in result["notes"])
    assert not [*tmp_path.iterdir(), *Path("/tmp").glob("evil.pth")]


# --- speed is measured from outside --------------------------------------------------------------


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_slow_answer_does_not_pass_for_a_fast_one(cheat):
    result = grade(*RIGHT, SLOW, CHEATS[cheat])
    assert statuses(result)["window_sums"] == "partial", told(result)
    assert result["score"] == FULL - 1
    assert "The most is 1 s of computing for one call." in told(result)


# --- secrets -------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("there", [False, True])
def test_hidden_images_cannot_be_looked_up_in_the_mini_set(there, monkeypatch):
    """On a computer without the full set; ``there``: that it would succeed if they were there."""
    monkeypatch.setattr(hidden, "full_folder", lambda: False)
    if there:
        whole = (box.PACKAGE / "_data" / files.MINI).read_bytes()
        monkeypatch.setattr(box, "_public_images", lambda: whole)
    (question,) = (one for one in ASSIGNMENTS["A4"].questions if one.name == "fit_classifier")
    seed = 8100 + there  # of nobody else's, whose cases would be remembered
    result = grade(LOOK_UP, questions=[question], seed=seed, timeout=240)
    assert "hidden images are those of the mini set" in result["notes"][0]
    (found,) = result["questions"]
    assert found["score"] == there * question.points, told(result)
    assert found["status"] == ("correct" if there else "wrong")


def test_the_stored_answers_of_the_instant_check_are_no_answers():
    """Neither with the seed that students know: hidden inputs are drawn from the answers, too."""
    a1 = ASSIGNMENTS["A1"]
    stored = base64.b64encode(registry.practice_file(a1).read_bytes()).decode()
    cell = REMEMBER.replace("STORED", stored) + inspect.getsource(registry.fingerprint)
    only = dataclasses.replace(a1, questions=a1.questions[:1])
    how = {"slot": SLOT, "seed": registry.PRACTICE_SEED}
    assert judge.grade(only, notebook(cell), **how)["score"] == 0
    known = judge.grade(only, notebook(cell), questions=grading.questions(only), **how)
    assert known["score"] > 0  # of inputs that students have, but for calls after a call


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
    with ThreadPoolExecutor(1) as other:
        attack = other.submit(grade, ZEROS, BREAKDOWNS[name], timeout=6, slot=SLOT + 20)
        while not attack.done():
            result = grade(*RIGHT, timeout=60)
            assert result["score"] == FULL, told(result)
    assert attack.result()["score"] == 0


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
    with ThreadPoolExecutor(2) as both:
        slots = SLOT, SLOT + 20
        results = both.map(lambda slot: grade(dedent(meet), *RIGHT, slot=slot), slots)
    assert [one["notes"] for one in results] == [[], []]


# --- files that are no notebooks -----------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"null", notebook(texts=["hello"]), b" " * (33 << 20)])
def test_what_is_no_notebook_gets_a_result_that_says_so(content):
    result = grade(content=content)
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
