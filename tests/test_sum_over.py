"""Sums of short rows by BLAS against NumPy's own sums, for every choice of axes, layout and type."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import backend
from minicnn.backend import sum_over


@given(st.lists(st.integers(0, 4), max_size=4).map(tuple), st.integers(0, 99))
def test_agrees_with_numpy(shape, seed):
    rng, before = np.random.default_rng(seed), backend._SUM
    backend._SUM = 0
    try:
        for dtype in (np.float64, np.float32, np.int64):
            a = (10 * rng.normal(size=shape)).astype(dtype)
            for x in (a, a.T, np.asfortranarray(a), np.repeat(a, 2, axis=-1)[..., ::2] if shape else a):
                for count, keep in itertools.product(range(x.ndim + 1), (False, True)):
                    for axes in itertools.combinations(range(x.ndim), count):
                        expected = x.sum(axis=axes, keepdims=keep)
                        found = sum_over(x, axes, keep)
                        assert found.shape == expected.shape and found.dtype == expected.dtype
                        np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-4)
    finally:
        backend._SUM = before


@pytest.mark.parametrize("shape, by_blas", [
    ((1024, 4), True), ((1023, 4), False), ((8, 1024), True), ((8, 1025), False), ((4096, 1), False)])
def test_only_many_short_rows_go_to_blas(shape, by_blas, monkeypatch):
    asked = []
    monkeypatch.setattr(backend.np, "ones", lambda *args, ones=np.ones: asked.append(args) or ones(*args))
    sum_over(np.zeros(shape), (1,))
    assert bool(asked) == by_blas


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_special_values_stay_in_their_row():
    x = np.ones((3000, 3), np.float32)
    x[5, 1], x[7, 0], x[8] = np.nan, np.inf, (np.inf, -np.inf, 0)
    y = sum_over(x, (1,))
    assert np.isnan(y[[5, 8]]).all() and y[7] == np.inf and (np.delete(y, [5, 7, 8]) == 3).all()
