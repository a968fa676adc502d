"""Chapter 26: the library's own answers, and typical wrong ones with the idea that each misses."""

import numpy as np

import minicnn as mc
from minicnn.models.normalizing_flow import PlanarFlow
from minicnn.ode import odeint
from minicnn.teaching.grader import Wrong


def f(h, t, w, b):
    """tanh(W h + t b), on arrays or tensors."""
    return mc.tanh(w @ h + t * b) if isinstance(h, mc.Tensor) else np.tanh(w @ h + t * b)


def f_products(h, t, w, b, a):
    """((df/dh)^T a, (df/dW)^T a, (df/db)^T a)."""
    s = (1 - f(h, t, w, b) ** 2) * a
    return w.T @ s, np.outer(s, h), t * s


# --------------------------------------------------------------------------------------------------------------- rk4_step


def rk4_step(h, t, dt, w, b):
    """The library's odeint."""
    w, b = mc.tensor(w), mc.tensor(b)
    return odeint(lambda s, y: f(y, s, w, b), mc.tensor(h), [t, t + dt], method="rk4")[1].numpy()


def step(h, t, dt, w, b, c=(0.0, 0.5, 0.5, 1.0), a=((), (0.5,), (0, 0.5), (0, 0, 1.0)), weights=(1 / 6, 1 / 3, 1 / 3, 1 / 6)):
    """A Runge-Kutta step with any table, for faults to choose."""
    ks = []
    for ci, row in zip(c, a):
        ks.append(f(h + dt * sum(x * k for x, k in zip(row, ks)), t + ci * dt, w, b))
    return h + dt * sum(x * k for x, k in zip(weights, ks))


def without_dt_inside(h, t, dt, w, b):
    """The slopes are not multiplied by the step where they are used."""
    k1 = f(h, t, w, b)
    k2 = f(h + k1 / 2, t + dt / 2, w, b)
    k3 = f(h + k2 / 2, t + dt / 2, w, b)
    return h + dt * (k1 + 2 * k2 + 2 * k3 + f(h + k3, t + dt, w, b)) / 6


WRONG_STEP = [
    ("one slope is Euler's method; RK4 averages four", {"c": (0,), "a": ((),), "weights": (1,)}),
    ("two slopes, the second in the middle, are the midpoint method; RK4 averages four",
     {"c": (0, 0.5), "a": ((), (0.5,)), "weights": (0, 1)}),
    ("two slopes, at both ends, are Heun's method; RK4 averages four", {"c": (0, 1), "a": ((), (1,)), "weights": (0.5, 0.5)}),
    ("the four slopes do not count alike: the weights are 1, 2, 2, 1, over 6", {"weights": (0.25,) * 4}),
    ("the weights add up to one: divide 1, 2, 2, 1 by 6", {"weights": (1, 2, 2, 1)}),
    ("the middle slopes count twice, the outer ones once", {"weights": (1 / 3, 1 / 6, 1 / 6, 1 / 3)}),
    ("the third slope is taken where the second leads, not where the first does",
     {"a": ((), (0.5,), (0.5,), (0, 0, 1.0))}),
    ("the fourth slope is taken a whole step ahead, not half a step", {"a": ((), (0.5,), (0, 0.5), (0, 0, 0.5))}),
    ("the two middle slopes are taken half a step ahead, not a whole step", {"a": ((), (1.0,), (0, 1.0), (0, 0, 1.0))}),
    ("every slope has its own time: t, t + dt/2 twice, t + dt", {"c": (0, 0, 0, 0)}),
    ("the middle slopes are at time t + dt/2, not t + dt", {"c": (0, 1, 1, 1)}),
    ("the last slope is at time t + dt, not t + dt/2", {"c": (0, 0.5, 0.5, 0.5)}),
    ("all four slopes are taken at h: each belongs where the one before leads", {"a": ((), (0,), (0, 0), (0, 0, 0))}),
    ("this is the 3/8 rule, also of order 4, but another method", {
        "c": (0, 1 / 3, 2 / 3, 1), "a": ((), (1 / 3,), (-1 / 3, 1), (1, -1, 1)), "weights": (1 / 8, 3 / 8, 3 / 8, 1 / 8)}),
]
STEPS = [*((idea, lambda h, t, dt, w, b, table=table: step(h, t, dt, w, b, **table)) for idea, table in WRONG_STEP),
         ("a slope moves h by dt times it, inside the step too", without_dt_inside),
         ("the step may be negative: dt is to be used with its sign", lambda h, t, dt, w, b: step(h, t, abs(dt), w, b)),
         ("the result is the new state, not the change of the old one", lambda h, t, dt, w, b: step(h, t, dt, w, b) - h)]


