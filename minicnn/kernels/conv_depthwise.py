"""Depthwise convolution, one filter a channel, as kh kw shifted multiply-adds: there is no sum over channels to make a
matrix product of, and columns would copy the image kh kw times for nothing.

T(x, w, u) = sum of u[n,c,i,j] w[c,0,a,b] x[n, c, s i + d a - p, s j + d b - p]; each kernel position is one strided slice.
Howard et al. 2017, MobileNets, section 3.1. Runs on the CPU (channels last, a few samples at a time) and on a device
(the whole batch at once, memory as it comes).
"""

import numpy as np

from ..backend import on_host, xp_of
from .buffers import empty_nhwc
from .im2col import output_size, place
from .threads import over_batch
from .twins import twinned

__all__ = ["applies", "conv2d", "conv2d_input", "conv2d_weight"]


def applies(w_shape, stride, dilation, groups, dtype):
    """True if each channel has one filter of its own."""
    return w_shape[0] == groups and w_shape[1] == 1


def _empty(like, n, c, h, w):
    return empty_nhwc(n, c, h, w, like.dtype) if on_host(like) else xp_of(like).empty((n, c, h, w), dtype=like.dtype)


def _laid(x):
    """x (n, c, h, w) channels last in memory on the CPU, so that slices are long runs; as it is on a device."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if on_host(x) else x


def _rows(w, width):
    """The weight (c, 1, kh, kw) as (kh, kw, c, 1, width): one image row of factors, laid as the image is; width 1 on a device."""
    c, _, kh, kw = w.shape
    factors = w.reshape(c, kh, kw).transpose(1, 2, 0)
    if not on_host(w):
        return factors.reshape(kh, kw, c, 1, 1)
    return np.repeat(factors[:, :, None, :], width, axis=2).transpose(0, 1, 3, 2)[:, :, :, None, :]


def _framed(x, reach, padding):
    """x inside zeros of height and width `reach`, padding[0] rows and padding[1] columns in; what sticks out is cut off."""
    (n, c, h, w), (top, left) = x.shape, padding
    if (top, left) == (0, 0) and reach[0] <= h and reach[1] <= w:
        return x
    frame = _empty(x, n, c, *reach)
    frame[...] = 0
    y0, x0 = max(0, -top), max(0, -left)
    inside = x[:, :, y0 : max(y0, reach[0] - top), x0 : max(x0, reach[1] - left)]
    y1, x1 = top + y0, left + x0
    frame[:, :, y1 : y1 + inside.shape[2], x1 : x1 + inside.shape[3]] = inside
    return frame


def _reach(out, kernel, stride, dilation):
    return tuple((o - 1) * s + d * (k - 1) + 1 for o, k, s, d in zip(out, kernel, stride, dilation))


def _correlate(x, w, out, stride, padding, dilation):
    """y[n,c,i,j] = sum over a, b of w[c,0,a,b] x[n, c, s i + d a - p, s j + d b - p]; negative padding crops."""
    xp, kernel = xp_of(x, w), w.shape[2:]
    x, y, factors = _laid(x), _empty(x, *x.shape[:2], *out), _rows(w, out[1])
    reach = _reach(out, kernel, stride, dilation)

    def work(part):
        frame, total = _framed(x[part], reach, padding), y[part]
        for a, b in np.ndindex(*kernel):
            seen = place(frame, a, b, out, stride, dilation)
            if (a, b) == (0, 0):
                xp.multiply(seen, factors[a, b], out=total)
            else:
                total += seen * factors[a, b]

    over_batch(x, work)
    return y


@twinned
def conv2d(x, w, *, stride, padding, dilation, groups):
    """See conv.conv2d; c = f = groups."""
    return _correlate(x, w, output_size(x.shape[2:], w.shape[2:], stride, padding, dilation), stride, padding, dilation)


@twinned
def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """See conv.conv2d_input: for stride 1 the forward pass with the flipped weight, else u w added to strided slices."""
    xp, kernel, out = xp_of(u, w), w.shape[2:], tuple(u.shape[2:])
    if stride == (1, 1):
        before = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding))
        return _correlate(u, w[:, :, ::-1, ::-1], tuple(input_size), stride, before, dilation)
    u, factors = _laid(u), _rows(w, out[1])
    reach = tuple(max(r, m + 2 * p) for r, m, p in zip(_reach(out, kernel, stride, dilation), input_size, padding))
    frame = _empty(u, *u.shape[:2], *reach)

    def work(part):
        frame[part] = 0
        for a, b in np.ndindex(*kernel):
            place(frame[part], a, b, out, stride, dilation)[...] += xp.multiply(u[part], factors[a, b])

    over_batch(frame, work)
    (top, left), (h, width) = padding, input_size
    return frame[:, :, top : top + h, left : left + width]


@twinned
def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """See conv.conv2d_weight: for each kernel position the sum of x u over the batch and the output pixels."""
    xp, c, out = xp_of(x, u), x.shape[1], tuple(u.shape[2:])
    x, u = _laid(x), _laid(u)
    reach, sums = _reach(out, kernel_size, stride, dilation), {}

    def work(part):
        frame = _framed(x[part], reach, padding)
        total = xp.empty((*kernel_size, c), dtype=u.dtype)
        for a, b in np.ndindex(*kernel_size):
            product = xp.multiply(place(frame, a, b, out, stride, dilation), u[part])
            if on_host(product):  # pixels are rows of c numbers: their sum is a product with ones, which BLAS does
                pixels = product.transpose(0, 2, 3, 1).reshape(-1, c)
                total[a, b] = np.ones(len(pixels), u.dtype) @ pixels
            else:
                total[a, b] = product.sum(axis=(0, 2, 3))
        sums[part.start] = total

    over_batch(x, work)
    w = xp.zeros((*kernel_size, c), dtype=u.dtype)
    for start in sorted(sums):  # a fixed order of summation: the same bits on every run
        w += sums[start]
    return xp.ascontiguousarray(w.transpose(2, 0, 1)).reshape(c, 1, *kernel_size)
