"""Stochastic gradient descent, with momentum."""

from ..backend import xp_of
from ..errors import InputError
from ..kernels.pointwise import in_chunks
from .optimizer import Optimizer, check_number

__all__ = ["SGD"]


class SGD(Optimizer):
    """v <- momentum v + (1 - dampening) g,   w <- w - lr v,   with g the gradient + weight_decay w.

    The first v is g itself. Without momentum v is g; with `nesterov` the step is along g + momentum v. The learning
    rate stands outside the buffer, as in torch: when lr changes, the next step changes at once and in full. Many
    papers have v <- momentum v + lr g instead, which is the same only as long as lr is constant. `maximize` climbs.
    Source: Sutskever et al. 2013 ("On the importance of initialization and momentum in deep learning"), sections 1-2.
    """

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening,
                                  "weight_decay": weight_decay, "nesterov": nesterov, "maximize": maximize})

    def _check(self, group):
        for key in ("lr", "momentum", "weight_decay"):
            check_number("SGD", key, group[key])
        check_number("SGD", "dampening", group["dampening"], low=float("-inf"))
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise InputError("SGD", "nesterov", "used with momentum > 0 and dampening = 0",
                             f"momentum={group['momentum']}, dampening={group['dampening']}")

    def _update(self, w, g, state, group):
        numbers = float(group["lr"]), float(group["weight_decay"]), -1.0 if group["maximize"] else 1.0
        if not group["momentum"]:
            in_chunks(lambda w, g: self._step(w, g, None, group, False), w, g, fused=("sgd", *numbers))
            return
        first = state.get("momentum_buffer") is None
        if first:
            state["momentum_buffer"] = xp_of(w).empty_like(w)
        in_chunks(lambda w, g, v: self._step(w, g, v, group, first), w, g, state["momentum_buffer"],
                  fused=("sgd_momentum", *numbers, float(group["momentum"]), float(1 - group["dampening"]),
                         bool(group["nesterov"]), first))

    def _step(self, w, g, v, group, first):
        """The rule for (a part of) one parameter; v is overwritten at the first step."""
        xp, lr, momentum = xp_of(w, g), group["lr"], group["momentum"]
        g = self._gradient(w, g, group["maximize"], group["weight_decay"])
        step = self._scratch(w, "step")
        if v is None:
            w -= xp.multiply(g, lr, out=step)
            return
        if first:
            v[...] = g
        else:
            v *= momentum
            v += xp.multiply(g, 1 - group["dampening"], out=step) if group["dampening"] else g
        if group["nesterov"]:
            xp.multiply(v, momentum, out=step)
            step += g
            step *= lr
        else:
            xp.multiply(v, lr, out=step)
        w -= step
