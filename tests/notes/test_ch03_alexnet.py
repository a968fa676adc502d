"""The numbered results of docs/notes/ch03_alexnet.md."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import models, nn, optim
from minicnn.nn import functional as F
from minicnn.testing import check_grads


@pytest.mark.equation("3.1")
@given(st.integers(0, 999), st.integers(1, 12), st.floats(0.1, 30))
def test_softmax_gives_a_probability(seed, classes, size):
    z = np.random.default_rng(seed).normal(size=(3, classes)) * size
    p = F.softmax(mc.tensor(z), dim=1).numpy()
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-10)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert (p > 0).all()


@pytest.mark.equation("3.1")
def test_the_network_maps_images_to_1000_numbers():
    net = models.alexnet(channels=(8, 8, 8, 8, 8), hidden=8).eval()
    p = F.softmax(net(mc.zeros(2, 3, 224, 224)), dim=1)
    assert p.shape == (2, 1000) and abs(p.sum(dim=1).detach().numpy() - 1).max() < 1e-5


@pytest.mark.equation("3.2")
def test_a_1x1_convolution_is_one_matrix_at_every_pixel(rng):
    x, w = rng.normal(size=(2, 4, 3, 5)), rng.normal(size=(6, 4))
    y = F.conv2d(mc.tensor(x), mc.tensor(w[:, :, None, None])).numpy()
    for n, i, j in np.ndindex(2, 3, 5):
        np.testing.assert_allclose(y[n, :, i, j], w @ x[n, :, i, j], atol=1e-12)


def conv_by_indices(image, w, rows, places):
    """Y(x, y) = sum of W(i, j) X(row(x, i), row(y, j)), all counted from 1, X being 0 outside; w: (F, C, 3, 3)."""
    _, h, width = image.shape
    y = np.zeros((len(w), *places))
    for a, b in np.ndindex(*places):
        for i, j in np.ndindex(3, 3):
            r, c = rows(a + 1, i + 1), rows(b + 1, j + 1)
            if 1 <= r <= h and 1 <= c <= width:
                y[:, a, b] += w[:, :, i, j] @ image[:, r - 1, c - 1]
    return y


@pytest.mark.equation("3.3")
@pytest.mark.parametrize("s", [1, 2, 3])
def test_indices_of_the_3x3_convolution(rng, s):
    image, w = rng.normal(size=(2, 7, 8)), rng.normal(size=(3, 2, 3, 3))
    expected = F.conv2d(mc.tensor(image[None]), mc.tensor(w), stride=s, padding=1).numpy()[0]
    ours = conv_by_indices(image, w, lambda x, i: s * (x - 1) + i - 1, expected.shape[1:])
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("s", [1, 2, 3])
def test_e2_the_printed_index_is_another_padding(rng, s):
    """X(s(x - 2) + i, s(y - 2) + j) is padding s; it is right at s = 1 alone."""
    image, w = rng.normal(size=(2, 7, 8)), rng.normal(size=(3, 2, 3, 3))
    right = F.conv2d(mc.tensor(image[None]), mc.tensor(w), stride=s, padding=1).numpy()[0]
    printed = conv_by_indices(image, w, lambda x, i: s * (x - 2) + i, right.shape[1:])
    assert np.allclose(printed, right) == (s == 1)
    padded = F.conv2d(mc.tensor(image[None]), mc.tensor(w), stride=s, padding=s).numpy()[0]
    np.testing.assert_allclose(printed, padded[:, : right.shape[1], : right.shape[2]], atol=1e-12)


@pytest.mark.equation("3.4")
@given(st.integers(1, 40), st.integers(1, 11), st.integers(1, 5), st.integers(0, 4), st.integers(1, 3))
def test_output_size_counts_the_places_of_the_window(h, k, s, p, d):
    reach = d * (k - 1) + 1
    places = len([start for start in range(0, h + 2 * p, s) if start + reach <= h + 2 * p])
    if places == 0:
        return
    assert places == (h + 2 * p - d * (k - 1) - 1) // s + 1
    y = F.conv2d(mc.zeros(1, 1, h, 40), mc.zeros(1, 1, k, 1), stride=(s, 1), padding=(p, 0), dilation=(d, 1))
    assert y.shape[2] == places


@pytest.mark.equation("3.4")
def test_e48_224_does_not_give_55():
    def first(h, padding):
        return F.conv2d(mc.zeros(1, 1, h, h), mc.zeros(1, 1, 11, 11), stride=4, padding=padding).shape[2]

    assert first(224, 0) == 54 and first(227, 0) == first(224, 2) == 55
    assert [h for h in range(200, 260) if (h - 11) // 4 + 1 == 55] == [227, 228, 229, 230]
    sizes = [55]
    for _ in range(3):
        sizes.append((sizes[-1] - 3) // 2 + 1)
    assert sizes == [55, 27, 13, 6]
    counts = np.zeros(55, int)
    for start in range(0, 53, 2):
        counts[start : start + 3] += 1
    assert (counts[2:-2:2] == 2).all() and (counts[1::2] == 1).all()  # 3, 5, 7, ..., counted from 1


@pytest.mark.equation("3.5")
def test_gradient_of_the_loss(rng):
    z, labels = rng.normal(size=(4, 6)), np.array([3, 0, 5, 3])
    t = mc.tensor(z, requires_grad=True)
    loss = F.cross_entropy(t, mc.tensor(labels), reduction="sum")
    loss.backward()
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert abs(loss.item() + sum(math.log(p[n, i]) for n, i in enumerate(labels))) < 1e-12
    np.testing.assert_allclose(t.grad.numpy(), p - np.eye(6)[labels], atol=1e-12)


def test_e8_the_printed_loss_is_a_sum_and_lrn_is_alexnet_s(rng):
    z, labels = rng.normal(size=(32, 6)), rng.integers(0, 6, size=32)
    gradients = {}
    for reduction in ("mean", "sum"):
        t = mc.tensor(z, requires_grad=True)
        F.cross_entropy(t, mc.tensor(labels), reduction=reduction).backward()
        gradients[reduction] = t.grad.numpy()
    t = mc.tensor(z, requires_grad=True)
    F.cross_entropy(t, mc.tensor(labels)).backward()  # the default averages
    np.testing.assert_allclose(t.grad.numpy(), gradients["mean"], rtol=1e-12)
    np.testing.assert_allclose(gradients["sum"], 32 * gradients["mean"], rtol=1e-12)
    with nn.init.no_init():
        nets = {name: models.get_model(name, **models.model_info(name).small) for name in
                ("alexnet_two_tower", "vgg11", "vgg13", "vgg16_c", "vgg16", "vgg19", "vgg11_lrn")}
    layers = {name: sum(isinstance(m, nn.LocalResponseNorm) for m in net.modules()) for name, net in nets.items()}
    assert layers.pop("alexnet_two_tower") == 2 and layers.pop("vgg11_lrn") == 1 and not any(layers.values())


@pytest.mark.equation("3.6")
def test_derivatives_of_tanh_and_relu():
    t = np.linspace(-9, 9, 181)
    t = t[abs(t) > 1e-9]
    for function, derivative in ((mc.tanh, 1 / np.cosh(t) ** 2), (F.relu, (t > 0).astype(float))):
        x = mc.tensor(t, requires_grad=True)
        function(x).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), derivative, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(1 - np.tanh(t) ** 2, 1 / np.cosh(t) ** 2, rtol=1e-6)
    assert (1 / np.cosh(t) ** 2 <= 4 * np.exp(-2 * abs(t))).all()
    assert 95 < np.cosh(3.0) ** 2 < 105


def members(i, n, count, mirrored=False):
    """The n channels of the library's window around i: one more below than above where n is even; mirrored: above."""
    below, above = ((n - 1) // 2, n // 2) if mirrored else (n // 2, (n - 1) // 2)
    return range(max(0, i - below), min(count - 1, i + above) + 1)


def lrn(a, k, n, alpha, beta):
    """(3.7) at one pixel, a: (N,); alpha not divided."""
    d = np.array([k + alpha * sum(a[j] ** 2 for j in members(i, n, len(a))) for i in range(len(a))])
    return a * d**-beta, d


CONSTANTS = [(2.0, 5, 0.3, 0.75), (1.0, 3, 0.7, 0.5), (0.5, 4, 0.2, 0.9), (2.0, 1, 0.5, 0.75), (2.0, 2, 0.5, 1.3)]


@pytest.mark.equation("3.7")
@pytest.mark.parametrize(("k", "n", "alpha", "beta"), CONSTANTS)
def test_lrn_is_the_library_s_with_n_times_the_alpha(rng, k, n, alpha, beta):
    a = rng.normal(size=(2, 7, 3, 4))
    got = F.local_response_norm(mc.tensor(a), n, n * alpha, beta, k).numpy()
    for m, x, y in np.ndindex(2, 3, 4):
        np.testing.assert_allclose(got[m, :, x, y], lrn(a[m, :, x, y], k, n, alpha, beta)[0], atol=1e-13)


@pytest.mark.equation("3.7")
def test_the_printed_window_of_an_even_n_has_one_channel_more(rng):
    a = rng.normal(size=9)
    for n in (3, 4, 5):
        printed = [range(max(0, i - n // 2), min(8, i + n // 2) + 1) for i in range(9)]
        agree = [list(p) == list(members(i, n, 9)) for i, p in enumerate(printed)]
        assert all(agree) == (n % 2 == 1)
        assert len(printed[4]) == n + (n % 2 == 0) and len(members(4, n, 9)) == n
    got = F.local_response_norm(mc.tensor(a[None, :, None]), 4, 4 * 0.5, 0.75, 2.0).numpy()[0, :, 0]
    np.testing.assert_allclose(got, lrn(a, 2.0, 4, 0.5, 0.75)[0], atol=1e-13)


@pytest.mark.equation("3.8")
@pytest.mark.parametrize(("k", "n", "alpha", "beta"), CONSTANTS)
def test_jacobian_of_lrn(rng, k, n, alpha, beta):
    a = rng.normal(size=6)
    _, d = lrn(a, k, n, alpha, beta)
    expected = np.diag(d**-beta)
    for i in range(6):
        for m in members(i, n, 6):
            expected[i, m] -= 2 * alpha * beta * a[i] * a[m] * d[i] ** (-beta - 1)

    def layer(t):
        return F.local_response_norm(t.reshape(1, 6, 1), n, n * alpha, beta, k).reshape(6)

    np.testing.assert_allclose(mc.jacobian(layer, mc.tensor(a)).numpy(), expected, atol=1e-13)
    positive = mc.jacobian(layer, mc.tensor(abs(a))).numpy()
    assert (positive[~np.eye(6, dtype=bool)] <= 0).all()  # competition


@pytest.mark.equation("3.9")
@pytest.mark.parametrize(("k", "n", "alpha", "beta"), CONSTANTS)
def test_gradient_of_lrn_sums_over_the_mirrored_window(rng, k, n, alpha, beta):
    a, g = rng.normal(size=7), rng.normal(size=7)
    _, d = lrn(a, k, n, alpha, beta)
    t = g * a * d ** (-beta - 1)
    sums = {mirrored: np.array([sum(t[i] for i in members(m, n, 7, mirrored)) for m in range(7)]) for mirrored in (True, False)}
    x = mc.tensor(a.reshape(1, 7, 1), requires_grad=True)
    F.local_response_norm(x, n, n * alpha, beta, k).backward(mc.tensor(g.reshape(1, 7, 1)))
    for mirrored, total in sums.items():
        same = np.allclose(x.grad.numpy().ravel(), g * d**-beta - 2 * alpha * beta * a * total, atol=1e-13)
        assert same == (mirrored or n % 2 == 1)
    holding = [[i for i in range(7) if m in members(i, n, 7)] for m in range(7)]
    assert holding == [list(members(m, n, 7, mirrored=True)) for m in range(7)]


def test_lrn_can_be_differentiated_twice(rng):
    check_grads(lambda a: F.local_response_norm(a, 3, 0.9, 0.75, 2.0), rng.normal(size=(2, 5, 2, 1)), order=2)


@pytest.mark.equation("3.10")
@pytest.mark.parametrize(("k", "alpha", "beta", "others"), [(2.0, 1e-4, 0.75, 0.0), (2.0, 1e-4, 0.75, 150.0), (1.0, 0.2, 1.2, 3.0)])
def test_beyond_a_star_more_activity_gives_less(k, alpha, beta, others):
    rest = k + alpha * others**2
    top = math.sqrt(rest / ((2 * beta - 1) * alpha))
    values = top * np.array([0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 2, 10])
    x = mc.tensor(np.stack([values, np.full_like(values, others)])[None], requires_grad=True)  # two channels, values as pixels
    b = F.local_response_norm(x, 3, 3 * alpha, beta, k)
    b[0, 0].sum().backward()
    d = rest + alpha * values**2
    np.testing.assert_allclose(x.grad.numpy()[0, 0], d ** (-beta - 1) * (rest - (2 * beta - 1) * alpha * values**2), rtol=1e-9)
    assert (np.sign(x.grad.numpy()[0, 0]) == [1, 1, 1, 1, -1, -1, -1, -1]).all()
    assert others or k != 2 or abs(top - 200) < 1e-9
    assert abs(2**-0.75 - 0.59) < 0.01


@pytest.mark.equation("3.11")
def test_two_groups_are_two_towers(rng):
    x, w = rng.normal(size=(2, 6, 5, 4)), rng.normal(size=(8, 3, 3, 3))
    y = F.conv2d(mc.tensor(x), mc.tensor(w), padding=1, groups=2).numpy()
    towers = [F.conv2d(mc.tensor(part), mc.tensor(v), padding=1).numpy() for part, v in ((x[:, :3], w[:4]), (x[:, 3:], w[4:]))]
    np.testing.assert_allclose(y, np.concatenate(towers, axis=1), atol=1e-12)
    full = np.zeros((8, 6, 3, 3))
    full[:4, :3], full[4:, 3:] = w[:4], w[4:]
    np.testing.assert_allclose(y, F.conv2d(mc.tensor(x), mc.tensor(full), padding=1).numpy(), atol=1e-12)
    assert w.size * 2 == full.size


KERNELS, GROUPS, CHANNELS, SIDES = (11, 5, 3, 3, 3), (1, 2, 1, 2, 2), (3, 96, 256, 384, 384, 256), (55, 27, 13, 13, 13)


@pytest.mark.equation("3.12")
def test_parameters_and_multiply_adds():
    dense = [(9216, 4096), (4096, 4096), (4096, 1000)]
    assert sum(a * b + b for a, b in dense) == 58_631_144 and sum(a * b for a, b in dense) == 58_621_952
    weights = [k * k * a * b // g for k, a, b, g in zip(KERNELS, CHANNELS, CHANNELS[1:], GROUPS)]
    info = models.model_info("alexnet_two_tower")  # which tests/models counts on the model itself
    assert sum(weights) + sum(CHANNELS[1:]) + 58_631_144 == info.parameters == 60_965_224
    assert sum(s * s * w for s, w in zip(SIDES, weights)) + 58_621_952 == info.macs == 724_406_816
    one_tower = sum(w * g for w, g in zip(weights, GROUPS)) + sum(CHANNELS[1:]) + 58_631_144
    assert one_tower == 62_378_344 and one_tower - info.parameters == 1_413_120
    assert round(100 * 58_631_144 / info.parameters) == 96 and round(100 * 1_413_120 / one_tower) == 2


@pytest.mark.equation("3.13")
def test_the_paper_s_update_is_the_library_s_while_the_rate_stands_still(rng):
    start, gradients, rates = rng.normal(size=5), rng.normal(size=(8, 5)), [0.01] * 4 + [0.001] * 4
    w, v = start.copy(), np.zeros(5)
    parameter = nn.Parameter(mc.tensor(start.copy()))
    optimizer = optim.SGD([parameter], lr=0.01, momentum=0.9, weight_decay=0.0005)
    gaps = []
    for gradient, rate in zip(gradients, rates):
        v = 0.9 * v - 0.0005 * rate * w - rate * gradient
        w = w + v
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = mc.tensor(gradient)
        optimizer.step()
        gaps.append(abs(parameter.detach().numpy() - w).max())
    assert max(gaps[:4]) < 1e-15 and min(gaps[4:]) > 1e-4
