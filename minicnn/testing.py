"""Checks that a derivative rule is right: against differences, at any order, and exactly for linear maps.

All checks run in float64. A central difference (f(x+h) - f(x-h)) / 2h has an error of about h^2 f''' / 6 + eps |f| / h,
which is least near h = eps^(1/3), about 6e-6 times max(1, |x|): some ten digits are right there.
"""

import inspect
import math

import numpy as np

from .autograd import enable_grad, no_grad, raw
from .derivatives import grad, jvp, vjp
from .errors import InputError
from .tensor import Tensor

__all__ = ["check_grads", "check_adjoint", "check_jvp", "GradientMismatch"]


class GradientMismatch(AssertionError):
    """A derivative rule and the differences of its function disagree; says where and by how much."""


def _as_float64(function, arrays):
    for i, a in enumerate(arrays):
        if np.asarray(raw(a)).dtype.kind != "f":
            raise InputError(function, f"argument {i}", "an array of floating-point numbers", np.asarray(raw(a)).dtype)
    return [np.array(raw(a), dtype=np.float64) for a in arrays]


def _scalar_of(f, cotangent):
    """x -> <cotangent, f(x)>, a plain number, without recording."""

    def value(arrays):
        with no_grad():
            y = f(*[Tensor._make(a.copy()) for a in arrays])
        return math.fsum((np.asarray(raw(y), dtype=np.float64) * cotangent).ravel())

    return value


def _along(value, arrays, k, direction):
    """t -> the value with t * direction added to argument k."""

    def at(t):
        moved = list(arrays)
        moved[k] = arrays[k] + t * direction
        return value(moved)

    return at


def _rounding(values, h):
    """How far rounding may move a difference quotient of these values over h."""
    return 8 * np.finfo(np.float64).eps * max(*map(abs, values), 1e-300) / h


def _difference(at, h):
    """(derivative of `at` at 0, noise floor): a central difference, with one of half the step to gain two orders in h."""
    plus, minus = at(h), at(-h)
    slope, half = (plus - minus) / (2 * h), (at(h / 2) - at(-h / 2)) / h
    return (4 * half - slope) / 3, _rounding((plus, minus), h) + abs(half - slope) / 3


def _has_kink(at, h):
    """Whether `at` seems to have a kink between -h and h.

    The slopes to the right and to the left differ by t f'' over a step t if f is smooth, so half the step halves the gap.
    A kink makes a gap that does not shrink with the step, or is gone as soon as the kink lies beyond it.
    """
    values = {t: at(t) for t in (0.0, h, -h, h / 2, -h / 2, h / 4, -h / 4)}
    gap = {t: (values[t] - 2 * values[0.0] + values[-t]) / t for t in (h, h / 2, h / 4)}
    slack = 0.3 * abs(gap[h]) + 16 * _rounding(values.values(), h)
    return any(abs(gap[h] - n * gap[h / n]) > slack for n in (2, 4))


def _argument(f, k):
    """'argument 1 (w)', or without the name where f does not tell."""
    try:
        names = [p.name for p in inspect.signature(f).parameters.values() if p.kind != p.VAR_POSITIONAL]
    except (ValueError, TypeError):
        names = []
    return f"argument {k} ({names[k]})" if k < len(names) else f"argument {k}"


def _entries(shape, count, rng):
    """At most `count` different entries of an array, as index tuples."""
    size = math.prod(shape)
    chosen = range(size) if size <= count else sorted(rng.choice(size, count, replace=False))
    return [np.unravel_index(i, shape) for i in chosen]


