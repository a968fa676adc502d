"""read_idx: every kind of number, and each lie a file can tell."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data import unpack
from minicnn.data.idx import read_idx
from minicnn.errors import DataError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array, code=8, dims=None):
    """The bytes of an IDX file."""
    dims = array.shape if dims is None else dims
    numbers = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return bytes([0, 0, code, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + numbers


DATA = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_reads_every_type_in_this_machines_byte_order(tmp_path, kind, packed):
    wanted = (DATA.astype(float) - 3).astype(np.int8).astype(kind)
    content = idx(wanted, CODES[kind])
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(path, (2, 3, 4), kind)
    assert found.dtype == np.dtype(kind) and found.dtype.isnative
    np.testing.assert_array_equal(found, wanted)


def test_any_shape_is_read_if_none_is_asked_for(tmp_path):
    path = tmp_path / "file"
    for shape in [(0,), (1,), (2, 0, 5), (2, 1, 1, 3)]:
        path.write_bytes(idx(np.ones(shape, np.uint8)))
        assert read_idx(path).shape == shape


BAD = {
    "empty": (b"", "ends after 0 of 4"),
    "cut in the magic number": (b"\0\0\x08", "ends after 3 of 4"),
    "text": (b"<html>403</html>", "not an IDX file"),
    "unknown type": (idx(DATA, code=10), "not an IDX file"),
    "no dimensions": (b"\0\0\x08\0" + b"7", "not an IDX file"),
    "cut in the dimensions": (idx(DATA)[:14], "ends after 10 of 12"),
    "another number of dimensions": (idx(DATA.reshape(6, 4)), "has 2 dimensions, 3"),
    "255 dimensions": (b"\0\0\x08\xff" + bytes(255 * 4), "has 255 dimensions"),
    "another type": (idx(DATA.astype("i4"), 12), "holds int32, uint8 is right"),
    "another shape": (idx(DATA.reshape(3, 2, 4)), r"has shape \(3, 2, 4\), \(2, 3, 4\) is right"),
    "a huge shape": (idx(DATA, dims=(2**32 - 1,) * 3), "has shape"),
    "cut in the numbers": (idx(DATA)[:-1], "ends after 23 of 24"),
    "bytes to spare": (idx(DATA) + b"\0", "goes on after the 24 bytes"),
    "cut gzip": (gzip.compress(idx(DATA))[:-9], "cannot read"),
    "wrong checksum in gzip": (gzip.compress(idx(DATA))[:-8] + bytes(8), "cannot read.*CRC"),
    "damaged gzip": (gzip.compress(idx(DATA))[:12] + b"\xff" * 30, ""),
    "bomb": (gzip.compress(idx(DATA) + bytes(10**7)), "goes on after"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_their_path(tmp_path, case):
    content, message = BAD[case]
    path = tmp_path / "some-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"(?s)some-idx3-ubyte\.gz: .*{message}"):
        read_idx(path, (2, 3, 4), np.uint8)


def test_a_huge_shape_is_refused_without_one_to_compare_with(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(idx(DATA, dims=(2**32 - 1,) * 3))
    with pytest.raises(DataError, match="at most are read"):
        read_idx(path)
    path.write_bytes(idx(DATA, dims=(2**29,)))  # allowed, but not there: nothing of that size is set aside
    with pytest.raises(DataError, match="ends after 24 of 536,870,912"):
        read_idx(path)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(DataError, match="cannot read the file"):
            read_idx(path)


def test_read_file_stops_at_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "BLOCK", 1000)
    path = tmp_path / "file"
    for content in (bytes(5000), gzip.compress(bytes(5000))):
        path.write_bytes(content)
        assert unpack.read_file(path, 5000) == bytes(5000)
        with pytest.raises(DataError, match="more than 4,999 bytes"):
            unpack.read_file(path, 4999)


@given(st.data())
def test_damage_raises_nothing_but_dataerror(tmp_path_factory, data):
    """Any one change to a file is a DataError, or gives an array of the shape asked for."""
    path = tmp_path_factory.mktemp("fuzz") / "file"
    content = bytearray(idx(DATA))
    if data.draw(st.booleans()):
        content = bytearray(gzip.compress(content, mtime=0))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at:at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    path.write_bytes(content)
    for shape, kind in [((2, 3, 4), np.uint8), (None, None)]:
        try:
            assert read_idx(path, shape, kind).shape == (shape or read_idx(path).shape)
        except DataError as error:
            assert str(path) in str(error)
