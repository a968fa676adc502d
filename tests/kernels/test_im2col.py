"""im2col against loops, and col2im as its exact adjoint, over odd sizes, strides, padding and dilation."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strict import from_strict, to_strict

from minicnn import kernels as K


@st.composite
def windows(draw):
    """(x, options) with at least one window: size 1, stride larger than the kernel and wide padding included."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(pair), draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), draw(pair)
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    size = tuple(max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 4)) for d, k, p in zip(dilation, kernel, padding))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.normal(size=(draw(st.integers(1, 2)), draw(st.integers(1, 3)), *size))
    return x, {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def naive_im2col(x, kernel, stride, padding, dilation):
    n, c, h, w = x.shape
    oh, ow = (len(range(0, m + 2 * p - d * (k - 1), s)) for m, k, s, p, d in zip((h, w), kernel, stride, padding, dilation))
    cols = np.zeros((n, c, *kernel, oh, ow))
    for m, k, a, b, i, j in np.ndindex(cols.shape):
        row, column = stride[0] * i + dilation[0] * a - padding[0], stride[1] * j + dilation[1] * b - padding[1]
        if 0 <= row < h and 0 <= column < w:
            cols[m, k, a, b, i, j] = x[m, k, row, column]
    return cols


@given(windows())
def test_im2col_reads_what_the_loops_read(problem):
    x, options = problem
    np.testing.assert_array_equal(K.im2col(x, **options), naive_im2col(x, **options))


@given(windows(), st.integers(0, 2**32))
def test_col2im_is_the_adjoint_of_im2col(problem, seed):
    x, options = problem
    cols = K.im2col(x, **options)
    g = np.random.default_rng(seed).normal(size=cols.shape)
    kernel = options.pop("kernel")
    back = K.col2im(g, size=x.shape[2:], **options)
    assert back.shape == x.shape and cols.shape[2:4] == kernel
    np.testing.assert_allclose(np.vdot(cols, g), np.vdot(x, back), rtol=1e-10, atol=1e-10)


def test_memory_order_and_dtype(rng):
    x = rng.normal(size=(2, 5, 6, 3)).astype(np.float32)
    options = {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    last = x.transpose(0, 3, 1, 2)  # channels last in memory
    cols = K.im2col(last, **options)
    assert cols.dtype == np.float32
    np.testing.assert_array_equal(cols, K.im2col(np.ascontiguousarray(last), **options))
    np.testing.assert_array_equal(from_strict(K.im2col(to_strict(last), **options)), cols)
