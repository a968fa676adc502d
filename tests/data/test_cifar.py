"""CIFAR-10 and CIFAR-100 from binary files made here, and the real ones where MINICNN_DATA has them."""

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from minicnn.data import CIFAR10, CIFAR100, cifar
from minicnn.errors import DataError, InputError

KINDS = {CIFAR10: ("cifar-10-batches-bin", 1, 10), CIFAR100: ("cifar-100-binary", 2, 100)}


def records(kind, n, seed=0):
    """n random records; every byte in its range."""
    _, labels, classes = KINDS[kind]
    rows = np.random.default_rng(seed).integers(0, 256, (n, labels + 3072)).astype(np.uint8)
    rows[:, labels - 1] = np.arange(n) % classes
    rows[:, :labels - 1] %= 20
    return rows


def write(kind, root, n=7, packed=False):
    """All files of a set, n records each; returns the training records."""
    folder = root / KINDS[kind][0]
    folder.mkdir(parents=True)
    parts = {name: records(kind, n, seed) for seed, name in enumerate(kind.files[True] + kind.files[False])}
    for name, rows in parts.items():
        data = gzip.compress(rows.tobytes()) if packed else rows.tobytes()
        (folder / (name + ".gz" * packed)).write_bytes(data)
    return np.concatenate([parts[name] for name in kind.files[True]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packed", [True, False])
def test_reads_both_parts(tmp_path, kind, packed):
    rows = write(kind, tmp_path, packed=packed)
    labels = KINDS[kind][1]
    train, test = kind(root=tmp_path), kind(train=False, root=tmp_path)
    assert len(train) == len(rows) == 7 * len(kind.files[True]) and len(test) == 7
    assert train.targets.tolist() == rows[:, labels - 1].tolist() and train.targets.dtype == np.int64
    image, label = train[3]
    assert image.shape == (3, 32, 32) and image.dtype == np.float32 and label == 3
    for c, h, w in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (2, 31, 30)]:  # red plane first, row by row
        assert train.data[3, c, h, w] == rows[3, labels + 1024 * c + 32 * h + w]
    assert len(train.classes) == len(set(train.classes)) == KINDS[kind][2]
    assert "train=False, 7 images of shape (3, 32, 32)" in repr(test)


def test_class_names_in_order():
    assert CIFAR10.names[3] == "cat" and CIFAR10.names[9] == "truck"
    assert list(cifar.FINE) == sorted(cifar.FINE) and list(cifar.COARSE) == sorted(cifar.COARSE)
    assert (len(cifar.FINE), len(cifar.COARSE)) == (100, 20)
    assert cifar.FINE[0] == "apple" and cifar.FINE[99] == "worm" and cifar.FINE[52] == "oak_tree"


BAD = {
    "empty": (b"", "has 0 bytes, that is no whole number of records of 3073 bytes"),
    "cut": (records(CIFAR10, 3).tobytes()[:-1], "has 9,218 bytes"),
    "padded": (records(CIFAR10, 3).tobytes() + b"\0", "has 9,220 bytes"),
    "a record too many": (bytes(3073 * 10_001), "more than 30,730,000 bytes"),
    "a label too large": (records(CIFAR10, 3).tobytes()[:-3073] + b"\x0a" + bytes(3072), "has a label 10, 0 to 9"),
    "cut gzip": (gzip.compress(records(CIFAR10, 3).tobytes())[:-9], "cannot read the file"),
    "bomb": (gzip.compress(bytes(10**8), 1), "more than 30,730,000 bytes"),
    "CIFAR-100": (records(CIFAR100, 3).tobytes(), "no whole number"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_their_path(tmp_path, case):
    write(CIFAR10, tmp_path)
    content, message = BAD[case]
    (tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(DataError, match=rf"data_batch_3\.bin: .*{message}"):
        CIFAR10(root=tmp_path)


@pytest.mark.parametrize("column", [0, 1])
def test_labels_of_cifar100_are_both_checked(tmp_path, column):
    write(CIFAR100, tmp_path)
    rows = records(CIFAR100, 4)
    rows[2, column] = (20, 100)[column]
    (tmp_path / "cifar-100-binary" / "test.bin").write_bytes(rows.tobytes())
    with pytest.raises(DataError, match=f"test.bin: has a label {(20, 100)[column]}"):
        CIFAR100(train=False, root=tmp_path)


def test_what_is_missing_is_said(tmp_path):
    write(CIFAR10, tmp_path)
    (tmp_path / "cifar-10-batches-bin" / "data_batch_4.bin").unlink()
    with pytest.raises(DataError, match=r"(?s)CIFAR10 is not here.*cifar-10-batches-bin: no data_batch_4.bin\n.*download=True"):
        CIFAR10(root=tmp_path)
    with pytest.raises(DataError, match="cifar-100-binary: no train.bin"):
        CIFAR100(root=tmp_path)


@pytest.mark.parametrize("arguments", [{"train": 2}, {"download": "yes"}, {"target_transform": 3}])
def test_bad_arguments(tmp_path, arguments):
    write(CIFAR10, tmp_path)
    with pytest.raises(InputError, match=next(iter(arguments))):
        CIFAR10(root=tmp_path, **arguments)


def pack(kind, source, path, extra=()):
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(source / KINDS[kind][0], KINDS[kind][0])
        for info in extra:
            tar.addfile(info, io.BytesIO(b""))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_put_there_by_hand_is_unpacked(tmp_path, monkeypatch, kind):
    """No mirror is asked: the file that lies there has the right hash."""
    rows = write(kind, tmp_path / "source", n=3)
    archive = tmp_path / "data" / kind.place / kind.archive
    archive.parent.mkdir(parents=True)
    pack(kind, tmp_path / "source", archive)
    monkeypatch.setattr(kind, "known_hash", "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(kind, "mirrors", ())
    monkeypatch.delenv("MINICNN_MIRROR", raising=False)
    dataset = kind(root=tmp_path / "data", download=True)
    np.testing.assert_array_equal(dataset.data.reshape(len(rows), -1), rows[:, -3072:])
    archive.unlink()
    assert len(kind(train=False, root=tmp_path / "data", download=True)) == 3  # both parts are here now


def test_a_hostile_archive_unpacks_nothing_bad(tmp_path, monkeypatch):
    write(CIFAR10, tmp_path / "source", n=3)
    archive = tmp_path / "data" / CIFAR10.place / CIFAR10.archive
    archive.parent.mkdir(parents=True)
    pack(CIFAR10, tmp_path / "source", archive, [tarfile.TarInfo("../escaped.bin")])
    monkeypatch.setattr(CIFAR10, "known_hash", "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest())
    with pytest.raises(DataError, match="refused: the archive has a path out of its folder"):
        CIFAR10(root=tmp_path / "data", download=True)
    assert not list(tmp_path.rglob("escaped*"))


# ------------------------------------------------------------------------------------------------------- the real files

REAL = Path(os.environ.get("MINICNN_DATA") or ".")


@pytest.mark.skipif(not any(REAL.glob("cifar-10-batches-bin/test_batch.bin*")), reason="MINICNN_DATA has no CIFAR-10")
def test_real_cifar10():
    train, test = CIFAR10(), CIFAR10(train=False)
    assert 45_000 <= len(train) <= 50_000 and len(test) == 10_000
    assert np.bincount(test.targets).tolist() == [1000] * 10 and len(set(np.bincount(train.targets))) == 1
    if len(train) == 50_000:  # the original, not a part of it in another order
        assert test.targets[:4].tolist() == [3, 8, 8, 0]  # cat, ship, ship, airplane
    np.testing.assert_allclose(train.data.mean(axis=(0, 2, 3)) / 255, [0.4914, 0.4822, 0.4465], atol=2e-3)
