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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

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
# Characters that rearrange a line, so that a name would read as another.
_REORDER = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@dataclass(frozen=True)
class Submission:
    """One student's notebook.

    Args:
        student: the name, printable.
        id: what the learning platform calls the student, or empty.
        file: where the notebook was found, printable.
        read: gives the content; at most one byte more than a notebook may have. Raises
            ``OSError`` or ``ValueError`` where it cannot be had.
        notes: sentences for the student and the instructor about which file counts.
    """

    student: str
    id: str
    file: str
    read: Callable[[], bytes] = field(repr=False)
    notes: tuple[str, ...] = ()


class _Claim(NamedTuple):
    """What a path says about a file; later fields decide which of a student's files counts."""

    student: str
    id: str = ""
    note: str = ""
    named: bool = False  # whether the assignment stands in the file's name
    attempt: int = 0  # the platform's running number or time
    when: float = 0.0
    copy: int = 0
    file: File | None = None


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
        if not isinstance(found, File):
            listed.append((printable(str(found[0])), found[1]))
        elif found.path.name == PEOPLE:
            people.update(_gradescope_people(found.read()))
        else:
            files.append(found)
        if len(files) > MOST_FILES:
            raise ValueError(f"more than {MOST_FILES:,} notebooks; grade in parts.")
    claims: dict[tuple[str, str], list[_Claim]] = {}
    for file in files:
        claim = _claim(file, assignment, named, people)
        if isinstance(claim, str):
            listed.append((printable(str(file.path)), claim))
        else:
            claims.setdefault((claim.student, claim.id), []).append(claim)
    submissions = []
    for _, several in sorted(claims.items()):
        counted, others = _newest(several)
        submissions.append(counted)
        listed += [(one, f"{LEFT_OUT}{counted.file} of {counted.student} counts") for one in others]
    return submissions, sorted(listed)


def of_one(folder: Path, assignment: str) -> Submission | None:
    """The submission in a folder that holds one student's files; None where no notebook is."""
    found = [one for one in walk(folder, PurePosixPath(), "cp437") if isinstance(one, File)]
    found = [one for one in found if one.path.name != PEOPLE]
    claims = [_Claim("", **_facts(one, assignment)) for one in found]
    return _newest(claims)[0] if claims else None


def printable(name: str) -> str:
    """A name as it may be shown: one form of each letter, no control character, always UTF-8."""
    name = unicodedata.normalize("NFC", name)
    shown = (
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _REORDER
        else character
        for character in name
    )
    return "".join(shown)


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
    if pattern is None:
        return None
    try:
        named = re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"--pattern {pattern!r} is no regular expression: {problem}") from None
    if not named.groups:
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
        for found in walk(source, below, code_page, follow=len(given) == 1):
            yield (
                _without(ARCHIVE.sub("", source.name), found)
                if ARCHIVE.search(source.name)
                else found
            )


def _without(wrapper: str | None, found):
    """An archive often holds one folder of its own name, which says nothing."""
    if isinstance(found, File) and len(found.path.parts) > 1 and found.path.parts[0] == wrapper:
        return replace(found, path=found.path.relative_to(wrapper))
    return found


def _gradescope_people(content: bytes) -> dict[str, str]:
    """Gradescope's own list: submission folder -> names; empty where it cannot be read."""
    import yaml

    people = {}
    with contextlib.suppress(yaml.YAMLError, AttributeError, TypeError, RecursionError):
        for folder, about in yaml.safe_load(content).items():
            names = [str(one[":name"]) for one in about[":submitters"] if ":name" in one]
            people[str(folder)] = ", ".join(names)
    return people


# Whose it is ------------------------------------------------------------------------------------


def _claim(file: File, assignment: str, named: re.Pattern | None, people: dict) -> _Claim | str:
    """What a file's path says about it, or why it is nobody's."""
    facts = _facts(file, assignment)
    if named:
        found = named.search(str(file.path))
        if not found:
            return "its name does not match --pattern"
        groups = found.groupdict()
        return _person(groups.get("student", found[1]), groups.get("id"), **facts)
    *folders, stem = (_shown(part, assignment) for part in file.path.with_name(_stem(file)).parts)
    if any(part.lower().startswith("feedback attachment") for part in folders):
        return "an instructor's feedback, not a submission"
    if not facts["named"]:
        others = [_token(r"A\d+").search(part) for part in (stem, *reversed(folders))]
        other = next((one["token"] for one in others if one), assignment)
        if other.casefold() != assignment.casefold():
            return f"looks like work for {other.upper()}, not for {assignment}"
    path = "/".join([*folders, _COPY.sub("", stem)])
    for platform, form in _NAMES["platforms"].items():
        if found := re.search(form.replace("ASSIGNMENT", assignment), path):
            return _of_platform(platform, found, assignment, people, facts)
    return _of_path(folders, stem, assignment, facts)


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


