"""Before torch is imported: two workers with all cores each would wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
