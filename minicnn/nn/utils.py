"""Helpers on the gradients and values of many parameters at once."""

import math

from ..autograd import Traced
from ..backend import xp_of
from ..errors import AnomalyError, InputError
from ..ops.shape import concatenate
from ..tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def _tensors(function, parameters):
    """`parameters` (one tensor or an iterable of them) as a list."""
    parameters = [parameters] if isinstance(parameters, Traced) else list(parameters)
    for p in parameters:
        if not isinstance(p, Traced):
            got = f"one with {type(p).__name__}"
            raise InputError(function, "parameters", "a tensor or an iterable of tensors", got)
    return parameters


def _gradients(function, parameters):
    """The gradients that are there."""
    return [p.grad for p in _tensors(function, parameters) if p.grad is not None]


def _norm(x, p):
    """(sum |x_i|^p)^(1/p), or max |x_i| for p = inf."""
    xp = xp_of(x)
    if p == 2:
        return xp.sqrt((x * x).sum())
    if p == math.inf:
        return xp.abs(x).max() if x.size else xp.zeros((), x.dtype)
    return (xp.abs(x) ** p).sum() ** (1 / p)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False):
    """g <- g min(1, max_norm / (N + 1e-6)) for all gradients, in place, with N the norm of all of them as one vector.

    Returns N, the norm before clipping, as a tensor. Directions are kept; max_norm=inf only measures. `norm_type` is 2,
    inf or another number > 0. error_if_nonfinite: raise if N is NaN or Inf. Source: Pascanu et al. 2013, section 3.2.
    """
    name = "clip_grad_norm_"
    if isinstance(max_norm, bool) or not isinstance(max_norm, (int, float)) or not max_norm >= 0:
        raise InputError(name, "max_norm", "a number >= 0", repr(max_norm))
    if isinstance(norm_type, bool) or not isinstance(norm_type, (int, float)) or not norm_type > 0:
        raise InputError(name, "norm_type", "a number > 0 or inf", repr(norm_type))
    grads = _gradients(name, parameters)
    if not grads:
        return Tensor(0.0)
    xp = xp_of(*[g._data for g in grads])
    total = _norm(xp.stack([xp.asarray(_norm(g._data, norm_type)) for g in grads]), norm_type)
    if error_if_nonfinite and not bool(xp.isfinite(total)):
        raise AnomalyError(f"{name}: the norm of the gradients is {float(total)}, so they cannot be clipped. "
                           "detect_anomaly() shows where the first NaN or Inf comes from")
    scale = xp.minimum(max_norm / (total + 1e-6), 1)
    for g in grads:
        g._data *= scale.astype(g._data.dtype)
        g._watch().bump()
    return Tensor._make(xp.asarray(total))


def clip_grad_value_(parameters, clip_value):
    """g_i <- min(max(g_i, -clip_value), clip_value) for every entry of every gradient, in place."""
    if isinstance(clip_value, bool) or not isinstance(clip_value, (int, float)) or not clip_value >= 0:
        raise InputError("clip_grad_value_", "clip_value", "a number >= 0", repr(clip_value))
    for g in _gradients("clip_grad_value_", parameters):
        xp_of(g._data).clip(g._data, -clip_value, clip_value, out=g._data)
        g._watch().bump()


def parameters_to_vector(parameters):
    """All parameters, flattened, one after the other: a vector with a gradient, as in torch."""
    parameters = _tensors("parameters_to_vector", parameters)
    if not parameters:
        raise InputError("parameters_to_vector", "parameters", "at least one tensor", "none")
    return concatenate(*[p.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Write the entries of `vec` into the parameters, in the order of parameters_to_vector; copies, records nothing."""
    parameters = _tensors("vector_to_parameters", parameters)
    size = sum(p._data.size for p in parameters)
    if not isinstance(vec, Traced) or vec._data.shape != (size,):
        got = f"shape {tuple(vec._data.shape)}" if isinstance(vec, Traced) else type(vec).__name__
        raise InputError("vector_to_parameters", "vec", f"a tensor of shape ({size},)", got)
    start = 0
    for p in parameters:
        n = p._data.size
        p._data[...] = vec._data[start : start + n].reshape(p._data.shape)
        p._watch().bump()
        start += n
