"""Normalisation per channel with CUDA: two launches for the moments or the gradients' sums, one for the image.

Images are used as they are if they lie channels first or last without gaps, and copied otherwise. Per channel, about
sqrt(pixels) threads each sum about sqrt(pixels) numbers in the image's type, and one adds those sums in double precision.
"""

import math

from ..backend import is_array, xp_of
from . import channel_norm as plain
from .buffers import empty_like, is_channels_last
from .launch_cuda import launch
from .pointwise_cuda import alike
from .twins import twin_of

__all__ = ["moments", "normalize", "scale_shift", "normalize_gradient", "running_average"]


def _laid(x):
    """(x without gaps, c, pixels of a sample, pixels of all, number of parts, channels last?)."""
    n, c, h, w = x.shape
    last = is_channels_last(x)
    x = x if last else xp_of(x).ascontiguousarray(x)
    return x, c, h * w, n * h * w, max(1, math.isqrt(n * h * w)), last


def _vector(v, c, x):
    """A number, or an array of c numbers in any shape, as a contiguous vector of x's type."""
    xp = xp_of(x)
    if not is_array(v) or v.size == 1 != c:
        return xp.full((c,), v if not is_array(v) else v.reshape(()), dtype=x.dtype)
    return xp.ascontiguousarray(v.reshape(-1))


@twin_of(plain.moments)
def moments(x):
    """(mean, biased variance) per channel, in x's type."""
    x, c, plane, pixels, parts, last = _laid(x)
    xp = xp_of(x)
    sums, mean, variance = xp.empty((2, parts, c), dtype=x.dtype), xp.empty(c, dtype=x.dtype), xp.empty(c, dtype=x.dtype)
    launch("channel_norm.moment_parts", x, parts * c, x, sums, parts * c, c, plane, pixels, parts, last)
    launch("channel_norm.moments", x, c, x, sums, mean, variance, c, plane, pixels, parts, last)
    return mean, variance


@twin_of(plain.normalize)
def normalize(x, mean, variance, weight, bias, *, eps, relu=False):
    """y = (x - mean) / sqrt(variance + eps) weight + bias per channel, then max(y, 0) if asked."""
    x, c, plane, _, _, last = _laid(x)
    y = empty_like(x)
    vectors = [_vector(v, c, x) for v in (mean, variance, weight, bias)]
    launch("channel_norm.normalize", x, y.size, x, *vectors, y, y.size, c, plane, last, float(eps), relu)
    return y


@twin_of(plain.scale_shift)
def scale_shift(x, scale, shift, relu=False):
    """y = x scale + shift per channel, then max(y, 0) if asked; the result lies as x does."""
    x, c, plane, _, _, last = _laid(x)
    y = empty_like(x)
    launch("channel_norm.scale_shift", x, y.size, x, _vector(scale, c, x), _vector(shift, c, x), y, y.size, c, plane, last, relu)
    return y


@twin_of(plain.normalize_gradient)
def normalize_gradient(g, x, mean, variance, weight, *, eps):
    """(dx, dweight, dbias): three launches, and one or two for the root."""
    x, c, plane, pixels, parts, last = _laid(x)
    xp, g = xp_of(x), alike(g, x)
    mean, variance, weight = (_vector(v, c, x) for v in (mean, variance, weight))
    root = 1 / xp.sqrt(variance + x.dtype.type(eps))
    sums, factors, product, total = (xp.empty(shape, dtype=x.dtype) for shape in ((2, parts, c), (3, c), c, c))
    launch("channel_norm.gradient_parts", x, parts * c, g, x, mean, sums, parts * c, c, plane, pixels, parts, last)
    launch("channel_norm.gradients", x, c, sums, root, weight, product, total, factors, c, pixels, parts)
    dx = empty_like(x)
    launch("channel_norm.normalize_gradient", x, dx.size, g, x, mean, factors, dx, dx.size, c, plane, last)
    return dx, product, total


@twin_of(plain.running_average)
def running_average(running, batch, *, momentum, factor):
    """running = (1 - momentum) running + momentum factor batch, in place and in one launch."""
    launch("channel_norm.running_average", running, running.size, xp_of(batch).ascontiguousarray(batch), running,
           running.size, float(momentum), float(factor))
