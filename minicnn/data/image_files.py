"""Pictures in PNG and JPEG files, decoded by Pillow, which is asked for these two formats alone and for no more pixels
than agreed."""

import struct
import zlib
from pathlib import Path

import numpy as np

from ..errors import DataError, InputError
from ..files import opened
from .unpack import BLOCK, FAULTS, read_exactly

__all__ = ["read_image"]

FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}  # by their first bytes
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
MODES = {"RGB": 3, "L": 1}
DAMAGE = (*FAULTS, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error, zlib.error)


def read_image(path, mode="RGB", max_pixels=20_000_000):
    """The picture in a PNG or JPEG file as a uint8 array (3, H, W), or (1, H, W) with mode="L" (grey).

    Palettes are looked up, transparency is dropped, an orientation noted in the file is not applied. A file of another
    format than its name says, one with more than max_pixels pixels (which takes a small file: zeros pack a thousand to
    one), and one that is cut off or damaged are a DataError that names it. What no checksum shows cannot be told from a
    picture: damage inside a JPEG that still decodes; a PNG made with fewer rows than it says, of which the rest is black.
    """
    if mode not in MODES:
        raise InputError("read_image", "mode", f"one of {', '.join(MODES)}", repr(mode))
    try:
        with opened(path) as file:
            kind = _format(path, file.read(8))
            if kind == "PNG":
                _check_chunks(path, file)
            file.seek(0)
            return _decode(path, file, kind, mode, max_pixels)
    except DataError:
        raise
    except DAMAGE as error:
        raise DataError(f"{path}: cannot read the picture: {error}") from error


def _format(path, head):
    """PNG or JPEG, as the first bytes say, if the name does not say otherwise."""
    kind = next((name for start, name in FORMATS.items() if head.startswith(start)), None)
    if kind is None:
        raise DataError(f"{path}: is neither a PNG nor a JPEG file, it begins with {head!r}")
    if (named := SUFFIXES.get(Path(path).suffix.lower(), kind)) != kind:
        raise DataError(f"{path}: is a {kind} file, its name says {named}. Rename it")
    return kind


def _check_chunks(path, file):
    """Compare the checksum of each chunk of a PNG, down to the last. Pillow passes over those of the pixels."""
    name = b""
    while name != b"IEND":
        length, name = struct.unpack(">I4s", read_exactly(file, 8, path))
        checksum = zlib.crc32(name)
        while length:
            block = read_exactly(file, min(length, BLOCK), path)
            checksum, length = zlib.crc32(block, checksum), length - len(block)
        if read_exactly(file, 4, path) != checksum.to_bytes(4, "big"):
            raise DataError(f"{path}: is damaged: the checksum of its part {name!r} is wrong")


def _decode(path, file, kind, mode, max_pixels):
    """The array. The size stands in the file's first bytes; Pillow sets memory aside only at load()."""
    from PIL import JpegImagePlugin, PngImagePlugin

    with (PngImagePlugin.PngImageFile if kind == "PNG" else JpegImagePlugin.JpegImageFile)(file) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise DataError(f"{path}: has {width} x {height} pixels, {max_pixels:,} at most are read (max_pixels)")
        if image.mode.startswith(("I", "F")):
            raise DataError(f"{path}: has more than 8 bits a channel")
        image.load()
        image.info.pop("transparency", None)
        array = np.asarray(image.convert(mode))
    return np.ascontiguousarray(array.reshape(height, width, MODES[mode]).transpose(2, 0, 1))
