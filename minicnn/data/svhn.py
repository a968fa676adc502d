"""SVHN: house numbers on photographs, and as much of MATLAB's file format (level 5) as its three files need."""

import struct
import zlib
from contextlib import suppress

import numpy as np

from ..errors import DataError, InputError
from .download import download_folder, fetch, find_files
from .images import ImageDataset, checked_flag
from .unpack import BLOCK, opened, read_exactly

__all__ = ["SVHN", "read_mat"]

INT8, UINT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 2, 5, 6, 14, 15  # types of elements that occur
NUMERIC = range(6, 16)  # classes of arrays that hold real numbers
OVERHEAD = 4096  # bytes that may stand around an array's numbers
PIXELS = 32 * 32 * 3


class SVHN(ImageDataset):
    """The digits 0 to 9 of house numbers, cut out as (3, 32, 32) images; split: 'train' (73,257), 'test' (26,032) or
    'extra' (531,131, easier ones).

    The file, <split>_32x32.mat, gzipped or not, is looked for in `svhn/` of `root`; without a root, of the folder that the
    environment names in MINICNN_DATA, then of the user's cache folder. download=True fetches it where it is not there.
    The file's label 10 stands for the digit 0.

    Source: Y. Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning. For
    non-commercial use.
    """

    mirrors = ("http://ufldl.stanford.edu/housenumbers/",)
    # Images at most, and MD5, the only checksum that its publisher gives.
    splits = {
        "train": (73_257, "e26dedcc434d2e4c54c9b2d4a06d8373"),
        "test": (26_032, "eb5a983be6a315427106f1b164d9cef3"),
        "extra": (531_131, "a93ce644f1a588dc4d68dda5feec44a7"),
    }

    def __init__(self, split="train", transform=None, target_transform=None, download=False, root=None):
        if split not in self.splits:
            raise InputError("SVHN", "split", f"one of {', '.join(self.splits)}", repr(split))
        self.split = split
        if checked_flag("SVHN", "download", download):
            self._download(root)
        count = self.splits[split][0]
        [path] = find_files("SVHN", "svhn", [f"{split}_32x32.mat"], root)
        arrays = read_mat(path, {"X": PIXELS * count, "y": count})
        x, y = arrays["X"], arrays["y"]
        if x.shape[:3] != (32, 32, 3) or x.ndim != 4 or y.shape != (x.shape[3], 1) or not y.size:
            raise DataError(f"{path}: X has shape {x.shape} and y {y.shape}; (32, 32, 3, n) and (n, 1) are right")
        if not (1 <= y.min() and y.max() <= 10):
            raise DataError(f"{path}: has labels from {y.min()} to {y.max()}; 1 to 10 are right")
        data = np.ascontiguousarray(x.transpose(3, 2, 0, 1))
        super().__init__(data, y[:, 0] % 10, map(str, range(10)), transform, target_transform)

    def _download(self, root):
        name, (count, md5) = f"{self.split}_32x32.mat", self.splits[self.split]
        with suppress(DataError):
            find_files("SVHN", "svhn", [name], root)
            return
        fetch(name, [mirror + name for mirror in self.mirrors], download_folder(root) / "svhn", (PIXELS + 1) * count,
              f"md5:{md5}")

    def extra_repr(self):
        return f"split={self.split!r}"


# ------------------------------------------------------------------------------------------------------ MATLAB 5 files


def read_mat(path, sizes):
    """{name: uint8 array} for the arrays of a MATLAB level 5 file that `sizes` names; column-major, as MATLAB has them.

    sizes: {name: numbers it has at most}. Only real arrays that are stored as bytes are read, packed by zlib or not.
    Anything else, a missing array, and a file that is cut off are a DataError.

    Source: MathWorks, MAT-File Format, "Level 5 MAT-File Format".
    """
    largest, arrays = max(sizes.values()) + OVERHEAD, {}
    with opened(path) as file:
        order = _byte_order(read_exactly(file, 128, path), path)
        while head := file.read(8):
            kind, size = _header(head + read_exactly(file, 8 - len(head), path), order, path)
            if size > largest:
                raise DataError(f"{path}: has an element of {size:,} bytes, {largest:,} at most are right")
            if kind == COMPRESSED:
                kind, element = _inflated(file, size, largest, order, path)
            else:
                element = memoryview(read_exactly(file, size, path))
            if kind != MATRIX:
                raise DataError(f"{path}: has an element of type {kind}; only arrays are read")
            name, array = _matrix(element, order, path)
            if name in arrays or array.size > sizes.get(name, OVERHEAD):
                raise DataError(f"{path}: the array {name!r} is there twice or too large, with shape {array.shape}")
            arrays[name] = array
    if missing := sizes.keys() - arrays.keys():
        raise DataError(f"{path}: has no array {', '.join(sorted(missing))}")
    return arrays


