"""The CUDA kernels against the plain ones: their very source, compiled by g++ and run on the CPU over drawn shapes.

`there` puts an array into the stand-in for CuPy, `back` fetches it. Where sums are made in the plain kernel's order the
bits must agree. On a GPU the same comparisons run with CuPy.
"""

import pathlib
import shutil
import subprocess

import numpy as np
import pytest
from cuda_on_cpu import FakeCupy, cuda_on_cpu, needs_compiler  # noqa: F401  (a fixture)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strict import StrictArray, count_transfers, from_strict, to_strict

from minicnn import kernels as K
from minicnn.backend import cuda_is_available, to_device, to_numpy
from minicnn.kernels import (
    channel_norm,
    conv,
    conv_cuda,
    conv_depthwise,
    launch_cuda,
    pointwise,
    pointwise_cuda,
    rows,
    twins,
)
from minicnn.optim import SGD, Adam, AdamW
from minicnn.tensor import Tensor

SOURCES = ("im2col", "pool", "channel_norm", "pointwise", "rows", "depthwise")
DOUBLE = {"moments", "gradients", "softmax", "softmax_gradient", "row_gradient", "column_totals", "depthwise_totals"}  # totals
TYPES = [(np.float32, False), (np.float64, False), (np.float32, True), (np.float64, True)]
again = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
needs_gpu = pytest.mark.skipif(not cuda_is_available(), reason="CuPy finds no GPU")


@pytest.fixture(params=[pytest.param("cpu", marks=needs_compiler), pytest.param("gpu", marks=needs_gpu)])
def there(request):
    """The function that puts a NumPy array where kernels run, with the strides it has."""
    if request.param == "cpu":
        request.getfixturevalue("cuda_on_cpu")
        return strict_view
    return lambda x: to_device(x, "cuda:0")


def strict_view(array):
    """The array itself on the stand-in, gaps in memory and all, where to_strict would make a dense copy."""
    view = object.__new__(StrictArray)
    view._a = array
    return view


back = to_numpy


# ------------------------------------------------------------------------------------------------------- drawn problems

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def images(draw, least=(1, 1)):
    """x (n, c, h, w) of either type, in one of the layouts that come up: contiguous, channels last, cropped, every other."""
    n, c = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    h, w = (m + draw(st.integers(0, 5)) for m in least)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    layout = draw(st.sampled_from(["first", "last", "cropped", "every other", "cropped, last"]))
    if layout in ("last", "cropped, last"):
        x = rng.normal(size=(n, h + 2, w + 2, c)).astype(dtype)
        x = x[:, 1:-1, 1:-1] if "cropped" in layout else np.ascontiguousarray(x[:, 1:-1, 1:-1])
        return x.transpose(0, 3, 1, 2)
    if layout == "every other":
        return rng.normal(size=(n, c, 2 * h, w)).astype(dtype)[:, :, ::2]
    x = rng.normal(size=(n, c, h + 2, w + 2)).astype(dtype)[:, :, 1:-1, 1:-1]
    return x if layout == "cropped" else np.ascontiguousarray(x)


