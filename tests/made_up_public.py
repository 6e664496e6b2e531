"""The part of the made-up assignment that runs beside student code; it knows no answer."""

import numpy as np


def use_scaler(function, factor, x):
    """Make two scalers and use both: they must not share anything."""
    one, other = function(factor), function(-factor)
    return {"one": one(x), "other": other(x), "again": one(np.ones(3))}
