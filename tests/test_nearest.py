"""The search is exact: against the definition in float64, at the edges of its tiles."""

import math
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cv_course import checked, data, nearest
from cv_course.nearest import METRICS, NearestNeighbours, distances


def make(kind, rows, size=12, seed=0):
    random = torch.Generator().manual_seed(seed)
    if kind == "uint8":
        return torch.randint(0, 256, (rows, size), generator=random, dtype=torch.uint8)
    return torch.randn(rows, size, generator=random, dtype=getattr(torch, kind))


def brute(Q, X, metric, k):
    """Distances and positions in float64, straight from the definition."""
    Q, X = Q.flatten(1).double(), X.flatten(1).double()
    if metric == "cosine":
        lengths = Q.norm(dim=1)[:, None] * X.norm(dim=1)
        found = torch.where(lengths > 0, 1 - Q @ X.T / lengths, 1.0)
    else:
        found = torch.stack([(q - X).square().sum(1) for q in Q]).sqrt()
    return found.sort(dim=1, stable=True)[0][:, :k], found


def assert_exact(Q, X, metric, k, y=None):
    """The positions are k different images, nearest first, whose distances are the k smallest; the
    majority of their labels wins, of equals that of the nearest."""
    before = X.clone()
    y = torch.arange(len(X)) if y is None else y
    search = NearestNeighbours(k, metric).fit(X, y)
    measured, positions = search.kneighbors(Q)
    expected, everything = brute(Q, X, metric, k)
    close = {"rtol": 1e-12, "atol": 1e-12}
    torch.testing.assert_close(measured, expected, **close)
    torch.testing.assert_close(everything.gather(1, positions), expected, **close)
    assert all(len(row.unique()) == k for row in positions)
    if metric == "l2":
        assert (measured == 0).equal(expected == 0)
    assert torch.equal(X, before)
    predicted = search.predict(Q)
    assert predicted.dtype == y.dtype
    for label, votes in zip(predicted.tolist(), y[positions].tolist(), strict=True):
        assert label == max(votes, key=votes.count)  # the first of equals


OFFSETS = [0, 1e3, 1e8, -1e12]


