"""Before handing in: what the grader will see in a notebook. Needs no answers, only stored ones."""

import contextlib
import difflib
import json
import re
import symtable
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cv_course.assignments.read import Refused, content_of, opened, parse
from cv_course.assignments.registry import ASSIGNMENTS, PRACTICE_SEED, Assignment, look_up, practice
from cv_course.drill import say

_SIGNS = {"correct": "✓", "partial": "◐", "missing": "…"}
_WARN_BYTES = 20 * 2**20
_NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
_UNKNOWN = re.compile(r"NameError: name '(\w+)' is not defined")


def preview(file: str | Path | None = None, assignment: str | None = None) -> None:
    """Say what the grader will see, from a notebook or from a Colab cell.

    The notebook runs from a clean start, as for the grader, and answers the practice inputs.

    Args:
        file: the saved notebook; in Colab it may be left out, then it is this very notebook.
        assignment: ``"A1"`` …, where neither the file's name nor its functions tell.
    """
    report(file, assignment=assignment)


def report(
    file: str | Path | None, *, assignment: str | None = None, timeout: float | None = None
) -> int:
    """Run an assignment's notebook from a clean start as the grader does, and say what it will see.

    Args:
        file: the notebook, saved.
        assignment: A1 …, where the file's name does not say.
        timeout: seconds; without it 180 (A4: 300).

    Returns:
        The exit code: 0 where there is nothing left to do, otherwise 1.

    Raises:
        ValueError: no file and no Colab, or nothing tells which assignment it is.
        OSError: the file cannot be opened.
    """
    own = file is None
    content = _from_colab() if own else content_of(lambda: opened(Path(file).resolve()))
    asked = _which(content, "" if own else Path(file).name, assignment)
    lines, good = look(asked, content, timeout)
    say("\n".join(lines))
    return int(not good)


def look(
    assignment: Assignment, content: bytes, timeout: float | None = None
) -> tuple[list[str], bool]:
    """What the grader will see, line by line, and whether there is nothing left to do."""
    lines = [f"{assignment.name} {assignment.title}: what the grader will see"]
    try:
        submission = parse(content)
    except Refused as reason:
        return [*lines, f"✗ It could not be read. {reason}"], False
    if len(content) > _WARN_BYTES:
        lines.append(
            f"✗ The file has {len(content) / 2**20:.0f} MB; above 32 MB it is not read. Clear the "
            "outputs before you save it."
        )
    result = _grade(assignment, content, timeout)
    defined = names_in(submission.sources)
    problems = [_explained(note, defined) for note in result["notes"]]
    lines += [f"✗ {problem}" for problem in problems]
    for one in result["questions"]:
        lines += _question(one, defined)
    lines += _written(assignment, result["free_text"])
    lines.append("(The grader draws other inputs than these; what is right in general is right.)")
    if result["sandbox"] == "none":
        lines.append("(Run on this computer without the grader's sandbox.)")
    good = not problems and all(one["status"] == "correct" for one in result["questions"])
    return lines, good


def names_in(sources: Iterable[str]) -> list[str]:
    """What the cells define at top level, in order; a cell that is no Python defines nothing."""
    found: dict[str, None] = {}
    for source in sources:
        python = re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)
        with warnings.catch_warnings(), contextlib.suppress(*_NO_PYTHON):
            warnings.simplefilter("ignore")
            for one in symtable.symtable(python, "cell", "exec").get_symbols():
                if one.is_assigned() or one.is_imported():
                    found[one.get_name()] = None
    return list(found)


def _grade(assignment: Assignment, content: bytes, timeout: float | None) -> dict:
    """In the grader's sandbox where there is one, otherwise in a process of its own."""
    if sys.platform != "linux":
        raise ValueError("preview needs Linux: use it in Colab, or on Windows in WSL.")
    from cv_course.assignments.box import SandboxMissing
    from cv_course.assignments.judge import grade

    how = {"questions": assignment.questions, "known": practice}
    how |= {"seed": PRACTICE_SEED, "timeout": timeout}
    try:
        return grade(assignment, content, **how)
    except SandboxMissing:
        return grade(assignment, content, unsafe=True, **how)


def _question(one: dict, defined: Sequence[str]) -> Iterator[str]:
    yield f"{_SIGNS.get(one['status'], '✗')} {one['name']}: {one['status']}"
    if one["status"] == "correct":
        return
    if one["status"] == "missing" and one["name"] not in defined:
        like = difflib.get_close_matches(one["name"], defined, 1)
        yield f"    The notebook defines no {one['name']}; the grader looks for exactly this name."
        if like:
            yield f"    Was it renamed? There is {like[0]}."
        return
    for message in one["messages"]:
        yield textwrap.indent(_explained(message, defined), "    ")


def _explained(message: str, defined: Sequence[str]) -> str:
    """A message; of an unknown name also where it may have gone."""
    unknown = _UNKNOWN.search(message)
    if not unknown:
        return message
    name = unknown[1]
    if name in defined:
        return f"{message} {name} is defined in a cell that did not run through or comes later."
    return (
        f"{message} No cell defines {name}: it was perhaps in a cell that you have deleted since, "
        "and your session still remembers it. The grader starts without that memory."
    )


def _written(assignment: Assignment, texts: dict[str, str]) -> Iterator[str]:
    for name, _, _ in assignment.free_text:
        words = len(texts.get(name, "").split())
        if words:
            yield f"✓ {name}: {words} words, marked by a person"
        else:
            yield f"… {name}: no answer found; it is read from below its line 'Your answer'"


def _which(content: bytes, file: str, assignment: str | None) -> Assignment:
    if assignment is not None:
        return look_up(assignment)
    for name, found in ASSIGNMENTS.items():
        if re.search(rf"(^|[\W_]){name}(?![0-9a-z])", file, re.IGNORECASE):
            return found

    def defined(one: Assignment) -> int:
        return sum(b"def %b(" % question.name.encode() in content for question in one.questions)

    best = max(ASSIGNMENTS.values(), key=defined)
    if not defined(best):
        raise ValueError(f"which assignment is it? Say one of {', '.join(ASSIGNMENTS)}.")
    return best


def _from_colab() -> bytes:
    """The notebook in the browser, unsaved changes and all."""
    try:
        from google.colab import _message
    except ImportError:
        raise ValueError("which notebook? Save it, then: preview('NAME.ipynb').") from None
    answer = _message.blocking_request("get_ipynb", timeout_sec=60)
    if not answer or "ipynb" not in answer:
        raise ValueError("Colab did not hand over the notebook; download it and use its file.")
    return json.dumps(answer["ipynb"]).encode()
