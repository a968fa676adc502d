"""What a chapter's author declares: checks, wrong answers; and how a result is compared with the expected one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Check", "Wrong", "central_difference", "difference", "describe"]


@dataclass(frozen=True)
class Check:
    """One thing that a hand-in must get right.

    function: its name in exercise.py. cases(rng): yields tuples of arguments, drawn from rng so that they are new for every
    seed: NumPy arrays (float64), numbers, strings, tuples, None, or np.random generators. Choose shapes that tell the axes
    apart (no two sizes alike), strides and paddings above 1, a batch of one.
    The result is compared with that of the reference. judge(result, *args), if given, replaces the comparison: it returns None
    or a sentence that says what is wrong (for random results, or properties).
    """

    function: str
    equation: str
    cases: Callable[..., Any]
    points: int = 1
    about: str = ""
    judge: Callable[..., str | None] | None = None
    rtol: float = 1e-7
    atol: float = 1e-9
    seconds: float = 10.0  # for one call

    @property
    def title(self):
        """batchnorm_backward (8.4): gradient of x."""
        return f"{self.function} ({self.equation})" + (f": {self.about}" if self.about else "")


@dataclass(frozen=True)
class Wrong:
    """A typical wrong answer: a function that behaves like it, and the idea that it misses, told to whoever hands it in."""

    function: str
    idea: str
    answer: Callable[..., Any]


def describe(value):
    """A value in a few words: float64 (2, 3) for an array."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, (tuple, list)):
        return shortened(f"{type(value).__name__} of " + (", ".join(map(describe, value)) or "nothing"))
    if isinstance(value, np.random.Generator):
        return "a random generator"
    return shortened(repr(value))


def shortened(text):
    """At most 80 characters of a text."""
    return text if len(text) <= 80 else text[:77] + "..."


def difference(expected, got, rtol, atol):
    """None if `got` equals `expected` within atol + rtol |expected|, else one sentence about the first difference."""
    if isinstance(expected, (tuple, list)):
        if not isinstance(got, (tuple, list)) or len(got) != len(expected):
            return f"expected {len(expected)} results, got {describe(got)}"
        found = (difference(e, g, rtol, atol) for e, g in zip(expected, got))
        return next((f"result {i}: {text}" for i, text in enumerate(found) if text), None)
    if isinstance(expected, dict):
        if not isinstance(got, dict) or set(got) != set(expected):
            return f"expected a dict with the keys {sorted(expected)}, got {describe(got)}"
        found = ((key, difference(expected[key], got[key], rtol, atol)) for key in sorted(expected))
        return next((f"{key}: {text}" for key, text in found if text), None)
    if isinstance(expected, (str, bool, type(None))):
        return None if type(got) is type(expected) and got == expected else f"expected {expected!r}, got {describe(got)}"
    if isinstance(expected, np.ndarray) and not isinstance(got, np.ndarray):
        return f"expected an array {describe(expected)}, got {describe(got)}"
    if isinstance(got, bool) or not isinstance(got, (int, float, np.ndarray, np.generic)):
        return f"expected {describe(expected)}, got {describe(got)}"
    wanted, came = np.asarray(expected), np.asarray(got)
    if came.shape != wanted.shape:
        return f"expected shape {wanted.shape}, got {came.shape}"
    if wanted.dtype.kind == "f" and isinstance(got, np.ndarray) and came.dtype != wanted.dtype:
        return f"expected {wanted.dtype}, got {came.dtype}: keep the precision of the input"
    if wanted.dtype.kind in "iu" and came.dtype.kind not in "iu" and isinstance(expected, int):
        return f"expected the whole number {expected}, got {got!r}"
    with np.errstate(all="ignore"):
        good = np.isclose(came, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if good.all():
        return None
    place = tuple(int(i) for i in np.argwhere(~good)[0])
    share = f" ({(~good).sum()} of {good.size} entries differ)" if good.size > 1 else ""
    return f"expected {wanted[place]:.6g}, got {came[place]:.6g}" + (f" at {place}{share}" if place else "")


def central_difference(f, x, g):
    """d<g, f(x)>/dx by central differences, entry by entry: for properties that no formula should answer for."""
    x = np.array(x, dtype=np.float64)
    slope = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        h, here = 6e-6 * max(1.0, abs(x[place])), x[place]
        x[place] = here + h
        above = np.sum(g * f(x.copy()))
        x[place] = here - h
        slope[place] = (above - np.sum(g * f(x.copy()))) / (2 * h)
        x[place] = here
    return slope
