"""Every convolution algorithm against the plain one, in all three slots, over odd sizes, strides, padding, dilation, groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn import kernels as K
from minicnn.errors import InputError
from minicnn.kernels import conv

FAST = [name for name in K.algorithms() if name != "im2col"]


@st.composite
def problems(draw):
    """(x, w, u, options) of a convolution with at least one output pixel."""
    small = st.integers(1, 3)
    groups = draw(small)
    n, cg, fg = draw(small), draw(small), draw(small)
    kernel, stride, dilation = ((draw(small), draw(small)) for _ in range(3))
    padding = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    size = tuple(max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 6)) for d, k, p in zip(dilation, kernel, padding))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x, w = rng.normal(size=(n, cg * groups, *size)), rng.normal(size=(fg * groups, cg, *kernel))
    if draw(st.booleans()):
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)  # channels last in memory
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y = conv.conv2d(x, w, **options)
    return x, w, rng.normal(size=y.shape), options


def close(a, b):
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", FAST)
@settings(max_examples=25)
@given(problem=problems())
def test_all_three_slots_agree_with_the_plain_kernel(name, problem):
    x, w, u, options = problem
    with K.force(name):
        close(K.conv2d(x, w, **options), conv.conv2d(x, w, **options))
        size, kernel = x.shape[2:], w.shape[2:]
        close(K.conv2d_input(u, w, input_size=size, **options), conv.conv2d_input(u, w, input_size=size, **options))
        close(K.conv2d_weight(x, u, kernel_size=kernel, **options), conv.conv2d_weight(x, u, kernel_size=kernel, **options))


@pytest.mark.parametrize("name", FAST)
def test_large_enough_for_threads_and_several_chunks(name, rng):
    x, w = rng.normal(size=(9, 16, 33, 31)).astype(np.float32), rng.normal(size=(8, 16, 3, 3)).astype(np.float32)
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    with K.force(name):
        y = K.conv2d(x, w, **options)
        np.testing.assert_allclose(y, conv.conv2d(x, w, **options), rtol=2e-4, atol=2e-4)
        np.testing.assert_array_equal(K.conv2d_weight(x, y, kernel_size=(3, 3), **options),
                                      K.conv2d_weight(x, y, kernel_size=(3, 3), **options))
        assert y.dtype == np.float32


@settings(max_examples=25)
@given(f=st.integers(1, 4), more=st.integers(0, 9), kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
       dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)), padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
       seed=st.integers(0, 2**32))
def test_few_filters_of_many_channels_exchange_roles_and_agree(f, more, kernel, dilation, padding, seed):
    rng, n = np.random.default_rng(seed), 3
    size = tuple(d * (k - 1) + 1 + more for k, d in zip(kernel, dilation))
    x, w = rng.normal(size=(n, 2 * f + more, *size)), rng.normal(size=(f, 2 * f + more, *kernel))
    options = {"stride": (1, 1), "padding": padding, "dilation": dilation, "groups": 1}
    y = conv.conv2d(x, w, **options)
    u = rng.normal(size=y.shape)
    with K.force("chunks"):
        close(K.conv2d(x, w, **options), y)
        close(K.conv2d_input(u, w, input_size=size, **options), conv.conv2d_input(u, w, input_size=size, **options))
        close(K.conv2d_weight(x, u, kernel_size=kernel, **options), conv.conv2d_weight(x, u, kernel_size=kernel, **options))


def test_plan_names_algorithm_and_reason():
    name, reason = K.plan((1, 3, 8, 8), (4, 3, 3, 3))
    assert name in K.algorithms() and reason
    wide = {"x_shape": (8, 40, 16, 16), "w_shape": (50, 40, 5, 5)}  # the gradients may read another number of channels
    assert [K.plan(**wide, slot=slot)[0] for slot in ("conv2d", "conv2d_input", "conv2d_weight")] == ["bands", "chunks", "bands"]
    with pytest.raises(InputError, match="slot must be"):
        K.plan((1, 3, 8, 8), (4, 3, 3, 3), slot="x")
    with K.force("im2col"):
        assert K.plan((1, 3, 8, 8), (4, 3, 3, 3)) == ("im2col", "forced")
    with pytest.raises(InputError, match="force: name must be one of"):
        with K.force("magic"):
            pass


@settings(max_examples=25)
@given(sizes=st.tuples(*[st.integers(1, 4)] * 3), image=st.tuples(st.integers(3, 14), st.integers(3, 14)),
       padding=st.tuples(st.integers(0, 3), st.integers(0, 3)), seed=st.integers(0, 2**32))
def test_winograd_agrees_to_float32_rounding(sizes, image, padding, seed):
    (n, c, f), rng = sizes, np.random.default_rng(seed)
    x, w = rng.normal(size=(n, c, *image)).astype(np.float32), rng.normal(size=(f, c, 3, 3)).astype(np.float32)
    options = {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1}
    y = conv.conv2d(x, w, **options)
    u = rng.normal(size=y.shape).astype(np.float32)
    with K.force("winograd"):
        assert K.plan(x.shape, w.shape, **options)[0] == "winograd"
        pairs = [
            (K.conv2d(x, w, **options), y),
            (K.conv2d_input(u, w, input_size=image, **options), conv.conv2d_input(u, w, input_size=image, **options)),
            (K.conv2d_weight(x, u, kernel_size=(3, 3), **options), conv.conv2d_weight(x, u, kernel_size=(3, 3), **options)),
        ]
    for found, expected in pairs:
        assert found.shape == expected.shape and found.dtype == np.float32
        assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max() + 1e-5


def test_float64_never_takes_winograd():
    with K.force("winograd"):
        assert K.plan((64, 64, 32, 32), (64, 64, 3, 3), dtype=np.float64)[0] == "chunks"
    assert K.plan((64, 64, 32, 32), (64, 64, 3, 3), dtype=np.float32)[0] == "winograd"
