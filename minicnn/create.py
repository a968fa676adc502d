"""New tensors: constants, ranges and random numbers, in float32 unless a dtype is given."""

import numpy as np

from .backend import default_generator, to_device, xp_of
from .errors import InputError
from .ops.checks import COUNT, INT, NUMBER, SCALAR, checked
from .tensor import Tensor, as_dtype, from_numpy

__all__ = [
    "zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "arange", "linspace", "eye", "rand", "randn",
    "randint", "randperm", "rand_like", "randn_like", "from_numpy",
]


def _shape(function, size):
    """(2, 3), or ((2, 3),), as a tuple of lengths."""
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0 for n in shape):
        raise InputError(function, "size", "lengths >= 0", shape)
    return shape


def _kind(dtype):
    """float32 unless a dtype is given."""
    return as_dtype("a new tensor", np.float32 if dtype is None else dtype)


def _finish(array, dtype, device, requires_grad):
    result = Tensor._make(to_device(array.astype(_kind(dtype), copy=False), device))
    return result.requires_grad_() if requires_grad else result


def zeros(*size, dtype=None, device="cpu", requires_grad=False):
    """A tensor of zeros."""
    return _finish(np.zeros(_shape("zeros", size), _kind(dtype)), dtype, device, requires_grad)


def ones(*size, dtype=None, device="cpu", requires_grad=False):
    """A tensor of ones."""
    return _finish(np.ones(_shape("ones", size), _kind(dtype)), dtype, device, requires_grad)


@checked(fill_value=SCALAR)
def full(size, fill_value, dtype=None, device="cpu", requires_grad=False):
    """A tensor in which every entry is fill_value; an int gives int64, as in PyTorch."""
    dtype = dtype or {bool: np.bool_, int: np.int64}.get(type(fill_value), np.float32)
    return _finish(np.full(_shape("full", (size,)), fill_value, _kind(dtype)), dtype, device, requires_grad)


def empty(*size, dtype=None, device="cpu", requires_grad=False):
    """A tensor whose entries are whatever was in memory."""
    return _finish(np.empty(_shape("empty", size), _kind(dtype)), dtype, device, requires_grad)


def _like(function, x, value, dtype):
    if not isinstance(x, Tensor):
        raise InputError(function, "input", "a Tensor", type(x).__name__)
    return Tensor._make(xp_of(x._data).full(x.shape, value, dtype=x.dtype if dtype is None else as_dtype(function, dtype)))


def zeros_like(input, dtype=None):
    """Zeros of another tensor's shape, dtype and device."""
    return _like("zeros_like", input, 0, dtype)


def ones_like(input, dtype=None):
    """Ones of another tensor's shape, dtype and device."""
    return _like("ones_like", input, 1, dtype)


def full_like(input, fill_value, dtype=None):
    """fill_value in another tensor's shape, dtype and device."""
    return _like("full_like", input, fill_value, dtype)


@checked(start=NUMBER, end=NUMBER, step=NUMBER)
def arange(start, end=None, step=1, dtype=None, device="cpu", requires_grad=False):
    """start, start + step, ... below end; arange(n) counts from 0. Ints give int64, floats float32."""
    start, end = (0, start) if end is None else (start, end)
    if step == 0:
        raise InputError("arange", "step", "a number other than 0", step)
    kind = np.int64 if all(isinstance(v, (int, np.integer)) for v in (start, end, step)) else np.float32
    return _finish(np.arange(start, end, step), dtype or kind, device, requires_grad)


@checked(start=NUMBER, end=NUMBER, steps=COUNT)
def linspace(start, end, steps, dtype=None, device="cpu", requires_grad=False):
    """`steps` numbers from start to end, both included, equally far apart."""
    return _finish(np.linspace(start, end, steps), dtype, device, requires_grad)


@checked(n=COUNT, m=COUNT)
def eye(n, m=None, dtype=None, device="cpu", requires_grad=False):
    """Ones on the diagonal of an n x m matrix, zeros elsewhere."""
    return _finish(np.eye(n, m), dtype, device, requires_grad)


@checked
def rand(*size, dtype=None, device="cpu", requires_grad=False, generator=None):
    """Numbers uniform on [0, 1)."""
    draws = (generator or default_generator()).uniform(_shape("rand", size), dtype=_kind(dtype))
    return _finish(draws, dtype, device, requires_grad)


@checked
def randn(*size, dtype=None, device="cpu", requires_grad=False, generator=None):
    """Numbers from the standard normal law."""
    draws = (generator or default_generator()).normal(_shape("randn", size), dtype=_kind(dtype))
    return _finish(draws, dtype, device, requires_grad)


@checked
def rand_like(input, generator=None):
    """Uniform numbers in another tensor's shape, dtype and device."""
    draws = (generator or default_generator()).uniform(input.shape, dtype=input.dtype, xp=xp_of(input._data))
    return Tensor._make(draws)


@checked
def randn_like(input, generator=None):
    """Normal numbers in another tensor's shape, dtype and device."""
    draws = (generator or default_generator()).normal(input.shape, dtype=input.dtype, xp=xp_of(input._data))
    return Tensor._make(draws)


@checked(low=INT, high=INT)
def randint(low, high=None, size=(), dtype=None, device="cpu", generator=None):
    """Integers uniform on low, ..., high - 1; randint(high, size=...) counts from 0."""
    low, high = (0, low) if high is None else (low, high)
    if low >= high:
        raise InputError("randint", "high", f"above low = {low}", high)
    draws = (generator or default_generator()).integers(low, high, _shape("randint", (size,)))
    return _finish(draws, dtype or np.int64, device, False)


@checked(n=COUNT)
def randperm(n, device="cpu", generator=None):
    """0, ..., n - 1 in a random order."""
    return _finish((generator or default_generator()).permutation(n), np.int64, device, False)