@settings(max_examples=50, deadline=None, derandomize=True)
@example("l2", "float64", 101, 51, 1, (1e8, -1e8), False, torch.int64, 0)
@given(
    st.sampled_from(METRICS),
    st.sampled_from(["uint8", "float32", "float64"]),
    *[st.sampled_from([1, 4, 5, 6, 49, 50, 51, 99, 101])] * 2,  # edges of the tiles
    st.integers(1, 12),
    st.tuples(*[st.sampled_from(OFFSETS)] * 2),
    st.booleans(),
    st.sampled_from([torch.int64, torch.int8, torch.int32]),
    st.integers(0, 99),
)
def test_any_search_is_exact(
    metric, kind, count, queries, k, offsets, many_duplicates, labels, seed
):
    """Also far from zero, in two clusters, and with more duplicates than candidates."""
    X, Q = make(kind, count, seed=seed), make(kind, queries, seed=seed + 1)
    if many_duplicates:
        X = X[: count // 20 + 1].repeat(20, 1)[:count]
        Q[::2] = X[torch.arange(len(Q[::2])) % count]
    if kind != "uint8" and metric == "l2":
        X[::2], X[1::2], Q = X[::2] + offsets[0], X[1::2] + offsets[1], Q + offsets[0]
    with mock.patch.multiple(nearest, _TILE=600, _QUERIES=5):  # many tiles, the last one not full
        assert_exact(Q, X, metric, min(count, k), (torch.arange(count) * 7 % 5 - 2).to(labels))


@pytest.mark.parametrize("metric", METRICS)
def test_fashion_mnist_is_exact(metric):
    """Against whole numbers (l2: no rounding in float64 at all) for the mini data set."""
    fashion = data.fashion_mnist()
    X = fashion.train.images[: 10_000 if metric == "l2" else 2_000]
    assert_exact(fashion.test.images[:20], X, metric, 5)


def test_of_equal_distances_the_earlier_image_comes_first():
    X = torch.tensor([[3.0], [1.0], [-1.0], [1.0], [9.0]])
    _, positions = NearestNeighbours(4).fit(X, torch.arange(5)).kneighbors(torch.zeros(1, 1))
    assert positions.tolist() == [[1, 2, 3, 0]]


def test_score_of_images_and_of_nothing():
    X, y = make("uint8", 50).view(50, 2, 2, 3), torch.arange(50) % 4  # images are rows
    classifier = NearestNeighbours().fit(X, y)
    assert classifier.score(X, y) == 1
    assert classifier.score(X, (y + (torch.arange(50) < 10)) % 4) == pytest.approx(0.8)
    assert classifier.predict(X[:0]).shape == (0,)


def read_only(array):
    array.setflags(write=False)
    return array


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "form",
    [
        lambda a: a[::-1].copy()[::-1],
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: read_only(a.copy()),
        lambda a: a.astype(a.dtype.newbyteorder()),
        np.asfortranarray,
        lambda a: a.tolist(),
        list,
        torch.from_numpy,
        lambda a: torch.from_numpy(a).requires_grad_(a.dtype.kind == "f"),
    ],
)
def test_arrays_of_any_form_are_taken(form):
    X, y = make("float64", 9).numpy(), np.arange(9)
    search = NearestNeighbours().fit(form(X), form(y))
    assert search.predict(form(X[3:])).tolist() == [*range(3, 9)]
    assert search.score(form(X), form(y)) == 1
    assert distances(form(X), form(X)).diagonal().max() == 0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_distances_is_the_definition(metric, kind):
    Q, X = make(kind, 7), make(kind, 9, seed=1)
    X[2] = Q[3] = 0
    expected = brute(Q, X, metric, 1)[1]
    torch.testing.assert_close(distances(Q, X, metric).double(), expected, rtol=1e-5, atol=1e-5)
    measured, positions = NearestNeighbours(9, metric).fit(X, torch.arange(9)).kneighbors(Q)
    torch.testing.assert_close(measured, expected.gather(1, positions), rtol=1e-6, atol=1e-12)
    assert (distances(X, X, metric).diagonal()[[0, 1, 3]] < 1e-6).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: NearestNeighbours(0), "k must be a whole number, 1 or more; got 0"),
        (lambda: fitted(y=np.array(["a"] * 5)), "names, y = np.unique(labels, return_inverse"),
        (lambda: fitted(y=["a"] * 5), "y: expected numbers, got <U1"),
        (lambda: NearestNeighbours(1, "cosin"), "l2, cosine; got 'cosin'"),
        (lambda: NearestNeighbours().predict(torch.zeros(1, 2)), "call fit"),
        (lambda: fitted(k=6), "k=6 neighbours cannot be found among 5"),
        (lambda: fitted(X=torch.zeros(0, 2)), "at least one row"),
        (lambda: fitted(X=torch.zeros(5)), "add the batch axis"),
        (lambda: fitted(X=torch.zeros(5, 0)), "at least one row"),
        (lambda: fitted(X=torch.full((5, 2), math.nan)), "NaN or infinity in 5 of 5 rows"),
        (lambda: fitted(y=torch.zeros(4).long()), "expected 5 whole numbers"),
        (lambda: fitted(y=torch.zeros(5)), "expected 5 whole numbers"),
        (lambda: fitted(y=torch.zeros(5, 3).long()), "argmax"),
        (lambda: fitted().predict(torch.zeros(1, 3)), "expected 2 numbers an image, as in X"),
        (lambda: fitted().predict(torch.zeros(2)), "add the batch axis"),
        (lambda: fitted().predict(torch.zeros(1, 2).byte()), "do not compare"),
        (lambda: fitted().predict(torch.tensor([[0, math.inf]])), "NaN or infinity in 1 of 1 rows"),
        (lambda: fitted().score(torch.zeros(2, 2), torch.zeros(3)), "each of the 2 queries"),
        (lambda: distances(torch.zeros(1, 2), torch.zeros(1, 3)), "expected 3 numbers"),
        (lambda: distances(torch.zeros(1, 2), torch.zeros(1, 2), "L2"), "must be one of"),
    ],
)
def test_bad_input_is_refused_in_words(call, says):
    with pytest.raises((ValueError, RuntimeError)) as refusal:
        call()
    assert says in str(refusal.value)