@st.composite
def windows(draw, dilated=True):
    """(x, options) with at least one window."""
    kernel, stride = draw(pairs), draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(pairs) if dilated else (1, 1)
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    x = draw(images([max(1, d * (k - 1) + 1 - 2 * p) for d, k, p in zip(dilation, kernel, padding)]))
    return x, {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


@st.composite
def pools(draw, dilated):
    """As windows, with padding of at most half the kernel and ceil_mode."""
    x, options = draw(windows(dilated))
    options["padding"] = tuple(draw(st.integers(0, k // 2)) for k in options["kernel"])
    least = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(options["dilation"], options["kernel"], options["padding"])]
    if any(m < k for m, k in zip(x.shape[2:], least)):
        options["kernel"], options["padding"] = (1, 1), (0, 0)
    options["ceil_mode"] = draw(st.booleans())
    if not dilated:
        del options["dilation"]
    return x, options


def cotangent(shape, dtype, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


def laid(x):
    """The order in memory of the axes that have one."""
    return sorted((axis for axis in range(x.ndim) if x.shape[axis] > 1), key=lambda axis: -x.strides[axis])


def close(found, expected, factor=1.0):
    """Equal up to rounding of sums of moderate length."""
    assert found.dtype == expected.dtype and found.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    tolerance = factor * scale * (1e-5 if expected.dtype == np.float32 else 1e-12)
    np.testing.assert_allclose(back(found), expected, rtol=0, atol=tolerance)


# ------------------------------------------------------------------------------------------------------------- columns

@again
@given(windows())
def test_im2col(there, problem):
    x, options = problem
    np.testing.assert_array_equal(back(K.im2col(there(x), **options)), K.im2col(x, **options))


@again
@given(windows(), st.booleans())
def test_col2im_adds_in_the_plain_kernels_order(there, problem, strided):
    x, options = problem
    cols = cotangent(K.im2col(x, **options).shape, x.dtype)
    if strided:
        cols = np.ascontiguousarray(cols.transpose(2, 3, 0, 5, 4, 1)).transpose(2, 5, 0, 1, 4, 3)
    del options["kernel"]
    found = K.col2im(there(cols), size=x.shape[2:], **options)
    np.testing.assert_array_equal(back(found), K.col2im(cols, size=x.shape[2:], **options))


@again
@given(windows(), st.integers(1, 3), st.integers(1, 2))
def test_convolution(there, problem, groups, filters):
    x, options = problem
    x = np.concatenate([x * (k + 1) for k in range(groups)], axis=1)  # groups of different channels
    kernel = options.pop("kernel")
    w = cotangent((groups * filters, x.shape[1] // groups, *kernel), x.dtype, seed=1)
    options["groups"] = groups
    y = conv.conv2d(x, w, **options)
    u = cotangent(y.shape, x.dtype, seed=2)
    close(conv.conv2d(there(x), there(w), **options), y, 10)
    size = {"input_size": x.shape[2:]}
    close(conv.conv2d_input(there(u), there(w), **options, **size), conv.conv2d_input(u, w, **options, **size), 10)
    size = {"kernel_size": kernel}
    close(conv.conv2d_weight(there(x), there(u), **options, **size), conv.conv2d_weight(x, u, **options, **size), 10)


@again
@given(windows())
def test_depthwise_convolution(there, problem):
    x, options = problem
    kernel, channels = options.pop("kernel"), x.shape[1]
    w = cotangent((channels, 1, *kernel), x.dtype, seed=1)
    options["groups"] = channels
    y = conv.conv2d(x, w, **options)
    u = cotangent(y.shape, x.dtype, seed=2)
    found = conv_depthwise.conv2d(there(x), there(w), **options)
    close(found, y, 10)
    size = {"input_size": x.shape[2:]}
    close(conv_depthwise.conv2d_input(there(u), there(w), **options, **size), conv.conv2d_input(u, w, **options, **size), 10)
    size = {"kernel_size": kernel}
    expected = conv.conv2d_weight(x, u, **options, **size)
    close(conv_depthwise.conv2d_weight(there(x), there(u), **options, **size), expected, 10)
    last = np.ascontiguousarray(u.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    close(conv_depthwise.conv2d_weight(there(x), there(last), **options, **size), expected, 10)


@pytest.mark.parametrize(("stride", "padding"), [((2, 1), (0, 0)), ((1, 2), (0, 0)), ((1, 1), (0, 1)), ((2, 2), (1, 1))])
def test_a_pointwise_convolution_with_stride_or_padding(there, stride, padding):
    """Only without them is the image itself the matrix."""
    x, w = cotangent((2, 4, 5, 6), np.float64), cotangent((6, 2, 1, 1), np.float64)
    options = {"stride": stride, "padding": padding, "dilation": (1, 1), "groups": 2}
    y = conv.conv2d(x, w, **options)
    close(conv.conv2d(there(x), there(w), **options), y)
    size = {"input_size": (5, 6)}
    close(conv.conv2d_input(there(y), there(w), **options, **size), conv.conv2d_input(y, w, **options, **size))
    size = {"kernel_size": (1, 1)}
    close(conv.conv2d_weight(there(x), there(y), **options, **size), conv.conv2d_weight(x, y, **options, **size), 10)


def test_a_pointwise_convolution_makes_no_columns(there):
    x = cotangent((2, 3, 4, 5), np.float32)
    w = cotangent((6, 3, 1, 1), np.float32)
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    y = conv.conv2d(there(x), there(w), **options)
    close(y, conv.conv2d.__wrapped__(x, w, **options))
    conv.conv2d_input(y, there(w), input_size=(4, 5), **options)
    conv.conv2d_weight(there(x), y, kernel_size=(1, 1), **options)
    assert not [name for name in FakeCupy.launches if "row" in name or "col" in name]
    assert laid(y) == [0, 2, 3, 1]


# ------------------------------------------------------------------------------------------------------------- pooling

@again
@given(pools(dilated=True), st.sampled_from(["drawn", "ties", "all equal", "NaN", "minus infinity"]))
def test_max_pool(there, problem, values):
    x, options = problem
    if values == "ties":
        x = np.sign(x)
    elif values == "NaN":
        x = np.where(np.sin(9 * x) > 0.3, np.array(np.nan, x.dtype), x)
    elif values != "drawn":
        x = np.full_like(x, -np.inf if "infinity" in values else 2)
    y, index = K.max_pool2d(x, **options)
    found, places = K.max_pool2d(there(x), **options)
    np.testing.assert_array_equal(back(found), y)
    np.testing.assert_array_equal(back(places), index)
    assert places.dtype == np.int64 and laid(found) == laid(y)
    u, size = cotangent(y.shape, x.dtype), x.shape[2:]
    del options["ceil_mode"]
    gradient = K.spread_windows(u, index, size=size, **options)
    for give in (u, np.ascontiguousarray(u.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)):
        np.testing.assert_array_equal(back(K.spread_windows(there(give), places, size=size, **options)), gradient)


@again
@given(pools(dilated=False), st.booleans())
def test_avg_pool(there, problem, count_include_pad):
    x, options = problem
    y = K.avg_pool2d(x, **options)
    u = cotangent(y.shape, x.dtype)
    close(K.avg_pool2d(there(x), **options), y)
    close(K.avg_pool2d_adjoint(there(u), size=x.shape[2:], **options), K.avg_pool2d_adjoint(u, size=x.shape[2:], **options))
    counts = K.window_counts(x.shape[2:], **options, count_include_pad=count_include_pad)
    mean = K.avg_pool2d(there(np.ones_like(x)), **options)
    if not count_include_pad:  # then the sum of ones is what each mean divides by
        np.testing.assert_array_equal(back(mean), np.broadcast_to(counts, mean.shape))


# ------------------------------------------------------------------------------------------------------- normalisation

def plain_normalize(x, weight, bias, eps):
    """Batch norm in float64, from its definition."""
    x = x.astype(np.float64)
    mean, variance = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * weight.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)


@again
@given(images(), st.booleans(), st.sampled_from([0.0, 3.0, 100.0]))
def test_channel_norm(there, x, relu, shift):
    x, c, eps = x + x.dtype.type(shift), x.shape[1], 0.1
    weight, bias, g = (cotangent(s, x.dtype, seed=3) for s in ((1, c, 1, 1), (c, 1, 1), x.shape))
    mean, variance = channel_norm.moments(there(x))
    wide = x.astype(np.float64)
    close(mean, wide.mean(axis=(0, 2, 3)).astype(x.dtype))
    close(variance, wide.var(axis=(0, 2, 3)).astype(x.dtype), max(1.0, shift))
    y = channel_norm.normalize(there(x), mean, variance, there(weight), there(bias), eps=eps, relu=relu)
    expected = plain_normalize(x, weight, bias, eps)
    close(y, (np.maximum(expected, 0) if relu else expected).astype(x.dtype), 10 * max(1.0, shift))
    plain = x.mean(axis=(0, 2, 3), dtype=np.float64), x.var(axis=(0, 2, 3), dtype=np.float64)
    dx, dweight, dbias = channel_norm.normalize_gradient(there(g), there(x), mean, variance, there(weight), eps=eps)
    expected = channel_norm.normalize_gradient(g.astype(np.float64), wide, *plain, weight, eps=eps)
    for a, b in zip((dx, dweight, dbias), expected):
        close(a, b.astype(x.dtype), 30 * max(1.0, shift))
    found = channel_norm.scale_shift(there(x), there(weight.reshape(-1)), there(bias.reshape(-1)), relu)
    close(found, channel_norm.scale_shift.__wrapped__(x, weight.reshape(-1), bias.reshape(-1), relu), max(1.0, shift))
    assert laid(y) == laid(found) == laid(dx)


@again
@given(images())
def test_channel_norm_through_a_relu(there, x):
    g, y, eps = cotangent(x.shape, x.dtype, seed=1), cotangent(x.shape, x.dtype, seed=2), 0.1
    mean, variance, weight = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3)), cotangent((x.shape[1],), x.dtype)
    found = channel_norm.normalize_relu_gradient(there(g), there(y), there(x), there(mean), there(variance), there(weight), eps=eps)
    for a, b in zip(found, channel_norm.normalize_relu_gradient(g, y, x, mean, variance, weight, eps=eps)):
        close(a, b.astype(x.dtype), 30)


matrices = st.tuples(st.integers(1, 7), st.integers(1, 40), st.sampled_from([np.float32, np.float64]), st.integers(0, 99))


@again
@given(matrices, st.sampled_from([1.0, 30.0, 1000.0]))  # e^1000 is beyond float64
def test_softmax(there, problem, spread):
    count, width, dtype, seed = problem
    x, g = (cotangent((count, width), dtype, s) * dtype(scale) for s, scale in ((seed, spread), (seed + 1, 10)))
    y = rows.softmax.__wrapped__(x)
    close(rows.softmax(there(x)), y)
    close(rows.softmax(there(x.reshape(count, 1, width))), y.reshape(count, 1, width))
    close(rows.softmax_gradient(there(g), there(y)), rows.softmax_gradient.__wrapped__(g, y), 5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_softmax_of_special_values(there, value):
    x = cotangent((3, 11), np.float32)
    x[1, 4] = value
    with np.errstate(invalid="ignore"):
        expected = rows.softmax.__wrapped__(x)
    np.testing.assert_allclose(back(rows.softmax(there(x))), expected, rtol=1e-5)


@again
@given(matrices, st.sampled_from([0.0, 3.0, 100.0]))
def test_normalisation_of_rows(there, problem, shift):
    count, width, dtype, seed = problem
    x, g = cotangent((count, width), dtype, seed) + dtype(shift), cotangent((count, width), dtype, seed + 1)
    weight, bias = cotangent((width,), dtype, 2), cotangent((width,), dtype, 3)
    mean, variance = rows.moments(there(x), width)
    wide = x.astype(np.float64)
    close(mean, wide.mean(axis=1).astype(dtype), max(1.0, shift))
    close(variance, wide.var(axis=1).astype(dtype), max(1.0, shift))
    root = (1 / np.sqrt(wide.var(axis=1) + 0.1)).astype(dtype)
    plain = wide.mean(axis=1).astype(dtype)
    y = rows.normalize(there(x), there(plain), there(root), there(weight), there(bias))
    close(y, rows.normalize.__wrapped__(x, plain, root, weight, bias), max(1.0, shift))
    found = rows.normalize_gradient(there(g), there(x), there(plain), there(root), there(weight))
    for a, b in zip(found, rows.normalize_gradient.__wrapped__(g, x, plain, root, weight)):
        close(a, b, 10 * max(1.0, shift))


def test_channel_norm_takes_numbers_for_weight_and_bias(there):
    x = cotangent((2, 3, 4, 5), np.float64)
    mean, variance = channel_norm.moments(there(x))
    found = channel_norm.normalize(there(x), mean, variance, 2.0, 0.5, eps=1e-5)
    close(found, plain_normalize(x, np.full(3, 2.0), np.full(3, 0.5), 1e-5))


def test_moments_keep_their_digits_beside_a_large_mean(there):
    """x = 10,000 + noise: E[x^2] - E[x]^2 in float32 would be off by more than the variance itself."""
    x = (1e4 + np.random.default_rng(0).normal(size=(8, 2, 16, 16))).astype(np.float32)
    _, variance = channel_norm.moments(there(x))
    np.testing.assert_allclose(back(variance), x.var(axis=(0, 2, 3), dtype=np.float64), rtol=1e-4)


def test_a_nan_stays_in_its_channel(there):
    x = cotangent((2, 3, 4, 5), np.float32)
    x[1, 1, 2, 3] = np.nan
    mean, variance = (back(v) for v in channel_norm.moments(there(x)))
    np.testing.assert_array_equal(np.isnan(mean), [False, True, False])
    np.testing.assert_array_equal(np.isnan(variance), [False, True, False])
    y = back(channel_norm.normalize(there(x), there(mean), there(variance), 1.0, 0.0, eps=1e-5, relu=True))
    assert np.isnan(y[:, 1]).all() and not np.isnan(y[:, [0, 2]]).any()


def test_running_average(there):
    running, batch = cotangent((5,), np.float32), cotangent((5,), np.float32, seed=1)
    expected = 0.9 * running + 0.1 * 1.25 * batch
    found = there(running)
    channel_norm.running_average(found, there(batch), momentum=0.1, factor=1.25)
    close(found, expected.astype(np.float32))


# -------------------------------------------------------------------------------------------------------- element-wise

@again
@given(images())
def test_relu_and_gate(there, x):
    g = np.ascontiguousarray(cotangent(x.shape, x.dtype))
    np.testing.assert_array_equal(back(pointwise.relu(there(x))), np.maximum(x, 0))
    y = pointwise.gate(there(g), there(x))
    np.testing.assert_array_equal(back(y), np.where(x > 0, g, 0))
    assert y.dtype == x.dtype


def test_a_closed_gate_lets_nothing_through(there):
    """g times 0 would be NaN for an infinite g: the kernel selects."""
    y = np.array([1.0, 0.0, -1.0, np.nan])
    g = np.array([np.inf, np.inf, np.nan, 1.0])
    np.testing.assert_array_equal(back(pointwise.gate(there(g), there(y))), [np.inf, 0, 0, 0])
    np.testing.assert_array_equal(back(pointwise.relu(there(y))), [1, 0, 0, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sigmoid", "silu", "gelu", "gelu_tanh", "tanh_slope", "sigmoid_slope", "silu_slope",
                                  "gelu_slope", "gelu_tanh_slope"])
def test_curves(there, name, dtype):
    """Against the composite in ops, which is checked against PyTorch; slopes as the gradient of a Tensor."""
    x = np.linspace(-6, 6, 101).astype(dtype)
    g = cotangent(x.shape, dtype)
    function = {"tanh": "tanh", "sigmoid": "sigmoid", "silu": "silu", "gelu": "gelu", "gelu_tanh": "gelu"}
    base = name.removesuffix("_slope")
    options = {"approximate": "tanh"} if base == "gelu_tanh" else {}
    leaf = Tensor(x.astype(np.float64), requires_grad=True)
    y = getattr(__import__("minicnn").nn.functional, function[base])(leaf, **options)
    y.backward(Tensor(g.astype(np.float64)))
    if not name.endswith("_slope"):
        close(pointwise_cuda.mapped(name, there(x)), y.data.astype(dtype))
        return
    at = y.data.astype(dtype) if base in ("tanh", "sigmoid") else x
    close(pointwise_cuda.mapped(name, there(g), there(at)), leaf.grad.data.astype(dtype))


OPTIMIZERS = {
    "plain": lambda p: SGD(p, lr=0.1), "decay": lambda p: SGD(p, lr=0.1, weight_decay=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "dampened": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.3, maximize=True),
    "nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True), "adam": lambda p: Adam(p, lr=0.01, weight_decay=0.1),
    "adam up": lambda p: Adam(p, lr=0.01, maximize=True), "adamw": lambda p: AdamW(p, lr=0.01, weight_decay=0.1),
}


@needs_compiler
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_steps(cuda_on_cpu, name):  # noqa: F811
    w = cotangent((3, 2, 5, 4), np.float64)
    weights = []
    for place in (lambda a: a, to_strict):
        p = Tensor._make(place(w.copy())).requires_grad_(True)
        optimizer = OPTIMIZERS[name]([p])
        for step in range(3):
            g = cotangent((3, 5, 4, 2), np.float64, seed=step).transpose(0, 3, 1, 2)  # laid out otherwise than p
            p.grad = Tensor._make(place(g))
            optimizer.step()
        weights.append(back(p.data))
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-13)
    assert set(FakeCupy.launches) == {"adam"} if "adam" in name else {"sgd", "sgd_momentum"} & set(FakeCupy.launches)
    assert len(FakeCupy.launches) == 3


# ------------------------------------------------------------------------------- order, width, and the choice of a kernel

def every_kernel(there, dtype):
    """Results of every kernel on some sample."""
    x = there(cotangent((3, 4, 7, 5), dtype))
    options = {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 1), "dilation": (1, 2)}
    cols = K.im2col(x, **options)
    pool = {"kernel": (3, 3), "stride": (2, 1), "padding": (1, 1)}
    y, index = K.max_pool2d(x, **pool, dilation=(1, 1), ceil_mode=True)
    total = K.avg_pool2d(x, **pool, ceil_mode=True)
    w = there(cotangent((6, 2, 3, 2), dtype))
    filters = {**{k: v for k, v in options.items() if k != "kernel"}, "groups": 2}
    image = conv_cuda.conv2d(x, w, **filters)
    mean, variance = channel_norm.moments(x)
    normal = channel_norm.normalize(x, mean, variance, 1.0, 0.0, eps=1e-5)
    weight, velocity, second = (there(np.ones((4, 5), dtype)) for _ in range(3))
    g = there(cotangent((4, 5), dtype))
    for name, state, numbers in (("sgd", [], 3), ("sgd_momentum", [velocity], 5), ("adam", [velocity, second], 8)):
        flags = (True, False) if name == "sgd_momentum" else ()
        assert pointwise_cuda.in_place(name, [weight, g, *state], [0.5] * numbers + [*flags])
    running = there(np.ones(4, dtype))
    matrix, vector = there(cotangent((6, 11), dtype)), there(cotangent((11,), dtype))
    center, spread = rows.moments(matrix, 11)
    shares = rows.softmax(matrix)
    own = {**filters, "groups": 4}
    filter_each = there(cotangent((4, 1, 3, 2), dtype))
    depth = conv_depthwise.conv2d(x, filter_each, **own)
    channel_norm.running_average(running, mean, momentum=0.1, factor=2.0)
    return [cols, K.col2im(cols, size=(7, 5), **{k: v for k, v in options.items() if k != "kernel"}), y, index, total,
            K.spread_windows(y, index, size=(7, 5), **pool, dilation=(1, 1)),
            K.avg_pool2d_adjoint(total, size=(7, 5), **pool, ceil_mode=True), image,
            conv_cuda.conv2d_input(image, w, input_size=(7, 5), **filters), mean, variance, normal,
            *channel_norm.normalize_gradient(normal, x, mean, variance, 2.0, eps=1e-5),
            channel_norm.scale_shift(x, mean, variance, True), shares, rows.softmax_gradient(matrix, shares), center,
            rows.normalize(matrix, center, spread, vector, vector),
            *rows.normalize_gradient(shares, matrix, center, spread, vector), depth,
            conv_depthwise.conv2d_input(depth, filter_each, input_size=(7, 5), **own),
            conv_depthwise.conv2d_weight(x, depth, kernel_size=(3, 2), **own), weight, velocity, second, running,
            *[pointwise_cuda.mapped(name, x) for name in ("relu", "sigmoid", "silu", "gelu", "gelu_tanh")],
            *[pointwise_cuda.mapped(name, x, x) for name in ("gate", "tanh_slope", "sigmoid_slope", "silu_slope", "gelu_slope",
                                                             "gelu_tanh_slope")]]


@needs_compiler
@pytest.mark.parametrize(("dtype", "wide"), TYPES)
def test_the_order_of_threads_does_not_matter(cuda_on_cpu, monkeypatch, dtype, wide):  # noqa: F811
    monkeypatch.setattr(launch_cuda, "NARROW", 0 if wide else 1 << 30)
    forwards = [back(a) for a in every_kernel(to_strict, dtype)]
    run = set(FakeCupy.launches)
    monkeypatch.setattr(FakeCupy, "backwards", True)
    backwards = [back(a) for a in every_kernel(to_strict, dtype)]
    for a, b in zip(forwards, backwards):
        np.testing.assert_array_equal(a, b)
        assert a.dtype in (dtype, np.int64)
    text = "".join(launch_cuda.source(name) for name in SOURCES)
    assert run == {word.split("(")[1].split(",")[0] if word.startswith("MAP") else word.split("(")[0].split()[-1]
                   for line in text.splitlines() for word in [line.strip().replace('extern "C" __global__ ', "")]
                   if line.startswith(('extern "C" __global__', "MAP"))}, "a kernel that nothing runs, or a test that forgot one"


@needs_gpu
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_on_every_run_on_a_gpu(dtype):
    first, second = ([back(a) for a in every_kernel(lambda x: to_device(x, "cuda:0"), dtype)] for _ in range(2))
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)


@needs_compiler
def test_large_arrays_get_wide_places(cuda_on_cpu, monkeypatch):  # noqa: F811
    asked = []

    def function(xp, device, name, dtype, wide):
        asked.append(wide)
        return lambda grid, block, args: None

    function.cache_clear = lambda: None
    monkeypatch.setattr(launch_cuda, "_function", function)
    x = np.zeros((2, 1, 1, 1), np.float32)
    far = np.lib.stride_tricks.as_strided(x, x.shape, (4 << 31, 4, 4, 4))  # two numbers 2^31 apart; nobody reads them
    for image in (x, far):
        K.im2col(to_strict(x) if image is x else strict_view(far), kernel=(1, 1), stride=(1, 1), padding=(0, 0), dilation=(1, 1))
    assert asked == [False, True]


@needs_compiler
def test_a_kernel_is_never_given_another_float_type(cuda_on_cpu):  # noqa: F811
    x, g = to_strict(np.ones(3)), to_strict(np.ones(3, np.float32))
    with pytest.raises(TypeError, match="float32"):
        launch_cuda.launch("pointwise.gate", x, 3, g, x, to_strict(np.ones(3)), 3)
    np.testing.assert_array_equal(from_strict(pointwise.gate(g, x)), [1, 1, 1])  # the choice falls on the plain form


@needs_compiler
def test_empty_arrays_launch_nothing(cuda_on_cpu):  # noqa: F811
    x = to_strict(np.zeros((0, 3, 4, 4), np.float32))
    assert K.im2col(x, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)).shape == (0, 3, 2, 2, 3, 3)
    assert pointwise.relu(x).shape == x.shape and FakeCupy.launches == []


OPTIONS = {"kernel": (2, 2), "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}


def test_a_stand_in_of_another_name_gets_the_plain_kernels():
    x = to_strict(np.ones((1, 2, 3, 3), np.float32))
    assert not twins.on_cuda(x) and not twins.on_cuda(np.ones(3))
    FakeCupy.launches.clear()
    K.im2col(x, **OPTIONS), pointwise.relu(x), K.max_pool2d(x, **OPTIONS, ceil_mode=False)
    assert FakeCupy.launches == []


@needs_compiler
def test_the_choice_between_plain_and_twin(cuda_on_cpu):  # noqa: F811
    single = to_strict(np.ones((1, 2, 3, 3), np.float32))
    assert twins.on_cuda(single) and twins.on_cuda(single, to_strict(np.ones(3, np.int64))) and twins.on_cuda(single, 2.0)
    assert not twins.on_cuda(single, to_strict(np.ones(3))) and not twins.on_cuda(to_strict(np.ones(3, np.int64)))
    assert not twins.on_cuda(Tensor._make(single)), "a Tensor is recorded: rules are made of primitives"
    with count_transfers() as transfers:
        K.im2col(single, **OPTIONS), K.im2col(to_strict(np.ones((1, 2, 3, 3), np.float16)), **OPTIONS)
    assert FakeCupy.launches == ["im2col"]
    assert (transfers.to_host, transfers.to_device) == (0, 1), "to_strict's own"
    marked = {f.__name__ for f in twins._twins}
    assert marked >= {"im2col", "col2im", "conv2d", "conv2d_input", "conv2d_weight", "max_pool2d", "spread_windows",
                      "avg_pool2d", "avg_pool2d_adjoint", "moments", "normalize", "scale_shift", "normalize_gradient", "softmax",
                      "softmax_gradient"}


# ------------------------------------------------------------------------------------------- the compilers of a real GPU

def all_sources():
    """One text of all kernels."""
    parts = ["common.cuh", *[f"{name}.cu" for name in SOURCES]]
    return "\n".join((launch_cuda.FOLDER / part).read_text(encoding="utf-8") for part in parts)


def test_every_source_is_in_the_tests():
    assert {p.stem for p in launch_cuda.FOLDER.glob("*.cu")} == set(SOURCES)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
@pytest.mark.parametrize(("dtype", "wide"), TYPES)
def test_nvcc_compiles_the_kernels(tmp_path, dtype, wide):
    source, result = tmp_path / "kernels.cu", tmp_path / "kernels.ptx"
    source.write_text(all_sources(), encoding="utf-8")
    command = ["nvcc", "--ptx", "-Werror", "all-warnings", *launch_cuda.options(dtype, wide), str(source), "-o", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ptx = result.read_text(encoding="utf-8")
    assert ptx.count(".entry") == len(set(ptx.split(".entry ")[1:])) > 20
    assert not [line for line in ptx.splitlines() if "atom." in line or "bar.sync" in line]
    if dtype == np.float32:  # no slip into double precision, but for sums over parts
        kernels = {part.split("(")[0]: part for part in ptx.split(".entry ")[1:]}
        assert {name for name, text in kernels.items() if ".f64" in text} <= DOUBLE


@pytest.mark.parametrize(("dtype", "wide"), TYPES)
def test_nvrtc_compiles_the_kernels(dtype, wide):
    """As CuPy does on a machine with a GPU; runs wherever CuPy and the CUDA libraries are installed."""
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc")
    try:
        nvrtc.getVersion()
    except Exception as error:  # noqa: BLE001  (its type depends on what is missing)
        pytest.skip(f"NVRTC is not installed: {type(error).__name__}")
    program = nvrtc.createProgram(all_sources(), "kernels.cu", (), ())
    nvrtc.compileProgram(program, [*launch_cuda.options(dtype, wide), "--gpu-architecture=compute_80"])
    assert b".entry max_spread" in nvrtc.getPTX(program)


def test_the_package_carries_its_sources():
    config = pathlib.Path(__file__).parents[2] / "setup.cfg"
    assert "kernels/cuda/*" in config.read_text(encoding="utf-8")
