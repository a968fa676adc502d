"""A stand-in for CuPy that computes on the CPU and is as strict as a GPU array is.

`StrictArray` holds a NumPy array in private and behaves like `cupy.ndarray`: it refuses to meet a NumPy array, refuses
to turn into one unasked, reduces to 0-d arrays, and every copy between "host" and "device" is counted. `strict_xp`
stands for the module `cupy`: it has only functions that CuPy 14 has, with the keywords that CuPy takes. Code that runs
here and is right on NumPy has no host/device mistake that CuPy would punish with an error or a hidden copy.

Stricter than CuPy on purpose, because CuPy copies without a word: a NumPy array as an index is refused, iterating
over a vector (one launch per entry) is refused, and so is writing into the result of broadcast_to.
"""

import sys
from contextlib import contextmanager

import numpy as np

from minicnn import backend

__all__ = ["StrictArray", "strict_xp", "to_strict", "from_strict", "count_transfers"]

# ------------------------------------------------------------------------------------------- counting transfers


class Transfers:
    """How often data went from device to host and back, and in `log` which line asked for it."""

    def __init__(self):
        self.to_host, self.to_device, self.log = 0, 0, []

    def __repr__(self):
        return f"Transfers(to_host={self.to_host}, to_device={self.to_device}, log={self.log})"


_counting = []  # the counters of the `with` blocks that are open


@contextmanager
def count_transfers():
    """`with count_transfers() as t:` afterwards t.to_host and t.to_device say how many copies the block made."""
    counter = Transfers()
    _counting.append(counter)
    try:
        yield counter
    finally:
        _counting.remove(counter)


def _count(way, what):
    if not _counting:
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    for counter in _counting:
        setattr(counter, way, getattr(counter, way) + 1)
        counter.log.append(f"{way}: {what} at {frame.f_code.co_filename}:{frame.f_lineno}")


# ------------------------------------------------------------------------------------------- in and out of the box

_SCALARS = (bool, int, float, complex, np.generic)


def _unsupported(value):
    return TypeError(f"Unsupported type {type(value)}")


def _box(result):
    """What NumPy returned, as CuPy would: arrays and NumPy scalars become StrictArrays, also inside tuples."""
    if isinstance(result, (np.ndarray, np.generic)):
        return _wrap(np.asarray(result))
    if isinstance(result, (tuple, list)):
        parts = [_box(part) for part in result]
        return parts if isinstance(result, list) else tuple(parts)
    return _wrap(np.asarray(result)) if isinstance(result, bool) else result


def _wrap(array):
    if array.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {array.dtype}")
    self = object.__new__(StrictArray)
    self._a = array
    return self


def _open(value):
    """The private array of a StrictArray; scalars, None, dtypes and the like pass; NumPy arrays are refused."""
    if isinstance(value, StrictArray):
        return value._a
    if isinstance(value, np.ndarray):
        raise _unsupported(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_open(part) for part in value)
    return value


def _operand(value):
    """What may stand in a ufunc: a StrictArray or a number, nothing else."""
    if isinstance(value, StrictArray):
        return value._a
    if isinstance(value, _SCALARS):
        return value
    raise _unsupported(value)


def _keywords(function, allowed, given):
    """The keyword arguments, opened; one that CuPy's function does not take is an error."""
    for name in given:
        if name not in allowed:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; CuPy takes: {', '.join(allowed)}")
    if isinstance(given.get("out"), tuple):
        given["out"] = given["out"][0]
    if given.get("out") is not None and not isinstance(given["out"], StrictArray):
        raise TypeError(f"Unsupported type {type(given['out'])}: {function} needs a StrictArray as out")
    if given.get("kind") not in (None, "stable"):
        raise ValueError(f"{function}: CuPy sorts with kind None or 'stable' only, not {given['kind']!r}")
    return {name: _open(value) for name, value in given.items()}


