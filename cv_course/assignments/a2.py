"""Assignment A2: what its functions are tried on; texts and points are in ``a2.toml``."""

import numpy as np

from cv_course.assignments.question import Case, asked

TITLE = "Convolution"
STEM = "a2_convolution"
MINUTES = 170


# --- conv2d --------------------------------------------------------------------------------------


def _images_and_filters(rng: np.random.Generator):
    def drawn(images, filters):
        return (
            rng.normal(size=images).astype(np.float32),
            rng.normal(size=filters).astype(np.float32),
            rng.normal(size=filters[0]).astype(np.float32),
        )

    x = np.array([[0.0, 1, 2, 0], [3, 0, 1, 4], [0, 2, 0, 5]])[None, None]
    w = np.array([[1.0, 0], [2, -3]])[None, None]
    group = "cross-correlation"
    yield Case("a picture of 3 x 4 pixels, a kernel of 2 x 2, no bias", (x, w, np.zeros(1)), group)
    x, w, b = drawn((1, 1, 5, 8), (1, 1, 3, 2))
    yield Case("a picture of 5 x 8 pixels, a kernel of 3 x 2, no bias", (x, w, 0 * b), group)

    group = "channels and bias"
    case = drawn((2, 3, 5, 7), (4, 3, 3, 3))
    yield Case("two images of three channels, four filters of 3 x 3", case, group)
    case = drawn((2, 3, 5, 7), (4, 3, 3, 3))
    yield Case("other numbers than in the call before (remember nothing)", case, group)
    case = drawn((1, 2, 6, 4), (3, 2, 1, 1))
    yield Case("a single image of two channels, three filters of 1 x 1", case, group)
    _, w, b = drawn((1, 2, 5, 6), (3, 2, 2, 3))
    bytes_ = rng.integers(0, 256, (2, 2, 5, 6), dtype=np.uint8)
    yield Case("images of bytes, three filters of 2 x 3", (bytes_, w, b), group)

    group = "padding"
    case = (*drawn((2, 2, 4, 6), (3, 2, 3, 3)), 1, 1)
    yield Case("padding 1 for filters of 3 x 3", case, group)
    case = (*drawn((1, 3, 4, 5), (2, 3, 3, 2)), 1, 2)
    yield Case("padding 2 for filters of 3 x 2", case, group)

    group = "stride"
    case = (*drawn((1, 2, 7, 9), (3, 2, 3, 3)), 2, 0)
    yield Case("stride 2 on 7 x 9 pixels", case, group)
    case = (*drawn((2, 2, 8, 11), (3, 2, 3, 2)), 3, 0)
    yield Case("stride 3 on 8 x 11 pixels, filters of 3 x 2: the last window must fit", case, group)
    case = (*drawn((2, 3, 6, 9), (4, 3, 3, 3)), 2, 1)
    yield Case("stride 2 and padding 1 on 6 x 9 pixels", case, group)

    whole = (  # whole numbers, so that the stored answer is small
        rng.integers(0, 4, (8, 16, 32, 32)).astype(np.float32),
        rng.integers(-1, 2, (32, 16, 3, 3)).astype(np.float32),
        rng.integers(-9, 10, 32).astype(np.float32),
    )
    about = "eight images of 16 channels and 32 x 32 pixels, 32 filters of 3 x 3, in time"
    yield Case(about, (*whole, 1, 1), "speed")


# --- max_pool2d ----------------------------------------------------------------------------------


def _maps(rng: np.random.Generator):
    small = np.array([[1.0, 5, 2, 0, 3, 1], [4, 0, 7, 1, 2, 9]])[None, None]
    yield Case("a map of 2 x 6, windows of 2, stride 2", (small, 2, 2), "windows")
    yield Case(
        "two images, three channels, 5 x 8 pixels, windows of 2, stride 2 (floor)",
        (rng.normal(size=(2, 3, 5, 8)).astype(np.float32) + 3, 2, 2),
        "windows",
    )
    yield Case(
        "images of bytes, windows of 3, stride 3",
        (rng.integers(0, 256, (1, 2, 7, 9), dtype=np.uint8), 3, 3),
        "windows",
    )
    yield Case(
        "windows of 3, stride 2 (they overlap), 7 x 9 pixels",
        (rng.random((2, 3, 7, 9)), 3, 2),
        "overlap and gaps",
    )
    yield Case(
        "windows of 3, stride 1, 4 x 6 pixels",
        (rng.random((1, 4, 4, 6)).astype(np.float32), 3, 1),
        "overlap and gaps",
    )
    yield Case(
        "windows of 2, stride 3 (pixels in between are not looked at), 8 x 11 pixels",
        (rng.random((1, 2, 8, 11)), 2, 3),
        "overlap and gaps",
    )
    yield Case(
        "maps in which all values are negative, windows of 2, stride 2",
        (-1 - rng.random((2, 2, 4, 6)), 2, 2),
        "negative values",
    )
    yield Case(
        "maps with values of about -10,000, windows of 2, stride 2",
        (-1e4 - rng.random((2, 2, 4, 6)), 2, 2),
        "negative values",
    )
    yield Case(
        "maps in which all values are negative, windows of 3, stride 2, 8 x 6 pixels",
        (-1 - rng.random((1, 3, 8, 6)).astype(np.float32), 3, 2),
        "negative values",
    )


