"""Helpers of the computer-vision workbook; each module's docstring says which sections use it.

``import cv_course`` is instant and imports no torch: submodules load when they are first named.
"""

import importlib

__version__ = "0.1.0"
_MODULES = (
    "attribution",
    "checks",
    "convolution",
    "data",
    "explore",
    "faces",
    "features",
    "film",
    "figures",
    "follow",
    "layers",
    "models",
    "nearest",
    "networks",
    "perturb",
    "plots",
    "receptive",
    "renderer",
    "scale",
    "scenes",
    "speed",
    "training",
)


def __getattr__(name: str):
    if name == "preview":  # of an assignment, before it is handed in
        return importlib.import_module(f"{__name__}.grading.preview").preview
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {list(_MODULES)}")


def __dir__():
    return [*globals(), *_MODULES, "preview"]
