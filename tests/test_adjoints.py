"""Exact adjoint identities <A x, g> = <x, A' g>, in float64 to rounding, over shapes and options that hypothesis draws."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import autograd
from minicnn.nn import functional as F
from minicnn.ops import columns, conv, linalg, pool, reduce, shape
from minicnn.testing import check_adjoint

size = st.integers(1, 6)
seeds = st.integers(0, 10_000)


def draw(seed, *dims):
    return np.random.default_rng([seed, *dims]).normal(size=dims)


def vjp_of(f, *dims):
    """The adjoint that the engine derives for a linear f at any point."""
    def adjoint(g):
        x = mc.tensor(np.zeros(dims), requires_grad=True)
        f(x).backward(mc.tensor(g))
        return x.grad
    return adjoint


def linear(f, seed, *dims):
    """Check a linear f on arrays of shape `dims` against the engine's adjoint."""
    x = draw(seed, *dims)
    y = f(mc.tensor(x))
    check_adjoint(lambda a: f(mc.tensor(a)), vjp_of(f, *dims), x, draw(seed + 1, *y.shape))


@st.composite
def convolutions(draw_):
    """Sizes and options of a convolution that has at least one output pixel."""
    pair = lambda low, high: (draw_(st.integers(low, high)), draw_(st.integers(low, high)))  # noqa: E731
    n, groups = draw_(st.integers(1, 2)), draw_(st.integers(1, 3))
    c, f = groups * draw_(st.integers(1, 2)), groups * draw_(st.integers(1, 3))
    kernel, stride, padding, dilation = pair(1, 3), pair(1, 3), pair(0, 2), pair(1, 2)
    image = tuple(draw_(st.integers(max(1, d * (k - 1) + 1 - 2 * p), 9)) for d, k, p in zip(dilation, kernel, padding))
    out = tuple((m + 2 * p - d * (k - 1) - 1) // s + 1 for m, p, d, k, s in zip(image, padding, dilation, kernel, stride))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return (n, c, *image), (f, c // groups, *kernel), (n, f, *out), options, groups, draw_(seeds)


@given(convolutions())
def test_convolution_and_its_input_slot(case):
    x, w, u, options, groups, seed = case
    weight = draw(seed, *w)
    check_adjoint(lambda a: conv.conv2d(a, weight, groups=groups, **options),
                  lambda g: conv.conv2d_input(g, weight, groups=groups, input_size=x[2:], **options), draw(seed + 1, *x), draw(seed + 2, *u))


@given(convolutions())
def test_convolution_and_its_weight_slot(case):
    x, w, u, options, groups, seed = case
    image = draw(seed, *x)
    check_adjoint(lambda a: conv.conv2d(image, a, groups=groups, **options),
                  lambda g: conv.conv2d_weight(image, g, groups=groups, kernel_size=w[2:], **options), draw(seed + 1, *w), draw(seed + 2, *u))


@given(convolutions())
def test_input_slot_and_weight_slot(case):
    """<conv2d_input(u, w), x> = <w, conv2d_weight(x, u)>: the third side of the triangle."""
    x, w, u, options, groups, seed = case
    cotangent = draw(seed, *u)
    check_adjoint(lambda a: conv.conv2d_input(cotangent, a, groups=groups, input_size=x[2:], **options),
                  lambda g: conv.conv2d_weight(g, cotangent, groups=groups, kernel_size=w[2:], **options), draw(seed + 1, *w), draw(seed + 2, *x))


@given(convolutions())
def test_im2col_and_col2im(case):
    x, w, u, options, _, seed = case
    check_adjoint(lambda a: columns.im2col(a, kernel=w[2:], **options), lambda g: columns.col2im(g, size=x[2:], **options),
                  draw(seed, *x), draw(seed + 1, *x[:2], *w[2:], *u[2:]))


@given(convolutions())
def test_unfold_and_fold(case):
    x, w, u, options, _, seed = case
    length = u[2] * u[3]
    check_adjoint(lambda a: F.unfold(mc.tensor(a), w[2:], **options), lambda g: F.fold(mc.tensor(g), x[2:], w[2:], **options),
                  draw(seed, *x), draw(seed + 1, x[0], x[1] * w[2] * w[3], length))


@given(convolutions())
def test_transposed_convolution_is_the_adjoint_of_convolution(case):
    x, w, u, options, groups, seed = case
    extra = tuple((m + 2 * p - d * (k - 1) - 1) % s for m, p, d, k, s in zip(
        x[2:], options["padding"], options["dilation"], w[2:], options["stride"]))
    assume(all(e < max(s, d) for e, s, d in zip(extra, options["stride"], options["dilation"])))
    weight = mc.tensor(draw(seed, *w))
    check_adjoint(lambda a: F.conv2d(mc.tensor(a), weight, groups=groups, **options),
                  lambda g: F.conv_transpose2d(mc.tensor(g), weight, groups=groups, output_padding=extra, **options),
                  draw(seed + 1, *x), draw(seed + 2, *u))


@given(st.lists(st.tuples(size, st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4), seeds)
def test_pad_and_crop(axes, seed):
    widths = tuple((a, b) for _, a, b in axes)
    dims = [n for n, _, _ in axes]
    check_adjoint(lambda a: shape.pad_zeros(a, widths=widths), lambda g: shape.crop(g, widths=widths),
                  draw(seed, *dims), draw(seed + 1, *(n + a + b for n, a, b in axes)))


@given(st.lists(st.tuples(size, st.booleans()), min_size=1, max_size=4), st.lists(size, max_size=2), seeds)
def test_broadcast_and_sum(axes, extra, seed):
    small, large = tuple(1 if one else n for n, one in axes), (*extra, *(n for n, _ in axes))
    check_adjoint(lambda a: autograd.broadcast_to(a, shape=large), lambda g: autograd.sum_to(g, shape=small), draw(seed, *small), draw(seed + 1, *large))


@given(size, size, st.data(), seeds)
def test_getitem_and_put_add(n, m, data, seed):
    index = (np.array(data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=8))), slice(None, None, data.draw(st.sampled_from([1, -1, 2]))))
    y = draw(seed, n, m)[index]
    check_adjoint(lambda a: shape.getitem(a, index=index), lambda g: shape.put_add(g, index=index, shape=(n, m)), draw(seed, n, m), draw(seed + 1, *y.shape))


