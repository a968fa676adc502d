"""odeint: an initial value problem solved, and differentiable as any other function here."""

import math
from itertools import pairwise

from ..errors import InputError
from ..functions import stack
from .adaptive import Control, solve_adaptive
from .problem import Problem
from .step import take_step
from .tableau import find_tableau

__all__ = ["odeint", "solve", "chooses_steps"]


def odeint(func, y0, t, *, method="dopri5", rtol=None, atol=None, step_size=None, **control):
    """Solve dy/dt = func(t, y), y(t[0]) = y0; returns the states at all times t, stacked: (len(t), *y0.shape).

    func: takes t, a tensor with one entry, and y; returns a slope of y's shape. A module will do.
    y0: a floating-point tensor, or a tuple of them; then func takes and returns tuples, and so does odeint.
    t: times that rise or fall, as a tensor or numbers. A tensor that requires a gradient gets one, dL/dt.
    method: "dopri5" chooses its steps so that each one's error stays within atol + rtol |y|, and interpolates between them;
    "euler", "midpoint", "heun" and "rk4" take one step from each time to the next, or with step_size as many equal ones as are
    needed to keep to it. dopri5 with a step_size takes such steps too, and then rtol and atol are not used.
    rtol, atol: by default 1e-7 and 1e-9, in float32 1e-4 and 1e-6.
    control: first_step, max_step, max_steps (10,000), norm, on_step, see Control; for adaptive steps.

    Gradients are those of the steps that were taken ("discretise, then differentiate"), so backward keeps all of them in memory;
    odeint_adjoint does not. Of any order. Lengths of adaptive steps count as constants.
    Raises InputError; StepUnderflow and TooManySteps (both SolverError) where adaptive steps do not get through.
    Source: chapter 26; Chen et al. 2018; Hairer, Norsett, Wanner 1993.
    """
    problem = Problem("odeint", func, y0, t)
    return problem.unpack(stack(solve(problem, method, rtol, atol, step_size, control), dim=0))


def solve(problem, method, rtol=None, atol=None, step_size=None, control=None):
    """The list of states of a Problem at its times."""
    tableau = find_tableau(problem.function, method)
    if not chooses_steps(problem.function, method, step_size):
        if control:
            raise InputError(problem.function, ", ".join(control), f"left out with the fixed steps of {method}", control)
        if step_size is not None and not 0 < step_size < math.inf:
            raise InputError(problem.function, "step_size", "a number > 0, also where the times fall", step_size)
        return solve_fixed(problem, tableau, step_size)
    single = problem.y0.dtype.itemsize <= 4
    rtol = (1e-4 if single else 1e-7) if rtol is None else rtol
    atol = (1e-6 if single else 1e-9) if atol is None else atol
    return solve_adaptive(problem, tableau, checked_control(problem.function, rtol, atol, control or {}))


def chooses_steps(function, method, step_size):
    """True where a tolerance decides on the steps."""
    return step_size is None and bool(find_tableau(function, method).error)


def checked_control(function, rtol, atol, options):
    """The options of an adaptive solve as a Control."""
    known = [name for name in Control.__dataclass_fields__ if name not in ("rtol", "atol")]
    for name in options:
        if name not in known:
            raise InputError(function, "its options", "among step_size, " + ", ".join(known), name)
    if not rtol >= 0 or not atol > 0:
        raise InputError(function, "rtol, atol", "numbers, rtol >= 0 and atol > 0", (rtol, atol))
    control = Control(rtol, atol, **options)
    for name in ("first_step", "max_step", "max_steps"):
        value = getattr(control, name)
        if value is not None and not value > 0:
            raise InputError(function, name, "a number > 0, also where the times fall", value)
    return control


def solve_fixed(problem, tableau, step_size):
    """Equal steps from each time to the next, so that every one of the times is met."""
    times = [problem.t[i] for i in range(len(problem.times))] if problem.wants_time_gradient else problem.times
    y, states = problem.y0, [problem.y0]
    for i, (start, end) in enumerate(pairwise(times)):
        length = abs(problem.times[i + 1] - problem.times[i])
        n = 1 if step_size is None else max(1, math.ceil(length / step_size - 1e-9))
        h = (end - start) / n
        for k in range(n):
            y, _ = take_step(problem, tableau, start + k * h, h, y)
        states.append(y)
    return states
