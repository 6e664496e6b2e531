"""What lies in folders, zips and tars, as files that can be read one at a time.

Nothing is trusted: no link is followed, nothing is unpacked to disk, nothing is read before its
turn, and never more of it than a notebook may weigh.
"""

import bz2
import gzip
import lzma
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
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from cv_course.assignments.read import MOST_BYTES

MOST_UNPACKED = 2 * 2**30  # of an archive inside another, or of a tar
MOST_FILES = 20_000
DEPTH, ARCHIVED = 12, 4  # folders in one another; an archive counts as so many
LINK, FOLDER = "a link, and links are not followed", "a folder, not a file"
OTHER, DEEP = "neither a file nor a folder", "too deep inside other folders"

NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
PEOPLE = "submission_metadata.yml"  # Gradescope's list of names
_CLOSED = re.compile(r"\.(7z|rar|gz|bz2|xz|z)$", re.IGNORECASE)
_LITTER = re.compile(r"__MACOSX|\.ipynb_checkpoints|\.DS_Store|Thumbs\.db|desktop\.ini|\._.*", re.I)
_PACKED = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class File:
    """A regular file; ``path`` is below what was given, is untrusted, and is never opened."""

    path: PurePosixPath
    when: float
    read: Callable[[], bytes]


Found = File | tuple[PurePosixPath, str]  # a file, or what is none and why


def walk(
    source: Path, below: PurePosixPath, code_page: str, follow: bool = True
) -> Iterator[Found]:
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
        yield _entry(source, below / source.name, status)


