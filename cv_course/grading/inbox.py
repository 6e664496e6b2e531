"""Whose the notebooks are that lie in a folder, in single files or in a platform's download.

A name is read from one path alone: it does not change with what else was handed in. Where a path
names nobody for certain, files are kept apart, and a note says so.
"""

import contextlib
import glob
import os
import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

from cv_course.assignments.read import printable
from cv_course.assignments.registry import ASSIGNMENTS
from cv_course.grading.archive import ARCHIVE, MOST_FILES, NOTEBOOK, PEOPLE, File, walk

GUESSED = "The name is a guess"  # how a note begins where a path names nobody for certain
LEFT_OUT = "not counted: "

_NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
_NOBODY = frozenset(_NAMES["nobody"].split())
_COURSE = re.compile(_NAMES["course"])
_PLAIN_FOLDER, _COPY = (
    re.compile(_NAMES[name].replace("\n", ""), re.IGNORECASE) for name in ("folder", "copy")
)
_DATE = re.compile(r"(19|20)\d\d((0\d|1[0-2])([0-2]\d|3[01])(\d{4}|\d{6})?)?")


@dataclass(frozen=True)
class Submission:
    """One student's notebook.

    Args:
        student: the name, printable.
        id: what the learning platform calls the student, or empty.
        file: where the notebook was found, printable.
        read: gives the content; at most one byte more than a notebook may have. Raises
            ``OSError`` or ``ValueError`` where it cannot be had.
        notes: sentences for the student and the instructor about whose it is and which file counts.
        rank: of a student's files the largest counts.
    """

    student: str
    id: str
    file: str
    read: Callable[[], bytes] = field(repr=False)
    notes: tuple[str, ...] = ()
    rank: tuple = field(default=(), compare=False, repr=False)


class _Nobodys(Exception):
    """A file that counts for no student; the message says why."""


def find(
    sources: Sequence[Path], assignment: str, pattern: str | None = None, code_page: str = "cp437"
) -> tuple[list[Submission], list[tuple[str, str]]]:
    """All submissions, sorted by student, and all other files: (name, reason).

    Args:
        sources: folders, archives and notebooks; ``*`` and ``?`` in a name that is not there are
            filled in.
        assignment: such as ``"A1"``.
        pattern: regular expression for names of a form of their own, searched in the path below
            ``sources``; its group ``student`` (or else the first) is the student, a group ``id``
            the platform's number.
        code_page: of names in zips that neither say how they are written nor are UTF-8.

    Raises:
        FileNotFoundError: one of ``sources`` is not there.
        ValueError: ``pattern`` is no regular expression with a group, an archive cannot be read,
            or there are more files than any class has.
    """
    named = _compiled(pattern)
    files, listed, people = [], [], {}
    for found in _all(sources, code_page):
        if found.why:
            listed.append((printable(str(found.path)), found.why))
        elif found.path.name == PEOPLE:
            people |= _gradescope_people(found)
        else:
            files.append(found)
        if len(files) > MOST_FILES:
            raise ValueError(f"more than {MOST_FILES:,} notebooks; grade in parts.")
    several = defaultdict(list)
    for file in files:
        try:
            one = _submission(file, assignment, **_whose(file, assignment, named, people))
        except _Nobodys as problem:
            listed.append((printable(str(file.path)), str(problem)))
        else:
            several[one.student, one.id].append(one)
    submissions = []
    for _, mine in sorted(several.items()):
        counted, others = _newest(mine)
        submissions.append(counted)
        listed += [(one, f"{LEFT_OUT}{counted.file} of {counted.student} counts") for one in others]
    return submissions, sorted(listed)


def of_one(folder: Path, assignment: str) -> Submission | None:
    """The submission in a folder that holds one student's files; None where no notebook is."""
    found = [one for one in walk(folder, PurePosixPath(), "cp437") if not one.why]
    found = [_submission(one, assignment, "student") for one in found if one.path.name != PEOPLE]
    return _newest(found)[0] if found else None


def file_names(people: Sequence[tuple[str, str]], taken: dict[str, tuple] | None = None) -> dict:
    """A safe and unique file name for each (student, id), without ending.

    Unique even where capitals count as small letters. Names that are in use keep their owner.

    Args:
        taken: names in use -> (student, id).
    """
    names = {owner: name for name, owner in (taken or {}).items()}
    used = {name.casefold() for name in names.values()}
    for person in people:
        if person in names:
            continue
        name = plain = _safe(person[0])
        if name.casefold() in used:
            name = f"{plain}-{sha256(repr(person).encode()).hexdigest()[:8]}"
        names[person] = name
        used.add(name.casefold())
    return names


