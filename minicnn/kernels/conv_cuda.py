"""Convolution on a GPU: rows of patches with the channels last, and one matrix product over the whole batch.

Channels last, the product writes the result in its final layout, the transposed factors of the gradients are read in
place by cuBLAS (CuPy copies them for batched products, which also ignore TF32), and a 1 x 1 convolution needs no rows at
all: the image is the matrix. With groups there is one product a group. See conv.py for the formula; the results lie
channels last in memory. cuBLAS gives the same bits on every run of one program on one GPU.
"""

from ..backend import xp_of
from . import conv as plain
from .im2col import output_size
from .im2col_cuda import im2row, row2im
from .twins import twin_of

__all__ = ["conv2d", "conv2d_input", "conv2d_weight"]


def _pixels(x, groups):
    """x (n, c, h, w) as (groups, n h w, c/groups), contiguous: without a copy if it lies channels last and groups is 1."""
    n, c, h, w = x.shape
    xp, rows = xp_of(x), x.transpose(0, 2, 3, 1).reshape(n * h * w, groups, c // groups)
    return xp.ascontiguousarray(rows.transpose(1, 0, 2))


def _image(rows, n, out):
    """The inverse of _pixels: (groups, n h w, c/groups) as (n, c, h, w), channels last in memory."""
    groups, pixels, per_group = rows.shape
    return rows.transpose(1, 0, 2).reshape(n, *out, groups * per_group).transpose(0, 3, 1, 2)


def _is_pixel(kernel, stride, padding):
    return kernel == stride == (1, 1) and padding == (0, 0)


def _rows(x, groups, kernel, stride, padding, dilation):
    if _is_pixel(kernel, stride, padding):
        return _pixels(x, groups)
    return im2row(x, groups, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _matrix(w, groups):
    """w (f, c/groups, kh, kw) as (groups, f/groups, kh kw c/groups)."""
    f = w.shape[0]
    return w.transpose(0, 2, 3, 1).reshape(groups, f // groups, -1)


def _product(a, b):
    """a b for each group; a single one is a plain product, whose factors may be transposed views."""
    xp = xp_of(a, b)
    return xp.matmul(a[0], b[0])[None] if a.shape[0] == 1 else xp.matmul(a, b)


@twin_of(plain.conv2d)
def conv2d(x, w, *, stride, padding, dilation, groups):
    """y (n, f, oh, ow) = rows (n oh ow, kh kw c) times the weight's matrix transposed."""
    out = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    rows = _rows(x, groups, tuple(w.shape[2:]), stride, padding, dilation)
    return _image(_product(rows, _matrix(w, groups).transpose(0, 2, 1)), x.shape[0], out)


@twin_of(plain.conv2d_input)
def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """x (n, c, h, w): u's pixels times the weight's matrix are rows, which are added back over the image."""
    n, out, kernel = u.shape[0], tuple(u.shape[2:]), tuple(w.shape[2:])
    rows = _product(_pixels(u, groups), _matrix(w, groups))
    if _is_pixel(kernel, stride, padding):
        return _image(rows, n, out)
    return row2im(rows, n, out, kernel=kernel, size=tuple(input_size), stride=stride, padding=padding, dilation=dilation)


@twin_of(plain.conv2d_weight)
def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """w (f, c/groups, kh, kw), contiguous: u's pixels transposed times the rows."""
    rows = _rows(x, groups, tuple(kernel_size), stride, padding, dilation)
    matrix = _product(_pixels(u, groups).transpose(0, 2, 1), rows)
    w = matrix.reshape(u.shape[1], *kernel_size, x.shape[1] // groups).transpose(0, 3, 1, 2)
    return xp_of(w).ascontiguousarray(w)
