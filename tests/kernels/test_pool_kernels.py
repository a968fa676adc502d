"""Pooling kernels against loops and torch, and their adjoint pairs, over odd sizes, strides, padding, dilation, NaN and -inf."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strict import from_strict, to_strict

from minicnn import kernels as K

KINDS = ("normal", "ties", "nan", "-inf")


def image(rng, shape, kind):
    """An image of floats; "ties" has few values, "nan" and "-inf" have those in a quarter of the entries, beside ties."""
    x = rng.normal(size=shape) if kind == "normal" else rng.integers(-2, 3, shape).astype(float)
    if kind in ("nan", "-inf"):
        x[rng.random(shape) < 0.25] = float(kind)
    return x


@st.composite
def pools(draw, dilated=True):
    """(x, options) with at least one window: padding at most half the kernel, stride larger than the kernel included."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, stride = draw(pair), draw(pair)
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2))) if dilated else (1, 1)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 5)) for d, k, p in zip(dilation, kernel, padding))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = image(rng, (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *size), draw(st.sampled_from(KINDS)))
    if draw(st.booleans()):
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)  # channels last in memory
    options = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
    assume(all(entries for axis in naive_windows(size, dilation=dilation, **options) for entries in axis))
    return x, {**options, "dilation": dilation} if dilated else options


def naive_windows(size, kernel, stride, padding, dilation, ceil_mode):
    """Per axis, the entries of every window that lie inside the image."""
    axes = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        starts = [t for t in range(-p, n + p, s) if t + d * (k - 1) < n + p]
        if ceil_mode and starts[-1] + d * (k - 1) < n + p - 1 and starts[-1] + s < n:  # what is left over fills a last one
            starts.append(starts[-1] + s)
        axes.append([[t + d * a for a in range(k) if 0 <= t + d * a < n] for t in starts])
    return axes


def naive_max_pool(x, **options):
    rows, columns = naive_windows(x.shape[2:], **options)
    y = np.empty((*x.shape[:2], len(rows), len(columns)))
    index = np.empty(y.shape, np.int64)
    for n, c, i, j in np.ndindex(y.shape):
        best = None
        for row in rows[i]:
            for column in columns[j]:
                value = x[n, c, row, column]
                if best is None or value > best or np.isnan(value):
                    best, index[n, c, i, j] = value, row * x.shape[3] + column
        y[n, c, i, j] = best
    return y, index


@given(pools())
def test_max_pool_against_loops(problem):
    x, options = problem
    y, index = K.max_pool2d(x, **options)
    wanted = naive_max_pool(x, **options)
    np.testing.assert_array_equal(y, wanted[0])
    np.testing.assert_array_equal(index, wanted[1])
    assert index.dtype == np.int64


def test_a_window_that_steps_over_the_image_names_a_place_inside():
    y, index = K.max_pool2d(np.ones((1, 1, 1, 1)), kernel=(2, 1), stride=(1, 1), padding=(1, 0), dilation=(2, 1), ceil_mode=False)
    assert y.item() == -np.inf and index.item() == 0


@given(pools(), st.integers(0, 2**32))
def test_picking_and_spreading_are_adjoint(problem, seed):
    x, options = problem
    index = K.max_pool2d(x, **options)[1]
    rng = np.random.default_rng(seed)
    v, u = rng.normal(size=x.shape), rng.normal(size=index.shape)
    back = K.spread(u, index, x.shape[2:])
    np.testing.assert_allclose(np.vdot(K.pick(v, index), u), np.vdot(v, back), rtol=1e-10, atol=1e-10)
    options.pop("ceil_mode")
    np.testing.assert_allclose(K.spread_windows(u, index, size=x.shape[2:], **options), back, rtol=1e-12, atol=1e-12)


def test_an_infinite_gradient_stays_at_its_maximum():
    x, u = np.arange(16.0).reshape(1, 1, 4, 4), np.full((1, 1, 2, 2), np.inf)
    options = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    index = K.max_pool2d(x, ceil_mode=False, **options)[1]
    back = K.spread_windows(u, index, size=(4, 4), **options)
    np.testing.assert_array_equal(back.ravel()[[5, 7, 13, 15]], np.inf)
    assert np.count_nonzero(back) == 4


@given(pools(dilated=False))
def test_window_sums_and_counts_against_loops(problem):
    x, options = problem
    x = np.where(np.isfinite(x), x, 0)
    y = K.avg_pool2d(x, **options)
    rows, columns = naive_windows(x.shape[2:], dilation=(1, 1), **options)
    wanted = [[x[:, :, r][:, :, :, c].sum((2, 3)) for c in columns] for r in rows]
    np.testing.assert_allclose(y, np.transpose(wanted, (2, 3, 0, 1)), rtol=1e-10, atol=1e-10)
    counts = K.window_counts(x.shape[2:], count_include_pad=False, **options)
    np.testing.assert_array_equal(counts, [[len(r) * len(c) for c in columns] for r in rows])


