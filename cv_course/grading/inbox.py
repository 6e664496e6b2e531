"""What lies in a folder, in single files or in a download of a learning platform, and whose it is.

Nothing is trusted: no link is followed, nothing is unpacked to disk, nothing is read before its
turn, and never more of it than a notebook may weigh.
"""

import contextlib
import os
import re
import stat
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

MOST_BYTES = 32 * 2**20  # of one notebook; one byte more is read, so that intake sees the excess
MOST_FILES = 20_000
DEPTH = 4  # folders below the one that is given
LINK, FOLDER = "a link, and links are not followed", "a folder, not a file"

_NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)
_COPY = re.compile(r"( \(\d+\)|-\d+)$")
_CANVAS = re.compile(r"(?P<student>[^_]+)(?P<late>_LATE)?_(?P<id>\d{3,})_(?P<number>\d{3,})_")
_MOODLE = re.compile(r"(?P<student>[^/]+?)_(?P<id>\d+)_assignsubmission_file_?")
_GRADESCOPE = re.compile(r"submission_(?P<id>\d+)")
_LITTER = ("__MACOSX", ".ipynb_checkpoints", ".DS_Store")
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


@dataclass(frozen=True)
class _File:
    """A regular file that looks like a notebook, in a folder or in a zip."""

    path: PurePosixPath  # below what was given; untrusted, never opened
    when: float
    read: Callable[[], bytes]


@dataclass(frozen=True)
class _Claim:
    """A file and what its name says about it."""

    file: _File
    student: str
    id: str = ""
    late: bool = False
    named: bool = True  # whether the assignment stands in the file's name
    order: int = 0  # the platform's running number, otherwise that of the copy
    note: str = ""


def find(
    sources: Sequence[Path], assignment: str, pattern: str | None = None
) -> tuple[list[Submission], list[tuple[str, str]]]:
    """All submissions, sorted by student, and what is none: (name, reason).

    Args:
        sources: folders, notebooks, and zip files.
        assignment: such as ``"A1"``; the student is what stands before ``_A1`` in a file's name.
        pattern: regular expression for other forms of names, searched in the path below
            ``sources``; its group ``student`` (or else the first) is the student, a group ``id``
            the platform's number.

    Raises:
        FileNotFoundError: one of ``sources`` is not there.
        ValueError: ``pattern`` is no regular expression with a group, a zip cannot be read, or
            there are more files than any class has.
    """
    named = _compiled(pattern)
    files, listed, people = [], [], {}
    for source in sources:
        for found in _walk(Path(source), follow=len(sources) == 1, people=people):
            if isinstance(found, _File):
                files.append(found)
            else:
                listed.append((printable(found[0]), found[1]))
            if len(files) > MOST_FILES:
                raise ValueError(f"more than {MOST_FILES:,} notebooks in {source}; grade in parts.")
    claims: dict[tuple[str, str], list[_Claim]] = {}
    common = _common_folder([file.path for file in files])
    for file in files:
        claim = _claim(file, assignment, named, common, people)
        if isinstance(claim, str):
            listed.append((printable(str(file.path)), claim))
        else:
            claims.setdefault((claim.student, claim.id), []).append(claim)
    submissions = [_newest(several) for _, several in sorted(claims.items())]
    return submissions, sorted(listed)


def of_one(folder: Path, assignment: str) -> Submission | None:
    """The submission in a folder that holds one student's files; None where no notebook is."""
    files = [found for found in _walk(folder, follow=True, people={}) if isinstance(found, _File)]
    claims = [_Claim(file, "", **_name(file, assignment)[2]) for file in files]
    return _newest(claims) if claims else None


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


# Where files come from ------------------------------------------------------------------------


