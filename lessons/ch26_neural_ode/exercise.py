"""Chapter 26, homework: the adjoint, and a flow.

Write the three functions; `pytest lessons/ch26_neural_ode` or `minicnn check 26` grades them. All arrays are NumPy's, float64. The
equation of the first two is dh/dt = f(h, t) = tanh(W h + t b), below, and what backprop through f alone gives stands beside it.
"""

import numpy as np


def f(h, t, w, b):
    """The slope tanh(W h + t b). h: (n,). w: (n, n). b: (n,)."""
    return np.tanh(w @ h + t * b)


def f_products(h, t, w, b, a):
    """((df/dh)^T a, (df/dW)^T a, (df/db)^T a), of the shapes of h, W and b."""
    s = (1 - f(h, t, w, b) ** 2) * a
    return w.T @ s, np.outer(s, h), t * s


def rk4_step(h, t, dt, w, b):
    """One step of RK4, (26.4), for dh/dt = f(h, t).

    h: (n,), the state at time t. dt: the step; it may be negative. Returns the state at t + dt, (n,).
    Hint: four slopes, at t, twice at t + dt/2, and at t + dt; each is taken where the one before leads.
    """
    raise NotImplementedError("to do")


def adjoint_rk4(h_end, a_end, t0, t1, steps, w, b):
    """(h0, a0, dW, db): the state and the adjoint at t0, and the gradients of W and b, (26.7), (26.8) and (26.10).

    h_end, a_end: (n,), state and dL/dh at time t1. Solve backward from t1 to t0 by `steps` equal steps of RK4, for h, a and the
    two gradients together, all of them in each of the four slopes. Nothing of the forward pass is there to be used.
    Hint: write the four slopes for the tuple (h, a, gW, gb), of which gW and gb begin at 0. Time runs backward: dt < 0.
    """
    raise NotImplementedError("to do")


def planar_flow(z, u, w, b):
    """(z', log |det dz'/dz|) of a planar flow, (26.16), made invertible by (26.17).

    z: (m, n), one point a row. u, w: (n,), w not 0. b: a number. First bend u so that w u > -1, then use it for both results.
    Returns (m, n) and (m,). Hint: np.logaddexp(0, x) is log(1 + e^x), also for large x.
    """
    raise NotImplementedError("to do")
