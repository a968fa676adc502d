"""grad, vjp, jvp, jacobian, hessian, hvp and checkpoint, against closed forms and against each other."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import GraphError, InputError


def f(x):
    return (x.sin() * x.exp()).sum()


def test_grad_leaves_grad_fields_alone_and_reports_unused(rng):
    x, w = mc.Tensor(rng.normal(size=3), requires_grad=True), mc.Tensor(rng.normal(size=3), requires_grad=True)
    y = (x * x).sum()
    (g,) = mc.grad(y, x, retain_graph=True)
    np.testing.assert_allclose(g.data, 2 * x.data)
    assert x.grad is None
    with pytest.raises(GraphError, match="input 1"):
        mc.grad(y, [x, w], retain_graph=True)
    assert mc.grad(y, [x, w], allow_unused=True)[1] is None


def test_grad_of_interior_tensor(rng):
    x = mc.Tensor(rng.normal(size=3), requires_grad=True)
    h = x.exp()
    gh, gx = mc.grad((h * h).sum(), [h, x])
    np.testing.assert_allclose(gh.data, 2 * h.data)
    np.testing.assert_allclose(gx.data, 2 * h.data**2)


def test_derivatives_of_every_order_of_a_power():
    """d^k/dx^k of x^6 at 1.5."""
    x = mc.Tensor(np.array(1.5), requires_grad=True)
    y, expected = x**6, 1.5**6
    for k in range(6):
        (y,) = mc.grad(y, x, create_graph=True)
        expected = expected * (6 - k) / 1.5
        assert y.item() == pytest.approx(expected, rel=1e-12)


def test_backward_with_create_graph_makes_grad_differentiable():
    x = mc.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    g, x.grad = x.grad, None
    g.sum().backward()
    np.testing.assert_allclose(x.grad.data, 6 * x.data)


def test_jvp_and_vjp_agree_with_the_jacobian(rng):
    x, v, a = rng.normal(size=3), rng.normal(size=3), mc.Tensor(rng.normal(size=(4, 3)))

    def g(t):
        return (a @ t).tanh()

    jac = mc.jacobian(g, mc.Tensor(x)).data
    expected = (1 - np.tanh(a.data @ x) ** 2)[:, None] * a.data
    np.testing.assert_allclose(jac, expected, rtol=1e-12)
    np.testing.assert_allclose(mc.jvp(g, mc.Tensor(x), mc.Tensor(v))[1].data, expected @ v, rtol=1e-12)
    u = rng.normal(size=4)
    np.testing.assert_allclose(mc.vjp(g, mc.Tensor(x))[1](mc.Tensor(u))[0].data, u @ expected, rtol=1e-12)


def test_hessian_and_hvp(rng):
    x, v = mc.Tensor(rng.normal(size=4)), mc.Tensor(rng.normal(size=4))
    expected = np.diag(2 * np.cos(x.data) * np.exp(x.data))
    np.testing.assert_allclose(mc.hessian(f, x).data, expected, atol=1e-12)
    value, product = mc.hvp(f, x, v)
    np.testing.assert_allclose(product.data, expected @ v.data, rtol=1e-12)
    assert value.item() == pytest.approx(f(x).item())


def test_hessian_of_a_function_of_several_entries_is_symmetric(rng):
    a = mc.Tensor(rng.normal(size=(3, 3)))
    h = mc.hessian(lambda t: ((a @ t).tanh() * t).sum(), mc.Tensor(rng.normal(size=3))).data
    np.testing.assert_allclose(h, h.T, atol=1e-12)


def test_functions_that_do_not_depend_on_the_input():
    x = mc.Tensor(np.ones(2))
    assert not mc.jacobian(lambda t: mc.Tensor(np.ones(3)), x).data.any()
    assert not mc.hessian(lambda t: (t * 3).sum(), x).data.any()
    assert not mc.jvp(lambda t: mc.Tensor(np.ones(3)), x, x)[1].data.any()


def test_jvp_of_what_does_not_depend_on_x_is_zero_even_at_infinity():
    x, v = mc.Tensor(np.ones(3)), mc.Tensor(np.ones(3))
    constant = mc.Tensor(np.array([1.0, np.inf, np.nan]))
    for f in (lambda t: constant, lambda t: constant + 0 * t.detach(), lambda t: constant + t.floor()):
        np.testing.assert_array_equal(mc.jvp(f, x, v)[1].numpy(), np.zeros(3))


def test_pullbacks_are_recorded_only_when_asked():
    x = mc.Tensor(np.ones(3))
    for create_graph in (False, True):
        y, pullback = mc.vjp(lambda t: t * t * t, x, create_graph=create_graph)
        assert pullback(mc.ones_like(y))[0].requires_grad is create_graph


def test_jvp_of_a_function_that_ignores_an_input(rng):
    x, w, v = (mc.Tensor(rng.normal(size=3)) for _ in range(3))
    y, jv = mc.jvp(lambda x, w: x * x, [x, w], [v, v])
    np.testing.assert_allclose(jv.numpy(), 2 * x.numpy() * v.numpy())


def test_jvp_checks_shapes():
    with pytest.raises(InputError, match="jvp: vs must be of the inputs' shapes"):
        mc.jvp(f, mc.Tensor(np.ones(2)), mc.Tensor(np.ones(3)))


# ------------------------------------------------------------------------------------------------- checkpoint

@pytest.fixture
def net(rng):
    w = [mc.Tensor(rng.normal(size=(3, 3)), requires_grad=True) for _ in range(3)]
    x = mc.Tensor(rng.normal(size=(2, 3)), requires_grad=True)

    def block(t):
        for matrix in w:
            t = (t @ matrix).tanh()
        return t

    return block, x, w


def test_checkpoint_gives_the_same_value_and_gradients(net):
    block, x, w = net
    plain, kept = block(x), mc.checkpoint(block, x)
    np.testing.assert_array_equal(plain.data, kept.data)
    expected = mc.grad((plain * plain).sum(), [x, *w])
    found = mc.grad((kept * kept).sum(), [x, *w])
    for a, b in zip(expected, found):
        np.testing.assert_array_equal(a.data, b.data)


def test_checkpoint_at_second_order(net):
    block, x, w = net

    def penalty(function):
        (g,) = mc.grad(function(x).sum(), x, create_graph=True)
        return mc.grad((g * g).sum(), [x, *w])

    for a, b in zip(penalty(block), penalty(lambda t: mc.checkpoint(block, t))):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


def test_checkpoint_repeats_random_draws_and_leaves_the_stream_where_it_was(rng):
    x = mc.Tensor(rng.normal(size=100), requires_grad=True)

    def noisy(t):
        return t * mc.Tensor(mc.randn(100).data.astype(np.float64))

    mc.manual_seed(5)
    y = noisy(x)
    after_plain = mc.rand(1).item()
    (expected,) = mc.grad(y.sum(), x)
    mc.manual_seed(5)
    y = mc.checkpoint(noisy, x)
    assert mc.rand(1).item() == after_plain
    (found,) = mc.grad(y.sum(), x)
    np.testing.assert_array_equal(found.data, expected.data)


def test_checkpoint_keeps_no_intermediate_results(net):
    block, x, _ = net
    y = mc.checkpoint(block, x)
    assert y._node.name == "recompute" and all(edge.is_leaf for edge in y._node.next_functions)


def test_checkpoint_without_gradients(net):
    block, x, _ = net
    with mc.no_grad():
        assert not mc.checkpoint(block, x).requires_grad


def test_grad_leaves_no_graph_and_refuses_unused_inputs_unless_asked():
    a, b = (mc.Tensor(np.array([1.0, 2.0]), requires_grad=True) for _ in range(2))
    y = (a * a).sum()
    (g,) = mc.grad(y, (a,), retain_graph=True)
    assert not g.requires_grad
    with pytest.raises(GraphError, match="grad"):
        mc.grad(y, (b,), retain_graph=True)
    assert mc.grad(y, (b,), allow_unused=True) == (None,)
