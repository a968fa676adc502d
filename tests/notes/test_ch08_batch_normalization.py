"""The numbered results of docs/notes/ch08_batch_normalization.md."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import nn
from minicnn.errors import InputError
from minicnn.nn import functional as F
from minicnn.testing import check_grads

EPS = 1e-3
batches = st.tuples(st.integers(2, 9), st.integers(1, 4), st.integers(0, 2**32 - 1))


def drawn(case):
    """x, dy (m, d), gamma, beta (d,): d features with m values each, of various sizes and offsets."""
    m, d, seed = case
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(m, d)) * rng.uniform(0.1, 3, size=d) + rng.normal(size=d)
    return x, rng.normal(size=(m, d)), rng.normal(size=d) + 2, rng.normal(size=d)


def library(x, gamma, beta, dy=None, eps=EPS):
    """y of the library, or dx, dgamma, dbeta where a dy is given."""
    tensors = [mc.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    y = F.batch_norm(tensors[0], None, None, tensors[1], tensors[2], training=True, eps=eps)
    if dy is None:
        return y.detach().numpy()
    y.backward(mc.tensor(dy))
    return [t.grad.numpy() for t in tensors]


def naive(x, gamma, beta, eps=EPS):
    """(8.1) and (8.2), one number at a time."""
    m, d = x.shape
    y = np.empty_like(x)
    for k in range(d):
        mean = sum(x[i, k] for i in range(m)) / m
        variance = sum((x[i, k] - mean) ** 2 for i in range(m)) / m
        for i in range(m):
            y[i, k] = gamma[k] * (x[i, k] - mean) / (variance + eps) ** 0.5 + beta[k]
    return y


def normalised(x, eps=EPS):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


@pytest.mark.equation("8.1", "8.2")
@given(batches)
def test_output_is_the_formula_and_x_hat_has_the_two_sums(case):
    x, _, gamma, beta = drawn(case)
    np.testing.assert_allclose(library(x, gamma, beta), naive(x, gamma, beta), rtol=1e-10, atol=1e-10)
    hat = library(x, np.ones_like(gamma), np.zeros_like(beta))
    np.testing.assert_allclose(hat.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose((hat**2).sum(axis=0), len(x) * x.var(axis=0) / (x.var(axis=0) + EPS), rtol=1e-9)


def test_gamma_and_beta_can_undo_it(rng):
    x = rng.normal(size=(6, 3)) + 2
    np.testing.assert_allclose(library(x, np.sqrt(x.var(axis=0) + EPS), x.mean(axis=0)), x, rtol=1e-12)


def test_one_value_is_refused_in_training():
    with pytest.raises(InputError, match="more than one value"):
        nn.BatchNorm1d(3)(mc.zeros(1, 3))
    nn.BatchNorm1d(3).eval()(mc.zeros(1, 3))


def test_e13_epsilon_outside_the_root_is_another_layer():
    x = np.array([[-1e-3], [1e-3]])  # variance 1e-6
    y = library(x, np.ones(1), np.zeros(1), eps=1e-5)
    inside = x / np.sqrt(1e-6 + 1e-5)
    printed = x / (np.sqrt(1e-6) + 1e-5)
    np.testing.assert_allclose(y, inside, rtol=1e-10)
    assert printed[1, 0] / y[1, 0] == pytest.approx(3.28, abs=0.01)


@pytest.mark.equation("8.3")
@given(batches)
def test_gradients_of_the_parameters_are_sums(case):
    x, dy, gamma, beta = drawn(case)
    _, dgamma, dbeta = library(x, gamma, beta, dy)
    np.testing.assert_allclose(dgamma, (dy * normalised(x)).sum(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dbeta, dy.sum(axis=0), rtol=1e-9, atol=1e-9)


@pytest.mark.equation("8.4")
@given(batches)
def test_gradient_of_the_input_is_the_closed_form(case):
    x, dy, gamma, beta = drawn(case)
    hat = normalised(x)
    expected = gamma / np.sqrt(x.var(axis=0) + EPS) * (dy - dy.mean(axis=0) - hat * (dy * hat).mean(axis=0))
    np.testing.assert_allclose(library(x, gamma, beta, dy)[0], expected, rtol=1e-8, atol=1e-9)


@pytest.mark.equation("8.4")
def test_jacobian_has_the_three_terms_and_all_orders_agree_with_differences(rng):
    x, gamma, m = rng.normal(size=5) * 0.7 + 1, 1.7, 5
    hat = normalised(x)
    expected = gamma / np.sqrt(x.var() + EPS) * (np.eye(m) - 1 / m - np.outer(hat, hat) / m)
    jacobian = mc.jacobian(
        lambda t: F.batch_norm(
            t.reshape(5, 1), None, None, mc.tensor([gamma], dtype=np.float64), None, training=True, eps=EPS
        ).reshape(5),
        mc.tensor(x),
    ).numpy()
    np.testing.assert_allclose(jacobian, expected, rtol=1e-9, atol=1e-12)
    check_grads(lambda a, b, c: F.batch_norm(a, None, None, b, c, training=True, eps=EPS), rng.normal(size=(4, 3, 2, 3)),
                rng.normal(size=3), rng.normal(size=3), order=2)


@pytest.mark.equation("8.5", "8.6")
@given(batches)
def test_two_invariants(case):
    x, dy, gamma, beta = drawn(case)
    dx = library(x, gamma, beta, dy)[0]
    size = abs(dx).sum(axis=0) + 1e-9
    assert (abs(dx.sum(axis=0)) < 1e-9 * size + 1e-12).all()
    hat, variance, m = normalised(x), x.var(axis=0), len(x)
    expected = m * gamma / np.sqrt(variance + EPS) * (dy * hat).mean(axis=0) * EPS / (variance + EPS)
    np.testing.assert_allclose((dx * hat).sum(axis=0), expected, rtol=1e-7, atol=1e-10 * size.max())


def test_a_batch_of_two_lets_no_gradient_through(rng):
    x, dy = rng.normal(size=(2, 3)) * 5, rng.normal(size=(2, 3))
    ones = np.ones(3)
    np.testing.assert_allclose(abs(library(x, ones, 0 * ones, eps=0.0)), 1, rtol=1e-12)
    assert abs(library(x, ones, 0 * ones, dy, eps=0.0)[0]).max() < 1e-12


def loss_of_row(w, u, target, eps=0.0):
    """A scalar loss of BN(W u): squared distance to a target."""
    y = F.batch_norm(u @ w.mT, None, None, training=True, eps=eps)
    return ((y - target) ** 2).sum()


@pytest.mark.equation("8.7", "8.8")
@given(st.floats(0.1, 10), st.integers(0, 2**32 - 1))
def test_scale_of_the_weights_does_not_matter(alpha, seed):
    rng = np.random.default_rng(seed)
    u, target, start = mc.tensor(rng.normal(size=(7, 4))), mc.tensor(rng.normal(size=(7, 3))), rng.normal(size=(3, 4))
    c = rng.normal(size=3)
    y, scaled = (F.batch_norm(x, None, None, training=True, eps=0.0).numpy()
                 for x in (u @ mc.tensor(start).mT, alpha * (u @ mc.tensor(start).mT) + mc.tensor(c)))
    np.testing.assert_allclose(scaled, y, rtol=1e-7, atol=1e-7)
    w, longer = mc.tensor(start, requires_grad=True), mc.tensor(alpha * start, requires_grad=True)
    for t in (w, longer):
        loss_of_row(t, u, target).backward()
    g = w.grad.numpy()
    np.testing.assert_allclose((start * g).sum(axis=1), 0, atol=1e-8 * (1 + abs(g).max() * abs(start).max()))
    np.testing.assert_allclose(longer.grad.numpy(), g / alpha, rtol=1e-6, atol=1e-7 * abs(g).max())


def test_negative_scale_turns_the_sign(rng):
    x = mc.tensor(rng.normal(size=(6, 2)))
    y, turned = (F.batch_norm(t, None, None, training=True, eps=0.0).numpy() for t in (x, -2 * x))
    np.testing.assert_allclose(turned, -y, rtol=1e-10)


def test_epsilon_breaks_the_invariance_where_the_variance_is_small(rng):
    x = mc.tensor(rng.normal(size=(6, 2)) * 1e-3)
    y, scaled = (F.batch_norm(t, None, None, training=True).numpy() for t in (x, 100 * x))
    assert abs(y - scaled).max() > 0.5


@pytest.mark.equation("8.9")
@pytest.mark.parametrize("momentum", [0.1, 0.4, None])
def test_running_statistics(rng, momentum):
    layer = nn.BatchNorm1d(3, momentum=momentum).double()
    mean, variance, m = np.zeros(3), np.ones(3), 4
    for step in range(1, 6):
        x = rng.normal(size=(m, 3)) * 2 + 1
        layer(mc.tensor(x))
        weight = 1 / step if momentum is None else momentum
        mean = (1 - weight) * mean + weight * x.mean(axis=0)
        variance = (1 - weight) * variance + weight * m / (m - 1) * x.var(axis=0)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), variance, rtol=1e-12)


def test_the_correction_removes_the_bias():
    """E[biased variance] = (m - 1) / m v: exactly, over all 3^m batches of a variable that takes three values."""
    values, m = np.array([-1.0, 0.5, 2.0]), 4
    all_batches = np.array(np.meshgrid(*[values] * m)).reshape(m, -1)
    assert all_batches.var(axis=0).mean() == pytest.approx((m - 1) / m * values.var(), rel=1e-12)


@pytest.mark.equation("8.10")
def test_inference_is_an_affine_map_that_a_convolution_can_swallow(rng):
    conv, norm = nn.Conv2d(2, 3, 3).double(), nn.BatchNorm2d(3).double()
    norm.running_mean.copy_(mc.tensor(rng.normal(size=3)))
    norm.running_var.copy_(mc.tensor(rng.uniform(0.5, 2, size=3)))
    norm.weight.data[...], norm.bias.data[...] = rng.normal(size=3), rng.normal(size=3)
    norm.eval()
    x = mc.tensor(rng.normal(size=(2, 2, 5, 6)), requires_grad=True)
    y = norm(x_inner := conv(x))
    a = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
    c = norm.bias.detach().numpy() - a * norm.running_mean.numpy()
    affine = a.reshape(3, 1, 1) * x_inner.detach().numpy() + c.reshape(3, 1, 1)
    np.testing.assert_allclose(y.detach().numpy(), affine, rtol=1e-10, atol=1e-12)
    w, b = conv.weight.detach().numpy() * a.reshape(3, 1, 1, 1), conv.bias.detach().numpy() * a + c
    np.testing.assert_allclose(F.conv2d(x, mc.tensor(w), mc.tensor(b)).detach().numpy(), y.detach().numpy(), rtol=1e-10, atol=1e-12)
    dy = rng.normal(size=y.shape)
    (inner,) = mc.grad(norm(z := mc.tensor(x_inner.detach().numpy(), requires_grad=True)), z, mc.tensor(dy))
    np.testing.assert_allclose(inner.numpy(), a.reshape(3, 1, 1) * dy, rtol=1e-12)


def test_inference_does_not_depend_on_the_batch_and_changes_nothing(rng):
    layer = nn.BatchNorm1d(3).double().eval()
    x = mc.tensor(rng.normal(size=(5, 3)))
    before = {k: v.numpy().copy() for k, v in layer.state_dict().items()}
    np.testing.assert_array_equal(layer(x)[2:3].detach().numpy(), layer(x[2:3]).detach().numpy())
    assert all(np.array_equal(before[k], v.numpy()) for k, v in layer.state_dict().items())


@pytest.mark.equation("8.11")
def test_convolutional_case_is_the_table_of_pixels(rng):
    x, gamma, beta = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=3), rng.normal(size=3)
    table = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    expected = naive(table, gamma, beta).reshape(2, 4, 5, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(library(x, gamma, beta), expected, rtol=1e-10, atol=1e-12)


def test_e14_convolution_counts_pixels(rng):
    layer = nn.BatchNorm2d(2, momentum=1.0).double()
    x = rng.normal(size=(2, 2, 7, 7))
    layer(mc.tensor(x))
    biased = x.var(axis=(0, 2, 3))
    np.testing.assert_allclose(layer.running_var.numpy(), 98 / 97 * biased, rtol=1e-12)
    assert (layer.running_var.numpy() < 0.6 * 2 / 1 * biased).all()  # the printed m / (m - 1) would double it


@pytest.mark.equation("8.12")
def test_the_batch_mean_scatters_with_v_over_m():
    """Exactly, over all batches of a variable that takes three values."""
    values, m = np.array([-1.0, 0.5, 2.0]), 5
    means = np.array(np.meshgrid(*[values] * m)).reshape(m, -1).mean(axis=0)
    assert means.var() == pytest.approx(values.var() / m, rel=1e-12)
