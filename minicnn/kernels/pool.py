"""Pooling windows: the largest entry or the mean of each window, and the adjoint maps that their gradients need.

Everything runs over the few places inside a window, each a strided slice of the padded image, never over pixels.
Options are pairs (rows, columns); x (n, c, h, w).
"""

import numpy as np

from ..backend import xp_of
from .im2col import output_size

__all__ = ["pooled_size", "max_pool2d", "pick", "spread", "avg_pool2d", "avg_pool2d_adjoint", "window_counts",
           "adaptive_windows"]


def pooled_size(size, kernel, stride, padding, dilation, ceil_mode):
    """Windows per axis; ceil_mode also counts a last one that runs over the end, if it starts inside image or left padding."""
    if not ceil_mode:
        return output_size(size, kernel, stride, padding, dilation)
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        m = -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1
        out.append(m - 1 if (m - 1) * s >= n + p else m)
    return tuple(out)


def _framed(x, out, kernel, stride, padding, dilation, value):
    """x padded by `value` so that every window, also one that runs over the end, lies inside."""
    n, c, h, w = x.shape
    reach = [max(m + 2 * p, (o - 1) * s + d * (k - 1) + 1)
             for m, p, o, s, d, k in zip((h, w), padding, out, stride, dilation, kernel)]
    if reach == [h, w]:
        return x
    frame = xp_of(x).full((n, c, *reach), value, dtype=x.dtype)
    frame[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w] = x
    return frame


def _place(x, a, b, out, stride, dilation):
    """The entry (a, b) of every window, as a view (n, c, oh, ow)."""
    top, left = dilation[0] * a, dilation[1] * b
    return x[:, :, top : top + stride[0] * (out[0] - 1) + 1 : stride[0], left : left + stride[1] * (out[1] - 1) + 1 : stride[1]]


def max_pool2d(x, *, kernel, stride, padding, dilation, ceil_mode):
    """(y, index): the largest entry of each window, and its flat place in h * w (the first of equals; a NaN wins)."""
    xp, (h, w) = xp_of(x), x.shape[2:]
    out = pooled_size((h, w), kernel, stride, padding, dilation, ceil_mode)
    frame = _framed(x, out, kernel, stride, padding, dilation, -np.inf)
    y, best = _place(frame, 0, 0, out, stride, dilation).copy(), None
    rows = xp.arange(out[0])[:, None] * stride[0] - padding[0]
    columns = xp.arange(out[1])[None, :] * stride[1] - padding[1]
    # the first place inside the image is the default: padding can never win
    first = [xp.maximum(t, t + (-(t // d)) * d * (t < 0)) for t, d in ((rows, dilation[0]), (columns, dilation[1]))]
    best = xp.broadcast_to(first[0] * w + first[1], y.shape).copy()
    for a, b in np.ndindex(*kernel):
        value = _place(frame, a, b, out, stride, dilation)
        place = (rows + dilation[0] * a) * w + (columns + dilation[1] * b)
        wins = ((value > y) | (xp.isnan(value) & ~xp.isnan(y))) if (a, b) != (0, 0) else xp.isnan(value)
        best += wins * (place - best)
        y = xp.maximum(y, value)
    return y, best


def pick(x, index):
    """y[n,c,i,j] = x[n,c] at the flat place index[n,c,i,j]."""
    n, c = x.shape[:2]
    return xp_of(x).take_along_axis(x.reshape(n, c, -1), index.reshape(n, c, -1), 2).reshape(index.shape)


def spread(u, index, size):
    """Zeros (n, c, *size) into which u is added at its flat places; the adjoint of pick."""
    xp, (n, c) = xp_of(u), u.shape[:2]
    pixels = size[0] * size[1]
    offset = (xp.arange(n * c) * pixels).reshape(n, c, 1, 1)
    # bincount is a sum by index that, unlike add.at, runs at the speed of a loop in C; it sums in float64
    if xp.__name__ == "numpy":
        flat = np.bincount((index + offset).ravel(), weights=u.ravel(), minlength=n * c * pixels)
        return flat.astype(u.dtype, copy=False).reshape(n, c, *size)
    out = xp.zeros(n * c * pixels, dtype=u.dtype)
    xp.add.at(out, (index + offset).ravel(), u.ravel())
    return out.reshape(n, c, *size)


def window_counts(size, *, kernel, stride, padding, ceil_mode, count_include_pad):
    """How many entries each window's mean divides by, (oh, ow): clipped to the padded image, or to the image itself."""
    counts = []
    out = pooled_size(size, kernel, stride, padding, (1, 1), ceil_mode)
    for n, k, s, p, m in zip(size, kernel, stride, padding, out):
        start = np.arange(m) * s - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        counts.append(end - start)
    return counts[0][:, None] * counts[1][None, :]


def avg_pool2d(x, *, kernel, stride, padding, ceil_mode):
    """The sum of each window, zeros outside the image; dividing by the counts is the caller's."""
    out = pooled_size(x.shape[2:], kernel, stride, padding, (1, 1), ceil_mode)
    frame = _framed(x, out, kernel, stride, padding, (1, 1), 0)
    total = _place(frame, 0, 0, out, stride, (1, 1)).copy()
    for a, b in np.ndindex(*kernel):
        if (a, b) != (0, 0):
            total += _place(frame, a, b, out, stride, (1, 1))
    return total


def avg_pool2d_adjoint(u, *, size, kernel, stride, padding, ceil_mode):
    """u added to every entry of its window: the adjoint of the window sums."""
    n, c, *out = u.shape
    reach = [max(m + 2 * p, (o - 1) * s + k) for m, p, o, s, k in zip(size, padding, out, stride, kernel)]
    frame = xp_of(u).zeros((n, c, *reach), dtype=u.dtype)
    for a, b in np.ndindex(*kernel):
        _place(frame, a, b, out, stride, (1, 1))[...] += u
    return frame[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def adaptive_windows(n, m):
    """The m windows that cut n entries: from floor(i n / m) to ceil((i + 1) n / m)."""
    return tuple((i * n // m, -(-(i + 1) * n // m)) for i in range(m))
