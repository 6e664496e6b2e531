"""Assignment A2: what its functions are tried on; texts and points are in ``a2.toml``."""

import numpy as np

from cv_course.assignments.question import AFTER, Case, again, asked, cases, parts, table

_SAID = table(__name__)["said"]["separate"]
_REMEMBER = "other numbers than in the call before (remember nothing)"


# --- conv2d --------------------------------------------------------------------------------------


def _bytes(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def _whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-9, 10, shape, dtype=np.int32)


def _images_and_filters(rng: np.random.Generator):
    def drawn(images, filters, bias=1):
        sizes = images, filters, filters[0]
        x, w, b = (rng.normal(size=size).astype(np.float32) for size in sizes)
        return x, w, bias * b

    small = np.array([[0.0, 1, 2, 0], [3, 0, 1, 4], [0, 2, 0, 5]])[None, None]
    w = np.array([[1.0, 0], [2, -3]])[None, None]
    plain = drawn((1, 1, 5, 8), (1, 1, 3, 2), bias=0)
    others, before = (drawn((2, 2, 5, 7), (4, 2, 3, 3)) for _ in range(2))
    _, *filters = drawn((1, 2, 5, 6), (3, 2, 2, 3))
    whole = (  # whole numbers, so that the stored answer is small
        rng.integers(0, 4, (8, 16, 32, 32)).astype(np.float32),
        rng.integers(-1, 2, (32, 16, 3, 3)).astype(np.float32),
        rng.integers(-9, 10, 32).astype(np.float32),
    )
    speed = "eight images of 16 channels and 32 x 32 pixels, 32 filters of 3 x 3, in time"
    fit = "stride 3 on 8 x 11 pixels, filters of 3 x 2: the last window must fit"
    plainly, sums, padding, stride = "cross-correlation", "channels and bias", "padding", "stride"
    one, many = drawn((1, 2, 6, 4), (3, 2, 1, 1)), drawn((2, 3, 5, 7), (4, 3, 3, 3))
    return cases(
        (plainly, "a picture of 3 x 4 pixels, a kernel of 2 x 2, no bias", small, w, np.zeros(1)),
        (plainly, "a picture of 5 x 8 pixels, a kernel of 3 x 2, no bias", *plain),
        (sums, "two images of three channels, four filters of 3 x 3", *many),
        (sums, _REMEMBER, *others, AFTER, *before),
        (sums, "a single image of two channels, three filters of 1 x 1", *one),
        (sums, "images of bytes, three filters of 2 x 3", _bytes(rng, 2, 2, 5, 6), *filters),
        (sums, "images of whole numbers (int32)", _whole(rng, 2, 2, 5, 6), *filters),
        (padding, "padding 1 for filters of 3 x 3", *drawn((2, 2, 4, 6), (3, 2, 3, 3)), 1, 1),
        (padding, "padding 2 for filters of 3 x 2", *drawn((1, 3, 4, 5), (2, 3, 3, 2)), 1, 2),
        (stride, "stride 2 on 7 x 9 pixels", *drawn((1, 2, 7, 9), (3, 2, 3, 3)), 2, 0),
        (stride, fit, *drawn((2, 2, 8, 11), (3, 2, 3, 2)), 3, 0),
        (stride, "stride 2 and padding 1 on 6 x 9", *drawn((2, 3, 6, 9), (4, 3, 3, 3)), 2, 1),
        ("speed", speed, *whole, 1, 1),
    )


# --- max_pool2d ----------------------------------------------------------------------------------


def _maps(rng: np.random.Generator):
    tiles, overlap, below = "windows", "overlap and gaps", "negative values"
    small = np.array([[1.0, 5, 2, 0, 3, 1], [4, 0, 7, 1, 2, 9]])[None, None]
    negative, taller = rng.random((2, 2, 4, 6)), rng.random((1, 3, 8, 6))
    floor = "two images, three channels, 5 x 8 pixels, windows of 2, stride 2 (floor)"
    gaps = "windows of 2, stride 3 (pixels in between are not looked at), 8 x 11 pixels"
    others, before = rng.random((2, 3, 4, 5)), rng.random((2, 3, 4, 5))
    return cases(
        (tiles, "a map of 2 x 6, windows of 2, stride 2", small, 2, 2),
        (tiles, floor, rng.normal(size=(2, 3, 5, 8)).astype(np.float32) + 3, 2, 2),
        (tiles, "images of bytes, windows of 3, stride 3", _bytes(rng, 1, 2, 7, 9), 3, 3),
        (tiles, "whole numbers (int32), windows of 3, stride 3", _whole(rng, 2, 1, 6, 9), 3, 3),
        (overlap, "windows of 3, stride 2 (they overlap)", rng.random((2, 3, 7, 9)), 3, 2),
        (overlap, "windows of 3, stride 1", rng.random((1, 4, 4, 6), np.float32), 3, 1),
        (overlap, gaps, rng.random((1, 2, 8, 11)), 2, 3),
        (overlap, _REMEMBER, others, 2, 1, AFTER, before, 2, 1),
        (below, "all values are negative, windows of 2", -1 - negative, 2, 2),
        (below, "values of about -10,000, windows of 2", -1e4 - negative, 2, 2),
        (below, "all values are negative, windows of 3, stride 2", -1 - taller, 3, 2),
    )


