"""Pooling primitives. A maximum is a pick at a locally constant place; a mean is linear; both come with their adjoints."""

import functools

from .. import kernels as K
from ..autograd import primitive, raw
from ..backend import xp_of
from .elementwise import mul_mask
from .linalg import matmul, swap_last
from .sample import window_matrix

__all__ = [
    "max_pool2d", "max_pool2d_values", "max_pool2d_index",
    "pick", "spread", "spread_windows", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d",
    "adaptive_max_pool2d_index", "window_sums", "window_spread",
]


@primitive(saves="constants")
def max_pool2d(x, *, kernel, stride, padding, dilation, ceil_mode):
    """The largest entry of each window; its gradient goes to the first place where it stands."""
    return K.max_pool2d(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)


@primitive
def pick(x, *, index):
    """y[n,c,i,j] = x[n,c] at the flat place index[n,c,i,j]."""
    return K.pick(x, index)


@primitive
def spread(u, *, index, size):
    """Zeros (n, c, *size) into which u is added at its flat places; the adjoint of pick."""
    return K.spread(u, index, size)


@primitive
def spread_windows(u, *, index, size, kernel, stride, padding, dilation):
    """spread, for an index that max_pool2d made with these options: then only the places of a window need be looked at."""
    return K.spread_windows(u, index, size=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


max_pool2d.defvjp(x=lambda g, saved, x_shape, kernel, stride, padding, dilation: spread_windows(
    g, index=saved, size=tuple(x_shape[2:]), kernel=kernel, stride=stride, padding=padding, dilation=dilation))
spread_windows.defvjp(u=lambda g, index: pick(g, index=index))
pick.defvjp(x=lambda g, index, x_shape: spread(g, index=index, size=tuple(x_shape[2:])))
spread.defvjp(u=lambda g, index: pick(g, index=index))


def _like(x, array):
    return x._result._make(array) if hasattr(x, "_result") else array


def max_pool2d_values(x, **options):
    """max_pool2d without a gradient: it need not remember where the maxima stood."""
    return _like(x, K.max_pool2d_values(raw(x), **options))


def max_pool2d_index(x, kernel, stride, padding, dilation, ceil_mode):
    """Where max_pool2d found its maxima, as flat places in h * w; no gradient."""
    return _like(x, K.max_pool2d(raw(x), kernel=kernel, stride=stride, padding=padding, dilation=dilation,
                                 ceil_mode=ceil_mode)[1])


@primitive
def window_sums(x, *, kernel, stride, padding, ceil_mode):
    """The sum of each window, zeros outside the image."""
    return K.avg_pool2d(x, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)


@primitive
def window_spread(u, *, size, kernel, stride, padding, ceil_mode):
    """u added to every entry of its window; the adjoint of window_sums."""
    return K.avg_pool2d_adjoint(u, size=size, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)


window_sums.defvjp(x=lambda g, x_shape, kernel, stride, padding, ceil_mode: window_spread(
    g, size=tuple(x_shape[2:]), kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode))
window_spread.defvjp(u=lambda g, kernel, stride, padding, ceil_mode: window_sums(
    g, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode))


@functools.lru_cache(maxsize=64)  # made and moved to the device once per size, not once per step
def _shares(size, kernel, stride, padding, ceil_mode, count_include_pad, xp, dtype):
    """1 / count for every window (oh, ow), or one number if all have as many entries."""
    counts = K.window_counts(size, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode,
                             count_include_pad=count_include_pad)
    if (counts == counts.flat[0]).all():
        return 1.0 / int(counts.flat[0])
    return xp.asarray(1.0 / counts, dtype=dtype)


def avg_pool2d(x, *, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """The mean of each window: its sum over the number of entries that count."""
    total = window_sums(x, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)
    if divisor_override is not None:
        return total * (1.0 / divisor_override)
    data = raw(x)
    shares = _shares(tuple(x.shape[2:]), tuple(kernel), tuple(stride), tuple(padding), ceil_mode, count_include_pad,
                     xp_of(data), data.dtype)
    return total * shares if isinstance(shares, float) else mul_mask(total, mask=shares)


def adaptive_avg_pool2d(x, *, output_size):
    """Means over windows floor(i n / m) .. ceil((i + 1) n / m): separable, so a product with one small matrix per axis."""
    data = raw(x)
    rows, columns = (window_matrix(K.adaptive_windows(n, m), n, xp_of(data), data.dtype)
                     for n, m in zip(x.shape[2:], output_size))
    return matmul(matmul(rows, x), swap_last(columns))


def _windows(x, output_size):
    """The windows of every output pixel, as index tuples."""
    rows, columns = (K.adaptive_windows(n, m) for n, m in zip(x.shape[2:], output_size))
    return [[(slice(None), slice(None), slice(*r), slice(*c)) for c in columns] for r in rows]


def adaptive_max_pool2d(x, *, output_size):
    """The largest entry of each adaptive window."""
    index = raw(adaptive_max_pool2d_index(x, output_size))
    return pick(x, index=index)


def adaptive_max_pool2d_index(x, output_size):
    """The flat place in h * w of the first largest entry of each adaptive window; no gradient."""
    data, width = raw(x), x.shape[3]
    xp, rows = xp_of(data), []
    for line in _windows(x, output_size):
        for window in line:
            part = data[window]
            best = part.reshape(*part.shape[:2], -1).argmax(axis=2)
            top, left, wide = window[2].start, window[3].start, part.shape[3]
            rows.append((best // wide + top) * width + best % wide + left)
    return _like(x, xp.stack(rows, axis=2).reshape(*data.shape[:2], *output_size))
