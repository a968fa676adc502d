"""MNIST and its kin: read from files made here, and the real one where MINICNN_DATA has it."""

import gzip
import hashlib
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from minicnn import cli
from minicnn.data import KMNIST, MNIST, DataLoader, FashionMNIST, mnist
from minicnn.data import transforms as T
from minicnn.errors import DataError, InputError

SIZES = {True: 30, False: 20}
SETS = {MNIST: "mnist", FashionMNIST: "fashion-mnist", KMNIST: "kmnist"}


def content(dims, numbers):
    return bytes([0, 0, 8, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + numbers.tobytes()


def pictures(train):
    n = SIZES[train]
    rng = np.random.default_rng(n)
    return rng.integers(0, 256, (n, 28, 28)).astype(np.uint8), (np.arange(n) % 10).astype(np.uint8)


def write(folder, train, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, numbers in zip(mnist.FILES[train], pictures(train)):
        data = content(numbers.shape, numbers)
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)


@pytest.fixture
def small(monkeypatch):
    """The sets, with 30 and 20 images in place of 60,000 and 10,000."""
    monkeypatch.setattr(mnist, "SIZES", SIZES)
    monkeypatch.setattr(MNIST, "sha256", {})


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("packed", [True, False])
def test_reads_both_parts(small, tmp_path, kind, packed):
    for train in (True, False):
        write(tmp_path / SETS[kind], train, packed)
        dataset = kind(train=train, root=tmp_path)
        images, labels = pictures(train)
        np.testing.assert_array_equal(dataset.data, images[:, None])
        np.testing.assert_array_equal(dataset.targets, labels)
        assert dataset.targets.dtype == np.int64 and len(dataset.classes) == 10
        image, label = dataset[-1]
        assert image.shape == (1, 28, 28) and image.dtype == np.float32 and isinstance(label, int)
        np.testing.assert_array_equal(image, images[-1:] / np.float32(255))
        assert repr(dataset) == (f"{kind.__name__}(train={train}, {SIZES[train]} images of shape (1, 28, 28), 10 classes)")


def test_transforms_and_the_loader(small, tmp_path):
    write(tmp_path / "mnist", True)
    dataset = MNIST(transform=T.Compose([T.CenterCrop(20), T.ToDtype(np.float32, scale=True)]),
                    target_transform=lambda label: label % 2, root=tmp_path)
    x, y = next(iter(DataLoader(dataset, batch_size=4)))
    assert x.shape == (4, 1, 20, 20) and y.data.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(x.data, pictures(True)[0][:4, None, 4:24, 4:24] / 255, rtol=1e-6)


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path / "named"))
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")
    with pytest.raises(DataError) as error:
        KMNIST(train=False)
    text = str(error.value)
    for folder in ("named", "cache"):
        assert f"{tmp_path / folder / 'kmnist'}: no t10k-images-idx3-ubyte, no t10k-labels-idx1-ubyte" in text
    assert "KMNIST is not here" in text and "MINICNN_DATA" in text and "download=True" in text


@pytest.mark.parametrize(("images", "labels", "message"), [
    ((29, 28, 28), (30,), r"train-images-idx3-ubyte: has shape \(29, 28, 28\), \(30, 28, 28\) is right"),
    ((30, 28, 28), (29,), r"train-labels-idx1-ubyte: has shape \(29,\), \(30,\) is right"),
    ((30, 32, 32), (30,), "has shape"),
    ((30,), (30, 28, 28), "has 1 dimensions, 3 are right"),
])
def test_wrong_counts(small, tmp_path, images, labels, message):
    (tmp_path / "mnist").mkdir()
    for name, shape in zip(mnist.FILES[True], (images, labels)):
        (tmp_path / "mnist" / name).write_bytes(content(shape, np.zeros(shape, np.uint8)))
    with pytest.raises(DataError, match=message):
        MNIST(root=tmp_path)


