"""The plain convolution kernel, oracle of all others, against loops and torch; and the depthwise kernel's own cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strict import from_strict, to_strict

from minicnn import kernels as K
from minicnn.kernels import conv, conv_depthwise

OPTIONS = [
    {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1},
    {"stride": (2, 3), "padding": (2, 1), "dilation": (1, 2), "groups": 1},
    {"stride": (3, 1), "padding": (0, 1), "dilation": (2, 1), "groups": 2},
]


def naive(x, w, stride, padding, dilation, groups):
    """y[n,f,i,j] = sum over c,a,b of w[f,c,a,b] x[n, c, s i + d a - p, s j + d b - p], one product at a time."""
    (n, _, h, width), (f, cg, kh, kw) = x.shape, w.shape
    oh, ow = (len(range(0, m + 2 * p - d * (k - 1), s))
              for m, k, s, p, d in zip((h, width), (kh, kw), stride, padding, dilation))
    y = np.zeros((n, f, oh, ow))
    for m, o, i, j in np.ndindex(y.shape):
        for k, a, b in np.ndindex(cg, kh, kw):
            row, column = stride[0] * i + dilation[0] * a - padding[0], stride[1] * j + dilation[1] * b - padding[1]
            if 0 <= row < h and 0 <= column < width:
                y[m, o, i, j] += w[o, k, a, b] * x[m, o // (f // groups) * cg + k, row, column]
    return y


@pytest.mark.parametrize("options", OPTIONS)
def test_forward_against_loops(options, rng):
    x, w = rng.normal(size=(2, 4, 7, 6)), rng.normal(size=(6, 4 // options["groups"], 3, 2))
    np.testing.assert_allclose(conv.conv2d(x, w, **options), naive(x, w, **options), rtol=1e-12, atol=1e-12)


@st.composite
def problems(draw, depthwise=False):
    """(x, w, u, options); depthwise: one filter a channel."""
    small, pair = st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))
    groups, cg, fg = draw(small), 1 if depthwise else draw(small), 1 if depthwise else draw(small)
    kernel, dilation, stride = draw(pair), draw(pair), draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    size = tuple(max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 5)) for d, k, p in zip(dilation, kernel, padding))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x, w = rng.normal(size=(draw(small), cg * groups, *size)), rng.normal(size=(fg * groups, cg, *kernel))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y = conv.conv2d(x, w, **options)
    return x, w, rng.normal(size=y.shape), options


def check_trilinear(module, x, w, u, options):
    """<conv2d(x, w), u> = <x, conv2d_input(u, w)> = <w, conv2d_weight(x, u)>: the three slots of one form."""
    form = np.vdot(module.conv2d(x, w, **options), u)
    dx = module.conv2d_input(u, w, input_size=x.shape[2:], **options)
    dw = module.conv2d_weight(x, u, kernel_size=w.shape[2:], **options)
    assert dx.shape == x.shape and dw.shape == w.shape
    np.testing.assert_allclose([np.vdot(x, dx), np.vdot(w, dw)], [form, form], rtol=1e-9, atol=1e-9)


@given(problems())
def test_three_slots_of_one_trilinear_form(problem):
    check_trilinear(conv, *problem)


@given(problems(depthwise=True))
def test_depthwise_is_the_same_form(problem):
    x, w, u, options = problem
    assert K.plan(x.shape, w.shape, **options)[0] == "depthwise"
    check_trilinear(conv_depthwise, *problem)
    np.testing.assert_allclose(conv_depthwise.conv2d(x, w, **options), conv.conv2d(x, w, **options), rtol=1e-10, atol=1e-10)
    if x.size < 60:
        np.testing.assert_allclose(conv_depthwise.conv2d(x, w, **options), naive(x, w, **options), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("groups, filters", [(1, 6), (2, 6), (4, 4), (4, 8)])
def test_torch_agrees(groups, filters, rng):
    torch = pytest.importorskip("torch")
    x, w = rng.normal(size=(2, 4, 9, 8)), rng.normal(size=(filters, 4 // groups, 3, 2))
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": groups}
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    ty = torch.nn.functional.conv2d(tx, tw, **options)
    u = rng.normal(size=tuple(ty.shape))
    ty.backward(torch.tensor(u))
    for name in K.algorithms():
        with K.force(name):
            ours = (K.conv2d(x, w, **options), K.conv2d_input(u, w, input_size=x.shape[2:], **options),
                    K.conv2d_weight(x, u, kernel_size=w.shape[2:], **options))
        for a, b in zip(ours, (ty.detach(), tx.grad, tw.grad)):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("module", [conv, conv_depthwise])
@pytest.mark.parametrize("place", [to_strict, lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)])
def test_device_memory_order_and_dtype(module, place, rng):
    x, w = rng.normal(size=(3, 4, 6, 5)).astype(np.float32), rng.normal(size=(4, 1, 3, 2)).astype(np.float32)
    options = {"stride": (2, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 4}
    results = []
    for to in (np.asarray, place):
        y = module.conv2d(to(x), to(w), **options)
        results.append((y, module.conv2d_input(y, to(w), input_size=x.shape[2:], **options),
                        module.conv2d_weight(to(x), y, kernel_size=w.shape[2:], **options)))
    for ours, theirs in zip(*results):
        assert theirs.dtype == np.float32
        theirs = theirs if isinstance(theirs, np.ndarray) else from_strict(theirs)
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4)


def test_depthwise_large_enough_for_chunks_and_threads(rng):
    x, w = rng.normal(size=(9, 32, 33, 31)).astype(np.float32), rng.normal(size=(32, 1, 3, 3)).astype(np.float32)
    for stride in ((1, 1), (2, 2)):
        options = {"stride": stride, "padding": (1, 1), "dilation": (1, 1), "groups": 32}
        y = conv_depthwise.conv2d(x, w, **options)
        np.testing.assert_allclose(y, conv.conv2d(x, w, **options), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(conv_depthwise.conv2d_input(y, w, input_size=(33, 31), **options),
                                   conv.conv2d_input(y, w, input_size=(33, 31), **options), rtol=1e-4, atol=1e-3)
        dw = conv_depthwise.conv2d_weight(x, y, kernel_size=(3, 3), **options)
        np.testing.assert_allclose(dw, conv.conv2d_weight(x, y, kernel_size=(3, 3), **options), rtol=1e-3, atol=1e-1)
        np.testing.assert_array_equal(dw, conv_depthwise.conv2d_weight(x, y, kernel_size=(3, 3), **options))


def test_plan_keeps_depthwise_for_one_filter_a_channel():
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    assert K.plan((1, 6, 8, 8), (12, 1, 3, 3), groups=6, **options)[0] != "depthwise"
    with K.force("depthwise"):  # where it does not apply, the plan decides as ever
        assert K.plan((1, 6, 8, 8), (12, 6, 3, 3), groups=1, **options)[1] != "forced"
