"""A student's own figures, from what the notebook saved: as fresh PNGs, or not at all."""

import base64
import contextlib
import io
import itertools
from collections.abc import Iterator

from cv_course.assignments.read import Refused, cells_of, dicts_in, text_of

MOST = 12  # figures of one notebook
MOST_BYTES = 4 * 2**20  # of one figure as it was saved
MOST_PIXELS = 16_000_000
WIDTH, HEIGHT = 640, 800  # what they are shrunk to


def own(content: bytes) -> list[str]:
    """The figures of a notebook as base64 of PNGs that were written anew, without metadata.

    They are pictures of what the student saw, not of what the grader ran. What is damaged, huge
    or no PNG is left out, as is everything of a file that is no notebook.
    """
    fresh = filter(None, map(_fresh, _saved(content)))
    return list(itertools.islice(fresh, MOST))


def _saved(content: bytes) -> Iterator[str]:
    with contextlib.suppress(Refused):
        for cell in cells_of(content):
            for output in dicts_in(cell, "outputs"):
                data = output.get("data")
                picture = text_of(data, "image/png") if isinstance(data, dict) else ""
                if 0 < len(picture) <= MOST_BYTES * 4 // 3:
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
    except Exception:  # what is damaged raises errors of a dozen kinds
        return None
    return base64.b64encode(stream.getvalue()).decode()