@given(pools(dilated=False), st.integers(0, 2**32))
def test_window_sums_and_their_adjoint(problem, seed):
    x, options = problem
    x = np.where(np.isfinite(x), x, 0)
    y = K.avg_pool2d(x, **options)
    u = np.random.default_rng(seed).normal(size=y.shape)
    back = K.avg_pool2d_adjoint(u, size=x.shape[2:], **options)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.vdot(y, u), np.vdot(x, back), rtol=1e-10, atol=1e-10)


@given(pools())
def test_torch_agrees_on_maxima(problem):
    torch = pytest.importorskip("torch")
    x, options = problem
    y, index = K.max_pool2d(x, **options)
    wanted = torch.nn.functional.max_pool2d(
        torch.tensor(x), options["kernel"], options["stride"], options["padding"], options["dilation"],
        options["ceil_mode"], return_indices=True)
    np.testing.assert_array_equal(y, wanted[0].numpy())
    np.testing.assert_array_equal(index, wanted[1].numpy())


@given(pools(dilated=False), st.booleans())
def test_torch_agrees_on_means(problem, count_include_pad):
    torch = pytest.importorskip("torch")
    x, options = problem
    x = np.where(np.isfinite(x), x, 0)
    ours = K.avg_pool2d(x, **options) / K.window_counts(x.shape[2:], count_include_pad=count_include_pad, **options)
    wanted = torch.nn.functional.avg_pool2d(torch.tensor(np.ascontiguousarray(x)), options["kernel"], options["stride"],
                                            options["padding"], options["ceil_mode"], count_include_pad)
    np.testing.assert_allclose(ours, wanted.numpy(), rtol=1e-10, atol=1e-10)


@given(st.integers(1, 20), st.integers(1, 25))
def test_adaptive_windows_cover_everything_in_order(n, m):
    windows = K.adaptive_windows(n, m)
    assert len(windows) == m and windows[0][0] == 0 and windows[-1][1] == n
    for (start, end), (after, _) in zip(windows, windows[1:]):
        assert start < end and start <= after <= end


@pytest.mark.parametrize("k, s, p", [(2, 2, 0), (3, 2, 1)])
def test_large_float32_keeps_dtype_memory_order_and_values(k, s, p, rng):
    x = np.ascontiguousarray(rng.normal(size=(9, 30, 32, 16)).astype(np.float32)).transpose(0, 3, 1, 2)
    options = {"kernel": (k, k), "stride": (s, s), "padding": (p, p), "ceil_mode": False}
    dilated = {**options, "dilation": (1, 1)}
    for place in (lambda a: a, np.ascontiguousarray):
        a = place(x)
        y, index = K.max_pool2d(a, **dilated)
        np.testing.assert_array_equal(y, K.pick(a, index))
        total = K.avg_pool2d(a, **options)
        np.testing.assert_allclose(total, K.avg_pool2d(x.astype(np.float64), **options), rtol=1e-4, atol=1e-5)
        assert y.dtype == total.dtype == np.float32
        channel_step = y.itemsize if a is x else y[0, 0].nbytes
        assert y.strides[1] == index.strides[1] // 2 == total.strides[1] == channel_step
        back = K.spread_windows(y, index, size=x.shape[2:], kernel=(k, k), stride=(s, s), padding=(p, p), dilation=(1, 1))
        assert back.dtype == np.float32
        np.testing.assert_allclose(back, K.spread(y, index, x.shape[2:]), rtol=1e-5, atol=1e-5)


@given(pools())
def test_values_alone_are_the_values(problem):
    x, options = problem
    np.testing.assert_array_equal(K.max_pool2d_values(x, **options), K.max_pool2d(x, **options)[0], strict=True)


def test_a_device_gets_the_same(rng):
    x = image(rng, (2, 3, 7, 6), "nan")
    options = {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 1), "ceil_mode": True}
    dilated = {**options, "dilation": (1, 2)}
    y, index = K.max_pool2d(x, **dilated)
    dy, dindex = K.max_pool2d(to_strict(x), **dilated)
    np.testing.assert_array_equal(from_strict(dy), y)
    np.testing.assert_array_equal(from_strict(dindex), index)
    u, window = rng.normal(size=y.shape), {k: v for k, v in dilated.items() if k != "ceil_mode"}
    np.testing.assert_array_equal(from_strict(K.spread_windows(to_strict(u), dindex, size=(7, 6), **window)),
                                  K.spread_windows(u, index, size=(7, 6), **window))
    x = rng.normal(size=x.shape)
    total = K.avg_pool2d(x, **options)
    np.testing.assert_array_equal(from_strict(K.avg_pool2d(to_strict(x), **options)), total)
    np.testing.assert_array_equal(from_strict(K.avg_pool2d_adjoint(to_strict(total), size=(7, 6), **options)),
                                  K.avg_pool2d_adjoint(total, size=(7, 6), **options))
