"""Gradebooks for people, Canvas and Moodle, and the summary at the end of a run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from statistics import fmean

from cv_course.grading import marks
from cv_course.grading.inbox import GUESSED, LEFT_OUT
from cv_course.grading.table import rows_as_csv

_HOW = "--pattern '(?P<student>[^/]+)/', or '_A1_(?P<student>.+)'"
DIAGNOSIS = "Look here: "  # how a message that names a known mistake begins


def tables(assignment, results: Iterable[dict], given: dict) -> dict[str, str]:
    """File name -> CSV.

    Canvas finds a student by ID, or else by login; Moodle's offline grading worksheet by the
    identifier.

    Args:
        given: marks of free-text answers, see :func:`cv_course.grading.marks.read`.
    """
    asked = [question.name for question in assignment.questions]
    free = [name for name, _, _ in assignment.free_text]
    columns = ("student", "id", "file", "status", "score", "max_score")
    plain = [(*columns, *asked, *free, "sandbox", "notes")]
    canvas = [("Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment.name)]
    canvas.append(("    Points Possible", "", "", "", "", _number(assignment.points)))
    columns = ("Identifier", "Full name", "Email address", "Grade", "Maximum Grade")
    moodle = [(*columns, "Feedback comments")]
    for result in results:
        student, id = result["student"], result["id"]
        score, most = _number(result["score"]), _number(result["max_score"])
        scores = {one["name"]: one["score"] for one in result["questions"]}
        written = [given.get((name, result["name"])) for name in free]
        lines = [
            f"{one['name']}: {one['status']}, {one['score']:g} of {one['max_score']:g}"
            for one in result["questions"]
        ]
        status = "refused" if result.get("refused") else "graded"
        plain.append(
            (
                *(student, id, result["file"], status, score, most),
                *(_number(scores.get(name, 0)) for name in asked),
                *("" if mark is None else _number(mark.points) for mark in written),
                *(result["sandbox"], " ".join(result["notes"])),
            )
        )
        canvas.append((student, id, "", "" if id else student, "", score))
        identifier, address = f"Participant {id}" if id else "", student if "@" in student else ""
        moodle.append((identifier, student, address, score, most, "; ".join(lines)))
    books = {"gradebook.csv": plain, "canvas.csv": canvas, "moodle.csv": moodle}
    return {name: rows_as_csv(rows) for name, rows in books.items()}


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
    answered = defaultdict(list)  # question -> (score, status, mistakes) of each student
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
            said = [text.partition(DIAGNOSIS)[2].strip() for text in one["messages"]]
            # each known mistake once a student, however many cases it spoilt
            answered[one["name"]].append((one["score"], one["status"], {*filter(None, said)}))
    lines = [f"\n{assignment.name} {assignment.title}: {len(totals)} results"]
    if totals:
        lines[0] += f", mean {fmean(totals):.1f} of {assignment.points:g}"
    if bare:
        lines.append(f"{bare} of them were run WITHOUT a sandbox.")
    for question in assignment.questions:
        if answered[question.name]:
            scores, states, mistakes = zip(*answered[question.name], strict=True)
            count = ", ".join(f"{number} {one}" for one, number in Counter(states).most_common())
            mean = f"mean {fmean(scores):.1f} of {question.points:g}"
            lines.append(f"  {question.name:28} {mean}   ({count})")
            for sentence, number in Counter(chain(*mistakes)).most_common(1):
                lines.append(f"    most often ({number}): {sentence}")
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
