"""Run a text notebook with other seeds than its own: ``python shifted.py TEXT BY [ASSERTION …]``.

Every seed, in the notebook as in the package, is larger by ``BY``: other first weights, orders,
draws and scenes. Assertions that hold one of the words ``ASSERTION`` are left out.
"""

import ast
import sys
from pathlib import Path

import numpy as np
import torch

text, by, *of_one_seed = sys.argv[1:]
true_seed, true_rng = torch.manual_seed, np.random.default_rng


class Generator(torch.Generator):
    def manual_seed(self, seed):
        return super().manual_seed(seed + int(by))


class WithoutSome(ast.NodeTransformer):
    def visit_Assert(self, node):
        left_out = any(word in ast.unparse(node) for word in of_one_seed)
        return ast.copy_location(ast.Pass(), node) if left_out else node


torch.Generator = Generator
torch.manual_seed = lambda seed: true_seed(seed + int(by))
np.random.default_rng = lambda seed: true_rng(seed + int(by) if isinstance(seed, int) else seed)
tree = WithoutSome().visit(ast.parse(Path(text).read_text(encoding="utf-8")))
exec(compile(tree, text, "exec"), {"__name__": "__main__"})
