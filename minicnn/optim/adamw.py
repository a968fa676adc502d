"""AdamW: Adam whose weight decay does not pass through the running averages."""

from .adam import Adam

__all__ = ["AdamW"]


class AdamW(Adam):
    """w <- (1 - lr weight_decay) w, then Adam's step with the plain gradient.

    In Adam, weight decay that is added to the gradient is divided by sqrt(v^), so weights with large gradients are
    hardly decayed; here all weights shrink at the same rate. Source: Loshchilov and Hutter 2019, algorithm 2.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *,
                 maximize=False):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
