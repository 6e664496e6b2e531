"""Take README's figure out of the executed section 00: ``python .github/figure.py``."""

import base64
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notebooks" / "00_start_here.ipynb"
TARGET = ROOT / ".github" / "figure.png"


def picture() -> bytes:
    """The PNG with two photographs, their changes, and what a network sees in them."""
    found = re.search(
        r'alt=\\"Six images with what a network sees.*?base64,([^"\\]+)', SOURCE.read_text("utf-8")
    )
    return base64.b64decode(found[1])


if __name__ == "__main__":
    TARGET.write_bytes(picture())
