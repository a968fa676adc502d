"""Files that lie, and every reader of the library: one typed error that names the path, nothing left behind, and no more
memory than 100 MB, whatever sizes a file claims. Then random damage, by hypothesis.

More cases of each reader are beside its own tests: tests/data/test_{idx,unpack,cifar,mnist,svhn,download}.py, and
tests/train/test_checkpoint.py for whole files with lying content.
"""

import gzip
import io
import json
import os
import re
import struct
import tarfile
import threading
import zipfile
import zlib
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import minicnn as mc
from minicnn import data, nn
from minicnn.data.idx import read_idx
from minicnn.data.svhn import read_mat
from minicnn.data.unpack import read_tar
from minicnn.errors import DataError
from minicnn.train import load_checkpoint

MB = 1 << 20


def zeros(count, packer):
    """So many MB of zeros, packed without ever being there."""
    return b"".join(packer.compress(bytes(MB)) for _ in range(count)) + packer.flush()


def zipped(content, count):
    """gzip of content and then so many MB of zeros."""
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(content) + zeros(count, packer)


# ------------------------------------------------------------------------------------------------------------ safetensors

def st_file(header, body=b"", length=None):
    """A safetensors file with this header (a dict, or its bytes), which says that it has `length` bytes."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def entry(begin, end, shape=(2,), dtype="F32", **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


A = {"a": entry(0, 8)}
ONE = json.dumps(A["a"])
SAFETENSORS = {
    "empty": b"",
    "seven bytes": b"\x10\0\0\0\0\0\0",
    "text": b"<html>404</html>",
    "header longer than the file": st_file(A, bytes(8), 10_000),
    "header of 2^63 bytes": st_file(A, bytes(8), 2**63),
    "header of 2^64 - 1 bytes": st_file(A, bytes(8), 2**64 - 1),
    "header of 90 MB": lambda: st_file(b'{"' + b"a" * (90 * MB) + b'": 1}'),
    "header cuts an entry": st_file(A, bytes(8), 20),
    "header of no bytes": st_file(b"", bytes(8)),
    "header is no JSON": st_file(b"{'a': 1}"),
    "header is no UTF-8": st_file(b'{"\xff": {}}'),
    "header is a list": st_file([1, 2]),
    "header is a number of ten thousand digits": st_file(b"9" * 10_000),
    "header nests a million deep": st_file(b"[" * MB),
    "a million small objects": lambda: st_file(b"[" + b"{}," * 1_000_000 + b"{}]"),
    "duplicate key": st_file(f'{{"a": {ONE}, "a": {ONE}}}'.encode(), bytes(8)),
    "duplicate key in an entry": st_file(b'{"a": {"dtype": "F32", "dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}', bytes(8)),
    "entry is a number": st_file({"a": 3}),
    "entry without dtype": st_file({"a": {"shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
    "entry without offsets": st_file({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "entry with a key too many": st_file({"a": entry(0, 8, pickle="yes")}, bytes(8)),
    "unknown dtype": st_file({"a": entry(0, 8, dtype="F33")}, bytes(8)),
    "dtype is code": st_file({"a": entry(0, 8, dtype="__import__('os')")}, bytes(8)),
    "dtype is a list": st_file({"a": entry(0, 8, dtype=["F32"])}, bytes(8)),
    "negative length": st_file({"a": entry(0, 8, shape=(-2,))}, bytes(8)),
    "two negative lengths": st_file({"a": entry(0, 8, shape=(-1, -2))}, bytes(8)),
    "fractional length": st_file({"a": entry(0, 8, shape=(2.0,))}, bytes(8)),
    "length is true": st_file({"a": entry(0, 4, shape=(True,))}, bytes(4)),
    "shape is text": st_file({"a": {**entry(0, 8), "shape": "2"}}, bytes(8)),
    "shape overflows to 0": st_file({"a": entry(0, 0, shape=(2**32, 2**32))}),
    "shape overflows to 8": st_file({"a": entry(0, 8, shape=(2**62 + 2,))}, bytes(8)),
    "empty shape that no array can have": st_file({"a": entry(0, 0, shape=(0, 2**62, 2**62))}),
    "a length of 2^70": st_file({"a": entry(0, 8, shape=(2**70,))}, bytes(8)),
    "a hundred dimensions": st_file({"a": entry(0, 4, shape=(1,) * 100)}, bytes(4)),
    "shape larger than its bytes": st_file({"a": entry(0, 8, shape=(3,))}, bytes(8)),
    "shape smaller than its bytes": st_file({"a": entry(0, 8, shape=(1,))}, bytes(8)),
    "huge shape, few bytes": st_file({"a": entry(0, 4 * 10**10, shape=(10**10,))}, bytes(8)),
    "offsets backwards": st_file({"a": entry(8, 0)}, bytes(8)),
    "offsets before the start": st_file({"a": entry(-8, 0)}, bytes(8)),
    "offsets past the end": st_file({"a": entry(8, 16)}, bytes(8)),
    "three offsets": st_file({"a": {**entry(0, 8), "data_offsets": [0, 4, 8]}}, bytes(8)),
    "overlap": st_file({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12)),
    "the same bytes twice": st_file({"a": entry(0, 8), "b": entry(0, 8)}, bytes(8)),
    "gap": st_file({"a": entry(0, 8), "b": entry(12, 20)}, bytes(20)),
    "gap at the beginning": st_file({"a": entry(4, 12)}, bytes(12)),
    "missing array": st_file({**A, "b": entry(8, 16)}, bytes(8)),
    "trailing bytes": st_file(A, bytes(9)),
    "truncated": st_file(A, bytes(7)),
    "no arrays, but bytes": st_file({}, bytes(8)),
    "booleans of 2": st_file({"a": entry(0, 2, dtype="BOOL")}, b"\1\2"),
    "metadata is a list": st_file({"__metadata__": ["a"], **A}, bytes(8)),
    "metadata holds numbers": st_file({"__metadata__": {"a": 1}, **A}, bytes(8)),
}


# -------------------------------------------------------------------------------------------------------------------- npz

def npy(text="{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", body=bytes(8), version=b"\1\0", length=None):
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + version + size + text.encode() + body


def npz_file(*members, method=zipfile.ZIP_STORED):
    """A zip archive of (name, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            with archive.open(zipfile.ZipInfo(name), "w") if method == zipfile.ZIP_STORED else archive.open(name, "w") as member:
                for block in content if not isinstance(content, bytes) else [content]:
                    member.write(block)
    return buffer.getvalue()


def described(**changes):
    values = {"descr": "'<f4'", "fortran_order": "False", "shape": "(2,)", **changes}
    return npz_file(("a.npy", npy("{" + "".join(f"'{k}': {v}, " for k, v in values.items()) + "}")))


def bomb(total):
    """A packed archive with an honest header and `total` bytes of zeros, a thousandth of which is packed."""
    head = npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({total},), }}", b"")
    return npz_file(("a.npy", [head, *[bytes(MB)] * (total // MB)]), method=zipfile.ZIP_DEFLATED)


def long_table(lines):
    """An archive whose table of contents lists one array again and again."""
    content = npz_file(("a.npy", npy()))
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    size = struct.pack("<I", (end - start) * lines)
    return content[:start] + content[start:end] * lines + content[end:end + 12] + size + content[end + 16:]


def object_array():
    """What an attacker sends to whoever passes allow_pickle=True."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    return npz_file(("a.npy", buffer.getvalue()))


def patched(content, old, new, count=-1):
    assert old in content and len(old) == len(new)
    return content.replace(old, new, count)


GOOD_NPZ = npz_file(("a.npy", npy()))
SIZES = struct.pack("<II", len(npy()), len(npy()))
NPZ = {
    "only the first bytes": b"PK\x03\x04",
    "an archive cut in the middle": GOOD_NPZ[:60],
    "an archive without its table of contents": GOOD_NPZ[:-60],
    "zip bomb": lambda: bomb(150 * MB),
    "two bombs that only together are too large": lambda: npz_file(*[(f"{i}.npy", [npy(
        f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({40 * MB},), }}", b""), *[bytes(MB)] * 40]) for i in range(2)],
        method=zipfile.ZIP_DEFLATED),
    "a table of contents of 300,000 lines": lambda: long_table(300_000),
    "object array": object_array,
    "structured array": described(descr="[('a', '<f4')]"),
    "text array": described(descr="'<U2'"),
    "complex array": described(descr="'<c8'"),
    "long double": described(descr="'<f16'"),
    "dates": described(descr="'<M8[s]'"),
    "code for a shape": described(shape="(__import__('os').getpid(),)"),
    "negative length": described(shape="(-2,)"),
    "huge length": described(shape="(10000000000,)"),
    "lengths that overflow to 2": described(shape="(4611686018427387904, 2, 2)"),
    "empty shape that no array can have": described(shape="(0, 4611686018427387904, 4611686018427387904)"),
    "a hundred dimensions": described(shape="(" + "1, " * 100 + ")"),
    "shape smaller than its bytes": described(shape="(1,)"),
    "no shape": npz_file(("a.npy", npy("{'descr': '<f4', 'fortran_order': False, }"))),
    "no array": npz_file(("a.npy", b"hello, this is no array")),
    "no bytes": npz_file(("a.npy", b"")),
    "header of 4 GB": npz_file(("a.npy", npy(version=b"\2\0", length=2**32 - 1))),
    "header of 60,000 bytes": npz_file(("a.npy", npy("{" + " " * 60_000 + "}"))),
    "unknown version": npz_file(("a.npy", npy(version=b"\7\0"))),
    "trailing bytes": npz_file(("a.npy", npy(body=bytes(9)))),
    "truncated array": npz_file(("a.npy", npy(body=bytes(7)))),
    "booleans of 2": npz_file(("a.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", b"\1\2"))),
    "another file in it": npz_file(("a.npy", npy()), ("run.py", b"import os")),
    "packed by lzma": npz_file(("a.npy", npy()), method=zipfile.ZIP_LZMA),
    "packed by bzip2": npz_file(("a.npy", npy()), method=zipfile.ZIP_BZIP2),
    "wrong checksum": patched(GOOD_NPZ, bytes(8), b"\0\0\x80\x3f\0\0\0\0", 1),
    "wrong size in the table": patched(GOOD_NPZ, SIZES, struct.pack("<II", len(npy()), len(npy()) - 1)),
    "4 GB in the table": patched(GOOD_NPZ, SIZES, struct.pack("<II", len(npy()), 2**32 - 2)),
    "encrypted": patched(GOOD_NPZ, b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0"),
}


def twins():
    """Two arrays of one name; zipfile itself would take the second."""
    content = npz_file(("a.npy", npy()), ("b.npy", npy()))
    return content.replace(b"b.npy", b"a.npy")


NPZ["two arrays of one name"] = twins


# --------------------------------------------------------------------------------------------------------------- pictures

@cache
def picture(kind, size=(40, 30), **options):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name, content=b"", length=None, checksum=None):
    checksum = zlib.crc32(name + content) if checksum is None else checksum
    return struct.pack(">I", len(content) if length is None else length) + name + content + struct.pack(">I", checksum)


def png(*chunks, width=4, height=4, bits=8, color=2):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND")


ROWS = zlib.compress((b"\0" + bytes(12)) * 4)
PNG = {
    "empty": b"",
    "text": b"<html>404</html>",
    "first bytes only": picture("PNG")[:8],
    **{f"cut at {at}": picture("PNG")[:at] for at in (20, 33, 60, -100, -12, -1)},
    "bomb, 25,000 x 25,000": lambda: png(chunk(b"IDAT", zlib.compress(bytes(10 * MB))), width=25_000, height=25_000),
    "bomb, 2^31 - 1 pixels wide": png(chunk(b"IDAT", ROWS), width=2**31 - 1),
    "bomb of grey bits": png(chunk(b"IDAT", ROWS), width=200_000, height=200_000, bits=1, color=0),
    "no pixels": png(chunk(b"IDAT", ROWS), width=0),
    "pixels that do not unpack": png(chunk(b"IDAT", b"no zlib at all")),
    "no pixels in it": png(),
    "wrong checksum": png(chunk(b"IDAT", ROWS, checksum=1)),
    "a chunk of 4 GB": png(chunk(b"IDAT", ROWS, length=2**32 - 1)),
    "an unknown colour": png(chunk(b"IDAT", ROWS), color=5),
    "text that unpacks to 150 MB": lambda: png(chunk(b"zTXt", b"k\0\0" + zeros(150, zlib.compressobj(1))), chunk(b"IDAT", ROWS)),
    "sixteen bits": png(chunk(b"IDAT", zlib.compress((b"\0" + bytes(8)) * 4)), bits=16, color=0),
    "a JPEG by another name": picture("JPEG"),
    "a GIF by another name": picture("GIF"),
    "a TIFF by another name": picture("TIFF"),
    "a BMP by another name": picture("BMP"),
    "a program by another name": b"#!/bin/sh\necho hello\n",
}
JPEG = {
    "empty": b"",
    "first bytes only": picture("JPEG")[:3],
    **{f"cut at {at}": picture("JPEG")[:at] for at in (30, 200, 700, -200, -2)},
    "a bomb": re.sub(rb"(\xff\xc0\x00\x11\x08)....", rb"\1" + struct.pack(">HH", 60_000, 60_000), picture("JPEG"), flags=re.S),
    "no pixels": re.sub(rb"(\xff\xc0\x00\x11\x08)....", rb"\1" + bytes(4), picture("JPEG"), flags=re.S),
    "a PNG by another name": picture("PNG"),
    "a WebP by another name": picture("WEBP"),
}


# --------------------------------------------------------------------------------------------------------------- archives

def tar_of(*members, packed=True):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content, *kind in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if kind:
                info.type, info.linkname, info.size = kind[0], kind[1] if kind[1:] else "", 0
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), 1) if packed else buffer.getvalue()


def declared(size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo("set/a.bin")
    info.size, info.type = size, kind
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(MB), 1)


TAR = {
    "..": tar_of(("set/../../a.bin", b"a")),
    "absolute path": tar_of(("/tmp/a.bin", b"a")),
    "symbolic link": tar_of(("set/a.bin", b"", tarfile.SYMTYPE, "/etc/passwd")),
    "hard link": tar_of(("set/a.bin", b"", tarfile.LNKTYPE, "../../etc/passwd")),
    "character device": tar_of(("set/a.bin", b"", tarfile.CHRTYPE)),
    "block device": tar_of(("set/b", b"", tarfile.BLKTYPE)),
    "fifo": tar_of(("set/b", b"", tarfile.FIFOTYPE)),
    "says 10 GB": declared(10 * 2**30),
    "says 8 EB": declared(2**62),
    "a long name of 10 GB": declared(10 * 2**30, tarfile.GNUTYPE_LONGNAME),
    "extended header of 10 GB": declared(10 * 2**30, tarfile.XHDTYPE),
    "gzip bomb": lambda: zipped(tar_of(("set/other", bytes(MB)), packed=False)[:512 + MB], 150),
    "a bomb in a bomb": lambda: gzip.compress(zipped(b"", 150), 1),
    "lacks its member": tar_of(("set/b.bin", b"a")),
    "cut": tar_of(("set/a.bin", bytes(900)))[:-20],
    "empty": b"",
}


# ----------------------------------------------------------------------------------------------------------- IDX and CIFAR

def idx(shape, count=None, code=8):
    count = np.prod(shape, dtype=object) if count is None else count
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(int(count))


IDX = {
    "a picture too few": idx((60, 28, 28), 59 * 784),
    "a byte too few": idx((60, 28, 28), 60 * 784 - 1),
    "a byte too many": idx((60, 28, 28), 60 * 784 + 1),
    "59 pictures": idx((59, 28, 28)),
    "60 of another size": idx((60, 27, 28)),
    "60 labels": idx((60,)),
    "says 2^32 - 1 pictures": idx((2**32 - 1, 28, 28), 1000),
    "says 2^96 numbers": idx((2**32 - 1,) * 3, 1000),
    "255 dimensions": b"\0\0\x08\xff" + bytes(255 * 4),
    "unknown type": idx((60, 28, 28), code=7),
    "gzip bomb": lambda: zipped(idx((60, 28, 28)), 150),
    "cut gzip": gzip.compress(idx((60, 28, 28)))[:-10],
}
RECORD = bytes(3073)
CIFAR = {
    "no record": b"",
    "half a record": RECORD * 9 + RECORD[:1500],
    "a byte too many": RECORD * 10 + b"\0",
    "a record too many": lambda: RECORD * 10_001,
    "a label of 10": RECORD * 9 + b"\x0a" + RECORD[1:],
    "records of CIFAR-100": bytes(3074) * 10,
    "gzip bomb": lambda: zipped(b"", 150),
    "text": b"<html>404</html>",
}


# ------------------------------------------------------------------------------------------------------------------ readers

def cifar(path):
    """CIFAR10 with this as its test file."""
    folder = path.parent / "set" / "cifar-10-batches-bin"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "test_batch.bin"
    link.unlink(missing_ok=True)
    os.link(path, link)
    try:
        return data.CIFAR10(train=False, root=path.parent / "set")
    except DataError as error:
        raise DataError(str(error).replace(str(link), str(path))) from error
    finally:
        link.unlink()
        folder.rmdir()
        folder.parent.rmdir()


def in_model(path):
    return nn.Linear(2, 3).load_state_dict(mc.load(path))


READERS = {  # name: (reader, name of the file, its cases)
    "safetensors": (mc.load, "w.safetensors", SAFETENSORS),
    "npz": (mc.load, "w.npz", NPZ),
    "checkpoint": (partial(load_checkpoint, model=None), "step00000001.safetensors", SAFETENSORS),
    "png": (data.read_image, "picture.png", PNG),
    "jpeg": (data.read_image, "picture.jpg", JPEG),
    "tar": (lambda path: list(read_tar(path, {"set/a.bin": 1000})), "set.tar.gz", TAR),
    "idx": (lambda path: read_idx(path, (60, 28, 28), np.uint8), "t10k-images-idx3-ubyte", IDX),
    "cifar": (cifar, "some.bin", CIFAR),
}
CASES = [(reader, case) for reader, (_, _, cases) in READERS.items() for case in cases]


class Memory:
    """`with Memory() as memory:` afterwards memory.extra is by how much the process was larger at its largest, in bytes."""

    def __enter__(self):
        try:
            Path("/proc/self/clear_refs").write_text("5")  # forget the largest so far
            self.known = True
        except OSError:  # not Linux, or not allowed: then memory is not measured
            self.known = False
        self.before = self.read("VmRSS")
        return self

    def read(self, name):
        return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024 if self.known else 0

    def __exit__(self, *_):
        self.extra = self.read("VmHWM") - self.before


@pytest.mark.parametrize(("reader", "case"), CASES, ids=[f"{r}-{c}" for r, c in CASES])
def test_one_typed_error_with_the_path_nothing_left_and_little_memory(tmp_path, reader, case):
    read, name, cases = READERS[reader]
    content = cases[case]() if callable(cases[case]) else cases[case]
    path = tmp_path / name
    path.write_bytes(content)
    del content
    threads = threading.active_count()
    with Memory() as memory, pytest.raises(DataError) as caught:
        read(path)
    assert type(caught.value) is DataError and str(path) in str(caught.value) and len(str(caught.value)) < 1000
    assert memory.extra < 100e6
    assert list(tmp_path.rglob("*")) == [path] and threading.active_count() == threads


def test_memory_is_measured():
    with Memory() as memory:
        np.ones(15 * MB)
    assert not memory.known or memory.extra > 110e6


def test_there_are_at_least_twenty_five_of_weights():
    assert len(SAFETENSORS) >= 25 and len(NPZ) >= 25


def test_the_good_ones_are_read(tmp_path):
    """The same builders without a lie: what is refused above is refused for its lie."""
    def put(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    assert mc.load(put("a.safetensors", st_file({**A, "b": entry(8, 8, shape=(0, 3))}, bytes(8))))["b"].shape == (0, 3)
    assert mc.load(put("empty.safetensors", st_file({}))) == {}
    for content in (GOOD_NPZ, described(), npz_file(("a.npy", npy(version=b"\2\0")), method=zipfile.ZIP_DEFLATED)):
        assert mc.load(put("a.npz", content))["a"].tolist() == [0, 0]
    big = put("big.npz", bomb(70 * MB))
    assert mc.load(big, max_bytes=71 * MB)["a"].shape == (70 * MB,)
    assert data.read_image(put("a.png", png(chunk(b"IDAT", ROWS)))).shape == (3, 4, 4)
    assert data.read_image(put("a.jpg", picture("JPEG"))).shape == (3, 30, 40)
    assert data.read_image(put("no-suffix", picture("PNG")), mode="L").shape == (1, 30, 40)
    assert dict(read_tar(put("a.tar.gz", tar_of(("set/a.bin", b"a"))), {"set/a.bin": 1000})) == {"set/a.bin": b"a"}
    assert read_idx(put("idx", idx((60, 28, 28))), (60, 28, 28), np.uint8).shape == (60, 28, 28)
    assert len(cifar(put("some.bin", RECORD * 10))) == 10


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file(tmp_path, reader):
    read, _, _ = READERS[reader]
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "folder", "fifo") if reader != "cifar" else ():
        with pytest.raises(DataError, match=f"{tmp_path / name}: cannot read the file"):
            read(tmp_path / name)


def test_a_module_takes_no_part_of_a_file_that_does_not_fit(tmp_path):
    model = nn.Linear(2, 3)
    before = model.weight.detach().numpy().copy()
    mc.save({"weight": np.ones((3, 2), "f"), "bias": np.ones(4, "f")}, tmp_path / "w.safetensors")
    with pytest.raises(mc.InputError, match="bias has shape"):
        model.load_state_dict(mc.load(tmp_path / "w.safetensors"))
    assert np.array_equal(model.weight.detach().numpy(), before)


# --------------------------------------------------------------------------------------------------------------------- fuzz

def good_mat():
    """A MATLAB file of one array X of 2 x 3 bytes."""
    def element(kind, content):
        return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)

    body = (element(6, struct.pack("<II", 9, 0)) + element(5, struct.pack("<ii", 2, 3)) + element(1, b"X") + element(2, bytes(6)))
    return bytes(124) + b"\x00\x01IM" + element(14, body)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def good_checkpoint(folder):
    path = folder / "good"
    mc.train.save_checkpoint(path, model=nn.Linear(2, 3), history=mc.train.History([{"loss": 1.0}]))
    content = path.read_bytes()
    path.unlink()
    return content


FUZZED = {  # what is read, a good file, what a result must satisfy if the damage goes unnoticed
    "safetensors": (mc.load, lambda _: st_file({**A, "b": entry(8, 16, (1, 2))}, bytes(16)), lambda found: len(found) == 2),
    "npz": (mc.load, lambda _: npz_file(("a.npy", npy()), ("b.npy", npy())), lambda found: len(found) <= 2),
    "packed npz": (mc.load, lambda _: npz_file(("a.npy", npy()), method=zipfile.ZIP_DEFLATED), lambda found: len(found) <= 1),
    "checkpoint": (lambda path: load_checkpoint(path, model=nn.Linear(2, 3), history=mc.train.History()), good_checkpoint,
                   lambda found: found == {}),
    "png": (data.read_image, lambda _: picture("PNG", (9, 7)), lambda found: found.shape == (3, 7, 9)),
    "jpeg": (data.read_image, lambda _: picture("JPEG", (9, 7)), lambda found: found.dtype == np.uint8 and found.size < 61e6),
    "tar": (lambda path: list(read_tar(path, {"set/a.bin": 100})), lambda _: tar_of(("set/a.bin", b"abc"), packed=False),
            lambda found: len(found) == 1 and len(found[0][1]) <= 100),
    "tar.gz": (lambda path: list(read_tar(path, {"set/a.bin": 100})), lambda _: tar_of(("set/a.bin", b"abc")),
               lambda found: len(found) == 1 and len(found[0][1]) <= 100),
    "idx": (lambda path: read_idx(path, (2, 3), np.uint8), lambda _: idx((2, 3)), lambda found: found.shape == (2, 3)),
    "cifar": (cifar, lambda _: RECORD * 2, lambda found: 1 <= len(found) <= 2 and max(found.targets) < 10),
    "mat": (lambda path: read_mat(path, {"X": 6}), lambda _: good_mat(), lambda found: found["X"].size <= 6),
}


@st.composite
def damage(draw, content):
    """A file after one to four changes: bytes overwritten, put in, taken out, a number made extreme, the end cut off."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        kind = draw(st.sampled_from(["overwrite", "flip", "insert", "delete", "extreme", "cut", "repeat"]))
        if kind == "overwrite":
            new = draw(st.binary(min_size=1, max_size=8))
            content[at:at + len(new)] = new
        elif kind == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "delete":
            del content[at:at + draw(st.integers(1, 8))]
        elif kind == "extreme":
            new = draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"9" * 9, b"-1", b"1e9"]))
            content[at:at + len(new)] = new
        elif kind == "cut":
            del content[at:]
        else:
            content[at:at] = content[at:at + draw(st.integers(1, 64))]
    return bytes(content)


@pytest.mark.parametrize("reader", FUZZED)
@given(st.data())
def test_random_damage_gives_a_data_error_or_something_sane(scratch, reader, data):
    """Nothing else: no other exception, no warning (all are errors here), nothing left behind."""
    read, good, sane = FUZZED[reader]
    mc.manual_seed(0)  # a checkpoint holds the state of the random stream: the same file in each example
    path = scratch / "bad"
    path.write_bytes(data.draw(damage(good(scratch))))
    try:
        assert sane(read(path))
    except DataError as error:
        assert str(path) in str(error)
    assert list(scratch.iterdir()) == [path]


@pytest.mark.parametrize("reader", FUZZED)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(scratch, reader, content):
    read, _, _ = FUZZED[reader]
    path = scratch / "bad"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(str(path))):
        read(path)


def test_the_undamaged_files_of_the_fuzz_test_are_read(tmp_path):
    for name, (read, good, sane) in FUZZED.items():
        (tmp_path / "good").write_bytes(good(tmp_path))
        assert sane(read(tmp_path / "good")), name
