"""What lies in folders, zips and tars, as files that can be read one at a time.

Nothing is trusted: no link is followed, nothing is unpacked to disk under a name, nothing is read
before its turn, and never more of it than a notebook may weigh.
"""

import functools
import os
import re
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cv_course.assignments.read import content_of, opened

MOST_UNPACKED = 2 * 2**30  # of an archive inside another, or of a packed tar
MOST_FILES = 20_000
DEPTH, ARCHIVED = 12, 4  # folders in one another; an archive counts as so many
LINK, FOLDER = "a link, and links are not followed", "a folder, not a file"
OTHER, DEEP = "neither a file nor a folder", "too deep inside other folders"
CLOSED = "an archive of a kind that is not read (.zip and .tar.gz are); unpack it first"

NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
PEOPLE = "submission_metadata.yml"  # Gradescope's list of names
_CLOSED = re.compile(r"\.(7z|rar|gz|bz2|xz|z)$", re.IGNORECASE)
_LITTER = re.compile(r"__MACOSX|\.ipynb_checkpoints|\.DS_Store|Thumbs\.db|desktop\.ini|\._.*", re.I)


@dataclass(frozen=True)
class File:
    """A file that was found.

    Args:
        path: below what was given; it is untrusted, and never opened.
        when: seconds, as of ``time.time``.
        open: () -> its content as a stream.
        why: why it is not read; empty for what may be a notebook.
    """

    path: PurePosixPath
    when: float = 0.0
    open: Callable[[], BinaryIO] | None = None
    why: str = ""

    def read(self) -> bytes:
        """The content; at most one byte more than a notebook may have.

        Raises:
            OSError: it cannot be opened.
            ValueError: it is not regular any more, or damaged in its archive.
        """
        try:
            return content_of(self.open)
        except (OSError, ValueError):
            raise
        except Exception as problem:  # zipfile, zlib and lzma have errors of their own
            said = f"damaged in the archive: {type(problem).__name__}: {problem}"
            raise ValueError(said) from None


def walk(source: Path, below: PurePosixPath, code_page: str, follow: bool = True) -> Iterator[File]:
    """What lies in a folder or in an archive; of another file, the file itself.

    Args:
        source: the folder, archive or file.
        below: what the paths begin with.
        code_page: how names in zips are written that neither say so nor are UTF-8.
        follow: whether ``source`` may be a link to a folder.

    Raises:
        FileNotFoundError: there is no ``source``.
        ValueError: it is an archive that cannot be read.
    """
    status = source.stat() if follow and source.is_dir() else source.lstat()
    if stat.S_ISDIR(status.st_mode):
        yield from _folder(source, below, code_page, DEPTH)
    elif ARCHIVE.search(source.name) and stat.S_ISREG(source.stat().st_mode):
        try:
            yield from _archive(partial(open, source, "rb"), below, code_page, DEPTH)
        except ValueError as problem:
            raise ValueError(f"{source} cannot be read: {problem}") from None
    else:
        yield from _sorted_out(_on_disk(source, below / source.name, status), code_page, DEPTH)


def _on_disk(file: Path, path: PurePosixPath, status: os.stat_result) -> File:
    return File(path, status.st_mtime, partial(opened, file), _kind(status.st_mode))


def _kind(mode: int) -> str:
    """Why what has this mode is not read; 0 is a zip's that says nothing."""
    return {0: "", stat.S_IFREG: "", stat.S_IFLNK: LINK}.get(stat.S_IFMT(mode), OTHER)


def _folder(folder: Path, below: PurePosixPath, code_page: str, depth: int) -> Iterator[File]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as problem:
        yield File(below, why=f"cannot be opened: {problem.strerror}")
        return
    for entry in entries:
        path = below / entry.name
        if _LITTER.fullmatch(entry.name):
            continue
        if not entry.is_dir(follow_symlinks=False):
            file = _on_disk(Path(entry.path), path, entry.stat(follow_symlinks=False))
            yield from _sorted_out(file, code_page, depth)
        elif NOTEBOOK.search(entry.name) or depth == 0:
            yield File(path, why=FOLDER if depth else DEEP)
        else:
            inside = list(_folder(Path(entry.path), path, code_page, depth - 1))
            yield from inside or [File(path, why="an empty folder")]


def _sorted_out(file: File, code_page: str, depth: int) -> Iterator[File]:
    """A file as it is, or why it is not read, or what is in it: an archive counts as a folder."""
    name = file.path.name
    if file.why or NOTEBOOK.search(name) or name == PEOPLE:
        yield file
    elif not ARCHIVE.search(name):
        none = "not a notebook (its name does not end in .ipynb)"
        yield replace(file, why=CLOSED if _CLOSED.search(name) else none)
    elif depth <= ARCHIVED:
        yield replace(file, why=DEEP)
    else:
        folder = file.path.with_name(ARCHIVE.sub("", name) or name)
        try:
            inside = list(_archive(file.open, folder, code_page, depth - ARCHIVED))
        except (OSError, ValueError) as problem:
            inside = [replace(file, why=str(problem))]
        yield from inside or [replace(file, why="an empty archive")]


