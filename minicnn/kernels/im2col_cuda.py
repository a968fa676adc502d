"""im2col and col2im with CUDA: each thread reads one entry of the columns, or gathers one pixel (no atomics)."""

from ..backend import xp_of
from . import im2col as plain
from .launch_cuda import launch, strides, window
from .twins import twin_of

__all__ = ["im2col", "col2im", "im2row", "row2im"]


@twin_of(plain.im2col)
def im2col(x, *, kernel, stride, padding, dilation):
    """cols (n, c, kh, kw, oh, ow), contiguous; x (n, c, h, w) with any strides."""
    n, c, h, w = x.shape
    out = plain.output_size((h, w), kernel, stride, padding, dilation)
    cols = xp_of(x).empty((n, c, *kernel, *out), dtype=x.dtype)
    launch("im2col.im2col", x, cols.size, x, *strides(x), cols, cols.size, c, h, w, *out,
           *window(kernel, stride, padding, dilation))
    return cols


@twin_of(plain.col2im)
def col2im(cols, *, size, stride, padding, dilation):
    """x (n, c, h, w), contiguous, from columns (n, c, kh, kw, oh, ow) with any strides; the plain kernel's order of sums."""
    n, c, kh, kw, oh, ow = cols.shape
    x = xp_of(cols).empty((n, c, *size), dtype=cols.dtype)
    q_n, q_c, q_a, q_b, q_i, q_j = strides(cols)
    launch("im2col.col2im", x, x.size, cols, q_n, 0, q_c, q_a, q_b, q_i, q_j, c, x, x.size, c, *size, False, oh, ow,
           *window((kh, kw), stride, padding, dilation))
    return x


def im2row(x, groups, *, kernel, stride, padding, dilation):
    """rows (groups, n oh ow, kh kw c/groups), contiguous: im2col for a product with channels last; x with any strides."""
    n, c, h, w = x.shape
    out = plain.output_size((h, w), kernel, stride, padding, dilation)
    width = kernel[0] * kernel[1] * (c // groups)
    rows = xp_of(x).empty((groups, n * out[0] * out[1], width), dtype=x.dtype)
    launch("im2col.im2row", x, rows.size, x, *strides(x), rows, rows.size, n, c // groups, h, w, *out,
           *window(kernel, stride, padding, dilation))
    return rows


def row2im(rows, n, out, *, kernel, size, stride, padding, dilation):
    """The adjoint of im2row: x (n, c, h, w), channels last in memory; rows contiguous, out = (oh, ow)."""
    (groups, _, width), (oh, ow), (kh, kw) = rows.shape, out, kernel
    per_group = width // (kh * kw)
    c = groups * per_group
    x = xp_of(rows).empty((n, *size, c), dtype=rows.dtype)
    places = (oh * ow * width, n * oh * ow * width, 1, kw * per_group, per_group, ow * width, width)
    launch("im2col.col2im", x, x.size, rows, *places, per_group, x, x.size, c, *size, True, oh, ow,
           *window(kernel, stride, padding, dilation))
    return x.transpose(0, 3, 1, 2)
