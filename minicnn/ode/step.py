"""One Runge-Kutta step, and the curve between its ends."""

from ..autograd import primitive
from ..tensor import Tensor

__all__ = ["combination", "advance", "take_step", "interpolate"]


@primitive
def combination(*xs, weights):
    """w_1 x_1 + ... + w_n x_n, for plain numbers w: one node of the graph that keeps nothing alive."""
    total = xs[0] * weights[0]
    for x, w in zip(xs[1:], weights[1:]):
        total += w * x
    return total


combination.defvjp_each(lambda g, i, weights: g * weights[i])


def advance(y, h, slopes, weights):
    """y + h sum_i w_i k_i. h: a number, or a tensor if a gradient is wanted by the times."""
    used = [(k, float(w)) for k, w in zip(slopes, weights) if w != 0]
    slopes, weights = [k for k, _ in used], [w for _, w in used]
    if isinstance(h, Tensor):
        return y + h.to(y.dtype) * combination(*slopes, weights=weights)
    return combination(y, *slopes, weights=[1.0, *(h * w for w in weights)])


def take_step(problem, tableau, t, h, y, first=None):
    """(y_next, slopes), (26.4). first: the slope at (t, y) where it is known already."""
    slopes, inside = [problem(t, y) if first is None else first], y
    for c, row in zip(tableau.c[1:], tableau.a[1:]):
        inside = advance(y, h, slopes, row)
        slopes.append(problem(t + float(c) * h, inside))
    return (inside if tableau.last_is_next else advance(y, h, slopes, tableau.b)), slopes


def interpolate(tableau, h, y, slopes, theta):
    """y(t + theta h), 0 <= theta <= 1, by the polynomials of tableau.dense, (26.6). theta: a number or a tensor."""
    weights = []
    for row in tableau.dense:
        value = 0.0
        for coefficient in reversed(row):
            value = (value + float(coefficient)) * theta
        weights.append(value)
    if not isinstance(theta, Tensor):
        return advance(y, h, slopes, weights)
    for k, weight in zip(slopes, weights):
        if isinstance(weight, Tensor):
            y = y + (h * weight).to(y.dtype) * k
    return y
