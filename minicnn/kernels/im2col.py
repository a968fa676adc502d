"""im2col: every patch of an image as a column; col2im, its adjoint, adds columns back. With them convolution is a product.

Shapes: x (n, c, h, w), cols (n, c, kh, kw, oh, ow). Options are pairs (rows, columns).
"""

import numpy as np

from ..backend import xp_of
from .twins import twinned

__all__ = ["output_size", "pad_image", "place", "im2col", "col2im"]


def output_size(size, kernel, stride, padding, dilation):
    """floor((n + 2 p - d (k - 1) - 1) / s) + 1 for each axis: how many windows fit."""
    return tuple([(n + 2 * p - d * (k - 1) - 1) // s + 1
                  for n, k, s, p, d in zip(size, kernel, stride, padding, dilation)])


def pad_image(x, padding, value=0):
    """x with padding[0] rows above and below and padding[1] columns left and right; x itself if there are none."""
    ph, pw = padding
    if ph == 0 and pw == 0:
        return x
    n, c, h, w = x.shape
    out = xp_of(x).full((n, c, h + 2 * ph, w + 2 * pw), value, dtype=x.dtype)
    out[:, :, ph : ph + h, pw : pw + w] = x
    return out


def place(x, a, b, out, stride, dilation):
    """What kernel position (a, b) meets in an already padded x: a view (n, c, *out), every stride-th row and column."""
    top, left = dilation[0] * a, dilation[1] * b
    bottom, right = top + stride[0] * (out[0] - 1) + 1, left + stride[1] * (out[1] - 1) + 1
    return x[:, :, top : bottom : stride[0], left : right : stride[1]]


def patches(x, kernel, stride, dilation):
    """A view (n, c, kh, kw, oh, ow) of an already padded x, without a copy: strides alone name the entries."""
    n, c, h, w = x.shape
    oh, ow = output_size((h, w), kernel, stride, (0, 0), dilation)
    sn, sc, sh, sw = x.strides
    return xp_of(x).lib.stride_tricks.as_strided(
        x,
        (n, c, *kernel, oh, ow),
        (sn, sc, dilation[0] * sh, dilation[1] * sw, stride[0] * sh, stride[1] * sw),
    )


@twinned
def im2col(x, *, kernel, stride, padding, dilation):
    """cols[n,c,a,b,i,j] = x[n, c, s i + d a - p, s j + d b - p], zeros outside the image."""
    return xp_of(x).ascontiguousarray(patches(pad_image(x, padding), kernel, stride, dilation))


@twinned
def col2im(cols, *, size, stride, padding, dilation):
    """x[n,c,y,x] = the sum of all entries of cols that im2col would have read there.

    The loop runs over the few kernel positions; each adds one strided slice, so nothing is ever added twice at once.
    """
    n, c, kh, kw, oh, ow = cols.shape
    (h, w), (ph, pw) = size, padding
    x = xp_of(cols).zeros((n, c, h + 2 * ph, w + 2 * pw), dtype=cols.dtype)
    for a, b in np.ndindex(kh, kw):
        place(x, a, b, (oh, ow), stride, dilation)[...] += cols[:, :, a, b]
    return x[:, :, ph : ph + h, pw : pw + w]
