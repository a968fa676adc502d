"""default_collate: stacks, containers, dtypes."""

from collections import namedtuple

import numpy as np
import pytest

from minicnn.data.collate import as_tensors, default_collate
from minicnn.errors import InputError
from minicnn.tensor import Tensor

Pair = namedtuple("Pair", "image label")


@pytest.mark.parametrize(("samples", "dtype"), [
    ([1.5, 2.5], np.float32), ([np.float64(1), np.float64(2)], np.float32), ([1, 2], np.int64),
    ([True, False], np.bool_),
    ([np.uint8(3), np.uint8(4)], np.int64), ([np.zeros(2), np.ones(2)], np.float32),
    ([np.zeros(2, np.int32), np.ones(2, np.int32)], np.int64), ([np.zeros((1, 2, 2), np.uint8)] * 2, np.uint8),
])
def test_dtypes(samples, dtype):
    batch = default_collate(samples)
    assert isinstance(batch, Tensor) and batch.dtype == dtype
    assert np.array_equal(batch.numpy(), np.stack(samples))


def test_containers_keep_their_kind():
    batch = default_collate([{"pair": Pair(np.ones(2), i), "list": [i, "name"]} for i in range(3)])
    assert type(batch["pair"]) is Pair and batch["pair"].label.tolist() == [0, 1, 2]
    assert batch["pair"].image.shape == (3, 2)
    assert isinstance(batch["list"], list) and batch["list"][1] == ["name"] * 3


def test_tensors_are_stacked_outside_the_graph():
    a = Tensor([1.0, 2.0], requires_grad=True)
    batch = default_collate([a, a * 2])
    assert batch.tolist() == [[1, 2], [2, 4]] and not batch.requires_grad


def test_a_batch_has_memory_of_its_own():
    held = np.zeros(3, np.float32)
    stacked, wrapped = default_collate([held]), as_tensors((held,))[0]
    held[0] = 1
    assert stacked.tolist() == [[0, 0, 0]] and wrapped.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("samples", "message"), [
    ([], "a list of one sample or more, got an empty one"),
    (3, "a list of one sample or more, got int"),
    ([np.zeros(2), np.zeros(3)], "of one shape"),
    ([(1, 2), (1,)], "alike, each a tuple of length 2, got tuple as number 1"),
    ([(1, 2), 1], "alike, each a tuple of length 2, got int"),
    ([None, None], "got NoneType. Pass your own collate_fn"),
    ([np.zeros(2, complex)], "numbers or arrays of numbers, got dtype complex128"),
])
def test_what_cannot_be_collated(samples, message):
    with pytest.raises(InputError, match=message):
        default_collate(samples)


def test_a_picture_needs_to_image():
    image = pytest.importorskip("PIL.Image").new("RGB", (2, 2))
    with pytest.raises(InputError, match="ToImage"):
        default_collate([image])
