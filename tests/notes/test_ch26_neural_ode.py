"""The numbered results of docs/notes/ch26_neural_ode.md. Those on solvers are tested in tests/ode too."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import data, inspect, models
from minicnn.models.normalizing_flow import CNF, NormalizingFlow, PlanarField, PlanarFlow
from minicnn.ode import METHODS, StepUnderflow, odeint, odeint_adjoint
from minicnn.testing import check_grads

TIGHT = {"rtol": 1e-11, "atol": 1e-12}


def numbers(rng, *shape):
    return mc.tensor(rng.normal(size=shape))


def network(rng, n=3):
    """f(h, t) = tanh(W h + t b), as a function of (t, h), with W and b, which may be differentiated by."""
    w, b = (mc.tensor(rng.normal(size=s), requires_grad=True) for s in [(n, n), (n,)])
    return (lambda t, h: mc.tanh(w @ h + t * b)), w, b


@pytest.mark.equation("26.1")
@pytest.mark.parametrize("layers", [1, 4, 11])
def test_residual_layers_with_shared_weights_are_euler_s_method(rng, layers):
    f, _, _ = network(rng)
    x, delta = numbers(rng, 3), 2.0 / layers
    h = x
    for k in range(layers):
        h = h + delta * f(mc.tensor(np.array(k * delta)), h)
    found = odeint(f, x, [0.0, 2.0], method="euler", step_size=delta)[1]
    np.testing.assert_allclose(found.detach().numpy(), h.detach().numpy(), rtol=1e-12)
    exact = odeint(f, x, [0.0, 2.0], **TIGHT)[1]
    many = odeint(f, x, [0.0, 2.0], method="euler", step_size=1e-3)[1]
    assert abs(many - exact).max().item() < 0.01 < abs(h - exact).max().item() * (50 if layers > 4 else 1)


@pytest.mark.equation("26.2")
@pytest.mark.parametrize("seed", range(3))
def test_distances_of_solutions_grow_and_shrink_at_most_exponentially(seed):
    rng = np.random.default_rng(seed)
    f, w, _ = network(rng)
    k = np.linalg.norm(w.detach().numpy(), 2)  # tanh has slopes up to 1
    times = np.linspace(0, 2, 9)
    y, z = (odeint(f, start, times, **TIGHT).detach().numpy() for start in (numbers(rng, 3), numbers(rng, 3)))
    distance = np.linalg.norm(y - z, axis=1)
    assert (distance <= np.exp(k * times) * distance[0] * (1 + 1e-9)).all()
    assert (distance >= np.exp(-k * times) * distance[0] * (1 - 1e-9)).all()


@pytest.mark.equation("26.2")
def test_both_bounds_are_met_by_linear_slopes():
    for sign in (1, -1):
        y = odeint(lambda t, h, sign=sign: sign * 1.5 * h, mc.tensor(np.array([1.0, 3.0])), [0.0, 2.0], **TIGHT)[1].numpy()
        assert math.isclose(y[1] - y[0], 2 * math.exp(sign * 3.0), rel_tol=1e-8)


@pytest.mark.equation("26.2")
def test_flows_are_undone_backward_and_only_lipschitz_slopes_are_sure_to_have_one(rng):
    f, _, _ = network(rng)
    x = numbers(rng, 3)
    there = odeint(f, x, [0.0, 2.0], **TIGHT)[1]
    np.testing.assert_allclose(odeint(f, there, [2.0, 0.0], **TIGHT)[1].detach().numpy(), x.numpy(), atol=1e-8)
    with pytest.raises(StepUnderflow):  # h^2 is not Lipschitz: its solution 1 / (1 - t) escapes
        odeint(lambda t, h: h * h, mc.tensor(np.array([1.0])), [0.0, 1.5])
    for start in (-1.0, -0.25):  # sqrt|h| neither: solutions below 0 arrive there, and meet
        y = odeint(lambda t, h: mc.sqrt(abs(h)), mc.tensor(np.array([start])), [0.0, 2 * math.sqrt(-start) - 1e-3])[1]
        assert abs(y.item()) < 1e-5


@pytest.mark.equation("26.3")
@given(st.floats(0.2, 2), st.integers(1, 60), st.floats(0.2, 2))
def test_error_of_euler_keeps_below_its_bound(rate, steps, span):
    """h' = sin(K h) + cos t: Lipschitz K, and |h''| = |K cos(K h) h' - sin t| <= 2 K + 1."""
    def f(t, h):
        return mc.sin(rate * h) + mc.cos(t)

    x = mc.tensor(np.array([0.3]))
    error = abs(odeint(f, x, [0.0, span], method="euler", step_size=span / steps)[1] - odeint(f, x, [0.0, span])[1]).item()
    assert error <= span / steps * (2 * rate + 1) / (2 * rate) * math.expm1(rate * span) + 1e-6


@pytest.mark.equation("26.4")
@pytest.mark.parametrize("name", METHODS)
def test_a_step_in_loops_and_the_stability_polynomial(rng, name):
    tableau, h, dt = METHODS[name], rng.normal(size=3), 0.3
    f, w, b = network(rng)
    w, b = w.detach().numpy(), b.detach().numpy()
    ks = []
    for c, row in zip(tableau.c, tableau.a):
        inside = h + dt * sum((float(a) * k for a, k in zip(row, ks)), np.zeros(3))
        ks.append(np.tanh(w @ inside + (0.5 + float(c) * dt) * b))
    expected = h + dt * sum(float(b) * k for b, k in zip(tableau.b, ks))
    found = odeint(f, mc.tensor(h), [0.5, 0.5 + dt], method=name, step_size=dt)[1].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    z = 0.05
    growth = odeint(lambda t, y: z * y, mc.tensor(np.array([1.0])), [0.0, 1.0], method=name, step_size=1.0)[1].item()
    taylor = sum(z ** k / math.factorial(k) for k in range(tableau.order + 1))
    assert abs(growth - taylor) < (1e-15 if name != "dopri5" else z ** 6)


@pytest.mark.equation("26.5")
def test_error_estimate_is_of_order_5_in_the_step():
    sizes = []
    for h in (0.1, 0.05):
        seen = []
        odeint(lambda t, y: -y * mc.cos(t + y), mc.tensor(np.array([1.0])), [0.0, 1.0], rtol=0.0, atol=1.0, first_step=h,
               on_step=lambda *a, seen=seen: seen.append(a))
        sizes.append(seen[0][2])
    assert abs(math.log2(sizes[0] / sizes[1]) - 5) < 0.3


@pytest.mark.equation("26.6")
def test_dense_output_meets_the_solution_within_one_step_to_order_4():
    errors = []
    for h in (0.4, 0.2):
        times = np.linspace(0, h, 9)
        y = odeint(lambda t, y: y, mc.tensor(np.array([1.0])), times, rtol=0.0, atol=1.0, first_step=h)
        errors.append(abs(y.numpy()[:, 0] - np.exp(times))[1:-1].max())
    assert abs(math.log2(errors[0] / errors[1]) - 5) < 0.4  # of one step: one more than the order


def flow_jacobian(f, h, start, end):
    """d h(end) / d h(start), by differences of exact solutions."""
    result = np.empty((len(h), len(h)))
    for j in range(len(h)):
        moved = [odeint(f, mc.tensor(h + s * 1e-5 * np.eye(len(h))[j]), [start, end], **TIGHT)[1].detach().numpy() for s in (1, -1)]
        result[:, j] = (moved[0] - moved[1]) / 2e-5
    return result


@pytest.mark.equation("26.7")
def test_the_adjoint_is_dl_dh_at_every_time_and_obeys_its_equation(rng):
    f, w, b = network(rng)
    x, g, end = rng.normal(size=3), rng.normal(size=3), 1.5
    adjoint = {}
    for s in (0.2, 0.7 - 1e-4, 0.7, 0.7 + 1e-4):
        h = odeint(f, mc.tensor(x), [0.0, s], **TIGHT)[1].detach()
        leaf = h.clone().requires_grad_()
        adjoint[s] = mc.grad((odeint_adjoint(f, leaf, [s, end], **TIGHT)[1] * mc.tensor(g)).sum(), leaf)[0].numpy()
        np.testing.assert_allclose(adjoint[s], flow_jacobian(f, h.numpy(), s, end).T @ g, rtol=1e-6, atol=1e-8)
    slope = (adjoint[0.7 + 1e-4] - adjoint[0.7 - 1e-4]) / 2e-4
    h = odeint(f, mc.tensor(x), [0.0, 0.7], **TIGHT)[1].detach()
    jacobian = mc.jacobian(lambda y: f(mc.tensor(np.array(0.7)), y), h).numpy()
    np.testing.assert_allclose(slope, -jacobian.T @ adjoint[0.7], rtol=1e-4, atol=1e-6)


@pytest.mark.equation("26.8")
def test_the_parameters_gradient_is_the_integral_along_the_way(rng):
    """By a Simpson sum over exact h and a, against odeint_adjoint and against differences."""
    f, w, b = network(rng)
    x, g, n, options = mc.tensor(rng.normal(size=3)), rng.normal(size=3), 20, {"rtol": 1e-7, "atol": 1e-8}
    times = np.linspace(0, 1.5, n + 1)
    h = odeint(f, x, times, **TIGHT).detach()
    terms = []
    for t, state in zip(times, h):
        leaf = state.clone().requires_grad_()
        a = g if t == 1.5 else mc.grad((odeint_adjoint(f, leaf, [t, 1.5], **options)[1] * mc.tensor(g)).sum(), leaf)[0].numpy()
        terms.append(mc.grad(f(mc.tensor(np.array(t)), state), w, mc.tensor(a))[0].numpy())
    weights = np.array([1, *[4, 2] * (n // 2 - 1), 4, 1]) * 1.5 / n / 3
    integral = sum(c * term for c, term in zip(weights, terms))
    (found,) = mc.grad((odeint_adjoint(f, x, [0.0, 1.5], **options)[1] * mc.tensor(g)).sum(), w)
    np.testing.assert_allclose(found.numpy(), integral, rtol=1e-3, atol=1e-5)
    end_point = 1.5 * terms[-1]
    assert abs(end_point - integral).max() > 0.05  # not the product at the end alone


@pytest.mark.equation("26.9")
@pytest.mark.parametrize("solver", [odeint, odeint_adjoint])
def test_gradients_by_the_first_and_the_last_time(rng, solver):
    f, _, _ = network(rng)
    x, g = rng.normal(size=3), rng.normal(size=3)
    t = mc.tensor(np.array([0.3, 1.2]), requires_grad=True)
    leaf = mc.tensor(x, requires_grad=True)
    y = solver(f, leaf, t, **TIGHT)[1]
    by_time, a0 = (v.numpy() for v in mc.grad((y * mc.tensor(g)).sum(), [t, leaf]))
    slopes = [f(mc.tensor(np.array(s)), state).detach().numpy() for s, state in ((0.3, leaf), (1.2, y))]
    np.testing.assert_allclose(by_time, [-a0 @ slopes[0], g @ slopes[1]], rtol=1e-5)
    for k in range(2):
        moved = [(odeint(f, mc.tensor(x), np.array([0.3, 1.2]) + s * 1e-5 * np.eye(2)[k], **TIGHT)[1].detach().numpy() @ g)
                 for s in (1, -1)]
        assert math.isclose(by_time[k], (moved[0] - moved[1]) / 2e-5, rel_tol=1e-4, abs_tol=1e-6)


@pytest.mark.equation("26.10")
def test_the_whole_system_in_the_open_with_its_jumps(rng):
    """RK4 on (h, a, a_theta), h set back to the requested states and a jumping there, equals the library's adjoint."""
    f, w, b = network(rng)
    x, g, times = mc.tensor(rng.normal(size=3), requires_grad=True), rng.normal(size=(4, 3)), [0.0, 0.5, 0.9, 2.0]
    options = {"method": "rk4", "step_size": 0.1}
    y = odeint_adjoint(f, x, times, **options)
    found = mc.grad((y * mc.tensor(g)).sum(), [x, w, b])
    weight, bias = w.detach().numpy(), b.detach().numpy()

    def slopes(t, state):
        h, a = state[0], state[1]
        s = np.tanh(weight @ h + t * bias)
        return s, -weight.T @ ((1 - s * s) * a), -np.outer((1 - s * s) * a, h), -t * (1 - s * s) * a

    a, by_w, by_b = np.zeros(3), np.zeros((3, 3)), np.zeros(3)
    for i in (3, 2, 1):
        state, n = [y[i].detach().numpy(), a + g[i], by_w, by_b], round((times[i] - times[i - 1]) / 0.1)
        dt = (times[i - 1] - times[i]) / n
        for k in range(n):
            t, ks = times[i] + k * dt, []
            for c in (0, 0.5, 0.5, 1):
                ks.append(slopes(t + c * dt, [v + c * dt * k for v, k in zip(state, ks[-1])] if ks else state))
            state = [v + dt * (p + 2 * q + 2 * r + s) / 6 for v, p, q, r, s in zip(state, *ks)]
        _, a, by_w, by_b = state
    for ours, theirs in zip((a + g[0], by_w, by_b), found):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.equation("26.11")
