"""odeint_adjoint and odeint_reversible: the same gradients as odeint's, each to what it promises, in flat memory."""

import tracemalloc

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.errors import GraphError, InputError
from minicnn.ode import odeint, odeint_adjoint, odeint_reversible
from minicnn.testing import check_grads

TIGHT = {"rtol": 1e-11, "atol": 1e-12}


def slope(t, y, w):
    return mc.tanh(w @ y) * (1 + t * t) - y


def gradients(solver, arrays, times, cotangent, by_time=True, **options):
    """Of <cotangent, solution> by y0, w and, unless told not to, the times."""
    y0, w = (mc.tensor(a, requires_grad=True) for a in arrays)
    t = mc.tensor(np.array(times), requires_grad=True) if by_time else times
    y = solver(lambda s, y: slope(s, y, w), y0, t, **options)
    return [g.numpy() for g in mc.grad((y * mc.tensor(cotangent)).sum(), [y0, w, t] if by_time else [y0, w])]


@pytest.mark.parametrize("times", [[0.0, 0.4, 1.0], [1.0, 0.7, -0.5], [0.0, 2.0]])
@pytest.mark.parametrize("seed", range(2))
def test_adjoint_equals_backprop_where_the_solver_is_exact_enough(times, seed):
    rng = np.random.default_rng(seed)
    arrays, g = (rng.normal(size=3), rng.normal(size=(3, 3))), rng.normal(size=(len(times), 3))
    for ours, theirs in zip(gradients(odeint_adjoint, arrays, times, g, **TIGHT), gradients(odeint, arrays, times, g, **TIGHT)):
        np.testing.assert_allclose(ours, theirs, rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize("times", [[0.0, 0.4, 1.0], [1.0, 0.7, 0.0]])
def test_adjoint_at_orders_1_and_2_by_differences(rng, times):
    check_grads(lambda y0, w, t: odeint_adjoint(lambda s, y: slope(s, y, w), y0, t, rtol=1e-9, atol=1e-10), rng.normal(size=3),
                rng.normal(size=(3, 3)), np.array(times), entries=1, rtol=1e-5, atol=1e-5)
    check_grads(lambda y0: odeint_adjoint(lambda s, y: y * mc.sin(y) + s, y0, times[:2], rtol=1e-9, atol=1e-10), rng.normal(size=2),
                order=2, entries=1, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_adjoint_differs_from_backprop_by_the_solver_s_order(rng, method, order):
    arrays, g, times = (rng.normal(size=3), rng.normal(size=(3, 3))), rng.normal(size=(2, 3)), [0.0, 1.0]
    gaps = []
    for n in (40, 80):
        a, b = (gradients(s, arrays, times, g, by_time=False, method=method, step_size=1 / n) for s in (odeint_adjoint, odeint))
        gaps.append(max(abs(x - y).max() for x, y in zip(a, b)))
    assert abs(np.log2(gaps[0] / gaps[1]) - order) < 0.4


@pytest.mark.parametrize("times", [[0.0, 0.4, 1.0], [1.0, 0.7, 0.0]])
def test_the_reversible_method_gives_the_gradient_of_its_steps(rng, times):
    """check_grads at the order of rounding, though the step is coarse; by y0 and parameters."""
    check_grads(lambda y0, w: odeint_reversible(lambda s, y: slope(s, y, w), y0, times, step_size=0.2), rng.normal(size=3),
                rng.normal(size=(3, 3)), entries=6, rtol=1e-8)


def by_hand(f, y, times, n):
    """The asynchronous leapfrog in five lines, recorded."""
    h, v = (times[1] - times[0]) / n, f(mc.tensor(np.array(times[0])), y)
    for k in range(n):
        middle = y + h / 2 * v
        v = 2 * f(mc.tensor(np.array(times[0] + (k + 0.5) * h)), middle) - v
        y = middle + h / 2 * v
    return y, v


@pytest.mark.equation("26.13")
def test_the_reversible_method_is_what_the_note_says_and_can_be_undone(rng):
    w, start = mc.tensor(rng.normal(size=(3, 3))), mc.tensor(rng.normal(size=3))

    def f(t, y):
        return slope(t, y, w)

    y, v = by_hand(f, start, (0.0, 1.0), 7)
    np.testing.assert_allclose(odeint_reversible(f, start, [0.0, 1.0], step_size=1 / 7)[1].numpy(), y.numpy(), rtol=1e-13)
    h = 1 / 7
    for k in reversed(range(7)):
        middle = y - h / 2 * v
        v = 2 * f(mc.tensor(np.array((k + 0.5) * h)), middle) - v
        y = middle - h / 2 * v
    np.testing.assert_allclose(y.numpy(), start.numpy(), atol=1e-13)


@pytest.mark.equation("26.13")
def test_the_reversible_method_has_order_2(rng):
    w, start = mc.tensor(rng.normal(size=(3, 3))), mc.tensor(rng.normal(size=3))
    exact = odeint(lambda t, y: slope(t, y, w), start, [0.0, 1.0], **TIGHT)[1].numpy()
    errors = [abs(odeint_reversible(lambda t, y: slope(t, y, w), start, [0.0, 1.0], step_size=1 / n)[1].numpy() - exact).max()
              for n in (50, 100)]
    assert abs(np.log2(errors[0] / errors[1]) - 2) < 0.1


def test_parameters_are_found_and_those_of_tuples_and_modules_too(rng):
    layer, other = nn.Linear(3, 3).double(), mc.tensor(rng.normal(size=3), requires_grad=True)

    def f(t, state):
        a, b = state
        return mc.tanh(layer(a)) * other, (a * b).sum() * b

    found = []
    for solver, options in ((odeint, TIGHT), (odeint_adjoint, TIGHT), (odeint_reversible, {"step_size": 2e-3})):
        a, b = mc.tensor(np.ones((2, 3)), requires_grad=True), mc.tensor(np.array(0.1), requires_grad=True)
        y = solver(f, (a, b), [0.0, 0.5], **options)
        found.append(mc.grad(y[0][1].sum() + y[1][1] * 2, [a, b, layer.weight, layer.bias, other]))
    for adjoint, reversible, expected in zip(found[1], found[2], found[0]):
        np.testing.assert_allclose(adjoint.numpy(), expected.numpy(), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(reversible.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_tensor_computed_beforehand_works_by_itself_and_by_name(rng):
    """A condition z = encoder(x) inside func: leaves are found behind it; named in adjoint_params the gradient stops at z."""
    x, w, y0 = mc.tensor(rng.normal(size=3), requires_grad=True), rng.normal(size=(3, 3)), mc.tensor(rng.normal(size=3))
    found = []
    for names in (False, True):
        z = mc.tanh(x * 2)
        y = odeint_adjoint(lambda t, y, z=z: slope(t, y, mc.tensor(w)) + z, y0, [0.0, 1.0], adjoint_params=[z] if names else None,
                           **TIGHT)
        found.append(mc.grad(y[1].sum(), x)[0].numpy())
    y = odeint(lambda t, y: slope(t, y, mc.tensor(w)) + mc.tanh(x * 2), y0, [0.0, 1.0], **TIGHT)
    expected = mc.grad(y[1].sum(), x)[0].numpy()
    np.testing.assert_allclose(found[0], expected, rtol=1e-7)
    np.testing.assert_allclose(found[1], expected, rtol=1e-7)


def test_backward_may_have_its_own_method_and_tolerances(rng):
    arrays, g = (rng.normal(size=3), rng.normal(size=(3, 3))), rng.normal(size=(2, 3))
    exact = gradients(odeint, arrays, [0.0, 1.0], g, **TIGHT)
    options = {"adjoint_method": "rk4", "adjoint_step_size": 0.01, "max_steps": 500, **TIGHT}
    for ours, theirs in zip(gradients(odeint_adjoint, arrays, [0.0, 1.0], g, **options), exact):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    loose = gradients(odeint_adjoint, arrays, [0.0, 1.0], g, adjoint_rtol=1e-2, adjoint_atol=1e-2, **TIGHT)
    assert 1e-9 < abs(loose[0] - exact[0]).max() < 1e-1


def test_edges_of_the_adjoint(rng):
    y0 = mc.tensor(rng.normal(size=3), requires_grad=True)
    (g,) = mc.grad(odeint_adjoint(lambda t, y: y, y0, [1.0]).sum(), y0)  # one time: y0 itself
    assert g.numpy().tolist() == [1, 1, 1]
    (g,) = mc.grad(odeint_adjoint(lambda t, y: mc.tensor(np.ones(3)), y0, [0.0, 1.0])[1].sum(), y0)  # a slope of nothing
    np.testing.assert_allclose(g.numpy(), [1, 1, 1])
    with mc.no_grad():
        assert not odeint_adjoint(lambda t, y: y, y0, [0.0, 1.0]).requires_grad
    t = mc.tensor(np.array([0.0, 1.0]), requires_grad=True)
    (g,) = mc.grad(odeint_adjoint(lambda t, y: y, y0.detach(), t)[1].sum(), t)  # times only
    np.testing.assert_allclose(g.numpy(), np.array([-1, 1]) * np.e * y0.detach().sum().item(), rtol=1e-5)


def test_a_parameter_changed_before_backward_is_an_error(rng):
    for solver, options in ((odeint_adjoint, {}), (odeint_reversible, {"step_size": 0.1})):
        w = nn.Parameter(np.ones(3))
        y = solver(lambda t, y, w=w: w * y, mc.tensor(np.ones(3)), [0.0, 1.0], **options)
        w.data *= 2.0
        with pytest.raises(GraphError, match="changed in place"):
            y.sum().backward()


def test_what_the_reversible_method_refuses():
    y0 = mc.tensor(np.ones(2), requires_grad=True)
    with pytest.raises(InputError, match="step_size must be a number > 0"):
        odeint_reversible(lambda t, y: y, y0, [0.0, 1.0], step_size=0)
    with pytest.raises(InputError, match="require no gradient.*odeint_adjoint"):
        odeint_reversible(lambda t, y: y, y0, mc.tensor(np.array([0.0, 1.0]), requires_grad=True), step_size=0.1)
    with pytest.raises(GraphError, match="cannot be differentiated again"):
        mc.grad(odeint_reversible(lambda t, y: y * y, y0, [0.0, 0.1], step_size=0.1).sum(), y0, create_graph=True)


def peak(solver, n):
    """Bytes at most in use while one gradient over n steps is computed, beyond those before."""
    rng = np.random.default_rng(0)
    w, y0 = (mc.tensor(rng.normal(size=s) / 16, requires_grad=True) for s in [(128, 128), (64, 128)])
    options = {"step_size": 1 / n} if solver is odeint_reversible else {"step_size": 1 / n, "method": "rk4"}
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    solver(lambda t, y: mc.tanh(y @ w), y0, [0.0, 1.0], **options)[1].sum().backward()
    result = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return result


@pytest.mark.equation("26.12")
def test_memory_is_flat_in_the_number_of_steps_except_through_them():
    for solver in (odeint_adjoint, odeint_reversible):
        peak(solver, 2)  # what is built once
        few, many = peak(solver, 5), peak(solver, 40)
        assert abs(many / few - 1) < 0.05, solver
    assert peak(odeint, 40) > 5 * peak(odeint, 5)
