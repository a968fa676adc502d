"""Chapter 26: what is checked. Run `pytest lessons/ch26_neural_ode`."""

from minicnn.teaching.grader import Check, exercise_tests


def states(rng):
    """h, t, dt, W, b: steps forward and backward, times of both signs, one unit."""
    for n, t, dt in ((3, 0.4, 0.7), (5, -0.3, -0.5), (1, 1.1, 0.9)):
        yield rng.normal(size=n), t, dt, rng.normal(size=(n, n)), rng.normal(size=n)


def ends(rng):
    """h_end, a_end, t0, t1, steps, W, b: few steps, so that what is exact only in the limit shows; t1 before t0 once."""
    for n, t0, t1, steps in ((3, 0.2, 1.3, 2), (4, -0.5, 0.6, 3), (2, 1.0, 0.1, 2), (1, 0.0, 0.8, 1)):
        yield rng.normal(size=n), rng.normal(size=n), t0, t1, steps, rng.normal(size=(n, n)), rng.normal(size=n)


def many_steps(rng):
    """Enough of them for the gradient to be right; a hand-in may not be slow."""
    yield rng.normal(size=3), rng.normal(size=3), 0.3, 1.7, 40, rng.normal(size=(3, 3)), rng.normal(size=3)


def flows(rng):
    """z, u, w, b with w u well above -1, where the bend is small but there."""
    for m, n in ((4, 3), (1, 2), (5, 1)):
        w = rng.normal(size=n)
        yield rng.normal(size=(m, n)), rng.normal(size=n) * 0.3 + 0.8 * w / (w @ w), w, rng.normal()


def folds(rng):
    """z, u, w, b with w u < -1, where the flow without the bend would fold; b so that the fold is met."""
    for m, n in ((6, 3), (5, 2)):
        w, z = rng.normal(size=n), rng.normal(size=(m, n))
        u = rng.normal(size=n)
        u += (-rng.uniform(2, 4) - w @ u) * w / (w @ w)
        yield z, u, w, float(-(z @ w)[0] + 0.05)


def large(rng):
    """w u so large that e^(w u) is beyond floating point."""
    w = rng.normal(size=2)
    yield rng.normal(size=(3, 2)), 800 * w / (w @ w), w, rng.normal()


CHECKS = [
    Check("rk4_step", "26.4", states, points=2),
    Check("adjoint_rk4", "26.10", ends, points=3, about="few steps"),
    Check("adjoint_rk4", "26.8", many_steps, points=2, about="many steps"),
    Check("planar_flow", "26.16", flows, points=2),
    Check("planar_flow", "26.17", folds, points=2, about="where it would fold"),
    Check("planar_flow", "26.17", large, about="w u = 800"),
]

test_exercise = exercise_tests(__file__, CHECKS)
