"""k nearest neighbours: the classifier that only remembers (section 03, assignment 1).

:func:`distances` is the definition, the whole matrix at once. :class:`NearestNeighbours` finds the
same neighbours in data that are too large for it: in tiles, one matrix product each.
"""

import numpy as np
import torch
import torch.nn.functional as F

from cv_course import checked

METRICS = ("l2", "cosine")
MULTIPLY_BYTES = ("avx512_vnni", "amx_int8")  # instruction sets

_SPARE = 8  # candidates beyond k that are measured again, so that rounding cannot cost a neighbour
_TILE = 2**22  # numbers in the largest temporary (16 MiB as float32): bounds the memory of a search
_QUERIES = 1024  # the height of a tile
_SMALL = 32  # rows of the sample on which products of bytes are tried
_BYTES_TILE = 2**21  # the same for products of bytes, which are quick enough to wait for the cache
_WIDEST = 2**15  # numbers an image up to which sums of products of bytes fit into 32 bits


def distances(Q, X, metric: str = "l2") -> torch.Tensor:
    """How far every query is from every image, as a (queries, images) matrix.

    Args:
        Q: (M, D) or images (M, C, H, W), integers or floats.
        X: (N, D) or images (N, C, H, W) of the same size.
        metric: ``"l2"``, the root of the summed squared differences; ``"cosine"``, 1 minus the
            cosine of the angle, which ignores a change of brightness by a factor (1 where a vector
            is zero, since it has no direction).

    Returns:
        (M, N) floats, in the unit of the pixels (``"cosine"``: no unit, 0 to 2).

    Raises:
        ValueError: shapes that do not fit, NaN, or an unknown metric.
    """
    checked.one_of("metric", metric, METRICS)
    X = _rows(X, "X")
    Q = _rows(Q, "Q", like=X)
    Q, X = (rows.to(_working_type(X)) for rows in (Q, X))
    if metric == "cosine":
        return 1 - F.normalize(Q) @ F.normalize(X).T
    # "mm" modes expand (q - x)^2, which is quicker but rounds duplicates to distances above 0
    return torch.cdist(Q, X, compute_mode="donot_use_mm_for_euclid_dist")


