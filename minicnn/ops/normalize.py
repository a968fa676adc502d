"""Normalisation to mean 0 and variance 1 over some axes, then scale and shift: batch, layer, group and instance norm."""

import numpy as np

from ..autograd import Traced, primitive, sum_to
from ..backend import on_host, xp_of
from ..kernels import channel_norm
from .elementwise import rsqrt
from .reduce import mean, var
from .shape import getitem, pad_zeros

__all__ = ["moments", "normalize", "frozen_normalize", "window_sum"]


def _per_channel(x, axes):
    """True for what kernels.channel_norm does faster: images in float32 on the host, normalised per channel."""
    return axes == (0, 2, 3) and x.ndim == 4 and x.dtype == np.float32 and on_host(x) and x.size > 0


def _flat(v, c):
    """A number, or (1, c, 1, 1), as a vector of c float64 numbers."""
    return np.broadcast_to(np.asarray(v, np.float64).reshape(-1), (c,))


def moments(x, axes):
    """(mean, biased variance) of an array over the axes, which stay with length 1.

    Two passes: the one-pass form E[x^2] - E[x]^2 loses all digits when the mean is large beside the deviation.
    """
    if _per_channel(x, axes):
        return tuple(v.reshape(1, -1, 1, 1).astype(x.dtype) for v in channel_norm.moments(x))
    centre = x.mean(axis=axes, keepdims=True)
    deviation = x - centre
    return centre, xp_of(x).mean(deviation * deviation, axis=axes, keepdims=True)


@primitive
def normalize(x, weight, bias, *, axes, eps, stats):
    """y = (x - m) / sqrt(s^2 + eps) * weight + bias, m and s^2 the mean and biased variance of x over the axes.

    stats: (m, s^2) of x, computed by `moments`. They are functions of x, and the gradient flows through them.
    Ioffe, Szegedy 2015, algorithm 1.
    """
    centre, variance = stats
    if _per_channel(x, axes):
        c = x.shape[1]
        scale = _flat(weight, c) / np.sqrt(_flat(variance, c) + eps)
        return channel_norm.scale_shift(x, scale, _flat(bias, c) - _flat(centre, c) * scale)
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
        c = x.shape[1]
        root = 1 / np.sqrt(_flat(stats[1], c) + eps)
        dx, dweight, dbias = channel_norm.backward(g, x, _flat(stats[0], c), root, _flat(weight, c))
        return dx, *(v.reshape(1, -1, 1, 1).astype(x.dtype) for v in (dweight, dbias))
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


normalize.defvjp_all(_normalize_rule)


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
