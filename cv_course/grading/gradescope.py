"""An autograder for Gradescope: a zip to upload, and what runs in Gradescope's container."""

import json
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from cv_course.assignments.registry import look_up
from cv_course.grading.inbox import of_one
from cv_course.grading.pages import page

UNSAFE = (
    "This autograder also grades where Gradescope's container allows no sandbox. A submission "
    "can then read the answers and forge its score; every such result says so."
)
SAFE = (
    "Where Gradescope's container allows no sandbox, this autograder refuses and its log says so. "
    "With --unsafe it would grade all the same, unprotected."
)


def build(
    assignment: str, *, out: Path = Path("autograder.zip"), seed: int = 0, unsafe: bool = False
) -> None:
    """Write the zip that an instructor uploads as a programming assignment's autograder.

    It holds this package with the answers; Gradescope shows it to nobody but instructors.

    Args:
        assignment: A1 …
        out: the file.
        seed: draws the hidden inputs.
        unsafe: grade also where there is no sandbox.

    Raises:
        ValueError: unknown assignment, or a package without answers.
    """
    from cv_course.grading import questions

    questions(look_up(assignment))
    package = Path(__file__).parents[1]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for script in ("setup.sh", "run_autograder"):
            about = zipfile.ZipInfo(script)
            about.external_attr = 0o100755 << 16
            options = {"name": assignment, "seed": int(seed), "unsafe": bool(unsafe)}
            archive.writestr(about, page(script, **options))
        # what the package needs to run, without its extras
        needed = [one for one in metadata.requires("cv-course") or () if "extra ==" not in one]
        archive.writestr("requirements.txt", "\n".join(needed) + "\n")
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, Path("cv_course") / file.relative_to(package))
    print(f"Written to {out}. {UNSAFE if unsafe else SAFE}")


def grade(
    assignment: str, seed: int = 0, unsafe: bool = False, root: Path = Path("/autograder")
) -> None:
    """Grade ``root/submission`` into ``root/results/results.json``; runs at Gradescope.

    Raises:
        cv_course.assignments.box.SandboxMissing: none here, and ``unsafe`` is not set. Gradescope
            then shows its students that the autograder failed, and instructors this message.
    """
    from cv_course.assignments import judge
    from cv_course.assignments.box import SandboxMissing

    submission = of_one(root / "submission", assignment)
    if submission is None:
        answer = {"score": 0, "output": "There is no notebook (.ipynb) in what you handed in."}
    else:
        content, asked = submission.read(), look_up(assignment)
        try:
            result = judge.grade(asked, content, seed=seed)
        except SandboxMissing as problem:
            if not unsafe:
                raise
            print(f"Graded without a sandbox: {problem}", file=sys.stderr)
            result = judge.grade(asked, content, seed=seed, unsafe=True)
        answer = as_gradescope(result, submission.notes)
    (root / "results").mkdir(exist_ok=True)
    (root / "results" / "results.json").write_text(json.dumps(answer), encoding="utf-8")


def as_gradescope(result: dict, notes=()) -> dict:
    """A result in the form that Gradescope reads; all texts are plain, never HTML."""
    said = [*notes, *result["notes"]]
    if result["sandbox"] == "none":
        said.append("Graded without a sandbox.")
    tests = [
        {
            "name": one["name"],
            "score": one["score"],
            "max_score": one["max_score"],
            "status": "passed" if one["status"] == "correct" else "failed",
            "output": "\n".join([f"{one['name']}: {one['status']}", *one["messages"]]),
            "output_format": "text",
        }
        for one in result["questions"]
    ]
    return {
        "score": result["score"],
        "output": "\n".join(said),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
