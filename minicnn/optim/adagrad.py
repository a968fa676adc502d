"""Adagrad: steps divided by the root of the sum of all squared gradients so far."""

from ..backend import xp_of
from .optimizer import Optimizer, check_number

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """w <- w - lr_t g / (sqrt(s) + eps),   s <- s + g^2,   lr_t = lr / (1 + (t - 1) lr_decay) at step t.

    s starts at `initial_accumulator_value`. Weights with rare gradients keep large steps.
    Source: Duchi, Hazan and Singer 2011, figure 1 (diagonal version).
    """

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, *,
                 maximize=False):
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value, "maximize": maximize})

    def _check(self, group):
        for key in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            check_number("Adagrad", key, group[key])

    def _update(self, w, g, state, group):
        xp = xp_of(w, g)
        g = self._gradient(w, g, group["maximize"], group["weight_decay"])
        if not state:
            state["step"], state["sum"] = 0, xp.full_like(w, group["initial_accumulator_value"])
        lr = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        step, root = self._scratch(w, "step"), self._scratch(w, "root")

        state["sum"] += xp.multiply(g, g, out=step)
        xp.sqrt(state["sum"], out=root)
        root += group["eps"]
        xp.multiply(g, lr, out=step)
        step /= root
        w -= step
