"""Normalisation to mean 0 and variance 1 over some axes, then scale and shift: batch, layer, group and instance norm."""

import math

import numpy as np

from ..autograd import Traced, primitive, sum_to
from ..backend import is_array, on_host, xp_of
from ..kernels import channel_norm, pointwise, rows, twins
from .elementwise import gate, rsqrt
from .reduce import mean, var
from .shape import getitem, pad_zeros

__all__ = ["moments", "normalize", "normalize_relu", "frozen_normalize", "window_sum"]


def _per_channel(x, axes):
    """True for what kernels.channel_norm does faster: images normalised per channel, in float32 on the host or on a GPU."""
    return (axes == (0, 2, 3) and x.ndim == 4 and x.size > 0
            and (x.dtype == np.float32 if on_host(x) else twins.on_cuda(x)))


def _per_row(x, axes, *others):
    """True for what kernels.rows does faster: large arrays, normalised over their last axes."""
    return axes == tuple(range(axes[0], x.ndim)) and rows.applies(x, *others)


def _row(v, x, axes):
    """A number, or an array that broadcasts against the last axes of x, as a vector of x's dtype."""
    xp, shape = xp_of(x), x.shape[axes[0] :]
    if not is_array(v) or v.size == 1:
        return xp.full(math.prod(shape), v if not is_array(v) else v.reshape(()), dtype=x.dtype)
    return xp.ascontiguousarray(xp.broadcast_to(v, shape)).reshape(-1).astype(x.dtype, copy=False)


def _root(variance, eps, x):
    """1 / sqrt(variance + eps) of every row of x."""
    return 1 / xp_of(x).sqrt(variance.reshape(-1) + x.dtype.type(eps))


def _channels(v, x):
    """A vector with a number per channel, in x's type, as it broadcasts against images x."""
    return v.reshape(1, -1, 1, 1).astype(x.dtype, copy=False)


def moments(x, axes):
    """(mean, biased variance) of an array over the axes, which stay with length 1.

    Two passes: the one-pass form E[x^2] - E[x]^2 loses all digits when the mean is large beside the deviation.
    """
    if _per_channel(x, axes):
        return tuple(_channels(v, x) for v in channel_norm.moments(x))
    if _per_row(x, axes):
        kept = x.shape[: axes[0]] + (1,) * len(axes)
        return tuple(v.reshape(kept) for v in rows.moments(x, math.prod(x.shape[axes[0] :])))
    centre = x.mean(axis=axes, keepdims=True)
    deviation = x - centre
    return centre, xp_of(x).mean(deviation * deviation, axis=axes, keepdims=True)


@primitive
def normalize(x, weight, bias, *, axes, eps, stats):
    """y = (x - m) / sqrt(s^2 + eps) * weight + bias, m and s^2 the mean and biased variance of x over the axes.

    stats: (m, s^2) of x, computed by `moments`. They are functions of x, and the gradient flows through them.
    Ioffe, Szegedy 2015, algorithm 1.
    """
    return _normalized(x, weight, bias, axes, eps, stats, relu=False)


@primitive
def normalize_relu(x, weight, bias, *, axes, eps, stats):
    """max(normalize(x, weight, bias), 0) in one pass over images normalised per channel."""
    return _normalized(x, weight, bias, axes, eps, stats, relu=True)


def _normalized(x, weight, bias, axes, eps, stats, relu):
    centre, variance = stats
    if _per_channel(x, axes):
        return channel_norm.normalize(x, centre, variance, weight, bias, eps=eps, relu=relu)
    if relu:
        return pointwise.relu(_normalized(x, weight, bias, axes, eps, stats, relu=False))
    if _per_row(x, axes):
        return rows.normalize(x, centre.reshape(-1), _root(variance, eps, x), _row(weight, x, axes), _row(bias, x, axes))
    scale = weight / xp_of(x).sqrt(variance + x.dtype.type(eps))
    y = x - centre
    y *= scale
    y += bias
    return y


def _normalize_rule(g, x, weight, weight_shape, bias_shape, axes, eps, stats, wanted):
    """dx = r (e - mean(e) - n mean(e n)) with r = 1/sqrt(s^2 + eps), n the normalised x and e = g weight."""
    if isinstance(g, Traced):  # recorded for another derivative: the moments must be traced too
        stats = mean(x, axis=axes, keepdims=True), var(x, axis=axes, correction=0, keepdims=True)
    elif _per_channel(x, axes) and wanted[0]:
        dx, *sums = channel_norm.normalize_gradient(g, x, *stats, weight, eps=eps)
        return dx, *(_channels(v, x) for v in sums)
    elif _per_row(x, axes, g) and wanted[0]:
        dx, *sums = rows.normalize_gradient(g, x, stats[0].reshape(-1), _root(stats[1], eps, x), _row(weight, x, axes))
        return dx, *(sum_to(v.reshape(x.shape[axes[0] :]), shape=shape) for v, shape in zip(sums, (weight_shape, bias_shape)))
    root = rsqrt(stats[1] + eps)
    normal = (x - stats[0]) * root
    dx = dweight = dbias = None
    if wanted[0]:
        e = g * weight
        dx = (e - mean(e, axis=axes, keepdims=True) - normal * mean(e * normal, axis=axes, keepdims=True)) * root
    if wanted[1]:
        dweight = sum_to(g * normal, shape=weight_shape)
    if wanted[2]:
        dbias = sum_to(g, shape=bias_shape)
    return dx, dweight, dbias


def _normalize_relu_rule(g, y, x, weight, weight_shape, bias_shape, axes, eps, stats, wanted):
    """The rule of normalize for the g that passes through max(., 0)."""
    if not isinstance(g, Traced) and _per_channel(x, axes) and wanted[0]:
        dx, *sums = channel_norm.normalize_relu_gradient(g, y, x, *stats, weight, eps=eps)
        return dx, *(_channels(v, x) for v in sums)
    return _normalize_rule(gate(g, y), x, weight, weight_shape, bias_shape, axes, eps, stats, wanted)


normalize.defvjp_all(_normalize_rule)
normalize_relu.defvjp_all(_normalize_relu_rule)


@primitive
def frozen_normalize(x, weight, bias, *, centre, root):
    """y = (x - m) r weight + bias for constants m, r that nobody else can write into: batch norm with running statistics."""
    scale = weight * root.astype(x.dtype, copy=False)
    shift = bias - centre.astype(x.dtype, copy=False) * scale
    if _per_channel(x, (0, 2, 3)) and scale.size == shift.size == x.shape[1]:
        return channel_norm.scale_shift(x, scale.reshape(-1), shift.reshape(-1))
    y = x * scale
    y += shift
    return y


frozen_normalize.defvjp(
    x=lambda g, weight, root: g * (weight * root),
    weight=lambda g, x, weight_shape, centre, root: sum_to(g * ((x - centre) * root), shape=weight_shape),
    bias=lambda g, bias_shape: sum_to(g, shape=bias_shape),
)


def window_sum(x, size, axis):
    """Sum over a window of `size` neighbours along an axis: size // 2 before, (size - 1) // 2 after, zeros outside."""
    widths = [(0, 0)] * len(x.shape)
    widths[axis] = (size // 2, (size - 1) // 2)
    padded = pad_zeros(x, widths=tuple(widths))
    before = (slice(None),) * axis
    total = getitem(padded, index=(*before, slice(0, x.shape[axis])))
    for k in range(1, size):
        total = total + getitem(padded, index=(*before, slice(k, k + x.shape[axis])))
    return total
