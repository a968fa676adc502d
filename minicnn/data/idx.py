"""The IDX format of the MNIST files: two zero bytes, a type, the number of dimensions, the dimensions, the numbers."""

import math

import numpy as np

from ..errors import DataError
from .unpack import opened, read_exactly

__all__ = ["read_idx"]

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
LIMIT = 1 << 30  # bytes of the numbers, at most


def read_idx(path, shape=None, dtype=None):
    """The array in an IDX file, gzipped or not, in this machine's byte order.

    shape, dtype: what it must have, None for anything (at most 1 GiB). A file that differs, ends early or goes on after
    its last number is a DataError that names it.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST Database, "the IDX file format".
    """
    with opened(path) as file:
        zero, code, ndim = _split(read_exactly(file, 4, path))
        if zero or code not in TYPES or not ndim:
            raise DataError(f"{path}: not an IDX file: it begins with {zero:#06x}, type {code:#04x}, {ndim} dimensions")
        kind = np.dtype(TYPES[code])
        if dtype is not None and kind != np.dtype(dtype).newbyteorder(">"):
            raise DataError(f"{path}: holds {kind.newbyteorder('=')}, {np.dtype(dtype)} is right")
        if shape is not None and ndim != len(shape):
            raise DataError(f"{path}: has {ndim} dimensions, {len(shape)} are right")
        found = tuple(np.frombuffer(read_exactly(file, 4 * ndim, path), ">u4").tolist())
        if shape is not None and found != tuple(shape):
            raise DataError(f"{path}: has shape {found}, {tuple(shape)} is right")
        size = math.prod(found) * kind.itemsize
        if size > LIMIT:
            raise DataError(f"{path}: says that it has shape {found}, {size:,} bytes; {LIMIT:,} at most are read")
        data = read_exactly(file, size, path)
        if file.read(1):
            raise DataError(f"{path}: goes on after the {size:,} bytes of its numbers")
    return np.frombuffer(data, kind).reshape(found).astype(kind.newbyteorder("="), copy=False)


def _split(head):
    """(first two bytes, type, number of dimensions) of the magic number."""
    return int.from_bytes(head[:2], "big"), head[2], head[3]
