"""RMSprop: steps divided by a running root mean square of the gradient."""

from ..backend import xp_of
from .optimizer import Optimizer, check_number

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """w <- w - lr g / (sqrt(s) + eps),   s <- alpha s + (1 - alpha) g^2,   s = 0 at the start.

    `centered` subtracts from s the square of a running mean of g (an estimate of the variance; Graves 2013,
    section 4.2). With `momentum`, b <- momentum b + g / (sqrt(s) + eps) and w <- w - lr b.
    Source: Hinton, Neural Networks for Machine Learning, lecture 6e (2012).
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, *,
                 maximize=False):
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
                                  "momentum": momentum, "centered": centered, "maximize": maximize})

    def _check(self, group):
        for key in ("lr", "eps", "weight_decay", "momentum"):
            check_number("RMSprop", key, group[key])
        check_number("RMSprop", "alpha", group["alpha"], high=1)

    def _update(self, w, g, state, group):
        xp, alpha = xp_of(w, g), group["alpha"]
        g = self._gradient(w, g, group["maximize"], group["weight_decay"])
        state["step"] = state.get("step", 0) + 1
        s = self._zeros(state, "square_avg", w)
        step, root = self._scratch(w, "step"), self._scratch(w, "root")

        s *= alpha
        xp.multiply(g, g, out=step)
        s += xp.multiply(step, 1 - alpha, out=step)
        if group["centered"]:
            mean = self._zeros(state, "grad_avg", w)
            mean *= alpha
            mean += xp.multiply(g, 1 - alpha, out=step)
            xp.multiply(mean, mean, out=root)
            xp.subtract(s, root, out=root)
            xp.maximum(root, 0, out=root)  # a variance is >= 0, but rounding may not know
        else:
            root[...] = s
        xp.sqrt(root, out=root)
        root += group["eps"]
        xp.divide(g, root, out=step)
        if group["momentum"]:
            b = self._zeros(state, "momentum_buffer", w)
            b *= group["momentum"]
            b += step
            step[...] = b
        step *= group["lr"]
        w -= step
