"""GELU in float32 against the error function in float64."""

import math

import numpy as np
import pytest

from minicnn.kernels import normal, pointwise


def cdf(x):
    return np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.astype(float).ravel()]).reshape(x.shape)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (5, 3), (2, 3, 5, 7)], ids=str)
@pytest.mark.parametrize("small_is_large", [False, True])
def test_gelu_and_its_slope(shape, small_is_large, rng, monkeypatch):
    if small_is_large:
        monkeypatch.setattr(pointwise, "SMALL", 1)
    x, g = ((3 * rng.normal(size=shape)).astype(np.float32) for _ in range(2))
    x, g = np.asarray(x), np.asarray(g)
    exact = x.astype(float)
    density = np.exp(-exact * exact / 2) / math.sqrt(2 * math.pi)
    y, slope = normal.gelu(x), normal.gelu_slope(g, x)
    assert y.dtype == slope.dtype == np.float32 and y.shape == slope.shape == shape
    np.testing.assert_allclose(y, exact * cdf(x), rtol=3e-7, atol=3e-7)
    np.testing.assert_allclose(slope, g * (cdf(x) + exact * density), rtol=3e-6, atol=3e-6)


def test_over_the_whole_line():
    x = np.concatenate([np.linspace(-12, 12, 20001), [1e10, -1e10, 1e-30]]).astype(np.float32)
    error = np.abs(normal.gelu(x) - x.astype(float) * cdf(x)) / np.maximum(1, np.abs(x))
    assert error.max() < 2e-7
    assert np.isnan(normal.gelu(np.array([np.nan], np.float32))).all()


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[:, ::-1]], ids=["columns first", "reversed"])
def test_other_layouts(layout, rng):
    x = rng.normal(size=(5, 7)).astype(np.float32)
    np.testing.assert_array_equal(normal.gelu(layout(x)), normal.gelu(np.ascontiguousarray(layout(x))))


def test_only_float32_on_the_host():
    x = np.ones(3, np.float32)
    assert normal.applies(x, x) and not normal.applies(x.astype(float)) and not normal.applies(x, np.ones(4, np.float32))


def test_cotangent_and_input_may_lie_differently(rng):
    g, x = (rng.normal(size=(2, 3, 5, 7)).astype(np.float32) for _ in range(2))
    last = lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)  # noqa: E731
    expected = normal.gelu_slope(g, x)
    for u in (g, last(g), np.asfortranarray(g)):
        for v in (x, last(x), np.asfortranarray(x)):
            np.testing.assert_array_equal(normal.gelu_slope(u, v), expected)