def _byte_order(head, path):
    """'<' or '>', from the last four of the 128 bytes at the beginning."""
    orders = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
    if bytes(head[124:]) not in orders:
        raise DataError(f"{path}: not a MATLAB level 5 file")
    return orders[bytes(head[124:])]


def _header(head, order, path):
    """(type, number of bytes) of an element."""
    kind, size = struct.unpack(order + "II", head)
    if kind >> 16:
        raise DataError(f"{path}: not a MATLAB file, or a damaged one: there is no type {kind}")
    return kind, size


def _inflated(file, size, largest, order, path):
    """(type, content) of the one element inside a compressed element of `size` bytes."""
    unpacker, data = zlib.decompressobj(), bytearray()
    while size:
        block = read_exactly(file, min(size, BLOCK), path)
        size -= len(block)
        data += unpacker.decompress(block, largest + 8 + 1 - len(data))
        if len(data) > largest + 8:
            raise DataError(f"{path}: an element unpacks to more than the {largest:,} bytes that are right at most")
    if not unpacker.eof or unpacker.unused_data or len(data) < 8:
        raise DataError(f"{path}: an element does not unpack: it is cut off or has bytes to spare")
    kind, inside = _header(data[:8], order, path)
    if inside != len(data) - 8:
        raise DataError(f"{path}: an element says {inside:,} bytes and has {len(data) - 8:,}")
    return kind, memoryview(data)[8:]


def _matrix(element, order, path):
    """(name, array) of an element of type MATRIX: its flags, dimensions, name and numbers, in this order."""
    (flags, dimensions, name, numbers), rest = _parts(element, 4, order, path)
    kinds = [kind for kind, _ in (flags, dimensions, name, numbers)]
    flags, dimensions, name, numbers = (content for _, content in (flags, dimensions, name, numbers))
    if kinds != [UINT32, INT32, INT8, UINT8] or len(flags) != 8 or len(dimensions) % 4 or len(rest):
        raise DataError(f"{path}: has an array that is not made of bytes")
    bits = struct.unpack(order + "I", flags[:4])[0]
    if bits & 0xFF not in NUMERIC or bits & 0x800:  # 0x800: complex
        raise DataError(f"{path}: has an array of MATLAB's class {bits & 0xFF}; only real numbers are read")
    shape = np.frombuffer(dimensions, order + "i4").tolist()
    array = np.frombuffer(numbers, np.uint8)
    size = 1
    for n in shape:
        size *= max(n, 0)
    if not 2 <= len(shape) <= 32 or min(shape) < 0 or size != array.size:
        raise DataError(f"{path}: has an array of shape {tuple(shape)[:8]} with {array.size:,} numbers")
    return bytes(name).decode("latin-1"), array.reshape(shape, order="F")


def _parts(element, count, order, path):
    """([(type, content)] of the first `count` elements inside an element, and what is left)."""
    parts, start = [], 0
    for _ in range(count):
        if len(element) < start + 8:
            raise DataError(f"{path}: has an array that ends too early")
        first, size = struct.unpack(order + "II", element[start:start + 8])
        if first >> 16:  # a small element: type, size and at most four bytes of content in eight
            kind, size, begin, after = first & 0xFFFF, first >> 16, start + 4, start + 8
        else:
            kind, begin, after = first, start + 8, start + 8 + (size + 7) // 8 * 8
        if begin + size > min(after, len(element)):
            raise DataError(f"{path}: has an array that ends too early")
        parts.append((kind, element[begin:begin + size]))
        start = after
    return parts, element[start:]