# --- count_parameters ----------------------------------------------------------------------------


def _layers(rng: np.random.Generator):
    kinds = ("fully_connected", "locally_connected", "conv")
    a, b = int(rng.integers(2, 6)), int(rng.integers(7, 12))
    more = f"{a} channels, {b} maps"
    for one in kinds:
        small = f"{one}: a grey image of 4 x 5, windows of 2 x 3, three maps"
        bare = f"{one} without bias: {more}, windows of 5 x 3, images of 8 x 11"
        yield from cases(
            (one, small, one, 1, 3, (2, 3), 4, 5),
            (one, f"{one}: {more}, windows of 3 x 1, images of 6 x 9", one, a, b, (3, 1), 6, 9),
            (one, f"{one}: {more}, windows of 1 x 2, images of 7 x 3", one, a, b, (1, 2), 7, 3),
            ("without bias", bare, one, a, b, (5, 3), 8, 11, 1, False),
        )
    large = "fully_connected: 64 channels, 128 maps, windows of 3 x 1, images of 112 x 112"
    alexnet = "conv in two groups: 96 channels, 256 maps, windows of 5 x 3"
    many = "conv with as many groups as channels, no bias"
    yield from cases(
        (kinds[0], large, kinds[0], 64, 128, (3, 1), 112, 112),
        ("groups", alexnet, "conv", 96, 256, (5, 3), 31, 31, 2, True),
        ("groups", many, "conv", 6, 12, (3, 2), 10, 8, 6, False),
        ("groups", f"{kinds[0]} in two groups", kinds[0], 2 * a, 2 * b, (2, 4), 7, 6, 2),
        ("groups", f"{kinds[1]} in three groups", kinds[1], 3 * a, 3 * b, (4, 2), 6, 7, 3),
    )


# --- locally_connected2d -------------------------------------------------------------------------


def _images_and_local_filters(rng: np.random.Generator):
    def drawn(count, places, maps, channels, kernel, stride=1, bias=True):
        rows, columns = places
        size = [(side - 1) * stride + kernel for side in places]
        w = rng.normal(size=(rows, columns, maps, channels, kernel, kernel)).astype(np.float32)
        b = rng.normal(size=(rows, columns, maps)).astype(np.float32) * bias
        return rng.normal(size=(count, channels, *size)).astype(np.float32), w, b

    small = np.array([[1.0, 2, 4], [2, 3, 1]])[None, None]
    w, b = np.array([1.0, -2, 3, 2, 5, -1]).reshape(2, 3, 1, 1, 1, 1), np.zeros((2, 3, 1))
    two, one = drawn(2, (3, 4), 5, 3, 2, bias=False), drawn(1, (4, 2), 3, 2, 3, bias=False)
    others, before = (drawn(2, (3, 4), 4, 3, 2, bias=False) for _ in range(2))
    _, *filters = drawn(1, (2, 4), 3, 2, 2)
    return cases(
        ("weights", "a picture of 2 x 3 pixels, windows of a single pixel, no bias", small, w, b),
        ("weights", "two images, 3 x 4 places, five maps, no bias", *two),
        ("weights", _REMEMBER, *others, AFTER, *before),
        ("weights", "a single image, 4 x 2 places, windows of 3 x 3, no bias", *one),
        ("bias", "3 x 2 places, a bias at each", *drawn(2, (3, 2), 4, 2, 3)),
        ("bias", "a single place: the window is the image", *drawn(3, (1, 1), 4, 2, 3)),
        ("bias", "images of bytes, 2 x 4 places", _bytes(rng, 2, 2, 3, 5), *filters),
        ("bias", "images of whole numbers (int32)", _whole(rng, 2, 2, 3, 5), *filters),
        ("stride", "stride 2, windows of 3 x 3", *drawn(2, (2, 3), 4, 3, 3, stride=2), 2),
        ("stride", "stride 3, windows of 2 x 2", *drawn(1, (3, 2), 2, 3, 2, stride=3), 3),
    )


