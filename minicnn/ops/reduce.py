"""Reductions: sums, means, variances, extremes, cumulative sums, logsumexp and the softmax family."""

import math

from ..autograd import broadcast_to, primitive, raw
from ..backend import sum_over, xp_of
from ..errors import InputError
from ..kernels import rows
from .elementwise import abs as abs_
from .elementwise import exp, where
from .shape import flip, reshape, transpose

__all__ = [
    "axes_of", "sum", "mean", "var", "std", "amax", "amin", "argmax", "argmin", "any", "all", "cumsum",
    "prod", "logsumexp", "softmax", "log_softmax", "norm",
]


def axes_of(axis, ndim, function="sum"):
    """`axis` (None, int or sequence) as a sorted tuple of axes from 0 to ndim - 1."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, bool) or not isinstance(axis, (int, tuple, list)):
        raise InputError(function, "dim", "an int, or several in a tuple", repr(axis))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if isinstance(a, bool) or not isinstance(a, int) or not -max_axis(ndim) <= a < max_axis(ndim):
            raise InputError(function, "dim", f"from {-max_axis(ndim)} to {max_axis(ndim) - 1} for {ndim} dimensions", a)
    axes = tuple(sorted(a % max_axis(ndim) for a in axes)) if ndim else ()
    if len(set(axes)) != len(axes):
        raise InputError(function, "dim", "distinct axes", axis)
    return axes


def max_axis(ndim):
    """A scalar may be reduced over axis 0 or -1, as in PyTorch."""
    return ndim if ndim else 1


def _kept(shape, axis):
    """`shape` with the reduced axes as 1."""
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _spread(g, shape, axis):
    """A cotangent of a reduced result, repeated over the reduced axes."""
    return broadcast_to(reshape(g, shape=_kept(shape, axis)), shape=shape)


def _count(shape, axis):
    return math.prod(shape[a] for a in axes_of(axis, len(shape)))


@primitive
def sum(x, *, axis=None, keepdims=False):
    """y = sum of x over the axes."""
    return sum_over(x, axes_of(axis, x.ndim), keepdims)


sum.defvjp(x=lambda g, x_shape, axis: _spread(g, x_shape, axis))


@primitive
def mean(x, *, axis=None, keepdims=False):
    """y = sum of x over the axes, divided by their number of entries."""
    return x.mean(axis=axes_of(axis, x.ndim, "mean"), keepdims=keepdims)


mean.defvjp(x=lambda g, x_shape, axis: _spread(g * (1.0 / _count(x_shape, axis)), x_shape, axis))


@primitive
def var(x, *, axis=None, correction=1, keepdims=False):
    """y = sum (x - mean)^2 / (n - correction); PyTorch's default correction 1 is the unbiased variance."""
    xp, axes = xp_of(x), axes_of(axis, x.ndim, "var")
    centred = x - x.mean(axis=axes, keepdims=True)
    return xp.sum(centred * centred, axis=axes, keepdims=keepdims) / (_count(x.shape, axis) - correction)


def _var_rule(g, x, x_shape, axis, correction):
    """2 (x - mean) / (n - correction): the part through the mean vanishes, since deviations sum to 0."""
    deviation = x - mean(x, axis=axis, keepdims=True)
    return _spread(g, x_shape, axis) * deviation * (2.0 / (_count(x_shape, axis) - correction))


var.defvjp(x=_var_rule)


def std(x, *, axis=None, correction=1, keepdims=False):
    """y = sqrt(var(x))."""
    return var(x, axis=axis, correction=correction, keepdims=keepdims) ** 0.5


@primitive
def amax(x, *, axis=None, keepdims=False):
    """y = largest x over the axes; entries that tie share the gradient equally."""
    return x.max(axis=axes_of(axis, x.ndim, "amax"), keepdims=keepdims)


@primitive
def amin(x, *, axis=None, keepdims=False):
    """y = smallest x over the axes; entries that tie share the gradient equally."""
    return x.min(axis=axes_of(axis, x.ndim, "amin"), keepdims=keepdims)


def _extreme_rule(g, y, x, x_shape, axis):
    hits = raw(x) == raw(y).reshape(_kept(x_shape, axis))
    share = hits / hits.sum(axis=axes_of(axis, len(x_shape)), keepdims=True, dtype=raw(x).dtype)
    return _spread(g, x_shape, axis) * share.astype(raw(x).dtype)


amax.defvjp(x=_extreme_rule)
amin.defvjp(x=_extreme_rule)


@primitive
def argmax(x, *, axis=None, keepdims=False):
    """Index of the first largest entry (in the flattened array for axis None); no gradient."""
    return xp_of(x).asarray(xp_of(x).argmax(x, axis=axis, keepdims=keepdims))


