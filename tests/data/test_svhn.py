"""SVHN from MATLAB files made here, by hand and (as a second opinion) by SciPy; and every lie such a file can tell."""

import gzip
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import cli
from minicnn.data import SVHN, svhn
from minicnn.data.svhn import read_mat
from minicnn.errors import DataError, InputError

HEAD = b"MATLAB 5.0 MAT-file".ljust(124)


def element(kind, content, order="<"):
    return struct.pack(order + "II", kind, len(content)) + content + bytes(-len(content) % 8)


def small_element(kind, content, order="<"):
    word = len(content) << 16 | kind
    return struct.pack(order + "I", word) + content.ljust(4, b"\0")


def matrix(name, array, order="<", flags=9, kind=2, shape=None, small=True):
    """An array as MATLAB stores it; `flags` is its class, `kind` the type of its numbers."""
    dims = np.array(array.shape if shape is None else shape, order + "i4").tobytes()
    pack = small_element if small and len(name) <= 4 else element
    return element(14, element(6, struct.pack(order + "II", flags, 0), order) + element(5, dims, order)
                   + pack(1, name.encode(), order) + element(kind, array.tobytes(order="F"), order), order)


def compressed(inside, order="<"):
    packed = zlib.compress(inside)
    return struct.pack(order + "II", 15, len(packed)) + packed


def mat(*elements, order="<"):
    return HEAD + {"<": b"\x00\x01IM", ">": b"\x01\x00MI"}[order] + b"".join(elements)


def pictures(n=12):
    x = np.random.default_rng(0).integers(0, 256, (32, 32, 3, n)).astype(np.uint8)
    return x, (np.arange(n) % 10 + 1).astype(np.uint8)[:, None]


X, Y = pictures()
SIZES = {"X": X.size, "y": Y.size}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("small", [True, False])
def test_reads_arrays_column_major(tmp_path, order, packed, small):
    parts = [matrix("X", X, order, small=small), matrix("y", Y, order, small=small)]
    path = tmp_path / "file.mat"
    path.write_bytes(mat(*[compressed(p, order) if packed else p for p in parts], order=order))
    found = read_mat(path, SIZES)
    assert set(found) == {"X", "y"}
    np.testing.assert_array_equal(found["X"], X)
    np.testing.assert_array_equal(found["y"], Y)


@pytest.mark.parametrize("packed", [True, False])
def test_reads_what_scipy_writes(tmp_path, packed):
    scipy_io = pytest.importorskip("scipy.io")
    path = tmp_path / "file.mat"
    scipy_io.savemat(path, {"X": X, "y": Y}, do_compression=packed)
    found = read_mat(path, SIZES)
    np.testing.assert_array_equal(found["X"], X)
    np.testing.assert_array_equal(found["y"], Y)


def write(root, split="train", content=None, name=None):
    path = root / "svhn" / (name or f"{split}_32x32.mat")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mat(compressed(matrix("X", X)), compressed(matrix("y", Y))) if content is None else content)
    return path


@pytest.mark.parametrize("split", ["train", "test", "extra"])
@pytest.mark.parametrize("packed", [True, False])
def test_images_are_chw_and_label_10_is_the_digit_0(tmp_path, split, packed):
    path = write(tmp_path, split)
    if packed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    dataset = SVHN(split, root=tmp_path)
    assert len(dataset) == 12 and dataset.data.shape == (12, 3, 32, 32)
    for i, c, h, w in [(0, 0, 0, 1), (1, 1, 5, 6), (11, 2, 31, 0)]:
        assert dataset.data[i, c, h, w] == X[h, w, c, i]
    assert dataset.targets.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert dataset.classes[dataset.targets[9]] == "0"
    image, label = dataset[9]
    assert image.dtype == np.float32 and image.max() <= 1 and label == 0
    assert repr(dataset) == f"SVHN(split='{split}', 12 images of shape (3, 32, 32), 10 classes)"


def lying(packed, declared):
    """A compressed element whose inside says another size."""
    inside = matrix("X", X)
    inside = inside[:4] + struct.pack("<I", declared) + inside[8:]
    return compressed(inside) if packed else inside


