"""A student's own figures, from what the notebook saved: as fresh PNGs, or not at all."""

import base64
import binascii
import io
import json
from collections.abc import Iterator

MOST = 12  # figures of one notebook
MOST_BYTES = 4 * 2**20  # of one figure as it was saved
MOST_PIXELS = 16_000_000
WIDTH, HEIGHT = 640, 800  # what they are shrunk to


def own(content: bytes) -> list[str]:
    """The figures of a notebook as base64 of PNGs that were written anew, without metadata.

    They are pictures of what the student saw, not of what the grader ran. What is damaged, huge
    or no PNG is left out, as is everything of a file that is no notebook.
    """
    figures = []
    for saved in _saved(content):
        if len(figures) == MOST:
            break
        if (fresh := _fresh(saved)) is not None:
            figures.append(fresh)
    return figures


def _saved(content: bytes) -> Iterator[str]:
    try:
        notebook = json.loads(content)
        cells = notebook["cells"] if isinstance(notebook, dict) else []
    except (ValueError, KeyError, RecursionError):
        return
    for cell in cells if isinstance(cells, list) else []:
        outputs = cell.get("outputs") if isinstance(cell, dict) else None
        for output in outputs if isinstance(outputs, list) else []:
            data = output.get("data") if isinstance(output, dict) else None
            picture = data.get("image/png") if isinstance(data, dict) else None
            if isinstance(picture, list):
                picture = "".join(part for part in picture if isinstance(part, str))
            if isinstance(picture, str) and len(picture) <= MOST_BYTES * 4 // 3:
                yield picture


def _fresh(saved: str) -> str | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(saved)), formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            picture.load()
            picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        picture = white.convert("RGB")
        picture.thumbnail((WIDTH, HEIGHT))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
    except (
        binascii.Error,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        Image.DecompressionBombError,
    ):
        return None
    return base64.b64encode(stream.getvalue()).decode()