# ------------------------------------------------------------------------------------------------------------ adjoint_rk4


def adjoint_rk4(h_end, a_end, t0, t1, steps, w, b):
    """The library's odeint, on the whole of (26.10)."""
    tw, tb = mc.tensor(w), mc.tensor(b)

    def slopes(t, state):
        h, a, _, _ = state
        s = (1 - f(h, t, tw, tb) ** 2) * a
        return f(h, t, tw, tb), -(tw.t() @ s), -mc.outer(s, h), -t * s

    state = (mc.tensor(h_end), mc.tensor(a_end), mc.zeros_like(tw), mc.zeros_like(tb))
    return tuple(x[1].numpy() for x in odeint(slopes, state, [t1, t0], method="rk4", step_size=abs(t1 - t0) / steps))


def backward(h, a, t0, t1, steps, w, b, sign_a=-1, sign_p=-1, transpose=True, freeze=None, clock=None, direction=1, stages="rk4",
             no_time=False):
    """The backward solve with faults to choose. freeze: "end", h never moves; "step", h stays within a step; "up", f's sign."""
    state, dt = [h, a, np.zeros_like(w), np.zeros_like(b)], direction * (t0 - t1) / steps
    for k in range(steps):
        t, held = t1 + k * (t0 - t1) / steps, state[0]

        def slopes(s, y, held=held):
            h, a = (held if freeze == "step" else y[0]), y[1]
            s = clock(s) if clock else s
            by_h, by_w, by_b = f_products(h, s, w, b, a)
            if not transpose:
                by_h = w @ ((1 - f(h, s, w, b) ** 2) * a)
            moves = 0 * h if freeze == "end" else -f(h, s, w, b) if freeze == "up" else f(h, s, w, b)
            return moves, sign_a * by_h, sign_p * by_w, sign_p * (by_b / s if no_time and s else by_b)

        state = advance(slopes, t, state, dt, stages)
    return tuple(state)


def advance(slopes, t, state, dt, stages="rk4"):
    """One step of a method for a list of arrays."""
    def moved(factor, ks):
        return [y + factor * dt * k for y, k in zip(state, ks)]

    k1 = slopes(t, state)
    if stages == "euler":
        return moved(1, k1)
    k2 = slopes(t + dt / 2, moved(0.5, k1))
    if stages == "midpoint":
        return moved(1, k2)
    k3 = slopes(t + dt / 2, moved(0.5, k2))
    k4 = slopes(t + dt, moved(1, k3))
    return moved(1, [(p + 2 * q + 2 * r + s) / 6 for p, q, r, s in zip(k1, k2, k3, k4)])


def path(h, t0, t1, steps, w, b):
    """h from t1 back to t0, all step ends."""
    states = [h]
    for k in range(steps):
        dt = (t0 - t1) / steps
        states.append(step(states[-1], t1 + k * dt, dt, w, b))
    return states


def with_stored_states(h, a, t0, t1, steps, w, b):
    """h is solved first and kept; in the middle of a step the mean of its ends serves."""
    states, dt = path(h, t0, t1, steps, w, b), (t0 - t1) / steps
    state = [a, np.zeros_like(w), np.zeros_like(b)]
    for k in range(steps):
        start = t1 + k * dt

        def slopes(t, y, k=k, start=start):
            share = (t - start) / dt
            by_h, by_w, by_b = f_products((1 - share) * states[k] + share * states[k + 1], t, w, b, y[0])
            return -by_h, -by_w, -by_b

        state = advance(slopes, start, state, dt)
    return states[-1], *state


def through_the_steps(h, a, t0, t1, steps, w, b):
    """Forward again from h0, everything recorded, then backprop."""
    h0 = path(h, t0, t1, steps, w, b)[-1]
    leaves = [mc.tensor(x, requires_grad=True) for x in (h0, w, b)]
    y = odeint(lambda s, y: f(y, s, leaves[1], leaves[2]), leaves[0], [t0, t1], method="rk4", step_size=abs(t1 - t0) / steps)[1]
    return h0, *(g.numpy() for g in mc.grad(y, leaves, mc.tensor(a)))


