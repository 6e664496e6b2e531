"""The answers to assignment A2; what usual mistakes change in them is in ``a2.toml``."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cv_course.grading.answers import Keeps, known


def conv2d(x, w, b, stride=1, padding=0):
    F, C, KH, KW = w.shape  # noqa: RUF059 (mistakes need them)
    border = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    padded = np.pad(np.asarray(x, float), border)
    windows = sliding_window_view(padded, (KH, KW), (2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,fcij->nfhw", windows, w, optimize=True)
    return y + b[:, None, None]


def max_pool2d(x, size, stride):
    maps = np.asarray(x, float)
    windows = sliding_window_view(maps, (size, size), (2, 3))[:, :, ::stride, ::stride]
    return windows.max((4, 5))


def count_parameters(
    kind, in_channels, out_channels, kernel_size, height, width, groups=1, bias=True
):
    KH, KW = kernel_size
    rows, columns = height - KH + 1, width - KW + 1
    places = 1 if kind == "conv" else rows * columns
    window = KH * KW
    if kind == "fully_connected":
        window = height * width
    inputs = in_channels // groups * window
    biases = places * out_channels if bias else 0
    return places * out_channels * inputs + biases


def locally_connected2d(x, w, b, stride=1):
    rows, columns, F, C, K, _ = w.shape  # noqa: RUF059 (mistakes need them)
    windows = sliding_window_view(np.asarray(x, float), (K, K), (2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,hwfcij->nfhw", windows[:, :, :rows, :columns], w, optimize=True)
    return y + b.transpose(2, 0, 1)


def _reread(array):
    """The first two axes read in the wrong order, as a reshape would."""
    rows, columns = array.shape[:2]
    return array.swapaxes(0, 1).reshape(rows, columns, *array.shape[2:])


def _exchanged(array):
    """What stands at (j, i), counted column by column."""
    rows, columns = array.shape[:2]
    return array.reshape(columns, rows, *array.shape[2:]).swapaxes(0, 1)


def _wrapped(array):
    """What stands at [j, i], where that is outside counted from the other end."""
    rows, columns = array.shape[:2]
    down, right = np.arange(rows)[:, None], np.arange(columns)
    return array[right % rows, down % columns]


def _border_reused(array):
    rows, columns = (np.minimum(np.arange(side), max(side - 2, 0)) for side in array.shape[:2])
    return array[rows][:, columns]


_conv_kept = Keeps(conv2d, 0, 1, 2)
_conv_kept_w = Keeps(conv2d, 1)
_pool_kept = Keeps(max_pool2d, 0)
_local_kept = Keeps(locally_connected2d, 0, 1, 2)
_local_kept_w = Keeps(locally_connected2d, 1)
REFERENCES, DIAGNOSES = known(__name__)
