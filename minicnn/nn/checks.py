"""What constructors of layers ask of their arguments."""

import numbers

from ..errors import InputError

__all__ = ["positive", "tuple_of"]


def positive(layer, **sizes):
    """Each named size must be an int >= 1."""
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < 1:
            raise InputError(layer, name, "a positive int", repr(n))


def tuple_of(layer, name, value, low, count=2):
    """An int, or `count` ints, each at least `low`, as a tuple."""
    values = (value,) * count if isinstance(value, numbers.Integral) else value
    if isinstance(value, bool) or not isinstance(values, (tuple, list)) or len(values) != count or not all(
        isinstance(n, numbers.Integral) and n >= low for n in values
    ):
        raise InputError(layer, name, f"an int or {count} ints >= {low}", repr(value))
    return tuple(int(n) for n in values)