def _index(index, reads):
    """An index as NumPy takes it. Integer and boolean StrictArrays, and lists (a counted copy), are allowed."""
    parts = index if isinstance(index, tuple) else (index,)
    opened, basic = [], True
    for part in parts:
        if isinstance(part, StrictArray):
            basic = False
            if reads and part.dtype == np.bool_:
                _count("to_host", "boolean mask (the result's size must be known)")
            part = part._a
        elif isinstance(part, np.ndarray):
            raise _unsupported(part)
        elif isinstance(part, (list, bool, np.bool_)):
            basic = False
            _count("to_device", "a list as an index")
            part = _open(part)
        elif not (part is None or part is Ellipsis or isinstance(part, (slice, int, np.integer))):
            raise IndexError(f"an index must be an int, slice, None, Ellipsis, list or StrictArray, not {type(part)}")
        opened.append(part)
    if basic and Ellipsis not in opened:
        opened.append(Ellipsis)  # so that NumPy returns a view, not a scalar, when every axis gets an integer
    return tuple(opened)


# ----------------------------------------------------------------------------------------------------- the array

class Flags:
    """Memory layout as CuPy tells it: three flags, no `writeable`."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous, self.owndata = flags.c_contiguous, flags.f_contiguous, flags.owndata

    def __getitem__(self, name):
        return getattr(self, {"C_CONTIGUOUS": "c_contiguous", "F_CONTIGUOUS": "f_contiguous", "OWNDATA": "owndata"}[name])


class StrictArray:
    """An array on the device 'strict:0'. Make one with `to_strict` or a function of `strict_xp`."""

    __slots__ = ("_a",)
    __array_priority__ = 100
    device = "strict:0"

    def __init__(self, shape, dtype=float):
        self._a = np.zeros(shape, dtype)

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    strides = property(lambda self: self._a.strides)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    flags = property(lambda self: Flags(self._a.flags))
    T = property(lambda self: _wrap(self._a.T))
    mT = property(lambda self: _wrap(self._a.mT))
    real = property(lambda self: _wrap(self._a.real))
    imag = property(lambda self: _wrap(self._a.imag))
    base = property(lambda self: _wrap(self._a.base) if isinstance(self._a.base, np.ndarray) else self._a.base)

    # copies to the host: allowed, counted

    def _fetch(self, what):
        _count("to_host", what)
        return self._a

    def get(self, stream=None, order="C", out=None, blocking=True):
        """A copy on the host."""
        if out is None:
            return self._fetch("get").copy(order)
        out[...] = self._fetch("get")
        return out

    def item(self):
        return self._fetch("item").item()

    def tolist(self):
        return self._fetch("tolist").tolist()

    def tobytes(self, order="C"):
        return self._fetch("tobytes").tobytes(order)

    def __float__(self):
        return float(self._fetch("float").item())

    def __int__(self):
        return int(self._fetch("int").item())

    def __complex__(self):
        return complex(self._fetch("complex").item())

    def __bool__(self):
        return bool(self._fetch("bool"))

    def __repr__(self):
        return repr(self._fetch("repr"))

    def __format__(self, spec):
        return format(self._fetch("format").item(), spec) if self.ndim == 0 else format(str(self._a), spec)

    def __reduce__(self):
        return to_strict, (self.get(),)

    def __copy__(self):
        return _wrap(self._a.copy())

    def __deepcopy__(self, memo):
        return _wrap(self._a.copy())

    def set(self, array, stream=None):
        """Overwrite with a NumPy array of the same shape and dtype."""
        if not isinstance(array, np.ndarray) or array.shape != self.shape or array.dtype != self.dtype:
            raise TypeError("set takes a numpy.ndarray of the same shape and dtype")
        _count("to_device", "set")
        self._a[...] = array

    # what is refused

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy "
                        "array explicitly.")

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        if self.ndim == 1:
            raise TypeError("iterating over a vector on the device is one launch per entry: use .tolist() or array code")
        return (self[i] for i in range(len(self)))

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len() of unsized object")
        return len(self._a)

    # indexing and NumPy's protocols

    def __getitem__(self, index):
        return _wrap(np.asarray(self._a[_index(index, reads=True)]))

    def __setitem__(self, index, value):
        self._a[_index(index, reads=False)] = _operand(value)

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        function = getattr(strict_xp, ufunc.__name__)
        if ufunc.__name__ in _COMPARISONS:  # NumPy hands its scalars over as 0-d arrays here (numpy issue 12142)
            inputs = [x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
        return (function if method == "__call__" else getattr(function, method))(*inputs, **keywords)

    def __array_function__(self, function, types, arguments, keywords):
        return getattr(strict_xp, function.__name__)(*arguments, **keywords)


def _operator(ufunc, swapped=False):
    def method(self, other):
        if getattr(other, "__array_ufunc__", ufunc) is None:  # a Tensor: its own reflected operator answers
            return NotImplemented
        other = _operand(other)
        return _box(ufunc(other, self._a) if swapped else ufunc(self._a, other))

    return method


def _in_place(ufunc):
    def method(self, other):
        ufunc(self._a, _operand(other), out=self._a)
        return self

    return method


for _name, _function in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift, "matmul": np.matmul,
}.items():
    setattr(StrictArray, f"__{_name}__", _operator(_function))
    setattr(StrictArray, f"__r{_name}__", _operator(_function, swapped=True))
    if _name != "matmul":  # which CuPy lacks, too: a @= b makes a new array
        setattr(StrictArray, f"__i{_name}__", _in_place(_function))
_COMPARISONS = {"equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
                "greater_equal": "ge"}
for _name, _method_name in _COMPARISONS.items():
    setattr(StrictArray, f"__{_method_name}__", _operator(getattr(np, _name)))
for _name, _function in {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}.items():
    setattr(StrictArray, f"__{_name}__", lambda self, _f=_function: _box(_f(self._a)))
StrictArray.__hash__ = None

# Method -> the keywords that cupy.ndarray's takes (CuPy 14.2); names without any take positional arguments only.
_METHODS = {
    "all": "axis out keepdims", "any": "axis out keepdims", "argmax": "axis dtype out keepdims",
    "argmin": "axis dtype out keepdims", "argpartition": "kth axis", "argsort": "axis kind",
    "astype": "dtype order casting subok copy", "clip": "min max out", "compress": "condition axis out", "conj": "",
    "copy": "order", "cumprod": "axis dtype out", "cumsum": "axis dtype out", "diagonal": "offset axis1 axis2",
    "dot": "out", "fill": "value", "flatten": "order", "max": "axis out keepdims", "mean": "axis dtype out keepdims",
    "min": "axis out keepdims", "nonzero": "", "partition": "kth axis", "prod": "axis dtype out keepdims",
    "put": "indices values mode", "ravel": "order", "repeat": "repeats axis", "reshape": "order copy",
    "round": "decimals out", "searchsorted": "v side sorter", "sort": "axis kind", "squeeze": "axis",
    "std": "axis dtype out ddof keepdims", "sum": "axis dtype out keepdims", "swapaxes": "axis1 axis2",
    "take": "indices axis out", "trace": "offset axis1 axis2 dtype out", "transpose": "",
    "var": "axis dtype out ddof keepdims", "view": "dtype",
}
_SYNCHRONISE = {"nonzero", "argwhere", "flatnonzero", "unique", "bincount", "compress", "extract"}  # sizes follow data


def _method(name, allowed):
    function = getattr(np.ndarray, name)

    def method(self, *arguments, **keywords):
        keywords = _keywords(f"StrictArray.{name}", allowed, keywords)
        if name in _SYNCHRONISE:
            _count("to_host", name)
        return _box(function(self._a, *_open(arguments), **keywords))

    method.__name__ = name
    return method


for _name, _allowed in _METHODS.items():
    setattr(StrictArray, _name, _method(_name, _allowed.split()))

# --------------------------------------------------------------------------------------------- the module's functions


def _names(text):
    return text.split()


_UFUNCS = _names("""abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_not bitwise_or
bitwise_xor cbrt ceil conj conjugate copysign cos cosh deg2rad degrees divide equal exp exp2 expm1 fabs floor
floor_divide fmax fmin fmod greater greater_equal heaviside hypot invert isfinite isinf isnan left_shift less less_equal
log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor matmul maximum minimum mod
multiply negative nextafter not_equal positive power rad2deg radians reciprocal remainder right_shift rint sign signbit
sin sinh sqrt square subtract tan tanh true_divide trunc""")
_AT = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}
_ATOMIC = ("int32", "uint32", "uint64", "float16", "float32", "float64")  # types that CuPy can scatter into

# First argument an array; then the keywords that CuPy's function takes.
_FUNCTIONS = {
    "all": "axis out keepdims", "allclose": "rtol atol equal_nan", "amax": "axis out keepdims",
    "amin": "axis out keepdims", "any": "axis out keepdims", "argmax": "axis dtype out keepdims",
    "argmin": "axis dtype out keepdims", "argpartition": "kth axis", "argsort": "axis kind", "argwhere": "",
    "around": "decimals out", "array_equal": "equal_nan", "array_split": "axis", "ascontiguousarray": "dtype",
    "astype": "copy", "atleast_1d": "", "atleast_2d": "", "average": "axis weights returned keepdims",
    "bincount": "weights minlength", "broadcast_arrays": "", "broadcast_to": "shape", "clip": "a_min a_max out",
    "convolve": "mode", "copy": "order", "copyto": "casting where", "correlate": "mode", "count_nonzero": "axis",
    "cumprod": "axis dtype out", "cumsum": "axis dtype out", "diag": "k", "diagonal": "offset axis1 axis2",
    "diff": "n axis prepend append", "digitize": "right", "dot": "out", "empty_like": "dtype order shape",
    "expand_dims": "axis", "extract": "", "fill_diagonal": "wrap", "flatnonzero": "", "flip": "axis", "fliplr": "",
    "flipud": "", "full_like": "fill_value dtype order shape", "gradient": "axis edge_order",
    "histogram": "bins range density weights", "imag": "", "inner": "", "interp": "left right period",
    "isclose": "rtol atol equal_nan", "isin": "assume_unique invert", "kron": "", "linspace": "num endpoint dtype axis",
    "matrix_transpose": "", "max": "axis out keepdims", "mean": "axis dtype out keepdims",
    "median": "axis out overwrite_input keepdims", "meshgrid": "indexing sparse copy", "min": "axis out keepdims",
    "moveaxis": "source destination", "nan_to_num": "copy nan posinf neginf", "nanmax": "axis out keepdims",
    "nanmean": "axis dtype out keepdims", "nanmin": "axis out keepdims", "nansum": "axis dtype out keepdims",
    "nonzero": "", "ones_like": "dtype order shape", "outer": "out", "pad": "mode constant_values",
    "partition": "kth axis", "percentile": "axis out method keepdims", "permute_dims": "axes",
    "prod": "axis dtype out keepdims", "ptp": "axis out keepdims", "put_along_axis": "axis",
    "quantile": "axis out method keepdims", "ravel": "order", "real": "", "repeat": "repeats axis",
    "reshape": "order copy", "roll": "shift axis", "rot90": "k axes", "round": "decimals out",
    "searchsorted": "side sorter", "sort": "axis kind", "split": "axis", "squeeze": "axis",
    "std": "axis dtype out ddof keepdims", "sum": "axis dtype out keepdims", "swapaxes": "axis1 axis2",
    "take": "indices axis out", "take_along_axis": "indices axis", "tensordot": "axes", "tile": "reps",
    "trace": "offset axis1 axis2 dtype out", "transpose": "axes", "tril": "k", "triu": "k",
    "unique": "return_index return_inverse return_counts axis equal_nan", "var": "axis dtype out ddof keepdims",
    "vdot": "", "where": "", "zeros_like": "dtype order shape",
}
_SEQUENCES = {"concatenate": "axis out dtype casting", "concat": "axis out dtype casting", "dstack": "",
              "column_stack": "", "hstack": "dtype casting", "stack": "axis out dtype casting",
              "vstack": "dtype casting"}
_CREATION = {"arange": "start stop step dtype", "empty": "dtype order", "eye": "N M k dtype order",
             "full": "fill_value dtype order", "identity": "dtype", "indices": "dtype",
             "ones": "dtype order", "tri": "N M k dtype", "tril_indices": "k m", "triu_indices": "k m",
             "zeros": "shape dtype order"}
_ABOUT = ["broadcast_shapes", "can_cast", "isscalar", "may_share_memory", "ndim", "promote_types", "result_type",
          "shape", "shares_memory", "size"]  # answers about arrays, which stay on the host
_CONSTANTS = _names("""bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128
intp dtype e finfo floating iinfo inexact inf integer nan newaxis pi issubdtype""")
_LINALG = {"cholesky": "", "det": "", "eigh": "UPLO", "eigvalsh": "UPLO", "inv": "", "lstsq": "rcond",
           "matrix_power": "", "matrix_rank": "tol", "norm": "ord axis keepdims", "pinv": "rcond", "qr": "mode",
           "slogdet": "", "solve": "", "svd": "full_matrices compute_uv"}
_FFT = {name: "n axis norm" for name in ("fft", "ifft", "rfft", "irfft")} | {
    name: "s axes norm" for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn")} | {
    "fftshift": "axes", "ifftshift": "axes"}
_STRIDES = {"as_strided": "shape strides", "sliding_window_view": "window_shape axis"}
LACKING = _names("""block einsum_path errstate frompyfunc geomspace insert isnat matvec memmap nanpercentile nanquantile
ndenumerate nditer seterr spacing unstack vecdot vecmat""")  # NumPy has these, CuPy has not


class Ufunc:
    """A ufunc with those of its methods that CuPy implements."""

    def __init__(self, name):
        self.__name__, self._ufunc = name, getattr(np, name)

    def __call__(self, *inputs, **keywords):
        n = self._ufunc.nin
        if len(inputs) > n:  # an output given by position
            inputs, keywords["out"] = inputs[:n], inputs[n]
        keywords = _keywords(self.__name__, ("out", "casting", "dtype", "where"), keywords)
        result = self._ufunc(*[_operand(x) for x in inputs], **keywords)
        return _box(result)

    def _lacks(self, method):
        return NotImplementedError(f"`cupy_{self.__name__}.{method}` is not supported yet")

    def at(self, a, indices, b):
        """a[indices] op= b, where repeated indices add up; into 32-bit integers and floats, but not int64."""
        if self.__name__ not in _AT:
            raise self._lacks("at")
        if not isinstance(a, StrictArray):
            raise _unsupported(a)
        opened = _index(indices, reads=False)
        if a.dtype.name not in _ATOMIC and any(isinstance(i, (np.ndarray, list)) for i in opened):
            raise TypeError(f"scatter_{self.__name__} only supports {', '.join(_ATOMIC)}, not {a.dtype}")
        self._ufunc.at(a._a, opened, _operand(b))

    def _like_method(self, method, names, array, arguments, keywords):
        if self.__name__ not in names:
            raise self._lacks(method)
        if not isinstance(array, StrictArray):
            raise _unsupported(array)
        if arguments:
            keywords["axis"], = arguments
        return getattr(array, names[self.__name__])(**{"axis": 0, **keywords})

    def reduce(self, array, *arguments, **keywords):
        return self._like_method("reduce", {"add": "sum", "multiply": "prod"}, array, arguments, keywords)

    def accumulate(self, array, *arguments, **keywords):
        return self._like_method("accumulate", {"add": "cumsum", "multiply": "cumprod"}, array, arguments, keywords)

    def outer(self, a, b, **keywords):
        return _box(self._ufunc.outer(_operand(a), _operand(b), **keywords))


def _function_of(module, name, allowed, first):
    """The function `name` of a NumPy module, with CuPy's keywords; `first` says what its first argument may be."""
    function, allowed = getattr(module, name), allowed.split()

    def checked(*arguments, **keywords):
        keywords = _keywords(name, allowed, keywords)
        head = arguments[0] if arguments else None
        if first == "array" and name != "linspace" and not isinstance(head, StrictArray):
            raise _unsupported(head)
        if first == "arrays":
            if not isinstance(head, (list, tuple)):
                raise TypeError(f"{name} takes a list or tuple of arrays, not {type(head)}")
            for part in head:
                if not isinstance(part, StrictArray):
                    raise _unsupported(part)
        if first == "number" and any(isinstance(x, StrictArray) for x in arguments[:1]):
            raise TypeError(f"{name}: a size on the device is a hidden copy to the host; use .item() to show it")
        if name in _SYNCHRONISE or (name == "where" and len(arguments) == 1):
            _count("to_host", name)
        return _box(function(*[_open(x) for x in arguments], **keywords))

    checked.__name__ = name
    return checked


