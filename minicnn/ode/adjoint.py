"""odeint_adjoint: the same solution, and its gradient by solving backward in time, in memory that does not grow with the steps.

With the adjoint a(t) = dL/dy(t) (note, (26.7) to (26.10)),

    da/dt = -(df/dy)^T a,      dL/dtheta = int_{t_0}^{T} (df/dtheta)^T a dt,      dL/dt_i = <dL/dy(t_i), f(t_i, y(t_i))>,

and y(t) is solved again, backward, beside a(t). Nothing between the requested times is kept. The gradient is that of the exact
solution, so at finite steps it differs from that of `odeint`, by the solver's own error.
"""

import numpy as np

from ..autograd import Traced, enable_grad, is_grad_enabled, no_grad, primitive, raw
from ..backend import xp_of
from ..create import zeros_like
from ..derivatives import grad, leaves_of
from ..functions import stack
from ..tensor import Tensor
from .problem import Problem
from .solve import chooses_steps, odeint, solve

__all__ = ["odeint_adjoint", "parameters_of", "pull_back"]


def odeint_adjoint(func, y0, t, *, method="dopri5", rtol=None, atol=None, step_size=None, adjoint_method=None, adjoint_rtol=None,
                   adjoint_atol=None, adjoint_step_size=None, adjoint_params=None, **control):
    """odeint, with gradients by the adjoint equation: memory independent of the number of steps. Chen et al. 2018.

    Arguments as for odeint; adjoint_method, adjoint_rtol, adjoint_atol, adjoint_step_size: those of the backward solve, by default
    as forward. adjoint_params: the tensors besides y that func depends on; by default all leaves that one trial evaluation reaches.
    A tensor that was computed beforehand and is used in func had better be named here, or backward goes through its computation at
    every evaluation. Gradients by y0, t and the parameters, of any order. The adaptive backward solve controls the error of y
    and a, not that of the parameters' gradient, which is an integral and feeds back into nothing.

    func must give the same slope when called again: no dropout, no batch statistics.
    """
    problem = Problem("odeint_adjoint", func, y0, t)
    start = problem.y0
    times = t if isinstance(t, Tensor) else Tensor(xp_of(start._data).asarray(problem.times, dtype=np.float64))
    params = parameters_of(problem) if adjoint_params is None else list(adjoint_params)
    backward = {"method": adjoint_method or method, "step_size": step_size if adjoint_step_size is None else adjoint_step_size}
    if chooses_steps(problem.function, **backward):
        backward |= {"rtol": rtol if adjoint_rtol is None else adjoint_rtol, "atol": atol if adjoint_atol is None else adjoint_atol,
                     **control}
    with no_grad():
        problem.wants_time_gradient, problem.y0 = False, start.detach()
        result = raw(stack(solve(problem, method, rtol, atol, step_size, control), dim=0))

    @primitive
    def ode_solution(*xs):
        return result

    ode_solution.defvjp_all(lambda g, y, xs, wanted: cotangents(problem, times, params, backward, g, y, wanted))
    return problem.unpack(ode_solution(start, times, *params))


def parameters_of(problem):
    """The leaf tensors that the slope depends on besides t and y, found by evaluating it once."""
    with enable_grad():
        return leaves_of(problem(problem.times[0], problem.y0.detach()))


def pull_back(problem, t, y, params, a, recording):
    """(f(t, y), (df/dy)^T a, [(df/dtheta)^T a for theta in params]) by one evaluation and one backward pass."""
    with enable_grad():
        y = y if recording and y.requires_grad else y.detach().requires_grad_()
        f = problem(t, y)
        inputs = [y, *params]
        found = [None] * len(inputs)
        if f.requires_grad:
            found = grad(f, inputs, a, retain_graph=True, create_graph=recording, allow_unused=True)
    found = [zeros_like(x) if d is None else d for x, d in zip(inputs, found)]
    return (f if recording else f.detach()), found[0], found[1:]


def cotangents(problem, times, params, options, g, y, wanted):
    """Gradients by (y0, times, *params), given those by the states at all times; arrays, or tensors under create_graph."""
    recording = isinstance(g, Traced)
    g, y = (g, y) if recording else (Tensor._make(g), Tensor._make(y))
    t = [times[i] for i in range(len(problem.times))] if recording else problem.times
    last, by_time = len(t) - 1, [None] * len(t)
    a, by_params = g[last], [zeros_like(p) for p in params]
    for i in range(last, 0, -1):
        if wanted[1]:
            by_time[i] = (g[i] * problem(t[i], y[i])).sum()
        a, more = go_back(problem, [t[i], t[i - 1]], y[i], a, params, options, recording)
        by_params = [p + q for p, q in zip(by_params, more)]
        if i > 1:
            a = a + g[i - 1]
    if wanted[1]:  # y(t) for t > t[0] shifts with t[0]; y at t[0] itself is y0
        by_time[0] = -(a * problem(t[0], y[0])).sum() if last else (a * 0).sum()
        by_time = stack(by_time, dim=0)
    answer = [a + g[0] if last else a, by_time if wanted[1] else None, *by_params]
    return [None if not want else x if recording else raw(x) for x, want in zip(answer, wanted)]


def go_back(problem, span, y, a, params, options, recording):
    """From the later to the earlier time of `span`: the adjoint there, and the parameters' share of the gradient."""
    size = y.numel()

    def augmented(t, state):
        deeper = recording and is_grad_enabled()
        f, by_y, by_params = pull_back(problem, t, state[0], params, state[1], deeper)
        return f, -by_y, *[-d for d in by_params]

    if "rtol" in options:
        options = {**options, "norm": lambda e: max(rms(e[:size]), rms(e[size:2 * size]))}
    state = (y, a, *[zeros_like(p) for p in params])
    if recording:
        done = odeint_adjoint(augmented, state, stack(span, dim=0), adjoint_params=params, **options)
    else:
        done = odeint(augmented, state, span, **options)
    return done[1][1], [p[1] for p in done[2:]]


def rms(e):
    """The root of the mean square."""
    return float((e * e).mean()) ** 0.5