def _safe(student: str) -> str:
    kept = "".join(
        c if c.isalnum() or c in " ._-" or unicodedata.combining(c) else "_" for c in student
    )
    kept = kept.encode()[:120].decode(errors="ignore").strip(" .")
    reserved = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", kept, re.IGNORECASE)
    return f"_{kept}" if reserved or not kept else kept


def _compiled(pattern: str | None) -> re.Pattern | None:
    try:
        named = None if pattern is None else re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"--pattern {pattern!r} is no regular expression: {problem}") from None
    if named and not named.groups:
        raise ValueError(f"--pattern {pattern!r} needs a group, as in '(?P<student>.+)_hw1'.")
    return named


def _all(sources: Sequence[Path], code_page: str) -> Iterator:
    """What lies in the sources. Of several, each one's own name begins its files' paths."""
    given: list[Path] = []
    for source in map(Path, sources):
        filled = [] if os.path.lexists(source) else sorted(glob.glob(str(source)))
        given += map(Path, filled) if filled else [source]
    single = [one for one in given if not one.is_dir() or one.is_symlink()]
    common = os.path.commonpath([one.absolute().parent for one in single]) if single else ""
    for source in given:
        if source in single:
            below = PurePosixPath(source.absolute().parent.relative_to(common).as_posix())
        else:
            below = PurePosixPath(source.name if len(given) > 1 else "")
        wrapper = ARCHIVE.sub("", source.name)
        for found in walk(source, below, code_page, follow=len(given) == 1):
            yield found if wrapper == source.name else _without(wrapper, found)


def _without(wrapper: str, found: File) -> File:
    """An archive often holds one folder of its own name, which says nothing."""
    if len(found.path.parts) > 1 and found.path.parts[0] == wrapper and not found.why:
        return replace(found, path=found.path.relative_to(wrapper))
    return found


def _gradescope_people(file: File) -> dict[str, str]:
    """Gradescope's own list: submission folder -> names; empty where it cannot be read.

    One inside a submission is a student's, who might take another's name with it.
    """
    import yaml

    people = {}
    if any(re.fullmatch(r"submission_\d+", part) for part in file.path.parts):
        return people
    with contextlib.suppress(Exception):  # whatever bears this name
        for folder, about in yaml.safe_load(file.read()).items():
            names = [str(one[":name"]) for one in about[":submitters"] if ":name" in one]
            people[str(folder)] = ", ".join(names)
    return people


# Whose it is ------------------------------------------------------------------------------------


def _submission(
    file: File, assignment: str, student: str, id: str = "", note: str = "", attempt: int = 0
) -> Submission:
    """A student's file. One that bears the assignment's name counts before others; then the
    platform's number, the time, and the number of a copy decide.
    """
    student, where = printable(student or "").strip(), printable(str(file.path))
    if not student:
        raise _Nobodys("its name names no student")
    stem = _shown(_stem(file), assignment)
    copies = [re.sub(r"\D", "", one[0])[:9] or "1" for one in _COPY.finditer(stem)]
    versions = [re.fullmatch(r"version (\d{1,9})", part, re.I) for part in file.path.parts]
    attempt = attempt or max((int(one[1]) for one in versions if one), default=0)
    copy, named = max(map(int, copies), default=0), _token(assignment).search(stem)
    rank = (bool(named), attempt, file.when, copy, str(file.path))
    return Submission(student, id or "", where, file.read, (note,) if note else (), rank)


def _whose(file: File, assignment: str, named: re.Pattern | None, people: dict) -> dict:
    """What a file's path says: the ``student``, and perhaps ``id``, ``note`` and ``attempt``.

    Raises:
        _Nobodys: it is nobody's.
    """
    if named:
        found = named.search(str(file.path))
        if not found:
            raise _Nobodys("its name does not match --pattern")
        groups = found.groupdict()
        return {"student": groups.get("student", found[1]), "id": groups.get("id")}
    *folders, stem = (_shown(part, assignment) for part in file.path.with_name(_stem(file)).parts)
    if any(part.lower().startswith("feedback attachment") for part in folders):
        raise _Nobodys("an instructor's feedback, not a submission")
    if not _token(assignment).search(stem):
        others = [_token(r"A\d+").search(part) for part in (stem, *reversed(folders))]
        other = next((one["token"] for one in others if one), assignment)
        if other.casefold() != assignment.casefold():
            raise _Nobodys(f"looks like work for {other.upper()}, not for {assignment}")
    path = "/".join([*folders, _COPY.sub("", stem)])
    for platform, form in _NAMES["platforms"].items():
        if found := re.search(form.replace("ASSIGNMENT", assignment), path):
            return _of_platform(platform, found, people)
    return _of_path(folders, stem, assignment, printable(str(file.path)))