@pytest.mark.parametrize("n", [5, 20])
def test_backprop_and_adjoint_of_euler_line_by_line(rng, n):
    f, w, _ = network(rng)
    x, g, delta = mc.tensor(rng.normal(size=3), requires_grad=True), rng.normal(size=3), 1.0 / n
    states = [x.detach()]
    for k in range(n):
        states.append((states[-1] + delta * f(mc.tensor(np.array(k * delta)), states[-1])).detach())

    def transposed(h, t, a):
        return mc.jacobian(lambda y: f(mc.tensor(np.array(t)), y), h).numpy().T @ a

    a = b = g
    h = states[-1]
    for k in reversed(range(n)):
        a = a + delta * transposed(states[k], k * delta, a)
        b = b + delta * transposed(h, (k + 1) * delta, b)
        h = (h - delta * f(mc.tensor(np.array((k + 1) * delta)), h)).detach()
    for expected, solver in ((a, odeint), (b, odeint_adjoint)):
        y = solver(f, x, [0.0, 1.0], method="euler", step_size=delta)[1]
        np.testing.assert_allclose(mc.grad((y * mc.tensor(g)).sum(), x)[0].numpy(), expected, rtol=1e-9)
    assert abs(a - b).max() > 1e-3


@pytest.mark.equation("26.11")
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 3), ("rk4", 5)])
def test_the_start_is_found_again_to_one_order_more_if_the_order_is_even(rng, method, order):
    f, _, _ = network(rng)
    x, lost = numbers(rng, 3), []
    for n in (20, 40):
        end = odeint(f, x, [0.0, 1.0], method=method, step_size=1 / n)[1]
        lost.append(abs(odeint(f, end, [1.0, 0.0], method=method, step_size=1 / n)[1] - x).max().item())
    assert abs(math.log2(lost[0] / lost[1]) - order) < 0.4


