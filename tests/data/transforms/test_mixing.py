"""MixUp and CutMix: labels mix in the shares that the images really have."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data.random import use_generator
from minicnn.data.transforms import CutMix, MixUp
from minicnn.errors import InputError
from minicnn.tensor import Tensor


def batch(n=5, h=6, w=7):
    """Image i is all i, so that a mixed pixel says where it came from."""
    return np.arange(n, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, h, w), np.float32), np.arange(n)


@given(alpha=st.floats(0.1, 3), seed=st.integers(0, 50))
def test_mixup_mixes_images_and_labels_alike(alpha, seed):
    x, labels = np.random.default_rng(0).random((5, 2, 3, 4)), np.array([0, 2, 1, 1, 3])
    with use_generator(seed):
        mixed, shares = MixUp(alpha, num_classes=4)(x, labels)
    lam = shares[0, 0]  # nobody else of class 0
    for i in range(5):
        assert np.allclose(mixed[i], lam * x[i] + (1 - lam) * x[i - 1])
        expected = np.zeros(4)
        expected[labels[i]] += lam
        expected[labels[i - 1]] += 1 - lam
        assert np.allclose(shares[i], expected)


@given(h=st.integers(1, 12), w=st.integers(1, 12), seed=st.integers(0, 100), alpha=st.floats(0.2, 3))
def test_cutmix_labels_are_the_shares_of_pixels(h, w, seed, alpha):
    """The count of pixels is the oracle: clipped rectangles included."""
    x, labels = batch(4, h, w)
    with use_generator(seed):
        mixed, shares = CutMix(alpha, num_classes=4)(x, labels)
    for i in range(4):
        own = np.mean(mixed[i] == i)
        assert np.isclose(shares[i, i], own) and np.isclose(shares[i, i - 1], 1 - own)
        assert np.all((mixed[i] == i) | (mixed[i] == (i - 1) % 4))
        rows, columns = np.nonzero(mixed[i, 0] != i)
        if len(rows):
            assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)  # a rectangle


def test_cutmix_really_clips():
    """Without the correction the labels would be wrong in about half of all draws."""
    with use_generator(0):
        draws = [(lam, CutMix.get_params(100, 100, lam)) for lam in np.linspace(0.05, 0.95, 300)]
    areas = [(b - t) * (r - le) / 1e4 for _, (t, b, le, r) in draws]
    short = [area < 0.9 * (1 - lam) for (lam, _), area in zip(draws, areas)]
    assert np.mean(short) > 0.4
    assert all(area <= 1 - lam + 1e-9 for (lam, _), area in zip(draws, areas))


@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.0])
def test_lambda_is_a_beta_draw(alpha):
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)), to 4 sigma."""
    x, runs = np.zeros((2, 1, 1, 1), np.float32), 2000
    mix = MixUp(alpha, num_classes=2)
    with use_generator(0):
        lam = np.array([mix(x, np.array([0, 1]))[1][0, 0] for _ in range(runs)])
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(lam.mean() - 0.5) < 4 * math.sqrt(variance / runs)
    assert abs(lam.var() - variance) < 4 * np.std((lam - 0.5) ** 2) / math.sqrt(runs)


@pytest.mark.parametrize("mix", [MixUp(num_classes=5), CutMix(num_classes=5)])
def test_tensors_give_tensors_and_the_input_stays(mix):
    x, labels = batch()
    with use_generator(3):
        arrays = mix(x, labels)
    with use_generator(3):
        tensors = mix((Tensor(x), Tensor(labels)))
    assert all(isinstance(t, Tensor) and np.array_equal(t.numpy(), a) for t, a in zip(tensors, arrays))
    assert arrays[0].dtype == arrays[1].dtype == np.float32
    assert np.array_equal(x, batch()[0])


def test_shares_can_be_mixed_again():
    x, _ = batch(3)
    shares = np.array([[0.5, 0.5], [1, 0], [0, 1]])
    with use_generator(0):
        _, out = MixUp()(x, shares)
    assert np.allclose(out.sum(axis=1), 1)


def test_strict_arrays_stay_on_their_device():
    strict = pytest.importorskip("strict")
    x, labels = batch()
    for mix in (MixUp(num_classes=5), CutMix(num_classes=5)):
        with use_generator(3):
            expected = mix(x, labels)
        with use_generator(3):
            found = mix(strict.to_strict(x), strict.to_strict(labels))
        assert all(np.array_equal(strict.from_strict(f), e) for f, e in zip(found, expected))


@pytest.mark.parametrize(("arguments", "message"), [
    ((np.zeros((2, 3, 3)), [0, 1]), r"images must be a batch \(N, C, H, W\) of floats, got shape"),
    ((np.zeros((2, 1, 3, 3), np.uint8), [0, 1]), "images must be a batch .* dtype uint8"),
    ((np.zeros((2, 1, 3, 3)),), "labels must be given"),
    ((np.zeros((2, 1, 3, 3)), np.array([0, 4])), "labels must be from 0 to num_classes - 1 = 3, got 0 to 4"),
    ((np.zeros((2, 1, 3, 3)), np.array([0, 1, 2])), "labels must be integers of shape"),
    ((np.zeros((2, 1, 3, 3)), np.zeros((2, 3))), "labels must be integers of shape"),
])
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match="MixUp: " + message):
        MixUp(num_classes=4)(*arguments)


def test_integer_labels_need_num_classes():
    with pytest.raises(InputError, match="CutMix: num_classes must be given, for integer labels"):
        CutMix()(*batch())
