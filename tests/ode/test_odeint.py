"""odeint against closed forms: values, orders, tolerances, dense output, options, errors, derivatives of any order."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import nn
from minicnn.errors import InputError
from minicnn.ode import METHODS, SolverError, StepUnderflow, TooManySteps, odeint
from minicnn.testing import check_grads

RATE = -0.1 + 2.0j  # y' = RATE y in the complex plane, as two real numbers


def turn(t, y):
    return mc.stack([RATE.real * y[0] - RATE.imag * y[1], RATE.imag * y[0] + RATE.real * y[1]])


def turned(t, start=1.0 + 0.5j):
    z = np.exp(RATE * np.asarray(t)) * start
    return np.stack([z.real, z.imag], axis=-1)


START = mc.tensor(np.array([1.0, 0.5]))


@pytest.mark.equation("26.4")
@pytest.mark.parametrize("method", METHODS)
def test_error_falls_with_the_order_of_the_method(method):
    order, errors = METHODS[method].order, []
    for n in (40, 80):
        y = odeint(turn, START, [0.0, 3.0], method=method, step_size=3 / n)
        errors.append(abs(y[1].numpy() - turned(3.0)).max())
    assert abs(math.log2(errors[0] / errors[1]) - order) < 0.25


@pytest.mark.parametrize("times", [[0.0, 0.3, 1.0, 3.0], [3.0, 1.0, 0.3, 0.0], [2.0, -1.5], [0.5]])
@pytest.mark.parametrize("options", [{}, {"method": "rk4", "step_size": 0.01}])
def test_times_may_rise_or_fall(times, options):
    y = odeint(turn, mc.tensor(turned(times[0])), times, **options)
    assert y.shape == (len(times), 2)
    np.testing.assert_allclose(y.numpy(), turned(times), atol=3e-7)


def test_equal_steps_meet_every_time_and_keep_to_the_size():
    seen = []

    def f(t, y):
        seen.append(t.item())
        return y

    odeint(f, mc.tensor(np.ones(1)), [0.0, 0.25, 1.0], method="euler", step_size=0.1)
    np.testing.assert_allclose(seen, [0, 0.25 / 3, 0.5 / 3, *np.linspace(0.25, 1, 9)[:-1]])
    seen.clear()
    odeint(f, mc.tensor(np.ones(1)), [0.0, 0.25, 1.0], method="euler")
    np.testing.assert_allclose(seen, [0, 0.25])
    seen.clear()
    odeint(f, mc.tensor(np.ones(1)), [0.0, 0.3], method="euler", step_size=0.1)  # 0.3 / 0.1 is more than 3 in floating point
    assert len(seen) == 3


@pytest.mark.equation("26.5")
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_the_error_follows_the_tolerance(tolerance):
    y = odeint(turn, START, [0.0, 10.0], rtol=tolerance, atol=tolerance)
    error = abs(y[1].numpy() - turned(10.0)).max()
    assert tolerance / 100 < error < 100 * tolerance


@pytest.mark.equation("26.5")
def test_a_step_is_accepted_if_its_error_is_within_atol_plus_rtol_y():
    tries = []
    odeint(lambda t, y: -50 * (y - mc.cos(t)), mc.tensor(np.array([0.0])), [0.0, 2.0], rtol=1e-5, atol=1e-7, first_step=0.5,
           on_step=lambda *a: tries.append(a))
    assert {accepted for *_, accepted in tries} == {True, False}
    now = 0.0
    for t, h, error, accepted in tries:
        assert accepted == (error <= 1) and math.isclose(t, now, abs_tol=1e-12)
        now += h if accepted else 0
    assert math.isclose(now, 2.0)
    after_failure, kept_short = False, 0
    for (_, h, error, accepted), (_, h_next, _, _) in zip(tries[:-2], tries[1:]):
        factor = min(10, max(0.2, 0.9 * error ** -0.2))
        kept_short += after_failure and factor > 1
        assert math.isclose(h_next, h * (min(1, factor) if after_failure else factor))
        after_failure = not accepted
    assert kept_short  # the step after a failure would have grown, and did not


@pytest.mark.equation("26.5")
def test_error_of_one_step_is_measured_with_both_tolerances():
    from minicnn.ode.adaptive import Control

    control = Control(rtol=0.1, atol=0.5)
    e, y, y_next = np.array([1.0, -2.0, 0.5]), np.array([1.0, -4.0, 0.0]), np.array([-3.0, 2.0, 0.0])
    scaled = e / [0.5 + 0.3, 0.5 + 0.4, 0.5]
    assert math.isclose(control.size(e, y, y_next), math.sqrt(np.mean(scaled ** 2)))
    assert Control(0.1, 0.5, norm=lambda e: abs(e).max()).size(e, y, y_next) == abs(scaled).max()


@pytest.mark.equation("26.6")
def test_dense_output_does_not_change_the_steps():
    few, many = [], []
    odeint(turn, START, [0.0, 3.0], on_step=lambda *a: few.append(a))
    times = np.linspace(0, 3, 400)
    y = odeint(turn, START, times, on_step=lambda *a: many.append(a))
    assert few == many
    assert abs(y.numpy() - turned(times)).max() < 3e-7


def test_options_of_the_steps():
    tries = []
    odeint(turn, START, [0.0, 1.0], first_step=0.01, max_step=0.02, on_step=lambda *a: tries.append(a))
    assert tries[0][1] == 0.01 and max(h for _, h, *_ in tries) == 0.02
    tries.clear()
    odeint(turn, START, [1.0, 0.0], first_step=0.01, max_step=0.02, on_step=lambda *a: tries.append(a))
    assert tries[0][1] == -0.01 and min(h for _, h, *_ in tries) == -0.02


def test_a_solution_that_stands_still_takes_few_steps():
    tries = []
    y = odeint(lambda t, y: y * 0, mc.tensor(np.zeros((2, 3))), [0.0, 100.0], on_step=lambda *a: tries.append(a))
    assert not y.numpy().any() and len(tries) < 12


def test_tuples_of_states_of_different_shapes(rng):
    a, b, c = (mc.tensor(rng.normal(size=s)) for s in [(2, 3), (4,), ()])

    def f(t, state):
        a, b, c = state
        assert (a.shape, b.shape, c.shape, t.shape) == ((2, 3), (4,), (), ())
        return -a, b * c, c * 0 + 2 * t

    y = odeint(f, (a, b, c), [0.0, 0.5, 1.0])
    assert isinstance(y, tuple) and [x.shape for x in y] == [(3, 2, 3), (3, 4), (3,)]
    np.testing.assert_allclose(y[0][2].numpy(), a.numpy() * math.exp(-1), rtol=1e-6)
    np.testing.assert_allclose(y[2].numpy(), c.item() + np.array([0, 0.25, 1.0]), rtol=1e-6)
    np.testing.assert_allclose(y[1][2].numpy(), b.numpy() * math.exp(c.item() + 1 / 3), rtol=1e-6)


def test_float32_stays_float32():
    y = odeint(turn, START.float(), [0.0, 1.0])
    assert y.dtype == np.float32
    np.testing.assert_allclose(y[1].numpy(), turned(1.0), rtol=1e-3)
    t = mc.tensor(np.array([0.0, 1.0]), requires_grad=True)  # float64 times
    assert odeint(turn, START.float(), t).dtype == np.float32


def test_no_steps_are_needed_for_one_time_and_for_empty_states():
    assert odeint(turn, START, [2.0]).numpy().tolist() == [[1.0, 0.5]]
    assert odeint(lambda t, y: y, mc.tensor(np.zeros((0, 3))), [0.0, 1.0]).shape == (2, 0, 3)


# ------------------------------------------------------------------------------------------------------- failures

def test_underflow_is_reported_with_the_time_and_a_way_out():
    with pytest.raises(StepUnderflow, match=r"at t = 1 a step of .*too short to move the time on.*escapes to infinity"):
        odeint(lambda t, y: y * y, mc.tensor(np.array([1.0])), [0.0, 2.0])  # y = 1 / (1 - t)
    with pytest.raises(StepUnderflow, match=r"at t = 0.3 .*too short to move the time on.*Loosen rtol.*jumps"):
        odeint(lambda t, y: 1e6 * mc.sign(t - 0.3) + 0 * y, mc.tensor(np.array([1.0])), [1.0, 0.0], rtol=0.0, atol=1e-12)


def test_a_slope_that_is_not_a_number_is_reported_as_such():
    with np.errstate(invalid="ignore"), pytest.raises(StepUnderflow, match="NaN or Inf"):
        odeint(lambda t, y: mc.sqrt(0.5 - t) * y, mc.tensor(np.array([1.0])), [0.0, 1.0])


def test_too_many_steps_are_reported():
    with pytest.raises(TooManySteps, match=r"try 50, max_steps, and t = 1000 is not reached.*Raise max_steps"):
        odeint(turn, START, [0.0, 1000.0], max_steps=50)
    assert issubclass(TooManySteps, SolverError) and issubclass(SolverError, mc.MinicnnError)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"func": None}, "func must be a function of"),
    ({"y0": [1.0]}, "y0 must be a floating-point tensor"),
    ({"y0": mc.tensor(np.array([1, 2]))}, "y0 must be a floating-point tensor"),
    ({"y0": ()}, "y0 must be"),
    ({"y0": (START, START.float())}, "one dtype on one device"),
    ({"t": [0.0, 1.0, 1.0]}, "strictly increasing or strictly decreasing"),
    ({"t": [0.0, 1.0, 0.5]}, "strictly increasing or strictly decreasing"),
    ({"t": [0.0, math.nan]}, "finite"),
    ({"t": 1.0}, "a row of"),
    ({"method": "rk5"}, "one of euler, midpoint, heun, rk4, dopri5"),
    ({"step_size": 0.0}, "step_size must be a number > 0"),
    ({"step_size": -0.1}, "also where the times fall"),
    ({"rtol": -1.0}, "rtol >= 0 and atol > 0"),
    ({"atol": 0.0}, "rtol >= 0 and atol > 0"),
    ({"max_steps": 0}, "max_steps must be a number > 0"),
    ({"first_step": -0.1}, "first_step must be a number > 0"),
    ({"steps": 3}, "its options must be among step_size, first_step"),
    ({"method": "rk4", "max_steps": 3}, "max_steps must be left out with the fixed steps of rk4"),
    ({"func": lambda t, y: y[:1]}, r"slope of the state's shape \(2,\)"),
    ({"func": lambda t, y: 3.0}, "slope of the state's shape"),
    ({"y0": (START, START), "func": lambda t, y: y[0]}, "slope of the state's shape"),
])
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        odeint(**{"func": turn, "y0": START, "t": [0.0, 1.0], **arguments})


# ---------------------------------------------------------------------------------------------------- derivatives

def slope(t, y, w):
    return mc.tanh(w @ y) * (1 + t * t) - y


SOLVERS = [{"method": "euler", "step_size": 0.17}, {"method": "midpoint", "step_size": 0.17}, {"method": "rk4"}, {"method": "heun"},
           {"method": "dopri5", "step_size": 0.5}]


@pytest.mark.parametrize(("options", "times"), list(zip(SOLVERS, [[0.0, 0.4, 1.0], [1.0, 0.7, 0.0]] * 3)),
                         ids=[options["method"] for options in SOLVERS])
def test_gradients_of_the_steps_are_exact_at_orders_1_and_2(rng, options, times):
    """By y0, parameters and all times: discretise, then differentiate. No length divides by the step, where their number jumps."""
    check_grads(lambda y0, w, t: odeint(lambda s, y: slope(s, y, w), y0, t, **options), rng.normal(size=3), rng.normal(size=(3, 3)),
                np.array(times), order=2, entries=2, rtol=1e-7)


@pytest.mark.parametrize("times", [[0.0, 0.4, 1.0], [1.0, 0.7, 0.0]])
def test_gradients_through_adaptive_steps(rng, times):
    """Their lengths count as constants; they change with y0, so differences see the solver's error too, here about 1e-10."""
    options = {"rtol": 1e-10, "atol": 1e-11}
    check_grads(lambda y0, w: odeint(lambda s, y: slope(s, y, w), y0, times, **options), rng.normal(size=3),
                rng.normal(size=(3, 3)), entries=2, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", [{"rtol": 1e-10, "atol": 1e-10}, {"method": "rk4", "step_size": 0.005}])
def test_gradients_by_the_times_are_the_slopes_there(rng, options):
    """d<g, y(t_i)>/dt_i = <g, f>; and shifting all times does nothing where f does not depend on t."""
    y0, w, g = mc.tensor(rng.normal(size=3)), mc.tensor(rng.normal(size=(3, 3))), mc.tensor(rng.normal(size=(3, 3)))
    t = mc.tensor(np.array([0.0, 0.4, 1.0]), requires_grad=True)
    y = odeint(lambda s, y: slope(0 * s, y, w), y0, t, **options)
    (by_time,) = mc.grad((g * y).sum(), t)
    expected = [(g[i] * slope(0.0, y[i], w)).sum().item() for i in (1, 2)]
    np.testing.assert_allclose(by_time.numpy()[1:], expected, rtol=1e-4)
    assert abs(by_time.sum().item()) < 1e-6


def test_a_module_as_the_slope_gets_gradients(rng):
    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, t, y):
            return self.layer(y)

    field = Field()
    odeint(field, mc.randn(5, 2), [0.0, 1.0], method="rk4").sum().backward()
    assert all(p.grad is not None for p in field.parameters())


@given(st.floats(-3, 3), st.floats(-2, 2), st.floats(0.05, 3))
def test_scalar_growth_for_any_rate_start_and_span(rate, start, span):
    y = odeint(lambda t, y: rate * y, mc.tensor(np.array(start)), [-1.0, -1.0 + span])
    assert math.isclose(y[1].item(), start * math.exp(rate * span), rel_tol=1e-4, abs_tol=1e-6)