def _namespace(module, table):
    space = _Module(f"strict.{module.__name__.partition('.')[2]}")
    for name, allowed in table.items():
        setattr(space, name, _function_of(module, name, allowed, "array"))
    return space


class _Module:
    """A namespace that says why a name is not in it."""

    def __init__(self, name):
        self.__name__ = name

    def __getattr__(self, name):
        why = "CuPy has no such function" if name in LACKING else "if CuPy has it, add it to the stand-in's tables"
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}: {why}")


def _copy_in(value, what):
    """Device memory for the value of array() or asarray(): NumPy arrays, lists and numbers are copied, and counted."""
    if isinstance(value, StrictArray):
        return value._a, False
    if isinstance(value, (list, tuple)) and any(isinstance(part, StrictArray) for part in value):
        return np.stack([_operand(part) for part in value]), True
    if not isinstance(value, (np.ndarray, list, tuple, *_SCALARS)):
        raise _unsupported(value)
    _count("to_device", what)
    return np.array(value), True


def _array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    array, fresh = _copy_in(obj, "array")
    return _wrap(np.array(array, dtype=dtype, copy=(copy and not fresh) or None, order=order, ndmin=ndmin))


def _asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    array, fresh = _copy_in(a, "asarray")
    if not fresh and not copy and (dtype is None or array.dtype == dtype) and order in (None, "K"):
        return a
    return _wrap(np.array(array, dtype=dtype, order=order or "K", copy=(copy and not fresh) or None))


