"""Depthwise convolution with CUDA: a thread sums over one window, or gathers one pixel's share of all windows over it."""

import math

from ..backend import xp_of
from . import conv_depthwise as plain
from .im2col import output_size
from .launch_cuda import launch, strides, window
from .pool_cuda import beside
from .twins import twin_of

__all__ = ["conv2d", "conv2d_input", "conv2d_weight"]


def _filters(w):
    return xp_of(w).ascontiguousarray(w)


@twin_of(plain.conv2d)
def conv2d(x, w, *, stride, padding, dilation, groups):
    """See conv.conv2d; the result lies as x does."""
    size, kernel = tuple(x.shape[2:]), tuple(w.shape[2:])
    out = output_size(size, kernel, stride, padding, dilation)
    y, last = beside(x, out)
    launch("depthwise.depthwise", x, y.size, x, *strides(x), _filters(w), y, y.size, groups, *size, *out, last,
           *window(kernel, stride, padding, dilation))
    return y


@twin_of(plain.conv2d_input)
def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """See conv.conv2d_input; the result lies as u does."""
    x, last = beside(u, tuple(input_size))
    launch("depthwise.depthwise_input", u, x.size, u, *strides(u), _filters(w), x, x.size, groups, *input_size, *u.shape[2:],
           last, *window(w.shape[2:], stride, padding, dilation))
    return x


@twin_of(plain.conv2d_weight)
def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """See conv.conv2d_weight: sums over about sqrt(pixels) pixels each, then their sum."""
    xp, (n, _, oh, ow) = xp_of(x, u), u.shape
    pixels, (kh, kw) = n * oh * ow, kernel_size
    parts = max(1, math.isqrt(pixels))
    sums, w = xp.empty((parts, kh, kw, groups), dtype=u.dtype), xp.empty((groups, 1, kh, kw), dtype=u.dtype)
    launch("depthwise.depthwise_weight_parts", u, sums.size, x, *strides(x), u, *strides(u), sums, sums.size, groups,
           *x.shape[2:], oh, ow, pixels, parts, *window(kernel_size, stride, padding, dilation))
    launch("depthwise.depthwise_totals", u, w.size, sums, w, w.size, groups, parts)
    return w
