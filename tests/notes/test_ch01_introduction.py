"""The numbered results of docs/notes/ch01_introduction.md."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import data, inspect, nn
from minicnn.kernels.im2col import col2im, im2col, output_size
from minicnn.nn import functional as F
from minicnn.testing import check_grads


def conv_at_centres(x, w, centre):
    """(1.3) for images (C, H, W), pixel by pixel, 1-based; centre(i) is the row (column) in the middle of window i."""
    c, h, width = x.shape

    def pixel(i, j):
        return x[:, i - 1, j - 1] if 1 <= i <= h and 1 <= j <= width else np.zeros(c)

    def rows(n):
        return [i for i in range(1, n + 1) if centre(i) - 1 <= n]  # generous: windows that begin inside

    return np.array([[sum(w[:, :, a + 1, b + 1] @ pixel(centre(i) + a, centre(j) + b) for a in (-1, 0, 1) for b in (-1, 0, 1))
                      for j in rows(width)] for i in rows(h)]).transpose(2, 0, 1)


@pytest.mark.equation("1.1")
def test_pixels_lie_between_0_and_1():
    digits = data.Digits()
    assert digits.data.dtype == np.uint8
    x, y = digits.arrays(np.float64)
    assert np.array_equal(x, digits.data / 255) and x.min() == 0 and x.max() == 1
    assert set(y) == set(range(10))


def test_e4_one_channel_has_many_levels():
    digits = data.Digits()
    assert digits.data.shape[1] == 1 and len(np.unique(digits.data)) > 2


@pytest.mark.equation("1.2")
def test_1x1_convolution_is_one_matrix_at_every_pixel(rng):
    x, w = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(6, 3))
    y = F.conv2d(mc.tensor(x), mc.tensor(w[:, :, None, None])).numpy()
    for n, i, j in np.ndindex(2, 4, 5):
        np.testing.assert_allclose(y[n, :, i, j], w @ x[n, :, i, j], rtol=1e-12)


@pytest.mark.equation("1.3")
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_3x3_convolution_has_its_centres_at_s_times_i_minus_1_plus_1(rng, stride):
    x, w = rng.normal(size=(2, 7, 8)), rng.normal(size=(3, 2, 3, 3))
    y = F.conv2d(mc.tensor(x[None]), mc.tensor(w), stride=stride, padding=1).numpy()[0]
    expected = conv_at_centres(x, w, lambda i: stride * (i - 1) + 1)
    np.testing.assert_allclose(y, expected[:, : y.shape[1], : y.shape[2]], rtol=1e-12)


def test_e1_the_printed_centre_is_another_padding(rng):
    x, w = rng.normal(size=(2, 7, 9)), rng.normal(size=(3, 2, 3, 3))
    printed = conv_at_centres(x, w, lambda i: 2 * i)
    padded = F.conv2d(mc.tensor(x[None]), mc.tensor(w), stride=2, padding=1).numpy()[0]
    plain = F.conv2d(mc.tensor(x[None]), mc.tensor(w), stride=2, padding=0).numpy()[0]
    h, width = plain.shape[1:]
    np.testing.assert_allclose(printed[:, :h, :width], plain, rtol=1e-12)
    assert abs(printed[:, :h, :width] - padded[:, :h, :width]).max() > 0.1


@pytest.mark.equation("1.4")
@given(n=st.integers(1, 12), k=st.integers(1, 4), s=st.integers(1, 4), p=st.integers(0, 3), d=st.integers(1, 3))
def test_output_size_counts_the_windows_that_fit(n, k, s, p, d):
    places = [start for start in range(0, n + 2 * p, s) if start + d * (k - 1) + 1 <= n + 2 * p]
    size = output_size((n,), (k,), (s,), (p,), (d,))[0]
    assert max(size, 0) == len(places)
    if places:
        assert F.conv2d(mc.zeros(1, 1, n, n), mc.zeros(1, 1, k, k), stride=s, padding=p, dilation=d).shape == (1, 1, size, size)


def circular(x, w):
    return F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), w))


@pytest.mark.equation("1.5")
@given(t=st.tuples(st.integers(-6, 6), st.integers(-6, 6)), seed=st.integers(0, 99))
def test_convolution_commutes_with_shifts(t, seed):
    rng = np.random.default_rng(seed)
    x, w = mc.tensor(rng.normal(size=(2, 3, 5, 6))), mc.tensor(rng.normal(size=(4, 3, 3, 3)))
    left, right = circular(mc.roll(x, t, (2, 3)), w), mc.roll(circular(x, w), t, (2, 3))
    np.testing.assert_allclose(left.numpy(), right.numpy(), atol=1e-12)


def test_zeros_around_the_image_break_it_at_the_border_only(rng):
    x, w = mc.tensor(rng.normal(size=(1, 2, 8, 8))), mc.tensor(rng.normal(size=(3, 2, 3, 3)))
    gap = (F.conv2d(mc.roll(x, (1, 1), (2, 3)), w, padding=1) - mc.roll(F.conv2d(x, w, padding=1), (1, 1), (2, 3))).numpy()
    assert abs(gap[:, :, 2:-1, 2:-1]).max() < 1e-12 < 0.1 < abs(gap).max()


def test_a_dense_layer_does_not_commute_but_any_linear_map_that_does_is_a_convolution(rng):
    n = 5
    dense = rng.normal(size=(n, n))
    x = rng.normal(size=n)
    assert abs(dense @ np.roll(x, 1) - np.roll(dense @ x, 1)).max() > 0.1
    average = sum(np.roll(np.roll(dense, t, 0), t, 1) for t in range(n)) / n  # now it commutes with every shift
    assert abs(average @ np.roll(x, 2) - np.roll(average @ x, 2)).max() < 1e-12
    kernel = average[:, 0]  # what it makes of a 1 at the origin says all
    np.testing.assert_allclose(average @ x, sum(x[t] * np.roll(kernel, t) for t in range(n)), atol=1e-12)


@pytest.mark.equation("1.6")
@pytest.mark.parametrize("side", [4, 9])
def test_weights_of_a_convolution_do_not_grow_with_the_picture(side):
    c, f = 3, 5
    conv, dense = nn.Conv2d(c, f, 3, padding=1, bias=False), nn.Linear(side * side * c, side * side * f, bias=False)
    assert conv(mc.zeros(1, c, side, side)).numel() == dense(mc.zeros(1, side * side * c)).numel()
    assert inspect.count_parameters(conv) == 9 * c * f
    assert inspect.count_parameters(dense) == side * side * c * side * side * f


geometry = st.fixed_dictionaries({
    "n": st.integers(1, 3), "c": st.integers(1, 3), "h": st.integers(3, 8), "w": st.integers(3, 8), "k": st.integers(1, 3),
    "s": st.integers(1, 3), "p": st.integers(0, 2), "d": st.integers(1, 2), "seed": st.integers(0, 999)}).filter(
        lambda g: min(g["h"], g["w"]) + 2 * g["p"] > g["d"] * (g["k"] - 1))


def columns(x, g):
    return im2col(x, kernel=(g["k"],) * 2, stride=(g["s"],) * 2, padding=(g["p"],) * 2, dilation=(g["d"],) * 2)


def back(cols, g):
    return col2im(cols, size=(g["h"], g["w"]), stride=(g["s"],) * 2, padding=(g["p"],) * 2, dilation=(g["d"],) * 2)


@pytest.mark.equation("1.7")
@given(g=geometry)
def test_convolution_is_weight_matrix_times_columns(g):
    rng = np.random.default_rng(g["seed"])
    x, w = rng.normal(size=(g["n"], g["c"], g["h"], g["w"])), rng.normal(size=(4, g["c"], g["k"], g["k"]))
    cols = columns(x, g)
    n, c, k, _, oh, ow = cols.shape
    y = np.einsum("fr,nrq->nfq", w.reshape(4, -1), cols.reshape(n, c * k * k, oh * ow)).reshape(n, 4, oh, ow)
    ours = F.conv2d(mc.tensor(x), mc.tensor(w), stride=g["s"], padding=g["p"], dilation=g["d"]).numpy()
    np.testing.assert_allclose(ours, y, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("1.8")
@given(g=geometry)
def test_col2im_is_the_adjoint_of_im2col(g):
    rng = np.random.default_rng(g["seed"])
    x = rng.normal(size=(g["n"], g["c"], g["h"], g["w"]))
    cols = columns(x, g)
    m = rng.normal(size=cols.shape)
    left, right = (cols * m).sum(), (x * back(m, g)).sum()
    assert abs(left - right) <= 1e-12 * max(1, abs(cols * m).sum())


def test_assigning_instead_of_adding_is_right_only_without_overlap(rng):
    x = rng.normal(size=(1, 1, 6, 6))
    ones = {s: back(np.ones_like(columns(x, g)), g) for s in (1, 3)
            for g in [{"k": 3, "s": s, "p": 0, "d": 1, "h": 6, "w": 6}]}
    assert ones[3].max() == 1 and ones[1].max() == 9


@pytest.mark.equation("1.9")
@given(g=geometry)
def test_three_gradients_of_a_convolution(g):
    rng = np.random.default_rng(g["seed"])
    x = mc.tensor(rng.normal(size=(g["n"], g["c"], g["h"], g["w"])), requires_grad=True)
    w = mc.tensor(rng.normal(size=(4, g["c"], g["k"], g["k"])), requires_grad=True)
    b = mc.tensor(rng.normal(size=4), requires_grad=True)
    y = F.conv2d(x, w, b, stride=g["s"], padding=g["p"], dilation=g["d"])
    dy = rng.normal(size=y.shape)
    y.backward(mc.tensor(dy))
    cols = columns(x.detach().numpy(), g)
    n, c, k, _, oh, ow = cols.shape
    flat, rows = cols.reshape(n, c * k * k, oh * ow), dy.reshape(n, 4, oh * ow)
    weight = w.detach().numpy().reshape(4, -1)
    np.testing.assert_allclose(w.grad.numpy().reshape(4, -1), np.einsum("nfq,nrq->fr", rows, flat), rtol=1e-9, atol=1e-11)
    dx = back(np.einsum("fr,nfq->nrq", weight, rows).reshape(cols.shape), g)
    np.testing.assert_allclose(x.grad.numpy(), dx, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(b.grad.numpy(), dy.sum(axis=(0, 2, 3)), rtol=1e-9, atol=1e-11)


@pytest.mark.equation("1.10")
@pytest.mark.parametrize("stride", [1, 2])
def test_max_pooling_by_its_definition(rng, stride):
    y = -1 - rng.random(size=(1, 2, 5, 6))  # negative: a zero from the padding would win
    z = F.max_pool2d(mc.tensor(y), 3, stride=stride, padding=1).numpy()
    for i, j in np.ndindex(*z.shape[2:]):
        top, left = stride * i - 1, stride * j - 1
        window = y[:, :, max(top, 0) : top + 3, max(left, 0) : left + 3]
        assert np.array_equal(z[:, :, i, j], window.max(axis=(2, 3)))


@pytest.mark.equation("1.11")
def test_max_pooling_gives_to_one_and_average_pooling_to_all(rng):
    y = rng.permutation(2 * 6 * 6).reshape(1, 2, 6, 6).astype(float)  # all different
    g = rng.normal(size=(1, 2, 3, 3))
    x = mc.tensor(y, requires_grad=True)
    F.max_pool2d(x, 2).backward(mc.tensor(g))
    expected = np.zeros_like(y)
    for c, i, j in np.ndindex(2, 3, 3):
        window = y[0, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        a, b = np.unravel_index(window.argmax(), (2, 2))
        expected[0, c, 2 * i + a, 2 * j + b] = g[0, c, i, j]
    assert np.array_equal(x.grad.numpy(), expected)

    x = mc.tensor(y, requires_grad=True)
    F.avg_pool2d(x, 2).backward(mc.tensor(g))
    np.testing.assert_allclose(x.grad.numpy(), np.kron(g[0], np.full((2, 2), 0.25))[None], rtol=1e-12)

    tie = mc.tensor(np.zeros((1, 1, 2, 2)), requires_grad=True)
    F.max_pool2d(tie, 2).sum().backward()
    assert tie.grad.numpy().ravel().tolist() == [1, 0, 0, 0]
    check_grads(lambda t: F.max_pool2d(t, 3, stride=2, padding=1), y / 10, order=2)


@pytest.mark.equation("1.12")
def test_global_average_pooling_turns_equivariance_into_invariance(rng):
    x, w = mc.tensor(rng.normal(size=(2, 3, 6, 7))), mc.tensor(rng.normal(size=(4, 3, 3, 3)))

    def pooled(images):
        return F.adaptive_avg_pool2d(circular(images, w), 1).flatten(1).numpy()

    np.testing.assert_allclose(pooled(mc.roll(x, (2, 3), (2, 3))), pooled(x), atol=1e-13)
    np.testing.assert_allclose(pooled(x), circular(x, w).numpy().mean(axis=(2, 3)), atol=1e-13)


@pytest.mark.equation("1.13")
def test_the_head_of_small_cnn(rng):
    model = mc.models.small_cnn().double()
    first, last = model[-3], model[-1]
    x = rng.normal(size=(5, first.in_features))
    v, a, w, b = (t.detach().numpy() for t in (first.weight, first.bias, last.weight, last.bias))
    z = np.maximum(x @ v.T + a, 0) @ w.T + b
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    with mc.no_grad():
        ours = F.softmax(last(model[-2](first(mc.tensor(x)))), dim=1).numpy()
    np.testing.assert_allclose(ours, p, rtol=1e-12)


@pytest.mark.equation("1.14")
@given(n=st.integers(1, 5), k=st.integers(2, 6), seed=st.integers(0, 99))
def test_gradient_of_softmax_and_cross_entropy_is_p_minus_y(n, k, seed):
    rng = np.random.default_rng(seed)
    z, y = mc.tensor(rng.normal(size=(n, k)) * 3, requires_grad=True), rng.integers(k, size=n)
    F.cross_entropy(z, mc.tensor(y)).backward()
    p = np.exp(z.detach().numpy())
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(z.grad.numpy(), (p - np.eye(k)[y]) / n, atol=1e-14)
    np.testing.assert_allclose(z.grad.numpy().sum(axis=1), 0, atol=1e-15)
    check_grads(lambda t: F.cross_entropy(t, mc.tensor(y)), z.detach().numpy(), order=2)
