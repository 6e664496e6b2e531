"""Helpers of the computer-vision workbook; each module's docstring says which sections use it.

``import cv_course`` is instant and imports no torch: submodules load when they are first named.
"""

import importlib
import pkgutil

__version__ = "0.1.0"


def __getattr__(name: str):
    if name == "preview":  # of an assignment, before it is handed in
        return importlib.import_module(f"{__name__}.assignments.preview").preview
    if name in _modules():
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {_modules()}")


def __dir__():
    return [*globals(), *_modules(), "preview"]


def _modules() -> list[str]:
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in names if not name.startswith("_")]
