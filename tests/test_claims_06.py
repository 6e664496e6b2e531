"""What section 06 claims about learned things holds whatever the seed: the notebook, run anew."""

import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "text" / "06_backbone_and_heads.py"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_assertions_hold(seed, tmp_path):
    """E16: three heads, baselines, place from the border, frozen backbone, two objects."""
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert text.count("\nSEED = 0\n") == 1
    script = tmp_path / "claims.py"
    script.write_text(text.replace("\nSEED = 0\n", f"\nSEED = {seed}\n"), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-3000:]
