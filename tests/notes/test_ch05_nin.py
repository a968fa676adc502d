"""The numbered results of docs/notes/ch05_nin.md."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.inspect import class_activation
from minicnn.models.nin import NIN, MLPConv
from minicnn.nn import functional as F

SMALL = {"widths": ((5, 4, 3), (4, 4, 4), (4, 4)), "dropout": 0.0}


def weights_of(block):
    """[(weight, bias), ...] of the convolutions."""
    return [(c.weight.detach().numpy(), c.bias.detach().numpy()) for c in block if isinstance(c, nn.Conv2d)]


@pytest.mark.equation("5.1")
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_an_mlp_at_every_pixel(rng, kernel):
    block = MLPConv(2, (5, 4, 3), kernel).double()
    for _, bias in weights_of(block):
        bias[...] = rng.normal(size=bias.shape)  # they start at 0
    x, p = rng.normal(size=(2, 2, 4, 6)), kernel // 2
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    y = block(mc.tensor(x)).detach().numpy()
    for n, i, j in np.ndindex(2, 4, 6):
        f = padded[n, :, i : i + kernel, j : j + kernel].ravel()
        for w, b in weights_of(block):
            f = np.maximum(w.reshape(len(w), -1) @ f + b, 0)
        np.testing.assert_allclose(y[n, :, i, j], f, atol=1e-12)
    open_end = MLPConv(2, (5, 4, 3), kernel, last_relu=False).double()
    open_end.load_state_dict(block.state_dict())
    z = open_end(mc.tensor(x)).detach().numpy()
    assert z.min() < 0
    np.testing.assert_allclose(np.maximum(z, 0), y, atol=1e-12)


@pytest.mark.equation("5.2")
@pytest.mark.parametrize("seed", range(3))
def test_a_1x1_convolution_is_a_matrix_product_and_so_are_its_gradients(seed):
    rng = np.random.default_rng(seed)
    x, w, b, g = rng.normal(size=(3, 4, 2, 5)), rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=(3, 6, 2, 5))
    tensors = [mc.tensor(a, requires_grad=True) for a in (x, w.reshape(6, 4, 1, 1), b)]
    y = F.conv2d(*tensors)
    y.backward(mc.tensor(g))

    def columns(a):
        """(C, N H W): the pixels of all images are columns."""
        return a.transpose(1, 0, 2, 3).reshape(a.shape[1], -1)

    np.testing.assert_allclose(columns(y.detach().numpy()), w @ columns(x) + b[:, None], atol=1e-12)
    dx, dw, db = (t.grad.numpy() for t in tensors)
    np.testing.assert_allclose(columns(dx), w.T @ columns(g), atol=1e-12)
    np.testing.assert_allclose(dw[:, :, 0, 0], columns(g) @ columns(x).T, atol=1e-12)
    np.testing.assert_allclose(db, columns(g) @ np.ones(30), atol=1e-12)


@pytest.mark.equation("5.3")
def test_1x1_layers_do_not_know_where_a_pixel_is(rng):
    mlp, wide = MLPConv(4, (5, 3), 1).double(), MLPConv(4, (5, 3), 3).double()
    x, order = rng.normal(size=(2, 4, 3, 5)), rng.permutation(15)

    def shuffled(a):
        return a.reshape(*a.shape[:2], 15)[:, :, order].reshape(a.shape)

    before, after = ({net: net(mc.tensor(a)).detach().numpy() for net in (mlp, wide)} for a in (shuffled(x), x))
    np.testing.assert_allclose(before[mlp], shuffled(after[mlp]), atol=1e-12)
    assert abs(before[wide] - shuffled(after[wide])).max() > 0.01


@pytest.mark.equation("5.3")
def test_the_view_is_that_of_the_first_convolution(rng):
    block = MLPConv(1, (6, 5, 4), 5).double()
    x = mc.tensor(rng.normal(size=(8, 1, 9, 9)), requires_grad=True)
    block(x)[:, :, 4, 4].square().sum().backward()
    seen = abs(x.grad.numpy()).max(axis=(0, 1)) > 0
    expected = np.zeros((9, 9), bool)
    expected[2:7, 2:7] = True
    assert np.array_equal(seen, expected)


@pytest.mark.equation("5.4")
@given(seed=st.integers(0, 9999), part=st.floats(0, 1), pieces=st.integers(1, 6))
def test_linear_filters_with_relu_and_maxout_are_convex(seed, part, pieces):
    rng = np.random.default_rng(seed)
    w, b, x, other = rng.normal(size=(pieces, 3)), rng.normal(size=pieces), rng.normal(size=3) * 3, rng.normal(size=3) * 3
    for f in (lambda v: max(w[0] @ v + b[0], 0), lambda v: (w @ v + b).max()):
        assert f(part * x + (1 - part) * other) <= part * f(x) + (1 - part) * f(other) + 1e-12


@pytest.mark.equation("5.5")
def test_two_layers_make_a_bump_which_is_not_convex():
    hidden, out = nn.Conv2d(1, 2, 1).double(), nn.Conv2d(2, 1, 1).double()
    hidden.weight.data[...] = np.array([1.0, -1.0]).reshape(2, 1, 1, 1)
    hidden.bias.data[...] = 0
    out.weight.data[...] = -1.0
    out.bias.data[...] = 1.0
    u = np.linspace(-2, 2, 41)
    y = F.relu(out(F.relu(hidden(mc.tensor(u.reshape(1, 1, 1, 41)))))).detach().numpy().ravel()
    np.testing.assert_allclose(y, np.maximum(0, 1 - abs(u)), atol=1e-12)
    assert y[20] == 1 > 0.5 * y[10] + 0.5 * y[30] == 0


def block_parameters(c, widths, k):
    """(5.6), left."""
    return (k * k * c + 1) * widths[0] + sum((a + 1) * b for a, b in zip(widths, widths[1:]))


def block_macs(c, widths, k, pixels):
    """(5.6), right."""
    return pixels * (k * k * c * widths[0] + sum(a * b for a, b in zip(widths, widths[1:])))


@pytest.mark.equation("5.6")
@pytest.mark.parametrize(("c", "widths", "k"), [(3, (7, 5, 4), 5), (2, (6,), 3), (4, (3, 2), 1)])
def test_cost_of_a_block(c, widths, k):
    seen = inspect.summary(MLPConv(c, widths, k), (c, 6, 5))
    assert (seen.parameters, seen.macs) == (block_parameters(c, widths, k), block_macs(c, widths, k, 30))


@pytest.mark.equation("5.6")
def test_cost_of_the_network_for_cifar():
    blocks = [(3, (192, 160, 96), 5, 32 * 32), (96, (192, 192, 192), 5, 16 * 16), (192, (192, 192, 10), 3, 8 * 8)]
    assert [block_parameters(c, widths, k) for c, widths, k, _ in blocks] == [60_928, 535_104, 370_954]
    assert sum(block_parameters(c, widths, k) for c, widths, k, _ in blocks) == 966_986 == 965_056 + 193 * 10
    assert sum(block_macs(*block) for block in blocks) == 222_486_528
    assert models.model_info("nin_cifar10").parameters == 966_986  # counted in tests/models
    assert models.model_info("nin_cifar100").parameters == 984_356 == 965_056 + 193 * 100
    assert 192 * 192 == 36_864 and 25 * 96 * 192 == 460_800
    dense = inspect.count_parameters(NIN(10, head="fc").head)
    assert dense == 10 * 10 * 64 + 10


@pytest.mark.equation("5.7")
@pytest.mark.parametrize("seed", range(3))
def test_global_average_pooling_and_its_gradient(seed):
    rng = np.random.default_rng(seed)
    a, dz = rng.normal(size=(3, 4, 2, 5)), rng.normal(size=(3, 4))
    t = mc.tensor(a, requires_grad=True)
    z = F.adaptive_avg_pool2d(t, 1).flatten(1)
    z.backward(mc.tensor(dz))
    for n, k in np.ndindex(3, 4):
        mean = sum(a[n, k, i, j] for i, j in np.ndindex(2, 5)) / 10
        np.testing.assert_allclose(z.detach().numpy()[n, k], mean, atol=1e-12)
        np.testing.assert_allclose(t.grad.numpy()[n, k], np.full((2, 5), dz[n, k] / 10), atol=1e-14)
    u = rng.normal(size=a.shape)  # linear: <A u, dz> = <u, A' dz>
    ahead = F.adaptive_avg_pool2d(mc.tensor(u), 1).numpy()[..., 0, 0]
    np.testing.assert_allclose((ahead * dz).sum(), (u * t.grad.numpy()).sum(), rtol=1e-10)


@pytest.mark.equation("5.8")
def test_the_average_is_a_block_diagonal_dense_layer(rng):
    a = rng.normal(size=(3, 4, 2, 5))
    matrix = np.kron(np.eye(4), np.ones((1, 10))) / 10
    z = F.adaptive_avg_pool2d(mc.tensor(a), 1).numpy()[..., 0, 0]
    np.testing.assert_allclose(z, a.reshape(3, 40) @ matrix.T, atol=1e-12)
    average, dense = NIN(4, **SMALL, input_size=8).double(), NIN(4, **SMALL, input_size=8, head="fc").double()
    dense.load_state_dict(average.state_dict(), strict=False)
    layer = dense.head[2]
    layer.weight.data[...] = np.kron(np.eye(4), np.ones((1, 4))) / 4
    layer.bias.data[...] = 0
    x = mc.tensor(rng.normal(size=(2, 3, 8, 8)))
    np.testing.assert_allclose(dense(x).detach().numpy(), average(x).detach().numpy(), atol=1e-12)
    assert inspect.count_parameters(average.head) == 0 and inspect.count_parameters(dense.head) == 4 * 4 * 4 + 4


@pytest.mark.equation("5.9")
def test_the_average_does_not_ask_where(rng):
    a, order = rng.normal(size=(2, 3, 4, 5)), rng.permutation(20)
    z, mixed = (F.adaptive_avg_pool2d(mc.tensor(b), 1).numpy() for b in (a, a.reshape(2, 3, 20)[:, :, order].reshape(a.shape)))
    np.testing.assert_allclose(z, mixed, atol=1e-12)


@pytest.mark.equation("5.9")
def test_a_network_with_an_average_takes_any_size_and_ignores_shifts_away_from_the_border(rng):
    net = NIN(4, **SMALL).double().eval()
    assert net(mc.zeros(1, 3, 8, 13, dtype=np.float64)).shape == (1, 4)
    x = np.zeros((1, 3, 64, 64))
    x[:, :, 24:32, 24:32] = rng.normal(size=(1, 3, 8, 8))
    moved = np.roll(x, (4, 4), axis=(2, 3))  # a multiple of the stride of both poolings
    for _, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            module.bias.data[...] = 0  # so that the empty part, borders and all, stays empty
    np.testing.assert_allclose(net(mc.tensor(moved)).detach().numpy(), net(mc.tensor(x)).detach().numpy(), atol=1e-12)


@pytest.mark.equation("5.10")
@pytest.mark.parametrize("seed", range(3))
def test_a_logit_is_the_mean_of_its_class_map(seed):
    rng = np.random.default_rng(seed)
    features, layer = rng.normal(size=(3, 5, 2, 4)), nn.Linear(5, 6).double()
    logits = layer(F.adaptive_avg_pool2d(mc.tensor(features), 1).flatten(1)).detach().numpy()
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for c in range(6):
        maps = class_activation(features, w, c)
        for n, i, j in np.ndindex(3, 2, 4):
            assert abs(maps[n, i, j] - sum(w[c, k] * features[n, k, i, j] for k in range(5))) < 1e-12
        np.testing.assert_allclose(logits[:, c], maps.mean(axis=(1, 2)) + b[c], atol=1e-12)
    net = NIN(4, **SMALL, last_relu=False).double().eval()  # NIN's maps are the classes
    x = mc.tensor(rng.normal(size=(2, 3, 12, 12)))
    np.testing.assert_allclose(net(x).detach().numpy(), net.maps(x).detach().numpy().mean(axis=(2, 3)), atol=1e-12)


@pytest.mark.equation("5.11")
def test_grad_cam_is_the_class_map_where_an_average_follows(rng):
    features, w, c = mc.tensor(rng.normal(size=(2, 5, 3, 4)), requires_grad=True), rng.normal(size=(6, 5)), 4
    logits = F.linear(F.adaptive_avg_pool2d(features, 1).flatten(1), mc.tensor(w))
    logits[:, c].sum().backward()
    alpha = features.grad.numpy().mean(axis=(2, 3))
    np.testing.assert_allclose(alpha, np.tile(w[c] / 12, (2, 1)), atol=1e-13)
    grad_cam = np.einsum("nk,nkhw->nhw", alpha, features.detach().numpy())
    np.testing.assert_allclose(grad_cam, class_activation(features.detach().numpy(), w, c) / 12, atol=1e-12)


def test_e20_two_figures_for_one_experiment_cannot_both_be_roundings():
    """10,000 test images: the error in per cent has two decimals, exactly. 35.68 and 35.67 are one image apart."""
    images = 10_000
    wrong = {Fraction(printed) * images / 100 for printed in ("35.68", "35.67")}
    assert wrong == {3568, 3567}
    possible = [k for k in range(images + 1)  # as exact hundredths: what rounds to both, by any rounding to nearest?
                if all(abs(Fraction(100 * k, images) - Fraction(p)) <= Fraction(1, 200) for p in ("35.68", "35.67"))]
    assert possible == []
    assert [k for k in range(images + 1) if abs(Fraction(100 * k, images) - Fraction("35.68")) <= Fraction(1, 200)] == [3568]