@pytest.mark.equation("26.11")
@given(st.floats(-2, 2), st.integers(1, 30))
def test_euler_up_and_back_loses_a_known_factor(rate, n):
    end = odeint(lambda t, h: rate * h, mc.tensor(np.array(1.0)), [0.0, 1.0], method="euler", step_size=1 / n)[1]
    back = odeint(lambda t, h: rate * h, end, [1.0, 0.0], method="euler", step_size=1 / n)[1].item()
    assert math.isclose(back, (1 - (rate / n) ** 2) ** n, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.equation("26.12")
def test_memory_of_adaptive_steps_too(rng):
    w, x = mc.tensor(rng.normal(size=(64, 64)) / 8, requires_grad=True), mc.tensor(rng.normal(size=(64, 64)), requires_grad=True)

    def peak(solver, longest):
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        options = {"rtol": 1e-3, "atol": 1e-3, "first_step": longest, "max_step": longest}
        solver(lambda t, h: mc.tanh(h @ w), x, [0.0, 1.0], **options)[1].sum().backward()
        most = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        return most

    peak(odeint_adjoint, 0.5)
    assert abs(peak(odeint_adjoint, 0.05) / peak(odeint_adjoint, 0.2) - 1) < 0.05
    assert peak(odeint, 0.05) > 3 * peak(odeint, 0.2)


@pytest.mark.equation("26.14")
def test_table_1_of_the_paper():
    def count(name, **options):
        return inspect.count_parameters(models.get_model(name, **options))

    assert count("mlp_mnist") == 784 * 300 + 300 + 300 * 10 + 10 == 238_510
    block, stride, equation, ends = 73_984, 78_080, 75_392, 640 + 778
    assert (block, stride) == (2 * 128 + 2 * 36_864, 2 * 128 + 2 * 36_864 + 4096)
    assert equation == 3 * 128 + 2 * (9 * 65 * 64 + 64)
    assert count("resnet_mnist") == ends + 2 * stride + 6 * block == 601_482
    assert count("resnet_mnist", downsampling="conv") == ends + 131_456 + 6 * block == 576_778
    assert count("odenet_mnist") == count("rknet_mnist") == ends + 2 * stride + equation == 232_970
    assert count("odenet_mnist", downsampling="conv") == ends + 131_456 + equation == 208_266
    assert f"{601_482 / 1e6:.2f}" == "0.60" and "0.22" not in (f"{232_970 / 1e6:.2f}", f"{208_266 / 1e6:.2f}")
    rknet, odenet = (models.get_model(name, width=8).double() for name in ("rknet_mnist", "odenet_mnist"))
    odenet.load_state_dict(rknet.state_dict())
    odenet.body.options.update(rtol=1e-5, atol=1e-5)
    rknet.body.options.update(step_size=0.05)
    x = mc.tensor(np.random.default_rng(0).normal(size=(1, 1, 12, 12)))
    with mc.no_grad():  # kinks of ReLU limit the order
        np.testing.assert_allclose(odenet(x).numpy(), rknet(x).numpy(), atol=1e-3)


@pytest.mark.equation("26.15")
def test_change_of_variables_against_a_law_that_is_known(rng):
    """z = mu + A z_0 of a normal z_0 is normal with covariance A A^T."""
    a, mu, z0 = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    z = mu + a @ z0
    log_p0 = -0.5 * z0 @ z0 - 1.5 * math.log(2 * math.pi)
    covariance = a @ a.T
    expected = -0.5 * (z - mu) @ np.linalg.solve(covariance, z - mu) - 0.5 * np.linalg.slogdet(2 * math.pi * covariance)[1]
    assert math.isclose(log_p0 - np.linalg.slogdet(a)[1], expected, rel_tol=1e-9)


def planar(rng, n, u=None):
    layer = PlanarFlow(n).double()
    for p in (layer.w, layer.u, layer.b):
        p.data[:] = rng.normal(size=p.shape) * 1.5
    if u is not None:
        layer.u.data[:] = u
    return layer


@pytest.mark.equation("26.16")
@pytest.mark.parametrize("n", [1, 2, 5])
def test_planar_log_determinant_against_the_dense_one(rng, n):
    layer, z = planar(rng, n), numbers(rng, 4, n)
    y, log_det = layer(z)
    for row, found in zip(z, log_det):
        dense = mc.jacobian(lambda t: layer(t.reshape(1, n))[0].reshape(n), row).numpy()
        assert math.isclose(found.item(), np.linalg.slogdet(dense)[1], rel_tol=1e-8, abs_tol=1e-10)
        assert np.linalg.det(dense) > 0
    check_grads(lambda z: layer(z)[1], z.numpy(), order=2, entries=2)


@pytest.mark.equation("26.17")
@given(st.floats(-30, 30), st.integers(1, 4), st.integers(0, 5))
def test_the_bent_u_keeps_w_u_above_minus_one_and_changes_it_along_w_only(inner, n, seed):
    rng = np.random.default_rng(seed)
    layer = planar(rng, n)
    w = layer.w.detach().numpy()
    u = rng.normal(size=n)
    u += (inner - w @ u) * w / (w @ w)
    layer.u.data[:] = u
    bent = layer.direction().detach().numpy()
    assert w @ bent >= -1 - 1e-9 and math.isclose(w @ bent, np.logaddexp(0, inner) - 1, rel_tol=1e-6, abs_tol=1e-9)
    rest = bent - u
    np.testing.assert_allclose(rest - (rest @ w) * w / (w @ w), 0, atol=1e-9 * (1 + abs(inner)))


@pytest.mark.equation("26.17")
def test_the_constraint_is_what_makes_it_injective(rng):
    """Below -1 two points meet, found as in the proof; bent, the same u gives a map that is undone."""
    w, u, b = rng.normal(size=2), rng.normal(size=2), 0.3
    u += (-2.5 - w @ u) * w / (w @ w)
    across = u + 2.5 * w / (w @ w)
    alpha = 3.0
    for _ in range(100):  # alpha + b = 2.5 tanh(alpha + b) / 1, so that g(alpha) = g(-b) = -b
        alpha = 2.5 * math.tanh(alpha + b) - b
    points = [s * w / (w @ w) - across * math.tanh(s + b) for s in (alpha, -b)]
    images = [z + u * math.tanh(w @ z + b) for z in points]
    np.testing.assert_allclose(images[0], images[1], atol=1e-9)
    assert np.linalg.norm(points[0] - points[1]) > 0.5
    layer = planar(rng, 2)
    layer.w.data[:], layer.u.data[:], layer.b.data[:] = w, u, b
    y = layer(mc.tensor(np.array(points)))[0].detach()
    assert np.linalg.norm(y.numpy()[0] - y.numpy()[1]) > 0.1
    np.testing.assert_allclose(layer.inverse(y).numpy(), points, atol=1e-8)


@pytest.mark.equation("26.18")
def test_kl_is_not_negative_zero_for_the_target_itself_and_asymmetric(rng):
    p, q = rng.random(7), rng.random(7)
    p, q = p / p.sum(), q / q.sum()

    def kl(q, p):
        return (q * np.log(q / p)).sum()

    assert kl(q, p) > 0 and kl(p, q) > 0 and abs(kl(q, p) - kl(p, q)) > 1e-3 and kl(p, p) == 0
    target = data.GaussianMixture([(0.0, 0.0)], 1.0)  # the base of a flow that does nothing
    flow = NormalizingFlow(2, 3)
    for layer in flow.layers:
        layer.u.data[:] = layer.w.data * math.log(math.e - 1) / (layer.w.data ** 2).sum()  # softplus(w u) = 1: bent to 0
    x, log_q = flow.sample(1000)
    assert abs((log_q - target.log_prob(x)).mean().item()) < 1e-3


@pytest.mark.equation("26.19")
@pytest.mark.parametrize("trace", ["closed", "exact"])
def test_the_log_density_changes_by_the_log_determinant_of_the_whole_flow(rng, trace):
    options = {"rtol": 1e-8, "atol": 1e-9}
    flow = CNF(2, PlanarField(2, 5), trace=trace, **options).double()
    for p in flow.parameters():
        p.data *= 2.0
    z = numbers(rng, 2, 2)
    with mc.no_grad():
        x, log_q = flow(z)
        np.testing.assert_allclose(flow.log_prob(x).numpy(), log_q.numpy(), rtol=1e-6)
    for row, found in zip(z, log_q - flow_base(z)):
        dense = mc.jacobian(lambda t: odeint(flow.field, t.reshape(1, 2), [0.0, 1.0], **options)[1].reshape(2), row).numpy()
        assert math.isclose(found.item(), -np.linalg.slogdet(dense)[1], rel_tol=1e-5, abs_tol=1e-7)


def flow_base(z):
    return -0.5 * (z * z).sum(dim=1) - math.log(2 * math.pi)


@pytest.mark.equation("26.19")
def test_a_linear_field_has_its_known_density():
    """z' = A z: z(1) = e^A z(0), and log p falls by tr A."""
    a = np.array([[0.3, -1.0], [0.5, -0.7]])
    matrix = mc.tensor(a)
    flow = CNF(2, lambda t, z: z @ matrix.t(), trace="exact", **TIGHT)
    z = mc.tensor(np.array([[0.4, -1.2], [2.0, 0.1]]))
    x, log_q = (v.detach() for v in flow(z))
    power, exponential = np.eye(2), np.zeros((2, 2))
    for k in range(30):
        exponential += power / math.factorial(k)
        power = power @ a
    np.testing.assert_allclose(x.numpy(), z.numpy() @ exponential.T, rtol=1e-7)
    np.testing.assert_allclose(log_q.numpy(), flow_base(z).numpy() - np.trace(a), rtol=1e-8)


@pytest.mark.equation("26.20")
def test_hutchinson_by_all_signs_there_are(rng):
    n = 4
    a = rng.normal(size=(n, n))
    signs = np.array(np.meshgrid(*[[-1, 1]] * n)).reshape(n, -1).T
    draws = np.einsum("ki,ij,kj->k", signs, a, signs)
    s = (a + a.T) / 2
    assert math.isclose(draws.mean(), np.trace(a), abs_tol=1e-12)
    assert math.isclose(draws.var(), 2 * ((s ** 2).sum() - (np.diag(s) ** 2).sum()), rel_tol=1e-12)


@pytest.mark.equation("26.20")
def test_hutchinson_in_the_library_is_unbiased(rng):
    flow, z, t = CNF(3, PlanarField(3, 6), trace="exact").double(), numbers(rng, 2, 3), mc.tensor(np.array(0.4))
    exact = flow.slope_and_trace(t, z)[1].detach().numpy()
    flow.trace = "hutchinson"
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    draws = [flow.slope_and_trace(t, z, mc.tensor(np.tile(s, (2, 1))))[1].detach().numpy() for s in signs]
    np.testing.assert_allclose(np.mean(draws, axis=0), exact, atol=1e-12)
    assert np.std(draws, axis=0).min() > 1e-3


@pytest.mark.equation("26.21")
def test_the_trace_of_a_planar_field_is_that_of_its_jacobian(rng):
    field, z, t = PlanarField(3, 7).double(), numbers(rng, 4, 3), mc.tensor(np.array(0.3))
    f, trace = field.trace(t, z)
    np.testing.assert_allclose(f.detach().numpy(), field(t, z).detach().numpy(), rtol=1e-12)
    w, b, u = (p.detach().numpy() for p in (field.inward.weight, field.inward.bias, field.outward.weight))
    gate = field.gate(t.reshape(1, 1)).detach().numpy()[0]
    assert ((gate > 0) & (gate < 1)).all()
    for row, slope, found in zip(z, f, trace):
        expected = sum(gate[n] * u[:, n] * np.tanh(w[n] @ row.numpy() + b[n]) for n in range(7))
        np.testing.assert_allclose(slope.detach().numpy(), expected, rtol=1e-10)
        dense = mc.jacobian(lambda y: field(t, y.reshape(1, 3)).reshape(3), row).numpy()
        assert math.isclose(found.item(), np.trace(dense), rel_tol=1e-9)


@pytest.mark.equation("26.22")
def test_the_bound_by_numerical_integration(rng):
    """One latent number z, one observation x = z + noise: the bound lies below log p(x), and meets it where q is the posterior."""
    x, noise = 0.7, 0.5
    evidence = -0.5 * x * x / (1 + noise ** 2) - 0.5 * math.log(2 * math.pi * (1 + noise ** 2))
    z = np.linspace(-12, 12, 200_001)

    def bound(mean, std):
        q = np.exp(-0.5 * ((z - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))
        likelihood = -0.5 * ((x - z) / noise) ** 2 - math.log(noise * math.sqrt(2 * math.pi))
        log_ratio = np.log(np.maximum(q, 1e-300)) + 0.5 * z * z + 0.5 * math.log(2 * math.pi)
        kl = 0.5 * (mean ** 2 + std ** 2 - 1 - math.log(std ** 2))
        assert math.isclose((q * log_ratio).sum() * (z[1] - z[0]), kl, rel_tol=1e-6, abs_tol=1e-9)
        return (q * likelihood).sum() * (z[1] - z[0]) - kl

    for mean, std in ((0.0, 1.0), (0.5, 0.2), (-1.0, 2.0)):
        assert bound(mean, std) < evidence - 1e-3
    assert math.isclose(bound(x / (1 + noise ** 2), noise / math.sqrt(1 + noise ** 2)), evidence, rel_tol=1e-7)


@pytest.mark.equation("26.22")
def test_the_loss_of_the_latent_ode_is_minus_the_bound(rng):
    """In the open, with the same draw."""
    model = models.LatentODE(noise=0.3, rtol=1e-5, atol=1e-5)
    moments = np.linspace(0, 1, 6)
    which = np.array([[0, 2, 5], [1, 3, 4]])
    x = mc.tensor(rng.normal(size=(2, 3, 2)).astype(np.float32))
    t = mc.tensor(moments[which].astype(np.float32))
    mc.manual_seed(3)
    loss, shown = model(x, t, moments, mc.tensor(which))
    mean, log_var = (v.detach().numpy() for v in model.encode(x, t))
    mc.manual_seed(3)
    z0 = mean + np.exp(log_var / 2) * mc.randn(2, 4).numpy()
    np.testing.assert_allclose(model.predict(mc.tensor(z0), moments).detach().numpy(), shown.detach().numpy(), rtol=1e-4, atol=1e-5)
    total = 0.0
    for i in range(2):
        for k, j in enumerate(which[i]):
            error = (x.numpy()[i, k] - shown.detach().numpy()[j, i]) / 0.3
            total += 0.5 * (error ** 2).sum() + 2 * math.log(0.3 * math.sqrt(2 * math.pi))
        total += 0.5 * (mean[i] ** 2 + np.exp(log_var[i]) - 1 - log_var[i]).sum()
    assert math.isclose(loss.item(), total / 2, rel_tol=1e-4)


def test_e38_the_row_beside_the_column_and_the_two_sides_of_kl(rng):
    """a^T f' and f'^T a have the same numbers as a row and a column; f' a, which one may read into the printed line, has others.
    And the flow's own draws estimate KL(flow || target): the other order needs draws of the target."""
    f, w, _ = network(rng)
    h, a = rng.normal(size=3), rng.normal(size=3)
    jacobian = mc.jacobian(lambda y: f(mc.tensor(np.array(0.2)), y), mc.tensor(h)).numpy()
    np.testing.assert_allclose(a @ jacobian, jacobian.T @ a)
    assert abs(jacobian @ a - jacobian.T @ a).max() > 0.1
    column = a.reshape(3, 1)
    assert (column.T @ jacobian).shape == (1, 3) != column.shape  # the printed sides do not fit
    q, p = data.GaussianMixture([(0.0, 0.0)], 0.5), data.GaussianMixture([(0.0, 0.0)], 1.0)
    x = mc.tensor(q.sample(20_000, mc.Generator(0)))
    estimate = (q.log_prob(x) - p.log_prob(x)).mean().item()

    def exact(s, r):
        return 2 * (math.log(r / s) + s * s / (2 * r * r) - 0.5)

    assert abs(estimate - exact(0.5, 1.0)) < 0.02 < abs(estimate - exact(1.0, 0.5))
