"""Digits: the file is the one whose notice it carries, and the split is fixed and stratified."""

import gzip
import hashlib
import re
import socket
from pathlib import Path

import numpy as np
import pytest

import minicnn.data
from minicnn.data import DataLoader, Digits
from minicnn.data import transforms as T
from minicnn.errors import InputError

FILES = Path(minicnn.data.__file__).parent / "files"


def test_the_file_is_the_one_its_notice_names():
    wanted = re.search(r"SHA-256: (\w+)", (FILES / "digits.NOTICE.txt").read_text(encoding="utf-8"))[1]
    assert hashlib.sha256((FILES / "digits.csv.gz").read_bytes()).hexdigest() == wanted


def test_the_two_parts_are_the_whole_file_once():
    with gzip.open(FILES / "digits.csv.gz", "rt") as file:
        table = [[float(v) for v in line.split(",")] for line in file]
    taken = {digit: 0 for digit in range(10)}
    wanted = {True: [], False: []}
    for *values, label in table:  # of each class, every fifth is for testing
        taken[label] += 1
        wanted[taken[label] % 5 != 0].append((values, label))
    for train, size in ((True, 1442), (False, 355)):
        dataset = Digits(train)
        assert len(dataset) == len(wanted[train]) == size
        assert dataset.targets.tolist() == [label for _, label in wanted[train]]
        pixels = np.array([values for values, _ in wanted[train]]).reshape(-1, 1, 8, 8)
        assert np.abs(dataset.data - pixels * (255 / 16)).max() <= 0.5


def test_the_split_is_stratified():
    train, test = np.bincount(Digits().targets), np.bincount(Digits(train=False).targets)
    assert len(train) == len(test) == 10 and np.all(test == (train + test) // 5)


def test_no_test_image_is_a_training_image():
    train = {image.tobytes() for image in Digits().data}
    assert not any(image.tobytes() in train for image in Digits(train=False).data)


def test_samples_are_float32_from_0_to_1():
    image, label = Digits()[0]
    assert image.shape == (1, 8, 8) and image.dtype == np.float32 and type(label) is int
    x, y = Digits().arrays()
    assert x.shape == (1442, 1, 8, 8) and x.dtype == np.float32 and y.dtype == np.int64
    assert x.min() == 0 and x.max() == 1
    np.testing.assert_array_equal(x[0], image)
    np.testing.assert_array_equal(Digits()[-1][0], x[-1])
    assert Digits().arrays(np.float64)[0].dtype == np.float64
    with pytest.raises(InputError, match="dtype must be a floating-point"):
        Digits().arrays(np.uint8)


def test_changing_a_sample_changes_no_other():
    """Neither the set, nor the next set made from the same file."""
    dataset = Digits()
    before, labels = dataset.data.copy(), dataset.targets.copy()
    dataset[0][0][:] = 7
    dataset.arrays()[0][:] = 7
    dataset.arrays()[1][:] = 7
    np.testing.assert_array_equal(dataset.data, before)
    np.testing.assert_array_equal(dataset.targets, labels)
    dataset.data[:] = 0
    dataset.targets[:] = 0
    np.testing.assert_array_equal(Digits().data, before)
    np.testing.assert_array_equal(Digits().targets, labels)


def test_transforms_see_uint8_and_may_write_to_it():
    def invert(image):
        assert image.dtype == np.uint8
        np.subtract(255, image, out=image)
        return image

    plain, inverted = Digits(), Digits(transform=invert, target_transform=str)
    for _ in range(2):  # the second time finds the image as it was
        image, label = inverted[3]
        np.testing.assert_array_equal(image, 255 - plain.data[3])
        assert label == "3"
    assert inverted.take([0]) is None


def test_the_loader_gives_the_same_with_and_without_the_quick_way():
    quick = next(iter(DataLoader(Digits(), batch_size=5)))
    slow = next(iter(DataLoader(Digits(transform=T.ToDtype(np.float32, scale=True)), batch_size=5)))
    for a, b in zip(quick, slow):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_array_equal(a.data, b.data)


def test_no_network_is_asked(monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(Digits()) == 1442


def test_bad_arguments():
    for arguments, name in [({"train": 1}, "train"), ({"transform": 3}, "transform"), ({"target_transform": "x"}, "target")]:
        with pytest.raises(InputError, match=f"Digits: {name}"):
            Digits(**arguments)
    with pytest.raises(IndexError, match="Digits: index 1442 is out of range for 1442 samples"):
        Digits()[1442]
    with pytest.raises(InputError, match="the index"):
        Digits()[0.5]
    assert repr(Digits()) == "Digits(train=True, 1442 images of shape (1, 8, 8), 10 classes)"