@primitive
def argmin(x, *, axis=None, keepdims=False):
    """Index of the first smallest entry (in the flattened array for axis None); no gradient."""
    return xp_of(x).asarray(xp_of(x).argmin(x, axis=axis, keepdims=keepdims))


@primitive
def any(x, *, axis=None, keepdims=False):
    """True where any entry is true; no gradient."""
    return xp_of(x).any(x, axis=axes_of(axis, x.ndim, "any"), keepdims=keepdims)


@primitive
def all(x, *, axis=None, keepdims=False):
    """True where all entries are true; no gradient."""
    return xp_of(x).all(x, axis=axes_of(axis, x.ndim, "all"), keepdims=keepdims)


argmax.defvjp(x=None)
argmin.defvjp(x=None)
any.defvjp(x=None)
all.defvjp(x=None)


@primitive
def cumsum(x, *, axis):
    """y_i = x_0 + ... + x_i along the axis; its adjoint sums from the other end."""
    return xp_of(x).cumsum(x, axis=axis)


cumsum.defvjp(x=lambda g, axis: flip(cumsum(flip(g, axis=axis), axis=axis), axis=axis))


@primitive
def prod(x, *, axis=None, keepdims=False):
    """y = product of x over the axes."""
    return x.prod(axis=axes_of(axis, x.ndim, "prod"), keepdims=keepdims)


def _prod_rule(g, x, x_shape, axis):
    """dy/dx_i is the product of all others, computed without dividing by x_i, which may be 0."""
    axes = axes_of(axis, len(x_shape))
    total = reshape(g, shape=_kept(x_shape, axis))
    eye = xp_of(raw(x)).eye(_count(x_shape, axis), dtype=bool)
    rest = [i for i in range(len(x_shape)) if i not in axes]
    order = (*rest, *axes)
    flat = reshape(transpose(x, axes=order), shape=(*(x_shape[i] for i in rest), 1, -1))
    others = prod(where(eye, 1.0, flat), axis=-1)
    back = reshape(others, shape=tuple(x_shape[i] for i in order))
    return total * transpose(back, axes=tuple(order.index(i) for i in range(len(x_shape))))


prod.defvjp(x=_prod_rule)


@primitive
def logsumexp(x, *, axis, keepdims=False):
    """y = ln sum e^x, computed as m + ln sum e^(x - m) with m the largest entry."""
    xp, axes = xp_of(x), axes_of(axis, x.ndim, "logsumexp")
    top = x.max(axis=axes, keepdims=True)
    top = xp.where(xp.isfinite(top), top, x.dtype.type(0))
    result = xp.log(xp.sum(xp.exp(x - top), axis=axes, keepdims=True)) + top
    return result if keepdims else result.reshape([n for i, n in enumerate(x.shape) if i not in axes])


logsumexp.defvjp(x=lambda g, y, x, x_shape, axis: _spread(g, x_shape, axis) * exp(x - _spread(y, x_shape, axis)))


@primitive
def softmax(x, *, axis):
    """y_i = e^(x_i) / sum_j e^(x_j) along the axis."""
    if axis in (-1, x.ndim - 1) and rows.applies(x):
        return rows.softmax(x)
    e = x - x.max(axis=axis, keepdims=True)
    e = xp_of(x).exp(e)
    e /= e.sum(axis=axis, keepdims=True)
    return e


@primitive
def log_softmax(x, *, axis):
    """y_i = x_i - ln sum_j e^(x_j) along the axis."""
    shifted = x - x.max(axis=axis, keepdims=True)
    xp = xp_of(x)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


def _softmax_rule(g, y, axis):
    """The Jacobian of softmax is diag(y) - y y^T."""
    if axis in (-1, len(y.shape) - 1) and rows.applies(g, y):
        return rows.softmax_gradient(g, y)
    return y * (g - sum(g * y, axis=axis, keepdims=True))


softmax.defvjp(x=_softmax_rule)
log_softmax.defvjp(x=lambda g, y, axis: g - exp(y) * sum(g, axis=axis, keepdims=True))


def norm(x, *, p=2.0, axis=None, keepdims=False):
    """The p-norm (sum |x|^p)^(1/p); its gradient at 0 is 0, for p = 2 by leaving the root out of the graph there."""
    if not hasattr(x, "shape"):
        raise InputError("norm", "x", "a Tensor", type(x).__name__)
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not p > 0:
        raise InputError("norm", "p", "a number > 0, or inf", repr(p))
    if p == float("inf"):
        return amax(abs_(x), axis=axis, keepdims=keepdims)
    if p == 1:
        return sum(abs_(x), axis=axis, keepdims=keepdims)
    total = sum(x * x if p == 2 else abs_(x) ** p, axis=axis, keepdims=keepdims)
    zero = raw(total) == 0
    return where(zero, 0.0, where(zero, 1.0, total) ** (1.0 / p))
