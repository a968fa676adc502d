"""Steps as long as the error allows: control by an estimate of it, dense output, and what to say when that fails."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..autograd import no_grad, raw
from ..backend import xp_of
from ..errors import MinicnnError
from .step import advance, combination, interpolate, take_step

__all__ = ["SolverError", "StepUnderflow", "TooManySteps", "Control", "solve_adaptive"]


class SolverError(MinicnnError, ArithmeticError):
    """An adaptive solver gave up; the message says at which time and what to try."""


class StepUnderflow(SolverError):
    """The step that the tolerances ask for is too short to move the time on."""


class TooManySteps(SolverError):
    """max_steps tries were not enough to reach the last time."""


@dataclass(frozen=True)
class Control:
    """How long a step may be. The error of a step is measured as

        norm of e / (atol + rtol max(|y|, |y_next|)),   by default the root of the mean square;   accepted up to 1.    (26.5)

    norm: another norm, of the array. on_step(t, h, error, accepted) is called after each try.
    """

    rtol: float
    atol: float
    first_step: float | None = None
    max_step: float = math.inf
    max_steps: int = 10_000
    norm: Callable | None = None
    on_step: Callable | None = None

    def size(self, e, *states):
        """The norm of an array e relative to the tolerances."""
        xp = xp_of(e)
        largest = xp.abs(states[0])
        for state in states[1:]:
            largest = xp.maximum(largest, xp.abs(state))
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = e / (self.atol + self.rtol * largest)
            return float(self.norm(scaled) if self.norm else xp.sqrt((scaled * scaled).mean()) if scaled.size else 0.0)

    def next_step(self, h, error, order, grew_back):
        """The step after one of length h: the error of a step is about C h^order, and is to be 0.9^order. grew_back: not longer."""
        if not math.isfinite(error):
            return h * 0.2
        factor = 10.0 if error == 0 else 0.9 * error ** (-1 / order)
        return h * min(1.0 if grew_back else 10.0, max(0.2, factor))


def first_step(problem, control, y, slope, order, direction):
    """A careful first step, Hairer et al. II.4: 1 % of the size of y over that of its slope, then a look at how the slope turns."""
    now, rise = raw(y), raw(slope)
    d0, d1 = control.size(now, now), control.size(rise, now)
    trial = 0.01 * d0 / d1 if d0 > 1e-5 and 1e-5 < d1 < math.inf else 1e-6
    trial = min(trial, abs(problem.times[-1] - problem.times[0]), control.max_step)
    with no_grad():
        ahead = problem(problem.times[0] + direction * trial, advance(y, direction * trial, [slope], [1]))
    steepest = max(d1, control.size(raw(ahead) - rise, now) / trial)
    if not math.isfinite(steepest):
        return trial
    return min(100 * trial, (0.01 / steepest) ** (1 / order) if steepest > 1e-15 else max(1e-6, trial * 1e-3))


def give_up(problem, kind, t, h, error, tries):
    """Raise, in words."""
    where = f"{problem.function}: at t = {t:.6g} a step of {h:.3g}"
    if not math.isfinite(error):
        raise kind(f"{where} still gives NaN or Inf: func is not finite there, or the solution escapes to infinity on the way")
    advice = ("Loosen rtol or atol, use float64, and look whether func jumps or the solution escapes to infinity near this time. A "
              "stiff problem needs very short steps with every explicit method")
    if kind is StepUnderflow:
        raise kind(f"{where}, which the tolerances ask for, is too short to move the time on. {advice}")
    raise kind(f"{where} was try {tries}, max_steps, and t = {problem.times[-1]:.6g} is not reached. Raise max_steps. {advice}")


def solve_adaptive(problem, tableau, control):
    """The states at problem.times. Steps are chosen by plain numbers, which count as constants in derivatives.

    Times are kept as `passed`, how far from the first one, so that the grid of steps moves along where that is a tensor.
    """
    times = problem.times
    start, direction = (problem.t[0] if problem.wants_time_gradient else times[0]), 1.0 if times[-1] >= times[0] else -1.0
    span, epsilon = abs(times[-1] - times[0]), float(np.finfo(problem.y0.dtype).eps)
    y, states, passed, tries, rejected, error = problem.y0, [problem.y0], 0.0, 0, False, 0.0
    if len(times) == 1:
        return states
    slope = problem(start, y)
    h = control.first_step or first_step(problem, control, y, slope, tableau.order, direction)
    while len(states) < len(times):
        now, left = times[0] + direction * passed, span - passed
        shortest = 4 * (epsilon * abs(now) + 2.3e-16 * span)
        h = min(h, control.max_step)
        if h < shortest < left:
            give_up(problem, StepUnderflow, now, direction * h, error, tries)
        if tries == control.max_steps:
            give_up(problem, TooManySteps, now, direction * h, error, tries)
        h = left if h > left - shortest else h
        y_next, slopes = take_step(problem, tableau, start + direction * passed, direction * h, y, slope)
        error = control.size(h * raw(combination(*map(raw, slopes), weights=[float(w) for w in tableau.error])), raw(y), raw(y_next))
        accepted, tries = error <= 1, tries + 1
        if control.on_step:
            control.on_step(now, direction * h, error, accepted)
        if accepted:
            reached = span if h == left else passed + h
            while len(states) < len(times) and abs(times[len(states)] - times[0]) <= reached:
                states.append(_at(problem, tableau, len(states), start, direction, passed, h, y, slopes, y_next))
            y, slope, passed = y_next, slopes[-1] if tableau.last_is_next else None, reached
        h = control.next_step(h, error, tableau.order, rejected or not accepted)
        rejected = not accepted
    return states


def _at(problem, tableau, i, start, direction, passed, h, y, slopes, y_next):
    """The state at the i-th time, which lies within the step from `passed` to passed + h."""
    if problem.wants_time_gradient:
        return interpolate(tableau, direction * h, y, slopes, (problem.t[i] - start - direction * passed) / (direction * h))
    theta = (abs(problem.times[i] - problem.times[0]) - passed) / h
    return y_next if theta >= 1 else interpolate(tableau, direction * h, y, slopes, theta)