# --- separate ------------------------------------------------------------------------------------


def _kernels(rng: np.random.Generator):
    bell = np.exp(-((np.arange(7) - 3.0) ** 2) / 4)
    down, right = np.mgrid[-4:5, -4:5]
    waves = np.cos(down + right) * np.exp(-(down**2 + right**2) / 12)
    sobel, product = np.outer([1.0, 2, 1], [-1.0, 0, 1]), np.outer(*map(rng.random, (5, 9)))
    return cases(
        ("exact", "Sobel's 3 x 3 kernel, 6 numbers", sobel, 6),
        ("exact", "a blur of 7 x 7, 14 numbers", np.outer(bell, bell), 14),
        ("exact", "one product of 5 x 9, 20 numbers", product, 20),
        ("exact", "waves on a diagonal, 9 x 9, 40 numbers", waves, 40),
        ("within the budget", "a kernel of 7 x 7, 45 numbers", rng.normal(size=(7, 7)), 45),
        ("within the budget", "a kernel of 6 x 11, 40 numbers", rng.normal(size=(6, 11)), 40),
        ("numbers to spare", "a kernel of 4 x 6, 500 numbers", rng.normal(size=(4, 6)), 500),
    )


def _two_parts(function, kernel, numbers):
    return parts(function(kernel, numbers), ["columns", "rows"])


def _judge_separate(case: Case, answers: dict[str, np.ndarray]):
    (kernel, numbers), columns, rows = case.arguments, answers["columns"], answers["rows"]
    for name, part, side in (("columns", columns, 0), ("rows", rows, 1)):
        length = kernel.shape[side]
        if part.ndim != 2 or part.shape[1] != length:
            told = [_SAID["turned"]] if part.T.shape[1:] == (length,) else []
            yield [f"{name}: expected shape (R, {length}), got {part.shape}.", *told]
    if len(columns) != len(rows):
        yield [_SAID["pairs"].format(len(columns), len(rows))]
    spent, most = columns.size + rows.size, numbers // sum(kernel.shape)
    if spent > numbers:
        yield [_SAID["dear"].format(len(rows), spent, numbers, most)]
    size, least = np.linalg.norm(kernel), _least_error(kernel, most)
    error = np.linalg.norm(kernel - columns.T @ rows)
    if error > 1.05 * least + 0.01 * size:
        far = _SAID["far"].format(error / size, numbers, least / size)
        yield [far, _SAID[_why_far(kernel, columns, rows, most)].format(len(rows), most)]


def _least_error(kernel: np.ndarray, pairs: int) -> float:
    return float(np.sqrt((np.linalg.svd(kernel, compute_uv=False)[pairs:] ** 2).sum()))


def _why_far(kernel: np.ndarray, columns: np.ndarray, rows: np.ndarray, most: int) -> str:
    """What explains it: something else done with the same pairs would be near enough."""
    size, count = np.linalg.norm(kernel), len(rows)

    def fits(one: np.ndarray, pairs: int = min(count, most)) -> bool:
        least = 1.05 * _least_error(kernel, pairs) + 0.01 * size
        return one.shape == kernel.shape and bool(np.linalg.norm(kernel - one) <= least)

    products = np.einsum("rh,rw->rhw", columns, rows).reshape(count, -1)
    sizes = np.linalg.lstsq(products.T, kernel.ravel(), rcond=None)[0]
    best_rows = np.linalg.lstsq(columns.T, kernel, rcond=None)[0]
    signs = {
        "few": count < most and fits(columns.T @ rows, count),
        "sizes": fits((sizes @ products).reshape(kernel.shape)),
        "rows": fits(columns.T @ best_rows, most),
        "exchanged": fits(rows.T @ columns),
        "last": np.linalg.norm(columns.T @ best_rows) < 0.4 * size,
    }
    return next((name for name, there in signs.items() if there), "guess")


ASKED = asked(
    __name__,
    conv2d={"cases": _images_and_filters, "collect": again},
    max_pool2d={"cases": _maps, "collect": again},
    count_parameters={"cases": _layers},
    locally_connected2d={"cases": _images_and_local_filters, "collect": again},
    separate={"cases": _kernels, "collect": _two_parts, "judge": _judge_separate},
)
