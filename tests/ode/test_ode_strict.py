"""Solvers and adjoints on the strict stand-in for a GPU: no host array meets a device array, and the numbers are the same."""

import numpy as np
import pytest
from strict import from_strict, to_strict

import minicnn as mc
from minicnn.autograd import raw
from minicnn.models.normalizing_flow import CNF, NormalizingFlow, PlanarField
from minicnn.ode import odeint, odeint_adjoint, odeint_reversible

WAYS = [(odeint, {}), (odeint, {"method": "rk4"}), (odeint_adjoint, {}), (odeint_adjoint, {"method": "rk4"}),
        (odeint_reversible, {"step_size": 0.1})]


@pytest.mark.parametrize(("solver", "options"), WAYS)
@pytest.mark.parametrize("with_times", [False, True])
def test_states_and_gradients_on_a_device(rng, solver, options, with_times):
    if with_times and solver is odeint_reversible:
        pytest.skip("gives no gradient by the times")
    arrays, found = (rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), np.array([0.0, 0.3, 1.0])), []
    for place in (lambda a: a, to_strict):
        y, w, t = (mc.Tensor(place(a)).requires_grad_() for a in arrays)
        times = t if with_times else [0.0, 0.3, 1.0]
        states = solver(lambda s, state, w=w: (mc.tanh(state[0] @ w), state[1] * s), (y, y[0]), times, **options)
        gradients = mc.grad((states[0][2] * states[1][1]).sum(), [y, w, *([t] if with_times else [])])
        found.append([from_strict(raw(x)) if place is to_strict else raw(x) for x in (*states, *gradients)])
    for a, b in zip(*found):
        np.testing.assert_allclose(b, a, rtol=1e-12)


def test_second_order_on_a_device(rng):
    y = mc.Tensor(to_strict(rng.normal(size=3))).requires_grad_()
    (first,) = mc.grad(odeint_adjoint(lambda t, y: y * mc.sin(y) + t, y, [0.0, 0.5])[1].sum(), y, create_graph=True)
    (second,) = mc.grad(first.sum(), y)
    assert np.isfinite(from_strict(raw(second))).all()


@pytest.mark.parametrize("trace", ["closed", "exact", "hutchinson"])
def test_flows_on_a_device(rng, trace):
    z = mc.Tensor(to_strict(rng.normal(size=(4, 2)).astype(np.float32)))
    continuous, planar = CNF(2, PlanarField(2, 4), trace=trace, method="rk4"), NormalizingFlow(2, 3)
    for model in (continuous, planar):
        for p in model.parameters():
            p.data = to_strict(p.data)
    for x, log_q in (continuous(z), planar(z), planar.sample(5)):
        assert np.isfinite(from_strict(raw(log_q))).all() and np.isfinite(from_strict(raw(x))).all()
    assert np.isfinite(from_strict(raw(planar.log_prob(z)))).all() and np.isfinite(from_strict(raw(continuous.log_prob(z)))).all()
