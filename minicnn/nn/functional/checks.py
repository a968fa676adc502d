"""What the functions of nn.functional ask of their arguments, in one place, so that all say it the same way."""

import numbers

from ...autograd import raw
from ...backend import is_array
from ...errors import InputError

__all__ = ["check_input", "check_float", "check_dtypes", "check_choice", "check_probability", "pair", "reduced"]


def check_input(function, x, ndims, layout, name="input"):
    """x must be a floating-point tensor (or array) of one of `ndims` dimensions."""
    check_float(function, x, name)
    if x.ndim not in ndims:
        raise InputError(function, name, f"of shape {layout}", f"shape {tuple(x.shape)}")


def check_float(function, x, name="input"):
    """x must be a floating-point tensor or array."""
    data = raw(x)
    if not is_array(data):
        raise InputError(function, name, "a Tensor", type(x).__name__, "Wrap it: minicnn.tensor(data)")
    if data.dtype.kind != "f":
        raise InputError(function, name, "floating-point", f"dtype {data.dtype}", "Convert it with .float()")


def check_dtypes(function, x, **others):
    """All of `others` that are given must have x's dtype: a stray float64 would make everything after it float64."""
    dtype = raw(x).dtype
    for name, other in others.items():
        if other is not None and raw(other).dtype != dtype:
            raise InputError(function, name, f"of dtype {dtype}, as the tensor beside it", str(raw(other).dtype),
                             "Convert one with .to(dtype)")


def check_choice(function, name, value, choices):
    """value must be one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(function, name, "one of " + ", ".join(repr(c) for c in choices), repr(value))


def check_probability(function, p, name="p"):
    """p must be a number from 0 to 1."""
    if isinstance(p, bool) or not isinstance(p, numbers.Real) or not 0 <= p <= 1:
        raise InputError(function, name, "a probability from 0 to 1", repr(p))


def pair(function, name, value, low=0, count=2):
    """An int as a tuple of `count` equal ints, a sequence of `count` ints as a tuple; each at least `low`."""
    if type(value) is int and value >= low:  # nearly always; `isinstance` of an abstract class is slow
        return (value,) * count
    if type(value) is tuple and len(value) == count and all([type(n) is int and n >= low for n in value]):
        return value
    values = (value,) * count if isinstance(value, numbers.Integral) else value
    if isinstance(value, bool) or not isinstance(values, (tuple, list)) or len(values) != count or not all(
        isinstance(n, numbers.Integral) and n >= low for n in values
    ):
        what = {1: "one int", 2: "an int or a pair of ints"}.get(count, f"an int or {count} ints")
        raise InputError(function, name, f"{what} >= {low}", repr(value))
    return tuple(int(n) for n in values)


def reduced(function, losses, reduction):
    """Losses as they are ('none'), or their mean or sum."""
    check_choice(function, "reduction", reduction, ("none", "mean", "sum"))
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
