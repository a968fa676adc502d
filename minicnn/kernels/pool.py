"""Pooling windows: the largest entry or the mean of each window, and the adjoint maps that their gradients need.

Everything runs over the few places inside a window, each a strided slice of the padded image, never over pixels. Results
lie in memory as their inputs do (channels first or channels last). On the CPU a few samples are done at a time, so that
what the passes share stays in cache, and threads share the batch. Options are pairs (rows, columns); x (n, c, h, w).
"""

import functools

import numpy as np

from ..backend import on_host, xp_of
from .buffers import empty, empty_nhwc, is_channels_last
from .im2col import output_size, place
from .threads import over_batch
from .twins import twinned

__all__ = ["pooled_size", "max_pool2d", "max_pool2d_values", "pick", "spread", "spread_windows", "avg_pool2d", "avg_pool2d_adjoint",
           "window_counts", "adaptive_windows"]

def pooled_size(size, kernel, stride, padding, dilation, ceil_mode):
    """Windows per axis; ceil_mode also counts a last one that runs over the end, if it starts inside image or left padding."""
    if not ceil_mode:
        return output_size(size, kernel, stride, padding, dilation)
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        m = -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1
        out.append(m - 1 if (m - 1) * s >= n + p else m)
    return tuple(out)


# ------------------------------------------------------------------------------------------ places and memory

def _reach(size, out, kernel, stride, padding, dilation):
    """Height and width of a frame that holds the padded image and every window, also one that runs over the end."""
    return tuple(max(m + 2 * p, (o - 1) * s + d * (k - 1) + 1)
                 for m, p, o, s, d, k in zip(size, padding, out, stride, dilation, kernel))


def _beside(x, size, dtype=None):
    """An unfilled array (n, c, *size) that lies in memory as x (n, c, h, w) does."""
    n, c = x.shape[:2]
    make = empty_nhwc if is_channels_last(x) else lambda n, c, h, w, *rest: empty((n, c, h, w), *rest)
    return make(n, c, *size, x.dtype if dtype is None else dtype, xp_of(x))


def _framed(x, reach, padding, value):
    """x in a frame of `value`, padding[0] rows and padding[1] columns in; x itself if the frame is no larger."""
    h, w = x.shape[2:]
    if reach == (h, w):
        return x
    frame = _beside(x, reach)
    frame[...] = value
    frame[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w] = x
    return frame


def _every(start, count, step):
    """The slice start, start + step, ... of `count` entries."""
    return slice(start, start + step * (count - 1) + 1, step)


def _apart(kernel, stride, dilation):
    """True if no two windows share an entry because each begins where the one before has ended."""
    return all(s > d * (k - 1) for k, s, d in zip(kernel, stride, dilation))


# ----------------------------------------------------------------------------------------------------- maxima

@functools.lru_cache(maxsize=256)  # shared by all calls: nobody writes into them
def _corner(size, out, stride, padding, xp):
    """(oh, ow): the flat place row * w + column of each window's upper left entry; outside the image it is only a number."""
    row = xp.arange(out[0]) * stride[0] - padding[0]
    column = xp.arange(out[1]) * stride[1] - padding[1]
    return row[:, None] * size[1] + column[None, :]


def _places(size, kernel, dilation):
    """(a, b, how much further in flat places than the window's corner) of every place in a window, in 32 bits for speed."""
    return [(a, b, np.int32(a * dilation[0] * size[1] + b * dilation[1])) for a, b in np.ndindex(*kernel)]


