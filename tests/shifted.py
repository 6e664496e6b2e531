"""Run a text notebook with other seeds than its own: ``python shifted.py TEXT BY EDITS``.

Every seed, in the notebook as in the package, is larger by ``BY``: other first weights, orders,
draws and scenes. ``EDITS``, in JSON, loosen what is asserted of the stored run.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

text, by, edits = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
true_seed, true_rng = torch.manual_seed, np.random.default_rng


class Generator(torch.Generator):
    def manual_seed(self, seed):
        return super().manual_seed(seed + by)


torch.Generator = Generator
torch.manual_seed = lambda seed: true_seed(seed + by)
np.random.default_rng = lambda seed: true_rng(seed + by if isinstance(seed, int) else seed)
source = text.read_text(encoding="utf-8")
for old, new in edits.items():
    source = source.replace(old, new)
exec(compile(source, text, "exec"), {"__name__": "__main__"})
