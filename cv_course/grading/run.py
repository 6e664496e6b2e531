"""A class from its submissions to its gradebook: ``cv-course grade``.

The folder of results is the one memory. Each result is written whole the moment it is there, so a
run that is stopped or killed loses nothing, and the same command goes on where it stopped.
"""

import contextlib
import functools
import json
import os
import stat
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from cv_course.assignments.registry import look_up
from cv_course.files import full_folder
from cv_course.grading import exports, figures, pages
from cv_course.grading.inbox import Submission, file_names, find
from cv_course.grading.marks import read as read_marks
from cv_course.grading.marks import sheet

# What joblib and Dask raise where a worker died, such as by the kernel for want of memory. Names,
# as Dask need not be installed.
_KILLED = ("TerminatedWorkerError", "KilledWorker")


def run(
    assignment: str,
    submissions: Sequence[Path],
    *,
    out: Path,
    seed: int = 0,
    jobs: int = 1,
    dask: str | None = None,
    timeout: float | None = None,
    unsafe: bool = False,
    pattern: str | None = None,
    code_page: str = "cp437",
    marks: Path | None = None,
) -> int:
    """Grade what a class has handed in: results, gradebooks, feedback, free-text answers to mark.

    The same command goes on where it was stopped, and takes in the marks that were written into
    ``out/marking`` meanwhile.

    Args:
        assignment: A1 …
        submissions: folder, notebooks, .zip or .tar.gz, as a learning platform gives them.
        out: folder of the results.
        seed: draws the hidden inputs.
        jobs: processes; -1: all.
        dask: a running Dask cluster's address, as tcp://…
        timeout: seconds a submission has; without it 180 (A4: 300).
        unsafe: grade without a sandbox: submissions can do to this computer what you can.
        pattern: for other file names, a regular expression: group 'student', and 'id' for the
            platform's number, as in '(?P<student>[^/]+)_hw1'.
        code_page: of old zips' names, such as cp949 or cp1252, where they come out as mojibake.
        marks: CSV of marks for free text, beside those in ``out/marking``.

    Returns:
        The exit code: 0 when every submission has a result, whatever it is.

    Raises:
        ValueError: unknown assignment, nothing to grade, ``out`` belongs to another assignment,
            a mark that is none.
        cv_course.assignments.box.SandboxMissing: there is no sandbox and ``unsafe`` is not set.
    """
    asked = look_up(assignment)
    found, listed = find(submissions, asked.name, pattern, code_page)
    if not found:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in listed[:10])
        raise ValueError(f"no notebook in {', '.join(map(str, submissions))}.{reasons}")
    with _alone(out):
        given = read_marks(asked, out / "marking", marks)
        try:
            how = {"seed": seed, "timeout": timeout, "unsafe": unsafe}
            failed = grade_class(asked, found, out, jobs=jobs, dask=dask, **how)
        except KeyboardInterrupt:
            print(f"\nWhat is graded is kept in {out}; the same command goes on.", file=sys.stderr)
            raise
        write_reports(asked, out, given)
    print(exports.summary(asked, results(out), listed, failed, given))
    print(f"\nWritten to {out}: gradebook.csv, canvas.csv, moodle.csv, feedback, marking, results.")
    return int(bool(failed))


def grade_class(
    assignment,
    submissions: Sequence[Submission],
    out: Path,
    *,
    seed: int = 0,
    timeout: float | None = None,
    jobs: int = 1,
    dask: str | None = None,
    unsafe: bool = False,
    grade: Callable | None = None,
) -> list[tuple[str, str]]:
    """Write a result for each submission that has none of these questions yet.

    Args:
        seed: draws the hidden inputs.
        timeout: seconds for one submission in all; without it what the assignment says.
        jobs: processes on this machine; -1 for one a core.
        dask: address of a running Dask scheduler, in place of ``jobs``.
        unsafe: grade without a sandbox, on this machine, with your rights.
        grade: (assignment's name, content, seed=, timeout=, unsafe=) -> result; tests replace it.

    Returns:
        (file, reason) of those that could not be graded.
    """
    folder = out / "results"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*.part"):  # of a run that was killed
        left.unlink()
    owners, keys = _known(assignment, folder)
    names = file_names([(one.student, one.id) for one in submissions], owners)
    options = {"seed": seed, "timeout": timeout, "unsafe": unsafe}
    settled: dict[int, str] = {}  # with the reason where there is no result
    sent: list[int] = []

    def settle(number: int, reason: str = "") -> None:
        settled[number] = reason
        progress.update()

    def tasks() -> Iterator:
        for number, submission in enumerate(submissions):
            if number in settled:
                continue
            try:
                content = submission.read()
            except (OSError, ValueError) as problem:
                settle(number, str(problem))
                continue
            key = _key(assignment.name, content, submission.notes, options)
            if keys.get(names[submission.student, submission.id]) == key:
                settle(number)
                continue
            sent.append(number)
            yield delayed(_attempt)(grade or mark, number, key, assignment.name, content, options)

    with tqdm(total=len(submissions), desc=assignment.name, unit=" notebooks") as progress:
        careful = False
        while True:
            try:
                for number, key, result in _everywhere(tasks(), jobs, dask, careful):
                    submission = submissions[number]
                    if "failed" in result:
                        settle(number, result["failed"])
                        continue
                    notes = [*submission.notes, *result["notes"]]
                    whole = {"student": submission.student, "id": submission.id}
                    whole |= {"assignment": assignment.name, **result}
                    whole |= {"notes": notes, "file": submission.file, "key": key}
                    file = folder / f"{names[submission.student, submission.id]}.json"
                    write(file, json.dumps(whole, ensure_ascii=False, indent=1))
                    settle(number)
                break
            except Exception as problem:
                if type(problem).__name__ not in _KILLED:
                    raise
                if careful:
                    settle(sent[-1], "the process that graded it was killed")
                careful = True
    return [(submissions[number].file, why) for number, why in sorted(settled.items()) if why]


