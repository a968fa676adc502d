"""Adam: steps scaled by running averages of the gradient and of its square."""

import math

from ..backend import xp_of
from ..errors import InputError
from ..kernels.pointwise import in_chunks
from .optimizer import Optimizer, check_number

__all__ = ["Adam"]


class Adam(Optimizer):
    """w <- w - lr m^ / (sqrt(v^) + eps), where m^ = m / (1 - b1^t), v^ = v / (1 - b2^t) at step t, and

    m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2,   m = v = 0 at the start.

    The divisions by 1 - b^t undo the pull towards the zero start. `weight_decay` adds weight_decay w to g, and so is
    divided by sqrt(v^) as well; `decoupled_weight_decay=True` shrinks w <- (1 - lr weight_decay) w instead (AdamW).
    `amsgrad` uses the largest v so far (Reddi et al. 2018). Source: Kingma and Ba 2015, algorithm 1.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *,
                 maximize=False, decoupled_weight_decay=False):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "amsgrad": amsgrad, "maximize": maximize,
                                  "decoupled_weight_decay": decoupled_weight_decay})

    def _check(self, group):
        name = type(self).__name__
        for key in ("lr", "eps", "weight_decay"):
            check_number(name, key, group[key])
        if not isinstance(group["betas"], (tuple, list)) or len(group["betas"]) != 2:
            raise InputError(name, "betas", "a pair of numbers", repr(group["betas"]))
        for i, beta in enumerate(group["betas"]):
            check_number(name, f"betas[{i}]", beta, below=1)

    def _update(self, w, g, state, group):
        state["step"] = t = state.get("step", 0) + 1
        averages = [self._zeros(state, name, w) for name in ("exp_avg", "exp_avg_sq")]
        if group["amsgrad"]:
            averages.append(self._zeros(state, "max_exp_avg_sq", w))
        in_chunks(lambda w, g, *averages: self._step(w, g, *averages, t=t, group=group), w, g, *averages,
                  fused=None if group["amsgrad"] else self._fused(t, group))

    @staticmethod
    def _fused(t, group):
        """The kernel that takes the same step on a GPU, and its numbers; see _step."""
        lr, decay, (b1, b2) = group["lr"], group["weight_decay"], group["betas"]
        shrink, decay = (1 - lr * decay, 0.0) if group["decoupled_weight_decay"] else (1.0, decay)
        return ("adam", float(lr / (1 - b1**t)), float(decay), -1.0 if group["maximize"] else 1.0, float(shrink),
                float(b1), float(b2), math.sqrt(1 - b2**t), float(group["eps"]))

    def _step(self, w, g, m, v, largest=None, *, t, group):
        """The rule for (a part of) one parameter."""
        xp, lr, decay, (b1, b2) = xp_of(w, g), group["lr"], group["weight_decay"], group["betas"]
        if group["decoupled_weight_decay"]:
            w *= 1 - lr * decay
            decay = 0
        g = self._gradient(w, g, group["maximize"], decay)
        step, root = self._scratch(w, "step"), self._scratch(w, "root")

        m *= b1
        m += xp.multiply(g, 1 - b1, out=step)
        v *= b2
        xp.multiply(g, g, out=step)
        v += xp.multiply(step, 1 - b2, out=step)
        if largest is not None:
            v = xp.maximum(largest, v, out=largest)
        xp.sqrt(v, out=root)
        root /= math.sqrt(1 - b2**t)
        root += group["eps"]
        xp.multiply(m, lr / (1 - b1**t), out=step)
        step /= root
        w -= step
