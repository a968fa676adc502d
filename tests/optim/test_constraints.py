"""max_norm_: a bound on the weight vector of each unit."""

import numpy as np
import pytest

from minicnn.errors import InputError
from minicnn.optim import max_norm_
from minicnn.tensor import Tensor


@pytest.mark.parametrize("shape", [(4, 3), (5, 2, 3, 3)])
def test_long_vectors_are_shortened_and_short_ones_kept(shape):
    rng = np.random.default_rng(0)
    w = rng.normal(size=shape) * np.linspace(0.01, 2, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    p = Tensor(w, requires_grad=True)
    stamp = p._watch().stamp()
    max_norm_([p], 1.0)
    assert p._watch().stamp() > stamp
    for before, after in zip(w, p._data):
        norm = np.sqrt((before**2).sum())
        np.testing.assert_allclose(after, before if norm <= 1 else before / norm, rtol=1e-14)
    assert any((row**2).sum() > 1 for row in w) and any((row**2).sum() < 1 for row in w)


def test_along_another_dimension():
    """A transposed convolution's weight is (in, out, kh, kw): its units lie along dimension 1."""
    w = np.random.default_rng(2).normal(size=(4, 3, 2, 2))
    p = Tensor(w)
    max_norm_(p, 1.5, dim=1)
    norms = np.sqrt((w**2).sum(axis=(0, 2, 3), keepdims=True))
    np.testing.assert_allclose(p._data, w * 1.5 / norms, rtol=1e-14)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_torch(dim):
    torch = pytest.importorskip("torch")
    w = np.random.default_rng(1).normal(size=(4, 3, 2)).astype(np.float32)
    p = Tensor(w)
    max_norm_(p, 0.8, dim=dim)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p._data, torch.renorm(torch.tensor(w), 2, dim % 3, 0.8).numpy(), rtol=1e-5)


def test_biases_zeros_and_a_bound_of_zero():
    bias, zeros, w = Tensor(np.full(3, 9.0)), Tensor(np.zeros((2, 3))), Tensor(np.ones((2, 3)))
    max_norm_([bias, zeros], 1)
    assert np.all(bias._data == 9) and np.all(zeros._data == 0)
    max_norm_([w], 0)
    assert np.all(w._data == 0)


@pytest.mark.parametrize("call", [
    lambda: max_norm_([Tensor(np.ones((2, 2)))], -1),
    lambda: max_norm_([np.ones((2, 2))], 1),
    lambda: max_norm_([Tensor(np.ones((2, 2)))], 1, dim=2),
])
def test_refuses(call):
    with pytest.raises(InputError):
        call()
