"""Gradebooks for people, Canvas and Moodle, and the summary at the end of a run."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from cv_course.grading import marks
from cv_course.grading.inbox import GUESSED, LEFT_OUT
from cv_course.grading.table import rows_as_csv

_HOW = "--pattern '(?P<student>[^/]+)/', or '_A1_(?P<student>.+)'"
DIAGNOSIS = "Look here: "  # how a message that names a known mistake begins


def tables(assignment, results: Callable[[], Iterable[dict]], given: dict) -> dict[str, str]:
    """File name -> CSV.

    Args:
        results: called for each table, so that no more than one result is held at a time.
        given: marks of free-text answers, see :func:`cv_course.grading.marks.read`.
    """
    return {
        "gradebook.csv": _plain(assignment, results(), given),
        "canvas.csv": _canvas(assignment, results()),
        "moodle.csv": _moodle(assignment, results()),
    }


def status(result: dict) -> str:
    """``graded``, or ``refused`` where the file could not be read as a notebook."""
    return "refused" if result.get("refused") else "graded"


def _plain(assignment, results: Iterable[dict], given: dict) -> str:
    asked = [question.name for question in assignment.questions]
    free = [name for name, _, _ in assignment.free_text]
    header = ("student", "id", "file", "status", "score", "max_score", *asked)
    rows = []
    for result in results:
        scores = {one["name"]: one["score"] for one in result["questions"]}
        written = [given.get((name, result["name"])) for name in free]
        rows.append(
            (
                *(result["student"], result["id"], result["file"], status(result)),
                *(_number(result["score"]), _number(result["max_score"])),
                *(_number(scores.get(name, 0)) for name in asked),
                *("" if mark is None else _number(mark.points) for mark in written),
                result["sandbox"],
                " ".join(result["notes"]),
            )
        )
    return rows_as_csv((*header, *free, "sandbox", "notes"), rows)


def _canvas(assignment, results: Iterable[dict]) -> str:
    """Canvas finds a student by ID, or else by login."""
    header = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment.name)
    rows: list[Sequence] = [("    Points Possible", "", "", "", "", _number(assignment.points))]
    for result in results:
        login = "" if result["id"] else result["student"]
        rows.append((result["student"], result["id"], "", login, "", _number(result["score"])))
    return rows_as_csv(header, rows)


def _moodle(assignment, results: Iterable[dict]) -> str:
    """Moodle's offline grading worksheet; it finds a student by the identifier."""
    header = ("Identifier", "Full name", "Email address", "Grade", "Maximum Grade")
    rows = []
    for result in results:
        address = result["student"] if "@" in result["student"] else ""
        identifier = f"Participant {result['id']}" if result["id"] else ""
        points = (_number(result["score"]), _number(result["max_score"]))
        lines = [
            f"{one['name']}: {one['status']}, {one['score']:g} of {one['max_score']:g}"
            for one in result["questions"]
        ]
        rows.append((identifier, result["student"], address, *points, "; ".join(lines)))
    return rows_as_csv((*header, "Feedback comments"), rows)


def _number(value: float) -> str:
    return f"{value:.10g}"


def summary(
    assignment,
    results: Iterable[dict],
    listed: Sequence[tuple[str, str]],
    failed: Sequence[tuple[str, str]],
    given: dict,
) -> str:
    """What an instructor wants to know: how many, how well, and what to talk about next week."""
    scores: dict[str, list[float]] = defaultdict(list)
    states: dict[str, Counter] = defaultdict(Counter)
    mistakes: dict[str, Counter] = defaultdict(Counter)
    totals, refused, bare, stale, guessed = [], [], 0, [], []
    for result in results:
        totals.append(result["score"])
        bare += result["sandbox"] == "none"
        guessed += [(result["student"], one) for one in result["notes"] if one.startswith(GUESSED)]
        if result.get("refused"):
            refused.append((result["file"], result["refused"]))
        for name, _, _ in assignment.free_text:
            if marks.outdated(name, result, given):
                stale.append((result["student"], f"{name} was changed after it was marked"))
        for one in result["questions"]:
            scores[one["name"]].append(one["score"])
            states[one["name"]][one["status"]] += 1
            mistakes[one["name"]].update(_diagnoses(one["messages"]))
    lines = [f"\n{assignment.name} {assignment.title}: {len(totals)} results"]
    if totals:
        lines[0] += f", mean {fmean(totals):.1f} of {assignment.points:g}"
    if bare:
        lines.append(f"{bare} of them were run WITHOUT a sandbox.")
    for question in assignment.questions:
        if scores[question.name]:
            lines += _question_lines(question, scores, states, mistakes)
    older = [(name, why) for name, why in listed if why.startswith(LEFT_OUT)]
    others = [one for one in listed if one not in older]
    for title, pairs in (
        ("Could not be read (score 0, with a result)", refused),
        ("Without a result", failed),
        ("Free-text answers to look at again", stale),
        ("Not counted, since a newer file of the same student is", older),
        ("Not submissions", others),
        (f"Doubtful names (to say what the student is: {_HOW})", guessed),
    ):
        if pairs:
            lines += [f"\n{title}: {len(pairs)}", *(f"  {name}: {why}" for name, why in pairs)]
    return "\n".join(lines)


def _question_lines(question, scores, states, mistakes) -> list[str]:
    name, points = question.name, question.points
    count = ", ".join(f"{number} {state}" for state, number in states[name].most_common())
    lines = [f"  {name:28} mean {fmean(scores[name]):.1f} of {points:g}   ({count})"]
    for sentence, number in mistakes[name].most_common(1):
        lines.append(f"    most often ({number}): {sentence}")
    return lines


def _diagnoses(messages: Iterable[str]) -> set[str]:
    """Each known mistake once a student, however many cases it spoilt."""
    return {message.partition(DIAGNOSIS)[2].strip() for message in messages if DIAGNOSIS in message}