class NearestNeighbours:
    """Classify by the labels of the ``k`` most similar training images [Cover & Hart 1967].

    The majority of the k labels wins; a tie goes to the tied class with the nearest member.

    The search is exact: no index, no approximation. Fast float32 products propose k and a few more
    candidates, whose differences are then taken directly in float64; queries for which a bound on
    the rounding error cannot exclude a better candidate are searched again in float64, and if that
    cannot either, all images are measured. So duplicates are at distance 0. For L2 between bytes
    all sums are whole numbers; where the processor multiplies bytes itself (VNNI, AMX), they are
    taken in whole numbers, several times faster and exact from the start. Of equal distances the
    earlier image comes first, except that it is left open which of several images at the same
    distance takes the k-th place.

    Args:
        k: how many neighbours vote.
        metric: ``"l2"`` or ``"cosine"``, see :func:`distances`.

    Raises:
        ValueError: ``k`` is no whole number above 0, or the metric is unknown.
    """

    def __init__(self, k: int = 1, metric: str = "l2"):
        self.k, self.metric = checked.whole("k", k, 1), checked.one_of("metric", metric, METRICS)
        self._X = None

    def fit(self, X, y) -> "NearestNeighbours":
        """Remember the data; there is nothing to compute.

        Args:
            X: (N, D) or images (N, C, H, W), integers or floats, on any device. Not copied, if
                torch can use its memory.
            y: (N,) labels, any integers.

        Raises:
            ValueError: no data, fewer than ``k`` images, NaN, or not one whole label an image.
        """
        X = _rows(X, "X")
        y = _tensor(y, "y").to(X.device)
        if y.is_floating_point() or y.shape != (len(X),):
            raise ValueError(
                f"y: expected {len(X):,} whole numbers, one label for each row of X, got "
                f"{y.dtype} of shape {tuple(y.shape)}. From one-hot rows: y.argmax(1)."
            )
        if self.k > len(X):
            raise ValueError(
                f"k={self.k} neighbours cannot be found among {len(X):,} images; "
                f"give a k from 1 to {len(X):,}, or fit more images."
            )
        # Products are precise near zero: an offset that all images share is taken off first.
        self._X, self._middle = X, 128 if X.dtype == torch.uint8 else X[:1000].double().mean(0)
        self._classes, self._codes = y.unique(return_inverse=True)
        return self

    def kneighbors(self, Q) -> tuple[torch.Tensor, torch.Tensor]:
        """The k nearest training images of every query, the nearest first.

        Args:
            Q: (M, D) or images (M, C, H, W), like the data given to ``fit``.

        Returns:
            distances (M, k) in float64 and positions (M, k) in ``X``.

        Raises:
            RuntimeError: before ``fit``.
            ValueError: the size, device or kind of number differs from that of ``X``; NaN.
        """
        if self._X is None:
            raise RuntimeError("nothing to search in yet; call fit(X, y) first.")
        Q = _rows(Q, "Q", like=self._X)
        dtype = torch.int8 if self._in_bytes(Q) else _working_type(self._X)
        found = [self._search(queries, dtype) for queries in Q.split(_count(Q, _TILE))]
        squared, positions = (torch.cat(part) for part in zip(*found, strict=True))
        return squared.sqrt() if self.metric == "l2" else squared / 2, positions

    def predict(self, Q) -> torch.Tensor:
        """The labels (M,) that the k neighbours of every query vote for; raises as kneighbors."""
        _, positions = self.kneighbors(Q)
        votes = self._codes[positions]
        counts = votes.new_zeros(len(votes), len(self._classes))
        counts.scatter_add_(1, votes, torch.ones_like(votes))
        # each neighbour carries its party's votes; argmax takes the first, thus nearest, of equals
        winner = counts.gather(1, votes).argmax(1, keepdim=True)
        return self._classes[votes.gather(1, winner).squeeze(1)]

    def score(self, Q, y) -> float:
        """The share of queries whose predicted label is the one in ``y`` (M,); 0 to 1.

        Raises:
            ValueError: not one label a query; no query; and as kneighbors.
        """
        predicted = self.predict(Q)
        y = _tensor(y, "y").to(predicted.device)
        if y.shape != predicted.shape or not len(y):
            raise ValueError(
                f"y: expected one label for each of the {len(predicted)} queries (at least one), "
                f"got shape {tuple(y.shape)}."
            )
        return (predicted == y).float().mean().item()

    def _search(self, Q: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Squared distances and positions for a chunk of queries, both (M, k)."""
        whole = dtype == torch.int8
        wanted = self.k if whole else min(self.k + _SPARE, len(self._X))
        queries = _prepare(Q, self.metric, dtype, "query", self._middle)
        values, positions, longest = self._propose(queries, wanted)
        positions = positions.sort(1).values  # so that of equals the earlier comes first
        exact, order = self._measure(Q, positions).sort(dim=1, stable=True)
        exact, positions = exact[:, : self.k], positions.gather(1, order)[:, : self.k]
        if whole or wanted == len(self._X):
            return exact, positions
        # An image that was not proposed has at least values[:, -1] in its tile, up to rounding.
        length = queries.double().square().sum(1)
        rounding = (queries.shape[1] + 16) * torch.finfo(dtype).eps
        if dtype == torch.float64 and self.metric == "l2" and self._X.dtype == torch.uint8:
            rounding = 0  # whole numbers
        slack = rounding * (length.sqrt() + longest**0.5).square()
        unsure = ~(exact[:, -1] <= 2 * values[:, -1].double() + length - slack)
        if dtype == torch.float32 and unsure.any():
            exact[unsure], positions[unsure] = self._search(Q[unsure], torch.float64)
        elif unsure.any():
            everything = torch.arange(len(self._X), device=Q.device)[None]
            for query in unsure.nonzero().flatten():
                measured = self._measure(Q[query, None], everything)[0].sort(stable=True)
                exact[query], positions[query] = (part[: self.k] for part in measured)
        return exact, positions

    def _propose(self, queries: torch.Tensor, wanted: int):
        """The smallest of what :func:`_tile` gives, their positions, and the largest squared norm.

        An image is prepared once for all queries: the outer loop goes over the images.
        """
        whole = queries.dtype == torch.int8
        height = _count(self._X, (_BYTES_TILE if whole else _TILE) // _QUERIES)
        values, positions, longest = [], [], 0.0
        for start in range(0, len(self._X), height):
            block = self._X[start : start + height]
            images = _prepare(block, self.metric, queries.dtype, "image", self._middle)
            norms = (images.int() if whole else images).square().sum(1)
            longest = max(longest, norms.max().item())
            for_each = [
                _smallest(_tile(some, images, norms), wanted) for some in queries.split(_QUERIES)
            ]
            value, position = (torch.cat(part) for part in zip(*for_each, strict=True))
            values.append(value)
            positions.append(position + start)
        values, order = torch.cat(values, 1).topk(wanted, largest=False)
        return values, torch.cat(positions, 1).gather(1, order), longest

    def _in_bytes(self, Q: torch.Tensor) -> bool:
        """Whether to search in whole numbers; tried on a sample, as wrong products are silent."""
        X = self._X
        if self.metric != "l2" or not X.dtype == Q.dtype == torch.uint8 or len(Q) < _SMALL:
            return False
        if X.device.type != "cpu" or X.shape[1] > _WIDEST or not checked.cpu_has(*MULTIPLY_BYTES):
            return False
        few, some = (_prepare(rows[:_SMALL], "l2", torch.int8, "query") for rows in (Q, X))
        return torch.equal(torch._int_mm(few, some.T).double(), few.double() @ some.double().T)

    def _measure(self, Q: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The squared distance of every (query, candidate) pair, in float64."""
        query = torch.arange(len(Q), device=Q.device).repeat_interleave(positions.shape[1])
        measured, at_once = [], _count(Q, 2048)
        for q, x in zip(query.split(at_once), positions.flatten().split(at_once), strict=True):
            one = _prepare(Q[q], self.metric, torch.float64, "query")
            other = _prepare(self._X[x], self.metric, torch.float64, "image")
            measured.append((one - other).square().sum(1))
        return torch.cat(measured).view(positions.shape)


def _tile(Q: torch.Tensor, X: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
    """(M, N) numbers that rank the images of ``X`` for each query as the metric does."""
    if Q.dtype == torch.int8:  # |q - x|^2 - |q|^2 = |x|^2 - 2 q.x
        products = torch._int_mm(Q, X.T)
        return torch.sub(norms.int(), products, alpha=2, out=products)
    # |q - x|^2 = |q|^2 + 2 (|x|^2 / 2 - q.x), and |q|^2 is the same for all x
    return torch.addmm(norms / 2, Q, X.T, alpha=-1)


def _smallest(values: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` smallest numbers of each row and their columns; of a shorter row all."""
    if count == 1:  # twice as fast as topk
        return values.min(1, keepdim=True)
    return values.topk(min(count, values.shape[1]), largest=False)


def _prepare(rows, metric: str, dtype: torch.dtype, role: str, middle=0) -> torch.Tensor:
    """Numbers to compute with: the metric becomes the squared L2 distance, which ranks as it does.

    Differences are the same wherever zero is put. Around 128, products of bytes are half as long
    and their float32 sums still whole numbers. Of unit vectors |q - x|^2 / 2 is 1 - cosine; a zero
    vector gets a direction of its own, at right angles to all others.
    """
    if dtype == torch.int8:
        return (rows ^ 128).view(torch.int8)  # minus 128, as below
    floats = rows.to(dtype, copy=True)
    if metric == "cosine":
        black = ~floats.any(1)
        own = torch.stack([black & (role == "query"), black & (role == "image")], 1)
        return torch.cat([F.normalize(floats), own.to(dtype)], 1)
    return floats.sub_(torch.as_tensor(middle, dtype=dtype, device=rows.device))


def _working_type(X: torch.Tensor) -> torch.dtype:
    wide = (torch.float64, torch.int16, torch.int32, torch.int64)
    return torch.float64 if X.dtype in wide else torch.float32


def _count(rows: torch.Tensor, most: int) -> int:
    """How many rows to take at once: ``most``, but less where that is over _TILE numbers."""
    return max(1, min(most, _TILE // rows.shape[1]))


def _tensor(values, name: str) -> torch.Tensor:
    """Of arrays that torch cannot use as they are (read-only, backwards …) a copy."""
    if isinstance(values, torch.Tensor):
        return values.detach()
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"{name}: expected numbers, got {values.dtype}. Number the classes: "
            "names, y = np.unique(labels, return_inverse=True)."
        )
    return torch.from_numpy(np.require(values, values.dtype.newbyteorder("="), "CW"))


def _rows(values, name: str, like: torch.Tensor | None = None) -> torch.Tensor:
    """One row an image; refuses what could only give nonsense."""
    rows = _tensor(values, name)
    if rows.ndim < 2 or (like is None and not rows.numel()):
        raise ValueError(
            f"{name}: expected at least one row, shape (N, D) or (N, C, H, W), got shape "
            f"{tuple(rows.shape)}. For a single image add the batch axis: image[None]."
        )
    rows = rows.flatten(1)
    if rows.device.type == "mps":  # Apple's GPU has no float64, which settles close calls
        rows = rows.cpu()
    if like is not None:
        if rows.shape[1] != like.shape[1]:
            raise ValueError(
                f"{name}: expected {like.shape[1]:,} numbers an image, as in X, got "
                f"{rows.shape[1]:,}. Bring both to the same size before you compare them."
            )
        if rows.is_floating_point() != like.is_floating_point() or rows.device != like.device:
            raise ValueError(
                f"{name}: expected numbers like those of X ({like.dtype} on {like.device}), got "
                f"{rows.dtype} on {rows.device}. Pixels of 0 to 255 and of 0 to 1 do not compare: "
                "convert both in the same way."
            )
    # both extremes are NaN where one number is; to ask every number costs .2 s for 60,000 images
    if rows.is_floating_point() and len(rows) and not torch.stack(rows.aminmax()).isfinite().all():
        raise ValueError(
            f"{name}: expected finite numbers, found NaN or infinity in "
            f"{(~rows.isfinite()).any(1).sum().item()} of {len(rows):,} rows. Nothing is near to "
            "NaN; look for a division by zero in what was done before."
        )
    return rows
