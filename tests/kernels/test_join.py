"""Joining large arrays against NumPy's concatenate: every axis, every layout, three threads; and which arrays go this way."""

from types import SimpleNamespace

import numpy as np
import pytest

from minicnn.kernels import get_num_threads, join, set_num_threads, threads
from minicnn.kernels.buffers import is_channels_last
from minicnn.ops import shape


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    """Every array is worth cutting, into parts of one sample."""
    before = get_num_threads()
    set_num_threads(3)
    for module, name, value in ((join, "SMALL", 1), (threads, "SMALL", 1), (threads, "CHUNK_BYTES", 1)):
        monkeypatch.setattr(module, name, value)
    yield
    set_num_threads(before)


def last(x):
    """The same image with its channels last in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def arrays(rng, size, axis, lengths):
    for n in lengths:
        yield rng.normal(size=[n if i == axis % len(size) else m for i, m in enumerate(size)]).astype(np.float32)


@pytest.mark.parametrize("size, axis", [(s, axis) for s in ((4, 3), (4, 2, 3), (5, 2, 3, 2)) for axis in range(-len(s), len(s))])
def test_the_same_as_numpy_and_rows_stay_rows(rng, size, axis):
    parts = list(arrays(rng, size, axis, (2, 1, 3)))
    assert join.applies(parts)
    with pytest.MonkeyPatch.context() as patch:  # where the shapes fit, NumPy's own, which takes no memory of the pool, is not asked
        patch.setattr(join, "np", SimpleNamespace(cumsum=np.cumsum))
        y = join.concatenate(parts, axis)
    np.testing.assert_array_equal(y, np.concatenate(parts, axis), strict=True)
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(shape.concatenate(*parts, axis=axis), y, strict=True)


@pytest.mark.parametrize("axis", range(4))
def test_channels_last_stays_channels_last(rng, axis):
    plain = list(arrays(rng, (5, 2, 3, 4), axis, (2, 1, 3)))
    y = join.concatenate([last(x) for x in plain], axis)
    np.testing.assert_array_equal(y, np.concatenate(plain, axis), strict=True)
    assert is_channels_last(y)
    mixed = [plain[0], *(last(x) for x in plain[1:])]
    y = join.concatenate(mixed, axis)
    np.testing.assert_array_equal(y, np.concatenate(plain, axis), strict=True)
    assert y.flags.c_contiguous


def test_what_does_not_fit_is_refused_with_numpys_message():
    for axis, wrong in ((0, (2, 4)), (1, (3, 3))):
        with pytest.raises(ValueError, match="must match exactly"):
            join.concatenate([np.ones((2, 3)), np.ones(wrong)], axis)


def test_which_arrays_go_this_way(monkeypatch):
    x = np.ones((2, 3), np.float32)
    assert join.applies([x, x]) and join.applies([x])
    assert not join.applies([x, x.astype(float)])
    assert not join.applies([x, x[0]]) and not join.applies([x[0], x[0]]) and not join.applies([x, [[1.0]]])
    for least, large in ((12, True), (13, False)):  # the numbers of all arrays count
        monkeypatch.setattr(join, "SMALL", least)
        assert join.applies([x, x]) is large