@functools.lru_cache(maxsize=256)
def _first_inside(size, out, stride, padding, dilation, xp):
    """(oh, ow): from the corner, how much further in flat places each window's first entry inside the image is.

    A window with no entry inside (dilation can step over a small image) gets a place in the last row or column.
    """
    steps = []
    for n, m, s, p, d in zip(size, out, stride, padding, dilation):
        start = xp.arange(m) * s - p
        steps.append(xp.minimum(xp.maximum(-(start // d), 0) * d, n - 1 - start))
    return steps[0][:, None] * size[1] + steps[1][None, :]


@twinned
def max_pool2d(x, *, kernel, stride, padding, dilation, ceil_mode):
    """(y, index): the largest entry of each window, and its flat place in h * w as int64.

    Of equals the first counts, as in PyTorch; a NaN is larger than every number, and of several the last counts. Padding
    never wins. Along a window, flat places inside the image only grow, so the running maximum of the places that won is
    the last place that won.
    """
    xp, size = xp_of(x), tuple(x.shape[2:])
    out = pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    reach = _reach(size, out, kernel, stride, padding, dilation)
    places = _places(size, kernel, dilation)
    first = _first_inside(size, out, stride, padding, dilation, xp)
    corner = _corner(size, out, stride, padding, xp)
    y, index = _beside(x, out), _beside(x, out, np.int64)

    def work(part):
        frame, top = _framed(x[part], reach, padding, -np.inf), y[part]
        best = _beside(frame, out, np.int32)
        best[...] = first
        top[...] = place(frame, 0, 0, out, stride, dilation)
        for a, b, further in places[1:]:
            value = place(frame, a, b, out, stride, dilation)
            xp.maximum(best, (value > top) * further, out=best)
            xp.maximum(top, value, out=top)
        if not on_host(x) or np.isnan(top).any():  # after a NaN nothing was larger: let the NaNs win now
            for a, b, further in places[1:]:
                xp.maximum(best, xp.isnan(place(frame, a, b, out, stride, dilation)) * further, out=best)
        xp.add(best, corner, out=index[part])

    over_batch(x, work)
    return y, index


def max_pool2d_values(x, *, kernel, stride, padding, dilation, ceil_mode):
    """The largest entries alone, for when no gradient will ask where they stood: rows first, then columns."""
    if not on_host(x):
        return max_pool2d(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)[0]
    out = pooled_size(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    reach = _reach(x.shape[2:], out, kernel, stride, padding, dilation)
    y = _beside(x, out)

    def work(part):
        frame, top = _framed(x[part], reach, padding, -np.inf), y[part]
        rows = frame[:, :, _every(0, out[0], stride[0])]
        for a in range(1, kernel[0]):
            rows = np.maximum(rows, frame[:, :, _every(a * dilation[0], out[0], stride[0])])
        top[...] = rows[..., _every(0, out[1], stride[1])]
        for b in range(1, kernel[1]):
            np.maximum(top, rows[..., _every(b * dilation[1], out[1], stride[1])], out=top)

    over_batch(x, work)
    return y


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


@twinned
def spread_windows(u, index, *, size, kernel, stride, padding, dilation):
    """spread(u, index, size) for an index that max_pool2d made with these options: faster, and always in the same order.

    Each place of a window adds u where the index names that place. u is masked as integers of its own bits, since
    NaN * 0 and inf * 0 would put a NaN beside the maximum. The result lies in memory as the index does, and so as the image did.
    """
    if u.strides != tuple(n // index.itemsize * u.itemsize for n in index.strides):
        laid = _beside(index, u.shape[2:], u.dtype)
        laid[...] = u
        u = laid
    xp, out = xp_of(u), tuple(u.shape[2:])
    bits = np.dtype(f"i{u.dtype.itemsize}")
    reach = _reach(size, out, kernel, stride, padding, dilation)
    places, apart = _places(size, kernel, dilation), _apart(kernel, stride, dilation)
    corner = _corner(size, out, stride, padding, xp)
    frame = _beside(u, reach)

    def work(part):
        frame[part] = 0
        number, further = u[part].view(bits), _beside(u[part], out, np.int32)
        xp.subtract(index[part], corner, out=further, casting="same_kind")
        for a, b, there in places:
            here = place(frame[part], a, b, out, stride, dilation)
            mine = (further == there) * number
            if apart:
                here[...] = mine.view(u.dtype)
            else:
                here += mine.view(u.dtype)

    over_batch(frame, work)
    return frame[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


# ------------------------------------------------------------------------------------------------------ means

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


@twinned
def avg_pool2d(x, *, kernel, stride, padding, ceil_mode):
    """The sum of each window, zeros outside the image: rows first, then columns. Dividing by the counts is the caller's."""
    out = pooled_size(x.shape[2:], kernel, stride, padding, (1, 1), ceil_mode)
    reach = _reach(x.shape[2:], out, kernel, stride, padding, (1, 1))
    y = _beside(x, out)

    def work(part):
        frame, total = _framed(x[part], reach, padding, 0), y[part]
        rows = _beside(frame, (out[0], reach[1]))
        rows[...] = frame[:, :, _every(0, out[0], stride[0])]
        for a in range(1, kernel[0]):
            rows += frame[:, :, _every(a, out[0], stride[0])]
        total[...] = rows[..., _every(0, out[1], stride[1])]
        for b in range(1, kernel[1]):
            total += rows[..., _every(b, out[1], stride[1])]

    over_batch(x, work)
    return y


@twinned
def avg_pool2d_adjoint(u, *, size, kernel, stride, padding, ceil_mode):
    """u added to every entry of its window, columns first, then rows: the adjoint of the window sums."""
    out = tuple(u.shape[2:])
    reach = _reach(size, out, kernel, stride, padding, (1, 1))
    frame = _beside(u, reach)

    def work(part):
        rows, image = _beside(u[part], (out[0], reach[1])), frame[part]
        rows[...] = 0
        for b in range(kernel[1]):
            rows[..., _every(b, out[1], stride[1])] += u[part]
        image[...] = 0
        for a in range(kernel[0]):
            image[:, :, _every(a, out[0], stride[0])] += rows

    over_batch(frame, work)
    return frame[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def adaptive_windows(n, m):
    """The m windows that cut n entries: from floor(i n / m) to ceil((i + 1) n / m)."""
    return tuple((i * n // m, -(-(i + 1) * n // m)) for i in range(m))