def read(file: Path) -> bytes:
    """The content of a regular file; what has become a link or a pipe meanwhile is refused."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(file, flags | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        return stream.read(MOST_BYTES + 1)


def _folder(folder: Path, below: PurePosixPath, code_page: str, depth: int) -> Iterator[Found]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as problem:
        yield below, f"cannot be opened: {problem.strerror}"
        return
    for entry in entries:
        path = below / entry.name
        if _LITTER.fullmatch(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if NOTEBOOK.search(entry.name):
                yield path, FOLDER
            elif depth == 0:
                yield path, DEEP
            else:
                inside = list(_folder(Path(entry.path), path, code_page, depth - 1))
                yield from inside or [(path, "an empty folder")]
        elif ARCHIVE.search(entry.name) and entry.is_file(follow_symlinks=False):
            opener = partial(open, entry.path, "rb")
            yield from _inner(opener, path, code_page, depth - ARCHIVED)
        else:
            yield _entry(Path(entry.path), path, entry.stat(follow_symlinks=False))


def _entry(file: Path, path: PurePosixPath, status: os.stat_result) -> Found:
    if stat.S_ISLNK(status.st_mode):
        return path, LINK
    if not stat.S_ISREG(status.st_mode):
        return path, OTHER
    return _wanted(path) or File(path, status.st_mtime, partial(read, file))


def _wanted(path: PurePosixPath) -> tuple[PurePosixPath, str] | None:
    """Why a regular file is not read; None where it may be one that is looked for."""
    if NOTEBOOK.search(path.name) or path.name == PEOPLE:
        return None
    if _CLOSED.search(path.name):
        return path, "an archive of a kind that is not read (.zip and .tar.gz are); unpack it first"
    return path, "not a notebook (its name does not end in .ipynb)"


# Archives ---------------------------------------------------------------------------------------


def _inner(opener: Callable, path: PurePosixPath, code_page: str, depth: int) -> Iterator[Found]:
    """An archive in a folder or in another archive: a folder of its own name."""
    folder = path.with_name(ARCHIVE.sub("", path.name) or path.name)
    if depth <= 0:
        yield path, DEEP
        return
    try:
        yield from list(_archive(opener, folder, code_page, depth)) or [(path, "an empty archive")]
    except (OSError, ValueError) as problem:
        yield path, str(problem)


def _archive(opener: Callable, below: PurePosixPath, code_page: str, depth: int) -> Iterator[Found]:
    """``opener`` () -> the archive, opened anew.

    Raises:
        ValueError: it cannot be read, or holds more than any class hands in.
    """
    try:
        with opener() as file:
            if zipfile.is_zipfile(file):
                members = list(_zip_members(opener, code_page))
            else:
                opener = _unpacked(opener)
                members = list(_tar_members(opener))
    except _UNREADABLE as problem:
        raise ValueError(f"no zip file or tar file that is whole ({problem})") from None
    if len(members) > MOST_FILES:
        raise ValueError(f"{len(members):,} members; no class hands in so many")
    last = {name: number for number, (name, *_) in enumerate(members)}
    for number, (name, reason, when, stream) in enumerate(members):
        inside = PurePosixPath(name.replace("\\", "/"))
        path = below / inside
        if any(_LITTER.fullmatch(part) for part in inside.parts):
            continue
        if inside.is_absolute() or ".." in inside.parts or re.match("[A-Za-z]:", name):
            yield PurePosixPath(name), "its name points outside the archive"
        elif reason:
            yield path, reason
        elif last[name] != number:
            yield path, "there is a later member of this name, which counts"
        elif len(inside.parts) > depth + 1:
            yield path, DEEP
        elif ARCHIVE.search(inside.name):
            yield from _inner(partial(_copied, stream), path, code_page, depth - ARCHIVED)
        else:
            yield _wanted(path) or File(path, when, partial(_member, stream))


def _zip_members(opener: Callable, code_page: str) -> Iterator[tuple]:
    """(name, why it is not read, time, () -> its stream)."""
    with opener() as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()

    def stream(member):
        return zipfile.ZipFile(opener()).open(member)

    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        name = _zip_name(member, code_page)
        if member.is_dir() or name.endswith(("/", "\\")):
            continue
        reason = {stat.S_IFLNK: LINK, 0: None, stat.S_IFREG: None}.get(kind, OTHER)
        if member.flag_bits & 0x1:
            reason = reason or "encrypted"
        try:
            when = time.mktime((*member.date_time, 0, 0, -1))
        except (OverflowError, ValueError):
            when = 0.0
        yield name, reason, when, partial(stream, member)


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


def _tar_members(opener: Callable) -> Iterator[tuple]:
    with opener() as file, tarfile.open(fileobj=file, mode="r:") as archive:
        members = archive.getmembers()

    def stream(member):
        return tarfile.open(fileobj=opener(), mode="r:").extractfile(member)

    for member in members:
        if not member.isdir():
            reason = None if member.isreg() else LINK if member.issym() or member.islnk() else OTHER
            yield member.name, reason, float(member.mtime), partial(stream, member)


def _unpacked(opener: Callable) -> Callable:
    """An opener of the tar in what may be packed; it is unpacked once, to a file without a name."""
    with opener() as file:
        start = file.read(6)
    unpack = next((one for head, one in _PACKED.items() if start.startswith(head)), None)
    if unpack is None:
        return opener
    plain = _copied(lambda: unpack(opener()))

    def again():
        plain.seek(0)
        return os.fdopen(os.dup(plain.fileno()), "rb")

    return again


def _copied(stream: Callable):
    """A file without a name that holds what a stream gives, unless that is too much."""
    whole = tempfile.TemporaryFile()  # noqa: SIM115 (it is handed on)
    with stream() as source:
        while part := source.read(1 << 20):
            whole.write(part)
            if whole.tell() > MOST_UNPACKED:
                raise ValueError(f"unpacked it is more than {MOST_UNPACKED >> 30} GB")
    whole.seek(0)
    return whole


def _member(stream: Callable) -> bytes:
    try:
        with stream() as source:
            return source.read(MOST_BYTES + 1)
    except Exception as problem:  # zlib and lzma raise errors of their own
        raise ValueError(f"damaged in the archive: {type(problem).__name__}: {problem}") from None
