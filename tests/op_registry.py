"""Every public operation with samples: the list that tests of values, derivatives, dtypes and devices walk through.

`OPS` maps a name to an Op. The name is the one in minicnn.ops or, with the prefix "F.", in minicnn.nn.functional. Samples
are built from a seeded generator and lie away from kinks by construction. A test fails for a public operation without an entry.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from op_oracles import (
    conv2d_loops,
    erf_series,
    fold_loops,
    grid_sample_loops,
    pool_loops,
    resize_loops,
    unfold_loops,
)

from minicnn import autograd
from minicnn.nn import functional as F
from minicnn.ops import arrange, columns, conv, elementwise, linalg, normalize, pool, reduce, sample, shape, special

__all__ = ["OPS", "Op", "Sample", "MODULES"]

MODULES = (arrange, columns, conv, elementwise, linalg, normalize, pool, reduce, sample, shape, special)


@dataclass
class Sample:
    """Array arguments, in order, and keywords; integer arrays among the arguments get no gradient."""

    arrays: tuple
    options: dict = field(default_factory=dict)


@dataclass
class Op:
    """One operation: how to call it, on what, what it should give (None: compared elsewhere), and to which order to check."""

    call: Callable
    samples: list
    reference: Callable | None = None
    order: int = 2  # 0: no derivative; 2: kinked or costly; 3: smooth
    rtol: float = 1e-12


OPS: dict[str, Op] = {}


def op(name, call, samples, reference=None, order=2, rtol=1e-12):
    """Enter one operation; samples are (array, ..., {options}) tuples, Samples or arrays."""
    entries = []
    for s in samples:
        parts = s if isinstance(s, tuple) else (s,)
        options = parts[-1] if isinstance(parts[-1], dict) else {}
        entries.append(Sample(tuple(p for p in parts if not isinstance(p, dict)), options))
    OPS[name] = Op(call, entries, reference, order, rtol)


def normal(*size, seed=0):
    return np.random.default_rng([seed, *size]).normal(size=size)


def uniform(low, high, *size, seed=0):
    return np.random.default_rng([seed + 7, *size]).uniform(low, high, size)


def distinct(*size, seed=0):
    """Entries all at least 0.1 apart, in random order, none within 0.05 of an integer multiple of 0.1."""
    n = int(np.prod(size))
    return (np.random.default_rng([seed, n]).permutation(n) * 0.1 - 0.05 * n + 0.03).reshape(size)


def around(points, *size, gap=0.05, seed=0):
    """Random numbers at least `gap` away from every one of `points`."""
    x = normal(*size, seed=seed) * 1.5
    for point in points:
        x = np.where(abs(x - point) < gap, point + np.where(x >= point, 3 * gap, -3 * gap), x)
    return x


def slanted(a):
    """The same numbers in an array that is not contiguous."""
    return np.ascontiguousarray(a.T).T


# -------------------------------------------------------------------------------------------- one argument, entry by entry

def unary(name, reference, make, order, call=None, **options):
    """An entrywise function: a scalar, nothing, one entry, a matrix, one that is not contiguous, four axes."""
    shapes = [(), (0,), (1,), (3, 4), (2, 1, 3, 2)]
    samples = [(make(*s), options) for s in shapes] + [(slanted(make(4, 3)), options)]
    op(name, call or getattr(elementwise, name), samples, lambda x: reference(x), order)


def away(*points):
    return lambda *size: around(points, *size)


def between(low, high):
    return lambda *size: uniform(low, high, *size)


unary("neg", lambda x: -x, normal, 3)
unary("square", lambda x: x * x, normal, 3)
unary("reciprocal", lambda x: 1 / x, between(0.4, 2), 3)
unary("exp", np.exp, normal, 3)
unary("expm1", np.expm1, normal, 3)
unary("log", np.log, between(0.3, 3), 3)
unary("log1p", np.log1p, between(-0.6, 2), 3)
unary("log2", np.log2, between(0.3, 3), 3)
unary("sqrt", np.sqrt, between(0.3, 3), 3)
unary("rsqrt", lambda x: 1 / np.sqrt(x), between(0.3, 3), 3)
unary("sin", np.sin, normal, 3)
unary("cos", np.cos, normal, 3)
unary("tan", np.tan, between(-1.1, 1.1), 3)
unary("tanh", np.tanh, normal, 3)
unary("sigmoid", lambda x: 1 / (1 + np.exp(-x)), normal, 3)
unary("softplus", lambda x: np.log1p(np.exp(x)), normal, 3)
unary("erf", erf_series, between(-2, 2), 3)
unary("silu", lambda x: x / (1 + np.exp(-x)), normal, 3)
unary("gelu", lambda x: x * (1 + erf_series(x / np.sqrt(2))) / 2, between(-2, 2), 3)
unary("abs", np.abs, away(0), 2)
unary("relu", lambda x: np.where(x > 0, x, 0.0), away(0), 2)
unary("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x), away(0), 2)
unary("elu", lambda x: np.where(x > 0, x, np.expm1(x)), away(0), 2)
unary("hardtanh", lambda x: np.clip(x, -1, 1), away(-1, 1), 2)
unary("sign", np.sign, away(0), 2)
unary("floor", np.floor, away(-3, -2, -1, 0, 1, 2, 3), 2)
unary("ceil", np.ceil, away(-3, -2, -1, 0, 1, 2, 3), 2)
unary("round", np.round, away(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5), 2)
for name in ("isnan", "isinf", "isfinite", "logical_not"):
    unary(name, getattr(np, name), lambda *size: np.where(normal(*size) > 1, np.nan, normal(*size)), 0)
OPS["gelu tanh"] = Op(lambda x: elementwise.gelu(x, approximate="tanh"), OPS["gelu"].samples, lambda x: x / 2 * (
    1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), 3)
op("clamp", elementwise.clamp, [(around([-0.5, 0.5], 3, 4), {"min": -0.5, "max": 0.5}), (around([0], 5), {"min": 0.0}),
                                (around([0.3], 2, 2), {"max": 0.3}), (np.zeros((0, 2)), {"max": 1.0}), (around([9], 1), {"min": 9.0})],
   lambda x, min=-np.inf, max=np.inf: np.clip(x, min, max))
op("mul_mask", elementwise.mul_mask, [(normal(3, 4), {"mask": normal(3, 4) > 0}), (normal(2, 3, 2), {"mask": normal(2, 1, 1) > 0}),
                                      (np.zeros(0), {"mask": np.zeros(0, bool)}), (normal(1), {"mask": np.array([True])}),
                                      (slanted(normal(2, 3)), {"mask": normal(2, 3) > 0})], lambda x, mask: x * mask)

# -------------------------------------------------------------------------------------------------- two arguments

PAIRS = [((), ()), ((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((0, 3), (3,)), ((2, 1, 3), (4, 1))]


def binary(name, reference, left, right, order):
    samples = [(left(*a), right(*b, seed=1)) for a, b in PAIRS]
    op(name, getattr(elementwise, name), [*samples, (slanted(left(3, 4)), right(3, 4, seed=1))], reference, order)


def nonzero(*size, seed=0):
    return uniform(0.5, 2, *size, seed=seed) * np.where(normal(*size, seed=seed) > 0, 1, -1)


def positive(*size, seed=0):
    return uniform(0.3, 2, *size, seed=seed)


binary("add", np.add, normal, normal, 3)
binary("sub", np.subtract, normal, normal, 3)
binary("mul", np.multiply, normal, normal, 3)
binary("div", np.divide, normal, nonzero, 3)
binary("pow", np.power, positive, normal, 3)
binary("maximum", np.maximum, distinct, lambda *s, seed=0: distinct(*s) * 0.7 + 0.011, 2)
binary("minimum", np.minimum, distinct, lambda *s, seed=0: distinct(*s) * 0.7 + 0.011, 2)
for name, ufunc in (("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("le", np.less_equal), ("gt", np.greater),
                    ("ge", np.greater_equal), ("logical_and", np.logical_and), ("logical_or", np.logical_or)):
    binary(name, ufunc, lambda *s, seed=0: np.round(normal(*s, seed=seed)), lambda *s, seed=0: np.round(normal(*s, seed=seed)), 0)
op("where", elementwise.where, [(normal(*c, seed=5) > 0, normal(*u), normal(*v, seed=1)) for c, u, v in [
    ((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), (3, 4)), ((), (2,), ()), ((0,), (0,), (1,)), ((2, 2), (1,), (2, 1))]], np.where, 3)
op("gate", elementwise.gate, [(normal(3, 4), around([0], 3, 4, seed=1)), (normal(5), np.ones(5)),
                              (np.zeros((0, 2)), np.zeros((0, 2))), (normal(1), np.array([0.5])),
                              (slanted(normal(3, 2)), around([0], 3, 2))], lambda g, opener: g * (opener > 0))
op("prelu", elementwise.prelu, [(around([0], 2, 3, 4), normal(3, 1)), (around([0], 2, 3), normal(1)), (around([0], 4, 2, 2, 3), normal(2, 1, 1)),
                                (np.zeros((0, 3)), normal(3)), (slanted(around([0], 5, 2)), normal(2))],
   lambda x, a: np.where(x > 0, x, x * a))

# ------------------------------------------------------------------------------------------------------ linear algebra

op("matmul", linalg.matmul, [(normal(*a), normal(*b, seed=1)) for a, b in [
    ((3, 4), (4, 5)), ((4,), (4,)), ((2, 3, 4), (4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((3,), (2, 3, 4)), ((2, 3), (3,)), ((0, 3), (3, 2)),
    ((2, 0), (0, 3))]] + [(slanted(normal(3, 4)), slanted(normal(4, 2)))], np.matmul, 3)
op("linear", linalg.linear, [(normal(*a), normal(4, 3, seed=1), normal(4, seed=2)) for a in [
    (3,), (2, 3), (0, 3), (1, 3), (2, 5, 3)]] + [(slanted(normal(5, 3)), slanted(normal(4, 3, seed=1)), normal(4, seed=2))],
   lambda x, w, b: x @ w.T + b, 3)
op("_einsum", lambda *xs, subscripts: linalg.einsum(subscripts, *xs), [
    (normal(2, 3), normal(3, 4, seed=1), {"subscripts": "ij,jk->ik"}), (normal(3, 2), {"subscripts": "ij->j"}),
    (normal(2, 3, 4), {"subscripts": "abc->ca"}), (normal(2, 3), normal(2, 4, seed=1), normal(3, 4, seed=2), {"subscripts": "ab,ac,bc->a"}),
    (normal(2, 3, 4), normal(4, 3, seed=1), {"subscripts": "...bc,cb->..."})],
   lambda *xs, subscripts: np.einsum(subscripts, *xs), 3)

# --------------------------------------------------------------------------------------------------------- reductions

AXES = [((3, 4), {}), ((3, 4), {"axis": -1}), ((2, 3, 4), {"axis": (0, 2)}), ((2, 3, 4), {"axis": 1, "keepdims": True}), ((1,), {"axis": 0}),
        ((2, 1, 3), {"axis": -2})]


def reduction(name, reference, make, order, empty=True, cases=AXES):
    samples = [(make(*size), options) for size, options in cases] + [(slanted(make(3, 4)), {"axis": 0})]
    if empty:
        samples += [(make(0, 3), {"axis": 0}), (make(2, 0), {"axis": 0})]
    op(name, getattr(reduce, name), samples, reference, order)


reduction("sum", np.sum, normal, 3)
reduction("mean", np.mean, normal, 3, empty=False)
reduction("prod", np.prod, nonzero, 3)
reduction("amax", np.max, distinct, 2, empty=False)
reduction("amin", np.min, distinct, 2, empty=False)
reduction("any", np.any, lambda *s: np.round(normal(*s)), 0)
reduction("all", np.all, lambda *s: np.round(normal(*s)), 0)
SINGLE = [((3, 4), {"axis": 1}), ((3, 4), {"axis": -2}), ((2, 3, 4), {"axis": 1, "keepdims": True}), ((1, 5), {"axis": 0}), ((4,), {"axis": 0})]
reduction("argmax", np.argmax, distinct, 0, empty=False, cases=SINGLE)
reduction("argmin", np.argmin, distinct, 0, empty=False, cases=SINGLE)
reduction("logsumexp", lambda x, axis, keepdims=False: np.log(np.exp(x).sum(axis=axis, keepdims=keepdims)), normal, 3, empty=False, cases=SINGLE)
op("var", reduce.var, [(normal(3, 4), {"axis": 1}), (normal(3, 4), {"axis": 0, "correction": 0}), (normal(2, 3, 4), {"axis": (0, 2)}),
                       (normal(5), {}), (slanted(normal(4, 3)), {"axis": -1, "keepdims": True}), (normal(2, 1), {"axis": 1, "correction": 0})],
   lambda x, axis=None, correction=1, keepdims=False: np.var(x, axis=axis, ddof=correction, keepdims=keepdims), 3)
op("cumsum", reduce.cumsum, [(normal(3, 4), {"axis": 1}), (normal(3, 4), {"axis": -2}), (normal(0, 2), {"axis": 0}), (normal(1), {"axis": 0}),
                             (slanted(normal(3, 2)), {"axis": 0})], np.cumsum, 3)


def softmax_of(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


for name, formula in (("softmax", softmax_of), ("log_softmax", lambda x, axis: np.log(softmax_of(x, axis)))):
    op(name, getattr(reduce, name), [(normal(3, 4), {"axis": 1}), (normal(3, 4), {"axis": -2}), (normal(2, 3, 4), {"axis": 1}), (normal(1, 5), {"axis": 0}),
                                     (slanted(normal(3, 2)), {"axis": 0})], formula, 3, rtol=1e-11)

# --------------------------------------------------------------------------------------------------------------- shape

op("reshape", shape.reshape, [(normal(3, 4), {"shape": (2, 6)}), (normal(3, 4), {"shape": (12,)}), (normal(1), {"shape": ()}),
                              (np.zeros((0, 3)), {"shape": (3, 0)}), (slanted(normal(3, 4)), {"shape": (4, 3)})],
   lambda x, shape: x.reshape(shape), 3)
op("transpose", shape.transpose, [(normal(2, 3, 4), {"axes": (2, 0, 1)}), (normal(3, 4), {"axes": (1, 0)}), (normal(2), {"axes": (0,)}),
                                  (np.zeros((0, 3)), {"axes": (1, 0)}), (slanted(normal(3, 2)), {"axes": (1, 0)})],
   lambda x, axes: x.transpose(axes), 3)
op("copy", shape.copy, [normal(3, 4), normal(1), np.zeros((0, 2)), np.array(2.0), slanted(normal(3, 2))], np.copy, 3)
op("flip", shape.flip, [(normal(3, 4), {"axis": 1}), (normal(3, 4), {"axis": (0, 1)}), (normal(1), {"axis": 0}), (np.zeros((0, 3)), {"axis": -1}),
                        (slanted(normal(3, 2)), {"axis": -2})], np.flip, 3)
op("roll", shape.roll, [(normal(3, 4), {"shift": 1, "axis": 1}), (normal(3, 4), {"shift": (2, -1), "axis": (0, 1)}), (normal(5), {"shift": 7, "axis": 0}),
                        (np.zeros((0, 3)), {"shift": 1, "axis": 0}), (slanted(normal(3, 2)), {"shift": -1, "axis": -1})], np.roll, 3)
for name, call, joined in (("concatenate", shape.concatenate, np.concatenate), ("stack", shape.stack, np.stack)):
    op(name, call, [(normal(2, 3), normal(2, 3, seed=1), {"axis": 0}), (normal(2, 3), normal(2, 3, seed=1), normal(2, 3, seed=2), {"axis": -1}),
                    (normal(1), {"axis": 0}), (np.zeros((0, 2)), np.zeros((0, 2)), {"axis": 0}), (slanted(normal(2, 3)), normal(2, 3), {"axis": 1})],
       lambda *xs, axis, joined=joined: joined(xs, axis=axis), 3)
OPS["concatenate"].samples.append(Sample((normal(2, 3), normal(2, 1, seed=1)), {"axis": 1}))
INDICES = [(slice(1, 3),), (slice(None), slice(None, None, -2)), (Ellipsis, None, 1), (np.array([2, 0, 2]),), (slice(None), np.array([[0, 1], [3, 3]])),
           (np.array([True, False, True]),), (slice(0, 0),), (-1,), (np.array([0, 2]), np.array([1, 1]))]
op("getitem", shape.getitem, [(normal(3, 4), {"index": index}) for index in INDICES] + [(slanted(normal(3, 4)), {"index": (1,)})],
   lambda x, index: x[index], 3)


def put_add_loop(g, index, shape):
    out = np.zeros(shape)
    places = np.arange(out.size).reshape(shape)[index]
    for place, value in zip(np.ravel(places), np.ravel(g)):
        out.reshape(-1)[place] += value
    return out


op("put_add", shape.put_add, [(normal(*np.zeros((3, 4))[index].shape), {"index": index, "shape": (3, 4)}) for index in INDICES], put_add_loop, 3)
ALONG = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
op("gather", shape.gather, [(normal(3, 4), {"index": ALONG, "axis": 0}), (normal(2, 5), {"index": ALONG, "axis": 1}), (normal(2, 5), {"index": ALONG[:, :1], "axis": -1}),
                            (normal(3, 4), {"index": ALONG[:0], "axis": 0}), (slanted(normal(3, 4)), {"index": ALONG, "axis": 0})],
   lambda x, index, axis: np.take_along_axis(x[: index.shape[0]] if axis else x[:, : index.shape[1]], index, axis), 3)


def scatter_loop(g, index, axis, shape):
    out = np.zeros(shape)
    for place in np.ndindex(*index.shape):
        target = list(place)
        target[axis] = index[place]
        out[tuple(target)] += g[place]
    return out


op("scatter_add_along", shape.scatter_add_along, [
    (normal(2, 4), {"index": ALONG, "axis": 0, "shape": (3, 4)}), (normal(2, 4), {"index": ALONG, "axis": 1, "shape": (2, 5)}),
    (normal(2, 1), {"index": ALONG[:, :1], "axis": -1, "shape": (2, 5)}), (normal(0, 4), {"index": ALONG[:0], "axis": 0, "shape": (3, 4)}),
    (slanted(normal(2, 4)), {"index": ALONG, "axis": 0, "shape": (3, 4)})], scatter_loop, 3)
PICKED = np.array([2, 0, 2])
op("take", shape.take, [(normal(3, 4), {"index": PICKED, "axis": 0}), (normal(2, 4), {"index": PICKED, "axis": 1}), (normal(3), {"index": PICKED, "axis": -1}),
                        (normal(3, 2), {"index": PICKED[:0], "axis": 0}), (slanted(normal(3, 4)), {"index": PICKED, "axis": 0})], lambda x, index, axis: np.take(x, index, axis), 3)


def take_add_loop(g, index, axis, size):
    out = np.zeros(g.shape[:axis % g.ndim] + (size,) + g.shape[axis % g.ndim + 1:])
    for k, place in enumerate(index):
        np.moveaxis(out, axis, 0)[place] += np.moveaxis(g, axis, 0)[k]
    return out


op("take_add", shape.take_add, [(normal(3, 4), {"index": PICKED, "axis": 0, "size": 5}), (normal(2, 3), {"index": PICKED, "axis": 1, "size": 4}),
                                (normal(3), {"index": PICKED, "axis": -1, "size": 3}), (normal(0, 2), {"index": PICKED[:0], "axis": 0, "size": 3}),
                                (slanted(normal(3, 2)), {"index": PICKED, "axis": 0, "size": 3})], take_add_loop, 3)
WIDTHS = [((3, 4), ((1, 2), (0, 1))), ((2,), ((0, 0),)), ((2, 1, 3), ((0, 1), (2, 0), (0, 0))), ((0, 2), ((1, 1), (0, 0)))]
op("pad_zeros", shape.pad_zeros, [(normal(*size), {"widths": widths}) for size, widths in WIDTHS] + [(slanted(normal(2, 3)), {"widths": ((1, 0), (0, 2))})],
   lambda x, widths: np.pad(x, widths), 3)
op("crop", shape.crop, [(normal(*(n + a + b for n, (a, b) in zip(size, widths))), {"widths": widths}) for size, widths in WIDTHS]
   + [(slanted(normal(3, 5)), {"widths": ((1, 0), (0, 2))})],
   lambda x, widths: x[tuple(slice(a, n - b) for n, (a, b) in zip(x.shape, widths))], 3)

op("sum_to", autograd.sum_to, [(normal(3, 4), {"shape": (4,)}), (normal(3, 4), {"shape": (3, 1)}), (normal(2, 3), {"shape": ()}), (normal(2, 1, 3), {"shape": (1, 3)}),
                               (np.zeros((0, 2)), {"shape": (2,)}), (slanted(normal(2, 3)), {"shape": (1, 3)})],
   lambda x, shape: x.reshape((1,) * 9 + x.shape).sum(axis=tuple(i for i, (m, n) in enumerate(zip((1,) * 9 + x.shape, (1,) * (9 + x.ndim - len(shape)) + shape)) if n == 1),
                                                    keepdims=True).reshape(shape), 3)
op("broadcast_to", autograd.broadcast_to, [(normal(4), {"shape": (3, 4)}), (normal(3, 1), {"shape": (3, 2)}), (np.array(2.0), {"shape": (2, 2)}), (normal(1), {"shape": (0,)}),
                                           (slanted(normal(3, 2)), {"shape": (2, 3, 2)})], np.broadcast_to, 3)

# -------------------------------------------------------------------------------------------- convolution and pooling

GEOMETRY = [  # n, c, h, w, f, kernel, stride, padding, dilation, groups
    (2, 3, 5, 6, 4, (3, 3), (1, 1), (1, 1), (1, 1), 1), (1, 4, 6, 5, 6, (3, 2), (2, 1), (0, 1), (1, 2), 2), (2, 2, 4, 4, 3, (1, 1), (2, 2), (0, 0), (1, 1), 1),
    (1, 3, 5, 7, 3, (2, 3), (1, 2), (1, 2), (2, 1), 3), (1, 1, 1, 1, 1, (1, 1), (1, 1), (0, 0), (1, 1), 1), (0, 2, 4, 4, 2, (3, 3), (1, 1), (1, 1), (1, 1), 1)]


def geometry(g):
    n, c, h, w, f, kernel, stride, padding, dilation, groups = g
    out = tuple((m + 2 * p - d * (k - 1) - 1) // s + 1 for m, p, d, k, s in zip((h, w), padding, dilation, kernel, stride))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return (n, c, h, w), (f, c // groups, *kernel), (n, f, *out), options, groups


def conv_samples():
    for g in GEOMETRY:
        yield geometry(g)


op("conv2d", conv.conv2d, [(normal(*x), normal(*w, seed=1), {**o, "groups": k}) for x, w, u, o, k in conv_samples()], conv2d_loops, 3, rtol=1e-11)
op("conv2d_input", conv.conv2d_input, [(normal(*u), normal(*w, seed=1), {**o, "groups": k, "input_size": x[2:]}) for x, w, u, o, k in conv_samples()], None, 3)
op("conv2d_weight", conv.conv2d_weight, [(normal(*x), normal(*u, seed=1), {**o, "groups": k, "kernel_size": w[2:]}) for x, w, u, o, k in conv_samples()], None, 3)
op("im2col", columns.im2col, [(normal(*x), {**o, "kernel": w[2:]}) for x, w, u, o, k in conv_samples()], unfold_loops, 3)
op("col2im", columns.col2im, [(normal(x[0], x[1], *w[2:], *u[2:]), {**o, "size": x[2:]}) for x, w, u, o, k in conv_samples()], fold_loops, 3)
POOLS = [((2, 3, 5, 6), (3, 2), (2, 1), (1, 0), (1, 1), False), ((1, 2, 6, 6), (2, 2), (2, 2), (0, 0), (1, 1), False), ((1, 1, 5, 5), (3, 3), (2, 2), (1, 1), (1, 1), True),
         ((2, 1, 7, 4), (2, 2), (1, 1), (0, 1), (2, 1), False), ((1, 2, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1), False)]
op("max_pool2d", lambda x, **o: pool.max_pool2d(x, **o), [(distinct(*x), {"kernel": k, "stride": s, "padding": p, "dilation": d, "ceil_mode": c}) for x, k, s, p, d, c in POOLS],
   lambda x, **o: pool_loops(x, np.max, -np.inf, **o), 2)
op("window_sums", pool.window_sums, [(normal(*x), {"kernel": k, "stride": s, "padding": p, "ceil_mode": c}) for x, k, s, p, d, c in POOLS if d == (1, 1)],
   lambda x, **o: pool_loops(x, np.sum, 0.0, dilation=(1, 1), **o), 3)


def window_spread_samples():
    for entry in OPS["window_sums"].samples:
        out = pool_loops(entry.arrays[0], np.sum, 0.0, dilation=(1, 1), **entry.options)
        yield normal(*out.shape, seed=3), {**entry.options, "size": entry.arrays[0].shape[2:]}


op("window_spread", pool.window_spread, list(window_spread_samples()), None, 3)
FLAT = np.array([[[[0, 5], [7, 2]]]])
op("pick", pool.pick, [(normal(1, 1, 3, 3), {"index": FLAT}), (normal(2, 3, 2, 4), {"index": np.random.default_rng(0).integers(8, size=(2, 3, 2, 2))})],
   lambda x, index: np.take_along_axis(x.reshape(*x.shape[:2], -1), index.reshape(*index.shape[:2], -1), 2).reshape(index.shape), 3)


def spread_loop(u, index, size):
    out = np.zeros((*u.shape[:2], *size))
    for place in np.ndindex(*u.shape):
        out[place[0], place[1]].reshape(-1)[index[place]] += u[place]
    return out


op("spread", pool.spread, [(normal(1, 1, 2, 2), {"index": FLAT, "size": (3, 3)}),
                           (normal(2, 3, 2, 2), {"index": np.random.default_rng(0).integers(8, size=(2, 3, 2, 2)), "size": (2, 4)})], spread_loop, 3)


def normalize_formula(x, weight, bias, axes, eps, stats=None):
    mean, var = (x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True))
    return (x - mean) / np.sqrt(var + eps) * weight + bias


def normalized(primitive):
    """The primitive with the moments that it wants beside x."""
    return lambda x, w, b, axes, eps: primitive(x, w, b, axes=axes, eps=eps, stats=normalize.moments(autograd.raw(x), axes))


NORMALIZED = [
    (normal(4, 3, 2, 5), normal(1, 3, 1, 1, seed=1), normal(1, 3, 1, 1, seed=2), {"axes": (0, 2, 3), "eps": 1e-5}),
    (normal(4, 6), normal(1, 6, seed=1), normal(1, 6, seed=2), {"axes": (1,), "eps": 1e-3}),
    (normal(2, 3, 4), normal(1, 3, 4, seed=1), normal(1, 3, 4, seed=2), {"axes": (1, 2), "eps": 1e-5}),
    (normal(5, 2), normal(1, 2, seed=1), normal(1, 2, seed=2), {"axes": (0,), "eps": 0.1}),
    (slanted(normal(5, 3)), normal(1, 3, seed=1), normal(1, 3, seed=2), {"axes": (0,), "eps": 1e-5})]
op("normalize", normalized(normalize.normalize), NORMALIZED, normalize_formula, 2, rtol=1e-10)
op("normalize_relu", normalized(normalize.normalize_relu), NORMALIZED, lambda *args, **kw: np.maximum(normalize_formula(*args, **kw), 0), 2,
   rtol=1e-10)

def frozen(x, w, b, centre, root):
    """Constants in the dtype of x, as batch norm keeps them."""
    dtype = autograd.raw(x).dtype
    return normalize.frozen_normalize(x, w, b, centre=centre.astype(dtype), root=root.astype(dtype))


op("frozen_normalize", frozen, [
    (normal(4, 3, 2, 5), normal(1, 3, 1, 1, seed=1), normal(1, 3, 1, 1, seed=2), {"centre": normal(1, 3, 1, 1, seed=3), "root": positive(1, 3, 1, 1)}),
    (normal(4, 3), normal(1, 3, seed=1), normal(1, 3, seed=2), {"centre": normal(1, 3, seed=3), "root": positive(1, 3)})],
   lambda x, w, b, centre, root: (x - centre) * root * w + b, 2, rtol=1e-10)

# ------------------------------------------------------------------------------------------------ nn.functional

def functional(name, samples, reference=None, order=2, call=None, rtol=1e-11):
    op(f"F.{name}", call or getattr(F, name), samples, reference, order, rtol)


IMAGE = (2, 4, 5, 6)
for name, points, formula in (
        ("relu", (0,), lambda x: np.maximum(x, 0)), ("relu6", (0, 6), lambda x: np.clip(x, 0, 6)), ("leaky_relu", (0,), lambda x: np.where(x > 0, x, 0.01 * x)),
        ("elu", (0,), lambda x: np.where(x > 0, x, np.expm1(x))), ("hardtanh", (-1, 1), lambda x: np.clip(x, -1, 1)),
        ("hardsigmoid", (-3, 3), lambda x: np.clip(x / 6 + 0.5, 0, 1)), ("hardswish", (-3, 3), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        ("selu", (0,), lambda x: 1.0507009873554804934193349852946 * np.where(x > 0, x, 1.6732632423543772848170429916717 * np.expm1(x)))):
    functional(name, [around(points, 3, 4), around(points, *IMAGE) * 2, around(points, 1), np.zeros((0, 2)), slanted(around(points, 4, 3))], formula)
for name, formula in (
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))), ("logsigmoid", lambda x: -np.log1p(np.exp(-x))), ("tanh", np.tanh), ("silu", lambda x: x / (1 + np.exp(-x))),
        ("softplus", lambda x: np.log1p(np.exp(x))), ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))), ("gelu", lambda x: x * (1 + erf_series(x / np.sqrt(2))) / 2)):
    functional(name, [normal(3, 4), normal(2, 3, 2, 2), normal(1), np.zeros((0, 2)), slanted(normal(4, 3))], formula, 3)
functional("prelu", [(around([0], 2, 3, 4), normal(3)), (around([0], 2, 3), normal(1)), (np.zeros((0, 2)), normal(2))],
           lambda x, a: np.where(x > 0, x, x * a.reshape((1, -1) + (1,) * (x.ndim - 2))))
for name in ("softmax", "log_softmax"):
    functional(name, [(normal(3, 4), {"dim": 1}), (normal(2, 3, 4), {"dim": -2}), (normal(1, 5), {"dim": 0}), (slanted(normal(4, 3)), {"dim": 1})],
               lambda x, dim, name=name: OPS[name].reference(x, dim), 3)
functional("normalize", [(nonzero(3, 4), {}), (nonzero(2, 3, 4), {"dim": 2}), (nonzero(3, 4), {"p": 1.0, "dim": 0}), (slanted(nonzero(3, 4)), {"dim": -1})],
           lambda x, p=2.0, dim=1: x / (abs(x) ** p).sum(axis=dim, keepdims=True) ** (1 / p))
functional("dropout", [(normal(3, 4), {"p": 0.3, "training": False}), (normal(3, 4), {"p": 0.0}), (normal(2, 3), {"p": 1.0}), (np.zeros((0, 3)), {"p": 0.5})],
           lambda x, p, training=True: x * 0 if p == 1 else x)
functional("dropout2d", [(normal(2, 3, 4, 4), {"p": 0.3, "training": False}), (normal(2, 3, 2, 2), {"p": 1.0})], lambda x, p, training=True: x * 0 if p == 1 else x)


def biased(x, w, b, **options):
    pair = {k: v if isinstance(v, tuple) else (v, v) for k, v in options.items() if k != "groups"}
    pair = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), **pair, "groups": options.get("groups", 1)}
    return conv2d_loops(x, w, **pair) + b.reshape(1, -1, 1, 1)


functional("conv2d", [(normal(2, 4, 5, 6), normal(6, 2, 3, 3, seed=1), normal(6, seed=2), {"stride": 2, "padding": (1, 0), "groups": 2}),
                      (normal(1, 3, 7, 5), normal(4, 3, 3, 1, seed=1), normal(4, seed=2), {"dilation": (2, 1)}),
                      (normal(2, 3, 4, 4), normal(3, 1, 2, 2, seed=1), normal(3, seed=2), {"groups": 3})], biased, 3)
functional("conv1d", [(normal(2, 4, 7), normal(6, 2, 3, seed=1), normal(6, seed=2), {"stride": 2, "padding": 1, "groups": 2}),
                      (normal(1, 3, 6), normal(2, 3, 2, seed=1), normal(2, seed=2), {"dilation": 2})],
           lambda x, w, b, stride=1, padding=0, dilation=1, groups=1: conv2d_loops(
               x[:, :, None], w[:, :, None], stride=(1, stride), padding=(0, padding), dilation=(1, dilation), groups=groups)[:, :, 0] + b[:, None], 3)
functional("conv_transpose2d", [(normal(2, 4, 3, 4), normal(4, 3, 3, 2, seed=1), normal(6, seed=2), {"stride": 2, "padding": (1, 0), "output_padding": 1, "groups": 2}),
                                (normal(1, 2, 3, 3), normal(2, 3, 2, 2, seed=1), normal(3, seed=2), {"dilation": 2})], None, 3)
functional("conv_transpose1d", [(normal(2, 4, 3), normal(4, 3, 3, seed=1), normal(6, seed=2), {"stride": 2, "padding": 1, "groups": 2})], None, 3)
functional("unfold", [(normal(2, 3, 5, 6), {"kernel_size": (3, 2), "stride": (2, 1), "padding": 1}), (normal(1, 1, 4, 4), {"kernel_size": 2, "dilation": 2})], None, 3)
functional("fold", [(normal(2, 18, 6), {"output_size": (4, 3), "kernel_size": (3, 2), "padding": (1, 0), "stride": (1, 1)} | {"output_size": (3, 3)})], None, 3)
functional("linear", [(normal(2, 3), normal(4, 3, seed=1), normal(4, seed=2)), (normal(2, 5, 3), normal(4, 3, seed=1), normal(4, seed=2)), (normal(0, 3), normal(2, 3), normal(2)),
                      (normal(3), normal(4, 3, seed=1), normal(4, seed=2))], lambda x, w, b: x @ w.T + b, 3)
functional("bilinear", [(normal(3, 2), normal(3, 4, seed=1), normal(5, 2, 4, seed=2), normal(5, seed=3))], lambda x, y, w, b: np.einsum("na,kab,nb->nk", x, w, y) + b, 3)
functional("embedding", [(np.array([[0, 2], [2, 1]]), normal(4, 3)), (np.array([], dtype=int), normal(2, 3))], lambda i, w: w[i], 3)
functional("one_hot", [(np.array([0, 2, 1]), {"num_classes": 4}), (np.array([[1, 0]]), {})], lambda i, num_classes=None: np.eye(num_classes or i.max() + 1)[i], 0)


def attention(q, k, v, is_causal=False, scale=None):
    scores = q @ k.swapaxes(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    return softmax_of(scores, -1) @ v


functional("scaled_dot_product_attention", [(normal(2, 3, 4), normal(2, 5, 4, seed=1), normal(2, 5, 6, seed=2)), (normal(2, 2, 3, 4), normal(2, 2, 3, 4, seed=1), normal(2, 2, 3, 4, seed=2),
                                                                                                                 {"is_causal": True}), (normal(3, 4), normal(2, 4, seed=1), normal(2, 1, seed=2), {"scale": 0.3})],
           attention)
functional("cosine_similarity", [(nonzero(3, 4), nonzero(3, 4, seed=1)), (nonzero(2, 3, 4), nonzero(2, 3, 4, seed=1), {"dim": -1})],
           lambda a, b, dim=1: (a * b).sum(axis=dim) / np.sqrt((a * a).sum(axis=dim) * (b * b).sum(axis=dim)))

REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def loss(name, samples, formula, order=2):
    """An entrywise loss in its three reductions."""
    functional(name, [(*s, {"reduction": r}) for s in samples for r in REDUCTIONS], lambda x, y, reduction: REDUCTIONS[reduction](formula(x, y)), order)


FLOATS = [(normal(3, 4), normal(3, 4, seed=1) + 5), (normal(2, 3, 2), normal(2, 3, 2, seed=1) + 0.3), (normal(1), normal(1, seed=1) - 4)]
loss("mse_loss", FLOATS, lambda x, y: (x - y) ** 2, 3)
loss("l1_loss", FLOATS, lambda x, y: abs(x - y))
for name in ("smooth_l1_loss", "huber_loss"):
    loss(name, FLOATS, lambda x, y: np.where(abs(x - y) < 1, (x - y) ** 2 / 2, abs(x - y) - 0.5))
loss("binary_cross_entropy", [(uniform(0.1, 0.9, 3, 4), uniform(0, 1, 3, 4, seed=1))], lambda x, y: -y * np.log(x) - (1 - y) * np.log(1 - x))
loss("binary_cross_entropy_with_logits", [(normal(3, 4), uniform(0, 1, 3, 4, seed=1)), (normal(5), np.ones(5))], lambda x, y: np.log1p(np.exp(x)) - x * y)
loss("kl_div", [(np.log(uniform(0.1, 1, 3, 4)), uniform(0.1, 1, 3, 4, seed=1))], lambda x, y: y * (np.log(y) - x))


def nll(x, y, reduction="mean", ignore_index=-100):
    kept = y != ignore_index
    picked = -np.take_along_axis(x, np.where(kept, y, 0)[:, None], 1)[:, 0] * kept
    return {"mean": picked.sum() / kept.sum(), "sum": picked.sum(), "none": picked}[reduction]


def smoothed_cross_entropy(x, y, reduction="mean", label_smoothing=0.0, ignore_index=-100):
    logs = np.log(softmax_of(x, 1))
    e = label_smoothing
    return (1 - e) * nll(logs, y, reduction, ignore_index) - (e and e * logs.mean(axis=1).mean())


LABELS = np.array([1, 0, 3, 3])
functional("nll_loss", [(np.log(uniform(0.1, 1, 4, 5)), LABELS, {"reduction": r}) for r in REDUCTIONS] + [(normal(4, 5), LABELS, {"ignore_index": 3})], nll)
functional("cross_entropy", [(normal(4, 5), LABELS, {"reduction": r}) for r in REDUCTIONS] + [(normal(4, 5), LABELS, {"ignore_index": 3}), (normal(4, 5) * 3, LABELS, {"label_smoothing": 0.1})],
           smoothed_cross_entropy, 3)


def batch_norm(x, w, b, **options):
    axes = (0, *range(2, x.ndim))
    tail = (1, -1) + (1,) * (x.ndim - 2)
    return normalize_formula(x, w.reshape(tail), b.reshape(tail), axes, options.get("eps", 1e-5))


functional("batch_norm", [(normal(4, 3, 2, 3), normal(3, seed=1), normal(3, seed=2)), (normal(5, 2), normal(2, seed=1), normal(2, seed=2)), (normal(2, 3, 4), normal(3, seed=1), normal(3, seed=2))],
           batch_norm, 2, call=lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), rtol=1e-10)
functional("layer_norm", [(normal(3, 4), normal(4, seed=1), normal(4, seed=2)), (normal(2, 3, 4), normal(4, seed=1), normal(4, seed=2))],
           lambda x, w, b: normalize_formula(x, w, b, -1, 1e-5), 2, call=lambda x, w, b: F.layer_norm(x, (x.shape[-1],), w, b), rtol=1e-10)


def grouped(x, w, b, groups):
    y = x.reshape(x.shape[0], groups, -1)
    y = ((y - y.mean(axis=2, keepdims=True)) / np.sqrt(y.var(axis=2, keepdims=True) + 1e-5)).reshape(x.shape)
    tail = (1, -1) + (1,) * (x.ndim - 2)
    return y * w.reshape(tail) + b.reshape(tail)


functional("group_norm", [(normal(2, 4, 3, 2), normal(4, seed=1), normal(4, seed=2))], lambda x, w, b: grouped(x, w, b, 2), 2,
           call=lambda x, w, b: F.group_norm(x, 2, w, b), rtol=1e-10)
functional("instance_norm", [(normal(2, 3, 4, 3), normal(3, seed=1), normal(3, seed=2))], lambda x, w, b: grouped(x, w, b, 3), 2,
           call=lambda x, w, b: F.instance_norm(x, weight=w, bias=b), rtol=1e-10)


def lrn(x, size, alpha=1e-4, beta=0.75, k=1.0):
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        window = x[:, max(0, c - size // 2): c + (size - 1) // 2 + 1]
        out[:, c] = x[:, c] / (k + alpha / size * (window**2).sum(axis=1)) ** beta
    return out


functional("local_response_norm", [(normal(2, 6, 3), {"size": 5, "alpha": 0.5}), (normal(1, 4, 2, 3), {"size": 2, "alpha": 1.0, "beta": 0.5, "k": 2.0})], lrn)

for name, function, fill in (("max_pool2d", np.max, -np.inf), ("avg_pool2d", np.mean, 0.0)):
    functional(name, [(distinct(2, 3, 5, 6), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}), (distinct(1, 2, 6, 6), {"kernel_size": 2}),
                      (distinct(1, 1, 1, 1), {"kernel_size": 1})],
               lambda x, kernel_size, stride=None, padding=0, function=function, fill=fill: pool_loops(
                   x, function, fill, *(v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride or kernel_size, padding)), (1, 1), False))
for name, function in (("max_pool1d", np.max), ("avg_pool1d", np.mean)):
    functional(name, [(distinct(2, 3, 7), {"kernel_size": 3, "stride": 2}), (distinct(1, 2, 4), {"kernel_size": 2})],
               lambda x, kernel_size, stride=None, function=function: pool_loops(
                   x[:, :, None], function, 0.0, (1, kernel_size), (1, stride or kernel_size), (0, 0), (1, 1), False)[:, :, 0])


def adaptive(x, output_size, function):
    out = np.empty((*x.shape[:2], *output_size))
    for i, j in np.ndindex(*output_size):
        rows, cols = ((n * k // m, -(-n * (k + 1) // m)) for k, n, m in zip((i, j), x.shape[2:], output_size))
        out[:, :, i, j] = function(x[:, :, slice(*rows), slice(*cols)], axis=(2, 3))
    return out


for name, function in (("avg", np.mean), ("max", np.max)):
    functional(f"adaptive_{name}_pool2d", [(distinct(2, 3, 5, 7), {"output_size": (2, 3)}), (distinct(1, 2, 4, 4), {"output_size": (1, 1)}), (distinct(1, 1, 3, 3), {"output_size": (5, 2)})],
               lambda x, output_size, function=function: adaptive(x, output_size, function))
    functional(f"adaptive_{name}_pool1d", [(distinct(2, 3, 7), {"output_size": 3})],
               lambda x, output_size, function=function: adaptive(x[:, :, None], (1, output_size), function)[:, :, 0])
for name in ("interpolate", "upsample"):
    functional(name, [(normal(2, 3, 3, 4), {"size": (5, 6), "mode": "bilinear", "align_corners": False}), (normal(1, 2, 4, 3), {"size": (2, 7), "mode": "bilinear", "align_corners": True}),
                      (normal(1, 2, 3, 3), {"scale_factor": 2, "mode": "nearest"})], resize_loops, 2)
functional("affine_grid", [(normal(2, 2, 3), {"size": (2, 1, 3, 4)}), (normal(1, 2, 3), {"size": (1, 2, 2, 5), "align_corners": True})], None, 3)
GRID = uniform(-1.2, 1.2, 2, 3, 4, 2)
functional("grid_sample", [(normal(2, 3, 5, 6), GRID, {"align_corners": a, "padding_mode": p}) for a in (True, False) for p in ("zeros", "border")], grid_sample_loops)
functional("pixel_shuffle", [(normal(2, 8, 3, 2), {"upscale_factor": 2})], lambda x, upscale_factor: x.reshape(2, 2, 2, 2, 3, 2).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 6, 4), 3)
functional("pixel_unshuffle", [(normal(2, 2, 6, 4), {"downscale_factor": 2})], lambda x, downscale_factor: x.reshape(2, 2, 3, 2, 2, 2).transpose(0, 1, 3, 5, 2, 4).reshape(2, 8, 3, 2), 3)
functional("pad", [(normal(2, 3), {"pad": (1, 2)}), (normal(2, 2, 3, 4), {"pad": (1, 0, 2, 1), "mode": "reflect"}), (normal(1, 2, 3, 3), {"pad": (1, 1, 0, 2), "mode": "replicate"}),
                   (normal(1, 1, 3, 4), {"pad": (2, 1, 1, 1), "mode": "circular"}), (normal(3, 4), {"pad": (-1, 1, 0, -1)})], None, 3)

# move changes the device, spread_windows needs the indices of a pooling: tests/test_device.py,
# tests/kernels/test_pool_kernels.py and the entries of cross_entropy check them.
ELSEWHERE = {"move", "spread_windows"}