def _walk(source: Path, follow: bool, people: dict) -> Iterator[_File | tuple[str, str]]:
    status = source.stat() if follow and source.is_dir() else source.lstat()
    if stat.S_ISDIR(status.st_mode):
        yield from _folder(source, PurePosixPath(), people, DEPTH)
    elif source.suffix.lower() == ".zip" and stat.S_ISREG(source.stat().st_mode):
        yield from _zip(source, people)
    else:
        yield _entry(source, PurePosixPath(source.name), status)


def _folder(folder: Path, below: PurePosixPath, people: dict, depth: int) -> Iterator:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as problem:
        yield str(below), f"cannot be opened: {problem.strerror}"
        return
    for entry in entries:
        path = below / entry.name
        if entry.name in _LITTER:
            continue
        if entry.is_dir(follow_symlinks=False):
            if _NOTEBOOK.search(entry.name):
                yield str(path), FOLDER
            elif depth == 0:
                yield str(path), "a folder too deep inside others"
            else:
                inside = list(_folder(Path(entry.path), path, people, depth - 1))
                yield from inside or [(str(path), "an empty folder")]
        elif entry.name == "submission_metadata.yml" and entry.is_file(follow_symlinks=False):
            people.update(_gradescope_people(_read(Path(entry.path))))
        else:
            yield _entry(Path(entry.path), path, entry.stat(follow_symlinks=False))


def _entry(file: Path, path: PurePosixPath, status: os.stat_result) -> _File | tuple[str, str]:
    if stat.S_ISLNK(status.st_mode):
        return str(path), LINK
    if not stat.S_ISREG(status.st_mode):
        return str(path), "neither a file nor a folder"
    if not _NOTEBOOK.search(path.name):
        return str(path), _no_notebook(path.name)
    return _File(path, status.st_mtime, lambda: _read(file))


def _read(file: Path) -> bytes:
    """The content of a regular file; what has become a link or a pipe meanwhile is refused."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(file, flags | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        return stream.read(MOST_BYTES + 1)


def _zip(source: Path, people: dict) -> Iterator[_File | tuple[str, str]]:
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError) as problem:
        raise ValueError(f"{source} is no zip file that can be read: {problem}") from None
    if len(members) > MOST_FILES:
        raise ValueError(f"{source} holds {len(members):,} members; no class hands in so many.")
    last = {member.filename: member for member in members}
    for member in members:
        path = PurePosixPath(member.filename)
        if member.is_dir() or set(path.parts) & set(_LITTER):
            continue
        reason = _no_member(member, path)
        if reason is None and last[member.filename] is not member:
            reason = "there is a later member of this name, which counts"
        if path.name == "submission_metadata.yml" and reason == _no_notebook(path.name):
            people.update(_gradescope_people(_member(source, member)))
        elif reason:
            yield member.filename, reason
        else:
            yield _File(path, _stamp(member), lambda member=member: _member(source, member))


def _no_member(member: zipfile.ZipInfo, path: PurePosixPath) -> str | None:
    """Why a member of a zip is not read; None where it may be."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return LINK
    if kind not in (0, stat.S_IFREG):
        return "neither a file nor a folder"
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or not path.name:
        return "its name points outside the zip"
    if member.flag_bits & 0x1:
        return "encrypted"
    return None if _NOTEBOOK.search(path.name) else _no_notebook(path.name)


def _member(source: Path, member: zipfile.ZipInfo) -> bytes:
    try:
        with zipfile.ZipFile(source) as archive, archive.open(member) as stream:
            return stream.read(MOST_BYTES + 1)
    except Exception as problem:  # zlib and lzma raise errors of their own
        raise ValueError(f"damaged in the zip: {type(problem).__name__}: {problem}") from None


def _stamp(member: zipfile.ZipInfo) -> float:
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (OverflowError, ValueError):
        return 0.0


def _no_notebook(name: str) -> str:
    if name.lower().endswith(".zip"):
        return "a zip inside; unpack it first"
    return "not a notebook (its name does not end in .ipynb)"