# --- count_parameters ----------------------------------------------------------------------------


def _layers(rng: np.random.Generator):
    kinds = ("fully_connected", "locally_connected", "conv")
    a, b = int(rng.integers(2, 6)), int(rng.integers(7, 12))
    for kind in kinds:
        yield Case(
            f"{kind}: one grey image of 4 x 5, windows of 2 x 2, three maps",
            (kind, 1, 3, 2, 4, 5),
            kind,
        )
        yield Case(
            f"{kind}: {a} channels, {b} maps, windows of 3 x 3, images of 6 x 9",
            (kind, a, b, 3, 6, 9),
            kind,
        )
        yield Case(
            f"{kind}: {a} channels, {b} maps, windows of 1 x 1, images of 7 x 3",
            (kind, a, b, 1, 7, 3),
            kind,
        )
    yield Case(
        "fully_connected: 64 channels, 128 maps, windows of 3 x 3, images of 112 x 112",
        (kinds[0], 64, 128, 3, 112, 112),
        kinds[0],
    )
    for kind in kinds:
        yield Case(
            f"{kind} without bias: {a} channels, {b} maps, windows of 5 x 5, images of 8 x 11",
            (kind, a, b, 5, 8, 11, 1, False),
            "without bias",
        )
    yield Case(
        "conv with groups=2: AlexNet's second layer, 96 channels, 256 maps, windows of 5 x 5",
        ("conv", 96, 256, 5, 31, 31, 2, True),
        "groups",
    )
    yield Case(
        "conv with as many groups as channels, 6 channels, 12 maps, no bias",
        ("conv", 6, 12, 3, 10, 8, 6, False),
        "groups",
    )


# --- locally_connected2d -------------------------------------------------------------------------


def _images_and_local_filters(rng: np.random.Generator):
    def drawn(count, places, maps, channels, kernel, stride=1, bias=True):
        rows, columns = places
        size = [(side - 1) * stride + kernel for side in places]
        w = rng.normal(size=(rows, columns, maps, channels, kernel, kernel)).astype(np.float32)
        b = rng.normal(size=(rows, columns, maps)).astype(np.float32) * bias
        return rng.normal(size=(count, channels, *size)).astype(np.float32), w, b

    x = np.array([[1.0, 2, 4], [2, 3, 1]])[None, None]
    w = np.array([1.0, -2, 3, 2, 5, -1]).reshape(2, 3, 1, 1, 1, 1)
    about = "a picture of 2 x 3 pixels, windows of a single pixel, no bias"
    yield Case(about, (x, w, np.zeros((2, 3, 1))), "weights")
    case = drawn(2, (3, 4), 5, 3, 2, bias=False)
    yield Case("two images, 3 x 4 places, five maps, no bias", case, "weights")
    case = drawn(2, (3, 4), 5, 3, 2, bias=False)
    yield Case("other numbers than in the call before (remember nothing)", case, "weights")
    case = drawn(1, (4, 2), 3, 2, 3, bias=False)
    yield Case("a single image, 4 x 2 places, windows of 3 x 3, no bias", case, "weights")
    yield Case("3 x 2 places, a bias at each", drawn(2, (3, 2), 4, 2, 3), "bias")
    yield Case("a single place: the window is the image", drawn(3, (1, 1), 4, 2, 3), "bias")
    _, w, b = drawn(1, (2, 4), 3, 2, 2)
    bytes_ = rng.integers(0, 256, (2, 2, 3, 5), dtype=np.uint8)
    yield Case("images of bytes, 2 x 4 places", (bytes_, w, b), "bias")
    case = (*drawn(2, (2, 3), 4, 3, 3, stride=2), 2)
    yield Case("stride 2, windows of 3 x 3, 2 x 3 places", case, "stride")
    case = (*drawn(1, (3, 2), 2, 3, 2, stride=3), 3)
    yield Case("stride 3, windows of 2 x 2, 3 x 2 places", case, "stride")


# --- separate ------------------------------------------------------------------------------------