@given(size, size, size, st.integers(0, 1), seeds)
def test_gather_and_scatter(n, m, k, axis, seed):
    dims = (k, m) if axis == 0 else (n, k)
    index = np.random.default_rng(seed).integers((n, m)[axis], size=dims)
    check_adjoint(lambda a: shape.gather(a, index=index, axis=axis), lambda g: shape.scatter_add_along(g, index=index, axis=axis, shape=(n, m)),
                  draw(seed, n, m), draw(seed + 1, *dims))


@given(size, size, st.lists(st.integers(0, 5), min_size=1, max_size=8), seeds)
def test_take_and_take_add(n, m, picks, seed):
    index = np.array(picks) % n
    check_adjoint(lambda a: shape.take(a, index=index, axis=0), lambda g: shape.take_add(g, index=index, axis=0, size=n),
                  draw(seed, n, m), draw(seed + 1, len(picks), m))


@given(st.lists(size, min_size=1, max_size=4), st.randoms(use_true_random=False), seeds)
def test_transpose_and_its_inverse(dims, random, seed):
    axes = list(range(len(dims)))
    random.shuffle(axes)
    inverse = tuple(int(i) for i in np.argsort(axes))
    check_adjoint(lambda a: shape.transpose(a, axes=tuple(axes)), lambda g: shape.transpose(g, axes=inverse), draw(seed, *dims),
                  draw(seed + 1, *(dims[i] for i in axes)))


@given(size, size, st.integers(-9, 9), seeds)
def test_roll_and_roll_back_flip_and_flip(n, m, shift, seed):
    x, g = draw(seed, n, m), draw(seed + 1, n, m)
    check_adjoint(lambda a: shape.roll(a, shift=shift, axis=1), lambda b: shape.roll(b, shift=-shift, axis=1), x, g)
    check_adjoint(lambda a: shape.flip(a, axis=0), lambda b: shape.flip(b, axis=0), x, g)


