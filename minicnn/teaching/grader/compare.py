"""Two results compared: the first difference in words, or None."""

import numpy as np

from .sandbox import one_line
from .worker import Other

__all__ = ["difference", "describe"]

NUMBERS = (bool, int, float)


def describe(value):
    """A value in a few words: its shape for an array, itself for a number."""
    if isinstance(value, np.ndarray):
        return str(tuple(value.shape)) if value.ndim else f"{value[()]:.6g}"
    if isinstance(value, Other):
        return value.name
    if isinstance(value, np.random.Generator):
        return "a generator"
    if callable(value):
        return getattr(value, "__name__", None) or f"{value.func.__name__}(...)"
    if isinstance(value, (tuple, list)) and any(isinstance(v, np.ndarray) for v in value):
        return f"{type(value).__name__} of " + ", ".join(map(describe, value))
    return one_line(f"{value:.6g}" if isinstance(value, float) else repr(value), 80)


def difference(got, expected, names=("result",), rtol=1e-7, atol=1e-9, values=True):
    """The first way in which `got` is not `expected`, or None. `values=False` compares types, shapes and dtypes only.

    Arrays want the same shape and dtype (any integer type for integers) and |got - expected| <= rtol |expected| + atol max(1, max |expected|).
    """
    name = names[0]
    if isinstance(expected, (tuple, list)):
        if not isinstance(got, (tuple, list)):
            return f"it returned {kind(got)}, expected {len(expected)} results ({', '.join(names[: len(expected)])})"
        if len(got) != len(expected):
            return f"{'it returned' if len(names) > 1 else name + ' has'} {len(got)} results, expected {len(expected)}"
        inner = names if len(names) == len(expected) > 1 else [f"{name}[{i}]" for i in range(len(expected))]
        found = (difference(g, e, (n,), rtol, atol, values) for g, e, n in zip(got, expected, inner))
        return next((d for d in found if d), None)
    if isinstance(expected, dict):
        if not isinstance(got, dict) or got.keys() != expected.keys():
            return f"{name} is {kind(got)}, expected a dict with the keys {list(expected)}"
        found = (difference(got[k], e, (f"{name}[{k!r}]",), rtol, atol, values) for k, e in expected.items())
        return next((d for d in found if d), None)
    if isinstance(expected, NUMBERS) or (isinstance(expected, np.ndarray) and expected.ndim == 0):
        if not (isinstance(got, NUMBERS) or (isinstance(got, np.ndarray) and got.ndim == 0 and got.dtype.kind in "biuf")):
            return f"{name} is {kind(got)}, expected a number"
        return _entry(np.asarray(got, float), np.asarray(expected, float), name, rtol, atol) if values else None
    if isinstance(expected, np.ndarray):
        return _array(got, expected, name, rtol, atol, values)
    return None if type(got) is type(expected) and (not values or got == expected) else f"{name} is {kind(got)}, expected {describe(expected)}"


def kind(value):
    """What came, in words."""
    if value is None:
        return "None (is a return missing?)"
    if isinstance(value, Other):
        hint = ": call .numpy() on it" if value.name.endswith("Tensor") else ""
        return f"a {value.name}{hint}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"a {type(value).__name__}, {describe(value)}" if isinstance(value, (*NUMBERS, str)) else f"a {type(value).__name__}"


def _array(got, expected, name, rtol, atol, values):
    if not isinstance(got, np.ndarray):
        return f"{name} is {kind(got)}, expected an array of shape {expected.shape}"
    if got.shape != expected.shape:
        return f"{name} has shape {got.shape}, expected {expected.shape}"
    if got.dtype != expected.dtype and not (got.dtype.kind in "iu" and expected.dtype.kind in "iu"):
        hint = ": compute in the precision of the input" if got.dtype.kind == "f" else ""
        return f"{name} is {got.dtype}, expected {expected.dtype}{hint}"
    return _entry(got, expected, name, rtol, atol) if values else None


def _entry(got, expected, name, rtol, atol):
    """The first entry that differs, with how many do."""
    if expected.dtype.kind in "biuU":
        wrong = np.asarray(got != expected)
    else:
        largest = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
        wrong = ~np.isclose(got, expected, rtol=rtol, atol=atol * max(1.0, largest), equal_nan=True)
    if not wrong.any():
        return None
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    at = f"{name}[{', '.join(map(str, first))}]" if first else name
    count = f"; {int(wrong.sum())} of {wrong.size} entries differ" if wrong.size > 1 else ""
    return f"{at} is {got[first]:.6g}, expected {expected[first]:.6g}{count}"
