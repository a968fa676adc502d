"""What an argument must be, told by its name: the same names mean the same throughout, and so are checked in one place."""

import functools
import math
import numbers

import numpy as np

from ..autograd import Traced, raw
from ..backend import Generator, is_array
from ..errors import InputError

__all__ = [
    "checked", "describe", "ints", "MUST_BE", "TENSOR", "OPTIONAL", "FLAG", "NUMBER", "MAYBE_NUMBER", "NOT_NEGATIVE", "FINITE",
    "INT", "COUNT", "SCALAR", "STREAM",
]


# These run at every call, so each asks first for what is nearly always given: `isinstance` of an abstract class is slow.

def _is_tensor(value):
    return isinstance(value, Traced) or (is_array(value) and value.dtype.kind in "fiub")


def _is_flag(value):
    return value is False or value is True or isinstance(value, np.bool_)


def _is_number(value):
    if type(value) is float:
        return value == value  # not NaN
    return type(value) is int or (isinstance(value, numbers.Real) and not _is_flag(value) and not math.isnan(value))


def _is_int(value):
    return type(value) is int or (isinstance(value, numbers.Integral) and not _is_flag(value))


# A kind of argument: what holds for it, and how a message calls it.
TENSOR = _is_tensor, "a Tensor"
OPTIONAL = lambda value: value is None or _is_tensor(value), "a Tensor or None"
FLAG = _is_flag, "True or False"
NUMBER = _is_number, "a number"
MAYBE_NUMBER = lambda value: value is None or _is_number(value), "a number or None"
NOT_NEGATIVE = lambda value: _is_number(value) and value >= 0, "a number >= 0"
FINITE = lambda value: _is_number(value) and math.isfinite(value), "a finite number"
SCALAR = lambda value: isinstance(value, numbers.Real), "a number"
INT = _is_int, "an int"
COUNT = lambda value: _is_int(value) and value >= 0, "an int >= 0"
STREAM = lambda value: isinstance(value, Generator), "a minicnn Generator"

MUST_BE = {
    **dict.fromkeys("""input weight bias target query key value running_mean running_var attn_mask pos_weight x x1 x2 input1 input2
                       theta grid""".split(), TENSOR),
    **dict.fromkeys("""training inplace ceil_mode count_include_pad return_indices is_causal log_target use_input_stats align_corners
                       keepdim descending largest affine track_running_stats elementwise_affine batch_first""".split(), FLAG),
    **dict.fromkeys("""negative_slope alpha beta delta threshold min_val max_val momentum label_smoothing scale p
                       init""".split(), NUMBER),
    **dict.fromkeys("ignore_index num_classes diagonal groups padding_idx".split(), INT),
    "eps": NOT_NEGATIVE, "generator": STREAM,
}


def describe(value):
    """A value as a message shows it: a tensor by dtype and shape, anything long cut off."""
    data = raw(value)
    if is_array(data):
        return f"{data.dtype} of shape {tuple(data.shape)}"
    return f"{type(value).__name__} {value!r}"[:80]


def ints(function, name, values):
    """A list or tuple of ints as a tuple of Python's ints."""
    if not isinstance(values, (tuple, list)) or not all([_is_int(n) for n in values]):
        raise InputError(function, name, "ints", describe(values))
    return tuple([int(n) for n in values])


def checked(function=None, **special):
    """A function whose arguments are checked by name, as MUST_BE says (or `special`); None passes where it is the default.

    For a constructor the message names the class.

    >>> softplus(x, beta="2")
    InputError: softplus: beta must be a number, got str '2'
    """
    if function is None:
        return lambda f: checked(f, **special)
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    rules = {name: special.get(name, MUST_BE.get(name)) for name in names}
    defaults = dict(zip(reversed(names[: code.co_argcount]), reversed(function.__defaults__ or ())))
    optional = {name for name, value in (defaults | (function.__kwdefaults__ or {})).items() if value is None}
    method = names[:1] == ("self",)
    places = [(name, rules[name]) for name in names[: code.co_argcount]]

    def check(name, rule, value, args):
        holds, what = rule
        if not (holds(value) or (value is None and name in optional)):
            title = type(args[0]).__name__ if method else function.__name__
            hint = "Wrap it: minicnn.tensor(data)" if rule is TENSOR and isinstance(value, (list, tuple, float, int)) else ""
            raise InputError(title, name, what + (" or None" if name in optional else ""), describe(value), hint)

    @functools.wraps(function)
    def call(*args, **options):
        for (name, rule), value in zip(places, args):
            if rule is not None and not rule[0](value):
                check(name, rule, value, args)
        for name, value in options.items():
            if (rule := rules.get(name)) is not None:
                check(name, rule, value, args)
        return function(*args, **options)

    return call