def fitted(k=1, X=None, y=None):
    X = torch.zeros(5, 2) if X is None else X
    return NearestNeighbours(k).fit(X, torch.arange(len(X)) if y is None else y)


def test_memory_stays_in_its_budget():
    """Tensors that live at once, by size: 3,000 x 60,000 distances would be 720 MB."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            nonlocal largest
            result = function(*arguments, **(options or {}))
            if isinstance(result, torch.Tensor) and result._base is None:
                largest = max(largest, result.numel() * result.element_size())
            return result

    X, Q = make("uint8", 60_000, 16), make("uint8", 3_000, 16)
    search = NearestNeighbours().fit(X, torch.arange(60_000))
    with Watch():
        search.kneighbors(Q)
    assert largest <= 64 * 2**20


@pytest.mark.gpu
def test_a_gpu_finds_the_same():
    X, Q = make("uint8", 5000, 784), make("uint8", 100, 784, seed=1)
    y = torch.arange(5000) % 7
    for metric in METRICS:
        here = NearestNeighbours(5, metric).fit(X, y)
        there = NearestNeighbours(5, metric).fit(X.cuda(), y.cuda())
        assert torch.equal(here.kneighbors(Q)[1], there.kneighbors(Q.cuda())[1].cpu())
        assert torch.equal(here.predict(Q), there.predict(Q.cuda()).cpu())


def _products_of_bytes() -> bool:
    ones = torch.ones(32, 32, dtype=torch.int8)
    try:
        return bool((torch._int_mm(ones, ones) == 32).all())
    except (AttributeError, NotImplementedError):
        return False


products_of_bytes = pytest.mark.skipif(
    not _products_of_bytes(), reason="this torch has no product of bytes for processors"
)


def found_by(monkeypatch, bytes_multiply: bool, X, Q, k):
    monkeypatch.setattr(checked, "cpu_has", lambda *_: bytes_multiply)
    return NearestNeighbours(k).fit(X, torch.arange(len(X))).kneighbors(Q)


@products_of_bytes
@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("k", [1, 5])
def test_whole_numbers_find_the_same_neighbours_as_floats(monkeypatch, k, wrong):
    """On any processor, also one that silently cuts sums off, as AVX2 does."""
    fashion = data.fashion_mnist()
    X, Q = fashion.train.images[:3000], fashion.test.images[:200]
    X = torch.cat([X, Q[:20], 255 - Q[:20]])  # duplicates, and the largest distances
    expected, where = found_by(monkeypatch, False, X, Q, k)
    if wrong:
        right = torch._int_mm
        monkeypatch.setattr(torch, "_int_mm", lambda a, b: right(a, b).clamp(-32768, 32767))
    exact, positions = found_by(monkeypatch, True, X, Q, k)
    assert torch.equal(exact, expected)
    assert torch.equal(positions, where)


@products_of_bytes
def test_whole_numbers_do_not_overflow(monkeypatch):
    for extreme in (0, 255):
        X = torch.full((40, nearest._WIDEST), 255 - extreme, dtype=torch.uint8)
        Q = torch.full((nearest._SMALL, nearest._WIDEST), extreme, dtype=torch.uint8)
        X[7] = extreme
        exact, positions = found_by(monkeypatch, True, X, Q, 2)
        assert (positions[:, 0] == 7).all()
        assert (exact[:, 1] == 255 * nearest._WIDEST**0.5).all()
