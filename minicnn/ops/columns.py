"""im2col and its adjoint col2im as primitives: every patch of an image as a column, and columns added back."""

from .. import kernels as K
from ..autograd import primitive

__all__ = ["im2col", "col2im"]


@primitive
def im2col(x, *, kernel, stride, padding, dilation):
    """cols[n,c,a,b,i,j] = x[n, c, s i + d a - p, s j + d b - p], zeros outside; x (n,c,h,w)."""
    return K.im2col(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


@primitive
def col2im(cols, *, size, stride, padding, dilation):
    """x[n,c,y,x] = sum of the entries of cols (n,c,kh,kw,oh,ow) that im2col would have read there."""
    return K.col2im(cols, size=size, stride=stride, padding=padding, dilation=dilation)


im2col.defvjp(x=lambda g, x_shape, stride, padding, dilation: col2im(
    g, size=tuple(x_shape[2:]), stride=stride, padding=padding, dilation=dilation))
col2im.defvjp(cols=lambda g, cols_shape, stride, padding, dilation: im2col(
    g, kernel=tuple(cols_shape[2:4]), stride=stride, padding=padding, dilation=dilation))
