"""What a student handed in -> the code in it and the texts beside it; nothing else is kept.

Trusted side. A notebook may be in any state: of an older format, without metadata, saved by a
tool that bends the rules. Whatever cannot be read is :class:`Refused` with a sentence.
"""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 32 * 2**20
MOST_LETTERS = 20_000  # of one answer in words


class Refused(Exception):
    """A submission that cannot be graded; the message says why, in a sentence for the student."""


@dataclass(frozen=True)
class Submission:
    """``sources`` of the code cells in their order; ``texts`` of the other cells."""

    sources: tuple[str, ...]
    texts: tuple[str, ...]


def read_file(path: Path | str) -> bytes:
    """The bytes of a regular file of at most 32 MB; links are not followed, pipes not waited for.

    Raises:
        Refused: it is no such file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as problem:
        raise Refused(_why_closed(path, problem)) from None
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise Refused("It is not a regular file.")
    with os.fdopen(handle, "rb") as file:
        if about.st_size > MOST_BYTES:
            raise Refused(_too_large(about.st_size))
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Refused(_too_large(len(content)))
    return content


def parse(content: bytes) -> Submission:
    """The code and the texts of an ``.ipynb`` of notebook format 3 or 4.

    Raises:
        Refused: it is not a notebook.
    """
    sources, texts = [], []
    for cell in _cells(_json(content)):
        source = _text(cell.get("source", cell.get("input")))
        if cell.get("cell_type") == "code":
            sources.append(source)
        else:
            texts.append(source[:MOST_LETTERS])
    if not any(source.strip() for source in sources):
        raise Refused("There is no code in this notebook.")
    return Submission(tuple(sources), tuple(texts))


def _why_closed(path, problem: Exception) -> str:
    if os.path.islink(path):
        return "It is a symbolic link; hand in the file itself."
    if isinstance(problem, FileNotFoundError):
        return "There is no such file."
    return f"It cannot be opened ({type(problem).__name__})."


def _too_large(size: int) -> str:
    return (
        f"It has {size / 2**20:.0f} MB; at most {MOST_BYTES // 2**20} MB are read. "
        "Clear the outputs (Edit, Clear Outputs of All Cells) and save again."
    )


def _json(content: bytes):
    if len(content) > MOST_BYTES:
        raise Refused(_too_large(len(content)))
    if not content.strip(b"\0 \t\r\n"):
        raise Refused("The file is empty.")
    try:
        return json.loads(_decode(content), parse_int=_integer)
    except RecursionError:
        raise Refused("It is nested too deeply for a notebook.") from None
    except json.JSONDecodeError as problem:
        raise Refused(
            "It is not a notebook: its text is not the JSON that notebooks are saved in "
            f"(line {problem.lineno}). A file cut off while copying looks like this; open it in "
            "JupyterLab or Colab, save it and hand it in again."
        ) from None


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def _integer(digits: str) -> int:
    """No number of a notebook is long; a long one takes for ever to read."""
    return int(digits) if len(digits) < 20 else 0


def _cells(notebook) -> list[dict]:
    if not isinstance(notebook, dict):
        raise Refused("It is not a notebook: it has no cells.")
    found = notebook.get("cells")
    if not isinstance(found, list):  # notebook format 3
        sheets = notebook.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        parts = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        found = [cell for part in parts if isinstance(part, list) for cell in part]
    cells = [cell for cell in found if isinstance(cell, dict)]
    if not cells:
        raise Refused("It is not a notebook, or an empty one: it has no cells.")
    return cells


def _text(source) -> str:
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    # half a surrogate pair, which JSON can hold, is no text that Python can compile or print
    return source.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\0", "")
