"""Weights in files: safetensors, or .npz without pickle. Reading runs no code and believes nothing that a file says."""

from pathlib import Path

import numpy as np

from ..autograd import raw
from ..backend import is_array, to_numpy
from ..errors import DataError, InputError
from ..files import Replacement, opened
from ..tensor import as_tensor
from . import npz, safetensors

__all__ = ["save", "load"]

_FORMATS = {".safetensors": safetensors, ".npz": npz}


def save(state, path, metadata=None):
    """Write a module's weights, or a dict {name: tensor or array}, to `path`, which ends in .safetensors or .npz.

    PyTorch, timm, JAX and others read safetensors; NumPy alone reads .npz. metadata: a dict of strings to go along
    (safetensors only). The file appears under its name all at once: a full disk or a killed process leaves the old one.

    >>> minicnn.save(model, "model.safetensors")
    >>> model.load_state_dict(minicnn.load("model.safetensors"))
    """
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise InputError("save", "path", f"a name that ends in {' or '.join(_FORMATS)}", repr(str(path)))
    if path.suffix == ".npz" and metadata:
        raise InputError("save", "metadata", "left out for .npz, which has no place for it", metadata)
    arrays = host_arrays("save", state.state_dict() if hasattr(state, "state_dict") else state)
    with Replacement(path) as file:
        _FORMATS[path.suffix].write(file, arrays, metadata or {})
        file.commit()


def load(path, finite=False, max_bytes=None):
    """{name: Tensor} of a .safetensors or .npz file (told apart by their first bytes), for `load_state_dict`.

    finite: refuse NaN and infinity. float16 and bfloat16 come as float32, which holds all their values; dtypes that the
    library does not compute with are refused. max_bytes: what a packed .npz may unpack to (default: 20 times its size, at
    least 64 MiB). A file that is damaged or lies about itself is a DataError that names it, and costs memory in
    proportion to its size, whatever sizes it claims.
    """
    if max_bytes is not None and (isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 0):
        raise InputError("load", "max_bytes", "an int >= 0 or None", repr(max_bytes))
    arrays = read_npz(path, max_bytes) if is_npz(path) else safetensors.read(path)[0]
    for name, array in arrays.items():
        if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"{path}: {name} has a value that is not finite")
    return {name: as_tensor(array) for name, array in arrays.items()}


def read_npz(path, max_bytes=None):
    """{name: array} of an .npz file."""
    return npz.read(path, max_bytes)


def is_npz(path):
    """Whether a file begins as a zip archive does."""
    with opened(path) as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")  # the second is an archive of nothing


def host_arrays(function, state):
    """{name: contiguous NumPy array} of a dict of tensors or arrays, with what cannot be saved refused."""
    if not isinstance(state, dict):
        raise InputError(function, "state", "a Module or a dict of tensors", type(state).__name__)
    arrays = {}
    for name, value in state.items():
        value = raw(value)
        if not isinstance(name, str) or not name or name == "__metadata__":
            raise InputError(function, "a name in state", "a string, not empty, not '__metadata__'", repr(name))
        if not (is_array(value) or isinstance(value, (np.ndarray, np.generic))):
            raise InputError(function, name, "a tensor or an array", type(value).__name__)
        arrays[name] = np.asarray(to_numpy(value), order="C")
        if arrays[name].dtype.kind not in "fiub" or arrays[name].dtype.itemsize > 8:
            raise InputError(function, name, "of numbers or booleans", f"dtype {arrays[name].dtype}")
    return arrays
