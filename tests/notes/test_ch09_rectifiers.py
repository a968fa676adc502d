"""The numbered results of docs/notes/ch09_rectifiers.md."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import nn, optim
from minicnn.backend import Generator
from minicnn.nn import functional as F
from minicnn.testing import check_grads


def relu_net(width, depth, std, rng, batch=64):
    """Responses y_1 .. y_L of a plain ReLU net, and gradients at x_2 .. x_{L+1} for random ones at the end."""
    weights = [rng.normal(size=(width, width)) * std for _ in range(depth)]
    x, ys = rng.normal(size=(batch, width)), []
    for w in weights:
        ys.append(x @ w.T)
        x = np.maximum(ys[-1], 0)
    g, back = rng.normal(size=x.shape), []
    for w, y in zip(reversed(weights), reversed(ys)):
        back.append(g)
        g = (g * (y > 0)) @ w
    return ys, back[::-1]


@pytest.mark.equation("9.1")
@given(a=st.floats(-2, 2), seed=st.integers(0, 99))
def test_prelu_is_max_plus_a_times_min(a, seed):
    y = np.random.default_rng(seed).normal(size=(2, 3, 4))
    slopes = np.array([a, 0.0, 0.01])
    ours = F.prelu(mc.tensor(y), mc.tensor(slopes)).numpy()
    for n, i, p in np.ndindex(*y.shape):
        value = y[n, i, p]
        assert ours[n, i, p] == (value if value > 0 else slopes[i] * value)
    np.testing.assert_array_equal(F.prelu(mc.tensor(y), mc.tensor(np.zeros(1))).numpy(), np.maximum(y, 0))
    assert nn.PReLU(3).weight.tolist() == [0.25] * 3


@pytest.mark.equation("9.2")
@given(seed=st.integers(0, 99), shared=st.booleans())
def test_gradient_of_a_slope_sums_over_its_channel(seed, shared):
    rng = np.random.default_rng(seed)
    y, g = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    a = rng.normal(size=1 if shared else 3)
    ty, ta = mc.tensor(y, requires_grad=True), mc.tensor(a, requires_grad=True)
    F.prelu(ty, ta).backward(mc.tensor(g))
    each = g * np.minimum(y, 0)
    expected = [each.sum()] if shared else [each[:, i].sum() for i in range(3)]
    np.testing.assert_allclose(ta.grad.numpy(), expected, rtol=1e-10, atol=1e-12)
    slope = np.where(y > 0, 1, np.broadcast_to(a.reshape(1, -1, 1, 1), y.shape))
    np.testing.assert_allclose(ty.grad.numpy(), g * slope, rtol=1e-12)


def test_prelu_gradients_by_differences(rng):
    y = rng.choice([-1, 1], size=(2, 3, 4)) * rng.uniform(0.2, 2, size=(2, 3, 4))
    check_grads(F.prelu, y, rng.normal(size=3), order=2)


@pytest.mark.equation("9.3")
def test_momentum_moves_the_slope_downhill():
    a, delta = 0.25, 0.0
    slope = mc.tensor([0.25], dtype=np.float64, requires_grad=True)
    optimizer = optim.SGD([slope], lr=0.1, momentum=0.9)
    for _ in range(5):
        optimizer.zero_grad()
        ((slope - 1) ** 2).sum().backward()
        delta = 0.9 * delta + 0.1 * 2 * (a - 1)
        a -= delta
        optimizer.step()
        assert slope.item() == pytest.approx(a, rel=1e-12)


def test_e17_added_the_update_climbs():
    a, delta = 0.25, 0.0
    for _ in range(5):
        delta = 0.9 * delta + 0.1 * 2 * (a - 1)
        a += delta
    assert (a - 1) ** 2 > (0.25 - 1) ** 2


@pytest.mark.equation("9.4")
@given(n=st.integers(1, 7), seed=st.integers(0, 99))
def test_variance_of_a_response_exactly_over_all_signs(n, seed):
    """Weights +-s with equal probability have mean 0 and variance s^2; the mean over all 2^n of them is exact. The x depend
    on each other: they are fixed."""
    x, s = np.random.default_rng(seed).normal(size=n) + 1, 0.7
    ys = [np.dot(signs, x) * s for signs in itertools.product([-1, 1], repeat=n)]
    assert np.mean(ys) == pytest.approx(0, abs=1e-12)
    assert np.var(ys) == pytest.approx(n * s**2 * np.mean(x**2), rel=1e-12)
    too_small = n * s**2 * np.var(x)  # the variance of x in its place forgets that the mean of x is not 0
    assert np.var(ys) - too_small == pytest.approx(n * s**2 * np.mean(x) ** 2, rel=1e-9, abs=1e-12)


@pytest.mark.equation("9.5")
@given(a=st.floats(-1.5, 1.5), seed=st.integers(0, 99))
def test_a_rectifier_halves_the_second_moment_of_what_is_symmetric(a, seed):
    y = np.random.default_rng(seed).gamma(2.0, size=50)
    y = np.concatenate([y, -y])
    f = F.prelu(mc.tensor(y[:, None]), mc.tensor(np.array([a]))).numpy()
    assert np.mean(f**2) == pytest.approx(0.5 * (1 + a**2) * np.var(y), rel=1e-10)
    shifted = np.maximum(y + 1, 0)
    assert abs(np.mean(shifted**2) / np.var(y + 1) - 0.5) > 0.05  # not symmetric: not a half


@pytest.mark.equation("9.6")
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_variance_through_the_layers_is_the_product_of_their_factors(rng, factor):
    width, depth = 200, 8  # Var[w] = 2 factor / n, so each layer multiplies by `factor`
    ratios = []
    for _ in range(12):
        ys, _ = relu_net(width, depth, math.sqrt(2 * factor / width), rng, batch=8)
        ratios.append(np.mean(ys[-1] ** 2) / np.mean(ys[0] ** 2))
    logs = np.log(ratios)
    error = 4 * np.std(logs) / math.sqrt(len(logs)) + 0.5 * np.var(logs) + 0.02
    assert abs(np.mean(logs) - (depth - 1) * math.log(factor)) < error + depth * 4 / width


@pytest.mark.equation("9.7")
def test_he_normal_has_variance_two_over_fan_in():
    w = nn.init.kaiming_normal_(mc.zeros(64, 32, 3, 3, dtype=np.float64), nonlinearity="relu", generator=Generator(0)).numpy()
    n = 3 * 3 * 32
    standard_error = math.sqrt(2 / w.size) * 2 / n
    assert abs(np.mean(w**2) - 2 / n) < 4 * standard_error
    kurtosis = np.mean(w**4) / np.mean(w**2) ** 2
    assert abs(kurtosis - 3) < 0.3  # normal


def test_e15_the_printed_second_argument_read_as_a_variance_explodes(rng):
    width, depth = 256, 6
    good, _ = relu_net(width, depth, math.sqrt(2 / width), rng)
    printed, _ = relu_net(width, depth, (2 / width) ** 0.25, rng)  # variance sqrt(2/n)
    growth = np.mean(printed[-1] ** 2) / np.mean(printed[0] ** 2)
    assert growth == pytest.approx(math.sqrt(width / 2) ** (depth - 1), rel=0.5)
    assert 0.4 < np.mean(good[-1] ** 2) / np.mean(good[0] ** 2) < 2.5


@pytest.mark.equation("9.8")
@pytest.mark.parametrize(("k", "c", "d"), [(3, 2, 5), (1, 4, 3)])
def test_gradient_at_a_pixel_collects_k_squared_d_numbers(rng, k, c, d):
    w = rng.normal(size=(d, c, k, k))
    x = mc.tensor(rng.normal(size=(1, c, 7, 7)), requires_grad=True)
    y = F.conv2d(x, mc.tensor(w), padding=k // 2)
    dy = rng.normal(size=y.shape)
    y.backward(mc.tensor(dy))
    half, u, v = k // 2, 3, 3  # a pixel inside: its gradient meets the output pixels whose windows contain it
    around = dy[0, :, u - half : u + half + 1, v - half : v + half + 1]
    w_hat = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3).reshape(c, k * k * d)
    assert around.size == k * k * d
    np.testing.assert_allclose(x.grad.numpy()[0, :, u, v], w_hat @ around.reshape(-1), rtol=1e-10)


@pytest.mark.equation("9.9")
def test_half_of_the_gradient_passes_and_its_mean_must_be_zero(rng):
    dx = np.array([-2.0, -0.5, 0.5, 2.0])
    dy = np.array([slope * value for slope in (0, 1) for value in dx])  # all combinations: independent
    assert dy.mean() == 0.5 * dx.mean() == 0
    assert np.var(dy) == np.mean(dy**2) == 0.5 * np.var(dx)


def test_e16_without_mean_zero_the_second_moment_is_no_variance():
    dx = np.array([-2.0, -0.5, 0.5, 2.0]) + 3
    dy = np.array([slope * value for slope in (0, 1) for value in dx])
    assert dy.mean() == 0.5 * dx.mean() != 0
    assert abs(np.mean(dy**2) - np.var(dy)) > 1
    assert abs(np.var(dy) - 0.5 * np.var(dx)) > 1


@pytest.mark.equation("9.10")
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_gradient_through_the_layers_is_the_product_too(rng, factor):
    width, depth = 200, 8
    ratios = []
    for _ in range(12):
        _, back = relu_net(width, depth, math.sqrt(2 * factor / width), rng, batch=8)
        ratios.append(np.mean(back[0] ** 2) / np.mean(back[-1] ** 2))
    logs = np.log(ratios)
    error = 4 * np.std(logs) / math.sqrt(len(logs)) + 0.5 * np.var(logs) + 0.02
    assert abs(np.mean(logs) - (depth - 1) * math.log(factor)) < error + depth * 4 / width


@pytest.mark.equation("9.11")
@given(sizes=st.lists(st.integers(1, 50), min_size=2, max_size=8), k=st.integers(1, 3))
def test_ratio_of_the_fans_telescopes(sizes, k):
    product = math.prod((k * k * d) / (k * k * c) for c, d in itertools.pairwise(sizes))
    assert product == pytest.approx(sizes[-1] / sizes[0], rel=1e-12)
    weights = [mc.zeros(d, c, k, k) for c, d in itertools.pairwise(sizes)]
    fans = math.prod(nn.init._fans("t", w)[1] / nn.init._fans("t", w)[0] for w in weights)
    assert fans == pytest.approx(product, rel=1e-12)


@pytest.mark.equation("9.12")
@pytest.mark.parametrize("a", [0.0, 0.25, 1.0, math.sqrt(5)])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_general_rule_for_slope_a(a, mode):
    shape, n = (40, 30, 3, 3), 9 * (30 if mode == "fan_in" else 40)
    expected = 2 / ((1 + a**2) * n)
    normal = nn.init.kaiming_normal_(mc.zeros(*shape, dtype=np.float64), a=a, mode=mode, generator=Generator(1)).numpy()
    assert np.mean(normal**2) == pytest.approx(expected, rel=4 * math.sqrt(2 / normal.size))
    uniform = nn.init.kaiming_uniform_(mc.zeros(*shape, dtype=np.float64), a=a, mode=mode, generator=Generator(2)).numpy()
    bound = math.sqrt(3 * expected)
    assert 0.999 * bound < abs(uniform).max() <= bound
    assert np.mean(uniform**2) == pytest.approx(expected, rel=0.05)


def test_default_of_linear_and_conv_is_one_over_three_n():
    for layer, n in ((nn.Linear(300, 200), 300), (nn.Conv2d(20, 60, 3), 180)):
        w = layer.weight.detach().numpy()
        assert np.mean(w**2) == pytest.approx(1 / (3 * n), rel=0.05)