def _gradescope_people(content: bytes) -> dict[str, str]:
    """Gradescope's own list: submission folder -> names; empty where it cannot be read."""
    import yaml

    people = {}
    with contextlib.suppress(yaml.YAMLError, AttributeError, TypeError, RecursionError):
        for folder, about in yaml.safe_load(content).items():
            names = [str(one[":name"]) for one in about[":submitters"] if ":name" in one]
            people[str(folder)] = ", ".join(names)
    return people


# Whose it is ----------------------------------------------------------------------------------


def _claim(file: _File, assignment: str, named, common: str | None, people: dict) -> _Claim | str:
    """What a file's path says about it, or why it is nobody's."""
    stem, own, rest = _name(file, assignment)
    if named:
        found = named.search(str(file.path))
        if not found:
            return "its name does not match --pattern"
        groups = found.groupdict()
        return _person(file, groups.get("student", found[1]), groups.get("id"), **rest)
    other = re.search(r"_A\d+(?![0-9a-z])", stem, re.IGNORECASE)
    if other and not own:
        return f"looks like work for {other[0][1:].upper()}, not for {assignment}"
    folders = [unicodedata.normalize("NFC", part) for part in file.path.parts[:-1]]
    if moodle := _MOODLE.search("/".join([*folders, stem])):
        return _person(file, moodle["student"], moodle["id"], **rest)
    for folder in folders:
        if gradescope := _GRADESCOPE.fullmatch(folder):
            return _person(file, people.get(folder) or folder, gradescope["id"], **rest)
    if canvas := _CANVAS.match(stem):
        rest["order"] = int(canvas["number"])
        return _person(file, canvas["student"], canvas["id"], late=bool(canvas["late"]), **rest)
    if own and own.start() > 0:
        return _person(file, stem[: own.start()], **rest)
    folders = folders[1:] if folders and folders[0] == common else folders
    if folders and folders[-1].casefold() == assignment.casefold():
        folders = folders[:-1]
    if folders:
        return _person(file, "/".join(folders), **rest)
    note = f"The file's name has no _{assignment} in it, so all of it was taken for the student's."
    return _person(file, stem, note=note, **rest)


def _name(file: _File, assignment: str) -> tuple[str, re.Match | None, dict]:
    """A file's stem, the place of the assignment's name in it, and what else the name says."""
    stem = unicodedata.normalize("NFC", _NOTEBOOK.sub("", file.path.name))
    own = re.search(rf"(^|[\W_]){assignment}(?![0-9a-z])", stem, re.IGNORECASE)
    copy = _COPY.search(stem)
    return stem, own, {"named": own is not None, "order": int(copy[0].strip(" ()-")) if copy else 0}


def _person(file: _File, student: str | None, id: str | None = None, **rest) -> _Claim | str:
    student = printable(student or "").strip()
    return _Claim(file, student, id or "", **rest) if student else "its name names no student"


def _common_folder(paths: Sequence[PurePosixPath]) -> str | None:
    """The one folder that all lie in, where there are others inside it."""
    if any(len(path.parts) < 3 for path in paths):
        return None
    first, second = ({path.parts[level] for path in paths} for level in (0, 1))
    return first.pop() if len(first) == 1 < len(second) else None


def _newest(claims: list[_Claim]) -> Submission:
    """Of a student's files the newest that bears the assignment's name, otherwise the newest."""
    claims = sorted(claims, key=lambda c: (c.named, c.file.when, c.order, str(c.file.path)))
    chosen, others = claims[-1], claims[:-1]
    notes = [chosen.note] if chosen.note else []
    if chosen.late:
        notes.append("Handed in late, says the name that Canvas gave the file.")
    if others:
        left = ", ".join(printable(claim.file.path.name) for claim in reversed(others))
        name = printable(chosen.file.path.name)
        notes.append(f"Of several files the newest counts: {name} (not counted: {left}).")
    return Submission(
        chosen.student, chosen.id, printable(str(chosen.file.path)), chosen.file.read, tuple(notes)
    )
