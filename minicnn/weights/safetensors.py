"""The safetensors format: 8 bytes n, a JSON header of n bytes that says where each array lies, the arrays' bytes.

The package of that name writes; reading is here, because the package takes the last of two entries with one name, has no
bfloat16 for NumPy, and reads a header of up to 100 MB into objects.

Source: Hugging Face, safetensors, "Format" in its README.
"""

import json
import math
import os

import numpy as np

from ..errors import DataError, InputError
from ..files import opened

__all__ = ["read", "read_header", "write", "check_booleans"]

HEADER = 3 << 20  # bytes of the header at most: some 30,000 arrays. As objects it takes up to 25 times as much
KINDS = {"BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
         "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}
LARGEST = 2**63 - 1  # bytes or entries that NumPy can count


def write(file, arrays, metadata):
    """Write {name: contiguous array} to an open Replacement, with metadata {str: str}."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    for key, value in metadata.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise InputError("save", "metadata", "a dict of strings", repr({key: value})[:80])
    try:
        save_file(arrays, file.part, metadata or None)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{file.path}: cannot write the file: {error}") from error
    try:
        read_header(file.part)  # what cannot be read back must not replace what can
    except DataError as error:
        raise InputError("save", "state", "of a header (names, and all that is no array) of 3 MiB at most", error) from error


def read(path):
    """({name: array}, metadata) of a file. float16 and bfloat16 become float32."""
    with opened(path) as file:
        entries, metadata, start = _header(file, path)
        arrays = {}
        for name, (kind, shape, begin, _) in entries.items():
            array = np.empty(shape, KINDS[kind])
            file.seek(start + begin)
            if array.size and file.readinto(memoryview(array.reshape(-1)).cast("B")) != array.nbytes:
                raise DataError(f"{path}: ends within {name}: it has changed while it was read")
            check_booleans(path, name, array)
            arrays[name] = _native(kind, array)
    return arrays, metadata


def read_header(path):
    """({name: (dtype, shape, begin, end)}, metadata) without the arrays."""
    with opened(path) as file:
        return _header(file, path)[:2]


def _native(kind, array):
    """In this machine's byte order, half precision widened: bfloat16 is the upper half of a float32."""
    if kind == "BF16":
        return (array.astype("u4") << 16).view("f4")
    return array.astype("f4" if kind == "F16" else array.dtype.newbyteorder("="), copy=False)


def check_booleans(path, name, array):
    """NumPy takes any byte for a boolean, and computes nonsense with all but 0 and 1."""
    if array.dtype == bool and (array.view("u1") > 1).any():
        raise DataError(f"{path}: {name} has a boolean that is neither 0 nor 1")


def _header(file, path):
    """(entries, metadata, where the arrays begin), all of it checked against the size of the file."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise DataError(f"{path}: not a safetensors file, or cut off: {size:,} bytes, of which the header should be {length:,}")
    if length > HEADER:
        raise DataError(f"{path}: has a header of {length:,} bytes, {HEADER:,} at most are read")
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a safetensors file: its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise DataError(f"{path}: not a safetensors file: its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise DataError(f"{path}: its __metadata__ is not a map from strings to strings")
    entries = {name: _entry(path, name, entry) for name, entry in header.items()}
    _check_tiling(path, entries, size - 8 - length)
    return entries, metadata, 8 + length


def _no_twins(pairs):
    """A dict, unless a key comes twice: which of the two is meant, nobody knows."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _entry(path, name, entry):
    """(dtype, shape, begin, end), if they agree with one another."""
    shape, ends = (entry.get("shape"), entry.get("data_offsets")) if isinstance(entry, dict) else (None, None)
    if not (_counts(shape) and _counts(ends) and len(ends) == 2 and set(entry) == {"dtype", "shape", "data_offsets"}):
        raise DataError(f"{path}: {name} has not exactly a dtype, a shape and data_offsets, in whole numbers >= 0")
    kind = entry["dtype"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise DataError(f"{path}: {name} has dtype {kind!r:.40}; one of {', '.join(KINDS)} is right")
    item = np.dtype(KINDS[kind]).itemsize
    if len(shape) > 32 or math.prod(max(n, 1) for n in shape) > LARGEST // item:  # zeros aside, as NumPy counts
        raise DataError(f"{path}: {name} has a shape that no array can have, {tuple(shape[:8])}")
    if ends[1] - ends[0] != math.prod(shape) * item:
        raise DataError(f"{path}: {name} of shape {tuple(shape)} in {kind} takes {math.prod(shape) * item:,} bytes, "
                        f"not those from {ends[0]:,} to {ends[1]:,}")
    return kind, tuple(shape), *ends


def _counts(values):
    """Whether this is a list of whole numbers >= 0 (True is none)."""
    return isinstance(values, list) and all(type(n) is int and 0 <= n <= LARGEST for n in values)


def _check_tiling(path, entries, size):
    """The arrays must follow one another without a gap, without sharing a byte, to the end of the file."""
    end = 0
    for name, (_, _, begin, after) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != end:
            raise DataError(f"{path}: {name} begins at byte {begin:,}, but the array before it ends at {end:,}")
        end = after
    if end != size:
        raise DataError(f"{path}: the arrays take {end:,} bytes, and the file has {size:,} for them")
