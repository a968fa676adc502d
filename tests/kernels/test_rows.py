"""Softmax and layer normalisation by rows against the formulas in float64, over odd sizes, several blocks and three threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn.kernels import get_num_threads, rows, set_num_threads
from minicnn.nn import functional as F
from minicnn.testing import check_grads


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Blocks of a few rows, cut over three threads, so that small arrays have several blocks and a rest."""
    before, patch = get_num_threads(), pytest.MonkeyPatch()
    patch.setattr(rows, "BLOCK_BYTES", 100)
    patch.setattr(rows, "SMALL", 1)
    set_num_threads(3)
    yield
    set_num_threads(before)
    patch.undo()


shapes = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)
kinds = st.sampled_from([np.float32, np.float64])


def near(found, expected, dtype):
    assert found.dtype == dtype and found.shape == np.shape(expected)
    rtol, atol = (1e-4, 3e-5) if dtype == np.float32 else (1e-10, 1e-12)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


@given(shapes, kinds, st.integers(0, 2**32))
def test_softmax_and_its_gradient(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    x, g = ((5 * rng.normal(size=shape)).astype(dtype) for _ in range(2))
    e = np.exp(x.astype(float) - x.max(-1, keepdims=True))
    y = e / e.sum(-1, keepdims=True)
    near(rows.softmax(x), y, dtype)
    near(rows.softmax_gradient(g, y.astype(dtype)), y * (g - (g * y).sum(-1, keepdims=True)), dtype)


def test_softmax_of_huge_numbers():
    np.testing.assert_allclose(rows.softmax(np.array([[1e30, 1e30], [-1e30, 0]], np.float32)), [[0.5, 0.5], [0, 1]])


@given(shapes, kinds, st.sampled_from([0.0, 100.0]), st.integers(0, 2**32))
def test_layer_norm_and_its_gradient(shape, dtype, offset, seed):
    rng, d = np.random.default_rng(seed), shape[-1]
    x, g = rng.normal(size=shape).astype(dtype) + dtype(offset), rng.normal(size=shape).astype(dtype)
    weight, bias = rng.normal(size=d).astype(dtype), rng.normal(size=d).astype(dtype)
    exact = x.astype(float).reshape(-1, d)
    mean, var = exact.mean(1), exact.var(1)
    found_mean, found_var = rows.moments(x, d)
    near(found_mean, mean, dtype)
    np.testing.assert_allclose(found_var, var, rtol=1e-3 if dtype == np.float32 else 1e-9, atol=1e-6)
    mean, root = (v.astype(dtype).astype(float) for v in (mean, 1 / np.sqrt(var + 0.1)))  # what the kernels are given, rounded
    n = (exact - mean[:, None]) * root[:, None]
    near(rows.normalize(x, mean.astype(dtype), root.astype(dtype), weight, bias), (n * weight + bias).reshape(shape), dtype)
    flat = g.astype(float).reshape(-1, d)
    e = flat * weight
    dx = (e - e.mean(1, keepdims=True) - n * (e * n).mean(1, keepdims=True)) * root[:, None]
    found = rows.normalize_gradient(g, x, mean.astype(dtype), root.astype(dtype), weight)
    for a, b in zip(found, (dx.reshape(shape), (flat * n).sum(0), flat.sum(0))):
        near(a, b, dtype)


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("affine", [True, False])
def test_layers_that_go_by_rows_have_right_values_and_derivatives(rng, axes, affine):
    """The way through minicnn.nn.functional, which small arrays do not take by themselves."""
    x = rng.normal(size=(5, 3, 4)) * 2 + 1
    shape = x.shape[-axes:]
    wide = tuple(range(3 - axes, 3))
    normal = (x - x.mean(wide, keepdims=True)) / np.sqrt(x.var(wide, keepdims=True) + 1e-5)
    w, b = rng.normal(size=shape), rng.normal(size=shape)

    def layer(x, *wb):
        return F.layer_norm(x, shape, *wb)

    assert rows.applies(x)
    given_arrays = (x, w, b) if affine else (x,)
    expected = normal * w + b if affine else normal
    np.testing.assert_allclose(layer(*map(mc.tensor, given_arrays)).numpy(), expected, rtol=1e-9, atol=1e-12)
    for order in (1, 2):  # order 1 alone takes the rules on plain arrays, the way that training goes
        check_grads(layer, *given_arrays, order=order)
        if affine:
            check_grads(lambda w, b: layer(mc.tensor(x), w, b), w, b, order=order)  # the input needs no gradient
        check_grads(lambda x: F.softmax(x, dim=-1), x, order=order)


@pytest.mark.parametrize("axis", range(-3, 3))
def test_only_the_last_axis_goes_by_rows(rng, axis):
    x = rng.normal(size=(4, 3, 2))
    e = np.exp(x)
    np.testing.assert_allclose(mc.tensor(x).softmax(axis).numpy(), e / e.sum(axis, keepdims=True), rtol=1e-12)
    check_grads(lambda x: x.softmax(axis), x, order=1)


def test_the_same_bits_on_every_run(rng):
    g, x = (rng.normal(size=(37, 11)).astype(np.float32) for _ in range(2))
    mean, root, weight = x.mean(1), 1 / x.std(1), x[0]
    first = rows.normalize_gradient(g, x, mean, root, weight)
    for again in (rows.normalize_gradient(g, x, mean, root, weight) for _ in range(5)):
        for a, b in zip(first, again):
            np.testing.assert_array_equal(a, b)
