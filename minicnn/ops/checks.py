"""What an argument must be, told by its name: the same names mean the same throughout, and so are checked in one place."""

import functools
import math
import numbers

import numpy as np

from ..autograd import Traced, raw
from ..backend import Generator, is_array
from ..errors import InputError

__all__ = ["checked", "describe", "TENSOR", "OPTIONAL", "FLAG", "NUMBER", "INT", "COUNT", "SCALAR", "MUST_BE", "ints"]


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


TENSOR, FLAG = (_is_tensor, "a Tensor"), (_is_flag, "True or False")
OPTIONAL = (lambda value: value is None or _is_tensor(value), "a Tensor or None")
NUMBER, INT, NOT_NEGATIVE = (_is_number, "a number"), (_is_int, "an int"), (lambda v: _is_number(v) and v >= 0, "a number >= 0")
COUNT, SCALAR = (lambda v: _is_int(v) and v >= 0, "an int >= 0"), (lambda v: isinstance(v, numbers.Real), "a number")
STREAM = (lambda value: isinstance(value, Generator), "a minicnn Generator")
MUST_BE = {
    **dict.fromkeys("input weight bias target query key value running_mean running_var attn_mask pos_weight x x1 x2 "
                    "input1 input2 theta grid".split(), TENSOR),
    **dict.fromkeys("training inplace ceil_mode count_include_pad return_indices is_causal log_target use_input_stats "
                    "align_corners keepdim descending largest".split(), FLAG),
    **dict.fromkeys("negative_slope alpha beta delta threshold min_val max_val momentum label_smoothing scale p".split(), NUMBER),
    **dict.fromkeys("ignore_index num_classes diagonal groups".split(), INT), "eps": NOT_NEGATIVE, "generator": STREAM,
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

    >>> softplus(x, beta="2")
    InputError: softplus: beta must be a number, got str '2'
    """
    if function is None:
        return lambda f: checked(f, **special)
    code, title = function.__code__, function.__name__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    rules = {name: special.get(name, MUST_BE.get(name)) for name in names}
    defaults = dict(zip(reversed(names[: code.co_argcount]), reversed(function.__defaults__ or ())))
    optional = {name for name, value in (defaults | (function.__kwdefaults__ or {})).items() if value is None}
    places = [(name, rules[name]) for name in names[: code.co_argcount]]

    def check(name, rule, value):
        if not (rule[0](value) or (value is None and name in optional)):
            hint = "Wrap it: minicnn.tensor(data)" if rule is TENSOR and isinstance(value, (list, tuple, float, int)) else ""
            raise InputError(title, name, rule[1] + (" or None" if name in optional else ""), describe(value), hint)

    @functools.wraps(function)
    def call(*args, **options):
        for (name, rule), value in zip(places, args):
            if rule is not None and not rule[0](value):
                check(name, rule, value)
        for name, value in options.items():
            if (rule := rules.get(name)) is not None:
                check(name, rule, value)
        return function(*args, **options)

    return call