def parameters_at(points):
    """The gradients of W and b from products at step ends only. points: "end", the last one for all; "ends", one a step."""
    def answer(h, a, t0, t1, steps, w, b):
        dt, state, by_w, by_b = (t0 - t1) / steps, (h, a), 0 * w, 0 * b
        for k in range(steps):
            t = t1 + k * dt
            _, more_w, more_b = f_products(h, t1, w, b, a) if points == "end" else f_products(state[0], t, w, b, state[1])
            by_w, by_b = by_w - dt * more_w, by_b - dt * more_b
            state = advance(lambda s, y: (f(y[0], s, w, b), -f_products(y[0], s, w, b, y[1])[0]), t, state, dt)
        return *state, by_w, by_b
    return answer


def changed(change, **faults):
    """A backward solve whose results are changed at the end."""
    return lambda h, a, t0, t1, steps, w, b: change(backward(h, a, t0, t1, steps, w, b, **faults), h, a, t0, t1)


WRONG_ADJOINT = [
    ("the adjoint obeys da/dt = -(df/dh)^T a: mind the sign", lambda *args: backward(*args, sign_a=1)),
    ("the gradients of W and b have the wrong sign: g' = -(df/dW)^T a while time runs backward",
     lambda *args: backward(*args, sign_p=1)),
    ("all three signs are turned, as if time ran forward", lambda *args: backward(*args, sign_a=1, sign_p=1)),
    ("the Jacobian is transposed: (df/dh)^T a, not (df/dh) a", lambda *args: backward(*args, transpose=False)),
    ("the gradients of W and b are integrals along the way, not the last point's product times the time", parameters_at("end")),
    ("the integrals of W and b belong into each of the four slopes; products at step ends are Euler's method", parameters_at("ends")),
    ("h moves: solve it backward together with a, do not leave it at h_end", lambda *args: backward(*args, freeze="end")),
    ("within a step h moves too: each slope needs h where it is taken", lambda *args: backward(*args, freeze="step")),
    ("h is solved by dh/dt = f, with dt negative; turning f's sign as well runs it forward", lambda *args: backward(*args, freeze="up")),
    ("this keeps the states of h and interpolates them: that is memory for every step, and of order 2 only", with_stored_states),
    ("this is backprop through recorded steps from h0: exact for them, but its memory grows with the steps", through_the_steps),
    ("time runs from t1 down to t0: here f is given times that rise from t0",
     lambda h, a, t0, t1, steps, w, b: backward(h, a, t0, t1, steps, w, b, clock=lambda s: t0 + t1 - s)),
    ("time passes during the solve: here f always sees t1",
     lambda h, a, t0, t1, steps, w, b: backward(h, a, t0, t1, steps, w, b, clock=lambda s: t1)),
    ("the step is (t0 - t1) / steps, the other way round from the forward pass", lambda *args: backward(*args, direction=-1)),
    ("this is Euler's method; take four slopes of the whole tuple", lambda *args: backward(*args, stages="euler")),
    ("this is the midpoint method; take four slopes of the whole tuple", lambda *args: backward(*args, stages="midpoint")),
    ("df/db has the factor t", lambda *args: backward(*args, no_time=True)),
    ("a0 is the adjoint at t0, not a_end", changed(lambda r, h, a, t0, t1: (r[0], a, r[2], r[3]))),
    ("h0 is the state at t0, not h_end", changed(lambda r, h, a, t0, t1: (h, *r[1:]))),
    ("the gradient is an integral, not an average over the time", changed(
        lambda r, h, a, t0, t1: (r[0], r[1], r[2] / (t1 - t0), r[3] / (t1 - t0)))),
    ("dW has the rows of W: (df/dW)^T a = s h^T, not h s^T", changed(lambda r, h, a, t0, t1: (r[0], r[1], r[2].T, r[3]))),
]


# ------------------------------------------------------------------------------------------------------------ planar_flow


def planar_flow(z, u, w, b):
    """The library's PlanarFlow."""
    layer = PlanarFlow(len(u)).double()
    layer.u.data[:], layer.w.data[:], layer.b.data[:] = u, w, b
    with mc.no_grad():
        y, log_det = layer(mc.tensor(z))
    return y.numpy(), log_det.numpy()


