"""LARS: momentum SGD with a learning rate for each layer, in proportion to the size of its weights."""

from ..backend import xp_of
from .optimizer import Optimizer, check_number

__all__ = ["LARS"]


class LARS(Optimizer):
    """v <- momentum v + lr r (g + weight_decay w),   w <- w - v,   v = 0 at the start, for every layer's tensor w, with

    r = trust_coeff |w| / (|g| + weight_decay |w| + eps)   (Euclidean norms of the whole tensor).

    So the step is about lr trust_coeff |w| whatever the size of the gradient: large batches with large rates do not
    blow up the layers whose |g| / |w| is large. r = 1 where |w| or |g| is 0, else a zero weight would never move.
    `trust_coeff=None` in a group means r = 1, plain momentum SGD: usual for biases and normalisation weights. As in the
    paper, and unlike SGD, lr stands inside the buffer. Source: You, Gitman and Ginsburg 2017, section 4, eq. 6 and
    algorithm 1 (which have no eps).
    """

    def __init__(self, params, lr=1.0, momentum=0.9, weight_decay=0, trust_coeff=0.001, eps=1e-8, *, maximize=False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay,
                                  "trust_coeff": trust_coeff, "eps": eps, "maximize": maximize})

    def _check(self, group):
        for key in ("lr", "momentum", "weight_decay", "eps"):
            check_number("LARS", key, group[key])
        if group["trust_coeff"] is not None:
            check_number("LARS", "trust_coeff", group["trust_coeff"])

    def _trust_ratio(self, w, g, group):
        """r, as an array of no dimensions, so that a GPU need not wait for it."""
        if group["trust_coeff"] is None:
            return 1.0
        xp, square = xp_of(w, g), self._scratch(w, "step")
        w_norm = xp.sqrt(xp.multiply(w, w, out=square).sum())
        g_norm = xp.sqrt(xp.multiply(g, g, out=square).sum())
        usable = (w_norm > 0) & (g_norm > 0)
        scale = xp.where(usable, g_norm + group["weight_decay"] * w_norm + group["eps"], 1)
        return xp.where(usable, group["trust_coeff"] * w_norm / scale, 1)

    def _update(self, w, g, state, group):
        xp = xp_of(w, g)
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = xp.zeros_like(w)
        v, rate = state["momentum_buffer"], group["lr"] * self._trust_ratio(w, g, group)
        g = self._gradient(w, g, group["maximize"], group["weight_decay"])
        v *= group["momentum"]
        v += xp.multiply(g, rate, out=self._scratch(w, "step"))
        w -= v