GOOD_Y = compressed(matrix("y", Y))
BAD = {
    "empty": (b"", "ends after 0 of 128"),
    "cut head": (HEAD, "ends after 124 of 128"),
    "text": (b"<html>".ljust(200), "not a MATLAB level 5 file"),
    "HDF5, as MATLAB 7.3 writes": (HEAD + b"\x00\x02IM" + bytes(99), "not a MATLAB level 5 file"),
    "only the head": (mat(), "has no array X, y"),
    "no y": (mat(matrix("X", X)), "has no array y"),
    "X twice": (mat(matrix("y", Y), matrix("y", Y)), "there twice"),
    "cut in an element's head": (mat(GOOD_Y) + b"\x0f\0\0", "ends after 0 of 5|ends after"),
    "cut in an element": (mat(GOOD_Y)[:-5], "ends after"),
    "a huge element": (mat(struct.pack("<II", 14, 2**32 - 1)), "has an element of 4,294,967,295 bytes"),
    "a huge compressed element": (mat(struct.pack("<II", 15, 2**32 - 1)), "has an element of 4,294,967,295 bytes"),
    "bomb": (mat(compressed(bytes(10**6))), "unpacks to more than"),
    "damaged zlib": (mat(struct.pack("<II", 15, 40) + b"x\x9c" + b"\xff" * 38), "cannot read the file"),
    "cut zlib": (mat(struct.pack("<II", 15, 60) + zlib.compress(bytes(X))[:60]), "does not unpack"),
    "bytes after zlib": (mat(struct.pack("<II", 15, len(zlib.compress(b"a" * 9)) + 3) + zlib.compress(b"a" * 9) + b"abc"),
                         "does not unpack"),
    "size inside too large": (mat(lying(True, 2**31)), "says 2,147,483,648 bytes and has"),
    "size inside too small": (mat(lying(True, 100)), "says 100 bytes and has"),
    "size too small": (mat(lying(False, 96)), "ends too early"),
    "another element": (mat(element(9, bytes(8))), "element of type 9; only arrays"),
    "compressed twice": (mat(compressed(compressed(matrix("X", X)))), "says|element of type 15"),
    "an unknown type": (mat(struct.pack("<II", 2**30, 8), bytes(8)), "there is no type"),
    "doubles": (mat(matrix("X", X.astype("f8")[:, :, :, :1], flags=6, kind=9)), "not made of bytes"),
    "characters": (mat(matrix("X", X, flags=4)), "of MATLAB's class 4"),
    "cells": (mat(matrix("X", X, flags=1)), "of MATLAB's class 1"),
    "objects": (mat(matrix("X", X, flags=3)), "of MATLAB's class 3"),
    "complex": (mat(matrix("X", X, flags=0x809)), "only real numbers"),
    "wrong shape": (mat(matrix("X", X, shape=(32, 32, 3, 13))), r"shape \(32, 32, 3, 13\) with 36,864 numbers"),
    "negative shape": (mat(matrix("X", X, shape=(-32, -32, 3, 12))), r"shape \(-32, -32"),
    "negative shape without numbers": (mat(matrix("X", X[..., :0], shape=(-1, 0, 3, 1))), r"shape \(-1, 0, 3, 1\)"),
    "overflowing shape": (mat(matrix("X", X, shape=(2**31 - 1,) * 4)), "has an array of shape"),
    "one dimension": (mat(matrix("X", X, shape=(X.size,))), "has an array of shape"),
    "a thousand dimensions": (mat(matrix("X", X[:1, :1, :1, :1], shape=(1,) * 1000)), "has an array of shape"),
    "too many": (mat(matrix("y", np.ones((20, 1), np.uint8))), "too large, with shape"),
    "an array of no interest": (mat(matrix("other", np.ones((4097, 1), np.uint8))), "too large"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_their_path(tmp_path, case):
    content, message = BAD[case]
    path = tmp_path / "bad.mat"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"bad\.mat: .*({message})"):
        read_mat(path, SIZES)


@pytest.mark.parametrize(("x", "y", "message"), [
    (X[:, :31], Y, r"X has shape \(32, 31, 3, 12\)"), (X, Y[:-1], r"y \(11, 1\)"), (X, Y.T, r"y \(1, 12\)"),
    (X[..., :0], Y[:0], r"X has shape \(32, 32, 3, 0\)"), (X[..., 0], Y, "X has shape"),
    (X, Y - 1, "labels from 0 to 9; 1 to 10"), (X, Y + 1, "labels from 2 to 11; 1 to 10"),
])
def test_arrays_that_do_not_fit(tmp_path, x, y, message):
    write(tmp_path, content=mat(compressed(matrix("X", x)), compressed(matrix("y", y))))
    with pytest.raises(DataError, match=rf"train_32x32\.mat: .*{message}"):
        SVHN(root=tmp_path)


@given(st.data())
def test_damage_raises_nothing_but_dataerror(tmp_path_factory, data):
    """Random bytes at random places, near the elements' heads above all."""
    content = bytearray(mat(matrix("X", X[:, :, :, :1]), GOOD_Y))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.one_of(st.integers(124, 210), st.integers(len(content) - 80, len(content) - 1)))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "bad.mat"
    path.write_bytes(content[:data.draw(st.integers(100, len(content)))] if data.draw(st.booleans()) else content)
    try:
        assert read_mat(path, SIZES).keys() >= SIZES.keys()
    except DataError as error:
        assert str(path) in str(error)


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"(?s)SVHN is not here.*svhn: no extra_32x32.mat\n.*download=True"):
        SVHN("extra", root=tmp_path)


@pytest.mark.parametrize("arguments", [{"split": "all"}, {"split": True}, {"download": "no"}, {"transform": 3}])
def test_bad_arguments(tmp_path, arguments):
    write(tmp_path)
    with pytest.raises(InputError, match=next(iter(arguments))):
        SVHN(root=tmp_path, **arguments)


def test_download_fetches_what_is_not_here(tmp_path, monkeypatch):
    def fetch(name, mirrors, folder, size, known_hash):
        assert name == "test_32x32.mat" and folder == tmp_path / "svhn" and mirrors[0].endswith("/test_32x32.mat")
        assert size > 64_000_000 and len(known_hash) == 4 + 32
        write(tmp_path, "test")

    monkeypatch.setattr(svhn, "fetch", fetch)
    assert len(SVHN("test", download=True, root=tmp_path)) == 12
    monkeypatch.delattr(svhn, "fetch")
    assert len(SVHN("test", download=True, root=tmp_path)) == 12


def test_the_command_line_shows_both_parts(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    for split in ("train", "test"):
        write(tmp_path, split)
    assert cli.main(["data", "SVHN"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "SVHN, training: 12 samples; the first is (3x32x32 float32, 1)",
        "SVHN, test: 12 samples; the first is (3x32x32 float32, 1)"]


@pytest.mark.skipif(not any((Path(os.environ.get("MINICNN_DATA") or ".") / "svhn").glob("test_32x32.mat*")),
                    reason="MINICNN_DATA has no SVHN")
def test_real_svhn():
    test = SVHN("test")
    assert len(test) == 26_032 and np.bincount(test.targets).argmax() == 1
