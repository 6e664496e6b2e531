"""Take README's figure out of the executed section 04: ``python .github/figure.py``."""

import base64
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notebooks" / "04_one_layer_one_template.ipynb"
TARGET = ROOT / ".github" / "figure.png"


def picture() -> bytes:
    """The PNG with the accuracy of three networks, trained in the middle and with shifts."""
    found = re.search(
        r'alt=\\"Accuracy trained in the middle.*?base64,([^"\\]+)', SOURCE.read_text("utf-8")
    )
    return base64.b64decode(found[1])


if __name__ == "__main__":
    TARGET.write_bytes(picture())
