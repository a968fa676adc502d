"""The checks themselves: right rules pass, each kind of wrong rule is caught, and the message says where."""

import re

import numpy as np
import pytest

import minicnn as mc
from minicnn.autograd import primitive
from minicnn.errors import InputError
from minicnn.ops.elementwise import where
from minicnn.testing import GradientMismatch, check_adjoint, check_grads, check_jvp


def cube(rule):
    @primitive
    def cube(x):
        return x * x * x

    return cube.defvjp(x=rule)


def test_right_rule_passes_at_order_three(rng):
    check_grads(cube(lambda g, x: g * (3 * (x * x))), rng.normal(size=(2, 3)), order=3)


@pytest.mark.parametrize("rule", [
    lambda g, x: g * (3.001 * (x * x)),
    lambda g, x: -g * (3 * (x * x)),
    lambda g, x: g * (2 * (x * x)),
    lambda g, x: g * (3 * x),
], ids=["factor", "sign", "power rule", "dropped term"])
def test_wrong_first_order_rules_are_caught(rule, rng):
    with pytest.raises(GradientMismatch, match=r"cube: derivative of argument 0 .* rule .* difference"):
        check_grads(cube(rule), rng.normal(size=(2, 3)))


def test_a_rule_that_is_right_once_but_not_twice_is_caught_at_order_two(rng):
    """Detaching inside a rule gives right gradients and silently wrong second derivatives."""

    def detached(g, x):
        return g * (3 * (x.detach() * x.detach() if hasattr(x, "detach") else x * x))

    check_grads(cube(detached), rng.normal(size=3))
    with pytest.raises(GradientMismatch, match="gradient of cube by argument 0"):
        check_grads(cube(detached), rng.normal(size=3), order=2)


def test_a_single_wrong_entry_is_caught_by_the_random_direction(rng):
    def one_off(g, x):
        c = g * (3 * (x * x))
        c.flat[77] = 0
        return c

    with pytest.raises(GradientMismatch, match="random direction"):
        check_grads(cube(one_off), rng.normal(size=100) + 2, entries=1)


def test_a_kink_is_reported_as_such():
    with pytest.raises(GradientMismatch, match="kink"):
        check_grads(lambda x: x.relu(), np.array([0.0, 1.0]))


def test_a_detached_argument_is_a_mismatch(rng):
    with pytest.raises(GradientMismatch):
        check_grads(lambda a, b: a * b.detach(), rng.normal(size=3), rng.normal(size=3))


def test_integers_are_refused():
    with pytest.raises(InputError, match="check_grads: argument 0"):
        check_grads(lambda x: x * 2, np.arange(3))


def test_empty_arrays_pass(rng):
    check_grads(lambda x: x.exp(), np.zeros((0, 3)), order=2)


def test_check_adjoint(rng):
    a, x, g = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
    check_adjoint(lambda v: a @ v, lambda u: a.T @ u, x, g)
    with pytest.raises(GradientMismatch, match="<Ax, g>"):
        check_adjoint(lambda v: a @ v, lambda u: (a.T + 1e-9) @ u, x, g)
    with pytest.raises(GradientMismatch, match="shapes"):
        check_adjoint(lambda v: a @ v, lambda u: u, x, g)


def test_check_jvp(rng):
    check_jvp(lambda x, y: mc.sin(x) * y, rng.normal(size=3), rng.normal(size=3))


@pytest.mark.parametrize("part", [0.0, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.4, 0.45, 0.7, 0.9, -0.3, -0.9])
def test_a_kink_anywhere_within_the_step_is_reported(part):
    place, wrong = 0.5 + part * 6e-6, primitive(lambda x: x * 1.0)
    wrong.defvjp(x=lambda g: g * 3)
    with pytest.raises(GradientMismatch, match="a kink lies within the step"):
        check_grads(lambda u: (wrong(u) - place).abs() + wrong(u).sin(), np.array([0.5]))


def test_beside_a_kink_the_right_slope_passes_and_across_it_the_error_says_why():
    check_grads(lambda u: (u - 0.5 - 5e-6).abs(), np.array([0.5]))
    with pytest.raises(GradientMismatch, match="a kink lies within the step"):
        check_grads(lambda u: (u - 0.5 - 1e-6).abs(), np.array([0.5]))


@pytest.mark.parametrize("f", [lambda u: u**3 + 5, lambda u: (30 * u).cos() * 100, lambda u: u + 1e6, lambda u: (100 * u).tanh()])
def test_a_smooth_function_with_a_wrong_rule_is_not_called_kinked(f):
    wrong = primitive(lambda x: x * 1.0)
    wrong.defvjp(x=lambda g: g * 1.01)
    with pytest.raises(GradientMismatch) as caught:
        check_grads(lambda u: f(wrong(u)), np.array([0.01]))
    assert "kink" not in str(caught.value)


def test_the_message_names_argument_entry_both_numbers_and_the_noise_floor():
    wrong = primitive(lambda u, w: u * w)
    wrong.defvjp(u=lambda g, w: g * w, w=lambda g, u: g * u * where(u > 2.5, 2.0, 1.0))
    with pytest.raises(GradientMismatch) as caught:
        check_grads(wrong, np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.5, 2.5]))
    text = str(caught.value)
    found = re.search(r"argument 1 \(w\) at entry \(2,\) \(order 1\): rule (\S+), difference (\S+), noise floor (\S+)$", text)
    assert float(found[1]) == pytest.approx(2 * float(found[2])) and 0 < float(found[3]) < 1e-8