def bent(u, w, minus=1.0, power=2, along_u=False, clip=False, only_below=False, naive=False, reach=-1.0):
    """u made to have w u > -1, with faults to choose."""
    inner = w @ u
    with np.errstate(over="ignore"):
        m = (np.log(1 + np.exp(inner)) if naive else np.logaddexp(0, inner)) - minus
    if clip:
        m = max(inner, reach)
    if only_below and inner >= -1:
        m = inner
    direction = u if along_u else w
    with np.errstate(invalid="ignore"):
        return u + (m - inner) * direction / np.sqrt(direction @ direction) ** power


def flow(z, u, w, b, bend=bent, moving=None, counting=None, slope=lambda h: 1 - h * h, sign=1, shift=True, log=True, after=False,
         outer=lambda u, w: w @ u):
    """A planar flow with faults to choose."""
    u_move, u_count = (bend(u, w) if g is None else g(u, w) for g in (moving, counting))
    with np.errstate(invalid="ignore", divide="ignore"):
        h = np.tanh(z @ w + (b if shift else 0.0))
        y = z + h[:, None] * u_move
        inside = 1 + slope(np.tanh(y @ w + b) if after else h) * outer(u_count, w)
        return y, sign * (np.log(abs(inside)) if log else inside)


def plain(u, w):
    """u as it is."""
    return u


def bend(**faults):
    """bent with faults."""
    return lambda u, w: bent(u, w, **faults)


WRONG_FLOW = [
    ("the second result is +log |det|; the minus sign comes with the density, (26.15)", {"sign": -1}),
    ("(26.17) bends every u, a little also where w u > -1", {"bend": bend(only_below=True)}),
    ("u is not bent: where w u < -1 two points go to one, and the determinant means nothing", {"bend": plain}),
    ("the bent u is needed in the determinant too, not in z' alone", {"counting": plain}),
    ("the bent u is needed in z' too, not in the determinant alone", {"moving": plain}),
    ("m(x) = -1 + log(1 + e^x): the -1 is missing, so w u is never negative", {"bend": bend(minus=0.0)}),
    ("the bend is along w / |w|^2, so that w times it is 1; here it is divided by |w|", {"bend": bend(power=1)}),
    ("the bend is along w / |w|^2, so that w times it is 1; here |w|^2 is missing", {"bend": bend(power=0)}),
    ("the bend is along w; along u it does not make w u the wanted number", {"bend": bend(along_u=True)}),
    ("cutting w u off at -1 makes it invertible, but leaves no gradient there; (26.17) is a softplus", {"bend": bend(clip=True)}),
    ("cutting w u off at 0 forbids more than is needed; (26.17) is a softplus above -1", {"bend": bend(clip=True, reach=0.0)}),
    ("e^(w u) overflows; log(1 + e^x) is np.logaddexp(0, x)", {"bend": bend(naive=True)}),
    ("the derivative of tanh is 1 - tanh^2, not tanh", {"slope": lambda h: h}),
    ("the derivative of tanh is 1 - tanh^2, not 1 - tanh", {"slope": lambda h: 1 - h}),
    ("the derivative of tanh is missing in the determinant: psi = (1 - tanh^2) w", {"slope": np.ones_like}),
    ("the derivative is taken at z, not at z'", {"after": True}),
    ("the second result is the logarithm of the determinant, not the determinant", {"log": False}),
    ("b is missing: tanh(w z + b)", {"shift": False}),
    ("the determinant is 1 + u psi, psi = (1 - tanh^2) w: the sum of u without w is not it", {"outer": lambda u, w: u.sum()}),
    ("the determinant is 1 + u psi, psi = (1 - tanh^2) w: |w|^2 is not it", {"outer": lambda u, w: w @ w}),
]


def summed(z, u, w, b):
    """One number for all points."""
    y, log_det = flow(z, u, w, b)
    return y, np.array([log_det.sum()])


WRONG = [*(Wrong("rk4_step", idea + ", see (26.4)", answer) for idea, answer in STEPS),
         *(Wrong("adjoint_rk4", idea + ", see (26.10)", answer) for idea, answer in WRONG_ADJOINT),
         *(Wrong("planar_flow", idea + ", see (26.16) and (26.17)", lambda z, u, w, b, faults=faults: flow(z, u, w, b, **faults))
           for idea, faults in WRONG_FLOW),
         Wrong("planar_flow", "each point has its own determinant, do not add them up, see (26.16)", summed)]
