"""A class's submissions: whose they are, what is refused, and a run that nothing can spoil."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from classroom import fake, lay, notebook
from joblib.externals.loky import get_reusable_executor
from made_up import no_sandbox

from cv_course import cli
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading import archive, run
from cv_course.grading.inbox import find

A1 = ASSIGNMENTS["A1"]
HERE = Path(__file__).parent


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
from cv_course.grading import archive, run
judge.grade(run.look_up("A4"), b"")
print(*(one.__file__ for name, one in sys.modules.items() if name.startswith("cv_course.")))
"""


def test_a_result_is_stale_where_code_that_grades_or_the_images_are_others(monkeypatch):
    said = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    ).stdout
    around = {"archive", "exports", "figures", "inbox", "marks", "pages", "run", "table"}
    loaded = {Path(file) for file in said.split() if Path(file).stem not in around}
    here = {*run._code()}
    assert loaded - here == set()
    assert {"start.py", "runner.py"} <= {file.name for file in here}
    versions = set()
    for name, value in (
        ("full_folder", lambda: True),
        ("full_folder", lambda: False),
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
from cv_course.grading import archive, run
run.mark = fake
code = run.run("A1", [Path({folder!r})], out=Path({out!r}), jobs={jobs})
{more}
sys.exit(code)
"""


def start(folder, out, jobs=1, seconds=0.02, more="") -> subprocess.Popen:
    # a worker imports the function by its place, so it has to be the fake's own
    places = {"path": [str(HERE)], "folder": str(folder), "out": str(out)}
    code = _RUN.format(**places, jobs=jobs, more=more)
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
    lay(folder, "s0_A1 (1).ipynb", "homework.ipynb", when=1_800_000_000)
    (folder / "eve_A1.ipynb").mkdir()
    code = cli.main(["grade", "a1", str(folder), "--out", str(tmp_path / "out")])
    said, errors = capsys.readouterr()
    assert code == 0, errors
    assert "A1 Nearest neighbours and templates: 10 results" in said
    assert "a newer file of the same student is: 1\n  s0_A1.ipynb: not counted: s0_A1 (1)" in said
    assert "--pattern" in said
    assert "homework: The name is a guess" in said
    assert "pairwise_distances" in said
    assert "you returned the squared distance" in said
    assert "notes.pdf: not a notebook" in said
    assert f"eve_A1.ipynb: {archive.FOLDER}" in said
    assert "10/10" in errors


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
        (["A1", "in/*.zip"], "*.zip"),
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


def test_a_class_in_ten_platforms_forms_is_graded_whole(tmp_path, capsys, monkeypatch):
    """40 people with resubmissions, a group and doubles: 40 results, each from the right file."""
    monkeypatch.setattr(run, "mark", fake)
    people = [f"Person{letter}{n}" for letter in "abcdefghij" for n in range(4)]
    forms = {  # of an old and of a new attempt
        "canvas": lambda p, n: f"{p.lower()}_{700 + int(p[-1])}{ord(p[6])}_9{n}00_A1.ipynb",
        "moodle": lambda p, n: f"{p}_{ord(p[6])}{p[-1]}_assignsubmission_file_/A1 ({n}).ipynb",
        "blackboard": lambda p, n: f"HW A1_{p}_attempt_2024-03-0{n + 1}-10-20-30_A1.ipynb",
        "brightspace": lambda p, n: f"1{p[-1]}-9 - {p} - Mar {n + 1}, 2024 1020 AM/A1.ipynb",
        "ilias": lambda p, n: f"{p}_login/2024030{n + 1}102030_A1.ipynb",
        "classroom": lambda p, n: f"{p} - {'Copy of ' * (1 - n)}A1.ipynb",
        "teams": lambda p, n: f"Submitted files/{p}/A1/Version {n + 1}/A1.ipynb",
        "folders": lambda p, n: f"{p}/{'A1' if n else 'final_A1'}.ipynb",
        "words": lambda p, n: f"Homework_A1_{p}{' (1)' * n}.ipynb",
        "gradescope": lambda p, n: f"submission_{ord(p[6])}{p[-1]}/A1{' copy' * n}.ipynb",
    }
    new = set()
    for letter, (platform, form) in enumerate(forms.items()):
        mine = people[4 * letter : 4 * letter + 4]
        folder = tmp_path / "in" / platform if letter % 2 else tmp_path / platform
        lay(folder, *(form(one, 0) for one in mine), when=1_700_000_000)
        lay(folder, *(form(one, 1) for one in mine), when=1_700_100_000)
        new |= {form(one, 1) for one in mine}
        if not letter % 2:
            shutil.make_archive(tmp_path / "in" / platform, "zip", folder)
    names = "".join(
        f"submission_{ord('j')}{n}:\n  :submitters:\n  - :name: Personj{n}\n" for n in range(4)
    )
    (tmp_path / "in" / "gradescope" / "submission_metadata.yml").write_text(names)
    assert cli.main(["grade", "A1", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "40 results" in said
    assert "a newer file of the same student is: 40" in said
    assert "Not submissions" not in said
    results = list(run.results(tmp_path / "out"))
    assert {one["file"].partition("/")[2] for one in results} == new
    assert len({one["student"].lower() for one in results}) == 40
    for one in results:
        assert re.search(r"person[a-j]\d", one["student"].lower())
    before = everything(tmp_path / "out")
    assert cli.main(["grade", "A1", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    assert everything(tmp_path / "out") == before


# --- with the grader itself ----------------------------------------------------------------------

TEMPLATES = "def templates(W, image_shape): return W.T.reshape(-1, *image_shape).copy()"


@pytest.fixture
def three(tmp_path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, source in {"ann": TEMPLATES, "bo": "x = 1", "eve": "import os; os._exit(1)"}.items():
        (folder / f"{name}_A1.ipynb").write_bytes(notebook(source))
    return folder


@no_sandbox
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


@no_sandbox
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
    process = start(folder / "in", folder / "out", jobs=2, seconds=0, more=_MEASURED)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert len(list((folder / "out" / "results").iterdir())) == count
    lines = said.split("\n")[-3:-1]
    return {name.strip(":"): int(number) for name, number in map(str.split, lines)}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_class(tmp_path):
    few, many = memory(tmp_path / "few", 20), memory(tmp_path / "many", 1000)
    assert many["VmHWM"] - few["VmHWM"] <= 20, (few, many)
    # the libraries' own files are mapped and shared, and not the grader's
    assert many["RssAnon"] <= 500, (few, many)
