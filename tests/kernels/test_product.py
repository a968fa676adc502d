"""Matrix products cut over threads against NumPy's, for every way to cut and every shape that broadcasts."""

import numpy as np
import pytest

from minicnn.kernels import get_num_threads, parallel_for, product, set_num_threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """Two threads whatever the machine has, and every product worth cutting."""
    before = get_num_threads()
    set_num_threads(2)
    monkeypatch.setattr(product, "WORTH", 0.0)
    monkeypatch.setattr(product, "SMALL", 0.0)
    monkeypatch.setattr(product, "ROWS", 3)
    monkeypatch.setattr(product, "LANES", 1)
    yield
    set_num_threads(before)


@pytest.mark.parametrize("a, b", [
    ((5, 3), (3, 4)), ((4, 3), (3, 5)), ((1, 3), (3, 1)), ((7, 4, 3), (3, 5)), ((7, 4, 3), (7, 3, 5)), ((1, 4, 3), (6, 3, 5)),
    ((2, 1, 4, 3), (5, 3, 2)), ((1, 9, 3), (1, 3, 2)), ((3,), (3,)), ((4, 3), (3,)), ((3,), (3, 4)), ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matmul(a, b, dtype, rng):
    u, v = rng.normal(size=a).astype(dtype), rng.normal(size=b).astype(dtype)
    for left in (u, np.asfortranarray(u)):
        y = product.matmul(left, v)
        assert np.shape(y) == np.shape(u @ v) and y.dtype == dtype
        np.testing.assert_allclose(y, u @ v, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("m, n", [(40, 3), (3, 40), (33, 17), (17, 33)])
def test_parts_begin_at_whole_lanes_and_the_callers_is_longer(m, n, monkeypatch, rng):
    """Of two threads; the work that the caller has ahead is a tenth of all."""
    monkeypatch.setattr(product, "LANES", 8)
    monkeypatch.setattr(product, "LEAD", 0.1 * 2 * m * n * 5)
    cuts = []
    monkeypatch.setattr(product, "parallel_for", lambda count, work, parts=None, **options: (
        cuts.append((count, options)), parallel_for(count, lambda i, j: (cuts.append((i, j)), work(i, j)), parts, **options)))
    x, w, b = rng.normal(size=(m, 5)), rng.normal(size=(n, 5)), rng.normal(size=n)
    np.testing.assert_allclose(product.matmul(x, w.T), x @ w.T, rtol=1e-12)
    np.testing.assert_allclose(product.linear(x, w, b), x @ w.T + b, rtol=1e-12)
    longer = max(m, n)
    first = round(0.55 * longer / 8) * 8
    assert [cuts[0], cuts[3]] == [(longer, {"step": 8, "lead": pytest.approx(0.1)})] * 2
    assert [sorted(cuts[1:3]), sorted(cuts[4:6])] == [[(0, first), (first, longer)]] * 2


@pytest.mark.parametrize("shape", [(3,), (0, 3), (1, 3), (7, 3), (20, 3), (2, 5, 3), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear(shape, dtype, rng):
    x, w, b = (rng.normal(size=s).astype(dtype) for s in (shape, (4, 3), (4,)))
    for rows in (x, np.asfortranarray(x)):
        y = product.linear(rows, w, b)
        assert y.dtype == dtype and y.shape == (*shape[:-1], 4)
        np.testing.assert_allclose(y, x @ w.T + b, rtol=1e-5, atol=1e-5)


def test_linear_with_a_bias_of_another_dtype_is_what_numpy_makes_of_it(rng):
    x, w, b = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=4)
    y = product.linear(x, w, b)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, x @ w.T + b, rtol=1e-6)


def test_matmul_refuses_what_numpy_refuses(rng):
    with pytest.raises(ValueError):
        product.matmul(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