def check_grads(f, *arrays, order=1, rtol=1e-6, atol=1e-8, entries=16, seed=0, name=None):
    """Compare f's derivatives, up to `order`, with central differences; raise GradientMismatch where they disagree.

    f takes tensors and returns one tensor; `arrays` are its float64 arguments. Checked are one random direction over
    each argument and up to `entries` single entries, for a random cotangent. Order n checks the gradient function,
    itself built by create_graph, at order n - 1. The tolerance is atol + rtol |expected| + the noise floor of the
    difference, and a kink within the step is reported as such: move the sample away from it.
    """
    arrays = _as_float64("check_grads", arrays)
    name = name or getattr(f, "__name__", "f")
    rng = np.random.default_rng(seed)
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    y = f(*leaves)
    if not isinstance(y, Tensor):
        raise InputError("check_grads", "f", "a function that returns one tensor", type(y).__name__)
    cotangent = rng.normal(size=y.shape)
    if not y.requires_grad:
        found = [None] * len(leaves)
    else:
        found = grad(y, leaves, Tensor(cotangent), create_graph=order > 1, allow_unused=True)
    value = _scalar_of(f, cotangent)
    for k, (a, g) in enumerate(zip(arrays, found)):
        g = np.zeros_like(a) if g is None else np.asarray(raw(g))
        if g.shape != a.shape or g.dtype != np.float64:
            raise GradientMismatch(f"{name}: the gradient of argument {k} has {g.dtype} {g.shape}, expected float64 {a.shape}")
        if a.size == 0:
            continue
        h = 6e-6 * max(1.0, float(np.abs(a).max()))
        unit = rng.normal(size=a.shape)
        unit /= np.linalg.norm(unit)
        probes = []  # the single entries come first: an error can then name one
        for index in _entries(a.shape, entries, rng):
            one = np.zeros_like(a)
            one[index] = 1.0
            probes.append((f"at entry {tuple(int(i) for i in index)}", one))
        for where, direction in [*probes, ("along a random direction", unit)]:
            at = _along(value, arrays, k, direction)
            expected, noise = _difference(at, h)
            got = float((g * direction).sum())
            if not abs(got - expected) <= atol + rtol * abs(expected) + noise:
                reason = "; a kink lies within the step, so move the sample away from it" if _has_kink(at, h) else ""
                raise GradientMismatch(
                    f"{name}: derivative of {_argument(f, k)} {where} (order {order}): rule {got:.12g}, difference "
                    f"{expected:.12g}, noise floor {noise:.1e}{reason}"
                )
    if order > 1:
        _check_next_order(f, arrays, cotangent, found, order, rtol, atol, entries, seed, name)


def _check_next_order(f, arrays, cotangent, found, order, rtol, atol, entries, seed, name):
    """Check the function (x, cotangent) -> gradients of f, which create_graph makes differentiable."""
    for k, g in enumerate(found):
        if g is None or g.size == 0:
            continue

        def gradient(*tensors, k=k):
            *xs, c = tensors
            xs = [x if x.requires_grad else x.detach().requires_grad_() for x in xs]
            y = f(*xs)
            result = grad(y, xs[k], c, create_graph=True, allow_unused=True)[0] if y.requires_grad else None
            return xs[k] * 0 if result is None else result

        def recorded(*tensors, gradient=gradient):
            from_leaves = [t if t.requires_grad else t.detach().requires_grad_() for t in tensors]
            return gradient(*from_leaves)

        check_grads(_with_recording(recorded), *arrays, cotangent, order=order - 1, rtol=rtol * 10, atol=atol * 10,
                    entries=entries, seed=seed + 1, name=f"gradient of {name} by argument {k}")


def _with_recording(f):
    """f, run with recording on even inside no_grad (a gradient function needs its graph to compute anything)."""
    def run(*tensors):
        with enable_grad():
            return f(*tensors)

    return run


def check_adjoint(forward, adjoint, x, g, rtol=1e-12):
    """<forward(x), g> = <x, adjoint(g)> to rounding, for a linear map and its adjoint on arrays or tensors."""
    y, back = np.asarray(raw(forward(x))), np.asarray(raw(adjoint(g)))
    x, g = np.asarray(raw(x)), np.asarray(raw(g))
    if y.shape != g.shape or back.shape != x.shape:
        raise GradientMismatch(f"shapes: forward gives {y.shape} for a cotangent {g.shape}, adjoint {back.shape} for {x.shape}")
    left, right = math.fsum((y * g).ravel()), math.fsum((x * back).ravel())
    scale = math.fsum(np.abs(y * g).ravel()) + math.fsum(np.abs(x * back).ravel())
    if not abs(left - right) <= rtol * scale + 1e-300:
        raise GradientMismatch(f"<Ax, g> = {left!r} but <x, A'g> = {right!r}, relative difference {abs(left - right) / scale:.1e}")


def check_jvp(f, *arrays, rtol=1e-10, seed=0):
    """<g, J v> = <J'g, v> for random g and v: forward and reverse derivatives of f agree."""
    arrays = _as_float64("check_jvp", arrays)
    rng = np.random.default_rng(seed)
    xs, vs = [Tensor(a) for a in arrays], [Tensor(rng.normal(size=a.shape)) for a in arrays]
    y, forward = jvp(f, xs, vs)
    g = Tensor(rng.normal(size=y.shape))
    _, pullback = vjp(f, *xs)
    left = float((g * forward).sum())
    products = [float((p * v).sum()) for p, v in zip(pullback(g), vs)]
    right = math.fsum(products)
    scale = float((g * forward).abs().sum()) + sum(map(abs, products)) + 1e-300
    if not abs(left - right) <= rtol * scale:
        raise GradientMismatch(f"<g, Jv> = {left!r} but <J'g, v> = {right!r}, relative difference {abs(left - right) / scale:.1e}")
