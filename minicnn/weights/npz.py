"""The .npz format: a zip archive of .npy files, each a short text header and the array's bytes.

numpy.load believes a header: 50 bytes can claim an array of 8 GB, and a packed archive of 10 MB can hold 10 GB. Here the
header is matched against the one form that numpy.save writes, nothing in it is evaluated, and sizes are checked first.

Source: NumPy documentation, numpy.lib.format.
"""

import io
import math
import os
import re
import struct
import zipfile
import zlib

import numpy as np

from ..errors import DataError
from ..files import opened
from .safetensors import LARGEST, check_booleans

__all__ = ["read", "write"]

FREE = 1 << 26  # bytes that every file may unpack to; a larger one,
RATIO = 20  # this many times its own size: weights hardly pack at all
BLOCK = 1 << 20  # bytes taken at a time
DIRECTORY = 1 << 20  # bytes of the archive's table of contents, at most: some 10,000 arrays
HEAD = 1 << 12  # bytes of an array's header, at most
HEADER = re.compile(
    rb"\{\s*'descr':\s*'([<>|=]?[a-zA-Z?]\d*)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d, ]*)\),?\s*\}\s*")
TYPES = {"b1", "?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"}
FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, OverflowError, RuntimeError)


def write(file, arrays, _metadata):
    """Write {name: contiguous array} to an open Replacement, unpacked."""
    try:
        with zipfile.ZipFile(file.file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
    except OSError as error:
        raise DataError(f"{file.path}: cannot write the file: {error}") from error


def read(path, max_bytes=None):
    """{name: array} of a file; float16 becomes float32. max_bytes: what the arrays may take together."""
    with opened(path) as file:
        limit = max(FREE, RATIO * os.fstat(file.fileno()).st_size) if max_bytes is None else max_bytes
        try:
            with zipfile.ZipFile(_Guarded(file, path)) as archive:
                members = archive.infolist()
                _check_members(path, members, limit)
                return {_name(info): _array(path, archive, info) for info in members}
        except FAULTS as error:
            raise DataError(f"{path}: cannot read the archive: {error}") from error


def _name(info):
    return info.filename.removesuffix(".npy")


def _check_members(path, members, limit):
    """Refuse what a file of arrays has no need of, by the table of contents."""
    if len({_name(info) for info in members}) < len(members):
        raise DataError(f"{path}: has two arrays of one name")
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise DataError(f"{path}: {info.filename!r} is encrypted, or packed by another method than deflate")
        if not info.filename.endswith(".npy"):
            raise DataError(f"{path}: {info.filename!r} is no array")
    if (total := sum(info.file_size for info in members)) > limit:
        raise DataError(f"{path}: unpacks to {total:,} bytes, {limit:,} at most are read. If you trust it, pass max_bytes")


def _array(path, archive, info):
    """One array, if its header agrees with the size that the table of contents states."""
    with archive.open(info) as member:
        head = member.read(10)
        if head[:6] != b"\x93NUMPY" or head[6:8] not in (b"\x01\0", b"\x02\0", b"\x03\0"):
            raise DataError(f"{path}: {info.filename!r} is no array")
        head += member.read(2) if head[6] > 1 else b""
        length = int.from_bytes(head[8:], "little")
        if length > HEAD:
            raise DataError(f"{path}: {info.filename!r} has a header of {length:,} bytes, {HEAD:,} at most are read")
        dtype, fortran, shape = _header(path, info, member.read(length))
        if math.prod(shape) * dtype.itemsize != info.file_size - len(head) - length:
            raise DataError(f"{path}: {info.filename!r} of shape {shape} in {dtype} does not take "
                            f"{info.file_size - len(head) - length:,} bytes")
        array = np.empty(math.prod(shape), dtype)
        _fill(path, info, member, memoryview(array.view("u1")))
    check_booleans(path, _name(info), array)
    array = array.reshape(shape, order="F" if fortran else "C")
    return array.astype("f4" if dtype.itemsize == 2 and dtype.kind == "f" else dtype.newbyteorder("="), copy=False)


def _header(path, info, text):
    """(dtype, whether column-major, shape)."""
    found = HEADER.fullmatch(text)
    if not found or found[1].decode().lstrip("<>|=") not in TYPES:
        kind = re.search(rb"'descr':\s*(.{,40})", text)
        raise DataError(f"{path}: {info.filename!r} is no array of numbers, or its header is damaged"
                        + (f": dtype {kind[1].decode('latin-1')}" if kind else "") + ". Arrays of objects are never read")
    shape = tuple(int(n) for n in found[3].replace(b" ", b"").split(b",") if n)
    dtype = np.dtype(found[1].decode())
    if len(shape) > 32 or math.prod(max(n, 1) for n in shape) > LARGEST // dtype.itemsize:
        raise DataError(f"{path}: {info.filename!r} has a shape that no array can have, {shape[:8]}")
    return dtype, found[2] == b"True", shape


def _fill(path, info, member, target):
    """Read a member into an array, block by block, to its end (where zipfile compares the checksum)."""
    at = 0
    while at < len(target):
        block = member.read(min(BLOCK, len(target) - at))
        if not block:
            raise DataError(f"{path}: {info.filename!r} ends after {at:,} of {len(target):,} bytes")
        target[at:at + len(block)] = block
        at += len(block)


class _Guarded(io.RawIOBase):
    """A file for zipfile to read, never more than DIRECTORY at once: it takes the table of contents in one piece."""

    def __init__(self, file, path):
        self.file, self.path = file, path

    def read(self, size=-1):
        left = os.fstat(self.file.fileno()).st_size - self.file.tell()
        if min(left, size if size >= 0 else left) > DIRECTORY:
            raise DataError(f"{self.path}: has a table of contents of more than {DIRECTORY:,} bytes")
        return self.file.read(size)

    def seekable(self):
        return True

    def seek(self, position, whence=0):
        return self.file.seek(position, whence)

    def tell(self):
        return self.file.tell()
