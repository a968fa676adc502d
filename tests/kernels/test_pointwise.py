"""Large element-wise operations against NumPy's own, in every layout, with sizes that no chunk divides."""

import numpy as np
import pytest

from minicnn.kernels import pointwise


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    """Chunks of two rows of eight numbers, so that small arrays have several and a rest."""
    for name, value in (("SMALL", 1), ("CHUNK", 16), ("ROW", 8)):
        monkeypatch.setattr(pointwise, name, value)


def last(x):
    """The same image with its channels last in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("shape", [(1,), (7,), (8,), (33,), (5, 13), (2, 3, 5, 7), (1, 16, 4, 4), (3, 1, 2, 2)], ids=str)
@pytest.mark.parametrize("layout", [np.array, np.asfortranarray, last, lambda x: x[..., ::-1]],
                         ids=["plain", "columns first", "channels last", "reversed"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_agree_with_numpy(shape, layout, dtype, rng):
    if layout is last and len(shape) != 4:
        layout = np.array
    a, b = (layout((10 * rng.normal(size=shape)).astype(dtype)) for _ in range(2))
    np.testing.assert_array_equal(pointwise.relu(a), np.maximum(a, 0), strict=True)
    np.testing.assert_array_equal(pointwise.gate(a, b), a * (b > 0), strict=True)
    for ufunc in (np.add, np.multiply):
        np.testing.assert_array_equal(pointwise.binary(ufunc, a, b), ufunc(a, b), strict=True)
        np.testing.assert_array_equal(pointwise.binary(ufunc, a, b.copy(order="C")), ufunc(a, b), strict=True)
        np.testing.assert_array_equal(pointwise.binary(ufunc, a, b.ravel()[:1]), ufunc(a, b.ravel()[:1]), strict=True)


@pytest.mark.parametrize("size", [1, 8, 16, 33])
def test_mapped_and_in_chunks(size, rng):
    a, b = rng.normal(size=size), rng.normal(size=size)
    np.testing.assert_array_equal(pointwise.mapped(lambda u, v: u * v + u, a, b), a * b + a)
    expected = a + 2 * b
    pointwise.in_chunks(lambda u, v: np.add(u, 2 * v, out=u), a, b)
    np.testing.assert_array_equal(a, expected)


def test_special_values():
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45], np.float32)
    np.testing.assert_array_equal(pointwise.relu(x), np.maximum(x, np.float32(0)))
    np.testing.assert_array_equal(pointwise.gate(np.ones(6, np.float32), x), [0, 1, 0, 0, 0, 1])


@pytest.mark.parametrize("size", [2**15 - 1, 2**15, 2**15 + 3, 2**16 - 1, 2**16, 2**17 + 5])
def test_sizes_around_the_real_thresholds(size, rng, monkeypatch):
    monkeypatch.undo()
    a, b = rng.normal(size=size).astype(np.float32), rng.normal(size=size).astype(np.float32)
    np.testing.assert_array_equal(pointwise.relu(a), np.maximum(a, 0), strict=True)
    np.testing.assert_array_equal(pointwise.gate(a, b), a * (b > 0), strict=True)
    np.testing.assert_array_equal(pointwise.binary(np.add, a, b), a + b, strict=True)


@pytest.mark.parametrize("x, shape, copies", [
    (np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1), (4, 6), False),
    (np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2), (3, 8), True),
    (np.arange(24.0).reshape(6, 4).T, (3, 8), True),
    (np.arange(24.0).reshape(4, 6)[:, ::2], (-1,), False),
    (np.arange(24.0).reshape(4, 6)[:, 1:], (2, 10), True),
    (np.arange(24.0)[::3], (2, 4), False)], ids=str)
def test_reshape_copies_only_where_numpy_would(x, shape, copies):
    y = pointwise.reshape(x, shape)
    np.testing.assert_array_equal(y, x.reshape(shape), strict=True)
    assert np.shares_memory(x, y) != copies and np.shares_memory(x, x.reshape(shape)) != copies
    with pytest.raises(ValueError, match="cannot reshape"):
        pointwise.reshape(x, (5, 5))
