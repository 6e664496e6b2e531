"""Take README's figure out of the executed section 04: ``python .github/figure.py``."""

import base64
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notebooks" / "04_one_layer_one_template.ipynb"
TARGET = ROOT / ".github" / "figure.png"


def picture() -> bytes:
    """The PNG with the accuracy of three classifiers under shifts, sizes and hidden parts."""
    found = re.search(
        r'alt=\\"Test accuracy of three classifiers.*?base64,([^"\\]+)', SOURCE.read_text("utf-8")
    )
    return base64.b64decode(found[1])


if __name__ == "__main__":
    TARGET.write_bytes(picture())