@given(size, size, seeds)
def test_cumulative_sums_forward_and_backward(n, m, seed):
    check_adjoint(lambda a: reduce.cumsum(a, axis=0), lambda g: np.cumsum(g[::-1], axis=0)[::-1], draw(seed, n, m), draw(seed + 1, n, m))


@given(size, size, size, seeds)
def test_matrix_product_and_its_transpose(n, m, k, seed):
    w = draw(seed, m, k)
    check_adjoint(lambda a: linalg.matmul(a, w), lambda g: linalg.matmul(g, w.T), draw(seed + 1, n, m), draw(seed + 2, n, k))


@given(convolutions(), st.booleans())
def test_sums_over_windows_and_spreading_over_them(case, ceil_mode):
    x, w, _, options, _, seed = case
    kernel, stride = w[2:], options["stride"]
    padding = tuple(min(p, k // 2) for p, k in zip(options["padding"], kernel))
    assume(all(m + 2 * p >= k for m, p, k in zip(x[2:], padding, kernel)))
    given_ = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    y = pool.window_sums(draw(seed, *x), **given_)
    check_adjoint(lambda a: pool.window_sums(a, **given_), lambda g: pool.window_spread(g, size=x[2:], **given_), draw(seed, *x), draw(seed + 1, *y.shape))


@given(size, size, st.integers(1, 4), st.integers(1, 4), seeds)
def test_picking_and_spreading(h, w, oh, ow, seed):
    index = np.random.default_rng(seed).integers(h * w, size=(2, 3, oh, ow))
    check_adjoint(lambda a: pool.pick(a, index=index), lambda g: pool.spread(g, index=index, size=(h, w)), draw(seed, 2, 3, h, w), draw(seed + 1, 2, 3, oh, ow))


@given(size, size, size, size, st.booleans(), seeds)
def test_bilinear_resizing(h, w, oh, ow, align_corners, seed):
    linear(lambda x: F.interpolate(x, size=(oh, ow), mode="bilinear", align_corners=align_corners), seed, 2, 3, h, w)


@given(size, size, size, size, st.booleans(), st.sampled_from(["zeros", "border", "reflection"]), seeds)
def test_sampling_an_image_on_a_grid(h, w, oh, ow, align_corners, padding_mode, seed):
    grid = mc.tensor(np.random.default_rng(seed).uniform(-1.5, 1.5, (2, oh, ow, 2)))
    linear(lambda x: F.grid_sample(x, grid, align_corners=align_corners, padding_mode=padding_mode), seed, 2, 3, h, w)


@given(size, size, st.integers(1, 4), st.integers(1, 4), seeds)
def test_adaptive_averages(h, w, oh, ow, seed):
    linear(lambda x: F.adaptive_avg_pool2d(x, (oh, ow)), seed, 2, 2, h, w)


@given(st.integers(1, 3), size, size, seeds)
def test_pixel_shuffle_and_unshuffle(r, h, w, seed):
    check_adjoint(lambda a: F.pixel_shuffle(mc.tensor(a), r), lambda g: F.pixel_unshuffle(mc.tensor(g), r), draw(seed, 2, 2 * r * r, h, w),
                  draw(seed + 1, 2, 2, r * h, r * w))


@given(st.integers(3, 6), st.integers(3, 6), st.tuples(*[st.integers(0, 2)] * 4), st.sampled_from(["reflect", "replicate", "circular"]), seeds)
def test_padding_with_the_image_itself(h, w, pad, mode, seed):
    linear(lambda x: F.pad(x, pad, mode=mode), seed, 2, 1, h, w)


@given(st.lists(size, min_size=2, max_size=4), size, seeds)
def test_joining_and_splitting(lengths, m, seed):
    linear(lambda x: mc.cat([part * (k + 1) for k, part in enumerate(mc.split(x, lengths, 0))], 0), seed, sum(lengths), m)
