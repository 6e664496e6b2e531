"""A class's submissions: whose they are, what is refused, and a run that nothing can spoil."""

import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
import unicodedata
import zipfile
from pathlib import Path

import pytest
from classroom import fake, notebook
from joblib.externals.loky import get_reusable_executor

from cv_course import cli
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import inbox, run
from cv_course.grading.inbox import file_names, find

A1 = ASSIGNMENTS["A1"]
HERE = Path(__file__).parent


def lay(folder: Path, *names: str, when: int = 1_700_000_000) -> Path:
    """Different notebooks of these names; each is a minute newer than the one before."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook(f"x = {name!r}"))
        os.utime(path, (when + 60 * number,) * 2)
    return folder


def students(folder: Path, pattern=None) -> list[tuple[str, str]]:
    found, _ = find([folder], "A1", pattern)
    return [(one.student, one.id) for one in found]


# --- whose it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "student", "number"),
    [
        ("alice_A1.ipynb", "alice", ""),
        ("alice_a1.ipynb", "alice", ""),
        ("Kim Min-jun_A1 (1).ipynb", "Kim Min-jun", ""),
        ("alice_A1-1.ipynb", "alice", ""),
        ("alice_A1_final version.ipynb", "alice", ""),
        ("alice_a1_nearest_neighbours_and_templates.ipynb", "alice", ""),
        ("김민준_A1.ipynb", "김민준", ""),
        ("alice_A1.ipynb.txt", "alice", ""),
        ("kimminjun_12345_67890_A1.ipynb", "kimminjun", "12345"),
        ("kimminjun_LATE_12345_67890_A1-2.ipynb", "kimminjun", "12345"),
        ("Ann Lee_4711_assignsubmission_file_/A1.ipynb", "Ann Lee", "4711"),
        ("Ann Lee_4711_assignsubmission_file_/a1 (1).ipynb", "Ann Lee", "4711"),
        ("Ann Lee_4711_assignsubmission_file_A1.ipynb", "Ann Lee", "4711"),
        ("submission_987/A1.ipynb", "submission_987", "987"),
        ("bob/A1.ipynb", "bob", ""),
        ("bob/A1/anything.ipynb", "bob", ""),
        ("A1 (1).ipynb", "A1 (1)", ""),
    ],
)
def test_the_student_is_read_from_the_name(tmp_path, name, student, number):
    assert students(lay(tmp_path, name)) == [(student, number)]


def test_gradescopes_list_gives_the_names(tmp_path):
    lay(tmp_path, "export/submission_1/A1.ipynb", "export/submission_2/A1.ipynb")
    (tmp_path / "export" / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Ann Lee\n    :sid: '7'\n"
        "submission_2:\n  :submitters:\n  - :name: Bo\n  - :name: Cy\n",
    )
    assert students(tmp_path) == [("Ann Lee", "1"), ("Bo, Cy", "2")]
    (tmp_path / "export" / "submission_metadata.yml").write_text("!!python/object:os.system [x]")
    assert students(tmp_path) == [("submission_1", "1"), ("submission_2", "2")]


def test_two_people_of_one_name_stay_two(tmp_path):
    lay(tmp_path, "leean_111_9001_A1.ipynb", "leean_222_9002_A1.ipynb")
    assert students(tmp_path) == [("leean", "111"), ("leean", "222")]


def test_folders_of_one_name_in_different_places_stay_two(tmp_path):
    lay(tmp_path, "x/ann/A1.ipynb", "y/ann/A1.ipynb")
    assert len(students(tmp_path)) == 2


def test_files_that_name_nobody_are_not_merged(tmp_path):
    lay(tmp_path, "A1.ipynb", "A1 (1).ipynb", "homework.ipynb")
    found, _ = find([tmp_path], "A1")
    assert [one.student for one in found] == ["A1", "A1 (1)", "homework"]
    assert all("no _A1" in one.notes[0] for one in found)


def test_of_several_files_the_newest_counts_and_the_result_says_so(tmp_path):
    lay(tmp_path, "ann_A1 (2).ipynb", "ann_A1.ipynb", "ann_A1 (1).ipynb")
    (found,), _ = find([tmp_path], "A1")
    assert found.file == "ann_A1 (1).ipynb"
    assert found.notes == (
        "Of several files the newest counts: ann_A1 (1).ipynb "
        "(not counted: ann_A1.ipynb, ann_A1 (2).ipynb).",
    )


def test_a_newer_scratch_file_does_not_stand_for_the_assignment(tmp_path):
    lay(tmp_path, "ann/A1.ipynb", "ann/scratch.ipynb")
    (found,), _ = find([tmp_path], "A1")
    assert found.file == "ann/A1.ipynb"


def test_one_name_in_two_forms_of_unicode_is_one_student(tmp_path):
    name = "김민준 José"
    lay(tmp_path, unicodedata.normalize("NFD", name) + "_A1.ipynb", f"{name}_A1 (1).ipynb")
    assert students(tmp_path) == [(name, "")]


def test_late_is_noted(tmp_path):
    (found,), _ = find([lay(tmp_path, "ann_LATE_123_4567_A1.ipynb")], "A1")
    assert "late" in found.notes[0]


def test_a_pattern_covers_other_forms(tmp_path):
    lay(tmp_path, "hw1-ann-77.ipynb", "other.ipynb")
    pattern = r"hw1-(?P<student>\w+)-(?P<id>\d+)"
    found, listed = find([tmp_path], "A1", pattern)
    assert [(one.student, one.id) for one in found] == [("ann", "77")]
    assert listed == [("other.ipynb", "its name does not match --pattern")]
    assert students(tmp_path, r"hw1-(\w+)") == [("ann", "")]
    for wrong in ("(", "ann"):
        with pytest.raises(ValueError, match="--pattern"):
            find([tmp_path], "A1", wrong)


def test_work_for_another_assignment_is_listed(tmp_path):
    found, listed = find([lay(tmp_path, "ann_A2.ipynb", "bo_A1.ipynb")], "A1")
    assert [one.student for one in found] == ["bo"]
    assert listed == [("ann_A2.ipynb", "looks like work for A2, not for A1")]


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not have")
def test_hostile_names_become_safe_unique_file_names(tmp_path):
    wild = [
        "../../etc/x",
        "a/b",
        "Ann",
        "ANN",
        "ann",
        "con",
        "",
        ".",
        "..",
        "x" * 300,
        "y\n\r\0z",
        "김" * 200,
        "\u202etxt",
        "<script>",
        "=1+1",
        "a:b",
    ]
    names = file_names([(name, "") for name in wild])
    assert len({name.casefold() for name in names.values()}) == len(wild)
    for name in names.values():
        assert name == Path(name).name
        assert not name.startswith(".")
        assert len(f".{name}.json.part".encode()) < 255
        (tmp_path / f"{name}.json").write_text("there")
    assert names["Ann", ""] == "Ann"
    # an earlier run's names keep their owners, whoever comes now
    assert file_names([("ANN", ""), ("Ann", "")], {"Ann": ("ANN", "")})["ANN", ""] == "Ann"


@pytest.mark.skipif(sys.platform == "win32", reason="bytes in names")
def test_names_that_are_no_text_can_be_shown_and_written(tmp_path):
    for raw in (b"a\xff_A1.ipynb", b"a\xfe_A1.ipynb", b"a\nb\x1b[31m_A1.ipynb"):
        with open(os.path.join(os.fsencode(tmp_path), raw), "wb") as file:
            file.write(notebook("1"))
    found = students(tmp_path)
    assert len(found) == 3
    for student, _ in found:
        assert student.encode()
        assert student.isprintable()


# --- what is none --------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
def test_what_is_no_file_is_listed_and_not_read(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(notebook("secret"))
    folder = lay(tmp_path / "in", "ann_A1.ipynb", "notes.pdf")
    (folder / "eve_A1.ipynb").symlink_to(secret)
    (folder / "dir_A1.ipynb").mkdir()
    os.mkfifo(folder / "pipe_A1.ipynb")
    (folder / "empty").mkdir()
    (folder / "away").symlink_to(tmp_path)
    (folder / "gone_A1.ipynb").symlink_to("nowhere")
    found, listed = find([folder], "A1")
    assert [one.student for one in found] == ["ann"]
    assert {name: why for name, why in listed} == {
        "eve_A1.ipynb": inbox.LINK,
        "away": inbox.LINK,
        "gone_A1.ipynb": inbox.LINK,
        "dir_A1.ipynb": inbox.FOLDER,
        "pipe_A1.ipynb": "neither a file nor a folder",
        "empty": "an empty folder",
        "notes.pdf": "not a notebook (its name does not end in .ipynb)",
    }
    found, listed = find([folder / "eve_A1.ipynb", folder / "ann_A1.ipynb"], "A1")
    assert [one.student for one in found] == ["ann"]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_file_that_becomes_a_link_or_a_pipe_before_it_is_read_is_not_read(tmp_path):
    folder = lay(tmp_path, "ann_A1.ipynb", "bo_A1.ipynb")
    found, _ = find([folder], "A1")
    for name in ("ann_A1.ipynb", "bo_A1.ipynb"):
        (folder / name).unlink()
    (folder / "ann_A1.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(folder / "bo_A1.ipynb")
    with pytest.raises(OSError, match="ann_A1"):
        found[0].read()
    with pytest.raises(ValueError, match="regular"):
        found[1].read()


def test_no_more_is_read_than_a_notebook_may_have(tmp_path, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_BYTES", 100)
    (tmp_path / "ann_A1.ipynb").write_bytes(b" " * 1000)
    (found,), _ = find([tmp_path], "A1")
    assert len(found.read()) == 101


def hostile_zip(path: Path) -> Path:
    def member(name, mode=stat.S_IFREG | 0o644):
        about = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 5))
        about.external_attr = mode << 16
        about.compress_type = zipfile.ZIP_DEFLATED
        return about

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member("ann_12345_678901_A1.ipynb"), notebook("ann"))
        archive.writestr(member("../../bo_A1.ipynb"), notebook("bo"))
        archive.writestr(member("/abs_A1.ipynb"), notebook("abs"))
        archive.writestr(member("link_A1.ipynb", stat.S_IFLNK | 0o777), "/etc/passwd")
        archive.writestr(member("pipe_A1.ipynb", stat.S_IFIFO | 0o644), "")
        archive.writestr(member("bomb_A1.ipynb"), b" " * 2**20)
        archive.writestr(member("twin_A1.ipynb"), notebook("first"))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(member("twin_A1.ipynb"), notebook("second"))
        archive.writestr(member("locked_A1.ipynb"), notebook("locked"))
        archive.writestr(member("__MACOSX/._ann_A1.ipynb"), "litter")
        archive.writestr(member("inner.zip"), "zip")
        archive.writestr(member("spoilt_A1.ipynb"), notebook("spoilt"))
    data = bytearray(path.read_bytes())
    # the flag in the directory at the end says that a member is encrypted
    at = data.rindex(b"locked_A1.ipynb") - 46
    data[at + 8] |= 1
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("spoilt_A1.ipynb").header_offset
    data[start + 50] ^= 0xFF
    path.write_bytes(data)
    return path


def test_a_zip_is_read_in_memory_and_its_tricks_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_BYTES", 2**16)
    archive = hostile_zip(tmp_path / "class.zip")
    found, listed = find([archive], "A1")
    reasons = dict(listed)
    contents = {}
    for one in found:
        try:
            contents[one.student] = one.read()
        except ValueError as problem:
            contents[one.student] = str(problem)
    assert contents["ann"] == notebook("ann")
    assert contents["twin"] == notebook("second")
    assert len(contents["bomb"]) == 2**16 + 1
    assert "damaged" in contents["spoilt"]
    assert set(contents) == {"ann", "twin", "bomb", "spoilt"}
    assert "outside" in reasons["../../bo_A1.ipynb"]
    assert "outside" in reasons["/abs_A1.ipynb"]
    assert reasons["link_A1.ipynb"] == inbox.LINK
    assert reasons["pipe_A1.ipynb"] == "neither a file nor a folder"
    assert reasons["locked_A1.ipynb"] == "encrypted"
    assert "later member" in reasons["twin_A1.ipynb"]
    assert "unpack" in reasons["inner.zip"]
    assert list(tmp_path.iterdir()) == [archive]


def test_a_file_that_is_no_zip_says_so(tmp_path):
    (tmp_path / "class.zip").write_bytes(b"PK no")
    with pytest.raises(ValueError, match="no zip file"):
        find([tmp_path / "class.zip"], "A1")


# --- a run ---------------------------------------------------------------------------------------


def grade(folder: Path, out: Path, **how) -> list:
    found, _ = find([folder], "A1")
    failed = run.grade_class(A1, found, out, grade=fake, **how)
    run.write_reports(A1, out, {})
    return failed


def everything(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_results_have_the_agreed_form(tmp_path):
    lay(tmp_path / "in", "ann_A1.ipynb", "bo_A1.ipynb")
    assert grade(tmp_path / "in", tmp_path / "out") == []
    result = json.loads((tmp_path / "out" / "results" / "ann.json").read_text())
    assert list(result)[:4] == ["student", "id", "assignment", "score"]
    assert {"max_score", "sandbox", "questions", "notes"} <= result.keys()
    names = [one["name"] for one in result["questions"]]
    assert names == [question.name for question in A1.questions]
    assert sorted(everything(tmp_path / "out")) == sorted(
        [
            *("results/ann.json", "results/bo.json", "feedback/ann.html", "feedback/bo.html"),
            *(f"marking/{name}.{kind}" for name, *_ in A1.free_text for kind in ("csv", "html")),
            *("gradebook.csv", "canvas.csv", "moodle.csv"),
        ]
    )


def test_a_second_run_grades_only_what_is_new(tmp_path, monkeypatch):
    folder, out = lay(tmp_path / "in", "ann_A1.ipynb", "bo_A1.ipynb"), tmp_path / "out"
    grade(folder, out)
    before = everything(out)
    graded = []

    def counting(assignment, content, **how):
        graded.append(content)
        return fake(assignment, content, **how)

    def again(**how):
        graded.clear()
        found, _ = find([folder], "A1")
        run.grade_class(A1, found, out, grade=counting, **how)
        return len(graded)

    assert again() == 0
    run.write_reports(A1, out, {})
    assert everything(out) == before
    (folder / "ann_A1.ipynb").write_bytes(notebook("changed"))
    assert again() == 1
    assert again(seed=3) == 2
    assert again(seed=3, unsafe=True) == 2
    assert again(seed=3, unsafe=True) == 0
    monkeypatch.setattr(run, "_questions_version", lambda: "newer questions")
    assert again(seed=3, unsafe=True) == 2
    (out / "results" / "ann.json").write_text('{"student": "ann", "id"')
    assert again(seed=3, unsafe=True) == 1


_LOADED = """
import sys
from cv_course.assignments import judge
from cv_course.grading import run
judge.grade(run.look_up("A4"), b"")
print(*(one.__file__ for name, one in sys.modules.items() if name.startswith("cv_course.")))
"""


def test_a_result_is_stale_where_code_that_grades_or_the_images_are_others(monkeypatch):
    said = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    ).stdout
    around = {"exports", "figures", "inbox", "marks", "pages", "run", "table"}
    loaded = {Path(file) for file in said.split() if Path(file).stem not in around}
    here = {*run._code()}
    assert loaded - here == set()
    assert {"zygote.py", "runner.py"} <= {file.name for file in here}
    versions = set()
    for name, value in (
        ("full_is_here", lambda: True),
        ("full_is_here", lambda: False),
        ("_code", list),
    ):
        monkeypatch.setattr(run, name, value)
        versions.add(run._questions_version.__wrapped__())
    assert len(versions) == 3


def test_a_folder_of_another_assignments_results_is_not_mixed(tmp_path):
    lay(tmp_path / "in", "ann_A1.ipynb")
    grade(tmp_path / "in", tmp_path / "out")
    file = tmp_path / "out" / "results" / "ann.json"
    file.write_text(file.read_text().replace('"A1"', '"A2"'))
    with pytest.raises(ValueError, match="holds results of A2"):
        grade(tmp_path / "in", tmp_path / "out")


def test_serial_and_parallel_runs_write_the_same_bytes(tmp_path):
    folder = lay(tmp_path / "in", *(f"s{n}_A1.ipynb" for n in range(12)))
    grade(folder, tmp_path / "serial")
    grade(folder, tmp_path / "jobs", jobs=2)
    assert everything(tmp_path / "serial") == everything(tmp_path / "jobs")


def test_a_dask_cluster_writes_the_same_bytes(tmp_path):
    distributed = pytest.importorskip("distributed")
    folder = lay(tmp_path / "in", *(f"s{n}_A1.ipynb" for n in range(12)))
    grade(folder, tmp_path / "serial")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
    ) as cluster:
        grade(folder, tmp_path / "dask", dask=cluster.scheduler_address)
    assert everything(tmp_path / "serial") == everything(tmp_path / "dask")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_defect_of_the_grader_costs_no_other_student_anything(tmp_path, jobs):
    folder = lay(tmp_path / "in", "ann_A1.ipynb", "bo_A1.ipynb")
    (folder / "eve_A1.ipynb").write_bytes(notebook("raise"))
    ((file, reason),) = grade(folder, tmp_path / "out", jobs=jobs)
    assert file == "eve_A1.ipynb"
    assert "a defect of the grader (classroom.py:" in reason
    assert {path.stem for path in (tmp_path / "out" / "results").iterdir()} == {"ann", "bo"}


def test_a_killed_worker_costs_no_other_student_anything(tmp_path):
    folder = lay(tmp_path / "in", *(f"s{n}_A1.ipynb" for n in range(6)))
    for name in ("eve", "mal", "s3a"):
        (folder / f"{name}_A1.ipynb").write_bytes(notebook("os._exit"))
    failed = grade(folder, tmp_path / "out", jobs=2)
    assert {file for file, _ in failed} == {"eve_A1.ipynb", "mal_A1.ipynb", "s3a_A1.ipynb"}
    assert {reason for _, reason in failed} == {"the process that graded it was killed"}
    assert len(list((tmp_path / "out" / "results").iterdir())) == 6


_RUN = """
import sys; sys.path[:0] = {path!r}
from pathlib import Path
from classroom import fake
from cv_course.grading import run
run.mark = fake
sys.exit(run.run("A1", [Path({folder!r})], out=Path({out!r}), jobs={jobs}))
"""


def start(folder: Path, out: Path, jobs: int = 1, seconds: float = 0.02) -> subprocess.Popen:
    # a worker imports the function by its place, so it has to be the fake's own
    code = _RUN.format(path=[str(HERE)], folder=str(folder), out=str(out), jobs=jobs)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "FAKE_SECONDS": str(seconds), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_results(out: Path, count: int) -> None:
    until = time.monotonic() + 60
    while len(list(out.glob("results/*.json"))) < count:
        assert time.monotonic() < until, "no result came"
        time.sleep(0.005)


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_any_moment_and_repeated_it_writes_the_same_gradebook(tmp_path, jobs):
    names = [f"s{n}_A1.ipynb" for n in range(20)] + ["S1_A1.ipynb", "s2_A1 (1).ipynb"]
    folder = lay(tmp_path / "in", *names)
    whole = start(folder, tmp_path / "whole", seconds=0)
    assert whole.wait() == 0, whole.stderr.read()
    dice = random.Random(jobs)
    for _ in range(2):
        process = start(folder, tmp_path / "out", jobs)
        there = len(list(tmp_path.glob("out/results/*.json")))
        wait_for_results(tmp_path / "out", there + dice.randrange(1, 5))
        time.sleep(dice.uniform(0, 0.05))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert 0 < len(list(tmp_path.glob("out/results/*.json"))) < 21
    last = start(folder, tmp_path / "out", jobs)
    assert last.wait() == 0, last.stderr.read()
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("jobs", [1, 2])
def test_control_c_keeps_what_is_graded_and_says_so(tmp_path, jobs):
    folder = lay(tmp_path / "in", *(f"s{n}_A1.ipynb" for n in range(200)))
    process = start(folder, tmp_path / "out", jobs, seconds=0.05)
    wait_for_results(tmp_path / "out", 3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "the same command goes on" in said
    kept = list(tmp_path.glob("out/results/*.json"))
    assert 3 <= len(kept) < 200
    for path in kept:
        json.loads(path.read_text())


def test_two_runs_into_one_folder_do_not_mix(tmp_path):
    lay(tmp_path / "in", "ann_A1.ipynb")
    with (
        run._alone(tmp_path / "out"),
        pytest.raises(ValueError, match="another run"),
        run._alone(tmp_path / "out"),
    ):
        pass


def test_slots_are_unique_and_return(tmp_path, monkeypatch):
    monkeypatch.setattr(run.tempfile, "gettempdir", lambda: str(tmp_path))
    with run.slot() as one, run.slot() as other:
        assert (one, other) == (0, 1)
    with run.slot() as again:
        assert again == 0


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_a_summary_that_an_instructor_can_use(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "mark", fake)
    folder = lay(tmp_path / "in", *(f"s{n}_A1.ipynb" for n in range(9)), "notes.pdf")
    (folder / "eve_A1.ipynb").mkdir()
    code = cli.main(["grade", "A1", str(folder), "--out", str(tmp_path / "out")])
    said, errors = capsys.readouterr()
    assert code == 0, errors
    assert "A1 Nearest neighbours and templates: 9 results" in said
    assert "pairwise_distances" in said
    assert "you returned the squared distance" in said
    assert "notes.pdf: not a notebook" in said
    assert f"eve_A1.ipynb: {inbox.FOLDER}" in said
    assert "9/9" in errors


def test_a_submission_without_a_result_is_exit_code_1(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "mark", fake)
    folder = lay(tmp_path / "in", "ann_A1.ipynb")
    (folder / "eve_A1.ipynb").write_bytes(notebook("raise"))
    assert cli.main(["grade", "A1", str(folder), "--out", str(tmp_path / "out")]) == 1
    assert "Without a result: 1" in capsys.readouterr().out
    assert (tmp_path / "out" / "gradebook.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["A9", "in"], "no assignment 'A9'"),
        (["A1", "nowhere"], "nowhere"),
        (["A1", "empty"], "no notebook in"),
    ],
)
def test_wrong_use_is_explained(tmp_path, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "in", "ann_A1.ipynb")
    (tmp_path / "empty").mkdir()
    assert cli.main(["grade", *arguments, "--out", "out"]) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("out/results/*"))


# --- with the grader itself ----------------------------------------------------------------------

TEMPLATES = "def templates(W, image_shape): return W.T.reshape(-1, *image_shape).copy()"
needs_bubblewrap = pytest.mark.skipif(
    not shutil.which("bwrap"), reason="needs bubblewrap: apt-get install bubblewrap"
)


@pytest.fixture
def three(tmp_path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, source in {"ann": TEMPLATES, "bo": "x = 1", "eve": "import os; os._exit(1)"}.items():
        (folder / f"{name}_A1.ipynb").write_bytes(notebook(source))
    return folder


@needs_bubblewrap
def test_without_a_sandbox_it_refuses_and_unsafe_marks_every_result(
    three, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    command = ["grade", "A1", str(three), "--out", str(out), "--timeout", "60"]
    monkeypatch.setenv("PATH", "/nowhere")
    get_reusable_executor().shutdown()  # its processes would have the old PATH
    for jobs in ("1", "2"):
        assert cli.main([*command, "--jobs", jobs]) == 1
        assert "apt-get install bubblewrap" in capsys.readouterr().err
        assert not list(out.glob("results/*"))
    assert cli.main([*command, "--unsafe"]) == 0
    assert "3 of them were run WITHOUT a sandbox." in capsys.readouterr().out
    results = [json.loads(path.read_text()) for path in out.glob("results/*")]
    assert [result["sandbox"] for result in results] == ["none"] * 3
    for path in out.glob("feedback/*"):
        assert "without a sandbox" in path.read_text()
    monkeypatch.undo()
    get_reusable_executor().shutdown()
    assert cli.main(command) == 0  # with a sandbox they are graded again
    results = [json.loads(path.read_text()) for path in out.glob("results/*")]
    assert [result["sandbox"] for result in results] == ["bubblewrap"] * 3
    assert json.loads((out / "results" / "ann.json").read_text())["score"] == 4


@needs_bubblewrap
def test_serial_jobs_and_dask_give_the_same_bytes(three, tmp_path):
    distributed = pytest.importorskip("distributed")
    command = ["grade", "A1", str(three), "--timeout", "60", "--out"]
    assert cli.main([*command, str(tmp_path / "serial")]) == 0
    assert cli.main([*command, str(tmp_path / "jobs"), "--jobs", "2"]) == 0
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
    ) as cluster:
        dask = ["--dask", cluster.scheduler_address]
        assert cli.main([*command, str(tmp_path / "dask"), *dask]) == 0
    first = everything(tmp_path / "serial")
    assert len([name for name in first if name.startswith("results/")]) == 3
    assert everything(tmp_path / "jobs") == first
    assert everything(tmp_path / "dask") == first


_MEASURED = """
for line in open("/proc/self/status"):
    if line.startswith(("VmHWM", "RssAnon")):
        print(line.split()[0], int(line.split()[1]) // 1024)
"""


def memory(folder: Path, count: int) -> dict[str, int]:
    """MiB of the grader's own process after a class of notebooks of 0.5 MB each."""
    (folder / "in").mkdir(parents=True)
    for n in range(count):
        (folder / "in" / f"s{n}_A1.ipynb").write_bytes(notebook("x", "#" * 500_000 + str(n)))
    code = _RUN.format(
        path=[str(HERE)], folder=str(folder / "in"), out=str(folder / "out"), jobs=2
    ).replace("sys.exit", "print")
    done = subprocess.run(
        [sys.executable, "-c", code + _MEASURED],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(list((folder / "out" / "results").iterdir())) == count
    lines = done.stdout.split("\n")[-3:-1]
    return {name.strip(":"): int(number) for name, number in map(str.split, lines)}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_class(tmp_path):
    few, many = memory(tmp_path / "few", 20), memory(tmp_path / "many", 1000)
    assert many["VmHWM"] - few["VmHWM"] <= 20, (few, many)
    # the libraries' own files are mapped and shared, and not the grader's
    assert many["RssAnon"] <= 500, (few, many)
