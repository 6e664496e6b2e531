"""What a student handed in -> the code in it and the texts beside it; nothing else is kept.

Trusted side. A notebook may be in any state: of an older format, without metadata, saved by a
tool that bends the rules. Whatever cannot be read is :class:`Refused` with a sentence.
"""

import json
import re
from dataclasses import dataclass

MOST_BYTES = 32 * 2**20  # of a notebook; a byte more is read, so that the excess is seen
MOST_LETTERS = 20_000  # of one answer in words


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


def parse(content: bytes) -> Submission:
    """The code and the texts of an ``.ipynb`` of notebook format 3 or 4.

    Raises:
        Refused: it is not a notebook.
    """
    cells = []
    for cell in _cells(_json(content)):
        source, is_code = _text(cell.get("source", cell.get("input"))), _is_code(cell)
        cells.append((is_code, source if is_code else source[:MOST_LETTERS]))
    if not any(is_code and source.strip() for is_code, source in cells):
        raise Refused("There is no code in this notebook.")
    return Submission(tuple(cells))


def _is_code(cell: dict) -> bool:
    return cell.get("cell_type") == "code"


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


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def _integer(digits: str) -> int:
    """No number of a notebook is long; a long one takes for ever to read."""
    return int(digits) if len(digits) < 20 else 0


def _cells(notebook) -> list[dict]:
    if isinstance(notebook, dict) and {"url", "doc_id"} & notebook.keys():
        raise Refused(
            "It is only a link to a file in Google Drive. Open it in Colab, choose File, Download, "
            "Download .ipynb, and hand in that file."
        )
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