# Archives ---------------------------------------------------------------------------------------


def _archive(opener: Callable, below: PurePosixPath, code_page: str, depth: int) -> Iterator[File]:
    """``opener`` () -> the archive, opened anew.

    Raises:
        ValueError: it cannot be read, or holds more than any class hands in.
    """
    try:
        with opener() as file:
            zipped = zipfile.is_zipfile(file)
        members = list(_zip_members(opener, code_page) if zipped else _tar_members(opener))
    except (OSError, ValueError):
        raise
    except Exception as problem:  # zipfile, tarfile, zlib and lzma have errors of their own
        raise ValueError(f"no zip file or tar file that is whole ({problem})") from None
    if len(members) > MOST_FILES:
        raise ValueError(f"{len(members):,} members; no class hands in so many")
    last = {name: number for number, (name, _) in enumerate(members)}
    for number, (name, file) in enumerate(members):
        inside = PurePosixPath(name.replace("\\", "/"))
        if any(_LITTER.fullmatch(part) for part in inside.parts):
            continue
        file = replace(file, path=below / inside)
        if inside.is_absolute() or ".." in inside.parts or re.match("[A-Za-z]:", name):
            yield File(PurePosixPath(name), why="its name points outside the archive")
        elif not file.why and last[name] != number:
            yield replace(file, why="there is a later member of this name, which counts")
        elif not file.why and len(inside.parts) > depth + 1:
            yield replace(file, why=DEEP)
        else:
            if ARCHIVE.search(inside.name):  # it is read here and there, not from its beginning
                file = replace(file, open=partial(_copied, file.open))
            yield from _sorted_out(file, code_page, depth)


def _zip_members(opener: Callable, code_page: str) -> Iterator[tuple[str, File]]:
    """(name, file without path)."""
    with opener() as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()

    def stream(member):
        return zipfile.ZipFile(opener()).open(member)

    for member in members:
        name = _zip_name(member, code_page)
        if member.is_dir() or name.endswith(("/", "\\")):
            continue
        locked = "encrypted" if member.flag_bits & 0x1 else ""
        try:
            when = time.mktime((*member.date_time, 0, 0, -1))
        except (OverflowError, ValueError):
            when = 0.0
        why = _kind(member.external_attr >> 16) or locked
        yield name, File(PurePosixPath(), when, partial(stream, member), why)


def _zip_name(member: zipfile.ZipInfo, code_page: str) -> str:
    """Info-ZIP's field for Unicode first; macOS writes UTF-8 without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    raw, rest = member.orig_filename.encode("cp437"), member.extra
    while len(rest) >= 4:
        kind, size = struct.unpack("<HH", rest[:4])
        field, rest = rest[4 : 4 + size], rest[4 + size :]
        if kind == 0x7075 and field[1:5] == struct.pack("<L", zlib.crc32(raw)):
            return field[5:].decode("utf-8", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(code_page, "replace")


def _tar_members(opener: Callable) -> Iterator[tuple[str, File]]:
    """As of a zip. One that is packed is unpacked at once, as it can be read in order only."""
    with opener() as file, tarfile.open(fileobj=file, mode="r:*") as archive:
        packed = archive.fileobj is not file
    if packed:
        opener = partial(_copied, partial(_unpacked, opener))
    with opener() as file, tarfile.open(fileobj=file, mode="r:") as archive:
        members = archive.getmembers()

    def stream(member):
        return tarfile.open(fileobj=opener(), mode="r:").extractfile(member)

    for member in members:
        if not member.isdir():
            why = "" if member.isreg() else LINK if member.issym() or member.islnk() else OTHER
            yield member.name, File(PurePosixPath(), member.mtime, partial(stream, member), why)


def _unpacked(opener: Callable) -> BinaryIO:
    """The tar in what may be packed, as a stream."""
    stream = tarfile.open(fileobj=opener(), mode="r:*").fileobj  # noqa: SIM115 (it is handed on)
    stream.seek(0)
    return stream


def _copied(stream: Callable) -> BinaryIO:
    """A copy of what a stream gives, that can be read here and there."""
    whole = _copy(stream)
    whole.seek(0)
    return os.fdopen(os.dup(whole.fileno()), "rb")


@functools.lru_cache(maxsize=4)  # a class's archives cannot all be open at a time
def _copy(stream: Callable) -> BinaryIO:
    """A file without a name that holds what a stream gives. Raises ValueError: that is too much."""
    whole = tempfile.TemporaryFile()  # noqa: SIM115 (it is handed on)
    with stream() as source:
        while part := source.read(1 << 20):
            whole.write(part)
            if whole.tell() > MOST_UNPACKED:
                raise ValueError(f"unpacked it is more than {MOST_UNPACKED >> 30} GB")
    whole.flush()
    return whole
