"""Flows: a normal density carried by invertible maps to another one, in steps or continuously.

Planar flows: D. Rezende, S. Mohamed 2015, Variational Inference with Normalizing Flows. Continuous: R. T. Q. Chen et al. 2018,
Neural Ordinary Differential Equations, section 4; the estimated trace: W. Grathwohl et al. 2018, FFJORD.
"""

import math

from .. import nn
from ..autograd import enable_grad, is_grad_enabled, no_grad
from ..backend import default_generator, to_device, xp_of
from ..create import zeros
from ..derivatives import grad
from ..errors import InputError
from ..functions import abs, log, stack, tanh, where
from ..nn import functional as F
from ..ode import odeint, odeint_adjoint
from ..tensor import Tensor

__all__ = ["PlanarFlow", "NormalizingFlow", "PlanarField", "CNF"]


def standard_normal(z):
    """log N(z; 0, I) of each row."""
    return -0.5 * (z * z).sum(dim=1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def draw(n, dim, like):
    """(n, dim) standard normal numbers, of the precision and on the device of another tensor."""
    return Tensor(to_device(default_generator().normal((n, dim), dtype=like.dtype), like.device))


class PlanarFlow(nn.Module):
    """z' = z + u tanh(w z + b) for each row, and log |det dz'/dz|, (26.16); invertible: u is bent so that w u > -1, (26.17)."""

    def __init__(self, dim):
        super().__init__()
        self.w, self.u = nn.Parameter(zeros(dim)), nn.Parameter(zeros(dim))
        self.b = nn.Parameter(zeros(1))
        nn.init.normal_(self.w, std=dim ** -0.5)
        nn.init.normal_(self.u, std=0.1 * dim ** -0.5)

    def direction(self):
        """u + (softplus(w u) - 1 - w u) w / |w|^2."""
        inner = (self.w * self.u).sum()
        return self.u + (F.softplus(inner) - 1 - inner) * self.w / ((self.w * self.w).sum() + 1e-12)

    def forward(self, z):
        u, h = self.direction(), tanh(z @ self.w + self.b)
        log_det = log(abs(1 + (1 - h * h) * (self.w * u).sum()))
        return z + h.unsqueeze(1) * u, log_det

    def inverse(self, y, steps=60):
        """z with forward(z) = y: a = w z solves a + (w u) tanh(a + b) = w y, whose left side rises; by halving an interval."""
        with no_grad():
            u = self.direction()
            slope, goal = (self.w * u).sum(), y @ self.w
            low, high = goal - abs(slope) - 1e-3, goal + abs(slope) + 1e-3
            for _ in range(steps):
                middle = 0.5 * (low + high)
                below = middle + slope * tanh(middle + self.b) < goal
                low, high = where(below, middle, low), where(below, high, middle)
            return y - tanh(low + self.b).unsqueeze(1) * u


class NormalizingFlow(nn.Module):
    """A normal base and a row of planar flows. Calling it with z from the base gives (x, log q(x)); log_prob(x) goes back."""

    def __init__(self, dim=2, depth=16):
        super().__init__()
        self.dim = dim
        self.layers = nn.ModuleList([PlanarFlow(dim) for _ in range(depth)])

    def forward(self, z):
        log_q = standard_normal(z)
        for layer in self.layers:
            z, log_det = layer(z)
            log_q = log_q - log_det
        return z, log_q

    def sample(self, n):
        """(x, log q(x)) for n draws; gradients flow into the parameters."""
        return self(draw(n, self.dim, self.layers[0].w))

    def log_prob(self, x):
        """log q at given points, without gradients."""
        for layer in reversed(list(self.layers)):
            x = layer.inverse(x)
        with no_grad():
            return self(x)[1]


class PlanarField(nn.Module):
    """f(t, z) = sum_n s_n(t) u_n tanh(w_n z + b_n), gates s_n(t) in (0, 1); its trace is known, (26.21)."""

    def __init__(self, dim, width=64, gate=16):
        super().__init__()
        self.inward, self.outward = nn.Linear(dim, width), nn.Linear(width, dim, bias=False)
        self.gate = nn.Sequential(nn.Linear(1, gate), nn.Tanh(), nn.Linear(gate, width), nn.Sigmoid())

    def forward(self, t, z):
        return self.outward(tanh(self.inward(z)) * self.gate(t.reshape(1, 1)))

    def trace(self, t, z):
        """(f, tr df/dz), at the price of f."""
        h, gate = tanh(self.inward(z)), self.gate(t.reshape(1, 1))
        return self.outward(h * gate), ((1 - h * h) * gate * (self.outward.weight.t() * self.inward.weight).sum(dim=1)).sum(dim=1)


class CNF(nn.Module):
    """A continuous flow: z(0) normal, dz/dt = field(t, z), x = z(1), and d log p / dt = -tr(df/dz). (26.19)

    trace: "closed", the field's own method; "exact", dim vector-Jacobian products; "hutchinson", one, by noise of +1 and -1 that is
    drawn once for each solve, (26.20). options: odeint's; adjoint: solve by odeint_adjoint.
    """

    def __init__(self, dim=2, field=None, trace="closed", adjoint=False, **options):
        super().__init__()
        if trace not in ("closed", "exact", "hutchinson"):
            raise InputError("CNF", "trace", "'closed', 'exact' or 'hutchinson'", repr(trace))
        self.dim, self.trace = dim, trace
        self.field = PlanarField(dim) if field is None else field
        if trace == "closed" and not hasattr(self.field, "trace"):
            raise InputError("CNF", "trace", "'exact' or 'hutchinson' for a field without a method `trace`", repr(trace))
        self.solver, self.options = odeint_adjoint if adjoint else odeint, options

    def slope_and_trace(self, t, z, noise=None):
        """(f, tr df/dz), or an estimate e J e of the trace from the noise e."""
        if self.trace == "closed":
            return self.field.trace(t, z)
        recording = is_grad_enabled()
        with enable_grad():
            z = z if z.requires_grad else z.detach().requires_grad_()
            f = self.field(t, z)
            if noise is not None:
                found = (grad(f, z, noise, create_graph=recording, retain_graph=True)[0] * noise).sum(dim=1)
            else:
                rows = [grad(f[:, i].sum(), z, create_graph=recording, retain_graph=True)[0][:, i] for i in range(self.dim)]
                found = stack(rows, dim=0).sum(dim=0)
        return (f, found) if recording else (f.detach(), found.detach())

    def solve(self, z, times):
        """The states and the changes of log p along times, from z at the first of them."""
        noise = None
        if self.trace == "hutchinson":
            signs = default_generator().bernoulli(0.5, tuple(z.shape), dtype=z.dtype) * 2 - 1
            noise = Tensor(to_device(signs, z.device))

        def slope(t, state):
            f, trace = self.slope_and_trace(t, state[0], noise)
            return f, -trace

        start = Tensor._make(xp_of(z._data).zeros(len(z), dtype=z.dtype))
        return self.solver(slope, (z, start), times, **self.options)

    def forward(self, z):
        """(x, log q(x)) from z of the base."""
        x, change = self.solve(z, [0.0, 1.0])
        return x[1], standard_normal(z) + change[1]

    def sample(self, n):
        """(x, log q(x)) for n draws."""
        return self(draw(n, self.dim, next(self.parameters())))

    def log_prob(self, x):
        """log q(x), by solving from 1 back to 0."""
        z, change = self.solve(x, [1.0, 0.0])
        return standard_normal(z[1]) - change[1]
