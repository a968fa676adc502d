"""The checksum by which a guard notices that someone wrote into a raw array."""

import numpy as np
import pytest

from minicnn.backend import fingerprint


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [4, 8192, 3 * 8192])
def test_a_fingerprint_sees_changes_of_the_highest_bits_alone(size, dtype, rng):
    """Signs of all entries or of two, and twice all entries: changes that many sums of words miss."""
    a = rng.normal(size=size).astype(dtype)
    b, c = a.copy(), a.copy()
    b[[0, -1]] *= -1
    c[[1, size // 2]] *= -1
    assert len({fingerprint(v) for v in (a, b, c, -a, 2 * a, a / 4)}) == 6


@pytest.mark.parametrize("size", [0, 1, 7, 8191, 16 * 4096 // 4, 16 * 4096 // 4 + 3, 200_001])
def test_a_fingerprint_sees_every_change(size, rng):
    """One bit anywhere, two entries or two halves exchanged, a shift by one: of small arrays and of large ones."""
    a = rng.normal(size=size).astype(np.float32)
    before = fingerprint(a)
    assert fingerprint(a.copy()) == before
    for i in {0, size // 3, size - 1} if size else ():
        b = a.copy()
        b.view(np.uint32)[i] ^= 1
        assert fingerprint(b) != before
    if size > 1:
        b = a.copy()
        b[[0, -1]] = a[[-1, 0]]
        assert fingerprint(b) != before
        assert fingerprint(np.roll(a, 1)) != before and fingerprint(np.roll(a, size // 2)) != before
        assert fingerprint(np.roll(a, 8192)) != before or size == 8192 or not 8192 % size
