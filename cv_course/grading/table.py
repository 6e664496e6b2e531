"""CSV that a spreadsheet opens and does not run."""

import csv
import io
from collections.abc import Iterable, Sequence

_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def rows_as_csv(rows: Iterable[Sequence]) -> str:
    """Rows as CSV with a byte-order mark, without which Excel spoils every name beyond ASCII."""
    stream = io.StringIO()
    csv.writer(stream).writerows([harmless(cell) for cell in row] for row in rows)
    return "\ufeff" + stream.getvalue()


def harmless(cell):
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if isinstance(cell, str) and cell.lstrip(" \u00a0\ufeff").startswith(_RUNS):
        return f"'{cell}"
    return cell


def plain(cell: str) -> str:
    """What ``harmless`` was given."""
    return cell[1:] if cell.startswith("'") and harmless(cell[1:]) == cell else cell