def test_a_label_that_there_is_not(small, tmp_path):
    write(tmp_path / "mnist", True, packed=False)
    path = tmp_path / "mnist" / mnist.FILES[True][1]
    path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(DataError, match="train-labels-idx1-ubyte: has a label 10, 0 to 9 are right"):
        MNIST(root=tmp_path)


def test_the_files_of_another_set_are_told_apart(small, tmp_path, monkeypatch):
    """The hash is that of the unpacked file, header and all."""
    write(tmp_path / "mnist", False)
    labels = content((20,), pictures(False)[1])
    name = mnist.FILES[False][1]
    monkeypatch.setattr(MNIST, "sha256", {name: hashlib.sha256(labels).hexdigest()})
    MNIST(train=False, root=tmp_path)
    (tmp_path / "mnist" / f"{name}.gz").write_bytes(gzip.compress(labels[:-1] + b"\x03"))
    with pytest.raises(DataError, match=rf"{name}\.gz: is not the file of MNIST"):
        MNIST(train=False, root=tmp_path)


@pytest.mark.parametrize("arguments", [{"train": "yes"}, {"download": 1}, {"transform": 3}])
def test_bad_arguments(small, tmp_path, arguments):
    write(tmp_path / "mnist", True)
    with pytest.raises(InputError, match=next(iter(arguments))):
        MNIST(root=tmp_path, **arguments)


@pytest.mark.parametrize("kind", SETS)
def test_download_fetches_what_is_not_here(small, tmp_path, monkeypatch, kind):
    asked = []

    def fetch(name, mirrors, folder, size, known_hash):
        asked.append((name, folder, known_hash))
        assert len(mirrors) and all(m.endswith("/" + name) and m.startswith("http") for m in mirrors)
        assert size == (784 * 30 if "images" in name else 30)
        write(folder, True)

    monkeypatch.setattr(mnist, "fetch", fetch)
    assert len(kind(download=True, root=tmp_path)) == 30
    assert [name for name, _, _ in asked][0] == "train-images-idx3-ubyte.gz"
    assert {folder for _, folder, _ in asked} == {tmp_path / SETS[kind]}
    assert all(len(known) == 4 + 32 and known.startswith("md5:") for _, _, known in asked)
    asked.clear()
    kind(download=True, root=tmp_path)
    assert asked == []


def test_checksums_are_of_the_right_form():
    files = {name for part in mnist.FILES.values() for name in part}
    hashes = [value for kind in SETS for value in kind.md5.values()]
    assert all(set(kind.md5) == files for kind in SETS) and len(set(hashes)) == 12
    assert set(MNIST.sha256) < files and all(len(value) == 64 for value in MNIST.sha256.values())


# ------------------------------------------------------------------------------------------------------- the real files

REAL = Path(os.environ.get("MINICNN_DATA") or ".") / "mnist"
HERE = pytest.mark.skipif(not any(REAL.glob("t10k-images*")), reason="MINICNN_DATA has no MNIST")


@HERE
def test_real_mnist(capsys):
    train, test = MNIST(), MNIST(train=False)
    assert len(train) == 60_000 and len(test) == 10_000
    assert train.targets[:5].tolist() == [5, 0, 4, 1, 9] and test.targets[:5].tolist() == [7, 2, 1, 0, 4]
    assert abs(train.data.mean() / 255 - 0.1307) < 1e-4  # the mean that everybody normalises with
    assert cli.main(["data", "MNIST"]) == 0
    assert "MNIST, training: 60,000 samples" in capsys.readouterr().out


@HERE
def test_one_pixel_of_the_real_mnist_is_missed(tmp_path):
    shutil.copytree(REAL, tmp_path / "mnist")
    path = next((tmp_path / "mnist").glob("t10k-images*"))
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path) as file:
        data = bytearray(file.read())
    data[5000] ^= 1
    path.chmod(0o644)
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    with pytest.raises(DataError, match="is not the file of MNIST"):
        MNIST(train=False, root=tmp_path)