def _everywhere(tasks, jobs: int, dask: str | None, careful: bool) -> Iterator[tuple]:
    """What comes back from wherever the tasks run, in the order in which they end.

    Args:
        careful: one at a time, so that of a worker's death it is known which task it was.
    """
    with contextlib.ExitStack() as stack:
        if dask:
            from distributed import Client

            stack.enter_context(Client(dask, set_as_default=True))
            stack.enter_context(parallel_config("dask"))
        how = {"pre_dispatch": 1} if careful else {}
        # joblib would put quick ones together, and then hold many notebooks at a time
        pool = Parallel(-1 if dask else jobs, return_as="generator_unordered", batch_size=1, **how)
        yield from pool(tasks)


def _attempt(grade, number: int, key: str, assignment: str, content: bytes, options: dict):
    """Grade one, and let no failure of one touch another."""
    from cv_course.assignments.box import SandboxMissing

    try:
        result = grade(assignment, content, **options)
        result["figures"] = figures.own(content)
    except SandboxMissing:
        raise
    except Exception as problem:
        where = traceback.extract_tb(problem.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        result = {"failed": f"the grader stopped: {type(problem).__name__}: {problem} ({place})"}
    return number, key, result


def mark(assignment: str, content: bytes, **options) -> dict:
    """Grade one submission in a sandbox that no other on this machine shares."""
    from cv_course.assignments import judge

    with slot() as number:
        return judge.grade(look_up(assignment), content, slot=number, **options)


@contextlib.contextmanager
def slot() -> Iterator[int]:
    """The lowest number that no other process or thread of this user holds on this machine.

    Each sandbox needs one of its own, since the number of processes is limited for a user id in
    all.
    """
    folder = Path(tempfile.gettempdir()) / f"cv-course-slots-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it.")
    for number in count():
        with _lock(folder / str(number)) as mine:
            if mine:
                yield number
                return


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[bool]:
    """Whether nobody else holds the file. The operating system frees it when its holder dies."""
    import fcntl

    with open(file, "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


# The folder of results ------------------------------------------------------------------------


def results(out: Path) -> Iterator[dict]:
    """All results of a folder, one at a time, sorted by student; ``name`` is that of the file."""
    order = sorted(
        (result["student"], result["id"], path.stem) for path, result in _readable(out / "results")
    )
    for _, _, name in order:
        yield {**json.loads((out / "results" / f"{name}.json").read_text("utf-8")), "name": name}


def write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, also when the power goes."""
    part = path.with_name(f".{path.name}.part")
    with open(part, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def write_reports(assignment, out: Path, given: dict) -> None:
    """Gradebooks, feedback and marking pages from the results and the marks."""
    for folder in ("feedback", "marking"):
        (out / folder).mkdir(exist_ok=True)
    for result in results(out):
        page = pages.feedback(assignment, result, given)
        write(out / "feedback" / f"{result['name']}.html", page)
    for name, text in exports.tables(assignment, results(out), given).items():
        write(out / name, text)
    for question in assignment.free_text:
        page = pages.marking(assignment, question, results(out), given)
        write(out / "marking" / f"{question[0]}.html", page)
        write(out / "marking" / f"{question[0]}.csv", sheet(question[0], results(out), given))


def _readable(folder: Path) -> Iterator[tuple[Path, dict]]:
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError, OSError):
            result = json.loads(path.read_text("utf-8"))
            if isinstance(result, dict) and {"student", "id", "key"} <= result.keys():
                yield path, result


def _known(assignment, folder: Path) -> tuple[dict, dict]:
    """Of earlier runs: file name -> (student, id), and file name -> what it was graded from."""
    owners, keys = {}, {}
    for path, result in _readable(folder):
        if result["assignment"] != assignment.name:
            raise ValueError(
                f"{folder} holds results of {result['assignment']}; give {assignment.name} "
                "another folder with --out."
            )
        owners[path.stem] = (result["student"], result["id"])
        keys[path.stem] = result["key"]
    return owners, keys


def _key(assignment: str, content: bytes, notes: tuple, options: dict) -> str:
    """What a result depends on; another key, and the submission is graded again."""
    parts = [assignment, sha256(content).hexdigest(), notes, _questions_version(), options]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@functools.cache
def _questions_version() -> str:
    """A digest of the code that asks and judges, and of which images there are to ask."""
    digest = sha256(b"full" if full_folder() else b"mini")
    for file in _code():
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _code() -> list[Path]:
    root = Path(__file__).parents[1]
    return [
        *(root / f"{name}.py" for name in ("data", "drill", "files", "scenes")),
        root / "grading" / "__init__.py",
        *sorted((root / "grading" / "answers").glob("*.*")),
        *sorted((root / "assignments").glob("*.*")),
    ]


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold ``out`` against a second run."""
    out.mkdir(parents=True, exist_ok=True)
    with _lock(out / ".lock") as mine:
        if not mine:
            raise ValueError(f"another run is grading into {out}.")
        yield