def _einsum(subscripts, *operands, dtype=None, optimize=False):
    for x in operands:
        if not isinstance(x, StrictArray):
            raise _unsupported(x)
    return _box(np.asarray(np.einsum(subscripts, *[x._a for x in operands], dtype=dtype, optimize=optimize)))


def _asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get(order=order) if isinstance(a, StrictArray) else np.asarray(a)


def _about(function):
    return lambda *arguments: function(*[_open(x) for x in arguments])


def _build():
    xp = _Module("strict")
    for name in _UFUNCS:
        setattr(xp, name, Ufunc(name))
    for table, first in ((_FUNCTIONS, "array"), (_SEQUENCES, "arrays"), (_CREATION, "number")):
        for name, allowed in table.items():
            setattr(xp, name, _function_of(np, name, allowed, first))
    for name in _ABOUT:
        setattr(xp, name, _about(getattr(np, name)))
    for name in _CONSTANTS:
        setattr(xp, name, getattr(np, name))
    xp.ndarray, xp.array, xp.asarray, xp.asnumpy, xp.einsum = StrictArray, _array, _asarray, _asnumpy, _einsum
    xp.linalg, xp.fft, xp.lib = _namespace(np.linalg, _LINALG), _namespace(np.fft, _FFT), _Module("strict.lib")
    xp.lib.stride_tricks = _namespace(np.lib.stride_tricks, _STRIDES)
    return xp


strict_xp = _build()
backend.register_array_type(StrictArray, strict_xp, device="strict")


def to_strict(array):
    """A NumPy array (or numbers in lists) on the device; a counted copy. A StrictArray comes back as it is."""
    return _asarray(array)


def from_strict(array):
    """A StrictArray as a NumPy array on the host; a counted copy."""
    return array.get()
