"""The fast batch normalisation against sums over plain arrays in float64, in every layout and with odd sizes."""

import numpy as np
import pytest

from minicnn.kernels import channel_norm


def formulas(g, x, weight, eps):
    """Mean, variance, and the closed forms of the gradients, in float64."""
    g, x, axes = g.astype(np.float64), x.astype(np.float64), (0, 2, 3)
    mean, var = x.mean(axes), x.var(axes)
    root = 1 / np.sqrt(var + eps)
    n = (x - mean[:, None, None]) * root[:, None, None]
    e = g * weight[:, None, None]
    dx = root[:, None, None] * (e - e.mean(axes, keepdims=True) - n * (e * n).mean(axes, keepdims=True))
    return mean, var, dx, (g * n).sum(axes), g.sum(axes)


@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (3, 5, 7, 9), (4, 16, 8, 8), (2, 3, 64, 64), (5, 100, 3, 1)], ids=str)
@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_moments_and_gradients(shape, last, offset, rng):
    def image():
        a = rng.normal(size=shape).astype(np.float32)
        return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if last else a

    x, g, weight = image() + np.float32(offset), image(), rng.normal(size=shape[1])
    mean, var, dx, dweight, dbias = formulas(g, x, weight, 1e-5)
    found_mean, found_var = channel_norm.moments(x)
    np.testing.assert_allclose(found_mean, mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found_var, var, rtol=1e-5, atol=1e-9)
    found = channel_norm.backward(g, x, mean, 1 / np.sqrt(var + 1e-5), weight)
    scale = np.abs(weight).max() * np.abs(g).max() / np.sqrt(var.min() + 1e-5)  # of the terms that cancel in dx
    if offset == 0:
        for a, b in zip(found, (dx, dweight, dbias)):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * scale)
        assert found[0].dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (3, 5, 7, 9), (2, 3, 64, 64), (5, 100, 3, 1)], ids=str)
def test_gradients_through_a_relu(shape, rng):
    """The same as for the gradient that a gate has let through, whatever way the three images lie in memory."""
    x, g, y = (np.asarray(rng.normal(size=shape), np.float32, order=order) for order in "CFC")
    mean, var, weight = x.mean((0, 2, 3)), x.var((0, 2, 3)), rng.normal(size=shape[1])
    before = g.copy()
    found = channel_norm.normalize_relu_gradient(g, y, x, mean, var, weight, eps=1e-5)
    expected = channel_norm.normalize_gradient(g * (y > 0), x, mean, var, weight, eps=1e-5)
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a, b, strict=True)
    np.testing.assert_array_equal(g, before)


@pytest.mark.parametrize("relu", [False, True])
def test_scale_shift(relu, rng):
    x, a, b = rng.normal(size=(3, 5, 7, 4)).astype(np.float32), rng.normal(size=5), rng.normal(size=5)
    y = x * a[:, None, None] + b[:, None, None]
    np.testing.assert_allclose(channel_norm.scale_shift(x, a, b, relu), np.maximum(y, 0) if relu else y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 5, 1, 1), (3, 5, 7, 4), (2, 16, 8, 8)], ids=str)
def test_shift(shape, rng):
    x, v = rng.normal(size=shape).astype(np.float32), rng.normal(size=shape[1]).astype(np.float32)
    np.testing.assert_array_equal(channel_norm.shift(x, v), x + v[:, None, None], strict=True)


def test_normalize_adds_eps_to_the_variance(rng):
    x, c = rng.normal(size=(3, 5, 7, 4)).astype(np.float32), (5,)
    mean, variance, weight, bias = rng.normal(size=c), rng.uniform(1, 2, c), rng.normal(size=c), rng.normal(size=c)
    found = channel_norm.normalize(x, mean, variance, weight, bias, eps=0.5)
    column = [v[:, None, None] for v in (mean, variance, weight, bias)]
    np.testing.assert_allclose(found, (x - column[0]) / np.sqrt(column[1] + 0.5) * column[2] + column[3], rtol=1e-4, atol=1e-5)