def _kernels(rng: np.random.Generator):
    bell = np.exp(-((np.arange(7) - 3.0) ** 2) / 4)
    down, right = np.mgrid[-4:5, -4:5]
    waves = np.cos(down + right) * np.exp(-(down**2 + right**2) / 12)
    for about, group, kernel, numbers in (
        ("Sobel's 3 x 3 kernel, 6 numbers", "exact", np.outer([1.0, 2, 1], [-1.0, 0, 1]), 6),
        ("a blur of 7 x 7, 14 numbers", "exact", np.outer(bell, bell), 14),
        ("one product of 5 x 9, 20 numbers", "exact", np.outer(_some(rng, 5), _some(rng, 9)), 20),
        ("waves on a diagonal, 9 x 9, 40 numbers", "exact", waves, 40),
        ("a kernel of 7 x 7, 45 numbers", "within the budget", _some(rng, 7, 7), 45),
        ("a kernel of 6 x 11, 40 numbers", "within the budget", _some(rng, 6, 11), 40),
        ("a kernel of 4 x 6, 500 numbers", "numbers to spare", _some(rng, 4, 6), 500),
    ):
        yield Case(about, (kernel, numbers), group)


def _some(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape)


def _two_parts(function, kernel, numbers):
    answer = function(kernel, numbers)
    if answer is None or answer is Ellipsis:
        return answer
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise TypeError(f"return two arrays, columns and rows; {type(answer).__name__} came back.")
    return {"columns": answer[0], "rows": answer[1]}


def _judge_separate(case: Case, answers: dict[str, np.ndarray]) -> list[str]:
    (kernel, numbers), columns, rows = case.arguments, answers["columns"], answers["rows"]
    for name, part, side in (("columns", columns, 0), ("rows", rows, 1)):
        if part.ndim != 2 or part.shape[1] != kernel.shape[side]:
            turned = part.ndim == 2 and part.shape[0] == kernel.shape[side]
            told = " Each of them is a row of the array: transpose it." if turned else ""
            return [f"{name}: expected shape (R, {kernel.shape[side]}), got {part.shape}.{told}"]
    if len(columns) != len(rows):
        return [f"There are {len(columns)} columns but {len(rows)} rows; they go in pairs."]
    spent, most = columns.size + rows.size, numbers // sum(kernel.shape)
    if spent > numbers:
        return [f"{len(rows)} pairs take {spent} numbers; there are {numbers}, enough for {most}."]
    size, least = np.linalg.norm(kernel), _least_error(kernel, most)
    error = np.linalg.norm(kernel - columns.T @ rows)
    if error <= 1.05 * least + 0.01 * size:
        return []
    return [
        f"The outputs on an image of noise are wrong by {error / size:.0%} of their size; with "
        f"{numbers} numbers {least / size:.0%} can be reached.",
        *_why_far(kernel, columns, rows, most),
    ]


def _least_error(kernel: np.ndarray, pairs: int) -> float:
    return float(np.sqrt((np.linalg.svd(kernel, compute_uv=False)[pairs:] ** 2).sum()))


def _why_far(kernel: np.ndarray, columns: np.ndarray, rows: np.ndarray, most: int) -> list[str]:
    size, count = np.linalg.norm(kernel), len(rows)

    def fits(one: np.ndarray, pairs: int = most) -> bool:
        return bool(
            np.linalg.norm(kernel - one) <= 1.05 * _least_error(kernel, pairs) + 0.01 * size
        )

    if count < most and fits(columns.T @ rows, count):
        said = (
            f"With {count} pairs it is as near as can be, but there are numbers for {most} pairs."
        )
        return [f"Look here: {said}"]
    products = np.einsum("rh,rw->rhw", columns, rows).reshape(count, -1)
    sizes = np.linalg.lstsq(products.T, kernel.ravel(), rcond=None)[0]
    if fits((sizes @ products).reshape(kernel.shape), min(count, most)):
        return [
            "Look here: The directions are right, their sizes are not. Multiply each pair once by "
            "its singular value (or both of its parts by the root of it)."
        ]
    best_rows = np.linalg.lstsq(columns.T, kernel, rcond=None)[0]
    if fits(columns.T @ best_rows, min(count, most)):
        return [
            "Look here: The columns are right, the rows are not. The third array of np.linalg.svd "
            "holds the directions for the rows in its rows, not in its columns."
        ]
    if kernel.shape[0] == kernel.shape[1] and fits(rows.T @ columns, min(count, most)):
        return ["Look here: Columns and rows are exchanged: the first array holds the columns."]
    if np.linalg.norm(columns.T @ best_rows) < 0.4 * size:
        return [
            "Look here: These pairs matter least. Take those with the largest singular values; "
            "eigh sorts from small to large."
        ]
    return [
        "A row and a column of the kernel itself are a first guess only. Which pairs leave the "
        "least error? The singular values tell."
    ]


QUESTIONS, FREE_TEXT = asked(
    __name__,
    conv2d={"cases": _images_and_filters},
    max_pool2d={"cases": _maps},
    count_parameters={"cases": _layers},
    locally_connected2d={"cases": _images_and_local_filters},
    separate={"cases": _kernels, "collect": _two_parts, "judge": _judge_separate},
)