def _facts(file: File, assignment: str) -> dict:
    """What decides which of a student's files counts."""
    stem = _shown(_stem(file), assignment)
    copies = [re.sub(r"\D", "", one[0]) or "1" for one in _COPY.finditer(stem)]
    versions = [re.fullmatch(r"version (\d{1,9})", part, re.I) for part in file.path.parts]
    return {
        "named": bool(_token(assignment).search(stem)),
        "attempt": max((int(one[1]) for one in versions if one), default=0),
        "when": file.when,
        "copy": max((int(one[:9]) for one in copies), default=0),
        "file": file,
    }


def _of_platform(platform: str, found: re.Match, assignment, people: dict, facts: dict):
    groups = {name: value or "" for name, value in found.groupdict().items()}
    student, attempt = groups["student"], re.sub(r"\D", "", groups.get("attempt", ""))
    facts["attempt"] = int(attempt[:18] or facts["attempt"])
    note = "Handed in late, says the name that Canvas gave the file." if groups.get("late") else ""
    if platform == "Gradescope":
        student = people.get(student) or student
    elif platform == "Blackboard":  # the assignment's title stands before the student
        own = _token(assignment).search(student)
        student = (student[own.end() :] if own else student).partition("_")[2] or student
    elif platform == "Brightspace":
        facts["attempt"] = _moment(groups["date"])
    elif platform == "Teams" and "Working files/" in found[0]:
        facts["attempt"] = -1  # what was handed in counts before it
    elif platform == "Classroom":
        student = _COPY.sub("", student)
    return _person(student, groups.get("id"), note=note, **facts)


def _moment(date: str) -> int:
    """A date such as ``Mar 1, 2024 1020 AM`` as a number that grows."""
    month, day, year, clock, half = re.findall(r"[A-Za-z]+|\d[\d:]*", date)
    hour, minute = divmod(int(clock.replace(":", "")), 100)
    number = "JanFebMarAprMayJunJulAugSepOctNovDec".find(month[:3]) // 3 + 1
    return int(f"{year}{number:02}{int(day):02}{hour % 12 + 12 * (half == 'PM'):02}{minute:02}")


def _of_path(folders: list[str], stem: str, assignment: str, facts: dict) -> _Claim | str:
    """Without a platform: the student's folder, or what stands beside the assignment's name."""
    owners = []
    for part in folders:
        name = _words(part, assignment, folder=True)[0]
        if not _PLAIN_FOLDER.fullmatch(part) and name and name not in owners[-1:]:
            owners.append(name)
    name, sure = _words(stem, assignment)
    if owners and (not facts["named"] or _same(name, owners[-1])):
        name, sure = "", True  # in a student's folder a file may be called anything
    where, note = printable(str(facts["file"].path)), ""
    if not owners and not (name and facts["named"]):
        name = stem
        note = f"{GUESSED}: no student's name stands before _{assignment} in {where}."
    elif not sure or (name and owners):
        note = f"{GUESSED}, from {where}."
    return _person("/".join([*owners, name] if name else owners), note=note, **facts)


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


def _person(student: str | None, id: str | None = None, **rest) -> _Claim | str:
    student = printable(student or "").strip()
    return _Claim(student, id or "", **rest) if student else "its name names no student"


def _newest(claims: list[_Claim]) -> tuple[Submission, list[str]]:
    """Of a student's files the one that counts, and the paths of the others, newest first.

    One that bears the assignment's name counts before others; then the platform's number, the
    time, and the number of a copy decide.
    """

    def rank(one: _Claim) -> tuple:
        return one.named, one.attempt, one.when, one.copy, str(one.file.path)

    *others, chosen = sorted(claims, key=rank)
    where = printable(str(chosen.file.path))
    left = [printable(str(one.file.path)) for one in reversed(others)]
    notes = [chosen.note] if chosen.note else []
    if left:
        said = f"Of several files the newest counts: {where} ({LEFT_OUT}{', '.join(left)})."
        notes.append(said)
    return Submission(chosen.student, chosen.id, where, chosen.file.read, tuple(notes)), left
