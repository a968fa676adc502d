"""odeint_reversible: flat memory and the exact gradient of the steps, by a method whose steps can be undone.

The asynchronous leapfrog keeps, beside y, a second variable v close to dy/dt. A step of length h, (26.13):

    m = y + h/2 v,     v' = 2 f(t + h/2, m) - v,     y' = m + h/2 v'.

Undone: m = y' - h/2 v', v = 2 f(t + h/2, m) - v', y = m - h/2 v. Backward therefore reconstructs the very states of the forward
pass (to rounding) and differentiates each step there. Order 2. J. Zhuang et al. 2021, MALI: a memory efficient and reverse
accurate integrator for neural ODEs.
"""

import math
from itertools import pairwise

from ..autograd import Traced, no_grad, primitive, raw
from ..create import zeros_like
from ..errors import GraphError, InputError
from ..functions import stack
from ..tensor import Tensor
from .adjoint import parameters_of, pull_back
from .problem import Problem

__all__ = ["odeint_reversible"]


def odeint_reversible(func, y0, t, *, step_size, adjoint_params=None):
    """Solve dy/dt = func(t, y) by equal reversible steps of at most step_size; arguments and result as for odeint.

    The gradient is that of the computed steps, to rounding, as by odeint; memory is independent of their number, as by
    odeint_adjoint. By y0 and the parameters, not by t, and of first order only. The method damps nothing: where the solution
    decays fast it needs short steps.
    """
    problem = Problem("odeint_reversible", func, y0, t)
    if not 0 < step_size < math.inf:
        raise InputError("odeint_reversible", "step_size", "a number > 0, also where the times fall", step_size)
    if problem.wants_time_gradient:
        raise InputError("odeint_reversible", "t", "times that require no gradient", "a tensor that does", "Use odeint_adjoint")
    params = parameters_of(problem) if adjoint_params is None else list(adjoint_params)
    with no_grad():
        y = problem.y0.detach()
        v, states = problem(problem.times[0], y), [y]
        for span in pairwise(problem.times):
            for t_middle, h in steps(span, step_size):
                middle = y + h / 2 * v
                v = 2 * problem(t_middle, middle) - v
                y = middle + h / 2 * v
            states.append(y)
        result, end = raw(stack(states, dim=0)), (y, v)

    @primitive
    def reversible_solution(*xs):
        return result

    def rule(g, xs):  # naming xs: an in-place change of a parameter before backward is an error
        if isinstance(g, Traced):
            raise GraphError("odeint_reversible: its gradient cannot be differentiated again; use odeint or odeint_adjoint")
        by_y, by_params = backward(problem, step_size, params, Tensor._make(g), *end)
        return [raw(by_y), *map(raw, by_params)]

    reversible_solution.defvjp_all(rule)
    return problem.unpack(reversible_solution(problem.y0, *params))


def steps(span, step_size):
    """(middle, length) of each step between two times."""
    n = max(1, math.ceil(abs(span[1] - span[0]) / step_size - 1e-9))
    h = (span[1] - span[0]) / n
    return [(span[0] + (k + 0.5) * h, h) for k in range(n)]


def backward(problem, step_size, params, g, y, v):
    """Undo the steps from the end (y, v), pulling back the gradients of both; one evaluation a step serves both."""
    by_params = [zeros_like(p) for p in params]
    last = len(problem.times) - 1
    gy, gv = g[last], zeros_like(v)
    for i in range(last, 0, -1):
        for t_middle, h in reversed(steps(problem.times[i - 1:i + 1], step_size)):
            gv = gv + h / 2 * gy
            middle = y - h / 2 * v
            f, by_middle, more = pull_back(problem, t_middle, middle, params, 2 * gv, False)
            v = 2 * f - v
            y = middle - h / 2 * v
            gy = gy + by_middle
            gv = h / 2 * gy - gv
            by_params = [p + q for p, q in zip(by_params, more)]
        gy = gy + g[i - 1]
    _, by_y, more = pull_back(problem, problem.times[0], y, params, gv, False)  # v began as f(t_0, y_0)
    return gy + by_y, [p + q for p, q in zip(by_params, more)]
