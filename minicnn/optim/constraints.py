"""Constraints on weights, applied after each step of an optimizer."""

from ..autograd import Traced
from ..backend import xp_of
from ..errors import InputError
from .optimizer import check_number

__all__ = ["max_norm_"]


def max_norm_(parameters, max_norm, dim=0):
    """w_i <- w_i min(1, max_norm / |w_i|), in place, for the weight vector w_i coming into each unit i along `dim`.

    Linear and Conv2d weights have their units (rows, filters) along dimension 0. Biases (one dimension) are left alone.
    Call it after `optimizer.step()`. With dropout it allows large learning rates: the weights cannot blow up.
    Source: Srivastava et al. 2014, section 5.1 (c = 3 or 4 are typical).
    """
    check_number("max_norm_", "max_norm", max_norm)
    for p in [parameters] if isinstance(parameters, Traced) else parameters:
        if not isinstance(p, Traced):
            raise InputError("max_norm_", "parameters", "tensors", type(p).__name__)
        w = p._data
        if w.ndim < 2:
            continue
        if not -w.ndim <= dim < w.ndim:
            raise InputError("max_norm_", "dim", f"a dimension of a tensor of shape {tuple(w.shape)}", dim)
        xp = xp_of(w)
        others = tuple(i for i in range(w.ndim) if i != dim % w.ndim)
        norms = xp.sqrt((w * w).sum(axis=others, keepdims=True))
        w *= max_norm / xp.maximum(norms, max_norm) if max_norm > 0 else 0.0
        p._watch().bump()
