"""What a student handed in -> the code in it and the texts beside it; nothing else is kept.

Trusted side. A notebook may be in any state: of an older format, without metadata, saved by a
tool that bends the rules. Whatever cannot be read is :class:`Refused` with a sentence.
"""

import json
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 32 * 2**20  # of a notebook; a byte more is read, so that the excess is seen
MOST_LETTERS = 20_000  # of one answer in words
# Characters that rearrange a line, so that a name would read as another.
_REORDER = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


class Refused(Exception):
    """A submission that cannot be graded; the message says why, in a sentence for the student."""


@dataclass(frozen=True)
class Submission:
    """``cells``: whether it is code, and its source, of every cell in order."""

    cells: tuple[tuple[bool, str], ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The code cells."""
        return tuple(source for is_code, source in self.cells if is_code)


def opened(file: Path) -> BinaryIO:
    """A regular file as a stream.

    Raises:
        OSError: it cannot be opened, or is a link: it may be another file than was looked at.
        ValueError: it is a folder, a pipe or the like.
    """
    return open(file, "rb", opener=_regular)


def content_of(opener: Callable[[], BinaryIO]) -> bytes:
    """What is in a file; at most one byte more than a notebook may have."""
    with opener() as stream:
        return stream.read(MOST_BYTES + 1)


def _regular(file: Path, flags: int) -> int:
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(file, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{file} is no regular file (a folder, a pipe); expected .ipynb.")
    return descriptor


def parse(content: bytes) -> Submission:
    """The code and the texts of an ``.ipynb`` of notebook format 3 or 4.

    Raises:
        Refused: it is not a notebook.
    """
    cells = []
    for cell in cells_of(content):
        source, is_code = text_of(cell, "source", "input"), cell.get("cell_type") == "code"
        cells.append((is_code, source if is_code else source[:MOST_LETTERS]))
    if not any(is_code and source.strip() for is_code, source in cells):
        raise Refused("There is no code in this notebook.")
    return Submission(tuple(cells))


def cells_of(content: bytes) -> list[dict]:
    """The cells of a notebook as they were saved, in any form. Raises Refused: it has none."""
    notebook = _json(content)
    notebook = notebook if isinstance(notebook, dict) else {}
    if {"url", "doc_id"} & notebook.keys():
        raise Refused(
            "It is only a link to a file in Google Drive. Open it in Colab, choose File, Download, "
            "Download .ipynb, and hand in that file."
        )
    parts = [notebook]
    if not isinstance(notebook.get("cells"), list):  # notebook format 3
        parts = dicts_in(notebook, "worksheets")
    cells = [cell for part in parts for cell in dicts_in(part, "cells")]
    if not cells:
        raise Refused("It is not a notebook, or an empty one: it has no cells.")
    return cells


def dicts_in(node: dict, key: str) -> list[dict]:
    """The dictionaries in the list of that name; of another form there are none."""
    found = node.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def printable(text: str, keep: str = "") -> str:
    """One form of each letter, always UTF-8; what steers a terminal or a page is written out."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter not in keep
        and (unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _REORDER)
        else letter
        for letter in unicodedata.normalize("NFC", text)
    )


def _json(content: bytes):
    if len(content) > MOST_BYTES:
        raise Refused(
            f"It has {len(content) / 2**20:.0f} MB; at most {MOST_BYTES // 2**20} MB are read. "
            "Clear the outputs (Edit, Clear Outputs of All Cells) and save again."
        )
    if not content.strip(b"\0 \t\r\n"):
        raise Refused("The file is empty.")
    try:
        text = content.decode(
            "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "replace"
        )
        return json.loads(text, parse_int=_integer)
    except RecursionError:
        raise Refused("It is nested too deeply for a notebook.") from None
    except json.JSONDecodeError as problem:
        raise Refused(f"It is not a notebook: {_what_it_is(content, problem)}") from None


# How files begin that are handed in under a notebook's name, and what to do about it.
_OTHER_FILES = {
    rb"<": "it is a web page that was saved under its name. Save the file itself: on GitHub with "
    "Raw or Download, in Colab with File, Download, Download .ipynb.",
    rb"%PDF": "it is a PDF. Hand in the .ipynb from which it was made.",
    rb"PK": "it is a zip or an office document. Hand in the .ipynb itself.",
    rb"\x89PNG|\xff\xd8": "it is a picture. Hand in the .ipynb itself.",
    rb"\{\\rtf": "a word processor has saved it as RTF. Download the .ipynb anew and do not open "
    "it with a word processor.",
    rb"(#|import |from |def |\"\"\")": "it is a Python file. Hand in the .ipynb.",
}


def _what_it_is(content: bytes, problem: json.JSONDecodeError) -> str:
    for start, said in _OTHER_FILES.items():
        if re.match(start, content.lstrip(b"\xef\xbb\xbf \t\r\n")):
            return said
    if re.search(rb"^(<<<<<<<|>>>>>>>) ", content, re.MULTILINE):
        return (
            "it holds the marks of a merge conflict (<<<<<<<). Take one of the two versions (git "
            "checkout --ours FILE, or --theirs), look at it in JupyterLab and hand it in again."
        )
    at = f"line {problem.lineno}"
    if problem.pos >= len(problem.doc.rstrip()) - 1 or "Unterminated" in problem.msg:
        return (
            f"it breaks off ({at}), as a file does that was cut off while copying. Copy or "
            "download it again from where it is whole, and hand it in again."
        )
    return (
        f"its text is not the JSON that notebooks are saved in ({at}). Was it edited by hand? Hand "
        "in the file as JupyterLab or Colab saves it."
    )


def _integer(digits: str) -> int:
    """No number of a notebook is long; a long one takes for ever to read."""
    return int(digits) if len(digits) < 20 else 0


def text_of(node: dict, *keys: str) -> str:
    """The text under the first of the keys that is there, whole or in lines; else nothing."""
    source = next((node[key] for key in keys if key in node), "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    # half a surrogate pair, which JSON can hold, is no text that Python can compile or print
    return source.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\0", "")
