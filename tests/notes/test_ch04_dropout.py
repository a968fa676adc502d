"""The numbered results of docs/notes/ch04_dropout.md. Here p keeps; the library's p drops."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import nn, optim
from minicnn.backend import Generator
from minicnn.data import Digits
from minicnn.nn import functional as F


def masks(d, p):
    """All 2^d masks and their probabilities."""
    for bits in itertools.product([0, 1], repeat=d):
        r = np.array(bits)
        yield r, p ** r.sum() * (1 - p) ** (d - r.sum())


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


@pytest.mark.equation("4.1")
def test_e6_layers_count_from_the_input(rng):
    """y^(0) = x: a net with L hidden layers of units uses l = 0 .. L-1, and the input enters."""
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), nn.Tanh()).double()
    x = rng.normal(size=(5, 3))
    y = [x]
    for layer in (net[0], net[2]):
        y.append(np.tanh(y[-1] @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()))
    np.testing.assert_allclose(net(mc.tensor(x)).detach().numpy(), y[2], rtol=1e-12)
    without_input = np.tanh(y[1] @ net[2].weight.detach().numpy().T)  # from l = 1 on, x could be anything
    assert without_input.shape == y[2].shape and abs(without_input - y[1][:, :2]).max() > 0


@pytest.mark.equation("4.2")
@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8])
def test_units_are_kept_with_probability_p_each_on_its_own(keep):
    x = mc.ones(400, 300)
    kept = F.dropout(x, 1 - keep, generator=Generator(0)).numpy() != 0
    error = 4 * np.sqrt(keep * (1 - keep))
    assert abs(kept.mean() - keep) < error / np.sqrt(kept.size)
    assert abs(kept.mean(axis=0) - keep).max() < 1.3 * error / np.sqrt(400)  # every unit
    pairs = (kept[:, 1:] & kept[:, :-1]).mean()
    assert abs(pairs - keep**2) < error / np.sqrt(kept.size) * 2  # neighbours are independent


@pytest.mark.equation("4.3")
@given(d=st.integers(1, 8), keep=st.floats(0.05, 0.95), seed=st.integers(0, 99))
def test_scaled_weights_give_the_mean_over_all_masks(d, keep, seed):
    rng = np.random.default_rng(seed)
    y, w, b = rng.normal(size=d), rng.normal(size=(3, d)), rng.normal(size=3)
    mean = sum(probability * (w @ (r * y) + b) for r, probability in masks(d, keep))
    np.testing.assert_allclose(mean, keep * w @ y + b, rtol=1e-10, atol=1e-12)
    assert abs(w @ y - keep * w @ y).max() > 0  # unscaled is something else


@pytest.mark.equation("4.4")
@pytest.mark.parametrize("keep", [0.3, 0.5, 0.9])
def test_inverted_dropout_has_the_right_mean_and_variance(keep):
    y, n = np.array([0.5, -2.0, 3.0]), 200_000
    out = F.dropout(mc.tensor(np.tile(y, (n, 1))), 1 - keep, generator=Generator(1)).numpy()
    assert set(np.unique(np.round(out / y, 12))) == {0.0, round(1 / keep, 12)}
    variance = (1 - keep) / keep * y**2
    assert (abs(out.mean(axis=0) - y) < 4.5 * np.sqrt(variance / n)).all()
    np.testing.assert_allclose(out.var(axis=0), variance, rtol=0.03)
    layer = nn.Dropout(1 - keep).eval()
    assert np.array_equal(layer(mc.tensor(y)).numpy(), y)


@pytest.mark.equation("4.5")
@given(keep=st.floats(0.1, 0.9), seed=st.integers(0, 99))
def test_backward_uses_the_same_mask_and_factor(keep, seed):
    rng = np.random.default_rng(seed)
    y, g = mc.tensor(rng.normal(size=(4, 5)) + 3, requires_grad=True), rng.normal(size=(4, 5))
    out = F.dropout(y, 1 - keep, generator=Generator(seed))
    out.backward(mc.tensor(g))
    r = out.detach().numpy() != 0
    np.testing.assert_allclose(y.grad.numpy(), g * r / keep, rtol=1e-12)


@pytest.mark.equation("4.6")
@given(keep=st.floats(0.1, 0.9), seed=st.integers(0, 99), d=st.integers(1, 8), k=st.integers(2, 5))
def test_geometric_mean_over_all_masks_is_the_scaled_network(keep, seed, d, k):
    rng = np.random.default_rng(seed)
    x, w, b = rng.normal(size=d) * 2, rng.normal(size=(k, d)), rng.normal(size=k)
    logs = sum(probability * np.log(softmax(w @ (r * x) + b)) for r, probability in masks(d, keep))
    np.testing.assert_allclose(softmax(logs), softmax(keep * w @ x + b), rtol=1e-9)


def test_arithmetic_mean_is_something_else(rng):
    x, w = rng.normal(size=8) * 2, rng.normal(size=(4, 8))
    mean = sum(probability * softmax(w @ (r * x)) for r, probability in masks(8, 0.5))
    assert abs(mean - softmax(0.5 * w @ x)).max() > 0.01


@pytest.mark.equation("4.7")
@given(keep=st.floats(0.1, 0.9), seed=st.integers(0, 99), d=st.integers(1, 6))
def test_expected_loss_of_linear_regression_exactly(keep, seed, d):
    rng = np.random.default_rng(seed)
    x, y, w = rng.normal(size=(3, d)), rng.normal(size=3), rng.normal(size=d)
    # rows have masks of their own, so the expectation of the sum is the sum of the rows' expectations
    exact = sum(probability * (y[n] - (r * x[n]) @ w) ** 2 for n in range(3) for r, probability in masks(d, keep))
    closed = ((y - keep * x @ w) ** 2).sum() + keep * (1 - keep) * (w**2 * (x**2).sum(axis=0)).sum()
    assert closed == pytest.approx(exact, rel=1e-10)


@pytest.mark.equation("4.8")
@given(keep=st.floats(0.1, 0.9), seed=st.integers(0, 99))
def test_the_same_loss_in_test_time_weights(keep, seed):
    rng = np.random.default_rng(seed)
    x, y, w = rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=4)
    before = ((y - keep * x @ w) ** 2).sum() + keep * (1 - keep) * (w**2 * (x**2).sum(axis=0)).sum()
    scaled = keep * w
    after = ((y - x @ scaled) ** 2).sum() + (1 - keep) / keep * (scaled**2 * (x**2).sum(axis=0)).sum()
    assert after == pytest.approx(before, rel=1e-10)


def dropout_solution(x, y, keep):
    gram = x.T @ x
    return np.linalg.solve(gram + (1 - keep) / keep * np.diag(np.diag(gram)), x.T @ y)


@pytest.mark.equation("4.9")
@given(keep=st.floats(0.1, 0.9), seed=st.integers(0, 99))
def test_minimiser_has_gradient_zero(keep, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(9, 4)) * [1, 2, 3, 4], rng.normal(size=9)
    w = mc.tensor(dropout_solution(x, y, keep), requires_grad=True)
    tx = mc.tensor(x)
    loss = ((mc.tensor(y) - tx @ w) ** 2).sum() + (1 - keep) / keep * (w**2 * (tx**2).sum(dim=0)).sum()
    loss.backward()
    assert abs(w.grad.numpy()).max() < 1e-9 * max(1, abs(x.T @ y).max())


def test_e5_ridge_only_if_all_columns_have_one_norm(rng):
    x, y, keep = rng.normal(size=(20, 3)), rng.normal(size=20), 0.5
    x /= np.linalg.norm(x, axis=0)  # norms 1: now it is ridge with lambda = (1 - p) / p
    ridge = np.linalg.solve(x.T @ x + np.eye(3), x.T @ y)
    np.testing.assert_allclose(dropout_solution(x, y, keep), ridge, rtol=1e-10)
    x *= [1, 10, 0.1]
    dropped, gram = dropout_solution(x, y, keep), x.T @ x
    for lam in np.logspace(-4, 4, 200):  # no lambda will do: some coefficient is at least a fifth off
        assert abs(np.linalg.solve(gram + lam * np.eye(3), x.T @ y) / dropped - 1).max() > 0.2


@pytest.mark.equation("4.10")
@given(c=st.floats(0.1, 5), seed=st.integers(0, 99))
def test_max_norm_is_the_nearest_point_of_the_ball(c, seed):
    rng = np.random.default_rng(seed)
    before = rng.normal(size=(5, 4)) * rng.uniform(0.1, 4, size=(5, 1))
    w = mc.tensor(before)
    optim.max_norm_([w], c)
    after = w.numpy()
    norms = np.linalg.norm(after, axis=1)
    assert (norms <= c * (1 + 1e-12)).all()
    inside = np.linalg.norm(before, axis=1) <= c
    np.testing.assert_allclose(after[inside], before[inside], rtol=1e-12)
    other = rng.normal(size=(200, 4))
    other *= c * rng.uniform(size=(200, 1)) / np.linalg.norm(other, axis=1, keepdims=True)
    for old, new in zip(before, after):
        assert np.linalg.norm(old - new) <= np.linalg.norm(old - other, axis=1).min() + 1e-9


def test_e7_sizes_of_images_and_sets():
    assert 256 * 256 == 65_536 and 256 * 256 * 3 == 196_608 and 32 * 32 * 3 == 3072
    assert 50_000 + 10_000 == 60_000
    assert Digits().data[0].size == 8 * 8
