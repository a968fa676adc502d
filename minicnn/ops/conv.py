"""Convolution and its two kin: one trilinear form T(x, w, u) = <conv2d(x, w), u> seen from its three slots.

T is linear in each of x (input), w (weight) and u (cotangent of the output), so filling two slots gives a linear map of
the third: conv2d(x, w), conv2d_input(u, w), which is transposed convolution, and conv2d_weight(x, u). The derivative of
each is made of the other two, and so convolution can be differentiated any number of times.
"""

from .. import kernels as K
from ..autograd import primitive

__all__ = ["conv2d", "conv2d_input", "conv2d_weight"]


@primitive
def conv2d(x, w, *, stride, padding, dilation, groups):
    """y[n,f,i,j] = sum over c,a,b of w[f,c,a,b] x[n, c, s i + d a - p, s j + d b - p]; x (n,c,h,w), w (f,c/groups,kh,kw)."""
    return K.conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)


@primitive
def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """The array y of shape (n, c, *input_size) with <x, y> = T(x, w, u) for all x: u spread back over the input."""
    return K.conv2d_input(u, w, input_size=input_size, stride=stride, padding=padding, dilation=dilation, groups=groups)


@primitive
def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """The array y of shape (f, c/groups, *kernel_size) with <w, y> = T(x, w, u) for all w: x correlated with u."""
    return K.conv2d_weight(x, u, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups)


conv2d.defvjp(
    x=lambda g, w, x_shape, stride, padding, dilation, groups:
        conv2d_input(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups,
                     input_size=tuple(x_shape[2:])),
    w=lambda g, x, w_shape, stride, padding, dilation, groups:
        conv2d_weight(x, g, stride=stride, padding=padding, dilation=dilation, groups=groups,
                      kernel_size=tuple(w_shape[2:])),
)
conv2d_input.defvjp(
    u=lambda g, w, stride, padding, dilation, groups:
        conv2d(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    w=lambda g, u, w_shape, stride, padding, dilation, groups:
        conv2d_weight(g, u, stride=stride, padding=padding, dilation=dilation, groups=groups,
                      kernel_size=tuple(w_shape[2:])),
)
conv2d_weight.defvjp(
    x=lambda g, u, x_shape, stride, padding, dilation, groups:
        conv2d_input(u, g, stride=stride, padding=padding, dilation=dilation, groups=groups,
                     input_size=tuple(x_shape[2:])),
    u=lambda g, x, stride, padding, dilation, groups:
        conv2d(x, g, stride=stride, padding=padding, dilation=dilation, groups=groups),
)