def _shown(part: str, assignment: str) -> str:
    """A part of a path, with the assignment's short name in place of its notebook's."""
    part, known = unicodedata.normalize("NFC", part), ASSIGNMENTS.get(assignment)
    return re.sub(re.escape(known.stem), assignment, part, flags=re.I) if known else part


def _token(name: str) -> re.Pattern:
    """An assignment's name as a word of its own."""
    return re.compile(rf"(?:^|(?<=[\W_]))(?P<token>{name})(?![0-9a-z])", re.IGNORECASE)


def _stem(file: File) -> str:
    """The file's name without ending; a name that is only an ending stays as it is."""
    return NOTEBOOK.sub("", file.path.name) or file.path.name


def _of_platform(platform: str, found: re.Match, people: dict) -> dict:
    groups = {name: value or "" for name, value in found.groupdict().items()}
    attempt = re.sub(r"\D", "", groups.get("attempt", ""))[:18]
    if "date" in groups:  # such as Mar 1, 2024 1020 AM
        month, day, year, clock, half = re.findall(r"[A-Za-z]+|\d[\d:]*", groups["date"])
        date = f"{month[:3]} {day} {year} {clock.replace(':', ''):0>4} {half}"
        with contextlib.suppress(ValueError):  # whoever hands in may have made it up
            attempt = f"{datetime.strptime(date, '%b %d %Y %I%M %p'):%Y%m%d%H%M}"
    if groups.get("draft"):  # what was handed in counts before it
        attempt = -1
    student = people.get(groups["student"]) or groups["student"]
    return {
        "student": _COPY.sub("", student) if platform == "Classroom" else student,
        "id": groups.get("id"),
        "note": groups.get("late") and "Handed in late, says the name that Canvas gave the file.",
        "attempt": int(attempt or 0),
    }


def _of_path(folders: list[str], stem: str, assignment: str, where: str) -> dict:
    """Without a platform: the student's folder, or what stands beside the assignment's name."""
    owners = []
    for part in folders:
        name = _words(part, assignment, folder=True)[0]
        if not _PLAIN_FOLDER.fullmatch(part) and name and name not in owners[-1:]:
            owners.append(name)
    name, sure = _words(stem, assignment)
    named, note = _token(assignment).search(stem), ""
    if owners and (not named or _same(name, owners[-1])):
        name, sure = "", True  # in a student's folder a file may be called anything
    if not owners and not (name and named):
        name = stem
        note = f"{GUESSED}: no student's name stands before _{assignment} in {where}."
    elif not sure or (name and owners):
        note = f"{GUESSED}, from {where}."
    return {"student": "/".join([*owners, name] if name else owners), "note": note}


def _words(part: str, assignment: str, folder: bool = False) -> tuple[str, bool]:
    """Who a folder's or a file's name names, and whether that is certain.

    What stands before the assignment's name, unless that names nobody; then what stands behind.
    Where both may name somebody, both: nobody's work is to be taken for another's.
    """
    part = _COPY.sub("", _COPY.sub("", part)).strip()
    own = _token(assignment).search(part)
    if not own:
        words = re.findall(r"[^\W\d_]+", part.casefold())
        return ("" if words and folder and _NOBODY.issuperset(words) else part), True
    before, behind = part[: own.start()].strip("_- ."), part[own.end() :].strip("_- .")
    first, second = _names_somebody(before), _names_somebody(behind)
    if first and second:
        return f"{before} {behind}", False
    if not (first or second):
        return (before, False) if len(re.sub(r"\D", "", before)) > 4 else ("", True)
    return (before if first else behind), True


def _names_somebody(words: str) -> bool:
    """Whether there is a word that is not only about the work, or a number of five digits."""
    for word in re.findall(r"[^\W_]+", words.casefold()):
        letters = re.sub(r"\d", "", word)
        if letters and letters not in _NOBODY and not _COURSE.fullmatch(word):
            return True
        if not letters and len(word) > 4 and not _DATE.fullmatch(word):
            return True
    return False


def _same(name: str, folder: str) -> bool:
    """Whether a file's name names the person that its folder names: letters are compared."""
    one, other = (re.sub(r"[\W\d_]", "", text.casefold()) for text in (name, folder))
    return one in other or sorted(one) == sorted(other)


def _newest(mine: list[Submission]) -> tuple[Submission, list[str]]:
    """Of a student's files the one that counts, and the paths of the others, newest first."""
    *others, chosen = sorted(mine, key=lambda one: one.rank)
    left = [one.file for one in reversed(others)]
    if left:
        said = f"Of several files the newest counts: {chosen.file} ({LEFT_OUT}{', '.join(left)})."
        chosen = replace(chosen, notes=(*chosen.notes, said))
    return chosen, left
